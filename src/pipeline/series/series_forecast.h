/* series_forecast.h: forecasts of many series that each look at their own past alone.
 *
 * Every series gets an answer and the reason for it: the forecaster that was asked for, else, where
 * that refuses the series, the first of seasonal naive, naive and mean that does not. A series
 * without any known value has no forecast, and says so. Nothing that is given out is infinite; NaN
 * means that there is nothing to give.
 *
 * Intervals are central: quantiles of joint sample paths (model/statistical/sample_paths.h), which
 * keep to what the series' past shows that values can be: not below 0, and counts where all are. No
 * paths asked for, or the forecaster cannot draw them: Normal with the forecaster's deviation, kept
 * to the same support. Too short to tell a deviation: none.
 *
 * CALIBRATED intervals, of many series or of a long one, are as wide as errors were at up to
 * ALM_FORECAST_CALIBRATION_ORIGINS earlier origins, a horizon apart, with half of the past or more
 * behind each (interval_calibration.h): the forecaster is fitted at the oldest and moved on by what
 * came. The intervals of a series that the forecaster asked for refused stay as they are, and a
 * level for which there are too few scores. Paths stay the forecaster's.
 *
 * Check. The same forecaster answered at earlier origins of the same series, knowing only what came
 * before each: how far off it was beside the seasonal naive forecast, and how often values lay
 * within the intervals (ends included). The intervals that an origin is judged by are
 * calibrated on origins that share no value with it, earlier and later ones; those of the forecast
 * on all. A series that is too short for one whole horizon behind two seasons (four values) is not
 * checked.
 *
 * SEVERAL SEASONS (mstl.h). A series has those of the plan's seasons of which it has `cycles` whole
 * cycles. Where these are two or more, alm_mstl forecasts it with all of them when the plan asks
 * for it, or for the automatic forecaster (`seasons_tried`: and they did better than the shortest
 * one on what is known of the series, several_seasons.h; each origin of the check tries that anew);
 * else the forecaster has one season, the shortest, which is that of the seasonal naive forecast
 * and of MASE in any case. Calibration uses the same seasons as the forecast, and so does the check
 * but for the trial; their origins have two cycles of the longest behind them.
 *
 * SOLD OUT. What was sold in a period that was sold out is a lower bound for alm_count and not
 * known to other forecasters, and nothing is judged by it. With many series alm_count has
 * parameters in common (counted.h).
 *
 * REGRESSORS (explained.h). Where the series come with some, what they explain is taken out first,
 * wherever the forecaster is fitted, by what is known there; it is fitted to the rest, and the plan
 * of the periods to come is added; ARIMA is fitted with them at once. That the plan is there
 * must have been asked first (alm_forecast_check_plans). Of an origin of the check the plan is what
 * came; that of an observed column is older than the origin. The simple methods that answer
 * instead have them too, the seasonal naive forecast of the check has not.
 *
 * Series are cut into blocks of a fixed size, and scores are added up in their order: no result
 * depends on the number of threads. */
#ifndef ALM_PIPELINE_SERIES_FORECAST_H
#define ALM_PIPELINE_SERIES_FORECAST_H

#include "base/env.h"
#include "model/statistical/automatic/choice.h"
#include "model/statistical/automatic/explained.h"
#include "model/statistical/automatic/mstl.h"
#include "model/statistical/automatic/selector.h"
#include "model/statistical/sample_paths.h"
#include "pipeline/series/counted.h"
#include "pipeline/series/interval_calibration.h"
#include "table/long_series.h"

#define ALM_FORECAST_LEVELS_MAX ALM_CALIBRATION_LEVELS_MAX
#define ALM_FORECAST_STEPS_MAX 10000
#define ALM_FORECAST_PATHS_MAX 100000
#define ALM_FORECAST_ORIGINS_MAX 100
#define ALM_FORECAST_CALIBRATION_ORIGINS 13 /* four weeks each: a year */

typedef struct alm_forecast_plan {
    const alm_forecaster_kind *kind;
    size_t season, steps; /* >= 1 */
    size_t seasons[ALM_MSTL_SEASONS_MAX]; /* several: rising, all above 1, the first is `season` */
    size_t season_count;  /* below 2: `season` alone */
    bool seasons_tried;   /* the automatic forecaster has several where they did better before */
    size_t cycles;        /* whole ones that a season needs of a series, >= 2; of several seasons */
    size_t paths;         /* 0: intervals by deviations */
    size_t origins;       /* of the check, at most; 0: none */
    uint64_t seed;
    double level[ALM_FORECAST_LEVELS_MAX]; /* shares in (0, 1), rising: .8, .95 */
    size_t level_count;
    bool calibrated;      /* by alm_series_forecast_all; else: intervals of the forecaster */
    alm_counted counted;  /* of alm_count; alm_series_forecast_all finds them */
    /* Of alm_learned; NULL: even weights. The other one is for earlier origins: learned before what
     * the check judges (alm_forecast_judged). */
    const alm_selector *selector, *selector_before;
    const double *least;  /* of the series at hand: bounds, else NaN; NULL: there are none */
    /* Of the one series that is forecast, which alm_series_forecast_all sets itself; NULL: none. */
    const alm_regressors *regressors;
} alm_forecast_plan;

/* The forecaster that is asked for when nobody asks for one. */
const alm_forecaster_kind *alm_forecast_automatic(void);
/* By its name; NULL: there is none. */
const alm_forecaster_kind *alm_forecast_kind(alm_str name);

