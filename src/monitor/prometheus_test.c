/* The exposition: byte for byte for a small state, and beside prometheus_client's for the same
 * meters (tests/golden/prometheus/generate.py). */
#include "monitor/prometheus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/pool.h"
#include "base/rng.h"

static const uint64_t SIZES[] = {1, 1024, 1048576};

enum { REQUESTS, BUSY, TEMPERATURE, OPEN, BUILD, LATENCY, SIZE, FAMILIES };

static const alm_meter_family TABLE[FAMILIES] = {
    {.name = "t_requests_total", .help = "With \"quotes\", a \\ and\na line.",
     .labels = "method path", .series_max = 10, .kind = ALM_METER_COUNTER},
    {.name = "t_busy_seconds_total", .help = "Seconds.", .labels = "", .kind = ALM_METER_COUNTER,
     .unit = ALM_UNIT_SECONDS},
    {.name = "t_temperature", .help = "Degrees.", .labels = "at", .series_max = 10,
     .kind = ALM_METER_GAUGE},
    {.name = "t_open", .help = "Open.", .labels = "", .kind = ALM_METER_LEVEL},
    {.name = "t_build_info", .help = "Build.", .labels = "commit version", .series_max = 10,
     .kind = ALM_METER_INFO},
    {.name = "t_latency_seconds", .help = "Latency.", .labels = "a", .series_max = 10,
     .bounds = ALM_LATENCY_BOUNDS, .bound_count = ALM_LATENCY_BOUND_COUNT,
     .kind = ALM_METER_HISTOGRAM, .unit = ALM_UNIT_SECONDS},
    {.name = "t_size_bytes", .help = "Size.", .labels = "", .bounds = SIZES, .bound_count = 3,
     .kind = ALM_METER_HISTOGRAM, .unit = ALM_UNIT_BYTES},
};

