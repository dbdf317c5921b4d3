/* The prediction table: its log as text, its refusals, leftovers, races, lack of memory. */
#include "base/pool.h"
#include "store/predictions_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_refused(fixture *f, const alm_predictions_request *request, alm_err expected,
                           const char *text) {
    alm_error error = {0};
    int64_t version = -77;
    assert_int_equal(alm_predictions_commit_run(f->table, request, &version, &error), expected);
    assert_int_equal(version, -77);
    if (strstr(error.message, text) == NULL) {
        fail_msg("'%s' does not say '%s'", error.message, text);
    }
    assert_false(alm_fs_exists(f->fs, LOG "00000000000000000002.json"));
}

/* ---- the log as text ---- */

/* Written out from Delta's PROTOCOL.md by hand, so that a change of the writer is seen. */
static const char ENTRY_0[] =
    "{\"commitInfo\":{\"timestamp\":1767225600000,\"operation\":\"CREATE TABLE\","
    "\"operationParameters\":{\"partitionBy\":\"[\\\"prediction_date\\\",\\\"model_version\\\","
    "\\\"forecast_horizon\\\"]\"},\"engineInfo\":\"almanac/0.1.0\"}}\n"
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n";

static const char EXPLANATION[] =
    "{\\\"name\\\":\\\"explanation\\\",\\\"type\\\":{\\\"type\\\":\\\"array\\\","
    "\\\"elementType\\\":{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":["
    "{\\\"name\\\":\\\"feature\\\",\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true,"
    "\\\"metadata\\\":{}},{\\\"name\\\":\\\"contribution\\\",\\\"type\\\":\\\"double\\\","
    "\\\"nullable\\\":true,\\\"metadata\\\":{}}]},\\\"containsNull\\\":true},"
    "\\\"nullable\\\":true,\\\"metadata\\\":{}}";

static void test_entry_0(void **state) {
    fixture *f = *state;
    alm_str text = read_text(f, LOG "00000000000000000000.json");
    assert_true(alm_str_starts_with(text, ENTRY_0));
    assert_non_null(strstr(text.data, EXPLANATION));
    assert_non_null(strstr(text.data, "\"partitionColumns\":[\"prediction_date\","
                                      "\"model_version\",\"forecast_horizon\"]"));
    assert_non_null(strstr(text.data, "\"configuration\":{\"delta.appendOnly\":\"true\","
                                      "\"delta.enableExpiredLogCleanup\":\"false\","
                                      "\"delta.logRetentionDuration\":\"interval 36500 days\"}"));
    alm_fs_stat stat;
    const char *path = LOG "00000000000000000000.json";
    assert_int_equal(f->fs->ops->stat(f->fs, path, &stat, NULL), ALM_OK);
    assert_int_equal(stat.modified, CREATED);
    /* Nothing of ours lies in the table's root but names that other engines' cleaning skips. */
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(f->fs->ops->list(f->fs, ROOT, f->arena, &entry, &count, NULL), ALM_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entry[i].name[0], '_');
    }
}

