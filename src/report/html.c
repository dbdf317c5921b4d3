#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_SHOWN 12
#define THIN_SPACE "\xe2\x80\xaf"
#define MINUS "\xe2\x88\x92"
#define DASH "\xe2\x80\x93"

void almi_html(alm_buffer *out, const char *markup)
{
    alm_buffer_text(out, markup);
}

/* Length of the well-formed character at `at`; 0 if there is none. */
static size_t character_size(alm_str text, size_t at)
{
    for (size_t size = 1; size <= 4 && at + size <= text.size; size++) {
        if (alm_str_is_utf8((alm_str){text.data + at, size}, NULL)) {
            return size;
        }
    }
    return 0;
}

void almi_html_text(alm_buffer *out, alm_str text)
{
    for (size_t i = 0; i < text.size;) {
        size_t size = character_size(text, i);
        char c = text.data[i];
        if (size == 0) {
            alm_buffer_text(out, "\xef\xbf\xbd");
            size = 1;
        } else if (c == '&') {
            alm_buffer_text(out, "&amp;");
        } else if (c == '<') {
            alm_buffer_text(out, "&lt;");
        } else if (c == '>') {
            alm_buffer_text(out, "&gt;");
        } else if (c == '"') {
            alm_buffer_text(out, "&quot;");
        } else if (c == '\'') {
            alm_buffer_text(out, "&#39;");
        } else {
            alm_buffer_append(out, text.data + i, size);
        }
        i += size;
    }
}

static void put_grouped(alm_buffer *out, const char *digits)
{
    size_t whole = strcspn(digits, ".");
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0 && whole > 4) {
            alm_buffer_text(out, THIN_SPACE);
        }
        alm_buffer_append(out, digits + i, 1);
    }
    alm_buffer_text(out, digits + whole);
}

static void put_signed(alm_buffer *out, double value, int decimals, bool plus)
{
    char digits[64];
    if (!isfinite(value) || fabs(value) >= 1e18) {
        alm_buffer_text(out, DASH);
        return;
    }
    (void)snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(value));
    bool is_zero = strspn(digits, "0.") == strlen(digits); /* no "−0.0" */
    alm_buffer_text(out, is_zero ? "" : value < 0.0 ? MINUS : plus ? "+" : "");
    put_grouped(out, digits);
}

static int amount_decimals(double value)
{
    double size = fabs(value);
    return size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
}

void almi_html_number(alm_buffer *out, double value, int decimals)
{
    put_signed(out, value, decimals, false);
}

void almi_html_count(alm_buffer *out, int64_t value)
{
    put_signed(out, (double)value, 0, false);
}

void almi_html_amount(alm_buffer *out, double value)
{
    put_signed(out, value, value == 0.0 ? 0 : amount_decimals(value), false);
}

void almi_html_signed_amount(alm_buffer *out, double value)
{
    put_signed(out, value, amount_decimals(value), true);
}

void almi_html_percent(alm_buffer *out, double share, int decimals)
{
    put_signed(out, 100.0 * share, decimals, false);
    alm_buffer_text(out, isfinite(share) ? THIN_SPACE "%" : "");
}

static const char *month_name(int32_t month)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return names[month - 1];
}

void almi_html_day(alm_buffer *out, alm_date date)
{
    alm_civil civil = alm_date_civil(date);
    alm_buffer_printf(out, "%d %s", (int)civil.day, month_name(civil.month));
}

void almi_html_date(alm_buffer *out, alm_date date)
{
    if (date == ALM_DATE_NONE) {
        alm_buffer_text(out, DASH);
        return;
    }
    almi_html_day(out, date);
    alm_buffer_printf(out, " %d", (int)alm_date_civil(date).year);
}

void almi_html_instant(alm_buffer *out, alm_instant instant)
{
    alm_instant day = (alm_instant)86400 * 1000000;
    alm_instant date = instant / day - (instant % day < 0);
    int minutes = (int)((instant - date * day) / 60000000);
    almi_html_date(out, (alm_date)date);
    alm_buffer_printf(out, ", %02d:%02d UTC", minutes / 60, minutes % 60);
}

void almi_html_digest(alm_buffer *out, alm_str digest)
{
    if (digest.size == 0) {
        alm_buffer_text(out, DASH);
        return;
    }
    size_t shown = digest.size < DIGITS_SHOWN ? digest.size : DIGITS_SHOWN;
    alm_buffer_text(out, "<code title=\"");
    almi_html_text(out, digest);
    alm_buffer_text(out, "\">");
    almi_html_text(out, (alm_str){digest.data, shown});
    alm_buffer_text(out, "</code>");
}

void almi_html_code(alm_buffer *out, alm_str text)
{
    alm_buffer_text(out, "<code>");
    almi_html_text(out, text);
    alm_buffer_text(out, "</code>");
}
