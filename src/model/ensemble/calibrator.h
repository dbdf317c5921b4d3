/* calibrator.h: from scores that rank to probabilities that are true, learned and applied.
 *
 * Input and output are rows of probabilities over k classes. With two classes the second one's is
 * calibrated and the first is the rest; with more, each class is calibrated against the others and
 * the results are brought to sum 1 (all zero: the uniform distribution, as scikit-learn does).
 * TEMPERATURE treats all classes at once.
 *
 *   ISOTONIC     the rising step function of least squares (pool adjacent violators; Ayer et al.
 *                1955), equal scores pooled first, linear between the ends of its blocks, constant
 *                beyond the first and the last: scikit-learn's IsotonicRegression(clip)
 *   PLATT        1 / (1 + exp(a x + b)), targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2) (Platt 1999;
 *                Lin, Lin, Weng 2007)
 *   BETA         logit = a ln x - b ln(1 - x) + c with a, b >= 0 (Kull, Silva Filho, Flach 2017)
 *   TEMPERATURE  softmax(s ln x), s > 0 (Guo et al. 2017)
 * ln x takes x into [1e-15, 1 - 1e-15] first. A calibrator is immutable; any thread may use it. */
#ifndef ALM_MODEL_ENSEMBLE_CALIBRATOR_H
#define ALM_MODEL_ENSEMBLE_CALIBRATOR_H

#include "base/json.h"

typedef enum alm_calibration_kind {
    ALM_CALIBRATE_ISOTONIC,
    ALM_CALIBRATE_PLATT,
    ALM_CALIBRATE_BETA,
    ALM_CALIBRATE_TEMPERATURE
} alm_calibration_kind;

#define ALM_CALIBRATION_CLASSES_MAX 1000

typedef struct alm_calibration_data {
    size_t count, classes;     /* classes >= 2 */
    const double *probability; /* count x classes, in [0, 1] */
    const uint32_t *label;     /* count, below classes */
    const double *weight;      /* count, >= 0; NULL: all 1 */
} alm_calibration_data;

typedef struct alm_calibrator alm_calibrator;

/* In a heap block of its own. ALM_ERR_INVALID: no rows, a probability or label out of range (row
 * named), or a class without both outcomes. */
ALM_NODISCARD alm_err alm_calibrator_fit(alm_calibration_kind kind,
                                         const alm_calibration_data *data, alm_calibrator **out,
                                         alm_error *error);
void alm_calibrator_destroy(alm_calibrator *calibrator); /* takes NULL */

size_t alm_calibrator_classes(const alm_calibrator *calibrator);
/* One row; `out` may be the input. */
void alm_calibrator_apply(const alm_calibrator *calibrator, const double *probability,
                          double *out);

/* Canonical JSON, and back: {"kind":"isotonic","classes":[{"x":[..],"y":[..]}]}, one entry with two
 * classes, else one per class; platt {"a","b"}, beta {"a","b","c"}, temperature {"scale"}. It is
 * also the text by which parameters of scikit-learn come in: see README.md. */
void alm_calibrator_write(const alm_calibrator *calibrator, alm_buffer *out);
ALM_NODISCARD alm_err alm_calibrator_read(alm_str json, const char *name, alm_calibrator **out,
                                          alm_error *error);

/* ---- how true probabilities are ---- */

typedef struct alm_reliability_bin {
    double weight;      /* of the rows whose probability falls into it */
    double probability; /* their mean */
    double frequency;   /* of the class among them */
} alm_reliability_bin;

typedef struct alm_reliability {
    double brier;    /* mean over rows of sum over classes of (p - outcome)^2 */
    double log_loss; /* mean of -ln p of the class that occurred, p at least 1e-15 */
    double ece;      /* of the largest probability: weighted mean of |frequency - probability| */
    size_t bin_count;
    alm_reliability_bin *bin; /* of the largest probability: equal widths of [0, 1], in `arena` */
} alm_reliability;

/* Rows as for fitting. */
alm_reliability alm_reliability_of(const alm_calibration_data *data, size_t bins,
                                   alm_arena *arena);

#endif
