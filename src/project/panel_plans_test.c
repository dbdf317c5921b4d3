/* panel_plans_test.c: a plan that does not reach the horizon. */
#include "project/panel_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* %s: more of the columns promo and rate. */
#define PLANNED                                                                            \
    "almanac: 1\nname: planned\nsources:\n"                                                \
    "  sales: {files: sales.csv, time: date, keys: [sku, store],\n"                        \
    "    columns: {date: date, sku: text, store: text, units: i64}}\n"                     \
    "  calendar: {files: calendar.csv, time: date, known_in_advance: true,\n"              \
    "    columns: {date: date, open: i64, rate: {type: f64, nullable: true}}}\n"           \
    "  plan: {files: plan.csv, time: date, keys: [sku], known_in_advance: true,\n"         \
    "    columns: {date: date, sku: text, promo: {type: f64, nullable: true},\n"           \
    "      deal: {type: text, nullable: true}}}\n"                                         \
    "series:\n"                                                                            \
    "  source: sales\n  keys: [sku, store]\n  target: units\n  missing: zero\n"            \
    "  closed: {source: calendar, column: open}\n"                                         \
    "  columns:\n"                                                                         \
    "    promo: {source: plan%s}\n"                                                        \
    "    deal: {source: plan, indicator: true}\n"                                          \
    "    rate: {source: calendar%s}\n"                                                     \
    "hierarchy:\n  - {level: total, by: []}\n"

#define CALENDAR                                                                           \
    "date,open,rate\n2020-01-01,1,1\n2020-01-02,1,\n2020-01-03,1,1\n2020-01-04,1,1\n"      \
    "2020-01-05,1,1\n2020-01-06,1,1\n2020-01-07,1,1\n"

static void open_shop(fixture *f, const char *promo, const char *rate)
{
    fixture_open(f, alm_arena_printf(f->arena, PLANNED, promo, rate));
    fixture_put(f, "sales.csv", "date,sku,store,units\n2020-01-01,a,north,4\n"
                "2020-01-01,a,south,4\n2020-01-01,b,north,4\n");
}

static void put(fixture *f, const char *eighth, const char *plan)
{
    fixture_put(f, "calendar.csv", alm_arena_printf(f->arena, CALENDAR "2020-01-08,%s\n", eighth));
    fixture_put(f, "plan.csv", alm_arena_printf(f->arena, "date,sku,promo,deal\n%s", plan));
}

/* The days to come are 2020-01-07 and 2020-01-08. */
static alm_err read_planned(fixture *f, int32_t planned, alm_panel *out)
{
    alm_panel_options options = defaults();
    options.planned = planned;
    alm_panel_source *source = open_panels(f, &options);
    alm_err code = alm_panel_source_next(source, f->arena, out, &f->error);
    alm_panel_source_close(source);
    return code;
}

static void refused(fixture *f, const char *const words[3])
{
    alm_panel panel;
    assert_int_equal(read_planned(f, FUTURE, &panel), ALM_ERR_INCOMPLETE);
    for (size_t i = 0; i < 3; i++) {
        if (!strstr(f->error.message, words[i])) {
            fail_msg("'%s' lacks '%s'", f->error.message, words[i]);
        }
    }
}

#define WHOLE "2020-01-07,a,0,\n2020-01-08,a,1,yes\n2020-01-07,b,0,\n2020-01-08,b,0,\n"

static void a_plan_that_ends_is_refused_by_name(void **state)
{
    fixture *f = *state;
    alm_panel panel;
    open_shop(f, "", "");
    put(f, "1,1", WHOLE);
    assert_int_equal(read_planned(f, FUTURE, &panel), ALM_OK);
    size_t promo = alm_panel_find_column(&panel, "promo");
    EXPECT_ROW(&panel, promo, 1, M, M, M, M, M, M, 0, 1); /* the past may have none */
    put(f, "1,1", "2020-01-07,a,0,\n2020-01-08,a,1,yes\n2020-01-07,b,0,\n");
    refused(f, (const char *const[]){"column promo is known in advance", "source plan has no value "
                                     "for series 'b|north' on 2020-01-08, day 2 of 2 ahead",
                                     "`optional: true` at series.columns.promo"});
    put(f, "1,1", "2020-01-07,a,0,\n2020-01-08,a,,yes\n2020-01-07,b,0,\n2020-01-08,b,0,\n");
    refused(f, (const char *const[]){"column promo", "'a|north'", "2020-01-08"});
    put(f, "1,", WHOLE);
    refused(f, (const char *const[]){"column rate", "source calendar has no value for all series",
                                     "2020-01-08, day 2 of 2"});
}

static void who_does_not_ask_is_not_refused(void **state)
{
    fixture *f = *state;
    alm_panel panel;
    open_shop(f, "", "");
    put(f, "1,", "2020-01-07,a,0,\n2020-01-07,b,0,\n");
    assert_int_equal(read_planned(f, 0, &panel), ALM_OK); /* training, an audit */
    assert_int_equal(read_planned(f, 1, &panel), ALM_OK); /* a shorter horizon */
    assert_int_equal(read_planned(f, FUTURE, &panel), ALM_ERR_INCOMPLETE);
    put(f, "0,", "2020-01-07,a,0,\n2020-01-07,b,0,\n"); /* nothing is sold that day */
    assert_int_equal(read_planned(f, FUTURE, &panel), ALM_OK);
}

/* Two stores of a: the rows of a plan are of both. */
static void an_optional_column_may_lack_a_day(void **state)
{
    fixture *f = *state;
    alm_panel panel;
    open_shop(f, ", optional: true", ", optional: true");
    put(f, "1,", WHOLE);
    assert_int_equal(read_planned(f, FUTURE, &panel), ALM_OK);
    put(f, "1,", "2020-01-08,a,1,yes\n");
    refused(f, (const char *const[]){"column deal", "'a|north' on 2020-01-07", "day 1 of 2"});
}

static void an_observed_column_has_no_plan(void **state)
{
    fixture *f = *state;
    alm_panel panel;
    open_shop(f, ", observed: true", "");
    put(f, "1,1", "2020-01-07,a,,\n2020-01-08,a,,\n2020-01-07,b,,\n2020-01-08,b,,\n");
    assert_int_equal(read_planned(f, FUTURE, &panel), ALM_OK);
    alm_project *project = NULL;
    fixture_put(f, "almanac.yaml",
                alm_arena_printf(f->arena, PLANNED, ", observed: true, optional: true", ""));
    assert_int_equal(alm_project_open(&f->env, f->root, &project, &f->error),
                     ALM_ERR_CONFIG);
    assert_non_null(strstr(f->error.message, "optional is for columns that are known in advance"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plan_that_ends_is_refused_by_name, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(who_does_not_ask_is_not_refused, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_optional_column_may_lack_a_day, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_observed_column_has_no_plan, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
