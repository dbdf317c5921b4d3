#include "model/statistical/arima/arima_fourier.h"

#include <math.h>

#include "model/statistical/arima/arima_order.h"

#define TWO_PI 6.283185307179586
#define TERMS 10 /* of the power series up to pi / 4: below the last bit */

/* Sine and cosine of 2 pi f, 0 <= f <= 1/8. */
static void small_angle(double f, double *sine, double *cosine)
{
    double x = TWO_PI * f;
    double power = 1;
    *sine = *cosine = 0;
    for (int k = 0; k < 2 * TERMS; k += 2) {
        double sign = k % 4 ? -1 : 1;
        *cosine += sign * power;
        power *= x / (k + 1);
        *sine += sign * power;
        power *= x / (k + 2);
    }
}

/* Of 2 pi j / m, j < m. */
static void angle(size_t j, size_t m, double *sine, double *cosine)
{
    double s = 0, c = 0;
    bool is_below = 2 * j > m;
    j = is_below ? m - j : j; /* mirrored: up to a half */
    bool is_left = 4 * j > m;
    size_t two = is_left ? m - 2 * j : 2 * j; /* twice the place, up to a quarter */
    if (4 * two > m) {
        small_angle((double)(m - 2 * two) / (double)(4 * m), &c, &s);
    } else {
        small_angle((double)two / (double)(2 * m), &s, &c);
    }
    *sine = is_below ? -s : s;
    *cosine = is_left ? -c : c;
}

void almi_fourier(size_t season, size_t t, size_t pairs, double *out)
{
    for (size_t k = 0; k < pairs; k++) {
        angle((k + 1) * (t % season) % season, season, &out[2 * k], &out[2 * k + 1]);
    }
}

/* The first pairs of the columns. */
static almi_series with_pairs(const almi_series *series, size_t pairs, const double *x)
{
    static const char *const NAMES[2 * ALMI_FOURIER_PAIRS_MAX] = {
#define PAIR "sine", "cosine"
        PAIR, PAIR, PAIR, PAIR, PAIR, PAIR, PAIR, PAIR, PAIR, PAIR,
#undef PAIR
    };
    almi_series out = *series;
    out.season = 1;
    out.regressors = 2 * pairs;
    out.x = x;
    out.stride = series->count;
    out.names = NAMES;
    return out;
}

static const double *fill_columns(const almi_series *series, size_t pairs, alm_arena *arena)
{
    double *x = ALM_NEW_ARRAY(arena, double, 2 * pairs * series->count);
    for (size_t t = 0; t < series->count; t++) {
        double of_period[2 * ALMI_FOURIER_PAIRS_MAX];
        almi_fourier(series->season, t, pairs, of_period);
        for (size_t k = 0; k < 2 * pairs; k++) {
            x[k * series->count + t] = of_period[k];
        }
    }
    return x;
}

static size_t choose_pairs(const almi_series *series, const double *x, size_t most,
                           const almi_arima_model *plain)
{
    static const size_t PAIRS[] = {1, 2, 3, 4, 6, 8, ALMI_FOURIER_PAIRS_MAX};
    alm_arena *scratch = alm_arena_create(0);
    double best = plain->aicc;
    size_t chosen = 0;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0] && PAIRS[i] <= most; i++) {
        almi_series series_i = with_pairs(series, PAIRS[i], x);
        almi_sample sample;
        almi_arima_model model;
        alm_arena_reset(scratch);
        if (almi_sample_make(&series_i, &plain->order, scratch, &sample, NULL) == ALM_OK &&
            almi_arima_maximise(&sample, &plain->order, ALMI_GAIN_ROUGH, scratch, scratch,
                                &model) &&
            model.aicc < best) {
            best = model.aicc;
            chosen = PAIRS[i];
        }
    }
    alm_arena_destroy(scratch);
    return chosen;
}

bool almi_arima_search_fourier(const almi_series *series, alm_arena *arena, almi_arima_model *out,
                               size_t *pairs)
{
    almi_series plain = with_pairs(series, 0, NULL);
    size_t known = 0;
    *pairs = 0;
    if (!almi_arima_search(&plain, arena, out)) {
        return false;
    }
    for (size_t t = 0; t < series->count; t++) {
        known += !isnan(series->y[t]);
    }
    size_t most = known / (2 * ALMI_FOURIER_SHARE);
    most = most < ALMI_FOURIER_PAIRS_MAX ? most : ALMI_FOURIER_PAIRS_MAX;
    if (series->count < 2 * series->season || most == 0) {
        return true;
    }
    const double *x = fill_columns(series, most, arena);
    size_t chosen = choose_pairs(series, x, most, out);
    almi_series seasonal = with_pairs(series, chosen, x);
    almi_arima_model model;
    if (chosen > 0 && almi_arima_search(&seasonal, arena, &model) && model.aicc < out->aicc) {
        *out = model;
        *pairs = chosen;
    }
    return true;
}
