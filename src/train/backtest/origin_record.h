/* origin_record.h: what every part of the method would have forecast at one past origin.
 *
 * Made with a forest that was fitted on data up to that origin or earlier, from a panel of what was
 * known at it, and compared with what happened next. Choices and calibration use only records whose
 * horizon was complete before the origin that they are used for.
 *
 * Forecasts and outcomes may come from different vintages: where a source is restated, the outcome
 * is first what the panel of the forecasts says (nothing, when that ends at the origin), and
 * alm_origin_record_judge puts in its place what another panel says: the final one for scores, the
 * one known at a later origin for what is chosen there. */
#ifndef ALM_TRAIN_ORIGIN_RECORD_H
#define ALM_TRAIN_ORIGIN_RECORD_H

#include "num/metrics.h"
#include "pipeline/base_forecast.h"
#include "train/training_panel.h"

typedef struct alm_origin_record {
    size_t origin;
    size_t steps;
    size_t series_count;
    alm_history *histories;  /* shapes as observed, not calibrated */
    bool has_forest;
    double *forest;          /* series x steps, 0 without a forest */
    alm_forest_marginal *marginals; /* series; NULL without quantile forests */
    double *statistical;     /* series x steps */
    double *actual;          /* series x steps, NaN when not known. Of a day that was sold out what
                              * stands in for its demand (NaN where nothing does), so that choices
                              * are not drawn to forecasts of days that were not */
    double *least;           /* series x steps: what was sold, where `actual` stands in for demand
                              * of at least that; else NaN. NULL: nowhere */
    double *scale_squared;   /* series: RMSSE scale, 0 when too young or constant; over periods
                              * published at the origin */
    uint8_t *closed;         /* steps, as known at the origin */
    /* Aggregates: own level x profile, actual, scale; bottom-up follows from the leaves. */
    double *node_statistical, *node_actual, *node_scale; /* nodes x steps, nodes x steps, nodes */
    /* What each candidate of a class would have forecast (kind_choice.h): series or nodes x room x
     * steps; NULL without candidates. */
    double *kinds, *node_kinds;
} alm_origin_record;

/* Scale of a history that begins with its first demand; none when it is younger than 28 periods,
 * whose scale would be pure chance. */
alm_scale alm_history_error_scale(const double *y, size_t count);

/* Steps, counts and arrays of zeros, in `arena`; the origin stays as it is. */
void alm_origin_record_allocate(const alm_training_panel *panel, size_t steps, bool has_marginals,
                                alm_arena *arena, alm_origin_record *record);

/* `bundle` supplies plan and forest. Everything in `arena`. */
ALM_NODISCARD alm_err alm_origin_record_make(const alm_env *env, const alm_training_panel *panel,
                                             const alm_bundle *bundle, size_t origin,
                                             alm_arena *arena, alm_origin_record *out,
                                             alm_error *error);

/* Replaces actual, least, scale_squared, node_actual and node_scale by those of `panel`, whose
 * series and nodes have the same numbers: new arrays in `arena`, so that a copy of a record can be
 * judged. */
void alm_origin_record_judge(const alm_training_panel *panel, alm_arena *arena,
                             alm_origin_record *record);

#endif
