#include "pipeline/series/regressor_words.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima.h"
#include "num/quantile.h"

#define NAMES_BYTES 200 /* of indicators in one line */

typedef struct words {
    const alm_forecast_made *made;
    const alm_regressor_table *table;
    alm_buffer *out;
} words;

void alm_effect_number(alm_buffer *out, double value, bool signed_too)
{
    double size = fabs(value);
    int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= .1 ? 3 : 4;
    bool is_odd = size >= 1e9 || (size < 1e-3 && size > 0);
    alm_buffer_text(out, signed_too && value > 0 ? "+" : "");
    if (is_odd) {
        alm_buffer_printf(out, "%.3g", value);
    } else {
        alm_buffer_printf(out, "%.*f", decimals, value);
    }
}

void alm_effect_errors(alm_buffer *out, const alm_effects *effects)
{
    const alm_arima_order *o = &effects->order;
    alm_buffer_printf(out, "ARIMA(%zu,%zu,%zu)", o->p, o->d, o->q);
    if (effects->season > 1) {
        alm_buffer_printf(out, "(%zu,%zu,%zu)[%zu]", o->seasonal_p, o->seasonal_d, o->seasonal_q,
                          effects->season);
    }
    alm_buffer_text(out, !o->has_constant ? "" : o->d + o->seasonal_d > 0 ? " with drift"
                                                                        : " with a mean");
    if (effects->fourier > 0) {
        alm_buffer_printf(out, " and %zu Fourier pairs", effects->fourier);
    }
}

bool alm_effect_is_guess(const alm_forecast_made *made, size_t series, size_t k)
{
    const alm_regressor_table *table = made->input.regressors;
    const alm_long_one *one = &made->input.series[series];
    const alm_effects *effects = &made->set.series[series].effects;
    size_t periods = one->count + table->steps;
    const double *x = one->x + k * periods;
    double before = (double)NAN;
    if (!made->set.series[series].kind || effects->effect[k].reason != ALM_EFFECT_CONSTANT) {
        return false;
    }
    for (size_t t = 0; t < one->count; t++) {
        before = isnan(one->y[t]) || isnan(x[t]) ? before : x[t];
    }
    for (size_t t = one->count; t < periods; t++) {
        if (!isnan(before) && x[t] != before) {
            return true;
        }
    }
    return false;
}

/* ---- columns ---- */

static void put_column(const words *w, const alm_regressor_column *column)
{
    if (column->is_holidays) {
        alm_buffer_visible(w->out, column->name);
        alm_buffer_printf(w->out, " (%zu holidays on ", column->count);
        alm_forecast_count(w->out, w->table->holiday_rows);
        alm_buffer_text(w->out, " days, an indicator for each name)");
        return;
    }
    alm_buffer_str(w->out, column->name);
    if (!column->is_category) {
        alm_buffer_text(w->out, " (a number)");
        return;
    }
    alm_buffer_printf(w->out, " (indicator%s of", column->count == 1 ? "" : "s");
    size_t from = w->out->size;
    size_t shown = 0;
    for (; shown < column->count && w->out->size - from < NAMES_BYTES; shown++) {
        const char *name = w->table->names[column->first + shown] + column->name.size + 1;
        size_t size = strlen(name);
        alm_buffer_text(w->out, shown ? ", " : " ");
        if (column->is_observed) { /* without the lag behind it */
            size = (size_t)(strrchr(name, '(') - name) - 1;
        }
        alm_buffer_append(w->out, name, size);
    }
    if (column->count == 0) {
        alm_buffer_text(w->out, " nothing");
    } else if (shown < column->count) {
        alm_buffer_printf(w->out, " and %zu more", column->count - shown);
    }
    alm_buffer_printf(w->out, "; else " ALM_STR_FMT ")",
                      ALM_STR_ARG(column->usual.size ? column->usual : ALM_STR("empty")));
}

