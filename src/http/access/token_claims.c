/* token_claims.c: the payload of a verified token becomes an identity. */
#include "http/access/token.h"

#include "base/json.h"

#define SECOND INT64_C(1000000)
#define NUMERIC_DATE_MAX INT64_C(253402300799) /* the last second of the year 9999 */
#define SCOPE_PREFIX "almanac:"

/* A NumericDate (RFC 7519, 2): seconds, perhaps with a fraction, which is cut. */
static bool read_date(const alm_json *value, alm_instant *out)
{
    int64_t seconds;
    double number;
    if (alm_json_as_i64(value, &seconds)) {
        if (seconds < 0 || seconds > NUMERIC_DATE_MAX) {
            return false;
        }
        *out = seconds * SECOND;
        return true;
    }
    if (!alm_json_as_double(value, &number) || !(number >= 0) ||
        !(number <= (double)NUMERIC_DATE_MAX)) {
        return false;
    }
    *out = (alm_instant)(number * (double)SECOND);
    return true;
}

static alm_err check_times(const alm_json *claims, alm_instant now, uint32_t skew_s,
                           alm_instant *expires, alm_error *error)
{
    alm_instant end;
    const alm_json *member = alm_json_member(claims, "exp");
    if (!member || !read_date(member, &end)) {
        return alm_fail(error, ALM_ERR_DENIED, "the token has no exp, or it is no date");
    }
    end += (int64_t)skew_s * SECOND;
    if (now >= end) {
        return alm_fail(error, ALM_ERR_DENIED, "the token has expired");
    }
    member = alm_json_member(claims, "nbf");
    alm_instant begin;
    if (member && !read_date(member, &begin)) {
        return alm_fail(error, ALM_ERR_DENIED, "the token's nbf is no date");
    }
    if (member && now + (int64_t)skew_s * SECOND < begin) {
        return alm_fail(error, ALM_ERR_DENIED, "the token is not valid yet");
    }
    *expires = end;
    return ALM_OK;
}

static bool is_one_of(const alm_json *value, const alm_token_rules *rules)
{
    alm_str text;
    bool found = false;
    for (size_t i = 0; alm_json_as_str(value, &text) && !found && i < rules->audience_count; i++) {
        found = alm_str_equal(text, rules->audiences[i]);
    }
    return found;
}

static alm_err check_parties(const alm_json *claims, const alm_token_rules *rules,
                             alm_error *error)
{
    alm_str text;
    if (alm_json_get_str(claims, "iss", &text, NULL) != ALM_OK ||
        !alm_str_equal(text, rules->issuer)) {
        return alm_fail(error, ALM_ERR_DENIED, "the token's iss is not the configured issuer");
    }
    const alm_json *audience = alm_json_member(claims, "aud");
    bool found = audience && is_one_of(audience, rules);
    for (size_t i = 0; audience && !found && i < alm_json_count(audience); i++) {
        const alm_json *item = alm_json_at(audience, i);
        found = item && is_one_of(item, rules); /* an object has no items */
    }
    return found ? ALM_OK
                 : alm_fail(error, ALM_ERR_DENIED,
                            "the token's aud does not name this service's audience");
}

static alm_err read_subject(const alm_json *claims, alm_arena *arena, alm_str *out,
                            alm_error *error)
{
    alm_str text;
    bool fine = alm_json_get_str(claims, "sub", &text, NULL) == ALM_OK && text.size > 0 &&
                text.size <= ALM_SUBJECT_BYTES_MAX;
    for (size_t i = 0; fine && i < text.size; i++) {
        fine = (unsigned char)text.data[i] >= ' ' && text.data[i] != 0x7f;
    }
    if (!fine) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "the token has no sub of 1 to %d bytes without control characters",
                        ALM_SUBJECT_BYTES_MAX);
    }
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

/* ---- roles and models ---- */

