/* catboost_conformance_test.c: forests beside what CatBoost 1.2.10 itself said, bit by bit.
 *
 * The fixtures and their rows (on every border, one float and one double beside it, zeros,
 * denormals, infinities, categories never seen) are written by
 * tests/golden/forest/generate_catboost.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/import/import_cases.h"

typedef struct fixture {
    alm_arena *arena;
    alm_forest *forest;
    alm_forest_info info;
    uint64_t head[6];
    size_t rows, outputs, explained, followed;
    double *row, *raw, *contribution;
    int32_t *leaf;
} fixture;

static fixture open_fixture(const char *name, const char *kind)
{
    fixture f = {.arena = alm_arena_create(0)};
    alm_error error;
    char *model = alm_arena_printf(f.arena, "cb_%s.%s", name, kind);
    alm_str rest = case_fixture(f.arena, alm_arena_printf(f.arena, "cb_%s.rows", name));
    alm_str bytes = case_fixture(f.arena, model);
    if (alm_forest_parse_catboost(bytes, model, &f.forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    f.info = alm_forest_describe(f.forest);
    memcpy(f.head, case_take(f.arena, &rest, 6, 8), sizeof f.head);
    f.rows = f.head[0];
    f.outputs = f.head[2];
    f.explained = f.head[4];
    f.followed = f.head[5];
    assert_int_equal(f.info.source, ALM_FOREST_CATBOOST);
    assert_int_equal(f.info.feature_count, f.head[1]);
    assert_int_equal(f.info.output_count, f.outputs);
    assert_int_equal(f.info.tree_count, f.head[3]);
    f.row = case_take(f.arena, &rest, f.rows * f.info.feature_count, sizeof(double));
    f.raw = case_take(f.arena, &rest, f.rows * f.outputs, sizeof(double));
    size_t width = f.outputs * (f.info.feature_count + 1);
    f.contribution = case_take(f.arena, &rest, f.explained * width, sizeof(double));
    f.leaf = case_take(f.arena, &rest, f.followed * f.info.tree_count, sizeof(int32_t));
    assert_int_equal(rest.size, 0);
    return f;
}

static void close_fixture(fixture *f)
{
    alm_forest_destroy(f->forest);
    alm_arena_destroy(f->arena);
}

static void assert_raw(const void *context, const double *score, size_t first, size_t count,
                       const char *what)
{
    const fixture *f = context;
    for (size_t i = 0; i < count * f->outputs; i++) {
        double expected = f->raw[first * f->outputs + i];
        if (memcmp(&score[i], &expected, sizeof expected) != 0) {
            fail_msg("%s: row %zu: %.17g instead of %.17g", what, first + i / f->outputs,
                     score[i], expected);
        }
    }
}

static void check_raw(const fixture *f, const char *name)
{
    case_scored scored = {f->arena, f->forest, f->row, f->rows, assert_raw, f};
    case_score_every_way(&scored, name);
}

/* Contributions add up to the score, and for symmetric trees are the library's: both are exact but
 * for rounding, 1e-12 of the sum of the magnitudes. */
static void check_contributions(const fixture *f, const char *name)
{
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    alm_error error;
    size_t features = f->info.feature_count, width = features + 1;
    double *phi = ALM_NEW_ARRAY(f->arena, double, f->rows * f->outputs * width);
    if (alm_forest_explainer_create(f->forest, &explainer, &error) != ALM_OK ||
        alm_forest_scratch_create(explainer, &scratch, &error) != ALM_OK) {
        fail_msg("%s: %s", name, error.message);
    }
    alm_forest_contributions(explainer, scratch, f->row, f->rows, features, phi);
    for (size_t i = 0; i < f->rows * f->outputs; i++) {
        const double *ours = phi + i * width;
        double size = 0, sum = 0;
        for (size_t j = 0; j < width; j++) {
            size += fabs(ours[j]);
            sum += ours[j];
        }
        for (size_t j = 0; i < f->explained * f->outputs && j < width; j++) {
            if (!(fabs(ours[j] - f->contribution[i * width + j]) <= 1e-12 * size)) {
                fail_msg("%s: contribution %zu of row %zu: %.17g", name, j, i, ours[j]);
            }
        }
        if (!(fabs(sum - f->raw[i]) <= 1e-12 * size)) {
            fail_msg("%s: row %zu: %.17g do not add up", name, i, sum);
        }
    }
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
}

