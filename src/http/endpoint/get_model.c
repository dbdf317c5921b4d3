#include "http/endpoint/endpoints.h"
#include "http/endpoint/model_reply.h"
#include "http/problem_schema.h"

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    const alm_committed_release *release =
        alm_committed_set_release(answering.online.set, call->value[0]);
    if (release && !almi_answer_may_use(&answering, release->name)) {
        alm_problem what = {.status = 403,
                            .detail = ALM_STR("these credentials are not for this release")};
        alm_reply_problem(reply, call->request, &what);
    } else if (release) {
        alm_json_writer json = alm_json_writer_on(reply->body);
        reply->status = 200;
        reply->content_type = ALM_TYPE_JSON;
        almi_model_put(&answering, release, &json);
    } else {
        alm_problem what = {.status = 404,
                            .detail = ALM_STR("there is no release or alias of this name; "
                                              "/api/v1/models lists all")};
        alm_reply_problem(reply, call->request, &what);
    }
    almi_answer_end(&answering);
}

const alm_route almi_route_get_model = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/models/{id}",
    .operation = "getModel",
    .tag = "Models",
    .summary = "One release, by model version or alias",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &almi_schema_model, "The release."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is none of this name."}},
    .run = run,
};
