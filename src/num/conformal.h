/* conformal.h: intervals that cover as often as they say, whatever the model behind them.
 *
 * A score says how far a value was from its forecast, signed, in units that make series alike:
 * (y - mean) / deviation. If the score of the next value is exchangeable with n scores already
 * seen, it is at most their k-th smallest with probability k / (n + 1) exactly, for continuous
 * scores. So the bounds below take rank ceil((n + 1)(1 - a)), not n (1 - a): the finite-sample
 * correction (Vovk, Gammerman, Shafer 2005; Lei et al. 2018).
 *
 * POOLS. Scores of similar series are put together: exchangeability is then that of series. A pool
 * keeps scores apart by a key (say mean / deviation: how far the forecast is from zero), in bins
 * with equally many (Mondrian conformal prediction).
 *
 * ADAPTIVE. Where the future is not like the past, the level itself is moved by what was missed:
 * a(t+1) = a(t) + rate (a - missed(t)) (Gibbs and Candes 2021). The share of misses after T periods
 * is then within (max(a, 1 - a) + rate) / (rate T) of a, for any sequence of values.
 *
 * Pure functions; a pool may be read by any number of threads. */
#ifndef ALM_NUM_CONFORMAL_H
#define ALM_NUM_CONFORMAL_H

#include <stdbool.h>

#include "base/arena.h"

/* The rank, from 1, of the smallest of n scores that the next one exceeds with probability at most
 * `alpha`; 0: n is below ceil(1 / alpha) - 1, no finite bound is sure enough. */
size_t alm_conformal_rank(size_t n, double alpha);

/* The interval, in scores, that the next one is outside of with probability at most alpha / 2 on
 * each side. False, and nothing written: too few scores. `sorted`: n rising scores. */
bool alm_conformal_bounds(const double *sorted, size_t n, double alpha, double *low, double *high);

/* Where the next score falls among n sorted ones, spread by v in (0, 1) over its place: uniform on
 * (0, 1) if it is exchangeable with them. A value that is known to lie only in (from, to], a count
 * or a bound that was hit, has scores `from` and `to`; else they are the same. */
double alm_conformal_pit(const double *sorted, size_t n, double from, double to, double v);

/* The score at level u in (0, 1): linear between order statistics k at level k / (n + 1), constant
 * beyond the first and the last. n >= 1. */
double alm_conformal_quantile(const double *sorted, size_t n, double u);

typedef struct alm_conformal_pool {
    size_t bins, count;
    const double *edge;   /* bins - 1: the key from which the next bin begins */
    const size_t *first;  /* bins + 1: places in `score` */
    const double *score;  /* count; sorted within each bin */
} alm_conformal_pool;

/* Bins hold `bin_least` scores or more, at most `bins_most` of them; equal keys stay together. NaN
 * in key or score: left out. The pool lies in `arena`. */
alm_conformal_pool alm_conformal_pool_of(const double *key, const double *score, size_t n,
                                         size_t bin_least, size_t bins_most, alm_arena *arena);

/* The scores of the bin of a key; returns how many. */
size_t alm_conformal_pool_find(const alm_conformal_pool *pool, double key, const double **sorted);

typedef struct alm_adaptive_conformal {
    double alpha, rate; /* the share of misses asked for; the step, > 0: .005 to .05 */
    double now;         /* begins at alpha; <= 0: everything is inside, >= 1: nothing */
} alm_adaptive_conformal;

alm_adaptive_conformal alm_adaptive_conformal_of(double alpha, double rate);
void alm_adaptive_conformal_update(alm_adaptive_conformal *adaptive, bool missed);

#endif
