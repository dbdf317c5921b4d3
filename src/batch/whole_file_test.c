#include "batch/whole_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"

static alm_err two_pieces(void *context, const char *temporary, alm_error *error)
{
    alm_text_file file;
    ALM_TRY(alm_text_file_create(context, temporary, &file, error));
    alm_err code = alm_text_file_write(&file, ALM_STR("new "), error);
    if (code == ALM_OK) {
        code = alm_text_file_write(&file, ALM_STR("text"), error);
    }
    return alm_text_file_close(&file, code, error);
}

typedef struct world {
    alm_fs *fs, *faulty;
    alm_arena *arena;
} world;

static void start(world *w)
{
    assert_int_equal(alm_fs_memory_create(&w->fs, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(w->fs, &w->faulty, NULL), ALM_OK);
    w->arena = alm_arena_create(0);
    assert_int_equal(alm_fs_write_all(w->fs, "out.csv", ALM_STR("old"), NULL), ALM_OK);
}

static void stop(world *w)
{
    alm_fs_destroy(w->faulty);
    alm_fs_destroy(w->fs);
    alm_arena_destroy(w->arena);
}

static void holds(world *w, const char *text)
{
    alm_str bytes;
    assert_int_equal(alm_fs_read_all(w->fs, "out.csv", 100, w->arena, &bytes, NULL), ALM_OK);
    assert_true(alm_str_is(bytes, text));
}

/* Whatever call fails, the file is the old one or the new one, with nothing beside it. (A failed
 * stat is not an error: the file may not be there, which creating it shows.) */
static void it_is_whole_or_as_it_was(void **state)
{
    (void)state;
    bool is_over = false;
    for (uint64_t nth = 1; !is_over; nth++) {
        world w;
        alm_error error = {0};
        start(&w);
        alm_fs_fault_set(w.faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = nth});
        alm_err code = alm_whole_file_write(w.faulty, "out.csv", two_pieces, w.faulty, &error);
        is_over = !alm_fs_fault_happened(w.faulty);
        assert_true(code == ALM_OK || !is_over);
        holds(&w, code == ALM_OK ? "new text" : "old");
        alm_fs_entry *entry = NULL;
        size_t count = 0;
        assert_int_equal(w.fs->ops->list(w.fs, ".", w.arena, &entry, &count, NULL), ALM_OK);
        assert_int_equal(count, 1);
        stop(&w);
        assert_true(nth < 50);
    }
}

static void what_is_no_ordinary_file_is_refused(void **state)
{
    (void)state;
    world w;
    alm_error error = {0};
    start(&w);
    assert_int_equal(w.fs->ops->make_directory(w.fs, "folder", NULL), ALM_OK);
    assert_int_equal(alm_whole_file_write(w.fs, "folder", two_pieces, w.fs, &error), ALM_ERR_IO);
    assert_string_equal(error.message, "cannot write folder: it is not an ordinary file");
    stop(&w);
}

/* Nothing stays behind, whether the file can be made or not. */
static void a_try_leaves_nothing(void **state)
{
    (void)state;
    bool is_over = false;
    for (uint64_t nth = 1; !is_over; nth++) {
        world w;
        alm_error error = {0};
        alm_fs_entry *entry = NULL;
        size_t count = 0;
        start(&w);
        alm_fs_fault_set(w.faulty, &(alm_fs_fault){
            .mode = ALM_FS_FAULT_FAIL, .nth = nth,
            .calls = ALM_FS_CALL_BIT(CREATE) | ALM_FS_CALL_BIT(CLOSE)});
        alm_err code = alm_whole_file_try(w.faulty, "out.csv", &error);
        is_over = !alm_fs_fault_happened(w.faulty);
        assert_true(is_over == (code == ALM_OK));
        holds(&w, "old");
        assert_int_equal(w.fs->ops->list(w.fs, ".", w.arena, &entry, &count, NULL), ALM_OK);
        assert_int_equal(count, 1);
        stop(&w);
        assert_true(nth < 10);
    }
}

static void a_try_names_the_folder_that_is_not_there(void **state)
{
    (void)state;
    world w;
    alm_error error = {0};
    start(&w);
    assert_int_equal(alm_whole_file_try(w.fs, "none/out.csv", &error), ALM_ERR_NOT_FOUND);
    assert_string_equal(error.message,
                        "cannot write none/out.csv: there is no folder none; make it first");
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_whole_or_as_it_was),
        cmocka_unit_test(what_is_no_ordinary_file_is_refused),
        cmocka_unit_test(a_try_leaves_nothing),
        cmocka_unit_test(a_try_names_the_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
