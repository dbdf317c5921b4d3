/* redis_loopback.h: a small Redis in a process of its own, over a Unix socket; for tests only.
 *
 * It knows AUTH, SELECT, PING, GETRANGE from 0 and SET with EX (nothing ages), and can misbehave in
 * the ways of `redis_fault` from the first GETRANGE on. */
#ifndef ALM_BASE_REDIS_LOOPBACK_H
#define ALM_BASE_REDIS_LOOPBACK_H

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

typedef enum redis_fault {
    REDIS_WORKS,
    REDIS_SILENT,  /* takes the question and says nothing */
    REDIS_DRIPS,   /* a byte every 20 ms, for as long as anybody listens */
    REDIS_GARBAGE, /* what is not the protocol */
    REDIS_HANGS_UP,
    REDIS_REFUSES, /* an error */
    REDIS_NUMBER,  /* a reply of another kind */
    REDIS_HUGE     /* a value above every limit */
} redis_fault;

#define REDIS_WORDS 8
#define REDIS_ENTRIES 16
#define REDIS_CONNECTIONS 16

typedef struct redis_world {
    redis_fault fault;
    const char *password; /* NULL: none */
    alm_buffer key[REDIS_ENTRIES], value[REDIS_ENTRIES];
    size_t entries;
    alm_buffer in[REDIS_CONNECTIONS];
} redis_world;

typedef struct redis_loopback {
    int socket;
    pid_t child;
    char path[128];
} redis_loopback;

static inline void redis_send(int connection, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(connection, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        at += sent;
        size -= (size_t)sent;
    }
}

static inline void redis_say(int connection, const char *text)
{
    redis_send(connection, text, strlen(text));
}

/* "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"; how many bytes it took, 0: it is not whole. */
static inline size_t redis_parse(alm_str all, alm_str word[REDIS_WORDS], size_t *words)
{
    alm_str rest = all;
    int64_t count = 0, size = 0;
    if (!all.data || !memmem(all.data, all.size, "\r\n", 2)) {
        return 0;
    }
    alm_str line = alm_str_trim(alm_str_split(&rest, '\n'));
    if (!alm_str_to_i64((alm_str){line.data + 1, line.size - 1}, &count) || count > REDIS_WORDS) {
        abort();
    }
    for (int64_t i = 0; i < count; i++) {
        if (!rest.data || !memmem(rest.data, rest.size, "\r\n", 2)) {
            return 0;
        }
        line = alm_str_trim(alm_str_split(&rest, '\n'));
        if (!alm_str_to_i64((alm_str){line.data + 1, line.size - 1}, &size) || !rest.data ||
            rest.size < (size_t)size + 2) {
            return 0;
        }
        word[i] = (alm_str){rest.data, (size_t)size};
        rest = (alm_str){rest.data + size + 2, rest.size - (size_t)size - 2};
    }
    *words = (size_t)count;
    return (size_t)(rest.data - all.data);
}

static inline size_t redis_find(const redis_world *w, alm_str key)
{
    size_t i = 0;
    while (i < w->entries && !alm_str_equal((alm_str){w->key[i].data, w->key[i].size}, key)) {
        i++;
    }
    return i;
}

static inline void redis_misbehave(const redis_world *w, int connection)
{
    switch (w->fault) {
    case REDIS_DRIPS:
        redis_say(connection, "$1000000\r\n");
        for (int i = 0; i < 10000 && send(connection, "x", 1, MSG_NOSIGNAL) == 1; i++) {
            usleep(20000);
        }
        break;
    case REDIS_GARBAGE:
        redis_say(connection, "HTTP/1.1 200 OK\r\n\r\n");
        break;
    case REDIS_HANGS_UP:
        redis_say(connection, "$10\r\nhalf");
        (void)shutdown(connection, SHUT_RDWR);
        break;
    case REDIS_REFUSES:
        redis_say(connection, "-LOADING Redis is loading the dataset in memory\r\n");
        break;
    case REDIS_NUMBER:
        redis_say(connection, ":7\r\n");
        break;
    case REDIS_HUGE: {
        size_t size = ((size_t)1 << 20) + 1;
        char *bytes = calloc(1, size);
        redis_say(connection, "$1048577\r\n");
        redis_send(connection, bytes, size);
        redis_say(connection, "\r\n");
        free(bytes);
        break;
    }
    default:
        break;
    }
}

