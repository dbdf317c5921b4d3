/* top_down.h: forecasts of one level, split over the leaves below. Internal to reconcile_method.c.
 *
 * Shares of a leaf in its node of the level, from the past or from the forecasts; see
 * reconcile_method.h. Where nothing can be shared by (totals of 0), all leaves of a node, or all
 * children of a node in proportion to their leaves, get the same. */
#ifndef ALM_DECIDE_TOP_DOWN_H
#define ALM_DECIDE_TOP_DOWN_H

#include "decide/reconcile_method.h"

/* Mean share, or share of the means, of every leaf: `shares` (leaf_count). actual: leaf_count x
 * periods. */
ALM_NODISCARD alm_err almi_top_down_shares(const alm_hierarchy *hierarchy, uint32_t level,
                                           const alm_reconcile_past *past, bool of_averages,
                                           double *shares, alm_error *error);

/* Leaves of `values` ((node_count + leaf_count) x width) become share x their node's value. */
void almi_top_down_split(const alm_hierarchy *hierarchy, uint32_t level, const double *shares,
                         double *values, size_t width);
/* The same level by level with shares of the siblings' forecasts, by column. Values of the nodes
 * below the level are replaced by what is split. A tree. */
ALM_NODISCARD alm_err almi_top_down_split_by_forecasts(const alm_hierarchy *hierarchy,
                                                       uint32_t level, double *values,
                                                       size_t width, alm_error *error);

#endif
