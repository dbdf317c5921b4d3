#include "http/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/date.h"

#define COUNT_MAX 65536

const alm_schema alm_schema_string = {.kind = ALM_SCHEMA_STRING};
const alm_schema alm_schema_name = {.kind = ALM_SCHEMA_NAME, .count_max = ALM_NAME_CHARACTERS_MAX};
const alm_schema alm_schema_date = {.kind = ALM_SCHEMA_DATE};
const alm_schema alm_schema_instant = {.kind = ALM_SCHEMA_INSTANT};
const alm_schema alm_schema_number = {.kind = ALM_SCHEMA_NUMBER};
const alm_schema alm_schema_integer = {.kind = ALM_SCHEMA_INTEGER};
const alm_schema alm_schema_boolean = {.kind = ALM_SCHEMA_BOOLEAN};
const alm_schema alm_schema_any = {.kind = ALM_SCHEMA_ANY};

/* ---- checking ---- */

typedef struct checker {
    char *pointer; /* ALM_POINTER_BYTES; the place at hand */
    size_t size;
    size_t left_out; /* keys at its end that had no room */
    alm_error *error;
} checker;

static bool is_escaped(char letter)
{
    return letter == '~' || letter == '/';
}

/* Adds "/key" (RFC 6901: ~ and / escaped). A key that does not fit is left out as a whole, and so
 * is what is inside it: a pointer may end early, it never points elsewhere. */
static void enter(checker *c, alm_str key)
{
    size_t size = 1;
    for (size_t i = 0; i < key.size; i++) {
        size += is_escaped(key.data[i]) ? 2 : 1;
    }
    if (c->left_out > 0 || size >= ALM_POINTER_BYTES - c->size) {
        c->left_out++;
        return;
    }
    c->pointer[c->size++] = '/';
    for (size_t i = 0; i < key.size; i++) {
        char letter = key.data[i];
        if (is_escaped(letter)) {
            c->pointer[c->size++] = '~';
            letter = letter == '~' ? '0' : '1';
        }
        c->pointer[c->size++] = letter;
    }
    c->pointer[c->size] = '\0';
}

static void leave(checker *c, size_t size)
{
    c->left_out -= c->left_out > 0;
    c->size = size;
    c->pointer[size] = '\0';
}

static alm_err fault(const checker *c, const char *what)
{
    return alm_fail(c->error, ALM_ERR_INVALID, "%s: %s", c->size > 0 ? c->pointer : "the body",
                    what);
}

static size_t count_limit(const alm_schema *schema)
{
    return schema->count_max ? schema->count_max : COUNT_MAX;
}

static alm_err check(checker *c, const alm_schema *schema, const alm_json *value);

static alm_err unknown_key(checker *c, const alm_schema *schema, alm_str key)
{
    alm_buffer text = {0};
    alm_buffer_text(&text, "there is no key '");
    alm_buffer_visible(&text, key.size > 64 ? (alm_str){key.data, 64} : key);
    alm_buffer_text(&text, "' here; known are");
    for (size_t i = 0; i < schema->member_count; i++) {
        alm_buffer_printf(&text, "%s %s", i > 0 ? "," : "", schema->member[i].key);
    }
    alm_err code = fault(c, text.data);
    alm_buffer_deinit(&text);
    return code;
}

static alm_err check_object(checker *c, const alm_schema *schema, const alm_json *value)
{
    size_t count = alm_json_count(value);
    size_t here = c->size;
    for (size_t i = 0; i < schema->member_count; i++) {
        const alm_schema_member *member = &schema->member[i];
        const alm_json *found = alm_json_member(value, member->key);
        if (!found && member->required) {
            char text[128];
            snprintf(text, sizeof text, "key '%s' is missing", member->key);
            return fault(c, text);
        }
        if (found) {
            enter(c, alm_str_of(member->key));
            ALM_TRY(check(c, member->schema, found));
            leave(c, here);
            count--;
        }
    }
    for (size_t i = 0; count > 0 && !schema->is_open && i < alm_json_count(value); i++) {
        alm_str key;
        (void)alm_json_member_at(value, i, &key);
        bool is_known = false;
        for (size_t k = 0; k < schema->member_count; k++) {
            is_known = is_known || alm_str_is(key, schema->member[k].key);
        }
        if (!is_known) {
            return unknown_key(c, schema, key);
        }
    }
    return ALM_OK;
}

