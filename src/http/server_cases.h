/* server_cases.h: a server on a free port and a client of raw bytes, for the tests of http/. */
#ifndef ALM_HTTP_SERVER_CASES_H
#define ALM_HTTP_SERVER_CASES_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "http/server.h"

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

/* Reads until the other side closes, or nothing has come for `quiet_ms`. NUL terminated. */
static inline void cases_receive(int fd, int quiet_ms, alm_buffer *out)
{
    char piece[4096];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    alm_buffer_text(out, "");
    while (poll(&waiting, 1, quiet_ms) > 0) {
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        if (got <= 0) {
            return;
        }
        alm_buffer_append(out, piece, (size_t)got);
    }
}

/* Has the other side closed within `limit_ms`? What still comes is dropped. */
static inline bool cases_is_closed(int fd, int limit_ms)
{
    char piece[4096];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    while (poll(&waiting, 1, limit_ms) > 0) {
        if (recv(fd, piece, sizeof piece, 0) <= 0) {
            return true;
        }
    }
    return false;
}

/* One request on a connection of its own, which the request should end ("Connection: close", or an
 * error that does). */
static inline void cases_ask(const alm_server *server, const char *bytes, alm_buffer *out)
{
    int fd = cases_connect(server);
    alm_buffer_clear(out);
    alm_buffer_text(out, "");
    if (fd >= 0) {
        (void)cases_send(fd, bytes, strlen(bytes));
        cases_receive(fd, 5000, out);
        (void)close(fd);
    }
}

static inline int cases_status(const alm_buffer *reply)
{
    int64_t status = 0;
    bool is_http = reply->size > 12 && strncmp(reply->data, "HTTP/1.1 ", 9) == 0;
    return is_http && alm_str_to_i64((alm_str){reply->data + 9, 3}, &status) ? (int)status : 0;
}

#endif
