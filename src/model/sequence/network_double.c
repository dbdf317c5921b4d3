#include "model/sequence/network_double.h"

#include <math.h>
#include <string.h>

#include "base/wide_vectors.h"
#include "num/vector_elementary.h"

#define LANES 48 /* outputs that stay in registers while k runs: 6 of AVX-512, 12 of AVX2 */
#define CHUNK 8
#define SCRATCH_RECORDS 10 /* of the widest layer */

/* ---- kernels: lanes.h in double ---- */

ALM_INLINE void affine_lanes(const double *restrict x, const double *restrict w, size_t k_count,
                             size_t n_count, size_t lanes, double *restrict out)
{
    double sum[LANES];
    for (size_t n = 0; n < lanes; n++) {
        sum[n] = out[n];
    }
    for (size_t k = 0; k < k_count; k++) {
        const double *row = w + k * n_count;
        for (size_t n = 0; n < lanes; n++) {
            sum[n] = fma(x[k], row[n], sum[n]);
        }
    }
    for (size_t n = 0; n < lanes; n++) {
        out[n] = sum[n];
    }
}

/* out[n] += sum of x[k] w[k * n_count + n] over k in order. */
ALM_WIDE_VECTORS
static void affine(const double *x, const double *w, size_t k_count, size_t n_count, double *out)
{
    size_t n = 0;
    for (; n + LANES <= n_count; n += LANES) {
        affine_lanes(x, w + n, k_count, n_count, LANES, out + n);
    }
    for (; n + CHUNK <= n_count; n += CHUNK) {
        affine_lanes(x, w + n, k_count, n_count, CHUNK, out + n);
    }
    if (n < n_count) {
        affine_lanes(x, w + n, k_count, n_count, n_count - n, out + n);
    }
}

/* 2 sigmoid(2 x) - 1: within 2e-16. */
static void tanh_each(double *x, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        x[n] *= 2;
    }
    alm_sigmoid_each(x, count, x);
    for (size_t n = 0; n < count; n++) {
        x[n] = fma(2, x[n], -1);
    }
}

static void rectify(double *x, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        x[n] = x[n] > 0 ? x[n] : 0;
    }
}

static void add(const double *from, size_t count, double *to)
{
    for (size_t n = 0; n < count; n++) {
        to[n] += from[n];
    }
}

/* ---- the net ---- */

size_t almi_double_net_size(const alm_network *network)
{
    return 2 * network->parameter_count;
}

/* Blocks of k_count x n_count, one per step of a kernel. */
static void transpose_part(const alm_network *network, size_t at, size_t blocks, size_t k_count,
                           size_t n_count, double *transposed)
{
    for (size_t j = 0; at != SIZE_MAX && j < blocks; j++) {
        const float *from = network->parameter + at + j * k_count * n_count;
        double *to = transposed + at + j * k_count * n_count;
        for (size_t i = 0; i < k_count * n_count; i++) {
            to[i % n_count * k_count + i / n_count] = from[i];
        }
    }
}

void almi_double_net_place(const alm_network *network, double *memory, almi_double_net *out)
{
    double *transposed = memory + network->parameter_count;
    for (size_t i = 0; i < network->parameter_count; i++) {
        memory[i] = network->parameter[i];
    }
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        const almi_layer *layer = &network->layer[l];
        size_t units = layer->spec.units;
        bool tcn = layer->spec.kind == ALM_LAYER_TCN;
        size_t width = almi_gates_of(layer) * units;
        size_t blocks = tcn ? layer->spec.kernel : 1;
        transpose_part(network, layer->w, blocks, layer->inputs, width, transposed);
        transpose_part(network, layer->u, blocks, units, width, transposed);
        transpose_part(network, layer->shortcut, 1, layer->inputs, units, transposed);
    }
    size_t top = network->spec.layer[network->spec.layer_count - 1].units;
    transpose_part(network, network->head_w, 1, top, network->spec.output_count, transposed);
    *out = (almi_double_net){network, memory, transposed};
}

/* ---- memory of a run ---- */

static size_t record_of(const alm_network *network, size_t stage)
{
    return stage ? network->layer[stage - 1].record : network->spec.feature_count;
}

static size_t widest_of(const alm_network *network)
{
    size_t widest = network->spec.feature_count;
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        size_t units = network->layer[l].spec.units;
        widest = units > widest ? units : widest;
    }
    return widest;
}

size_t almi_double_run_size(const almi_double_net *net, size_t steps)
{
    const alm_network *network = net->network;
    size_t records = 0, widest = widest_of(network);
    for (size_t stage = 0; stage <= network->spec.layer_count; stage++) {
        records += record_of(network, stage);
    }
    records += 3 * widest; /* errors of two layers, and a convolution's inner ones */
    if (steps > SIZE_MAX / 16 / records) {
        return SIZE_MAX;
    }
    return steps * records + (SCRATCH_RECORDS + 8) * widest;
}

