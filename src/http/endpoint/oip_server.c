#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/protocol/oip.h"

static void run(const alm_call *call, alm_reply *reply)
{
    alm_oip_server server = {ALM_STR("almanac"), alm_str_of(call->service->version)};
    alm_oip_write_server(&server, reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
}

const alm_route almi_route_oip_server = {
    .method = ALM_METHOD_GET,
    .path = "/v2",
    .operation = "oipServer",
    .tag = "Open Inference Protocol",
    .summary = "Name, version and extensions of the server",
    .response = {{200, ALM_TYPE_JSON, &almi_oip_server_schema, "The server."}},
    .run = run,
};
