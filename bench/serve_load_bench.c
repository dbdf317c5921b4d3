/* serve_load_bench.c: a load on one server at 127.0.0.1: keep-alive connections in one thread,
 * every request another one of the prepared bodies.
 *
 *     serve_load_bench --port N [--connections N] [--seconds S] [--rate R] [--path P]
 *         [--columns N] [--rows N] [--header "Name: value"] [--form oip|binary|instances]
 *         [--steps N] [--schedstat FILE] [--seed N] [--bodies FILE] [--tokens FILE] [--first N]
 *         [--skip SHARE] [--pause yes|no]
 *
 * Without --rate closed: each connection asks again as soon as it was answered. With it open: R
 * requests a second are due at fixed times, whether or not the server keeps up, and a latency
 * counts from when a request was due (so it includes the time that it waited for a connection;
 * nothing is left out when the server stalls). The first tenth of the time, or --skip, is not
 * counted.
 *
 * Standstills. Nobody can tell from a latency whether the server or the machine stood still, so
 * both are looked at while the load is open: the generator, which never sleeps, notes when more
 * than a millisecond passes between two of its own looks (its processor was taken away), and every
 * two milliseconds it reads how long the server's threads have been waiting for a processor that
 * others had (--schedstat, a file of /proc/PID/task/TID; may be given several times). From such a
 * moment until no request is overdue any more, requests are `disturbed`: they count in all
 * quantiles, and a second set of figures leaves them out (calm_...). What the server itself does
 * is never left out, nor is a standstill of the machine that shows in neither.
 *
 * Bodies: `oip` is one tensor "input" of FP64 by the Open Inference Protocol, `instances`
 * {"instances":[[..],..]}, `binary` the tensor as bytes behind its JSON; with --steps the tensor is
 * "windows" of so many rows each. 4096 different ones. Or the lines of a file, one after the other.
 * With a file of tokens the requests carry these in turn, so that each client asks equally often.
 *
 * --first: latencies of the first N counted requests are told, too. --pause: wait for the next
 * request in the kernel and not in a loop, which leaves the processor to others (and makes the
 * latencies of a seldom load longer by the waking up).
 *
 * Prints one JSON object: requests, errors (no status 200, or a broken connection), seconds,
 * rate, answers (also those that are not counted), of the latencies median, p95, p99, p999 and the
 * largest, in microseconds, of those that were not disturbed calm_p99 and calm_p999, and
 * standstills, how many milliseconds they took, and the share of requests that were disturbed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/str.h"

#define BODIES 4096
#define CONNECTIONS_MAX 4096
#define READ_BYTES 65536
#define HEADERS_MAX 8
#define THREADS_MAX 8
#define GAP_S 1e-3
#define LOOK_S 2e-3

typedef struct options {
    int port, connections, columns, rows;
    int steps; /* of a window; 0: rows */
    double seconds, rate, skip;
    const char *path, *form, *bodies, *tokens;
    int first;
    bool pause;
    const char *header[HEADERS_MAX];
    int headers;
    int schedstat[THREADS_MAX]; /* files */
    int threads;
    uint64_t seed;
} options;

typedef struct client {
    int fd;
    bool busy;
    double due;          /* when its request should have been sent */
    bool disturbed;
    const char *out;     /* of the request, not sent yet */
    size_t out_size;
    char in[READ_BYTES]; /* of the reply so far */
    size_t in_size;
} client;

typedef struct load {
    options o;
    alm_str body[BODIES];
    size_t bodies;
    alm_str line[BODIES], token[BODIES]; /* of the files */
    size_t lines, tokens;
    client *client;
    int epoll;
    uint64_t next_body;
    double *latency; /* microseconds */
    size_t latencies, room;
    double *calm;    /* the same without disturbed ones */
    size_t calms, calm_room;
    double looked, looked_at_server; /* when the generator looked last */
    uint64_t server_waited;          /* nanoseconds, of all threads */
    bool is_disturbed;
    uint64_t standstills;
    double standstill_s;
    uint64_t answers, errors, counted_errors;
    double start, count_from;
} load;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "serve_load_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- bodies ---- */

