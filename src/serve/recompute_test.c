/* A forecast from the online state is the run's base forecast, bit for bit: for the history that
 * was committed, and for one that events made longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pipeline/pipeline_fixture.h"
#include "serve/recompute.h"

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

static void must(served *s, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", s->f->error.message);
    }
}

typedef struct served_case {
    int delay;
    bool own_aggregates; /* have a forecast of their own, so a run reconciles */
    bool quantile_forests;
    bool recursive;
} served_case;

/* The features that a recursive plan can go on with. */
static void keep_recursive(served *s, alm_method *method, alm_bundle_parts *parts)
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
    must(s, alm_feature_plan_compile_recursive(specs, 5, SYNTHETIC_HORIZON,
                                               alm_panel_source_schema(s->source), &plan,
                                               &s->f->error));
    alm_feature_plan_write(plan, &text);
    alm_feature_plan_destroy(plan);
    parts->plan = fixture_keep(s->f->arena, &text);
    forest_shape shape = {.trees = 20, .outputs = 1, .features = 5, .leaves = 8, .grid = 8};
    parts->mean_model[0] = case_text(s->f->arena, &shape, 3);
    method->base_score[0] = .5;
}

static void start(served *s, fixture *f, const served_case *c)
{
    *s = (served){.f = f, .delay = c->delay, .arena = alm_arena_create(0)};
    synthetic_open(f, &(synthetic_options){.delay = c->delay});
    s->snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_date end = fixture_date(SYNTHETIC_END) - TOLD_DAYS;
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = end,
                                 .future = SYNTHETIC_HORIZON + TOLD_DAYS,
                                 .membership_date = fixture_date(SYNTHETIC_END),
                                 .block_series = 7};
    must(s, alm_panel_source_open(&f->env, f->project, f->objects, &s->snapshot, &options,
                                  &s->source, &f->error));
    alm_method method = synthetic_method(20);
    method.weight[ALM_CLASS_aggregate] = c->own_aggregates ? .5 : 1;
    s->parts = synthetic_parts(f, alm_panel_source_schema(s->source), &method);
    if (c->quantile_forests) {
        synthetic_quantiles(f, method.quantile_count, &s->parts);
    }
    if (c->recursive) {
        keep_recursive(s, &method, &s->parts);
    }
    alm_buffer text = {0};
    alm_method_write(&method, &text);
    s->parts.method = fixture_keep(f->arena, &text);
    must(s, alm_bundle_of_parts(&s->parts, alm_panel_source_schema(s->source), &s->bundle,
                                &f->error));
    alm_online_options online = {.project = f->project, .plan = s->bundle->plan,
                                 .source = s->source, .horizon = SYNTHETIC_HORIZON, .workers = 1,
                                 .known_until = ALM_EVENT_NOT_SAID};
    must(s, alm_online_state_open(&online, &s->online, &f->error));
    alm_panel_source_close(s->source); /* it is not needed any more */
}

static void stop(served *s)
{
    alm_online_state_close(s->online);
    alm_bundle_destroy(s->bundle);
    alm_arena_destroy(s->arena);
}

/* Sales of the days that the first panel does not show. */
static void tell_days(served *s)
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
            must(s, alm_online_state_apply(s->online, &event, alm_instant_of_date(event.day),
                                           &effect, &s->f->error));
        }
    }
    must(s, alm_online_state_advance(s->online, fixture_date(SYNTHETIC_END), &s->f->error));
}

static void compare_leaf(served *s, const alm_recomputed *got, const kept_forecast *run,
                         const kept_forecasts *all)
{
    size_t steps = all->steps;
    assert_int_equal(got->steps, steps);
    assert_true(same_doubles(got->mean, run->f.base_mean, steps));
    assert_true(same_doubles(got->base.history.shape, run->f.shape, ALM_SHAPE_LEVELS));
    assert_int_equal(got->base.fallback, run->f.fallback);
    assert_int_equal(got->base.history.class_of_series, run->f.class_of_series);
    assert_string_equal(got->method, run->f.method);
    if (!got->not_reconciled) {
        assert_true(same_doubles(got->mean, run->f.mean, steps));
        assert_true(same_doubles(got->quantile, run->f.quantile, steps * all->quantiles));
    }
    (void)s;
}

