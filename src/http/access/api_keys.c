/* api_keys.c: the file of API keys, read and asked. */
#include "http/access/api_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "http/access/secret.h"

#define PREFIX "alm_"

typedef struct key_record {
    alm_api_key key;
    char hash[ALM_SECRET_HASH_TEXT_BYTES]; /* zero padded, as libsodium wants it */
} key_record;

struct alm_api_keys {
    alm_arena *arena;
    key_record *records; /* in order of the id */
    size_t count;
    char decoy[ALM_SECRET_HASH_TEXT_BYTES];
};

static bool is_hex(alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

bool alm_api_key_is_one(alm_str text, alm_str *id)
{
    if (text.size != ALM_API_KEY_TEXT_BYTES - 1 || !alm_str_starts_with(text, PREFIX)) {
        return false;
    }
    alm_str name = {text.data + sizeof PREFIX - 1, ALM_API_KEY_ID_DIGITS};
    alm_str secret = {name.data + name.size + 1, ALM_API_KEY_SECRET_DIGITS};
    if (!is_hex(name) || name.data[name.size] != '_' || !is_hex(secret)) {
        return false;
    }
    if (id) {
        *id = name;
    }
    return true;
}

/* ---- reading ---- */

static alm_str keep(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err read_roles(const alm_json *record, alm_roles *out, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(record, "roles", ALM_JSON_ARRAY, &list, error));
    alm_roles roles = 0;
    for (size_t i = 0; i < alm_json_count(list); i++) {
        alm_str text;
        alm_role role;
        if (!alm_json_as_str(alm_json_at(list, i), &text) || !alm_role_parse(text, &role)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "roles are viewer, predictor, trainer, approver and admin");
        }
        roles |= alm_roles_of(role);
    }
    if (roles == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "roles is empty: such a key may do nothing");
    }
    *out = roles;
    return ALM_OK;
}

static alm_err read_models(const alm_json *record, alm_arena *arena, alm_identity *out,
                           alm_error *error)
{
    const alm_json *list = alm_json_member(record, "models");
    out->every_model = list == NULL;
    if (!list) {
        return ALM_OK;
    }
    size_t count = alm_json_count(list);
    if (alm_json_kind_of(list) != ALM_JSON_ARRAY || count > ALM_PATTERNS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "models is no list of at most %d patterns",
                        ALM_PATTERNS_MAX);
    }
    alm_str *models = ALM_NEW_ARRAY(arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        alm_str text;
        if (!alm_json_as_str(alm_json_at(list, i), &text) || !alm_pattern_is_valid(text)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "models holds something that is no pattern of 1 to %d printable "
                            "characters", ALM_PATTERN_BYTES_MAX);
        }
        models[i] = keep(arena, text);
    }
    out->models = models;
    out->model_count = count;
    return ALM_OK;
}

static alm_err read_instant(const alm_json *record, const char *key, alm_instant *out,
                            alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(record, key, &text, error));
    return alm_instant_parse(text, out)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "%s is no instant such as 2026-11-28T10:00:00Z",
                          key);
}

static alm_err read_record(const alm_json *record, alm_arena *arena, key_record *out,
                           alm_error *error)
{
    ALM_TRY(alm_json_check_keys(record, "id hash roles models? created expires? note?", error));
    alm_str text;
    alm_identity *identity = &out->key.identity;
    ALM_TRY(alm_json_get_str(record, "id", &text, error));
    if (text.size != ALM_API_KEY_ID_DIGITS || !is_hex(text)) {
        return alm_fail(error, ALM_ERR_INVALID, "id is not %d hexadecimal digits",
                        ALM_API_KEY_ID_DIGITS);
    }
    identity->kind = ALM_IDENTITY_API_KEY;
    identity->subject = keep(arena, text);
    ALM_TRY(alm_json_get_str(record, "hash", &text, error));
    if (!alm_secret_hash_is_valid(text)) {
        return alm_fail(error, ALM_ERR_INVALID, "hash is no Argon2id hash of at most %d KiB and %d "
                        "passes", ALM_SECRET_HASH_KIB_MAX, ALM_SECRET_HASH_PASSES_MAX);
    }
    memcpy(out->hash, text.data, text.size);
    ALM_TRY(read_roles(record, &identity->roles, error));
    ALM_TRY(read_models(record, arena, identity, error));
    ALM_TRY(read_instant(record, "created", &out->key.created, error));
    identity->expires = INT64_MAX;
    if (alm_json_member(record, "expires")) {
        ALM_TRY(read_instant(record, "expires", &identity->expires, error));
    }
    if (alm_json_member(record, "note")) {
        ALM_TRY(alm_json_get_str(record, "note", &text, error));
        if (text.size > ALM_API_KEY_NOTE_BYTES_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "note is longer than %d bytes",
                            ALM_API_KEY_NOTE_BYTES_MAX);
        }
        out->key.note = keep(arena, text);
    }
    return ALM_OK;
}

