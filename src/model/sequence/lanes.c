#include "model/sequence/lanes.h"

#include "base/wide_vectors.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Outputs that are summed while k runs. 256: they lie in the first cache, and the weights are read
 * a KiB at a time, which is what counts when these come from the second one; ROWS inputs share one
 * reading and writing of the sums. 96: in registers, 6 of AVX-512, 12 of AVX2. 32: each sum waits
 * for its last step, so what is left goes two registers at a time. */
#define LANES_MANY 256
#define ROWS 4
#define LANES 96
#define LANES_FEW 32
#define CHUNK 16 /* elements of a loop of fixed length, which the compiler turns into vectors */

#define BETA_1 0.9F
#define BETA_2 0.999F
#define EPSILON 1e-8F

/* The sums lie in `out`. */
ALM_INLINE void affine_rows(const float *restrict x, const float *restrict w, size_t k_count,
                            size_t n_count, size_t lanes, float *restrict out)
{
    size_t k = 0;
    for (; k + ROWS <= k_count; k += ROWS) {
        const float *row = w + k * n_count;
        for (size_t n = 0; n < lanes; n++) {
            float sum = out[n];
            ALM_UNROLLED
            for (size_t r = 0; r < ROWS; r++) {
                sum = fmaf(x[k + r], row[r * n_count + n], sum);
            }
            out[n] = sum;
        }
    }
    for (; k < k_count; k++) {
        for (size_t n = 0; n < lanes; n++) {
            out[n] = fmaf(x[k], w[k * n_count + n], out[n]);
        }
    }
}

/* The sums lie in registers; up to LANES of them. */
ALM_INLINE void affine_lanes(const float *restrict x, const float *restrict w, size_t k_count,
                         size_t n_count, size_t lanes, float *restrict out)
{
    float sum[LANES];
    for (size_t n = 0; n < lanes; n++) {
        sum[n] = out[n];
    }
    for (size_t k = 0; k < k_count; k++) {
        const float *row = w + k * n_count;
        for (size_t n = 0; n < lanes; n++) {
            sum[n] = fmaf(x[k], row[n], sum[n]);
        }
    }
    for (size_t n = 0; n < lanes; n++) {
        out[n] = sum[n];
    }
}

ALM_WIDE_VECTORS
void almi_lanes_affine(const float *x, const float *w, size_t k_count, size_t n_count, float *out)
{
    size_t n = 0;
    for (; n + LANES_MANY <= n_count; n += LANES_MANY) {
        affine_rows(x, w + n, k_count, n_count, LANES_MANY, out + n);
    }
    for (; n + LANES <= n_count; n += LANES) {
        affine_lanes(x, w + n, k_count, n_count, LANES, out + n);
    }
    for (; n + LANES_FEW <= n_count; n += LANES_FEW) {
        affine_lanes(x, w + n, k_count, n_count, LANES_FEW, out + n);
    }
    for (; n + CHUNK <= n_count; n += CHUNK) {
        affine_lanes(x, w + n, k_count, n_count, CHUNK, out + n);
    }
    if (n < n_count) {
        affine_lanes(x, w + n, k_count, n_count, n_count - n, out + n);
    }
}

/* Outputs n .. n + CHUNK of ALMI_LANES_TOGETHER vectors: their sums are the registers. */
ALM_INLINE void affine_block(const float *const *x, const float *restrict w, size_t k_count,
                             size_t n_count, float *const *out, size_t n)
{
    float sum[ALMI_LANES_TOGETHER][CHUNK];
    const float *from[ALMI_LANES_TOGETHER];
    ALM_UNROLLED
    for (size_t r = 0; r < ALMI_LANES_TOGETHER; r++) {
        from[r] = x[r];
        memcpy(sum[r], out[r] + n, sizeof sum[r]);
    }
    for (size_t k = 0; k < k_count; k++) {
        const float *row = w + k * n_count + n;
        ALM_UNROLLED
        for (size_t r = 0; r < ALMI_LANES_TOGETHER; r++) {
            float own = from[r][k];
            for (size_t i = 0; i < CHUNK; i++) {
                sum[r][i] = fmaf(own, row[i], sum[r][i]);
            }
        }
    }
    ALM_UNROLLED
    for (size_t r = 0; r < ALMI_LANES_TOGETHER; r++) {
        memcpy(out[r] + n, sum[r], sizeof sum[r]);
    }
}

ALM_WIDE_VECTORS
void almi_lanes_affine_many(const float *const *x, const float *w, size_t k_count, size_t n_count,
                            float *const *out)
{
    size_t n = 0;
    for (; n + CHUNK <= n_count; n += CHUNK) {
        affine_block(x, w, k_count, n_count, out, n);
    }
    for (size_t r = 0; r < ALMI_LANES_TOGETHER && n < n_count; r++) {
        affine_lanes(x[r], w + n, k_count, n_count, n_count - n, out[r] + n);
    }
}

ALM_INLINE void outer_lanes(float x, const float *restrict d, size_t lanes, float *restrict row)
{
    for (size_t n = 0; n < lanes; n++) {
        row[n] = fmaf(x, d[n], row[n]);
    }
}

ALM_WIDE_VECTORS
void almi_lanes_outer(const float *x, const float *d, size_t k_count, size_t n_count, float *w)
{
    for (size_t k = 0; k < k_count; k++) {
        float *row = w + k * n_count;
        size_t n = 0;
        for (; n + CHUNK <= n_count; n += CHUNK) {
            outer_lanes(x[k], d + n, CHUNK, row + n);
        }
        outer_lanes(x[k], d + n, n_count - n, row + n);
    }
}

