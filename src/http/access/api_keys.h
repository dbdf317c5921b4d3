/* api_keys.h: keys for programs, `alm_<id>_<secret>`, kept as hashes in a file.
 *
 * The id is 12 hexadecimal digits and no secret: it names the key in logs, limits and records. The
 * secret is 64 hexadecimal digits, 256 random bits from the system. The file is one JSON document:
 *
 *   {"keys":[{"id":"0123456789ab","hash":"$argon2id$…","roles":["predictor"],
 *             "models":["demand-*"],"created":"2026-11-28T10:00:00Z",
 *             "expires":"2027-11-28T10:00:00Z","note":"warehouse 7"}]}
 *
 * `models` (absent: every model), `expires` (absent: never) and `note` are optional; an unknown
 * member, a hash that is not Argon2id within the limits of secret.h, or an id twice is an error.
 *
 * Checking costs one hash whatever the key is: of its own record, or of a decoy when the id is not
 * known, so the time does not tell which ids exist. It blocks for tens of milliseconds; who calls
 * it bounds how often (access.h does).
 *
 * Errors: ALM_ERR_INVALID for a bad file or description. Thread safety: a set is immutable. */
#ifndef ALM_HTTP_ACCESS_API_KEYS_H
#define ALM_HTTP_ACCESS_API_KEYS_H

#include "base/fs.h"
#include "base/str.h"
#include "http/access/role.h"

#define ALM_API_KEY_ID_DIGITS 12
#define ALM_API_KEY_SECRET_DIGITS 64
/* alm_, id, _, secret, and a NUL */
#define ALM_API_KEY_TEXT_BYTES (4 + ALM_API_KEY_ID_DIGITS + 1 + ALM_API_KEY_SECRET_DIGITS + 1)
#define ALM_API_KEYS_BYTES_MAX ((size_t)8 << 20) /* of the file */
#define ALM_API_KEYS_MAX 10000
#define ALM_API_KEY_NOTE_BYTES_MAX 200

typedef struct alm_api_keys alm_api_keys;

/* alm_secret_start was called. `name` of the file goes into messages. */
ALM_NODISCARD alm_err alm_api_keys_parse(alm_str text, const char *name, alm_api_keys **out,
                                         alm_error *error);
void alm_api_keys_destroy(alm_api_keys *keys); /* takes NULL */

typedef struct alm_api_key {
    alm_identity identity; /* subject: the id */
    alm_instant created;
    alm_str note;
    const char *hash;
} alm_api_key;

size_t alm_api_keys_count(const alm_api_keys *keys);
const alm_api_key *alm_api_keys_at(const alm_api_keys *keys, size_t index); /* in order of the id */

/* Has a text the form of a key? (Says nothing of its secret.) `id` (may be NULL) gets its id. */
bool alm_api_key_is_one(alm_str text, alm_str *id);
/* `text` has the form of a key. The identity is borrowed from the set. ALM_ERR_DENIED: not a key of
 * the set, or expired, which is told only of the right secret. */
ALM_NODISCARD alm_err alm_api_keys_check(const alm_api_keys *keys, alm_str text, alm_instant now,
                                         alm_identity *out, alm_error *error);

/* ---- for a command that makes keys ---- */

typedef struct alm_api_key_request {
    const alm_role *roles;
    size_t role_count; /* >= 1 */
    bool every_model;
    const alm_str *models; /* patterns, when not every model */
    size_t model_count;
    alm_instant created;
    alm_instant expires; /* INT64_MAX: never */
    alm_str note;        /* may be empty */
} alm_api_key_request;

/* Makes a key and adds its record to the file (which is made when it is not there), durably and in
 * one step: readers see the old file or the new one. `text` is the key, given this once; wipe it
 * with alm_secret_wipe. One process at a time. */
ALM_NODISCARD alm_err alm_api_keys_add(alm_fs *fs, const char *path,
                                       const alm_api_key_request *request,
                                       char text[ALM_API_KEY_TEXT_BYTES], alm_error *error);
/* Takes the record of `id` out of the file, in the same way. ALM_ERR_NOT_FOUND. */
ALM_NODISCARD alm_err alm_api_keys_remove(alm_fs *fs, const char *path, alm_str id,
                                          alm_error *error);

#endif
