/* forest_lightgbm.c: reads LightGBM's text model into the literal form.
 *
 * Grammar (LightGBM src/boosting/gbdt_model_text.cpp, src/io/tree.cpp): header lines `key=value`
 * or `key` until the first `Tree=`; per tree `key=value` lines ended by an empty line; then
 * `end of trees` (v2: the importances). Nothing behind that line matters for scoring. The text is
 * untrusted: an array is allocated only for items that are really there, so memory is proportional
 * to the text. */
#include <math.h>
#include <string.h>

#include "model/forest_internal.h"

#define OUTPUTS_MAX 65536

typedef struct reader {
    alm_str rest;
    size_t line; /* of the text last returned, from 1 */
    const char *name;
    alm_forest *forest;
    alm_error *error;
} reader;

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

static alm_err corrupt(const reader *r, size_t line, const char *what)
{
    return alm_fail(r->error, ALM_ERR_CORRUPT,
                    "%s:%zu: %s; this is not a whole LightGBM text model", r->name, line, what);
}

/* Next line without its end; false at the end of the text. */
static bool next_line(reader *r, alm_str *line)
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

static bool split_key(alm_str line, alm_str *key, alm_str *value)
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

/* Next item of a blank-separated list; false at its end. */
static bool next_item(alm_str *list, alm_str *item)
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

/* Digits at the start of eight bytes, at most seven, and their number; 0: none, or more. Without
 * branches: lengths of numbers are hard to foresee. */
