#include "num/shrinkage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* The numbers of the golden values. */
static void fill(size_t series, size_t count, double *errors)
{
    for (size_t i = 0; i < series; i++) {
        for (size_t k = 0; k < count; k++) {
            double own = (double)((i * 7 + k * 5) % 11) - 4;
            errors[i * count + k] =
                own * (double)(1 + i) / 4 + (double)(k * k % 7) * 1.5;
        }
    }
}

static double cell(const alm_shrunk_covariance *w, size_t i, size_t j)
{
    double sum = i == j ? w->diagonal[i] : 0;
    for (size_t k = 0; k < w->errors; k++) {
        sum += w->factor[i * w->errors + k] * w->factor[j * w->errors + k];
    }
    return sum;
}

typedef struct golden {
    size_t series, count;
    bool centred;
    double intensity;
    double w00, w01, w23, wn0;
} golden;

/* Centred: `_shrunk_covariance_schaferstrimmer_no_nans` of hierarchicalforecast 1.5.3. Not centred:
 * the formulas of R's hts (shrink.estim) written in numpy. Both Gram matrices are taken: 5 series
 * of 12 errors and 9 of 6. Sums of a hundred terms in another order: 1e-11; but
 * hierarchicalforecast adds 2e-8 to standard deviations of size 1, hence 1e-7 there. */
static void it_equals_the_references(void **state)
{
    (void)state;
    static const golden GOLDEN[] = {
        {5, 12, true, 0.34850866376526435, 6.027935606060606, 3.435753079063677,
         -0.6811045787908602, 3.7056654461116856},
        {5, 12, false, 0.1610839841298415, 14.651041666666668, 12.81968536751586,
         11.797256473174103, 15.091749577164205},
        {9, 6, true, 0.5157005428146904, 9.035416666666668, 4.1367245301245195,
         -1.6163494383559711, 2.91790422954149},
        {9, 6, false, 0.35743707864763463, 20.072916666666668, 12.91819206468818,
         10.441647471975937, 12.32917605344851},
    };
    for (size_t g = 0; g < sizeof GOLDEN / sizeof *GOLDEN; g++) {
        const golden *e = &GOLDEN[g];
        double errors[60];
        fill(e->series, e->count, errors);
        alm_arena *arena = alm_arena_create(0);
        alm_error_sample sample = {errors, e->series, e->count, e->centred};
        alm_shrunk_covariance w;
        assert_int_equal(alm_shrunk_covariance_of(&sample, arena, &w, NULL), ALM_OK);
        double close = e->centred ? 1e-7 : 1e-11;
        assert_true(fabs(w.intensity - e->intensity) < close);
        assert_true(fabs(cell(&w, 0, 0) - e->w00) < close);
        assert_true(fabs(w.variance[0] - e->w00) < 1e-11);
        assert_true(fabs(cell(&w, 0, 1) - e->w01) < close);
        assert_true(fabs(cell(&w, 2, 3) - e->w23) < close);
        assert_true(fabs(cell(&w, e->series - 1, 0) - e->wn0) < close);
        alm_arena_destroy(arena);
    }
}

/* The intensity does not change when a series is measured in another unit, nor with the order of
 * series; whichever Gram matrix it comes from. 1e-12 for sums in another order. */
static void units_and_order_do_not_matter(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(72, 0);
    for (int i = 0; i < 100; i++) {
        double errors[30 * 12];
        double other[30 * 12];
        size_t series = 2 + alm_rng_next_below(&rng, 29);
        size_t count = 2 + alm_rng_next_below(&rng, 11);
        for (size_t s = 0; s < series; s++) {
            double unit = s % 3 == 0 ? 1000 : s % 3 == 1 ? 0.01 : 1;
            for (size_t k = 0; k < count; k++) {
                double x = alm_rng_next_normal(&rng) + (k % 4 ? 1 : -1);
                errors[s * count + k] = x;
                other[(series - 1 - s) * count + k] = x * unit;
            }
        }
        alm_arena *arena = alm_arena_create(0);
        alm_error_sample sample = {errors, series, count, i % 2};
        alm_shrunk_covariance a;
        alm_shrunk_covariance b;
        assert_int_equal(alm_shrunk_covariance_of(&sample, arena, &a, NULL), ALM_OK);
        sample.errors = other;
        assert_int_equal(alm_shrunk_covariance_of(&sample, arena, &b, NULL), ALM_OK);
        assert_true(fabs(a.intensity - b.intensity) < 1e-12);
        assert_true(a.intensity >= 0 && a.intensity <= 1);
        alm_arena_destroy(arena);
    }
}

/* Series that never erred have no correlation and a variance at the floor. */
static void series_that_never_erred(void **state)
{
    (void)state;
    double errors[] = {1, -2, 3, 4, 0, 0, 0, 0, 2, -4, 6, 8};
    alm_arena *arena = alm_arena_create(0);
    alm_error_sample sample = {errors, 3, 4, false};
    alm_shrunk_covariance w;
    assert_int_equal(alm_shrunk_covariance_of(&sample, arena, &w, NULL), ALM_OK);
    assert_true(w.variance[1] == 0);
    assert_true(w.diagonal[1] == 1e-9 * w.variance[2]);
    assert_true(isfinite(w.intensity));
    memset(errors, 0, sizeof errors);
    assert_int_equal(alm_shrunk_covariance_of(&sample, arena, &w, NULL), ALM_OK);
    assert_true(w.intensity == 1 && w.diagonal[0] == 1);
    alm_arena_destroy(arena);
}

static void assert_refused(alm_error_sample sample, const char *message)
{
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_shrunk_covariance w = {.series = 77};
    assert_int_equal(alm_shrunk_covariance_of(&sample, arena, &w, &error), ALM_ERR_INVALID);
    assert_int_equal(w.series, 77);
    assert_non_null(strstr(error.message, message));
    alm_arena_destroy(arena);
}

static void what_is_no_sample_is_refused(void **state)
{
    (void)state;
    double errors[] = {1, 2, 3, (double)NAN};
    assert_refused((alm_error_sample){errors, 2, 2, true}, "series number 2 are not finite");
    errors[3] = 1e200;
    assert_refused((alm_error_sample){errors, 2, 2, true}, "below 1e154");
    assert_refused((alm_error_sample){errors, 2, 1, true}, "at least 2 errors of every series");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_equals_the_references),
        cmocka_unit_test(units_and_order_do_not_matter),
        cmocka_unit_test(series_that_never_erred),
        cmocka_unit_test(what_is_no_sample_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
