#include "model/sequence/network_backward.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/sequence/lanes.h"

static size_t widest_of(const alm_network *network)
{
    size_t widest = network->spec.feature_count;
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        size_t units = network->layer[l].spec.units;
        widest = units > widest ? units : widest;
    }
    return widest;
}

#define SCRATCH_RECORDS 12 /* of the widest layer: enough for the gates of an LSTM and more */

size_t almi_back_size(const alm_network *network, size_t steps)
{
    size_t widest = widest_of(network);
    return almi_tape_size(network, steps, true) + (3 * steps + SCRATCH_RECORDS) * widest;
}

void almi_back_place(const alm_network *network, const float *transposed, size_t steps,
                     float *memory, almi_back *back)
{
    size_t widest = widest_of(network);
    *back = (almi_back){.network = network, .transposed = transposed, .steps = steps};
    almi_tape_place(network, steps, true, memory, &back->tape);
    back->error_out = memory + almi_tape_size(network, steps, true);
    back->error_in = back->error_out + steps * widest;
    /* steps x units for the inner errors of a convolution, then small things */
    back->scratch = back->error_in + steps * widest;
}

/* Blocks of k_count x n_count, one per step of a kernel. */
static void transpose_part(const alm_network *network, size_t at, size_t blocks, size_t k_count,
                           size_t n_count, float *transposed)
{
    for (size_t j = 0; at != SIZE_MAX && j < blocks; j++) {
        size_t from = at + j * k_count * n_count;
        almi_lanes_transpose(network->parameter + from, k_count, n_count, transposed + from);
    }
}

void almi_transpose_parameters(const alm_network *network, float *transposed)
{
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        const almi_layer *layer = &network->layer[l];
        size_t units = layer->spec.units;
        bool tcn = layer->spec.kind == ALM_LAYER_TCN;
        size_t gates = tcn ? 1 : layer->spec.kind == ALM_LAYER_LSTM ? 4 : 3;
        size_t blocks = tcn ? layer->spec.kernel : 1;
        transpose_part(network, layer->w, blocks, layer->inputs, gates * units, transposed);
        transpose_part(network, layer->u, blocks, units, gates * units, transposed);
        transpose_part(network, layer->shortcut, 1, layer->inputs, units, transposed);
    }
    size_t top = network->spec.layer[network->spec.layer_count - 1].units;
    transpose_part(network, network->head_w, 1, top, network->spec.output_count, transposed);
}

/* ---- forward, with every record kept ---- */

/* 0 with the dropout's probability, else what keeps the mean. */
static float mask(const almi_dropout *dropout, size_t stage, size_t step, size_t unit)
{
    if (dropout->rate <= 0) {
        return 1;
    }
    uint64_t place = (uint64_t)stage << 48 | (uint64_t)step << 16 | unit;
    double u = alm_rng_uniform(dropout->seed, ALM_RNG_NETWORK_DROPOUT, dropout->window, place);
    return u < dropout->rate ? 0 : (float)(1 / (1 - dropout->rate));
}

void almi_forward_window(almi_back *back, const double *window, const almi_dropout *dropout,
                         float *raw)
{
    const alm_network *network = back->network;
    size_t features = network->spec.feature_count;
    for (size_t t = 0; t < back->steps; t++) {
        float *x = almi_tape_at(&back->tape, 0, t);
        for (size_t f = 0; f < features; f++) {
            x[f] = (float)window[t * features + f];
        }
        for (size_t l = 0; l < network->spec.layer_count; l++) {
            const almi_layer *layer = &network->layer[l];
            float *record = almi_tape_at(&back->tape, l + 1, t);
            almi_layer_step(network, l, &back->tape, t);
            for (size_t n = 0; n < layer->spec.units; n++) {
                record[layer->record + n] = record[layer->hidden + n] * mask(dropout, l, t, n);
            }
        }
    }
    almi_head(network, almi_tape_seen(&back->tape, network->spec.layer_count, back->steps - 1, 0),
              raw);
}

/* ---- backward ----
 *
 * `error` of a layer: d loss / d h, steps x units, complete before its step is taken. The error of
 * its inputs is added to `below`, steps x inputs. */

typedef struct layer_back {
    const almi_back *back;
    const almi_layer *layer;
    size_t stage;
    float *error;
    float *below; /* NULL: nobody below wants it */
    float *gradient;
} layer_back;

static void add(const float *from, size_t count, float *to)
{
    for (size_t n = 0; n < count; n++) {
        to[n] += from[n];
    }
}

/* Errors of the gates' sums -> parameters, inputs and the step before. */
static void recurrent_back(const layer_back *b, size_t t, const float *z, size_t width)
{
    const almi_tape *tape = &b->back->tape;
    const almi_layer *layer = b->layer;
    const float *x = almi_tape_seen(tape, b->stage - 1, t, 0);
    almi_lanes_outer(x, z, layer->inputs, width, b->gradient + layer->w);
    add(z, width, b->gradient + layer->b);
    if (b->below) {
        almi_lanes_affine(z, b->back->transposed + layer->w, width, layer->inputs,
                          b->below + t * layer->inputs);
    }
}

