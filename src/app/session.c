#include "app/session.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/interrupt.h"
#include "base/http_client.h"
#include "batch/prediction_table.h"
#include "batch/whole_file.h"
#include "project/git.h"

#define PREFIX_MIN 4
#define PROGRESS_STEP_US 100000 /* at most ten lines a second */

/* What the callbacks of alm_env see. Progress may come from any thread of the pool. */
typedef struct world {
    const almi_cli *cli;
    alm_log_level level;
    atomic_flag progress_busy;
    char stage[64];
    alm_instant stage_start;
    uint64_t stage_first; /* what was done when the stage was first heard of */
    alm_instant shown;
    bool line_open; /* a progress line stands on the terminal */
    bool writes_progress; /* as lines of JSON, for whoever started this program */
} world;

static alm_instant wall_clock(void *context)
{
    (void)context;
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (alm_instant)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t monotonic_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const char *variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static void close_line(world *w)
{
    if (w->line_open) {
        fputs("\r\033[K", stderr);
        w->line_open = false;
    }
}

static void write_log(void *context, alm_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    world *w = context;
    if (level > w->level) {
        return;
    }
    bool colour = w->cli->term.err_colour && level <= ALM_LOG_WARN;
    fprintf(stderr, "%s%salmanac: %s: %s%s\n", w->line_open ? "\r\033[K" : "",
            colour ? "\033[33m" : "", names[level], message, colour ? "\033[0m" : "");
}

static void begin_stage(world *w, const alm_progress *progress, alm_instant now)
{
    if (strncmp(w->stage, progress->stage, sizeof w->stage - 1) != 0) {
        snprintf(w->stage, sizeof w->stage, "%s", progress->stage);
        w->stage_start = now;
        w->stage_first = progress->done;
        w->shown = 0;
    }
}

/* "8 s", "2 min 10 s", "1 h 05 min". */
static void duration_text(double seconds, char out[32])
{
    unsigned long long s = (unsigned long long)(seconds + 0.5);
    if (s < 60) {
        snprintf(out, 32, "%llu s", s);
    } else if (s < 3600) {
        snprintf(out, 32, "%llu min %02llu s", s / 60, s % 60);
    } else {
        snprintf(out, 32, "%llu h %02llu min", s / 3600, s / 60 % 60);
    }
}

/* Few and long ones: each is told, on a terminal in place, else as a line. */
static void show_units(world *w, const alm_progress *p)
{
    bool in_place = w->cli->term.err_is_terminal;
    double seconds = (double)(wall_clock(NULL) - w->stage_start) / 1e6;
    unsigned long long done = p->done;
    unsigned long long total = p->total;
    char so_far[32];
    char left[32];
    close_line(w);
    if (p->done == w->stage_first) {
        if (done > 0) {
            fprintf(stderr, "almanac: %s: goes on after %s %llu of %llu\n", p->stage, p->unit,
                    done, total);
        }
        return;
    }
    duration_text(seconds, so_far);
    duration_text((double)p->left_ns / 1e9, left);
    bool is_end = p->done >= p->total;
    bool is_known = p->left_ns > 0 && !is_end;
    if (in_place && is_end) {
        return;
    }
    fprintf(stderr, "%s%s: %s %llu of %llu is done, %s so far%s%s%s%s", in_place ? "" : "almanac: ",
            p->stage, p->unit, done, total, so_far, is_known ? ", about " : "",
            is_known ? left : "", is_known ? " left" : "", in_place ? "" : "\n");
    fflush(stderr);
    w->line_open = in_place;
}

static void show_progress(world *w, const alm_progress *progress)
{
    alm_instant now = wall_clock(NULL);
    begin_stage(w, progress, now);
    if (progress->unit) {
        show_units(w, progress);
        return;
    }
    bool is_end = progress->total && progress->done >= progress->total;
    if (!w->cli->term.err_is_terminal || (!is_end && now - w->shown < PROGRESS_STEP_US)) {
        return;
    }
    w->shown = now;
    double seconds = (double)(now - w->stage_start) / 1e6;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    if (is_end) {
        close_line(w);
        return;
    }
    fprintf(stderr, "\r\033[K%s %llu", w->stage, (unsigned long long)progress->done);
    if (progress->total) {
        fprintf(stderr, "/%llu (%.0f%%)", (unsigned long long)progress->total,
                100.0 * (double)progress->done / (double)progress->total);
    }
    if (rate > 0) {
        fprintf(stderr, "  %.*f/s", rate < 10 ? 1 : 0, rate);
    }
    if (rate > 0 && progress->total) {
        fprintf(stderr, "  %.0f s left", (double)(progress->total - progress->done) / rate);
    }
    fflush(stderr);
    w->line_open = true;
}

/* For a program that started this one: a line of JSON, as often as a person would see one. */
static void write_progress(world *w, const alm_progress *progress)
{
    alm_instant now = wall_clock(NULL);
    bool is_end = progress->total && progress->done >= progress->total;
    if (!is_end && !progress->unit && now - w->shown < PROGRESS_STEP_US) {
        return;
    }
    alm_buffer line = {0};
    alm_json_writer json = alm_json_writer_on(&line);
    w->shown = now;
    alm_json_open_object(&json);
    alm_json_put_text(&json, "stage", progress->stage);
    alm_json_put_i64(&json, "done", (int64_t)progress->done);
    alm_json_put_i64(&json, "total", (int64_t)progress->total);
    alm_json_close_object(&json);
    if (!line.failed) {
        fprintf(stderr, "%s\n", line.data);
    }
    alm_buffer_deinit(&line);
}

static void progress_callback(void *context, const alm_progress *progress)
{
    world *w = context;
    /* Another thread is writing: this figure is old before it could be shown. */
    if (!atomic_flag_test_and_set(&w->progress_busy)) {
        if (w->writes_progress) {
            write_progress(w, progress);
        } else {
            show_progress(w, progress);
        }
        atomic_flag_clear(&w->progress_busy);
    }
}

static alm_err read_log_level(bool quiet, alm_log_level *out, alm_error *error)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const char *text = getenv("LOG_LEVEL");
    *out = quiet ? ALM_LOG_ERROR : ALM_LOG_WARN;
    if (!text || !text[0]) {
        return ALM_OK;
    }
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (alm_log_level)i;
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_USAGE, "LOG_LEVEL is '%s'; it may be error, warn, info or debug",
                    text);
}

