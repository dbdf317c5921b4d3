/* Golden values: Python 3.11.7, scipy 1.17.1: 2 * stats.t.sf(|t|, df), stats.chi2.sf(x, df); the
 * range by scipy.integrate.quad of its definition, which agrees with stats.studentized_range.sf(q,
 * k, inf) to 1e-15. */
#include "num/significance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double STUDENT[][3] = {
    {0.1, 1, 0.93654896513889296},    {1, 1, 0.50000000000000011},
    {2.5, 3, 0.087706647008065561},   {-2.5, 3, 0.087706647008065561},
    {1.96, 10, 0.078436240247699712}, {4, 10, 0.0025183326247366945},
    {0.5, 100, 0.61817356583088656},  {3.2, 1427, 0.0014045117357801746},
    {12, 5, 7.0894925171615224e-05},  {1e-06, 7, 0.99999923001709834},
    {40, 30, 1.3726045194406417e-27}, {2, 1000000, 0.04550053385131924},
};
static const double CHI_SQUARE[][3] = {
    {0.01, 1, 0.92034432544594202},   {1, 1, 0.31731050786291115},
    {3.84, 1, 0.050043521248705189},  {5, 2, 0.0820849986238988},
    {2, 5, 0.84914503608460956},      {30, 19, 0.05179845889302389},
    {19, 19, 0.45683612559196224},    {100, 19, 5.3555607504351175e-13},
    {200, 150, 0.0039731859708216346}, {800, 11, 1.8946173330114446e-164},
    {0.0001, 3, 0.99999973404645848},
};
static const double RANGE[][3] = {
    {0.5, 2, 0.7236736098317631},      {2.772, 2, 0.049984103551055536},
    {3.3145, 3, 0.049999387596061373}, {4.0301, 6, 0.04999920792976098},
    {4.474, 10, 0.050013241593052982}, {1, 10, 0.99948013054453588},
    {5, 20, 0.051364663579132941},     {8, 12, 1.0097083781301919e-06},
    {0.05, 4, 0.99998413402955888},
};

/* Near 1e6 degrees the logarithms of gamma functions are 1e7, each right to an ulp of that. */
static void students_t(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof STUDENT / sizeof STUDENT[0]; i++) {
        double p = alm_student_two_sided(STUDENT[i][0], STUDENT[i][1]);
        double tolerance = STUDENT[i][1] > 1e5 ? 1e-8 : 1e-11;
        assert_true(fabs(p - STUDENT[i][2]) <= tolerance * STUDENT[i][2]);
    }
    assert_true(alm_student_two_sided(0, 5) == 1);
    assert_true(alm_student_two_sided(1e200, 5) >= 0);
    /* One degree is Cauchy: by hand 1/2 at 1, 1/3 at sqrt 3. */
    assert_true(fabs(alm_student_two_sided(sqrt(3), 1) - 1. / 3) < 1e-14);
}

static void chi_square(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CHI_SQUARE / sizeof CHI_SQUARE[0]; i++) {
        double p = alm_chi_square_upper(CHI_SQUARE[i][0], CHI_SQUARE[i][1]);
        assert_true(fabs(p - CHI_SQUARE[i][2]) <= 1e-12 * CHI_SQUARE[i][2]);
    }
    assert_true(alm_chi_square_upper(0, 3) == 1);
    assert_true(alm_chi_square_upper(1e6, 3) == 0);
}

static void studentised_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RANGE / sizeof RANGE[0]; i++) {
        double p = alm_range_upper(RANGE[i][0], (int)RANGE[i][1]);
        assert_true(fabs(p - RANGE[i][2]) <= 1e-11); /* absolute: 1 less an integral */
    }
    assert_true(alm_range_upper(0, 3) == 1 && alm_range_upper(100, 3) < 1e-12);
    static const double FIVE_PERCENT[][2] = {{2, 2.771807648699355}, {3, 3.314493155398122},
                                             {5, 3.857655510378623}, {10, 4.474124221725907},
                                             {22, 5.081193155799909}};
    for (size_t i = 0; i < 5; i++) {
        double q = alm_range_quantile(.05, (int)FIVE_PERCENT[i][0]);
        assert_true(fabs(q - FIVE_PERCENT[i][1]) < 1e-9); /* the bisection stops at 1e-10 */
    }
}

static void tails_fall(void **state)
{
    (void)state;
    for (int df = 1; df < 40; df += 3) {
        for (double x = .05; x < 60; x *= 1.3) {
            assert_true(alm_student_two_sided(1.3 * x, df) < alm_student_two_sided(x, df));
            assert_true(alm_chi_square_upper(1.3 * x, df) <= alm_chi_square_upper(x, df));
            assert_true(alm_range_upper(1.3 * x, df + 1) <= alm_range_upper(x, df + 1));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_t),
        cmocka_unit_test(chi_square),
        cmocka_unit_test(studentised_range),
        cmocka_unit_test(tails_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
