/* forest_shap.c: exact path-dependent TreeSHAP, one leaf path at a time, many rows at a time.
 *
 * Of a leaf with value v and d different features on its path, feature i gets
 *
 *   phi_i = v (o_i - z_i) sum_S |S|! (d-1-|S|)! / d!  prod_{j in S} o_j  prod_{j not in S} z_j
 *
 * (S over subsets of the others; z_j = share of training rows that the conditions on j let through,
 * o_j = 1 when the row passes them, else 0). Because |S|!(d-1-|S|)!/d! is the Beta integral of
 * t^|S| (1-t)^(d-1-|S|), the sum is the integral over [0, 1] of prod_{j != i} (z_j (1-t) + o_j t),
 * a polynomial of degree d-1: Gauss-Legendre with ceil(d/2) points is exact, and since every factor
 * is positive nothing cancels within a leaf.
 *
 * phi depends on the row only through the d bits o. So for a block of rows: the bits by byte
 * comparisons of the forest's codes, each different bit pattern evaluated once, then one table look
 * up and one addition per row and feature. Rows do not influence each other: a pattern's values do
 * not depend on where they are computed, and paths are added in one fixed order. */
#include "model/forest/forest_quadrature.h"

#define BLOCK_ROWS ALMI_BLOCK_ROWS_MAX
#define VALUE_STRIDE (BLOCK_ROWS + 8) /* not a power of two: rows of the table share cache sets */
#define PATTERN_BITS_MAX 16           /* above it every row is evaluated by itself */
#define PATH_FEATURES_MAX ALMI_PATH_FEATURES_MAX
#define PATH_DEPTH_MAX 1024
#define ELEMENTS_MAX ((size_t)1 << 26)

/* Passes when low <= code <= low + width, as one unsigned comparison. */
typedef struct path_test {
    uint32_t lane;
    uint8_t low, width;
} path_test;

/* All conditions of a path on one feature. */
typedef struct path_element {
    uint32_t feature;
    uint32_t test_count;
    double zero; /* z: product of the cover ratios */
} path_element;

/* One leaf, or the two leaves of a node: a pair shares all elements, so it costs one pass instead
 * of two. Of a pair, the elements leave out the last split; `side` (passes: left) becomes one more
 * bit and multiplies the `share` of its side into the zero of element `split`. */
typedef struct leaf_path {
    size_t element_begin, test_begin;
    uint32_t element_count;
    uint32_t output;
    uint32_t leaf_count; /* 1 or 2 */
    uint32_t split;
    path_test side;
    double value[2];
    double share[2];
} leaf_path;

struct alm_forest_explainer {
    alm_arena *arena;
    const alm_forest *forest;
    leaf_path *path;
    path_element *element;
    path_test *test;
    size_t path_count, element_count, test_count;
    size_t features_max; /* on one path */
    const almi_quadrature *rule; /* [ceil(d / 2)] */
    double *expected;    /* [output] */
};

struct alm_forest_scratch {
    alm_arena *arena;
    const alm_forest_explainer *explainer;
    uint8_t *code;     /* [lane][BLOCK_ROWS] */
    uint8_t *bits;     /* [ceil(features_max / 8)][BLOCK_ROWS] */
    uint16_t *slot_of; /* [pattern] slot + 1, 0 = not met in this block; all 0 between paths */
    uint16_t *pattern; /* [slot] */
    uint16_t *slot;    /* [row] */
    double *value;     /* [element][VALUE_STRIDE] contribution by slot */
    double *phi;       /* [output][feature][BLOCK_ROWS] */
};

/* ---- cutting trees into paths ---- */

typedef struct step {
    int32_t node; /* inner node left behind */
    bool left;
} step;

typedef struct visit {
    int32_t child;
    uint32_t depth; /* steps on the way to `child` */
    step last;
} visit;

typedef struct draft_test {
    uint32_t lane, element;
    uint32_t low, high;
} draft_test;

