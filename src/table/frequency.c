#include "table/frequency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEEK_DAYS 7
#define YEAR_DAYS 365
#define YEARS_LEAST 3 /* to see a season of a year; of a week */
#define WEEKS_LEAST 4
#define WORK_DAYS 5
#define SEASON_MAX 400
#define CHANCE 0.01      /* of leaving out all weekends of days that have them */
#define SHARE_MIN 0.2    /* fewer of its steps than this, and it is no grid */
#define NEARLY_ALL 0.9
#define FEW 10           /* below so many times, none of them is odd */
#define SAMPLE 65536     /* differences that are looked at for the usual one */

/* Microseconds of one period of fixed length; 1 of an index. */
static int64_t length_of(alm_period period)
{
    static const int64_t LENGTH[] = {
        [ALM_PERIOD_INDEX] = 1,
        [ALM_PERIOD_MICROSECOND] = 1,
        [ALM_PERIOD_SECOND] = 1000000,
        [ALM_PERIOD_MINUTE] = (int64_t)60 * 1000000,
        [ALM_PERIOD_HOUR] = (int64_t)3600 * 1000000,
        [ALM_PERIOD_DAY] = ALM_DAY_MICROS,
        [ALM_PERIOD_WEEK] = WEEK_DAYS * ALM_DAY_MICROS,
    };
    return LENGTH[period];
}

/* ---- steps ---- */

/* Months since the year 0. */
static int64_t month_of(int64_t time)
{
    alm_civil civil = alm_date_civil(alm_time_day(time, NULL));
    return (int64_t)civil.year * 12 + civil.month - 1;
}

static int day_in(int64_t month, int day)
{
    int days = alm_date_days_of_month((int32_t)(month / 12), (int32_t)(month % 12) + 1);
    return day < days ? day : days;
}

static bool stands_on(int64_t time, int day)
{
    return alm_date_civil(alm_time_day(time, NULL)).day == day_in(month_of(time), day);
}

static bool divide(int64_t distance, int64_t step, int64_t *out)
{
    if (distance % step != 0) {
        return false;
    }
    *out = distance / step;
    return true;
}

static bool distance_of(int64_t from, int64_t to, int64_t *out)
{
    return !__builtin_sub_overflow(to, from, out);
}

static bool months_between(const alm_frequency *f, int64_t from, int64_t to, int64_t *steps)
{
    int64_t a = 0;
    int64_t b = 0;
    (void)alm_time_day(from, &a);
    (void)alm_time_day(to, &b);
    return a == b && stands_on(from, f->day) && stands_on(to, f->day) &&
           divide(month_of(to) - month_of(from), f->every, steps);
}

/* Working days before a day: Mondays are multiples of seven after the shift by three. */
static int64_t work_number(alm_date day)
{
    int weekday = alm_date_weekday(day);
    int64_t week = ((int64_t)day - weekday + 3) / WEEK_DAYS;
    return week * WORK_DAYS + weekday;
}

static bool work_between(int64_t from, int64_t to, int64_t *steps)
{
    int64_t a = 0;
    int64_t b = 0;
    alm_date first = alm_time_day(from, &a);
    alm_date last = alm_time_day(to, &b);
    if (a != b || alm_date_weekday(first) >= WORK_DAYS || alm_date_weekday(last) >= WORK_DAYS) {
        return false;
    }
    *steps = work_number(last) - work_number(first);
    return true;
}

bool alm_frequency_between(const alm_frequency *f, int64_t from, int64_t to, int64_t *steps)
{
    int64_t distance = 0;
    if (f->period == ALM_PERIOD_MONTH) {
        return months_between(f, from, to, steps);
    }
    if (f->period == ALM_PERIOD_BUSINESS_DAY) {
        return work_between(from, to, steps);
    }
    return distance_of(from, to, &distance) &&
           divide(distance, length_of(f->period) * f->every, steps);
}

