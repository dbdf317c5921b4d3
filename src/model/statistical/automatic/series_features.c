#include "model/statistical/automatic/series_features.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_fourier.h"
#include "model/statistical/arima/unit_root.h"
#include "model/statistical/automatic/demand_class.h"
#include "model/statistical/decomposition/stl.h"
#include "num/elementary.h"
#include "num/quantile.h"

#define SEASONAL_WINDOW 13 /* cycles */
#define TILE_WITHOUT_SEASON 10
#define LAGS_MANY 10
#define LAGS_PARTIAL 5
#define BINS 10
#define WINDOW_MAX 513 /* of a trend without a season: its plan takes the square of it */

const char *alm_series_feature_name(alm_series_feature feature)
{
    static const char *const NAMES[] = {
#define NAME(name) #name,
        ALM_SERIES_FEATURE_MAP(NAME)
#undef NAME
    };
    alm_assert((unsigned)feature < ALM_SERIES_FEATURE_COUNT);
    return NAMES[feature];
}

/* ---- sums ---- */

typedef struct moments {
    size_t count; /* known */
    double mean, variance; /* by count - 1; NaN of fewer than two */
} moments;

static moments moments_of(const double *v, size_t n)
{
    moments m = {0, 0, 0};
    double squares = 0;
    for (size_t t = 0; t < n; t++) {
        if (!isnan(v[t])) {
            m.count++;
            m.mean += v[t];
        }
    }
    m.mean /= (double)m.count; /* NaN of none */
    for (size_t t = 0; t < n; t++) {
        squares += isnan(v[t]) ? 0 : (v[t] - m.mean) * (v[t] - m.mean);
    }
    m.variance = m.count > 1 ? squares / (double)(m.count - 1) : (double)NAN;
    return m;
}

/* out[1..lags]; false: not more known values than lags, or nothing varies. */
static bool correlations(const double *v, size_t n, size_t lags, double *out)
{
    moments m = moments_of(v, n);
    double whole = m.variance * (double)(m.count - 1);
    if (m.count <= lags || !(whole > 0)) {
        return false;
    }
    for (size_t lag = 1; lag <= lags; lag++) {
        double sum = 0;
        for (size_t t = lag; t < n; t++) {
            double product = (v[t] - m.mean) * (v[t - lag] - m.mean);
            sum += isnan(product) ? 0 : product;
        }
        out[lag] = sum / whole;
    }
    return true;
}

/* Partial ones of r[1..lags], of Durbin and Levinson. Gaps can make correlations that no series
 * has; then they are NaN from there on. `work` and `out`: lags + 1 each. */
static void partial_of(const double *r, size_t lags, double *work, double *out)
{
    double left = 1;
    double *phi = work; /* of the order before */
    for (size_t k = 1; k <= lags; k++) {
        double sum = r[k];
        for (size_t j = 1; j < k; j++) {
            sum -= phi[j] * r[k - j];
        }
        out[k] = left > 0 ? sum / left : (double)NAN;
        for (size_t j = 1; 2 * j <= k; j++) {
            double near = phi[j], far = phi[k - j];
            phi[j] = near - out[k] * far;
            phi[k - j] = 2 * j == k ? phi[j] : far - out[k] * near;
        }
        phi[k] = out[k];
        left *= 1 - out[k] * out[k];
    }
}

static double squares_of(const double *r, size_t lags)
{
    double sum = 0;
    for (size_t lag = 1; lag <= lags; lag++) {
        sum += r[lag] * r[lag];
    }
    return sum;
}

/* ---- the series made ready ---- */

typedef struct ready {
    const alm_past *past;
    alm_arena *scratch;
    size_t season;   /* 1: none, or not two whole ones */
    double *y;       /* past->count, of mean 0 and deviation 1; NaN: not known */
    double *known;   /* without those that are not */
    size_t count;    /* of known */
    bool is_varying; /* else y has no meaning */
} ready;

