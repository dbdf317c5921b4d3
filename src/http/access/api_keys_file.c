/* api_keys_file.c: makes API keys, and writes their file. */
#include "http/access/api_keys.h"

#include <string.h>

#include "base/json.h"
#include "http/access/secret.h"

static void write_roles(alm_json_writer *writer, alm_roles roles)
{
    alm_json_key(writer, "roles");
    alm_json_open_array(writer);
    for (alm_role role = 0; role < ALM_ROLE_COUNT; role++) {
        if (alm_roles_include(roles, role)) {
            alm_json_text(writer, alm_role_text(role));
        }
    }
    alm_json_close_array(writer);
}

static void write_record(alm_json_writer *writer, const alm_api_key *key)
{
    char when[ALM_INSTANT_TEXT_BYTES];
    const alm_identity *identity = &key->identity;
    alm_json_open_object(writer);
    alm_json_put_str(writer, "id", identity->subject);
    alm_json_put_text(writer, "hash", key->hash);
    write_roles(writer, identity->roles);
    if (!identity->every_model) {
        alm_json_key(writer, "models");
        alm_json_open_array(writer);
        for (size_t i = 0; i < identity->model_count; i++) {
            alm_json_str(writer, identity->models[i]);
        }
        alm_json_close_array(writer);
    }
    alm_instant_text(key->created, when);
    alm_json_put_text(writer, "created", when);
    if (identity->expires != INT64_MAX) {
        alm_instant_text(identity->expires, when);
        alm_json_put_text(writer, "expires", when);
    }
    if (key->note.size > 0) {
        alm_json_put_str(writer, "note", key->note);
    }
    alm_json_close_object(writer);
}

/* The file without the key of `without` (NULL: all) and with `added` (NULL: none), one record a
 * line so that a difference of two versions can be read. */
static void write_document(const alm_api_keys *keys, const alm_str *without,
                           const alm_api_key *added, alm_buffer *out)
{
    const char *separator = "\n";
    alm_buffer_text(out, "{\"keys\":[");
    for (size_t i = 0; i < (keys ? alm_api_keys_count(keys) : 0) + (added ? 1 : 0); i++) {
        bool is_old = keys && i < alm_api_keys_count(keys);
        const alm_api_key *key = is_old ? alm_api_keys_at(keys, i) : added;
        if (is_old && without && alm_str_equal(key->identity.subject, *without)) {
            continue;
        }
        alm_buffer_text(out, separator);
        alm_json_writer writer = alm_json_writer_on(out);
        write_record(&writer, key);
        separator = ",\n";
    }
    alm_buffer_text(out, "\n]}\n");
}

/* Under another name first, so that no reader and no crash ever sees half a file. */
static alm_err replace_file(alm_fs *fs, const char *path, alm_str content, alm_arena *arena,
                            alm_error *error)
{
    uint8_t random[8];
    char digits[2 * sizeof random + 1];
    alm_secret_random(random, sizeof random);
    alm_secret_hex(random, sizeof random, digits);
    const char *temporary = alm_arena_printf(arena, "%s.%s.new", path, digits);
    alm_err code = alm_fs_publish(fs, temporary, content, error);
    if (code == ALM_OK) {
        code = fs->ops->rename(fs, temporary, path, error);
    }
    if (code == ALM_OK) {
        return fs->ops->sync_directory(fs, alm_path_directory(arena, path), error);
    }
    (void)fs->ops->unlink(fs, temporary, NULL);
    return code;
}

/* *out is NULL when there is no file. */
static alm_err read_file(alm_fs *fs, const char *path, alm_arena *arena, alm_api_keys **out,
                         alm_error *error)
{
    if (!alm_fs_exists(fs, path)) {
        *out = NULL;
        return ALM_OK;
    }
    alm_str text;
    ALM_TRY(alm_fs_read_all(fs, path, ALM_API_KEYS_BYTES_MAX, arena, &text, error));
    return alm_api_keys_parse(text, path, out, error);
}

static alm_err check_request(const alm_api_key_request *request, alm_error *error)
{
    if (request->role_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a key needs at least one role");
    }
    if (request->expires <= request->created) {
        return alm_fail(error, ALM_ERR_INVALID, "the key would have expired when it is made");
    }
    size_t bad;
    if (request->note.size > ALM_API_KEY_NOTE_BYTES_MAX ||
        !alm_str_is_utf8(request->note, &bad)) {
        return alm_fail(error, ALM_ERR_INVALID, "a note is UTF-8 of at most %d bytes",
                        ALM_API_KEY_NOTE_BYTES_MAX);
    }
    bool fine = request->every_model || request->model_count <= ALM_PATTERNS_MAX;
    for (size_t i = 0; !request->every_model && fine && i < request->model_count; i++) {
        fine = alm_pattern_is_valid(request->models[i]);
    }
    return fine ? ALM_OK
                : alm_fail(error, ALM_ERR_INVALID,
                           "models are at most %d patterns of 1 to %d printable characters",
                           ALM_PATTERNS_MAX, ALM_PATTERN_BYTES_MAX);
}