static unsigned few_digits(const char *at, uint32_t *out)
{
    uint64_t eight, sign = UINT64_C(0x8080808080808080);
    memcpy(&eight, at, sizeof eight);
    eight ^= UINT64_C(0x3030303030303030);
    uint64_t others = ((eight + UINT64_C(0x7676767676767676)) | eight) & sign; /* above 9 */
    unsigned count = others != 0 ? (unsigned)__builtin_ctzll(others) / 8 : 0;
    if (count == 0 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
        return 0;
    }
    eight <<= 64 - 8 * count; /* zeros in front */
    eight = (eight * 10 + (eight >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
    eight = (eight * 100 + (eight >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    *out = (uint32_t)(eight * 10000 + (eight >> 32));
    return count;
}

/* Next item when it is a whole number of up to seven digits, written as usual, and not near the
 * end of the list; most are. False, and nothing is taken, when it is anything else. */
static bool next_small(alm_str *list, alm_str *item, int64_t *out)
{
    const char *at = list->data, *end = at + list->size;
    while (at < end && is_blank(*at)) {
        at++;
    }
    const char *begin = at;
    uint32_t value = 0;
    bool negative = at < end && *at == '-';
    at += negative;
    unsigned count = end - at >= 8 ? few_digits(at, &value) : 0;
    bool usual = count > 0 && is_blank(at[count]) && (*at != '0' || (count == 1 && !negative));
    if (usual) {
        at += count;
        *item = (alm_str){begin, (size_t)(at - begin)};
        *list = (alm_str){at, (size_t)(end - at)};
        *out = negative ? -(int64_t)value : value;
    }
    return usual;
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

static alm_err check_list(const reader *r, const tree_text *text, tree_key key, size_t count)
{
    if (text->value[key].data == NULL) {
        return alm_fail(r->error, ALM_ERR_CORRUPT, "%s:%zu: tree %zu has no %s", r->name, r->line,
                        text->index, TREE_KEY[key]);
    }
    alm_str list = text->value[key], item;
    size_t found = 0;
    while (next_item(&list, &item)) {
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
static alm_err bad_item(const reader *r, const tree_text *text, tree_key key, size_t count,
                        alm_str item)
{
    ALM_TRY(check_list(r, text, key, count));
    alm_str head = {item.data, item.size < 40 ? item.size : 40};
    return alm_fail(r->error, ALM_ERR_CORRUPT,
                    "%s:%zu: %s of tree %zu: '" ALM_STR_FMT "' is not a valid number", r->name,
                    text->line[key], TREE_KEY[key], text->index, ALM_STR_ARG(head));
}

static alm_err read_doubles(reader *r, const tree_text *text, tree_key key, size_t count,
                            double **out)
{
    if (!has_room(text, key, count)) {
        return check_list(r, text, key, count);
    }
    double *value = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, count, value, r->error));
    alm_str list = text->value[key], item;
    size_t i = 0;
    for (; i < count; i++) {
        int64_t whole = 0;
        if (next_small(&list, &item, &whole)) {
            value[i] = (double)whole;
        } else if (!next_item(&list, &item)) {
            break;
        } else if (!item_double(item, &value[i])) {
            return bad_item(r, text, key, count, item);
        }
    }
    *out = value;
    return i == count && !next_item(&list, &item) ? ALM_OK : check_list(r, text, key, count);
}

typedef struct integers {
    size_t count;
    int64_t low, high;
    size_t size; /* bytes of one stored item: 1 or 4 */
} integers;

static alm_err read_integers(reader *r, const tree_text *text, tree_key key, integers want,
                             void **out)
{
    if (!has_room(text, key, want.count)) {
        return check_list(r, text, key, want.count);
    }
    void *value = NULL;
    ALM_TRY(almi_forest_array(r->forest->arena, want.count, want.size, &value, r->error));
    alm_str list = text->value[key], item;
    size_t i = 0;
    for (; i < want.count; i++) {
        int64_t number = 0;
        bool small = next_small(&list, &item, &number);
        if (!small && !next_item(&list, &item)) {
            break;
        }
        bool is_number = small || alm_str_to_i64(item, &number);
        if (!is_number || number < want.low || number > want.high) {
            return bad_item(r, text, key, want.count, item);
        }
        if (want.size == 1) {
            ((uint8_t *)value)[i] = (uint8_t)number;
        } else {
            ((uint32_t *)value)[i] = (uint32_t)number; /* int32_t arrays: the same bits */
        }
    }
    *out = value;
    return i == want.count && !next_item(&list, &item) ? ALM_OK
                                                       : check_list(r, text, key, want.count);
}

/* ---- one tree ---- */

/* Collects the keys up to the empty line that ends the block. */
static alm_err collect_keys(reader *r, tree_text *text)
{
    alm_str line, key, value;
    while (next_line(r, &line)) {
        if (line.size == 0) {
            return ALM_OK;
        }
        if (!split_key(line, &key, &value)) {
            return corrupt(r, r->line, "a line without '=' inside a tree");
        }
        for (int i = 0; i < KEY_COUNT; i++) {
            if (!alm_str_is(key, TREE_KEY[i])) {
                continue;
            }
            if (text->value[i].data != NULL) {
                return corrupt(r, r->line, "a key of a tree is there twice");
            }
            text->value[i] = value;
            text->line[i] = r->line;
        }
    }
    return corrupt(r, r->line, "the text ends inside a tree");
}

static alm_err read_size(reader *r, const tree_text *text, tree_key key, size_t *out)
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

static alm_err read_splits(reader *r, const tree_text *text, almi_tree *tree)
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
static alm_err read_cover(reader *r, const tree_text *text, almi_tree *tree)
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
            return corrupt(r, text->line[leaf_bad ? KEY_LEAF_COUNT : KEY_INTERNAL_COUNT],
                           "a row count is impossible");
        }
    }
    tree->leaf_cover = leaf;
    tree->node_cover = node;
    return ALM_OK;
}

static alm_err read_categories(reader *r, const tree_text *text, almi_tree *tree)
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
        return corrupt(r, text->line[KEY_CAT_BOUNDARIES], "cat_boundaries do not ascend from 0");
    }
    integers word = {tree->category_begin[tree->category_count], 0, UINT32_MAX, 4};
    ALM_TRY(read_integers(r, text, KEY_CAT_THRESHOLD, word, &value));
    tree->category_word = value;
    return ALM_OK;
}

