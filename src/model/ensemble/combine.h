/* combine.h: several models' class probabilities into one: votes, and a stacked meta-learner.
 *
 * The meta-learner is a multinomial logistic regression on the models' probabilities, and it may
 * only learn from predictions that were made out of fold: by models that had not seen the row's own
 * fold. Every row says both, and one that does not fit is refused. Pure functions; a stacker is
 * immutable once fitted; any thread may use it. */
#ifndef ALM_MODEL_ENSEMBLE_COMBINE_H
#define ALM_MODEL_ENSEMBLE_COMBINE_H

#include "base/json.h"

/* Probabilities of one row: models x classes, each row of classes summing to 1. */
typedef struct alm_votes {
    size_t models, classes;
    const double *weight; /* models, >= 0, not all 0; NULL: all 1 */
} alm_votes;

/* Weighted mean of the probabilities. */
void alm_vote_soft(const alm_votes *votes, const double *probability, double *out);
/* Share of the weight whose model finds the class most probable; a tie inside a model goes to the
 * lower class. */
void alm_vote_hard(const alm_votes *votes, const double *probability, double *out);

typedef struct alm_out_of_fold {
    size_t count, models, classes;
    const double *probability;    /* count x models x classes */
    const uint32_t *label;        /* count */
    const uint32_t *fold;         /* count: the fold that the row belongs to */
    const uint32_t *fold_left_out; /* count: the fold that the models had not seen */
} alm_out_of_fold;

typedef struct alm_stacker {
    size_t models, classes;
    double *coefficient; /* classes x (models x classes + 1), intercept last */
} alm_stacker;

/* In `arena`. ALM_ERR_DENIED: a row whose prediction is in fold (row named). ALM_ERR_INVALID: less
 * than two folds, a label or probability out of range, a class that does not occur. */
ALM_NODISCARD alm_err alm_stacker_fit(const alm_out_of_fold *data, double l2, alm_arena *arena,
                                      alm_stacker *out, alm_error *error);
/* probability: models x classes of one row; out: classes. */
void alm_stacker_predict(const alm_stacker *stacker, const double *probability, double *out);

void alm_stacker_write(const alm_stacker *stacker, alm_buffer *out);
ALM_NODISCARD alm_err alm_stacker_read(alm_str json, const char *name, alm_arena *arena,
                                       alm_stacker *out, alm_error *error);

#endif
