/* serve_runs.h: the committed runs of the project behind `almanac serve`, renewed by the thread
 * that waits for the end. */
#ifndef ALM_APP_SERVE_RUNS_H
#define ALM_APP_SERVE_RUNS_H

#include "app/session.h"
#include "http/service.h"

typedef struct almi_serve_runs {
    alm_epoch *epoch;
    alm_committed *committed;
    const alm_service *service; /* which logs */
    bool has_problem; /* the stores could not be read the last time; said once */
} almi_serve_runs;

/* Opens the project of --project or of this folder, loads its runs and puts them into the service.
 * Without --project and without a project here nothing is served of one, and a note says so. */
ALM_NODISCARD alm_err almi_serve_runs_open(almi_cli *cli, int workers, almi_serve_runs *out,
                                           alm_service *service, alm_error *error);
/* Looks for what is new; problems are logged when something has changed. The set in force, for the
 * thread that renews; NULL: no runs are served. */
const alm_committed_set *almi_serve_runs_renew(almi_serve_runs *runs);
/* Tells the service's live which runs are in force; each renewal does so when they change. */
void almi_serve_runs_follow(const almi_serve_runs *runs);
/* After the server has stopped. */
void almi_serve_runs_close(almi_serve_runs *runs);

#endif
