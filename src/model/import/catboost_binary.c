/* catboost_binary.c: CatBoost's own format, .cbm.
 *
 * "CBM1", the size of what follows, one FlatBuffers table TModelCore, then the parts that it names:
 * tables of the target's statistics. Numbers of the slots are the places of the fields in
 * libs/model/flatbuffers/{model,features,ctr_data}.fbs. */
#include <string.h>

#include "model/import/catboost_binary.h"

enum { CORE_VERSION = 0, CORE_TREES, CORE_INFO, CORE_PARTS };
enum {
    TREES_OUTPUTS = 0,
    TREES_SPLITS,
    TREES_SIZES,
    TREES_CATEGORIES = 4,
    TREES_NUMBERS,
    TREES_ONE_HOT,
    TREES_CTRS,
    TREES_LEAVES,
    TREES_WEIGHTS,
    TREES_STEPS,
    TREES_LEAF_OF_STEP,
    TREES_TEXTS,
    TREES_ESTIMATED,
    TREES_SCALE,
    TREES_BIAS,
    TREES_BIASES,
    TREES_EMBEDDINGS = 18
};
enum { NUMBER_HAS_NANS = 0, NUMBER_INDEX, NUMBER_COLUMN, NUMBER_BORDERS, NUMBER_NAME, NUMBER_NAN };
enum { CATEGORY_INDEX = 0, CATEGORY_COLUMN, CATEGORY_NAME };
enum { ONE_HOT_INDEX = 0, ONE_HOT_VALUES };
enum { INFO_KEY = 0, INFO_VALUE };

#define HEAD_BYTES 8 /* "CBM1" and a size */

alm_err almi_cb_check(const almi_cb_binary *b)
{
    if (!b->buffer.damaged) {
        return ALM_OK;
    }
    return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                    "%s: byte %zu: what is named there lies outside of the model, or is named too "
                    "often; this is not a whole CatBoost model",
                    b->import->name, b->offset + b->buffer.damaged_at);
}

/* ---- features ---- */

alm_err almi_cb_floats(const almi_cb_binary *b, const almi_fb_vector *from, const float **out)
{
    void *copy = NULL;
    ALM_TRY(almi_fb_copy(from, b->import->scratch, &copy, b->import->error));
    *out = copy;
    return ALM_OK;
}

alm_err almi_cb_integers(const almi_cb_binary *b, const almi_fb_vector *from, const int32_t **out)
{
    void *copy = NULL;
    ALM_TRY(almi_fb_copy(from, b->import->scratch, &copy, b->import->error));
    *out = copy;
    return ALM_OK;
}

static alm_err read_numbers(almi_cb_binary *b)
{
    almi_cb_features *f = &b->import->features;
    almi_fb_vector list = almi_fb_items(&b->trees, TREES_NUMBERS, 4);
    ALM_TRY(ALMI_FOREST_ARRAY(b->import->scratch, list.count, f->number, b->import->error));
    f->number_count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        almi_fb_table table = almi_fb_table_at(&list, i);
        almi_fb_vector border = almi_fb_items(&table, NUMBER_BORDERS, sizeof(float));
        almi_cb_float *number = &f->number[i];
        *number = (almi_cb_float){.index = almi_fb_i32(&table, NUMBER_INDEX, -1),
                                  .column = almi_fb_i32(&table, NUMBER_COLUMN, -1),
                                  .has_nans = almi_fb_u8(&table, NUMBER_HAS_NANS, 0) != 0,
                                  .missing = almi_fb_u8(&table, NUMBER_NAN, ALMI_CB_AS_IS),
                                  .border_count = border.count,
                                  .name = almi_fb_text(&table, NUMBER_NAME)};
        ALM_TRY(almi_cb_floats(b, &border, &number->border));
        ALM_TRY(almi_cb_check(b));
    }
    return almi_cb_check(b);
}

static alm_err read_categories(almi_cb_binary *b)
{
    almi_cb_features *f = &b->import->features;
    alm_error *error = b->import->error;
    almi_fb_vector list = almi_fb_items(&b->trees, TREES_CATEGORIES, 4);
    ALM_TRY(ALMI_FOREST_ARRAY(b->import->scratch, list.count, f->category, error));
    f->category_count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        almi_fb_table table = almi_fb_table_at(&list, i);
        f->category[i] = (almi_cb_category){almi_fb_i32(&table, CATEGORY_INDEX, -1),
                                            almi_fb_i32(&table, CATEGORY_COLUMN, -1),
                                            almi_fb_text(&table, CATEGORY_NAME)};
        ALM_TRY(almi_cb_check(b));
    }
    list = almi_fb_items(&b->trees, TREES_ONE_HOT, 4);
    ALM_TRY(ALMI_FOREST_ARRAY(b->import->scratch, list.count, f->one_hot, error));
    f->one_hot_count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        almi_fb_table table = almi_fb_table_at(&list, i);
        almi_fb_vector value = almi_fb_items(&table, ONE_HOT_VALUES, sizeof(int32_t));
        f->one_hot[i] = (almi_cb_one_hot){.index = almi_fb_i32(&table, ONE_HOT_INDEX, -1),
                                          .value_count = value.count};
        ALM_TRY(almi_cb_integers(b, &value, &f->one_hot[i].value));
        ALM_TRY(almi_cb_check(b));
    }
    return almi_cb_check(b);
}

