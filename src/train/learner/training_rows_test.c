#include "train/learner/training_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define PERIODS 120
#define SERIES 3 /* sells from day 0; sells from day 60; never sells */
#define HISTORY_MIN 30
#define STRIDE 5
#define HORIZON 28
#define CUTOFF 100

typedef struct rows_case {
    double values[SERIES * PERIODS];
    uint8_t state[SERIES * PERIODS];
    uint8_t closed[PERIODS];
    alm_panel_column column;
    alm_panel block;
    alm_training_panel panel;
    alm_model_spec model;
    alm_arena *arena;
} rows_case;

static const alm_horizon_block WHOLE[] = {{1, HORIZON}};

/* Demand t + 1, so that a label tells its day; every seventh day closed; one sale far above. */
static void make_case(rows_case *c, size_t delay)
{
    *c = (rows_case){.arena = alm_arena_create(0)};
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t t = 0; t < PERIODS; t++) {
            size_t at = i * PERIODS + t;
            bool sells = (i == 0 || (i == 1 && t >= 60)) && t % 7 != 6;
            c->closed[t] = t % 7 == 6;
            c->values[at] = sells ? (double)t + 1 : 0;
            c->state[at] = c->closed[t] ? ALM_PERIOD_CLOSED
                           : sells      ? ALM_PERIOD_OBSERVED
                                        : ALM_PERIOD_ZERO;
        }
    }
    c->values[84] = 1e6;
    c->column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, c->values, PERIODS, NULL};
    c->block = (alm_panel){.periods = PERIODS,
                           .series_count = SERIES,
                           .state = c->state,
                           .closed = c->closed,
                           .column_count = 1,
                           .columns = &c->column};
    c->panel = (alm_training_panel){.blocks = &c->block,
                                    .block_count = 1,
                                    .block_series = SERIES,
                                    .series_count = SERIES,
                                    .delay = delay};
    c->model = (alm_model_spec){.name = ALM_STR("demand"),
                                .horizon = HORIZON,
                                .blocks = WHOLE,
                                .block_count = 1,
                                .seed = 3,
                                .gbm = {.rows_max = 1000000,
                                        .origin_stride = STRIDE,
                                        .steps_per_origin = 8,
                                        .history_min = HISTORY_MIN}};
}

