/* Days of cover by hand, and spreads where roundings could show: equal and far-off values. */
#include "feature/feature_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAYS 8

/* One feature over a panel of two columns, read at the last day; letters are the days' states. */
static double value_of(const alm_feature_spec *spec, const double *units, const double *stock,
                       const char *letters)
{
    uint8_t states[DAYS];
    for (size_t t = 0; t < DAYS; t++) {
        states[t] = (uint8_t)(strchr("BOZMCS", letters[t]) - "BOZMCS");
    }
    const alm_panel_column columns[] = {{"units", ALM_ROLE_OBSERVED, units, DAYS, NULL},
                                        {"stock", ALM_ROLE_OBSERVED, stock, DAYS, NULL}};
    const alm_feature_schema schema = {.columns = columns, .column_count = 2};
    const alm_panel panel = {.periods = DAYS, .series_count = 1, .state = states,
                             .column_count = 2, .columns = columns};
    const alm_horizon_block block = {1, 1};
    const alm_feature_row row = {DAYS - 1, 1, 1};
    alm_feature_plan *plan = NULL;
    alm_error error = {0};
    double value = 0;
    alm_arena *arena = alm_arena_create(0);
    if (alm_feature_plan_compile(spec, 1, &block, 1, &schema, &plan, &error) != ALM_OK ||
        alm_feature_rows(plan, &panel, 0, &row, 1, &value, 1, arena, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_feature_plan_destroy(plan);
    alm_arena_destroy(arena);
    return value;
}

#define N NAN

static const struct {
    const char *what;
    double units[DAYS];
    double stock[DAYS];
    const char *states;
    int32_t window;
    bool skip_closed;
    double expected;
} covers[] = {
    {"30 pieces at 3 a day", {9, 9, 9, 9, 4, 2, 3, 3}, {N, N, N, N, N, N, N, 30}, "OOOOOOOO", 4,
     false, 10},
    {"the newest known stock", {2, 2, 2, 2, 2, 2, 2, 2}, {N, N, 50, N, N, 8, N, N}, "OOOOOOOO", 4,
     false, 4},
    {"older than the window is not known", {2, 2, 2, 2, 2, 2, 2, 2},
     {N, N, N, 50, N, N, N, N}, "OOOOOOOO", 4, false, N},
    {"never known", {2, 2, 2, 2, 2, 2, 2, 2}, {N, N, N, N, N, N, N, N}, "OOOOOOOO", 4, false, N},
    {"no demand: the cap", {2, 2, 2, 2, 0, 0, 0, 0}, {N, N, N, N, N, N, N, 1}, "OOOOZZZZ", 4,
     false, 365},
    {"more than a year: the cap", {0, 0, 0, 0, 0, 0, 0, 1}, {N, N, N, N, N, N, N, 300},
     "ZZZZZZZO", 4, false, 365},
    {"just below the cap", {0, 0, 0, 0, 0, 0, 0, 4}, {N, N, N, N, N, N, N, 364}, "ZZZZZZZO", 4,
     false, 364},
    {"more comes back than goes out: the cap", {0, 0, 0, 0, 1, -2, 0, 0},
     {N, N, N, N, N, N, N, 5}, "OOOOOOOO", 4, false, 365},
    {"negative stock is none", {2, 2, 2, 2, 2, 2, 2, 2}, {N, N, N, N, N, N, N, -7}, "OOOOOOOO", 4,
     false, 0},
    {"no stock, no demand", {0, 0, 0, 0, 0, 0, 0, 0}, {N, N, N, N, N, N, N, 0}, "ZZZZZZZZ", 4,
     false, 0},
    {"demand of out-of-stock days is not known", {2, 2, 2, 2, 6, 0, 0, 2},
     {N, N, N, N, N, N, N, 12}, "OOOOOSSO", 4, false, 3},
    {"no demand is known", {2, 2, 2, 2, N, N, N, N}, {N, N, N, N, N, N, N, 12}, "OOOOMMMM", 4,
     false, N},
    {"closed days count", {2, 4, 4, 4, 4, 0, 0, 4}, {N, N, N, N, N, N, N, 12}, "OOOOOCCO", 4,
     false, 6},
    {"or are passed over", {2, 4, 4, 4, 4, 0, 0, 4}, {N, N, N, N, N, N, N, 12}, "OOOOOCCO", 4,
     true, 3},
    {"stock is looked for on closed days too", {2, 4, 4, 4, 4, 0, 0, 0},
     {N, N, N, N, N, 20, N, N}, "OOOOOCCC", 3, true, 5},
};

static void test_days_of_cover(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof covers / sizeof *covers; i++) {
        alm_feature_spec spec = {.name = "cover", .op = ALM_FEATURE_days_of_cover,
                                 .column = "stock", .window = covers[i].window,
                                 .skip_closed = covers[i].skip_closed};
        double got = value_of(&spec, covers[i].units, covers[i].stock, covers[i].states);
        bool same = isnan(covers[i].expected) ? isnan(got) : got == covers[i].expected;
        if (!same) {
            fail_msg("%s: %.17g, expected %g", covers[i].what, got, covers[i].expected);
        }
    }
}

/* Two of them beside each other share the target's window, not the stock. */
static void test_covers_of_two_stocks(void **state)
{
    (void)state;
    const double units[DAYS] = {4, 4, 4, 4, 4, 4, 4, 4};
    const double shop[DAYS] = {8, 8, 8, 8, 8, 8, 8, 8}, store[DAYS] = {N, 40, N, N, N, N, N, 20};
    uint8_t states[DAYS];
    memset(states, ALM_PERIOD_OBSERVED, sizeof states);
    const alm_panel_column columns[] = {{"units", ALM_ROLE_OBSERVED, units, DAYS, NULL},
                                        {"shop", ALM_ROLE_OBSERVED, shop, DAYS, NULL},
                                        {"store", ALM_ROLE_OBSERVED, store, DAYS, NULL}};
    const int32_t delays[] = {0, 0, 1};
    const alm_feature_schema schema = {.columns = columns, .column_count = 3,
                                       .column_delays = delays};
    const alm_panel panel = {.periods = DAYS, .series_count = 1, .state = states,
                             .column_count = 3, .columns = columns};
    const alm_feature_spec specs[] = {
        {.name = "a", .op = ALM_FEATURE_days_of_cover, .column = "shop", .window = 7},
        {.name = "b", .op = ALM_FEATURE_days_of_cover, .column = "store", .window = 7},
    };
    const alm_horizon_block block = {1, 1};
    const alm_feature_row row = {DAYS - 1, 1, 1};
    alm_feature_plan *plan = NULL;
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    double out[2];
    assert_int_equal(alm_feature_plan_compile(specs, 2, &block, 1, &schema, &plan, &error),
                     ALM_OK);
    assert_int_equal(alm_feature_rows(plan, &panel, 0, &row, 1, out, 2, arena, &error), ALM_OK);
    assert_true(out[0] == 2.0);
    assert_true(out[1] == 10.0); /* that of the last day is not published yet */
    alm_feature_plan_destroy(plan);
    alm_arena_destroy(arena);
}

static void test_spreads(void **state)
{
    (void)state;
    const double equal[DAYS] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    const double far[DAYS] = {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4, 1e9 + 5, 1e9 + 6, 1e9 + 7,
                              1e9 + 8};
    const double wide[DAYS] = {1e200, -1e200, 1, 2, 3, 4, 5, 6};
    const alm_feature_spec specs[] = {
        {.name = "e", .op = ALM_FEATURE_expanding_std, .column = "units"},
        {.name = "s", .op = ALM_FEATURE_seasonal_std, .column = "units", .window = 4,
         .season = 2},
    };
    const double of_far[] = {6, 20.0 / 3}; /* variances of 1..8 and of 1 3 5 7 */
    for (size_t i = 0; i < 2; i++) {
        assert_true(value_of(&specs[i], equal, equal, "OOOOOOOO") == 0.0);
        assert_true(value_of(&specs[i], far, far, "OOOOOOOO") == sqrt(of_far[i]));
        assert_true(isnan(value_of(&specs[i], wide, wide, "OOOOOOOO"))); /* beyond a double */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_of_cover),
        cmocka_unit_test(test_covers_of_two_stocks),
        cmocka_unit_test(test_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
