/* The object store in a folder, over the real file system and the one in memory. */
#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "store/objects.h"
#include "store/staging.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* SHA-256("abc"), FIPS 180-2 appendix B.1. */
#define ABC_DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

typedef struct fixture {
    alm_fs *fs;
    alm_arena *arena;
    alm_objects *objects;
    char root[256];
} fixture;

static int set_up_on(void **state, bool is_real) {
    fixture *f = calloc(1, sizeof *f);
    f->arena = alm_arena_create(0);
    if (is_real) {
        const char *base = getenv("TMPDIR");
        snprintf(f->root, sizeof f->root, "%s/alm_objects_XXXXXX", base != NULL ? base : "/tmp");
        assert_non_null(mkdtemp(f->root));
        assert_int_equal(alm_fs_real_create(&f->fs, NULL), ALM_OK);
    } else {
        snprintf(f->root, sizeof f->root, "/project");
        assert_int_equal(alm_fs_memory_create(&f->fs, NULL), ALM_OK);
    }
    const char *root = alm_path_join(f->arena, f->root, "objects");
    assert_int_equal(alm_objects_folder_open(f->fs, root, &f->objects, NULL), ALM_OK);
    *state = f;
    return 0;
}

static int set_up_real(void **state) {
    return set_up_on(state, true);
}

static int set_up_memory(void **state) {
    return set_up_on(state, false);
}

static int tear_down(void **state) {
    fixture *f = *state;
    alm_objects_close(f->objects);
    assert_int_equal(alm_fs_remove_tree(f->fs, f->root, NULL), ALM_OK);
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    free(f);
    return 0;
}

static const char *object_path(fixture *f, const char *digest) {
    return alm_arena_printf(f->arena, "%s/objects/%.2s/%s", f->root, digest, digest + 2);
}

static void test_put_and_get(void **state) {
    fixture *f = *state;
    alm_digest digest;
    char text[ALM_DIGEST_TEXT_BYTES];
    assert_int_equal(alm_objects_put(f->objects, ALM_STR("abc"), &digest, NULL), ALM_OK);
    alm_digest_text(&digest, text);
    assert_string_equal(text, ABC_DIGEST);
    assert_true(alm_fs_exists(f->fs, object_path(f, ABC_DIGEST)));

    alm_str content;
    uint64_t size = 0;
    assert_int_equal(alm_objects_get(f->objects, &digest, 100, f->arena, &content, NULL), ALM_OK);
    assert_string_equal(content.data, "abc");
    assert_int_equal(alm_objects_find(f->objects, &digest, &size, NULL), ALM_OK);
    assert_int_equal(size, 3);
    const char *path = NULL;
    assert_int_equal(alm_objects_locate(f->objects, &digest, f->arena, &path, NULL), ALM_OK);
    assert_string_equal(path, object_path(f, ABC_DIGEST));
    assert_int_equal(alm_objects_get(f->objects, &digest, 2, f->arena, &content, NULL),
                     ALM_ERR_LIMIT);
}

static void test_put_again_and_put_file(void **state) {
    fixture *f = *state;
    alm_digest first, second, third;
    const char *scratch = alm_path_join(f->arena, f->root, "scratch");
    assert_int_equal(alm_fs_write_all(f->fs, scratch, ALM_STR("abc"), NULL), ALM_OK);
    assert_int_equal(alm_objects_put_file(f->objects, scratch, &first, NULL), ALM_OK);
    assert_int_equal(alm_objects_put(f->objects, ALM_STR("abc"), &second, NULL), ALM_OK);
    assert_int_equal(alm_objects_put(f->objects, ALM_STR(""), &third, NULL), ALM_OK);
    assert_true(alm_digest_equal(&first, &second));
    alm_digest *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_objects_list(f->objects, f->arena, &list, &count, NULL), ALM_OK);
    assert_int_equal(count, 2);
    /* ba78... (abc) before e3b0... (nothing) */
    assert_true(alm_digest_equal(&list[0], &first));
    assert_true(alm_digest_equal(&list[1], &third));
    alm_error error = {0};
    assert_int_equal(alm_objects_put_file(f->objects, "/none/such", &third, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/none/such"));
    /* Nothing is left in the staging folder. */
    alm_fs_entry *entry = NULL;
    const char *staging = alm_path_join(f->arena, f->root, "objects/" ALMI_STAGING_FOLDER);
    assert_int_equal(f->fs->ops->list(f->fs, staging, f->arena, &entry, &count, NULL), ALM_OK);
    assert_int_equal(count, 0);
}

static void test_large_file_is_streamed(void **state) {
    fixture *f = *state;
    size_t size = 1000003; /* more than one piece, not a multiple of one */
    char *data = alm_arena_alloc(f->arena, size);
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(i * 31 + i / 255);
    }
    const char *scratch = alm_path_join(f->arena, f->root, "large");
    assert_int_equal(alm_fs_write_all(f->fs, scratch, (alm_str){data, size}, NULL), ALM_OK);
    alm_digest digest;
    assert_int_equal(alm_objects_put_file(f->objects, scratch, &digest, NULL), ALM_OK);
    alm_digest expected = alm_hash_bytes(data, size);
    assert_true(alm_digest_equal(&digest, &expected));
    alm_str content;
    assert_int_equal(alm_objects_get(f->objects, &digest, size, f->arena, &content, NULL), ALM_OK);
    assert_int_equal(content.size, size);
    assert_memory_equal(content.data, data, size);
}

