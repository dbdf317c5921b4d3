#include "num/censored_demand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/negative_binomial.h"

#define PERIODS 20000

/* The first two periods by hand: 3, then at least 4 when m = 3 and q = (0 + 5 * 2 * 3) /
 * (3 + 5 * 3) of counts. */
static void a_bound_is_the_mean_above_it(void **state)
{
    (void)state;
    alm_censored_demand s = {0};
    alm_censored_demand_known(&s, 3);
    double ratio = 30. / 18;
    alm_truncated_moments m =
        alm_negative_binomial_above((alm_negative_binomial){3, 3 / (ratio - 1)}, 4);
    double y = alm_censored_demand_bound(&s, 4);
    assert_true(y == m.mean && y > 4.8);
    assert_true(fabs(s.demand / s.weights - (.95 * 3 + y) / 1.95) < 1e-15);
    double squares = (y - 3) * (y - 3) + m.variance;
    assert_true(fabs(s.squares - squares) < 1e-12);
}

/* Demand of one distribution and stocks around its mean: what was sold is far too low, what is left
 * of days that were not sold out even more so, and the filter finds the mean again. */
static void demand_is_found_again(void **state)
{
    (void)state;
    for (int counts = 0; counts < 2; counts++) {
        for (int k = 0; k < 4; k++) {
            static const double MEAN[] = {.7, 3, 12, 80};
            alm_rng rng = alm_rng_stream(8, (uint64_t)(4 * counts + k));
            alm_negative_binomial d = {MEAN[k], MEAN[k] / .8};
            double unit = counts ? 1 : .01; /* amounts in another unit */
            alm_censored_demand s = {.fractions = !counts};
            double demand = 0, sold = 0, imputed = 0, left = 0, days = 0;
            for (int t = 0; t < PERIODS; t++) {
                double y = alm_negative_binomial_quantile(d, alm_rng_next_uniform(&rng));
                double stock = 1 + floor(2.5 * MEAN[k] * alm_rng_next_uniform(&rng));
                demand += y;
                sold += y < stock ? y : stock;
                if (y >= stock) {
                    double made = alm_censored_demand_bound(&s, stock * unit) / unit;
                    assert_true(made >= stock * (1 - 1e-12));
                    imputed += made;
                } else {
                    alm_censored_demand_known(&s, y * unit);
                    imputed += y;
                    left += y;
                    days++;
                }
            }
            assert_true(sold / demand < .85);
            assert_true(left / days * PERIODS < (k < 3 ? .95 : .99) * demand);
            /* The filter's mean wanders, and above it more is made up than is lost below; counts
             * of one or two are far from a gamma distribution, which has them here by .01. */
            double most = counts ? 1.04 : k < 2 ? 1.2 : 1.05;
            assert_true(imputed / demand > .98 && imputed / demand < most);
        }
    }
}

/* What is always sold out, odd and huge values: no more than twice what was sold, and finite. */
static void nothing_runs_away(void **state)
{
    (void)state;
    static const double HUGE_VALUES[] = {1, 1e6, 1e12, 1e300, 5e-324, .25};
    alm_rng rng = alm_rng_stream(9, 9);
    for (int counts = 0; counts < 2; counts++) {
        alm_censored_demand s = {.fractions = !counts};
        for (int t = 0; t < 1000; t++) {
            double y = alm_censored_demand_bound(&s, 5);
            assert_true(y >= 5 && y <= 10 * (1 + 1e-12)); /* the mean of fives */
        }
        for (int round = 0; round < 300; round++) {
            s = (alm_censored_demand){.fractions = !counts};
            double most = 0;
            for (int t = 0; t < 40; t++) {
                double c = HUGE_VALUES[alm_rng_next_below(&rng, 6)] *
                           (1 + (double)alm_rng_next_below(&rng, 3));
                most = c > most ? c : most;
                if (alm_rng_next_below(&rng, 2)) {
                    alm_censored_demand_known(&s, alm_rng_next_below(&rng, 5) ? c : -c);
                } else {
                    double y = alm_censored_demand_bound(&s, c);
                    assert_true(isfinite(y) && y >= c && y <= 2 * most);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_is_the_mean_above_it),
        cmocka_unit_test(demand_is_found_again),
        cmocka_unit_test(nothing_runs_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
