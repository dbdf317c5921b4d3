#include "http/protocol/mlflow_invocations.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/protocol/kserve_v1.h"
#include "http/protocol/protocol_cases.h"

static void assert_rows(const alm_inference_input *input, const double *rows, size_t count)
{
    assert_int_equal(input->rows, count);
    assert_int_equal(input->column_count, CASE_FEATURES);
    assert_true(protocol_case_same(input->values, rows, count * CASE_FEATURES));
}

static void content_types_are_exact(void **state)
{
    static const struct {
        const char *text;
        alm_mlflow_type type;
    } CASE[] = {
        {"application/json", ALM_MLFLOW_JSON},
        {"Application/JSON; charset=UTF-8", ALM_MLFLOW_JSON},
        {"application/json;charset=\"utf-8\"", ALM_MLFLOW_JSON},
        {"text/csv", ALM_MLFLOW_CSV},
        {"text/csv; charset=utf-8", ALM_MLFLOW_CSV},
        {"application/json; charset=latin-1", ALM_MLFLOW_OTHER},
        {"application/json; format=pandas-split", ALM_MLFLOW_OTHER},
        {"application/json;", ALM_MLFLOW_OTHER},
        {"text/plain", ALM_MLFLOW_OTHER},
        {"", ALM_MLFLOW_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        const char *why = NULL;
        assert_int_equal(alm_mlflow_content_type(alm_str_of(CASE[i].text), &why), CASE[i].type);
        assert_int_equal(why != NULL, CASE[i].type == ALM_MLFLOW_OTHER);
    }
}

static void every_form_of_its_client_is_the_same_rows(void **state)
{
    static const struct {
        const char *file;
        alm_mlflow_type type;
        bool missing, by_name;
    } FORM[] = {{"mlflow_frame.request", ALM_MLFLOW_JSON, true, true},
                {"mlflow_array.request", ALM_MLFLOW_JSON, false, false},
                {"mlflow_csv.request", ALM_MLFLOW_CSV, true, true}};
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof FORM / sizeof *FORM; i++) {
        alm_inference_input input = {0};
        double rows[3 * CASE_FEATURES];
        protocol_case_rows(rows, !FORM[i].missing);
        alm_err code = alm_mlflow_read(protocol_case_file(arena, FORM[i].file), FORM[i].type, arena,
                                       &input, &error);
        assert_string_equal(code ? error.message : "", "");
        assert_rows(&input, rows, 3);
        assert_int_equal(input.name != NULL, FORM[i].by_name);
        for (size_t k = 0; input.name && k < CASE_FEATURES; k++) {
            assert_true(alm_str_is(input.name[k], alm_arena_printf(arena, "f%zu", k)));
        }
    }
    alm_arena_destroy(arena);
}

static void forms_by_hand(void **state)
{
    static const char *const TEXT[] = {
        "{\"dataframe_split\":{\"data\":[[1,2,3,4,5],[6,null,8,true,false]],"
        "\"columns\":[\"a\",\"b\",\"c\",\"d\",\"e\"],\"index\":[0,\"x\"]},\"params\":{}}",
        "{\"dataframe_records\":[{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5},"
        "{\"e\":false,\"d\":true,\"c\":8,\"b\":null,\"a\":6}]}",
        "{\"instances\":[{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5},"
        "{\"a\":6,\"b\":null,\"c\":8,\"d\":1,\"e\":0}]}",
        "{\"dataframe_split\":{\"columns\":[0,1,2,3,-4],\"data\":[[1,2,3,4,5],"
        "[6,null,8,1,0]]}}",
        "{\"instances\":[[1,2,3,4,5],[6,null,8,1,0]]}",
        "{\"inputs\":[[1,2,3,4,5],[6,NaN,8,1,0]]}",
        "{\"inputs\":{\"a\":[1,6],\"b\":[[2],[null]],\"c\":[3,8],\"d\":[4,1],\"e\":[5,0]}}"};
    static const double ROWS[] = {1, 2, 3, 4, 5, 6, (double)NAN, 8, 1, 0};
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) {
        alm_inference_input input = {0};
        alm_err code = alm_mlflow_read(alm_str_of(TEXT[i]), ALM_MLFLOW_JSON, arena, &input, &error);
        assert_string_equal(code ? error.message : "", "");
        assert_rows(&input, ROWS, 2);
    }
    alm_inference_input windows = {0};
    assert_int_equal(alm_mlflow_read(ALM_STR("{\"inputs\":[[[1,2],[3,4]]]}"), ALM_MLFLOW_JSON,
                                     arena, &windows, &error), ALM_OK);
    assert_int_equal(windows.steps, 2);
    assert_int_equal(windows.window_width, 2);
    assert_null(windows.values);
    alm_arena_destroy(arena);
}

