/* predictions_commit.c: the publish sequence of one run. README.md explains each step.
 *
 *   1 stage every data file: copy, hash, sync             (_staging/)
 *   2 make its folders, link it under its hash            (col=value/part-HASH.parquet)
 *   3 sync every folder that gained an entry; the caller puts the run manifest
 *   4 stage the log entry: write, set its time, sync      (_staging/)
 *   5 sync the log folder if an entry in it may be unsafe (no gap after a power cut)
 *   6 link it as _delta_log/N.json                        <- the commit, and nothing else
 *   7 sync the log folder, then acknowledge
 * A lost race at 6 goes back to 4 with the next version. */
#include "store/predictions_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 1000
#define PARTITION_LEVELS 3
#define RUN_KEY_BYTES_MAX 1000

typedef struct commit_work {
    alm_predictions *table;
    alm_predictions_request *request; /* a copy, whose manifest may come late */
    alm_arena *arena;
    almi_delta_add *add;
    alm_digest *digest; /* of the data files, in the order of the request */
    const char **folder; /* folders to sync: paths, with repetitions until sorted */
    size_t folders;
} commit_work;

/* ---- the request ---- */

static alm_err check_stats(const alm_predictions_file *file, size_t index, alm_error *error) {
    alm_json_document *stats = NULL;
    if (file->stats.size == 0) {
        return ALM_OK;
    }
    alm_err code = alm_json_parse(file->stats, "statistics of a data file", &stats, error);
    int64_t rows = -1;
    if (code == ALM_OK) {
        code = alm_json_get_i64(alm_json_root(stats), "numRecords", &rows, error);
    }
    alm_json_document_destroy(stats);
    if (code == ALM_OK && (uint64_t)rows != file->rows) {
        code = alm_fail(error, ALM_ERR_INVALID,
                        "data file %zu of the run: statistics count %lld rows, the file has %llu",
                        index, (long long)rows, (unsigned long long)file->rows);
    }
    return code;
}

static alm_err check_file(const alm_predictions_file *file, size_t index, alm_error *error) {
    char date[ALM_DATE_TEXT_BYTES];
    alm_civil civil = alm_date_civil(file->partition.prediction_date);
    if (file->partition.prediction_date == ALM_DATE_NONE || civil.year < 1 || civil.year > 9999) {
        return alm_fail(error, ALM_ERR_INVALID, "data file %zu of the run has no prediction date",
                        index);
    }
    alm_date_text(file->partition.prediction_date, date);
    if (!alm_str_is_safe_name(file->partition.model_version)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "model version '" ALM_STR_FMT "' (%s): use 1 to 100 of A-Z a-z 0-9 . _ - "
                        "and no dot in front, because other engines disagree about the rest",
                        ALM_STR_ARG(file->partition.model_version), date);
    }
    if (file->partition.forecast_horizon < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "forecast horizon %d (%s) is negative",
                        file->partition.forecast_horizon, date);
    }
    return check_stats(file, index, error);
}

static alm_err check_request(const alm_predictions_request *request, alm_error *error) {
    if (request->files == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a run without data files cannot be committed");
    }
    if (request->run_key.size == 0 || request->run_key.size > RUN_KEY_BYTES_MAX ||
        request->run_id.size == 0 || request->run_id.size > RUN_KEY_BYTES_MAX ||
        !alm_str_is_utf8(request->run_key, NULL) || !alm_str_is_utf8(request->run_id, NULL)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "run key and run id must be UTF-8 text of 1 to %d bytes",
                        RUN_KEY_BYTES_MAX);
    }
    for (size_t i = 0; i < request->files; i++) {
        ALM_TRY(check_file(&request->file[i], i, error));
    }
    return ALM_OK;
}

static alm_err check_table(const alm_predictions *table, alm_error *error) {
    if (table->changed_version >= 0) {
        return alm_fail(error, ALM_ERR_CONFLICT,
                        "%s: version %lld changed the table's schema or protocol (now %lld,%lld); "
                        "almanac commits only to the table that it made (see: almanac predictions "
                        "verify)",
                        table->root, (long long)table->changed_version,
                        (long long)table->reader_version, (long long)table->writer_version);
    }
    return ALM_OK;
}

/* ---- steps 1 to 3: data files ---- */

