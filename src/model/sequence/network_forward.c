/* network_forward.c: one step of a layer, and what it is made of: windows and streams. */
#include <math.h>
#include <string.h>

#include "model/sequence/lanes.h"
#include "model/sequence/network_internal.h"
#include "num/elementary.h"

/* ---- tapes ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Steps that predicting keeps of a stage: what the layer above sees of it, and a layer of itself
 * (a recurrent one the step before, a convolution its own first half), from the first of the steps
 * that are made together. */
static size_t steps_kept(const alm_network *network, size_t stage)
{
    size_t seen = stage < network->spec.layer_count ? network->layer[stage].reach : 1;
    if (stage > 0) {
        const almi_layer *layer = &network->layer[stage - 1];
        seen = larger(seen, layer->spec.kind == ALM_LAYER_TCN ? layer->reach : 2);
    }
    return seen + ALMI_LANES_TOGETHER - 1;
}

void almi_tape_place(const alm_network *network, size_t steps, bool dropped, float *memory,
                     almi_tape *tape)
{
    size_t widest = network->spec.feature_count;
    for (size_t stage = 0; stage <= network->spec.layer_count; stage++) {
        const almi_layer *layer = stage ? &network->layer[stage - 1] : NULL;
        size_t record = layer ? layer->record : network->spec.feature_count;
        bool masked = layer && dropped;
        tape->seen[stage] = layer ? (masked ? record : layer->hidden) : 0;
        tape->record[stage] = record + (masked ? layer->spec.units : 0);
        tape->ring[stage] = steps ? steps : steps_kept(network, stage);
        tape->stage[stage] = memory;
        memory += tape->ring[stage] * tape->record[stage];
        widest = larger(widest, tape->record[stage]);
    }
    tape->zero = memory;
}

size_t almi_tape_size(const alm_network *network, size_t steps, bool dropped)
{
    size_t count = 0;
    size_t widest = network->spec.feature_count;
    for (size_t stage = 0; stage <= network->spec.layer_count; stage++) {
        const almi_layer *layer = stage ? &network->layer[stage - 1] : NULL;
        size_t record = layer ? layer->record + (dropped ? layer->spec.units : 0)
                              : network->spec.feature_count;
        count += record * (steps ? steps : steps_kept(network, stage));
        widest = larger(widest, record);
    }
    return count + widest;
}

/* ---- steps of a layer ---- */

/* Steps of one window or states of several at theirs: what they have of one layer. */
typedef struct together {
    size_t count;
    const float *x[ALMI_LANES_TOGETHER], *before[ALMI_LANES_TOGETHER], *h[ALMI_LANES_TOGETHER];
    float *record[ALMI_LANES_TOGETHER];
} together;

