#include "pipeline/base_forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "num/quantile.h"
#include "pipeline/pipeline_cases.h"
#include "pipeline/pipeline_fixture.h"

enum { SERIES = 40, ORIGIN = CASE_PERIODS - 1, STEPS = SYNTHETIC_HORIZON };

/* Forty series on the grid of pipeline_cases.h: series 0 is the case itself, 1 never sold, 2 sold
 * for the first time eight days ago, the others are random. */
typedef struct based {
    alm_arena *arena;
    panel_case c;
    double values[SERIES * CASE_PERIODS];
    uint8_t state[SERIES * CASE_PERIODS];
    alm_feature_schema schema;
    alm_method method;
    const alm_horizon_block *blocks;
    bool recursive;
    bool quantiles; /* the bundle has quantile forests: random ones, that cross and fall below 0 */
    alm_bundle *bundle;
    alm_base_workspace workspace;
    alm_forest_scratch *scratches[ALM_BLOCKS_MAX];
    alm_error error;
} based;

static const alm_horizon_block WHOLE[] = {{1, STEPS}};
static const alm_horizon_block THREE[] = {{1, 2}, {3, 9}, {10, STEPS}};

static void fill_panel(based *b)
{
    make_panel_case(&b->c);
    alm_rng rng = alm_rng_stream(8, 8);
    for (int i = 0; i < SERIES; i++) {
        for (int t = 0; t < CASE_PERIODS; t++) {
            double y = (double)alm_rng_next_below(&rng, 6);
            bool off = b->c.closed[t] || i == 1 || (i == 2 && t < CASE_PERIODS - 8);
            y = i == 0 ? b->c.values[t] : off ? 0 : y;
            b->values[i * CASE_PERIODS + t] = y;
            b->state[i * CASE_PERIODS + t] = b->c.state[t];
        }
    }
    b->values[2 * CASE_PERIODS + CASE_PERIODS - 3] = 4;
    b->c.column.values = b->values;
    b->c.panel.series_count = SERIES;
    b->c.panel.state = b->state;
    b->c.panel.columns = &b->c.column;
}

static void free_scratches(based *b)
{
    for (size_t k = 0; k < ALM_BLOCKS_MAX; k++) {
        alm_forest_scratch_destroy(b->scratches[k]);
        b->scratches[k] = NULL;
    }
}

static void make_bundle(based *b, bool with_forest)
{
    static const alm_feature_spec SPECS[] = {
        {.name = "mean_7", .op = ALM_FEATURE_mean, .column = "units", .window = 7, .scaled = true},
        {.name = "zeros", .op = ALM_FEATURE_zero_share, .column = "units", .window = 20},
        {.name = "step", .op = ALM_FEATURE_step},
        {.name = "weekday", .op = ALM_FEATURE_weekday}};
    alm_feature_plan *plan = NULL;
    alm_err code = b->recursive ? alm_feature_plan_compile_recursive(SPECS, 4, STEPS, &b->schema,
                                                                     &plan, &b->error)
                                : alm_feature_plan_compile(SPECS, 4, b->blocks,
                                                           b->method.block_count, &b->schema,
                                                           &plan, &b->error);
    alm_assert(code == ALM_OK);
    alm_buffer plan_text = {0};
    alm_buffer method_text = {0};
    alm_feature_plan_write(plan, &plan_text);
    alm_feature_plan_destroy(plan);
    alm_method_write(&b->method, &method_text);
    forest_shape shape = {.trees = b->recursive ? 80 : 5, .outputs = 1, .features = 4,
                          .leaves = 6, .grid = b->recursive ? 16 : 4};
    alm_bundle_parts parts = {.plan = fixture_keep(b->arena, &plan_text),
                              .encoders = ALM_STR("[]"),
                              .method = fixture_keep(b->arena, &method_text),
                              .report = ALM_STR("{}")};
    for (size_t k = 0; with_forest && k < b->method.block_count; k++) {
        parts.mean_model[k] = case_text(b->arena, &shape, 9 + k);
        for (size_t level = 0; b->quantiles && level < b->method.quantile_count; level++) {
            parts.quantile_model[level][k] = case_text(b->arena, &shape, 100 + 10 * k + level);
        }
    }
    alm_bundle_destroy(b->bundle);
    b->bundle = NULL;
    alm_assert(alm_bundle_of_parts(&parts, &b->schema, &b->bundle, &b->error) == ALM_OK);
    free_scratches(b);
    b->workspace.forest = b->scratches;
    for (size_t k = 0; k < b->bundle->model_count; k++) {
        alm_assert(alm_forest_scratch_create(b->bundle->models[k].explainer, &b->scratches[k],
                                             NULL) == ALM_OK);
    }
}

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    based *b = ALM_NEW(arena, based);
    b->arena = arena;
    fill_panel(b);
    b->schema = (alm_feature_schema){.columns = &b->c.column, .column_count = 1};
    b->method = synthetic_method(20);
    b->blocks = WHOLE;
    b->workspace = (alm_base_workspace){alm_arena_create(0), alm_arena_create(0),
                                        alm_arena_create(0), NULL};
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    based *b = *state;
    alm_bundle_destroy(b->bundle);
    free_scratches(b);
    alm_arena_destroy(b->workspace.results);
    alm_arena_destroy(b->workspace.batch);
    alm_arena_destroy(b->workspace.series);
    alm_arena_destroy(b->arena);
    return 0;
}

