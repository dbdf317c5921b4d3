#include "pipeline/series/forecast_words.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* One series of five days, one of them without a row. */
static void make(alm_long_one *one, alm_series_forecast *series, alm_forecast_made *out)
{
    static const double Y[] = {1, 2, (double)NAN, 4, 5};
    *one = (alm_long_one){.id = ALM_STR("a"), .start = 19723 * ALM_DAY_MICROS, .y = Y, .count = 5,
                          .known = 4, .gaps = 1};
    *series = (alm_series_forecast){.kind = &alm_naive, .reason = ALM_FORECAST_FITTED,
                                    .spread = ALM_SPREAD_NORMAL, .support = ALM_SUPPORT_COUNT};
    *out = (alm_forecast_made){
        .name = "f.csv",
        .input = {.style = {.form = ALM_TIME_DAY, .between = ' '},
                  .frequency = {ALM_PERIOD_DAY, 1, 0},
                  .series = one,
                  .count = 1,
                  .facts = {.time = ALM_STR("ds"), .value = ALM_STR("y"), .rows = 4, .periods = 5,
                            .gaps = 1, .gap_series = 1, .first = 19723 * ALM_DAY_MICROS,
                            .last = 19727 * ALM_DAY_MICROS}},
        .plan = {.kind = &alm_naive, .season = 7, .steps = 2, .origins = 4, .level = {.8, .995},
                 .level_count = 2},
        .set = {.series = series}};
}

static void check_lines(const alm_forecast_line *lines, size_t count, const char *const *expected)
{
    size_t i = 0;
    for (; expected[2 * i]; i++) {
        assert_true(i < count);
        assert_string_equal(lines[i].label, expected[2 * i]);
        assert_string_equal(lines[i].text.data, expected[2 * i + 1]);
    }
    assert_int_equal(i, count);
}

static void what_was_read_is_told(void **state)
{
    (void)state;
    static const char *const EXPECTED[] = {
        "read", "f.csv: 4 rows, 1 series of 5 periods",
        "columns", "time ds, value y (guessed; --id, --time, --value name others)",
        "", "all rows are one series: no column tells series apart",
        "frequency", "daily, from 2024-01-01 to 2024-01-05",
        "", "1 period of 5 has no row: missing (--zero-gaps: 0)",
        "season", "7 days (by rule; --season N changes it)",
        "horizon", "2 days, to 2024-01-07 (by rule; --horizon N changes it)",
        "method", "naive (by default; --method NAME changes it)",
        "intervals", "80% and 99.5%, Normal; whole numbers, not below 0",
        "", "80%: calibrated on earlier origins (--intervals model: not)",
        "", "99.5%: as the model has them, too few origins and series to calibrate",
        NULL};
    alm_arena *arena = alm_arena_create(0);
    alm_long_one one;
    alm_series_forecast series;
    alm_forecast_made made;
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    make(&one, &series, &made);
    made.automatic = true;
    made.plan.calibrated = true;
    made.set.level_calibrated[0] = true;
    series.calibrated = true;
    check_lines(lines, alm_forecast_understood(&made, arena, lines), EXPECTED);
    alm_arena_destroy(arena);
}

static void what_was_asked_and_refused_is_told(void **state)
{
    (void)state;
    static const char *const EXPECTED[] = {
        "read", "f.csv: 1,234,567 rows, 1 series of 5 periods",
        "columns", "series by id, time ds, value y (what was not named is guessed)",
        "", "not used: price",
        "frequency", "every 15 minutes, from 2024-01-01 to 2024-01-05 (as asked)",
        "", "2 rows have no value: missing, not 0",
        "season", "96 steps of 15 minutes (as asked)",
        "horizon", "2 steps of 15 minutes, to 2024-01-01 01:30 (as asked)",
        "method", "theta (as asked)",
        "", "by naive instead: too few known values for it",
        "intervals", "80%, from 500 sample paths; whole numbers, not below 0",
        "", "without intervals: too short to tell how far off a forecast is",
        "", "as the model has them (as asked)",
        NULL};
    alm_arena *arena = alm_arena_create(0);
    alm_long_one one;
    alm_series_forecast series;
    alm_forecast_made made;
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    make(&one, &series, &made);
    made.input.facts.id = ALM_STR("id");
    made.input.facts.id_named = true;
    made.input.facts.unused = ALM_STR("price");
    made.input.facts.rows = 1234567;
    made.input.facts.gaps = 0;
    made.input.facts.empty = 2;
    made.input.frequency = (alm_frequency){ALM_PERIOD_MINUTE, 15, 0};
    made.frequency_asked = made.season_asked = made.horizon_asked = true;
    made.plan.kind = alm_forecast_kind(ALM_STR("theta"));
    made.plan.season = 96;
    made.plan.paths = 500;
    made.plan.level_count = 1;
    series.reason = ALM_FORECAST_SHORT;
    made.set.reasons[ALM_FORECAST_SHORT] = 1;
    made.set.unspread = 1;
    check_lines(lines, alm_forecast_understood(&made, arena, lines), EXPECTED);
    alm_arena_destroy(arena);
}

