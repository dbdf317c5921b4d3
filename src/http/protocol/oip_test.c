#include "http/protocol/oip.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "http/protocol/protocol_cases.h"

typedef struct asked {
    alm_oip_request request;
    alm_inference_input input;
} asked;

static alm_err read_text(protocol_case *w, const char *text, alm_oip_request *out)
{
    return alm_oip_read(alm_str_of(text), (alm_str){0}, w->arena, out, &w->error);
}

static void assert_ok(protocol_case *w, alm_err code)
{
    assert_string_equal(code == ALM_OK ? "" : w->error.message, "");
    assert_int_equal(code, ALM_OK);
}

/* ---- requests of tritonclient ---- */

static void read_file(protocol_case *w, const char *name, asked *out)
{
    alm_str body = protocol_case_file(w->arena, alm_arena_printf(w->arena, "%s.request", name));
    alm_str length = {0};
    if (strcmp(name, "triton_json") != 0) {
        length = protocol_case_file(w->arena, alm_arena_printf(w->arena, "%s.length", name));
    }
    memset(out, 0, sizeof *out);
    assert_ok(w, alm_oip_read(body, length, w->arena, &out->request, &w->error));
    assert_ok(w, alm_oip_input(&out->request, w->info->scorer, w->arena, &out->input, &w->error));
    assert_int_equal(out->input.rows, 3);
}

/* Every form is the same three rows, so the answers have the same bits. */
static void every_form_of_tritonclient_is_the_same_rows(void **state)
{
    static const struct {
        const char *name;
        bool missing;
    } FORM[] = {{"triton_binary", true}, {"triton_float", true}, {"triton_json", false},
                {"triton_mixed", false}, {"triton_columns", false}};
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof FORM / sizeof *FORM; i++) {
        asked a;
        alm_inference_answer direct, answer;
        double rows[3 * CASE_FEATURES];
        protocol_case_rows(rows, !FORM[i].missing);
        alm_inference_input input = {.rows = 3, .column_count = CASE_FEATURES, .values = rows};
        protocol_case_run(&w, &input, &direct);
        read_file(&w, FORM[i].name, &a);
        protocol_case_run(&w, &a.input, &answer);
        assert_memory_equal(answer.value, direct.value, 3 * sizeof(double));
        if (!a.input.name) {
            assert_true(protocol_case_same(a.input.values, rows, 3 * CASE_FEATURES));
        }
    }
    protocol_case_close(&w);
}

static void what_tritonclient_asks_for_is_read(void **state)
{
    protocol_case w;
    asked a;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    read_file(&w, "triton_binary", &a);
    assert_true(alm_str_is(a.request.id, "42"));
    assert_true(a.request.all_binary);
    assert_int_equal(a.request.output_count, 0);
    read_file(&w, "triton_json", &a);
    assert_true(alm_str_is(a.request.id, "a/b"));
    assert_int_equal(a.request.timeout_us, 5000000);
    assert_int_equal(a.request.priority, 2);
    assert_int_equal(a.request.output_count, 1);
    assert_false(a.request.output[0].is_binary);
    read_file(&w, "triton_mixed", &a);
    assert_true(a.request.output[0].is_binary);
    read_file(&w, "triton_windows", &a);
    assert_int_equal(a.input.steps, 4);
    assert_int_equal(a.input.window_width, 2);
    for (size_t i = 0; i < 3 * 4 * 2; i++) {
        assert_true(a.input.windows[i] == (double)i / 8);
    }
    protocol_case_close(&w);
}

/* ---- requests by hand ---- */

#define ONE_INPUT(shape, type, data)                                                    \
    "{\"inputs\":[{\"name\":\"x\",\"shape\":" shape ",\"datatype\":\"" type "\",\"data\":" \
    data "}]}"

