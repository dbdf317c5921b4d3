#include "http/endpoint/endpoints.h"
#include "http/endpoint/model_reply.h"

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    const alm_committed_set *set = answering.online.set;
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_key(&json, "models");
    alm_json_open_array(&json);
    for (size_t i = 0; i < set->releases; i++) {
        if (almi_answer_may_use(&answering, set->release[i].name)) {
            almi_model_put(&answering, &set->release[i], &json);
        }
    }
    alm_json_close_array(&json);
    almi_answer_put_text(&json, "problem", set->problem);
    alm_json_close_object(&json);
    almi_answer_end(&answering);
}

static const alm_schema models = {.kind = ALM_SCHEMA_ARRAY, .items = &almi_schema_model};
static const alm_schema_member members[] = {
    {"models", &models, true, "In the order of registration."},
    {"problem", &almi_schema_text, true, "Why the registry cannot be read now; null: it can."},
};
static const alm_schema reply_schema = {.name = "Models", .doc = "All releases.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_list_models = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/models",
    .operation = "listModels",
    .tag = "Models",
    .summary = "All releases of the registry that the caller may use, and where they answer",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The releases."}},
    .run = run,
};
