/* A model with statistical forecasters from training to what it scores, over the synthetic shop. */
#include "train/train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "pipeline/bundle.h"
#include "project/synthetic_project.h"

#define COMMIT "0123456789012345678901234567890123456789"

static const alm_str STATISTICAL = {"statistical", 11};

static alm_model_spec statistical_model(const fixture *f)
{
    alm_model_spec model = f->project->models[0];
    model.method = ALM_MODEL_STATISTICAL;
    model.has_kinds = true;
    model.candidates = &STATISTICAL;
    model.candidate_count = 1;
    return model;
}

static alm_train_result must_train(fixture *f, const alm_snapshot *snapshot,
                                   const alm_model_spec *model)
{
    alm_train_options options = {.project = f->project, .model = model, .snapshot = snapshot,
                                 .objects = f->objects, .unregistered = true,
                                 .project_commit = ALM_STR(COMMIT)};
    alm_train_result result = {0};
    alm_err code = alm_train(&f->env, &options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    return result;
}

static alm_bundle_parts parts_of(fixture *f, alm_str hash)
{
    alm_digest digest;
    alm_bundle_parts parts;
    assert_true(alm_digest_parse(hash, &digest));
    assert_int_equal(alm_bundle_read(f->objects, &digest, f->arena, &parts, &f->error), ALM_OK);
    return parts;
}

static const alm_json *member(const alm_json *object, const char *key)
{
    const alm_json *value = alm_json_member(object, key);
    if (!value) {
        fail_msg("there is no %s", key);
    }
    return value;
}

static alm_str text_of(const alm_json *object, const char *key)
{
    alm_str text = {0};
    assert_true(alm_json_as_str(member(object, key), &text));
    return text;
}

/* The chosen kind is one of the candidates, which begin with the level. */
static void expect_choice(const alm_json *cell)
{
    const alm_json *candidates = member(cell, "candidates");
    alm_str chosen = text_of(cell, "kind");
    bool listed = false;
    for (size_t k = 0; k < alm_json_count(candidates); k++) {
        listed = listed || alm_str_equal(text_of(alm_json_at(candidates, k), "kind"), chosen);
    }
    assert_true(listed);
    assert_true(alm_str_is(text_of(alm_json_at(candidates, 0), "kind"), "level"));
}

static void expect_report(fixture *f, alm_str report)
{
    alm_json_document *document = NULL;
    assert_int_equal(alm_json_parse(report, "report.json", &document, &f->error), ALM_OK);
    const alm_json *root = alm_json_root(document);
    const alm_json *kinds = member(root, "kinds");
    assert_int_equal(alm_json_count(kinds), 5);
    for (size_t c = 0; c < 5; c++) {
        alm_str name;
        const alm_json *cells = alm_json_member_at(kinds, c, &name);
        assert_int_equal(alm_json_count(cells), alm_str_is(name, "aggregate") ? 1 : 2);
        for (size_t m = 0; m < alm_json_count(cells); m++) {
            expect_choice(alm_json_at(cells, m));
        }
    }
    assert_null(alm_json_member(root, "importance"));
    const alm_json *methods = member(alm_json_at(member(root, "levels"), 0), "methods");
    assert_true(alm_str_is(text_of(alm_json_at(methods, 0), "method"), "final"));
    for (size_t m = 0; m < alm_json_count(methods); m++) {
        assert_false(alm_str_is(text_of(alm_json_at(methods, m), "method"), "gbm"));
    }
    alm_json_document_destroy(document);
}

static void alone_it_has_a_table_and_no_forest(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_model_spec model = statistical_model(f);
    synthetic_threads(f, 1);
    alm_train_result first = must_train(f, &snapshot, &model);
    expect_report(f, first.report);
    alm_bundle_parts parts = parts_of(f, first.bundle_hash);
    assert_int_equal(parts.mean_model[0].size, 0);
    assert_non_null(strstr(parts.plan.data, "\"step\"")); /* asks no feature of the project */
    assert_null(strstr(parts.plan.data, "mean_6"));
    alm_kind_table table;
    assert_int_equal(alm_kind_table_read(parts.kinds, "kinds.json", &table, &f->error), ALM_OK);
    assert_non_null(strstr(parts.inputs.data, "\"method\":\"statistical\""));
    assert_null(strstr(parts.inputs.data, "gbm"));
    for (int threads = 2; threads <= 3; threads++) {
        synthetic_threads(f, threads);
        alm_train_result again = must_train(f, &snapshot, &model);
        assert_true(alm_str_equal(again.bundle_hash, first.bundle_hash));
        assert_true(alm_str_equal(again.report, first.report));
    }
}

/* The candidates are part of what the training run is the hash of, and of what comes out. */
static void named_kinds_are_those_that_are_chosen(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_model_spec usual = statistical_model(f);
    alm_model_spec named = usual;
    static const alm_str TSB = {"tsb", 3}, LEVEL = {"level", 5}, SES = {"ses", 3};
    named.kinds = (alm_kinds_spec){.smooth = {&SES, 1}, .erratic = {&SES, 1},
                                   .intermittent = {&TSB, 1}, .lumpy = {&TSB, 1},
                                   .aggregate = {&LEVEL, 1}};
    alm_train_result a = must_train(f, &snapshot, &usual);
    alm_train_result b = must_train(f, &snapshot, &named);
    assert_false(alm_str_equal(a.training_run_id, b.training_run_id));
    alm_bundle_parts parts = parts_of(f, b.bundle_hash);
    assert_string_equal(parts.kinds.data,
                        "{\"aggregate\":\"level\",\"erratic\":{\"fast\":\"ses\",\"slow\":\"ses\"},"
                        "\"intermittent\":{\"fast\":\"tsb\",\"slow\":\"tsb\"},"
                        "\"lumpy\":{\"fast\":\"tsb\",\"slow\":\"tsb\"},"
                        "\"smooth\":{\"fast\":\"ses\",\"slow\":\"ses\"}}");
}

/* `level` alone in every class is the statistical part that models have without kinds, so what is
 * chosen, calibrated and scored beside it is the same. */
static void level_alone_is_what_there_was(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_model_spec without = f->project->models[0];
    alm_model_spec with = without;
    static const alm_str LEVEL = {"level", 5};
    const alm_kind_names level = {&LEVEL, 1};
    with.has_kinds = true;
    with.kinds = (alm_kinds_spec){level, level, level, level, level};
    alm_train_result a = must_train(f, &snapshot, &without);
    alm_train_result b = must_train(f, &snapshot, &with);
    alm_bundle_parts x = parts_of(f, a.bundle_hash);
    alm_bundle_parts y = parts_of(f, b.bundle_hash);
    assert_true(alm_str_equal(x.method, y.method));
    assert_true(alm_str_equal(x.mean_model[0], y.mean_model[0]));
    assert_int_equal(x.kinds.size, 0);
    assert_true(y.kinds.size > 0);
    const char *levels = strstr(a.report.data, "\"levels\"");
    assert_non_null(levels);
    const char *end = strstr(levels, "\"importance\"");
    char *scores = alm_arena_copy_text(f->arena, levels, (size_t)(end - levels));
    assert_non_null(strstr(b.report.data, scores));
}

/* A forest beside kinds: both are in the bundle, and one class or another blends. */
static void beside_a_forest(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_model_spec model = f->project->models[0];
    model.has_kinds = true;
    synthetic_threads(f, 1);
    alm_train_result first = must_train(f, &snapshot, &model);
    alm_bundle_parts parts = parts_of(f, first.bundle_hash);
    assert_true(parts.mean_model[0].size > 0 && parts.kinds.size > 0);
    assert_non_null(strstr(first.report.data, "\"importance\""));
    synthetic_threads(f, 3);
    alm_train_result again = must_train(f, &snapshot, &model);
    assert_true(alm_str_equal(again.bundle_hash, first.bundle_hash));
}

static void too_little_history_says_what_to_lower(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, "2023-03-06"); /* 63 days */
    alm_model_spec model = statistical_model(f);
    alm_train_options options = {.project = f->project, .model = &model, .snapshot = &snapshot,
                                 .objects = f->objects, .backtest_only = true,
                                 .project_commit = ALM_STR(COMMIT)};
    alm_train_result result = {0};
    assert_int_equal(alm_train(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_INCOMPLETE);
    assert_string_equal(f->error.message, "model demand: the snapshot has 63 days; 3 scored "
                        "origins, 7 days apart, with 2 to choose by and a horizon of 14 need 99; "
                        "even one needs 85: take more history, or lower selection_origins");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(alone_it_has_a_table_and_no_forest),
        CASE(named_kinds_are_those_that_are_chosen),
        CASE(level_alone_is_what_there_was),
        CASE(beside_a_forest),
        CASE(too_little_history_says_what_to_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
