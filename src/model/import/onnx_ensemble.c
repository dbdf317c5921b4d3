/* onnx_ensemble.c: TreeEnsembleRegressor and TreeEnsembleClassifier. */
#include "model/import/onnx_ensemble.h"

#include <stdlib.h>

/* ---- for both readers ---- */

bool almi_onnx_is_ensemble(const almi_onnx_node *node)
{
    return alm_str_is(node->op, "TreeEnsembleRegressor") ||
           alm_str_is(node->op, "TreeEnsembleClassifier") || alm_str_is(node->op, "TreeEnsemble");
}

alm_err almi_onnx_array(const almi_onnx_import *import, size_t count, size_t size, void **out)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return alm_fail(import->error, ALM_ERR_MEMORY, "an array of %zu items", count);
    }
    return alm_arena_try_alloc(import->scratch, bytes, out, import->error);
}

alm_err almi_onnx_bounded(const almi_onnx_import *import, const almi_onnx_node *node,
                          const char *name, almi_onnx_bounds bounds, int64_t **out)
{
    almi_onnx_numbers found;
    ALM_TRY(almi_onnx_integers(node, name, import->scratch, &found, import->error));
    if (found.count != bounds.count) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        ALM_STR_FMT ": %s has %zu values instead of %zu", ALM_STR_ARG(node->op),
                        name, found.count, bounds.count);
    }
    for (size_t i = 0; i < found.count; i++) {
        if (found.integer[i] < bounds.low || found.integer[i] > bounds.high) {
            return alm_fail(import->error, ALM_ERR_CORRUPT,
                            ALM_STR_FMT ": %s: value %zu is %lld, not %lld to %lld",
                            ALM_STR_ARG(node->op), name, i, (long long)found.integer[i],
                            (long long)bounds.low, (long long)bounds.high);
        }
    }
    *out = found.integer;
    return ALM_OK;
}

alm_err almi_onnx_check_transform(const almi_onnx_import *import, alm_str transform)
{
    if (alm_str_is(transform, "NONE") || alm_str_is(transform, "LOGISTIC") ||
        alm_str_is(transform, "SOFTMAX")) {
        return ALM_OK;
    }
    bool known = alm_str_is(transform, "SOFTMAX_ZERO") || alm_str_is(transform, "PROBIT");
    return alm_fail(import->error, known ? ALM_ERR_UNSUPPORTED : ALM_ERR_CORRUPT,
                    "post_transform " ALM_STR_FMT " is %s; NONE, LOGISTIC and SOFTMAX are read",
                    ALM_STR_ARG(transform), known ? "not done" : "unknown");
}

alm_err almi_onnx_check_outputs(const almi_onnx_import *import, int64_t outputs)
{
    if (outputs < 1 || outputs > ALMI_ONNX_OUTPUTS_MAX) {
        return alm_fail(import->error, outputs < 1 ? ALM_ERR_CORRUPT : ALM_ERR_LIMIT,
                        "the ensemble has %lld outputs; 1 to %d are read", (long long)outputs,
                        ALMI_ONNX_OUTPUTS_MAX);
    }
    return ALM_OK;
}

/* ---- the older operators ---- */

/* A node by the names that the source uses. */
typedef struct node_key {
    int64_t tree, node;
    int32_t position;
} node_key;

typedef struct builder {
    const almi_onnx_import *import;
    const almi_onnx_node *node;
    almi_onnx_ensemble *to;
    int64_t *tree_id, *node_id;
    node_key *key; /* sorted */
} builder;

static int compare_keys(const void *left, const void *right)
{
    const node_key *a = left, *b = right;
    if (a->tree != b->tree) {
        return a->tree < b->tree ? -1 : 1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

static alm_err find_node(const builder *b, int64_t tree, int64_t node, int32_t *out)
{
    node_key wanted = {tree, node, 0};
    const node_key *found = b->to->node_count == 0
                                ? NULL
                                : bsearch(&wanted, b->key, b->to->node_count, sizeof(node_key),
                                          compare_keys);
    if (found == NULL) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        ALM_STR_FMT ": tree %lld has no node %lld", ALM_STR_ARG(b->node->op),
                        (long long)tree, (long long)node);
    }
    *out = found->position;
    return ALM_OK;
}

