/* A backtest that was cut off anywhere and goes on gives the report of one that never was, byte for
 * byte. */
#include "train/backtest/backtest_resume_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/global/global_kind.h"

/* Fresh each time, cut just before the n-th step is there, then gone on with. (checkpoint_test.c
 * cuts at every call of a step.) */
static void every_kill_goes_on_to_the_same_bytes(void **state)
{
    bench b = bench_on(*state, NULL);
    alm_str expected = uninterrupted(&b);
    alm_train_result result = {0};
    uint64_t latest = 0;
    for (uint64_t n = 1; n <= STEPS; n++) {
        heard h;
        alm_fs_fault fault = {.mode = ALM_FS_FAULT_KILL, .calls = ALM_FS_CALL_BIT(LINK), .nth = n};
        alm_fs_fault_set(b.fault, &fault);
        assert_int_equal(run(&b, NULL, &result), ALM_ERR_INTERRUPTED);
        alm_fs_fault_set(b.fault, &(alm_fs_fault){0});
        result = must_run(&b, &h);
        assert_true(alm_str_equal(result.report, expected));
        assert_int_equal(result.damaged, 0);
        /* The later it was cut, the more was taken over. */
        uint64_t before = h.first == UINT64_MAX ? ORIGINS : h.first;
        assert_true(before >= latest);
        latest = before;
        alm_checkpoint_remove(&b.f->env, result.kept);
    }
    assert_int_equal(latest, ORIGINS); /* the final fit alone was missing */
    close_bench(&b);
}

/* A kind of all series that forecasts where it was fitted. */
static alm_err fit_place(const alm_env *env, const alm_global_past *past, void **state,
                         alm_error *error)
{
    (void)env;
    void *place = NULL;
    ALM_TRY(alm_heap_try(sizeof(double), &place, error));
    *(double *)place = (double)past->end;
    *state = place;
    return ALM_OK;
}

static bool forecast_place(const void *state, const alm_global_past *past,
                           const alm_beside_history *history, alm_arena *scratch,
                           const alm_global_forecast *out)
{
    (void)history;
    (void)scratch;
    double place = *(const double *)state;
    for (size_t h = 0; h < past->steps; h++) {
        out->mean[h] = place;
        for (size_t p = 0; p < ALM_GLOBAL_PATHS; p++) {
            out->paths[p * past->steps + h] = place;
        }
    }
    return true;
}

static void destroy_place(void *state)
{
    alm_heap_free(state);
}

static const alm_global_kind PLACE = {"place", fit_place, forecast_place, destroy_place};

/* A kind that learned from all series at the oldest scored origin is in force at the later ones:
 * who goes on there learns it again. */
static void what_learned_from_all_series_learns_again(void **state)
{
    bench b = bench_on(*state, NULL);
    const alm_global_kind *global[] = {&PLACE};
    b.model.backtest.refit_every = 3;
    b.options.global = global;
    b.options.global_count = 1;
    alm_str expected = uninterrupted(&b);
    assert_non_null(strstr(expected.data, "\"place\""));
    static const uint64_t CUT_AT[] = {9, 11}; /* the second and third scores */
    for (size_t i = 0; i < 2; i++) {
        heard h;
        alm_train_result result = {0};
        alm_fs_fault fault = {.mode = ALM_FS_FAULT_KILL, .calls = ALM_FS_CALL_BIT(LINK),
                              .nth = CUT_AT[i]};
        alm_fs_fault_set(b.fault, &fault);
        assert_int_equal(run(&b, NULL, &result), ALM_ERR_INTERRUPTED);
        alm_fs_fault_set(b.fault, &(alm_fs_fault){0});
        result = must_run(&b, &h);
        assert_int_equal(h.first, 4 + i); /* scores of the oldest scored origin, then of two */
        assert_true(alm_str_equal(result.report, expected));
        alm_checkpoint_remove(&b.f->env, result.kept);
    }
    close_bench(&b);
}

/* Cut off again and again: each start has to bring it on. */
static void a_crash_loop_ends(void **state)
{
    bench b = bench_on(*state, NULL);
    alm_str expected = uninterrupted(&b);
    alm_train_result result = {0};
    alm_err code = ALM_ERR_INTERRUPTED;
    int starts = 0;
    for (; code == ALM_ERR_INTERRUPTED && starts < 100; starts++) {
        alm_fs_fault fault = {.mode = ALM_FS_FAULT_KILL, .calls = CALLS_OF_STEPS, .nth = 17};
        alm_fs_fault_set(b.fault, &fault);
        code = run(&b, NULL, &result);
    }
    assert_int_equal(code, ALM_OK);
    assert_true(starts > 3);
    assert_true(alm_str_equal(result.report, expected));
    close_bench(&b);
}

static void a_whole_one_is_taken_over_whole(void **state)
{
    bench b = bench_on(*state, NULL);
    heard h;
    alm_fs_entry *entries;
    alm_train_result first = must_run(&b, &h);
    assert_int_equal(h.first, 0);
    assert_int_equal(h.last, ORIGINS);
    assert_int_equal(files_of(&b, first.kept, &entries), STEPS);
    for (int threads = 1; threads <= 3; threads += 2) {
        synthetic_threads(b.f, threads);
        alm_train_result again = must_run(&b, &h);
        assert_int_equal(h.first, UINT64_MAX);
        assert_true(alm_str_equal(again.report, first.report));
        assert_string_equal(again.kept, first.kept);
    }
    b.options.restart = true;
    alm_train_result anew = must_run(&b, &h);
    assert_int_equal(h.first, 0);
    assert_true(alm_str_equal(anew.report, first.report));
    close_bench(&b);
}

/* One file at a time; its last byte, which the checksum covers like every other. */
static void damaged_steps_are_made_anew(void **state)
{
    bench b = bench_on(*state, NULL);
    alm_fs_entry *entries;
    alm_train_result first = must_run(&b, NULL);
    size_t count = files_of(&b, first.kept, &entries);
    for (size_t i = 0; i < count; i++) {
        alm_str file;
        const char *path = alm_path_join(b.f->arena, first.kept, entries[i].name);
        assert_int_equal(alm_fs_read_all(b.f->fs, path, 1 << 30, b.f->arena, &file, &b.f->error),
                         ALM_OK);
        char *bent = alm_arena_copy_text(b.f->arena, file.data, file.size);
        bent[file.size - 1] ^= 1;
        assert_int_equal(alm_fs_write_all(b.f->fs, path, (alm_str){bent, file.size}, &b.f->error),
                         ALM_OK);
        alm_train_result again = must_run(&b, NULL);
        /* Of scores the newest whole ones are gone on with, so the others are not looked at: until
         * in the end there are no whole ones. */
        bool is_score = strncmp(entries[i].name, "scores", 6) == 0;
        assert_int_equal(again.damaged, !is_score ? 1 : i + 1 < count ? 0 : 3);
        assert_true(alm_str_equal(again.report, first.report));
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kill_goes_on_to_the_same_bytes, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_learned_from_all_series_learns_again, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_crash_loop_ends, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_whole_one_is_taken_over_whole, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(damaged_steps_are_made_anew, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
