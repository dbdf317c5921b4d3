#include "model/baseline.h"

#include <math.h>

#include "num/quantile.h"

#define SES_ALPHA 0.1

const char *alm_baseline_name(alm_baseline baseline)
{
    static const char *const NAMES[] = {
#define ALM_BASELINE_TEXT(name) #name,
        ALM_BASELINE_MAP(ALM_BASELINE_TEXT)
#undef ALM_BASELINE_TEXT
    };
    alm_assert((unsigned)baseline < ALM_BASELINE_COUNT);
    return NAMES[baseline];
}

/* In-sample errors y - fitted, in time order; returns how many. */
typedef size_t (*fit_function)(const alm_baseline_request *r, double *mean, double *errors);

static size_t fit_zero(const alm_baseline_request *r, double *mean, double *errors)
{
    (void)errors;
    for (size_t h = 0; h < r->steps; h++) {
        mean[h] = 0;
    }
    return 0;
}

/* The newest known value `back` periods from the end (1 is the last) or whole seasons before. */
static double newest_of_phase(const alm_baseline_request *r, size_t back)
{
    while (back <= r->count && isnan(r->y[r->count - back])) {
        back += r->season;
    }
    return back <= r->count ? r->y[r->count - back] : 0;
}

static size_t fit_seasonal_naive(const alm_baseline_request *r, double *mean, double *errors)
{
    for (size_t h = 0; h < r->steps; h++) {
        mean[h] = newest_of_phase(r, r->season - (h + r->delay) % r->season);
    }
    size_t count = 0;
    for (size_t t = r->season; t < r->count; t++) {
        if (!isnan(r->y[t]) && !isnan(r->y[t - r->season])) {
            errors[count++] = r->y[t] - r->y[t - r->season];
        }
    }
    return count;
}

static size_t fit_ses(const alm_baseline_request *r, double *mean, double *errors)
{
    double level = 0;
    bool started = false;
    size_t count = 0;
    for (size_t t = 0; t < r->count; t++) {
        if (isnan(r->y[t])) {
            continue;
        }
        if (started) {
            errors[count++] = r->y[t] - level;
            level += SES_ALPHA * (r->y[t] - level);
        } else {
            level = r->y[t];
            started = true;
        }
    }
    for (size_t h = 0; h < r->steps; h++) {
        mean[h] = level;
    }
    return count;
}

/* Mean by phase of the season counted from the last value; season 1 is the plain mean. */
static size_t fit_phase_mean(const alm_baseline_request *r, size_t season, double *mean,
                             double *errors)
{
    double phase_mean[1024];
    alm_assert(season >= 1 && season <= 1024);
    for (size_t p = 0; p < season; p++) {
        double sum = 0;
        double values = 0;
        for (size_t back = season - p; back <= r->count; back += season) {
            double y = r->y[r->count - back];
            sum += isnan(y) ? 0 : y;
            values += !isnan(y);
        }
        phase_mean[p] = values > 0 ? sum / values : 0;
    }
    for (size_t h = 0; h < r->steps; h++) {
        mean[h] = phase_mean[(h + r->delay) % season];
    }
    size_t count = 0;
    for (size_t t = 0; t < r->count; t++) {
        if (!isnan(r->y[t])) {
            size_t back = r->count - t;
            errors[count++] = r->y[t] - phase_mean[(season - back % season) % season];
        }
    }
    return count;
}

static size_t fit_mean(const alm_baseline_request *r, double *mean, double *errors)
{
    return fit_phase_mean(r, 1, mean, errors);
}

static size_t fit_weekday_mean(const alm_baseline_request *r, double *mean, double *errors)
{
    return fit_phase_mean(r, r->season, mean, errors);
}

void alm_baseline_forecast(alm_baseline baseline, const alm_baseline_request *request,
                           alm_arena *scratch, double *mean, double *quantiles)
{
    static const fit_function FITS[] = {
#define ALM_BASELINE_FIT(name) fit_##name,
        ALM_BASELINE_MAP(ALM_BASELINE_FIT)
#undef ALM_BASELINE_FIT
    };
    alm_assert((unsigned)baseline < ALM_BASELINE_COUNT);
    double *errors = ALM_NEW_ARRAY(scratch, double, request->count + 1);
    size_t count = FITS[baseline](request, mean, errors);
    if (!quantiles) {
        return;
    }
    alm_sort_doubles(errors, count);
    for (size_t k = 0; k < request->level_count; k++) {
        double shift = count ? alm_quantile_sorted(errors, count, request->levels[k]) : 0;
        for (size_t h = 0; h < request->steps; h++) {
            double value = mean[h] + shift;
            quantiles[k * request->steps + h] = value > 0 ? value : 0;
        }
    }
}
