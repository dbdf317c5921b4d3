/* forecast_facts.c: words and figures of series_forecast.h. */
#include <math.h>

#include "num/metrics.h"
#include "pipeline/series/series_forecast.h"

/* ---- words ---- */

const char *alm_forecast_reason_text(alm_forecast_reason reason)
{
#define REASON_TEXT(name, text, sentence) text,
    static const char *const TEXT[] = {ALM_FORECAST_REASON_MAP(REASON_TEXT)};
    return TEXT[reason];
}

const char *alm_forecast_reason_sentence(alm_forecast_reason reason)
{
#define REASON_SENTENCE(name, text, sentence) sentence,
    static const char *const SENTENCE[] = {ALM_FORECAST_REASON_MAP(REASON_SENTENCE)};
    return SENTENCE[reason];
}

const char *alm_forecast_spread_text(alm_forecast_spread spread)
{
    static const char *const TEXT[] = {"none", "paths", "normal"};
    return TEXT[spread];
}

const char *alm_support_text(alm_support support)
{
    static const char *const TEXT[] = {"real", "non_negative", "count"};
    return TEXT[support];
}

/* ---- means ---- */

static double mean_of(double sum, double count)
{
    double mean = alm_metrics_ratio(sum, count);
    return isfinite(mean) ? mean : (double)NAN;
}

double alm_forecast_mase(const alm_forecast_score *score)
{
    return mean_of(score->mase, (double)score->mase_windows);
}

double alm_forecast_wape(const alm_forecast_score *score)
{
    return mean_of(score->absolute, score->actual);
}

double alm_forecast_smape(const alm_forecast_score *score)
{
    return mean_of(score->smape, (double)score->windows);
}

double alm_forecast_coverage(const alm_forecast_score *score, size_t level)
{
    return mean_of((double)score->covered[level], (double)score->interval_pairs[level]);
}
