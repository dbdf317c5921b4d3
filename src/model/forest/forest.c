/* forest.c: life of a forest, its structural check, and the literal oracle.
 *
 * Invariant that everything else relies on: after almi_forest_finish each inner node and each leaf
 * of a tree is reached from the root exactly once, every feature number is below feature_count and
 * every categorical node names a set of its tree. No later code checks again. */
#include "model/forest/forest_internal.h"

#include <math.h>
#include <string.h>

/* Blocks of arenas: a forest takes about as much as its text, so there are a few a thread. */
#define BLOCK_BYTES_MIN ((size_t)64 << 10)
#define BLOCK_BYTES_MAX ((size_t)8 << 20)

alm_err almi_forest_create_by(alm_pool *pool, size_t source_bytes, alm_forest **out,
                              alm_error *error)
{
    int threads = alm_pool_threads(pool);
    size_t block = source_bytes / 2 / (size_t)threads;
    block = block < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : block;
    block = block > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : block;
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest), &memory, error));
    alm_forest *forest = memory;
    forest->pool = pool;
    forest->arena = alm_arena_create(block);
    forest->scale = 1;
    forest->worker_count = threads;
    forest->worker_arena = ALM_NEW_ARRAY(forest->arena, alm_arena *, (size_t)threads);
    for (int i = 0; i < threads; i++) {
        forest->worker_arena[i] = i == 0 ? forest->arena : alm_arena_create(block);
    }
    *out = forest;
    return ALM_OK;
}

alm_err almi_forest_create(size_t source_bytes, alm_forest **out, alm_error *error)
{
    return almi_forest_create_by(NULL, source_bytes, out, error);
}

void alm_forest_destroy(alm_forest *forest)
{
    if (forest == NULL) {
        return;
    }
    for (int i = 1; i < forest->worker_count; i++) {
        alm_arena_destroy(forest->worker_arena[i]);
    }
    alm_arena_destroy(forest->arena);
    alm_heap_free(forest);
}

alm_forest_info alm_forest_describe(const alm_forest *forest)
{
    return forest->info;
}

alm_err almi_forest_array(alm_arena *arena, size_t count, size_t size, void **out,
                          alm_error *error)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return alm_fail(error, ALM_ERR_MEMORY, "an array of %zu items of %zu bytes", count, size);
    }
    return alm_arena_try_alloc(arena, bytes, out, error);
}

/* ---- structural check ---- */

typedef struct tree_check {
    const alm_forest *forest;
    const char *name;
    size_t index; /* of the tree */
    uint8_t *seen; /* inner nodes, then leaves */
    int32_t *stack;
    alm_error *error;
} tree_check;

static alm_err check_node(const tree_check *check, const almi_tree *tree, size_t node)
{
    int32_t feature = tree->feature[node];
    size_t columns = check->forest->info.feature_count + check->forest->ctr_count;
    if (feature < 0 || (size_t)feature >= columns) {
        return alm_fail(check->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu node %zu: feature %d of %zu; the model file is damaged",
                        check->name, check->index, node, (int)feature, columns);
    }
    double threshold = tree->threshold[node];
    if (isnan(threshold)) {
        return alm_fail(check->error, ALM_ERR_CORRUPT, "%s: tree %zu node %zu: threshold is nan",
                        check->name, check->index, node);
    }
    bool categorical = (tree->decision[node] & ALMI_DECISION_CATEGORY) != 0;
    bool has_set = categorical && tree->rule != ALM_FOREST_CATBOOST;
    if (has_set && !(threshold >= 0 && threshold < (double)tree->category_count)) {
        return alm_fail(check->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu node %zu: category set %.17g of %zu", check->name,
                        check->index, node, threshold, tree->category_count);
    }
    unsigned missing = (tree->decision[node] >> ALMI_DECISION_MISSING_SHIFT) & 3u;
    if (missing > ALMI_MISSING_NAN || tree->decision[node] > 15) {
        return alm_fail(check->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu node %zu: decision_type %u is unknown", check->name,
                        check->index, node, (unsigned)tree->decision[node]);
    }
    return ALM_OK;
}

