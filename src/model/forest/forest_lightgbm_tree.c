/* forest_lightgbm_tree.c: one tree of a text, checked number by number. An array is allocated only
 * for items that are really there, so memory is proportional to the text. */
#include <math.h>
#include <string.h>

#include "model/forest/forest_lightgbm.h"
#include "model/forest/forest_lightgbm_list.h"

#define SOME 256 /* numbers that are read before they are checked */

/* Values of the keys of one tree; data == NULL: the key is absent. */
typedef enum tree_key {
    KEY_NUM_LEAVES,
    KEY_NUM_CAT,
    KEY_SPLIT_FEATURE,
    KEY_THRESHOLD,
    KEY_DECISION_TYPE,
    KEY_LEFT_CHILD,
    KEY_RIGHT_CHILD,
    KEY_LEAF_VALUE,
    KEY_LEAF_COUNT,
    KEY_INTERNAL_COUNT,
    KEY_CAT_BOUNDARIES,
    KEY_CAT_THRESHOLD,
    KEY_IS_LINEAR,
    KEY_LEAF_CONST,
    KEY_NUM_FEATURES,
    KEY_LEAF_FEATURES,
    KEY_LEAF_COEFF,
    KEY_COUNT
} tree_key;

static const char *const TREE_KEY[KEY_COUNT] = {
    "num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child",
    "right_child", "leaf_value", "leaf_count", "internal_count", "cat_boundaries",
    "cat_threshold", "is_linear", "leaf_const", "num_features", "leaf_features", "leaf_coeff"};

typedef struct tree_text {
    alm_str value[KEY_COUNT];
    size_t line[KEY_COUNT];
    size_t index;
} tree_text;

alm_err almi_corrupt(const almi_reader *r, size_t line, const char *what)
{
    return alm_fail(r->error, ALM_ERR_CORRUPT,
                    "%s:%zu: %s; this is not a whole LightGBM text model", r->name, line, what);
}

bool almi_next_line(almi_reader *r, alm_str *line)
{
    if (r->rest.data == NULL) {
        return false;
    }
    *line = alm_str_split(&r->rest, '\n');
    if (line->size > 0 && line->data[line->size - 1] == '\r') {
        line->size--;
    }
    r->line++;
    return true;
}

bool almi_split_key(alm_str line, alm_str *key, alm_str *value)
{
    *value = line;
    *key = alm_str_split(value, '=');
    return value->data != NULL;
}

/* ---- arrays of numbers ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool almi_next_item(alm_str *list, alm_str *item)
{
    const char *at = list->data, *end = at + list->size;
    while (at < end && is_blank(*at)) {
        at++;
    }
    const char *begin = at;
    while (at < end && !is_blank(*at)) {
        at++;
    }
    *item = (alm_str){begin, (size_t)(at - begin)};
    if (at > begin) { /* an absent list has no data at all */
        *list = (alm_str){at, (size_t)(end - at)};
    }
    return at > begin;
}

