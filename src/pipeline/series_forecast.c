#include "pipeline/series_forecast.h"

#include <math.h>
#include <stdatomic.h>

#include "num/metrics.h"
#include "num/normal.h"

#define BLOCK ((size_t)32)   /* series; results do not depend on it */
#define BEHIND ((size_t)4)   /* values that an origin of the check has, besides a season */
#define CANDIDATES_MAX 4
#define SCRATCH_BYTES ((size_t)1 << 20)

const alm_forecaster_kind *alm_forecast_automatic(void)
{
    return &alm_auto;
}

const alm_forecaster_kind *alm_forecast_kind(alm_str name)
{
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        if (alm_str_is(name, kinds[i]->name)) {
            return kinds[i];
        }
    }
    return NULL;
}

/* ---- words ---- */

const char *alm_forecast_reason_text(alm_forecast_reason reason)
{
#define REASON_TEXT(name, text, sentence) text,
    static const char *const TEXT[] = {ALM_FORECAST_REASON_MAP(REASON_TEXT)};
    return TEXT[reason];
}

const char *alm_forecast_reason_sentence(alm_forecast_reason reason)
{
#define REASON_SENTENCE(name, text, sentence) sentence,
    static const char *const SENTENCE[] = {ALM_FORECAST_REASON_MAP(REASON_SENTENCE)};
    return SENTENCE[reason];
}

const char *alm_forecast_spread_text(alm_forecast_spread spread)
{
    static const char *const TEXT[] = {"none", "paths", "normal"};
    return TEXT[spread];
}

const char *alm_support_text(alm_support support)
{
    static const char *const TEXT[] = {"real", "non_negative", "count"};
    return TEXT[support];
}

/* ---- scores ---- */

static double mean_of(double sum, double count)
{
    double mean = count > 0 ? sum / count : (double)NAN;
    return isfinite(mean) ? mean : (double)NAN;
}

double alm_forecast_mase(const alm_forecast_score *score)
{
    return mean_of(score->mase, (double)score->mase_windows);
}

double alm_forecast_wape(const alm_forecast_score *score)
{
    return mean_of(score->absolute, score->actual);
}

double alm_forecast_smape(const alm_forecast_score *score)
{
    return mean_of(score->smape, (double)score->windows);
}

double alm_forecast_coverage(const alm_forecast_score *score, size_t level)
{
    return mean_of((double)score->covered[level], (double)score->interval_pairs);
}

static void add_score(alm_forecast_score *to, const alm_forecast_score *from)
{
    to->windows += from->windows;
    to->pairs += from->pairs;
    to->absolute += from->absolute;
    to->actual += from->actual;
    to->mase += from->mase;
    to->smape += from->smape;
    to->mase_windows += from->mase_windows;
    to->interval_pairs += from->interval_pairs;
    for (size_t k = 0; k < ALM_FORECAST_LEVELS_MAX; k++) {
        to->covered[k] += from->covered[k];
    }
}

/* ---- one answer ---- */

/* Where an answer is written. */
typedef struct answer {
    const alm_forecaster_kind *kind;
    alm_forecast_reason reason;
    alm_forecast_spread spread;
    alm_support support;
    alm_choice_facts choice; /* of alm_auto */
    double *mean, *low, *high;
} answer;

static bool all_finite(const double *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(value[i])) {
            return false;
        }
    }
    return true;
}

static void clear(double *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        value[i] = (double)NAN;
    }
}

/* A mean of counts is no count. */
static double mean_within(alm_support support, double mean)
{
    return support != ALM_SUPPORT_REAL && mean < 0 ? 0 : mean;
}

static alm_err answer_by(const alm_forecaster_kind *kind, const alm_forecast_plan *plan,
                         const alm_past *past, alm_arena *scratch, void **state, answer *out)
{
    alm_err code = kind->fit(past, scratch, state, NULL);
    if (code != ALM_OK) {
        return code;
    }
    kind->mean(*state, plan->steps, out->mean);
    for (size_t h = 0; h < plan->steps; h++) {
        out->mean[h] = mean_within(out->support, out->mean[h]);
    }
    return all_finite(out->mean, plan->steps) ? ALM_OK : ALM_ERR_NUMERIC;
}

