#include "base/date.h"

#include <stdio.h>

#define DAYS_PER_ERA 146097
#define EPOCH_DAYS 719468 /* 0000-03-01 to 1970-01-01 */
#define MICROS_PER_DAY INT64_C(86400000000)

/* Years begin in March inside these two functions, so that the leap day is the last of a year. */
alm_civil alm_date_civil(alm_date date)
{
    int64_t days = (int64_t)date + EPOCH_DAYS;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t doe = days - era * DAYS_PER_ERA;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int32_t day = (int32_t)(doy - (153 * mp + 2) / 5 + 1);
    int32_t month = (int32_t)(mp < 10 ? mp + 3 : mp - 9);
    int32_t year = (int32_t)(yoe + era * 400 + (month <= 2));
    return (alm_civil){year, month, day};
}

static bool is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int alm_date_days_of_month(int32_t year, int32_t month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    alm_assert(month >= 1 && month <= 12);
    return DAYS[month - 1] + (month == 2 && is_leap(year));
}

bool alm_date_from_civil(alm_civil civil, alm_date *out)
{
    if (civil.year < 1 || civil.year > 9999 || civil.month < 1 || civil.month > 12) {
        return false;
    }
    if (civil.day < 1 || civil.day > alm_date_days_of_month(civil.year, civil.month)) {
        return false;
    }
    int32_t year = civil.year - (civil.month <= 2);
    int32_t era = year / 400;
    int32_t yoe = year - era * 400;
    int32_t mp = civil.month > 2 ? civil.month - 3 : civil.month + 9;
    int32_t doy = (153 * mp + 2) / 5 + civil.day - 1;
    int32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    *out = era * DAYS_PER_ERA + doe - EPOCH_DAYS;
    return true;
}

int alm_date_weekday(alm_date date)
{
    int64_t days = (int64_t)date + 3; /* 1970-01-01 was a Thursday */
    return (int)(((days % 7) + 7) % 7);
}

static alm_date first_of_year(int32_t year)
{
    alm_date first = 0;
    bool valid = alm_date_from_civil((alm_civil){year, 1, 1}, &first);
    alm_assert(valid);
    return first;
}

int alm_date_day_of_year(alm_date date)
{
    return (int)(date - first_of_year(alm_date_civil(date).year)) + 1;
}

int alm_date_week_of_year(alm_date date)
{
    /* The ISO week belongs to the year of its Thursday. */
    alm_date thursday = date - alm_date_weekday(date) + 3;
    return (alm_date_day_of_year(thursday) - 1) / 7 + 1;
}

static bool read_digits(alm_str text, size_t at, size_t count, int32_t *out)
{
    if (at + count > text.size) {
        return false;
    }
    int32_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return true;
}

bool alm_date_parse(alm_str text, alm_date *out)
{
    alm_civil civil;
    return text.size == 10 && text.data[4] == '-' && text.data[7] == '-' &&
           read_digits(text, 0, 4, &civil.year) && read_digits(text, 5, 2, &civil.month) &&
           read_digits(text, 8, 2, &civil.day) && alm_date_from_civil(civil, out);
}

void alm_date_text(alm_date date, char out[ALM_DATE_TEXT_BYTES])
{
    alm_civil civil = alm_date_civil(date);
    char text[40];
    snprintf(text, sizeof text, "%04d-%02d-%02d", civil.year, civil.month, civil.day);
    for (int i = 0; i < ALM_DATE_TEXT_BYTES; i++) {
        out[i] = text[i];
    }
    out[ALM_DATE_TEXT_BYTES - 1] = '\0';
}

/* Reads ":SS" and ".ffffff" if they are there. */
static bool read_seconds(alm_str text, size_t *at, int32_t *seconds, int32_t *micros)
{
    *seconds = 0;
    *micros = 0;
    if (*at >= text.size || text.data[*at] != ':') {
        return true;
    }
    if (!read_digits(text, *at + 1, 2, seconds)) {
        return false;
    }
    *at += 3;
    if (*at < text.size && text.data[*at] == '.') {
        size_t digits = 0;
        int32_t value = 0;
        for ((*at)++; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
            if (++digits > 6) {
                return false;
            }
            value = value * 10 + (text.data[*at] - '0');
        }
        for (size_t i = digits; i < 6; i++) {
            value *= 10;
        }
        *micros = value;
        return digits > 0;
    }
    return true;
}

/* "", "Z" or "+HH:MM" in minutes east. */
static bool read_zone(alm_str rest, int32_t *minutes)
{
    *minutes = 0;
    if (rest.size == 0 || alm_str_is(rest, "Z")) {
        return true;
    }
    int32_t hour;
    int32_t minute;
    if (rest.size != 6 || (rest.data[0] != '+' && rest.data[0] != '-') || rest.data[3] != ':' ||
        !read_digits(rest, 1, 2, &hour) || !read_digits(rest, 4, 2, &minute) || hour > 15 ||
        minute > 59) {
        return false;
    }
    *minutes = (hour * 60 + minute) * (rest.data[0] == '-' ? -1 : 1);
    return true;
}

bool alm_instant_parse(alm_str text, alm_instant *out)
{
    alm_date date;
    if (text.size < 10 || !alm_date_parse((alm_str){text.data, 10}, &date)) {
        return false;
    }
    if (text.size == 10) {
        *out = alm_instant_of_date(date);
        return true;
    }
    int32_t hour;
    int32_t minute;
    int32_t second;
    int32_t micros;
    size_t at = 16;
    if ((text.data[10] != 'T' && text.data[10] != ' ') || text.size < 16 || text.data[13] != ':' ||
        !read_digits(text, 11, 2, &hour) || !read_digits(text, 14, 2, &minute) ||
        !read_seconds(text, &at, &second, &micros) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    int32_t zone;
    if (!read_zone((alm_str){text.data + at, text.size - at}, &zone)) {
        return false;
    }
    int64_t seconds = (int64_t)hour * 3600 + minute * 60 + second - (int64_t)zone * 60;
    *out = alm_instant_of_date(date) + seconds * 1000000 + micros;
    return true;
}

void alm_instant_text(alm_instant instant, char out[ALM_INSTANT_TEXT_BYTES])
{
    int64_t day = instant / MICROS_PER_DAY - (instant % MICROS_PER_DAY < 0);
    int64_t rest = instant % MICROS_PER_DAY;
    rest += rest < 0 ? MICROS_PER_DAY : 0;
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text((alm_date)day, date);
    int second = (int)(rest / 1000000);
    snprintf(out, ALM_INSTANT_TEXT_BYTES, "%sT%02d:%02d:%02d.%06dZ", date, second / 3600,
             second / 60 % 60, second % 60, (int)(rest % 1000000));
}

alm_instant alm_instant_of_date(alm_date date)
{
    return (alm_instant)date * MICROS_PER_DAY;
}
