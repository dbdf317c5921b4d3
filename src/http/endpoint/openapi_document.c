#include "http/endpoint/endpoints.h"

static void run(const alm_call *call, alm_reply *reply)
{
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_buffer_str(reply->body, alm_buffer_view(call->service->openapi));
}

static const alm_schema document = {
    .kind = ALM_SCHEMA_OBJECT, .doc = "An OpenAPI document.", .is_open = true};

const alm_route almi_route_openapi_document = {
    .method = ALM_METHOD_GET,
    .path = "/openapi.json",
    .operation = "getDocument",
    .tag = "Documents",
    .summary = "This interface as OpenAPI 3.1",
    .response = {{200, ALM_TYPE_JSON, &document, "The document."}},
    .run = run,
};
