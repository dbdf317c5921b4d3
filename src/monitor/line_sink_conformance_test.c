/* The same behaviour of every sink: files on the real file system, files in memory, the memory
 * twin. Then what only files have: rotation, and disks that fail. */
#include "monitor/line_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"

typedef struct fixture {
    alm_fs *fs; /* NULL: the memory twin */
    alm_line_sink *sink;
    alm_arena *arena;
    char root[256];
    uint32_t files_max;
} fixture;

enum { FILE_BYTES = 40 };

static alm_err open_files(fixture *f, alm_error *error)
{
    alm_line_files files = {f->fs, alm_path_join(f->arena, f->root, "a/b"), "log", FILE_BYTES,
                            f->files_max};
    return alm_line_sink_files(&files, &f->sink, error);
}

static void open_sink(fixture *f)
{
    alm_error error = {0};
    alm_err code = f->fs ? open_files(f, &error) : alm_line_sink_memory(1000, &f->sink, &error);
    if (code != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static int set_up(void **state, alm_fs *fs, const char *root)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = alm_arena_create(0);
    f->fs = fs;
    snprintf(f->root, sizeof f->root, "%s", root);
    open_sink(f);
    *state = f;
    return 0;
}

static int set_up_real(void **state)
{
    char root[200];
    const char *base = getenv("TMPDIR");
    alm_fs *fs = NULL;
    snprintf(root, sizeof root, "%s/alm_lines_XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(root));
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    return set_up(state, fs, root);
}

static int set_up_memory_files(void **state)
{
    alm_fs *fs = NULL;
    assert_int_equal(alm_fs_memory_create(&fs, NULL), ALM_OK);
    return set_up(state, fs, "/r");
}

static int set_up_memory(void **state)
{
    return set_up(state, NULL, "");
}

static int tear_down(void **state)
{
    fixture *f = *state;
    if (f->sink) {
        assert_int_equal(f->sink->ops->close(f->sink, NULL), ALM_OK);
    }
    if (f->fs) {
        assert_int_equal(alm_fs_remove_tree(f->fs, f->root, NULL), ALM_OK);
    }
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    free(f);
    return 0;
}

static void put(fixture *f, const char *lines)
{
    alm_error error = {0};
    if (f->sink->ops->write(f->sink, alm_str_of(lines), &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

/* Everything that is in the sink, files one after the other with "|" between them if asked. */
static const char *content(fixture *f, const char *between)
{
    if (!f->fs) {
        alm_str view = alm_line_sink_memory_view(f->sink);
        return alm_arena_copy_text(f->arena, view.size ? view.data : "", view.size);
    }
    const char *folder = alm_path_join(f->arena, f->root, "a/b"), *text = "";
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, folder, f->arena, &entry, &count, NULL), ALM_OK);
    for (size_t i = 0; i < count; i++) {
        alm_str one;
        const char *path = alm_path_join(f->arena, folder, entry[i].name);
        assert_int_equal(alm_fs_read_all(f->fs, path, 10000, f->arena, &one, NULL), ALM_OK);
        text = alm_arena_printf(f->arena, "%s%s%s", text, i > 0 ? between : "", one.data);
    }
    return text;
}

static void test_lines_in_order(void **state)
{
    fixture *f = *state;
    assert_string_equal(content(f, ""), "");
    put(f, "one\n");
    put(f, "two\nthree\n");
    assert_int_equal(f->sink->ops->sync(f->sink, NULL), ALM_OK);
    put(f, "\n");
    assert_string_equal(content(f, ""), "one\ntwo\nthree\n\n");
    assert_int_equal(f->sink->ops->sync(f->sink, NULL), ALM_OK);
    assert_int_equal(f->sink->ops->sync(f->sink, NULL), ALM_OK);
}

static void test_many_lines_at_once(void **state)
{
    fixture *f = *state;
    alm_buffer lines = {0};
    for (int i = 0; i < 60; i++) {
        alm_buffer_printf(&lines, "line %d\n", i);
    }
    put(f, lines.data);
    assert_string_equal(content(f, ""), lines.data);
    alm_buffer_deinit(&lines);
}

static void test_oldest_go_first(void **state)
{
    fixture *f = *state;
    if (f->fs) {
        assert_int_equal(f->sink->ops->close(f->sink, NULL), ALM_OK);
        f->files_max = 5;
        open_sink(f);
    }
    char line[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        put(f, line);
    }
    const char *text = content(f, "");
    size_t size = strlen(text);
    assert_true(size <= (f->fs ? 5 * FILE_BYTES : 1000));
    assert_true(size >= (f->fs ? 4 * FILE_BYTES - 20 : 980));
    int first = 0;
    assert_int_equal(sscanf(text, "line %d\n", &first), 1); /* whole lines, and no gap */
    for (int i = first; i < 1000; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        assert_memory_equal(text, line, strlen(line));
        text += strlen(line);
    }
    assert_string_equal(text, "");
}

/* ---- files ---- */

static void test_rotation(void **state)
{
    fixture *f = *state;
    put(f, "123456789012345678\n123456789012345678\n"); /* 38 bytes */
    put(f, "x\n");                                       /* 40: full */
    put(f, "y\n");
    put(f, "1234567890123456789012345678901234567890123456789\n"); /* longer than a file */
    put(f, "z\nz\n");
    assert_string_equal(content(f, "|"),
                        "123456789012345678\n123456789012345678\nx\n|y\n|"
                        "1234567890123456789012345678901234567890123456789\n|z\nz\n");
    /* Started again, it goes on in a file of its own; other files are not touched. */
    assert_int_equal(f->sink->ops->close(f->sink, NULL), ALM_OK);
    const char *foreign = alm_path_join(f->arena, f->root, "a/b/log-0000009x.ndjson");
    assert_int_equal(alm_fs_write_all(f->fs, foreign, ALM_STR("foreign\n"), NULL), ALM_OK);
    f->files_max = 2;
    open_sink(f);
    assert_string_equal(content(f, "|"),
                        "1234567890123456789012345678901234567890123456789\n|z\nz\n|foreign\n");
    put(f, "new\n");
    assert_string_equal(content(f, "|"), "z\nz\n|new\n|foreign\n");
    assert_true(alm_fs_exists(f->fs, alm_path_join(f->arena, f->root, "a/b/log-00000005.ndjson")));
}

/* Every call of the file system fails once: an error, and the sink goes on with whole lines. */
static void test_failing_disk(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        fixture f = {.arena = alm_arena_create(0), .root = "/r"};
        alm_fs *inner = NULL;
        assert_int_equal(alm_fs_memory_create(&inner, NULL), ALM_OK);
        assert_int_equal(alm_fs_fault_create(inner, &f.fs, NULL), ALM_OK);
        alm_fs_fault fault = {.mode = ALM_FS_FAULT_FAIL, .nth = nth};
        alm_fs_fault_set(f.fs, &fault);
        int failures = 0;
        while (open_files(&f, NULL) != ALM_OK) {
            failures++;
        }
        for (int i = 0; i < 12; i++) {
            failures += f.sink->ops->write(f.sink, ALM_STR("0123456789\n"), NULL) != ALM_OK;
            failures += f.sink->ops->sync(f.sink, NULL) != ALM_OK;
        }
        failures += f.sink->ops->close(f.sink, NULL) != ALM_OK;
        bool happened = alm_fs_fault_happened(f.fs);
        /* Whether a folder is there is asked for, and a failure taken as a no. */
        bool absorbed = happened && strncmp(alm_fs_fault_place(f.fs), "stat", 4) == 0;
        assert_int_equal(failures, happened && !absorbed);
        alm_fs_fault_set(f.fs, &(alm_fs_fault){0}); /* what follows only looks */
        /* All lines are there but one at most; a torn one ends its file. */
        size_t whole = 0;
        const char *text = content(&f, "|");
        for (const char *at = text; (at = strstr(at, "0123456789\n")); at++) {
            whole++;
        }
        assert_true(whole >= 11 && whole <= 12);
        for (alm_str files = alm_str_of(text); files.data;) {
            for (alm_str lines = alm_str_split(&files, '|'); lines.data;) {
                alm_str line = alm_str_split(&lines, '\n');
                bool torn = !lines.data && memcmp(line.data, "0123456789", line.size) == 0;
                assert_true(torn || alm_str_is(line, "0123456789"));
            }
        }
        alm_fs_destroy(f.fs);
        alm_fs_destroy(inner);
        alm_arena_destroy(f.arena);
        if (!happened) {
            assert_true(nth > 40);
            return;
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error = {0};
    alm_line_sink *sink = NULL;
    assert_int_equal(alm_fs_memory_create(&fs, NULL), ALM_OK);
    alm_line_files files = {fs, "/r", "a/b", 10, 0};
    assert_int_equal(alm_line_sink_files(&files, &sink, &error), ALM_ERR_USAGE);
    files = (alm_line_files){fs, "/r", "a", 0, 0};
    assert_int_equal(alm_line_sink_files(&files, &sink, &error), ALM_ERR_USAGE);
    assert_int_equal(alm_fs_make_directories(fs, "/r", NULL), ALM_OK);
    assert_int_equal(alm_fs_write_all(fs, "/r/a-99999999.ndjson", ALM_STR("x"), NULL), ALM_OK);
    files.file_bytes = 10;
    assert_int_equal(alm_line_sink_files(&files, &sink, &error), ALM_OK);
    assert_int_equal(sink->ops->write(sink, ALM_STR("x\n"), &error), ALM_ERR_LIMIT);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
    assert_int_equal(alm_line_sink_memory(5, &sink, NULL), ALM_OK);
    assert_int_equal(sink->ops->write(sink, ALM_STR("1234\n"), &error), ALM_OK);
    assert_int_equal(sink->ops->write(sink, ALM_STR("1\n12345\n"), &error), ALM_ERR_LIMIT);
    assert_true(alm_str_is(alm_line_sink_memory_view(sink), "1234\n"));
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
    alm_fs_destroy(fs);
}

#define ON(test, name) {#test " " #name, test, set_up_##name, tear_down, NULL}
#define EVERYWHERE(test) ON(test, real), ON(test, memory_files), ON(test, memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(test_lines_in_order),
        EVERYWHERE(test_many_lines_at_once),
        EVERYWHERE(test_oldest_go_first),
        ON(test_rotation, real),
        ON(test_rotation, memory_files),
        cmocka_unit_test(test_failing_disk),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
