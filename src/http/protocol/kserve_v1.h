/* kserve_v1.h: the V1 protocol of KServe, which is TensorFlow Serving's, as bytes.
 *
 * POST /v1/models/{m}:predict with {"instances": [...]}, a row each (a list of values in the
 * model's order, or a record; lists of lists are windows), gives {"predictions": [...]}; with
 * {"inputs": ...}, columns by name or all rows, it gives {"outputs": [...]}. One of the two.
 * `signature_name` may be "serving_default". Predictions are those of mlflow_invocations.h. */
#ifndef ALM_HTTP_PROTOCOL_KSERVE_V1_H
#define ALM_HTTP_PROTOCOL_KSERVE_V1_H

#include "http/protocol/mlflow_invocations.h"

/* `columnar`: it was `inputs`. The body is NUL terminated behind its end. ALM_ERR_INVALID with the
 * place; ALM_ERR_LIMIT. */
ALM_NODISCARD alm_err alm_kserve_v1_read(alm_str body, alm_arena *arena, alm_inference_input *out,
                                         bool *columnar, alm_error *error);
void alm_kserve_v1_write(const alm_served_info *model, const alm_inference_answer *answer,
                         bool columnar, alm_buffer *out);
/* GET /v1/models/{m}: {"name","ready"} of KServe beside TensorFlow Serving's
 * "model_version_status" of every version, or of one. */
void alm_kserve_v1_write_status(const alm_model_snapshot *snapshot, const alm_model_entry *entry,
                                bool all_versions, alm_buffer *out);

#endif