static void integers_of_any_size_are_cells(void **state)
{
    alm_inference_input input = {0};
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    (void)state;
    assert_int_equal(alm_mlflow_read(ALM_STR("{\"inputs\":[[1,9223372036854775808,-1e19]]}"),
                                     ALM_MLFLOW_JSON, arena, &input, &error), ALM_OK);
    assert_true(input.values[1] == 0x1p63 && input.values[2] == -1e19);
    alm_arena_destroy(arena);
}

static void what_is_wrong_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text, *part;
    } CASE[] = {
        {"{}", "exactly one of"},
        {"[[1]]", "an object expected"},
        {"{\"inputs\":[[1]],\"instances\":[[1]]}", "exactly one of"},
        {"{\"inputs\":[[1]],\"params\":{\"a\":1}}", "the model takes none"},
        {"{\"columns\":[\"a\"],\"data\":[[1]]}", "unknown key 'columns'"},
        {"{\"dataframe_split\":{\"columns\":[\"a\"]}}", "lacks `data`"},
        {"{\"dataframe_split\":{\"columns\":[\"a\",\"a\"],\"data\":[[1,2]]}}", "there twice"},
        {"{\"dataframe_split\":{\"columns\":[\"a\"],\"data\":[[1,2]]}}", "a row of 2"},
        {"{\"dataframe_split\":{\"columns\":[0.5],\"data\":[[1]]}}", "a text or a whole number"},
        {"{\"dataframe_split\":{\"columns\":[1,\"1\"],\"data\":[[1,2]]}}", "'1' is there twice"},
        {"{\"dataframe_split\":{\"columns\":[null],\"data\":[[1]]}}", "a string expected"},
        {"{\"dataframe_split\":{\"data\":[[1],[1,2]]}}", "a row of 2"},
        {"{\"dataframe_split\":{\"columns\":[\"a\"],\"data\":[[[1]]]}}", "a list of rows of 1"},
        {"{\"dataframe_records\":[]}", "no rows"},
        {"{\"dataframe_records\":[{}]}", "an empty record"},
        {"{\"dataframe_records\":[{\"a\":1},{\"b\":1}]}", "record 2 has 'b'"},
        {"{\"dataframe_records\":[{\"a\":1,\"b\":1},{\"b\":1}]}", "record 2 lacks 'a'"},
        {"{\"dataframe_records\":[{\"a\":1,\"a\":1}]}", "there twice"},
        {"{\"dataframe_records\":[{\"a\":1},{\"a\":1,\"a\":2}]}", "there twice in record 2"},
        {"{\"dataframe_records\":[{\"a\":\"x\"}]}", "a number"},
        {"{\"inputs\":{\"a\":[1],\"b\":[1,2]}}", "a column of 2"},
        {"{\"inputs\":{\"a\":1}}", "an array expected"},
        {"{\"inputs\":{}}", "no columns"},
        {"{\"inputs\":[[]]}", "an empty row"},
        {"{\"inputs\":[[1],2]}", "an array expected"},
        {"{\"inputs\":[[[[1]]]]}", "lists within lists"},
        {"{\"inputs\":[[Infinity]]}", "null: missing"},
        {"{\"inputs\":[[Na]]}", "null: missing"},
        {"{\"inputs\":[[1]]} {}", "the end of the text"},
    };
    alm_arena *arena = alm_arena_create(0);
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_inference_input input = {0};
        alm_error error = {0};
        alm_err code = alm_mlflow_read(alm_str_of(CASE[i].text), ALM_MLFLOW_JSON, arena, &input,
                                       &error);
        if (code != ALM_ERR_INVALID || !strstr(error.message, CASE[i].part)) {
            fail_msg("%s: %d, %s", CASE[i].text, (int)code, error.message);
        }
    }
    alm_arena_destroy(arena);
}

