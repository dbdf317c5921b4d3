/* Batch values against an independent reference that evaluates every definition directly, and what
 * must not change them: data after the origin. */
#include "feature/feature_cases.h"

#include "num/exact_sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PERIODS 150
#define FUTURE (CASE_STEPS + CASE_CAP)
#define ROWS_MAX (PERIODS * CASE_STEPS)
#define WINDOW_MAX 64

/* ---- the reference ---- */

typedef struct subject {
    const alm_panel *panel;
    size_t series;
    const alm_feature_spec *spec;
    size_t column;
    bool known;
    int64_t delay; /* of what the operator reads */
} subject;

static uint8_t state_at(const subject *s, int64_t p)
{
    return s->panel->state[s->series * s->panel->periods + (size_t)p];
}

static double cell_of(const subject *s, size_t column, bool known, int64_t p)
{
    int64_t end = (int64_t)(s->panel->periods + (known ? s->panel->future : 0));
    if (p < 0 || p >= end) {
        return NAN;
    }
    if (column == 0 && state_at(s, p) != ALM_PERIOD_OBSERVED &&
        state_at(s, p) != ALM_PERIOD_ZERO) {
        return state_at(s, p) == ALM_PERIOD_CLOSED ? 0 : NAN;
    }
    return alm_panel_value(s->panel, column, s->series, (size_t)p);
}

static double cell(const subject *s, int64_t p)
{
    return cell_of(s, s->column, s->known, p);
}

static bool is_closed(const subject *s, int64_t p)
{
    return s->spec->skip_closed && p >= 0 && state_at(s, p) == ALM_PERIOD_CLOSED;
}

/* Usable cells among the newest `n` up to `end`, oldest first; the newest cell goes to `newest`. */
static size_t gather(const subject *s, int64_t end, int n, double *x, double *newest)
{
    double reversed[WINDOW_MAX];
    size_t usable = 0;
    int seen = 0;
    int64_t reach = s->spec->skip_closed ? 2 * n + 28 : n;
    *newest = NAN;
    for (int64_t p = end; p > end - reach && seen < n && p >= 0; p--) {
        if (is_closed(s, p)) {
            continue;
        }
        double value = cell(s, p);
        *newest = seen == 0 ? value : *newest;
        seen++;
        if (!isnan(value)) {
            reversed[usable++] = value;
        }
    }
    for (size_t i = 0; i < usable; i++) {
        x[i] = reversed[usable - 1 - i];
    }
    return usable;
}

static double exact_total(const double *x, size_t n)
{
    alm_exact_sum sum;
    alm_exact_sum_clear(&sum);
    for (size_t i = 0; i < n; i++) {
        alm_exact_sum_add(&sum, x[i]);
    }
    return alm_exact_sum_value(&sum);
}

static double sample_std(const double *x, size_t n)
{
    long double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        mean += (long double)x[i] / (long double)n;
    }
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    return n < 2 ? NAN : (double)sqrtl(squares / (long double)(n - 1));
}

static double sorted_middle(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            double low = x[j] < x[i] ? x[j] : x[i];
            x[j] = x[j] < x[i] ? x[i] : x[j];
            x[i] = low;
        }
    }
    return n == 0 ? NAN : n % 2 ? x[n / 2] : 0.5 * x[n / 2 - 1] + 0.5 * x[n / 2];
}

/* The level's place among the ranks 0..n-1, on the line between its neighbours: drawn from the
 * nearer one, which is what numpy does with the last bit. */
static double sorted_quantile(double *x, size_t n, double level)
{
    (void)sorted_middle(x, n);
    if (n == 0) {
        return NAN;
    }
    double rank = floor((double)(n - 1) * level), share = (double)(n - 1) * level - rank;
    double a = x[(size_t)rank], b = x[rank + 1 < (double)n ? (size_t)rank + 1 : (size_t)rank];
    return share < 0.5 ? a + (b - a) * share : b - (b - a) * (1 - share);
}

static double extreme_of(const double *x, size_t n, bool least)
{
    double best = NAN;
    for (size_t i = 0; i < n; i++) {
        best = isnan(best) || (least ? x[i] < best : x[i] > best) ? x[i] : best;
    }
    return best;
}

