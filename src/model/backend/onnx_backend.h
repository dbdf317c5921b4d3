/* onnx_backend.h: any ONNX graph on rows or windows, by ONNX Runtime.
 *
 * Tree ensembles are not for it: model_file.h reads them as forests, whose bits are known. For all
 * others onnx_gate.h says what is refused before the runtime sees the bytes, onnxruntime.h where it
 * is looked for and how it runs.
 *
 * Inputs: tensors of float, double, int64 or int32. Rows: each input is N x k (or N), and a row's
 * columns are those of the inputs one after the other (an input of one column names it).
 * Windows: one input N x steps x k. N, the first dimension, is open, or 1 (then rows go one by
 * one). A value becomes the tensor's type: rounded to float (finite numbers beyond its range are
 * refused), or a whole number exactly (others, and missing ones, are refused). Recurrent graphs
 * take finite numbers only (onnx_gate.h: why).
 *
 * Result: one output of float or double, N x k or N. Where the graph has several of these, `result`
 * says which. A sequence of maps (ZipMap) is refused with what to do. */
#ifndef ALM_MODEL_BACKEND_ONNX_BACKEND_H
#define ALM_MODEL_BACKEND_ONNX_BACKEND_H

#include "base/env.h"
#include "model/backend/backend.h"

typedef struct alm_onnx_options {
    alm_str bytes;      /* not needed afterwards */
    const char *name;   /* for messages */
    alm_str result;     /* name of the output; empty: the only one that fits */
    size_t steps;       /* of the windows that will come; 0: as the model says, or rows */
} alm_onnx_options;

/* `env` gives the variable ALMANAC_ONNXRUNTIME; NULL: it is not set. Errors of onnx_gate.h and
 * onnxruntime.h; ALM_ERR_UNSUPPORTED names the input or output that does not fit. */
ALM_NODISCARD alm_err alm_onnx_backend_open(const alm_env *env, const alm_onnx_options *options,
                                            alm_backend **out, alm_error *error);

#endif