static alm_err check_count(const checker *c, const alm_schema *schema, size_t count,
                           const char *what)
{
    char text[128];
    if (count < schema->count_min || count > count_limit(schema)) {
        snprintf(text, sizeof text, "%zu %s; there may be %zu to %zu", count, what,
                 schema->count_min, count_limit(schema));
        return fault(c, text);
    }
    return ALM_OK;
}

static alm_err check_items(checker *c, const alm_schema *schema, const alm_json *value)
{
    size_t count = alm_json_count(value);
    size_t here = c->size;
    ALM_TRY(check_count(c, schema, count, "items"));
    for (size_t i = 0; i < count && !schema->is_tolerant; i++) {
        char index[24];
        alm_str key;
        const alm_json *item = NULL;
        if (schema->kind == ALM_SCHEMA_MAP) {
            item = alm_json_member_at(value, i, &key);
        } else {
            int size = snprintf(index, sizeof index, "%zu", i);
            key = (alm_str){index, (size_t)size};
            item = alm_json_at(value, i);
        }
        enter(c, key);
        ALM_TRY(check(c, schema->items, item));
        leave(c, here);
    }
    return ALM_OK;
}

static alm_err check_choice(const checker *c, const alm_schema *schema, alm_str text)
{
    alm_buffer known = {0};
    alm_buffer_text(&known, "it may be");
    for (size_t i = 0; schema->choices[i]; i++) {
        if (alm_str_is(text, schema->choices[i])) {
            alm_buffer_deinit(&known);
            return ALM_OK;
        }
        alm_buffer_printf(&known, "%s %s", i > 0 ? "," : "", schema->choices[i]);
    }
    alm_err code = fault(c, known.data);
    alm_buffer_deinit(&known);
    return code;
}

