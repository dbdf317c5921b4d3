/* arima_minimise.h: the minimum of log(sum of squares) + log(determinant) / n, as the likelihood of
 * a model with Normal errors of unknown size is.
 *
 * Levenberg and Marquardt's method with the curvature of the sum of squares alone, derivatives by
 * differences, and the damping of Nielsen (1999), "Damping parameter in Marquardt's method". Unlike
 * num/least_squares.h it looks at how well its picture told the last step: mixed ARMA orders have
 * ridges, where a step that is always somewhat too long goes to and fro. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_MINIMISE_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_MINIMISE_H

#include "base/arena.h"

#define ALMI_POINTS 4 /* that are looked at together */

typedef struct almi_points {
    double log_det[ALMI_POINTS];
    bool is_known[ALMI_POINTS]; /* false: the point is outside of the domain */
} almi_points;

typedef struct almi_minimum {
    /* Fills r[t * stride + l], t < length, with the residuals at point l, x[l * parameters ..];
     * those of points outside may be of any kind. r lies on a multiple of 32 bytes. */
    void (*whiten)(void *context, const double *x, size_t stride, double *r, almi_points *out);
    void *context;
    bool is_dear; /* points take their time one after the other; those that come again do not */
    size_t length;
    double n;
    size_t parameters; /* >= 1; a change of 1 matters in each */
    int rounds_max;    /* accepted steps */
    double tolerance;  /* ends when a step improves by less */
} almi_minimum;

/* In: the start; out: the best point, and *value there. False: the start is outside of the domain,
 * nothing is changed. Temporaries in `scratch`. */
bool almi_minimise(const almi_minimum *problem, alm_arena *scratch, double *x, double *value);

#endif
