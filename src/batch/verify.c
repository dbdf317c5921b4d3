/* verify.c: every link of the chain recomputed, the first broken one named. */
#include "batch/verify.h"

#include "batch/query_catalog.h"
#include "store/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct verifier {
    const alm_read_stores *stores;
    alm_arena *arena; /* of the caller: the report */
    alm_verify_report report;
    alm_predictions *table; /* NULL when it does not open */
    const alm_predictions_commit *commit;
    size_t commits;
    alm_batch_run *run; /* of the registry */
    size_t runs;
    alm_digest *damaged; /* objects whose content is not their name */
    size_t damaged_count;
} verifier;

ALM_PRINTF(3, 4)
static void problem(verifier *v, alm_verify_check check, const char *format, ...)
{
    alm_verify_line *line = &v->report.line[check];
    v->report.problems++;
    if (line->problems++ > 0) {
        return;
    }
    char text[ALM_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    line->problem = alm_arena_copy_text(v->arena, text, strlen(text));
}

static void checked(verifier *v, alm_verify_check check, int64_t count)
{
    v->report.line[check].checked += count;
}

/* ---- objects ---- */

static alm_err check_objects(verifier *v, alm_error *error)
{
    alm_objects *objects = v->stores->objects;
    alm_digest *digest;
    size_t count;
    ALM_TRY(alm_objects_list(objects, v->arena, &digest, &count, error));
    v->damaged = ALM_NEW_ARRAY(v->arena, alm_digest, count);
    alm_arena *scratch = alm_arena_create(0);
    for (size_t i = 0; i < count; i++) {
        const char *path;
        alm_error reason = {0};
        alm_arena_reset(scratch);
        if (alm_objects_locate(objects, &digest[i], scratch, &path, &reason) != ALM_OK) {
            v->damaged[v->damaged_count++] = digest[i];
            problem(v, ALM_VERIFY_OBJECTS, "%s", reason.message);
        }
    }
    alm_arena_destroy(scratch);
    checked(v, ALM_VERIFY_OBJECTS, (int64_t)count);
    return ALM_OK;
}

/* An object that a manifest names: is it there, and whole? Content was hashed above. */
static void check_named(verifier *v, alm_verify_check check, const alm_predictions_commit *commit,
                        const char *what, alm_str text)
{
    alm_digest digest;
    uint64_t size;
    checked(v, check, 1);
    if (!alm_digest_parse(text, &digest)) {
        problem(v, check,
                "run " ALM_STR_FMT ": %s '" ALM_STR_FMT "' in its manifest is no digest",
                ALM_STR_ARG(commit->run_id), what, ALM_STR_ARG(text));
        return;
    }
    if (alm_objects_find(v->stores->objects, &digest, &size, NULL) != ALM_OK) {
        problem(v, check, "run " ALM_STR_FMT ": its %s, object " ALM_STR_FMT ", is not there",
                ALM_STR_ARG(commit->run_id), what, ALM_STR_ARG(text));
        return;
    }
    for (size_t i = 0; i < v->damaged_count; i++) {
        if (alm_digest_equal(&v->damaged[i], &digest)) {
            problem(v, check, "run " ALM_STR_FMT ": its %s, object " ALM_STR_FMT ", is damaged",
                    ALM_STR_ARG(commit->run_id), what, ALM_STR_ARG(text));
        }
    }
}

/* ---- runs ---- */

static const alm_batch_run *recorded(const verifier *v, alm_str run_key)
{
    for (size_t i = 0; i < v->runs; i++) {
        if (alm_str_equal(v->run[i].run_key, run_key)) {
            return &v->run[i];
        }
    }
    return NULL;
}

/* A commit is ours when the registry has it, or, in the gap between commit and record, when the
 * manifest that it names is in our object store and says the same run. */
static alm_err is_known(void *context, const alm_predictions_commit *commit, alm_error *error)
{
    const verifier *v = context;
    const alm_batch_run *run = recorded(v, commit->run_key);
    if (run) {
        if (!alm_digest_equal(&run->manifest, &commit->manifest)) {
            return alm_fail(error, ALM_ERR_CONFLICT, "the registry has another manifest for it");
        }
        if (run->predictions_version != commit->version) {
            return alm_fail(error, ALM_ERR_CONFLICT, "the registry has it as version %lld",
                            (long long)run->predictions_version);
        }
        return ALM_OK;
    }
    alm_json_document *manifest;
    alm_error reason = {0};
    if (alm_run_manifest_read(v->stores->objects, &commit->manifest, &manifest, &reason) !=
        ALM_OK) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "neither the registry nor the object store knows it (%s)",
                        reason.message);
    }
    alm_str key = alm_run_manifest_text(manifest, "run_key", v->arena);
    alm_json_document_destroy(manifest);
    return alm_str_equal(key, commit->run_key)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_CONFLICT, "its manifest is of another run");
}

