#include "serve/answer/rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MISSING ((double)NAN)

static alm_err ask(alm_rule_kind kind, const alm_rule_history *history, alm_date first,
                   int32_t steps, double *out)
{
    alm_error error;
    alm_rule_request request = {kind, 7, first, steps};
    return alm_rule_forecast(&request, history, out, &error);
}

static void takes_the_newest_value_of_the_season(void **state)
{
    (void)state;
    const double value[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, MISSING, 11}; /* days 90 to 100 */
    alm_rule_history history = {value, 11, 100};
    double out[16];
    assert_int_equal(ask(ALM_RULE_SEASONAL_NAIVE, &history, 101, 15, out), ALM_OK);
    const double expected[] = {5, 6, 7, 8, 9, 3, 11, 5, 6, 7, 8, 9, 3, 11, 5}; /* 99 is missing */
    for (size_t i = 0; i < 15; i++) {
        assert_true(out[i] == expected[i]);
    }
    /* Days within: by themselves. */
    assert_int_equal(ask(ALM_RULE_SEASONAL_NAIVE, &history, 98, 3, out), ALM_OK);
    assert_true(out[0] == 9 && out[1] == 3 && out[2] == 11);
}

static void the_mean_stands_in(void **state)
{
    (void)state;
    const double value[] = {2, MISSING, 4, (double)INFINITY}; /* days 97 to 100 */
    alm_rule_history history = {value, 4, 100};
    double out[7];
    assert_int_equal(ask(ALM_RULE_SEASONAL_NAIVE, &history, 101, 7, out), ALM_OK);
    const double expected[] = {3, 3, 3, 2, 3, 4, 3}; /* only 97 and 99 are known */
    for (size_t i = 0; i < 7; i++) {
        assert_true(out[i] == expected[i]);
    }
    assert_int_equal(ask(ALM_RULE_MEAN, &history, 101, 7, out), ALM_OK);
    for (size_t i = 0; i < 7; i++) {
        assert_true(out[i] == 3);
    }
    /* A day before all that is known. */
    assert_int_equal(ask(ALM_RULE_SEASONAL_NAIVE, &history, 1, 1, out), ALM_OK);
    assert_true(out[0] == 3);
}

static void says_when_it_cannot(void **state)
{
    (void)state;
    const double value[] = {MISSING, (double)INFINITY};
    const double huge[] = {1.7e308, 1.7e308};
    alm_rule_history nothing = {value, 2, 100};
    alm_rule_history overflow = {huge, 2, 100};
    alm_rule_history empty = {NULL, 0, 100};
    alm_rule_history large = {value, ALM_RULE_DAYS_MAX + 1, 100};
    double out[1] = {42};
    assert_int_equal(ask(ALM_RULE_MEAN, &nothing, 101, 1, out), ALM_ERR_UNAVAILABLE);
    assert_int_equal(ask(ALM_RULE_MEAN, &overflow, 101, 1, out), ALM_ERR_UNAVAILABLE);
    assert_int_equal(ask(ALM_RULE_MEAN, &empty, 101, 1, out), ALM_ERR_UNAVAILABLE);
    assert_int_equal(ask(ALM_RULE_NONE, &nothing, 101, 1, out), ALM_ERR_UNAVAILABLE);
    assert_int_equal(ask(ALM_RULE_MEAN, &large, 101, 1, out), ALM_ERR_LIMIT);
    assert_int_equal(ask(ALM_RULE_MEAN, &nothing, 101, 0, out), ALM_ERR_LIMIT);
    assert_true(out[0] == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_newest_value_of_the_season),
        cmocka_unit_test(the_mean_stands_in),
        cmocka_unit_test(says_when_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
