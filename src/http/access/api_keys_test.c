/* api_keys_test.c: keys are made, found, refused; files that are not accepted. */
#include "http/access/api_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "http/access/secret.h"

#define NOW INT64_C(1800000000000000)

static alm_fs *fs;
static alm_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = alm_arena_create(0);
    return alm_secret_start(NULL) == ALM_OK && alm_fs_memory_create(&fs, NULL) == ALM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
    return 0;
}

static const alm_role ROLES[] = {ALM_ROLE_PREDICTOR, ALM_ROLE_APPROVER};
static const alm_str MODELS[] = {{"demand-*", 8}};

static alm_api_key_request request_of(const char *note)
{
    return (alm_api_key_request){
        .roles = ROLES,
        .role_count = 2,
        .models = MODELS,
        .model_count = 1,
        .created = NOW,
        .expires = NOW + 1000000,
        .note = alm_str_of(note),
    };
}

static alm_api_keys *read_keys(alm_fs *from)
{
    alm_str text;
    alm_api_keys *keys = NULL;
    alm_error error = {0};
    assert_int_equal(alm_fs_read_all(from, "keys.json", 1 << 20, arena, &text, NULL), ALM_OK);
    if (alm_api_keys_parse(text, "keys.json", &keys, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return keys;
}

static void a_made_key_is_accepted_and_others_are_not(void **state)
{
    (void)state;
    char first[ALM_API_KEY_TEXT_BYTES];
    char second[ALM_API_KEY_TEXT_BYTES];
    alm_error error = {0};
    alm_api_key_request request = request_of("warehouse \"7\"");
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, first, &error), ALM_OK);
    request.every_model = true;
    request.expires = INT64_MAX;
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, second, &error), ALM_OK);
    alm_api_keys *keys = read_keys(fs);
    assert_int_equal(alm_api_keys_count(keys), 2);
    alm_str id;
    assert_true(alm_api_key_is_one(alm_str_of(first), &id));
    alm_identity who = {0};
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(first), NOW, &who, &error), ALM_OK);
    char roles[ALM_ROLES_TEXT_BYTES];
    assert_string_equal(alm_roles_text(who.roles, roles), "viewer predictor approver");
    assert_true(alm_str_equal(who.subject, id));
    assert_true(alm_identity_may_use(&who, ALM_STR("demand-3")));
    assert_false(alm_identity_may_use(&who, ALM_STR("price")));
    assert_int_equal(who.expires, NOW + 1000000);
    /* Expired, but only for who knows the secret. */
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(first), NOW + 1000000, &who, &error),
                     ALM_ERR_DENIED);
    assert_string_equal(error.message, "the API key has expired");
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(second), INT64_MAX - 1, &who, &error),
                     ALM_OK);
    assert_true(who.every_model);
    /* The id of one with the secret of the other, and an id that is not there. */
    memcpy(first + 4, second + 4, ALM_API_KEY_ID_DIGITS);
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(first), NOW, &who, &error),
                     ALM_ERR_DENIED);
    assert_string_equal(error.message, "the API key is not valid");
    memset(first + 4, '0', ALM_API_KEY_ID_DIGITS);
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(first), NOW, &who, &error),
                     ALM_ERR_DENIED);
    assert_string_equal(error.message, "the API key is not valid");
    alm_api_keys_destroy(keys);
}

static void the_file_holds_no_secret(void **state)
{
    (void)state;
    char key[ALM_API_KEY_TEXT_BYTES];
    alm_str text;
    alm_api_key_request request = request_of("");
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, key, NULL), ALM_OK);
    assert_int_equal(alm_fs_read_all(fs, "keys.json", 1 << 20, arena, &text, NULL), ALM_OK);
    assert_null(strstr(text.data, key + 4 + ALM_API_KEY_ID_DIGITS + 1));
    assert_non_null(strstr(text.data, "$argon2id$v=19$m=19456,t=2,p=1$"));
}

