/* Log lines: their form, their bounds, what must not get through. */
#include "monitor/log_line.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/rng.h"

static const alm_instant WHEN = INT64_C(1767323045678901);

static void test_form(void **state)
{
    (void)state;
    alm_log_field fields[] = {
        alm_log_text("model", ALM_STR("demand")),
        alm_log_integer("rows", INT64_MIN),
        alm_log_number("seconds", 0.1),
        alm_log_number("never", NAN),
        alm_log_number("most", -INFINITY),
        alm_log_flag("warm", true),
        alm_log_secret("token", ALM_STR("hunter2")),
    };
    alm_log_event event = {.time = WHEN, .level = ALM_LOG_INFO, .message = ALM_STR("model loaded"),
                           .request_id = ALM_STR("r-1"), .trace_id = ALM_STR("0af7"),
                           .field = fields, .field_count = sizeof fields / sizeof *fields};
    alm_buffer out = {0};
    assert_true(alm_log_line(&event, ALM_LOG_INFO, &out));
    assert_string_equal(out.data,
                        "{\"time\":\"2026-01-02T03:04:05.678901Z\",\"level\":\"info\","
                        "\"message\":\"model loaded\",\"request_id\":\"r-1\",\"trace_id\":\"0af7\","
                        "\"model\":\"demand\",\"rows\":-9223372036854775808,\"seconds\":0.1,"
                        "\"never\":\"nan\",\"most\":\"-inf\",\"warm\":true,\"token\":\"***\"}\n");
    alm_buffer_clear(&out);
    event = (alm_log_event){.level = ALM_LOG_ERROR};
    assert_true(alm_log_line(&event, ALM_LOG_ERROR, &out));
    assert_string_equal(out.data, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"error\","
                                  "\"message\":\"\"}\n");
    alm_buffer_deinit(&out);
}

static void test_levels(void **state)
{
    (void)state;
    alm_buffer out = {0};
    for (alm_log_level limit = ALM_LOG_ERROR; limit <= ALM_LOG_DEBUG; limit++) {
        for (alm_log_level level = ALM_LOG_ERROR; level <= ALM_LOG_DEBUG; level++) {
            alm_log_event event = {.level = level};
            size_t before = out.size;
            assert_int_equal(alm_log_line(&event, limit, &out), level <= limit);
            assert_int_equal(out.size > before, level <= limit);
        }
        alm_log_level parsed = ALM_LOG_ERROR;
        assert_true(alm_log_level_parse(alm_str_of(alm_log_level_text(limit)), &parsed));
        assert_int_equal(parsed, limit);
    }
    alm_log_level untouched = ALM_LOG_WARN;
    assert_false(alm_log_level_parse(ALM_STR("INFO"), &untouched));
    assert_false(alm_log_level_parse(ALM_STR(""), &untouched));
    assert_int_equal(untouched, ALM_LOG_WARN);
    alm_buffer_deinit(&out);
}

static void test_nothing_forges_a_line(void **state)
{
    (void)state;
    alm_log_field field = alm_log_text(
        "agent",
        ALM_STR("a\"\\\n\r\t\x1b[31m\x01\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9 \xff\xc3 ü"));
    alm_log_event event = {.level = ALM_LOG_WARN, .message = {"x\0y\n{", 5}, .field = &field,
                           .field_count = 1};
    alm_buffer out = {0};
    assert_true(alm_log_line(&event, ALM_LOG_WARN, &out));
    assert_non_null(strstr(out.data, "\"message\":\"x\\u0000y\\n{\""));
    assert_non_null(strstr(out.data, "\"agent\":\"a\\\"\\\\\\n\\r\\t\\u001b[31m\\u0001\\u007f"
                                     "\\u009b\\u2028\\u2029 \xEF\xBF\xBD\xEF\xBF\xBD ü\""));
    assert_ptr_equal(strchr(out.data, '\n'), out.data + out.size - 1);
    alm_buffer_deinit(&out);
}

