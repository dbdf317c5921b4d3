/* network_cases.h: nets of every kind, and a plain reference in double, for the tests of this
 * folder. The reference is written from the formulas of network.h, not from the kernels. */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_CASES_H
#define ALM_MODEL_SEQUENCE_NETWORK_CASES_H

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/sequence/network_fit.h"
#include "num/elementary.h"

enum { CASE_FEATURES = 3, CASE_STEPS = 9, CASE_OUTPUTS = 3, CASE_WIDTH = 64 };

static const alm_layer_spec CASE_LSTM = {.kind = ALM_LAYER_LSTM, .units = 5};
static const alm_layer_spec CASE_PEEP = {.kind = ALM_LAYER_LSTM, .units = 4, .peepholes = true};
static const alm_layer_spec CASE_GRU = {.kind = ALM_LAYER_GRU, .units = 6};
static const alm_layer_spec CASE_BEFORE = {.kind = ALM_LAYER_GRU, .units = 4,
                                           .reset_before = true};
static const alm_layer_spec CASE_TCN = {.kind = ALM_LAYER_TCN, .units = 5, .kernel = 3,
                                        .dilation = 2};
static const alm_layer_spec CASE_SAME = {.kind = ALM_LAYER_TCN, .units = 5, .kernel = 2,
                                         .dilation = 1};

/* Seven stacks: each kind alone or on top of another. */
enum { CASE_STACKS = 7 };
static inline alm_network_spec case_spec(int number, alm_network_head head)
{
    const alm_layer_spec stacks[CASE_STACKS][3] = {
        {CASE_LSTM}, {CASE_PEEP}, {CASE_GRU}, {CASE_BEFORE}, {CASE_TCN, CASE_SAME},
        {CASE_GRU, CASE_LSTM}, {CASE_TCN, CASE_BEFORE, CASE_PEEP}};
    static const size_t counts[CASE_STACKS] = {1, 1, 1, 1, 2, 2, 3};
    alm_network_spec spec = {.feature_count = CASE_FEATURES, .layer_count = counts[number],
                             .output_count = CASE_OUTPUTS, .head = head};
    memcpy(spec.layer, stacks[number], sizeof stacks[number]);
    return spec;
}

/* Parameters larger than the initial ones, biases too, so that no part is idle. */
static inline void case_shake(alm_network *network, uint64_t seed)
{
    size_t count = 0;
    float *parameter = alm_network_parameters(network, &count);
    for (size_t i = 0; i < count; i++) {
        parameter[i] = (float)(alm_rng_uniform(seed, ALM_RNG_TEST, i, 1) * 1.6 - 0.8);
    }
}

static inline void case_windows(uint64_t seed, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = alm_rng_uniform(seed, ALM_RNG_TEST, i, 2) * 3 - 1.5;
    }
}

/* ---- the reference ---- */

typedef struct case_cursor { /* reads the parameters part by part, in the documented order */
    const double *at;
} case_cursor;

static inline const double *case_take(case_cursor *c, size_t count)
{
    const double *part = c->at;
    c->at += count;
    return part;
}

static inline double case_sigmoid(double x)
{
    return 1 / (1 + alm_exp(-x));
}

/* sum[n] += x[k] w[k][n] */
static inline void case_affine(const double *x, const double *w, size_t inputs, size_t outputs,
                               double *sum)
{
    for (size_t n = 0; n < outputs; n++) {
        for (size_t k = 0; k < inputs; k++) {
            sum[n] += x[k] * w[k * outputs + n];
        }
    }
}

typedef double case_row[CASE_WIDTH];

static inline void case_lstm(case_cursor *p, const alm_layer_spec *l, size_t inputs, size_t steps,
                             const case_row *x, case_row *h)
{
    size_t u = l->units;
    const double *w = case_take(p, inputs * 4 * u);
    const double *r = case_take(p, u * 4 * u);
    const double *b = case_take(p, 4 * u);
    const double *peep = l->peepholes ? case_take(p, 3 * u) : NULL;
    case_row c = {0};
    case_row last = {0};
    for (size_t t = 0; t < steps; t++) {
        double z[4 * CASE_WIDTH];
        memcpy(z, b, 4 * u * sizeof *z);
        case_affine(x[t], w, inputs, 4 * u, z);
        case_affine(last, r, u, 4 * u, z);
        for (size_t n = 0; n < u; n++) {
            double i = case_sigmoid(z[n] + (peep ? peep[n] * c[n] : 0));
            double f = case_sigmoid(z[u + n] + (peep ? peep[u + n] * c[n] : 0));
            c[n] = f * c[n] + i * alm_tanh(z[2 * u + n]);
            double o = case_sigmoid(z[3 * u + n] + (peep ? peep[2 * u + n] * c[n] : 0));
            h[t][n] = o * alm_tanh(c[n]);
        }
        memcpy(last, h[t], sizeof last);
    }
}

