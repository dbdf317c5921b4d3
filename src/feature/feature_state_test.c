/* Online values are the batch values, bit by bit: replayed from the start, from a random point,
 * from a checkpoint, on a clone and after a correction. */
#include "feature/feature_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PERIODS 260
#define FUTURE (CASE_STEPS + CASE_CAP)

typedef struct fixture {
    alm_arena *arena;
    alm_arena *scratch;
    alm_rng rng;
    alm_panel panel;
    alm_feature_spec specs[CASE_SPECS_MAX];
    size_t count;
    alm_feature_plan *plan;
    double *out;
    double *expected;
} fixture;

static void compile_into(fixture *f, const alm_feature_spec *specs, size_t count, int32_t delay,
                         alm_sold_out_rule rule)
{
    alm_feature_schema schema = case_schema(delay);
    schema.sold_out = rule;
    alm_error error = {0};
    if (alm_feature_plan_compile(specs, count, case_blocks, 2, &schema, &f->plan, &error) !=
        ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static fixture fixture_of(uint64_t seed, bool finite_only)
{
    fixture f = {.arena = alm_arena_create(0), .scratch = alm_arena_create(0),
                 .rng = alm_rng_stream(seed, 3)};
    alm_feature_spec all[CASE_SPECS_MAX];
    int32_t delay = (int32_t)(seed % 3);
    f.panel = case_panel(&f.rng, PERIODS, FUTURE, f.arena);
    size_t count = case_specs(all, delay, f.arena);
    for (size_t i = 0; i < count; i++) {
        if (!finite_only || !case_is_anchored(all[i].op)) {
            f.specs[f.count++] = all[i];
        }
    }
    /* A replay that begins in the middle knows nothing to stand in for a sold-out cell. */
    compile_into(&f, f.specs, f.count, delay,
                 finite_only ? ALM_SOLD_OUT_MASKED : (alm_sold_out_rule)(seed % 4 / 2));
    f.out = ALM_NEW_ARRAY(f.arena, double, f.count);
    f.expected = ALM_NEW_ARRAY(f.arena, double, f.count);
    return f;
}

static void fixture_end(fixture *f)
{
    alm_feature_plan_destroy(f->plan);
    alm_arena_destroy(f->scratch);
    alm_arena_destroy(f->arena);
}

static void require(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fail_msg("%s", error->message);
    }
}

static void batch_row(const fixture *f, const alm_panel *panel, size_t series,
                      alm_feature_row row, double *out)
{
    alm_error error = {0};
    alm_arena_reset(f->scratch);
    require(alm_feature_rows(f->plan, panel, series, &row, 1, out, f->count, f->scratch, &error),
            &error);
}

static alm_feature_state *state_of(const fixture *f, size_t series)
{
    alm_feature_state *state;
    alm_error error = {0};
    require(alm_feature_state_create(f->plan, f->panel.start, f->panel.statics + 2 * series,
                                     &state, &error), &error);
    return state;
}

static void values_at(const alm_panel *panel, size_t series, size_t period,
                      double values[CASE_COLUMNS])
{
    for (size_t c = 0; c < CASE_COLUMNS; c++) {
        values[c] = alm_panel_value(panel, c, series, period);
    }
}

static void update(alm_feature_state *state, const alm_panel *panel, size_t series, size_t period)
{
    double values[CASE_COLUMNS];
    alm_error error = {0};
    values_at(panel, series, period, values);
    require(alm_feature_update(state, values,
                               panel->state[series * panel->periods + period], &error), &error);
}

static void update_range(alm_feature_state *state, const alm_panel *panel, size_t series,
                         size_t from, size_t to)
{
    for (size_t period = from; period < to; period++) {
        update(state, panel, series, period);
    }
}

/* What is known in advance at `origin`, as far as the plan reads. */
static void emit(const fixture *f, const alm_feature_state *state, const alm_panel *panel,
                 size_t series, alm_feature_row row, double *out)
{
    double known[CASE_COLUMNS * FUTURE];
    alm_error error = {0};
    size_t ahead = alm_feature_plan_ahead(f->plan);
    assert_true(ahead <= FUTURE);
    for (size_t c = 0; c < CASE_COLUMNS; c++) {
        for (size_t k = 0; k < ahead; k++) {
            known[c * ahead + k] = panel->columns[c].role == ALM_ROLE_KNOWN
                                       ? alm_panel_value(panel, c, series, row.origin + 1 + k)
                                       : 1e9; /* not to be read */
        }
    }
    require(alm_feature_emit(state, row.step, row.scale, known, ahead, out, &error), &error);
}

static void assert_rows_equal(const fixture *f, const alm_feature_row *row, const double *got,
                              const double *expected)
{
    for (size_t i = 0; i < f->count; i++) {
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0) {
            fail_msg("%s (operator %d, anchor %d, column %s) at origin %u step %u: %.17g, "
                     "expected %.17g", f->specs[i].name, (int)f->specs[i].op,
                     (int)f->specs[i].anchor, f->specs[i].column ? f->specs[i].column : "-",
                     row->origin, row->step, got[i], expected[i]);
        }
    }
}

