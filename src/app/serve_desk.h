/* serve_desk.h: what a service with a project has besides: its audit record, and its desk. */
#ifndef ALM_APP_SERVE_DESK_H
#define ALM_APP_SERVE_DESK_H

#include "app/cli.h"
#include "http/service.h"

typedef struct almi_serve_desk {
    alm_children *children;
} almi_serve_desk;

/* Sets service->audit and service->desk where the command is in a project; otherwise does nothing.
 * Nothing runs before alm_desk_start. */
ALM_NODISCARD alm_err almi_serve_desk_open(almi_cli *cli, alm_service *service,
                                           almi_serve_desk *out, alm_error *error);
/* Ends what runs. Takes one that was not opened, or in part. */
void almi_serve_desk_close(almi_serve_desk *desk, alm_service *service);

#endif
