#include "train/learner/training_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/training_fixture.h"

enum { CUTOFF = 130 };

static void select_rows(fixture *f, const training_case *c, size_t cutoff, alm_training_rows *out)
{
    alm_err code = alm_training_rows_select(&c->panel, c->plan, &f->project->models[0],
                                            (alm_training_window){cutoff, 0},
                                            f->arena, out, &f->error);
    if (code != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
}

static double *features_of(fixture *f, const training_case *c, const alm_training_rows *rows)
{
    size_t width = alm_feature_plan_width(c->plan);
    double *out = ALM_NEW_ARRAY(f->arena, double, rows->count * width);
    alm_profile flat = {{1, 1, 1, 1, 1, 1, 1}};
    for (size_t r = 0; r < rows->count; r++) {
        alm_history_view view = alm_training_view(&c->panel, rows->rows[r].series, 0, &flat);
        assert_int_equal(alm_feature_rows(c->plan, view.panel, view.series, &rows->rows[r].row, 1,
                                          out + r * width, width, f->arena, &f->error), ALM_OK);
    }
    return out;
}

static void expect_same_rows(const alm_training_rows *a, const alm_training_rows *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t r = 0; r < a->count; r++) {
        assert_int_equal(a->rows[r].series, b->rows[r].series);
        assert_int_equal(a->rows[r].row.origin, b->rows[r].row.origin);
        assert_int_equal(a->rows[r].row.step, b->rows[r].row.step);
        assert_true(a->rows[r].row.scale == b->rows[r].row.scale);
        assert_true(a->label[r] == b->label[r]);
    }
}

static void rows_are_what_they_say(void **state)
{
    fixture *f = *state;
    training_case c;
    training_open(f, NULL, 256, &c);
    alm_training_rows rows;
    select_rows(f, &c, CUTOFF, &rows);
    assert_true(rows.count > 500);
    size_t steps[SYNTHETIC_HORIZON + 1] = {0};
    alm_profile flat = {{1, 1, 1, 1, 1, 1, 1}};
    for (size_t r = 0; r < rows.count; r++) {
        const alm_training_row *row = &rows.rows[r];
        size_t origin = row->row.origin;
        size_t target = origin + row->row.step;
        assert_true(row->row.step >= 1 && row->row.step <= SYNTHETIC_HORIZON);
        assert_true(target < CUTOFF); /* the label was known at the cutoff */
        assert_int_equal((CUTOFF - 8 - origin) % 7, 0);
        assert_true(origin + 1 >= 42);
        assert_true(synthetic_open_day((int)target));
        int units = synthetic_units((int)row->series, (int)target);
        double demand = units > 0 ? units : 0;
        double label = demand / row->row.scale < 50 ? demand / row->row.scale : 50;
        assert_true(rows.label[r] == label);
        alm_history_view view = alm_training_view(&c.panel, row->series, origin, &flat);
        assert_true(row->row.scale == alm_history_scale(&view, f->arena));
        assert_int_not_equal(row->series, SYNTHETIC_ZERO);
        assert_int_not_equal(row->series, SYNTHETIC_NEW);
        assert_true(row->series != SYNTHETIC_POINT || origin >= 100);
        steps[row->row.step]++;
        if (r) { /* sorted by series, then origin */
            const alm_training_row *last = row - 1;
            assert_true(last->series < row->series ||
                        (last->series == row->series && last->row.origin <= origin));
        }
    }
    for (size_t h = 1; h <= SYNTHETIC_HORIZON; h++) {
        /* With a stride of whole weeks a step always falls on the same weekday. */
        bool open = (CUTOFF - 8 + h) % 7 != 6;
        assert_true(open ? steps[h] > 10 : steps[h] == 0);
    }
    training_close(&c);
}

/* Poisons everything from the cutoff on: values of observed columns, and the states. */
static void poison(training_case *c, double value)
{
    for (size_t b = 0; b < c->panel.block_count; b++) {
        const alm_panel *p = &c->panel.blocks[b];
        for (size_t column = 0; column < p->column_count; column++) {
            const alm_panel_column *of = &p->columns[column];
            for (size_t i = 0; of->role == ALM_ROLE_OBSERVED && i < p->series_count; i++) {
                size_t row = of->row_of_series ? of->row_of_series[i] : i;
                for (size_t t = CUTOFF; t < p->periods; t++) {
                    ((double *)of->values)[row * of->stride + t] = value;
                }
            }
        }
        for (size_t i = 0; i < p->series_count; i++) {
            for (size_t t = CUTOFF; t < p->periods; t++) {
                ((uint8_t *)p->state)[i * p->periods + t] = ALM_PERIOD_OBSERVED;
            }
        }
    }
    for (size_t t = CUTOFF; t < c->panel.blocks[0].periods; t++) {
        c->panel.total[t] = value;
    }
}

