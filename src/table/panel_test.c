#include "table/panel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const double own[] = {1, 2, 3, 4, 5, 6};
static const double shared[] = {7, 8, 9};
static const uint32_t first_row[] = {0, 0};
static const char *const statics[] = {"range", "width"};
static const alm_panel_column columns[] = {
    {"units", ALM_ROLE_OBSERVED, own, 3, NULL},
    {"holiday", ALM_ROLE_KNOWN, shared, 3, first_row},
};
static const alm_panel panel = {.periods = 3, .series_count = 2, .column_count = 2,
                                .columns = columns, .static_count = 2, .static_names = statics};

static void test_rows_of_series(void **state)
{
    (void)state;
    assert_true(alm_panel_value(&panel, 0, 1, 2) == 6);
    assert_true(alm_panel_value(&panel, 1, 1, 2) == 9);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(alm_panel_find_column(&panel, "holiday"), 1);
    assert_true(alm_panel_find_column(&panel, "holidays") == SIZE_MAX);
    assert_int_equal(alm_panel_find_static(&panel, "width"), 1);
    assert_true(alm_panel_find_static(&panel, "units") == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_series),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
