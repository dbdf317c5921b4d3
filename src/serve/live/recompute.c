#include "serve/live/recompute.h"

#include "num/quantile.h"
#include "pipeline/paths/paths.h"
#include "serve/live/online_internal.h"

/* The series as it is, or as it would be. */
typedef struct subject {
    alm_panel panel;
    alm_profile profile;
    size_t origin;
    const alm_feature_state *state;
} subject;

static subject subject_of(const alm_recompute_request *request, alm_arena *arena)
{
    const alm_overlay *overlay = request->overlay;
    const alm_online_now *now = request->now;
    if (overlay) {
        return (subject){overlay->panel, overlay->profile, overlay->origin, overlay->state};
    }
    subject out = {.profile = now->profile, .origin = now->origin,
                   .state = now->series[request->series]->state};
    alm_online_state_panel(request->online, now, request->series, arena, &out.panel);
    return out;
}

static alm_err base_of(const alm_recompute_request *request, const subject *of,
                       const alm_base_workspace *workspace, alm_base *out, alm_error *error)
{
    alm_base_request asked = {
        .bundle = request->bundle,
        .panel = &of->panel,
        .profile = of->profile,
        .origin = of->origin,
        .delay = request->online->delay,
        .explain = request->explain,
        .states = &of->state,
    };
    ALM_TRY(alm_base_forecast(&asked, 0, 1, workspace, out, error));
    if (out->fallback == ALM_FALLBACK_COLD_START) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the series has %zu days of demand, too few for "
                        "a level of its own: the committed run has one that is borrowed from "
                        "others", out->history.open_periods);
    }
    return ALM_OK;
}

/* As the leaf's paths in pipeline/pass_paths.c before anything is adjusted. */
static const double *paths_of(const alm_recompute_request *request, const subject *of,
                              const alm_recomputed *made, const alm_base_workspace *workspace)
{
    const alm_method *method = &request->bundle->method;
    size_t delay = request->online->delay;
    alm_history_view view = {.panel = &of->panel, .origin = of->origin, .delay = delay,
                             .profile = of->profile};
    size_t templates = alm_path_template_count(method, view.origin, delay);
    size_t count = (size_t)method->paths;
    double *paths = ALM_NEW_ARRAY(workspace->results, double, count * (size_t)method->horizon);
    alm_arena_reset(workspace->series);
    alm_path_node node = {.node = request->series, .mean = made->mean,
                          .shape = made->base.history.shape};
    node.rank = alm_path_ranks_of(method, &view, node.node, templates, workspace->results,
                                  workspace->series);
    alm_paths_make(method, &node, templates, 0, count, paths);
    return paths;
}

/* As pipeline/readout.c. */
static const double *quantiles_of(const alm_method *method, const double *paths,
                                  const alm_base_workspace *workspace)
{
    size_t steps = (size_t)method->horizon;
    size_t count = (size_t)method->paths;
    double *out = ALM_NEW_ARRAY(workspace->results, double, method->quantile_count * steps);
    alm_arena_reset(workspace->series);
    double *column = ALM_NEW_ARRAY(workspace->series, double, count);
    for (size_t h = 0; h < steps; h++) {
        for (size_t s = 0; s < count; s++) {
            column[s] = paths[s * steps + h];
        }
        alm_sort_doubles(column, count);
        for (size_t k = 0; k < method->quantile_count; k++) {
            out[k * steps + h] = alm_quantile_sorted(column, count, method->quantile[k]);
        }
    }
    return out;
}

static void scale_mean(double factor, alm_recomputed *out, alm_arena *arena)
{
    double *mean = ALM_NEW_ARRAY(arena, double, out->steps);
    for (size_t h = 0; h < out->steps; h++) {
        mean[h] = out->mean[h] * factor;
    }
    out->mean = mean;
}

alm_err alm_recompute(const alm_recompute_request *request, const alm_base_workspace *workspace,
                      alm_recomputed *out, alm_error *error)
{
    const alm_bundle *bundle = request->bundle;
    const alm_method *method = &bundle->method;
    alm_assert(request->online->plan == bundle->plan);
    alm_assert(request->online->future >= (size_t)method->horizon);
    alm_assert(request->series < request->now->series_count);
    subject of = subject_of(request, workspace->results);
    alm_recomputed made = {.steps = (size_t)method->horizon,
                           .origin = of.panel.start + (alm_date)of.origin,
                           .path_count = (size_t)method->paths};
    ALM_TRY(base_of(request, &of, workspace, &made.base, error));
    made.mean = made.base.mean;
    if (request->factor != 0 && request->factor != 1) {
        scale_mean(request->factor, &made, workspace->results);
    }
    made.paths = paths_of(request, &of, &made, workspace);
    made.quantile = quantiles_of(method, made.paths, workspace);
    made.method = alm_base_method(&made.base, 1, workspace->results);
    made.not_reconciled = request->online->project->level_count > 0 &&
                          method->weight[ALM_CLASS_aggregate] < 1;
    *out = made;
    return ALM_OK;
}
