/* The same behaviour of every file system: the real one, the one in memory, and both behind the
 * fault wrapper without a fault. */
#include "base/fs.h"
#include "base/fs_fault.h"
#include "base/fs_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    alm_fs *fs;
    alm_fs *inner; /* of a wrapper */
    alm_fs *real;  /* for the removal of the scratch folder */
    alm_arena *arena;
    char root[256];
} fixture;

static int set_up_on(void **state, bool is_real, bool is_wrapped) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = alm_arena_create(0);
    assert_int_equal(alm_fs_real_create(&f->real, NULL), ALM_OK);
    if (is_real) {
        const char *base = getenv("TMPDIR");
        snprintf(f->root, sizeof f->root, "%s/alm_fs_XXXXXX", base != NULL ? base : "/tmp");
        assert_non_null(mkdtemp(f->root));
        assert_int_equal(alm_fs_real_create(&f->inner, NULL), ALM_OK);
    } else {
        snprintf(f->root, sizeof f->root, "/scratch");
        assert_int_equal(alm_fs_memory_create(&f->inner, NULL), ALM_OK);
        assert_int_equal(f->inner->ops->make_directory(f->inner, f->root, NULL), ALM_OK);
    }
    if (is_wrapped) {
        assert_int_equal(alm_fs_fault_create(f->inner, &f->fs, NULL), ALM_OK);
    } else {
        f->fs = f->inner;
        f->inner = NULL;
    }
    *state = f;
    return 0;
}

static int set_up_real(void **state) {
    return set_up_on(state, true, false);
}

static int set_up_memory(void **state) {
    return set_up_on(state, false, false);
}

static int set_up_wrapped_real(void **state) {
    return set_up_on(state, true, true);
}

static int set_up_wrapped_memory(void **state) {
    return set_up_on(state, false, true);
}

static int tear_down(void **state) {
    fixture *f = *state;
    assert_int_equal(alm_fs_remove_tree(f->fs, f->root, NULL), ALM_OK);
    assert_false(alm_fs_exists(f->fs, f->root));
    alm_fs_destroy(f->fs);
    alm_fs_destroy(f->inner);
    alm_fs_destroy(f->real);
    alm_arena_destroy(f->arena);
    free(f);
    return 0;
}

static const char *at(fixture *f, const char *name) {
    return alm_path_join(f->arena, f->root, name);
}

