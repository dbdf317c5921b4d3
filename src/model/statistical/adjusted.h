/* adjusted.h: a past made ready: brought to a size that squares do not overflow at, and seasonally
 * adjusted where a season is significant, as the M4 competition adjusts.
 *
 * The factor is a power of two, so bringing a number there and back changes no bit. */
#ifndef ALM_MODEL_STATISTICAL_ADJUSTED_H
#define ALM_MODEL_STATISTICAL_ADJUSTED_H

#include "model/statistical/statistical.h"

/* Larger values are refused: what grows from them must stay finite. */
#define ALM_PAST_VALUE_MAX 1e290

typedef struct alm_adjustment {
    double factor;
    size_t season; /* 1: not adjusted */
    bool is_ratio;
    const double *index; /* season; phase 0 is that of y[0] */
} alm_adjustment;

typedef struct alm_adjusted {
    alm_adjustment by;
    double *y; /* count; NaN stays */
    size_t count;
    size_t known;
    double newest; /* the newest known value of y */
} alm_adjusted;

/* At least `needed` >= 1 known values, else ALM_ERR_INCOMPLETE. `cycles`: whole seasons that an
 * adjustment takes; 0: never adjusted. Everything lies in `arena`. */
ALM_NODISCARD alm_err alm_adjust(const alm_past *past, size_t needed, size_t cycles,
                                 alm_arena *arena, alm_adjusted *out, alm_error *error);

/* A value of period t (from 0, of the past and beyond) there and back. */
double alm_adjust_value(const alm_adjustment *by, size_t t, double y);
double alm_readjust_value(const alm_adjustment *by, size_t t, double y);
/* The standard deviation of a value with this variance, back; NaN: beyond what doubles hold (values
 * that came later and are 1e150 times as large as the past). */
double alm_readjust_deviation(const alm_adjustment *by, size_t t, double variance);

#endif
