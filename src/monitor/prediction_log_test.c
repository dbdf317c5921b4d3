/* The prediction log: bits come back, bounds hold, sampling is what it says. */
#include "monitor/prediction_log.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "monitor/line_sink.h"
#include "monitor/line_writer.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define STATES                                                                                   \
    "\"state\":[{\"release\":\"demand-2\",\"run\":\"run-1\",\"line\":\"run-1\","                 \
    "\"end\":\"2026-01-02\",\"events\":17},"                                                       \
    "{\"release\":\"demand-1\",\"run\":\"\",\"line\":\"\",\"end\":\"\",\"events\":0}]"
#define LINE                                                                                     \
    "{\"v\":3,\"time\":\"2026-01-02T03:04:05.678901Z\",\"request_id\":\"r-1\","                  \
    "\"trace_id\":\"0af7\",\"route\":\"/api/v1/predictions/demand\",\"model\":\"demand\","       \
    "\"version\":\"3\",\"model_hash\":\"" HASH "\",\"served_by\":\"previous\","                  \
    "\"reason\":\"breaker open\",\"run\":\"run-1\","                             \
    "\"columns\":[\"a\",\"b \\\"c\\\"\",\"ü\"],"                                                   \
    "\"rows\":[[1,0.1,null],[-0.0,5e-324,\"-inf\"]],\"steps\":2,\"windows\":[[1,2],[3,null]],"     \
    "\"answers\":[[1.7976931348623157e+308,\"inf\"],[0.30000000000000004,-2]],"                  \
    "\"request\":{\"node\":\"a b\",\"horizon\":3},\"reply\":{\"value\":-0.0,\"list\":[]},"        \
    STATES "}\n"

static const alm_str COLUMNS[] = {{"a", 1}, {"b \"c\"", 5}, {"ü", 2}};
static const double VALUES[] = {1, 0.1, NAN, -0.0, 5e-324, -INFINITY};
static const double WINDOWS[] = {1, 2, 3, NAN};
static const double ANSWERS[] = {1.7976931348623157e308, INFINITY, 0.1 + 0.2, -2};

static alm_prediction_record example(void)
{
    alm_prediction_record record = {
        .time = INT64_C(1767323045678901), .request_id = ALM_STR("r-1"),
        .trace_id = ALM_STR("0af7"), .route = ALM_STR("/api/v1/predictions/demand"),
        .model = ALM_STR("demand"), .version = ALM_STR("3"), .served_by = ALM_STR("previous"),
        .reason = ALM_STR("breaker open"), .column_count = 3, .column = COLUMNS, .row_count = 2,
        .value = VALUES, .steps = 2, .window_width = 1, .window = WINDOWS, .output_count = 2,
        .answer = ANSWERS, .run = ALM_STR("run-1"),
        .request = ALM_STR("{\"node\" : \"a b\",\n\t\"horizon\":3}"),
        .reply = ALM_STR("{\"value\":-0.0,\"list\":[ ]}"), .state_count = 2,
        .state = {{ALM_STR("demand-2"), ALM_STR("run-1"), ALM_STR("run-1"), 20455, 17},
                  {ALM_STR("demand-1"), ALM_STR(""), ALM_STR(""), ALM_DATE_NONE, 0}}};
    assert_true(alm_digest_parse(ALM_STR(HASH), &record.model_hash));
    return record;
}

static bool same_bits(const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (isnan(a[i]) ? !isnan(b[i]) : memcmp(&a[i], &b[i], sizeof *a) != 0) {
            return false;
        }
    }
    return true;
}

