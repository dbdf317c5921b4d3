#include "pipeline/series/series_forecast.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "model/statistical/forecaster_kinds.h"
#include "model/statistical/rolling.h"
#include "num/metrics.h"
#include "pipeline/series/series_answer.h"

#define BLOCK ((size_t)32)   /* series; results do not depend on it */
#define BEHIND ((size_t)4)   /* values that an origin of the check has, besides a season */
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

alm_forecast_plan alm_forecast_plan_of(const alm_forecast_plan *plan, size_t count)
{
    alm_forecast_plan own = *plan;
    if (plan->season_count < 2) {
        return own;
    }
    own.season_count = 0;
    while (own.season_count < plan->season_count &&
           count / plan->cycles >= plan->seasons[own.season_count]) {
        own.season_count++;
    }
    if (own.season_count > 1 && !plan->seasons_tried && plan->kind == alm_forecast_automatic()) {
        own.kind = &alm_mstl;
    }
    return own;
}

/* ---- scores ---- */

static void add_score(alm_forecast_score *to, const alm_forecast_score *from)
{
    to->windows += from->windows;
    to->pairs += from->pairs;
    to->absolute += from->absolute;
    to->actual += from->actual;
    to->mase += from->mase;
    to->smape += from->smape;
    to->mase_windows += from->mase_windows;
    for (size_t k = 0; k < ALM_FORECAST_LEVELS_MAX; k++) {
        to->covered[k] += from->covered[k];
        to->interval_pairs[k] += from->interval_pairs[k];
    }
}

/* ---- the check ---- */

