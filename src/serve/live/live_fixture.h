/* live_fixture.h: a live over the synthetic shop, with runs made by hand and a log in memory, for
 * tests of events. Only *_test.c include it.
 *
 * Run 0 knows the sales up to LIVE_TOLD_DAYS before the end of the files, run 1 all of them: what
 * the first one is told as events the second one has read. */
#ifndef ALM_SERVE_LIVE_FIXTURE_H
#define ALM_SERVE_LIVE_FIXTURE_H

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "pipeline/pipeline_fixture.h"
#include "serve/committed/committed_internal.h"
#include "serve/live/live.h"

enum { LIVE_TOLD_DAYS = 4, LIVE_FIRST_DAYS = SYNTHETIC_DAYS - LIVE_TOLD_DAYS, LIVE_RUNS = 2 };

#define LIVE_ROUTE ALM_STR("daily")
#define LIVE_RELEASE ALM_STR("demand-1")
#define LIVE_FOLDER "/events"
#define LIVE_PATIENCE_NS UINT64_C(60000000000)

typedef struct live_fixture {
    fixture *f;
    alm_fs *memory, *log_fs; /* the log's, which can be made to fail */
    _Atomic alm_instant now;
    alm_env env;
    alm_deployment_spec spec;
    alm_committed_release release;
    alm_committed_run run[LIVE_RUNS];
    alm_committed_route route;
    alm_committed_set set;
    alm_live_options options;
    alm_live *live;
    atomic_int notes;
} live_fixture;

static inline alm_instant live_clock(void *context)
{
    return atomic_load(&((live_fixture *)context)->now);
}

static inline void live_note(void *context, alm_log_level level, const char *message)
{
    (void)level;
    (void)message;
    atomic_fetch_add(&((live_fixture *)context)->notes, 1);
}

/* What is not synced is lost, while no live is open. */
static inline void live_cut_power(live_fixture *l)
{
    size_t pending = alm_fs_memory_pending(l->memory);
    alm_fs_fate *fate = ALM_NEW_ARRAY(l->f->arena, alm_fs_fate, pending + 1);
    for (size_t i = 0; i < pending; i++) {
        fate[i] = ALM_FS_LOSE;
    }
    alm_fs *after = alm_fs_memory_power_cut(l->memory, fate);
    alm_fs_destroy(l->log_fs);
    alm_fs_destroy(l->memory);
    l->memory = after;
    alm_assert(alm_fs_fault_create(l->memory, &l->log_fs, NULL) == ALM_OK);
    l->options.log_fs = l->log_fs;
}

/* The middle of the day. */
static inline void live_set_day(live_fixture *l, int day)
{
    atomic_store(&l->now, alm_instant_of_date(fixture_date(SYNTHETIC_START) + day) +
                              INT64_C(43200000000));
}

static inline alm_digest live_put_manifest(live_fixture *l, const alm_digest *bundle,
                                           const alm_snapshot *snapshot)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_buffer out = {0};
    alm_digest digest;
    alm_digest_text(bundle, text);
    alm_json_writer json = alm_json_writer_on(&out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "bundle", text);
    alm_json_put_str(&json, "snapshot_manifest_object", snapshot->manifest_object);
    alm_json_close_object(&json);
    alm_assert(alm_objects_put(l->f->objects, alm_buffer_view(&out), &digest, NULL) == ALM_OK);
    alm_buffer_deinit(&out);
    return digest;
}

static inline void live_make_run(live_fixture *l, size_t index, const char *id, int days)
{
    fixture *f = l->f;
    char end[ALM_DATE_TEXT_BYTES];
    alm_panel_source *source = NULL;
    alm_digest bundle;
    alm_date_text(fixture_date(SYNTHETIC_START) + days, end);
    alm_snapshot snapshot = synthetic_take(f, end);
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = ALM_DATE_NONE,
                                 .future = SYNTHETIC_HORIZON, .membership_date = ALM_DATE_NONE,
                                 .block_series = 7};
    alm_assert(alm_panel_source_open(&f->env, f->project, f->objects, &snapshot, &options, &source,
                                     &f->error) == ALM_OK);
    alm_method method = synthetic_method(20);
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(source), &method);
    alm_assert(alm_bundle_save(f->objects, &parts, &bundle, &f->error) == ALM_OK);
    alm_panel_source_close(source);
    l->run[index] = (alm_committed_run){
        .facts = {.run_id = alm_str_of(id), .model_version = LIVE_RELEASE,
                  .prediction_date = fixture_date(SYNTHETIC_START) + days,
                  .manifest = live_put_manifest(l, &bundle, &snapshot)}};
}

