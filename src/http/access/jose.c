/* jose.c: key sets and signatures by librhonabwy; the only file that includes it.
 *
 * What decides is done here: which keys are taken, which key a token may be tried with, how long a
 * signature is. The library gets one key and one token of the same algorithm, and is asked a yes or
 * no. A key is kept as the text of its public members and handed over anew each time: so threads
 * share nothing of the library's. Its functions for keys inside of tokens and for fetching are not
 * called; nor is its global start, which only the latter need. */
#include "http/access/jose.h"

#include <rhonabwy.h>
#include <string.h>

#include "base/json.h"

typedef struct public_key {
    alm_token_algorithm algorithm;
    bool has_kid;
    alm_str kid;
    alm_str jwk; /* public members only, NUL terminated */
    size_t signature_bytes;
} public_key;

struct alm_key_set {
    alm_arena *arena;
    public_key *keys;
    size_t count;
    size_t left_out;
};

/* ---- which keys are taken ---- */

/* A member that holds base64url; its text and what it means. */
static bool get_bytes(const alm_json *jwk, const char *name, alm_arena *arena, alm_str *text,
                      alm_str *bytes)
{
    return alm_json_get_str(jwk, name, text, NULL) == ALM_OK &&
           alm_base64url_decode(*text, arena, bytes);
}

static size_t bit_length(alm_str number)
{
    size_t zeros = 0;
    while (zeros < number.size && number.data[zeros] == 0) {
        zeros++;
    }
    if (zeros == number.size) {
        return 0;
    }
    size_t bits = (number.size - zeros) * 8;
    for (unsigned char top = (unsigned char)number.data[zeros]; !(top & 0x80);
         top = (unsigned char)(top << 1)) {
        bits--;
    }
    return bits;
}

static const char *read_rsa(const alm_json *jwk, alm_arena *arena, public_key *out)
{
    alm_str n;
    alm_str e;
    alm_str modulus;
    alm_str exponent;
    if (!get_bytes(jwk, "n", arena, &n, &modulus) || !get_bytes(jwk, "e", arena, &e, &exponent)) {
        return "its n or e is no base64url";
    }
    size_t bits = bit_length(modulus);
    if (bits < ALM_RSA_BITS_MIN || bits > ALM_RSA_BITS_MAX) {
        return "an RSA key must have 2048 to 8192 bits";
    }
    size_t exponent_bits = bit_length(exponent);
    if (exponent_bits < 2 || exponent_bits > 64 || !(exponent.data[exponent.size - 1] & 1)) {
        return "its e is no odd number above 1 of at most 64 bits";
    }
    out->algorithm = ALM_TOKEN_RS256;
    out->signature_bytes = (bits + 7) / 8;
    out->jwk = alm_str_of(alm_arena_printf(
        arena, "{\"kty\":\"RSA\",\"n\":\"" ALM_STR_FMT "\",\"e\":\"" ALM_STR_FMT "\"}",
        ALM_STR_ARG(n), ALM_STR_ARG(e)));
    return NULL;
}

/* P-256 with `y`, Ed25519 without. */
static const char *read_curve(const alm_json *jwk, alm_arena *arena, bool has_y, public_key *out)
{
    alm_str curve;
    alm_str x;
    alm_str y = {0};
    alm_str bytes;
    const char *expected = has_y ? "P-256" : "Ed25519";
    if (alm_json_get_str(jwk, "crv", &curve, NULL) != ALM_OK || !alm_str_is(curve, expected)) {
        return "its crv is neither P-256 of an EC key nor Ed25519 of an OKP key";
    }
    if (!get_bytes(jwk, "x", arena, &x, &bytes) || bytes.size != 32 ||
        (has_y && (!get_bytes(jwk, "y", arena, &y, &bytes) || bytes.size != 32))) {
        return "its x or y is no base64url of 32 bytes";
    }
    out->algorithm = has_y ? ALM_TOKEN_ES256 : ALM_TOKEN_EDDSA;
    out->signature_bytes = 64;
    const char *with_y = alm_arena_printf(arena, ",\"y\":\"" ALM_STR_FMT "\"", ALM_STR_ARG(y));
    out->jwk = alm_str_of(alm_arena_printf(
        arena, "{\"kty\":\"%s\",\"crv\":\"%s\",\"x\":\"" ALM_STR_FMT "\"%s}",
        has_y ? "EC" : "OKP", expected, ALM_STR_ARG(x), has_y ? with_y : ""));
    return NULL;
}

