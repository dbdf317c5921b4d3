/* date.h: civil days and instants without a time zone database or the C library's locale.
 *
 * A date is a day number, 1970-01-01 = 0, proleptic Gregorian, years 0001 to 9999. An instant is
 * microseconds since 1970-01-01T00:00:00Z. Formulas: H. Hinnant, "chrono-compatible low-level date
 * algorithms". */
#ifndef ALM_BASE_DATE_H
#define ALM_BASE_DATE_H

#include "base/str.h"

typedef int32_t alm_date;
typedef int64_t alm_instant;

#define ALM_DATE_NONE INT32_MIN
#define ALM_DATE_TEXT_BYTES 11
#define ALM_INSTANT_TEXT_BYTES 40

typedef struct alm_civil {
    int32_t year;
    int32_t month; /* 1..12 */
    int32_t day;   /* 1..31 */
} alm_civil;

alm_civil alm_date_civil(alm_date date);
bool alm_date_from_civil(alm_civil civil, alm_date *out); /* false for an impossible day */
int alm_date_weekday(alm_date date);     /* 0 = Monday .. 6 = Sunday (ISO 8601) */
int alm_date_day_of_year(alm_date date); /* 1..366 */
int alm_date_week_of_year(alm_date date); /* ISO week 1..53 */
int alm_date_days_of_month(int32_t year, int32_t month); /* month 1..12 */

bool alm_date_parse(alm_str text, alm_date *out); /* exactly YYYY-MM-DD */
void alm_date_text(alm_date date, char out[ALM_DATE_TEXT_BYTES]);

/* YYYY-MM-DD, optionally T or blank HH:MM[:SS[.ffffff]] and Z or +HH:MM; no zone means UTC. */
bool alm_instant_parse(alm_str text, alm_instant *out);
void alm_instant_text(alm_instant instant, char out[ALM_INSTANT_TEXT_BYTES]); /* ...Z, to us */
alm_instant alm_instant_of_date(alm_date date);

#endif
