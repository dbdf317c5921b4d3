/* server.c: the only file that includes libmicrohttpd.
 *
 * A worker is a thread with a daemon of its own that runs in it (MHD_run_wait), so everything of a
 * connection is touched by one thread: no lock, and between two waits the worker looks for
 * connections whose time is over. All daemons accept from one listening socket. */
#include "http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/gzip.h"
#include "base/hash.h"
#include "base/thread.h"
#include "http/bell.h"
#include "http/body.h"
#include "http/head.h"
#include "http/listen.h"
#include "http/reply_pieces.h"
#include "http/queue.h"

#define TICK_MS 100
#define REPLY_HEAD_BYTES ((size_t)16 << 10)
#define STREAM_BYTES ((size_t)64 << 10)
#define GZIP_BYTES_MIN 1024
#define GZIP_LEVEL 1
#define KEPT_BYTES ((size_t)1 << 20) /* a connection gives larger buffers back */
/* TLS 1.0 and 1.1 are broken (RFC 8996), and the library would still take them. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define NS_PER_S 1000000000u
#define GONE_TICKS 10 /* how often is looked for clients that have gone */

typedef struct worker worker;

/* One socket and the exchange that runs on it. */
typedef struct connection {
    worker *worker;
    struct connection *previous, *next;
    int socket;
    struct MHD_Connection *mhd; /* while it is put aside, or replies */
    char peer[INET6_ADDRSTRLEN];
    bool is_loopback;
    uint64_t waiting_since_ns; /* start, or end of the previous exchange */
    alm_arena *arena;
    alm_buffer body, reply_body, inflated, packed;
    /* of the exchange at hand */
    bool is_begun, is_refused, is_too_large, is_replied, is_expired;
    bool is_waiting;   /* for alm_later, put aside */
    bool is_admitting; /* what it waits for is whether it may */
    bool is_making;    /* put aside while another thread makes the next piece of its reply */
    bool makes_itself; /* no thread took that: the worker does */
    alm_header *header;
    alm_str target;
    alm_request request;
    alm_reply reply;
    void *slot;
    almi_pieces pieces;
    uint64_t streaming_since_ns; /* 0: it does not */
} connection;

struct worker {
    alm_server *server;
    int index;
    struct MHD_Daemon *daemon;
    alm_thread *thread;
    connection *first;
    uint64_t id_state; /* of request ids */
    size_t waiting;    /* connections whose replies come later */
    almi_queue queue;
    almi_bell bell;
    int epoll;
    atomic_bool quiesced;
};

struct alm_server {
    const alm_env *env;
    alm_server_settings settings;
    alm_server_handler handler;
    int socket;
    uint16_t port;
    worker *worker;
    int started;
    atomic_bool draining, stopping;
    _Atomic uint64_t connections, requests, accepted, timed_out;
};

const alm_server_settings alm_server_defaults = {
    .address = "127.0.0.1",
    .port = 3003,
    .workers = 1,
    .connections_max = 4096,
    .head_bytes_max = (size_t)16 << 10,
    .body_bytes_max = (size_t)16 << 20,
    .headers_max = 64,
    .queue_ns_max = NS_PER_S,
    .request_seconds = 75,
    .drain_seconds = 30,
};

static uint64_t now_ns(const alm_server *server)
{
    return alm_env_monotonic_ns(server->env);
}

/* ---- the head ---- */

typedef struct head {
    connection *connection;
    size_t count;
    int status;
    const char *fault; /* NULL: none */
} head;

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    head *h = context;
    connection *c = h->connection;
    if (h->count == c->worker->server->settings.headers_max) {
        h->fault = "too many header fields";
        h->status = 431;
        return MHD_NO;
    }
    alm_header *header = &c->header[h->count];
    char *lower = alm_arena_alloc(c->arena, name_size + 1);
    for (size_t i = 0; i < name_size; i++) {
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
    }
    header->name = (alm_str){lower, name_size};
    header->value = (alm_str){value ? value : "", value ? value_size : 0};
    if (!almi_head_is_token(header->name) || !almi_head_is_clean_value(header->value)) {
        h->fault = "a header field is not well formed";
        h->status = 400;
        return MHD_NO;
    }
    h->count++;
    return MHD_YES;
}