static alm_meters *make(void)
{
    alm_meters *meters = NULL;
    alm_error error = {0};
    if (alm_meters_create(TABLE, FAMILIES, 2, &meters, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return meters;
}

static void fill(alm_meters *m)
{
    alm_meter_add(alm_meters_get(m, REQUESTS, "POST", "/\"b\""), 0, 1);
    alm_meter_add(alm_meters_get(m, REQUESTS, "GET", "/a"), 1, 3);
    alm_meter_add(alm_meters_get(m, REQUESTS, "POST", "/\\c\nd"), 0, 9007199254740991);
    alm_meter_add(alm_meters_get(m, REQUESTS, "", "ü€"), 0, 2);
    alm_meter_add(alm_meters_find(m, BUSY, NULL), 0, UINT64_C(12345678901));
    static const struct {
        const char *at;
        double value;
    } SET[] = {{"a", -1.5}, {"b", NAN}, {"c", INFINITY}, {"d", -INFINITY}, {"e", 1e300},
               {"f", 0.1}};
    for (size_t i = 0; i < sizeof SET / sizeof *SET; i++) {
        alm_meter_set(alm_meters_get(m, TEMPERATURE, SET[i].at), SET[i].value);
    }
    alm_meter_move(alm_meters_find(m, OPEN, NULL), 0, -3);
    (void)alm_meters_get(m, BUILD, "abc", "1.2");
    static const uint64_t LATENCY_NS[] = {50000, 51000, 200000, 300000000, 1000000000,
                                          UINT64_C(10000000000), UINT64_C(10000000001)};
    for (size_t i = 0; i < sizeof LATENCY_NS / sizeof *LATENCY_NS; i++) {
        alm_meter_observe(alm_meters_get(m, LATENCY, "x"), (int)i, LATENCY_NS[i]);
    }
    (void)alm_meters_get(m, LATENCY, "y");
    static const uint64_t SIZE_BYTES[] = {0, 1, 2, 2000000};
    for (size_t i = 0; i < 4; i++) {
        alm_meter_observe(alm_meters_find(m, SIZE, NULL), 0, SIZE_BYTES[i]);
    }
}

static alm_str write(const alm_meters *m, alm_prometheus_format format, alm_buffer *out)
{
    alm_error error = {0};
    if (alm_prometheus_write(m, format, out, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return alm_buffer_view(out);
}

/* ---- beside prometheus_client ---- */

static bool same_value(alm_str a, alm_str b)
{
    double x = 0, y = 0;
    if (alm_str_to_double(a, &x) && alm_str_to_double(b, &y)) {
        return x == y;
    }
    return alm_str_equal(a, b); /* NaN, +Inf */
}

/* Comment lines are equal as they are, samples in what they are called and in their numbers. */
static bool same_line(alm_str a, alm_str b)
{
    if (a.size == 0 || a.data[0] == '#') {
        return alm_str_equal(a, b);
    }
    const char *x = memrchr(a.data, ' ', a.size), *y = memrchr(b.data, ' ', b.size);
    if (!x || !y) {
        return false;
    }
    alm_str key_a = {a.data, (size_t)(x - a.data)}, key_b = {b.data, (size_t)(y - b.data)};
    return alm_str_equal(key_a, key_b) &&
           same_value((alm_str){x + 1, a.size - key_a.size - 1},
                      (alm_str){y + 1, b.size - key_b.size - 1});
}

/* Every line of `a` stands in `b` once. */
static size_t assert_lines_in(alm_str a, alm_str b)
{
    size_t count = 0;
    for (alm_str rest = a; rest.data;) {
        alm_str line = alm_str_split(&rest, '\n');
        size_t found = 0;
        for (alm_str others = b; others.data;) {
            found += same_line(line, alm_str_split(&others, '\n'));
        }
        if (found != 1) {
            fail_msg("%zu times: " ALM_STR_FMT, found, ALM_STR_ARG(line));
        }
        count++;
    }
    return count;
}

static void test_as_prometheus_client_does(void **state)
{
    (void)state;
    static const char *const PATH[] = {"tests/golden/prometheus/text.txt",
                                       "tests/golden/prometheus/openmetrics.txt"};
    alm_meters *meters = make();
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = NULL;
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    fill(meters);
    for (int format = 0; format < 2; format++) {
        alm_buffer out = {0};
        alm_str golden, ours = write(meters, (alm_prometheus_format)format, &out);
        assert_int_equal(alm_fs_read_all(fs, PATH[format], 1 << 20, arena, &golden, NULL), ALM_OK);
        size_t lines = assert_lines_in(golden, ours);
        assert_int_equal(assert_lines_in(ours, golden), lines);
        assert_true(lines > 70);
        alm_buffer_deinit(&out);
    }
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
    alm_meters_destroy(meters);
}

static void test_exact_text(void **state)
{
    (void)state;
    alm_meters *meters = make();
    alm_meter_add(alm_meters_get(meters, REQUESTS, "b", "x"), 0, 1);
    alm_meter_add(alm_meters_get(meters, REQUESTS, "a", "y"), 0, UINT64_MAX);
    alm_meter_add(alm_meters_find(meters, BUSY, NULL), 0, 1500000000);
    alm_meter_move(alm_meters_find(meters, OPEN, NULL), 0, INT64_MIN);
    alm_meter_observe(alm_meters_find(meters, SIZE, NULL), 0, 1024);
    alm_buffer out = {0};
    (void)write(meters, ALM_PROMETHEUS_OPENMETRICS, &out);
    assert_string_equal(out.data,
                        "# HELP t_requests With \\\"quotes\\\", a \\\\ and\\na line.\n"
                        "# TYPE t_requests counter\n"
                        "t_requests_total{method=\"a\",path=\"y\"} 18446744073709551615\n"
                        "t_requests_total{method=\"b\",path=\"x\"} 1\n"
                        "# HELP t_busy_seconds Seconds.\n"
                        "# TYPE t_busy_seconds counter\n"
                        "# UNIT t_busy_seconds seconds\n"
                        "t_busy_seconds_total 1.5\n"
                        "# HELP t_open Open.\n"
                        "# TYPE t_open gauge\n"
                        "t_open -9223372036854775808\n"
                        "# HELP t_size_bytes Size.\n"
                        "# TYPE t_size_bytes histogram\n"
                        "# UNIT t_size_bytes bytes\n"
                        "t_size_bytes_bucket{le=\"1.0\"} 0\n"
                        "t_size_bytes_bucket{le=\"1024.0\"} 1\n"
                        "t_size_bytes_bucket{le=\"1.048576e+06\"} 1\n"
                        "t_size_bytes_bucket{le=\"+Inf\"} 1\n"
                        "t_size_bytes_sum 1024\n"
                        "t_size_bytes_count 1\n"
                        "# EOF\n");
    alm_buffer_deinit(&out);
    alm_meters_destroy(meters);
}

/* ---- what was counted by many threads is what is shown ---- */

static const char *const METHODS[] = {"DELETE", "GET", "POST", "PUT"};

static alm_err count(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    alm_meters *meters = context;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t draw = alm_rng_u64(3, ALM_RNG_TEST, task, i);
        alm_meter_add(alm_meters_get(meters, REQUESTS, METHODS[draw % 4], "/"), worker, draw % 7);
        alm_meter_observe(alm_meters_get(meters, LATENCY, METHODS[draw % 4]), worker,
                          draw % 20000000);
    }
    return ALM_OK;
}

/* The same work by 1 and by 4 threads is the same text. */
static void test_threads_do_not_show(void **state)
{
    (void)state;
    alm_buffer text[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        alm_meters *meters = make();
        alm_pool *pool = NULL;
        assert_int_equal(alm_pool_create(i == 0 ? 1 : 4, &pool, NULL), ALM_OK);
        assert_int_equal(alm_pool_run(pool, 50, count, meters, NULL), ALM_OK);
        alm_pool_destroy(pool);
        (void)write(meters, ALM_PROMETHEUS_TEXT, &text[i]);
        alm_meters_destroy(meters);
    }
    assert_string_equal(text[0].data, text[1].data);
    uint64_t expected = 0;
    for (uint64_t task = 0; task < 50; task++) {
        for (uint64_t i = 0; i < 1000; i++) {
            uint64_t draw = alm_rng_u64(3, ALM_RNG_TEST, task, i);
            expected += draw % 4 == 1 ? draw % 7 : 0;
        }
    }
    alm_buffer line = {0};
    alm_buffer_printf(&line, "\nt_requests_total{method=\"GET\",path=\"/\"} %llu\n",
                      (unsigned long long)expected);
    assert_non_null(strstr(text[0].data, line.data));
    alm_buffer_deinit(&line);
    alm_buffer_deinit(&text[0]);
    alm_buffer_deinit(&text[1]);
}

/* ---- which format ---- */

static void test_accept(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool openmetrics;
    } CASES[] = {
        {"", false},
        {"*/*", false},
        {"text/plain", false},
        {"application/json", false},
        {"application/openmetrics-text", true},
        {"Application/OpenMetrics-Text; version=1.0.0", true},
        {"application/openmetrics-text;version=\"1.0.0\"", true},
        {"application/openmetrics-text;version=0.0.1", false},
        {"application/openmetrics-text;version=2.0.0,*/*", false},
        /* Prometheus 2.42 and 3 */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true},
        {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
         "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
         "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true},
        {"text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.49", false},
        {"text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.5", true},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-text;q=0.001", true},
        {"application/openmetrics-text;q=1.001", false},
        {"application/openmetrics-text;q=x", false},
        {"application/openmetrics-text;q=", false},
        {"application/openmetrics-text;q", true}, /* no parameter at all */
        {";;,,=;q=,application/openmetrics-text", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        bool openmetrics = alm_prometheus_choose(alm_str_of(CASES[i].accept)) ==
                           ALM_PROMETHEUS_OPENMETRICS;
        if (openmetrics != CASES[i].openmetrics) {
            fail_msg("%s", CASES[i].accept);
        }
    }
    char wide[5000];
    memset(wide, ',', sizeof wide);
    memcpy(wide + 4200, "application/openmetrics-text", 28);
    assert_int_equal(alm_prometheus_choose((alm_str){wide, sizeof wide}), ALM_PROMETHEUS_TEXT);
    assert_non_null(strstr(alm_prometheus_content_type(ALM_PROMETHEUS_TEXT), "version=0.0.4"));
    assert_non_null(
        strstr(alm_prometheus_content_type(ALM_PROMETHEUS_OPENMETRICS), "version=1.0.0"));
}

static void test_without_memory(void **state)
{
    (void)state;
    alm_meters *meters = make();
    alm_buffer out = {0};
    fill(meters);
    alm_buffer_text(&out, "before");
    for (uint64_t nth = 1;; nth++) {
        alm_error error = {0};
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_prometheus_write(meters, ALM_PROMETHEUS_TEXT, &out, &error);
        (void)alm_heap_fail_at(0);
        if (code == ALM_OK) {
            assert_true(nth > 1 && out.size > 1000);
            break;
        }
        assert_int_equal(code, ALM_ERR_MEMORY);
        assert_string_equal(out.data, "before");
        out.failed = false; /* the caller would give up */
        assert_true(nth < 200);
    }
    alm_buffer_deinit(&out);
    alm_meters_destroy(meters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_prometheus_client_does),
        cmocka_unit_test(test_exact_text),
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