static alm_err read_progress(world *w, alm_error *error)
{
    const char *text = getenv("ALMANAC_PROGRESS");
    w->writes_progress = text && strcmp(text, "json") == 0;
    if (text && text[0] && !w->writes_progress) {
        return alm_fail(error, ALM_ERR_USAGE, "ALMANAC_PROGRESS is '%s'; it may be json", text);
    }
    return ALM_OK;
}

/* Processors this process may use: fewer than the machine has, in a container. */
static int online_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return CPU_COUNT(&set);
    }
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

alm_err almi_session_start(almi_cli *cli, alm_error *error)
{
    world *w = ALM_NEW(cli->arena, world);
    w->cli = cli;
    ALM_TRY(read_log_level(cli->quiet, &w->level, error));
    alm_fs *real = NULL;
    ALM_TRY(alm_fs_real_create(&real, error));
    cli->env.fs = almi_interrupt_fs_create(cli->arena, real);
    cli->env.context = w;
    cli->env.now = wall_clock;
    cli->env.monotonic_ns = monotonic_ns;
    cli->env.variable = variable;
    ALM_TRY(alm_http_curl_create(&cli->env.http, error));
    cli->env.log = write_log;
    ALM_TRY(read_progress(w, error));
    bool shows = (w->writes_progress || cli->term.err_is_terminal ||
                  cli->command->tells_progress) && !cli->quiet;
    cli->env.progress = shows ? progress_callback : NULL;
    cli->threads = cli->threads ? cli->threads : online_processors();
    return alm_pool_create(cli->threads, &cli->env.pool, error);
}

void almi_session_end(almi_cli *cli)
{
    alm_predictions_close(cli->predictions);
    alm_registry_close(cli->registry);
    alm_objects_close(cli->objects);
    alm_project_close(cli->project);
    alm_pool_destroy(cli->env.pool);
    alm_http_destroy(cli->env.http);
    alm_fs_destroy(cli->env.fs);
    if (cli->env.context) {
        close_line(cli->env.context);
    }
}

/* ---- project and stores ---- */

static alm_err find_project(almi_cli *cli, const char **out, alm_error *error)
{
    if (cli->directory) {
        *out = cli->directory;
        return ALM_OK;
    }
    char *here = alm_arena_alloc(cli->arena, 4096);
    if (!getcwd(here, 4096)) {
        return alm_fail(error, ALM_ERR_IO, "the working directory: %s", strerror(errno));
    }
    for (size_t size = strlen(here); size > 0;) {
        const char *at = alm_arena_copy_text(cli->arena, here, size);
        if (alm_fs_exists(cli->env.fs, alm_path_join(cli->arena, at, "almanac.yaml"))) {
            *out = at;
            return ALM_OK;
        }
        while (size > 0 && here[size - 1] != '/') {
            size--;
        }
        /* "/" itself is looked at, without its slash everything else. */
        size -= size > 1 ? 1 : size;
    }
    return alm_fail(error, ALM_ERR_NOT_FOUND,
                    "no almanac.yaml here (%s) or in a folder above; go into a project, name it "
                    "with --project DIR, or make one with 'almanac init DIR'",
                    here);
}