static void lstm_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    const almi_tape *tape = &b->back->tape;
    size_t units = layer->spec.units;
    float *z = b->back->scratch;         /* 4 units */
    float *cell = b->back->scratch + 4 * units; /* d loss / d c_t from the step after */
    const float *peep =
        layer->spec.peepholes ? b->back->network->parameter + layer->c : NULL;
    float *peep_gradient = peep ? b->gradient + layer->c : NULL;
    memset(cell, 0, units * sizeof *cell);
    for (size_t t = b->back->steps; t-- > 0;) {
        const float *record = almi_tape_at(tape, b->stage, t);
        const float *before = t ? almi_tape_at(tape, b->stage, t - 1) : tape->zero;
        const float *c = record + 4 * units;
        const float *c_before = before + 4 * units;
        for (size_t n = 0; n < units; n++) {
            float i = record[n], f = record[units + n];
            float g = record[2 * units + n], o = record[3 * units + n];
            float c_tanh = record[5 * units + n];
            float h = b->error[t * units + n];
            z[3 * units + n] = h * c_tanh * o * (1 - o);
            float d = cell[n] + h * o * (1 - c_tanh * c_tanh);
            if (peep) {
                d += z[3 * units + n] * peep[2 * units + n];
            }
            z[n] = d * g * i * (1 - i);
            z[units + n] = d * c_before[n] * f * (1 - f);
            z[2 * units + n] = d * i * (1 - g * g);
            cell[n] = d * f;
            if (peep) {
                cell[n] += z[n] * peep[n] + z[units + n] * peep[units + n];
                peep_gradient[n] += z[n] * c_before[n];
                peep_gradient[units + n] += z[units + n] * c_before[n];
                peep_gradient[2 * units + n] += z[3 * units + n] * c[n];
            }
        }
        recurrent_back(b, t, z, 4 * units);
        almi_lanes_outer(before + layer->hidden, z, units, 4 * units, b->gradient + layer->u);
        if (t > 0) {
            almi_lanes_affine(z, b->back->transposed + layer->u, 4 * units, units,
                              b->error + (t - 1) * units);
        }
    }
}

static void gru_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    const almi_tape *tape = &b->back->tape;
    size_t units = layer->spec.units;
    bool reset_before = layer->spec.reset_before;
    float *z = b->back->scratch;                 /* 3 units: of the gates' sums */
    float *inner = b->back->scratch + 3 * units; /* 3 units: of c + U h, or of c + U (r h) */
    float *state = b->back->scratch + 6 * units; /* units: of r h, with reset_before */
    for (size_t t = b->back->steps; t-- > 0;) {
        const float *record = almi_tape_at(tape, b->stage, t);
        const float *before = t ? almi_tape_at(tape, b->stage, t - 1) : tape->zero;
        const float *h_before = before + layer->hidden;
        float *error_before = t ? b->error + (t - 1) * units : NULL;
        for (size_t n = 0; n < units; n++) {
            float r = record[n], u = record[units + n], c = record[2 * units + n];
            float h = b->error[t * units + n];
            z[units + n] = h * (h_before[n] - c) * u * (1 - u);
            z[2 * units + n] = h * (1 - u) * (1 - c * c);
            z[n] = z[2 * units + n] * record[3 * units + n] * r * (1 - r);
            inner[n] = z[n];
            inner[units + n] = z[units + n];
            inner[2 * units + n] = z[2 * units + n] * (reset_before ? 1 : r);
            if (error_before) {
                error_before[n] += h * u;
            }
        }
        if (reset_before) {
            /* Through n = tanh(.. + U (r h)): its error first, because r's depends on it. */
            float *n_only = b->back->scratch + 7 * units; /* 3 units */
            memset(n_only, 0, 2 * units * sizeof *n_only);
            memcpy(n_only + 2 * units, z + 2 * units, units * sizeof *n_only);
            memset(state, 0, units * sizeof *state);
            almi_lanes_affine(n_only, b->back->transposed + layer->u, 3 * units, units, state);
            almi_lanes_outer(record + 3 * units, n_only, units, 3 * units, b->gradient + layer->u);
            for (size_t n = 0; n < units; n++) {
                float r = record[n];
                z[n] = inner[n] = state[n] * h_before[n] * r * (1 - r);
                if (error_before) {
                    error_before[n] += state[n] * r;
                }
            }
            add(n_only + 2 * units, units, b->gradient + layer->c + 2 * units);
            memset(inner + 2 * units, 0, units * sizeof *inner);
        }
        recurrent_back(b, t, z, 3 * units);
        almi_lanes_outer(h_before, inner, units, 3 * units, b->gradient + layer->u);
        add(inner, 3 * units, b->gradient + layer->c);
        if (error_before) {
            almi_lanes_affine(inner, b->back->transposed + layer->u, 3 * units, units,
                              error_before);
        }
    }
}

