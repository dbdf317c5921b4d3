/* panel_observed_test.c: observed columns of other sources, and what features see of a panel. */
#include "project/panel_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEPOT                                                                                 \
    "almanac: 1\nname: depot\nsources:\n"                                                     \
    "  sales:\n    files: sales.csv\n    time: date\n    keys: [sku, store]\n"                \
    "    publication_delay: 1\n"                                                              \
    "    columns: {date: date, sku: text, store: text, units: i64}\n"                         \
    "  stock:\n    files: stock.csv\n    time: date\n    keys: [sku, store]\n"                \
    "    known_in_advance: true\n    publication_delay: 1\n"                                  \
    "    columns: {date: date, sku: text, store: text, on_hand: {type: i64, nullable: true}}\n" \
    "  visits:\n    files: visits.csv\n    time: date\n    keys: [store]\n"                   \
    "    publication_delay: 2\n    columns: {date: date, store: text, people: f64}\n"        \
    "  rates:\n    files: rates.csv\n    time: date\n    known_at: seen\n"                     \
    "    known_in_advance: true\n    columns: {date: date, rate: f64, seen: date}\n"        \
    "series:\n  source: sales\n  keys: [sku, store]\n  target: units\n  missing: zero\n"      \
    "  columns:\n    stock: {source: stock, column: on_hand, observed: true}\n"                \
    "    planned: {source: stock, column: on_hand}\n"                                         \
    "    people: {source: visits}\n    rate: {source: rates, observed: true}\n"               \
    "  groups: [sku]\n"                                                                       \
    "hierarchy: [{level: total, by: []}]\n"

/* Six days, and stock that is written down for two more. */
static void open_depot(fixture *f)
{
    fixture_open(f, DEPOT);
    fixture_put(f, "sales.csv", "date,sku,store,units\n2020-01-01,a,north,1\n"
                "2020-01-01,b,south,2\n2020-01-04,a,south,7\n2020-01-05,a,north,5\n"
                "2020-01-06,a,north,9\n");
    fixture_put(f, "stock.csv", "date,sku,store,on_hand\n2020-01-02,a,north,20\n"
                "2020-01-03,a,north,\n2020-01-06,a,north,12\n2020-01-07,a,north,99\n"
                "2020-01-08,b,south,98\n2020-01-05,z,north,4\n");
    fixture_put(f, "visits.csv", "date,store,people\n2020-01-01,north,100\n"
                "2020-01-04,north,400\n2020-01-05,north,500\n2020-01-04,south,40\n");
    fixture_put(f, "rates.csv", "date,rate,seen\n2020-01-02,1.5,2020-01-02\n"
                "2020-01-02,1.25,2020-01-05\n2020-01-05,2,2020-01-05\n"
                "2020-01-06,3,2020-01-09\n");
}

static void other_sources_have_observed_columns(void **state)
{
    fixture *f = *state;
    open_depot(f);
    alm_panel_options options = defaults();
    options.block_series = 2; /* a/north and a/south, then b/south */
    alm_panel_source *source = open_panels(f, &options);
    const alm_feature_schema *schema = alm_panel_source_schema(source);
    const int32_t delays[] = {1, 1, 0, 2, 0, 1};
    assert_int_equal(schema->column_count, 6);
    assert_memory_equal(schema->column_delays, delays, sizeof delays);
    alm_panel p = next(f, source);
    enum { STOCK = 1, PLANNED, PEOPLE, RATE };
    assert_int_equal(p.columns[STOCK].role, ALM_ROLE_OBSERVED);
    assert_int_equal(p.columns[STOCK].stride, PERIODS); /* what lies behind is not there */
    EXPECT_ROW(&p, STOCK, 0, M, 20, M, M, M, M); /* nor the last day, a day late */
    EXPECT_ROW(&p, STOCK, 1, M, M, M, M, M, M);
    assert_int_equal(p.columns[PLANNED].role, ALM_ROLE_KNOWN);
    EXPECT_ROW(&p, PLANNED, 0, M, 20, M, M, M, 12, 99, M);
    EXPECT_ROW(&p, PEOPLE, 0, 100, M, M, 400, M, M); /* 500 comes two days later */
    EXPECT_ROW(&p, PEOPLE, 1, M, M, M, 40, M, M);
    EXPECT_ROW(&p, RATE, 1, M, 1.25, M, M, 2, M); /* a plan with gaps: read as observed */
    p = next(f, source);
    EXPECT_ROW(&p, STOCK, 0, M, M, M, M, M, M);
    EXPECT_ROW(&p, PLANNED, 0, M, M, M, M, M, M, M, 98);
    EXPECT_ROW(&p, PEOPLE, 0, M, M, M, 40, M, M);
    const alm_panel *nodes = alm_panel_source_aggregates(source);
    EXPECT_ROW(nodes, RATE, 0, M, 1.25, M, M, 2, M); /* shared by all, nodes too */
    EXPECT_ROW(nodes, PEOPLE, 0, M, M, M, M, M, M);
    alm_panel_source_close(source);

    options.end = fixture_date("2020-01-06");
    source = open_panels(f, &options);
    p = next(f, source);
    EXPECT_ROW(&p, STOCK, 0, M, 20, M, M, M);
    EXPECT_ROW(&p, PLANNED, 0, M, 20, M, M, M, 12, 99);
    EXPECT_ROW(&p, PEOPLE, 0, 100, M, M, M, M);
    EXPECT_ROW(&p, RATE, 0, M, 1.25, M, M, 2);
    alm_panel_source_close(source);
    options.end = fixture_date("2020-01-04");
    source = open_panels(f, &options);
    p = next(f, source);
    EXPECT_ROW(&p, RATE, 0, M, 1.5, M); /* not yet restated */
    alm_panel_source_close(source);
}