static void csv_has_a_header_and_numbers(void **state)
{
    static const struct {
        const char *text, *part; /* NULL: it is right */
    } CASE[] = {
        {"a,\"b \"\"x\"\"\"\r\n1,\r\n-2.5,\"3\"\r\n", NULL},
        {"a,b \"x\"\n1,nan\n-2.5,3", NULL},
        {"a,b \"x\"\nTrue,\n-2.5,3\n", NULL},
        {"a,b \"x\"\n\n1,nan\r\n\r\n-2.5,3\n\n\n", NULL}, /* empty lines are no rows */
        {"\xef\xbb\xbf\"a\",b \"x\"\n1,\n-2.5,3", NULL}, /* a byte order mark is no name */
        {"a,b\n\r\n\n", "no rows"},
        {"a,b\n\n1\n", "line 3 has not the 2 fields"},
        {"a,b\r1,2\r", "carriage return alone"},
        {"a,b\n1,2\r3,4\n", "carriage return alone"},
        {"", "a header"},
        {"a,b\n", "no rows"},
        {"a,a\n1,2\n", "twice"},
        {"a,b\n1\n", "line 2 has not the 2 fields"},
        {"a,b\n1,2,3\n", "line 2 has not the 2 fields"},
        {"a,b\n1,x\n", "line 2, column b: no number"},
        {"a,b\n1,inf\n", "no number"},
        {"2,4\n", "the first row holds numbers: a header"},
        {"2,2\n1,2\n", "the first row holds numbers: a header"},
        {"a;b\n1;2\n", "line 2: semicolons between the fields"},
        {"a;b\n1,5;2,5\n", "line 2: semicolons between the fields"},
        {"a,b\n1,2\n1;2\n", "line 3: semicolons between the fields"},
        {"a,b\n1,2;3,4\n", "semicolons between the fields"},
        {"a\tb\n1\t2\n", "line 2: tabs between the fields"},
        {"a,b\n1,\"2\n", "not closed"},
        {"a,b\n1,\"2\"x\n", "behind a quoted field"},
        {"\"a\nb\",c\n1,2\n", "of one line"},
        {"\xff\n1\n", "UTF-8"},
    };
    static const double ROWS[] = {1, (double)NAN, -2.5, 3};
    alm_arena *arena = alm_arena_create(0);
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_inference_input input = {0};
        alm_error error = {0};
        alm_err code = alm_mlflow_read(alm_str_of(CASE[i].text), ALM_MLFLOW_CSV, arena, &input,
                                       &error);
        bool right = code == ALM_OK && input.rows == 2 && input.column_count == 2 &&
                     protocol_case_same(input.values, ROWS, 4) &&
                     alm_str_is(input.name[0], "a") && alm_str_is(input.name[1], "b \"x\"");
        if (CASE[i].part ? code != ALM_ERR_INVALID || !strstr(error.message, CASE[i].part)
                         : !right) {
            fail_msg("case %zu: %d, %s", i, (int)code, error.message);
        }
    }
    alm_arena_destroy(arena);
}

