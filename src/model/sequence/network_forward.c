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

/* From the sums of the gates on. */
static void lstm_finish(const float *p, const almi_layer *layer, const float *before,
                        float *record)
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

/* One step of several windows: their products with W and U are made together. */
static void lstm_steps(const alm_network *network, size_t l, const almi_tape *tape, size_t count,
                       size_t step)
{
    const float *p = network->parameter;
    const almi_layer *layer = &network->layer[l];
    size_t gates = 4 * layer->spec.units;
    const float *x[ALMI_LANES_ROWS], *before[ALMI_LANES_ROWS], *h_before[ALMI_LANES_ROWS];
    float *record[ALMI_LANES_ROWS];
    for (size_t i = 0; i < count; i++) {
        x[i] = almi_tape_seen(&tape[i], l, step, 0);
        before[i] = step ? almi_tape_at(&tape[i], l + 1, step - 1) : tape[i].zero;
        h_before[i] = before[i] + layer->hidden;
        record[i] = almi_tape_at(&tape[i], l + 1, step);
        memcpy(record[i], p + layer->b, gates * sizeof *p);
    }
    almi_lanes_affine_rows(x, p + layer->w, layer->inputs, gates, record, count);
    almi_lanes_affine_rows(h_before, p + layer->u, layer->spec.units, gates, record, count);
    for (size_t i = 0; i < count; i++) {
        lstm_finish(p, layer, before[i], record[i]);
    }
}

static void gru_step(const float *p, const almi_layer *layer, const float *x, const float *before,
                     float *record)
{
    size_t units = layer->spec.units;
    const float *h_before = before + layer->hidden;
    const float *c = p + layer->c;
    float *gate = record;
    float *inner = record + 3 * units;
    float *h = record + layer->hidden;
    float *n_gate = gate + 2 * units;
    /* U is units x 3 units: its rows serve r and z, and n apart because of the reset gate. */
    float recurrent[3 * ALM_NETWORK_WIDTH_MAX];
    memcpy(gate, p + layer->b, 3 * units * sizeof *gate);
    almi_lanes_affine(x, p + layer->w, layer->inputs, 3 * units, gate);
    memcpy(recurrent, c, 3 * units * sizeof *recurrent);
    almi_lanes_affine(h_before, p + layer->u, units, 3 * units, recurrent);
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
        lstm_steps(network, l, tape, 1, step);
        break;
    case ALM_LAYER_GRU:
        gru_step(network->parameter, layer, x, before, record);
        break;
    case ALM_LAYER_TCN:
        tcn_step(network->parameter, layer, tape, l + 1, step);
        break;
    }
}

/* The same step of up to ALMI_LANES_ROWS windows. */
static void layer_steps(const alm_network *network, size_t l, const almi_tape *tape, size_t count,
                        size_t step)
{
    if (network->layer[l].spec.kind == ALM_LAYER_LSTM) {
        lstm_steps(network, l, tape, count, step);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        almi_layer_step(network, l, &tape[i], step);
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

/* x comes after `done` other steps. */
static alm_err check_step(const alm_network *network, const double *x, size_t done,
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

static void take_step(const alm_network *network, const almi_tape *tape, const double *x,
                      size_t step)
{
    float *seen = almi_tape_at(tape, 0, step);
    for (size_t f = 0; f < network->spec.feature_count; f++) {
        seen[f] = (float)x[f];
    }
}

alm_err alm_network_step(alm_network_state *state, const double *x, double *out, alm_error *error)
{
    const alm_network *network = state->network;
    ALM_TRY(check_step(network, x, state->step, error));
    take_step(network, &state->tape, x, state->step);
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        almi_layer_step(network, l, &state->tape, state->step);
    }
    state->step++;
    if (out) {
        almi_head(network, alm_network_hidden(state), state->raw);
        almi_finish(network, state->raw, out);
    }
    return ALM_OK;
}

/* ---- windows ---- */

static alm_err check_windows(const alm_network *network, const alm_network_windows *windows,
                             alm_error *error)
{
    size_t features = network->spec.feature_count;
    for (size_t i = 0; i < windows->count; i++) {
        const double *x = windows->values + i * windows->steps * features;
        for (size_t t = 0; t < windows->steps; t++) {
            alm_err code = check_step(network, x + t * features, t, error);
            if (code != ALM_OK) {
                return alm_error_wrap(error, code, "window %zu", i + 1);
            }
        }
    }
    return ALM_OK;
}

/* Windows side by side from states of zeros, step by step as alm_network_step does it. */
static void run_windows(const alm_network *network, const double *values, size_t steps,
                        alm_network_state *const *state, size_t count, double *out)
{
    size_t features = network->spec.feature_count;
    almi_tape tape[ALMI_LANES_ROWS];
    for (size_t i = 0; i < count; i++) {
        alm_network_state_reset(state[i]);
        tape[i] = state[i]->tape;
    }
    for (size_t t = 0; t < steps; t++) {
        for (size_t i = 0; i < count; i++) {
            take_step(network, &tape[i], values + (i * steps + t) * features, t);
        }
        for (size_t l = 0; l < network->spec.layer_count; l++) {
            layer_steps(network, l, tape, count, t);
        }
    }
    for (size_t i = 0; i < count; i++) {
        state[i]->step = steps;
        almi_head(network, alm_network_hidden(state[i]), state[i]->raw);
        almi_finish(network, state[i]->raw, out + i * network->spec.output_count);
    }
}

alm_err alm_network_predict(const alm_network *network, const alm_network_windows *windows,
                            alm_arena *scratch, double *out, alm_error *error)
{
    size_t n = windows->count;
    size_t steps = windows->steps;
    (void)scratch; /* results go straight to `out`: nothing fails once the first is written */
    if (steps == 0 && n > 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a window needs at least one step");
    }
    ALM_TRY(check_windows(network, windows, error));
    alm_network_state *state[ALMI_LANES_ROWS] = {NULL};
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && i < ALMI_LANES_ROWS && i < n; i++) { /* side by side */
        code = alm_network_state_create(network, &state[i], error);
    }
    for (size_t i = 0; code == ALM_OK && i < n; i += ALMI_LANES_ROWS) {
        size_t count = n - i < ALMI_LANES_ROWS ? n - i : ALMI_LANES_ROWS;
        run_windows(network, windows->values + i * steps * network->spec.feature_count, steps,
                    state, count, out + i * network->spec.output_count);
    }
    for (size_t i = 0; i < ALMI_LANES_ROWS; i++) {
        alm_network_state_destroy(state[i]);
    }
    return code;
}
