#include "http/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/json.h"
#include "http/schema.h"

const char *alm_method_name(alm_http_method method)
{
    static const char *const names[] = {
#define ALM_METHOD_NAME(name) #name,
        ALM_METHOD_MAP(ALM_METHOD_NAME)
#undef ALM_METHOD_NAME
            "other",
    };
    return names[method];
}

alm_str alm_request_header(const alm_request *request, const char *name)
{
    alm_str wanted = alm_str_of(name);
    for (size_t i = 0; i < request->header_count; i++) {
        if (alm_str_equal(request->header[i].name, wanted)) {
            return request->header[i].value;
        }
    }
    return ALM_STR("");
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

alm_err alm_percent_decode(alm_str text, bool plus_is_blank, alm_arena *arena, alm_str *out,
                           alm_error *error)
{
    char *made = alm_arena_alloc(arena, text.size + 1);
    size_t size = 0;
    char all = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return alm_fail(error, ALM_ERR_INVALID,
                                "'%%' at byte %zu of the address is not followed by two "
                                "hexadecimal digits", i + 1);
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        if (c == '\0') {
            return alm_fail(error, ALM_ERR_INVALID, "the address holds a NUL character");
        }
        made[size++] = c;
        all |= c;
    }
    alm_str result = {made, size};
    bool is_ascii = ((unsigned char)all & 0x80) == 0;
    if (!is_ascii && !alm_str_is_utf8(result, NULL)) {
        return alm_fail(error, ALM_ERR_INVALID, "the address is not UTF-8 when it is decoded");
    }
    *out = result;
    return ALM_OK;
}

alm_err alm_request_parameter(const alm_request *request, const char *name, alm_str *out,
                              bool *found, alm_error *error)
{
    alm_str value = {NULL, 0};
    bool is_there = false;
    for (alm_str rest = request->query; rest.data && rest.size > 0;) {
        alm_str pair = alm_str_split(&rest, '&');
        alm_str right = pair;
        alm_str left = alm_str_split(&right, '=');
        alm_str key;
        ALM_TRY(alm_percent_decode(left, true, request->arena, &key, error));
        if (!alm_str_is(key, name)) {
            continue;
        }
        if (is_there) {
            return alm_fail(error, ALM_ERR_INVALID, "parameter '%s' is given twice", name);
        }
        right = right.data ? right : ALM_STR("");
        ALM_TRY(alm_percent_decode(right, true, request->arena, &value, error));
        if (alm_schema_characters(value) > ALM_NAME_CHARACTERS_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "parameter '%s' is longer than %d characters",
                            name, ALM_NAME_CHARACTERS_MAX);
        }
        if (value.size == 0) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "parameter '%s' is empty: give it a value, or leave it out", name);
        }
        if (!alm_schema_is_plain(value)) {
            return alm_fail(error, ALM_ERR_INVALID, "parameter '%s' holds a control character",
                            name);
        }
        is_there = true;
    }
    *found = is_there;
    if (is_there) {
        *out = value;
    }
    return ALM_OK;
}

/* ---- the reply ---- */

void alm_reply_header(alm_reply *reply, const char *name, alm_str value)
{
    alm_assert(reply->header_count < ALM_REPLY_HEADERS_MAX);
    for (size_t i = 0; i < value.size; i += 8) {
        uint64_t word = alm_bytes_load(value.data + i, value.size - i);
        alm_assert((alm_bytes_below(word, ' ') | alm_bytes_equal(word, 0x7F)) == 0);
    }
    reply->header[reply->header_count++] = (alm_header){alm_str_of(name), value};
}

void alm_reply_drop_header(alm_reply *reply, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < reply->header_count; i++) {
        if (!alm_str_is(reply->header[i].name, name)) {
            reply->header[kept++] = reply->header[i];
        }
    }
    reply->header_count = kept;
}

void alm_reply_headerf(alm_reply *reply, const alm_request *request, const char *name,
                       const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    alm_assert(size >= 0 && (size_t)size < sizeof text);
    char *kept = alm_arena_copy_text(request->arena, text, (size_t)size);
    alm_reply_header(reply, name, (alm_str){kept, (size_t)size});
}

/* ---- problems ---- */

const char *alm_status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].status == status) {
            return known[i].reason;
        }
    }
    return "Error";
}

/* Clients of these protocols read the message from `error`. */
static bool wants_error_member(alm_str path)
{
    return alm_str_starts_with(path, "/v1/") || alm_str_starts_with(path, "/v2") ||
           alm_str_starts_with(path, "/invocations");
}

void alm_reply_problem(alm_reply *reply, const alm_request *request, const alm_problem *problem)
{
    alm_buffer_clear(reply->body);
    reply->stream = (alm_reply_stream){.next = NULL};
    alm_json_writer json = alm_json_writer_on(reply->body);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "type", problem->type ? problem->type : "about:blank");
    alm_json_put_text(&json, "title",
                      problem->title ? problem->title : alm_status_reason(problem->status));
    alm_json_put_i64(&json, "status", problem->status);
    if (problem->detail.size > 0) {
        alm_json_put_str(&json, "detail", problem->detail);
    }
    alm_json_put_str(&json, "instance", request->path);
    if (problem->pointer.data) {
        alm_json_put_str(&json, "pointer", problem->pointer);
    }
    alm_json_put_str(&json, "request_id", request->id);
    alm_json_put_text(&json, "trace_id", request->trace_id);
    if (wants_error_member(request->path)) {
        alm_json_put_str(&json, "error", problem->detail.size > 0
                                             ? problem->detail
                                             : alm_str_of(alm_status_reason(problem->status)));
    }
    if (problem->extend) {
        problem->extend(problem->context, &json);
    }
    alm_json_close_object(&json);
    reply->status = problem->status;
    reply->content_type = ALM_TYPE_PROBLEM;
}

void alm_reply_error(alm_reply *reply, const alm_request *request, const alm_error *error)
{
    alm_problem problem = {.status = alm_err_http_status(error->code),
                           .detail = alm_str_of(error->message)};
    alm_reply_problem(reply, request, &problem);
}

void alm_reply_fault(alm_reply *reply, const alm_request *request, const alm_error *error,
                     const char *pointer)
{
    alm_problem what = {.status = error->code == ALM_ERR_MEMORY  ? 503
                                  : error->code == ALM_ERR_LIMIT ? 413
                                                                 : 400,
                        .detail = alm_str_of(error->message),
                        .pointer = pointer ? alm_str_of(pointer) : (alm_str){NULL, 0}};
    alm_reply_problem(reply, request, &what);
}
