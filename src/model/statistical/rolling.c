#include "model/statistical/rolling.h"

#include <string.h>

size_t alm_rolling_count(const alm_rolling_plan *plan, size_t count)
{
    alm_assert(plan->stride >= 1 && plan->horizon >= 1);
    size_t behind = plan->gap + plan->horizon;
    size_t least = plan->history_min > 1 ? plan->history_min : 1;
    if (count < behind + least) {
        return 0;
    }
    size_t fit = (count - behind - least) / plan->stride + 1;
    return fit < plan->origins ? fit : plan->origins;
}

size_t alm_rolling_known(const alm_rolling_plan *plan, size_t count, size_t i)
{
    size_t origins = alm_rolling_count(plan, count);
    alm_assert(i < origins);
    return count - plan->gap - plan->horizon - (origins - 1 - i) * plan->stride;
}

static bool fits_at(const alm_rolling_plan *plan, size_t origin)
{
    return origin == 0 || (plan->refit_every > 0 && origin % plan->refit_every == 0);
}

alm_err alm_rolling_run(const alm_forecaster_kind *kind, const alm_past *past,
                        const alm_rolling_plan *plan, alm_arena *scratch, alm_rolling_visit visit,
                        alm_error *error)
{
    size_t origins = alm_rolling_count(plan, past->count);
    void *state = NULL;
    size_t moved = 0;
    for (size_t i = 0; i < origins; i++) {
        size_t known = alm_rolling_known(plan, past->count, i);
        if (fits_at(plan, i)) {
            alm_past then = {past->y, known, past->season};
            alm_err err = kind->fit(&then, scratch, &state, error);
            if (err != ALM_OK) {
                return alm_error_wrap(error, err, "origin after %zu values", known);
            }
        } else {
            for (size_t t = moved; t < known; t++) {
                kind->update(state, past->y[t]);
            }
        }
        moved = known;
        ALM_TRY(visit.at(visit.context, i, known, state, error));
    }
    return ALM_OK;
}

typedef struct means_context {
    const alm_forecaster_kind *kind;
    const alm_rolling_plan *plan;
    double *ahead; /* gap + horizon */
    double *out;
} means_context;

static alm_err take_means(void *context, size_t origin, size_t known, const void *state,
                          alm_error *error)
{
    (void)known;
    (void)error;
    means_context *c = context;
    size_t horizon = c->plan->horizon;
    c->kind->mean(state, c->plan->gap + horizon, c->ahead);
    memcpy(c->out + origin * horizon, c->ahead + c->plan->gap, horizon * sizeof *c->out);
    return ALM_OK;
}

alm_err alm_rolling_means(const alm_forecaster_kind *kind, const alm_past *past,
                          const alm_rolling_plan *plan, alm_arena *scratch, double *out,
                          alm_error *error)
{
    means_context context = {kind, plan,
                             ALM_NEW_ARRAY(scratch, double, plan->gap + plan->horizon), out};
    return alm_rolling_run(kind, past, plan, scratch, (alm_rolling_visit){take_means, &context},
                           error);
}
