/* xgboost_linear_test.c: gblinear by hand: rules, contributions of every kind, damage.
 * xgboost_conformance_test.c has what the library says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/import/import_cases.h"

static const char SMALL[] =
    "{\"learner\":{\"feature_names\":[],\"learner_model_param\":{\"base_score\":\"[5E-1,9E0]\","
    "\"num_class\":\"0\",\"num_feature\":\"3\",\"num_target\":\"2\"},"
    "\"objective\":{\"name\":\"reg:squarederror\"},\"gradient_booster\":{\"name\":\"gblinear\","
    "\"model\":{\"boosted_rounds\":4,\"weights\":[2E0,1E-1,-1E0,2E-1,3E0,0E0,4E0,-8E0]}}},"
    "\"version\":[3,2,0]}";

/* SMALL with the first `from` replaced by `to`. */
static alm_err parse_edited(const char *from, const char *to, alm_forest **forest,
                            alm_error *error)
{
    alm_buffer text = {0};
    const char *at = strstr(SMALL, from);
    assert_non_null(at);
    alm_buffer_append(&text, SMALL, (size_t)(at - SMALL));
    alm_buffer_text(&text, to);
    alm_buffer_text(&text, at + strlen(from));
    *forest = NULL;
    alm_err code = alm_forest_parse_xgboost(alm_buffer_view(&text), "m.json", forest, error);
    assert_true((code == ALM_OK) == (*forest != NULL));
    alm_buffer_deinit(&text);
    return code;
}