static double window_value(const subject *s, int64_t end)
{
    double x[WINDOW_MAX], newest, value;
    int window = s->spec->window;
    size_t n = gather(s, end, window, x, &newest);
    size_t zeros = 0;
    for (size_t i = 0; i < n; i++) {
        zeros += x[i] == 0;
    }
    switch (s->spec->op) {
    case ALM_FEATURE_mean:
        return n ? exact_total(x, n) / (double)n : NAN;
    case ALM_FEATURE_sum:
        return n ? exact_total(x, n) : NAN;
    case ALM_FEATURE_std:
        return sample_std(x, n);
    case ALM_FEATURE_min:
    case ALM_FEATURE_max:
        return extreme_of(x, n, s->spec->op == ALM_FEATURE_min);
    case ALM_FEATURE_median:
        return sorted_middle(x, n);
    case ALM_FEATURE_quantile:
        return sorted_quantile(x, n, s->spec->level);
    case ALM_FEATURE_zero_share:
        return n ? (double)zeros / (double)n : NAN;
    default:
        n = gather(s, end, window + 1, x, &newest);
        n -= !isnan(newest); /* the newest is the last of the usable ones */
        value = n ? newest / (exact_total(x, n) / (double)n) : NAN;
        return isfinite(value) ? value : NAN;
    }
}

static double cover_value(const subject *s, int64_t end)
{
    double x[WINDOW_MAX], newest, stock = NAN;
    subject demand = *s;
    demand.column = 0;
    size_t n = gather(&demand, end, s->spec->window, x, &newest);
    for (int64_t p = end; p > end - s->spec->window && isnan(stock); p--) {
        stock = cell(s, p);
    }
    if (n == 0 || isnan(stock) || stock <= 0) {
        return n == 0 || isnan(stock) ? NAN : 0;
    }
    double mean = exact_total(x, n) / (double)n;
    return mean > 0 && stock / mean < 365 ? stock / mean : 365;
}

static double seasonal_value(const subject *s, int64_t end, int64_t target)
{
    double x[WINDOW_MAX];
    size_t n = 0;
    int64_t p = target;
    while (p > end) {
        p -= s->spec->season;
    }
    for (int k = 0; k < s->spec->window; k++, p -= s->spec->season) {
        if (!isnan(cell(s, p)) && !is_closed(s, p)) {
            x[n++] = cell(s, p);
        }
    }
    switch (s->spec->op) {
    case ALM_FEATURE_seasonal_std:
        return sample_std(x, n);
    case ALM_FEATURE_seasonal_min:
    case ALM_FEATURE_seasonal_max:
        return extreme_of(x, n, s->spec->op == ALM_FEATURE_seasonal_min);
    default:
        return n ? exact_total(x, n) / (double)n : NAN;
    }
}

/* Over everything up to the end, which for known columns may lie in the future. */
static double expanding_value(const subject *s, int64_t end)
{
    double x[PERIODS + FUTURE];
    size_t n = 0;
    for (int64_t p = 0; p <= end; p++) {
        if (!isnan(cell(s, p)) && !is_closed(s, p)) {
            x[n++] = cell(s, p);
        }
    }
    return s->spec->op == ALM_FEATURE_expanding_std
               ? sample_std(x, n) : extreme_of(x, n, s->spec->op == ALM_FEATURE_expanding_min);
}

static double plain_mean(const subject *s, size_t column, bool known, int64_t end, bool positive)
{
    long double sum = 0;
    size_t n = 0;
    for (int64_t p = 0; p <= end; p++) {
        double value = cell_of(s, column, known, p);
        if (!isnan(value) && !is_closed(s, p) && (!positive || value > 0)) {
            sum += value;
            n++;
        }
    }
    return n ? (double)(sum / (long double)n) : NAN;
}

static size_t count_usable(const subject *s, size_t column, int64_t end)
{
    size_t n = 0;
    for (int64_t p = 0; p <= end; p++) {
        n += !isnan(cell_of(s, column, false, p));
    }
    return n;
}

