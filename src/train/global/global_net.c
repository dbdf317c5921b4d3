#include "train/global/global_net.h"

#include <math.h>
#include <string.h>

#include "model/sequence/network_fit.h"
#include "model/statistical/sample_paths.h"
#include "num/elementary.h"
#include "train/global/global_base.h"
#include "train/global/global_error.h"

#define WINDOW_MIN 8
#define WINDOW_MAX 64
#define PHASES_MAX 14
#define YEAR_PERIODS 365.2425
#define TWO_YEARS 730
#define LEARNED_MIN 64
#define HELD_MIN 8
#define BATCH_MIN 8
#define BATCH_MAX 64
#define OF_VALUES 3

/* What a step of a window shows. */
typedef struct input_shape {
    size_t window, features;
    size_t phases; /* 0: two waves, or no season */
    bool is_waved, is_yearly;
    size_t columns;
    double mean[ALM_GLOBAL_COLUMNS_MAX], unit[ALM_GLOBAL_COLUMNS_MAX];
} input_shape;

typedef struct net_state {
    alm_arena *arena;
    alm_network *network;
    input_shape shape;
    alm_global_base base;
    alm_global_errors errors;
} net_state;

/* ---- input ---- */

static void scale_column(const alm_global_past *past, size_t column, input_shape *shape)
{
    const double *x = past->column[column];
    double sum = 0, squares = 0;
    for (size_t t = 0; t < past->end; t++) {
        sum += x[t];
    }
    double mean = sum / (double)past->end;
    for (size_t t = 0; t < past->end; t++) {
        squares += (x[t] - mean) * (x[t] - mean);
    }
    double deviation = sqrt(squares / (double)past->end);
    bool varies = isfinite(deviation) && deviation > 0;
    shape->mean[column] = varies ? mean : 0;
    shape->unit[column] = varies ? 1 / deviation : 0;
}

static input_shape shape_of(const alm_global_past *past)
{
    size_t wanted = 4 * past->season > past->steps ? 4 * past->season : past->steps;
    bool is_seasonal = past->season > 1;
    input_shape s = {.phases = is_seasonal && past->season <= PHASES_MAX ? past->season : 0,
                     .is_waved = past->season > PHASES_MAX,
                     .is_yearly = past->end >= TWO_YEARS,
                     .columns = past->column_count};
    s.window = wanted < WINDOW_MIN ? WINDOW_MIN : wanted > WINDOW_MAX ? WINDOW_MAX : wanted;
    s.features = OF_VALUES + s.phases + (s.is_waved ? 2 : 0) + (s.is_yearly ? 2 : 0) +
                 2 * s.columns;
    for (size_t c = 0; c < s.columns; c++) {
        scale_column(past, c, &s);
    }
    return s;
}

/* From 1 down to -1 and back; of `turns` only the fraction counts. */
static double wave(double turns)
{
    double part = turns - floor(turns);
    return 4 * fabs(part - 0.5) - 1;
}

static double *put_waves(double turns, double *x)
{
    x[0] = wave(turns);
    x[1] = wave(turns + 0.25);
    return x + 2;
}

static void put_calendar(const input_shape *s, const alm_global_past *past, size_t period,
                         double *x)
{
    if (s->phases > 0) {
        x[period % past->season] = 1;
        x += s->phases;
    }
    if (s->is_waved) {
        x = put_waves((double)(period % past->season) / (double)past->season, x);
    }
    if (s->is_yearly) {
        x = put_waves(((double)past->start + (double)period) / YEAR_PERIODS, x);
    }
    for (size_t c = 0; c < s->columns; c++) {
        const double *value = past->column[c] + period;
        *x++ = (value[0] - s->mean[c]) * s->unit[c];
        *x++ = (value[past->delay + past->steps] - s->mean[c]) * s->unit[c];
    }
}

/* out: window x features. What lies before period 0 is all zeros. */
static void put_window(const input_shape *s, const alm_global_seen *p, double *out)
{
    size_t end = p->begin + p->seen;
    memset(out, 0, s->window * s->features * sizeof *out);
    for (size_t k = 0; k < s->window; k++) {
        size_t back = s->window - k;
        double *x = out + k * s->features;
        if (back > end) {
            continue;
        }
        double value = back <= p->seen ? p->y[p->seen - back] : (double)NAN;
        if (!isnan(value)) {
            double ratio = value / p->size.scale;
            x[0] = ratio < 0 ? -alm_log1p(-ratio) : alm_log1p(ratio);
            x[1] = 1;
        }
        x[2] = p->size.all;
        put_calendar(s, p->past, end - back, x + OF_VALUES);
    }
}

/* ---- learning ---- */

typedef struct net_data {
    alm_network_data windows;
    double *input, *target; /* those of `windows`, to be filled */
    double *base;           /* count x steps: what outputs are added to */
    double *actual;         /* count x steps, over the scale */
    double *spread;         /* count */
    double *weight;         /* count, that of `windows`: squares of what moves little count more */
} net_data;

