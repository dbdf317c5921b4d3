/* catboost_json.c: CatBoost's JSON export.
 *
 * features_info numbers the splits, model_info has the training parameters, and the trees are
 * `oblivious_trees` or `trees`, in which nodes lie in each other. Statistics of the target are
 * refused: the export rounds some of them. */
#include <stdio.h>
#include <string.h>

#include "model/import/catboost_internal.h"

typedef struct document {
    almi_cb_import *import;
    almi_doc_file file;
    const almi_doc_value *info, *trees;
    bool symmetric;
    char where[40]; /* for messages: "tree 12" */
} document;

static alm_err fail_at(const document *d, const almi_doc_value *value, const char *what)
{
    return alm_fail(d->import->error, ALM_ERR_CORRUPT, "%s: byte %zu: %s; the model is damaged",
                    d->import->name, value->offset, what);
}

/* ---- pieces ---- */

static const almi_doc_value *first_of(const almi_doc_value *list)
{
    return list != NULL && list->kind == ALMI_DOC_LIST ? list->first : NULL;
}

/* Items of an array that may be absent, for which count is 0. */
static alm_err items(document *d, const almi_doc_value *object, const char *key, size_t *count,
                     const almi_doc_value **out)
{
    ALM_TRY(almi_doc_member(&d->file, object, key, out));
    bool is_array = *out != NULL && ((*out)->kind == ALMI_DOC_LIST ||
                                     (*out)->kind == ALMI_DOC_NUMBERS);
    if (*out != NULL && !is_array && (*out)->kind != ALMI_DOC_NULL) {
        return fail_at(d, *out, "this must be an array");
    }
    *count = is_array ? (*out)->count : 0;
    return ALM_OK;
}

/* The same where the items must be objects. */
static alm_err objects(document *d, const almi_doc_value *object, const char *key, size_t *count,
                       const almi_doc_value **out)
{
    ALM_TRY(items(d, object, key, count, out));
    if (*count > 0 && (*out)->kind != ALMI_DOC_LIST) {
        return fail_at(d, *out, "this must be an array of objects");
    }
    return ALM_OK;
}

static almi_doc_array want(const document *d, const char *key, size_t count)
{
    return (almi_doc_array){.where = d->where,
                            .key = key,
                            .count = count,
                            .low = INT32_MIN,
                            .high = INT32_MAX,
                            .arena = d->import->scratch};
}

static alm_err text_of(document *d, const almi_doc_value *object, const char *key, alm_str *out)
{
    const almi_doc_value *text = NULL;
    ALM_TRY(almi_doc_member(&d->file, object, key, &text));
    *out = text != NULL && text->kind == ALMI_DOC_TEXT ? text->bytes : (alm_str){"", 0};
    return ALM_OK;
}

/* feature_id is what the binary format has; feature_name is there if the rows had names. */
static alm_err name_of(document *d, const almi_doc_value *feature, alm_str *out)
{
    ALM_TRY(text_of(d, feature, "feature_id", out));
    return out->size > 0 ? ALM_OK : text_of(d, feature, "feature_name", out);
}

/* ---- features ---- */

static alm_err read_missing(document *d, const almi_doc_value *feature, almi_cb_float *to)
{
    static const char *const names[] = {
        [ALMI_CB_AS_IS] = "AsIs", [ALMI_CB_AS_FALSE] = "AsFalse", [ALMI_CB_AS_TRUE] = "AsTrue"};
    const almi_doc_value *flag = NULL;
    alm_str word;
    int64_t has_nans = 0;
    ALM_TRY(almi_doc_member(&d->file, feature, "has_nans", &flag));
    if (flag != NULL && (flag->kind != ALMI_DOC_NUMBER ||
                         !almi_doc_as_i64(flag->type, flag->bytes, &has_nans))) {
        return fail_at(d, flag, "has_nans must be true or false");
    }
    to->has_nans = has_nans != 0;
    ALM_TRY(text_of(d, feature, "nan_value_treatment", &word));
    for (int i = ALMI_CB_AS_IS; i <= ALMI_CB_AS_TRUE; i++) {
        if (alm_str_is(word, names[i]) || (i == ALMI_CB_AS_IS && word.size == 0)) {
            to->missing = i;
            return ALM_OK;
        }
    }
    return fail_at(d, feature, "nan_value_treatment is unknown");
}

