#include "train/global/global_gbm.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/forest/forest.h"
#include "model/statistical/sample_paths.h"
#include "train/global/global_base.h"
#include "train/global/global_error.h"
#include "train/global/global_features.h"
#include "train/learner/lightgbm.h"

#define BLOCKS_MAX 2
#define STEPS_PER_PLACE 4 /* of each block */
#define ROWS_MIN 200
#define PLACES_PER_TASK 32

/* How closely forests follow what they learn from: demand that is mostly chance wants the first. */
typedef struct fit_strength {
    int trees, leaves, rows_min;
} fit_strength;

static const fit_strength STRENGTHS[] = {{60, 8, 300}, {200, 31, 40}};
#define STRENGTH_COUNT (sizeof STRENGTHS / sizeof STRENGTHS[0])

typedef struct gbm_state {
    alm_arena *arena;
    bool with_local;
    size_t block_count;
    size_t first[BLOCKS_MAX + 1]; /* steps from 0; the last is `steps` */
    alm_global_base base;
    alm_forest *forest[BLOCKS_MAX];
    alm_global_errors errors;
} gbm_state;

/* ---- rows ---- */

/* A slot for every place and draw: which are rows is seen once they are made. */
typedef struct row_table {
    size_t columns, draws, count; /* count: of slots */
    double *x;      /* count x columns */
    double *label;  /* NaN: not a row */
    double *weight;
    uint32_t *target; /* period */
    alm_arena *arena;
} row_table;

typedef struct making {
    const alm_global_past *past;
    const gbm_state *state;
    const alm_global_place *place;
    size_t count;
    row_table *table;
} making;

/* A place as the forests see it. */
typedef struct seen_place {
    alm_global_seen seen;
    const double *base;                /* steps: what they add to */
    const alm_local_statistics *local; /* NULL: without them */
} seen_place;

/* False: without a size. In `scratch`. */
static bool see(const gbm_state *state, const alm_global_past *past,
                const alm_beside_history *history, size_t seen, alm_arena *scratch,
                seen_place *out)
{
    const double *y = alm_global_values(past, history, scratch);
    double *base = ALM_NEW_ARRAY(scratch, double, past->steps);
    *out = (seen_place){.base = base};
    if (!alm_global_see(past, history, y, seen, scratch, &out->seen)) {
        return false;
    }
    alm_global_base_put(&state->base, &out->seen, base);
    if (state->with_local) {
        alm_local_statistics *local = ALM_NEW(scratch, alm_local_statistics);
        alm_past known = {y, seen, past->season};
        alm_local_statistics_of(&known, past->delay + past->steps, scratch, local);
        out->local = local;
    }
    return true;
}

static void make_row(const making *m, const seen_place *p, size_t slot, size_t h)
{
    row_table *t = m->table;
    const alm_global_seen *s = &p->seen;
    t->label[slot] = alm_global_target(s, &m->place[slot / t->draws], h, m->past->end) -
                     p->base[h];
    t->weight[slot] = alm_global_weight(&s->size);
    t->target[slot] = (uint32_t)(s->begin + s->seen + m->past->delay + h);
    if (!isnan(t->label[slot])) {
        alm_global_features(s, p->local, h, t->x + slot * t->columns);
    }
}

static void rows_of_place(const making *m, size_t number, alm_arena *scratch)
{
    const alm_global_past *past = m->past;
    const alm_global_place *place = &m->place[number];
    seen_place p;
    bool sized = see(m->state, past, &past->histories[place->history], place->seen, scratch, &p);
    for (size_t d = 0; d < m->table->draws; d++) {
        size_t slot = number * m->table->draws + d;
        size_t block = d / STEPS_PER_PLACE;
        size_t first = m->state->first[block];
        size_t wide = m->state->first[block + 1] - first;
        uint64_t draw = alm_rng_u64(past->seed, ALM_RNG_GLOBAL_STEP,
                                    (uint64_t)place->history << 32 | place->seen, d);
        m->table->label[slot] = NAN;
        if (sized) {
            make_row(m, &p, slot, first + draw % wide);
        }
    }
}

static alm_err rows_task(void *context, size_t task, int worker, alm_error *error)
{
    const making *m = context;
    size_t end = (task + 1) * PLACES_PER_TASK < m->count ? (task + 1) * PLACES_PER_TASK : m->count;
    alm_arena *scratch = alm_arena_create(1 << 18);
    (void)worker;
    (void)error;
    for (size_t i = task * PLACES_PER_TASK; i < end; i++) {
        alm_arena_reset(scratch);
        rows_of_place(m, i, scratch);
    }
    alm_arena_destroy(scratch);
    return ALM_OK;
}

