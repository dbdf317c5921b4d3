/* xgboost.h: deterministic training with XGBoost (the only user of its C interface).
 *
 * The model that comes back is the same, byte for byte, for any number of threads and any x86-64
 * machine. Gradients are made here with num/elementary.h, because the C library's exp differs
 * between CPUs, and are whole multiples of 2^-24 in [-1, 1]: XGBoost adds them up in double, so
 * every sum is exact for up to 2^29 rows, whatever the order in which threads add. Random draws
 * are seeded by the iteration.
 *
 * XGBoost is given gradients, not an objective's name to compute them by, but the model says the
 * objective (binary:logistic, multi:softprob) and the base score from which training started, so
 * importers, XGBoost itself among them, give probabilities.
 *
 * Threads and fork: as train/learner/lightgbm.h; both share one OpenMP runtime. */
#ifndef ALM_TRAIN_XGBOOST_H
#define ALM_TRAIN_XGBOOST_H

#include "base/str.h"

#define ALM_XGBOOST_CLASSES_MAX 1000

typedef struct alm_xgboost_params {
    int classes; /* 2: one score, the logit of class 1; more: a score each, softmax */
    int trees;   /* iterations; with more than two classes each has a tree for every class */
    int depth;   /* 1..64 */
    double learning_rate;
    double min_child_weight;
    double feature_fraction; /* of every tree */
    double bagging_fraction; /* of the rows, for every tree */
    double lambda_l2;
    int max_bin; /* 2..65535 */
    int seed;
    int threads;
} alm_xgboost_params;

/* 2 classes, 100 trees of depth 6, rate 0.3, weight 1, everything, l2 1, 256 bins, 1 thread:
 * XGBoost's own. */
alm_xgboost_params alm_xgboost_params_default(void);

typedef struct alm_xgboost_data {
    size_t row_count, column_count;
    /* Writes rows [first, first + count) as count x column_count, in ascending order, each row
     * once. XGBoost holds floats; NaN is missing. */
    alm_err (*rows)(void *context, size_t first, size_t count, double *out, alm_error *error);
    void *context;
    const double *label; /* row_count: 0 .. classes - 1 */
    /* Instead of labels (NULL), of three classes and more: what each class costs a row, row_count x
     * classes in [0, 1]. The cost that is expected under the classes' probabilities is made small,
     * by its gradient p_k (cost_k - expected) and a hessian of 1 / classes, as FFORMA weighs
     * forecasters. `start`: classes scores where every row starts. */
    const double *cost;
    const double *start;
} alm_xgboost_data;

typedef struct alm_xgboost_result {
    alm_str model; /* JSON, as alm_model_file_parse reads it */
    size_t trees;  /* of all classes */
} alm_xgboost_result;

/* Everything in `out` lives in `arena`; on failure it is untouched. ALM_ERR_INVALID: impossible
 * parameters, labels (row named), a class that does not occur, a value that is infinite as a
 * float (row and column named). ALM_ERR_LIMIT: 2^29 rows and more. ALM_ERR_EXTERNAL: XGBoost's own
 * message. Failures of `rows` are forwarded. */
ALM_NODISCARD alm_err alm_xgboost_train(const alm_xgboost_params *params,
                                        const alm_xgboost_data *data, alm_arena *arena,
                                        alm_xgboost_result *out, alm_error *error);

/* XGBoost's own prediction, for conformance tests and never for serving: n rows of `columns`;
 * out: n (two classes) or n x classes probabilities. One thread. */
ALM_NODISCARD alm_err alm_xgboost_predict(alm_str model, const double *rows, size_t n,
                                          size_t columns, double *out, alm_error *error);

#endif