/* A body of quoted fields takes memory as its size, not as its square. */
static void quoted_fields_take_no_memory_of_their_own(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    alm_buffer text = {0};
    alm_inference_input input = {0};
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_buffer_text(&text, "\"a\",\"b\"\n");
    for (int i = 0; i < ROWS; i++) {
        alm_buffer_text(&text, "\"1\",\"2\"\n");
    }
    assert_int_equal(alm_mlflow_read(alm_buffer_view(&text), ALM_MLFLOW_CSV, arena, &input, &error),
                     ALM_OK);
    assert_int_equal(input.rows, ROWS);
    assert_true(input.values[0] == 1 && input.values[2 * ROWS - 1] == 2);
    /* Values in lists that double: 8 bytes for each two of text, four times over. */
    assert_true(alm_arena_used_bytes(arena) < 20 * text.size);
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
}

/* ---- replies ---- */

static const char *list_text(alm_arena *arena, const double *value, size_t count)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        alm_buffer_text(&text, i ? "," : "[");
        alm_buffer_double(&text, value[i]);
    }
    alm_buffer_text(&text, "]");
    const char *out = alm_arena_copy_text(arena, text.data, text.size);
    alm_buffer_deinit(&text);
    return out;
}

static void a_model_file_answers_as_its_library(void **state)
{
    protocol_case w;
    alm_inference_answer answer;
    double rows[3 * CASE_FEATURES];
    (void)state;
    protocol_case_rows(rows, false);
    alm_inference_input input = {.rows = 3, .column_count = CASE_FEATURES, .values = rows};
    protocol_case_open(&w, "binary sigmoid:1", 1);
    protocol_case_run(&w, &input, &answer);
    alm_mlflow_write(w.info, &answer, &w.out);
    const char *expected = alm_arena_printf(w.arena, "{\"predictions\":%s}",
                                            list_text(w.arena, answer.value, 3));
    assert_string_equal(w.out.data, expected);
    protocol_case_close(&w);
    protocol_case_open(&w, "multiclass num_class:3", 3);
    protocol_case_run(&w, &input, &answer);
    alm_mlflow_write(w.info, &answer, &w.out);
    expected = alm_arena_printf(w.arena, "{\"predictions\":[%s,%s,%s]}",
                                list_text(w.arena, answer.probability, 3),
                                list_text(w.arena, answer.probability + 3, 3),
                                list_text(w.arena, answer.probability + 6, 3));
    assert_string_equal(w.out.data, expected);
    protocol_case_close(&w);
}

static void a_scorer_answers_with_records(void **state)
{
    static const char DOCUMENT[] =
        "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,1],\"horizons\":["
        "{\"name\":\"5\",\"members\":[{\"name\":\"a\",\"model\":\"m.txt\"}]},"
        "{\"name\":\"20\",\"members\":[{\"name\":\"b\",\"model\":\"m.txt\"}]}]}";
    const forest_shape shape = {.trees = 6, .outputs = 1, .features = CASE_FEATURES, .leaves = 12,
                                .grid = 8};
    protocol_case w;
    alm_inference_answer answer;
    double rows[3 * CASE_FEATURES];
    (void)state;
    memset(&w, 0, sizeof w);
    w.arena = alm_arena_create(0);
    scorer_case_init(&w.files);
    scorer_case_put(&w.files, "m.txt",
                    case_named(w.arena, scorer_case_lightgbm(w.arena, &shape, 4,
                                                             "binary sigmoid:1")));
    scorer_case_put_text(&w.files, ALM_SCORER_DOCUMENT, DOCUMENT);
    w.source = (case_source){.of_folder = true, .folder = &w.files};
    w.set = case_set(1, "m", &w.source);
    w.snapshot = alm_model_set_enter(w.set, 0);
    w.model = w.snapshot->entry[0].model;
    w.info = alm_served_model_describe(w.model);
    protocol_case_rows(rows, false);
    alm_inference_input input = {.rows = 1, .column_count = CASE_FEATURES, .values = rows};
    protocol_case_run(&w, &input, &answer);
    alm_mlflow_write(w.info, &answer, &w.out);
    char text[4][32];
    alm_double_text(answer.probability[0], text[0]);
    alm_double_text(answer.probability[1], text[1]);
    alm_double_text(answer.confidence[0], text[2]);
    const char *expected = alm_arena_printf(
        w.arena, "{\"predictions\":[{\"class_5\":%d,\"p_-1_5\":%s,\"p_1_5\":%s,\"confidence_5\":%s,"
        "\"class_20\":%d,\"p_-1_20\":%s,\"p_1_20\":%s,\"confidence_20\":%s}]}",
        (int)answer.value[0], text[0], text[1], text[2], (int)answer.value[1], text[0], text[1],
        text[2]);
    assert_string_equal(w.out.data, expected);
    protocol_case_close(&w);
}