static bool list_has(const alm_json *list, const char *text)
{
    alm_str item;
    bool found = false;
    for (size_t i = 0; alm_json_kind_of(list) == ALM_JSON_ARRAY && i < alm_json_count(list); i++) {
        found = found || (alm_json_as_str(alm_json_at(list, i), &item) && alm_str_is(item, text));
    }
    return found;
}

static const char *check_purpose(const alm_json *jwk, const public_key *key)
{
    const alm_json *member = alm_json_member(jwk, "use");
    alm_str text;
    if (member && (!alm_json_as_str(member, &text) || !alm_str_is(text, "sig"))) {
        return "its use is not sig";
    }
    member = alm_json_member(jwk, "key_ops");
    if (member && !list_has(member, "verify")) {
        return "its key_ops do not hold verify";
    }
    member = alm_json_member(jwk, "alg");
    if (member && (!alm_json_as_str(member, &text) ||
                   !alm_str_is(text, alm_token_algorithm_text(key->algorithm)))) {
        return "its alg is not that of a key of its type (RS256, ES256, EdDSA)";
    }
    return NULL;
}

/* Does the library take it? (A point beside its curve it finds with the first token only, which it
 * then refuses as any other.) */
static bool is_loadable(const public_key *key)
{
    jwk_t *jwk = NULL;
    unsigned char pem[4096];
    size_t size = sizeof pem;
    bool fine = r_jwk_init(&jwk) == RHN_OK &&
                r_jwk_import_from_json_str(jwk, key->jwk.data) == RHN_OK &&
                r_jwk_export_to_pem_der(jwk, R_FORMAT_PEM, pem, &size, 0) == RHN_OK;
    r_jwk_free(jwk);
    return fine;
}

/* NULL: taken; else why not. */
static const char *read_key(const alm_json *jwk, alm_arena *arena, public_key *out)
{
    alm_str type;
    if (alm_json_get_str(jwk, "kty", &type, NULL) != ALM_OK) {
        return "it has no kty";
    }
    const char *reason = "its kty is none of RSA, EC and OKP";
    if (alm_str_is(type, "RSA")) {
        reason = read_rsa(jwk, arena, out);
    } else if (alm_str_is(type, "EC") || alm_str_is(type, "OKP")) {
        reason = read_curve(jwk, arena, alm_str_is(type, "EC"), out);
    }
    if (!reason) {
        reason = check_purpose(jwk, out);
    }
    const alm_json *kid = alm_json_member(jwk, "kid");
    out->has_kid = kid != NULL;
    if (!reason && kid) {
        alm_str text;
        if (!alm_json_as_str(kid, &text) || text.size == 0 || text.size > ALM_KID_BYTES_MAX) {
            return "its kid is no text of 1 to 256 bytes";
        }
        out->kid = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    }
    if (!reason && !is_loadable(out)) {
        reason = "its numbers are no public key";
    }
    return reason;
}

