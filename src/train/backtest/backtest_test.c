#include "train/backtest/backtest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/smoothing/theta.h"
#include "num/quantile.h"
#include "pipeline/pipeline_fixture.h"
#include "train/kind_choice.h"
#include "train/training_fixture.h"

enum { ORIGIN = 129, STEPS = SYNTHETIC_HORIZON };
#define AFTER_ORIGIN "2023-05-12" /* the day after the origin */

static alm_bundle *bundle_of(fixture *f, const training_case *c, const alm_method *method)
{
    const alm_feature_schema *schema = alm_panel_source_schema(c->source);
    alm_bundle_parts parts = synthetic_parts(f, schema, method);
    alm_bundle *bundle = NULL;
    alm_assert(alm_bundle_of_parts(&parts, schema, &bundle, &f->error) == ALM_OK);
    return bundle;
}

static alm_origin_record record_of(fixture *f, const training_case *c, const alm_method *method)
{
    alm_bundle *bundle = bundle_of(f, c, method);
    alm_origin_record record;
    assert_int_equal(alm_origin_record_make(&f->env, &c->panel, bundle, ORIGIN, f->arena, &record,
                                            &f->error), ALM_OK);
    alm_bundle_destroy(bundle);
    return record;
}

/* What a record says was forecast does not change with what came after its origin; what came after
 * is in `actual`, so that the test would see a record that looks at nothing. */
static void records_do_not_look_ahead(void **state)
{
    fixture *f = *state;
    alm_method method = synthetic_method(8);
    for (int delay = 0; delay <= 2; delay += 2) {
        alm_origin_record r[2];
        for (int poisoned = 0; poisoned < 2; poisoned++) {
            training_case c;
            training_open(f, &(synthetic_options){.poison_from = poisoned ? ORIGIN + 1 : 0,
                                                  .delay = delay}, 16, &c);
            r[poisoned] = record_of(f, &c, &method);
            training_close(&c);
        }
        size_t cells = SYNTHETIC_SERIES * STEPS;
        assert_true(same_doubles(r[0].forest, r[1].forest, cells));
        assert_true(same_doubles(r[0].statistical, r[1].statistical, cells));
        assert_true(same_doubles(r[0].scale_squared, r[1].scale_squared, SYNTHETIC_SERIES));
        assert_true(same_doubles(r[0].node_statistical, r[1].node_statistical, 10 * STEPS));
        assert_true(same_doubles(r[0].node_scale, r[1].node_scale, 10));
        assert_false(same_doubles(r[0].actual, r[1].actual, cells));
        assert_false(same_doubles(r[0].node_actual, r[1].node_actual, 10 * STEPS));
        for (size_t i = 0; i < SYNTHETIC_SERIES; i++) {
            const alm_history *a = &r[0].histories[i];
            const alm_history *b = &r[1].histories[i];
            assert_int_equal(a->class_of_series, b->class_of_series);
            assert_true(a->level == b->level && a->scale == b->scale);
            assert_memory_equal(a->shape, b->shape, sizeof a->shape);
        }
    }
}

static void records_are_the_same_for_any_threads(void **state)
{
    fixture *f = *state;
    alm_method method = synthetic_method(8);
    alm_origin_record first;
    training_case c;
    training_open(f, NULL, 7, &c);
    for (int threads = 1; threads <= 3; threads++) {
        synthetic_threads(f, threads);
        alm_origin_record r = record_of(f, &c, &method);
        first = threads == 1 ? r : first;
        assert_true(same_doubles(r.forest, first.forest, SYNTHETIC_SERIES * STEPS));
        assert_true(same_doubles(r.statistical, first.statistical, SYNTHETIC_SERIES * STEPS));
    }
    double sold = 0;
    for (size_t h = 0; h < STEPS; h++) {
        int units = synthetic_units(5, ORIGIN + 1 + (int)h);
        assert_true(first.actual[5 * STEPS + h] == (units > 0 ? units : 0));
        assert_int_equal(first.closed[h], !synthetic_open_day(ORIGIN + 1 + (int)h));
        assert_true(isnan(first.actual[SYNTHETIC_NEW * STEPS + h])); /* not launched yet */
        sold += first.node_actual[h];
    }
    assert_true(sold > 100 && first.scale_squared[5] > 0);
    assert_true(first.scale_squared[SYNTHETIC_NEW] == 0);
    assert_true(first.scale_squared[SYNTHETIC_ZERO] == 0);
    training_close(&c);
}

