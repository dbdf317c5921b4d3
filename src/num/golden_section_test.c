#include "num/golden_section.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

typedef struct valley {
    double bottom;
    int calls;
} valley;

static double height(void *context, double x)
{
    valley *v = context;
    v->calls++;
    return fabs(x - v->bottom);
}

/* Whatever is left holds the bottom, so its middle is within half of its width of it. */
static void the_bottom_is_found(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(5, 1);
    for (int i = 0; i < 1000; i++) {
        valley v = {.bottom = 3 * alm_rng_next_uniform(&rng) - 1};
        double x = alm_golden_section(height, &v, -1, 2, 1e-6);
        assert_true(fabs(x - v.bottom) <= .5e-6 + 1e-12);
        assert_int_equal(v.calls, 2 + 31); /* 3 * .618^31 < 1e-6 <= 3 * .618^30 */
    }
}

static void a_bottom_beyond_an_end_is_the_end(void **state)
{
    (void)state;
    valley v = {.bottom = 9};
    assert_true(fabs(alm_golden_section(height, &v, 0, 1, 1e-3) - 1) <= 1e-3);
    assert_true(alm_golden_section(height, &v, 0, 1, 1) == .5); /* narrow enough as it is */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bottom_is_found),
        cmocka_unit_test(a_bottom_beyond_an_end_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
