/* oip_schema.h: schemas of the Open Inference Protocol's documents; for http/endpoint/ only. */
#ifndef ALM_HTTP_ENDPOINT_OIP_SCHEMA_H
#define ALM_HTTP_ENDPOINT_OIP_SCHEMA_H

#include "http/schema.h"

extern const alm_schema almi_oip_server_schema, almi_oip_model_schema, almi_oip_ready_schema,
    almi_oip_live_schema, almi_oip_reply_schema, almi_oip_index_schema,
    almi_oip_statistics_schema, almi_oip_empty_schema;

#endif
