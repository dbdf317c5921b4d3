#include "signal/signal_bundle.h"
#include "train/signal/signal_figures.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/signal/signal_desk_fixture.h"

static alm_train_result train(desk *d)
{
    alm_train_result result = {0};
    alm_err code = alm_train(&d->f->env, &d->options, d->f->arena, &result, &d->f->error);
    if (code != ALM_OK) {
        print_error("%s\n", d->f->error.message);
    }
    assert_int_equal(code, ALM_OK);
    return result;
}

static void registers_a_signal_once(void **state)
{
    desk d;
    desk_open(*state, DESK_YAML, &d);
    alm_train_result first = train(&d);
    assert_true(alm_str_is(first.release, "swing-1") && !first.existed);
    alm_train_result again = train(&d);
    assert_true(alm_str_is(again.release, "swing-1") && again.existed);
    assert_true(alm_str_equal(first.bundle_hash, again.bundle_hash));

    alm_training_run run;
    assert_int_equal(alm_registry_training_run_of(d.registry, first.release, d.f->arena, &run,
                                                  &d.f->error), ALM_OK);
    alm_digest inputs = alm_hash_bytes(run.inputs.data, run.inputs.size);
    assert_true(alm_digest_equal(&inputs, &run.id));
    assert_true(alm_str_equal(run.report, first.report));

    alm_digest hash;
    alm_signal_bundle bundle;
    assert_true(alm_digest_parse(first.bundle_hash, &hash));
    assert_int_equal(alm_signal_bundle_read(d.f->objects, &hash, d.f->arena, &bundle, &d.f->error),
                     ALM_OK);
    assert_true(alm_str_equal(bundle.inputs, run.inputs));
    assert_true(alm_str_equal(bundle.report, run.report));
    alm_feature_version_record version;
    alm_digest id;
    assert_true(alm_digest_parse(bundle.feature_version, &id));
    assert_int_equal(alm_registry_get_feature_version(d.registry, &id, d.f->arena, &version,
                                                      &d.f->error), ALM_OK);
    alm_registry_close(d.registry);
}

/* What the writer of report.json says, its reader understands. */
static void its_report_can_be_shown(void **state)
{
    desk d;
    alm_signal_figures figures;
    desk_open(*state, DESK_YAML, &d);
    alm_train_result result = train(&d);
    assert_true(alm_signal_figures_are(result.report));
    alm_err code = alm_signal_figures_read(result.report, d.f->arena, &figures, &d.f->error);
    assert_int_equal(code, ALM_OK);
    assert_true(alm_str_is(figures.name, "swing"));
    assert_int_equal(figures.horizon_count, 1);
    const alm_signal_horizon_figures *h = &figures.horizon[0];
    int64_t test = 0;
    int64_t said = 0;
    int64_t binned = 0;
    for (size_t i = 0; i < h->class_count; i++) {
        test += h->test_count[i];
        for (size_t k = 0; k < h->class_count; k++) {
            said += h->answer.confusion[i][k];
        }
    }
    for (size_t i = 0; i < h->answer.bin_count; i++) {
        binned += h->answer.bin[i].count;
    }
    assert_int_equal(test, h->test.samples);
    assert_int_equal(said, h->test.samples);
    assert_int_equal(binned, h->test.samples);
    assert_true(h->prior.log_loss > 0 && h->verdict.size > 0);
    int64_t sides = 0;
    for (size_t i = 0; i < h->class_count; i++) {
        sides += h->label[i] != 0 ? h->test_count[i] : 0;
    }
    assert_true(h->has_side);
    assert_int_equal(h->side_samples, sides);
    alm_registry_close(d.registry);
}

static void a_backtest_registers_nothing(void **state)
{
    desk d;
    alm_release *releases = NULL;
    size_t count = 0;
    desk_open(*state, DESK_YAML, &d);
    alm_train_result trained = train(&d);
    alm_registry_close(d.registry);
    assert_int_equal(alm_registry_open(":memory:", &d.registry, &d.f->error), ALM_OK);
    d.options.registry = d.registry;
    d.options.backtest_only = true;
    alm_train_result result = train(&d);
    assert_int_equal(result.bundle_hash.size, 0);
    assert_true(alm_str_equal(result.report, trained.report));
    assert_int_equal(alm_registry_list_releases(d.registry, ALM_STR(""), d.f->arena, &releases,
                                                &count, &d.f->error), ALM_OK);
    assert_int_equal(count, 0);
    alm_registry_close(d.registry);
}

/* A run id for every definition that could give another result. */
static void every_input_is_in_the_identity(void **state)
{
    static const char *const changes[][2] = {
        {"folds: 2", "folds: 3"},       {"profit: 1", "profit: 1.1"},
        {"horizons: [3]", "horizons: [2]"}, {"trees: 5", "trees: 6"},
        {"zscore(close, 10)", "zscore(close, 11)"}, {"zscore(close, 10)", "zscore(open, 10)"},
        {"    folds: 2", "    folds: 2\n    label: threshold"},
        {"    folds: 2", "    folds: 2\n    calibration: none"},
        {"    folds: 2", "    folds: 2\n    embargo: 1"},
        {"    folds: 2", "    folds: 2\n    seed: 7"},
        {"    folds: 2", "    folds: 2\n    scale: volatility(close, 15)"},
        {"  source: prices\n", "  source: prices\n  session_open: 09:00\n"},
        {"leaf_rows_min: 5", "leaf_rows_min: 5, features: [return_close_1]"},
    };
    desk d;
    desk_open(*state, DESK_YAML, &d);
    d.options.backtest_only = true;
    alm_str seen[1 + sizeof changes / sizeof changes[0]];
    size_t count = 0;
    seen[count++] = train(&d).training_run_id;
    alm_registry_close(d.registry);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *at = strstr(DESK_YAML, changes[i][0]);
        assert_non_null(at);
        alm_buffer text = {0};
        alm_buffer_append(&text, DESK_YAML, (size_t)(at - DESK_YAML));
        alm_buffer_text(&text, changes[i][1]);
        alm_buffer_text(&text, at + strlen(changes[i][0]));
        desk_open(*state, text.data, &d);
        alm_buffer_deinit(&text);
        d.options.backtest_only = true;
        seen[count] = train(&d).training_run_id;
        for (size_t k = 0; k < count; k++) {
            if (alm_str_equal(seen[k], seen[count])) {
                print_error("%s changes nothing\n", changes[i][1]);
                fail();
            }
        }
        count++;
        alm_registry_close(d.registry);
    }
}

static void too_few_bars_are_refused(void **state)
{
    desk d;
    alm_train_result result = {0};
    desk_open(*state, DESK_YAML, &d);
    assert_int_equal(fixture_take(d.f, "2023-01-01", "2023-01-02", &d.snapshot), ALM_OK);
    assert_int_equal(alm_train(&d.f->env, &d.options, d.f->arena, &result, &d.f->error),
                     ALM_ERR_INVALID);
    assert_non_null(strstr(d.f->error.message, "swing"));
    assert_int_equal(result.release.size, 0);
    alm_registry_close(d.registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registers_a_signal_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(its_report_can_be_shown, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_backtest_registers_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(every_input_is_in_the_identity, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(too_few_bars_are_refused, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