/* Marks `child`; pushes it when it is an inner node. A second visit is a cycle or a shared node. */
static alm_err visit(tree_check *check, const almi_tree *tree, int32_t child, size_t *depth)
{
    size_t inner_count = tree->leaf_count - 1;
    size_t mark = child >= 0 ? (size_t)child : inner_count + (size_t)~child;
    bool inside = child >= 0 ? mark < inner_count : (size_t)~child < tree->leaf_count;
    if (!inside) {
        return alm_fail(check->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu: child %d of a tree with %zu leaves", check->name,
                        check->index, (int)child, tree->leaf_count);
    }
    if (check->seen[mark]) {
        return alm_fail(check->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu: child %d is reached twice, so it is not a tree",
                        check->name, check->index, (int)child);
    }
    check->seen[mark] = 1;
    if (child >= 0) {
        check->stack[(*depth)++] = child;
    }
    return ALM_OK;
}

static alm_err check_tree(tree_check *check, const almi_tree *tree)
{
    size_t inner_count = tree->leaf_count - 1;
    size_t depth = 0, reached = 0;
    for (size_t i = 0; i < inner_count + tree->leaf_count; i++) {
        check->seen[i] = 0;
    }
    if (inner_count > 0) {
        ALM_TRY(visit(check, tree, 0, &depth));
    }
    while (depth > 0) {
        size_t node = (size_t)check->stack[--depth];
        reached++;
        ALM_TRY(check_node(check, tree, node));
        ALM_TRY(visit(check, tree, tree->left[node], &depth));
        ALM_TRY(visit(check, tree, tree->right[node], &depth));
    }
    if (reached != inner_count) {
        /* The rest forms rings: each node has one parent, but the root is not among them. */
        return alm_fail(check->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu: %zu of %zu inner nodes are reached from the root",
                        check->name, check->index, reached, inner_count);
    }
    return ALM_OK;
}

/* Every child is a leaf, or an inner node behind its parent. */
static bool children_follow(const int32_t *child, size_t inner_count)
{
    bool fine = true;
    for (size_t node = 0; node < inner_count; node++) {
        int64_t to = child[node];
        fine &= (to >= -(int64_t)inner_count - 1) & (to < (int64_t)inner_count) &
                ((to < 0) | (to > (int64_t)node));
    }
    return fine;
}

/* Whether a tree without categories is fine whose children come behind their parents, as they
 * mostly do: then each node and leaf, met once as a child, is reached from the root. One pass, in
 * which nothing depends on what was found before; false: check_tree finds out. */
static bool is_plain(tree_check *check, const almi_tree *tree)
{
    size_t inner_count = tree->leaf_count - 1, columns;
    uint8_t *seen = check->seen + tree->leaf_count; /* [child], negative ones the leaves */
    bool fine = true;
    columns = check->forest->info.feature_count + check->forest->ctr_count;
    memset(check->seen, 0, inner_count + tree->leaf_count);
    for (size_t node = 0; node < inner_count; node++) {
        fine &= ((size_t)tree->feature[node] < columns) & !isnan(tree->threshold[node]);
        /* No category, and none of the missing types that are unknown. */
        fine &= (tree->decision[node] & ALMI_DECISION_CATEGORY) == 0;
        fine &= tree->decision[node] < (ALMI_MISSING_NAN + 1) << ALMI_DECISION_MISSING_SHIFT;
    }
    fine = fine && children_follow(tree->left, inner_count) &&
           children_follow(tree->right, inner_count);
    unsigned again = 0;
    for (size_t node = 0; fine && node < inner_count; node++) {
        again |= seen[tree->left[node]];
        seen[tree->left[node]] = 1;
        again |= seen[tree->right[node]];
        seen[tree->right[node]] = 1;
    }
    return fine && again == 0;
}

typedef struct check_context {
    const alm_forest *forest;
    const char *name;
} check_context;