/* ---- scores ---- */

typedef struct scored {
    training_case c;
    alm_origin_record record;
    alm_method method;
    alm_backtest backtest;
    alm_panel_source *past;
    const alm_forecaster_kind *const *beside; /* NULL: not in detail */
    size_t beside_count;
    bool sold_out; /* see sell_out_some */
    bool moved;    /* aggregates have forecasts of their own, which move those of the series */
} scored;

static void sell_out_some(fixture *f, scored *s);

static void number_nodes(scored *s, fixture *f)
{
    const alm_hierarchy *h = alm_panel_source_hierarchy(s->past);
    size_t leaves = alm_panel_source_series(s->past);
    uint32_t *series = ALM_NEW_ARRAY(f->arena, uint32_t, leaves);
    uint32_t *nodes = ALM_NEW_ARRAY(f->arena, uint32_t, h->node_count);
    for (uint32_t i = 0; i < leaves; i++) {
        series[i] = i + 1; /* series 0 is launched later */
    }
    for (uint32_t n = 0; n < h->node_count; n++) {
        nodes[n] = n;
    }
    s->backtest.series_of_leaf = series;
    s->backtest.node_of_node = nodes;
}

static void score_origin(fixture *f, scored *s, kept_forecasts *kept)
{
    training_open(f, NULL, 16, &s->c);
    if (s->sold_out) {
        sell_out_some(f, s);
    }
    s->method = synthetic_method(20);
    s->method.weight[ALM_CLASS_aggregate] = s->moved ? 0 : s->method.weight[ALM_CLASS_aggregate];
    s->record = record_of(f, &s->c, &s->method);
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = fixture_date(AFTER_ORIGIN),
                                 .future = STEPS,
                                 .membership_date = fixture_date(SYNTHETIC_END),
                                 .block_series = 256};
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s->c.snapshot,
                                           &options, &s->past, &f->error), ALM_OK);
    alm_backtest_init(&s->backtest, &s->c.panel, &s->method, f->arena);
    if (s->beside) {
        alm_backtest_detail(&s->backtest, s->beside, s->beside_count, f->env.pool, f->arena);
    }
    s->backtest.record = &s->record;
    number_nodes(s, f);
    alm_bundle *bundle = bundle_of(f, &s->c, &s->method);
    alm_pipeline_request request = {.bundle = bundle, .source = s->past, .scratch = f->root};
    alm_forecast_sink sink = alm_backtest_sink(&s->backtest);
    assert_int_equal(alm_pipeline_run(&f->env, &request, &sink, &f->error), ALM_OK);
    alm_bundle_destroy(bundle);
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(s->c.source), &s->method);
    pipeline_case same = {.end = AFTER_ORIGIN, .no_stock = true};
    assert_int_equal(pipeline_case_run(f, &s->c.snapshot, &parts, &same, f->arena, kept), ALM_OK);
}

