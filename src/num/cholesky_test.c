#include "num/cholesky.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define SIZE_MOST 24
#define COLUMNS_MOST 9

typedef struct problem {
    double a[SIZE_MOST * SIZE_MOST];
    double b[SIZE_MOST * COLUMNS_MOST];
} problem;

/* A = G G' + n I: well conditioned, so that both solvers keep nearly all digits. */
static void random_problem(alm_rng *rng, size_t n, size_t columns, problem *p)
{
    double g[SIZE_MOST * SIZE_MOST];
    for (size_t i = 0; i < n * n; i++) {
        g[i] = alm_rng_next_normal(rng);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = i == j ? (double)n : 0;
            for (size_t k = 0; k < n; k++) {
                sum += g[i * n + k] * g[j * n + k];
            }
            p->a[i * n + j] = sum;
        }
    }
    for (size_t i = 0; i < n * columns; i++) {
        p->b[i] = alm_rng_next_normal(rng) * 100;
    }
}

/* Gauss-Jordan with row exchange; a and b are destroyed, b becomes the solution. */
static void naive_solve(double *a, size_t n, double *b, size_t columns)
{
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++) {
            pivot = fabs(a[i * n + k]) > fabs(a[pivot * n + k]) ? i : pivot;
        }
        for (size_t j = 0; j < n; j++) {
            double swap = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        for (size_t c = 0; c < columns; c++) {
            double swap = b[k * columns + c];
            b[k * columns + c] = b[pivot * columns + c];
            b[pivot * columns + c] = swap;
        }
        for (size_t i = 0; i < n; i++) {
            double factor = i == k ? 0 : a[i * n + k] / a[k * n + k];
            for (size_t j = 0; j < n && i != k; j++) {
                a[i * n + j] -= factor * a[k * n + j];
            }
            for (size_t c = 0; c < columns && i != k; c++) {
                b[i * columns + c] -= factor * b[k * columns + c];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < columns; c++) {
            b[i * columns + c] /= a[i * n + i];
        }
    }
}

static void agrees_with_elimination(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(6, 6);
    for (size_t n = 1; n <= SIZE_MOST; n++) {
        for (size_t columns = 1; columns <= COLUMNS_MOST; columns += 4) {
            problem p;
            random_problem(&rng, n, columns, &p);
            problem naive = p;
            naive_solve(naive.a, n, naive.b, columns);
            for (size_t i = 0; i < n; i++) { /* the upper triangle is not read */
                for (size_t j = i + 1; j < n; j++) {
                    p.a[i * n + j] = NAN;
                }
            }
            assert_int_equal(alm_cholesky_factor(p.a, n, NULL), ALM_OK);
            alm_cholesky_solve(p.a, n, p.b, columns);
            for (size_t i = 0; i < n * columns; i++) {
                /* condition below 10, sums of 24: 1e-12 of the size of b is generous */
                assert_true(fabs(p.b[i] - naive.b[i]) <= 1e-12 * 100);
            }
        }
    }
}

static void by_hand(void **state)
{
    (void)state;
    /* 4 2 / 2 10 = (2 0 / 1 3)(2 0 / 1 3)' */
    double a[] = {4, 2, 2, 10};
    assert_int_equal(alm_cholesky_factor(a, 2, NULL), ALM_OK);
    assert_true(a[0] == 2 && a[2] == 1 && a[3] == 3);
    double b[] = {8, 22};
    alm_cholesky_solve(a, 2, b, 1);
    assert_true(b[0] == 1 && b[1] == 2);
    assert_int_equal(alm_cholesky_factor(a, 0, NULL), ALM_OK);
}

static void refuses_what_is_not_positive_definite(void **state)
{
    (void)state;
    double cases[][9] = {
        {0, 0, 0, 0, 1, 0, 0, 0, 1},   {1, 0, 0, 0, -1, 0, 0, 0, 1},
        {1, 2, 0, 2, 1, 0, 0, 0, 1},   {1, 1, 0, 1, 1, 0, 0, 0, 1},
        {4, 2, 2, 2, 1, 1, 2, 1, 5},   {1, 0, 0, 0, NAN, 0, 0, 0, 1},
        {1, 0, 0, NAN, 9, 0, 0, 0, 1}, {1, 0, 0, 0, INFINITY, 0, 0, 0, 1},
        {1, 0, 0, INFINITY, 2, 0, 0, 0, 1}};
    static const int ROWS[] = {1, 2, 2, 2, 2, 2, 2, 2, 2};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_error error = {0};
        assert_int_equal(alm_cholesky_factor(cases[i], 3, &error), ALM_ERR_NUMERIC);
        assert_non_null(strstr(error.message, "not positive definite at row "));
        assert_int_equal(strstr(error.message, "row ")[4] - '0', ROWS[i]);
    }
}

/* Each column alone gives the very bits that it has among others. */
static void columns_do_not_influence_each_other(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(6, 7);
    for (size_t n = 1; n <= SIZE_MOST; n += 3) {
        problem p;
        random_problem(&rng, n, COLUMNS_MOST, &p);
        assert_int_equal(alm_cholesky_factor(p.a, n, NULL), ALM_OK);
        problem together = p;
        alm_cholesky_solve(p.a, n, together.b, COLUMNS_MOST);
        for (size_t c = 0; c < COLUMNS_MOST; c++) {
            double alone[SIZE_MOST];
            for (size_t i = 0; i < n; i++) {
                alone[i] = p.b[i * COLUMNS_MOST + c];
            }
            alm_cholesky_solve(p.a, n, alone, 1);
            for (size_t i = 0; i < n; i++) {
                assert_memory_equal(&alone[i], &together.b[i * COLUMNS_MOST + c], sizeof *alone);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_elimination),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(refuses_what_is_not_positive_definite),
        cmocka_unit_test(columns_do_not_influence_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