static alm_err read_number(document *d, const almi_doc_value *feature, almi_cb_float *to)
{
    const almi_doc_value *border = NULL;
    float *copy = NULL;
    ALM_TRY(almi_doc_integer(&d->file, feature, "feature_index", -1, &to->index));
    ALM_TRY(almi_doc_integer(&d->file, feature, "flat_feature_index", -1, &to->column));
    ALM_TRY(name_of(d, feature, &to->name));
    ALM_TRY(read_missing(d, feature, to));
    ALM_TRY(items(d, feature, "borders", &to->border_count, &border));
    if (to->border_count > 0) {
        ALM_TRY(almi_doc_floats(&d->file, border, want(d, "borders", to->border_count), &copy));
    }
    to->border = copy;
    return ALM_OK;
}

static alm_err read_numbers(document *d)
{
    almi_cb_features *f = &d->import->features;
    const almi_doc_value *list = NULL;
    ALM_TRY(objects(d, d->info, "float_features", &f->number_count, &list));
    ALM_TRY(ALMI_FOREST_ARRAY(d->import->scratch, f->number_count, f->number, d->import->error));
    size_t i = 0;
    for (const almi_doc_value *at = first_of(list); at != NULL; at = at->next, i++) {
        (void)snprintf(d->where, sizeof d->where, "numeric feature %zu", i);
        ALM_TRY(read_number(d, at, &f->number[i]));
    }
    return ALM_OK;
}

static alm_err read_one_hot(document *d, const almi_doc_value *feature, int64_t index)
{
    almi_cb_features *f = &d->import->features;
    const almi_doc_value *value = NULL;
    size_t count = 0;
    int32_t *copy = NULL;
    ALM_TRY(items(d, feature, "values", &count, &value));
    if (count == 0) {
        return ALM_OK;
    }
    ALM_TRY(almi_doc_integers(&d->file, value, want(d, "values", count), &copy));
    f->one_hot[f->one_hot_count++] = (almi_cb_one_hot){index, copy, count};
    return ALM_OK;
}

static alm_err read_categories(document *d)
{
    almi_cb_features *f = &d->import->features;
    alm_arena *scratch = d->import->scratch;
    const almi_doc_value *list = NULL;
    size_t i = 0;
    ALM_TRY(objects(d, d->info, "categorical_features", &f->category_count, &list));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, f->category_count, f->category, d->import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, f->category_count, f->one_hot, d->import->error));
    for (const almi_doc_value *at = first_of(list); at != NULL; at = at->next, i++) {
        almi_cb_category *to = &f->category[i];
        (void)snprintf(d->where, sizeof d->where, "categorical feature %zu", i);
        ALM_TRY(almi_doc_integer(&d->file, at, "feature_index", -1, &to->index));
        ALM_TRY(almi_doc_integer(&d->file, at, "flat_feature_index", -1, &to->column));
        ALM_TRY(name_of(d, at, &to->name));
        ALM_TRY(read_one_hot(d, at, to->index));
    }
    return ALM_OK;
}

/* Texts of the categories, which the export has if it was given the training data. */
static alm_err read_category_texts(document *d)
{
    const almi_doc_value *list = NULL;
    size_t count = 0;
    ALM_TRY(objects(d, d->info, "cat_features_hash", &count, &list));
    for (const almi_doc_value *at = first_of(list); at != NULL; at = at->next) {
        alm_str text;
        ALM_TRY(text_of(d, at, "value", &text));
        if (!almi_cb_is_number(text)) {
            alm_str head = {text.data, text.size < 40 ? text.size : 40};
            return alm_fail(d->import->error, ALM_ERR_UNSUPPORTED,
                            "%s: '" ALM_STR_FMT "' is one of the categories, and a row holds "
                            "numbers only; train with numbered categories",
                            d->import->name, ALM_STR_ARG(head));
        }
    }
    d->import->category_texts_known = count > 0;
    return ALM_OK;
}

