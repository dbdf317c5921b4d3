#include "table/time_text.h"

#include <stdio.h>
#include <string.h>

#define COMPACT_DIGITS 8
#define COMPACT_YEAR_MIN 1700
#define MONTH_YEAR_MIN 1900
#define MONTH_YEAR_MAX 2099
#define WEEKS_MAX 53
#define SECONDS_OF_2000 INT64_C(946684800)
#define SECONDS_OF_2100 INT64_C(4102444800)

alm_date alm_time_day(int64_t time, int64_t *within)
{
    int64_t day = time / ALM_DAY_MICROS - (time % ALM_DAY_MICROS < 0);
    if (within) {
        *within = time - day * ALM_DAY_MICROS;
    }
    return (alm_date)day;
}

static bool is_digits(alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.size > 0;
}

static bool number_of(alm_str digits, int32_t *out)
{
    int64_t number = 0;
    if (!is_digits(digits) || digits.size > 8 || !alm_str_to_i64(digits, &number)) {
        return false;
    }
    *out = (int32_t)number;
    return true;
}

static alm_str part(alm_str text, size_t first, size_t size)
{
    return (alm_str){text.data + first, size};
}

static bool read_civil(alm_civil civil, int64_t *out)
{
    alm_date date = 0;
    if (!alm_date_from_civil(civil, &date)) {
        return false;
    }
    *out = alm_instant_of_date(date);
    return true;
}

/* YYYY/MM/DD, YYYYMMDD, YYYY-MM: the year, and where month and day stand (0: day 1). */
static bool read_parts(alm_str text, size_t month, size_t day, int64_t *out)
{
    alm_civil civil = {.day = 1};
    return number_of(part(text, 0, 4), &civil.year) && number_of(part(text, month, 2), &civil.month)
           && (day == 0 || number_of(part(text, day, 2), &civil.day)) && read_civil(civil, out);
}

static bool read_quarter(alm_str text, bool dashed, int64_t *out)
{
    size_t at = dashed ? 5 : 4;
    int32_t year = 0;
    int32_t quarter = 0;
    if (text.size != at + 2 || (dashed && text.data[4] != '-') ||
        (text.data[at] != 'Q' && text.data[at] != 'q') || !number_of(part(text, 0, 4), &year) ||
        !number_of(part(text, at + 1, 1), &quarter) || quarter < 1 || quarter > 4) {
        return false;
    }
    return read_civil((alm_civil){year, 3 * quarter - 2, 1}, out);
}

static bool read_form(const alm_time_style *style, alm_str text, int64_t *out)
{
    alm_date date = 0;
    switch (style->form) {
    case ALM_TIME_INDEX:
        return alm_str_to_i64(text, out);
    case ALM_TIME_DAY:
        if (!alm_date_parse(text, &date)) {
            return false;
        }
        *out = alm_instant_of_date(date);
        return true;
    case ALM_TIME_SLASHED:
        return text.size == 10 && text.data[4] == '/' && text.data[7] == '/' &&
               read_parts(text, 5, 8, out);
    case ALM_TIME_COMPACT:
        return text.size == COMPACT_DIGITS && is_digits(text) && read_parts(text, 4, 6, out);
    case ALM_TIME_MONTH:
        return text.size == 7 && text.data[4] == '-' && read_parts(text, 5, 0, out);
    case ALM_TIME_QUARTER:
        return read_quarter(text, style->dashed, out);
    case ALM_TIME_INSTANT:
        break;
    }
    return alm_instant_parse(text, out);
}

/* What stands behind HH:MM. */
static void look_at_instant(alm_str text, alm_time_style *style)
{
    style->between = text.data[10];
    style->seconds = text.size > 16 && text.data[16] == ':';
    char last = text.data[text.size - 1];
    style->zoned = last == 'Z' || (text.size > 6 && (text.data[text.size - 6] == '+' ||
                                                     text.data[text.size - 6] == '-'));
}

bool alm_time_style_of(alm_str text, alm_time_style *out)
{
    static const alm_time_form FORMS[] = {ALM_TIME_COMPACT, ALM_TIME_INDEX, ALM_TIME_DAY,
                                          ALM_TIME_SLASHED, ALM_TIME_MONTH, ALM_TIME_QUARTER,
                                          ALM_TIME_INSTANT};
    int64_t time = 0;
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        alm_time_style style = {.form = FORMS[i], .between = ' ',
                                .dashed = text.size > 4 && text.data[4] == '-'};
        if (!read_form(&style, text, &time)) {
            continue;
        }
        if (style.form == ALM_TIME_COMPACT &&
            alm_date_civil(alm_time_day(time, NULL)).year < COMPACT_YEAR_MIN) {
            continue;
        }
        if (style.form == ALM_TIME_INSTANT) {
            look_at_instant(text, &style);
        }
        *out = style;
        return true;
    }
    return false;
}

bool alm_time_read(alm_time_style *style, alm_str text, int64_t *out)
{
    alm_time_style found = *style;
    if (style->form == ALM_TIME_INSTANT) {
        if (!alm_instant_parse(text, out)) {
            return false;
        }
        if (text.size == 10) {
            return true; /* midnight, without saying so */
        }
        look_at_instant(text, &found);
        style->seconds = style->seconds || found.seconds;
        return found.zoned == style->zoned;
    }
    if (read_form(style, text, out)) {
        return true;
    }
    if (style->form != ALM_TIME_DAY || text.size <= 10 || !alm_instant_parse(text, out)) {
        return false;
    }
    found.form = ALM_TIME_INSTANT;
    look_at_instant(text, &found);
    *style = found;
    return !found.zoned; /* days have none */
}

