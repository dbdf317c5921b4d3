/* exchange.h: one HTTP request and its reply, as everything above the server sees them: no socket,
 * no library. The server (server.h) makes requests from bytes of the network; tests make them from
 * literals, so that every endpoint is tested without a network.
 *
 * Lifetimes: a request, its arena and its reply live until the reply was sent. Thread safety: one
 * exchange belongs to the one worker (event loop) that it came in on. */
#ifndef ALM_HTTP_EXCHANGE_H
#define ALM_HTTP_EXCHANGE_H

#include "base/json.h"

/* X(name) */
#define ALM_METHOD_MAP(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

typedef enum alm_http_method {
#define ALM_METHOD_ENUM(name) ALM_METHOD_##name,
    ALM_METHOD_MAP(ALM_METHOD_ENUM)
#undef ALM_METHOD_ENUM
        ALM_METHOD_OTHER /* no route takes it; unknown ones are refused with 501 by the server */
} alm_http_method;

const char *alm_method_name(alm_http_method method); /* "GET"; "other" */

typedef struct alm_header {
    alm_str name; /* lower case in requests */
    alm_str value;
} alm_header;

#define ALM_TRACE_ID_DIGITS 32

typedef struct alm_request {
    alm_http_method method;
    alm_str target; /* as it came: path, and what follows '?' */
    alm_str path;   /* still percent-encoded */
    alm_str query;  /* behind '?', still encoded; empty: none */
    const alm_header *header; /* in the order in which they came; repeated ones repeated */
    size_t header_count;
    alm_str body;         /* whole, inflated when it came compressed; NUL terminated behind it */
    alm_str peer;         /* address of the other side, without a port */
    bool is_loopback;     /* it is this machine */
    bool is_secure;       /* TLS */
    alm_str id; /* X-Request-ID: the client's when it is 1 to 64 of [A-Za-z0-9._-], else made */
    char trace_id[ALM_TRACE_ID_DIGITS + 1]; /* of traceparent, or made */
    uint64_t received_ns; /* monotonic: its head was complete then */
    uint64_t queued_ns;   /* so long, at least, others were answered while it could be read */
    uint64_t aside_ns;    /* waited for a thread off the event loop (off_loop.h) */
    bool is_overdue;      /* longer than the server's bound, and the queue stays that long */
    int worker;           /* event loop, from 0; behind them threads off the loops */
    alm_arena *arena;     /* until the reply was sent */
} alm_request;

/* Value of the first header of that name (lower case); empty without it. */
alm_str alm_request_header(const alm_request *request, const char *name);
/* Value of a parameter of the query, decoded ('+' is a blank), in the request's arena. NOT_FOUND
 * is told by *found; ALM_ERR_INVALID: given twice, not decodable, or not a name
 * (ALM_SCHEMA_NAME: empty, with control characters, too long). */
ALM_NODISCARD alm_err alm_request_parameter(const alm_request *request, const char *name,
                                            alm_str *out, bool *found, alm_error *error);
/* %XX decoded in `arena`. ALM_ERR_INVALID: not two hexadecimal digits, NUL, or not UTF-8. */
ALM_NODISCARD alm_err alm_percent_decode(alm_str text, bool plus_is_blank, alm_arena *arena,
                                         alm_str *out, alm_error *error);

/* ---- the reply ---- */

#define ALM_REPLY_HEADERS_MAX 24

#define ALM_TYPE_JSON "application/json"
#define ALM_TYPE_PROBLEM "application/problem+json"
#define ALM_TYPE_PLAIN "text/plain; charset=utf-8"
#define ALM_TYPE_HTML "text/html; charset=utf-8"
#define ALM_TYPE_LINES "application/x-ndjson"

/* A body in pieces: `next` appends the next one to `out` and says when it was the last. It runs on
 * the worker, so a piece is a few milliseconds of work; what takes longer has `defer`, which runs
 * work(argument) once on another thread, in which `next` is called then, and does not wait; false:
 * no thread takes it now, and `next` is called on the worker this time. An error ends the
 * connection, so that the client sees that the body is not whole. `context` is in the request's
 * arena, which is the stream's alone; `close` (may be NULL) is called once, by the worker, also
 * when the client has gone. */
typedef struct alm_reply_stream {
    alm_err (*next)(void *context, alm_buffer *out, bool *is_last, alm_error *error);
    void (*close)(void *context);
    void *context;
    bool (*defer)(void *context, void (*work)(void *argument), void *argument); /* NULL: never */
} alm_reply_stream;

/* A reply that is made off the event loop, for work that is not a matter of microseconds. The
 * endpoint leaves `status` 0 and sets `later`, in the request's arena. The connection is put aside;
 * then `start` is called, which lets another thread work and must not wait. When that is done it
 * calls `wake` (once, from any thread, also within `start`), and the worker calls `finish`, which
 * sets the reply; also when the client has gone meanwhile. The reply belongs to the worker all the
 * time; the request, its arena and the memory of the body are nobody's but the other thread's until
 * then. */
typedef struct alm_later {
    void (*start)(struct alm_later *later);
    void (*finish)(struct alm_later *later);
    void *context;
    void (*wake)(void *connection); /* set by the server, with its argument */
    void *connection;
} alm_later;

typedef struct alm_reply {
    int status;               /* 0: not answered yet */
    alm_later *later;         /* while the status is 0: who will answer */
    const char *content_type; /* a literal, or in the request's arena; NULL: no body */
    alm_buffer *body;         /* the connection's memory, empty at the start */
    alm_reply_stream stream;  /* instead of `body`, when `next` is set */
    alm_header header[ALM_REPLY_HEADERS_MAX]; /* besides the server's own */
    size_t header_count;
    bool closes;              /* the connection ends with this reply */
} alm_reply;

/* Header values are checked for line breaks by assertion: they never come from a client unchecked.
 * `name` is a literal; `value` lives as long as the request. */
void alm_reply_header(alm_reply *reply, const char *name, alm_str value);
/* All of that name. */
void alm_reply_drop_header(alm_reply *reply, const char *name);
/* In the request's arena. */
void alm_reply_headerf(alm_reply *reply, const alm_request *request, const char *name,
                       const char *format, ...) ALM_PRINTF(4, 5);

/* ---- problems (RFC 9457) ---- */

/* {"type","title","status","detail","instance","request_id","trace_id"} with `error` beside them on
 * the paths of the ecosystem's protocols (/v1, /v2, /invocations), whose clients look there.
 * Replaces whatever the body held. `type` NULL: "about:blank". */
typedef struct alm_problem {
    int status;
    const char *type;
    const char *title; /* NULL: the status's reason */
    alm_str detail;
    alm_str pointer;   /* of the value at fault, as in RFC 6901; empty: none */
    void (*extend)(void *context, alm_json_writer *json); /* writes further members; NULL: none */
    void *context;
} alm_problem;
void alm_reply_problem(alm_reply *reply, const alm_request *request, const alm_problem *problem);
/* The problem of an error, with its status from the table of base/error.h. */
void alm_reply_error(alm_reply *reply, const alm_request *request, const alm_error *error);
/* The problem of a body that is not as it should be: 400, 413 for one that is too large, or 503 for
 * want of memory. `pointer` may be NULL. */
void alm_reply_fault(alm_reply *reply, const alm_request *request, const alm_error *error,
                     const char *pointer);
const char *alm_status_reason(int status); /* "Not Found" */

#endif