static alm_base_request request_of(const based *b)
{
    return (alm_base_request){.bundle = b->bundle,
                              .panel = &b->c.panel,
                              .profile = {{1, 1, 1, 1, 1, 1, 1}},
                              .origin = ORIGIN,
                              .explain = true};
}

static void forecast(based *b, const alm_base_request *request, size_t first, size_t count,
                     alm_base *out)
{
    alm_err code = alm_base_forecast(request, first, count, &b->workspace, out, &b->error);
    assert_int_equal(code, ALM_OK);
}

static alm_history history_of(based *b, size_t series)
{
    alm_history_view view = {&b->c.panel, series, ORIGIN, 0, {{1, 1, 1, 1, 1, 1, 1}}};
    alm_history history;
    alm_history_of(&view, b->arena, &history);
    return history;
}

/* The calibration factor of the identity is 1 but for the rounding of an integral. */
static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * (1 + b);
}

static void without_a_forest_it_is_the_level(void **state)
{
    based *b = *state;
    make_bundle(b, false);
    alm_base bases[SERIES];
    alm_base_request request = request_of(b);
    forecast(b, &request, 0, SERIES, bases);
    for (size_t i = 0; i < SERIES; i++) {
        alm_history history = history_of(b, i);
        const alm_base *base = &bases[i];
        assert_true(base->weight == 0);
        assert_int_equal(base->fallback, i == 1 ? ALM_FALLBACK_NO_DEMAND
                                         : i == 2 ? ALM_FALLBACK_COLD_START
                                                  : ALM_FALLBACK_NO_FOREST);
        for (size_t h = 0; h < STEPS; h++) {
            /* the origin is a Saturday: steps 1, 8 are Sundays, which are closed */
            double want = b->c.closed[CASE_PERIODS + h] ? 0 : history.level;
            assert_true(is_near(base->mean[h], want));
            assert_true(base->statistical[h] == want && base->expected[h] == 0);
            assert_int_equal(base->top[h * ALM_CONTRIBUTIONS_MAX].feature, UINT16_MAX);
        }
    }
    assert_true((bases[0].mean[0] > 0) != (b->c.closed[CASE_PERIODS] != 0));
}

/* mean = w * scale * max(0, raw + base_score) + (1 - w) * level, with the raw score computed here
 * from the features; contributions sum to it. */
