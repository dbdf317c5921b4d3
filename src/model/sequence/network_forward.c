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
 * (a recurrent one the step before, a convolution its own first half). */
static size_t steps_kept(const alm_network *network, size_t stage)
{
    size_t above = stage < network->spec.layer_count ? network->layer[stage].reach : 1;
    if (stage == 0) {
        return above;
    }
    const almi_layer *layer = &network->layer[stage - 1];
    return larger(above, layer->spec.kind == ALM_LAYER_TCN ? layer->reach : 2);
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

/* ---- one step of a layer ---- */

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

static void lstm_step(const float *p, const almi_layer *layer, const float *x, const float *before,
                      float *record)
{
    size_t units = layer->spec.units;
    memcpy(record, p + layer->b, 4 * units * sizeof *record);
    almi_lanes_affine(x, p + layer->w, layer->inputs, 4 * units, record);
    almi_lanes_affine(before + layer->hidden, p + layer->u, units, 4 * units, record);
    lstm_end(p, layer, before, record);
}

/* What several states have of one layer at their steps. */
typedef struct together {
    const float *x[ALMI_LANES_TOGETHER], *before[ALMI_LANES_TOGETHER], *h[ALMI_LANES_TOGETHER];
    float *record[ALMI_LANES_TOGETHER];
} together;

static void lstm_step_many(const float *p, const almi_layer *layer, const together *t)
{
    size_t units = layer->spec.units;
    for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
        memcpy(t->record[i], p + layer->b, 4 * units * sizeof(float));
    }
    almi_lanes_affine_many(t->x, p + layer->w, layer->inputs, 4 * units, t->record);
    almi_lanes_affine_many(t->h, p + layer->u, units, 4 * units, t->record);
    for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
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

static void gru_step(const float *p, const almi_layer *layer, const float *x, const float *before,
                     float *record)
{
    size_t units = layer->spec.units;
    /* U is units x 3 units: its rows serve r and z, and n apart because of the reset gate. */
    float recurrent[3 * ALM_NETWORK_WIDTH_MAX];
    memcpy(record, p + layer->b, 3 * units * sizeof *record);
    almi_lanes_affine(x, p + layer->w, layer->inputs, 3 * units, record);
    memcpy(recurrent, p + layer->c, 3 * units * sizeof *recurrent);
    almi_lanes_affine(before + layer->hidden, p + layer->u, units, 3 * units, recurrent);
    gru_end(p, layer, before, recurrent, record);
}

static void gru_step_many(const float *p, const almi_layer *layer, const together *t)
{
    size_t units = layer->spec.units;
    float recurrent[ALMI_LANES_TOGETHER][3 * ALM_NETWORK_WIDTH_MAX];
    float *sums[ALMI_LANES_TOGETHER];
    for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
        sums[i] = recurrent[i];
        memcpy(t->record[i], p + layer->b, 3 * units * sizeof(float));
        memcpy(sums[i], p + layer->c, 3 * units * sizeof(float));
    }
    almi_lanes_affine_many(t->x, p + layer->w, layer->inputs, 3 * units, t->record);
    almi_lanes_affine_many(t->h, p + layer->u, units, 3 * units, sums);
    for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
        gru_end(p, layer, t->before[i], sums[i], t->record[i]);
    }
}

static void rectify(float *x, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        x[n] = x[n] > 0 ? x[n] : 0;
    }
}

static void tcn_step(const float *p, const almi_layer *layer, const almi_tape *tape, size_t stage,
                     size_t step)
{
    size_t units = layer->spec.units;
    size_t kernel = layer->spec.kernel;
    float *record = almi_tape_at(tape, stage, step);
    float *a = record;
    float *y = record + units;
    float *h = record + 2 * units;
    memcpy(a, p + layer->b, units * sizeof *a);
    for (size_t j = 0; j < kernel; j++) {
        size_t back = (kernel - 1 - j) * layer->spec.dilation;
        almi_lanes_affine(almi_tape_seen(tape, stage - 1, step, back),
                          p + layer->w + j * layer->inputs * units, layer->inputs, units, a);
    }
    rectify(a, units);
    memcpy(y, p + layer->c, units * sizeof *y);
    for (size_t j = 0; j < kernel; j++) {
        size_t back = (kernel - 1 - j) * layer->spec.dilation;
        const float *past = back > step ? tape->zero : almi_tape_at(tape, stage, step - back);
        almi_lanes_affine(past, p + layer->u + j * units * units, units, units, y);
    }
    rectify(y, units);
    const float *x = almi_tape_seen(tape, stage - 1, step, 0);
    if (layer->shortcut != SIZE_MAX) {
        memcpy(h, p + layer->shortcut_b, units * sizeof *h);
        almi_lanes_affine(x, p + layer->shortcut, layer->inputs, units, h);
    } else {
        memcpy(h, x, units * sizeof *h);
    }
    for (size_t n = 0; n < units; n++) {
        h[n] += y[n];
    }
    rectify(h, units);
}