static void a_removed_key_is_gone(void **state)
{
    (void)state;
    char key[2][ALM_API_KEY_TEXT_BYTES];
    alm_api_key_request request = request_of("");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, key[i], NULL), ALM_OK);
    }
    alm_str id = {key[0] + 4, ALM_API_KEY_ID_DIGITS};
    alm_error error = {0};
    assert_int_equal(alm_api_keys_remove(fs, "keys.json", id, &error), ALM_OK);
    assert_int_equal(alm_api_keys_remove(fs, "keys.json", id, &error), ALM_ERR_NOT_FOUND);
    assert_int_equal(alm_api_keys_remove(fs, "none.json", id, &error), ALM_ERR_NOT_FOUND);
    alm_api_keys *keys = read_keys(fs);
    alm_identity who;
    assert_int_equal(alm_api_keys_count(keys), 1);
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(key[0]), NOW, &who, NULL),
                     ALM_ERR_DENIED);
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(key[1]), NOW, &who, NULL), ALM_OK);
    alm_api_keys_destroy(keys);
    /* An empty file is one of no keys. */
    id.data = key[1] + 4;
    assert_int_equal(alm_api_keys_remove(fs, "keys.json", id, &error), ALM_OK);
    keys = read_keys(fs);
    assert_int_equal(alm_api_keys_count(keys), 0);
    assert_int_equal(alm_api_keys_check(keys, alm_str_of(key[1]), NOW, &who, NULL),
                     ALM_ERR_DENIED);
    alm_api_keys_destroy(keys);
}

static void only_the_form_of_a_key_is_one(void **state)
{
    (void)state;
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    static const char *const NOT[] = {
        "", "alm_", "alm_0123456789ab_" SECRET "0", "alm_0123456789ab_0" SECRET,
        "ALM_0123456789ab_" SECRET, "alm_0123456789aB_" SECRET, "alm_0123456789ab-" SECRET,
        "alm_0123456789ag_" SECRET,
    };
    for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++) {
        assert_false(alm_api_key_is_one(alm_str_of(NOT[i]), NULL));
    }
    assert_true(alm_api_key_is_one(ALM_STR("alm_0123456789ab_" SECRET), NULL));
}

#define HASH "$argon2id$v=19$m=19456,t=2,p=1$kzzvzsXVDzxtYmsr3N9mKQ$" \
    "Qp1k6GgHdqEJ3iNY1o4+cKfPQi4FSXfMmFZOeT3XzDw"
#define RECORD(id, hash, more)                                                                   \
    "{\"id\":\"" id "\",\"hash\":\"" hash "\",\"created\":\"2026-11-28T10:00:00Z\"," more "}"
#define ONE(hash, more) "{\"keys\":[" RECORD("0123456789ab", hash, more) "]}"

static void bad_files_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const FILES[][2] = {
        {"", "keys.json"},
        {"[]", "keys.json"},
        {"{\"keys\":[],\"more\":1}", "more"},
        {ONE(HASH, "\"roles\":[]"), "roles is empty"},
        {ONE(HASH, "\"roles\":[\"root\"]"), "roles are"},
        {ONE(HASH, "\"note\":\"x\""), "roles"},
        {ONE(HASH, "\"roles\":[\"admin\"],\"secret\":\"x\""), "secret"},
        {ONE(HASH, "\"roles\":[\"admin\"],\"models\":\"x\""), "models"},
        {ONE(HASH, "\"roles\":[\"admin\"],\"models\":[\"a b\"]"), "models"},
        {ONE(HASH, "\"roles\":[\"admin\"],\"expires\":\"soon\""), "expires"},
        {ONE("", "\"roles\":[\"admin\"]"), "Argon2id"},
        {ONE("plain", "\"roles\":[\"admin\"]"), "Argon2id"},
        {ONE("$argon2i$v=19$m=19456,t=2,p=1$kzzvzsXVDzxtYmsr3N9mKQ$Qp1k", "\"roles\":[\"admin\"]"),
         "Argon2id"},
        {ONE("$argon2id$v=19$m=4194304,t=2,p=1$kzzvzsXVDzxtYmsr3N9mKQ$Qp1k",
             "\"roles\":[\"admin\"]"), "Argon2id"},
        {ONE("$argon2id$v=19$m=19456,t=99,p=1$kzzvzsXVDzxtYmsr3N9mKQ$Qp1k",
             "\"roles\":[\"admin\"]"), "Argon2id"},
        {"{\"keys\":[" RECORD("0123456789a", HASH, "\"roles\":[\"admin\"]") "]}", "12"},
        {"{\"keys\":[" RECORD("0123456789ab", HASH, "\"roles\":[\"admin\"]") ","
         RECORD("0123456789ab", HASH, "\"roles\":[\"admin\"]") "]}", "twice"},
    };
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        alm_api_keys *keys = NULL;
        alm_error error = {0};
        alm_err code = alm_api_keys_parse(alm_str_of(FILES[i][0]), "keys.json", &keys, &error);
        if (code != ALM_ERR_INVALID || !strstr(error.message, FILES[i][1])) {
            fail_msg("%s: %s", FILES[i][0], error.message);
        }
        assert_null(keys);
    }
    alm_api_keys *keys = NULL;
    assert_int_equal(alm_api_keys_parse(alm_str_of(ONE(HASH, "\"roles\":[\"admin\"]")), "k", &keys,
                                        NULL), ALM_OK);
    alm_api_keys_destroy(keys);
}