static void data_may_be_nested_and_come_first(void **state)
{
    static const char *const TEXT[] = {
        ONE_INPUT("[2,3]", "FP64", "[1,2,3,4,5,6]"),
        ONE_INPUT("[2,3]", "FP64", "[[1,2,3],[4,5,6]]"),
        ONE_INPUT("[2,3]", "UINT8", "[[1,2,3],[4,5,6]]"),
        ONE_INPUT("[1,2,3]", "FP32", "[[[1,2,3],[4,5,6]]]"),
        ("{\"inputs\":[{\"data\":[[1,2,3],[4,5,6]],\"datatype\":\"FP64\",\"shape\":[2,3],"
         "\"name\":\"x\"}]}")};
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) {
        alm_oip_request q;
        assert_ok(&w, read_text(&w, TEXT[i], &q));
        assert_int_equal(q.input[0].count, 6);
        for (size_t k = 0; k < 6; k++) {
            assert_true(q.input[0].value[k] == (double)(k + 1));
        }
    }
    protocol_case_close(&w);
}

static void values_have_their_datatype(void **state)
{
    static const struct {
        const char *text;
        double value;
    } CASE[] = {
        {ONE_INPUT("[1]", "BOOL", "[true]"), 1},
        {ONE_INPUT("[1]", "INT8", "[-128]"), -128},
        {ONE_INPUT("[1]", "UINT64", "[9007199254740992]"), 9007199254740992.0},
        {ONE_INPUT("[1]", "FP32", "[0.1]"), (double)0.1f},
        {ONE_INPUT("[1]", "FP64", "[0.1]"), 0.1},
        {ONE_INPUT("[1]", "FP64", "[null]"), (double)NAN},
        {ONE_INPUT("[1]", "INT32", "[null]"), (double)NAN},
    };
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_oip_request q;
        assert_ok(&w, read_text(&w, CASE[i].text, &q));
        assert_true(protocol_case_same(q.input[0].value, &CASE[i].value, 1));
    }
    protocol_case_close(&w);
}

