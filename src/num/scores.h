/* scores.h: accuracy of forecast distributions, and of many series as one figure. metrics.h has
 * what is counted pair by pair.
 *
 *   OWA     half of sMAPE and half of MASE, each over that of Naive2: ratios of means over a data
 *           set, not a mean of ratios (M4; Makridakis, Spiliotis, Assimakopoulos 2020)
 *   CRPS    E|X - y| - E|X - X'| / 2, in units (Gneiting and Raftery 2007, eq. 21); scaled: the
 *           sum of it over the sum of |y|
 *   MSIS    mean over the horizon of the interval score (their eq. 43) over the scale of MASE,
 *           then mean over series (M4)
 *   WRMSSE  RMSSE weighted within a level by the money a series took in, mean over levels; WSPL
 *           the same of the pinball loss over the mean absolute one-step difference (M5;
 *           Makridakis, Spiliotis, Assimakopoulos 2022, and its "Uncertainty" twin)
 *   PIT     histogram of the probability integral transform: flat when the distributions are
 *           right, U when they are too narrow. For counts the PIT is randomised (alm_marginal_pit)
 *
 * Pure; sums are in the order of the calls. */
#ifndef ALM_NUM_SCORES_H
#define ALM_NUM_SCORES_H

#include "num/metrics.h"

#define ALM_PIT_BINS 20

/* NaN where a score of Naive2 is not above 0. */
double alm_score_owa(double smape, double mase, double smape_naive2, double mase_naive2);

/* Of the central interval that is missed with probability alpha in (0, 1); low <= high. */
double alm_score_interval(double y, double low, double high, double alpha);

/* CRPS of a distribution known at `count` >= 1 rising levels in (0, 1): twice the integral of the
 * pinball loss, each level standing for all that are closer to it than to another. With levels
 * (k - 1/2) / K that is the usual 2/K times the sum. */
double alm_score_crps_quantiles(double y, const double *levels, const double *values,
                                size_t count);

/* CRPS of the empirical distribution of `count` >= 1 sorted values. */
double alm_score_crps_samples(double y, const double *sorted, size_t count);

typedef struct alm_distribution_scores {
    uint64_t pairs;
    double crps, actual; /* sums of CRPS, |y| */
    double msis, spl;    /* sums over windows, times their weights */
    double weight;       /* of the windows in spl */
    uint64_t msis_windows, unscaled_windows;
    uint64_t covered, below; /* y within [low, high]; y < low */
    uint64_t pit[ALM_PIT_BINS];
    uint64_t pit_count;
} alm_distribution_scores;

/* One series over one origin's horizon. */
typedef struct alm_distribution_window {
    const double *y;         /* steps; NaN: not known, skipped */
    const double *quantiles; /* steps x level_count, rising in each step */
    size_t steps;
    const double *levels; /* rising, in (0, 1) */
    size_t level_count;
    size_t low, high;     /* which levels bound the interval; alpha is what they leave out */
    const double *sorted; /* steps x sorted_count sampled values, sorted in each step; NULL: CRPS
                             from the quantiles */
    size_t sorted_count;
    double mase_scale; /* mean absolute seasonal difference of the past; 0: none, not in MSIS */
    double step_scale; /* mean absolute one-step difference; 0: none, not in WSPL */
    double weight;     /* of WSPL; 1 where all series count the same */
} alm_distribution_window;

void alm_distribution_add_window(alm_distribution_scores *scores,
                                 const alm_distribution_window *window);
/* pit in [0, 1]. */
void alm_distribution_add_pit(alm_distribution_scores *scores, double pit);

/* NaN when there is nothing to divide by. */
double alm_distribution_crps(const alm_distribution_scores *scores);
double alm_distribution_scaled_crps(const alm_distribution_scores *scores);
double alm_distribution_msis(const alm_distribution_scores *scores);
double alm_distribution_wspl(const alm_distribution_scores *scores);
double alm_distribution_coverage(const alm_distribution_scores *scores);
/* Pearson's distance of the histogram from a flat one, ALM_PIT_BINS - 1 degrees of freedom if the
 * PITs are independent, which those of one series over a horizon are not. */
double alm_distribution_pit_chi_square(const alm_distribution_scores *scores);

/* A mean in which each series counts by a weight of its own. */
typedef struct alm_weighted_mean {
    double sum, weight;
} alm_weighted_mean;

/* Scores finite, weights >= 0. */
void alm_weighted_add(alm_weighted_mean *mean, double score, double weight);
double alm_weighted_value(const alm_weighted_mean *mean); /* NaN: no weight */
/* Mean over the levels of a hierarchy that have any weight: WRMSSE of RMSSE, WSPL of SPL. */
double alm_weighted_levels(const alm_weighted_mean *levels, size_t count);

/* Money taken in over the last `last` of n periods: the weight of M5 (last = 28 days). A NaN in
 * units or price is a period without a sale. `price` NULL: units count. */
double alm_score_sales(const double *units, const double *price, size_t n, size_t last);

#endif
