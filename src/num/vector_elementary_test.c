/* vector_elementary_test.c: distance from correctly rounded values, and extremes. Bits over CPUs:
 * vector_bits_test.c.
 *
 * The truth is the C library's in long double, 11 bits more than a double, with an error below one
 * of its own ulps: rounded to double it is the correctly rounded value, or beside it in one of
 * 1000 cases where the exact value is all but between two doubles. Those would show as 0 or 1. */
#include "num/vector_elementary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rng.h"

enum { COUNT = 1000000, SPECIAL = 25 };

static const double EXTREME[SPECIAL] = {
    (double)NAN, -(double)NAN, (double)INFINITY, -(double)INFINITY, 0.0, -0.0, 0x1p-1074,
    -0x1p-1074, 0x1p-1022,
    -0x1p-1022, 1.7976931348623157e308, -1.7976931348623157e308, 709.782712893384,
    709.7827128933841, -708.3964185322641, -708.3964185322642, -745.1332191019411,
    -745.1332191019412, 36.7, -36.7, 41.6, -41.6, -0.8813735870195430, 88.8, -800.0};

/* Doubles of all sizes that matter, and the extremes in front. */
static void draw(uint64_t seed, double *x, size_t count)
{
    alm_rng rng = alm_rng_stream(seed, ALM_RNG_TEST);
    static const double REACH[] = {1500, 80, 4, 0.02};
    for (size_t i = 0; i < count; i++) {
        double u = alm_rng_next_uniform(&rng) - 0.5;
        double tiny = ldexp(u, -(int)(alm_rng_next_uniform(&rng) * 1074));
        x[i] = i < SPECIAL ? EXTREME[i] : i % 5 == 4 ? tiny : u * REACH[i % 5];
    }
}

/* Doubles between two numbers of one sign; 0 for two NaN. */
static uint64_t steps_apart(double a, double b)
{
    int64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    if (isnan(a) || isnan(b)) {
        return isnan(a) && isnan(b) ? 0 : UINT64_MAX;
    }
    return x > y ? (uint64_t)(x - y) : (uint64_t)(y - x);
}

static long double exact_exp(long double x)
{
    return expl(x);
}

static long double exact_sigmoid(long double x)
{
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

static long double exact_softplus(long double x)
{
    return isinf(x) && x > 0 ? x : (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

typedef struct function {
    void (*each)(const double *x, size_t n, double *out);
    long double (*exact)(long double x);
} function;

static const function FUNCTION[] = {{alm_exp_each, exact_exp},
                                    {alm_sigmoid_each, exact_sigmoid},
                                    {alm_softplus_each, exact_softplus}};
enum { FUNCTIONS = 3 };

static void within_one_ulp(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    double *x = ALM_NEW_ARRAY(arena, double, COUNT);
    double *out = ALM_NEW_ARRAY(arena, double, COUNT);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        draw(f + 1, x, COUNT);
        FUNCTION[f].each(x, COUNT, out);
        for (size_t i = 0; i < COUNT; i++) {
            if (steps_apart(out[i], (double)FUNCTION[f].exact(x[i])) > 1) {
                fail_msg("function %zu of %a is %a", f, x[i], out[i]);
            }
        }
    }
    alm_arena_destroy(arena);
}

static void softmax_is_within_one_ulp(void **state)
{
    (void)state;
    static const size_t WIDTH[] = {1, 2, 3, 7, 16, 100, 1300};
    alm_arena *arena = alm_arena_create(0);
    double *x = ALM_NEW_ARRAY(arena, double, COUNT);
    double *out = ALM_NEW_ARRAY(arena, double, COUNT);
    for (size_t w = 0; w < sizeof WIDTH / sizeof *WIDTH; w++) {
        size_t k = WIDTH[w], rows = COUNT / 5 / k;
        draw(20 + w, x, rows * k);
        for (size_t i = 0; i < SPECIAL && i < rows * k; i++) {
            x[i] = 1.0 / (double)(i + 1); /* the extremes have a test of their own */
        }
        alm_softmax_rows(x, rows, k, out);
        for (size_t r = 0; r < rows; r++) {
            long double top = x[r * k], sum = 0;
            for (size_t i = r * k; i < (r + 1) * k; i++) {
                top = x[i] > top ? x[i] : top;
            }
            for (size_t i = r * k; i < (r + 1) * k; i++) {
                sum += expl(x[i] - top);
            }
            for (size_t i = r * k; i < (r + 1) * k; i++) {
                if (steps_apart(out[i], (double)(expl(x[i] - top) / sum)) > 1) {
                    fail_msg("width %zu, row %zu: %a", k, r, out[i]);
                }
            }
        }
    }
    alm_arena_destroy(arena);
}

static void softmax_of_extremes(void **state)
{
    (void)state;
    double rows[] = {(double)INFINITY,  1, 2, (double)NAN, 1, 2, -(double)INFINITY, 1, 1,
                     -(double)INFINITY, -(double)INFINITY, -(double)INFINITY,
                     1e308, -1e308, 1e308, 0, -744, -1e9};
    alm_softmax_rows(rows, 6, 3, rows);
    for (size_t i = 0; i < 6; i++) {
        assert_true(isnan(rows[i]));
    }
    assert_true(rows[6] == 0 && rows[7] == 0.5 && rows[8] == 0.5);
    assert_true(isnan(rows[9]) && isnan(rows[10]) && isnan(rows[11]));
    assert_true(rows[12] == 0.5 && rows[13] == 0 && rows[14] == 0.5);
    assert_true(rows[15] == 1 && rows[16] > 0 && rows[16] < 0x1p-1070 && rows[17] == 0);
}

/* The same bits alone, in any place, in the input's own memory. */
static void neighbours_do_not_matter(void **state)
{
    (void)state;
    enum { SOME = 3000, CLASSES = 5 };
    double x[SOME], all[SOME], one, moved[SOME];
    draw(9, x, SOME);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        FUNCTION[f].each(x, SOME, all);
        memcpy(moved, x, sizeof x);
        FUNCTION[f].each(moved + 1, SOME - 1, moved + 1);
        assert_memory_equal(moved + 1, all + 1, (SOME - 1) * sizeof *all);
        for (size_t i = 0; i < SOME; i++) {
            FUNCTION[f].each(x + i, 1, &one);
            assert_memory_equal(&one, all + i, sizeof one);
        }
    }
    alm_softmax_rows(x, SOME / CLASSES, CLASSES, all);
    for (size_t r = 0; r < SOME / CLASSES; r++) {
        alm_softmax_rows(x + r * CLASSES, 1, CLASSES, moved);
        assert_memory_equal(moved, all + r * CLASSES, CLASSES * sizeof *all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_one_ulp),
        cmocka_unit_test(softmax_is_within_one_ulp),
        cmocka_unit_test(softmax_of_extremes),
        cmocka_unit_test(neighbours_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