static bool in_range(int64_t time)
{
    alm_date first = 0;
    alm_date last = 0;
    return alm_date_from_civil((alm_civil){1, 1, 1}, &first) &&
           alm_date_from_civil((alm_civil){9999, 12, 31}, &last) &&
           time >= alm_instant_of_date(first) && time < alm_instant_of_date(last) + ALM_DAY_MICROS;
}

static bool months_after(const alm_frequency *f, int64_t from, int64_t steps, int64_t *out)
{
    int64_t within = 0;
    int64_t distance = 0;
    (void)alm_time_day(from, &within);
    if (__builtin_mul_overflow(steps, f->every, &distance) || distance > 120000 ||
        distance < -120000) {
        return false;
    }
    int64_t month = month_of(from) + distance;
    alm_date day = 0;
    if (month < 12 || month >= 120000 ||
        !alm_date_from_civil((alm_civil){(int32_t)(month / 12), (int32_t)(month % 12) + 1,
                                         day_in(month, f->day)}, &day)) {
        return false;
    }
    *out = alm_instant_of_date(day) + within;
    return true;
}

static bool work_after(int64_t from, int64_t steps, int64_t *out)
{
    int64_t within = 0;
    alm_date day = alm_time_day(from, &within);
    int64_t weekday = alm_date_weekday(day) + steps % WORK_DAYS;
    int64_t weeks = steps / WORK_DAYS + (weekday >= WORK_DAYS) - (weekday < 0);
    weekday += weekday < 0 ? WORK_DAYS : weekday >= WORK_DAYS ? -WORK_DAYS : 0;
    int64_t days = 0;
    int64_t time = 0;
    if (__builtin_mul_overflow(weeks, WEEK_DAYS, &days) ||
        __builtin_add_overflow(days, day - alm_date_weekday(day) + weekday, &days) ||
        __builtin_mul_overflow(days, ALM_DAY_MICROS, &time) || !in_range(time)) {
        return false;
    }
    *out = time + within;
    return true;
}

bool alm_frequency_after(const alm_frequency *f, int64_t from, int64_t steps, int64_t *out)
{
    int64_t distance = 0;
    int64_t time = 0;
    if (f->period == ALM_PERIOD_MONTH) {
        return months_after(f, from, steps, out);
    }
    if (f->period == ALM_PERIOD_BUSINESS_DAY) {
        return work_after(from, steps, out);
    }
    if (__builtin_mul_overflow(steps, length_of(f->period) * f->every, &distance) ||
        __builtin_add_overflow(from, distance, &time) ||
        (f->period != ALM_PERIOD_INDEX && !in_range(time))) {
        return false;
    }
    *out = time;
    return true;
}

/* ---- by rule ---- */

static size_t parts_of(int64_t whole, int64_t every)
{
    return whole % every == 0 && whole / every <= SEASON_MAX ? (size_t)(whole / every) : 1;
}

size_t alm_frequency_season(const alm_frequency *f)
{
    size_t day = 1;
    switch (f->period) {
    case ALM_PERIOD_MONTH:
        return parts_of(12, f->every);
    case ALM_PERIOD_WEEK:
        return parts_of(52, f->every);
    case ALM_PERIOD_DAY:
        return parts_of(WEEK_DAYS, f->every);
    case ALM_PERIOD_BUSINESS_DAY:
        return WORK_DAYS;
    case ALM_PERIOD_HOUR:
        return parts_of(24, f->every);
    case ALM_PERIOD_MINUTE:
        day = parts_of((int64_t)24 * 60, f->every);
        return day > 1 ? day : parts_of(60, f->every);
    case ALM_PERIOD_SECOND:
        return parts_of(60, f->every);
    default:
        return 1;
    }
}