static alm_err check_some(void *context, size_t task, int worker, alm_error *error)
{
    const check_context *c = context;
    const alm_forest *forest = c->forest;
    size_t begin = task * ALMI_TASK_TREES, trees = forest->info.tree_count, leaves = 1;
    size_t end = begin + ALMI_TASK_TREES < trees ? begin + ALMI_TASK_TREES : trees;
    (void)worker;
    for (size_t t = begin; t < end; t++) {
        leaves = forest->tree[t].leaf_count > leaves ? forest->tree[t].leaf_count : leaves;
    }
    alm_arena *scratch = alm_arena_create(0);
    tree_check check = {.forest = forest, .name = c->name, .error = error};
    alm_err code = ALMI_FOREST_ARRAY(scratch, 2 * leaves, check.seen, error);
    if (code == ALM_OK) {
        code = ALMI_FOREST_ARRAY(scratch, leaves, check.stack, error);
    }
    for (size_t t = begin; code == ALM_OK && t < end; t++) {
        check.index = t;
        const almi_tree *tree = &forest->tree[t];
        code = is_plain(&check, tree) ? ALM_OK : check_tree(&check, tree);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_forest_finish(alm_forest *forest, const char *name, alm_error *error)
{
    size_t leaf_count_max = 1;
    bool has_cover = true, has_models = false;
    for (size_t i = 0; i < forest->info.tree_count; i++) {
        const almi_tree *tree = &forest->tree[i];
        bool covered = tree->leaf_count == 1 || tree->leaf_cover != NULL;
        leaf_count_max = tree->leaf_count > leaf_count_max ? tree->leaf_count : leaf_count_max;
        has_cover = has_cover && covered;
        has_models = has_models || tree->model != NULL;
    }
    forest->info.leaf_count_max = leaf_count_max;
    forest->info.has_cover = has_cover;
    forest->info.has_linear_leaves = has_models;
    forest->info.is_linear = forest->weight != NULL;

    check_context context = {forest, name};
    ALM_TRY(alm_pool_run(forest->pool, almi_task_count(forest->info.tree_count), check_some,
                         &context, error));
    ALM_TRY(almi_forest_compile(forest, error));
    forest->pool = NULL;
    return ALM_OK;
}

/* ---- the literal rules of LightGBM 4 (include/LightGBM/tree.h, Decision) ---- */

static bool is_zero(double x)
{
    return x >= -ALMI_ZERO_MAX && x <= ALMI_ZERO_MAX;
}

static bool has_category(const almi_tree *tree, size_t set, uint32_t category)
{
    uint32_t begin = tree->category_begin[set];
    uint32_t words = tree->category_begin[set + 1] - begin;
    uint32_t word = category / 32;
    return word < words && ((tree->category_word[begin + word] >> (category % 32)) & 1u) != 0;
}

static bool in_category_set(const almi_tree *tree, size_t set, double x)
{
    /* The source casts to int: truncation, and on x86 a value outside int gives INT_MIN, which is
     * negative and goes right like every negative category. NaN fails the comparison. */
    return x > -1.0 && x < 2147483648.0 && has_category(tree, set, (uint32_t)x);
}

static bool lightgbm_goes_left(const almi_tree *tree, size_t node, double x)
{
    uint8_t decision = tree->decision[node];
    /* The dense entry of the C API drops tiny values before any tree sees them. */
    if (is_zero(x)) {
        x = 0.0;
    }
    if (decision & ALMI_DECISION_CATEGORY) {
        return in_category_set(tree, (size_t)tree->threshold[node], x);
    }
    unsigned missing = (decision >> ALMI_DECISION_MISSING_SHIFT) & 3u;
    if (isnan(x) && missing != ALMI_MISSING_NAN) {
        x = 0.0;
    }
    if ((missing == ALMI_MISSING_ZERO && is_zero(x)) || (missing == ALMI_MISSING_NAN && isnan(x))) {
        return (decision & ALMI_DECISION_DEFAULT_LEFT) != 0;
    }
    return x <= tree->threshold[node];
}

/* ---- the literal rules of XGBoost (src/predictor/predict_fn.h, src/common/categorical.h) ---- */

static bool xgboost_goes_left(const almi_tree *tree, size_t node, double x)
{
    /* Every entry point casts to float first: beyond its range that is an infinity. */
    float value = (float)x;
    if (isnan(value)) {
        return (tree->decision[node] & ALMI_DECISION_DEFAULT_LEFT) != 0;
    }
    if ((tree->decision[node] & ALMI_DECISION_CATEGORY) == 0) {
        return value < (float)tree->threshold[node];
    }
    /* -0.5 is an impossible category here, not category 0 as in LightGBM. */
    if (value < 0 || value >= ALMI_XGBOOST_CATEGORY_END) {
        return true;
    }
    return !has_category(tree, (size_t)tree->threshold[node], (uint32_t)value);
}

/* ---- the literal rules of CatBoost (libs/model/cpu/quantization.h) ---- */

bool almi_catboost_goes_left(uint8_t decision, double threshold, double x)
{
    if (decision & ALMI_DECISION_CATEGORY) {
        return (double)almi_category_hash(x) != threshold;
    }
    float value = (float)x;
    if (isnan(value)) {
        value = (decision & ALMI_DECISION_DEFAULT_LEFT) != 0 ? -INFINITY : INFINITY;
    }
    return !(value > (float)threshold);
}

/* ---- the rules of ONNX, in the form that the importer chose (import/onnx_forest.c) ---- */

bool almi_is_member(const uint32_t *word, size_t word_count, double x)
{
    size_t low = 0, high = word_count / 2;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        double value;
        memcpy(&value, word + 2 * middle, sizeof value);
        if (value == x) {
            return true;
        }
        *(value < x ? &low : &high) = value < x ? middle + 1 : middle;
    }
    return false;
}

static bool onnx_goes_left(const almi_tree *tree, size_t node, double x)
{
    double value = tree->rounded ? (double)(float)x : x;
    if (isnan(value)) {
        return (tree->decision[node] & ALMI_DECISION_DEFAULT_LEFT) != 0;
    }
    if ((tree->decision[node] & ALMI_DECISION_CATEGORY) == 0) {
        return value < tree->threshold[node];
    }
    size_t set = (size_t)tree->threshold[node];
    uint32_t begin = tree->category_begin[set];
    return almi_is_member(tree->category_word + begin, tree->category_begin[set + 1] - begin,
                          value);
}

/* ---- the oracle ---- */

alm_err almi_check_leaves(const alm_forest *forest, alm_error *error)
{
    if (forest->info.has_linear_leaves) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "the model has linear trees, of which there are no contributions (LightGBM "
                        "gives none either); train with linear_tree=false to explain it");
    }
    return ALM_OK;
}

