#include "report/forecast_page.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 60
#define SERIES_MAX 40

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

static alm_instant no_clock(void *context)
{
    (void)context;
    return 0;
}

/* Series of months; the second has no value, the third is all of one size. */
static void make(size_t series_count, alm_arena *arena, alm_forecast_made *out)
{
    alm_rng rng = alm_rng_stream(51, 1);
    alm_long_one *series = ALM_NEW_ARRAY(arena, alm_long_one, series_count);
    for (size_t i = 0; i < series_count; i++) {
        double *y = ALM_NEW_ARRAY(arena, double, COUNT);
        for (size_t t = 0; t < COUNT; t++) {
            y[t] = i == 1 ? (double)NAN : i == 2 ? 5 : 10 + alm_rng_next_normal(&rng);
        }
        series[i] = (alm_long_one){.id = alm_str_of(alm_arena_printf(arena, "<i>&%zu", i)),
                                   .y = y, .count = COUNT, .known = i == 1 ? 0 : COUNT};
    }
    *out = (alm_forecast_made){
        .name = "folder/sales<1>.csv",
        .input = {.style = {.form = ALM_TIME_MONTH},
                  .frequency = {ALM_PERIOD_MONTH, 1, 1},
                  .series = series,
                  .count = series_count,
                  .facts = {.id = ALM_STR("id"), .time = ALM_STR("ds"), .value = ALM_STR("y"),
                            .rows = COUNT * series_count, .periods = COUNT * series_count}},
        .plan = {.kind = &alm_seasonal_naive, .season = 12, .steps = 6, .paths = 20, .origins = 2,
                 .level = {.8, .95}, .level_count = 2}};
    alm_env env = {.now = no_clock};
    alm_error error;
    assert_int_equal(alm_series_forecast_all(&env, &out->input, &out->plan, arena, &out->set,
                                             &error), ALM_OK);
}

static void render(const alm_forecast_made *made, alm_buffer *out)
{
    alm_error error;
    assert_int_equal(alm_forecast_page_render(made, ALM_STR("almanac x"), out, &error), ALM_OK);
}