/* Pooled errors made again from what the pipeline published and what was sold. */
static void scores_are_of_what_was_published(void **state)
{
    fixture *f = *state;
    scored s = {0};
    kept_forecasts k;
    score_origin(f, &s, &k);
    assert_int_equal(k.leaves, SYNTHETIC_SERIES - 1);
    double absolute = 0;
    double error = 0;
    double actual = 0;
    double naive = 0;
    double total = 0;
    for (size_t i = 0; i < k.leaves; i++) {
        size_t series = i + 1;
        for (int h = 0; h < STEPS && series != SYNTHETIC_ZERO; h++) {
            int units = synthetic_units((int)series, ORIGIN + 1 + h);
            double y = units > 0 ? units : 0;
            int back = synthetic_units((int)series, ORIGIN + 1 + h % 7 - 7);
            absolute += fabs(k.list[i].f.mean[h] - y);
            error += k.list[i].f.mean[h] - y;
            actual += y;
            naive += fabs((back > 0 ? back : 0) - y);
        }
    }
    const alm_metrics *final = &s.backtest.levels[0].methods[ALM_SCORE_FINAL];
    assert_int_equal(s.backtest.levels[0].nodes, 38); /* never sold: nobody could forecast it */
    assert_int_equal(final->pairs, 38 * STEPS);
    /* 1e-9: the sums run in another order */
    assert_true(fabs(alm_metrics_wape(final) - absolute / actual) < 1e-9);
    assert_true(fabs(alm_metrics_bias(final) - error / actual) < 1e-9);
    const alm_metrics *seasonal = &s.backtest.levels[0].methods[ALM_SCORE_BASELINES +
                                                                ALM_BASELINE_seasonal_naive];
    assert_true(fabs(alm_metrics_wape(seasonal) - naive / actual) < 1e-9);
    const alm_metrics *zero = &s.backtest.levels[0].methods[ALM_SCORE_BASELINES];
    assert_true(fabs(alm_metrics_wape(zero) - 1) < 1e-12);
    for (int h = 0; h < STEPS; h++) {
        total += fabs(k.list[k.leaves].f.mean[h] - s.record.node_actual[h]);
    }
    const alm_metrics *top = &s.backtest.levels[1].methods[ALM_SCORE_FINAL];
    assert_int_equal(s.backtest.levels[1].nodes, 1);
    assert_true(fabs(alm_metrics_wape(top) - total / actual) < 1e-9);
    alm_panel_source_close(s.past);
    training_close(&s.c);
}

/* Every series is scored once by level and once by class; closed days have no interval. */
static void levels_and_classes_agree(void **state)
{
    fixture *f = *state;
    scored s = {0};
    kept_forecasts k;
    score_origin(f, &s, &k);
    uint64_t pairs = 0;
    uint64_t intervals = 0;
    uint32_t nodes = 0;
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        pairs += s.backtest.classes[c].methods[ALM_SCORE_FINAL].pairs;
        intervals += s.backtest.classes[c].methods[ALM_SCORE_FINAL].interval_pairs;
        nodes += s.backtest.classes[c].nodes;
    }
    const alm_metrics *all = &s.backtest.levels[0].methods[ALM_SCORE_FINAL];
    assert_int_equal(pairs, all->pairs);
    assert_int_equal(intervals, all->interval_pairs);
    assert_int_equal(nodes, s.backtest.levels[0].nodes);
    assert_true(all->interval_pairs <= 38 * 12); /* two Sundays in two weeks */
    assert_true(all->interval_pairs > 37 * 10);
    const alm_distribution_scores *spread = &s.backtest.levels[0].spread;
    uint64_t middle = 0;
    for (int bin = 1; bin < ALM_PIT_BINS - 1; bin++) {
        middle += spread->pit[bin];
    }
    assert_int_equal(spread->pit_count, all->interval_pairs);
    assert_int_equal(middle, all->covered); /* bins of .05: the interval is all but the outer two */
    static const uint32_t NODES[] = {38, 1, 2, 4, 3};
    for (int level = 0; level < 5; level++) {
        assert_int_equal(s.backtest.levels[level].nodes, NODES[level]);
        for (int method = 0; method < ALM_SCORE_COUNT; method++) {
            bool none = level && method == ALM_SCORE_GBM;
            const alm_metrics *m = &s.backtest.levels[level].methods[method];
            assert_int_equal(m->pairs, none ? 0 : NODES[level] * STEPS);
        }
    }
    alm_forecast_sink sink = alm_backtest_sink(&s.backtest); /* the next origin counts anew */
    assert_non_null(sink.block);
    assert_int_equal(s.backtest.levels[0].nodes, 0);
    alm_panel_source_close(s.past);
    training_close(&s.c);
}

