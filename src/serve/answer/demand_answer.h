/* demand_answer.h: demand of one node, from the first step of the ladder that can answer.
 *
 * Without computations the committed run answers (batch, previous, rule) with its own numbers, bit
 * for bit. With them the order is model, previous (computed), batch, rule. Hard limits of the
 * project's policies hold for every answer, by day, before days are added up.
 *
 * Days of a week (Monday to Sunday) or month are added up: means are. Quantiles are not, because
 * the quantile of a sum is not the sum of quantiles: those of several days are those of the sums of
 * joint sample paths (path_sums.h), whose days are limited first as the means are. A computation
 * has its paths at hand, a series of a run has them made again (half a millisecond). An aggregate
 * of a run has none; its periods of several days have no quantiles, and say so (`quantile` NULL).
 * Risks are those at the end of the period, as the store has them cumulated; a computation has
 * none.
 *
 * Errors are the caller's: ALM_ERR_NOT_FOUND (route, release, node), ALM_ERR_USAGE (route or level
 * is not clear), ALM_ERR_INVALID (days outside of the run, an interval that is not stored); or
 * ALM_ERR_UNAVAILABLE (nobody can answer now). Pure: no clock, no I/O; memory is the arena's. */
#ifndef ALM_SERVE_DEMAND_ANSWER_H
#define ALM_SERVE_DEMAND_ANSWER_H

#include "serve/answer/online.h"
#include "serve/answer/rule.h"

typedef enum alm_granularity {
    ALM_GRANULARITY_DAY,
    ALM_GRANULARITY_WEEK,
    ALM_GRANULARITY_MONTH
} alm_granularity;

bool alm_granularity_parse(alm_str name, alm_granularity *out); /* "day", "week", "month" */
const char *alm_granularity_text(alm_granularity granularity);

/* The distribution behind computed means: arrays by day from `first` on, `steps` of them. */
typedef struct alm_demand_spread {
    const double *level; /* rising */
    size_t levels;
    const double *quantile; /* levels x steps */
    size_t steps;
    alm_date first;
    const double *paths; /* path_count x steps: joint sample paths; NULL: none */
    size_t path_count;
} alm_demand_spread;

/* A computation in the caller's thread: `days` means from `first` on into out, finite numbers (else
 * it counts as failed). */
typedef struct alm_demand_model {
    alm_step_result (*run)(void *context, alm_date first, int32_t days, uint64_t until_ns,
                           double *out, alm_error *error);
    /* Of what `run` answered; NULL: it knows means only. */
    void (*spread)(void *context, alm_demand_spread *out);
    void *context;
    alm_str model_version;
    alm_breaker *breaker; /* may be NULL */
    uint64_t slow_ns;
} alm_demand_model;

typedef struct alm_demand_request {
    alm_online_ask ask;
    alm_date from;   /* ALM_DATE_NONE: the first day of the run (without a run: today) */
    int32_t horizon; /* days from there; 0: to the end of the run */
    alm_granularity granularity;
    double interval; /* .9: between the stored .05 and .95; 0: the widest that is stored */
    const alm_demand_model *model;    /* NULL: committed numbers */
    const alm_demand_model *previous; /* the release promoted before, kept warm; NULL: none */
    const alm_rule_history *history;  /* recent sales for the rule; NULL: the run's means */
    bool stored_only; /* the run of the release or nobody, however old: reading, not answering */
} alm_demand_request;

typedef struct alm_demand_period {
    alm_date first, last;
    int32_t days;
    bool is_whole;      /* the whole week or month */
    double mean;        /* as given out */
    double mean_before; /* before limits: the same, or what a policy changed */
    alm_str limited_by; /* the policy that changed the mean of a day; empty: none did */
    const double *quantile; /* by the answer's levels; NULL: not known */
    double low, high;       /* of the interval; NaN: not known */
    double stockout_probability, shortfall; /* by the end of `last`; NaN: not known */
} alm_demand_period;

typedef struct alm_demand_answer {
    alm_online_label label;
    alm_str node, level; /* as the store has them; empty when no run was at hand */
    alm_granularity granularity;
    const alm_demand_period *period;
    size_t periods;
    const double *quantile; /* levels; NULL: the answer has none */
    size_t quantiles;
    double low_level, high_level; /* of the interval; NaN: none */
    bool has_sums; /* some period has several days */
    /* Where a run answered: the node in it, for base means, method, fallback and explanations. */
    const alm_committed_run *run;
    alm_committed_node stored;
    int32_t first_step; /* of the first day in the run, from 1 */
} alm_demand_answer;

ALM_NODISCARD alm_err alm_demand(const alm_online *online, const alm_demand_request *request,
                                 alm_arena *arena, alm_demand_answer *out, alm_error *error);

/* Everything that the run in force holds about a node, day by day, however old it is: as alm_demand
 * with horizon 0 and `stored_only`. The release must be named (ALM_ERR_USAGE lists the known). */
ALM_NODISCARD alm_err alm_node_predictions(const alm_online *online, const alm_online_ask *ask,
                                           alm_arena *arena, alm_demand_answer *out,
                                           alm_error *error);

#endif
