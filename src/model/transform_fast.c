/* transform_fast.c: the formulas of transform.c for many rows at once. */
#include "model/transform.h"

#include "num/vector_elementary.h"

#define BLOCK 128 /* rows of a variance at a time */

/* What the library computes from: a float of the score, or the score over the trees' number. */
static void prepare(const alm_transform *t, const double *raw, size_t count, double *out)
{
    double slope = t->kind == ALM_TRANSFORM_SIGMOID && !t->single ? t->slope : 1.0;
    for (size_t i = 0; i < count; i++) {
        double value = t->divisor != 1.0 ? raw[i] / t->divisor : raw[i];
        out[i] = t->single ? (double)(float)value : slope * value;
    }
}

/* The second of two scores; `out` holds both. */
static void apply_variance(size_t n, double *out)
{
    double twice[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t count = n - first < BLOCK ? n - first : BLOCK;
        double *pair = out + first * 2;
        for (size_t i = 0; i < count; i++) {
            twice[i] = pair[i * 2 + 1] * 2.0;
        }
        alm_exp_each(twice, count, twice);
        for (size_t i = 0; i < count; i++) {
            pair[i * 2 + 1] = twice[i];
        }
    }
}

void alm_transform_apply_fast(const alm_transform *t, const double *raw, size_t n, double *out)
{
    size_t count = n * t->input_count;
    switch (t->kind) {
    case ALM_TRANSFORM_SIGMOID:
    case ALM_TRANSFORM_LOGISTIC:
        prepare(t, raw, count, out);
        alm_sigmoid_each(out, count, out);
        break;
    case ALM_TRANSFORM_SOFTMAX:
    case ALM_TRANSFORM_SOFTMAX_PLAIN:
        prepare(t, raw, count, out);
        alm_softmax_rows(out, n, t->input_count, out);
        break;
    case ALM_TRANSFORM_EXP:
        prepare(t, raw, count, out);
        alm_exp_each(out, count, out);
        break;
    case ALM_TRANSFORM_LOG1P_EXP:
        prepare(t, raw, count, out);
        alm_softplus_each(out, count, out);
        break;
    case ALM_TRANSFORM_VARIANCE:
        prepare(t, raw, count, out);
        apply_variance(n, out);
        break;
    default: /* no exp in it */
        alm_transform_apply(t, raw, n, out);
        return;
    }
    for (size_t i = 0; t->single && i < count; i++) {
        out[i] = (double)(float)out[i];
    }
}
