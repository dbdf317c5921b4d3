/* ces_slopes.h: the errors of complex exponential smoothing over a past, and how they change with
 * the parameters. Not for other files than ces.c. */
#ifndef ALM_MODEL_STATISTICAL_SMOOTHING_CES_SLOPES_H
#define ALM_MODEL_STATISTICAL_SMOOTHING_CES_SLOPES_H

#include "base/wide_vectors.h"
#include "model/statistical/adjusted.h"
#include "model/statistical/smoothing/ces.h"

#define ALMI_CES_PARAMETERS_MAX 4

typedef struct almi_ces_pair { /* a complex level */
    double l, c;
} almi_ces_pair;

ALM_INLINE almi_ces_pair almi_ces_move(almi_ces_pair s, double a0, double a1, double e)
{
    return (almi_ces_pair){s.l - (1 - a1) * s.c + (a0 - a1) * e,
                           s.l + (1 - a0) * s.c + (a0 + a1) * e};
}

/* What is known of a past: the states before it, and room for a walk. */
typedef struct almi_ces_walk {
    const alm_adjusted *past;
    alm_ces_season form;
    size_t season;              /* 1 without one */
    almi_ces_pair first;        /* the level */
    const almi_ces_pair *phase; /* season */
    struct almi_ces_moving *moving; /* season: room */
    double *rows; /* count x ALMI_CES_PARAMETERS_MAX: derivatives of the errors; a multiple of 32 */
} almi_ces_walk;

void almi_ces_walk_init(almi_ces_walk *walk, alm_arena *arena);

/* Forward, back and forward through the past with the parameters x (a0, a1, b0, b1; of
 * ALM_CES_SIMPLE a0 and a1 are those of the phases): the errors of the last way into r, their
 * derivatives into walk->rows, and the states behind the past. Where all values are known and there
 * are no phases, the way back starts no farther behind than what it brings along to the start
 * counts (below the last bit); and the way before it, which only gives its start, is left out. */
void almi_ces_follow(const almi_ces_walk *walk, const double *x, double *r, almi_ces_pair *level,
                     almi_ces_pair *phase);

#endif