static void what_is_wrong_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text;
        alm_err code;
        const char *part;
    } CASE[] = {
        {"", ALM_ERR_INVALID, "an object expected"},
        {"[]", ALM_ERR_INVALID, "an object expected"},
        {"{}", ALM_ERR_INVALID, "no `inputs`"},
        {"{\"inputs\":[]}", ALM_ERR_INVALID, "no inputs"},
        {"{\"inputs\":[],\"inputs\":[]}", ALM_ERR_INVALID, "no inputs"},
        {"{\"id\":\"1\",\"id\":\"1\"}", ALM_ERR_INVALID, "'id' is there twice"},
        {"{\"ids\":1}", ALM_ERR_INVALID, "unknown key 'ids'"},
        {ONE_INPUT("[1]", "FP64", "[NaN]"), ALM_ERR_INVALID, "null: missing"},
        {ONE_INPUT("[1]", "FP64", "[-Infinity]"), ALM_ERR_INVALID, "null: missing"},
        {ONE_INPUT("[1]", "FP64", "[1e999]"), ALM_ERR_INVALID, "real number overflow"},
        {ONE_INPUT("[1]", "INT64", "[9223372036854775808]"), ALM_ERR_INVALID, "not fit 64 bits"},
        {ONE_INPUT("[1]", "UINT64", "[18446744073709551615]"), ALM_ERR_INVALID, "not fit 64 bits"},
        {ONE_INPUT("[1]", "FP64", "[09223372036854775808]"), ALM_ERR_INVALID, "',' or ']'"},
        {ONE_INPUT("[9223372036854775808]", "FP64", "[1]"), ALM_ERR_INVALID, "not fit 64 bits"},
        {ONE_INPUT("[1]", "FP64", "[\"1\"]"), ALM_ERR_INVALID, "no FP64"},
        {ONE_INPUT("[1]", "FP64", "[true]"), ALM_ERR_INVALID, "no FP64"},
        {ONE_INPUT("[1]", "FP32", "[1e39]"), ALM_ERR_INVALID, "no FP32"},
        {ONE_INPUT("[1]", "BOOL", "[1]"), ALM_ERR_INVALID, "no BOOL"},
        {ONE_INPUT("[1]", "INT8", "[128]"), ALM_ERR_INVALID, "no INT8"},
        {ONE_INPUT("[1]", "UINT8", "[-1]"), ALM_ERR_INVALID, "no UINT8"},
        {ONE_INPUT("[1]", "INT32", "[1.0]"), ALM_ERR_INVALID, "no INT32"},
        {ONE_INPUT("[1]", "INT64", "[9007199254740993]"), ALM_ERR_INVALID, "no INT64"},
        {ONE_INPUT("[1]", "FP16", "[1]"), ALM_ERR_UNSUPPORTED, "FP16"},
        {ONE_INPUT("[1]", "BYTES", "[\"a\"]"), ALM_ERR_UNSUPPORTED, "encoder"},
        {ONE_INPUT("[1]", "FP128", "[1]"), ALM_ERR_INVALID, "no datatype 'FP128'"},
        {ONE_INPUT("[2]", "FP64", "[1]"), ALM_ERR_INVALID, "sizes"},
        {ONE_INPUT("[1]", "FP64", "[1,2]"), ALM_ERR_INVALID, "sizes"},
        {ONE_INPUT("[2,2]", "FP64", "[[1,2,3],[4]]"), ALM_ERR_INVALID, "sizes"},
        {ONE_INPUT("[2,2]", "FP64", "[[1,2],3,4]"), ALM_ERR_INVALID, "sizes"},
        {ONE_INPUT("[4]", "FP64", "[[1,2],[3,4]]"), ALM_ERR_INVALID, "sizes"},
        {ONE_INPUT("[1,2,2]", "FP64", "[[1,2,3,4]]"), ALM_ERR_INVALID, "sizes"},
        {ONE_INPUT("[]", "FP64", "[1]"), ALM_ERR_INVALID, "empty shape"},
        {ONE_INPUT("[-1]", "FP64", "[1]"), ALM_ERR_INVALID, "a shape is"},
        {ONE_INPUT("[1.0]", "FP64", "[1]"), ALM_ERR_INVALID, "a shape is"},
        {ONE_INPUT("[1,1,1,1]", "FP64", "[1]"), ALM_ERR_INVALID, "a shape is"},
        {ONE_INPUT("[99999999]", "FP64", "[1]"), ALM_ERR_LIMIT, "send several"},
        {ONE_INPUT("[1]", "FP64", "[1]") " x", ALM_ERR_INVALID, "end of the text"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"data\":[1]}]}", ALM_ERR_INVALID,
         "lacks `datatype`"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP64\"}]}", ALM_ERR_INVALID,
         "either `data`"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP64\",\"parameters\":"
         "{\"binary_data_size\":8}}]}", ALM_ERR_INVALID, "Inference-Header-Content-Length"},
        {"{\"parameters\":{\"a\":[]},\"inputs\":[]}", ALM_ERR_INVALID, "`parameters` is"},
        {"{\"parameters\":{\"timeout\":-1},\"inputs\":[]}", ALM_ERR_INVALID, "`timeout`"},
        {"{\"parameters\":{\"sequence_id\":1},\"inputs\":[]}", ALM_ERR_UNSUPPORTED, "sequence_id"},
        {"{\"outputs\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", ALM_ERR_INVALID, "twice"},
        {"{\"outputs\":[{\"name\":\"a\",\"parameters\":{\"classification\":2}}]}",
         ALM_ERR_UNSUPPORTED, "classification"},
    };
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_oip_request q;
        alm_err code = read_text(&w, CASE[i].text, &q);
        if (code != CASE[i].code || !strstr(w.error.message, CASE[i].part)) {
            fail_msg("%s: %d, %s", CASE[i].text, (int)code, code ? w.error.message : "");
        }
    }
    protocol_case_close(&w);
}