ALM_INLINE void outer_rows(const float *const *x, const float *const *d, size_t k, size_t lanes,
                           size_t n, float *restrict row)
{
    const float *from[ALMI_LANES_TOGETHER];
    float scale[ALMI_LANES_TOGETHER];
    ALM_UNROLLED
    for (size_t r = 0; r < ALMI_LANES_TOGETHER; r++) {
        from[r] = d[r] + n;
        scale[r] = x[r][k];
    }
    for (size_t i = 0; i < lanes; i++) {
        float sum = row[n + i];
        ALM_UNROLLED
        for (size_t r = 0; r < ALMI_LANES_TOGETHER; r++) {
            sum = fmaf(scale[r], from[r][i], sum);
        }
        row[n + i] = sum;
    }
}

ALM_WIDE_VECTORS
void almi_lanes_outer_many(const float *const *x, const float *const *d, size_t k_count,
                           size_t n_count, float *w)
{
    for (size_t k = 0; k < k_count; k++) {
        float *row = w + k * n_count;
        size_t n = 0;
        for (; n + LANES <= n_count; n += LANES) {
            outer_rows(x, d, k, LANES, n, row);
        }
        for (; n + CHUNK <= n_count; n += CHUNK) {
            outer_rows(x, d, k, CHUNK, n, row);
        }
        outer_rows(x, d, k, n_count - n, n, row);
    }
}

/* ---- exp(x) - 1 ----
 *
 * x = n log 2 + r with |r| <= log(2) / 2, then 2^n (exp(r) - 1) + (2^n - 1). The polynomial is the
 * one of Cephes' expf (Moshier), with the constant part of log 2 split so that n c1 is exact. */

#define LOG2_E 1.44269504F
#define LN2_HIGH 0.693359375F
#define LN2_LOW (-2.12194440e-4F)
#define ROUND 12582912.0F /* 1.5 2^23: adding it rounds to a whole number */
#define EXP_MAX 88.0F     /* beyond it sigmoid and tanh have reached their limits */

ALM_INLINE float expm1_lane(float x)
{
    x = x < -EXP_MAX ? -EXP_MAX : x;
    x = x > EXP_MAX ? EXP_MAX : x;
    float n = fmaf(x, LOG2_E, ROUND) - ROUND;
    float r = fmaf(n, -LN2_HIGH, x);
    r = fmaf(n, -LN2_LOW, r);
    float p = 1.9875691500e-4F;
    p = fmaf(p, r, 1.3981999507e-3F);
    p = fmaf(p, r, 8.3334519073e-3F);
    p = fmaf(p, r, 4.1665795894e-2F);
    p = fmaf(p, r, 1.6666665459e-1F);
    p = fmaf(p, r, 5.0000001201e-1F);
    float grown = fmaf(p, r * r, r);
    /* NaN (weights whose sums overflow) stays NaN by way of r; it has no integer. */
    int32_t whole = (int32_t)(n == n ? n : 0.0F);
    uint32_t bits = (uint32_t)(whole + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return fmaf(power, grown, power - 1.0F);
}

ALM_INLINE void sigmoid_lanes(float *restrict x, size_t lanes)
{
    for (size_t i = 0; i < lanes; i++) {
        x[i] = 1.0F / (2.0F + expm1_lane(-x[i]));
    }
}

ALM_WIDE_VECTORS
void almi_lanes_sigmoid(float *x, size_t count)
{
    size_t i = 0;
    for (; i + CHUNK <= count; i += CHUNK) {
        sigmoid_lanes(x + i, CHUNK);
    }
    sigmoid_lanes(x + i, count - i);
}

ALM_INLINE void tanh_lanes(float *restrict x, size_t lanes)
{
    for (size_t i = 0; i < lanes; i++) {
        float e = expm1_lane(-2.0F * fabsf(x[i]));
        x[i] = copysignf(e / (2.0F + e), x[i]);
    }
}

ALM_WIDE_VECTORS
void almi_lanes_tanh(float *x, size_t count)
{
    size_t i = 0;
    for (; i + CHUNK <= count; i += CHUNK) {
        tanh_lanes(x + i, CHUNK);
    }
    tanh_lanes(x + i, count - i);
}

void almi_lanes_transpose(const float *from, size_t k_count, size_t n_count, float *to)
{
    for (size_t k = 0; k < k_count; k++) {
        for (size_t n = 0; n < n_count; n++) {
            to[n * k_count + k] = from[k * n_count + n];
        }
    }
}

ALM_INLINE void adam_lanes(const almi_adam *adam, const float *restrict gradient, size_t lanes,
                       float *restrict first, float *restrict second, float *restrict parameter)
{
    for (size_t i = 0; i < lanes; i++) {
        float g = gradient[i] * adam->clip;
        first[i] = fmaf(BETA_1, first[i] - g, g);
        second[i] = fmaf(BETA_2, second[i] - g * g, g * g);
        float step = adam->rate * first[i] / (sqrtf(second[i] * adam->scale) + EPSILON);
        parameter[i] = parameter[i] - adam->decay * parameter[i] - step;
    }
}

ALM_WIDE_VECTORS
void almi_lanes_adam(const almi_adam *adam, const float *gradient, size_t count, float *first,
                     float *second, float *parameter)
{
    size_t i = 0;
    for (; i + CHUNK <= count; i += CHUNK) {
        adam_lanes(adam, gradient + i, CHUNK, first + i, second + i, parameter + i);
    }
    adam_lanes(adam, gradient + i, count - i, first + i, second + i, parameter + i);
}
