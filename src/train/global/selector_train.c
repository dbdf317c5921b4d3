#include "train/global/selector_train.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "model/statistical/automatic/choice_member.h"
#include "model/statistical/automatic/series_features.h"
#include "num/elementary.h"
#include "train/learner/xgboost.h"

#define BLOCK ((size_t)8)  /* series; results do not depend on it */
#define BEHIND ((size_t)4) /* values that an origin has, besides a season */
#define MEMBERS ALM_DEMAND_MEMBERS_MAX
#define START_POWER 8
#define COST_LEAST 1e-6 /* of a mean cost, whose logarithm is taken */
#define SCRATCH_BYTES ((size_t)1 << 20)

typedef struct row {
    alm_selector_group group; /* ALM_SELECTOR_GROUP_COUNT: no row */
    double feature[ALM_SERIES_FEATURE_COUNT];
    double cost[MEMBERS];
} row;

typedef struct training {
    const alm_env *env;
    const alm_past *pasts;
    size_t count;  /* of pasts looked at */
    size_t stride; /* from one to the next */
    const alm_selector_plan *plan;
    row *rows; /* count x ALM_SELECTOR_ORIGINS */
    alm_arena **scratch;
    atomic_size_t done;
} training;

/* ---- rows ---- */

/* Root mean square over what is known; NaN: it would not be used, or nothing is known. */
static double error_of(const alm_forecaster_kind *kind, const alm_past *before, size_t steps,
                       alm_arena *arena)
{
    alm_combination_part part = {kind, NULL, 1};
    const double *then = before->y + before->count;
    double *mean = ALM_NEW_ARRAY(arena, double, steps);
    double sum = 0;
    size_t pairs = 0;
    if (almi_member_fit(&part, before, almi_range_of(before), arena) != ALM_CHOICE_USED) {
        return (double)NAN;
    }
    kind->mean(part.state, steps, mean);
    for (size_t h = 0; h < steps; h++) {
        double off = then[h] - mean[h];
        pairs += !isnan(off);
        sum += isnan(off) ? 0 : off * off;
    }
    double error = sqrt(sum / (double)pairs);
    return isfinite(error) ? error : (double)NAN;
}

/* Errors by their sum; one that cannot be told is as large as the largest. False: none can (as of a
 * constant past), or all are 0. */
static bool to_costs(double cost[MEMBERS])
{
    double largest = 0, sum = 0;
    for (size_t k = 0; k < MEMBERS; k++) {
        largest = cost[k] > largest ? cost[k] : largest; /* never for NaN */
    }
    for (size_t k = 0; k < MEMBERS; k++) {
        cost[k] = isnan(cost[k]) ? 1 : cost[k] / largest; /* before the sum: no overflow */
        sum += cost[k];
    }
    for (size_t k = 0; k < MEMBERS; k++) {
        cost[k] /= sum;
    }
    return largest > 0;
}

static void make_row(const training *t, const alm_past *before, alm_arena *arena, row *out)
{
    size_t count = 0;
    alm_demand_class class_of_demand = alm_demand_class_of_past(before);
    const alm_forecaster_kind *const *kinds =
        alm_demand_members(class_of_demand, before->season, &count);
    out->group = alm_selector_group_of(class_of_demand);
    if (out->group == ALM_SELECTOR_GROUP_COUNT) {
        return;
    }
    for (size_t k = 0; k < MEMBERS; k++) {
        alm_arena_reset(arena);
        out->cost[k] = error_of(kinds[k], before, t->plan->steps, arena);
    }
    if (!to_costs(out->cost)) {
        out->group = ALM_SELECTOR_GROUP_COUNT;
        return;
    }
    alm_arena_reset(arena);
    alm_series_features(before, arena, out->feature);
}

static alm_err make_rows(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    training *t = context;
    size_t stride = (t->plan->steps + 1) / 2;
    size_t end = (task + 1) * BLOCK < t->count ? (task + 1) * BLOCK : t->count;
    for (size_t i = task * BLOCK; i < end; i++) {
        const alm_past *past = &t->pasts[i * t->stride];
        size_t least = BEHIND + (past->season > 1 ? past->season : 0);
        for (size_t k = 0; k < ALM_SELECTOR_ORIGINS; k++) {
            row *one = &t->rows[i * ALM_SELECTOR_ORIGINS + k];
            size_t behind = t->plan->unknown + t->plan->steps + k * stride;
            one->group = ALM_SELECTOR_GROUP_COUNT;
            if (past->count >= least + behind) {
                alm_past before = {past->y, past->count - behind, past->season};
                make_row(t, &before, t->scratch[worker], one);
            }
        }
    }
    size_t done = atomic_fetch_add(&t->done, end - task * BLOCK) + end - task * BLOCK;
    alm_env_progress(t->env, "learn", done, t->count);
    return ALM_OK;
}

static void count_rows(const training *t, alm_selector_facts *out)
{
    *out = (alm_selector_facts){0};
    for (size_t i = 0; i < t->count; i++) {
        bool has[ALM_SELECTOR_GROUP_COUNT + 1] = {false};
        for (size_t k = 0; k < ALM_SELECTOR_ORIGINS; k++) {
            has[t->rows[i * ALM_SELECTOR_ORIGINS + k].group] = true;
        }
        for (size_t k = 0; k < ALM_SELECTOR_ORIGINS; k++) {
            alm_selector_group group = t->rows[i * ALM_SELECTOR_ORIGINS + k].group;
            if (group < ALM_SELECTOR_GROUP_COUNT) {
                out->rows[group]++;
            }
        }
        for (int group = 0; group < ALM_SELECTOR_GROUP_COUNT; group++) {
            out->series[group] += has[group];
            out->is_learned[group] = out->series[group] >= ALM_SELECTOR_SERIES_MIN;
        }
    }
}

