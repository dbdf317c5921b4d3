/* Lines of any length, over pieces that are read; what has no line break is none. */
#include "app/line_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"

enum { LIMIT = 1 << 20 };

static void put(alm_fs *fs, alm_str text)
{
    assert_int_equal(alm_fs_write_all(fs, "/f", text, NULL), ALM_OK);
}

static void lines_come_one_by_one(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_buffer text = {0};
    almi_line_reader reader;
    assert_int_equal(alm_fs_memory_create(&fs, NULL), ALM_OK);
    /* Lines of 0, 1, ... and of many bytes, so that pieces end anywhere. */
    for (size_t i = 0; i < 1200; i++) {
        for (size_t k = 0; k < i * 7 % 1999; k++) {
            alm_buffer_append(&text, "x", 1);
        }
        alm_buffer_printf(&text, "%zu\n", i);
    }
    alm_buffer_text(&text, "torn");
    put(fs, alm_buffer_view(&text));
    assert_int_equal(almi_line_reader_open(fs, "/f", LIMIT, &reader, NULL), ALM_OK);
    alm_str line;
    bool found = true;
    for (size_t i = 0; i < 1200; i++) {
        char number[16];
        assert_int_equal(almi_line_reader_next(&reader, &line, &found, NULL), ALM_OK);
        assert_true(found);
        assert_int_equal(reader.lines, i + 1);
        size_t digits = (size_t)snprintf(number, sizeof number, "%zu", i);
        assert_int_equal(line.size, i * 7 % 1999 + digits);
        assert_memory_equal(line.data + line.size - digits, number, digits);
    }
    assert_false(reader.is_torn);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(almi_line_reader_next(&reader, &line, &found, NULL), ALM_OK);
        assert_false(found);
        assert_true(reader.is_torn);
    }
    almi_line_reader_close(&reader);
    alm_buffer_deinit(&text);
    alm_fs_destroy(fs);
}

static void what_goes_wrong(void **state)
{
    (void)state;
    alm_fs *memory = NULL, *fs = NULL;
    almi_line_reader reader;
    alm_error error = {0};
    alm_str line;
    bool found = false;
    assert_int_equal(alm_fs_memory_create(&memory, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(memory, &fs, NULL), ALM_OK);
    assert_int_equal(almi_line_reader_open(fs, "/none", LIMIT, &reader, &error),
                     ALM_ERR_NOT_FOUND);
    almi_line_reader_close(&reader);
    put(fs, ALM_STR("a\nlonger than four\n"));
    assert_int_equal(almi_line_reader_open(fs, "/f", 4, &reader, NULL), ALM_OK);
    assert_int_equal(almi_line_reader_next(&reader, &line, &found, NULL), ALM_OK);
    assert_true(found && alm_str_is(line, "a"));
    /* A whole line that was read is given; the limit is on what is gathered. */
    put(fs, ALM_STR("a\nlonger than four"));
    almi_line_reader_close(&reader);
    assert_int_equal(almi_line_reader_open(fs, "/f", 4, &reader, NULL), ALM_OK);
    assert_int_equal(almi_line_reader_next(&reader, &line, &found, NULL), ALM_OK);
    assert_int_equal(almi_line_reader_next(&reader, &line, &found, &error), ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "line 2"));
    almi_line_reader_close(&reader);
    put(fs, ALM_STR(""));
    assert_int_equal(almi_line_reader_open(fs, "/f", 4, &reader, NULL), ALM_OK);
    assert_int_equal(almi_line_reader_next(&reader, &line, &found, NULL), ALM_OK);
    assert_false(found || reader.is_torn);
    alm_fs_fault_set(fs, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = 1,
                                         .calls = ALM_FS_CALL_BIT(READ)});
    reader.at_end = false;
    assert_int_equal(almi_line_reader_next(&reader, &line, &found, NULL), ALM_ERR_IO);
    almi_line_reader_close(&reader);
    alm_fs_destroy(fs);
    alm_fs_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_one_by_one),
        cmocka_unit_test(what_goes_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
