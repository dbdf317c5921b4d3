/* onnx_forest.c: the tree ensemble of an ONNX file as a forest.
 *
 * The graph must be the ensemble and what does not touch its scores: Cast and Identity before it,
 * and behind it what reorders, names or converts its results. Everything else is refused by the
 * operator's name, because the scores would not be the model's answer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/forest/forest_internal.h"
#include "model/import/onnx_ensemble.h"

/* ---- one tree ---- */

typedef struct builder {
    const almi_onnx_import *import;
    const almi_onnx_ensemble *from;
    alm_forest *forest;
    bool rounded, single;
    uint8_t *seen;     /* [node] */
    int32_t *order;    /* inner nodes of the tree, parents first */
    int32_t *leaf;     /* nodes of its leaves */
    uint32_t *stamp;   /* [output] the last leaf that had it */
    uint32_t stamped;
    size_t inner_count, leaf_count, set_count, set_values;
    size_t wide_values; /* of all trees */
} builder;

/* Numbers a child; 0 to n an inner node, ~0 to ~n a leaf. */
static alm_err meet(builder *b, size_t t, int32_t node, int32_t *out)
{
    const almi_onnx_ensemble *from = b->from;
    bool is_leaf = from->mode[node] == ALMI_ONNX_LEAF;
    if (b->seen[node] && !(is_leaf && from->shared_leaves)) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu: node %d is reached twice, so it is not a tree",
                        b->import->name, t, (int)node);
    }
    b->seen[node] = 1;
    if (is_leaf) {
        *out = ~(int32_t)b->leaf_count;
        b->leaf[b->leaf_count++] = node;
    } else {
        *out = (int32_t)b->inner_count;
        b->order[b->inner_count++] = node;
    }
    return ALM_OK;
}

/* The `no` of a node, behind the nodes that continue it. */
static int32_t no_of(const almi_onnx_ensemble *from, int32_t node)
{
    int32_t no = from->no[node];
    while (from->chained != NULL && from->chained[no]) {
        no = from->no[no];
    }
    return no;
}

static int compare_numbers(const void *left, const void *right)
{
    double a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return (a > b) - (a < b);
}

/* The numbers of a node and of those that continue it; whether NaN takes `yes` in one of them. */
static bool add_set(builder *b, int32_t node, almi_tree *tree)
{
    const almi_onnx_ensemble *from = b->from;
    uint32_t begin = tree->category_begin[tree->category_count], end = begin;
    bool missing = false;
    do {
        memcpy(tree->category_word + end, &from->value[node], sizeof(double));
        end += 2;
        missing = missing || from->missing_true[node];
        node = from->no[node];
    } while (from->chained != NULL && from->chained[node]);
    qsort(tree->category_word + begin, (end - begin) / 2, sizeof(double), compare_numbers);
    tree->category_begin[++tree->category_count] = end;
    return missing;
}

/* The branch as `x < t` or `x in set`: is it so, the row goes left. Comparisons with "or equal"
 * become those with the next number; nothing is above infinity, so there the sides change. */
static void set_test(builder *b, int32_t node, size_t i, almi_tree *tree, bool *swapped)
{
    double value = b->from->value[node];
    almi_onnx_mode mode = b->from->mode[node];
    bool inclusive = mode == ALMI_ONNX_LEQ || mode == ALMI_ONNX_GT;
    bool equal = mode == ALMI_ONNX_EQ || mode == ALMI_ONNX_NEQ;
    bool never_above = inclusive && value == INFINITY;
    bool turned = mode == ALMI_ONNX_GTE || mode == ALMI_ONNX_GT || mode == ALMI_ONNX_NEQ;
    bool missing_true = b->from->missing_true[node] || mode == ALMI_ONNX_NEQ;
    if (equal) {
        value = (double)tree->category_count;
        missing_true = add_set(b, node, tree) || missing_true;
    } else if (never_above) {
        value = -INFINITY;
    } else if (inclusive) {
        value = nextafter(value, INFINITY); /* floats are compared as doubles, too */
    }
    *swapped = turned != never_above;
    tree->threshold[i] = value;
    tree->decision[i] = (uint8_t)((equal ? ALMI_DECISION_CATEGORY : 0) |
                                  (missing_true != *swapped ? ALMI_DECISION_DEFAULT_LEFT : 0));
    tree->feature[i] = b->from->feature[node];
}

