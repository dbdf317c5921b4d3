/* job_schema.h: jobs as JSON, for the endpoints that give them. */
#ifndef ALM_HTTP_JOB_SCHEMA_H
#define ALM_HTTP_JOB_SCHEMA_H

#include "http/service.h"
#include "serve/jobs/desk.h"

extern const alm_schema almi_job_schema;

/* As almi_job_schema says. */
void almi_job_write(const alm_job *job, alm_json_writer *json);
/* The whole reply; with 202 also Location, and Retry-After of a second. */
void almi_job_reply(const alm_call *call, int status, const alm_job *job, alm_reply *reply);

/* Why no job was begun. That too many wait already is 429 with Retry-After: nothing failed, and the
 * same request is taken once one of them has begun. */
void almi_job_refuse(const alm_call *call, const alm_error *error, alm_reply *reply);

/* The desk of the service; without one the reply is 409 and says why, and this NULL. */
alm_desk *almi_desk_of(const alm_call *call, alm_reply *reply);
/* Who asks, as jobs record it. */
alm_job_asker almi_asker_of(const alm_call *call);
/* May the caller know of this job? That of a model he may not use is none for him. */
bool almi_job_is_shown(const alm_call *call, const alm_job *job);
/* The job that the path names, if it is shown; else the reply is 404 and this false. */
bool almi_job_find(const alm_call *call, alm_desk *desk, alm_job *out, alm_reply *reply);

#endif
