#include "http/endpoint/endpoints.h"

static void run(const alm_call *call, alm_reply *reply)
{
    bool is_ready = atomic_load(&call->service->is_ready);
    if (!is_ready) {
        alm_problem what = {.status = 503,
                            .detail = ALM_STR("not ready: it is starting, or about to stop")};
        alm_reply_problem(reply, call->request, &what);
        return;
    }
    reply->status = 200;
    reply->content_type = ALM_TYPE_PLAIN;
    alm_buffer_text(reply->body, "ok\n");
}

const alm_route almi_route_ready = {
    .method = ALM_METHOD_GET,
    .path = "/readyz",
    .operation = "isReady",
    .tag = "Health",
    .summary = "May requests be sent here?",
    .text = "Ready once everything is loaded and warm; no longer ready as soon as the process is "
            "told to stop, while it still answers what comes in.",
    .response = {{200, ALM_TYPE_PLAIN, NULL, "They may."}},
    .run = run,
};