/* Online at the state's origin equals batch on `panel`, for some steps. */
static void assert_online_is_batch(fixture *f, const alm_feature_state *state,
                                   const alm_panel *panel, size_t series, size_t origin)
{
    for (uint32_t step = 1; step <= CASE_STEPS; step += 4) {
        alm_feature_row row = {(uint32_t)origin, step, 1.5};
        emit(f, state, panel, series, row, f->out);
        batch_row(f, panel, series, row, f->expected);
        assert_rows_equal(f, &row, f->out, f->expected);
    }
}

static void test_online_equals_batch(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        fixture f = fixture_of(seed, seed % 2);
        for (size_t series = 0; series < CASE_SERIES; series++) {
            alm_feature_state *state = state_of(&f, series);
            for (size_t period = 0; period < PERIODS; period++) {
                update(state, &f.panel, series, period);
                if (period % 9 == seed) {
                    assert_online_is_batch(&f, state, &f.panel, series, period);
                }
            }
            alm_feature_state_destroy(state);
        }
        fixture_end(&f);
    }
}

/* Each feature alone: no ring is as long as it must be because another feature needs it so. */
static void test_each_online_alone(void **unused)
{
    (void)unused;
    fixture f = fixture_of(6, false);
    size_t count = f.count;
    alm_feature_plan_destroy(f.plan);
    f.count = 1;
    for (size_t i = 0; i < count; i++) {
        f.specs[0] = f.specs[i];
        compile_into(&f, &f.specs[0], 1, 6 % 3, ALM_SOLD_OUT_IMPUTED);
        alm_feature_state *state = state_of(&f, i % CASE_SERIES);
        for (size_t period = 0; period < PERIODS; period++) {
            update(state, &f.panel, i % CASE_SERIES, period);
            if (period % 29 == 28) {
                assert_online_is_batch(&f, state, &f.panel, i % CASE_SERIES, period);
            }
        }
        alm_feature_state_destroy(state);
        alm_feature_plan_destroy(f.plan);
    }
    f.plan = NULL;
    fixture_end(&f);
}

/* All rows in one call and each row in its own call: chunks and starting points do not matter. */
static void test_dense_equals_sparse(void **unused)
{
    (void)unused;
    enum { LONG = 1200 }; /* every ring wraps around several times */
    fixture f = fixture_of(5, false);
    alm_panel panel = case_panel(&f.rng, LONG, FUTURE, f.arena);
    alm_feature_row *rows = ALM_NEW_ARRAY(f.arena, alm_feature_row, LONG * CASE_STEPS);
    size_t count = case_rows(rows, 0, LONG, 1);
    double *dense = ALM_NEW_ARRAY(f.arena, double, count * f.count);
    alm_error error = {0};
    require(alm_feature_rows(f.plan, &panel, 1, rows, count, dense, f.count, f.scratch, &error),
            &error);
    for (size_t r = 0; r < count; r += 23) {
        batch_row(&f, &panel, 1, rows[r], f.out);
        assert_rows_equal(&f, &rows[r], f.out, dense + r * f.count);
    }
    fixture_end(&f);
}