/* What the quantiles that were published of the series held, made again from them. */
static uint64_t held_by_quantiles(const scored *s, const kept_forecasts *k)
{
    uint64_t held = 0;
    const alm_method *m = &s->method;
    for (size_t i = 0; i < k->leaves; i++) {
        for (size_t h = 0; h < STEPS; h++) {
            double value[ALM_METHOD_QUANTILES_MAX];
            double y = s->record.actual[(i + 1) * STEPS + h];
            if (i + 1 == SYNTHETIC_ZERO || s->record.closed[h] || isnan(y)) {
                continue;
            }
            for (size_t q = 0; q < m->quantile_count; q++) {
                value[q] = k->list[i].f.quantile[q * STEPS + h];
            }
            alm_marginal published = {m->quantile, value, m->quantile_count};
            double v = alm_rng_uniform(m->seed, ALM_RNG_PIT, i, ORIGIN * STEPS + h);
            double pit = alm_marginal_pit(published, m->counts, y, v);
            held += pit >= .05 && pit <= .95;
        }
    }
    return held;
}

/* Share of the open days of series that sold nothing. */
static double covered_by_nothing(const scored *s)
{
    double zeros = 0;
    double all = 0;
    for (size_t i = 1; i < SYNTHETIC_SERIES; i++) { /* the first is launched later */
        for (size_t h = 0; h < STEPS; h++) {
            double y = s->record.actual[i * STEPS + h];
            bool counts = i != SYNTHETIC_ZERO && !s->record.closed[h] && !isnan(y);
            zeros += counts && y == 0;
            all += counts;
        }
    }
    return zeros / all;
}

/* Where nothing moves the series, what is published of them are their own marginals; else both are
 * told, and the marginals are what they were. */
static void intervals_are_told_before_and_after_adding_up(void **state)
{
    fixture *f = *state;
    scored still = {0};
    scored moved = {.moved = true};
    kept_forecasts k;
    score_origin(f, &still, &k);
    training_case first = still.c;
    score_origin(f, &moved, &k);
    const alm_scores *a = &still.backtest.levels[0];
    const alm_scores *b = &moved.backtest.levels[0];
    assert_int_equal(a->base.covered, a->methods[ALM_SCORE_FINAL].covered);
    assert_int_equal(a->base.interval_pairs, a->methods[ALM_SCORE_FINAL].interval_pairs);
    assert_int_equal(b->base.covered, a->base.covered);
    assert_int_equal(b->base.interval_pairs, a->base.interval_pairs);
    assert_int_equal(b->methods[ALM_SCORE_FINAL].covered, held_by_quantiles(&moved, &k));
    assert_int_not_equal(b->methods[ALM_SCORE_FINAL].covered, b->base.covered);
    for (size_t row = ALM_SCORE_BASELINES; row < ALM_SCORE_COUNT; row++) { /* quantiles as well */
        assert_int_equal(a->methods[row].interval_pairs, 38 * 12);
        assert_int_equal(a->methods[row].covered, b->methods[row].covered);
    }
    /* Nothing is held of what sold on a day, and of the rest nine of ten by chance. */
    double zeros = covered_by_nothing(&still);
    double share = alm_metrics_coverage(&a->methods[ALM_SCORE_BASELINES]);
    assert_true(fabs(share - .9 * zeros) < 4 * sqrt(.09 * zeros / (38 * 12)));
    for (int level = 1; level < 5; level++) { /* closed on two Sundays of two weeks */
        assert_int_equal(moved.backtest.levels[level].base.interval_pairs,
                         moved.backtest.levels[level].nodes * 12);
    }
    alm_panel_source_close(still.past);
    alm_panel_source_close(moved.past);
    training_close(&first);
    training_close(&moved.c);
}

/* ---- sold out ---- */

static const alm_forecaster_kind *const BESIDE[] = {&alm_theta_dynamic_optimised, &alm_drift};

static alm_str report_of(fixture *f, const scored *s)
{
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_json_open_object(&w);
    alm_backtest_write(&s->backtest, &s->method, &w);
    alm_json_close_object(&w);
    alm_str out = {alm_arena_copy_text(f->arena, text.data, text.size), text.size};
    alm_buffer_deinit(&text);
    return out;
}

