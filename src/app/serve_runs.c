#include "app/serve_runs.h"

#define ENGINE_MEMORY ((uint64_t)512 << 20) /* of the table engine while it reads a run */
#define RETRY_S 30

static uint64_t now_ns(void *context)
{
    return alm_env_monotonic_ns(context);
}

static void log_sources(const alm_service *service, const alm_committed_route *route)
{
    const alm_committed_source *fixed[] = {&route->current, &route->previous};
    for (size_t i = 0; i < 2 + route->beside_count; i++) {
        const alm_committed_source *source = i < 2 ? fixed[i] : &route->beside[i - 2];
        alm_str text = source->detail.size ? source->detail : source->problem;
        if (text.size > 0) {
            alm_observer_log(service->observer, ALM_LOG_WARN, "route " ALM_STR_FMT ": " ALM_STR_FMT,
                             ALM_STR_ARG(route->spec->name), ALM_STR_ARG(text));
        }
    }
}

void almi_serve_runs_follow(const almi_serve_runs *runs)
{
    if (runs->committed && runs->service->live) {
        alm_live_follow(runs->service->live, alm_committed_current(runs->committed));
    }
}

const alm_committed_set *almi_serve_runs_renew(almi_serve_runs *runs)
{
    bool changed = false;
    alm_error error;
    if (!runs->committed) {
        return NULL;
    }
    const alm_service *service = runs->service;
    alm_err code = alm_committed_refresh(runs->committed, alm_env_now(service->env), &changed,
                                         &error);
    if (code != ALM_OK && !runs->has_problem) {
        alm_observer_log(service->observer, ALM_LOG_ERROR, "what is new cannot be read, what is "
                         "loaded goes on answering: %s", error.message);
    }
    runs->has_problem = code != ALM_OK;
    const alm_committed_set *set = alm_committed_current(runs->committed);
    for (size_t i = 0; changed && i < set->routes; i++) {
        log_sources(service, &set->route[i]);
    }
    if (changed) {
        almi_serve_runs_follow(runs);
    }
    return alm_committed_current(runs->committed);
}

static alm_err open_runs(almi_cli *cli, int workers, almi_serve_runs *runs, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(almi_open_predictions(cli, true, error));
    ALM_TRY(alm_epoch_create((size_t)workers, &runs->epoch, error));
    alm_committed_options options = {
        .project = cli->project,
        .stores = {cli->registry, cli->objects, cli->predictions},
        .epoch = runs->epoch,
        .memory_limit_bytes = runs->service->memory_limit_bytes,
        .engine_memory_bytes = ENGINE_MEMORY,
        .retry_s = RETRY_S};
    ALM_TRY(alm_committed_create(&options, &runs->committed, error));
    (void)almi_serve_runs_renew(runs);
    return ALM_OK;
}

alm_err almi_serve_runs_open(almi_cli *cli, int workers, almi_serve_runs *out,
                             alm_service *service, alm_error *error)
{
    *out = (almi_serve_runs){.service = service};
    alm_err code = almi_open_project(cli, error);
    if (code == ALM_ERR_NOT_FOUND && !cli->directory) {
        almi_note(cli, "no project here: predictions of committed runs are not served");
        return ALM_OK;
    }
    ALM_TRY(code);
    if (cli->project->bars.source.size > 0) {
        almi_note(cli, "a project of bars has no committed runs to serve");
        return ALM_OK;
    }
    code = open_runs(cli, workers, out, error);
    if (code != ALM_OK) {
        almi_serve_runs_close(out);
        return code;
    }
    service->project = cli->project;
    service->committed = out->committed;
    service->epoch = out->epoch;
    service->clock = (alm_ladder_clock){now_ns, &cli->env};
    return ALM_OK;
}

void almi_serve_runs_close(almi_serve_runs *runs)
{
    alm_committed_destroy(runs->committed);
    alm_epoch_destroy(runs->epoch);
    *runs = (almi_serve_runs){0};
}