/* A double has them, so a client may write them without an exponent. */
static void a_real_tensor_takes_integers_of_any_size(void **state)
{
    static const struct {
        const char *text;
        double value;
    } CASE[] = {
        {ONE_INPUT("[1]", "FP64", "[9223372036854775807]"), 0x1p63},
        {ONE_INPUT("[1]", "FP64", "[9223372036854775808]"), 0x1p63},
        {ONE_INPUT("[1]", "FP64", "[-9223372036854775809]"), -0x1p63},
        {ONE_INPUT("[1,1]", "FP64", "[[10000000000000000000]]"), 1e19},
        {ONE_INPUT("[1]", "FP32", "[18446744073709551616]"), 0x1p64},
        {ONE_INPUT("[1]", "FP64", "[123456789012345678901234567890]"),
         123456789012345678901234567890.0},
    };
    protocol_case w;
    char long_one[600], digits[330];
    alm_oip_request q;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        assert_int_equal(read_text(&w, CASE[i].text, &q), ALM_OK);
        assert_true(q.input[0].value[0] == CASE[i].value);
    }
    for (size_t count = 309; count <= 310; count++) { /* 1e308, and beyond every double */
        memset(digits, '0', sizeof digits);
        digits[0] = '1';
        digits[count] = '\0';
        snprintf(long_one, sizeof long_one, "{\"inputs\":[{\"name\":\"x\",\"shape\":[1],"
                 "\"datatype\":\"FP64\",\"data\":[%s]}]}", digits);
        alm_err code = read_text(&w, alm_arena_printf(w.arena, "%s", long_one), &q);
        assert_int_equal(code, count == 309 ? ALM_OK : ALM_ERR_INVALID);
        assert_true(code != ALM_OK || q.input[0].value[0] == 1e308);
    }
    assert_non_null(strstr(w.error.message, "beyond the range of a double"));
    protocol_case_close(&w);
}

static const char BINARY[] =
    "{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"%s\",\"parameters\":"
    "{\"binary_data_size\":%d}}]}";

static alm_err read_binary(protocol_case *w, const char *type, const void *data, int size,
                           alm_oip_request *out)
{
    char text[256];
    int json = snprintf(text, sizeof text - 64, BINARY, type, size);
    memcpy(text + json, data, (size_t)size);
    alm_str body = {alm_arena_copy_text(w->arena, text, (size_t)(json + size)),
                    (size_t)(json + size)};
    alm_str length = alm_str_of(alm_arena_printf(w->arena, "%d", json));
    return alm_oip_read(body, length, w->arena, out, &w->error);
}

static void binary_tensors_of_every_type(void **state)
{
    static const struct {
        const char *type, *data;
        int size;
        alm_err code;
        double value[2];
    } CASE[] = {
        {"BOOL", "\1\0", 2, ALM_OK, {1, 0}},
        {"BOOL", "\1\2", 2, ALM_ERR_INVALID, {0, 0}},
        {"UINT8", "\377\1", 2, ALM_OK, {255, 1}},
        {"INT8", "\377\200", 2, ALM_OK, {-1, -128}},
        {"UINT16", "\0\1\377\377", 4, ALM_OK, {256, 65535}},
        {"INT16", "\0\1\377\377", 4, ALM_OK, {256, -1}},
        {"INT32", "\1\0\0\0\0\0\0\200", 8, ALM_OK, {1, -2147483648.0}},
        {"UINT32", "\1\0\0\0\0\0\0\200", 8, ALM_OK, {1, 2147483648.0}},
        {"INT64", "\1\0\0\0\0\0\0\0\376\377\377\377\377\377\377\377", 16, ALM_OK, {1, -2}},
        {"INT64", "\1\0\0\0\0\0\0\100\0\0\0\0\0\0\0\0", 16, ALM_ERR_INVALID, {0, 0}},
        {"UINT64", "\1\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377", 16, ALM_ERR_INVALID, {0, 0}},
        {"FP16", "\0\74\1\0", 4, ALM_OK, {1, 0x1p-24}},
        {"FP16", "\0\374\0\176", 4, ALM_OK, {-INFINITY, (double)NAN}},
        {"FP16", "\377\173\0\200", 4, ALM_OK, {65504, -0.0}},
        {"FP32", "\0\0\200\77\0\0\300\177", 8, ALM_OK, {1, (double)NAN}},
        {"FP32", "\0\0\200\77", 4, ALM_ERR_INVALID, {0, 0}},
        {"BYTES", "\0\0\0\0\0\0\0\0", 8, ALM_ERR_UNSUPPORTED, {0, 0}},
    };
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_oip_request q;
        alm_err code = read_binary(&w, CASE[i].type, CASE[i].data, CASE[i].size, &q);
        if (code != CASE[i].code ||
            (code == ALM_OK && !protocol_case_same(q.input[0].value, CASE[i].value, 2))) {
            fail_msg("%s, case %zu: %d, %s", CASE[i].type, i, (int)code, w.error.message);
        }
    }
    protocol_case_close(&w);
}

