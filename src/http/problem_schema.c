#include "http/problem_schema.h"

static const alm_schema status = {.kind = ALM_SCHEMA_INTEGER, .min = 400, .max = 599};

static const alm_schema_member members[] = {
    {"type", &alm_schema_string, true, "A URI of the kind of problem, or about:blank."},
    {"title", &alm_schema_string, true, "The kind of problem in words."},
    {"status", &status, true, "The HTTP status."},
    {"detail", &alm_schema_string, false, "What is wrong here, and what to do."},
    {"instance", &alm_schema_string, true, "The path that was asked for."},
    {"pointer", &alm_schema_string, false, "The value at fault in the body (RFC 6901)."},
    {"request_id", &alm_schema_string, true, "The X-Request-ID of the exchange."},
    {"trace_id", &alm_schema_string, true, "The trace id of traceparent, or a new one."},
    {"error", &alm_schema_string, false, "The detail again, for clients of /v1 and /v2."},
};

const alm_schema almi_problem_schema = {
    .name = "Problem",
    .doc = "What went wrong (RFC 9457).",
    .kind = ALM_SCHEMA_OBJECT,
    .is_open = true, /* extensions of single problems */
    ALM_MEMBERS(members),
};

void almi_route_problems(const alm_route *route, int out[ALMI_PROBLEMS_MAX])
{
    size_t count = 0;
    bool has_body = route->request || route->request_types;
    out[count++] = 400;
    if (route->scope != ALM_SCOPE_NONE) {
        out[count++] = 401;
        out[count++] = 403;
    } else if (route->shows_more) {
        out[count++] = 401;
    }
    out[count++] = 413; /* whether it takes a body or not */
    out[count++] = 414;
    if (has_body) {
        out[count++] = 415;
    }
    if (route->scope != ALM_SCOPE_NONE || route->shows_more) {
        out[count++] = 429;
    }
    out[count++] = 431;
    out[count++] = 503;
    alm_assert(count < ALMI_PROBLEMS_MAX);
    out[count] = 0;
}
