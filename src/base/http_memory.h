/* http_memory.h: the twin of the HTTP client for tests: a function answers, time is counted.
 *
 * `answer` sees each request and sets what comes of it; `elapsed_ms` of its outcome is added to the
 * twin's clock, and so is every pause. Nothing waits. Thread safety: as an alm_http, if the
 * function is. */
#ifndef ALM_BASE_HTTP_MEMORY_H
#define ALM_BASE_HTTP_MEMORY_H

#include "base/http_client.h"

typedef struct alm_http_memory_world {
    /* `out` is a success without a body at the start; `reason` is the message of a failure. A body
     * lies in `arena`. */
    void (*answer)(void *context, const alm_http_request *request, alm_arena *arena,
                   alm_http_outcome *out, const char **reason);
    void *context;
} alm_http_memory_world;

alm_http *alm_http_memory_create(const alm_http_memory_world *world);
uint64_t alm_http_memory_clock_ms(const alm_http *http);
void alm_http_memory_advance(alm_http *http, uint64_t milliseconds);

#endif