static void the_page_stands_alone(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    alm_buffer again = {0};
    make(3, arena, &made);
    render(&made, &page);
    render(&made, &again);
    assert_string_equal(page.data, again.data);
    assert_int_equal(count_of(page.data, "http://") + count_of(page.data, "https://"), 0);
    assert_int_equal(count_of(page.data, "src="), 0);
    assert_int_equal(count_of(page.data, "<i>"), 0); /* names are never markup */
    assert_true(count_of(page.data, "&lt;i&gt;&amp;0") > 0);
    assert_true(count_of(page.data, "sales&lt;1&gt;.csv") > 0);
    assert_int_equal(count_of(page.data, "\"nan") + count_of(page.data, " nan "), 0);
    /* The first is drawn for wide and for narrow screens, the one without values not at all. */
    assert_int_equal(count_of(page.data, "class=\"fan\""), 3);
    assert_true(count_of(page.data, "no value is known: there is no forecast") > 0);
    assert_int_equal(count_of(page.data, "class=\"text warn\""), 1);
    assert_int_equal(count_of(page.data, "interval held"), 2);
    alm_buffer_deinit(&again);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

static void charts_are_bounded_and_counted(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    make(SERIES_MAX, arena, &made);
    render(&made, &page);
    assert_int_equal(count_of(page.data, "<figure "), ALM_FORECAST_CHARTS_MAX);
    assert_true(count_of(page.data, "Not drawn: 16 more series") == 1);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

static void no_tick_is_minus_zero(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    make(1, arena, &made);
    double *y = (double *)made.input.series[0].y;
    for (size_t t = 0; t < COUNT; t++) {
        y[t] = t % 7 ? 30 + (double)(t % 5) : -3; /* a little below zero */
    }
    render(&made, &page);
    assert_true(count_of(page.data, ">0</text>") > 0);
    assert_int_equal(count_of(page.data, ">-0</text>"), 0);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

/* A band that is cut says where, and how far it goes; others say nothing. */
static void a_band_beyond_the_axis_is_marked(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    make(1, arena, &made);
    render(&made, &page);
    assert_int_equal(count_of(page.data, "class=\"cut\""), 0);
    double *high = (double *)made.set.series[0].high;
    double *low = (double *)made.set.series[0].low;
    high[4 * made.plan.level_count + 1] = 700; /* of steps 3 and 5, 95 % */
    high[2 * made.plan.level_count + 1] = 900;
    low[2 * made.plan.level_count + 1] = -800;
    alm_buffer_clear(&page);
    render(&made, &page);
    /* Of one figure for wide and one for narrow screens. */
    assert_int_equal(count_of(page.data, "class=\"cut\""), 2 * 3);
    assert_int_equal(count_of(page.data, ">\xe2\x86\x91 95\xe2\x80\xaf% to 900.0</text>"), 2);
    assert_int_equal(count_of(page.data, ">\xe2\x86\x93 95\xe2\x80\xaf% to \xe2\x88\x92"
                                         "800.0</text>"), 2);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

static void a_short_file_says_that_it_was_not_checked(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    make(1, arena, &made);
    made.plan.origins = 0;
    alm_env env = {.now = no_clock};
    alm_error error;
    assert_int_equal(alm_series_forecast_all(&env, &made.input, &made.plan, arena, &made.set,
                                             &error), ALM_OK);
    render(&made, &page);
    assert_int_equal(count_of(page.data, "class=\"cards\""), 0);
    assert_int_equal(count_of(page.data, "neither accuracy nor coverage is known"), 1);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

/* Of two series one knows what a promotion is worth, and the other has never had any. */
static void effects_have_their_standard_errors(void **state)
{
    (void)state;
    enum { STEPS = 6, PERIODS = COUNT + STEPS };
    static const char *const NAMES[] = {"promo<tion>"};
    static const size_t COLUMN_OF[] = {0};
    const alm_regressor_column column = {.name = ALM_STR("promo<tion>"), .count = 1};
    alm_regressor_table table = {.column = &column, .column_count = 1, .names = NAMES,
                                 .column_of = COLUMN_OF, .count = 1, .steps = STEPS};
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    make(3, arena, &made);
    alm_long_one *series = ALM_NEW_ARRAY(arena, alm_long_one, 3);
    for (size_t i = 0; i < 3; i++) {
        double *x = ALM_NEW_ARRAY(arena, double, PERIODS);
        for (size_t t = 0; t < PERIODS; t++) {
            x[t] = i == 0 ? t % 5 == 2 : t >= COUNT;
        }
        series[i] = made.input.series[i];
        series[i].x = x;
    }
    made.input.series = series;
    made.input.regressors = &table;
    alm_env env = {.now = no_clock};
    alm_error error;
    assert_int_equal(alm_series_forecast_all(&env, &made.input, &made.plan, arena, &made.set,
                                             &error), ALM_OK);
    render(&made, &page);
    assert_int_equal(count_of(page.data, "id=\"effects\""), 1);
    assert_int_equal(count_of(page.data, "href=\"#effects\""), 1);
    assert_int_equal(count_of(page.data, "<svg class=\"effect\""), 1);
    assert_int_equal(count_of(page.data, "<th scope=\"row\">promo&lt;tion&gt;</th>"), 2);
    /* The second series has no forecast, the third no promotion before that of the plan. */
    assert_int_equal(count_of(page.data, "whose effect is not known and counted as 0</span>"), 1);
    assert_int_equal(count_of(page.data, "promo<tion>"), 0);
    assert_int_equal(count_of(page.data, "nan"), 0);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

/* The third series was sold out in two periods, and the bound of one of them is known. */
static void sold_out_periods_are_shown(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made;
    alm_buffer page = {0};
    make(3, arena, &made);
    render(&made, &page);
    assert_int_equal(count_of(page.data, "old out"), 0);
    alm_long_one *series = ALM_NEW_ARRAY(arena, alm_long_one, 3);
    memcpy(series, made.input.series, 3 * sizeof *series);
    double *least = ALM_NEW_ARRAY(arena, double, COUNT);
    for (size_t t = 0; t < COUNT; t++) {
        least[t] = t == COUNT - 3 ? 7 : (double)NAN;
    }
    series[2].least = least;
    series[2].sold_out = 2;
    made.input.series = series;
    made.input.facts.sold_out = ALM_STR("out");
    made.input.facts.sold_out_periods = 2;
    made.input.facts.sold_out_series = 1;
    alm_buffer_clear(&page);
    render(&made, &page);
    assert_int_equal(count_of(page.data, "; sold out in 2 of 60 periods</span>"), 1);
    assert_int_equal(count_of(page.data, ": sold out, demand was 7.00 or more"), 1);
    assert_int_equal(count_of(page.data, "<th scope=\"col\">sold out</th>"), 1);
    assert_int_equal(count_of(page.data, "<td>60</td><td>2</td>"), 1);
    assert_int_equal(count_of(page.data, "</svg>sold out: demand was that or more</li>"), 1);
    alm_buffer_deinit(&page);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_stands_alone),
        cmocka_unit_test(charts_are_bounded_and_counted),
        cmocka_unit_test(no_tick_is_minus_zero),
        cmocka_unit_test(a_band_beyond_the_axis_is_marked),
        cmocka_unit_test(a_short_file_says_that_it_was_not_checked),
        cmocka_unit_test(effects_have_their_standard_errors),
        cmocka_unit_test(sold_out_periods_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
