#include "batch/run.h"

#include <string.h>

#include "base/build_info.h"
#include "batch/run_writer.h"
#include "pipeline/encoders.h"
#include "project/scratch.h"
#include "store/ledger.h"
#include "table/sql.h"

#define CHECKPOINT_EVERY 100
#define CHECKPOINT_MEMORY ((uint64_t)256 << 20)

typedef struct run {
    const alm_env *env;
    const alm_run_options *options;
    alm_arena *arena;
    alm_release release;
    alm_digest bundle_hash;
    char bundle_text[ALM_DIGEST_TEXT_BYTES];
    char release_text[ALM_DIGEST_TEXT_BYTES];
    alm_panel_source *source;
    alm_bundle *bundle;
    bool hindsight; /* trained on days after the prediction date */
    alm_str run_id, run_key;
    const char *scratch;
    alm_run_writer *writer;
    alm_run_files files;
    alm_predictions_file *table_files;
    alm_digest fan_object;
    alm_digest paths_object;
    alm_digest manifest;
} run;

/* ---- identity ---- */

static void identify(run *r)
{
    const alm_run_options *o = r->options;
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR("almanac run 1"));
    alm_hash_update_str(&hash, o->schedule->name);
    alm_hash_update_u64(&hash, (uint64_t)(int64_t)o->prediction_date);
    alm_hash_update_str(&hash, r->release.name);
    alm_hash_update(&hash, r->release.hash.bytes, ALM_DIGEST_BYTES);
    alm_hash_update_str(&hash, o->snapshot->id);
    alm_digest digest = alm_hash_final(&hash);
    char *text = alm_arena_alloc(r->arena, ALM_DIGEST_TEXT_BYTES);
    alm_digest_text(&digest, text);
    r->run_key = (alm_str){text, 64};
    r->run_id = (alm_str){alm_arena_printf(r->arena, "run-%.16s", text), 20};
    alm_digest_text(&r->release.hash, r->release_text);
}

/* Nothing unapproved gets into the store that consumers read. A dry run shows what it would say. */
static alm_err check_approved(const run *r, alm_error *error)
{
    bool is_approved = false;
    ALM_TRY(alm_ledger_is_approved(r->options->registry, r->release.name, &is_approved, error));
    if (!is_approved && !r->options->dry_run) {
        return alm_fail(error, ALM_ERR_DENIED, "release %.*s is not approved: compare it and run "
                        "`almanac models approve`, or try it with --dry-run",
                        ALM_STR_ARG(r->release.name));
    }
    return ALM_OK;
}

static alm_err resolve(run *r, alm_error *error)
{
    const alm_run_options *o = r->options;
    alm_str name = o->release.size ? o->release : o->schedule->alias;
    ALM_TRY(alm_registry_resolve(o->registry, name, r->arena, &r->release, error));
    if (r->release.member_count != 1) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "release %.*s has %zu bundles; a run takes a "
                        "release of one", ALM_STR_ARG(r->release.name), r->release.member_count);
    }
    ALM_TRY(check_approved(r, error));
    r->bundle_hash = r->release.members[0].bundle;
    alm_digest_text(&r->bundle_hash, r->bundle_text);
    identify(r);
    return ALM_OK;
}

static void fill_result(const run *r, alm_run_result *out)
{
    *out = (alm_run_result){.run_id = r->run_id,
                            .run_key = r->run_key,
                            .model_version = r->release.name,
                            .rows = r->files.rows_per_step * (r->bundle ? r->bundle->method.horizon
                                                                        : 0),
                            .files = r->bundle ? r->bundle->method.horizon : 0,
                            .leaves = r->files.leaves,
                            .aggregates = r->files.aggregates};
    for (int f = 1; f < ALM_FALLBACK_COUNT; f++) {
        out->fallbacks += r->files.fallbacks[f];
    }
}

/* ---- completeness: everything the schedule requires must be there for the date ---- */