enum { SOLD_OUT = 5, ABSURD = 1000000 }; /* a series that sells on most days */

static void sell_out(scored *s, size_t series, size_t period)
{
    alm_panel *block = &s->c.panel.blocks[series / 16];
    size_t at = series % 16 * block->periods + period;
    ((uint8_t *)block->state)[at] = ALM_PERIOD_STOCKOUT;
    ((double *)block->columns[0].values)[at] = ABSURD;
}

/* Sales of three periods and of the total's are lower bounds, so large that whoever takes one of
 * them for demand is far off. */
static void sell_out_some(fixture *f, scored *s)
{
    sell_out(s, SOLD_OUT, ORIGIN - 7); /* the seasonal naive forecast of step 7 but for the mark */
    sell_out(s, SOLD_OUT, ORIGIN - 1);
    sell_out(s, SOLD_OUT, ORIGIN + 2);
    double *imputed = ALM_NEW_ARRAY(f->arena, double, 16 * SYNTHETIC_DAYS);
    for (size_t at = 0; at < 16 * SYNTHETIC_DAYS; at++) {
        imputed[at] = 3;
    }
    s->c.panel.blocks[SOLD_OUT / 16].imputed = imputed;
    size_t cells = s->c.panel.aggregates->series_count * SYNTHETIC_DAYS;
    uint8_t *sold_out = ALM_NEW_ARRAY(f->arena, uint8_t, cells);
    alm_panel *sums = ALM_NEW(f->arena, alm_panel);
    *sums = *s->c.panel.aggregates;
    sums->sold_out = sold_out;
    s->c.panel.aggregates = sums;
    sold_out[ORIGIN + 4] = 1;
    sold_out[ORIGIN - 2] = 1;
    ((double *)sums->columns[0].values)[ORIGIN + 4] = ABSURD;
}

static void what_was_sold_out_is_not_scored(void **state)
{
    fixture *f = *state;
    scored plain = {.beside = BESIDE, .beside_count = 2};
    scored s = {.beside = BESIDE, .beside_count = 2, .sold_out = true};
    kept_forecasts k;
    score_origin(f, &plain, &k);
    training_case first = plain.c;
    score_origin(f, &s, &k);
    for (int level = 0; level < 2; level++) {
        const alm_scores *a = &plain.backtest.levels[level];
        const alm_scores *b = &s.backtest.levels[level];
        assert_int_equal(a->censored, 0);
        assert_int_equal(b->censored, 1);
        assert_int_equal(b->spread.pit_count, a->spread.pit_count - 1);
        for (size_t method = 0; method < s.backtest.methods; method++) {
            const alm_metrics *m = &b->methods[method];
            assert_int_equal(m->pairs, a->methods[method].pairs - (a->methods[method].pairs > 0));
            assert_int_equal(m->pinball_pairs, a->methods[method].pinball_pairs -
                                                   (a->methods[method].pinball_pairs > 0));
            /* One absurd value in a history, a scale or an outcome would be more than that: the
             * mean of a series moves by 1e4, what 38 series sell in a window is some 1e3. */
            assert_true(!(m->absolute > 2 * a->methods[method].absolute + 50));
            double ratio = alm_metrics_rmsse(m) / alm_metrics_rmsse(&a->methods[method]);
            assert_true(m->pairs == 0 || (ratio > .5 && ratio < 2));
        }
    }
    const alm_metrics *a = &plain.backtest.levels[0].methods[ALM_SCORE_FINAL];
    const alm_metrics *b = &s.backtest.levels[0].methods[ALM_SCORE_FINAL];
    assert_true(s.record.actual[SOLD_OUT * STEPS + 1] == 3); /* what choices see */
    assert_true(s.record.least[SOLD_OUT * STEPS + 1] == ABSURD);
    assert_true(isnan(s.record.least[SOLD_OUT * STEPS]));
    int units = synthetic_units(SOLD_OUT, ORIGIN + 2);
    double error = k.list[SOLD_OUT - 1].f.mean[1] - (units > 0 ? units : 0);
    assert_true(fabs(a->absolute - b->absolute - fabs(error)) < 1e-9); /* sums in another order */
    alm_str text = report_of(f, &s);
    assert_non_null(strstr(text.data, "\"pairs\":531,\"censored\":1,"));
    assert_non_null(strstr(text.data, "; without 1 of 532 days, which were sold out: on days of "
                                      "lower demand\""));
    text = report_of(f, &plain);
    assert_null(strstr(text.data, "sold out"));
    assert_null(strstr(text.data, "censored"));
    alm_panel_source_close(plain.past);
    alm_panel_source_close(s.past);
    training_close(&first);
    training_close(&s.c);
}

