/* shared_redis.c: Redis over hiredis; the only file that includes it.
 *
 * hiredis speaks the protocol; waiting is ours, because its own time limit is for each read, and a
 * side that sends a byte at a time would hold a thread for as long as it likes. */
#include "base/shared_redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TEXT_BYTES 1024
#define REASON_BYTES 128
#define NUMBER_BYTES 24

typedef struct shared_redis {
    alm_shared_store store;
    alm_env env;
    alm_redis_options options; /* its texts point into `text` */
    char text[4][TEXT_BYTES];
    char lifetime[NUMBER_BYTES], most[NUMBER_BYTES];
    _Atomic size_t open; /* connections, idle or at work */
    _Atomic(redisContext *) idle[ALM_REDIS_CONNECTIONS_MAX];
} shared_redis;

/* ---- waiting ---- */

/* Ready, or the deadline is over. */
static bool wait_for(const shared_redis *self, redisContext *c, short what, uint64_t deadline)
{
    for (;;) {
        uint64_t now = alm_env_monotonic_ns(&self->env);
        if (now >= deadline) {
            return false;
        }
        struct pollfd p = {.fd = c->fd, .events = what};
        int ready = poll(&p, 1, (int)((deadline - now + 999999) / 1000000));
        if (ready != 0 && (ready > 0 || errno != EINTR)) {
            return ready > 0;
        }
    }
}

/* One command, one reply; NULL: the connection is of no use any more. */
static redisReply *call(const shared_redis *self, redisContext *c, const alm_str *word,
                        size_t words, uint64_t deadline)
{
    const char *data[8];
    size_t size[8];
    int done = 0;
    void *reply = NULL;
    alm_assert(words <= 8);
    for (size_t i = 0; i < words; i++) {
        data[i] = word[i].data;
        size[i] = word[i].size;
    }
    if (redisAppendCommandArgv(c, (int)words, data, size) != REDIS_OK) {
        return NULL;
    }
    for (;;) {
        if (redisBufferWrite(c, &done) != REDIS_OK) {
            return NULL;
        }
        if (done) {
            break;
        }
        if (!wait_for(self, c, POLLOUT, deadline)) {
            return NULL;
        }
    }
    for (;;) {
        if (redisGetReplyFromReader(c, &reply) != REDIS_OK) {
            return NULL;
        }
        if (reply) {
            return reply;
        }
        if (!wait_for(self, c, POLLIN, deadline) || redisBufferRead(c) != REDIS_OK) {
            return NULL;
        }
    }
}

static uint64_t within(const shared_redis *self, uint32_t milliseconds)
{
    return alm_env_monotonic_ns(&self->env) + (uint64_t)milliseconds * 1000000;
}

/* ---- connections ---- */

static redisContext *take(shared_redis *self)
{
    for (size_t i = 0; i < self->options.connections; i++) {
        redisContext *c = atomic_exchange(&self->idle[i], NULL);
        if (c) {
            return c;
        }
    }
    return NULL;
}

static void let_go(shared_redis *self, redisContext *c)
{
    redisFree(c);
    atomic_fetch_sub(&self->open, 1);
}

/* There are as many places as connections, so one is free. */
static void give_back(shared_redis *self, redisContext *c)
{
    for (size_t i = 0; i < self->options.connections; i++) {
        redisContext *none = NULL;
        if (atomic_compare_exchange_strong(&self->idle[i], &none, c)) {
            return;
        }
    }
    alm_assert(false);
}

static alm_err unreached(const shared_redis *self, const char *why, alm_error *error)
{
    const alm_redis_options *o = &self->options;
    return o->socket ? alm_fail(error, ALM_ERR_IO, "Redis at %s: %s", o->socket, why)
                     : alm_fail(error, ALM_ERR_IO, "Redis at %s:%u: %s", o->host,
                                (unsigned)o->port, why);
}

/* A reply that is an error, or none, is a reason. Of an error only the first word: a server that
 * does not know a command repeats it, and a password with it. */
static bool is_granted(const shared_redis *self, redisContext *c, const alm_str *word,
                       size_t words, char reason[REASON_BYTES], uint64_t deadline)
{
    redisReply *reply = call(self, c, word, words, deadline);
    bool is_good = reply && reply->type != REDIS_REPLY_ERROR;
    if (!is_good) {
        const char *text = reply ? reply->str : c->err ? c->errstr : "no answer in time";
        int size = (int)(reply ? strcspn(text, " ") : strlen(text));
        (void)snprintf(reason, REASON_BYTES, "%s: %.*s", word[0].data, size, text);
    }
    if (reply) {
        freeReplyObject(reply);
    }
    return is_good;
}

static bool is_welcome(const shared_redis *self, redisContext *c, char reason[REASON_BYTES],
                       uint64_t deadline)
{
    const alm_redis_options *o = &self->options;
    char number[NUMBER_BYTES];
    int size = snprintf(number, sizeof number, "%d", (int)o->database);
    const alm_str sign_in[3] = {ALM_STR("AUTH"), alm_str_of(o->user ? o->user : o->password),
                                alm_str_of(o->password)};
    const alm_str choose[2] = {ALM_STR("SELECT"), {number, (size_t)size}};
    const alm_str ping = ALM_STR("PING");
    return (!o->password || is_granted(self, c, sign_in, o->user ? 3 : 2, reason, deadline)) &&
           (o->database == 0 || is_granted(self, c, choose, 2, reason, deadline)) &&
           is_granted(self, c, &ping, 1, reason, deadline);
}