static bool put_columns(const words *w, bool observed)
{
    size_t count = 0;
    for (size_t i = 0; i < w->table->column_count; i++) {
        const alm_regressor_column *column = &w->table->column[i];
        if (column->is_observed == observed) {
            alm_buffer_text(w->out, count++   ? ", "
                                    : observed ? "observed: " : "known in advance: ");
            put_column(w, column);
        }
    }
    if (observed && count > 0) {
        alm_buffer_printf(w->out, ": a period sees the value %zu %s before it, which is known for "
                                  "all of the horizon", w->table->steps,
                          w->table->steps == 1 ? "step" : "steps");
    }
    return count > 0;
}

static bool put_plan(const words *w)
{
    const alm_regressor_table *t = w->table;
    if (t->planned_rows == 0 && !t->future) {
        return false;
    }
    alm_buffer_text(w->out, "the plan: ");
    if (t->planned_rows > 0) {
        alm_forecast_count(w->out, t->planned_rows);
        alm_buffer_printf(w->out, " row%s behind the last value of %s series",
                          t->planned_rows == 1 ? "" : "s", t->planned_rows == 1 ? "its" : "their");
    }
    if (t->future) {
        alm_buffer_text(w->out, t->planned_rows > 0 ? "; " : "");
        alm_buffer_visible(w->out, alm_str_of(t->future));
        alm_buffer_text(w->out, ", ");
        alm_forecast_count(w->out, t->future_rows);
        alm_buffer_text(w->out, " rows");
    }
    if (t->strange_rows > 0) {
        alm_buffer_text(w->out, "; not used of it: ");
        alm_forecast_count(w->out, t->strange_rows);
        alm_buffer_text(w->out, " rows of series that are not there");
    }
    if (t->between_rows > 0) {
        alm_buffer_text(w->out, "; not used of it: ");
        alm_forecast_count(w->out, t->between_rows);
        alm_buffer_text(w->out, " rows of times between the periods");
    }
    if (t->different > 0) {
        alm_buffer_text(w->out, "; it differs from the first file in ");
        alm_forecast_count(w->out, t->different);
        alm_buffer_text(w->out, " values: those of the first file are used");
    }
    return true;
}

static void put_how(const words *w)
{
    const alm_forecast_plan *plan = &w->made->plan;
    bool exact = plan->kind == &alm_arima && plan->season <= ALM_ARIMA_SEASON_MAX;
    const alm_effects *effects = &w->made->set.series[0].effects;
    bool is_one = w->made->input.count == 1 && w->made->set.series[0].kind && effects->used > 0;
    alm_buffer_text(w->out, exact ? "" : "regression with errors of ");
    if (is_one) {
        alm_effect_errors(w->out, effects);
    } else {
        alm_buffer_text(w->out, "ARIMA");
    }
    alm_buffer_text(w->out, exact ? " with regressors, by its exact likelihood"
                                  : "; what it leaves is forecast by the method, and what the plan "
                                    "says is added");
}

/* ---- effects ---- */

/* Of one series. */
static void put_effect(const words *w, const alm_effect *effect)
{
    if (effect->reason != ALM_EFFECT_USED) {
        alm_buffer_printf(w->out, "not used: %s", alm_effect_reason_sentence(effect->reason));
        return;
    }
    alm_effect_number(w->out, effect->coefficient, true);
    if (!isnan(effect->deviation)) {
        alm_buffer_text(w->out, " (standard error ");
        alm_effect_number(w->out, effect->deviation, false);
        alm_buffer_text(w->out, ")");
    }
}

static void put_unused(const words *w, size_t k)
{
    static const alm_effect_reason REASONS[] = {ALM_EFFECT_CONSTANT, ALM_EFFECT_DEPENDENT,
                                                ALM_EFFECT_NO_FIT};
    for (size_t r = 0; r < sizeof REASONS / sizeof REASONS[0]; r++) {
        size_t count = 0;
        for (size_t i = 0; i < w->made->input.count; i++) {
            const alm_series_forecast *one = &w->made->set.series[i];
            count += one->kind && one->effects.effect[k].reason == REASONS[r];
        }
        if (count > 0) {
            alm_buffer_text(w->out, "; not used of ");
            alm_forecast_count(w->out, count);
            alm_buffer_printf(w->out, ": %s", alm_effect_reason_sentence(REASONS[r]));
        }
    }
}

