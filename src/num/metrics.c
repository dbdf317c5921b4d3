#include "num/metrics.h"

#include <math.h>

#include "num/quantile.h"

alm_scale alm_scale_of(const double *y, size_t n, size_t season)
{
    size_t first = 0;
    while (first < n && !(y[first] > 0)) {
        first++;
    }
    alm_scale scale = {0, 0};
    double squared_pairs = 0;
    double absolute_pairs = 0;
    for (size_t t = first + 1; t < n; t++) {
        if (!isnan(y[t]) && !isnan(y[t - 1])) {
            scale.squared += (y[t] - y[t - 1]) * (y[t] - y[t - 1]);
            squared_pairs++;
        }
        if (t >= first + season && !isnan(y[t]) && !isnan(y[t - season])) {
            scale.absolute += fabs(y[t] - y[t - season]);
            absolute_pairs++;
        }
    }
    scale.squared = squared_pairs > 0 ? scale.squared / squared_pairs : 0;
    scale.absolute = absolute_pairs > 0 ? scale.absolute / absolute_pairs : 0;
    return scale;
}

void alm_metrics_add_window(alm_metrics *m, const double *y, const double *forecast, size_t n,
                            alm_scale scale)
{
    double absolute = 0;
    double squared = 0;
    double symmetric = 0;
    size_t pairs = 0;
    for (size_t t = 0; t < n; t++) {
        if (isnan(y[t])) {
            continue;
        }
        double error = forecast[t] - y[t];
        m->error += error;
        m->actual += fabs(y[t]);
        absolute += fabs(error);
        squared += error * error;
        symmetric += error != 0 ? 200 * fabs(error) / (fabs(forecast[t]) + fabs(y[t])) : 0;
        if (y[t] > 0) {
            m->percentage += fabs(error) / y[t];
            m->percentage_pairs++;
        }
        pairs++;
    }
    if (pairs == 0) {
        return;
    }
    m->pairs += pairs;
    m->absolute += absolute;
    m->squared += squared;
    m->smape += symmetric / (double)pairs;
    m->smape_windows++;
    if (scale.squared > 0) {
        m->rmsse += sqrt(squared / (double)pairs / scale.squared);
        m->rmsse_windows++;
    } else {
        m->unscaled_windows++;
    }
    if (scale.absolute > 0) {
        m->mase += absolute / (double)pairs / scale.absolute;
        m->mase_windows++;
    }
}

void alm_metrics_add_pinball(alm_metrics *m, double y, const double *quantiles,
                             const double *levels, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        m->pinball[k] += alm_pinball(y, quantiles[k], levels[k]);
    }
    m->pinball_pairs++;
}

void alm_metrics_add_interval(alm_metrics *m, double pit, double low, double high)
{
    m->covered += pit >= low && pit <= high;
    m->interval_pairs++;
}

double alm_metrics_ratio(double sum, double by)
{
    return by > 0 ? sum / by : (double)NAN;
}

double alm_metrics_wape(const alm_metrics *m)
{
    return alm_metrics_ratio(m->absolute, m->actual);
}

double alm_metrics_bias(const alm_metrics *m)
{
    return alm_metrics_ratio(m->error, m->actual);
}

double alm_metrics_rmse(const alm_metrics *m)
{
    return sqrt(alm_metrics_ratio(m->squared, (double)m->pairs));
}

double alm_metrics_mae(const alm_metrics *m)
{
    return alm_metrics_ratio(m->absolute, (double)m->pairs);
}

double alm_metrics_mape(const alm_metrics *m)
{
    return alm_metrics_ratio(m->percentage, (double)m->percentage_pairs);
}

double alm_metrics_rmsse(const alm_metrics *m)
{
    return alm_metrics_ratio(m->rmsse, (double)m->rmsse_windows);
}

double alm_metrics_mase(const alm_metrics *m)
{
    return alm_metrics_ratio(m->mase, (double)m->mase_windows);
}

double alm_metrics_smape(const alm_metrics *m)
{
    return alm_metrics_ratio(m->smape, (double)m->smape_windows);
}

double alm_metrics_pinball(const alm_metrics *m, size_t level)
{
    return alm_metrics_ratio(m->pinball[level], (double)m->pinball_pairs);
}

double alm_metrics_coverage(const alm_metrics *m)
{
    return alm_metrics_ratio((double)m->covered, (double)m->interval_pairs);
}
