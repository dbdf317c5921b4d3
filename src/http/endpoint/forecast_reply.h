/* forecast_reply.h: a demand answer as JSON, for the endpoints that give one. */
#ifndef ALM_HTTP_ENDPOINT_FORECAST_REPLY_H
#define ALM_HTTP_ENDPOINT_FORECAST_REPLY_H

#include "http/endpoint/compute_request.h"
#include "serve/answer/demand_answer.h"

extern const alm_schema almi_schema_forecast;

/* Without a computation everything that the run holds (`computing` NULL), else what was asked for.
 * Inside the epoch. */
void almi_forecast_reply(const almi_answering *answering, const alm_demand_answer *answer,
                         const almi_computing *computing, alm_reply *reply);

#endif
