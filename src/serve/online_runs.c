/* online_runs.c: the ladder of what only a committed run can tell. */
#include "serve/online.h"

typedef struct asking {
    const alm_online *online;
    const alm_online_ask *ask;
    alm_online_target target;
    alm_online_take take;
    void *context;
    const alm_committed_run *run; /* that answered */
} asking;

static alm_step_result ask_run(asking *a, const alm_committed_source *source, alm_error *error)
{
    alm_committed_node node;
    if (!source->run) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, ALM_STR_FMT, ALM_STR_ARG(source->problem));
        return ALM_STEP_ABSENT;
    }
    if (alm_online_is_stale(a->online, a->target.route, source->run)) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "the run is %lld days old, the route allows %d",
                       (long long)alm_online_age_days(a->online, source->run),
                       (int)a->target.route->spec->stale_days_max);
        return ALM_STEP_STALE;
    }
    if (alm_online_find(a->ask, source->run, &node, error) != ALM_OK) {
        return ALM_STEP_CALLER;
    }
    alm_step_result result = a->take(a->context, source->run, &node, error);
    a->run = result == ALM_STEP_ANSWERED ? source->run : a->run;
    return result;
}

static alm_step_result ask_batch(void *context, uint64_t until_ns, alm_error *error)
{
    asking *a = context;
    (void)until_ns; /* microseconds */
    return ask_run(a, a->target.source, error);
}

static alm_step_result ask_previous(void *context, uint64_t until_ns, alm_error *error)
{
    asking *a = context;
    (void)until_ns;
    if (!a->target.route->previous.release) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "no release was promoted before");
        return ALM_STEP_ABSENT;
    }
    return ask_run(a, &a->target.route->previous, error);
}

alm_err alm_online_ask_runs(const alm_online *online, const alm_online_ask *ask,
                            alm_online_take take, void *context, alm_online_label *label,
                            alm_error *error)
{
    asking a = {.online = online, .ask = ask, .take = take, .context = context};
    ALM_TRY(alm_online_target_of(online, ask, &a.target, error));
    const alm_deployment_spec *spec = a.target.route->spec;
    alm_ladder_step step[] = {
        {.by = ALM_LADDER_BATCH, .share = spec->shares.model + spec->shares.batch,
         .is_allowed = true, .run = ask_batch, .context = &a},
        {.by = ALM_LADDER_PREVIOUS, .share = spec->shares.previous, .run = ask_previous,
         .is_allowed = a.target.may_previous, .context = &a}};
    alm_ladder ladder = {.step = step,
                         .steps = sizeof(step) / sizeof(step[0]),
                         .deadline_ns = (uint64_t)spec->deadline_ms * 1000000,
                         .clock = online->clock};
    alm_online_label made;
    alm_online_label_init(online, &a.target, &made);
    ALM_TRY(alm_ladder_run(&ladder, &made.outcome, error));
    made.is_degraded = made.outcome.by != ALM_LADDER_BATCH;
    alm_online_label_run(online, a.run, &made);
    *label = made;
    return ALM_OK;
}
