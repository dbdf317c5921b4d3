/* time_text.h: times as people write them in tables, and back.
 *
 * A column of times has one style, found from its first text. Whole numbers are an index and stay
 * what they are; everything else becomes microseconds since 1970-01-01T00:00 of the clock that
 * wrote it (UTC where a zone is given, and then written with Z). Forms that can be read in two
 * ways (3/4/2024) are none: a guess would be wrong half of the time.
 *
 * Pure functions. */
#ifndef ALM_TABLE_TIME_TEXT_H
#define ALM_TABLE_TIME_TEXT_H

#include "base/date.h"

typedef enum alm_time_form {
    ALM_TIME_INDEX,   /* 17 */
    ALM_TIME_DAY,     /* 2024-03-31 */
    ALM_TIME_SLASHED, /* 2024/03/31 */
    ALM_TIME_COMPACT, /* 20240331 */
    ALM_TIME_MONTH,   /* 2024-03: its first day */
    ALM_TIME_QUARTER, /* 2024Q1, 2024-Q1: its first day */
    ALM_TIME_INSTANT  /* 2024-03-31 14:00[:00[.5]], T for the blank, Z or +02:00 behind */
} alm_time_form;

typedef struct alm_time_style {
    alm_time_form form;
    bool dashed;  /* a quarter with a dash */
    bool zoned;   /* an instant with a zone: written with Z */
    bool seconds; /* an instant with seconds */
    char between; /* day and hour of an instant: 'T' or ' ' */
} alm_time_style;

#define ALM_TIME_FORMS "2024-03-31, 2024-03-31 14:00, 2024-03, 2024Q1 or whole numbers"

/* The style of one text; false: none. Eight digits that are a day after 1700 are one. */
bool alm_time_style_of(alm_str text, alm_time_style *out);
/* A time in this style. A column of days may go on with instants: then the style becomes theirs. */
bool alm_time_read(alm_time_style *style, alm_str text, int64_t *out);
/* What whole numbers may be as well: months or weeks of years (202401 to 202453; 1101 to 1153 and
 * then 1201, in whatever way the year is written), or counts since 1970 of seconds or smaller units
 * (for times in 2000 to 2099). Zeros: no number yet. */
typedef struct alm_time_doubt {
    const char *what; /* "a month, a week" */
    const char *write; /* how to write that instead */
} alm_time_doubt;
typedef struct alm_time_doubts {
    const alm_time_doubt *of_each; /* the same doubt of every number; NULL: there is none */
    int64_t year_min, year_max, part_min, part_max; /* a number is 100 years and a part */
    int64_t last;
    bool any, follow; /* two numbers came that are one apart */
} alm_time_doubts;
void alm_time_doubts_add(alm_time_doubts *doubts, int64_t number);
/* NULL: they are numbers. */
const alm_time_doubt *alm_time_doubts_of(const alm_time_doubts *doubts);
/* As the style has it; what is finer than that is shown all the same. Time within the years 1 to
 * 9999 (any, of an index). */
void alm_time_write(const alm_time_style *style, int64_t time, char out[ALM_INSTANT_TEXT_BYTES]);

/* The day and the microseconds within it. */
#define ALM_DAY_MICROS ((int64_t)86400 * 1000000)
alm_date alm_time_day(int64_t time, int64_t *within); /* within may be NULL */

#endif
