/* log_line.c: JSON by hand, because texts are cut where their escaped form gets too long, and
 * because more is escaped than JSON asks for. */
#include "monitor/log_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const LEVEL[] = {
    [ALM_LOG_ERROR] = "error", [ALM_LOG_WARN] = "warn", [ALM_LOG_INFO] = "info",
    [ALM_LOG_DEBUG] = "debug"};

enum {
    FIXED_BYTES = 200, /* names, quotes, time, level, "cut" */
    NUMBER_BYTES = 32
};
_Static_assert(FIXED_BYTES + 2 * ALM_LOG_ID_BYTES_MAX + ALM_LOG_MESSAGE_BYTES_MAX +
                       ALM_LOG_FIELDS_MAX * (ALM_LOG_KEY_BYTES_MAX + 6 + ALM_LOG_TEXT_BYTES_MAX) <=
                   ALM_LOG_LINE_BYTES_MAX,
               "a line of the longest parts fits");
_Static_assert(NUMBER_BYTES <= ALM_LOG_TEXT_BYTES_MAX, "a number is no longer than a text");

bool alm_log_level_parse(alm_str text, alm_log_level *out)
{
    for (size_t i = 0; i < sizeof LEVEL / sizeof *LEVEL; i++) {
        if (alm_str_is(text, LEVEL[i])) {
            *out = (alm_log_level)i;
            return true;
        }
    }
    return false;
}

const char *alm_log_level_text(alm_log_level level)
{
    alm_assert((size_t)level < sizeof LEVEL / sizeof *LEVEL);
    return LEVEL[level];
}

/* One character of `text` as it is written: how many bytes it takes there, how many here. */
typedef struct character {
    char written[8];
    size_t written_size;
    size_t size;
} character;

static character escaped(unsigned code, size_t size)
{
    character c = {.size = size};
    c.written_size = (size_t)snprintf(c.written, sizeof c.written, "\\u%04x", code);
    return c;
}

static character next_character(alm_str text)
{
    const unsigned char *p = (const unsigned char *)text.data;
    if (p[0] < 0x80) {
        switch (p[0]) {
        case '"': return (character){"\\\"", 2, 1};
        case '\\': return (character){"\\\\", 2, 1};
        case '\n': return (character){"\\n", 2, 1};
        case '\r': return (character){"\\r", 2, 1};
        case '\t': return (character){"\\t", 2, 1};
        default: break;
        }
        if (p[0] < 0x20 || p[0] == 0x7F) {
            return escaped(p[0], 1);
        }
        return (character){{(char)p[0]}, 1, 1};
    }
    size_t size = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (size > text.size || !alm_str_is_utf8((alm_str){text.data, size}, NULL)) {
        return (character){"\xEF\xBF\xBD", 3, 1};
    }
    if (p[0] == 0xC2 && p[1] < 0xA0) {
        return escaped(p[1], 2);
    }
    if (p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9)) {
        return escaped(0x2000u + (p[2] & 0x3Fu), 3);
    }
    character c = {.written_size = size, .size = size};
    memcpy(c.written, p, size);
    return c;
}

/* At most `limit` bytes between the quotation marks; whether all of it fitted. */
static bool append_quoted(alm_buffer *out, alm_str text, size_t limit)
{
    size_t written = 0;
    alm_buffer_append(out, "\"", 1);
    while (text.size > 0) {
        /* A run of plain characters is copied at once. */
        size_t run = 0;
        while (run < text.size && written + run < limit) {
            unsigned char c = (unsigned char)text.data[run];
            if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\') {
                break;
            }
            run++;
        }
        alm_buffer_append(out, text.data, run);
        written += run;
        text.data += run;
        text.size -= run;
        if (text.size == 0) {
            break;
        }
        character c = next_character(text);
        if (written + c.written_size > limit) {
            break;
        }
        alm_buffer_append(out, c.written, c.written_size);
        written += c.written_size;
        text.data += c.size;
        text.size -= c.size;
    }
    alm_buffer_append(out, "\"", 1);
    return text.size == 0;
}

static bool is_key(const char *key)
{
    static const char *const OURS[] = {"time", "level", "message", "request_id", "trace_id", "cut"};
    size_t size = strlen(key);
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) {
        if (strcmp(key, OURS[i]) == 0) {
            return false;
        }
    }
    return size > 0 && size <= ALM_LOG_KEY_BYTES_MAX && key[0] >= 'a' && key[0] <= 'z' &&
           strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static void append_number(alm_buffer *out, double number)
{
    if (isfinite(number)) {
        alm_buffer_double(out, number);
    } else {
        alm_buffer_text(out, isnan(number) ? "\"nan\"" : number > 0 ? "\"inf\"" : "\"-inf\"");
    }
}

/* Without printf, which would take half of the time of a line. */
static void append_key(alm_buffer *out, const char *key)
{
    alm_buffer_append(out, ",\"", 2);
    alm_buffer_text(out, key);
    alm_buffer_append(out, "\":", 2);
}

static bool append_field(alm_buffer *out, const alm_log_field *field)
{
    alm_assert(is_key(field->key));
    append_key(out, field->key);
    switch (field->kind) {
    case ALM_LOG_FIELD_TEXT: return append_quoted(out, field->text, ALM_LOG_TEXT_BYTES_MAX);
    case ALM_LOG_FIELD_INTEGER: alm_buffer_printf(out, "%" PRId64, field->integer); break;
    case ALM_LOG_FIELD_NUMBER: append_number(out, field->number); break;
    case ALM_LOG_FIELD_FLAG: alm_buffer_text(out, field->integer ? "true" : "false"); break;
    case ALM_LOG_FIELD_SECRET: alm_buffer_text(out, "\"***\""); break;
    }
    return true;
}

static bool append_id(alm_buffer *out, const char *key, alm_str id)
{
    if (id.size == 0) {
        return true;
    }
    append_key(out, key);
    return append_quoted(out, id, ALM_LOG_ID_BYTES_MAX);
}

bool alm_log_line(const alm_log_event *event, alm_log_level limit, alm_buffer *out)
{
    if (event->level > limit) {
        return false;
    }
    char time[ALM_INSTANT_TEXT_BYTES];
    size_t before = out->size;
    alm_instant_text(event->time, time);
    alm_buffer_text(out, "{\"time\":\"");
    alm_buffer_text(out, time);
    alm_buffer_text(out, "\",\"level\":\"");
    alm_buffer_text(out, alm_log_level_text(event->level));
    alm_buffer_text(out, "\",\"message\":");
    bool whole = append_quoted(out, event->message, ALM_LOG_MESSAGE_BYTES_MAX);
    whole = append_id(out, "request_id", event->request_id) && whole;
    whole = append_id(out, "trace_id", event->trace_id) && whole;
    for (size_t i = 0; i < event->field_count && i < ALM_LOG_FIELDS_MAX; i++) {
        whole = append_field(out, &event->field[i]) && whole;
    }
    whole = whole && event->field_count <= ALM_LOG_FIELDS_MAX;
    alm_buffer_text(out, whole ? "}\n" : ",\"cut\":true}\n");
    if (out->failed && out->data) {
        out->size = before;
        out->data[before] = '\0';
    }
    return !out->failed;
}
