/* report_collect.c: the input of a report from the stores: run, lineage, backtest. */
#include "report/report_collect.h"

#include <string.h>

#include "base/build_info.h"
#include "pipeline/bundle.h"

#define MANIFEST_BYTES_MAX ((size_t)256 << 20)

/* ---- which run ---- */

static alm_err find_in_force(almi_collection *c, alm_error *error)
{
    const alm_report_options *o = c->options;
    alm_release release;
    ALM_TRY(alm_registry_resolve(o->registry, o->model, c->arena, &release, error));
    alm_batch_run_filter filter = {.release = release.name, .prediction_date = &o->date,
                                   .current_only = true};
    alm_batch_run *runs;
    size_t count;
    ALM_TRY(alm_registry_list_batch_runs(o->registry, &filter, c->arena, &runs, &count, error));
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(o->date, date);
    if (count == 0) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "no run of " ALM_STR_FMT " is in force for %s; 'almanac predictions runs' "
                        "lists the runs", ALM_STR_ARG(release.name), date);
    }
    if (count > 1) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "%zu schedules have a run of " ALM_STR_FMT " for %s: name the run, such "
                        "as " ALM_STR_FMT, count, ALM_STR_ARG(release.name), date,
                        ALM_STR_ARG(runs[0].run_id));
    }
    c->run = runs[0];
    if (!alm_str_equal(o->model, release.name)) {
        c->input.alias = o->model;
    }
    return ALM_OK;
}

/* A superseded run may still be shown, but the page says so. */
static alm_err find_successor(almi_collection *c, alm_error *error)
{
    alm_batch_run_filter filter = {.schedule = c->run.schedule, .release = c->run.release,
                                   .prediction_date = &c->run.prediction_date};
    alm_batch_run *runs;
    size_t count;
    ALM_TRY(alm_registry_list_batch_runs(c->options->registry, &filter, c->arena, &runs, &count,
                                         error));
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(runs[i].supersedes, c->run.run_id)) {
            c->input.superseded = true;
            c->input.superseded_by = runs[i].run_id;
        }
    }
    return ALM_OK;
}

static alm_err find_run(almi_collection *c, alm_error *error)
{
    const alm_report_options *o = c->options;
    if (o->run_id.size > 0) {
        ALM_TRY(alm_registry_get_batch_run(o->registry, o->run_id, c->arena, &c->run, error));
    } else {
        ALM_TRY(find_in_force(c, error));
    }
    ALM_TRY(find_successor(c, error));
    c->commit = alm_predictions_find(o->predictions, c->run.run_key);
    if (!c->commit) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "the registry knows run " ALM_STR_FMT ", the prediction store does not; "
                        "'almanac predictions verify' says more", ALM_STR_ARG(c->run.run_id));
    }
    c->input.version = c->commit->version;
    c->input.manifest_digest = c->commit->manifest;
    return ALM_OK;
}

/* ---- manifest, bundle, snapshot, ledger ---- */

static alm_err read_manifest(almi_collection *c, alm_error *error)
{
    ALM_TRY(alm_objects_get(c->options->objects, &c->commit->manifest, MANIFEST_BYTES_MAX,
                            c->arena, &c->input.manifest, error));
    alm_err code = alm_json_parse(c->input.manifest, "run manifest", &c->manifest, error);
    return code == ALM_ERR_INVALID ? alm_error_wrap(error, ALM_ERR_CORRUPT, "report") : code;
}

static alm_err read_backtest(almi_collection *c, alm_error *error)
{
    alm_digest digest;
    alm_str text = almi_text_member(alm_json_root(c->manifest), "bundle");
    if (!alm_digest_parse(text, &digest)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the manifest of run " ALM_STR_FMT
                        " names no bundle", ALM_STR_ARG(c->run.run_id));
    }
    alm_bundle_parts parts = {0};
    ALM_TRY(alm_bundle_read(c->options->objects, &digest, c->arena, &parts, error));
    c->input.backtest = parts.report;
    return ALM_OK;
}

static void describe_source(almi_collection *c, const alm_snapshot_source *from,
                            alm_report_source *to)
{
    *to = (alm_report_source){.name = from->name, .file_digests = from->file_digests,
                              .file_count = from->file_count, .rows = from->rows,
                              .rejected = from->rejected, .first = from->first,
                              .last = from->last};
    const alm_source *declared = alm_project_source(c->options->project, from->name);
    if (declared && declared->file_count == from->file_count) {
        to->file_names = declared->files; /* those of today: the digests are what counts */
    }
}

