/* model_file.h: a model file of another library, opened by what is in it.
 *
 * The content decides, never the name: LightGBM's text model, XGBoost's JSON, UBJ and old binary
 * ones, CatBoost's .cbm and JSON, tree ensembles in ONNX; every further format by one line of the
 * table in model_file.c (name, test of the content, parser, transform). Formats that can run code
 * when they are opened (pickle, joblib, PyTorch, Keras H5) are refused by name, with what to write
 * instead. The bytes are untrusted: at most ALM_MODEL_FILE_BYTES_MAX are read, and the parsers
 * check every bound.
 *
 * What comes out is a forest (XGBoost's gblinear: one without trees), the names of its columns and
 * the transform to what the library's predict() returns; nothing about releases, so whoever shows a
 * prediction says that it is not approved. A model file is immutable; any thread may use it. */
#ifndef ALM_MODEL_MODEL_FILE_H
#define ALM_MODEL_MODEL_FILE_H

#include "base/env.h"
#include "base/fs.h"
#include "base/hash.h"
#include "model/forest/forest.h"
#include "model/transform.h"

/* More threads do not open a file faster: a third of the work is the hash, which is one's. */
#define ALM_MODEL_FILE_THREADS_MAX 4
#define ALM_MODEL_FILE_BYTES_MAX ((size_t)1 << 30)

typedef struct alm_model_file alm_model_file;

/* Everything borrowed from the file. */
typedef struct alm_model_file_info {
    const char *format;     /* "LightGBM" */
    alm_str name;           /* as given to open */
    alm_digest digest;      /* SHA-256 of the bytes */
    alm_str description;    /* "model.txt (LightGBM, 100 trees, sha256 ab12cd34ef56)" */
    alm_forest_info forest; /* columns, scores, objective */
    alm_transform transform;
    const alm_str *feature_names; /* forest.feature_count of them, UTF-8 */
    bool is_generic; /* names that the library made up ("Column_0"): columns go by position */
    /* The model was trained on pandas categories: such a column holds the position of a value in
     * a list that only the Python package reads, so rows need these numbers. */
    bool has_pandas_categories; /* with CatBoost: categories whose texts may be no numbers */
    const char *category_remedy; /* then, a sentence that goes on behind the model's name */
} alm_model_file_info;

/* The threads of env->pool (may be NULL) help, where the format can be read by several; nobody else
 * may use the pool meanwhile. `path` is what is opened, a file or an MLflow model folder
 * (import/mlflow_folder.h); `name` (copied) is how messages call it. ALM_ERR_NOT_FOUND, ALM_ERR_IO;
 * ALM_ERR_LIMIT above the bound; ALM_ERR_UNSUPPORTED for a format that is known and not read, or
 * must not be; ALM_ERR_INVALID for what is no model at all; ALM_ERR_CORRUPT with the place. */
ALM_NODISCARD alm_err alm_model_file_open(const alm_env *env, const char *path, const char *name,
                                          alm_model_file **out, alm_error *error);

/* The same for whoever keeps the file: also its bytes, in `arena`, and its name, which behind a
 * folder is that of the file in it. Messages call it `path`. */
typedef struct alm_model_bytes {
    alm_str content;
    const char *name;
} alm_model_bytes;
ALM_NODISCARD alm_err alm_model_file_load(const alm_env *env, const char *path, alm_arena *arena,
                                          alm_model_bytes *bytes, alm_model_file **out,
                                          alm_error *error);
/* The bytes and the name alone; nothing is opened. */
ALM_NODISCARD alm_err alm_model_file_read(alm_fs *fs, const char *path, alm_arena *arena,
                                          alm_model_bytes *out, alm_error *error);
/* Finds the file as above, whose name behind a folder goes into *name, and begins to read it
 * (base/fs.h); the arena keeps both. */
ALM_NODISCARD alm_err alm_model_file_begin(alm_fs *fs, const char *path, alm_arena *arena,
                                           alm_fs_content *out, const char **name,
                                           alm_error *error);
/* Opens a content while it is read, by the threads of a pool (may be NULL). Reading has ended then,
 * but for failures: alm_fs_read_abandon. */
ALM_NODISCARD alm_err alm_model_file_parse_content(alm_pool *pool, alm_fs_content *content,
                                                   const char *name, alm_model_file **out,
                                                   alm_error *error);
/* Opens bytes in memory, which are not needed afterwards; the second form with the threads of a
 * pool, as above. */
ALM_NODISCARD alm_err alm_model_file_parse(alm_str content, const char *name, alm_model_file **out,
                                           alm_error *error);
ALM_NODISCARD alm_err alm_model_file_parse_by(alm_pool *pool, alm_str content, const char *name,
                                              alm_model_file **out, alm_error *error);
void alm_model_file_close(alm_model_file *file); /* takes NULL */

/* Is it an ONNX file by its first bytes? One that is no tree ensemble is refused above
 * (ALM_ERR_UNSUPPORTED) and run by backend/onnx_backend.h. */
bool alm_model_file_is_onnx(alm_str content);

const alm_model_file_info *alm_model_file_describe(const alm_model_file *file);
const alm_forest *alm_model_file_forest(const alm_model_file *file);

#endif