static alm_roles roles_of_words(alm_str words)
{
    alm_roles roles = 0;
    for (alm_str rest = words; rest.data;) {
        alm_str word = alm_str_split(&rest, ' ');
        alm_role role;
        if (alm_str_starts_with(word, SCOPE_PREFIX)) {
            size_t skip = sizeof SCOPE_PREFIX - 1;
            if (alm_role_parse((alm_str){word.data + skip, word.size - skip}, &role)) {
                roles |= alm_roles_of(role);
            }
        }
    }
    return roles;
}

/* Of a text with blanks, or of a list of texts; false for another type. */
static bool add_roles(const alm_json *value, bool may_be_list, alm_roles *roles)
{
    alm_str text;
    if (alm_json_as_str(value, &text)) {
        *roles |= roles_of_words(text);
        return true;
    }
    if (!may_be_list || alm_json_kind_of(value) != ALM_JSON_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < alm_json_count(value); i++) {
        if (!alm_json_as_str(alm_json_at(value, i), &text)) {
            return false;
        }
        *roles |= roles_of_words(text);
    }
    return true;
}

static alm_err read_roles(const alm_json *claims, alm_roles *out, alm_error *error)
{
    static const char *const NAMES[] = {"scope", "scp", "roles"};
    alm_roles roles = 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const alm_json *value = alm_json_member(claims, NAMES[i]);
        if (value && !add_roles(value, i > 0, &roles)) {
            return alm_fail(error, ALM_ERR_DENIED, "the token's %s is no %s", NAMES[i],
                            i > 0 ? "text or list of texts" : "text");
        }
    }
    *out = roles;
    return ALM_OK;
}

static alm_err read_models(const alm_json *claims, alm_arena *arena, alm_identity *out,
                           alm_error *error)
{
    const alm_json *value = alm_json_member(claims, "models");
    out->every_model = value == NULL;
    if (!value) {
        return ALM_OK;
    }
    size_t count = alm_json_count(value);
    bool fine = alm_json_kind_of(value) == ALM_JSON_ARRAY && count <= ALM_PATTERNS_MAX;
    alm_str *models = fine ? ALM_NEW_ARRAY(arena, alm_str, count) : NULL;
    for (size_t i = 0; fine && i < count; i++) {
        alm_str text;
        fine = alm_json_as_str(alm_json_at(value, i), &text) && alm_pattern_is_valid(text);
        if (fine) {
            models[i] = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
        }
    }
    if (!fine) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "the token's models is no list of at most %d patterns of at most %d "
                        "printable characters", ALM_PATTERNS_MAX, ALM_PATTERN_BYTES_MAX);
    }
    out->models = models;
    out->model_count = count;
    return ALM_OK;
}

static alm_err read_claims(const alm_json *claims, const alm_token_rules *rules, alm_instant now,
                           alm_arena *arena, alm_identity *out, alm_error *error)
{
    if (alm_json_kind_of(claims) != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_INVALID, "the token's payload is no JSON object");
    }
    ALM_TRY(check_times(claims, now, rules->skew_s, &out->expires, error));
    ALM_TRY(check_parties(claims, rules, error));
    ALM_TRY(read_subject(claims, arena, &out->subject, error));
    ALM_TRY(read_roles(claims, &out->roles, error));
    return read_models(claims, arena, out, error);
}

alm_err alm_token_claims(const alm_token *token, const alm_token_rules *rules, alm_instant now,
                         alm_arena *arena, alm_identity *out, alm_error *error)
{
    alm_assert(rules->audience_count >= 1 && rules->skew_s <= ALM_TOKEN_SKEW_S_MAX);
    alm_json_document *document = NULL;
    if (alm_json_parse(token->payload, "token", &document, NULL) != ALM_OK) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "the token's payload is not valid JSON with each member once");
    }
    alm_identity identity = {.kind = ALM_IDENTITY_TOKEN};
    alm_err code = read_claims(alm_json_root(document), rules, now, arena, &identity, error);
    alm_json_document_destroy(document);
    if (code == ALM_OK) {
        *out = identity;
    }
    return code;
}
