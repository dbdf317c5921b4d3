#include "pipeline/series/explained_fit.h"

#include "model/statistical/arima/arima.h"

void alm_explained_around(const alm_forecaster_kind *kind, void *inner, const alm_explained *past,
                          alm_arena *arena, alm_fitted *out)
{
    *out = (alm_fitted){.by = kind, .state = inner, .inner = inner};
    if (past->effects.used > 0) {
        out->by = &alm_of_rest;
        out->state = alm_explained_wrap(past, kind, inner, arena);
    }
}

alm_err alm_explained_fit(const alm_forecaster_kind *kind, alm_seasons seasons,
                          const alm_explained *past, alm_arena *arena, alm_fitted *out)
{
    void *arima = past->effects.arima;
    void *inner = NULL;
    if (kind == &alm_arima && arima) {
        *out = (alm_fitted){.by = kind, .state = arima, .inner = arima};
        return ALM_OK;
    }
    alm_err code = alm_seasons_fit(kind, seasons, &past->rest, arena, &inner);
    if (code == ALM_OK) {
        alm_explained_around(kind, inner, past, arena, out);
    }
    return code;
}
