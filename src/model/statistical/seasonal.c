#include "model/statistical/seasonal.h"

#include <math.h>

#define BOUND 1.645 /* two-sided 90 percent of the normal distribution, as the competition rounds */

static double autocovariance(const alm_past *past, double mean, size_t lag)
{
    double sum = 0;
    for (size_t t = lag; t < past->count; t++) {
        double product = (past->y[t] - mean) * (past->y[t - lag] - mean);
        sum += isnan(product) ? 0 : product;
    }
    return sum;
}

bool alm_is_seasonal(const alm_past *past, size_t cycles)
{
    size_t known = 0;
    double mean = 0;
    if (past->season < 2 || past->count < cycles * past->season) {
        return false;
    }
    for (size_t t = 0; t < past->count; t++) {
        known += !isnan(past->y[t]);
        mean += isnan(past->y[t]) ? 0 : past->y[t];
    }
    mean /= (double)known;
    double whole = autocovariance(past, mean, 0);
    double squares = 0;
    for (size_t lag = 1; lag < past->season; lag++) {
        double r = autocovariance(past, mean, lag) / whole;
        squares += r * r;
    }
    double r = autocovariance(past, mean, past->season) / whole;
    return fabs(r) > BOUND * sqrt((1 + 2 * squares) / (double)known); /* false for NaN */
}

/* Centred, of one season; of an even one the ends count half. NaN where it does not fit. */
static double trend_at(const alm_past *past, size_t t)
{
    size_t half = past->season / 2;
    bool even = past->season % 2 == 0;
    if (t < half || t + half >= past->count) {
        return (double)NAN;
    }
    double sum = 0;
    for (size_t k = t - half; k <= t + half; k++) {
        bool is_end = k == t - half || k == t + half;
        sum += even && is_end ? past->y[k] / 2 : past->y[k];
    }
    return sum / (double)past->season;
}

bool alm_seasonal_indices(const alm_past *past, bool is_ratio, alm_arena *arena, double *out)
{
    size_t season = past->season;
    size_t *count = ALM_NEW_ARRAY(arena, size_t, season);
    for (size_t k = 0; k < season; k++) {
        out[k] = 0;
    }
    for (size_t t = 0; t < past->count; t++) {
        double trend = trend_at(past, t);
        double part = is_ratio ? past->y[t] / trend : past->y[t] - trend;
        if (isfinite(part)) {
            out[t % season] += part;
            count[t % season]++;
        }
    }
    double mean = 0;
    for (size_t k = 0; k < season; k++) {
        if (count[k] == 0) {
            return false;
        }
        out[k] /= (double)count[k];
        mean += out[k];
    }
    mean /= (double)season;
    bool usable = isfinite(mean) && (!is_ratio || mean > 0);
    for (size_t k = 0; k < season; k++) {
        out[k] = is_ratio ? out[k] / mean : out[k] - mean;
        usable = usable && (!is_ratio || out[k] > 0);
    }
    return usable;
}
