#include "decide/demand.h"

#include <math.h>
#include <stdlib.h>

#define LEVEL_TOLERANCE 1e-12

typedef struct weighted {
    double value;
    double weight;
} weighted;

static int compare_weighted(const void *a, const void *b)
{
    const weighted *left = a;
    const weighted *right = b;
    if (left->value != right->value) {
        return left->value < right->value ? -1 : 1;
    }
    return (left->weight > right->weight) - (left->weight < right->weight);
}

static alm_err sorted_values(const double *value, const double *weight, size_t count,
                             weighted *out, alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        double w = weight ? weight[i] : 1;
        if (!isfinite(value[i]) || value[i] < 0) {
            return alm_fail(error, ALM_ERR_INVALID, "demand number %zu is %g; demand is a finite "
                            "number >= 0", i + 1, value[i]);
        }
        if (!isfinite(w) || w < 0) {
            return alm_fail(error, ALM_ERR_INVALID, "weight number %zu is %g; a weight is a "
                            "finite number >= 0", i + 1, w);
        }
        out[i] = (weighted){value[i], w};
    }
    qsort(out, count, sizeof *out, compare_weighted);
    return ALM_OK;
}

alm_err alm_demand_of(const double *value, const double *weight, size_t count, alm_arena *arena,
                      alm_demand *out, alm_error *error)
{
    void *memory = NULL;
    if (count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a distribution of demand needs a value");
    }
    ALM_TRY(alm_arena_try_alloc(arena, count * (sizeof(weighted) + 4 * sizeof(double)), &memory,
                                error));
    weighted *sorted = memory;
    ALM_TRY(sorted_values(value, weight, count, sorted, error));
    double total = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        total += sorted[i].weight;
        sum += sorted[i].weight * sorted[i].value;
    }
    if (!(total > 0) || !isfinite(sum)) {
        return alm_fail(error, ALM_ERR_INVALID, "the weights of demand sum to %g and weigh %g",
                        total, sum);
    }
    double *arrays = (double *)(sorted + count);
    double *share = arrays + count;
    double *first = arrays + 2 * count;
    double *second = arrays + 3 * count;
    alm_demand demand = {arrays, share, first, second, count, sum / total, true};
    double weights = 0;
    double moments[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        double w = sorted[i].weight / total;
        double distance = sorted[i].value - demand.mean;
        weights += sorted[i].weight;
        moments[0] += w * distance;
        moments[1] += w * distance * distance;
        arrays[i] = sorted[i].value;
        share[i] = weights / total;
        first[i] = moments[0];
        second[i] = moments[1];
        demand.whole = demand.whole && sorted[i].value == floor(sorted[i].value);
    }
    *out = demand;
    return ALM_OK;
}

/* Number of values <= y. */
static size_t count_to(const alm_demand *d, double y)
{
    size_t low = 0;
    size_t high = d->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->value[middle] <= y) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

double alm_demand_quantile(const alm_demand *d, double level)
{
    size_t low = 0;
    size_t high = d->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->share[middle] < level - LEVEL_TOLERANCE) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return d->value[low];
}

double alm_demand_share(const alm_demand *d, double y)
{
    size_t n = count_to(d, y);
    return n ? d->share[n - 1] : 0;
}

/* With z = y - mean: E[(y - D)+] = z share - first. */
double alm_demand_left(const alm_demand *d, double y)
{
    size_t n = count_to(d, y);
    double left = n ? (y - d->mean) * d->share[n - 1] - d->first[n - 1] : 0;
    return left > 0 ? left : 0;
}

/* From the other side, so that nothing is left of rounding where nothing is short. */
double alm_demand_short(const alm_demand *d, double y)
{
    size_t n = count_to(d, y);
    if (n == d->count) {
        return 0;
    }
    double behind = 1 - (n ? d->share[n - 1] : 0);
    double first = d->first[d->count - 1] - (n ? d->first[n - 1] : 0);
    double missing = first - (y - d->mean) * behind;
    return missing > 0 ? missing : 0;
}

double alm_demand_cost(const alm_demand *d, alm_demand_costs costs, double y)
{
    return costs.holding * alm_demand_left(d, y) + costs.shortage * alm_demand_short(d, y);
}

/* E[((y - D)+)^2] / 2, whose derivative is E[(y - D)+]. */
static double left_area(const alm_demand *d, double y)
{
    size_t n = count_to(d, y);
    if (n == 0) {
        return 0;
    }
    double z = y - d->mean;
    return (z * z * d->share[n - 1] - 2 * z * d->first[n - 1] + d->second[n - 1]) / 2;
}

double alm_demand_cost_between(const alm_demand *d, alm_demand_costs costs, double low,
                               double high)
{
    double left = left_area(d, high) - left_area(d, low);
    /* E[(D - y)+] = mean - y + E[(y - D)+] */
    double a = low - d->mean;
    double b = high - d->mean;
    double missing = left - (b - a) * (b + a) / 2;
    return costs.holding * (left > 0 ? left : 0) + costs.shortage * (missing > 0 ? missing : 0);
}
