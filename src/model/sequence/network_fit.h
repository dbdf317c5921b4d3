/* network_fit.h: deterministic training of a net by back-propagation through time.
 *
 * The same data, spec and seed give the same bytes for any number of threads and any x86-64 CPU:
 * a batch is cut into shards of 16 windows, each shard adds up its gradient in order, shards are
 * added in a fixed binary tree, every draw is a counter's, and losses are summed in double in the
 * order of the windows. AdamW with decoupled weight decay, clipping by the global norm, dropout on
 * the outputs of all layers, early stopping on the validation windows, whose best epoch is kept.
 *
 * Losses, each a weighted mean over windows:
 *   VALUES     sum over outputs of (o - y)^2 / 2
 *   QUANTILES  sum over levels of the pinball loss of y[0]
 *   CLASSES    cross-entropy of the class y[0] (0 .. output_count - 1) */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_FIT_H
#define ALM_MODEL_SEQUENCE_NETWORK_FIT_H

#include "base/env.h"
#include "model/sequence/network.h"

typedef struct alm_network_data {
    size_t count, steps;
    const double *windows; /* count x steps x features, finite */
    const double *target;  /* count x output_count for VALUES, else count */
    const double *weight;  /* count, >= 0; NULL: all 1 */
    bool is_partial;       /* VALUES: a target that is NaN is not known and has no loss; else it is
                            * refused */
} alm_network_data;

typedef struct alm_network_fit_spec {
    uint64_t seed;         /* of order and dropout */
    int epochs;            /* at most */
    size_t batch;          /* windows per step */
    double learning_rate;
    double weight_decay;
    double dropout;        /* in [0, 1) */
    double clip_norm;      /* 0: no clipping */
    int patience;          /* epochs without a better validation loss; 0: no early stopping */
    const double *quantile;     /* QUANTILES: output_count levels, ascending in (0, 1) */
    const double *class_weight; /* CLASSES: output_count, > 0; NULL: all 1 */
    const alm_network_data *validation; /* NULL: none, the last epoch is kept */
} alm_network_fit_spec;

/* 50 epochs of batches of 64, rate 1e-3, decay 1e-4, no dropout, norm 1, patience 5. */
alm_network_fit_spec alm_network_fit_default(void);

typedef struct alm_network_fit_result {
    int epochs;               /* run */
    int best_epoch;           /* kept, from 1 */
    double training_loss;     /* mean over the best epoch, while its parameters moved */
    double validation_loss;   /* of what is kept; NaN without validation windows */
} alm_network_fit_result;

/* Trains in place. On failure the net is what it was. ALM_ERR_INVALID: a wrong size, level, class
 * or weight, or a value that is not finite (window named). ALM_ERR_NUMERIC: the loss is not finite
 * (lower the learning rate). Shards run on the env's pool. */
ALM_NODISCARD alm_err alm_network_fit(const alm_env *env, alm_network *network,
                                      const alm_network_fit_spec *spec,
                                      const alm_network_data *training,
                                      alm_network_fit_result *out, alm_error *error);

/* Gradient of the loss of some windows (no dropout), parameter by parameter, and the loss: what
 * a test compares with finite differences. */
ALM_NODISCARD alm_err alm_network_gradient(alm_network *network, const alm_network_fit_spec *spec,
                                           const alm_network_data *data, float *gradient,
                                           double *loss, alm_error *error);

#endif
