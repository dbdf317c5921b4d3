#include "train/backtest/backtest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One series and its total, 10 a day and 20 on the newest day that was published at the origin. The
 * two days behind it were not, and would spoil every baseline. */
enum { ORIGIN = 39, DELAY = 2, NEWEST = ORIGIN - DELAY, STEPS = 2, PERIODS = ORIGIN + 1 + STEPS };
static const double ACTUAL[STEPS] = {12, 14};

typedef struct delay_panel {
    double values[PERIODS];
    uint8_t state[PERIODS];
    alm_panel_column column;
    alm_panel block;
    alm_training_panel panel;
} delay_panel;

typedef struct delay_case {
    alm_arena *arena;
    alm_hierarchy hierarchy;
    delay_panel final, known;
    alm_history history;
    alm_origin_record record;
    alm_method method;
    alm_backtest backtest;
} delay_case;

static void make_panel(delay_case *c, delay_panel *p, double unit)
{
    for (size_t t = 0; t < PERIODS; t++) {
        double value = t < NEWEST ? 10 : t == NEWEST ? 20 : t <= ORIGIN ? 1000
                                                                        : ACTUAL[t - ORIGIN - 1];
        p->values[t] = unit * value;
        p->state[t] = ALM_PERIOD_OBSERVED;
    }
    p->column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, p->values, PERIODS, NULL};
    p->block = (alm_panel){.periods = PERIODS, .series_count = 1, .state = p->state,
                           .column_count = 1, .columns = &p->column};
    p->panel = (alm_training_panel){.blocks = &p->block, .block_count = 1, .block_series = 1,
                                    .series_count = 1, .delay = DELAY, .aggregates = &p->block,
                                    .hierarchy = &c->hierarchy};
}

/* Final values are `unit` times those that were known at the origin. */
static void make_case(delay_case *c, double unit)
{
    static uint8_t open[STEPS];
    *c = (delay_case){.arena = alm_arena_create(0)};
    alm_str total = ALM_STR("total");
    assert_int_equal(alm_hierarchy_build(&total, 1, &total, 1, c->arena, &c->hierarchy, NULL),
                     ALM_OK);
    make_panel(c, &c->final, unit);
    make_panel(c, &c->known, 1);
    c->history = (alm_history){.class_of_series = ALM_CLASS_smooth};
    double *none = ALM_NEW_ARRAY(c->arena, double, STEPS);
    c->record = (alm_origin_record){.origin = ORIGIN, .steps = STEPS, .series_count = 1,
                                    .histories = &c->history, .forest = none,
                                    .statistical = none, .closed = open,
                                    .node_statistical = none};
    alm_origin_record_judge(&c->final.panel, c->arena, &c->record);
    c->method = (alm_method){.horizon = STEPS, .season = 3, .quantile_count = 2,
                             .quantile = {0.5, 0.9}};
    alm_backtest_init(&c->backtest, &c->final.panel, &c->method, c->arena);
    static const uint32_t FIRST[1] = {0};
    c->backtest.record = &c->record;
    c->backtest.known = unit == 1 ? NULL : &c->known.panel;
    c->backtest.series_of_leaf = FIRST;
    c->backtest.node_of_node = FIRST;
}

static void score(delay_case *c)
{
    alm_error error = {0};
    double *none = ALM_NEW_ARRAY(c->arena, double, ALM_SHAPE_LEVELS);
    alm_forecast forecast = {.mean = none, .quantile = none, .base_marginal_mean = none,
                             .shape = none};
    alm_forecast_sink sink = alm_backtest_sink(&c->backtest);
    for (int aggregates = 0; aggregates < 2; aggregates++) {
        alm_forecast_block block = {.aggregates = aggregates, .count = 1, .steps = STEPS,
                                    .forecasts = &forecast};
        assert_int_equal(sink.block(sink.context, &block, &error), ALM_OK);
    }
}

