/* json.c: reading through jansson; the only file that includes jansson.h.
 *
 * jansson checks the grammar; its tree is then copied into one heap block of our own and freed. The
 * copy gives strings with sizes, members by position in constant time (jansson walks a list), and
 * members by name through a sorted index, and it needs exactly one allocation, whose size is
 * counted first. */
#include "base/json.h"

#include <jansson.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, INDEX_MIN = 9 }; /* fewer members than INDEX_MIN are searched in order */

struct alm_json {
    alm_json_kind kind;
    alm_str key; /* name in the parent object; empty elsewhere */
    union {
        bool boolean;
        int64_t integer;
        double real;
        alm_str text;
        struct {
            const alm_json *items;          /* `count` values in document order */
            const alm_json *const *by_key;  /* sorted by key; NULL below INDEX_MIN members */
            size_t count;
        } list;
    } as;
};

struct alm_json_document {
    const alm_json *root;
};

/* What the copy needs, and then where its next free place is. */
typedef struct layout {
    size_t values;
    size_t index_entries;
    size_t text_bytes;
} layout;

typedef struct copier {
    alm_json *values;
    const alm_json **index;
    char *text;
} copier;

/* ---- reading ---- */

/* jansson allows 2048 levels. Counting brackets outside strings beforehand gives a place for the
 * message and bounds every recursion below; commas and brackets bound the number of values. */
static alm_err check_size(alm_str text, const char *name, size_t most, alm_error *error)
{
    size_t depth = 0;
    size_t values = 1;
    size_t line = 1;
    size_t line_start = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '\n') {
            line++;
            line_start = i + 1;
        } else if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == ',') {
            values++;
        } else if (c == '[' || c == '{') {
            values += ALM_JSON_LIST_VALUES;
            if (++depth > DEPTH_MAX) {
                return alm_fail(error, ALM_ERR_INVALID,
                                "%s:%zu:%zu: nested deeper than %d levels", name, line,
                                i - line_start + 1, DEPTH_MAX);
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    if (values > most) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: %zu values, an array or object counting as %d; "
                        "there may be %zu: send it in parts", name, values, ALM_JSON_LIST_VALUES,
                        most);
    }
    return ALM_OK;
}

static alm_err parse_failure(const json_error_t *cause, const char *name, alm_error *error)
{
    if (json_error_code(cause) == json_error_out_of_memory) {
        return alm_fail(error, ALM_ERR_MEMORY, "%s: out of memory while parsing JSON", name);
    }
    /* jansson quotes the input and may cut it inside a character. */
    alm_str text = alm_str_of(cause->text);
    size_t bad = text.size;
    if (!alm_str_is_utf8(text, &bad)) {
        text.size = bad;
    }
    return alm_fail(error, ALM_ERR_INVALID, "%s:%d:%d: not valid JSON: " ALM_STR_FMT, name,
                    cause->line, cause->column, ALM_STR_ARG(text));
}

static void measure(const json_t *from, layout *need)
{
    need->values++;
    if (json_is_string(from)) {
        need->text_bytes += json_string_length(from) + 1;
    } else if (json_is_array(from)) {
        for (size_t i = 0; i < json_array_size(from); i++) {
            measure(json_array_get(from, i), need);
        }
    } else if (json_is_object(from)) {
        json_t *object = (json_t *)(uintptr_t)from; /* jansson's iterators take no const */
        need->index_entries += json_object_size(from) >= INDEX_MIN ? json_object_size(from) : 0;
        for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
            need->text_bytes += strlen(json_object_iter_key(at)) + 1;
            measure(json_object_iter_value(at), need);
        }
    }
}

static alm_str copy_text(copier *to, const char *text, size_t size)
{
    alm_str copy = {to->text, size};
    memcpy(to->text, text, size);
    to->text[size] = '\0';
    to->text += size + 1;
    return copy;
}

static int compare_members(const void *a, const void *b)
{
    const alm_json *const *x = a;
    const alm_json *const *y = b;
    return alm_str_compare((*x)->key, (*y)->key);
}

static void copy_value(copier *to, const json_t *from, alm_json *value);

