/* forest_compile.c: from literal trees to byte codes.
 *
 * Every numeric split `x <= t` becomes `code(x) <= j` with code(x) = #{thresholds below x} and j
 * the position of t, exactly: both sides compare the same doubles. XGBoost's `x < t` becomes the
 * same with code(x) = #{thresholds not above x}, on floats. What happens to NaN and to zero
 * is a property of the lane (see almi_lane_kind), so the kernel has one comparison for all splits.
 * Each different category set (CatBoost: each category) becomes a lane of its own with code 0 or 1.
 * Of a symmetric tree only one node a level is compiled.
 *
 * Lanes serve all trees. Only where these are too many for trees as lanes (forest_quick.c), because
 * features have more thresholds than a lane holds, each part of ALMI_QUICK_TREES trees gets lanes
 * of its own, if they are few enough then: a part has fewer thresholds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/forest/forest_internal.h"

/* One numeric split, the key by which splits share a lane. */
typedef struct split {
    uint32_t feature;
    uint16_t kind; /* almi_lane_kind: many lie in memory */
    uint16_t part; /* of the forest; 0 where it has none */
    double threshold;
} split;

static almi_lane_kind lane_kind(const almi_tree *tree, size_t node)
{
    uint8_t decision = tree->decision[node];
    bool left = (decision & ALMI_DECISION_DEFAULT_LEFT) != 0;
    bool category = (decision & ALMI_DECISION_CATEGORY) != 0;
    if (tree->rule == ALM_FOREST_XGBOOST) {
        return category ? (left ? ALMI_LANE_CATEGORY_LEFT : ALMI_LANE_CATEGORY_RIGHT)
                        : (left ? ALMI_LANE_FLOAT_LEFT : ALMI_LANE_FLOAT_RIGHT);
    }
    if (tree->rule == ALM_FOREST_CATBOOST) {
        return category ? ALMI_LANE_HASH : left ? ALMI_LANE_ABOVE_NEVER : ALMI_LANE_ABOVE_ALWAYS;
    }
    if (tree->rule == ALM_FOREST_ONNX) {
        int kind = category ? (tree->rounded ? ALMI_LANE_EQUAL_FLOAT_LEFT
                                             : ALMI_LANE_EQUAL_DOUBLE_LEFT)
                            : (tree->rounded ? ALMI_LANE_FLOAT_LEFT : ALMI_LANE_DOUBLE_LEFT);
        return (almi_lane_kind)(left ? kind : kind + 1);
    }
    if (category) {
        return ALMI_LANE_CATEGORY;
    }
    switch ((decision >> ALMI_DECISION_MISSING_SHIFT) & 3u) {
    case ALMI_MISSING_ZERO:
        return left ? ALMI_LANE_ZERO_LEFT : ALMI_LANE_ZERO_RIGHT;
    case ALMI_MISSING_NAN:
        return left ? ALMI_LANE_NAN_LEFT : ALMI_LANE_NAN_RIGHT;
    default:
        return ALMI_LANE_NAN_IS_ZERO;
    }
}

static split split_of(const almi_tree *tree, size_t node, size_t part)
{
    return (split){(uint32_t)tree->feature[node], (uint16_t)lane_kind(tree, node), (uint16_t)part,
                   tree->threshold[node]};
}

