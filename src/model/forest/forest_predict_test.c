/* forest_predict_test.c: the block kernel beside the literal oracle, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_cases.h"
#include "model/forest/forest_kernel.h"

#define ROWS 600

static alm_forest *parse(alm_str text, const char *name)
{
    alm_forest *forest = NULL;
    alm_error error;
    if (alm_forest_parse_lightgbm(text, name, &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

static void assert_same_bits(const double *a, const double *b, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof(double)) != 0) {
            fail_msg("%s: score %zu is %.17g, the oracle says %.17g", what, i, a[i], b[i]);
        }
    }
}

/* ---- every way to score, whatever this CPU and the number of rows would choose ---- */

typedef enum way {
    AS_CHOSEN,
    ROW_BY_ROW,   /* trees as lanes, where the forest allows it */
    WITHOUT_VBMI, /* the same with 16-bit permutations */
    WALKED,       /* eight trees at a time */
    BLOCKS,       /* of 64 rows, also for one row */
    WIDE_BLOCKS,  /* of 256 rows and the rest in blocks of 64 */
    WAYS
} way;

static const char *const way_names[WAYS] = {"as chosen",    "row by row", "without VBMI",
                                            "walked", "blocks", "wide blocks"};

/* False when the forest or the CPU has no such way. The choice is undone by use_vectors. */
static bool force(alm_forest *forest, alm_vector_level level, way how)
{
    if (!alm_forest_use_vectors(forest, level)) {
        return false;
    }
    switch (how) {
    case AS_CHOSEN:
        return true;
    case ROW_BY_ROW:
    case WITHOUT_VBMI:
        forest->has_vbmi = forest->has_vbmi && how == ROW_BY_ROW;
        forest->by_quick = almi_quick_can(forest);
        forest->walk_rows = forest->wide_rows = SIZE_MAX;
        return forest->by_quick &&
               (how == WITHOUT_VBMI || level == ALM_VECTORS_V3 || forest->has_vbmi);
    case WALKED:
        forest->by_quick = false;
        forest->walk_rows = forest->wide_rows = SIZE_MAX;
        return true;
    case BLOCKS:
        forest->walk_rows = 0;
        forest->wide_rows = SIZE_MAX;
        return true;
    default:
        forest->walk_rows = 0;
        return forest->wide_rows == ALMI_WIDE_ROWS;
    }
}

typedef struct scored {
    const double *rows, *oracle;
    double *ours;
    size_t stride, outputs;
} scored;

/* n rows from some place on; a row's bits depend on nothing else, nothing behind is written. */
static void check_rows(const alm_forest *forest, const scored *s, size_t n, const char *what)
{
    size_t at = (n * 7) % (ROWS - n + 1);
    memset(s->ours, 0xAB, (ROWS + 1) * s->outputs * sizeof(double));
    alm_forest_score(forest, s->rows + at * s->stride, n, s->stride, s->ours);
    assert_same_bits(s->ours, s->oracle + at * s->outputs, n * s->outputs, what);
    uint64_t guard = 0;
    memcpy(&guard, &s->ours[n * s->outputs], sizeof guard);
    assert_true(guard == 0xABABABABABABABABu);
}

static void check_ways(alm_forest *forest, const scored *s, const char *what)
{
    static const size_t sizes[] = {1, 2, 5, 8, 9, 63, 64, 65, 130, 255, 256, 257, 300, 513, ROWS};
    for (int level = ALM_VECTORS_NONE; level <= ALM_VECTORS_V4; level++) {
        for (int how = 0; how < WAYS; how++) {
            char name[160];
            snprintf(name, sizeof name, "%s, %s, level %d", what, way_names[how], level);
            bool can = force(forest, (alm_vector_level)level, (way)how);
            for (size_t i = 0; can && i < sizeof sizes / sizeof *sizes; i++) {
                check_rows(forest, s, sizes[i], name);
            }
        }
    }
    assert_true(alm_forest_use_vectors(forest, alm_vector_level_bound()));
}