static inline void redis_set(redis_world *w, alm_str key, alm_str value)
{
    size_t i = redis_find(w, key);
    if (i == w->entries) {
        alm_buffer_append(&w->key[i], key.data, key.size);
        w->entries = (w->entries + 1) % REDIS_ENTRIES;
    }
    w->value[i].size = 0;
    alm_buffer_append(&w->value[i], value.data, value.size);
}

static inline void redis_answer(redis_world *w, int connection, const alm_str *word, size_t words)
{
    char head[32];
    if (alm_str_is(word[0], "AUTH")) {
        bool is_right = w->password && alm_str_is(word[words - 1], w->password);
        redis_say(connection, is_right ? "+OK\r\n"
                                       : "-WRONGPASS invalid username-password pair sesame\r\n");
    } else if (w->fault != REDIS_WORKS && alm_str_is(word[0], "GETRANGE")) {
        redis_misbehave(w, connection);
    } else if (w->fault == REDIS_REFUSES && alm_str_is(word[0], "SET")) {
        redis_say(connection, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    } else if (alm_str_is(word[0], "GETRANGE")) {
        size_t i = redis_find(w, word[1]);
        size_t size = i < w->entries ? w->value[i].size : 0;
        (void)snprintf(head, sizeof head, "$%zu\r\n", size);
        redis_say(connection, head);
        redis_send(connection, w->value[i].data, size);
        redis_say(connection, "\r\n");
    } else {
        if (alm_str_is(word[0], "SET")) {
            redis_set(w, word[1], word[2]);
        }
        redis_say(connection, alm_str_is(word[0], "PING") ? "+PONG\r\n" : "+OK\r\n");
    }
}

/* False: the other side has hung up. */
static inline bool redis_read(redis_world *w, int connection, alm_buffer *in)
{
    char piece[4096];
    alm_str word[REDIS_WORDS];
    size_t words = 0, took = 0;
    ssize_t got = read(connection, piece, sizeof piece);
    if (got <= 0) {
        return false;
    }
    alm_buffer_append(in, piece, (size_t)got);
    while ((took = redis_parse((alm_str){in->data, in->size}, word, &words)) > 0) {
        redis_answer(w, connection, word, words);
        memmove(in->data, in->data + took, in->size - took);
        in->size -= took;
    }
    return true;
}

static inline void redis_serve(int listening, redis_world *w, pid_t parent)
{
    struct pollfd at[REDIS_CONNECTIONS + 1] = {{.fd = listening, .events = POLLIN}};
    for (size_t i = 1; i <= REDIS_CONNECTIONS; i++) {
        at[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    }
    while (getppid() == parent) {
        if (poll(at, REDIS_CONNECTIONS + 1, 500) <= 0) {
            continue;
        }
        for (size_t i = 1; i <= REDIS_CONNECTIONS; i++) {
            if (at[i].fd >= 0 && at[i].revents && !redis_read(w, at[i].fd, &w->in[i - 1])) {
                close(at[i].fd);
                at[i].fd = -1;
                w->in[i - 1].size = 0;
            }
        }
        for (size_t i = 1; i <= REDIS_CONNECTIONS && (at[0].revents & POLLIN); i++) {
            if (at[i].fd < 0) {
                at[i].fd = accept(listening, NULL, NULL);
                break;
            }
        }
    }
}

/* `folder` is there and empty of it. */
static inline bool redis_start(redis_loopback *server, const char *folder, redis_fault fault,
                               const char *password)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(server->path, sizeof server->path, "%s/redis.sock", folder);
    (void)unlink(server->path);
    if (strlen(server->path) >= sizeof address.sun_path) {
        return false;
    }
    memcpy(address.sun_path, server->path, strlen(server->path) + 1);
    server->socket = socket(AF_UNIX, SOCK_STREAM, 0);
    if (server->socket < 0 ||
        bind(server->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->socket, REDIS_CONNECTIONS) != 0) {
        return false;
    }
    pid_t parent = getpid();
    server->child = fork();
    if (server->child == 0) {
        static redis_world world;
        world.fault = fault;
        world.password = password;
        redis_serve(server->socket, &world, parent);
        _exit(0);
    }
    return server->child > 0;
}

static inline void redis_stop(redis_loopback *server)
{
    (void)kill(server->child, SIGKILL);
    (void)waitpid(server->child, NULL, 0);
    close(server->socket);
    (void)unlink(server->path);
}

#endif