static void refuse(connection *c, int status, const char *detail)
{
    alm_problem problem = {.status = status, .detail = alm_str_of(detail)};
    alm_reply_problem(&c->reply, &c->request, &problem);
    c->reply.closes = true;
    c->is_refused = true;
}

/* The head is complete. Refusals are replies that are already set. */
static void begin(connection *c, struct MHD_Connection *mhd, const char *method,
                  const char *version)
{
    alm_server *server = c->worker->server;
    c->header = ALM_NEW_ARRAY(c->arena, alm_header, server->settings.headers_max);
    head h = {.connection = c};
    (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_header, &h);
    alm_str query = c->target;
    alm_str path = almi_head_path_of(alm_str_split(&query, '?'));
    c->request = (alm_request){.method = almi_head_method_of(method),
                               .target = c->target,
                               .path = path,
                               .query = query.data ? query : ALM_STR(""),
                               .header = c->header,
                               .header_count = h.count,
                               .body = ALM_STR(""),
                               .peer = alm_str_of(c->peer),
                               .is_loopback = c->is_loopback,
                               .is_secure = server->settings.key.size > 0,
                               .received_ns = now_ns(server),
                               .worker = c->worker->index,
                               .arena = c->arena};
    almi_queue_take(&c->worker->queue, server->settings.queue_ns_max, &c->request);
    c->reply = (alm_reply){.body = &c->reply_body};
    c->is_begun = true;
    atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    almi_head_name(&c->request, &c->worker->id_state);
    if (!h.fault) {
        h.status = almi_head_fault(&c->request, version, server->settings.head_bytes_max, &h.fault);
    }
    if (h.status) {
        refuse(c, h.status, h.fault);
    } else if (c->request.method == ALM_METHOD_OTHER && !almi_head_is_never_taken(method)) {
        refuse(c, 501, "this method is not known here");
    } else if (almi_body_is_too_long(&c->request, server->settings.body_bytes_max)) {
        refuse(c, 413, "the body is larger than this server takes");
    } else if (server->handler.admit) {
        server->handler.admit(server->handler.context, &c->request, &c->reply, &c->slot);
        c->is_refused = c->reply.status != 0;
    }
}

/* ---- connections that were put aside ---- */

/* The library resumes at its next look, and does not look while it waits. */
static void wake(void *waiting)
{
    connection *c = waiting;
    almi_bell *bell = &c->worker->bell; /* the connection may be over before it rings */
    almi_bell_lift(bell);
    MHD_resume_connection(c->mhd);
    almi_bell_ring(bell);
}

/* ---- the reply ---- */

/* On another thread. */
static void make_piece(void *context)
{
    connection *c = context;
    almi_pieces_make(&c->pieces);
    wake(c);
}

/* Puts the connection aside while another thread makes the next piece. A server that stops does not
 * wait for pieces. */
static bool defer_piece(connection *c)
{
    const alm_reply_stream *stream = &c->reply.stream;
    if (!stream->defer || c->makes_itself || !almi_pieces_wants(&c->pieces) ||
        atomic_load(&c->worker->server->stopping)) {
        return false;
    }
    c->is_making = true;
    c->worker->waiting++;
    MHD_suspend_connection(c->mhd); /* before: when it is taken, it may be woken at once */
    if (!stream->defer(stream->context, make_piece, c)) {
        c->makes_itself = true;
        wake(c);
    }
    return true;
}

static void end_making(connection *c)
{
    c->worker->waiting -= c->is_making;
    c->is_making = false;
}

static ssize_t read_stream(void *context, uint64_t position, char *out, size_t room)
{
    (void)position;
    connection *c = context;
    bool is_broken = false;
    end_making(c);
    if (defer_piece(c)) {
        return 0; /* asked again when it is woken */
    }
    c->makes_itself = false;
    size_t size = almi_pieces_take(&c->pieces, out, room, &is_broken);
    c->waiting_since_ns = now_ns(c->worker->server);
    return size > 0    ? (ssize_t)size
           : is_broken ? MHD_CONTENT_READER_END_WITH_ERROR
                       : MHD_CONTENT_READER_END_OF_STREAM;
}