static void with_a_forest_it_is_the_blend(void **state)
{
    based *b = *state;
    b->method.weight[ALM_CLASS_smooth] = .25;
    b->method.weight[ALM_CLASS_lumpy] = 1;
    b->method.base_score[0] = .75;
    make_bundle(b, true);
    alm_base bases[SERIES];
    alm_base_request request = request_of(b);
    forecast(b, &request, 0, SERIES, bases);
    size_t moved = 0;
    for (size_t i = 0; i < SERIES; i++) {
        alm_history history = history_of(b, i);
        const alm_base *base = &bases[i];
        double weight = i == 1 || i == 2 ? 0 : b->method.weight[history.class_of_series];
        assert_true(base->weight == weight);
        for (size_t h = 0; h < STEPS; h++) {
            alm_feature_row row = {ORIGIN, (uint32_t)h + 1, history.scale};
            double features[4];
            double raw;
            if (weight > 0) {
                assert_int_equal(alm_feature_rows(b->bundle->plan, &b->c.panel, i, &row, 1,
                                                  features, 4, b->arena, &b->error), ALM_OK);
                alm_forest_score_reference(b->bundle->models[0].forest, features, 1, 4, &raw);
            }
            bool closed = b->c.closed[CASE_PERIODS + h];
            double forest = weight > 0 && raw + .75 > 0 ? history.scale * (raw + .75) : 0;
            double statistical = history.level * (1 - weight);
            double want = closed ? 0 : statistical + weight * forest;
            assert_true(is_near(base->mean[h], want));
            moved += !closed && forest > 0;
            double sum = base->statistical[h] + base->expected[h];
            for (size_t k = 0; k < ALM_CONTRIBUTIONS_MAX; k++) {
                sum += base->top[h * ALM_CONTRIBUTIONS_MAX + k].value; /* 4 of 4 */
            }
            assert_true(fabs(sum - want) < 1e-9 * (1 + want) || (want == 0 && closed));
        }
    }
    assert_true(moved > 100);
}

/* Rows of a batch do not touch each other: any cut gives the same bits. */
static void expect_batches_do_not_matter(based *b)
{
    make_bundle(b, true);
    alm_base whole[SERIES];
    alm_base_request request = request_of(b);
    forecast(b, &request, 0, SERIES, whole);
    static const size_t CUTS[] = {1, 3, 7};
    for (size_t c = 0; c < 3; c++) {
        for (size_t first = 0; first < SERIES; first += CUTS[c]) {
            alm_base part[8];
            size_t count = SERIES - first < CUTS[c] ? SERIES - first : CUTS[c];
            forecast(b, &request, first, count, part);
            for (size_t i = 0; i < count; i++) {
                assert_memory_equal(part[i].mean, whole[first + i].mean, STEPS * sizeof(double));
                assert_memory_equal(part[i].expected, whole[first + i].expected,
                                    STEPS * sizeof(double));
                assert_memory_equal(part[i].history.shape, whole[first + i].history.shape,
                                    sizeof part[i].history.shape);
                for (size_t k = 0; k < STEPS * ALM_CONTRIBUTIONS_MAX; k++) {
                    assert_true(part[i].top[k].value == whole[first + i].top[k].value);
                    assert_int_equal(part[i].top[k].feature, whole[first + i].top[k].feature);
                }
            }
        }
    }
}

static void batches_do_not_matter(void **state)
{
    based *b = *state;
    expect_batches_do_not_matter(b);
    b->quantiles = true;
    expect_batches_do_not_matter(b);
}

static void forest_means_are_the_forest_alone(void **state)
{
    based *b = *state;
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        b->method.weight[c] = 1;
    }
    make_bundle(b, true);
    alm_base bases[SERIES];
    alm_base_request request = request_of(b);
    forecast(b, &request, 0, SERIES, bases);
    alm_history histories[SERIES];
    for (size_t i = 0; i < SERIES; i++) {
        histories[i] = history_of(b, i);
    }
    double *means = ALM_NEW_ARRAY(b->arena, double, SERIES * STEPS);
    assert_int_equal(alm_base_forest_part(&request, 0, SERIES, histories, &b->workspace,
                                          &(alm_forest_part){.mean = means}, &b->error), ALM_OK);
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t h = 0; h < STEPS; h++) {
            if (i != 2) { /* the forest sees the young series too, the forecast does not use it */
                assert_true(is_near(means[i * STEPS + h], bases[i].mean[h]));
            }
        }
    }
    double young = 0;
    for (size_t h = 0; h < STEPS; h++) {
        young += means[2 * STEPS + h];
    }
    assert_true(young > 0);
}

