/* lanes.h: the float kernels of sequence nets, inside this folder.
 *
 * Every output is a lane of its own: its sum runs over k in order with one fused multiply-add per
 * step. So the compiler may work on any number of lanes at once, and the bits are those of the
 * plain C loop on any CPU (fmaf is correctly rounded, in hardware or not). exp and tanh are made
 * of such operations alone, unlike the C library's. No allocation, no state; thread safe. */
#ifndef ALM_MODEL_SEQUENCE_LANES_H
#define ALM_MODEL_SEQUENCE_LANES_H

#include <stddef.h>

/* out[n] += sum of x[k] w[k * n_count + n] over k in order. */
void almi_lanes_affine(const float *x, const float *w, size_t k_count, size_t n_count, float *out);

/* The same for ALMI_LANES_TOGETHER vectors, which share the reading of w: out[i][n] += sum of
 * x[i][k] w[k * n_count + n]. The bits are those of one at a time. */
#define ALMI_LANES_TOGETHER 8
void almi_lanes_affine_many(const float *const *x, const float *w, size_t k_count, size_t n_count,
                            float *const *out);

/* w[k * n_count + n] += x[k] d[n]. */
void almi_lanes_outer(const float *x, const float *d, size_t k_count, size_t n_count, float *w);

/* The same for ALMI_LANES_TOGETHER pairs, one after the other, which share the reading and writing
 * of w. */
void almi_lanes_outer_many(const float *const *x, const float *const *d, size_t k_count,
                           size_t n_count, float *w);

/* In place. Within 2e-7 of the exact value; tanh is also relatively exact near 0. */
void almi_lanes_sigmoid(float *x, size_t count);
void almi_lanes_tanh(float *x, size_t count);

/* to[n * k_count + k] = from[k * n_count + n]. */
void almi_lanes_transpose(const float *from, size_t k_count, size_t n_count, float *to);

/* One step of AdamW (Loshchilov, Hutter 2019) on `count` parameters. */
typedef struct almi_adam {
    float rate;          /* learning rate / (1 - beta1^t) */
    float scale;         /* 1 / (1 - beta2^t) */
    float decay;         /* learning rate * weight decay */
    float clip;          /* every gradient is multiplied by this first */
} almi_adam;

void almi_lanes_adam(const almi_adam *adam, const float *gradient, size_t count, float *first,
                     float *second, float *parameter);

#endif