/* num_features says how many of the terms belong to each leaf. */
static alm_err read_terms(reader *r, const tree_text *text, const almi_tree *tree,
                          almi_leaf_models *model)
{
    integers count = {tree->leaf_count, 0, INT32_MAX, 4};
    void *value = NULL;
    uint32_t *begin = NULL;
    uint64_t terms = 0;
    double *coefficient = NULL;
    ALM_TRY(read_integers(r, text, KEY_NUM_FEATURES, count, &value));
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, tree->leaf_count + 1, begin, r->error));
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        terms += ((const uint32_t *)value)[leaf];
        if (terms > INT32_MAX) {
            return corrupt(r, text->line[KEY_NUM_FEATURES], "num_features has an impossible sum");
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

static alm_err read_leaf_models(reader *r, const tree_text *text, almi_tree *tree)
{
    alm_str linear = alm_str_trim(text->value[KEY_IS_LINEAR]);
    if (linear.size == 0 || alm_str_is(linear, "0")) {
        return ALM_OK;
    }
    if (!alm_str_is(linear, "1")) {
        return corrupt(r, text->line[KEY_IS_LINEAR], "is_linear is neither 0 nor 1");
    }
    almi_leaf_models *model = NULL;
    double *constant = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, 1, model, r->error));
    ALM_TRY(read_doubles(r, text, KEY_LEAF_CONST, tree->leaf_count, &constant));
    model->constant = constant;
    ALM_TRY(read_terms(r, text, tree, model));
    tree->model = model;
    return ALM_OK;
}

static alm_err read_tree(reader *r, size_t index, almi_tree *tree)
{
    tree_text text = {.index = index};
    tree->rule = ALM_FOREST_LIGHTGBM;
    tree->leaf_width = 1;
    tree->output = (uint32_t)(index % r->forest->info.output_count);
    ALM_TRY(collect_keys(r, &text));
    ALM_TRY(read_size(r, &text, KEY_NUM_LEAVES, &tree->leaf_count));
    ALM_TRY(read_size(r, &text, KEY_NUM_CAT, &tree->category_count));
    if (tree->leaf_count == 0) {
        return corrupt(r, text.line[KEY_NUM_LEAVES], "a tree without leaves");
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

/* ---- header and whole text ---- */

typedef struct header {
    int64_t class_count, tree_per_iteration, feature_max;
    alm_str names;
    size_t name_count, tree_size_count;
    bool has_tree_sizes;
} header;

static size_t count_items(alm_str list)
{
    alm_str item;
    size_t count = 0;
    while (next_item(&list, &item)) {
        count++;
    }
    return count;
}

static alm_err read_header_line(reader *r, alm_str line, header *head)
{
    alm_str key, value;
    if (!split_key(line, &key, &value)) {
        if (alm_str_is(alm_str_trim(line), "average_output")) {
            r->forest->info.averaged = true;
        }
        return ALM_OK;
    }
    int64_t *number = alm_str_is(key, "num_class")                ? &head->class_count
                      : alm_str_is(key, "num_tree_per_iteration") ? &head->tree_per_iteration
                      : alm_str_is(key, "max_feature_idx")        ? &head->feature_max
                                                                  : NULL;
    if (number != NULL && !alm_str_to_i64(alm_str_trim(value), number)) {
        return corrupt(r, r->line, "the header has an invalid number");
    }
    if (alm_str_is(key, "version") && !alm_str_is(value, "v2") && !alm_str_is(value, "v3") &&
        !alm_str_is(value, "v4")) {
        return alm_fail(r->error, ALM_ERR_UNSUPPORTED,
                        "%s:%zu: model text version '" ALM_STR_FMT "'; v2, v3 and v4 are read",
                        r->name, r->line, (int)(value.size < 40 ? value.size : 40), value.data);
    }
    if (alm_str_is(key, "objective")) {
        char *copy = alm_arena_copy_text(r->forest->arena, value.data, value.size);
        r->forest->info.objective = (alm_str){copy, value.size};
    }
    if (alm_str_is(key, "feature_names")) {
        head->names = value;
        head->name_count = count_items(value);
    }
    if (alm_str_is(key, "tree_sizes")) {
        head->has_tree_sizes = true;
        head->tree_size_count = count_items(value);
    }
    return ALM_OK;
}

static alm_err use_header(reader *r, const header *head)
{
    int64_t outputs = head->tree_per_iteration >= 0 ? head->tree_per_iteration : head->class_count;
    if (outputs < 1 || outputs > OUTPUTS_MAX) {
        return corrupt(r, r->line, "num_class or num_tree_per_iteration is missing or impossible");
    }
    /* The names bound the number of features by the size of the text. */
    if (head->feature_max < 0 || (uint64_t)head->feature_max + 1 != head->name_count) {
        return corrupt(r, r->line, "max_feature_idx does not fit the number of feature_names");
    }
    r->forest->info.output_count = (size_t)outputs;
    r->forest->info.feature_count = (size_t)head->feature_max + 1;
    alm_str *name = NULL, list = head->names, item;
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, head->name_count, name, r->error));
    for (size_t i = 0; next_item(&list, &item); i++) {
        name[i] = (alm_str){alm_arena_copy_text(r->forest->arena, item.data, item.size), item.size};
    }
    r->forest->info.feature_name = name;
    return ALM_OK;
}