static alm_err read_keys(const alm_json *root, const char *name, alm_key_set *set,
                         alm_error *error)
{
    const alm_json *keys = NULL;
    if (alm_json_kind_of(root) != ALM_JSON_OBJECT ||
        alm_json_get(root, "keys", ALM_JSON_ARRAY, &keys, NULL) != ALM_OK) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: a key set is an object with a list `keys`",
                        name);
    }
    size_t count = alm_json_count(keys);
    if (count > ALM_KEYS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: more than %d keys", name, ALM_KEYS_MAX);
    }
    set->keys = ALM_NEW_ARRAY(set->arena, public_key, count);
    const char *first_reason = "the list is empty";
    for (size_t i = 0; i < count; i++) {
        const alm_json *jwk = alm_json_at(keys, i);
        if (alm_json_kind_of(jwk) != ALM_JSON_OBJECT) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: key %zu is no object", name, i + 1);
        }
        if (alm_json_member(jwk, "d")) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "%s: key %zu is a private key; publish the public one only, and make "
                            "a new pair", name, i + 1);
        }
        const char *reason = read_key(jwk, set->arena, &set->keys[set->count]);
        if (!reason) {
            set->count++;
        } else if (set->left_out++ == 0) {
            first_reason = alm_arena_printf(set->arena, "key %zu: %s", i + 1, reason);
        }
    }
    return set->count > 0 ? ALM_OK
                          : alm_fail(error, ALM_ERR_INVALID, "%s: no usable key (%s)", name,
                                     first_reason);
}

alm_err alm_key_set_parse(alm_str jwks, const char *name, alm_key_set **out, alm_error *error)
{
    if (jwks.size > ALM_KEY_SET_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: larger than %zu bytes", name,
                        ALM_KEY_SET_BYTES_MAX);
    }
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(jwks, name, &document, error));
    alm_arena *arena = alm_arena_create(0);
    alm_key_set *set = ALM_NEW(arena, alm_key_set);
    set->arena = arena;
    alm_err code = read_keys(alm_json_root(document), name, set, error);
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        alm_key_set_destroy(set);
        return code;
    }
    *out = set;
    return ALM_OK;
}

void alm_key_set_destroy(alm_key_set *set)
{
    if (set) {
        alm_arena_destroy(set->arena);
    }
}

size_t alm_key_set_count(const alm_key_set *set)
{
    return set->count;
}

size_t alm_key_set_left_out(const alm_key_set *set)
{
    return set->left_out;
}

/* ---- signatures ---- */

static alm_err select_key(const alm_key_set *set, const alm_token *token, const public_key **out,
                          alm_error *error)
{
    const public_key *found = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const public_key *candidate = &set->keys[i];
        if (candidate->algorithm != token->algorithm ||
            (token->has_kid &&
             !(candidate->has_kid && alm_str_equal(candidate->kid, token->kid)))) {
            continue;
        }
        if (found) {
            return alm_fail(error, ALM_ERR_DENIED, token->has_kid
                            ? "more than one key has the token's kid and fits its alg"
                            : "the token names no kid and more than one key fits its alg");
        }
        found = candidate;
    }
    if (!found) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, token->has_kid
                        ? "no key of the set has the token's kid and fits its alg"
                        : "no key of the set fits the token's alg");
    }
    *out = found;
    return ALM_OK;
}

alm_err alm_key_set_verify(const alm_key_set *set, const alm_token *token, alm_error *error)
{
    const public_key *key = NULL;
    ALM_TRY(select_key(set, token, &key, error));
    if (token->signature.size != key->signature_bytes) {
        return alm_fail(error, ALM_ERR_DENIED, "the token's signature has the wrong size");
    }
    jwk_t *jwk = NULL;
    jws_t *jws = NULL;
    bool ready = r_jwk_init(&jwk) == RHN_OK && r_jws_init(&jws) == RHN_OK &&
                 r_jwk_import_from_json_str(jwk, key->jwk.data) == RHN_OK;
    bool valid = ready &&
                 r_jws_advanced_compact_parsen(jws, token->text.data, token->text.size,
                                               R_PARSE_NONE, R_FLAG_IGNORE_REMOTE) == RHN_OK &&
                 r_jws_verify_signature(jws, jwk, R_FLAG_IGNORE_REMOTE) == RHN_OK;
    r_jws_free(jws);
    r_jwk_free(jwk);
    if (!ready) {
        return alm_fail(error, ALM_ERR_MEMORY, "no memory to verify a token");
    }
    return valid ? ALM_OK
                 : alm_fail(error, ALM_ERR_DENIED, "the token's signature is not valid");
}