/* Periods at the end of every series that the check judges: nothing that it uses may be learned
 * from them. */
size_t alm_forecast_judged(const alm_forecast_plan *plan);

/* Origins that the check has on a series of so many periods; 0: it is too short, or none are asked
 * for. */
size_t alm_forecast_origins(const alm_forecast_plan *plan, size_t count);

/* The plan of a series of so many periods: of several seasons those that it has, and what forecasts
 * it with them. */
alm_forecast_plan alm_forecast_plan_of(const alm_forecast_plan *plan, size_t count);

/* X(name, text, sentence) */
#define ALM_FORECAST_REASON_MAP(X)                                              \
    X(FITTED, "fitted", "the forecaster asked for")                             \
    X(SHORT, "too_short", "too few known values for it")                        \
    X(UNSUITED, "unsuited", "it does not take values such as these")            \
    X(NUMERIC, "numeric", "numbers of this size cannot be worked with")         \
    X(NO_VALUES, "no_values", "no value is known: there is no forecast")

typedef enum alm_forecast_reason {
#define ALM_FORECAST_REASON_ENUM(name, text, sentence) ALM_FORECAST_##name,
    ALM_FORECAST_REASON_MAP(ALM_FORECAST_REASON_ENUM)
#undef ALM_FORECAST_REASON_ENUM
        ALM_FORECAST_REASON_COUNT
} alm_forecast_reason;

const char *alm_forecast_reason_text(alm_forecast_reason reason);
const char *alm_forecast_reason_sentence(alm_forecast_reason reason);

typedef enum alm_forecast_spread {
    ALM_SPREAD_NONE,
    ALM_SPREAD_PATHS,
    ALM_SPREAD_NORMAL
} alm_forecast_spread;

const char *alm_forecast_spread_text(alm_forecast_spread spread); /* "paths", "normal", "none" */
const char *alm_support_text(alm_support support); /* "real", "non_negative", "count" */

/* Sums over windows (a series at an origin). */
typedef struct alm_forecast_score {
    uint64_t windows, pairs;
    double absolute, actual; /* of |f - y| and of |y| */
    double mase, smape;
    uint64_t mase_windows;   /* those that have a scale */
    uint64_t covered[ALM_FORECAST_LEVELS_MAX];
    uint64_t interval_pairs[ALM_FORECAST_LEVELS_MAX]; /* values that were judged by an interval */
} alm_forecast_score;

/* Means; NaN where there is nothing to divide, or no double holds it. */
double alm_forecast_mase(const alm_forecast_score *score);
double alm_forecast_wape(const alm_forecast_score *score);
double alm_forecast_smape(const alm_forecast_score *score);
double alm_forecast_coverage(const alm_forecast_score *score, size_t level);

typedef struct alm_series_forecast {
    const alm_forecaster_kind *kind; /* that answers; NULL: none does */
    alm_forecast_reason reason;
    alm_forecast_spread spread;
    alm_support support;
    alm_choice_facts choice; /* of kinds that choose: what it is made of; else empty */
    alm_effects effects;     /* of the regressors; `arima` is NULL */
    const double *mean; /* of each step */
    const double *low;  /* steps x level_count */
    const double *high;
    /* Of the check, with the forecaster's own intervals; no windows: not checked. */
    alm_forecast_score score, naive;
    bool calibrated; /* some of the intervals */
} alm_series_forecast;

/* One series; the results lie in `arena`, temporaries in `scratch`. `number` is the series' own: a
 * part of what its paths are a function of. Cannot fail. */
void alm_series_forecast_one(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                             alm_arena *arena, alm_arena *scratch, alm_series_forecast *out);

typedef struct alm_forecast_set {
    const alm_series_forecast *series; /* one per series */
    size_t reasons[ALM_FORECAST_REASON_COUNT];
    size_t unspread;                 /* series with a forecast and without intervals */
    size_t checked;                  /* series */
    alm_forecast_score score, naive; /* over all; coverage is that of intervals as given out */
    alm_forecast_score model;        /* the same with the forecaster's own intervals */
    bool level_calibrated[ALM_FORECAST_LEVELS_MAX]; /* enough scores, and asked for */
    size_t calibrated;               /* series with calibrated intervals */
    const alm_count_common *common;  /* of alm_count; NULL: each series by itself */
} alm_forecast_set;

/* Is there a plan of all regressors for every step of every series that has a value, and a value in
 * every period of the past whose value is known? ALM_ERR_INCOMPLETE names the series, the column
 * and the time, and says what to do. `name`: of the file. */
ALM_NODISCARD alm_err alm_forecast_check_plans(const alm_long_series *series, const char *name,
                                               const alm_forecast_plan *plan, alm_error *error);

/* All series, with the threads and the progress of `env`. `arena` keeps the results. ALM_ERR_LIMIT:
 * more values than ALM_FORECAST_VALUES_MAX, a series longer than ALM_PAST_COUNT_MAX. */
#define ALM_FORECAST_VALUES_MAX ((size_t)1 << 28)
ALM_NODISCARD alm_err alm_series_forecast_all(const alm_env *env, const alm_long_series *series,
                                              const alm_forecast_plan *plan, alm_arena *arena,
                                              alm_forecast_set *out, alm_error *error);

#endif