static double anchored_value(const subject *s, int64_t end)
{
    double first = -1, last = -1, count = 0, age = -1, mean = NAN;
    for (int64_t p = 0; p <= end; p++) {
        double value = cell(s, p);
        if (isnan(value) || is_closed(s, p)) {
            continue;
        }
        double alpha = s->spec->alpha;
        mean = isnan(mean) ? value : (1 - alpha) * mean + alpha * value;
        age = age < 0 ? (double)p : age;
        if (value > 0) {
            first = count > 0 ? first : (double)p;
            last = (double)p;
            count++;
        }
    }
    switch (s->spec->op) {
    case ALM_FEATURE_ewm:
        return mean;
    case ALM_FEATURE_since_nonzero:
        return last < 0 ? NAN : (double)end - last;
    case ALM_FEATURE_mean_interval:
        return count < 2 ? NAN : (last - first) / (count - 1);
    case ALM_FEATURE_series_age:
        return age < 0 ? NAN : (double)end - age;
    case ALM_FEATURE_expanding_std:
    case ALM_FEATURE_expanding_min:
    case ALM_FEATURE_expanding_max:
        return expanding_value(s, end);
    case ALM_FEATURE_mean_size:
        return plain_mean(s, s->column, s->known, end, true);
    case ALM_FEATURE_target_encoding: {
        double own = plain_mean(s, 0, false, end, false);
        double group = plain_mean(s, s->column, false, end, false);
        double n = (double)count_usable(s, 0, end);
        return isnan(own)     ? group
               : isnan(group) ? own
                              : (n * own + s->spec->alpha * group) / (n + s->spec->alpha);
    }
    default:
        return plain_mean(s, s->column, s->known, end, false);
    }
}

/* Nearest event from `from` in direction `sign`, as days_to and days_since define it. */
static double event_distance(const subject *s, int64_t from, int sign)
{
    bool unknown = false;
    for (int64_t k = 0; k <= s->spec->window; k++) {
        double value = cell(s, from + sign * k);
        if (value > 0) {
            return (double)k;
        }
        unknown = unknown || isnan(value);
    }
    return unknown ? NAN : s->spec->window;
}

static double calendar_value(alm_feature_op op, alm_date day)
{
    switch (op) {
    case ALM_FEATURE_weekday:
        return alm_date_weekday(day);
    case ALM_FEATURE_day_of_month:
        return alm_date_civil(day).day;
    case ALM_FEATURE_day_of_year:
        return alm_date_day_of_year(day);
    case ALM_FEATURE_week_of_year:
        return alm_date_week_of_year(day);
    default:
        return alm_date_civil(day).month;
    }
}

static double column_value(const subject *s, int64_t origin, int64_t target)
{
    alm_feature_op op = s->spec->op;
    bool at_target = s->spec->anchor == ALM_ANCHOR_LAG ||
                     (s->known && (op == ALM_FEATURE_value || op == ALM_FEATURE_days_to ||
                                   op == ALM_FEATURE_days_since));
    int64_t end = at_target ? target - s->spec->offset
                            : origin - s->spec->offset - (s->known ? 0 : s->delay);
    double distance, change;
    switch (op) {
    case ALM_FEATURE_value:
    case ALM_FEATURE_lag:
        return cell(s, end);
    case ALM_FEATURE_difference:
        return cell(s, end) - cell(s, end - s->spec->window);
    case ALM_FEATURE_change:
        change = cell(s, end) / cell(s, end - s->spec->window) - 1;
        return isfinite(change) ? change : NAN;
    case ALM_FEATURE_days_of_cover:
        return cover_value(s, end);
    case ALM_FEATURE_seasonal_mean:
    case ALM_FEATURE_seasonal_std:
    case ALM_FEATURE_seasonal_min:
    case ALM_FEATURE_seasonal_max:
        return seasonal_value(s, end, target);
    case ALM_FEATURE_days_to:
        return event_distance(s, end, 1);
    case ALM_FEATURE_days_since:
        distance = event_distance(s, end, -1) + (double)(target - end);
        return distance > s->spec->window ? s->spec->window : distance;
    default:
        return case_is_anchored(op) ? anchored_value(s, end) : window_value(s, end);
    }
}