static void several_seasons_are_told(void **state)
{
    (void)state;
    static const char *const EXPECTED[] = {
        "read", "f.csv: 4 rows, 2 series of 6 to 40 periods",
        "columns", "time ds, value y (guessed; --id, --time, --value name others)",
        "", "all rows are one series: no column tells series apart",
        "frequency", "daily, from 2024-01-01 to 2024-01-05",
        "", "no gaps",
        "season", "3, 7 and 30 days (as asked)",
        "", "7 days: left out of 1 of 2 series, less than 2 whole cycles",
        "", "30 days: left out of 2 of 2 series, less than 2 whole cycles",
        "horizon", "2 days (by rule; --horizon N changes it)",
        "method", "auto (by default; --method NAME changes it)",
        "", "mstl of 1 of 2 series, for several seasons",
        "intervals", "80% and 99.5%, Normal; whole numbers, not below 0",
        "", "as the model has them (as asked)",
        NULL};
    alm_arena *arena = alm_arena_create(0);
    alm_long_one one[2];
    alm_series_forecast series[2];
    alm_forecast_made made;
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    make(one, series, &made);
    one[1] = one[0];
    one[0].count = 6; /* two cycles of 3 days */
    one[1].count = 40;
    series[1] = series[0];
    series[1].kind = &alm_mstl;
    made.input.count = 2;
    made.input.facts.gaps = 0;
    made.automatic = made.season_asked = true;
    made.plan.kind = alm_forecast_automatic();
    made.plan.season = 3;
    memcpy(made.plan.seasons, (size_t[]){3, 7, 30}, 3 * sizeof(size_t));
    made.plan.season_count = 3;
    made.plan.cycles = 2;
    check_lines(lines, alm_forecast_understood(&made, arena, lines), EXPECTED);
    alm_arena_destroy(arena);
}

static void coverage_is_always_told(void **state)
{
    (void)state;
    static const char *const NOT_CHECKED[] = {
        "check", "none: no series is long enough to hold back 2 days; accuracy and coverage are "
                 "not known", NULL};
    static const char *const CHECKED[] = {
        "check", "the same method on up to 4 earlier origins",
        "accuracy", "MASE 0.50 (1.00), WAPE 10.0% (20.0%), sMAPE 9.00 (18.00); in brackets "
                    "seasonal naive",
        "coverage", "80% intervals held 60.0% (too narrow), 99.5% intervals held 99.0% of 2,000 "
                    "values", NULL};
    static const char *const CALIBRATED[] = {
        "check", "the same method on up to 4 earlier origins",
        "accuracy", "MASE 0.50 (1.00), WAPE 10.0% (20.0%), sMAPE 9.00 (18.00); in brackets "
                    "seasonal naive",
        "coverage", "80% intervals held 80.5% (the model's 60.0%) of 1,000 values, 99.5% intervals "
                    "held 99.0% of 2,000 values",
        "", "calibrated: each origin by intervals from origins that share no value with it", NULL};
    alm_arena *arena = alm_arena_create(0);
    alm_long_one one;
    alm_series_forecast series;
    alm_forecast_made made;
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    make(&one, &series, &made);
    check_lines(lines, alm_forecast_checked(&made, arena, lines), NOT_CHECKED);
    made.set.checked = 1;
    made.set.score = (alm_forecast_score){.windows = 1000, .pairs = 2000, .absolute = 200,
                                          .actual = 2000, .mase = 500, .mase_windows = 1000,
                                          .smape = 9000, .covered = {1200, 1980},
                                          .interval_pairs = {2000, 2000}};
    made.set.naive = (alm_forecast_score){.windows = 1000, .pairs = 2000, .absolute = 400,
                                          .actual = 2000, .mase = 1000, .mase_windows = 1000,
                                          .smape = 18000};
    check_lines(lines, alm_forecast_checked(&made, arena, lines), CHECKED);
    /* One level is calibrated, and fewer of its values could be judged. */
    made.set.model = made.set.score;
    made.set.level_calibrated[0] = true;
    made.set.score.covered[0] = 805;
    made.set.score.interval_pairs[0] = 1000;
    check_lines(lines, alm_forecast_checked(&made, arena, lines), CALIBRATED);
    alm_arena_destroy(arena);
}

/* Why nothing was checked is what it is, not always the length. */
static void the_reason_of_no_check_is_told(void **state)
{
    (void)state;
    static const char *const WHY[] = {
        "no value is known", "numbers of this size cannot be worked with",
        "no series has a forecast",
        "no series that has a forecast is long enough to hold back 2 days",
        "no earlier origin has a forecast and a known value to judge it by"};
    alm_arena *arena = alm_arena_create(0);
    alm_long_one one[2];
    alm_series_forecast series[2];
    alm_forecast_made made;
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    make(one, series, &made);
    one[1] = one[0];
    series[1] = series[0];
    series[0].kind = series[1].kind = NULL;
    made.input.count = 2;
    for (size_t i = 0; i < sizeof WHY / sizeof WHY[0]; i++) {
        made.set.reasons[ALM_FORECAST_NO_VALUES] = i == 0 ? 2 : i == 1 ? 0 : 1;
        made.set.reasons[ALM_FORECAST_NUMERIC] = i == 1 ? 2 : i == 2;
        series[1].kind = i > 2 ? &alm_naive : NULL;
        one[0].count = i == 3 ? 400 : 5; /* long, but without a forecast */
        one[1].count = i == 4 ? 400 : 5;
        const char *text = alm_arena_printf(
            arena, "none: %s; accuracy and coverage are not known", WHY[i]);
        check_lines(lines, alm_forecast_checked(&made, arena, lines),
                    (const char *const[]){"check", text, NULL});
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_told),
        cmocka_unit_test(what_was_asked_and_refused_is_told),
        cmocka_unit_test(several_seasons_are_told),
        cmocka_unit_test(coverage_is_always_told),
        cmocka_unit_test(the_reason_of_no_check_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
