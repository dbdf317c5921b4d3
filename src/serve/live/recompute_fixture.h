/* recompute_fixture.h: the synthetic shop with a made-up bundle and an online state, whose last
 * days come as events; for tests of what is computed from it. Only *_test.c include it. */
#ifndef ALM_SERVE_RECOMPUTE_FIXTURE_H
#define ALM_SERVE_RECOMPUTE_FIXTURE_H

#include "pipeline/pipeline_fixture.h"
#include "serve/live/recompute.h"

enum { TOLD_DAYS = 4, FIRST_DAYS = SYNTHETIC_DAYS - TOLD_DAYS };

typedef struct served {
    fixture *f;
    int delay;
    alm_snapshot snapshot;
    alm_panel_source *source;
    alm_bundle_parts parts;
    alm_bundle *bundle;
    alm_online_state *online;
    alm_arena *arena;
} served;

static inline alm_date served_day(int day)
{
    return fixture_date(SYNTHETIC_START) + day;
}

static inline void served_must(served *s, alm_err code)
{
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", s->f->error.message);
    }
    alm_assert(code == ALM_OK);
}

typedef struct served_case {
    int delay;
    bool own_aggregates; /* have a forecast of their own, so a run reconciles */
    bool quantile_forests;
    bool recursive;
    bool statistical; /* kinds, no forest, and no feature but the step */
    int fair_day; /* an event of the calendar more; 0: none */
} served_case;

/* The calendar with a fair more. */
static inline void served_add_fair(fixture *f, int fair)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "date,open,event\n");
    for (int day = 0; day < SYNTHETIC_DAYS + SYNTHETIC_AHEAD; day++) {
        char date[ALM_DATE_TEXT_BYTES];
        synthetic_day_text(day, date);
        alm_buffer_printf(&out, "%s,%d,%s\n", date, synthetic_open_day(day),
                          day % 45 == 40 || day == fair ? "fair" : "");
    }
    synthetic_write(f, "calendar.csv", &out);
}

/* The features that a recursive plan can go on with. */
static inline void served_keep_recursive(served *s, alm_method *method, alm_bundle_parts *parts)
{
    const alm_feature_spec specs[] = {
        {.name = "lag_1", .op = ALM_FEATURE_lag, .column = "units", .anchor = ALM_ANCHOR_LAG,
         .offset = 1, .scaled = true},
        {.name = "mean_6", .op = ALM_FEATURE_mean, .column = "units", .window = 6, .scaled = true},
        {.name = "level", .op = ALM_FEATURE_ewm, .column = "units", .alpha = .1, .scaled = true},
        {.name = "open", .op = ALM_FEATURE_value, .column = "open"},
        {.name = "weekday", .op = ALM_FEATURE_weekday},
    };
    alm_feature_plan *plan = NULL;
    alm_buffer text = {0};
    served_must(s, alm_feature_plan_compile_recursive(specs, 5, SYNTHETIC_HORIZON,
                                                      alm_panel_source_schema(s->source), &plan,
                                                      &s->f->error));
    alm_feature_plan_write(plan, &text);
    alm_feature_plan_destroy(plan);
    parts->plan = fixture_keep(s->f->arena, &text);
    forest_shape shape = {.trees = 20, .outputs = 1, .features = 5, .leaves = 8, .grid = 8};
    parts->mean_model[0] = case_text(s->f->arena, &shape, 3);
    method->base_score[0] = .5;
}

static inline void served_keep_kinds(served *s, alm_method *method, alm_bundle_parts *parts)
{
    const alm_feature_spec step = {.name = "step", .op = ALM_FEATURE_step};
    const alm_horizon_block block = {1, SYNTHETIC_HORIZON};
    alm_feature_plan *plan = NULL;
    alm_buffer text = {0};
    served_must(s, alm_feature_plan_compile(&step, 1, &block, 1,
                                            alm_panel_source_schema(s->source), &plan,
                                            &s->f->error));
    alm_feature_plan_write(plan, &text);
    alm_feature_plan_destroy(plan);
    parts->plan = fixture_keep(s->f->arena, &text);
    parts->mean_model[0] = (alm_str){0};
    parts->kinds = ALM_STR("{\"aggregate\":\"ets\","
                           "\"erratic\":{\"fast\":\"auto\",\"slow\":\"ses\"},"
                           "\"intermittent\":{\"fast\":\"theta_dynamic_optimised\","
                           "\"slow\":\"count\"},\"lumpy\":{\"fast\":\"count\",\"slow\":\"tsb\"},"
                           "\"smooth\":{\"fast\":\"level\",\"slow\":\"mean\"}}");
    for (int c = 0; c < ALM_CLASS_aggregate; c++) {
        method->weight[c] = 0;
    }
}