static const alm_snapshot_source *find_source(const alm_snapshot *snapshot, alm_str name)
{
    for (size_t i = 0; i < snapshot->source_count; i++) {
        if (alm_str_equal(snapshot->sources[i].name, name)) {
            return &snapshot->sources[i];
        }
    }
    return NULL;
}

/* Days without rows are fine as long as all of them are closed by the calendar. */
static bool only_closed(const alm_panel *nodes, alm_date first, alm_date last)
{
    for (alm_date day = first; day <= last; day++) {
        int64_t period = (int64_t)day - nodes->start;
        bool known = period >= 0 && (size_t)period < nodes->periods + nodes->future;
        if (!known || !nodes->closed || !nodes->closed[period]) {
            return false;
        }
    }
    return true;
}

static alm_err check_source(const run *r, alm_str name, alm_error *error)
{
    const alm_run_options *o = r->options;
    const alm_source *declared = alm_project_source(o->project, name);
    const alm_snapshot_source *taken = find_source(o->snapshot, name);
    if (!declared || !taken || taken->rows == 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "source %.*s, which schedule %.*s requires, has "
                        "no rows in snapshot %.12s", ALM_STR_ARG(name),
                        ALM_STR_ARG(o->schedule->name), o->snapshot->id.data);
    }
    if (taken->last == ALM_DATE_NONE) {
        return ALM_OK; /* a static table */
    }
    /* A calendar must reach the last target day; a plan with keys (receipts on order) ends with its
     * last entry, so only its past can be complete. */
    bool calendar = declared->known_in_advance && declared->key_count == 0;
    alm_date needed = calendar
                          ? o->prediction_date + r->bundle->method.horizon - 1
                          : o->prediction_date - 1 - declared->publication_delay;
    const alm_panel *nodes = alm_panel_source_aggregates(r->source);
    if (taken->last >= needed || only_closed(nodes, taken->last + 1, needed)) {
        return ALM_OK;
    }
    char have[ALM_DATE_TEXT_BYTES];
    char want[ALM_DATE_TEXT_BYTES];
    alm_date_text(taken->last, have);
    alm_date_text(needed, want);
    return alm_fail(error, ALM_ERR_INCOMPLETE, "source %.*s ends on %s; a run for this prediction "
                    "date needs it to %s: take a snapshot with the missing days",
                    ALM_STR_ARG(name), have, want);
}

static alm_err check_complete(const run *r, alm_error *error)
{
    const alm_run_options *o = r->options;
    for (size_t i = 0; i < o->schedule->requires_count; i++) {
        ALM_TRY(check_source(r, o->schedule->requires[i], error));
    }
    return ALM_OK;
}

static alm_err check_window(const alm_run_options *o, alm_error *error)
{
    if (o->snapshot->end < o->prediction_date || o->snapshot->start >= o->prediction_date) {
        char start[ALM_DATE_TEXT_BYTES];
        char end[ALM_DATE_TEXT_BYTES];
        char date[ALM_DATE_TEXT_BYTES];
        alm_date_text(o->snapshot->start, start);
        alm_date_text(o->snapshot->end, end);
        alm_date_text(o->prediction_date, date);
        return alm_fail(error, ALM_ERR_INCOMPLETE, "snapshot %.12s holds [%s, %s); a run for %s "
                        "needs every day before it: take a snapshot that ends on %s",
                        o->snapshot->id.data, start, end, date, date);
    }
    return ALM_OK;
}

/* ---- the six steps ---- */