typedef struct cutter {
    alm_forest_explainer *explainer;
    alm_error *error;
    size_t tree;
    size_t output; /* of the values of a leaf, those of a CatBoost tree: each has its own paths */
    bool writing; /* the first pass only counts */
    visit *stack;
    step step[PATH_DEPTH_MAX];
    path_element element[PATH_FEATURES_MAX];
    draft_test test[PATH_DEPTH_MAX];
    size_t element_count, test_count;
} cutter;

static double cover_of(const almi_tree *tree, int32_t child)
{
    return child >= 0 ? tree->node_cover[child] : tree->leaf_cover[~child];
}

static double value_of(const almi_tree *tree, int32_t leaf, size_t output)
{
    return tree->leaf_value[(size_t)leaf * tree->leaf_width + output];
}

/* Share of the training rows at `node` that go on to `child`. CatBoost's symmetric trees have nodes
 * that no row reaches; an even share there keeps the contributions a sum of the score. */
static double share_of(const almi_tree *tree, size_t node, int32_t child)
{
    double cover = tree->node_cover[node];
    return cover > 0 ? cover_of(tree, child) / cover : 0.5;
}

/* Element of the path for `feature`, added when it is new; NULL when there are too many. */
static path_element *find_element(cutter *c, uint32_t feature)
{
    for (size_t i = 0; i < c->element_count; i++) {
        if (c->element[i].feature == feature) {
            return &c->element[i];
        }
    }
    if (c->element_count == PATH_FEATURES_MAX) {
        return NULL;
    }
    path_element *added = &c->element[c->element_count++];
    *added = (path_element){.feature = feature, .zero = 1.0};
    return added;
}

/* Conditions on one lane are an interval of codes; an empty one stays two tests that exclude each
 * other, so that no special case is needed later. */
static void add_test(cutter *c, almi_test test, bool left, uint32_t element)
{
    uint32_t low = left ? 0 : test.code + 1;
    uint32_t high = left ? test.code : UINT8_MAX;
    for (size_t i = 0; i < c->test_count; i++) {
        draft_test *known = &c->test[i];
        uint32_t both_low = known->low > low ? known->low : low;
        uint32_t both_high = known->high < high ? known->high : high;
        if (known->lane == test.lane && both_low <= both_high) {
            known->low = both_low;
            known->high = both_high;
            return;
        }
    }
    c->test[c->test_count++] = (draft_test){test.lane, element, low, high};
}

static alm_err draft_element(cutter *c, uint32_t feature, path_element **out)
{
    *out = find_element(c, feature);
    if (*out == NULL) {
        return alm_fail(c->error, ALM_ERR_UNSUPPORTED,
                        "tree %zu has a path with more than %d features; train with a max_depth "
                        "to explain it",
                        c->tree, PATH_FEATURES_MAX);
    }
    return ALM_OK;
}

/* The conditions of the `depth` steps so far. */
static alm_err draft_path(cutter *c, const almi_tree *tree, size_t depth)
{
    const alm_forest *forest = c->explainer->forest;
    c->element_count = 0;
    c->test_count = 0;
    for (size_t i = 0; i < depth; i++) {
        size_t node = (size_t)c->step[i].node;
        int32_t child = c->step[i].left ? tree->left[node] : tree->right[node];
        path_element *element = NULL;
        ALM_TRY(draft_element(c, (uint32_t)tree->feature[node], &element));
        element->zero *= share_of(tree, node, child);
        add_test(c, forest->test[c->tree][node], c->step[i].left,
                 (uint32_t)(element - c->element));
    }
    return ALM_OK;
}

