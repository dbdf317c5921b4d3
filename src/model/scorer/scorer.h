/* scorer.h: one artifact that scores exactly as training did: several models, what stands before
 * them (columns, scalers), what stands behind them (calibrators) and how they become one answer.
 *
 * A scorer is a document, `scorer.json`, and the files that it names. Reading refuses by name what
 * is not known, missing or of the wrong shape; README.md of this folder has every key. The
 * canonical document (sorted keys, no blanks, every default and every SHA-256 written out) is what
 * alm_scorer_write gives; its SHA-256 is the scorer's identity, so two scorers with one identity
 * give the same bits. Reading a canonical document and writing it gives the same bytes.
 *
 * Per row and horizon: members' outputs (model, scaled input, calibrator), their combination, its
 * calibrator. A member's output has the bits of the model alone. No result depends on the block,
 * on the threads or on the rows beside it. Transformed outputs come from transform.h, whose bits
 * may differ by an ulp on another machine.
 *
 * Immutable once read; any number of threads may use a scorer and a binding. */
#ifndef ALM_MODEL_SCORER_SCORER_H
#define ALM_MODEL_SCORER_SCORER_H

#include "base/breaker.h"
#include "base/fs.h"
#include "base/hash.h"

#define ALM_SCORER_DOCUMENT "scorer.json"
#define ALM_SCORER_DOCUMENT_BYTES_MAX ((size_t)64 << 20)
#define ALM_SCORER_HORIZONS_MAX 256
#define ALM_SCORER_MEMBERS_MAX 1024     /* of all horizons */
#define ALM_SCORER_STEPS_MAX 65536      /* of a window */
#define ALM_SCORER_COLUMNS_MAX (1 << 20) /* of all members together */
#define ALM_SCORER_LABEL_MAX ((int64_t)1 << 53)
#define ALM_SCORER_BARS_BYTES_MAX ((size_t)4 << 20)

typedef struct alm_scorer alm_scorer;

/* ---- where the files are ---- */

typedef struct alm_scorer_source {
    /* The file's bytes in `arena`, at most `limit`. `name` is relative and safe: parts of
     * [A-Za-z0-9._-] between '/', none of which begins with '.'. ALM_ERR_NOT_FOUND and others. */
    alm_err (*read)(void *context, const char *name, size_t limit, alm_arena *arena, alm_str *out,
                    alm_error *error);
    void *context;
    /* Of members that are not ours (backend/): borrowed as long as the scorer lives. NULL: ONNX
     * Runtime is looked for without ALMANAC_ONNXRUNTIME, and remote members are refused. */
    const alm_env *env;
} alm_scorer_source;

typedef struct alm_scorer_file {
    alm_str name, bytes;
} alm_scorer_file;

typedef struct alm_scorer_table { /* files in memory: the context of alm_scorer_memory */
    const alm_scorer_file *file;
    size_t count;
} alm_scorer_table;

typedef struct alm_scorer_folder { /* files below `path`: the context of alm_scorer_in_folder */
    alm_fs *fs;
    const char *path;
} alm_scorer_folder;

/* The contexts are borrowed. */
alm_scorer_source alm_scorer_memory(const alm_scorer_table *table);
alm_scorer_source alm_scorer_in_folder(const alm_scorer_folder *folder);

/* Reads `scorer.json` and every file that it names; `name` (copied) is how messages call it. A file
 * whose SHA-256 the document says is checked before it is parsed. ALM_ERR_INVALID: the document
 * (place and key are named) or what does not fit together; ALM_ERR_NOT_FOUND: a file;
 * ALM_ERR_CORRUPT: a file that is damaged or of another hash; ALM_ERR_UNSUPPORTED: a model that
 * cannot serve; ALM_ERR_LIMIT; errors of alm_onnx_backend_open and alm_remote_backend_open. No
 * server is asked. */
ALM_NODISCARD alm_err alm_scorer_read(const alm_scorer_source *source, const char *name,
                                      alm_scorer **out, alm_error *error);
/* Is it a folder to be opened as a scorer: with `scorer.json`, or at least no MLflow model? */
bool alm_scorer_is_folder(alm_fs *fs, const char *path);
/* Such a folder. `env` is that of a source, and its `fs` is read. */
ALM_NODISCARD alm_err alm_scorer_open(const alm_env *env, const char *path, const char *name,
                                      alm_scorer **out, alm_error *error);
