/* yaml_section.c: reads a section of almanac.yaml by its table. */
#include "project/yaml_section.h"

#include <string.h>

#define SLIP_TEXT_MAX 40

const char *almi_yaml_kind_name(const alm_yaml *node)
{
    switch (node->kind) {
    case ALM_YAML_LIST:
        return "a list";
    case ALM_YAML_MAP:
        return "a map";
    default:
        return node->scalar.size == 0 && !node->quoted ? "nothing" : "a single value";
    }
}

bool almi_yaml_is_empty(const alm_yaml *node)
{
    return node->kind == ALM_YAML_SCALAR ? node->scalar.size == 0 && !node->quoted
                                         : node->count == 0;
}

alm_err almi_yaml_safe_key(const alm_yaml *node, alm_str *out, alm_error *error)
{
    if (!alm_str_is_safe_name(node->key)) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG,
                             "the name " ALM_STR_FMT " may have only letters, digits, '.', '_' "
                             "and '-'", ALM_STR_ARG(node->key));
    }
    *out = node->key;
    return ALM_OK;
}

alm_err almi_yaml_expect(const alm_yaml *node, alm_yaml_kind kind, const char *what,
                         alm_error *error)
{
    static const char *const NAMES[] = {"a single value", "a list", "a map"};
    if (node->kind == kind) {
        return ALM_OK;
    }
    return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "%s must be %s, not %s", what, NAMES[kind],
                         almi_yaml_kind_name(node));
}

/* Levenshtein distance; both texts are at most SLIP_TEXT_MAX bytes. */
static size_t distance(alm_str a, alm_str b)
{
    size_t row[SLIP_TEXT_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t replace = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t drop = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < drop ? replace : drop;
        }
    }
    return row[b.size];
}

const char *almi_closest(alm_str text, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t best_distance = text.size / 3 + 2;
    for (size_t i = 0; i < count && text.size <= SLIP_TEXT_MAX; i++) {
        alm_str candidate = alm_str_of(candidates[i]);
        if (candidate.size > SLIP_TEXT_MAX) {
            continue;
        }
        size_t d = distance(text, candidate);
        if (d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}

static alm_err fail_unknown(const almi_section *section, const alm_yaml *node, alm_error *error)
{
    const char *names[64];
    size_t count = section->key_count < 64 ? section->key_count : 64;
    for (size_t i = 0; i < count; i++) {
        names[i] = section->keys[i].key;
    }
    const char *closest = almi_closest(node->key, names, count);
    if (closest) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG,
                             "unknown key " ALM_STR_FMT " in %s: did you mean %s?",
                             ALM_STR_ARG(node->key), section->name, closest);
    }
    return alm_yaml_fail(node, error, ALM_ERR_CONFIG,
                         "unknown key " ALM_STR_FMT " in %s (docs/project-file.md lists them)",
                         ALM_STR_ARG(node->key), section->name);
}

/* ---- scalars ---- */

static alm_err fail_type(const alm_yaml *node, const char *expected, alm_error *error)
{
    if (node->kind != ALM_YAML_SCALAR || (node->scalar.size == 0 && !node->quoted)) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, ALM_STR_FMT "%smust be %s, not %s",
                             ALM_STR_ARG(node->key), node->key.size ? " " : "", expected,
                             almi_yaml_kind_name(node));
    }
    return alm_yaml_fail(node, error, ALM_ERR_CONFIG, ALM_STR_FMT "%smust be %s, not %s" ALM_STR_FMT
                         "%s", ALM_STR_ARG(node->key), node->key.size ? " " : "", expected,
                         node->quoted ? "\"" : "", ALM_STR_ARG(node->scalar),
                         node->quoted ? "\"" : "");
}

static bool is_bare(const alm_yaml *node)
{
    return node->kind == ALM_YAML_SCALAR && !node->quoted && node->scalar.size > 0;
}

alm_err almi_yaml_double(const alm_yaml *node, double *out, alm_error *error)
{
    return is_bare(node) && alm_str_to_double(node->scalar, out)
               ? ALM_OK : fail_type(node, "a number", error);
}

alm_err almi_yaml_i64(const alm_yaml *node, int64_t *out, alm_error *error)
{
    return is_bare(node) && alm_str_to_i64(node->scalar, out)
               ? ALM_OK : fail_type(node, "a whole number", error);
}