/* Where windows come from. */
typedef struct place_range {
    size_t first, last; /* ends */
    size_t before;      /* of targets, in periods */
    size_t most;
    bool learns_base;
} place_range;

static alm_err make_room(const input_shape *s, const alm_global_past *past, size_t count,
                         alm_arena *arena, net_data *out, alm_error *error)
{
    ALM_TRY(alm_arena_try_array(arena, count, s->window * s->features * sizeof(double),
                                &out->input, error));
    ALM_TRY(alm_arena_try_array(arena, count, past->steps * sizeof(double), &out->target, error));
    ALM_TRY(alm_arena_try_array(arena, count, past->steps * sizeof(double), &out->base, error));
    ALM_TRY(alm_arena_try_array(arena, count, past->steps * sizeof(double), &out->actual, error));
    ALM_TRY(alm_arena_try_array(arena, count, 2 * sizeof(double), &out->spread, error));
    out->weight = out->spread + count;
    out->windows = (alm_network_data){.steps = s->window, .windows = out->input,
                                      .target = out->target, .weight = out->weight,
                                      .is_partial = true};
    return ALM_OK;
}

typedef struct making {
    const net_state *state;
    size_t before;
    net_data *out;
} making;

/* One window more, if any of its targets is known. */
static void add_window(void *context, const alm_global_seen *seen, const alm_global_place *place)
{
    const making *m = context;
    net_data *out = m->out;
    const input_shape *s = &m->state->shape;
    size_t steps = seen->past->steps;
    size_t at = out->windows.count;
    double *base = out->base + at * steps;
    bool any = false;
    alm_global_base_put(&m->state->base, seen, base);
    for (size_t h = 0; h < steps; h++) {
        out->actual[at * steps + h] = alm_global_actual(seen, place, h, m->before);
        out->target[at * steps + h] = alm_global_target(seen, place, h, m->before) - base[h];
        any = any || !isnan(out->target[at * steps + h]);
    }
    if (any) {
        put_window(s, seen, out->input + at * s->window * s->features);
        out->spread[at] = seen->size.spread;
        out->weight[at] = alm_global_weight(&seen->size);
        out->windows.count++;
    }
}

static alm_err make_data(net_state *state, const alm_global_past *past, place_range range,
                         alm_arena *arena, net_data *out, alm_error *error)
{
    size_t count = 0;
    alm_global_place *place = alm_global_places(past, range.first, range.last, range.most, arena,
                                                &count);
    making m = {state, range.before, out};
    ALM_TRY(make_room(&state->shape, past, count, arena, out, error));
    if (range.learns_base) {
        state->base = alm_global_base_learn(past, place, count, range.before);
    }
    alm_global_each(past, place, count, add_window, &m);
    return ALM_OK;
}

static alm_err check_data(const net_data *learned, const net_data *held, alm_error *error)
{
    if (learned->windows.count < LEARNED_MIN || held->windows.count < HELD_MIN) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu windows to learn from and %zu held, a net "
                        "takes %d and %d: more series or a longer snapshot is needed",
                        learned->windows.count, held->windows.count, LEARNED_MIN, HELD_MIN);
    }
    return ALM_OK;
}

/* The errors of the net that is kept, on the held places. */
static alm_err keep_errors(net_state *state, const alm_global_past *past, const net_data *held,
                           alm_error *error)
{
    size_t count = held->windows.count;
    alm_arena *scratch = alm_arena_create(0);
    double *out = ALM_NEW_ARRAY(scratch, double, count * past->steps);
    alm_network_windows windows = {held->input, count, state->shape.window};
    alm_err code = alm_network_predict(state->network, &windows, scratch, out, error);
    alm_global_errors_init(&state->errors, past->steps, count, state->arena);
    for (size_t i = 0; code == ALM_OK && i < count; i++) {
        double *mean = out + i * past->steps;
        for (size_t h = 0; h < past->steps; h++) {
            mean[h] += held->base[i * past->steps + h];
            mean[h] = mean[h] > 0 ? mean[h] : 0;
        }
        alm_global_errors_add(&state->errors, held->spread[i], held->actual + i * past->steps,
                              mean, state->arena);
    }
    alm_global_errors_sort(&state->errors);
    alm_arena_destroy(scratch);
    return code;
}

/* A hundred steps an epoch, also where there are few windows. */
static size_t batch_of(size_t windows)
{
    size_t part = windows / 100;
    return part < BATCH_MIN ? BATCH_MIN : part > BATCH_MAX ? BATCH_MAX : part;
}

