/* forest_parting.h: rows of a block, parted by the sides they take in a tree; inside the folder.
 *
 * What an explanation computes on the way down a tree depends on a row only through the sides that
 * it takes. So rows fall into slots: at the root there is one, and each node makes a slot of every
 * (slot of the parent, side) that some row of the block is in. */
#ifndef ALM_MODEL_FOREST_PARTING_H
#define ALM_MODEL_FOREST_PARTING_H

#include "model/forest/forest_internal.h"

#define ALMI_PARTING_ROWS_MAX 512
/* A row at a node: slot * 2 + (goes left). Of a slot: the same of the parent, with its own side. */
#define ALMI_PARTING_SLOT(entry) ((size_t)(entry) >> 1)
#define ALMI_PARTING_LEFT(entry) (((entry) & 1u) != 0)

typedef struct almi_parting {
    const alm_forest *forest;
    size_t rows_max, code_stride;
    uint8_t *code;     /* [lane][code_stride] */
    uint8_t *left;     /* [row] at the node at hand */
    uint16_t *slot_of; /* [entry] slot + 1; all 0 between calls */
    almi_rows rows;
} almi_parting;

/* Memory in `arena` for blocks of up to rows_max rows. */
ALM_NODISCARD alm_err almi_parting_create(const alm_forest *forest, size_t rows_max,
                                          alm_arena *arena, almi_parting *out, alm_error *error);
/* The rows of the next calls; borrowed. */
void almi_parting_load(almi_parting *parting, const almi_rows *rows);
/* entry[row] at a node of tree `tree`, given that at its parent (NULL: the root); from[slot]. Slots
 * are numbered as the rows meet them. Gives their number. */
size_t almi_parting_node(almi_parting *parting, size_t tree, size_t node, const uint16_t *parent,
                         uint16_t *entry, uint16_t *from);

typedef struct almi_tree_shape {
    size_t depth_max;  /* inner nodes on a path */
    size_t values_max; /* over all leaves of a tree: features on the path, or its depth if less */
    size_t elements_max; /* of one leaf, counted like this */
} almi_tree_shape;

#define ALMI_EXPLAINED_DEPTH_MAX 1024
/* Maxima over all trees. ALM_ERR_UNSUPPORTED: a tree is deeper than ALMI_EXPLAINED_DEPTH_MAX.
 * ALM_ERR_LIMIT: a tree with more than 2^26 values. */
ALM_NODISCARD alm_err almi_forest_shape(const alm_forest *forest, almi_tree_shape *out,
                                        alm_error *error);

#endif
