/* What only the real file system can show: reasons in messages, links, a full device. */
#include "base/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    alm_fs *fs;
    alm_arena *arena;
    char root[256];
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    snprintf(f->root, sizeof f->root, "%s/alm_fs_real_XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(alm_fs_real_create(&f->fs, NULL), ALM_OK);
    f->arena = alm_arena_create(0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    assert_int_equal(alm_fs_remove_tree(f->fs, f->root, NULL), ALM_OK);
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    free(f);
    return 0;
}

/* /dev/full gives ENOSPC to every write, which is the real thing. */
static void test_full_disk_is_named(void **state) {
    fixture *f = *state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    char *path = alm_path_join(f->arena, f->root, "full");
    alm_error error = {0};
    alm_file *file = NULL;
    assert_int_equal(f->fs->ops->create(f->fs, path, &file, NULL), ALM_OK);
    /* Point the open descriptor at the full device: the first member of the file is the number. */
    int full = open("/dev/full", O_WRONLY);
    int fd = *(int *)file;
    assert_int_equal(dup2(full, fd), fd);
    close(full);
    assert_int_equal(f->fs->ops->write(f->fs, file, "x", 1, &error), ALM_ERR_IO);
    assert_non_null(strstr(error.message, "the disk is full"));
    assert_non_null(strstr(error.message, path));
    /* The file is given up: neither a later write nor a sync claims success. */
    assert_int_equal(f->fs->ops->write(f->fs, file, "x", 1, &error), ALM_ERR_IO);
    assert_int_equal(f->fs->ops->sync(f->fs, file, &error), ALM_ERR_IO);
    assert_non_null(strstr(error.message, "under a new name"));
    assert_int_equal(f->fs->ops->close(f->fs, file, NULL), ALM_OK);
}

/* Root may do everything, so it becomes nobody for the moment. */
static void test_missing_permission_is_named(void **state) {
    fixture *f = *state;
    char *folder = alm_path_join(f->arena, f->root, "closed");
    assert_int_equal(mkdir(folder, 0500), 0);
    bool is_root = geteuid() == 0;
    if (is_root && seteuid(65534) != 0) {
        skip();
    }
    alm_error error = {0};
    alm_file *file = NULL;
    char *path = alm_path_join(f->arena, folder, "a");
    alm_err code = f->fs->ops->create(f->fs, path, &file, &error);
    assert_int_equal(is_root ? seteuid(0) : 0, 0);
    assert_int_equal(code, ALM_ERR_IO);
    assert_non_null(strstr(error.message, "no permission"));
    assert_non_null(strstr(error.message, path));
}

static void test_too_many_open_files(void **state) {
    fixture *f = *state;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    alm_error error = {0};
    alm_file *file = NULL;
    char *path = alm_path_join(f->arena, f->root, "a");
    alm_err code = f->fs->ops->create(f->fs, path, &file, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(code, ALM_ERR_IO);
    assert_non_null(strstr(error.message, "too many open files"));
}

static void test_part_of_path_is_a_file(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    char *path = alm_path_join(f->arena, f->root, "a");
    assert_int_equal(alm_fs_write_all(f->fs, path, ALM_STR("x"), NULL), ALM_OK);
    alm_file *file = NULL;
    char *below = alm_path_join(f->arena, path, "b");
    assert_int_equal(f->fs->ops->create(f->fs, below, &file, &error), ALM_ERR_IO);
    assert_non_null(strstr(error.message, "not a folder"));
}

static void test_tree_removal_does_not_follow_links(void **state) {
    fixture *f = *state;
    char *outside = alm_path_join(f->arena, f->root, "outside");
    char *inside = alm_path_join(f->arena, f->root, "inside");
    assert_int_equal(alm_fs_make_directories(f->fs, outside, NULL), ALM_OK);
    assert_int_equal(alm_fs_make_directories(f->fs, inside, NULL), ALM_OK);
    char *kept = alm_path_join(f->arena, outside, "kept");
    assert_int_equal(alm_fs_write_all(f->fs, kept, ALM_STR("x"), NULL), ALM_OK);
    assert_int_equal(symlink(outside, alm_path_join(f->arena, inside, "way_out")), 0);
    assert_int_equal(alm_fs_remove_tree(f->fs, inside, NULL), ALM_OK);
    assert_false(alm_fs_exists(f->fs, inside));
    assert_true(alm_fs_exists(f->fs, kept));
}

/* Many entries make the listing grow its array. */
static void test_long_listing(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%03d", 99 - i);
        char *path = alm_path_join(f->arena, f->root, name);
        assert_int_equal(alm_fs_write_all(f->fs, path, ALM_STR(""), NULL), ALM_OK);
    }
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, f->root, f->arena, &entry, &count, NULL), ALM_OK);
    assert_int_equal(count, 100);
    assert_string_equal(entry[0].name, "f000");
    assert_string_equal(entry[99].name, "f099");
}

/* A file without a known size (a pipe, a device) is read to its end. */
static void test_read_all_of_unknown_size(void **state) {
    fixture *f = *state;
    alm_str text;
    assert_int_equal(alm_fs_read_all(f->fs, "/proc/self/status", 1 << 20, f->arena, &text, NULL),
                     ALM_OK);
    assert_true(alm_str_starts_with(text, "Name:"));
    assert_int_equal(strlen(text.data), text.size);
    assert_int_equal(alm_fs_read_all(f->fs, "/dev/zero", 100000, f->arena, &text, NULL),
                     ALM_ERR_LIMIT);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(test_full_disk_is_named),
        ON(test_missing_permission_is_named),
        ON(test_too_many_open_files),
        ON(test_part_of_path_is_a_file),
        ON(test_tree_removal_does_not_follow_links),
        ON(test_long_listing),
        ON(test_read_all_of_unknown_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
