#include "train/calibrate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"

#define STEPS 28
#define SERIES 60
#define MEAN 10.0

typedef struct calibrate_case {
    alm_arena *arena;
    alm_hierarchy hierarchy;
    alm_origin_record record;
    alm_method method;
} calibrate_case;

/* Series i has class i % 3 (smooth, erratic, intermittent) and demand spread uniformly over
 * MEAN * (1 - width .. 1 + width), while its shape says uniform over MEAN * (0 .. 2), width 1. */
static void make_case(calibrate_case *c, double width)
{
    *c = (calibrate_case){.arena = alm_arena_create(0)};
    alm_str level = ALM_STR("total");
    alm_str *names = ALM_NEW_ARRAY(c->arena, alm_str, SERIES);
    size_t cells = (size_t)SERIES * STEPS;
    c->record = (alm_origin_record){.origin = 100,
                                    .steps = STEPS,
                                    .series_count = SERIES,
                                    .histories = ALM_NEW_ARRAY(c->arena, alm_history, SERIES),
                                    .forest = ALM_NEW_ARRAY(c->arena, double, cells),
                                    .statistical = ALM_NEW_ARRAY(c->arena, double, cells),
                                    .actual = ALM_NEW_ARRAY(c->arena, double, cells),
                                    .scale_squared = ALM_NEW_ARRAY(c->arena, double, SERIES),
                                    .closed = ALM_NEW_ARRAY(c->arena, uint8_t, STEPS),
                                    .node_statistical = ALM_NEW_ARRAY(c->arena, double, STEPS),
                                    .node_actual = ALM_NEW_ARRAY(c->arena, double, STEPS),
                                    .node_scale = ALM_NEW_ARRAY(c->arena, double, 1)};
    for (size_t i = 0; i < SERIES; i++) {
        names[i] = level;
        alm_history *h = &c->record.histories[i];
        *h = (alm_history){.class_of_series = (alm_class)(i % 3), .shape_weight = 1e9};
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            h->shape[k] = 2 * alm_shape_levels()[k];
        }
        c->record.scale_squared[i] = 1;
        for (size_t s = 0; s < STEPS; s++) {
            double u = alm_rng_uniform(1, ALM_RNG_TEST, i, s);
            double y = MEAN * (1 + width * (2 * u - 1));
            c->record.actual[i * STEPS + s] = y > 0 ? y : 0;
            c->record.forest[i * STEPS + s] = MEAN;
            c->record.statistical[i * STEPS + s] = MEAN;
        }
    }
    assert_int_equal(alm_hierarchy_build(&level, 1, names, SERIES, c->arena, &c->hierarchy, NULL),
                     ALM_OK);
    c->method = (alm_method){.horizon = STEPS, .seed = 7};
}

static void calibrate(calibrate_case *c, size_t records, unsigned choices)
{
    alm_calibration calibration = {&c->record, records, &c->hierarchy, choices};
    alm_calibrate(&calibration, c->arena, &c->method);
}

/* Where the forest is right its weight is 1, where the other is right 0, between them a half. */
static void each_class_gets_its_best(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t at = i * STEPS; at < (i + 1) * STEPS; at++) {
            double y = c.record.actual[at];
            double wrong = y + 5;
            c.record.forest[at] = i % 3 == 0 ? y : i % 3 == 1 ? wrong : y + 1;
            c.record.statistical[at] = i % 3 == 0 ? wrong : i % 3 == 1 ? y : y - 1;
        }
    }
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(c.method.weight[ALM_CLASS_smooth] == 1);
    assert_true(c.method.weight[ALM_CLASS_erratic] == 0);
    assert_true(c.method.weight[ALM_CLASS_intermittent] == 0.5);
    assert_true(c.method.weight[ALM_CLASS_lumpy] == 0.5); /* none was scored: the middle */
    calibrate(&c, 1, ALM_CHOICE_STATISTICAL | ALM_CHOICE_BLEND);
    assert_true(c.method.weight[ALM_CLASS_smooth] == 0.5);
    calibrate(&c, 1, ALM_CHOICE_GBM);
    assert_true(c.method.weight[ALM_CLASS_erratic] == 1);
    alm_arena_destroy(c.arena);
}

