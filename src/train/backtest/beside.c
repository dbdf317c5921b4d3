#include "train/backtest/beside.h"

#include <math.h>
#include <string.h>

#include "model/baseline.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/sample_paths.h"
#include "train/global/global_beside.h"

#define PATHS 200
#define SCRATCH_BYTES ((size_t)1 << 20)

const double *alm_beside_known(const alm_beside_history *history, alm_arena *arena)
{
    if (!history->bound) {
        return history->y;
    }
    double *y = ALM_NEW_ARRAY(arena, double, history->count);
    for (size_t t = 0; t < history->count; t++) {
        y[t] = history->bound[t] ? (double)NAN : history->y[t];
    }
    return y;
}

typedef struct job {
    const alm_beside *beside;
    const alm_beside_history *histories;
    alm_beside_forecast *out;
} job;

static void not_negative(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = values[i] > 0 ? values[i] : 0;
    }
}

static bool all_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

/* By level, then by step; where there are no paths, every quantile is the mean. */
static void take_quantiles(const alm_beside *b, const double *by_step, alm_beside_forecast *out)
{
    for (size_t k = 0; k < b->level_count; k++) {
        for (size_t h = 0; h < b->steps; h++) {
            out->quantiles[k * b->steps + h] =
                by_step ? by_step[(b->delay + h) * b->level_count + k] : out->mean[h];
        }
    }
    not_negative(out->quantiles, b->level_count * b->steps);
}

static void levels_of_means(const alm_beside *b, alm_beside_forecast *out)
{
    for (size_t t = 0; b->stock && t + b->stock->lead < b->steps; t++) {
        out->stock[t] = 0;
        for (size_t h = t; h <= t + b->stock->lead; h++) {
            out->stock[t] += out->mean[h];
        }
    }
}

/* Of the steps behind the delay; nothing below 0 is sold. */
static void levels_of_paths(const alm_beside *b, const double *paths, alm_arena *scratch,
                            alm_beside_forecast *out)
{
    double *ahead = ALM_NEW_ARRAY(scratch, double, PATHS * b->steps);
    alm_error ignored; /* the values are finite and not negative */
    for (size_t p = 0; p < PATHS; p++) {
        memcpy(ahead + p * b->steps, paths + p * (b->delay + b->steps) + b->delay,
               b->steps * sizeof *ahead);
    }
    not_negative(ahead, PATHS * b->steps);
    if (b->stock && alm_stock_levels(b->stock, ahead, PATHS, b->steps, out->stock, &ignored) !=
                        ALM_OK) {
        levels_of_means(b, out);
    }
}

static void draw_quantiles(const alm_beside *b, const alm_forecaster_kind *kind, const void *state,
                           const alm_beside_history *history, alm_arena *scratch,
                           alm_beside_forecast *out)
{
    alm_past past = {history->y, history->count, b->season};
    alm_path_plan plan = {.steps = b->delay + b->steps, .count = PATHS, .seed = b->seed,
                          .series = history->series, .support = alm_support_of(&past)};
    double *paths = ALM_NEW_ARRAY(scratch, double, plan.count * plan.steps);
    double *by_step = ALM_NEW_ARRAY(scratch, double, plan.steps * b->level_count);
    alm_error ignored; /* too short to tell a spread: then there is none */
    if (alm_forecaster_paths(kind, state, &plan, scratch, paths, &ignored) != ALM_OK) {
        take_quantiles(b, NULL, out);
        levels_of_means(b, out);
        return;
    }
    levels_of_paths(b, paths, scratch, out);
    alm_path_quantiles(paths, &plan, b->levels, b->level_count, scratch, by_step);
    take_quantiles(b, by_step, out);
}

static alm_err fit(const alm_beside *b, const alm_forecaster_kind *kind,
                   const alm_beside_history *history, alm_arena *scratch, void **state)
{
    alm_error ignored; /* the reason is the kind's; the row says how often */
    if (kind == &alm_count) {
        alm_count_past counts = {history->y, history->count, history->bound};
        return alm_count_fit(&counts, NULL, scratch, state, &ignored);
    }
    alm_past past = {alm_beside_known(history, scratch), history->count, b->season};
    return kind->fit(&past, scratch, state, &ignored);
}

static bool forecast(const alm_beside *b, const alm_forecaster_kind *kind,
                     const alm_beside_history *history, alm_arena *scratch,
                     alm_beside_forecast *out)
{
    void *state = NULL;
    if (history->count == 0 || fit(b, kind, history, scratch, &state) != ALM_OK) {
        return false;
    }
    double *ahead = ALM_NEW_ARRAY(scratch, double, b->delay + b->steps);
    kind->mean(state, b->delay + b->steps, ahead);
    if (!all_finite(ahead, b->delay + b->steps)) {
        return false;
    }
    memcpy(out->mean, ahead + b->delay, b->steps * sizeof *out->mean);
    not_negative(out->mean, b->steps);
    draw_quantiles(b, kind, state, history, scratch, out);
    return true;
}

static void fall_back(const alm_beside *b, const alm_beside_history *history, alm_arena *scratch,
                      alm_beside_forecast *out)
{
    const double *known = alm_beside_known(history, scratch);
    alm_baseline_request request = {known,     history->count, b->season, b->steps,
                                    b->levels, b->level_count, b->delay};
    alm_baseline_forecast(ALM_BASELINE_seasonal_naive, &request, scratch, out->mean,
                          out->quantiles);
    levels_of_means(b, out);
    out->refused = true;
}

static alm_err one_history(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    job *j = context;
    alm_arena *scratch = alm_arena_create(SCRATCH_BYTES);
    const alm_beside *b = j->beside;
    for (size_t k = 0; k < alm_beside_rows(b); k++) {
        const alm_beside_history *history = &j->histories[task];
        alm_beside_forecast *out = &j->out[task * alm_beside_rows(b) + k];
        alm_arena_reset(scratch);
        if (!(k < b->count ? forecast(b, b->kind[k], history, scratch, out)
                           : alm_global_beside(b, k - b->count, history, scratch, out))) {
            fall_back(b, history, scratch, out);
        }
    }
    alm_arena_destroy(scratch);
    return ALM_OK;
}

alm_err alm_beside_run(const alm_beside *beside, const alm_beside_history *histories, size_t count,
                       alm_arena *arena, alm_beside_forecast *out, alm_error *error)
{
    for (size_t i = 0; i < count * alm_beside_rows(beside); i++) {
        out[i] = (alm_beside_forecast){
            .mean = ALM_NEW_ARRAY(arena, double, beside->steps),
            .quantiles = ALM_NEW_ARRAY(arena, double, beside->steps * beside->level_count),
            .stock = ALM_NEW_ARRAY(arena, double, beside->steps)};
    }
    job j = {beside, histories, out};
    return alm_pool_run(beside->pool, count, one_history, &j, error);
}
