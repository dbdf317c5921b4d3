/* json_writer.c: canonical JSON out. No library: commas, escapes and the shortest double are all
 * there is, and jansson would sort, blank and print doubles its own way. */
#include "base/json.h"

#include <math.h>

#include "base/bytes.h"

enum { DEPTH_MAX = 63 }; /* has_item holds one bit per depth */

alm_json_writer alm_json_writer_on(alm_buffer *buffer)
{
    return (alm_json_writer){.buffer = buffer};
}

static void before_value(alm_json_writer *writer)
{
    uint64_t bit = UINT64_C(1) << writer->depth;
    if (writer->after_key) {
        writer->after_key = false;
        return; /* the comma came before the key */
    }
    if (writer->depth > 0 && (writer->has_item & bit)) {
        alm_buffer_append(writer->buffer, ",", 1);
    }
    writer->has_item |= bit;
}

static void open_level(alm_json_writer *writer, const char *bracket)
{
    before_value(writer);
    alm_assert(writer->depth < DEPTH_MAX);
    writer->depth++;
    writer->has_item &= ~(UINT64_C(1) << writer->depth);
    alm_buffer_append(writer->buffer, bracket, 1);
}

static void close_level(alm_json_writer *writer, const char *bracket)
{
    alm_assert(writer->depth > 0 && !writer->after_key);
    writer->depth--;
    alm_buffer_append(writer->buffer, bracket, 1);
}

void alm_json_open_object(alm_json_writer *writer)
{
    open_level(writer, "{");
}

void alm_json_close_object(alm_json_writer *writer)
{
    close_level(writer, "}");
}

void alm_json_open_array(alm_json_writer *writer)
{
    open_level(writer, "[");
}

void alm_json_close_array(alm_json_writer *writer)
{
    close_level(writer, "]");
}

/* RFC 8259 section 7: quote, backslash and controls must be escaped; nothing else is, so that text
 * has one form. */
static void append_escape(alm_buffer *buffer, unsigned char c)
{
    switch (c) {
    case '"': alm_buffer_append(buffer, "\\\"", 2); break;
    case '\\': alm_buffer_append(buffer, "\\\\", 2); break;
    case '\b': alm_buffer_append(buffer, "\\b", 2); break;
    case '\f': alm_buffer_append(buffer, "\\f", 2); break;
    case '\n': alm_buffer_append(buffer, "\\n", 2); break;
    case '\r': alm_buffer_append(buffer, "\\r", 2); break;
    case '\t': alm_buffer_append(buffer, "\\t", 2); break;
    default: alm_buffer_printf(buffer, "\\u%04x", c); break;
    }
}

/* `text` is valid UTF-8. */
static void append_valid(alm_buffer *buffer, alm_str text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        alm_buffer_append(buffer, text.data + start, i - start);
        append_escape(buffer, c);
        start = i + 1;
    }
    alm_buffer_append(buffer, text.data + start, text.size - start);
}

/* ASCII that needs no escape, as most text is. */
static bool is_plain(alm_str text)
{
    uint64_t others = 0;
    for (size_t i = 0; i < text.size; i += 8) {
        uint64_t word = alm_bytes_load(text.data + i, text.size - i);
        others |= (word & ALM_BYTES_HIGH) | alm_bytes_below(word, ' ') |
                  alm_bytes_equal(word, '"') | alm_bytes_equal(word, '\\');
    }
    return others == 0;
}

/* Every byte that is not UTF-8 becomes U+FFFD, so the output is JSON whatever comes in. */
static void append_quoted(alm_buffer *buffer, alm_str text)
{
    if (is_plain(text)) {
        char *place = alm_buffer_extend(buffer, text.size + 2);
        if (place) {
            place[0] = '"';
            memcpy(place + 1, text.size ? text.data : "", text.size);
            place[text.size + 1] = '"';
        }
        return;
    }
    alm_buffer_append(buffer, "\"", 1);
    while (text.size > 0) {
        size_t valid = text.size;
        if (alm_str_is_utf8(text, &valid)) {
            valid = text.size;
        }
        append_valid(buffer, (alm_str){text.data, valid});
        if (valid < text.size) {
            alm_buffer_append(buffer, "\xEF\xBF\xBD", 3);
            valid++;
        }
        text.data += valid;
        text.size -= valid;
    }
    alm_buffer_append(buffer, "\"", 1);
}

void alm_json_key(alm_json_writer *writer, const char *key)
{
    alm_assert(writer->depth > 0 && !writer->after_key);
    before_value(writer);
    append_quoted(writer->buffer, alm_str_of(key));
    alm_buffer_append(writer->buffer, ":", 1);
    writer->after_key = true;
}

