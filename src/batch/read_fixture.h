/* read_fixture.h: a project's stores with made-up runs, for the tests of query, diff and verify.
 *
 * Real files in a folder of its own: nine leaves (sku|market), two markets, a region whose node has
 * the name of a market, and the total; five steps. Numbers are a function of (seed, node, step). */
#ifndef ALM_BATCH_READ_FIXTURE_H
#define ALM_BATCH_READ_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "batch/query.h"
#include "store/release_fixture.h"
#include "table/sql.h"

#define FIXTURE_STEPS 5
#define FIXTURE_NODES 13

typedef struct read_fixture {
    alm_arena *arena;
    alm_fs *fs;
    alm_error error;
    char folder[64];
    const char *root; /* of the prediction store */
    alm_read_stores stores;
    alm_sql *sql;
    alm_date start;
    alm_instant clock;
} read_fixture;

static inline void fixture_must(read_fixture *f, alm_err code)
{
    given_ok(&f->error, code);
}

static const struct {
    const char *level, *node, *sku, *market;
} fixture_nodes[FIXTURE_NODES] = {
    {"market", "France", NULL, NULL}, {"market", "UK", NULL, NULL},
    {"region", "France", NULL, NULL}, {"series", "a|France", "a", "France"},
    {"series", "a|UK", "a", "UK"},    {"series", "b|France", "b", "France"},
    {"series", "b|UK", "b", "UK"},    {"series", "c'x|UK", "c'x", "UK"},
    {"series", "d|UK", "d", "UK"},    {"series", "e|UK", "e", "UK"},
    {"series", "f|UK", "f", "UK"},    {"series", "g\"h,|UK", "g\"h,", "UK"},
    {"total", "total", NULL, NULL}};

typedef struct fixture_run {
    const char *run_id, *release, *date, *snapshot;
    const char *schedule;   /* NULL: nightly */
    const char *supersedes; /* NULL: none */
    double base_shift;      /* added to base_mean and mean */
    double adjustment;      /* mean - base_mean */
    bool has_fan;
    bool skip_registry; /* as if the process died after the commit */
} fixture_run;

static inline double fixture_base(size_t node, int step)
{
    return 10.0 * (double)(node + 1) + (double)step;
}

static inline void fixture_schema(read_fixture *f)
{
    static const alm_predictions_column columns[] = {
        {"run_id", ALM_DELTA_STRING},        {"schedule", ALM_DELTA_STRING},
        {"node", ALM_DELTA_STRING},          {"level", ALM_DELTA_STRING},
        {"sku", ALM_DELTA_STRING},           {"market", ALM_DELTA_STRING},
        {"target_date", ALM_DELTA_DATE},     {"prediction_timestamp", ALM_DELTA_TIMESTAMP},
        {"mean", ALM_DELTA_DOUBLE},          {"q05", ALM_DELTA_DOUBLE},
        {"q95", ALM_DELTA_DOUBLE},           {"base_mean", ALM_DELTA_DOUBLE},
        {"explanation", ALM_DELTA_CONTRIBUTIONS}, {"fallback", ALM_DELTA_STRING}};
    alm_predictions_schema schema = {columns, sizeof(columns) / sizeof(columns[0]), f->clock,
                                     "fixture", "almanac/test"};
    fixture_must(f, alm_predictions_create(f->fs, f->root, &schema, &f->stores.predictions,
                                           &f->error));
}

static inline void fixture_release(read_fixture *f, const char *bundle)
{
    alm_digest digest;
    fixture_must(f, alm_objects_put(f->stores.objects, alm_str_of(bundle), &digest, &f->error));
    (void)given_release(f->stores.registry, f->arena, bundle, false);
}

static inline void fixture_snapshot(read_fixture *f, const char *name)
{
    alm_digest object;
    alm_snapshot_record record = given_snapshot(name);
    fixture_must(f, alm_objects_put(f->stores.objects, alm_str_of(name), &object, &f->error));
    fixture_must(f, alm_registry_add_snapshot(f->stores.registry, &record, &f->error));
}