/* A series without a scale has no vote, and a day that is not known none either. */
static void what_cannot_be_scored_has_no_vote(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    for (size_t i = 0; i < SERIES; i += 3) {
        bool votes = i >= 30;
        c.record.scale_squared[i] = votes ? 1 : 0;
        for (size_t at = i * STEPS; at < (i + 1) * STEPS; at++) {
            bool known = at % STEPS < 14;
            double y = c.record.actual[at];
            c.record.forest[at] = votes ? y : y + 100;
            c.record.statistical[at] = votes ? y + 1 : y;
            c.record.actual[at] = known ? y : NAN;
        }
    }
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(c.method.weight[ALM_CLASS_smooth] == 1);
    alm_arena_destroy(c.arena);
}

/* 1680 uniform numbers: a quantile of theirs has a standard error of at most .0122, and the map
 * goes half way, so .025 is four of them. */
static void right_shapes_keep_their_levels(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    calibrate(&c, 1, ALM_CHOICE_ALL);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        assert_true(fabs(c.method.remap[0][k] - alm_shape_levels()[k]) < 0.025);
        assert_true(k == 0 || c.method.remap[0][k] >= c.method.remap[0][k - 1]);
        assert_true(c.method.remap[1][k] == alm_shape_levels()[k]);
    }
    alm_arena_destroy(c.arena);
}

static double farthest(const calibrate_case *c)
{
    double most = 0;
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double away = fabs(c->method.remap[0][k] - alm_shape_levels()[k]);
        most = away > most ? away : most;
    }
    return most;
}

/* A third of the days are sold out, those of high demand first. Shapes that are right stay so when
 * a bound is spread over all above it. Left out, or with its mean for demand, it would move them.
 */
static void sold_out_days_do_not_move_right_shapes(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    double *masked = ALM_NEW_ARRAY(c.arena, double, SERIES * STEPS);
    double *least = ALM_NEW_ARRAY(c.arena, double, SERIES * STEPS);
    for (size_t at = 0; at < SERIES * STEPS; at++) {
        double stock = 3 * MEAN * alm_rng_uniform(2, ALM_RNG_TEST, at, 0);
        double y = c.record.actual[at];
        least[at] = y >= stock ? stock : (double)NAN;
        masked[at] = y >= stock ? (double)NAN : y;
        c.record.actual[at] = y >= stock ? (stock + 2 * MEAN) / 2 : y;
    }
    c.record.least = least;
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(farthest(&c) < 0.025); /* as above */
    c.record.least = NULL;
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(farthest(&c) > 0.03);
    c.record.actual = masked;
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(farthest(&c) > 0.05);
    alm_arena_destroy(c.arena);
}

/* With demand on half the width the PIT of level u is .25 + u / 2, and half way there is
 * .125 + .75 u; errors as above. */
static void wide_shapes_are_drawn_in(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 0.5);
    calibrate(&c, 1, ALM_CHOICE_ALL);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double want = 0.125 + 0.75 * alm_shape_levels()[k];
        assert_true(fabs(c.method.remap[0][k] - want) < 0.025);
    }
    alm_arena_destroy(c.arena);
}

/* Histories say half the width, forests the right one: the map keeps the levels. A series that no
 * forest serves counts with its history. */
