/* cmd_doctor.c: is everything there that the work needs? Every line is a fact or a finding. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "app/interrupt.h"
#include "app/session.h"
#include "base/build_info.h"
#include "project/git.h"
#include "project/scratch.h"
#include "serve/live/event.h"
#include "store/event_log.h"
#include "table/sql.h"

/* No command works so long without writing; a younger file may have an owner. */
#define LEFT_HOURS 24
#define MICROS_PER_HOUR INT64_C(3600000000)

static const almi_option options[] = {
    {"clean", NULL, "remove what killed commands left a day ago or earlier"},
};

/* A run writes its data files twice (scratch and store); below this a warning is due. */
#define DISK_FREE_MIN ((uint64_t)1 << 30)

static const almi_grid_column columns[] = {
    {.key = "state", .title = ""},
    {.key = "check", .title = "CHECK"},
    {.key = "found", .title = "FOUND", .wrap = true},
};

typedef enum verdict { FINE, WARNING, BAD } verdict;

typedef struct findings {
    almi_cli *cli;
    almi_grid *grid;
    size_t bad;
    alm_error first; /* the first bad one is what the command fails with */
} findings;

static void report(findings *f, verdict state, const char *check, const char *found)
{
    static const char *const words[] = {"ok", "warn", "bad"};
    almi_grid_text(f->grid, words[state]);
    almi_grid_text(f->grid, check);
    almi_grid_text(f->grid, found);
    if (state == BAD && f->bad++ == 0 && f->first.code == ALM_OK) {
        (void)alm_fail(&f->first, ALM_ERR_CORRUPT, "%s: %s", check, found);
    }
}

static void report_error(findings *f, const char *check, const alm_error *error)
{
    if (f->bad == 0) {
        (void)alm_fail(&f->first, error->code, "%s: %s", check, error->message);
    }
    report(f, BAD, check, alm_arena_printf(f->cli->arena, "%s", error->message));
}

static void check_engine(findings *f)
{
    alm_arena *arena = f->cli->arena;
    report(f, FINE, "almanac",
           alm_arena_printf(arena, "%s, commit %s, %s", ALM_ENGINE_VERSION, ALM_ENGINE_COMMIT,
                            ALM_ENGINE_COMPILER));
    report(f, FINE, "LightGBM",
           alm_arena_printf(arena, "%s (training only)", ALM_LIGHTGBM_VERSION));
    report(f, FINE, "XGBoost", alm_arena_printf(arena, "%s (training only)", ALM_XGBOOST_VERSION));
    const char *duckdb = alm_sql_engine_version();
    bool same = strcmp(duckdb[0] == 'v' ? duckdb + 1 : duckdb, ALM_DUCKDB_VERSION) == 0;
    report(
        f, same ? FINE : WARNING, "DuckDB",
        same ? duckdb
             : alm_arena_printf(arena, "%s is loaded, built with %s", duckdb, ALM_DUCKDB_VERSION));
    report(f, FINE, "threads", alm_arena_printf(arena, "%d", f->cli->threads));
}

static void check_git(findings *f, const char *directory)
{
    alm_arena *arena = f->cli->arena;
    alm_str version = alm_git_version(arena);
    if (!version.size) {
        report(f, WARNING, "git", "not installed: only --experimental training is possible");
        return;
    }
    report(f, FINE, "git", alm_arena_copy_text(arena, version.data, version.size));
    if (!directory) {
        return;
    }
    alm_error error = {.code = ALM_OK};
    alm_str commit;
    if (alm_git_require_clean(directory, arena, &commit, &error) == ALM_OK) {
        report(f, FINE, "project commit", alm_arena_copy_text(arena, commit.data, commit.size));
    } else {
        report(f, WARNING, "project commit", alm_arena_printf(arena, "%s", error.message));
    }
}