size_t alm_frequency_long_season(const alm_frequency *f, size_t *cycles)
{
    size_t season = alm_frequency_season(f);
    *cycles = YEARS_LEAST;
    if (f->period == ALM_PERIOD_DAY) {
        return f->every == 1 ? YEAR_DAYS : 0;
    }
    bool is_day = f->period == ALM_PERIOD_HOUR ||
                  (f->period == ALM_PERIOD_MINUTE && (int64_t)season * f->every == 24 * 60);
    *cycles = WEEKS_LEAST;
    return is_day && season > 1 ? WEEK_DAYS * season : 0;
}

size_t alm_frequency_horizon(const alm_frequency *f)
{
    switch (f->period) {
    case ALM_PERIOD_MONTH:
        return f->every % 12 == 0 ? 6 : f->every % 3 == 0 ? 8 : 12;
    case ALM_PERIOD_WEEK:
        return 13;
    case ALM_PERIOD_DAY:
        return 28;
    case ALM_PERIOD_BUSINESS_DAY:
        return 20;
    case ALM_PERIOD_HOUR:
        return 48;
    case ALM_PERIOD_INDEX:
        return 12;
    default:
        return 60;
    }
}

/* ---- names ---- */

static const char *noun_of(const alm_frequency *f, int64_t *every)
{
    static const char *const NOUN[] = {"step", "microsecond",  "second", "minute", "hour",
                                       "day",  "business day", "week",   "month"};
    *every = f->every;
    if (f->period == ALM_PERIOD_MONTH && f->every % 12 == 0) {
        *every = f->every / 12;
        return "year";
    }
    if (f->period == ALM_PERIOD_MONTH && f->every == 3) {
        *every = 1;
        return "quarter";
    }
    return NOUN[f->period];
}

void alm_frequency_step_text(const alm_frequency *f, char out[ALM_FREQUENCY_TEXT_BYTES])
{
    int64_t every = 1;
    const char *noun = noun_of(f, &every);
    if (every == 1) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "%s", noun);
    } else if (f->period == ALM_PERIOD_INDEX) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "step of %lld", (long long)every);
    } else {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "%lld %ss", (long long)every, noun);
    }
}

void alm_frequency_text(const alm_frequency *f, char out[ALM_FREQUENCY_TEXT_BYTES])
{
    int64_t every = 1;
    const char *noun = noun_of(f, &every);
    if (f->period == ALM_PERIOD_INDEX && every == 1) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "whole numbers, one by one");
    } else if (f->period == ALM_PERIOD_INDEX) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "whole numbers, every %lld",
                       (long long)every);
    } else if (f->period == ALM_PERIOD_BUSINESS_DAY) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "business days, Monday to Friday");
    } else if (every > 1) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "every %lld %ss", (long long)every, noun);
    } else {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "%s%s",
                       f->period == ALM_PERIOD_DAY ? "dai" : noun, "ly");
    }
}

void alm_frequency_code(const alm_frequency *f, char out[ALM_FREQUENCY_TEXT_BYTES])
{
    static const char *const CODE[] = {"", "us", "s", "min", "h", "D", "B", "W", "M"};
    int64_t every = 1;
    char noun = noun_of(f, &every)[0];
    if (f->period == ALM_PERIOD_INDEX) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "%lld", (long long)f->every);
        return;
    }
    char month[3] = {noun == 'y' ? 'Y' : noun == 'q' ? 'Q' : 'M',
                     f->day == ALM_MONTH_END ? 'E' : f->day > 1 ? '\0' : 'S', '\0'};
    const char *code = f->period == ALM_PERIOD_MONTH ? month : CODE[f->period];
    if (every == 1) {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "%s", code);
    } else {
        (void)snprintf(out, ALM_FREQUENCY_TEXT_BYTES, "%lld%s", (long long)every, code);
    }
}