static int compare_splits(const void *left, const void *right)
{
    const split *a = left, *b = right;
    almi_lane_kind rule = almi_rule_of((almi_lane_kind)a->kind);
    almi_lane_kind other = almi_rule_of((almi_lane_kind)b->kind);
    if (a->part != b->part) {
        return a->part < b->part ? -1 : 1;
    }
    if (rule != other) {
        return rule < other ? -1 : 1;
    }
    if (a->feature != b->feature) {
        return a->feature < b->feature ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return (a->threshold > b->threshold) - (a->threshold < b->threshold);
}

/* One categorical node and its set. */
typedef struct category_node {
    size_t part;
    uint32_t feature;
    almi_lane_kind kind;
    uint32_t word_count;
    const uint32_t *word;
    almi_test *test; /* where the result goes */
} category_node;

/* The distinct numeric splits of the forest and the test that each one becomes; all categorical
 * nodes. */
typedef struct split_table {
    split *split;
    almi_test *test;
    size_t count;
    uint32_t *index; /* [numeric node, tree after tree] its split */
    size_t *begin;   /* [tree] of its nodes in index */
    category_node *category; /* sorted */
    size_t category_count;
    size_t part_trees; /* of a part; SIZE_MAX: there is one */
} split_table;

/* Splits as they are found. Most nodes repeat an earlier one, so each is looked up among those
 * already there, a few places long: one that is not found there is simply listed again, and a file
 * that wants to fill one place of the table gains nothing. */
#define PROBES 8
#define SPLITS_MIN 1024
typedef struct found_split {
    split split;
    uint32_t number; /* in the order of finding */
} found_split;

typedef struct finder {
    found_split *found;
    uint32_t count;
    size_t room; /* of found */
    uint32_t *place; /* number + 1, or 0 */
    uint64_t mask; /* of places: twice as many as there is room; all of it grows, since forests have
                    * far fewer splits than nodes, and few places lie in the cache */
} finder;

static uint64_t place_of(const split *s)
{
    uint64_t bits;
    memcpy(&bits, &s->threshold, sizeof bits);
    bits ^= ((uint64_t)s->feature * 16 + s->kind + ((uint64_t)s->part << 40)) *
            UINT64_C(0x9E3779B97F4A7C15);
    bits = (bits ^ bits >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return bits ^ bits >> 32;
}

/* Number of the split; there is room for one more. */
static uint32_t find_split(finder *f, split s)
{
    uint64_t at = place_of(&s);
    for (size_t i = 0; i < PROBES; i++, at++) {
        uint32_t *place = &f->place[at & f->mask];
        if (*place == 0) {
            *place = f->count + 1;
            break;
        }
        const split *other = &f->found[*place - 1].split;
        if (other->feature == s.feature && other->kind == s.kind && other->part == s.part &&
            other->threshold == s.threshold) {
            return *place - 1;
        }
    }
    f->found[f->count] = (found_split){s, f->count};
    return f->count++;
}

/* Makes room for one more. */
static alm_err make_room(finder *f, alm_arena *scratch, alm_error *error)
{
    if (f->count < f->room) {
        return ALM_OK;
    }
    finder more = {.room = f->room > 0 ? 2 * f->room : SPLITS_MIN};
    more.mask = 2 * more.room - 1;
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, more.room, more.found, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, 2 * more.room, more.place, error));
    while (more.count < f->count) {
        uint32_t next = more.count;
        (void)find_split(&more, f->found[next].split);
        if (more.count == next) { /* one that is there twice keeps its number */
            more.found[more.count++] = f->found[next];
        }
    }
    *f = more;
    return ALM_OK;
}

static int compare_found(const void *left, const void *right)
{
    const found_split *a = left, *b = right;
    return compare_splits(&a->split, &b->split);
}

static void add_category_node(alm_forest *forest, size_t t, size_t node, split_table *table)
{
    const almi_tree *tree = &forest->tree[t];
    size_t set = (size_t)tree->threshold[node];
    uint32_t begin = tree->category_begin[set];
    table->category[table->category_count++] = (category_node){
        t / table->part_trees, (uint32_t)tree->feature[node], lane_kind(tree, node),
        tree->category_begin[set + 1] - begin, tree->category_word + begin,
        &forest->test[t][node]};
}

static int compare_categories(const void *left, const void *right)
{
    const category_node *a = left, *b = right;
    if (a->part != b->part) {
        return a->part < b->part ? -1 : 1;
    }
    if (a->feature != b->feature) {
        return a->feature < b->feature ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->word_count != b->word_count) {
        return a->word_count < b->word_count ? -1 : 1;
    }
    return a->word_count == 0 ? 0 : memcmp(a->word, b->word, a->word_count * sizeof(uint32_t));
}

