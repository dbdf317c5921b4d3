/* Global forecasters in a backtest of the synthetic shop: what they see, and their rows. */
#include "train/global_backtest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "train/backtest.h"
#include "train/training_fixture.h"
#include "train/train.h"

enum { ORIGIN = 80, STEPS = SYNTHETIC_HORIZON, NODES = 10, LEAVES = 6 };

static alm_global_view view_of(const training_case *c)
{
    return (alm_global_view){.known = &c->panel, .origin = ORIGIN, .season = 7, .steps = STEPS,
                             .seed = 5};
}

/* Histories are those of the panel up to the newest period published, the columns those that are
 * known in advance and the same for all. */
static void what_is_seen_is_what_was_published(void **state)
{
    fixture *f = *state;
    for (int delay = 0; delay <= 2; delay += 2) {
        training_case c;
        alm_global_past past;
        training_open(f, &(synthetic_options){.delay = delay}, 16, &c);
        alm_global_view view = view_of(&c);
        alm_global_past_of(&view, f->arena, &past);
        assert_int_equal(past.end, ORIGIN + 1 - delay);
        assert_int_equal(past.delay, delay);
        assert_int_equal(past.count, SYNTHETIC_SERIES + NODES);
        const alm_beside_history *h = &past.histories[5];
        assert_true(h->count > 0 && h->series == 5);
        for (size_t back = 1; back <= 20; back++) {
            int units = synthetic_units(5, (int)(past.end - back));
            assert_true(h->y[h->count - back] == (units > 0 ? units : 0));
        }
        assert_int_equal(past.histories[SYNTHETIC_ZERO].count, 0);
        assert_int_equal(past.histories[SYNTHETIC_SERIES].series, (uint64_t)1 << 32); /* total */
        for (size_t t = 0; t <= ORIGIN + STEPS; t++) {
            assert_int_equal(past.closed[t], !synthetic_open_day((int)t));
        }
        const alm_panel *block = &c.panel.blocks[0];
        size_t shared = 0;
        for (size_t k = 1; k < block->column_count; k++) {
            shared += block->columns[k].role == ALM_ROLE_KNOWN && block->columns[k].row_of_series;
        }
        assert_true(shared > 0 && past.column_count == shared);
        training_close(&c);
    }
}

/* Forecasts of the newest series and all aggregates, by a kind that learned from these. */
static double forecast_all(fixture *f, const alm_global_kind *kind, bool poisoned, double *mean)
{
    training_case c;
    alm_global_past past;
    void *fitted = NULL;
    training_open(f, &(synthetic_options){.poison_from = poisoned ? ORIGIN + 1 : 0}, 16, &c);
    alm_global_view view = view_of(&c);
    alm_global_past_of(&view, f->arena, &past);
    past.histories += SYNTHETIC_SERIES - LEAVES; /* few, to be quick */
    past.count = LEAVES + NODES;
    assert_int_equal(kind->fit(&f->env, &past, &fitted, &f->error), ALM_OK);
    double *paths = ALM_NEW_ARRAY(f->arena, double, ALM_GLOBAL_PATHS * STEPS);
    for (size_t i = 0; i < past.count; i++) {
        alm_global_forecast out = {mean + i * STEPS, paths};
        assert_true(kind->forecast(fitted, &past, &past.histories[i], f->arena, &out));
    }
    kind->destroy(fitted);
    double after = alm_panel_value(c.panel.aggregates, 0, 0, ORIGIN + 1);
    training_close(&c);
    return after;
}

/* What came after the origin moves no forecast of any kind. That it differs is seen in the panel,
 * so the test would see a past that looks at nothing. */
static void forecasts_do_not_look_ahead(void **state)
{
    fixture *f = *state;
    size_t count = 0;
    const alm_global_kind *const *kinds = alm_global_kinds(&count);
    for (size_t k = 0; k < count; k++) {
        double mean[2][(LEAVES + NODES) * STEPS];
        double after = forecast_all(f, kinds[k], false, mean[0]);
        assert_true(forecast_all(f, kinds[k], true, mean[1]) != after);
        assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
        assert_true(mean[0][LEAVES * STEPS] > 0); /* the total */
    }
}

/* A whole backtest: rows of global kinds stand behind the others under their names, with scores at
 * every level and of the stock; the report says how often each learned. */
static alm_str report_of(fixture *f)
{
    static const alm_global_kind *const KINDS[] = {&alm_global_gbm, &alm_global_gbm_local};
    alm_snapshot snapshot = synthetic_take(f, SYNTHETIC_END);
    alm_train_options options = {.project = f->project,
                                 .model = &f->project->models[0],
                                 .snapshot = &snapshot,
                                 .objects = f->objects,
                                 .experimental = true,
                                 .backtest_only = true,
                                 .global = KINDS,
                                 .global_count = 2};
    alm_train_result result;
    alm_err code = alm_train(&f->env, &options, f->arena, &result, &f->error);
    if (code != ALM_OK) {
        print_message("%s\n", f->error.message);
    }
    assert_int_equal(code, ALM_OK);
    return result.report;
}

static void rows_are_in_the_report(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_str report = report_of(f);
    const char *at = report.data;
    for (size_t level = 0; level < 5; level++) { /* series, and four levels */
        at = strstr(at, "\"method\":\"gbm_global\"");
        assert_non_null(at);
        at = strstr(at, "\"method\":\"gbm_local\"");
        assert_non_null(at);
        assert_non_null(strstr(at, "\"stock_cost\""));
    }
    at = strstr(report.data, "\"global\":[{\"method\":\"gbm_global\",\"fits\":");
    assert_non_null(at);
    assert_null(strstr(at, "\"fits\":0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_seen_is_what_was_published, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(forecasts_do_not_look_ahead, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(rows_are_in_the_report, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
