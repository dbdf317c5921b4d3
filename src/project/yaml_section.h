/* yaml_section.h: one table per section of almanac.yaml: what a key is called, what it holds, where
 * it goes, what it may be. The parser, the messages and the tables of docs/project-file.md all come
 * from these tables, so they cannot drift apart. */
#ifndef ALM_PROJECT_YAML_SECTION_H
#define ALM_PROJECT_YAML_SECTION_H

#include "base/yaml.h"

typedef enum almi_kind {
    ALMI_TEXT,      /* alm_str */
    ALMI_NAME,      /* alm_str of [A-Za-z0-9._-] */
    ALMI_TEXT_LIST, /* const alm_str * at offset, size_t at count_offset; one text is a list too */
    ALMI_I32,       /* int32_t */
    ALMI_U64,       /* uint64_t */
    ALMI_F64,       /* double */
    ALMI_BOOL,      /* bool */
    ALMI_CHOICE,    /* int (an enum): index into choices */
    ALMI_OTHER      /* a list or map that its own function reads */
} almi_kind;

typedef struct almi_key {
    const char *key;
    almi_kind kind;
    size_t offset;              /* SIZE_MAX: checked, not kept */
    size_t count_offset;
    bool required;
    double min, max;            /* for numbers; min == max == 0: not bounded */
    const char *fallback;       /* value when absent, as text; NULL: zero or empty */
    const char *const *choices; /* NULL terminated */
    const char *doc;
} almi_key;

typedef struct almi_section {
    const char *name;    /* "sources.NAME" */
    const char *doc;
    const almi_key *keys;
    size_t key_count;
} almi_section;

/* Reads `map` into the struct at `out`: unknown keys with a suggestion, missing required keys,
 * wrong types and ranges are ALM_ERR_CONFIG with line and column. Keys of kind ALMI_OTHER are
 * accepted and left alone. */
ALM_NODISCARD alm_err almi_section_read(const almi_section *section, const alm_yaml *map,
                                        alm_arena *arena, void *out, alm_error *error);

/* "map", "list", "text": what stands there, for messages. */
const char *almi_yaml_kind_name(const alm_yaml *node);
bool almi_yaml_is_empty(const alm_yaml *node); /* `key:`, `key: {}` or `key: []` */
/* The node's key where it is a name: letters, digits, '.', '_' and '-'. */
ALM_NODISCARD alm_err almi_yaml_safe_key(const alm_yaml *node, alm_str *out, alm_error *error);
ALM_NODISCARD alm_err almi_yaml_expect(const alm_yaml *node, alm_yaml_kind kind,
                                       const char *what, alm_error *error);
/* Strict scalar readers. */
ALM_NODISCARD alm_err almi_yaml_double(const alm_yaml *node, double *out, alm_error *error);
ALM_NODISCARD alm_err almi_yaml_i64(const alm_yaml *node, int64_t *out, alm_error *error);
ALM_NODISCARD alm_err almi_yaml_texts(const alm_yaml *node, alm_arena *arena, const alm_str **out,
                                      size_t *count, alm_error *error);

/* The candidate closest to `text`, or NULL when none is close enough to be a slip. */
const char *almi_closest(alm_str text, const char *const *candidates, size_t count);

/* A Markdown table of the section. */
void almi_section_document(const almi_section *section, alm_buffer *out);

#endif
