/* From a trained release and a snapshot (Parquet) to 28-day means in Parquet.
 *
 *     means_bench PROJECT RELEASE SNAPSHOT OUT.parquet
 *
 * The path of `almanac run` without what means do not need (sample paths, reconciliation, stock,
 * explanations, commit): open the panel, compute the features, score the forest, blend, write
 * (node, date, mean). SNAPSHOT is the whole id. One thread. Prints the wall seconds of each stage
 * as {"name","value","unit"}. */
#include "pipeline/base_forecast.h"
#include "pipeline/encoders.h"
#include "store/registry.h"
#include "table/sql.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define SERIES_PER_BLOCK 256
#define SERIES_PER_CALL 16

typedef struct job {
    alm_env env;
    alm_arena *arena;
    alm_project *project;
    alm_objects *objects;
    alm_registry *registry;
    alm_snapshot snapshot;
    alm_panel_source *source;
    alm_bundle *bundle;
    alm_profile profile;
    alm_sql *sql;
    alm_table_builder *builder;
    double started;
} job;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void end_stage(job *j, const char *name)
{
    double now = seconds_now();
    printf("{\"name\":\"means_%s\",\"value\":%.3f,\"unit\":\"s\"}\n", name, now - j->started);
    j->started = now;
}

static alm_instant wall_clock(void *context)
{
    (void)context;
    return (alm_instant)time(NULL) * 1000000;
}

static alm_err read_snapshot(job *j, const char *id, alm_error *error)
{
    alm_digest digest;
    alm_snapshot_record record;
    if (!alm_digest_parse(alm_str_of(id), &digest)) {
        return alm_fail(error, ALM_ERR_USAGE, "'%s' is not a snapshot's id of 64 digits", id);
    }
    ALM_TRY(alm_registry_get_snapshot(j->registry, &digest, j->arena, &record, error));
    char object[ALM_DIGEST_TEXT_BYTES];
    alm_digest manifest = alm_hash_bytes(record.manifest.data, record.manifest.size);
    alm_digest_text(&manifest, object);
    return alm_snapshot_read(j->objects, alm_str_of(object), j->arena, &j->snapshot, error);
}

static alm_err open_panel(job *j, const char *release_name, alm_error *error)
{
    alm_release release;
    alm_bundle_parts parts;
    alm_method method;
    alm_encoders encoders;
    ALM_TRY(alm_registry_resolve(j->registry, alm_str_of(release_name), j->arena, &release,
                                 error));
    const alm_digest *hash = &release.members[0].bundle;
    ALM_TRY(alm_bundle_read(j->objects, hash, j->arena, &parts, error));
    ALM_TRY(alm_method_read(parts.method, "method.json", &method, error));
    ALM_TRY(alm_encoders_read(parts.encoders, "encoders.json", j->arena, &encoders, error));
    alm_panel_options options = {.start = ALM_DATE_NONE,
                                 .end = ALM_DATE_NONE,
                                 .membership_date = ALM_DATE_NONE,
                                 .future = method.horizon,
                                 .block_series = SERIES_PER_BLOCK,
                                 .categories = encoders.categories,
                                 .category_count = encoders.count};
    ALM_TRY(alm_panel_source_open(&j->env, j->project, j->objects, &j->snapshot, &options,
                                  &j->source, error));
    return alm_bundle_load(j->objects, hash, alm_panel_source_schema(j->source), &j->bundle,
                           error);
}

/* The pooled weekday profile, from the one node of the level `total`. */
static void read_profile(job *j)
{
    const alm_panel *nodes = alm_panel_source_aggregates(j->source);
    double *total = ALM_NEW_ARRAY(j->arena, double, nodes->periods);
    uint8_t *closed = ALM_NEW_ARRAY(j->arena, uint8_t, nodes->periods);
    for (size_t t = 0; t < nodes->periods; t++) {
        double value = alm_panel_value(nodes, 0, 0, t);
        total[t] = isnan(value) ? 0 : value;
    }
    j->profile = alm_profile_of(total, closed, nodes->start, nodes->periods - 1, 0);
}

static alm_err stage_rows(job *j, const alm_panel *panel, const alm_base *bases, size_t first,
                          size_t count, alm_error *error)
{
    size_t steps = (size_t)j->bundle->method.horizon;
    alm_table_builder_clear(j->builder);
    alm_arena *names = alm_arena_create(4096);
    for (size_t i = 0; i < count; i++) {
        alm_str node =
            alm_panel_source_node_name(j->source, panel->first_series + first + i, names);
        for (size_t h = 0; h < steps; h++) {
            alm_table_builder_text(j->builder, node);
            alm_table_builder_date(j->builder, j->snapshot.end + (alm_date)h);
            alm_table_builder_f64(j->builder, bases[i].mean[h]);
        }
    }
    alm_table table;
    alm_err code = alm_table_builder_finish(j->builder, &table, error);
    if (code == ALM_OK) {
        code = alm_sql_append(j->sql, "means", &table, error);
    }
    alm_arena_destroy(names);
    return code;
}

