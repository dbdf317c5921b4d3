/* ces.h: complex exponential smoothing: Svetunkov, Kourentzes, Ord, "Complex exponential
 * smoothing", Naval Research Logistics 69 (2022). One model for series with and without a trend.
 *
 *   y_t = l_{t-1} + e_t                        l, c: the two parts of one complex level
 *   l_t = l_{t-1} - (1 - a1) c_{t-1} + (a0 - a1) e_t
 *   c_t = l_{t-1} + (1 - a0) c_{t-1} + (a0 + a1) e_t
 *
 *   none     as above
 *   simple   the same with the states of one season ago: every phase has a level of its own
 *   partial  and a real seasonal part: s_t = s_{t-m} + b e_t
 *   full     and a complex one, with b0 and b1 as a0 and a1
 *
 * THE FIT. Least squares over the two to four parameters, by Levenberg and Marquardt's method
 * (num/least_squares.h). The initial states are no parameters: the past is gone through to its end,
 * back to its start and then once more, and the last way counts ("backcasting", as the authors'
 * program does). Parameters keep to the region where errors fade: the eigenvalues of F - g w' are
 * inside of the unit circle; and where the mean grows by at most a tenth in a whole season, and
 * by at most the factor e^2 in as long as the past is. */
#ifndef ALM_MODEL_STATISTICAL_SMOOTHING_CES_H
#define ALM_MODEL_STATISTICAL_SMOOTHING_CES_H

#include "model/statistical/statistical.h"

typedef enum alm_ces_season {
    ALM_CES_NONE,
    ALM_CES_SIMPLE,
    ALM_CES_PARTIAL,
    ALM_CES_FULL
} alm_ces_season;

typedef struct alm_ces_facts {
    alm_ces_season season;
    double alpha[2]; /* a0, a1; of ALM_CES_SIMPLE those of the phases */
    double beta[2];  /* b, or b0 and b1; NaN: the form has none */
    double squares;  /* sum of squared errors */
    double aicc;     /* smoothing parameters, level states and the variance count */
} alm_ces_facts;

/* One form, as a state of alm_ces. ALM_ERR_INCOMPLETE: fewer than 7 known values, or than two whole
 * seasons and a value of every phase. */
ALM_NODISCARD alm_err alm_ces_fit(const alm_past *past, alm_ces_season season, alm_arena *arena,
                                  void **state, alm_error *error);
void alm_ces_describe(const void *state, alm_ces_facts *out);

/* The sum of squared errors of one way through `past` (no NaN) from given states, without a fit:
 * what the recursion is. level: l and c; phase: pairs of a season (s and, of simple and full, its
 * other part). Both are left as they are behind the past. */
double alm_ces_pass(const alm_past *past, const alm_ces_facts *by, double level[2], double *phase);

/* The form with the lowest AICc. */
extern const alm_forecaster_kind alm_ces;

/* All forms, weighted by how well they fit (alm_combination_weigh). The weights are mild, strength
 * .02, because AICc does not count the initial states of a season here. */
extern const alm_forecaster_kind alm_ces_averaged;

#endif
