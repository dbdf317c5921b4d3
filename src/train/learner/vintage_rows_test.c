#include "train/learner/vintage_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/learner/vintage_fixture.h"

enum { CUTOFF = 130, NEVER = SYNTHETIC_DAYS + 1 };

static bool prompt(int series, int day, int k, vintage_row *out)
{
    return vintage_prompt(series, day, k, 0, out);
}

static bool two_days_late(int series, int day, int k, vintage_row *out)
{
    return vintage_prompt(series, day, k, 2, out);
}

static uint64_t draw_of(int series, int day, int k)
{
    return alm_rng_u64(77, ALM_RNG_TEST, (uint64_t)series * 1000 + (uint64_t)day, (uint64_t)k);
}

static bool stays(int series, int day)
{
    return series == 0 || synthetic_units(series, day) < 0;
}

static int vintages(int series, int day)
{
    return stays(series, day) ? 1 : 1 + (int)(draw_of(series, day, -1) % 3);
}

/* One to three vintages of a day, known up to 39 days late, with other values. */
static bool restated(int series, int day, int k, vintage_row *out)
{
    uint64_t draw = draw_of(series, day, k);
    int units = synthetic_units(series, day);
    *out = (vintage_row){units, day + 1};
    if (!stays(series, day)) {
        out->units = (units * (3 + (int)(draw % 9)) + 2) / 5;
        out->seen += 13 * k + (int)((draw >> 8) % 13);
    }
    return k < vintages(series, day);
}

/* The same, and on the day after the cutoff all older days become a thousand times as much. */
static bool poisoned(int series, int day, int k, vintage_row *out)
{
    if (restated(series, day, k, out)) {
        return true;
    }
    *out = (vintage_row){1000 * out->units, CUTOFF + 1};
    return k == vintages(series, day) && !stays(series, day) && day + 41 < CUTOFF;
}

static bool same_rows(const alm_training_rows *a, const alm_training_rows *b)
{
    bool same = a->count == b->count;
    for (size_t r = 0; same && r < a->count; r++) {
        const alm_training_row *x = &a->rows[r];
        const alm_training_row *y = &b->rows[r];
        same = x->series == y->series && x->row.origin == y->row.origin &&
               x->row.step == y->row.step && x->row.scale == y->row.scale &&
               a->label[r] == b->label[r];
    }
    return same;
}

static alm_str text_of_fit(fixture *f, alm_training_rows *rows)
{
    alm_lightgbm_result fit;
    alm_training_fit wanted = {&f->project->models[0], 0, 2};
    assert_int_equal(alm_training_rows_fit(rows, &wanted, f->arena, &fit, &f->error), ALM_OK);
    return fit.text;
}

/* Where nothing is restated, the long way gives the same rows and the same forest. */
static void unrestated_rows_are_those_of_one_panel(void **state)
{
    fixture *f = *state;
    for (int delay = 0; delay <= 2; delay += 2) {
        vintage_case v;
        alm_training_rows one = {0};
        alm_training_rows many = {0};
        vintage_open(f, delay ? two_days_late : prompt, delay, NEVER, true);
        vintage_case_open(f, 16, &v);
        assert_true(v.origins.restated);
        assert_int_equal(alm_training_rows_select(&v.c.panel, v.c.plan, &f->project->models[0],
                                                  (alm_training_window){CUTOFF, 0}, f->arena,
                                                  &one, &f->error), ALM_OK);
        vintage_select(f, &v, CUTOFF, &many);
        assert_true(one.count > 400);
        assert_true(same_rows(&one, &many));
        assert_true(alm_str_equal(text_of_fit(f, &one), text_of_fit(f, &many)));
        alm_feature_file_close(many.kept);
        vintage_case_close(&v);
    }
}

/* ---- against panels opened one by one ---- */

typedef struct known_panel { /* what a run at that day would have read */
    alm_panel_source *source;
    alm_panel panel;
} known_panel;

static known_panel open_known(fixture *f, const vintage_case *v, size_t end)
{
    known_panel known = {0};
    size_t behind = SYNTHETIC_DAYS - end;
    alm_panel_options options = {.start = ALM_DATE_NONE,
                                 .end = v->c.snapshot.start + (alm_date)end,
                                 .future = behind < SYNTHETIC_HORIZON ? (int32_t)behind
                                                                      : SYNTHETIC_HORIZON,
                                 .membership_date = v->c.snapshot.end,
                                 .block_series = 256};
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &v->c.snapshot,
                                           &options, &known.source, &f->error), ALM_OK);
    assert_int_equal(alm_panel_source_next(known.source, f->arena, &known.panel, &f->error),
                     ALM_OK);
    return known;
}