/* A visible run of ours was linked after its folders were synced, so they are safe. */
static bool is_proven(const alm_predictions *table, const char *folder) {
    size_t length = strlen(folder);
    for (size_t i = table->commits; i > 0; i--) {
        const alm_predictions_commit *commit = &table->commit[i - 1];
        for (size_t f = 0; commit->is_run && f < commit->files; f++) {
            alm_str path = commit->file[f].path;
            if (path.size > length && path.data[length] == '/' &&
                memcmp(path.data, folder, length) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Makes the folders of one file, top down, and notes the parents that must be synced. A folder
 * that was there already may be the work of a killed attempt: only a commit proves it safe. */
static alm_err make_partition(commit_work *work, const char *partition, alm_error *error) {
    alm_fs *fs = work->table->fs;
    const char *parent = work->table->root;
    alm_str rest = alm_str_of(partition);
    while (rest.data != NULL) {
        alm_str part = alm_str_split(&rest, '/');
        const char *level = alm_arena_copy_text(work->arena, partition,
                                                (size_t)(part.data + part.size - partition));
        const char *path = alm_path_join(work->arena, work->table->root, level);
        if (!is_proven(work->table, level)) {
            alm_err code = fs->ops->make_directory(fs, path, error);
            if (code != ALM_OK && code != ALM_ERR_EXISTS) {
                return code;
            }
            alm_error_clear(error);
            work->folder[work->folders++] = parent;
        }
        parent = path;
    }
    work->folder[work->folders++] = parent; /* it gets the file */
    return ALM_OK;
}

/* A file of this name is left from a killed attempt of the same run: take it if it is whole. */
static alm_err check_leftover(commit_work *work, const almi_stage *stage, const char *path,
                              alm_error *error) {
    alm_digest found;
    ALM_TRY(almi_file_digest(work->table->fs, path, &found, NULL, error));
    if (!alm_digest_equal(&found, &stage->digest)) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "%s: the content does not have the hash of its name; move the file away "
                        "and run again",
                        path);
    }
    return ALM_OK;
}

static alm_err check_unused(const commit_work *work, size_t index, alm_error *error) {
    const alm_predictions *table = work->table;
    alm_str path = alm_str_of(work->add[index].path);
    for (size_t i = 0; i < index; i++) {
        if (alm_str_is(path, work->add[i].path)) {
            return alm_fail(error, ALM_ERR_INVALID, "data files %zu and %zu of the run are equal",
                            i, index);
        }
    }
    for (size_t i = 0; i < table->commits; i++) {
        const alm_predictions_commit *commit = &table->commit[i];
        for (size_t f = 0; f < commit->files; f++) {
            if (alm_str_equal(commit->file[f].path, path)) {
                return alm_fail(error, ALM_ERR_CONFLICT,
                                "%s: the data file belongs to version %lld (run key " ALM_STR_FMT
                                ") already; rows of two runs must differ in their run_id",
                                work->add[index].path, (long long)commit->version,
                                ALM_STR_ARG(commit->run_key));
            }
        }
    }
    return ALM_OK;
}

static alm_err place_file(commit_work *work, size_t index, almi_stage *stage, alm_error *error) {
    char digest[ALM_DIGEST_TEXT_BYTES];
    const alm_predictions_file *file = &work->request->file[index];
    const char *partition = almi_delta_partition_path(work->arena, &file->partition);
    work->digest[index] = stage->digest;
    alm_digest_text(&stage->digest, digest);
    work->add[index] =
        (almi_delta_add){alm_arena_printf(work->arena, "%s/part-%s.parquet", partition, digest),
                         stage->size_bytes, file};
    ALM_TRY(check_unused(work, index, error));
    ALM_TRY(make_partition(work, partition, error));
    const char *path = alm_path_join(work->arena, work->table->root, work->add[index].path);
    if (alm_fs_exists(work->table->fs, path)) {
        return check_leftover(work, stage, path, error);
    }
    ALM_TRY(almi_stage_finish(stage, ALMI_TIME_UNCHANGED, error));
    alm_err code = almi_stage_link(stage, path, error);
    if (code == ALM_ERR_EXISTS) {
        alm_error_clear(error);
        return check_leftover(work, stage, path, error);
    }
    return code;
}

static alm_err stage_files(commit_work *work, alm_error *error) {
    alm_predictions *table = work->table;
    for (size_t i = 0; i < work->request->files; i++) {
        almi_stage stage;
        ALM_TRY(almi_stage_begin(table->fs, table->staging, &work->request->file[i].content,
                                 work->arena, &stage, error));
        alm_err code = place_file(work, i, &stage, error);
        almi_stage_drop(&stage);
        if (code != ALM_OK) {
            return code;
        }
    }
    return ALM_OK;
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static alm_err sync_folders(commit_work *work, alm_error *error) {
    alm_fs *fs = work->table->fs;
    qsort(work->folder, work->folders, sizeof *work->folder, compare_paths);
    for (size_t i = 0; i < work->folders; i++) {
        if (i == 0 || strcmp(work->folder[i], work->folder[i - 1]) != 0) {
            ALM_TRY(fs->ops->sync_directory(fs, work->folder[i], error));
        }
    }
    return ALM_OK;
}

static int compare_adds(const void *a, const void *b) {
    return strcmp(((const almi_delta_add *)a)->path, ((const almi_delta_add *)b)->path);
}

/* ---- steps 4 to 7: the log entry ---- */

/* Strictly rising milliseconds: other engines travel by the entries' times, and a time that stands
 * still would make two versions one. A foreign entry counts with the time of its file. */
static alm_err next_timestamp(const commit_work *work, int64_t *out, alm_error *error) {
    const alm_predictions *table = work->table;
    int64_t floor_ms = INT64_MIN;
    for (size_t i = 0; i < table->commits; i++) {
        int64_t ms = table->commit[i].timestamp / 1000;
        floor_ms = ms > floor_ms ? ms : floor_ms;
    }
    const alm_predictions_commit *last = &table->commit[table->commits - 1];
    if (!last->is_run && last->version > 0) {
        alm_fs_stat stat;
        const char *path = almi_delta_path(work->arena, table->log, last->version);
        ALM_TRY(table->fs->ops->stat(table->fs, path, &stat, error));
        int64_t ms = stat.modified / 1000;
        floor_ms = ms > floor_ms ? ms : floor_ms;
    }
    int64_t wanted_ms = work->request->timestamp / 1000;
    *out = wanted_ms > floor_ms ? wanted_ms : floor_ms + 1;
    return ALM_OK;
}

/* Some network file systems report a link that happened as refused: then the entry is ours. */
static bool is_same_entry(const commit_work *work, const char *path, alm_str entry) {
    alm_str found;
    return alm_fs_read_all(work->table->fs, path, entry.size, work->arena, &found, NULL) ==
               ALM_OK &&
           alm_str_equal(found, entry);
}

/* ALM_ERR_EXISTS: the version is taken, try the next. */
static alm_err link_entry(commit_work *work, alm_str entry, int64_t version, int64_t timestamp_ms,
                          alm_error *error) {
    alm_predictions *table = work->table;
    almi_stage stage;
    alm_content content = {NULL, entry};
    const char *path = almi_delta_path(work->arena, table->log, version);
    ALM_TRY(almi_stage_begin(table->fs, table->staging, &content, work->arena, &stage, error));
    alm_err code = almi_stage_finish(&stage, timestamp_ms * 1000, error);
    if (code == ALM_OK) {
        code = almi_predictions_secure(table, error);
    }
    if (code == ALM_OK) {
        code = almi_stage_link(&stage, path, error);
        if (code == ALM_ERR_EXISTS && is_same_entry(work, path, entry)) {
            alm_error_clear(error);
            code = ALM_OK;
        }
    }
    almi_stage_drop(&stage);
    return code;
}

/* Filling a hole in the log would give a removed version another content. */
static alm_err check_no_hole(const commit_work *work, int64_t version, alm_error *error) {
    const alm_predictions *table = work->table;
    if (alm_fs_exists(table->fs, almi_delta_path(work->arena, table->log, version + 1)) &&
        !alm_fs_exists(table->fs, almi_delta_path(work->arena, table->log, version))) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "%s: entry %lld of the log is missing although entry %lld is there; "
                        "restore it from a backup",
                        table->log, (long long)version, (long long)version + 1);
    }
    return ALM_OK;
}

static alm_err attempt(commit_work *work, alm_error *error) {
    alm_predictions *table = work->table;
    alm_buffer entry = {0};
    int64_t version = (int64_t)table->commits;
    int64_t timestamp_ms = 0;
    ALM_TRY(check_no_hole(work, version, error));
    ALM_TRY(next_timestamp(work, &timestamp_ms, error));
    almi_delta_write_run(&entry, work->request, work->add, version, timestamp_ms);
    alm_err code = alm_buffer_status(&entry, error);
    if (code == ALM_OK) {
        code = link_entry(work, alm_buffer_view(&entry), version, timestamp_ms, error);
    }
    alm_buffer_deinit(&entry);
    return code;
}

/* The run is in the log. Make that safe whoever put it there, then say so. */
static alm_err acknowledge(commit_work *work, bool is_ours, int64_t *version, alm_error *error) {
    alm_predictions *table = work->table;
    alm_err code = alm_predictions_refresh(table, error);
    if (code == ALM_OK) {
        code = almi_predictions_secure(table, error);
    }
    if (code != ALM_OK) {
        return alm_error_wrap(error, code,
                              "the run is visible but may not survive a power cut; run it again "
                              "to make it safe");
    }
    const alm_predictions_commit *commit = alm_predictions_find(table, work->request->run_key);
    alm_assert(commit != NULL);
    *version = commit->version;
    if (is_ours) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_EXISTS,
                    "run key " ALM_STR_FMT " is committed already as version %lld; nothing was "
                    "changed",
                    ALM_STR_ARG(work->request->run_key), (long long)commit->version);
}

