/* forecast_reply.h: a demand answer as JSON, for the endpoints that give one. */
#ifndef ALM_HTTP_ENDPOINT_FORECAST_REPLY_H
#define ALM_HTTP_ENDPOINT_FORECAST_REPLY_H

#include "http/endpoint/answer.h"
#include "serve/demand_answer.h"

extern const alm_schema almi_schema_forecast;

/* With everything that the run holds (`stored`), or what was asked for. Inside the epoch. */
void almi_forecast_reply(const almi_answering *answering, const alm_demand_answer *answer,
                         bool stored, alm_reply *reply);

#endif