static bool is_tree_start(alm_str line)
{
    return alm_str_starts_with(line, "Tree=");
}

/* Texts of version v2 go straight on to the importances. */
static bool is_trees_end(alm_str line)
{
    return alm_str_is(line, "end of trees") || alm_str_is(line, "feature importances:");
}

static size_t count_trees(alm_str text)
{
    alm_str line;
    reader scan = {.rest = text};
    size_t count = 0;
    while (next_line(&scan, &line)) {
        count += is_tree_start(line);
    }
    return count;
}

static alm_err read_trees(reader *r, const header *head, size_t count)
{
    alm_forest_info *info = &r->forest->info;
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_tree(r, i, &r->forest->tree[i]));
        alm_str line = {NULL, 0};
        while (line.size == 0) {
            if (!next_line(r, &line)) {
                return corrupt(r, r->line, "the text ends before 'end of trees'");
            }
        }
        bool last = i + 1 == count;
        if (last ? !is_trees_end(line) : !is_tree_start(line)) {
            return corrupt(r, r->line, "expected the next tree or 'end of trees'");
        }
    }
    bool sizes_differ = head->has_tree_sizes && head->tree_size_count != count;
    if (count % info->output_count != 0 || sizes_differ) {
        return corrupt(r, r->line, "the number of trees does not fit the header");
    }
    info->tree_count = count;
    info->iteration_count = count / info->output_count;
    return ALM_OK;
}

static alm_err read_text(reader *r)
{
    header head = {.class_count = -1, .tree_per_iteration = -1, .feature_max = -1};
    size_t count = count_trees(r->rest);
    alm_str line = {NULL, 0};
    bool at_tree = false;
    if (!next_line(r, &line) || !alm_str_is(alm_str_trim(line), "tree")) {
        return corrupt(r, 1, "the first line is not 'tree'");
    }
    while (!at_tree) {
        if (!next_line(r, &line)) {
            return corrupt(r, r->line, "there is no tree");
        }
        at_tree = is_tree_start(line);
        if (!at_tree) {
            ALM_TRY(read_header_line(r, line, &head));
        }
    }
    ALM_TRY(use_header(r, &head));
    ALM_TRY(ALMI_FOREST_ARRAY(r->forest->arena, count, r->forest->tree, r->error));
    ALM_TRY(read_trees(r, &head, count));
    return almi_forest_finish(r->forest, r->name, r->error);
}

alm_err alm_forest_parse_lightgbm(alm_str text, const char *name, alm_forest **out,
                                  alm_error *error)
{
    alm_forest *forest = NULL;
    ALM_TRY(almi_forest_create(&forest, error));
    reader r = {.rest = text, .name = name, .forest = forest, .error = error};
    alm_err code = text.size == 0 ? corrupt(&r, 1, "the text is empty") : read_text(&r);
    if (code != ALM_OK) {
        alm_forest_destroy(forest);
        return code;
    }
    *out = forest;
    return ALM_OK;
}
