/* forest_lightgbm.h: what the readers of LightGBM's text share; for forest_lightgbm*.c only.
 *
 * A reader fails with a message that names the line; what it returns lies in its arena. */
#ifndef ALM_MODEL_FOREST_LIGHTGBM_H
#define ALM_MODEL_FOREST_LIGHTGBM_H

#include "model/forest/forest_internal.h"

typedef struct almi_reader {
    alm_str rest;
    const char *end; /* of the whole text: what lies behind `rest` may be looked at */
    size_t line;     /* of the text last returned, from 1 */
    const char *name;
    alm_forest *forest;
    alm_arena *arena; /* for the arrays of the trees */
    bool one_tree;    /* `rest` is that of one tree: a line `Tree=` is wrong in it */
    alm_error *error;
} almi_reader;

alm_err almi_corrupt(const almi_reader *r, size_t line, const char *what);
/* Next line without its end; false at the end of the text. */
bool almi_next_line(almi_reader *r, alm_str *line);
/* `key=value`; false when there is no '='. */
bool almi_split_key(alm_str line, alm_str *key, alm_str *value);
/* Next item of a blank-separated list; false at its end. */
bool almi_next_item(alm_str *list, alm_str *item);
/* The lines behind `Tree=`, the empty one that ends them included. forest->info says how many
 * features and outputs there are. */
ALM_NODISCARD alm_err almi_read_tree(almi_reader *r, size_t index, almi_tree *tree);

#endif