/* The means of all series by the forest alone; only series with demand have any. */
static double *forest_means(based *b, const alm_base_request *request)
{
    alm_history histories[SERIES];
    double *means = ALM_NEW_ARRAY(b->arena, double, SERIES * STEPS);
    for (size_t i = 0; i < SERIES; i++) {
        histories[i] = history_of(b, i);
    }
    alm_err code = alm_base_forest_part(request, 0, SERIES, histories, &b->workspace,
                                        &(alm_forest_part){.mean = means}, &b->error);
    if (code != ALM_OK) {
        fail_msg("%s", b->error.message);
    }
    return means;
}

/* Every step is forecast by its block's forest and base score, and explained by them. */
static void each_block_has_a_forest_of_its_own(void **state)
{
    based *b = *state;
    b->blocks = THREE;
    b->method.block_count = 3;
    for (int k = 0; k < 3; k++) {
        b->method.base_score[k] = .5 + k;
    }
    make_bundle(b, true);
    alm_base_request request = request_of(b);
    double *means = forest_means(b, &request);
    alm_base bases[SERIES];
    forecast(b, &request, 0, SERIES, bases);
    for (size_t i = 3; i < SERIES; i++) {
        alm_history history = history_of(b, i);
        for (size_t h = 0; h < STEPS; h++) {
            size_t block = h < 2 ? 0 : h < 9 ? 1 : 2;
            alm_feature_row row = {ORIGIN, (uint32_t)h + 1, history.scale};
            double features[4];
            double raw;
            assert_int_equal(alm_feature_rows(b->bundle->plan, &b->c.panel, i, &row, 1, features,
                                              4, b->arena, &b->error), ALM_OK);
            alm_forest_score_reference(b->bundle->models[block].forest, features, 1, 4, &raw);
            double score = raw + b->method.base_score[block];
            bool closed = b->c.closed[CASE_PERIODS + h];
            assert_true(means[i * STEPS + h] ==
                        (closed || score < 0 ? 0 : history.scale * score));
            double sum = bases[i].statistical[h] + bases[i].expected[h];
            for (size_t k = 0; k < ALM_CONTRIBUTIONS_MAX; k++) {
                sum += bases[i].top[h * ALM_CONTRIBUTIONS_MAX + k].value; /* 4 of 4 */
            }
            assert_true(fabs(sum - bases[i].mean[h]) < 1e-9 * (1 + sum));
        }
    }
}

/* The plain way: a panel that grows by its own forecasts, one period at a time, and the batch
 * features of its end. */
static void recursive_reference(based *b, size_t series, size_t delay, double *out)
{
    double values[CASE_PERIODS + STEPS] = {0};
    uint8_t states[CASE_PERIODS + STEPS] = {0};
    alm_panel_column column = {"units", ALM_ROLE_OBSERVED, values, CASE_PERIODS + STEPS, NULL};
    size_t known = CASE_PERIODS - delay;
    memcpy(values, b->values + series * CASE_PERIODS, known * sizeof *values);
    memcpy(states, b->state + series * CASE_PERIODS, known);
    double scale = history_of(b, series).scale;
    for (size_t period = known; period < CASE_PERIODS + STEPS; period++) {
        alm_panel panel = {.start = b->c.panel.start, .periods = period, .series_count = 1,
                           .state = states, .column_count = 1, .columns = &column};
        alm_feature_row row = {(uint32_t)period - 1, 1, scale};
        double features[4];
        double raw;
        assert_int_equal(alm_feature_rows(b->bundle->plan, &panel, 0, &row, 1, features, 4,
                                          b->arena, &b->error), ALM_OK);
        alm_forest_score_reference(b->bundle->models[0].forest, features, 1, 4, &raw);
        double score = raw + b->method.base_score[0];
        bool closed = b->c.closed[period];
        values[period] = closed || score < 0 ? 0 : scale * score;
        states[period] = closed ? ALM_PERIOD_CLOSED : ALM_PERIOD_OBSERVED;
        if (period >= CASE_PERIODS) {
            out[period - CASE_PERIODS] = values[period];
        }
    }
}

/* With a delay the recursion starts behind the newest published period: what the panel holds of
 * the others must not matter. */
