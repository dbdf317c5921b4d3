/* online.h: what an online answer is given from, and what every answer says about itself.
 *
 * Operations (demand_answer.h, stockout_answer.h) work on a set that is read inside an epoch, and
 * their answers are views into its runs: an answer is written out before the epoch is left.
 */
#ifndef ALM_SERVE_ONLINE_H
#define ALM_SERVE_ONLINE_H

#include "serve/committed/committed.h"
#include "serve/answer/ladder.h"
#include "serve/answer/policy.h"

typedef struct alm_online {
    const alm_project *project;
    const alm_committed_set *set;
    alm_ladder_clock clock; /* monotonic, of deadlines */
    uint64_t waited_ns;     /* of the deadline, before the request was worked on */
    alm_instant now;        /* of the calendar, of ages */
} alm_online;

/* What a request says about where to look. */
typedef struct alm_online_ask {
    alm_str route;   /* empty: the only one */
    alm_str release; /* a model version or an alias; empty: the route's */
    alm_str node;    /* a name, or else `keys` */
    alm_str level;   /* of `node`; empty: a series, or the one aggregate of that name */
    const alm_str *keys; /* values of all series keys, in the project's order */
    size_t key_count;
} alm_online_ask;

typedef struct alm_online_target {
    const alm_committed_route *route;
    const alm_committed_source *source; /* of the release asked for */
    alm_str asked;     /* the release as it was asked for, or as the route has it */
    bool may_previous; /* the route allows it and no model version was named */
} alm_online_target;

/* ALM_ERR_USAGE: no route is named and there are several. ALM_ERR_NOT_FOUND: route or release; both
 * list what is known. ALM_ERR_UNAVAILABLE: the route's release cannot be resolved now. */
ALM_NODISCARD alm_err alm_online_target_of(const alm_online *online, const alm_online_ask *ask,
                                           alm_online_target *out, alm_error *error);
/* The node that was asked for, in a run. */
ALM_NODISCARD alm_err alm_online_find(const alm_online_ask *ask, const alm_committed_run *run,
                                      alm_committed_node *out, alm_error *error);
/* May a real-time computation be made for this purpose? `approved` are the endpoint's own.
 * ALM_ERR_INVALID: none is given; ALM_ERR_DENIED: it is neither the endpoint's nor the route's. */
ALM_NODISCARD alm_err alm_online_check_purpose(const alm_deployment_spec *route, alm_str purpose,
                                               const char *const *approved, size_t count,
                                               alm_error *error);

/* Days since the run's prediction date; a clock behind it gives 0. */
int64_t alm_online_age_days(const alm_online *online, const alm_committed_run *run);
bool alm_online_is_stale(const alm_online *online, const alm_committed_route *route,
                         const alm_committed_run *run);

/* A policy that changed numbers of an answer, and how many. */
typedef struct alm_online_limited {
    alm_str policy;
    size_t numbers;
} alm_online_limited;

#define ALM_ONLINE_LIMITED_MAX 6 /* three limits on forecasts, three on orders */

/* What every answer carries. Texts are views into the set, the request or the project. */
typedef struct alm_online_label {
    alm_ladder_outcome outcome; /* served_by, reason, what the steps above said */
    bool is_degraded;           /* not the first step of the ladder */
    bool is_computed;           /* a model answered, for this request */
    alm_str route;
    alm_str asked_release;
    alm_str model_version; /* that answered; of a rule that of the run it goes by, or empty */
    const alm_committed_facts *run; /* that answered, or that a rule goes by; NULL: none */
    int64_t age_days, age_s; /* of the numbers: since the run's prediction date; 0 of a model */
    alm_str problem; /* what is wrong with newer runs or with the stores; empty: nothing */
    alm_online_limited limited[ALM_ONLINE_LIMITED_MAX];
    size_t limited_count;
} alm_online_label;

void alm_online_label_init(const alm_online *online, const alm_online_target *target,
                           alm_online_label *out);
/* For what a rule cannot tell: the models where something is computed, then the release's run, then
 * (without a computation) that of the release promoted before where the route allows it, then
 * nobody. `label` is set when somebody answered. ALM_ERR_UNAVAILABLE, or the caller's error. */
typedef struct alm_online_model { /* a step; see alm_ladder_step */
    alm_step_result (*run)(void *context, uint64_t until_ns, alm_error *error);
    void *context;
    alm_str model_version;
    alm_breaker *breaker; /* may be NULL */
    uint64_t slow_ns;
} alm_online_model;

typedef struct alm_online_asking {
    const alm_online_ask *ask;
    const alm_online_model *model;    /* NULL: committed numbers */
    const alm_online_model *previous; /* with a model */
    /* Gets a run that is not stale and the node in it; it answers, or finds the caller's error
     * (ALM_STEP_CALLER) or a reason to go on. */
    alm_step_result (*take)(void *context, const alm_committed_run *run,
                            const alm_committed_node *node, alm_error *error);
    void *context;
} alm_online_asking;

ALM_NODISCARD alm_err alm_online_ask_runs(const alm_online *online, const alm_online_asking *asking,
                                          alm_online_label *label, alm_error *error);

/* `policy` changed one number more; empty: none did. */
void alm_online_label_limit(alm_online_label *label, alm_str policy);
/* Fills in what follows from the run. NULL: no run. */
void alm_online_label_run(const alm_online *online, const alm_committed_run *run,
                          alm_online_label *label);

#endif
