/* beside.h: forecasters over the histories of a backtest, as rows beside the published forecast:
 * statistical ones, which look at one history alone, and behind them global ones, which have
 * learned from all of them before (global_kind.h).
 *
 * Each statistical one is fitted at every origin to what a run saw there. Its point forecast is its
 * mean; its quantiles are those of joint sample paths (model/statistical/sample_paths.h), drawn
 * with the seed of the model. Values below 0 are 0, as demand is. A history that a forecaster
 * refuses gets the seasonal naive baseline instead, and is counted; so do all, where a global one
 * could not learn. Periods that were sold out are lower bounds for alm_count, which can use them,
 * and not known to the others, to the global ones and to that baseline.
 *
 * Histories are tasks of the pool, each with its own place for results: the same bits for any
 * number of threads. */
#ifndef ALM_TRAIN_BESIDE_H
#define ALM_TRAIN_BESIDE_H

#include "base/pool.h"
#include "decide/stock_score.h"
#include "model/statistical/statistical.h"

struct alm_global_kind;
struct alm_global_past;

typedef struct alm_beside_global {
    const struct alm_global_kind *kind;
    void *state; /* of the fit in force; NULL: there is none */
} alm_beside_global;

typedef struct alm_beside {
    const alm_forecaster_kind *const *kind;
    size_t count;
    size_t season, steps;
    size_t delay; /* periods between the last value of a history and step 1 */
    const double *levels; /* of the quantiles */
    size_t level_count;
    uint64_t seed;
    alm_pool *pool;
    const alm_stock_rule *stock; /* NULL: no levels; else its lead is below `steps` */
    const alm_beside_global *global; /* rows behind those of `kind` */
    size_t global_count;
    const struct alm_global_past *past; /* of the origin at hand, for the global ones */
} alm_beside;

static inline size_t alm_beside_rows(const alm_beside *beside)
{
    return beside->count + beside->global_count;
}

typedef struct alm_beside_history {
    const double *y; /* from the first demand on; NaN: not known */
    size_t count;
    uint64_t series;      /* names its sample paths */
    const uint8_t *bound; /* 1: sold out, y is a lower bound of demand; NULL: none is */
} alm_beside_history;

/* The values with NaN for bounds: `y` itself where there are none, else in `arena`. */
const double *alm_beside_known(const alm_beside_history *history, alm_arena *arena);

typedef struct alm_beside_forecast {
    double *mean;      /* steps */
    double *quantiles; /* level_count x steps */
    double *stock;     /* steps - lead: levels of the stock rule; of sums of means without paths */
    bool refused;      /* the seasonal naive baseline instead */
} alm_beside_forecast;

/* out: histories x rows; what it points to lies in `arena`. */
ALM_NODISCARD alm_err alm_beside_run(const alm_beside *beside, const alm_beside_history *histories,
                                     size_t count, alm_arena *arena, alm_beside_forecast *out,
                                     alm_error *error);

#endif