bool alm_frequency_parse(alm_str code, alm_frequency *out)
{
    static const struct {
        const char *code;
        alm_period period;
        int64_t every;
    } KNOWN[] = {
        {"us", ALM_PERIOD_MICROSECOND, 1}, {"s", ALM_PERIOD_SECOND, 1},
        {"S", ALM_PERIOD_SECOND, 1},       {"min", ALM_PERIOD_MINUTE, 1},
        {"T", ALM_PERIOD_MINUTE, 1},       {"h", ALM_PERIOD_HOUR, 1},
        {"H", ALM_PERIOD_HOUR, 1},         {"D", ALM_PERIOD_DAY, 1},
        {"B", ALM_PERIOD_BUSINESS_DAY, 1}, {"W", ALM_PERIOD_WEEK, 1},
        {"MS", ALM_PERIOD_MONTH, 1},       {"ME", ALM_PERIOD_MONTH, 1},
        {"M", ALM_PERIOD_MONTH, 1},        {"QS", ALM_PERIOD_MONTH, 3},
        {"QE", ALM_PERIOD_MONTH, 3},       {"Q", ALM_PERIOD_MONTH, 3},
        {"YS", ALM_PERIOD_MONTH, 12},      {"YE", ALM_PERIOD_MONTH, 12},
        {"Y", ALM_PERIOD_MONTH, 12},       {"A", ALM_PERIOD_MONTH, 12},
        {"", ALM_PERIOD_INDEX, 1},
    };
    size_t digits = 0;
    int64_t every = 1;
    while (digits < code.size && code.data[digits] >= '0' && code.data[digits] <= '9') {
        digits++;
    }
    alm_str unit = {code.data + digits, code.size - digits};
    if ((digits == 0 && unit.size == 0) || digits > 6 ||
        (digits > 0 && !alm_str_to_i64((alm_str){code.data, digits}, &every)) || every < 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (alm_str_is(unit, KNOWN[i].code)) {
            *out = (alm_frequency){KNOWN[i].period, every * KNOWN[i].every, 0};
            return out->period != ALM_PERIOD_BUSINESS_DAY || every == 1;
        }
    }
    return false;
}

/* ---- from times ---- */

static int64_t divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Days of the month on which times stand. */
typedef struct month_days {
    size_t on[32];
    size_t ends, total;
    int largest;
} month_days;

static month_days count_days(const alm_frequency_times *times)
{
    month_days days = {.total = times->first[times->count]};
    for (size_t i = 0; i < days.total; i++) {
        int day = alm_date_civil(alm_time_day(times->time[i], NULL)).day;
        days.on[day]++;
        days.largest = day > days.largest ? day : days.largest;
        days.ends += day == day_in(month_of(times->time[i]), ALM_MONTH_END);
    }
    return days;
}

static int usual_day(const month_days *days)
{
    int usual = 1;
    for (int day = 2; day <= 31; day++) {
        usual = days->on[day] >= days->on[usual] ? day : usual;
    }
    return usual;
}

/* Of the months between neighbours: their common divisor; 0: two times stand in one month, or at
 * different hours, or there are no neighbours. */
static int64_t month_step(const alm_frequency_times *times)
{
    int64_t step = 0;
    for (size_t i = 0; i < times->count; i++) {
        for (size_t k = times->first[i] + 1; k < times->first[i + 1]; k++) {
            int64_t a = 0;
            int64_t b = 0;
            (void)alm_time_day(times->time[k - 1], &a);
            (void)alm_time_day(times->time[k], &b);
            int64_t months = month_of(times->time[k]) - month_of(times->time[k - 1]);
            if (months == 0 || a != b) {
                return 0;
            }
            step = divisor(months, step);
        }
    }
    return step;
}

/* Do times stand on one day of the month, all or nearly all of them? */
static bool infer_months(const alm_frequency_times *times, alm_frequency *out, size_t *odd)
{
    int64_t every = month_step(times);
    if (every == 0) {
        return false;
    }
    month_days days = count_days(times);
    bool ends = (double)days.ends >= NEARLY_ALL * (double)days.total;
    int day = ends ? ALM_MONTH_END : usual_day(&days);
    size_t off = 0;
    for (size_t i = 0; i < days.total; i++) {
        if (!stands_on(times->time[i], day)) {
            *odd = off++ == 0 ? i : *odd;
        }
    }
    bool nearly = days.total >= FEW && (double)off <= (1 - NEARLY_ALL) * (double)days.total;
    if (off > 0 && !nearly) {
        return false;
    }
    *out = (alm_frequency){ALM_PERIOD_MONTH, every, day};
    return true;
}

