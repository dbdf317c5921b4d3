/* document_value.c: finding and reading values of document_value.h. */
#include "model/import/document_value.h"

#include <math.h>
#include <string.h>

#include "model/forest/forest_internal.h"

alm_err almi_doc_damaged(const almi_doc_file *file, size_t offset, const char *what)
{
    return alm_fail(file->error, ALM_ERR_CORRUPT,
                    "%s: byte %zu: %s; this is not a whole %s model", file->name, offset, what,
                    file->library);
}

alm_err almi_doc_add(const almi_doc_file *file, almi_doc_value *parent, almi_doc_value **last,
                     almi_doc_value **out)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(file->arena, sizeof(almi_doc_value), &memory, file->error));
    *out = memory;
    if (parent == NULL) {
        return ALM_OK;
    }
    if (*last == NULL) {
        parent->first = *out;
    } else {
        (*last)->next = *out;
    }
    *last = *out;
    parent->count++;
    return ALM_OK;
}

/* ---- numbers ---- */

size_t almi_doc_number_size(char type)
{
    switch (type) {
    case 'i':
    case 'U':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

static uint64_t big_endian(alm_str bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        value = value << 8 | (uint8_t)bytes.data[i];
    }
    return value;
}

static bool decimal_float(alm_str text, float *out)
{
    if (alm_str_is(text, "NaN")) {
        *out = NAN;
        return true;
    }
    if (alm_str_is(text, "Infinity") || alm_str_is(text, "-Infinity")) {
        *out = text.data[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    return alm_str_to_float(text, out);
}

bool almi_doc_as_float(char type, alm_str bytes, float *out)
{
    int64_t integer = 0;
    if (type == ALMI_DOC_DECIMAL) {
        return decimal_float(bytes, out);
    }
    uint64_t bits = big_endian(bytes);
    if (type == 'd') {
        uint32_t half = (uint32_t)bits;
        memcpy(out, &half, sizeof *out);
        return true;
    }
    if (type == 'D') {
        double wide = 0;
        memcpy(&wide, &bits, sizeof wide);
        *out = (float)wide;
        return true;
    }
    if (!almi_doc_as_i64(type, bytes, &integer)) {
        return false;
    }
    *out = (float)integer;
    return true;
}

bool almi_doc_as_double(char type, alm_str bytes, double *out)
{
    float single = 0;
    int64_t integer = 0;
    if (type == ALMI_DOC_DECIMAL) {
        return alm_str_to_double(bytes, out);
    }
    if (type == 'D') {
        uint64_t bits = big_endian(bytes);
        memcpy(out, &bits, sizeof *out);
        return true;
    }
    bool is_float = type == 'd' && almi_doc_as_float(type, bytes, &single);
    bool is_integer = type != 'd' && almi_doc_as_i64(type, bytes, &integer);
    if (is_float || is_integer) {
        *out = is_float ? (double)single : (double)integer;
    }
    return is_float || is_integer;
}

bool almi_doc_as_i64(char type, alm_str bytes, int64_t *out)
{
    if (type == ALMI_DOC_DECIMAL) {
        bool yes = alm_str_is(bytes, "true");
        if (yes || alm_str_is(bytes, "false")) {
            *out = yes;
            return true;
        }
        return alm_str_to_i64(bytes, out);
    }
    uint64_t bits = big_endian(bytes);
    switch (type) {
    case 'T':
    case 'F':
        *out = type == 'T';
        return true;
    case 'i':
        *out = (int8_t)bits;
        return true;
    case 'U':
        *out = (int64_t)bits;
        return true;
    case 'I':
        *out = (int16_t)bits;
        return true;
    case 'l':
        *out = (int32_t)bits;
        return true;
    case 'L':
        *out = (int64_t)bits;
        return true;
    default:
        return false;
    }
}

/* ---- members ---- */

alm_err almi_doc_member(const almi_doc_file *file, const almi_doc_value *object, const char *key,
                        const almi_doc_value **out)
{
    *out = NULL;
    if (object == NULL || object->kind != ALMI_DOC_OBJECT) {
        return ALM_OK;
    }
    for (const almi_doc_value *at = object->first; at != NULL; at = at->next) {
        if (!alm_str_is(at->key, key)) {
            continue;
        }
        if (*out != NULL) {
            return alm_fail(file->error, ALM_ERR_CORRUPT,
                            "%s: byte %zu: the key '%s' is there twice", file->name, at->offset,
                            key);
        }
        *out = at;
    }
    return ALM_OK;
}

static const char *kind_name(almi_doc_kind kind)
{
    static const char *const name[] = {[ALMI_DOC_NULL] = "null",
                                       [ALMI_DOC_NUMBER] = "a number",
                                       [ALMI_DOC_TEXT] = "a text",
                                       [ALMI_DOC_NUMBERS] = "numbers",
                                       [ALMI_DOC_LIST] = "a list",
                                       [ALMI_DOC_OBJECT] = "an object"};
    return name[kind];
}

alm_err almi_doc_need(const almi_doc_file *file, const almi_doc_value *object, const char *key,
                      almi_doc_kind kind, const almi_doc_value **out)
{
    ALM_TRY(almi_doc_member(file, object, key, out));
    if (*out == NULL) {
        return alm_fail(file->error, ALM_ERR_CORRUPT,
                        "%s: byte %zu: the key '%s' is missing; this is not a whole %s model",
                        file->name, object->offset, key, file->library);
    }
    if ((*out)->kind != kind) {
        return alm_fail(file->error, ALM_ERR_CORRUPT, "%s: byte %zu: '%s' must be %s, it is %s",
                        file->name, (*out)->offset, key, kind_name(kind), kind_name((*out)->kind));
    }
    return ALM_OK;
}

alm_err almi_doc_integer(const almi_doc_file *file, const almi_doc_value *object, const char *key,
                         int64_t absent, int64_t *out)
{
    const almi_doc_value *value = NULL;
    ALM_TRY(almi_doc_member(file, object, key, &value));
    if (value == NULL) {
        *out = absent;
        return ALM_OK;
    }
    bool fits = value->kind == ALMI_DOC_TEXT
                    ? alm_str_to_i64(value->bytes, out)
                    : value->kind == ALMI_DOC_NUMBER &&
                          almi_doc_as_i64(value->type, value->bytes, out);
    if (!fits) {
        return alm_fail(file->error, ALM_ERR_CORRUPT, "%s: byte %zu: '%s' is not a whole number",
                        file->name, value->offset, key);
    }
    return ALM_OK;
}

/* ---- arrays ---- */

/* Walks the items of NUMBERS and of a LIST of numbers. */
typedef struct cursor {
    const almi_doc_value *array, *item;
    alm_str rest;
} cursor;

static cursor items_of(const almi_doc_value *array)
{
    return (cursor){array, array->first, array->bytes};
}

static bool next_number(cursor *at, char *type, alm_str *bytes)
{
    if (at->array->kind == ALMI_DOC_LIST) {
        const almi_doc_value *item = at->item;
        if (item == NULL || item->kind != ALMI_DOC_NUMBER) {
            return false;
        }
        *type = item->type;
        *bytes = item->bytes;
        at->item = item->next;
        return true;
    }
    *type = at->array->type;
    if (*type == ALMI_DOC_DECIMAL) {
        if (at->rest.data == NULL) {
            return false;
        }
        *bytes = alm_str_trim(alm_str_split(&at->rest, ','));
        return true;
    }
    size_t size = almi_doc_number_size(*type);
    *bytes = (alm_str){at->rest.data, size};
    at->rest.data += size;
    at->rest.size -= size;
    return true;
}

static alm_err check_array(const almi_doc_file *file, const almi_doc_value *array,
                           const almi_doc_array *want)
{
    if (array == NULL) {
        return alm_fail(file->error, ALM_ERR_CORRUPT, "%s: %s has no %s", file->name, want->where,
                        want->key);
    }
    if (array->kind != ALMI_DOC_NUMBERS && array->kind != ALMI_DOC_LIST) {
        return alm_fail(file->error, ALM_ERR_CORRUPT, "%s: %s: %s is %s, not an array", file->name,
                        want->where, want->key, kind_name(array->kind));
    }
    if (array->count != want->count) {
        return alm_fail(file->error, ALM_ERR_CORRUPT, "%s: %s: %s has %zu values, %zu are needed",
                        file->name, want->where, want->key, array->count, want->count);
    }
    return ALM_OK;
}

static alm_err bad_item(const almi_doc_file *file, const almi_doc_array *want, size_t index)
{
    return alm_fail(file->error, ALM_ERR_CORRUPT, "%s: %s: %s[%zu] is not a valid value",
                    file->name, want->where, want->key, index);
}

alm_err almi_doc_floats(const almi_doc_file *file, const almi_doc_value *array,
                        almi_doc_array want, float **out)
{
    float *value = NULL;
    ALM_TRY(check_array(file, array, &want));
    ALM_TRY(ALMI_FOREST_ARRAY(want.arena, want.count, value, file->error));
    cursor at = items_of(array);
    for (size_t i = 0; i < want.count; i++) {
        char type = 0;
        alm_str bytes;
        if (!next_number(&at, &type, &bytes) || !almi_doc_as_float(type, bytes, &value[i])) {
            return bad_item(file, &want, i);
        }
    }
    *out = value;
    return ALM_OK;
}

alm_err almi_doc_doubles(const almi_doc_file *file, const almi_doc_value *array,
                         almi_doc_array want, double **out)
{
    double *value = NULL;
    ALM_TRY(check_array(file, array, &want));
    ALM_TRY(ALMI_FOREST_ARRAY(want.arena, want.count, value, file->error));
    cursor at = items_of(array);
    for (size_t i = 0; i < want.count; i++) {
        char type = 0;
        alm_str bytes;
        if (!next_number(&at, &type, &bytes) || !almi_doc_as_double(type, bytes, &value[i])) {
            return bad_item(file, &want, i);
        }
    }
    *out = value;
    return ALM_OK;
}

alm_err almi_doc_integers(const almi_doc_file *file, const almi_doc_value *array,
                          almi_doc_array want, int32_t **out)
{
    int32_t *value = NULL;
    ALM_TRY(check_array(file, array, &want));
    ALM_TRY(ALMI_FOREST_ARRAY(want.arena, want.count, value, file->error));
    cursor at = items_of(array);
    for (size_t i = 0; i < want.count; i++) {
        char type = 0;
        alm_str bytes;
        int64_t number = 0;
        if (!next_number(&at, &type, &bytes) || !almi_doc_as_i64(type, bytes, &number) ||
            number < want.low || number > want.high) {
            return bad_item(file, &want, i);
        }
        value[i] = (int32_t)number;
    }
    *out = value;
    return ALM_OK;
}