static alm_err refuse_others(document *d)
{
    static const char *const keys[] = {"ctrs", "text_features", "embedding_features",
                                       "estimated_features"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const almi_doc_value *list = NULL;
        size_t count = 0;
        ALM_TRY(items(d, d->info, keys[i], &count, &list));
        if (count > 0 && i == 0) {
            return alm_fail(d->import->error, ALM_ERR_UNSUPPORTED,
                            "%s: statistics of categories (ctrs) are not exact in JSON; save the "
                            "model as .cbm, CatBoost's own format",
                            d->import->name);
        }
        if (count > 0) {
            return alm_fail(d->import->error, ALM_ERR_UNSUPPORTED,
                            "%s: %s are not read; train without them, or put their numbers into "
                            "columns", d->import->name, keys[i]);
        }
    }
    return ALM_OK;
}

/* ---- symmetric trees ---- */

static alm_err symmetric_outputs(document *d, const almi_doc_value *tree, int64_t *outputs)
{
    const almi_doc_value *values = NULL, *splits = NULL;
    size_t value_count = 0, depth = 0;
    ALM_TRY(items(d, tree, "leaf_values", &value_count, &values));
    ALM_TRY(items(d, tree, "splits", &depth, &splits));
    if (depth > ALMI_CB_DEPTH_MAX) {
        return alm_fail(d->import->error, ALM_ERR_LIMIT,
                        "%s: tree 0 is %zu levels deep; at most %d are read", d->import->name,
                        depth, ALMI_CB_DEPTH_MAX);
    }
    *outputs = (int64_t)(value_count >> depth);
    return ALM_OK;
}

static alm_err read_symmetric(document *d, const almi_doc_value *tree)
{
    const almi_doc_value *list = NULL, *weights = NULL;
    alm_arena *arena = d->import->tree_scratch;
    size_t depth = 0, weight_count = 0, i = 0;
    int32_t split[ALMI_CB_DEPTH_MAX] = {0};
    double *value = NULL, *weight = NULL;
    ALM_TRY(objects(d, tree, "splits", &depth, &list));
    if (depth > ALMI_CB_DEPTH_MAX) {
        return alm_fail(d->import->error, ALM_ERR_LIMIT,
                        "%s: %s is %zu levels deep; at most %d are read", d->import->name,
                        d->where, depth, ALMI_CB_DEPTH_MAX);
    }
    for (const almi_doc_value *at = first_of(list); at != NULL; at = at->next, i++) {
        int64_t number = 0;
        ALM_TRY(almi_doc_integer(&d->file, at, "split_index", -1, &number));
        split[i] = number > INT32_MAX || number < 0 ? -1 : (int32_t)number;
    }
    size_t leaves = (size_t)1 << depth;
    almi_doc_array values = want(d, "leaf_values", leaves * d->import->forest->info.output_count);
    values.arena = arena;
    ALM_TRY(almi_doc_member(&d->file, tree, "leaf_values", &list));
    ALM_TRY(almi_doc_doubles(&d->file, list, values, &value));
    ALM_TRY(items(d, tree, "leaf_weights", &weight_count, &weights));
    if (weight_count > 0) {
        almi_doc_array wanted = want(d, "leaf_weights", leaves);
        wanted.arena = arena;
        ALM_TRY(almi_doc_doubles(&d->file, weights, wanted, &weight));
    }
    return almi_cb_add_symmetric(d->import, split, depth, value, weight);
}

/* ---- trees of nodes ---- */

/* A leaf's value: a number, or an array of one for each output. */
static size_t width_of(const almi_doc_value *value)
{
    if (value == NULL || value->kind == ALMI_DOC_TEXT || value->kind == ALMI_DOC_OBJECT) {
        return 0;
    }
    return value->kind == ALMI_DOC_NUMBER ? 1 : value->count;
}

/* Leaves below a node. Each must have its own values, or memory would outgrow the file. The
 * recursion is as deep as the reader allows. */
static alm_err count_leaves(document *d, const almi_doc_value *node, size_t *count)
{
    const almi_doc_value *left = NULL, *right = NULL, *value = NULL;
    size_t outputs = d->import->forest->info.output_count;
    ALM_TRY(almi_doc_member(&d->file, node, "left", &left));
    if (left != NULL) {
        ALM_TRY(almi_doc_need(&d->file, node, "right", ALMI_DOC_OBJECT, &right));
        ALM_TRY(count_leaves(d, left, count));
        return count_leaves(d, right, count);
    }
    ALM_TRY(almi_doc_member(&d->file, node, "value", &value));
    if (width_of(value) != outputs) {
        return fail_at(d, node, "a leaf needs a value for each output");
    }
    ++*count;
    return ALM_OK;
}