static void affine(size_t count, const float *const *x, const float *w, size_t k_count,
                   size_t n_count, float *const *out)
{
    if (count == ALMI_LANES_TOGETHER) {
        almi_lanes_affine_many(x, w, k_count, n_count, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        almi_lanes_affine(x[i], w, k_count, n_count, out[i]);
    }
}

/* The sums of the gates over the inputs; they begin with the biases. */
static void take_inputs(const float *p, const almi_layer *layer, const together *t)
{
    size_t outputs = almi_gates_of(layer) * layer->spec.units;
    for (size_t i = 0; i < t->count; i++) {
        memcpy(t->record[i], p + layer->b, outputs * sizeof(float));
    }
    affine(t->count, t->x, p + layer->w, layer->inputs, outputs, t->record);
}

/* Behind the sums of the gates. */
static void lstm_end(const float *p, const almi_layer *layer, const float *before, float *record)
{
    size_t units = layer->spec.units;
    const float *c_before = before + 4 * units;
    float *gate = record;
    float *c = record + 4 * units;
    float *c_tanh = record + 5 * units;
    float *h = record + 6 * units;
    const float *peep = layer->spec.peepholes ? p + layer->c : NULL;
    for (size_t n = 0; peep && n < units; n++) {
        gate[n] = fmaf(peep[n], c_before[n], gate[n]);
        gate[units + n] = fmaf(peep[units + n], c_before[n], gate[units + n]);
    }
    almi_lanes_sigmoid(gate, 2 * units);
    almi_lanes_tanh(gate + 2 * units, units);
    for (size_t n = 0; n < units; n++) {
        c[n] = fmaf(gate[units + n], c_before[n], gate[n] * gate[2 * units + n]);
        c_tanh[n] = c[n];
        if (peep) {
            gate[3 * units + n] = fmaf(peep[2 * units + n], c[n], gate[3 * units + n]);
        }
    }
    almi_lanes_sigmoid(gate + 3 * units, units);
    almi_lanes_tanh(c_tanh, units);
    for (size_t n = 0; n < units; n++) {
        h[n] = gate[3 * units + n] * c_tanh[n];
    }
}

/* Behind the inputs; of one step or of several states, not of several steps. */
static void lstm_recur(const float *p, const almi_layer *layer, const together *t)
{
    size_t units = layer->spec.units;
    affine(t->count, t->h, p + layer->u, units, 4 * units, t->record);
    for (size_t i = 0; i < t->count; i++) {
        lstm_end(p, layer, t->before[i], t->record[i]);
    }
}

/* Behind the sums over the input; `recurrent` is c + U h, of 3 units. */
static void gru_end(const float *p, const almi_layer *layer, const float *before, float *recurrent,
                    float *record)
{
    size_t units = layer->spec.units;
    const float *h_before = before + layer->hidden;
    const float *c = p + layer->c;
    float *gate = record;
    float *inner = record + 3 * units;
    float *h = record + layer->hidden;
    float *n_gate = gate + 2 * units;
    for (size_t n = 0; n < 2 * units; n++) {
        gate[n] += recurrent[n];
    }
    almi_lanes_sigmoid(gate, 2 * units);
    if (layer->spec.reset_before) {
        for (size_t n = 0; n < units; n++) {
            inner[n] = gate[n] * h_before[n];
        }
        memcpy(recurrent, c, 3 * units * sizeof *recurrent);
        almi_lanes_affine(inner, p + layer->u, units, 3 * units, recurrent);
        for (size_t n = 0; n < units; n++) {
            n_gate[n] += recurrent[2 * units + n];
        }
    } else {
        for (size_t n = 0; n < units; n++) {
            inner[n] = recurrent[2 * units + n];
            n_gate[n] = fmaf(gate[n], inner[n], n_gate[n]);
        }
    }
    almi_lanes_tanh(n_gate, units);
    for (size_t n = 0; n < units; n++) {
        h[n] = fmaf(gate[units + n], h_before[n] - n_gate[n], n_gate[n]);
    }
}

static void gru_recur(const float *p, const almi_layer *layer, const together *t)
{
    size_t units = layer->spec.units;
    /* U is units x 3 units: its rows serve r and z, and n apart because of the reset gate. */
    float recurrent[ALMI_LANES_TOGETHER][3 * ALM_NETWORK_WIDTH_MAX];
    float *sums[ALMI_LANES_TOGETHER];
    for (size_t i = 0; i < t->count; i++) {
        sums[i] = recurrent[i];
        memcpy(sums[i], p + layer->c, 3 * units * sizeof(float));
    }
    affine(t->count, t->h, p + layer->u, units, 3 * units, sums);
    for (size_t i = 0; i < t->count; i++) {
        gru_end(p, layer, t->before[i], sums[i], t->record[i]);
    }
}

static void recur(const float *p, const almi_layer *layer, const together *t)
{
    if (layer->spec.kind == ALM_LAYER_LSTM) {
        lstm_recur(p, layer, t);
    } else {
        gru_recur(p, layer, t);
    }
}

static const float *record_before(const almi_tape *tape, size_t stage, size_t step)
{
    return step > 0 ? almi_tape_at(tape, stage, step - 1) : tape->zero;
}

static void recurrent_steps(const float *p, const almi_layer *layer, const almi_tape *tape,
                            size_t stage, size_t step, size_t count)
{
    together all = {.count = count};
    for (size_t i = 0; i < count; i++) {
        all.x[i] = almi_tape_seen(tape, stage - 1, step + i, 0);
        all.record[i] = almi_tape_at(tape, stage, step + i);
    }
    take_inputs(p, layer, &all);
    for (size_t i = 0; i < count; i++) {
        together one = {.count = 1, .record = {all.record[i]}};
        one.before[0] = record_before(tape, stage, step + i);
        one.h[0] = one.before[0] + layer->hidden;
        recur(p, layer, &one);
    }
}

static void rectify(float *x, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        x[n] = x[n] > 0 ? x[n] : 0;
    }
}

