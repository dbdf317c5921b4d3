/* Windows of every size over hostile cells, bit for bit against the plainest evaluation of their
 * definitions. What the operators do instead (prefix sums of two words, vectors, multiplication by
 * a reciprocal) may not be seen. */
#include "feature/feature_cases.h"

#include "num/exact_sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PERIODS 1100
#define SEASON 7
#define KINDS 12

static const int32_t windows[] = {2, 3, 4, 5, 6, 7, 8, 13, 28, 56, 130, 365, 730};
#define WINDOWS (sizeof windows / sizeof *windows)
static const alm_feature_op operators[] = {
    ALM_FEATURE_sum,        ALM_FEATURE_mean,       ALM_FEATURE_std,          ALM_FEATURE_ratio,
    ALM_FEATURE_zero_share, ALM_FEATURE_difference, ALM_FEATURE_seasonal_mean};
#define OPERATORS (sizeof operators / sizeof *operators)

static double hostile_cell(alm_rng *rng, int kind)
{
    double u = alm_rng_next_uniform(rng);
    switch (kind) {
    case 0:
        return (double)alm_rng_next_below(rng, 200);
    case 1:
        return (double)alm_rng_next_below(rng, 20000) / 100;
    case 2: /* stretches of whole numbers among decimals */
        return alm_rng_next_below(rng, 12) ? floor(u * 9) : u * 9;
    case 3:
        return (u - 0.5) * 1e9;
    case 4: /* sums beyond the fast way, cells beyond alm_fixed */
        return (u - 0.5) * 1e12;
    case 5:
        return ldexp(u - 0.5, (int)alm_rng_next_below(rng, 120) - 80);
    case 6:
        return alm_rng_next_below(rng, 40) ? floor(u * 1e6) / 8 : NAN;
    case 7:
        return alm_rng_next_below(rng, 300) ? floor(u * 1000) / 8 : u * 1e300;
    case 8: /* the largest small cells: squares of windows beyond 2^53 */
        return 0x1p20 - (double)alm_rng_next_below(rng, 3);
    case 9:
        return 1.99;
    case 10: /* cancels */
        return alm_rng_next_below(rng, 2) ? 0x1p37 + 0.1 : -0x1p37 - 0.1;
    default:
        return alm_rng_next_below(rng, 3) ? -0.0 : alm_rng_next_below(rng, 9) ? -floor(u * 50)
                                                                             : 0x1p-1074;
    }
}

/* ---- the plain definitions ---- */

typedef struct cells {
    const double *x;
    int64_t newest;
    int64_t count;
    int64_t stride;
} cells;

/* The cell `back` before the newest; before the series there is none. */
static double cell_of(const cells *c, int64_t back)
{
    int64_t p = c->newest - back * c->stride;
    return p < 0 ? NAN : c->x[p];
}

static double plain_sum(const cells *c, double *usable)
{
    alm_exact_sum sum;
    alm_exact_sum_clear(&sum);
    *usable = 0;
    for (int64_t k = 0; k < c->count; k++) {
        double x = cell_of(c, k);
        if (!isnan(x)) {
            alm_exact_sum_add(&sum, x);
            *usable += 1;
        }
    }
    return alm_exact_sum_value(&sum);
}

static double plain_mean(const cells *c)
{
    double usable;
    double sum = plain_sum(c, &usable);
    return sum / usable;
}

/* Whole cells of at most 2^20: from exact sums. Others: two passes, the second in four sums. */
static double plain_std(const cells *c)
{
    double usable, squares[4] = {0};
    alm_i128 sum = 0, square = 0;
    bool whole = true;
    double mean = plain_sum(c, &usable) / usable;
    for (int64_t k = 0; k < c->count; k++) {
        double x = cell_of(c, k);
        bool small = fabs(x) <= 0x1p20 && floor(x) == x;
        whole = whole && (small || isnan(x));
        sum += small ? (alm_i128)x : 0;
        square += small ? (alm_i128)x * (alm_i128)x : 0;
        int64_t lane = k < c->count / 4 * 4 ? k % 4 : 0;
        squares[lane] += isnan(x - mean) ? 0 : (x - mean) * (x - mean);
    }
    if (usable < 2) {
        return NAN;
    }
    double n = usable;
    return whole ? sqrt((double)((alm_i128)n * square - sum * sum) / (n * (n - 1)))
                 : sqrt(((squares[0] + squares[1]) + (squares[2] + squares[3])) / (n - 1));
}