/* Text and embedding features take columns of the row; they are fine as long as no tree asks. */
static alm_err count_other_columns(almi_cb_binary *b)
{
    static const int slots[] = {TREES_TEXTS, TREES_EMBEDDINGS};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        almi_fb_vector list = almi_fb_items(&b->trees, slots[i], 4);
        for (size_t j = 0; j < list.count; j++) {
            almi_fb_table table = almi_fb_table_at(&list, j);
            int64_t end = (int64_t)almi_fb_i32(&table, CATEGORY_COLUMN, -1) + 1;
            int64_t *columns = &b->import->features.extra_columns;
            *columns = end > *columns ? end : *columns;
        }
    }
    if (almi_fb_items(&b->trees, TREES_ESTIMATED, 4).count > 0) {
        return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED,
                        "%s: the trees use text or embedding features, which are not read; train "
                        "without them, or put their numbers into columns",
                        b->import->name);
    }
    return almi_cb_check(b);
}

/* ---- trees ---- */

typedef struct arrays {
    const int32_t *size, *split;
    const double *leaf, *weight;
    const uint16_t *step;         /* two for each node: how far to the left and right child */
    const uint32_t *leaf_of_step; /* [node] place of its first leaf value */
    size_t tree_count, split_count, leaf_count, weight_count, step_count;
} arrays;

static alm_err read_vector(almi_cb_binary *b, int slot, size_t item_size, const void **out,
                           size_t *count)
{
    almi_fb_vector list = almi_fb_items(&b->trees, slot, item_size);
    void *copy = NULL;
    ALM_TRY(almi_cb_check(b));
    ALM_TRY(almi_fb_copy(&list, b->import->scratch, &copy, b->import->error));
    *out = copy;
    *count = list.count;
    return ALM_OK;
}

static alm_err read_arrays(almi_cb_binary *b, arrays *a)
{
    const void *data[6] = {NULL};
    size_t leaf_of_step_count = 0;
    ALM_TRY(read_vector(b, TREES_SIZES, 4, &data[0], &a->tree_count));
    ALM_TRY(read_vector(b, TREES_SPLITS, 4, &data[1], &a->split_count));
    ALM_TRY(read_vector(b, TREES_LEAVES, 8, &data[2], &a->leaf_count));
    ALM_TRY(read_vector(b, TREES_WEIGHTS, 8, &data[3], &a->weight_count));
    ALM_TRY(read_vector(b, TREES_STEPS, 4, &data[4], &a->step_count));
    ALM_TRY(read_vector(b, TREES_LEAF_OF_STEP, 4, &data[5], &leaf_of_step_count));
    a->size = data[0];
    a->split = data[1];
    a->leaf = data[2];
    a->weight = data[3];
    a->step = data[4];
    a->leaf_of_step = data[5];
    if (a->step_count > 0 &&
        (a->step_count != a->split_count || a->step_count != leaf_of_step_count)) {
        return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                        "%s: the trees have %zu steps, %zu splits and %zu leaf numbers, which must "
                        "be as many; the model file is damaged",
                        b->import->name, a->step_count, a->split_count, leaf_of_step_count);
    }
    return ALM_OK;
}

static alm_err read_symmetric(almi_cb_binary *b, const arrays *a)
{
    size_t outputs = b->import->forest->info.output_count, split = 0, leaf = 0;
    for (size_t t = 0; t < a->tree_count; t++) {
        int32_t depth = a->size[t];
        if (depth < 0 || (size_t)depth > a->split_count - split) {
            return almi_cb_damaged_tree(b->import, "it has more splits than the file");
        }
        if (depth > ALMI_CB_DEPTH_MAX) {
            return alm_fail(b->import->error, ALM_ERR_LIMIT,
                            "%s: tree %zu is %d levels deep; at most %d are read", b->import->name,
                            t, (int)depth, ALMI_CB_DEPTH_MAX);
        }
        size_t leaves = (size_t)1 << depth;
        if (leaves * outputs > a->leaf_count - leaf * outputs) {
            return almi_cb_damaged_tree(b->import, "it has more leaves than the file has values");
        }
        const double *weight = leaf + leaves <= a->weight_count ? a->weight + leaf : NULL;
        ALM_TRY(almi_cb_add_symmetric(b->import, a->split + split, (size_t)depth,
                                      a->leaf + leaf * outputs, weight));
        split += (size_t)depth;
        leaf += leaves;
    }
    return ALM_OK;
}