/* A run that ends when the online state does. */
static void compare_with_run(served *s, const char *end)
{
    kept_forecasts all;
    alm_base_workspace workspace = {alm_arena_create(0), alm_arena_create(0), alm_arena_create(0),
                                    NULL};
    pipeline_case c = {.end = end, .delay = s->delay};
    must(s, pipeline_case_run(s->f, &s->snapshot, &s->parts, &c, s->arena, &all));
    const alm_online_now *now = alm_online_state_enter(s->online, 0);
    size_t compared = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (all.list[i].aggregate) {
            continue;
        }
        alm_recomputed got;
        alm_recompute_request request = {s->bundle, s->online, now, all.list[i].f.index, false};
        alm_arena_reset(workspace.results);
        alm_err code = alm_recompute(&request, &workspace, &got, &s->f->error);
        if (all.list[i].f.fallback == ALM_FALLBACK_COLD_START) {
            assert_int_equal(code, ALM_ERR_INCOMPLETE);
            assert_non_null(strstr(s->f->error.message, "borrowed"));
            continue;
        }
        must(s, code);
        compare_leaf(s, &got, &all.list[i], &all);
        compared++;
    }
    assert_in_range(compared, SYNTHETIC_SERIES - 4, SYNTHETIC_SERIES);
    alm_online_state_leave(s->online, 0);
    alm_arena_destroy(workspace.results);
    alm_arena_destroy(workspace.batch);
    alm_arena_destroy(workspace.series);
}

static void check_case(fixture *f, const served_case *c)
{
    served s;
    char end[ALM_DATE_TEXT_BYTES];
    start(&s, f, c);
    alm_date_text(fixture_date(SYNTHETIC_END) - TOLD_DAYS, end);
    compare_with_run(&s, end); /* the committed history */
    tell_days(&s);
    compare_with_run(&s, SYNTHETIC_END);
    stop(&s);
}

static void test_base_forecast(void **state)
{
    check_case(*state, &(served_case){.delay = 0});
}

static void test_publication_delay(void **state)
{
    check_case(*state, &(served_case){.delay = 2});
}

static void test_not_reconciled(void **state)
{
    check_case(*state, &(served_case){.own_aggregates = true});
}

static void test_quantile_forests(void **state)
{
    check_case(*state, &(served_case){.quantile_forests = true, .delay = 1});
}

static void test_recursive(void **state)
{
    check_case(*state, &(served_case){.recursive = true});
    check_case(*state, &(served_case){.recursive = true, .delay = 2});
}

/* Lines of the explanation, as a run keeps them. */
static void test_explained(void **state)
{
    served s;
    fixture *f = *state;
    start(&s, f, &(served_case){.delay = 1});
    alm_forest_scratch *scratch = NULL;
    must(&s, alm_forest_scratch_create(s.bundle->models[0].explainer, &scratch, &f->error));
    alm_base_workspace workspace = {s.arena, alm_arena_create(0), alm_arena_create(0), &scratch};
    const alm_online_now *now = alm_online_state_enter(s.online, 0);
    alm_recomputed got;
    alm_recompute_request request = {s.bundle, s.online, now, 1, true};
    must(&s, alm_recompute(&request, &workspace, &got, &f->error));
    size_t lines = 0;
    for (size_t k = 0; k < got.steps * ALM_CONTRIBUTIONS_MAX; k++) {
        lines += got.base.top[k].feature != UINT16_MAX && got.base.top[k].value != 0;
    }
    assert_true(lines > 0);
    alm_online_state_leave(s.online, 0);
    alm_forest_scratch_destroy(scratch);
    alm_arena_destroy(workspace.batch);
    alm_arena_destroy(workspace.series);
    stop(&s);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_base_forecast),    ON(test_publication_delay), ON(test_not_reconciled),
        ON(test_quantile_forests), ON(test_recursive),         ON(test_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