static double plain_value(alm_feature_op op, const double *x, int64_t period, int64_t window)
{
    cells c = {x, period, window, 1};
    double usable, zeros = 0;
    double sum = plain_sum(&c, &usable);
    switch (op) {
    case ALM_FEATURE_sum:
        return usable > 0 ? sum : NAN;
    case ALM_FEATURE_mean:
        return sum / usable;
    case ALM_FEATURE_std:
        return plain_std(&c);
    case ALM_FEATURE_ratio:
        c.newest--;
        return (x[period] + 0.0) / plain_mean(&c); /* cells have no negative zero */
    case ALM_FEATURE_zero_share:
        for (int64_t k = 0; k < window; k++) {
            zeros += cell_of(&c, k) == 0;
        }
        return zeros / usable;
    case ALM_FEATURE_difference:
        return period < window ? NAN : x[period] - x[period - window];
    default:
        c.stride = SEASON;
        return plain_mean(&c);
    }
}

/* ---- tests ---- */

typedef struct fixture {
    alm_arena *arena;
    double *x;
    alm_panel panel;
    alm_feature_spec specs[OPERATORS * WINDOWS];
    size_t count;
    alm_feature_plan *plan;
} fixture;

static void compile(fixture *f)
{
    alm_horizon_block block = {1, SEASON};
    alm_feature_schema schema = {.columns = f->panel.columns, .column_count = 1};
    alm_error error = {0};
    if (alm_feature_plan_compile(f->specs, f->count, &block, 1, &schema, &f->plan, &error)) {
        fail_msg("%s", error.message);
    }
}

static fixture fixture_of(int kind)
{
    alm_rng rng = alm_rng_stream((uint64_t)kind, 9);
    fixture f = {.arena = alm_arena_create(0)};
    f.x = ALM_NEW_ARRAY(f.arena, double, PERIODS);
    uint8_t *states = ALM_NEW_ARRAY(f.arena, uint8_t, PERIODS);
    alm_panel_column *column = ALM_NEW(f.arena, alm_panel_column);
    memset(states, ALM_PERIOD_OBSERVED, PERIODS);
    for (size_t p = 0; p < PERIODS; p++) {
        f.x[p] = hostile_cell(&rng, kind);
    }
    *column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, f.x, PERIODS, NULL};
    f.panel = (alm_panel){.start = 18000, .periods = PERIODS, .series_count = 1, .state = states,
                          .column_count = 1, .columns = column};
    for (size_t i = 0; i < OPERATORS * WINDOWS; i++) {
        alm_feature_op op = operators[i / WINDOWS];
        bool seasonal = op == ALM_FEATURE_seasonal_mean;
        f.specs[f.count++] = (alm_feature_spec){
            .name = alm_arena_printf(f.arena, "f%zu", i), .op = op, .column = "units",
            .window = windows[i % WINDOWS], .season = seasonal ? SEASON : 0};
    }
    compile(&f);
    return f;
}

static void fixture_end(fixture *f)
{
    alm_feature_plan_destroy(f->plan);
    alm_arena_destroy(f->arena);
}

static void assert_bits(const alm_feature_spec *spec, int kind, size_t period, double got,
                        double expected)
{
    expected = isfinite(expected) ? expected : NAN;
    if (isnan(got) ? !isnan(expected) : memcmp(&got, &expected, sizeof got) != 0) {
        fail_msg("operator %d, window %d, kind %d, period %zu: %a, expected %a", (int)spec->op,
                 (int)spec->window, kind, period, got, expected);
    }
}

/* A row per period, one week ahead: the season of period t - 7 ends at the origin itself. */
static double *all_rows(const fixture *f)
{
    alm_arena *scratch = alm_arena_create(0);
    size_t count = f->panel.periods;
    alm_feature_row *rows = ALM_NEW_ARRAY(f->arena, alm_feature_row, count);
    double *out = ALM_NEW_ARRAY(f->arena, double, count * f->count);
    alm_error error = {0};
    for (size_t p = 0; p < count; p++) {
        rows[p] = (alm_feature_row){(uint32_t)p, SEASON, 1};
    }
    assert_int_equal(alm_feature_rows(f->plan, &f->panel, 0, rows, count, out, f->count, scratch,
                                      &error), ALM_OK);
    alm_arena_destroy(scratch);
    return out;
}

