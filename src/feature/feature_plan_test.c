/* What compiles and what is refused, the canonical text and its hash, and goldens from pandas. */
#include "feature/feature_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* All observed columns as late as the target. */
static alm_feature_schema plain_schema(int32_t delay)
{
    alm_feature_schema schema = case_schema(0);
    schema.delay = delay;
    schema.column_delays = NULL;
    return schema;
}

static alm_err compile(const alm_feature_spec *specs, size_t count, int32_t delay,
                       alm_feature_plan **plan, alm_error *error)
{
    alm_feature_schema schema = plain_schema(delay);
    return alm_feature_plan_compile(specs, count, case_blocks, 2, &schema, plan, error);
}

/* ---- refusals ---- */

static const struct {
    alm_feature_spec spec;
    int32_t delay;
    const char *message;
} refusals[] = {
    {{.name = "lag_7", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
      .offset = 7}, 0,
     "feature 'lag_7' would see the future: lag 7 of observed column 'units' in horizon block "
     "8..14 with publication delay 0; the smallest legal lag is 14"},
    {{.name = "m", .op = ALM_FEATURE_mean, .column = "group", .anchor = ALM_ANCHOR_LAG,
      .offset = 15, .window = 7}, 2,
     "feature 'm' would see the future: lag 15 of observed column 'group' in horizon block 8..14 "
     "with publication delay 2; the smallest legal lag is 16"},
    {{.name = "v", .op = ALM_FEATURE_value, .column = "units", .anchor = ALM_ANCHOR_LAG}, 0,
     "feature 'v' would see the future"},
    {{.name = "next_sale", .op = ALM_FEATURE_days_to, .column = "units", .window = 5}, 0,
     "feature 'next_sale' would see the future: 'days_to' needs a column known in advance, and "
     "'units' is observed"},
    {{.name = "x", .op = ALM_FEATURE_lag, .column = "unit"}, 0, "there is no column 'unit'"},
    {{.name = "x", .op = ALM_FEATURE_attribute, .column = "units"}, 0,
     "there is no static attribute 'units'"},
    {{.name = "x", .op = ALM_FEATURE_lag}, 0, "operator 'lag' needs a column"},
    {{.name = "x", .op = ALM_FEATURE_month, .column = "units"}, 0,
     "operator 'month' takes no column"},
    {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .window = 3}, 0,
     "operator 'lag' takes no window"},
    {{.name = "x", .op = ALM_FEATURE_mean, .column = "units", .window = 3, .season = 7}, 0,
     "operator 'mean' takes no season"},
    {{.name = "x", .op = ALM_FEATURE_since_nonzero, .column = "units", .scaled = true}, 0,
     "operator 'since_nonzero' takes no scaled"},
    {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .skip_closed = true}, 0,
     "operator 'lag' takes no skip_closed"},
    {{.name = "x", .op = ALM_FEATURE_step, .offset = 1}, 0, "operator 'step' takes no lag or age"},
    {{.name = "x", .op = ALM_FEATURE_mean, .column = "units"}, 0, "window 0 is not in 1..10000"},
    {{.name = "x", .op = ALM_FEATURE_std, .column = "units", .window = 1}, 0,
     "window 1 is not in 2..10000"},
    {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .offset = -1}, 0,
     "lag or age -1 is not in 0..10000"},
    {{.name = "x", .op = ALM_FEATURE_seasonal_mean, .column = "units", .window = 4}, 0,
     "season 0 is not in 1..10000"},
    {{.name = "x", .op = ALM_FEATURE_seasonal_mean, .column = "units", .window = 1000,
      .season = 365}, 0, "window x season reaches 364636 periods back"},
    {{.name = "x", .op = ALM_FEATURE_ewm, .column = "units", .alpha = 1.5}, 0,
     "alpha must be above 0 and at most 1"},
    {{.name = "x", .op = ALM_FEATURE_ewm, .column = "units", .alpha = NAN}, 0,
     "alpha must be above 0 and at most 1"},
    {{.name = "x", .op = ALM_FEATURE_mean, .column = "price", .window = 3, .skip_closed = true},
     0, "skip_closed needs an observed column"},
    {{.name = "x", .op = ALM_FEATURE_target_encoding, .column = "price", .alpha = 5}, 0,
     "target_encoding needs an observed column"},
    {{.name = "x", .op = ALM_FEATURE_days_since, .column = "promotion", .window = 5,
      .offset = 1}, 0, "takes no lag or age"},
    {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
      .offset = 6, .steps_max = 5}, 2, "in horizon block 1..7 with publication delay 2; the "
     "smallest legal lag is 7"},
    {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
      .offset = 9, .steps_max = 10}, 0, "in horizon block 8..14 with publication delay 0; the "
     "smallest legal lag is 10"},
    {{.name = "x", .op = ALM_FEATURE_step, .steps_max = -1}, 0, "steps_max -1 is not in"},
    {{.name = "x", .op = ALM_FEATURE_quantile, .column = "units", .window = 5}, 0,
     "feature 'x': level must be above 0 and below 1 (0.5 is the median)"},
    {{.name = "x", .op = ALM_FEATURE_quantile, .column = "units", .window = 5, .level = 1}, 0,
     "level must be above 0 and below 1"},
    {{.name = "x", .op = ALM_FEATURE_quantile, .column = "units", .window = 5, .level = NAN}, 0,
     "level must be above 0 and below 1"},
    {{.name = "x", .op = ALM_FEATURE_median, .column = "units", .window = 5, .level = 0.5}, 0,
     "operator 'median' takes no level"},
    {{.name = "x", .op = ALM_FEATURE_seasonal_std, .column = "units", .window = 1, .season = 7},
     0, "window 1 is not in 2..10000"},
    {{.name = "x", .op = ALM_FEATURE_seasonal_max, .column = "units", .window = 1000,
      .season = 365}, 0, "window x season reaches 364636 periods back"},
    {{.name = "x", .op = ALM_FEATURE_expanding_std, .column = "units", .window = 5}, 0,
     "operator 'expanding_std' takes no window"},
    {{.name = "x", .op = ALM_FEATURE_change, .column = "units"}, 0,
     "window 0 is not in 1..10000"},
    {{.name = "x", .op = ALM_FEATURE_change, .column = "units", .window = 7,
      .skip_closed = true}, 0, "operator 'change' takes no skip_closed"},
    {{.name = "x", .op = ALM_FEATURE_days_of_cover, .column = "price", .window = 5}, 0,
     "feature 'x': days_of_cover needs an observed column"},
    {{.name = "x", .op = ALM_FEATURE_days_of_cover, .column = "noise", .window = 5,
      .scaled = true}, 0, "operator 'days_of_cover' takes no scaled"},
    {{.name = "a b", .op = ALM_FEATURE_step}, 0, "the name 'a b' must be"},
    {{.name = NULL, .op = ALM_FEATURE_step}, 0, "feature 1: the name ''"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        alm_feature_plan *plan = NULL;
        alm_error error = {0};
        assert_int_equal(compile(&refusals[i].spec, 1, refusals[i].delay, &plan, &error),
                         ALM_ERR_CONFIG);
        if (!strstr(error.message, refusals[i].message)) {
            fail_msg("'%s' does not say '%s'", error.message, refusals[i].message);
        }
        assert_null(plan);
    }
}

