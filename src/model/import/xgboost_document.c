/* xgboost_document.c: from the values of a JSON or UBJ file to a forest.
 *
 * learner { learner_model_param, objective.name, feature_names, gradient_booster { name, model } };
 * in DART of up to 3.2 the model lies one level deeper, below gbtree; in gblinear it is weights.
 * Almost all parameters are texts. Keys that later versions added are optional. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/import/xgboost_internal.h"
#include "model/import/document_value.h"

typedef struct document {
    almi_xgb_import *import;
    almi_doc_file file;
    const almi_doc_value *learner, *booster, *model;
    const float *weight;    /* DART: one for every tree; else NULL */
    int64_t trees_parallel; /* trees of a round for one output */
} document;

static alm_err fail_at(const document *d, const almi_doc_value *value, const char *what)
{
    return alm_fail(d->import->error, ALM_ERR_CORRUPT, "%s: byte %zu: %s", d->import->name,
                    value->offset, what);
}

/* ---- learner ---- */

static alm_err read_names(document *d)
{
    alm_forest *forest = d->import->forest;
    const almi_doc_value *list = NULL;
    ALM_TRY(almi_doc_member(&d->file, d->learner, "feature_names", &list));
    if (list == NULL || list->count == 0) {
        return ALM_OK;
    }
    if (list->kind != ALMI_DOC_LIST || list->count != forest->info.feature_count) {
        return fail_at(d, list, "feature_names does not name num_feature features");
    }
    alm_str *name = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, list->count, name, d->import->error));
    size_t i = 0;
    for (const almi_doc_value *at = list->first; at != NULL; at = at->next, i++) {
        if (at->kind != ALMI_DOC_TEXT || !alm_str_is_utf8(at->bytes, NULL)) {
            return fail_at(d, at, "a feature name is not UTF-8 text");
        }
        name[i] = (alm_str){alm_arena_copy_text(forest->arena, at->bytes.data, at->bytes.size),
                            at->bytes.size};
    }
    forest->info.feature_name = name;
    return ALM_OK;
}

/* "5E-1" until 3.0, then "[5E-1,2E-1]": one value, or one for every output. */
static alm_err read_scores(document *d, const almi_doc_value *text, almi_xgb_margin *margin)
{
    alm_str list = alm_str_trim(text->bytes);
    if (list.size >= 2 && list.data[0] == '[' && list.data[list.size - 1] == ']') {
        list = (alm_str){list.data + 1, list.size - 2};
    }
    size_t count = 1;
    for (size_t i = 0; i < list.size; i++) {
        count += list.data[i] == ',';
    }
    float *score = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(d->import->scratch, count, score, d->import->error));
    for (size_t i = 0; i < count; i++) {
        alm_str item = alm_str_trim(alm_str_split(&list, ','));
        if (!almi_doc_as_float(ALMI_DOC_DECIMAL, item, &score[i])) {
            return fail_at(d, text, "base_score is not a number or a list of numbers");
        }
    }
    margin->score = score;
    margin->count = count;
    return ALM_OK;
}

static alm_err read_learner(document *d)
{
    const almi_doc_value *param = NULL, *objective = NULL, *name = NULL, *score = NULL;
    int64_t features = 0, classes = 0, targets = 0;
    almi_xgb_margin margin = {0};
    ALM_TRY(almi_doc_need(&d->file, d->learner, "learner_model_param", ALMI_DOC_OBJECT, &param));
    ALM_TRY(almi_doc_integer(&d->file, param, "num_feature", 0, &features));
    ALM_TRY(almi_doc_integer(&d->file, param, "num_class", 0, &classes));
    ALM_TRY(almi_doc_integer(&d->file, param, "num_target", 1, &targets));
    ALM_TRY(almi_xgb_set_shape(d->import, features, classes, targets));
    ALM_TRY(almi_doc_need(&d->file, d->learner, "objective", ALMI_DOC_OBJECT, &objective));
    ALM_TRY(almi_doc_need(&d->file, objective, "name", ALMI_DOC_TEXT, &name));
    ALM_TRY(almi_doc_need(&d->file, param, "base_score", ALMI_DOC_TEXT, &score));
    margin.objective = name->bytes;
    ALM_TRY(read_scores(d, score, &margin));
    ALM_TRY(almi_xgb_set_margin(d->import, &margin));
    return read_names(d);
}

/* ---- one tree ---- */

typedef struct tree_reader {
    document *d;
    const almi_doc_value *tree;
    char where[32]; /* "tree 12" */
    almi_xgb_nodes nodes;
} tree_reader;