static void nothing_after_the_cutoff_is_used(void **state)
{
    fixture *f = *state;
    static const double POISONS[] = {1e9, -1e9, NAN};
    for (int delay = 0; delay <= 2; delay += 2) {
        training_case c;
        training_open(f, &(synthetic_options){.delay = delay}, 16, &c);
        alm_training_rows clean;
        select_rows(f, &c, CUTOFF, &clean);
        const double *features = features_of(f, &c, &clean);
        size_t cells = clean.count * alm_feature_plan_width(c.plan);
        for (int k = 0; k < 3; k++) {
            poison(&c, POISONS[k]);
            alm_training_rows rows;
            select_rows(f, &c, CUTOFF, &rows);
            expect_same_rows(&clean, &rows);
            assert_memory_equal(features_of(f, &c, &rows), features, cells * sizeof(double));
        }
        alm_training_rows later; /* the poison is really there */
        poison(&c, 1e9);
        select_rows(f, &c, SYNTHETIC_DAYS, &later);
        double largest = 0;
        for (size_t r = 0; r < later.count; r++) {
            double demand = later.label[r] * later.rows[r].row.scale;
            largest = demand > largest ? demand : largest;
        }
        assert_true(largest > 1e6);
        training_close(&c);
    }
}

/* The same draw for a series and an origin, whatever else is selected and however it is cut. */
static void the_sample_depends_on_counters_only(void **state)
{
    fixture *f = *state;
    training_case whole;
    training_case cut;
    training_open(f, NULL, 256, &whole);
    alm_training_rows a;
    select_rows(f, &whole, CUTOFF, &a);
    training_open(f, NULL, 7, &cut);
    alm_training_rows b;
    select_rows(f, &cut, CUTOFF, &b);
    expect_same_rows(&a, &b);
    /* A week later the old origins are on the grid again: same steps if the target was inside. */
    alm_training_rows later;
    select_rows(f, &cut, CUTOFF + 7, &later);
    size_t found = 0;
    for (size_t r = 0, s = 0; r < a.count; r++) {
        if (a.rows[r].row.origin + SYNTHETIC_HORIZON >= CUTOFF) {
            continue; /* drawn from fewer steps then */
        }
        while (s < later.count && (later.rows[s].series != a.rows[r].series ||
                                   later.rows[s].row.origin != a.rows[r].row.origin ||
                                   later.rows[s].row.step != a.rows[r].row.step)) {
            s++;
        }
        assert_true(s < later.count);
        assert_true(later.label[s++] == a.label[r]);
        found++;
    }
    assert_true(found > 400);
    alm_model_spec other = f->project->models[0];
    other.seed++;
    alm_training_rows reseeded;
    assert_int_equal(alm_training_rows_select(&cut.panel, cut.plan, &other,
                                              (alm_training_window){CUTOFF, 0}, f->arena,
                                              &reseeded, &f->error), ALM_OK);
    bool differs = reseeded.count != a.count;
    for (size_t r = 0; !differs && r < a.count; r++) {
        differs = reseeded.rows[r].row.step != a.rows[r].row.step;
    }
    assert_true(differs);
    training_close(&whole);
    training_close(&cut);
}

static void too_many_or_no_rows_are_refused(void **state)
{
    fixture *f = *state;
    training_case c;
    training_open(f, NULL, 256, &c);
    alm_model_spec model = f->project->models[0];
    alm_training_rows rows;
    model.gbm.rows_max = 1000;
    assert_int_equal(alm_training_rows_select(&c.panel, c.plan, &model,
                                              (alm_training_window){CUTOFF, 0}, f->arena, &rows,
                                              &f->error), ALM_ERR_LIMIT);
    assert_string_equal(f->error.message, "model demand would train on up to 1440 rows, rows_max "
                        "is 1000: raise it, or origin_stride, or lower steps_per_origin");
    assert_int_equal(alm_training_rows_select(&c.panel, c.plan, &f->project->models[0],
                                              (alm_training_window){45, 0},
                                              f->arena, &rows, &f->error), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(f->error.message, "no training row for the steps 1 to 14: 45 days of"));
    training_close(&c);
}

/* A mean model, or a quantile forest. */
static alm_lightgbm_result fit_for_any_threads(fixture *f, training_case *c, double quantile)
{
    alm_lightgbm_result first = {0};
    for (int threads = 1; threads <= 3; threads++) {
        alm_training_rows rows;
        select_rows(f, c, CUTOFF, &rows);
        alm_lightgbm_result fit;
        alm_training_fit asked = {&f->project->models[0], quantile, threads};
        assert_int_equal(alm_training_rows_fit(&rows, &asked, f->arena, &fit, &f->error), ALM_OK);
        assert_int_equal(fit.trees, 12);
        double gain = 0;
        for (size_t k = 0; k < alm_feature_plan_width(c->plan); k++) {
            gain += fit.gain[k];
        }
        assert_true(gain > 0);
        first = threads == 1 ? fit : first;
        assert_true(alm_str_equal(fit.text, first.text));
        assert_true(fit.base_score == first.base_score);
    }
    return first;
}

static void fits_the_same_model_for_any_threads(void **state)
{
    fixture *f = *state;
    training_case c;
    training_open(f, NULL, 16, &c);
    alm_lightgbm_result mean = fit_for_any_threads(f, &c, 0);
    alm_lightgbm_result median = fit_for_any_threads(f, &c, .5);
    alm_lightgbm_result high = fit_for_any_threads(f, &c, .9);
    assert_true(median.base_score == 0 && high.base_score == 0);
    assert_false(alm_str_equal(median.text, mean.text));
    assert_false(alm_str_equal(median.text, high.text));
    training_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_what_they_say, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_after_the_cutoff_is_used, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_sample_depends_on_counters_only, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(too_many_or_no_rows_are_refused, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(fits_the_same_model_for_any_threads, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
