#include "num/normal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

typedef struct pair {
    double u, z;
} pair;

/* mpmath 1.3, 40 digits: sqrt(2) erfinv(2 u - 1); the first by a root of log(erfc) */
static const pair QUANTILES[] = {
    {1e-300, -37.047096299361199}, {1e-20, -9.2623400897984076}, {1e-5, -4.2648907939228246},
    {.005, -2.5758293035489008},   {.05, -1.6448536269514727},   {.075, -1.4395314709384559},
    {.25, -0.67448975019608174},   {.5, 0.0},                    {.6, 0.25334710313579974},
    {.924, 1.4325027208258119},    {.926, 1.4466320671589788},   {.975, 1.9599639845400539},
    {.999999, 4.7534243088170878},
};

/* A double near 1 is given to half an ulp of 1, and a quantile there moves by that much over the
 * density; the formula itself keeps 1e-15. */
static void quantiles_of_a_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof QUANTILES / sizeof QUANTILES[0]; i++) {
        double z = alm_normal_quantile(QUANTILES[i].u);
        assert_true(fabs(z - QUANTILES[i].z) <= 2e-15 * fabs(QUANTILES[i].z));
    }
}

static void the_other_way_round(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(3, 1);
    for (int i = 0; i < 20000; i++) {
        double u = alm_rng_next_uniform(&rng);
        double z = alm_normal_quantile(u);
        /* the density at z times |z| is below u (1 - u) (|z| + 1): no error grows by more */
        assert_true(fabs(alm_normal_cdf(z) - u) <= 1e-14 * (u < .5 ? u : 1 - u) + 0x1p-53);
        assert_true(fabs(alm_normal_cdf(-z) + alm_normal_cdf(z) - 1) <= 0x1p-51);
    }
}

/* It never falls, also where one formula ends and the next begins. */
static void it_never_falls(void **state)
{
    (void)state;
    double before = alm_normal_quantile(0x1p-60);
    for (int i = 1; i < 100000; i++) {
        double z = alm_normal_quantile((double)i / 100000);
        assert_true(z > before);
        before = z;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_a_reference),
        cmocka_unit_test(the_other_way_round),
        cmocka_unit_test(it_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
