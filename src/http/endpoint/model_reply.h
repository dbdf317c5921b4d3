/* model_reply.h: a release of the registry as JSON, for the endpoints of models. */
#ifndef ALM_HTTP_ENDPOINT_MODEL_REPLY_H
#define ALM_HTTP_ENDPOINT_MODEL_REPLY_H

#include "http/endpoint/answer.h"

extern const alm_schema almi_schema_model;

/* Figures of a backtest by level, and the schema of one. */
extern const alm_schema almi_schema_level;
void almi_model_put_levels(const alm_committed_release *release, const char *key,
                           alm_json_writer *json);

void almi_model_put(const almi_answering *answering, const alm_committed_release *release,
                    alm_json_writer *json);

#endif
