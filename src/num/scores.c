#include "num/scores.h"

#include <math.h>

#include "base/error.h"
#include "num/quantile.h"

double alm_score_owa(double smape, double mase, double smape_naive2, double mase_naive2)
{
    return (alm_metrics_ratio(smape, smape_naive2) + alm_metrics_ratio(mase, mase_naive2)) / 2;
}

double alm_score_interval(double y, double low, double high, double alpha)
{
    alm_assert(alpha > 0 && alpha < 1);
    double miss = (low > y ? low - y : 0) + (y > high ? y - high : 0);
    return high - low + 2 / alpha * miss;
}

double alm_score_crps_quantiles(double y, const double *levels, const double *values,
                                size_t count)
{
    alm_assert(count >= 1);
    double sum = 0;
    double from = 0;
    for (size_t k = 0; k < count; k++) {
        double to = k + 1 < count ? (levels[k] + levels[k + 1]) / 2 : 1;
        sum += (to - from) * alm_pinball(y, values[k], levels[k]);
        from = to;
    }
    return 2 * sum;
}

/* E|X - X'| of sorted values is 2/n^2 times the sum of (2i - n + 1) x_i, i from 0. Values are taken
 * relative to y: the weights add up to nothing, so it changes only the rounding, for the better. */
double alm_score_crps_samples(double y, const double *sorted, size_t count)
{
    alm_assert(count >= 1);
    double n = (double)count;
    double from_y = 0;
    double between = 0;
    for (size_t i = 0; i < count; i++) {
        double distance = sorted[i] - y;
        from_y += fabs(distance);
        between += (2 * (double)i - n + 1) / n * distance;
    }
    return (from_y - between) / n;
}

void alm_distribution_add_window(alm_distribution_scores *scores,
                                 const alm_distribution_window *w)
{
    alm_assert(w->low < w->high && w->high < w->level_count);
    double alpha = 1 - (w->levels[w->high] - w->levels[w->low]);
    double interval = 0;
    double pinball = 0;
    size_t pairs = 0;
    for (size_t h = 0; h < w->steps; h++) {
        double y = w->y[h];
        if (isnan(y)) {
            continue;
        }
        const double *q = w->quantiles + h * w->level_count;
        interval += alm_score_interval(y, q[w->low], q[w->high], alpha);
        for (size_t k = 0; k < w->level_count; k++) {
            pinball += alm_pinball(y, q[k], w->levels[k]);
        }
        scores->crps += w->sorted ? alm_score_crps_samples(y, w->sorted + h * w->sorted_count,
                                                           w->sorted_count)
                                  : alm_score_crps_quantiles(y, w->levels, q, w->level_count);
        scores->actual += fabs(y);
        scores->covered += y >= q[w->low] && y <= q[w->high];
        scores->below += y < q[w->low];
        pairs++;
    }
    scores->pairs += pairs;
    if (pairs == 0) {
        return;
    }
    double n = (double)pairs;
    if (w->mase_scale > 0) {
        scores->msis += interval / n / w->mase_scale;
        scores->msis_windows++;
    } else {
        scores->unscaled_windows++;
    }
    if (w->step_scale > 0) {
        scores->spl += w->weight * (pinball / n / (double)w->level_count / w->step_scale);
        scores->weight += w->weight;
    }
}

void alm_distribution_add_pit(alm_distribution_scores *scores, double pit)
{
    alm_assert(pit >= 0 && pit <= 1);
    size_t bin = (size_t)(pit * ALM_PIT_BINS);
    scores->pit[bin < ALM_PIT_BINS ? bin : ALM_PIT_BINS - 1]++;
    scores->pit_count++;
}

double alm_distribution_crps(const alm_distribution_scores *scores)
{
    return alm_metrics_ratio(scores->crps, (double)scores->pairs);
}

double alm_distribution_scaled_crps(const alm_distribution_scores *scores)
{
    return alm_metrics_ratio(scores->crps, scores->actual);
}

double alm_distribution_msis(const alm_distribution_scores *scores)
{
    return alm_metrics_ratio(scores->msis, (double)scores->msis_windows);
}

double alm_distribution_wspl(const alm_distribution_scores *scores)
{
    return alm_metrics_ratio(scores->spl, scores->weight);
}

double alm_distribution_coverage(const alm_distribution_scores *scores)
{
    return alm_metrics_ratio((double)scores->covered, (double)scores->pairs);
}

double alm_distribution_pit_chi_square(const alm_distribution_scores *scores)
{
    double expected = (double)scores->pit_count / ALM_PIT_BINS;
    double sum = 0;
    for (int i = 0; i < ALM_PIT_BINS; i++) {
        double off = (double)scores->pit[i] - expected;
        sum += off * off;
    }
    return alm_metrics_ratio(sum, expected);
}

void alm_weighted_add(alm_weighted_mean *mean, double score, double weight)
{
    alm_assert(isfinite(score) && weight >= 0);
    mean->sum += weight * score;
    mean->weight += weight;
}

double alm_weighted_value(const alm_weighted_mean *mean)
{
    return alm_metrics_ratio(mean->sum, mean->weight);
}

double alm_weighted_levels(const alm_weighted_mean *levels, size_t count)
{
    double sum = 0;
    double used = 0;
    for (size_t l = 0; l < count; l++) {
        if (levels[l].weight > 0) {
            sum += alm_weighted_value(&levels[l]);
            used++;
        }
    }
    return alm_metrics_ratio(sum, used);
}

double alm_score_sales(const double *units, const double *price, size_t n, size_t last)
{
    double sum = 0;
    for (size_t t = n > last ? n - last : 0; t < n; t++) {
        double money = price ? units[t] * price[t] : units[t];
        sum += isnan(money) ? 0 : money;
    }
    return sum;
}