/* One convolution at one step: z is the error of its sum, `past` what stage it read. */
static void convolve_back(const layer_back *b, size_t t, const float *z, bool second,
                          float *past_error)
{
    const almi_layer *layer = b->layer;
    const almi_tape *tape = &b->back->tape;
    size_t units = layer->spec.units;
    size_t inputs = second ? units : layer->inputs;
    size_t weights = second ? layer->u : layer->w;
    for (size_t j = 0; j < layer->spec.kernel; j++) {
        size_t back = (layer->spec.kernel - 1 - j) * layer->spec.dilation;
        if (back > t) {
            continue;
        }
        const float *past = second ? almi_tape_at(tape, b->stage, t - back)
                                   : almi_tape_seen(tape, b->stage - 1, t, back);
        size_t at = weights + j * inputs * units;
        almi_lanes_outer(past, z, inputs, units, b->gradient + at);
        if (past_error) {
            almi_lanes_affine(z, b->back->transposed + at, units, inputs,
                              past_error + (t - back) * inputs);
        }
    }
    add(z, units, b->gradient + (second ? layer->c : layer->b));
}

static void tcn_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    const almi_tape *tape = &b->back->tape;
    size_t units = layer->spec.units;
    size_t steps = b->back->steps;
    float *a_error = b->back->scratch; /* steps x units */
    float *z = b->back->scratch + steps * units;
    float *out = z + units;
    memset(a_error, 0, steps * units * sizeof *a_error);
    for (size_t t = steps; t-- > 0;) { /* the output and the second convolution */
        const float *record = almi_tape_at(tape, b->stage, t);
        for (size_t n = 0; n < units; n++) {
            out[n] = record[2 * units + n] > 0 ? b->error[t * units + n] : 0;
            z[n] = record[units + n] > 0 ? out[n] : 0;
        }
        convolve_back(b, t, z, true, a_error);
        if (layer->shortcut != SIZE_MAX) {
            const float *x = almi_tape_seen(tape, b->stage - 1, t, 0);
            almi_lanes_outer(x, out, layer->inputs, units, b->gradient + layer->shortcut);
            add(out, units, b->gradient + layer->shortcut_b);
            if (b->below) {
                almi_lanes_affine(out, b->back->transposed + layer->shortcut, units, layer->inputs,
                                  b->below + t * layer->inputs);
            }
        } else if (b->below) {
            add(out, units, b->below + t * units);
        }
    }
    for (size_t t = steps; t-- > 0;) { /* the first, whose error is complete now */
        const float *record = almi_tape_at(tape, b->stage, t);
        for (size_t n = 0; n < units; n++) {
            z[n] = record[n] > 0 ? a_error[t * units + n] : 0;
        }
        convolve_back(b, t, z, false, b->below);
    }
}

static void mask_errors(const almi_back *back, const almi_dropout *dropout, size_t l, float *error)
{
    size_t units = back->network->layer[l].spec.units;
    for (size_t t = 0; dropout->rate > 0 && t < back->steps; t++) {
        for (size_t n = 0; n < units; n++) {
            error[t * units + n] *= mask(dropout, l, t, n);
        }
    }
}

void almi_backward_window(almi_back *back, const almi_dropout *dropout, const float *raw_error,
                          float *gradient)
{
    const alm_network *network = back->network;
    size_t top = network->spec.layer_count;
    size_t units = network->layer[top - 1].spec.units;
    size_t outputs = network->spec.output_count;
    float *error = back->error_out;
    float *below = back->error_in;
    const float *hidden = almi_tape_seen(&back->tape, top, back->steps - 1, 0);
    almi_lanes_outer(hidden, raw_error, units, outputs, gradient + network->head_w);
    add(raw_error, outputs, gradient + network->head_b);
    memset(error, 0, back->steps * units * sizeof *error);
    almi_lanes_affine(raw_error, back->transposed + network->head_w, outputs, units,
                      error + (back->steps - 1) * units);
    for (size_t l = top; l-- > 0;) {
        const almi_layer *layer = &network->layer[l];
        layer_back b = {back, layer, l + 1, error, l > 0 ? below : NULL, gradient};
        mask_errors(back, dropout, l, error);
        memset(below, 0, back->steps * layer->inputs * sizeof *below);
        switch (layer->spec.kind) {
        case ALM_LAYER_LSTM:
            lstm_back(&b);
            break;
        case ALM_LAYER_GRU:
            gru_back(&b);
            break;
        case ALM_LAYER_TCN:
            tcn_back(&b);
            break;
        }
        float *done = error;
        error = below;
        below = done;
    }
}
