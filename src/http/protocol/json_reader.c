#include "http/protocol/json_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"

#define DEPTH_MAX 64 /* that of base/json.h */
#define SHOWN 40
#define PLAIN_BYTES 48 /* what plain_number may look at */

almi_json_reader almi_json_reader_on(alm_str text, const char *name, alm_arena *arena)
{
    return (almi_json_reader){.at = text.data, .end = text.data + text.size, .start = text.data,
                              .name = name, .arena = arena};
}

/* ---- messages ---- */

alm_err almi_json_fail(const almi_json_reader *r, alm_error *error, const char *format, ...)
{
    char what[ALM_ERROR_MESSAGE_BYTES];
    size_t line = 1;
    const char *line_start = r->start;
    for (const char *at = r->start; at < r->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return alm_fail(error, ALM_ERR_INVALID, "%s:%zu:%zu: %s", r->name, line,
                    (size_t)(r->at - line_start) + 1, what);
}

/* What stands there, for a message: printable ASCII of one line. */
static alm_err fail_here(const almi_json_reader *r, const char *expected, alm_error *error)
{
    char shown[SHOWN + 1];
    size_t size = 0;
    while (size < SHOWN && r->at + size < r->end && r->at[size] >= ' ' && r->at[size] <= '~') {
        shown[size] = r->at[size];
        size++;
    }
    shown[size] = '\0';
    return size ? almi_json_fail(r, error, "not valid JSON: %s expected near '%s'", expected, shown)
                : almi_json_fail(r, error, "not valid JSON: %s expected%s", expected,
                                 r->at == r->end ? ", and the text ends" : "");
}

/* ---- brackets ---- */

static void skip_blanks(almi_json_reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) {
        r->at++;
    }
}

alm_json_kind almi_json_next_kind(almi_json_reader *r)
{
    skip_blanks(r);
    switch (r->at < r->end ? *r->at : '\0') {
    case '[':
        return ALM_JSON_ARRAY;
    case '{':
        return ALM_JSON_OBJECT;
    case '"':
        return ALM_JSON_STRING;
    case 't':
    case 'f':
        return ALM_JSON_BOOL;
    case 'n':
    case '\0':
        return ALM_JSON_NULL;
    default:
        return ALM_JSON_DOUBLE;
    }
}

alm_err almi_json_open(almi_json_reader *r, char bracket, alm_error *error)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != bracket) {
        return fail_here(r, bracket == '[' ? "an array" : "an object", error);
    }
    if (r->depth == DEPTH_MAX) {
        return almi_json_fail(r, error, "nested deeper than %d levels", DEPTH_MAX);
    }
    r->at++;
    r->depth++;
    r->is_first = true;
    return ALM_OK;
}

alm_err almi_json_more(almi_json_reader *r, char bracket, bool *more, alm_error *error)
{
    char close = bracket == '[' ? ']' : '}';
    skip_blanks(r);
    if (r->at < r->end && *r->at == close) {
        r->at++;
        r->depth--;
        r->is_first = false;
        *more = false;
        return ALM_OK;
    }
    if (!r->is_first) {
        if (r->at == r->end || *r->at != ',') {
            return fail_here(r, bracket == '[' ? "',' or ']'" : "',' or '}'", error);
        }
        r->at++;
    }
    r->is_first = false;
    *more = true;
    return ALM_OK;
}

alm_err almi_json_finish(almi_json_reader *r, alm_error *error)
{
    skip_blanks(r);
    return r->at == r->end ? ALM_OK : fail_here(r, "the end of the text", error);
}

/* ---- strings ---- */

static bool hex_unit(const char *at, const char *end, unsigned *out)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at + i < end ? at[i] : '\0';
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            return false;
        }
        value = value * 16 + digit;
    }
    *out = value;
    return true;
}

static size_t put_utf8(unsigned code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned LEAD[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6) {
        out[i] = (char)(0x80 | (code & 0x3F));
    }
    out[0] = (char)(LEAD[size] | code);
    return size;
}

/* \uXXXX, behind the 'u'; *at moves behind it. 0: not a character that may stand there. */
static unsigned escaped_code(const char **at, const char *end)
{
    unsigned code = 0, low = 0;
    if (!hex_unit(*at, end, &code) || (code >= 0xDC00 && code <= 0xDFFF)) {
        return 0;
    }
    *at += 4;
    if (code < 0xD800 || code > 0xDBFF) {
        return code;
    }
    if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u' || !hex_unit(*at + 2, end, &low) ||
        low < 0xDC00 || low > 0xDFFF) {
        return 0;
    }
    *at += 6;
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

