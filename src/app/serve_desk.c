#include "app/serve_desk.h"

#include <unistd.h>

#include "app/session.h"

#define CHILD_NICE 10 /* whoever serves goes first */

alm_err almi_serve_desk_open(almi_cli *cli, alm_service *service, almi_serve_desk *out,
                             alm_error *error)
{
    alm_error none;
    alm_err found = almi_open_project(cli, &none);
    if (found == ALM_ERR_NOT_FOUND && !cli->directory) {
        return ALM_OK;
    }
    if (found != ALM_OK) { /* it is there, or was named, and is not in order */
        return alm_fail(error, found, "%s", none.message);
    }
    ALM_TRY(alm_fs_make_directories(cli->env.fs, cli->project->state, error));
    ALM_TRY(alm_audit_open(cli->env.fs, almi_state_path(cli, "audit"), &service->audit, error));
    out->children = alm_children_spawn_create("/proc/self/exe", environ, CHILD_NICE);
    alm_desk_options options = {.project = cli->project,
                                .children = out->children,
                                .context = service,
                                .note = alm_service_note_job};
    return alm_desk_create(&cli->env, &options, &service->desk, error);
}

void almi_serve_desk_close(almi_serve_desk *desk, alm_service *service)
{
    alm_desk_destroy(service->desk);
    alm_children_destroy(desk->children);
    alm_audit_close(service->audit);
    service->desk = NULL;
    service->audit = NULL;
    desk->children = NULL;
}