static void copy_array(copier *to, const json_t *from, alm_json *value)
{
    size_t count = json_array_size(from);
    alm_json *items = to->values;
    to->values += count;
    for (size_t i = 0; i < count; i++) {
        copy_value(to, json_array_get(from, i), &items[i]);
    }
    value->as.list.items = items;
    value->as.list.count = count;
}

static void copy_object(copier *to, const json_t *from, alm_json *value)
{
    json_t *object = (json_t *)(uintptr_t)from;
    size_t count = json_object_size(from);
    alm_json *items = to->values;
    to->values += count;
    size_t i = 0;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        items[i].key = copy_text(to, key, strlen(key));
        copy_value(to, json_object_iter_value(at), &items[i]);
        i++;
    }
    alm_assert(i == count);
    value->as.list.items = items;
    value->as.list.count = count;
    if (count >= INDEX_MIN) {
        const alm_json **index = to->index;
        to->index += count;
        for (i = 0; i < count; i++) {
            index[i] = &items[i];
        }
        qsort(index, count, sizeof *index, compare_members);
        value->as.list.by_key = index;
    }
}

static void copy_value(copier *to, const json_t *from, alm_json *value)
{
    switch (json_typeof(from)) {
    case JSON_OBJECT:
        value->kind = ALM_JSON_OBJECT;
        copy_object(to, from, value);
        break;
    case JSON_ARRAY:
        value->kind = ALM_JSON_ARRAY;
        copy_array(to, from, value);
        break;
    case JSON_STRING:
        value->kind = ALM_JSON_STRING;
        value->as.text = copy_text(to, json_string_value(from), json_string_length(from));
        break;
    case JSON_INTEGER:
        value->kind = ALM_JSON_INTEGER;
        value->as.integer = json_integer_value(from);
        break;
    case JSON_REAL:
        value->kind = ALM_JSON_DOUBLE;
        value->as.real = json_real_value(from);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value->kind = ALM_JSON_BOOL;
        value->as.boolean = json_is_true(from);
        break;
    case JSON_NULL:
        value->kind = ALM_JSON_NULL;
        break;
    }
}

static alm_err copy_document(const json_t *from, alm_json_document **out, alm_error *error)
{
    layout need = {0};
    measure(from, &need);
    /* Values come behind the document's own head, then the index, then the text. All sizes are
     * bounded by a small multiple of the parsed text, so the sum cannot overflow. */
    size_t head = (sizeof(alm_json_document) + 15) / 16 * 16;
    size_t values_bytes = need.values * sizeof(alm_json);
    size_t index_bytes = need.index_entries * sizeof(const alm_json *);
    void *block;
    ALM_TRY(alm_heap_try(head + values_bytes + index_bytes + need.text_bytes, &block, error));
    alm_json_document *document = block;
    char *base = block;
    alm_json *root = (alm_json *)(void *)(base + head);
    copier to = {root + 1, (const alm_json **)(void *)(base + head + values_bytes),
                 base + head + values_bytes + index_bytes};
    copy_value(&to, from, root);
    alm_assert(to.values == root + need.values);
    alm_assert(to.text == base + head + values_bytes + index_bytes + need.text_bytes);
    document->root = root;
    *out = document;
    return ALM_OK;
}

/* jansson reads reals with strtod and the current locale's decimal point; the C locale, set for
 * this thread only, makes the embedding program's locale irrelevant. */
static json_t *load_in_c_locale(alm_str text, json_error_t *cause)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    alm_assert(plain != (locale_t)0); /* the C locale is built in: no file, no memory */
    locale_t before = uselocale(plain);
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *tree = json_loadb(text.data, text.size, flags, cause);
    uselocale(before);
    freelocale(plain);
    return tree;
}

alm_err alm_json_parse(alm_str text, const char *name, alm_json_document **out, alm_error *error)
{
    return alm_json_parse_bounded(text, name, SIZE_MAX, out, error);
}

