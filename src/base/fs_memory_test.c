/* What the file system in memory keeps at a power cut. */
#include "base/fs_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static alm_fs *new_memory(void) {
    alm_fs *fs = NULL;
    assert_int_equal(alm_fs_memory_create(&fs, NULL), ALM_OK);
    return fs;
}

static void put(alm_fs *fs, const char *path, const char *text, bool is_synced) {
    alm_file *file = NULL;
    assert_int_equal(fs->ops->create(fs, path, &file, NULL), ALM_OK);
    assert_int_equal(fs->ops->write(fs, file, text, strlen(text), NULL), ALM_OK);
    if (is_synced) {
        assert_int_equal(fs->ops->sync(fs, file, NULL), ALM_OK);
    }
    assert_int_equal(fs->ops->close(fs, file, NULL), ALM_OK);
}

/* Content of `path` after a power cut with `choice`; NULL if it is missing. */
static const char *after_cut(alm_fs *fs, const alm_fs_fate *choice, const char *path,
                             alm_arena *arena) {
    alm_fs *after = alm_fs_memory_power_cut(fs, choice);
    assert_int_equal(alm_fs_memory_pending(after), 0);
    alm_str text = {NULL, 0};
    alm_err code = alm_fs_read_all(after, path, 1000, arena, &text, NULL);
    alm_fs_destroy(after);
    return code == ALM_OK ? text.data : NULL;
}

static void test_nothing_synced(void **state) {
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = new_memory();
    put(fs, "/a", "abcdef", false);
    assert_int_equal(alm_fs_memory_pending(fs), 2); /* the entry, then the bytes */
    assert_null(after_cut(fs, (alm_fs_fate[]){ALM_FS_LOSE, ALM_FS_KEEP}, "/a", arena));
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP, ALM_FS_LOSE}, "/a", arena), "");
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP, ALM_FS_TEAR}, "/a", arena),
                        "abc");
    assert_memory_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP, ALM_FS_ZERO}, "/a", arena),
                        "\0\0\0\0\0\0", 6);
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP, ALM_FS_KEEP}, "/a", arena),
                        "abcdef");
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

static void test_synced_survives(void **state) {
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = new_memory();
    put(fs, "/a", "abc", true);
    assert_int_equal(alm_fs_memory_pending(fs), 1); /* a synced file may still lose its name */
    assert_null(after_cut(fs, (alm_fs_fate[]){ALM_FS_LOSE}, "/a", arena));
    assert_int_equal(fs->ops->sync_directory(fs, "/", NULL), ALM_OK);
    assert_int_equal(alm_fs_memory_pending(fs), 0);
    assert_string_equal(after_cut(fs, NULL, "/a", arena), "abc");
    /* The cut did not change the file system asked. */
    alm_str text;
    assert_int_equal(alm_fs_read_all(fs, "/a", 100, arena, &text, NULL), ALM_OK);
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

static void test_directory_needs_its_parent(void **state) {
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = new_memory();
    assert_int_equal(fs->ops->make_directory(fs, "/d", NULL), ALM_OK);
    put(fs, "/d/a", "abc", true);
    assert_int_equal(fs->ops->sync_directory(fs, "/d", NULL), ALM_OK);
    assert_int_equal(alm_fs_memory_pending(fs), 1);
    assert_null(after_cut(fs, (alm_fs_fate[]){ALM_FS_LOSE}, "/d/a", arena));
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP}, "/d/a", arena), "abc");
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

/* Made by a process that was killed before it synced anything. */
static void test_folders_that_are_there_are_kept(void **state) {
    (void)state;
    static const char *const made[] = {"/a", "/a/b"};
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < 2; i++) {
        alm_fs *fs = new_memory();
        assert_int_equal(fs->ops->make_directory(fs, "/a", NULL), ALM_OK);
        if (i == 1) { /* the parent was synced, as before each next folder */
            assert_int_equal(fs->ops->sync_directory(fs, "/", NULL), ALM_OK);
            assert_int_equal(fs->ops->make_directory(fs, made[i], NULL), ALM_OK);
        }
        assert_int_equal(alm_fs_make_directories(fs, "/a/b", NULL), ALM_OK);
        assert_int_equal(alm_fs_publish(fs, "/a/b/c", ALM_STR("kept"), NULL), ALM_OK);
        size_t pending = alm_fs_memory_pending(fs);
        alm_fs_fate *lost = ALM_NEW_ARRAY(arena, alm_fs_fate, pending + 1);
        assert_non_null(after_cut(fs, lost, "/a/b/c", arena));
        alm_fs_destroy(fs);
    }
    alm_arena_destroy(arena);
}