/* ---- KServe v1 ---- */

static void kserve_takes_instances_or_inputs(void **state)
{
    static const struct {
        const char *text, *part;
        bool columnar;
    } CASE[] = {
        {"{\"instances\":[[1,2]],\"signature_name\":\"serving_default\"}", NULL, false},
        {"{\"inputs\":{\"a\":[1],\"b\":[2]}}", NULL, true},
        {"{\"instances\":[{\"a\":1,\"b\":2}]}", NULL, false},
        {"{\"inputs\":[[1,2]]}", NULL, true},
        {"{}", "either `instances` or", false},
        {"{\"inputs\":[[1]],\"instances\":[[1]]}", "either `instances` or", false},
        {"{\"signature_name\":\"x\",\"inputs\":[[1]]}", "the only signature", false},
        {"{\"examples\":[[1]]}", "unknown key", false},
    };
    alm_arena *arena = alm_arena_create(0);
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_inference_input input = {0};
        alm_error error = {0};
        bool columnar = false;
        alm_err code = alm_kserve_v1_read(alm_str_of(CASE[i].text), arena, &input, &columnar,
                                          &error);
        if (CASE[i].part) {
            assert_int_equal(code, ALM_ERR_INVALID);
            assert_non_null(strstr(error.message, CASE[i].part));
            continue;
        }
        assert_int_equal(code, ALM_OK);
        assert_int_equal(columnar, CASE[i].columnar);
        assert_int_equal(input.rows, 1);
        assert_true(input.values[0] == 1 && input.values[1] == 2);
    }
    alm_arena_destroy(arena);
}

static void kserve_replies(void **state)
{
    protocol_case w;
    alm_inference_answer answer;
    double rows[3 * CASE_FEATURES];
    (void)state;
    protocol_case_rows(rows, false);
    alm_inference_input input = {.rows = 2, .column_count = CASE_FEATURES, .values = rows};
    protocol_case_open(&w, "regression", 1);
    protocol_case_run(&w, &input, &answer);
    const char *list = list_text(w.arena, answer.value, 2);
    alm_kserve_v1_write(w.info, &answer, false, &w.out);
    assert_string_equal(w.out.data, alm_arena_printf(w.arena, "{\"predictions\":%s}", list));
    alm_buffer_clear(&w.out);
    alm_kserve_v1_write(w.info, &answer, true, &w.out);
    assert_string_equal(w.out.data, alm_arena_printf(w.arena, "{\"outputs\":%s}", list));
    alm_buffer_clear(&w.out);
    alm_kserve_v1_write_status(w.snapshot, &w.snapshot->entry[0], true, &w.out);
    assert_string_equal(w.out.data, "{\"name\":\"m\",\"ready\":true,\"model_version_status\":[{"
                                    "\"version\":\"1\",\"state\":\"AVAILABLE\",\"status\":{"
                                    "\"error_code\":\"OK\",\"error_message\":\"\"}}]}");
    protocol_case_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_types_are_exact),
        cmocka_unit_test(every_form_of_its_client_is_the_same_rows),
        cmocka_unit_test(forms_by_hand),
        cmocka_unit_test(integers_of_any_size_are_cells),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_reason),
        cmocka_unit_test(csv_has_a_header_and_numbers),
        cmocka_unit_test(quoted_fields_take_no_memory_of_their_own),
        cmocka_unit_test(a_model_file_answers_as_its_library),
        cmocka_unit_test(a_scorer_answers_with_records),
        cmocka_unit_test(kserve_takes_instances_or_inputs),
        cmocka_unit_test(kserve_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