static almi_doc_array want(const tree_reader *t, const char *key, size_t count)
{
    return (almi_doc_array){.where = t->where,
                            .key = key,
                            .count = count,
                            .high = INT32_MAX,
                            .arena = t->d->import->tree_scratch};
}

static alm_err floats(tree_reader *t, const char *key, size_t count, const float **out)
{
    const almi_doc_value *array = NULL;
    float *value = NULL;
    ALM_TRY(almi_doc_member(&t->d->file, t->tree, key, &array));
    ALM_TRY(almi_doc_floats(&t->d->file, array, want(t, key, count), &value));
    *out = value;
    return ALM_OK;
}

static alm_err integers(tree_reader *t, almi_doc_array wanted, const int32_t **out)
{
    const almi_doc_value *array = NULL;
    int32_t *value = NULL;
    ALM_TRY(almi_doc_member(&t->d->file, t->tree, wanted.key, &array));
    ALM_TRY(almi_doc_integers(&t->d->file, array, wanted, &value));
    *out = value;
    return ALM_OK;
}

static almi_doc_array flags(const tree_reader *t, const char *key)
{
    almi_doc_array wanted = want(t, key, t->nodes.count);
    wanted.high = 1;
    return wanted;
}

/* Which set belongs to which node: categories_nodes lists the nodes in ascending order. */
static alm_err assign_sets(tree_reader *t, const int32_t *node, size_t sets, size_t categories)
{
    almi_xgb_nodes *nodes = &t->nodes;
    int32_t *set_of = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(t->d->import->tree_scratch, nodes->count, set_of,
                              t->d->import->error));
    for (size_t i = 0; i < nodes->count; i++) {
        set_of[i] = -1;
    }
    for (size_t i = 0; i < sets; i++) {
        bool ascending = i == 0 || node[i - 1] < node[i];
        bool inside = (size_t)nodes->set_begin[i] <= categories &&
                      (size_t)nodes->set_size[i] <= categories - (size_t)nodes->set_begin[i];
        if (!ascending || !inside || (size_t)node[i] >= nodes->count) {
            return alm_fail(t->d->import->error, ALM_ERR_CORRUPT,
                            "%s: %s: category set %zu names a node or a segment that is not there",
                            t->d->import->name, t->where, i);
        }
        set_of[node[i]] = (int32_t)i;
    }
    nodes->set_of = set_of;
    return ALM_OK;
}

static alm_err count_of(tree_reader *t, const char *key, size_t *out)
{
    const almi_doc_value *array = NULL;
    ALM_TRY(almi_doc_member(&t->d->file, t->tree, key, &array));
    *out = array != NULL ? array->count : 0;
    return ALM_OK;
}

static alm_err read_categories(tree_reader *t)
{
    const almi_doc_value *types = NULL;
    const int32_t *node = NULL;
    size_t sets = 0, categories = 0;
    ALM_TRY(almi_doc_member(&t->d->file, t->tree, "split_type", &types));
    if (types == NULL) {
        return ALM_OK; /* before 1.3 */
    }
    ALM_TRY(integers(t, flags(t, "split_type"), &t->nodes.categorical));
    ALM_TRY(count_of(t, "categories_nodes", &sets));
    ALM_TRY(count_of(t, "categories", &categories));
    if (sets == 0) {
        return ALM_OK; /* a categorical node without a set is refused when it is met */
    }
    almi_doc_array category = want(t, "categories", categories);
    category.high = ALMI_XGBOOST_CATEGORY_END - 1;
    ALM_TRY(integers(t, category, &t->nodes.category));
    ALM_TRY(integers(t, want(t, "categories_nodes", sets), &node));
    ALM_TRY(integers(t, want(t, "categories_segments", sets), &t->nodes.set_begin));
    ALM_TRY(integers(t, want(t, "categories_sizes", sets), &t->nodes.set_size));
    return assign_sets(t, node, sets, categories);
}

/* Leaves with a value for every output. From 3.2 on leaf_weights has a row for each leaf, and the
 * right child of a leaf is its row; before, base_weights has a row for each node. */
static alm_err read_leaf_vectors(tree_reader *t, size_t width)
{
    almi_xgb_nodes *nodes = &t->nodes;
    size_t values = 0;
    ALM_TRY(count_of(t, "leaf_weights", &values));
    const char *key = values > 0 ? "leaf_weights" : "base_weights";
    nodes->leaf_width = width;
    nodes->leaf_row = nodes->right;
    nodes->leaf_rows = values / width;
    if (values == 0) {
        int32_t *row = NULL;
        ALM_TRY(ALMI_FOREST_ARRAY(t->d->import->tree_scratch, nodes->count, row,
                                  t->d->import->error));
        for (size_t i = 0; i < nodes->count; i++) {
            row[i] = (int32_t)i;
        }
        nodes->leaf_row = row;
        nodes->leaf_rows = nodes->count;
    }
    return floats(t, key, nodes->leaf_rows * width, &nodes->leaf_vector);
}

