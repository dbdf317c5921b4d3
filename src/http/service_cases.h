/* service_cases.h: asking a service as the server would, without a network; for tests. */
#ifndef ALM_HTTP_SERVICE_CASES_H
#define ALM_HTTP_SERVICE_CASES_H

#include <string.h>

#include "http/service.h"

typedef struct cases_answer {
    alm_arena *arena;
    alm_buffer body;
    alm_reply reply;
} cases_answer;

/* `headers`: pairs of name (lower case) and value, NULL at the end; may be NULL. A body gets its
 * Content-Length. The answer is valid until cases_answer_end. */
static inline void cases_ask_service(alm_service *service, alm_method method, const char *target,
                                     const char *const *headers, alm_str body, cases_answer *out)
{
    alm_header header[32];
    size_t count = 0;
    *out = (cases_answer){.arena = alm_arena_create(0)};
    out->reply.body = &out->body;
    for (; headers && headers[2 * count]; count++) {
        header[count] = (alm_header){alm_str_of(headers[2 * count]),
                                     alm_str_of(headers[2 * count + 1])};
    }
    if (body.size > 0) {
        const char *length = alm_arena_printf(out->arena, "%zu", body.size);
        header[count++] = (alm_header){ALM_STR("content-length"), alm_str_of(length)};
    }
    alm_str query = alm_str_of(target);
    alm_str path = alm_str_split(&query, '?');
    alm_request request = {.method = method,
                           .target = alm_str_of(target),
                           .path = path,
                           .query = query.data ? query : ALM_STR(""),
                           .header = header,
                           .header_count = count,
                           .body = body,
                           .peer = ALM_STR("127.0.0.1"),
                           .is_loopback = true,
                           .id = ALM_STR("test-1"),
                           .trace_id = "0123456789abcdef0123456789abcdef",
                           .arena = out->arena};
    alm_server_handler handler = alm_service_handler(service);
    void *slot = NULL;
    handler.admit(handler.context, &request, &out->reply, &slot);
    if (out->reply.status == 0) {
        handler.handle(handler.context, &request, slot, &out->reply);
    }
    alm_buffer_text(&out->body, ""); /* NUL terminated, also when it is empty */
}

/* Value of a header of the reply, or NULL. */
static inline const char *cases_reply_header(const cases_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->reply.header_count; i++) {
        const alm_header *header = &answer->reply.header[i];
        if (alm_str_is(header->name, name)) {
            return alm_arena_copy_text(answer->arena, header->value.data, header->value.size);
        }
    }
    return NULL;
}

static inline void cases_answer_end(cases_answer *answer)
{
    alm_buffer_deinit(&answer->body);
    alm_arena_destroy(answer->arena);
}

#endif