/* The two leaves of `node`, or the leaf ~node. */
static alm_err draft_leaves(cutter *c, const almi_tree *tree, int32_t node, leaf_path *path)
{
    double scale = c->explainer->forest->scale;
    if (node < 0) {
        path->leaf_count = 1;
        path->value[0] = value_of(tree, ~node, c->output) * scale;
        return ALM_OK;
    }
    path_element *element = NULL;
    almi_test test = c->explainer->forest->test[c->tree][node];
    ALM_TRY(draft_element(c, (uint32_t)tree->feature[node], &element));
    path->leaf_count = 2;
    path->split = (uint32_t)(element - c->element);
    path->side = (path_test){test.lane, 0, (uint8_t)test.code};
    for (int i = 0; i < 2; i++) {
        int32_t child = i == 0 ? tree->left[node] : tree->right[node];
        path->value[i] = value_of(tree, ~child, c->output) * scale;
        path->share[i] = share_of(tree, (size_t)node, child);
    }
    return ALM_OK;
}

/* Appends the drafted path: its elements, and their tests in the order of the elements. */
static void write_path(cutter *c, leaf_path path)
{
    alm_forest_explainer *e = c->explainer;
    path.element_begin = e->element_count;
    path.test_begin = e->test_count;
    path.element_count = (uint32_t)c->element_count;
    path.output = e->forest->tree[c->tree].output + (uint32_t)c->output;
    e->path[e->path_count] = path;
    size_t at = e->test_count;
    for (size_t i = 0; i < c->element_count; i++) {
        size_t before = at;
        for (size_t j = 0; j < c->test_count; j++) {
            const draft_test *test = &c->test[j];
            if (test->element == i) {
                e->test[at++] = (path_test){test->lane, (uint8_t)test->low,
                                            (uint8_t)(test->high - test->low)};
            }
        }
        path_element *element = &e->element[e->element_count + i];
        *element = c->element[i];
        element->test_count = (uint32_t)(at - before);
    }
}

static alm_err take_path(cutter *c, const almi_tree *tree, int32_t node, size_t depth)
{
    alm_forest_explainer *e = c->explainer;
    leaf_path path = {0};
    ALM_TRY(draft_path(c, tree, depth));
    ALM_TRY(draft_leaves(c, tree, node, &path));
    if (c->writing) {
        write_path(c, path);
    }
    e->path_count++;
    e->element_count += c->element_count;
    e->test_count += c->test_count;
    e->features_max = e->features_max > c->element_count ? e->features_max : c->element_count;
    if (e->element_count > ELEMENTS_MAX) {
        return alm_fail(c->error, ALM_ERR_LIMIT, "the forest is too large to be explained");
    }
    return ALM_OK;
}

static alm_err cut_tree(cutter *c)
{
    const almi_tree *tree = &c->explainer->forest->tree[c->tree];
    size_t count = 0;
    if (tree->leaf_count == 1) {
        return ALM_OK; /* a constant belongs to the expected value */
    }
    c->stack[count++] = (visit){.child = 0};
    while (count > 0) {
        visit at = c->stack[--count];
        if (at.depth > 0) {
            c->step[at.depth - 1] = at.last;
        }
        if (at.child < 0 || (tree->left[at.child] < 0 && tree->right[at.child] < 0)) {
            ALM_TRY(take_path(c, tree, at.child, at.depth));
            continue;
        }
        if (at.depth == PATH_DEPTH_MAX) {
            return alm_fail(c->error, ALM_ERR_UNSUPPORTED,
                            "tree %zu is deeper than %d; train with a max_depth to explain it",
                            c->tree, PATH_DEPTH_MAX);
        }
        uint32_t depth = at.depth + 1;
        c->stack[count++] = (visit){tree->right[at.child], depth, {at.child, false}};
        c->stack[count++] = (visit){tree->left[at.child], depth, {at.child, true}};
    }
    return ALM_OK;
}

static alm_err cut_forest(cutter *c)
{
    alm_forest_explainer *e = c->explainer;
    e->path_count = 0;
    e->element_count = 0;
    e->test_count = 0;
    for (c->tree = 0; c->tree < e->forest->info.tree_count; c->tree++) {
        size_t width = e->forest->tree[c->tree].leaf_width;
        for (c->output = 0; c->output < width; c->output++) {
            ALM_TRY(cut_tree(c));
        }
    }
    return ALM_OK;
}

