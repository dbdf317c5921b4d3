/* transform.h: from raw scores to what the source library's predict() returns.
 *
 * Every objective of LightGBM, XGBoost and CatBoost has a formula; the expressions here have the
 * library's operand types and order (LightGBM and CatBoost in double, XGBoost in float), and call
 * the C library's exp, expf and log1p as the libraries do. So: raw scores are bit-equal everywhere,
 * transformed ones are bit-equal to the library on the same machine, and within an ulp on another
 * (the C library's last bit depends on the CPU). CatBoost has an exp of its own for all but
 * Logloss and CrossEntropy, with an error of up to |x| / 2 ulp, which is not imitated. Nothing that
 * almanac stores is made with these; the nightly run uses num/elementary.h.
 *
 * CatBoost's predict() depends on the class that calls it: this is CatBoostRegressor.predict, and
 * for classes CatBoostClassifier.predict_proba (of two classes the probability of the second).
 *
 * Sources: LightGBM 4.7 (src/objective, src/boosting/gbdt_prediction.cpp), XGBoost 3.2
 * (src/objective, src/common/math.h), CatBoost 1.2.10 (libs/model/eval_processing.h). Two
 * differences to older versions: LightGBM 2 returned the plain mean for random forests, 4 also
 * applies the objective; XGBoost before 1.6 had no bound in its sigmoid. */
#ifndef ALM_MODEL_TRANSFORM_H
#define ALM_MODEL_TRANSFORM_H

#include "base/str.h"

typedef enum alm_transform_library {
    ALM_TRANSFORM_LIGHTGBM,
    ALM_TRANSFORM_XGBOOST,
    ALM_TRANSFORM_CATBOOST,
    ALM_TRANSFORM_ONNX /* post_transform, as onnxruntime computes it */
} alm_transform_library;

typedef enum alm_transform_kind {
    ALM_TRANSFORM_IDENTITY,
    ALM_TRANSFORM_SIGMOID,     /* LightGBM: of slope * x */
    ALM_TRANSFORM_SOFTMAX,     /* over the scores of a row */
    ALM_TRANSFORM_ARGMAX,      /* number of the largest score, the first of equal ones */
    ALM_TRANSFORM_EXP,
    ALM_TRANSFORM_LOG1P_EXP,
    ALM_TRANSFORM_SIGNED_SQUARE,
    ALM_TRANSFORM_STEP,        /* 1 above zero, else 0 */
    ALM_TRANSFORM_VARIANCE,    /* of two scores: a mean as it is, and half the log of a variance */
    ALM_TRANSFORM_LOGISTIC,    /* ONNX: the sigmoid of |x|, turned round below zero */
    ALM_TRANSFORM_SOFTMAX_PLAIN /* ONNX: the sum has the type of the scores */
} alm_transform_kind;

/* A plain value; nothing to destroy. */
typedef struct alm_transform {
    alm_transform_kind kind;
    bool single;         /* float arithmetic (XGBoost, most of ONNX) */
    bool is_known;       /* false: the objective is not known, so predictions are raw scores */
    double slope;        /* of LightGBM's sigmoid */
    double divisor;      /* of the raw score, before everything else: iterations of an average */
    size_t input_count;  /* scores of a row */
    size_t output_count; /* predictions of a row: 1 for ARGMAX, else input_count */
} alm_transform;

typedef struct alm_transform_spec {
    alm_transform_library library;
    alm_str objective;   /* as the model says: "binary sigmoid:1", "multi:softprob", "" */
    bool averaged;       /* LightGBM's average_output */
    size_t iteration_count;
    size_t output_count; /* scores of a row */
} alm_transform_spec;

/* ALM_ERR_CORRUPT where the library refuses to load the objective: a binary one without a positive
 * `sigmoid:`, a number of classes that is missing or not the model's. An empty objective (but
 * CatBoost's) and "custom" mean raw scores and are known. */
ALM_NODISCARD alm_err alm_transform_parse(const alm_transform_spec *spec, alm_transform *out,
                                          alm_error *error);

/* raw: n x input_count, out: n x output_count; they may be the same memory. NaN and infinities go
 * through as in the library. Any thread. */
void alm_transform_apply(const alm_transform *transform, const double *raw, size_t n, double *out);

/* The same formulas by num/vector_elementary.h, in double: sigmoids, softmax, exp and log(1 + exp)
 * are within 1 ulp of the correctly rounded value (of a float, when `single`), with the same bits
 * on every CPU, 1.1 to 4 times as fast. They are not the library's bits: its own error is in
 * those, of an ulp or a few. Beyond the range of its exp they differ as numbers: where the library
 * gives 0 for a sigmoid below -709 this is the denormal, and its log(1 + exp(x)) is infinite from
 * 710 on, this one x. The other kinds are as above. `raw` and `out` may be the same memory. */
void alm_transform_apply_fast(const alm_transform *transform, const double *raw, size_t n,
                              double *out);

#endif
