/* xgboost_binary.c: the binary format that XGBoost wrote until 3.0 (`save_model("x.model")`).
 *
 * Structs as they lay in memory, little endian (src/learner.cc, src/gbm/gbtree_model.h,
 * include/xgboost/tree_model.h): [ "binf" ], learner parameters (136 bytes), name of the objective
 * and of the booster (u64 length, bytes), forest parameters (160), per tree parameters (148), nodes
 * (20 each) and statistics (16 each), then tree_info and DART's weights; of gblinear instead
 * parameters (136) and weights (u64 count, floats). What follows (attributes,
 * parameters of the objective) does not matter for scoring. */
#include <math.h>
#include <string.h>

#include "model/import/xgboost_internal.h"

enum {
    LEARNER_BYTES = 136,
    FOREST_BYTES = 160,
    TREE_BYTES = 148,
    NODE_BYTES = 20,
    STATISTICS_BYTES = 16,
    LINEAR_BYTES = 136,
    NAME_BYTES_MAX = 100
};

typedef struct reader {
    almi_xgb_import *import;
    alm_str bytes;
    size_t at;
} reader;

static alm_err take(reader *r, size_t size, const char *what, const uint8_t **out)
{
    if (size > r->bytes.size - r->at) {
        return alm_fail(r->import->error, ALM_ERR_CORRUPT,
                        "%s: byte %zu: the file ends in %s; this is not a whole XGBoost model",
                        r->import->name, r->at, what);
    }
    *out = (const uint8_t *)r->bytes.data + r->at;
    r->at += size;
    return ALM_OK;
}

static uint64_t little_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static int32_t int_at(const uint8_t *bytes, size_t at)
{
    return (int32_t)(uint32_t)little_endian(bytes + at, 4);
}

static float float_at(const uint8_t *bytes, size_t at)
{
    uint32_t bits = (uint32_t)little_endian(bytes + at, 4);
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static alm_err damaged(const reader *r, const char *what)
{
    return alm_fail(r->import->error, ALM_ERR_CORRUPT,
                    "%s: byte %zu: %s; this is not a whole XGBoost model", r->import->name, r->at,
                    what);
}

static alm_err take_name(reader *r, const char *what, alm_str *out)
{
    const uint8_t *bytes = NULL;
    ALM_TRY(take(r, 8, what, &bytes));
    uint64_t size = little_endian(bytes, 8);
    if (size > NAME_BYTES_MAX) {
        return damaged(r, "a name is too long");
    }
    ALM_TRY(take(r, (size_t)size, what, &bytes));
    *out = (alm_str){(const char *)bytes, (size_t)size};
    /* The first texts of a file that is something else: better named than quoted. */
    return alm_str_is_utf8(*out, NULL) ? ALM_OK : damaged(r, "a name is not text");
}

/* ---- a tree ---- */

typedef struct node_arrays {
    int32_t *left, *right, *feature, *default_left;
    float *condition, *cover;
} node_arrays;

static alm_err allocate(almi_xgb_import *import, size_t count, node_arrays *to)
{
    alm_arena *arena = import->tree_scratch;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, count, to->left, import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, count, to->right, import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, count, to->feature, import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, count, to->default_left, import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, count, to->condition, import->error));
    return ALMI_FOREST_ARRAY(arena, count, to->cover, import->error);
}

/* The weights come behind all trees, so they are applied to the leaves afterwards. */
static alm_err read_tree(reader *r, almi_tree *tree)
{
    const uint8_t *head = NULL, *node = NULL, *statistics = NULL;
    node_arrays to = {0};
    ALM_TRY(take(r, TREE_BYTES, "a tree", &head));
    int32_t count = int_at(head, 4), vector = int_at(head, 20);
    if (count < 1) {
        return damaged(r, "a tree without nodes");
    }
    if (vector > 1) {
        return alm_fail(r->import->error, ALM_ERR_UNSUPPORTED,
                        "%s: tree %zu has leaves with %d values, which the binary format never "
                        "used",
                        r->import->name, r->import->tree, (int)vector);
    }
    ALM_TRY(take(r, (size_t)count * NODE_BYTES, "the nodes of a tree", &node));
    ALM_TRY(take(r, (size_t)count * STATISTICS_BYTES, "the statistics of a tree", &statistics));
    ALM_TRY(allocate(r->import, (size_t)count, &to));
    for (size_t i = 0; i < (size_t)count; i++, node += NODE_BYTES) {
        uint32_t feature = (uint32_t)int_at(node, 12);
        to.left[i] = int_at(node, 4);
        to.right[i] = int_at(node, 8);
        to.feature[i] = (int32_t)(feature & INT32_MAX);
        to.default_left[i] = (int32_t)(feature >> 31);
        to.condition[i] = float_at(node, 16);
        to.cover[i] = float_at(statistics, i * STATISTICS_BYTES + 4);
    }
    almi_xgb_nodes nodes = {.count = (size_t)count,
                            .left = to.left,
                            .right = to.right,
                            .feature = to.feature,
                            .condition = to.condition,
                            .default_left = to.default_left,
                            .cover = to.cover};
    ALM_TRY(almi_xgb_build_tree(r->import, &nodes, NULL, tree));
    alm_arena_reset(r->import->tree_scratch);
    return ALM_OK;
}

