/* weighted_scores.h: one figure for all series and all their sums, as the M5 competition has it.
 *
 *   WRMSSE  for each level the mean of the nodes' RMSSE, weighted by the money that their leaves
 *           took in lately; then the plain mean over the levels, the leaves being one. Each node
 *           has its own scale: that of its own sums, from its own first sale on.
 *
 * Forecasts of nodes are those given, or the sums of the leaves' (bottom-up). Makridakis,
 * Spiliotis, Assimakopoulos (2022), "M5 accuracy competition", 3.2. Pure. */
#ifndef ALM_NUM_WEIGHTED_SCORES_H
#define ALM_NUM_WEIGHTED_SCORES_H

#include "num/hierarchy.h"

typedef struct alm_weighted_input {
    const alm_hierarchy *hierarchy;
    size_t past, steps;
    const double *history;  /* leaves x past; 0 before the first sale */
    const double *actual;   /* leaves x steps */
    const double *forecast; /* leaves x steps */
    const double *weight;   /* leaves, >= 0: alm_score_sales */
    const double *node_forecast; /* nodes x steps; NULL: bottom-up */
} alm_weighted_input;

/* Into by_level[level_count + 1], the leaves last: WRMSSE of each; a node without a scale has no
 * score and no weight, a level without any is NaN. Returns the mean over the levels that have one;
 * NaN: none has. All values finite. */
double alm_wrmsse(const alm_weighted_input *input, double *by_level);

#endif
