/* Checkpoints, with a callback in place of the Parquet writer. */
#include "base/json.h"
#include "store/predictions_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Stands in for the Parquet writer: keeps the lines that it was given. */
static alm_err keep_lines(void *context, const char *json_lines, const char *parquet,
                          alm_error *error) {
    fixture *f = context;
    alm_str text;
    ALM_TRY(alm_fs_read_all(f->fs, json_lines, 1 << 20, f->arena, &text, error));
    return alm_fs_write_all(f->fs, parquet, text, error);
}

static void test_checkpoints(void **state) {
    fixture *f = *state;
    alm_predictions_checkpointer by = {keep_lines, f, 2};
    int64_t version = 0;
    commit(f, "a", "1");
    assert_int_equal(alm_predictions_checkpoint(f->table, &by, &version, NULL), ALM_OK);
    assert_int_equal(version, -1); /* version 1 is no multiple of 2, and 0 needs none */
    commit(f, "b", "2");
    commit(f, "c", "3");
    assert_int_equal(alm_predictions_checkpoint(f->table, &by, &version, NULL), ALM_OK);
    assert_int_equal(version, 2);
    alm_str text = read_text(f, LOG "00000000000000000002.checkpoint.parquet");
    size_t lines = 0;
    size_t adds = 0;
    alm_str rest = {text.data, text.size - 1};
    while (rest.data != NULL) {
        alm_str line = alm_str_split(&rest, '\n');
        alm_json_document *action = NULL;
        assert_int_equal(alm_json_parse(line, "line", &action, NULL), ALM_OK);
        const alm_json *add = alm_json_member(alm_json_root(action), "add");
        bool is_change = true;
        lines++;
        if (add != NULL) {
            adds++;
            assert_int_equal(alm_json_get_bool(add, "dataChange", &is_change, NULL), ALM_OK);
            assert_false(is_change);
        }
        assert_null(alm_json_member(alm_json_root(action), "commitInfo"));
        alm_json_document_destroy(action);
    }
    assert_int_equal(adds, 2);
    assert_int_equal(lines, 6); /* protocol, metaData, and a txn and an add of two runs */
    assert_true(alm_str_starts_with(read_text(f, LOG "_last_checkpoint"),
                                    "{\"version\":2,\"size\":6,\"sizeInBytes\":"));
    assert_int_equal(alm_predictions_checkpoint(f->table, &by, &version, NULL), ALM_OK);
    assert_int_equal(version, -1); /* it is there */
    commit(f, "d", "4");
    assert_int_equal(alm_predictions_checkpoint(f->table, &by, &version, NULL), ALM_OK);
    assert_int_equal(version, 4);
    assert_true(alm_str_starts_with(read_text(f, LOG "_last_checkpoint"), "{\"version\":4,"));
    assert_int_equal(verify(f, NULL).findings, 0);
    /* Nothing is left in the staging folder. */
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(
        f->fs->ops->list(f->fs, ROOT "/" ALMI_STAGING_FOLDER, f->arena, &entry, &count, NULL),
        ALM_OK);
    assert_int_equal(count, 0);
}

static alm_err fail_to_convert(void *context, const char *json_lines, const char *parquet,
                               alm_error *error) {
    (void)context;
    (void)parquet;
    return alm_fail(error, ALM_ERR_EXTERNAL, "cannot convert %s", json_lines);
}

static void test_failed_and_foreign_checkpoints(void **state) {
    fixture *f = *state;
    alm_predictions_checkpointer by = {fail_to_convert, f, 1};
    int64_t version = -77;
    alm_error error = {0};
    commit(f, "a", "1");
    assert_int_equal(alm_predictions_checkpoint(f->table, &by, &version, &error), ALM_ERR_EXTERNAL);
    assert_int_equal(version, -77);
    assert_false(alm_fs_exists(f->fs, LOG "_last_checkpoint"));
    by.to_parquet = keep_lines;
    put_entry(f, "00000000000000000002.json", FOREIGN_ADD, INT64_C(1767400000000000));
    assert_int_equal(alm_predictions_refresh(f->table, NULL), ALM_OK);
    assert_int_equal(alm_predictions_checkpoint(f->table, &by, &version, &error), ALM_OK);
    assert_int_equal(version, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(test_checkpoints),
        ON(test_failed_and_foreign_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