static alm_forecast_reason reason_of(alm_err refusal)
{
    return refusal == ALM_ERR_INCOMPLETE ? ALM_FORECAST_SHORT
           : refusal == ALM_ERR_INVALID  ? ALM_FORECAST_UNSUITED
                                         : ALM_FORECAST_NUMERIC;
}

/* The first that does not refuse. */
static void *choose(const alm_forecast_plan *plan, const alm_past *past, alm_arena *scratch,
                    answer *out)
{
    const alm_forecaster_kind *const CANDIDATE[CANDIDATES_MAX] = {
        plan->kind, &alm_seasonal_naive, &alm_naive, &alm_mean_of_all};
    alm_err first = ALM_OK;
    for (size_t i = 0; i < CANDIDATES_MAX; i++) {
        void *state = NULL;
        if (i > 0 && CANDIDATE[i] == &alm_seasonal_naive && past->count <= past->season) {
            continue; /* naive then, which may know how far off it is */
        }
        alm_err code = answer_by(CANDIDATE[i], plan, past, scratch, &state, out);
        if (code == ALM_OK) {
            out->kind = CANDIDATE[i];
            out->reason = i == 0 ? ALM_FORECAST_FITTED : reason_of(first);
            return state;
        }
        first = i == 0 ? code : first;
    }
    bool known = false;
    for (size_t t = 0; t < past->count && !known; t++) {
        known = !isnan(past->y[t]);
    }
    out->kind = NULL;
    out->reason = known ? ALM_FORECAST_NUMERIC : ALM_FORECAST_NO_VALUES;
    clear(out->mean, plan->steps);
    return NULL;
}

static bool spread_by_paths(const alm_forecast_plan *plan, const void *state, uint64_t number,
                            alm_arena *scratch, answer *out)
{
    alm_path_plan paths = {.steps = plan->steps, .count = plan->paths, .seed = plan->seed,
                           .series = number, .support = out->support};
    size_t count = 2 * plan->level_count;
    double level[2 * ALM_FORECAST_LEVELS_MAX];
    double *path = ALM_NEW_ARRAY(scratch, double, plan->paths * plan->steps);
    double *quantile = ALM_NEW_ARRAY(scratch, double, plan->steps * count);
    if (alm_forecaster_paths(out->kind, state, &paths, scratch, path, NULL) != ALM_OK) {
        return false;
    }
    for (size_t k = 0; k < plan->level_count; k++) {
        level[k] = (1 - plan->level[k]) / 2;
        level[plan->level_count + k] = 1 - level[k];
    }
    alm_path_quantiles(path, &paths, level, count, scratch, quantile);
    for (size_t h = 0; h < plan->steps; h++) {
        for (size_t k = 0; k < plan->level_count; k++) {
            out->low[h * plan->level_count + k] = quantile[h * count + k];
            out->high[h * plan->level_count + k] = quantile[h * count + plan->level_count + k];
        }
    }
    return true;
}

static void spread_by_deviation(const alm_forecast_plan *plan, const void *state,
                                alm_arena *scratch, answer *out)
{
    double *deviation = ALM_NEW_ARRAY(scratch, double, plan->steps);
    double *mean = ALM_NEW_ARRAY(scratch, double, plan->steps);
    out->kind->mean(state, plan->steps, mean);
    out->kind->deviation(state, plan->steps, deviation);
    for (size_t k = 0; k < plan->level_count; k++) {
        double z = alm_normal_quantile((1 + plan->level[k]) / 2);
        for (size_t h = 0; h < plan->steps; h++) {
            size_t at = h * plan->level_count + k;
            out->low[at] = alm_support_value(out->support, mean[h] - z * deviation[h]);
            out->high[at] = alm_support_value(out->support, mean[h] + z * deviation[h]);
        }
    }
}