/* Steps of windows are rows, too. */
static int all_rows(const load *l)
{
    return l->o.rows * (l->o.steps ? l->o.steps : 1);
}

static double value_of(const load *l, uint64_t index, int column)
{
    double u = alm_rng_uniform(l->o.seed, ALM_RNG_BENCH, index, (uint64_t)column);
    return nearbyint((u * 200 - 100) * 1000) / 1000;
}

static void put_row(alm_buffer *out, const load *l, uint64_t index)
{
    for (int c = 0; c < l->o.columns; c++) {
        alm_buffer_text(out, c > 0 ? "," : "");
        alm_buffer_double(out, value_of(l, index, c));
    }
}

static void put_tensor_head(alm_buffer *out, const load *l)
{
    alm_buffer_printf(out, "{\"inputs\":[{\"name\":\"%s\",\"datatype\":\"FP64\",\"shape\":[%d,",
                      l->o.steps ? "windows" : "input", l->o.rows);
    if (l->o.steps) {
        alm_buffer_printf(out, "%d,", l->o.steps);
    }
    alm_buffer_printf(out, "%d],", l->o.columns);
}

static void put_json_rows(alm_buffer *out, const load *l, size_t index, bool is_oip)
{
    if (is_oip) {
        put_tensor_head(out, l);
        alm_buffer_text(out, "\"data\":[");
    } else {
        alm_buffer_text(out, "{\"instances\":[");
    }
    for (int r = 0; r < all_rows(l); r++) {
        alm_buffer_text(out, r > 0 ? "," : "");
        alm_buffer_text(out, is_oip ? "" : "[");
        put_row(out, l, (uint64_t)index * 1000 + (uint64_t)r);
        alm_buffer_text(out, is_oip ? "" : "]");
    }
    alm_buffer_text(out, is_oip ? "]}]}" : "]}");
}

/* Returns how many bytes of it are JSON. */
static size_t put_binary_rows(alm_buffer *out, const load *l, size_t index)
{
    put_tensor_head(out, l);
    alm_buffer_printf(out, "\"parameters\":{\"binary_data_size\":%d}}]}",
                      8 * all_rows(l) * l->o.columns);
    size_t json = out->size;
    for (int i = 0; i < all_rows(l) * l->o.columns; i++) {
        double value = value_of(l, (uint64_t)index * 1000 + (uint64_t)(i / l->o.columns),
                                i % l->o.columns);
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        alm_buffer_u64(out, bits);
    }
    return json;
}

/* The lines of a file, kept until the end; how many. */
static size_t read_lines(const char *path, alm_str line[BODIES])
{
    size_t count = 0, room = 0;
    char *text = NULL;
    FILE *file = fopen(path, "r");
    if (!file) {
        die(path);
    }
    for (ssize_t size; count < BODIES && (size = getline(&text, &room, file)) > 0; text = NULL) {
        line[count++] = alm_str_trim((alm_str){text, (size_t)size});
        room = 0;
    }
    free(text);
    (void)fclose(file);
    return count;
}

static void make_body(load *l, size_t index)
{
    bool is_binary = strcmp(l->o.form, "binary") == 0;
    alm_buffer body = {0}, whole = {0};
    alm_buffer_printf(&whole, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", l->o.path);
    if (l->lines == 0 && is_binary) {
        size_t json = put_binary_rows(&body, l, index);
        alm_buffer_printf(&whole, "Content-Type: application/octet-stream\r\n"
                          "Inference-Header-Content-Length: %zu\r\n", json);
    } else {
        alm_buffer_text(&whole, "Content-Type: application/json\r\n");
    }
    if (l->lines > 0) {
        alm_buffer_str(&body, l->line[index % l->lines]);
    } else if (!is_binary) {
        put_json_rows(&body, l, index, strcmp(l->o.form, "oip") == 0);
    }
    alm_buffer_printf(&whole, "Content-Length: %zu\r\n", body.size);
    for (int i = 0; i < l->o.headers; i++) {
        alm_buffer_printf(&whole, "%s\r\n", l->o.header[i]);
    }
    if (l->tokens > 0) {
        alm_buffer_printf(&whole, "Authorization: Bearer " ALM_STR_FMT "\r\n",
                          ALM_STR_ARG(l->token[index % l->tokens]));
    }
    alm_buffer_text(&whole, "\r\n");
    alm_buffer_str(&whole, alm_buffer_view(&body));
    alm_buffer_deinit(&body);
    l->body[index] = alm_buffer_view(&whole); /* kept until the end */
}

static void make_bodies(load *l)
{
    l->lines = l->o.bodies ? read_lines(l->o.bodies, l->line) : 0;
    l->tokens = l->o.tokens ? read_lines(l->o.tokens, l->token) : 0;
    l->bodies = l->tokens > 0 ? BODIES / l->tokens * l->tokens : BODIES;
    for (size_t i = 0; i < l->bodies; i++) {
        make_body(l, i);
    }
}

/* ---- connections ---- */

static void open_client(load *l, client *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)l->o.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die("cannot connect");
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    (void)epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event);
    c->busy = false;
    c->in_size = 0;
}