static void no_message_quotes_the_file(void **state)
{
    (void)state;
    static const char *const FILES[] = {
        "{\"keys\":[{\"hash\":\"$argon2id\" \"id\":1}]}",
        "{\"keys\":[{\"hash\":\"$argon2id",
        "$argon2id",
        "{\"keys\":[{\"id\":\"$argon2id\"}]}",
        "{\"keys\":[{\"hash\":\"$argon2id\",\"hash\":\"$argon2id\"}]}",
    };
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        alm_api_keys *keys = NULL;
        alm_error error = {0};
        assert_int_equal(alm_api_keys_parse(alm_str_of(FILES[i]), "keys.json", &keys, &error),
                         ALM_ERR_INVALID);
        if (!strstr(error.message, "keys.json") || strstr(error.message, "argon")) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(alm_api_keys_parse(alm_str_of(FILES[i]), "keys.json", &keys, NULL),
                         ALM_ERR_INVALID);
    }
}

static void bad_descriptions_make_no_key(void **state)
{
    (void)state;
    char key[ALM_API_KEY_TEXT_BYTES];
    static const alm_str BAD_MODEL[] = {{"a b", 3}};
    alm_api_key_request request = request_of("");
    request.role_count = 0;
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, key, NULL), ALM_ERR_INVALID);
    request = request_of("\xff");
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, key, NULL), ALM_ERR_INVALID);
    request = request_of("");
    request.expires = request.created;
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, key, NULL), ALM_ERR_INVALID);
    request = request_of("");
    request.models = BAD_MODEL;
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, key, NULL), ALM_ERR_INVALID);
    assert_false(alm_fs_exists(fs, "keys.json"));
}

/* The file is the old one or the new one, whichever call fails. */
static void a_failing_call_keeps_the_old_file(void **state)
{
    (void)state;
    char old[ALM_API_KEY_TEXT_BYTES];
    char new[ALM_API_KEY_TEXT_BYTES];
    alm_api_key_request request = request_of("");
    assert_int_equal(alm_api_keys_add(fs, "keys.json", &request, old, NULL), ALM_OK);
    bool happened = true;
    for (uint64_t nth = 1; happened; nth++) {
        alm_fs *inner = alm_fs_memory_copy(fs);
        alm_fs *faulty = NULL;
        assert_int_equal(alm_fs_fault_create(inner, &faulty, NULL), ALM_OK);
        alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_KILL, .nth = nth});
        alm_err code = alm_api_keys_add(faulty, "keys.json", &request, new, NULL);
        happened = alm_fs_fault_happened(faulty);
        alm_api_keys *keys = read_keys(inner);
        assert_true(alm_api_keys_count(keys) >= (code == ALM_OK ? 2 : 1));
        alm_api_keys_destroy(keys);
        alm_fs_destroy(faulty);
        alm_fs_destroy(inner);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_made_key_is_accepted_and_others_are_not),
        CASE(the_file_holds_no_secret),
        CASE(a_removed_key_is_gone),
        CASE(only_the_form_of_a_key_is_one),
        CASE(bad_files_are_refused_with_a_reason),
        CASE(no_message_quotes_the_file),
        CASE(bad_descriptions_make_no_key),
        CASE(a_failing_call_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
