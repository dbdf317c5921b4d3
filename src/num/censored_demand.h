/* censored_demand.h: what demand was, when it was sold out: the conditional mean given the past.
 *
 * Period by period, with weights that halve in some 14 periods:
 *
 *   mean   m = sum of w y / sum of w                     y: demand, or what stood in for it
 *   ratio  q = (sum of w (y - m)^2 + 5 * 2 m) / (sum of w m + 5 m): variance over mean
 *   sold out at c > 0: y = E[D | D >= c], D negative binomial with m and q, at most twice the
 *          larger of c and of what was sold on average, which keeps what is always sold out from
 *          running away; its (y - m)^2 has the variance of D given D >= c, too
 *
 * As a state space model's filter it looks back only, so a feature may be made of it. From the
 * first value on that is no whole number, demand has steps of a thousandth of its mean, and q is
 * over the squared mean, .25 in place of 2: a gamma distribution but for the steps. */
#ifndef ALM_NUM_CENSORED_DEMAND_H
#define ALM_NUM_CENSORED_DEMAND_H

typedef struct alm_censored_demand {
    double weights, demand;     /* sums of w and w y */
    double squares;             /* sum of w (y - m)^2 */
    double means, mean_squares; /* sums of w m and w m^2 */
    double sold;                /* sum of w times what was sold */
    double fractions;           /* 1: some value was no whole number */
} alm_censored_demand;

/* The period passes with demand y. */
void alm_censored_demand_known(alm_censored_demand *state, double y);
/* The period passes, sold out at c > 0: what its demand is taken for, at least c. */
double alm_censored_demand_bound(alm_censored_demand *state, double c);

#endif