static alm_err read_nodes(tree_reader *t)
{
    const almi_doc_value *param = NULL, *cover = NULL;
    almi_xgb_nodes *nodes = &t->nodes;
    int64_t count = 0, width = 0;
    ALM_TRY(almi_doc_need(&t->d->file, t->tree, "tree_param", ALMI_DOC_OBJECT, &param));
    ALM_TRY(almi_doc_integer(&t->d->file, param, "num_nodes", 0, &count));
    ALM_TRY(almi_doc_integer(&t->d->file, param, "size_leaf_vector", 1, &width));
    if (count < 1 || count > INT32_MAX || width < 0 || width > ALMI_XGB_OUTPUTS_MAX) {
        return fail_at(t->d, param, "num_nodes or size_leaf_vector is impossible");
    }
    nodes->count = (size_t)count;
    almi_doc_array child = want(t, "left_children", nodes->count);
    child.low = INT32_MIN;
    ALM_TRY(integers(t, child, &nodes->left));
    child.key = "right_children";
    ALM_TRY(integers(t, child, &nodes->right));
    ALM_TRY(integers(t, want(t, "split_indices", nodes->count), &nodes->feature));
    ALM_TRY(floats(t, "split_conditions", nodes->count, &nodes->condition));
    ALM_TRY(integers(t, flags(t, "default_left"), &nodes->default_left));
    ALM_TRY(almi_doc_member(&t->d->file, t->tree, "sum_hessian", &cover));
    if (cover != NULL) {
        ALM_TRY(floats(t, "sum_hessian", nodes->count, &nodes->cover));
    }
    ALM_TRY(read_categories(t));
    return width > 1 ? read_leaf_vectors(t, (size_t)width) : ALM_OK;
}

/* ---- the model ---- */

static alm_err read_trees(document *d, const almi_doc_value *trees, const int32_t *group)
{
    almi_xgb_import *import = d->import;
    const almi_doc_value *at = trees->first;
    for (import->tree = 0; at != NULL; import->tree++, at = at->next) {
        tree_reader t = {.d = d, .tree = at};
        almi_tree *tree = &import->forest->tree[import->tree];
        const float *weight = d->weight != NULL ? d->weight + import->tree : NULL;
        snprintf(t.where, sizeof t.where, "tree %zu", import->tree);
        if (at->kind != ALMI_DOC_OBJECT) {
            return fail_at(d, at, "a tree is not an object");
        }
        ALM_TRY(read_nodes(&t));
        ALM_TRY(almi_xgb_build_tree(import, &t.nodes, weight, tree));
        ALM_TRY(almi_xgb_set_output(import, group[import->tree], tree));
        alm_arena_reset(import->tree_scratch);
    }
    return ALM_OK;
}

/* Trees with wide leaves serve all outputs at once. */
static void count_iterations(document *d, const almi_doc_value *indptr)
{
    alm_forest *forest = d->import->forest;
    size_t trees = forest->info.tree_count;
    bool wide = trees > 0 && forest->tree[0].leaf_width > 1;
    size_t round = (wide ? 1 : forest->info.output_count) * (size_t)d->trees_parallel;
    forest->info.iteration_count =
        indptr != NULL && indptr->count > 0 ? indptr->count - 1 : trees / round;
}

static alm_err read_category_names(document *d)
{
    const almi_doc_value *cats = NULL, *names = NULL;
    ALM_TRY(almi_doc_member(&d->file, d->model, "cats", &cats));
    ALM_TRY(almi_doc_member(&d->file, cats, "enc", &names));
    d->import->forest->info.has_category_names = names != NULL && names->count > 0;
    return ALM_OK;
}