static int compare_steps(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static int64_t most_common(int64_t *value, size_t count)
{
    int64_t best = value[0];
    size_t most = 0;
    qsort(value, count, sizeof *value, compare_steps);
    for (size_t i = 0, run = 0; i < count; i++) {
        run = i > 0 && value[i] == value[i - 1] ? run + 1 : 1;
        if (run > most) {
            most = run;
            best = value[i];
        }
    }
    return best;
}

/* Distances between neighbours. */
typedef struct distances {
    int64_t divisor; /* of all; 0: there are none */
    int64_t common;  /* and of those between the first times of series */
    int64_t usual;
    size_t count, whole; /* of these, multiples of the usual one */
    size_t odd;          /* place of the first that is none */
    bool beyond;         /* one is more than 64 bits hold */
} distances;

static distances measure(const alm_frequency_times *times)
{
    distances found = {.odd = SIZE_MAX};
    alm_arena *arena = alm_arena_create(0);
    int64_t *sample = ALM_NEW_ARRAY(arena, int64_t, SAMPLE);
    size_t seen = 0;
    for (size_t i = 0; i < times->count; i++) {
        for (size_t k = times->first[i] + 1; k < times->first[i + 1]; k++) {
            int64_t step = 0;
            if (!distance_of(times->time[k - 1], times->time[k], &step)) {
                step = INT64_MAX;
                found.beyond = true;
            }
            found.divisor = found.divisor > 0 && step % found.divisor == 0
                                ? found.divisor : divisor(step, found.divisor);
            if (seen < SAMPLE) {
                sample[seen++] = step;
            }
        }
    }
    found.usual = seen > 0 ? most_common(sample, seen) : 0;
    found.common = found.divisor;
    for (size_t i = 1; i < times->count; i++) {
        int64_t step = 0;
        if (distance_of(times->time[times->first[i - 1]], times->time[times->first[i]], &step) &&
            step != INT64_MIN) {
            found.common = divisor(step < 0 ? -step : step, found.common);
        }
    }
    for (size_t i = 0; seen > 0 && i < times->count; i++) {
        for (size_t k = times->first[i] + 1; k < times->first[i + 1]; k++) {
            int64_t step = 0;
            bool whole = distance_of(times->time[k - 1], times->time[k], &step) &&
                         step % found.usual == 0;
            found.count++;
            found.whole += whole;
            found.odd = !whole && found.odd == SIZE_MAX ? k : found.odd;
        }
    }
    alm_arena_destroy(arena);
    return found;
}

static alm_frequency of_length(int64_t length, bool is_index)
{
    static const alm_period LARGEST_FIRST[] = {ALM_PERIOD_WEEK, ALM_PERIOD_DAY, ALM_PERIOD_HOUR,
                                               ALM_PERIOD_MINUTE, ALM_PERIOD_SECOND};
    for (size_t i = 0; !is_index && i < sizeof LARGEST_FIRST / sizeof LARGEST_FIRST[0]; i++) {
        if (length % length_of(LARGEST_FIRST[i]) == 0) {
            return (alm_frequency){LARGEST_FIRST[i], length / length_of(LARGEST_FIRST[i]), 0};
        }
    }
    return (alm_frequency){is_index ? ALM_PERIOD_INDEX : ALM_PERIOD_MICROSECOND, length, 0};
}

/* Days with gaps: may it be chance that none is a Saturday or a Sunday? */
static bool leaves_weekends_out(const alm_frequency_times *times)
{
    double weekend = 0; /* days between first and last that are no working days */
    double work = 0;
    double there = 0;
    for (size_t i = 0; i < times->count; i++) {
        size_t first = times->first[i];
        size_t end = times->first[i + 1];
        int64_t steps = 0;
        for (size_t k = first; k < end; k++) {
            if (alm_date_weekday(alm_time_day(times->time[k], NULL)) >= WORK_DAYS) {
                return false;
            }
        }
        if (first < end && work_between(times->time[first], times->time[end - 1], &steps)) {
            int64_t days = (times->time[end - 1] - times->time[first]) / ALM_DAY_MICROS;
            weekend += (double)(days - steps);
            work += (double)(steps + 1);
            there += (double)(end - first);
        }
    }
    double missing = (work - there + 1) / (work + 2);
    double chance = 1;
    for (double k = 0; k < weekend && chance > CHANCE; k++) {
        chance *= missing;
    }
    return chance <= CHANCE;
}

static double share_of(const alm_frequency_times *times, const alm_frequency *f)
{
    double steps_there = 0;
    double steps_all = 0;
    for (size_t i = 0; i < times->count; i++) {
        size_t first = times->first[i];
        size_t end = times->first[i + 1];
        int64_t steps = 0;
        if (end > first + 1 &&
            alm_frequency_between(f, times->time[first], times->time[end - 1], &steps)) {
            steps_there += (double)(end - first);
            steps_all += (double)steps + 1;
        }
    }
    return steps_all > 0 ? steps_there / steps_all : 1;
}

static alm_frequency_verdict infer_lengths(const alm_frequency_times *times, const distances *found,
                                           alm_frequency_finding *out)
{
    int64_t length = found->divisor;
    out->odd = SIZE_MAX;
    if (found->whole < found->count && found->count >= FEW &&
        (double)found->whole >= NEARLY_ALL * (double)found->count) {
        length = found->usual;
        out->odd = found->odd;
    }
    out->frequency = of_length(length, times->is_index);
    alm_frequency common = of_length(found->common, times->is_index);
    if (found->count < FEW && share_of(times, &common) >= SHARE_MIN) {
        out->frequency = common; /* few steps say little: series that share no phase have a finer */
    }
    if (out->odd != SIZE_MAX) {
        return ALM_FREQUENCY_OFF;
    }
    if (out->frequency.period == ALM_PERIOD_DAY && out->frequency.every == 1 &&
        leaves_weekends_out(times)) {
        out->frequency.period = ALM_PERIOD_BUSINESS_DAY;
    }
    out->share = share_of(times, &out->frequency);
    return out->share < SHARE_MIN ? ALM_FREQUENCY_NONE : ALM_FREQUENCY_FOUND;
}

alm_frequency_verdict alm_frequency_infer(const alm_frequency_times *times,
                                          alm_frequency_finding *out)
{
    *out = (alm_frequency_finding){.odd = SIZE_MAX, .share = 1};
    if (!times->is_index && infer_months(times, &out->frequency, &out->odd)) {
        out->share = out->odd == SIZE_MAX ? share_of(times, &out->frequency) : 1;
        return out->odd != SIZE_MAX      ? ALM_FREQUENCY_OFF
               : out->share < SHARE_MIN ? ALM_FREQUENCY_NONE
                                         : ALM_FREQUENCY_FOUND;
    }
    distances found = measure(times);
    if (found.divisor == 0) {
        out->frequency = of_length(times->is_index ? 1 : ALM_DAY_MICROS, times->is_index);
        return ALM_FREQUENCY_ASSUMED;
    }
    if (found.beyond) {
        out->frequency = of_length(1, times->is_index);
        out->share = 0;
        return ALM_FREQUENCY_NONE;
    }
    return infer_lengths(times, &found, out);
}

void alm_frequency_settle(const alm_frequency_times *times, alm_frequency *frequency)
{
    if (frequency->period == ALM_PERIOD_MONTH && frequency->day == 0) {
        month_days days = count_days(times);
        frequency->day = days.total > 0 && days.ends == days.total ? ALM_MONTH_END
                         : days.total > 0                          ? days.largest
                                                                   : 1;
    }
}
