/* Any bytes as a request, as the server would hand it on: one reply with a status, whose headers
 * are clean and whose problem is JSON that names it. The input is
 *   1 byte   the method (lowest three bits), 0x80: nobody was given access
 *   target '\n'
 *   lines "name: value" '\n', until an empty one
 *   the body, which is checked by a schema of every kind, too. */
#include <string.h>

#include "http/head.h"
#include "http/service_cases.h"

#define PAIRS_MAX 30 /* cases_ask_service adds one */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const alm_schema small = {.kind = ALM_SCHEMA_INTEGER, .min = 1, .max = 5};
static const alm_schema texts = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_name};
static const alm_schema counts = {.kind = ALM_SCHEMA_MAP, .items = &small, .count_max = 1000};
static const char *const words[] = {"day", "week", NULL};
static const alm_schema word = {.kind = ALM_SCHEMA_STRING, .choices = words, .is_nullable = true};
static const alm_schema_member members[] = {
    {"a/b~c", &counts, false, NULL},        {"texts", &texts, false, NULL},
    {"day", &alm_schema_date, false, NULL}, {"time", &alm_schema_instant, false, NULL},
    {"word", &word, false, NULL},           {"number", &alm_schema_number, false, NULL},
    {"any", &alm_schema_any, false, NULL},
};
static const alm_schema every_kind = {.kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

/* Up to '\n', in memory of its own, which the heap's watchers know the size of. */
static const char *take_line(alm_arena *arena, const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t taken = end ? (size_t)(end - *data) : *size;
    const char *line = alm_arena_copy_text(arena, (const char *)*data, taken);
    *data += end ? taken + 1 : taken;
    *size -= end ? taken + 1 : taken;
    return line;
}

/* What the server would not let through is left out. */
static void take_headers(alm_arena *arena, const char *pair[2 * PAIRS_MAX + 2],
                         const uint8_t **data, size_t *size)
{
    size_t count = 0;
    while (*size > 0) {
        alm_str value = alm_str_of(take_line(arena, data, size));
        if (value.size == 0) {
            break;
        }
        alm_str name = alm_str_split(&value, ':');
        value = alm_str_trim(value.data ? value : ALM_STR(""));
        char *lower = alm_arena_copy_text(arena, name.data, name.size);
        for (size_t i = 0; i < name.size; i++) {
            lower[i] = lower[i] >= 'A' && lower[i] <= 'Z' ? (char)(lower[i] + 32) : lower[i];
        }
        if (count < PAIRS_MAX && almi_head_is_token(alm_str_of(lower)) &&
            almi_head_is_clean_value(value) && strcmp(lower, "content-length") != 0) {
            pair[2 * count] = lower;
            pair[2 * count + 1] = alm_arena_copy_text(arena, value.data, value.size);
            count++;
        }
    }
    pair[2 * count] = NULL;
}

static void check_problem(const cases_answer *answer)
{
    alm_json_document *document = NULL;
    int64_t status = 0;
    alm_str text;
    alm_assert(alm_json_parse(alm_buffer_view(&answer->body), "problem", &document, NULL) ==
               ALM_OK);
    const alm_json *root = alm_json_root(document);
    alm_assert(alm_json_get_i64(root, "status", &status, NULL) == ALM_OK &&
               status == answer->reply.status);
    alm_assert(alm_json_get_str(root, "title", &text, NULL) == ALM_OK && text.size > 0);
    alm_assert(alm_json_get_str(root, "request_id", &text, NULL) == ALM_OK &&
               alm_str_is(text, "test-1"));
    alm_json_document_destroy(document);
}

static void check_answer(const cases_answer *answer)
{
    const alm_reply *reply = &answer->reply;
    alm_assert(reply->status >= 200 && reply->status <= 599 && !answer->body.failed);
    alm_assert(!reply->content_type || !strpbrk(reply->content_type, "\r\n"));
    alm_assert(reply->status < 400 || strcmp(reply->content_type, ALM_TYPE_PROBLEM) == 0);
    /* No server error by what a client sends; 503 is what a service without access says. */
    alm_assert(reply->status < 500 || reply->status == 503);
    for (size_t i = 0; i < reply->header_count; i++) {
        alm_assert(almi_head_is_token(reply->header[i].name));
        alm_assert(almi_head_is_clean_value(reply->header[i].value));
    }
    if (reply->status >= 400) {
        check_problem(answer);
    }
}

static void check_body(alm_str body)
{
    alm_json_document *document = NULL;
    alm_error error = {0};
    char pointer[ALM_POINTER_BYTES];
    if (alm_json_parse(body, "the body", &document, &error) == ALM_OK &&
        alm_schema_check(&every_kind, alm_json_root(document), pointer, &error) != ALM_OK) {
        alm_assert(alm_str_is_utf8(alm_str_of(pointer), NULL));
        alm_assert(pointer[0] == '\0' || pointer[0] == '/');
    }
    alm_assert(alm_str_is_utf8(alm_str_of(error.message), NULL));
    alm_json_document_destroy(document);
}

static void check_query(const char *target, alm_arena *arena)
{
    alm_str query = alm_str_of(target);
    (void)alm_str_split(&query, '?');
    alm_request request = {.query = query.data ? query : ALM_STR(""), .arena = arena};
    alm_str value = {NULL, 0};
    bool found = false;
    if (alm_request_parameter(&request, "a", &value, &found, NULL) == ALM_OK && found) {
        alm_assert(alm_str_is_utf8(value, NULL));
        alm_assert(value.size == 0 || !memchr(value.data, '\0', value.size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cases_service f;
    static alm_access *access;
    if (!access) {
        cases_service_start(&f);
        access = f.service.access;
    }
    if (size == 0) {
        return 0;
    }
    alm_arena *arena = alm_arena_create(0);
    const char *pair[2 * PAIRS_MAX + 2];
    alm_http_method method = (alm_http_method)(data[0] & 7);
    f.service.access = data[0] & 0x80 ? NULL : access;
    data++;
    size--;
    const char *target = take_line(arena, &data, &size);
    take_headers(arena, pair, &data, &size);
    char *body = alm_arena_copy_text(arena, (const char *)data, size);
    check_query(target, arena);
    check_body((alm_str){body, size});
    cases_answer answer;
    cases_ask_service(&f.service, method, target, pair, (alm_str){body, size}, &answer);
    check_answer(&answer);
    cases_answer_end(&answer);
    alm_arena_destroy(arena);
    return 0;
}