static alm_err open_inputs(run *r, alm_error *error)
{
    const alm_run_options *o = r->options;
    ALM_TRY(check_window(o, error));
    alm_bundle_parts parts;
    alm_method method;
    alm_encoders encoders;
    ALM_TRY(alm_bundle_read(o->objects, &r->bundle_hash, r->arena, &parts, error));
    /* The bundle says what the panels must look like, and is built for the panels that came. */
    ALM_TRY(alm_method_read(parts.method, "method.json", &method, error));
    ALM_TRY(alm_encoders_read(parts.encoders, "encoders.json", r->arena, &encoders, error));
    alm_panel_options panel = {.start = ALM_DATE_NONE,
                               .end = o->prediction_date,
                               .future = method.horizon,
                               .planned = method.horizon,
                               .membership_date = o->prediction_date,
                               .block_series = 256,
                               .categories = encoders.categories,
                               .category_count = encoders.count};
    ALM_TRY(alm_panel_source_open(r->env, o->project, o->objects, o->snapshot, &panel, &r->source,
                                  error));
    return alm_bundle_of_parts(&parts, alm_panel_source_schema(r->source), &r->bundle, error);
}

/* A release that was trained on days after the prediction date knows more than could have been
 * known then. Such a run is allowed, for comparisons, but never unlabelled. */
static alm_err note_hindsight(run *r, alm_error *error)
{
    alm_str inputs = r->bundle->parts.inputs;
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(inputs, "inputs of the bundle", &document, error));
    const alm_json *window = alm_json_member(alm_json_root(document), "window");
    alm_str text = {0};
    alm_date end = ALM_DATE_NONE;
    bool known = window && alm_json_as_str(alm_json_at(window, 1), &text) &&
                 alm_date_parse(text, &end);
    r->hindsight = known && r->options->prediction_date < end;
    if (r->hindsight) {
        alm_env_log(r->env, ALM_LOG_WARN, "release %.*s was trained on data up to %.*s: this run "
                    "for an earlier date knows more than could have been known, and says so in "
                    "its manifest", ALM_STR_ARG(r->release.name), ALM_STR_ARG(text));
    }
    alm_json_document_destroy(document);
    return ALM_OK;
}

static alm_err compute(run *r, alm_error *error)
{
    const alm_run_options *o = r->options;
    alm_run_identity identity = {.run_id = r->run_id,
                                 .schedule = o->schedule->name,
                                 .feature_version = r->bundle->parts.feature_version,
                                 .training_run_id = r->bundle->parts.training_run_id,
                                 .snapshot_id = o->snapshot->id,
                                 .release_hash = {r->release_text, 64},
                                 .prediction_date = o->prediction_date};
    alm_run_writer_options writer = {o->project, &r->bundle->method, r->source, &identity,
                                     r->scratch};
    ALM_TRY(alm_run_writer_open(r->env, &writer, &r->writer, error));
    alm_forecast_sink sink = alm_run_writer_sink(r->writer);
    const alm_source *target = alm_project_source(o->project, o->project->series.source);
    alm_pipeline_request request = {.bundle = r->bundle,
                                    .source = r->source,
                                    .scratch = r->scratch,
                                    .delay = target->publication_delay,
                                    .explain = true,
                                    .stock = o->project->stock.source.size > 0};
    ALM_TRY(alm_pipeline_run(r->env, &request, &sink, error));
    return alm_run_writer_finish(r->writer, &r->files, error);
}

/* ---- commit ---- */

static void put_identity(const run *r, alm_json_writer *w)
{
    const alm_run_options *o = r->options;
    const alm_bundle *b = r->bundle;
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(o->prediction_date, date);
    alm_json_put_i64(w, "format", 1);
    alm_json_put_str(w, "run_id", r->run_id);
    alm_json_put_str(w, "run_key", r->run_key);
    alm_json_put_str(w, "schedule", o->schedule->name);
    alm_json_put_text(w, "prediction_date", date);
    alm_json_put_str(w, "model_version", r->release.name);
    alm_json_put_text(w, "release_hash", r->release_text);
    alm_json_put_text(w, "bundle", r->bundle_text);
    alm_json_put_str(w, "snapshot_id", o->snapshot->id);
    alm_json_put_str(w, "snapshot_manifest_object", o->snapshot->manifest_object);
    alm_json_put_str(w, "feature_version", b->parts.feature_version);
    alm_json_put_str(w, "training_run_id", b->parts.training_run_id);
    alm_json_put_i64(w, "horizon", b->method.horizon);
    alm_json_put_i64(w, "paths", b->method.paths);
    alm_json_put_text(w, "engine_source", ALM_ENGINE_SOURCE_DIGEST);
    alm_json_put_bool(w, "hindsight", r->hindsight);
    alm_json_put_str(w, "supersedes", o->supersede);
    alm_json_put_str(w, "reason", o->reason);
}

