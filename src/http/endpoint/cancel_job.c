#include "http/endpoint/endpoints.h"
#include "http/job_schema.h"

static void run(const alm_call *call, alm_reply *reply)
{
    alm_job job;
    alm_error error;
    alm_desk *desk = almi_desk_of(call, reply);
    if (!desk || !almi_job_find(call, desk, &job, reply)) {
        return;
    }
    alm_job_asker asker = almi_asker_of(call);
    if (alm_jobs_cancel(alm_desk_jobs(desk), alm_str_of(job.id), &asker, &job, &error) != ALM_OK) {
        alm_reply_error(reply, call->request, &error);
        return;
    }
    almi_job_reply(call, 202, &job, reply);
}

const alm_route almi_route_cancel_job = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/jobs/{job}/cancel",
    .operation = "cancelJob",
    .tag = "Jobs",
    .summary = "Ask a training to end",
    .text = "It is asked to end, and ended by force when it has not ten seconds later; nothing "
            "unfinished is visible. The job itself stays in the list. It is cancelled when its "
            "state says so: it may have come to its result before. Deployments take moments and "
            "are not cancelled.",
    .scope = ALM_SCOPE_TRAINER,
    .response = {{202, ALM_TYPE_JSON, &almi_job_schema, "It is asked to end."},
                 {404, ALM_TYPE_PROBLEM, NULL, "There is no such job."},
                 {409, ALM_TYPE_PROBLEM, NULL,
                  "It has ended, is no training, or the service has no project."}},
    .run = run,
};