size_t alm_schema_characters(alm_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

bool alm_schema_is_plain(alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static alm_err check_text(checker *c, const alm_schema *schema, alm_str text)
{
    alm_date date;
    alm_instant instant;
    ALM_TRY(check_count(c, schema, alm_schema_characters(text), "characters"));
    switch (schema->kind) {
    case ALM_SCHEMA_NAME:
        if (text.size == 0) {
            return fault(c, "a name is not empty");
        }
        return alm_schema_is_plain(text) ? ALM_OK
                                         : fault(c, "a name holds no control characters");
    case ALM_SCHEMA_DATE:
        return alm_date_parse(text, &date) ? ALM_OK : fault(c, "expected a date, YYYY-MM-DD");
    case ALM_SCHEMA_INSTANT:
        return alm_instant_parse(text, &instant)
                   ? ALM_OK
                   : fault(c, "expected a date and time, such as 2026-03-01T12:00:00Z");
    default:
        return schema->choices ? check_choice(c, schema, text) : ALM_OK;
    }
}

static alm_err check_number(const checker *c, const alm_schema *schema, double value)
{
    char text[160], low[32], high[32];
    if ((schema->min != 0 || schema->max != 0) && (value < schema->min || value > schema->max)) {
        (void)alm_double_text(schema->min, low);
        (void)alm_double_text(schema->max, high);
        snprintf(text, sizeof text, "it may be %s to %s", low, high);
        return fault(c, text);
    }
    return ALM_OK;
}

static const char *kind_name(alm_schema_kind kind)
{
    static const char *const names[] = {
        "an object", "an array",     "an object", "a text",    "a text",    "a text",
        "a text",    "a number", "a whole number", "true or false", "anything",
    };
    return names[kind];
}

static bool fits(alm_schema_kind kind, alm_json_kind found)
{
    switch (kind) {
    case ALM_SCHEMA_OBJECT:
    case ALM_SCHEMA_MAP:
        return found == ALM_JSON_OBJECT;
    case ALM_SCHEMA_ARRAY:
        return found == ALM_JSON_ARRAY;
    case ALM_SCHEMA_NUMBER:
        return found == ALM_JSON_DOUBLE || found == ALM_JSON_INTEGER;
    case ALM_SCHEMA_INTEGER:
        return found == ALM_JSON_INTEGER;
    case ALM_SCHEMA_BOOLEAN:
        return found == ALM_JSON_BOOL;
    case ALM_SCHEMA_ANY:
        return true;
    default:
        return found == ALM_JSON_STRING;
    }
}

static alm_err check(checker *c, const alm_schema *schema, const alm_json *value)
{
    alm_json_kind found = alm_json_kind_of(value);
    double number = 0;
    alm_str text = {NULL, 0};
    if (found == ALM_JSON_NULL && schema->is_nullable) {
        return ALM_OK;
    }
    if (schema->or_one && found == ALM_JSON_OBJECT) {
        return check(c, schema->items, value);
    }
    if (!fits(schema->kind, found)) {
        char what[64];
        snprintf(what, sizeof what, "expected %s%s", kind_name(schema->kind),
                 schema->is_nullable ? " or null" : "");
        return fault(c, what);
    }
    switch (schema->kind) {
    case ALM_SCHEMA_OBJECT:
        return check_object(c, schema, value);
    case ALM_SCHEMA_ARRAY:
    case ALM_SCHEMA_MAP:
        return check_items(c, schema, value);
    case ALM_SCHEMA_NUMBER:
    case ALM_SCHEMA_INTEGER:
        (void)alm_json_as_double(value, &number);
        return check_number(c, schema, number);
    case ALM_SCHEMA_BOOLEAN:
    case ALM_SCHEMA_ANY:
        return ALM_OK;
    default:
        (void)alm_json_as_str(value, &text);
        return check_text(c, schema, text);
    }
}

alm_err alm_schema_check(const alm_schema *schema, const alm_json *value,
                         char pointer[ALM_POINTER_BYTES], alm_error *error)
{
    checker c = {.pointer = pointer, .error = error};
    pointer[0] = '\0';
    return check(&c, schema, value);
}

/* ---- writing ---- */

static const char *type_name(alm_schema_kind kind)
{
    static const char *const names[] = {
        "object", "array", "object", "string", "string", "string", "string",
        "number", "integer", "boolean", NULL,
    };
    return names[kind];
}

static void write_type(const alm_schema *schema, alm_json_writer *json)
{
    const char *type = type_name(schema->kind);
    if (!type) {
        return;
    }
    alm_json_key(json, "type");
    if (!schema->is_nullable) {
        alm_json_text(json, type);
        return;
    }
    alm_json_open_array(json);
    alm_json_text(json, type);
    alm_json_text(json, "null");
    alm_json_close_array(json);
}

static void write_text_rules(const alm_schema *schema, alm_json_writer *json)
{
    if (schema->kind == ALM_SCHEMA_DATE) {
        alm_json_put_text(json, "format", "date");
    } else if (schema->kind == ALM_SCHEMA_INSTANT) {
        alm_json_put_text(json, "format", "date-time");
    } else if (schema->kind == ALM_SCHEMA_NAME) {
        alm_json_put_text(json, "pattern", "^[^\\u0000-\\u001f\\u007f]+$");
    }
    if (schema->choices) {
        alm_json_key(json, "enum");
        alm_json_open_array(json);
        for (size_t i = 0; schema->choices[i]; i++) {
            alm_json_text(json, schema->choices[i]);
        }
        alm_json_close_array(json);
    } else if (schema->kind == ALM_SCHEMA_STRING || schema->kind == ALM_SCHEMA_NAME) {
        bool is_name = schema->kind == ALM_SCHEMA_NAME;
        alm_json_put_i64(json, "minLength",
                         (int64_t)(is_name && !schema->count_min ? 1 : schema->count_min));
        alm_json_put_i64(json, "maxLength", (int64_t)count_limit(schema));
    }
}

static void write_object(const alm_schema *schema, alm_json_writer *json)
{
    bool some = false;
    alm_json_key(json, "properties");
    alm_json_open_object(json);
    for (size_t i = 0; i < schema->member_count; i++) {
        const alm_schema_member *member = &schema->member[i];
        alm_json_key(json, member->key);
        if (!member->doc) {
            alm_schema_write(member->schema, json);
        } else if (member->schema->name) {
            /* A sibling of $ref is allowed since 2020-12. */
            char text[128];
            snprintf(text, sizeof text, "#/components/schemas/%s", member->schema->name);
            alm_json_open_object(json);
            alm_json_put_text(json, "$ref", text);
            alm_json_put_text(json, "description", member->doc);
            alm_json_close_object(json);
        } else {
            alm_schema described = *member->schema;
            described.doc = member->doc;
            alm_schema_write(&described, json);
        }
        some = some || member->required;
    }
    alm_json_close_object(json);
    if (some) {
        alm_json_key(json, "required");
        alm_json_open_array(json);
        for (size_t i = 0; i < schema->member_count; i++) {
            if (schema->member[i].required) {
                alm_json_text(json, schema->member[i].key);
            }
        }
        alm_json_close_array(json);
    }
    if (!schema->is_open) {
        alm_json_put_bool(json, "additionalProperties", false);
    }
}

/* One item, or the same schema without that choice. */
static void write_or_one(const alm_schema *schema, alm_json_writer *json)
{
    alm_schema many = *schema;
    many.or_one = false;
    many.name = NULL;
    many.doc = NULL;
    if (schema->doc) {
        alm_json_put_text(json, "description", schema->doc);
    }
    alm_json_key(json, "anyOf");
    alm_json_open_array(json);
    alm_schema_write(schema->items, json);
    alm_schema_write(&many, json);
    alm_json_close_array(json);
}

/* Of a tolerant array anything is taken: what an item should be comes first. */
static void write_items(const alm_schema *schema, alm_json_writer *json)
{
    if (!schema->is_tolerant) {
        alm_schema_write(schema->items, json);
        return;
    }
    alm_json_open_object(json);
    alm_json_key(json, "anyOf");
    alm_json_open_array(json);
    alm_schema_write(schema->items, json);
    alm_schema_write(&alm_schema_any, json);
    alm_json_close_array(json);
    alm_json_close_object(json);
}

void alm_schema_write_component(const alm_schema *schema, alm_json_writer *json)
{
    alm_json_open_object(json);
    if (schema->or_one) {
        write_or_one(schema, json);
        alm_json_close_object(json);
        return;
    }
    write_type(schema, json);
    if (schema->doc) {
        alm_json_put_text(json, "description", schema->doc);
    }
    switch (schema->kind) {
    case ALM_SCHEMA_OBJECT:
        write_object(schema, json);
        break;
    case ALM_SCHEMA_ARRAY:
        alm_json_put_i64(json, "minItems", (int64_t)schema->count_min);
        alm_json_put_i64(json, "maxItems", (int64_t)count_limit(schema));
        alm_json_key(json, "items");
        write_items(schema, json);
        break;
    case ALM_SCHEMA_MAP:
        alm_json_put_i64(json, "minProperties", (int64_t)schema->count_min);
        alm_json_put_i64(json, "maxProperties", (int64_t)count_limit(schema));
        alm_json_key(json, "additionalProperties");
        alm_schema_write(schema->items, json);
        break;
    case ALM_SCHEMA_NUMBER:
    case ALM_SCHEMA_INTEGER:
        if (schema->min != 0 || schema->max != 0) {
            alm_json_put_double(json, "minimum", schema->min);
            alm_json_put_double(json, "maximum", schema->max);
        }
        break;
    case ALM_SCHEMA_BOOLEAN:
    case ALM_SCHEMA_ANY:
        break;
    default:
        write_text_rules(schema, json);
    }
    alm_json_close_object(json);
}

void alm_schema_write(const alm_schema *schema, alm_json_writer *json)
{
    char text[128];
    if (!schema->name) {
        alm_schema_write_component(schema, json);
        return;
    }
    snprintf(text, sizeof text, "#/components/schemas/%s", schema->name);
    alm_json_open_object(json);
    alm_json_put_text(json, "$ref", text);
    alm_json_close_object(json);
}
