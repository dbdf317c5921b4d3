/* whatif_reply.h: an answer about scenarios as JSON. */
#ifndef ALM_HTTP_ENDPOINT_WHATIF_REPLY_H
#define ALM_HTTP_ENDPOINT_WHATIF_REPLY_H

#include "http/endpoint/compute_request.h"
#include "serve/answer/whatif.h"

extern const alm_schema almi_schema_whatif;

void almi_whatif_reply(const alm_whatif_request *request, const alm_whatif_answer *answer,
                       alm_reply *reply);

#endif