/* What a recursive plan refuses: nearer values of what it does not forecast itself. */
static void test_recursive_plans(void **state)
{
    (void)state;
    static const struct {
        alm_feature_spec spec;
        const char *message; /* NULL: compiles */
    } cases[] = {
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
          .offset = 1}, NULL},
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "units"}, NULL},
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG}, "lag 0 "
         "of observed column 'units' in horizon block 1..1 with publication delay 0"},
        {{.name = "x", .op = ALM_FEATURE_mean, .column = "group", .window = 3}, "a recursive "
         "forecast over 10 steps with publication delay 2 has no values of the observed column "
         "'group' behind its origin; the smallest legal lag is 12, the smallest age 11"},
        {{.name = "x", .op = ALM_FEATURE_mean, .column = "group", .window = 3, .offset = 10},
         "the smallest age 11"},
        {{.name = "x", .op = ALM_FEATURE_mean, .column = "group", .window = 3, .offset = 11}, NULL},
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "noise", .anchor = ALM_ANCHOR_LAG,
          .offset = 11}, "the smallest legal lag is 12"},
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "noise", .anchor = ALM_ANCHOR_LAG,
          .offset = 12}, NULL},
        {{.name = "x", .op = ALM_FEATURE_target_encoding, .column = "group", .alpha = 5},
         "has no values of the observed column 'group'"},
        {{.name = "x", .op = ALM_FEATURE_days_of_cover, .column = "group", .window = 5,
          .offset = 10}, "has no values of the observed column 'group'"},
        {{.name = "x", .op = ALM_FEATURE_days_of_cover, .column = "group", .window = 5,
          .offset = 11}, NULL},
        {{.name = "x", .op = ALM_FEATURE_value, .column = "price"}, NULL},
        {{.name = "x", .op = ALM_FEATURE_weekday, .steps_max = 3}, "steps_max has no meaning"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_feature_schema schema = plain_schema(2);
        alm_feature_plan *plan = NULL;
        alm_error error = {0};
        alm_err code = alm_feature_plan_compile_recursive(&cases[i].spec, 1, 10, &schema, &plan,
                                                          &error);
        if (cases[i].message && !strstr(error.message, cases[i].message)) {
            fail_msg("'%s' does not say '%s'", error.message, cases[i].message);
        }
        assert_int_equal(code, cases[i].message ? ALM_ERR_CONFIG : ALM_OK);
        alm_feature_plan_destroy(plan);
    }
}

