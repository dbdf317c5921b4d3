/* openapi.c: the table of routes as an OpenAPI 3.1 document and as a page. */
#include <stdio.h>
#include <string.h>

#include "http/problem_schema.h"

#define COMPONENTS_MAX 256
#define DEPTH_MAX 32

/* ---- named schemas ---- */

typedef struct components {
    const alm_schema *schema[COMPONENTS_MAX];
    size_t count;
} components;

static void collect(components *all, const alm_schema *schema, int depth)
{
    if (!schema) {
        return;
    }
    alm_assert(depth < DEPTH_MAX);
    if (schema->name) {
        for (size_t i = 0; i < all->count; i++) {
            if (all->schema[i] == schema) {
                return;
            }
            /* Two schemas of one name would hide one of them. */
            alm_assert(strcmp(all->schema[i]->name, schema->name) != 0);
        }
        alm_assert(all->count < COMPONENTS_MAX);
        all->schema[all->count++] = schema;
    }
    collect(all, schema->items, depth + 1);
    for (size_t i = 0; i < schema->member_count; i++) {
        collect(all, schema->member[i].schema, depth + 1);
    }
}

static void collect_route(components *all, const alm_route *route)
{
    collect(all, route->request, 0);
    collect(all, route->request_line, 0);
    for (size_t i = 0; i < ALM_ROUTE_RESPONSES_MAX && route->response[i].status; i++) {
        collect(all, route->response[i].schema, 0);
    }
    for (size_t i = 0; i < route->parameter_count; i++) {
        collect(all, route->parameter[i].schema, 0);
    }
}

/* ---- the document ---- */

static void write_parameter(const alm_parameter *parameter, alm_json_writer *json)
{
    alm_json_open_object(json);
    alm_json_put_text(json, "name", parameter->name);
    alm_json_put_text(json, "in", parameter->in_header ? "header" : "query");
    alm_json_put_bool(json, "required", parameter->required);
    if (parameter->doc) {
        alm_json_put_text(json, "description", parameter->doc);
    }
    alm_json_key(json, "schema");
    alm_schema_write(parameter->schema, json);
    alm_json_close_object(json);
}

static void write_parameters(const alm_route *route, alm_json_writer *json)
{
    alm_json_key(json, "parameters");
    alm_json_open_array(json);
    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{')) {
        size_t size = strcspn(at + 1, "}");
        alm_json_open_object(json);
        alm_json_put_str(json, "name", (alm_str){at + 1, size});
        alm_json_put_text(json, "in", "path");
        alm_json_put_bool(json, "required", true);
        alm_json_key(json, "schema");
        alm_schema_write(&alm_schema_name, json);
        alm_json_close_object(json);
    }
    for (size_t i = 0; i < route->parameter_count; i++) {
        write_parameter(&route->parameter[i], json);
    }
    alm_json_close_array(json);
}

/* A body without a schema; `is_object`: JSON that the endpoint looks at itself is an object. */
static void write_any_body(alm_json_writer *json, const char *type, bool is_object)
{
    bool is_binary = strcmp(type, "application/octet-stream") == 0;
    alm_json_key(json, type);
    alm_json_open_object(json);
    /* Generators of clients leave an operation out when a body of it has no schema. */
    alm_json_key(json, "schema");
    alm_json_open_object(json);
    if (is_binary || strncmp(type, "text/", 5) == 0) {
        alm_json_put_text(json, "type", "string");
    } else if (is_object && strcmp(type, ALM_TYPE_JSON) == 0) {
        alm_json_put_text(json, "type", "object");
    }
    if (is_binary) {
        alm_json_put_text(json, "format", "binary");
    }
    alm_json_close_object(json);
    alm_json_close_object(json);
}

static void write_request(const alm_route *route, alm_json_writer *json)
{
    if (!route->request && !route->request_types) {
        return;
    }
    alm_json_key(json, "requestBody");
    alm_json_open_object(json);
    if (route->request_doc) {
        alm_json_put_text(json, "description", route->request_doc);
    }
    alm_json_put_bool(json, "required", !route->body_is_optional);
    alm_json_key(json, "content");
    alm_json_open_object(json);
    if (route->request) {
        alm_json_key(json, ALM_TYPE_JSON);
        alm_json_open_object(json);
        alm_json_key(json, "schema");
        alm_schema_write(route->request, json);
        alm_json_close_object(json);
    }
    if (route->request_line) { /* a document has no word for lines: it is what each of them is */
        alm_json_key(json, ALM_TYPE_LINES);
        alm_json_open_object(json);
        alm_json_key(json, "schema");
        alm_schema_write(route->request_line, json);
        alm_json_close_object(json);
    }
    for (size_t i = 0; route->request_types && route->request_types[i]; i++) {
        write_any_body(json, route->request_types[i], true);
    }
    alm_json_close_object(json);
    alm_json_close_object(json);
}

static void write_media(const alm_response *response, alm_json_writer *json)
{
    char type[64]; /* without "; charset=..." */
    size_t size = strcspn(response->content_type, ";");
    alm_assert(size < sizeof type);
    memcpy(type, response->content_type, size);
    type[size] = '\0';
    if (!response->schema) {
        write_any_body(json, type, false);
        return;
    }
    alm_json_key(json, type);
    alm_json_open_object(json);
    alm_json_key(json, "schema");
    alm_schema_write(response->schema, json);
    alm_json_close_object(json);
}

