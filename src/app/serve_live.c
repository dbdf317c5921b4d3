#include "app/serve_live.h"

#define RETRY_S 30

static void note(void *context, alm_log_level level, const char *message)
{
    const alm_service *service = context;
    alm_observer_log(service->observer, level, "%s", message);
}

static bool any_online(const alm_project *project)
{
    bool any = false;
    for (size_t i = 0; i < project->deployment_count; i++) {
        any = any || project->deployments[i].online;
    }
    return any;
}

static void make_breakers(almi_cli *cli, alm_service *service)
{
    size_t count = cli->project->deployment_count;
    service->breakers = ALM_NEW_ARRAY(cli->arena, alm_computing_breakers, count);
    for (size_t i = 0; i < count; i++) {
        alm_computing_breakers_init(&service->breakers[i]);
    }
}

alm_err almi_serve_live_open(almi_cli *cli, int workers, bool has_lock, alm_service *service,
                             alm_error *error)
{
    service->live_problem = "no project is served here";
    if (!service->committed) {
        return ALM_OK;
    }
    make_breakers(cli, service);
    if (!has_lock) {
        service->live_problem = "another service has the events of this project";
        return ALM_OK;
    }
    if (!any_online(cli->project)) {
        service->live_problem = "no deployment of the project is online";
        return ALM_OK;
    }
    if (workers > ALM_LIVE_WORKERS_MAX) {
        service->live_problem = "too many workers";
        return ALM_OK;
    }
    alm_live_options options = {.env = &cli->env,
                                .project = cli->project,
                                .objects = cli->objects,
                                .log_folder = almi_state_path(cli, ALMI_EVENTS_FOLDER),
                                .workers = (size_t)workers,
                                .memory_limit_bytes = service->memory_limit_bytes,
                                .retry_s = RETRY_S,
                                .note = note,
                                .context = service};
    return alm_live_create(&options, &service->live, error);
}

alm_err almi_serve_live_start(alm_service *service, alm_error *error)
{
    return service->live ? alm_live_start(service->live, error) : ALM_OK;
}

void almi_serve_live_close(alm_service *service)
{
    alm_live_destroy(service->live);
    service->live = NULL;
}
