#include "pipeline/paths/spill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "base/rng.h"

enum { STEPS = 5, TEMPLATES = 3, LEAVES = 11 };

static const alm_spill_shape SHAPE = {STEPS, TEMPLATES};
#define PATH "/scratch/leaves"

typedef struct spilled {
    alm_fs *memory, *fs;
    alm_arena *arena;
    alm_leaf *leaves;
    alm_error error;
} spilled;

static double *some_doubles(alm_rng *rng, alm_arena *arena)
{
    double *values = ALM_NEW_ARRAY(arena, double, STEPS);
    for (int h = 0; h < STEPS; h++) {
        values[h] = alm_rng_next_normal(rng);
    }
    return values;
}

static void make_leaf(alm_rng *rng, alm_arena *arena, alm_leaf *leaf)
{
    leaf->base.history.level = alm_rng_next_uniform(rng);
    leaf->base.history.shape[ALM_SHAPE_LEVELS - 1] = alm_rng_next_uniform(rng);
    leaf->base.fallback = ALM_FALLBACK_COLD_START;
    leaf->base.weight = alm_rng_next_uniform(rng);
    leaf->base.mean = some_doubles(rng, arena);
    leaf->base.statistical = some_doubles(rng, arena);
    leaf->base.flat = some_doubles(rng, arena);
    leaf->base.expected = some_doubles(rng, arena);
    leaf->base.top = ALM_NEW_ARRAY(arena, alm_contribution, STEPS * ALM_CONTRIBUTIONS_MAX);
    for (int k = 0; k < STEPS * ALM_CONTRIBUTIONS_MAX; k++) {
        leaf->base.top[k] = (alm_contribution){alm_rng_next_uniform(rng),
                                               (uint16_t)alm_rng_next(rng)};
    }
    leaf->rank = ALM_NEW_ARRAY(arena, uint8_t, TEMPLATES * STEPS);
    for (int k = 0; k < TEMPLATES * STEPS; k++) {
        leaf->rank[k] = (uint8_t)alm_rng_next(rng);
    }
    leaf->on_hand = alm_rng_next_uniform(rng);
    leaf->receipts = some_doubles(rng, arena);
}

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    spilled *s = ALM_NEW(arena, spilled);
    s->arena = arena;
    alm_assert(alm_fs_memory_create(&s->memory, &s->error) == ALM_OK);
    alm_assert(alm_fs_fault_create(s->memory, &s->fs, &s->error) == ALM_OK);
    alm_assert(alm_fs_make_directories(s->memory, "/scratch", &s->error) == ALM_OK);
    alm_rng rng = alm_rng_stream(4, 4);
    s->leaves = ALM_NEW_ARRAY(arena, alm_leaf, LEAVES);
    for (int i = 0; i < LEAVES; i++) {
        make_leaf(&rng, arena, &s->leaves[i]);
    }
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    spilled *s = *state;
    alm_fs_destroy(s->fs);
    alm_fs_destroy(s->memory);
    alm_arena_destroy(s->arena);
    return 0;
}

static void expect_same(const alm_leaf *a, const alm_leaf *b)
{
    assert_memory_equal(&a->base.history, &b->base.history, sizeof a->base.history);
    assert_int_equal(a->base.fallback, b->base.fallback);
    assert_true(a->base.weight == b->base.weight && a->on_hand == b->on_hand);
    assert_memory_equal(a->base.mean, b->base.mean, STEPS * sizeof(double));
    assert_memory_equal(a->base.statistical, b->base.statistical, STEPS * sizeof(double));
    assert_memory_equal(a->base.flat, b->base.flat, STEPS * sizeof(double));
    assert_memory_equal(a->base.expected, b->base.expected, STEPS * sizeof(double));
    assert_memory_equal(a->receipts, b->receipts, STEPS * sizeof(double));
    assert_memory_equal(a->rank, b->rank, TEMPLATES * STEPS);
    for (int k = 0; k < STEPS * ALM_CONTRIBUTIONS_MAX; k++) {
        assert_true(a->base.top[k].value == b->base.top[k].value);
        assert_int_equal(a->base.top[k].feature, b->base.top[k].feature);
    }
}