static void write_response(const alm_route *route, size_t first, alm_json_writer *json)
{
    const alm_response *response = &route->response[first];
    char status[8];
    snprintf(status, sizeof status, "%d", response->status);
    alm_json_key(json, status);
    alm_json_open_object(json);
    alm_json_put_text(json, "description", response->doc);
    if (response->content_type) {
        alm_json_key(json, "content");
        alm_json_open_object(json);
        for (size_t i = first; i < ALM_ROUTE_RESPONSES_MAX && route->response[i].status; i++) {
            if (route->response[i].status == response->status) {
                write_media(&route->response[i], json);
            }
        }
        alm_json_close_object(json);
    }
    alm_json_close_object(json);
}

static bool has_status(const alm_route *route, size_t before, int status)
{
    for (size_t i = 0; i < before && route->response[i].status; i++) {
        if (route->response[i].status == status) {
            return true;
        }
    }
    return false;
}

static void write_responses(const alm_route *route, alm_json_writer *json)
{
    int problem[ALMI_PROBLEMS_MAX];
    almi_route_problems(route, problem);
    alm_json_key(json, "responses");
    alm_json_open_object(json);
    for (size_t i = 0; i < ALM_ROUTE_RESPONSES_MAX && route->response[i].status; i++) {
        if (!has_status(route, i, route->response[i].status)) {
            write_response(route, i, json);
        }
    }
    for (size_t i = 0; problem[i]; i++) {
        if (!has_status(route, ALM_ROUTE_RESPONSES_MAX, problem[i])) {
            alm_route shown = {.response = {{problem[i], ALM_TYPE_PROBLEM, &almi_problem_schema,
                                             alm_status_reason(problem[i])}}};
            write_response(&shown, 0, json);
        }
    }
    alm_json_close_object(json);
}

static void write_operation(const alm_route *route, alm_json_writer *json)
{
    char method[16] = {0};
    const char *name = alm_method_name(route->method);
    for (size_t i = 0; name[i]; i++) {
        method[i] = (char)(name[i] + ('a' - 'A'));
    }
    alm_json_key(json, method);
    alm_json_open_object(json);
    alm_json_put_text(json, "operationId", route->operation);
    alm_json_key(json, "tags");
    alm_json_open_array(json);
    alm_json_text(json, route->tag);
    alm_json_close_array(json);
    alm_json_put_text(json, "summary", route->summary);
    if (route->text) {
        alm_json_put_text(json, "description", route->text);
    }
    if (route->items_per_request > 0) {
        alm_json_put_i64(json, "x-items-per-request", route->items_per_request);
    }
    write_parameters(route, json);
    write_request(route, json);
    write_responses(route, json);
    alm_json_key(json, "security");
    alm_json_open_array(json);
    static const char *const schemes[] = {"bearer", "api_key"};
    if (route->shows_more) { /* none is good, too */
        alm_json_open_object(json);
        alm_json_close_object(json);
    }
    for (size_t i = 0; i < 2 && (route->scope != ALM_SCOPE_NONE || route->shows_more); i++) {
        alm_json_open_object(json);
        alm_json_key(json, schemes[i]);
        alm_json_open_array(json);
        alm_json_close_array(json);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    alm_json_close_object(json);
}

static void write_paths(const alm_route *const *routes, size_t count, alm_json_writer *json)
{
    alm_json_key(json, "paths");
    alm_json_open_object(json);
    for (size_t i = 0; i < count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++) {
            is_first = is_first && strcmp(routes[k]->path, routes[i]->path) != 0;
        }
        if (!is_first) {
            continue;
        }
        alm_json_key(json, routes[i]->path);
        alm_json_open_object(json);
        for (size_t k = i; k < count; k++) {
            if (strcmp(routes[k]->path, routes[i]->path) == 0) {
                write_operation(routes[k], json);
            }
        }
        alm_json_close_object(json);
    }
    alm_json_close_object(json);
}

static void write_security(alm_json_writer *json)
{
    alm_json_key(json, "securitySchemes");
    alm_json_open_object(json);
    alm_json_key(json, "bearer");
    alm_json_open_object(json);
    alm_json_put_text(json, "type", "http");
    alm_json_put_text(json, "scheme", "bearer");
    alm_json_put_text(json, "bearerFormat", "JWT");
    alm_json_close_object(json);
    alm_json_key(json, "api_key");
    alm_json_open_object(json);
    alm_json_put_text(json, "type", "apiKey");
    alm_json_put_text(json, "in", "header");
    alm_json_put_text(json, "name", "X-API-Key");
    alm_json_close_object(json);
    alm_json_close_object(json);
}

void alm_openapi_write(alm_buffer *out)
{
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    components all = {.count = 0};
    collect(&all, &almi_problem_schema, 0);
    for (size_t i = 0; i < count; i++) {
        collect_route(&all, routes[i]);
    }
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "openapi", "3.1.0");
    alm_json_key(&json, "info");
    alm_json_open_object(&json);
    alm_json_put_text(&json, "title", "almanac");
    alm_json_put_text(&json, "version", "1");
    alm_json_put_text(&json, "description",
                      "Predictions of demand and stock-out risk, and of any loaded model. Every "
                      "answer names the model version that it is from and what made it.");
    alm_json_close_object(&json);
    write_paths(routes, count, &json);
    alm_json_key(&json, "components");
    alm_json_open_object(&json);
    alm_json_key(&json, "schemas");
    alm_json_open_object(&json);
    for (size_t i = 0; i < all.count; i++) {
        alm_json_key(&json, all.schema[i]->name);
        alm_schema_write_component(all.schema[i], &json);
    }
    alm_json_close_object(&json);
    write_security(&json);
    alm_json_close_object(&json);
    alm_json_close_object(&json);
    alm_buffer_text(out, "\n");
}