static alm_err nodes_outputs(document *d, const almi_doc_value *tree, int64_t *outputs)
{
    const almi_doc_value *left = tree, *value = NULL;
    while (left != NULL) {
        tree = left;
        ALM_TRY(almi_doc_member(&d->file, tree, "left", &left));
    }
    ALM_TRY(almi_doc_member(&d->file, tree, "value", &value));
    *outputs = (int64_t)width_of(value);
    return ALM_OK;
}

typedef struct nodes {
    size_t inner_count, leaf_count;
    int32_t *left, *right, *split, *leaf_row;
    double *value, *weight;
    bool has_weights;
} nodes;

static alm_err read_leaf(document *d, const almi_doc_value *node, nodes *n)
{
    size_t outputs = d->import->forest->info.output_count, leaf = n->leaf_count++;
    const almi_doc_value *value = NULL, *weight = NULL;
    double *to = n->value + leaf * outputs;
    double *read = to;
    ALM_TRY(almi_doc_member(&d->file, node, "value", &value));
    bool is_number = true;
    if (value->kind == ALMI_DOC_NUMBER) {
        is_number = almi_doc_as_double(value->type, value->bytes, to);
    } else {
        almi_doc_array wanted = want(d, "value", outputs);
        wanted.arena = d->import->tree_scratch;
        ALM_TRY(almi_doc_doubles(&d->file, value, wanted, &read));
    }
    if (!is_number) {
        return fail_at(d, value, "a leaf's value is not a number");
    }
    for (size_t i = 0; read != to && i < outputs; i++) {
        to[i] = read[i];
    }
    n->leaf_row[leaf] = (int32_t)leaf;
    ALM_TRY(almi_doc_member(&d->file, node, "weight", &weight));
    n->has_weights = n->has_weights && weight != NULL && weight->kind == ALMI_DOC_NUMBER &&
                     almi_doc_as_double(weight->type, weight->bytes, &n->weight[leaf]);
    return ALM_OK;
}

static alm_err allocate(document *d, size_t leaves, nodes *n)
{
    alm_arena *arena = d->import->tree_scratch;
    alm_error *error = d->import->error;
    size_t outputs = d->import->forest->info.output_count;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, leaves, n->left, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, leaves, n->right, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, leaves, n->split, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, leaves, n->leaf_row, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, leaves * outputs, n->value, error));
    return ALMI_FOREST_ARRAY(arena, leaves, n->weight, error);
}

/* A node and what is below it, left before right: the source numbers its leaves in this order. */
static alm_err read_node(document *d, const almi_doc_value *node, nodes *n, int32_t *child)
{
    const almi_doc_value *left = NULL, *right = NULL, *split = NULL;
    int64_t number = 0;
    ALM_TRY(almi_doc_member(&d->file, node, "left", &left));
    if (left == NULL) {
        *child = ~(int32_t)n->leaf_count;
        return read_leaf(d, node, n);
    }
    size_t inner = n->inner_count++;
    *child = (int32_t)inner;
    ALM_TRY(almi_doc_need(&d->file, node, "split", ALMI_DOC_OBJECT, &split));
    ALM_TRY(almi_doc_integer(&d->file, split, "split_index", -1, &number));
    n->split[inner] = number > INT32_MAX || number < 0 ? -1 : (int32_t)number;
    ALM_TRY(almi_doc_member(&d->file, node, "right", &right));
    ALM_TRY(read_node(d, left, n, &n->left[inner]));
    return read_node(d, right, n, &n->right[inner]);
}

static alm_err read_nodes(document *d, const almi_doc_value *tree)
{
    nodes n = {.has_weights = true};
    size_t leaves = 0;
    int32_t root = 0;
    ALM_TRY(count_leaves(d, tree, &leaves));
    ALM_TRY(allocate(d, leaves, &n));
    ALM_TRY(read_node(d, tree, &n, &root));
    almi_cb_nodes made = {.leaf_count = n.leaf_count,
                          .left = n.left,
                          .right = n.right,
                          .split = n.split,
                          .leaf_row = n.leaf_row,
                          .value = n.value,
                          .weight = n.has_weights ? n.weight : NULL};
    return almi_cb_add_nodes(d->import, &made);
}

