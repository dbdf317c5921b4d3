/* loess.h: local regression over equally spaced values, as STL smooths with it: Cleveland,
 * Cleveland, McRae, Terpenning, "STL: A Seasonal-Trend Decomposition Procedure Based on Loess",
 * Journal of Official Statistics 6 (1990); the procedures `ess` and `est` of its Fortran program.
 *
 * At a point x, the `window` values nearest to it have the tricube weight (1 - (d / h)^3)^3 of
 * their distance d; h is the largest distance, more where the window is wider than all values. A
 * constant or a line is fitted to them, and its value at x is the smooth. With `jump` > 1 that is
 * done at every jump-th point and the last one, and between them goes a straight line.
 *
 * A PLAN. The weights depend on the number of values and on nothing of them, and most points lie in
 * the middle of their window, where they are all the same. So they are computed once, for as many
 * series of one length as there are; without weights of the values a smooth is then one product of
 * weights and values a point.
 *
 * VALUES THAT ARE NOT KNOWN are NaN and have the weight 0: windows reach as far as they would with
 * them. A point in whose window nothing has a weight is its own value, as in the Fortran program;
 * if that is unknown it lies on the line between the nearest smoothed points. */
#ifndef ALM_MODEL_STATISTICAL_DECOMPOSITION_LOESS_H
#define ALM_MODEL_STATISTICAL_DECOMPOSITION_LOESS_H

#include "base/arena.h"

typedef struct alm_loess_shape {
    size_t window; /* odd, >= 3 */
    size_t jump;   /* >= 1 */
    int degree;    /* 0: constant, 1: line */
} alm_loess_shape;

typedef struct alm_loess {
    alm_loess_shape shape;
    size_t count;        /* values, >= 1 */
    size_t width;        /* of a window: not more than count */
    bool is_weighted;    /* by weights of the values, too */
    const double **row;  /* by smoothed point: width weights of the window's values */
    const double *before, *after; /* one step outside: at -1 and at count */
} alm_loess;

/* For series of `count` values; in `arena`. */
alm_loess alm_loess_plan(const alm_loess_shape *shape, size_t count, bool is_weighted,
                         alm_arena *arena);

/* out[count]. `weight` (count, >= 0; 0 for what is unknown) of a weighted plan, else NULL, and
 * nothing is unknown then. All finite if one value is known; else NaN. Pure. */
void alm_loess_smooth(const alm_loess *plan, const double *y, const double *weight, double *out);

/* One step outside of the values: *before at -1, *after at count; NaN: nothing in the window has a
 * weight. */
void alm_loess_outside(const alm_loess *plan, const double *y, const double *weight,
                       double *before, double *after);

#endif
