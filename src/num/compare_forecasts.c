#include "num/compare_forecasts.h"

#include <math.h>
#include <stdio.h>

#include "num/significance.h"

#define P_TEXT_BYTES 24

/* ---- pairs ---- */

typedef struct pairs {
    const double *a, *b;
    size_t n, stride;
} pairs;

static double difference(const pairs *p, size_t i)
{
    return p->a[i * p->stride] - p->b[i * p->stride];
}

/* The next pair at or after i in which both are known; n: none. */
static size_t known(const pairs *p, size_t i)
{
    while (i < p->n && isnan(difference(p, i))) {
        i++;
    }
    return i;
}

/* Autocovariance of the known differences, `lag` known pairs apart, over n as R's acf has it. */
static double autocovariance(const pairs *p, double mean, size_t lag, size_t count)
{
    size_t later = known(p, 0);
    for (size_t i = 0; i < lag; i++) {
        later = known(p, later + 1);
    }
    double sum = 0;
    for (size_t i = known(p, 0); later < p->n; i = known(p, i + 1), later = known(p, later + 1)) {
        sum += (difference(p, i) - mean) * (difference(p, later) - mean);
    }
    return sum / (double)count;
}

/* Differences that are all the same but for rounding have no spread to speak of. */
static bool no_spread(const pairs *p, double mean, double variance)
{
    double largest = 0;
    for (size_t i = known(p, 0); i < p->n; i = known(p, i + 1)) {
        double a = fabs(p->a[i * p->stride]);
        double b = fabs(p->b[i * p->stride]);
        largest = a > largest ? a : largest;
        largest = b > largest ? b : largest;
    }
    return !(sqrt(variance) > 1e-14 * largest) || !isfinite(mean) || !isfinite(variance);
}

alm_paired_test alm_compare_losses(const double *a, const double *b, size_t n, size_t stride,
                                   size_t horizon)
{
    alm_assert(horizon >= 1 && stride >= 1);
    pairs p = {a, b, n, stride};
    alm_paired_test test = {.statistic = (double)NAN, .p = (double)NAN};
    double mean = 0;
    for (size_t i = known(&p, 0); i < n; i = known(&p, i + 1)) {
        test.count++;
        test.mean_a += a[i * stride];
        test.mean_b += b[i * stride];
        mean += difference(&p, i);
    }
    double count = (double)test.count;
    test.mean_a /= count; /* NaN without pairs */
    test.mean_b /= count;
    mean /= count;
    if (test.count < 2 || horizon >= test.count) {
        return test;
    }
    double alone = autocovariance(&p, mean, 0, test.count);
    if (no_spread(&p, mean, alone)) {
        return test;
    }
    double variance = alone;
    for (size_t lag = 1; lag < horizon; lag++) {
        variance += 2 * autocovariance(&p, mean, lag, test.count);
    }
    double h = (double)horizon;
    test.lags = horizon - 1;
    if (!(variance > 0)) {
        variance = alone;
        test.lags = 0;
        h = 1;
    }
    double corrected = (count + 1 - 2 * h + h / count * (h - 1)) / count;
    test.statistic = mean / sqrt(variance / count) * sqrt(corrected);
    test.p = alm_student_two_sided(test.statistic, count - 1);
    return test;
}

void alm_compare_series(const double *a, const double *b, size_t series, size_t steps,
                        alm_paired_test *pooled, alm_paired_test *by_step)
{
    for (size_t h = 0; by_step && h < steps; h++) {
        by_step[h] = alm_compare_losses(a + h, b + h, series, steps, 1);
    }
    alm_arena *scratch = alm_arena_create(0);
    double *mean = ALM_NEW_ARRAY(scratch, double, 2 * series);
    for (size_t i = 0; i < series; i++) {
        double sum_a = 0;
        double sum_b = 0;
        double both = 0;
        for (size_t h = i * steps; h < (i + 1) * steps; h++) {
            bool is_known = !isnan(a[h]) && !isnan(b[h]);
            sum_a += is_known ? a[h] : 0;
            sum_b += is_known ? b[h] : 0;
            both += is_known;
        }
        mean[i] = both > 0 ? sum_a / both : (double)NAN;
        mean[series + i] = both > 0 ? sum_b / both : (double)NAN;
    }
    *pooled = alm_compare_losses(mean, mean + series, series, 1, 1);
    alm_arena_destroy(scratch);
}

/* "p = .004", "p < .001" */
static void p_text(double p, char out[P_TEXT_BYTES])
{
    if (p < 0.001) {
        (void)snprintf(out, P_TEXT_BYTES, "p < .001");
        return;
    }
    char digits[16];
    (void)snprintf(digits, sizeof digits, p < 0.1 ? "%.3f" : "%.2f", p);
    (void)snprintf(out, P_TEXT_BYTES, "p = %s", digits[0] == '0' ? digits + 1 : digits);
}

