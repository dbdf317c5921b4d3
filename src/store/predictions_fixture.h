/* predictions_fixture.h: a table in memory and short ways to fill and spoil it, for tests. */
#ifndef ALM_STORE_PREDICTIONS_FIXTURE_H
#define ALM_STORE_PREDICTIONS_FIXTURE_H

#include "base/fs_memory.h"
#include "store/delta_log.h"
#include "store/staging.h"

#include <string.h>

/* The helpers abort instead of failing one test: they only make what a test starts from. */
#define DAY INT64_C(86400000000)
#define CREATED INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */
#define ROOT "/project/predictions"
#define LOG ROOT "/_delta_log/"

static const alm_predictions_column COLUMN[] = {
    {"node", ALM_DELTA_STRING},
    {"mean", ALM_DELTA_DOUBLE},
    {"target_date", ALM_DELTA_DATE},
    {"prediction_timestamp", ALM_DELTA_TIMESTAMP},
    {"fallback", ALM_DELTA_BOOLEAN},
    {"rows_used", ALM_DELTA_LONG},
    {"explanation", ALM_DELTA_CONTRIBUTIONS},
};
#define COLUMNS (sizeof COLUMN / sizeof *COLUMN)
static const alm_predictions_schema SCHEMA = {COLUMN, COLUMNS, CREATED, "predictions",
                                              "almanac/0.1.0"};

typedef struct fixture {
    alm_fs *fs;
    alm_arena *arena;
    alm_predictions *table;
} fixture;

static inline int set_up(void **state) {
    alm_arena *arena = alm_arena_create(0);
    fixture *f = ALM_NEW(arena, fixture);
    f->arena = arena;
    alm_assert(alm_fs_memory_create(&f->fs, NULL) == ALM_OK);
    alm_assert(alm_predictions_create(f->fs, ROOT, &SCHEMA, &f->table, NULL) == ALM_OK);
    *state = f;
    return 0;
}

static inline int tear_down(void **state) {
    fixture *f = *state;
    alm_predictions_close(f->table);
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena); /* the fixture lies in it */
    return 0;
}

static inline alm_date date_of(const char *text) {
    alm_date date = 0;
    alm_assert(alm_date_parse(alm_str_of(text), &date));
    return date;
}

static inline alm_predictions_file file_of(const char *content, const char *model,
                                           int32_t horizon) {
    return (alm_predictions_file){.content = {NULL, alm_str_of(content)},
                                  .partition = {date_of("2026-01-02"), alm_str_of(model), horizon},
                                  .rows = 5};
}

static inline alm_predictions_request request_of(const alm_predictions_file *file, size_t files,
                                                 const char *key) {
    return (alm_predictions_request){.file = file,
                                     .files = files,
                                     .run_id = ALM_STR("run-1"),
                                     .run_key = alm_str_of(key),
                                     .manifest = alm_hash_bytes("manifest", 8),
                                     .ledger_head = alm_hash_bytes("ledger", 6),
                                     .timestamp = CREATED + DAY,
                                     .engine = "almanac/0.1.0"};
}

static inline int64_t commit(fixture *f, const char *content, const char *key) {
    alm_predictions_file file = file_of(content, "demand-3", 14);
    alm_predictions_request request = request_of(&file, 1, key);
    int64_t version = -1;
    alm_assert(alm_predictions_commit_run(f->table, &request, &version, NULL) == ALM_OK);
    return version;
}

static inline alm_str read_text(fixture *f, const char *path) {
    alm_str text = {NULL, 0};
    alm_assert(alm_fs_read_all(f->fs, path, 1 << 20, f->arena, &text, NULL) == ALM_OK);
    return text;
}

static inline void replace(fixture *f, const char *path, const char *text) {
    alm_fs_stat stat;
    alm_assert(f->fs->ops->stat(f->fs, path, &stat, NULL) == ALM_OK);
    alm_assert(alm_fs_write_all(f->fs, path, alm_str_of(text), NULL) == ALM_OK);
    alm_assert(f->fs->ops->set_modified(f->fs, path, stat.modified, NULL) == ALM_OK);
}

static inline void put_entry(fixture *f, const char *name, const char *text, alm_instant modified) {
    const char *path = alm_path_join(f->arena, LOG, name);
    alm_assert(alm_fs_write_all(f->fs, path, alm_str_of(text), NULL) == ALM_OK);
    alm_assert(f->fs->ops->set_modified(f->fs, path, modified, NULL) == ALM_OK);
}

/* What delta-rs writes, and more than any engine would. */
__attribute__((unused)) static const char FOREIGN_ADD[] =
    "{\"commitInfo\":{\"timestamp\":1767400000000,\"operation\":\"WRITE\","
    "\"operationParameters\":{},\"clientVersion\":\"delta-rs.1.6.6\"}}\n"
    "{\"cdc\":{\"path\":\"_change_data/x\"}}\n{\"domainMetadata\":{\"domain\":\"x\"}}\n"
    "{\"add\":{\"path\":\"prediction_date=2026-01-05/model_version=x/forecast_horizon=1/f"
    ".parquet\","
    "\"partitionValues\":{\"prediction_date\":\"2026-01-05\",\"model_version\":null,"
    "\"forecast_horizon\":\"1\"},\"size\":7,\"modificationTime\":1,\"dataChange\":true,"
    "\"stats\":\"not JSON\",\"tags\":{},\"deletionVector\":null}}\n";

static inline alm_predictions_report verify(fixture *f, const alm_predictions_known *known) {
    alm_predictions_report report;
    alm_assert(alm_predictions_verify(f->fs, ROOT, known, f->arena, &report, NULL) == ALM_OK);
    return report;
}

static inline const char *path_of_first(fixture *f) {
    const alm_predictions_commit *run = alm_predictions_find(f->table, ALM_STR("1"));
    return alm_predictions_path(f->table, &run->file[0], f->arena);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
