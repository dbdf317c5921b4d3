/* onnx_ensemble_5.c: TreeEnsemble of ai.onnx.ml 5: nodes and leaves are numbered from 0 over all
 * trees; here the leaves come behind the nodes. */
#include "model/import/onnx_ensemble.h"

typedef struct builder {
    const almi_onnx_import *import;
    const almi_onnx_node *node;
    almi_onnx_ensemble *to;
    size_t inner_count, leaf_count;
} builder;

static alm_err read_leaves(builder *b)
{
    almi_onnx_ensemble *to = b->to;
    almi_onnx_numbers weight;
    int64_t outputs = 0, *target = NULL;
    ALM_TRY(almi_onnx_integer(b->node, "n_targets", 1, &outputs, b->import->error));
    ALM_TRY(almi_onnx_check_outputs(b->import, outputs));
    ALM_TRY(almi_onnx_reals(b->node, "leaf_weights", b->import->scratch, &weight,
                            b->import->error));
    to->output_count = (size_t)outputs;
    to->has_doubles = to->has_doubles || weight.type == ALMI_ONNX_DOUBLE;
    b->leaf_count = weight.count;
    to->weight_count = weight.count;
    to->weight = weight.real;
    if (weight.count > INT32_MAX / 2) {
        return alm_fail(b->import->error, ALM_ERR_LIMIT, "TreeEnsemble: %zu leaves", weight.count);
    }
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "leaf_targetids",
                              (almi_onnx_bounds){weight.count, 0, outputs - 1}, &target));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, weight.count, to->weight_output));
    for (size_t i = 0; i < weight.count; i++) {
        to->weight_output[i] = (int32_t)target[i];
    }
    return ALM_OK;
}

static alm_err read_tests(builder *b)
{
    almi_onnx_ensemble *to = b->to;
    almi_onnx_numbers split, missing;
    int64_t *mode = NULL, *feature = NULL;
    ALM_TRY(almi_onnx_reals(b->node, "nodes_splits", b->import->scratch, &split,
                            b->import->error));
    size_t n = split.count;
    if (n > INT32_MAX / 2) {
        return alm_fail(b->import->error, ALM_ERR_LIMIT, "TreeEnsemble: %zu nodes", n);
    }
    b->inner_count = n;
    to->value = split.real;
    to->has_doubles = to->has_doubles || split.type == ALMI_ONNX_DOUBLE;
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "nodes_modes", (almi_onnx_bounds){n, 0, 255},
                              &mode));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, "nodes_featureids",
                              (almi_onnx_bounds){n, 0, ALMI_ONNX_FEATURES_MAX - 1}, &feature));
    ALM_TRY(almi_onnx_integers(b->node, "nodes_missing_value_tracks_true", b->import->scratch,
                               &missing, b->import->error));
    if (missing.count != 0 && missing.count != n) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT, "TreeEnsemble: "
                        "nodes_missing_value_tracks_true has %zu values instead of %zu",
                        missing.count, n);
    }
    to->node_count = n + b->leaf_count;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count, to->mode));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count, to->feature));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count, to->missing_true));
    for (size_t i = 0; i < n; i++) {
        if (mode[i] >= ALMI_ONNX_LEAF) {
            return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED, "TreeEnsemble: node %zu has "
                            "the mode %lld (6 is BRANCH_MEMBER), which is not done", i,
                            (long long)mode[i]);
        }
        to->mode[i] = (uint8_t)mode[i];
        to->feature[i] = (int32_t)feature[i];
        to->missing_true[i] = missing.count > 0 && missing.integer[i] != 0;
    }
    return ALM_OK;
}

/* Children of one side: a node, or a leaf where the flag says so. */
static alm_err read_children(const builder *b, const char *ids, const char *leaves, int32_t **out)
{
    int64_t *id = NULL, *leaf = NULL;
    int32_t *child = NULL;
    size_t n = b->inner_count;
    ALM_TRY(almi_onnx_bounded(b->import, b->node, leaves, (almi_onnx_bounds){n, 0, 1}, &leaf));
    ALM_TRY(almi_onnx_bounded(b->import, b->node, ids, (almi_onnx_bounds){n, 0, INT32_MAX}, &id));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, b->to->node_count, child));
    for (size_t i = 0; i < n; i++) {
        size_t count = leaf[i] ? b->leaf_count : n;
        if ((uint64_t)id[i] >= count) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                            "TreeEnsemble: %s: node %zu goes to %s %lld of %zu", ids, i,
                            leaf[i] ? "leaf" : "node", (long long)id[i], count);
        }
        child[i] = (int32_t)((size_t)id[i] + (leaf[i] ? n : 0));
    }
    *out = child;
    return ALM_OK;
}

