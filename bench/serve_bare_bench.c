/* serve_bare_bench.c: the bare HTTP library as a server, to measure ours against: one event loop
 * (epoll, one thread, as ours), bodies are read and dropped, every reply is the one that was given.
 * Prints its port; ends when standard input does.
 *
 *     serve_bare_bench BODY [NAME VALUE]...
 *
 * The library adds Date, Content-Length and what the connection needs, as it does for ours. Its
 * memory for a connection is its own default, 32 KiB, which is what ours gives it. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The library is a peer here, so it is opened like the others (its header has one home). These are
 * the values of its interface, which does not change within a major version. */
#define LIBRARY "libmicrohttpd.so.12"
#define EPOLL_INTERNAL_THREAD (512u | 8u)
#define OPTION_END 0
#define INFO_BIND_PORT 6
#define PERSISTENT 0

typedef int (*handler)(void *, void *, const char *, const char *, const char *, const char *,
                       size_t *, void **);

typedef struct library {
    void *(*start)(unsigned, uint16_t, void *, void *, handler, void *, ...);
    void (*stop)(void *);
    void *(*make)(size_t, void *, int);
    int (*add)(void *, const char *, const char *);
    int (*queue)(void *, unsigned, void *);
    void (*drop)(void *);
    const void *(*info)(void *, int, ...);
} library;

#define HEADERS_MAX 32

static const char *body;
static const char *const *header; /* name, value, name, value, ... */
static int headers;

static int answer(void *context, void *connection, const char *url, const char *method,
                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    library *lib = context;
    static int begun;
    if (!*state) {
        *state = &begun;
        return 1;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return 1;
    }
    void *response = lib->make(strlen(body), (void *)(uintptr_t)body, PERSISTENT);
    for (int i = 0; i < headers; i++) {
        lib->add(response, header[2 * i], header[2 * i + 1]);
    }
    int result = lib->queue(connection, 200, response);
    lib->drop(response);
    return result;
}

static int find(void *handle, const char *name, void *out)
{
    void *symbol = dlsym(handle, name);
    memcpy(out, &symbol, sizeof symbol);
    return symbol != NULL;
}

int main(int argc, char **argv)
{
    library lib;
    if (argc < 2 || argc % 2 != 0 || argc > 2 + 2 * HEADERS_MAX) {
        fprintf(stderr, "serve_bare_bench: BODY [NAME VALUE]...\n");
        return 2;
    }
    body = argv[1];
    header = (const char *const *)argv + 2;
    headers = argc / 2 - 1;
    void *handle = dlopen(LIBRARY, RTLD_NOW);
    if (!handle || !find(handle, "MHD_start_daemon", &lib.start) ||
        !find(handle, "MHD_stop_daemon", &lib.stop) ||
        !find(handle, "MHD_create_response_from_buffer", &lib.make) ||
        !find(handle, "MHD_add_response_header", &lib.add) ||
        !find(handle, "MHD_queue_response", &lib.queue) ||
        !find(handle, "MHD_destroy_response", &lib.drop) ||
        !find(handle, "MHD_get_daemon_info", &lib.info)) {
        fprintf(stderr, "serve_bare_bench: %s is not there\n", LIBRARY);
        return 1;
    }
    void *daemon = lib.start(EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, &lib, OPTION_END);
    const uint16_t *port = daemon ? lib.info(daemon, INFO_BIND_PORT) : NULL;
    if (!port) {
        fprintf(stderr, "serve_bare_bench: it does not start\n");
        return 1;
    }
    printf("%u\n", (unsigned)*port);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    lib.stop(daemon);
    return 0;
}