static const char *untold(const alm_paired_test *test, alm_arena *arena)
{
    if (test->count < 2) {
        return test->count == 0 ? "there are no pairs" : "one pair says nothing";
    }
    const char *why = test->mean_a == test->mean_b ? "their losses are equal"
                                                   : "too few, or all differ by the same";
    return alm_arena_printf(arena, "%s (%zu pairs)", why, test->count);
}

const char *alm_compare_verdict(const char *name_a, const char *name_b,
                                const alm_paired_test *test, double alpha, alm_arena *arena)
{
    if (isnan(test->p)) {
        return alm_arena_printf(arena, "no difference can be told between %s and %s: %s", name_a,
                                name_b, untold(test, arena));
    }
    bool first = test->mean_a < test->mean_b;
    double better = first ? test->mean_a : test->mean_b;
    double worse = first ? test->mean_b : test->mean_a;
    char p[P_TEXT_BYTES];
    p_text(test->p, p);
    const char *lower = worse > 0 ? alm_arena_printf(arena, "%.1f %% lower",
                                                     100 * (worse - better) / worse)
                                  : alm_arena_printf(arena, "lower by %.3g", worse - better);
    if (test->p < alpha) {
        return alm_arena_printf(arena, "%s is better than %s: mean loss %s, %s (Diebold-Mariano, "
                                       "%zu pairs)",
                                first ? name_a : name_b, first ? name_b : name_a, lower, p,
                                test->count);
    }
    return alm_arena_printf(arena, "no difference can be told between %s and %s: mean loss of %s "
                                   "%s, %s (Diebold-Mariano, %zu pairs)",
                            name_a, name_b, first ? name_a : name_b, lower, p, test->count);
}

/* ---- ranks ---- */

static bool row_known(const double *row, size_t methods)
{
    for (size_t m = 0; m < methods; m++) {
        if (isnan(row[m])) {
            return false;
        }
    }
    return true;
}

/* Adds the ranks of one row, in halves so that sums are exact; returns the sum of t^3 - t over its
 * groups of t equal losses. */
static double add_ranks(const double *row, size_t methods, double *sums)
{
    double ties = 0;
    for (size_t m = 0; m < methods; m++) {
        double below = 0;
        double equal = 0;
        for (size_t o = 0; o < methods; o++) {
            below += row[o] < row[m];
            equal += row[o] == row[m];
        }
        sums[m] += below + (equal + 1) / 2;
        ties += equal * equal - 1; /* t members of a group: t (t t - 1) in all */
    }
    return ties;
}

alm_rank_test alm_rank_methods(const double *losses, size_t rows, size_t methods, double alpha,
                               alm_arena *arena)
{
    alm_assert(methods >= 2);
    alm_rank_test test = {.methods = methods, .chi_square = (double)NAN, .p = (double)NAN,
                          .critical_distance = (double)NAN,
                          .mean_rank = ALM_NEW_ARRAY(arena, double, methods),
                          .among_best = ALM_NEW_ARRAY(arena, bool, methods)};
    double ties = 0;
    for (size_t i = 0; i < rows; i++) {
        if (row_known(losses + i * methods, methods)) {
            ties += add_ranks(losses + i * methods, methods, test.mean_rank);
            test.rows++;
        }
    }
    double n = (double)test.rows;
    double k = (double)methods;
    double squares = 0;
    for (size_t m = 0; m < methods; m++) {
        test.mean_rank[m] = n > 0 ? test.mean_rank[m] / n : (k + 1) / 2;
        double off = test.mean_rank[m] - (k + 1) / 2;
        squares += off * off;
        test.best = test.mean_rank[m] < test.mean_rank[test.best] ? m : test.best;
    }
    if (test.rows > 0) {
        test.critical_distance = alm_range_quantile(alpha, (int)methods) *
                                 sqrt(k * (k + 1) / (12 * n));
    }
    double untied = n > 0 ? 1 - ties / (n * k * (k * k - 1)) : 0;
    if (test.rows >= 2 && untied > 0) {
        test.chi_square = 12 * n / (k * (k + 1)) * squares / untied;
        test.p = alm_chi_square_upper(test.chi_square, k - 1);
    }
    for (size_t m = 0; m < methods; m++) {
        double behind = test.mean_rank[m] - test.mean_rank[test.best];
        test.among_best[m] = !(behind > test.critical_distance);
    }
    return test;
}

const char *alm_rank_verdict(const char *const *names, const alm_rank_test *test, alm_arena *arena)
{
    if (test->rows == 0) {
        return "no difference can be told: no series has a loss of every method";
    }
    const char *others = "";
    for (size_t m = 0; m < test->methods; m++) {
        if (test->among_best[m] && m != test->best) {
            others = alm_arena_printf(arena, "%s%s%s", others, *others ? ", " : "", names[m]);
        }
    }
    return alm_arena_printf(arena, "%s has the best mean rank (%.2f of %zu); not worse: %s (MCB, "
                                   "critical distance %.2f, %zu series)",
                            names[test->best], test->mean_rank[test->best], test->methods,
                            *others ? others : "no other", test->critical_distance, test->rows);
}