static void add_window(const double *actual, const double *mean, size_t steps, alm_scale scale,
                       alm_forecast_score *score)
{
    alm_metrics metrics = {0};
    if (!almi_all_finite(mean, steps)) {
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

/* `held`: of each step, a bit for each level. */
static void add_intervals(const alm_forecast_plan *plan, const double *actual,
                          const almi_answer *given, uint8_t *held, alm_forecast_score *score)
{
    for (size_t h = 0; h < plan->steps && given->spread != ALM_SPREAD_NONE; h++) {
        if (isnan(actual[h])) {
            continue;
        }
        for (size_t k = 0; k < plan->level_count; k++) {
            size_t at = h * plan->level_count + k;
            bool inside = actual[h] >= given->low[at] && actual[h] <= given->high[at];
            score->interval_pairs[k]++;
            score->covered[k] += inside;
            held[h] |= (uint8_t)(inside << k);
        }
    }
}

/* `before`: what an origin knows; what comes next lies behind it. `into`: where the case is kept to
 * be judged by calibrated intervals; NULL: it is not. */
static void check_origin(const alm_forecast_plan *plan, const alm_past *before, uint64_t number,
                         alm_arena *scratch, alm_calibration_case *into, alm_series_forecast *out)
{
    const double *actual = before->y + before->count;
    alm_scale scale = alm_scale_of(before->y, before->count, before->season);
    alm_arena_reset(scratch);
    almi_answer given = almi_answer_in(plan, scratch);
    uint8_t *held = into ? into->held : ALM_NEW_ARRAY(scratch, uint8_t, plan->steps);
    if (into) {
        given.mean = into->mean;
        given.deviation = into->deviation;
    }
    almi_answer_past(plan, before, number, scratch, &given);
    add_window(actual, given.mean, plan->steps, scale, &out->score);
    add_intervals(plan, actual, &given, held, &out->score);
    if (into) {
        into->actual = actual;
        into->support = given.support;
        into->spread = given.spread != ALM_SPREAD_NONE;
    }
    alm_forecast_plan simple = *plan;
    simple.kind = plan->season > 1 ? &alm_seasonal_naive : &alm_naive;
    almi_answer naive = almi_answer_in(plan, scratch);
    alm_fitted state;
    alm_explained plain = {.past = *before, .rest = *before};
    naive.support = given.support;
    (void)almi_answer_choose(&simple, &plain, scratch, &state, &naive);
    add_window(actual, naive.mean, plan->steps, scale, &out->naive);
}

/* Values that an origin has behind it: of several seasons, so many that none is left out. */
static size_t known_least(const alm_forecast_plan *plan)
{
    size_t longest = plan->season_count > 1 ? plan->seasons[plan->season_count - 1] : 0;
    size_t one = BEHIND + (plan->season > 1 ? plan->season : 0);
    return 2 * longest > one ? 2 * longest : one;
}

static size_t stride_of(const alm_forecast_plan *plan)
{
    return plan->steps > 1 ? plan->steps / 2 : 1;
}

/* Origins of the check that a past of so many values has room for. */
static size_t origins_of(const alm_forecast_plan *plan, size_t count)
{
    size_t least = known_least(plan) + plan->steps;
    if (count < least || plan->origins == 0) {
        return 0;
    }
    size_t room = 1 + (count - least) / stride_of(plan);
    return room < plan->origins ? room : plan->origins;
}

size_t alm_forecast_origins(const alm_forecast_plan *plan, size_t count)
{
    alm_forecast_plan own = alm_forecast_plan_of(plan, count);
    return origins_of(&own, count);
}

size_t alm_forecast_judged(const alm_forecast_plan *plan)
{
    return plan->steps + (plan->origins > 1 ? plan->origins - 1 : 0) * stride_of(plan);
}

/* What earlier origins may know. */
static alm_forecast_plan plan_before(const alm_forecast_plan *plan)
{
    alm_forecast_plan before = *plan;
    before.counted.common = plan->counted.before;
    before.selector = plan->selector_before;
    return before;
}

/* `cases`: one for each origin, or NULL. */
static void check(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                  alm_arena *scratch, alm_calibration_case *cases, alm_series_forecast *out)
{
    alm_forecast_plan earlier = plan_before(plan);
    size_t origins = origins_of(plan, past->count);
    for (size_t k = 0; k < origins; k++) {
        size_t behind = plan->steps + k * stride_of(plan);
        alm_past before = {past->y, past->count - behind, past->season};
        check_origin(&earlier, &before, number, scratch, cases ? &cases[k] : NULL, out);
    }
}

/* ---- series ---- */

static void forecast(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                     alm_arena *scratch, almi_answer *into, alm_series_forecast *out)
{
    alm_arena_reset(scratch);
    almi_answer_past(plan, past, number, scratch, into);
    alm_effects effects = into->effects; /* in scratch: what is kept has a place already */
    effects.effect = into->effect;
    effects.arima = NULL;
    if (effects.count > 0) {
        memcpy(effects.effect, into->effects.effect, effects.count * sizeof(alm_effect));
    }
    *out = (alm_series_forecast){.kind = into->kind, .reason = into->reason,
                                 .spread = into->spread, .support = into->support,
                                 .choice = into->choice, .effects = effects,
                                 .mean = into->mean, .low = into->low, .high = into->high};
}

void alm_series_forecast_one(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                             alm_arena *arena, alm_arena *scratch, alm_series_forecast *out)
{
    alm_forecast_plan own = alm_forecast_plan_of(plan, past->count);
    almi_answer into = almi_answer_in(plan, arena);
    into.effect = ALM_NEW_ARRAY(arena, alm_effect, plan->regressors ? plan->regressors->count : 0);
    forecast(&own, past, number, scratch, &into, out);
    if (out->kind) {
        check(&own, past, number, scratch, NULL, out);
    }
}

/* ---- all series ---- */

typedef struct work {
    const alm_env *env;
    const alm_long_series *all;
    const alm_forecast_plan *plan;
    alm_arena **scratch; /* one per thread */
    double *values;      /* mean, low, high and, to calibrate, deviation of each series */
    alm_effect *effects; /* one per regressor, of each series */
    alm_series_forecast *out;
    alm_calibration_case *scored; /* NULL: nothing is calibrated */
    alm_calibration_case *judged; /* the check's */
    size_t *first_scored;         /* of each series, and the end */
    size_t *first_judged;
    atomic_size_t done;
} work;

/* Doubles of a series in `values`. */
static size_t values_of(const alm_forecast_plan *plan)
{
    return plan->steps * (1 + 2 * plan->level_count + plan->calibrated);
}

static size_t regressors_of(const work *w)
{
    return w->all->regressors ? w->all->regressors->count : 0;
}

static almi_answer answer_at(const work *w, size_t series)
{
    double *at = w->values + series * values_of(w->plan);
    size_t spread = w->plan->steps * w->plan->level_count;
    double *low = at + w->plan->steps;
    size_t regressors = regressors_of(w);
    return (almi_answer){.mean = at, .low = low, .high = low + spread,
                         .effect = w->effects + series * regressors,
                         .deviation = w->plan->calibrated ? low + 2 * spread : NULL};
}

static size_t block_end(const work *w, size_t task)
{
    return (task + 1) * BLOCK < w->all->count ? (task + 1) * BLOCK : w->all->count;
}

static alm_rolling_plan rolling_of(const alm_forecast_plan *plan, size_t count)
{
    size_t least = known_least(plan);
    return (alm_rolling_plan){.origins = ALM_FORECAST_CALIBRATION_ORIGINS, .stride = plan->steps,
                              .horizon = plan->steps,
                              .history_min = count / 2 > least ? count / 2 : least};
}

static void score_origin(const alm_forecast_plan *plan, const alm_past *past, size_t known,
                         const alm_fitted *state, alm_calibration_case *out)
{
    alm_past before = {past->y, known, past->season};
    state->by->mean(state->state, plan->steps, out->mean);
    state->by->deviation(state->state, plan->steps, out->deviation);
    out->support = alm_support_of(&before);
    for (size_t h = 0; h < plan->steps; h++) {
        out->mean[h] = almi_mean_within(out->support, out->mean[h]);
    }
    out->actual = past->y + known;
}

/* Fitted at the oldest origin and moved on; `cases`: of the series, the oldest first. A series that
 * was refused when it was shorter has no score: they stay zero. */
static void score_series(const alm_forecast_plan *plan, const alm_past *past, alm_arena *scratch,
                         alm_calibration_case *cases)
{
    alm_rolling_plan rolling = rolling_of(plan, past->count);
    size_t origins = alm_rolling_count(&rolling, past->count);
    size_t moved = origins > 0 ? alm_rolling_known(&rolling, past->count, 0) : 0;
    alm_past oldest = {past->y, moved, past->season};
    alm_fitted state;
    alm_explained explained;
    alm_arena_reset(scratch);
    if (origins == 0) {
        return;
    }
    alm_forecast_plan earlier = plan_before(plan);
    almi_answer_explain(plan, &oldest, scratch, &explained);
    if (almi_answer_fit(plan->kind, &earlier, &explained, scratch, &state) != ALM_OK) {
        return;
    }
    for (size_t i = 0; i < origins; i++) {
        size_t known = alm_rolling_known(&rolling, past->count, i);
        for (; moved < known; moved++) {
            if (state.by == &alm_count && plan->least) {
                alm_counted_update(state.state, past->y[moved], plan->least[moved]);
            } else {
                state.by->update(state.state, past->y[moved]);
            }
        }
        score_origin(plan, past, known, &state, &cases[i]);
    }
}

static alm_regressors regressors_at(const alm_long_series *all, size_t i)
{
    const alm_regressor_table *table = all->regressors;
    return table ? (alm_regressors){table->count, table->names,
                                    all->series[i].count + table->steps, all->series[i].x}
                 : (alm_regressors){0};
}

static alm_err forecast_block(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    work *w = context;
    size_t end = block_end(w, task);
    for (size_t i = task * BLOCK; i < end; i++) {
        almi_answer into = answer_at(w, i);
        alm_past past = {w->all->series[i].y, w->all->series[i].count, w->plan->season};
        alm_forecast_plan own = alm_forecast_plan_of(w->plan, past.count);
        own.least = w->all->series[i].least;
        alm_regressors x = regressors_at(w->all, i);
        own.regressors = x.count > 0 ? &x : NULL;
        forecast(&own, &past, i, w->scratch[worker], &into, &w->out[i]);
        if (w->out[i].kind) {
            check(&own, &past, i, w->scratch[worker],
                  w->scored ? w->judged + w->first_judged[i] : NULL, &w->out[i]);
        }
        if (w->scored && w->out[i].reason == ALM_FORECAST_FITTED) {
            own.kind = w->out[i].kind;
            score_series(&own, &past, w->scratch[worker], w->scored + w->first_scored[i]);
        }
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
    out->model = out->score;
}

/* ---- calibrated intervals ---- */

/* Room for cases, whose memory is zeroed: a deviation of 0 gives no score. */
static alm_err make_cases(const alm_forecast_plan *plan, size_t count, alm_arena *arena,
                          alm_calibration_case **out, alm_error *error)
{
    void *memory = NULL;
    size_t steps = plan->steps;
    if (count > ALM_FORECAST_VALUES_MAX / steps) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu origins of %zu steps are more than can be held "
                        "to calibrate intervals: check fewer, or take the model's intervals",
                        count, steps);
    }
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof **out, &memory, error));
    alm_calibration_case *cases = memory;
    ALM_TRY(alm_arena_try_alloc(arena, count * steps * 2 * sizeof(double), &memory, error));
    double *values = memory;
    ALM_TRY(alm_arena_try_alloc(arena, count * steps, &memory, error));
    uint8_t *held = memory;
    for (size_t i = 0; i < count; i++) {
        cases[i] = (alm_calibration_case){.mean = values + 2 * i * steps,
                                          .deviation = values + (2 * i + 1) * steps,
                                          .held = held + i * steps};
    }
    *out = cases;
    return ALM_OK;
}