/* Leaf values weighted with the share that reaches them, node by node: XGBoost's mean of a node.
 * Its cover is a sum of floats, so the shares of two children need not add up to 1, and only this
 * way the contributions still add up to the score. Parents come before children. */
static double expected_by_shares(const almi_tree *tree, size_t output, double *share)
{
    double sum = 0.0;
    share[0] = 1.0;
    for (size_t node = 0; node + 1 < tree->leaf_count; node++) {
        for (int side = 0; side < 2; side++) {
            int32_t child = side == 0 ? tree->left[node] : tree->right[node];
            double reached = share[node] * share_of(tree, node, child);
            if (child >= 0) {
                share[child] = reached;
            } else {
                sum += reached * value_of(tree, ~child, output);
            }
        }
    }
    return sum;
}

/* Mean of the leaf values by training rows, as LightGBM's Tree::ExpectedValue. */
static double expected_value(const almi_tree *tree, size_t output, double *share)
{
    if (tree->leaf_count == 1) {
        return tree->leaf_value[output];
    }
    if (tree->rule == ALM_FOREST_XGBOOST) {
        return expected_by_shares(tree, output, share);
    }
    double sum = 0.0;
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        sum += tree->leaf_cover[leaf] / tree->node_cover[0] *
               value_of(tree, (int32_t)leaf, output);
    }
    return sum;
}

static alm_err build(alm_forest_explainer *e, alm_arena *scratch, alm_error *error)
{
    const alm_forest_info *info = &e->forest->info;
    cutter *c = ALM_NEW(scratch, cutter);
    c->explainer = e;
    c->error = error;
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, info->leaf_count_max + 1, c->stack, error));
    ALM_TRY(cut_forest(c));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, e->path_count, e->path, error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, e->element_count, e->element, error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, e->test_count, e->test, error));
    c->writing = true;
    ALM_TRY(cut_forest(c));
    double *share = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, info->leaf_count_max, share, error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, info->output_count, e->expected, error));
    for (size_t k = 0; k < info->output_count; k++) {
        e->expected[k] = almi_forest_base(e->forest, k);
    }
    for (size_t t = 0; t < info->tree_count; t++) {
        const almi_tree *tree = &e->forest->tree[t];
        for (size_t k = 0; k < tree->leaf_width; k++) {
            e->expected[tree->output + k] += expected_value(tree, k, share);
        }
    }
    almi_forest_end(e->forest, 1, e->expected);
    return almi_quadrature_rules(e->arena, (e->features_max + 1) / 2, &e->rule, error);
}

alm_err alm_forest_explainer_create(const alm_forest *forest, alm_forest_explainer **out,
                                    alm_error *error)
{
    ALM_TRY(almi_check_leaves(forest, error));
    if (!forest->info.has_cover) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "the model has no cover, which contributions need: leaf_count and "
                        "internal_count (LightGBM), sum_hessian above 0 (XGBoost; of leaves with "
                        "several values from 3.2 on) or leaf weights without category "
                        "statistics (CatBoost)");
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_explainer), &memory, error));
    alm_forest_explainer *e = memory;
    e->forest = forest;
    e->arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = build(e, scratch, error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_forest_explainer_destroy(e);
        return code;
    }
    *out = e;
    return ALM_OK;
}

almi_explainer_parts almi_explainer_parts_of(const alm_forest_explainer *explainer)
{
    return (almi_explainer_parts){explainer->forest, explainer->expected, explainer->rule,
                                  explainer->features_max};
}

void alm_forest_explainer_destroy(alm_forest_explainer *explainer)
{
    if (explainer != NULL) {
        alm_arena_destroy(explainer->arena);
        alm_heap_free(explainer);
    }
}

