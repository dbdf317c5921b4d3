#include "feature/sold_out.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "feature/feature.h"

enum { PERIODS = 12 };
static const double UNITS[PERIODS] = {3, 2, 4, 0, 5, 0, 2, 3, 1, 4, 6, 2};
static const uint8_t STATES[PERIODS] = {
    ALM_PERIOD_OBSERVED, ALM_PERIOD_OBSERVED, ALM_PERIOD_OBSERVED, ALM_PERIOD_ZERO,
    ALM_PERIOD_STOCKOUT, ALM_PERIOD_STOCKOUT, ALM_PERIOD_OBSERVED, ALM_PERIOD_OBSERVED,
    ALM_PERIOD_OBSERVED, ALM_PERIOD_OBSERVED, ALM_PERIOD_STOCKOUT, ALM_PERIOD_OBSERVED};

static const alm_horizon_block NEXT[] = {{1, 1}};
static const alm_feature_spec FEATURES[] = {
    {.name = "lag", .op = ALM_FEATURE_lag, .column = "units", .window = 0},
    {.name = "mean", .op = ALM_FEATURE_mean, .column = "units", .window = 3},
    {.name = "max", .op = ALM_FEATURE_expanding_max, .column = "units"},
};
enum { FEATURE_COUNT = sizeof FEATURES / sizeof FEATURES[0] };

typedef struct shop {
    alm_panel_column column;
    alm_panel panel;
    alm_feature_plan *plan;
    alm_arena *arena;
    alm_error error;
} shop;

static void open_shop(shop *s, alm_sold_out_rule rule)
{
    *s = (shop){.arena = alm_arena_create(0)};
    s->column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, UNITS, PERIODS, NULL};
    s->panel = (alm_panel){.periods = PERIODS, .series_count = 1, .state = STATES,
                           .column_count = 1, .columns = &s->column};
    alm_feature_schema schema = {.columns = &s->column, .column_count = 1, .sold_out = rule};
    assert_int_equal(alm_feature_plan_compile(FEATURES, FEATURE_COUNT, NEXT, 1, &schema, &s->plan,
                                              &s->error), ALM_OK);
}

static void close_shop(shop *s)
{
    alm_feature_plan_destroy(s->plan);
    alm_arena_destroy(s->arena);
}

static void row_of(shop *s, uint32_t origin, double out[FEATURE_COUNT])
{
    alm_feature_row row = {origin, 1, 1};
    assert_int_equal(alm_feature_rows(s->plan, &s->panel, 0, &row, 1, out, FEATURE_COUNT, s->arena,
                                      &s->error), ALM_OK);
}

/* What stands in for the two days, by the filter itself. */
static void stand_in(double out[PERIODS])
{
    alm_censored_demand filter = {0};
    for (size_t t = 0; t < PERIODS; t++) {
        bool sold_out = STATES[t] == ALM_PERIOD_STOCKOUT;
        out[t] = !sold_out      ? UNITS[t]
                 : UNITS[t] > 0 ? alm_censored_demand_bound(&filter, UNITS[t])
                                : (double)NAN;
        if (!sold_out) {
            alm_censored_demand_known(&filter, UNITS[t]);
        }
    }
}

/* Neither a lag nor a window takes what was sold for demand. */
static void a_lower_bound_is_no_value(void **state)
{
    (void)state;
    double got[FEATURE_COUNT];
    double demand[PERIODS];
    shop masked;
    shop imputed;
    stand_in(demand);
    assert_true(demand[4] > 5 && demand[10] > 6 && isnan(demand[5]));
    open_shop(&masked, ALM_SOLD_OUT_MASKED);
    open_shop(&imputed, ALM_SOLD_OUT_IMPUTED);
    row_of(&masked, 4, got);
    assert_true(isnan(got[0]) && got[1] == 2 && got[2] == 4);
    row_of(&imputed, 4, got);
    assert_true(got[0] == demand[4] && got[2] == demand[4]);
    assert_true(fabs(got[1] - (4 + 0 + demand[4]) / 3) < 1e-12); /* an exact sum, rounded once */
    row_of(&imputed, 5, got); /* sold out with nothing sold says nothing */
    assert_true(isnan(got[0]) && fabs(got[1] - (0 + demand[4]) / 2) < 1e-12);
    row_of(&masked, 5, got);
    assert_true(isnan(got[0]) && got[1] == 0);
    row_of(&masked, 11, got);
    assert_true(got[0] == 2 && got[1] == 3 && got[2] == 4);
    row_of(&imputed, 11, got);
    assert_true(got[2] == (demand[4] > demand[10] ? demand[4] : demand[10]));
    close_shop(&masked);
    close_shop(&imputed);
}