static void add_spread(const alm_forecast_plan *plan, const void *state, uint64_t number,
                       alm_arena *scratch, answer *out)
{
    size_t count = plan->steps * plan->level_count;
    out->spread = ALM_SPREAD_PATHS;
    if (plan->paths == 0 || !spread_by_paths(plan, state, number, scratch, out)) {
        out->spread = ALM_SPREAD_NORMAL;
        spread_by_deviation(plan, state, scratch, out);
    }
    if (!all_finite(out->low, count) || !all_finite(out->high, count)) {
        out->spread = ALM_SPREAD_NONE;
        clear(out->low, count);
        clear(out->high, count);
    }
}

static void answer_past(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                        alm_arena *scratch, answer *out)
{
    out->support = alm_support_of(past);
    void *state = choose(plan, past, scratch, out);
    out->choice.count = 0;
    if (state && out->kind == &alm_auto) {
        alm_choice_describe(state, &out->choice);
    }
    if (state) {
        add_spread(plan, state, number, scratch, out);
        return;
    }
    out->spread = ALM_SPREAD_NONE;
    clear(out->low, plan->steps * plan->level_count);
    clear(out->high, plan->steps * plan->level_count);
}

/* ---- the check ---- */

static void add_window(const double *actual, const double *mean, size_t steps, alm_scale scale,
                       alm_forecast_score *score)
{
    alm_metrics metrics = {0};
    if (!all_finite(mean, steps)) {
        return;
    }
    alm_metrics_add_window(&metrics, actual, mean, steps, scale);
    score->windows += metrics.smape_windows;
    score->pairs += metrics.pairs;
    score->absolute += metrics.absolute;
    score->actual += metrics.actual;
    score->smape += metrics.smape;
    score->mase += metrics.mase;
    score->mase_windows += metrics.mase_windows;
}

static void add_intervals(const alm_forecast_plan *plan, const double *actual, const answer *given,
                          alm_forecast_score *score)
{
    for (size_t h = 0; h < plan->steps && given->spread != ALM_SPREAD_NONE; h++) {
        if (isnan(actual[h])) {
            continue;
        }
        score->interval_pairs++;
        for (size_t k = 0; k < plan->level_count; k++) {
            size_t at = h * plan->level_count + k;
            score->covered[k] += actual[h] >= given->low[at] && actual[h] <= given->high[at];
        }
    }
}

static answer answer_in(const alm_forecast_plan *plan, alm_arena *arena)
{
    size_t count = plan->steps * plan->level_count;
    return (answer){.mean = ALM_NEW_ARRAY(arena, double, plan->steps),
                    .low = ALM_NEW_ARRAY(arena, double, count),
                    .high = ALM_NEW_ARRAY(arena, double, count)};
}

static void check_origin(const alm_forecast_plan *plan, const alm_past *past, size_t origin,
                         uint64_t number, alm_arena *scratch, alm_series_forecast *out)
{
    alm_past before = {past->y, origin, past->season};
    const double *actual = past->y + origin;
    alm_scale scale = alm_scale_of(past->y, origin, past->season);
    alm_arena_reset(scratch);
    answer given = answer_in(plan, scratch);
    answer_past(plan, &before, number, scratch, &given);
    add_window(actual, given.mean, plan->steps, scale, &out->score);
    add_intervals(plan, actual, &given, &out->score);
    alm_forecast_plan simple = *plan;
    simple.kind = plan->season > 1 ? &alm_seasonal_naive : &alm_naive;
    answer naive = answer_in(plan, scratch);
    naive.support = given.support;
    (void)choose(&simple, &before, scratch, &naive);
    add_window(actual, naive.mean, plan->steps, scale, &out->naive);
}

static void check(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                  alm_arena *scratch, alm_series_forecast *out)
{
    size_t least = BEHIND + (plan->season > 1 ? plan->season : 0);
    size_t stride = plan->steps > 1 ? plan->steps / 2 : 1;
    for (size_t k = 0; k < plan->origins; k++) {
        size_t behind = plan->steps + k * stride;
        if (past->count < behind + least) {
            return;
        }
        check_origin(plan, past, past->count - behind, number, scratch, out);
    }
}

/* ---- series ---- */