static void a_recursive_forecast_is_fed_back(void **state)
{
    based *b = *state;
    b->recursive = true;
    b->method.base_score[0] = 2;
    make_bundle(b, true);
    size_t moved = 0;
    for (size_t delay = 0; delay < 4; delay++) {
        for (size_t i = 0; i < SERIES; i++) {
            for (size_t t = CASE_PERIODS - delay; t < CASE_PERIODS; t++) {
                b->values[i * CASE_PERIODS + t] = 11;
            }
        }
        alm_base_request request = request_of(b);
        request.delay = delay;
        double *means = forest_means(b, &request);
        for (size_t i = 3; i < SERIES; i++) {
            double want[STEPS];
            recursive_reference(b, i, delay, want);
            assert_memory_equal(means + i * STEPS, want, sizeof want);
            moved += want[2] != want[9]; /* one weekday: only the fed back demand differs */
        }
    }
    assert_true(moved > 50);
}

/* No state is left behind when an allocation fails on the way. */
static void a_recursion_without_memory_leaves_nothing(void **state)
{
    based *b = *state;
    b->recursive = true;
    make_bundle(b, true);
    alm_base_request request = request_of(b);
    alm_history histories[2] = {history_of(b, 3), history_of(b, 4)};
    double means[2 * STEPS];
    size_t held = alm_heap_held_bytes();
    alm_err code = ALM_ERR_MEMORY;
    for (uint64_t nth = 1; code != ALM_OK; nth++) {
        (void)alm_heap_fail_at(nth);
        code = alm_base_forest_part(&request, 3, 2, histories, &b->workspace,
                                    &(alm_forest_part){.mean = means}, &b->error);
        (void)alm_heap_fail_at(0);
        assert_true(code == ALM_OK ? nth > 2 : code == ALM_ERR_MEMORY);
        alm_arena_reset(b->workspace.batch);
        alm_arena_reset(b->workspace.series);
        held = nth == 1 ? alm_heap_held_bytes() : held;
        assert_int_equal(alm_heap_held_bytes(), held);
    }
}

/* Shape of a series by the definition in forest_marginal.h, from single scores. */
typedef struct expected_shape {
    double shape[ALM_SHAPE_LEVELS];
    double mean;     /* per open step */
    size_t crossed;  /* steps whose quantiles fell somewhere */
    size_t negative; /* quantiles below zero */
} expected_shape;

static double mean_of(const double *shape)
{
    return alm_marginal_mean((alm_marginal){alm_shape_levels(), shape, ALM_SHAPE_LEVELS});
}

/* Sums over the open steps: out[k] of level k, rearranged, and the mean's behind the last. */
static size_t sum_scores(based *b, size_t series, double scale, expected_shape *e, double *out)
{
    size_t open = 0;
    size_t levels = b->method.quantile_count;
    for (size_t h = 0; h < STEPS; h++) {
        if (b->c.closed[CASE_PERIODS + h]) {
            continue;
        }
        size_t block = b->method.block_count == 1 ? 0 : h < 2 ? 0 : h < 9 ? 1 : 2;
        alm_feature_row row = {ORIGIN, (uint32_t)h + 1, scale};
        double features[4];
        double raw[ALM_METHOD_QUANTILES_MAX + 1];
        assert_int_equal(alm_feature_rows(b->bundle->plan, &b->c.panel, series, &row, 1, features,
                                          4, b->arena, &b->error), ALM_OK);
        bool crossed = false;
        for (size_t k = 0; k < levels; k++) {
            alm_forest_score_reference(b->bundle->quantile[k][block], features, 1, 4, &raw[k]);
            crossed = crossed || (k > 0 && raw[k] < raw[k - 1]);
            e->negative += raw[k] < 0;
        }
        e->crossed += crossed;
        for (size_t k = 0; k < levels; k++) { /* the k-th smallest: as many are below it */
            for (size_t other = 0; other < levels; other++) {
                size_t below = 0;
                for (size_t i = 0; i < levels; i++) {
                    below += raw[i] < raw[other] || (raw[i] == raw[other] && i < other);
                }
                out[k] += below == k && raw[other] > 0 ? scale * raw[other] : 0;
            }
        }
        alm_forest_score_reference(b->bundle->models[block].forest, features, 1, 4, &raw[levels]);
        double mean = raw[levels] + b->method.base_score[block];
        out[levels] += mean > 0 ? scale * mean : 0;
        open++;
    }
    return open;
}