/* The text of a plan keeps what is younger than its format. */
static void test_recursion_and_steps_max_survive_the_text(void **state)
{
    (void)state;
    const alm_feature_spec near = {.name = "near", .op = ALM_FEATURE_lag, .column = "units",
                                   .anchor = ALM_ANCHOR_LAG, .offset = 5, .steps_max = 3};
    const alm_feature_spec last = {.name = "last", .op = ALM_FEATURE_lag, .column = "units"};
    alm_feature_schema schema = plain_schema(2);
    alm_feature_plan *plans[2] = {NULL, NULL};
    alm_error error = {0};
    assert_int_equal(compile(&near, 1, 2, &plans[0], &error), ALM_OK);
    assert_int_equal(alm_feature_plan_compile_recursive(&last, 1, 9, &schema, &plans[1], &error),
                     ALM_OK);
    for (size_t i = 0; i < 2; i++) {
        alm_buffer text = {0};
        alm_feature_plan *again = NULL;
        alm_feature_plan_write(plans[i], &text);
        assert_int_equal(alm_feature_plan_read(alm_buffer_view(&text), "plan.json", &schema,
                                               &again, &error), ALM_OK);
        assert_memory_equal(alm_feature_plan_version(again), alm_feature_plan_version(plans[i]),
                            sizeof(alm_digest));
        assert_int_equal(alm_feature_plan_recursive(again), i == 1 ? 9 : 0);
        assert_int_equal(alm_feature_plan_block_count(again), i == 1 ? 1 : 2);
        alm_feature_plan_destroy(again);
        alm_feature_plan_destroy(plans[i]);
        alm_buffer_deinit(&text);
    }
}

/* One step less than the refused lags above is legal, and so is a known column at the target. */
static void test_smallest_legal_lag_compiles(void **state)
{
    (void)state;
    const alm_feature_spec specs[] = {
        {.name = "a", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
         .offset = 16},
        {.name = "b", .op = ALM_FEATURE_lag, .column = "units"},
        {.name = "c", .op = ALM_FEATURE_mean, .column = "price", .anchor = ALM_ANCHOR_LAG,
         .window = 28},
        {.name = "d", .op = ALM_FEATURE_days_to, .column = "promotion", .window = 30},
    };
    alm_feature_plan *plan;
    alm_error error = {0};
    assert_int_equal(compile(specs, 4, 2, &plan, &error), ALM_OK);
    assert_int_equal(alm_feature_plan_width(plan), 4);
    assert_string_equal(alm_feature_plan_name(plan, 2), "c");
    /* Feature c at the first step: 28 periods that end at the period after the origin. */
    assert_true(alm_feature_plan_lookback(plan) >= 27);
    assert_int_equal(alm_feature_plan_ahead(plan), CASE_STEPS + 30);
    alm_feature_plan_destroy(plan);
    alm_feature_plan_destroy(NULL);
}

