#include "decide/stock_score.h"

#include <math.h>

#include "decide/stock_flow.h"
#include "num/metrics.h"

alm_err alm_stock_levels(const alm_stock_rule *rule, const double *paths, size_t count,
                         size_t steps, double *out, alm_error *error)
{
    alm_assert(steps > rule->lead && count >= 1);
    alm_arena *scratch = alm_arena_create(0);
    double *sum = ALM_NEW_ARRAY(scratch, double, count);
    double ratio = rule->unit.shortage / (rule->unit.shortage + rule->unit.holding);
    alm_err code = ALM_OK;
    for (size_t t = 0; code == ALM_OK && t + rule->lead < steps; t++) {
        for (size_t p = 0; p < count; p++) {
            sum[p] = 0;
            for (size_t h = t; h <= t + rule->lead; h++) {
                sum[p] += paths[p * steps + h];
            }
        }
        alm_demand demand;
        code = alm_demand_of(sum, NULL, count, scratch, &demand, error);
        if (code == ALM_OK) {
            out[t] = alm_demand_quantile(&demand, ratio);
        }
    }
    alm_arena_destroy(scratch);
    return code;
}

static void add_period(alm_stock_score *score, const alm_stock_rule *rule, const alm_stock *stock,
                       double demand, double missing)
{
    score->periods++;
    score->short_periods += missing > 0;
    score->holding += rule->unit.holding * stock->on_hand;
    score->shortage += rule->unit.shortage * (rule->lost_sales ? missing : stock->backlog);
    score->demand += demand;
    score->missing += missing;
}

void alm_stock_score_add(alm_stock_score *score, const alm_stock_rule *rule, const double *demand,
                         const double *level, size_t steps)
{
    alm_assert(steps > rule->lead);
    alm_arena *scratch = alm_arena_create(0);
    double *receipt = ALM_NEW_ARRAY(scratch, double, steps);
    alm_stock stock = {.on_hand = level[0]};
    double on_order = 0;
    for (size_t t = 0; t < steps; t++) {
        if (t + rule->lead < steps) {
            double position = stock.on_hand - stock.backlog + on_order;
            double order = level[t] > position ? level[t] - position : 0;
            receipt[t + rule->lead] = order;
            on_order += order;
        }
        double wanted = isnan(demand[t]) ? 0 : demand[t];
        alm_stock_day day = alm_stock_step(&stock, receipt[t], wanted, rule->lost_sales);
        on_order -= receipt[t];
        if (t >= rule->lead && !isnan(demand[t])) {
            add_period(score, rule, &stock, wanted, day.missing);
        }
    }
    alm_arena_destroy(scratch);
}

double alm_stock_score_cost(const alm_stock_score *score)
{
    return alm_metrics_ratio(score->holding + score->shortage, score->demand);
}

double alm_stock_score_fill_rate(const alm_stock_score *score)
{
    return 1 - alm_metrics_ratio(score->missing, score->demand);
}

double alm_stock_score_ready_rate(const alm_stock_score *score)
{
    return 1 - alm_metrics_ratio((double)score->short_periods, (double)score->periods);
}
