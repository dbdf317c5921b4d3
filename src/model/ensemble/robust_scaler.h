/* robust_scaler.h: columns centred by their median and divided by the distance of their quartiles.
 *
 * Fitted on the training window only: the caller passes those rows and no others. Missing values
 * (NaN) are passed over when fitting and stay missing; a column without spread is divided by 1, one
 * without any value is refused. Quartiles are linear between order statistics (type 7), as in
 * scikit-learn's RobustScaler, whose numbers these are. Immutable; any thread may use it. */
#ifndef ALM_MODEL_ENSEMBLE_ROBUST_SCALER_H
#define ALM_MODEL_ENSEMBLE_ROBUST_SCALER_H

#include "base/json.h"

typedef struct alm_robust_scaler {
    size_t columns;
    double *centre; /* columns */
    double *scale;  /* columns, > 0 */
} alm_robust_scaler;

/* rows: count x columns. In `arena`. ALM_ERR_INVALID names the column that has no value, or the row
 * and column of one that is infinite. */
ALM_NODISCARD alm_err alm_robust_scaler_fit(const double *rows, size_t count, size_t columns,
                                            alm_arena *arena, alm_robust_scaler *out,
                                            alm_error *error);
/* In place: count x columns. */
void alm_robust_scaler_apply(const alm_robust_scaler *scaler, double *rows, size_t count);

/* {"center":[..],"scale":[..]}: scikit-learn's center_ and scale_. */
void alm_robust_scaler_write(const alm_robust_scaler *scaler, alm_buffer *out);
ALM_NODISCARD alm_err alm_robust_scaler_read(alm_str json, const char *name, alm_arena *arena,
                                             alm_robust_scaler *out, alm_error *error);

#endif
