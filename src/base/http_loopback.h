/* http_loopback.h: a server on the loopback interface in a process of its own; for tests only.
 *
 * It takes one request a connection and sends back the very bytes that a function makes, so that
 * answers can be cut off, late or wrong in any way. */
#ifndef ALM_BASE_HTTP_LOOPBACK_H
#define ALM_BASE_HTTP_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

typedef struct loopback_request {
    alm_str head; /* first line and headers */
    alm_str path;
    alm_str body;
} loopback_request;

/* Puts everything that is sent, from "HTTP/1.1 200 OK" on, into `out`; may wait before. */
typedef void (*loopback_answer)(const loopback_request *request, alm_buffer *out);

typedef struct loopback {
    int socket;
    int port;
    pid_t child;
} loopback;

/* The value of a header of a request; empty without it. */
static inline alm_str loopback_header(const loopback_request *request, const char *name)
{
    size_t size = strlen(name);
    for (alm_str rest = request->head; rest.data;) {
        alm_str line = alm_str_split(&rest, '\n');
        if (line.size > size && line.data[size] == ':' &&
            strncasecmp(line.data, name, size) == 0) {
            return alm_str_trim((alm_str){line.data + size + 1, line.size - size - 1});
        }
    }
    return ALM_STR("");
}

static inline void loopback_reply(alm_buffer *out, int status, const char *headers, alm_str body)
{
    alm_buffer_printf(out, "HTTP/1.1 %d Reason\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\nConnection: close\r\n%s\r\n", status, body.size,
                      headers);
    alm_buffer_str(out, body);
}

/* False until the request is complete. */
static inline bool loopback_parse(const alm_buffer *bytes, loopback_request *out)
{
    const char *end = bytes->data ? memmem(bytes->data, bytes->size, "\r\n\r\n", 4) : NULL;
    int64_t length = 0;
    if (!end) {
        return false;
    }
    out->head = (alm_str){bytes->data, (size_t)(end - bytes->data)};
    alm_str rest = out->head;
    (void)alm_str_split(&rest, ' ');
    out->path = alm_str_split(&rest, ' ');
    alm_str text = loopback_header(out, "Content-Length");
    if (text.size > 0 && (!alm_str_to_i64(text, &length) || length < 0)) {
        return false;
    }
    out->body = (alm_str){end + 4, (size_t)length};
    return bytes->size >= out->head.size + 4 + (size_t)length;
}

static inline void loopback_serve(int connection, loopback_answer answer)
{
    alm_buffer in = {0}, out = {0};
    loopback_request request = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    char piece[4096];
    while (!loopback_parse(&in, &request)) {
        ssize_t got = read(connection, piece, sizeof piece);
        if (got <= 0) {
            break;
        }
        alm_buffer_append(&in, piece, (size_t)got);
    }
    if (request.head.data) {
        answer(&request, &out);
    }
    for (size_t sent = 0; sent < out.size;) {
        ssize_t put = write(connection, out.data + sent, out.size - sent);
        if (put <= 0) {
            break;
        }
        sent += (size_t)put;
    }
    close(connection);
    alm_buffer_deinit(&in);
    alm_buffer_deinit(&out);
}

/* A port that nobody listens at: the socket is bound and not open. */
static inline bool loopback_bind(loopback *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->child = 0;
    server->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (server->socket < 0 ||
        bind(server->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(server->socket, (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    server->port = ntohs(address.sin_port);
    return true;
}

/* Serves until loopback_stop, or until whoever started it is gone; each connection in a process of
 * its own, so that one may wait. */
static inline bool loopback_start(loopback *server, loopback_answer answer)
{
    if (!loopback_bind(server) || listen(server->socket, 16) != 0) {
        return false;
    }
    pid_t parent = getpid();
    server->child = fork();
    if (server->child != 0) {
        return server->child > 0;
    }
    (void)setpgid(0, 0);
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    while (getppid() == parent) {
        struct pollfd waiting = {.fd = server->socket, .events = POLLIN};
        if (poll(&waiting, 1, 500) <= 0) {
            continue;
        }
        int connection = accept(server->socket, NULL, NULL);
        if (connection >= 0 && fork() == 0) {
            loopback_serve(connection, answer);
            _exit(0);
        }
        close(connection);
    }
    _exit(0);
}

static inline void loopback_stop(loopback *server)
{
    if (server->child > 0) {
        (void)kill(-server->child, SIGKILL);
        (void)kill(server->child, SIGKILL);
        (void)waitpid(server->child, NULL, 0);
    }
    close(server->socket);
}

#endif