static alm_verify_check check_of_finding(alm_predictions_finding_kind kind)
{
    switch (kind) {
    case ALM_PREDICTIONS_FOREIGN:
    case ALM_PREDICTIONS_REMOVE:
    case ALM_PREDICTIONS_REPEATED:
        return ALM_VERIFY_FOREIGN;
    case ALM_PREDICTIONS_UNSAFE_PATH:
    case ALM_PREDICTIONS_MISSING_FILE:
    case ALM_PREDICTIONS_DAMAGED_FILE:
        return ALM_VERIFY_DATA;
    case ALM_PREDICTIONS_MISSING_RUN:
        return ALM_VERIFY_REGISTRY;
    default:
        return ALM_VERIFY_LOG;
    }
}

static alm_err check_table(verifier *v, alm_fs *fs, const char *root, alm_error *error)
{
    alm_str *keys = ALM_NEW_ARRAY(v->arena, alm_str, v->runs);
    for (size_t i = 0; i < v->runs; i++) {
        keys[i] = v->run[i].run_key;
    }
    alm_predictions_known known = {is_known, v, keys, v->runs};
    alm_predictions_report report;
    ALM_TRY(alm_predictions_verify(fs, root, &known, v->arena, &report, error));
    for (size_t i = 0; i < report.findings; i++) {
        const alm_predictions_finding *finding = &report.finding[i];
        problem(v, check_of_finding(finding->kind), "%s: %s",
                alm_predictions_finding_text(finding->kind), finding->message);
    }
    checked(v, ALM_VERIFY_LOG, (int64_t)report.commits);
    checked(v, ALM_VERIFY_FOREIGN, (int64_t)report.commits);
    checked(v, ALM_VERIFY_DATA, (int64_t)report.files);
    v->report.bytes = (int64_t)report.bytes;
    v->report.rows = report.rows;
    return ALM_OK;
}

/* ---- manifests ---- */

/* A manifest names a file by its digest, since that is its name in the table. */
static const alm_predictions_data *file_of(const alm_predictions_commit *commit,
                                           const alm_json *entry)
{
    alm_str text;
    alm_digest digest;
    if (alm_json_get_str(entry, "sha256", &text, NULL) != ALM_OK ||
        !alm_digest_parse(text, &digest)) {
        return NULL;
    }
    for (size_t f = 0; f < commit->files; f++) {
        const alm_predictions_data *data = &commit->file[f];
        if (data->has_digest && alm_digest_equal(&digest, &data->digest)) {
            return data;
        }
    }
    return NULL;
}

static bool same_file(const alm_json *entry, const alm_predictions_data *data)
{
    int64_t rows, step, partition_step;
    return alm_json_get_i64(entry, "rows", &rows, NULL) == ALM_OK && rows == data->rows &&
           alm_json_get_i64(entry, "horizon", &step, NULL) == ALM_OK &&
           alm_str_to_i64(data->forecast_horizon, &partition_step) && step == partition_step;
}

static void check_file_list(verifier *v, const alm_predictions_commit *commit,
                            const alm_json *manifest)
{
    const alm_json *files = alm_json_member(manifest, "files");
    size_t count = files ? alm_json_count(files) : 0;
    if (count != commit->files) {
        problem(v, ALM_VERIFY_MANIFEST,
                "run " ALM_STR_FMT ": its manifest lists %zu files, version %lld adds %zu",
                ALM_STR_ARG(commit->run_id), count, (long long)commit->version, commit->files);
        return;
    }
    for (size_t i = 0; i < commit->files; i++) {
        const alm_json *entry = alm_json_at(files, i);
        const alm_predictions_data *data = file_of(commit, entry);
        if (!data || !same_file(entry, data)) {
            alm_str digest;
            if (alm_json_get_str(entry, "sha256", &digest, NULL) != ALM_OK) {
                digest = ALM_STR("(without a digest)");
            }
            problem(v, ALM_VERIFY_MANIFEST, "run " ALM_STR_FMT ": file " ALM_STR_FMT
                    " of its manifest %s", ALM_STR_ARG(commit->run_id), ALM_STR_ARG(digest),
                    data ? "has another row count or step in the commit"
                         : "is not in the commit");
        }
    }
}