/* And the base that labels are measured from, of targets before `held` alone. */
static alm_err make_rows(const alm_env *env, const alm_global_past *past, size_t held,
                         gbm_state *state, row_table *out, alm_error *error)
{
    alm_arena *arena = out->arena;
    making m = {.past = past, .state = state, .table = out};
    m.place = alm_global_places(past, 1, past->end - past->delay - 1, ALM_GLOBAL_GBM_PLACES, arena,
                                &m.count);
    state->base = alm_global_base_learn(past, m.place, m.count, held);
    *out = (row_table){.columns = alm_global_feature_count(past, state->with_local),
                       .arena = arena,
                       .draws = STEPS_PER_PLACE * state->block_count};
    out->count = m.count * out->draws;
    ALM_TRY(alm_arena_try_array(arena, out->count, out->columns * sizeof(double), &out->x, error));
    ALM_TRY(alm_arena_try_array(arena, out->count, sizeof(double), &out->label, error));
    ALM_TRY(alm_arena_try_array(arena, out->count, sizeof(double), &out->weight, error));
    ALM_TRY(alm_arena_try_array(arena, out->count, sizeof(uint32_t), &out->target, error));
    size_t tasks = (m.count + PLACES_PER_TASK - 1) / PLACES_PER_TASK;
    return alm_pool_run(env->pool, tasks, rows_task, &m, error);
}

/* ---- fits ---- */

typedef struct picked {
    const row_table *table;
    uint32_t *slot;
    double *label, *weight;
    size_t count;
} picked;

static picked pick_rows(const row_table *table, size_t block, size_t before, alm_arena *arena)
{
    picked p = {.table = table,
                .slot = ALM_NEW_ARRAY(arena, uint32_t, table->count),
                .label = ALM_NEW_ARRAY(arena, double, table->count),
                .weight = ALM_NEW_ARRAY(arena, double, table->count)};
    for (size_t i = 0; i < table->count; i++) {
        if (i % table->draws / STEPS_PER_PLACE == block && !isnan(table->label[i]) &&
            table->target[i] < before) {
            p.label[p.count] = table->label[i];
            p.weight[p.count] = table->weight[i];
            p.slot[p.count++] = (uint32_t)i;
        }
    }
    return p;
}

static alm_err read_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    const picked *p = context;
    size_t columns = p->table->columns;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * columns, p->table->x + p->slot[first + i] * columns,
               columns * sizeof *out);
    }
    return ALM_OK;
}

static alm_err fit_block(const alm_env *env, const alm_global_past *past,
                         const fit_strength *strength, picked *rows, alm_forest **out,
                         alm_error *error)
{
    if (rows->count < ROWS_MIN) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu rows to learn from, a forest takes %d: "
                        "more series or a longer snapshot is needed", rows->count, ROWS_MIN);
    }
    alm_lightgbm_params params = alm_lightgbm_params_default();
    params.trees = strength->trees;
    params.leaves = strength->leaves;
    params.learning_rate = 0.05;
    params.min_data_in_leaf = strength->rows_min;
    params.lambda_l2 = 1;
    params.feature_fraction = 0.5;
    params.bagging_fraction = 0.5;
    params.bagging_freq = 1;
    params.max_bin = 127;
    params.seed = (int)(past->seed & 0x7FFFFFFF);
    params.threads = alm_pool_threads(env->pool);
    alm_lightgbm_data data = {.row_count = rows->count,
                              .column_count = rows->table->columns,
                              .rows = read_rows,
                              .context = rows,
                              .label = rows->label,
                              .weight = rows->weight};
    alm_lightgbm_result result;
    alm_arena *arena = alm_arena_create(1 << 20);
    alm_err code = alm_lightgbm_train(&params, &data, arena, &result, error);
    if (code == ALM_OK) {
        code = alm_forest_parse_lightgbm(result.text, "a global forest", out, error);
    }
    alm_arena_destroy(arena);
    return code;
}

static void drop_forests(gbm_state *state)
{
    for (size_t b = 0; b < BLOCKS_MAX; b++) {
        alm_forest_destroy(state->forest[b]);
        state->forest[b] = NULL;
    }
}

/* Rows and the periods that targets lie before. */
typedef struct fit_plan {
    const row_table *table;
    size_t before;
    const fit_strength *strength;
} fit_plan;

