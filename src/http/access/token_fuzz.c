/* Any bytes as a token: taken apart and its claims read, or one message. What is accepted has the
 * form that the header promises. Nothing verifies the signature here, so the claims are reached. */
#include "http/access/token.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_identity(const alm_identity *identity)
{
    alm_assert(identity->kind == ALM_IDENTITY_TOKEN);
    alm_assert(identity->subject.size >= 1 && identity->subject.size <= ALM_SUBJECT_BYTES_MAX);
    alm_assert(identity->model_count <= ALM_PATTERNS_MAX);
    alm_assert(identity->roles >> ALM_ROLE_COUNT == 0);
    for (size_t i = 0; i < identity->model_count; i++) {
        alm_assert(alm_pattern_is_valid(identity->models[i]));
        (void)alm_pattern_matches(identity->models[i], identity->subject);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const alm_str AUDIENCE = {"almanac", 7};
    const alm_token_rules rules = {ALM_STR("https://id.example.test/realm"), &AUDIENCE, 1, 30};
    const alm_instant now = INT64_C(1800000000000000);
    alm_arena *arena = alm_arena_create(0);
    alm_token token;
    alm_identity identity;
    alm_error error = {0};
    alm_str text = {(const char *)data, size};
    alm_err code = alm_token_parse(text, ALM_TOKEN_ALGORITHMS_ALL, arena, &token, &error);
    if (code == ALM_OK) {
        alm_assert(size <= ALM_TOKEN_BYTES_MAX && token.signature.size > 0);
        alm_assert(token.algorithm < ALM_TOKEN_ALGORITHM_COUNT);
        code = alm_token_claims(&token, &rules, now, arena, &identity, &error);
    } else { /* the payload alone, so that the claims need no base64url to be reached */
        token = (alm_token){.payload = text};
        alm_assert(code == ALM_ERR_INVALID || code == ALM_ERR_DENIED);
        alm_error_clear(&error);
        code = alm_token_claims(&token, &rules, now, arena, &identity, &error);
    }
    if (code == ALM_OK) {
        check_identity(&identity);
        alm_assert(identity.expires > now);
    } else {
        alm_assert(error.message[0] != '\0' && !memchr(error.message, '\n', strlen(error.message)));
    }
    alm_arena_destroy(arena);
    return 0;
}