/* Brought below 1 first, by a power of two, so that no square overflows. */
static ready make_ready(const alm_past *past, alm_arena *scratch)
{
    ready r = {.past = past, .scratch = scratch, .season = past->season,
               .y = ALM_NEW_ARRAY(scratch, double, past->count + 1),
               .known = ALM_NEW_ARRAY(scratch, double, past->count + 1)};
    if (past->season < 2 || past->count / 2 < past->season) {
        r.season = 1;
    }
    double largest = 0;
    for (size_t t = 0; t < past->count; t++) {
        largest = isfinite(past->y[t]) && fabs(past->y[t]) > largest ? fabs(past->y[t]) : largest;
    }
    int exponent = 0;
    (void)frexp(largest, &exponent);
    for (size_t t = 0; t < past->count; t++) {
        r.y[t] = isfinite(past->y[t]) ? ldexp(past->y[t], -exponent) : (double)NAN;
    }
    moments m = moments_of(r.y, past->count);
    double first = (double)NAN;
    for (size_t t = 0; t < past->count; t++) {
        if (!isnan(r.y[t])) {
            first = isnan(first) ? r.y[t] : first;
            r.is_varying |= r.y[t] != first;
            r.y[t] = (r.y[t] - m.mean) / sqrt(m.variance);
            r.known[r.count++] = r.y[t];
        }
    }
    r.is_varying &= m.variance > 0;
    return r;
}

/* ---- its features ---- */

static void put_demand(const ready *r, double *out)
{
    const alm_past *past = r->past;
    alm_demand_shape shape = alm_demand_shape_of(past->y, past->count);
    size_t zeros = 0;
    for (size_t t = 0; t < past->count; t++) {
        zeros += past->y[t] == 0;
    }
    out[ALM_SERIES_length] = (double)r->count;
    out[ALM_SERIES_cycles] = r->season > 1 ? (double)(past->count / r->season) : 0;
    if (past->count > 0) {
        out[ALM_SERIES_missing] = (double)(past->count - r->count) / (double)past->count;
    }
    if (r->count > 0) {
        out[ALM_SERIES_zeros] = (double)zeros / (double)r->count;
    }
    out[ALM_SERIES_interval] = shape.interval;
    out[ALM_SERIES_squared_cv] = shape.squared_cv;
}

static alm_stl_parts parts_of(const ready *r)
{
    size_t n = r->past->count;
    alm_stl_parts parts = {.season = ALM_NEW_ARRAY(r->scratch, double, n),
                           .trend = ALM_NEW_ARRAY(r->scratch, double, n)};
    if (r->season > 1) {
        alm_stl_options options = alm_stl_usual(r->season, SEASONAL_WINDOW, false);
        if (alm_stl(r->y, n, &options, r->scratch, &parts, NULL) == ALM_OK) {
            return parts;
        }
    }
    double *weight = ALM_NEW_ARRAY(r->scratch, double, n);
    for (size_t t = 0; t < n; t++) {
        weight[t] = !isnan(r->y[t]);
    }
    size_t half = n / 2 | 1;
    size_t window = half > WINDOW_MAX ? WINDOW_MAX : half > 3 ? half : 3;
    alm_loess_shape shape = {.window = window, .jump = 1, .degree = 1};
    alm_loess plan = alm_loess_plan(&shape, n, true, r->scratch);
    alm_loess_smooth(&plan, r->y, weight, parts.trend);
    return parts;
}

/* Coefficients of the trend in a line and a parabola over time whose squares add up to 1. */
static void put_bends(const double *trend, size_t n, double *out)
{
    double middle = ((double)n - 1) / 2;
    double squares[2] = {0, 0};
    double sums[2] = {0, 0};
    double mean = ((double)n * (double)n - 1) / 12; /* of (t - middle)^2 */
    for (size_t t = 0; t < n; t++) {
        double line = (double)t - middle;
        double bend = line * line - mean;
        squares[0] += line * line;
        squares[1] += bend * bend;
        sums[0] += line * trend[t];
        sums[1] += bend * trend[t];
    }
    if (n > 2) {
        out[ALM_SERIES_linearity] = sums[0] / sqrt(squares[0]);
        out[ALM_SERIES_curvature] = sums[1] / sqrt(squares[1]);
    }
}

