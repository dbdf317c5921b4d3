/* lightgbm_cases.h: generated training data and hostile rows for the tests of this folder only. */
#ifndef ALM_TRAIN_LIGHTGBM_CASES_H
#define ALM_TRAIN_LIGHTGBM_CASES_H

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "train/learner/lightgbm.h"

/* Columns 0 to 5: skewed, rounded, 10 % missing, mostly zero, small integer, noise; 6 and 7 are
 * categorical with 12 and 70 values. The label is a positive count with an interaction. */
#define CASE_COLUMNS 8

typedef struct lightgbm_case {
    size_t rows;
    uint64_t seed;
    double *label, *weight;
    size_t calls, rows_max; /* of the block callback */
} lightgbm_case;

static inline double case_value(uint64_t seed, size_t row, size_t column)
{
    double u = alm_rng_uniform(seed, ALM_RNG_TEST, row, column);
    double v = alm_rng_uniform(seed, ALM_RNG_TEST, row, column + 100);
    switch (column) {
    case 0:
        return u * u * u * 1000;
    case 1:
        return floor(u * 40) / 8 - 2;
    case 2:
        return v < 0.1 ? NAN : u - 0.5;
    case 3:
        return v < 0.7 ? 0.0 : (u - 0.3) * 10;
    case 4:
        return floor(u * 7);
    case 6:
        return v < 0.02 ? NAN : floor(u * 12);
    case 7:
        return floor(u * u * 70);
    default:
        return u;
    }
}

static inline alm_err case_rows(void *context, size_t first, size_t count, double *out,
                                alm_error *error)
{
    lightgbm_case *made = context;
    (void)error;
    made->calls++;
    made->rows_max = count > made->rows_max ? count : made->rows_max;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < CASE_COLUMNS; c++) {
            out[i * CASE_COLUMNS + c] = case_value(made->seed, first + i, c);
        }
    }
    return ALM_OK;
}

static inline lightgbm_case case_create(alm_arena *arena, size_t rows, uint64_t seed)
{
    lightgbm_case made = {.rows = rows, .seed = seed};
    made.label = ALM_NEW_ARRAY(arena, double, rows);
    made.weight = ALM_NEW_ARRAY(arena, double, rows);
    for (size_t i = 0; i < rows; i++) {
        double x[CASE_COLUMNS];
        alm_error error;
        (void)case_rows(&made, i, 1, x, &error);
        double middle = isnan(x[2]) ? 0.7 : x[2];
        double kind = isnan(x[6]) ? 3 : x[6];
        double mean = 0.5 + x[0] / 300 + (x[1] > 0 ? 2 * middle : 0.3 * x[4]) +
                      (fmod(kind, 3) < 1 ? 2 : 0) + (fmod(x[7], 5) < 1 ? 1.5 : 0) + 0.1 * x[3];
        double noise = alm_rng_uniform(seed, ALM_RNG_TEST, i, 999);
        made.label[i] = floor(fmax(mean, 0) + 2 * noise);
        made.weight[i] = 0.5 + alm_rng_uniform(seed, ALM_RNG_TEST, i, 998);
    }
    made.calls = 0;
    return made;
}

static inline alm_lightgbm_data case_data(lightgbm_case *made)
{
    return (alm_lightgbm_data){.row_count = made->rows,
                               .column_count = CASE_COLUMNS,
                               .rows = case_rows,
                               .context = made,
                               .label = made->label};
}

static const int CASE_CATEGORICAL[2] = {6, 7};

static inline alm_lightgbm_params case_params(alm_lightgbm_objective objective)
{
    alm_lightgbm_params params = alm_lightgbm_params_default();
    params.objective = objective;
    params.trees = 20;
    params.quantile = 0.8;
    params.tweedie_power = 1.3;
    params.categorical = CASE_CATEGORICAL;
    params.categorical_count = 2;
    return params;
}

/* ---- rows that provoke every special rule ---- */

/* Numbers of the lists behind `key` ("threshold=") in a model text. */
static inline size_t case_numbers(alm_str text, const char *key, double *out, size_t limit)
{
    size_t count = 0;
    while (text.data != NULL) {
        alm_str line = alm_str_split(&text, '\n');
        if (!alm_str_starts_with(line, key)) {
            continue;
        }
        line.data += strlen(key);
        line.size -= strlen(key);
        while (line.data != NULL && count < limit) {
            count += alm_str_to_double(alm_str_split(&line, ' '), &out[count]);
        }
    }
    return count;
}

static inline double hostile_value(alm_rng *rng, const double *threshold, size_t count)
{
    static const double special[] = {0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308,
        1.0000000180025095e-35, -1.0000000180025095e-35, 1.0000000180025097e-35,
        -1.0000000180025097e-35, 1e-35, 9e-36, INFINITY, -INFINITY, NAN, NAN, NAN, -0.5, -0.99,
        2.7, 2147483648.0, 2147483647.0, 2147483647.5, -2147483649.0, 4294967296.0, -1, -1e-40,
        1e300, -1e300, 0.999999999, 11, 12, 31, 32, 63, 64, 69.9};
    size_t specials = sizeof special / sizeof *special;
    uint64_t choice = alm_rng_next_below(rng, 8);
    if (choice < 3 && count > 0) {
        double t = threshold[alm_rng_next_below(rng, count)];
        return choice == 0 ? t : nextafter(t, choice == 1 ? INFINITY : -INFINITY);
    }
    if (choice == 3) {
        return special[alm_rng_next_below(rng, specials)];
    }
    if (choice == 4) {
        return (double)alm_rng_next_below(rng, 75) - 2;
    }
    return alm_rng_next_normal(rng) * (choice == 5 ? 0.5 : 300);
}

static inline void hostile_rows(alm_rng *rng, alm_str text, double *rows, size_t count)
{
    static double threshold[20000];
    size_t thresholds = case_numbers(text, "threshold=", threshold, 20000);
    for (size_t i = 0; i < count; i++) {
        rows[i] = hostile_value(rng, threshold, thresholds);
    }
}

#endif
