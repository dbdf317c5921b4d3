/* oip.h: the Open Inference Protocol (v2 of KServe, Triton, MLServer) over HTTP, as bytes.
 *
 * Requests of POST /v2/models/{m}/infer, with the binary tensor extension of Triton; replies; and
 * the documents of GET: server and model metadata, repository index, statistics. No sockets and no
 * models: what comes out of a request is an input of serve/inference.h.
 *
 * INPUTS. Either one tensor [n, f] with the model's columns in its order, whatever its name; or a
 * tensor [n] or [n, 1] for each column, by name (MLServer's content type "pd" means the same). A
 * tensor [n, t, f] holds windows. Every datatype of numbers and BOOL; FP32 is rounded to float.
 * BYTES is refused: no model here has an encoder for texts. FP16 comes as a binary tensor only.
 * JSON null, and NaN in a binary tensor, is a missing value; the literals NaN and Infinity are no
 * JSON. Integers that a double does not hold are refused.
 *
 * OUTPUTS. `prediction` [n], or `class` [n] (INT64), `probability` [n, classes] and `confidence`
 * [n]; with several horizons [n, h] and [n, h, classes]. Numbers in replies are finite. The reply's
 * parameters say `approved`, and with false a `notice`.
 *
 * Sources: open-inference-protocol rest_inference_v2.yaml; Triton's protocol extensions
 * extension_{binary_data,model_repository,statistics,schedule_policy}.md. */
#ifndef ALM_HTTP_PROTOCOL_OIP_H
#define ALM_HTTP_PROTOCOL_OIP_H

#include "serve/models/inference.h"

#define ALM_OIP_RANK_MAX 3
#define ALM_OIP_OUTPUTS_MAX 8

/* X(name, bytes of a binary element) */
#define ALM_OIP_TYPE_MAP(X)                                                              \
    X(BOOL, 1) X(UINT8, 1) X(UINT16, 2) X(UINT32, 4) X(UINT64, 8) X(INT8, 1) X(INT16, 2) \
    X(INT32, 4) X(INT64, 8) X(FP16, 2) X(FP32, 4) X(FP64, 8) X(BYTES, 0)

typedef enum alm_oip_type {
#define ALM_OIP_TYPE_ENUM(name, bytes) ALM_OIP_##name,
    ALM_OIP_TYPE_MAP(ALM_OIP_TYPE_ENUM)
#undef ALM_OIP_TYPE_ENUM
        ALM_OIP_TYPES
} alm_oip_type;

const char *alm_oip_type_name(alm_oip_type type);

typedef struct alm_oip_tensor {
    alm_str name;
    alm_oip_type type;
    size_t rank; /* 1 to ALM_OIP_RANK_MAX */
    size_t shape[ALM_OIP_RANK_MAX];
    size_t count;        /* product of the shape */
    const double *value; /* row after row */
} alm_oip_tensor;

typedef struct alm_oip_output {
    alm_str name;
    bool is_binary;
} alm_oip_output;

/* Everything in the arena, or borrowed from the body. */
typedef struct alm_oip_request {
    alm_str id; /* empty data: none; at most ALM_OIP_ID_BYTES_MAX */
    const alm_oip_tensor *input;
    size_t input_count;
    alm_oip_output output[ALM_OIP_OUTPUTS_MAX]; /* asked for; none: all */
    size_t output_count;
    bool all_binary;     /* outputs that do not say are binary */
    uint64_t timeout_us; /* 0: none (schedule policy) */
    uint64_t priority;   /* 0: the default */
    alm_str raw;         /* the whole body is the one row of FP64 (header length 0); else empty */
} alm_oip_request;

#define ALM_OIP_ID_BYTES_MAX 1024

/* `header_length`: value of Inference-Header-Content-Length; empty: none, all of the body is JSON.
 * The body is NUL terminated behind its end. ALM_ERR_INVALID, with the place where it is JSON;
 * ALM_ERR_UNSUPPORTED: BYTES, FP16 in JSON, shared memory, classification; ALM_ERR_LIMIT. */
ALM_NODISCARD alm_err alm_oip_read(alm_str body, alm_str header_length, alm_arena *arena,
                                   alm_oip_request *out, alm_error *error);

/* The tensors as rows of this model. ALM_ERR_INVALID: shapes that do not go together. Columns that
 * are missing or too many are found by alm_inference_run. */
ALM_NODISCARD alm_err alm_oip_input(const alm_oip_request *request, const alm_scorer_info *model,
                                    alm_arena *arena, alm_inference_input *out, alm_error *error);

/* Appends JSON, then the binary tensors. *json_bytes: size of the JSON, for the reply's
 * Inference-Header-Content-Length; 0: there is no binary tensor, and the reply is JSON alone.
 * ALM_ERR_INVALID: an output that the model does not have, named with those that it has; nothing is
 * appended then. */
ALM_NODISCARD alm_err alm_oip_write(const alm_oip_request *request, const alm_served_info *model,
                                    const alm_inference_answer *answer, alm_buffer *out,
                                    size_t *json_bytes, alm_error *error);

/* ---- documents ---- */

typedef struct alm_oip_server {
    alm_str name, version;
} alm_oip_server;

void alm_oip_write_server(const alm_oip_server *server, alm_buffer *out);
/* A model's metadata: its inputs, `input` [-1, f] FP64 with the names of the columns, and `windows`
 * [-1, t, f]; its outputs; every version of its name that is READY. */
void alm_oip_write_model(const alm_model_snapshot *snapshot, const alm_served_model *model,
                         alm_buffer *out);
/* `ready`: only those that are. */
void alm_oip_write_index(const alm_model_snapshot *snapshot, bool ready, alm_buffer *out);
/* Of all models that are READY; of one name, of one version: empty ones mean all. */
void alm_oip_write_statistics(const alm_model_snapshot *snapshot, alm_str name, alm_str version,
                              alm_buffer *out);
/* {"ready": false} of POST /v2/repository/index; an empty body is {}. */
ALM_NODISCARD alm_err alm_oip_read_index(alm_str body, bool *ready, alm_error *error);
/* The body of load and unload: parameters that replace a model's files or its configuration are
 * refused (ALM_ERR_UNSUPPORTED): models come from where the server was told. */
ALM_NODISCARD alm_err alm_oip_read_load(alm_str body, alm_error *error);

#endif
