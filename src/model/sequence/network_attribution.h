/* network_attribution.h: what every step and feature of a window adds to an output of a net:
 * integrated gradients (Sundararajan, Taly, Yan 2017).
 *
 * With a baseline window b, a window x and an output f, the attribution of step t and feature j is
 *   (x_tj - b_tj) times the integral over a from 0 to 1 of df/dx_tj at b + a (x - b),
 * and all of them sum to f(x) - f(b). The net is computed in double (network_double.h); x and b
 * are rounded to float first, as the net does.
 *
 * The integral is cut in halves, and those again, by Gauss-Legendre with 5 points each, until the
 * attributions of a part no longer change and sum to the difference of f over it. So a smooth net
 * (LSTM, GRU) needs a few dozen gradients, and one with relus (TCN) cuts where they switch. What
 * is given out has passed both checks over the whole path, within the tolerance: a window that
 * does not reach it is an error, never a wrong explanation. A part whose gradient differs from 0
 * only between the points, and less than an eighth of the way, can still hide from both checks.
 *
 * Attributions are exact for a linear net; 0 where x and b are equal, and where f does not depend
 * on the input. They explain the difference to the baseline that was chosen, nothing else: a
 * window of zeros is a choice too. Bits depend neither on the CPU nor on threads nor on the other
 * windows. */
#ifndef ALM_MODEL_SEQUENCE_NETWORK_ATTRIBUTION_H
#define ALM_MODEL_SEQUENCE_NETWORK_ATTRIBUTION_H

#include "base/pool.h"
#include "model/sequence/network.h"

#define ALM_ATTRIBUTION_TOLERANCE 1e-4
#define ALM_ATTRIBUTION_EVALUATIONS 20000

/* The net's weights in double, twice: 16 bytes a parameter. Immutable, shared by threads; borrows
 * the net. */
typedef struct alm_network_explainer alm_network_explainer;
ALM_NODISCARD alm_err alm_network_explainer_create(const alm_network *network,
                                                   alm_network_explainer **out, alm_error *error);
void alm_network_explainer_destroy(alm_network_explainer *explainer); /* takes NULL */

typedef struct alm_attribution_request {
    const alm_network_windows *windows;
    const double *baseline; /* steps x features, for all windows; NULL: zeros */
    size_t output;
    bool after_head; /* of what the head makes of it: a probability, the output-th quantile; false:
                      * of the raw output */
    double tolerance; /* of the sum of the magnitudes; 0: ALM_ATTRIBUTION_TOLERANCE */
    size_t evaluations_max; /* gradients for a window; 0: ALM_ATTRIBUTION_EVALUATIONS */
    alm_pool *pool;         /* of windows; NULL: the caller's thread */
    uint64_t first;         /* windows before these: messages count from there */
} alm_attribution_request;

typedef struct alm_attribution_facts {
    double value, baseline_value; /* f(x), f(b) */
    double gap;         /* sum of the attributions - (f(x) - f(b)) */
    double change;      /* sum of what the last halving changed: an upper guess of the error */
    size_t evaluations; /* gradients that it took */
} alm_attribution_facts;

/* out: count x steps x features; facts: count, or NULL. ALM_ERR_INVALID: the request.
 * ALM_ERR_NUMERIC: an input that is not finite (window, step and feature are named), weights whose
 * sums overflow, or a window that did not reach the tolerance: the message says what remained.
 * ALM_ERR_LIMIT, ALM_ERR_MEMORY. Outputs are untouched then. */
ALM_NODISCARD alm_err alm_network_attribute(const alm_network_explainer *explainer,
                                            const alm_attribution_request *request, double *out,
                                            alm_attribution_facts *facts, alm_error *error);

#endif