static void put_shape(const run *r, alm_json_writer *w)
{
    const alm_hierarchy *h = alm_panel_source_hierarchy(r->source);
    alm_json_key(w, "quantiles");
    alm_json_open_array(w);
    for (size_t k = 0; k < r->bundle->method.quantile_count; k++) {
        alm_json_double(w, r->bundle->method.quantile[k]);
    }
    alm_json_close_array(w);
    alm_json_key(w, "key_names");
    alm_json_open_array(w);
    for (size_t k = 0; k < r->options->project->series.key_count; k++) {
        alm_json_str(w, r->options->project->series.keys[k]);
    }
    alm_json_close_array(w);
    alm_json_key(w, "levels");
    alm_json_open_array(w);
    for (uint32_t level = 0; level < h->level_count; level++) {
        alm_json_open_object(w);
        alm_json_put_str(w, "name", h->levels[level].name);
        alm_json_put_i64(w, "nodes", h->levels[level].node_count);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

static void put_counts(const run *r, alm_json_writer *w)
{
    alm_json_put_i64(w, "rows", r->files.rows_per_step * r->bundle->method.horizon);
    alm_json_put_i64(w, "leaves", r->files.leaves);
    alm_json_put_i64(w, "aggregates", r->files.aggregates);
    alm_json_key(w, "fallbacks");
    alm_json_open_object(w);
    for (int f = 1; f < ALM_FALLBACK_COUNT; f++) {
        alm_json_put_i64(w, alm_fallback_text((alm_fallback)f), r->files.fallbacks[f]);
    }
    alm_json_close_object(w);
}

static void put_files(const run *r, const alm_digest *digests, alm_json_writer *w)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(r->options->prediction_date, date);
    alm_json_key(w, "files");
    alm_json_open_array(w);
    for (int32_t step = 0; step < r->bundle->method.horizon; step++) {
        char digest[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&digests[step], digest);
        alm_json_open_object(w);
        alm_json_put_i64(w, "horizon", step + 1);
        alm_json_put_i64(w, "rows", r->files.rows_per_step);
        alm_json_put_text(w, "sha256", digest);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
    char object[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&r->fan_object, object);
    alm_json_put_text(w, "fan_object", object);
    alm_digest_text(&r->paths_object, object);
    alm_json_put_text(w, "paths_object", object);
}

/* A hook of the commit: staging has read the data files, so their digests are known. */
static alm_err store_manifest(void *context, const alm_digest *digests, alm_digest *out,
                              alm_error *error)
{
    run *r = context;
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_json_open_object(&w);
    put_identity(r, &w);
    put_shape(r, &w);
    put_counts(r, &w);
    put_files(r, digests, &w);
    alm_json_close_object(&w);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_objects_put(r->options->objects, alm_buffer_view(&text), out, error);
    }
    if (code == ALM_OK) {
        r->manifest = *out;
    }
    alm_buffer_deinit(&text);
    return code;
}

static void describe_files(run *r)
{
    size_t steps = (size_t)r->bundle->method.horizon;
    r->table_files = ALM_NEW_ARRAY(r->arena, alm_predictions_file, steps);
    for (size_t step = 0; step < steps; step++) {
        r->table_files[step] = (alm_predictions_file){
            .content = {.path = r->files.step_paths[step]},
            .partition = {r->options->prediction_date, r->release.name, (int32_t)step + 1},
            .rows = (uint64_t)r->files.rows_per_step};
    }
}

static alm_batch_run registry_row(const run *r)
{
    const alm_run_options *o = r->options;
    alm_batch_run row = {.run_id = r->run_id,
                         .run_key = r->run_key,
                         .schedule = o->schedule->name,
                         .prediction_date = o->prediction_date,
                         .release = r->release.name,
                         .manifest = r->manifest,
                         .supersedes = o->supersede,
                         .reason = o->reason,
                         .who = o->who,
                         .created = alm_env_now(r->env)};
    bool valid = alm_digest_parse(o->snapshot->id, &row.snapshot);
    alm_assert(valid);
    return row;
}

static alm_err checkpoint_to_parquet(void *context, const char *json_lines, const char *parquet,
                                     alm_error *error)
{
    const run *r = context;
    alm_sql_options options = {1, CHECKPOINT_MEMORY, r->scratch};
    alm_sql *sql = NULL;
    ALM_TRY(alm_sql_open(&options, &sql, error));
    char *from = alm_sql_literal(r->arena, alm_str_of(json_lines));
    char *to = alm_sql_literal(r->arena, alm_str_of(parquet));
    char *statement = alm_arena_printf(
        r->arena, "COPY (SELECT * FROM read_json(%s, format='newline_delimited', columns=%s)) "
        "TO %s (FORMAT parquet)", from, ALM_PREDICTIONS_CHECKPOINT_COLUMNS, to);
    alm_err code = alm_sql_run(sql, statement, error);
    alm_sql_close(sql);
    return code;
}

/* A checkpoint only makes other engines faster: the run is committed, so a failure is logged. */
static void checkpoint(run *r)
{
    alm_predictions_checkpointer by = {checkpoint_to_parquet, r, CHECKPOINT_EVERY};
    int64_t version = -1;
    alm_error error = {0};
    if (alm_predictions_checkpoint(r->options->predictions, &by, &version, &error) != ALM_OK) {
        alm_env_log(r->env, ALM_LOG_WARN, "no checkpoint of the prediction store: %s",
                    error.message);
    }
}

/* A run that was committed but not recorded (the process ended in between) would be passed over by
 * the registry's check, and two runs of one date would be in force. */
static alm_err check_recorded(const run *r, alm_error *error)
{
    const alm_predictions_commit *commits = NULL;
    size_t count = 0;
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(r->options->prediction_date, date);
    ALM_TRY(alm_predictions_list(r->options->predictions, &commits, &count, error));
    for (size_t i = 0; i < count; i++) {
        const alm_predictions_commit *c = &commits[i];
        bool other = c->is_run && c->files && !alm_str_equal(c->run_key, r->run_key) &&
                     alm_str_is(c->file[0].prediction_date, date) &&
                     alm_str_equal(c->file[0].model_version, r->release.name);
        alm_batch_run row;
        alm_err code = other ? alm_registry_find_batch_run(r->options->registry, c->run_key,
                                                           r->arena, &row, error)
                             : ALM_OK;
        if (code == ALM_ERR_NOT_FOUND) {
            return alm_fail(error, ALM_ERR_CONFLICT, "run %.*s of %.*s for %s was committed but "
                            "not recorded: its process is about to, or ended in between; then "
                            "repeat it first, with the snapshot that it used",
                            ALM_STR_ARG(c->run_id), ALM_STR_ARG(r->release.name), date);
        }
        ALM_TRY(code);
    }
    return ALM_OK;
}

/* A hook of the commit. What check_identity found may have changed while this run computed: another
 * one for the same date may be in force by now. Once in the table, a run cannot be taken back. */
static alm_err may_commit(void *context, alm_error *error)
{
    const run *r = context;
    ALM_TRY(check_recorded(r, error));
    alm_batch_run row = registry_row(r);
    alm_err code = alm_registry_check_batch_run(r->options->registry, &row, error);
    if (code == ALM_ERR_EXISTS) {
        alm_error_clear(error); /* the same run by another process: the table will say so */
        code = ALM_OK;
    }
    return code;
}

/* The commit of the table decides; the registry's row follows it, and a restart in between finds
 * the commit by its run key and adds the row. */
static alm_err commit(run *r, alm_run_result *out, alm_error *error)
{
    const alm_run_options *o = r->options;
    describe_files(r);
    ALM_TRY(alm_objects_put_file(o->objects, r->files.fan_path, &r->fan_object, error));
    ALM_TRY(alm_objects_put_file(o->objects, r->files.paths_path, &r->paths_object, error));
    alm_ledger_head head;
    ALM_TRY(alm_ledger_get_head(o->registry, &head, error));
    alm_predictions_request request = {.file = r->table_files,
                                       .files = (size_t)r->bundle->method.horizon,
                                       .run_id = r->run_id,
                                       .run_key = r->run_key,
                                       .hooks = {store_manifest, may_commit, r},
                                       .ledger_head = head.hash,
                                       .timestamp = alm_env_now(r->env),
                                       .engine = "almanac/" ALM_ENGINE_VERSION};
    int64_t version = -1;
    alm_err code = alm_predictions_commit_run(o->predictions, &request, &version, error);
    if (code != ALM_OK && code != ALM_ERR_EXISTS) {
        return code;
    }
    if (code == ALM_ERR_EXISTS) {
        /* The manifest in force is that of the commit, whatever this engine would have written. */
        const alm_predictions_commit *made = alm_predictions_find(o->predictions, r->run_key);
        alm_assert(made);
        r->manifest = made->manifest;
        alm_error_clear(error);
    }
    alm_batch_run row = registry_row(r);
    row.predictions_version = version;
    ALM_TRY(alm_registry_add_batch_run(o->registry, &row, error));
    fill_result(r, out);
    out->version = version;
    checkpoint(r);
    return ALM_OK;
}

static alm_err check_identity(run *r, alm_run_result *out, bool *done, alm_error *error)
{
    const alm_run_options *o = r->options;
    alm_batch_run earlier;
    alm_err code =
        alm_registry_find_batch_run(o->registry, r->run_key, r->arena, &earlier, error);
    if (code == ALM_OK) {
        fill_result(r, out);
        out->already_committed = true;
        out->version = earlier.predictions_version;
        *done = true;
        return ALM_OK;
    }
    if (code != ALM_ERR_NOT_FOUND) {
        return code;
    }
    alm_error_clear(error);
    ALM_TRY(check_recorded(r, error));
    alm_batch_run row = registry_row(r);
    return alm_registry_check_batch_run(o->registry, &row, error);
}

static alm_err execute(run *r, alm_run_result *out, alm_error *error)
{
    ALM_TRY(resolve(r, error));
    bool done = false;
    ALM_TRY(check_identity(r, out, &done, error));
    if (done) {
        return ALM_OK;
    }
    ALM_TRY(open_inputs(r, error));
    ALM_TRY(check_complete(r, error));
    ALM_TRY(note_hindsight(r, error));
    ALM_TRY(alm_scratch_create(r->env, r->options->project, r->arena, &r->scratch, error));
    ALM_TRY(compute(r, error));
    if (r->options->dry_run) {
        fill_result(r, out);
        out->version = -1;
        return ALM_OK;
    }
    return commit(r, out, error);
}

alm_err alm_run(const alm_env *env, const alm_run_options *options, alm_arena *arena,
                alm_run_result *out, alm_error *error)
{
    run r = {.env = env, .options = options, .arena = arena};
    alm_err code = execute(&r, out, error);
    alm_run_writer_close(r.writer);
    alm_bundle_destroy(r.bundle);
    alm_panel_source_close(r.source);
    alm_scratch_remove(env, r.scratch);
    return code;
}
