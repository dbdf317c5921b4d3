#include "train/train.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/json.h"
#include "pipeline/bundle.h"
#include "project/synthetic_project.h"
#include "store/ledger.h"

#define COMMIT "0123456789012345678901234567890123456789"

static alm_train_options options_of(fixture *f, const alm_snapshot *snapshot,
                                    alm_registry *registry)
{
    return (alm_train_options){.project = f->project,
                               .model = &f->project->models[0],
                               .snapshot = snapshot,
                               .objects = f->objects,
                               .registry = registry,
                               .project_commit = ALM_STR(COMMIT),
                               .who = ALM_STR("ann"),
                               .why = ALM_STR("test")};
}

static alm_train_result must_train(fixture *f, const alm_train_options *options)
{
    alm_train_result result = {0};
    alm_err code = alm_train(&f->env, options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    return result;
}

static size_t scratch_left(fixture *f)
{
    const char *path = alm_path_join(f->arena, f->project->state, "scratch");
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    if (alm_fs_exists(f->fs, path)) {
        assert_int_equal(f->fs->ops->list(f->fs, path, f->arena, &entries, &count, NULL), ALM_OK);
    }
    return count;
}

static void expect_method(const alm_json *methods, size_t at, const char *name, size_t quantiles)
{
    alm_str text;
    const alm_json *pinball = NULL;
    const alm_json *method = alm_json_at(methods, at);
    assert_int_equal(alm_json_get_str(method, "method", &text, NULL), ALM_OK);
    assert_true(alm_str_is(text, name));
    static const char *const NUMBERS[] = {"wape", "bias", "rmsse", "mase", "rmse", "mae"};
    for (size_t k = 0; k < sizeof NUMBERS / sizeof NUMBERS[0]; k++) {
        double value;
        assert_int_equal(alm_json_get_double(method, NUMBERS[k], &value, NULL), ALM_OK);
        assert_true(strcmp(NUMBERS[k], "bias") == 0 || value >= 0);
    }
    assert_non_null(alm_json_member(method, "mape"));
    assert_int_equal(alm_json_get(method, "pinball", ALM_JSON_OBJECT, &pinball, NULL), ALM_OK);
    assert_int_equal(alm_json_count(pinball), quantiles);
    assert_non_null(alm_json_member(method, "coverage_90"));
}

static const alm_json *list(const alm_json *object, const char *key, size_t count)
{
    const alm_json *value = NULL;
    assert_int_equal(alm_json_get(object, key, ALM_JSON_ARRAY, &value, NULL), ALM_OK);
    assert_int_equal(alm_json_count(value), count);
    return value;
}

static void expect_levels(const alm_json *root)
{
    static const char *const NAMES[] = {"series", "total", "region", "store", "range"};
    static const int64_t NODES[] = {38, 1, 2, 4, 3}; /* without the zero and the unlaunched one */
    const alm_json *levels = list(root, "levels", 5);
    for (size_t l = 0; l < 5; l++) {
        alm_str name;
        int64_t nodes;
        const alm_json *methods = NULL;
        const alm_json *level = alm_json_at(levels, l);
        assert_int_equal(alm_json_get_str(level, "level", &name, NULL), ALM_OK);
        assert_true(alm_str_is(name, NAMES[l]));
        assert_int_equal(alm_json_get_i64(level, "series", &nodes, NULL), ALM_OK);
        assert_int_equal(nodes, NODES[l]);
        assert_non_null(alm_json_member(level, "unscaled"));
        assert_int_equal(alm_json_get(level, "methods", ALM_JSON_ARRAY, &methods, NULL), ALM_OK);
        size_t own = l ? 2 : 3; /* aggregates have no forest */
        assert_int_equal(alm_json_count(methods), own + 5);
        expect_method(methods, 0, "final", 5);
        expect_method(methods, 1, "statistical", 0);
        expect_method(methods, own, "zero", 5);
        expect_method(methods, own + 1, "seasonal_naive", 5);
        expect_method(methods, own + 2, "ses", 5);
        expect_method(methods, own + 4, "weekday_mean", 5);
    }
}

static void expect_report(fixture *f, alm_str report)
{
    alm_json_document *document = NULL;
    assert_int_equal(alm_json_parse(report, "report.json", &document, &f->error), ALM_OK);
    const alm_json *root = alm_json_root(document);
    expect_levels(root);
    const alm_json *origins = NULL;
    assert_int_equal(alm_json_get(root, "origins", ALM_JSON_OBJECT, &origins, NULL), ALM_OK);
    const alm_json *scored = list(origins, "scored", 3);
    const alm_json *selection = list(origins, "selection", 4);
    static const char *const SCORED[] = {"2023-05-14", "2023-05-21", "2023-05-28"};
    alm_str text;
    for (size_t k = 0; k < 3; k++) {
        assert_true(alm_json_as_str(alm_json_at(scored, k), &text) && alm_str_is(text, SCORED[k]));
    }
    /* The newest origin that selects for any scored one ends its horizon before the newest. */
    assert_true(alm_json_as_str(alm_json_at(selection, 3), &text) &&
                alm_str_is(text, "2023-05-14"));
    const alm_json *weights = NULL;
    assert_int_equal(alm_json_get(root, "weights", ALM_JSON_OBJECT, &weights, NULL), ALM_OK);
    assert_int_equal(alm_json_count(weights), 7);
    const alm_json *importance = list(root, "importance", 12);
    assert_int_equal(alm_json_get_str(alm_json_at(importance, 0), "feature", &text, NULL), ALM_OK);
    assert_true(alm_str_is(text, "mean_6"));
    const alm_json *classes = NULL;
    assert_int_equal(alm_json_get(root, "classes", ALM_JSON_ARRAY, &classes, NULL), ALM_OK);
    assert_true(alm_json_count(classes) >= 2);
    alm_json_document_destroy(document);
}

static void same_hash_for_any_threads_and_again(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    alm_train_options options = options_of(f, &snapshot, registry);
    alm_train_result first = must_train(f, &options);
    assert_int_equal(first.bundle_hash.size, 64);
    assert_true(alm_str_is(first.release, "demand-1"));
    assert_false(first.existed);
    assert_int_equal(scratch_left(f), 0);
    expect_report(f, first.report);
    alm_ledger_head head;
    assert_int_equal(alm_ledger_get_head(registry, &head, &f->error), ALM_OK);
    options.who = ALM_STR("bob"); /* people are not in the bundle */
    options.why = ALM_STR("another reason");
    for (int threads = 1; threads <= 3; threads += 2) {
        synthetic_threads(f, threads);
        alm_train_result again = must_train(f, &options);
        assert_true(alm_str_equal(again.bundle_hash, first.bundle_hash));
        assert_true(alm_str_equal(again.training_run_id, first.training_run_id));
        assert_true(alm_str_equal(again.report, first.report));
        assert_true(alm_str_is(again.release, "demand-1"));
    }
    alm_ledger_head after;
    assert_int_equal(alm_ledger_get_head(registry, &after, &f->error), ALM_OK);
    assert_int_equal(after.seq, head.seq); /* nothing new was registered */
    alm_model_spec reseeded = f->project->models[0];
    reseeded.seed++;
    options.model = &reseeded;
    alm_train_result other = must_train(f, &options);
    assert_false(alm_str_equal(other.bundle_hash, first.bundle_hash));
    assert_false(alm_str_equal(other.training_run_id, first.training_run_id));
    assert_true(alm_str_is(other.release, "demand-2"));
    alm_registry_close(registry);
}

static void an_experimental_release_is_never_promoted(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    alm_train_options options = options_of(f, &snapshot, registry);
    options.experimental = true;
    options.project_commit = (alm_str){0};
    alm_train_result result = must_train(f, &options);
    alm_release release;
    assert_int_equal(alm_registry_get_release(registry, result.release, f->arena, &release,
                                              &f->error), ALM_OK);
    assert_true(release.experimental);
    alm_ledger_note entry = {.action = ALM_LEDGER_COMPARE, .subject = result.release,
                             .who = ALM_STR("ann"), .when = 1, .why = ALM_STR("test")};
    static const struct {
        alm_ledger_action action;
        alm_err expected;
    } STEPS[] = {{ALM_LEDGER_COMPARE, ALM_OK},
                 {ALM_LEDGER_APPROVE, ALM_ERR_DENIED},
                 {ALM_LEDGER_PROMOTE, ALM_ERR_DENIED}};
    for (int k = 0; k < 3; k++) {
        entry.action = STEPS[k].action;
        entry.alias = STEPS[k].action == ALM_LEDGER_PROMOTE ? ALM_STR("production") : (alm_str){0};
        alm_ledger_entry written;
        f->error = (alm_error){0};
        alm_err code = alm_ledger_append(registry, &entry, f->arena, &written, &f->error);
        if (code != STEPS[k].expected) {
            fail_msg("step %d: %s", k, f->error.message);
        }
        assert_true(code == ALM_OK || strstr(f->error.message, "experimental"));
    }
    alm_registry_close(registry);
}

static void too_little_history_says_how_much(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, "2023-04-10"); /* 98 days */
    alm_train_options options = options_of(f, &snapshot, NULL);
    alm_train_result result = {0};
    size_t held = alm_heap_held_bytes();
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_train(&f->env, &options, arena, &result, &f->error), ALM_ERR_INCOMPLETE);
    alm_arena_destroy(arena);
    assert_int_equal(alm_heap_held_bytes(), held);
    /* horizon 14 + 5 earlier origins x 7 + history 42 + 8 */
    assert_string_equal(f->error.message, "model demand: the snapshot has 98 days; 3 scored "
                        "origins, 7 days apart, with 2 to choose by and a horizon of 14 need 99; "
                        "2 would fit, or 3 that are 5 days apart");
    assert_int_equal(scratch_left(f), 0);
    assert_null(result.bundle_hash.data);
    snapshot = synthetic_take(f, "2023-04-11"); /* 99 days are enough */
    options = options_of(f, &snapshot, NULL);
    options.backtest_only = true;
    result = must_train(f, &options);
    assert_true(result.report.size > 1000);
    assert_int_equal(result.bundle_hash.size + result.release.size, 0); /* nothing is stored */
    assert_int_equal(scratch_left(f), 0);
}

