/* Kills, power cuts and failing calls at every point of the publish sequence.
 *
 * One history of work (make the table, put two manifests, commit two runs) is cut at every file
 * operation. What must hold afterwards: whatever was acknowledged is there, byte for byte; whatever
 * was not is wholly there or wholly absent; the log has no gap; doing the work again completes it
 * and gives the same table. The sweep itself is tested too: with any single sync left out of the
 * sequence it must find a violation, so no sync is superfluous and none can be lost unnoticed. */
#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "store/delta_log.h"
#include "store/objects.h"
#include "store/staging.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RUNS 2
#define FILES_MAX 3
#define UNSET (-77)
#define CUTS_PER_POINT 8 /* random choices beside the systematic ones */
#define RERUN_EVERY 9
#define POINTS_MAX 2000
#define CREATED INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */

/* What the worker was told; lives in shared memory when the worker is a child. */
typedef struct history {
    bool table;
    bool object[RUNS];
    int64_t version[RUNS]; /* UNSET until acknowledged */
} history;

static const history NOTHING = {false, {false, false}, {UNSET, UNSET}};

typedef struct run_data {
    const char *key, *id, *manifest;
    size_t files;
    struct {
        const char *scratch, *content; /* a scratch file below the root, or bytes */
        const char *date, *model;
        int32_t horizon;
    } file[FILES_MAX];
} run_data;

/* The second run shares a folder with the first, and opens a date of its own. */
static const run_data RUN[RUNS] = {
    {"daily|2026-01-02|demand-1|s1",
     "run-1",
     "{\"run\":1}",
     3,
     {{NULL, "first run, first file", "2026-01-02", "demand-1", 1},
      {"scratch", "first run, from a scratch file", "2026-01-02", "demand-1", 2},
      {NULL, "first run, third file", "2026-01-02", "demand-2", 1}}},
    {"daily|2026-01-03|demand-1|s2",
     "run-2",
     "{\"run\":2}",
     2,
     {{NULL, "second run, first file", "2026-01-02", "demand-1", 1},
      {NULL, "second run, second file", "2026-01-03", "demand-1", 1}}},
};

static const alm_predictions_column COLUMN[] = {{"node", ALM_DELTA_STRING},
                                                {"mean", ALM_DELTA_DOUBLE}};
static const alm_predictions_schema SCHEMA = {COLUMN, 2, CREATED, "predictions", "almanac/test"};

static alm_digest manifest_of(size_t run) {
    return alm_hash_bytes(RUN[run].manifest, strlen(RUN[run].manifest));
}

typedef struct place {
    const char *base, *table, *objects;
} place;

static place place_at(alm_arena *arena, const char *base) {
    return (place){base, alm_path_join(arena, base, "store/predictions"),
                   alm_path_join(arena, base, "objects")};
}

/* ---- the work ---- */

