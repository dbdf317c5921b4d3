/* arima_whiten.h: errors of unit variance in the place of the values of an ARMA process, without
 * values that are not known.
 *
 * Given what the periods before the first leave behind (a state b of `width` numbers with
 * covariance V = L L'), errors are a recursion: ma(B) a = ar(B) w - b. So a = a0 - Z b, with a0
 * the errors for b = 0 and Z of columns that are all the impulse response of 1 / ma(B), shifted;
 * and b is estimated together with the errors: u = L^-1 b minimises |a0 - Z L u|^2 + |u|^2. Then
 *
 *   w' R^-1 w = |a|^2 + |u|^2,   |R| = |I + L' Z'Z L|
 *
 * with R the covariance of w for errors of variance 1. Z' is a recursion backwards in time (the
 * backcasting of Box and Jenkins), and Z'Z follows from its first row. Responses that have fallen
 * to nothing are not followed further, so the exact likelihood takes one to three passes over the
 * values and some width^3 steps, where a Kalman filter takes width^2 steps for each value. Both
 * are the same number (a test).
 *
 * LANES. A recursion waits for its last step most of the time, so ALMI_LANES models, which have the
 * same lags and other coefficients (a point of a search and its differences), go side by side at
 * about the price of one. Every number is `lanes` of them, one for each model. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_WHITEN_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_WHITEN_H

#include "base/wide_vectors.h"
#include "model/statistical/arima/arima_polynomial.h"

#define ALMI_LANES 4
typedef double almi_lanes __attribute__((vector_size(8 * ALMI_LANES)));

typedef struct almi_lane_terms {
    size_t count, degree;
    size_t lag[ALMI_TERMS_MAX];
    almi_lanes c[ALMI_TERMS_MAX];
} almi_lane_terms;

typedef struct almi_whitener {
    size_t n, room; /* values; the largest width */
    size_t width;   /* of the models it is ready for */
    size_t reach;   /* periods until the response to an error is over */
    almi_lane_terms ar, ma;
    bool is_sparse; /* no autoregressive part */
    bool is_known[ALMI_LANES];  /* the covariance of this model can be worked with */
    double log_det[ALMI_LANES]; /* log |R| */
    almi_lanes *u;      /* L', upper; where not sparse */
    almi_lanes *factor; /* of I + L' Z'Z L, upper */
    almi_lanes *response, *forward, *backward, *gram, *product, *state;
    double *covariance, *scratch;
} almi_whitener;

/* For models of at most this width; in `arena`. */
void almi_whitener_init(almi_whitener *w, size_t n, size_t width_max, alm_arena *arena);

/* Of ALMI_LANES models with the same lags. Where is_known is false a lane holds numbers of no
 * meaning from now on. */
void almi_whitener_set(almi_whitener *w, const almi_arma *arma);

/* Lane l of out[t * stride], t < n + width: numbers whose inner products are those of R^-1 of
 * model l. Lanes lie on multiples of 32 bytes. */
void almi_whiten(almi_whitener *w, const double *values, size_t stride, double *out);

#endif