static int by_id(const void *a, const void *b)
{
    return alm_str_compare(((const key_record *)a)->key.identity.subject,
                           ((const key_record *)b)->key.identity.subject);
}

static alm_err read_records(const alm_json *root, alm_api_keys *keys, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_check_keys(root, "keys", error));
    ALM_TRY(alm_json_get(root, "keys", ALM_JSON_ARRAY, &list, error));
    size_t count = alm_json_count(list);
    if (count > ALM_API_KEYS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "more than %d keys", ALM_API_KEYS_MAX);
    }
    keys->records = ALM_NEW_ARRAY(keys->arena, key_record, count);
    keys->count = count;
    for (size_t i = 0; i < count; i++) {
        alm_err code = read_record(alm_json_at(list, i), keys->arena, &keys->records[i], error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "key %zu", i + 1);
        }
    }
    qsort(keys->records, count, sizeof *keys->records, by_id);
    for (size_t i = 0; i < count; i++) {
        keys->records[i].key.hash = keys->records[i].hash;
        if (i > 0 && by_id(&keys->records[i - 1], &keys->records[i]) == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "the id " ALM_STR_FMT " is there twice",
                            ALM_STR_ARG(keys->records[i].key.identity.subject));
        }
    }
    return ALM_OK;
}

/* A hash of the usual cost that nothing matches: nobody knows its secret. The time to make it is
 * spent once per file. */
static alm_err make_decoy(alm_api_keys *keys, alm_error *error)
{
    char secret[32];
    alm_secret_random(secret, sizeof secret);
    alm_err code = alm_secret_hash((alm_str){secret, sizeof secret}, keys->decoy, error);
    alm_secret_wipe(secret, sizeof secret);
    return code;
}

alm_err alm_api_keys_parse(alm_str text, const char *name, alm_api_keys **out, alm_error *error)
{
    if (text.size > ALM_API_KEYS_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: larger than %zu bytes", name,
                        ALM_API_KEYS_BYTES_MAX);
    }
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse(text, name, &document, error);
    if (code != ALM_OK) {
        /* The message may quote what stands at the place, and that may be a hash. */
        char *quote = error ? strstr(error->message, " near ") : NULL;
        if (quote) {
            *quote = '\0';
        }
        return code;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_api_keys *keys = ALM_NEW(arena, alm_api_keys);
    keys->arena = arena;
    code = read_records(alm_json_root(document), keys, error);
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        (void)alm_error_wrap(error, code, "%s", name);
    } else {
        code = make_decoy(keys, error);
    }
    if (code != ALM_OK) {
        alm_api_keys_destroy(keys);
        return code;
    }
    *out = keys;
    return ALM_OK;
}

void alm_api_keys_destroy(alm_api_keys *keys)
{
    if (keys) {
        alm_arena_destroy(keys->arena);
    }
}

size_t alm_api_keys_count(const alm_api_keys *keys)
{
    return keys->count;
}

const alm_api_key *alm_api_keys_at(const alm_api_keys *keys, size_t index)
{
    alm_assert(index < keys->count);
    return &keys->records[index].key;
}

/* ---- asking ---- */

alm_err alm_api_keys_check(const alm_api_keys *keys, alm_str text, alm_instant now,
                           alm_identity *out, alm_error *error)
{
    key_record wanted = {0};
    alm_str *id = &wanted.key.identity.subject;
    bool is_one = alm_api_key_is_one(text, id);
    alm_assert(is_one);
    alm_str secret = {id->data + id->size + 1, ALM_API_KEY_SECRET_DIGITS};
    const key_record *record = keys->count ? bsearch(&wanted, keys->records, keys->count,
                                                     sizeof *keys->records, by_id) : NULL;
    bool matches = alm_secret_matches(record ? record->hash : keys->decoy, secret);
    if (!record || !matches) {
        return alm_fail(error, ALM_ERR_DENIED, "the API key is not valid");
    }
    if (now >= record->key.identity.expires) {
        return alm_fail(error, ALM_ERR_DENIED, "the API key has expired");
    }
    *out = record->key.identity;
    return ALM_OK;
}
