/* calibrate.h: what a method chooses from records of earlier, completed origins.
 *
 *   weight[class]  share of the forest in the mean, 0, .5 or 1: by mean RMSSE of the class; the
 *                  middle unless another is better by more than half a percent
 *   weight[aggregate]  share of the bottom-up sum, 1, .5 or 0, by mean RMSSE over the aggregates;
 *                  1 unless another is better by more than 5 percent
 *   remap          u' = u / 2 + g(u) / 2, g the quantile function of the randomised PITs: half way,
 *                  because three origins estimate g with errors of their own; the PIT of a day
 *                  that was sold out is spread over all above what was sold
 *   bins           mean shapes of the series at the origin that the method is for */
#ifndef ALM_TRAIN_CALIBRATE_H
#define ALM_TRAIN_CALIBRATE_H

#include "project/project.h"
#include "train/backtest/origin_record.h"

/* Mean shapes by share of non-zero periods: 8 bins with equally many series. */
void alm_calibrate_bins(const alm_history *histories, size_t count, alm_arena *scratch,
                        alm_method *method);

/* What a class may choose between: the project's `candidates`. */
enum { ALM_CHOICE_STATISTICAL = 1, ALM_CHOICE_BLEND = 2, ALM_CHOICE_GBM = 4, ALM_CHOICE_ALL = 7 };

/* The mask of a model's candidates; ALM_ERR_CONFIG for an unknown one or none. */
ALM_NODISCARD alm_err alm_choices_of(const alm_model_spec *model, unsigned *out,
                                     alm_error *error);

typedef struct alm_calibration {
    const alm_origin_record *records;
    size_t count;
    const alm_hierarchy *hierarchy;
    unsigned choices; /* not 0 */
} alm_calibration;

/* Weights and remap. With no records: the middle choice (aggregates 1) and the identity. */
void alm_calibrate(const alm_calibration *calibration, alm_arena *scratch, alm_method *method);

#endif
