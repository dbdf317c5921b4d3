/* several_seasons.h: whether the longer seasons of a series are worth using.
 *
 * A series that wanders seems to have a season of a year when a few years of it are known, and a
 * forecast that repeats it is far off. So both are tried on the series' own past: alm_mstl with all
 * seasons and alm_auto with the shortest are fitted at the oldest of up to ALM_SEASONS_ORIGINS
 * origins, a horizon apart, which has half of the past and two cycles of the longest season behind
 * it, and moved on by what came. The longer seasons are used when absolute errors are smaller with
 * them by more than the standard error of that gain over the origins; not when there are not two.
 *
 * Pure functions; memory is that of `arena`. */
#ifndef ALM_PIPELINE_SEVERAL_SEASONS_H
#define ALM_PIPELINE_SEVERAL_SEASONS_H

#include "model/statistical/automatic/mstl.h"

#define ALM_SEASONS_ORIGINS 13

typedef struct alm_seasons {
    const size_t *steps; /* rising; below two of them: past->season alone */
    size_t count;
} alm_seasons;

/* With the seasons where the kind is alm_mstl and there are several; else as kind->fit. Errors:
 * those of either. */
ALM_NODISCARD alm_err alm_seasons_fit(const alm_forecaster_kind *kind, alm_seasons seasons,
                                      const alm_past *past, alm_arena *arena, void **state);

/* Several seasons, of which past->season is the shortest; `steps`: the horizon. */
bool alm_seasons_are_better(alm_seasons seasons, const alm_past *past, size_t steps,
                            alm_arena *arena);

#endif
