/* ns per feature value: 30 lag and rolling features, and 37 with five of the calendar, at every
 * origin of a panel, one thread.
 *
 *     features_bench [repeats [name]]      all, or those of that name
 *
 * Prints one JSON object per line: {"name","value","unit"}; processor time, which other programs on
 * the machine disturb least: of the best repeat, and with `_first` of the first one. Two kinds of
 * target: whole numbers (demand) and two decimals (prices), whose deviations take two passes.
 * `matrix` writes all rows into one fresh matrix, as the peers of features_peers.py do; the others
 * reuse the rows of one series, as training and runs do. */
#include "base/rng.h"
#include "feature/feature.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PERIODS 1826
#define FEATURES_MAX 64

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "features_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

static alm_panel make_panel(size_t series, bool whole, alm_arena *arena)
{
    alm_rng rng = alm_rng_stream(1, whole);
    double *values = ALM_NEW_ARRAY(arena, double, series * PERIODS);
    uint8_t *states = ALM_NEW_ARRAY(arena, uint8_t, series * PERIODS);
    alm_panel_column *column = ALM_NEW(arena, alm_panel_column);
    memset(states, ALM_PERIOD_OBSERVED, series * PERIODS);
    for (size_t i = 0; i < series * PERIODS; i++) {
        uint64_t cents = alm_rng_next_below(&rng, 20000);
        values[i] = whole ? (double)(cents / 100) : (double)cents / 100;
    }
    *column = (alm_panel_column){"units", ALM_ROLE_OBSERVED, values, PERIODS, NULL};
    return (alm_panel){.start = 15706, .periods = PERIODS, .series_count = series,
                       .state = states, .column_count = 1, .columns = column};
}

/* Lags, 6 rolling means, 3 sums, 3 standard deviations. */
static size_t lags_and_rolling(alm_feature_spec *specs, int32_t lags, alm_arena *arena)
{
    static const int32_t windows[] = {7, 14, 28, 56, 112, 365};
    size_t count = 0;
    for (int32_t i = 0; i < lags; i++) {
        specs[count++] = (alm_feature_spec){.op = ALM_FEATURE_lag, .offset = i};
    }
    for (size_t i = 0; i < 12; i++) {
        alm_feature_op op = i < 6   ? ALM_FEATURE_mean
                            : i < 9 ? ALM_FEATURE_sum
                                    : ALM_FEATURE_std;
        specs[count++] = (alm_feature_spec){.op = op, .window = windows[i < 6 ? i : (i - 6) % 3]};
    }
    for (size_t i = 0; i < count; i++) {
        specs[i].name = alm_arena_printf(arena, "f%zu", i);
        specs[i].column = "units";
    }
    return count;
}

static size_t with_calendar(alm_feature_spec *specs, alm_arena *arena)
{
    static const alm_feature_op OPS[] = {ALM_FEATURE_weekday, ALM_FEATURE_day_of_month,
                                         ALM_FEATURE_day_of_year, ALM_FEATURE_week_of_year,
                                         ALM_FEATURE_month};
    size_t count = lags_and_rolling(specs, 20, arena);
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++, count++) {
        specs[count] = (alm_feature_spec){.op = OPS[i]};
        specs[count].name = alm_arena_printf(arena, "calendar%zu", i);
    }
    return count;
}

static size_t only(alm_feature_spec *specs, alm_feature_op op)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    static const int32_t windows[] = {7, 14, 28, 56};
    for (size_t i = 0; i < 4; i++) {
        specs[i] = (alm_feature_spec){.name = names[i], .op = op, .column = "units"};
        specs[i].window = op == ALM_FEATURE_ewm ? 0 : windows[i];
        specs[i].alpha = op == ALM_FEATURE_ewm ? 0.1 * (double)(i + 1) : 0;
    }
    return 4;
}

typedef struct measure {
    const char *only; /* NULL: all */
    const char *name;
    const alm_panel *panel;
    const alm_feature_spec *specs;
    size_t count;
    int repeats;
    uint32_t steps;
    bool matrix; /* one place in memory for every row of the panel, not yet touched */
} measure;

/* Features of every row of the panel; the rows of one series a call, as training asks for them. */
static double time_once(const measure *m, const alm_feature_plan *plan,
                        const alm_feature_row *rows, size_t row_count, double *reused)
{
    alm_error error = {0};
    alm_arena *scratch = alm_arena_create(4 << 20);
    alm_arena *fresh = alm_arena_create(0);
    size_t values = row_count * m->count;
    double start = seconds_now();
    double *out = reused;
    void *memory = NULL;
    if (m->matrix) {
        check(alm_arena_try_alloc(fresh, values * m->panel->series_count * sizeof *out, &memory,
                                  &error), &error);
        out = memory;
    }
    for (size_t s = 0; s < m->panel->series_count; s++) {
        alm_arena_reset(scratch);
        check(alm_feature_rows(plan, m->panel, s, rows, row_count, out, m->count, scratch,
                               &error), &error);
        out += m->matrix ? values : 0;
    }
    double elapsed = seconds_now() - start;
    alm_arena_destroy(fresh);
    alm_arena_destroy(scratch);
    return elapsed;
}