static void test_entry_of_a_run(void **state) {
    fixture *f = *state;
    alm_predictions_file file[2] = {file_of("bb", "demand-3", 14), file_of("abc", "demand-3", 7)};
    file[0].stats = ALM_STR("{\"numRecords\":5,\"minValues\":{\"mean\":0.5}}");
    alm_predictions_request request = request_of(file, 2, "daily|2026-01-02|demand-3");
    int64_t version = -1;
    assert_int_equal(alm_predictions_commit_run(f->table, &request, &version, NULL), ALM_OK);
    assert_int_equal(version, 1);
    /* Digests: sha256sum of "manifest", "ledger", "abc" and "bb" (coreutils 9.1). */
    static const char EXPECTED[] =
        "{\"commitInfo\":{\"timestamp\":1767312000000,\"operation\":\"WRITE\","
        "\"operationParameters\":{\"mode\":\"Append\",\"partitionBy\":\"[\\\"prediction_date\\\","
        "\\\"model_version\\\",\\\"forecast_horizon\\\"]\"},\"readVersion\":0,"
        "\"isolationLevel\":\"Serializable\",\"isBlindAppend\":true,\"operationMetrics\":"
        "{\"numFiles\":\"2\",\"numOutputRows\":\"10\",\"numOutputBytes\":\"5\"},\"userMetadata\":"
        "\"05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f\",\"engineInf"
        "o\":\"almanac/0.1.0\",\"run_id\":\"run-1\","
        "\"ledger_head\":\"fe14010b4fe83303852f0467c919ef9a7ca089b91e96e3aad7d426dd87079297\"}}\n"
        "{\"txn\":{\"appId\":\"daily|2026-01-02|demand-3\",\"version\":1,"
        "\"lastUpdated\":1767312000000}}\n"
        "{\"add\":{\"path\":\"prediction_date=2026-01-02/model_version=demand-3/"
        "forecast_horizon=14/part-3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4"
        "c98c3deaf.parquet\",\"partitionValues\":"
        "{\"prediction_date\":\"2026-01-02\",\"model_version\":\"demand-3\","
        "\"forecast_horizon\":\"14\"},\"size\":2,\"modificationTime\":1767312000000,"
        "\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":5,\\\"minValues\\\":{\\\"mea"
        "n\\\":0.5}}"
        "\"}}\n"
        "{\"add\":{\"path\":\"prediction_date=2026-01-02/model_version=demand-3/"
        "forecast_horizon=7/part-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
        "f20015ad.parquet\",\"partitionValues\":"
        "{\"prediction_date\":\"2026-01-02\",\"model_version\":\"demand-3\","
        "\"forecast_horizon\":\"7\"},\"size\":3,\"modificationTime\":1767312000000,"
        "\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":5}\"}}\n";
    alm_str text = read_text(f, LOG "00000000000000000001.json");
    assert_string_equal(text.data, EXPECTED);
}

static void test_reading_back(void **state) {
    fixture *f = *state;
    commit(f, "abc", "run key");
    alm_predictions *other = NULL;
    const alm_predictions_commit *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_predictions_open(f->fs, ROOT, &other, NULL), ALM_OK);
    assert_int_equal(alm_predictions_list(other, &list, &count, NULL), ALM_OK);
    assert_int_equal(count, 2);
    assert_false(list[0].is_run);
    const alm_predictions_commit *run = &list[1];
    alm_digest manifest = alm_hash_bytes("manifest", 8);
    alm_digest ledger = alm_hash_bytes("ledger", 6);
    assert_true(run->is_run);
    assert_int_equal(run->version, 1);
    assert_int_equal(run->timestamp, CREATED + DAY);
    assert_true(alm_str_is(run->run_id, "run-1"));
    assert_true(alm_str_is(run->run_key, "run key"));
    assert_true(alm_digest_equal(&run->manifest, &manifest));
    assert_true(alm_digest_equal(&run->ledger_head, &ledger));
    assert_int_equal(run->files, 1);
    assert_int_equal(run->rows, 5);
    assert_true(alm_str_is(run->file[0].model_version, "demand-3"));
    assert_true(alm_str_is(run->file[0].prediction_date, "2026-01-02"));
    assert_true(alm_str_is(run->file[0].forecast_horizon, "14"));
    assert_int_equal(run->file[0].size_bytes, 3);
    assert_true(run->file[0].is_live);
    assert_true(
        alm_str_is(read_text(f, alm_predictions_path(other, &run->file[0], f->arena)), "abc"));
    assert_ptr_equal(alm_predictions_find(other, ALM_STR("run key")), run);
    assert_null(alm_predictions_find(other, ALM_STR("run")));
    /* A handle sees later commits of others after a refresh. */
    commit(f, "def", "second");
    assert_null(alm_predictions_find(other, ALM_STR("second")));
    assert_int_equal(alm_predictions_refresh(other, NULL), ALM_OK);
    assert_non_null(alm_predictions_find(other, ALM_STR("second")));
    alm_predictions_close(other);
}

typedef struct hooked {
    fixture *f;
    alm_digest digest;
    int asked;
} hooked;

