/* server.h: the HTTP server (libmicrohttpd): one event loop per worker over one listening socket.
 *
 * It reads requests within limits, hands each to one handler on the worker's thread, and sends the
 * reply. What is wrong with a request as HTTP is answered here: framing that two servers may read
 * differently (Content-Length beside Transfer-Encoding, several lengths, unknown codings) is 400
 * and the end of the connection, a body above the limit 413, an unknown method 501. Every reply has
 * X-Request-ID; bodies of 1 KiB and more are compressed for clients that accept gzip. A head above
 * its limits is 414 (the address) or 431. The library has memory for 16 KiB more than the limit of
 * a head; what does not even fit into that it refuses itself, with the same status and a page of
 * its own, and so it does with lines that are no HTTP (400, or it closes). It has no way to replace
 * these pages, and to the server such a connection looks idle.
 *
 * Time: a connection must send a whole request within `request_seconds` of its start or of the
 * previous reply, however slowly it sends, and take the reply (or the next piece of it) within as
 * many; else it is closed. So idle connections end, too. A reply in pieces (exchange.h) is made as
 * the client takes it and must be over within ALM_STREAM_REQUEST_TIMES as many seconds, so that
 * nobody keeps what it is made from for good.
 *
 * Queue: a loop answers what it finds readable one after the other, which is a round. A request is
 * told how long its round lasted before it (it may have waited for all of the round before, too).
 * Behind `queue_ns_max` it is overdue, if rounds have been longer than that for 100 ms
 * without a break: one stall makes nothing overdue, an overload does (after CoDel, RFC 8289).
 * What becomes of an overdue request is the handler's.
 *
 * Stopping is graceful: alm_server_drain closes the listening socket and ends connections with
 * their next reply; alm_server_stop waits for requests that run, at most `drain_seconds`.
 *
 * Thread safety: start, drain and stop from one thread; the handler runs on `workers` threads. */
#ifndef ALM_HTTP_SERVER_H
#define ALM_HTTP_SERVER_H

#include "base/env.h"
#include "http/exchange.h"

#define ALM_STREAM_REQUEST_TIMES 8

typedef struct alm_server alm_server;

/* Sets reply->status and what goes with it; never fails. */
typedef struct alm_server_handler {
    /* The head is there, the body is not: a reply that is set here is sent at once and the body is
     * never read. `slot` is kept for `handle`. With reply->later the body waits until that has
     * finished, which sets a reply, or none when the request may go on. */
    void (*admit)(void *context, const alm_request *request, alm_reply *reply, void **slot);
    void (*handle)(void *context, const alm_request *request, void *slot, alm_reply *reply);
    /* The reply was sent, or could not be (then `sent` is false). NULL: nobody asks. */
    void (*done)(void *context, const alm_request *request, void *slot, const alm_reply *reply,
                 bool sent);
    /* The worker has handled what was readable: a chance to answer requests that were put aside
     * (alm_later) together. NULL: nothing is. */
    void (*end_round)(void *context, int worker);
    void *context;
} alm_server_handler;

typedef struct alm_server_settings {
    const char *address;      /* IPv4 or IPv6, to listen at; "127.0.0.1" */
    uint16_t port;            /* 0: any free one */
    int workers;              /* event loops, >= 1 */
    bool is_realtime;         /* they go before ordinary threads (alm_thread_step_forward) */
    uint32_t connections_max; /* of all workers; more wait until one ends */
    uint32_t connections_per_address_max; /* of each worker; 0: not bounded */
    size_t head_bytes_max;    /* of the head of a request, and of its address alone */
    size_t body_bytes_max;    /* also of an inflated body */
    uint32_t headers_max;
    uint64_t queue_ns_max; /* 0: nothing is overdue */
    uint32_t request_seconds;
    uint32_t drain_seconds;
    alm_str certificate, key; /* PEM; both or neither: TLS */
} alm_server_settings;

/* 127.0.0.1, port 3003, one worker, 4096 connections, 16 KiB heads, 16 MiB bodies, 64 headers, one
 * second of queue, 75 seconds, 30 seconds. */
extern const alm_server_settings alm_server_defaults;

/* Listens when it returns. ALM_ERR_IO: the address cannot be used, or loops may not be real-time,
 * with the reason; ALM_ERR_CONFIG: settings; ALM_ERR_INVALID: certificate or key. `handler` and
 * `settings` are copied; `env`, whose monotonic clock is needed, is borrowed, and so are the texts
 * of the settings. */
ALM_NODISCARD alm_err alm_server_start(const alm_env *env, const alm_server_settings *settings,
                                       const alm_server_handler *handler, alm_server **out,
                                       alm_error *error);
uint16_t alm_server_port(const alm_server *server);

typedef struct alm_server_counts {
    uint64_t connections; /* open */
    uint64_t requests;    /* at work now */
    uint64_t accepted, timed_out; /* connections since the start */
} alm_server_counts;
alm_server_counts alm_server_count(const alm_server *server);
const alm_server_settings *alm_server_limits(const alm_server *server); /* as it was started */

void alm_server_drain(alm_server *server);
bool alm_server_is_draining(const alm_server *server);
void alm_server_stop(alm_server *server); /* takes NULL */

#endif