static alm_bundle_parts parts_of(fixture *f, alm_str hash)
{
    alm_digest digest;
    alm_bundle_parts parts;
    assert_true(alm_digest_parse(hash, &digest));
    assert_int_equal(alm_bundle_read(f->objects, &digest, f->arena, &parts, &f->error), ALM_OK);
    return parts;
}

/* Names of a bundle's mean models, from its manifest. */
static size_t mean_models(fixture *f, alm_str hash)
{
    alm_bundle_parts parts = parts_of(f, hash);
    size_t count = 0;
    while (count < ALM_BLOCKS_MAX && parts.mean_model[count].size > 0) {
        count++;
    }
    return count;
}

static alm_str train_at(fixture *f, alm_train_options *options, int threads)
{
    synthetic_threads(f, threads);
    return must_train(f, options).bundle_hash;
}

/* A forest per horizon block, with a lag that only the first block may have. */
static void horizon_blocks_have_forests_of_their_own(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    alm_train_options options = options_of(f, &snapshot, registry);
    alm_model_spec model = f->project->models[0];
    static const alm_horizon_block BLOCKS[] = {{1, 7}, {8, 14}};
    model.blocks = BLOCKS;
    model.block_count = 2;
    options.model = &model;
    size_t count = f->project->feature_count;
    alm_feature_spec *features = ALM_NEW_ARRAY(f->arena, alm_feature_spec, count + 1);
    memcpy(features, f->project->features, count * sizeof *features);
    features[count] = (alm_feature_spec){.name = "lag_7", .op = ALM_FEATURE_lag,
                                         .column = "units", .anchor = ALM_ANCHOR_LAG, .offset = 7};
    f->project->features = features;
    f->project->feature_count = count + 1;
    alm_train_result result;
    assert_int_equal(alm_train(&f->env, &options, f->arena, &result, &f->error), ALM_ERR_CONFIG);
    assert_non_null(strstr(f->error.message, "feature 'lag_7' would see the future"));
    features[count].steps_max = 7;
    alm_str hash = train_at(f, &options, 1);
    assert_int_equal(mean_models(f, hash), 2);
    assert_true(alm_str_equal(hash, train_at(f, &options, 3)));
    alm_registry_close(registry);
}