static alm_err keep_digest(void *context, const alm_digest *digest, alm_digest *manifest,
                           alm_error *error) {
    (void)error;
    ((hooked *)context)->digest = digest[0];
    *manifest = alm_hash_bytes("late manifest", 13);
    return ALM_OK;
}

/* Says yes; the first time another writer commits before the answer is used. */
static alm_err ask(void *context, alm_error *error) {
    hooked *h = context;
    alm_predictions *other = NULL;
    if (h->asked++ > 0) {
        return alm_fail(error, ALM_ERR_CONFLICT, "asked %d times", h->asked);
    }
    assert_int_equal(alm_predictions_open(h->f->fs, ROOT, &other, error), ALM_OK);
    alm_predictions *mine = h->f->table;
    h->f->table = other;
    commit(h->f, "by another", "other key");
    h->f->table = mine;
    alm_predictions_close(other);
    return ALM_OK;
}

static void test_hooks(void **state) {
    fixture *f = *state;
    hooked h = {.f = f};
    alm_error error = {0};
    int64_t version = -1;
    alm_predictions_file file = file_of("abc", "demand-3", 14);
    alm_predictions_request request = request_of(&file, 1, "run key");
    request.hooks = (alm_predictions_hooks){keep_digest, ask, &h};
    assert_int_equal(alm_predictions_commit_run(f->table, &request, &version, &error),
                     ALM_ERR_CONFLICT);
    assert_string_equal(error.message, "asked 2 times"); /* again after the lost race */
    assert_null(alm_predictions_find(f->table, ALM_STR("run key")));
    request.hooks.may_commit = NULL;
    assert_int_equal(alm_predictions_commit_run(f->table, &request, &version, &error), ALM_OK);
    const alm_predictions_commit *run = alm_predictions_find(f->table, ALM_STR("run key"));
    alm_digest content = alm_hash_bytes("abc", 3);
    alm_digest manifest = alm_hash_bytes("late manifest", 13);
    assert_true(alm_digest_equal(&h.digest, &content));
    assert_true(alm_digest_equal(&run->manifest, &manifest));
}

static void test_times_rise_strictly(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    commit(f, "b", "2"); /* asks for the same time */
    const alm_predictions_commit *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_predictions_list(f->table, &list, &count, NULL), ALM_OK);
    assert_int_equal(list[2].timestamp, CREATED + DAY + 1000);
    /* A foreign entry counts with the time of its file: other engines travel by that. */
    alm_instant late = CREATED + 10 * DAY;
    put_entry(f, "00000000000000000003.json", "{\"commitInfo\":{\"operation\":\"WRITE\"}}\n", late);
    commit(f, "c", "3");
    assert_int_equal(alm_predictions_list(f->table, &list, &count, NULL), ALM_OK);
    assert_int_equal(list[4].timestamp, late + 1000);
}

static void test_same_run_again(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    assert_int_equal(commit(f, "abc", "key"), 1);
    assert_int_equal(commit(f, "def", "other"), 2);
    alm_predictions_file file = file_of("abc", "demand-3", 14);
    alm_predictions_request request = request_of(&file, 1, "key");
    int64_t version = -1;
    assert_int_equal(alm_predictions_commit_run(f->table, &request, &version, &error),
                     ALM_ERR_EXISTS);
    assert_int_equal(version, 1);
    assert_string_equal(error.message,
                        "run key key is committed already as version 1; nothing was changed");
    assert_false(alm_fs_exists(f->fs, LOG "00000000000000000003.json"));
}

/* ---- refusals ---- */

