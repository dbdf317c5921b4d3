#include "pipeline/kind_forecast.h"

#include <math.h>

#include "model/statistical/rare/count.h"

static double profile_at(const alm_history_view *view, size_t period)
{
    return view->profile.weekday[alm_date_weekday(view->panel->start + (alm_date)period)];
}

static bool is_sold_out(const alm_kind_request *r, size_t t)
{
    const alm_panel *panel = r->view->panel;
    return panel->state[r->view->series * panel->periods + t] == ALM_PERIOD_STOCKOUT;
}

/* Of periods [first, end); `highest` is that of all values, sold-out periods' among them. */
static double *values_of(const alm_forecaster_kind *kind, const alm_kind_request *r, size_t end,
                         alm_arena *scratch, double *highest)
{
    const alm_history_view *view = r->view;
    bool takes_counts = kind->traits.support == ALM_SUPPORT_COUNT;
    double *y = ALM_NEW_ARRAY(scratch, double, end - r->first);
    *highest = 0;
    for (size_t t = r->first; t < end; t++) {
        double profile = takes_counts ? 1 : profile_at(view, t);
        bool known = alm_period_usable(view->panel, view->series, t) && profile > 0;
        double value = alm_panel_value(view->panel, 0, view->series, t) / profile;
        y[t - r->first] = known ? value : (double)NAN;
        bool seen = known || (profile > 0 && is_sold_out(r, t));
        *highest = seen && value > *highest ? value : *highest;
    }
    return y;
}

/* A sold-out period tells `count` that demand was no less. */
static alm_err fit_counts(const alm_kind_request *r, const alm_past *past, alm_arena *scratch,
                          void **state, alm_error *error)
{
    const alm_panel *panel = r->view->panel;
    double *y = ALM_NEW_ARRAY(scratch, double, past->count);
    uint8_t *bound = ALM_NEW_ARRAY(scratch, uint8_t, past->count);
    for (size_t i = 0; i < past->count; i++) {
        bound[i] = is_sold_out(r, r->first + i);
        y[i] = bound[i] ? alm_panel_value(panel, 0, r->view->series, r->first + i) : past->y[i];
    }
    alm_count_past counts = {y, past->count, bound};
    return alm_count_fit(&counts, NULL, scratch, state, error);
}

static alm_fallback reason_of(alm_err refusal)
{
    return refusal == ALM_ERR_INCOMPLETE ? ALM_FALLBACK_TOO_SHORT
           : refusal == ALM_ERR_INVALID  ? ALM_FALLBACK_UNSUITED
                                         : ALM_FALLBACK_NUMERIC;
}

alm_fallback alm_kind_forecast(const alm_forecaster_kind *kind, const alm_kind_request *request,
                               alm_arena *scratch, double *flat, double *mean)
{
    const alm_history_view *view = request->view;
    size_t end = alm_published_end(view->origin, view->delay);
    alm_assert(request->first < end);
    double highest = 0;
    alm_past past = {.count = end - request->first, .season = request->season};
    past.y = values_of(kind, request, end, scratch, &highest);
    void *state = NULL;
    alm_error ignored; /* the reason is told, as a code */
    alm_err code = kind == &alm_count ? fit_counts(request, &past, scratch, &state, &ignored)
                                      : kind->fit(&past, scratch, &state, &ignored);
    if (code != ALM_OK) {
        return reason_of(code);
    }
    double *ahead = ALM_NEW_ARRAY(scratch, double, view->delay + request->steps);
    kind->mean(state, view->delay + request->steps, ahead);
    ahead += view->delay;
    for (size_t h = 0; h < request->steps; h++) {
        if (!isfinite(ahead[h])) {
            return ALM_FALLBACK_NUMERIC;
        }
        if (ahead[h] > ALM_KIND_FAR * highest) {
            return ALM_FALLBACK_EXPLODES;
        }
    }
    for (size_t h = 0; h < request->steps; h++) {
        flat[h] = ahead[h] > 0 ? ahead[h] : 0;
        mean[h] = request->closed[h] ? 0 : flat[h] * profile_at(view, view->origin + 1 + h);
    }
    return ALM_FALLBACK_NONE;
}
