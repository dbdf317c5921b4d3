/* model.h: what every kind of model looks like to the pipeline.
 *
 * A model sees matrices, windows and series, never tables or feature names. It is immutable once
 * loaded and may be used from any number of threads; whatever a call needs to write comes from the
 * caller's arena. Text categories were turned into numbers by the bundle's encoders before.
 *
 * An implementation embeds `alm_model` as its first member and fills one static alm_model_ops. */
#ifndef ALM_MODEL_MODEL_H
#define ALM_MODEL_MODEL_H

#include "base/str.h"

typedef struct alm_model alm_model;

typedef enum alm_model_input {
    ALM_MODEL_ROWS,    /* n x f, one row per prediction */
    ALM_MODEL_WINDOWS, /* n x t x f, the last t steps of each series */
    ALM_MODEL_SERIES   /* ragged histories, one per series */
} alm_model_input;

/* One history of a SERIES model; borrowed. NaN is a missing observation. */
typedef struct alm_model_series {
    const double *value;     /* `count` observations, oldest first */
    const double *weight;    /* `count`, or NULL: all 1 */
    const double *available; /* `count`: share of the period open for sale, or NULL: all 1 */
    const double *covariate; /* (count + horizon) x covariate_count, known in advance, or NULL */
    size_t count;
    size_t covariate_count;
    size_t horizon; /* steps asked for */
} alm_model_series;

/* The input of one call. Only the members of `kind` are read. */
typedef struct alm_model_batch {
    alm_model_input kind;
    size_t count;                   /* rows, windows or series */
    const double *values;           /* ROWS: count x stride; WINDOWS: count x steps x features */
    size_t stride;                  /* ROWS: doubles from one row to the next, >= feature count */
    size_t steps;                   /* WINDOWS: t */
    const alm_model_series *series; /* SERIES: `count` of them */
} alm_model_batch;

typedef struct alm_model_shape {
    size_t feature_count; /* columns of a row or of a step of a window; 0 for SERIES */
    size_t output_count;  /* k scores per row or window; for SERIES k per step of the horizon */
} alm_model_shape;

typedef struct alm_model_ops {
    const char *name; /* "forest"; also the folder's name in a bundle */
    alm_model_input input;
    alm_model_shape (*shape)(const alm_model *model);
    /* out: count x output_count (SERIES: for each series horizon x output_count, one after the
     * other). Temporary memory comes from `scratch`, which the caller resets. Any thread.
     * ALM_ERR_INVALID when the batch does not fit the shape; out is then untouched. */
    alm_err (*predict)(const alm_model *model, const alm_model_batch *batch, alm_arena *scratch,
                       double *out, alm_error *error);
    /* OPTIONAL (NULL: the model cannot explain itself). Additive contributions to the raw score:
     * out is count x output_count x (feature_count + 1), the last is the expected value. */
    alm_err (*explain)(const alm_model *model, const alm_model_batch *batch, alm_arena *scratch,
                       double *out, alm_error *error);
    void (*destroy)(alm_model *model);
} alm_model_ops;

struct alm_model {
    const alm_model_ops *ops;
};

/* The checks that every implementation would repeat, then the slot. ALM_ERR_UNSUPPORTED when an
 * optional slot is missing, with the model's name in the message. */
ALM_NODISCARD alm_err alm_model_predict(const alm_model *model, const alm_model_batch *batch,
                                        alm_arena *scratch, double *out, alm_error *error);
ALM_NODISCARD alm_err alm_model_explain(const alm_model *model, const alm_model_batch *batch,
                                        alm_arena *scratch, double *out, alm_error *error);
void alm_model_destroy(alm_model *model); /* takes NULL */

#endif
