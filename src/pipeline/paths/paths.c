#include "pipeline/paths/paths.h"

#include <math.h>

#include "base/rng.h"
#include "num/quantile.h"

#define NO_RANK 255
#define HISTORY_MIN 28 /* periods before the oldest template, so that it has a level */

size_t alm_path_template_count(const alm_method *method, size_t origin, size_t delay)
{
    size_t horizon = (size_t)method->horizon;
    size_t season = (size_t)method->season;
    size_t count = 0;
    size_t limit = (size_t)method->templates < NO_RANK ? (size_t)method->templates : NO_RANK - 1;
    while (count < limit && origin >= HISTORY_MIN + delay + horizon + count * season) {
        count++;
    }
    return count;
}

typedef struct relative_error {
    double value;
    double tie;
    size_t template;
} relative_error;

static bool before(const relative_error *a, const relative_error *b)
{
    return a->value < b->value || (a->value == b->value && a->tie < b->tie);
}

static void rank_step(relative_error *errors, size_t count, size_t steps, size_t step,
                      uint8_t *rank)
{
    for (size_t i = 1; i < count; i++) {
        relative_error item = errors[i];
        size_t j = i;
        for (; j > 0 && before(&item, &errors[j - 1]); j--) {
            errors[j] = errors[j - 1];
        }
        errors[j] = item;
    }
    for (size_t i = 0; i < count; i++) {
        rank[errors[i].template * steps + step] = (uint8_t)i;
    }
}

/* The day of a template that stands for step h: the day itself, or when it was closed the same
 * weekday one season away, so that closed days do not thin the templates out. SIZE_MAX: none. */
static size_t template_day(const alm_history_view *view, size_t template_origin, size_t step,
                           size_t season, size_t last)
{
    size_t day = template_origin + 1 + step;
    const size_t candidates[3] = {day, day + season, day >= season ? day - season : SIZE_MAX};
    for (int i = 0; i < 3; i++) {
        if (candidates[i] <= last && alm_period_usable(view->panel, view->series, candidates[i])) {
            return candidates[i];
        }
    }
    return SIZE_MAX;
}

uint8_t *alm_path_ranks_of(const alm_method *method, const alm_history_view *view, uint64_t node,
                           size_t templates, alm_arena *arena, alm_arena *scratch)
{
    size_t steps = (size_t)method->horizon;
    size_t season = (size_t)method->season;
    uint8_t *ranks = ALM_NEW_ARRAY(arena, uint8_t, templates * steps + 1);
    for (size_t i = 0; i < templates * steps; i++) {
        ranks[i] = NO_RANK;
    }
    double *levels = ALM_NEW_ARRAY(scratch, double, view->origin + 1);
    alm_history_levels(view, levels);
    relative_error *errors = ALM_NEW_ARRAY(scratch, relative_error, templates + 1);
    double *tie = ALM_NEW_ARRAY(scratch, double, templates * steps + 1);
    alm_rng_uniforms(method->seed, ALM_RNG_TIE, node, 0, templates * steps, tie);
    size_t last = view->origin - view->delay;
    for (size_t h = 0; h < steps; h++) {
        size_t count = 0;
        for (size_t k = 0; k < templates; k++) {
            size_t origin = last - steps - k * season;
            size_t day = template_day(view, origin, h, season, last);
            if (levels[origin] > 0 && day != SIZE_MAX) {
                double y = alm_panel_value(view->panel, 0, view->series, day);
                int weekday = alm_date_weekday(view->panel->start + (alm_date)day);
                double expected = levels[origin] * view->profile.weekday[weekday];
                errors[count++] = (relative_error){expected > 0 ? y / expected : 0,
                                                   tie[k * steps + h], k};
            }
        }
        /* Fewer errors than templates would crowd the low ranks: spread them over all cells. */
        rank_step(errors, count, steps, h, ranks);
        for (size_t i = 0; count && count < templates && i < count; i++) {
            uint8_t *rank = &ranks[errors[i].template * steps + h];
            *rank = (uint8_t)((2 * i + 1) * templates / (2 * count));
        }
    }
    return ranks;
}

/* The level at a step of a path, of which v is a draw. */
static double path_level(const alm_path_node *node, size_t templates, size_t cell, double v)
{
    if (templates == 0) {
        return v;
    }
    uint8_t rank = node->rank[cell];
    return rank == NO_RANK ? v : ((double)rank + v) / (double)templates;
}

void alm_paths_make(const alm_method *method, const alm_path_node *node, size_t templates,
                    size_t first, size_t count, double *out)
{
    size_t steps = (size_t)method->horizon;
    alm_marginal shape = {alm_shape_levels(), node->shape, ALM_SHAPE_LEVELS};
    alm_rng_uniforms(method->seed, ALM_RNG_PATH_JITTER, node->node, (uint64_t)first * steps,
                     count * steps, out);
    for (size_t s = 0; s < count; s++) {
        size_t template = templates > 0 ? (first + s) % templates : 0;
        for (size_t h = 0; h < steps; h++) {
            double value = 0;
            if (node->mean[h] > 0) {
                double u = path_level(node, templates, template * steps + h, out[s * steps + h]);
                value = node->mean[h] * alm_marginal_quantile(shape, u);
                value = method->counts ? floor(value + 0.5) : value;
            }
            out[s * steps + h] = value;
        }
    }
}
