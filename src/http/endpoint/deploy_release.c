#include "http/endpoint/endpoints.h"
#include "http/job_schema.h"

/* 409 for everything that another state of the release would allow; 403 means the caller. */
static void refuse(const alm_call *call, const alm_error *error, alm_reply *reply)
{
    if (error->code == ALM_ERR_DENIED) {
        alm_problem what = {.status = 409, .detail = alm_str_of(error->message)};
        alm_reply_problem(reply, call->request, &what);
    } else {
        almi_job_refuse(call, error, reply);
    }
}

static void run(const alm_call *call, alm_reply *reply)
{
    alm_error error = {0};
    alm_job job;
    alm_str model;
    alm_desk_deployment what;
    alm_desk *desk = almi_desk_of(call, reply);
    if (!desk) {
        return;
    }
    alm_job_asker asker = almi_asker_of(call);
    alm_err code = alm_json_get_str(call->body, "release", &what.release, &error);
    code = code ? code : alm_json_get_str(call->body, "alias", &what.alias, &error);
    code = code ? code : alm_json_get_str(call->body, "reason", &what.reason, &error);
    if (code == ALM_OK && alm_release_model(what.release, &model) &&
        !alm_identity_may_use(call->identity, model)) {
        alm_problem refused = {.status = 403,
                               .detail = ALM_STR("your credentials do not allow this model")};
        alm_reply_problem(reply, call->request, &refused);
        return;
    }
    code = code ? code : alm_desk_deploy(desk, &what, &asker, &job, &error);
    if (code != ALM_OK) {
        refuse(call, &error, reply);
    } else {
        almi_job_reply(call, 202, &job, reply);
    }
}

static const alm_schema reason_schema = {
    .kind = ALM_SCHEMA_STRING, .count_min = 1, .count_max = ALM_DESK_REASON_BYTES_MAX};

static const alm_schema_member members[] = {
    {"release", &alm_schema_name, true, "A release: demand-3."},
    {"alias", &alm_schema_name, true, "The name that will point to it, such as production."},
    {"reason", &reason_schema, true, "Why; kept in the ledger for good."},
};

static const alm_schema request = {
    .name = "DeployRequest",
    .doc = "Which release an alias means from now on.",
    .kind = ALM_SCHEMA_OBJECT,
    ALM_MEMBERS(members),
};

const alm_route almi_route_deploy_release = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/models/deploy",
    .operation = "deployRelease",
    .tag = "Jobs",
    .summary = "Let an alias point to a release",
    .text = "The same as `almanac models promote`, with the caller as who did it. Needs a recorded "
            "comparison and a recorded approval of the release. What is missing is answered at "
            "once; the entry itself is written by a job, because that waits for a disk, and "
            "perhaps for another process that writes. Models that are loaded stay as they are.",
    .scope = ALM_SCOPE_APPROVER,
    .request = &request,
    .response = {{202, ALM_TYPE_JSON, &almi_job_schema, "It will be written; the job tells."},
                 {404, ALM_TYPE_PROBLEM, NULL, "There is no such release."},
                 {409, ALM_TYPE_PROBLEM, NULL,
                  "A comparison or an approval is missing, the release is experimental or retired, "
                  "the alias points there already, or the service has no project."}},
    .run = run,
};