/* Over series: the median, and of how many it is beyond two standard errors. */
static void put_effects(const words *w, size_t k, alm_arena *arena)
{
    double *value = ALM_NEW_ARRAY(arena, double, w->made->input.count);
    const alm_effect *last = NULL;
    size_t used = 0;
    size_t clear = 0;
    for (size_t i = 0; i < w->made->input.count; i++) {
        const alm_series_forecast *one = &w->made->set.series[i];
        if (one->kind && one->effects.effect[k].reason == ALM_EFFECT_USED) {
            const alm_effect *effect = &one->effects.effect[k];
            clear += fabs(effect->coefficient) > 2 * effect->deviation; /* false of NaN */
            value[used++] = effect->coefficient;
            last = effect;
        }
    }
    if (used == 1) {
        put_effect(w, last);
        alm_buffer_text(w->out, " of one series");
    } else if (used > 0) {
        alm_sort_doubles(value, used);
        alm_effect_number(w->out, alm_quantile_sorted(value, used, .5), true);
        alm_buffer_text(w->out, " in the middle of ");
        alm_forecast_count(w->out, used);
        alm_buffer_text(w->out, " series, beyond two standard errors in ");
        alm_forecast_count(w->out, clear);
    } else {
        alm_buffer_text(w->out, "used of no series");
    }
    put_unused(w, k);
}

static void put_guesses(const words *w, size_t k)
{
    size_t guesses = 0;
    for (size_t i = 0; i < w->made->input.count; i++) {
        guesses += alm_effect_is_guess(w->made, i, k);
    }
    if (guesses == 0) {
        return;
    }
    alm_buffer_text(w->out, "; the plan has another value");
    if (w->made->input.count > 1) {
        alm_buffer_text(w->out, " of ");
        alm_forecast_count(w->out, guesses);
    }
    alm_buffer_text(w->out, ", whose effect is not known and counted as 0");
}

static bool put_regressor(const words *w, size_t k)
{
    if (k >= w->table->count || k > ALM_REGRESSOR_EFFECTS_TOLD) {
        return false;
    }
    if (k == ALM_REGRESSOR_EFFECTS_TOLD) {
        alm_buffer_printf(w->out, "and %zu more: --json and --html have all",
                          w->table->count - k);
        return true;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_buffer_printf(w->out, "%s: ", w->table->names[k]);
    if (w->made->input.count > 1) {
        put_effects(w, k, arena);
    } else if (w->made->set.series[0].kind) {
        put_effect(w, &w->made->set.series[0].effects.effect[k]);
    } else {
        alm_buffer_text(w->out, "there is no forecast");
    }
    put_guesses(w, k);
    alm_arena_destroy(arena);
    return true;
}

/* Lines 0 to 3 may be empty: then the next one moves up. */
bool alm_regressor_line(const alm_forecast_made *made, size_t place, alm_buffer *out,
                        const char **label)
{
    words w = {made, made->input.regressors, out};
    size_t next = 0;
    if (!w.table) {
        return false;
    }
    *label = place == 0 ? "regressors" : "";
    for (size_t part = 0; part < 4; part++) {
        size_t before = out->size;
        bool is_there = part == 0   ? put_columns(&w, false)
                        : part == 1 ? put_columns(&w, true)
                        : part == 2 ? put_plan(&w)
                                    : true;
        if (part == 3) {
            put_how(&w);
        }
        if (is_there && next++ == place) {
            return true;
        }
        out->size = before;
    }
    *label = place == next ? "effects" : "";
    return put_regressor(&w, place - next);
}