static void tcn_steps(const float *p, const almi_layer *layer, const almi_tape *tape, size_t stage,
                      size_t step, size_t count)
{
    size_t units = layer->spec.units, kernel = layer->spec.kernel;
    const float *x[ALMI_LANES_TOGETHER], *past[ALMI_LANES_TOGETHER];
    float *a[ALMI_LANES_TOGETHER], *y[ALMI_LANES_TOGETHER], *h[ALMI_LANES_TOGETHER];
    for (size_t i = 0; i < count; i++) {
        x[i] = almi_tape_seen(tape, stage - 1, step + i, 0);
        a[i] = almi_tape_at(tape, stage, step + i);
        y[i] = a[i] + units;
        h[i] = a[i] + 2 * units;
        memcpy(a[i], p + layer->b, units * sizeof(float));
        memcpy(y[i], p + layer->c, units * sizeof(float));
    }
    for (size_t j = 0; j < kernel; j++) {
        size_t back = (kernel - 1 - j) * layer->spec.dilation;
        for (size_t i = 0; i < count; i++) {
            past[i] = almi_tape_seen(tape, stage - 1, step + i, back);
        }
        affine(count, past, p + layer->w + j * layer->inputs * units, layer->inputs, units, a);
    }
    for (size_t i = 0; i < count; i++) {
        rectify(a[i], units);
    }
    for (size_t j = 0; j < kernel; j++) {
        size_t back = (kernel - 1 - j) * layer->spec.dilation;
        for (size_t i = 0; i < count; i++) {
            past[i] = back > step + i ? tape->zero : almi_tape_at(tape, stage, step + i - back);
        }
        affine(count, past, p + layer->u + j * units * units, units, units, y);
    }
    bool has_shortcut = layer->shortcut != SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        rectify(y[i], units);
        memcpy(h[i], has_shortcut ? p + layer->shortcut_b : x[i], units * sizeof(float));
    }
    if (has_shortcut) {
        affine(count, x, p + layer->shortcut, layer->inputs, units, h);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < units; n++) {
            h[i][n] += y[i][n];
        }
        rectify(h[i], units);
    }
}

void almi_layer_steps(const alm_network *network, size_t l, const almi_tape *tape, size_t step,
                      size_t count)
{
    const almi_layer *layer = &network->layer[l];
    if (layer->spec.kind == ALM_LAYER_TCN) {
        tcn_steps(network->parameter, layer, tape, l + 1, step, count);
    } else {
        recurrent_steps(network->parameter, layer, tape, l + 1, step, count);
    }
}

/* ---- the head ---- */

void almi_head(const alm_network *network, const float *hidden, float *out)
{
    size_t outputs = network->spec.output_count;
    size_t units = network->spec.layer[network->spec.layer_count - 1].units;
    memcpy(out, network->parameter + network->head_b, outputs * sizeof *out);
    almi_lanes_affine(hidden, network->parameter + network->head_w, units, outputs, out);
}

static void sort_ascending(double *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        double value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

void almi_finish(const alm_network *network, const float *raw, double *out)
{
    size_t count = network->spec.output_count;
    double largest = raw[0];
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        out[k] = raw[k];
        largest = raw[k] > largest ? raw[k] : largest;
    }
    if (network->spec.head == ALM_HEAD_QUANTILES) {
        sort_ascending(out, count);
    }
    if (network->spec.head == ALM_HEAD_CLASSES) {
        for (size_t k = 0; k < count; k++) {
            out[k] = alm_exp(out[k] - largest);
            sum += out[k];
        }
        for (size_t k = 0; k < count; k++) {
            out[k] /= sum;
        }
    }
}

/* ---- streams ---- */

struct alm_network_state {
    const alm_network *network;
    almi_tape tape;
    float *memory;
    size_t size; /* floats */
    size_t step; /* steps seen */
    float *raw;  /* output_count */
};

