/* remote_spec.h: what a document says about a model that a server answers for.
 *
 * `remote` of a member in scorer.json; README.md of this folder has every key. Nothing is asked
 * while it is read, and no secret stands in it: it names the variable or the file of a token. */
#ifndef ALM_MODEL_BACKEND_REMOTE_SPEC_H
#define ALM_MODEL_BACKEND_REMOTE_SPEC_H

#include "base/json.h"

typedef enum alm_remote_protocol {
    ALM_REMOTE_KSERVE_V2,
    ALM_REMOTE_TENSORFLOW_SERVING,
    ALM_REMOTE_TORCHSERVE
} alm_remote_protocol;

typedef struct alm_remote_spec {
    alm_remote_protocol protocol;
    alm_str url;     /* http:// or https://, without user, query and a slash at the end */
    alm_str model;
    alm_str version; /* empty: the document says null, so the server chooses */
    alm_str input, output; /* names of tensors; empty: as the protocol does without */
    alm_str signature;     /* TensorFlow Serving; empty: the default one */
    bool by_column;        /* TensorFlow Serving: one tensor instead of a list of rows */
    bool is_double;        /* FP64; else values are rounded to float and called FP32 */
    size_t outputs;        /* numbers that a row is answered with */
    uint32_t deadline_ms;  /* of a call with all its retries */
    uint32_t retries_max;  /* of a call */
    uint32_t retry_percent; /* of all calls, in the long run */
    uint32_t breaker_failures; /* calls in a row that fail until no more are made; 0: never */
    uint32_t breaker_open_ms;
    uint32_t response_kib_max;
    alm_str ca_file; /* PEM; empty: the system's certificates */
    alm_str token_environment, token_file; /* at most one; sent as a bearer token */
} alm_remote_spec;

/* `object`: the value of `remote`; texts go into `arena`, NUL terminated. ALM_ERR_INVALID names the
 * key. */
ALM_NODISCARD alm_err alm_remote_spec_read(const alm_json *object, alm_arena *arena,
                                           alm_remote_spec *out, alm_error *error);
/* The object, with sorted keys and every default written out. */
void alm_remote_spec_write(alm_json_writer *writer, const alm_remote_spec *spec);

#endif