static alm_err alloc_scratch(alm_forest_scratch *s, alm_error *error)
{
    const alm_forest_explainer *e = s->explainer;
    const alm_forest_info *info = &e->forest->info;
    size_t columns = info->output_count * info->feature_count;
    size_t bytes = (e->features_max + 1) / 8 + 1; /* and the side of a pair */
    size_t values = e->features_max < PATTERN_BITS_MAX ? PATTERN_BITS_MAX : e->features_max;
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, e->forest->lane_count * BLOCK_ROWS, s->code, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, bytes * BLOCK_ROWS, s->bits, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, (size_t)1 << PATTERN_BITS_MAX, s->slot_of, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, BLOCK_ROWS, s->pattern, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, BLOCK_ROWS, s->slot, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, values * VALUE_STRIDE, s->value, error));
    return ALMI_FOREST_ARRAY(s->arena, columns * BLOCK_ROWS, s->phi, error);
}

alm_err alm_forest_scratch_create(const alm_forest_explainer *explainer, alm_forest_scratch **out,
                                  alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_scratch), &memory, error));
    alm_forest_scratch *s = memory;
    s->explainer = explainer;
    s->arena = alm_arena_create(0);
    alm_err code = alloc_scratch(s, error);
    if (code != ALM_OK) {
        alm_forest_scratch_destroy(s);
        return code;
    }
    *out = s;
    return ALM_OK;
}

void alm_forest_scratch_destroy(alm_forest_scratch *scratch)
{
    if (scratch != NULL) {
        alm_arena_destroy(scratch->arena);
        alm_heap_free(scratch);
    }
}

/* ---- evaluation ---- */

/* value[j * VALUE_STRIDE] = leaf_value (one_j - zero_j) integral of the other factors. */
ALM_WIDE_VECTORS
static void integrate(const almi_quadrature *rule, size_t d, const double *zero, const double *one,
                      double leaf_value, double *value)
{
    almi_points factor[PATH_FEATURES_MAX], prefix[PATH_FEATURES_MAX], sum[PATH_FEATURES_MAX];
    for (size_t q = 0; q < rule->lanes_count; q++) {
        almi_points t = rule->point[q], rest = 1.0 - t, product = rule->weight[q];
        for (size_t j = 0; j < d; j++) {
            factor[j] = zero[j] * rest + one[j] * t;
            prefix[j] = product;
            product *= factor[j];
        }
        almi_points suffix = {1.0, 1.0, 1.0, 1.0};
        /* Products from both sides: a factor may be 0, so no division. */
        for (size_t j = d; j-- > 0;) {
            almi_points term = prefix[j] * suffix;
            sum[j] = q == 0 ? term : sum[j] + term;
            suffix *= factor[j];
        }
    }
    for (size_t j = 0; j < d; j++) {
        double integral = (sum[j][0] + sum[j][1]) + (sum[j][2] + sum[j][3]);
        value[j * VALUE_STRIDE] = leaf_value * ((one[j] - zero[j]) * integral);
    }
}

static double bit_at(const uint8_t *bits, size_t index)
{
    return (bits[index / 8 * BLOCK_ROWS] >> (index % 8)) & 1u;
}

/* value[j * VALUE_STRIDE] = contribution of element j for the pattern of one row of s->bits. */
static void evaluate_pattern(const alm_forest_explainer *e, const leaf_path *path,
                             const uint8_t *bits, double *value)
{
    double zero[PATH_FEATURES_MAX], one[PATH_FEATURES_MAX];
    const path_element *element = e->element + path->element_begin;
    size_t d = path->element_count;
    const almi_quadrature *rule = &e->rule[(d + 1) / 2];
    for (size_t j = 0; j < d; j++) {
        zero[j] = element[j].zero;
        one[j] = bit_at(bits, j);
    }
    if (path->leaf_count == 1) {
        integrate(rule, d, zero, one, path->value[0], value);
        return;
    }
    /* Two leaves differ in one factor only, so the sum of their products has the sum of those
     * factors, each times its leaf's value; its difference one - zero is right as well. */
    double side[2] = {bit_at(bits, d), 1.0 - bit_at(bits, d)};
    double split_zero = 0.0, split_one = 0.0;
    for (int i = 0; i < 2; i++) {
        split_zero += path->value[i] * (zero[path->split] * path->share[i]);
        split_one += path->value[i] * (one[path->split] * side[i]);
    }
    zero[path->split] = split_zero;
    one[path->split] = split_one;
    integrate(rule, d, zero, one, 1.0, value);
}

