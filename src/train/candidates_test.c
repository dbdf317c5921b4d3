#include "train/calibrate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/quantile.h"

enum { SERIES = 30, STEPS = 10, NODES = 1 };

typedef struct calibrated {
    alm_arena *arena;
    alm_hierarchy hierarchy;
    alm_origin_record record;
    alm_method method;
} calibrated;

/* Demand of series i is around 10 + i; a straight shape on [0, 2]. Every third class in turn. */
static void make_record(calibrated *c)
{
    static const alm_class CLASSES[] = {ALM_CLASS_smooth, ALM_CLASS_erratic, ALM_CLASS_lumpy};
    alm_origin_record *r = &c->record;
    *r = (alm_origin_record){.origin = 100, .steps = STEPS, .series_count = SERIES};
    r->histories = ALM_NEW_ARRAY(c->arena, alm_history, SERIES);
    r->forest = ALM_NEW_ARRAY(c->arena, double, SERIES * STEPS);
    r->statistical = ALM_NEW_ARRAY(c->arena, double, SERIES * STEPS);
    r->actual = ALM_NEW_ARRAY(c->arena, double, SERIES * STEPS);
    r->scale_squared = ALM_NEW_ARRAY(c->arena, double, SERIES);
    r->closed = ALM_NEW_ARRAY(c->arena, uint8_t, STEPS);
    r->node_statistical = ALM_NEW_ARRAY(c->arena, double, NODES * STEPS);
    r->node_actual = ALM_NEW_ARRAY(c->arena, double, NODES * STEPS);
    r->node_scale = ALM_NEW_ARRAY(c->arena, double, NODES);
    alm_rng rng = alm_rng_stream(3, 1);
    for (int i = 0; i < SERIES; i++) {
        alm_history *h = &r->histories[i];
        h->class_of_series = CLASSES[i % 3];
        h->nonzero_share = (double)((i * 7) % SERIES + 1) / SERIES;
        h->shape_weight = 10 + i;
        for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
            h->shape[k] = 2 * alm_shape_levels()[k];
        }
        r->scale_squared[i] = 25;
        for (int s = 0; s < STEPS; s++) {
            int at = i * STEPS + s;
            r->actual[at] = 10 + i + 4 * alm_rng_next_uniform(&rng);
            r->node_actual[s] += r->actual[at];
        }
    }
    r->node_scale[0] = 100;
}

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    calibrated *c = ALM_NEW(arena, calibrated);
    c->arena = arena;
    alm_str names[SERIES];
    for (int i = 0; i < SERIES; i++) {
        names[i] = ALM_STR("total");
    }
    alm_str level = ALM_STR("total");
    alm_assert(alm_hierarchy_build(&level, 1, names, SERIES, arena, &c->hierarchy, NULL) ==
               ALM_OK);
    make_record(c);
    c->method = (alm_method){.horizon = STEPS, .seed = 4};
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    calibrated *c = *state;
    alm_arena_destroy(c->arena);
    return 0;
}

/* Forecasts that are off by so much, on the average over the class of series i. */
static void set_errors(calibrated *c, int i, double forest, double statistical)
{
    for (int s = 0; s < STEPS; s++) {
        int at = i * STEPS + s;
        c->record.forest[at] = c->record.actual[at] + forest;
        c->record.statistical[at] = c->record.actual[at] + statistical;
    }
}

static void set_all(calibrated *c, double forest, double statistical)
{
    for (int i = 0; i < SERIES; i++) {
        set_errors(c, i, forest, statistical);
    }
}

static void set_node(calibrated *c, double error)
{
    for (int s = 0; s < STEPS; s++) {
        c->record.node_statistical[s] = c->record.node_actual[s] + error;
    }
}

static void calibrate(calibrated *c, unsigned choices)
{
    alm_calibration calibration = {&c->record, 1, &c->hierarchy, choices};
    alm_calibrate_bins(c->record.histories, SERIES, c->arena, &c->method);
    alm_calibrate(&calibration, c->arena, &c->method);
}

static void each_class_takes_the_better_part(void **state)
{
    calibrated *c = *state;
    for (int i = 0; i < SERIES; i++) {
        switch (i % 3) {
        case 0:
            set_errors(c, i, .5, 5); /* the forest, by far */
            break;
        case 1:
            set_errors(c, i, 5, .5); /* the statistical part */
            break;
        default:
            set_errors(c, i, 3, -3); /* the errors cancel in the middle */
        }
    }
    set_node(c, 1);
    calibrate(c, ALM_CHOICE_ALL);
    assert_true(c->method.weight[ALM_CLASS_smooth] == 1);
    assert_true(c->method.weight[ALM_CLASS_erratic] == 0);
    assert_true(c->method.weight[ALM_CLASS_lumpy] == .5);
    assert_true(c->method.weight[ALM_CLASS_intermittent] == .5); /* nothing known: the middle */
}

