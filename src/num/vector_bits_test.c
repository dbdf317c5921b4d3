/* vector_bits_test.c: bits of num/vector_elementary.c that must not depend on the CPU;
 * tests/determinism runs this with every variant of its functions. */
#include "num/vector_elementary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

enum { SPECIAL = 25 };

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

static uint64_t fold(uint64_t sum, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        sum = (sum ^ bits) * UINT64_C(1099511628211);
    }
    return sum;
}

/* Bits of this very code, with each vector width and with none: they are the promise, not truth
 * (that is above), so a change of the formula is a new number here. */
static void bits_are_those_of_every_cpu(void **state)
{
    (void)state;
    enum { SOME = 20000 };
    static const uint64_t KNOWN[4] = {
        UINT64_C(0x0f7580607f08054b), UINT64_C(0x6a46687ff86cf42f),
        UINT64_C(0x8caa82700840027e), UINT64_C(0xd582c34881ff4d79)};
    static void (*const EACH[])(const double *, size_t, double *) = {
        alm_exp_each, alm_sigmoid_each, alm_softplus_each};
    static double x[SOME], out[SOME];
    draw(11, x, SOME);
    for (size_t f = 0; f < 4; f++) {
        if (f < 3) {
            EACH[f](x, SOME, out);
        } else {
            alm_softmax_rows(x, SOME / 4, 4, out);
        }
        uint64_t sum = fold(UINT64_C(14695981039346656037), out, SOME);
        if (sum != KNOWN[f]) {
            fail_msg("function %zu: 0x%016llx", f, (unsigned long long)sum);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_those_of_every_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
