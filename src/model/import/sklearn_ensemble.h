/* sklearn_ensemble.h: calibrators and scalers of scikit-learn, from the JSON of their attributes.
 *
 * A pickle can run any code when it is opened, so none is. These lines write what is needed:
 *
 *   import json, sklearn
 *   NAMES = ("X_thresholds_", "y_thresholds_", "increasing_", "out_of_bounds", "a_", "b_", "coef_",
 *            "intercept_", "classes_", "center_", "scale_")
 *   def describe(model):
 *       found = {n: getattr(model, n) for n in NAMES if hasattr(model, n)}
 *       found = {n: v.tolist() if hasattr(v, "tolist") else v for n, v in found.items()}
 *       return {"library": "scikit-learn", "version": sklearn.__version__,
 *               "class": type(model).__name__, **found}
 *   json.dump(describe(model), open("model.json", "w"))
 *
 * For three classes and more the text is a list of calibrators, one a class, in order:
 * [describe(c) for c in calibrated.calibrated_classifiers_[0].calibrators]. */
#ifndef ALM_MODEL_SKLEARN_ENSEMBLE_H
#define ALM_MODEL_SKLEARN_ENSEMBLE_H

#include "model/ensemble/calibrator.h"
#include "model/ensemble/robust_scaler.h"

/* IsotonicRegression (out_of_bounds="clip", rising, values in [0, 1]), _SigmoidCalibration, or
 * LogisticRegression on one score (Platt): a row's second number is the score, whatever its range.
 * Answers are scikit-learn's up to the last bits of exp and of an interpolation (4 ulp).
 * ALM_ERR_CORRUPT: keys or values (named); ALM_ERR_UNSUPPORTED: another class, a pickle, what out
 * of range is not clipped. */
ALM_NODISCARD alm_err alm_calibrator_import_sklearn(alm_str json, const char *name,
                                                    alm_calibrator **out, alm_error *error);
/* RobustScaler, with or without centering and scaling; the bits are scikit-learn's. */
ALM_NODISCARD alm_err alm_robust_scaler_import_sklearn(alm_str json, const char *name,
                                                       alm_arena *arena, alm_robust_scaler *out,
                                                       alm_error *error);

#endif