static alm_err allocate(const builder *b, size_t inner, almi_tree *tree)
{
    alm_arena *arena = b->forest->arena;
    alm_error *error = b->import->error;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->feature, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->threshold, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->decision, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->left, error));
    if (b->set_count > 0) {
        ALM_TRY(ALMI_FOREST_ARRAY(arena, b->set_count + 1, tree->category_begin, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, 2 * b->set_values, tree->category_word, error));
    }
    return ALMI_FOREST_ARRAY(arena, inner, tree->right, error);
}

/* Counts the set of a node, and marks the nodes that continue it. */
static void measure_set(builder *b, int32_t node)
{
    const almi_onnx_ensemble *from = b->from;
    if (from->mode[node] != ALMI_ONNX_EQ && from->mode[node] != ALMI_ONNX_NEQ) {
        return;
    }
    b->set_count++;
    b->set_values++;
    for (int32_t no = from->no[node]; from->chained != NULL && from->chained[no];
         no = from->no[no]) {
        b->seen[no] = 1;
        b->set_values++;
    }
}

/* Numbers the nodes of a tree, before anything is stored. */
static alm_err walk(builder *b, size_t t)
{
    int32_t ignored = 0;
    b->inner_count = b->leaf_count = b->set_count = b->set_values = 0;
    ALM_TRY(meet(b, t, b->from->root[t], &ignored));
    for (size_t i = 0; i < b->inner_count; i++) {
        ALM_TRY(meet(b, t, b->from->yes[b->order[i]], &ignored));
        ALM_TRY(meet(b, t, no_of(b->from, b->order[i]), &ignored));
        measure_set(b, b->order[i]);
    }
    return ALM_OK;
}

/* The numbers that walk gave, in the same order. */
static void link_nodes(builder *b, almi_tree *tree)
{
    int32_t inner = 1, leaf = 0;
    for (size_t i = 0; i < b->inner_count; i++) {
        int32_t node = b->order[i];
        bool yes_leaf = b->from->mode[b->from->yes[node]] == ALMI_ONNX_LEAF;
        bool no_leaf = b->from->mode[no_of(b->from, node)] == ALMI_ONNX_LEAF;
        int32_t yes = yes_leaf ? ~leaf++ : inner++;
        int32_t no = no_leaf ? ~leaf++ : inner++;
        bool swapped = false;
        set_test(b, node, i, tree, &swapped);
        tree->left[i] = swapped ? no : yes;
        tree->right[i] = swapped ? yes : no;
    }
}

/* ---- leaves ---- */

/* One output for all weights of a tree is a narrow tree; else leaves have a value for each. */
static void choose_width(const builder *b, almi_tree *tree)
{
    const almi_onnx_ensemble *from = b->from;
    int32_t output = -1;
    tree->leaf_width = 1;
    for (size_t i = 0; i < b->leaf_count; i++) {
        for (size_t w = from->weight_begin[b->leaf[i]]; w < from->weight_begin[b->leaf[i] + 1];
             w++) {
            if (output >= 0 && from->weight_output[w] != output) {
                tree->leaf_width = (uint32_t)from->output_count;
            }
            output = from->weight_output[w];
        }
    }
    tree->output = tree->leaf_width == 1 && output >= 0 ? (uint32_t)output : 0;
}

/* Wide leaves with few weights could ask for much more than the file holds. */
static alm_err check_width(builder *b, size_t t, const almi_tree *tree)
{
    if (tree->leaf_width == 1) {
        return ALM_OK;
    }
    b->wide_values += b->leaf_count * tree->leaf_width;
    if (b->wide_values > ((size_t)1 << 20) + 64 * b->from->weight_count) {
        return alm_fail(b->import->error, ALM_ERR_LIMIT,
                        "%s: tree %zu: %zu leaves of %u outputs with %zu weights in all",
                        b->import->name, t, b->leaf_count, tree->leaf_width,
                        b->from->weight_count);
    }
    return ALM_OK;
}

