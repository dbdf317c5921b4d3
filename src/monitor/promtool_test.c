/* What Prometheus' own checker says about the exposition of every family (Debian's package
 * prometheus). Without promtool the test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/prometheus.h"
#include "monitor/service_metrics.h"

enum { SKIPPED = 77 };

/* Something in every family, with labels that must be escaped. */
static void fill(alm_meters *meters)
{
    static const char *const VALUE[] = {"/api/v1/models/{id}", "a \"b\" \\c\nd", "200", "x"};
    for (size_t i = 0; i < ALM_SERVICE_METRICS; i++) {
        size_t labels = alm_meters_label_count(meters, i);
        alm_meter *meter = alm_meters_find_texts(meters, i, VALUE, labels);
        switch (alm_meters_family(meters, i)->kind) {
        case ALM_METER_COUNTER: alm_meter_add(meter, 0, 3); break;
        case ALM_METER_LEVEL: alm_meter_move(meter, 0, 3); break;
        case ALM_METER_GAUGE: alm_meter_set(meter, .5); break;
        case ALM_METER_HISTOGRAM: alm_meter_observe(meter, 0, 123456); break;
        case ALM_METER_INFO: break;
        }
    }
}

/* Exit status of promtool with `text` as its input; findings go to the test's output. */
static int promtool(const char *text)
{
    FILE *tool = popen("promtool check metrics", "w");
    assert_non_null(tool);
    assert_int_equal(fwrite(text, 1, strlen(text), tool), strlen(text));
    return pclose(tool);
}

static void test_no_finding(void **state)
{
    (void)state;
    alm_meters *meters = NULL;
    alm_buffer out = {0};
    assert_int_equal(alm_service_meters_create(2, &meters, NULL), ALM_OK);
    fill(meters);
    assert_int_equal(alm_prometheus_write(meters, ALM_PROMETHEUS_TEXT, &out, NULL), ALM_OK);
    assert_int_equal(promtool(out.data), 0);
    alm_buffer_deinit(&out);
    alm_meters_destroy(meters);
}

/* The checker that is installed sees what is wrong. */
static void test_it_would_find_something(void **state)
{
    (void)state;
    assert_int_not_equal(promtool("# TYPE a counter\na{b=\"c} 1\n"), 0);
}

int main(void)
{
    if (system("command -v promtool >/dev/null") != 0) {
        printf("promtool is not installed\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_finding),
        cmocka_unit_test(test_it_would_find_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
