/* predictions_verify.c: does the table hold exactly our runs, unharmed?
 *
 * Reads the log by itself and goes on after a finding, because an auditor wants all of them. Other
 * engines cannot be stopped from committing (RESTORE and OPTIMIZE pass delta.appendOnly), so each
 * entry must be a run that the caller knows, and nothing else. */
#include "store/delta_log.h"
#include "store/staging.h"

#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 600

typedef struct verification {
    alm_fs *fs;
    const char *root;
    const char *log;
    const alm_predictions_known *known;
    alm_arena *arena; /* of the caller, for the report */
    alm_predictions_report report;
    alm_predictions_finding *finding;
    size_t capacity;
    alm_predictions_commit *commit;
    size_t commits;
    alm_instant newest;
} verification;

const char *alm_predictions_finding_text(alm_predictions_finding_kind kind) {
    static const char *const TEXT[ALM_PREDICTIONS_FINDINGS] = {
#define FINDING_TEXT(name, text) text,
        ALM_PREDICTIONS_FINDING_MAP(FINDING_TEXT)
#undef FINDING_TEXT
    };
    alm_assert(kind >= 0 && kind < ALM_PREDICTIONS_FINDINGS);
    return TEXT[kind];
}

ALM_PRINTF(4, 5)
static void find(verification *v, alm_predictions_finding_kind kind, int64_t version,
                 const char *format, ...) {
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (v->report.findings == v->capacity) {
        size_t larger = v->capacity == 0 ? 8 : 2 * v->capacity;
        alm_predictions_finding *copy = ALM_NEW_ARRAY(v->arena, alm_predictions_finding, larger);
        if (v->report.findings > 0) {
            memcpy(copy, v->finding, v->report.findings * sizeof *copy);
        }
        v->finding = copy;
        v->capacity = larger;
    }
    v->finding[v->report.findings++] = (alm_predictions_finding){
        kind, version, alm_arena_copy_text(v->arena, message, strlen(message))};
}

/* ---- one entry ---- */

static void check_creation(verification *v, const alm_predictions_commit *commit) {
    if (commit->version != 0) {
        return;
    }
    if (!commit->has_protocol || commit->reader_version != ALMI_DELTA_READER_VERSION ||
        commit->writer_version != ALMI_DELTA_WRITER_VERSION) {
        find(v, ALM_PREDICTIONS_PROTOCOL, 0, "version 0 does not set protocol (%d,%d)",
             ALMI_DELTA_READER_VERSION, ALMI_DELTA_WRITER_VERSION);
    }
    bool is_append_only = commit->configuration.size > 0 &&
                          strstr(commit->configuration.data, "delta.appendOnly=true;") != NULL;
    if (!commit->has_metadata || !is_append_only ||
        !alm_str_is(commit->partition_columns, ALMI_DELTA_PARTITION_COLUMNS)) {
        find(v, ALM_PREDICTIONS_METADATA, 0,
             "version 0 does not make an append-only table partitioned by %s",
             ALMI_DELTA_PARTITION_COLUMNS);
    }
}

static void check_actions(verification *v, const alm_predictions_commit *commit) {
    int64_t version = commit->version;
    if (version > 0 && commit->has_protocol) {
        find(v, ALM_PREDICTIONS_PROTOCOL, version, "version %lld sets protocol (%lld,%lld)",
             (long long)version, (long long)commit->reader_version,
             (long long)commit->writer_version);
    }
    if (version > 0 && commit->has_metadata) {
        find(v, ALM_PREDICTIONS_METADATA, version,
             "version %lld (%.*s) replaces schema and configuration", (long long)version,
             ALM_STR_ARG(commit->operation));
    }
    for (size_t i = 0; i < commit->removes; i++) {
        find(v, ALM_PREDICTIONS_REMOVE, version, "version %lld (%.*s) removes %.*s",
             (long long)version, ALM_STR_ARG(commit->operation), ALM_STR_ARG(commit->removed[i]));
    }
}

static alm_err check_known(verification *v, const alm_predictions_commit *commit,
                           alm_error *error) {
    if (commit->version == 0) {
        return ALM_OK;
    }
    if (!commit->is_run) {
        find(v, ALM_PREDICTIONS_FOREIGN, commit->version,
             "version %lld (%.*s) was not written by a run", (long long)commit->version,
             ALM_STR_ARG(commit->operation));
        return ALM_OK;
    }
    if (v->known == NULL || v->known->is_known == NULL) {
        return ALM_OK;
    }
    alm_error reason = {0};
    alm_err code = v->known->is_known(v->known->context, commit, &reason);
    if (code == ALM_ERR_NOT_FOUND || code == ALM_ERR_CONFLICT) {
        find(v, ALM_PREDICTIONS_FOREIGN, commit->version, "version %lld, run key %.*s: %s",
             (long long)commit->version, ALM_STR_ARG(commit->run_key), reason.message);
        return ALM_OK;
    }
    return code == ALM_OK ? ALM_OK : alm_fail(error, code, "%s", reason.message);
}

