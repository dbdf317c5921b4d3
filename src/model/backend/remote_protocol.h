/* remote_protocol.h: how a protocol writes a question and reads an answer; for this folder only.
 *
 * Pure functions of texts, so that they can be tested and fuzzed without a server. Answers are
 * untrusted: strict JSON (no NaN, no Infinity, no second root), and exactly the shape that was
 * asked for. Sources: Open Inference Protocol v2 (REST), TensorFlow Serving's RESTful API (v1),
 * TorchServe's inference API with its JSON envelope. */
#ifndef ALM_MODEL_BACKEND_REMOTE_PROTOCOL_H
#define ALM_MODEL_BACKEND_REMOTE_PROTOCOL_H

#include "model/backend/remote_spec.h"

/* What is asked: finite numbers, in the document's precision already. */
typedef struct almi_remote_rows {
    const double *values; /* count x steps x columns, without gaps */
    size_t count, steps, columns; /* steps 0: rows */
} almi_remote_rows;

typedef struct almi_remote_protocol {
    const char *format; /* "KServe v2" */
    /* Behind the document's `url`. */
    void (*put_path)(const alm_remote_spec *spec, alm_buffer *out);
    void (*put_body)(const alm_remote_spec *spec, const almi_remote_rows *rows,
                     alm_json_writer *out);
    /* The answer to `count` rows into out, count x spec->outputs; what else it holds is ignored.
     * ALM_ERR_CORRUPT says what was expected. `out` may hold anything then. */
    alm_err (*take_answer)(const alm_remote_spec *spec, const alm_json *root, size_t count,
                           double *out, alm_error *error);
} almi_remote_protocol;

const almi_remote_protocol *almi_remote_protocol_of(const alm_remote_spec *spec);

/* A whole answer: parsed, read, and every number finite. ALM_ERR_CORRUPT. */
ALM_NODISCARD alm_err almi_remote_take_answer(const alm_remote_spec *spec, alm_str body,
                                              size_t count, double *out, alm_error *error);
/* What a server says of its error ({"error": text}, {"message": text}, else its first line), on one
 * line, visible, at most 160 bytes; empty when it says nothing. Where `secret` (empty: none) stands
 * in it, as it came or as JSON reads it, or may stand in it with escapes, that is said instead. */
void almi_remote_reason(alm_str body, alm_str secret, alm_buffer *out);

/* ---- pieces that protocols share ---- */
/* [[..],[..]]: rows, or windows as lists of steps. */
void almi_remote_put_rows(const almi_remote_rows *rows, alm_json_writer *out);
/* One number, or a list of `width` of them. */
ALM_NODISCARD alm_err almi_remote_take_row(const alm_json *value, size_t width, double *out,
                                           alm_error *error);
/* A list of `count` of these. */
ALM_NODISCARD alm_err almi_remote_take_rows(const alm_json *list, size_t count, size_t width,
                                            double *out, alm_error *error);

extern const almi_remote_protocol ALMI_REMOTE_KSERVE, ALMI_REMOTE_TENSORFLOW,
    ALMI_REMOTE_TORCHSERVE;

#endif
