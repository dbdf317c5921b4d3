/* lightgbm.h: deterministic training with LightGBM (the only user of its C interface).
 *
 * The model text that comes back is the same, byte for byte, for any number of threads and any
 * x86-64 machine: deterministic=true and force_col_wise=true always, no feature bundling, seeds
 * fixed, and the objectives that need exp (Poisson, Tweedie, classes) take their gradients from
 * num/elementary.h, because the C library's exp differs between CPUs in the last bits.
 *
 * Rows are asked for in blocks, twice (once for the bin boundaries, once to fill the bins), so the
 * raw matrix never stands in memory whole: LightGBM keeps one byte a value.
 *
 * Threads: LightGBM keeps its number of threads for the whole process; train one model at a time,
 * or several that all have one thread.
 * A process that has trained must not fork without exec: OpenMP hangs in the child. */
#ifndef ALM_TRAIN_LIGHTGBM_H
#define ALM_TRAIN_LIGHTGBM_H

#include "base/str.h"

typedef enum alm_lightgbm_objective {
    ALM_LIGHTGBM_L2,
    ALM_LIGHTGBM_POISSON,  /* log link */
    ALM_LIGHTGBM_TWEEDIE,  /* log link */
    ALM_LIGHTGBM_QUANTILE,
    ALM_LIGHTGBM_BINARY,    /* labels 0 and 1, one score: the logit of 1 */
    ALM_LIGHTGBM_MULTICLASS /* labels 0 .. classes - 1, a score each, softmax */
} alm_lightgbm_objective;

#define ALM_LIGHTGBM_CLASSES_MAX 1000

typedef struct alm_lightgbm_params {
    alm_lightgbm_objective objective;
    double tweedie_power; /* in (1, 2) */
    double quantile;      /* in (0, 1) */
    int classes;          /* MULTICLASS: 2 .. ALM_LIGHTGBM_CLASSES_MAX */
    int trees;            /* iterations asked for; fewer when nothing can be split any more; an
                           * iteration of MULTICLASS has a tree for every class */
    int leaves;
    double learning_rate;
    int min_data_in_leaf;
    double feature_fraction;
    double bagging_fraction;
    int bagging_freq; /* 0: no bagging */
    double lambda_l2;
    int max_bin; /* at most 255, so that a feature's thresholds fit one lane of the forest */
    int seed;
    int threads;
    const int *categorical; /* columns with category numbers >= 0; NaN and negative are missing */
    size_t categorical_count;
    size_t sample_rows; /* rows looked at for bin boundaries (all when there are fewer) */
} alm_lightgbm_params;

/* L2, 100 trees of 31 leaves, rate 0.1, 20 rows a leaf, 255 bins, 1 thread, 100,000 sample rows. */
alm_lightgbm_params alm_lightgbm_params_default(void);

typedef struct alm_lightgbm_data {
    size_t row_count, column_count;
    /* Writes rows [first, first + count) as count x column_count; called in ascending order, each
     * row twice, and must give the same values both times. */
    alm_err (*rows)(void *context, size_t first, size_t count, double *out, alm_error *error);
    void *context;
    const double *label;      /* row_count, finite; LightGBM holds it as float */
    const double *weight;     /* row_count, > 0; NULL: all 1 */
    const double *init_score; /* row_count, added to every raw score while training; or NULL,
                               * which it must be with classes */
} alm_lightgbm_data;

typedef struct alm_lightgbm_result {
    alm_str text;          /* up to and including "end of trees": what determines scoring */
    double base_score;     /* to be added to the forest's raw score (0 but with a log link) */
    size_t trees;          /* of all classes */
    const double *gain;    /* column_count: summed split gain */
} alm_lightgbm_result;

/* Everything in `out` lives in `arena`. The prediction of a row is init_score + base_score + raw
 * score, through exp for POISSON and TWEEDIE. With an init_score, L2 and QUANTILE do not start
 * from the mean of the labels. Of classes the text says the objective, so that model_file.h gives
 * probabilities, and the leaves of the first trees hold the logarithms of the shares of the classes
 * (the logit), from which training starts. A class that does not occur is ALM_ERR_INVALID.
 * ALM_ERR_INVALID: impossible parameters or labels (row named). ALM_ERR_LIMIT: over 2^31 - 1 rows.
 * ALM_ERR_EXTERNAL: LightGBM's own message. Failures of `rows` are forwarded. */
ALM_NODISCARD alm_err alm_lightgbm_train(const alm_lightgbm_params *params,
                                         const alm_lightgbm_data *data, alm_arena *arena,
                                         alm_lightgbm_result *out, alm_error *error);

/* ---- LightGBM's own prediction: for conformance tests and benchmarks, never for serving ---- */
typedef struct alm_lightgbm_booster alm_lightgbm_booster;

typedef enum alm_lightgbm_prediction {
    ALM_LIGHTGBM_TRANSFORMED = 0, /* what predict() returns */
    ALM_LIGHTGBM_RAW = 1,         /* the numbers are those of the C API */
    ALM_LIGHTGBM_LEAF = 2,
    ALM_LIGHTGBM_CONTRIBUTION = 3 /* n x outputs x (columns + 1) */
} alm_lightgbm_prediction;

/* `text` must be NUL terminated behind its end. */
ALM_NODISCARD alm_err alm_lightgbm_open(alm_str text, alm_lightgbm_booster **out,
                                        alm_error *error);
void alm_lightgbm_close(alm_lightgbm_booster *booster); /* takes NULL */
/* rows: n x columns, dense; `out` is sized by the caller. One thread. */
ALM_NODISCARD alm_err alm_lightgbm_predict(const alm_lightgbm_booster *booster,
                                           alm_lightgbm_prediction kind, const double *rows,
                                           size_t n, double *out, alm_error *error);

#endif