static void only_candidates_are_chosen(void **state)
{
    calibrated *c = *state;
    set_all(c, 3, -3);
    calibrate(c, ALM_CHOICE_STATISTICAL | ALM_CHOICE_GBM);
    assert_true(c->method.weight[ALM_CLASS_smooth] != .5);
    calibrate(c, ALM_CHOICE_STATISTICAL);
    assert_true(c->method.weight[ALM_CLASS_smooth] == 0);
    assert_true(c->method.weight[ALM_CLASS_intermittent] == 0);
    calibrate(c, ALM_CHOICE_GBM);
    assert_true(c->method.weight[ALM_CLASS_smooth] == 1);
    alm_str candidates[2] = {ALM_STR("gbm"), ALM_STR("blend")};
    alm_model_spec model = {.name = ALM_STR("demand"), .candidates = candidates,
                            .candidate_count = 2};
    unsigned choices = 0;
    alm_error error = {0};
    assert_int_equal(alm_choices_of(&model, &choices, &error), ALM_OK);
    assert_int_equal(choices, ALM_CHOICE_GBM | ALM_CHOICE_BLEND);
    candidates[1] = ALM_STR("oracle");
    assert_int_equal(alm_choices_of(&model, &choices, &error), ALM_ERR_CONFIG);
    assert_non_null(strstr(error.message, "model demand: unknown candidate oracle"));
    model.candidate_count = 0;
    assert_int_equal(alm_choices_of(&model, &choices, &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "model demand has no candidates");
}

/* The middle must be beaten by half a percent: RMSSE 1.004 against 1 keeps it, 1.02 does not. */
static void near_ties_stay_in_the_middle(void **state)
{
    calibrated *c = *state;
    set_all(c, 1, 1.008);
    calibrate(c, ALM_CHOICE_ALL);
    assert_true(c->method.weight[ALM_CLASS_smooth] == .5);
    set_all(c, 1, 1.04);
    calibrate(c, ALM_CHOICE_ALL);
    assert_true(c->method.weight[ALM_CLASS_smooth] == 1);
}

static void series_without_a_scale_do_not_vote(void **state)
{
    calibrated *c = *state;
    set_all(c, 1, 2);
    set_errors(c, 0, 1e6, 0); /* a lucky statistical one, too young for a scale */
    c->record.scale_squared[0] = 0;
    for (int s = 0; s < STEPS; s++) {
        c->record.actual[3 * STEPS + s] = NAN; /* not known: no vote either */
    }
    calibrate(c, ALM_CHOICE_ALL);
    assert_true(c->method.weight[ALM_CLASS_smooth] == 1);
}

static void aggregates_use_their_own_when_it_is_better(void **state)
{
    calibrated *c = *state;
    set_all(c, 1, 1); /* the sum is off by 30 */
    static const double OWN[] = {1, 29.5, 60, -28};
    static const double WANT[] = {0, 1, 1, .5};
    for (int k = 0; k < 4; k++) {
        set_node(c, OWN[k]);
        calibrate(c, ALM_CHOICE_ALL);
        assert_true(c->method.weight[ALM_CLASS_aggregate] == WANT[k]);
    }
    c->record.node_scale[0] = 0; /* nothing to compare with */
    set_node(c, 0);
    calibrate(c, ALM_CHOICE_ALL);
    assert_true(c->method.weight[ALM_CLASS_aggregate] == 1);
}

static void nothing_known_is_the_identity(void **state)
{
    calibrated *c = *state;
    alm_calibration calibration = {&c->record, 0, &c->hierarchy, ALM_CHOICE_ALL};
    alm_calibrate(&calibration, c->arena, &c->method);
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        assert_true(fabs(c->method.remap[0][k] - alm_shape_levels()[k]) < 1e-15);
        assert_true(c->method.remap[1][k] == alm_shape_levels()[k]);
    }
    assert_true(c->method.weight[ALM_CLASS_smooth] == .5);
    assert_true(c->method.weight[ALM_CLASS_aggregate] == 1);
}