/* FINITE operators on a panel that begins anywhere before the look-back. */
static void test_finite_from_any_start(void **unused)
{
    (void)unused;
    for (uint64_t seed = 10; seed < 14; seed++) {
        fixture f = fixture_of(seed, true);
        size_t lookback = alm_feature_plan_lookback(f.plan);
        for (int round = 0; round < 60; round++) {
            size_t origin = lookback + (size_t)alm_rng_next_below(&f.rng, PERIODS - lookback);
            size_t start = (size_t)alm_rng_next_below(&f.rng, origin - lookback + 1);
            size_t series = (size_t)alm_rng_next_below(&f.rng, CASE_SERIES);
            alm_panel slice = case_slice(&f.panel, start, PERIODS, FUTURE, f.arena);
            uint32_t step = 1 + (uint32_t)alm_rng_next_below(&f.rng, CASE_STEPS);
            alm_feature_row row = {(uint32_t)origin, step, 2};
            batch_row(&f, &f.panel, series, row, f.expected);
            row.origin -= (uint32_t)start;
            batch_row(&f, &slice, series, row, f.out);
            assert_rows_equal(&f, &row, f.out, f.expected);
        }
        fixture_end(&f);
    }
}

/* Each FINITE feature alone, on a panel that begins exactly its look-back before the origin. */
static void test_each_finite_from_its_lookback(void **unused)
{
    (void)unused;
    fixture f = fixture_of(15, true);
    size_t count = f.count;
    alm_feature_plan_destroy(f.plan);
    f.count = 1;
    for (size_t i = 0; i < count; i++) {
        compile_into(&f, &f.specs[i], 1, 15 % 3, ALM_SOLD_OUT_MASKED);
        size_t lookback = alm_feature_plan_lookback(f.plan);
        for (int round = 0; round < 40; round++) {
            size_t origin = lookback + (size_t)alm_rng_next_below(&f.rng, PERIODS - lookback);
            size_t series = (size_t)alm_rng_next_below(&f.rng, CASE_SERIES);
            /* What lies further ahead than the plan reads does not matter. */
            alm_panel slice = case_slice(&f.panel, origin - lookback, origin + 1, FUTURE, f.arena);
            uint32_t step = 1 + (uint32_t)alm_rng_next_below(&f.rng, CASE_STEPS);
            alm_feature_row row = {(uint32_t)origin, step, 2};
            batch_row(&f, &f.panel, series, row, f.expected);
            row.origin = (uint32_t)lookback;
            batch_row(&f, &slice, series, row, f.out);
            assert_rows_equal(&f, &row, f.out, f.expected);
        }
        alm_feature_plan_destroy(f.plan);
    }
    f.plan = NULL;
    fixture_end(&f);
}

static void test_checkpoints(void **unused)
{
    (void)unused;
    for (uint64_t seed = 20; seed < 24; seed++) {
        fixture f = fixture_of(seed, false);
        size_t series = (size_t)seed % CASE_SERIES;
        alm_feature_state *state = state_of(&f, series);
        for (size_t from = 0; from < PERIODS;) {
            size_t to = from + 1 + (size_t)alm_rng_next_below(&f.rng, 50);
            to = to < PERIODS ? to : PERIODS;
            update_range(state, &f.panel, series, from, to);
            alm_buffer saved = {0}, again = {0};
            alm_feature_state *loaded;
            alm_error error = {0};
            require(alm_feature_state_save(state, &saved, &error), &error);
            require(alm_feature_state_load(f.plan, alm_buffer_view(&saved), &loaded, &error),
                    &error);
            require(alm_feature_state_save(loaded, &again, &error), &error);
            assert_int_equal(saved.size, again.size);
            assert_memory_equal(saved.data, again.data, saved.size);
            alm_feature_state_destroy(state);
            state = loaded;
            assert_online_is_batch(&f, state, &f.panel, series, to - 1);
            alm_buffer_deinit(&saved);
            alm_buffer_deinit(&again);
            from = to;
        }
        alm_feature_state_destroy(state);
        fixture_end(&f);
    }
}