static alm_err read_model(document *d)
{
    const almi_doc_value *param = NULL, *trees = NULL, *info = NULL, *indptr = NULL;
    int64_t count = 0;
    int32_t *group = NULL;
    ALM_TRY(almi_doc_need(&d->file, d->model, "gbtree_model_param", ALMI_DOC_OBJECT, &param));
    ALM_TRY(almi_doc_integer(&d->file, param, "num_trees", 0, &count));
    ALM_TRY(almi_doc_integer(&d->file, param, "num_parallel_tree", 1, &d->trees_parallel));
    ALM_TRY(almi_doc_need(&d->file, d->model, "trees", ALMI_DOC_LIST, &trees));
    if (count < 0 || (uint64_t)count != trees->count) {
        return fail_at(d, trees, "trees does not hold num_trees trees");
    }
    if (d->trees_parallel < 1 || d->trees_parallel > INT32_MAX) {
        return fail_at(d, param, "num_parallel_tree is impossible");
    }
    almi_doc_array wanted = {.where = "model",
                             .key = "tree_info",
                             .count = trees->count,
                             .high = INT32_MAX,
                             .arena = d->import->scratch};
    ALM_TRY(almi_doc_member(&d->file, d->model, "tree_info", &info));
    ALM_TRY(almi_doc_integers(&d->file, info, wanted, &group));
    ALM_TRY(almi_xgb_start_trees(d->import, trees->count));
    ALM_TRY(read_trees(d, trees, group));
    ALM_TRY(almi_doc_member(&d->file, d->model, "iteration_indptr", &indptr));
    count_iterations(d, indptr);
    return read_category_names(d);
}

/* DART's weights lie beside the booster's name, or in the model since 3.4. */
static alm_err read_weights(document *d)
{
    const almi_doc_value *weights = NULL, *trees = NULL;
    float *value = NULL;
    ALM_TRY(almi_doc_member(&d->file, d->model, "weight_drop", &weights));
    if (weights == NULL) {
        ALM_TRY(almi_doc_member(&d->file, d->booster, "weight_drop", &weights));
    }
    if (weights == NULL) {
        return ALM_OK;
    }
    ALM_TRY(almi_doc_need(&d->file, d->model, "trees", ALMI_DOC_LIST, &trees));
    almi_doc_array wanted = {.where = "booster",
                             .key = "weight_drop",
                             .count = trees->count,
                             .arena = d->import->scratch};
    ALM_TRY(almi_doc_floats(&d->file, weights, wanted, &value));
    for (size_t i = 0; i < trees->count; i++) {
        if (!isfinite(value[i])) {
            return fail_at(d, weights, "weight_drop holds a weight that is not finite");
        }
    }
    d->weight = value;
    return ALM_OK;
}

static alm_err read_linear(document *d)
{
    const almi_doc_value *list = NULL;
    float *weight = NULL;
    ALM_TRY(almi_doc_need(&d->file, d->booster, "model", ALMI_DOC_OBJECT, &d->model));
    ALM_TRY(almi_doc_member(&d->file, d->model, "weights", &list));
    size_t count = list != NULL ? list->count : 0;
    almi_doc_array wanted = {.where = "gblinear",
                             .key = "weights",
                             .count = count,
                             .arena = d->import->scratch};
    ALM_TRY(almi_doc_floats(&d->file, list, wanted, &weight));
    return almi_xgb_set_weights(d->import, weight, count);
}

static alm_err read_booster(document *d)
{
    const almi_doc_value *name = NULL, *inner = d->booster;
    ALM_TRY(almi_doc_need(&d->file, d->booster, "name", ALMI_DOC_TEXT, &name));
    if (alm_str_is(name->bytes, "gblinear")) {
        return read_linear(d);
    }
    bool dart = alm_str_is(name->bytes, "dart");
    if (!dart && !alm_str_is(name->bytes, "gbtree")) {
        return almi_xgb_refuse_booster(d->import, name->bytes);
    }
    if (dart) {
        const almi_doc_value *gbtree = NULL;
        ALM_TRY(almi_doc_member(&d->file, d->booster, "gbtree", &gbtree));
        inner = gbtree != NULL ? gbtree : inner;
    }
    ALM_TRY(almi_doc_need(&d->file, inner, "model", ALMI_DOC_OBJECT, &d->model));
    ALM_TRY(read_weights(d));
    return read_model(d);
}

alm_err almi_xgb_import_document(almi_xgb_import *import, alm_str bytes, bool is_ubj)
{
    document d = {.import = import,
                  .file = {.bytes = bytes,
                           .name = import->name,
                           .library = "XGBoost",
                           .arena = import->scratch,
                           .error = import->error}};
    const almi_doc_value *root = NULL;
    ALM_TRY(is_ubj ? almi_doc_read_ubj(&d.file, &root) : almi_doc_read_json(&d.file, &root));
    ALM_TRY(almi_doc_need(&d.file, root, "learner", ALMI_DOC_OBJECT, &d.learner));
    ALM_TRY(almi_doc_need(&d.file, d.learner, "gradient_booster", ALMI_DOC_OBJECT, &d.booster));
    ALM_TRY(read_learner(&d));
    return read_booster(&d);
}