static inline void case_gru(case_cursor *p, const alm_layer_spec *l, size_t inputs, size_t steps,
                            const case_row *x, case_row *h)
{
    size_t u = l->units;
    const double *w = case_take(p, inputs * 3 * u);
    const double *r = case_take(p, u * 3 * u);
    const double *b = case_take(p, 3 * u);
    const double *c = case_take(p, 3 * u);
    case_row last = {0};
    for (size_t t = 0; t < steps; t++) {
        double z[3 * CASE_WIDTH] = {0};
        double s[3 * CASE_WIDTH] = {0};
        memcpy(z, b, 3 * u * sizeof *z);
        memcpy(s, c, 3 * u * sizeof *s);
        case_affine(x[t], w, inputs, 3 * u, z);
        case_affine(last, r, u, 3 * u, s);
        case_row reset;
        double q[3 * CASE_WIDTH] = {0};
        for (size_t n = 0; n < u; n++) {
            reset[n] = case_sigmoid(z[n] + s[n]) * last[n];
        }
        memcpy(q, c, 3 * u * sizeof *q);
        case_affine(reset, r, u, 3 * u, q);
        for (size_t n = 0; n < u; n++) {
            double gate = case_sigmoid(z[n] + s[n]);
            double keep = case_sigmoid(z[u + n] + s[u + n]);
            double inner = l->reset_before ? q[2 * u + n] : gate * s[2 * u + n];
            h[t][n] = (1 - keep) * alm_tanh(z[2 * u + n] + inner) + keep * last[n];
        }
        memcpy(last, h[t], sizeof last);
    }
}

typedef struct case_kernel {
    const double *w, *b;
    size_t inputs;
} case_kernel;

static inline void case_convolve(const case_kernel *k, const alm_layer_spec *l, size_t steps,
                                 const case_row *x, case_row *out)
{
    for (size_t t = 0; t < steps; t++) {
        memcpy(out[t], k->b, l->units * sizeof *k->b);
        for (size_t j = 0; j < l->kernel; j++) {
            size_t back = (l->kernel - 1 - j) * l->dilation;
            if (back <= t) {
                case_affine(x[t - back], k->w + j * k->inputs * l->units, k->inputs, l->units,
                            out[t]);
            }
        }
        for (size_t n = 0; n < l->units; n++) {
            out[t][n] = fmax(out[t][n], 0);
        }
    }
}

static inline void case_tcn(case_cursor *p, const alm_layer_spec *l, size_t inputs, size_t steps,
                            const case_row *x, case_row *h)
{
    size_t u = l->units;
    case_kernel first = {.w = case_take(p, l->kernel * inputs * u), .inputs = inputs};
    first.b = case_take(p, u);
    case_kernel second = {.w = case_take(p, l->kernel * u * u), .inputs = u};
    second.b = case_take(p, u);
    const double *wr = inputs != u ? case_take(p, inputs * u) : NULL;
    const double *br = inputs != u ? case_take(p, u) : NULL;
    case_row a[CASE_STEPS], y[CASE_STEPS];
    case_convolve(&first, l, steps, x, a);
    case_convolve(&second, l, steps, (const case_row *)a, y);
    for (size_t t = 0; t < steps; t++) {
        case_row shortcut = {0};
        memcpy(shortcut, wr ? br : x[t], u * sizeof *shortcut);
        if (wr) {
            case_affine(x[t], wr, inputs, u, shortcut);
        }
        for (size_t n = 0; n < u; n++) {
            h[t][n] = fmax(y[t][n] + shortcut[n], 0);
        }
    }
}

/* Raw outputs of one window by parameters in double. */
static inline void case_reference(const alm_network_spec *spec, const double *parameter,
                                  const double *window, size_t steps, double *out)
{
    case_row a[CASE_STEPS] = {{0}}, b[CASE_STEPS] = {{0}};
    case_row *x = a, *h = b;
    case_cursor cursor = {parameter};
    size_t inputs = spec->feature_count;
    for (size_t t = 0; t < steps; t++) {
        memcpy(x[t], window + t * inputs, inputs * sizeof *window);
    }
    for (size_t i = 0; i < spec->layer_count; i++) {
        const alm_layer_spec *l = &spec->layer[i];
        if (l->kind == ALM_LAYER_LSTM) {
            case_lstm(&cursor, l, inputs, steps, (const case_row *)x, h);
        } else if (l->kind == ALM_LAYER_GRU) {
            case_gru(&cursor, l, inputs, steps, (const case_row *)x, h);
        } else {
            case_tcn(&cursor, l, inputs, steps, (const case_row *)x, h);
        }
        case_row *swap = x;
        x = h;
        h = swap;
        inputs = l->units;
    }
    const double *w = case_take(&cursor, inputs * spec->output_count);
    memcpy(out, case_take(&cursor, spec->output_count), spec->output_count * sizeof *out);
    case_affine(x[steps - 1], w, inputs, spec->output_count, out);
}

#endif
