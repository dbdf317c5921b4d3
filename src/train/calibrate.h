/* calibrate.h: what a method chooses from records of earlier, completed origins.
 *
 *   weight[class]  share of the forest in the mean, 0, .5 or 1: by mean RMSSE of the class; the
 *                  middle unless another is better by more than half a percent
 *   weight[aggregate]  share of the bottom-up sum, 1, .5 or 0, by mean RMSSE over the aggregates;
 *                  1 unless another is better by more than 5 percent
 *   remap          u' = u / 2 + g(u) / 2, g the quantile function of the randomised PITs: half way,
 *                  because three origins estimate g with errors of their own
 *   bins           mean shapes of the series at the origin that the method is for */
#ifndef ALM_TRAIN_CALIBRATE_H
#define ALM_TRAIN_CALIBRATE_H

#include "train/origin_record.h"

/* Mean shapes by share of non-zero periods: 8 bins with equally many series. */
void alm_calibrate_bins(const alm_history *histories, size_t count, alm_arena *scratch,
                        alm_method *method);

/* Weights and remap. With no records: weights .5 (aggregates 1) and the identity. */
void alm_calibrate(const alm_origin_record *records, size_t count, const alm_hierarchy *hierarchy,
                   alm_arena *scratch, alm_method *method);

#endif
