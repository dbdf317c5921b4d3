/* interval_calibration.h: intervals of many forecasts made as wide as their own past says.
 *
 * A case is one series at one earlier origin: what was forecast, with which deviation, and what
 * came. Its scores (y - mean) / deviation are put together with those of other cases
 * (num/conformal.h): of steps that are as far ahead (up to ALM_CALIBRATION_GROUPS_MAX groups of
 * steps side by side, one for every ALM_CALIBRATION_GROUP_CASES cases), and of values that are as
 * far from zero (mean / deviation, in bins of equally many). Bounds are mean + deviation x score at
 * the ranks of finite samples, kept to the support: of counts, the whole numbers between them.
 *
 * ENOUGH. Scores of one case go together, and so do those of one origin where series rise and fall
 * together. n scores of K origins are therefore worth as many independent ones as there are cases,
 * and at most n / (1 + (n / K - 1) r) (Kish's design effect), r the share of the variance of scores
 * that is between origins (one-way analysis of variance over all origins). Ranks are those of so
 * few scores, as a share of all, which is wider than the plain quantiles. A level needs
 * 2 / (1 - level) - 1 of them, 9 at 80% and 39 at 95%, even were the newest origin left out.
 *
 * HONEST. A judged case is held against intervals calibrated on those origins alone, earlier and
 * later, whose windows share no period with its own. Origins are counted from the end of each
 * series.
 *
 * Pure functions; what they read may be read by any number of threads. */
#ifndef ALM_PIPELINE_INTERVAL_CALIBRATION_H
#define ALM_PIPELINE_INTERVAL_CALIBRATION_H

#include "model/statistical/sample_paths.h"
#include "num/conformal.h"

#define ALM_CALIBRATION_LEVELS_MAX 8
#define ALM_CALIBRATION_GROUPS_MAX 8
#define ALM_CALIBRATION_GROUP_CASES 100

typedef struct alm_calibration_case {
    const double *actual;    /* of each step; NaN: not known */
    double *mean;            /* NaN: there is none */
    double *deviation;       /* not above 0, or NaN: no score, and the model's interval stays */
    uint8_t *held;           /* judged: bit k: the model's interval of level k held the value */
    size_t behind;           /* periods from the origin to the end of the series, >= steps */
    alm_support support;
    bool spread;             /* judged: the model has intervals */
} alm_calibration_case;

typedef struct alm_calibration_cases {
    const alm_calibration_case *scored; /* they calibrate */
    size_t scored_count;
    const alm_calibration_case *judged;
    size_t judged_count;
    size_t steps;
    const double *level; /* rising */
    size_t level_count;
} alm_calibration_cases;

typedef struct alm_calibration {
    bool enough[ALM_CALIBRATION_LEVELS_MAX]; /* for the level; else its bounds stay */
    double together; /* r */
    size_t origins;  /* K */
    size_t steps, groups, level_count;
    const double *level;
    alm_conformal_pool pool[ALM_CALIBRATION_GROUPS_MAX];
} alm_calibration;

/* By the cases whose windows share no period with that of an origin so far `behind`; 0: by all. The
 * pools lie in `arena`. */
alm_calibration alm_calibration_of(const alm_calibration_cases *cases, size_t behind,
                                   alm_arena *arena);

typedef struct alm_calibration_point {
    size_t step;
    double mean, deviation;
    alm_support support;
} alm_calibration_point;

/* The bounds of every level at a step, where there are enough scores; a level holds what lower
 * levels hold. `low`, `high`: level_count each, of the model before. False: nothing is changed. */
bool alm_calibration_bounds(const alm_calibration *calibration, const alm_calibration_point *at,
                            double *low, double *high);

typedef struct alm_calibration_held {
    uint64_t held[ALM_CALIBRATION_LEVELS_MAX];
    uint64_t values[ALM_CALIBRATION_LEVELS_MAX]; /* 0: too few scores for this level */
} alm_calibration_held;

/* How often the judged cases of one origin lay within intervals calibrated on others. */
alm_calibration_held alm_calibration_judge(const alm_calibration_cases *cases, size_t behind);

#endif
