/* theta.h: the theta method as a state space model: Fiorucci, Pellegrini, Louzada, Petropoulos,
 * Koehler, "Models for optimising the theta method and their relationship to state space models",
 * International Journal of Forecasting 32 (2016).
 *
 *   mu_t = l_{t-1} + w D_t          D_t = (1 - a)^{t-1} A_{t-1} + (1 - (1 - a)^t) / a  B_{t-1}
 *   l_t  = a y_t + (1 - a) l_{t-1}  w = 1 - 1 / theta
 *
 * A and B are intercept and slope of the line through y_1..y_t (dynamic), or through all of the
 * past (standard). Seasonally adjusted first where the season is significant.
 *
 * The usual way minimises the sum of squares over (l_0, a, theta) by a simplex. But for a given `a`
 * the errors are linear in l_0 and in w: l_t = b_t + c_t l_0, where neither b nor c knows of w. So
 * both come from least squares over two columns, w held to theta >= 1, and what is left is a search
 * along one line, which finds the global minimum and takes some hundred passes less.
 *
 * The first three errors are left out, as in the paper's programs. */
#ifndef ALM_MODEL_STATISTICAL_SMOOTHING_THETA_H
#define ALM_MODEL_STATISTICAL_SMOOTHING_THETA_H

#include "model/statistical/statistical.h"

extern const alm_forecaster_kind alm_theta_standard;          /* STM: theta = 2, one line */
extern const alm_forecaster_kind alm_theta_optimised;         /* OTM: theta fitted */
extern const alm_forecaster_kind alm_theta_dynamic;           /* DSTM: theta = 2, moving line */
extern const alm_forecaster_kind alm_theta_dynamic_optimised; /* DOTM: both */
extern const alm_forecaster_kind alm_theta_automatic; /* of these four, the lowest squares */

typedef struct alm_theta_facts {
    double alpha, theta;
    double first_level; /* l_0, of adjusted values */
    double squares;     /* sum of squared errors from the fourth on, of adjusted values */
    bool is_adjusted;   /* seasonally */
    bool is_dynamic;
} alm_theta_facts;

void alm_theta_describe(const void *state, alm_theta_facts *out);

#endif