static alm_err fill_leaf(builder *b, size_t t, size_t leaf, almi_tree *tree)
{
    const almi_onnx_ensemble *from = b->from;
    int32_t node = b->leaf[leaf];
    tree->leaf_name[leaf] = from->name[node];
    b->stamped++;
    for (size_t w = from->weight_begin[node]; w < from->weight_begin[node + 1]; w++) {
        uint32_t output = (uint32_t)from->weight_output[w];
        if (b->stamp[output] == b->stamped) {
            return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED,
                            "%s: tree %zu: leaf %d has two weights for output %u",
                            b->import->name, t, (int)from->name[node], output);
        }
        b->stamp[output] = b->stamped;
        size_t at = tree->leaf_width == 1 ? leaf : leaf * tree->leaf_width + output;
        tree->leaf_value[at] = from->weight[w];
    }
    return ALM_OK;
}

static alm_err build_tree(builder *b, size_t t, almi_tree *tree)
{
    tree->rule = ALM_FOREST_ONNX;
    tree->rounded = b->rounded;
    tree->single = b->single;
    ALM_TRY(walk(b, t));
    choose_width(b, tree);
    ALM_TRY(check_width(b, t, tree));
    ALM_TRY(allocate(b, b->inner_count, tree));
    tree->leaf_count = b->leaf_count;
    alm_arena *arena = b->forest->arena;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, b->leaf_count * tree->leaf_width, tree->leaf_value,
                              b->import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, b->leaf_count, tree->leaf_name, b->import->error));
    link_nodes(b, tree);
    for (size_t leaf = 0; leaf < b->leaf_count; leaf++) {
        ALM_TRY(fill_leaf(b, t, leaf, tree));
    }
    return ALM_OK;
}

/* ---- base values: added last, so they are trees of one leaf behind the others ---- */

static size_t base_trees(const almi_onnx_ensemble *from)
{
    size_t count = 0;
    for (size_t i = 0; from->base != NULL && i < from->output_count; i++) {
        count += from->base[i] != 0.0;
    }
    return count;
}

static alm_err build_base(const builder *b)
{
    size_t t = b->from->tree_count;
    for (size_t i = 0; b->from->base != NULL && i < b->from->output_count; i++) {
        if (b->from->base[i] == 0.0) {
            continue;
        }
        almi_tree *tree = &b->forest->tree[t++];
        tree->rule = ALM_FOREST_ONNX;
        tree->rounded = b->rounded;
        tree->single = b->single;
        tree->output = (uint32_t)i;
        tree->leaf_width = 1;
        tree->leaf_count = 1;
        ALM_TRY(ALMI_FOREST_ARRAY(b->forest->arena, 1, tree->leaf_value, b->import->error));
        tree->leaf_value[0] = b->from->base[i];
    }
    return ALM_OK;
}

/* ---- the graph around it ---- */

/* What a graph does before the ensemble. */
typedef struct input_path {
    const almi_onnx_value *input;
    bool rounded;        /* the value is a float somewhere on its way */
    almi_onnx_type type; /* in which it reaches the ensemble */
} input_path;

static const almi_onnx_node *producer_of(const almi_onnx_graph *graph, alm_str name)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        for (size_t j = 0; j < graph->node[i].output_count; j++) {
            if (alm_str_equal(graph->node[i].output[j], name)) {
                return &graph->node[i];
            }
        }
    }
    return NULL;
}

static alm_err refuse_op(const almi_onnx_import *import, const almi_onnx_node *node,
                         const char *where)
{
    return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                    "%s: the graph has the operator '" ALM_STR_FMT "' %s its tree ensemble; only "
                    "%s are read there", import->name,
                    (int)(node->op.size < 60 ? node->op.size : 60), node->op.data, where,
                    where[0] == 'b' && where[2] == 'f'
                        ? "Cast and Identity"
                        : "Cast, Identity, Normalizer, ZipMap and ArrayFeatureExtractor");
}

static alm_err find_input(const almi_onnx_import *import, const almi_onnx_graph *graph,
                          alm_str name, input_path *path)
{
    for (size_t i = 0; i < graph->input_count; i++) {
        if (alm_str_equal(graph->input[i].name, name)) {
            path->input = &graph->input[i];
        }
    }
    if (path->input == NULL || graph->input_count != 1) {
        return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                        "%s: the graph has %zu inputs; one with all columns is read",
                        import->name, graph->input_count);
    }
    return ALM_OK;
}