/* Every fourth series on every third day: sums of many are lower bounds then. */
static bool every_third_day(int series, int day)
{
    return series % 4 == 1 && day % 3 == 0;
}

#define LEVELS "{\"fast\":\"level\",\"slow\":\"level\"}"

/* A forecaster of counts has the same lower bounds among the sums in training and in a run. */
static void counted_sums_are_the_same_in_training_and_run(void **state)
{
    fixture *f = *state;
    training_case c;
    kept_forecasts k;
    alm_kind_candidates counted = {.given = true, .room = 1};
    counted.count[ALM_CLASS_aggregate] = 1;
    counted.kind[ALM_CLASS_aggregate][0] = &alm_count;
    training_sold_out(f, every_third_day);
    training_case_open(f, 0, 16, &c);
    alm_method method = synthetic_method(20);
    method.weight[ALM_CLASS_aggregate] = 0;
    alm_origin_record record = record_of(f, &c, &method);
    alm_kind_record_make(&f->env, &c.panel, &counted, (size_t)method.season, &record, f->arena);
    size_t cells = c.panel.hierarchy->node_count * STEPS;
    alm_bundle_parts parts = synthetic_parts(f, alm_panel_source_schema(c.source), &method);
    parts.kinds = ALM_STR("{\"aggregate\":\"count\",\"erratic\":" LEVELS ",\"intermittent\":" LEVELS
                          ",\"lumpy\":" LEVELS ",\"smooth\":" LEVELS "}");
    pipeline_case run = {.end = AFTER_ORIGIN, .no_stock = true};
    assert_int_equal(pipeline_case_run(f, &c.snapshot, &parts, &run, f->arena, &k), ALM_OK);
    for (size_t n = 0; n < c.panel.hierarchy->node_count; n++) {
        assert_string_equal(k.list[k.leaves + n].f.method, "sum+count");
        assert_true(same_doubles(k.list[k.leaves + n].f.base_mean, record.node_kinds + n * STEPS,
                                 STEPS));
    }
    alm_panel blind = *c.panel.aggregates; /* the bounds are worth something */
    blind.sold_out = NULL;
    c.panel.aggregates = &blind;
    alm_origin_record other = record;
    alm_kind_record_make(&f->env, &c.panel, &counted, (size_t)method.season, &other, f->arena);
    assert_false(same_doubles(record.node_kinds, other.node_kinds, cells));
    assert_true(other.node_kinds[0] < record.node_kinds[0]);
    training_close(&c);
}

/* ---- in detail ---- */

/* What stands beside is the forecaster of the history that the baselines see, never below 0; who
 * cannot be fitted is the seasonal naive, and is counted. */
