#include "batch/rebuild.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "batch/batch_fixture.h"
#include "train/train.h"

#define COMMIT "0123456789012345678901234567890123456789"

static void train(fixture *f, alm_registry *registry, const alm_snapshot *snapshot)
{
    alm_train_options options = {.project = f->project,
                                 .model = &f->project->models[0],
                                 .snapshot = snapshot,
                                 .objects = f->objects,
                                 .registry = registry,
                                 .project_commit = ALM_STR(COMMIT),
                                 .who = ALM_STR("ann"),
                                 .why = ALM_STR("test")};
    alm_train_result result;
    alm_err code = alm_train(&f->env, &options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    assert_true(alm_str_is(result.release, "demand-1"));
}

static alm_rebuild_options options_of(fixture *f, alm_registry *registry)
{
    return (alm_rebuild_options){.project = f->project,
                                 .objects = f->objects,
                                 .registry = registry,
                                 .release = ALM_STR("demand-1"),
                                 .project_commit = ALM_STR(COMMIT),
                                 .who = ALM_STR("bob")};
}

/* Identical on another number of threads; a changed definition is refused or told apart. */
static void the_same_bundle_comes_out(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    train(f, registry, &snapshot);
    alm_ledger_head before;
    assert_int_equal(alm_ledger_get_head(registry, &before, &f->error), ALM_OK);
    synthetic_threads(f, 1);
    /* Only the snapshot counts, not what the files hold now. */
    synthetic_write_sales(f, &(synthetic_options){.poison_from = 3});
    alm_rebuild_options options = options_of(f, registry);
    alm_rebuild_result result = {0};
    alm_err code = alm_rebuild(&f->env, &options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    assert_true(result.identical);
    assert_int_equal(result.recorded.size, 64);
    assert_true(alm_str_equal(result.recorded, result.rebuilt));
    assert_true(alm_str_is(result.release, "demand-1"));
    alm_ledger_head after;
    assert_int_equal(alm_ledger_get_head(registry, &after, &f->error), ALM_OK);
    assert_int_equal(after.seq, before.seq); /* a proof, not a new release */

    options.project_commit = ALM_STR("9999999999999999999999999999999999999999");
    assert_int_equal(alm_rebuild(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_CONFLICT);
    assert_string_equal(f->error.message, "the project's commit is not the recorded one: " COMMIT
                        " was used, 9999999999999999999999999999999999999999 is here; bring back "
                        "the recorded one to rebuild");
    options.project_commit = (alm_str){0}; /* a dirty tree */
    assert_int_equal(alm_rebuild(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_CONFLICT);
    options.project_commit = ALM_STR(COMMIT);
    options.release = ALM_STR("demand-7");
    assert_int_equal(alm_rebuild(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_NOT_FOUND);
    alm_project changed = *f->project;
    changed.model_count = 0;
    options.project = &changed;
    options.release = ALM_STR("demand-1");
    assert_int_equal(alm_rebuild(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_CONFLICT);
    assert_string_equal(f->error.message, "almanac.yaml has no model demand any more");
    alm_registry_close(registry);
}

/* Under the recorded commit, but the definition at hand is another (as after an experiment): the
 * bundle that comes out proves nothing. */
static void another_definition_is_refused(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    train(f, registry, &snapshot);
    alm_model_spec model = f->project->models[0];
    model.gbm.trees = 5;
    alm_project changed = *f->project;
    changed.models = &model;
    alm_rebuild_options options = options_of(f, registry);
    options.project = &changed;
    alm_rebuild_result result = {0};
    assert_int_equal(alm_rebuild(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_CONFLICT);
    assert_non_null(strstr(f->error.message, "the definition of the model or of its features is "
                           "not the recorded one"));
    assert_false(result.identical);
    alm_registry_close(registry);
}

/* A statistical model: snapshot, definition and commit give its table of kinds again. */
static void a_statistical_bundle_comes_out(void **state)
{
    fixture *f = *state;
    static const alm_str STATISTICAL = {"statistical", 11};
    synthetic_open(f, NULL);
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_registry *registry = synthetic_registry(f, &snapshot);
    alm_model_spec model = f->project->models[0];
    model.method = ALM_MODEL_STATISTICAL;
    model.has_kinds = true;
    model.candidates = &STATISTICAL;
    model.candidate_count = 1;
    alm_project *project = f->project;
    alm_project statistical = *project;
    statistical.models = &model;
    f->project = &statistical;
    train(f, registry, &snapshot);
    synthetic_threads(f, 3);
    alm_rebuild_options options = options_of(f, registry);
    alm_rebuild_result result = {0};
    alm_err code = alm_rebuild(&f->env, &options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    assert_true(result.identical);
    static const alm_str TSB = {"tsb", 3};
    model.kinds.lumpy = (alm_kind_names){&TSB, 1}; /* other candidates: another definition */
    assert_int_equal(alm_rebuild(&f->env, &options, f->arena, &result, &f->error),
                     ALM_ERR_CONFLICT);
    f->project = project;
    alm_registry_close(registry);
}

static void an_imported_release_cannot_be_rebuilt(void **state)
{
    shop s;
    shop_open(*state, NULL, &s);
    alm_rebuild_options options = options_of(s.f, s.registry);
    alm_rebuild_result result = {0};
    assert_int_equal(alm_rebuild(&s.f->env, &options, s.f->arena, &result, &s.f->error),
                     ALM_ERR_UNSUPPORTED);
    assert_string_equal(s.f->error.message, "release demand-1 was imported, not trained: there is "
                        "nothing to rebuild it from");
    shop_close(&s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_same_bundle_comes_out),
        CASE(another_definition_is_refused),
        CASE(a_statistical_bundle_comes_out),
        CASE(an_imported_release_cannot_be_rebuilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
