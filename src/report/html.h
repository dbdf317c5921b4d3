/* html.h: text, numbers and dates as HTML. Internal to report/.
 *
 * Everything that comes from data passes almi_html_text, which escapes for content and quoted
 * attributes alike, so no name in a source can become markup. */
#ifndef ALM_REPORT_HTML_H
#define ALM_REPORT_HTML_H

#include "base/date.h"
#include "base/hash.h"

void almi_html_text(alm_buffer *out, alm_str text); /* escaped; bytes that are not UTF-8: U+FFFD */
void almi_html(alm_buffer *out, const char *markup); /* as it is */

/* 12 345.6 with a narrow space between thousands and a true minus; "–" when not finite. */
void almi_html_number(alm_buffer *out, double value, int decimals);
void almi_html_count(alm_buffer *out, int64_t value);
/* Decimals that suit the size: units of demand below 10 with two, below 100 with one, else none. */
void almi_html_amount(alm_buffer *out, double value);
void almi_html_signed_amount(alm_buffer *out, double value); /* with + or − */
void almi_html_percent(alm_buffer *out, double share, int decimals); /* 0.123 as 12.3 % */
void almi_html_date(alm_buffer *out, alm_date date);    /* 9 Dec 2011 */
void almi_html_day(alm_buffer *out, alm_date date);     /* 9 Dec */
void almi_html_instant(alm_buffer *out, alm_instant instant); /* 9 Dec 2011, 14:03 UTC */
/* The first 12 digits, with the whole text as its title. */
void almi_html_digest(alm_buffer *out, alm_str digest);
void almi_html_code(alm_buffer *out, alm_str text); /* <code>escaped</code> */

#endif
