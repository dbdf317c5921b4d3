/* model_reply.h: a release of the registry as JSON, for the endpoints of models. */
#ifndef ALM_HTTP_ENDPOINT_MODEL_REPLY_H
#define ALM_HTTP_ENDPOINT_MODEL_REPLY_H

#include "http/endpoint/answer.h"

extern const alm_schema almi_schema_model;

void almi_model_put(const almi_answering *answering, const alm_committed_release *release,
                    alm_json_writer *json);

#endif