/* pass[r] &= low <= code[r] <= low + width, as 0 or 255 */
ALM_INLINE void and_test(const uint8_t *restrict code, path_test test, uint8_t *restrict pass)
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        uint8_t inside = (uint8_t)(code[r] - test.low) <= test.width ? UINT8_MAX : 0;
        pass[r] &= inside;
    }
}

ALM_INLINE void add_bit(const uint8_t *restrict pass, uint8_t mask, uint8_t *restrict bits)
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        uint8_t bit = pass[r] & mask;
        bits[r] |= bit;
    }
}

ALM_INLINE void fill_bytes(uint8_t *bytes, uint8_t value)
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        bytes[r] = value;
    }
}

static size_t pattern_bits(const leaf_path *path)
{
    return path->element_count + path->leaf_count - 1;
}

/* The bits of one chunk of rows; `code` and `bits` point to its first row. */
ALM_INLINE void collect_chunk(const alm_forest_explainer *e, const leaf_path *path,
                              const uint8_t *code, uint8_t *bits)
{
    const path_test *test = e->test + path->test_begin;
    uint8_t pass[ALMI_CHUNK_ROWS];
    for (size_t i = 0; i < pattern_bits(path) / 8 + 1; i++) {
        fill_bytes(bits + i * BLOCK_ROWS, 0);
    }
    for (size_t j = 0; j < path->element_count; j++) {
        uint32_t tests = e->element[path->element_begin + j].test_count;
        fill_bytes(pass, UINT8_MAX);
        for (uint32_t i = 0; i < tests; i++, test++) {
            and_test(code + (size_t)test->lane * BLOCK_ROWS, *test, pass);
        }
        add_bit(pass, (uint8_t)(1u << (j % 8)), bits + j / 8 * BLOCK_ROWS);
    }
    if (path->leaf_count == 2) {
        size_t j = path->element_count;
        fill_bytes(pass, UINT8_MAX);
        and_test(code + (size_t)path->side.lane * BLOCK_ROWS, path->side, pass);
        add_bit(pass, (uint8_t)(1u << (j % 8)), bits + j / 8 * BLOCK_ROWS);
    }
}

ALM_WIDE_VECTORS
static void collect_bits(const alm_forest_scratch *s, const leaf_path *path, size_t n)
{
    for (size_t base = 0; base < n; base += ALMI_CHUNK_ROWS) {
        collect_chunk(s->explainer, path, s->code + base, s->bits + base);
    }
}

/* Gives every row the slot of its pattern; evaluates patterns that are new. */
static void assign_slots(alm_forest_scratch *s, const leaf_path *path, size_t n)
{
    const uint8_t *low = s->bits, *high = s->bits + BLOCK_ROWS;
    bool two_bytes = pattern_bits(path) > 8;
    size_t slots = 0;
    for (size_t r = 0; r < n; r++) {
        uint32_t pattern = low[r] | (two_bytes ? (uint32_t)high[r] << 8 : 0);
        uint16_t slot = s->slot_of[pattern];
        if (slot == 0) {
            evaluate_pattern(s->explainer, path, low + r, s->value + slots);
            s->pattern[slots++] = (uint16_t)pattern;
            slot = s->slot_of[pattern] = (uint16_t)slots;
        }
        s->slot[r] = (uint16_t)(slot - 1);
    }
    for (size_t i = 0; i < slots; i++) {
        s->slot_of[s->pattern[i]] = 0;
    }
}

static double *phi_of(const alm_forest_scratch *s, const leaf_path *path, uint32_t feature)
{
    size_t features = s->explainer->forest->info.feature_count;
    return s->phi + (path->output * features + feature) * BLOCK_ROWS;
}