static void check_member(verifier *v, const alm_predictions_commit *commit,
                         const alm_json_document *manifest, const char *key, alm_str expected)
{
    alm_str text = alm_run_manifest_text(manifest, key, v->arena);
    if (!alm_str_equal(text, expected)) {
        problem(v, ALM_VERIFY_MANIFEST,
                "version %lld says %s " ALM_STR_FMT ", its manifest says '" ALM_STR_FMT "'",
                (long long)commit->version, key, ALM_STR_ARG(expected), ALM_STR_ARG(text));
    }
}

static void check_manifest(verifier *v, const alm_predictions_commit *commit)
{
    alm_json_document *manifest;
    alm_error reason = {0};
    checked(v, ALM_VERIFY_MANIFEST, 1);
    if (alm_run_manifest_read(v->stores->objects, &commit->manifest, &manifest, &reason) !=
        ALM_OK) {
        problem(v, ALM_VERIFY_MANIFEST, "run " ALM_STR_FMT " (version %lld): %s",
                ALM_STR_ARG(commit->run_id), (long long)commit->version, reason.message);
        return;
    }
    check_member(v, commit, manifest, "run_id", commit->run_id);
    check_member(v, commit, manifest, "run_key", commit->run_key);
    check_file_list(v, commit, alm_json_root(manifest));
    alm_str fan = alm_run_manifest_text(manifest, "fan_object", v->arena);
    if (fan.size > 0) {
        check_named(v, ALM_VERIFY_FAN, commit, "fan file", fan);
    }
    alm_str paths = alm_run_manifest_text(manifest, "paths_object", v->arena);
    if (paths.size > 0) { /* none in a run of an engine before it */
        check_named(v, ALM_VERIFY_FAN, commit, "file of sample paths", paths);
    }
    check_named(v, ALM_VERIFY_LINEAGE, commit, "snapshot manifest",
                alm_run_manifest_text(manifest, "snapshot_manifest_object", v->arena));
    check_named(v, ALM_VERIFY_LINEAGE, commit, "bundle",
                alm_run_manifest_text(manifest, "bundle", v->arena));
    const alm_batch_run *run = recorded(v, commit->run_key);
    if (run) {
        char snapshot[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&run->snapshot, snapshot);
        check_member(v, commit, manifest, "snapshot_id", alm_str_of(snapshot));
        check_member(v, commit, manifest, "model_version", run->release);
    }
    alm_json_document_destroy(manifest);
}

static void check_registry(verifier *v)
{
    checked(v, ALM_VERIFY_REGISTRY, (int64_t)v->runs);
    for (size_t c = 0; c < v->commits; c++) {
        const alm_predictions_commit *commit = &v->commit[c];
        if (commit->is_run && !recorded(v, commit->run_key)) {
            problem(v, ALM_VERIFY_REGISTRY,
                    "run " ALM_STR_FMT " (version %lld) is in the table but not in the registry; "
                    "the same 'almanac run' again records it",
                    ALM_STR_ARG(commit->run_id), (long long)commit->version);
        }
    }
}

/* ---- ledger ---- */

static int64_t seq_of_head(const alm_ledger_entry *entry, size_t count, const alm_digest *hash)
{
    static const alm_digest empty = {{0}};
    for (size_t i = 0; i < count; i++) {
        if (alm_digest_equal(&entry[i].hash, hash)) {
            return entry[i].seq;
        }
    }
    return alm_digest_equal(hash, &empty) ? 0 : -1;
}

static void check_recorded_heads(verifier *v, const alm_ledger_entry *entry, size_t count)
{
    int64_t newest = 0;
    for (size_t c = 0; c < v->commits; c++) {
        const alm_predictions_commit *commit = &v->commit[c];
        if (!commit->is_run) {
            continue;
        }
        int64_t seq = seq_of_head(entry, count, &commit->ledger_head);
        if (seq < 0) {
            problem(v, ALM_VERIFY_LEDGER,
                    "version %lld recorded a ledger head that the ledger does not have: entries "
                    "were cut off or the chain was computed anew", (long long)commit->version);
        } else if (seq < newest) {
            problem(v, ALM_VERIFY_LEDGER,
                    "version %lld recorded ledger entry %lld as head, an earlier version %lld",
                    (long long)commit->version, (long long)seq, (long long)newest);
        } else {
            newest = seq;
        }
    }
}

