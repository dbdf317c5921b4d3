#include "model/baseline.h"

#include <math.h>
#include <string.h>

#include "model/statistical/statistical.h"
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
typedef size_t (*fit_function)(const alm_baseline_request *r, alm_arena *scratch, double *mean,
                               double *errors);

static size_t fit_zero(const alm_baseline_request *r, alm_arena *scratch, double *mean,
                       double *errors)
{
    (void)scratch;
    (void)errors;
    memset(mean, 0, r->steps * sizeof *mean);
    return 0;
}

/* Of the next periods; 0 where nothing is known. */
static void ahead_of(const alm_forecaster_kind *kind, const alm_past *past, size_t steps,
                     alm_arena *scratch, double *out)
{
    void *state = NULL;
    alm_error ignored; /* no known value, or none that can be worked with */
    if (kind->fit(past, scratch, &state, &ignored) == ALM_OK) {
        kind->mean(state, steps, out);
    } else {
        memset(out, 0, steps * sizeof *out);
    }
}

static size_t fit_seasonal_naive(const alm_baseline_request *r, alm_arena *scratch, double *mean,
                                 double *errors)
{
    alm_past past = {r->y, r->count, r->season};
    double *ahead = ALM_NEW_ARRAY(scratch, double, r->delay + r->steps);
    ahead_of(&alm_seasonal_naive, &past, r->delay + r->steps, scratch, ahead);
    memcpy(mean, ahead + r->delay, r->steps * sizeof *mean);
    size_t count = 0;
    for (size_t t = r->season; t < r->count; t++) {
        if (!isnan(r->y[t]) && !isnan(r->y[t - r->season])) {
            errors[count++] = r->y[t] - r->y[t - r->season];
        }
    }
    return count;
}

static size_t fit_ses(const alm_baseline_request *r, alm_arena *scratch, double *mean,
                      double *errors)
{
    (void)scratch;
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

/* By phase of the season, each a series of its own; season 1 is the plain mean. */
static size_t fit_phase_mean(const alm_baseline_request *r, size_t season, alm_arena *scratch,
                             double *mean, double *errors)
{
    double *phase_mean = ALM_NEW_ARRAY(scratch, double, season);
    double *y = ALM_NEW_ARRAY(scratch, double, r->count / season + 1);
    for (size_t p = 0; p < season; p++) {
        alm_past past = {.y = y, .season = 1};
        for (size_t t = p; t < r->count; t += season) {
            y[past.count++] = r->y[t];
        }
        ahead_of(&alm_mean_of_all, &past, 1, scratch, &phase_mean[p]);
    }
    for (size_t h = 0; h < r->steps; h++) {
        mean[h] = phase_mean[(r->count + r->delay + h) % season];
    }
    size_t count = 0;
    for (size_t t = 0; t < r->count; t++) {
        if (!isnan(r->y[t])) {
            errors[count++] = r->y[t] - phase_mean[t % season];
        }
    }
    return count;
}

static size_t fit_mean(const alm_baseline_request *r, alm_arena *scratch, double *mean,
                       double *errors)
{
    return fit_phase_mean(r, 1, scratch, mean, errors);
}

static size_t fit_weekday_mean(const alm_baseline_request *r, alm_arena *scratch, double *mean,
                               double *errors)
{
    return fit_phase_mean(r, r->season, scratch, mean, errors);
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
    size_t count = FITS[baseline](request, scratch, mean, errors);
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