static void assert_same(const alm_prediction_record *a, const alm_prediction_record *b)
{
    assert_int_equal(a->time, b->time);
    assert_true(alm_str_equal(a->request_id, b->request_id));
    assert_true(alm_str_equal(a->trace_id, b->trace_id));
    assert_true(alm_str_equal(a->route, b->route));
    assert_true(alm_str_equal(a->model, b->model));
    assert_true(alm_str_equal(a->version, b->version));
    assert_true(alm_digest_equal(&a->model_hash, &b->model_hash));
    assert_true(alm_str_equal(a->served_by, b->served_by));
    assert_true(alm_str_equal(a->reason, b->reason));
    assert_int_equal(a->column_count, b->column_count);
    assert_int_equal(a->row_count, b->row_count);
    assert_int_equal(a->output_count, b->output_count);
    for (size_t i = 0; i < a->column_count; i++) {
        assert_true(alm_str_equal(a->column[i], b->column[i]));
    }
    assert_true(same_bits(a->value, b->value, a->row_count * a->column_count));
    assert_true(same_bits(a->answer, b->answer, a->row_count * a->output_count));
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->window_width, b->window_width);
    assert_true(same_bits(a->window, b->window, a->row_count * a->steps * a->window_width));
    assert_true(alm_str_equal(a->run, b->run));
    assert_int_equal(a->state_count, b->state_count);
    for (size_t i = 0; i < a->state_count; i++) {
        assert_true(alm_str_equal(a->state[i].release, b->state[i].release));
        assert_true(alm_str_equal(a->state[i].run, b->state[i].run));
        assert_true(alm_str_equal(a->state[i].line, b->state[i].line));
        assert_int_equal(a->state[i].end, b->state[i].end);
        assert_int_equal(a->state[i].events, b->state[i].events);
    }
    assert_int_equal(a->request.size > 0, b->request.size > 0);
}