static alm_err sort_keys(builder *b)
{
    size_t n = b->to->node_count;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, b->key));
    for (size_t i = 0; i < n; i++) {
        b->key[i] = (node_key){b->tree_id[i], b->node_id[i], (int32_t)i};
    }
    qsort(b->key, n, sizeof(node_key), compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (compare_keys(&b->key[i - 1], &b->key[i]) == 0) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                            ALM_STR_FMT ": tree %lld has two nodes %lld",
                            ALM_STR_ARG(b->node->op), (long long)b->key[i].tree,
                            (long long)b->key[i].node);
        }
    }
    return ALM_OK;
}

static alm_err read_modes(builder *b)
{
    static const char *const MODES[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};
    almi_onnx_texts text;
    ALM_TRY(almi_onnx_strings(b->node, "nodes_modes", b->import->scratch, &text,
                              b->import->error));
    size_t n = text.count;
    if (n == 0 || n > INT32_MAX) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT, ALM_STR_FMT ": nodes_modes has %zu "
                        "values", ALM_STR_ARG(b->node->op), n);
    }
    b->to->node_count = n;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, b->to->mode));
    for (size_t i = 0; i < n; i++) {
        uint8_t mode = 0;
        while (mode <= ALMI_ONNX_LEAF && !alm_str_is(text.text[i], MODES[mode])) {
            mode++;
        }
        if (mode > ALMI_ONNX_LEAF) {
            return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED,
                            ALM_STR_FMT ": node %zu has the mode '" ALM_STR_FMT "', which is not "
                            "read", ALM_STR_ARG(b->node->op), i,
                            (int)(text.text[i].size < 40 ? text.text[i].size : 40),
                            text.text[i].data);
        }
        b->to->mode[i] = mode;
    }
    return ALM_OK;
}

/* Floats, or the tensor that opset 3 has instead: `name` with "_as_tensor". */
static alm_err read_reals(const builder *b, const char *name, const char *tensor_name,
                          almi_onnx_numbers *out)
{
    almi_onnx_numbers list, tensor;
    alm_arena *scratch = b->import->scratch;
    ALM_TRY(almi_onnx_reals(b->node, name, scratch, &list, b->import->error));
    ALM_TRY(almi_onnx_reals(b->node, tensor_name, scratch, &tensor, b->import->error));
    if (list.count > 0 && tensor.count > 0) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        ALM_STR_FMT ": both %s and %s are there", ALM_STR_ARG(b->node->op), name,
                        tensor_name);
    }
    *out = tensor.count > 0 ? tensor : list;
    b->to->has_doubles = b->to->has_doubles || (out->count > 0 && out->type == ALMI_ONNX_DOUBLE);
    return ALM_OK;
}

static alm_err expect_count(const builder *b, const char *name, size_t count, size_t expected)
{
    if (count != expected) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        ALM_STR_FMT ": %s has %zu values instead of %zu",
                        ALM_STR_ARG(b->node->op), name, count, expected);
    }
    return ALM_OK;
}