static alm_err make_all_cases(work *w, alm_arena *arena, alm_error *error)
{
    size_t count = w->all->count;
    w->first_scored = ALM_NEW_ARRAY(arena, size_t, count + 1);
    w->first_judged = ALM_NEW_ARRAY(arena, size_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t periods = w->all->series[i].count;
        alm_forecast_plan own = alm_forecast_plan_of(w->plan, periods);
        alm_rolling_plan rolling = rolling_of(&own, periods);
        w->first_scored[i + 1] = w->first_scored[i] + alm_rolling_count(&rolling, periods);
        w->first_judged[i + 1] = w->first_judged[i] + origins_of(&own, periods);
    }
    ALM_TRY(make_cases(w->plan, w->first_scored[count], arena, &w->scored, error));
    ALM_TRY(make_cases(w->plan, w->first_judged[count], arena, &w->judged, error));
    for (size_t i = 0; i < count; i++) {
        for (size_t c = w->first_scored[i]; c < w->first_scored[i + 1]; c++) {
            w->scored[c].behind = (w->first_scored[i + 1] - c) * w->plan->steps;
        }
        for (size_t c = w->first_judged[i]; c < w->first_judged[i + 1]; c++) {
            w->judged[c].behind = w->plan->steps + (c - w->first_judged[i]) * stride_of(w->plan);
        }
    }
    return ALM_OK;
}

