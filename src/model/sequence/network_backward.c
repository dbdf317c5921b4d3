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

/* Of the widest layer: enough for the gates of an LSTM and more, and for what waits twice. */
#define SCRATCH_RECORDS (12 + 2 * 4 * ALMI_LANES_TOGETHER)

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
        size_t gates = almi_gates_of(layer);
        size_t blocks = tcn ? layer->spec.kernel : 1;
        transpose_part(network, layer->w, blocks, layer->inputs, gates * units, transposed);
        transpose_part(network, layer->u, blocks, units, gates * units, transposed);
        transpose_part(network, layer->shortcut, 1, layer->inputs, units, transposed);
    }
    size_t top = network->spec.layer[network->spec.layer_count - 1].units;
    transpose_part(network, network->head_w, 1, top, network->spec.output_count, transposed);
}

/* ---- forward, with every record kept ---- */

#define DRAWS 256 /* at once */

/* Of the units of a layer at a step: by 0 with the dropout's probability, else by what keeps the
 * mean. From and to may be the same. */
static void mask(const almi_dropout *dropout, size_t l, size_t step, size_t units,
                 const float *from, float *to)
{
    double u[DRAWS];
    float kept = dropout->rate > 0 ? (float)(1 / (1 - dropout->rate)) : 1;
    for (size_t begin = 0; begin < units; begin += DRAWS) {
        size_t count = units - begin < DRAWS ? units - begin : DRAWS;
        uint64_t place = (uint64_t)l << 48 | (uint64_t)step << 16 | begin;
        if (dropout->rate > 0) {
            alm_rng_uniforms(dropout->seed, ALM_RNG_NETWORK_DROPOUT, dropout->window, place, count,
                             u);
        }
        for (size_t n = 0; n < count; n++) {
            bool is_dropped = dropout->rate > 0 && u[n] < dropout->rate;
            to[begin + n] = from[begin + n] * (is_dropped ? 0 : kept);
        }
    }
}

/* What the next layer sees of some steps of a layer. */
static void mask_steps(const almi_back *back, size_t l, size_t begin, size_t count,
                       const almi_dropout *dropout)
{
    const almi_layer *layer = &back->network->layer[l];
    for (size_t t = begin; t < begin + count; t++) {
        float *record = almi_tape_at(&back->tape, l + 1, t);
        mask(dropout, l, t, layer->spec.units, record + layer->hidden, record + layer->record);
    }
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
    }
    for (size_t t = 0; t < back->steps; t += ALMI_LANES_TOGETHER) {
        size_t left = back->steps - t;
        size_t some = left < ALMI_LANES_TOGETHER ? left : ALMI_LANES_TOGETHER;
        for (size_t l = 0; l < network->spec.layer_count; l++) {
            almi_layer_steps(network, l, &back->tape, t, some);
            mask_steps(back, l, t, some, dropout);
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

/* Errors of sums over the inputs x of a matrix of weights, k_count x n_count, that wait until there
 * are some: then its gradient is read and written once for all of them, in the order they came. */
typedef struct waiting {
    float *gradient;
    const float *transposed;
    size_t k_count, n_count, count;
    float *memory; /* ALMI_LANES_TOGETHER x n_count */
    const float *x[ALMI_LANES_TOGETHER], *error[ALMI_LANES_TOGETHER];
    float *below[ALMI_LANES_TOGETHER]; /* NULL: nobody wants the errors of x */
} waiting;

static void settle(waiting *w)
{
    if (w->count == ALMI_LANES_TOGETHER) {
        almi_lanes_outer_many(w->x, w->error, w->k_count, w->n_count, w->gradient);
        if (w->below[0]) {
            almi_lanes_affine_many(w->error, w->transposed, w->n_count, w->k_count, w->below);
        }
        w->count = 0;
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        almi_lanes_outer(w->x[i], w->error[i], w->k_count, w->n_count, w->gradient);
        if (w->below[i]) {
            almi_lanes_affine(w->error[i], w->transposed, w->n_count, w->k_count, w->below[i]);
        }
    }
    w->count = 0;
}

/* The error is copied, x stays as it is. */
static void put_off(waiting *w, const float *x, const float *error, float *below)
{
    float *own = w->memory + w->count * w->n_count;
    memcpy(own, error, w->n_count * sizeof *own);
    w->x[w->count] = x;
    w->error[w->count] = own;
    w->below[w->count++] = below;
    if (w->count == ALMI_LANES_TOGETHER) {
        settle(w);
    }
}

/* What waits of the matrices of a recurrent layer. */
typedef struct recurrent_back {
    waiting inputs, states;
} recurrent_back;

static recurrent_back start_recurrent(const layer_back *b, float *memory)
{
    const almi_layer *layer = b->layer;
    size_t width = almi_gates_of(layer) * layer->spec.units;
    const float *transposed = b->back->transposed;
    return (recurrent_back){
        .inputs = {.gradient = b->gradient + layer->w, .transposed = transposed + layer->w,
                   .k_count = layer->inputs, .n_count = width, .memory = memory},
        .states = {.gradient = b->gradient + layer->u, .transposed = transposed + layer->u,
                   .k_count = layer->spec.units, .n_count = width,
                   .memory = memory + ALMI_LANES_TOGETHER * width}};
}

/* Errors of the gates' sums -> parameters and inputs. */
static void take_gates(const layer_back *b, size_t t, const float *z, recurrent_back *to)
{
    const almi_layer *layer = b->layer;
    put_off(&to->inputs, almi_tape_seen(&b->back->tape, b->stage - 1, t, 0), z,
         b->below ? b->below + t * layer->inputs : NULL);
    add(z, to->inputs.n_count, b->gradient + layer->b);
}

static void end_recurrent(recurrent_back *to)
{
    settle(&to->inputs);
    settle(&to->states);
}

static void lstm_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    const almi_tape *tape = &b->back->tape;
    size_t units = layer->spec.units;
    float *z = b->back->scratch;         /* 4 units */
    float *cell = b->back->scratch + 4 * units; /* d loss / d c_t from the step after */
    recurrent_back to = start_recurrent(b, b->back->scratch + 5 * units);
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
        take_gates(b, t, z, &to);
        put_off(&to.states, before + layer->hidden, z, NULL);
        if (t > 0) {
            almi_lanes_affine(z, b->back->transposed + layer->u, 4 * units, units,
                              b->error + (t - 1) * units);
        }
    }
    end_recurrent(&to);
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
    recurrent_back to = start_recurrent(b, b->back->scratch + 10 * units);
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
            put_off(&to.states, record + 3 * units, n_only, NULL);
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
        take_gates(b, t, z, &to);
        put_off(&to.states, h_before, inner, NULL);
        add(inner, 3 * units, b->gradient + layer->c);
        if (error_before) {
            almi_lanes_affine(inner, b->back->transposed + layer->u, 3 * units, units,
                              error_before);
        }
    }
    end_recurrent(&to);
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
        mask(dropout, l, t, units, error + t * units, error + t * units);
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