static void put(fixture *f, const char *name, const char *text) {
    alm_file *file = NULL;
    assert_int_equal(f->fs->ops->create(f->fs, at(f, name), &file, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->write(f->fs, file, text, strlen(text), NULL), ALM_OK);
    assert_int_equal(f->fs->ops->close(f->fs, file, NULL), ALM_OK);
}

static void assert_content(fixture *f, const char *name, const char *expected) {
    alm_str text;
    alm_error error = {0};
    if (alm_fs_read_all(f->fs, at(f, name), 1 << 20, f->arena, &text, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(text.size, strlen(expected));
    assert_string_equal(text.data, expected); /* also: a NUL stands behind the end */
}

static void assert_fails(alm_err code, alm_err expected, const alm_error *error, const char *name) {
    assert_int_equal(code, expected);
    assert_int_equal(error->code, expected);
    assert_non_null(strstr(error->message, name)); /* the message names the path */
}

static void test_create_write_read(void **state) {
    fixture *f = *state;
    alm_file *file = NULL;
    alm_error error = {0};
    assert_int_equal(f->fs->ops->create(f->fs, at(f, "a"), &file, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->write(f->fs, file, "one ", 4, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->write(f->fs, file, "", 0, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->write(f->fs, file, "two", 3, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->sync(f->fs, file, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->close(f->fs, file, NULL), ALM_OK);
    assert_content(f, "a", "one two");

    alm_file *untouched = (alm_file *)&error;
    alm_err code = f->fs->ops->create(f->fs, at(f, "a"), &untouched, &error);
    assert_fails(code, ALM_ERR_EXISTS, &error, "a");
    assert_ptr_equal(untouched, &error);
    code = f->fs->ops->create(f->fs, at(f, "missing/b"), &untouched, &error);
    assert_fails(code, ALM_ERR_NOT_FOUND, &error, "missing/b");
    code = f->fs->ops->open(f->fs, at(f, "nothing"), &untouched, &error);
    assert_fails(code, ALM_ERR_NOT_FOUND, &error, "nothing");
    code = f->fs->ops->open(f->fs, f->root, &untouched, &error);
    assert_fails(code, ALM_ERR_IO, &error, "folder");
}

static void test_read_in_pieces(void **state) {
    fixture *f = *state;
    put(f, "a", "abcdefg");
    alm_file *file = NULL;
    assert_int_equal(f->fs->ops->open(f->fs, at(f, "a"), &file, NULL), ALM_OK);
    char text[8] = {0};
    size_t got = 0;
    size_t total = 0;
    do {
        assert_int_equal(f->fs->ops->read(f->fs, file, text + total, 3, &got, NULL), ALM_OK);
        assert_true(got <= 3);
        total += got;
    } while (got > 0);
    assert_string_equal(text, "abcdefg");
    assert_int_equal(f->fs->ops->close(f->fs, file, NULL), ALM_OK);
}

static void test_link(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    put(f, "a", "first");
    put(f, "b", "second");
    assert_int_equal(f->fs->ops->link(f->fs, at(f, "a"), at(f, "c"), NULL), ALM_OK);
    assert_fails(f->fs->ops->link(f->fs, at(f, "b"), at(f, "c"), &error), ALM_ERR_EXISTS, &error,
                 "c");
    assert_fails(f->fs->ops->link(f->fs, at(f, "x"), at(f, "d"), &error), ALM_ERR_NOT_FOUND, &error,
                 "x");
    assert_content(f, "c", "first");
    assert_int_equal(f->fs->ops->unlink(f->fs, at(f, "a"), NULL), ALM_OK);
    assert_content(f, "c", "first");
    assert_false(alm_fs_exists(f->fs, at(f, "a")));
    assert_fails(f->fs->ops->unlink(f->fs, at(f, "a"), &error), ALM_ERR_NOT_FOUND, &error, "a");
}

static void test_rename(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    put(f, "a", "new");
    put(f, "b", "old");
    assert_int_equal(f->fs->ops->rename(f->fs, at(f, "a"), at(f, "b"), NULL), ALM_OK);
    assert_false(alm_fs_exists(f->fs, at(f, "a")));
    assert_content(f, "b", "new");
    assert_fails(f->fs->ops->rename(f->fs, at(f, "a"), at(f, "c"), &error), ALM_ERR_NOT_FOUND,
                 &error, "a");
}

static void test_directories(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    assert_int_equal(alm_fs_make_directories(f->fs, at(f, "x/y/z"), &error), ALM_OK);
    assert_int_equal(alm_fs_make_directories(f->fs, at(f, "x/y/z"), &error), ALM_OK);
    assert_fails(f->fs->ops->make_directory(f->fs, at(f, "x"), &error), ALM_ERR_EXISTS, &error,
                 "x");
    assert_fails(f->fs->ops->make_directory(f->fs, at(f, "no/y"), &error), ALM_ERR_NOT_FOUND,
                 &error, "no/y");
    assert_fails(f->fs->ops->remove_directory(f->fs, at(f, "x"), &error), ALM_ERR_IO, &error,
                 "not empty");
    assert_int_equal(f->fs->ops->remove_directory(f->fs, at(f, "x/y/z"), &error), ALM_OK);
    assert_int_equal(f->fs->ops->sync_directory(f->fs, at(f, "x/y"), &error), ALM_OK);
    assert_fails(f->fs->ops->sync_directory(f->fs, at(f, "x/y/z"), &error), ALM_ERR_NOT_FOUND,
                 &error, "x/y/z");
    put(f, "plain", "");
    assert_fails(alm_fs_make_directories(f->fs, at(f, "plain"), &error), ALM_ERR_EXISTS, &error,
                 "in the place of a folder");
}

static void test_list_is_sorted(void **state) {
    fixture *f = *state;
    put(f, "b", "");
    put(f, "a10", "");
    put(f, "A", "");
    put(f, ".hidden", "");
    assert_int_equal(f->fs->ops->make_directory(f->fs, at(f, "a9"), NULL), ALM_OK);
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, f->root, f->arena, &entry, &count, NULL), ALM_OK);
    const char *expected[] = {".hidden", "A", "a10", "a9", "b"};
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(entry[i].name, expected[i]);
        assert_int_equal(entry[i].kind, i == 3 ? ALM_FS_DIRECTORY : ALM_FS_FILE);
    }
    alm_error error = {0};
    assert_fails(f->fs->ops->list(f->fs, at(f, "none"), f->arena, &entry, &count, &error),
                 ALM_ERR_NOT_FOUND, &error, "none");
}

static void test_stat_and_times(void **state) {
    fixture *f = *state;
    put(f, "a", "12345");
    alm_instant when = INT64_C(1767225600123456);
    assert_int_equal(f->fs->ops->set_modified(f->fs, at(f, "a"), when, NULL), ALM_OK);
    alm_fs_stat stat;
    assert_int_equal(f->fs->ops->stat(f->fs, at(f, "a"), &stat, NULL), ALM_OK);
    assert_int_equal(stat.kind, ALM_FS_FILE);
    assert_int_equal(stat.size_bytes, 5);
    assert_int_equal(stat.modified, when);
    assert_int_equal(f->fs->ops->set_modified(f->fs, at(f, "a"), -1500001, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->stat(f->fs, at(f, "a"), &stat, NULL), ALM_OK);
    assert_int_equal(stat.modified, -1500001);
    assert_int_equal(f->fs->ops->stat(f->fs, f->root, &stat, NULL), ALM_OK);
    assert_int_equal(stat.kind, ALM_FS_DIRECTORY);
}

static void test_publish(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    assert_int_equal(alm_fs_publish(f->fs, at(f, "p"), ALM_STR("one"), NULL), ALM_OK);
    alm_err code = alm_fs_publish(f->fs, at(f, "p"), ALM_STR("two"), &error);
    assert_fails(code, ALM_ERR_EXISTS, &error, "p");
    assert_content(f, "p", "one");
    assert_int_equal(alm_fs_publish(f->fs, at(f, "empty"), (alm_str){NULL, 0}, NULL), ALM_OK);
    assert_content(f, "empty", "");
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, f->root, f->arena, &entry, &count, NULL), ALM_OK);
    assert_int_equal(count, 2); /* no temporary names are left */
}

static void test_write_all_replaces(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    assert_int_equal(alm_fs_write_all(f->fs, at(f, "r"), ALM_STR("one"), NULL), ALM_OK);
    assert_int_equal(alm_fs_write_all(f->fs, at(f, "r"), ALM_STR("three"), NULL), ALM_OK);
    assert_content(f, "r", "three");
    assert_fails(alm_fs_write_all(f->fs, at(f, "no/r"), ALM_STR("x"), &error), ALM_ERR_NOT_FOUND,
                 &error, "no/r");
    assert_fails(alm_fs_write_all(f->fs, f->root, ALM_STR("x"), &error), ALM_ERR_IO, &error,
                 "not an ordinary file");
}

static void test_read_all_limit(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    put(f, "a", "12345");
    alm_str text = ALM_STR("untouched");
    assert_fails(alm_fs_read_all(f->fs, at(f, "a"), 4, f->arena, &text, &error), ALM_ERR_LIMIT,
                 &error, "limit of 4 bytes");
    assert_string_equal(text.data, "untouched");
    assert_int_equal(alm_fs_read_all(f->fs, at(f, "a"), 5, f->arena, &text, &error), ALM_OK);
    assert_string_equal(text.data, "12345");
}

/* The bytes, and their hash, however much of it is made on the way. */
static void test_read_hashing(void **state) {
    fixture *f = *state;
    static const size_t sizes[] = {0, 1, 1000, 262144, 3000001};
    char *bytes = alm_arena_alloc(f->arena, 3000001);
    for (size_t i = 0; i < 3000001; i++) {
        bytes[i] = (char)(i * i / 7);
    }
    for (int threads = 0; threads <= 3; threads++) {
        alm_pool *pool = NULL;
        alm_error error = {0};
        alm_fs_content content = {0};
        if (threads > 0) {
            assert_int_equal(alm_pool_create(threads, &pool, NULL), ALM_OK);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const char *path = alm_path_join(f->arena, f->root, "hashed");
            alm_digest expected = alm_hash_bytes(bytes, sizes[i]);
            assert_int_equal(alm_fs_write_all(f->fs, path, (alm_str){bytes, sizes[i]}, NULL),
                             ALM_OK);
            assert_int_equal(
                alm_fs_read_begin(f->fs, path, sizes[i], f->arena, &content, &error), ALM_OK);
            assert_int_equal(alm_fs_read_hashing(pool, &content, &error), ALM_OK);
            assert_null(content.reading);
            assert_int_equal(content.bytes.size, sizes[i]);
            assert_memory_equal(content.bytes.data, bytes, sizes[i]);
            assert_true(content.hash.done <= sizes[i]);
            alm_digest digest = alm_hash_finish(&content.hash, content.bytes);
            assert_true(alm_digest_equal(&digest, &expected));
            assert_true(sizes[i] == 0 || alm_fs_read_begin(f->fs, path, sizes[i] - 1, f->arena,
                                                           &content, &error) == ALM_ERR_LIMIT);
        }
        const char *path = alm_path_join(f->arena, f->root, "not there");
        assert_int_equal(alm_fs_read_begin(f->fs, path, 9, f->arena, &content, &error),
                         ALM_ERR_NOT_FOUND);
        alm_pool_destroy(pool);
    }
}

/* Whoever needs bytes has them; a text in memory is such a content, too. */
static void test_read_on(void **state) {
    fixture *f = *state;
    static const char first[] = "0123456789", longer[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    const char *path = at(f, "coming");
    alm_error error = {0};
    alm_fs_content content = {0};
    put(f, "coming", first);
    assert_int_equal(alm_fs_read_begin(f->fs, path, 100, f->arena, &content, &error), ALM_OK);
    assert_int_equal(content.bytes.size, 10);
    assert_true(alm_fs_read_on(&content, 4));
    assert_memory_equal(content.bytes.data, first, 4);
    assert_true(alm_fs_read_on(&content, 10));
    assert_true(alm_fs_read_on(&content, 0));
    assert_false(alm_fs_read_on(&content, 11));
    assert_int_equal(alm_fs_read_end(&content, &error), ALM_OK);
    assert_string_equal(content.bytes.data, first);
    assert_true(alm_fs_read_on(&content, 10));
    assert_false(alm_fs_read_on(&content, 11));
    assert_int_equal(alm_fs_read_end(&content, &error), ALM_OK);

    alm_str text = alm_str_of(longer);
    alm_fs_content there = {.bytes = text};
    assert_true(alm_fs_read_on(&there, text.size));
    assert_false(alm_fs_read_on(&there, text.size + 1));
    alm_fs_read_hash(&there);
    assert_int_equal(there.hash.done, text.size);
    alm_digest digest = alm_hash_finish(&there.hash, text);
    alm_digest expected = alm_hash_bytes(text.data, text.size);
    assert_true(alm_digest_equal(&digest, &expected));
}

/* Being read, it is what it is at the end; those who have seen its first bytes keep them. */
static void test_read_on_while_it_grows(void **state) {
    fixture *f = *state;
    static const char longer[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    const char *path = at(f, "growing");
    alm_error error = {0};
    for (size_t limit = 10; limit <= 40; limit += 10) {
        alm_fs_content content = {0};
        alm_file *file = NULL;
        assert_int_equal(f->fs->ops->create(f->fs, path, &file, &error), ALM_OK);
        assert_int_equal(f->fs->ops->write(f->fs, file, longer, 10, &error), ALM_OK);
        assert_int_equal(alm_fs_read_begin(f->fs, path, limit, f->arena, &content, &error),
                         ALM_OK);
        assert_true(alm_fs_read_on(&content, 5));
        const char *begin = content.bytes.data;
        assert_int_equal(f->fs->ops->write(f->fs, file, longer + 10, 26, &error), ALM_OK);
        assert_int_equal(f->fs->ops->close(f->fs, file, &error), ALM_OK);
        assert_false(alm_fs_read_on(&content, 36)); /* nobody waits for what was not expected */
        alm_err code = alm_fs_read_end(&content, &error);
        assert_int_equal(code, limit < 36 ? ALM_ERR_LIMIT : ALM_OK);
        if (code == ALM_OK) {
            assert_string_equal(content.bytes.data, longer);
        } else {
            assert_int_equal(content.bytes.size, 0);
        }
        assert_memory_equal(begin, longer, 10);
        assert_int_equal(f->fs->ops->unlink(f->fs, path, &error), ALM_OK);
    }
}

static void test_remove_tree(void **state) {
    fixture *f = *state;
    assert_int_equal(alm_fs_make_directories(f->fs, at(f, "t/u/v"), NULL), ALM_OK);
    put(f, "t/a", "");
    put(f, "t/u/v/b", "x");
    assert_int_equal(alm_fs_remove_tree(f->fs, at(f, "t"), NULL), ALM_OK);
    assert_false(alm_fs_exists(f->fs, at(f, "t")));
    assert_int_equal(alm_fs_remove_tree(f->fs, at(f, "t"), NULL), ALM_OK);
}

static void test_paths(void **state) {
    fixture *f = *state;
    assert_string_equal(alm_path_join(f->arena, "a", "b"), "a/b");
    assert_string_equal(alm_path_join(f->arena, "a/", "b"), "a/b");
    assert_string_equal(alm_path_join(f->arena, "/", "b"), "/b");
    assert_string_equal(alm_path_join(f->arena, "a", "/b"), "/b");
    assert_string_equal(alm_path_join(f->arena, "", "b"), "b");
    assert_string_equal(alm_path_directory(f->arena, "a/b/c"), "a/b");
    assert_string_equal(alm_path_directory(f->arena, "a/b/"), "a");
    assert_string_equal(alm_path_directory(f->arena, "a"), ".");
    assert_string_equal(alm_path_directory(f->arena, "/a"), "/");
    assert_string_equal(alm_path_directory(f->arena, "/"), "/");
}

/* An allocation that fails gives a clean error, leaves outputs alone and leaks no open file. */
static void test_allocation_faults(void **state) {
    fixture *f = *state;
    put(f, "a", "12345");
    for (uint64_t nth = 1;; nth++) {
        alm_error error = {0};
        alm_str text = ALM_STR("untouched");
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_fs_read_all(f->fs, at(f, "a"), 100, f->arena, &text, &error);
        alm_err published =
            code == ALM_OK ? alm_fs_publish(f->fs, at(f, "p"), ALM_STR("one"), &error) : ALM_OK;
        (void)alm_heap_fail_at(0);
        if (code == ALM_OK && published == ALM_OK) {
            assert_true(nth > 1);
            break;
        }
        assert_int_equal(code != ALM_OK ? code : published, ALM_ERR_MEMORY);
        assert_false(alm_fs_exists(f->fs, at(f, "p")));
        assert_string_equal(text.data, code == ALM_OK ? "12345" : "untouched");
        assert_true(nth < 100);
    }
    assert_content(f, "p", "one");
}

#define ON(test, name) {#test " " #name, test, set_up_##name, tear_down, NULL}
#define EVERYWHERE(test) \
    ON(test, real), ON(test, memory), ON(test, wrapped_real), ON(test, wrapped_memory)

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERYWHERE(test_create_write_read),
        EVERYWHERE(test_read_in_pieces),
        EVERYWHERE(test_link),
        EVERYWHERE(test_rename),
        EVERYWHERE(test_directories),
        EVERYWHERE(test_list_is_sorted),
        EVERYWHERE(test_stat_and_times),
        EVERYWHERE(test_publish),
        EVERYWHERE(test_write_all_replaces),
        EVERYWHERE(test_read_all_limit),
        EVERYWHERE(test_read_hashing),
        EVERYWHERE(test_read_on),
        EVERYWHERE(test_read_on_while_it_grows),
        EVERYWHERE(test_remove_tree),
        EVERYWHERE(test_paths),
        EVERYWHERE(test_allocation_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