static void forests_are_calibrated_by_their_own_shapes(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    c.method.quantile_count = 3;
    static const double LEVELS[] = {.005, .5, .995};
    memcpy(c.method.quantile, LEVELS, sizeof LEVELS);
    c.record.marginals = ALM_NEW_ARRAY(c.arena, alm_forest_marginal, SERIES);
    for (size_t i = 0; i < SERIES; i++) {
        alm_forest_marginal *m = &c.record.marginals[i];
        *m = (alm_forest_marginal){.steps = STEPS, .mean = MEAN * STEPS};
        for (size_t k = 0; k < 3; k++) {
            m->quantile[k] = MEAN * STEPS * 2 * LEVELS[k];
        }
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            c.record.histories[i].shape[k] = .5 + alm_shape_levels()[k];
        }
    }
    calibrate(&c, 1, ALM_CHOICE_ALL);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        assert_true(fabs(c.method.remap[0][k] - alm_shape_levels()[k]) < 0.025);
    }
    for (size_t i = 0; i < SERIES; i++) {
        c.record.marginals[i].steps = 0;
    }
    double learned[ALM_SHAPE_LEVELS];
    calibrate(&c, 1, ALM_CHOICE_ALL);
    memcpy(learned, c.method.remap[0], sizeof learned);
    /* .075 of demand is below .15 of the mean, where that shape has .15 * .005 / .505. */
    assert_true(fabs(learned[4] - .5 * (.075 + .15 * .005 / .505)) < .01);
    c.record.marginals = NULL;
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_memory_equal(learned, c.method.remap[0], sizeof learned);
    alm_arena_destroy(c.arena);
}

static void no_records_change_nothing(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    calibrate(&c, 0, ALM_CHOICE_ALL);
    assert_memory_equal(c.method.remap[0], alm_shape_levels(), sizeof c.method.remap[0]);
    assert_true(c.method.weight[ALM_CLASS_smooth] == 0.5);
    assert_true(c.method.weight[ALM_CLASS_aggregate] == 1);
    alm_arena_destroy(c.arena);
}

/* The sum of the leaves is kept unless the aggregate's own forecast is clearly better. */
static void aggregates_trust_the_sum(void **state)
{
    (void)state;
    calibrate_case c;
    make_case(&c, 1);
    c.record.node_scale[0] = 1;
    double *actual = c.record.node_actual;
    double *own = c.record.node_statistical;
    double sum = SERIES * MEAN;
    for (size_t s = 0; s < STEPS; s++) {
        double off = s % 2 ? 50 : -50;
        actual[s] = sum + off;
        own[s] = sum + 0.02 * off; /* 2% better than the sum: not enough */
    }
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(c.method.weight[ALM_CLASS_aggregate] == 1);
    for (size_t s = 0; s < STEPS; s++) {
        own[s] = 2 * actual[s] - sum; /* as wrong as the sum, on the other side */
    }
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(c.method.weight[ALM_CLASS_aggregate] == 0.5);
    memcpy(own, actual, STEPS * sizeof *own);
    calibrate(&c, 1, ALM_CHOICE_ALL);
    assert_true(c.method.weight[ALM_CLASS_aggregate] == 0);
    alm_arena_destroy(c.arena);
}

/* Sixteen series with shares 1/16 .. 1, given in falling order: two to a bin. */
static void bins_hold_equally_many(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_history h[17] = {0}; /* the last has no observation and is left out */
    for (int i = 0; i < 16; i++) {
        h[i] = (alm_history){.nonzero_share = (16 - i) / 16.0, .shape_weight = i % 2 ? 3 : 1};
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            h[i].shape[k] = i;
        }
    }
    alm_method method = {0};
    alm_calibrate_bins(h, 17, arena, &method);
    for (int b = 0; b < ALM_SHAPE_BINS; b++) {
        int newer = 14 - 2 * b; /* of the two series, the even one: weight 1 */
        assert_true(method.bin_edge[b] == (2 * b + 2) / 16.0);
        assert_true(method.bin_shape[b][9] == (newer + 3 * (newer + 1)) / 4.0);
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_gets_its_best),
        cmocka_unit_test(what_cannot_be_scored_has_no_vote),
        cmocka_unit_test(right_shapes_keep_their_levels),
        cmocka_unit_test(sold_out_days_do_not_move_right_shapes),
        cmocka_unit_test(wide_shapes_are_drawn_in),
        cmocka_unit_test(forests_are_calibrated_by_their_own_shapes),
        cmocka_unit_test(no_records_change_nothing),
        cmocka_unit_test(aggregates_trust_the_sum),
        cmocka_unit_test(bins_hold_equally_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
