/* count.h: a stochastic model of counted demand: whether there is demand, and how much.
 *
 *   y_t = 0 with probability 1 - p, else 1 + s        s is negative binomial of mean m
 *   period over        n += 1    p += ([y > 0] - p) / n
 *   demand over        k += 1    m += (s - m) / k
 *   then forgotten     n = w n + (1 - w) n_0, p the mean of p and p_0 with these two weights;
 *                      at demands the same of m and k;                   w = 1 - 1 / memory
 *   then faded         p and p_0, m and m_0 lose a share of themselves in every period
 *
 * The first three lines are Bayes's rule for a beta and a gamma prior (Harvey and Fernandes, "Time
 * series models for count or qualitative observations", Journal of Business and Economic Statistics
 * 7 (1989)), where what is forgotten is replaced by the start and not by nothing: rare demand comes
 * back and frequent demand does not last. In the long run these are the updates of TSB (croston.h)
 * drawn to a mean, and early on they learn as a mean does, so there is no first level to be fitted.
 * The variance of s over m is (1 + excess) (1 + 1 / k): that of sizes, and of what is not known of
 * their mean. A hurdle and not one distribution of all, because rare demand is often not small.
 *
 * PARAMETERS. By itself, a series has two memories and the excess from maximum likelihood one
 * period ahead (memories on a grid of half octaves), starts at its own means and does not fade.
 * Thin series say little about any of them: `alm_count_common_fit` fits all parameters and the
 * start to many series together, each from its first demand on, since what is zero before may not
 * have been sold yet. A series is then fitted with a penalty for each e-fold away from the common
 * memories and excess; its weight is `strength`. Fading is a life cycle, such as of parts of old
 * machines; it is in common only, as one series cannot tell it from chance. Pool series of one
 * kind.
 *
 * CENSORED DEMAND. In a period that was sold out, the sales are a lower bound. A period is known,
 * at least a value, or not known; sold out with nothing sold says nothing and is as not known. A
 * bound enters the likelihood as P(y >= bound), and moves the state by E[y | y >= bound] under the
 * distribution of that time, with the weight 1 - Var(s | bound) / Var(s), which is the share of the
 * information that is left. The mark is an argument of its own and no field of alm_past, because a
 * forecaster that knows nothing of it would take a bound for demand and not say so.
 *
 * VALUES are whole numbers from 0 to 1e9. Others: ALM_ERR_INVALID or ALM_ERR_NUMERIC. A later value
 * is rounded half up and brought into that range. */
#ifndef ALM_MODEL_STATISTICAL_RARE_COUNT_H
#define ALM_MODEL_STATISTICAL_RARE_COUNT_H

#include "model/statistical/statistical.h"

#define ALM_COUNT_VALUE_MAX 1e9

typedef struct alm_count_past {
    const double *y;      /* NaN: not known */
    size_t count;
    const uint8_t *bound; /* 1: y is a lower bound (sold out); NULL: none is */
} alm_count_past;

typedef struct alm_count_parameters {
    double memory_demand; /* periods, 2..1024 */
    double memory_size;   /* demands, 2..1024 */
    double excess;        /* .001..1000 */
    double fade_demand;   /* .5..1: what is left of p and p_0 a period later */
    double fade_size;     /* the same of m and m_0 */
} alm_count_parameters;

typedef struct alm_count_start {
    double probability, probability_weight; /* p_0 in (0, 1); n_0 in periods, .01..1e6 */
    double size, size_weight;               /* m_0 > 0; k_0 in demands, .01..1e6 */
} alm_count_start;

/* What series have in common. */
typedef struct alm_count_common {
    alm_count_parameters parameters;
    alm_count_start start;
    double strength; /* >= 0; INFINITY: the common parameters as they are */
} alm_count_common;

/* By maximum likelihood over all series together, coordinate by coordinate; strength is
 * ALM_COUNT_STRENGTH. Series without a demand are left out. ALM_ERR_INCOMPLETE: no series has one;
 * what a series is refused for comes with its number. Costs some 500 passes over all values: a
 * sample of some 1,000 series of one kind does. */
#define ALM_COUNT_STRENGTH 4
ALM_NODISCARD alm_err alm_count_common_fit(const alm_count_past *pasts, size_t count,
                                           alm_arena *arena, alm_count_common *out,
                                           alm_error *error);

/* A state of alm_count. `common` NULL: by itself, with a weak pull to memories of 32 and an excess
 * of 1. With `common`, a series without a demand has its own small probability of one (half a
 * demand in all its periods and one more) and sizes in common. ALM_ERR_INVALID: common parameters
 * are not within their bounds. */
ALM_NODISCARD alm_err alm_count_fit(const alm_count_past *past, const alm_count_common *common,
                                    alm_arena *arena, void **state, alm_error *error);

/* The period passes with demand of at least `bound`. */
void alm_count_update_bound(void *state, double bound);

/* P(y <= value) of the next period. */
double alm_count_cdf(const void *state, double value);

typedef struct alm_count_facts {
    alm_count_parameters parameters;
    double probability;    /* of demand in the next period */
    double size;           /* mean of a demand, 1 + m */
    double log_likelihood; /* of what the fit saw, one period ahead */
} alm_count_facts;

void alm_count_describe(const void *state, alm_count_facts *out);

/* Without bounds and by itself. Means and deviations further ahead than one period are those of the
 * model but for what p and m have to do with each other, some percent of a deviation. */
extern const alm_forecaster_kind alm_count;

#endif
