/* forest_parting.c: rows of a block, parted by the sides they take in a tree. */
#include "model/forest/forest_parting.h"

#define LITERAL_ROWS_MAX 8 /* up to here nodes are asked by the literal rule */
#define VALUES_MAX ((size_t)1 << 26)

alm_err almi_parting_create(const alm_forest *forest, size_t rows_max, alm_arena *arena,
                            almi_parting *out, alm_error *error)
{
    almi_parting made = {.forest = forest, .rows_max = rows_max};
    alm_assert(rows_max > 0 && rows_max <= ALMI_PARTING_ROWS_MAX);
    made.code_stride = (rows_max + ALMI_CHUNK_ROWS - 1) / ALMI_CHUNK_ROWS * ALMI_CHUNK_ROWS;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, forest->lane_count * made.code_stride, made.code, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, rows_max, made.left, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, 2 * rows_max, made.slot_of, error));
    *out = made;
    return ALM_OK;
}

void almi_parting_load(almi_parting *parting, const almi_rows *rows)
{
    alm_assert(rows->count <= parting->rows_max);
    parting->rows = *rows;
    if (rows->count > LITERAL_ROWS_MAX) {
        almi_lanes_encode(parting->forest, NULL, parting->forest->lane_count, rows, parting->code,
                          parting->code_stride);
    }
}

static void find_sides(almi_parting *p, size_t t, size_t node)
{
    const almi_tree *tree = &p->forest->tree[t];
    const almi_test *test = &p->forest->test[t][node];
    if (p->rows.count <= LITERAL_ROWS_MAX) {
        const double *x = p->rows.value + tree->feature[node];
        for (size_t r = 0; r < p->rows.count; r++) {
            p->left[r] = almi_tree_goes_left(tree, node, x[r * p->rows.stride]);
        }
        return;
    }
    const uint8_t *code = p->code + test->lane * p->code_stride;
    for (size_t r = 0; r < p->rows.count; r++) {
        p->left[r] = code[r] <= test->code;
    }
}

size_t almi_parting_node(almi_parting *p, size_t tree, size_t node, const uint16_t *parent,
                         uint16_t *entry, uint16_t *from)
{
    size_t count = 0;
    find_sides(p, tree, node);
    for (size_t r = 0; r < p->rows.count; r++) {
        uint32_t key = ((parent != NULL ? parent[r] : 0u) & ~1u) | p->left[r];
        uint32_t slot = p->slot_of[key];
        if (slot == 0) {
            from[count++] = (uint16_t)key;
            slot = (uint32_t)count;
            p->slot_of[key] = (uint16_t)slot;
        }
        entry[r] = (uint16_t)((slot - 1) * 2 | p->left[r]);
    }
    for (size_t i = 0; i < count; i++) {
        p->slot_of[from[i]] = 0;
    }
    return count;
}

/* ---- shapes ---- */

typedef struct visit {
    int32_t child;
    uint32_t depth;
} visit;

static alm_err measure_tree(const alm_forest *forest, size_t t, visit *stack,
                            almi_tree_shape *shape, alm_error *error)
{
    const almi_tree *tree = &forest->tree[t];
    size_t count = 0, values = 0;
    stack[count++] = (visit){tree->leaf_count > 1 ? 0 : -1, 0};
    while (count > 0) {
        visit at = stack[--count];
        size_t elements = at.depth;
        if (elements > forest->info.feature_count) {
            elements = forest->info.feature_count;
        }
        if (at.depth > ALMI_EXPLAINED_DEPTH_MAX) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED,
                            "tree %zu is deeper than %d; train with a max_depth to explain it", t,
                            ALMI_EXPLAINED_DEPTH_MAX);
        }
        shape->depth_max = shape->depth_max > at.depth ? shape->depth_max : at.depth;
        shape->elements_max = shape->elements_max > elements ? shape->elements_max : elements;
        if (at.child < 0) {
            values += elements;
            continue;
        }
        stack[count++] = (visit){tree->right[at.child], at.depth + 1};
        stack[count++] = (visit){tree->left[at.child], at.depth + 1};
    }
    if (values > VALUES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "tree %zu is too large to be explained", t);
    }
    shape->values_max = shape->values_max > values ? shape->values_max : values;
    return ALM_OK;
}

alm_err almi_forest_shape(const alm_forest *forest, almi_tree_shape *out, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    almi_tree_shape shape = {0};
    visit *stack = NULL;
    alm_err code = ALMI_FOREST_ARRAY(scratch, forest->info.leaf_count_max + 1, stack, error);
    for (size_t t = 0; code == ALM_OK && t < forest->info.tree_count; t++) {
        code = measure_tree(forest, t, stack, &shape, error);
    }
    alm_arena_destroy(scratch);
    ALM_TRY(code);
    *out = shape;
    return ALM_OK;
}