static alm_err check_type(const almi_onnx_import *import, int64_t type, input_path *path)
{
    if (type != ALMI_ONNX_FLOAT && type != ALMI_ONNX_DOUBLE) {
        return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                        "%s: the rows have element type %lld on their way to the ensemble; float "
                        "(1) and double (11) are read", import->name, (long long)type);
    }
    path->rounded = path->rounded || type == ALMI_ONNX_FLOAT;
    return ALM_OK;
}

/* Operators between the input and the ensemble; a graph with more is not one of a converter. */
#define PATH_MAX_STEPS 64

/* From the ensemble back to the input of the graph. */
static alm_err follow_input(const almi_onnx_import *import, const almi_onnx_graph *graph,
                            const almi_onnx_node *ensemble, input_path *path)
{
    const almi_onnx_node *node = ensemble;
    for (size_t steps = 0; node != NULL; steps++) {
        if (node->input_count != 1 || steps > PATH_MAX_STEPS) {
            return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: '" ALM_STR_FMT "' has %zu inputs, "
                            "or too many operators before it", import->name, ALM_STR_ARG(node->op),
                            node->input_count);
        }
        alm_str name = node->input[0];
        node = producer_of(graph, name);
        if (node == NULL) {
            ALM_TRY(find_input(import, graph, name, path));
            break;
        }
        int64_t type = 0;
        bool cast = alm_str_is(node->op, "Cast");
        if (!cast && !alm_str_is(node->op, "Identity")) {
            return refuse_op(import, node, "before");
        }
        if (cast) {
            ALM_TRY(almi_onnx_integer(node, "to", 0, &type, import->error));
            ALM_TRY(check_type(import, type, path));
            path->type = path->type == ALMI_ONNX_NONE ? (almi_onnx_type)type : path->type;
        }
    }
    ALM_TRY(check_type(import, path->input->type, path));
    path->type = path->type == ALMI_ONNX_NONE ? path->input->type : path->type;
    return ALM_OK;
}

/* What does not touch the scores, or only what is made of them for people. */
static bool is_harmless(const almi_onnx_node *node)
{
    static const char *const OPS[] = {"Cast", "Identity", "Normalizer", "ZipMap",
                                      "ArrayFeatureExtractor"};
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++) {
        if (alm_str_is(node->op, OPS[i])) {
            return true;
        }
    }
    return false;
}

static alm_err find_ensemble(const almi_onnx_import *import, const almi_onnx_graph *graph,
                             const almi_onnx_node **out, bool *normalized)
{
    const almi_onnx_node *found = NULL;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (!almi_onnx_is_ensemble(&graph->node[i])) {
            continue;
        }
        if (found != NULL) {
            return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                            "%s: the graph has more than one tree ensemble", import->name);
        }
        found = &graph->node[i];
    }
    if (found == NULL) {
        const almi_onnx_node *first = graph->node_count > 0 ? &graph->node[0] : NULL;
        return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                        "%s: the graph has no tree ensemble (its first operator is '" ALM_STR_FMT
                        "'): ONNX Runtime would run it, and a forest is expected here",
                        import->name,
                        first ? (int)(first->op.size < 60 ? first->op.size : 60) : 0,
                        first ? first->op.data : "");
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const almi_onnx_node *node = &graph->node[i];
        if (node != found && !is_harmless(node)) {
            return refuse_op(import, node, "beside");
        }
        *normalized = *normalized || alm_str_is(node->op, "Normalizer");
    }
    *out = found;
    return ALM_OK;
}

/* ---- the forest ---- */

static alm_err check_numbers(const almi_onnx_import *import, const almi_onnx_ensemble *from,
                             const input_path *path)
{
    if (from->has_doubles && path->type == ALMI_ONNX_FLOAT) {
        return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                        "%s: an ensemble of doubles gets floats", import->name);
    }
    for (size_t i = 0; i < from->node_count; i++) {
        if (from->mode[i] != ALMI_ONNX_LEAF && isnan(from->value[i])) {
            return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: node %zu compares with NaN",
                            import->name, i);
        }
    }
    for (size_t i = 0; i < from->weight_count; i++) {
        if (!isfinite(from->weight[i])) {
            return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: weight %zu is not a number",
                            import->name, i);
        }
    }
    for (size_t i = 0; from->base != NULL && i < from->output_count; i++) {
        if (!isfinite(from->base[i])) {
            return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: base value %zu is not a number",
                            import->name, i);
        }
    }
    if (from->average && base_trees(from) > 0) {
        return alm_fail(import->error, ALM_ERR_UNSUPPORTED,
                        "%s: AVERAGE with base_values is not done", import->name);
    }
    return ALM_OK;
}

