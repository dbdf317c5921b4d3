#include "train/learner/feature_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "base/rng.h"

enum { SERIES = 150, ORIGINS = 3, WIDTH = 4, ROWS_MAX = 3 }; /* 3 series in a part */

typedef struct filed {
    alm_fs *memory, *fs;
    alm_error error;
    uint32_t slot[ORIGINS][SERIES];
} filed;

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(filed), &memory, NULL) == ALM_OK);
    filed *s = memory;
    alm_assert(alm_fs_memory_create(&s->memory, &s->error) == ALM_OK);
    alm_assert(alm_fs_fault_create(s->memory, &s->fs, &s->error) == ALM_OK);
    alm_assert(alm_fs_make_directories(s->fs, "/scratch", &s->error) == ALM_OK);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    filed *s = *state;
    alm_fs_destroy(s->fs);
    alm_fs_destroy(s->memory);
    alm_heap_free(s);
    return 0;
}

static size_t rows_of(size_t origin, size_t series)
{
    return (origin + series) % (ROWS_MAX + 1);
}

static double value_of(size_t origin, size_t series, size_t at)
{
    return alm_rng_uniform(5, ALM_RNG_TEST, origin * SERIES + series, at);
}

/* By origin, as rows are made. */
static alm_err write_all(filed *s, alm_feature_file *file)
{
    for (size_t o = 0; o < ORIGINS; o++) {
        for (size_t i = 0; i < SERIES; i++) {
            double values[ROWS_MAX * WIDTH];
            size_t count = rows_of(o, i);
            for (size_t k = 0; k < count * WIDTH; k++) {
                values[k] = value_of(o, i, k);
            }
            if (count) {
                ALM_TRY(alm_feature_file_append(file, i, values, count, &s->slot[o][i],
                                                &s->error));
            }
        }
    }
    return alm_feature_file_finish(file, &s->error);
}

/* By series, as they are asked for. */
static alm_err read_all(filed *s, alm_feature_file *file)
{
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t o = 0; o < ORIGINS; o++) {
            for (size_t r = 0; r < rows_of(o, i); r++) {
                double got[WIDTH];
                ALM_TRY(alm_feature_file_read(file, i, s->slot[o][i] + (uint32_t)r, got,
                                              &s->error));
                for (size_t k = 0; k < WIDTH; k++) {
                    assert_true(got[k] == value_of(o, i, r * WIDTH + k));
                }
            }
        }
    }
    return ALM_OK;
}

static size_t files_left(filed *s)
{
    alm_arena *arena = alm_arena_create(0);
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(s->memory->ops->list(s->memory, "/scratch", arena, &entries, &count, NULL),
                     ALM_OK);
    alm_arena_destroy(arena);
    return count;
}

static alm_err work(filed *s)
{
    alm_feature_file *file = NULL;
    ALM_TRY(alm_feature_file_open(s->fs, "/scratch", SERIES, WIDTH, &file, &s->error));
    alm_err code = write_all(s, file);
    for (int pass = 0; code == ALM_OK && pass < 2; pass++) {
        code = read_all(s, file);
    }
    alm_feature_file_close(file);
    return code;
}

static void gives_back_what_was_written(void **state)
{
    filed *s = *state;
    assert_int_equal(work(s), ALM_OK);
    assert_int_equal(files_left(s), 0);
    assert_int_equal(work(s), ALM_OK); /* the folder is free again */
}

/* Whatever call fails, the work fails with its message and leaves nothing behind. */
static void failures_are_forwarded(void **state)
{
    filed *s = *state;
    static const unsigned CALLS = ALM_FS_CALL_BIT(CREATE) | ALM_FS_CALL_BIT(WRITE) |
                                  ALM_FS_CALL_BIT(OPEN) | ALM_FS_CALL_BIT(READ);
    uint64_t n = 0;
    for (alm_err code = ALM_ERR_IO; code != ALM_OK;) {
        alm_fs_fault_set(s->fs, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .calls = CALLS,
                                                .nth = ++n});
        s->error = (alm_error){0};
        code = work(s);
        assert_true(code == ALM_OK || s->error.message[0]);
        alm_fs_fault_set(s->fs, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
        assert_int_equal(files_left(s), 0);
    }
    assert_true(n > 150); /* every part is made, written three times and read twice */
}

static void a_shorter_file_is_noticed(void **state)
{
    filed *s = *state;
    alm_feature_file *file = NULL;
    assert_int_equal(alm_feature_file_open(s->fs, "/scratch", SERIES, WIDTH, &file, &s->error),
                     ALM_OK);
    assert_int_equal(write_all(s, file), ALM_OK);
    assert_int_equal(alm_fs_write_all(s->fs, "/scratch/features-02", ALM_STR("short"), &s->error),
                     ALM_OK);
    assert_int_equal(read_all(s, file), ALM_ERR_CORRUPT);
    assert_non_null(strstr(s->error.message, "features-02 is not as long as what was written"));
    alm_feature_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_back_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_forwarded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shorter_file_is_noticed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
