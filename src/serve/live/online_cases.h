/* online_cases.h: an online state over the made-up shop, and the comparison with a batch over the
 * same history; for tests. */
#ifndef ALM_SERVE_ONLINE_CASES_H
#define ALM_SERVE_ONLINE_CASES_H

#include <stdarg.h>
#include <stdio.h>

#include "feature/sold_out.h"
#include "serve/live/online_fixture.h"

/* Says what is wrong and ends the test program. */
static inline void cases_differ(const char *format, ...) ALM_PRINTF(1, 2);
static inline void cases_differ(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    alm_assert(!"the online state is not the batch's");
}

typedef struct run { /* an online state over the first snapshot */
    shop s;
    alm_panel_source *source;
    alm_feature_plan *plan;
    alm_online_state *online;
    alm_arena *arena;
    size_t width;
    size_t steps;
} run;

static inline alm_err open_online(run *r, uint64_t limit)
{
    alm_online_options options = {.project = r->s.f->project, .plan = r->plan,
                                  .source = r->source, .horizon = SHOP_HORIZON, .workers = 2,
                                  .known_until = ALM_EVENT_NOT_SAID,
                                  .memory_limit_bytes = limit};
    return alm_online_state_open(&options, &r->online, &r->s.f->error);
}

static inline void start(run *r, fixture *f, const shop_options *options)
{
    *r = (run){.arena = alm_arena_create(0)};
    shop_open(&r->s, f, options);
    r->source = shop_panels(&r->s, SHOP_PERIODS, SHOP_MORE);
    alm_err code = alm_project_plan(f->project, &f->project->models[0],
                                    alm_panel_source_schema(r->source), &r->plan, &f->error);
    if (code != ALM_OK) {
        cases_differ("%s", f->error.message);
    }
    r->width = alm_feature_plan_width(r->plan);
    r->steps = options->recursive ? 1 : SHOP_HORIZON;
}

static inline void stop(run *r)
{
    alm_online_state_close(r->online);
    alm_feature_plan_destroy(r->plan);
    alm_panel_source_close(r->source);
    alm_arena_destroy(r->arena);
}

static inline void must(run *r, alm_err code)
{
    if (code != ALM_OK) {
        cases_differ("%s", r->s.f->error.message);
    }
}

static inline void tell(run *r, shop_fact *fact)
{
    alm_str keys[2];
    alm_event_value value;
    alm_event event = shop_event(&r->s, fact, keys, &value);
    alm_online_effect effect = ALM_ONLINE_IN_SNAPSHOT;
    must(r, alm_online_state_apply(r->online, &event, fact->known_at, &effect, &r->s.f->error));
    alm_assert(effect == ALM_ONLINE_COUNTED);
    fact->told = true;
}

/* All facts that are told before the day closes, in a random order. */
static inline void tell_day(run *r, int day)
{
    size_t *list = ALM_NEW_ARRAY(r->arena, size_t, r->s.facts);
    size_t count = 0;
    for (size_t i = 0; i < r->s.facts; i++) {
        if (r->s.fact[i].told_at == day) {
            list[count++] = i;
        }
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)alm_rng_next_below(&r->s.rng, i);
        size_t kept = list[i - 1];
        list[i - 1] = list[other];
        list[other] = kept;
    }
    for (size_t i = 0; i < count; i++) {
        tell(r, &r->s.fact[list[i]]);
        if (alm_rng_next_below(&r->s.rng, 9) == 0) {
            must(r, alm_online_state_publish(r->online, &r->s.f->error));
        }
    }
}

static inline bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* ---- beside a batch ---- */

static inline void compare_history(run *r, const alm_online_now *now, const alm_panel *panel,
                            size_t i)
{
    const alm_online_series *seen = now->series[panel->first_series + i];
    size_t published = panel->periods - (r->s.o.known_at ? 0 : (size_t)r->s.o.delay);
    for (size_t t = 0; t < published; t++) {
        uint8_t state = panel->state[i * panel->periods + t];
        double value = alm_panel_value(panel, 0, i, t);
        if (state != seen->states[t] || !same(value, seen->target[t])) {
            cases_differ("seed %d, %zu days: series %zu, day %zu is %g (%d), not %g (%d)",
                     (int)r->s.o.seed, panel->periods, panel->first_series + i, t,
                     seen->target[t], seen->states[t], value, state);
        }
    }
    alm_panel whole = *panel;
    must(r, alm_sold_out_impute(&whole, alm_feature_plan_sold_out(r->plan), r->arena,
                                &r->s.f->error));
    alm_history_view past = {.panel = &whole, .series = i, .origin = panel->periods - 1,
                             .delay = (size_t)r->s.o.delay};
    alm_assert(same(alm_history_scale(&past, r->arena), seen->scale));
}

