/* Verification: a sound table has no finding, every kind of damage has its own. */
#include "store/predictions_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static alm_err know_first_only(void *context, const alm_predictions_commit *commit_found,
                               alm_error *error) {
    (void)context;
    return alm_str_is(commit_found->run_key, "1")
               ? ALM_OK
               : alm_fail(error, ALM_ERR_NOT_FOUND, "no manifest of ours names it");
}

static void assert_one_finding(fixture *f, const alm_predictions_known *known,
                               alm_predictions_finding_kind kind, int64_t version) {
    alm_predictions_report report = verify(f, known);
    for (size_t i = 0; i < report.findings; i++) {
        if (report.findings != 1 || report.finding[i].kind != kind) {
            fail_msg("unexpected: %s", report.finding[i].message);
        }
    }
    assert_int_equal(report.findings, 1);
    assert_int_equal(report.finding[0].version, version);
    assert_true(strlen(alm_predictions_finding_text(kind)) > 5);
}

static void test_verify_a_sound_table(void **state) {
    fixture *f = *state;
    commit(f, "abc", "1");
    alm_str keys[] = {ALM_STR("1")};
    alm_predictions_known known = {know_first_only, NULL, keys, 1};
    alm_predictions_report report = verify(f, &known);
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.commits, 2);
    assert_int_equal(report.runs, 1);
    assert_int_equal(report.files, 1);
    assert_int_equal(report.bytes, 3);
    assert_int_equal(report.rows, 5);
}

static void test_verify_finds_damage(void **state) {
    fixture *f = *state;
    commit(f, "abc", "1");
    replace(f, path_of_first(f), "abd"); /* same length: only the hash can tell */
    assert_one_finding(f, NULL, ALM_PREDICTIONS_DAMAGED_FILE, 1);
    assert_int_equal(f->fs->ops->unlink(f->fs, path_of_first(f), NULL), ALM_OK);
    assert_one_finding(f, NULL, ALM_PREDICTIONS_MISSING_FILE, 1);
}

static void test_verify_finds_unknown_and_missing_runs(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    alm_str keys[] = {ALM_STR("1"), ALM_STR("2")};
    alm_predictions_known known = {know_first_only, NULL, keys, 2};
    assert_one_finding(f, &known, ALM_PREDICTIONS_MISSING_RUN, -1);
    known.run_keys = 1;
    commit(f, "b", "2");
    assert_one_finding(f, &known, ALM_PREDICTIONS_FOREIGN, 2);
    assert_int_equal(verify(f, NULL).findings, 0);
}

static void test_verify_finds_foreign_actions(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    put_entry(f, "00000000000000000002.json",
              "{\"commitInfo\":{\"timestamp\":1767400000000,\"operation\":\"RESTORE\"}}\n"
              "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":4}}\n"
              "{\"metaData\":{\"id\":\"x\",\"schemaString\":\"{}\",\"partitionColumns\":[],"
              "\"configuration\":{\"delta.appendOnly\":\"false\"}}}\n"
              "{\"remove\":{\"path\":\"y\",\"dataChange\":true}}\n",
              INT64_C(1767400000000000));
    alm_predictions_report report = verify(f, NULL);
    const alm_predictions_finding_kind expected[] = {
        ALM_PREDICTIONS_FOREIGN, ALM_PREDICTIONS_REMOVE, ALM_PREDICTIONS_PROTOCOL,
        ALM_PREDICTIONS_METADATA};
    assert_int_equal(report.findings, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(report.finding[i].kind, expected[i]);
        assert_int_equal(report.finding[i].version, 2);
    }
    assert_string_equal(report.finding[1].message, "version 2 (RESTORE) removes y");
}

static void test_verify_finds_a_changed_log(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    commit(f, "b", "2");
    assert_int_equal(f->fs->ops->set_modified(f->fs, LOG "00000000000000000002.json", 5, NULL),
                     ALM_OK);
    assert_one_finding(f, NULL, ALM_PREDICTIONS_TIME, 2);
    replace(f, LOG "00000000000000000002.json", "{");
    assert_one_finding(f, NULL, ALM_PREDICTIONS_UNREADABLE, 2);
    const char *path = LOG "00000000000000000001.json";
    assert_int_equal(f->fs->ops->rename(f->fs, LOG "00000000000000000002.json",
                                        LOG "00000000000000000003.json", NULL),
                     ALM_OK);
    put_entry(f, "00000000000000000003.json", read_text(f, path).data, CREATED + DAY);
    alm_predictions_report report = verify(f, NULL);
    /* Entry 2 is gone; entry 3 repeats entry 1: its time, its run, its file. */
    const alm_predictions_finding_kind expected[] = {ALM_PREDICTIONS_GAP, ALM_PREDICTIONS_TIME,
                                                     ALM_PREDICTIONS_REPEATED,
                                                     ALM_PREDICTIONS_REPEATED};
    assert_int_equal(report.findings, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(report.finding[i].kind, expected[i]);
    }
}

static void test_verify_stays_in_the_table(void **state) {
    fixture *f = *state;
    commit(f, "abc", "1");
    alm_str text = read_text(f, LOG "00000000000000000001.json");
    char *at = strstr(text.data, "prediction_date=2026");
    assert_non_null(at);
    memcpy(at, "../../../../../../..", 20);
    replace(f, LOG "00000000000000000001.json", text.data);
    assert_one_finding(f, NULL, ALM_PREDICTIONS_UNSAFE_PATH, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(test_verify_a_sound_table),
        ON(test_verify_finds_damage),
        ON(test_verify_finds_unknown_and_missing_runs),
        ON(test_verify_finds_foreign_actions),
        ON(test_verify_finds_a_changed_log),
        ON(test_verify_stays_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
