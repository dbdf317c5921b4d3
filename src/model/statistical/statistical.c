#include "model/statistical/adida.h"
#include "model/statistical/count.h"
#include "model/statistical/croston.h"
#include "model/statistical/ets.h"
#include "model/statistical/theta.h"

const alm_forecaster_kind *const *alm_forecaster_kinds(size_t *count)
{
    static const alm_forecaster_kind *const KINDS[] = {
        &alm_naive,          &alm_seasonal_naive,  &alm_drift,         &alm_mean_of_all,
        &alm_naive2,         &alm_theta_standard,  &alm_theta_optimised, &alm_theta_dynamic,
        &alm_theta_dynamic_optimised, &alm_ets,    &alm_croston,       &alm_croston_optimised,
        &alm_sba,            &alm_tsb,             &alm_tsb_optimised, &alm_adida,
        &alm_imapa,          &alm_count,
    };
    *count = sizeof KINDS / sizeof KINDS[0];
    return KINDS;
}

alm_forecaster_traits alm_forecaster_traits_of(const alm_forecaster_kind *kind)
{
    static const alm_forecaster_kind *const OF_DEMAND[] = {
        &alm_croston, &alm_croston_optimised, &alm_sba,   &alm_tsb,
        &alm_tsb_optimised, &alm_adida,       &alm_imapa,
    };
    if (kind == &alm_count) {
        return (alm_forecaster_traits){.support = ALM_SUPPORT_COUNT, .has_units = true};
    }
    alm_forecaster_traits traits = {.has_correction = kind == &alm_sba};
    for (size_t i = 0; i < sizeof OF_DEMAND / sizeof OF_DEMAND[0]; i++) {
        if (kind == OF_DEMAND[i]) {
            traits.support = ALM_SUPPORT_NON_NEGATIVE;
        }
    }
    return traits;
}