static void count_error(load *l, client *c)
{
    l->errors++;
    l->counted_errors += c->due >= l->count_from;
    (void)close(c->fd);
    open_client(l, c);
}

static void send_more(load *l, client *c)
{
    while (c->out_size > 0) {
        ssize_t sent = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            (void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &event);
            return;
        }
        if (sent <= 0) {
            count_error(l, c);
            return;
        }
        c->out += sent;
        c->out_size -= (size_t)sent;
    }
}

static void ask(load *l, client *c, double due)
{
    alm_str body = l->body[l->next_body++ % l->bodies];
    c->busy = true;
    c->due = due;
    c->disturbed = l->is_disturbed;
    c->in_size = 0;
    c->out = body.data;
    c->out_size = body.size;
    send_more(l, c);
}

/* Is the reply whole? -1: it is none. */
static int is_whole(client *c)
{
    c->in[c->in_size] = '\0';
    const char *end = strstr(c->in, "\r\n\r\n");
    const char *length = strcasestr(c->in, "\r\nContent-Length:");
    if (!end) {
        return 0;
    }
    if (!length || length > end) {
        return -1;
    }
    size_t body = (size_t)strtoull(length + 17, NULL, 10);
    return c->in_size >= (size_t)(end + 4 - c->in) + body;
}

/* ---- standstills ---- */

/* Time on a processor, time of waiting for one, turns. */
static uint64_t waited_of(const load *l)
{
    uint64_t sum = 0;
    for (int i = 0; i < l->o.threads; i++) {
        char text[128];
        ssize_t got = pread(l->o.schedstat[i], text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        char *behind = text;
        (void)strtoull(text, &behind, 10);
        sum += strtoull(behind, NULL, 10);
    }
    return sum;
}

static void stand_still(load *l, double seconds)
{
    l->standstills += l->looked >= l->count_from;
    l->standstill_s += l->looked >= l->count_from ? seconds : 0;
    l->is_disturbed = true;
    for (int i = 0; i < l->o.connections; i++) {
        l->client[i].disturbed = true; /* those that are on their way */
    }
}

/* Did others have its processor since the last look? Unless that was less than `pause` ago. */
static void look_at_server(load *l, double t, double pause)
{
    if (!l->o.threads || t - l->looked_at_server < pause) {
        return;
    }
    uint64_t waited = waited_of(l);
    double more = 1e-9 * (double)(waited - l->server_waited);
    if (l->looked_at_server > 0 && more > GAP_S) {
        stand_still(l, more);
    }
    l->server_waited = waited;
    l->looked_at_server = t;
}

/* `overdue`: there are requests that should have been sent before. */
static void look_for_standstills(load *l, double t, bool overdue)
{
    double gap = t - l->looked;
    if (l->looked > 0 && !overdue) {
        l->is_disturbed = false;
    }
    if (l->looked > 0 && gap > GAP_S) {
        stand_still(l, gap);
    }
    look_at_server(l, t, LOOK_S);
    l->looked = t;
}

/* ---- replies ---- */

static void push(double **list, size_t *count, size_t *room, double value)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 1 << 20;
        double *grown = realloc(*list, *room * sizeof *grown);
        if (!grown) {
            die("memory");
        }
        *list = grown;
    }
    (*list)[(*count)++] = value;
}

