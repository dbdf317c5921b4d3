/* Random histories, delays and orders of events: online features are those of a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/live/online_cases.h"

static void test_random_histories(void **state)
{
    for (uint64_t seed = 100; seed < 105; seed++) {
        shop_options o = {.seed = seed, .delay = (int)(seed % 3), .stock_delay = (int)(seed % 4),
                          .stockouts = seed % 2, .known_at = seed % 5 == 0,
                          .finite = seed % 3 == 1, .unknown = seed % 4 == 2};
        days_go_by(*state, &o, 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_histories, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
