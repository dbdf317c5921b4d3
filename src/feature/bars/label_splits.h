/* label_splits.h: training and test sets whose labels do not overlap in time.
 *
 * A sample has a span [start, end]: from the instant at which its features are known to the one at
 * which its label is. A sample whose span meets the test's would tell the training about the test,
 * so it is purged; an embargo takes more away, because what follows a test still resembles it (M.
 * Lopez de Prado, "Advances in Financial Machine Learning", 2018, chapter 7).
 *
 * Spans are closed at both ends: a label that ends at the instant at which a test begins overlaps
 * it. Instants are numbers of any unit, for example bar numbers or microseconds. Samples are sorted
 * by their start; those with unknown labels are left out by the caller.
 *
 * Pure functions; thread safe. */
#ifndef ALM_FEATURE_BARS_LABEL_SPLITS_H
#define ALM_FEATURE_BARS_LABEL_SPLITS_H

#include "base/arena.h"

typedef struct alm_label_span {
    int64_t start;
    int64_t end; /* >= start */
} alm_label_span;

/* Numbers of samples, ascending. Borrowed from the arena. */
typedef struct alm_label_split {
    const uint32_t *train;
    size_t train_count;
    const uint32_t *test;
    size_t test_count;
} alm_label_split;

typedef struct alm_purged_kfold_options {
    size_t folds;    /* 2..samples */
    int64_t embargo; /* behind the test, >= 0 */
} alm_purged_kfold_options;

/* K folds in the order of time, the first ones larger by a sample where the count does not divide.
 * The test's span reaches from its first start to its latest end. Training samples are all others
 * that end before it, or start later than `embargo` after it.
 * `out` has `folds` splits, whose numbers go to `arena`. ALM_ERR_INVALID for spans that are not
 * sorted or end before they start, options out of range, and a fold that is left without training
 * samples. */
ALM_NODISCARD alm_err alm_split_purged_kfold(const alm_label_span *spans, size_t count,
                                             const alm_purged_kfold_options *options,
                                             alm_arena *arena, alm_label_split *out,
                                             alm_error *error);

typedef struct alm_walk_forward_options {
    size_t folds;     /* >= 1 */
    size_t test_size; /* samples of each test, >= 1; the last test ends with the last sample */
    size_t train_max; /* the newest samples that are trained on at most; 0: all */
    int64_t embargo;  /* between the end of the training labels and the test, >= 0 */
} alm_walk_forward_options;

/* Tests follow each other and are trained on what lies before: samples that end more than `embargo`
 * before the test's first start. Otherwise as above. */
ALM_NODISCARD alm_err alm_split_walk_forward(const alm_label_span *spans, size_t count,
                                             const alm_walk_forward_options *options,
                                             alm_arena *arena, alm_label_split *out,
                                             alm_error *error);

#endif
