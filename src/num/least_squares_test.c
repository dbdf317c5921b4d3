#include "num/least_squares.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Misra1a of the NIST StRD nonlinear regression set: y = b1 (1 - exp(-b2 x)), certified values. */
static const double X[] = {77.6,  114.9, 141.1, 190.8, 239.9, 289.0, 332.8,
                           378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0};
static const double Y[] = {10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02,
                           44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
#define N 14
#define B1 2.3894212918E+02
#define B2 5.5015643181E-04
#define SQUARES 1.2455138894E-01

static bool residuals(void *context, const double *b, double *r)
{
    (void)context;
    for (size_t t = 0; t < N; t++) {
        r[t] = Y[t] - b[0] * (1 - exp(-b[1] * X[t]));
    }
    return b[0] > 0 && b[1] > 0;
}

static void rows(void *context, const double *b, size_t stride, double *out)
{
    size_t *calls = context;
    assert_int_equal(stride, 4);
    ++*calls;
    for (size_t t = 0; t < N; t++) {
        out[t * stride] = exp(-b[1] * X[t]) - 1;
        out[t * stride + 1] = -b[0] * X[t] * exp(-b[1] * X[t]);
    }
}

/* From both certified starts, with derivatives and by differences: ten digits are certified, and
 * steps end when the sum changes by less than 1e-14 of it, so parameters are within 1e-6. */
static void a_certified_fit_is_found_either_way(void **unused)
{
    (void)unused;
    static const double START[][2] = {{500, .0001}, {250, .0005}};
    static const double SIZE[] = {100, 1e-4};
    for (size_t i = 0; i < 4; i++) {
        alm_arena *arena = alm_arena_create(0);
        size_t calls = 0;
        double b[2] = {START[i / 2][0], START[i / 2][1]};
        double sum = 0;
        alm_least_squares p = {residuals, &calls, N, 2, SIZE, 500, 1e-14};
        assert_true(i % 2 ? alm_least_squares_minimise_by_rows(&p, rows, arena, b, &sum)
                          : alm_least_squares_minimise(&p, arena, b, &sum));
        assert_true((calls > 0) == (i % 2 == 1));
        assert_true(fabs(b[0] / B1 - 1) < 1e-6);
        assert_true(fabs(b[1] / B2 - 1) < 1e-6);
        assert_true(fabs(sum / SQUARES - 1) < 1e-9);
        alm_arena_destroy(arena);
    }
}

static void a_start_outside_of_the_domain_is_left(void **unused)
{
    (void)unused;
    static const double SIZE[] = {100, 1e-4};
    alm_arena *arena = alm_arena_create(0);
    double b[2] = {-1, .1};
    double sum = 7;
    alm_least_squares p = {residuals, NULL, N, 2, SIZE, 10, 1e-9};
    assert_false(alm_least_squares_minimise(&p, arena, b, &sum));
    assert_true(b[0] == -1 && b[1] == .1 && sum == 7);
    alm_arena_destroy(arena);
}

/* Many parameters, so that all blocks of products are used: coefficients of a polynomial. */
static bool of_polynomial(void *context, const double *b, double *r)
{
    size_t count = *(size_t *)context;
    for (size_t t = 0; t < 40; t++) {
        double x = (double)t / 20 - 1;
        double sum = 0, power = 1;
        for (size_t k = 0; k < count; k++) {
            sum += power * (b[k] - (double)(k % 3));
            power *= x;
        }
        r[t] = sum;
    }
    return true;
}

static void coefficients_come_back(void **unused)
{
    (void)unused;
    static const double SIZE[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t count = 1; count <= 9; count++) {
        alm_arena *arena = alm_arena_create(0);
        double b[9] = {0};
        double sum = 0;
        alm_least_squares p = {of_polynomial, &count, 40, count, SIZE, 200, 1e-16};
        assert_true(alm_least_squares_minimise(&p, arena, b, &sum));
        for (size_t k = 0; k < count; k++) { /* powers up to 8 on [-1, 1]: condition 1e5 */
            assert_true(fabs(b[k] - (double)(k % 3)) < 1e-4);
        }
        alm_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certified_fit_is_found_either_way),
        cmocka_unit_test(a_start_outside_of_the_domain_is_left),
        cmocka_unit_test(coefficients_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