static void print_result(const measure *m, const char *kind, double value)
{
    printf("{\"name\":\"features_%s_%zux%d%s\",\"value\":%.3f,\"unit\":\"ns/value\"}\n",
           m->name, m->panel->series_count, PERIODS, kind, value);
}

/* Rows for every period and step of all series. */
static void run(const measure *m)
{
    if (m->only && strcmp(m->name, m->only) != 0) {
        return;
    }
    const alm_horizon_block block = {1, (int32_t)m->steps};
    const size_t row_count = (size_t)PERIODS * m->steps;
    const alm_feature_schema schema = {.columns = m->panel->columns, .column_count = 1};
    alm_feature_plan *plan;
    alm_error error = {0};
    check(alm_feature_plan_compile(m->specs, m->count, &block, 1, &schema, &plan, &error), &error);
    alm_arena *arena = alm_arena_create(0);
    alm_feature_row *rows = ALM_NEW_ARRAY(arena, alm_feature_row, row_count);
    double *out = ALM_NEW_ARRAY(arena, double, row_count * m->count);
    for (size_t r = 0; r < row_count; r++) {
        rows[r] = (alm_feature_row){(uint32_t)(r / m->steps), 1 + (uint32_t)(r % m->steps), 1};
    }
    double best = INFINITY;
    double first = 0;
    for (int repeat = 0; repeat < m->repeats; repeat++) {
        double elapsed = time_once(m, plan, rows, row_count, out);
        first = repeat == 0 ? elapsed : first;
        best = elapsed < best ? elapsed : best;
    }
    double values = (double)m->panel->series_count * (double)(row_count * m->count);
    print_result(m, "", best * 1e9 / values);
    print_result(m, "_first", first * 1e9 / values);
    alm_arena_destroy(arena);
    alm_feature_plan_destroy(plan);
}

int main(int argc, char **argv)
{
    int64_t repeats = 3;
    if (argc > 1 && (!alm_str_to_i64(alm_str_of(argv[1]), &repeats) || repeats < 1)) {
        fprintf(stderr, "usage: features_bench [repeats [name]]\n");
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    static const struct {
        const char *name;
        alm_feature_op op;
    } single[] = {{"mean", ALM_FEATURE_mean}, {"std", ALM_FEATURE_std}, {"max", ALM_FEATURE_max},
                  {"median", ALM_FEATURE_median}, {"ewm", ALM_FEATURE_ewm}};
    const char *name = argc > 2 ? argv[2] : NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_feature_spec specs[FEATURES_MAX];
    alm_panel whole = make_panel(300, true, arena);
    alm_panel decimal = make_panel(300, false, arena);
    alm_panel few = make_panel(20, true, arena);
    alm_panel large = make_panel(3000, true, arena);
    size_t count = lags_and_rolling(specs, 18, arena);
    run(&(measure){name, "lag_rolling", &whole, specs, count, (int)repeats, 1, false});
    run(&(measure){name, "lag_rolling_decimal", &decimal, specs, count, (int)repeats, 1, false});
    run(&(measure){name, "lag_rolling", &large, specs, count, 1, 1, false});
    run(&(measure){name, "lag_rolling_matrix", &whole, specs, count, (int)repeats, 1, true});
    run(&(measure){name, "lag_rolling_matrix_decimal", &decimal, specs, count, (int)repeats, 1,
                   true});
    run(&(measure){name, "lag_rolling_matrix", &large, specs, count, 1, 1, true});
    run(&(measure){name, "lag_rolling_28_steps", &few, specs, count, (int)repeats, 28, false});
    count = with_calendar(specs, arena);
    run(&(measure){name, "panel_37", &whole, specs, count, (int)repeats, 1, false});
    run(&(measure){name, "panel_37", &large, specs, count, 1, 1, false});
    run(&(measure){name, "panel_37_matrix", &whole, specs, count, (int)repeats, 1, true});
    run(&(measure){name, "panel_37_matrix", &large, specs, count, 1, 1, true});
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        run(&(measure){name, single[i].name, &whole, specs, only(specs, single[i].op),
                       (int)repeats, 1, false});
    }
    alm_arena_destroy(arena);
    return 0;
}
