/* token.h: a signed token (JWS compact form, RFC 7515) taken apart, and its claims (JWT, RFC 7519)
 * checked. No cryptography: who verifies the signature is jose.h.
 *
 * A token is at most ALM_TOKEN_BYTES_MAX bytes: three parts of canonical base64url without padding.
 * Its header is refused when
 *   - `alg` is not among those allowed; RS256, ES256 and EdDSA exist here, nothing else, so neither
 *     `none` nor a symmetric algorithm can be asked for (RFC 8725, 3.1);
 *   - it has `crit`, `b64` or `cty`, or brings its own key: `jwk`, `jku`, `x5u`, `x5c`;
 *   - `typ` is there and is none of JWT and at+jwt (RFC 9068; application/ in front is allowed);
 *   - it, or the payload, is no JSON object or names a member twice.
 *
 * Claims: `iss` equals the rules' issuer. `aud`, a text or a list, holds one of the audiences.
 * `exp` is required and `nbf` is not; both may differ from the clock by the skew. `sub` is
 * required: it is who the rate limit and the audit record mean.
 *
 * Roles come from `scope` (a text with blanks, RFC 8693), `scp` (such a text, or a list) and
 * `roles` (a list, or one text). In all three only `almanac:` and a role's name counts and anything
 * else is ignored: a bare `admin` may have been meant for another system. No role at all is not an
 * error here; such a token can do nothing. `models`, a list of at most ALM_PATTERNS_MAX patterns,
 * limits the models; an empty one allows none; absent, all.
 *
 * Errors: ALM_ERR_INVALID for a malformed token, ALM_ERR_DENIED for a well-formed one that is not
 * accepted. Messages never quote the token. Thread safety: pure functions. */
#ifndef ALM_HTTP_ACCESS_TOKEN_H
#define ALM_HTTP_ACCESS_TOKEN_H

#include "http/access/role.h"

#define ALM_TOKEN_BYTES_MAX 8192
#define ALM_TOKEN_SKEW_S_MAX 60
#define ALM_KID_BYTES_MAX 256

/* X(name, text) */
#define ALM_TOKEN_ALGORITHM_MAP(X) X(RS256, "RS256") X(ES256, "ES256") X(EDDSA, "EdDSA")

typedef enum alm_token_algorithm {
#define ALM_TOKEN_ALGORITHM_ENUM(name, text) ALM_TOKEN_##name,
    ALM_TOKEN_ALGORITHM_MAP(ALM_TOKEN_ALGORITHM_ENUM)
#undef ALM_TOKEN_ALGORITHM_ENUM
        ALM_TOKEN_ALGORITHM_COUNT
} alm_token_algorithm;

#define ALM_TOKEN_ALGORITHMS_ALL ((UINT32_C(1) << ALM_TOKEN_ALGORITHM_COUNT) - 1)

typedef struct alm_token {
    alm_str text; /* all of it, as given */
    alm_token_algorithm algorithm;
    bool has_kid;
    alm_str kid; /* at most ALM_KID_BYTES_MAX bytes */
    alm_str payload;   /* decoded */
    alm_str signature; /* decoded, not empty */
} alm_token;

typedef struct alm_token_rules {
    alm_str issuer;
    const alm_str *audiences;
    size_t audience_count; /* >= 1 */
    uint32_t skew_s;       /* at most ALM_TOKEN_SKEW_S_MAX */
} alm_token_rules;

const char *alm_token_algorithm_text(alm_token_algorithm algorithm);
bool alm_token_algorithm_parse(alm_str text, alm_token_algorithm *out); /* exact case */

/* `algorithms`: bit i allows algorithm i. What is decoded lies in `arena`. */
ALM_NODISCARD alm_err alm_token_parse(alm_str text, uint32_t algorithms, alm_arena *arena,
                                      alm_token *out, alm_error *error);
/* For a token whose signature was verified. `out->expires` has the skew in it: the token is
 * accepted until that instant. Texts lie in `arena`. */
ALM_NODISCARD alm_err alm_token_claims(const alm_token *token, const alm_token_rules *rules,
                                       alm_instant now, alm_arena *arena, alm_identity *out,
                                       alm_error *error);

/* Strict base64url (RFC 4648, 5): no padding, no other characters, unused bits zero, so that one
 * value has one text. Decoded into `arena`, NUL terminated. False: it is none. */
bool alm_base64url_decode(alm_str text, alm_arena *arena, alm_str *out);

#endif
