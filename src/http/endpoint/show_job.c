#include "http/endpoint/endpoints.h"
#include "http/job_schema.h"

static void run(const alm_call *call, alm_reply *reply)
{
    alm_job job;
    alm_desk *desk = almi_desk_of(call, reply);
    if (desk && almi_job_find(call, desk, &job, reply)) {
        almi_job_reply(call, 200, &job, reply);
    }
}

const alm_route almi_route_show_job = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/jobs/{job}",
    .operation = "getJob",
    .tag = "Jobs",
    .summary = "How far a job is",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &almi_job_schema, "The job."},
                 {404, ALM_TYPE_PROBLEM, NULL, "There is no such job."},
                 {409, ALM_TYPE_PROBLEM, NULL, "The service has no project."}},
    .run = run,
};
