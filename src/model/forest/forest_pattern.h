/* forest_pattern.h: the leaves of a tree with the patterns in which rows pass their conditions;
 * inside the folder.
 *
 * Of a leaf, the different features on its path are its elements, and a row's pattern has a bit for
 * each: whether the row passes all conditions on that feature. */
#ifndef ALM_MODEL_FOREST_PATTERN_H
#define ALM_MODEL_FOREST_PATTERN_H

#include "model/forest/forest_parting.h"
#include "model/forest/forest_quadrature.h"

typedef struct almi_pattern {
    uint64_t word[ALMI_PATH_FEATURES_MAX / 64]; /* bit e % 64 of word e / 64 */
} almi_pattern;

/* Valid during the visit only. */
typedef struct almi_path {
    const almi_tree *tree;
    size_t tree_index, leaf;
    size_t size;             /* elements */
    const uint32_t *feature; /* [size] */
    const double *zero;      /* [size] share of the training rows that passes; 1 without cover */
    size_t pattern_count;    /* each is that of some row; few are there twice */
    const almi_pattern *pattern;
    const uint16_t *entry; /* [row] ALMI_PARTING_SLOT of it is the number of the row's pattern */
    size_t row_count;
} almi_path;

typedef void almi_path_visitor(void *context, const almi_path *path);
typedef struct almi_pattern_walk almi_pattern_walk;

/* Most elements of a leaf. ALM_ERR_UNSUPPORTED and ALM_ERR_LIMIT as almi_forest_shape, and
 * UNSUPPORTED above ALMI_PATH_FEATURES_MAX. */
ALM_NODISCARD alm_err almi_path_elements_max(const alm_forest *forest, size_t *out,
                                             alm_error *error);
/* For blocks of up to rows_max rows of a forest that almi_path_elements_max accepts. */
ALM_NODISCARD alm_err almi_pattern_walk_create(const alm_forest *forest, size_t rows_max,
                                               alm_arena *arena, almi_pattern_walk **out,
                                               alm_error *error);
void almi_pattern_walk_load(almi_pattern_walk *walk, const almi_rows *rows);
/* Every leaf of tree `tree`, from left to right; none of a tree that is a single leaf. */
void almi_pattern_walk_tree(almi_pattern_walk *walk, size_t tree, almi_path_visitor *visit,
                            void *context);

ALM_INLINE bool almi_pattern_bit(const almi_pattern *pattern, size_t element)
{
    return (pattern->word[element / 64] >> (element % 64) & 1u) != 0;
}

#endif