/* `text` is set, and `hash` of its secret. */
static alm_err make_key(char text[ALM_API_KEY_TEXT_BYTES], char hash[ALM_SECRET_HASH_TEXT_BYTES],
                        alm_error *error)
{
    uint8_t random[ALM_API_KEY_ID_DIGITS / 2 + ALM_API_KEY_SECRET_DIGITS / 2];
    alm_secret_random(random, sizeof random);
    char *secret = text + 4 + ALM_API_KEY_ID_DIGITS + 1;
    memcpy(text, "alm_", 4);
    alm_secret_hex(random, ALM_API_KEY_ID_DIGITS / 2, text + 4);
    secret[-1] = '_';
    alm_secret_hex(random + ALM_API_KEY_ID_DIGITS / 2, ALM_API_KEY_SECRET_DIGITS / 2, secret);
    alm_secret_wipe(random, sizeof random);
    return alm_secret_hash((alm_str){secret, ALM_API_KEY_SECRET_DIGITS}, hash, error);
}

static alm_err add_key(alm_fs *fs, const char *path, const alm_api_key_request *request,
                       alm_arena *arena, char text[ALM_API_KEY_TEXT_BYTES], alm_error *error)
{
    char hash[ALM_SECRET_HASH_TEXT_BYTES];
    alm_api_keys *keys = NULL;
    ALM_TRY(check_request(request, error));
    ALM_TRY(read_file(fs, path, arena, &keys, error));
    alm_err code = make_key(text, hash, error);
    if (code == ALM_OK) {
        alm_api_key added = {.created = request->created, .note = request->note, .hash = hash};
        added.identity = (alm_identity){
            .kind = ALM_IDENTITY_API_KEY,
            .subject = {text + 4, ALM_API_KEY_ID_DIGITS},
            .every_model = request->every_model,
            .models = request->models,
            .model_count = request->every_model ? 0 : request->model_count,
            .expires = request->expires,
        };
        for (size_t i = 0; i < request->role_count; i++) {
            added.identity.roles |= alm_roles_of(request->roles[i]);
        }
        alm_buffer content = {0};
        alm_api_keys *check = NULL;
        write_document(keys, NULL, &added, &content);
        code = alm_buffer_status(&content, error);
        if (code == ALM_OK) { /* what is written can be read: also that the id is new */
            code = alm_api_keys_parse(alm_buffer_view(&content), path, &check, error);
        }
        if (code == ALM_OK) {
            code = replace_file(fs, path, alm_buffer_view(&content), arena, error);
        }
        alm_api_keys_destroy(check);
        alm_buffer_deinit(&content);
    }
    alm_api_keys_destroy(keys);
    return code;
}

alm_err alm_api_keys_add(alm_fs *fs, const char *path, const alm_api_key_request *request,
                         char text[ALM_API_KEY_TEXT_BYTES], alm_error *error)
{
    char made[ALM_API_KEY_TEXT_BYTES] = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_err code = alm_secret_start(error);
    if (code == ALM_OK) {
        code = add_key(fs, path, request, arena, made, error);
    }
    if (code == ALM_OK) {
        memcpy(text, made, sizeof made);
    }
    alm_secret_wipe(made, sizeof made);
    alm_arena_destroy(arena);
    return code;
}

static alm_err remove_key(alm_fs *fs, const char *path, alm_str id, alm_arena *arena,
                          alm_error *error)
{
    alm_api_keys *keys = NULL;
    ALM_TRY(read_file(fs, path, arena, &keys, error));
    bool found = false;
    for (size_t i = 0; keys && i < alm_api_keys_count(keys); i++) {
        found = found || alm_str_equal(alm_api_keys_at(keys, i)->identity.subject, id);
    }
    alm_err code;
    if (!found) {
        code = alm_fail(error, ALM_ERR_NOT_FOUND, "%s has no key " ALM_STR_FMT, path,
                        ALM_STR_ARG(id));
    } else {
        alm_buffer content = {0};
        write_document(keys, &id, NULL, &content);
        code = alm_buffer_status(&content, error);
        if (code == ALM_OK) {
            code = replace_file(fs, path, alm_buffer_view(&content), arena, error);
        }
        alm_buffer_deinit(&content);
    }
    alm_api_keys_destroy(keys);
    return code;
}

alm_err alm_api_keys_remove(alm_fs *fs, const char *path, alm_str id, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_err code = alm_secret_start(error);
    if (code == ALM_OK) {
        code = remove_key(fs, path, id, arena, error);
    }
    alm_arena_destroy(arena);
    return code;
}
