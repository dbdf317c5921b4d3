/* backtest_detail.c: scores of each step, verdicts on the published forecast, and ranks of all. */
#include <math.h>

#include "num/compare_forecasts.h"
#include "train/backtest/backtest.h"

#define ALPHA 0.05

void almi_detail_add(const alm_backtest *b, const almi_window *w)
{
    alm_score_detail *d = &b->detail[w->level];
    alm_metrics whole = {0};
    alm_metrics_add_window(&whole, w->actual, w->forecast, b->steps, w->scale);
    if (whole.rmsse_windows > 0) {
        d->loss[w->node * b->methods + w->method] += alm_metrics_rmsse(&whole);
        d->windows[w->node * b->methods + w->method]++;
    }
}

void almi_detail_add_step(alm_step_scores *step, double actual, double forecast, alm_scale scale)
{
    alm_metrics_add_window(&step->metrics, &actual, &forecast, 1, scale);
    if (!isnan(actual) && scale.squared > 0) {
        step->squared += (forecast - actual) * (forecast - actual) / scale.squared;
        step->scaled++;
    }
}

/* The mean of |error| over scale, which alm_metrics has of windows of one pair, is least for a
 * forecast of nothing where demand is often zero; the root of the mean square is not. */
static double step_rmsse(const alm_step_scores *step)
{
    return step->scaled > 0 ? sqrt(step->squared / (double)step->scaled) : (double)NAN;
}

static void write_step(const alm_backtest *b, size_t method, const alm_step_scores *step,
                       alm_json_writer *w)
{
    const alm_metrics *m = &step->metrics;
    alm_json_open_object(w);
    alm_json_put_text(w, "method", alm_backtest_method(b, method));
    alm_json_put_double(w, "wape", alm_metrics_wape(m));
    alm_json_put_double(w, "bias", alm_metrics_bias(m));
    alm_json_put_double(w, "rmsse", step_rmsse(step));
    alm_json_put_double(w, "mae", alm_metrics_mae(m));
    if (m->interval_pairs > 0) {
        alm_json_put_double(w, "coverage_90", alm_metrics_coverage(m));
    }
    alm_json_close_object(w);
}

