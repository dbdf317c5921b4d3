#include "model/statistical/arima/unit_root.h"

#include <math.h>
#include <string.h>

#include "model/statistical/decomposition/stl.h"

#define KPSS_5_PERCENT .463
#define LEVEL_DIFFERENCES_MAX 2
#define SHORTEST 6 /* values; fewer tell nothing about a level */
#define SEASONAL_WINDOW 11
#define STL_ROUNDS 2

/* ---- the level ---- */

almi_kpss almi_kpss_of(const double *v, size_t n, double mean, size_t lags)
{
    double partial = 0, sums = 0, variance = 0;
    for (size_t t = 0; t < n; t++) {
        double e = v[t] - mean;
        partial += e;
        sums += partial * partial;
        variance += e * e;
    }
    for (size_t l = 1; l <= lags; l++) {
        double sum = 0;
        for (size_t t = l; t < n; t++) {
            sum += (v[t] - mean) * (v[t - l] - mean);
        }
        variance += 2 * (1 - (double)l / (double)(lags + 1)) * sum;
    }
    return (almi_kpss){sums, variance};
}

/* Of values that are not NaN. */
static bool has_unit_root(const double *v, size_t n)
{
    double mean = 0;
    for (size_t t = 0; t < n; t++) {
        mean += v[t];
    }
    mean /= (double)n;
    almi_kpss kpss = almi_kpss_of(v, n, mean, (size_t)(3 * sqrt((double)n) / 13));
    double n2 = (double)n * (double)n;
    return kpss.variance > 0 &&
           kpss.sums / n2 > KPSS_5_PERCENT * kpss.variance / (double)n;
}

static bool is_constant(const double *v, size_t n)
{
    for (size_t t = 1; t < n; t++) {
        if (v[t] != v[0]) {
            return false;
        }
    }
    return true;
}

static size_t difference(double *v, size_t n, size_t lag)
{
    for (size_t t = 0; t + lag < n; t++) {
        v[t] = v[t + lag] - v[t];
    }
    return n > lag ? n - lag : 0;
}

static size_t known_of(const double *v, size_t n, double *out)
{
    size_t count = 0;
    for (size_t t = 0; t < n; t++) {
        out[count] = v[t];
        count += !isnan(v[t]);
    }
    return count;
}

size_t almi_level_differences(const alm_past *past, size_t lag, alm_arena *scratch)
{
    double *v = ALM_NEW_ARRAY(scratch, double, past->count + 1);
    double *known = ALM_NEW_ARRAY(scratch, double, past->count + 1);
    memcpy(v, past->y, past->count * sizeof(double));
    size_t n = lag > 0 ? difference(v, past->count, lag) : past->count;
    size_t count = known_of(v, n, known);
    size_t times = 0;
    while (times < LEVEL_DIFFERENCES_MAX && count >= SHORTEST && !is_constant(known, count) &&
           has_unit_root(known, count)) {
        times++;
        n = difference(v, n, 1);
        count = known_of(v, n, known);
    }
    return times;
}

/* ---- the season ---- */

/* The windows of R's `stl` with a seasonal one of 11 cycles. */
double almi_season_strength(const alm_past *past, alm_arena *scratch)
{
    size_t m = past->season;
    if (m < 2 || past->count <= 2 * m) {
        return 0;
    }
    size_t trend = (size_t)ceil(1.5 * (double)m / (1 - 1.5 / SEASONAL_WINDOW)) | 1;
    alm_stl_options options = {.season = m,
                               .cycle = {SEASONAL_WINDOW, 1, 0},
                               .trend = {trend, 1, 1},
                               .low = {m < 3 ? 3 : m | 1, 1, 1},
                               .inner = STL_ROUNDS};
    alm_stl_parts parts;
    if (alm_stl(past->y, past->count, &options, scratch, &parts, NULL) != ALM_OK) {
        return 0;
    }
    return alm_stl_strength(past->y, parts.season, parts.trend, past->count).season;
}