static alm_err publish_entry(commit_work *work, int64_t *version, alm_error *error) {
    alm_predictions *table = work->table;
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        if (alm_predictions_find(table, work->request->run_key) != NULL) {
            return acknowledge(work, false, version, error);
        }
        ALM_TRY(check_table(table, error));
        const alm_predictions_hooks *hooks = &work->request->hooks;
        if (hooks->may_commit) {
            ALM_TRY(hooks->may_commit(hooks->context, error));
        }
        alm_err code = attempt(work, error);
        if (code == ALM_OK) {
            return acknowledge(work, true, version, error);
        }
        /* NOT_FOUND: somebody cleaned the staging folder under us. */
        if (code != ALM_ERR_EXISTS && code != ALM_ERR_NOT_FOUND) {
            return code;
        }
        alm_error_clear(error);
        ALM_TRY(alm_predictions_refresh(table, error));
    }
    return alm_fail(error, ALM_ERR_CONFLICT, "%s: lost %d races against other writers; try again",
                    table->root, ATTEMPTS_MAX);
}

static alm_err commit_new(commit_work *work, int64_t *version, alm_error *error) {
    size_t files = work->request->files;
    work->add = ALM_NEW_ARRAY(work->arena, almi_delta_add, files);
    work->folder = ALM_NEW_ARRAY(work->arena, const char *, files *(PARTITION_LEVELS + 1));
    work->digest = ALM_NEW_ARRAY(work->arena, alm_digest, files);
    ALM_TRY(stage_files(work, error));
    ALM_TRY(sync_folders(work, error));
    const alm_predictions_hooks *hooks = &work->request->hooks;
    if (hooks->manifest) {
        ALM_TRY(hooks->manifest(hooks->context, work->digest, &work->request->manifest, error));
    }
    /* Sorted, so that equal runs give equal entries. */
    qsort(work->add, files, sizeof *work->add, compare_adds);
    return publish_entry(work, version, error);
}

alm_err alm_predictions_commit_run(alm_predictions *table, const alm_predictions_request *request,
                                   int64_t *version, alm_error *error) {
    ALM_TRY(check_request(request, error));
    ALM_TRY(alm_predictions_refresh(table, error));
    alm_predictions_request copy = *request;
    commit_work work = {.table = table, .request = &copy};
    if (alm_predictions_find(table, request->run_key) != NULL) {
        return acknowledge(&work, false, version, error);
    }
    ALM_TRY(check_table(table, error));
    work.arena = alm_arena_create(0);
    alm_err code = commit_new(&work, version, error);
    alm_arena_destroy(work.arena);
    return code;
}