/* The text between the quotes, which holds escapes. */
static alm_err unescape(almi_json_reader *r, alm_str raw, alm_str *out, alm_error *error)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    char *text = alm_arena_alloc(r->arena, raw.size + 1);
    size_t size = 0;
    const char *end = raw.data + raw.size;
    for (const char *at = raw.data; at < end;) {
        if (*at != '\\') {
            text[size++] = *at++;
            continue;
        }
        const char *known = at[1] ? strchr(FROM, at[1]) : NULL;
        unsigned code = 0;
        if (known) {
            text[size++] = TO[known - FROM];
            at += 2;
            continue;
        }
        r->at = at;
        at += 2;
        code = at[-1] == 'u' ? escaped_code(&at, end) : 0;
        if (code == 0) {
            return fail_here(r, "an escape that stands for a character", error);
        }
        size += put_utf8(code, text + size);
    }
    text[size] = '\0';
    *out = (alm_str){text, size};
    return ALM_OK;
}

/* At the quote; behind the closing one afterwards. */
static alm_err find_string(almi_json_reader *r, alm_str *raw, bool *escapes, bool *ascii,
                           alm_error *error)
{
    const char *at = r->at + 1;
    *escapes = false;
    *ascii = true;
    for (; at < r->end && *at != '"'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20) {
            r->at = at;
            return fail_here(r, "a string without control characters", error);
        }
        *ascii = *ascii && c < 0x80;
        if (c == '\\') {
            *escapes = true;
            at++;
        }
    }
    if (at >= r->end) {
        r->at = r->end;
        return fail_here(r, "'\"'", error);
    }
    *raw = (alm_str){r->at + 1, (size_t)(at - r->at - 1)};
    return ALM_OK;
}

alm_err almi_json_read_str(almi_json_reader *r, alm_str *out, alm_error *error)
{
    alm_str raw;
    bool escapes = false, ascii = true;
    size_t bad = 0;
    skip_blanks(r);
    if (r->at == r->end || *r->at != '"') {
        return fail_here(r, "a string", error);
    }
    ALM_TRY(find_string(r, &raw, &escapes, &ascii, error));
    if (!ascii && !alm_str_is_utf8(raw, &bad)) {
        r->at = raw.data + bad;
        return fail_here(r, "UTF-8", error);
    }
    *out = raw;
    if (escapes) {
        ALM_TRY(unescape(r, raw, out, error));
    }
    r->at = raw.data + raw.size + 1;
    return ALM_OK;
}

alm_err almi_json_read_key(almi_json_reader *r, alm_str *key, alm_error *error)
{
    alm_str found;
    ALM_TRY(almi_json_read_str(r, &found, error));
    skip_blanks(r);
    if (r->at == r->end || *r->at != ':') {
        return fail_here(r, "':'", error);
    }
    r->at++;
    *key = found;
    return ALM_OK;
}

alm_err almi_json_known(almi_json_reader *r, const char *keys, uint32_t *seen, size_t *index,
                        alm_error *error)
{
    alm_str key;
    size_t i = 0;
    ALM_TRY(almi_json_read_key(r, &key, error));
    for (alm_str rest = alm_str_of(keys); rest.data; i++) {
        if (!alm_str_equal(alm_str_split(&rest, ' '), key)) {
            continue;
        }
        if (*seen & (uint32_t)1 << i) {
            return almi_json_fail(r, error, "'" ALM_STR_FMT "' is there twice", ALM_STR_ARG(key));
        }
        *seen |= (uint32_t)1 << i;
        *index = i;
        return ALM_OK;
    }
    alm_str visible = alm_str_visible(key, r->arena);
    return almi_json_fail(r, error, "unknown key '" ALM_STR_FMT "'; the keys are: %s",
                          visible.size > SHOWN ? SHOWN : (int)visible.size, visible.data, keys);
}

/* ---- other values ---- */

/* Digits from `at` on; NULL when there is none. */
static const char *digits(const char *at, const char *end)
{
    const char *first = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at > first ? at : NULL;
}

/* The place behind the number, or NULL where the text is none. */
static const char *number_end(const almi_json_reader *r, bool *is_integer)
{
    const char *at = r->at + (r->at < r->end && *r->at == '-');
    bool zero = at < r->end && *at == '0';
    at = zero ? at + 1 : digits(at, r->end);
    *is_integer = true;
    if (at && at < r->end && *at == '.') {
        *is_integer = false;
        at = digits(at + 1, r->end);
    }
    if (at && at < r->end && (*at == 'e' || *at == 'E')) {
        *is_integer = false;
        at++;
        at += at < r->end && (*at == '+' || *at == '-');
        at = digits(at, r->end);
    }
    return at;
}