static void test_damaged_checkpoints_are_refused(void **unused)
{
    (void)unused;
    fixture f = fixture_of(30, false);
    fixture other = fixture_of(30, true);
    alm_feature_state *state = state_of(&f, 0), *loaded = NULL;
    alm_buffer saved = {0};
    alm_error error = {0};
    update_range(state, &f.panel, 0, 0, 40);
    require(alm_feature_state_save(state, &saved, &error), &error);
    alm_str bytes = alm_buffer_view(&saved);
    assert_int_equal(alm_feature_state_load(other.plan, bytes, &loaded, &error),
                     ALM_ERR_CONFLICT);
    assert_non_null(strstr(error.message, "another feature version"));
    for (size_t size = 0; size < bytes.size; size += 97) {
        assert_int_equal(alm_feature_state_load(f.plan, (alm_str){bytes.data, size}, &loaded,
                                                &error), ALM_ERR_CORRUPT);
    }
    saved.data[200] ^= 1;
    assert_int_equal(alm_feature_state_load(f.plan, bytes, &loaded, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "hash does not match"));
    assert_null(loaded);
    alm_buffer_deinit(&saved);
    alm_feature_state_destroy(state);
    fixture_end(&other);
    fixture_end(&f);
}

/* A clone goes on alone, and so does its original. */
static void test_clones_are_independent(void **unused)
{
    (void)unused;
    fixture f = fixture_of(40, false);
    alm_feature_state *state = state_of(&f, 1), *clone;
    alm_error error = {0};
    const double other[CASE_COLUMNS] = {7, 8, 9, 10, 1};
    update_range(state, &f.panel, 1, 0, 120);
    require(alm_feature_state_clone(state, &clone, &error), &error);
    update_range(clone, &f.panel, 1, 120, 160);
    assert_online_is_batch(&f, state, &f.panel, 1, 119);
    assert_online_is_batch(&f, clone, &f.panel, 1, 159);
    for (int i = 0; i < 50; i++) {
        require(alm_feature_update(state, other, ALM_PERIOD_OBSERVED, &error), &error);
    }
    assert_online_is_batch(&f, clone, &f.panel, 1, 159);
    alm_feature_state_destroy(state);
    update_range(clone, &f.panel, 1, 160, 200);
    assert_online_is_batch(&f, clone, &f.panel, 1, 199);
    alm_feature_state_destroy(clone);
    fixture_end(&f);
}

static void change_cells(fixture *f, size_t series, size_t period, double *values)
{
    for (size_t c = 0; c < CASE_COLUMNS; c++) {
        const alm_panel_column *column = &f->panel.columns[c];
        size_t row = column->row_of_series ? column->row_of_series[series] : series;
        double *cell = (double *)(uintptr_t)&column->values[row * column->stride + period];
        *cell = values[c] = case_value(&f->rng, c);
    }
    ((uint8_t *)(uintptr_t)f->panel.state)[series * PERIODS + period] = ALM_PERIOD_OBSERVED;
}

/* A corrected state equals the batch over the corrected panel, then and after more periods. */
static void test_retract(void **unused)
{
    (void)unused;
    for (uint64_t seed = 50; seed < 54; seed++) {
        fixture f = fixture_of(seed, false);
        size_t series = 1;
        for (int round = 0; round < 4; round++) {
            alm_feature_state *state = state_of(&f, series);
            size_t seen = 60 + (size_t)alm_rng_next_below(&f.rng, 150);
            uint32_t back = (uint32_t)alm_rng_next_below(&f.rng, 50);
            size_t period = seen - 1 - back;
            alm_error error = {0};
            double values[CASE_COLUMNS];
            update_range(state, &f.panel, series, 0, seen);
            change_cells(&f, series, period, values);
            require(alm_feature_retract(state, back, values, ALM_PERIOD_OBSERVED, &error), &error);
            assert_online_is_batch(&f, state, &f.panel, series, seen - 1);
            update_range(state, &f.panel, series, seen, seen + 30);
            assert_online_is_batch(&f, state, &f.panel, series, seen + 29);
            alm_feature_state_destroy(state);
        }
        fixture_end(&f);
    }
}

