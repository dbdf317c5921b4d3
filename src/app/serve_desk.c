#include "app/serve_desk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/session.h"

#define CHILD_NICE 10 /* whoever serves goes first */
#define LOCK_FILE "serve.lock"

/* One process has the jobs and the audit record of a project. The lock ends with the process,
 * however that ends. *out is 0 when another one has it. */
static alm_err take_lock(almi_cli *cli, int *out, alm_error *error)
{
    const char *path = almi_state_path(cli, LOCK_FILE);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
        return alm_fail(error, ALM_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int reason = errno;
        (void)close(file);
        return reason == EWOULDBLOCK
                   ? ALM_OK
                   : alm_fail(error, ALM_ERR_IO, "locking %s: %s", path, strerror(reason));
    }
    *out = file;
    return ALM_OK;
}

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
    ALM_TRY(take_lock(cli, &out->lock, error));
    if (out->lock == 0) {
        almi_note(cli, "another service has the jobs of this project: this one neither trains nor "
                  "deploys");
        return ALM_OK;
    }
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
    if (desk->lock > 0) {
        (void)close(desk->lock);
        desk->lock = 0;
    }
}
