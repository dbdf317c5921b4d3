/* ets.h: exponential smoothing in state space form: Hyndman, Koehler, Ord, Snyder, "Forecasting
 * with Exponential Smoothing" (2008); the recursions are those of R's `ets`.
 *
 *   error   additive, or multiplicative: relative to the mean
 *   trend   none, additive, additive damped
 *   season  none, additive, multiplicative
 *
 * Parameters keep to the usual region (1e-4 <= alpha <= .9999, 1e-4 <= beta <= alpha,
 * 1e-4 <= gamma <= 1 - alpha, .8 <= phi <= .98) and are fitted by maximum likelihood together with
 * all initial states. Multiplicative parts need values above 0.
 *
 * THE FIT. R runs a simplex over up to 17 parameters, which stops early and leaves what it found
 * near its start. The likelihood of every form here is a sum of squares: of the errors, and of a
 * multiplicative form of errors times the geometric mean of the means. So Levenberg and Marquardt's
 * method finds the optimum in some ten rounds (num/least_squares.h), from several starts.
 *
 * THE CHOICE IS CAUTIOUS. Where a form is asked for, and in the averages, it is the likeliest one.
 * `alm_ets` alone, which stakes all on one form, fits with a mild prior, as if a few more errors
 * were squared: level and indices before the first period lie where the search starts (a line
 * through the first seasons, classical indices), as 3 more periods would say; and beta lies near
 * a twentieth of its range: in the search's number without bounds, 1.5 times the root mean square
 * of the changes from season to season (of a form without one, from period to period), for each 1.
 * The longer a past, the less of that is left.
 * And with a season a trend is damped. The log-likelihood and AICc that are stated, and chosen by,
 * are those of the values alone, at these parameters. */
#ifndef ALM_MODEL_STATISTICAL_SMOOTHING_ETS_H
#define ALM_MODEL_STATISTICAL_SMOOTHING_ETS_H

#include "model/statistical/statistical.h"

typedef enum alm_ets_part { ALM_ETS_NONE, ALM_ETS_ADDITIVE, ALM_ETS_MULTIPLICATIVE } alm_ets_part;

typedef struct alm_ets_form {
    alm_ets_part error, trend, season; /* trend: none or additive */
    bool is_damped;                    /* of a trend */
} alm_ets_form;

typedef struct alm_ets_facts {
    alm_ets_form form;
    double alpha, beta, gamma, phi; /* NaN: the form has none */
    double log_likelihood;          /* as R states it: of the errors up to a constant of n */
    double aicc;
    double variance; /* of an error */
    size_t parameters;
} alm_ets_facts;

/* One form, as a state of alm_ets. ALM_ERR_INCOMPLETE: fewer known values than its parameters and
 * 5; ALM_ERR_INVALID: multiplicative, and a value is not above 0. */
ALM_NODISCARD alm_err alm_ets_fit(const alm_past *past, const alm_ets_form *form, alm_arena *arena,
                                  void **state, alm_error *error);
void alm_ets_describe(const void *state, alm_ets_facts *out);
/* "AAdN" as ETS(A,Ad,N) is usually written; `out` has 5 bytes. */
void alm_ets_form_text(const alm_ets_form *form, char out[5]);

/* Longer seasons are no part of a form: alm_ets takes them out before, as theta does (adjusted.h),
 * and puts them back. */
#define ALM_ETS_SEASON_MAX 24

/* The form with the lowest AICc of those that the past has values for, fitted with the prior above,
 * without additive errors under a multiplicative season, which is not stable (as R), and with a
 * season without a trend that goes on for ever. Falls back to the mean of what is
 * known where no form has enough values. */
extern const alm_forecaster_kind alm_ets;

/* One form each, under its usual name. Without a season (or with one that is taken out) Holt's and
 * Winters' is Holt's. Winters' multiplicative one minimises relative errors, ETS(M,A,M); where a
 * value is not above 0 it is the additive one (alm_ets_describe says which). */
extern const alm_forecaster_kind alm_ses;          /* simple: ETS(A,N,N) */
extern const alm_forecaster_kind alm_holt;         /* and a trend: ETS(A,A,N) */
extern const alm_forecaster_kind alm_holt_damped;  /* ETS(A,Ad,N) */
extern const alm_forecaster_kind alm_holt_winters; /* ETS(A,A,A) */
extern const alm_forecaster_kind alm_holt_winters_multiplicative;

/* All forms without a trend or with a damped one, weighted by how well they fit
 * (alm_combination_weigh, strength .1). A trend without damping goes on for ever, which few series
 * do. ALM_ERR_INCOMPLETE: no form has enough values. */
extern const alm_forecaster_kind alm_ets_averaged;

#endif
