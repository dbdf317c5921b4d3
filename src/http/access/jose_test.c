/* jose_test.c: tokens and key sets of another implementation, and of the RFCs. */
#include "http/access/jose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "http/access/access_fixture.h"

static alm_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = alm_arena_create(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alm_arena_destroy(arena);
    return 0;
}

static const alm_str AUDIENCES[] = {{"almanac", 7}, {"almanac-batch", 13}};
static const alm_token_rules RULES = {
    .issuer = {GOLDEN_ISSUER, sizeof GOLDEN_ISSUER - 1},
    .audiences = AUDIENCES,
    .audience_count = 2,
    .skew_s = 30,
};

static alm_key_set *key_set(const char *name)
{
    alm_key_set *set = NULL;
    alm_error error = {0};
    if (alm_key_set_parse(golden_text(name, arena), name, &set, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return set;
}

/* All that a request with the token goes through. */
static alm_err accept(const alm_key_set *set, alm_str text, alm_instant now, alm_identity *out,
                      alm_error *error)
{
    alm_token token;
    ALM_TRY(alm_token_parse(text, ALM_TOKEN_ALGORITHMS_ALL, arena, &token, error));
    ALM_TRY(alm_key_set_verify(set, &token, error));
    return alm_token_claims(&token, &RULES, now, arena, out, error);
}

static void check_accepted(const alm_json *item, const alm_identity *identity, const char *name)
{
    char roles[ALM_ROLES_TEXT_BYTES];
    if (!alm_str_is(golden_member(item, "roles"), alm_roles_text(identity->roles, roles))) {
        fail_msg("%s: roles are %s", name, roles);
    }
    assert_true(alm_str_is(identity->subject, "anna"));
    assert_int_equal(identity->kind, ALM_IDENTITY_TOKEN);
    const alm_json *models = alm_json_member(item, "models");
    assert_int_equal(identity->every_model, models == NULL);
    assert_int_equal(identity->model_count, models ? alm_json_count(models) : 0);
    for (size_t i = 0; i < identity->model_count; i++) {
        alm_str model;
        assert_true(alm_json_as_str(alm_json_at(models, i), &model));
        assert_true(alm_str_equal(model, identity->models[i]));
    }
}

static void every_golden_token_is_judged_as_it_should(void **state)
{
    (void)state;
    alm_key_set *set = key_set("jwks.json");
    assert_int_equal(alm_key_set_count(set), 3);
    assert_int_equal(alm_key_set_left_out(set), 5);
    alm_json_document *document = golden_json("cases.json", arena);
    const alm_json *cases = alm_json_member(alm_json_root(document), "cases");
    int64_t now_s;
    assert_int_equal(alm_json_get_i64(alm_json_root(document), "now", &now_s, NULL), ALM_OK);
    assert_true(alm_json_count(cases) > 80);
    for (size_t i = 0; i < alm_json_count(cases); i++) {
        const alm_json *item = alm_json_at(cases, i);
        const char *name = golden_member(item, "name").data;
        alm_str outcome = golden_member(item, "outcome");
        alm_error error = {0};
        alm_identity identity = {0};
        alm_err code = accept(set, golden_member(item, "token"), now_s * 1000000, &identity,
                              &error);
        if (alm_str_is(outcome, "ok")) {
            if (code != ALM_OK) {
                fail_msg("%s: %s", name, error.message);
            }
            check_accepted(item, &identity, name);
            continue;
        }
        if (!alm_str_is(outcome, alm_err_name(code)) ||
            !strstr(error.message, golden_member(item, "message").data)) {
            fail_msg("%s: %s %s", name, alm_err_name(code), error.message);
        }
        assert_int_equal(identity.kind, ALM_IDENTITY_NONE); /* nothing was given out */
    }
    alm_json_document_destroy(document);
    alm_key_set_destroy(set);
}

static void after_a_rotation_new_keys_work_and_old_ones_do_not(void **state)
{
    (void)state;
    alm_key_set *old = key_set("jwks.json");
    alm_key_set *new = key_set("rotated.json");
    alm_json_document *document = golden_json("cases.json", arena);
    const alm_json *tokens = alm_json_member(alm_json_root(document), "rotated");
    static const alm_err BEFORE[] = {ALM_ERR_NOT_FOUND, ALM_OK, ALM_OK};
    static const alm_err AFTER[] = {ALM_OK, ALM_ERR_NOT_FOUND, ALM_OK};
    assert_int_equal(alm_json_count(tokens), 3);
    for (size_t i = 0; i < 3; i++) {
        alm_str text = golden_member(alm_json_at(tokens, i), "token");
        alm_identity identity;
        assert_int_equal(accept(old, text, INT64_C(1800000000000000), &identity, NULL), BEFORE[i]);
        assert_int_equal(accept(new, text, INT64_C(1800000000000000), &identity, NULL), AFTER[i]);
    }
    alm_json_document_destroy(document);
    alm_key_set_destroy(old);
    alm_key_set_destroy(new);
}

static alm_err parse_set(const char *text, alm_key_set **out, alm_error *error)
{
    return alm_key_set_parse(alm_str_of(text), "keys", out, error);
}

static void the_examples_of_the_rfcs_verify(void **state)
{
    (void)state;
    alm_json_document *document = golden_json("rfc.json", arena);
    const alm_json *root = alm_json_root(document);
    assert_int_equal(alm_json_count(root), 3);
    for (size_t i = 0; i < 3; i++) {
        const alm_json *item = alm_json_at(root, i);
        alm_key_set *set = NULL;
        alm_error error = {0};
        if (parse_set(golden_member(item, "keys").data, &set, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        alm_str text = golden_member(item, "token");
        alm_token token;
        assert_int_equal(alm_token_parse(text, ALM_TOKEN_ALGORITHMS_ALL, arena, &token, &error),
                         ALM_OK);
        if (alm_key_set_verify(set, &token, &error) != ALM_OK) {
            fail_msg("%s: %s", golden_member(item, "name").data, error.message);
        }
        /* One bit of the signed text. */
        char *changed = alm_arena_copy_text(arena, text.data, text.size);
        changed[text.size / 4] ^= 1;
        token.text.data = changed;
        assert_int_equal(alm_key_set_verify(set, &token, &error), ALM_ERR_DENIED);
        alm_key_set_destroy(set);
    }
    alm_json_document_destroy(document);
}

static void only_allowed_algorithms_pass(void **state)
{
    (void)state;
    alm_json_document *document = golden_json("cases.json", arena);
    static const char *const NAMES[] = {"RS256", "ES256", "EdDSA"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            alm_token token;
            alm_err code = alm_token_parse(golden_token(document, NAMES[i]), UINT32_C(1) << k,
                                           arena, &token, NULL);
            assert_int_equal(code, i == k ? ALM_OK : ALM_ERR_DENIED);
        }
    }
    alm_json_document_destroy(document);
}

#define ED \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define EC_X \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""

static void bad_key_sets_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const SETS[][2] = {
        {"", "keys"},
        {"[]", "an object with a list"},
        {"{\"keys\":{}}", "an object with a list"},
        {"{\"keys\":[]}", "the list is empty"},
        {"{\"keys\":[1]}", "key 1 is no object"},
        {"{\"keys\":[{}]}", "no kty"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "none of RSA, EC and OKP"},
        {"{\"keys\":[{" ED ",\"d\":\"AAAA\"}]}", "private key"},
        {"{\"keys\":[{" ED "},{\"kty\":\"RSA\",\"d\":\"AAAA\"}]}", "key 2 is a private key"},
        {"{\"keys\":[{" ED ",\"use\":\"enc\"}]}", "use is not sig"},
        {"{\"keys\":[{" ED ",\"key_ops\":[\"sign\"]}]}", "key_ops"},
        {"{\"keys\":[{" ED ",\"key_ops\":\"verify\"}]}", "key_ops"},
        {"{\"keys\":[{" ED ",\"alg\":\"HS256\"}]}", "alg"},
        {"{\"keys\":[{" ED ",\"kid\":7}]}", "kid"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AAAA\"}]}", "crv"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}", "32 bytes"},
        {"{\"keys\":[{" EC_X "}]}", "32 bytes"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}]}", "2048"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"A+\",\"e\":\"AQAB\"}]}", "base64url"},
    };
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        alm_key_set *set = NULL;
        alm_error error = {0};
        alm_err code = parse_set(SETS[i][0], &set, &error);
        if (code != ALM_ERR_INVALID || !strstr(error.message, SETS[i][1])) {
            fail_msg("%s: %s", SETS[i][0], error.message);
        }
        assert_null(set);
    }
}

