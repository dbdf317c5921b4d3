#include "http/endpoint/endpoints.h"
#include "http/endpoint/serving.h"
#include "http/protocol/mlflow_invocations.h"

static alm_err answer(almi_visit *visit, alm_mlflow_type type, alm_error *error)
{
    const alm_request *request = visit->call->request;
    alm_inference_input input;
    alm_inference_answer answered;
    ALM_TRY(almi_visit_only(visit, error));
    ALM_TRY(alm_mlflow_read(request->body, type, request->arena, &input, error));
    ALM_TRY(almi_visit_run(visit, &input, &answered, error));
    alm_mlflow_write(alm_served_model_describe(visit->model), &answered, visit->reply->body);
    almi_visit_reply(visit, ALM_TYPE_JSON);
    return alm_buffer_status(visit->reply->body, error);
}

static void run(const alm_call *call, alm_reply *reply)
{
    const char *why = NULL;
    alm_error error = {0};
    alm_mlflow_type type = alm_mlflow_content_type(alm_request_header(call->request,
                                                                      "content-type"), &why);
    if (type == ALM_MLFLOW_OTHER) {
        alm_problem problem = {.status = 415, .detail = alm_str_of(why)};
        alm_reply_problem(reply, call->request, &problem);
        return;
    }
    almi_visit visit = almi_visit_begin(call, reply);
    if (answer(&visit, type, &error) != ALM_OK) {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_count(&visit);
    almi_visit_end(&visit);
}

static const char *const types[] = {"application/json", "text/csv", NULL};
static const alm_schema predictions = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_any};
static const alm_schema_member members[] = {
    {"predictions", &predictions, true, "A number, a list or a record for each row."},
};
static const alm_schema reply_schema = {
    .name = "MlflowReply", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_invocations = {
    .method = ALM_METHOD_POST,
    .path = "/invocations",
    .operation = "mlflowInvocations",
    .tag = "MLflow and SageMaker",
    .summary = "Answers of the one model that is served",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true, /* looked at by the endpoint, with its parameters */
    .request_doc = "An object with one of `dataframe_split`, `dataframe_records`, `instances` and "
                   "`inputs`; or CSV with a header.",
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The predictions."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "None is served, or several: ask for one by name."},
                 {500, ALM_TYPE_PROBLEM, &almi_problem_schema, "The model has no finite answer."}},
    .run = run,
};
