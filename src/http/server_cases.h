/* server_cases.h: a server on a free port and a client of raw bytes, for the tests of http/.
 *
 * Nothing waits for a time that a busy machine may miss: what must come is waited for until it
 * comes, up to a minute. */
#ifndef ALM_HTTP_SERVER_CASES_H
#define ALM_HTTP_SERVER_CASES_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "http/server.h"

#define CASES_PATIENCE_MS 60000

static inline uint64_t cases_monotonic_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline alm_instant cases_now(void *context)
{
    (void)context;
    return 0;
}

static const alm_env cases_env = {.now = cases_now, .monotonic_ns = cases_monotonic_ns};

static inline int cases_connect(const alm_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(alm_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static inline bool cases_send(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* What has come next, appended; false: nothing did, or the other side has closed. */
static inline bool cases_receive_some(int fd, alm_buffer *out)
{
    char piece[4096];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    ssize_t got = poll(&waiting, 1, CASES_PATIENCE_MS) > 0 ? recv(fd, piece, sizeof piece, 0) : 0;
    if (got <= 0) {
        return false;
    }
    alm_buffer_append(out, piece, (size_t)got);
    return true;
}

/* Reads until the other side closes. */
static inline void cases_receive_all(int fd, alm_buffer *out)
{
    alm_buffer_text(out, "");
    while (cases_receive_some(fd, out)) {
    }
}

/* Instead of what `out` holds: one reply that has a Content-Length, on a connection that goes on
 * or not. */
static inline void cases_receive_reply(int fd, alm_buffer *out)
{
    static const char LENGTH[] = "Content-Length: ";
    const char *end = NULL, *length = NULL;
    alm_buffer_clear(out);
    alm_buffer_text(out, "");
    do {
        end = strstr(out->data, "\r\n\r\n");
        length = end ? strstr(out->data, LENGTH) : NULL;
    } while (!(length && out->size >= (size_t)(end + 4 - out->data) +
                                          strtoul(length + sizeof LENGTH - 1, NULL, 10)) &&
             cases_receive_some(fd, out));
}

/* Has the other side closed? What still comes is dropped. */
static inline bool cases_is_closed(int fd)
{
    char piece[4096];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    while (poll(&waiting, 1, CASES_PATIENCE_MS) > 0) {
        if (recv(fd, piece, sizeof piece, 0) <= 0) {
            return true;
        }
    }
    return false;
}

/* One request on a connection of its own, which the request should end ("Connection: close", or an
 * error that does). With `ends`, the server sees that no more comes. */
static inline void cases_ask_and(const alm_server *server, const char *bytes, bool ends,
                                 alm_buffer *out)
{
    int fd = cases_connect(server);
    alm_buffer_clear(out);
    alm_buffer_text(out, "");
    if (fd >= 0) {
        (void)cases_send(fd, bytes, strlen(bytes));
        (void)(ends && shutdown(fd, SHUT_WR));
        cases_receive_all(fd, out);
        (void)close(fd);
    }
}

static inline void cases_ask(const alm_server *server, const char *bytes, alm_buffer *out)
{
    cases_ask_and(server, bytes, false, out);
}

static inline int cases_status(const alm_buffer *reply)
{
    int64_t status = 0;
    bool is_http = reply->size > 12 && strncmp(reply->data, "HTTP/1.1 ", 9) == 0;
    return is_http && alm_str_to_i64((alm_str){reply->data + 9, 3}, &status) ? (int)status : 0;
}

/* ---- the server ---- */

/* What the handlers of these tests count; first in what their context points to. */
typedef struct cases_counts {
    _Atomic int handled, done, unsent;
} cases_counts;

static inline void cases_done(void *context, const alm_request *request, void *slot,
                              const alm_reply *reply, bool sent)
{
    cases_counts *counts = context;
    (void)request;
    (void)slot;
    (void)reply;
    counts->unsent += !sent;
    counts->done++; /* last: who has seen this sees what is counted above */
}

/* A server that is asked, and its newest reply. */
typedef struct cases_fixture {
    alm_server *server;
    alm_buffer reply;
} cases_fixture;

/* On a free port. */
static inline bool cases_start(cases_fixture *f, const alm_env *env, alm_server_settings settings,
                               alm_server_handler handler)
{
    *f = (cases_fixture){.server = NULL};
    settings.port = 0;
    return alm_server_start(env, &settings, &handler, &f->server, NULL) == ALM_OK;
}

static inline void cases_stop(cases_fixture *f)
{
    alm_server_stop(f->server);
    alm_buffer_deinit(&f->reply);
}

static inline void cases_pause(void)
{
    struct timespec pause = {.tv_nsec = 1000000};
    (void)nanosleep(&pause, NULL);
}

static inline void cases_wait_for(const _Atomic int *count, int value)
{
    while (*count < value) {
        cases_pause();
    }
}

#endif