static alm_err read_snapshot(almi_collection *c, alm_error *error)
{
    alm_str object = almi_text_member(alm_json_root(c->manifest), "snapshot_manifest_object");
    ALM_TRY(alm_snapshot_read(c->options->objects, object, c->arena, &c->snapshot, error));
    alm_report_source *sources = ALM_NEW_ARRAY(c->arena, alm_report_source,
                                               c->snapshot.source_count);
    for (size_t i = 0; i < c->snapshot.source_count; i++) {
        describe_source(c, &c->snapshot.sources[i], &sources[i]);
    }
    c->input.sources = sources;
    c->input.source_count = c->snapshot.source_count;
    c->input.snapshot_start = c->snapshot.start;
    c->input.snapshot_end = c->snapshot.end;
    return ALM_OK;
}

/* Decisions about the release, and this run's own entry; not the runs of other days. */
static alm_err read_ledger(almi_collection *c, alm_error *error)
{
    alm_ledger_filter filter = {.subject = c->run.release};
    alm_ledger_entry *entry;
    size_t count;
    ALM_TRY(alm_ledger_list(c->options->registry, &filter, c->arena, &entry, &count, error));
    char manifest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&c->commit->manifest, manifest);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_run = entry[i].action == ALM_LEDGER_RUN ||
                      entry[i].action == ALM_LEDGER_SUPERSEDE;
        if (!is_run || alm_str_is(entry[i].object, manifest)) {
            entry[kept++] = entry[i];
        }
    }
    c->input.ledger = entry;
    c->input.ledger_count = kept;
    return ALM_OK;
}

/* As they are declared today. */
static void describe_columns(almi_collection *c)
{
    const alm_series_spec *series = &c->options->project->series;
    const alm_source *own = alm_project_source(c->options->project, series->source);
    alm_report_column *columns = ALM_NEW_ARRAY(c->arena, alm_report_column, series->column_count);
    for (size_t i = 0; i < series->column_count; i++) {
        const alm_series_column *from = &series->columns[i];
        columns[i] = (alm_report_column){.name = from->name, .source = from->source,
                                         .in_advance = from->known,
                                         .is_optional = from->is_optional, .delay = from->delay};
    }
    c->input.columns = columns;
    c->input.column_count = series->column_count;
    c->input.target_delay = own ? own->publication_delay : 0;
}

/* ---- all of it ---- */

static alm_err collect(almi_collection *c, alm_error *error)
{
    c->input.project = c->options->project->name;
    c->input.unit = c->options->project->series.target;
    c->input.engine = ALM_STR("almanac " ALM_ENGINE_VERSION);
    describe_columns(c);
    ALM_TRY(find_run(c, error));
    ALM_TRY(read_manifest(c, error));
    ALM_TRY(read_backtest(c, error));
    ALM_TRY(read_snapshot(c, error));
    ALM_TRY(read_ledger(c, error));
    ALM_TRY(almi_collect_predictions(c, error));
    return almi_collect_history(c, error);
}

static alm_err render_and_write(almi_collection *c, uint64_t *size_bytes, alm_error *error)
{
    alm_buffer page = {0};
    alm_table_builder *stockouts = NULL;
    alm_err code = almi_collect_stock(c, &stockouts, error);
    if (code == ALM_OK) {
        code = alm_report_render(&c->input, &page, error);
    }
    if (code == ALM_OK) {
        code = alm_fs_write_all(c->env->fs, c->options->path, alm_buffer_view(&page), error);
    }
    *size_bytes = page.size;
    alm_buffer_deinit(&page);
    alm_table_builder_destroy(stockouts);
    return code;
}

alm_err alm_report_write(const alm_env *env, const alm_report_options *options, alm_arena *arena,
                         alm_report_result *out, alm_error *error)
{
    almi_collection c = {.env = env, .options = options, .arena = arena};
    uint64_t size_bytes = 0;
    alm_err code = collect(&c, error);
    if (code == ALM_OK) {
        code = render_and_write(&c, &size_bytes, error);
    }
    alm_sql_close(c.sql);
    alm_table_builder_destroy(c.history);
    alm_json_document_destroy(c.manifest);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "report");
    }
    *out = (alm_report_result){.run_id = c.run.run_id, .model_version = c.run.release,
                               .size_bytes = size_bytes, .charts = c.input.chart_count};
    return ALM_OK;
}