static alm_err read_tests(builder *b)
{
    almi_onnx_ensemble *to = b->to;
    size_t n = to->node_count;
    almi_onnx_numbers value, missing;
    int64_t *feature = NULL, *id = NULL;
    ALM_TRY(read_reals(b, "nodes_values", "nodes_values_as_tensor", &value));
    ALM_TRY(expect_count(b, "nodes_values", value.count, n));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "nodes_featureids",
                              (almi_onnx_bounds){n, 0, ALMI_ONNX_FEATURES_MAX - 1}, &feature));
    ALM_TRY(almi_onnx_integers(b->node, "nodes_missing_value_tracks_true", b->import->scratch,
                               &missing, b->import->error));
    ALM_TRY(expect_count(b, "nodes_missing_value_tracks_true", missing.count,
                         missing.count == 0 ? 0 : n));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "nodes_nodeids",
                              (almi_onnx_bounds){n, 0, INT32_MAX}, &id));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->feature));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->missing_true));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->name));
    to->value = value.real;
    b->node_id = id;
    for (size_t i = 0; i < n; i++) {
        to->feature[i] = (int32_t)feature[i];
        to->missing_true[i] = missing.count > 0 && missing.integer[i] != 0;
        to->name[i] = (int32_t)id[i];
    }
    return almi_onnx_bounded(b->import, b->node, "nodes_treeids",
                             (almi_onnx_bounds){n, INT64_MIN, INT64_MAX}, &b->tree_id);
}

static alm_err adopt(const builder *b, int32_t child, uint8_t *has_parent)
{
    if (has_parent[child]) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        ALM_STR_FMT ": tree %lld: node %lld is reached twice, so it is not a tree",
                        ALM_STR_ARG(b->node->op), (long long)b->tree_id[child],
                        (long long)b->node_id[child]);
    }
    has_parent[child] = 1;
    return ALM_OK;
}

static void find_chains(const almi_onnx_ensemble *to)
{
    for (size_t i = 0; i < to->node_count; i++) {
        int32_t next = to->no[i];
        if (to->mode[i] == ALMI_ONNX_EQ && to->mode[next] == ALMI_ONNX_EQ &&
            to->feature[next] == to->feature[i] && to->yes[next] == to->yes[i]) {
            to->chained[next] = 1;
        }
    }
}

/* The one node of each tree that is nobody's child, in the order of the trees' first nodes. */
static alm_err find_roots(builder *b, const uint8_t *has_parent)
{
    almi_onnx_ensemble *to = b->to;
    size_t n = to->node_count, trees = 0;
    int32_t *root_of = NULL; /* [first key of a tree] */
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, root_of));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->root));
    int32_t *first = NULL; /* [position] first key of its tree */
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, first));
    for (size_t i = 0, begin = 0; i < n; i++) {
        begin = i > 0 && b->key[i].tree == b->key[i - 1].tree ? begin : i;
        int32_t at = b->key[i].position;
        first[at] = (int32_t)begin;
        root_of[i] = -1;
        if (has_parent[at]) {
            continue;
        }
        if (root_of[begin] >= 0) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT, ALM_STR_FMT ": tree %lld has two "
                            "roots", ALM_STR_ARG(b->node->op), (long long)b->key[i].tree);
        }
        root_of[begin] = at;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t *root = &root_of[first[i]];
        if (*root == -1) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT, ALM_STR_FMT ": tree %lld has no "
                            "root", ALM_STR_ARG(b->node->op), (long long)b->tree_id[i]);
        }
        if (*root >= 0) {
            to->root[trees++] = *root;
            *root = -2; /* taken */
        }
    }
    to->tree_count = trees;
    return ALM_OK;
}

static alm_err link_nodes(builder *b)
{
    almi_onnx_ensemble *to = b->to;
    size_t n = to->node_count;
    almi_onnx_bounds any = {n, INT64_MIN, INT64_MAX};
    int64_t *yes = NULL, *no = NULL;
    uint8_t *has_parent = NULL;
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "nodes_truenodeids", any, &yes));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "nodes_falsenodeids", any, &no));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->yes));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->no));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->chained));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, has_parent));
    ALM_TRY(sort_keys(b));
    for (size_t i = 0; i < n; i++) {
        if (to->mode[i] != ALMI_ONNX_LEAF) {
            ALM_TRY(find_node(b, b->tree_id[i], yes[i], &to->yes[i]));
            ALM_TRY(find_node(b, b->tree_id[i], no[i], &to->no[i]));
        }
    }
    find_chains(to);
    for (size_t i = 0; i < n; i++) {
        if (to->mode[i] != ALMI_ONNX_LEAF) {
            ALM_TRY(to->chained[i] ? ALM_OK : adopt(b, to->yes[i], has_parent));
            ALM_TRY(adopt(b, to->no[i], has_parent));
        }
    }
    return find_roots(b, has_parent);
}