static void test_bad_requests(void **state) {
    fixture *f = *state;
    commit(f, "first", "first");
    const char *models[] = {"", "a b", "a/b", "..", ".hidden", "a+b", "a%2F", "gr\xc3\xbc"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        alm_predictions_file bad = file_of("abc", models[i], 1);
        alm_predictions_request request = request_of(&bad, 1, "key");
        assert_refused(f, &request, ALM_ERR_INVALID, "model version '");
    }
    alm_predictions_file file = file_of("abc", "m", -1);
    alm_predictions_request request = request_of(&file, 1, "key");
    assert_refused(f, &request, ALM_ERR_INVALID, "forecast horizon -1");
    file = file_of("abc", "m", 1);
    request = request_of(&file, 0, "key");
    assert_refused(f, &request, ALM_ERR_INVALID, "without data files");
    request = request_of(&file, 1, "");
    assert_refused(f, &request, ALM_ERR_INVALID, "run key");
    request = request_of(&file, 1, "\xff");
    assert_refused(f, &request, ALM_ERR_INVALID, "UTF-8");
    request = request_of(&file, 1, "key");
    file.stats = ALM_STR("{\"numRecords\":6}");
    assert_refused(f, &request, ALM_ERR_INVALID, "statistics count 6 rows, the file has 5");
    file.stats = ALM_STR("{");
    assert_refused(f, &request, ALM_ERR_INVALID, "statistics of a data file");
    file = file_of("abc", "m", 1);
    file.content.path = "/project/no_such_scratch";
    assert_refused(f, &request, ALM_ERR_NOT_FOUND, "/project/no_such_scratch");
    alm_predictions_file twice[2] = {file_of("abc", "m", 1), file_of("abc", "m", 1)};
    request = request_of(twice, 2, "key");
    assert_refused(f, &request, ALM_ERR_INVALID, "data files 0 and 1 of the run are equal");
    file = file_of("first", "demand-3", 14); /* the file of another run */
    request = request_of(&file, 1, "key");
    assert_refused(f, &request, ALM_ERR_CONFLICT, "belongs to version 1 (run key first)");
}

static void test_bad_schemas(void **state) {
    fixture *f = *state;
    static const alm_predictions_column BAD[][2] = {
        {{"node", ALM_DELTA_STRING}, {"NODE", ALM_DELTA_DOUBLE}},
        {{"node", ALM_DELTA_STRING}, {"Model_Version", ALM_DELTA_STRING}},
        {{"node", ALM_DELTA_STRING}, {"a b", ALM_DELTA_STRING}},
        {{"node", ALM_DELTA_STRING}, {"", ALM_DELTA_STRING}},
    };
    for (size_t i = 0; i < 4; i++) {
        alm_predictions_schema schema = {BAD[i], 2, CREATED, "x", "almanac/0.1.0"};
        alm_predictions *table = NULL;
        alm_error error = {0};
        assert_int_equal(alm_predictions_create(f->fs, "/project/x", &schema, &table, &error),
                         ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, BAD[i][1].name));
        assert_null(table);
        assert_false(alm_fs_exists(f->fs, "/project/x"));
    }
}

