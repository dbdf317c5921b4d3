/* xgboost_conformance_test.c: forests beside what XGBoost 3.2.0 (2.1.4 for the old binary format)
 * and older versions themselves said, bit by bit.
 *
 * The fixtures and their rows (on every threshold, one float and one double beside it, zeros,
 * denormals, infinities, odd categories) are written by tests/golden/forest/generate_xgboost.py and
 * generate_xgboost_versions.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/import/import_cases.h"

typedef struct fixture {
    alm_arena *arena;
    alm_forest *forest;
    alm_forest_info info;
    uint64_t head[6];
    size_t rows, outputs, explained, followed;
    double *row;
    float *margin, *contribution;
    int32_t *leaf;
} fixture;

static fixture open_fixture(const char *name, const char *kind)
{
    fixture f = {.arena = alm_arena_create(0)};
    alm_error error;
    char *model = alm_arena_printf(f.arena, "xgb_%s.%s", name, kind);
    alm_str rest = case_fixture(f.arena, alm_arena_printf(f.arena, "xgb_%s.rows", name));
    alm_str bytes = case_fixture(f.arena, model);
    if (alm_forest_parse_xgboost(bytes, model, &f.forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    f.info = alm_forest_describe(f.forest);
    memcpy(f.head, case_take(f.arena, &rest, 6, 8), sizeof f.head);
    f.rows = f.head[0];
    f.outputs = f.head[2];
    f.explained = f.head[4];
    f.followed = f.head[5];
    assert_int_equal(f.info.source, ALM_FOREST_XGBOOST);
    assert_int_equal(f.info.feature_count, f.head[1]);
    assert_int_equal(f.info.output_count, f.outputs);
    assert_int_equal(f.info.tree_count, f.head[3]);
    size_t width = f.outputs * (f.info.feature_count + 1);
    f.row = case_take(f.arena, &rest, f.rows * f.info.feature_count, sizeof(double));
    f.margin = case_take(f.arena, &rest, f.rows * f.outputs, sizeof(float));
    f.contribution = case_take(f.arena, &rest, f.explained * width, sizeof(float));
    f.leaf = case_take(f.arena, &rest, f.followed * f.info.tree_count, sizeof(int32_t));
    assert_int_equal(rest.size, 0);
    return f;
}

static void close_fixture(fixture *f)
{
    alm_forest_destroy(f->forest);
    alm_arena_destroy(f->arena);
}

static void assert_margins(const void *context, const double *score, size_t first,
                           size_t count, const char *what)
{
    const fixture *f = context;
    for (size_t i = 0; i < count * f->outputs; i++) {
        double expected = (double)f->margin[first * f->outputs + i];
        if (memcmp(&score[i], &expected, sizeof expected) != 0) {
            fail_msg("%s: row %zu: %.9g instead of %.9g", what, first + i / f->outputs, score[i],
                     expected);
        }
    }
}

static void check_margins(const fixture *f, const char *name)
{
    case_scored scored = {f->arena, f->forest, f->row, f->rows, assert_margins, f};
    case_score_every_way(&scored, name);
}

/* 3e-6 of the sum of magnitudes: the library's recursion is in float (2^-24 a step). Ours add up to
 * the score to 1e-6: the score itself is a sum of floats. Of leaves with several values the library
 * says nothing. */
static void check_contributions(const fixture *f, const char *name)
{
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    alm_error error;
    size_t features = f->info.feature_count, width = features + 1;
    size_t rows = f->explained > 0 ? f->explained : f->rows;
    double *phi = ALM_NEW_ARRAY(f->arena, double, rows * f->outputs * width);
    if (alm_forest_explainer_create(f->forest, &explainer, &error) != ALM_OK ||
        alm_forest_scratch_create(explainer, &scratch, &error) != ALM_OK) {
        fail_msg("%s: %s", name, error.message);
    }
    alm_forest_contributions(explainer, scratch, f->row, rows, features, phi);
    for (size_t i = 0; i < rows * f->outputs; i++) {
        const double *ours = phi + i * width;
        double size = 0, sum = 0;
        for (size_t j = 0; j < width; j++) {
            size += fabs(ours[j]);
            sum += ours[j];
        }
        for (size_t j = 0; j < width && f->explained > 0; j++) {
            if (!(fabs(ours[j] - (double)f->contribution[i * width + j]) <= 3e-6 * size)) {
                fail_msg("%s: contribution %zu of row %zu: %.9g", name, j, i, ours[j]);
            }
        }
        assert_true(fabs(sum - (double)f->margin[i]) <= 1e-6 * size);
    }
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
}

