/* serve_desk.h: what a service with a project has besides: its audit record, and its desk. */
#ifndef ALM_APP_SERVE_DESK_H
#define ALM_APP_SERVE_DESK_H

#include "app/cli.h"
#include "http/service.h"

typedef struct almi_serve_desk {
    alm_children *children;
    int lock; /* of the state folder, held while the service runs; 0: not taken */
} almi_serve_desk;

/* Sets service->audit and service->desk where the command is in a project, and no other service
 * has that project's already (as two have for a while when one takes the other's place); otherwise
 * leaves both NULL. Nothing runs before alm_desk_start. */
ALM_NODISCARD alm_err almi_serve_desk_open(almi_cli *cli, alm_service *service,
                                           almi_serve_desk *out, alm_error *error);
/* Ends what runs. Takes one that was not opened, or in part. */
void almi_serve_desk_close(almi_serve_desk *desk, alm_service *service);

#endif