/* Everything but the project, the runs and the log's files, which are there. */
static inline live_fixture *live_attach(fixture *f)
{
    live_fixture *l = ALM_NEW(f->arena, live_fixture);
    *l = (live_fixture){.f = f};
    l->env = f->env;
    l->env.now = live_clock;
    l->env.context = l;
    l->spec = f->project->deployments[0];
    l->release = (alm_committed_release){.name = LIVE_RELEASE};
    l->route = (alm_committed_route){.spec = &l->spec, .current = {&l->release, &l->run[0], {0},
                                                                   {0}}};
    l->set = (alm_committed_set){.route = &l->route, .routes = 1};
    l->options = (alm_live_options){.env = &l->env, .project = f->project, .objects = f->objects,
                                    .log_folder = LIVE_FOLDER, .workers = 3, .retry_s = 30,
                                    .note = live_note, .context = l};
    live_set_day(l, LIVE_FIRST_DAYS);
    return l;
}

static inline live_fixture *live_setup(fixture *f)
{
    synthetic_open(f, &(synthetic_options){0});
    live_fixture *l = live_attach(f);
    live_make_run(l, 0, "run-0", LIVE_FIRST_DAYS);
    live_make_run(l, 1, "run-1", SYNTHETIC_DAYS);
    alm_assert(alm_fs_memory_create(&l->memory, NULL) == ALM_OK);
    alm_assert(alm_fs_fault_create(l->memory, &l->log_fs, NULL) == ALM_OK);
    l->options.log_fs = l->log_fs;
    return l;
}

static inline void live_teardown(live_fixture *l)
{
    alm_live_destroy(l->live);
    alm_fs_destroy(l->log_fs);
    alm_fs_destroy(l->memory);
}

static inline void live_begin(live_fixture *l)
{
    alm_assert(alm_live_create(&l->options, &l->live, NULL) == ALM_OK);
    alm_live_follow(l->live, &l->set);
    alm_assert(alm_live_start(l->live, NULL) == ALM_OK);
}

static inline void live_end(live_fixture *l)
{
    alm_live_destroy(l->live);
    l->live = NULL;
}

/* The run that shall be there; also wakes whoever waits, as a refresh does. */
static inline void live_follow(live_fixture *l, size_t run)
{
    l->route.current.run = &l->run[run];
    alm_live_follow(l->live, &l->set);
}

/* Until the line of this run is there, with all days before `day` closed. */
static inline void live_await(live_fixture *l, size_t run, int day)
{
    alm_date end = fixture_date(SYNTHETIC_START) + day;
    for (int i = 0; i < 60000; i++) {
        alm_live_view view;
        struct timespec pause = {.tv_nsec = 1000000};
        if (alm_live_enter(l->live, 0, LIVE_ROUTE, LIVE_RELEASE, &view, &l->f->error) == ALM_OK) {
            bool is_there = alm_str_equal(view.run_id, l->run[run].facts.run_id) &&
                            view.now->end == end;
            alm_live_leave(l->live, 0, &view);
            if (is_there) {
                return;
            }
        }
        live_follow(l, run);
        (void)nanosleep(&pause, NULL);
    }
    (void)fprintf(stderr, "the line is not there: %s\n", l->f->error.message);
    alm_assert(false);
}

