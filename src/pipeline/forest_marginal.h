/* forest_marginal.h: the shape of a series' demand from quantile forests.
 *
 * Forest k predicts the quantile of level p_k (the method's `quantiles`) of demand / scale, for
 * every step. Forests are fitted one by one, so their quantiles may cross, and may be below zero:
 * at each step they are sorted (Chernozhukov, Fernandez-Val, Galichon 2010, "Quantile and
 * probability curves without crossing": never worse) and cut at zero.
 *
 * A series has ONE shape for all steps, as a shape from history is one: the average of the steps'
 * shapes q_h(u) / m_h weighted by their means m_h. That is sum q_h(u) / sum m_h over the open
 * steps, so the sums are all that is kept. Weighted by the mean, because an error of the shape
 * costs m_h times that in units: at every level the units over the whole horizon are exactly those
 * that the forests predict, and steps with next to no demand, whose ratio is noise, do not count.
 * One shape per step would be exact at every step and multiply by the horizon what is spilled.
 *
 * Between the p_k the summed quantiles are linear in the level (num/quantile.h). Outside there are
 * no forests, and the tails are those of the shape S that the series has without them (its history,
 * shrunk to its bin), S of mean 1:
 *   u < p_first   Q(u) = Q(p_first) * S(u) / S(p_first); linear from 0 where S(p_first) is 0
 *   u > p_last    Q(u) = Q(p_last) + M * (S(u) - S(p_last)), M the mean forest's sum
 * A ratio is bounded below; above it is not (a series that sells on two days of a hundred has
 * S(.95) = 0), so there the distance is taken over, in units of the mean. */
#ifndef ALM_PIPELINE_FOREST_MARGINAL_H
#define ALM_PIPELINE_FOREST_MARGINAL_H

#include "pipeline/forest_rows.h"

typedef struct alm_forest_marginal { /* of one series, in units, summed over the open steps */
    size_t steps; /* open ones; 0: no quantile forest serves the series */
    double mean;  /* of the mean forest */
    double quantile[ALM_METHOD_QUANTILES_MAX]; /* rearranged; at the method's levels */
} alm_forest_marginal;

/* Of the series of a scored request, in its order: `out` has request->count. `closed` has one flag
 * per step. Temporaries in `arena`. The bundle has quantile forests. Thread safe.
 * ALM_ERR_NUMERIC names series, level and step of a prediction that is not finite. */
ALM_NODISCARD alm_err alm_forest_marginals_of(const alm_forest_request *request,
                                              const alm_forest_rows *scored,
                                              const uint8_t *closed, alm_arena *arena,
                                              alm_forest_marginal *out, alm_error *error);

/* The shape, of mean 1, at the shape levels. `shape` holds S before. Gives the mean of the
 * distribution per open step; 0, and S stays, when the forests expect no demand at all. */
double alm_forest_marginal_shape(const alm_method *method, const alm_forest_marginal *marginal,
                                 double *shape);

#endif
