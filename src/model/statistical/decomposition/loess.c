#include "model/statistical/decomposition/loess.h"

#include <math.h>

#define NEAR .001 /* of h: weight 1 */
#define FAR .999  /* of h: weight 0 beyond */
#define LANES 4   /* sums of a product, so that one need not wait for the other */

/* ---- plans ---- */

static double bell(double distance, double h)
{
    if (distance > FAR * h) {
        return 0;
    }
    if (distance <= NEAR * h) {
        return 1;
    }
    double ratio = distance / h;
    double one = 1 - ratio * ratio * ratio;
    return one * one * one;
}

/* The first value of the window of a point from -1 to count. */
static size_t left_of(const alm_loess *plan, ptrdiff_t at)
{
    ptrdiff_t left = at - (ptrdiff_t)(plan->shape.window / 2);
    ptrdiff_t last = (ptrdiff_t)(plan->count - plan->width);
    return left < 0 ? 0 : left > last ? (size_t)last : (size_t)left;
}

/* To weights that give the local fit at `at` by a product with the values. */
static void finish(const alm_loess *plan, ptrdiff_t at, size_t left, double *row)
{
    double sum = 0;
    double centre = 0;
    double spread = 0;
    for (size_t j = 0; j < plan->width; j++) {
        sum += row[j];
    }
    for (size_t j = 0; j < plan->width; j++) {
        row[j] = sum > 0 ? row[j] / sum : 0;
        centre += row[j] * (double)(left + j);
    }
    if (plan->shape.degree == 0) {
        return;
    }
    for (size_t j = 0; j < plan->width; j++) {
        double distance = (double)(left + j) - centre;
        spread += row[j] * distance * distance;
    }
    if (sqrt(spread) > NEAR * (double)(plan->count - 1)) {
        double slope = ((double)at - centre) / spread;
        for (size_t j = 0; j < plan->width; j++) {
            row[j] *= slope * ((double)(left + j) - centre) + 1;
        }
    }
}

static const double *new_row(const alm_loess *plan, ptrdiff_t at, alm_arena *arena)
{
    size_t left = left_of(plan, at);
    ptrdiff_t to_left = at - (ptrdiff_t)left;
    ptrdiff_t to_right = (ptrdiff_t)(left + plan->width - 1) - at;
    double h = (double)(to_left > to_right ? to_left : to_right);
    if (plan->shape.window > plan->count) {
        h += (double)((plan->shape.window - plan->count) / 2);
    }
    double *row = ALM_NEW_ARRAY(arena, double, plan->width);
    for (size_t j = 0; j < plan->width; j++) {
        row[j] = bell(fabs((double)((ptrdiff_t)(left + j) - at)), h);
    }
    if (!plan->is_weighted) {
        finish(plan, at, left, row);
    }
    return row;
}

static size_t step_of(const alm_loess *plan)
{
    size_t most = plan->count > 1 ? plan->count - 1 : 1;
    return plan->shape.jump < most ? plan->shape.jump : most;
}

static size_t points_of(const alm_loess *plan)
{
    return (plan->count - 1 + step_of(plan) - 1) / step_of(plan) + 1;
}

static size_t place_of(const alm_loess *plan, size_t point)
{
    size_t place = point * step_of(plan);
    return place < plan->count ? place : plan->count - 1;
}

alm_loess alm_loess_plan(const alm_loess_shape *shape, size_t count, bool is_weighted,
                         alm_arena *arena)
{
    alm_assert(count > 0 && shape->window >= 3 && shape->window % 2 == 1 && shape->jump > 0);
    alm_loess plan = {*shape, count, shape->window < count ? shape->window : count, is_weighted,
                      NULL, NULL, NULL};
    size_t points = points_of(&plan);
    size_t half = shape->window / 2;
    const double *middle = NULL;
    plan.row = ALM_NEW_ARRAY(arena, const double *, points);
    for (size_t i = 0; i < points; i++) {
        size_t at = place_of(&plan, i);
        bool in_middle = at >= half && at + half < count;
        if (in_middle && middle) {
            plan.row[i] = middle;
            continue;
        }
        plan.row[i] = new_row(&plan, (ptrdiff_t)at, arena);
        middle = in_middle ? plan.row[i] : middle;
    }
    plan.before = new_row(&plan, -1, arena);
    plan.after = new_row(&plan, (ptrdiff_t)count, arena);
    return plan;
}

/* ---- smoothing ---- */

static double product(const double *a, const double *b, size_t n)
{
    double sum[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            sum[k] += a[i + k] * b[i + k];
        }
    }
    for (size_t k = 0; i < n; i++, k++) {
        sum[k] += a[i] * b[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The local fit by its sums, with weights of the values; distances are from `at`. NaN: no weight.
 * A value of weight 0 may be NaN. */
static double weighted(const alm_loess *plan, const double *row, ptrdiff_t at, const double *y,
                       const double *weight)
{
    size_t left = left_of(plan, at);
    double w = 0, wx = 0, wxx = 0, wy = 0, wxy = 0;
    for (size_t j = 0; j < plan->width; j++) {
        double one = row[j] * weight[left + j];
        if (one > 0) {
            double x = (double)((ptrdiff_t)(left + j) - at);
            w += one;
            wx += one * x;
            wxx += one * x * x;
            wy += one * y[left + j];
            wxy += one * x * y[left + j];
        }
    }
    if (!(w > 0)) {
        return (double)NAN;
    }
    double centre = wx / w;
    double spread = wxx / w - centre * centre;
    double level = wy / w;
    double limit = NEAR * (double)(plan->count - 1);
    if (plan->shape.degree == 0 || !(spread > limit * limit)) {
        return level;
    }
    return level - centre * (wxy / w - centre * level) / spread;
}

static double smooth_at(const alm_loess *plan, const double *row, ptrdiff_t at, const double *y,
                        const double *weight)
{
    return plan->is_weighted ? weighted(plan, row, at, y, weight)
                             : product(row, y + left_of(plan, at), plan->width);
}

/* From out[a] to out[b] in a straight line. */
static void connect(double *out, size_t a, size_t b)
{
    double step = (out[b] - out[a]) / (double)(b - a);
    for (size_t i = a + 1; i < b; i++) {
        out[i] = out[a] + step * (double)(i - a);
    }
}

void alm_loess_smooth(const alm_loess *plan, const double *y, const double *weight, double *out)
{
    alm_assert(plan->is_weighted == (weight != NULL));
    size_t points = points_of(plan);
    size_t newest = SIZE_MAX; /* place of the newest smoothed point */
    for (size_t i = 0; i < points; i++) {
        size_t at = place_of(plan, i);
        out[at] = smooth_at(plan, plan->row[i], (ptrdiff_t)at, y, weight);
        out[at] = isnan(out[at]) ? y[at] : out[at];
        if (isnan(out[at])) {
            continue;
        }
        if (newest != SIZE_MAX) {
            connect(out, newest, at);
        }
        for (size_t t = 0; newest == SIZE_MAX && t < at; t++) {
            out[t] = out[at];
        }
        newest = at;
    }
    for (size_t t = newest == SIZE_MAX ? 0 : newest + 1; t < plan->count; t++) {
        out[t] = newest == SIZE_MAX ? (double)NAN : out[newest];
    }
}

void alm_loess_outside(const alm_loess *plan, const double *y, const double *weight,
                       double *before, double *after)
{
    *before = smooth_at(plan, plan->before, -1, y, weight);
    *after = smooth_at(plan, plan->after, (ptrdiff_t)plan->count, y, weight);
}