static void test_create_again(void **state) {
    fixture *f = *state;
    alm_error error = {0};
    alm_predictions *table = NULL;
    alm_predictions_schema later = SCHEMA;
    later.created += DAY; /* another clock does not matter, the columns do */
    assert_int_equal(alm_predictions_create(f->fs, ROOT, &later, &table, &error), ALM_OK);
    alm_predictions_close(table);
    table = NULL;
    alm_predictions_schema narrower = SCHEMA;
    narrower.columns--;
    assert_int_equal(alm_predictions_create(f->fs, ROOT, &narrower, &table, &error),
                     ALM_ERR_CONFLICT);
    assert_non_null(strstr(error.message, "other columns"));
    assert_int_equal(alm_predictions_open(f->fs, "/project/none", &table, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/project/none: no prediction table here"));
    assert_null(table);
}

static void test_log_with_a_hole(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    commit(f, "b", "2");
    commit(f, "c", "3");
    const char *path = LOG "00000000000000000002.json";
    assert_int_equal(f->fs->ops->unlink(f->fs, path, NULL), ALM_OK);
    alm_predictions *table = NULL;
    alm_error error = {0};
    assert_int_equal(alm_predictions_open(f->fs, ROOT, &table, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "entry 2 of the log is missing although entry 3"));
    /* A handle that is open already must not fill the hole. */
    alm_predictions_close(f->table);
    const char *third = LOG "00000000000000000003.json";
    const char *aside = "/project/aside";
    assert_int_equal(f->fs->ops->rename(f->fs, third, aside, NULL), ALM_OK);
    assert_int_equal(alm_predictions_open(f->fs, ROOT, &f->table, NULL), ALM_OK);
    assert_int_equal(f->fs->ops->rename(f->fs, aside, third, NULL), ALM_OK);
    alm_predictions_file file = file_of("d", "demand-3", 14);
    alm_predictions_request request = request_of(&file, 1, "4");
    assert_refused(f, &request, ALM_ERR_CORRUPT, "entry 2 of the log is missing");
}

static void test_damaged_entries(void **state) {
    fixture *f = *state;
    static const char *const BAD[] = {
        "",
        "\n",
        "{\"commitInfo\":{\"timestamp\":1}}\n{\"add\":{\"path\":\"x\"",
        "[1]\n",
        "{\"add\":{\"size\":1,\"partitionValues\":{}}}\n",
        "{\"protocol\":{}}\n",
        "\0\0\0",
    };
    commit(f, "a", "1");
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        alm_predictions *table = NULL;
        alm_error error = {0};
        replace(f, LOG "00000000000000000001.json", BAD[i]);
        assert_int_equal(alm_predictions_open(f->fs, ROOT, &table, &error), ALM_ERR_CORRUPT);
        assert_non_null(strstr(error.message, "00000000000000000001.json"));
    }
}

/* ---- what other engines write ---- */

static void test_foreign_commits_are_read(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    put_entry(f, "00000000000000000002.json", FOREIGN_ADD, INT64_C(1767400000000000));
    put_entry(f, "00000000000000000002.crc", "{}", CREATED);
    put_entry(f, "_last_checkpoint", "{}", CREATED);
    put_entry(f, ".00000000000000000003.json.crc", "x", CREATED);
    assert_int_equal(commit(f, "b", "2"), 3); /* an append does not conflict */
    const alm_predictions_commit *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_predictions_list(f->table, &list, &count, NULL), ALM_OK);
    assert_int_equal(count, 4);
    assert_false(list[2].is_run);
    assert_int_equal(list[2].file[0].rows, -1);
    assert_int_equal(list[2].file[0].model_version.size, 0);
    assert_false(list[2].file[0].has_digest);
}

static void test_removed_files_are_not_live(void **state) {
    fixture *f = *state;
    commit(f, "a", "1");
    const alm_predictions_commit *run = alm_predictions_find(f->table, ALM_STR("1"));
    const char *text = alm_arena_printf(
        f->arena,
        "{\"commitInfo\":{\"timestamp\":1767400000000,\"operation\":\"RESTORE\"}}\n"
        "{\"remove\":{\"path\":\"" ALM_STR_FMT "\",\"dataChange\":true}}\n",
        ALM_STR_ARG(run->file[0].path));
    put_entry(f, "00000000000000000002.json", text, INT64_C(1767400000000000));
    assert_int_equal(alm_predictions_refresh(f->table, NULL), ALM_OK);
    run = alm_predictions_find(f->table, ALM_STR("1"));
    assert_false(run->file[0].is_live);
}

static void test_changed_protocol_stops_us(void **state) {
    fixture *f = *state;
    put_entry(f, "00000000000000000001.json",
              "{\"commitInfo\":{\"timestamp\":1767400000000,\"operation\":\"SET\"}}\n"
              "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7}}\n",
              INT64_C(1767400000000000));
    alm_predictions_file file = file_of("abc", "m", 1);
    alm_predictions_request request = request_of(&file, 1, "key");
    assert_refused(f, &request, ALM_ERR_CONFLICT,
                   "version 1 changed the table's schema or "
                   "protocol (now 3,7)");
    const alm_predictions_commit *list = NULL;
    size_t count = 77;
    alm_error error = {0};
    assert_int_equal(alm_predictions_list(f->table, &list, &count, &error), ALM_ERR_UNSUPPORTED);
    assert_int_equal(count, 77);
    assert_non_null(strstr(error.message, "reader version 3"));
}

