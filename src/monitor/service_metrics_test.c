/* The table of families: its rules, its page, its process and build families; and what promtool
 * says about the whole exposition is in promtool_test.c.
 *
 *     service_metrics_test --table     prints the table for docs/metrics.md */
#include "monitor/service_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/prometheus.h"

static alm_meters *make(void)
{
    alm_meters *meters = NULL;
    alm_error error = {0};
    if (alm_service_meters_create(2, &meters, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return meters;
}

static void test_families(void **state)
{
    (void)state;
    alm_meters *meters = make();
    assert_int_equal(alm_meters_family_count(meters), ALM_SERVICE_METRICS);
    for (size_t i = 0; i < ALM_SERVICE_METRICS; i++) {
        const alm_meter_family *family = alm_meters_family(meters, i);
        bool ours = strncmp(family->name, "almanac_", 8) == 0;
        assert_true(ours || strncmp(family->name, "process_", 8) == 0);
        assert_int_equal(family->help[strlen(family->help) - 1], '.');
        /* A series of a histogram takes 192 bytes per event loop: at most half a megabyte on 8. */
        assert_true(family->kind != ALM_METER_HISTOGRAM || family->series_max <= 256);
    }
    alm_meters_destroy(meters);
}

static void test_process_and_build(void **state)
{
    (void)state;
    alm_meters *meters = make();
    alm_process_usage usage = {.cpu_ns = UINT64_C(12340000000), .resident_bytes = 1048576,
                               .virtual_bytes = 4096, .open_files = 5,
                               .open_files_max = UINT64_MAX, .start_seconds = 1700000000.25};
    alm_service_meters_take_process(meters, &usage);
    alm_buffer out = {0};
    assert_int_equal(alm_prometheus_write(meters, ALM_PROMETHEUS_TEXT, &out, NULL), ALM_OK);
    static const char *const LINES[] = {
        "\nprocess_cpu_seconds_total 12.34\n", "\nprocess_resident_memory_bytes 1048576\n",
        "\nprocess_virtual_memory_bytes 4096\n", "\nprocess_open_fds 5\n",
        "\nprocess_max_fds +Inf\n", "\nprocess_start_time_seconds 1700000000.25\n",
        "\nalmanac_build_info{version=\""};
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        if (!strstr(out.data, LINES[i])) {
            fail_msg("missing: %s", LINES[i]);
        }
    }
    assert_null(strstr(out.data, "\nalmanac_heap_held_bytes 0\n"));
    alm_buffer_deinit(&out);
    alm_meters_destroy(meters);
}

/* A version a day for three years. */
static void test_models_come_and_go(void **state)
{
    (void)state;
    alm_meters *meters = make();
    alm_buffer out = {0};
    for (int i = 0; i < 1000; i++) {
        char version[24];
        snprintf(version, sizeof version, "demand-%d", i);
        (void)alm_meters_get(meters, ALM_SERVICE_MODEL, "demand", version, "00ff", "true");
        alm_meter_add(alm_meters_get(meters, ALM_SERVICE_PREDICTIONS, "demand", version, "model"),
                      0, 1);
        alm_meter_add(alm_meters_get(meters, ALM_SERVICE_PREDICTIONS, "demand", version,
                                     "previous"), 0, 1);
        if (i > 0) {
            snprintf(version, sizeof version, "demand-%d", i - 1);
            alm_service_meters_forget_model(meters, ALM_STR("demand"), alm_str_of(version));
        }
    }
    assert_int_equal(alm_prometheus_write(meters, ALM_PROMETHEUS_TEXT, &out, NULL), ALM_OK);
    assert_null(strstr(out.data, "\"other\""));
    assert_null(strstr(out.data, "demand-998"));
    size_t lines = 0;
    for (const char *at = out.data; (at = strstr(at, "version=\"demand-999\"")); at++) {
        lines++;
    }
    assert_int_equal(lines, 3);
    alm_buffer_deinit(&out);
    alm_meters_destroy(meters);
}

static void test_page_has_the_table(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_str page;
    alm_buffer table = {0};
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    assert_int_equal(alm_fs_read_all(fs, "docs/metrics.md", 1 << 20, arena, &page, NULL), ALM_OK);
    alm_service_metrics_table(&table);
    if (!strstr(page.data, table.data)) {
        fail_msg("docs/metrics.md and the table of families differ; put the output of "
                 "`service_metrics_test --table` there");
    }
    /* No line of an older table beside it. */
    size_t lines = 0, expected = 0;
    for (const char *at = page.data; (at = strstr(at, "\n| `")); at++) {
        lines++;
    }
    for (const char *at = table.data; (at = strstr(at, "\n| `")); at++) {
        expected++;
    }
    assert_int_equal(lines, expected);
    assert_int_equal(expected, ALM_SERVICE_METRICS);
    alm_buffer_deinit(&table);
    alm_arena_destroy(arena);
    alm_fs_destroy(fs);
}

int main(int count, char **argument)
{
    if (count == 2 && strcmp(argument[1], "--table") == 0) {
        alm_buffer table = {0};
        alm_service_metrics_table(&table);
        fputs(table.data, stdout);
        alm_buffer_deinit(&table);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_process_and_build),
        cmocka_unit_test(test_models_come_and_go),
        cmocka_unit_test(test_page_has_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