static const struct {
    const char *name, *kind;
    bool covered; /* contributions are possible */
    bool leaves;  /* JSON has another order of them, but for symmetric trees */
} CASES[] = {
    {"symmetric", "cbm", true, true},          {"symmetric", "json", true, true},
    {"nan_max", "cbm", true, true},            {"nan_max", "json", true, true},
    {"no_nan", "cbm", true, true},             {"forbidden", "cbm", true, true},
    {"stumps", "cbm", true, true},             {"deep", "cbm", true, true},
    {"borders", "cbm", true, true},            {"depthwise", "cbm", true, true},
    {"depthwise", "json", true, false},        {"lossguide", "cbm", true, true},
    {"scaled", "cbm", true, true},             {"scaled", "json", true, true},
    {"negative_scale", "cbm", true, true},     {"logloss", "cbm", true, true},
    {"multiclass", "cbm", true, true},        {"multiclass", "json", true, true},
    {"multiclass_deep", "cbm", true, true},   {"multiclass_lossguide", "cbm", true, true},
    {"multiclass_lossguide", "json", true, false},
    {"multirmse", "cbm", true, true},         {"multirmse", "json", true, true},
    {"multiclass_scaled", "cbm", true, true}, {"poisson", "cbm", true, true},
    {"quantile", "cbm", true, true},           {"tweedie", "json", true, true},
    {"one_hot", "cbm", true, true},            {"one_hot", "json", true, true},
    {"one_hot_lossguide", "cbm", true, true},  {"counts", "cbm", false, true},
    {"counts_combined", "cbm", false, true},   {"counts_classes", "cbm", false, true},
    {"counts_borders", "cbm", false, true},    {"counts_buckets", "cbm", false, true},
    {"counts_means", "cbm", false, true},
};

static void fixtures_have_the_bits_of_catboost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        fixture f = open_fixture(CASES[i].name, CASES[i].kind);
        check_raw(&f, CASES[i].name);
        if (CASES[i].leaves) {
            case_check_leaves(f.forest, f.row, f.leaf, f.followed, CASES[i].name);
        }
        assert_true(f.info.has_cover == CASES[i].covered);
        if (CASES[i].covered) {
            check_contributions(&f, CASES[i].name);
        }
        close_fixture(&f);
    }
}

static void info_tells_the_shape(void **state)
{
    (void)state;
    fixture f = open_fixture("multiclass", "cbm");
    assert_int_equal(f.info.output_count, 4);
    assert_int_equal(f.info.iteration_count, 4);
    assert_int_equal(f.info.leaf_count_max, 4);
    assert_true(alm_str_is(f.info.objective, "MultiClass"));
    assert_true(alm_str_is(f.info.feature_name[0], "a"));
    assert_true(alm_str_is(f.info.feature_name[4], "e"));
    assert_false(f.info.averaged || f.info.has_category_names);
    close_fixture(&f);
    f = open_fixture("tweedie", "json");
    assert_true(alm_str_is(f.info.objective, "Tweedie"));
    close_fixture(&f);
    /* The JSON says that all categories are whole numbers, the binary format does not. */
    f = open_fixture("one_hot", "json");
    assert_false(f.info.has_category_names);
    close_fixture(&f);
    f = open_fixture("one_hot", "cbm");
    assert_true(f.info.has_category_names);
    close_fixture(&f);
}