static alm_err fit_forests(const alm_env *env, const alm_global_past *past, fit_plan plan,
                           gbm_state *state, alm_error *error)
{
    drop_forests(state);
    for (size_t b = 0; b < state->block_count; b++) {
        alm_arena *arena = alm_arena_create(1 << 20);
        picked rows = pick_rows(plan.table, b, plan.before, arena);
        alm_err code = fit_block(env, past, plan.strength, &rows, &state->forest[b], error);
        alm_arena_destroy(arena);
        if (code != ALM_OK) {
            return code;
        }
    }
    return ALM_OK;
}

/* ---- what the forests say ---- */

/* Over the scale, not below 0. */
static void predict(const gbm_state *state, const seen_place *p, alm_arena *scratch, double *mean)
{
    const alm_global_past *past = p->seen.past;
    size_t columns = alm_global_feature_count(past, state->with_local);
    double *x = ALM_NEW_ARRAY(scratch, double, past->steps * columns);
    for (size_t h = 0; h < past->steps; h++) {
        alm_global_features(&p->seen, p->local, h, x + h * columns);
    }
    for (size_t b = 0; b < state->block_count; b++) {
        size_t first = state->first[b];
        alm_forest_score(state->forest[b], x + first * columns, state->first[b + 1] - first,
                         columns, mean + first);
    }
    for (size_t h = 0; h < past->steps; h++) {
        mean[h] += p->base[h];
        mean[h] = mean[h] > 0 ? mean[h] : 0;
    }
}

typedef struct judging {
    const alm_global_past *past;
    const gbm_state *state;
    const alm_global_place *place;
    size_t count;
    double *mean, *actual; /* count x steps */
    double *spread;        /* count; NaN: no size */
} judging;

static void judge_place(const judging *j, size_t number, alm_arena *scratch)
{
    const alm_global_past *past = j->past;
    const alm_global_place *place = &j->place[number];
    seen_place p;
    j->spread[number] = NAN;
    if (see(j->state, past, &past->histories[place->history], place->seen, scratch, &p)) {
        j->spread[number] = p.seen.size.spread;
        predict(j->state, &p, scratch, j->mean + number * past->steps);
        for (size_t h = 0; h < past->steps; h++) {
            j->actual[number * past->steps + h] = alm_global_actual(&p.seen, place, h, past->end);
        }
    }
}

static alm_err judge_task(void *context, size_t task, int worker, alm_error *error)
{
    const judging *j = context;
    size_t end = (task + 1) * PLACES_PER_TASK < j->count ? (task + 1) * PLACES_PER_TASK : j->count;
    alm_arena *scratch = alm_arena_create(1 << 18);
    (void)worker;
    (void)error;
    for (size_t i = task * PLACES_PER_TASK; i < end; i++) {
        alm_arena_reset(scratch);
        judge_place(j, i, scratch);
    }
    alm_arena_destroy(scratch);
    return ALM_OK;
}

static void judge_room(const alm_global_past *past, const alm_global_split *split,
                       const gbm_state *state, alm_arena *arena, judging *out)
{
    *out = (judging){.past = past, .state = state};
    out->place = alm_global_places(past, split->held_first, split->held_last, ALM_GLOBAL_GBM_HELD,
                                   arena, &out->count);
    out->mean = ALM_NEW_ARRAY(arena, double, out->count * past->steps);
    out->actual = ALM_NEW_ARRAY(arena, double, out->count * past->steps);
    out->spread = ALM_NEW_ARRAY(arena, double, out->count);
}

/* Mean over the held places of the root of the mean squared error, over the spread: no single spike
 * decides. */
static double loss_of(const judging *j)
{
    double sum = 0;
    for (size_t i = 0; i < j->count; i++) {
        double squares = 0;
        size_t known = 0;
        for (size_t h = 0; h < j->past->steps && !isnan(j->spread[i]); h++) {
            double gap = j->actual[i * j->past->steps + h] - j->mean[i * j->past->steps + h];
            squares += isnan(gap) ? 0 : gap * gap;
            known += !isnan(gap);
        }
        sum += known > 0 ? sqrt(squares / (double)known) / (0.5 + j->spread[i]) : 0;
    }
    return sum;
}

