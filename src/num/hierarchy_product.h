/* hierarchy_product.h: sums over two things at once, each with a hierarchy of its own: products
 * (SKU, category, all) over time (days, weeks, months, all), the cross-temporal hierarchy.
 *
 * A hierarchy over time is an alm_hierarchy whose leaves are the periods, with a level per kind of
 * longer period: alm_hierarchy_build with the name of every day's week and month. Weeks that
 * straddle months cross them; a week that is cut by the horizon is the sum of the days it has. */
#ifndef ALM_NUM_HIERARCHY_PRODUCT_H
#define ALM_NUM_HIERARCHY_PRODUCT_H

#include "num/hierarchy.h"

/* Leaf i * b->leaf_count + j is leaf i of `a` with leaf j of `b`. Levels are all pairs of a level
 * or the leaves of `a` and a level or the leaves of `b`, but the leaves of both: named "A x B",
 * those of leaves "leaves"; nodes "node of A|node of B", leaves by their number from 0. In `arena`;
 * `a` and `b` are not needed afterwards. ALM_ERR_LIMIT, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_hierarchy_product(const alm_hierarchy *a, const alm_hierarchy *b,
                                            alm_arena *arena, alm_hierarchy *out,
                                            alm_error *error);

#endif
