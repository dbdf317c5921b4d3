/* node_tree.h: the nodes of a committed run as one looks through them: level by level, what is part
 * of what, and which run out of stock first. Made while the run is loaded, immutable with it.
 *
 * A run's rows do not say which sums a series is part of. That is read from the snapshot that the
 * run names: series keys are in the names, attributes in the tables that project and snapshot have
 * of them, as of the run's prediction date, as the run itself read them. When that cannot be read,
 * or does not fit the nodes that the run has, `problem` says so and nothing is part of anything;
 * everything else of the run is answered. A level that the project does not have any more has no
 * parts, and `problem` names it.
 *
 * Memory: 4 bytes a node for each level and 8 more. */
#ifndef ALM_SERVE_NODE_TREE_H
#define ALM_SERVE_NODE_TREE_H

#include "base/str.h"

#define ALM_NODE_NONE UINT32_MAX

typedef struct alm_node_level {
    alm_str name;
    const uint32_t *node; /* numbers of its nodes in the run, in the order of the run's file */
    size_t count;
    /* Bit l: nodes of level l are the next parts of nodes of this one. Level l is part of this one
     * when each of its nodes is, and none lies between; levels that divide alike count in their
     * order. */
    uint64_t parts;
} alm_node_level;

typedef struct alm_node_tree {
    const alm_node_level *level; /* as the project has them; `series` last */
    size_t levels;
    const uint8_t *level_of; /* nodes */
    /* nodes x levels: the node of the level that has all of it; NONE: there is no such one. NULL:
     * nothing is known, and `problem` says why. */
    const uint32_t *whole;
    alm_str problem;
    /* Nodes with a stock position: by severity at the end of the run (decide/stockout.h), then by
     * probability, then the fewest days, then in the order of the file. */
    const uint32_t *risk;
    size_t risks;
} alm_node_tree;

/* The level of this name; ALM_NODE_NONE. */
size_t alm_node_tree_level(const alm_node_tree *tree, alm_str name);

#endif