static bool pack(connection *c)
{
    alm_buffer_clear(&c->packed);
    return c->reply_body.size >= GZIP_BYTES_MIN && c->reply.content_type &&
           almi_head_accepts_gzip(&c->request) &&
           alm_gzip_all(alm_buffer_view(&c->reply_body), GZIP_LEVEL, &c->packed, NULL) == ALM_OK;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static struct MHD_Response *make_response(connection *c)
{
    alm_reply *reply = &c->reply;
    struct MHD_Response *response = NULL;
    bool is_packed = false;
    if (reply->stream.next) {
        is_packed = almi_pieces_begin(&c->pieces, &reply->stream,
                                      almi_head_accepts_gzip(&c->request));
        c->streaming_since_ns = now_ns(c->worker->server);
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BYTES, read_stream, c,
                                                     NULL);
    } else {
        is_packed = pack(c);
        const alm_buffer *body = is_packed ? &c->packed : &c->reply_body;
        response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_PERSISTENT);
    }
    if (!response) {
        return NULL;
    }
    if (reply->content_type) {
        add_header(response, "Content-Type", reply->content_type);
    }
    if (is_packed) {
        add_header(response, "Content-Encoding", "gzip");
    }
    if (c->reply_body.size >= GZIP_BYTES_MIN || reply->stream.next) {
        add_header(response, "Vary", "Accept-Encoding");
    }
    alm_str id = c->request.id;
    add_header(response, "X-Request-ID", alm_arena_copy_text(c->arena, id.data, id.size));
    for (size_t i = 0; i < reply->header_count; i++) {
        const alm_header *header = &reply->header[i];
        add_header(response, header->name.data,
                   alm_arena_copy_text(c->arena, header->value.data, header->value.size));
    }
    if (reply->closes || alm_server_is_draining(c->worker->server)) {
        add_header(response, "Connection", "close");
    }
    return response;
}