/* A single model file (model_file.h, or another ONNX graph) as a scorer of one member. Several
 * classes of a forest: labels 0, 1, ...; otherwise a value for each output, as horizons "0", "1",
 * ... `category_codes`: the rows hold the numbers of pandas categories. `env`: as in a source.
 * Errors of alm_model_file_parse and alm_onnx_backend_open. */
ALM_NODISCARD alm_err alm_scorer_of_model_file(const alm_env *env, alm_str bytes, const char *name,
                                               bool category_codes, alm_scorer **out,
                                               alm_error *error);
/* The same while it is read (alm_model_file_parse_content), or of bytes whose hash is known. */
ALM_NODISCARD alm_err alm_scorer_of_content(const alm_env *env, alm_fs_content *content,
                                            const char *name, bool category_codes,
                                            alm_scorer **out, alm_error *error);
/* The same from the file itself or the one of an MLflow folder, which is parsed while it is read,
 * with the threads of env->pool (model_file.h). Errors of alm_model_file_open too. */
ALM_NODISCARD alm_err alm_scorer_open_model_file(const alm_env *env, const char *path,
                                                 const char *name, bool category_codes,
                                                 alm_scorer **out, alm_error *error);
/* Is `path` (a file, or an MLflow folder) an ONNX file? Then the same from there, which messages
 * call `path`; its bytes go into `arena`, its name behind a folder is that of the file in it. */
bool alm_scorer_is_onnx(alm_fs *fs, const char *path);
typedef struct alm_model_bytes alm_model_bytes; /* model_file.h */
ALM_NODISCARD alm_err alm_scorer_open_onnx(const alm_env *env, const char *path, alm_arena *arena,
                                           alm_model_bytes *bytes, alm_scorer **out,
                                           alm_error *error);
void alm_scorer_destroy(alm_scorer *scorer); /* takes NULL */

/* The canonical document. */
void alm_scorer_write(const alm_scorer *scorer, alm_buffer *out);
/* Files of the scorer, each once: sorted names. Borrowed. */
typedef struct alm_scorer_part {
    alm_str name;
    alm_digest digest;
    uint64_t size_bytes;
} alm_scorer_part;
const alm_scorer_part *alm_scorer_parts(const alm_scorer *scorer, size_t *count);
/* Gives `put` every file from `source`, whose hashes must still be the scorer's, and the canonical
 * document last, so that a half-written folder is no scorer. One file is in memory at a time. */
typedef alm_err (*alm_scorer_put)(void *context, const char *name, alm_str bytes,
                                  alm_error *error);
ALM_NODISCARD alm_err alm_scorer_save(const alm_scorer *scorer, const alm_scorer_source *source,
                                      alm_scorer_put put, void *context, alm_error *error);

/* ---- what it is ---- */

typedef enum alm_scorer_task { ALM_SCORER_VALUE, ALM_SCORER_CLASSES } alm_scorer_task;

typedef enum alm_scorer_combination {
    ALM_SCORER_NONE,      /* one member */
    ALM_SCORER_MEAN,      /* of values, weighted */
    ALM_SCORER_SOFT_VOTE, /* mean of probabilities, weighted */
    ALM_SCORER_HARD_VOTE, /* share of the weight that finds a class most probable */
    ALM_SCORER_STACKER    /* logistic regression on the probabilities */
} alm_scorer_combination;

typedef struct alm_scorer_member_info {
    alm_str name;
    alm_str format; /* "LightGBM", "XGBoost", ...; "net"; "ONNX", "KServe v2", ... */
    alm_str detail; /* what a member that is not ours runs on; else empty */
    bool is_remote; /* another program answers: the scorer's hash does not cover what it does */
    alm_breaker *breaker; /* what its calls go through (it is remote); NULL: none */
    size_t steps;   /* of its windows; 0: rows */
    const alm_str *column; /* as its model takes them */
    size_t column_count;
    bool has_scaler, has_calibrator;
} alm_scorer_member_info;

typedef struct alm_scorer_horizon_info {
    alm_str name;
    alm_scorer_combination combination;
    size_t member_first, member_count; /* among all members */
    bool has_calibrator;
} alm_scorer_horizon_info;

