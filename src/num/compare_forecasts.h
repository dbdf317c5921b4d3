/* compare_forecasts.h: is one forecast better than another, or is that chance?
 *
 * PAIRS. Diebold and Mariano (1995): the mean of the differences of two losses over its standard
 * error, which counts `horizon` - 1 autocovariances because forecasts h periods ahead overlap; with
 * the correction of Harvey, Leybourne and Newbold (1997), against Student's t with n - 1 degrees;
 * two-sided. The same as R's forecast::dm.test (varestimator "acf"); where that variance is not
 * positive it counts none, as there. What a pair is, the caller says:
 *   one series   a pair per origin, losses of step h, horizon = h: origins one period apart
 *   many series  a pair per series (its mean loss over steps and origins), horizon = 1: series
 *                count as independent, periods of one series never do
 *
 * MANY METHODS. Friedman's test of mean ranks, and multiple comparisons with the best (Nemenyi's
 * critical distance; Koning, Franses, Hibon and Stekler 2005, on the M3): a method whose mean rank
 * is within the critical distance of the best one cannot be told from it.
 *
 * A loss is smaller when the forecast is better. NaN: not known; its pair (its row) is left out and
 * the count says so. Pure functions. */
#ifndef ALM_NUM_COMPARE_FORECASTS_H
#define ALM_NUM_COMPARE_FORECASTS_H

#include <stdbool.h>

#include "base/arena.h"

typedef struct alm_paired_test {
    size_t count;          /* pairs */
    double mean_a, mean_b; /* losses; NaN: no pairs */
    double statistic;      /* below 0: a is better. NaN with p */
    double p;              /* NaN: cannot be told: too few pairs, or all differences are the same */
    size_t lags;           /* autocovariances counted */
} alm_paired_test;

/* Pairs a[i * stride], b[i * stride] of i in [0, n); horizon >= 1. */
alm_paired_test alm_compare_losses(const double *a, const double *b, size_t n, size_t stride,
                                   size_t horizon);

/* Many series: losses are series x steps. `by_step`: one test per step over the series; `pooled`:
 * over the mean loss of each series. A series with an unknown step is in `pooled` with the steps
 * that both have. */
void alm_compare_series(const double *a, const double *b, size_t series, size_t steps,
                        alm_paired_test *pooled, alm_paired_test *by_step);

/* "theta is better than ets: mean loss 3.1 % lower, p = .004 (Diebold-Mariano, 1428 pairs)" or "no
 * difference can be told between theta and ets: ...". In `arena`. */
const char *alm_compare_verdict(const char *name_a, const char *name_b,
                                const alm_paired_test *test, double alpha, alm_arena *arena);

typedef struct alm_rank_test {
    size_t rows, methods;     /* rows in which all losses are known */
    double chi_square, p;     /* Friedman, with ties; NaN: below 2 rows, or no differences */
    double critical_distance; /* of two mean ranks; NaN without rows */
    double *mean_rank;        /* methods; 1 is best, ties share the middle of their ranks */
    size_t best;              /* the method of the smallest mean rank, the first of equals */
    bool *among_best;         /* methods: within the critical distance of the best */
} alm_rank_test;

/* losses: rows x methods, methods >= 2; alpha in (0, 1). The arrays lie in `arena`. */
alm_rank_test alm_rank_methods(const double *losses, size_t rows, size_t methods, double alpha,
                               alm_arena *arena);

/* "auto has the best mean rank (3.10 of 5); not worse: theta, ets (MCB, critical distance .21, 1428
 * series)". In `arena`. */
const char *alm_rank_verdict(const char *const *names, const alm_rank_test *test,
                             alm_arena *arena);

#endif