static void test_windows_have_the_bits_of_their_definition(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        fixture f = fixture_of(kind);
        const double *out = all_rows(&f);
        for (size_t i = 0; i < f.count; i++) {
            const alm_feature_spec *spec = &f.specs[i];
            size_t every = 1 + (size_t)spec->window / 8; /* the definition takes its time */
            for (size_t p = 0; p < PERIODS; p += every) {
                assert_bits(spec, kind, p, out[p * f.count + i],
                            plain_value(spec->op, f.x, (int64_t)p, spec->window));
            }
        }
        fixture_end(&f);
    }
}

/* A copy of the series in which each third or seventh period is closed; open[p] is the period of
 * its p-th cell. Operators that know closed days skip them. */
static fixture with_closed_days(const fixture *f, size_t *open)
{
    fixture closed = *f;
    alm_panel_column *column = ALM_NEW(f->arena, alm_panel_column);
    closed.panel.periods = PERIODS * 2;
    double *x = ALM_NEW_ARRAY(f->arena, double, closed.panel.periods);
    uint8_t *states = ALM_NEW_ARRAY(f->arena, uint8_t, closed.panel.periods);
    memset(states, ALM_PERIOD_CLOSED, closed.panel.periods);
    for (size_t p = 0, at = 0; p < PERIODS; p++, at++) {
        at += at % 7 == 6 || (p > PERIODS / 2 && at % 3 == 1);
        open[p] = at;
        x[at] = f->x[p];
        states[at] = ALM_PERIOD_OBSERVED;
    }
    *column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, x, closed.panel.periods, NULL};
    closed.panel.columns = column;
    closed.panel.state = states;
    closed.count = 5 * WINDOWS; /* not difference and seasonal_mean */
    for (size_t i = 0; i < closed.count; i++) {
        closed.specs[i].skip_closed = true;
    }
    compile(&closed);
    return closed;
}

static void test_closed_days_change_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        size_t open[PERIODS];
        fixture f = fixture_of(kind);
        fixture closed = with_closed_days(&f, open);
        const double *expected = all_rows(&f);
        const double *out = all_rows(&closed);
        for (size_t p = 0; p < PERIODS; p++) {
            for (size_t i = 0; i < closed.count; i++) {
                /* Before a whole window, the four sums of a deviation are cut in other places. */
                if (p >= (size_t)f.specs[i].window) {
                    assert_bits(&f.specs[i], kind, p, out[open[p] * closed.count + i],
                                expected[p * f.count + i]);
                }
            }
        }
        alm_feature_plan_destroy(closed.plan);
        fixture_end(&f);
    }
}

/* Online: the step functions, period by period. */
static void test_single_periods_have_the_same_bits(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        fixture f = fixture_of(kind);
        double *out = ALM_NEW_ARRAY(f.arena, double, f.count);
        alm_feature_state *online;
        alm_error error = {0};
        assert_int_equal(alm_feature_state_create(f.plan, 18000, NULL, &online, &error), ALM_OK);
        for (size_t p = 0; p < PERIODS; p++) {
            assert_int_equal(alm_feature_update(online, f.x + p, ALM_PERIOD_OBSERVED, &error),
                             ALM_OK);
            if (p % 97 != 3) {
                continue;
            }
            assert_int_equal(alm_feature_emit(online, SEASON, 1, NULL, 0, out, &error), ALM_OK);
            for (size_t i = 0; i < f.count; i++) {
                assert_bits(&f.specs[i], kind, p, out[i],
                            plain_value(f.specs[i].op, f.x, (int64_t)p, f.specs[i].window));
            }
        }
        alm_feature_state_destroy(online);
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_have_the_bits_of_their_definition),
        cmocka_unit_test(test_closed_days_change_nothing),
        cmocka_unit_test(test_single_periods_have_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
