/* Do 90 % intervals cover 90 %? Intervals of statistical forecasters over many series, as their
 * models have them and calibrated on what the same models said earlier.
 *
 *     interval_bench ORIGINS STRIDE < INPUT
 *
 * INPUT is `kinds NAME..`, then lines of series (series_lines.h); only their pasts calibrate, at
 * ORIGINS rolling origins that are STRIDE periods apart (rolling.h). RAW: sample paths of the
 * model. CALIBRATED: mean + deviation x score, the scores of all series at the same step, in bins
 * of mean / deviation (conformal.h). Output is a line of JSON for each kind and way. `coverage` is
 * that of the interval; `coverage_pit` of the randomised PIT, by which counts are judged;
 * `stock_cost` that of a stock ruled by the paths (decide/stock_score.h), per unit of demand. */
#include "base/json.h"
#include "base/rng.h"
#include "decide/stock_score.h"
#include "model/statistical/rolling.h"
#include "model/statistical/sample_paths.h"
#include "num/conformal.h"
#include "num/quantile.h"
#include "num/scores.h"
#include "series_lines.h"

#include <math.h>

#define KINDS_MAX 32
#define PATHS 500
#define SEED 6
#define BIN_LEAST 200
#define BINS_MOST 8
#define ALPHA 0.1

/* One period to wait, nine times as dear to be short as to hold: .9 of protection intervals. */
static const alm_stock_rule STOCK = {.lead = 1, .unit = {1, 9}};

static const double LEVELS[] = {.005, .025, .05, .165, .25, .5, .75, .835, .95, .975, .995};
enum { LEVEL_COUNT = sizeof LEVELS / sizeof LEVELS[0], LOW = 2, HIGH = 8 };

typedef struct run {
    series_list *list;
    const alm_forecaster_kind *kind;
    alm_rolling_plan plan; /* without horizon and least history */
    size_t steps_max;
    alm_conformal_pool *pool; /* by step */
    alm_distribution_scores raw, calibrated;
    alm_stock_score stock;
    size_t refused; /* series without paths, or without a forecast */
} run;

/* The scores of one step, in the order of series and origins. */
typedef struct step_scores {
    double *key, *score;
    size_t count;
} step_scores;

typedef struct calibration {
    run *r;
    const series *s;
    size_t index;
    alm_support support;
    double *mean, *deviation;
    step_scores *step;
} calibration;

/* What a score is measured in. A deviation far below the steps of the past is that of a model that
 * met a short past exactly: divided by it, one error would be the largest of the whole pool. */
static double spread_of(const series *s, double deviation)
{
    double least = s->step_scale > 0 ? s->step_scale / 10 : 1;
    return isfinite(deviation) && deviation > least ? deviation : least;
}

/* Counts are spread over their step, so that the scores of a pool have no gaps. */
static double spread_count(alm_support support, double y, double v)
{
    return support == ALM_SUPPORT_COUNT ? y + v - .5 : y;
}

static alm_err take_scores(void *context, size_t origin, size_t known, const void *state,
                           alm_error *error)
{
    (void)error;
    calibration *c = context;
    size_t steps = c->s->steps;
    c->r->kind->mean(state, steps, c->mean);
    c->r->kind->deviation(state, steps, c->deviation);
    for (size_t h = 0; h < steps; h++) {
        double spread = spread_of(c->s, c->deviation[h]);
        double v = alm_rng_uniform(SEED, ALM_RNG_PIT, c->index << 8 | origin, h + 1);
        double y = spread_count(c->support, c->s->past.y[known + h], v);
        step_scores *at = &c->step[h];
        at->key[at->count] = c->mean[h] / spread;
        at->score[at->count++] = (y - c->mean[h]) / spread;
    }
    return ALM_OK;
}

/* At least two seasons, and ten values. */
static alm_rolling_plan plan_of(const run *r, const series *s)
{
    alm_rolling_plan plan = r->plan;
    plan.horizon = s->steps;
    plan.history_min = 2 * s->past.season > 10 ? 2 * s->past.season : 10;
    return plan;
}