static void binary_bodies_are_checked_against_their_sizes(void **state)
{
    protocol_case w;
    alm_oip_request q;
    asked a;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    alm_str body = protocol_case_file(w.arena, "triton_binary.request");
    alm_str length = protocol_case_file(w.arena, "triton_binary.length");
    alm_str cut = {body.data, body.size - 1};
    assert_int_equal(alm_oip_read(cut, length, w.arena, &q, &w.error), ALM_ERR_INVALID);
    assert_non_null(strstr(w.error.message, "ends within its binary data"));
    alm_str more = {alm_arena_copy_text(w.arena, body.data, body.size), body.size + 1};
    assert_int_equal(alm_oip_read(more, length, w.arena, &q, &w.error), ALM_ERR_INVALID);
    assert_string_equal(w.error.message, "1 bytes behind the last binary tensor");
    static const char *const BAD[] = {"-1", "9999", "x", "12.0", "99999999999999999999"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(alm_oip_read(body, alm_str_of(BAD[i]), w.arena, &q, &w.error),
                         ALM_ERR_INVALID);
    }
    /* No JSON at all: one row. */
    double rows[3 * CASE_FEATURES];
    protocol_case_rows(rows, false);
    alm_str raw = {(const char *)rows, CASE_FEATURES * sizeof(double)};
    assert_ok(&w, alm_oip_read(raw, ALM_STR("0"), w.arena, &q, &w.error));
    assert_ok(&w, alm_oip_input(&q, w.info->scorer, w.arena, &a.input, &w.error));
    assert_true(protocol_case_same(a.input.values, rows, CASE_FEATURES));
    raw.size--;
    assert_ok(&w, alm_oip_read(raw, ALM_STR("0"), w.arena, &q, &w.error));
    assert_int_equal(alm_oip_input(&q, w.info->scorer, w.arena, &a.input, &w.error),
                     ALM_ERR_INVALID);
    protocol_case_close(&w);
}

static void shapes_must_go_together(void **state)
{
    static const struct {
        const char *text, *part;
    } CASE[] = {
        {"{\"inputs\":[{\"name\":\"f0\",\"shape\":[2],\"datatype\":\"FP64\",\"data\":[1,2]},"
         "{\"name\":\"f1\",\"shape\":[1],\"datatype\":\"FP64\",\"data\":[1]}]}", "has 1 rows"},
        {"{\"inputs\":[{\"name\":\"f0\",\"shape\":[1,2],\"datatype\":\"FP64\",\"data\":[1,2]},"
         "{\"name\":\"f1\",\"shape\":[1],\"datatype\":\"FP64\",\"data\":[1]}]}",
         "has 2 columns and stands beside others"},
        {"{\"inputs\":[{\"name\":\"a\",\"shape\":[1,1,1],\"datatype\":\"FP64\",\"data\":[1]},"
         "{\"name\":\"b\",\"shape\":[1,1,1],\"datatype\":\"FP64\",\"data\":[1]}]}",
         "three dimensions"},
    };
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        asked a;
        assert_ok(&w, read_text(&w, CASE[i].text, &a.request));
        assert_int_equal(alm_oip_input(&a.request, w.info->scorer, w.arena, &a.input, &w.error),
                         ALM_ERR_INVALID);
        assert_non_null(strstr(w.error.message, CASE[i].part));
    }
    protocol_case_close(&w);
}

/* ---- replies ---- */

static alm_err reply(protocol_case *w, const asked *a, size_t *json_bytes)
{
    alm_inference_answer answer;
    protocol_case_run(w, &a->input, &answer);
    alm_buffer_clear(&w->out);
    return alm_oip_write(&a->request, w->info, &answer, &w->out, json_bytes, &w->error);
}