typedef struct calibrating {
    const work *work;
    alm_calibration_cases cases;
    alm_calibration calibration;
    alm_calibration_held *held; /* of each origin */
} calibrating;

static alm_err judge_origin(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    calibrating *c = context;
    c->held[task] = alm_calibration_judge(&c->cases, c->cases.steps +
                                                         task * stride_of(c->work->plan));
    return ALM_OK;
}

static alm_err calibrate_block(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    calibrating *c = context;
    const alm_forecast_plan *plan = c->work->plan;
    for (size_t i = task * BLOCK; i < block_end(c->work, task); i++) {
        alm_series_forecast *one = &c->work->out[i];
        almi_answer at = answer_at(c->work, i);
        for (size_t h = 0; h < plan->steps && one->spread != ALM_SPREAD_NONE; h++) {
            alm_calibration_point point = {h, at.mean[h], at.deviation[h], one->support};
            one->calibrated |= alm_calibration_bounds(&c->calibration, &point,
                                                      at.low + h * plan->level_count,
                                                      at.high + h * plan->level_count);
        }
    }
    return ALM_OK;
}

/* What is printed of a level is how its calibrated intervals did on origins that they had not seen;
 * of one with too few scores, how the forecaster's own did. */
static void tell_held(const calibrating *c, alm_forecast_set *out)
{
    for (size_t k = 0; k < c->cases.level_count; k++) {
        out->level_calibrated[k] = c->calibration.enough[k];
        if (!out->level_calibrated[k]) {
            continue;
        }
        out->score.covered[k] = 0;
        out->score.interval_pairs[k] = 0;
        for (size_t origin = 0; origin < c->work->plan->origins; origin++) {
            out->score.covered[k] += c->held[origin].held[k];
            out->score.interval_pairs[k] += c->held[origin].values[k];
        }
    }
}

