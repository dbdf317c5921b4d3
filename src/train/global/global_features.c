#include "train/global/global_features.h"

#include <math.h>

#define LAGS 4
#define YEAR_BACK 364 /* whole weeks */
#define YEAR_AROUND 14
#define GENERIC (9 + 2 + LAGS + 3 * 3)
#define LOCAL_COUNT_ONE(name) +1
#define LOCAL (0 ALM_LOCAL_MAP(LOCAL_COUNT_ONE) + 2)

static const size_t SEASONS[] = {1, 4, 12}; /* windows of moments */

size_t alm_global_feature_count(const alm_global_past *past, bool with_local)
{
    return GENERIC + past->column_count + (with_local ? LOCAL : 0);
}

/* Mean, deviation and share of zeros of the newest `window` periods; NaN: none is known. */
static void put_moments(const alm_global_seen *s, size_t window, double *out)
{
    double sum = 0, squares = 0;
    size_t known = 0, zeros = 0;
    for (size_t back = 1; back <= window && back <= s->seen; back++) {
        double value = s->y[s->seen - back] / s->size.scale;
        if (!isnan(value)) {
            sum += value;
            squares += value * value;
            zeros += value == 0;
            known++;
        }
    }
    double n = (double)known;
    double variance = known ? squares / n - sum / n * (sum / n) : (double)NAN;
    out[0] = known ? sum / n : (double)NAN;
    out[1] = variance > 0 ? sqrt(variance) : variance * 0;
    out[2] = known ? (double)zeros / n : (double)NAN;
}

static double newest_value(const alm_global_seen *s)
{
    for (size_t t = s->seen; t-- > 0;) {
        if (!isnan(s->y[t])) {
            return s->y[t] / s->size.scale;
        }
    }
    return NAN;
}

static double since_demand(const alm_global_seen *s)
{
    size_t back = 1;
    while (back < s->seen && !(s->y[s->seen - back] > 0)) {
        back++;
    }
    return (double)back;
}

/* Of [first, end) among what is seen; NaN: nothing is known there. */
static double mean_of(const alm_global_seen *s, size_t first, size_t end)
{
    double sum = 0;
    size_t known = 0;
    for (size_t t = first; t < end && t < s->seen; t++) {
        sum += isnan(s->y[t]) ? 0 : s->y[t] / s->size.scale;
        known += !isnan(s->y[t]);
    }
    return known > 0 ? sum / (double)known : (double)NAN;
}

/* Around the day a year before the one that is forecast, and of the weeks before the newest value a
 * year before: what a tree can compare. */
static double *put_year(const alm_global_seen *s, size_t target, double *out)
{
    size_t day = target > YEAR_BACK ? target - YEAR_BACK : 0;
    size_t newest = s->seen > YEAR_BACK ? s->seen - YEAR_BACK : 0;
    size_t first = newest > ALM_GLOBAL_RECENT ? newest - ALM_GLOBAL_RECENT : 0;
    size_t around = day > YEAR_AROUND ? day - YEAR_AROUND : 0;
    *out++ = day > 0 ? mean_of(s, around, day + YEAR_AROUND + 1) : (double)NAN;
    *out++ = mean_of(s, first, newest);
    return out;
}

static double *put_lags(const alm_global_seen *s, size_t h, double *out)
{
    size_t season = s->past->season;
    size_t back = season - (s->past->delay + h) % season; /* 1: the newest value */
    for (size_t k = 0; k < LAGS; k++, back += season) {
        *out++ = back <= s->seen ? s->y[s->seen - back] / s->size.scale : (double)NAN;
    }
    return out;
}

static void put_local(const alm_global_seen *s, const alm_local_statistics *l, size_t h,
                      double *out)
{
    size_t at = s->past->delay + h;
    *out++ = l->ses / s->size.scale;
    *out++ = l->tsb / s->size.scale;
    *out++ = l->interval;
    *out++ = l->squared_cv;
    *out++ = l->trend_strength;
    *out++ = l->season_strength;
    *out++ = l->theta[at] / s->size.scale;
    *out++ = l->index[at] / s->size.scale;
}

void alm_global_features(const alm_global_seen *s, const alm_local_statistics *local, size_t h,
                         double *out)
{
    const alm_global_past *past = s->past;
    size_t target = s->seen + past->delay + h; /* its place in y */
    *out++ = (double)(h + 1);
    *out++ = (double)((s->begin + target) % past->season);
    *out++ = s->size.all;
    *out++ = s->size.level;
    *out++ = s->size.spread;
    *out++ = (double)s->seen;
    *out++ = newest_value(s);
    *out++ = since_demand(s);
    *out++ = s->phase_mean[h];
    out = put_year(s, target, out);
    out = put_lags(s, h, out);
    for (size_t w = 0; w < sizeof SEASONS / sizeof SEASONS[0]; w++, out += 3) {
        put_moments(s, SEASONS[w] * (past->season > 1 ? past->season : 7), out);
    }
    for (size_t c = 0; c < past->column_count; c++) {
        *out++ = past->column[c][s->begin + target];
    }
    if (local) {
        put_local(s, local, h, out);
    }
}
