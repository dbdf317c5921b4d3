/* network_backward.h: the gradient of one window, inside this folder. */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_BACKWARD_H
#define ALM_MODEL_SEQUENCE_NETWORK_BACKWARD_H

#include "model/sequence/network_internal.h"

/* Weights with input and output exchanged, so that errors flow back in lanes too: one array laid
 * out like the parameters. */
void almi_transpose_parameters(const alm_network *network, float *transposed);

typedef struct almi_dropout {
    double rate;   /* 0: none */
    uint64_t seed;
    uint64_t window; /* counter: epoch and window */
} almi_dropout;

/* Memory of one worker for windows of `steps`. */
typedef struct almi_back {
    const alm_network *network;
    const float *transposed;
    size_t steps;
    almi_tape tape;
    float *error_out; /* steps x widest units: of a layer's outputs, then those below */
    float *error_in;
    float *scratch;   /* a few records */
} almi_back;

size_t almi_back_size(const alm_network *network, size_t steps);
void almi_back_place(const alm_network *network, const float *transposed, size_t steps,
                     float *memory, almi_back *back);

/* Fills the tape and gives the raw outputs. */
void almi_forward_window(almi_back *back, const double *window, const almi_dropout *dropout,
                         float *raw);
/* Adds the window's gradient, from that of the raw outputs, to `gradient`. */
void almi_backward_window(almi_back *back, const almi_dropout *dropout, const float *raw_error,
                          float *gradient);

#endif
