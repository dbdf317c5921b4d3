/* feature_cases.h: random panels and a plan with every operator, for the tests of this folder.
 *
 * Columns: units (target), noise (observed, many magnitudes), group (observed, mostly missing as
 * counted stock is, two rows shared by the series), price (known), promotion (known, one row for
 * all). Panels have late starts, closed days, stock-outs and missing values. */
#ifndef ALM_FEATURE_FEATURE_CASES_H
#define ALM_FEATURE_FEATURE_CASES_H

#include "base/rng.h"
#include "feature/feature.h"

#include <math.h>
#include <string.h>

#define CASE_COLUMNS 5
#define CASE_SERIES 4
#define CASE_STEPS 14
#define CASE_CAP 9
#define CASE_SPECS_MAX 512

static const char *const case_static_names[] = {"range", "width"};
static const alm_horizon_block case_blocks[] = {{1, 7}, {8, CASE_STEPS}};
static const alm_panel_column case_columns[CASE_COLUMNS] = {
    {"units", ALM_ROLE_OBSERVED, NULL, 0, NULL}, {"noise", ALM_ROLE_OBSERVED, NULL, 0, NULL},
    {"group", ALM_ROLE_OBSERVED, NULL, 0, NULL}, {"price", ALM_ROLE_KNOWN, NULL, 0, NULL},
    {"promotion", ALM_ROLE_KNOWN, NULL, 0, NULL},
};
static const uint32_t case_group_rows[CASE_SERIES] = {0, 1, 1, 0};
static const uint32_t case_shared_row[CASE_SERIES] = {0, 0, 0, 0};

/* For a publication delay of the target of 0, 1 and 2: noise is later, group as late or earlier. */
#define CASE_DELAYS 3
static const int32_t case_delays[CASE_DELAYS][CASE_COLUMNS] = {
    {0, 2, 0, 0, 0}, {1, 3, 0, 0, 0}, {2, 4, 1, 0, 0}};

static inline alm_feature_schema case_schema(int32_t delay)
{
    return (alm_feature_schema){case_columns, CASE_COLUMNS, case_static_names, 2, delay,
                                case_delays[delay], ALM_SOLD_OUT_MASKED};
}

static inline double case_noise(alm_rng *rng)
{
    double value = alm_rng_next_uniform(rng) * 2 - 1;
    switch (alm_rng_next_below(rng, 6)) {
    case 0:
        return ldexp(value, (int)alm_rng_next_below(rng, 200) - 100);
    case 1:
        return floor(value * 1e7);
    case 2:
        return NAN;
    default:
        return floor(value * 10000) / 100;
    }
}

static inline double case_value(alm_rng *rng, size_t column)
{
    switch (column) {
    case 0:
        return alm_rng_next_below(rng, 3) ? 0 : (double)alm_rng_next_below(rng, 40);
    case 1:
        return case_noise(rng);
    case 2:
        return alm_rng_next_below(rng, 3) ? NAN : alm_rng_next_uniform(rng) * 30;
    case 3:
        return alm_rng_next_below(rng, 15) ? floor(alm_rng_next_uniform(rng) * 2000) / 100 : NAN;
    default:
        return alm_rng_next_below(rng, 30) ? alm_rng_next_below(rng, 8) == 0 : NAN;
    }
}

static inline uint8_t case_state(alm_rng *rng, size_t period, size_t launch)
{
    uint64_t draw = alm_rng_next_below(rng, 40);
    if (period < launch) {
        return ALM_PERIOD_BEFORE;
    }
    if (period % 7 == 6 && draw < 35) {
        return ALM_PERIOD_CLOSED;
    }
    return draw < 2    ? ALM_PERIOD_MISSING
           : draw < 4  ? ALM_PERIOD_STOCKOUT
           : draw < 12 ? ALM_PERIOD_ZERO
                       : ALM_PERIOD_OBSERVED;
}