/* A column that is published later than the target, and one that is published earlier. */
static void test_columns_have_delays_of_their_own(void **state)
{
    (void)state;
    static const struct {
        alm_feature_spec spec;
        int32_t legal;
    } cases[] = {
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "units"}, 16},
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "noise"}, 18},
        {{.name = "x", .op = ALM_FEATURE_lag, .column = "group"}, 15},
        /* The target decides over a faster column, and a slower column over the target. */
        {{.name = "x", .op = ALM_FEATURE_days_of_cover, .column = "group", .window = 9}, 16},
        {{.name = "x", .op = ALM_FEATURE_days_of_cover, .column = "noise", .window = 9}, 18},
        {{.name = "x", .op = ALM_FEATURE_target_encoding, .column = "group", .alpha = 3}, 16},
    };
    alm_feature_schema schema = case_schema(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_feature_spec spec = cases[i].spec;
        alm_feature_plan *plan = NULL;
        alm_error error = {0};
        char smallest[64];
        (void)snprintf(smallest, sizeof smallest, "delay %d; the smallest legal lag is %d",
                       cases[i].legal - CASE_STEPS, cases[i].legal);
        spec.anchor = ALM_ANCHOR_LAG;
        spec.offset = cases[i].legal - 1;
        assert_int_equal(alm_feature_plan_compile(&spec, 1, case_blocks, 2, &schema, &plan,
                                                  &error), ALM_ERR_CONFIG);
        assert_non_null(strstr(error.message, smallest));
        spec.offset = cases[i].legal;
        assert_int_equal(alm_feature_plan_compile(&spec, 1, case_blocks, 2, &schema, &plan,
                                                  &error), ALM_OK);
        alm_feature_plan_destroy(plan);
    }
    int32_t delays[CASE_COLUMNS] = {2, -1};
    alm_feature_plan *plan = NULL;
    alm_error error = {0};
    schema.column_delays = delays;
    assert_int_equal(alm_feature_plan_compile(&cases[0].spec, 1, case_blocks, 2, &schema, &plan,
                                              &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "publication delay -1 is not in 0..10000");
}

/* A recursion reads a later column with its delay, an earlier one with the target's. */
static void test_recursive_delays(void **state)
{
    (void)state;
    static const char *const columns[] = {"noise", "group"};
    static const int32_t delays[] = {4, 2};
    alm_feature_schema schema = case_schema(2);
    for (size_t i = 0; i < 2; i++) {
        alm_feature_spec spec = {.name = "x", .op = ALM_FEATURE_lag, .column = columns[i]};
        alm_feature_plan *plan = NULL;
        alm_error error = {0};
        char smallest[64];
        (void)snprintf(smallest, sizeof smallest, "legal lag is %d, the smallest age %d",
                       10 + delays[i], 9 + delays[i]);
        spec.offset = 8 + delays[i];
        assert_int_equal(alm_feature_plan_compile_recursive(&spec, 1, 10, &schema, &plan, &error),
                         ALM_ERR_CONFIG);
        assert_non_null(strstr(error.message, smallest));
        spec.offset = 9 + delays[i];
        assert_int_equal(alm_feature_plan_compile_recursive(&spec, 1, 10, &schema, &plan, &error),
                         ALM_OK);
        alm_feature_plan_destroy(plan);
    }
}

static void test_duplicate_names(void **state)
{
    (void)state;
    const alm_feature_spec specs[] = {{.name = "a", .op = ALM_FEATURE_step},
                                      {.name = "b", .op = ALM_FEATURE_month},
                                      {.name = "a", .op = ALM_FEATURE_weekday}};
    alm_feature_plan *plan;
    alm_error error = {0};
    assert_int_equal(compile(specs, 3, 0, &plan, &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "feature 'a' is declared twice (features 1 and 3)");
}

static void test_blocks(void **state)
{
    (void)state;
    const alm_feature_spec spec = {.name = "a", .op = ALM_FEATURE_step};
    const alm_horizon_block bad[][2] = {{{0, 3}, {4, 5}}, {{1, 3}, {3, 5}}, {{1, 3}, {5, 4}}};
    alm_feature_schema schema = plain_schema(0);
    alm_feature_plan *plan;
    alm_error error = {0};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(alm_feature_plan_compile(&spec, 1, bad[i], 2, &schema, &plan, &error),
                         ALM_ERR_CONFIG);
        assert_non_null(strstr(error.message, i ? "horizon block 2" : "horizon block 1"));
    }
    assert_int_equal(alm_feature_plan_compile(&spec, 1, NULL, 0, &schema, &plan, &error),
                     ALM_ERR_CONFIG);
    assert_int_equal(alm_feature_plan_compile(&spec, 0, case_blocks, 2, &schema, &plan, &error),
                     ALM_ERR_CONFIG);
    schema.delay = -1;
    assert_int_equal(alm_feature_plan_compile(&spec, 1, case_blocks, 2, &schema, &plan, &error),
                     ALM_ERR_CONFIG);
}