/* ---- leftovers, memory, races ---- */

static void test_leftovers_are_harmless(void **state) {
    fixture *f = *state;
    const char *old = ROOT "/" ALMI_STAGING_FOLDER "/old.tmp";
    assert_int_equal(alm_fs_write_all(f->fs, old, ALM_STR("x"), NULL), ALM_OK);
    assert_int_equal(f->fs->ops->set_modified(f->fs, old, 1000, NULL), ALM_OK);
    assert_int_equal(commit(f, "abc", "1"), 1);
    assert_int_equal(verify(f, NULL).findings, 0);
    size_t removed = 0;
    assert_int_equal(alm_predictions_clean(f->fs, ROOT, 1000, &removed, NULL), ALM_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(alm_predictions_clean(f->fs, ROOT, 1001, &removed, NULL), ALM_OK);
    assert_int_equal(removed, 1);
    assert_false(alm_fs_exists(f->fs, old));
    /* A data file of a killed attempt is taken when whole, refused when not. */
    const char *path = path_of_first(f);
    replace(f, path, "damaged");
    assert_int_equal(f->fs->ops->unlink(f->fs, LOG "00000000000000000001.json", NULL), ALM_OK);
    alm_predictions_close(f->table);
    assert_int_equal(alm_predictions_open(f->fs, ROOT, &f->table, NULL), ALM_OK);
    alm_predictions_file file = file_of("abc", "demand-3", 14);
    alm_predictions_request request = request_of(&file, 1, "1");
    assert_refused(f, &request, ALM_ERR_CORRUPT, "does not have the hash of its name");
    replace(f, path, "abc");
    assert_int_equal(commit(f, "abc", "1"), 1);
}

static void test_allocation_faults(void **state) {
    fixture *f = *state;
    alm_predictions_file file = file_of("abc", "demand-3", 14);
    file.stats = ALM_STR("{\"numRecords\":5}");
    size_t failures = 0;
    for (uint64_t nth = 1;; nth++) {
        char key[32];
        char content[32];
        snprintf(key, sizeof key, "key %llu", (unsigned long long)nth);
        snprintf(content, sizeof content, "content %llu", (unsigned long long)nth);
        file.content.bytes = alm_str_of(content);
        alm_predictions_request request = request_of(&file, 1, key);
        alm_error error = {0};
        int64_t version = -77;
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_predictions_commit_run(f->table, &request, &version, &error);
        (void)alm_heap_fail_at(0);
        if (code == ALM_OK) {
            break;
        }
        failures++;
        assert_int_equal(code, ALM_ERR_MEMORY);
        assert_int_equal(version, -77);
        assert_int_equal(verify(f, NULL).findings, 0);
        /* Again with memory: committed now, or (if the entry was out already) before. */
        code = alm_predictions_commit_run(f->table, &request, &version, &error);
        assert_true(code == ALM_OK || code == ALM_ERR_EXISTS);
        assert_true(version > 0);
        assert_true(nth < 500);
    }
    assert_true(failures > 5);
    assert_int_equal(verify(f, NULL).findings, 0);
}

static void test_allocation_faults_of_create(void **state) {
    fixture *f = *state;
    for (uint64_t nth = 1;; nth++) {
        alm_predictions *table = NULL;
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_predictions_create(f->fs, "/project/y", &SCHEMA, &table, NULL);
        (void)alm_heap_fail_at(0);
        if (code == ALM_OK) {
            assert_true(nth > 3);
            alm_predictions_close(table);
            break;
        }
        assert_int_equal(code, ALM_ERR_MEMORY);
        assert_null(table);
        assert_true(nth < 500);
    }
}

#define RACERS 2
#define RUNS_EACH 15

typedef struct race {
    alm_fs *fs;
    const char *root;
    int won[RUNS_EACH]; /* how many racers were told that the shared run is theirs */
    int64_t version[RACERS][RUNS_EACH];
} race;

static alm_err race_task(void *context, size_t task, int worker, alm_error *error) {
    race *r = context;
    (void)worker;
    alm_predictions *table = NULL;
    ALM_TRY(alm_predictions_open(r->fs, r->root, &table, error));
    alm_err code = ALM_OK;
    for (int i = 0; code == ALM_OK && i < 2 * RUNS_EACH; i++) {
        char text[32];
        bool is_shared = i % 2 == 1; /* both racers try the same run */
        snprintf(text, sizeof text, "%s %zu run %d", is_shared ? "both" : "racer",
                 is_shared ? (size_t)0 : task, i);
        alm_predictions_file file = {
            .content = {NULL, alm_str_of(text)}, .partition = {20000, ALM_STR("m"), i}, .rows = 1};
        alm_predictions_request request = request_of(&file, 1, text);
        int64_t version = 0;
        code = alm_predictions_commit_run(table, &request, &version, error);
        if (is_shared) {
            r->version[task][i / 2] = version;
            if (code == ALM_OK) {
                __atomic_add_fetch(&r->won[i / 2], 1, __ATOMIC_RELAXED);
            } else if (code == ALM_ERR_EXISTS) {
                alm_error_clear(error);
                code = ALM_OK;
            }
        }
    }
    alm_predictions_close(table);
    return code;
}

static void run_race(alm_fs *fs, const char *root, alm_arena *arena) {
    race r = {.fs = fs, .root = root};
    alm_pool *pool = NULL;
    alm_predictions *table = NULL;
    alm_error error = {0};
    assert_int_equal(alm_predictions_create(fs, root, &SCHEMA, &table, NULL), ALM_OK);
    assert_int_equal(alm_pool_create(RACERS, &pool, NULL), ALM_OK);
    if (alm_pool_run(pool, RACERS, race_task, &r, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_pool_destroy(pool);
    for (int i = 0; i < RUNS_EACH; i++) {
        assert_in_range(r.won[i], 1, RACERS);
        assert_int_equal(r.version[0][i], r.version[1][i]); /* one commit, whoever made it */
    }
    const alm_predictions_commit *list = NULL;
    size_t count = 0;
    assert_int_equal(alm_predictions_refresh(table, NULL), ALM_OK);
    assert_int_equal(alm_predictions_list(table, &list, &count, NULL), ALM_OK);
    assert_int_equal(count, 1 + (RACERS + 1) * RUNS_EACH);
    alm_predictions_close(table);
    alm_predictions_report report;
    assert_int_equal(alm_predictions_verify(fs, root, NULL, arena, &report, NULL), ALM_OK);
    for (size_t i = 0; i < report.findings; i++) {
        fail_msg("%s", report.finding[i].message);
    }
    assert_int_equal(report.files, (RACERS + 1) * RUNS_EACH);
}

static void test_race_in_memory(void **state) {
    fixture *f = *state;
    run_race(f->fs, "/project/race", f->arena);
}

static void test_race_on_the_real_file_system(void **state) {
    fixture *f = *state;
    char root[256];
    const char *base = getenv("TMPDIR");
    alm_fs *real = NULL;
    snprintf(root, sizeof root, "%s/alm_race_XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(root));
    assert_int_equal(alm_fs_real_create(&real, NULL), ALM_OK);
    run_race(real, alm_path_join(f->arena, root, "predictions"), f->arena);
    assert_int_equal(alm_fs_remove_tree(real, root, NULL), ALM_OK);
    alm_fs_destroy(real);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(test_entry_0),
        ON(test_entry_of_a_run),
        ON(test_reading_back),
        ON(test_hooks),
        ON(test_times_rise_strictly),
        ON(test_same_run_again),
        ON(test_bad_requests),
        ON(test_bad_schemas),
        ON(test_create_again),
        ON(test_log_with_a_hole),
        ON(test_damaged_entries),
        ON(test_foreign_commits_are_read),
        ON(test_removed_files_are_not_live),
        ON(test_changed_protocol_stops_us),
        ON(test_leftovers_are_harmless),
        ON(test_allocation_faults),
        ON(test_allocation_faults_of_create),
        ON(test_race_in_memory),
        ON(test_race_on_the_real_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
