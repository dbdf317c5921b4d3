#include "http/endpoint/endpoints.h"
#include "http/job_schema.h"

static void run(const alm_call *call, alm_reply *reply)
{
    alm_error error = {0};
    alm_job job;
    alm_str model, snapshot;
    alm_desk *desk = almi_desk_of(call, reply);
    if (!desk) {
        return;
    }
    alm_job_asker asker = almi_asker_of(call);
    alm_err code = alm_json_get_str(call->body, "model", &model, &error);
    code = code ? code : alm_json_get_str(call->body, "snapshot", &snapshot, &error);
    if (code == ALM_OK && !alm_identity_may_use(call->identity, model)) {
        code = alm_fail(&error, ALM_ERR_DENIED, "your credentials do not allow this model");
    }
    code = code ? code : alm_desk_train(desk, model, snapshot, &asker, &job, &error);
    if (code != ALM_OK) {
        almi_job_refuse(call, &error, reply);
    } else {
        almi_job_reply(call, 202, &job, reply);
    }
}

static const alm_schema snapshot_schema = {
    .kind = ALM_SCHEMA_STRING, .count_min = 4, .count_max = 64};

static const alm_schema_member members[] = {
    {"model", &alm_schema_name, true, "A model, or a signal, of the project."},
    {"snapshot", &snapshot_schema, true, "The first digits of a snapshot's id; they are unique."},
};

static const alm_schema request = {
    .name = "TrainRequest",
    .doc = "What is learned from what.",
    .kind = ALM_SCHEMA_OBJECT,
    ALM_MEMBERS(members),
};

const alm_route almi_route_train_model = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/models/train",
    .operation = "trainModel",
    .tag = "Jobs",
    .summary = "Train a model of the project from a snapshot",
    .text = "The same as `almanac train`, in a process of its own; the folder of the project must "
            "be committed. The release that comes out is registered and no more: it is compared, "
            "approved and deployed like any other. Seeds and every other parameter stand in "
            "almanac.yaml, so that the commit says what was trained.",
    .scope = ALM_SCOPE_TRAINER,
    .request = &request,
    .response = {{202, ALM_TYPE_JSON, &almi_job_schema, "It waits for its turn."},
                 {404, ALM_TYPE_PROBLEM, NULL, "The project has no such model."},
                 {409, ALM_TYPE_PROBLEM, NULL, "The service has no project."}},
    .run = run,
};