/* ---- text and version ---- */

static const alm_feature_spec fixed_specs[] = {
    {.name = "mean_28", .op = ALM_FEATURE_mean, .column = "units", .window = 28, .scaled = true},
    {.name = "price", .op = ALM_FEATURE_value, .column = "price"},
    {.name = "weekday", .op = ALM_FEATURE_weekday},
    {.name = "level", .op = ALM_FEATURE_ewm, .column = "units", .anchor = ALM_ANCHOR_LAG,
     .offset = 15, .alpha = 0.1, .skip_closed = true},
};

static const char fixed_text[] =
    "{\"blocks\":[[1,7],[8,14]],\"delay\":1,\"features\":["
    "{\"alpha\":0,\"anchor\":\"age\",\"column\":\"units\",\"name\":\"mean_28\",\"offset\":0,"
    "\"operator\":\"mean\",\"revision\":1,\"role\":\"observed\",\"scaled\":true,\"season\":0,"
    "\"skip_closed\":false,\"window\":28},"
    "{\"alpha\":0,\"anchor\":\"age\",\"column\":\"price\",\"name\":\"price\",\"offset\":0,"
    "\"operator\":\"value\",\"revision\":1,\"role\":\"known\",\"scaled\":false,\"season\":0,"
    "\"skip_closed\":false,\"window\":0},"
    "{\"alpha\":0,\"anchor\":\"age\",\"name\":\"weekday\",\"offset\":0,"
    "\"operator\":\"weekday\",\"revision\":1,\"scaled\":false,\"season\":0,"
    "\"skip_closed\":false,\"window\":0},"
    "{\"alpha\":0.1,\"anchor\":\"lag\",\"column\":\"units\",\"name\":\"level\",\"offset\":15,"
    "\"operator\":\"ewm\",\"revision\":1,\"role\":\"observed\",\"scaled\":false,\"season\":0,"
    "\"skip_closed\":true,\"window\":0}],\"format\":1}";