static void forecasters_stand_beside(void **state)
{
    fixture *f = *state;
    scored s = {.beside = BESIDE, .beside_count = 2};
    kept_forecasts k;
    score_origin(f, &s, &k);
    double absolute = 0;
    double actual = 0;
    double refused = 0;
    for (int series = 1; series < SYNTHETIC_SERIES; series++) {
        double y[ORIGIN + 1];
        double ahead[STEPS];
        size_t count = 0;
        void *fitted = NULL;
        for (int t = 0; t <= ORIGIN; t++) {
            int units = synthetic_units(series, t);
            if (count > 0 || units > 0) {
                y[count++] = units > 0 ? units : 0;
            }
        }
        if (count == 0) {
            continue; /* nobody is asked about what never sold */
        }
        alm_past past = {y, count, 7};
        bool fits = alm_theta_dynamic_optimised.fit(&past, f->arena, &fitted, &f->error) == ALM_OK;
        refused += !fits;
        if (fits) {
            alm_theta_dynamic_optimised.mean(fitted, STEPS, ahead);
        }
        for (int h = 0; h < STEPS; h++) {
            int back = synthetic_units(series, ORIGIN + 1 + h % 7 - 7);
            int then = synthetic_units(series, ORIGIN + 1 + h);
            double mean = fits ? ahead[h] : back;
            absolute += fabs((mean > 0 ? mean : 0) - (then > 0 ? then : 0));
            actual += then > 0 ? then : 0;
        }
    }
    const alm_scores *all = &s.backtest.levels[0];
    assert_string_equal(alm_backtest_method(&s.backtest, ALM_SCORE_COUNT),
                        "theta_dynamic_optimised");
    /* 1e-9: the sums run in another order */
    assert_true(fabs(alm_metrics_wape(&all->methods[ALM_SCORE_COUNT]) - absolute / actual) < 1e-9);
    assert_true(all->refused[ALM_SCORE_COUNT] == refused);
    assert_int_equal(all->methods[ALM_SCORE_COUNT].pairs, 38 * STEPS);
    assert_int_equal(all->methods[ALM_SCORE_COUNT + 1].pinball_pairs, 38 * STEPS);
    /* the first period of each cannot be reached by an order */
    assert_int_equal(all->stock[ALM_SCORE_FINAL].periods, 38 * (STEPS - 1));
    assert_int_equal(all->stock[ALM_SCORE_COUNT].periods, 38 * (STEPS - 1));
    assert_int_equal(all->stock[ALM_SCORE_BASELINES].periods, 0);
    double fill = alm_stock_score_fill_rate(&all->stock[ALM_SCORE_FINAL]);
    double theta = alm_stock_score_fill_rate(&all->stock[ALM_SCORE_COUNT]);
    assert_true(fill == 1); /* the made-up bundle forecasts too much, and pays for it */
    assert_true(theta > .8 && theta < 1);
    assert_true(alm_stock_score_cost(&all->stock[ALM_SCORE_FINAL]) >
                alm_stock_score_cost(&all->stock[ALM_SCORE_COUNT]));
    alm_panel_source_close(s.past);
    training_close(&s.c);
}

static double step_wape(const alm_backtest *b, size_t method)
{
    double absolute = 0;
    double actual = 0;
    for (size_t h = 0; h < b->steps; h++) {
        const alm_metrics *m = &b->levels[0].step[method * b->steps + h].metrics;
        absolute += m->absolute;
        actual += m->actual;
    }
    return absolute / actual;
}

/* Steps add up to the whole; verdicts name the level, the best of the others and how sure that is;
 * all of it the same for any number of threads. */
static void detail_is_the_same_for_any_threads(void **state)
{
    fixture *f = *state;
    alm_str first = {0};
    for (int threads = 1; threads <= 3; threads++) {
        scored s = {.beside = BESIDE, .beside_count = 2};
        kept_forecasts k;
        synthetic_threads(f, threads);
        score_origin(f, &s, &k);
        alm_str report = report_of(f, &s);
        for (size_t method = 0; method < s.backtest.methods; method++) {
            double whole = alm_metrics_wape(&s.backtest.levels[0].methods[method]);
            assert_true(fabs(step_wape(&s.backtest, method) - whole) < 1e-12);
        }
        first = threads == 1 ? report : first;
        assert_true(alm_str_equal(report, first));
        alm_panel_source_close(s.past);
        training_close(&s.c);
    }
    assert_non_null(strstr(first.data, "\"method\":\"drift\""));
    assert_non_null(strstr(first.data, "\"steps\":[{\"step\":1,"));
    assert_non_null(strstr(first.data, "\"verdicts\":[{\"level\":\"series\",\"against\":"));
    assert_non_null(strstr(first.data, "one pair says nothing")); /* of the total */
    /* The total has one node, so there are no ranks of it. */
    assert_non_null(strstr(first.data, "\"ranks\":[{\"level\":\"series\",\"rows\":"));
    assert_non_null(strstr(first.data, "},{\"level\":\"region\",\"rows\":2,"));
    assert_non_null(strstr(first.data, " has the best mean rank ("));
}