static expected_shape expect_shape(based *b, size_t series)
{
    expected_shape e = {0};
    alm_history history = history_of(b, series);
    const double *u = alm_shape_levels();
    const double *p = b->method.quantile;
    size_t last = b->method.quantile_count - 1;
    double sum[ALM_METHOD_QUANTILES_MAX + 1] = {0};
    size_t open = sum_scores(b, series, history.scale, &e, sum);
    double tail[ALM_SHAPE_LEVELS];
    double trust = history.shape_weight / (history.shape_weight + 20);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) { /* every bin's shape is 2 u */
        tail[k] = trust * history.shape[k] + (1 - trust) * 2 * u[k];
    }
    double tail_mean = mean_of(tail);
    alm_marginal s = {u, tail, ALM_SHAPE_LEVELS};
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        size_t above = 0;
        while (above <= last && p[above] <= u[k]) {
            above++;
        }
        if (above == 0) {
            e.shape[k] = sum[0] * tail[k] / alm_marginal_quantile(s, p[0]);
        } else if (above > last) {
            double rise = (tail[k] - alm_marginal_quantile(s, p[last])) / tail_mean;
            e.shape[k] = sum[last] + sum[last + 1] * rise;
        } else {
            double share = (u[k] - p[above - 1]) / (p[above] - p[above - 1]);
            e.shape[k] = (1 - share) * sum[above - 1] + share * sum[above];
        }
    }
    double mean = mean_of(e.shape);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        e.shape[k] /= mean;
    }
    e.mean = mean / (double)open;
    return e;
}

/* Of every series that a forest may serve, whatever the weight of its mean; the others keep the
 * shape that they had, and the point of all stays. */
static void quantile_forests_give_the_shape(void **state)
{
    based *b = *state;
    size_t unweighted = 0;
    size_t crossed = 0;
    size_t negative = 0;
    for (int blocks = 1; blocks <= 3; blocks += 2) {
        b->blocks = blocks == 1 ? WHOLE : THREE;
        b->method.block_count = (size_t)blocks;
        b->method.weight[ALM_CLASS_smooth] = blocks == 1 ? .25 : 0; /* nearly all are smooth */
        b->quantiles = false;
        make_bundle(b, true);
        alm_base plain[SERIES];
        alm_base bases[SERIES];
        alm_base_request request = request_of(b);
        forecast(b, &request, 0, SERIES, plain);
        b->quantiles = true;
        make_bundle(b, true);
        request = request_of(b);
        forecast(b, &request, 0, SERIES, bases);
        for (size_t i = 0; i < SERIES; i++) {
            const alm_base *base = &bases[i];
            assert_memory_equal(base->statistical, plain[i].statistical, STEPS * sizeof(double));
            for (size_t h = 0; h < STEPS; h++) {
                assert_true(is_near(base->mean[h] / base->calibration,
                                    plain[i].mean[h] / plain[i].calibration));
            }
            if (i == 1 || i == 2) { /* never sold, and young */
                assert_memory_equal(&base->history, &plain[i].history, sizeof base->history);
                continue;
            }
            expected_shape want = expect_shape(b, i);
            alm_marginal shape = {alm_shape_levels(), base->history.shape, ALM_SHAPE_LEVELS};
            for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
                assert_true(fabs(base->history.shape[k] - want.shape[k]) < 1e-9);
            }
            assert_true(is_near(base->history.shape_mean, want.mean));
            assert_true(is_near(base->history.shape_variance, alm_marginal_variance(shape)));
            assert_true(base->history.shape_weight == plain[i].history.shape_weight);
            unweighted += base->weight == 0;
            crossed += want.crossed;
            negative += want.negative;
        }
    }
    assert_true(unweighted > 30 && unweighted <= SERIES - 2);
    assert_true(crossed > 500 && negative > 500); /* of 38 x 12 x 2 steps with 5 levels each */
}

