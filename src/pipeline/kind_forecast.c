#include "pipeline/kind_forecast.h"

#include <math.h>

#include "model/statistical/rare/count.h"

static double profile_at(const alm_history_view *view, size_t period)
{
    return view->profile.weekday[alm_date_weekday(view->panel->start + (alm_date)period)];
}

/* Of periods [first, end). */
typedef struct kind_past {
    double *y;
    uint8_t *bound; /* of counts: 1: sold out, y is a lower bound */
    double highest; /* of the values */
} kind_past;

/* False: not known. */
static bool value_of(const alm_panel *panel, size_t series, size_t period, bool bounds,
                     double *out, uint8_t *bound)
{
    *bound = bounds && alm_panel_sold_out(panel, series, period);
    if (*bound) {
        *out = alm_panel_value(panel, 0, series, period);
        return true;
    }
    return alm_history_demand(panel, series, period, out);
}

static kind_past past_of(const alm_forecaster_kind *kind, const alm_kind_request *r, size_t end,
                         alm_arena *scratch)
{
    const alm_history_view *view = r->view;
    bool takes_counts = kind->traits.support == ALM_SUPPORT_COUNT;
    kind_past past = {ALM_NEW_ARRAY(scratch, double, end - r->first),
                      ALM_NEW_ARRAY(scratch, uint8_t, end - r->first), 0};
    for (size_t t = r->first; t < end; t++) {
        double profile = takes_counts ? 1 : profile_at(view, t);
        double value = 0;
        bool known = value_of(view->panel, view->series, t, kind == &alm_count, &value,
                              &past.bound[t - r->first]) && profile > 0;
        value = known ? value / profile : (double)NAN;
        past.y[t - r->first] = value;
        past.highest = value > past.highest ? value : past.highest;
    }
    return past;
}

static alm_err fit(const alm_forecaster_kind *kind, const kind_past *known, const alm_past *past,
                   alm_arena *scratch, void **state)
{
    alm_error ignored; /* the reason is told, as a code */
    alm_count_past counts = {known->y, past->count, known->bound};
    return kind == &alm_count ? alm_count_fit(&counts, NULL, scratch, state, &ignored)
                              : kind->fit(past, scratch, state, &ignored);
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
    kind_past known = past_of(kind, request, end, scratch);
    alm_past past = {.y = known.y, .count = end - request->first, .season = request->season};
    void *state = NULL;
    alm_err code = fit(kind, &known, &past, scratch, &state);
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
        if (ahead[h] > ALM_KIND_FAR * known.highest) {
            return ALM_FALLBACK_EXPLODES;
        }
    }
    for (size_t h = 0; h < request->steps; h++) {
        flat[h] = ahead[h] > 0 ? ahead[h] : 0;
        mean[h] = request->closed[h] ? 0 : flat[h] * profile_at(view, view->origin + 1 + h);
    }
    return ALM_FALLBACK_NONE;
}