static inline read_fixture *read_fixture_create(void)
{
    alm_arena *arena = alm_arena_create(0);
    read_fixture *f = ALM_NEW(arena, read_fixture);
    f->arena = arena;
    f->clock = 1000000;
    memcpy(f->folder, "/tmp/alm_read_XXXXXX", 21);
    alm_assert(mkdtemp(f->folder) != NULL);
    alm_assert(alm_date_parse(ALM_STR("2011-12-01"), &f->start));
    fixture_must(f, alm_fs_real_create(&f->fs, &f->error));
    /* A '=' in the project's own path must not become a column. */
    char *base = alm_path_join(arena, f->folder, "region=eu");
    fixture_must(f, alm_fs_make_directories(f->fs, base, &f->error));
    f->root = alm_path_join(arena, base, "predictions");
    f->stores.threads = 2;
    fixture_must(f, alm_objects_folder_open(f->fs, alm_path_join(arena, base, "objects"),
                                            &f->stores.objects, &f->error));
    fixture_must(f, alm_registry_open(":memory:", &f->stores.registry, &f->error));
    alm_sql_options options = {.threads = 1};
    fixture_must(f, alm_sql_open(&options, &f->sql, &f->error));
    fixture_schema(f);
    fixture_release(f, "bundle one");
    fixture_release(f, "bundle two");
    fixture_snapshot(f, "snapshot one");
    fixture_snapshot(f, "snapshot two");
    return f;
}

static inline void read_fixture_destroy(read_fixture *f)
{
    alm_predictions_close(f->stores.predictions);
    alm_registry_close(f->stores.registry);
    alm_objects_close(f->stores.objects);
    alm_sql_close(f->sql);
    fixture_must(f, alm_fs_remove_tree(f->fs, f->folder, &f->error));
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
}

/* All rows of a run as SQL VALUES. */
static inline char *fixture_rows(read_fixture *f, const fixture_run *run)
{
    alm_buffer text = {0};
    for (size_t n = 0; n < FIXTURE_NODES; n++) {
        for (int h = 1; h <= FIXTURE_STEPS; h++) {
            double base = fixture_base(n, h) + run->base_shift * (double)(n + 1);
            const char *node = alm_sql_literal(f->arena, alm_str_of(fixture_nodes[n].node));
            const char *sku = fixture_nodes[n].sku
                                  ? alm_sql_literal(f->arena, alm_str_of(fixture_nodes[n].sku))
                                  : "NULL";
            alm_buffer_printf(&text, "%s(%s, '%s', %s, %d, %.17g::DOUBLE, %.17g::DOUBLE)",
                              text.size ? ", " : "", node, fixture_nodes[n].level, sku, h,
                              base + run->adjustment, base);
        }
    }
    char *rows = alm_arena_copy_text(f->arena, text.data, text.size);
    alm_buffer_deinit(&text);
    return rows;
}

static inline void fixture_table(read_fixture *f, const fixture_run *run)
{
    alm_buffer sql = {0};
    alm_buffer_printf(
        &sql,
        "CREATE OR REPLACE TABLE rows AS SELECT '%s' AS run_id, '%s' AS schedule, node, level, "
        "sku, NULL::VARCHAR AS market, (DATE '%s' + h - 1)::DATE AS target_date, "
        "TIMESTAMPTZ '%s 00:00:00+00' AS prediction_timestamp, mean, mean * 0.5 AS q05, "
        "mean * 2 AS q95, base AS base_mean, CASE WHEN level = 'series' THEN "
        "[{'feature': 'lag_7', 'contribution': base * 0.75}, "
        "{'feature': 'base', 'contribution': base * 0.25}, "
        "{'feature': 'reconciliation', 'contribution': mean - base}] END AS explanation, "
        "CASE WHEN node = 'd|UK' THEN 'cold_start' END AS fallback, h AS forecast_horizon "
        "FROM (VALUES %s) v(node, level, sku, h, mean, base)",
        run->run_id, run->schedule ? run->schedule : "nightly", run->date, run->date,
        fixture_rows(f, run));
    fixture_must(f, alm_sql_run(f->sql, sql.data, &f->error));
    alm_buffer_deinit(&sql);
}

static inline const char *fixture_copy(read_fixture *f, const char *select, const char *name)
{
    const char *path = alm_path_join(f->arena, f->folder, name);
    fixture_must(f, alm_sql_run(f->sql,
                                alm_arena_printf(f->arena, "COPY (%s) TO '%s' (FORMAT parquet)",
                                                 select, path), &f->error));
    return path;
}

static inline alm_digest fixture_file_digest(read_fixture *f, const char *path)
{
    alm_str bytes;
    fixture_must(f, alm_fs_read_all(f->fs, path, 1 << 24, f->arena, &bytes, &f->error));
    return alm_hash_bytes(bytes.data, bytes.size);
}

static inline void fixture_put_digest(alm_json_writer *json, const char *key, alm_digest digest)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&digest, text);
    alm_json_put_text(json, key, text);
}

