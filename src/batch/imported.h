/* imported.h: a model file of another library, or a scorer, as a bundle of its own.
 *
 * Such a bundle is the file (of a scorer all its files and the canonical document) and, if they
 * were given, expected outputs: a file of rows that has the model's columns and beside them what
 * the model must answer, named as predict_file.h names its outputs (`prediction`, `p_0`, ..., or
 * `raw`, `raw_0`, ...). They take the place that the backtest has in a trained bundle: what a first
 * promotion is compared with.
 *
 * manifest.json names both by their SHA-256 and is the bundle's identity:
 *   {"expected":DIGEST or null,"file":"model.txt","format":1,"kind":"model file","model":DIGEST}
 *   {...,"kind":"scorer","model":DIGEST of scorer.json,"parts":{"boost.txt":DIGEST,...}}
 *
 * Values are close when |answer - expected| <= tolerance x max(1, |expected|), or both missing. */
#ifndef ALM_BATCH_IMPORTED_H
#define ALM_BATCH_IMPORTED_H

#include "batch/predict_file.h"
#include "store/objects.h"

#define ALM_IMPORT_TOLERANCE_DEFAULT 1e-6 /* what a library's text of a float keeps */

typedef struct alm_expected_check {
    uint64_t values;    /* rows x outputs */
    uint64_t equal;     /* the same double */
    uint64_t close;     /* within the tolerance, the equal ones included */
    double mean_error;  /* of |answer - expected|, over values that are there on both sides */
    double largest;     /* the largest of these */
    uint64_t worst_row; /* from 1: where; 0: nowhere */
    const char *worst_column; /* in the arena; NULL: nowhere */
    double worst_answer, worst_expected;
} alm_expected_check;

/* One of the two. */
typedef struct alm_imported_model {
    alm_model_file *file;
    alm_scorer *scorer;
} alm_imported_model;
void alm_imported_model_close(alm_imported_model *model); /* takes one that was never opened */
/* "model.txt (LightGBM, 100 trees, sha256 ab12cd34ef56)". In `arena`. */
alm_str alm_imported_model_description(const alm_imported_model *model, alm_arena *arena);

typedef struct alm_expected_request {
    const alm_imported_model *model;
    const char *path; /* of the expected outputs */
    const char *name; /* how messages call them */
    double tolerance;
} alm_expected_request;

/* What the model answers, beside what is expected. Errors as in predict_file.h; ALM_ERR_INVALID
 * when an output column is missing or there are no rows. */
ALM_NODISCARD alm_err alm_expected_compare(const alm_env *env, const alm_expected_request *request,
                                           alm_arena *arena, alm_expected_check *out,
                                           alm_error *error);

typedef struct alm_import_request {
    const char *model_path;
    const char *expected_path; /* NULL: none */
    double tolerance;
} alm_import_request;

typedef struct alm_import_result {
    alm_digest bundle;
    alm_str description; /* in the arena */
    bool has_expected;
    alm_expected_check check;
} alm_import_result;

/* Opens the model, or the scorer when the path is its folder, holds it to its expected outputs, and
 * puts all of it and the manifest into the store. The same files again are the same bundle. Errors
 * of model_file.h and scorer.h; ALM_ERR_CONFLICT names the worst row when an answer is not close. A
 * failure leaves at most objects that nothing names. */
ALM_NODISCARD alm_err alm_import_model(const alm_env *env, const alm_import_request *request,
                                       alm_objects *objects, alm_arena *arena,
                                       alm_import_result *out, alm_error *error);

typedef struct alm_imported {
    alm_imported_model model; /* the caller closes it */
    bool has_expected;
    const char *expected_path; /* of the object, verified; in the arena */
} alm_imported;

/* `env` is borrowed by members that are not ours (scorer.h). ALM_ERR_UNSUPPORTED for a bundle that
 * holds no model file (a trained one); ALM_ERR_CORRUPT; ALM_ERR_NOT_FOUND. */
ALM_NODISCARD alm_err alm_imported_open(const alm_env *env, alm_objects *objects,
                                        const alm_digest *bundle, alm_arena *arena,
                                        alm_imported *out, alm_error *error);
/* The same as a scorer, also of a model file (alm_scorer_of_model_file, without category codes):
 * for whoever answers both alike. The caller destroys it. */
ALM_NODISCARD alm_err alm_imported_scorer(const alm_env *env, alm_objects *objects,
                                          const alm_digest *bundle, alm_arena *arena,
                                          alm_scorer **out, alm_error *error);

#endif
