/* The wrapper that makes the n-th call go wrong, tried over the file system in memory. */
#include "base/fs_fault.h"
#include "base/fs_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct pair {
    alm_fs *inner, *fs;
} pair;

static pair new_pair(void) {
    pair p = {NULL, NULL};
    assert_int_equal(alm_fs_memory_create(&p.inner, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(p.inner, &p.fs, NULL), ALM_OK);
    return p;
}

static void drop_pair(pair p) {
    alm_fs_destroy(p.fs);
    alm_fs_destroy(p.inner);
}

static void test_counts_only_what_matches(void **state) {
    (void)state;
    pair p = new_pair();
    alm_fs_fault_set(p.fs, &(alm_fs_fault){.calls = ALM_FS_CALLS_SYNC});
    assert_int_equal(alm_fs_publish(p.fs, "/a", ALM_STR("x"), NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_count(p.fs), 2); /* the file and its folder */
    alm_fs_fault_set(p.fs, &(alm_fs_fault){.calls = 0});
    assert_int_equal(alm_fs_publish(p.fs, "/b", ALM_STR("x"), NULL), ALM_OK);
    /* create, write, sync, close, link, sync_directory, unlink */
    assert_int_equal(alm_fs_fault_count(p.fs), 7);
    assert_false(alm_fs_fault_happened(p.fs));
    drop_pair(p);
}

static void test_fail_once(void **state) {
    (void)state;
    pair p = new_pair();
    alm_error error = {0};
    alm_fs_fault fault = {ALM_FS_FAULT_FAIL, ALM_FS_CALL_BIT(LINK), 1, NULL};
    alm_fs_fault_set(p.fs, &fault);
    assert_int_equal(alm_fs_publish(p.fs, "/a", ALM_STR("x"), &error), ALM_ERR_IO);
    assert_string_equal(error.message, "cannot link /a: the disk is full");
    assert_string_equal(alm_fs_fault_place(p.fs), "link /a");
    assert_int_equal(alm_fs_publish(p.fs, "/a", ALM_STR("x"), &error), ALM_OK);
    fault.mode = ALM_FS_FAULT_FAIL_ALWAYS;
    fault.reason = "the device reports an error (EIO)";
    alm_fs_fault_set(p.fs, &fault);
    assert_int_equal(alm_fs_publish(p.fs, "/b", ALM_STR("x"), &error), ALM_ERR_IO);
    assert_int_equal(alm_fs_publish(p.fs, "/b", ALM_STR("x"), &error), ALM_ERR_IO);
    assert_string_equal(error.message, "cannot link /b: the device reports an error (EIO)");
    assert_int_equal(alm_fs_fault_count(p.fs), 2);
    drop_pair(p);
}

static void test_failed_write_leaves_half(void **state) {
    (void)state;
    pair p = new_pair();
    alm_file *file = NULL;
    alm_fs_fault_set(p.fs, &(alm_fs_fault){ALM_FS_FAULT_FAIL, ALM_FS_CALL_BIT(WRITE), 1, NULL});
    assert_int_equal(p.fs->ops->create(p.fs, "/a", &file, NULL), ALM_OK);
    assert_int_equal(p.fs->ops->write(p.fs, file, "abcd", 4, NULL), ALM_ERR_IO);
    assert_int_equal(p.fs->ops->close(p.fs, file, NULL), ALM_OK);
    alm_fs_stat stat;
    assert_int_equal(p.fs->ops->stat(p.fs, "/a", &stat, NULL), ALM_OK);
    assert_int_equal(stat.size_bytes, 2);
    drop_pair(p);
}

static void test_second_sync_does_not_heal(void **state) {
    (void)state;
    pair p = new_pair();
    alm_file *file = NULL;
    alm_fs_fault_set(p.fs, &(alm_fs_fault){ALM_FS_FAULT_FAIL, ALM_FS_CALL_BIT(SYNC), 1, NULL});
    assert_int_equal(p.fs->ops->create(p.fs, "/a", &file, NULL), ALM_OK);
    assert_int_equal(p.fs->ops->sync(p.fs, file, NULL), ALM_ERR_IO);
    assert_int_equal(p.fs->ops->sync(p.fs, file, NULL), ALM_ERR_IO);
    assert_int_equal(p.fs->ops->close(p.fs, file, NULL), ALM_OK);
    assert_int_equal(p.fs->ops->create(p.fs, "/b", &file, NULL), ALM_OK);
    assert_int_equal(p.fs->ops->sync(p.fs, file, NULL), ALM_OK);
    assert_int_equal(p.fs->ops->close(p.fs, file, NULL), ALM_OK);
    drop_pair(p);
}

static void test_kill_stops_everything(void **state) {
    (void)state;
    pair p = new_pair();
    alm_error error = {0};
    alm_fs_fault_set(p.fs, &(alm_fs_fault){.calls = 0});
    for (uint64_t nth = 1; nth <= 7; nth++) {
        alm_fs_fault_set(p.fs, &(alm_fs_fault){ALM_FS_FAULT_KILL, 0, nth, NULL});
        alm_err code = alm_fs_publish(p.fs, "/a", ALM_STR("x"), &error);
        /* The last call removes the temporary name, which may fail unseen. */
        assert_int_equal(code, nth < 7 ? ALM_ERR_INTERRUPTED : ALM_OK);
        assert_int_equal(p.fs->ops->make_directory(p.fs, "/d", NULL), ALM_ERR_INTERRUPTED);
        assert_false(alm_fs_exists(p.inner, "/d"));
        assert_int_equal(alm_fs_exists(p.inner, "/a"), nth > 5); /* link is the fifth */
        if (alm_fs_exists(p.inner, "/a")) {
            assert_int_equal(p.inner->ops->unlink(p.inner, "/a", NULL), ALM_OK);
        }
    }
    drop_pair(p);
}

static alm_err check_published(void *context, alm_fs *after, const char *text, alm_error *error) {
    alm_str content;
    alm_arena *arena = context;
    alm_err code = alm_fs_read_all(after, "/d/a", 100, arena, &content, error);
    if (code == ALM_OK && !alm_str_is(content, "content")) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "%s", text);
    }
    return code;
}

/* Made folders and published files survive every power cut, and not without each of their syncs. */
static void test_skipped_syncs_are_noticed(void **state) {
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    uint64_t syncs = 3; /* of "/" for "d", of the file, of "/d" for "a" */
    for (uint64_t skipped = 0; skipped <= syncs; skipped++) {
        pair p = new_pair();
        alm_fs_fault fault = {ALM_FS_FAULT_SKIP, ALM_FS_CALLS_SYNC, skipped, NULL};
        alm_fs_fault_set(p.fs, &fault);
        assert_int_equal(alm_fs_make_directories(p.fs, "/d", NULL), ALM_OK);
        assert_int_equal(alm_fs_publish(p.fs, "/d/a", ALM_STR("content"), NULL), ALM_OK);
        assert_int_equal(alm_fs_fault_count(p.fs), syncs);
        assert_int_equal(alm_fs_fault_happened(p.fs), skipped > 0);
        alm_err code = alm_fs_memory_power_cuts(p.inner, 1000, 1, check_published, arena, NULL);
        assert_int_equal(code == ALM_OK, skipped == 0);
        drop_pair(p);
    }
    alm_arena_destroy(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_only_what_matches),
        cmocka_unit_test(test_fail_once),
        cmocka_unit_test(test_failed_write_leaves_half),
        cmocka_unit_test(test_second_sync_does_not_heal),
        cmocka_unit_test(test_kill_stops_everything),
        cmocka_unit_test(test_skipped_syncs_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
