/* frequency_test.c: grids that are known are found again, whatever is missing of them. */
#include "table/frequency.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PERIODS_MAX 400

static int64_t time_of(const char *text)
{
    alm_instant time = 0;
    assert_true(alm_instant_parse(alm_str_of(text), &time));
    return time;
}

static alm_frequency_verdict infer(const int64_t *time, size_t count, bool is_index,
                                   alm_frequency_finding *out)
{
    size_t first[] = {0, count};
    alm_frequency_times times = {time, first, 1, is_index};
    return alm_frequency_infer(&times, out);
}

/* A random grid of this frequency; its times in `time`. */
static size_t draw_grid(alm_rng *rng, const alm_frequency *f, int64_t *time)
{
    size_t count = 60 + alm_rng_next_below(rng, 200);
    int64_t days = 12000 + (int64_t)alm_rng_next_below(rng, 6000); /* 2002 to 2019 */
    int64_t at = f->period == ALM_PERIOD_INDEX
                     ? (int64_t)alm_rng_next_below(rng, 1000) - 500
                     : days * ALM_DAY_MICROS + (int64_t)alm_rng_next_below(rng, 24) * 3600000000;
    if (f->period == ALM_PERIOD_MONTH) {
        alm_frequency first_days = {ALM_PERIOD_MONTH, 1, f->day};
        alm_civil civil = alm_date_civil(alm_time_day(at, NULL));
        alm_date day = 0;
        civil.day = 1;
        assert_true(alm_date_from_civil(civil, &day));
        /* From the first of a month to the day that is asked for. */
        int64_t from = alm_instant_of_date(day);
        assert_true(alm_frequency_after(&first_days, from, 0, &at));
        count = f->every == 12 ? 60 : count;
    }
    while (f->period == ALM_PERIOD_BUSINESS_DAY &&
           alm_date_weekday(alm_time_day(at, NULL)) >= 5) {
        at += ALM_DAY_MICROS;
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(alm_frequency_after(f, at, (int64_t)i, &time[i]));
    }
    return count;
}

/* What is left of it: every period but the first goes with a probability of up to a half. */
static size_t drop_some(alm_rng *rng, const int64_t *time, size_t count, int64_t *out)
{
    double missing = .5 * alm_rng_next_uniform(rng);
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || alm_rng_next_uniform(rng) >= missing) {
            out[left++] = time[i];
        }
    }
    return left;
}

static void check_grid(alm_rng *rng, const alm_frequency *truth)
{
    int64_t time[PERIODS_MAX];
    int64_t left[PERIODS_MAX];
    size_t count = draw_grid(rng, truth, time);
    size_t kept = drop_some(rng, time, count, left);
    alm_frequency_finding found;
    bool is_index = truth->period == ALM_PERIOD_INDEX;
    assert_int_equal(infer(left, kept, is_index, &found), ALM_FREQUENCY_FOUND);
    assert_int_equal(found.frequency.period, truth->period);
    assert_int_equal(found.frequency.every, truth->every);
    assert_true(found.share > .3 && found.share <= 1);
    for (size_t i = 0; i + 1 < count; i++) { /* those that were dropped, too */
        int64_t steps = 0;
        int64_t next = 0;
        assert_true(alm_frequency_between(&found.frequency, time[i], time[i + 1], &steps));
        assert_int_equal(steps, 1);
        assert_true(alm_frequency_between(&found.frequency, time[count - 1], time[0], &steps));
        assert_int_equal(steps, -(int64_t)(count - 1));
        assert_true(alm_frequency_after(&found.frequency, time[i], 1, &next));
        assert_int_equal(next, time[i + 1]);
        assert_true(alm_frequency_after(&found.frequency, time[i + 1], -1, &next));
        assert_int_equal(next, time[i]);
    }
}

static void grids_of_one_length_are_found(void **state)
{
    (void)state;
    static const alm_frequency TRUTH[] = {
        {ALM_PERIOD_INDEX, 1, 0},   {ALM_PERIOD_INDEX, 10, 0}, {ALM_PERIOD_SECOND, 1, 0},
        {ALM_PERIOD_SECOND, 30, 0}, {ALM_PERIOD_MINUTE, 1, 0}, {ALM_PERIOD_MINUTE, 5, 0},
        {ALM_PERIOD_MINUTE, 15, 0}, {ALM_PERIOD_HOUR, 1, 0},   {ALM_PERIOD_HOUR, 6, 0},
        {ALM_PERIOD_DAY, 1, 0},     {ALM_PERIOD_DAY, 10, 0},   {ALM_PERIOD_WEEK, 1, 0},
        {ALM_PERIOD_WEEK, 4, 0},    {ALM_PERIOD_MICROSECOND, 250, 0},
    };
    alm_rng rng = alm_rng_stream(21, 1);
    for (size_t i = 0; i < sizeof TRUTH / sizeof TRUTH[0]; i++) {
        for (size_t n = 0; n < 40; n++) {
            check_grid(&rng, &TRUTH[i]);
        }
    }
}

