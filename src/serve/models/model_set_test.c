#include "serve/models/model_set.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/fs.h"
#include "serve/models/model_set_cases.h"

#define FEATURES 5
#define ROWS 3

static const forest_shape SMALL = {.trees = 4, .outputs = 1, .features = FEATURES, .leaves = 8,
                                   .grid = 16};

static alm_str model_text(alm_arena *arena, uint64_t seed)
{
    return scorer_case_lightgbm(arena, &SMALL, seed, "regression");
}

static const alm_model_entry *entry_of(alm_model_set *set, const char *name, const char *version)
{
    const alm_model_entry *e = NULL;
    alm_error error = {0};
    const alm_model_snapshot *s = alm_model_set_enter(set, 0);
    alm_err code = alm_model_snapshot_find(s, alm_str_of(name), alm_str_of(version), &e, &error);
    alm_model_set_leave(set, 0);
    return code == ALM_OK ? e : NULL; /* no writer runs in these tests meanwhile */
}

static void declare(alm_model_set *set, const char *name, const char *version, case_source *c)
{
    alm_model_source source = case_model(c);
    assert_int_equal(alm_model_set_declare(set, alm_str_of(name), alm_str_of(version), &source,
                                           NULL), ALM_OK);
}

static void versions_are_sorted_and_the_first_is_the_default(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    case_source c = {.text = {model_text(arena, 1)}};
    alm_model_set *set = NULL;
    (void)state;
    assert_int_equal(alm_model_set_create(1, &set, NULL), ALM_OK);
    static const char *const DECLARED[][2] = {{"m", "10"}, {"m", "9"}, {"a", "rc-1"}, {"m", "rc"},
                                              {"m", "010"}};
    static const char *const SORTED[][2] = {{"a", "rc-1"}, {"m", "9"}, {"m", "10"}, {"m", "010"},
                                            {"m", "rc"}};
    for (size_t i = 0; i < 5; i++) {
        declare(set, DECLARED[i][0], DECLARED[i][1], &c);
    }
    const alm_model_snapshot *s = alm_model_set_enter(set, 0);
    assert_int_equal(s->count, 5);
    for (size_t i = 0; i < s->count; i++) {
        assert_true(alm_str_is(s->entry[i].name, SORTED[i][0]));
        assert_true(alm_str_is(s->entry[i].version, SORTED[i][1]));
        assert_int_equal(s->entry[i].state, ALM_MODEL_UNAVAILABLE);
        assert_int_equal(s->entry[i].is_default, i == 0 || i == 2);
    }
    alm_model_set_leave(set, 0);
    assert_int_equal(alm_model_set_choose(set, ALM_STR("m"), ALM_STR("rc"), NULL), ALM_OK);
    assert_true(alm_str_is(entry_of(set, "m", "")->version, "rc"));
    assert_true(entry_of(set, "a", "")->is_default);
    alm_model_set_destroy(set);
    alm_arena_destroy(arena);
}

static void what_is_not_there_is_named(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    case_source c = {.text = {model_text(arena, 1)}};
    alm_model_set *set = NULL;
    alm_error error = {0};
    const alm_model_entry *e = NULL;
    const alm_served_model *model = NULL;
    alm_model_source source = case_model(&c);
    (void)state;
    assert_int_equal(alm_model_set_create(1, &set, NULL), ALM_OK);
    declare(set, "m", "1", &c);
    declare(set, "m", "2", &c);
    const alm_model_snapshot *s = alm_model_set_enter(set, 0);
    assert_int_equal(alm_model_snapshot_find(s, ALM_STR("n"), ALM_STR(""), &e, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "'n'"));
    assert_int_equal(alm_model_snapshot_find(s, ALM_STR("m"), ALM_STR("3"), &e, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "there is 1, 2"));
    assert_int_equal(alm_model_snapshot_find(s, ALM_STR("m"), ALM_STR("\n"), &e, &error),
                     ALM_ERR_NOT_FOUND);
    assert_null(strchr(error.message, '\n'));
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR("2"), &model, &error),
                     ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "not loaded"));
    alm_model_set_leave(set, 0);
    assert_int_equal(alm_model_set_load(set, ALM_STR("m"), ALM_STR("7"), &error),
                     ALM_ERR_NOT_FOUND);
    assert_int_equal(alm_model_set_unload(set, ALM_STR("x"), ALM_STR(""), &error),
                     ALM_ERR_NOT_FOUND);
    assert_int_equal(alm_model_set_declare(set, ALM_STR("m"), ALM_STR("2"), &source, &error),
                     ALM_ERR_EXISTS);
    assert_int_equal(alm_model_set_declare(set, ALM_STR("a/b"), ALM_STR("2"), &source, &error),
                     ALM_ERR_INVALID);
    assert_int_equal(alm_model_set_create(0, &set, &error), ALM_ERR_INVALID);
    alm_model_set_destroy(set);
    alm_arena_destroy(arena);
}

