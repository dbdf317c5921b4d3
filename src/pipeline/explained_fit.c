#include "pipeline/explained_fit.h"

#include "model/statistical/arima/arima.h"

alm_err alm_explained_fit(const alm_forecaster_kind *kind, alm_seasons seasons,
                          const alm_explained *past, alm_arena *arena, alm_fitted *out)
{
    void *arima = past->effects.arima;
    alm_fitted fitted = {.by = kind, .state = arima, .inner = arima};
    if (kind == &alm_arima && arima) {
        *out = fitted;
        return ALM_OK;
    }
    alm_err code = alm_seasons_fit(kind, seasons, &past->rest, arena, &fitted.inner);
    if (code != ALM_OK) {
        return code;
    }
    fitted.state = fitted.inner;
    if (past->effects.used > 0) {
        fitted.by = &alm_of_rest;
        fitted.state = alm_explained_wrap(past, kind, fitted.inner, arena);
    }
    *out = fitted;
    return ALM_OK;
}
