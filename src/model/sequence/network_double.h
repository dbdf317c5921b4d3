/* network_double.h: a net in double, and the gradient of its outputs with respect to its input;
 * inside this folder.
 *
 * The formulas and the layout of parameters and records are those of network.h and
 * network_internal.h; weights are the net's floats, everything else is double. So it differs from
 * the net's own answer by the rounding of that to float (about 1e-6 of the largest sum), and its
 * gradient is that of a smooth function (relu: almost everywhere; 0 at its edge). Sums run in
 * order with one fused step a term, sigmoids are num/vector_elementary.h: bits do not depend on
 * the CPU. */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_DOUBLE_H
#define ALM_MODEL_SEQUENCE_NETWORK_DOUBLE_H

#include "model/sequence/network_internal.h"

typedef struct almi_double_net { /* immutable; shared by threads */
    const alm_network *network;
    const double *parameter;
    const double *transposed; /* every matrix with input and output exchanged */
} almi_double_net;

/* Doubles that a net needs beside itself; fills them and `out`. */
size_t almi_double_net_size(const alm_network *network);
void almi_double_net_place(const alm_network *network, double *memory, almi_double_net *out);

typedef struct almi_double_run { /* windows of so many steps, of one thread */
    const almi_double_net *net;
    size_t steps;
    double *stage[ALM_NETWORK_LAYERS_MAX + 1]; /* steps x record; stage 0 is the input */
    double *error_out, *error_in, *scratch;
    const double *zero;
} almi_double_run;

/* SIZE_MAX when it cannot be counted. Memory must be zero at first. */
size_t almi_double_run_size(const almi_double_net *net, size_t steps);
void almi_double_run_place(const almi_double_net *net, size_t steps, double *memory,
                           almi_double_run *out);

/* raw: output_count. */
void almi_double_forward(almi_double_run *run, const double *window, double *raw);
/* After a forward: gradient (steps x features) of the sum of raw_error[k] times raw output k. */
void almi_double_backward(almi_double_run *run, const double *raw_error, double *gradient);

#endif