/* Until the reason why there is none has `part` in it. */
static inline void live_await_problem(live_fixture *l, const char *part)
{
    for (int i = 0; i < 60000; i++) {
        alm_live_view view;
        struct timespec pause = {.tv_nsec = 1000000};
        if (alm_live_enter(l->live, 0, LIVE_ROUTE, LIVE_RELEASE, &view, &l->f->error) == ALM_OK) {
            alm_live_leave(l->live, 0, &view);
        } else if (strstr(l->f->error.message, part)) {
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
    (void)fprintf(stderr, "no such problem: %s\n", l->f->error.message);
    alm_assert(false);
}

/* ---- events ---- */

typedef struct live_told {
    alm_live_event event;
    alm_str keys[2];
    alm_event_value price;
    char id[32];
} live_told;

static inline void live_sale(live_told *out, int series, int day, int units, const char *id)
{
    *out = (live_told){.keys = {alm_str_of(synthetic_sku(series)),
                                alm_str_of(synthetic_store(series))},
                       .price = {ALM_STR("price"), 2 + series % 5 + (day > 80 ? 0.5 : 0)}};
    (void)snprintf(out->id, sizeof out->id, "%s", id);
    out->event = (alm_live_event){
        .id = alm_str_of(out->id),
        .event = {.kind = ALM_EVENT_SALE, .keys = out->keys, .key_count = 2,
                  .day = fixture_date(SYNTHETIC_START) + day, .quantity = units,
                  .known_at = ALM_EVENT_NOT_SAID, .values = &out->price, .value_count = 1}};
}

static inline void live_told_back(alm_live_post *post)
{
    atomic_store((atomic_bool *)post->context, true);
}

/* Posts and waits. */
static inline alm_err live_post(live_fixture *l, alm_live_event *events, size_t count,
                                alm_error *error)
{
    atomic_bool is_done = false;
    alm_arena *arena = alm_arena_create(0);
    alm_live_post post = {.event = events, .count = count, .done = live_told_back,
                          .context = &is_done};
    alm_err code = alm_live_post_events(l->live, &post, arena, error);
    while (code == ALM_OK && !atomic_load(&is_done)) {
        (void)sched_yield();
    }
    alm_arena_destroy(arena);
    return code;
}

static inline alm_event_outcome live_post_one(live_fixture *l, live_told *told)
{
    told->event.error = (alm_error){0};
    alm_err code = live_post(l, &told->event, 1, &told->event.error);
    return code == ALM_OK ? told->event.outcome : ALM_EVENT_REFUSED;
}

/* Sales of the days that run 0 does not know, one event each, named by what they are. Returns how
 * many are stored. */
static inline size_t live_tell_days(live_fixture *l, int days)
{
    size_t stored = 0;
    for (int day = LIVE_FIRST_DAYS; day < LIVE_FIRST_DAYS + days; day++) {
        for (int i = 0; i < SYNTHETIC_SERIES; i++) {
            live_told told;
            char id[32];
            int units = synthetic_units(i, day);
            if (units < 0) {
                continue;
            }
            (void)snprintf(id, sizeof id, "sale-%d-%d", day, i);
            live_sale(&told, i, day, units, id);
            stored += live_post_one(l, &told) == ALM_EVENT_STORED;
        }
    }
    return stored;
}

/* ---- what a reader sees ---- */

/* Of every series: all features at all steps, and the forecast with its quantiles. */
static inline alm_digest live_look_at(const alm_live_view *entered)
{
    alm_live_view view = *entered;
    alm_hash hash;
    alm_arena *arena = alm_arena_create(0);
    alm_hash_init(&hash);
    size_t width = alm_feature_plan_width(view.bundle->plan);
    double *rows = ALM_NEW_ARRAY(arena, double, width * SYNTHETIC_HORIZON);
    for (size_t s = 0; s < view.now->series_count; s++) {
        alm_online_rows asked = {view.now, s, 1, SYNTHETIC_HORIZON};
        alm_assert(alm_online_state_features(view.state, &asked, arena, rows, NULL) == ALM_OK);
        alm_hash_update(&hash, rows, width * SYNTHETIC_HORIZON * sizeof *rows);
        alm_recomputed made;
        alm_recompute_request request = {.bundle = view.bundle, .online = view.state,
                                         .now = view.now, .series = s, .explain = true};
        alm_err code = alm_recompute(&request, view.workspace, &made, NULL);
        alm_assert(code == ALM_OK || code == ALM_ERR_INCOMPLETE); /* too young */
        if (code == ALM_OK) {
            alm_hash_update(&hash, made.mean, made.steps * sizeof(double));
            alm_hash_update(&hash, made.quantile,
                            made.steps * view.bundle->method.quantile_count * sizeof(double));
        }
    }
    alm_arena_destroy(arena);
    return alm_hash_final(&hash);
}

static inline alm_digest live_look(live_fixture *l)
{
    alm_live_view view;
    alm_assert(alm_live_enter(l->live, 0, LIVE_ROUTE, LIVE_RELEASE, &view, NULL) == ALM_OK);
    alm_digest seen = live_look_at(&view);
    alm_live_leave(l->live, 0, &view);
    return seen;
}

#endif