/* A forest per level and block; the mean models are those of a training without them. */
static void quantile_forests_stand_beside_the_mean(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    alm_train_options options = options_of(f, &snapshot, registry);
    alm_model_spec model = f->project->models[0];
    static const alm_horizon_block BLOCKS[] = {{1, 7}, {8, 14}};
    model.blocks = BLOCKS;
    model.block_count = 2;
    options.model = &model;
    model.gbm.trees = 4; /* of six forests per fit and block */
    alm_bundle_parts plain = parts_of(f, train_at(f, &options, 2));
    model.marginals = ALM_MARGINALS_QUANTILE;
    alm_str hash = train_at(f, &options, 1);
    assert_true(alm_str_equal(hash, train_at(f, &options, 3)));
    alm_bundle_parts parts = parts_of(f, hash);
    assert_false(alm_str_equal(parts.training_run_id, plain.training_run_id));
    for (size_t b = 0; b < ALM_BLOCKS_MAX; b++) {
        assert_true(alm_str_equal(parts.mean_model[b], plain.mean_model[b]));
        for (size_t k = 0; k < ALM_METHOD_QUANTILES_MAX; k++) {
            alm_str text = parts.quantile_model[k][b];
            assert_int_equal(text.size > 0, b < 2 && k < 5);
            assert_int_equal(plain.quantile_model[k][b].size, 0);
            for (size_t other = 0; other < k && text.size > 0; other++) {
                assert_false(alm_str_equal(text, parts.quantile_model[other][b]));
            }
        }
    }
    assert_false(alm_str_equal(parts.method, plain.method)); /* calibrated by other shapes */
    assert_false(alm_str_equal(parts.report, plain.report));
    alm_registry_close(registry);
}