bool almi_tree_goes_left(const almi_tree *tree, size_t node, double x)
{
    switch (tree->rule) {
    case ALM_FOREST_XGBOOST:
        return xgboost_goes_left(tree, node, x);
    case ALM_FOREST_CATBOOST:
        return almi_catboost_goes_left(tree->decision[node], tree->threshold[node], x);
    case ALM_FOREST_ONNX:
        return onnx_goes_left(tree, node, x);
    default:
        return lightgbm_goes_left(tree, node, x);
    }
}

static double column_of(const almi_tree *tree, size_t feature, const double *row)
{
    bool plain = tree->ctr == NULL || feature < tree->column_count;
    return plain ? row[feature]
                 : (double)almi_ctr_value(&tree->ctr[feature - tree->column_count], row);
}

size_t almi_tree_walk(const almi_tree *tree, const double *row)
{
    int32_t node = tree->leaf_count > 1 ? 0 : ~0;
    while (node >= 0) {
        double x = column_of(tree, (size_t)tree->feature[node], row);
        bool left = almi_tree_goes_left(tree, (size_t)node, x);
        node = left ? tree->left[node] : tree->right[node];
    }
    return (size_t)~node;
}

/* LightGBM's Tree::Predict: the zeros are those of the dense entry here, too. */
static double leaf_by_the_rule(const almi_tree *tree, size_t leaf, const double *row)
{
    const almi_leaf_models *model = tree->model;
    double sum = model->constant[leaf];
    for (uint32_t i = model->begin[leaf]; i < model->begin[leaf + 1]; i++) {
        double x = row[model->feature[i]];
        if (isnan(x)) {
            return tree->leaf_value[leaf];
        }
        sum += model->coefficient[i] * (is_zero(x) ? 0.0 : x);
    }
    return sum;
}

