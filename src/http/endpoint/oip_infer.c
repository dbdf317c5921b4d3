#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/endpoint/oip_round.h"
#include "http/endpoint/serving.h"
#include "http/protocol/oip.h"
#include "serve/models/inference_join.h"

static const char LENGTH[] = "inference-header-content-length";

static alm_err read(almi_visit *visit, alm_oip_request *asked, alm_inference_input *input,
                    alm_error *error)
{
    const alm_request *request = visit->call->request;
    ALM_TRY(almi_visit_model(visit, error));
    ALM_TRY(alm_oip_read(request->body, alm_request_header(request, LENGTH), request->arena,
                         asked, error));
    return alm_oip_input(asked, alm_served_model_describe(visit->model)->scorer, request->arena,
                         input, error);
}

static alm_err write(const almi_visit *visit, const alm_oip_request *asked,
                     const alm_inference_answer *answered, alm_error *error)
{
    const alm_request *request = visit->call->request;
    const alm_served_info *info = alm_served_model_describe(visit->model);
    size_t json_bytes = 0;
    ALM_TRY(alm_oip_write(asked, info, answered, visit->reply->body, &json_bytes, error));
    almi_visit_reply(visit, json_bytes ? "application/octet-stream" : ALM_TYPE_JSON);
    if (json_bytes) {
        alm_reply_headerf(visit->reply, request, "Inference-Header-Content-Length", "%zu",
                          json_bytes);
    }
    return ALM_OK;
}

static alm_err answer(almi_visit *visit, alm_error *error)
{
    alm_oip_request asked;
    alm_inference_input input;
    alm_inference_answer answered;
    ALM_TRY(read(visit, &asked, &input, error));
    ALM_TRY(almi_visit_run(visit, &input, &answered, error));
    return write(visit, &asked, &answered, error);
}

/* ---- answered together ---- */

typedef struct one {
    almi_visit visit;
    alm_oip_request asked;
    alm_inference_input input;
    alm_error error;
    bool is_read;
} one;

static void run_all(const alm_service *service, int worker, one *list, size_t count,
                    alm_arena *arena)
{
    alm_inference_part *part = ALM_NEW_ARRAY(arena, alm_inference_part, count);
    size_t parts = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].is_read) {
            part[parts++] = (alm_inference_part){.model = list[i].visit.model,
                                                 .input = &list[i].input};
        }
    }
    uint64_t begun_ns = alm_env_monotonic_ns(service->env);
    alm_inference_run_parts((size_t)worker, part, parts, arena);
    uint64_t share_ns = (alm_env_monotonic_ns(service->env) - begun_ns) / (parts ? parts : 1);
    for (size_t i = 0, k = 0; i < count; i++) {
        almi_visit *visit = &list[i].visit;
        if (!list[i].is_read) {
            almi_visit_fail(visit, &list[i].error);
            continue;
        }
        const alm_inference_part *own = &part[k++];
        alm_error error = own->error;
        alm_err code = own->code;
        visit->read_ns = begun_ns;
        visit->answered_ns = begun_ns + share_ns; /* of a call for all */
        visit->rows = code == ALM_OK ? own->answer.rows : 0;
        code = code == ALM_OK ? write(visit, &list[i].asked, &own->answer, &error) : code;
        if (code != ALM_OK) {
            almi_visit_fail(visit, &error);
        }
    }
}

void almi_oip_end_round(const alm_service *service, int worker)
{
    alm_joined *first = service->joins ? alm_joins_take(service->joins, worker) : NULL;
    size_t count = 0;
    for (alm_joined *j = first; j; j = j->next) {
        count++;
    }
    if (count == 0) {
        return;
    }
    alm_arena *arena = first->call.request->arena;
    one *list = ALM_NEW_ARRAY(arena, one, count);
    alm_model_set *models = service->models;
    const alm_model_snapshot *all = models ? alm_model_set_enter(models, (size_t)worker) : NULL;
    size_t at = 0;
    for (alm_joined *j = first; j; j = j->next) {
        one *o = &list[at++];
        o->visit = almi_visit_within(&j->call, j->reply, all);
        o->is_read = read(&o->visit, &o->asked, &o->input, &o->error) == ALM_OK;
    }
    run_all(service, worker, list, count, arena);
    for (size_t i = 0; i < count; i++) {
        almi_visit_count(&list[i].visit);
    }
    if (all) {
        alm_model_set_leave(models, (size_t)worker);
    }
    alm_joined_wake(first);
}

/* ---- the endpoint ---- */

static void run(const alm_call *call, alm_reply *reply)
{
    if (alm_joins_put(call->service->joins, call, reply)) {
        return;
    }
    almi_visit visit = almi_visit_begin(call, reply);
    alm_error error = {0};
    if (answer(&visit, &error) != ALM_OK) {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_count(&visit);
    almi_visit_end(&visit);
}

static const char *const types[] = {"application/json", "application/octet-stream", NULL};
static const alm_parameter parameters[] = {
    {"Inference-Header-Content-Length", &alm_schema_integer, false, true,
     "Bytes of JSON in front of binary tensors; 0: the body is one row of FP64."},
};
static const char DOC[] =
    "An inference request: one input `[n, f]` with the model's columns in its order, or an input "
    "`[n]` or `[n, 1]` for each column, by name; windows of a net as `[n, steps, columns]`. A "
    "missing value is null. docs/serving-protocols.md has all of it.";

#define RESPONSES                                                                         \
    {{200, ALM_TYPE_JSON, &almi_oip_reply_schema, "The outputs."},                        \
     {200, "application/octet-stream", NULL,                                              \
      "JSON, whose size the header Inference-Header-Content-Length says, then tensors."}, \
     {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model or version."}, \
     {500, ALM_TYPE_PROBLEM, &almi_problem_schema, "The model has no finite answer."}}

const alm_route almi_route_oip_infer = {
    .method = ALM_METHOD_POST,
    .path = "/v2/models/{model}/infer",
    .operation = "oipInfer",
    .tag = "Open Inference Protocol",
    .summary = "Answers of the default version of a model",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true,
    .request_doc = DOC,
    ALM_PARAMETERS(parameters),
    .response = RESPONSES,
    .run = run,
};

const alm_route almi_route_oip_version_infer = {
    .method = ALM_METHOD_POST,
    .path = "/v2/models/{model}/versions/{version}/infer",
    .operation = "oipVersionInfer",
    .tag = "Open Inference Protocol",
    .summary = "Answers of a version of a model",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true,
    .request_doc = DOC,
    ALM_PARAMETERS(parameters),
    .response = RESPONSES,
    .run = run,
};