static alm_err learn(const alm_env *env, const alm_global_past *past,
                     const alm_network_spec *layers, net_state *state, alm_arena *scratch,
                     alm_error *error)
{
    alm_global_split split;
    net_data learned = {0};
    net_data held = {0};
    alm_network_fit_result result;
    ALM_TRY(alm_global_split_of(past, &split, error));
    place_range early = {1, split.held - past->delay - 1, split.held, ALM_GLOBAL_NET_WINDOWS,
                         true};
    place_range late = {split.held_first, split.held_last, past->end, ALM_GLOBAL_NET_HELD,
                        false};
    state->shape = shape_of(past);
    ALM_TRY(make_data(state, past, early, scratch, &learned, error));
    ALM_TRY(make_data(state, past, late, scratch, &held, error));
    ALM_TRY(check_data(&learned, &held, error));
    alm_network_spec spec = *layers;
    spec.feature_count = state->shape.features;
    spec.output_count = past->steps;
    spec.head = ALM_HEAD_VALUES;
    ALM_TRY(alm_network_create(&spec, past->seed, &state->network, error));
    alm_network_fit_spec fit = alm_network_fit_default();
    fit.seed = past->seed;
    fit.epochs = ALM_GLOBAL_NET_EPOCHS;
    fit.batch = batch_of(learned.windows.count);
    fit.learning_rate = 2e-3;
    fit.dropout = 0.1;
    fit.validation = &held.windows;
    alm_env quiet = *env;
    quiet.progress = NULL;
    ALM_TRY(alm_network_fit(&quiet, state->network, &fit, &learned.windows, &result, error));
return keep_errors(state, past, &held, error);
}

static void destroy_net(void *state)
{
    net_state *s = state;
    if (s) {
        alm_network_destroy(s->network);
        alm_arena_destroy(s->arena);
    }
}

static alm_err fit_net(const alm_env *env, const alm_global_past *past,
                       const alm_network_spec *layers, void **state, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    net_state *s = ALM_NEW(arena, net_state);
    s->arena = arena;
    alm_err code = learn(env, past, layers, s, scratch, error);
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        *state = s;
    } else {
        destroy_net(s);
    }
    return code;
}

/* ---- forecasting ---- */

static void put_mean(const alm_global_past *past, double scale, const double *base,
                     const double *raw, double *mean)
{
    for (size_t h = 0; h < past->steps; h++) {
        double value = (base[h] + raw[h]) * scale;
        mean[h] = value > 0 && !past->closed[past->end + past->delay + h] ? value : 0;
    }
}

static bool forecast(const void *state, const alm_global_past *past,
                     const alm_beside_history *history, alm_arena *scratch,
                     const alm_global_forecast *out)
{
    const net_state *s = state;
    alm_error ignored; /* the row says how often */
    alm_past all = {history->y, history->count, past->season};
    alm_global_seen seen;
    const double *y = alm_global_values(past, history, scratch);
    if (!alm_global_see(past, history, y, history->count, scratch, &seen)) {
        return false;
    }
    double *window = ALM_NEW_ARRAY(scratch, double, s->shape.window * s->shape.features);
    double *base = ALM_NEW_ARRAY(scratch, double, past->steps);
    double *raw = ALM_NEW_ARRAY(scratch, double, past->steps);
    put_window(&s->shape, &seen, window);
    alm_global_base_put(&s->base, &seen, base);
    alm_network_windows windows = {window, 1, s->shape.window};
    if (alm_network_predict(s->network, &windows, scratch, raw, &ignored) != ALM_OK) {
        return false;
    }
    put_mean(past, seen.size.scale, base, raw, out->mean);
    alm_global_path_plan plan = {.mean = out->mean,
                                 .closed = past->closed + past->end + past->delay,
                                 .scale = seen.size.scale,
                                 .spread = seen.size.spread,
                                 .support = alm_support_of(&all)};
    alm_global_errors_paths(&s->errors, &plan, out->paths);
    return true;
}

/* ---- the kinds ---- */

static alm_err fit_lstm(const alm_env *env, const alm_global_past *past, void **state,
                        alm_error *error)
{
    static const alm_network_spec LSTM = {.layer_count = 1,
                                          .layer = {{.kind = ALM_LAYER_LSTM, .units = 32}}};
    return fit_net(env, past, &LSTM, state, error);
}

static alm_err fit_gru(const alm_env *env, const alm_global_past *past, void **state,
                       alm_error *error)
{
    static const alm_network_spec GRU = {.layer_count = 1,
                                         .layer = {{.kind = ALM_LAYER_GRU, .units = 32}}};
    return fit_net(env, past, &GRU, state, error);
}

static alm_err fit_tcn(const alm_env *env, const alm_global_past *past, void **state,
                       alm_error *error)
{
#define BLOCK(apart) {.kind = ALM_LAYER_TCN, .units = 16, .kernel = 3, .dilation = (apart)}
    static const alm_network_spec TCN = {.layer_count = 4,
                                         .layer = {BLOCK(1), BLOCK(2), BLOCK(4), BLOCK(8)}};
#undef BLOCK
    return fit_net(env, past, &TCN, state, error);
}

const alm_global_kind alm_global_lstm = {"lstm", fit_lstm, forecast, destroy_net};
const alm_global_kind alm_global_gru = {"gru", fit_gru, forecast, destroy_net};
const alm_global_kind alm_global_tcn = {"tcn", fit_tcn, forecast, destroy_net};
