/* Online features are those of a batch over the same history, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/live/online_cases.h"

static void test_plain(void **state)
{
    days_go_by(*state, &(shop_options){.seed = 1}, 2);
}

static void test_publication_delay(void **state)
{
    days_go_by(*state, &(shop_options){.seed = 2, .delay = 2, .stock_delay = 1}, 4);
}

static void test_stockouts(void **state)
{
    days_go_by(*state, &(shop_options){.seed = 3, .stockouts = true}, 6);
    days_go_by(*state, &(shop_options){.seed = 4, .stockouts = true, .stock_delay = 3}, 6);
}

static void test_gaps_are_unknown(void **state)
{
    shop_options o = {.seed = 5, .unknown = true, .delay = 1, .finite = true};
    days_go_by(*state, &o, 6);
}

static void test_known_at(void **state)
{
    days_go_by(*state, &(shop_options){.seed = 6, .known_at = true, .delay = 1}, 3);
}

static void test_recursive(void **state)
{
    days_go_by(*state, &(shop_options){.seed = 7, .recursive = true}, 6);
    days_go_by(*state, &(shop_options){.seed = 8, .recursive = true, .delay = 2}, 6);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_plain),    ON(test_publication_delay), ON(test_stockouts),
        ON(test_gaps_are_unknown), ON(test_known_at),  ON(test_recursive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
