/* serve_live.h: events and online computation behind `almanac serve`: the log of events in the
 * state folder, and a line for every route (serve/live/live.h). */
#ifndef ALM_APP_SERVE_LIVE_H
#define ALM_APP_SERVE_LIVE_H

#include "app/session.h"
#include "http/service.h"

#define ALMI_EVENTS_FOLDER "events" /* in the state folder */

/* After the runs and the desk. One process has the log of a project, as it has the jobs
 * (`has_lock`); without a project, without the lock and where no route is online there is none, and
 * the service says why. */
ALM_NODISCARD alm_err almi_serve_live_open(almi_cli *cli, int workers, bool has_lock,
                                           alm_service *service, alm_error *error);
/* Begins to read the log and the features; the service answers already. */
ALM_NODISCARD alm_err almi_serve_live_start(alm_service *service, alm_error *error);
/* After the server has stopped. */
void almi_serve_live_close(alm_service *service);

#endif