alm_err alm_network_state_create(const alm_network *network, alm_network_state **out,
                                 alm_error *error)
{
    size_t size = almi_tape_size(network, 0, false);
    size_t floats = size + network->spec.output_count;
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_network_state) + 64 + floats * sizeof(float), &memory, error));
    alm_network_state *state = memory;
    size_t head = (sizeof *state + 63) / 64 * 64;
    state->network = network;
    state->memory = (float *)(void *)((char *)memory + head);
    state->size = size;
    state->raw = state->memory + size;
    almi_tape_place(network, 0, false, state->memory, &state->tape);
    *out = state;
    return ALM_OK;
}

void alm_network_state_destroy(alm_network_state *state)
{
    alm_heap_free(state);
}

void alm_network_state_reset(alm_network_state *state)
{
    memset(state->memory, 0, state->size * sizeof *state->memory);
    state->step = 0;
}

const float *alm_network_hidden(const alm_network_state *state)
{
    size_t stage = state->network->spec.layer_count;
    alm_assert(state->step > 0);
    return almi_tape_seen(&state->tape, stage, state->step - 1, 0);
}

/* x comes behind `done` other steps. */
static alm_err check_input(const alm_network *network, const double *x, size_t done,
                           alm_error *error)
{
    for (size_t f = 0; f < network->spec.feature_count; f++) {
        if (!isfinite((float)x[f])) {
            return alm_fail(error, ALM_ERR_NUMERIC, "step %zu, feature %zu is %g: a net takes "
                            "finite numbers of the size of a float", done + 1, f + 1, x[f]);
        }
    }
    return ALM_OK;
}

/* `ahead` of the next step. */
static void take_input(alm_network_state *state, size_t ahead, const double *x)
{
    float *seen = almi_tape_at(&state->tape, 0, state->step + ahead);
    for (size_t f = 0; f < state->network->spec.feature_count; f++) {
        seen[f] = (float)x[f];
    }
}

static void finish_steps(alm_network_state *state, size_t steps, double *out)
{
    state->step += steps;
    if (out) {
        almi_head(state->network, alm_network_hidden(state), state->raw);
        almi_finish(state->network, state->raw, out);
    }
}

static void take_steps(alm_network_state *state, size_t steps, const double *x, double *out)
{
    const alm_network *network = state->network;
    for (size_t i = 0; i < steps; i++) {
        take_input(state, i, x + i * network->spec.feature_count);
    }
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        almi_layer_steps(network, l, &state->tape, state->step, steps);
    }
    finish_steps(state, steps, out);
}

alm_err alm_network_steps(alm_network_state *state, size_t steps, const double *x, double *out,
                          alm_error *error)
{
    const alm_network *network = state->network;
    alm_assert(steps > 0 && steps <= ALM_NETWORK_TOGETHER);
    for (size_t i = 0; i < steps; i++) {
        ALM_TRY(check_input(network, x + i * network->spec.feature_count, state->step + i, error));
    }
    take_steps(state, steps, x, out);
    return ALM_OK;
}

alm_err alm_network_step(alm_network_state *state, const double *x, double *out, alm_error *error)
{
    return alm_network_steps(state, 1, x, out, error);
}

/* A layer of ALMI_LANES_TOGETHER states. */
static void layer_step_many(const alm_network *network, size_t l, alm_network_state *const *state)
{
    const almi_layer *layer = &network->layer[l];
    together t = {.count = ALMI_LANES_TOGETHER};
    for (size_t i = 0; i < t.count; i++) {
        const almi_tape *tape = &state[i]->tape;
        size_t step = state[i]->step;
        if (layer->spec.kind == ALM_LAYER_TCN) {
            almi_layer_steps(network, l, tape, step, 1);
            continue;
        }
        t.x[i] = almi_tape_seen(tape, l, step, 0);
        t.before[i] = record_before(tape, l + 1, step);
        t.h[i] = t.before[i] + layer->hidden;
        t.record[i] = almi_tape_at(tape, l + 1, step);
    }
    if (layer->spec.kind != ALM_LAYER_TCN) {
        take_inputs(network->parameter, layer, &t);
        recur(network->parameter, layer, &t);
    }
}