/* Several at once, or none when one of them lies too far back. */
static void test_retract_all(void **unused)
{
    (void)unused;
    fixture f = fixture_of(55, false);
    alm_feature_state *state = state_of(&f, 1);
    alm_error error = {0};
    double values[3][CASE_COLUMNS];
    alm_feature_cells cells[3];
    update_range(state, &f.panel, 1, 0, 200);
    for (uint32_t i = 0; i < 3; i++) {
        cells[i] = (alm_feature_cells){7 * i + 2, values[i], ALM_PERIOD_OBSERVED};
        change_cells(&f, 1, 199 - cells[i].periods_back, values[i]);
    }
    uint32_t kept = (uint32_t)alm_feature_state_kept(state);
    assert_in_range(kept, 30, 200);
    cells[2].periods_back = kept;
    assert_int_equal(alm_feature_retract_all(state, cells, 3, &error), ALM_ERR_LIMIT);
    cells[2].periods_back = 16;
    require(alm_feature_retract_all(state, cells, 0, &error), &error);
    require(alm_feature_retract_all(state, cells, 3, &error), &error);
    assert_online_is_batch(&f, state, &f.panel, 1, 199);
    update_range(state, &f.panel, 1, 200, 230);
    assert_online_is_batch(&f, state, &f.panel, 1, 229);
    alm_feature_state_destroy(state);
    fixture_end(&f);
}

static void test_refusals(void **unused)
{
    (void)unused;
    fixture f = fixture_of(60, false);
    alm_feature_state *state = state_of(&f, 0);
    double values[CASE_COLUMNS] = {0};
    alm_error error = {0};
    assert_int_equal(alm_feature_emit(state, 1, 1, NULL, 0, f.out, &error), ALM_ERR_INCOMPLETE);
    update_range(state, &f.panel, 0, 0, PERIODS);
    assert_int_equal(alm_feature_emit(state, CASE_STEPS + 1, 1, NULL, 0, f.out, &error),
                     ALM_ERR_INVALID);
    assert_int_equal(alm_feature_emit(state, 1, 0, NULL, 0, f.out, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_feature_retract(state, PERIODS - 1, values, ALM_PERIOD_OBSERVED, &error),
                     ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "259 periods back"));
    alm_feature_state_destroy(state);
    alm_feature_state_destroy(NULL);
    fixture_end(&f);
}

/* Without any known value the features that need one are missing, the others are unchanged. */
static void test_unknown_future_is_missing(void **unused)
{
    (void)unused;
    fixture f = fixture_of(61, false);
    alm_feature_state *state = state_of(&f, 2);
    alm_error error = {0};
    update_range(state, &f.panel, 2, 0, 100);
    alm_feature_row row = {99, 5, 1};
    emit(&f, state, &f.panel, 2, row, f.expected);
    require(alm_feature_emit(state, 5, 1, NULL, 0, f.out, &error), &error);
    for (size_t i = 0; i < f.count; i++) {
        bool known = f.specs[i].column && (strcmp(f.specs[i].column, "price") == 0 ||
                                           strcmp(f.specs[i].column, "promotion") == 0);
        if (!known) {
            assert_memory_equal(&f.out[i], &f.expected[i], sizeof(double));
        } else if (f.specs[i].op == ALM_FEATURE_value || f.specs[i].op == ALM_FEATURE_days_to) {
            assert_true(isnan(f.out[i]));
        }
    }
    alm_feature_state_destroy(state);
    fixture_end(&f);
}

static void test_failed_allocations(void **unused)
{
    (void)unused;
    fixture f = fixture_of(62, false);
    alm_feature_state *state = NULL, *clone = NULL;
    alm_error error = {0};
    alm_heap_fail_at(1);
    assert_int_equal(alm_feature_state_create(f.plan, 0, f.panel.statics, &state, &error),
                     ALM_ERR_MEMORY);
    alm_heap_fail_at(0);
    assert_null(state);
    state = state_of(&f, 0);
    update_range(state, &f.panel, 0, 0, 50);
    alm_heap_fail_at(1);
    assert_int_equal(alm_feature_state_clone(state, &clone, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(1);
    assert_int_equal(alm_feature_emit(state, 1, 1, NULL, 0, f.out, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(0);
    assert_online_is_batch(&f, state, &f.panel, 0, 49);
    alm_feature_state_destroy(state);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_online_equals_batch),
        cmocka_unit_test(test_each_online_alone),
        cmocka_unit_test(test_dense_equals_sparse),
        cmocka_unit_test(test_finite_from_any_start),
        cmocka_unit_test(test_each_finite_from_its_lookback),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_damaged_checkpoints_are_refused),
        cmocka_unit_test(test_clones_are_independent),
        cmocka_unit_test(test_retract),
        cmocka_unit_test(test_retract_all),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown_future_is_missing),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