static alm_err commit_one(alm_predictions *table, const place *at, size_t run, history *told,
                          alm_error *error) {
    const run_data *data = &RUN[run];
    alm_arena *arena = alm_arena_create(1024);
    alm_predictions_file file[FILES_MAX];
    for (size_t i = 0; i < data->files; i++) {
        alm_date date = 0;
        assert_true(alm_date_parse(alm_str_of(data->file[i].date), &date));
        file[i] = (alm_predictions_file){
            .content = {NULL, alm_str_of(data->file[i].content)},
            .partition = {date, alm_str_of(data->file[i].model), data->file[i].horizon},
            .rows = 10 + i};
        if (data->file[i].scratch != NULL) {
            file[i].content.path = alm_path_join(arena, at->base, data->file[i].scratch);
        }
    }
    alm_predictions_request request = {.file = file,
                                       .files = data->files,
                                       .run_id = alm_str_of(data->id),
                                       .run_key = alm_str_of(data->key),
                                       .manifest = manifest_of(run),
                                       .ledger_head = alm_hash_bytes("ledger", 6),
                                       .timestamp = CREATED + (int64_t)(run + 1) * 86400000000,
                                       .engine = "almanac/test"};
    int64_t version = UNSET;
    alm_err code = alm_predictions_commit_run(table, &request, &version, error);
    if (code == ALM_OK || code == ALM_ERR_EXISTS) {
        told->version[run] = version;
        code = ALM_OK;
    } else {
        assert_int_equal(version, UNSET); /* outputs are untouched */
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err put_manifest(alm_fs *fs, const place *at, size_t run, history *told,
                            alm_error *error) {
    alm_objects *objects = NULL;
    alm_digest digest;
    ALM_TRY(alm_objects_folder_open(fs, at->objects, &objects, error));
    alm_err code = alm_objects_put(objects, alm_str_of(RUN[run].manifest), &digest, error);
    told->object[run] = told->object[run] || code == ALM_OK;
    alm_objects_close(objects);
    return code;
}

/* All of it, in one process. */
static alm_err work_all(alm_fs *fs, const place *at, history *told, alm_error *error) {
    alm_predictions *table = NULL;
    ALM_TRY(alm_predictions_create(fs, at->table, &SCHEMA, &table, error));
    told->table = true;
    alm_err code = ALM_OK;
    for (size_t run = 0; code == ALM_OK && run < RUNS; run++) {
        code = put_manifest(fs, at, run, told, error);
        if (code == ALM_OK) {
            code = commit_one(table, at, run, told, error);
        }
    }
    alm_predictions_close(table);
    return code;
}

/* One run by a process that opens an existing table. */
static alm_err work_one(alm_fs *fs, const place *at, size_t run, history *told, alm_error *error) {
    alm_predictions *table = NULL;
    ALM_TRY(alm_predictions_open(fs, at->table, &table, error));
    alm_err code = commit_one(table, at, run, told, error);
    alm_predictions_close(table);
    return code;
}

static alm_err work_first_again(alm_fs *fs, const place *at, history *told, alm_error *error) {
    return work_one(fs, at, 0, told, error);
}

static alm_err work_second(alm_fs *fs, const place *at, history *told, alm_error *error) {
    return work_one(fs, at, 1, told, error);
}

typedef alm_err (*work)(alm_fs *fs, const place *at, history *told, alm_error *error);

/* ---- the checks: they return errors, because the sweep's sensitivity is itself a test ---- */

static alm_err check_run(alm_fs *fs, const alm_predictions *table, size_t run, int64_t version,
                         alm_arena *arena, alm_error *error) {
    const alm_predictions_commit *commit = alm_predictions_find(table, alm_str_of(RUN[run].key));
    if (commit == NULL) {
        return version == UNSET
                   ? ALM_OK
                   : alm_fail(error, ALM_ERR_CORRUPT, "acknowledged run %zu is lost", run);
    }
    alm_digest manifest = manifest_of(run);
    if ((version != UNSET && commit->version != version) || commit->files != RUN[run].files ||
        !alm_digest_equal(&commit->manifest, &manifest)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "run %zu is not as it was committed", run);
    }
    size_t found = 0;
    for (size_t i = 0; i < commit->files; i++) {
        alm_str content;
        const char *path = alm_predictions_path(table, &commit->file[i], arena);
        ALM_TRY(alm_fs_read_all(fs, path, 1000, arena, &content, error));
        for (size_t j = 0; j < RUN[run].files; j++) {
            found += alm_str_is(content, RUN[run].file[j].content) ? 1 : 0;
        }
    }
    return found == RUN[run].files
               ? ALM_OK
               : alm_fail(error, ALM_ERR_CORRUPT, "files of run %zu are damaged", run);
}

static alm_err check_table(alm_fs *fs, const place *at, const history *told, alm_arena *arena,
                           alm_error *error) {
    alm_predictions *table = NULL;
    alm_err code = alm_predictions_open(fs, at->table, &table, error);
    if (code == ALM_ERR_NOT_FOUND && !told->table) {
        return ALM_OK;
    }
    if (code != ALM_OK) {
        return code;
    }
    for (size_t run = 0; code == ALM_OK && run < RUNS; run++) {
        code = check_run(fs, table, run, told->version[run], arena, error);
    }
    alm_predictions_close(table);
    alm_predictions_report report;
    if (code == ALM_OK) {
        code = alm_predictions_verify(fs, at->table, NULL, arena, &report, error);
    }
    if (code == ALM_OK && report.findings > 0) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "verify: %s", report.finding[0].message);
    }
    return code;
}

static alm_err check_objects(alm_fs *fs, const place *at, const history *told, alm_arena *arena,
                             alm_error *error) {
    alm_objects *objects = NULL;
    if (!told->object[0] && !told->object[1]) {
        return ALM_OK;
    }
    ALM_TRY(alm_objects_folder_open(fs, at->objects, &objects, error));
    alm_err code = ALM_OK;
    for (size_t run = 0; code == ALM_OK && run < RUNS; run++) {
        alm_digest digest = manifest_of(run);
        alm_str content;
        if (told->object[run]) {
            code = alm_objects_get(objects, &digest, 1000, arena, &content, error);
        }
    }
    alm_objects_close(objects);
    return code;
}

