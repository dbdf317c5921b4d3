/* Golden values: Python 3.11.7, datetime.date and datetime.datetime. */
#include "base/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define FIRST_DAY (-719162) /* 0001-01-01 */
#define LAST_DAY 2932896    /* 9999-12-31 */

typedef struct date_golden {
    const char *text;
    int date, weekday, day_of_year, week;
} date_golden;

static void goldens_around_leap_years_and_iso_weeks(void **state)
{
    (void)state;
    static const date_golden ROWS[] = {
        {"0001-01-01", -719162, 0, 1, 1},   {"0004-02-29", -718008, 6, 60, 9},
        {"1582-10-15", -141427, 4, 288, 41}, {"1600-02-29", -135081, 1, 60, 9},
        {"1900-03-01", -25508, 3, 60, 9},   {"1969-12-31", -1, 2, 365, 1},
        {"1970-01-01", 0, 3, 1, 1},         {"1976-12-31", 2556, 4, 366, 53},
        {"1977-01-01", 2557, 5, 1, 53},     {"1981-01-01", 4018, 3, 1, 1},
        {"1999-12-31", 10956, 4, 365, 52},  {"2000-02-29", 11016, 1, 60, 9},
        {"2004-12-27", 12779, 0, 362, 53},  {"2005-01-01", 12784, 5, 1, 53},
        {"2005-01-02", 12785, 6, 2, 53},    {"2008-12-29", 14242, 0, 364, 1},
        {"2008-12-31", 14244, 2, 366, 1},   {"2009-12-31", 14609, 3, 365, 53},
        {"2010-01-03", 14612, 6, 3, 53},    {"2010-12-05", 14948, 6, 339, 48},
        {"2015-12-31", 16800, 3, 365, 53},  {"2016-01-03", 16803, 6, 3, 53},
        {"2020-12-31", 18627, 3, 366, 53},  {"2021-01-03", 18630, 6, 3, 53},
        {"2024-12-30", 20087, 0, 365, 1},   {"2026-12-31", 20818, 3, 365, 53},
        {"9999-12-31", 2932896, 4, 365, 52},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        alm_date date = ALM_DATE_NONE;
        assert_true(alm_date_parse(alm_str_of(ROWS[i].text), &date));
        assert_int_equal(date, ROWS[i].date);
        assert_int_equal(alm_date_weekday(date), ROWS[i].weekday);
        assert_int_equal(alm_date_day_of_year(date), ROWS[i].day_of_year);
        assert_int_equal(alm_date_week_of_year(date), ROWS[i].week);
    }
}

/* acc = (acc * 31 + isocalendar().week * 512 + tm_yday) mod 2^64 over all days, in Python. */
#define CALENDAR_CHECKSUM UINT64_C(1665502394352873495)

static bool follows(alm_civil next, alm_civil previous)
{
    if (next.day == 1) {
        bool new_year = next.month == 1 && previous.month == 12;
        return new_year ? next.year == previous.year + 1
                        : next.year == previous.year && next.month == previous.month + 1;
    }
    return next.year == previous.year && next.month == previous.month &&
           next.day == previous.day + 1;
}

static void every_day_of_the_calendar_round_trips(void **state)
{
    (void)state;
    alm_civil previous = {0, 12, 31};
    uint64_t sum = 0;
    int weekday = 6;
    for (alm_date date = FIRST_DAY; date <= LAST_DAY; date++) {
        alm_civil civil = alm_date_civil(date);
        alm_date back = ALM_DATE_NONE;
        if (!alm_date_from_civil(civil, &back) || back != date || !follows(civil, previous)) {
            fail_msg("day %d is %d-%d-%d and back %d", date, civil.year, civil.month, civil.day,
                     back);
        }
        weekday = (weekday + 1) % 7;
        assert_true(alm_date_weekday(date) == weekday);
        sum = sum * 31 + (uint64_t)alm_date_week_of_year(date) * 512 +
              (uint64_t)alm_date_day_of_year(date);
        previous = civil;
    }
    assert_int_equal(previous.year, 9999);
    assert_true(sum == CALENDAR_CHECKSUM);
}

static void text_round_trips(void **state)
{
    (void)state;
    for (alm_date date = FIRST_DAY; date <= LAST_DAY; date += date < LAST_DAY - 97 ? 97 : 1) {
        char text[ALM_DATE_TEXT_BYTES];
        alm_date_text(date, text);
        alm_date back = ALM_DATE_NONE;
        assert_true(alm_date_parse(alm_str_of(text), &back));
        assert_int_equal(back, date);
    }
    char text[ALM_DATE_TEXT_BYTES];
    alm_date_text(FIRST_DAY, text);
    assert_string_equal(text, "0001-01-01");
    alm_date_text(ALM_DATE_NONE, text); /* no day, but it must not write past the buffer */
    assert_int_equal(strnlen(text, sizeof text), ALM_DATE_TEXT_BYTES - 1);
}

