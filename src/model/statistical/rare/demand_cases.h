/* demand_cases.h: pasts of demand with the forecasts of statsforecast 2.1.1 (Python), %.12g of
 * `forecast(y=y, h=1)["mean"]`, that the tests of forecasters of rare demand share.
 *
 * croston, optimised, sba: CrostonClassic, CrostonOptimized, CrostonSBA; tsb, tsb_two: TSB(.1, .1)
 * and TSB(alpha_d=.2, alpha_p=.1); adida, imapa: ADIDA, IMAPA. */
#ifndef ALM_MODEL_STATISTICAL_RARE_DEMAND_CASES_H
#define ALM_MODEL_STATISTICAL_RARE_DEMAND_CASES_H

#include "model/statistical/statistical.h"

typedef struct demand_case {
    size_t count;
    double y[27];
    double croston, optimised, sba, tsb, tsb_two, adida, imapa;
} demand_case;

static const demand_case DEMAND[] = {
    {27,
     {0, 2, 0, 0, 1, 3, 0, 0, 0, 4, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 5, 0, 0, 1, 0, 2},
     0.855303509643, 0.850123514321, 0.81253833416, 0.792153290266,
     0.805969866014, 0.77206606, 0.828924616018},
    {18,
     {3, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0},
     1.41071428571, 0.724770642202, 1.34017857143, 0.893141328781,
     0.915752501662, 0.746000000001, 0.504926830714},
    {12,
     {5, 6, 4, 8, 7, 9, 6, 5, 4, 3, 7, 8},
     5.73765073811, 5.77535105403, 5.4507682012, 5.73765073811,
     6.01603186688, 5.77535105403, 5.77535105403},
    {6,
     {0, 0, 0, 1, 0, 0},
     0.25, 0.25, 0.2375, 0.081,
     0.081, 0.25, 0.110666666667},
    {19,
     {0, 0, 1.5, 0, 2.25, 0, 0, 0, 0.75, 0, 0, 3, 0, 1, 0, 0, 0, 0, 2},
     0.520013377004, 0.520013377004, 0.494012708154, 0.459001071951,
     0.480409602346, 0.540344166667, 0.56565112976},
    {7,
     {0, 2, 0, 5, 0, 0, 0},
     1.15, 1.3, 1.0925, 0.3034827,
     0.3430674, 1.035, 0.758799000001},
};

#define DEMAND_CASES (sizeof DEMAND / sizeof DEMAND[0])

/* The forecast one step ahead. */
static inline double demand_first(const alm_forecaster_kind *kind, const alm_past *past,
                                  alm_arena *arena)
{
    void *state = NULL;
    double out = 0;
    alm_assert(kind->fit(past, arena, &state, NULL) == ALM_OK);
    kind->mean(state, 1, &out);
    return out;
}

#endif