static const alm_metrics *scores(const delay_case *c, int level, alm_baseline baseline)
{
    return &c->backtest.levels[level].methods[ALM_SCORE_BASELINES + (int)baseline];
}

/* 1e-12: both sides round a few times. */
static void expect(double value, double want)
{
    if (!(fabs(value - want) < 1e-12 * (1 + fabs(want)))) {
        fail_msg("%.17g is not %.17g", value, want);
    }
}

/* All by hand. Actual 12 + 14 = 26. Scale: of 37 differences up to the newest day one is 10, the
 * others are 0; at lag 7 it is one of 31. */
static void baselines_see_what_was_published(void **state)
{
    (void)state;
    delay_case c;
    make_case(&c, 1);
    score(&c);
    expect(c.record.scale_squared[0], 100. / 37);
    expect(c.record.node_scale[0], 100. / 37);
    for (int level = 0; level < 2; level++) {
        /* Days 40 and 41 have the phase of days 37 and 35: 20 and 10, off by 8 and 4. */
        const alm_metrics *naive = scores(&c, level, ALM_BASELINE_seasonal_naive);
        expect(alm_metrics_wape(naive), 12. / 26);
        expect(alm_metrics_bias(naive), 4. / 26);
        expect(alm_metrics_rmsse(naive), sqrt((64. + 16) / 2 / (100. / 37)));
        expect(alm_metrics_mase(naive), 6 / (10. / 31));
        /* Level 10 + .1 (20 - 10) = 11; most of its errors were 0, and so is their median. */
        const alm_metrics *ses = scores(&c, level, ALM_BASELINE_ses);
        expect(alm_metrics_wape(ses), (1. + 3) / 26);
        expect(alm_metrics_pinball(ses, 0), (.5 * 1 + .5 * 3) / 2);
        expect(alm_metrics_wape(scores(&c, level, ALM_BASELINE_mean)),
               (26 - 2 * (37 * 10. + 20) / 38) / 26);
        /* Every third day, 1, 4 ... 37, has a mean of 140 / 13, the others of 10. */
        expect(alm_metrics_wape(scores(&c, level, ALM_BASELINE_weekday_mean)),
               ((12 - 140. / 13) + 4) / 26);
    }
    alm_arena_destroy(c.arena);
}

/* Restated to a thousand times as much after the origin: forecasts are made from what was known,
 * actuals and scales are final. */
static void baselines_see_the_vintage_of_the_origin(void **state)
{
    (void)state;
    delay_case c;
    make_case(&c, 1000);
    score(&c);
    expect(c.record.scale_squared[0], 1e8 / 37);
    for (int level = 0; level < 2; level++) {
        const alm_metrics *naive = scores(&c, level, ALM_BASELINE_seasonal_naive);
        expect(alm_metrics_bias(naive), (10. + 20) / 26000 - 1);
        expect(alm_metrics_mase(naive), (11980. + 13990) / 2 / (1e4 / 31));
        expect(alm_metrics_bias(scores(&c, level, ALM_BASELINE_ses)), 22. / 26000 - 1);
    }
    alm_arena_destroy(c.arena);
}

/* Published quantiles of an aggregate are all that is known of its distribution; one is too few. */
static void one_quantile_has_no_interval(void **state)
{
    (void)state;
    for (size_t quantiles = 1; quantiles <= 2; quantiles++) {
        delay_case c;
        make_case(&c, 1);
        c.backtest.quantile_count = quantiles;
        score(&c);
        const alm_metrics *total = &c.backtest.levels[1].methods[ALM_SCORE_FINAL];
        assert_int_equal(total->interval_pairs, quantiles == 1 ? 0 : STEPS);
        assert_int_equal(total->pinball_pairs, STEPS);
        alm_arena_destroy(c.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baselines_see_what_was_published),
        cmocka_unit_test(baselines_see_the_vintage_of_the_origin),
        cmocka_unit_test(one_quantile_has_no_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
