/* Global forecasters in a backtest of the synthetic shop: what they see, and their rows. */
#include "train/global/global_backtest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "train/backtest/backtest.h"
#include "train/training_fixture.h"
#include "train/train.h"

enum { ORIGIN = 62, STEPS = SYNTHETIC_HORIZON, NODES = 10, LEAVES = 2 };

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

/* What came after the origin moves no forecast: of a net, and of forests with local statistics.
 * That it differs is seen in the panel, so the test would see a past that looks at nothing. */
static void forecasts_do_not_look_ahead(void **state)
{
    fixture *f = *state;
    static const alm_global_kind *const KINDS[] = {&alm_global_gru, &alm_global_gbm_local};
    for (size_t k = 0; k < 2; k++) {
        double mean[2][(LEAVES + NODES) * STEPS];
        double after = forecast_all(f, KINDS[k], false, mean[0]);
        assert_true(forecast_all(f, KINDS[k], true, mean[1]) != after);
        assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
        assert_true(mean[0][LEAVES * STEPS] > 0); /* the total */
    }
}

/* ---- rows: two made-up kinds ---- */

static alm_err fit_flat(const alm_env *env, const alm_global_past *past, void **state,
                        alm_error *error)
{
    static size_t end; /* of the fit at hand: one at a time */
    (void)env;
    (void)error;
    end = past->end;
    *state = &end;
    return ALM_OK;
}

/* The newest value, of series and aggregates but series 7. */
static bool say_flat(const void *state, const alm_global_past *past,
                     const alm_beside_history *history, alm_arena *scratch,
                     const alm_global_forecast *out)
{
    (void)scratch;
    assert_true(*(const size_t *)state <= past->end); /* a fit is kept for later origins */
    for (size_t i = 0; i < (ALM_GLOBAL_PATHS + 1) * past->steps; i++) {
        double *to = i < past->steps ? &out->mean[i] : &out->paths[i - past->steps];
        *to = history->y[history->count - 1];
    }
    return history->series != 7;
}

static void drop_flat(void *state)
{
    (void)state;
}

static alm_err fit_never(const alm_env *env, const alm_global_past *past, void **state,
                         alm_error *error)
{
    (void)env;
    (void)past;
    (void)state;
    return alm_fail(error, ALM_ERR_INCOMPLETE, "more of it is needed");
}

static const alm_global_kind FLAT = {"flat", fit_flat, say_flat, drop_flat};
static const alm_global_kind NEVER = {"never", fit_never, say_flat, drop_flat};

static alm_str report_of(fixture *f)
{
    static const alm_global_kind *const KINDS[] = {&FLAT, &NEVER};
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
        fail_msg("%s", f->error.message);
    }
    return result.report;
}

static const alm_json *method_of(const alm_json *level, const char *name)
{
    const alm_json *methods = NULL;
    assert_int_equal(alm_json_get(level, "methods", ALM_JSON_ARRAY, &methods, NULL), ALM_OK);
    for (size_t i = 0; i < alm_json_count(methods); i++) {
        alm_str text;
        const alm_json *method = alm_json_at(methods, i);
        assert_int_equal(alm_json_get_str(method, "method", &text, NULL), ALM_OK);
        if (alm_str_is(text, name)) {
            return method;
        }
    }
    fail_msg("no row '%s'", name);
    return NULL;
}

static double number_of(const alm_json *object, const char *key)
{
    double value = NAN;
    alm_error error;
    if (alm_json_get_double(object, key, &value, &error) != ALM_OK) {
        fail_msg("%s: %s", key, error.message);
    }
    return value;
}

/* Rows of every level under their names; who refuses one series is the seasonal naive there and is
 * counted, once an origin; who cannot learn is it everywhere, and the report says why. */
static void rows_are_in_the_report(void **state)
{
    fixture *f = *state;
    alm_json_document *document = NULL;
    const alm_json *list = NULL;
    synthetic_open(f, NULL);
    assert_int_equal(f->project->models[0].backtest.refit_every, 3); /* as many as the origins */
    double origins = f->project->models[0].backtest.origins;
    assert_int_equal(alm_json_parse(report_of(f), "report", &document, &f->error), ALM_OK);
    const alm_json *root = alm_json_root(document);
    assert_int_equal(alm_json_get(root, "levels", ALM_JSON_ARRAY, &list, &f->error), ALM_OK);
    assert_int_equal(alm_json_count(list), 5);
    for (size_t level = 0; level < 5; level++) {
        const alm_json *at = alm_json_at(list, level);
        const alm_json *flat = method_of(at, "flat");
        const alm_json *never = method_of(at, "never");
        const alm_json *naive = method_of(at, "seasonal_naive");
        assert_true(number_of(flat, "refused") == (level ? 0 : origins));
        assert_true(number_of(never, "refused") >= origins * number_of(at, "series"));
        assert_true(number_of(never, "wape") == number_of(naive, "wape"));
        assert_true(number_of(flat, "wape") != number_of(naive, "wape"));
        assert_true(number_of(flat, "stock_cost") > 0);
    }
    assert_int_equal(alm_json_get(root, "global", ALM_JSON_ARRAY, &list, &f->error), ALM_OK);
    alm_str reason;
    assert_true(number_of(alm_json_at(list, 0), "fits") == 1);
    assert_true(number_of(alm_json_at(list, 1), "fits") == 0);
    assert_int_equal(alm_json_get_str(alm_json_at(list, 1), "reason", &reason, &f->error),
                     ALM_OK);
    assert_true(alm_str_is(reason, "more of it is needed"));
    alm_json_document_destroy(document);
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
