#include "serve/answer/policy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"

static const alm_str KEYS[] = {{"sku", 3}, {"store", 5}};

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } CASES[] = {
        {"", "", true},         {"", "a", false},       {"*", "", true},
        {"*", "abc", true},     {"a*", "abc", true},    {"a*", "ba", false},
        {"*c", "abc", true},    {"*b", "abc", false},   {"a*c", "ac", true},
        {"a*c", "abcb", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxcyyb", false},
        {"**a", "xa", true},    {"a|*", "a|north", true},   {"a|*", "ab|north", false},
        {"*|north", "a|north", true}, {"*ab", "aaab", true}, {"abc", "ab", false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        if (alm_policy_pattern_matches(alm_str_of(CASES[i].pattern), alm_str_of(CASES[i].text)) !=
            CASES[i].matches) {
            print_error("%s on %s\n", CASES[i].pattern, CASES[i].text);
            fail();
        }
    }
}

static bool slow_match(const char *p, const char *t)
{
    if (*p == '*') {
        return slow_match(p + 1, t) || (*t && slow_match(p, t + 1));
    }
    return *p ? *p == *t && slow_match(p + 1, t + 1) : !*t;
}

static void patterns_equal_a_plain_definition(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 200000; n++) {
        char pattern[7] = {0};
        char text[9] = {0};
        uint64_t bits = alm_rng_u64(3, ALM_RNG_TEST, n, 0);
        for (size_t i = 0; i < bits % 7 && i < 6; i++) {
            pattern[i] = "ab*"[(bits >> (8 + 2 * i)) % 3];
        }
        for (size_t i = 0; i < (bits >> 3) % 8; i++) {
            text[i] = "ab"[(bits >> (24 + i)) & 1];
        }
        assert_int_equal(alm_policy_pattern_matches(alm_str_of(pattern), alm_str_of(text)),
                         slow_match(pattern, text));
    }
}

static alm_limits limits_of(const alm_policy_spec *policy, size_t count, const char *node,
                            const char *level)
{
    alm_policies all = {policy, count, KEYS, 2};
    return alm_policies_limits(&all, ALM_POLICY_FORECASTS, alm_str_of(node), alm_str_of(level));
}

static void a_policy_matches_by_subject_level_name_and_keys(void **state)
{
    (void)state;
    const alm_str north[] = {ALM_STR("north"), ALM_STR("east")};
    const alm_str pattern[] = {ALM_STR("x*"), ALM_STR("a*")};
    const alm_str levels[] = {ALM_STR("store")};
    const alm_policy_key where[] = {{ALM_STR("store"), north, 2}};
    const alm_policy_spec plain = {.name = ALM_STR("plain"), .has_max = true, .max = 5};
    assert_true(alm_limits_any(&(alm_limits[]){limits_of(&plain, 1, "a|north", "series")}[0]));
    assert_false(alm_limits_any(&(alm_limits[]){limits_of(&plain, 1, "north", "store")}[0]));
    alm_policy_spec p = plain;
    p.subject = ALM_POLICY_ORDERS;
    assert_false(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "a|north", "series")}[0]));
    p.subject = ALM_POLICY_BOTH;
    assert_true(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "a|north", "series")}[0]));
    p = plain;
    p.nodes = pattern;
    p.node_count = 2;
    assert_true(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "a|north", "series")}[0]));
    assert_false(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "b|north", "series")}[0]));
    p = plain;
    p.levels = levels;
    p.level_count = 1;
    assert_true(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "north", "store")}[0]));
    assert_false(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "a|north", "series")}[0]));
    p = plain;
    p.where = where;
    p.where_count = 1;
    assert_true(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "a|east", "series")}[0]));
    assert_false(alm_limits_any(&(alm_limits[]){limits_of(&p, 1, "a|south", "series")}[0]));
}

static void the_narrowest_limit_counts_and_is_named(void **state)
{
    (void)state;
    const alm_policy_spec policies[] = {
        {.name = ALM_STR("wide"), .has_min = true, .min = 0, .has_max = true, .max = 100},
        {.name = ALM_STR("tight"), .has_max = true, .max = 40, .has_max_change = true,
         .max_change = 0.5},
        {.name = ALM_STR("loose"), .has_max_change = true, .max_change = 2}};
    alm_limits l = limits_of(policies, 3, "a|north", "series");
    alm_str by;
    assert_true(alm_limits_clamp(&l, 20, 25, &by) == 25 && by.size == 0);
    assert_true(alm_limits_clamp(&l, 20, 31, &by) == 30 && alm_str_is(by, "tight"));
    assert_true(alm_limits_clamp(&l, 20, 1, &by) == 10 && alm_str_is(by, "tight"));
    assert_true(alm_limits_clamp(&l, 60, 70, &by) == 40 && alm_str_is(by, "tight"));
    assert_true(alm_limits_clamp(&l, (double)NAN, -3, &by) == 0 && alm_str_is(by, "wide"));
    assert_true(alm_limits_clamp(&l, 0, 39, &by) == 39 && by.size == 0); /* no reference */
    assert_true(isnan(alm_limits_clamp(&l, 20, (double)NAN, &by)));
    assert_true(alm_limits_clamp(&l, 20, (double)INFINITY, NULL) == 30);
}

static void clamping_keeps_the_order(void **state)
{
    (void)state;
    const alm_policy_spec policies[] = {
        {.name = ALM_STR("a"), .has_min = true, .min = 8, .has_max = true, .max = 9},
        {.name = ALM_STR("b"), .has_max_change = true, .max_change = 0.25}};
    alm_limits l = limits_of(policies, 2, "a|north", "series");
    for (double reference = -1; reference < 20; reference += 0.5) {
        double before = -(double)INFINITY;
        for (double value = -5; value < 30; value += 0.25) {
            double now = alm_limits_clamp(&l, reference, value, NULL);
            assert_true(now >= before && now >= 8 && now <= 9);
            before = now;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(patterns_equal_a_plain_definition),
        cmocka_unit_test(a_policy_matches_by_subject_level_name_and_keys),
        cmocka_unit_test(the_narrowest_limit_counts_and_is_named),
        cmocka_unit_test(clamping_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
