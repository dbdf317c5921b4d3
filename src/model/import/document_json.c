/* document_json.c: JSON as XGBoost (src/common/json.cc) and CatBoost write it, to values.
 *
 * That is JSON, in XGBoost with the bare words NaN, Infinity and -Infinity. The text is read once,
 * without recursion into arrays of numbers, which are only counted here. */
#include <string.h>

#include "model/import/document_value.h"

typedef struct reader {
    const almi_doc_file *file;
    size_t at;
    int depth;
} reader;

static alm_err damaged(const reader *r, const char *what)
{
    return almi_doc_damaged(r->file, r->at, what);
}

/* The next byte, NUL at the end of the file (where a NUL in the file is no valid byte either). */
static char peek(const reader *r)
{
    return r->at < r->file->bytes.size ? r->file->bytes.data[r->at] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void skip_blanks(reader *r)
{
    while (is_blank(peek(r))) {
        r->at++;
    }
}

static alm_err expect(reader *r, char c, const char *what)
{
    skip_blanks(r);
    if (peek(r) != c) {
        return damaged(r, what);
    }
    r->at++;
    return ALM_OK;
}

/* ---- texts ---- */

static bool hex_value(alm_str digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.size; i++) {
        char c = digits.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out * 16 + (uint32_t)digit;
    }
    return true;
}

static size_t put_utf8(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The four digits of \u at *i, or with a second escape behind it a pair of surrogates. */
static bool unicode_escape(alm_str from, size_t *i, uint32_t *code)
{
    uint32_t low = 0;
    if (from.size - *i < 4 || !hex_value((alm_str){from.data + *i, 4}, code) || *code == 0) {
        return false;
    }
    *i += 4;
    if (*code < 0xD800 || *code >= 0xE000) {
        return true;
    }
    const char *next = from.data + *i;
    if (*code >= 0xDC00 || from.size - *i < 6 || next[0] != '\\' || next[1] != 'u' ||
        !hex_value((alm_str){next + 2, 4}, &low) || low < 0xDC00 || low >= 0xE000) {
        return false;
    }
    *i += 6;
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* One escape of `from` at *i, which points behind the backslash; 0: not a valid one. No escape
 * becomes longer than it was. */
static size_t put_escape(alm_str from, size_t *i, char *to)
{
    static const char letter[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    char c = from.data[(*i)++];
    const char *known = c != '\0' ? strchr(letter, c) : NULL;
    uint32_t code = 0;
    if (known != NULL) {
        *to = meaning[known - letter];
        return 1;
    }
    return c == 'u' && unicode_escape(from, i, &code) ? put_utf8(code, to) : 0;
}

static alm_err unescape(const reader *r, alm_str from, alm_str *out)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(r->file->arena, from.size, &memory, r->file->error));
    char *to = memory;
    size_t size = 0;
    for (size_t i = 0; i < from.size;) {
        if (from.data[i] != '\\') {
            to[size++] = from.data[i++];
            continue;
        }
        i++;
        size_t put = put_escape(from, &i, to + size);
        if (put == 0) {
            return damaged(r, "an escape in the text before is not valid");
        }
        size += put;
    }
    *out = (alm_str){to, size};
    return ALM_OK;
}

static alm_err read_text(reader *r, alm_str *out)
{
    bool escaped = false;
    ALM_TRY(expect(r, '"', "expected a text"));
    size_t begin = r->at;
    while (r->at < r->file->bytes.size && peek(r) != '"') {
        bool escape = peek(r) == '\\';
        escaped = escaped || escape;
        r->at += escape ? 2 : 1;
    }
    if (r->at >= r->file->bytes.size) {
        r->at = r->file->bytes.size;
        return damaged(r, "the file ends inside a text");
    }
    *out = (alm_str){r->file->bytes.data + begin, r->at - begin};
    r->at++;
    return escaped ? unescape(r, *out, out) : ALM_OK;
}

/* ---- values ---- */

/* A number or a bare word; what it says is read later, by who wants it. */
static alm_err skip_word(reader *r)
{
    size_t begin = r->at;
    char c = peek(r);
    while ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '+' || c == '-' || c == '.') {
        r->at++;
        c = peek(r);
    }
    return r->at == begin ? damaged(r, "expected a value") : ALM_OK;
}