/* On any day of the month; those behind the 28th stand on the last day of a shorter one. */
static void grids_of_months_are_found(void **state)
{
    (void)state;
    static const int64_t EVERY[] = {1, 2, 3, 6, 12};
    alm_rng rng = alm_rng_stream(21, 2);
    for (size_t i = 0; i < sizeof EVERY / sizeof EVERY[0]; i++) {
        for (int day = 1; day <= ALM_MONTH_END; day++) {
            for (size_t n = 0; n < 5; n++) {
                alm_frequency truth = {ALM_PERIOD_MONTH, EVERY[i], day};
                check_grid(&rng, &truth);
            }
        }
    }
}

static void business_days_are_found(void **state)
{
    (void)state;
    alm_frequency truth = {ALM_PERIOD_BUSINESS_DAY, 1, 0};
    alm_rng rng = alm_rng_stream(21, 3);
    for (size_t n = 0; n < 200; n++) {
        check_grid(&rng, &truth);
    }
    /* Two weeks are enough, one is not: five days in a row say nothing of weekends. */
    int64_t week[10];
    for (size_t i = 0; i < 10; i++) {
        assert_true(alm_frequency_after(&truth, time_of("2024-01-01"), (int64_t)i, &week[i]));
    }
    alm_frequency_finding found;
    assert_int_equal(infer(week, 10, false, &found), ALM_FREQUENCY_FOUND);
    assert_int_equal(found.frequency.period, ALM_PERIOD_BUSINESS_DAY);
    assert_int_equal(infer(week, 5, false, &found), ALM_FREQUENCY_FOUND);
    assert_int_equal(found.frequency.period, ALM_PERIOD_DAY);
}

/* Series with other starts, and one with a single time, are one grid. */
static void series_are_looked_at_together(void **state)
{
    (void)state;
    const int64_t time[] = {time_of("2024-01-01"), time_of("2024-03-01"), time_of("2024-05-01"),
                            time_of("2023-07-01"), time_of("2024-02-01"), time_of("2024-03-01")};
    const size_t first[] = {0, 3, 4, 6};
    alm_frequency_times times = {time, first, 3, false};
    alm_frequency_finding found;
    assert_int_equal(alm_frequency_infer(&times, &found), ALM_FREQUENCY_FOUND);
    assert_int_equal(found.frequency.period, ALM_PERIOD_MONTH);
    assert_int_equal(found.frequency.every, 1);
    assert_int_equal(found.frequency.day, 1);
    assert_true(found.share == 5. / 7);
    /* Every third day of one and every sixth of another, but not on the same days: daily. */
    const int64_t days[] = {time_of("2024-01-01"), time_of("2024-01-04"), time_of("2024-01-02"),
                            time_of("2024-01-08")};
    const size_t starts[] = {0, 2, 4};
    times = (alm_frequency_times){days, starts, 2, false};
    assert_int_equal(alm_frequency_infer(&times, &found), ALM_FREQUENCY_FOUND);
    assert_int_equal(found.frequency.period, ALM_PERIOD_DAY);
    assert_int_equal(found.frequency.every, 1);
}

static void a_time_off_the_grid_is_named(void **state)
{
    (void)state;
    int64_t time[100];
    alm_frequency_finding found;
    for (int64_t i = 0; i < 100; i++) {
        time[i] = time_of("2024-01-01") + i * 3600000000;
    }
    time[37] += 1800000000;
    assert_int_equal(infer(time, 100, false, &found), ALM_FREQUENCY_OFF);
    assert_int_equal(found.odd, 37);
    assert_int_equal(found.frequency.period, ALM_PERIOD_HOUR);
    alm_frequency months = {ALM_PERIOD_MONTH, 1, 1};
    for (int64_t i = 0; i < 40; i++) {
        assert_true(alm_frequency_after(&months, time_of("2020-01-01"), i, &time[i]));
    }
    time[11] += ALM_DAY_MICROS;
    assert_int_equal(infer(time, 40, false, &found), ALM_FREQUENCY_OFF);
    assert_int_equal(found.odd, 11);
    assert_int_equal(found.frequency.period, ALM_PERIOD_MONTH);
}

