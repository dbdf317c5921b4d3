/* bar_labels.h: what happened after a bar, as a class in {-1, 0, 1}, and when it became known.
 *
 * A label of bar i looks at the bars behind it only, so that features as of the close of bar i and
 * this label share no bar. It becomes known at the close of bar `end`: until then nothing may learn
 * from it, and its window [i, end] is what label_splits.h purges.
 *
 * A label depends on the bars up to its end alone: more bars later do not change it. Near the end
 * of a history this has a price: of the last `horizon` bars only those have a label whose barrier
 * was touched early. A fit for which this selection matters leaves these bars out.
 *
 * Pure functions; thread safe. */
#ifndef ALM_FEATURE_BARS_BAR_LABELS_H
#define ALM_FEATURE_BARS_BAR_LABELS_H

#include "feature/bars/bars.h"

typedef enum alm_label_cause {
    ALM_LABEL_UNKNOWN, /* the window is not closed, or something that it needs is missing */
    ALM_LABEL_PROFIT,  /* the upper barrier */
    ALM_LABEL_LOSS,    /* the lower barrier */
    ALM_LABEL_HORIZON  /* the vertical barrier: `horizon` bars have passed */
} alm_label_cause;

typedef struct alm_bar_label {
    double value;            /* -1, 0 or 1; NaN: unknown */
    double growth;           /* of the price, from the close of bar i to where the label ended */
    size_t end;              /* bar at whose close the label is known; SIZE_MAX: unknown */
    alm_instant end_time;    /* stamp of that bar; 0: unknown */
    alm_label_cause cause;
} alm_bar_label;

typedef struct alm_label_options {
    size_t horizon; /* bars, 1..ALM_BARS_WINDOW_MAX */
    /* Distances of the barriers (thresholds) from the close of bar i, as shares of it: 0.02 is 2 %.
     * With `scale` they are multiples of scale[i], for example of a volatility that was known at
     * bar i. 0: there is no such barrier; a price cannot touch it. A loss is at most the whole
     * price where it is not scaled. */
    double profit;
    double loss;
    const double *scale; /* one per bar in 0..1e6; NaN or 0: that bar has no label. May be NULL */
    /* Triple barrier: at the horizon the label is the sign of the growth instead of 0. */
    bool sign_at_horizon;
} alm_label_options;

/* The triple barrier (M. Lopez de Prado, "Advances in Financial Machine Learning", 2018, 3.4), for
 * a position that is long: 1 when the price reaches close * (1 + profit) first, -1 when it reaches
 * close * (1 - loss) first, 0 when neither does within `horizon` bars.
 *
 * Inside one bar the order of prices is not known, so the rule is the cautious one: what the bar's
 * open has reached counts first; then the loss, also where the same bar reaches both; then the
 * profit. A barrier that the open has passed is left at the open, otherwise at the barrier itself.
 * Without a range (high or low missing) nobody knows what was touched: the label is unknown unless
 * it ended before. The same for a close at bar i that is missing, zero or negative.
 *
 * `out` has `count` labels. ALM_ERR_INVALID for options out of range. */
ALM_NODISCARD alm_err alm_label_triple_barrier(const alm_bar *bars, size_t count,
                                               const alm_label_options *options,
                                               alm_bar_label *out, alm_error *error);

/* The growth from close to close over `horizon` bars against the thresholds: 1 from `profit` on, -1
 * from -`loss` on, else 0. Always ends at the horizon. Otherwise as above. */
ALM_NODISCARD alm_err alm_label_threshold(const alm_bar *bars, size_t count,
                                          const alm_label_options *options, alm_bar_label *out,
                                          alm_error *error);

#endif