/* ---- the model ---- */

static alm_err find_trees(document *d, const almi_doc_value *root)
{
    size_t count = 0;
    ALM_TRY(objects(d, root, "oblivious_trees", &count, &d->trees));
    d->symmetric = d->trees != NULL;
    if (!d->symmetric) {
        ALM_TRY(objects(d, root, "trees", &count, &d->trees));
    }
    if (d->trees == NULL) {
        return fail_at(d, root, "neither oblivious_trees nor trees are there");
    }
    return ALM_OK;
}

/* [scale, [bias, ...]]; before 0.25 [scale, bias] or nothing at all. */
static alm_err read_scale(document *d, const almi_doc_value *pair)
{
    almi_doc_array wanted = want(d, "scale_and_bias", 2);
    double *value = NULL, *bias = NULL, scale = 1;
    wanted.where = "model";
    if (pair == NULL) {
        return almi_cb_set_scale(d->import, 1, NULL, 0);
    }
    if (pair->kind == ALMI_DOC_NUMBERS) {
        ALM_TRY(almi_doc_doubles(&d->file, pair, wanted, &value));
        return almi_cb_set_scale(d->import, value[0], value + 1, 1);
    }
    const almi_doc_value *list = pair->count == 2 ? pair->first->next : NULL;
    if (list == NULL || pair->first->kind != ALMI_DOC_NUMBER ||
        !almi_doc_as_double(pair->first->type, pair->first->bytes, &scale)) {
        return fail_at(d, pair, "scale_and_bias must be [scale, [bias]]");
    }
    wanted.count = list->count;
    ALM_TRY(almi_doc_doubles(&d->file, list, wanted, &bias));
    return almi_cb_set_scale(d->import, scale, bias, list->count);
}

/* Scores of a row: as many as the first leaf has values, or without a tree as there are biases. */
static alm_err count_outputs(document *d, const almi_doc_value *pair, int64_t *outputs)
{
    const almi_doc_value *tree = first_of(d->trees);
    const almi_doc_value *bias = pair != NULL && pair->first != NULL ? pair->first->next : NULL;
    *outputs = bias != NULL && bias->count > 0 ? (int64_t)bias->count : 1;
    if (tree == NULL) {
        return ALM_OK;
    }
    return d->symmetric ? symmetric_outputs(d, tree, outputs) : nodes_outputs(d, tree, outputs);
}

static alm_err read_trees(document *d)
{
    size_t number = 0;
    ALM_TRY(almi_cb_start_trees(d->import, d->trees->count));
    for (const almi_doc_value *at = d->trees->first; at != NULL; at = at->next, number++) {
        (void)snprintf(d->where, sizeof d->where, "tree %zu", number);
        ALM_TRY(d->symmetric ? read_symmetric(d, at) : read_nodes(d, at));
        alm_arena_reset(d->import->tree_scratch);
    }
    return ALM_OK;
}

alm_err almi_cb_import_json(almi_cb_import *import, alm_str bytes)
{
    document d = {.import = import,
                  .file = {.bytes = bytes,
                           .name = import->name,
                           .library = "CatBoost",
                           .arena = import->scratch,
                           .error = import->error}};
    const almi_doc_value *root = NULL, *pair = NULL, *info = NULL, *params = NULL;
    int64_t outputs = 1;
    ALM_TRY(almi_doc_read_json(&d.file, &root));
    ALM_TRY(almi_doc_need(&d.file, root, "features_info", ALMI_DOC_OBJECT, &d.info));
    ALM_TRY(find_trees(&d, root));
    ALM_TRY(refuse_others(&d));
    ALM_TRY(read_numbers(&d));
    ALM_TRY(read_categories(&d));
    ALM_TRY(read_category_texts(&d));
    ALM_TRY(almi_doc_member(&d.file, root, "scale_and_bias", &pair));
    ALM_TRY(count_outputs(&d, pair, &outputs));
    ALM_TRY(almi_cb_set_features(import, outputs));
    ALM_TRY(read_scale(&d, pair));
    ALM_TRY(almi_doc_member(&d.file, root, "model_info", &info));
    ALM_TRY(almi_doc_member(&d.file, info, "params", &params));
    almi_cb_read_objective(import, &d.file, params);
    return read_trees(&d);
}
