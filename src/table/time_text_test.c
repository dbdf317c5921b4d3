#include "table/time_text.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static alm_time_style style_of(const char *text)
{
    alm_time_style style = {0};
    assert_true(alm_time_style_of(alm_str_of(text), &style));
    return style;
}

static void each_form_is_written_as_it_was_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        alm_time_form form;
    } CASES[] = {
        {"17", ALM_TIME_INDEX},
        {"-3", ALM_TIME_INDEX},
        {"1960", ALM_TIME_INDEX},
        {"9223372036854775807", ALM_TIME_INDEX},
        {"2024-02-29", ALM_TIME_DAY},
        {"0001-01-01", ALM_TIME_DAY},
        {"2024/12/31", ALM_TIME_SLASHED},
        {"20240229", ALM_TIME_COMPACT},
        {"1949-01", ALM_TIME_MONTH},
        {"2024Q1", ALM_TIME_QUARTER},
        {"2024-Q4", ALM_TIME_QUARTER},
        {"2024-03-31 14:00", ALM_TIME_INSTANT},
        {"2024-03-31T14:05:09", ALM_TIME_INSTANT},
        {"2024-03-31 14:05:09.250000", ALM_TIME_INSTANT},
        {"2024-03-31T14:00:00Z", ALM_TIME_INSTANT},
        {"1969-12-31 23:00", ALM_TIME_INSTANT},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_time_style style = style_of(CASES[i].text);
        int64_t time = 0;
        char text[ALM_INSTANT_TEXT_BYTES];
        assert_int_equal(style.form, CASES[i].form);
        assert_true(alm_time_read(&style, alm_str_of(CASES[i].text), &time));
        alm_time_write(&style, time, text);
        assert_string_equal(text, CASES[i].text);
    }
}

static void what_can_be_read_in_two_ways_is_no_time(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "", "3/4/2024", "03/04/2024", "31.12.2024", "2024-1-2", "2024-13-01", "2023-02-29",
        "Jan 2024", "2024Q5", "2024Q0", "2024-00", "12:30", "1.5", "2024-01-01 25:00",
        "99999999999999999999"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        alm_time_style style;
        assert_false(alm_time_style_of(alm_str_of(TEXTS[i]), &style));
    }
    assert_int_equal(style_of("10000101").form, ALM_TIME_INDEX); /* a day of the year 1000 */
    assert_int_equal(style_of("20241301").form, ALM_TIME_INDEX); /* no month 13 */
}

static void a_column_keeps_to_its_style(void **state)
{
    (void)state;
    int64_t time = 0;
    alm_time_style month = style_of("2024-01");
    assert_false(alm_time_read(&month, ALM_STR("2024-01-02"), &time));
    alm_time_style zoned = style_of("2024-01-01 10:00+02:00");
    assert_true(alm_time_read(&zoned, ALM_STR("2024-01-01 10:00+02:00"), &time));
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_time_write(&zoned, time, text);
    assert_string_equal(text, "2024-01-01 08:00Z");
    assert_false(alm_time_read(&zoned, ALM_STR("2024-01-01 10:00"), &time));
    alm_time_style day = style_of("2024-01-01");
    assert_true(alm_time_read(&day, ALM_STR("2024-01-02 06:00"), &time)); /* goes on with hours */
    assert_int_equal(day.form, ALM_TIME_INSTANT);
    assert_true(alm_time_read(&day, ALM_STR("2024-01-03"), &time));
    alm_time_write(&day, time, text);
    assert_string_equal(text, "2024-01-03 00:00");
}

/* Nothing that is written is read as another time, in any style. */
static void random_times_come_back(void **state)
{
    (void)state;
    static const char *const FIRST[] = {"2024-01-01 10:00", "2024-01-01T10:00:00Z",
                                        "2024-01-01 10:00:00"};
    alm_rng rng = alm_rng_stream(11, 1);
    for (size_t i = 0; i < 3000; i++) {
        alm_time_style style = style_of(FIRST[i % 3]);
        int64_t unit = i % 2 ? 1 : 60000000;
        int64_t time = ((int64_t)alm_rng_next_below(&rng, (uint64_t)8e16) - (int64_t)4e16) / unit
                       * unit;
        int64_t back = 0;
        char text[ALM_INSTANT_TEXT_BYTES];
        alm_time_write(&style, time, text);
        assert_true(alm_time_read(&style, alm_str_of(text), &back));
        assert_int_equal(back, time);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_written_as_it_was_read),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_no_time),
        cmocka_unit_test(a_column_keeps_to_its_style),
        cmocka_unit_test(random_times_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