/* Spark and delta-rs travel in time by the modification times of the entries. */
static alm_err check_time(verification *v, const alm_predictions_commit *commit, alm_arena *scratch,
                          alm_error *error) {
    alm_fs_stat stat;
    const char *path = almi_delta_path(scratch, v->log, commit->version);
    ALM_TRY(v->fs->ops->stat(v->fs, path, &stat, error));
    if ((commit->is_run || commit->version == 0) && stat.modified != commit->timestamp) {
        char text[ALM_INSTANT_TEXT_BYTES];
        alm_instant_text(commit->timestamp, text);
        find(v, ALM_PREDICTIONS_TIME, commit->version,
             "%s does not carry its commit's time %s (copied without times?)", path, text);
    }
    if (commit->version > 0 && commit->timestamp <= v->newest) {
        find(v, ALM_PREDICTIONS_TIME, commit->version,
             "version %lld is not later than the versions before it", (long long)commit->version);
    }
    v->newest = commit->timestamp > v->newest ? commit->timestamp : v->newest;
    return ALM_OK;
}

/* ---- data files ---- */

static bool is_our_path(const alm_predictions_data *data, alm_arena *scratch) {
    char digest[ALM_DIGEST_TEXT_BYTES];
    if (!data->has_digest || !alm_str_is_safe_name(data->prediction_date) ||
        !alm_str_is_safe_name(data->model_version) ||
        !alm_str_is_safe_name(data->forecast_horizon)) {
        return false;
    }
    alm_digest_text(&data->digest, digest);
    const char *expected = alm_arena_printf(
        scratch, "prediction_date=%.*s/model_version=%.*s/forecast_horizon=%.*s/part-%s.parquet",
        ALM_STR_ARG(data->prediction_date), ALM_STR_ARG(data->model_version),
        ALM_STR_ARG(data->forecast_horizon), digest);
    return alm_str_is(data->path, expected);
}

static alm_err check_data(verification *v, int64_t version, const alm_predictions_data *data,
                          alm_arena *scratch, alm_error *error) {
    if (!is_our_path(data, scratch)) {
        find(v, ALM_PREDICTIONS_UNSAFE_PATH, version, "version %lld adds %.*s", (long long)version,
             ALM_STR_ARG(data->path));
        return ALM_OK;
    }
    const char *path = alm_path_join(scratch, v->root, data->path.data);
    alm_digest found;
    uint64_t size_bytes = 0;
    alm_err code = almi_file_digest(v->fs, path, &found, &size_bytes, error);
    if (code == ALM_ERR_NOT_FOUND) {
        alm_error_clear(error);
        find(v, ALM_PREDICTIONS_MISSING_FILE, version, "version %lld: %s is missing",
             (long long)version, path);
        return ALM_OK;
    }
    if (code != ALM_OK) {
        return code;
    }
    if (size_bytes != data->size_bytes || !alm_digest_equal(&found, &data->digest)) {
        find(v, ALM_PREDICTIONS_DAMAGED_FILE, version,
             "version %lld: %s has %llu bytes of other content than the log says",
             (long long)version, path, (unsigned long long)size_bytes);
    }
    v->report.files++;
    v->report.bytes += size_bytes;
    return ALM_OK;
}

static alm_err check_entry(verification *v, const alm_predictions_commit *commit,
                           alm_error *error) {
    alm_arena *scratch = alm_arena_create(0);
    check_creation(v, commit);
    check_actions(v, commit);
    alm_err code = check_known(v, commit, error);
    if (code == ALM_OK) {
        code = check_time(v, commit, scratch, error);
    }
    /* Files of foreign commits are alarmed as such; their content proves nothing. */
    for (size_t i = 0; code == ALM_OK && commit->is_run && i < commit->files; i++) {
        code = check_data(v, commit->version, &commit->file[i], scratch, error);
    }
    v->report.runs += commit->is_run ? 1 : 0;
    v->report.rows += commit->is_run ? commit->rows : 0;
    alm_arena_destroy(scratch);
    return code;
}

/* ---- the whole ---- */

typedef struct named {
    alm_str name;
    int64_t version;
} named;

static int compare_named(const void *a, const void *b) {
    const named *x = a;
    const named *y = b;
    int order = alm_str_compare(x->name, y->name);
    return order != 0 ? order : (x->version > y->version) - (x->version < y->version);
}

static void check_repetitions(verification *v, const char *what, named *name, size_t count) {
    qsort(name, count, sizeof *name, compare_named);
    for (size_t i = 1; i < count; i++) {
        if (alm_str_equal(name[i].name, name[i - 1].name)) {
            find(v, ALM_PREDICTIONS_REPEATED, name[i].version,
                 "%s %.*s is in versions %lld and %lld", what, ALM_STR_ARG(name[i].name),
                 (long long)name[i - 1].version, (long long)name[i].version);
        }
    }
}