/* Two elements at a time, so that a slot is loaded once for both. */
static void add_two(const uint16_t *restrict slot, const double *restrict value, size_t n,
                    double *restrict phi, double *restrict phi_next)
{
    for (size_t r = 0; r < n; r++) {
        const double *at = value + slot[r];
        phi[r] += at[0];
        phi_next[r] += at[VALUE_STRIDE];
    }
}

static void add_one(const uint16_t *restrict slot, const double *restrict value, size_t n,
                    double *restrict phi)
{
    for (size_t r = 0; r < n; r++) {
        phi[r] += value[slot[r]];
    }
}

static void add_path(alm_forest_scratch *s, const leaf_path *path, size_t n)
{
    const path_element *element = s->explainer->element + path->element_begin;
    size_t j = 0;
    collect_bits(s, path, n);
    assign_slots(s, path, n);
    for (; j + 1 < path->element_count; j += 2) {
        add_two(s->slot, s->value + j * VALUE_STRIDE, n, phi_of(s, path, element[j].feature),
                phi_of(s, path, element[j + 1].feature));
    }
    if (j < path->element_count) {
        add_one(s->slot, s->value + j * VALUE_STRIDE, n, phi_of(s, path, element[j].feature));
    }
}

/* Paths with too many features for a table of patterns. */
static void add_long_path(alm_forest_scratch *s, const leaf_path *path, size_t n)
{
    const path_element *element = s->explainer->element + path->element_begin;
    collect_bits(s, path, n);
    for (size_t r = 0; r < n; r++) {
        evaluate_pattern(s->explainer, path, s->bits + r, s->value);
        for (size_t j = 0; j < path->element_count; j++) {
            phi_of(s, path, element[j].feature)[r] += s->value[j * VALUE_STRIDE];
        }
    }
}

static void explain_block(alm_forest_scratch *s, const double *rows, size_t n, size_t stride,
                          double *out)
{
    const alm_forest_explainer *e = s->explainer;
    const alm_forest_info *info = &e->forest->info;
    size_t features = info->feature_count;
    almi_rows block = {rows, n, stride};
    almi_lanes_encode(e->forest, NULL, e->forest->lane_count, &block, s->code, BLOCK_ROWS);
    for (size_t i = 0; i < info->output_count * features * BLOCK_ROWS; i++) {
        s->phi[i] = 0.0;
    }
    for (size_t i = 0; i < e->path_count; i++) {
        if (pattern_bits(&e->path[i]) <= PATTERN_BITS_MAX) {
            add_path(s, &e->path[i], n);
        } else {
            add_long_path(s, &e->path[i], n);
        }
    }
    for (size_t r = 0; r < n; r++) {
        for (size_t k = 0; k < info->output_count; k++) {
            const double *phi = s->phi + k * features * BLOCK_ROWS + r;
            double *row = out + (r * info->output_count + k) * (features + 1);
            for (size_t f = 0; f < features; f++) {
                row[f] = phi[f * BLOCK_ROWS];
            }
            row[features] = e->expected[k];
        }
    }
}

void alm_forest_contributions(const alm_forest_explainer *explainer, alm_forest_scratch *scratch,
                              const double *rows, size_t n, size_t stride, double *out)
{
    const alm_forest_info *info = &explainer->forest->info;
    alm_assert(scratch->explainer == explainer);
    alm_assert(n == 0 || stride >= info->feature_count);
    size_t width = info->output_count * (info->feature_count + 1);
    if (info->is_linear) {
        almi_linear_contributions(explainer->forest, rows, n, stride, out);
        return;
    }
    for (size_t i = 0; i < n; i += BLOCK_ROWS) {
        size_t count = n - i < BLOCK_ROWS ? n - i : BLOCK_ROWS;
        explain_block(scratch, rows + i * stride, count, stride, out + i * width);
    }
}