static void keep_errors(const judging *j, gbm_state *state)
{
    size_t steps = j->past->steps;
    alm_global_errors_init(&state->errors, steps, j->count, state->arena);
    for (size_t i = 0; i < j->count; i++) {
        if (!isnan(j->spread[i])) {
            alm_global_errors_add(&state->errors, j->spread[i], j->actual + i * steps,
                                  j->mean + i * steps, state->arena);
        }
    }
    alm_global_errors_sort(&state->errors);
}

/* Of the strengths the one that does best on the held places, fitted to what came before; its
 * errors there are kept. */
static alm_err choose(const alm_env *env, const alm_global_past *past,
                      const alm_global_split *split, fit_plan *plan, gbm_state *state,
                      alm_error *error)
{
    double least = INFINITY;
    alm_arena *scratch = alm_arena_create(1 << 20);
    judging j;
    alm_err code = ALM_OK;
    judge_room(past, split, state, scratch, &j);
    size_t tasks = (j.count + PLACES_PER_TASK - 1) / PLACES_PER_TASK;
    for (size_t k = 0; code == ALM_OK && k < STRENGTH_COUNT; k++) {
        fit_plan tried = {plan->table, split->held, &STRENGTHS[k]};
        code = fit_forests(env, past, tried, state, error);
        if (code == ALM_OK) {
            code = alm_pool_run(env->pool, tasks, judge_task, &j, error);
        }
        double loss = code == ALM_OK ? loss_of(&j) : 0;
        if (code == ALM_OK && loss < least) {
            least = loss;
            plan->strength = &STRENGTHS[k];
            keep_errors(&j, state);
        }
    }
    alm_arena_destroy(scratch);
    return code;
}

/* ---- the kinds ---- */

static alm_err learn(const alm_env *env, const alm_global_past *past, gbm_state *state,
                     alm_error *error)
{
    alm_global_split split;
    row_table table = {0};
    ALM_TRY(alm_global_split_of(past, &split, error));
    bool is_cut = past->season > 1 && past->season < past->steps;
    state->block_count = is_cut ? 2 : 1;
    state->first[1] = is_cut ? past->season : past->steps;
    state->first[state->block_count] = past->steps;
    alm_arena *scratch = alm_arena_create(1 << 20);
    table.arena = scratch;
    alm_err code = make_rows(env, past, split.held, state, &table, error);
    fit_plan plan = {&table, past->end, &STRENGTHS[0]};
    if (code == ALM_OK) {
        code = choose(env, past, &split, &plan, state, error);
    }
    if (code == ALM_OK) {
        code = fit_forests(env, past, plan, state, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

static void destroy_gbm(void *state)
{
    gbm_state *s = state;
    if (s) {
        drop_forests(s);
        alm_arena_destroy(s->arena);
    }
}

static alm_err fit_gbm(const alm_env *env, const alm_global_past *past, bool with_local,
                       void **state, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    gbm_state *s = ALM_NEW(arena, gbm_state);
    s->arena = arena;
    s->with_local = with_local;
    alm_err code = learn(env, past, s, error);
    if (code == ALM_OK) {
        *state = s;
    } else {
        destroy_gbm(s);
    }
    return code;
}

static alm_err fit_generic(const alm_env *env, const alm_global_past *past, void **state,
                           alm_error *error)
{
    return fit_gbm(env, past, false, state, error);
}

static alm_err fit_local(const alm_env *env, const alm_global_past *past, void **state,
                         alm_error *error)
{
    return fit_gbm(env, past, true, state, error);
}

static bool forecast(const void *state, const alm_global_past *past,
                     const alm_beside_history *history, alm_arena *scratch,
                     const alm_global_forecast *out)
{
    const gbm_state *s = state;
    const uint8_t *closed = past->closed + past->end + past->delay;
    alm_past all = {history->y, history->count, past->season};
    seen_place p;
    if (!see(s, past, history, history->count, scratch, &p)) {
        return false;
    }
    predict(s, &p, scratch, out->mean);
    for (size_t h = 0; h < past->steps; h++) {
        out->mean[h] = closed[h] ? 0 : out->mean[h] * p.seen.size.scale;
    }
    alm_global_path_plan plan = {.mean = out->mean,
                                 .closed = closed,
                                 .scale = p.seen.size.scale,
                                 .spread = p.seen.size.spread,
                                 .support = alm_support_of(&all)};
    alm_global_errors_paths(&s->errors, &plan, out->paths);
    return true;
}

const alm_global_kind alm_global_gbm = {"gbm_global", fit_generic, forecast, destroy_gbm};
const alm_global_kind alm_global_gbm_local = {"gbm_local", fit_local, forecast, destroy_gbm};