static void test_missing_and_damaged(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    alm_digest digest = alm_hash_bytes("abc", 3);
    alm_str content = ALM_STR("untouched");
    assert_int_equal(alm_objects_get(f->objects, &digest, 100, f->arena, &content, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "object " ABC_DIGEST " is not in the store"));
    assert_int_equal(alm_objects_find(f->objects, &digest, NULL, NULL), ALM_ERR_NOT_FOUND);

    assert_int_equal(alm_objects_put(f->objects, ALM_STR("abc"), &digest, NULL), ALM_OK);
    assert_int_equal(alm_fs_write_all(f->fs, object_path(f, ABC_DIGEST), ALM_STR("abd"), NULL),
                     ALM_OK);
    assert_int_equal(alm_objects_get(f->objects, &digest, 100, f->arena, &content, &error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "restore the file from a backup"));
    const char *path = NULL;
    assert_int_equal(alm_objects_locate(f->objects, &digest, f->arena, &path, &error),
                     ALM_ERR_CORRUPT);
    assert_null(path);
    /* A put does not trust a damaged object either. */
    assert_int_equal(alm_objects_put(f->objects, ALM_STR("abc"), &digest, &error), ALM_ERR_CORRUPT);
    assert_string_equal(content.data, "untouched");
}

static void test_clean_removes_old_leftovers(void **state) {
    fixture *f = *state;
    alm_digest digest;
    assert_int_equal(alm_objects_put(f->objects, ALM_STR("abc"), &digest, NULL), ALM_OK);
    const char *old = alm_path_join(f->arena, f->root, "objects/" ALMI_STAGING_FOLDER "/old.tmp");
    const char *new = alm_path_join(f->arena, f->root, "objects/" ALMI_STAGING_FOLDER "/new.tmp");
    assert_int_equal(alm_fs_write_all(f->fs, old, ALM_STR("x"), NULL), ALM_OK);
    assert_int_equal(alm_fs_write_all(f->fs, new, ALM_STR("x"), NULL), ALM_OK);
    assert_int_equal(f->fs->ops->set_modified(f->fs, old, 1000, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->set_modified(f->fs, new, 3000, NULL), ALM_OK);
    size_t removed = 0;
    assert_int_equal(alm_objects_clean(f->objects, 2000, &removed, NULL), ALM_OK);
    assert_int_equal(removed, 1);
    assert_false(alm_fs_exists(f->fs, old));
    assert_true(alm_fs_exists(f->fs, new));
    assert_int_equal(alm_objects_find(f->objects, &digest, NULL, NULL), ALM_OK);
}

static void test_allocation_faults(void **state) {
    fixture *f = *state;
    for (uint64_t nth = 1;; nth++) {
        alm_digest digest = {{0}};
        alm_str content = ALM_STR("untouched");
        alm_digest *list = NULL;
        size_t count = 99;
        alm_error error = {0};
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_objects_put(f->objects, ALM_STR("abc"), &digest, &error);
        if (code == ALM_OK) {
            code = alm_objects_get(f->objects, &digest, 100, f->arena, &content, &error);
        }
        if (code == ALM_OK) {
            code = alm_objects_list(f->objects, f->arena, &list, &count, &error);
        }
        (void)alm_heap_fail_at(0);
        if (code == ALM_OK) {
            assert_true(nth > 3);
            assert_int_equal(count, 1);
            break;
        }
        assert_int_equal(code, ALM_ERR_MEMORY);
        assert_int_equal(count, 99);
        assert_true(nth < 100);
    }
}

#define ON(test, name) {#test " " #name, test, set_up_##name, tear_down, NULL}
#define EVERYWHERE(test) ON(test, real), ON(test, memory)

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERYWHERE(test_put_and_get),
        EVERYWHERE(test_put_again_and_put_file),
        EVERYWHERE(test_large_file_is_streamed),
        EVERYWHERE(test_missing_and_damaged),
        EVERYWHERE(test_clean_removes_old_leftovers),
        EVERYWHERE(test_allocation_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