/* Everything in `arena`; the values may be changed by the test (cast away const). */
static inline alm_panel case_panel(alm_rng *rng, size_t periods, size_t future, alm_arena *arena)
{
    alm_panel_column *columns = ALM_NEW_ARRAY(arena, alm_panel_column, CASE_COLUMNS);
    const size_t rows[CASE_COLUMNS] = {CASE_SERIES, CASE_SERIES, 2, CASE_SERIES, 1};
    for (size_t c = 0; c < CASE_COLUMNS; c++) {
        columns[c] = case_columns[c];
        columns[c].stride = periods + (columns[c].role == ALM_ROLE_KNOWN ? future : 0);
        columns[c].row_of_series = c == 2 ? case_group_rows : c == 4 ? case_shared_row : NULL;
        double *values = ALM_NEW_ARRAY(arena, double, rows[c] * columns[c].stride);
        for (size_t i = 0; i < rows[c] * columns[c].stride; i++) {
            values[i] = case_value(rng, c);
        }
        columns[c].values = values;
    }
    uint8_t *states = ALM_NEW_ARRAY(arena, uint8_t, CASE_SERIES * periods);
    double *statics = ALM_NEW_ARRAY(arena, double, CASE_SERIES * 2);
    for (size_t s = 0; s < CASE_SERIES; s++) {
        size_t launch = alm_rng_next_below(rng, 2) ? 0 : (size_t)alm_rng_next_below(rng, periods);
        for (size_t p = 0; p < periods; p++) {
            /* A closure longer than any window with skip_closed may reach. */
            bool closure = s == 3 && p >= 50 && p < 95;
            states[s * periods + p] = case_state(rng, p, launch);
            states[s * periods + p] = closure ? ALM_PERIOD_CLOSED : states[s * periods + p];
        }
        statics[2 * s] = (double)alm_rng_next_below(rng, 5);
        statics[2 * s + 1] = s == 2 ? NAN : alm_rng_next_uniform(rng);
    }
    return (alm_panel){.start = 18000 + (alm_date)alm_rng_next_below(rng, 700),
                       .periods = periods, .future = future, .series_count = CASE_SERIES,
                       .state = states, .column_count = CASE_COLUMNS, .columns = columns,
                       .static_count = 2, .static_names = case_static_names,
                       .statics = statics};
}

/* A copy of periods [from, to) and what is known `future` further. */
static inline alm_panel case_slice(const alm_panel *panel, size_t from, size_t to, size_t future,
                                   alm_arena *arena)
{
    alm_panel slice = *panel;
    alm_panel_column *columns = ALM_NEW_ARRAY(arena, alm_panel_column, panel->column_count);
    slice.start = panel->start + (alm_date)from;
    slice.periods = to - from;
    slice.future = future;
    for (size_t c = 0; c < panel->column_count; c++) {
        const alm_panel_column *column = &panel->columns[c];
        size_t rows = column->row_of_series == case_shared_row   ? 1
                      : column->row_of_series == case_group_rows ? 2
                                                                 : panel->series_count;
        size_t length = to - from + (column->role == ALM_ROLE_KNOWN ? future : 0);
        double *values = ALM_NEW_ARRAY(arena, double, rows * length);
        for (size_t r = 0; r < rows; r++) {
            memcpy(values + r * length, column->values + r * column->stride + from,
                   length * sizeof *values);
        }
        columns[c] = *column;
        columns[c].values = values;
        columns[c].stride = length;
    }
    uint8_t *states = ALM_NEW_ARRAY(arena, uint8_t, panel->series_count * slice.periods);
    for (size_t s = 0; s < panel->series_count; s++) {
        memcpy(states + s * slice.periods, panel->state + s * panel->periods + from,
               slice.periods);
    }
    slice.columns = columns;
    slice.state = states;
    return slice;
}

static inline bool case_is_windowed(alm_feature_op op)
{
    return (op >= ALM_FEATURE_difference && op <= ALM_FEATURE_seasonal_max) ||
           op == ALM_FEATURE_ratio || op == ALM_FEATURE_change || op == ALM_FEATURE_days_of_cover;
}

static inline bool case_is_seasonal(alm_feature_op op)
{
    return op >= ALM_FEATURE_seasonal_mean && op <= ALM_FEATURE_seasonal_max;
}

/* Over the declared column and the target. */
static inline bool case_is_pair(alm_feature_op op)
{
    return op == ALM_FEATURE_target_encoding || op == ALM_FEATURE_days_of_cover;
}

static inline bool case_is_anchored(alm_feature_op op)
{
#define CASE_ANCHORED true
#define CASE_FINITE false
#define CASE_CLASS(name, revision, class) CASE_##class,
    static const bool anchored[] = {ALM_FEATURE_OP_MAP(CASE_CLASS)};
#undef CASE_CLASS
#undef CASE_FINITE
#undef CASE_ANCHORED
    return anchored[op];
}

/* Of what the operator reads over observed column `column`. */
static inline int32_t case_delay(alm_feature_op op, size_t column, int32_t delay)
{
    int32_t own = case_delays[delay][column];
    return case_is_pair(op) && delay > own ? delay : own;
}

