/* What a backtest keeps is found by the same input alone; what may be asked otherwise than the
 * project file does. */
#include "train/backtest/backtest_resume_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef void change(bench *b);

static void other_origins(bench *b) { b->model.backtest.origins = 2; }
static void other_stride(bench *b) { b->model.backtest.origin_step = 8; }
static void other_refit(bench *b) { b->model.backtest.refit_every = 0; }
static void other_seed(bench *b) { b->model.seed++; }
static void other_trees(bench *b) { b->model.gbm.trees++; }
static void other_gap(bench *b) { b->options.gap = 2; }
static void none_beside(bench *b) { b->options.beside_count = 0; }
static void other_beside(bench *b) { b->beside[0] = alm_forecast_kind(ALM_STR("theta")); }
static void other_snapshot(bench *b) { b->snapshot = synthetic_take(b->f, "2023-06-04"); }

static void another_input_takes_nothing_over(void **state)
{
    static change *const CHANGES[] = {other_origins, other_stride, other_refit,  other_seed,
                                      other_trees,   other_gap,    none_beside,  other_beside,
                                      other_snapshot};
    bench b = bench_on(*state, NULL);
    alm_train_result first = must_run(&b, NULL);
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        bench other = b;
        CHANGES[i](&other);
        alm_env env = b.f->env;
        alm_train_result result = {0};
        other.options.model = &other.model;
        other.options.snapshot = &other.snapshot;
        other.options.beside = other.beside;
        if (alm_train(&env, &other.options, b.f->arena, &result, &b.f->error) != ALM_OK) {
            fail_msg("change %zu: %s", i, b.f->error.message);
        }
        assert_string_not_equal(result.kept, first.kept);
        assert_false(alm_str_equal(result.report, first.report));
    }
    close_bench(&b);
}

/* The file is one of the inputs: it says what the inputs of a training do not name. */
static void another_project_file_takes_nothing_over(void **state)
{
    bench b = bench_on(*state, NULL);
    alm_train_result first = must_run(&b, NULL);
    alm_project other = *b.f->project;
    other.file_digest.bytes[0] ^= 1;
    b.options.project = &other;
    heard h;
    alm_train_result again = must_run(&b, &h);
    assert_int_equal(h.first, 0);
    assert_string_not_equal(again.kept, first.kept);
    close_bench(&b);
}

static alm_str without_ids(fixture *f, alm_str report)
{
    char *text = alm_arena_copy_text(f->arena, report.data, report.size);
    char *id = strstr(text, "\"snapshot_id\":\"");
    assert_non_null(id);
    memset(id + 15, '0', 64);
    return (alm_str){text, report.size};
}

/* A gap is what a later publication is. */
static void a_gap_is_a_delay(void **state)
{
    bench b = bench_on(*state, NULL);
    b.options.gap = 3;
    alm_str with_gap = without_ids(b.f, uninterrupted(&b));
    close_bench(&b);
    bench late = bench_on(*state, &(synthetic_options){.delay = 3});
    alm_str with_delay = without_ids(late.f, uninterrupted(&late));
    assert_true(alm_str_equal(with_gap, with_delay));
    late.options.gap = 400;
    alm_train_result result;
    assert_int_not_equal(run(&late, NULL, &result), ALM_OK);
    assert_non_null(strstr(late.f->error.message, "with a gap of 400 days: "));
    close_bench(&late);
}

/* 0 is once; so is what no origin comes up to. */
static void fits_follow_the_policy(void **state)
{
    bench b = bench_on(*state, NULL);
    static const struct {
        int32_t every;
        size_t fits;
    } CASES[] = {{0, 1}, {1, 6}, {4, 2}, {6, 1}};
    alm_str once = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_fs_entry *entries;
        size_t fits = 0;
        b.model.backtest.refit_every = CASES[i].every;
        alm_train_result result = must_run(&b, NULL);
        size_t count = files_of(&b, result.kept, &entries);
        for (size_t k = 0; k < count; k++) {
            fits += strncmp(entries[k].name, "fit-0", 5) == 0;
        }
        assert_int_equal(fits, CASES[i].fits);
        once = i == 0 ? result.report : once;
        assert_int_equal(alm_str_equal(result.report, once), CASES[i].fits == 1);
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_input_takes_nothing_over, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(another_project_file_takes_nothing_over, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_gap_is_a_delay, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(fits_follow_the_policy, synthetic_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