static void forecast(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                     alm_arena *scratch, answer *into, alm_series_forecast *out)
{
    alm_arena_reset(scratch);
    answer_past(plan, past, number, scratch, into);
    *out = (alm_series_forecast){.kind = into->kind, .reason = into->reason,
                                 .spread = into->spread, .support = into->support,
                                 .choice = into->choice,
                                 .mean = into->mean, .low = into->low, .high = into->high};
    if (out->kind) {
        check(plan, past, number, scratch, out);
    }
}

void alm_series_forecast_one(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                             alm_arena *arena, alm_arena *scratch, alm_series_forecast *out)
{
    answer into = answer_in(plan, arena);
    forecast(plan, past, number, scratch, &into, out);
}

typedef struct work {
    const alm_env *env;
    const alm_long_series *all;
    const alm_forecast_plan *plan;
    alm_arena **scratch; /* one per thread */
    double *values;      /* mean, low and high of each series */
    alm_series_forecast *out;
    atomic_size_t done;
} work;

static alm_err forecast_block(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    work *w = context;
    size_t steps = w->plan->steps;
    size_t spread = steps * w->plan->level_count;
    size_t end = (task + 1) * BLOCK < w->all->count ? (task + 1) * BLOCK : w->all->count;
    for (size_t i = task * BLOCK; i < end; i++) {
        double *at = w->values + i * (steps + 2 * spread);
        answer into = {.mean = at, .low = at + steps, .high = at + steps + spread};
        alm_past past = {w->all->series[i].y, w->all->series[i].count, w->plan->season};
        forecast(w->plan, &past, i, w->scratch[worker], &into, &w->out[i]);
    }
    size_t done = atomic_fetch_add(&w->done, end - task * BLOCK) + end - task * BLOCK;
    alm_env_progress(w->env, "forecast", done, w->all->count);
    return ALM_OK;
}

static void add_up(const alm_forecast_plan *plan, const alm_series_forecast *series, size_t count,
                   alm_forecast_set *out)
{
    for (size_t i = 0; i < count; i++) {
        out->reasons[series[i].reason]++;
        out->unspread += series[i].kind && series[i].spread == ALM_SPREAD_NONE &&
                         plan->level_count > 0;
        out->checked += series[i].score.windows > 0;
        add_score(&out->score, &series[i].score);
        add_score(&out->naive, &series[i].naive);
    }
}

alm_err alm_series_forecast_all(const alm_env *env, const alm_long_series *all,
                                const alm_forecast_plan *plan, alm_arena *arena,
                                alm_forecast_set *out, alm_error *error)
{
    size_t each = plan->steps * (1 + 2 * plan->level_count);
    if (all->count > ALM_FORECAST_VALUES_MAX / each) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu series of %zu steps are more forecasts than can "
                        "be held at a time: cut the file, or look less far ahead", all->count,
                        plan->steps);
    }
    for (size_t i = 0; i < all->count; i++) {
        if (all->series[i].count > ALM_PAST_COUNT_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "series '" ALM_STR_FMT "' has %zu periods, at "
                            "most %zu can be worked with", ALM_STR_ARG(all->series[i].id),
                            all->series[i].count, ALM_PAST_COUNT_MAX);
        }
    }
    void *values = NULL;
    void *series = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, all->count * each * sizeof(double), &values, error));
    ALM_TRY(alm_arena_try_alloc(arena, all->count * sizeof(alm_series_forecast), &series, error));
    int threads = env->pool ? alm_pool_threads(env->pool) : 1;
    work w = {.env = env, .all = all, .plan = plan, .values = values, .out = series,
              .scratch = ALM_NEW_ARRAY(arena, alm_arena *, (size_t)threads)};
    for (int i = 0; i < threads; i++) {
        w.scratch[i] = alm_arena_create(SCRATCH_BYTES);
    }
    alm_err code = alm_pool_run(env->pool, (all->count + BLOCK - 1) / BLOCK, forecast_block, &w,
                                error);
    for (int i = 0; i < threads; i++) {
        alm_arena_destroy(w.scratch[i]);
    }
    ALM_TRY(code);
    *out = (alm_forecast_set){.series = series};
    add_up(plan, series, all->count, out);
    return ALM_OK;
}
