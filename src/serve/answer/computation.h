/* computation.h: forecasts of one series that are computed for a request, as steps of the ladder.
 *
 * A computation is of a route, for a purpose that is approved (online.h). It has one or several
 * variants: the series as it is or with changes (overlay.h), all of one moment of one online state,
 * with the same sample paths' random numbers. The steps are `current`, the model of the release
 * that the request or the route names, and `previous`, that of the release promoted before, kept
 * warm. Each computes once, all variants or none; a
 * variant that asks for the same as the first shares its result.
 *
 * A step is not there (ALM_STEP_ABSENT) where no line of its release is open, and for a series that
 * is too young for a level of its own, of which the committed run has a forecast. What is wrong
 * with the changes is the caller's own error, and ends the ladder. A step gives up between variants
 * when its time is over.
 *
 * Where lines come from is the source's business (live.h; tests have their own). Results lie in the
 * arena of the request and borrow nothing from the line. */
#ifndef ALM_SERVE_COMPUTATION_H
#define ALM_SERVE_COMPUTATION_H

#include "base/breaker.h"
#include "pipeline/pipeline.h"
#include "serve/answer/demand_answer.h"
#include "serve/live/recompute.h"

typedef struct alm_computing_line { /* borrowed until the leave */
    const alm_bundle *bundle;
    const alm_online_state *state;
    const alm_online_now *now;
    const alm_base_workspace *workspace; /* of the calling thread */
    alm_str run_id;                      /* of the run whose snapshot the state began with */
    void *own;                           /* the source's */
} alm_computing_line;

typedef struct alm_computing_source {
    /* ALM_ERR_UNAVAILABLE with the reason: there is no such line, and nothing to leave. */
    alm_err (*enter)(void *context, alm_str route, alm_str model_version, alm_computing_line *out,
                     alm_error *error);
    void (*leave)(void *context, const alm_computing_line *line);
    void *context;
} alm_computing_source;

typedef struct alm_variant {
    alm_changes changes;
    double factor; /* of the demand; 0: 1 */
} alm_variant;

#define ALM_VARIANTS_MAX 33

typedef struct alm_computing_breakers { /* of one route; any thread */
    alm_breaker current, previous;
} alm_computing_breakers;

void alm_computing_breakers_init(alm_computing_breakers *breakers);

typedef struct alm_computation_request { /* borrowed as long as the computation */
    const alm_online *online;
    const alm_online_ask *ask;
    alm_str purpose;
    const char *const *approved; /* purposes of the endpoint's own */
    size_t approved_count;
    const alm_variant *variant;
    size_t variants; /* 1 to ALM_VARIANTS_MAX */
    bool explain;    /* lines of every variant */
    const alm_computing_source *source;  /* NULL: nothing is computed here, and the steps say so */
    alm_computing_breakers *breakers;    /* of all deployments of the project; NULL: none */
} alm_computation_request;

typedef struct alm_computed { /* one variant */
    alm_recomputed forecast;
    const double *level; /* of the quantiles */
    size_t levels;
    const alm_change_reach *reach; /* by change of a column */
    size_t replaced, extended;     /* days of sales */
    bool counts;                   /* the target is counted in ones */
    /* With `explain`: steps x ALM_EXPLANATIONS_MAX lines that sum to the mean, and how many. */
    const alm_explanation *explanation;
    const uint8_t *explanations;
} alm_computed;

typedef struct alm_computation alm_computation;

/* The state that was looked at, so that it can be had again (serve/live/live_past.h). */
typedef struct alm_computation_state {
    alm_str run_id;    /* whose snapshot it began with; empty: nobody looked, or it moved
                        * between two looks */
    alm_date end;      /* the first day that was not over */
    uint64_t events;   /* of the log, those below this sequence were counted */
    alm_digest bundle; /* of the release */
} alm_computation_state;

typedef struct alm_computation_side {
    alm_computation *of;
    const alm_committed_source *source;
    alm_computation_state seen; /* by whoever looked last */
    unsigned looks;
    bool has_moved; /* a day was over, or a line opened, between two of them */
    alm_str release;            /* empty: none */
    const char *missing;        /* why, where it is empty */
    alm_demand_model model;     /* of variant 0, for alm_demand */
    alm_online_model step;      /* for alm_online_ask_runs */
    const alm_computed *result; /* by variant; NULL: it did not answer */
    size_t failed;              /* the variant that went wrong */
} alm_computation_side;

struct alm_computation {
    const alm_computation_request *request;
    alm_arena *arena;
    alm_online_target target;
    const alm_str *keys;
    size_t key_count;
    alm_computation_side current, previous;
    /* Days of variant 0 of the current release; steps 0: it is not there. */
    alm_date first;
    int32_t steps;
};

/* Finds route, release and series, and asks whether the purpose is approved; computes nothing.
 * Errors of alm_online_target_of and alm_online_check_purpose; ALM_ERR_INVALID: an aggregate. */
ALM_NODISCARD alm_err alm_computation_begin(const alm_computation_request *request,
                                            alm_arena *arena, alm_computation **out,
                                            alm_error *error);
/* As a step of a ladder, `context` being a side. */
alm_step_result alm_computation_step(void *context, uint64_t until_ns, alm_error *error);
/* The side whose result is given out; NULL: a run or a rule answered. */
const alm_computation_side *alm_computation_answered(const alm_computation *computation,
                                                     const alm_ladder_outcome *outcome);

/* The series that was computed, and where the committed run of the side's release has it. */
typedef struct alm_computed_node {
    alm_str name; /* as the store has it */
    const alm_committed_run *run; /* NULL: it is not there, or does not have it */
    alm_committed_node stored;
} alm_computed_node;

alm_computed_node alm_computation_node(const alm_computation_side *side, alm_arena *arena);

#endif