static enum MHD_Result send_reply(connection *c, struct MHD_Connection *mhd)
{
    alm_assert(c->reply.status >= 200 && c->reply.status <= 599);
    c->is_replied = true;
    c->mhd = mhd;
    if (c->reply_body.failed) {
        refuse(c, 503, "out of memory"); /* the text fits into what there is, or is empty */
        alm_buffer_clear(&c->reply_body);
        c->reply_body.failed = false;
    }
    struct MHD_Response *response = make_response(c);
    if (!response) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(mhd, (unsigned)c->reply.status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the body ---- */

static void take_body(connection *c, const char *data, size_t size)
{
    if (c->is_refused) {
        return;
    }
    size_t limit = c->worker->server->settings.body_bytes_max;
    if (c->is_too_large || size > limit - c->body.size) {
        c->is_too_large = true; /* the rest is read and dropped, then comes the reply */
        return;
    }
    alm_buffer_append(&c->body, data, size);
}

/* The body as the client meant it, or a refusal. */
static void open_body(connection *c)
{
    const char *why = "the body is larger than this server takes";
    int status = c->is_too_large ? 413
                                 : almi_body_open(&c->request, &c->body, &c->inflated,
                                                  c->worker->server->settings.body_bytes_max, &why);
    if (status != 0) {
        refuse(c, status, why);
    }
}

/* ---- replies that come later ---- */

static void wait_for_reply(connection *c, struct MHD_Connection *mhd)
{
    alm_later *later = c->reply.later;
    c->mhd = mhd;
    c->is_waiting = true;
    c->worker->waiting++;
    later->wake = wake;
    later->connection = c;
    MHD_suspend_connection(mhd);
    later->start(later);
}

static void end_wait(connection *c)
{
    alm_later *later = c->reply.later;
    c->is_waiting = false;
    c->worker->waiting--;
    c->waiting_since_ns = now_ns(c->worker->server);
    c->reply.later = NULL;
    later->finish(later);
}

/* The whole request is there. */
static enum MHD_Result answer(connection *c, struct MHD_Connection *mhd)
{
    alm_server *server = c->worker->server;
    if (!c->is_refused) {
        open_body(c);
    }
    c->waiting_since_ns = now_ns(server); /* from here on for the client to take the reply */
    if (!c->is_refused) {
        server->handler.handle(server->handler.context, &c->request, c->slot, &c->reply);
    }
    if (c->reply.status == 0 && c->reply.later) {
        wait_for_reply(c, mhd);
        return MHD_YES;
    }
    return send_reply(c, mhd);
}

/* Admitted or not, or waiting for that. */
static enum MHD_Result go_on(connection *c, struct MHD_Connection *mhd)
{
    c->is_admitting = !c->is_refused && c->reply.later;
    if (c->is_admitting) {
        wait_for_reply(c, mhd);
        return MHD_YES;
    }
    bool may_go_on = !c->reply.closes && almi_body_can_be_skipped(&c->request);
    return c->is_refused && !may_go_on ? send_reply(c, mhd) : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)url;
    (void)context;
    connection *c = *state;
    if (!c) {
        return MHD_NO;
    }
    if (!c->is_begun) {
        begin(c, mhd, method, version);
        return go_on(c, mhd);
    }
    if (c->is_waiting) {
        end_wait(c);
        if (!c->is_admitting) {
            return send_reply(c, mhd);
        }
        c->is_refused = c->reply.status != 0;
        return go_on(c, mhd); /* the library asks again as if the head had just come */
    }
    if (*upload_size > 0) {
        take_body(c, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    return answer(c, mhd);
}

/* ---- connections ---- */

/* Paths are decoded by the router, segment by segment. */
static size_t leave_escaped(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

/* Called with the address as it came, before the head is read; what it returns is the state. */
static void *on_target(void *context, const char *uri, struct MHD_Connection *mhd)
{
    (void)context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    connection *c = info->socket_context;
    if (!c) {
        return NULL; /* there was no memory for it */
    }
    size_t size = strlen(uri);
    c->target = (alm_str){alm_arena_copy_text(c->arena, uri, size), size};
    return c;
}

static void keep_little(alm_buffer *buffer)
{
    if (buffer->capacity > KEPT_BYTES) {
        alm_buffer_deinit(buffer);
    }
    buffer->size = 0;
    buffer->failed = false;
}

static void finish(connection *c, bool sent)
{
    alm_server *server = c->worker->server;
    if (c->is_waiting) { /* told, and the client has gone meanwhile */
        end_wait(c);
    }
    end_making(c);
    if (c->is_begun) {
        if (c->reply.stream.close) {
            c->reply.stream.close(c->reply.stream.context);
        }
        if (server->handler.done) {
            server->handler.done(server->handler.context, &c->request, c->slot, &c->reply, sent);
        }
        atomic_fetch_sub_explicit(&server->requests, 1, memory_order_relaxed);
    }
    c->is_begun = c->is_refused = c->is_too_large = c->is_replied = c->is_admitting = false;
    c->makes_itself = false;
    c->slot = NULL;
    c->streaming_since_ns = 0;
    almi_pieces_end(&c->pieces);
    alm_buffer *buffers[] = {&c->body, &c->reply_body, &c->inflated, &c->packed};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        keep_little(buffers[i]);
    }
    alm_arena_reset(c->arena);
    c->waiting_since_ns = now_ns(server);
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)mhd;
    if (*state) {
        finish(*state, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        *state = NULL;
    }
}

static connection *open_connection(worker *w, struct MHD_Connection *mhd)
{
    void *memory = NULL;
    if (alm_heap_try(sizeof(connection), &memory, NULL) != ALM_OK) {
        return NULL;
    }
    connection *c = memory;
    c->worker = w;
    c->arena = alm_arena_create(0);
    c->socket =
        (int)MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    c->is_loopback = almi_head_peer(
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, c->peer);
    c->waiting_since_ns = now_ns(w->server);
    c->next = w->first;
    if (w->first) {
        w->first->previous = c;
    }
    w->first = c;
    atomic_fetch_add_explicit(&w->server->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->server->accepted, 1, memory_order_relaxed);
    return c;
}

static void close_connection(connection *c)
{
    worker *w = c->worker;
    if (c->previous) {
        c->previous->next = c->next;
    } else {
        w->first = c->next;
    }
    if (c->next) {
        c->next->previous = c->previous;
    }
    alm_buffer *buffers[] = {&c->body, &c->reply_body, &c->inflated, &c->packed};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        alm_buffer_deinit(buffers[i]);
    }
    alm_arena_destroy(c->arena);
    alm_heap_free(c);
    atomic_fetch_sub_explicit(&w->server->connections, 1, memory_order_relaxed);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = open_connection(context, mhd);
    } else if (*socket_context) {
        close_connection(*socket_context);
        *socket_context = NULL;
    }
}

/* ---- workers ---- */

static bool is_over_time(const connection *c, uint64_t now, uint64_t limit)
{
    return now - c->waiting_since_ns > limit ||
           (c->streaming_since_ns &&
            now - c->streaming_since_ns > limit * ALM_STREAM_REQUEST_TIMES);
}

/* Has the other side closed in the middle of a request? When its last bytes and the end come
 * together the library reads the bytes and then waits for an event that the kernel, which has told
 * it, does not tell again. An end behind a whole request is none of our business: the reply is
 * still wanted. */
static bool is_gone(const connection *c, uint64_t now)
{
    char byte;
    return !c->is_replied && !c->is_waiting && now - c->waiting_since_ns > NS_PER_S &&
           recv(c->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A shut socket is noticed by the library, which then ends the connection in its own way. */
static void end_expired(worker *w, bool looks_for_gone)
{
    uint64_t now = now_ns(w->server);
    uint64_t limit = (uint64_t)w->server->settings.request_seconds * NS_PER_S;
    for (connection *c = w->first; c; c = c->next) {
        bool is_aside = c->is_waiting || c->is_making;
        bool is_late = !is_aside && is_over_time(c, now, limit);
        if (!c->is_expired && (is_late || (looks_for_gone && is_gone(c, now)))) {
            c->is_expired = true;
            /* Before the client can see it. */
            atomic_fetch_add_explicit(&w->server->timed_out, is_late, memory_order_relaxed);
            (void)shutdown(c->socket, SHUT_RDWR);
        }
    }
}

static void stop_accepting(worker *w)
{
    MHD_socket socket = MHD_quiesce_daemon(w->daemon);
    if (socket != MHD_INVALID_SOCKET) {
        (void)close(socket);
    }
    atomic_store(&w->quiesced, true);
}

static void look(worker *w)
{
    MHD_UNSIGNED_LONG_LONG limit = TICK_MS;
    if (w->waiting) { /* else nobody rings */
        bool has_limit = MHD_get_timeout(w->daemon, &limit) == MHD_YES && limit < TICK_MS;
        almi_bell_wait(&w->bell, w->epoll, has_limit ? (int)limit : TICK_MS);
        limit = 0;
    }
    (void)MHD_run_wait(w->daemon, (int32_t)limit);
    const alm_server_handler *handler = &w->server->handler;
    if (handler->end_round) {
        handler->end_round(handler->context, w->index);
    }
}

static void worker_main(void *context)
{
    worker *w = context;
    uint64_t looked = now_ns(w->server);
    unsigned ticks = 0;
    while (!atomic_load(&w->server->stopping)) {
        look(w);
        uint64_t now = now_ns(w->server);
        almi_queue_end_round(&w->queue, w->server->settings.queue_ns_max, now);
        if (now - looked >= (uint64_t)TICK_MS * 1000000) {
            looked = now;
            end_expired(w, ++ticks % GONE_TICKS == 0);
        }
        if (alm_server_is_draining(w->server) && !atomic_load(&w->quiesced)) {
            stop_accepting(w);
        }
    }
    while (w->waiting) { /* work that others do cannot be cut off */
        look(w);
    }
    MHD_stop_daemon(w->daemon);
    w->daemon = NULL;
}

static alm_err start_worker(alm_server *server, int index, alm_error *error)
{
    worker *w = &server->worker[index];
    const alm_server_settings *s = &server->settings;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (s->key.size > 0 ? MHD_USE_TLS : 0);
    unsigned share = (s->connections_max + (unsigned)s->workers - 1) / (unsigned)s->workers;
    int listening = dup(server->socket);
    if (listening < 0) {
        return alm_fail(error, ALM_ERR_IO, "the listening socket: %s", strerror(errno));
    }
    w->server = server;
    w->index = index;
    alm_random_bytes(&w->id_state, sizeof w->id_state);
    struct MHD_OptionItem secure[] = {
        {s->key.size > 0 ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, 0, (void *)s->key.data},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)s->certificate.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    w->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, w, MHD_OPTION_LISTEN_SOCKET, listening,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->head_bytes_max + REPLY_HEAD_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, share, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        s->connections_per_address_max, MHD_OPTION_URI_LOG_CALLBACK, on_target, w,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, w, MHD_OPTION_NOTIFY_CONNECTION, on_connection, w,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY,
        secure, MHD_OPTION_END);
    if (!w->daemon) {
        (void)close(listening);
        return s->key.size > 0
                   ? alm_fail(error, ALM_ERR_INVALID, "the server does not start with this "
                              "certificate and key: are they PEM, and do they fit together?")
                   : alm_fail(error, ALM_ERR_IO, "the server does not start: %s", strerror(errno));
    }
    w->epoll = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    alm_err code = almi_bell_open(&w->bell, error);
    if (code == ALM_OK) {
        code = alm_thread_start("http", worker_main, w, &w->thread, error);
    }
    if (code != ALM_OK) {
        almi_bell_close(&w->bell);
        MHD_stop_daemon(w->daemon);
        w->daemon = NULL;
    }
    return code;
}

/* ---- the server ---- */

alm_err alm_server_start(const alm_env *env, const alm_server_settings *settings,
                         const alm_server_handler *handler, alm_server **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(almi_listen_check(settings, error));
    ALM_TRY(alm_heap_try(sizeof(alm_server), &memory, error));
    alm_server *server = memory;
    server->env = env;
    server->settings = *settings;
    server->handler = *handler;
    server->socket = -1;
    alm_err code = alm_heap_try((size_t)settings->workers * sizeof(worker), &memory, error);
    server->worker = code == ALM_OK ? memory : NULL;
    code = code == ALM_OK ? almi_listen(settings->address, settings->port, &server->socket,
                                        &server->port, error)
                          : code;
    while (code == ALM_OK && server->started < settings->workers) {
        code = start_worker(server, server->started, error);
        server->started += code == ALM_OK;
    }
    for (int i = 0; code == ALM_OK && settings->is_realtime && i < server->started; i++) {
        code = alm_thread_step_forward(server->worker[i].thread, error);
    }
    if (code != ALM_OK) {
        alm_server_stop(server);
        return code;
    }
    *out = server;
    return ALM_OK;
}

uint16_t alm_server_port(const alm_server *server)
{
    return server->port;
}

alm_server_counts alm_server_count(const alm_server *server)
{
    return (alm_server_counts){.connections = atomic_load(&server->connections),
                               .requests = atomic_load(&server->requests),
                               .accepted = atomic_load(&server->accepted),
                               .timed_out = atomic_load(&server->timed_out)};
}

const alm_server_settings *alm_server_limits(const alm_server *server)
{
    return &server->settings;
}

void alm_server_drain(alm_server *server)
{
    if (!atomic_exchange(&server->draining, true) && server->socket >= 0) {
        (void)close(server->socket); /* the workers close theirs, the last one ends listening */
        server->socket = -1;
    }
}

bool alm_server_is_draining(const alm_server *server)
{
    return atomic_load(&server->draining);
}

static bool is_quiet(const alm_server *server)
{
    for (int i = 0; i < server->started; i++) {
        if (!atomic_load(&server->worker[i].quiesced)) {
            return false;
        }
    }
    return atomic_load(&server->requests) == 0;
}

void alm_server_stop(alm_server *server)
{
    if (!server) {
        return;
    }
    alm_server_drain(server);
    uint64_t start = now_ns(server);
    uint64_t limit = (uint64_t)server->settings.drain_seconds * NS_PER_S;
    while (!is_quiet(server) && now_ns(server) - start < limit) {
        struct timespec pause = {.tv_nsec = 5000000};
        (void)nanosleep(&pause, NULL);
    }
    atomic_store(&server->stopping, true);
    for (int i = 0; i < server->started; i++) {
        alm_thread_join(server->worker[i].thread);
        almi_bell_close(&server->worker[i].bell);
    }
    alm_heap_free(server->worker);
    alm_heap_free(server);
}
