/* backend.h: a model that is not ours: scored by another runtime in this process, or by a server.
 *
 * A backend takes rows (count x columns) or windows (count x steps x columns) of doubles and gives
 * `outputs` doubles a row. What it is asked of, in which types and shapes, is settled when it is
 * opened; every call then checks what comes in and what comes back, so that a wrong shape, a number
 * that the model cannot take and an answer that is no finite number are errors, never a guess.
 *
 * Implementations: onnx_backend.h (ONNX Runtime), remote_backend.h (KServe v2, TensorFlow Serving,
 * TorchServe) and memory_backend.h, the twin for tests. backend_conformance.h holds all of them to
 * this contract.
 *
 * Bits. Ours do not depend on the machine; a backend's may: ONNX Runtime chooses its kernels by the
 * processor, and a server is whatever it is. README.md says what that means for whoever compares.
 *
 * Thread safety: an open backend may be used from any number of threads, each with a scratch arena
 * of its own. */
#ifndef ALM_MODEL_BACKEND_BACKEND_H
#define ALM_MODEL_BACKEND_BACKEND_H

#include "base/breaker.h"
#include "base/str.h"

#define ALM_BACKEND_RANK_MAX 8
#define ALM_BACKEND_COLUMNS_MAX (1 << 20)
#define ALM_BACKEND_OUTPUTS_MAX 65536
#define ALM_BACKEND_WINDOW_MAX (1 << 24) /* numbers of a window: 128 MiB */

typedef struct alm_backend alm_backend;

/* A tensor that the model takes or gives, as the model describes it. */
typedef struct alm_backend_port {
    alm_str name;
    const char *type; /* "float", "double", "int64", ...; for messages */
    size_t rank;
    int64_t shape[ALM_BACKEND_RANK_MAX]; /* -1: any */
} alm_backend_port;

typedef struct alm_backend_info {
    alm_str name;       /* as messages call the model */
    const char *format; /* "ONNX", "KServe v2" */
    alm_str detail;     /* "onnxruntime 1.31.1"; "http://host:8000, model m, version 3" */
    bool is_remote;
    const alm_backend_port *input, *output; /* of a server: what it will be asked for */
    size_t input_count, output_count;
    const alm_str *column; /* names that the model has for its columns; NULL: none */
    size_t columns;        /* of a row, or of a step of a window */
    bool takes_windows;
    size_t steps;   /* of a window; 0: any number */
    size_t outputs; /* doubles that a row is answered with */
    bool finite_only; /* a missing value cannot be sent, or would be answered as if it were known */
    uint32_t deadline_ms; /* a call takes no longer; 0: it takes what it takes */
    alm_breaker *breaker; /* what its calls go through; NULL: none */
} alm_backend_info;

typedef struct alm_backend_batch {
    const double *values; /* rows: count x stride; windows: count x steps x columns, oldest first */
    size_t count;
    size_t stride; /* rows: doubles from one to the next, >= columns */
    size_t steps;  /* windows */
    uint64_t first; /* rows before these: messages count from there */
} alm_backend_batch;

typedef struct alm_backend_ops {
    const char *name;
    /* The shape fits and inputs are finite where they must be. `out` (count x outputs) may hold
     * anything after a failure. Temporary memory comes from `scratch`. Any thread. */
    alm_err (*predict)(const alm_backend *backend, const alm_backend_batch *batch,
                       alm_arena *scratch, double *out, alm_error *error);
    void (*destroy)(alm_backend *backend);
} alm_backend_ops;

struct alm_backend {
    const alm_backend_ops *ops;
    alm_backend_info info;
};

/* out: count x outputs, untouched on failure. Rows and columns in messages count from 1.
 * `scratch` is the caller's, who resets it.
 * ALM_ERR_INVALID: the batch does not fit; ALM_ERR_NUMERIC: an input that cannot be taken, or an
 * answer that is not finite (both name the row); ALM_ERR_CORRUPT: an answer of another shape;
 * ALM_ERR_IO: no answer in time; ALM_ERR_DENIED, ALM_ERR_NOT_FOUND: a server says so;
 * ALM_ERR_EXTERNAL: the runtime or the server failed. */
ALM_NODISCARD alm_err alm_backend_predict(const alm_backend *backend,
                                          const alm_backend_batch *batch, alm_arena *scratch,
                                          double *out, alm_error *error);
void alm_backend_destroy(alm_backend *backend); /* takes NULL */

#endif