static void a_token_without_a_kid_needs_exactly_one_key(void **state)
{
    (void)state;
    alm_json_document *document = golden_json("rfc.json", arena);
    alm_str text = golden_member(alm_json_at(alm_json_root(document), 2), "token");
    static const char *const SETS[] = {
        "{\"keys\":[{" ED ",\"kid\":\"a\"}]}",
        "{\"keys\":[{" ED ",\"kid\":\"a\"},{" ED ",\"kid\":\"b\"}]}",
        "{\"keys\":[{" EC_X ",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
    };
    static const alm_err CODES[] = {ALM_OK, ALM_ERR_DENIED, ALM_ERR_NOT_FOUND};
    for (size_t i = 0; i < 3; i++) {
        alm_key_set *set = NULL;
        alm_token token;
        alm_error error = {0};
        assert_int_equal(parse_set(SETS[i], &set, &error), ALM_OK);
        assert_int_equal(alm_token_parse(text, ALM_TOKEN_ALGORITHMS_ALL, arena, &token, &error),
                         ALM_OK);
        assert_int_equal(alm_key_set_verify(set, &token, &error), CODES[i]);
        alm_key_set_destroy(set);
    }
    alm_json_document_destroy(document);
}

static void a_point_beside_the_curve_verifies_nothing(void **state)
{
    (void)state;
    alm_json_document *document = golden_json("rfc.json", arena);
    alm_key_set *set = NULL;
    alm_token token;
    alm_error error = {0};
    assert_int_equal(parse_set("{\"keys\":[{" EC_X
                               ",\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}",
                               &set, &error), ALM_OK);
    assert_int_equal(alm_token_parse(golden_member(alm_json_at(alm_json_root(document), 1),
                                                   "token"),
                                     ALM_TOKEN_ALGORITHMS_ALL, arena, &token, &error), ALM_OK);
    assert_int_equal(alm_key_set_verify(set, &token, &error), ALM_ERR_DENIED);
    alm_key_set_destroy(set);
    alm_json_document_destroy(document);
}

