#include "num/conjugate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/cholesky.h"

#define N 30
#define WIDTH 5

typedef struct fixture {
    size_t n, width;
    double matrix[N * N];
    double b[N * WIDTH];
} fixture;

static void product(void *context, const double *x, size_t width, double *out)
{
    const fixture *f = context;
    memset(out, 0, f->n * width * sizeof *out);
    for (size_t i = 0; i < f->n; i++) {
        for (size_t j = 0; j < f->n; j++) {
            for (size_t c = 0; c < width; c++) {
                out[i * width + c] += f->matrix[i * f->n + j] * x[j * width + c];
            }
        }
    }
}

static void by_diagonal(void *context, double *r, size_t width)
{
    const fixture *f = context;
    for (size_t i = 0; i < f->n * width; i++) {
        r[i] /= f->matrix[i / width * (f->n + 1)];
    }
}

/* B B' + diagonal, rows of different size. */
static void random_system(alm_rng *rng, fixture *f)
{
    double factor[N * N];
    f->n = 1 + alm_rng_next_below(rng, N);
    f->width = 1 + alm_rng_next_below(rng, WIDTH);
    for (size_t i = 0; i < f->n * f->n; i++) {
        factor[i] = alm_rng_next_normal(rng) * (double)(1 + i / f->n);
    }
    for (size_t i = 0; i < f->n; i++) {
        for (size_t j = 0; j < f->n; j++) {
            double sum = i == j ? 1 : 0;
            for (size_t k = 0; k < f->n; k++) {
                sum += factor[i * f->n + k] * factor[j * f->n + k];
            }
            f->matrix[i * f->n + j] = sum;
        }
    }
    for (size_t i = 0; i < f->n * f->width; i++) {
        f->b[i] = alm_rng_next_below(rng, 10) ? alm_rng_next_normal(rng) : 0;
    }
}

static alm_err solve(fixture *f, size_t rounds, double tolerance, double *x, alm_error *error)
{
    alm_conjugate problem = {.product = product, .precondition = by_diagonal, .context = f,
                             .n = f->n, .tolerance = tolerance, .rounds_max = rounds};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = alm_conjugate_solve(&problem, f->b, f->width, scratch, x, error);
    alm_arena_destroy(scratch);
    return code;
}

/* A residual of 1e-13 of b, times a condition of at most 1e5 of these matrices (rows up to 30 times
 * as large as others, squared, over 1). */
static void it_equals_cholesky(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(70, 0);
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_system(&rng, &f);
        double x[N * WIDTH] = {0};
        assert_int_equal(solve(&f, 5000, 1e-13, x, NULL), ALM_OK);
        double expected[N * WIDTH];
        memcpy(expected, f.b, sizeof expected);
        double factor[N * N];
        memcpy(factor, f.matrix, sizeof factor);
        assert_int_equal(alm_cholesky_factor(factor, f.n, NULL), ALM_OK);
        alm_cholesky_solve(factor, f.n, expected, f.width);
        for (size_t k = 0; k < f.n * f.width; k++) {
            assert_true(fabs(x[k] - expected[k]) <= 1e-7);
        }
    }
}

static void columns_do_not_influence_each_other(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(71, 0);
    for (int i = 0; i < 100; i++) {
        fixture f;
        random_system(&rng, &f);
        double x[N * WIDTH] = {0};
        assert_int_equal(solve(&f, 5000, 1e-9, x, NULL), ALM_OK);
        for (size_t c = 0; c < f.width; c++) {
            fixture alone = f;
            double y[N] = {0};
            alone.width = 1;
            for (size_t k = 0; k < f.n; k++) {
                alone.b[k] = f.b[k * f.width + c];
            }
            assert_int_equal(solve(&alone, 5000, 1e-9, y, NULL), ALM_OK);
            for (size_t k = 0; k < f.n; k++) {
                assert_memory_equal(&y[k], &x[k * f.width + c], sizeof(double));
            }
        }
    }
}

static void a_solution_to_start_from_stays(void **state)
{
    (void)state;
    fixture f = {.n = 2, .width = 1, .matrix = {2, 0, 0, 4}, .b = {2, 8}};
    double x[] = {1, 2};
    assert_int_equal(solve(&f, 0, 1e-12, x, NULL), ALM_OK);
    assert_true(x[0] == 1 && x[1] == 2);
    f = (fixture){.n = 2, .width = 1, .matrix = {2, 0, 0, 4}};
    double zero[] = {0, 0};
    assert_int_equal(solve(&f, 0, 1e-12, zero, NULL), ALM_OK); /* b = 0 */
}

static void what_cannot_be_solved(void **state)
{
    (void)state;
    alm_error error = {0};
    fixture f = {.n = 2, .width = 1, .matrix = {1, 2, 2, 1}, .b = {1, -1}};
    double x[N] = {0};
    assert_int_equal(solve(&f, 9, 1e-12, x, &error), ALM_ERR_NUMERIC);
    assert_non_null(strstr(error.message, "the matrix of 2 rows is not positive definite"));
    f = (fixture){.n = 2, .width = 1, .matrix = {1, 0.5, 0.5, 2}, .b = {1, 5}};
    memset(x, 0, sizeof x);
    assert_int_equal(solve(&f, 1, 1e-12, x, &error), ALM_ERR_NUMERIC);
    assert_non_null(strstr(error.message, "is not solved to 1e-12 after 1 rounds"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_equals_cholesky),
        cmocka_unit_test(columns_do_not_influence_each_other),
        cmocka_unit_test(a_solution_to_start_from_stays),
        cmocka_unit_test(what_cannot_be_solved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