void almi_layer_step(const alm_network *network, size_t l, const almi_tape *tape, size_t step)
{
    const almi_layer *layer = &network->layer[l];
    const float *x = almi_tape_seen(tape, l, step, 0);
    const float *before = step ? almi_tape_at(tape, l + 1, step - 1) : tape->zero;
    float *record = almi_tape_at(tape, l + 1, step);
    switch (layer->spec.kind) {
    case ALM_LAYER_LSTM:
        lstm_step(network->parameter, layer, x, before, record);
        break;
    case ALM_LAYER_GRU:
        gru_step(network->parameter, layer, x, before, record);
        break;
    case ALM_LAYER_TCN:
        tcn_step(network->parameter, layer, tape, l + 1, step);
        break;
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

static void take_input(alm_network_state *state, const double *x)
{
    float *seen = almi_tape_at(&state->tape, 0, state->step);
    for (size_t f = 0; f < state->network->spec.feature_count; f++) {
        seen[f] = (float)x[f];
    }
}

static void finish_step(alm_network_state *state, double *out)
{
    state->step++;
    if (out) {
        almi_head(state->network, alm_network_hidden(state), state->raw);
        almi_finish(state->network, state->raw, out);
    }
}

alm_err alm_network_step(alm_network_state *state, const double *x, double *out, alm_error *error)
{
    ALM_TRY(check_input(state->network, x, state->step, error));
    take_input(state, x);
    for (size_t l = 0; l < state->network->spec.layer_count; l++) {
        almi_layer_step(state->network, l, &state->tape, state->step);
    }
    finish_step(state, out);
    return ALM_OK;
}

/* A layer of ALMI_LANES_TOGETHER states. */
static void layer_step_many(const alm_network *network, size_t l, alm_network_state *const *state)
{
    const almi_layer *layer = &network->layer[l];
    together t;
    for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
        const almi_tape *tape = &state[i]->tape;
        size_t step = state[i]->step;
        if (layer->spec.kind == ALM_LAYER_TCN) {
            almi_layer_step(network, l, tape, step);
            continue;
        }
        t.x[i] = almi_tape_seen(tape, l, step, 0);
        t.before[i] = step ? almi_tape_at(tape, l + 1, step - 1) : tape->zero;
        t.h[i] = t.before[i] + layer->hidden;
        t.record[i] = almi_tape_at(tape, l + 1, step);
    }
    if (layer->spec.kind == ALM_LAYER_LSTM) {
        lstm_step_many(network->parameter, layer, &t);
    } else if (layer->spec.kind == ALM_LAYER_GRU) {
        gru_step_many(network->parameter, layer, &t);
    }
}

static void step_all(alm_network_state *const *state, size_t count, const double *x, double *out)
{
    _Static_assert(ALM_NETWORK_TOGETHER == ALMI_LANES_TOGETHER, "one number");
    const alm_network *network = state[0]->network;
    for (size_t i = 0; i < count; i++) {
        take_input(state[i], x + i * network->spec.feature_count);
    }
    size_t whole = count - count % ALMI_LANES_TOGETHER;
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        for (size_t i = 0; i < whole; i += ALMI_LANES_TOGETHER) {
            layer_step_many(network, l, state + i);
        }
        for (size_t i = whole; i < count; i++) {
            almi_layer_step(network, l, &state[i]->tape, state[i]->step);
        }
    }
    for (size_t i = 0; i < count; i++) {
        finish_step(state[i], out ? out + i * network->spec.output_count : NULL);
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

/* Of `count` windows from zero; `x` has room for a step of each. */
static void run_windows(alm_network_state *const *state, size_t count, size_t steps,
                        const double *values, double *x, double *out)
{
    size_t features = state[0]->network->spec.feature_count;
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
    for (size_t i = 0; code == ALM_OK && i < n; i += ALM_NETWORK_TOGETHER) {
        size_t count = n - i < ALM_NETWORK_TOGETHER ? n - i : ALM_NETWORK_TOGETHER;
        run_windows(state, count, steps, windows->values + i * steps * features, x,
                    out + i * outputs);
    }
    for (size_t i = 0; i < ALM_NETWORK_TOGETHER; i++) {
        alm_network_state_destroy(state[i]);
    }
    return code;
}