void alm_json_str(alm_json_writer *writer, alm_str value)
{
    before_value(writer);
    append_quoted(writer->buffer, value);
}

void alm_json_text(alm_json_writer *writer, const char *value)
{
    alm_json_str(writer, alm_str_of(value));
}

void alm_json_i64(alm_json_writer *writer, int64_t value)
{
    before_value(writer);
    char text[1 + ALM_U64_TEXT_BYTES] = "-";
    bool negative = value < 0;
    uint64_t size = negative ? 0 - (uint64_t)value : (uint64_t)value;
    alm_buffer_append(writer->buffer, text, negative + alm_u64_text(size, text + negative));
}

void alm_json_double(alm_json_writer *writer, double value)
{
    if (!isfinite(value)) {
        alm_json_null(writer);
        return;
    }
    before_value(writer);
    if (value == 0 && signbit(value)) {
        /* "-0" would come back as the integer 0 and lose its sign. */
        alm_buffer_append(writer->buffer, "-0.0", 4);
        return;
    }
    alm_buffer_double(writer->buffer, value);
}

void alm_json_bool(alm_json_writer *writer, bool value)
{
    before_value(writer);
    alm_buffer_text(writer->buffer, value ? "true" : "false");
}

void alm_json_null(alm_json_writer *writer)
{
    before_value(writer);
    alm_buffer_text(writer->buffer, "null");
}

void alm_json_raw(alm_json_writer *writer, alm_str json)
{
    size_t start = 0;
    bool in_text = false;
    before_value(writer);
    for (size_t i = 0; i < json.size; i++) {
        char c = json.data[i];
        if (in_text) {
            i += c == '\\';
            in_text = c != '"';
        } else if (c == '"') {
            in_text = true;
        } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            alm_buffer_append(writer->buffer, json.data + start, i - start);
            start = i + 1;
        }
    }
    alm_buffer_append(writer->buffer, json.data + start, json.size - start);
}

static void copy_scalar(alm_json_writer *writer, const alm_json *value)
{
    alm_str text = {0};
    int64_t integer = 0;
    double number = 0;
    bool flag = false;
    if (alm_json_as_str(value, &text)) {
        alm_json_str(writer, text);
    } else if (alm_json_as_i64(value, &integer)) {
        alm_json_i64(writer, integer);
    } else if (alm_json_as_double(value, &number)) {
        alm_json_double(writer, number);
    } else if (alm_json_as_bool(value, &flag)) {
        alm_json_bool(writer, flag);
    } else {
        alm_json_null(writer);
    }
}

/* As deep as a document may be. */
void alm_json_copy(alm_json_writer *writer, const alm_json *value)
{
    alm_json_kind kind = alm_json_kind_of(value);
    if (kind == ALM_JSON_ARRAY) {
        alm_json_open_array(writer);
        for (size_t i = 0; i < alm_json_count(value); i++) {
            alm_json_copy(writer, alm_json_at(value, i));
        }
        alm_json_close_array(writer);
    } else if (kind == ALM_JSON_OBJECT) {
        alm_json_open_object(writer);
        for (size_t i = 0; i < alm_json_count(value); i++) {
            alm_str key;
            const alm_json *member = alm_json_member_at(value, i, &key);
            before_value(writer);
            append_quoted(writer->buffer, key);
            alm_buffer_append(writer->buffer, ":", 1);
            writer->after_key = true;
            alm_json_copy(writer, member);
        }
        alm_json_close_object(writer);
    } else {
        copy_scalar(writer, value);
    }
}

void alm_json_put_text(alm_json_writer *writer, const char *key, const char *value)
{
    alm_json_key(writer, key);
    alm_json_text(writer, value);
}

void alm_json_put_str(alm_json_writer *writer, const char *key, alm_str value)
{
    alm_json_key(writer, key);
    alm_json_str(writer, value);
}

void alm_json_put_i64(alm_json_writer *writer, const char *key, int64_t value)
{
    alm_json_key(writer, key);
    alm_json_i64(writer, value);
}

void alm_json_put_double(alm_json_writer *writer, const char *key, double value)
{
    alm_json_key(writer, key);
    alm_json_double(writer, value);
}

void alm_json_put_bool(alm_json_writer *writer, const char *key, bool value)
{
    alm_json_key(writer, key);
    alm_json_bool(writer, value);
}

void alm_json_put_doubles(alm_json_writer *writer, const char *key, const double *values,
                          size_t count)
{
    alm_json_key(writer, key);
    alm_json_open_array(writer);
    for (size_t i = 0; i < count; i++) {
        alm_json_double(writer, values[i]);
    }
    alm_json_close_array(writer);
}