/* Everything borrowed. */
typedef struct alm_scorer_info {
    alm_str name;
    alm_digest digest; /* SHA-256 of the canonical document */
    alm_scorer_task task;
    const int64_t *label; /* CLASSES */
    size_t class_count;   /* 0 for VALUE */
    const alm_scorer_horizon_info *horizon;
    size_t horizon_count;
    const alm_scorer_member_info *member; /* horizon after horizon */
    size_t member_count;
    size_t remote_count; /* members that another program answers */
    bool of_model_file;  /* alm_scorer_of_model_file made it */
    bool made_up_names;  /* and its model has no names for its columns */
    /* Columns of rows and of windows that any member takes, in the order of the document. */
    const alm_str *row_column, *window_column;
    size_t row_column_count, window_column_count;
    size_t steps; /* the longest window */
    /* The file `bars`, which makes the columns of bars (signal/ reads it; here it is bytes with a
     * hash), and its text; no data: the scorer has none. */
    alm_str bars_name, bars;
} alm_scorer_info;

const alm_scorer_info *alm_scorer_describe(const alm_scorer *scorer);

/* ---- names of a caller's columns, matched once ---- */

typedef struct alm_scorer_columns {
    const alm_str *row; /* names of the columns of a row */
    size_t row_count;
    const alm_str *window; /* and of a step of a window; none when no member takes windows */
    size_t window_count;
    size_t steps; /* of the windows that will come; a net takes the last ones that it needs */
} alm_scorer_columns;

typedef struct alm_scorer_binding alm_scorer_binding;

/* Any order; names are copied. A blank stands for '_' where there is no exact name (LightGBM writes
 * it so). ALM_ERR_INVALID names the columns that are missing, or one that is there twice; or says
 * that windows are too short. The binding borrows the scorer. */
ALM_NODISCARD alm_err alm_scorer_bind(const alm_scorer *scorer, const alm_scorer_columns *columns,
                                      alm_scorer_binding **out, alm_error *error);
void alm_scorer_binding_destroy(alm_scorer_binding *binding); /* takes NULL */
/* Columns that no member takes: of rows, then of windows. Borrowed. */
const alm_str *alm_scorer_ignored(const alm_scorer_binding *binding, size_t *count);

/* ---- predicting ---- */

/* Memory of a call, made once: a fixed block for every thread of `pool` (NULL: the caller's only),
 * whatever the number of rows. Belongs to one caller at a time; borrows binding and pool. */
typedef struct alm_scorer_scratch alm_scorer_scratch;
ALM_NODISCARD alm_err alm_scorer_scratch_create(const alm_scorer_binding *binding, alm_pool *pool,
                                                alm_scorer_scratch **out, alm_error *error);
void alm_scorer_scratch_destroy(alm_scorer_scratch *scratch); /* takes NULL */

typedef struct alm_scorer_batch {
    size_t count;
    uint64_t first;     /* rows before these: messages count from there */
    const double *rows; /* count x stride; may be NULL when no member takes rows */
    size_t stride;      /* doubles from a row to the next, >= row_count of the binding */
    const double *windows; /* count x steps x window_count, oldest step first; or NULL */
    size_t window_stride;  /* doubles from a window to the next, as of windows that slide over
                            * neighbouring rows; 0: steps x window_count */
    bool missing; /* what a net, a scaler, a graph or a server cannot take is no error: the member's
                   * output of that row is NaN, and so is every answer of its horizon; so is an
                   * overflow, and a graph's answer that is no number */
} alm_scorer_batch;

/* Caller's memory; each may be NULL. Width w: the classes, or 1 for VALUE. */
typedef struct alm_scorer_output {
    double *value;       /* count x horizons: the value, or the label of the class */
    double *probability; /* count x horizons x classes; not for VALUE */
    double *confidence;  /* count x horizons: the largest final (calibrated) probability; NaN for
                          * VALUE. The class is the first that has it */
    double *member;      /* count x members x w: value, or calibrated probabilities by label */
} alm_scorer_output;

/* No allocation, but for members that are not ours (backend/): they take what they need, and those
 * of a server the time they need, up to their deadline for each block of rows.
 * Without `missing`, ALM_ERR_NUMERIC names row (or window and step) and column of an input that a
 * scaler (infinite), a net or a server (not finite) cannot take: nothing is written then. It also
 * names row and horizon when a model's own sums overflow and no class can be told: then `out` holds
 * a part of the answers, and is not to be used; so it is after an error of a member that is not
 * ours (alm_backend_predict), and when it answers a class with what is no probability. */
ALM_NODISCARD alm_err alm_scorer_predict(alm_scorer_scratch *scratch,
                                         const alm_scorer_batch *batch,
                                         const alm_scorer_output *out, alm_error *error);

#endif
