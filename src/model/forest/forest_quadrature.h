/* forest_quadrature.h: Gauss-Legendre rules, and what an explainer has of them; inside the folder.
 *
 * The weight of a subset in a contribution or an interaction is a Beta integral, so the sum over
 * subsets is an integral of a polynomial over [0, 1], and such a rule gives it exactly. */
#ifndef ALM_MODEL_FOREST_QUADRATURE_H
#define ALM_MODEL_FOREST_QUADRATURE_H

#include "model/forest/forest_internal.h"

/* Different features on one path of a tree that is explained. */
#define ALMI_PATH_FEATURES_MAX 128

/* Four points at a time: plain arithmetic on each, so the CPU's vector width changes nothing. */
typedef double almi_points __attribute__((vector_size(32)));
#define ALMI_POINTS 4

/* On [0, 1]; filled up to whole vectors with points of weight 0. */
typedef struct almi_quadrature {
    size_t lanes_count;
    almi_points *point, *weight;
} almi_quadrature;

/* rule[n] for n = 1 .. count <= ALMI_PATH_FEATURES_MAX / 2: n points, exact up to degree 2n - 1. */
ALM_NODISCARD alm_err almi_quadrature_rules(alm_arena *arena, size_t count,
                                            const almi_quadrature **out, alm_error *error);

/* Of an explainer (forest_shap.c); borrowed. */
typedef struct almi_explainer_parts {
    const alm_forest *forest;
    const double *expected;      /* [output] */
    const almi_quadrature *rule; /* for paths of up to features_max features */
    size_t features_max;
} almi_explainer_parts;
almi_explainer_parts almi_explainer_parts_of(const alm_forest_explainer *explainer);

#endif