/* Neither 0 nor above LightGBM's zero; without a branch. */
static bool is_tiny(double x)
{
    uint64_t bits, largest;
    const double zero = ALMI_ZERO_MAX;
    memcpy(&bits, &x, sizeof bits);
    memcpy(&largest, &zero, sizeof largest);
    return (bits << 1) - 1 < largest << 1;
}

/* The same without a look at each value: a missing one shows in the sum. */
static double leaf_output(const almi_tree *tree, size_t leaf, const double *row)
{
    const almi_leaf_models *model = tree->model;
    double sum = model->constant[leaf];
    bool tiny = false;
    for (uint32_t i = model->begin[leaf]; i < model->begin[leaf + 1]; i++) {
        double x = row[model->feature[i]] + 0.0; /* -0 becomes 0 */
        tiny |= is_tiny(x);
        sum += model->coefficient[i] * x;
    }
    return tiny || isnan(sum) ? leaf_by_the_rule(tree, leaf, row) : sum;
}

void almi_tree_add(const almi_tree *tree, size_t leaf, const double *row, double *score)
{
    if (tree->model != NULL) {
        score[tree->output] += leaf_output(tree, leaf, row);
        return;
    }
    const double *value = tree->leaf_value + leaf * tree->leaf_width;
    double *sum = score + tree->output;
    for (size_t i = 0; i < tree->leaf_width; i++) {
        /* Both are floats then; the double holds the float sum, so nothing is lost. */
        sum[i] = almi_tree_is_single(tree) ? (double)((float)sum[i] + (float)value[i])
                                           : sum[i] + value[i];
    }
}

double almi_forest_base(const alm_forest *forest, size_t output)
{
    return forest->base != NULL ? forest->base[output] : 0.0;
}

/* CatBoost's ApplyScaleAndBias: the bias is added where any output has one, also to -0. */
void almi_forest_end(const alm_forest *forest, size_t n, double *score)
{
    size_t outputs = forest->info.output_count;
    if (forest->bias != NULL) {
        for (size_t i = 0; i < n * outputs; i++) {
            score[i] = forest->scale * score[i] + forest->bias[i % outputs];
        }
    } else if (forest->scale != 1) {
        for (size_t i = 0; i < n * outputs; i++) {
            score[i] *= forest->scale;
        }
    }
}

size_t alm_forest_leaf(const alm_forest *forest, size_t tree_index, const double *row)
{
    alm_assert(tree_index < forest->info.tree_count);
    const almi_tree *tree = &forest->tree[tree_index];
    size_t leaf = almi_tree_walk(tree, row);
    return tree->leaf_name != NULL ? (size_t)tree->leaf_name[leaf] : leaf;
}

static void add_literally(const almi_tree *tree, const double *row, double *score)
{
    size_t leaf = almi_tree_walk(tree, row);
    if (tree->model != NULL) {
        score[tree->output] += leaf_by_the_rule(tree, leaf, row);
    } else {
        almi_tree_add(tree, leaf, row, score);
    }
}

void alm_forest_score_reference(const alm_forest *forest, const double *rows, size_t n,
                                size_t stride, double *out)
{
    size_t k = forest->info.output_count;
    if (forest->weight != NULL) {
        almi_linear_score(forest, rows, n, stride, out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < k; j++) {
            out[i * k + j] = almi_forest_base(forest, j);
        }
        for (size_t t = 0; t < forest->info.tree_count; t++) {
            const almi_tree *tree = &forest->tree[t];
            add_literally(tree, rows + i * stride, out + i * k);
        }
    }
    almi_forest_end(forest, n, out);
}
