/* ONNX Runtime's C interface, opened from the shared library of its Python package.
 *
 * Its functions stand in one table whose order never changes (onnxruntime_c_api.h: functions are
 * only appended); what is called is named here by its place in it. Buffers of inputs and outputs
 * are the caller's, bound once to values, so a call copies and allocates nothing of ours. */
#ifndef ALM_BENCH_RUNTIME_PEER_H
#define ALM_BENCH_RUNTIME_PEER_H

#include <stdint.h>

#include "inference_peers.h"

enum {
    RUNTIME_ERROR_MESSAGE = 2,
    RUNTIME_CREATE_ENV = 3,
    RUNTIME_CREATE_SESSION = 7,
    RUNTIME_RUN = 9,
    RUNTIME_CREATE_OPTIONS = 10,
    RUNTIME_SET_THREADS = 24,
    RUNTIME_TENSOR_OF_DATA = 49,
    RUNTIME_MEMORY = 69,
    RUNTIME_RELEASE_SESSION = 95,
    RUNTIME_RELEASE_VALUE = 96,
    RUNTIME_FLOAT = 1,    /* ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT */
    RUNTIME_WARNING = 2,  /* ORT_LOGGING_LEVEL_WARNING */
    RUNTIME_ARENA = 1,    /* OrtArenaAllocator */
    RUNTIME_VERSION = 16, /* of the interface: any that has these functions */
    RUNTIME_VALUES_MAX = 4
};

typedef struct peer_runtime {
    void *const *table; /* NULL: not there */
    void *env, *options, *memory;
} peer_runtime;

/* The function at a place of the table. */
static inline void runtime_function(const peer_runtime *p, int place, void *function)
{
    *(void **)function = p->table[place];
}

static inline void runtime_check(const peer_runtime *p, void *status)
{
    if (status != NULL) {
        const char *(*message)(const void *);
        runtime_function(p, RUNTIME_ERROR_MESSAGE, &message);
        fprintf(stderr, "bench: ONNX Runtime: %s\n", message(status));
        exit(EXIT_FAILURE);
    }
}

/* False, with a note, when there is no such library. */
static inline bool peer_runtime_open(const char *path, peer_runtime *p)
{
    typedef struct base {
        void *const *(*table)(uint32_t version);
        const char *(*version)(void);
    } base;
    *p = (peer_runtime){0};
    void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "bench: ONNX Runtime is not measured: %s\n",
                path != NULL ? dlerror() : "no library was named");
        return false;
    }
    const base *(*get)(void);
    void *(*env)(int, const char *, void **), *(*options)(void **), *(*threads)(void *, int),
        *(*memory)(int, int, void **);
    peer_symbol(library, "OrtGetApiBase", &get);
    p->table = get()->table(RUNTIME_VERSION);
    runtime_function(p, RUNTIME_CREATE_ENV, &env);
    runtime_function(p, RUNTIME_CREATE_OPTIONS, &options);
    runtime_function(p, RUNTIME_SET_THREADS, &threads);
    runtime_function(p, RUNTIME_MEMORY, &memory);
    runtime_check(p, env(RUNTIME_WARNING, "bench", &p->env));
    runtime_check(p, options(&p->options));
    runtime_check(p, threads(p->options, 1));
    runtime_check(p, memory(RUNTIME_ARENA, 0, &p->memory));
    return true;
}

static inline void *runtime_session(const peer_runtime *p, const char *path)
{
    void *(*create)(void *, const char *, void *, void **), *session = NULL;
    runtime_function(p, RUNTIME_CREATE_SESSION, &create);
    runtime_check(p, create(p->env, path, p->options, &session));
    return session;
}

/* A value over the caller's floats, of `dimensions` sizes. */
static inline void *runtime_value(const peer_runtime *p, float *data, const int64_t *shape,
                                  size_t dimensions)
{
    void *(*create)(const void *, void *, size_t, const int64_t *, size_t, int, void **);
    void *value = NULL;
    size_t count = 1;
    for (size_t i = 0; i < dimensions; i++) {
        count *= (size_t)shape[i];
    }
    runtime_function(p, RUNTIME_TENSOR_OF_DATA, &create);
    runtime_check(p, create(p->memory, data, count * sizeof(float), shape, dimensions,
                            RUNTIME_FLOAT, &value));
    return value;
}

/* Names and values of a call. */
typedef struct runtime_call {
    const char *input[RUNTIME_VALUES_MAX], *output[RUNTIME_VALUES_MAX];
    void *in[RUNTIME_VALUES_MAX], *out[RUNTIME_VALUES_MAX];
    size_t inputs, outputs;
} runtime_call;

static inline void runtime_run(const peer_runtime *p, void *session, runtime_call *call)
{
    void *(*run)(void *, const void *, const char *const *, const void *const *, size_t,
                 const char *const *, size_t, void **);
    runtime_function(p, RUNTIME_RUN, &run);
    runtime_check(p, run(session, NULL, call->input, (const void *const *)call->in, call->inputs,
                         call->output, call->outputs, call->out));
}

static inline void runtime_release(const peer_runtime *p, int place, void *what)
{
    void (*release)(void *);
    runtime_function(p, place, &release);
    if (what != NULL) {
        release(what);
    }
}

#endif