/* Actuals that are exactly the forecast distribution's quantiles: uniform PITs, the identity. */
static void uniform_pits_change_nothing(void **state)
{
    calibrated *c = *state;
    for (int i = 0; i < SERIES * STEPS; i++) {
        c->record.forest[i] = c->record.statistical[i] = 10;
        double u = (i + .5) / (SERIES * STEPS);
        c->record.actual[i] = 20 * u; /* the shape is 2 u, up to its exponential tail */
    }
    calibrate(c, ALM_CHOICE_ALL);
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        /* 300 PITs: a grid of 1 / 300, half of which is taken over; the last level is the tail */
        double tolerance = k + 2 < ALM_SHAPE_LEVELS ? 1. / 300 : .01;
        assert_true(fabs(c->method.remap[0][k] - alm_shape_levels()[k]) < tolerance);
    }
}

/* Demand twice as large as forecast: every level must be read further up, and the map rises. */
static void low_forecasts_are_read_further_up(void **state)
{
    calibrated *c = *state;
    for (int i = 0; i < SERIES * STEPS; i++) {
        c->record.forest[i] = c->record.statistical[i] = 10;
        c->record.actual[i] = 10 + 10 * (i + .5) / (SERIES * STEPS); /* the upper half */
    }
    calibrate(c, ALM_CHOICE_ALL);
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double level = alm_shape_levels()[k];
        double want = .5 * level + .5 * (.5 + .5 * level); /* half of the way to the PITs' */
        assert_true(fabs(c->method.remap[0][k] - want) < .01);
        assert_true(k == 0 || c->method.remap[0][k] >= c->method.remap[0][k - 1]);
        assert_true(c->method.remap[0][k] > 0 && c->method.remap[0][k] < 1);
    }
}

static void closed_days_and_empty_series_do_not_count(void **state)
{
    calibrated *c = *state;
    for (int i = 0; i < SERIES * STEPS; i++) {
        c->record.forest[i] = c->record.statistical[i] = 10;
        c->record.actual[i] = 20 * (i + .5) / (SERIES * STEPS);
    }
    calibrate(c, ALM_CHOICE_ALL);
    double before[ALM_SHAPE_LEVELS];
    memcpy(before, c->method.remap[0], sizeof before);
    c->record.histories[4].class_of_series = ALM_CLASS_empty;
    c->record.histories[4].shape_weight = 0;
    c->record.closed[3] = 1;
    for (int i = 0; i < SERIES; i++) {
        c->record.actual[i * STEPS + 3] = 1e9;
    }
    for (int s = 0; s < STEPS; s++) {
        c->record.actual[4 * STEPS + s] = 1e9;
    }
    calibrate(c, ALM_CHOICE_ALL);
    for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
        assert_true(fabs(before[k] - c->method.remap[0][k]) < .02); /* a seventh of them left */
    }
}

static void bins_hold_equally_many(void **state)
{
    calibrated *c = *state;
    for (int i = 0; i < SERIES; i++) {
        for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
            c->record.histories[i].shape[k] = i;
        }
    }
    c->record.histories[11].shape_weight = 0; /* never sold: in no bin */
    alm_calibrate_bins(c->record.histories, SERIES, c->arena, &c->method);
    size_t first = 0;
    double below = 0;
    for (int b = 0; b < ALM_SHAPE_BINS; b++) {
        double edge = c->method.bin_edge[b];
        size_t count = 0;
        double weight = 0;
        double sum = 0;
        for (int i = 0; i < SERIES; i++) {
            const alm_history *h = &c->record.histories[i];
            if (h->shape_weight > 0 && h->nonzero_share > below && h->nonzero_share <= edge) {
                count++;
                weight += h->shape_weight;
                sum += h->shape_weight * i;
            }
        }
        size_t end = 29 * (size_t)(b + 1) / ALM_SHAPE_BINS;
        assert_int_equal(count, end - first);
        assert_true(fabs(c->method.bin_shape[b][7] - sum / weight) < 1e-12);
        first = end;
        below = edge;
    }
    assert_true(c->method.bin_edge[ALM_SHAPE_BINS - 1] == 1);
    alm_calibrate_bins(c->record.histories, 0, c->arena, &c->method);
    for (int b = 0; b < ALM_SHAPE_BINS; b++) {
        assert_true(c->method.bin_edge[b] == 1 && c->method.bin_shape[b][0] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_class_takes_the_better_part, setup, teardown),
        cmocka_unit_test_setup_teardown(only_candidates_are_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(near_ties_stay_in_the_middle, setup, teardown),
        cmocka_unit_test_setup_teardown(series_without_a_scale_do_not_vote, setup, teardown),
        cmocka_unit_test_setup_teardown(aggregates_use_their_own_when_it_is_better, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_known_is_the_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(uniform_pits_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(low_forecasts_are_read_further_up, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_days_and_empty_series_do_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bins_hold_equally_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