static alm_err check_all(alm_fs *fs, const place *at, const history *told, alm_error *error) {
    alm_arena *arena = alm_arena_create(0);
    alm_err code = check_table(fs, at, told, arena, error);
    if (code == ALM_OK) {
        code = check_objects(fs, at, told, arena, error);
    }
    alm_arena_destroy(arena);
    return code;
}

/* Names, times of entries and contents of everything that a reader may see, as one digest. */
static void hash_tree(alm_fs *fs, const char *path, alm_hash *hash, alm_arena *arena) {
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    assert_int_equal(fs->ops->list(fs, path, arena, &entry, &count, NULL), ALM_OK);
    for (size_t i = 0; i < count; i++) {
        const char *child = alm_path_join(arena, path, entry[i].name);
        if (strcmp(entry[i].name, ALMI_STAGING_FOLDER) == 0) {
            continue;
        }
        alm_hash_update_str(hash, alm_str_of(entry[i].name));
        if (entry[i].kind == ALM_FS_DIRECTORY) {
            hash_tree(fs, child, hash, arena);
            continue;
        }
        alm_str content;
        alm_fs_stat stat;
        int64_t version;
        assert_int_equal(alm_fs_read_all(fs, child, 100000, arena, &content, NULL), ALM_OK);
        assert_int_equal(fs->ops->stat(fs, child, &stat, NULL), ALM_OK);
        alm_hash_update_str(hash, content);
        if (almi_delta_version(entry[i].name, &version)) {
            alm_hash_update_u64(hash, (uint64_t)stat.modified);
        }
    }
}

static alm_digest digest_of_table(alm_fs *fs, const place *at) {
    alm_arena *arena = alm_arena_create(0);
    alm_hash hash;
    alm_hash_init(&hash);
    hash_tree(fs, at->table, &hash, arena);
    alm_arena_destroy(arena);
    return alm_hash_final(&hash);
}

/* ---- a world in memory ---- */

typedef struct world {
    alm_arena *arena;
    alm_fs *start; /* the scratch file and nothing else, all of it synced */
    place at;
    alm_digest expected; /* of the table when the work was never disturbed */
    uint64_t calls, syncs;
} world;

static void put_synced(alm_fs *fs, const char *path, const char *content) {
    alm_file *file = NULL;
    assert_int_equal(fs->ops->create(fs, path, &file, NULL), ALM_OK);
    assert_int_equal(fs->ops->write(fs, file, content, strlen(content), NULL), ALM_OK);
    assert_int_equal(fs->ops->sync(fs, file, NULL), ALM_OK);
    assert_int_equal(fs->ops->close(fs, file, NULL), ALM_OK);
}

static uint64_t count_calls(alm_fs *start, const place *at, work work_of, uint32_t calls,
                            alm_digest *digest) {
    alm_fs *fs = alm_fs_memory_copy(start);
    alm_fs *counter = NULL;
    history told = NOTHING;
    assert_int_equal(alm_fs_fault_create(fs, &counter, NULL), ALM_OK);
    alm_fs_fault_set(counter, &(alm_fs_fault){.calls = calls});
    assert_int_equal(work_of(counter, at, &told, NULL), ALM_OK);
    uint64_t count = alm_fs_fault_count(counter);
    if (digest != NULL) {
        *digest = digest_of_table(fs, at);
    }
    alm_fs_destroy(counter);
    alm_fs_destroy(fs);
    return count;
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    w->arena = alm_arena_create(0);
    w->at = place_at(w->arena, "/project");
    assert_int_equal(alm_fs_memory_create(&w->start, NULL), ALM_OK);
    assert_int_equal(alm_fs_make_directories(w->start, "/project", NULL), ALM_OK);
    put_synced(w->start, "/project/scratch", RUN[0].file[1].content);
    assert_int_equal(w->start->ops->sync_directory(w->start, "/project", NULL), ALM_OK);
    assert_int_equal(alm_fs_memory_pending(w->start), 0);
    w->calls = count_calls(w->start, &w->at, work_all, 0, &w->expected);
    w->syncs = count_calls(w->start, &w->at, work_all, ALM_FS_CALLS_SYNC, NULL);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    alm_fs_destroy(w->start);
    alm_arena_destroy(w->arena);
    free(w);
    return 0;
}