static uint64_t step_pairs(const alm_scores *scores, size_t method, size_t step)
{
    return scores->step[method * STEPS + step].metrics.pairs;
}

/* The error of a step, made again from the record: the root of the mean over series of squared
 * errors over their scales. Every series is in one class, with every step. */
static void steps_are_of_levels_and_classes(void **state)
{
    fixture *f = *state;
    scored s = {.beside = BESIDE, .beside_count = 2};
    kept_forecasts k;
    score_origin(f, &s, &k);
    const alm_scores *all = &s.backtest.levels[0];
    for (size_t h = 0; h < STEPS; h++) {
        double squared = 0;
        size_t scaled = 0;
        for (size_t i = 0; i < s.record.series_count; i++) {
            double error = s.record.statistical[i * STEPS + h] - s.record.actual[i * STEPS + h];
            bool counts = s.record.scale_squared[i] > 0 && !isnan(error);
            squared += counts ? error * error / s.record.scale_squared[i] : 0;
            scaled += counts;
        }
        const alm_step_scores *step = &all->step[ALM_SCORE_STATISTICAL * STEPS + h];
        assert_int_equal(step->scaled, scaled);
        assert_true(fabs(step->squared - squared) <= 1e-12 * squared); /* another order */
        for (size_t method = 0; method < s.backtest.methods; method++) {
            uint64_t pairs = 0;
            for (int c = 0; c < ALM_CLASS_COUNT; c++) {
                pairs += step_pairs(&s.backtest.classes[c], method, h);
            }
            assert_int_equal(pairs, step_pairs(all, method, h));
        }
        assert_int_equal(step_pairs(all, ALM_SCORE_FINAL, h), 38);
        bool closed = s.record.closed[h]; /* a day without demand by decree has no interval */
        assert_int_equal(all->step[h].metrics.interval_pairs > 0, !closed);
    }
    alm_panel_source_close(s.past);
    training_close(&s.c);
}

/* What was kept and restored reports the same; what was made otherwise is not touched. */
static void scores_are_kept_and_restored(void **state)
{
    fixture *f = *state;
    scored s = {.beside = BESIDE, .beside_count = 2};
    kept_forecasts k;
    alm_buffer content = {0};
    score_origin(f, &s, &k);
    alm_str report = report_of(f, &s);
    alm_backtest_keep(&s.backtest, &content);
    alm_backtest whole = s.backtest;
    alm_backtest_init(&s.backtest, &s.c.panel, &s.method, f->arena);
    assert_false(alm_backtest_restore(&s.backtest, alm_buffer_view(&content))); /* no detail */
    assert_int_equal(s.backtest.levels[0].methods[0].pairs, 0);
    alm_backtest_detail(&s.backtest, s.beside, s.beside_count, f->env.pool, f->arena);
    alm_str empty = report_of(f, &s);
    assert_false(alm_str_equal(empty, report));
    assert_true(alm_backtest_restore(&s.backtest, alm_buffer_view(&content)));
    assert_true(alm_str_equal(report_of(f, &s), report));
    assert_int_equal(s.backtest.levels[0].nodes, whole.levels[0].nodes);
    alm_buffer_deinit(&content);
    alm_panel_source_close(s.past);
    training_close(&s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_do_not_look_ahead, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(records_are_the_same_for_any_threads, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(scores_are_of_what_was_published, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(levels_and_classes_agree, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(intervals_are_told_before_and_after_adding_up,
                                        synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(counted_sums_are_the_same_in_training_and_run,
                                        synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_sold_out_is_not_scored, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(forecasters_stand_beside, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(detail_is_the_same_for_any_threads, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(steps_are_of_levels_and_classes, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(scores_are_kept_and_restored, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