void almi_double_run_place(const almi_double_net *net, size_t steps, double *memory,
                           almi_double_run *out)
{
    const alm_network *network = net->network;
    size_t widest = widest_of(network);
    *out = (almi_double_run){.net = net, .steps = steps};
    for (size_t stage = 0; stage <= network->spec.layer_count; stage++) {
        out->stage[stage] = memory;
        memory += steps * record_of(network, stage);
    }
    out->error_out = memory;
    out->error_in = out->error_out + steps * widest;
    out->zero = out->error_in + steps * widest; /* 8 units: longer than any record */
    out->scratch = out->error_in + steps * widest + 8 * widest;
}

static double *at(const almi_double_run *run, size_t stage, size_t step)
{
    return run->stage[stage] + step * record_of(run->net->network, stage);
}

/* What a stage shows: the input, or h. */
static size_t shown_at(const almi_double_run *run, size_t stage)
{
    return stage ? run->net->network->layer[stage - 1].hidden : 0;
}

static const double *seen(const almi_double_run *run, size_t stage, size_t step, size_t back)
{
    return back > step ? run->zero : at(run, stage, step - back) + shown_at(run, stage);
}

/* ---- forward ---- */

static void lstm_step(const almi_double_run *run, size_t l, size_t step)
{
    const almi_layer *layer = &run->net->network->layer[l];
    const double *p = run->net->parameter;
    size_t units = layer->spec.units;
    const double *before = step ? at(run, l + 1, step - 1) : run->zero;
    double *gate = at(run, l + 1, step);
    const double *c_before = before + 4 * units;
    double *c = gate + 4 * units, *c_tanh = gate + 5 * units, *h = gate + 6 * units;
    memcpy(gate, p + layer->b, 4 * units * sizeof *gate);
    affine(seen(run, l, step, 0), p + layer->w, layer->inputs, 4 * units, gate);
    affine(before + layer->hidden, p + layer->u, units, 4 * units, gate);
    const double *peep = layer->spec.peepholes ? p + layer->c : NULL;
    for (size_t n = 0; peep && n < 2 * units; n++) {
        gate[n] = fma(peep[n], c_before[n % units], gate[n]);
    }
    alm_sigmoid_each(gate, 2 * units, gate);
    tanh_each(gate + 2 * units, units);
    for (size_t n = 0; n < units; n++) {
        c_tanh[n] = c[n] = fma(gate[units + n], c_before[n], gate[n] * gate[2 * units + n]);
        if (peep) {
            gate[3 * units + n] = fma(peep[2 * units + n], c[n], gate[3 * units + n]);
        }
    }
    alm_sigmoid_each(gate + 3 * units, units, gate + 3 * units);
    tanh_each(c_tanh, units);
    for (size_t n = 0; n < units; n++) {
        h[n] = gate[3 * units + n] * c_tanh[n];
    }
}

static void gru_step(const almi_double_run *run, size_t l, size_t step)
{
    const almi_layer *layer = &run->net->network->layer[l];
    const double *p = run->net->parameter;
    size_t units = layer->spec.units;
    const double *h_before = (step ? at(run, l + 1, step - 1) : run->zero) + layer->hidden;
    double *gate = at(run, l + 1, step);
    double *n_gate = gate + 2 * units, *inner = gate + 3 * units, *h = gate + 4 * units;
    double *recurrent = run->scratch; /* 3 units */
    memcpy(gate, p + layer->b, 3 * units * sizeof *gate);
    affine(seen(run, l, step, 0), p + layer->w, layer->inputs, 3 * units, gate);
    memcpy(recurrent, p + layer->c, 3 * units * sizeof *recurrent);
    affine(h_before, p + layer->u, units, 3 * units, recurrent);
    add(recurrent, 2 * units, gate);
    alm_sigmoid_each(gate, 2 * units, gate);
    if (layer->spec.reset_before) {
        for (size_t n = 0; n < units; n++) {
            inner[n] = gate[n] * h_before[n];
        }
        memcpy(recurrent, p + layer->c, 3 * units * sizeof *recurrent);
        affine(inner, p + layer->u, units, 3 * units, recurrent);
        add(recurrent + 2 * units, units, n_gate);
    } else {
        for (size_t n = 0; n < units; n++) {
            inner[n] = recurrent[2 * units + n];
            n_gate[n] = fma(gate[n], inner[n], n_gate[n]);
        }
    }
    tanh_each(n_gate, units);
    for (size_t n = 0; n < units; n++) {
        h[n] = fma(gate[units + n], h_before[n] - n_gate[n], n_gate[n]);
    }
}