static alm_training_rows select_rows(rows_case *c, size_t cutoff)
{
    alm_training_rows rows;
    alm_error error = {0};
    alm_err code =
        alm_training_rows_select(&c->panel, NULL, &c->model,
                                 (alm_training_window){cutoff, 0}, c->arena, &rows, &error);
    if (code != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return rows;
}

/* The newest target that any row has. */
static size_t newest_target(const alm_training_rows *rows)
{
    size_t newest = 0;
    for (size_t i = 0; i < rows->count; i++) {
        size_t target = rows->rows[i].row.origin + rows->rows[i].row.step;
        newest = target > newest ? target : newest;
    }
    return newest;
}

static void rows_are_as_declared(void **state)
{
    (void)state;
    rows_case c;
    make_case(&c, 0);
    alm_training_rows rows = select_rows(&c, CUTOFF);
    size_t of_series[SERIES] = {0};
    bool capped = false;
    for (size_t i = 0; i < rows.count; i++) {
        const alm_training_row *r = &rows.rows[i];
        size_t target = r->row.origin + r->row.step;
        of_series[r->series]++;
        assert_true(r->row.step >= 1 && r->row.step <= HORIZON);
        assert_true(target < CUTOFF);
        assert_int_not_equal(target % 7, 6);
        assert_true(r->row.origin + 1 >= HISTORY_MIN);
        assert_int_equal((CUTOFF - 8 - r->row.origin) % STRIDE, 0);
        double label = c.values[r->series * PERIODS + target] / r->row.scale;
        capped = capped || label > 50;
        assert_true(rows.label[i] == (label < 50 ? label : 50));
        if (i > 0) { /* the rows of a series lie together, origins in order */
            const alm_training_row *before = r - 1;
            assert_true(before->series < r->series ||
                        (before->series == r->series && before->row.origin <= r->row.origin));
        }
    }
    assert_true(capped); /* else the cap was not tried */
    assert_true(of_series[0] > of_series[1] && of_series[1] > 0);
    assert_int_equal(of_series[2], 0);
    alm_arena_destroy(c.arena);
}

/* What was not published on the day of the fit is no target, however short the delay. */
static void unpublished_days_are_no_targets(void **state)
{
    (void)state;
    for (size_t delay = 0; delay < 6; delay++) {
        rows_case c;
        make_case(&c, delay);
        /* With so many draws the newest possible day, unless it is closed, is among them. */
        c.model.gbm.steps_per_origin = 64;
        alm_training_rows rows = select_rows(&c, CUTOFF);
        size_t newest = CUTOFF - 1 - delay;
        newest -= newest % 7 == 6;
        assert_int_equal(newest_target(&rows), newest);
        alm_arena_destroy(c.arena);
    }
}

/* A day that was sold out is a row where something stands in for its demand, and none otherwise;
 * the draws of quantile forests have that mean, and are never below what was sold. */
static void a_sold_out_day_is_no_sale(void **state)
{
    (void)state;
    rows_case c;
    double imputed[SERIES * PERIODS] = {0};
    make_case(&c, 0);
    c.model.gbm.steps_per_origin = 64;
    for (size_t t = 40; t < 100; t += 2) {
        if (t % 7 != 6) {
            c.state[t] = ALM_PERIOD_STOCKOUT;
            imputed[t] = 3 + c.values[t];
        }
    }
    alm_training_rows rows = select_rows(&c, CUTOFF);
    for (size_t i = 0; i < rows.count; i++) {
        size_t target = rows.rows[i].row.origin + rows.rows[i].row.step;
        assert_true(rows.rows[i].series > 0 || target < 40 || target % 2 == 1);
    }
    assert_null(rows.draw);
    c.block.imputed = imputed;
    c.model.marginals = ALM_MARGINALS_QUANTILE;
    rows = select_rows(&c, CUTOFF);
    double draws = 0;
    double found = 0;
    for (size_t i = 0; i < rows.count; i++) {
        const alm_training_row *r = &rows.rows[i];
        size_t target = r->row.origin + r->row.step;
        double drawn = rows.draw[i] * r->row.scale - c.values[r->series * PERIODS + target];
        if (r->series == 0 && c.state[target] == ALM_PERIOD_STOCKOUT && target != 84) {
            assert_true(fabs(rows.label[i] * r->row.scale - imputed[target]) < 1e-9);
            assert_true(drawn > -1e-9 && fabs(drawn - floor(drawn + .5)) < 1e-9);
            draws += drawn;
            found++;
        } else {
            assert_true(rows.draw[i] == rows.label[i]);
        }
    }
    assert_true(found > 100);
    /* Some 25 days have a draw each, of deviation 3.5: .7 for their mean, with weights. */
    assert_true(fabs(draws / found - 3) < 2.5);
    alm_arena_destroy(c.arena);
}

/* Each horizon block has rows of its own steps, as far as their targets are known. */
static void rows_of_a_block_have_its_steps(void **state)
{
    (void)state;
    static const alm_horizon_block BLOCKS[] = {{1, 7}, {8, 20}, {21, HORIZON}};
    rows_case c;
    make_case(&c, 0);
    c.model.blocks = BLOCKS;
    c.model.block_count = 3;
    for (size_t b = 0; b < 3; b++) {
        alm_training_rows rows;
        alm_error error = {0};
        assert_int_equal(alm_training_rows_select(&c.panel, NULL, &c.model,
                                                  (alm_training_window){CUTOFF, b}, c.arena, &rows,
                                                  &error), ALM_OK);
        size_t seen[HORIZON + 1] = {0};
        for (size_t i = 0; i < rows.count; i++) {
            seen[rows.rows[i].row.step]++;
            assert_true(rows.rows[i].row.origin + rows.rows[i].row.step < CUTOFF);
        }
        for (int32_t h = 1; h <= HORIZON; h++) {
            assert_true((seen[h] > 0) == (h >= BLOCKS[b].first && h <= BLOCKS[b].last));
        }
    }
    alm_arena_destroy(c.arena);
}

/* A recursive model learns the next period, from one row per series and origin. */
static void rows_of_a_recursive_model_have_step_one(void **state)
{
    (void)state;
    rows_case c;
    make_case(&c, 0);
    c.model.recursive = true;
    alm_training_rows rows = select_rows(&c, CUTOFF);
    assert_true(rows.count > 10);
    for (size_t i = 0; i < rows.count; i++) {
        const alm_training_row *r = &rows.rows[i];
        assert_int_equal(r->row.step, 1);
        assert_true(i == 0 || r[-1].series != r->series || r[-1].row.origin < r->row.origin);
    }
    alm_arena_destroy(c.arena);
}

static void equal_inputs_give_equal_rows(void **state)
{
    (void)state;
    rows_case c;
    make_case(&c, 2);
    alm_training_rows a = select_rows(&c, CUTOFF);
    alm_training_rows b = select_rows(&c, CUTOFF);
    c.model.seed = 4;
    alm_training_rows other = select_rows(&c, CUTOFF);
    size_t differ = a.count != other.count;
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++) {
        assert_int_equal(a.rows[i].row.step, b.rows[i].row.step);
        assert_true(a.label[i] == b.label[i]);
        differ += i < other.count && a.rows[i].row.step != other.rows[i].row.step;
    }
    assert_true(differ > 0);
    alm_arena_destroy(c.arena);
}

static void too_little_and_too_much_are_refused(void **state)
{
    (void)state;
    rows_case c;
    make_case(&c, 0);
    alm_training_rows rows;
    alm_error error = {0};
    assert_int_equal(alm_training_rows_select(&c.panel, NULL, &c.model,
                                              (alm_training_window){HISTORY_MIN + 7, 0}, c.arena,
                                              &rows, &error),
                     ALM_ERR_INCOMPLETE);
    assert_string_equal(error.message, "model demand: no training row for the steps 1 to 28: 37 "
                                       "days of history, history_min is 30, origin_stride 5");
    c.model.gbm.rows_max = 10;
    assert_int_equal(alm_training_rows_select(&c.panel, NULL, &c.model,
                                              (alm_training_window){CUTOFF, 0}, c.arena, &rows,
                                              &error),
                     ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "rows_max is 10: raise it, or origin_stride"));
    alm_arena_destroy(c.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_declared),
        cmocka_unit_test(unpublished_days_are_no_targets),
        cmocka_unit_test(a_sold_out_day_is_no_sale),
        cmocka_unit_test(rows_of_a_block_have_its_steps),
        cmocka_unit_test(rows_of_a_recursive_model_have_step_one),
        cmocka_unit_test(equal_inputs_give_equal_rows),
        cmocka_unit_test(too_little_and_too_much_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
