#include "http/endpoint/endpoints.h"

static void run(const alm_call *call, alm_reply *reply)
{
    (void)call;
    reply->status = 200;
    reply->content_type = ALM_TYPE_PLAIN;
    alm_buffer_text(reply->body, "ok\n");
}

const alm_route almi_route_live = {
    .method = ALM_METHOD_GET,
    .path = "/livez",
    .operation = "isLive",
    .tag = "Health",
    .summary = "Does the process answer?",
    .text = "Looks at nothing else: a failure means that the process should be started again.",
    .response = {{200, ALM_TYPE_PLAIN, NULL, "It does."}},
    .run = run,
};
