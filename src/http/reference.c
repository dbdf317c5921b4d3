/* reference.c: the table of routes as one page for people. */
#include <string.h>

#include "http/problem_schema.h"

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c1d1f;background:#fff}"
    "code,h3{font-family:ui-monospace,monospace}h3{font-size:1rem;margin:2rem 0 .3rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;"
    "border-top:1px solid #ddd}"
    "th{font-weight:600}.m{display:inline-block;min-width:4rem;font-weight:700}"
    "@media(prefers-color-scheme:dark){body{color:#e4e5e7;background:#17181a}"
    "td,th{border-color:#3a3c40}a{color:#8ab4f8}}";

static void put_text(alm_buffer *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '<':
            alm_buffer_text(out, "&lt;");
            break;
        case '>':
            alm_buffer_text(out, "&gt;");
            break;
        case '&':
            alm_buffer_text(out, "&amp;");
            break;
        case '"':
            alm_buffer_text(out, "&quot;");
            break;
        default:
            alm_buffer_append(out, c, 1);
        }
    }
}

static const char *kind_text(const alm_schema *schema)
{
    static const char *const names[] = {
        "object", "list", "map", "text", "name", "date", "time", "number", "whole number",
        "true or false", "any",
    };
    return names[schema->kind];
}

static void put_kind(alm_buffer *out, const alm_schema *schema)
{
    alm_buffer_text(out, kind_text(schema));
    if (schema->items) {
        alm_buffer_text(out, " of ");
        put_kind(out, schema->items);
    }
    if (schema->choices) {
        for (size_t i = 0; schema->choices[i]; i++) {
            alm_buffer_text(out, i > 0 ? ", " : ": ");
            put_text(out, schema->choices[i]);
        }
    }
    if (schema->is_nullable) {
        alm_buffer_text(out, " or null");
    }
}

/* Rows of the members, those of objects inside indented by their path. */
static void put_members(alm_buffer *out, const alm_schema *schema, const char *prefix, int depth)
{
    while (schema->items) {
        schema = schema->items;
    }
    for (size_t i = 0; depth < 4 && i < schema->member_count; i++) {
        const alm_schema_member *member = &schema->member[i];
        char path[192];
        size_t room = sizeof path - 1;
        path[0] = '\0';
        strncat(path, prefix, room);
        strncat(path, member->key, room - strlen(path));
        alm_buffer_text(out, "<tr><td><code>");
        put_text(out, path);
        alm_buffer_text(out, "</code></td><td>");
        put_kind(out, member->schema);
        alm_buffer_text(out, member->required ? "</td><td>" : ", optional</td><td>");
        const char *doc = member->doc ? member->doc : member->schema->doc;
        put_text(out, doc ? doc : "");
        alm_buffer_text(out, "</td></tr>\n");
        strncat(path, ".", room - strlen(path));
        put_members(out, member->schema, path, depth + 1);
    }
}

static void put_schema(alm_buffer *out, const char *title, const alm_schema *schema)
{
    alm_buffer_text(out, "<table><tr><th colspan=\"3\">");
    put_text(out, title);
    alm_buffer_text(out, "</th></tr>\n");
    put_members(out, schema, "", 0);
    alm_buffer_text(out, "</table>\n");
}

static void put_responses(alm_buffer *out, const alm_route *route)
{
    int problem[ALMI_PROBLEMS_MAX];
    almi_route_problems(route, problem);
    alm_buffer_text(out, "<table><tr><th>Status</th><th>Reply</th></tr>\n");
    for (size_t i = 0; i < ALM_ROUTE_RESPONSES_MAX && route->response[i].status; i++) {
        alm_buffer_printf(out, "<tr><td>%d</td><td>", route->response[i].status);
        put_text(out, route->response[i].doc);
        alm_buffer_text(out, "</td></tr>\n");
    }
    alm_buffer_text(out, "<tr><td>");
    for (size_t i = 0; problem[i]; i++) {
        alm_buffer_printf(out, "%s%d", i > 0 ? ", " : "", problem[i]);
    }
    alm_buffer_text(out, "</td><td>a problem: <code>application/problem+json</code></td></tr>\n"
                         "</table>\n");
}

static const char *scope_text(alm_scope scope)
{
    static const char *const names[] = {"anybody",  "viewers",   "predictors",
                                        "trainers", "approvers", "administrators"};
    return names[scope];
}

static void put_route(alm_buffer *out, const alm_route *route)
{
    alm_buffer_printf(out, "<h3 id=\"%s\"><span class=\"m\">%s</span> ", route->operation,
                      alm_method_name(route->method));
    put_text(out, route->path);
    alm_buffer_text(out, "</h3>\n<p>");
    put_text(out, route->summary);
    alm_buffer_printf(out, " (for %s)</p>\n", scope_text(route->scope));
    if (route->text) {
        alm_buffer_text(out, "<p>");
        put_text(out, route->text);
        alm_buffer_text(out, "</p>\n");
    }
    if (route->request_doc) {
        alm_buffer_text(out, "<p>");
        put_text(out, route->request_doc);
        alm_buffer_text(out, "</p>\n");
    }
    if (route->request) {
        put_schema(out, "Body", route->request);
    }
    if (route->parameter_count > 0) {
        alm_buffer_text(out, "<table><tr><th colspan=\"3\">Parameters</th></tr>\n");
        for (size_t i = 0; i < route->parameter_count; i++) {
            const alm_parameter *parameter = &route->parameter[i];
            alm_buffer_text(out, "<tr><td><code>");
            put_text(out, parameter->name);
            alm_buffer_text(out, "</code></td><td>");
            put_kind(out, parameter->schema);
            alm_buffer_text(out, parameter->required ? "</td><td>" : ", optional</td><td>");
            put_text(out, parameter->doc ? parameter->doc : "");
            alm_buffer_text(out, "</td></tr>\n");
        }
        alm_buffer_text(out, "</table>\n");
    }
    const alm_schema *reply = route->response[0].schema;
    if (reply && reply->member_count > 0) {
        put_schema(out, "Reply", reply);
    }
    put_responses(out, route);
}

void alm_reference_write(alm_buffer *out)
{
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    const char *tag = "";
    alm_buffer_printf(out,
                      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width\">"
                      "<title>almanac: HTTP interface</title><style>%s</style></head><body>\n"
                      "<h1>almanac: HTTP interface</h1>\n<p>Also as <a href=\"/openapi.json\">"
                      "OpenAPI 3.1</a>.</p>\n", style);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tag, routes[i]->tag) != 0) {
            tag = routes[i]->tag;
            alm_buffer_text(out, "<h2>");
            put_text(out, tag);
            alm_buffer_text(out, "</h2>\n");
        }
        put_route(out, routes[i]);
    }
    alm_buffer_text(out, "</body></html>\n");
}