static void tcn_step(const almi_double_run *run, size_t l, size_t step)
{
    const almi_layer *layer = &run->net->network->layer[l];
    const double *p = run->net->parameter;
    size_t units = layer->spec.units, kernel = layer->spec.kernel;
    double *a = at(run, l + 1, step), *y = a + units, *h = a + 2 * units;
    memcpy(a, p + layer->b, units * sizeof *a);
    for (size_t j = 0; j < kernel; j++) {
        affine(seen(run, l, step, (kernel - 1 - j) * layer->spec.dilation),
               p + layer->w + j * layer->inputs * units, layer->inputs, units, a);
    }
    rectify(a, units);
    memcpy(y, p + layer->c, units * sizeof *y);
    for (size_t j = 0; j < kernel; j++) {
        size_t back = (kernel - 1 - j) * layer->spec.dilation;
        affine(back > step ? run->zero : at(run, l + 1, step - back),
               p + layer->u + j * units * units, units, units, y);
    }
    rectify(y, units);
    const double *x = seen(run, l, step, 0);
    if (layer->shortcut != SIZE_MAX) {
        memcpy(h, p + layer->shortcut_b, units * sizeof *h);
        affine(x, p + layer->shortcut, layer->inputs, units, h);
    } else {
        memcpy(h, x, units * sizeof *h);
    }
    add(y, units, h);
    rectify(h, units);
}

void almi_double_forward(almi_double_run *run, const double *window, double *raw)
{
    const alm_network *network = run->net->network;
    size_t top = network->spec.layer_count, outputs = network->spec.output_count;
    memcpy(run->stage[0], window, run->steps * network->spec.feature_count * sizeof *window);
    for (size_t l = 0; l < top; l++) {
        alm_layer_kind kind = network->layer[l].spec.kind;
        for (size_t t = 0; t < run->steps; t++) {
            (kind == ALM_LAYER_LSTM ? lstm_step : kind == ALM_LAYER_GRU ? gru_step : tcn_step)(
                run, l, t);
        }
    }
    memcpy(raw, run->net->parameter + network->head_b, outputs * sizeof *raw);
    affine(seen(run, top, run->steps - 1, 0), run->net->parameter + network->head_w,
           network->layer[top - 1].spec.units, outputs, raw);
}

/* ---- backward: as network_backward.c, without the parameters' part ---- */

typedef struct layer_back {
    const almi_double_run *run;
    const almi_layer *layer;
    size_t stage;
    double *error; /* of h: steps x units, complete before its step is taken */
    double *below; /* of what the layer sees: steps x inputs, added to */
} layer_back;

static void lstm_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    const double *transposed = b->run->net->transposed;
    size_t units = layer->spec.units;
    double *z = b->run->scratch, *cell = z + 4 * units; /* 4 units, units */
    const double *peep = layer->spec.peepholes ? b->run->net->parameter + layer->c : NULL;
    memset(cell, 0, units * sizeof *cell);
    for (size_t t = b->run->steps; t-- > 0;) {
        const double *record = at(b->run, b->stage, t);
        const double *c_before = (t ? at(b->run, b->stage, t - 1) : b->run->zero) + 4 * units;
        for (size_t n = 0; n < units; n++) {
            double i = record[n], f = record[units + n];
            double g = record[2 * units + n], o = record[3 * units + n];
            double c_tanh = record[5 * units + n], h = b->error[t * units + n];
            z[3 * units + n] = h * c_tanh * o * (1 - o);
            double d = cell[n] + h * o * (1 - c_tanh * c_tanh);
            d += peep ? z[3 * units + n] * peep[2 * units + n] : 0;
            z[n] = d * g * i * (1 - i);
            z[units + n] = d * c_before[n] * f * (1 - f);
            z[2 * units + n] = d * i * (1 - g * g);
            cell[n] = d * f;
            cell[n] += peep ? z[n] * peep[n] + z[units + n] * peep[units + n] : 0;
        }
        affine(z, transposed + layer->w, 4 * units, layer->inputs, b->below + t * layer->inputs);
        if (t > 0) {
            affine(z, transposed + layer->u, 4 * units, units, b->error + (t - 1) * units);
        }
    }
}

/* Through n = tanh(.. + U (r h)): what reaches r h, and from there r and the step before. */
static void reset_back(const layer_back *b, size_t t, const double *h_before, double *z,
                       double *inner)
{
    size_t units = b->layer->spec.units;
    const double *record = at(b->run, b->stage, t);
    double *only = inner + 3 * units, *state = only + 3 * units; /* 3 units, units */
    memset(only, 0, 2 * units * sizeof *only);
    memcpy(only + 2 * units, z + 2 * units, units * sizeof *only);
    memset(state, 0, units * sizeof *state);
    affine(only, b->run->net->transposed + b->layer->u, 3 * units, units, state);
    for (size_t n = 0; n < units; n++) {
        double r = record[n];
        z[n] = inner[n] = state[n] * h_before[n] * r * (1 - r);
        inner[2 * units + n] = 0;
        if (t > 0) {
            b->error[(t - 1) * units + n] += state[n] * r;
        }
    }
}

