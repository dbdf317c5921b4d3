#include "model/statistical/unit_root.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima_values.h"

#define KPSS_5_PERCENT .463
#define LEVEL_DIFFERENCES_MAX 2
#define SHORTEST 6 /* values; fewer tell nothing about a level */
#define SEASONAL_WINDOW 11
#define STL_ROUNDS 2

/* ---- the level ---- */

/* Of values that are not NaN. Long-run variance with Bartlett's weights. */
static bool has_unit_root(const double *v, size_t n)
{
    double mean = 0;
    for (size_t t = 0; t < n; t++) {
        mean += v[t];
    }
    mean /= (double)n;
    double partial = 0, sums = 0, variance = 0;
    for (size_t t = 0; t < n; t++) {
        double e = v[t] - mean;
        partial += e;
        sums += partial * partial;
        variance += e * e;
    }
    size_t lags = (size_t)(3 * sqrt((double)n) / 13);
    for (size_t l = 1; l <= lags; l++) {
        double sum = 0;
        for (size_t t = l; t < n; t++) {
            sum += (v[t] - mean) * (v[t - l] - mean);
        }
        variance += 2 * (1 - (double)l / (double)(lags + 1)) * sum;
    }
    double n2 = (double)n * (double)n;
    return variance > 0 && sums / n2 > KPSS_5_PERCENT * variance / (double)n;
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

typedef struct loess {
    size_t window, degree;
} loess;

/* The smooth at period `at` (from 0; may be -1 or n) of the values left .. right. */
static double smooth_at(const loess *by, const double *y, size_t n, double at,
                        const size_t range[2])
{
    double left = (double)range[0];
    double right = (double)range[1];
    double h = at - left > right - at ? at - left : right - at;
    h += by->window > n ? (double)((by->window - n) / 2) : 0;
    double total = 0, first = 0, second = 0, value = 0, moment = 0;
    for (size_t t = range[0]; t <= range[1]; t++) {
        double distance = fabs((double)t - at);
        double part = distance / h;
        double cube = 1 - part * part * part;
        double weight = distance > .999 * h ? 0 : distance <= .001 * h ? 1 : cube * cube * cube;
        double x = (double)t - at;
        total += weight;
        first += weight * x;
        second += weight * x * x;
        value += weight * y[t];
        moment += weight * x * y[t];
    }
    if (!(total > 0)) {
        return y[range[at > right ? 1 : 0]];
    }
    double mean = first / total;
    double spread = second / total - mean * mean;
    double size = (double)(n - 1);
    if (by->degree == 0 || !(spread > 1e-6 * size * size)) {
        return value / total;
    }
    double slope = (moment / total - mean * (value / total)) / spread;
    return value / total - slope * mean;
}

static void smooth(const loess *by, const double *y, size_t n, double *out)
{
    size_t width = by->window < n ? by->window : n;
    for (size_t t = 0; t < n; t++) {
        size_t half = by->window / 2;
        size_t left = t > half ? t - half : 0;
        left = left + width > n ? n - width : left;
        const size_t range[2] = {left, left + width - 1};
        out[t] = smooth_at(by, y, n, (double)t, range);
    }
}

/* Each phase by itself, with one season more before and behind: out is n + 2 m. */
static void smooth_phases(const double *y, size_t n, size_t m, double *scratch, double *out)
{
    static const loess BY = {SEASONAL_WINDOW, 0};
    for (size_t phase = 0; phase < m; phase++) {
        size_t k = (n - phase - 1) / m + 1;
        double *sub = scratch;
        double *smoothed = scratch + k;
        for (size_t i = 0; i < k; i++) {
            sub[i] = y[phase + i * m];
        }
        smooth(&BY, sub, k, smoothed);
        size_t width = SEASONAL_WINDOW < k ? SEASONAL_WINDOW : k;
        const size_t first[2] = {0, width - 1};
        const size_t last[2] = {k - width, k - 1};
        out[phase] = smooth_at(&BY, sub, k, -1, first);
        for (size_t i = 0; i < k; i++) {
            out[phase + (i + 1) * m] = smoothed[i];
        }
        out[phase + (k + 1) * m] = smooth_at(&BY, sub, k, (double)k, last);
    }
}

static size_t moving_mean(double *v, size_t n, size_t length)
{
    size_t count = n - length + 1;
    for (size_t t = 0; t < count; t++) {
        double sum = 0;
        for (size_t i = 0; i < length; i++) {
            sum += v[t + i];
        }
        v[t] = sum / (double)length; /* not read again */
    }
    return count;
}

static void decompose(const double *y, size_t n, size_t m, double *season, double *trend,
                      alm_arena *scratch)
{
    double *rest = ALM_NEW_ARRAY(scratch, double, n);
    double *cycle = ALM_NEW_ARRAY(scratch, double, n + 2 * m);
    double *low = ALM_NEW_ARRAY(scratch, double, n + 2 * m);
    double *room = ALM_NEW_ARRAY(scratch, double, 2 * (n / m + 1));
    double length = ceil(1.5 * (double)m / (1 - 1.5 / SEASONAL_WINDOW));
    loess by_trend = {(size_t)length | 1, 1};
    loess by_low = {m | 1, 1};
    memset(trend, 0, n * sizeof(double));
    for (size_t round = 0; round < STL_ROUNDS; round++) {
        for (size_t t = 0; t < n; t++) {
            rest[t] = y[t] - trend[t];
        }
        smooth_phases(rest, n, m, room, cycle);
        memcpy(low, cycle, (n + 2 * m) * sizeof(double));
        size_t left = moving_mean(low, n + 2 * m, m);
        left = moving_mean(low, left, m);
        left = moving_mean(low, left, 3);
        smooth(&by_low, low, left, season);
        for (size_t t = 0; t < n; t++) {
            season[t] = cycle[t + m] - season[t];
            rest[t] = y[t] - season[t];
        }
        smooth(&by_trend, rest, n, trend);
    }
}

static double variance_of(const double *v, size_t n)
{
    double mean = 0;
    double sum = 0;
    for (size_t t = 0; t < n; t++) {
        mean += v[t] / (double)n;
    }
    for (size_t t = 0; t < n; t++) {
        sum += (v[t] - mean) * (v[t] - mean);
    }
    return sum / (double)n;
}

double almi_season_strength(const alm_past *past, alm_arena *scratch)
{
    size_t n = past->count;
    size_t m = past->season;
    if (m < 2 || n <= 2 * m) {
        return 0;
    }
    double *y = ALM_NEW_ARRAY(scratch, double, n);
    double *season = ALM_NEW_ARRAY(scratch, double, n);
    double *trend = ALM_NEW_ARRAY(scratch, double, n);
    almi_bridge(past->y, n, y);
    decompose(y, n, m, season, trend, scratch);
    for (size_t t = 0; t < n; t++) {
        trend[t] = y[t] - trend[t] - season[t];
        season[t] += trend[t];
    }
    double whole = variance_of(season, n);
    double strength = whole > 0 ? 1 - variance_of(trend, n) / whole : 0;
    return strength > 0 ? strength : 0;
}
