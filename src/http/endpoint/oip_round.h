/* oip_round.h: what the service does when a worker has handled all that was readable. */
#ifndef ALM_HTTP_ENDPOINT_OIP_ROUND_H
#define ALM_HTTP_ENDPOINT_OIP_ROUND_H

#include "http/service.h"

/* Answers the inference requests that were put aside (http/joins.h). */
void almi_oip_end_round(const alm_service *service, int worker);

#endif