static alm_err read_roots(builder *b)
{
    almi_onnx_ensemble *to = b->to;
    almi_onnx_numbers root;
    ALM_TRY(almi_onnx_integers(b->node, "tree_roots", b->import->scratch, &root,
                               b->import->error));
    if (root.count == 0) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT, "TreeEnsemble: tree_roots is empty");
    }
    to->tree_count = root.count;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, root.count, to->root));
    for (size_t i = 0; i < root.count; i++) {
        if (root.integer[i] < 0 || (uint64_t)root.integer[i] >= b->inner_count) {
            return alm_fail(b->import->error, ALM_ERR_CORRUPT, "TreeEnsemble: tree_roots: tree "
                            "%zu begins at node %lld of %zu", i, (long long)root.integer[i],
                            b->inner_count);
        }
        to->root[i] = (int32_t)root.integer[i];
    }
    return ALM_OK;
}

/* Leaves have one weight each, nodes none; leaves are named by their numbers. */
static alm_err finish_leaves(const builder *b)
{
    almi_onnx_ensemble *to = b->to;
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count + 1, to->weight_begin));
    ALM_TRY(ALMI_ONNX_ARRAY(b->import, to->node_count, to->name));
    for (size_t i = 0; i < b->leaf_count; i++) {
        size_t at = b->inner_count + i;
        to->mode[at] = ALMI_ONNX_LEAF;
        to->name[at] = (int32_t)i;
        to->weight_begin[at] = i;
    }
    to->weight_begin[to->node_count] = b->leaf_count;
    return ALM_OK;
}

/* The specification numbers SOFTMAX 1 and LOGISTIC 2, onnxruntime 1.32 computes them the other way
 * round. A file does not say whom its writer believed, so only the raw score is certain. */
static alm_err read_result(const builder *b)
{
    static const char *const TRANSFORMS[] = {
        "NONE", "post_transform 1 (SOFTMAX in ONNX, LOGISTIC in onnxruntime)",
        "post_transform 2 (LOGISTIC in ONNX, SOFTMAX in onnxruntime)", "SOFTMAX_ZERO", "PROBIT"};
    int64_t transform = 0, aggregate = 1;
    ALM_TRY(almi_onnx_integer(b->node, "post_transform", 0, &transform, b->import->error));
    ALM_TRY(almi_onnx_integer(b->node, "aggregate_function", 1, &aggregate, b->import->error));
    if (aggregate != 0 && aggregate != 1) {
        return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED, "TreeEnsemble: aggregate_function "
                        "%lld (%s) is not done; SUM and AVERAGE are", (long long)aggregate,
                        aggregate == 2 ? "MIN" : aggregate == 3 ? "MAX" : "unknown");
    }
    b->to->average = aggregate == 0;
    bool known = transform >= 0 && (size_t)transform < sizeof TRANSFORMS / sizeof *TRANSFORMS;
    b->to->post_transform = alm_str_of(known ? TRANSFORMS[transform] : "of another number");
    return transform == 1 || transform == 2
               ? ALM_OK
               : almi_onnx_check_transform(b->import, b->to->post_transform);
}

alm_err almi_onnx_read_ensemble_5(const almi_onnx_import *import, const almi_onnx_node *node,
                                  almi_onnx_ensemble *out)
{
    builder b = {.import = import, .node = node, .to = out};
    ALM_TRY(read_result(&b));
    ALM_TRY(read_leaves(&b));
    ALM_TRY(read_tests(&b));
    ALM_TRY(read_children(&b, "nodes_truenodeids", "nodes_trueleafs", &out->yes));
    ALM_TRY(read_children(&b, "nodes_falsenodeids", "nodes_falseleafs", &out->no));
    ALM_TRY(read_roots(&b));
    out->shared_leaves = true;
    out->double_result = out->has_doubles;
    return finish_leaves(&b);
}