/* What calibration learns from is what a forecast uses, to the bit. */
static void records_have_the_shapes_of_forecasts(void **state)
{
    based *b = *state;
    b->quantiles = true;
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double u = alm_shape_levels()[k];
        b->method.remap[0][k] = u * (1.5 - .5 * u);
    }
    make_bundle(b, true);
    alm_base bases[SERIES];
    alm_base_request request = request_of(b);
    forecast(b, &request, 0, SERIES, bases);
    alm_history histories[SERIES];
    alm_forest_marginal marginals[SERIES];
    for (size_t i = 0; i < SERIES; i++) {
        histories[i] = history_of(b, i);
    }
    double *means = ALM_NEW_ARRAY(b->arena, double, SERIES * STEPS);
    alm_forest_part part = {means, marginals};
    assert_int_equal(alm_base_forest_part(&request, 0, SERIES, histories, &b->workspace, &part,
                                          &b->error), ALM_OK);
    for (size_t i = 0; i < SERIES; i++) {
        assert_int_equal(marginals[i].steps, i == 1 || i == 2 ? 0 : STEPS - 2); /* two Sundays */
        alm_shape_calibrate_forest(&b->method, &marginals[i], &histories[i]);
        double mean = mean_of(histories[i].shape);
        assert_true(i == 1 || mean == bases[i].calibration);
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            assert_true(histories[i].shape[k] / mean == bases[i].history.shape[k]);
        }
        assert_true(histories[i].shape_variance == bases[i].history.shape_variance);
    }
}

/* A forest of one leaf that no double can hold. */
static void quantiles_that_are_not_finite_are_refused(void **state)
{
    based *b = *state;
    b->quantiles = true;
    make_bundle(b, true);
    static const char LEAF[] = "num_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\n"
                               "decision_type=\nleft_child=\nright_child=\nleaf_value=1e308\n"
                               "is_linear=0\nshrinkage=1\n\n\n";
    const char *text = alm_arena_printf(
        b->arena, "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        "max_feature_idx=3\nobjective=custom\nfeature_names=a b c d\nfeature_infos=none\n\n"
        "Tree=0\n%sTree=1\n%send of trees\n", LEAF, LEAF);
    alm_bundle_parts parts = b->bundle->parts;
    parts.quantile_model[2][0] = alm_str_of(text);
    alm_bundle *bundle = NULL;
    if (alm_bundle_of_parts(&parts, &b->schema, &bundle, &b->error) != ALM_OK) {
        fail_msg("%s", b->error.message);
    }
    alm_bundle_destroy(b->bundle);
    b->bundle = bundle;
    alm_base_request request = request_of(b);
    request.explain = false;
    alm_base bases[SERIES];
    b->c.panel.first_series = 500;
    assert_int_equal(alm_base_forecast(&request, 3, 2, &b->workspace, bases, &b->error),
                     ALM_ERR_NUMERIC);
    /* the first step is a Sunday, which is closed */
    assert_string_equal(b->error.message, "series 503: the forest's quantile 0.5 for step 2 is not "
                        "finite");
}

static void an_aggregate_has_no_forest(void **state)
{
    based *b = *state;
    b->quantiles = true;
    make_bundle(b, true);
    alm_base_request request = request_of(b);
    request.aggregate = true;
    alm_base bases[3];
    forecast(b, &request, 0, 3, bases);
    assert_int_equal(bases[0].history.class_of_series, ALM_CLASS_aggregate);
    assert_int_equal(bases[0].fallback, ALM_FALLBACK_NONE);
    assert_true(bases[0].weight == 0 && bases[2].weight == 0);
    assert_int_equal(bases[1].fallback, ALM_FALLBACK_NO_DEMAND);
    assert_int_equal(bases[2].fallback, ALM_FALLBACK_NONE);
    alm_history history = history_of(b, 0);
    assert_true(bases[0].history.shape_variance == history.shape_variance);
}