static alm_err calibrate(const work *w, alm_arena *arena, alm_forecast_set *out, alm_error *error)
{
    size_t origins = w->plan->origins;
    calibrating c = {.work = w,
                     .cases = {.scored = w->scored, .scored_count = w->first_scored[w->all->count],
                               .judged = w->judged, .judged_count = w->first_judged[w->all->count],
                               .steps = w->plan->steps,
                               .level = w->plan->level, .level_count = w->plan->level_count}};
    c.held = ALM_NEW_ARRAY(arena, alm_calibration_held, origins);
    c.calibration = alm_calibration_of(&c.cases, 0, arena);
    if (!c.calibration.enough[0]) {
        return ALM_OK; /* higher levels need more */
    }
    ALM_TRY(alm_pool_run(w->env->pool, origins, judge_origin, &c, error));
    ALM_TRY(alm_pool_run(w->env->pool, (w->all->count + BLOCK - 1) / BLOCK, calibrate_block, &c,
                         error));
    tell_held(&c, out);
    for (size_t i = 0; i < w->all->count; i++) {
        out->calibrated += w->out[i].calibrated;
    }
    return ALM_OK;
}

/* ---- the whole ---- */

static alm_err check_size(const alm_long_series *all, const alm_forecast_plan *plan,
                          alm_error *error)
{
    if (all->count > ALM_FORECAST_VALUES_MAX / values_of(plan)) {
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
    return ALM_OK;
}

static alm_err forecast_all(work *w, alm_arena *kept, alm_forecast_set *out, alm_error *error)
{
    const alm_forecast_plan *plan = w->plan;
    if (plan->calibrated && plan->level_count > 0) {
        ALM_TRY(make_all_cases(w, kept, error));
    }
    ALM_TRY(alm_pool_run(w->env->pool, (w->all->count + BLOCK - 1) / BLOCK, forecast_block, w,
                         error));
    alm_forecast_set set = {.series = w->out, .common = plan->counted.common};
    add_up(plan, w->out, w->all->count, &set);
    if (w->scored) {
        ALM_TRY(calibrate(w, kept, &set, error));
    }
    *out = set;
    return ALM_OK;
}

alm_err alm_series_forecast_all(const alm_env *env, const alm_long_series *all,
                                const alm_forecast_plan *plan, alm_arena *arena,
                                alm_forecast_set *out, alm_error *error)
{
    void *values = NULL;
    void *series = NULL;
    alm_effect *effects = NULL;
    ALM_TRY(check_size(all, plan, error));
    ALM_TRY(alm_arena_try_alloc(arena, all->count * values_of(plan) * sizeof(double), &values,
                                error));
    ALM_TRY(alm_arena_try_alloc(arena, all->count * sizeof(alm_series_forecast), &series, error));
    size_t regressors = all->regressors ? all->regressors->count : 0;
    ALM_TRY(alm_arena_try_array(arena, all->count * regressors, sizeof(alm_effect), &effects,
                                error));
    int threads = env->pool ? alm_pool_threads(env->pool) : 1;
    alm_arena *kept = alm_arena_create(SCRATCH_BYTES); /* for calibrating */
    alm_forecast_plan own = *plan;
    if (plan->kind == &alm_count) {
        own.counted = alm_counted_of(all, alm_forecast_judged(plan), arena);
    }
    work w = {.env = env, .all = all, .plan = &own, .values = values, .out = series,
              .effects = effects,
              .scratch = ALM_NEW_ARRAY(arena, alm_arena *, (size_t)threads)};
    for (int i = 0; i < threads; i++) {
        w.scratch[i] = alm_arena_create(SCRATCH_BYTES);
    }
    alm_err code = forecast_all(&w, kept, out, error);
    for (int i = 0; i < threads; i++) {
        alm_arena_destroy(w.scratch[i]);
    }
    alm_arena_destroy(kept);
    return code;
}
