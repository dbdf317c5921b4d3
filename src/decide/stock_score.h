/* stock_score.h: what a forecast would have cost as a stock rule, on what was really sold.
 *
 * At each period's start the stock is ordered up to a level; the order arrives `lead` periods on,
 * before that period's demand. The level of period t is the quantile of the demand of periods
 * t .. t + lead at shortage / (shortage + holding), which is the newsvendor's best for that
 * forecast. Cost: holding of what is left at a period's end, shortage of what waits then (or, with
 * lost sales, of what was missed). The simulation begins with the first level on hand; the first
 * `lead` periods, which no order can reach, are run but not scored.
 *
 * A forecast of zero costs no holding and all the shortage, which no point score of intermittent
 * demand says. Pure. */
#ifndef ALM_DECIDE_STOCK_SCORE_H
#define ALM_DECIDE_STOCK_SCORE_H

#include <stdint.h>

#include "decide/demand.h"

typedef struct alm_stock_rule {
    size_t lead;           /* periods */
    alm_demand_costs unit; /* holding, shortage > 0 */
    bool lost_sales;       /* else backorders */
} alm_stock_rule;

/* paths: count x steps, values >= 0; out: steps - lead levels, steps > lead. */
ALM_NODISCARD alm_err alm_stock_levels(const alm_stock_rule *rule, const double *paths,
                                       size_t count, size_t steps, double *out, alm_error *error);

typedef struct alm_stock_score { /* sums over scored periods */
    uint64_t periods, short_periods;
    double holding, shortage; /* costs */
    double demand, missing;   /* units; missing: not met in its own period */
} alm_stock_score;

/* One series: `demand` steps >= 0 (NaN: not known, nothing is taken), `level` steps - lead. */
void alm_stock_score_add(alm_stock_score *score, const alm_stock_rule *rule, const double *demand,
                         const double *level, size_t steps);

/* NaN where nothing was scored, or sold. */
double alm_stock_score_cost(const alm_stock_score *score); /* per unit of demand */
double alm_stock_score_fill_rate(const alm_stock_score *score);  /* units met at once */
double alm_stock_score_ready_rate(const alm_stock_score *score); /* periods without a shortage */

#endif