static alm_err read_value(reader *r, almi_doc_value *value);

static bool starts_container(char c)
{
    return c == '{' || c == '[' || c == '"';
}

static alm_err read_items(reader *r, almi_doc_value *value);

/* From behind the '[', when the first item is a number. If a later one is none, as in CatBoost's
 * [scale, [bias]], it is a list, read once more from its begin. */
static alm_err read_numbers(reader *r, almi_doc_value *value)
{
    size_t begin = r->at;
    value->kind = ALMI_DOC_NUMBERS;
    value->type = ALMI_DOC_DECIMAL;
    while (true) {
        skip_blanks(r);
        if (starts_container(peek(r))) {
            r->at = begin;
            value->kind = ALMI_DOC_LIST;
            value->count = 0;
            return read_items(r, value);
        }
        ALM_TRY(skip_word(r));
        value->count++;
        skip_blanks(r);
        if (peek(r) == ']') {
            break;
        }
        ALM_TRY(expect(r, ',', "expected ',' or ']'"));
    }
    value->bytes = (alm_str){r->file->bytes.data + begin, r->at - begin};
    r->at++;
    return ALM_OK;
}

static alm_err read_items(reader *r, almi_doc_value *value)
{
    almi_doc_value *last = NULL, *item = NULL;
    while (true) {
        ALM_TRY(almi_doc_add(r->file, value, &last, &item));
        ALM_TRY(read_value(r, item));
        skip_blanks(r);
        if (peek(r) == ']') {
            r->at++;
            return ALM_OK;
        }
        ALM_TRY(expect(r, ',', "expected ',' or ']'"));
    }
}

static alm_err read_list(reader *r, almi_doc_value *value)
{
    value->kind = ALMI_DOC_LIST;
    r->at++;
    skip_blanks(r);
    if (peek(r) == ']') {
        r->at++;
        return ALM_OK;
    }
    return starts_container(peek(r)) ? read_items(r, value) : read_numbers(r, value);
}

static alm_err read_object(reader *r, almi_doc_value *value)
{
    almi_doc_value *last = NULL, *item = NULL;
    value->kind = ALMI_DOC_OBJECT;
    r->at++;
    skip_blanks(r);
    if (peek(r) == '}') {
        r->at++;
        return ALM_OK;
    }
    while (true) {
        alm_str key;
        ALM_TRY(read_text(r, &key));
        ALM_TRY(expect(r, ':', "expected ':'"));
        ALM_TRY(almi_doc_add(r->file, value, &last, &item));
        ALM_TRY(read_value(r, item));
        item->key = key;
        skip_blanks(r);
        if (peek(r) == '}') {
            r->at++;
            return ALM_OK;
        }
        ALM_TRY(expect(r, ',', "expected ',' or '}'"));
    }
}

static alm_err read_value(reader *r, almi_doc_value *value)
{
    skip_blanks(r);
    value->offset = r->at;
    char c = peek(r);
    if (c == '"') {
        value->kind = ALMI_DOC_TEXT;
        return read_text(r, &value->bytes);
    }
    if (c != '{' && c != '[') {
        ALM_TRY(skip_word(r));
        value->bytes = (alm_str){r->file->bytes.data + value->offset, r->at - value->offset};
        value->kind = alm_str_is(value->bytes, "null") ? ALMI_DOC_NULL : ALMI_DOC_NUMBER;
        value->type = ALMI_DOC_DECIMAL;
        return ALM_OK;
    }
    if (++r->depth > ALMI_DOC_DEPTH_MAX) {
        return damaged(r, "values are nested too deep");
    }
    ALM_TRY(c == '{' ? read_object(r, value) : read_list(r, value));
    r->depth--;
    return ALM_OK;
}

alm_err almi_doc_read_json(const almi_doc_file *file, const almi_doc_value **out)
{
    reader r = {.file = file};
    almi_doc_value *root = NULL;
    ALM_TRY(almi_doc_add(file, NULL, NULL, &root));
    ALM_TRY(read_value(&r, root));
    skip_blanks(&r);
    if (r.at != file->bytes.size) {
        return damaged(&r, "something follows the model");
    }
    *out = root;
    return ALM_OK;
}