static alm_forest *small(void)
{
    alm_forest *forest = NULL;
    alm_error error;
    if (parse_edited("learner", "learner", &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

#define ROWS 4
static const double ROW[ROWS][3] = {
    {1, 2, 3}, {NAN, 0.1, 16777217}, {1e-50, -0.0, NAN}, {NAN, NAN, NAN}};

/* Floats in the order of the columns; of two base scores the first counts, as in the library. */
static void small_model_follows_the_rules(void **state)
{
    (void)state;
    alm_forest *forest = small();
    alm_forest_info info = alm_forest_describe(forest);
    const float base[2] = {4.0f + 0.5f, -8.0f + 0.5f};
    const float expected[ROWS][2] = {
        {((base[0] + 1.0f * 2.0f) + 2.0f * -1.0f) + 3.0f * 3.0f,
         ((base[1] + 1.0f * 0.1f) + 2.0f * 0.2f) + 3.0f * 0.0f},
        {(base[0] + 0.1f * -1.0f) + 16777216.0f * 3.0f, base[1] + 0.1f * 0.2f},
        {base[0], base[1]},
        {base[0], base[1]},
    };
    double score[2 * ROWS], oracle[2 * ROWS];
    assert_true(info.is_linear && info.has_cover && !info.has_linear_leaves);
    assert_int_equal(info.tree_count, 0);
    assert_int_equal(info.output_count, 2);
    alm_forest_score(forest, ROW[0], ROWS, 3, score);
    alm_forest_score_reference(forest, ROW[0], ROWS, 3, oracle);
    for (size_t i = 0; i < 2 * ROWS; i++) {
        assert_true(score[i] == (double)expected[i / 2][i % 2] && oracle[i] == score[i]);
    }
    alm_forest_destroy(forest);
}

/* Weight times value and nothing between two columns; against a background, what is more than its
 * mean. 1e-15 of the magnitudes: two additions of doubles. */
static void contributions_of_every_kind_add_up(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = small();
    alm_error error;
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    alm_forest_interaction_scratch *pairs = NULL;
    alm_forest_interventional *against = NULL;
    alm_forest_interventional_scratch *other = NULL;
    double phi[2 * ROWS * 4], matrix[2 * ROWS * 16], moved[2 * ROWS * 4];
    assert_int_equal(alm_forest_explainer_create(forest, &explainer, &error), ALM_OK);
    assert_int_equal(alm_forest_scratch_create(explainer, &scratch, &error), ALM_OK);
    assert_int_equal(alm_forest_interaction_scratch_create(explainer, &pairs, &error), ALM_OK);
    assert_int_equal(alm_forest_interventional_create(forest, ROW[0], 2, 3, &against, &error),
                     ALM_OK);
    assert_int_equal(alm_forest_interventional_scratch_create(against, &other, &error), ALM_OK);
    alm_forest_contributions(explainer, scratch, ROW[0], ROWS, 3, phi);
    alm_forest_interactions(explainer, pairs, ROW[0], ROWS, 3, matrix);
    alm_forest_interventional_contributions(against, other, ROW[0], ROWS, 3, moved);
    for (size_t m = 0; m < 2 * ROWS; m++) {
        for (size_t j = 0; j < 4; j++) {
            for (size_t i = 0; i < 4; i++) {
                assert_true(matrix[m * 16 + j * 4 + i] == (i == j ? phi[m * 4 + j] : 0));
            }
            if (j < 3) {
                double mean = (phi[m % 2 * 4 + j] + phi[(2 + m % 2) * 4 + j]) / 2;
                assert_true(moved[m * 4 + j] == phi[m * 4 + j] - mean);
            }
        }
        double all = phi[m * 4] + phi[m * 4 + 1] + phi[m * 4 + 2] + phi[m * 4 + 3];
        double same = moved[m * 4] + moved[m * 4 + 1] + moved[m * 4 + 2] + moved[m * 4 + 3];
        assert_true(fabs(all - same) <= 1e-15 * 5e7);
    }
    assert_true(phi[0] == 2 && phi[1] == -2 && phi[2] == 9 && phi[3] == 4.5);
    alm_forest_interventional_scratch_destroy(other);
    alm_forest_interventional_destroy(against);
    alm_forest_interaction_scratch_destroy(pairs);
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void damaged_documents_are_named(void **state)
{
    static const struct {
        const char *from, *to, *message;
        alm_err code;
    } table[] = {
        {"\"model\":", "\"muddle\":", "the key 'model' is missing", ALM_ERR_CORRUPT},
        {"\"weights\":", "\"waits\":", "m.json: gblinear has no weights", ALM_ERR_CORRUPT},
        {"[2E0,1E-1", "[2E0", "gblinear has 7 weights, 8 are needed for 3 columns and 2 outputs",
         ALM_ERR_CORRUPT},
        {"[2E0,1E-1", "[2E0,x", "gblinear: weights[1] is not a valid value", ALM_ERR_CORRUPT},
        {"[2E0,1E-1", "[2E0,NaN", "weight 1 of gblinear is not finite", ALM_ERR_CORRUPT},
        {"-8E0]", "Infinity]", "weight 7 of gblinear is not finite", ALM_ERR_CORRUPT},
        {"[5E-1,9E0]", "[5E-1]", "", ALM_OK},
        {"[5E-1,9E0]", "[3.4E38,0]", "", ALM_OK},
        {"-8E0]", "3.4E38]", "", ALM_OK},
        {"[5E-1,9E0]", "[1,2,3]", "base_score has 3 values for 2 outputs", ALM_ERR_CORRUPT},
        {"\"num_feature\":\"3\"", "\"num_feature\":\"2\"", "8 weights, 6 are needed",
         ALM_ERR_CORRUPT},
        {"\"num_feature\":\"3\"", "\"num_feature\":\"16777216\"", "33554434 are needed",
         ALM_ERR_CORRUPT},
        {"\"num_target\":\"2\"", "\"num_target\":\"-2\"", "num_target is negative",
         ALM_ERR_CORRUPT},
        {"[2E0,1E-1,-1E0,2E-1,3E0,0E0,4E0,-8E0]", "7", "weights is a number, not an array",
         ALM_ERR_CORRUPT},
        {"gblinear", "gbquadratic", "the booster 'gbquadratic' is not known; gbtree, dart and gbl",
         ALM_ERR_UNSUPPORTED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        alm_forest *forest = NULL;
        alm_error error = {0};
        alm_err code = parse_edited(table[i].from, table[i].to, &forest, &error);
        bool named = code == ALM_OK || strstr(error.message, table[i].message) != NULL;
        if (code != table[i].code || !named) {
            fail_msg("case %zu: %s: %s, expected %s", i, alm_err_name(code), error.message,
                     table[i].message);
        }
        alm_forest_destroy(forest);
    }
}

/* Cut anywhere it is refused with the place; attributes behind the weights are not needed. */
static void cut_binary_files_are_named(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str whole = case_fixture(arena, "xgb_v13_linear.model");
    const char *booster = memmem(whole.data, whole.size, "gblinear", 8);
    size_t end = (size_t)(booster - whole.data) + 8 + 136 + 8 + 5 * sizeof(float);
    assert_true(end <= whole.size);
    for (size_t size = 0; size <= end; size++) {
        alm_forest *forest = NULL;
        alm_error error = {0};
        void *exact = NULL;
        assert_int_equal(alm_heap_try(size + 1, &exact, NULL), ALM_OK);
        memcpy(exact, whole.data, size);
        alm_err code = alm_forest_parse_xgboost((alm_str){exact, size}, "m", &forest, &error);
        assert_int_equal(code, size == end ? ALM_OK : ALM_ERR_CORRUPT);
        assert_true(code == ALM_OK || strstr(error.message, "m: byte ") != NULL);
        alm_forest_destroy(forest);
        alm_heap_free(exact);
    }
    alm_buffer more = {0};
    alm_forest *forest = NULL;
    alm_error error = {0};
    alm_buffer_append(&more, whole.data, end);
    more.data[end - 5 * sizeof(float) - 1] = 1; /* the highest byte of the count */
    assert_int_equal(alm_forest_parse_xgboost(alm_buffer_view(&more), "m", &forest, &error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "more weights than the file can hold"));
    alm_buffer_deinit(&more);
    alm_arena_destroy(arena);
}

static void thousands_of_damaged_files_do_no_harm(void **state)
{
    static const char *const name[] = {"xgb_v32_linear_softprob.json",
                                       "xgb_v32_linear_softprob.ubj", "xgb_v13_linear.model"};
    (void)state;
    case_damage_files(alm_forest_parse_xgboost, name, sizeof name / sizeof *name, 2026);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    case_fail_every_allocation(alm_forest_parse_xgboost, (alm_str){SMALL, sizeof SMALL - 1});
    case_fail_every_allocation(alm_forest_parse_xgboost,
                               case_fixture(arena, "xgb_v13_linear.model"));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_model_follows_the_rules),
        cmocka_unit_test(contributions_of_every_kind_add_up),
        cmocka_unit_test(damaged_documents_are_named),
        cmocka_unit_test(cut_binary_files_are_named),
        cmocka_unit_test(thousands_of_damaged_files_do_no_harm),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