void almi_detail_write_steps(const alm_backtest *b, const alm_scores *scores, alm_json_writer *w)
{
    alm_json_key(w, "steps");
    alm_json_open_array(w);
    for (size_t h = 0; h < b->steps; h++) {
        alm_json_open_object(w);
        alm_json_put_i64(w, "step", (int64_t)h + 1);
        alm_json_key(w, "methods");
        alm_json_open_array(w);
        for (size_t method = 0; method < b->methods; method++) {
            const alm_step_scores *step = &scores->step[method * b->steps + h];
            if (step->metrics.pairs > 0) {
                write_step(b, method, step, w);
            }
        }
        alm_json_close_array(w);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

/* Mean RMSSE of every node; NaN: no window of it has a scale. */
static double *losses_of(const alm_backtest *b, const alm_score_detail *d, alm_arena *arena)
{
    double *out = ALM_NEW_ARRAY(arena, double, d->nodes * b->methods);
    for (size_t i = 0; i < d->nodes * b->methods; i++) {
        out[i] = d->windows[i] > 0 ? d->loss[i] / d->windows[i] : (double)NAN;
    }
    return out;
}

/* The row with the smallest RMSSE that is neither the published forecast nor a part of it nor what
 * it would be under another reconciliation; 0: none has one. */
static size_t best_other(const alm_backtest *b, const alm_scores *scores)
{
    size_t best = 0;
    for (size_t method = ALM_SCORE_BASELINES; method < b->methods - b->reconcile_count; method++) {
        double loss = alm_metrics_rmsse(&scores->methods[method]);
        if (!isnan(loss) &&
            (best == 0 || loss < alm_metrics_rmsse(&scores->methods[best]))) {
            best = method;
        }
    }
    return best;
}

/* A verdict on some of the days is said to be one: those left out are the days of high demand. */
static const char *with_left_out(const alm_scores *scores, const char *verdict, alm_arena *arena)
{
    unsigned long long out = scores->censored;
    unsigned long long all = out + scores->methods[ALM_SCORE_FINAL].pairs;
    return out == 0 ? verdict
                    : alm_arena_printf(arena, "%s; without %llu of %llu days, which were sold "
                                       "out: on days of lower demand", verdict, out, all);
}

static void write_verdict(const alm_backtest *b, uint32_t level, alm_json_writer *w)
{
    const alm_hierarchy *h = b->panel->hierarchy;
    size_t other = best_other(b, &b->levels[level]);
    if (other == 0) {
        return;
    }
    alm_arena *arena = alm_arena_create(0);
    const alm_score_detail *d = &b->detail[level];
    const double *loss = losses_of(b, d, arena);
    alm_paired_test test = alm_compare_losses(loss + ALM_SCORE_FINAL, loss + other, d->nodes,
                                              b->methods, 1);
    alm_json_open_object(w);
    alm_json_put_str(w, "level", level ? h->levels[level - 1].name : ALM_STR("series"));
    alm_json_put_text(w, "against", alm_backtest_method(b, other));
    alm_json_put_i64(w, "pairs", (int64_t)test.count);
    alm_json_put_double(w, "rmsse", test.mean_a);
    alm_json_put_double(w, "rmsse_against", test.mean_b);
    alm_json_put_double(w, "p", test.p);
    const char *verdict = alm_compare_verdict(alm_backtest_method(b, ALM_SCORE_FINAL),
                                              alm_backtest_method(b, other), &test, ALPHA, arena);
    alm_json_put_text(w, "verdict", with_left_out(&b->levels[level], verdict, arena));
    alm_json_close_object(w);
    alm_arena_destroy(arena);
}

/* How often each learned, and why the last time it could not. */
static void write_global(const alm_backtest *b, alm_json_writer *w)
{
    alm_json_key(w, "global");
    alm_json_open_array(w);
    for (size_t k = 0; k < b->global.count; k++) {
        alm_json_open_object(w);
        alm_json_put_text(w, "method", b->global.kind[k]->name);
        alm_json_put_i64(w, "fits", (int64_t)b->global.fits[k]);
        if (b->global.reason[k]) {
            alm_json_put_text(w, "reason", b->global.reason[k]);
        }
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

/* The rows that compete: not the parts of the published forecast, nor what has no scores here. */
static size_t competitors(const alm_backtest *b, const alm_scores *scores, size_t *out)
{
    size_t count = 0;
    for (size_t method = 0; method < b->methods - b->reconcile_count; method++) {
        bool is_part = method != ALM_SCORE_FINAL && method < ALM_SCORE_BASELINES;
        if (!is_part && scores->methods[method].rmsse_windows > 0) {
            out[count++] = method;
        }
    }
    return count;
}

static void write_rank_test(const alm_backtest *b, const size_t *method, const alm_rank_test *test,
                            alm_json_writer *w)
{
    alm_json_put_i64(w, "rows", (int64_t)test->rows);
    alm_json_put_double(w, "p", test->p);
    alm_json_put_double(w, "critical_distance", test->critical_distance);
    alm_json_key(w, "methods");
    alm_json_open_array(w);
    for (size_t k = 0; k < test->methods; k++) {
        alm_json_open_object(w);
        alm_json_put_text(w, "method", alm_backtest_method(b, method[k]));
        alm_json_put_double(w, "mean_rank", test->mean_rank[k]);
        alm_json_put_bool(w, "among_best", test->among_best[k]);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
}

/* Of three methods or more over two nodes or more: less is a matter of the verdict. */
static void write_ranks(const alm_backtest *b, uint32_t level, alm_json_writer *w)
{
    const alm_hierarchy *h = b->panel->hierarchy;
    const alm_score_detail *d = &b->detail[level];
    alm_arena *arena = alm_arena_create(0);
    size_t *method = ALM_NEW_ARRAY(arena, size_t, b->methods);
    size_t count = competitors(b, &b->levels[level], method);
    const char **name = ALM_NEW_ARRAY(arena, const char *, count);
    double *loss = ALM_NEW_ARRAY(arena, double, d->nodes * count);
    const double *all = losses_of(b, d, arena);
    for (size_t k = 0; k < count; k++) {
        name[k] = alm_backtest_method(b, method[k]);
        for (size_t n = 0; n < d->nodes; n++) {
            loss[n * count + k] = all[n * b->methods + method[k]];
        }
    }
    if (count >= 3) {
        alm_rank_test test = alm_rank_methods(loss, d->nodes, count, ALPHA, arena);
        if (test.rows >= 2) {
            alm_json_open_object(w);
            alm_json_put_str(w, "level", level ? h->levels[level - 1].name : ALM_STR("series"));
            write_rank_test(b, method, &test, w);
            alm_json_put_text(w, "verdict",
                              with_left_out(&b->levels[level],
                                            alm_rank_verdict(name, &test, arena), arena));
            alm_json_close_object(w);
        }
    }
    alm_arena_destroy(arena);
}

void almi_detail_write(const alm_backtest *b, alm_json_writer *w)
{
    uint32_t levels = b->panel->hierarchy->level_count;
    if (b->global.count > 0) {
        write_global(b, w);
    }
    alm_json_key(w, "verdicts");
    alm_json_open_array(w);
    for (uint32_t level = 0; level <= levels; level++) {
        write_verdict(b, level, w);
    }
    alm_json_close_array(w);
    alm_json_key(w, "ranks");
    alm_json_open_array(w);
    for (uint32_t level = 0; level <= levels; level++) {
        write_ranks(b, level, w);
    }
    alm_json_close_array(w);
}