static void a_failed_load_keeps_what_is_there(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    case_source c = {.text = {model_text(arena, 1), ALM_STR("no model")}, .fail = ALM_ERR_IO};
    alm_model_set *set = NULL;
    alm_error error = {0};
    (void)state;
    assert_int_equal(alm_model_set_create(2, &set, NULL), ALM_OK);
    declare(set, "m", "1", &c);
    assert_int_equal(alm_model_set_load(set, ALM_STR("m"), ALM_STR(""), &error), ALM_ERR_IO);
    assert_string_equal(error.message, "told to fail");
    assert_int_equal(entry_of(set, "m", "1")->state, ALM_MODEL_UNAVAILABLE);
    assert_true(alm_str_is(entry_of(set, "m", "1")->reason, "told to fail"));
    c.fail = ALM_OK;
    assert_int_equal(alm_model_set_load(set, ALM_STR("m"), ALM_STR("1"), &error), ALM_OK);
    const alm_served_model *first = entry_of(set, "m", "1")->model;
    assert_non_null(first);
    assert_int_equal(entry_of(set, "m", "1")->reason.size, 0);
    c.next = 1;
    assert_int_not_equal(alm_model_set_load(set, ALM_STR("m"), ALM_STR("1"), &error), ALM_OK);
    assert_ptr_equal(entry_of(set, "m", "1")->model, first);
    assert_int_equal(entry_of(set, "m", "1")->state, ALM_MODEL_READY);
    assert_true(entry_of(set, "m", "1")->reason.size > 0);
    assert_int_equal(alm_model_set_unload(set, ALM_STR("m"), ALM_STR("1"), &error), ALM_OK);
    assert_null(entry_of(set, "m", "1")->model);
    assert_true(alm_str_is(entry_of(set, "m", "1")->reason, "unloaded"));
    assert_int_equal(alm_model_set_unload(set, ALM_STR("m"), ALM_STR("1"), &error), ALM_OK);
    alm_model_set_destroy(set);
    alm_arena_destroy(arena);
}

static void a_model_says_what_it_is(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    case_source c = {.text = {model_text(arena, 1)}};
    alm_model_set *set = case_set(1, "m", &c);
    const alm_served_info *info = alm_served_model_describe(entry_of(set, "m", "")->model);
    char digest[ALM_DIGEST_TEXT_BYTES];
    alm_digest of_text = alm_hash_bytes(c.text[0].data, c.text[0].size);
    (void)state;
    alm_digest_text(&of_text, digest);
    assert_string_equal(info->digest, digest);
    assert_true(alm_str_is(info->format, "LightGBM"));
    assert_true(alm_str_starts_with(info->notice, "unapproved: model.txt (LightGBM, sha256 "));
    assert_false(info->approved);
    assert_int_equal(info->scorer->row_column_count, FEATURES);
    c.approved = true;
    assert_int_equal(alm_model_set_load(set, ALM_STR("m"), ALM_STR(""), NULL), ALM_OK);
    assert_int_equal(alm_served_model_describe(entry_of(set, "m", "")->model)->notice.size, 0);
    alm_model_set_destroy(set);
    alm_arena_destroy(arena);
}

/* ---- readers while a writer swaps ---- */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SWAPS 1000
#else
#define SWAPS 10000
#endif
#define READERS 2

typedef struct race {
    alm_model_set *set;
    case_source *source;
    alm_arena *arena[READERS];
    double rows[ROWS * FEATURES];
    double expected[2][ROWS];
    char digest[2][ALM_DIGEST_TEXT_BYTES];
    atomic_bool over;
    atomic_size_t seen[2]; /* answers of each model */
} race;

static alm_err swap_models(race *r, alm_error *error)
{
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && i < SWAPS; i++) {
        r->source->next = (i + 1) % 2;
        /* Now and then the model is gone for a while. */
        code = i % 100 == 99 ? alm_model_set_unload(r->set, ALM_STR("m"), ALM_STR(""), error)
                             : ALM_OK;
        code = code == ALM_OK ? alm_model_set_load(r->set, ALM_STR("m"), ALM_STR(""), error) : code;
    }
    atomic_store(&r->over, true);
    return code;
}

static alm_err answer_once(race *r, size_t worker, uint64_t *last, alm_error *error)
{
    const alm_model_snapshot *s = alm_model_set_enter(r->set, worker);
    const alm_served_model *model = NULL;
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES, .values = r->rows};
    alm_inference_answer out;
    alm_err code = ALM_OK;
    if (s->number < *last) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "an older snapshot came later");
    }
    *last = s->number;
    if (alm_model_snapshot_ready(s, ALM_STR("m"), (alm_str){0}, &model, NULL) == ALM_OK) {
        bool second = strcmp(alm_served_model_describe(model)->digest, r->digest[1]) == 0;
        code = alm_inference_run(model, worker, &input, r->arena[worker], &out, error);
        if (code == ALM_OK && memcmp(out.value, r->expected[second], sizeof r->expected[0]) != 0) {
            code = alm_fail(error, ALM_ERR_CORRUPT, "an answer of another version");
        }
        atomic_fetch_add_explicit(&r->seen[second], 1, memory_order_relaxed);
    }
    alm_model_set_leave(r->set, worker);
    alm_arena_reset(r->arena[worker]);
    return code;
}

