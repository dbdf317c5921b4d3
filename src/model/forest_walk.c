/* forest_walk.c: trees walked on codes, eight at a time.
 *
 * One walk waits for memory at every node; eight that do not depend on each other hide that. All go
 * on until the last has reached its leaf: a leaf is its own child, so there is no branch inside. */
#include <string.h>

#include "model/forest_kernel.h"

/* The walk looks up after so many levels whether everybody has arrived. */
#define LEVELS 4

typedef struct walk {
    const almi_step *step; /* of the tree */
    const uint8_t *code;   /* of the row; lane i stands at i * code_stride */
} walk;

ALM_INLINE bool arrived(const almi_step *at)
{
    unsigned all = UINT16_MAX;
    for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
        all &= at[i].limit;
    }
    return all == ALMI_STEP_LEAF_LIMIT;
}

ALM_INLINE void walk_all(const walk *w, size_t code_stride, size_t depth, uint32_t *leaf)
{
    almi_step at[ALMI_WALK_WIDTH];
    for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
        at[i] = w[i].step[0];
    }
    for (size_t d = 0; d < depth; d += LEVELS) {
        for (size_t level = 0; level < LEVELS; level++) {
            for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
                bool right = w[i].code[at[i].lane * code_stride] > at[i].limit;
                at[i] = w[i].step[at[i].next + right];
            }
        }
        if (arrived(at)) {
            break;
        }
    }
    for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
        leaf[i] = at[i].leaf;
    }
}

void almi_walk_trees(const almi_fast_tree *tree, size_t count, const uint8_t *code,
                     uint32_t *leaf)
{
    walk w[ALMI_WALK_WIDTH];
    uint32_t found[ALMI_WALK_WIDTH];
    size_t depth = 0;
    for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
        const almi_fast_tree *from = &tree[i < count ? i : 0]; /* the rest walks for nothing */
        w[i] = (walk){from->step, code};
        depth = from->depth > depth ? from->depth : depth;
    }
    walk_all(w, 1, depth, found);
    memcpy(leaf, found, count * sizeof *leaf);
}

void almi_walk_rows(const almi_fast_tree *tree, const almi_bytes *code, size_t rows,
                    uint32_t *leaf)
{
    walk w[ALMI_WALK_WIDTH];
    for (size_t r = 0; r < rows; r += ALMI_WALK_WIDTH) {
        for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
            w[i] = (walk){tree->step, code[0] + r + i}; /* rows behind the last have codes too */
        }
        walk_all(w, ALMI_BLOCK_ROWS, tree->depth, leaf + r);
    }
}
