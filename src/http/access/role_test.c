#include "http/access/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void roles_imply_what_they_should(void **state)
{
    (void)state;
    static const char *const IMPLIED[ALM_ROLE_COUNT] = {
        "viewer", "viewer predictor", "viewer trainer", "viewer approver",
        "viewer predictor trainer approver admin",
    };
    for (alm_role role = 0; role < ALM_ROLE_COUNT; role++) {
        char text[ALM_ROLES_TEXT_BYTES];
        assert_string_equal(alm_roles_text(alm_roles_of(role), text), IMPLIED[role]);
        alm_role parsed;
        assert_true(alm_role_parse(alm_str_of(alm_role_text(role)), &parsed));
        assert_int_equal(parsed, role);
    }
    alm_role none;
    assert_false(alm_role_parse(ALM_STR("Admin"), &none));
    assert_false(alm_role_parse(ALM_STR(""), &none));
}

static void patterns_match_whole_names(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool matches;
    } CASES[] = {
        {"demand", "demand", true},   {"demand", "demand-3", false}, {"demand-*", "demand-3", true},
        {"demand-*", "demand-", true}, {"demand-*", "demand", false}, {"*", "", true},
        {"*", "anything", true},       {"*-3", "demand-3", true},     {"*-3", "demand-33", false},
        {"a*b*c", "abc", true},        {"a*b*c", "axxbyyc", true},    {"a*b*c", "acb", false},
        {"**", "x", true},             {"", "", true},                {"", "x", false},
        {"?", "x", false},             {"Demand", "demand", false},   {"*ab", "aab", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        if (alm_pattern_matches(alm_str_of(CASES[i].pattern), alm_str_of(CASES[i].name)) !=
            CASES[i].matches) {
            fail_msg("%s against %s", CASES[i].pattern, CASES[i].name);
        }
    }
}

/* Many stars must not make it exponential: this returns at once or never. */
static void hostile_patterns_are_quick(void **state)
{
    (void)state;
    char pattern[ALM_PATTERN_BYTES_MAX];
    char name[4096];
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = i % 2 ? '*' : 'a';
    }
    pattern[sizeof pattern - 1] = 'b';
    memset(name, 'a', sizeof name);
    assert_false(alm_pattern_matches((alm_str){pattern, sizeof pattern},
                                     (alm_str){name, sizeof name}));
}

static void only_printable_patterns_are_valid(void **state)
{
    (void)state;
    char longest[ALM_PATTERN_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(alm_pattern_is_valid((alm_str){longest, sizeof longest - 1}));
    assert_false(alm_pattern_is_valid((alm_str){longest, sizeof longest}));
    assert_false(alm_pattern_is_valid(ALM_STR("")));
    assert_false(alm_pattern_is_valid(ALM_STR("a b")));
    assert_false(alm_pattern_is_valid(ALM_STR("\xc3\xa9")));
}

static void an_identity_without_patterns_may_use_no_model(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    static const alm_str MODELS[] = {{"a", 1}, {"b*", 2}};
    alm_identity identity = {.subject = ALM_STR("x"), .every_model = true};
    assert_true(alm_identity_may_use(&identity, ALM_STR("c")));
    identity.every_model = false;
    assert_false(alm_identity_may_use(&identity, ALM_STR("a")));
    identity.models = MODELS;
    identity.model_count = 2;
    alm_identity copy = alm_identity_copy(&identity, arena);
    assert_ptr_not_equal(copy.models, MODELS);
    assert_true(alm_identity_may_use(&copy, ALM_STR("a")));
    assert_true(alm_identity_may_use(&copy, ALM_STR("bb")));
    assert_false(alm_identity_may_use(&copy, ALM_STR("c")));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_imply_what_they_should),
        cmocka_unit_test(patterns_match_whole_names),
        cmocka_unit_test(hostile_patterns_are_quick),
        cmocka_unit_test(only_printable_patterns_are_valid),
        cmocka_unit_test(an_identity_without_patterns_may_use_no_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
