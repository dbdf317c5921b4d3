#include "num/quantile.h"

#include <math.h>

#include "base/error.h"
#include "num/elementary.h"

double alm_quantile_sorted(const double *sorted, size_t n, double level)
{
    alm_assert(n >= 1 && level >= 0 && level <= 1);
    double position = level * (double)(n - 1);
    size_t below = (size_t)position;
    if (below + 1 >= n) {
        return sorted[n - 1];
    }
    double fraction = position - (double)below;
    return sorted[below] + fraction * (sorted[below + 1] - sorted[below]);
}

/* Shell sort with Ciura's gaps, extended by 2.25: no callback per comparison, which for the few
 * hundred paths of a step is several times faster than qsort; no recursion and no memory. */
void alm_sort_doubles(double *values, size_t n)
{
    static const size_t GAPS[] = {2330349, 1035711, 460316, 204585, 90927, 40412, 17961,
                                  7983,    3548,    1577,   701,    301,   132,   57,
                                  23,      10,      4,      1};
    for (size_t g = 0; g < sizeof GAPS / sizeof GAPS[0]; g++) {
        size_t gap = GAPS[g];
        for (size_t i = gap; i < n; i++) {
            double value = values[i];
            size_t j = i;
            for (; j >= gap && values[j - gap] > value; j -= gap) {
                values[j] = values[j - gap];
            }
            values[j] = value;
        }
    }
}

void alm_marginal_repair(double *value, size_t n)
{
    double floor_value = 0;
    for (size_t i = 0; i < n; i++) {
        floor_value = value[i] > floor_value ? value[i] : floor_value;
        value[i] = floor_value;
    }
}

/* Scale of the exponential upper tail: value grows by this much per unit of -log(1 - u). */
static double tail_scale(alm_marginal m)
{
    size_t last = m.count - 1;
    double rise = m.value[last] - m.value[last - 1];
    double span = alm_log((1 - m.level[last - 1]) / (1 - m.level[last]));
    return rise / span;
}

double alm_marginal_quantile(alm_marginal m, double u)
{
    size_t last = m.count - 1;
    if (u <= m.level[0]) {
        return m.value[0] * (u / m.level[0]);
    }
    if (u >= m.level[last]) {
        return m.value[last] + tail_scale(m) * alm_log((1 - m.level[last]) / (1 - u));
    }
    size_t k = 1;
    while (m.level[k] < u) {
        k++;
    }
    double share = (u - m.level[k - 1]) / (m.level[k] - m.level[k - 1]);
    return m.value[k - 1] + share * (m.value[k] - m.value[k - 1]);
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

double alm_marginal_mean(alm_marginal m)
{
    size_t last = m.count - 1;
    double sum = 0.5 * m.level[0] * m.value[0];
    for (size_t k = 1; k <= last; k++) {
        sum += 0.5 * (m.value[k - 1] + m.value[k]) * (m.level[k] - m.level[k - 1]);
    }
    return sum + (1 - m.level[last]) * (m.value[last] + tail_scale(m));
}

/* Of a linear piece from a to b the square has the mean (aa + ab + bb) / 3; of the tail q + s E, E
 * exponential with mean 1, it is qq + 2 qs + 2 ss. Values are relative to the mean, because the
 * difference of two large squares has no correct digits. */
double alm_marginal_variance(alm_marginal m)
{
    size_t last = m.count - 1;
    double mean = alm_marginal_mean(m);
    double low_level = 0;
    double low = -mean;
    double sum = 0;
    for (size_t k = 0; k <= last; k++) {
        double high = m.value[k] - mean;
        sum += (low * low + low * high + high * high) / 3 * (m.level[k] - low_level);
        low_level = m.level[k];
        low = high;
    }
    double scale = tail_scale(m);
    return sum + (1 - m.level[last]) * (low * low + 2 * low * scale + 2 * scale * scale);
}

/* The largest (`after`) or smallest level at which the quantile function equals y. Rounding may
 * not carry a level over the end of its piece: then `before` would lie above `after`. */
static double level_at(alm_marginal m, double y, bool after)
{
    size_t last = m.count - 1;
    if (y < 0 || (y == 0 && !after)) {
        return 0;
    }
    if (y > m.value[last] || (y == m.value[last] && after)) {
        double scale = tail_scale(m);
        double above = scale > 0 ? alm_exp(-(y - m.value[last]) / scale) : 0;
        double level = 1 - (1 - m.level[last]) * above;
        return level > m.level[last] ? level : m.level[last];
    }
    double low_level = 0;
    double low_value = 0;
    for (size_t k = 0; k <= last; k++) {
        bool reached = after ? m.value[k] > y : m.value[k] >= y;
        if (reached) {
            double rise = m.value[k] - low_value;
            double share = rise > 0 ? (y - low_value) / rise : 0;
            double level = low_level + share * (m.level[k] - low_level);
            return share < 1 ? lesser(level, m.level[k]) : m.level[k];
        }
        low_level = m.level[k];
        low_value = m.value[k];
    }
    return low_level;
}

double alm_marginal_cdf(alm_marginal m, double y, double *before)
{
    if (before) {
        *before = level_at(m, y, false);
    }
    return level_at(m, y, true);
}

double alm_marginal_count(alm_marginal m, double u)
{
    return floor(alm_marginal_quantile(m, u) + 0.5);
}

double alm_marginal_pit(alm_marginal m, bool counts, double y, double v)
{
    double low;
    double high;
    if (counts) {
        low = level_at(m, y - 0.5, false);
        high = level_at(m, y + 0.5, false);
    } else {
        high = alm_marginal_cdf(m, y, &low);
    }
    return low + v * (high - low);
}

double alm_pinball(double y, double forecast, double level)
{
    double excess = y - forecast;
    return excess >= 0 ? excess * level : -excess * (1 - level);
}
