#include "model/backend/memory_backend.h"

#include <stdatomic.h>
#include <string.h>

typedef struct memory_backend {
    alm_backend backend;
    alm_arena *arena;
    alm_memory_backend_spec spec;
    atomic_uint_fast64_t calls;
} memory_backend;

static alm_err predict(const alm_backend *backend, const alm_backend_batch *batch,
                       alm_arena *scratch, double *out, alm_error *error)
{
    memory_backend *self = (memory_backend *)(uintptr_t)backend; /* counts its calls */
    const alm_memory_backend_spec *spec = &self->spec;
    size_t steps = spec->takes_windows ? batch->steps : 1;
    size_t stride = spec->takes_windows ? spec->columns : batch->stride;
    (void)scratch;
    if (atomic_fetch_add(&self->calls, 1) + 1 == spec->fail_at) {
        return alm_fail(error, spec->failure, ALM_STR_FMT ": told to fail",
                        ALM_STR_ARG(backend->info.name));
    }
    for (size_t i = 0; i < batch->count; i++) {
        const double *row = batch->values + (i * steps + steps - 1) * stride;
        for (size_t j = 0; j < spec->outputs; j++) {
            double sum = spec->bias[j];
            for (size_t k = 0; k < spec->columns; k++) {
                sum += spec->weight[j * spec->columns + k] * row[k];
            }
            out[i * spec->outputs + j] = sum;
        }
    }
    return ALM_OK;
}

static void destroy(alm_backend *backend)
{
    alm_arena_destroy(((memory_backend *)backend)->arena); /* the struct lies in it */
}

static const alm_backend_ops OPS = {"memory", predict, destroy};

static const double *copy(alm_arena *arena, const double *values, size_t count)
{
    double *out = ALM_NEW_ARRAY(arena, double, count);
    memcpy(out, values, count * sizeof *out);
    return out;
}

alm_backend *alm_memory_backend_create(const alm_memory_backend_spec *spec)
{
    alm_arena *arena = alm_arena_create(0);
    memory_backend *self = ALM_NEW(arena, memory_backend);
    self->arena = arena;
    self->spec = *spec;
    self->spec.weight = copy(arena, spec->weight, spec->outputs * spec->columns);
    self->spec.bias = copy(arena, spec->bias, spec->outputs);
    atomic_init(&self->calls, 0);
    self->backend.ops = &OPS;
    self->backend.info = (alm_backend_info){.name = ALM_STR("memory"),
                                            .format = "memory",
                                            .detail = ALM_STR("a linear function"),
                                            .columns = spec->columns,
                                            .outputs = spec->outputs,
                                            .takes_windows = spec->takes_windows,
                                            .steps = spec->steps,
                                            .finite_only = spec->finite_only};
    return &self->backend;
}
