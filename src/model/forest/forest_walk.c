/* forest_walk.c: trees walked on codes, eight at a time.
 *
 * One walk waits for memory at every node; eight that do not depend on each other hide that. All go
 * on until the last has reached its leaf: a leaf is its own child, so there is no branch inside. */
#include "model/forest/forest_kernel.h"

/* So many levels are walked without a look whether everybody has arrived; then there is one after
 * each LEVELS_MORE. */
#define LEVELS_FIRST 6
#define LEVELS_MORE 3
#define LANE_MASK (ALMI_STEP_LANES - 1)
#define NEXT_MASK ((1u << ALMI_STEP_NEXT_BITS) - 1)
#define LIMIT_MASK (UINT32_MAX << ALMI_STEP_LIMIT_SHIFT)

/* `code` is shifted to where the limit is: then one comparison of the words compares them. */
ALM_INLINE almi_step next_step(const almi_step *step, almi_step at, uint32_t code)
{
    uint32_t next = (at >> ALMI_STEP_LANE_BITS) & NEXT_MASK;
    next += at < code; /* to the right child: an addition with carry */
    return step[next];
}

ALM_INLINE bool arrived(const almi_step *at)
{
    almi_step all = at[0];
    ALM_UNROLLED
    for (size_t i = 1; i < ALMI_WALK_WIDTH; i++) {
        all &= at[i];
    }
    return (all & LIMIT_MASK) == LIMIT_MASK;
}

static uint32_t leaf_of(const almi_fast_tree *tree, almi_step at)
{
    return tree->leaf_at != NULL ? tree->leaf_at[(at >> ALMI_STEP_LANE_BITS) & NEXT_MASK]
                                 : at & LANE_MASK;
}

/* ---- one row in eight trees ---- */

ALM_INLINE void levels_of_trees(const almi_step *const *step, const uint32_t *code, size_t levels,
                                almi_step *at)
{
    for (size_t level = 0; level < levels; level++) {
        ALM_UNROLLED
        for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
            at[i] = next_step(step[i], at[i], code[at[i] & LANE_MASK]);
        }
    }
}

ALM_WIDE_VECTORS
void almi_walk_trees(const almi_fast_tree *tree, size_t count, const uint32_t *code,
                     uint32_t *leaf)
{
    const almi_step *step[ALMI_WALK_WIDTH];
    almi_step at[ALMI_WALK_WIDTH];
    size_t depth = 0;
    for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
        const almi_fast_tree *from = &tree[i < count ? i : 0]; /* the rest walks for nothing */
        step[i] = from->step;
        at[i] = step[i][0];
        depth = from->depth > depth ? from->depth : depth;
    }
    levels_of_trees(step, code, depth < LEVELS_FIRST ? depth : LEVELS_FIRST, at);
    for (size_t d = LEVELS_FIRST; d < depth && !arrived(at); d += LEVELS_MORE) {
        levels_of_trees(step, code, LEVELS_MORE, at);
    }
    for (size_t i = 0; i < count; i++) {
        leaf[i] = leaf_of(&tree[i], at[i]);
    }
}

/* ---- eight rows in one tree ---- */

ALM_INLINE void levels_of_rows(const almi_step *step, const uint8_t *code, size_t levels,
                               almi_step *at)
{
    for (size_t level = 0; level < levels; level++) {
        ALM_UNROLLED
        for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
            uint32_t own = code[(at[i] & LANE_MASK) * ALMI_BLOCK_ROWS + i];
            at[i] = next_step(step, at[i], own << ALMI_STEP_LIMIT_SHIFT);
        }
    }
}

ALM_WIDE_VECTORS
void almi_walk_rows(const almi_fast_tree *tree, const almi_bytes *code, size_t rows,
                    uint32_t *leaf)
{
    almi_step at[ALMI_WALK_WIDTH];
    for (size_t r = 0; r < rows; r += ALMI_WALK_WIDTH) {
        const uint8_t *from = code[0] + r; /* rows behind the last have codes too */
        for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
            at[i] = tree->step[0];
        }
        for (size_t d = 0; d < tree->depth && !arrived(at); d += LEVELS_MORE) {
            levels_of_rows(tree->step, from, LEVELS_MORE, at);
        }
        for (size_t i = 0; i < ALMI_WALK_WIDTH; i++) {
            leaf[r + i] = leaf_of(tree, at[i]);
        }
    }
}