static void put_parts(const ready *r, double *out)
{
    size_t n = r->past->count;
    alm_stl_parts parts = parts_of(r);
    alm_strength strength = alm_stl_strength(r->y, parts.season, parts.trend, n);
    double *rest = ALM_NEW_ARRAY(r->scratch, double, n);
    double *without = ALM_NEW_ARRAY(r->scratch, double, n);
    double acf[LAGS_MANY + 1];
    for (size_t t = 0; t < n; t++) {
        rest[t] = r->y[t] - parts.season[t] - parts.trend[t];
    }
    moments m = moments_of(rest, n);
    double degrees = (double)m.count - 1;
    for (size_t t = 0; t < n; t++) {
        double far = rest[t] - m.mean;
        without[t] = (m.variance * degrees - far * far) / (degrees - 1);
    }
    out[ALM_SERIES_trend] = strength.trend;
    out[ALM_SERIES_season] = r->season > 1 ? strength.season : 0;
    if (m.count > 2) {
        out[ALM_SERIES_spike] = moments_of(without, n).variance;
    }
    put_bends(parts.trend, n, out);
    if (correlations(rest, n, LAGS_MANY, acf)) {
        out[ALM_SERIES_remainder_acf1] = acf[1];
        out[ALM_SERIES_remainder_acf10] = squares_of(acf, LAGS_MANY);
    }
}

static void put_correlations(const ready *r, double *out)
{
    static const struct {
        alm_series_feature acf1, acf10, pacf5;
    } OF[] = {{ALM_SERIES_acf1, ALM_SERIES_acf10, ALM_SERIES_pacf5},
              {ALM_SERIES_diff1_acf1, ALM_SERIES_diff1_acf10, ALM_SERIES_diff1_pacf5},
              {ALM_SERIES_diff2_acf1, ALM_SERIES_diff2_acf10, ALM_SERIES_diff2_pacf5}};
    double acf[LAGS_MANY + 1];
    double partial[LAGS_MANY + 1];
    double work[LAGS_MANY + 1];
    size_t n = r->past->count;
    double *v = ALM_NEW_ARRAY(r->scratch, double, n + 1);
    memcpy(v, r->y, n * sizeof *v);
    for (size_t k = 0; k < sizeof OF / sizeof OF[0]; k++) {
        if (correlations(v, n, LAGS_MANY, acf)) {
            partial_of(acf, LAGS_PARTIAL, work, partial);
            out[OF[k].acf1] = acf[1];
            out[OF[k].acf10] = squares_of(acf, LAGS_MANY);
            out[OF[k].pacf5] = squares_of(partial, LAGS_PARTIAL);
        }
        for (size_t t = 0; t + 1 < n; t++) {
            v[t] = v[t + 1] - v[t];
        }
        n -= n > 0;
    }
}

static void put_season(const ready *r, double *out)
{
    size_t lags = r->season;
    double *acf = ALM_NEW_ARRAY(r->scratch, double, 3 * (lags + 1));
    if (lags > 1 && correlations(r->y, r->past->count, lags, acf)) {
        double *partial = acf + lags + 1;
        partial_of(acf, lags, partial + lags + 1, partial);
        out[ALM_SERIES_season_acf1] = acf[lags];
        out[ALM_SERIES_season_pacf] = partial[lags];
    }
}

static void put_tiles(const ready *r, double *out)
{
    size_t width = r->season > 1 ? r->season : TILE_WITHOUT_SEASON;
    size_t tiles = r->past->count / width;
    double *mean = ALM_NEW_ARRAY(r->scratch, double, tiles + 1);
    double *variance = ALM_NEW_ARRAY(r->scratch, double, tiles + 1);
    for (size_t i = 0; i < tiles; i++) {
        moments m = moments_of(r->y + i * width, width);
        mean[i] = m.mean;
        variance[i] = m.variance;
    }
    out[ALM_SERIES_stability] = tiles < 2 ? 0 : moments_of(mean, tiles).variance;
    out[ALM_SERIES_lumpiness] = tiles < 2 ? 0 : moments_of(variance, tiles).variance;
}

