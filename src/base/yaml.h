/* yaml.h: a YAML document as a tree of nodes that know their line and column (libyaml).
 *
 * Only what a configuration needs: maps with text keys, lists, scalars. Anchors, aliases, tags,
 * several documents and duplicate keys are refused with their place. */
#ifndef ALM_BASE_YAML_H
#define ALM_BASE_YAML_H

#include "base/str.h"

typedef enum alm_yaml_kind { ALM_YAML_SCALAR, ALM_YAML_LIST, ALM_YAML_MAP } alm_yaml_kind;

typedef struct alm_yaml alm_yaml;
struct alm_yaml {
    alm_yaml_kind kind;
    int line;        /* from 1: of the key for a child of a map, else of the value */
    int column;      /* from 1, in characters */
    alm_str key;     /* name in the parent map; empty in lists */
    alm_str scalar;  /* for ALM_YAML_SCALAR */
    bool quoted;     /* the scalar was quoted or a block (| >): text even if it looks a number */
    size_t count;    /* children of a list or map, in document order */
    alm_yaml *child; /* array of `count` */
    const char *file;
};

/* Everything goes into `arena`, `file` (for messages) is copied. Texts are NUL terminated behind
 * their end. ALM_ERR_CONFIG: "almanac.yaml:12:5: ..." for anything that is not accepted. */
ALM_NODISCARD alm_err alm_yaml_parse(alm_str text, const char *file, alm_arena *arena,
                                     alm_yaml **out, alm_error *error);
/* Nothing but blank lines and comments, which alm_yaml_parse refuses: for whoever takes that as
 * "nothing is said". */
bool alm_yaml_is_blank(alm_str text);
const alm_yaml *alm_yaml_member(const alm_yaml *map, const char *key); /* NULL if absent */

/* "almanac.yaml:12:5: " in front of the message; returns `code`. */
alm_err alm_yaml_fail(const alm_yaml *node, alm_error *error, alm_err code, const char *format,
                      ...) ALM_PRINTF(4, 5);

#endif