/* A number as most are written, in one pass, eight bytes at a time: up to seven digits, then
 * perhaps a point and up to 23. Returns the place behind it; NULL: it is written otherwise, or is
 * none, or stands at the end of the text, behind which nothing may be read. */
__attribute__((always_inline)) static inline const char *
plain_number(const char *at, const char *end, double *out, bool *is_integer)
{
    static const uint64_t TEN[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    static const double POWER[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    const char *first = at;
    if (end - at < PLAIN_BYTES) {
        return NULL;
    }
    bool negative = *at == '-';
    at += negative;
    alm_digits whole = alm_digits_at(at);
    bool zeros = whole.count > 1 && *at == '0'; /* in front, which JSON has not */
    at += whole.count;
    if (whole.count == 0 || whole.count == 8 || zeros || (*at | 0x20) == 'e') {
        return NULL;
    }
    *is_integer = *at != '.';
    if (*is_integer) { /* -0 is the integer 0 */
        *out = negative && whole.value ? -(double)whole.value : whole.value;
        return at;
    }
    alm_digits part = alm_digits_at(at + 1);
    uint64_t digits = whole.value * TEN[part.count] + part.value;
    unsigned places = part.count;
    while (part.count == 8 && places < 24) {
        part = alm_digits_at(at + 1 + places);
        digits = digits * TEN[part.count] + part.value;
        places += part.count;
    }
    at += 1 + places;
    if (places == 0 || places == 24 || (*at | 0x20) == 'e') {
        return NULL;
    }
    if (whole.count + places <= 15) { /* both are doubles, so the quotient is rounded correctly */
        double value = (double)(int64_t)digits / POWER[places];
        *out = negative ? -value : value;
        return at;
    }
    return alm_str_plain_decimal((alm_str){first, (size_t)(at - first)}, out) ? at : NULL;
}

/* One to seven digits, a point, one to eight digits, as most are: where it ends is found from the
 * places of what are no digits, so that the next number need not wait for the value of this one.
 * NULL: it is written otherwise. The text goes on for PLAIN_BYTES. */
static inline const char *short_number(const char *at, double *out)
{
    static const uint64_t TEN[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    static const double POWER[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    unsigned negative = *at == '-';
    unsigned others = alm_digits_others(at) & ~negative;
    unsigned behind = others & (others - 1); /* without the first */
    if (behind == 0) {
        return NULL;
    }
    unsigned point = (unsigned)__builtin_ctz(others), end = (unsigned)__builtin_ctz(behind);
    unsigned whole = point - negative, places = end - point - 1;
    bool zeros = whole > 1 && at[negative] == '0';
    bool is_short = whole - 1 < 7 && places - 1 < 8 && at[point] == '.' && !zeros;
    if (!is_short || (at[end] | 0x20) == 'e') {
        return NULL;
    }
    uint64_t digits = whole + places <= 7
                          ? alm_digits_around_point(at + negative, whole, whole + places)
                          : alm_digits_first(at + negative, whole) * TEN[places] +
                                alm_digits_first(at + point + 1, places);
    double value = (double)(int64_t)digits / POWER[places]; /* of doubles, so rounded correctly */
    *out = negative ? -value : value;
    return at + end;
}

size_t almi_json_take_numbers(almi_json_reader *r, double *out, size_t room)
{
    size_t count = 0;
    bool is_integer;
    for (const char *at = r->at; count < room && r->end - at >= PLAIN_BYTES; count++) {
        if (!r->is_first) {
            if (*at != ',') {
                break;
            }
            at++;
            if (*at == ' ') {
                at++;
            }
        }
        const char *behind = short_number(at, &out[count]);
        at = behind ? behind : plain_number(at, r->end, &out[count], &is_integer);
        if (!at) {
            break;
        }
        r->at = at;
        r->is_first = false;
    }
    return count;
}

/* `wide`: an integer may be beyond 64 bits, as only a double holds it. */
static alm_err read_number(almi_json_reader *r, bool wide, double *out, bool *is_integer,
                           int64_t *integer, alm_error *error)
{
    bool whole = false;
    int64_t value = 0;
    skip_blanks(r);
    const char *end = plain_number(r->at, r->end, out, &whole);
    bool is_read = end != NULL;
    end = is_read ? end : number_end(r, &whole);
    if (!end) {
        return fail_here(r, "a number (or null: missing)", error);
    }
    alm_str text = {r->at, (size_t)(end - r->at)};
    if (is_read) {
        value = whole ? (int64_t)*out : 0;
    } else if (whole && alm_str_to_i64(text, &value)) {
        *out = (double)value;
    } else if (whole && !wide) {
        return almi_json_fail(r, error, "an integer that does not fit 64 bits");
    } else if (whole && !alm_str_to_double(text, out)) {
        return almi_json_fail(r, error, "a number beyond the range of a double");
    } else if (!whole && !alm_str_to_double(text, out)) {
        /* Longer than that reads, or beyond its range: what base/json.h says counts. */
        alm_json_document *document = NULL;
        ALM_TRY(alm_json_parse(text, r->name, &document, error));
        bool is = alm_json_as_double(alm_json_root(document), out);
        alm_json_document_destroy(document);
        alm_assert(is);
    }
    if (is_integer) {
        *is_integer = whole;
    }
    if (integer && whole) {
        *integer = value;
    }
    r->at = end;
    return ALM_OK;
}

alm_err almi_json_read_number(almi_json_reader *r, double *out, bool *is_integer, int64_t *integer,
                              alm_error *error)
{
    return read_number(r, false, out, is_integer, integer, error);
}

alm_err almi_json_read_double(almi_json_reader *r, double *out, alm_error *error)
{
    return read_number(r, true, out, NULL, NULL, error);
}

static bool take_word(almi_json_reader *r, const char *word)
{
    size_t size = strlen(word);
    skip_blanks(r);
    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) {
        return false;
    }
    r->at += size;
    return true;
}

alm_err almi_json_read_bool(almi_json_reader *r, bool *out, alm_error *error)
{
    bool is_true = take_word(r, "true");
    if (!is_true && !take_word(r, "false")) {
        return fail_here(r, "true or false", error);
    }
    *out = is_true;
    return ALM_OK;
}

alm_err almi_json_read_null(almi_json_reader *r, alm_error *error)
{
    return take_word(r, "null") ? ALM_OK : fail_here(r, "null", error);
}

alm_err almi_json_read_cell(almi_json_reader *r, double *out, alm_error *error)
{
    bool flag = false;
    switch (almi_json_next_kind(r)) {
    case ALM_JSON_NULL:
        ALM_TRY(almi_json_read_null(r, error));
        *out = NAN;
        return ALM_OK;
    case ALM_JSON_BOOL:
        ALM_TRY(almi_json_read_bool(r, &flag, error));
        *out = flag;
        return ALM_OK;
    default:
        if (r->takes_nan && take_word(r, "NaN")) {
            *out = NAN;
            return ALM_OK;
        }
        return almi_json_read_double(r, out, error);
    }
}

/* ---- whole values ---- */

/* Behind the last byte of the array or object that begins here; strings are only told apart. */
static alm_err skip_brackets(almi_json_reader *r, alm_error *error)
{
    int depth = 0;
    bool in_string = false;
    for (; r->at < r->end; r->at++) {
        char c = *r->at;
        if (in_string) {
            r->at += c == '\\' && r->at + 1 < r->end;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (r->depth + ++depth > DEPTH_MAX) {
                return almi_json_fail(r, error, "nested deeper than %d levels", DEPTH_MAX);
            }
        } else if ((c == ']' || c == '}') && --depth == 0) {
            r->at++;
            return ALM_OK;
        }
    }
    return fail_here(r, "a closing bracket", error);
}

alm_err almi_json_skip(almi_json_reader *r, alm_str *text, alm_error *error)
{
    alm_str string;
    bool escapes, ascii, whole;
    alm_json_kind kind = almi_json_next_kind(r);
    const char *first = r->at;
    if (kind == ALM_JSON_ARRAY || kind == ALM_JSON_OBJECT) {
        ALM_TRY(skip_brackets(r, error));
    } else if (kind == ALM_JSON_STRING) {
        ALM_TRY(find_string(r, &string, &escapes, &ascii, error));
        r->at = string.data + string.size + 1;
    } else if (kind == ALM_JSON_DOUBLE) {
        const char *end = number_end(r, &whole);
        if (!end) {
            return fail_here(r, "a value", error);
        }
        r->at = end;
    } else if (!take_word(r, "true") && !take_word(r, "false") && !take_word(r, "null")) {
        return fail_here(r, "a value", error);
    }
    *text = (alm_str){first, (size_t)(r->at - first)};
    return ALM_OK;
}

alm_err almi_json_read_tree(almi_json_reader *r, alm_json_document **out, alm_error *error)
{
    alm_str text;
    ALM_TRY(almi_json_skip(r, &text, error));
    return alm_json_parse_bounded(text, r->name, ALM_JSON_VALUES_MAX, out, error);
}
