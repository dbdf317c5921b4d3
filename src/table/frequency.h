/* frequency.h: which equally spaced grid times keep to, and walking on that grid.
 *
 * A time is what table/time_text.h makes of it: an index, or microseconds. Months are those of the
 * calendar, on one day of the month (the last one of a shorter month); business days are Monday to
 * Friday; all others are of one length. Clocks that are put forward and back have no place here:
 * the missing hour of spring is a gap, the doubled one of autumn a repeated time.
 *
 * Pure functions. */
#ifndef ALM_TABLE_FREQUENCY_H
#define ALM_TABLE_FREQUENCY_H

#include "table/time_text.h"

typedef enum alm_period {
    ALM_PERIOD_INDEX,
    ALM_PERIOD_MICROSECOND,
    ALM_PERIOD_SECOND,
    ALM_PERIOD_MINUTE,
    ALM_PERIOD_HOUR,
    ALM_PERIOD_DAY,
    ALM_PERIOD_BUSINESS_DAY,
    ALM_PERIOD_WEEK,
    ALM_PERIOD_MONTH /* quarters are three of them, years twelve */
} alm_period;

#define ALM_MONTH_END 31

typedef struct alm_frequency {
    alm_period period;
    int64_t every; /* so many of them are one step; 1 of business days */
    int day;       /* of months: 1 to 31, ALM_MONTH_END: their last one; else 0 */
} alm_frequency;

/* How many steps lead from one time to another; false: none does. Steps may be negative. */
bool alm_frequency_between(const alm_frequency *frequency, int64_t from, int64_t to,
                           int64_t *steps);
/* The time so many steps after `from`, which is on the grid; false beyond what times can be (years
 * 1 to 9999, an index of 64 bits). */
bool alm_frequency_after(const alm_frequency *frequency, int64_t from, int64_t steps,
                         int64_t *out);

/* ---- by rule ---- */

/* Steps of the season that such data usually have: 12 months, 4 quarters, 52 weeks, 7 days, 5
 * business days; the day of hours and of minutes, where it has at most 400 steps, else the hour. 1:
 * none (years, an index). */
size_t alm_frequency_season(const alm_frequency *frequency);
/* Steps of the longer season that such data often have besides: the year of days, 365; the week of
 * hours, and of minutes whose season is the day. 0: none. `cycles`: so many whole ones are enough
 * to see it, 3 years, 4 weeks. */
size_t alm_frequency_long_season(const alm_frequency *frequency, size_t *cycles);
/* Steps that people mostly look ahead. */
size_t alm_frequency_horizon(const alm_frequency *frequency);

#define ALM_FREQUENCY_TEXT_BYTES 64
/* "monthly", "every 15 minutes", "business days, Monday to Friday" */
void alm_frequency_text(const alm_frequency *frequency, char out[ALM_FREQUENCY_TEXT_BYTES]);
/* "month", "15 minutes", "step": one step */
void alm_frequency_step_text(const alm_frequency *frequency, char out[ALM_FREQUENCY_TEXT_BYTES]);
/* As pandas writes offsets: "MS", "ME", "QS", "W", "B", "15min"; "M", "Q", "Y" on a day in between;
 * of an index its step. */
void alm_frequency_code(const alm_frequency *frequency, char out[ALM_FREQUENCY_TEXT_BYTES]);
/* Reads such a code, with the older spellings (H, T, M, Q, A, Y). The day of months is 0 then:
 * alm_frequency_settle takes it from the times. */
bool alm_frequency_parse(alm_str code, alm_frequency *out);

/* ---- from times ---- */

/* Times of series, one behind the other: series i is time[first[i]] to time[first[i + 1] - 1],
 * rising, none twice. */
typedef struct alm_frequency_times {
    const int64_t *time;
    const size_t *first; /* count + 1 places */
    size_t count;
    bool is_index;
} alm_frequency_times;

typedef enum alm_frequency_verdict {
    ALM_FREQUENCY_FOUND,
    ALM_FREQUENCY_ASSUMED, /* no series has two times */
    ALM_FREQUENCY_OFF,     /* nearly all times keep to it, the one at `odd` does not */
    ALM_FREQUENCY_NONE     /* too few of the steps that a grid would have are there */
} alm_frequency_verdict;

typedef struct alm_frequency_finding {
    alm_frequency frequency;
    size_t odd;   /* place in `time` */
    double share; /* steps between first and last that are there, over all series */
} alm_frequency_finding;

/* Calendar months where all times stand on one day of the month; else the largest step that leads
 * from every time to the next (where there are few of them, also from series to series). Days
 * without any Saturday and Sunday are business days where chance would leave out that many weekend
 * days in less than one case of a hundred. */
alm_frequency_verdict alm_frequency_infer(const alm_frequency_times *times,
                                          alm_frequency_finding *out);
/* Gives months that were asked for their day. */
void alm_frequency_settle(const alm_frequency_times *times, alm_frequency *frequency);

#endif
