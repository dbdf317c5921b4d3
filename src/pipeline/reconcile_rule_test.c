#include "pipeline/reconcile_rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char MINT[] =
    "{\"errors\":12,\"factor\":[0.5,-1.25,2,0,3,1e-300],\"factors\":2,\"format\":1,"
    "\"from\":\"\",\"intensity\":0.25,\"method\":\"mint_shrink\",\"nodes\":[[\"\",\"a|x\"],"
    "[\"\",\"b|x\"],[\"total\",\"total\"]],\"variance\":[1.5,0,20]}";

static alm_str text_of(const alm_reconcile_rule *rule, alm_arena *arena)
{
    alm_buffer out = {0};
    alm_reconcile_rule_write(rule, &out);
    alm_str text = {alm_arena_copy_text(arena, out.data, out.size), out.size};
    alm_buffer_deinit(&out);
    return text;
}

static void texts_come_back(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        MINT,
        "{\"errors\":3,\"factors\":0,\"format\":1,\"from\":\"\",\"method\":\"wls_variance\","
        "\"nodes\":[[\"\",\"a\"]],\"variance\":[7]}",
        "{\"errors\":0,\"factors\":0,\"format\":1,\"from\":\"region\",\"method\":"
        "\"top_down_forecast_proportions\",\"nodes\":[],\"variance\":[]}",
        "{\"errors\":0,\"factors\":0,\"format\":1,\"from\":\"\",\"method\":\"ols\",\"nodes\":[],"
        "\"variance\":[]}"};
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        alm_reconcile_rule rule;
        alm_error error = {0};
        alm_err code =
            alm_reconcile_rule_read(alm_str_of(TEXTS[i]), "reconcile.json", arena, &rule, &error);
        assert_string_equal(error.message, "");
        assert_int_equal(code, ALM_OK);
        assert_string_equal(text_of(&rule, arena).data, TEXTS[i]);
        assert_true(isnan(rule.intensity) == (i > 0));
    }
    alm_arena_destroy(arena);
}

static void nodes_are_found_by_level_and_name(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_reconcile_rule rule;
    assert_int_equal(alm_reconcile_rule_read(alm_str_of(MINT), "m", arena, &rule, NULL), ALM_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(alm_reconcile_rule_find(&rule, &rule.nodes[i]), i);
    }
    alm_reconcile_node none[] = {{ALM_STR(""), ALM_STR("total")}, {ALM_STR("total"), ALM_STR("")},
                                 {ALM_STR("z"), ALM_STR("a")}, {ALM_STR(""), ALM_STR("a")}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(alm_reconcile_rule_find(&rule, &none[i]), SIZE_MAX);
    }
    alm_arena_destroy(arena);
}

/* One place changed: what is said of it. */
static void every_error_names_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        alm_err code;
        const char *message;
    } CASES[] = {
        {"\"format\":1", "\"format\":2", ALM_ERR_UNSUPPORTED,
         "m: it reconciles by mint_shrink, format 2, which this engine does not do; use the "
         "almanac that made it or a newer one"},
        {"mint_shrink", "magic", ALM_ERR_UNSUPPORTED, "it reconciles by magic, format 1"},
        {"mint_shrink", "erm", ALM_ERR_UNSUPPORTED, "it reconciles by erm"},
        {"\"from\":\"\"", "\"from\":\"total\"", ALM_ERR_CORRUPT,
         "m: `from` names a level with a top-down method only"},
        {"mint_shrink", "wls_variance", ALM_ERR_CORRUPT,
         "do not go together with the method wls_variance"},
        {"mint_shrink", "ols", ALM_ERR_CORRUPT, "do not go together with the method ols"},
        {"\"errors\":12", "\"errors\":0", ALM_ERR_CORRUPT, "do not go together"},
        {"\"factors\":2", "\"factors\":4097", ALM_ERR_CORRUPT, "do not go together"},
        {"\"factors\":2", "\"factors\":3", ALM_ERR_CORRUPT, "m: `factor` has 6 numbers, not 9"},
        {"[1.5,0,20]", "[1.5,0]", ALM_ERR_CORRUPT, "m: `variance` has 2 numbers, not 3"},
        {"[1.5,0,20]", "[1.5,-1,20]", ALM_ERR_CORRUPT, "`variance` number 2 is below 0"},
        {"[1.5,0,20]", "[1.5,0,null]", ALM_ERR_CORRUPT, "`variance` number 3 is not a number"},
        {"-1.25", "\"x\"", ALM_ERR_CORRUPT, "`factor` number 2 is not a number"},
        {"[\"\",\"b|x\"]", "[\"\",\"a|x\"]", ALM_ERR_CORRUPT, "`nodes` number 2 is out of order"},
        {"[\"\",\"b|x\"]", "[\"b|x\"]", ALM_ERR_CORRUPT,
         "`nodes` number 2 is no pair of level and name"},
        {"\"intensity\"", "\"intensities\"", ALM_ERR_CORRUPT, "intensities"},
        {"\"nodes\":[", "\"nodes\":{", ALM_ERR_CORRUPT, "m:1:"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_arena *arena = alm_arena_create(0);
        const char *at = strstr(MINT, CASES[i].from);
        assert_non_null(at);
        char *text = alm_arena_printf(arena, "%.*s%s%s", (int)(at - MINT), MINT, CASES[i].to,
                                      at + strlen(CASES[i].from));
        alm_reconcile_rule rule = {.errors = 77};
        alm_error error = {0};
        alm_err code = alm_reconcile_rule_read(alm_str_of(text), "m", arena, &rule, &error);
        if (code != CASES[i].code || !strstr(error.message, CASES[i].message)) {
            fail_msg("case %zu: %d, %s", i, code, error.message);
        }
        assert_int_equal(rule.errors, 77); /* untouched */
        alm_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(nodes_are_found_by_level_and_name),
        cmocka_unit_test(every_error_names_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