alm_err almi_open_project(almi_cli *cli, alm_error *error)
{
    if (cli->project) {
        return ALM_OK;
    }
    const char *directory = NULL;
    ALM_TRY(find_project(cli, &directory, error));
    return alm_project_open(&cli->env, directory, &cli->project, error);
}

alm_err almi_check_output(almi_cli *cli, const char *path, alm_error *error)
{
    alm_fs *fs = cli->env.fs;
    alm_fs_stat stat;
    if (!path) {
        return ALM_OK;
    }
    if (fs->ops->stat(fs, path, &stat, NULL) == ALM_OK && stat.kind != ALM_FS_FILE) {
        return alm_fail(error, ALM_ERR_INVALID, "%s is there and is not a file: name another",
                        path);
    }
    return alm_whole_file_try(fs, path, error);
}

const char *almi_state_path(const almi_cli *cli, const char *name)
{
    return alm_path_join(cli->arena, cli->project->state, name);
}

alm_err almi_open_state(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_project(cli, error));
    if (cli->registry) {
        return ALM_OK;
    }
    ALM_TRY(alm_fs_make_directories(cli->env.fs, cli->project->state, error));
    if (!cli->objects) {
        ALM_TRY(alm_objects_folder_open(cli->env.fs, almi_state_path(cli, "objects"), &cli->objects,
                                        error));
    }
    return alm_registry_open(almi_state_path(cli, "registry.db"), &cli->registry, error);
}

/* ---- names ---- */

static alm_err fail_snapshot(alm_str id, const alm_snapshot_record *records, size_t count,
                             alm_error *error)
{
    if (count == 0) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "there is no snapshot yet; take one with 'almanac snapshot'");
    }
    char newest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&records[count - 1].id, newest);
    return alm_fail(error, ALM_ERR_NOT_FOUND,
                    "no snapshot '" ALM_STR_FMT "' ('almanac snapshot list' shows all %zu; the "
                    "newest is %.12s)",
                    ALM_STR_ARG(id), count, newest);
}

alm_err almi_find_snapshot(almi_cli *cli, alm_str id, alm_snapshot *out, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    alm_snapshot_record *records = NULL;
    size_t count = 0;
    ALM_TRY(alm_registry_list_snapshots(cli->registry, cli->arena, &records, &count, error));
    if (id.size < PREFIX_MIN) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "snapshot '" ALM_STR_FMT "': give at least %d digits of its id",
                        ALM_STR_ARG(id), PREFIX_MIN);
    }
    const alm_snapshot_record *found = NULL;
    for (size_t i = 0; i < count; i++) {
        char text[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&records[i].id, text);
        if (id.size >= sizeof text || memcmp(text, id.data, id.size) != 0) {
            continue;
        }
        if (found) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "snapshot '" ALM_STR_FMT "' is ambiguous: several ids start with it; "
                            "give more digits",
                            ALM_STR_ARG(id));
        }
        found = &records[i];
    }
    if (!found) {
        return fail_snapshot(id, records, count, error);
    }
    /* The manifest is an object under its own hash. */
    alm_digest manifest = alm_hash_bytes(found->manifest.data, found->manifest.size);
    char *object = alm_arena_alloc(cli->arena, ALM_DIGEST_TEXT_BYTES);
    alm_digest_text(&manifest, object);
    return alm_snapshot_read(cli->objects, alm_str_of(object), cli->arena, out, error);
}

alm_err almi_require_snapshot(almi_cli *cli, alm_snapshot *out, alm_error *error)
{
    alm_str id;
    ALM_TRY(almi_option_require(cli, "snapshot", &id, error));
    return almi_find_snapshot(cli, id, out, error);
}

alm_err almi_who(almi_cli *cli, alm_str *out, alm_error *error)
{
    const char *given = almi_option_text(cli, "who");
    if (given && given[0]) {
        *out = alm_str_of(given);
        return ALM_OK;
    }
    const char *directory = cli->project ? cli->project->directory : ".";
    alm_str person = alm_git_person(directory, cli->arena);
    person = person.size ? person : alm_str_of(getenv("USER"));
    if (!person.size) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "'almanac %s' records who did it: give --who NAME, or set git's user.name",
                        cli->command->name);
    }
    *out = person;
    return ALM_OK;
}

alm_err almi_open_predictions(almi_cli *cli, bool make, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    const char *root = almi_state_path(cli, "predictions");
    if (cli->project->bars.source.size) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "a project of bars has no prediction store: "
                        "'almanac predict --release RELEASE bars.csv' scores bars");
    }
    if (!make && !alm_fs_exists(cli->env.fs, root)) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "there are no predictions yet (%s); 'almanac run' makes the first", root);
    }
    return alm_prediction_table_open(&cli->env, cli->project, &cli->predictions, error);
}