/* One tree of step nodes on its way to the numbers of almi_cb_nodes. */
typedef struct walk {
    almi_cb_binary *b;
    const arrays *a;
    size_t begin, end; /* its nodes in the arrays */
    uint8_t *met;      /* [node - begin] */
    size_t *order;     /* inner nodes by number */
    size_t inner_count, leaf_count;
    size_t leaf_rows;   /* of the whole model */
    size_t leaves_left; /* more leaves than rows would not have values of their own */
    int32_t *left, *right, *split, *leaf_row;
} walk;

static alm_err damaged_node(const walk *w, size_t node, const char *what)
{
    return alm_fail(w->b->import->error, ALM_ERR_CORRUPT,
                    "%s: tree %zu: node %zu %s; the model file is damaged", w->b->import->name,
                    w->b->import->tree, node - w->begin, what);
}

/* The leaf at `node`: no step leads on. */
static alm_err add_leaf(walk *w, size_t node, int32_t *child)
{
    size_t outputs = w->b->import->forest->info.output_count;
    size_t first = w->a->leaf_of_step[node];
    if (w->leaves_left == 0 || first % outputs != 0 || first / outputs >= w->leaf_rows) {
        return damaged_node(w, node, "is a leaf with values that are not there");
    }
    w->leaves_left--;
    w->leaf_row[w->leaf_count] = (int32_t)(first / outputs);
    *child = ~(int32_t)w->leaf_count++;
    return ALM_OK;
}

static alm_err meet(walk *w, size_t node, int32_t *child)
{
    if (node >= w->end) {
        return damaged_node(w, node, "is a child, and lies behind the end of the tree");
    }
    if (w->met[node - w->begin]++ > 0) {
        return damaged_node(w, node, "is reached twice, so it is not in a tree");
    }
    if (w->a->step[2 * node] == 0 && w->a->step[2 * node + 1] == 0) {
        return add_leaf(w, node, child);
    }
    w->order[w->inner_count] = node;
    *child = (int32_t)w->inner_count++;
    return ALM_OK;
}

/* A node without a step to one side is itself the leaf on that side. */
static alm_err meet_child(walk *w, size_t node, size_t side, int32_t *child)
{
    uint16_t step = w->a->step[2 * node + side];
    return step == 0 ? add_leaf(w, node, child) : meet(w, node + step, child);
}

static alm_err allocate(walk *w)
{
    alm_arena *arena = w->b->import->tree_scratch;
    alm_error *error = w->b->import->error;
    size_t most = w->end - w->begin;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, most, w->met, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, most, w->order, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, most, w->left, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, most, w->right, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, most, w->split, error));
    return ALMI_FOREST_ARRAY(arena, most + 1, w->leaf_row, error);
}

static alm_err read_tree(walk *w)
{
    const arrays *a = w->a;
    int32_t root = 0;
    ALM_TRY(allocate(w));
    w->inner_count = w->leaf_count = 0;
    ALM_TRY(meet(w, w->begin, &root));
    for (size_t i = 0; i < w->inner_count; i++) {
        w->split[i] = a->split[w->order[i]];
        ALM_TRY(meet_child(w, w->order[i], 0, &w->left[i]));
        ALM_TRY(meet_child(w, w->order[i], 1, &w->right[i]));
    }
    almi_cb_nodes nodes = {.leaf_count = w->leaf_count,
                           .left = w->left,
                           .right = w->right,
                           .split = w->split,
                           .leaf_row = w->leaf_row,
                           .value = a->leaf,
                           .weight = a->weight_count >= w->leaf_rows ? a->weight : NULL};
    ALM_TRY(almi_cb_add_nodes(w->b->import, &nodes));
    alm_arena_reset(w->b->import->tree_scratch);
    return ALM_OK;
}