static void calibrate(run *r, alm_arena *arena, alm_arena *scratch)
{
    step_scores *step = ALM_NEW_ARRAY(arena, step_scores, r->steps_max);
    size_t room = r->list->count * r->plan.origins;
    for (size_t h = 0; h < r->steps_max; h++) {
        step[h] = (step_scores){ALM_NEW_ARRAY(arena, double, room),
                                ALM_NEW_ARRAY(arena, double, room), 0};
    }
    double *buffer = ALM_NEW_ARRAY(arena, double, 2 * r->steps_max);
    for (size_t i = 0; i < r->list->count; i++) {
        const series *s = &r->list->series[i];
        calibration c = {r, s, i, alm_support_of(&s->past), buffer, buffer + r->steps_max, step};
        alm_rolling_plan plan = plan_of(r, s);
        alm_error ignored; /* a past that is too short calibrates nothing */
        alm_arena_reset(scratch);
        (void)!alm_rolling_run(r->kind, &s->past, &plan, scratch,
                               (alm_rolling_visit){take_scores, &c}, &ignored);
    }
    r->pool = ALM_NEW_ARRAY(arena, alm_conformal_pool, r->steps_max);
    for (size_t h = 0; h < r->steps_max; h++) {
        r->pool[h] = alm_conformal_pool_of(step[h].key, step[h].score, step[h].count, BIN_LEAST,
                                           BINS_MOST, arena);
    }
}

/* ---- the test ---- */

static void add_window(alm_distribution_scores *scores, const series *s, const double *quantiles,
                       const double *sorted)
{
    alm_distribution_window window = {.y = s->then, .quantiles = quantiles, .steps = s->steps,
                                      .levels = LEVELS, .level_count = LEVEL_COUNT, .low = LOW,
                                      .high = HIGH, .sorted = sorted, .sorted_count = PATHS,
                                      .mase_scale = s->scale.absolute,
                                      .step_scale = s->step_scale, .weight = 1};
    alm_distribution_add_window(scores, &window);
}

static double random_of(size_t index, size_t h)
{
    return alm_rng_uniform(SEED, ALM_RNG_PIT, index << 8 | 255, h + 1);
}

static void score_raw(run *r, size_t index, const void *state, alm_arena *scratch)
{
    const series *s = &r->list->series[index];
    alm_path_plan plan = {.steps = s->steps, .count = PATHS, .seed = SEED, .series = index,
                          .support = alm_support_of(&s->past)};
    double *paths = ALM_NEW_ARRAY(scratch, double, PATHS * s->steps);
    double *sorted = ALM_NEW_ARRAY(scratch, double, PATHS * s->steps);
    double *quantiles = ALM_NEW_ARRAY(scratch, double, LEVEL_COUNT * s->steps);
    alm_error error;
    if (alm_forecaster_paths(r->kind, state, &plan, scratch, paths, &error) != ALM_OK) {
        r->refused++;
        return;
    }
    alm_path_quantiles(paths, &plan, LEVELS, LEVEL_COUNT, scratch, quantiles);
    for (size_t h = 0; h < s->steps; h++) {
        for (size_t p = 0; p < PATHS; p++) {
            sorted[h * PATHS + p] = paths[p * s->steps + h];
        }
        alm_sort_doubles(sorted + h * PATHS, PATHS);
        alm_distribution_add_pit(&r->raw, alm_conformal_pit(sorted + h * PATHS, PATHS, s->then[h],
                                                            s->then[h], random_of(index, h)));
    }
    add_window(&r->raw, s, quantiles, sorted);
    if (plan.support != ALM_SUPPORT_REAL && s->steps > STOCK.lead) {
        double *level = ALM_NEW_ARRAY(scratch, double, s->steps);
        if (alm_stock_levels(&STOCK, paths, PATHS, s->steps, level, &error) != ALM_OK) {
            die(error.message);
        }
        alm_stock_score_add(&r->stock, &STOCK, s->then, level, s->steps);
    }
}

/* Nothing below 0 where nothing is; counts whole. */
static double value_of(alm_support support, double mean, double spread, double score)
{
    return alm_support_value(support, mean + spread * score);
}

/* `at`: mean, spread, the value, a uniform number. */
static double calibrated_pit(alm_support support, const double *scores, size_t n,
                             const double at[4])
{
    double mean = at[0];
    double spread = at[1];
    double y = at[2];
    double step = support == ALM_SUPPORT_COUNT ? .5 : 0;
    double from = (y - step - mean) / spread;
    if (support != ALM_SUPPORT_REAL && y <= 0) {
        from = -HUGE_VAL; /* all that would be below 0 is 0 */
    }
    return alm_conformal_pit(scores, n, from, (y + step - mean) / spread, at[3]);
}

