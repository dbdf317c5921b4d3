/* demand_past.h: a past of demand made ready: not negative, scaled, without what is not known. */
#ifndef ALM_MODEL_STATISTICAL_RARE_DEMAND_PAST_H
#define ALM_MODEL_STATISTICAL_RARE_DEMAND_PAST_H

#include "model/statistical/adjusted.h"

typedef struct alm_demand_past {
    alm_adjustment by; /* the size alone, no season */
    double *y;         /* the known values, scaled; >= 0 */
    size_t count;      /* >= 1 */
} alm_demand_past;

/* ALM_ERR_INVALID: a value is below 0; the message says which. Else as alm_adjust. */
ALM_NODISCARD alm_err alm_demand_past_of(const alm_past *past, alm_arena *arena,
                                         alm_demand_past *out, alm_error *error);

/* A later value, scaled. One below 0 is no demand: 0. */
double alm_demand_value(const alm_adjustment *by, double y);

#endif