static void what_is_not_finite_is_refused(void **state)
{
    based *b = *state;
    b->method.log_link = true;
    b->method.base_score[0] = 1000;
    make_bundle(b, true);
    alm_base_request request = request_of(b);
    alm_base bases[SERIES];
    b->c.panel.first_series = 500;
    assert_int_equal(alm_base_forecast(&request, 3, 2, &b->workspace, bases, &b->error),
                     ALM_ERR_NUMERIC);
    assert_string_equal(b->error.message, "series 503: the forest's forecast for step 1 is not "
                        "finite");
}

static void thin_shapes_lean_on_their_bin(void **state)
{
    based *b = *state;
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        b->method.bin_shape[0][k] = 8 * k;
        b->method.bin_shape[1][k] = k;
    }
    b->method.bin_edge[0] = .3;
    b->method.bin_edge[1] = 1;
    alm_history history = {.nonzero_share = .5, .shape_weight = 60}; /* 60 / (60 + 20) = 3 / 4 */
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        history.shape[k] = 4 * k;
    }
    alm_history leaf = history;
    alm_shape_calibrate(&b->method, false, &leaf);
    double straight[ALM_SHAPE_LEVELS];
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        straight[k] = k;
    }
    alm_marginal marginal = {alm_shape_levels(), straight, ALM_SHAPE_LEVELS};
    double mean = alm_marginal_mean(marginal); /* shapes have mean 1 */
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        /* the identity remap interpolates back to the level: rounding only */
        assert_true(fabs(leaf.shape[k] - k / mean) < 1e-9);
    }
    leaf = (alm_history){.nonzero_share = .5, .shape_weight = 60};
    for (int k = 20; k < ALM_SHAPE_LEVELS; k++) {
        leaf.shape[k] = 100; /* 3 / 4 of this and 1 / 4 of the bin's */
    }
    alm_shape_calibrate(&b->method, false, &leaf);
    assert_true(fabs(leaf.shape[20] / leaf.shape[19] - (75 + 5) / 4.75) < 1e-9);
    alm_history thin = history;
    thin.shape_weight = 0;
    thin.nonzero_share = .3; /* the edge belongs to its bin */
    alm_shape_calibrate(&b->method, false, &thin);
    assert_true(fabs(thin.shape[10] - 10 / mean) < 1e-9);
    alm_history aggregate = history;
    alm_shape_calibrate(&b->method, true, &aggregate);
    assert_true(fabs(aggregate.shape[10] - 10 / mean) < 1e-9);
    /* remap[u] = the next level up: every quantile becomes the next one */
    for (int k = 0; k + 1 < ALM_SHAPE_LEVELS; k++) {
        b->method.remap[0][k] = alm_shape_levels()[k + 1];
    }
    leaf = history;
    alm_shape_calibrate(&b->method, false, &leaf);
    assert_true(fabs(leaf.shape[10] - 11 / mean) < 1e-9);
}

static void names_and_calendar(void **state)
{
    based *b = *state;
    assert_string_equal(alm_fallback_text(ALM_FALLBACK_NONE), "");
    assert_string_equal(alm_fallback_text(ALM_FALLBACK_COLD_START), "cold_start");
    assert_string_equal(alm_fallback_text(ALM_FALLBACK_NO_DEMAND), "no_demand");
    uint8_t closed[8];
    alm_closed_ahead(&b->c.panel, 5, 8, closed); /* the day after a Saturday */
    static const uint8_t WANT[8] = {1, 0, 0, 0, 0, 0, 0, 1};
    assert_memory_equal(closed, WANT, 8);
    b->c.panel.closed = NULL;
    alm_closed_ahead(&b->c.panel, 5, 8, closed);
    static const uint8_t NEVER[8] = {0};
    assert_memory_equal(closed, NEVER, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_forest_it_is_the_level, setup, teardown),
        cmocka_unit_test_setup_teardown(with_a_forest_it_is_the_blend, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(forest_means_are_the_forest_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(each_block_has_a_forest_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_recursive_forecast_is_fed_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_recursion_without_memory_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(quantile_forests_give_the_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(records_have_the_shapes_of_forecasts, setup, teardown),
        cmocka_unit_test_setup_teardown(quantiles_that_are_not_finite_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_aggregate_has_no_forest, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_finite_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(thin_shapes_lean_on_their_bin, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_calendar, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
