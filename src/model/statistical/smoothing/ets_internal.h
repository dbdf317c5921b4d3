/* ets_internal.h: one form of exponential smoothing, between the choice (ets.c) and the fit
 * (ets_fit.c). Not for other files. */
#ifndef ALM_MODEL_STATISTICAL_SMOOTHING_ETS_INTERNAL_H
#define ALM_MODEL_STATISTICAL_SMOOTHING_ETS_INTERNAL_H

#include <math.h>

#include "base/wide_vectors.h"
#include "model/statistical/adjusted.h"
#include "model/statistical/smoothing/ets.h"

#define ALMI_ETS_LOW 1e-4 /* of alpha, beta and gamma */

typedef enum almi_ets_care {
    ALMI_ETS_QUICK,    /* the likelihood, from two starts */
    ALMI_ETS_THOROUGH, /* and from where fits with the prior end */
    ALMI_ETS_CAUTIOUS  /* with the prior of ets.h */
} almi_ets_care;

typedef struct almi_ets {
    alm_ets_form form;
    alm_adjustment by; /* the factor only */
    size_t season;     /* 1 without one */
    size_t t;
    double alpha, beta, gamma, phi;
    double level, slope;
    double *index; /* by phase */
    double geometric; /* mean of the means of the past, of a relative form that is fitted */
    double variance, log_likelihood, aicc;
    double criterion; /* aicc of the values over the factor: the same in all units */
    size_t parameters;
    almi_ets_care care;
} almi_ets;

typedef struct almi_ets_state {
    double level, slope;
    double *index;
} almi_ets_state;

/* The mean of the next period; moves the state on with y, or with the mean where y is NaN. Written
 * for one form at a time: the compiler drops what the form has not. */
ALM_INLINE double almi_ets_pass(const alm_ets_form *form, const almi_ets *p, almi_ets_state *s,
                                size_t phase, double y)
{
    double slope = form->trend ? p->phi * s->slope : 0;
    double whole = s->level + slope;
    double index = form->season ? s->index[phase] : 0;
    double mean = form->season == ALM_ETS_ADDITIVE         ? whole + index
                  : form->season == ALM_ETS_MULTIPLICATIVE ? whole * index
                                                           : whole;
    double e = isnan(y) ? 0 : y - mean;
    double to_level = form->season == ALM_ETS_MULTIPLICATIVE ? e / index : e;
    s->level = whole + p->alpha * to_level;
    if (form->trend) {
        s->slope = slope + p->beta * to_level;
    }
    if (form->season) {
        double own = form->season == ALM_ETS_MULTIPLICATIVE ? e / whole : e;
        s->index[phase] = index + p->gamma * own;
    }
    return mean;
}

/* X(error, trend, season, damped does not matter here) */
#define ALMI_ETS_FORMS(X)                                                                    \
    X(ADDITIVE, NONE, NONE) X(ADDITIVE, ADDITIVE, NONE) X(MULTIPLICATIVE, NONE, NONE)    \
    X(MULTIPLICATIVE, ADDITIVE, NONE) X(ADDITIVE, NONE, ADDITIVE)                        \
    X(ADDITIVE, ADDITIVE, ADDITIVE) X(MULTIPLICATIVE, NONE, ADDITIVE)                    \
    X(MULTIPLICATIVE, ADDITIVE, ADDITIVE) X(ADDITIVE, NONE, MULTIPLICATIVE)              \
    X(ADDITIVE, ADDITIVE, MULTIPLICATIVE) X(MULTIPLICATIVE, NONE, MULTIPLICATIVE)        \
    X(MULTIPLICATIVE, ADDITIVE, MULTIPLICATIVE)

/* One way through a past. */
typedef struct almi_ets_walk {
    const alm_adjusted *past;
    almi_ets *p;      /* the form, and room for parameters */
    double *index;    /* season: room for the walk */
    double *relative; /* count: room for relative errors */
    double *slopes;   /* ALMI_ETS_SLOPES x stride: room for derivatives */
    size_t first;     /* of the parameters: that of the level */
    int rounds;       /* of the search */
    /* parameters: where the prior draws them to, and how much of an error 1 off is; NULL: none */
    const double *toward, *pull;
} almi_ets_walk;

#define ALMI_ETS_SLOPES(season) (3 + (season))

/* Derivatives of the errors by the parameters, as alm_residual_rows. `seed`: those of alpha, beta,
 * gamma and phi by the first four parameters; `geometric`: of the means, of a relative form. The
 * walk's index is at its start, and at its end after it. */
void almi_ets_slopes(const almi_ets_walk *w, const double seed[4][4], double geometric,
                     size_t stride, double *rows);

/* Without the variance. */
size_t almi_ets_parameters(const alm_ets_form *form, size_t season);

/* Fits the form of p, which holds its adjustment, season, number of parameters, care and room
 * for its indices. False: the seasons are not whole enough for indices, or no error is finite. */
bool almi_ets_fit(const alm_adjusted *past, almi_ets *p, alm_arena *arena);

#endif