static double reference(const alm_panel *panel, size_t series, const alm_feature_spec *spec,
                        int32_t delay, const alm_feature_row *row)
{
    int64_t origin = row->origin;
    int64_t target = origin + row->step;
    if (spec->steps_max && row->step > (uint32_t)spec->steps_max) {
        return NAN;
    }
    if (spec->op == ALM_FEATURE_step) {
        return row->step;
    }
    if (spec->op == ALM_FEATURE_attribute) {
        return panel->statics[series * 2 + alm_panel_find_static(panel, spec->column)];
    }
    if (case_is_calendar(spec->op)) {
        return calendar_value(spec->op, panel->start + (alm_date)target);
    }
    subject s = {panel, series, spec, alm_panel_find_column(panel, spec->column), false, 0};
    s.known = panel->columns[s.column].role == ALM_ROLE_KNOWN;
    s.delay = case_delay(spec->op, s.column, delay);
    double value = column_value(&s, origin, target);
    return spec->scaled ? value / row->scale : value;
}

/* Sums are compared by bits. A long double reference of a mean over the whole past, of a standard
 * deviation or of a weighted mean differs by a few roundings of the largest term. */
static double tolerance_of(alm_feature_op op)
{
    switch (op) {
    case ALM_FEATURE_std:
    case ALM_FEATURE_seasonal_std:
    case ALM_FEATURE_expanding_std:
    case ALM_FEATURE_expanding_mean:
    case ALM_FEATURE_mean_size:
    case ALM_FEATURE_target_encoding:
        return 1e-13;
    default:
        return 0;
    }
}

static void assert_value(const alm_feature_spec *spec, const alm_feature_row *row, double got,
                         double expected)
{
    bool same = isnan(got) ? isnan(expected) : got == expected;
    double allowed = tolerance_of(spec->op) * fabs(expected);
    if (!same && !(fabs(got - expected) <= allowed)) {
        fail_msg("%s over %s (operator %d, anchor %d, offset %d, window %d, skip_closed %d) at "
                 "origin %u step %u: %.17g, expected %.17g", spec->name,
                 spec->column ? spec->column : "nothing", (int)spec->op, (int)spec->anchor,
                 (int)spec->offset, (int)spec->window, spec->skip_closed, row->origin, row->step,
                 got, expected);
    }
    assert_false(isinf(got));
}

/* ---- tests ---- */

typedef struct fixture {
    alm_arena *arena;
    alm_arena *scratch;
    alm_panel panel;
    alm_feature_spec specs[CASE_SPECS_MAX];
    size_t count;
    int32_t delay;
    alm_feature_plan *plan;
    alm_feature_row *rows;
    double *out;
} fixture;

static fixture fixture_of(uint64_t seed)
{
    alm_rng rng = alm_rng_stream(seed, 2);
    fixture f = {.arena = alm_arena_create(0), .scratch = alm_arena_create(0),
                 .delay = (int32_t)(seed % 3)};
    f.panel = case_panel(&rng, PERIODS, FUTURE, f.arena);
    f.count = case_specs(f.specs, f.delay, f.arena);
    f.rows = ALM_NEW_ARRAY(f.arena, alm_feature_row, ROWS_MAX);
    f.out = ALM_NEW_ARRAY(f.arena, double, ROWS_MAX * f.count);
    alm_feature_schema schema = case_schema(f.delay);
    alm_error error = {0};
    if (alm_feature_plan_compile(f.specs, f.count, case_blocks, 2, &schema, &f.plan, &error) !=
        ALM_OK) {
        fail_msg("%s", error.message);
    }
    return f;
}

static void fixture_end(fixture *f)
{
    alm_feature_plan_destroy(f->plan);
    alm_arena_destroy(f->scratch);
    alm_arena_destroy(f->arena);
}