static alm_feature_plan *fixed_plan(void)
{
    alm_feature_plan *plan = NULL;
    alm_error error = {0};
    if (compile(fixed_specs, 4, 1, &plan, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return plan;
}

static void test_version_is_the_hash_of_the_text(void **state)
{
    (void)state;
    alm_feature_plan *plan = fixed_plan();
    alm_buffer text = {0};
    alm_feature_plan_write(plan, &text);
    assert_string_equal(text.data, fixed_text);
    alm_digest digest = alm_hash_bytes(fixed_text, sizeof fixed_text - 1);
    assert_true(alm_digest_equal(&digest, alm_feature_plan_version(plan)));
    alm_buffer_deinit(&text);
    alm_feature_plan_destroy(plan);
}

static void test_every_part_of_the_definition_is_in_the_version(void **state)
{
    (void)state;
    alm_feature_plan *plan = fixed_plan(), *other;
    alm_error error = {0};
    for (int change = 0; change < 10; change++) {
        alm_feature_spec specs[4];
        memcpy(specs, fixed_specs, sizeof specs);
        specs[0].name = change == 0 ? "mean28" : specs[0].name;
        specs[0].op = change == 1 ? ALM_FEATURE_sum : specs[0].op;
        specs[0].column = change == 2 ? "noise" : specs[0].column;
        specs[3].offset += change == 3;
        specs[3].alpha += change == 4 ? 1e-16 : 0;
        specs[0].scaled = change != 5;
        specs[0].skip_closed = change == 6;
        alm_feature_schema schema = plain_schema(change == 7 ? 0 : 1);
        const int32_t delays[CASE_COLUMNS] = {1, 1, 0};
        specs[0].op = change >= 8 ? ALM_FEATURE_quantile : specs[0].op;
        specs[0].level = change >= 8 ? 0.25 : 0;
        specs[0].column = change == 9 ? "group" : specs[0].column;
        schema.column_delays = change == 9 ? delays : NULL;
        assert_int_equal(alm_feature_plan_compile(specs, 4, case_blocks, 2, &schema, &other,
                                                  &error), ALM_OK);
        assert_false(alm_digest_equal(alm_feature_plan_version(plan),
                                      alm_feature_plan_version(other)));
        alm_feature_plan_destroy(other);
    }
    alm_feature_plan_destroy(plan);
}

/* What came later is written only where it says something: the text of older plans stays. */
static const char late_text[] =
    "{\"blocks\":[[1,7],[8,14]],\"delay\":1,\"features\":["
    "{\"alpha\":0,\"anchor\":\"age\",\"column\":\"noise\",\"delay\":3,\"level\":0.25,"
    "\"name\":\"low\",\"offset\":0,\"operator\":\"quantile\",\"revision\":1,"
    "\"role\":\"observed\",\"scaled\":false,\"season\":0,\"skip_closed\":false,"
    "\"window\":9}],\"format\":1}";

static void test_level_and_delay_are_in_the_text(void **state)
{
    (void)state;
    static const alm_feature_spec spec = {.name = "low", .op = ALM_FEATURE_quantile,
                                          .column = "noise", .window = 9, .level = 0.25};
    alm_feature_schema schema = case_schema(1);
    alm_feature_plan *plan = NULL, *read = NULL;
    alm_buffer text = {0};
    alm_error error = {0};
    assert_int_equal(alm_feature_plan_compile(&spec, 1, case_blocks, 2, &schema, &plan, &error),
                     ALM_OK);
    alm_feature_plan_write(plan, &text);
    assert_string_equal(text.data, late_text);
    assert_int_equal(alm_feature_plan_read(alm_buffer_view(&text), "plan.json", &schema, &read,
                                           &error), ALM_OK);
    assert_true(alm_digest_equal(alm_feature_plan_version(plan), alm_feature_plan_version(read)));
    alm_feature_plan_destroy(read);
    read = NULL;
    schema.column_delays = NULL; /* noise is published as the target is now */
    assert_int_equal(alm_feature_plan_read(alm_buffer_view(&text), "plan.json", &schema, &read,
                                           &error), ALM_ERR_CONFLICT);
    assert_string_equal(error.message, "plan.json: feature 'low' was made for publication delay 3 "
                        "of column 'noise', the project now says 1");
    assert_null(read);
    alm_buffer_deinit(&text);
    alm_feature_plan_destroy(plan);
}

static void test_round_trip(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_feature_spec specs[CASE_SPECS_MAX];
    size_t count = case_specs(specs, 1, arena);
    alm_feature_schema schema = case_schema(1);
    alm_feature_plan *plan, *read;
    alm_buffer text = {0}, again = {0};
    alm_error error = {0};
    assert_int_equal(alm_feature_plan_compile(specs, count, case_blocks, 2, &schema, &plan, &error),
                     ALM_OK);
    alm_feature_plan_write(plan, &text);
    assert_int_equal(alm_feature_plan_read(alm_buffer_view(&text), "plan.json", &schema, &read,
                                           &error), ALM_OK);
    alm_feature_plan_write(read, &again);
    assert_string_equal(text.data, again.data);
    assert_true(alm_digest_equal(alm_feature_plan_version(plan), alm_feature_plan_version(read)));
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&again);
    alm_feature_plan_destroy(plan);
    alm_feature_plan_destroy(read);
    alm_arena_destroy(arena);
}

/* `text` with the first `from` replaced by `to`. */
static const char *edited(alm_arena *arena, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    return alm_arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_foreign_plans_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        alm_err code;
        const char *message;
    } cases[] = {
        {"\"revision\":1", "\"revision\":2", ALM_ERR_UNSUPPORTED,
         "plan.json: feature 'mean_28' needs revision 2 of operator 'mean', this engine has "
         "revision 1"},
        {"\"operator\":\"mean\"", "\"operator\":\"mode\"", ALM_ERR_UNSUPPORTED,
         "this engine has no operator 'mode'"},
        {"\"format\":1", "\"format\":2", ALM_ERR_UNSUPPORTED, "plan format 2"},
        {"\"delay\":1", "\"delay\":0", ALM_ERR_CONFLICT, "made for publication delay 0"},
        {"\"role\":\"known\"", "\"role\":\"observed\"", ALM_ERR_CONFLICT,
         "column 'price' was observed when the plan was made and is known now"},
        {"\"anchor\":\"age\"", "\"anchor\":\"ago\"", ALM_ERR_CORRUPT, "anchor 'ago'"},
        {"[1,7]", "[1]", ALM_ERR_CORRUPT, "'blocks' item 0"},
        {"\"window\":28", "\"window\":0", ALM_ERR_CONFIG, "window 0 is not in"},
        {"\"offset\":15", "\"offset\":14", ALM_ERR_CONFIG, "would see the future"},
    };
    alm_arena *arena = alm_arena_create(0);
    alm_feature_schema schema = plain_schema(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = edited(arena, fixed_text, cases[i].from, cases[i].to);
        alm_feature_plan *plan = NULL;
        alm_error error = {0};
        assert_int_equal(alm_feature_plan_read(alm_str_of(text), "plan.json", &schema, &plan,
                                               &error), cases[i].code);
        if (!strstr(error.message, cases[i].message)) {
            fail_msg("'%s' does not say '%s'", error.message, cases[i].message);
        }
        assert_null(plan);
    }
    alm_arena_destroy(arena);
}