static size_t count_features(const almi_onnx_ensemble *from, const input_path *path)
{
    int32_t largest = -1;
    if (path->input->last_dimension > 0) {
        return (size_t)path->input->last_dimension;
    }
    for (size_t i = 0; i < from->node_count; i++) {
        bool tests = from->mode[i] != ALMI_ONNX_LEAF;
        largest = tests && from->feature[i] > largest ? from->feature[i] : largest;
    }
    return (size_t)(largest + 1) > 0 ? (size_t)(largest + 1) : 1;
}

static alm_err set_info(const builder *b, const input_path *path, bool normalized)
{
    const almi_onnx_ensemble *from = b->from;
    alm_forest_info *info = &b->forest->info;
    info->source = ALM_FOREST_ONNX;
    if (path->input->last_dimension > ALMI_ONNX_FEATURES_MAX) {
        return alm_fail(b->import->error, ALM_ERR_LIMIT, "%s: %lld columns; at most %lld are read",
                        b->import->name, (long long)path->input->last_dimension,
                        (long long)ALMI_ONNX_FEATURES_MAX);
    }
    info->feature_count = count_features(from, path);
    info->output_count = from->output_count;
    info->tree_count = from->tree_count + base_trees(from);
    info->iteration_count = from->tree_count;
    info->averaged = from->average;
    info->objective = alm_str_of(alm_arena_printf(
        b->forest->arena, ALM_STR_FMT "%s%s", ALM_STR_ARG(from->post_transform),
        from->double_result ? " double" : "", normalized ? " Normalizer" : ""));
    return ALMI_FOREST_ARRAY(b->forest->arena, info->tree_count, b->forest->tree,
                             b->import->error);
}

static alm_err build_forest(builder *b)
{
    size_t n = b->from->node_count;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, b->seen));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n + 1, b->order));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, 2 * n + 1, b->leaf));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, b->from->output_count, b->stamp));
    for (size_t t = 0; t < b->from->tree_count; t++) {
        ALM_TRY(build_tree(b, t, &b->forest->tree[t]));
    }
    ALM_TRY(build_base(b));
    size_t unseen = 0;
    for (size_t i = 0; i < n; i++) {
        unseen += !b->seen[i] && !(b->from->shared_leaves && b->from->mode[i] == ALMI_ONNX_LEAF);
    }
    if (unseen > 0) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        "%s: %zu nodes are not reached from a root", b->import->name, unseen);
    }
    return almi_forest_finish(b->forest, b->import->name, b->import->error);
}

static alm_err import_graph(const almi_onnx_import *import, const almi_onnx_graph *graph,
                            alm_forest *forest)
{
    const almi_onnx_node *node = NULL;
    almi_onnx_ensemble ensemble = {0};
    input_path path = {0};
    bool normalized = false;
    ALM_TRY(find_ensemble(import, graph, &node, &normalized));
    ALM_TRY(follow_input(import, graph, node, &path));
    alm_err code = almi_onnx_read_ensemble(import, node, &ensemble);
    if (code != ALM_OK) {
        return alm_error_wrap(import->error, code, "%s", import->name);
    }
    ALM_TRY(check_numbers(import, &ensemble, &path));
    builder b = {.import = import, .from = &ensemble, .forest = forest,
                 .rounded = path.rounded, .single = path.type == ALMI_ONNX_FLOAT};
    ALM_TRY(set_info(&b, &path, normalized));
    return build_forest(&b);
}

alm_err alm_forest_parse_onnx(alm_str bytes, const char *name, alm_forest **out, alm_error *error)
{
    alm_forest *forest = NULL;
    almi_onnx_graph graph;
    ALM_TRY(almi_forest_create(bytes.size, &forest, error));
    almi_onnx_import import = {name, alm_arena_create(0), error};
    alm_err code = almi_onnx_read(bytes, name, import.scratch, &graph, error);
    if (code == ALM_OK) {
        code = import_graph(&import, &graph, forest);
    }
    alm_arena_destroy(import.scratch);
    if (code != ALM_OK) {
        alm_forest_destroy(forest);
        return code;
    }
    *out = forest;
    return ALM_OK;
}