static const alm_time_doubt MONTH = {"a month, a week",
                                     "months as 2024-01, weeks as the date of their first day"};

static const alm_time_doubt *doubt_of(int64_t number)
{
    static const char TIMES[] = "times as 2024-03-31 14:00";
    static const struct {
        int64_t unit;
        alm_time_doubt doubt;
    } SINCE_1970[] = {{1, {"a count of seconds since 1970", TIMES}},
                      {1000, {"a count of milliseconds since 1970", TIMES}},
                      {1000000, {"a count of microseconds since 1970", TIMES}},
                      {1000000000, {"a count of nanoseconds since 1970", TIMES}}};
    int64_t year = number / 100;
    int64_t part = number % 100;
    if (year >= MONTH_YEAR_MIN && year <= MONTH_YEAR_MAX && part >= 1 && part <= WEEKS_MAX) {
        return &MONTH;
    }
    for (size_t i = 0; i < sizeof SINCE_1970 / sizeof SINCE_1970[0]; i++) {
        int64_t seconds = number / SINCE_1970[i].unit;
        if (seconds >= SECONDS_OF_2000 && seconds < SECONDS_OF_2100) {
            return &SINCE_1970[i].doubt;
        }
    }
    return NULL;
}

void alm_time_doubts_add(alm_time_doubts *d, int64_t number)
{
    int64_t year = number / 100;
    int64_t part = number % 100;
    const alm_time_doubt *doubt = doubt_of(number);
    if (!d->any) {
        *d = (alm_time_doubts){.of_each = doubt, .year_min = year, .year_max = year,
                               .part_min = part, .part_max = part, .last = number, .any = true};
        return;
    }
    d->of_each = d->of_each == doubt ? doubt : NULL;
    d->year_min = year < d->year_min ? year : d->year_min;
    d->year_max = year > d->year_max ? year : d->year_max;
    d->part_min = part < d->part_min ? part : d->part_min;
    d->part_max = part > d->part_max ? part : d->part_max;
    d->follow = d->follow || (d->last < INT64_MAX && number == d->last + 1);
    d->last = number;
}

/* Numbers that go on one by one reach 54 before they reach the next hundred. */
const alm_time_doubt *alm_time_doubts_of(const alm_time_doubts *d)
{
    bool skips = d->any && d->follow && d->part_min >= 1 && d->part_max <= WEEKS_MAX &&
                 d->year_max > d->year_min;
    return d->of_each ? d->of_each : skips ? &MONTH : NULL;
}

static void write_instant(const alm_time_style *style, int64_t time,
                          char out[ALM_INSTANT_TEXT_BYTES])
{
    char whole[ALM_INSTANT_TEXT_BYTES]; /* YYYY-MM-DDTHH:MM:SS.ffffffZ */
    alm_instant_text(time, whole);
    whole[10] = style->between;
    bool fraction = memcmp(whole + 20, "000000", 6) != 0;
    bool seconds = style->seconds || fraction || memcmp(whole + 17, "00", 2) != 0;
    size_t size = fraction ? 26 : seconds ? 19 : 16;
    whole[size] = style->zoned ? 'Z' : '\0';
    whole[size + 1] = '\0';
    memcpy(out, whole, sizeof whole);
}

void alm_time_write(const alm_time_style *style, int64_t time, char out[ALM_INSTANT_TEXT_BYTES])
{
    int64_t within = 0;
    if (style->form == ALM_TIME_INDEX) {
        (void)snprintf(out, ALM_INSTANT_TEXT_BYTES, "%lld", (long long)time);
        return;
    }
    alm_civil c = alm_date_civil(alm_time_day(time, &within));
    if (style->form == ALM_TIME_INSTANT || within != 0) {
        write_instant(style, time, out);
        return;
    }
    switch (style->form) {
    case ALM_TIME_SLASHED:
        (void)snprintf(out, ALM_INSTANT_TEXT_BYTES, "%04d/%02d/%02d", c.year, c.month, c.day);
        break;
    case ALM_TIME_COMPACT:
        (void)snprintf(out, ALM_INSTANT_TEXT_BYTES, "%04d%02d%02d", c.year, c.month, c.day);
        break;
    case ALM_TIME_QUARTER:
        if (c.day == 1 && c.month % 3 == 1) {
            (void)snprintf(out, ALM_INSTANT_TEXT_BYTES, "%04d%sQ%d", c.year,
                           style->dashed ? "-" : "", c.month / 3 + 1);
            return;
        }
        alm_date_text(alm_time_day(time, NULL), out);
        break;
    case ALM_TIME_MONTH:
        if (c.day == 1) {
            (void)snprintf(out, ALM_INSTANT_TEXT_BYTES, "%04d-%02d", c.year, c.month);
            return;
        }
        alm_date_text(alm_time_day(time, NULL), out);
        break;
    default:
        alm_date_text(alm_time_day(time, NULL), out);
    }
}