static void rows_of(const fixture *f, const alm_panel *panel, size_t series, size_t rows,
                    double *out)
{
    alm_error error = {0};
    alm_arena_reset(f->scratch);
    if (alm_feature_rows(f->plan, panel, series, f->rows, rows, out, f->count, f->scratch,
                         &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static void test_every_operator_against_the_reference(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture f = fixture_of(seed);
        size_t rows = case_rows(f.rows, seed, PERIODS, 1 + seed % 2);
        for (size_t series = 0; series < CASE_SERIES; series++) {
            rows_of(&f, &f.panel, series, rows, f.out);
            for (size_t i = 0; i < rows * f.count; i++) {
                const alm_feature_spec *spec = &f.specs[i % f.count];
                const alm_feature_row *row = &f.rows[i / f.count];
                assert_value(spec, row, f.out[i],
                             reference(&f.panel, series, spec, f.delay, row));
            }
        }
        fixture_end(&f);
    }
}

/* Rows of every pattern: each origin at one step, all steps of an origin, steps that fall as
 * origins rise, and whatever comes; with one scale and with many. */
static size_t patterned_rows(alm_rng *rng, alm_feature_row *rows)
{
    size_t count = 0;
    uint32_t origin = 0;
    while (origin < PERIODS - 1) {
        size_t length = 1 + (size_t)alm_rng_next_below(rng, 90);
        uint32_t step = 1 + (uint32_t)alm_rng_next_below(rng, CASE_STEPS);
        uint64_t pattern = alm_rng_next_below(rng, 5);
        bool scales = alm_rng_next_below(rng, 2);
        for (size_t i = 0; i < length && origin < PERIODS - 1; i++) {
            double scale = scales ? 0.5 + (double)(count % 3) : 1.7;
            rows[count++] = (alm_feature_row){origin, step, scale};
            origin += pattern < 2 || (pattern == 4 && alm_rng_next_below(rng, 4) == 0);
            step = pattern == 0   ? step
                   : pattern == 1 ? (step > 1 ? step - 1 : CASE_STEPS)
                   : pattern == 2 ? step % CASE_STEPS + 1
                   : pattern == 3 ? step
                                  : 1 + (uint32_t)alm_rng_next_below(rng, CASE_STEPS);
        }
        origin++;
    }
    return count;
}

/* A row's values do not depend on the rows around it. */
static void test_rows_do_not_depend_on_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 50; seed < 56; seed++) {
        fixture f = fixture_of(seed);
        alm_rng rng = alm_rng_stream(seed, 3);
        size_t rows = patterned_rows(&rng, f.rows);
        double *alone = ALM_NEW_ARRAY(f.arena, double, f.count);
        size_t series = seed % CASE_SERIES;
        rows_of(&f, &f.panel, series, rows, f.out);
        for (size_t r = 0; r < rows; r++) {
            alm_error error = {0};
            alm_arena_reset(f.scratch);
            assert_int_equal(alm_feature_rows(f.plan, &f.panel, series, f.rows + r, 1, alone,
                                              f.count, f.scratch, &error), ALM_OK);
            assert_memory_equal(f.out + r * f.count, alone, f.count * sizeof(double));
        }
        fixture_end(&f);
    }
}

/* Some value of every feature is present: the other tests do not compare missing values alone. */
static void test_every_feature_has_values(void **state)
{
    (void)state;
    fixture f = fixture_of(4);
    size_t rows = case_rows(f.rows, 60, PERIODS, 3);
    double *all = ALM_NEW_ARRAY(f.arena, double, CASE_SERIES * rows * f.count);
    for (size_t series = 0; series < CASE_SERIES; series++) {
        rows_of(&f, &f.panel, series, rows, all + series * rows * f.count);
    }
    for (size_t feature = 0; feature < f.count; feature++) {
        size_t present = 0;
        for (size_t r = 0; r < CASE_SERIES * rows; r++) {
            present += !isnan(all[r * f.count + feature]);
        }
        assert_true(present > 0);
    }
    fixture_end(&f);
}

/* Cutting the panel after the origin changes nothing. */
static void test_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 13; seed++) {
        fixture f = fixture_of(seed);
        double *cut = ALM_NEW_ARRAY(f.arena, double, CASE_STEPS * f.count);
        for (size_t origin = 20; origin + FUTURE < PERIODS; origin += 17) {
            size_t rows = case_rows(f.rows, origin, origin + 1, 1);
            alm_panel slice = case_slice(&f.panel, 0, origin + 1, FUTURE, f.arena);
            for (size_t series = 0; series < CASE_SERIES; series++) {
                rows_of(&f, &f.panel, series, rows, f.out);
                rows_of(&f, &slice, series, rows, cut);
                assert_memory_equal(f.out, cut, rows * f.count * sizeof(double));
            }
        }
        fixture_end(&f);
    }
}