static void test_rename_never_splits(void **state) {
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = new_memory();
    put(fs, "/old", "old", true);
    put(fs, "/new", "new", true);
    assert_int_equal(fs->ops->sync_directory(fs, "/", NULL), ALM_OK);
    assert_int_equal(fs->ops->rename(fs, "/new", "/old", NULL), ALM_OK);
    assert_int_equal(alm_fs_memory_pending(fs), 1);
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_LOSE}, "/old", arena), "old");
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_LOSE}, "/new", arena), "new");
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP}, "/old", arena), "new");
    assert_null(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP}, "/new", arena));
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

static void test_unlink_may_come_back(void **state) {
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = new_memory();
    put(fs, "/a", "abc", true);
    assert_int_equal(fs->ops->sync_directory(fs, "/", NULL), ALM_OK);
    assert_int_equal(fs->ops->unlink(fs, "/a", NULL), ALM_OK);
    assert_string_equal(after_cut(fs, (alm_fs_fate[]){ALM_FS_LOSE}, "/a", arena), "abc");
    assert_null(after_cut(fs, (alm_fs_fate[]){ALM_FS_KEEP}, "/a", arena));
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

static void test_time_is_synced_with_the_file(void **state) {
    (void)state;
    alm_fs *fs = new_memory();
    put(fs, "/a", "abc", true);
    assert_int_equal(fs->ops->sync_directory(fs, "/", NULL), ALM_OK);
    assert_int_equal(fs->ops->set_modified(fs, "/a", 77, NULL), ALM_OK);
    assert_int_equal(alm_fs_memory_pending(fs), 1);
    alm_fs_stat stat;
    for (int fate = ALM_FS_LOSE; fate <= ALM_FS_KEEP; fate++) {
        alm_fs *after = alm_fs_memory_power_cut(fs, (alm_fs_fate[]){(alm_fs_fate)fate});
        assert_int_equal(after->ops->stat(after, "/a", &stat, NULL), ALM_OK);
        assert_int_equal(stat.modified == 77, fate == ALM_FS_KEEP);
        alm_fs_destroy(after);
    }
    alm_fs_destroy(fs);
}

typedef struct seen {
    int visits, with_a, with_b, whole_a;
    int stop_after;
} seen;

static alm_err count_visit(void *context, alm_fs *after, const char *text, alm_error *error) {
    seen *s = context;
    alm_fs_stat stat;
    s->visits++;
    s->with_b += alm_fs_exists(after, "/b") ? 1 : 0;
    if (after->ops->stat(after, "/a", &stat, NULL) == ALM_OK) {
        s->with_a++;
        s->whole_a += stat.size_bytes == 4 ? 1 : 0;
    }
    if (s->visits == s->stop_after) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s", text);
    }
    return ALM_OK;
}

static void test_all_outcomes_are_visited(void **state) {
    (void)state;
    alm_fs *fs = new_memory();
    put(fs, "/a", "abcd", false);
    put(fs, "/b", "", true);
    seen s = {0};
    /* Two entries (2 fates each) and one dirty file (4 fates): 16 outcomes. */
    assert_int_equal(alm_fs_memory_power_cuts(fs, 16, 1, count_visit, &s, NULL), ALM_OK);
    assert_int_equal(s.visits, 16);
    assert_int_equal(s.with_a, 8);
    assert_int_equal(s.with_b, 8);
    assert_int_equal(s.whole_a, 4); /* kept or zeroed, with /b or without */

    seen sampled = {0};
    assert_int_equal(alm_fs_memory_power_cuts(fs, 5, 1, count_visit, &sampled, NULL), ALM_OK);
    /* All lost, all kept, 1 + 1 + 3 single changes of each, and 5 draws. */
    assert_int_equal(sampled.visits, 2 + 5 + 5 + 5);

    seen stopped = {.stop_after = 3};
    alm_error error = {0};
    assert_int_equal(alm_fs_memory_power_cuts(fs, 16, 1, count_visit, &stopped, &error),
                     ALM_ERR_CORRUPT);
    assert_int_equal(stopped.visits, 3);
    assert_string_equal(error.message, "power cut, fates LKL");
    alm_fs_destroy(fs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_synced),
        cmocka_unit_test(test_synced_survives),
        cmocka_unit_test(test_directory_needs_its_parent),
        cmocka_unit_test(test_folders_that_are_there_are_kept),
        cmocka_unit_test(test_rename_never_splits),
        cmocka_unit_test(test_unlink_may_come_back),
        cmocka_unit_test(test_time_is_synced_with_the_file),
        cmocka_unit_test(test_all_outcomes_are_visited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
