#include "num/conformal.h"

#include <math.h>

#include "num/quantile.h"

#define HAIR 1e-9 /* so that .1 x 10 is 1 and not a little less or more */

size_t alm_conformal_rank(size_t n, double alpha)
{
    alm_assert(alpha > 0 && alpha < 1);
    size_t above = (size_t)floor((double)(n + 1) * alpha + HAIR);
    return above == 0 ? 0 : n + 1 - above;
}

bool alm_conformal_bounds(const double *sorted, size_t n, double alpha, double *low, double *high)
{
    size_t rank = alm_conformal_rank(n, alpha / 2);
    if (rank == 0 || rank < n + 1 - rank) {
        return false;
    }
    *low = sorted[n - rank];
    *high = sorted[rank - 1];
    return true;
}

/* How many of the sorted values are below x (`equal`: or equal to it). */
static size_t count_below(const double *sorted, size_t n, double x, bool equal)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < x || (equal && sorted[middle] == x)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

double alm_conformal_pit(const double *sorted, size_t n, double from, double to, double v)
{
    alm_assert(from <= to);
    double below = (double)count_below(sorted, n, from, from < to);
    double within = (double)count_below(sorted, n, to, true) - below;
    return (below + v * (within + 1)) / ((double)n + 1);
}

double alm_conformal_quantile(const double *sorted, size_t n, double u)
{
    alm_assert(n >= 1 && u > 0 && u < 1);
    double place = u * (double)(n + 1) - 1;
    if (place <= 0) {
        return sorted[0];
    }
    size_t below = (size_t)place;
    if (below + 1 >= n) {
        return sorted[n - 1];
    }
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* ---- pools ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The keys at which bins begin: quantiles of the sorted keys, each key once. */
static size_t find_edges(const double *sorted, size_t n, size_t bins, double *edge)
{
    size_t count = 0;
    for (size_t b = 1; b < bins; b++) {
        double key = sorted[b * n / bins];
        if (key > (count ? edge[count - 1] : sorted[0])) {
            edge[count++] = key;
        }
    }
    return count;
}

static size_t bin_of(const alm_conformal_pool *pool, double key)
{
    return count_below(pool->edge, pool->bins - 1, key, true);
}

alm_conformal_pool alm_conformal_pool_of(const double *key, const double *score, size_t n,
                                         size_t bin_least, size_t bins_most, alm_arena *arena)
{
    alm_assert(bin_least >= 1 && bins_most >= 1);
    alm_arena *scratch = alm_arena_create(0);
    double *keys = ALM_NEW_ARRAY(scratch, double, n);
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(key[i]) && !isnan(score[i])) {
            keys[known++] = key[i];
        }
    }
    alm_sort_doubles(keys, known);
    size_t bins = least(bins_most, known / bin_least);
    double *edge = ALM_NEW_ARRAY(arena, double, bins);
    alm_conformal_pool pool = {.count = known, .edge = edge};
    pool.bins = known ? find_edges(keys, known, bins, edge) + 1 : 1;
    size_t *first = ALM_NEW_ARRAY(arena, size_t, pool.bins + 1);
    double *sorted = ALM_NEW_ARRAY(arena, double, known);
    for (size_t i = 0; i < n; i++) {
        if (!isnan(key[i]) && !isnan(score[i])) {
            first[bin_of(&pool, key[i]) + 1]++;
        }
    }
    size_t *next = ALM_NEW_ARRAY(scratch, size_t, pool.bins);
    for (size_t b = 0; b < pool.bins; b++) {
        first[b + 1] += first[b];
        next[b] = first[b];
    }
    for (size_t i = 0; i < n; i++) {
        if (!isnan(key[i]) && !isnan(score[i])) {
            sorted[next[bin_of(&pool, key[i])]++] = score[i];
        }
    }
    for (size_t b = 0; b < pool.bins; b++) {
        alm_sort_doubles(sorted + first[b], first[b + 1] - first[b]);
    }
    pool.first = first;
    pool.score = sorted;
    alm_arena_destroy(scratch);
    return pool;
}

size_t alm_conformal_pool_find(const alm_conformal_pool *pool, double key, const double **sorted)
{
    size_t bin = isnan(key) ? 0 : bin_of(pool, key);
    *sorted = pool->score + pool->first[bin];
    return pool->first[bin + 1] - pool->first[bin];
}

/* ---- adaptive ---- */

alm_adaptive_conformal alm_adaptive_conformal_of(double alpha, double rate)
{
    alm_assert(alpha > 0 && alpha < 1 && rate > 0);
    return (alm_adaptive_conformal){alpha, rate, alpha};
}

void alm_adaptive_conformal_update(alm_adaptive_conformal *adaptive, bool missed)
{
    adaptive->now += adaptive->rate * (adaptive->alpha - missed);
}
