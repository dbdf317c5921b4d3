/* A backtest that was cut off anywhere and goes on gives the report of one that never was, byte for
 * byte; nothing that was kept of another input is ever used. */
#include "train/train.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "pipeline/series_forecast.h"
#include "project/synthetic_project.h"
#include "train/checkpoint.h"

/* What makes the files of steps; other calls are those of reading and of scratch. */
#define CALLS_OF_STEPS                                                                        \
    (ALM_FS_CALL_BIT(CREATE) | ALM_FS_CALL_BIT(WRITE) | ALM_FS_CALL_BIT(SYNC) |               \
     ALM_FS_CALL_BIT(LINK) | ALM_FS_CALL_BIT(SYNC_DIRECTORY))
#define ORIGINS 6 /* of the grid: 3 scored, and back from the oldest by two weeks 2 to choose by */
#define STEPS (2 + 1 + ORIGINS + 3) /* fits, the final one, records, scores */

typedef struct bench {
    fixture *f;
    alm_snapshot snapshot;
    alm_model_spec model;
    const alm_forecaster_kind *beside[2];
    alm_train_options options;
    alm_fs *fault;
} bench;

/* Origins that were over when the first work began, and when it ended; UINT64_MAX: no work. */
typedef struct heard {
    uint64_t first, last;
} heard;

static void hear(void *context, const alm_progress *progress)
{
    heard *h = context;
    if (strcmp(progress->stage, "backtest") == 0) {
        assert_string_equal(progress->unit, "origin");
        h->first = h->first == UINT64_MAX ? progress->done : h->first;
        h->last = progress->done;
    }
}

static bench bench_on(fixture *f, const synthetic_options *synthetic)
{
    synthetic_open(f, synthetic);
    bench b = {.f = f, .snapshot = synthetic_take(f, SYNTHETIC_END), .model = f->project->models[0],
               .beside = {alm_forecast_kind(ALM_STR("drift"))}};
    b.model.gbm.trees = 2;
    b.model.gbm.origin_stride = 10;
    b.options = (alm_train_options){.project = f->project,
                                    .objects = f->objects,
                                    .experimental = true,
                                    .backtest_only = true,
                                    .beside_count = 1,
                                    .keep = alm_path_join(f->arena, f->project->state,
                                                          "backtest")};
    assert_int_equal(alm_fs_fault_create(f->fs, &b.fault, &f->error), ALM_OK);
    return b;
}

static void close_bench(bench *b)
{
    alm_fs_destroy(b->fault);
}

static alm_err run(bench *b, heard *h, alm_train_result *out)
{
    alm_env env = b->f->env;
    heard ignored;
    h = h ? h : &ignored;
    *h = (heard){UINT64_MAX, UINT64_MAX};
    env.fs = b->fault;
    env.progress = hear;
    env.context = h;
    b->options.model = &b->model;
    b->options.snapshot = &b->snapshot;
    b->options.beside = b->beside;
    return alm_train(&env, &b->options, b->f->arena, out, &b->f->error);
}

static alm_train_result must_run(bench *b, heard *h)
{
    alm_train_result result = {0};
    if (run(b, h, &result) != ALM_OK) {
        fail_msg("%s", b->f->error.message);
    }
    return result;
}

static alm_str uninterrupted(bench *b)
{
    alm_train_options options = b->options;
    b->options.keep = NULL;
    alm_train_result result = must_run(b, NULL);
    assert_null(result.kept);
    b->options = options;
    return result.report;
}

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

static size_t files_of(bench *b, const char *folder, alm_fs_entry **out)
{
    size_t count = 0;
    assert_int_equal(b->f->fs->ops->list(b->f->fs, folder, b->f->arena, out, &count,
                                         &b->f->error), ALM_OK);
    return count;
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
        cmocka_unit_test_setup_teardown(every_kill_goes_on_to_the_same_bytes, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_crash_loop_ends, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_whole_one_is_taken_over_whole, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(damaged_steps_are_made_anew, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(another_input_takes_nothing_over, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(another_project_file_takes_nothing_over, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_gap_is_a_delay, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(fits_follow_the_policy, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
