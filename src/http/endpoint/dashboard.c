/* dashboard.c: the pages of web/. Whoever may reach the service may have them: they hold no
 * numbers, and what they show they ask for with the credentials of whoever looks at them. */
#include <string.h>

#include "http/endpoint/endpoints.h"
#include "http/web_files.h"

/* Nothing but what this service itself serves: no script or style within a page, no other origin,
 * no frame around it. */
#define POLICY                                                                                  \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                 \
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "            \
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

/* Is the tag among those of If-None-Match? Weak comparison (RFC 9110, 8.8.3.2): a W/ in front does
 * not count. */
static bool has_it(alm_str given, const char *etag)
{
    alm_str tag = alm_str_of(etag + 2);
    for (alm_str rest = given; rest.data && rest.size > 0;) {
        alm_str one = alm_str_trim(alm_str_split(&rest, ','));
        if (one.size > 2 && memcmp(one.data, "W/", 2) == 0) {
            one = (alm_str){one.data + 2, one.size - 2};
        }
        if (alm_str_equal(one, tag) || alm_str_is(one, "*")) {
            return true;
        }
    }
    return false;
}

static void put_headers(const alm_web_file *file, alm_reply *reply)
{
    alm_reply_header(reply, "ETag", alm_str_of(file->etag));
    /* Kept, and asked about each time: a new program may be there, and asking costs a 304. */
    alm_reply_header(reply, "Cache-Control", ALM_STR("no-cache"));
    alm_reply_header(reply, "Content-Security-Policy", ALM_STR(POLICY));
    alm_reply_header(reply, "Cross-Origin-Opener-Policy", ALM_STR("same-origin"));
    alm_reply_header(reply, "Cross-Origin-Resource-Policy", ALM_STR("same-origin"));
    alm_reply_header(reply, "Referrer-Policy", ALM_STR("no-referrer"));
    alm_reply_header(reply, "X-Content-Type-Options", ALM_STR("nosniff"));
}

static void give(const alm_call *call, alm_str name, alm_reply *reply)
{
    const alm_web_file *file = alm_web_file_find(name);
    if (!file) {
        alm_problem what = {.status = 404,
                            .detail = ALM_STR("the dashboard has no file of this name; it begins "
                                              "at /")};
        alm_reply_problem(reply, call->request, &what);
        return;
    }
    put_headers(file, reply);
    if (has_it(alm_request_header(call->request, "if-none-match"), file->etag)) {
        reply->status = 304;
        return;
    }
    reply->status = 200;
    reply->content_type = file->content_type;
    alm_buffer_str(reply->body, (alm_str){(const char *)file->bytes, file->size});
}

static void run_page(const alm_call *call, alm_reply *reply)
{
    give(call, ALM_STR("index.html"), reply);
}

static void run_file(const alm_call *call, alm_reply *reply)
{
    give(call, call->value[0], reply);
}

const alm_route almi_route_dashboard = {
    .method = ALM_METHOD_GET,
    .path = "/",
    .operation = "getDashboard",
    .tag = "Documents",
    .summary = "The dashboard, for a browser",
    .text = "Its pages ask this interface for everything that they show.",
    .response = {{200, ALM_TYPE_HTML, NULL, "The page."},
                 {304, NULL, NULL, "It is the one that If-None-Match names."}},
    .run = run_page,
};

const alm_route almi_route_dashboard_file = {
    .method = ALM_METHOD_GET,
    .path = "/dashboard/{file}",
    .operation = "getDashboardFile",
    .tag = "Documents",
    .summary = "A file of the dashboard",
    .response = {{200, "text/css", NULL, "A style sheet."},
                 {200, "text/javascript", NULL, "A module."},
                 {200, "image/svg+xml", NULL, "A picture."},
                 {200, "text/html", NULL, "A page."},
                 {304, NULL, NULL, "It is the one that If-None-Match names."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is none of this name."}},
    .run = run_file,
};