static inline void compare_features(run *r, const alm_online_now *now, const alm_panel *panel,
                                    size_t i)
{
    alm_feature_row rows[SHOP_HORIZON];
    double *expected = ALM_NEW_ARRAY(r->arena, double, SHOP_HORIZON * r->width);
    double *got = ALM_NEW_ARRAY(r->arena, double, SHOP_HORIZON * r->width);
    double scale = now->series[panel->first_series + i]->scale;
    scale = scale > 0 ? scale : 1;
    size_t lag = r->s.o.recursive ? (size_t)r->s.o.delay : 0;
    for (uint32_t h = 0; h < r->steps; h++) {
        rows[h] = (alm_feature_row){(uint32_t)(panel->periods - 1 - lag), h + 1, scale};
    }
    must(r, alm_feature_rows(r->plan, panel, i, rows, r->steps, expected, r->width, r->arena,
                             &r->s.f->error));
    alm_online_rows asked = {now, panel->first_series + i, scale, r->steps};
    must(r, alm_online_state_features(r->online, &asked, r->arena, got, &r->s.f->error));
    for (size_t k = 0; k < r->steps * r->width; k++) {
        if (!same(expected[k], got[k])) {
            cases_differ("seed %d, %zu days: series %zu, step %zu, feature %s is %.17g, not %.17g",
                     (int)r->s.o.seed, panel->periods, panel->first_series + i,
                     k / r->width + 1, alm_feature_plan_name(r->plan, k % r->width), got[k],
                     expected[k]);
        }
    }
}

static inline void compare_profile(const run *r, const alm_online_now *now,
                                   alm_panel_source *source)
{
    const alm_panel *nodes = alm_panel_source_aggregates(source);
    double *total = ALM_NEW_ARRAY(r->arena, double, nodes->periods);
    uint8_t *closed = ALM_NEW_ARRAY(r->arena, uint8_t, nodes->periods);
    alm_profile_totals(nodes, alm_panel_source_hierarchy(source), total, closed);
    alm_profile expected = alm_profile_of(total, closed, nodes->start, nodes->periods - 1,
                                          (size_t)r->s.o.delay);
    for (int k = 0; k < 7; k++) {
        alm_assert(same(expected.weekday[k], now->profile.weekday[k]));
    }
}

/* A snapshot of the same history, up to `end`. */
static inline void compare_with_batch(run *r, int end)
{
    shop_write(&r->s);
    alm_panel_source *source = shop_panels(&r->s, end, 0);
    const alm_online_now *now = alm_online_state_enter(r->online, 0);
    alm_assert(now->end == fixture_date(SHOP_START) + end);
    alm_assert(now->origin + 1 == (size_t)end);
    size_t seen = 0;
    compare_profile(r, now, source);
    for (;;) {
        alm_panel panel;
        must(r, alm_panel_source_next(source, r->arena, &panel, &r->s.f->error));
        if (panel.series_count == 0) {
            break;
        }
        for (size_t i = 0; i < panel.series_count; i++, seen++) {
            compare_history(r, now, &panel, i);
            compare_features(r, now, &panel, i);
        }
    }
    alm_assert(seen == SHOP_SERIES);
    alm_online_state_leave(r->online, 0);
    alm_panel_source_close(source);
    alm_arena_reset(r->arena);
}

/* `every`: days between comparisons. */
static inline void days_go_by(fixture *f, const shop_options *options, int every)
{
    run r;
    start(&r, f, options);
    must(&r, open_online(&r, 0));
    compare_with_batch(&r, SHOP_PERIODS);
    for (int day = SHOP_PERIODS; day < SHOP_DAYS; day++) {
        tell_day(&r, day);
        must(&r, alm_online_state_advance(r.online, fixture_date(SHOP_START) + day + 1, &f->error));
        if ((day - SHOP_PERIODS) % every == 0 || day == SHOP_DAYS - 1) {
            compare_with_batch(&r, day + 1);
        }
    }
    stop(&r);
}

#endif