static double feature_at(fixture *f, const alm_panel_source *source, const alm_panel *p,
                         size_t series, const alm_feature_spec *spec, uint32_t origin)
{
    const alm_horizon_block block = {1, 2};
    const alm_feature_row row = {origin, 1, 1};
    alm_feature_plan *plan = NULL;
    double value = 0;
    f->error = (alm_error){0};
    alm_err code = alm_feature_plan_compile(spec, 1, &block, 1, alm_panel_source_schema(source),
                                            &plan, &f->error);
    if (code == ALM_OK) {
        code = alm_feature_rows(plan, p, series, &row, 1, &value, 1, f->arena, &f->error);
    }
    alm_feature_plan_destroy(plan);
    assert_string_equal(f->error.message, "");
    assert_int_equal(code, ALM_OK);
    return value;
}

/* The end of a panel hides nothing that a feature at that origin may read, and shows nothing that
 * it may not: the value at an origin of a long panel is that of the panel which ends there. */
static void a_feature_does_not_see_the_end(void **state)
{
    fixture *f = *state;
    open_depot(f);
    static const alm_feature_spec specs[] = {
        {.name = "a", .op = ALM_FEATURE_days_of_cover, .column = "stock", .window = 5},
        {.name = "b", .op = ALM_FEATURE_value, .column = "stock"},
        {.name = "c", .op = ALM_FEATURE_mean, .column = "people", .window = 3},
        {.name = "d", .op = ALM_FEATURE_change, .column = "rate", .window = 3},
        {.name = "e", .op = ALM_FEATURE_sum, .column = "units@sku", .window = 3},
        {.name = "f", .op = ALM_FEATURE_target_encoding, .column = "units@sku", .alpha = 4},
    };
    alm_panel_options options = defaults();
    alm_panel_source *whole = open_panels(f, &options);
    alm_panel all = next(f, whole);
    /* a/north: stock 20 of the 2nd over 6 in five days, the newest day not published. */
    assert_true(feature_at(f, whole, &all, 0, &specs[0], PERIODS - 1) == 20 / (6.0 / 5));
    assert_true(feature_at(f, whole, &all, 0, &specs[1], 2) == 20.0);
    assert_true(isnan(feature_at(f, whole, &all, 0, &specs[1], 1)));
    assert_true(feature_at(f, whole, &all, 0, &specs[2], PERIODS - 1) == 400.0);
    for (uint32_t origin = 1; origin < PERIODS; origin++) {
        options.end = all.start + (alm_date)origin + 1;
        alm_panel_source *cut = open_panels(f, &options);
        alm_panel p = next(f, cut);
        for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
            /* Restatements are the panel's, not the plan's: `rate` has one on the 5th. */
            bool restated = specs[i].op == ALM_FEATURE_change && origin < 4;
            double here = feature_at(f, cut, &p, 0, &specs[i], origin);
            double there = feature_at(f, whole, &all, 0, &specs[i], origin);
            assert_true(restated || here == there || (isnan(here) && isnan(there)));
        }
        alm_panel_source_close(cut);
    }
    alm_panel_source_close(whole);
}

/* A group's sum of a day is there when the day is over and published, for all of its members. */
static void group_sums_wait_for_the_day(void **state)
{
    fixture *f = *state;
    open_depot(f);
    static const alm_feature_spec newest = {.name = "g", .op = ALM_FEATURE_value,
                                            .column = "units@sku"};
    alm_panel_options options = defaults();
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    /* a: 1 0 0 7 5, then 9 on the last day, which is not published. b: 2 and zeros. */
    const double sums_of_a[] = {M, 1, 0, 0, 7, 5};
    for (uint32_t origin = 0; origin < PERIODS; origin++) {
        double north = feature_at(f, source, &p, 0, &newest, origin);
        double south = feature_at(f, source, &p, 1, &newest, origin);
        assert_true(isnan(sums_of_a[origin]) ? isnan(north) : north == sums_of_a[origin]);
        assert_true(isnan(north) ? isnan(south) : north == south);
    }
    alm_feature_spec lag = newest;
    lag.anchor = ALM_ANCHOR_LAG;
    lag.offset = 2; /* of the second step: the origin's own day */
    const alm_horizon_block block = {1, 2};
    alm_feature_plan *plan = NULL;
    assert_int_equal(alm_feature_plan_compile(&lag, 1, &block, 1,
                                              alm_panel_source_schema(source), &plan, &f->error),
                     ALM_ERR_CONFIG);
    assert_non_null(strstr(f->error.message, "'g' would see the future: lag 2 of observed column "
                           "'units@sku' in horizon block 1..2 with publication delay 1; the "
                           "smallest legal lag is 3"));
    alm_panel_source_close(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_sources_have_observed_columns),
        TEST(a_feature_does_not_see_the_end),
        TEST(group_sums_wait_for_the_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
