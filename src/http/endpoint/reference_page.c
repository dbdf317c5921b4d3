#include "http/endpoint/endpoints.h"

static void run(const alm_call *call, alm_reply *reply)
{
    reply->status = 200;
    reply->content_type = ALM_TYPE_HTML;
    alm_reply_header(reply, "Content-Security-Policy",
                     ALM_STR("default-src 'none'; style-src 'unsafe-inline'"));
    alm_buffer_str(reply->body, alm_buffer_view(call->service->reference));
}

const alm_route almi_route_reference_page = {
    .method = ALM_METHOD_GET,
    .path = "/reference",
    .operation = "getReference",
    .tag = "Documents",
    .summary = "This interface as a page to read",
    .response = {{200, ALM_TYPE_HTML, NULL, "The page."}},
    .run = run,
};
