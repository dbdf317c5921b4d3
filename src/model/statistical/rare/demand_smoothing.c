#include "model/statistical/rare/demand_smoothing.h"

#include <stdbool.h>
#include <string.h>

#define WIDTH 1e-7
#define LANES 8 /* alphas tried in one pass: none waits for another, so eight cost little more */

double alm_smoothing_level(const double *x, size_t count, double alpha)
{
    double level = x[0];
    for (size_t t = 1; t < count; t++) {
        level += alpha * (x[t] - level);
    }
    return level;
}

typedef double two __attribute__((vector_size(16)));

typedef struct lane { /* two alphas */
    two alpha, level, sum;
} lane;

static inline lane stepped(lane l, double x)
{
    two e = x - l.level;
    return (lane){l.alpha, l.level + l.alpha * e, l.sum + e * e};
}

/* Of LANES alphas evenly within (low, high). Four variables, no array: they stay in registers. */
static void squares(const double *x, size_t count, double low, double high, double out[LANES])
{
    const double step = (high - low) / (LANES + 1);
    const two first = x[0] + (two){0};
    lane a = {low + step * (two){1, 2}, first, {0}};
    lane b = {low + step * (two){3, 4}, first, {0}};
    lane c = {low + step * (two){5, 6}, first, {0}};
    lane d = {low + step * (two){7, 8}, first, {0}};
    for (size_t t = 1; t < count; t++) {
        a = stepped(a, x[t]);
        b = stepped(b, x[t]);
        c = stepped(c, x[t]);
        d = stepped(d, x[t]);
    }
    const two sums[LANES / 2] = {a.sum, b.sum, c.sum, d.sum};
    memcpy(out, sums, sizeof sums);
}

static bool is_constant(const double *x, size_t count)
{
    for (size_t t = 1; t < count; t++) {
        if (x[t] != x[0]) {
            return false;
        }
    }
    return true;
}

double alm_smoothing_search(const double *x, size_t count, double low, double high)
{
    const double middle = (low + high) / 2;
    if (count < 3 || is_constant(x, count)) {
        return middle; /* of two values, the one error has no alpha in it */
    }
    while (high - low > WIDTH) {
        double sum[LANES];
        squares(x, count, low, high, sum);
        int best = 0;
        for (int k = 1; k < LANES; k++) {
            best = sum[k] < sum[best] ? k : best;
        }
        double step = (high - low) / (LANES + 1);
        low += step * best; /* from the neighbour before the best one to the one behind it */
        high = low + 2 * step;
    }
    return (low + high) / 2;
}