static void step_all(alm_network_state *const *state, size_t count, const double *x, double *out)
{
    _Static_assert(ALM_NETWORK_TOGETHER == ALMI_LANES_TOGETHER, "one number");
    const alm_network *network = state[0]->network;
    for (size_t i = 0; i < count; i++) {
        take_input(state[i], 0, x + i * network->spec.feature_count);
    }
    size_t whole = count - count % ALMI_LANES_TOGETHER;
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        for (size_t i = 0; i < whole; i += ALMI_LANES_TOGETHER) {
            layer_step_many(network, l, state + i);
        }
        for (size_t i = whole; i < count; i++) {
            almi_layer_steps(network, l, &state[i]->tape, state[i]->step, 1);
        }
    }
    for (size_t i = 0; i < count; i++) {
        finish_steps(state[i], 1, out ? out + i * network->spec.output_count : NULL);
    }
}

alm_err alm_network_step_many(alm_network_state *const *state, size_t count, const double *x,
                              double *out, alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const alm_network *network = state[i]->network;
        ALM_TRY(check_input(network, x + i * network->spec.feature_count, state[i]->step, error));
    }
    if (count > 0) {
        step_all(state, count, x, out);
    }
    return ALM_OK;
}

/* All of them before the first is computed, so that a refusal leaves the outputs untouched. */
static alm_err check_windows(const alm_network *network, const alm_network_windows *windows,
                             alm_error *error)
{
    const double *x = windows->values;
    for (size_t i = 0; i < windows->count; i++) {
        for (size_t t = 0; t < windows->steps; t++, x += network->spec.feature_count) {
            alm_err code = check_input(network, x, t, error);
            if (code != ALM_OK) {
                return alm_error_wrap(error, code, "window %zu", i + 1);
            }
        }
    }
    return ALM_OK;
}

/* Of one window from zero. */
static void run_window(alm_network_state *state, size_t steps, const double *values, double *out)
{
    size_t features = state->network->spec.feature_count;
    alm_network_state_reset(state);
    for (size_t t = 0; t < steps; t += ALM_NETWORK_TOGETHER) {
        size_t some = steps - t < ALM_NETWORK_TOGETHER ? steps - t : ALM_NETWORK_TOGETHER;
        take_steps(state, some, values + t * features, t + some == steps ? out : NULL);
    }
}

/* Of ALM_NETWORK_TOGETHER windows, from zero; `x` has room for a step of each. */
static void run_windows(alm_network_state *const *state, size_t steps, const double *values,
                        double *x, double *out)
{
    size_t count = ALM_NETWORK_TOGETHER, features = state[0]->network->spec.feature_count;
    for (size_t i = 0; i < count; i++) {
        alm_network_state_reset(state[i]);
    }
    for (size_t t = 0; t < steps; t++) {
        for (size_t i = 0; i < count; i++) {
            memcpy(x + i * features, values + (i * steps + t) * features, features * sizeof *x);
        }
        step_all(state, count, x, t + 1 == steps ? out : NULL);
    }
}

alm_err alm_network_predict(const alm_network *network, const alm_network_windows *windows,
                            alm_arena *scratch, double *out, alm_error *error)
{
    size_t n = windows->count, steps = windows->steps;
    size_t features = network->spec.feature_count, outputs = network->spec.output_count;
    if (steps == 0 && n > 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a window needs at least one step");
    }
    ALM_TRY(check_windows(network, windows, error));
    double *x = ALM_NEW_ARRAY(scratch, double, ALM_NETWORK_TOGETHER * features);
    alm_network_state *state[ALM_NETWORK_TOGETHER] = {NULL};
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && i < ALM_NETWORK_TOGETHER && i < n; i++) {
        code = alm_network_state_create(network, &state[i], error);
    }
    size_t whole = n - n % ALM_NETWORK_TOGETHER;
    for (size_t i = 0; code == ALM_OK && i < whole; i += ALM_NETWORK_TOGETHER) {
        run_windows(state, steps, windows->values + i * steps * features, x, out + i * outputs);
    }
    for (size_t i = whole; code == ALM_OK && i < n; i++) {
        run_window(state[0], steps, windows->values + i * steps * features, out + i * outputs);
    }
    for (size_t i = 0; i < ALM_NETWORK_TOGETHER; i++) {
        alm_network_state_destroy(state[i]);
    }
    return code;
}