static alm_err read_text(const alm_yaml *node, alm_str *out, alm_error *error)
{
    if (node->kind != ALM_YAML_SCALAR || node->scalar.size == 0) {
        return fail_type(node, "a text", error);
    }
    *out = node->scalar; /* lives in the project's arena, as the document does */
    return ALM_OK;
}

alm_err almi_yaml_texts(const alm_yaml *node, alm_arena *arena, const alm_str **out, size_t *count,
                        alm_error *error)
{
    size_t size = node->kind == ALM_YAML_LIST ? node->count : 1;
    alm_str *texts = ALM_NEW_ARRAY(arena, alm_str, size);
    if (node->kind != ALM_YAML_LIST) {
        if (read_text(node, texts, NULL) != ALM_OK) {
            return fail_type(node, "a list of texts", error);
        }
    }
    for (size_t i = 0; node->kind == ALM_YAML_LIST && i < size; i++) {
        ALM_TRY(read_text(&node->child[i], &texts[i], error));
        for (size_t k = 0; k < i; k++) {
            if (alm_str_equal(texts[k], texts[i])) {
                return alm_yaml_fail(&node->child[i], error, ALM_ERR_CONFIG,
                                     ALM_STR_FMT " is in the list twice", ALM_STR_ARG(texts[i]));
            }
        }
    }
    *out = texts;
    *count = size;
    return ALM_OK;
}

static alm_err check_range(const almi_key *key, const alm_yaml *node, double value,
                           alm_error *error)
{
    if ((key->min == 0 && key->max == 0) || (value >= key->min && value <= key->max)) {
        return ALM_OK;
    }
    char low[32];
    char high[32];
    (void)alm_double_text(key->min, low);
    (void)alm_double_text(key->max, high);
    bool is_one = key->min >= key->max;
    return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "%s must be %s%s%s%s, not " ALM_STR_FMT,
                         key->key, is_one ? "" : "between ", low, is_one ? "" : " and ",
                         is_one ? "" : high, ALM_STR_ARG(node->scalar));
}

static alm_err read_choice(const almi_key *key, const alm_yaml *node, int *out, alm_error *error)
{
    size_t count = 0;
    for (; key->choices[count]; count++) {
        if (node->kind == ALM_YAML_SCALAR && alm_str_is(node->scalar, key->choices[count])) {
            *out = (int)count;
            return ALM_OK;
        }
    }
    alm_buffer list = {0};
    for (size_t i = 0; i < count && count <= 8; i++) {
        alm_buffer_printf(&list, "%s%s", i ? ", " : "one of ", key->choices[i]);
    }
    const char *closest = count > 8 && node->kind == ALM_YAML_SCALAR
                              ? almi_closest(node->scalar, key->choices, count) : NULL;
    if (closest) {
        alm_buffer_printf(&list, "a known one (did you mean %s?)", closest);
    } else if (count > 8) {
        alm_buffer_text(&list, "one of those in docs/project-file.md");
    }
    alm_err code = fail_type(node, list.data ? list.data : "a known word", error);
    alm_buffer_deinit(&list);
    return code;
}

static alm_err read_bool(const alm_yaml *node, bool *out, alm_error *error)
{
    bool yes = is_bare(node) && alm_str_is(node->scalar, "true");
    if (!yes && !(is_bare(node) && alm_str_is(node->scalar, "false"))) {
        return fail_type(node, "true or false", error);
    }
    *out = yes;
    return ALM_OK;
}

static alm_err read_integer(const almi_key *key, const alm_yaml *node, void *slot,
                            alm_error *error)
{
    int64_t value = 0;
    ALM_TRY(almi_yaml_i64(node, &value, error));
    ALM_TRY(check_range(key, node, (double)value, error));
    if (key->kind == ALMI_U64) {
        if (value < 0) {
            return fail_type(node, "a whole number of at least 0", error);
        }
        memcpy(slot, &value, sizeof(value));
        return ALM_OK;
    }
    if (value < INT32_MIN || value > INT32_MAX) {
        return fail_type(node, "a whole number below 2147483648", error);
    }
    int32_t small = (int32_t)value;
    memcpy(slot, &small, sizeof(small));
    return ALM_OK;
}

static alm_err read_name(const alm_yaml *node, alm_str *out, alm_error *error)
{
    ALM_TRY(read_text(node, out, error));
    return alm_str_is_safe_name(*out)
               ? ALM_OK : fail_type(node, "a name of letters, digits, '.', '_' and '-'", error);
}

