/* forecast_plans.c: are the regressors known where they are needed? */
#include <math.h>

#include "pipeline/series/series_forecast.h"

typedef struct plans {
    const alm_long_series *all;
    const char *name; /* of the file */
} plans;

/* Where series i lacks a value of regressor k: the period, from 0, in which it is wanted; SIZE_MAX:
 * nowhere. The first periods of an observed column see nothing, and that is right. */
static size_t first_hole(const plans *p, size_t i, size_t k)
{
    const alm_regressor_table *table = p->all->regressors;
    const alm_long_one *one = &p->all->series[i];
    bool is_observed = table->column[table->column_of[k]].is_observed;
    size_t periods = one->count + table->steps;
    for (size_t t = is_observed ? table->steps : 0; t < periods; t++) {
        bool is_needed = t >= one->count || !isnan(one->y[t]);
        if (is_needed && isnan(one->x[k * periods + t])) {
            return t;
        }
    }
    return SIZE_MAX;
}

static size_t series_with_holes(const plans *p, size_t from, size_t k)
{
    size_t count = 0;
    for (size_t i = from; i < p->all->count; i++) {
        count += p->all->series[i].known > 0 && first_hole(p, i, k) != SIZE_MAX;
    }
    return count;
}

static alm_err refuse(const plans *p, size_t i, size_t k, alm_error *error)
{
    const alm_regressor_table *table = p->all->regressors;
    const alm_long_one *one = &p->all->series[i];
    const alm_regressor_column *column = &table->column[table->column_of[k]];
    size_t t = first_hole(p, i, k);
    bool is_plan = t >= one->count && !column->is_observed;
    int64_t time = 0;
    char text[ALM_INSTANT_TEXT_BYTES] = "?";
    char step[ALM_FREQUENCY_TEXT_BYTES];
    alm_buffer what = {0};
    if (alm_long_time(p->all, one, column->is_observed ? t - table->steps : t, &time)) {
        alm_time_write(&p->all->style, time, text);
    }
    alm_frequency_step_text(&p->all->frequency, step);
    alm_buffer_printf(&what, "%s: series '", p->name);
    alm_buffer_visible(&what, one->id);
    alm_buffer_printf(&what, "', column " ALM_STR_FMT ": there is no %s for %s",
                      ALM_STR_ARG(column->name), is_plan ? "plan" : "value", text);
    if (is_plan) {
        alm_buffer_printf(&what, ", step %zu of %zu ahead (of one %s)", t - one->count + 1,
                          table->steps, step);
    }
    size_t others = series_with_holes(p, i + 1, k);
    if (others > 0) {
        alm_buffer_printf(&what, "; it lacks some of %zu more series", others);
    }
    alm_buffer_text(&what, is_plan ? ": add a row for it with an empty value, or a row to --future "
                                     "FILE"
                                   : ": fill in what it was, 0 for none, or cut the file so that "
                                     "it begins later");
    if (is_plan && t > one->count) {
        alm_buffer_printf(&what, ", or look less far ahead (--horizon %zu)", t - one->count);
    }
    alm_err code = alm_fail(error, ALM_ERR_INCOMPLETE, "%s", what.data ? what.data : "");
    alm_buffer_deinit(&what);
    return code;
}

alm_err alm_forecast_check_plans(const alm_long_series *all, const char *name,
                                 const alm_forecast_plan *plan, alm_error *error)
{
    plans p = {all, name};
    alm_assert(!all->regressors || all->regressors->steps == plan->steps);
    for (size_t i = 0; all->regressors && i < all->count; i++) {
        for (size_t k = 0; k < all->regressors->count && all->series[i].known > 0; k++) {
            if (first_hole(&p, i, k) != SIZE_MAX) {
                return refuse(&p, i, k, error);
            }
        }
    }
    return ALM_OK;
}
