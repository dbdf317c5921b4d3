/* http_client.h: requests to an HTTP server, as an interface.
 *
 * Two implementations: alm_http_curl_create here (libcurl) and the twin of http_memory.h, which
 * answers from a script; one conformance suite (http_client_test.c) runs over both.
 *
 * One call is one request: no redirects, no retries, no proxy, no cookies, no file of the user's
 * settings. Certificates are always verified; `ca_file` names others
 * than the system's. A call ends by its deadline, whatever the server does, and never reads more
 * than the limit. Secrets may stand in headers: they are never in a message.
 *
 * Thread safety: an alm_http may be used from several threads. */
#ifndef ALM_BASE_HTTP_CLIENT_H
#define ALM_BASE_HTTP_CLIENT_H

#include "base/env.h"

typedef struct alm_http_request {
    const char *url; /* http:// or https://, without user and password */
    const char *const *header; /* "Name: value" */
    size_t header_count;
    alm_str body; /* sent with POST; no data: GET */
    uint32_t deadline_ms;     /* >= 1, of all of it: names, connecting, sending, receiving */
    size_t response_bytes_max;
    const char *ca_file; /* PEM; NULL: the system's */
} alm_http_request;

typedef struct alm_http_response {
    int status;          /* 100 to 599 */
    alm_str body;        /* in the arena, NUL terminated behind its end */
    alm_str content_type; /* in the arena; empty: none */
    int64_t retry_after_s; /* of the header; -1: none, or a date */
} alm_http_response;

/* Why there is no response. */
typedef enum alm_http_failure {
    ALM_HTTP_NONE,    /* there is one */
    ALM_HTTP_CONNECT, /* the server was not reached: nothing was sent */
    ALM_HTTP_TIMEOUT, /* the deadline passed */
    ALM_HTTP_BROKEN,  /* it was reached, and no whole answer came; or certificates, protocol */
    ALM_HTTP_TOO_LARGE
} alm_http_failure;

typedef struct alm_http_outcome {
    alm_http_failure failure;
    uint32_t elapsed_ms; /* that the call took, also one that failed */
    alm_http_response response;
} alm_http_outcome;

typedef struct alm_http_ops {
    const char *name;
    /* Before the first `send`, by whoever opens what sends; not from several threads at once. Once
     * done it does nothing. ALM_ERR_NOT_FOUND: what it needs is not installed. */
    alm_err (*start)(alm_http *http, alm_error *error);
    /* `out` is always set. ALM_ERR_IO (ALM_ERR_LIMIT for TOO_LARGE) or ALM_ERR_MEMORY, with the
     * reason and without the URL, which the caller knows how to show; any status is a success. */
    alm_err (*send)(alm_http *http, const alm_http_request *request, alm_arena *arena,
                    alm_http_outcome *out, alm_error *error);
    void (*pause)(alm_http *http, uint32_t milliseconds); /* between attempts */
    void (*destroy)(alm_http *http);
} alm_http_ops;

struct alm_http {
    const alm_http_ops *ops;
};

/* libcurl is loaded by `start`, while running, so that only programs with remote models need it. */
ALM_NODISCARD alm_err alm_http_curl_create(alm_http **out, alm_error *error);
void alm_http_destroy(alm_http *http); /* takes NULL */

#endif