static alm_err forecast_block(job *j, const alm_panel *panel, const alm_base_workspace *workspace,
                              alm_error *error)
{
    alm_base_request request = {.bundle = j->bundle,
                                .panel = panel,
                                .profile = j->profile,
                                .origin = panel->periods - 1};
    for (size_t first = 0; first < panel->series_count; first += SERIES_PER_CALL) {
        size_t left = panel->series_count - first;
        size_t count = left < SERIES_PER_CALL ? left : SERIES_PER_CALL;
        alm_base bases[SERIES_PER_CALL];
        alm_arena_reset(workspace->results);
        ALM_TRY(alm_base_forecast(&request, first, count, workspace, bases, error));
        ALM_TRY(stage_rows(j, panel, bases, first, count, error));
    }
    return ALM_OK;
}

static alm_err forecast(job *j, alm_error *error)
{
    static const char *const names[] = {"node", "target_date", "mean"};
    static const alm_type types[] = {ALM_TYPE_TEXT, ALM_TYPE_DATE, ALM_TYPE_F64};
    alm_sql_options options = {.threads = 1};
    ALM_TRY(alm_sql_open(&options, &j->sql, error));
    ALM_TRY(alm_table_builder_create(names, types, 3, &j->builder, error));
    read_profile(j);
    alm_base_workspace workspace = {.results = alm_arena_create(0),
                                    .batch = alm_arena_create(0),
                                    .series = alm_arena_create(0)};
    alm_arena *block_arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    size_t blocks = alm_panel_source_blocks(j->source);
    for (size_t b = 0; code == ALM_OK && b < blocks; b++) {
        alm_panel panel;
        alm_arena_reset(block_arena);
        code = alm_panel_source_next(j->source, block_arena, &panel, error);
        if (code == ALM_OK) {
            code = forecast_block(j, &panel, &workspace, error);
        }
    }
    alm_arena_destroy(block_arena);
    alm_arena_destroy(workspace.series);
    alm_arena_destroy(workspace.batch);
    alm_arena_destroy(workspace.results);
    return code;
}

static alm_err write_means(job *j, const char *path, alm_error *error)
{
    char *literal = alm_sql_literal(j->arena, alm_str_of(path));
    const char *statement = alm_arena_printf(j->arena, "COPY means TO %s (FORMAT parquet)",
                                             literal);
    return alm_sql_run(j->sql, statement, error);
}

static alm_err run(job *j, char **argv, alm_error *error)
{
    ALM_TRY(alm_fs_real_create(&j->env.fs, error));
    ALM_TRY(alm_pool_create(1, &j->env.pool, error));
    ALM_TRY(alm_project_open(&j->env, argv[1], &j->project, error));
    const char *state = j->project->state;
    ALM_TRY(alm_objects_folder_open(j->env.fs, alm_path_join(j->arena, state, "objects"),
                                    &j->objects, error));
    ALM_TRY(alm_registry_open(alm_path_join(j->arena, state, "registry.db"), &j->registry,
                              error));
    ALM_TRY(read_snapshot(j, argv[3], error));
    ALM_TRY(open_panel(j, argv[2], error));
    end_stage(j, "open");
    ALM_TRY(forecast(j, error));
    end_stage(j, "forecast");
    ALM_TRY(write_means(j, argv[4], error));
    end_stage(j, "write");
    return ALM_OK;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: means_bench PROJECT RELEASE SNAPSHOT OUT.parquet\n");
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    job j = {.env = {.now = wall_clock}, .arena = alm_arena_create(0), .started = seconds_now()};
    alm_error error = {0};
    alm_err code = run(&j, argv, &error);
    if (code != ALM_OK) {
        fprintf(stderr, "means_bench: %s\n", error.message);
    }
    alm_table_builder_destroy(j.builder);
    alm_sql_close(j.sql);
    alm_bundle_destroy(j.bundle);
    alm_panel_source_close(j.source);
    alm_registry_close(j.registry);
    alm_objects_close(j.objects);
    alm_project_close(j.project);
    alm_pool_destroy(j.env.pool);
    alm_fs_destroy(j.env.fs);
    alm_arena_destroy(j.arena);
    return alm_err_exit_status(code);
}