static void score_calibrated(run *r, size_t index, const void *state, alm_arena *scratch)
{
    const series *s = &r->list->series[index];
    alm_support support = alm_support_of(&s->past);
    double *mean = ALM_NEW_ARRAY(scratch, double, s->steps);
    double *deviation = ALM_NEW_ARRAY(scratch, double, s->steps);
    double *quantiles = ALM_NEW_ARRAY(scratch, double, LEVEL_COUNT * s->steps);
    r->kind->mean(state, s->steps, mean);
    r->kind->deviation(state, s->steps, deviation);
    for (size_t h = 0; h < s->steps; h++) {
        double spread = spread_of(s, deviation[h]);
        const double *scores = NULL;
        size_t n = alm_conformal_pool_find(&r->pool[h], mean[h] / spread, &scores);
        double *q = quantiles + h * LEVEL_COUNT;
        double low = 0;
        double high = 0;
        if (!alm_conformal_bounds(scores, n, ALPHA, &low, &high)) {
            die("too few series or origins to calibrate");
        }
        for (size_t k = 0; k < LEVEL_COUNT; k++) {
            double score = k == LOW ? low
                           : k == HIGH ? high
                                       : alm_conformal_quantile(scores, n, LEVELS[k]);
            q[k] = value_of(support, mean[h], spread, score);
        }
        double at[] = {mean[h], spread, s->then[h], random_of(index, h)};
        alm_distribution_add_pit(&r->calibrated, calibrated_pit(support, scores, n, at));
    }
    add_window(&r->calibrated, s, quantiles, NULL);
}

static void test(run *r, alm_arena *scratch)
{
    for (size_t i = 0; i < r->list->count; i++) {
        void *state = NULL;
        alm_error error;
        alm_arena_reset(scratch);
        if (fit_series(r->kind, &r->list->series[i], scratch, &state, &error) != ALM_OK) {
            r->refused++;
            continue;
        }
        score_raw(r, i, state, scratch);
        score_calibrated(r, i, state, scratch);
    }
}

/* ---- the report ---- */

static double pit_coverage(const alm_distribution_scores *s)
{
    double inside = 0;
    for (int b = 1; b < ALM_PIT_BINS - 1; b++) { /* bins of .05: .05 to .95 */
        inside += (double)s->pit[b];
    }
    return inside / (double)s->pit_count;
}

static void print(const run *r, const char *way, const alm_distribution_scores *s)
{
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "kind", r->kind->name);
    alm_json_put_text(&json, "way", way);
    alm_json_put_i64(&json, "series", (int64_t)r->list->count);
    alm_json_put_i64(&json, "refused", (int64_t)r->refused);
    alm_json_put_double(&json, "coverage", alm_distribution_coverage(s));
    alm_json_put_double(&json, "coverage_pit", pit_coverage(s));
    alm_json_put_double(&json, "msis", alm_distribution_msis(s));
    alm_json_put_double(&json, "scaled_crps", alm_distribution_scaled_crps(s));
    alm_json_put_double(&json, "spl", alm_distribution_wspl(s));
    alm_json_put_double(&json, "stock_cost", alm_stock_score_cost(&r->stock));
    alm_json_put_double(&json, "fill_rate", alm_stock_score_fill_rate(&r->stock));
    alm_json_key(&json, "pit");
    alm_json_open_array(&json);
    for (int b = 0; b < ALM_PIT_BINS; b++) {
        alm_json_double(&json, (double)s->pit[b] / (double)s->pit_count);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    printf("%.*s\n", (int)out.size, out.data);
    fflush(stdout);
    alm_buffer_deinit(&out);
}

static size_t argument(const char *word)
{
    alm_str rest = alm_str_of(word);
    return (size_t)number(&rest);
}

int main(int argc, char **argv)
{
    series_list list = {.arena = alm_arena_create(0)};
    const alm_forecaster_kind *kind[KINDS_MAX];
    char *line = malloc(LINE_BYTES);
    size_t kinds = 0;
    if (argc != 3) {
        die("usage: interval_bench ORIGINS STRIDE < INPUT");
    }
    run r = {.list = &list, .plan = {.origins = argument(argv[1]), .stride = argument(argv[2]),
                                     .refit_every = 1}};
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        if (alm_str_is(alm_str_split(&rest, ' '), "kinds")) {
            kinds = named_kinds(rest, kind, KINDS_MAX);
            continue;
        }
        size_t steps = add_series(&list, &rest)->steps;
        r.steps_max = steps > r.steps_max ? steps : r.steps_max;
    }
    for (size_t k = 0; k < kinds; k++) {
        alm_arena *arena = alm_arena_create(0);
        alm_arena *scratch = alm_arena_create(0);
        run one = r;
        one.kind = kind[k];
        calibrate(&one, arena, scratch);
        test(&one, scratch);
        print(&one, "raw", &one.raw);
        print(&one, "calibrated", &one.calibrated);
        alm_arena_destroy(scratch);
        alm_arena_destroy(arena);
    }
    free(line);
    alm_arena_destroy(list.arena);
    return 0;
}
