#include "model/statistical/forecaster_kinds.h"

#include "model/statistical/arima/arima.h"
#include "model/statistical/automatic/apart.h"
#include "model/statistical/automatic/choice.h"
#include "model/statistical/automatic/contest.h"
#include "model/statistical/automatic/mstl.h"
#include "model/statistical/rare/adida.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/rare/croston.h"
#include "model/statistical/smoothing/ces.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/smoothing/theta.h"

const alm_forecaster_kind *const *alm_forecaster_kinds(size_t *count)
{
    static const alm_forecaster_kind *const KINDS[] = {
        &alm_naive,
        &alm_seasonal_naive,
        &alm_drift,
        &alm_mean_of_all,
        &alm_window_mean,
        &alm_naive2,
        &alm_theta_standard,
        &alm_theta_optimised,
        &alm_theta_dynamic,
        &alm_theta_dynamic_optimised,
        &alm_theta_automatic,
        &alm_ses,
        &alm_holt,
        &alm_holt_damped,
        &alm_holt_winters,
        &alm_holt_winters_multiplicative,
        &alm_ets,
        &alm_croston,
        &alm_croston_optimised,
        &alm_sba,
        &alm_tsb,
        &alm_tsb_optimised,
        &alm_adida,
        &alm_imapa,
        &alm_count,
        &alm_arima,
        &alm_arima_apart,
        &alm_mstl,
        &alm_ets_averaged,
        &alm_ces,
        &alm_ces_averaged,
        &alm_auto,
        &alm_best,
        &alm_weighted,
        &alm_median,
    };
    _Static_assert(sizeof KINDS / sizeof KINDS[0] <= ALM_FORECASTER_KINDS_MAX, "see the header");
    *count = sizeof KINDS / sizeof KINDS[0];
    return KINDS;
}