static void impossible_days_are_rejected(void **state)
{
    (void)state;
    static const char *ROWS[] = {
        "",           "2024",        "2024-1-01",  "2024-01-1",   "24-01-01",   "2024/01/01",
        "2024-13-01", "2024-00-10",  "2024-01-00", "2024-01-32",  "2024-04-31", "2023-02-29",
        "1900-02-29", "2100-02-29",  "0000-01-01", " 2024-01-01", "2024-01-01 ", "2024-01-0a",
        "+024-01-01", "-024-01-01",  "2024-1--01", "20240101",    "10000-01-01", "2024-01-01T",
        "2024-+1-01", "２024-01-01",
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        alm_date date = 77;
        if (alm_date_parse(alm_str_of(ROWS[i]), &date)) {
            fail_msg("'%s' was read as day %d", ROWS[i], date);
        }
        assert_int_equal(date, 77);
    }
    alm_date date = 77;
    assert_false(alm_date_from_civil((alm_civil){10000, 1, 1}, &date));
    assert_false(alm_date_from_civil((alm_civil){2024, INT32_MAX, INT32_MIN}, &date));
    assert_int_equal(date, 77);
}

typedef struct instant_golden {
    const char *text;
    alm_instant instant;
} instant_golden;

static void instants_with_zones_and_fractions(void **state)
{
    (void)state;
    static const instant_golden ROWS[] = {
        {"2010-12-01T08:26:00+00:00", INT64_C(1291191960000000)},
        {"2010-12-01 08:26", INT64_C(1291191960000000)},
        {"2010-12-01T08:26:00.000Z", INT64_C(1291191960000000)},
        {"2010-12-01", INT64_C(1291161600000000)},
        {"0001-01-01T00:00:00+00:00", INT64_C(-62135596800000000)},
        {"9999-12-31T23:59:59.999999+00:00", INT64_C(253402300799999999)},
        {"1969-12-31T23:59:59.999999Z", INT64_C(-1)},
        {"2024-02-29T12:30:45.5-05:30", INT64_C(1709229645500000)},
        {"2026-01-01T00:00+14:00", INT64_C(1767175200000000)},
        {"1970-01-01T00:00:00-00:01", INT64_C(60000000)},
        {"1970-01-01T00:00:00.000001", 1},
        {"1970-01-01 00:00Z", 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        alm_instant instant = 7;
        if (!alm_instant_parse(alm_str_of(ROWS[i].text), &instant) ||
            instant != ROWS[i].instant) {
            fail_msg("'%s' gives %lld, expected %lld", ROWS[i].text, (long long)instant,
                     (long long)ROWS[i].instant);
        }
    }
}

static void malformed_instants_are_rejected(void **state)
{
    (void)state;
    static const char *ROWS[] = {
        "",
        "2024-01-01T",
        "2024-01-01T1",
        "2024-01-01T12",
        "2024-01-01T12:3",
        "2024-01-01t12:30",
        "2024-01-01T24:00",
        "2024-01-01T12:60",
        "2024-01-01T12:30:60",
        "2024-01-01T12:30:5",
        "2024-01-01T12:30:",
        "2024-01-01T12:30:00.",
        "2024-01-01T12:30:00.1234567",
        "2024-01-01T12:30:00,5",
        "2024-01-01T12:30z",
        "2024-01-01T12:30 Z",
        "2024-01-01T12:30+1:00",
        "2024-01-01T12:30+0100",
        "2024-01-01T12:30+16:00",
        "2024-01-01T12:30+01:60",
        "2024-01-01T12:30+01:00Z",
        "2024-01-01T12:30:00Zx",
        "2024-01-01T-1:30:00",
        "2024-01-01T12.30.00",
        "2024-01-01Z",
        "2023-02-29T00:00",
        "1291191960",
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        alm_instant instant = 7;
        if (alm_instant_parse(alm_str_of(ROWS[i]), &instant)) {
            fail_msg("'%s' was read as %lld", ROWS[i], (long long)instant);
        }
        assert_true(instant == 7);
    }
    /* A view need not be terminated: what lies behind it does not count. */
    alm_instant instant = 7;
    assert_true(alm_instant_parse((alm_str){"1970-01-01T00:00junk", 16}, &instant));
    assert_true(instant == 0);
}

static void instant_text_round_trips(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(1, 2);
    const alm_instant first = INT64_C(-62135596800000000);
    const uint64_t range = UINT64_C(253402300799999999) + UINT64_C(62135596800000000) + 1;
    char text[ALM_INSTANT_TEXT_BYTES];
    for (int i = 0; i < 50000; i++) {
        alm_instant instant = first + (alm_instant)alm_rng_next_below(&rng, range);
        alm_instant_text(instant, text);
        alm_instant back = 0;
        assert_true(alm_instant_parse(alm_str_of(text), &back));
        assert_true(back == instant);
        assert_int_equal(strlen(text), 27);
    }
    alm_instant_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    alm_instant_text(alm_instant_of_date(11016), text);
    assert_string_equal(text, "2000-02-29T00:00:00.000000Z");
    alm_instant_text(INT64_MIN, text); /* outside the calendar: bounded and terminated */
    assert_true(strnlen(text, sizeof text) < sizeof text);
    alm_instant_text(INT64_MAX, text);
    assert_true(strnlen(text, sizeof text) < sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens_around_leap_years_and_iso_weeks),
        cmocka_unit_test(every_day_of_the_calendar_round_trips),
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(impossible_days_are_rejected),
        cmocka_unit_test(instants_with_zones_and_fractions),
        cmocka_unit_test(malformed_instants_are_rejected),
        cmocka_unit_test(instant_text_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