static void test_the_line(void **state)
{
    (void)state;
    alm_prediction_record record = example(), back;
    alm_arena *arena = alm_arena_create(0);
    alm_buffer out = {0};
    alm_error error = {0};
    assert_int_equal(alm_prediction_write(&record, &out, &error), ALM_OK);
    assert_string_equal(out.data, LINE);
    if (alm_prediction_read(alm_buffer_view(&out), arena, &back, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_same(&record, &back);
    assert_true(alm_str_is(back.request, "{\"node\":\"a b\",\"horizon\":3}"));
    assert_true(alm_str_is(back.reply, "{\"value\":-0.0,\"list\":[]}"));
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

/* An answer of the product has no numbers of a model, one of a model no bodies. */
static void test_one_part_is_enough(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_buffer out = {0};
    alm_prediction_record back, record = example();
    record.row_count = record.column_count = record.output_count = 0;
    record.steps = record.window_width = 0;
    assert_int_equal(alm_prediction_write(&record, &out, NULL), ALM_OK);
    assert_non_null(strstr(out.data, "\"columns\":[],\"rows\":[],\"steps\":0,\"windows\":[],"
                                     "\"answers\":[],\"request\":{\"node\""));
    assert_int_equal(alm_prediction_read(alm_buffer_view(&out), arena, &back, NULL), ALM_OK);
    assert_same(&record, &back);
    record = example();
    record.request = record.reply = record.run = (alm_str){0};
    record.state_count = 0;
    record.steps = record.window_width = 0;
    alm_buffer_clear(&out);
    assert_int_equal(alm_prediction_write(&record, &out, NULL), ALM_OK);
    assert_non_null(strstr(out.data, "\"request\":null,\"reply\":null,\"state\":[]}\n"));
    assert_int_equal(alm_prediction_read(alm_buffer_view(&out), arena, &back, NULL), ALM_OK);
    assert_same(&record, &back);
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

/* Any bits of a double come back, by way of a sink and its writer. */
static void test_any_bits_come_back(void **state)
{
    (void)state;
    enum { RECORDS = 200, ROWS = 3, COLUMN_COUNT = 3, OUTPUTS = 2 };
    static double value[RECORDS][ROWS * COLUMN_COUNT], answer[RECORDS][ROWS * OUTPUTS];
    alm_line_sink *sink = NULL;
    alm_line_writer *writer = NULL;
    assert_int_equal(alm_line_sink_memory(4 << 20, &sink, NULL), ALM_OK);
    assert_int_equal(alm_line_writer_create(sink, 1, 1 << 20, &writer, NULL), ALM_OK);
    alm_rng rng = alm_rng_stream(11, 1);
    alm_buffer line = {0};
    for (int i = 0; i < RECORDS; i++) {
        for (size_t j = 0; j < ROWS * (COLUMN_COUNT + OUTPUTS); j++) {
            double *place = j < ROWS * COLUMN_COUNT ? &value[i][j]
                                                    : &answer[i][j - ROWS * COLUMN_COUNT];
            uint64_t bits = alm_rng_next(&rng);
            memcpy(place, &bits, sizeof bits);
        }
        alm_prediction_record record = example();
        record.time += i;
        record.row_count = ROWS;
        record.steps = record.window_width = 0;
        record.value = value[i];
        record.answer = answer[i];
        alm_buffer_clear(&line);
        assert_int_equal(alm_prediction_write(&record, &line, NULL), ALM_OK);
        assert_true(alm_line_writer_put(writer, 0, alm_buffer_view(&line)));
    }
    alm_line_writer_destroy(writer);
    alm_arena *arena = alm_arena_create(0);
    int count = 0;
    for (alm_str rest = alm_line_sink_memory_view(sink); rest.data && rest.size > 0; count++) {
        alm_prediction_record back;
        assert_int_equal(alm_prediction_read(alm_str_split(&rest, '\n'), arena, &back, NULL),
                         ALM_OK);
        assert_int_equal(back.time, example().time + count);
        assert_true(same_bits(value[count], back.value, ROWS * COLUMN_COUNT));
        assert_true(same_bits(answer[count], back.answer, ROWS * OUTPUTS));
    }
    assert_int_equal(count, RECORDS);
    alm_arena_destroy(arena);
    alm_buffer_deinit(&line);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

static void refuse_write(alm_prediction_record record, alm_err expected)
{
    alm_buffer out = {0};
    alm_error error = {0};
    alm_buffer_text(&out, "before\n");
    assert_int_equal(alm_prediction_write(&record, &out, &error), expected);
    assert_string_equal(out.data, "before\n");
    assert_true(error.message[0] != '\0');
    alm_buffer_deinit(&out);
}

static void test_records_that_are_refused(void **state)
{
    (void)state;
    static char wide[ALM_PREDICTION_TEXT_BYTES_MAX + 1];
    memset(wide, 'w', sizeof wide);
    alm_prediction_record good = example(), bad = good;
    refuse_write((bad.request_id = (alm_str){wide, sizeof wide}, bad), ALM_ERR_LIMIT);
    refuse_write((bad.request_id = ALM_STR(""), bad), ALM_ERR_INVALID);
    refuse_write((bad.request_id = ALM_STR("\xff"), bad), ALM_ERR_INVALID);
    refuse_write((bad.request_id = ALM_STR("a\0b"), bad), ALM_ERR_INVALID);
    alm_str column[] = {ALM_STR("a"), ALM_STR("\xc3"), ALM_STR("c")};
    bad = good, bad.column = column;
    refuse_write(bad, ALM_ERR_INVALID);
    bad = good, bad.row_count = 0;
    refuse_write(bad, ALM_ERR_INVALID);
    bad = good, bad.output_count = 0;
    refuse_write(bad, ALM_ERR_INVALID);
    bad = good, bad.row_count = ALM_PREDICTION_ROWS_MAX + 1;
    refuse_write(bad, ALM_ERR_LIMIT);
    bad = good, bad.column_count = SIZE_MAX;
    refuse_write(bad, ALM_ERR_LIMIT);
    bad = good, bad.request = (alm_str){0};
    refuse_write(bad, ALM_ERR_INVALID);
    bad = good, bad.request = ALM_STR(" 1");
    refuse_write(bad, ALM_ERR_INVALID);
    bad = good, bad.window_width = 0;
    refuse_write(bad, ALM_ERR_INVALID);
    bad = good, bad.row_count = bad.output_count = bad.column_count = 0;
    refuse_write(bad, ALM_ERR_INVALID); /* windows of no rows */
    bad = good, bad.steps = SIZE_MAX;
    refuse_write(bad, ALM_ERR_LIMIT);
    static char deep[2 * ALM_PREDICTION_BODY_DEPTH_MAX + 4];
    memset(deep, '[', sizeof deep / 2);
    memset(deep + sizeof deep / 2, ']', sizeof deep / 2);
    bad = good, bad.request = (alm_str){deep, sizeof deep};
    refuse_write(bad, ALM_ERR_LIMIT);
    bad = good, bad.reply = (alm_str){wide, ALM_PREDICTION_BODY_BYTES_MAX + 1};
    refuse_write(bad, ALM_ERR_LIMIT);
    bad = good, bad.row_count = 4096, bad.column_count = 63, bad.output_count = 2;
    refuse_write(bad, ALM_ERR_LIMIT);
}

/* A step without inputs; and the longest line that may be, which can be read. */
static void test_extremes(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_prediction_record record = example(), back;
    alm_buffer out = {0};
    record.column_count = 0;
    record.value = NULL;
    record.steps = record.window_width = 0;
    assert_int_equal(alm_prediction_write(&record, &out, NULL), ALM_OK);
    assert_non_null(strstr(out.data, "\"columns\":[],\"rows\":[[],[]],"));
    assert_int_equal(alm_prediction_read(alm_buffer_view(&out), arena, &back, NULL), ALM_OK);
    assert_same(&record, &back);

    char *text = alm_arena_alloc(arena, ALM_PREDICTION_TEXT_BYTES_MAX);
    memset(text, 1, ALM_PREDICTION_TEXT_BYTES_MAX);
    record.column_count = ALM_PREDICTION_COLUMNS_MAX;
    record.row_count = 32;
    record.output_count = ALM_PREDICTION_VALUES_MAX / 32 - ALM_PREDICTION_COLUMNS_MAX;
    alm_str *column = ALM_NEW_ARRAY(arena, alm_str, record.column_count);
    double *value = ALM_NEW_ARRAY(arena, double, ALM_PREDICTION_VALUES_MAX);
    for (size_t i = 0; i < ALM_PREDICTION_COLUMNS_MAX; i++) {
        column[i] = (alm_str){text, ALM_PREDICTION_TEXT_BYTES_MAX};
    }
    for (size_t i = 0; i < ALM_PREDICTION_VALUES_MAX; i++) {
        value[i] = -1.2345678901234567e-300; /* long, and not slow as below 2^-1022 */
    }
    record.column = column;
    record.value = value;
    record.answer = value;
    alm_buffer_clear(&out);
    assert_int_equal(alm_prediction_write(&record, &out, NULL), ALM_OK);
    assert_true(out.size > ALM_PREDICTION_LINE_BYTES_MAX / 2);
    assert_int_equal(alm_prediction_read(alm_buffer_view(&out), arena, &back, NULL), ALM_OK);
    assert_same(&record, &back);
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

/* `line` with `from` replaced by `to` is refused, with a message that has `part`. */
static void refuse_read(const char *from, const char *to, const char *part)
{
    alm_arena *arena = alm_arena_create(0);
    const char *at = strstr(LINE, from);
    assert_non_null(at);
    char *line = alm_arena_printf(arena, "%.*s%s%s", (int)(strlen(LINE) - strlen(at)), LINE, to,
                                  at + strlen(from));
    alm_prediction_record untouched, before;
    memset(&untouched, 7, sizeof untouched);
    before = untouched;
    alm_error error = {0};
    assert_int_equal(alm_prediction_read(alm_str_of(line), arena, &untouched, &error),
                     ALM_ERR_INVALID);
    assert_memory_equal(&untouched, &before, sizeof before);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
    }
    alm_arena_destroy(arena);
}

/* A record of before states: it is read, and has none. */
static void test_the_version_before(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_prediction_record record;
    alm_error error = {0};
    char *line = alm_arena_copy_text(arena, LINE, strlen(LINE));
    char *at = strstr(line, "," STATES);
    assert_non_null(at);
    memmove(at, at + strlen("," STATES), strlen(at + strlen("," STATES)) + 1);
    *(strstr(line, "\"v\":3") + 4) = '2';
    if (alm_prediction_read(alm_str_of(line), arena, &record, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(record.state_count, 0);
    assert_true(alm_str_is(record.run, "run-1"));
    alm_arena_destroy(arena);
}

static void test_lines_that_are_refused(void **state)
{
    (void)state;
    refuse_read("\"v\":3", "\"v\":1", "versions 2 and 3 of the prediction log, not 1");
    refuse_read("\"v\":3", "\"v\":2", "state"); /* which had none */
    refuse_read("\"v\":3,", "", "v");
    refuse_read("," STATES, "", "state");
    refuse_read(STATES, "\"state\":{}", "state");
    refuse_read(STATES, "\"state\":[1]", "object");
    refuse_read("\"2026-01-02\",\"events\"", "\"\",\"events\"", "a line and a day");
    refuse_read("\"2026-01-02\",\"events\"", "\"today\",\"events\"", "\"end\" is a date");
    refuse_read("\"events\":17", "\"events\":-1", "not below 0");
    refuse_read("\"events\":17", "\"events\":17,\"more\":1", "more");
    refuse_read("\"state\":[", "\"state\":[{\"release\":\"\",\"run\":\"\",\"line\":\"\",\"end\":"
                "\"\",\"events\":0},", "3 states");
    refuse_read("\"steps\":2", "\"steps\":3", "windows of 3 steps");
    refuse_read("\"steps\":2", "\"steps\":0", "windows of 0 steps");
    refuse_read("[3,null]]", "[3]]", "windows");
    refuse_read("\"request\":{\"node\":\"a b\",\"horizon\":3}", "\"request\":null", "its reply");
    refuse_read("\"request\":{\"node\":\"a b\",\"horizon\":3}", "\"request\":7", "request");
    refuse_read("\"route\"", "\"rout\"", "rout");
    refuse_read("2026-01-02T", "2026-13-02T", "time");
    refuse_read(HASH, "00", "model_hash");
    refuse_read("\"r-1\"", "\"\"", "request id");
    refuse_read("\"r-1\"", "1", "request_id");
    refuse_read("[\"a\",", "[1,", "columns");
    refuse_read("[1,0.1,null]", "[1,0.1]", "row 1");
    refuse_read("[1,0.1,null]", "[1,0.1,true]", "value 3 of row 1");
    refuse_read("[1,0.1,null]", "[1,0.1,\"nan\"]", "value 3 of row 1");
    refuse_read("[1,0.1,null]", "{}", "row 1");
    refuse_read("[1,0.1,null],", "", "1 rows have 2 answers");
    refuse_read(",[0.30000000000000004,-2]", ",[-2]", "answers");
    refuse_read("[[1.7976931348623157e+308,\"inf\"],[0.30000000000000004,-2]]", "[[],[]]",
                "output");
    refuse_read("}\n", "", "prediction log"); /* torn */
    refuse_read("}\n", "}}\n", "prediction log");
    alm_prediction_record record;
    alm_error error = {0};
    assert_int_equal(alm_prediction_read((alm_str){"", ALM_PREDICTION_LINE_BYTES_MAX + 1}, NULL,
                                         &record, &error), ALM_ERR_LIMIT);
}

/* The hash is a promise: another one would put other requests on record. The places
 * are those of a second implementation (python3, integers modulo 2^64). */
static void test_sampling(void **state)
{
    (void)state;
    assert_true(alm_prediction_is_sampled(ALM_STR("r-1"), 1));
    assert_false(alm_prediction_is_sampled(ALM_STR("r-1"), 0));
    assert_false(alm_prediction_is_sampled(ALM_STR("r-1"), NAN));
    static const struct {
        const char *id;
        double at; /* where its hash lies in [0, 1) */
    } GOLDEN[] = {{"", 0x1.ea542bd3536bdp-1},
                {"r-1", 0x1.9dc6afeb9986bp-1},
                {"r-2", 0x1.d7a167942f6b3p-1},
                {"0af7651916cd43dd8448eb211c80319c", 0x1.26d8b60dd49b0p-3}};
    for (size_t i = 0; i < sizeof GOLDEN / sizeof *GOLDEN; i++) {
        assert_false(alm_prediction_is_sampled(alm_str_of(GOLDEN[i].id), GOLDEN[i].at));
        assert_true(alm_prediction_is_sampled(alm_str_of(GOLDEN[i].id),
                                              nextafter(GOLDEN[i].at, 1)));
    }
    enum { IDS = 100000, RATES = 5 };
    static const double RATE[RATES] = {0.001, 0.01, 0.1, 0.5, 0.9};
    size_t count[RATES] = {0};
    for (int i = 0; i < IDS; i++) {
        char id[32];
        snprintf(id, sizeof id, "request-%d", i);
        bool before = false;
        for (size_t j = 0; j < RATES; j++) {
            bool now = alm_prediction_is_sampled(alm_str_of(id), RATE[j]);
            assert_true(now || !before); /* on record at a lower rate: at this one too */
            count[j] += now;
            before = now;
        }
    }
    for (size_t j = 0; j < RATES; j++) {
        double sd = sqrt(IDS * RATE[j] * (1 - RATE[j])); /* of a binomial count; 5 of them */
        assert_true(fabs((double)count[j] - IDS * RATE[j]) < 5 * sd);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    alm_prediction_record record = example();
    alm_arena *arena = alm_arena_create(0);
    for (uint64_t nth = 1;; nth++) {
        alm_buffer out = {0};
        alm_error error = {0};
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_prediction_write(&record, &out, &error);
        (void)alm_heap_fail_at(0);
        assert_int_equal(code, code == ALM_OK ? ALM_OK : ALM_ERR_MEMORY);
        assert_int_equal(out.size, code == ALM_OK ? strlen(LINE) : 0);
        alm_buffer_deinit(&out);
        if (code == ALM_OK) {
            assert_true(nth > 1);
            break;
        }
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_line),
        cmocka_unit_test(test_one_part_is_enough),
        cmocka_unit_test(test_any_bits_come_back),
        cmocka_unit_test(test_records_that_are_refused),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_the_version_before),
        cmocka_unit_test(test_lines_that_are_refused),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