/* From splits as they were found to sorted, distinct ones. */
static alm_err sort_splits(finder *f, size_t node_count, alm_arena *scratch, split_table *table,
                           alm_error *error)
{
    uint32_t *rank = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, f->count, rank, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, f->count, table->split, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, f->count, table->test, error));
    if (f->count > 0) {
        qsort(f->found, f->count, sizeof *f->found, compare_found);
    }
    for (size_t i = 0; i < f->count; i++) {
        const split *next = &f->found[i].split;
        if (i == 0 || compare_splits(&table->split[table->count - 1], next) != 0) {
            table->split[table->count++] = *next;
        }
        rank[f->found[i].number] = (uint32_t)(table->count - 1);
    }
    for (size_t i = 0; i < node_count; i++) {
        table->index[i] = rank[table->index[i]];
    }
    return ALM_OK;
}

typedef struct node_counts {
    size_t all, categorical;
} node_counts;

static node_counts count_nodes(const alm_forest *forest)
{
    node_counts counts = {0};
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        counts.all += tree->leaf_count - 1;
        for (size_t node = 0; node + 1 < tree->leaf_count; node++) {
            counts.categorical += (tree->decision[node] & ALMI_DECISION_CATEGORY) != 0;
        }
    }
    return counts;
}

static alm_err collect_splits(alm_forest *forest, alm_arena *scratch, split_table *table,
                              alm_error *error)
{
    size_t node_count = 0;
    node_counts counts = count_nodes(forest);
    finder f = {0};
    if (counts.all >= UINT32_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "a forest of %zu inner nodes", counts.all);
    }
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->info.tree_count, table->begin, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, counts.all, table->index, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, counts.categorical, table->category, error));
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        table->begin[t] = node_count;
        for (size_t node = 0; node + 1 < tree->leaf_count; node++) {
            if (lane_kind(tree, node) >= ALMI_LANE_CATEGORY) {
                add_category_node(forest, t, node, table);
                continue;
            }
            ALM_TRY(make_room(&f, scratch, error));
            split own = split_of(tree, node, t / table->part_trees);
            table->index[node_count++] = find_split(&f, own);
        }
    }
    if (table->category_count > 0) {
        qsort(table->category, table->category_count, sizeof(category_node), compare_categories);
    }
    return sort_splits(&f, node_count, scratch, table, error);
}

/* The least float that is not below a threshold: a float is below the one iff it is below the
 * other. Only ONNX compares floats with thresholds that are none. */
static float float_from(double threshold)
{
    float next = (float)threshold;
    return (double)next < threshold ? nextafterf(next, INFINITY) : next;
}

/* A lane of the splits [begin, end) of the table, which differ in the threshold only. */
static alm_err add_lane(alm_forest *forest, const split_table *table, size_t begin, size_t end,
                        alm_error *error)
{
    uint32_t size = ALMI_SEARCH_WAYS;
    while (size < end - begin + 1) {
        size *= 2;
    }
    double *threshold = NULL;
    int32_t *key = NULL, *heap = NULL;
    /* What no x is above: nothing is above infinity, but infinity is not above itself. */
    almi_lane_kind kind = (almi_lane_kind)table->split[begin].kind;
    bool floats = kind >= ALMI_LANE_ABOVE_NEVER && kind <= ALMI_LANE_FLOAT_RIGHT;
    double filler = kind >= ALMI_LANE_FLOAT_LEFT ? NAN : INFINITY;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, size, threshold, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, size + ALMI_SEARCH_WAYS, key, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, size, heap, error));
    for (size_t i = 0; i < size; i++) {
        threshold[i] = begin + i < end ? table->split[begin + i].threshold : filler;
    }
    forest->has_derived = forest->has_derived || kind == ALMI_LANE_HASH ||
                          table->split[begin].feature >= forest->info.feature_count;
    for (size_t i = begin; i < end; i++) {
        table->test[i] = (almi_test){(uint32_t)forest->lane_count, (uint32_t)(i - begin)};
    }
    int32_t *pivot = key;
    key += ALMI_SEARCH_WAYS;
    for (size_t i = 0; i < size; i++) {
        int32_t own = floats ? almi_key_of_float(float_from(threshold[i]))
                             : almi_key_of(threshold[i]);
        key[i] = begin + i < end ? own : INT32_MAX;
    }
    for (size_t i = 0; i < ALMI_SEARCH_WAYS; i++) {
        size_t last = i * ALMI_SEARCH_WAYS + ALMI_SEARCH_WAYS - 1;
        pivot[i] = size > ALMI_SEARCH_WAYS && last < size ? key[last] : INT32_MAX;
    }
    for (size_t half = size / 2, i = 1; half > 0; half /= 2) {
        for (size_t at = half - 1; at < size; at += 2 * half) {
            heap[i++] = key[at];
        }
    }
    forest->lane[forest->lane_count++] = (almi_lane){.feature = table->split[begin].feature,
                                                     .kind = kind,
                                                     .rule = almi_rule_of(kind),
                                                     .size = size,
                                                     .threshold = threshold,
                                                     .key = key,
                                                     .heap = heap};
    return ALM_OK;
}