static bool item_double(alm_str item, double *out)
{
    if (alm_str_to_double(item, out)) {
        return true;
    }
    if (alm_str_is(item, "inf") || alm_str_is(item, "-inf")) {
        *out = item.data[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (alm_str_is(item, "nan") || alm_str_is(item, "-nan")) {
        *out = NAN;
        return true;
    }
    return false;
}

static alm_err check_list(const almi_reader *r, const tree_text *text, tree_key key, size_t count)
{
    if (text->value[key].data == NULL) {
        return alm_fail(r->error, ALM_ERR_CORRUPT, "%s:%zu: tree %zu has no %s", r->name, r->line,
                        text->index, TREE_KEY[key]);
    }
    alm_str list = text->value[key], item;
    size_t found = 0;
    while (almi_next_item(&list, &item)) {
        found++;
    }
    if (found != count) {
        return alm_fail(r->error, ALM_ERR_CORRUPT,
                        "%s:%zu: %s of tree %zu has %zu values, %zu are needed", r->name,
                        text->line[key], TREE_KEY[key], text->index, found, count);
    }
    return ALM_OK;
}

/* More values than the text has room for: no memory is taken for them. */
static bool has_room(const tree_text *text, tree_key key, size_t count)
{
    return text->value[key].data != NULL && count <= text->value[key].size;
}

/* A wrong number of values is named before a wrong value. */
static alm_err bad_item(const almi_reader *r, const tree_text *text, tree_key key, size_t count,
                        alm_str item)
{
    ALM_TRY(check_list(r, text, key, count));
    alm_str head = {item.data, item.size < 40 ? item.size : 40};
    return alm_fail(r->error, ALM_ERR_CORRUPT,
                    "%s:%zu: %s of tree %zu: '" ALM_STR_FMT "' is not a valid number", r->name,
                    text->line[key], TREE_KEY[key], text->index, ALM_STR_ARG(head));
}

static alm_err read_doubles(almi_reader *r, const tree_text *text, tree_key key, size_t count,
                            double **out)
{
    if (!has_room(text, key, count)) {
        return check_list(r, text, key, count);
    }
    double *value = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(r->arena, count, value, r->error));
    almi_list list = {text->value[key], r->end};
    alm_str item;
    size_t i = almi_list_doubles(&list, value, count);
    while (i < count && almi_next_item(&list.rest, &item)) {
        if (!item_double(item, &value[i])) {
            return bad_item(r, text, key, count, item);
        }
        i++;
        i += almi_list_doubles(&list, value + i, count - i);
    }
    *out = value;
    return i == count && !almi_next_item(&list.rest, &item) ? ALM_OK
                                                            : check_list(r, text, key, count);
}

typedef struct integers {
    size_t count;
    int64_t low, high;
    size_t size; /* bytes of one stored item: 1 or 4 */
} integers;

/* Stores numbers at once; false, when one of them is not in the range. */
static bool store_some(const int32_t *number, size_t count, const integers *want, void *to,
                       size_t at)
{
    bool fine = true;
    for (size_t i = 0; i < count; i++) {
        fine = fine && number[i] >= want->low && number[i] <= want->high;
    }
    for (size_t i = 0; i < count && want->size == 1; i++) {
        ((uint8_t *)to)[at + i] = (uint8_t)number[i];
    }
    if (want->size != 1) {
        memcpy((int32_t *)to + at, number, count * sizeof *number);
    }
    return fine;
}

/* The numbers from the list's start on that are written as most are; all of which are in the range:
 * *count. */
static void take_integers(almi_list *list, const integers *want, void *to, size_t *count)
{
    int32_t some[SOME];
    size_t taken = 1;
    while (*count < want->count && taken > 0) {
        almi_list before = *list;
        size_t room = want->count - *count;
        taken = almi_list_integers(list, some, room < SOME ? room : SOME);
        if (!store_some(some, taken, want, to, *count)) {
            *list = before; /* the wrong one is found item by item */
            return;
        }
        *count += taken;
    }
}

static alm_err read_integers(almi_reader *r, const tree_text *text, tree_key key, integers want,
                             void **out)
{
    if (!has_room(text, key, want.count)) {
        return check_list(r, text, key, want.count);
    }
    void *value = NULL;
    ALM_TRY(almi_forest_array(r->arena, want.count, want.size, &value, r->error));
    almi_list list = {text->value[key], r->end};
    alm_str item;
    size_t i = 0;
    take_integers(&list, &want, value, &i);
    while (i < want.count && almi_next_item(&list.rest, &item)) {
        int64_t number = 0;
        if (!alm_str_to_i64(item, &number) || number < want.low || number > want.high) {
            return bad_item(r, text, key, want.count, item);
        }
        if (want.size == 1) {
            ((uint8_t *)value)[i] = (uint8_t)number;
        } else {
            ((uint32_t *)value)[i] = (uint32_t)number; /* int32_t arrays: the same bits */
        }
        i++;
    }
    *out = value;
    return i == want.count && !almi_next_item(&list.rest, &item)
               ? ALM_OK
               : check_list(r, text, key, want.count);
}

/* ---- one tree ---- */

/* Collects the keys up to the empty line that ends the block. */
static alm_err collect_keys(almi_reader *r, tree_text *text)
{
    alm_str line, key, value;
    while (almi_next_line(r, &line)) {
        if (line.size == 0) {
            return ALM_OK;
        }
        if (!almi_split_key(line, &key, &value)) {
            return almi_corrupt(r, r->line, "a line without '=' inside a tree");
        }
        if (r->one_tree && alm_str_is(key, "Tree")) {
            return almi_corrupt(r, r->line, "a tree begins inside a tree");
        }
        for (int i = 0; i < KEY_COUNT; i++) {
            if (!alm_str_is(key, TREE_KEY[i])) {
                continue;
            }
            if (text->value[i].data != NULL) {
                return almi_corrupt(r, r->line, "a key of a tree is there twice");
            }
            text->value[i] = value;
            text->line[i] = r->line;
        }
    }
    return almi_corrupt(r, r->line, "the text ends inside a tree");
}

static alm_err read_size(almi_reader *r, const tree_text *text, tree_key key, size_t *out)
{
    int64_t number = 0;
    alm_str value = alm_str_trim(text->value[key]);
    if (value.data == NULL || !alm_str_to_i64(value, &number) || number < 0 ||
        (uint64_t)number > INT32_MAX) {
        return alm_fail(r->error, ALM_ERR_CORRUPT, "%s:%zu: tree %zu needs a valid %s", r->name,
                        r->line, text->index, TREE_KEY[key]);
    }
    *out = (size_t)number;
    return ALM_OK;
}

static alm_err read_splits(almi_reader *r, const tree_text *text, almi_tree *tree)
{
    size_t inner_count = tree->leaf_count - 1;
    integers feature = {inner_count, 0, INT32_MAX, 4};
    integers decision = {inner_count, 0, UINT8_MAX, 1};
    integers child = {inner_count, INT32_MIN, INT32_MAX, 4};
    void *value = NULL;
    ALM_TRY(read_integers(r, text, KEY_SPLIT_FEATURE, feature, &value));
    tree->feature = value;
    ALM_TRY(read_doubles(r, text, KEY_THRESHOLD, inner_count, &tree->threshold));
    ALM_TRY(read_integers(r, text, KEY_DECISION_TYPE, decision, &value));
    tree->decision = value;
    ALM_TRY(read_integers(r, text, KEY_LEFT_CHILD, child, &value));
    tree->left = value;
    ALM_TRY(read_integers(r, text, KEY_RIGHT_CHILD, child, &value));
    tree->right = value;
    return ALM_OK;
}

/* Row counts are needed for contributions only, so a tree without them is still a tree. */
static alm_err read_cover(almi_reader *r, const tree_text *text, almi_tree *tree)
{
    if (text->value[KEY_LEAF_COUNT].data == NULL || text->value[KEY_INTERNAL_COUNT].data == NULL) {
        return ALM_OK;
    }
    size_t inner_count = tree->leaf_count - 1;
    double *leaf = NULL, *node = NULL;
    ALM_TRY(read_doubles(r, text, KEY_LEAF_COUNT, tree->leaf_count, &leaf));
    ALM_TRY(read_doubles(r, text, KEY_INTERNAL_COUNT, inner_count, &node));
    for (size_t i = 0; i < tree->leaf_count; i++) {
        bool leaf_bad = !(leaf[i] >= 0 && leaf[i] <= 0x1p53);
        bool node_bad = i < inner_count && !(node[i] >= 1 && node[i] <= 0x1p53);
        if (leaf_bad || node_bad) {
            return almi_corrupt(r, text->line[leaf_bad ? KEY_LEAF_COUNT : KEY_INTERNAL_COUNT],
                           "a row count is impossible");
        }
    }
    tree->leaf_cover = leaf;
    tree->node_cover = node;
    return ALM_OK;
}

static alm_err read_categories(almi_reader *r, const tree_text *text, almi_tree *tree)
{
    if (tree->category_count == 0) {
        return ALM_OK;
    }
    integers begin = {tree->category_count + 1, 0, INT32_MAX, 4};
    void *value = NULL;
    ALM_TRY(read_integers(r, text, KEY_CAT_BOUNDARIES, begin, &value));
    tree->category_begin = value;
    bool ascending = tree->category_begin[0] == 0;
    for (size_t i = 0; i < tree->category_count; i++) {
        ascending = ascending && tree->category_begin[i] <= tree->category_begin[i + 1];
    }
    if (!ascending) {
        return almi_corrupt(r, text->line[KEY_CAT_BOUNDARIES],
                            "cat_boundaries do not ascend from 0");
    }
    integers word = {tree->category_begin[tree->category_count], 0, UINT32_MAX, 4};
    ALM_TRY(read_integers(r, text, KEY_CAT_THRESHOLD, word, &value));
    tree->category_word = value;
    return ALM_OK;
}

/* num_features says how many of the terms belong to each leaf. */
static alm_err read_terms(almi_reader *r, const tree_text *text, const almi_tree *tree,
                          almi_leaf_models *model)
{
    integers count = {tree->leaf_count, 0, INT32_MAX, 4};
    void *value = NULL;
    uint32_t *begin = NULL;
    uint64_t terms = 0;
    double *coefficient = NULL;
    ALM_TRY(read_integers(r, text, KEY_NUM_FEATURES, count, &value));
    ALM_TRY(ALMI_FOREST_ARRAY(r->arena, tree->leaf_count + 1, begin, r->error));
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        terms += ((const uint32_t *)value)[leaf];
        if (terms > INT32_MAX) {
            return almi_corrupt(r, text->line[KEY_NUM_FEATURES],
                                "num_features has an impossible sum");
        }
        begin[leaf + 1] = (uint32_t)terms;
    }
    model->begin = begin;
    integers feature = {(size_t)terms, 0, (int64_t)r->forest->info.feature_count - 1, 4};
    ALM_TRY(read_integers(r, text, KEY_LEAF_FEATURES, feature, &value));
    model->feature = value;
    ALM_TRY(read_doubles(r, text, KEY_LEAF_COEFF, (size_t)terms, &coefficient));
    model->coefficient = coefficient;
    return ALM_OK;
}

