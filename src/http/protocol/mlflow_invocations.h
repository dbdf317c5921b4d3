/* mlflow_invocations.h: MLflow's scoring protocol (POST /invocations), as bytes.
 *
 * A JSON object with exactly one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`,
 * or CSV with a header. Cells are numbers, null or an empty field (missing), true or false. NaN,
 * which is no JSON, is missing too: MLflow's client writes it for missing values of a data frame.
 * `instances` and `inputs` may be lists of lists (columns in the model's order), three deep for
 * windows, or by name; a name in `columns` may be a whole number, as pandas has it where there are
 * none. A header of numbers is one when it is 0, 1, 2, ... in order or the model has such names:
 * otherwise it is a row that would be lost (alm_inference_run sees to it). `params` is refused
 * unless it is empty: no model here takes any.
 *
 * The reply is {"predictions": [...]}: what the source library's predict() returns for a model
 * file, numbers, or lists where it says several; for a scorer with classes or horizons a record a
 * row, with the names that `almanac predict` gives its columns.
 *
 * Source: mlflow 3 (mlflow/pyfunc/scoring_server). */
#ifndef ALM_HTTP_PROTOCOL_MLFLOW_INVOCATIONS_H
#define ALM_HTTP_PROTOCOL_MLFLOW_INVOCATIONS_H

#include "serve/models/inference.h"

typedef enum alm_mlflow_type {
    ALM_MLFLOW_JSON,
    ALM_MLFLOW_CSV,
    ALM_MLFLOW_OTHER /* 415 */
} alm_mlflow_type;

/* By the value of Content-Type: application/json and text/csv, with no parameter but charset=utf-8.
 * `why` (a literal) says what is wrong with another one. */
alm_mlflow_type alm_mlflow_content_type(alm_str content_type, const char **why);

/* The body is NUL terminated behind its end. ALM_ERR_INVALID with the place; ALM_ERR_LIMIT. */
ALM_NODISCARD alm_err alm_mlflow_read(alm_str body, alm_mlflow_type type, alm_arena *arena,
                                      alm_inference_input *out, alm_error *error);

void alm_mlflow_write(const alm_served_info *model, const alm_inference_answer *answer,
                      alm_buffer *out);
/* The array of it alone. */
void alm_mlflow_write_predictions(const alm_served_info *model, const alm_inference_answer *answer,
                                  alm_buffer *out);

#endif