/* Place of a series by its keys; SIZE_MAX when it was not known. */
static size_t place_of(const known_panel *known, uint32_t series)
{
    for (size_t i = 0; i < known->panel.series_count; i++) {
        if (alm_str_is(known->panel.keys[2 * i], synthetic_sku((int)series)) &&
            alm_str_is(known->panel.keys[2 * i + 1], synthetic_store((int)series))) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void expect_known(fixture *f, const vintage_case *v, const alm_training_rows *rows,
                         size_t r, const known_panel *at_origin, const known_panel *at_cutoff)
{
    enum { WIDTH_MAX = 32 };
    double got[WIDTH_MAX];
    double want[WIDTH_MAX];
    const alm_training_row *row = &rows->rows[r];
    size_t width = alm_feature_plan_width(v->c.plan);
    size_t place = place_of(at_origin, row->series);
    assert_true(width <= WIDTH_MAX && place != SIZE_MAX);
    alm_history_view view = {.panel = &at_origin->panel, .series = place,
                             .origin = row->row.origin};
    assert_true(row->row.scale == alm_history_scale(&view, f->arena));
    double y = alm_panel_value(&at_cutoff->panel, 0, place_of(at_cutoff, row->series),
                               row->row.origin + row->row.step);
    assert_true(rows->label[r] == (y / row->row.scale < 50 ? y / row->row.scale : 50));
    assert_int_equal(alm_feature_rows(v->c.plan, &at_origin->panel, place, &row->row, 1, want,
                                      width, f->arena, &f->error), ALM_OK);
    assert_int_equal(alm_feature_file_read(rows->kept, row->series, rows->slot[r], got,
                                           &f->error), ALM_OK);
    assert_memory_equal(got, want, width * sizeof *want);
}

static void rows_are_as_known_at_their_origin(void **state)
{
    fixture *f = *state;
    vintage_case v;
    vintage_open(f, restated, 0, NEVER, true);
    vintage_case_open(f, 16, &v);
    for (size_t cutoff = 100; cutoff <= CUTOFF; cutoff += 30) {
        alm_training_rows rows;
        vintage_select(f, &v, cutoff, &rows);
        known_panel at_cutoff = open_known(f, &v, cutoff);
        size_t checked = 0;
        for (size_t origin = 0; origin < cutoff; origin++) {
            known_panel at_origin = {0};
            for (size_t r = 0; r < rows.count; r++) {
                if (rows.rows[r].row.origin == origin) {
                    at_origin = at_origin.source ? at_origin : open_known(f, &v, origin + 1);
                    expect_known(f, &v, &rows, r, &at_origin, &at_cutoff);
                    checked++;
                }
            }
            alm_panel_source_close(at_origin.source);
        }
        assert_true(checked == rows.count && checked > 200);
        alm_panel_source_close(at_cutoff.source);
        alm_feature_file_close(rows.kept);
    }
    vintage_case_close(&v);
}

/* Rows that become known after the cutoff move nothing, whether they are there or not; the final
 * panel, which the rows were made from before there were vintages, is full of them. */
static void later_vintages_move_nothing(void **state)
{
    fixture *f = *state;
    vintage_case v;
    alm_training_rows cut;
    alm_training_rows whole;
    alm_training_rows final = {0};
    vintage_open(f, poisoned, 0, CUTOFF, true);
    vintage_case_open(f, 7, &v);
    vintage_select(f, &v, CUTOFF, &cut);
    alm_str text = text_of_fit(f, &cut);
    alm_feature_file_close(cut.kept);
    vintage_case_close(&v);
    vintage_open(f, poisoned, 0, NEVER, true);
    vintage_case_open(f, 256, &v);
    vintage_select(f, &v, CUTOFF, &whole);
    assert_true(whole.count > 400);
    assert_true(same_rows(&cut, &whole));
    assert_true(alm_str_equal(text, text_of_fit(f, &whole)));
    assert_int_equal(alm_training_rows_select(&v.c.panel, v.c.plan, &f->project->models[0],
                                              (alm_training_window){CUTOFF, 0}, f->arena, &final,
                                              &f->error), ALM_OK);
    assert_false(same_rows(&whole, &final));
    assert_false(alm_str_equal(text, text_of_fit(f, &final)));
    alm_feature_file_close(whole.kept);
    vintage_case_close(&v);
}

static void failures_leave_nothing(void **state)
{
    fixture *f = *state;
    vintage_case v;
    alm_training_rows rows = {0};
    vintage_open(f, prompt, 0, NEVER, true);
    vintage_case_open(f, 16, &v);
    alm_model_spec model = f->project->models[0];
    alm_vintage_rows_request request = {&v.origins, v.c.plan, &model, {45, 0}, f->root};
    assert_int_equal(alm_vintage_rows_select(&request, f->arena, &rows, &f->error),
                     ALM_ERR_INCOMPLETE);
    assert_string_equal(f->error.message, "model demand: no training row for the steps 1 to 14: 45 "
                        "days of history, history_min is 42, origin_stride 16");
    model.gbm.rows_max = 500;
    request.window.cutoff = CUTOFF;
    assert_int_equal(alm_vintage_rows_select(&request, f->arena, &rows, &f->error), ALM_ERR_LIMIT);
    model.gbm.rows_max = 200000;
    request.scratch = fixture_path(f, "no/such/folder");
    assert_int_equal(alm_vintage_rows_select(&request, f->arena, &rows, &f->error),
                     ALM_ERR_NOT_FOUND);
    assert_null(rows.kept);
    vintage_case_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unrestated_rows_are_those_of_one_panel, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(rows_are_as_known_at_their_origin, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(later_vintages_move_nothing, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(failures_leave_nothing, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