static void gru_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    const double *transposed = b->run->net->transposed;
    size_t units = layer->spec.units;
    double *z = b->run->scratch, *inner = z + 3 * units; /* 3 units each; 4 more behind */
    for (size_t t = b->run->steps; t-- > 0;) {
        const double *record = at(b->run, b->stage, t);
        const double *h_before =
            (t ? at(b->run, b->stage, t - 1) : b->run->zero) + layer->hidden;
        for (size_t n = 0; n < units; n++) {
            double r = record[n], u = record[units + n], c = record[2 * units + n];
            double h = b->error[t * units + n];
            z[units + n] = inner[units + n] = h * (h_before[n] - c) * u * (1 - u);
            z[2 * units + n] = h * (1 - u) * (1 - c * c);
            z[n] = inner[n] = z[2 * units + n] * record[3 * units + n] * r * (1 - r);
            inner[2 * units + n] = z[2 * units + n] * r;
            if (t > 0) {
                b->error[(t - 1) * units + n] += h * u;
            }
        }
        if (layer->spec.reset_before) {
            reset_back(b, t, h_before, z, inner);
        }
        affine(z, transposed + layer->w, 3 * units, layer->inputs, b->below + t * layer->inputs);
        if (t > 0) {
            affine(inner, transposed + layer->u, 3 * units, units, b->error + (t - 1) * units);
        }
    }
}

/* One convolution at one step: z is the error of its sum. */
static void convolve_back(const layer_back *b, size_t t, const double *z, bool second,
                          double *past_error)
{
    const almi_layer *layer = b->layer;
    size_t units = layer->spec.units;
    size_t inputs = second ? units : layer->inputs, weights = second ? layer->u : layer->w;
    for (size_t j = 0; j < layer->spec.kernel; j++) {
        size_t back = (layer->spec.kernel - 1 - j) * layer->spec.dilation;
        if (back <= t) {
            affine(z, b->run->net->transposed + weights + j * inputs * units, units, inputs,
                   past_error + (t - back) * inputs);
        }
    }
}

static void tcn_back(const layer_back *b)
{
    const almi_layer *layer = b->layer;
    size_t units = layer->spec.units, steps = b->run->steps;
    double *z = b->run->scratch, *out = z + units, *a_error = out + units; /* steps x units */
    memset(a_error, 0, steps * units * sizeof *a_error);
    for (size_t t = steps; t-- > 0;) { /* the output and the second convolution */
        const double *record = at(b->run, b->stage, t);
        for (size_t n = 0; n < units; n++) {
            out[n] = record[2 * units + n] > 0 ? b->error[t * units + n] : 0;
            z[n] = record[units + n] > 0 ? out[n] : 0;
        }
        convolve_back(b, t, z, true, a_error);
        if (layer->shortcut != SIZE_MAX) {
            affine(out, b->run->net->transposed + layer->shortcut, units, layer->inputs,
                   b->below + t * layer->inputs);
        } else {
            add(out, units, b->below + t * units);
        }
    }
    for (size_t t = steps; t-- > 0;) { /* the first, whose error is complete now */
        const double *record = at(b->run, b->stage, t);
        for (size_t n = 0; n < units; n++) {
            z[n] = record[n] > 0 ? a_error[t * units + n] : 0;
        }
        convolve_back(b, t, z, false, b->below);
    }
}

void almi_double_backward(almi_double_run *run, const double *raw_error, double *gradient)
{
    const alm_network *network = run->net->network;
    size_t top = network->spec.layer_count, units = network->layer[top - 1].spec.units;
    double *error = run->error_out, *below = run->error_in;
    memset(error, 0, run->steps * units * sizeof *error);
    affine(raw_error, run->net->transposed + network->head_w, network->spec.output_count, units,
           error + (run->steps - 1) * units);
    for (size_t l = top; l-- > 0;) {
        const almi_layer *layer = &network->layer[l];
        layer_back b = {run, layer, l + 1, error, l > 0 ? below : gradient};
        memset(b.below, 0, run->steps * layer->inputs * sizeof *b.below);
        alm_layer_kind kind = layer->spec.kind;
        (kind == ALM_LAYER_LSTM ? lstm_back : kind == ALM_LAYER_GRU ? gru_back : tcn_back)(&b);
        below = error;
        error = b.below;
    }
}
