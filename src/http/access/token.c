/* token.c: the three parts of a token and its header. */
#include "http/access/token.h"

#include <string.h>

#include "base/json.h"

static const char *const TEXTS[ALM_TOKEN_ALGORITHM_COUNT] = {
#define ALGORITHM_TEXT(name, text) text,
    ALM_TOKEN_ALGORITHM_MAP(ALGORITHM_TEXT)
#undef ALGORITHM_TEXT
};

const char *alm_token_algorithm_text(alm_token_algorithm algorithm)
{
    alm_assert(algorithm < ALM_TOKEN_ALGORITHM_COUNT);
    return TEXTS[algorithm];
}

bool alm_token_algorithm_parse(alm_str text, alm_token_algorithm *out)
{
    for (alm_token_algorithm i = 0; i < ALM_TOKEN_ALGORITHM_COUNT; i++) {
        if (alm_str_is(text, TEXTS[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* ---- base64url ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool alm_base64url_decode(alm_str text, alm_arena *arena, alm_str *out)
{
    if (text.size % 4 == 1) {
        return false;
    }
    size_t size = text.size / 4 * 3 + (text.size % 4 ? text.size % 4 - 1 : 0);
    char *bytes = alm_arena_alloc(arena, size + 1);
    uint32_t held = 0;
    int bits = 0;
    size_t written = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = sextet(text.data[i]);
        if (value < 0) {
            return false;
        }
        held = held << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[written++] = (char)(held >> bits & 0xff);
            held &= (UINT32_C(1) << bits) - 1;
        }
    }
    if (held != 0) {
        return false; /* bits behind the last byte */
    }
    alm_assert(written == size);
    *out = (alm_str){bytes, size};
    return true;
}

/* ---- the header ---- */

static bool equal_ignoring_case(alm_str a, const char *lower)
{
    bool equal = a.size == strlen(lower);
    for (size_t i = 0; equal && i < a.size; i++) {
        char c = a.data[i];
        equal = (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) == lower[i];
    }
    return equal;
}

static alm_err check_type(const alm_json *header, alm_error *error)
{
    static const char *const TYPES[] = {"jwt", "at+jwt", "application/jwt", "application/at+jwt"};
    const alm_json *member = alm_json_member(header, "typ");
    alm_str type;
    if (!member) {
        return ALM_OK;
    }
    for (size_t i = 0; alm_json_as_str(member, &type) && i < sizeof TYPES / sizeof *TYPES; i++) {
        if (equal_ignoring_case(type, TYPES[i])) {
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_DENIED, "the token's typ is neither JWT nor at+jwt");
}

static alm_err read_header(const alm_json *header, uint32_t algorithms, alm_arena *arena,
                           alm_token *out, alm_error *error)
{
    static const char *const REFUSED[] = {"crit", "b64", "cty", "jwk", "jku", "x5u", "x5c"};
    if (alm_json_kind_of(header) != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_INVALID, "the token's header is no JSON object");
    }
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        if (alm_json_member(header, REFUSED[i])) {
            return alm_fail(error, ALM_ERR_DENIED,
                            "the token's header has %s, which is not accepted", REFUSED[i]);
        }
    }
    alm_str text;
    if (alm_json_get_str(header, "alg", &text, NULL) != ALM_OK ||
        !alm_token_algorithm_parse(text, &out->algorithm) ||
        !(algorithms >> out->algorithm & 1)) {
        return alm_fail(error, ALM_ERR_DENIED, "the token's alg is not among those allowed");
    }
    ALM_TRY(check_type(header, error));
    const alm_json *kid = alm_json_member(header, "kid");
    out->has_kid = kid != NULL;
    if (kid) {
        if (!alm_json_as_str(kid, &text) || text.size == 0 || text.size > ALM_KID_BYTES_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "the token's kid is no text of 1 to %d bytes",
                            ALM_KID_BYTES_MAX);
        }
        out->kid = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    }
    return ALM_OK;
}

alm_err alm_token_parse(alm_str text, uint32_t algorithms, alm_arena *arena, alm_token *out,
                        alm_error *error)
{
    if (text.size > ALM_TOKEN_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "the token is longer than %d bytes",
                        ALM_TOKEN_BYTES_MAX);
    }
    alm_str part[3];
    alm_str rest = text;
    size_t count = 0;
    while (rest.data && count < 3) {
        part[count++] = alm_str_split(&rest, '.');
    }
    if (count != 3 || rest.data || part[0].size == 0 || part[1].size == 0 ||
        part[2].size == 0) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "the token has not the three parts header.payload.signature");
    }
    alm_token token = {.text = text};
    alm_str header;
    if (!alm_base64url_decode(part[0], arena, &header) ||
        !alm_base64url_decode(part[1], arena, &token.payload) ||
        !alm_base64url_decode(part[2], arena, &token.signature)) {
        return alm_fail(error, ALM_ERR_INVALID, "a part of the token is not base64url");
    }
    alm_json_document *document = NULL;
    if (alm_json_parse(header, "token", &document, NULL) != ALM_OK) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "the token's header is not valid JSON with each member once");
    }
    alm_err code = read_header(alm_json_root(document), algorithms, arena, &token, error);
    alm_json_document_destroy(document);
    if (code == ALM_OK) {
        *out = token;
    }
    return code;
}
