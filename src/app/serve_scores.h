/* serve_scores.h: the thread that compares committed predictions with what really happened
 * (serve/committed/realised.h), whenever a snapshot or a run has come, and publishes it. It has
 * handles of its own on the stores and one core at most; nobody waits for it. */
#ifndef ALM_APP_SERVE_SCORES_H
#define ALM_APP_SERVE_SCORES_H

#include "app/session.h"
#include "base/thread.h"
#include "http/service.h"

typedef struct almi_serve_scores {
    alm_env env; /* without a pool */
    const alm_project *project;
    const char *registry, *objects; /* paths */
    alm_service *service; /* NULL: it was not started */
    bool has_problem; /* said once */
    alm_thread *thread; /* NULL: it does not run */
    alm_mutex lock;
    alm_condition ending;
    atomic_bool ends;
} almi_serve_scores;

/* Where the service has committed runs; else nothing is started. */
ALM_NODISCARD alm_err almi_serve_scores_start(almi_cli *cli, alm_service *service,
                                              almi_serve_scores *out, alm_error *error);
/* Ends the thread, which gives up what it compares. Takes one that was not started. What it has
 * published goes with almi_serve_scores_close, when the server has stopped. */
void almi_serve_scores_stop(almi_serve_scores *scores);
void almi_serve_scores_close(almi_serve_scores *scores);

#endif
