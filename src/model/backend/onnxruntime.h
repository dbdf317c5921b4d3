/* onnxruntime.h: ONNX Runtime's C interface, loaded while running; for this folder only.
 *
 * onnxruntime.c is the only file that knows the library's table of functions. Where the library is:
 *   1. the file that ALMANAC_ONNXRUNTIME names, when that is set (it must then be it);
 *   2. libonnxruntime.so.1, then libonnxruntime.so, where the dynamic linker looks: the run path of
 *      the program (third_party/lib of a build), LD_LIBRARY_PATH, the system's folders.
 * It is never unloaded, since it is not made for that. Official builds report what they do to their
 * maker, from a thread of their own: before it is loaded, ORT_DISABLE_TELEMETRY=1 is put into the
 * environment of the process, which is the one thing that prevents all of that. Whoever has threads
 * that read the environment sets it himself before they start; then nothing is written.
 *
 * A session uses the caller's thread only, in sequence, with the basic graph optimisations (which
 * fold constants and join nodes, and do not depend on the processor), without profiling, log or
 * custom operators, and knows no file: the model comes as bytes. Kernels do depend on the
 * processor. Thread safety: a session may run in several threads at once. */
#ifndef ALM_MODEL_BACKEND_ONNXRUNTIME_H
#define ALM_MODEL_BACKEND_ONNXRUNTIME_H

#include "model/backend/backend.h"

#define ALMI_ORT_VARIABLE "ALMANAC_ONNXRUNTIME"

/* Of ONNXTensorElementDataType, which are those of TensorProto. */
enum {
    ALMI_ORT_NONE = 0, /* no tensor */
    ALMI_ORT_FLOAT = 1,
    ALMI_ORT_INT32 = 6,
    ALMI_ORT_INT64 = 7,
    ALMI_ORT_STRING = 8,
    ALMI_ORT_BOOL = 9,
    ALMI_ORT_DOUBLE = 11
};

typedef struct almi_ort almi_ort; /* a session */

/* What a model takes or gives. Names lie in the session. */
typedef struct almi_ort_port {
    const char *name;
    int type; /* NONE: a sequence, a map or something else that is no tensor */
    size_t rank;
    int64_t shape[ALM_BACKEND_RANK_MAX]; /* -1: any */
} almi_ort_port;

typedef struct almi_ort_tensor {
    int type;
    size_t rank;
    int64_t shape[ALM_BACKEND_RANK_MAX];
    void *data; /* 4 bytes an element of FLOAT and INT32, 8 of DOUBLE and INT64, 1 of BOOL */
    size_t count;
} almi_ort_tensor;

typedef struct almi_ort_request {
    const char *library; /* what ALMANAC_ONNXRUNTIME says; NULL: not set */
    alm_str bytes;       /* of an ONNX model; not needed afterwards */
    const char *name;    /* for messages */
} almi_ort_request;

/* ALM_ERR_NOT_FOUND: no library, with where it was looked for; ALM_ERR_UNSUPPORTED: it is none, or
 * too old; ALM_ERR_CORRUPT with the library's words: it cannot use the model. */
ALM_NODISCARD alm_err almi_ort_open(const almi_ort_request *request, almi_ort **out,
                                    alm_error *error);
void almi_ort_close(almi_ort *session); /* takes NULL */
const char *almi_ort_version(const almi_ort *session); /* "1.31.1" */
const almi_ort_port *almi_ort_inputs(const almi_ort *session, size_t *count);
const almi_ort_port *almi_ort_outputs(const almi_ort *session, size_t *count);
const char *almi_ort_type_name(int type);

/* One tensor for each input, in order; results of the outputs whose numbers `wanted` lists. Data of
 * inputs are borrowed for the call, those of results are copied into `arena`. ALM_ERR_EXTERNAL with
 * the library's words; ALM_ERR_UNSUPPORTED: a result of a type not listed above, or of text. */
typedef struct almi_ort_call {
    const almi_ort_tensor *input;
    const size_t *wanted;
    size_t wanted_count;
} almi_ort_call;
ALM_NODISCARD alm_err almi_ort_run(const almi_ort *session, const almi_ort_call *call,
                                   alm_arena *arena, almi_ort_tensor *out, alm_error *error);

#endif