static void count_latency(load *l, const client *c, double at)
{
    double latency = 1e6 * (at - c->due);
    if (latency > 1e6 * GAP_S) {
        look_at_server(l, at, LOOK_S / 10); /* before it is counted as calm */
    }
    if (c->due < l->count_from) {
        return;
    }
    push(&l->latency, &l->latencies, &l->room, latency);
    if (!c->disturbed && !l->is_disturbed) {
        push(&l->calm, &l->calms, &l->calm_room, latency);
    }
}

/* True: the connection is free again. */
static bool receive(load *l, client *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_size, sizeof c->in - 1 - c->in_size, 0);
    if (got < 0 && errno == EAGAIN) {
        return false;
    }
    if (got <= 0) {
        count_error(l, c);
        return false;
    }
    c->in_size += (size_t)got;
    int whole = is_whole(c);
    if (whole == 0 && c->in_size < sizeof c->in - 1) {
        return false;
    }
    c->busy = false;
    l->answers++;
    if (whole < 0 || strncmp(c->in, "HTTP/1.1 200", 12) != 0) {
        if (l->errors == 0) {
            fprintf(stderr, "serve_load_bench: the first error:\n%.*s\n", 600, c->in);
        }
        l->errors++;
        l->counted_errors += c->due >= l->count_from;
        return true;
    }
    count_latency(l, c, now());
    return true;
}

/* ---- the two kinds of load ---- */

