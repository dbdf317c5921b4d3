/* route.h: one table of everything that can be asked: the router, OpenAPI and the reference page
 * are made from it, and nothing else knows a path. One endpoint is one file of http/endpoint/ that
 * defines one `alm_route`; routes.c lists them. */
#ifndef ALM_HTTP_ROUTE_H
#define ALM_HTTP_ROUTE_H

#include "http/access/role.h"
#include "http/exchange.h"
#include "http/schema.h"

typedef struct alm_service alm_service; /* service.h: what endpoints work on */
typedef struct alm_route alm_route;

/* The role that a caller must have (http/access/role.h), as a word of a table where nothing said
 * is nobody asked. */
typedef enum alm_scope {
    ALM_SCOPE_NONE, /* anybody: health, the document itself */
    ALM_SCOPE_VIEWER,
    ALM_SCOPE_PREDICTOR,
    ALM_SCOPE_TRAINER,
    ALM_SCOPE_APPROVER,
    ALM_SCOPE_ADMIN
} alm_scope;

#define ALM_ROUTE_VALUES_MAX 4

typedef struct alm_call {
    const alm_request *request;
    const alm_route *route;
    alm_service *service;
    alm_str value[ALM_ROUTE_VALUES_MAX]; /* what stood for {..} in the path, decoded */
    /* Parsed and checked where the route has a schema, else NULL; valid until the reply was sent
     * when that is a stream or comes later, else until the endpoint returns. */
    const alm_json *body;
    /* Who asks. Whether he may use a model that stands in the path as {model} was checked; of one
     * that a body names the endpoint asks alm_identity_may_use. */
    const alm_identity *identity;
} alm_call;

/* Sets the reply. */
typedef void (*alm_endpoint)(const alm_call *call, alm_reply *reply);

typedef struct alm_parameter {
    const char *name;
    const alm_schema *schema;
    bool required;
    bool in_header; /* else in the query */
    const char *doc;
} alm_parameter;

typedef struct alm_response {
    int status;
    const char *content_type;  /* NULL: no body */
    const alm_schema *schema;  /* NULL: not JSON */
    const char *doc;
} alm_response;

/* Statuses that a route gives besides those that follow from the table (400, 405, 406, 413, 414,
 * 415, 401, 403, 429, 431, 500, 503 as problems). */
#define ALM_ROUTE_RESPONSES_MAX 8

struct alm_route {
    alm_http_method method; /* GET also answers HEAD */
    const char *path;  /* "/v2/models/{model}/infer"; a value is one segment, never empty */
    const char *operation; /* operationId: "inferModel" */
    const char *tag;       /* chapter: "Predictions" */
    const char *summary;   /* half a sentence */
    const char *text;      /* paragraphs, Markdown; NULL: none */
    alm_scope scope;
    /* Of a route for anybody: viewers see more. Credentials that come are checked; of who is no
     * viewer, or has none, the identity is of kind NONE. */
    bool shows_more;
    const alm_schema *request; /* the body is JSON of this schema, given parsed to the endpoint */
    /* Beside `request`: the body may also be lines of JSON (application/x-ndjson), each of this
     * schema, which the endpoint reads itself: `body` of the call is NULL then. */
    const alm_schema *request_line;
    /* Else: NULL terminated types of bodies that are accepted, not looked at. NULL: no body. */
    const char *const *request_types;
    bool any_type; /* Content-Type is not looked at, since clients leave it out; no schema then */
    bool body_is_optional;   /* of a request without a schema */
    /* Does this body take long? It is worked on off the event loop then (off_loop.h). NULL: no. */
    bool (*is_dear)(const alm_json *body);
    uint32_t items_per_request; /* of a batch: as one request of the limits; 0: it is none */
    const char *request_doc; /* what the body is, where it is not a schema */
    const alm_parameter *parameter;
    size_t parameter_count;
    alm_response response[ALM_ROUTE_RESPONSES_MAX]; /* until a status of 0 */
    alm_endpoint run;
};

#define ALM_PARAMETERS(array) \
    .parameter = (array), .parameter_count = sizeof(array) / sizeof((array)[0])

/* All routes, in the order of the reference page. */
const alm_route *const *alm_routes(size_t *count);

typedef enum alm_match { ALM_MATCH_FOUND, ALM_MATCH_NO_PATH, ALM_MATCH_NO_METHOD } alm_match;

/* Compares whole segments after decoding; a decoded value may hold any character but NUL. Literal
 * segments win over {values}, whatever the method, as OpenAPI has it: /predictions/demand is no
 * address of /predictions/{node}. `allow` (NO_METHOD) lists the methods of the path, as in
 * "GET, HEAD". */
alm_match alm_route_find(alm_http_method method, alm_str path, alm_arena *arena,
                         const alm_route **out, alm_str value[ALM_ROUTE_VALUES_MAX],
                         alm_str *allow);

/* OpenAPI 3.1 of all routes; the same bytes for the same table. */
void alm_openapi_write(alm_buffer *out);
/* The same as one HTML page without scripts. */
void alm_reference_write(alm_buffer *out);

#endif