static void check_disk(findings *f, const char *directory)
{
    struct statvfs disk;
    if (statvfs(directory, &disk) != 0) {
        report(f, WARNING, "disk", "its free space cannot be read");
        return;
    }
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    bool little = free_bytes < (uint64_t)1 << 30;
    double unit = little ? 1 << 20 : 1 << 30;
    report(f, free_bytes < DISK_FREE_MIN ? WARNING : FINE, "disk",
           alm_arena_printf(f->cli->arena, "%.1f %s free at %s", (double)free_bytes / unit,
                            little ? "MiB" : "GiB", directory));
}

static void check_stores(findings *f)
{
    almi_cli *cli = f->cli;
    alm_error error = {.code = ALM_OK};
    if (!alm_fs_exists(cli->env.fs, cli->project->state)) {
        report(f, FINE, "state", "nothing was made yet");
        return;
    }
    if (almi_open_state(cli, &error) != ALM_OK) {
        report_error(f, "state", &error);
        return;
    }
    alm_ledger_head head;
    if (alm_ledger_verify(cli->registry, NULL, &head, NULL, &error) == ALM_OK) {
        report(f, FINE, "ledger",
               alm_arena_printf(cli->arena, "%lld entries, the hash chain is intact",
                                (long long)head.seq));
    } else {
        report_error(f, "ledger", &error);
    }
    alm_digest *digests = NULL;
    size_t count = 0;
    if (alm_objects_list(cli->objects, cli->arena, &digests, &count, &error) != ALM_OK) {
        report_error(f, "objects", &error);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = NULL;
        alm_env_progress(&cli->env, "objects", i, count);
        /* Locating reads the whole object and compares its hash. */
        if (alm_objects_locate(cli->objects, &digests[i], cli->arena, &path, &error) != ALM_OK) {
            report_error(f, "objects", &error);
            return;
        }
    }
    alm_env_progress(&cli->env, "objects", count, count);
    report(f, FINE, "objects",
           alm_arena_printf(cli->arena, "%zu, each has the hash of its name", count));
}

typedef struct seen_events {
    uint64_t first, last, count;
    alm_arena *scratch;
} seen_events;

static alm_err see_event(void *context, const alm_event_record *record, alm_error *error)
{
    seen_events *seen = context;
    alm_event event;
    alm_arena_reset(seen->scratch);
    seen->first = seen->count++ == 0 ? record->sequence : seen->first;
    seen->last = record->sequence;
    return alm_event_read(record->content, seen->scratch, &event, error);
}

/* Read only: a service may be writing. */
static void check_events(findings *f)
{
    almi_cli *cli = f->cli;
    alm_error error = {.code = ALM_OK};
    alm_event_range range = {almi_state_path(cli, "events"), 1, UINT64_MAX};
    if (!alm_fs_exists(cli->env.fs, range.folder)) {
        return;
    }
    seen_events seen = {.scratch = alm_arena_create(0)};
    alm_event_sink sink = {see_event, &seen};
    alm_err code = alm_event_log_replay(cli->env.fs, &range, &sink, &error);
    alm_arena_destroy(seen.scratch);
    if (code != ALM_OK) {
        report_error(f, "events", &error);
    } else if (seen.count == 0) {
        report(f, FINE, "events", "none in the log");
    } else {
        report(f, FINE, "events",
               alm_arena_printf(cli->arena, "%llu in the log, numbers %llu to %llu, each is whole",
                                (unsigned long long)seen.count, (unsigned long long)seen.first,
                                (unsigned long long)seen.last));
    }
}

/* A command that was killed, or that did not end in time after Ctrl-C, leaves its scratch files. */
static void check_scratch(findings *f)
{
    alm_fs *fs = f->cli->env.fs;
    const char *path = almi_state_path(f->cli, "scratch");
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    if (!alm_fs_exists(fs, path)) {
        return;
    }
    alm_error error = {.code = ALM_OK};
    if (fs->ops->list(fs, path, f->cli->arena, &entries, &count, &error) != ALM_OK) {
        report_error(f, "scratch", &error);
    } else if (count > 0) {
        report(f, WARNING, "scratch",
               alm_arena_printf(f->cli->arena, "%zu left in %s: 'almanac doctor --clean' removes "
                                "what is a day old", count, path));
    }
}

