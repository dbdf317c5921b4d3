/* whatif.h: what would be of one series: scenarios against a base, on the same random numbers.
 *
 * The base is the series as it is, or with what the request knows beside it (base changes, a stock
 * position, terms of an order). A scenario is the base with something otherwise: values of columns
 * to come, a factor of demand, stock, terms. Of each the demand, the stock-out risk and the advice
 * for an order are told, and what they are more than the base's.
 *
 * A DIFFERENCE IS THE SCENARIO'S. Base and scenarios are computed from one moment of one online
 * state. Sample path s of every variant takes the same ranks, which are the history's, and the same
 * counter-based random numbers (pipeline/paths/paths.h): it is the same future seen under two
 * conditions. Nothing is drawn, so a scenario that changes nothing is the base, bit for bit. Risk
 * and advice are counted on these paths.
 *
 * NO EFFECT. What was changed and moves nothing is listed with the reason: a column that no feature
 * of the model reads, one that is known only afterwards, values that are those known anyway, or a
 * model whose answer for this series is the same.
 *
 * The ladder is model, previous, refused: a committed run and a rule know no scenarios. Its time is
 * the route's deadline for each variant. Limits of the project hold: of forecasts for means and
 * quantiles of days, of orders for the order. Answers are advice, never an action. Thread safe. */
#ifndef ALM_SERVE_WHATIF_H
#define ALM_SERVE_WHATIF_H

#include "serve/answer/computation.h"
#include "serve/answer/stock_given.h"
#include "serve/answer/stockout_answer.h"

#define ALM_WHATIF_SCENARIOS_MAX (ALM_VARIANTS_MAX - 1)

typedef struct alm_whatif_case { /* the base, or a scenario over it */
    alm_str name;        /* of a scenario */
    alm_changes changes; /* a scenario's: columns alone, on top of the base's */
    double factor;       /* of demand; 0: 1 */
    alm_stock_given stock; /* what a scenario does not say is the base's */
    bool has_terms;
    alm_replenish_terms terms; /* whole, the base's where a scenario does not say its own */
    bool says_terms;           /* some of them are the scenario's own */
} alm_whatif_case;

typedef struct alm_whatif_request {
    alm_online_ask ask;
    alm_str purpose; /* empty: the endpoint's own */
    int32_t horizon; /* days; 0: all that are computed */
    alm_whatif_case base;
    const alm_whatif_case *scenario;
    size_t scenarios; /* 1 to ALM_WHATIF_SCENARIOS_MAX */
    const alm_computing_source *source;
    alm_computing_breakers *breakers;
} alm_whatif_request;

typedef struct alm_no_effect {
    alm_str change; /* name of a column, or of what was said */
    const char *reason;
} alm_no_effect;

typedef struct alm_whatif_outcome {
    alm_str name;
    const alm_computed *computed; /* before limits */
    const double *mean;     /* days */
    const double *quantile; /* levels x days */
    double demand;          /* over the days */
    const double *demand_quantile; /* levels: of the sum over the days, from the paths */
    size_t clamped;         /* days whose mean a policy changed */
    const char *no_risk;    /* why there is none; NULL: there is */
    alm_stock_position stock;
    const double *by_day; /* days: probability of running out by the end of each */
    double probability, shortfall; /* by the end of the last day */
    double expected_days;   /* restricted mean over all days computed */
    alm_severity severity;
    const char *no_order;   /* why there is no advice; NULL: there is */
    alm_replenish_advice advice;
    double order;           /* within the limits */
    alm_str limited_by;
    const alm_no_effect *no_effect; /* of a scenario */
    size_t no_effects;
} alm_whatif_outcome;

typedef struct alm_whatif_answer {
    alm_online_label label;
    alm_str node;
    alm_date first;
    int32_t days, steps; /* told, and computed */
    alm_str purpose;
    const double *level;
    size_t levels;
    alm_whatif_outcome base;
    const alm_whatif_outcome *scenario; /* as they were asked for */
    size_t scenarios;
    const alm_computation *computation; /* that answered */
} alm_whatif_answer;

/* Errors as in computation.h, and of alm_replenish; they name the scenario. */
ALM_NODISCARD alm_err alm_whatif(const alm_online *online, const alm_whatif_request *request,
                                 alm_arena *arena, alm_whatif_answer *out, alm_error *error);

#endif
