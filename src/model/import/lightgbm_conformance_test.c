/* lightgbm_conformance_test.c: forests beside what LightGBM 4.7.0 (a few: 3.3.5 and 2.3.1) itself
 * said, bit by bit: every objective, boosting, missing type, categories and linear trees.
 *
 * The fixtures and their rows are written by tests/golden/forest/generate_lightgbm.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/import/import_cases.h"
#include "model/transform.h"

typedef struct fixture {
    alm_arena *arena;
    alm_forest *forest;
    alm_forest_info info;
    size_t rows, outputs, followed;
    double *row, *raw, *predicted;
    int32_t *leaf;
} fixture;

static fixture open_fixture(const char *name)
{
    fixture f = {.arena = alm_arena_create(0)};
    alm_error error;
    char *model = alm_arena_printf(f.arena, "lgb_%s.txt", name);
    alm_str rest = case_fixture(f.arena, alm_arena_printf(f.arena, "lgb_%s.rows", name));
    alm_str bytes = case_fixture(f.arena, model);
    if (alm_forest_parse_lightgbm(bytes, model, &f.forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    f.info = alm_forest_describe(f.forest);
    uint64_t *head = case_take(f.arena, &rest, 6, 8);
    f.rows = head[0];
    f.outputs = head[2];
    f.followed = head[4];
    assert_int_equal(f.info.feature_count, head[1]);
    assert_int_equal(f.info.output_count, f.outputs);
    assert_int_equal(f.info.tree_count, head[3]);
    f.row = case_take(f.arena, &rest, f.rows * f.info.feature_count, sizeof(double));
    f.raw = case_take(f.arena, &rest, f.rows * f.outputs, sizeof(double));
    f.predicted = case_take(f.arena, &rest, f.rows * f.outputs, sizeof(double));
    f.leaf = case_take(f.arena, &rest, f.followed * f.info.tree_count, sizeof(int32_t));
    assert_int_equal(rest.size, 0);
    return f;
}

static void close_fixture(fixture *f)
{
    alm_forest_destroy(f->forest);
    alm_arena_destroy(f->arena);
}

/* A linear leaf with an infinite value may be NaN, of whatever sign. */
static bool same(double ours, double theirs)
{
    return memcmp(&ours, &theirs, sizeof ours) == 0 || (isnan(ours) && isnan(theirs));
}

static void assert_raw(const void *context, const double *score, size_t first, size_t count,
                       const char *what)
{
    const fixture *f = context;
    for (size_t i = 0; i < count * f->outputs; i++) {
        double expected = f->raw[first * f->outputs + i];
        if (!same(score[i], expected)) {
            fail_msg("%s: row %zu: %.17g instead of %.17g", what, first + i / f->outputs, score[i],
                     expected);
        }
    }
}

/* 1e-15 and a few: the C library's exp differs in its last bit between machines. */
static void check_predictions(const fixture *f, const char *name)
{
    alm_transform transform;
    alm_error error;
    alm_transform_spec spec = {.library = ALM_TRANSFORM_LIGHTGBM,
                               .objective = f->info.objective,
                               .averaged = f->info.averaged,
                               .iteration_count = f->info.iteration_count,
                               .output_count = f->outputs};
    if (alm_transform_parse(&spec, &transform, &error) != ALM_OK) {
        fail_msg("%s: %s", name, error.message);
    }
    double *ours = ALM_NEW_ARRAY(f->arena, double, f->rows * f->outputs);
    assert_true(transform.is_known);
    alm_transform_apply(&transform, f->raw, f->rows, ours);
    for (size_t i = 0; i < f->rows * f->outputs; i++) {
        double theirs = f->predicted[i];
        if (!same(ours[i], theirs) && !(fabs(ours[i] - theirs) <= 4e-15 * fabs(theirs))) {
            fail_msg("%s: prediction %zu: %.17g instead of %.17g", name, i, ours[i], theirs);
        }
    }
}

static void fixtures_have_the_bits_of_lightgbm(void **state)
{
    static const char *const table[] = {
        "binary", "multiclass", "multiclassova", "cross_entropy", "cross_entropy_lambda",
        "poisson", "gamma", "tweedie", "sqrt", "l1", "huber", "fair", "quantile", "mape",
        "lambdarank", "rank_xendcg", "rf_binary", "rf_category", "dart", "goss", "category",
        "category_onehot", "category_missing", "zero_missing", "no_missing", "linear",
        "linear_binary", "linear_multiclass", "linear_category", "linear_poisson",
        "linear_quantile", "linear_rf", "linear_dart", "v33_binary", "v33_multiclass",
        "v33_rf_category", "v33_category", "v33_dart", "v33_linear", "v33_linear_category",
        "v23_binary", "v23_multiclass", "v23_rf_category", "v23_dart", "v23_category",
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture f = open_fixture(table[i]);
        case_scored scored = {f.arena, f.forest, f.row, f.rows, assert_raw, &f};
        case_score_every_way(&scored, table[i]);
        case_check_leaves(f.forest, f.row, f.leaf, f.followed, table[i]);
        check_predictions(&f, table[i]);
        assert_true(f.info.has_linear_leaves == (strstr(table[i], "linear") != NULL));
        close_fixture(&f);
    }
}

/* LightGBM refuses them as well, for the same reason. */
static void linear_trees_are_not_explained(void **state)
{
    (void)state;
    fixture f = open_fixture("linear");
    alm_forest_explainer *explainer = NULL;
    alm_forest_strict *strict = NULL;
    alm_forest_interventional *against = NULL;
    alm_error error[3];
    assert_int_equal(alm_forest_explainer_create(f.forest, &explainer, &error[0]),
                     ALM_ERR_UNSUPPORTED);
    assert_int_equal(alm_forest_strict_create(f.forest, &strict, &error[1]), ALM_ERR_UNSUPPORTED);
    assert_int_equal(alm_forest_interventional_create(f.forest, f.row, 5, f.info.feature_count,
                                                      &against, &error[2]),
                     ALM_ERR_UNSUPPORTED);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(strstr(error[i].message, "train with linear_tree=false to explain it"));
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_the_bits_of_lightgbm),
        cmocka_unit_test(linear_trees_are_not_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
