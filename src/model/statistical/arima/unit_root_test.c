#include "model/statistical/arima/unit_root.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/arima/arima_fourier.h"
#include "model/statistical/statistical_cases.h"

#define AIR_COUNT (sizeof AIR / sizeof AIR[0])

/* STL of statsmodels 0.15.0 with seasonal 11, seasonal_deg 0, R's trend window (21 and 7),
 * low_pass 13 and 5, inner_iter 2, every point smoothed; strength of it by hand. The tolerance is
 * rounding. */
static void strength_is_that_of_stl(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past air = {AIR, AIR_COUNT, 12};
    alm_past tourists = {TOURISTS, sizeof TOURISTS / sizeof TOURISTS[0], 4};
    assert_true(fabs(almi_season_strength(&air, arena) - .9413733570445557) <= 1e-10);
    assert_true(fabs(almi_season_strength(&tourists, arena) - .9762877094259084) <= 1e-10);
    alm_past few = {AIR, 24, 12};
    assert_true(almi_season_strength(&few, arena) == 0);
    alm_arena_destroy(arena);
}

/* R with forecast 8: ndiffs(AirPassengers) is 1, of its seasonal differences 1 too (auto.arima has
 * (2,1,1)(0,1,0)). Noise, its sums, and the sums of those, of which the test is wrong once in 20
 * times (here: at most in 8 of 60). */
static void differences_are_those_that_made_it(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past air = {AIR, AIR_COUNT, 12};
    assert_int_equal(almi_level_differences(&air, 0, arena), 1);
    assert_int_equal(almi_level_differences(&air, 12, arena), 1);
    alm_rng rng = alm_rng_stream(9, 0);
    size_t right[3] = {0};
    for (size_t i = 0; i < 60; i++) {
        double y[3][200];
        double sum = 0, twice = 0;
        for (size_t t = 0; t < 200; t++) {
            y[0][t] = alm_rng_next_normal(&rng);
            sum += y[0][t];
            twice += sum;
            y[1][t] = sum;
            y[2][t] = twice;
        }
        for (size_t d = 0; d < 3; d++) {
            alm_past past = {y[d], 200, 1};
            y[d][50] = NAN;
            right[d] += almi_level_differences(&past, 0, arena) == d;
        }
    }
    assert_true(right[0] >= 52 && right[1] >= 52 && right[2] >= 52);
    alm_arena_destroy(arena);
}

/* Against the C library's, which is within a last bit. */
static void sines_are_sines(void **unused)
{
    (void)unused;
    static const size_t SEASONS[] = {25, 52, 168, 365, 400};
    for (size_t i = 0; i < 5; i++) {
        for (size_t t = 0; t < 3 * SEASONS[i]; t++) {
            double out[2 * ALMI_FOURIER_PAIRS_MAX];
            almi_fourier(SEASONS[i], t, ALMI_FOURIER_PAIRS_MAX, out);
            for (size_t k = 0; k < ALMI_FOURIER_PAIRS_MAX; k++) {
                double angle = 6.283185307179586 *
                               (double)((k + 1) * t % SEASONS[i]) / (double)SEASONS[i];
                assert_true(fabs(out[2 * k] - sin(angle)) <= 2e-15);
                assert_true(fabs(out[2 * k + 1] - cos(angle)) <= 2e-15);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strength_is_that_of_stl),
        cmocka_unit_test(differences_are_those_that_made_it),
        cmocka_unit_test(sines_are_sines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
