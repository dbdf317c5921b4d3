/* str.h: borrowed text and growing text. Text is UTF-8; sizes are bytes. */
#ifndef ALM_BASE_STR_H
#define ALM_BASE_STR_H

#include "base/arena.h"

/* A view; never owns, need not be NUL terminated. */
typedef struct alm_str {
    const char *data;
    size_t size;
} alm_str;

#define ALM_STR(literal) ((alm_str){"" literal, sizeof(literal) - 1})
#define ALM_STR_FMT "%.*s"
#define ALM_STR_ARG(s) (int)(s).size, (s).data

alm_str alm_str_of(const char *text); /* NULL gives the empty string */
bool alm_str_equal(alm_str a, alm_str b);
bool alm_str_is(alm_str a, const char *text);
int alm_str_compare(alm_str a, alm_str b); /* bytewise, so independent of the locale */
bool alm_str_starts_with(alm_str a, const char *prefix);
bool alm_str_is_utf8(alm_str a, size_t *bad_offset); /* bad_offset may be NULL */
alm_str alm_str_trim(alm_str a);

/* Splits at `separator`: returns the part before it and moves `rest` behind it. When nothing is
 * left, rest->data becomes NULL: for (alm_str r = s; r.data;) part = alm_str_split(&r, ','); */
alm_str alm_str_split(alm_str *rest, char separator);

/* Names that become directories of the prediction store: [A-Za-z0-9._-], 1 to 100 bytes, not
 * starting with '.', because other engines disagree about the escaping of anything else. */
bool alm_str_is_safe_name(alm_str a);

/* Strict numbers, independent of the locale: the whole text must be consumed. Doubles must be
 * finite. Returns false (out untouched) for anything else. */
bool alm_str_to_i64(alm_str a, int64_t *out);
bool alm_str_to_double(alm_str a, double *out);
bool alm_str_to_float(alm_str a, float *out); /* rounded once, never by way of a double */
/* The same as alm_str_to_double for most decimals, in less time: up to seven digits, a point,
 * digits, 19 in all. Eight bytes behind the text must be readable, too. False (out untouched): it
 * is written otherwise. */
bool alm_str_plain_decimal(alm_str a, double *out);

/* The shortest text that reads back to the same double ("0.1", "1e+300", "-0"), at most
 * 32 bytes with its NUL. Non-finite values are "nan", "inf", "-inf". Returns the length. */
size_t alm_double_text(double value, char out[32]);

/* Decimal digits of a whole number, at most 20, with a NUL behind them; how many. */
#define ALM_U64_TEXT_BYTES 21
size_t alm_u64_text(uint64_t value, char out[ALM_U64_TEXT_BYTES]);

/* Growing text in heap memory. A failed allocation is remembered and given by alm_buffer_status,
 * so that writers need no check per call. Init with {0}. */
typedef struct alm_buffer {
    char *data; /* NUL terminated when not NULL */
    size_t size;
    size_t capacity;
    bool failed;
} alm_buffer;

void alm_buffer_append(alm_buffer *buffer, const void *data, size_t size);
/* Makes it `size` bytes longer and returns the place of these, which the caller fills; NULL: no
 * memory. */
char *alm_buffer_extend(alm_buffer *buffer, size_t size);
void alm_buffer_u64(alm_buffer *buffer, uint64_t value); /* 8 bytes, the lowest first */
uint64_t alm_u64_at(const char *data);                   /* such 8 bytes */
void alm_buffer_text(alm_buffer *buffer, const char *text);
void alm_buffer_str(alm_buffer *buffer, alm_str text);
/* The text for a person to see on one line: control characters as \n, \t or \x1b. So what somebody
 * wrote into a file or a ledger can neither forge a line nor steer the terminal. */
void alm_buffer_visible(alm_buffer *buffer, alm_str text);
/* The same in `arena`; the text itself when it has none. */
alm_str alm_str_visible(alm_str text, alm_arena *arena);
void alm_buffer_printf(alm_buffer *buffer, const char *format, ...) ALM_PRINTF(2, 3);
void alm_buffer_double(alm_buffer *buffer, double value);
void alm_buffer_clear(alm_buffer *buffer); /* keeps the memory */
void alm_buffer_deinit(alm_buffer *buffer);
ALM_NODISCARD alm_err alm_buffer_status(const alm_buffer *buffer, alm_error *error);
alm_str alm_buffer_view(const alm_buffer *buffer);

#endif
