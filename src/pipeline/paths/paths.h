/* paths.h: joint sample paths, made again from counters whenever they are needed, never stored.
 *
 * Marginals come from the base forecast; dependence over time and across nodes comes from history
 * (Schaake shuffle; Clark et al. 2004): template k is the historical origin `horizon + k * season`
 * periods back, and path s takes its ranks from template s mod templates AT EVERY NODE. The rank of
 * a node at step h is that of its relative error y / (level * profile) among the templates; ties,
 * which intermittent demand has many of, are broken by a counter-based number. Within its rank cell
 * a path is placed by a counter-based number, so
 *     u(s, node, h) = (rank(s mod K, h) + v(seed, s, node, h)) / K.
 * Nodes without history at a template take independent ranks there. */
#ifndef ALM_PIPELINE_PATHS_H
#define ALM_PIPELINE_PATHS_H

#include "pipeline/base_forecast.h"

/* Number of templates that the history before `origin` offers, at most method->templates. */
size_t alm_path_template_count(const alm_method *method, size_t origin, size_t delay);

/* Ranks of one node in `arena`: templates x steps; 255 = no history at that template. `node` is the
 * number of the series in the project (leaves) or leaf_count + node (aggregates). */
uint8_t *alm_path_ranks_of(const alm_method *method, const alm_history_view *view, uint64_t node,
                           size_t templates, alm_arena *arena, alm_arena *scratch);

typedef struct alm_path_node {
    uint64_t node;
    const double *mean;   /* steps */
    const double *shape;  /* ALM_SHAPE_LEVELS, calibrated */
    const uint8_t *rank;  /* templates x steps */
} alm_path_node;

/* Values of paths [first, first + count) of one node: out is count x steps, row-major, >= 0, whole
 * numbers for counts. */
void alm_paths_make(const alm_method *method, const alm_path_node *node, size_t templates,
                    size_t first, size_t count, double *out);

#endif