/* From another project, written by another version (source and licence: golden README). */
static void the_regressor_of_another_project_is_reproduced(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    alm_error error;
    double number[10], score[2];
    alm_str expected = case_fixture(arena, "catboost_regressor_expected.csv");
    (void)alm_str_split(&expected, '\n');
    assert_int_equal(case_numbers(expected, number, 10), 10);
    if (alm_forest_parse_catboost(case_fixture(arena, "catboost_regressor.cbm"), "m", &forest,
                                  &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(alm_forest_describe(forest).feature_count, 4);
    assert_null(alm_forest_describe(forest).feature_name);
    alm_forest_score(forest, number, 2, 5, score);
    assert_true(score[0] == number[4] && score[1] == number[9]);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

/* ---- symmetric trees of any depth, one row and many ---- */

typedef struct symmetric_shape {
    size_t trees, depth, features, outputs;
} symmetric_shape;

#define BORDERS 9 /* of a feature: -4 .. 4 */

static void put_splits(alm_rng *rng, const symmetric_shape *shape, alm_buffer *to)
{
    bool is_less = alm_rng_next_below(rng, 3) == 0;
    size_t depth = is_less ? 1 + alm_rng_next_below(rng, shape->depth) : shape->depth;
    for (size_t d = 0; d < depth; d++) {
        unsigned feature = (unsigned)alm_rng_next_below(rng, shape->features);
        unsigned border = (unsigned)alm_rng_next_below(rng, BORDERS);
        alm_buffer_printf(to,
                          "%s{\"border\":%d,\"float_feature_index\":%u,"
                          "\"split_index\":%u,\"split_type\":\"FloatFeature\"}",
                          d > 0 ? "," : "", (int)border - 4, feature, feature * BORDERS + border);
    }
    alm_buffer_text(to, "],\"leaf_values\":[");
    for (size_t i = 0; i < shape->outputs << depth; i++) {
        int value = (int)alm_rng_next_below(rng, 100000) - 50000;
        alm_buffer_printf(to, "%s%d", i > 0 ? "," : "", value);
    }
}

static void put_model(alm_rng *rng, const symmetric_shape *shape, alm_buffer *to)
{
    alm_buffer_text(to, "{\"features_info\":{\"float_features\":[");
    for (size_t i = 0; i < shape->features; i++) {
        alm_buffer_printf(to, "%s{\"borders\":[-4,-3,-2,-1,0,1,2,3,4],\"feature_index\":%zu,"
                          "\"flat_feature_index\":%zu,\"has_nans\":true,"
                          "\"nan_value_treatment\":\"AsFalse\"}", i > 0 ? "," : "", i, i);
    }
    alm_buffer_text(to, "]},\"oblivious_trees\":[");
    for (size_t i = 0; i < shape->trees; i++) {
        alm_buffer_text(to, i > 0 ? ",{\"splits\":[" : "{\"splits\":[");
        put_splits(rng, shape, to);
        alm_buffer_text(to, "]}");
    }
    alm_buffer_text(to, "],\"scale_and_bias\":[1,[0.1");
    for (size_t i = 1; i < shape->outputs; i++) {
        alm_buffer_text(to, ",-0.7");
    }
    alm_buffer_text(to, "]]}");
}

typedef struct symmetric_scores {
    const double *oracle;
    size_t outputs;
} symmetric_scores;

static void check_same_as_oracle(const void *context, const double *score, size_t first,
                                 size_t count, const char *what)
{
    const symmetric_scores *s = context;
    const double *oracle = s->oracle + first * s->outputs;
    for (size_t i = 0; i < count * s->outputs; i++) {
        if (score[i] != oracle[i]) {
            fail_msg("%s: score %zu behind row %zu is %.17g, the oracle says %.17g", what, i, first,
                     score[i], oracle[i]);
        }
    }
}

static void check_symmetric(symmetric_shape shape, uint64_t seed)
{
    enum { ROWS = 80 };
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(seed, 1);
    alm_forest *forest = NULL;
    alm_error error = {0};
    alm_buffer text = {0};
    char what[80];
    put_model(&rng, &shape, &text);
    if (alm_forest_parse_catboost(alm_buffer_view(&text), "m", &forest, &error) !=
        ALM_OK) {
        fail_msg("%s", error.message);
    }
    double *row = ALM_NEW_ARRAY(arena, double, ROWS * shape.features);
    double *oracle = ALM_NEW_ARRAY(arena, double, ROWS * shape.outputs);
    for (size_t i = 0; i < ROWS * shape.features; i++) {
        double value = (double)alm_rng_next_below(&rng, 19) / 2 - 4.5;
        row[i] = alm_rng_next_below(&rng, 20) == 0 ? NAN : value;
    }
    alm_forest_score_reference(forest, row, ROWS, shape.features, oracle);
    snprintf(what, sizeof what, "%zu trees of depth %zu, %zu features, %zu outputs", shape.trees,
             shape.depth, shape.features, shape.outputs);
    symmetric_scores scores = {oracle, shape.outputs};
    case_scored c = {.arena = arena, .forest = forest, .row = row, .rows = ROWS,
                     .check = check_same_as_oracle, .context = &scores};
    case_score_every_way(&c, what);
    alm_buffer_deinit(&text);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void symmetric_trees_of_any_depth_give_the_oracles_bits(void **state)
{
    (void)state;
    static const size_t trees[] = {15, 16, 65, 130}, features[] = {1, 33, 65, 128, 140};
    uint64_t seed = 1;
    for (size_t depth = 1; depth <= 10; depth += depth == 1 ? 5 : 1) {
        for (size_t t = 0; t < 4; t++) {
            for (size_t f = 0; f < 5; f++) {
                size_t outputs = seed % 4 == 0 ? 3 : 1;
                check_symmetric((symmetric_shape){trees[t], depth, features[f], outputs}, seed++);
            }
        }
    }
}

static void texts_and_embeddings_are_refused_by_name(void **state)
{
    static const char *const name[] = {"cb_text.cbm", "cb_embedding.cbm"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        assert_int_equal(alm_forest_parse_catboost(case_fixture(arena, name[i]), name[i], &forest,
                                                   &error),
                         ALM_ERR_UNSUPPORTED);
        assert_non_null(strstr(error.message, ".cbm: the trees use text or embedding features"));
        assert_null(forest);
        alm_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_the_bits_of_catboost),
        cmocka_unit_test(info_tells_the_shape),
        cmocka_unit_test(symmetric_trees_of_any_depth_give_the_oracles_bits),
        cmocka_unit_test(texts_and_embeddings_are_refused_by_name),
        cmocka_unit_test(the_regressor_of_another_project_is_reproduced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