/* Any bytes in every place: one line, valid JSON, bounded, and marked when something was cut. */
static void test_any_bytes(void **state)
{
    (void)state;
    enum { SIZE = 30000 };
    static char bytes[SIZE];
    static const char ALPHABET[] = "a\n\"\\\x1b\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80\x7f\xff";
    alm_buffer out = {0};
    alm_rng rng = alm_rng_stream(5, 1);
    for (int round = 0; round < 300; round++) {
        uint64_t kind = alm_rng_next_below(&rng, 3);
        for (size_t i = 0; i < SIZE; i++) {
            uint64_t draw = alm_rng_next(&rng);
            /* U+0000 is valid in a line, but the strict reader refuses it. */
            bytes[i] = kind == 0   ? (char)(draw % 255 + 1)
                       : kind == 1 ? ALPHABET[draw % (sizeof ALPHABET - 1)]
                                   : '\x01';
        }
        alm_str text = {bytes, (size_t)alm_rng_next_below(&rng, round % 2 ? 300 : SIZE)};
        alm_log_field fields[ALM_LOG_FIELDS_MAX + 1];
        char keys[ALM_LOG_FIELDS_MAX + 1][ALM_LOG_KEY_BYTES_MAX + 1];
        for (size_t i = 0; i <= ALM_LOG_FIELDS_MAX; i++) {
            memset(keys[i], 'a' + (int)i, ALM_LOG_KEY_BYTES_MAX);
            keys[i][ALM_LOG_KEY_BYTES_MAX] = '\0';
            fields[i] = alm_log_text(keys[i], text);
        }
        size_t count = (size_t)alm_rng_next_below(&rng, ALM_LOG_FIELDS_MAX + 2);
        alm_log_event event = {.time = WHEN, .level = ALM_LOG_INFO, .message = text,
                               .request_id = text, .trace_id = text, .field = fields,
                               .field_count = count};
        alm_buffer_clear(&out);
        assert_true(alm_log_line(&event, ALM_LOG_INFO, &out));
        assert_true(out.size <= ALM_LOG_LINE_BYTES_MAX);
        assert_ptr_equal(memchr(out.data, '\n', out.size), out.data + out.size - 1);
        alm_json_document *document = NULL;
        alm_error error = {0};
        if (alm_json_parse(alm_buffer_view(&out), "line", &document, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        const alm_json *root = alm_json_root(document);
        bool cut = alm_json_member(root, "cut") != NULL;
        assert_true(cut || count <= ALM_LOG_FIELDS_MAX);
        assert_true(cut || text.size <= 6 * ALM_LOG_ID_BYTES_MAX);
        assert_true(!cut || text.size > ALM_LOG_ID_BYTES_MAX / 6 || count > ALM_LOG_FIELDS_MAX);
        alm_json_document_destroy(document);
    }
    alm_buffer_deinit(&out);
}

static void test_cut_between_characters(void **state)
{
    (void)state;
    char text[4 * ALM_LOG_TEXT_BYTES_MAX];
    alm_buffer out = {0};
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = shift; i + 4 <= sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        }
        alm_log_field field = alm_log_text("t", (alm_str){text, sizeof text - 4 + shift});
        alm_log_event event = {.level = ALM_LOG_INFO, .field = &field, .field_count = 1};
        alm_buffer_clear(&out);
        assert_true(alm_log_line(&event, ALM_LOG_INFO, &out));
        assert_null(strstr(out.data, "\xEF\xBF\xBD"));
        assert_true(alm_str_is_utf8(alm_buffer_view(&out), NULL));
        assert_non_null(strstr(out.data, ",\"cut\":true}\n"));
    }
    alm_buffer_deinit(&out);
}

static void test_without_memory(void **state)
{
    (void)state;
    alm_buffer out = {0};
    alm_log_event event = {.level = ALM_LOG_INFO, .message = ALM_STR("a line")};
    assert_true(alm_log_line(&event, ALM_LOG_INFO, &out));
    size_t size = out.size;
    while (out.capacity - out.size > 40) {
        assert_true(alm_log_line(&event, ALM_LOG_INFO, &out));
        size = out.size;
    }
    (void)alm_heap_fail_at(1);
    bool appended = alm_log_line(&event, ALM_LOG_INFO, &out);
    (void)alm_heap_fail_at(0);
    assert_false(appended);
    assert_int_equal(out.size, size);
    assert_int_equal(out.data[out.size - 1], '\n');
    alm_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_nothing_forges_a_line),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_cut_between_characters),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