/* Not a warning: the same command goes on with it. */
static void check_backtests(findings *f)
{
    alm_fs *fs = f->cli->env.fs;
    const char *path = almi_state_path(f->cli, "backtest");
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    alm_error error = {.code = ALM_OK};
    if (!alm_fs_exists(fs, path)) {
        return;
    }
    if (fs->ops->list(fs, path, f->cli->arena, &entries, &count, &error) != ALM_OK) {
        report_error(f, "backtest", &error);
    } else if (count > 0) {
        report(f, FINE, "backtest",
               alm_arena_printf(f->cli->arena, "%zu unfinished: the same command goes on; "
                                "'almanac doctor --clean' removes what is a day old", count));
    }
}

typedef struct left_over {
    size_t folders, backtests, files; /* of scratch; that nobody went on with; staged */
} left_over;

/* Staged files are those of commits that never came. */
static alm_err remove_left(almi_cli *cli, left_over *left, alm_error *error)
{
    alm_instant before = alm_env_now(&cli->env) - LEFT_HOURS * MICROS_PER_HOUR;
    const char *root = almi_state_path(cli, "predictions");
    size_t objects = 0;
    ALM_TRY(alm_scratch_clean(&cli->env, cli->project, before, &left->folders, error));
    ALM_TRY(alm_scratch_clean_folder(&cli->env, almi_state_path(cli, "backtest"), before,
                                     &left->backtests, error));
    ALM_TRY(alm_predictions_clean(cli->env.fs, root, before, &left->files, error));
    if (!alm_fs_exists(cli->env.fs, almi_state_path(cli, "objects"))) {
        return ALM_OK;
    }
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(alm_objects_clean(cli->objects, before, &objects, error));
    left->files += objects;
    return ALM_OK;
}

static void clean(findings *f)
{
    left_over left = {0};
    alm_error error = {.code = ALM_OK};
    if (remove_left(f->cli, &left, &error) != ALM_OK) {
        report_error(f, "clean", &error);
        return;
    }
    report(f, FINE, "clean",
           alm_arena_printf(f->cli->arena, "removed %zu scratch folders, %zu unfinished backtests "
                            "and %zu staged files", left.folders, left.backtests, left.files));
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    findings f = {.cli = cli,
                  .grid =
                      almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0])};
    check_engine(&f);
    alm_error opening = {.code = ALM_OK};
    alm_err opened = almi_open_project(cli, &opening);
    if (opened == ALM_OK) {
        report(&f, FINE, "project", cli->project->directory);
    } else if (opened == ALM_ERR_NOT_FOUND && !cli->directory) {
        report(&f, FINE, "project", "none here: the installation alone was checked");
    } else {
        report_error(&f, "project", &opening);
    }
    check_git(&f, cli->project ? cli->project->directory : NULL);
    check_disk(&f, cli->project ? cli->project->directory : ".");
    if (cli->project && almi_option_flag(cli, "clean")) {
        clean(&f);
    }
    if (cli->project) {
        check_stores(&f);
        check_events(&f);
        check_scratch(&f);
        check_backtests(&f);
    }
    ALM_TRY(almi_interrupt_check(error));
    almi_show_rows(cli, f.grid, "checks", "");
    if (f.bad) {
        ALM_TRY(cli->json ? ALM_OK : almi_flush(cli, error));
        return alm_fail(error, f.first.code, "%s", f.first.message);
    }
    return ALM_OK;
}

const almi_command almi_cmd_doctor = {
    .name = "doctor",
    .summary = "check the installation, the project and its stores",
    .text = "Prints versions, git, disk space, and for a project its commit, the hash chain of the "
            "ledger, the hash of every object, and scratch files that a killed command left. "
            "Fails when something is broken; a warning is something to know. Predictions are "
            "checked by 'almanac predictions verify'.",
    ALMI_OPTIONS(options),
    .run = run,
};