static void check_forest(alm_arena *arena, alm_forest *forest, uint64_t grid, const char *what)
{
    alm_forest_info info = alm_forest_describe(forest);
    scored s = {.stride = info.feature_count + 3, .outputs = info.output_count};
    double *oracle = ALM_NEW_ARRAY(arena, double, ROWS * s.outputs);
    s.rows = info.source == ALM_FOREST_XGBOOST ? case_float_rows(arena, ROWS, s.stride, grid)
                                               : case_rows(arena, ROWS, s.stride, grid);
    s.ours = ALM_NEW_ARRAY(arena, double, (ROWS + 1) * s.outputs);
    alm_forest_score_reference(forest, s.rows, ROWS, s.stride, oracle);
    s.oracle = oracle;
    for (size_t n = 0; n <= 130; n++) {
        check_rows(forest, &s, n, what);
    }
    check_ways(forest, &s, what);
}

static void check_shape(forest_shape shape, const char *what)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = parse(case_text(arena, &shape, seed), what);
        check_forest(arena, forest, shape.grid, what);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void check_xgboost(forest_shape shape, const char *what)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        shape.dart = seed % 2 == 0;
        alm_str text = case_xgboost_text(arena, &shape, seed);
        if (alm_forest_parse_xgboost(text, what, &forest, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        check_forest(arena, forest, shape.grid, what);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void random_xgboost_forests_score_like_the_oracle(void **state)
{
    (void)state;
    check_xgboost((forest_shape){.trees = 20, .outputs = 1, .features = 5, .leaves = 31, .grid = 4},
                  "small");
    check_xgboost((forest_shape){.trees = 20, .outputs = 3, .features = 9, .leaves = 31, .grid = 8,
                                 .categories = true},
                  "three outputs with categories");
    check_xgboost((forest_shape){.trees = 20, .outputs = 1, .features = 3, .leaves = 64,
                                 .grid = 10, .categories = true},
                  "one output with categories");
    check_xgboost((forest_shape){.trees = 18, .outputs = 1, .features = 2, .leaves = 256,
                                 .grid = 100, .chain = true},
                  "256 leaves, chains, several lanes a feature");
    check_xgboost((forest_shape){.trees = 4, .outputs = 2, .features = 4, .leaves = 257,
                                 .grid = 100, .categories = true},
                  "257 leaves: too many for bytes");
    check_xgboost((forest_shape){.trees = 130, .outputs = 1, .features = 6, .leaves = 32,
                                 .grid = 16},
                  "three batches of trees as lanes");
    check_xgboost((forest_shape){.trees = 6, .outputs = 1, .features = 6, .leaves = 65,
                                 .grid = 16},
                  "65 leaves: too many for permutations");
    check_xgboost((forest_shape){.trees = 10, .outputs = 1, .features = 700, .leaves = 300,
                                 .grid = 1000, .categories = true},
                  "many groups of lanes, walked trees among them");
}

static void random_forests_score_like_the_oracle(void **state)
{
    (void)state;
    check_shape((forest_shape){.trees = 20, .outputs = 1, .features = 5, .leaves = 31, .grid = 4},
                "small");
    check_shape((forest_shape){.trees = 20, .outputs = 3, .features = 9, .leaves = 31, .grid = 8,
                               .categories = true},
                "three outputs with categories");
    check_shape((forest_shape){.trees = 18, .outputs = 1, .features = 2, .leaves = 256,
                               .grid = 100, .chain = true},
                "256 leaves, chains, several lanes a feature");
    check_shape((forest_shape){.trees = 8, .outputs = 1, .features = 4, .leaves = 257,
                               .grid = 100, .categories = true},
                "257 leaves: too many for bytes");
    check_shape((forest_shape){.trees = 30, .outputs = 1, .features = 700, .leaves = 200,
                               .grid = 1000, .categories = true},
                "many groups of lanes");
    check_shape((forest_shape){.trees = 130, .outputs = 1, .features = 20, .leaves = 32,
                               .grid = 16},
                "three batches of trees as lanes, more than 64 lanes");
    check_shape((forest_shape){.trees = 80, .outputs = 1, .features = 40, .leaves = 240,
                               .grid = 400},
                "more than 64 lanes in one window, several of one feature");
    check_shape((forest_shape){.trees = 40, .outputs = 3, .features = 36, .leaves = 64,
                               .grid = 100},
                "more lanes than AVX2 permutes, three outputs");
    check_shape((forest_shape){.trees = 450, .outputs = 1, .features = 40, .leaves = 200,
                               .grid = 400},
                "parts with lanes of their own");
    check_shape((forest_shape){.trees = 40, .outputs = 1, .features = 6, .leaves = 200,
                               .grid = 16, .one_large = true},
                "one large tree: no table of values");
    check_shape((forest_shape){.trees = 30, .outputs = 1, .features = 6, .leaves = 64,
                               .grid = 16, .categories = true},
                "64 leaves");
    check_shape((forest_shape){.trees = 30, .outputs = 1, .features = 6, .leaves = 100,
                               .grid = 16, .categories = true, .backwards = true},
                "children with lower numbers than their parents");
    check_shape((forest_shape){.trees = 4, .outputs = 20, .features = 6, .leaves = 20,
                               .grid = 16},
                "more outputs than a block keeps");
    check_shape((forest_shape){.trees = 3, .outputs = 1, .features = 4, .leaves = 1100,
                               .grid = 100},
                "more leaves than lanes of a step");
    check_shape((forest_shape){.trees = 3, .outputs = 1, .features = 3000, .leaves = 1190,
                               .grid = 100},
                "more lanes than a group: the literal walk");
    check_shape((forest_shape){.trees = 1, .outputs = 1, .features = 1, .leaves = 2, .grid = 1},
                "one stump");
}

/* The leaf number comes from the kernels, what it is worth from the row. */
static void linear_forests_score_like_the_oracle(void **state)
{
    (void)state;
    check_shape((forest_shape){.trees = 20, .outputs = 1, .features = 5, .leaves = 31, .grid = 4,
                               .linear = true},
                "linear");
    check_shape((forest_shape){.trees = 10, .outputs = 3, .features = 9, .leaves = 31, .grid = 8,
                               .categories = true, .linear = true},
                "linear, three outputs with categories");
    check_shape((forest_shape){.trees = 5, .outputs = 1, .features = 4, .leaves = 257,
                               .grid = 100, .linear = true},
                "linear, 257 leaves");
    check_shape((forest_shape){.trees = 3, .outputs = 1, .features = 3000, .leaves = 1190,
                               .grid = 100, .linear = true},
                "linear, the literal walk");
}

typedef struct forms {
    bool between, step, leaf_at, plane, table, quick, wide;
    bool parted;
    size_t lanes, windows, groups;
} forms;

static forms forms_of(forest_shape shape)
{
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = parse(case_text(arena, &shape, 1), "forms");
    const almi_fast_tree *tree = &forest->fast[0];
    forms has = {.between = tree->between != NULL, .step = tree->step != NULL,
                 .leaf_at = tree->leaf_at != NULL, .plane = tree->plane != NULL,
                 .table = forest->leaf_values != NULL, .quick = forest->quick != NULL,
                 .wide = forest->wide_rows != SIZE_MAX, .lanes = forest->group[0].lane_count,
                 .windows = forest->group[0].window_count, .parted = forest->is_parted,
                 .groups = forest->group_count};
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
    return has;
}

/* The tests above go every way only if the forests take the forms that they are meant to take. */
static void trees_have_the_forms_that_fit_them(void **state)
{
    (void)state;
    bool v3 = alm_vector_level_bound() >= ALM_VECTORS_V3;
    forest_shape shape = {.trees = 16, .outputs = 1, .features = 20, .leaves = 32, .grid = 16};
    forms has = forms_of(shape);
    assert_true(has.between && has.step && has.plane && !has.leaf_at);
    assert_true(has.quick == v3 && has.wide == v3);
    shape.leaves = 33;
    has = forms_of(shape);
    assert_true(has.plane && has.quick == v3 && has.wide == v3);
    shape.outputs = 5;
    assert_false(forms_of(shape).wide);
    shape = (forest_shape){.trees = 16, .outputs = 1, .features = 20, .leaves = 32, .grid = 16,
                           .linear = true};
    has = forms_of(shape);
    assert_true(has.between && has.step && !has.quick && !has.wide);
    shape = (forest_shape){.trees = 16, .outputs = 1, .features = 20, .leaves = 65, .grid = 16};
    has = forms_of(shape);
    assert_true(has.between && !has.plane && has.quick == v3 && has.wide == v3);
    shape.trees = 15;
    assert_false(forms_of(shape).quick);
    shape.leaves = 257;
    has = forms_of(shape);
    assert_true(!has.between && has.step && !has.leaf_at && !has.wide && !has.quick);
    shape.leaves = 1100;
    assert_true(forms_of(shape).leaf_at);
    shape.features = 3000;
    assert_false(forms_of(shape).step);
    shape = (forest_shape){.trees = 80, .outputs = 1, .features = 40, .leaves = 240, .grid = 400};
    has = forms_of(shape);
    assert_true(has.lanes > has.windows * 64 && has.between && has.table);
    shape = (forest_shape){.trees = 40, .outputs = 3, .features = 36, .leaves = 64, .grid = 100};
    has = forms_of(shape);
    assert_true(has.lanes > 128 && has.lanes <= 256 && has.quick == v3 && !has.parted);
    shape = (forest_shape){.trees = 450, .outputs = 1, .features = 40, .leaves = 200, .grid = 400};
    has = forms_of(shape);
    assert_true(has.parted && has.groups == 4 && has.lanes <= 256 && has.quick == v3 && has.wide);
    shape = (forest_shape){.trees = 40, .outputs = 1, .features = 6, .leaves = 200, .grid = 16,
                           .one_large = true};
    has = forms_of(shape);
    assert_true(has.between && !has.table && !has.quick);
    shape.trees = 16;
    has = forms_of(shape);
    assert_true(has.table && has.quick == v3);
}

/* Two lanes of a feature: 300 thresholds, rows on each of them and beside it. */
static void each_of_many_thresholds_splits_exactly(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    forest_shape shape = {.trees = 3, .outputs = 1, .features = 1, .leaves = 600, .grid = 100,
                          .chain = true};
    alm_forest *forest = parse(case_text(arena, &shape, 3), "600 leaves");
    double *rows = ALM_NEW_ARRAY(arena, double, 3 * 800);
    double *ours = ALM_NEW_ARRAY(arena, double, 3 * 800);
    double *oracle = ALM_NEW_ARRAY(arena, double, 3 * 800);
    for (size_t i = 0; i < 800; i++) {
        double t = (double)i / 100 - 4;
        rows[3 * i] = nextafter(t, -INFINITY);
        rows[3 * i + 1] = t;
        rows[3 * i + 2] = nextafter(t, INFINITY);
    }
    alm_forest_score(forest, rows, 2400, 1, ours);
    alm_forest_score_reference(forest, rows, 2400, 1, oracle);
    assert_same_bits(ours, oracle, 2400, "thresholds");
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void model_checks_its_input(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    forest_shape shape = {.trees = 5, .outputs = 1, .features = 4, .leaves = 7, .grid = 4,
                          .no_counts = true};
    alm_forest *forest = parse(case_text(arena, &shape, 1), "model");
    alm_model *model = NULL;
    alm_error error;
    double rows[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[10], oracle[2];
    alm_forest_score_reference(forest, rows, 2, 4, oracle);
    assert_int_equal(alm_forest_model_create(forest, &model, &error), ALM_OK);
    alm_model_batch batch = {.kind = ALM_MODEL_ROWS, .count = 2, .values = rows, .stride = 4};
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_OK);
    assert_same_bits(out, oracle, 2, "model");
    batch.stride = 3;
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "model forest needs 4 features a row, the input has 3");
    batch = (alm_model_batch){.kind = ALM_MODEL_SERIES, .count = 1};
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_ERR_INVALID);
    batch = (alm_model_batch){.kind = ALM_MODEL_ROWS, .count = 2, .values = rows, .stride = 4};
    assert_int_equal(alm_model_explain(model, &batch, arena, out, &error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no row counts"));
    alm_model_destroy(model);
    alm_model_destroy(NULL);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_forests_score_like_the_oracle),
        cmocka_unit_test(random_xgboost_forests_score_like_the_oracle),
        cmocka_unit_test(linear_forests_score_like_the_oracle),
        cmocka_unit_test(trees_have_the_forms_that_fit_them),
        cmocka_unit_test(each_of_many_thresholds_splits_exactly),
        cmocka_unit_test(model_checks_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