/* Every single character of a good token, changed: nothing crashes and nothing else is accepted. */
static void no_changed_character_is_accepted(void **state)
{
    (void)state;
    alm_key_set *set = key_set("jwks.json");
    alm_json_document *document = golden_json("cases.json", arena);
    alm_str good = golden_token(document, "EdDSA");
    for (size_t i = 0; i < good.size; i++) {
        alm_arena_reset(arena);
        char *text = alm_arena_copy_text(arena, good.data, good.size);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        alm_identity identity;
        assert_int_not_equal(accept(set, (alm_str){text, good.size}, INT64_C(1800000000000000),
                                    &identity, NULL), ALM_OK);
        assert_int_not_equal(accept(set, (alm_str){good.data, i}, INT64_C(1800000000000000),
                                    &identity, NULL), ALM_OK);
    }
    alm_json_document_destroy(document);
    alm_key_set_destroy(set);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_golden_token_is_judged_as_it_should),
        CASE(after_a_rotation_new_keys_work_and_old_ones_do_not),
        CASE(the_examples_of_the_rfcs_verify),
        CASE(only_allowed_algorithms_pass),
        CASE(bad_key_sets_are_refused_with_a_reason),
        CASE(a_token_without_a_kid_needs_exactly_one_key),
        CASE(a_point_beside_the_curve_verifies_nothing),
        CASE(no_changed_character_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