alm_err alm_json_parse_bounded(alm_str text, const char *name, size_t most,
                               alm_json_document **out, alm_error *error)
{
    alm_assert(name != NULL && out != NULL);
    if (text.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: empty, but a JSON value is needed", name);
    }
    const char *nul = memchr(text.data, '\0', text.size);
    if (nul != NULL) { /* jansson passes over one behind a number */
        return alm_fail(error, ALM_ERR_INVALID, "%s: not valid JSON: byte %zu is a NUL byte", name,
                        (size_t)(nul - text.data));
    }
    ALM_TRY(check_size(text, name, most, error));
    json_error_t cause = {0};
    json_t *tree = load_in_c_locale(text, &cause);
    if (!tree) {
        return parse_failure(&cause, name, error);
    }
    alm_err code = copy_document(tree, out, error);
    json_decref(tree);
    return code;
}

void alm_json_document_destroy(alm_json_document *document)
{
    alm_heap_free(document); /* one block */
}

const alm_json *alm_json_root(const alm_json_document *document)
{
    return document->root;
}

/* ---- values ---- */

alm_json_kind alm_json_kind_of(const alm_json *value)
{
    return value->kind;
}

static bool is_list(const alm_json *value)
{
    return value->kind == ALM_JSON_ARRAY || value->kind == ALM_JSON_OBJECT;
}

size_t alm_json_count(const alm_json *value)
{
    return is_list(value) ? value->as.list.count : 0;
}

const alm_json *alm_json_at(const alm_json *array, size_t index)
{
    if (array->kind != ALM_JSON_ARRAY || index >= array->as.list.count) {
        return NULL;
    }
    return &array->as.list.items[index];
}

const alm_json *alm_json_member(const alm_json *object, const char *key)
{
    if (object->kind != ALM_JSON_OBJECT) {
        return NULL;
    }
    const alm_json wanted = {.key = alm_str_of(key)};
    if (object->as.list.by_key) {
        const alm_json *pointer = &wanted;
        const alm_json *const *found = bsearch(&pointer, object->as.list.by_key,
                                               object->as.list.count,
                                               sizeof(const alm_json *), compare_members);
        return found ? *found : NULL;
    }
    for (size_t i = 0; i < object->as.list.count; i++) {
        if (alm_str_equal(object->as.list.items[i].key, wanted.key)) {
            return &object->as.list.items[i];
        }
    }
    return NULL;
}

const alm_json *alm_json_member_at(const alm_json *object, size_t index, alm_str *key)
{
    if (object->kind != ALM_JSON_OBJECT || index >= object->as.list.count) {
        return NULL;
    }
    const alm_json *value = &object->as.list.items[index];
    if (key) {
        *key = value->key;
    }
    return value;
}

const alm_json *alm_json_with_defaults(const alm_json *object, const alm_json *defaults,
                                       alm_arena *arena)
{
    alm_assert(object->kind == ALM_JSON_OBJECT && defaults->kind == ALM_JSON_OBJECT);
    size_t count = object->as.list.count;
    size_t max = count + defaults->as.list.count;
    alm_json *whole = ALM_NEW(arena, alm_json);
    alm_json *items = ALM_NEW_ARRAY(arena, alm_json, max);
    for (size_t i = 0; i < count; i++) {
        items[i] = object->as.list.items[i];
    }
    for (size_t i = 0; i < defaults->as.list.count; i++) {
        const alm_json *item = &defaults->as.list.items[i];
        if (!alm_json_member(object, item->key.data)) { /* NUL terminated, and without a NUL */
            items[count++] = *item;
        }
    }
    *whole = (alm_json){.kind = ALM_JSON_OBJECT, .as.list = {.items = items, .count = count}};
    if (count >= INDEX_MIN) {
        const alm_json **index = ALM_NEW_ARRAY(arena, const alm_json *, count);
        for (size_t i = 0; i < count; i++) {
            index[i] = &items[i];
        }
        qsort(index, count, sizeof *index, compare_members);
        whole->as.list.by_key = index;
    }
    return whole;
}

