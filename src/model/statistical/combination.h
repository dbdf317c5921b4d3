/* combination.h: several fitted forecasters of one series as one.
 *
 * The mean is the weighted mean of the parts' means. The value at probability u is that of the
 * parts' values at u (averaged quantiles: Lichtendahl, Grushka-Cockayne, Winkler, "Is it better to
 * average probabilities or quantiles?", Management Science 59 (2013)), so the deviation is the
 * weighted mean of the deviations: as if the parts' errors were one, which errors of one series
 * nearly are. Every part gets every value that comes.
 *
 * A value as expected leaves each part's forecast only where the parts agree; else they come closer
 * to each other.
 *
 * Kinds that are combinations fit their parts and take their other functions from here. Thread
 * safety: as statistical.h. */
#ifndef ALM_MODEL_STATISTICAL_COMBINATION_H
#define ALM_MODEL_STATISTICAL_COMBINATION_H

#include "model/statistical/statistical.h"

#define ALM_COMBINATION_PARTS_MAX 16

typedef struct alm_combination_part {
    const alm_forecaster_kind *kind;
    void *state;
    double weight; /* > 0 */
} alm_combination_part;

typedef struct alm_combination { /* a state */
    alm_combination_part part[ALM_COMBINATION_PARTS_MAX];
    size_t count; /* >= 1 */
} alm_combination;

/* Weights that are brought to a sum of 1. */
void alm_combination_even_out(alm_combination *c);

/* Weights exp(-strength (criterion - lowest)), those below a hundredth of the largest left out (the
 * part too). `strength` .5 gives Akaike weights; less is milder: Burnham and Anderson, "Model
 * Selection and Multimodel Inference" (2002), 2.9. */
void alm_combination_weigh(alm_combination *c, const double *criterion, double strength);

/* The slots of an alm_forecaster_kind. */
void alm_combination_update(void *state, double y);
void alm_combination_mean(const void *state, size_t steps, double *out);
void alm_combination_deviation(const void *state, size_t steps, double *out);
void *alm_combination_copy(const void *state, alm_arena *arena, void *into);
double alm_combination_next(const void *state, double u);

#define ALM_COMBINATION_KIND(name, fit)                                                  \
    {name, fit, alm_combination_update, alm_combination_mean, alm_combination_deviation, \
     alm_combination_copy, alm_combination_next, {.is_surprised = true}}

#endif