/* The work again, on what is left: it must complete and give the table of the undisturbed work. */
static alm_err check_rerun(const world *w, alm_fs *fs, history told, alm_error *error) {
    ALM_TRY(work_all(fs, &w->at, &told, error));
    ALM_TRY(check_all(fs, &w->at, &told, error));
    alm_digest digest = digest_of_table(fs, &w->at);
    if (!alm_digest_equal(&digest, &w->expected)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the work done again gives another table");
    }
    return ALM_OK;
}

static alm_fs_fate *all_lost(alm_arena *arena, alm_fs *fs) {
    return ALM_NEW_ARRAY(arena, alm_fs_fate, alm_fs_memory_pending(fs) + 1);
}

/* ---- kill and power cut at every call ---- */

typedef struct cut_check {
    const world *w;
    const history *told;
    bool is_rerun;
    size_t visits;
} cut_check;

static alm_err check_cut(void *context, alm_fs *after, const char *text, alm_error *error) {
    cut_check *check = context;
    alm_err code = check_all(after, &check->w->at, check->told, error);
    if (code == ALM_OK && check->is_rerun && check->visits++ % RERUN_EVERY == 0) {
        code = check_rerun(check->w, after, *check->told, error);
    }
    return code == ALM_OK ? ALM_OK : alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", text);
}

typedef struct kill_plan {
    alm_fs *start;
    work work_of;
    uint64_t nth;     /* killed before this call; 0: not at all */
    uint64_t skipped; /* this sync is left out; 0: none */
    char where[400];  /* set: the call */
} kill_plan;