static inline void served_start(served *s, fixture *f, const served_case *c)
{
    *s = (served){.f = f, .delay = c->delay, .arena = alm_arena_create(0)};
    synthetic_open(f, &(synthetic_options){.delay = c->delay});
    if (c->fair_day) {
        served_add_fair(f, c->fair_day);
    }
    s->snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_date end = fixture_date(SYNTHETIC_END) - TOLD_DAYS;
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = end,
                                 .future = SYNTHETIC_HORIZON + TOLD_DAYS,
                                 .membership_date = fixture_date(SYNTHETIC_END),
                                 .block_series = 7};
    served_must(s, alm_panel_source_open(&f->env, f->project, f->objects, &s->snapshot, &options,
                                         &s->source, &f->error));
    alm_method method = synthetic_method(20);
    method.weight[ALM_CLASS_aggregate] = c->own_aggregates ? .5 : 1;
    s->parts = synthetic_parts(f, alm_panel_source_schema(s->source), &method);
    if (c->quantile_forests) {
        synthetic_quantiles(f, method.quantile_count, &s->parts);
    }
    if (c->recursive) {
        served_keep_recursive(s, &method, &s->parts);
    }
    if (c->statistical) {
        served_keep_kinds(s, &method, &s->parts);
    }
    alm_buffer text = {0};
    alm_method_write(&method, &text);
    s->parts.method = fixture_keep(f->arena, &text);
    served_must(s, alm_bundle_of_parts(&s->parts, alm_panel_source_schema(s->source), &s->bundle,
                                       &f->error));
    alm_online_options online = {.project = f->project, .plan = s->bundle->plan,
                                 .source = s->source, .horizon = SYNTHETIC_HORIZON, .workers = 1,
                                 .known_until = ALM_EVENT_NOT_SAID};
    served_must(s, alm_online_state_open(&online, &s->online, &f->error));
    alm_panel_source_close(s->source); /* it is not needed any more */
}

static inline void served_stop(served *s)
{
    alm_online_state_close(s->online);
    alm_bundle_destroy(s->bundle);
    alm_arena_destroy(s->arena);
}

/* Sales of the days that the first panel does not show. */
static inline void served_tell_days(served *s)
{
    for (int day = FIRST_DAYS - s->delay; day < SYNTHETIC_DAYS; day++) {
        for (int i = 0; i < SYNTHETIC_SERIES; i++) {
            int units = synthetic_units(i, day);
            /* A snapshot shows days that are published only: what is not must not count yet. */
            if (units < 0) {
                continue;
            }
            const alm_str keys[] = {alm_str_of(synthetic_sku(i)), alm_str_of(synthetic_store(i))};
            alm_event_value price = {ALM_STR("price"), 2 + i % 5 + (day > 80 ? 0.5 : 0)};
            alm_event event = {.kind = ALM_EVENT_SALE, .keys = keys, .key_count = 2,
                               .day = fixture_date(SYNTHETIC_START) + day, .quantity = units,
                               .known_at = ALM_EVENT_NOT_SAID, .values = &price,
                               .value_count = 1};
            alm_online_effect effect;
            served_must(s, alm_online_state_apply(s->online, &event,
                                                  alm_instant_of_date(event.day), &effect,
                                                  &s->f->error));
        }
    }
    served_must(s, alm_online_state_advance(s->online, fixture_date(SYNTHETIC_END), &s->f->error));
}

/* Workspaces of one caller; what was computed lives until the workspace ends. */
static inline alm_base_workspace served_workspace(void)
{
    return (alm_base_workspace){alm_arena_create(0), alm_arena_create(0), alm_arena_create(0),
                                NULL};
}

static inline void served_workspace_end(alm_base_workspace *workspace)
{
    alm_arena_destroy(workspace->results);
    alm_arena_destroy(workspace->batch);
    alm_arena_destroy(workspace->series);
}

static inline bool served_same(const alm_recomputed *a, const alm_recomputed *b, size_t quantiles)
{
    return a->steps == b->steps && a->path_count == b->path_count && a->origin == b->origin &&
           same_doubles(a->mean, b->mean, a->steps) &&
           same_doubles(a->quantile, b->quantile, a->steps * quantiles) &&
           same_doubles(a->paths, b->paths, a->steps * a->path_count);
}

#endif