static inline bool case_takes_closed(alm_feature_op op)
{
    return (case_is_windowed(op) && op != ALM_FEATURE_difference && op != ALM_FEATURE_change) ||
           (op >= ALM_FEATURE_expanding_mean && op <= ALM_FEATURE_ewm);
}

static inline bool case_takes_scale(alm_feature_op op)
{
    return op <= ALM_FEATURE_quantile || case_is_seasonal(op) ||
           (op >= ALM_FEATURE_expanding_mean && op <= ALM_FEATURE_ewm) ||
           op == ALM_FEATURE_mean_size || op == ALM_FEATURE_target_encoding;
}

static inline bool case_is_calendar(alm_feature_op op)
{
    return op >= ALM_FEATURE_step && op <= ALM_FEATURE_month;
}

/* Adds one feature of `op` over `column`; names are numbered. */
static inline void case_add(alm_feature_spec *specs, size_t *count, alm_arena *arena,
                            alm_feature_spec spec)
{
    if (case_is_windowed(spec.op)) {
        int32_t least = spec.op == ALM_FEATURE_std ? 2 : 1;
        spec.window = case_is_seasonal(spec.op) ? 3 : least + (int32_t)(*count % 10);
        spec.season = case_is_seasonal(spec.op) ? 7 : 0;
    }
    if (spec.op == ALM_FEATURE_quantile) {
        spec.level = 0.15 + 0.3 * (double)(*count % 3);
    }
    if (spec.op == ALM_FEATURE_ewm || spec.op == ALM_FEATURE_target_encoding) {
        spec.alpha = 0.3;
    }
    if (spec.op == ALM_FEATURE_days_to || spec.op == ALM_FEATURE_days_since) {
        spec.window = CASE_CAP;
    }
    spec.name = alm_arena_printf(arena, "f%zu", *count);
    specs[(*count)++] = spec;
}

/* Every operator with every anchor, role and option it takes, for a publication delay. */
static inline size_t case_specs(alm_feature_spec specs[CASE_SPECS_MAX], int32_t delay,
                                alm_arena *arena)
{
    size_t count = 0;
    for (int o = 0; o < ALM_FEATURE_OP_COUNT; o++) {
        alm_feature_op op = (alm_feature_op)o;
        alm_feature_spec spec = {.op = op};
        if (case_is_calendar(op)) {
            case_add(specs, &count, arena, spec);
            continue;
        }
        if (op == ALM_FEATURE_attribute || op == ALM_FEATURE_days_to) {
            spec.column = op == ALM_FEATURE_attribute ? "width" : "promotion";
            case_add(specs, &count, arena, spec);
            continue;
        }
        static const char *const observed[] = {"units", "noise", "group"};
        for (size_t c = 0; c < 3; c++) {
            spec = (alm_feature_spec){.op = op, .column = observed[c], .offset = (int32_t)c};
            case_add(specs, &count, arena, spec);
            spec.anchor = ALM_ANCHOR_LAG;
            spec.offset = CASE_STEPS + delay + 3 * (int32_t)c;
            spec.scaled = case_takes_scale(op);
            spec.skip_closed = case_takes_closed(op);
            case_add(specs, &count, arena, spec);
            spec.steps_max = 4 + (int32_t)c; /* the nearest lag, for the first steps only */
            spec.offset = spec.steps_max + case_delay(op, c, delay);
            case_add(specs, &count, arena, spec);
        }
        if (case_is_pair(op)) {
            continue;
        }
        spec = (alm_feature_spec){.op = op, .column = "promotion", .anchor = ALM_ANCHOR_LAG};
        case_add(specs, &count, arena, spec);
        if (op != ALM_FEATURE_days_since) {
            spec.column = "price";
            spec.offset = 2;
            case_add(specs, &count, arena, spec);
            spec.anchor = ALM_ANCHOR_AGE;
            case_add(specs, &count, arena, spec);
        }
    }
    return count;
}

/* Rows for origins first, first + every, ... with a few steps each. */
static inline size_t case_rows(alm_feature_row *rows, size_t first, size_t periods, size_t every)
{
    size_t count = 0;
    for (size_t origin = first; origin < periods; origin += every) {
        for (uint32_t step = 1; step <= CASE_STEPS; step += 1 + (uint32_t)(origin % 5)) {
            rows[count++] = (alm_feature_row){(uint32_t)origin, step, 0.5 + (double)(origin % 3)};
        }
    }
    return count;
}

#endif