static alm_err read_steps(almi_cb_binary *b, const arrays *a)
{
    size_t rows = a->leaf_count / b->import->forest->info.output_count;
    walk w = {.b = b, .a = a, .leaf_rows = rows, .leaves_left = rows};
    for (size_t t = 0; t < a->tree_count; t++) {
        int32_t size = a->size[t];
        if (size < 1 || (size_t)size > a->step_count - w.end) {
            return almi_cb_damaged_tree(b->import, "it has no nodes, or more than the file");
        }
        w.begin = w.end;
        w.end += (size_t)size;
        ALM_TRY(read_tree(&w));
    }
    return ALM_OK;
}

static alm_err read_trees(almi_cb_binary *b)
{
    arrays a = {0};
    ALM_TRY(read_arrays(b, &a));
    ALM_TRY(almi_cb_start_trees(b->import, a.tree_count));
    return a.step_count > 0 ? read_steps(b, &a) : read_symmetric(b, &a);
}

/* ---- the model ---- */

static alm_err read_scale(almi_cb_binary *b)
{
    almi_fb_vector list = almi_fb_items(&b->trees, TREES_BIASES, sizeof(double));
    double scale = almi_fb_double(&b->trees, TREES_SCALE, 1);
    double one = almi_fb_double(&b->trees, TREES_BIAS, 0);
    void *bias = NULL;
    ALM_TRY(almi_cb_check(b));
    ALM_TRY(almi_fb_copy(&list, b->import->scratch, &bias, b->import->error));
    return list.count > 0 ? almi_cb_set_scale(b->import, scale, bias, list.count)
                          : almi_cb_set_scale(b->import, scale, &one, 1);
}

/* The training parameters are a JSON text. (base/json.h refuses it: 2^64 - 1 is among them.) */
static void read_params(almi_cb_import *import, alm_str text)
{
    almi_doc_file file = {
        .bytes = text, .name = "params", .library = "CatBoost", .arena = import->scratch};
    const almi_doc_value *params = NULL;
    if (almi_doc_read_json(&file, &params) == ALM_OK) {
        almi_cb_read_objective(import, &file, params);
    }
}

static alm_err read_info(almi_cb_binary *b, const almi_fb_table *core)
{
    almi_fb_vector list = almi_fb_items(core, CORE_INFO, 4);
    for (size_t i = 0; i < list.count; i++) {
        almi_fb_table pair = almi_fb_table_at(&list, i);
        if (alm_str_is(almi_fb_text(&pair, INFO_KEY), "params")) {
            read_params(b->import, almi_fb_text(&pair, INFO_VALUE));
            break;
        }
    }
    return almi_cb_check(b);
}

static alm_err read_core(almi_cb_binary *b, alm_str parts)
{
    almi_fb_table core = almi_fb_root(&b->buffer);
    ALM_TRY(almi_cb_check(b));
    alm_str version = almi_fb_text(&core, CORE_VERSION);
    if (!alm_str_is(version, "FlabuffersModel_v1")) {
        return alm_fail(b->import->error, ALM_ERR_UNSUPPORTED,
                        "%s: the version of the format is not FlabuffersModel_v1; this CatBoost is "
                        "too old or too new, save the model as JSON",
                        b->import->name);
    }
    b->trees = almi_fb_child(&core, CORE_TREES);
    ALM_TRY(read_numbers(b));
    ALM_TRY(read_categories(b));
    ALM_TRY(count_other_columns(b));
    almi_fb_vector ctrs = almi_fb_items(&b->trees, TREES_CTRS, 4);
    almi_fb_vector names = almi_fb_items(&core, CORE_PARTS, 4);
    ALM_TRY(almi_cb_read_ctrs(b, &ctrs, &names, parts));
    ALM_TRY(almi_cb_set_features(b->import, almi_fb_i32(&b->trees, TREES_OUTPUTS, 0)));
    ALM_TRY(read_scale(b));
    ALM_TRY(read_info(b, &core));
    return read_trees(b);
}

alm_err almi_cb_import_binary(almi_cb_import *import, alm_str bytes)
{
    uint32_t size = 0;
    if (bytes.size < HEAD_BYTES || memcmp(bytes.data, "CBM1", 4) != 0) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: neither JSON nor CatBoost's binary format (CBM1)", import->name);
    }
    memcpy(&size, bytes.data + 4, sizeof size);
    if (size > bytes.size - HEAD_BYTES) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: the model needs %u bytes and the file ends after %zu", import->name,
                        (unsigned)size, bytes.size - HEAD_BYTES);
    }
    almi_cb_binary b = {.import = import,
                        .buffer = {.bytes = {bytes.data + HEAD_BYTES, size}},
                        .offset = HEAD_BYTES};
    size_t end = HEAD_BYTES + (size_t)size;
    return read_core(&b, (alm_str){bytes.data + end, bytes.size - end});
}
