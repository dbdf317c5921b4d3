/* reliability.c: how true probabilities are: Brier score, log loss, calibration error, curve. */
#include "model/ensemble/calibrator.h"
#include "num/elementary.h"

#include <math.h>

static size_t largest_of(const double *p, size_t count)
{
    size_t best = 0;
    for (size_t k = 1; k < count; k++) {
        best = p[k] > p[best] ? k : best;
    }
    return best;
}

alm_reliability alm_reliability_of(const alm_calibration_data *d, size_t bins, alm_arena *arena)
{
    alm_reliability r = {.bin_count = bins, .bin = ALM_NEW_ARRAY(arena, alm_reliability_bin, bins)};
    double mass = 0;
    alm_assert(bins > 0);
    for (size_t i = 0; i < d->count; i++) {
        const double *p = d->probability + i * d->classes;
        double weight = d->weight ? d->weight[i] : 1;
        size_t top = largest_of(p, d->classes);
        size_t bin = (size_t)(p[top] * (double)bins);
        alm_reliability_bin *b = &r.bin[bin < bins ? bin : bins - 1];
        double occurred = p[d->label[i]];
        for (size_t k = 0; k < d->classes; k++) {
            double gap = p[k] - (k == d->label[i] ? 1 : 0);
            r.brier += weight * gap * gap;
        }
        r.log_loss -= weight * alm_log(occurred > 1e-15 ? occurred : 1e-15);
        b->weight += weight;
        b->probability += weight * p[top];
        b->frequency += top == d->label[i] ? weight : 0;
        mass += weight;
    }
    for (size_t b = 0; b < bins; b++) {
        r.ece += fabs(r.bin[b].frequency - r.bin[b].probability) / mass;
        r.bin[b].probability /= r.bin[b].weight > 0 ? r.bin[b].weight : 1;
        r.bin[b].frequency /= r.bin[b].weight > 0 ? r.bin[b].weight : 1;
    }
    r.brier /= mass;
    r.log_loss /= mass;
    return r;
}