static void times_without_a_grid_have_none(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(21, 4);
    alm_frequency_finding found;
    int64_t time[50];
    int64_t at = 0;
    for (size_t i = 0; i < 50; i++) {
        at += 1000000 * (1 + (int64_t)alm_rng_next_below(&rng, 86400));
        time[i] = at;
    }
    assert_int_equal(infer(time, 50, false, &found), ALM_FREQUENCY_NONE);
    assert_true(found.share < .01);
    assert_int_equal(infer(time, 1, false, &found), ALM_FREQUENCY_ASSUMED);
    assert_int_equal(found.frequency.period, ALM_PERIOD_DAY);
    const int64_t ends[] = {INT64_MIN, INT64_MAX};
    assert_int_equal(infer(ends, 2, true, &found), ALM_FREQUENCY_NONE);
}

static void nothing_is_beyond_what_times_can_be(void **state)
{
    (void)state;
    alm_frequency f = {ALM_PERIOD_INDEX, 3, 0};
    int64_t out = 7;
    assert_false(alm_frequency_after(&f, INT64_MAX - 2, 1, &out));
    assert_false(alm_frequency_between(&f, INT64_MIN, INT64_MAX, &out));
    static const alm_period PERIODS[] = {ALM_PERIOD_MICROSECOND, ALM_PERIOD_SECOND,
                                         ALM_PERIOD_MINUTE, ALM_PERIOD_HOUR, ALM_PERIOD_DAY,
                                         ALM_PERIOD_BUSINESS_DAY, ALM_PERIOD_WEEK,
                                         ALM_PERIOD_MONTH};
    for (size_t i = 0; i < sizeof PERIODS / sizeof PERIODS[0]; i++) {
        f = (alm_frequency){PERIODS[i], 1, PERIODS[i] == ALM_PERIOD_MONTH ? 31 : 0};
        assert_false(alm_frequency_after(&f, time_of("9999-12-31"), 200000000000, &out));
        assert_false(alm_frequency_after(&f, time_of("0001-01-01"), -200000000000000000, &out));
        assert_false(alm_frequency_after(&f, time_of("2024-01-31"), INT64_MAX, &out));
        assert_false(alm_frequency_after(&f, time_of("2024-01-31"), INT64_MIN, &out));
    }
    assert_int_equal(out, 7);
}

static void rules_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *code, *text, *step;
        size_t season, horizon, longer;
    } CASES[] = {
        {"MS", "monthly", "month", 12, 12, 0}, {"QS", "quarterly", "quarter", 4, 8, 0},
        {"YS", "yearly", "year", 1, 6, 0},     {"W", "weekly", "week", 52, 13, 0},
        {"D", "daily", "day", 7, 28, 365},     {"h", "hourly", "hour", 24, 48, 168},
        {"15min", "every 15 minutes", "15 minutes", 96, 60, 672},
        {"min", "minutely", "minute", 60, 60, 0}, /* a day of 1440 is too long */
        {"B", "business days, Monday to Friday", "business day", 5, 20, 0},
        {"2MS", "every 2 months", "2 months", 6, 12, 0},
        {"2D", "every 2 days", "2 days", 1, 28, 0},
        {"30min", "every 30 minutes", "30 minutes", 48, 60, 336},
        {"1", "whole numbers, one by one", "step", 1, 12, 0},
        {"10", "whole numbers, every 10", "step of 10", 1, 12, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_frequency f;
        char text[ALM_FREQUENCY_TEXT_BYTES];
        assert_true(alm_frequency_parse(alm_str_of(CASES[i].code), &f));
        alm_frequency_code(&f, text);
        assert_string_equal(text, CASES[i].code);
        alm_frequency_text(&f, text);
        assert_string_equal(text, CASES[i].text);
        alm_frequency_step_text(&f, text);
        assert_string_equal(text, CASES[i].step);
        assert_int_equal(alm_frequency_season(&f), CASES[i].season);
        assert_int_equal(alm_frequency_horizon(&f), CASES[i].horizon);
        size_t cycles = 0;
        assert_int_equal(alm_frequency_long_season(&f, &cycles), CASES[i].longer);
        assert_true(CASES[i].longer == 0 || cycles == (CASES[i].longer == 365 ? 3 : 4));
    }
    static const char *const NO_CODES[] = {"", "0D", "-1D", "2B", "fortnight", "d", "9999999D"};
    for (size_t i = 0; i < sizeof NO_CODES / sizeof NO_CODES[0]; i++) {
        alm_frequency f;
        assert_false(alm_frequency_parse(alm_str_of(NO_CODES[i]), &f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_of_one_length_are_found),
        cmocka_unit_test(grids_of_months_are_found),
        cmocka_unit_test(business_days_are_found),
        cmocka_unit_test(series_are_looked_at_together),
        cmocka_unit_test(a_time_off_the_grid_is_named),
        cmocka_unit_test(times_without_a_grid_have_none),
        cmocka_unit_test(nothing_is_beyond_what_times_can_be),
        cmocka_unit_test(rules_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