static void check_ledger(verifier *v)
{
    alm_error reason = {0};
    alm_ledger_entry *entry;
    size_t count;
    if (alm_ledger_verify(v->stores->registry, NULL, NULL, NULL, &reason) != ALM_OK) {
        problem(v, ALM_VERIFY_LEDGER, "%s", reason.message);
    }
    if (alm_ledger_list(v->stores->registry, &(alm_ledger_filter){0}, v->arena, &entry, &count,
                        &reason) != ALM_OK) {
        problem(v, ALM_VERIFY_LEDGER, "%s", reason.message);
        return;
    }
    checked(v, ALM_VERIFY_LEDGER, (int64_t)count);
    check_recorded_heads(v, entry, count);
}

/* ---- all of it ---- */

static alm_err check_all(verifier *v, alm_fs *fs, const char *root, alm_error *error)
{
    static const char *const texts[][2] = {
#define LINE_TEXT(name, title, text) {title, text},
        ALM_VERIFY_CHECK_MAP(LINE_TEXT)
#undef LINE_TEXT
    };
    for (size_t i = 0; i < ALM_VERIFY_CHECKS; i++) {
        v->report.line[i].title = texts[i][0];
        v->report.line[i].text = texts[i][1];
    }
    ALM_TRY(alm_registry_list_batch_runs(v->stores->registry, &(alm_batch_run_filter){0},
                                         v->arena, &v->run, &v->runs, error));
    ALM_TRY(check_objects(v, error));
    ALM_TRY(check_table(v, fs, root, error));
    alm_error reason = {0};
    alm_err code = alm_predictions_open(fs, root, &v->table, &reason);
    if (code == ALM_OK) {
        code = alm_predictions_list(v->table, &v->commit, &v->commits, &reason);
    }
    if (code != ALM_OK) {
        problem(v, ALM_VERIFY_MANIFEST, "not checked: %s", reason.message);
    }
    for (size_t c = 0; c < v->commits; c++) {
        if (v->commit[c].is_run) {
            check_manifest(v, &v->commit[c]);
        }
    }
    check_registry(v);
    check_ledger(v);
    return ALM_OK;
}

alm_err alm_verify_predictions(alm_fs *fs, const char *root, const alm_read_stores *stores,
                               alm_arena *arena, alm_verify_report *out, alm_error *error)
{
    verifier v = {.stores = stores, .arena = arena};
    alm_err code = check_all(&v, fs, root, error);
    alm_predictions_close(v.table);
    ALM_TRY(code);
    *out = v.report;
    return ALM_OK;
}

alm_err alm_verify_status(const alm_verify_report *report, alm_error *error)
{
    for (size_t i = 0; i < ALM_VERIFY_CHECKS; i++) {
        const alm_verify_line *line = &report->line[i];
        if (line->problems > 0) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: %s%s", line->title, line->problem,
                            report->problems > 1 ? " (and more)" : "");
        }
    }
    return ALM_OK;
}

void alm_verify_print(const alm_verify_report *report, alm_buffer *out)
{
    for (size_t i = 0; i < ALM_VERIFY_CHECKS; i++) {
        const alm_verify_line *line = &report->line[i];
        alm_buffer_printf(out, "%-4s  %-15s  %7lld  %s\n", line->problems ? "BAD" : "ok",
                          line->title, (long long)line->checked, line->text);
        if (line->problems > 0) {
            alm_buffer_printf(out, "      %s\n", line->problem);
        }
        if (line->problems > 1) {
            alm_buffer_printf(out, "      and %lld more\n", (long long)(line->problems - 1));
        }
    }
}

void alm_verify_print_json(const alm_verify_report *report, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_bool(&json, "ok", report->problems == 0);
    alm_json_put_i64(&json, "problems", report->problems);
    alm_json_put_i64(&json, "bytes", report->bytes);
    alm_json_put_i64(&json, "rows", report->rows);
    alm_json_key(&json, "checks");
    alm_json_open_array(&json);
    for (size_t i = 0; i < ALM_VERIFY_CHECKS; i++) {
        const alm_verify_line *line = &report->line[i];
        alm_json_open_object(&json);
        alm_json_put_text(&json, "name", line->title);
        alm_json_put_i64(&json, "checked", line->checked);
        alm_json_put_i64(&json, "problems", line->problems);
        alm_json_key(&json, "problem");
        if (line->problem) {
            alm_json_text(&json, line->problem);
        } else {
            alm_json_null(&json);
        }
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    alm_buffer_text(out, "\n");
}
