#include "num/censored_demand.h"

#include <math.h>
#include <stdbool.h>

#include "num/negative_binomial.h"

#define KEPT .95 /* weight a period later */
#define PRIOR_PERIODS 5
#define PRIOR_RATIO 2
#define PRIOR_RATIO_SQUARED .25
#define FINE 1000
#define OVER_MIN 1e-3
#define RATIO_MAX 1e6
#define COUNT_MAX 1e9 /* above it a bound is taken as it is */
#define TIMES_MAX 2
#define MEAN_MIN 1e-3 /* of a bound, that the mean is taken for at least */

static double at_least(double x, double least)
{
    return x > least ? x : least;
}

/* Variance over mean, or over its square. */
static double ratio_of(const alm_censored_demand *s, double mean)
{
    bool counts = s->fractions == 0;
    double weight = PRIOR_PERIODS * (counts ? mean : mean * mean);
    double prior = counts ? PRIOR_RATIO : PRIOR_RATIO_SQUARED;
    double ratio = (s->squares + prior * weight) /
                   ((counts ? s->means : s->mean_squares) + weight);
    return ratio < RATIO_MAX ? ratio : RATIO_MAX; /* NaN too */
}

static alm_truncated_moments above(const alm_censored_demand *s, double mean, double c)
{
    double ratio = ratio_of(s, mean);
    if (s->fractions == 0) {
        return mean <= COUNT_MAX && c <= COUNT_MAX
                   ? alm_negative_binomial_above(
                         (alm_negative_binomial){mean, mean / at_least(ratio - 1, OVER_MIN)}, c)
                   : (alm_truncated_moments){c, 0};
    }
    double unit = mean / FINE;
    alm_truncated_moments m = alm_negative_binomial_above(
        (alm_negative_binomial){FINE, 1 / at_least(ratio, OVER_MIN)}, ceil(c / unit));
    return (alm_truncated_moments){m.mean * unit, m.variance * unit * unit};
}

static void note(alm_censored_demand *s, double value)
{
    s->fractions = value == floor(value) ? s->fractions : 1;
}

static void pass(alm_censored_demand *s, double y, double variance, double sold)
{
    double mean = s->weights > 0 ? s->demand / s->weights : y;
    s->weights = KEPT * s->weights + 1;
    s->demand = KEPT * s->demand + y;
    s->sold = KEPT * s->sold + sold;
    s->squares = KEPT * s->squares + (y - mean) * (y - mean) + variance;
    s->means = KEPT * s->means + mean;
    s->mean_squares = KEPT * s->mean_squares + mean * mean;
}

void alm_censored_demand_known(alm_censored_demand *state, double y)
{
    note(state, y);
    pass(state, y, 0, y);
}

double alm_censored_demand_bound(alm_censored_demand *state, double c)
{
    double sold = state->weights > 0 ? state->sold / state->weights : 0;
    double mean = state->weights > 0 ? at_least(state->demand / state->weights, c * MEAN_MIN) : c;
    double most = TIMES_MAX * at_least(sold, c);
    note(state, c);
    alm_truncated_moments m = above(state, mean, c);
    double y = m.mean < most ? at_least(m.mean, c) : most;
    pass(state, y, m.variance, c);
    return y;
}