/* Written in blocks, read twice in other blocks, into memory of its own. */
static void reads_what_was_written(void **state)
{
    spilled *s = *state;
    alm_spill *spill = NULL;
    assert_int_equal(alm_spill_open(s->fs, PATH, SHAPE, &spill, &s->error), ALM_OK);
    static const size_t WRITTEN[] = {4, 0, 1, 6};
    static const size_t READ[2][4] = {{3, 3, 0, 5}, {11, 0, 0, 0}};
    size_t first = 0;
    for (int b = 0; b < 4; b++) {
        assert_int_equal(alm_spill_write(spill, s->leaves + first, WRITTEN[b], &s->error), ALM_OK);
        first += WRITTEN[b];
    }
    assert_true(alm_fs_exists(s->memory, PATH));
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(alm_spill_rewind(spill, &s->error), ALM_OK);
        size_t at = 0;
        for (int b = 0; b < 4; b++) {
            alm_leaf *leaves = NULL;
            assert_int_equal(alm_spill_read(spill, READ[pass][b], s->arena, &leaves, &s->error),
                             ALM_OK);
            for (size_t i = 0; i < READ[pass][b]; i++, at++) {
                expect_same(&leaves[i], &s->leaves[at]);
                assert_ptr_not_equal(leaves[i].base.mean, s->leaves[at].base.mean);
            }
        }
        assert_int_equal(at, LEAVES);
    }
    alm_leaf *leaves = NULL;
    assert_int_equal(alm_spill_read(spill, 1, s->arena, &leaves, &s->error), ALM_ERR_CORRUPT);
    assert_string_equal(s->error.message, "scratch file " PATH " is shorter than what was written; "
                        "is another process using it?");
    alm_spill_close(spill);
    assert_false(alm_fs_exists(s->memory, PATH));
    alm_spill_close(NULL);
}

static void a_taken_name_is_left_alone(void **state)
{
    spilled *s = *state;
    assert_int_equal(alm_fs_write_all(s->memory, PATH, ALM_STR("mine"), &s->error), ALM_OK);
    alm_spill *spill = NULL;
    assert_int_equal(alm_spill_open(s->fs, PATH, SHAPE, &spill, &s->error), ALM_ERR_EXISTS);
    assert_null(spill);
    alm_str text;
    assert_int_equal(alm_fs_read_all(s->memory, PATH, 10, s->arena, &text, &s->error), ALM_OK);
    assert_true(alm_str_is(text, "mine"));
}

static alm_err whole_use(spilled *s)
{
    alm_spill *spill = NULL;
    ALM_TRY(alm_spill_open(s->fs, PATH, SHAPE, &spill, &s->error));
    alm_err code = ALM_OK;
    for (int pass = 0; code == ALM_OK && pass < 2; pass++) {
        code = alm_spill_write(spill, s->leaves + 5 * pass, 5, &s->error);
    }
    for (int pass = 0; code == ALM_OK && pass < 2; pass++) {
        code = alm_spill_rewind(spill, &s->error);
        alm_leaf *leaves = NULL;
        if (code == ALM_OK) {
            code = alm_spill_read(spill, 10, s->arena, &leaves, &s->error);
        }
    }
    alm_spill_close(spill);
    return code;
}

static void every_failing_call_is_survived(void **state)
{
    spilled *s = *state;
    uint32_t calls = ALM_FS_CALLS_ALL & ~ALM_FS_CALL_BIT(UNLINK);
    alm_fs_fault_set(s->fs, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE, .calls = calls});
    assert_int_equal(whole_use(s), ALM_OK);
    uint64_t total = alm_fs_fault_count(s->fs);
    assert_true(total >= 9); /* create, 2 writes, 3 closes, 2 opens, reads */
    size_t refused = 0;
    for (uint64_t nth = 1; nth <= total; nth++) {
        alm_fs_fault_set(s->fs, &(alm_fs_fault){ALM_FS_FAULT_FAIL, calls, nth, NULL});
        alm_err code = whole_use(s);
        assert_true(alm_fs_fault_happened(s->fs));
        if (code != ALM_OK) {
            refused++;
            assert_int_equal(code, ALM_ERR_IO);
            assert_non_null(strstr(s->error.message, "the disk is full"));
        }
        assert_false(alm_fs_exists(s->memory, PATH));
    }
    assert_true(refused >= total - 1); /* all but the last close, which ends scratch anyway */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_taken_name_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failing_call_is_survived, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