static alm_err read_key(const almi_key *key, const alm_yaml *node, alm_arena *arena, char *out,
                        alm_error *error)
{
    int64_t dropped = 0;
    void *slot = key->offset == SIZE_MAX ? (void *)&dropped : out + key->offset;
    switch (key->kind) {
    case ALMI_TEXT:
        return read_text(node, slot, error);
    case ALMI_NAME:
        return read_name(node, slot, error);
    case ALMI_TEXT_LIST:
        return almi_yaml_texts(node, arena, slot, (size_t *)(void *)(out + key->count_offset),
                               error);
    case ALMI_I32:
    case ALMI_U64:
        return read_integer(key, node, slot, error);
    case ALMI_F64:
        ALM_TRY(almi_yaml_double(node, slot, error));
        return check_range(key, node, *(double *)slot, error);
    case ALMI_BOOL:
        return read_bool(node, slot, error);
    case ALMI_CHOICE:
        return read_choice(key, node, slot, error);
    case ALMI_OTHER:
        return ALM_OK;
    }
    return ALM_OK;
}

/* A default goes through the same reader as a value of the file. */
static void apply_fallback(const almi_key *key, alm_arena *arena, char *out)
{
    alm_yaml node = {.kind = ALM_YAML_SCALAR, .file = "default"};
    node.key = alm_str_of(key->key);
    node.scalar = alm_str_of(key->fallback);
    alm_error error;
    alm_err code = read_key(key, &node, arena, out, &error);
    alm_assert(code == ALM_OK); /* a default that breaks its own rule */
}

static const almi_key *find_key(const almi_section *section, alm_str name)
{
    for (size_t i = 0; i < section->key_count; i++) {
        if (alm_str_is(name, section->keys[i].key)) {
            return &section->keys[i];
        }
    }
    return NULL;
}

alm_err almi_section_read(const almi_section *section, const alm_yaml *map, alm_arena *arena,
                          void *out, alm_error *error)
{
    ALM_TRY(almi_yaml_expect(map, ALM_YAML_MAP, section->name, error));
    for (size_t i = 0; i < map->count; i++) {
        const almi_key *key = find_key(section, map->child[i].key);
        if (!key) {
            return fail_unknown(section, &map->child[i], error);
        }
        ALM_TRY(read_key(key, &map->child[i], arena, out, error));
    }
    for (size_t i = 0; i < section->key_count; i++) {
        const almi_key *key = &section->keys[i];
        if (alm_yaml_member(map, key->key)) {
            continue;
        }
        if (key->required) {
            return alm_yaml_fail(map, error, ALM_ERR_CONFIG, "%s needs the key %s", section->name,
                                 key->key);
        }
        if (key->fallback && key->kind != ALMI_OTHER) {
            apply_fallback(key, arena, out);
        }
    }
    return ALM_OK;
}

/* ---- documentation ---- */

static void document_kind(const almi_key *key, alm_buffer *out)
{
    static const char *const NAMES[] = {"text",  "name", "list of texts", "whole number",
                                        "whole number", "number", "true or false", "", "section"};
    char low[32];
    char high[32];
    alm_buffer_text(out, NAMES[key->kind]);
    for (size_t i = 0; key->kind == ALMI_CHOICE && key->choices[i]; i++) {
        alm_buffer_printf(out, "%s`%s`", i ? ", " : "", key->choices[i]);
    }
    if (key->min != 0 || key->max != 0) {
        (void)alm_double_text(key->min, low);
        (void)alm_double_text(key->max, high);
        alm_buffer_printf(out, ", %s to %s", low, high);
    }
}

void almi_section_document(const almi_section *section, alm_buffer *out)
{
    alm_buffer_printf(out, "### `%s`\n\n%s\n\n", section->name, section->doc);
    alm_buffer_text(out, "| key | value | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < section->key_count; i++) {
        const almi_key *key = &section->keys[i];
        alm_buffer_printf(out, "| `%s` | ", key->key);
        document_kind(key, out);
        if (key->required) {
            alm_buffer_text(out, " | required");
        } else {
            alm_buffer_printf(out, key->fallback ? " | `%s`" : " | %s",
                              key->fallback ? key->fallback : "");
        }
        alm_buffer_printf(out, " | %s |\n", key->doc);
    }
    alm_buffer_text(out, "\n");
}