/* Task 0 holds its thread until the end, so each of the others runs in one of its own. */
static alm_err run_race(void *context, size_t task, int worker, alm_error *error)
{
    race *r = context;
    uint64_t last = 0;
    (void)worker;
    if (task == 0) {
        return swap_models(r, error);
    }
    while (!atomic_load(&r->over)) {
        ALM_TRY(answer_once(r, task - 1, &last, error));
        (void)sched_yield(); /* rather here than inside, where a writer waits */
    }
    return ALM_OK;
}

static void learn(race *r, size_t which)
{
    alm_arena *arena = alm_arena_create(0);
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES, .values = r->rows};
    alm_inference_answer out;
    r->source->next = which;
    assert_int_equal(alm_model_set_load(r->set, ALM_STR("m"), ALM_STR(""), NULL), ALM_OK);
    const alm_served_model *model = entry_of(r->set, "m", "")->model;
    assert_int_equal(alm_inference_run(model, 0, &input, arena, &out, NULL), ALM_OK);
    memcpy(r->expected[which], out.value, sizeof r->expected[which]);
    memcpy(r->digest[which], alm_served_model_describe(model)->digest, sizeof r->digest[which]);
    alm_arena_destroy(arena);
}

static void readers_see_whole_versions_while_models_are_swapped(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    case_source c = {.text = {model_text(arena, 1), model_text(arena, 2)}};
    race *r = ALM_NEW(arena, race);
    alm_pool *pool = NULL;
    alm_error error = {0};
    (void)state;
    r->source = &c;
    r->set = case_set(READERS, "m", &c);
    for (size_t i = 0; i < ROWS * FEATURES; i++) {
        r->rows[i] = (double)i / 4 - 2;
    }
    learn(r, 0);
    learn(r, 1);
    assert_memory_not_equal(r->expected[0], r->expected[1], sizeof r->expected[0]);
    for (size_t i = 0; i < READERS; i++) {
        r->arena[i] = alm_arena_create(0);
    }
    assert_int_equal(alm_pool_create(READERS + 1, &pool, NULL), ALM_OK);
    alm_err code = alm_pool_run(pool, READERS + 1, run_race, r, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(code, ALM_OK);
    assert_true(atomic_load(&r->seen[0]) > 0);
    assert_true(atomic_load(&r->seen[1]) > 0);
    alm_pool_destroy(pool);
    for (size_t i = 0; i < READERS; i++) {
        alm_arena_destroy(r->arena[i]);
    }
    alm_model_set_destroy(r->set);
    alm_arena_destroy(arena);
}

/* ---- memory ---- */

#define CYCLES 100
#define CYCLES_FIRST 5 /* until the heap has its shape */

static size_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu %llu", &size, &resident), 2);
    (void)fclose(file);
    return (size_t)resident * 4096;
}

static void memory_goes_back_to_the_system(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    const forest_shape big = {.trees = 400, .outputs = 1, .features = 40, .leaves = 255,
                              .grid = 4096};
    case_source c = {.text = {scorer_case_lightgbm(arena, &big, 1, "regression")}};
    alm_heap_return_large();
    size_t before = resident_bytes();
    alm_model_set *set = case_set(2, "m", &c);
    size_t held = alm_heap_held_bytes(), loaded = resident_bytes(), unloaded = 0, first = 0;
    size_t most = 0;
    (void)state;
    for (int i = 0; i < CYCLES; i++) {
        assert_int_equal(alm_model_set_unload(set, ALM_STR("m"), ALM_STR(""), NULL), ALM_OK);
        unloaded = resident_bytes();
        most = unloaded > most ? unloaded : most;
        first = i == CYCLES_FIRST ? unloaded : first;
        assert_int_equal(alm_model_set_load(set, ALM_STR("m"), ALM_STR(""), NULL), ALM_OK);
    }
    assert_int_equal(alm_heap_held_bytes(), held);
    print_message("resident: %zu KiB before, %zu loaded, %zu unloaded, %zu after %d cycles, most "
                  "%zu\n", before >> 10, loaded >> 10, first >> 10, unloaded >> 10, CYCLES,
                  most >> 10);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    /* A sanitizer keeps what is freed. */
    assert_true(unloaded < before + (loaded - before) / 4);
    assert_true(unloaded <= first + first / 50);
#endif
    alm_model_set_destroy(set);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_sorted_and_the_first_is_the_default),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(a_failed_load_keeps_what_is_there),
        cmocka_unit_test(a_model_says_what_it_is),
        cmocka_unit_test(readers_see_whole_versions_while_models_are_swapped),
        cmocka_unit_test(memory_goes_back_to_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