static size_t bin_of(double value, double low, double high)
{
    double bin = ceil(BINS * ((value - low) / (high - low)));
    return bin < 1 ? 1 : (size_t)bin;
}

static void put_runs(const ready *r, double *out)
{
    double *sorted = ALM_NEW_ARRAY(r->scratch, double, r->count);
    memcpy(sorted, r->known, r->count * sizeof *sorted);
    alm_sort_doubles(sorted, r->count);
    double median = alm_quantile_sorted(sorted, r->count, .5);
    double low = sorted[0], high = sorted[r->count - 1];
    size_t crossings = 0, run = 1, longest = 1;
    for (size_t t = 1; t < r->count; t++) {
        crossings += (r->known[t] <= median) != (r->known[t - 1] <= median);
        run = bin_of(r->known[t], low, high) == bin_of(r->known[t - 1], low, high) ? run + 1 : 1;
        longest = run > longest ? run : longest;
    }
    out[ALM_SERIES_crossing_points] = (double)crossings / (double)r->count;
    out[ALM_SERIES_flat_spots] = (double)longest / (double)r->count;
}

/* Power at the frequency k / n. */
static double power_at(const double *v, size_t n, const double *wave, size_t k)
{
    double sine = 0;
    double cosine = 0;
    for (size_t t = 0, at = 0; t < n; t++, at = at + k < n ? at + k : at + k - n) {
        sine += v[t] * wave[2 * at];
        cosine += v[t] * wave[2 * at + 1];
    }
    return sine * sine + cosine * cosine;
}

/* Frequencies from 0 to a half; each but the ends stands for two. */
static void put_entropy(const ready *r, double *out)
{
    size_t n = r->count < ALM_SERIES_ENTROPY_VALUES ? r->count : ALM_SERIES_ENTROPY_VALUES;
    size_t powers = n / 2 + 1;
    double *v = ALM_NEW_ARRAY(r->scratch, double, n);
    double *wave = ALM_NEW_ARRAY(r->scratch, double, 2 * n);
    double *power = ALM_NEW_ARRAY(r->scratch, double, powers);
    double mean = moments_of(r->known + r->count - n, n).mean;
    double sum = 0;
    for (size_t t = 0; t < n; t++) {
        v[t] = r->known[r->count - n + t] - mean;
        almi_fourier(n, t, 1, wave + 2 * t);
    }
    for (size_t k = 1; k < powers; k++) {
        power[k] = (2 * k == n ? 1 : 2) * power_at(v, n, wave, k);
        sum += power[k];
    }
    double entropy = 0;
    for (size_t k = 1; k < powers; k++) {
        double share = power[k] / sum;
        entropy -= share > 0 ? share * alm_log(share) : 0;
    }
    if (sum > 0 && powers > 2) {
        out[ALM_SERIES_entropy] = entropy / alm_log((double)powers);
    }
}

static void put_unit_root(const ready *r, double *out)
{
    double n = (double)r->count;
    size_t lags = (size_t)(4 * sqrt(sqrt(n / 100)));
    almi_kpss kpss = almi_kpss_of(r->known, r->count, 0, lags); /* their mean is 0 */
    if (kpss.variance > 0) {
        out[ALM_SERIES_kpss] = kpss.sums / n / kpss.variance;
    }
}

void alm_series_features(const alm_past *past, alm_arena *scratch, double *out)
{
    ready r = make_ready(past, scratch);
    for (size_t i = 0; i < ALM_SERIES_FEATURE_COUNT; i++) {
        out[i] = (double)NAN;
    }
    put_demand(&r, out);
    if (r.is_varying) {
        put_parts(&r, out);
        put_correlations(&r, out);
        put_season(&r, out);
        put_tiles(&r, out);
        put_runs(&r, out);
        put_entropy(&r, out);
        put_unit_root(&r, out);
    }
}