static void finish_events(load *l, double wait, bool closed)
{
    struct epoll_event event[256];
    struct timespec timeout = {.tv_nsec = (long)(1e9 * wait)};
    int count = epoll_pwait2(l->epoll, event, 256, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        client *c = event[i].data.ptr;
        if (event[i].events & EPOLLOUT) {
            struct epoll_event back = {.events = EPOLLIN, .data.ptr = c};
            (void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &back);
            send_more(l, c);
        }
        bool is_free = (event[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && receive(l, c);
        if (closed && (is_free || !c->busy)) {
            ask(l, c, now());
        }
    }
}

static void run_closed(load *l)
{
    for (int i = 0; i < l->o.connections; i++) {
        ask(l, &l->client[i], now());
    }
    while (now() < l->start + l->o.seconds) {
        finish_events(l, .01, true);
    }
}

static client *free_client(load *l, int *at)
{
    for (int i = 0; i < l->o.connections; i++) {
        client *c = &l->client[(*at + i) % l->o.connections];
        if (!c->busy) {
            *at = (*at + i + 1) % l->o.connections;
            return c;
        }
    }
    return NULL;
}

static void run_open(load *l)
{
    double gap = 1 / l->o.rate;
    uint64_t sent = 0;
    int at = 0;
    double end = l->start + l->o.seconds;
    for (double t = l->start; t < end; t = now()) {
        client *c = NULL;
        look_for_standstills(l, t, l->start + (double)(sent + 1) * gap <= t);
        while (l->start + (double)sent * gap <= t && (c = free_client(l, &at))) {
            ask(l, c, l->start + (double)sent * gap);
            sent++;
        }
        double next = l->start + (double)sent * gap - now();
        finish_events(l, !l->o.pause || next < 0 ? 0 : fmin(next, .01), false);
    }
}

/* ---- the program ---- */

static double number(const char *text)
{
    double value = 0;
    if (!alm_str_to_double(alm_str_of(text), &value)) {
        fprintf(stderr, "serve_load_bench: '%s' is no number\n", text);
        exit(2);
    }
    return value;
}

static options read_options(int argc, char **argv)
{
    options o = {.connections = 16, .columns = 40, .rows = 1, .seconds = 5, .path = "/",
                 .form = "oip", .seed = 1, .skip = .1};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        int *integer = strcmp(name, "--port") == 0          ? &o.port
                       : strcmp(name, "--connections") == 0 ? &o.connections
                       : strcmp(name, "--columns") == 0     ? &o.columns
                       : strcmp(name, "--rows") == 0        ? &o.rows
                       : strcmp(name, "--steps") == 0       ? &o.steps
                       : strcmp(name, "--first") == 0       ? &o.first
                                                            : NULL;
        if (integer) {
            *integer = (int)number(value);
        } else if (strcmp(name, "--seconds") == 0) {
            o.seconds = number(value);
        } else if (strcmp(name, "--rate") == 0) {
            o.rate = number(value);
        } else if (strcmp(name, "--skip") == 0) {
            o.skip = number(value);
        } else if (strcmp(name, "--seed") == 0) {
            o.seed = (uint64_t)number(value);
        } else if (strcmp(name, "--path") == 0) {
            o.path = value;
        } else if (strcmp(name, "--form") == 0) {
            o.form = value;
        } else if (strcmp(name, "--schedstat") == 0 && o.threads < THREADS_MAX) {
            o.schedstat[o.threads] = open(value, O_RDONLY | O_CLOEXEC);
            o.threads += o.schedstat[o.threads] >= 0;
        } else if (strcmp(name, "--bodies") == 0) {
            o.bodies = value;
        } else if (strcmp(name, "--tokens") == 0) {
            o.tokens = value;
        } else if (strcmp(name, "--pause") == 0) {
            o.pause = strcmp(value, "yes") == 0;
        } else if (strcmp(name, "--header") == 0 && o.headers < HEADERS_MAX) {
            o.header[o.headers++] = value;
        } else {
            fprintf(stderr, "serve_load_bench: unknown option %s\n", name);
            exit(2);
        }
    }
    if (o.port < 1 || o.connections < 1 || o.connections > CONNECTIONS_MAX || o.seconds <= 0 ||
        o.rows < 1 || o.columns < 1 || o.steps < 0) {
        fprintf(stderr, "serve_load_bench: port, connections, rows, columns or seconds\n");
        exit(2);
    }
    return o;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of a list in ascending order; -1: it is empty. */
static double quantile(const double *list, size_t count, double level)
{
    size_t at = (size_t)ceil(level * (double)count);
    return count ? list[at > 0 ? at - 1 : 0] : -1;
}

/* Of a list, which is sorted by it; `prefix` before the names. */
static void tell(double *list, size_t count, const char *prefix)
{
    static const struct {
        const char *name;
        double level;
    } LEVELS[] = {{"median", .5}, {"p95", .95}, {"p99", .99}, {"p999", .999}, {"max", 1}};
    qsort(list, count, sizeof *list, by_value);
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++) {
        printf("\"%s%s_us\":%.1f,", prefix, LEVELS[i].name,
               quantile(list, count, LEVELS[i].level));
    }
}

static void print_result(load *l)
{
    double counted = now() - l->count_from;
    double all = (double)l->latencies;
    size_t first = (size_t)l->o.first;
    printf("{\"requests\":%zu,\"errors\":%llu,\"seconds\":%.3f,\"rate\":%.1f,\"answers\":%llu,",
           l->latencies, (unsigned long long)l->counted_errors, counted, all / counted,
           (unsigned long long)l->answers);
    if (first > 0) { /* before all are sorted */
        tell(l->latency, l->latencies < first ? l->latencies : first, "first_");
    }
    tell(l->latency, l->latencies, "");
    qsort(l->calm, l->calms, sizeof *l->calm, by_value);
    printf("\"calm_p99_us\":%.1f,\"calm_p999_us\":%.1f,\"standstills\":%llu,"
           "\"standstill_ms\":%.1f,\"disturbed\":%.5f}\n",
           quantile(l->calm, l->calms, .99), quantile(l->calm, l->calms, .999),
           (unsigned long long)l->standstills, 1e3 * l->standstill_s,
           all > 0 ? 1 - (double)l->calms / all : 0);
}

int main(int argc, char **argv)
{
    static load l;
    l.o = read_options(argc, argv);
    l.client = calloc((size_t)l.o.connections, sizeof *l.client);
    l.epoll = epoll_create1(0);
    make_bodies(&l);
    for (int i = 0; i < l.o.connections; i++) {
        open_client(&l, &l.client[i]);
    }
    l.start = now();
    l.count_from = l.start + l.o.seconds * l.o.skip;
    if (l.o.rate > 0) {
        run_open(&l);
    } else {
        run_closed(&l);
    }
    print_result(&l);
    return l.errors > 0 && l.latencies == 0;
}
