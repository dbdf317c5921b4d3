#include "model/statistical/automatic/apart.h"

#include "model/statistical/adjusted.h"
#include "model/statistical/arima/arima.h"
#include "model/statistical/sample_paths.h"

#define CYCLES 2 /* whole seasons for an adjustment */

typedef struct apart {
    const alm_forecaster_kind *inner;
    void *state;
    alm_adjustment by;
    size_t t;
} apart;

static alm_err fit(const alm_forecaster_kind *inner, const alm_past *past, alm_arena *arena,
                   void **state, alm_error *error)
{
    alm_adjusted adjusted;
    ALM_TRY(alm_adjust(past, 1, CYCLES, arena, &adjusted, error));
    apart *s = ALM_NEW(arena, apart);
    alm_past rest = {adjusted.y, adjusted.count, 1};
    *s = (apart){.inner = inner, .by = adjusted.by, .t = past->count};
    ALM_TRY(inner->fit(&rest, arena, &s->state, error));
    *state = s;
    return ALM_OK;
}

static alm_err fit_arima(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(&alm_arima, past, arena, state, error);
}

static void update(void *state, double y)
{
    apart *s = state;
    s->inner->update(s->state, alm_adjust_value(&s->by, s->t, y));
    s->t++;
}

static void mean(const void *state, size_t steps, double *out)
{
    const apart *s = state;
    s->inner->mean(s->state, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_value(&s->by, s->t + h, out[h]);
    }
}

static void deviation(const void *state, size_t steps, double *out)
{
    const apart *s = state;
    s->inner->deviation(s->state, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_deviation(&s->by, s->t + h, out[h] * out[h]);
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const apart *from = state;
    apart *to = into ? into : ALM_NEW(arena, apart);
    void *before = into ? to->state : NULL;
    *to = *from; /* the indices never change */
    to->state = from->inner->copy(from->state, arena, before);
    return to;
}

/* The kind inside draws; its value is brought back like any other. */
static double next(const void *state, double u)
{
    const apart *s = state;
    return alm_readjust_value(&s->by, s->t, alm_forecaster_next(s->inner, s->state, u));
}

const alm_forecaster_kind alm_arima_apart = {"arima_apart", fit_arima, update, mean, deviation,
                                             copy,          next,      {0}};
