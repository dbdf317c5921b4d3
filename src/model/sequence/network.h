/* network.h: LSTM, GRU and temporal convolution nets over windows: predict, stream, save.
 *
 * A net is a stack of layers over the steps of a window and a dense head on the last layer's output
 * at the last step. Shapes: x is steps x features, a layer's output steps x units, the head's
 * output_count numbers. Everything is float; sums run in a fixed order with fused steps (lanes.h),
 * so results have the same bits on every x86-64 CPU.
 *
 *   LSTM  i, f, o = sigmoid, g = tanh of b + W x_t + U h_(t-1);  c_t = f c_(t-1) + i g;
 *         h_t = o tanh(c_t)                                    (Hochreiter, Schmidhuber 1997)
 *   GRU   r, z = sigmoid of b + W x_t + U h_(t-1);  n = tanh(b + W x_t + r (c + U h_(t-1))), or
 *         with reset_before n = tanh(b + c + W x_t + U (r h_(t-1)));  h_t = (1 - z) n + z h_(t-1)
 *                                                              (Cho et al. 2014; PyTorch, ONNX)
 *   TCN   a residual block of two causal convolutions of the same kernel and dilation:
 *         a_t = relu(b1 + sum_j W1_j x_(t - (kernel - 1 - j) dilation)), y_t the same of a,
 *         h_t = relu(y_t + x_t), or of y_t + br + Wr x_t when units and inputs differ in number
 *                                                              (Bai, Kolter, Koltun 2018)
 * Before the first step all values are zero.
 *
 * Parameters lie in one array, layer after layer, then the head; each part is k-major: w[k][n] with
 * input k and output n. Gates are blocks of `units` outputs: LSTM i f g o, GRU r z n.
 *   LSTM  W (inputs x 4 units), U (units x 4 units), b (4 units), P (3 units: peepholes of i, f, o)
 *   GRU   W (inputs x 3 units), U (units x 3 units), b (3 units), c (3 units)
 *   TCN   W1 (kernel x inputs x units), b1, W2 (kernel x units x units), b2, and, when needed,
 *         Wr (inputs x units), br
 *   head  W (units x outputs), b (outputs)
 *
 * A net is immutable but by alm_network_parameters and network_fit.h, and may then be used from any
 * number of threads. A state belongs to one thread at a time. */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_H
#define ALM_MODEL_SEQUENCE_NETWORK_H

#include "base/str.h"
#include "model/model.h"

typedef enum alm_layer_kind { ALM_LAYER_LSTM, ALM_LAYER_GRU, ALM_LAYER_TCN } alm_layer_kind;

typedef struct alm_layer_spec {
    alm_layer_kind kind;
    size_t units;
    size_t kernel;     /* TCN: steps per convolution */
    size_t dilation;   /* TCN: distance of its steps */
    bool reset_before; /* GRU: the reset gate acts on the state, not on U h + c */
    bool peepholes;    /* LSTM: gates see the cell (Gers, Schmidhuber 2000) */
} alm_layer_spec;

/* What the outputs mean; raw outputs are the same for all. */
typedef enum alm_network_head {
    ALM_HEAD_VALUES,    /* as they are */
    ALM_HEAD_QUANTILES, /* ascending levels: outputs are sorted */
    ALM_HEAD_CLASSES    /* softmax: probabilities */
} alm_network_head;

#define ALM_NETWORK_LAYERS_MAX 16
#define ALM_NETWORK_WIDTH_MAX 4096 /* features, units, outputs, kernel x dilation */

typedef struct alm_network_spec {
    size_t feature_count;
    size_t layer_count;
    alm_layer_spec layer[ALM_NETWORK_LAYERS_MAX];
    size_t output_count;
    alm_network_head head;
} alm_network_spec;

typedef struct alm_network alm_network;

/* Parameters uniform in +-1 / sqrt(units) (of a convolution: of its fan-in), by counters of
 * `seed`; biases of forget gates 1. ALM_ERR_INVALID names what is out of range. */
ALM_NODISCARD alm_err alm_network_create(const alm_network_spec *spec, uint64_t seed,
                                         alm_network **out, alm_error *error);
void alm_network_destroy(alm_network *network); /* takes NULL */
const alm_network_spec *alm_network_describe(const alm_network *network);
/* All parameters; *count of them. Writing is for importers, before the net is shared. */
float *alm_network_parameters(alm_network *network, size_t *count);

typedef struct alm_network_windows {
    const double *values; /* count x steps x features */
    size_t count, steps;
} alm_network_windows;

/* out: count x output_count, as the head says. ALM_ERR_NUMERIC with window, step and feature when
 * an input is not finite; out is then untouched. */
ALM_NODISCARD alm_err alm_network_predict(const alm_network *network,
                                          const alm_network_windows *windows, alm_arena *scratch,
                                          double *out, alm_error *error);

/* ---- one step at a time: the same numbers as a window of all steps since the reset ---- */
typedef struct alm_network_state alm_network_state;

ALM_NODISCARD alm_err alm_network_state_create(const alm_network *network,
                                               alm_network_state **out, alm_error *error);
void alm_network_state_destroy(alm_network_state *state); /* takes NULL */
void alm_network_state_reset(alm_network_state *state);
/* x: features; out: output_count, or NULL: only move on. A refused step changes nothing. */
ALM_NODISCARD alm_err alm_network_step(alm_network_state *state, const double *x, double *out,
                                       alm_error *error);
/* The same step of `count` states of one net, each by itself, with the bits of one at a time: the
 * weights are read once for ALM_NETWORK_TOGETHER of them. x: count x features; out: count x
 * output_count, or NULL. A refused input (the first is named) moves no state. */
#define ALM_NETWORK_TOGETHER 8
ALM_NODISCARD alm_err alm_network_step_many(alm_network_state *const *state, size_t count,
                                            const double *x, double *out, alm_error *error);
/* The next `steps` steps of one state, up to ALM_NETWORK_TOGETHER, with the bits of one at a time:
 * weights that do not wait for the step before are read once for ALM_NETWORK_TOGETHER of them. x:
 * steps x features; out: after the last of them, or NULL. A refused input (the first is named)
 * moves nothing. */
ALM_NODISCARD alm_err alm_network_steps(alm_network_state *state, size_t steps, const double *x,
                                        double *out, alm_error *error);
/* Last layer's output at the last step (units of it): for tests and for nets without a head. */
const float *alm_network_hidden(const alm_network_state *state);

/* ---- canonical bytes, little endian: equal nets are equal bytes ---- */
void alm_network_write(const alm_network *network, alm_buffer *out);
/* Untrusted: sizes are checked before anything is allocated. ALM_ERR_CORRUPT names `name`. */
ALM_NODISCARD alm_err alm_network_read(alm_str bytes, const char *name, alm_network **out,
                                       alm_error *error);

/* The net as a WINDOWS model; on success the model owns the net. */
ALM_NODISCARD alm_err alm_network_model_create(alm_network *network, alm_model **out,
                                               alm_error *error);

#endif