static alm_err read_leaf_models(almi_reader *r, const tree_text *text, almi_tree *tree)
{
    alm_str linear = alm_str_trim(text->value[KEY_IS_LINEAR]);
    if (linear.size == 0 || alm_str_is(linear, "0")) {
        return ALM_OK;
    }
    if (!alm_str_is(linear, "1")) {
        return almi_corrupt(r, text->line[KEY_IS_LINEAR], "is_linear is neither 0 nor 1");
    }
    almi_leaf_models *model = NULL;
    double *constant = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(r->arena, 1, model, r->error));
    ALM_TRY(read_doubles(r, text, KEY_LEAF_CONST, tree->leaf_count, &constant));
    model->constant = constant;
    ALM_TRY(read_terms(r, text, tree, model));
    tree->model = model;
    return ALM_OK;
}

alm_err almi_read_tree(almi_reader *r, size_t index, almi_tree *tree)
{
    tree_text text = {.index = index};
    tree->rule = ALM_FOREST_LIGHTGBM;
    tree->leaf_width = 1;
    tree->output = (uint32_t)(index % r->forest->info.output_count);
    ALM_TRY(collect_keys(r, &text));
    ALM_TRY(read_size(r, &text, KEY_NUM_LEAVES, &tree->leaf_count));
    ALM_TRY(read_size(r, &text, KEY_NUM_CAT, &tree->category_count));
    if (tree->leaf_count == 0) {
        return almi_corrupt(r, text.line[KEY_NUM_LEAVES], "a tree without leaves");
    }
    ALM_TRY(read_doubles(r, &text, KEY_LEAF_VALUE, tree->leaf_count, &tree->leaf_value));
    ALM_TRY(read_leaf_models(r, &text, tree));
    if (tree->leaf_count == 1) {
        return ALM_OK; /* a constant: the split lists are empty */
    }
    ALM_TRY(read_splits(r, &text, tree));
    ALM_TRY(read_cover(r, &text, tree));
    return read_categories(r, &text, tree);
}