static alm_err read_trees(reader *r, size_t count)
{
    const uint8_t *groups = NULL;
    /* Each tree has its parameters and a node, so the file bounds their number. */
    if (count > (r->bytes.size - r->at) / (TREE_BYTES + NODE_BYTES)) {
        return damaged(r, "more trees than the file can hold");
    }
    ALM_TRY(almi_xgb_start_trees(r->import, count));
    for (r->import->tree = 0; r->import->tree < count; r->import->tree++) {
        ALM_TRY(read_tree(r, &r->import->forest->tree[r->import->tree]));
    }
    ALM_TRY(take(r, count * 4, "tree_info", &groups));
    for (r->import->tree = 0; r->import->tree < count; r->import->tree++) {
        size_t i = r->import->tree;
        ALM_TRY(almi_xgb_set_output(r->import, int_at(groups, 4 * i),
                                    &r->import->forest->tree[i]));
    }
    return ALM_OK;
}

static alm_err apply_weights(reader *r)
{
    const uint8_t *bytes = NULL;
    size_t count = r->import->forest->info.tree_count;
    if (count == 0) {
        return ALM_OK;
    }
    ALM_TRY(take(r, 8, "weight_drop", &bytes));
    if (little_endian(bytes, 8) != count) {
        return damaged(r, "weight_drop does not have a value for every tree");
    }
    ALM_TRY(take(r, count * 4, "weight_drop", &bytes));
    for (size_t t = 0; t < count; t++) {
        almi_tree *tree = &r->import->forest->tree[t];
        float weight = float_at(bytes, 4 * t);
        ALM_TRY(ALMI_FOREST_ARRAY(r->import->forest->arena, tree->leaf_count, tree->plain_value,
                                  r->import->error));
        tree->weight = weight;
        for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
            float value = almi_xgb_weighted((float)tree->leaf_value[leaf], weight);
            tree->plain_value[leaf] = tree->leaf_value[leaf];
            tree->leaf_value[leaf] = (double)value;
            if (!isfinite(value)) {
                return damaged(r, "weight_drop holds an impossible weight");
            }
        }
    }
    return ALM_OK;
}

typedef enum booster_kind { BOOSTER_TREES, BOOSTER_DART, BOOSTER_LINEAR } booster_kind;

static alm_err take_booster(reader *r, booster_kind *out)
{
    alm_str name;
    ALM_TRY(take_name(r, "the name of the booster", &name));
    if (alm_str_is(name, "gbtree")) {
        *out = BOOSTER_TREES;
    } else if (alm_str_is(name, "dart")) {
        *out = BOOSTER_DART;
    } else if (alm_str_is(name, "gblinear")) {
        *out = BOOSTER_LINEAR;
    } else {
        return damaged(r, "neither JSON nor UBJ, and no booster of the binary format");
    }
    return ALM_OK;
}

static alm_err read_forest(reader *r, booster_kind booster)
{
    const uint8_t *head = NULL;
    alm_forest_info *info = &r->import->forest->info;
    ALM_TRY(take(r, FOREST_BYTES, "the parameters of the forest", &head));
    int32_t count = int_at(head, 0), parallel = int_at(head, 4);
    if (count < 0) {
        return damaged(r, "the number of trees is negative");
    }
    ALM_TRY(read_trees(r, (size_t)count));
    ALM_TRY(booster == BOOSTER_DART ? apply_weights(r) : ALM_OK);
    size_t round = info->output_count * (size_t)(parallel > 1 ? parallel : 1);
    info->iteration_count = (size_t)count / round;
    return ALM_OK;
}

/* gblinear: its parameters, which say nothing new, and a vector. */
static alm_err read_weights(reader *r)
{
    const uint8_t *bytes = NULL;
    ALM_TRY(take(r, LINEAR_BYTES + 8, "the parameters of gblinear", &bytes));
    uint64_t count = little_endian(bytes + LINEAR_BYTES, 8);
    if (count > (r->bytes.size - r->at) / sizeof(float)) {
        return damaged(r, "more weights than the file can hold");
    }
    ALM_TRY(take(r, (size_t)count * sizeof(float), "the weights", &bytes));
    float *weight = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(r->import->scratch, (size_t)count, weight, r->import->error));
    for (size_t i = 0; i < count; i++) {
        weight[i] = float_at(bytes, i * sizeof(float));
    }
    return almi_xgb_set_weights(r->import, weight, (size_t)count);
}

alm_err almi_xgb_import_binary(almi_xgb_import *import, alm_str bytes)
{
    reader r = {import, bytes, alm_str_starts_with(bytes, "binf") ? 4 : 0};
    const uint8_t *head = NULL;
    alm_str objective;
    booster_kind booster = BOOSTER_TREES;
    ALM_TRY(take(&r, LEARNER_BYTES, "the parameters", &head));
    ALM_TRY(take_name(&r, "the name of the objective", &objective));
    ALM_TRY(take_booster(&r, &booster));
    float score = float_at(head, 0);
    int64_t features = (uint32_t)int_at(head, 4), targets = int_at(head, 28); /* 0 before 1.6 */
    ALM_TRY(almi_xgb_set_shape(import, features, int_at(head, 8), targets));
    /* 1.0 was the first to keep the score as the user gave it. */
    almi_xgb_margin margin = {objective, &score, 1, int_at(head, 20) < 1};
    ALM_TRY(almi_xgb_set_margin(import, &margin));
    return booster == BOOSTER_LINEAR ? read_weights(&r) : read_forest(&r, booster);
}