/* ---- goldens ---- */

/* pandas 3.1.1, numpy 2.4.6:
 *   x = pd.Series([3.5, None, 0, 12.25, 7.1, 7.1, None, 2, 0.3, 41, 5, 6.75])
 *   r = x.rolling(4, min_periods=1); r.mean(), r.std(), r.median(), r.max(), r.quantile(0.3)
 *   e = x.expanding(); e.mean(), e.std(), e.min(), e.max()
 *   x.ewm(alpha=0.3, adjust=False, ignore_na=True).mean()
 *   x.pct_change(4, fill_method=None)
 *   s = pd.concat([x.shift(2), x.shift(5), x.shift(8), x.shift(11)], axis=1)
 *   s.std(axis=1), s.min(axis=1), s.max(axis=1): season 3, read for the next period */
static const double golden_x[] = {3.5, NAN, 0, 12.25, 7.1, 7.1, NAN, 2, 0.3, 41, 5, 6.75};
#define GOLDEN_PERIODS 12
static const struct {
    alm_feature_op op;
    double expected[GOLDEN_PERIODS];
} goldens[] = {
    {ALM_FEATURE_mean, {3.5, 3.5, 1.75, 5.25, 6.45, 6.6125, 8.816666666666666, 5.3999999999999995,
                        3.1333333333333333, 14.433333333333332, 12.075, 13.2625}},
    {ALM_FEATURE_std, {NAN, NAN, 2.4748737341529163, 6.309714732061981, 6.150812954398792,
                       5.0326227423349215, 2.973353886326573, 2.944486372867091,
                       3.538832199092425, 23.02310433745487, 19.380982947208842,
                       18.691146522707836}},
    {ALM_FEATURE_median, {3.5, 3.5, 1.75, 3.5, 7.1, 7.1, 7.1, 7.1, 2.0, 2.0, 3.5, 5.875}},
    {ALM_FEATURE_max, {3.5, 3.5, 3.5, 12.25, 12.25, 12.25, 12.25, 7.1, 7.1, 41.0, 41.0, 41.0}},
    {ALM_FEATURE_expanding_mean, {3.5, 3.5, 1.75, 5.25, 5.7125, 5.99, 5.99, 5.325,
                                  4.607142857142857, 9.15625, 8.694444444444445, 8.5}},
    {ALM_FEATURE_ewm, {3.5, 3.5, 2.4499999999999997, 5.39, 5.903, 6.262099999999999,
                       6.262099999999999, 4.983469999999999, 3.578428999999999,
                       14.804900299999998, 11.863430209999999, 10.329401146999999}},
        {ALM_FEATURE_quantile, {3.5, 3.5, 1.05, 2.1, 4.26, 6.389999999999999, 7.1, 5.06, 1.32, 1.32,
                            1.8299999999999998, 4.529999999999999}},
        {ALM_FEATURE_change, {NAN, NAN, NAN, NAN, 1.0285714285714285, NAN, NAN, -0.8367346938775511,
                          -0.9577464788732395, 4.774647887323944, NAN, 2.375}},
        {ALM_FEATURE_expanding_std, {NAN, NAN, 2.4748737341529163, 6.309714732061981,
                                 5.234242224684167, 4.575259555478793, 4.575259555478793,
                                 4.404514729229544, 4.446761796655008, 13.509399835987216,
                                 12.71260310785237, 12.001319371913516}},
        {ALM_FEATURE_expanding_min, {3.5, 3.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}},
        {ALM_FEATURE_expanding_max, {3.5, 3.5, 3.5, 12.25, 12.25, 12.25, 12.25, 12.25, 12.25, 41.0,
                                 41.0, 41.0}},
        {ALM_FEATURE_seasonal_std, {NAN, NAN, NAN, NAN, NAN, 6.187184335382291, NAN,
                                5.020458146424487, 6.187184335382291, 3.6062445840513924,
                                4.015387071420802, 19.61876227832259}},
        {ALM_FEATURE_seasonal_min, {NAN, NAN, 3.5, NAN, 0.0, 3.5, 7.1, 0.0, 3.5, 2.0, 0.0, 3.5}},
        {ALM_FEATURE_seasonal_max, {NAN, NAN, 3.5, NAN, 0.0, 12.25, 7.1, 7.1, 12.25, 7.1, 7.1,
                                41.0}},
};
#define GOLDEN_COUNT (sizeof goldens / sizeof *goldens)

