/* The four conditions of Penrose are the reference: A X A = A, X A X = X, A X and X A symmetric. */
#include "num/pseudo_inverse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define SIDE 14

static void multiply(alm_matrix_view a, alm_matrix_view b, double *out)
{
    for (size_t i = 0; i < a.rows; i++) {
        for (size_t j = 0; j < b.columns; j++) {
            double sum = 0;
            for (size_t k = 0; k < a.columns; k++) {
                sum += a.cells[i * a.columns + k] * b.cells[k * b.columns + j];
            }
            out[i * b.columns + j] = sum;
        }
    }
}

static double largest_of(const double *x, const double *y, size_t count)
{
    double largest = 0;
    for (size_t k = 0; k < count; k++) {
        double size = fabs(x[k] - (y ? y[k] : 0));
        largest = size > largest ? size : largest;
    }
    return largest;
}

static void assert_symmetric(const double *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(fabs(m[i * n + j] - m[j * n + i]) < 1e-8);
        }
    }
}

/* A random matrix of a random rank has a condition of up to 1e5 or so: 1e-8 of the sizes. */
static void the_conditions_of_penrose(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(75, 0);
    for (int i = 0; i < 400; i++) {
        size_t rows = 1 + alm_rng_next_below(&rng, SIDE);
        size_t columns = 1 + alm_rng_next_below(&rng, SIDE);
        size_t smaller = rows < columns ? rows : columns;
        size_t rank = alm_rng_next_below(&rng, smaller + 1);
        double left[SIDE * SIDE];
        double right[SIDE * SIDE];
        double a[SIDE * SIDE] = {0};
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            left[k] = alm_rng_next_normal(&rng);
            right[k] = alm_rng_next_normal(&rng);
        }
        alm_matrix_view m = {a, rows, columns};
        multiply((alm_matrix_view){left, rows, rank}, (alm_matrix_view){right, rank, columns}, a);
        double x[SIDE * SIDE];
        double ax[SIDE * SIDE];
        double xa[SIDE * SIDE];
        double again[SIDE * SIDE];
        size_t found = 99;
        alm_arena *scratch = alm_arena_create(0);
        assert_int_equal(alm_pseudo_inverse(m, scratch, x, &found, NULL), ALM_OK);
        alm_arena_destroy(scratch);
        assert_int_equal(found, rank);
        alm_matrix_view inverse = {x, columns, rows};
        multiply(m, inverse, ax);
        multiply(inverse, m, xa);
        assert_symmetric(ax, rows);
        assert_symmetric(xa, columns);
        multiply((alm_matrix_view){ax, rows, rows}, m, again);
        assert_true(largest_of(again, a, rows * columns) < 1e-8);
        multiply((alm_matrix_view){xa, columns, columns}, inverse, again);
        double size = largest_of(x, NULL, rows * columns);
        assert_true(largest_of(again, x, rows * columns) <= 1e-8 * (1 + size));
    }
}

static void numbers_of_any_size(void **state)
{
    (void)state;
    double a[] = {2e200, 0, 0, 4e200};
    double x[4];
    alm_arena *scratch = alm_arena_create(0);
    assert_int_equal(alm_pseudo_inverse((alm_matrix_view){a, 2, 2}, scratch, x, NULL, NULL),
                     ALM_OK);
    assert_true(fabs(x[0] * 2e200 - 1) < 1e-14 && fabs(x[3] * 4e200 - 1) < 1e-14 && x[1] == 0);
    a[1] = (double)INFINITY;
    alm_error error = {0};
    assert_int_equal(alm_pseudo_inverse((alm_matrix_view){a, 2, 2}, scratch, x, NULL, &error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(error.message, "a matrix of 2 x 2 holds numbers"));
    alm_arena_destroy(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_conditions_of_penrose),
        cmocka_unit_test(numbers_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