/* Behind the last split of the lane that begins here. */
static size_t end_of_lane(const split_table *table, size_t begin)
{
    const split *first = &table->split[begin];
    size_t most = first->kind == ALMI_LANE_HASH ? 1 : ALMI_LANE_THRESHOLDS_MAX, end = begin + 1;
    while (end < table->count && end - begin < most &&
           table->split[end].feature == first->feature && table->split[end].kind == first->kind &&
           table->split[end].part == first->part) {
        end++;
    }
    return end;
}

static alm_err make_numeric_lanes(alm_forest *forest, const split_table *table, alm_error *error)
{
    for (size_t begin = 0, end = 0; begin < table->count; begin = end) {
        end = end_of_lane(table, begin);
        ALM_TRY(add_lane(forest, table, begin, end, error));
    }
    return ALM_OK;
}

/* ---- category sets ---- */

/* The set as runs; false when it needs too many or holds a category that is not below 255. */
static bool find_runs(const category_node *node, almi_run *run, uint32_t *count)
{
    const size_t counted = (UINT8_MAX + 1) / 32; /* words of what a byte can count */
    size_t words = node->word_count < counted ? node->word_count : counted;
    *count = 0;
    for (size_t w = words; w < node->word_count; w++) {
        if (node->word[w] != 0) {
            return false;
        }
    }
    for (size_t c = 0; c < words * 32; c++) {
        if (((node->word[c / 32] >> (c % 32)) & 1u) == 0) {
            continue;
        }
        if (c >= UINT8_MAX) {
            return false;
        }
        almi_run *last = *count > 0 ? &run[*count - 1] : NULL;
        if (last != NULL && (size_t)last->low + last->width + 1 == c) {
            last->width++;
            continue;
        }
        if (*count == ALMI_LANE_RUNS_MAX) {
            return false;
        }
        run[(*count)++] = (almi_run){(uint8_t)c, 0};
    }
    return true;
}

static alm_err add_category_lane(alm_forest *forest, const category_node *node, alm_error *error)
{
    almi_run found[ALMI_LANE_RUNS_MAX];
    almi_lane lane = {.feature = node->feature,
                      .kind = node->kind,
                      .rule = node->kind,
                      .word = node->word,
                      .word_count = node->word_count};
    bool categories = node->kind < ALMI_LANE_EQUAL_FLOAT_LEFT;
    if (categories && find_runs(node, found, &lane.run_count)) {
        almi_run *run = NULL;
        ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, lane.run_count + 1, run, error));
        memcpy(run, found, lane.run_count * sizeof *run);
        lane.run = run;
    }
    forest->lane[forest->lane_count++] = lane;
    return ALM_OK;
}

/* Equal sets of one feature share a lane; lanes of one feature follow each other. */
static alm_err make_category_lanes(alm_forest *forest, const split_table *table,
                                   alm_error *error)
{
    for (size_t i = 0; i < table->category_count; i++) {
        const category_node *node = &table->category[i];
        if (i == 0 || compare_categories(node - 1, node) != 0) {
            ALM_TRY(add_category_lane(forest, node, error));
        }
        *node->test = (almi_test){(uint32_t)forest->lane_count - 1, 0};
    }
    return ALM_OK;
}

typedef struct test_context {
    const alm_forest *forest;
    const split_table *table;
} test_context;