/* Does the work on a copy of `start`. Returns the file system as the kill left it. */
static alm_fs *run_killed(const world *w, kill_plan *plan, history *told) {
    alm_fs *fs = alm_fs_memory_copy(plan->start);
    alm_fs *skipping = NULL;
    alm_fs *killing = NULL;
    assert_int_equal(alm_fs_fault_create(fs, &skipping, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(skipping, &killing, NULL), ALM_OK);
    alm_fs_fault_set(skipping,
                     &(alm_fs_fault){ALM_FS_FAULT_SKIP, ALM_FS_CALLS_SYNC, plan->skipped, NULL});
    alm_fs_fault_set(killing, &(alm_fs_fault){ALM_FS_FAULT_KILL, 0, plan->nth, NULL});
    alm_error error = {0};
    alm_err code = plan->work_of(killing, &w->at, told, &error);
    if (code != ALM_OK && code != ALM_ERR_INTERRUPTED && plan->skipped == 0) {
        fail_msg("killed at %s: %s", alm_fs_fault_place(killing), error.message);
    }
    snprintf(plan->where, sizeof plan->where, "%s", alm_fs_fault_place(killing));
    alm_fs_destroy(killing);
    alm_fs_destroy(skipping);
    return fs;
}

static void test_kill_then_rerun(void **state) {
    world *w = *state;
    assert_in_range(w->calls, 50, POINTS_MAX);
    for (uint64_t nth = 1; nth <= w->calls; nth++) {
        history told = NOTHING;
        alm_error error = {0};
        kill_plan plan = {.start = w->start, .work_of = work_all, .nth = nth};
        alm_fs *fs = run_killed(w, &plan, &told);
        alm_err code = check_all(fs, &w->at, &told, &error);
        if (code == ALM_OK) {
            code = check_rerun(w, fs, told, &error);
        }
        if (code == ALM_OK) {
            /* What the second process acknowledged must not rest on syncs that the first one did
             * not come to. */
            history all = {true, {true, true}, {1, 2}};
            alm_fs *after = alm_fs_memory_power_cut(fs, all_lost(w->arena, fs));
            code = check_all(after, &w->at, &all, &error);
            alm_fs_destroy(after);
        }
        alm_fs_destroy(fs);
        if (code != ALM_OK) {
            fail_msg("killed before %s: %s", plan.where, error.message);
        }
    }
}

static void test_power_cut_everywhere(void **state) {
    world *w = *state;
    for (uint64_t nth = 1; nth <= w->calls + 1; nth++) {
        history told = NOTHING;
        alm_error error = {0};
        kill_plan plan = {.start = w->start, .work_of = work_all, .nth = nth};
        alm_fs *fs = run_killed(w, &plan, &told);
        cut_check check = {w, &told, true, 0};
        alm_err code = alm_fs_memory_power_cuts(fs, CUTS_PER_POINT, nth, check_cut, &check, &error);
        alm_fs_destroy(fs);
        if (code != ALM_OK) {
            fail_msg("before %s: %s", plan.where, error.message);
        }
    }
}

/* ---- every sync is needed ---- */

/* Whether some power cut during or after the work shows that sync `skipped` is missing. */
static bool is_noticed(const world *w, alm_fs *start, work work_of, const history *told_before,
                       uint64_t skipped) {
    uint64_t calls = count_calls(start, &w->at, work_of, 0, NULL);
    for (uint64_t left = 0; left <= calls; left++) {
        history told = *told_before;
        kill_plan plan = {.start = start, .work_of = work_of, .skipped = skipped};
        plan.nth = left == 0 ? 0 : calls + 1 - left; /* from the end: it is nearer */
        alm_fs *fs = run_killed(w, &plan, &told);
        cut_check check = {w, &told, false, 0};
        alm_err code = alm_fs_memory_power_cuts(fs, 0, 0, check_cut, &check, NULL);
        alm_fs_destroy(fs);
        if (code != ALM_OK) {
            return true;
        }
    }
    return false;
}

static void assert_every_sync_is_needed(alm_fs *start, const world *w, work work_of,
                                        const history *told) {
    uint64_t syncs = count_calls(start, &w->at, work_of, ALM_FS_CALLS_SYNC, NULL);
    assert_true(syncs > 0);
    /* With all syncs in place nothing may be noticed, or the test would prove nothing. */
    assert_false(is_noticed(w, start, work_of, told, 0));
    for (uint64_t skipped = 1; skipped <= syncs; skipped++) {
        if (!is_noticed(w, start, work_of, told, skipped)) {
            fail_msg("sync %llu of %llu can be left out unnoticed", (unsigned long long)skipped,
                     (unsigned long long)syncs);
        }
    }
}

static void test_every_sync_is_needed(void **state) {
    world *w = *state;
    assert_every_sync_is_needed(w->start, w, work_all, &NOTHING);
}

/* The state in which the first run is visible, but its process was killed before it could sync the
 * log folder. */
static alm_fs *first_run_unsafe(const world *w) {
    for (uint64_t nth = 1; nth <= w->calls; nth++) {
        history told = NOTHING;
        kill_plan plan = {.start = w->start, .work_of = work_all, .nth = nth};
        alm_fs *fs = run_killed(w, &plan, &told);
        const char *entry =
            almi_delta_path(w->arena, alm_path_join(w->arena, w->at.table, ALMI_DELTA_FOLDER), 1);
        if (alm_fs_exists(fs, entry)) {
            assert_int_equal(told.version[0], UNSET);
            return fs;
        }
        alm_fs_destroy(fs);
    }
    fail_msg("the first run never became visible");
    return NULL;
}

/* The next run must not become safe while the entry before it is not: that would be a gap. */
static void test_every_sync_is_needed_after_a_killed_run(void **state) {
    world *w = *state;
    alm_fs *fs = first_run_unsafe(w);
    history told = {true, {true, false}, {UNSET, UNSET}};
    assert_every_sync_is_needed(fs, w, work_second, &told);
    alm_fs_destroy(fs);
}

/* "Committed already" is an acknowledgement too. */
static void test_every_sync_is_needed_to_say_committed_already(void **state) {
    world *w = *state;
    alm_fs *fs = first_run_unsafe(w);
    history told = {true, {true, false}, {UNSET, UNSET}};
    assert_every_sync_is_needed(fs, w, work_first_again, &told);
    alm_fs_destroy(fs);
}

/* ---- failing calls ---- */

static void try_failure(const world *w, alm_fs_fault fault, uint64_t *happened) {
    alm_fs *fs = alm_fs_memory_copy(w->start);
    alm_fs *failing = NULL;
    history told = NOTHING;
    alm_error error = {0};
    assert_int_equal(alm_fs_fault_create(fs, &failing, NULL), ALM_OK);
    alm_fs_fault_set(failing, &fault);
    alm_err code = work_all(failing, &w->at, &told, &error);
    *happened = alm_fs_fault_happened(failing) ? 1 : 0;
    if (code != ALM_OK) {
        assert_int_equal(*happened, 1);
        assert_int_equal(code, ALM_ERR_IO);
        assert_int_equal(error.code, ALM_ERR_IO);
        assert_non_null(strstr(error.message, fault.reason)); /* the cause reaches the user */
    }
    alm_fs_fault_set(failing, &(alm_fs_fault){.calls = 0});
    alm_error after = {0};
    alm_err checked = check_all(fs, &w->at, &told, &after);
    if (checked == ALM_OK) {
        alm_fs *cut = alm_fs_memory_power_cut(fs, all_lost(w->arena, fs));
        checked = check_all(cut, &w->at, &told, &after);
        alm_fs_destroy(cut);
    }
    if (checked == ALM_OK) {
        checked = check_rerun(w, failing, told, &after);
    }
    if (checked != ALM_OK) {
        fail_msg("%s (mode %d, call %llu) gave: %s; then: %s", error.message, (int)fault.mode,
                 (unsigned long long)fault.nth, error.message, after.message);
    }
    alm_fs_destroy(failing);
    alm_fs_destroy(fs);
}

static void test_every_call_fails_once_or_for_good(void **state) {
    world *w = *state;
    const alm_fs_fault_mode modes[] = {ALM_FS_FAULT_FAIL, ALM_FS_FAULT_FAIL_ALWAYS};
    size_t tried = 0;
    for (unsigned call = 0; call < ALM_FS_CALLS; call++) {
        for (size_t mode = 0; mode < 2; mode++) {
            const char *reason =
                (call + mode) % 2 == 0 ? "the disk is full" : "the device reports an error (EIO)";
            uint64_t happened = 1;
            for (uint64_t nth = 1; happened != 0; nth++) {
                try_failure(w, (alm_fs_fault){modes[mode], 1u << call, nth, reason}, &happened);
                tried += happened;
            }
        }
    }
    assert_int_equal(tried, 2 * w->calls); /* every single call was made to fail, twice */
}

/* ---- really killed, on the real file system ---- */

static alm_err work_in_child(alm_fs *real, const place *at, uint64_t nth, history *shared) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alm_fs *fs = NULL;
        if (alm_fs_fault_create(real, &fs, NULL) != ALM_OK) {
            _exit(2);
        }
        alm_fs_fault_set(fs, &(alm_fs_fault){ALM_FS_FAULT_DIE, 0, nth, NULL});
        _exit(work_all(fs, at, shared, NULL) == ALM_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return ALM_ERR_INTERRUPTED;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return ALM_OK;
}

static void test_killed_process_on_the_real_file_system(void **state) {
    world *w = *state;
    alm_fs *real = NULL;
    assert_int_equal(alm_fs_real_create(&real, NULL), ALM_OK);
    history *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    const char *base = getenv("TMPDIR");
    uint64_t killed = 0;
    for (uint64_t nth = 1;; nth++) {
        char root[256];
        alm_error error = {0};
        snprintf(root, sizeof root, "%s/alm_crash_XXXXXX", base != NULL ? base : "/tmp");
        assert_non_null(mkdtemp(root));
        world here = *w;
        here.at = place_at(w->arena, root);
        put_synced(real, alm_path_join(w->arena, root, "scratch"), RUN[0].file[1].content);
        *shared = NOTHING;
        alm_err code = work_in_child(real, &here.at, nth, shared);
        bool is_complete = code == ALM_OK;
        killed += is_complete ? 0 : 1;
        code = check_all(real, &here.at, shared, &error);
        if (code == ALM_OK) {
            code = check_rerun(&here, real, *shared, &error);
        }
        assert_int_equal(alm_fs_remove_tree(real, root, NULL), ALM_OK);
        if (code != ALM_OK) {
            fail_msg("killed before call %llu: %s", (unsigned long long)nth, error.message);
        }
        if (is_complete) {
            break;
        }
    }
    assert_true(killed >= w->calls); /* the path is longer here, so a few more are asked for */
    munmap(shared, sizeof *shared);
    alm_fs_destroy(real);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON(test_kill_then_rerun),
        ON(test_power_cut_everywhere),
        ON(test_every_sync_is_needed),
        ON(test_every_sync_is_needed_after_a_killed_run),
        ON(test_every_sync_is_needed_to_say_committed_already),
        ON(test_every_call_fails_once_or_for_good),
        ON(test_killed_process_on_the_real_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