alm_err alm_json_check_keys(const alm_json *object, const char *keys, alm_error *error)
{
    if (!object || alm_json_kind_of(object) != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_INVALID, "an object is expected");
    }
    for (size_t i = 0; i < alm_json_count(object); i++) {
        alm_str key;
        bool known = false;
        (void)alm_json_member_at(object, i, &key);
        for (alm_str rest = alm_str_of(keys); rest.data && !known;) {
            alm_str one = alm_str_split(&rest, ' ');
            one.size -= one.data[one.size - 1] == '?';
            known = alm_str_equal(one, key);
        }
        if (!known) {
            return alm_fail(error, ALM_ERR_INVALID, "unknown key `%.*s`; known are: %s",
                            key.size < 60 ? (int)key.size : 60, key.data, keys);
        }
    }
    return ALM_OK;
}

bool alm_json_as_double(const alm_json *value, double *out)
{
    if (value->kind == ALM_JSON_DOUBLE) {
        *out = value->as.real;
        return true;
    }
    if (value->kind == ALM_JSON_INTEGER) {
        *out = (double)value->as.integer;
        return true;
    }
    return false;
}

bool alm_json_as_i64(const alm_json *value, int64_t *out)
{
    if (value->kind != ALM_JSON_INTEGER) {
        return false;
    }
    *out = value->as.integer;
    return true;
}

bool alm_json_as_str(const alm_json *value, alm_str *out)
{
    if (value->kind != ALM_JSON_STRING) {
        return false;
    }
    *out = value->as.text;
    return true;
}

bool alm_json_as_bool(const alm_json *value, bool *out)
{
    if (value->kind != ALM_JSON_BOOL) {
        return false;
    }
    *out = value->as.boolean;
    return true;
}

static const char *kind_name(alm_json_kind kind)
{
    static const char *const names[] = {
        [ALM_JSON_NULL] = "null",         [ALM_JSON_BOOL] = "true or false",
        [ALM_JSON_INTEGER] = "an integer", [ALM_JSON_DOUBLE] = "a number",
        [ALM_JSON_STRING] = "a string",   [ALM_JSON_ARRAY] = "an array",
        [ALM_JSON_OBJECT] = "an object"};
    return names[kind];
}

alm_err alm_json_get(const alm_json *object, const char *key, alm_json_kind kind,
                     const alm_json **out, alm_error *error)
{
    if (object->kind != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_INVALID, "key '%s' needs an object around it, found %s",
                        key, kind_name(object->kind));
    }
    const alm_json *value = alm_json_member(object, key);
    if (!value) {
        return alm_fail(error, ALM_ERR_INVALID, "key '%s' is missing", key);
    }
    bool fits = value->kind == kind ||
                (kind == ALM_JSON_DOUBLE && value->kind == ALM_JSON_INTEGER);
    if (!fits) {
        return alm_fail(error, ALM_ERR_INVALID, "key '%s' must be %s, found %s", key,
                        kind_name(kind), kind_name(value->kind));
    }
    *out = value;
    return ALM_OK;
}

alm_err alm_json_get_str(const alm_json *object, const char *key, alm_str *out,
                         alm_error *error)
{
    const alm_json *value;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_STRING, &value, error));
    *out = value->as.text;
    return ALM_OK;
}

alm_err alm_json_get_i64(const alm_json *object, const char *key, int64_t *out,
                         alm_error *error)
{
    const alm_json *value;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_INTEGER, &value, error));
    *out = value->as.integer;
    return ALM_OK;
}

alm_err alm_json_get_double(const alm_json *object, const char *key, double *out,
                            alm_error *error)
{
    const alm_json *value;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_DOUBLE, &value, error));
    bool is_number = alm_json_as_double(value, out);
    alm_assert(is_number);
    return ALM_OK;
}

alm_err alm_json_get_bool(const alm_json *object, const char *key, bool *out, alm_error *error)
{
    const alm_json *value;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_BOOL, &value, error));
    *out = value->as.boolean;
    return ALM_OK;
}

bool alm_json_as_doubles(const alm_json *array, double *out)
{
    bool numbers = true;
    for (size_t i = 0; i < alm_json_count(array); i++) {
        numbers = alm_json_as_double(alm_json_at(array, i), &out[i]) && numbers;
    }
    return numbers;
}
