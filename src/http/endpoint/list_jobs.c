#include "http/endpoint/endpoints.h"
#include "http/job_schema.h"

static void run(const alm_call *call, alm_reply *reply)
{
    alm_desk *desk = almi_desk_of(call, reply);
    if (!desk) {
        return;
    }
    size_t most = alm_jobs_kept_max(alm_desk_jobs(desk));
    alm_job *jobs = ALM_NEW_ARRAY(call->request->arena, alm_job, most);
    size_t count = alm_jobs_list(alm_desk_jobs(desk), jobs, most);
    alm_json_writer json = alm_json_writer_on(reply->body);
    alm_json_open_object(&json);
    alm_json_key(&json, "jobs");
    alm_json_open_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (almi_job_is_shown(call, &jobs[i])) {
            almi_job_write(&jobs[i], &json);
        }
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
}

static const alm_schema list = {.kind = ALM_SCHEMA_ARRAY, .items = &almi_job_schema};

static const alm_schema_member members[] = {
    {"jobs", &list, true, "The newest first."},
};

static const alm_schema answer = {
    .name = "JobList",
    .doc = "The jobs that are remembered.",
    .kind = ALM_SCHEMA_OBJECT,
    ALM_MEMBERS(members),
};

const alm_route almi_route_list_jobs = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/jobs",
    .operation = "listJobs",
    .tag = "Jobs",
    .summary = "The jobs that are remembered, the newest first",
    .text = "Those of models that the caller may use.",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &answer, "The jobs."},
                 {409, ALM_TYPE_PROBLEM, NULL, "The service has no project."}},
    .run = run,
};