static alm_err connect_one(shared_redis *self, alm_error *error)
{
    const alm_redis_options *o = &self->options;
    uint64_t deadline = within(self, o->connecting_ms);
    char reason[REASON_BYTES] = "no answer in time";
    redisContext *c = o->socket ? redisConnectUnixNonBlock(o->socket)
                                : redisConnectNonBlock(o->host, o->port);
    if (!c) {
        return alm_fail(error, ALM_ERR_MEMORY, "there is no memory for a connection to Redis");
    }
    bool is_open = c->err == 0;
    if (!is_open) {
        (void)snprintf(reason, sizeof reason, "%s", c->errstr);
    } else if (wait_for(self, c, POLLOUT, deadline)) {
        int failed = 0;
        socklen_t size = sizeof failed;
        is_open = getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
        if (!is_open) {
            (void)snprintf(reason, sizeof reason, "%s", strerror(failed));
        }
    } else {
        is_open = false;
    }
    if (!is_open || !is_welcome(self, c, reason, deadline)) {
        redisFree(c);
        return unreached(self, reason, error);
    }
    atomic_fetch_add(&self->open, 1);
    give_back(self, c);
    return ALM_OK;
}

static alm_err care(alm_shared_store *store, alm_error *error)
{
    shared_redis *self = (shared_redis *)store;
    while (atomic_load(&self->open) < self->options.connections) {
        ALM_TRY(connect_one(self, error));
    }
    return ALM_OK;
}

/* ---- calls ---- */

/* NULL: unreached. A reply that is an error keeps the connection. */
static redisReply *ask(shared_redis *self, const alm_str *word, size_t words)
{
    redisContext *c = take(self);
    if (!c) {
        return NULL;
    }
    redisReply *reply = call(self, c, word, words, within(self, self->options.call_ms));
    if (reply) {
        give_back(self, c);
    } else {
        let_go(self, c);
    }
    return reply;
}

/* What is not there has no bytes; so an empty value cannot be told from it and is none. */
static alm_shared_found get(alm_shared_store *store, alm_str key, alm_arena *arena, alm_str *out)
{
    shared_redis *self = (shared_redis *)store;
    const alm_str word[4] = {ALM_STR("GETRANGE"), key, ALM_STR("0"), alm_str_of(self->most)};
    redisReply *reply = ask(self, word, 4);
    alm_shared_found found = ALM_SHARED_UNREACHED;
    if (reply && reply->type == REDIS_REPLY_STRING) {
        size_t size = reply->len;
        bool is_there = size > 0 && size <= ALM_SHARED_VALUE_BYTES_MAX;
        found = is_there ? ALM_SHARED_FOUND : ALM_SHARED_ABSENT;
        if (is_there) {
            *out = (alm_str){alm_arena_copy_text(arena, reply->str, size), size};
        }
    }
    if (reply) {
        freeReplyObject(reply);
    }
    return found;
}

static bool put(alm_shared_store *store, alm_str key, alm_str value)
{
    shared_redis *self = (shared_redis *)store;
    const alm_str word[5] = {ALM_STR("SET"), key, value, ALM_STR("EX"),
                             alm_str_of(self->lifetime)};
    redisReply *reply = ask(self, word, 5);
    bool is_put = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply) {
        freeReplyObject(reply);
    }
    return is_put;
}

/* ---- making and ending ---- */

static void destroy(alm_shared_store *store)
{
    shared_redis *self = (shared_redis *)store;
    for (redisContext *c = take(self); c; c = take(self)) {
        let_go(self, c);
    }
    alm_heap_free(self);
}

static const alm_shared_store_ops OPS = {"redis", get, put, care, destroy};

static bool keep(const char **text, char place[TEXT_BYTES])
{
    size_t size = *text ? strlen(*text) : 0;
    if (size >= TEXT_BYTES) {
        return false;
    }
    if (*text) {
        memcpy(place, *text, size + 1);
        *text = place;
    }
    return true;
}

alm_err alm_shared_redis_create(const alm_redis_options *options, const alm_env *env,
                                alm_shared_store **out, alm_error *error)
{
    void *memory = NULL;
    if (options->connections < 1 || options->connections > ALM_REDIS_CONNECTIONS_MAX ||
        options->lifetime_s < 1 || options->call_ms < 1 || options->connecting_ms < 1 ||
        (!options->socket && !options->host) || (options->user && !options->password)) {
        return alm_fail(error, ALM_ERR_INVALID, "options for Redis that cannot be");
    }
    ALM_TRY(alm_heap_try(sizeof(shared_redis), &memory, error));
    shared_redis *self = memory;
    self->store.ops = &OPS;
    self->env = *env;
    self->options = *options;
    alm_redis_options *own = &self->options;
    if (!keep(&own->socket, self->text[0]) || !keep(&own->host, self->text[1]) ||
        !keep(&own->user, self->text[2]) || !keep(&own->password, self->text[3])) {
        alm_heap_free(self);
        return alm_fail(error, ALM_ERR_INVALID, "a text of the options for Redis is too long");
    }
    (void)snprintf(self->lifetime, NUMBER_BYTES, "%u", (unsigned)own->lifetime_s);
    (void)snprintf(self->most, NUMBER_BYTES, "%zu", ALM_SHARED_VALUE_BYTES_MAX);
    *out = &self->store;
    return ALM_OK;
}