static alm_feature_plan *golden_plan(const alm_feature_schema *schema)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g",
                                        "h", "i", "j", "k", "l", "m", "n"};
    _Static_assert(sizeof names / sizeof *names == GOLDEN_COUNT, "a name for each");
    alm_feature_spec specs[GOLDEN_COUNT] = {{0}};
    alm_feature_plan *plan;
    alm_error error = {0};
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        specs[i] = (alm_feature_spec){.name = names[i], .op = goldens[i].op, .column = "x"};
        specs[i].window = case_is_anchored(goldens[i].op) ? 0 : 4;
        specs[i].season = case_is_seasonal(goldens[i].op) ? 3 : 0;
        specs[i].alpha = goldens[i].op == ALM_FEATURE_ewm ? 0.3 : 0;
        specs[i].level = goldens[i].op == ALM_FEATURE_quantile ? 0.3 : 0;
    }
    assert_int_equal(alm_feature_plan_compile(specs, GOLDEN_COUNT, case_blocks, 2, schema, &plan,
                                              &error), ALM_OK);
    return plan;
}

/* pandas' sums run over the whole series, so its results carry a few roundings that ours do not:
 * 1e-14 relative. */
static void test_pandas(void **state)
{
    (void)state;
    uint8_t observed[GOLDEN_PERIODS];
    memset(observed, ALM_PERIOD_OBSERVED, sizeof observed);
    const alm_panel_column column = {"x", ALM_ROLE_OBSERVED, golden_x, GOLDEN_PERIODS, NULL};
    const alm_feature_schema schema = {.columns = &column, .column_count = 1};
    const alm_panel panel = {.periods = GOLDEN_PERIODS, .series_count = 1, .state = observed,
                             .column_count = 1, .columns = &column};
    alm_feature_plan *plan = golden_plan(&schema);
    alm_arena *arena = alm_arena_create(0);
    alm_feature_row rows[GOLDEN_PERIODS];
    double out[GOLDEN_PERIODS * GOLDEN_COUNT];
    alm_error error = {0};
    for (uint32_t t = 0; t < GOLDEN_PERIODS; t++) {
        rows[t] = (alm_feature_row){t, 1, 1};
    }
    assert_int_equal(alm_feature_rows(plan, &panel, 0, rows, GOLDEN_PERIODS, out, GOLDEN_COUNT,
                                      arena, &error), ALM_OK);
    for (size_t i = 0; i < GOLDEN_PERIODS * GOLDEN_COUNT; i++) {
        double expected = goldens[i % GOLDEN_COUNT].expected[i / GOLDEN_COUNT];
        assert_true(isnan(expected) ? isnan(out[i])
                                    : fabs(out[i] - expected) <= 1e-14 * fabs(expected));
    }
    alm_feature_plan_destroy(plan);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_recursive_plans),
        cmocka_unit_test(test_recursion_and_steps_max_survive_the_text),
        cmocka_unit_test(test_smallest_legal_lag_compiles),
        cmocka_unit_test(test_columns_have_delays_of_their_own),
        cmocka_unit_test(test_recursive_delays),
        cmocka_unit_test(test_duplicate_names),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_version_is_the_hash_of_the_text),
        cmocka_unit_test(test_every_part_of_the_definition_is_in_the_version),
        cmocka_unit_test(test_level_and_delay_are_in_the_text),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_foreign_plans_are_refused),
        cmocka_unit_test(test_pandas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