static void replies_echo_and_say_what_is_not_approved(void **state)
{
    protocol_case w;
    asked a;
    size_t json_bytes = 1;
    (void)state;
    protocol_case_open(&w, "regression", 1);
    read_file(&w, "triton_json", &a);
    assert_ok(&w, reply(&w, &a, &json_bytes));
    assert_int_equal(json_bytes, 0);
    alm_str text = alm_buffer_view(&w.out);
    assert_true(alm_str_starts_with(text, "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":"
                                          "\"a/b\",\"parameters\":{\"approved\":false,\"notice\":"
                                          "\"unapproved: model.txt (LightGBM, sha256 "));
    assert_non_null(strstr(text.data, "\"outputs\":[{\"name\":\"prediction\",\"datatype\":\"FP64\","
                                      "\"shape\":[3],\"data\":["));
    a.request.output[0].name = ALM_STR("class");
    assert_int_equal(reply(&w, &a, &json_bytes), ALM_ERR_INVALID);
    assert_string_equal(w.error.message,
                        "there is no output 'class'; the outputs are: prediction");
    assert_int_equal(w.out.size, 0);
    protocol_case_close(&w);
}

static void binary_replies_have_the_bits_of_the_answer(void **state)
{
    protocol_case w;
    asked a;
    alm_inference_answer answer;
    size_t json_bytes = 0;
    (void)state;
    protocol_case_open(&w, "multiclass num_class:3", 3);
    read_file(&w, "triton_binary", &a);
    protocol_case_run(&w, &a.input, &answer);
    assert_ok(&w, reply(&w, &a, &json_bytes));
    const char *at = w.out.data + json_bytes;
    assert_int_equal(w.out.size - json_bytes, 3 * 8 + 9 * 8 + 3 * 8);
    for (size_t i = 0; i < 3; i++, at += 8) {
        assert_int_equal(alm_u64_at(at), (uint64_t)answer.value[i]);
    }
    assert_memory_equal(at, answer.probability, 9 * 8);
    assert_memory_equal(at + 72, answer.confidence, 3 * 8);
    alm_json_document *document = NULL;
    assert_ok(&w, alm_json_parse((alm_str){w.out.data, json_bytes}, "reply", &document, &w.error));
    const alm_json *outputs = alm_json_member(alm_json_root(document), "outputs");
    static const char *const NAME[] = {"class", "probability", "confidence"};
    static const int64_t SIZE[] = {24, 72, 24};
    for (size_t i = 0; i < 3; i++) {
        const alm_json *one = alm_json_at(outputs, i);
        alm_str name;
        int64_t size = 0;
        assert_ok(&w, alm_json_get_str(one, "name", &name, &w.error));
        assert_true(alm_str_is(name, NAME[i]));
        assert_ok(&w, alm_json_get_i64(alm_json_member(one, "parameters"), "binary_data_size",
                                       &size, &w.error));
        assert_int_equal(size, SIZE[i]);
    }
    alm_json_document_destroy(document);
    protocol_case_close(&w);
}

