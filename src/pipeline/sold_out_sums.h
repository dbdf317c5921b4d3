/* sold_out_sums.h: which sums of series are lower bounds of demand.
 *
 * A sum is one where its series are. With many of them some are sold out on any day, and little of
 * the sum; so it is one on days on which more than one in ALM_SOLD_OUT_ONE_IN of the series below
 * that could sell was sold out. Series come in blocks, in any order. Training and run count with
 * this, so that a forecaster which knows bounds (alm_count) sees the same sums in both.
 *
 * Pure. */
#ifndef ALM_PIPELINE_SOLD_OUT_SUMS_H
#define ALM_PIPELINE_SOLD_OUT_SUMS_H

#include "num/hierarchy.h"
#include "table/panel.h"

#define ALM_SOLD_OUT_ONE_IN 20

typedef struct alm_sellers { /* series of a node that could sell on a day, and those that ran out */
    uint32_t all, out;
} alm_sellers;

/* Adds the series of a block to of_node (node_count x periods of the block, zeros before the
 * first). False: none of them was ever sold out. */
bool alm_sellers_add(const alm_hierarchy *hierarchy, const alm_panel *block, alm_sellers *of_node);

/* *out: `sums`, a node a series, with its `sold_out`; in `arena`. */
ALM_NODISCARD alm_err alm_sold_out_sums(const alm_panel *sums, const alm_sellers *of_node,
                                        alm_arena *arena, const alm_panel **out,
                                        alm_error *error);

#endif