/* panel->imputed has the same values, and none where there is nothing to stand in for. */
static void panels_hold_what_stands_in(void **state)
{
    (void)state;
    double demand[PERIODS];
    shop s;
    stand_in(demand);
    open_shop(&s, ALM_SOLD_OUT_IMPUTED);
    assert_int_equal(alm_sold_out_impute(&s.panel, ALM_SOLD_OUT_IMPUTED, s.arena, &s.error),
                     ALM_OK);
    for (size_t t = 0; t < PERIODS; t++) {
        double expected = t == 4 || t == 10 ? demand[t] : (double)NAN;
        assert_true(s.panel.imputed[t] == expected ||
                    (isnan(expected) && isnan(s.panel.imputed[t])));
    }
    assert_int_equal(alm_sold_out_impute(&s.panel, ALM_SOLD_OUT_MASKED, s.arena, &s.error),
                     ALM_OK);
    assert_null(s.panel.imputed);
    s.panel.periods = 4; /* nothing is sold out */
    s.column.stride = 4;
    assert_int_equal(alm_sold_out_impute(&s.panel, ALM_SOLD_OUT_IMPUTED, s.arena, &s.error),
                     ALM_OK);
    assert_null(s.panel.imputed);
    close_shop(&s);
}

/* The rule is part of the plan: another version, and it is read back whatever the project says;
 * masking is what plans without a word mean. */
static void the_rule_belongs_to_the_plan(void **state)
{
    (void)state;
    shop masked;
    shop imputed;
    open_shop(&masked, ALM_SOLD_OUT_MASKED);
    open_shop(&imputed, ALM_SOLD_OUT_IMPUTED);
    assert_memory_not_equal(alm_feature_plan_version(masked.plan)->bytes,
                            alm_feature_plan_version(imputed.plan)->bytes, ALM_DIGEST_BYTES);
    const alm_feature_plan *plans[] = {masked.plan, imputed.plan};
    alm_feature_schema now = {.columns = &masked.column, .column_count = 1};
    for (int k = 0; k < 2; k++) {
        alm_buffer json = {0};
        alm_feature_plan *again = NULL;
        now.sold_out = k ? ALM_SOLD_OUT_MASKED : ALM_SOLD_OUT_IMPUTED; /* the other one */
        alm_feature_plan_write(plans[k], &json);
        assert_int_equal(alm_feature_plan_read(alm_buffer_view(&json), "plan.json", &now, &again,
                                               &masked.error), ALM_OK);
        assert_int_equal(alm_feature_plan_sold_out(again), alm_feature_plan_sold_out(plans[k]));
        assert_memory_equal(alm_feature_plan_version(again)->bytes,
                            alm_feature_plan_version(plans[k])->bytes, ALM_DIGEST_BYTES);
        alm_feature_plan_destroy(again);
        alm_buffer_deinit(&json);
    }
    alm_feature_plan *none = NULL;
    assert_int_equal(alm_feature_plan_read(
                         ALM_STR("{\"blocks\":[[1,1]],\"delay\":0,\"features\":[],\"format\":1,"
                                 "\"sold_out\":\"guessed\"}"),
                         "plan.json", &now, &none, &masked.error), ALM_ERR_UNSUPPORTED);
    assert_null(none);
    close_shop(&masked);
    close_shop(&imputed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lower_bound_is_no_value),
        cmocka_unit_test(panels_hold_what_stands_in),
        cmocka_unit_test(the_rule_belongs_to_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