/* The observed columns, each from `first` minus its own delay. */
static void poison(const alm_panel *panel, size_t first, const int32_t *delays, double value)
{
    for (size_t c = 0; c < 3; c++) {
        size_t rows = c == 2 ? 2 : CASE_SERIES;
        double *values = (double *)(uintptr_t)panel->columns[c].values;
        for (size_t r = 0; r < rows; r++) {
            for (size_t p = first - (size_t)delays[c]; p < panel->periods; p++) {
                values[r * panel->columns[c].stride + p] = value;
            }
        }
    }
}

/* No observed value newer than the origin minus its column's delay can be seen, whatever it is. */
static void test_poison(void **state)
{
    (void)state;
    const double poisons[] = {NAN, 1e308, -1e308, INFINITY, 0};
    for (uint64_t seed = 20; seed < 23; seed++) {
        fixture f = fixture_of(seed);
        double *poisoned = ALM_NEW_ARRAY(f.arena, double, CASE_STEPS * f.count);
        for (size_t origin = 15; origin < PERIODS; origin += 31) {
            size_t rows = case_rows(f.rows, origin, origin + 1, 1);
            for (size_t k = 0; k < sizeof poisons / sizeof *poisons; k++) {
                alm_panel copy = case_slice(&f.panel, 0, PERIODS, FUTURE, f.arena);
                poison(&copy, origin + 1, case_delays[f.delay], poisons[k]);
                size_t series = k % CASE_SERIES;
                rows_of(&f, &f.panel, series, rows, f.out);
                rows_of(&f, &copy, series, rows, poisoned);
                assert_memory_equal(f.out, poisoned, rows * f.count * sizeof(double));
            }
        }
        fixture_end(&f);
    }
}

/* Huge values inside the window: missing, never infinite. */
static void test_values_are_never_infinite(void **state)
{
    (void)state;
    fixture f = fixture_of(30);
    const double poisons[] = {1e308, -1e308, INFINITY, 0x1p-1074};
    for (size_t k = 0; k < sizeof poisons / sizeof *poisons; k++) {
        poison(&f.panel, 30 + 20 * k, case_delays[0], poisons[k]);
        size_t rows = case_rows(f.rows, 30, PERIODS, 3);
        rows_of(&f, &f.panel, k, rows, f.out);
        for (size_t i = 0; i < rows * f.count; i++) {
            assert_false(isinf(f.out[i]));
        }
    }
    fixture_end(&f);
}

static void test_bad_rows_are_refused(void **state)
{
    (void)state;
    fixture f = fixture_of(40);
    alm_error error = {0};
    const struct {
        alm_feature_row rows[2];
        const char *message;
    } cases[] = {
        {{{3, 1, 1}, {2, 1, 1}}, "feature row 1: origin 2"},
        {{{3, 1, 1}, {PERIODS, 1, 1}}, "feature row 1: origin 150"},
        {{{3, 1, 1}, {3, CASE_STEPS + 1, 1}}, "step 15 lies in no horizon block"},
        {{{3, 1, 1}, {3, 2, 0}}, "feature row 1: the scale must be above 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(alm_feature_rows(f.plan, &f.panel, 0, cases[i].rows, 2, f.out, f.count,
                                          f.scratch, &error), ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, cases[i].message));
    }
    f.panel.column_count = 3;
    f.rows[0] = (alm_feature_row){3, 1, 1};
    assert_int_equal(alm_feature_rows(f.plan, &f.panel, 0, f.rows, 1, f.out, f.count, f.scratch,
                                      &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "no column 'price'"));
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operator_against_the_reference),
        cmocka_unit_test(test_rows_do_not_depend_on_each_other),
        cmocka_unit_test(test_every_feature_has_values),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_values_are_never_infinite),
        cmocka_unit_test(test_bad_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