/* ---- weights ---- */

typedef struct weight_names {
    const char *tree, *node, *output, *weight, *weight_tensor;
} weight_names;

typedef struct weights {
    almi_onnx_numbers value;
    int64_t *output;
    int32_t *at; /* node of a weight */
} weights;

static alm_err read_weights(const builder *b, const weight_names *names, weights *out)
{
    int64_t *tree = NULL, *node = NULL;
    ALM_TRY(read_reals(b, names->weight, names->weight_tensor, &out->value));
    size_t n = out->value.count;
    almi_onnx_bounds any = {n, INT64_MIN, INT64_MAX};
    ALM_TRY(almi_onnx_bounded(b->import, b->node, names->tree, any, &tree));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, names->node, any, &node));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, names->output,
                              (almi_onnx_bounds){n, 0, ALMI_ONNX_OUTPUTS_MAX - 1}, &out->output));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, out->at));
    for (size_t i = 0; i < n; i++) {
        ALM_TRY(find_node(b, tree[i], node[i], &out->at[i]));
        if (b->to->mode[out->at[i]] != ALMI_ONNX_LEAF) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                            ALM_STR_FMT ": weight %zu belongs to node %lld of tree %lld, which is "
                            "not a leaf", ALM_STR_ARG(b->node->op), i, (long long)node[i],
                            (long long)tree[i]);
        }
    }
    return ALM_OK;
}

/* Weights by node, each node's in the source's order. */
static alm_err place_weights(builder *b, const weights *from)
{
    almi_onnx_ensemble *to = b->to;
    size_t n = from->value.count;
    size_t *next = NULL;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count + 1, to->weight_begin));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count + 1, next));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->weight));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, n, to->weight_output));
    to->weight_count = n;
    for (size_t i = 0; i < n; i++) {
        to->weight_begin[from->at[i] + 1]++;
    }
    for (size_t i = 0; i < to->node_count; i++) {
        to->weight_begin[i + 1] += to->weight_begin[i];
        next[i] = to->weight_begin[i];
    }
    for (size_t i = 0; i < n; i++) {
        size_t place = next[from->at[i]]++;
        if ((uint64_t)from->output[i] >= to->output_count) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                            ALM_STR_FMT ": weight %zu adds to output %lld of %zu",
                            ALM_STR_ARG(b->node->op), i, (long long)from->output[i],
                            to->output_count);
        }
        to->weight_output[place] = (int32_t)from->output[i];
        to->weight[place] = from->value.real[i];
    }
    return ALM_OK;
}

/* ---- outputs ---- */

static alm_err read_aggregate(builder *b)
{
    alm_str how;
    ALM_TRY(almi_onnx_string(b->node, "aggregate_function", "SUM", &how, b->import->error));
    b->to->average = alm_str_is(how, "AVERAGE");
    if (!b->to->average && !alm_str_is(how, "SUM")) {
        return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED,
                        ALM_STR_FMT ": aggregate_function " ALM_STR_FMT " is not done; SUM and "
                        "AVERAGE are", ALM_STR_ARG(b->node->op), ALM_STR_ARG(how));
    }
    return ALM_OK;
}

/* One for every output, or none. */
static alm_err read_base(builder *b, size_t expected)
{
    almi_onnx_numbers base;
    ALM_TRY(read_reals(b, "base_values", "base_values_as_tensor", &base));
    if (base.count == 0) {
        return ALM_OK;
    }
    ALM_TRY(expect_count(b, "base_values", base.count, expected));
    b->to->base = base.real;
    return ALM_OK;
}