/* ---- the forest of a group ---- */

static alm_err give_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    (void)error;
    const row *const *rows = context;
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * ALM_SERIES_FEATURE_COUNT, rows[first + i]->feature,
               sizeof rows[0]->feature);
    }
    return ALM_OK;
}

static alm_xgboost_params params_of(const alm_env *env)
{
    alm_xgboost_params p = alm_xgboost_params_default();
    p.classes = MEMBERS;
    p.trees = 100;
    p.depth = 4;
    p.learning_rate = .5;
    p.min_child_weight = 8; /* 40 rows: each weighs 1 / MEMBERS */
    p.feature_fraction = .5;
    p.bagging_fraction = .8;
    p.threads = env->pool ? alm_pool_threads(env->pool) : 1;
    return p;
}

static alm_err learn_group(const training *t, alm_selector_group group, size_t count,
                           alm_arena *arena, alm_str *model, alm_error *error)
{
    alm_xgboost_params params = params_of(t->env);
    alm_xgboost_result result;
    const row **rows = ALM_NEW_ARRAY(arena, const row *, count);
    double *cost = ALM_NEW_ARRAY(arena, double, count * MEMBERS);
    double start[MEMBERS] = {0};
    size_t put = 0;
    for (size_t i = 0; i < t->count * ALM_SELECTOR_ORIGINS; i++) {
        if (t->rows[i].group == group) {
            memcpy(cost + put * MEMBERS, t->rows[i].cost, sizeof t->rows[i].cost);
            rows[put++] = &t->rows[i];
        }
    }
    for (size_t i = 0; i < count * MEMBERS; i++) {
        start[i % MEMBERS] += cost[i] / (double)count;
    }
    for (size_t k = 0; k < MEMBERS; k++) {
        start[k] = -START_POWER * alm_log(start[k] > COST_LEAST ? start[k] : COST_LEAST);
    }
    alm_xgboost_data data = {.row_count = count, .column_count = ALM_SERIES_FEATURE_COUNT,
                             .rows = give_rows, .context = rows, .cost = cost, .start = start};
    ALM_TRY(alm_xgboost_train(&params, &data, arena, &result, error));
    *model = result.model;
    return ALM_OK;
}

/* ---- the whole ---- */

static alm_err refuse(const training *t, const alm_selector_facts *facts, alm_error *error)
{
    size_t most = facts->series[ALM_SELECTOR_RARE] > facts->series[ALM_SELECTOR_REGULAR]
                      ? facts->series[ALM_SELECTOR_RARE]
                      : facts->series[ALM_SELECTOR_REGULAR];
    return alm_fail(error, ALM_ERR_INCOMPLETE, "learned weights need %d series of a kind whose "
                    "past holds a season, %zu values and a horizon of %zu; there are %zu: take "
                    "weighted or median, or look less far ahead", ALM_SELECTOR_SERIES_MIN, BEHIND,
                    t->plan->steps, most);
}

static alm_err learn(training *t, alm_arena *arena, alm_selector_trained *out, alm_error *error)
{
    alm_str model[ALM_SELECTOR_GROUP_COUNT] = {{NULL, 0}};
    alm_selector_trained made = {NULL, {{0}, {0}, {false}}};
    const alm_selector_facts *facts = &made.facts;
    ALM_TRY(alm_pool_run(t->env->pool, (t->count + BLOCK - 1) / BLOCK, make_rows, t, error));
    count_rows(t, &made.facts);
    if (!facts->is_learned[ALM_SELECTOR_REGULAR] && !facts->is_learned[ALM_SELECTOR_RARE]) {
        return refuse(t, facts, error);
    }
    for (int group = 0; group < ALM_SELECTOR_GROUP_COUNT; group++) {
        if (facts->is_learned[group]) {
            ALM_TRY(learn_group(t, (alm_selector_group)group, facts->rows[group], arena,
                                &model[group], error));
        }
    }
    ALM_TRY(alm_selector_create(model, &made.selector, error));
    *out = made;
    return ALM_OK;
}

alm_err alm_selector_train(const alm_env *env, const alm_past *pasts, size_t count,
                           const alm_selector_plan *plan, alm_selector_trained *out,
                           alm_error *error)
{
    void *rows = NULL;
    size_t stride = (count + ALM_SELECTOR_SERIES_MAX - 1) / ALM_SELECTOR_SERIES_MAX;
    training t = {.env = env, .pasts = pasts, .plan = plan, .stride = stride > 0 ? stride : 1};
    t.count = (count + t.stride - 1) / t.stride;
    int threads = env->pool ? alm_pool_threads(env->pool) : 1;
    alm_arena *arena = alm_arena_create(0);
    alm_err code = alm_arena_try_alloc(arena, t.count * ALM_SELECTOR_ORIGINS * sizeof(row), &rows,
                                       error);
    t.rows = rows;
    t.scratch = ALM_NEW_ARRAY(arena, alm_arena *, (size_t)threads);
    for (int i = 0; i < threads; i++) {
        t.scratch[i] = alm_arena_create(SCRATCH_BYTES);
    }
    if (code == ALM_OK) {
        code = learn(&t, arena, out, error);
    }
    for (int i = 0; i < threads; i++) {
        alm_arena_destroy(t.scratch[i]);
    }
    alm_arena_destroy(arena);
    return code;
}