static void a_recursive_model_is_one_forest(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    alm_train_options options = options_of(f, &snapshot, registry);
    alm_model_spec model = f->project->models[0];
    model.recursive = true;
    options.model = &model;
    alm_train_result result;
    assert_int_equal(alm_train(&f->env, &options, f->arena, &result, &f->error), ALM_ERR_CONFIG);
    assert_non_null(strstr(f->error.message, "feature 'total_change' would see the future: a "
                           "recursive forecast over 14 steps"));
    const alm_str names[] = {ALM_STR("mean_6"), ALM_STR("zeros_23"), ALM_STR("level"),
                             ALM_STR("since"), ALM_STR("weekday"), ALM_STR("range_lag")};
    model.features = names;
    model.features_count = 6;
    /* A week apart, every origin is followed by the closed day. */
    assert_int_equal(alm_train(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(f->error.message, "origin_stride 7 shows one weekday only"));
    model.gbm.origin_stride = 3;
    alm_str hash = train_at(f, &options, 1);
    assert_int_equal(mean_models(f, hash), 1);
    assert_true(alm_str_equal(hash, train_at(f, &options, 3)));
    alm_registry_close(registry);
}

static void what_this_engine_cannot_do_is_refused(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_train_options options = options_of(f, &snapshot, NULL);
    alm_model_spec model = f->project->models[0];
    options.model = &model;
    alm_train_result result;
    model.gbm.objective = ALM_OBJECTIVE_QUANTILE;
    assert_int_equal(alm_train(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(f->error.message, "use l2, poisson or tweedie, and marginals: quantile "
                           "for quantile forests beside it"));
    model.gbm.objective = ALM_OBJECTIVE_L2;
    model.recursive = true;
    model.marginals = ALM_MARGINALS_QUANTILE;
    assert_int_equal(alm_train(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_UNSUPPORTED);
    assert_string_equal(f->error.message, "model demand: a recursive model feeds back means, so "
                        "there is no quantile of a later step; use marginals: history, or a direct "
                        "model");
    assert_int_equal(scratch_left(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_hash_for_any_threads_and_again, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_experimental_release_is_never_promoted,
                                        synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(horizon_blocks_have_forests_of_their_own,
                                        synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(quantile_forests_stand_beside_the_mean, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_recursive_model_is_one_forest, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(too_little_history_says_how_much, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_this_engine_cannot_do_is_refused, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