static alm_err read_regressor(builder *b)
{
    static const weight_names NAMES = {"target_treeids", "target_nodeids", "target_ids",
                                       "target_weights", "target_weights_as_tensor"};
    weights weight = {.output = NULL};
    int64_t outputs = 0;
    ALM_TRY(almi_onnx_integer(b->node, "n_targets", 0, &outputs, b->import->error));
    ALM_TRY(almi_onnx_check_outputs(b->import, outputs));
    b->to->output_count = (size_t)outputs;
    ALM_TRY(read_aggregate(b));
    ALM_TRY(read_weights(b, &NAMES, &weight));
    ALM_TRY(place_weights(b, &weight));
    return read_base(b, b->to->output_count);
}

static alm_err count_classes(const builder *b, size_t *out)
{
    almi_onnx_texts text;
    almi_onnx_numbers number;
    alm_arena *scratch = b->import->scratch;
    ALM_TRY(almi_onnx_strings(b->node, "classlabels_strings", scratch, &text, b->import->error));
    ALM_TRY(almi_onnx_integers(b->node, "classlabels_int64s", scratch, &number,
                               b->import->error));
    size_t classes = text.count > 0 ? text.count : number.count;
    if (classes < 2 || (text.count > 0 && number.count > 0)) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        ALM_STR_FMT ": %zu classlabels_strings and %zu classlabels_int64s; one of "
                        "both must name two classes or more", ALM_STR_ARG(b->node->op),
                        text.count, number.count);
    }
    *out = classes;
    return almi_onnx_check_outputs(b->import, (int64_t)classes);
}

/* One base value is that of the one score. onnxruntime adds two by rules of its own, by which a
 * score may even be lost. */
static alm_err read_binary_base(builder *b, bool one_score)
{
    almi_onnx_numbers base;
    ALM_TRY(read_reals(b, "base_values", "base_values_as_tensor", &base));
    if (base.count > (one_score ? 1 : 0)) {
        return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED,
                        ALM_STR_FMT ": %zu base_values for two classes are not done: the "
                        "specification and onnxruntime add them in different ways",
                        ALM_STR_ARG(b->node->op), base.count);
    }
    b->to->base = base.count > 0 ? base.real : NULL;
    return ALM_OK;
}

static alm_err read_classifier(builder *b)
{
    static const weight_names NAMES = {"class_treeids", "class_nodeids", "class_ids",
                                       "class_weights", "class_weights_as_tensor"};
    weights weight = {.output = NULL};
    size_t classes = 0;
    bool one_score = true;
    ALM_TRY(count_classes(b, &classes));
    ALM_TRY(read_weights(b, &NAMES, &weight));
    for (size_t i = 0; i < weight.value.count; i++) {
        one_score = one_score && weight.output[i] == 0;
    }
    /* Two classes of which only the first has weights are one score: that of the second class. */
    one_score = one_score && classes == 2;
    b->to->output_count = one_score ? 1 : classes;
    ALM_TRY(place_weights(b, &weight));
    return classes == 2 ? read_binary_base(b, one_score) : read_base(b, classes);
}

alm_err almi_onnx_read_ensemble(const almi_onnx_import *import, const almi_onnx_node *node,
                                almi_onnx_ensemble *out)
{
    if (alm_str_is(node->op, "TreeEnsemble")) {
        return almi_onnx_read_ensemble_5(import, node, out);
    }
    builder b = {.import = import, .node = node, .to = out};
    ALM_TRY(almi_onnx_string(node, "post_transform", "NONE", &out->post_transform,
                             import->error));
    ALM_TRY(almi_onnx_check_transform(import, out->post_transform));
    ALM_TRY(read_modes(&b));
    ALM_TRY(read_tests(&b));
    ALM_TRY(link_nodes(&b));
    return alm_str_is(node->op, "TreeEnsembleRegressor") ? read_regressor(&b)
                                                         : read_classifier(&b);
}
