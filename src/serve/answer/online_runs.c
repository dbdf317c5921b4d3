/* online_runs.c: the ladder of what a rule cannot tell. */
#include "serve/answer/online.h"

typedef struct asking {
    const alm_online *online;
    const alm_online_asking *what;
    alm_online_target target;
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
    if (alm_online_find(a->what->ask, source->run, &node, error) != ALM_OK) {
        return ALM_STEP_CALLER;
    }
    alm_step_result result = a->what->take(a->what->context, source->run, &node, error);
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

static alm_ladder_step model_step(alm_ladder_by by, double share, const alm_online_model *model)
{
    return (alm_ladder_step){.by = by, .share = share, .run = model->run,
                             .context = model->context, .breaker = model->breaker,
                             .slow_ns = model->slow_ns, .is_allowed = true};
}

static size_t set_steps(asking *a, alm_ladder_step *step)
{
    const alm_ladder_shares *shares = &a->target.route->spec->shares;
    const alm_online_asking *what = a->what;
    alm_ladder_step batch = {.by = ALM_LADDER_BATCH, .share = shares->batch, .is_allowed = true,
                             .run = ask_batch, .context = a};
    if (what->model) {
        step[0] = model_step(ALM_LADDER_MODEL, shares->model, what->model);
        step[1] = model_step(ALM_LADDER_PREVIOUS, shares->previous, what->previous);
        step[1].is_allowed = a->target.may_previous;
        step[2] = batch;
        return 3;
    }
    batch.share += shares->model;
    step[0] = batch;
    step[1] = (alm_ladder_step){.by = ALM_LADDER_PREVIOUS, .share = shares->previous,
                                .run = ask_previous, .context = a,
                                .is_allowed = a->target.may_previous};
    return 2;
}

alm_err alm_online_ask_runs(const alm_online *online, const alm_online_asking *what,
                            alm_online_label *label, alm_error *error)
{
    alm_ladder_step step[ALM_LADDER_STEPS_MAX];
    asking a = {.online = online, .what = what};
    ALM_TRY(alm_online_target_of(online, what->ask, &a.target, error));
    alm_ladder ladder = {.step = step,
                         .steps = set_steps(&a, step),
                         .deadline_ns = (uint64_t)a.target.route->spec->deadline_ms * 1000000,
                         .spent_ns = online->waited_ns,
                         .clock = online->clock};
    alm_online_label made;
    alm_online_label_init(online, &a.target, &made);
    ALM_TRY(alm_ladder_run(&ladder, &made.outcome, error));
    made.is_degraded = made.outcome.by != step[0].by;
    made.is_computed = what->model && !a.run;
    if (made.is_computed) {
        made.model_version = made.outcome.by == ALM_LADDER_MODEL ? what->model->model_version
                                                                 : what->previous->model_version;
    } else {
        alm_online_label_run(online, a.run, &made);
    }
    *label = made;
    return ALM_OK;
}
