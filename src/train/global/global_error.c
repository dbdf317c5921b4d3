#include "train/global/global_error.h"

#include <math.h>

#include "model/statistical/sample_paths.h"

#define SPREAD_MIN 0.05 /* of a past that never moved: its errors are not divided by nothing */

void alm_global_errors_init(alm_global_errors *errors, size_t steps, size_t most,
                            alm_arena *arena)
{
    *errors = (alm_global_errors){
        .steps = steps, .entry = ALM_NEW_ARRAY(arena, alm_global_error_entry, most)};
}

static double divisor(double spread)
{
    return spread > SPREAD_MIN ? spread : SPREAD_MIN;
}

/* The nearest known step, the earlier of two. */
static size_t nearest(const double *error, size_t steps, size_t at)
{
    for (size_t apart = 0; apart < steps; apart++) {
        if (at >= apart && !isnan(error[at - apart])) {
            return at - apart;
        }
        if (at + apart < steps && !isnan(error[at + apart])) {
            return at + apart;
        }
    }
    return at;
}

void alm_global_errors_add(alm_global_errors *errors, double spread, const double *actual,
                           const double *mean, alm_arena *arena)
{
    size_t steps = errors->steps;
    size_t known = 0;
    double *gap = ALM_NEW_ARRAY(arena, double, steps);
    double *error = ALM_NEW_ARRAY(arena, double, steps);
    for (size_t h = 0; h < steps; h++) {
        gap[h] = (actual[h] - mean[h]) / divisor(spread);
        known += !isnan(gap[h]);
    }
    if (2 * known <= steps) {
        return;
    }
    for (size_t h = 0; h < steps; h++) {
        error[h] = gap[nearest(gap, steps, h)];
    }
    errors->entry[errors->count++] = (alm_global_error_entry){spread, error};
}

/* By insertion: they are few, and those of one spread keep their order. */
void alm_global_errors_sort(alm_global_errors *errors)
{
    alm_global_error_entry *e = errors->entry;
    for (size_t i = 1; i < errors->count; i++) {
        alm_global_error_entry moved = e[i];
        size_t low = 0, high = i;
        while (low < high) { /* behind all that are not larger */
            size_t middle = (low + high) / 2;
            if (e[middle].spread <= moved.spread) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (size_t k = i; k > low; k--) {
            e[k] = e[k - 1];
        }
        e[low] = moved;
    }
}

/* First of `wanted` entries in a row around the place of `spread`. */
static size_t first_near(const alm_global_errors *errors, double spread, size_t wanted)
{
    size_t low = 0, high = errors->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (errors->entry[middle].spread < spread) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t first = low > wanted / 2 ? low - wanted / 2 : 0;
    return first + wanted <= errors->count ? first : errors->count - wanted;
}

void alm_global_errors_paths(const alm_global_errors *errors, const alm_global_path_plan *plan,
                             double *out)
{
    size_t wanted = errors->count < ALM_GLOBAL_PATHS ? errors->count : ALM_GLOBAL_PATHS;
    size_t first = first_near(errors, plan->spread, wanted);
    double unit = plan->scale * divisor(plan->spread);
    for (size_t p = 0; p < ALM_GLOBAL_PATHS; p++) {
        const double *error = wanted ? errors->entry[first + p % wanted].error : NULL;
        for (size_t h = 0; h < errors->steps; h++) {
            double value = plan->mean[h] + (error ? unit * error[h] : 0);
            value = value > 0 && !plan->closed[h] ? value : 0;
            out[p * errors->steps + h] = alm_support_value(plan->support, value);
        }
    }
}