static void check_whole(verification *v, alm_arena *scratch) {
    size_t files = 0;
    for (size_t i = 0; i < v->commits; i++) {
        files += v->commit[i].files;
    }
    named *path = ALM_NEW_ARRAY(scratch, named, files + 1);
    named *run = ALM_NEW_ARRAY(scratch, named, v->commits + 1);
    size_t paths = 0;
    size_t runs = 0;
    for (size_t i = 0; i < v->commits; i++) {
        const alm_predictions_commit *commit = &v->commit[i];
        for (size_t f = 0; f < commit->files; f++) {
            path[paths++] = (named){commit->file[f].path, commit->version};
        }
        if (commit->run_key.size > 0) {
            run[runs++] = (named){commit->run_key, commit->version};
        }
    }
    check_repetitions(v, "data file", path, paths);
    check_repetitions(v, "run key", run, runs); /* leaves `run` sorted */
    for (size_t i = 0; v->known != NULL && i < v->known->run_keys; i++) {
        named wanted = {v->known->run_key[i], 0};
        bool is_there = false;
        size_t low = 0;
        size_t high = runs;
        while (low < high && !is_there) {
            size_t middle = low + (high - low) / 2;
            int order = alm_str_compare(run[middle].name, wanted.name);
            is_there = order == 0;
            low = order < 0 ? middle + 1 : low;
            high = order > 0 ? middle : high;
        }
        if (!is_there) {
            find(v, ALM_PREDICTIONS_MISSING_RUN, -1, "run key %.*s is not in the table",
                 ALM_STR_ARG(wanted.name));
        }
    }
}

static alm_err read_entries(verification *v, alm_arena *scratch, alm_error *error) {
    int64_t *version = NULL;
    size_t count = 0;
    ALM_TRY(almi_delta_versions(v->fs, v->log, scratch, &version, &count, error));
    if (count == 0 || version[0] != 0) {
        find(v, ALM_PREDICTIONS_GAP, 0, "%s: entry 0 is missing%s", v->log,
             count == 0 ? "" : "; another engine may have cleaned the log");
    }
    v->commit = ALM_NEW_ARRAY(scratch, alm_predictions_commit, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && version[i] != version[i - 1] + 1) {
            find(v, ALM_PREDICTIONS_GAP, version[i - 1] + 1, "%s: entries %lld to %lld are missing",
                 v->log, (long long)version[i - 1] + 1, (long long)version[i] - 1);
        }
        alm_predictions_commit *commit = &v->commit[v->commits];
        alm_error reason = {0};
        alm_err code = almi_delta_read(v->fs, v->log, version[i], scratch, commit, &reason);
        if (code == ALM_ERR_CORRUPT) {
            find(v, ALM_PREDICTIONS_UNREADABLE, version[i], "%s", reason.message);
            continue;
        }
        if (code != ALM_OK) {
            return alm_fail(error, code, "%s", reason.message);
        }
        v->commits++;
        ALM_TRY(check_entry(v, commit, error));
    }
    return ALM_OK;
}

static int compare_findings(const void *a, const void *b) {
    const alm_predictions_finding *x = a;
    const alm_predictions_finding *y = b;
    int order = (x->version > y->version) - (x->version < y->version);
    order = order != 0 ? order : (x->kind > y->kind) - (x->kind < y->kind);
    return order != 0 ? order : strcmp(x->message, y->message);
}

alm_err alm_predictions_verify(alm_fs *fs, const char *root, const alm_predictions_known *known,
                               alm_arena *arena, alm_predictions_report *out, alm_error *error) {
    verification v = {.fs = fs, .root = root, .known = known, .arena = arena, .newest = INT64_MIN};
    alm_arena *scratch = alm_arena_create(0);
    v.log = alm_path_join(scratch, root, ALMI_DELTA_FOLDER);
    alm_err code = read_entries(&v, scratch, error);
    if (code == ALM_OK) {
        check_whole(&v, scratch);
        if (v.report.findings > 1) {
            qsort(v.finding, v.report.findings, sizeof *v.finding, compare_findings);
        }
        v.report.finding = v.finding;
        v.report.commits = v.commits;
        *out = v.report;
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err alm_predictions_clean(alm_fs *fs, const char *root, alm_instant before, size_t *removed,
                              alm_error *error) {
    alm_arena *scratch = alm_arena_create(1024);
    const char *staging = alm_path_join(scratch, root, ALMI_STAGING_FOLDER);
    alm_err code = almi_staging_clean(fs, staging, before, removed, error);
    alm_arena_destroy(scratch);
    return code;
}