static alm_err make_some_tests(void *context, size_t task, int worker, alm_error *error)
{
    const test_context *c = context;
    size_t begin = task * ALMI_TASK_TREES, end = c->forest->info.tree_count;
    end = begin + ALMI_TASK_TREES < end ? begin + ALMI_TASK_TREES : end;
    (void)worker;
    (void)error;
    for (size_t t = begin; t < end; t++) {
        const almi_tree *tree = &c->forest->tree[t];
        size_t i = c->table->begin[t];
        for (size_t node = 0; node + 1 < tree->leaf_count; node++) {
            if (lane_kind(tree, node) < ALMI_LANE_CATEGORY) {
                c->forest->test[t][node] = c->table->test[c->table->index[i++]];
            }
        }
    }
    return ALM_OK;
}

/* Room for the tests of all nodes. */
static alm_err start_tests(alm_forest *forest, alm_error *error)
{
    size_t tree_count = forest->info.tree_count, nodes = 0;
    almi_test *test = NULL;
    for (size_t t = 0; t < tree_count; t++) {
        nodes += forest->tree[t].leaf_count - 1;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree_count, forest->test, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, nodes, test, error));
    for (size_t t = 0; t < tree_count; t++) {
        forest->test[t] = test;
        test += forest->tree[t].leaf_count - 1;
    }
    return ALM_OK;
}

/* ---- parts ---- */

/* Of the part that has most. */
static alm_err count_lanes(const alm_forest *forest, const split_table *table, alm_arena *scratch,
                           size_t *most, alm_error *error)
{
    uint32_t *lanes = NULL;
    size_t parts = forest->info.tree_count / table->part_trees + 1;
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, parts, lanes, error));
    for (size_t begin = 0; begin < table->count; begin = end_of_lane(table, begin)) {
        lanes[table->split[begin].part]++;
    }
    for (size_t i = 0; i < table->category_count; i++) {
        const category_node *node = &table->category[i];
        lanes[node->part] += i == 0 || compare_categories(node - 1, node) != 0;
    }
    *most = 0;
    for (size_t i = 0; i < parts; i++) {
        *most = lanes[i] > *most ? lanes[i] : *most;
    }
    return ALM_OK;
}

/* Trees whose leaves trees as lanes can tell apart, too many for one part. */
static bool may_be_parted(const alm_forest *forest)
{
    size_t trees = forest->info.tree_count;
    bool may = trees > ALMI_QUICK_TREES && trees / ALMI_QUICK_TREES < UINT16_MAX &&
               forest->info.leaf_count_max <= ALMI_BETWEEN_LEAVES &&
               !forest->info.has_linear_leaves;
    for (size_t t = 0; t < trees && may; t++) {
        may = forest->tree[t].leaf_width == 1 && forest->tree[t].symmetric_depth == 0;
    }
    return may;
}

static alm_err part(alm_forest *forest, alm_arena *scratch, split_table *table, alm_error *error)
{
    split_table parted = {.part_trees = ALMI_QUICK_TREES};
    size_t most = 0;
    ALM_TRY(count_lanes(forest, table, scratch, &most, error));
    if (most <= ALMI_QUICK_LANES || !may_be_parted(forest)) {
        return ALM_OK;
    }
    ALM_TRY(collect_splits(forest, scratch, &parted, error));
    ALM_TRY(count_lanes(forest, &parted, scratch, &most, error));
    if (most <= ALMI_QUICK_LANES) {
        forest->is_parted = true;
        *table = parted;
    }
    return ALM_OK;
}

static alm_err compile_with(alm_forest *forest, alm_arena *scratch, alm_error *error)
{
    alm_arena *arena = forest->arena;
    split_table table = {.part_trees = SIZE_MAX};
    ALM_TRY(start_tests(forest, error));
    ALM_TRY(collect_splits(forest, scratch, &table, error));
    ALM_TRY(part(forest, scratch, &table, error));
    size_t lane_max = table.count + table.category_count;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, lane_max, forest->lane, error));
    ALM_TRY(make_numeric_lanes(forest, &table, error));
    test_context context = {forest, &table};
    ALM_TRY(alm_pool_run(forest->pool, almi_task_count(forest->info.tree_count), make_some_tests,
                         &context, error));
    ALM_TRY(make_category_lanes(forest, &table, error));
    return almi_forest_layout(forest, scratch, error);
}

alm_err almi_forest_compile(alm_forest *forest, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = compile_with(forest, scratch, error);
    alm_arena_destroy(scratch);
    return code;
}
