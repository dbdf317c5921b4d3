/* Any text as scorer.json over a fixed set of files: one error, or a scorer that predicts, and
 * whose canonical document reads back to the same bytes. */
#include "model/scorer/scorer.h"
#include "model/sequence/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char FOREST[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
    "objective=binary sigmoid:1\nfeature_names=Column_0 Column_1\nfeature_infos=none\n\nTree=0\n"
    "num_leaves=2\nnum_cat=0\nsplit_feature=1\nsplit_gain=1\nthreshold=0.5\ndecision_type=2\n"
    "left_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_weight=1 1\nleaf_count=5 5\n"
    "internal_value=0\ninternal_weight=2\ninternal_count=10\nshrinkage=1\n\nend of trees\n";

static alm_str net(alm_buffer *bytes)
{
    alm_network_spec spec = {.feature_count = 2, .layer_count = 1, .output_count = 2,
                             .head = ALM_HEAD_CLASSES,
                             .layer = {{.kind = ALM_LAYER_GRU, .units = 2}}};
    alm_network *network = NULL;
    alm_assert(alm_network_create(&spec, 1, &network, NULL) == ALM_OK);
    alm_network_write(network, bytes);
    alm_network_destroy(network);
    return alm_buffer_view(bytes);
}

/* One row and one window of zeros. */
static void predict(const alm_scorer *scorer)
{
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    alm_arena *arena = alm_arena_create(0);
    alm_scorer_binding *binding = NULL;
    alm_scorer_scratch *scratch = NULL;
    size_t h = info->horizon_count, width = info->class_count ? info->class_count : 1;
    alm_scorer_columns columns = {info->row_column, info->row_column_count, info->window_column,
                                  info->window_column_count, info->steps};
    alm_scorer_batch batch = {
        .count = 1, .rows = ALM_NEW_ARRAY(arena, double, info->row_column_count),
        .stride = info->row_column_count,
        .windows = ALM_NEW_ARRAY(arena, double, info->steps * info->window_column_count)};
    alm_scorer_output out = {ALM_NEW_ARRAY(arena, double, h),
                             ALM_NEW_ARRAY(arena, double, h * width),
                             ALM_NEW_ARRAY(arena, double, h),
                             ALM_NEW_ARRAY(arena, double, info->member_count * width)};
    alm_error error = {0};
    if (alm_scorer_bind(scorer, &columns, &binding, &error) == ALM_OK &&
        alm_scorer_scratch_create(binding, NULL, &scratch, &error) == ALM_OK) {
        alm_err code = alm_scorer_predict(scratch, &batch, &out, &error);
        alm_assert(code == ALM_OK || code == ALM_ERR_NUMERIC);
    }
    alm_scorer_scratch_destroy(scratch);
    alm_scorer_binding_destroy(binding);
    alm_arena_destroy(arena);
}

static void come_back(const alm_scorer *scorer, alm_scorer_file *document,
                      const alm_scorer_source *source)
{
    alm_buffer first = {0}, second = {0};
    alm_scorer *again = NULL;
    alm_scorer_write(scorer, &first);
    document->bytes = alm_buffer_view(&first);
    alm_assert(alm_scorer_read(source, "s", &again, NULL) == ALM_OK);
    alm_scorer_write(again, &second);
    alm_assert(alm_str_equal(alm_buffer_view(&first), alm_buffer_view(&second)));
    alm_scorer_destroy(again);
    alm_buffer_deinit(&first);
    alm_buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_buffer bytes = {0};
    alm_scorer_file file[] = {
        {ALM_STR("scorer.json"), {(const char *)data, size}},
        {ALM_STR("b"), ALM_STR("bars")},
        {ALM_STR("f"), {FOREST, sizeof FOREST - 1}},
        {ALM_STR("n"), net(&bytes)},
        {ALM_STR("s"), ALM_STR("{\"center\":[0,0],\"scale\":[1,2]}")},
        {ALM_STR("c"), ALM_STR("{\"class_count\":2,\"classes\":[{\"a\":-4,\"b\":2}],"
                               "\"kind\":\"platt\"}")},
        {ALM_STR("i"), ALM_STR("{\"library\":\"scikit-learn\",\"version\":\"1.9.1\",\"class\":"
                               "\"IsotonicRegression\",\"X_thresholds_\":[0.25,0.75],"
                               "\"y_thresholds_\":[0.125,1],\"increasing_\":true,"
                               "\"out_of_bounds\":\"clip\"}")},
        {ALM_STR("k"), ALM_STR("{\"classes\":2,\"coefficient\":[1,2,3,4,5,6,7,8,9,0],"
                               "\"models\":2}")},
    };
    alm_scorer_table table = {file, sizeof file / sizeof *file};
    alm_scorer_source source = alm_scorer_memory(&table);
    alm_scorer *scorer = NULL;
    alm_error error = {0};
    if (alm_scorer_read(&source, "s", &scorer, &error) == ALM_OK) {
        predict(scorer);
        come_back(scorer, &file[0], &source);
    }
    alm_scorer_destroy(scorer);
    alm_buffer_deinit(&bytes);
    return 0;
}
