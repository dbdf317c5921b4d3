/* reconcile_tree_internal.h: the passes over a group of columns of a set of nodes.
 *
 * A segment is a set of nodes that is worked on at once: all nodes, or a block of a stream, or the
 * nodes above all blocks. Rows of M, V and prices belong to inner nodes and are found by `slot`. */
#ifndef ALM_NUM_RECONCILE_TREE_INTERNAL_H
#define ALM_NUM_RECONCILE_TREE_INTERNAL_H

#include "num/reconcile_tree.h"

#define ALMI_TREE_COLUMNS 64 /* of one group: the bits of a word of `held` */

struct alm_reconcile_tree {
    alm_arena *arena;
    size_t node_count, inner_count;
    uint32_t *parent;
    double *variance;
    bool *is_inner;
    double *keep; /* inner: V / (V + w) with every leaf free */
    double *own;  /* s with every leaf free */
    double *below; /* V with every leaf free */
};

/* Rows of inner nodes, `width` columns. */
typedef struct almi_tree_rows {
    double *mean;     /* M; in the pass down replaced by the price */
    double *variance; /* V; NULL without a bound */
} almi_tree_rows;

/* Exchanges of one column. */
typedef struct almi_tree_pivot {
    uint32_t failed; /* leaves that failed in the round at hand */
    uint32_t best, tries;
    bool one_by_one;   /* only the last leaf that fails is exchanged */
    bool is_taken;     /* and it has been found: in a block behind the one at hand */
    uint64_t *pending; /* and this is the last so far in the block at hand: its word */
} almi_tree_pivot;

typedef struct almi_tree_segment {
    const alm_reconcile_tree *tree;
    const uint32_t *slot; /* node_count: row of an inner node, number of a leaf among all leaves */
    const bool *is_top;   /* node_count, NULL: none is above the blocks */
    const uint32_t *nodes; /* count, ascending; NULL: `first` and the following */
    size_t first, count;
    size_t width;
    double *values;      /* count x width: f, in the end t */
    almi_tree_rows rows; /* of this segment's inner nodes */
    almi_tree_rows top;  /* of the nodes above; where it is a block */
    uint64_t *held;      /* leaves x words; NULL without a bound */
    almi_tree_pivot *pivots; /* width */
} almi_tree_segment;

/* Fills segment->rows from the values and the leaves that are held. Where `above` is not NULL, what
 * the segment's topmost nodes know is added to the rows of their parents there. */
void almi_tree_up(const almi_tree_segment *segment, const almi_tree_rows *above, size_t group);
/* After a pass up: finds the leaves that fail and exchanges them. Destroys `rows`. */
void almi_tree_exchange(const almi_tree_segment *segment, size_t group);
/* After a pass up: values become t. Inner nodes are sums; of the topmost ones, too, sums go to
 * `above` (mean only). Destroys `rows`. */
void almi_tree_down(const almi_tree_segment *segment, const almi_tree_rows *above, size_t group);
/* The last part of it: inner nodes become what their children added to `rows`. */
void almi_tree_sums(const almi_tree_segment *segment, const almi_tree_rows *above, size_t group);
/* Values untouched, `rows` become prices: the nodes above all blocks. */
void almi_tree_prices(const almi_tree_segment *segment, size_t group);

/* After a round: the rule of every column's next one. True when no leaf failed in any column. */
bool almi_tree_judge(almi_tree_pivot *pivots, size_t width, size_t *unsettled);
almi_tree_pivot *almi_tree_pivots(alm_arena *arena, size_t width);

/* ALM_ERR_NUMERIC, naming the node, for a value that is not finite among `count` rows. */
ALM_NODISCARD alm_err almi_tree_check(const double *values, size_t first, size_t count,
                                      size_t width, alm_error *error);
/* Rows of inner nodes and numbers of leaves, in the order of the nodes. */
void almi_tree_number(const alm_reconcile_tree *tree, uint32_t *slot);
size_t almi_tree_rounds(const alm_tree_options *options);

static inline size_t almi_tree_groups(size_t width)
{
    return (width + ALMI_TREE_COLUMNS - 1) / ALMI_TREE_COLUMNS;
}

#endif