static inline alm_digest fixture_manifest(read_fixture *f, const fixture_run *run, alm_str key,
                                          const alm_predictions_file *files)
{
    alm_buffer text = {0};
    alm_json_writer json = alm_json_writer_on(&text);
    alm_release release;
    fixture_must(f, alm_registry_get_release(f->stores.registry, alm_str_of(run->release),
                                             f->arena, &release, &f->error));
    alm_json_open_object(&json);
    alm_json_put_text(&json, "run_id", run->run_id);
    alm_json_put_str(&json, "run_key", key);
    alm_json_put_text(&json, "schedule", run->schedule ? run->schedule : "nightly");
    alm_json_put_text(&json, "prediction_date", run->date);
    alm_json_put_text(&json, "model_version", run->release);
    fixture_put_digest(&json, "release_hash", release.hash);
    fixture_put_digest(&json, "bundle", release.members[0].bundle);
    fixture_put_digest(&json, "snapshot_id", digest_of(run->snapshot));
    fixture_put_digest(&json, "snapshot_manifest_object", digest_of(run->snapshot));
    alm_json_put_text(&json, "supersedes", run->supersedes ? run->supersedes : "");
    alm_json_put_text(&json, "reason", run->supersedes ? "late data" : "");
    alm_json_key(&json, "files");
    alm_json_open_array(&json);
    for (int h = 0; h < FIXTURE_STEPS; h++) {
        alm_json_open_object(&json);
        alm_json_put_i64(&json, "horizon", h + 1);
        alm_json_put_i64(&json, "rows", FIXTURE_NODES);
        fixture_put_digest(&json, "sha256", fixture_file_digest(f, files[h].content.path));
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
    if (run->has_fan) {
        const char *fan = fixture_copy(f, "SELECT * FROM rows ORDER BY node, forecast_horizon",
                                       "fan.parquet");
        alm_digest digest;
        fixture_must(f, alm_objects_put_file(f->stores.objects, fan, &digest, &f->error));
        fixture_put_digest(&json, "fan_object", digest);
    }
    alm_json_close_object(&json);
    alm_digest out;
    fixture_must(f, alm_objects_put(f->stores.objects, alm_buffer_view(&text), &out, &f->error));
    alm_buffer_deinit(&text);
    return out;
}

static inline void fixture_record(read_fixture *f, const fixture_run *run,
                                  const alm_predictions_request *request, int64_t version,
                                  alm_date date)
{
    alm_batch_run row = {.run_id = request->run_id, .run_key = request->run_key,
                         .schedule = alm_str_of(run->schedule ? run->schedule : "nightly"),
                         .prediction_date = date, .release = alm_str_of(run->release),
                         .snapshot = digest_of(run->snapshot), .manifest = request->manifest,
                         .predictions_version = version,
                         .supersedes = alm_str_of(run->supersedes),
                         .reason = alm_str_of(run->supersedes ? "late data" : NULL),
                         .who = ALM_STR("anna"), .created = f->clock};
    fixture_must(f, alm_registry_add_batch_run(f->stores.registry, &row, &f->error));
}

/* Commits a run; every commit is one day later than the one before. */
static inline int64_t fixture_add_run(read_fixture *f, const fixture_run *run)
{
    fixture_table(f, run);
    alm_predictions_file files[FIXTURE_STEPS] = {0};
    alm_date date;
    alm_assert(alm_date_parse(alm_str_of(run->date), &date));
    for (int h = 1; h <= FIXTURE_STEPS; h++) {
        const char *select = alm_arena_printf(
            f->arena, "SELECT * EXCLUDE (forecast_horizon) FROM rows WHERE forecast_horizon = %d "
                      "ORDER BY node", h);
        files[h - 1].content.path =
            fixture_copy(f, select, alm_arena_printf(f->arena, "step_%d.parquet", h));
        files[h - 1].partition = (alm_predictions_partition){date, alm_str_of(run->release), h};
        files[h - 1].rows = FIXTURE_NODES;
    }
    f->clock += (alm_instant)86400 * 1000000;
    alm_ledger_head head;
    fixture_must(f, alm_ledger_get_head(f->stores.registry, &head, &f->error));
    alm_predictions_request request = {
        .file = files, .files = FIXTURE_STEPS, .run_id = alm_str_of(run->run_id),
        .run_key = alm_str_of(alm_arena_printf(f->arena, "key-%s", run->run_id)),
        .ledger_head = head.hash, .timestamp = f->clock, .engine = "almanac/test"};
    request.manifest = fixture_manifest(f, run, request.run_key, files);
    int64_t version;
    fixture_must(f, alm_predictions_commit_run(f->stores.predictions, &request, &version,
                                               &f->error));
    if (!run->skip_registry) {
        fixture_record(f, run, &request, version, date);
    }
    return version;
}

#endif