static void fixtures_have_the_bits_of_xgboost(void **state)
{
    static const char *const table[][2] = {
        {"squared", "json"},        {"squared", "ubj"},          {"squared_base", "ubj"},
        {"absolute", "ubj"},        {"quantiles", "json"},       {"logistic", "json"},
        {"logistic_half", "ubj"},   {"logitraw", "ubj"},         {"hinge", "ubj"},
        {"softprob", "json"},       {"softmax", "ubj"},          {"poisson", "json"},
        {"tweedie", "ubj"},         {"gamma", "ubj"},            {"aft", "ubj"},
        {"dart", "json"},           {"dart", "ubj"},             {"dart_softprob", "ubj"},
        {"category", "json"},       {"category", "ubj"},         {"category_onehot", "ubj"},
        {"parallel", "json"},       {"parallel_softprob", "ubj"}, {"lossguide", "ubj"},
        {"pruned", "json"},         {"targets", "ubj"},          {"wide_leaves", "json"},
        {"wide_leaves", "ubj"},     {"stumps", "ubj"},           {"leaf_only", "json"},
        {"old_spelling", "json"},   {"binary_logistic", "model"},
        {"binary_dart_softprob", "model"},                       {"binary_targets", "model"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture f = open_fixture(table[i][0], table[i][1]);
        check_margins(&f, table[i][0]);
        case_check_leaves(f.forest, f.row, f.leaf, f.followed, table[i][0]);
        assert_true(f.info.has_cover);
        check_contributions(&f, table[i][0]);
        close_fixture(&f);
    }
}

/* gblinear gives the library's own contributions, whichever kind is asked for. */
static void check_linear(const fixture *f, const char *name)
{
    alm_forest_strict *strict = NULL;
    alm_forest_strict_scratch *scratch = NULL;
    alm_error error;
    size_t features = f->info.feature_count, count = f->explained * f->outputs * (features + 1);
    double *phi = ALM_NEW_ARRAY(f->arena, double, count);
    assert_true(f->info.is_linear && f->info.tree_count == 0);
    if (alm_forest_strict_create(f->forest, &strict, &error) != ALM_OK ||
        alm_forest_strict_scratch_create(strict, &scratch, &error) != ALM_OK) {
        fail_msg("%s: %s", name, error.message);
    }
    alm_forest_contributions_strict(strict, scratch, f->row, f->explained, features, phi);
    for (size_t i = 0; i < count; i++) {
        if (phi[i] != (double)f->contribution[i]) {
            fail_msg("%s: contribution %zu: %.9g instead of %.9g", name, i, phi[i],
                     (double)f->contribution[i]);
        }
    }
    alm_forest_strict_scratch_destroy(scratch);
    alm_forest_strict_destroy(strict);
}

static void check_version(const char *version, const char *kind, alm_str names)
{
    while (names.data != NULL) {
        alm_str item = alm_str_split(&names, ' ');
        char name[80];
        snprintf(name, sizeof name, "%s_" ALM_STR_FMT, version, ALM_STR_ARG(item));
        fixture f = open_fixture(name, kind);
        check_margins(&f, name);
        case_check_leaves(f.forest, f.row, f.leaf, f.followed, name);
        assert_true(f.info.has_category_names == alm_str_is(item, "names"));
        bool wide = alm_str_starts_with(item, "wide");
        assert_true(f.info.has_cover == (!wide || strcmp(version, "v32") == 0));
        if (f.info.has_cover) {
            check_contributions(&f, name);
        }
        if (alm_str_starts_with(item, "linear")) {
            check_linear(&f, name);
        }
        close_fixture(&f);
    }
}

static void every_version_has_its_own_bits(void **state)
{
    static const struct {
        const char *version, *kind, *names;
    } table[] = {
        {"v090", "model", "logistic linear linear_logistic linear_softprob"},
        {"v13", "model", "logistic linear linear_logistic linear_softprob"},
        {"v10", "model", "logistic linear linear_logistic linear_softprob"},
        {"v10", "json", "logistic linear linear_logistic linear_softprob"},
        {"v13", "json", "logistic linear linear_logistic linear_softprob"},
        {"v17", "ubj", "logistic dart linear linear_logistic linear_softprob linear_targets "
                       "targets category"},
        {"v20", "ubj", "logistic dart linear linear_logistic linear_softprob linear_targets "
                       "targets category wide wide_parallel"},
        {"v21", "ubj", "logistic dart linear linear_logistic linear_softprob linear_targets "
                       "targets category wide wide_parallel"},
        {"v30", "ubj", "logistic dart linear linear_logistic linear_softprob linear_targets "
                       "targets category wide wide_parallel"},
        {"v31", "ubj", "logistic dart linear linear_logistic linear_softprob linear_targets "
                       "targets category wide wide_parallel"},
        {"v32", "ubj", "logistic softprob dart linear linear_logistic linear_softprob "
                       "linear_poisson linear_targets targets category wide wide_softprob "
                       "wide_parallel quantiles reg_logistic pseudohuber squaredlog cox "
                       "rank_pairwise rank_ndcg rank_map absolute_targets base_vector names"},
        {"v32", "json", "linear linear_softprob wide"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        check_version(table[i].version, table[i].kind, alm_str_of(table[i].names));
    }
}

static void info_tells_the_shape(void **state)
{
    (void)state;
    fixture f = open_fixture("parallel_softprob", "ubj");
    assert_int_equal(f.info.output_count, 4);
    assert_int_equal(f.info.tree_count, 16);
    assert_int_equal(f.info.iteration_count, 2);
    assert_true(alm_str_is(f.info.objective, "multi:softprob"));
    assert_null(f.info.feature_name);
    assert_false(f.info.averaged || f.info.has_category_names);
    close_fixture(&f);
    f = open_fixture("old_spelling", "json");
    assert_int_equal(f.info.iteration_count, 3);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_the_bits_of_xgboost),
        cmocka_unit_test(every_version_has_its_own_bits),
        cmocka_unit_test(info_tells_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