static void documents_are_those_of_the_protocol(void **state)
{
    protocol_case w;
    (void)state;
    protocol_case_open(&w, "multiclass num_class:3", 3);
    alm_oip_server server = {ALM_STR("almanac"), ALM_STR("0.1.0")};
    alm_oip_write_server(&server, &w.out);
    assert_string_equal(w.out.data, "{\"name\":\"almanac\",\"version\":\"0.1.0\",\"extensions\":["
                                    "\"binary_tensor_data\",\"model_repository\","
                                    "\"model_repository(unload_dependents)\",\"statistics\"]}");
    alm_buffer_clear(&w.out);
    alm_oip_write_model(w.snapshot, w.model, &w.out);
    assert_true(alm_str_starts_with(alm_buffer_view(&w.out),
        "{\"name\":\"m\",\"versions\":[\"1\"],\"platform\":\"almanac\",\"inputs\":[{\"name\":"
        "\"input\",\"datatype\":\"FP64\",\"shape\":[-1,5],\"parameters\":{\"columns\":[\"f0\","
        "\"f1\",\"f2\",\"f3\",\"f4\"]}}],\"outputs\":[{\"name\":\"class\",\"datatype\":\"INT64\","
        "\"shape\":[-1]},{\"name\":\"probability\",\"datatype\":\"FP64\",\"shape\":[-1,3],"
        "\"parameters\":{\"labels\":[0,1,2]}},{\"name\":\"confidence\",\"datatype\":\"FP64\","
        "\"shape\":[-1]}],\"parameters\":{\"version\":\"1\",\"format\":\"LightGBM\",\"sha256\":"));
    alm_buffer_clear(&w.out);
    alm_oip_write_index(w.snapshot, true, &w.out);
    assert_string_equal(w.out.data, "[{\"name\":\"m\",\"version\":\"1\",\"state\":\"READY\","
                                    "\"reason\":\"\"}]");
    alm_inference_times times = {.succeeded = true, .input_ns = 1, .infer_ns = 2, .output_ns = 4,
                                 .now_ms = 1700000000000, .rows = 3};
    alm_inference_count(w.model, 0, &times);
    alm_buffer_clear(&w.out);
    alm_oip_write_statistics(w.snapshot, ALM_STR("m"), ALM_STR(""), &w.out);
    assert_string_equal(w.out.data,
        "{\"model_stats\":[{\"name\":\"m\",\"version\":\"1\",\"last_inference\":1700000000000,"
        "\"inference_count\":3,\"execution_count\":1,\"inference_stats\":{\"success\":{\"count\":1,"
        "\"ns\":7},\"fail\":{\"count\":0,\"ns\":0},\"queue\":{\"count\":0,\"ns\":0},"
        "\"compute_input\":{\"count\":1,\"ns\":1},\"compute_infer\":{\"count\":1,\"ns\":2},"
        "\"compute_output\":{\"count\":1,\"ns\":4},\"cache_hit\":{\"count\":0,\"ns\":0},"
        "\"cache_miss\":{\"count\":0,\"ns\":0}},\"batch_stats\":[]}]}");
    protocol_case_close(&w);
}

static void bodies_of_the_repository(void **state)
{
    bool ready = true;
    alm_error error = {0};
    (void)state;
    assert_int_equal(alm_oip_read_index(ALM_STR(""), &ready, &error), ALM_OK);
    assert_false(ready);
    assert_int_equal(alm_oip_read_index(ALM_STR("{\"ready\":true}"), &ready, &error), ALM_OK);
    assert_true(ready);
    assert_int_equal(alm_oip_read_index(ALM_STR("{\"ready\":1}"), &ready, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_oip_read_index(ALM_STR("[]"), &ready, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_oip_read_load(ALM_STR(" "), &error), ALM_OK);
    assert_int_equal(alm_oip_read_load(ALM_STR("{\"parameters\":{\"unload_dependents\":false}}"),
                                       &error), ALM_OK);
    assert_int_equal(alm_oip_read_load(ALM_STR("{\"parameters\":{\"file:1/m\":\"\"}}"), &error),
                     ALM_ERR_UNSUPPORTED);
    assert_int_equal(alm_oip_read_load(ALM_STR("{\"parameter\":{}}"), &error), ALM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_tritonclient_is_the_same_rows),
        cmocka_unit_test(what_tritonclient_asks_for_is_read),
        cmocka_unit_test(data_may_be_nested_and_come_first),
        cmocka_unit_test(values_have_their_datatype),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_reason),
        cmocka_unit_test(a_real_tensor_takes_integers_of_any_size),
        cmocka_unit_test(binary_tensors_of_every_type),
        cmocka_unit_test(binary_bodies_are_checked_against_their_sizes),
        cmocka_unit_test(shapes_must_go_together),
        cmocka_unit_test(replies_echo_and_say_what_is_not_approved),
        cmocka_unit_test(binary_replies_have_the_bits_of_the_answer),
        cmocka_unit_test(documents_are_those_of_the_protocol),
        cmocka_unit_test(bodies_of_the_repository),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
