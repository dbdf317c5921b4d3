#include "base/http_memory.h"

#include <stdatomic.h>

typedef struct http_memory {
    alm_http http;
    alm_arena *arena;
    alm_http_memory_world world;
    atomic_uint_fast64_t clock_ms;
} http_memory;

static alm_err send_request(alm_http *http, const alm_http_request *request, alm_arena *arena,
                            alm_http_outcome *out, alm_error *error)
{
    http_memory *self = (http_memory *)http;
    const char *reason = "told to fail";
    *out = (alm_http_outcome){.response = {.status = 200,
                                           .body = ALM_STR(""),
                                           .content_type = ALM_STR(""),
                                           .retry_after_s = -1}};
    self->world.answer(self->world.context, request, arena, out, &reason);
    /* What every implementation keeps, however the answer was made. */
    if (out->elapsed_ms > request->deadline_ms) {
        out->elapsed_ms = request->deadline_ms;
        out->failure = ALM_HTTP_TIMEOUT;
    }
    atomic_fetch_add(&self->clock_ms, out->elapsed_ms);
    if (out->failure == ALM_HTTP_NONE && out->response.body.size > request->response_bytes_max) {
        out->failure = ALM_HTTP_TOO_LARGE;
    }
    switch (out->failure) {
    case ALM_HTTP_NONE:
        return ALM_OK;
    case ALM_HTTP_TIMEOUT:
        return alm_fail(error, ALM_ERR_IO, "no answer within %u ms", request->deadline_ms);
    case ALM_HTTP_TOO_LARGE:
        return alm_fail(error, ALM_ERR_LIMIT, "the answer has more than %zu bytes",
                        request->response_bytes_max);
    default:
        return alm_fail(error, ALM_ERR_IO, "%s", reason);
    }
}

static void pause_for(alm_http *http, uint32_t milliseconds)
{
    alm_http_memory_advance(http, milliseconds);
}

static void destroy(alm_http *http)
{
    alm_arena_destroy(((http_memory *)http)->arena); /* the struct lies in it */
}

static alm_err start(alm_http *http, alm_error *error)
{
    (void)http;
    (void)error;
    return ALM_OK;
}

static const alm_http_ops OPS = {"memory", start, send_request, pause_for, destroy};

alm_http *alm_http_memory_create(const alm_http_memory_world *world)
{
    alm_arena *arena = alm_arena_create(0);
    http_memory *self = ALM_NEW(arena, http_memory);
    self->http.ops = &OPS;
    self->arena = arena;
    self->world = *world;
    atomic_init(&self->clock_ms, 0);
    return &self->http;
}

uint64_t alm_http_memory_clock_ms(const alm_http *http)
{
    return atomic_load(&((http_memory *)(uintptr_t)http)->clock_ms);
}

void alm_http_memory_advance(alm_http *http, uint64_t milliseconds)
{
    atomic_fetch_add(&((http_memory *)http)->clock_ms, milliseconds);
}
