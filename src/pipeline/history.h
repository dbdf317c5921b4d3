/* history.h: what one series' past says at an origin: level, scale, class and demand shape.
 *
 * All of it is computed from periods first..origin - delay, open periods only (closed days are zero
 * by decree and say nothing about demand). A day that was sold out counts as what stands in for
 * its demand (panel->imputed), or not at all where nothing does: a bound is no demand. The weekday
 * profile is pooled over the whole panel, because single series are too thin for one.
 *
 *   level  L = sum w_t y_t / sum w_t p_t,   w_t = (1 - LEVEL_DECAY)^(open periods since t)
 *          the exponentially weighted mean of deseasonalised demand; p_t is the weekday profile.
 *   scale  s = (m56 * 56 + m_all * 14) / 70, at least SCALE_FLOOR: the trailing mean, shrunk to the
 *          overall one; targets and scaled features are divided by it.
 *   shape  weighted quantiles of y_t / p_t with w_t = (1 - SHAPE_DECAY)^age, divided by their
 *          weighted mean: the distribution of demand relative to its mean. A thin history is
 *          shrunk to the mean shape of its bin of non-zero share, weight 20 / (n_eff + 20).
 *
 * Classes: those of model/statistical/automatic/demand_class.h, and new, empty, aggregate. Pure
 * functions; thread safe. */
#ifndef ALM_PIPELINE_HISTORY_H
#define ALM_PIPELINE_HISTORY_H

#include "num/hierarchy.h"
#include "table/panel.h"

#define ALM_SHAPE_LEVELS 43

/* X(name): NEW is younger than 56 days, EMPTY has no demand at all. */
#define ALM_CLASS_MAP(X) X(smooth) X(erratic) X(intermittent) X(lumpy) X(new) X(empty) X(aggregate)

typedef enum alm_class {
#define ALM_CLASS_ENUM(name) ALM_CLASS_##name,
    ALM_CLASS_MAP(ALM_CLASS_ENUM)
#undef ALM_CLASS_ENUM
        ALM_CLASS_COUNT
} alm_class;

const char *alm_class_name(alm_class class_of_series);

/* Levels of a shape: .005 .01 .025 .05 .075 ... .95 .975 .99 .995 */
const double *alm_shape_levels(void);

typedef struct alm_profile {
    double weekday[7]; /* mean 1 over open days; Monday first */
} alm_profile;

typedef struct alm_history_view { /* one series at one origin */
    const alm_panel *panel;
    size_t series;
    size_t origin;  /* period index of the last period seen */
    size_t delay;   /* publication delay in periods */
    alm_profile profile;
} alm_history_view;

typedef struct alm_history {
    alm_class class_of_series;
    size_t first;        /* first period with a value > 0, or SIZE_MAX */
    size_t open_periods; /* usable ones since then */
    double level;        /* per open day of profile 1 */
    double scale;
    double nonzero_share;
    double shape_weight; /* effective number of observations */
    double shape_mean;
    double shape_variance; /* of demand relative to its mean */
    double shape[ALM_SHAPE_LEVELS];
} alm_history;

/* Grand total of the target per period and closed flags, from the aggregates of a panel: every leaf
 * belongs to exactly one node of the first level, so their sum is the total whatever that level is.
 * Adds to `total` (zeros before); without a hierarchy nothing, and the profile below is flat. */
void alm_profile_totals(const alm_panel *nodes, const alm_hierarchy *hierarchy, double *total,
                        uint8_t *closed);

#define ALM_PROFILE_PERIODS 91

/* Profile from the totals of the panel: the last ALM_PROFILE_PERIODS published at the origin; ones
 * when there is nothing. `total` has one value per period, `closed` 1 where closed. */
alm_profile alm_profile_of(const double *total, const uint8_t *closed, alm_date start,
                           size_t origin, size_t delay);

/* Periods [0, end) were published at the origin. */
static inline size_t alm_published_end(size_t origin, size_t delay)
{
    return origin + 1 > delay ? origin + 1 - delay : 0;
}

/* Is the period usable as an observation of demand? Sold out it never is. */
bool alm_period_usable(const alm_panel *panel, size_t series, size_t period);

/* Demand of a period, or what stands in for it where it was sold out; false: neither is known. */
bool alm_history_demand(const alm_panel *panel, size_t series, size_t period, double *out);

void alm_history_of(const alm_history_view *view, alm_arena *scratch, alm_history *out);

/* Scale alone, cheaper: for training rows at many origins. 0 when there was no demand yet. */
double alm_history_scale(const alm_history_view *view, alm_arena *scratch);

/* Level alone, cheaper: for forecasts at many past origins. levels[t] for every period t <= origin
 * is the level an origin t would see (0 before the first demand). */
void alm_history_levels(const alm_history_view *view, double *levels);

/* level x profile x open, for steps 1..steps behind the view's origin. Panel columns known in
 * advance decide what is open: `closed_ahead` has one flag per step. */
void alm_history_forecast(const alm_history_view *view, double level, const uint8_t *closed_ahead,
                          size_t steps, double *out);

#endif
