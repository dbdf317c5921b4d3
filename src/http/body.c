#include "http/body.h"

#include "base/gzip.h"

#define SKIPPED_BYTES ((int64_t)64 << 10)

static int inflate_body(const alm_buffer *body, alm_buffer *inflated, size_t bytes_max,
                        alm_arena *arena, const char **why)
{
    alm_error error;
    alm_buffer_clear(inflated);
    alm_err code = alm_gunzip_all(alm_buffer_view(body), bytes_max, inflated, &error);
    if (code == ALM_OK) {
        return 0;
    }
    *why = alm_arena_printf(arena, "the body's gzip: %s", error.message);
    return code == ALM_ERR_LIMIT ? 413 : code == ALM_ERR_MEMORY ? 503 : 400;
}

int almi_body_open(alm_request *request, const alm_buffer *body, alm_buffer *inflated,
                   size_t bytes_max, const char **why)
{
    alm_str coding = alm_request_header(request, "content-encoding");
    if (body->failed) {
        *why = "out of memory";
        return 503;
    }
    if (coding.size > 0 && body->size > 0 && !alm_str_is(coding, "identity")) {
        if (!alm_str_is(coding, "gzip")) {
            *why = "Content-Encoding may be gzip or identity";
            return 415;
        }
        int status = inflate_body(body, inflated, bytes_max, request->arena, why);
        if (status != 0) {
            return status;
        }
        body = inflated;
    }
    if (body->size > 0) {
        request->body = alm_buffer_view(body);
    }
    return 0;
}

bool almi_body_is_too_long(const alm_request *request, size_t bytes_max)
{
    int64_t length = 0;
    alm_str text = alm_request_header(request, "content-length");
    return text.size > 0 &&
           (!alm_str_to_i64(text, &length) || (uint64_t)length > bytes_max);
}

bool almi_body_can_be_skipped(const alm_request *request)
{
    int64_t length = 0;
    alm_str text = alm_request_header(request, "content-length");
    bool is_chunked = alm_request_header(request, "transfer-encoding").size > 0;
    bool asks_first = alm_request_header(request, "expect").size > 0;
    return !is_chunked && !asks_first &&
           (text.size == 0 || (alm_str_to_i64(text, &length) && length <= SKIPPED_BYTES));
}
