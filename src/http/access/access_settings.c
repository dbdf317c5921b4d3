/* access_settings.c: the map `access` of serve.yaml. */
#include "http/access/access.h"

#include <stddef.h>

#include "base/fs.h"
#include "http/access/token.h"
#include "project/yaml_section.h"

#define KEYS_MAX 16 /* of one section */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(type, field) .offset = offsetof(type, field)

typedef struct alm_access_tokens tokens_settings;
typedef struct alm_access_api_keys api_keys_settings;
typedef struct alm_access_limits limits_settings;

/* What is read as text and then looked at. */
typedef struct tokens_entry {
    tokens_settings settings;
    const alm_str *algorithms;
    size_t algorithm_count;
} tokens_entry;

#define TOKENS(field) AT(tokens_entry, settings.field)

static const almi_key ACCESS_KEYS[] = {
    {.key = "development", .kind = ALMI_BOOL, AT(alm_access_settings, development),
     .fallback = "false",
     .doc = "access is off and everybody on this machine is admin; only where the server listens "
            "on a loopback address"},
    {.key = "tokens", .kind = ALMI_OTHER, .doc = "signed tokens: see `access.tokens`"},
    {.key = "api_keys", .kind = ALMI_OTHER, .doc = "API keys: see `access.api_keys`"},
    {.key = "limits", .kind = ALMI_OTHER, .doc = "see `access.limits`"},
    {.key = "remembered", .kind = ALMI_U64, AT(alm_access_settings, remembered), .min = 4,
     .max = 1048576, .fallback = "4096",
     .doc = "how many verified credentials a worker remembers"},
};

static const almi_key TOKENS_KEYS[] = {
    {.key = "keys", .kind = ALMI_TEXT, TOKENS(keys), .required = true,
     .doc = "the provider's key set (JWKS): a file, or a URL with https:// (http:// only from "
            "localhost)"},
    {.key = "ca_file", .kind = ALMI_TEXT, TOKENS(ca_file),
     .doc = "certificates (PEM) to trust for the URL; default: the system's"},
    {.key = "issuer", .kind = ALMI_TEXT, TOKENS(issuer), .required = true,
     .doc = "what `iss` of a token must be, to the letter"},
    {.key = "audience", .kind = ALMI_TEXT_LIST, TOKENS(audiences),
     .count_offset = offsetof(tokens_entry, settings.audience_count), .required = true,
     .doc = "`aud` of a token must hold one of these"},
    {.key = "algorithms", .kind = ALMI_TEXT_LIST, AT(tokens_entry, algorithms),
     .count_offset = offsetof(tokens_entry, algorithm_count),
     .doc = "of `RS256`, `ES256`, `EdDSA`; default: all three"},
    {.key = "skew_seconds", .kind = ALMI_U64, TOKENS(skew_s), .max = ALM_TOKEN_SKEW_S_MAX,
     .fallback = "30", .doc = "how far `exp` and `nbf` may differ from the clock"},
    {.key = "refresh_seconds", .kind = ALMI_U64, TOKENS(refresh_s), .min = 1, .max = 86400,
     .fallback = "300", .doc = "the key set is read again after this long"},
    {.key = "retry_seconds", .kind = ALMI_U64, TOKENS(retry_s), .min = 1, .max = 3600,
     .fallback = "30",
     .doc = "a token with an unknown key has the set read earlier, but never sooner than this "
            "after the last time"},
    {.key = "deadline_ms", .kind = ALMI_U64, TOKENS(deadline_ms), .min = 100, .max = 60000,
     .fallback = "5000", .doc = "for the URL to answer"},
};

static const almi_key API_KEYS_KEYS[] = {
    {.key = "file", .kind = ALMI_TEXT, AT(api_keys_settings, file), .required = true,
     .doc = "the file of hashed keys"},
    {.key = "refresh_seconds", .kind = ALMI_U64, AT(api_keys_settings, refresh_s), .min = 1,
     .max = 3600, .fallback = "5",
     .doc = "the file is looked at again after this long: how long a removed key may still work"},
    {.key = "checks_per_minute", .kind = ALMI_U64, AT(api_keys_settings, checks_per_minute),
     .min = 1, .max = 100000, .fallback = "300",
     .doc = "how many keys that are not remembered may be hashed, of all clients together"},
};

static const almi_key LIMITS_KEYS[] = {
    {.key = "requests_per_minute", .kind = ALMI_U64, AT(limits_settings, requests_per_minute),
     .min = 1, .max = ALM_RATE_REQUESTS_MAX, .fallback = "500", .doc = "of one client"},
    {.key = "burst", .kind = ALMI_U64, AT(limits_settings, burst), .max = ALM_RATE_REQUESTS_MAX,
     .doc = "how many of them at once; default: all"},
    {.key = "failures_per_minute", .kind = ALMI_U64, AT(limits_settings, failures_per_minute),
     .min = 1, .max = ALM_RATE_REQUESTS_MAX, .fallback = "60",
     .doc = "failed attempts of one address, before its unknown credentials are not looked at"},
    {.key = "clients", .kind = ALMI_U64, AT(limits_settings, clients), .min = 1,
     .max = (double)ALM_RATE_CLIENTS_MAX, .fallback = "65536",
     .doc = "how many clients the tables have room for; further ones share buckets"},
};

static const almi_section ACCESS = {
    .name = "access", .doc = "Who may ask. At least one of `tokens`, `api_keys` and `development`.",
    .keys = ACCESS_KEYS, .key_count = COUNT(ACCESS_KEYS)};
static const almi_section TOKENS_SECTION = {
    .name = "access.tokens", .doc = "Signed tokens (JWT) of an identity provider.",
    .keys = TOKENS_KEYS, .key_count = COUNT(TOKENS_KEYS)};
static const almi_section API_KEYS_SECTION = {
    .name = "access.api_keys", .doc = "Keys for programs, made here.",
    .keys = API_KEYS_KEYS, .key_count = COUNT(API_KEYS_KEYS)};
static const almi_section LIMITS_SECTION = {
    .name = "access.limits", .doc = "Token buckets.",
    .keys = LIMITS_KEYS, .key_count = COUNT(LIMITS_KEYS)};

/* As almi_section_read, whose message about an unknown key would name the page of almanac.yaml. */
static alm_err read_section(const almi_section *section, const alm_yaml *map, alm_arena *arena,
                            void *out, alm_error *error)
{
    const char *names[KEYS_MAX];
    alm_assert(section->key_count <= KEYS_MAX);
    for (size_t i = 0; i < section->key_count; i++) {
        names[i] = section->keys[i].key;
    }
    for (size_t i = 0; map->kind == ALM_YAML_MAP && i < map->count; i++) {
        alm_str name = map->child[i].key;
        bool known = false;
        for (size_t k = 0; k < section->key_count && !known; k++) {
            known = alm_str_is(name, names[k]);
        }
        if (!known && !almi_closest(name, names, section->key_count)) {
            return alm_yaml_fail(&map->child[i], error, ALM_ERR_CONFIG,
                                 "unknown key " ALM_STR_FMT " in %s (docs/access.md lists them)",
                                 ALM_STR_ARG(name), section->name);
        }
    }
    return almi_section_read(section, map, arena, out, error);
}

/* `node` NULL: not given. */
static alm_err read_algorithms(const alm_yaml *node, const tokens_entry *entry, uint32_t *out,
                               alm_error *error)
{
    uint32_t bits = node ? 0 : ALM_TOKEN_ALGORITHMS_ALL;
    for (size_t i = 0; i < entry->algorithm_count; i++) {
        alm_token_algorithm algorithm;
        if (!alm_token_algorithm_parse(entry->algorithms[i], &algorithm)) {
            return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "algorithms are RS256, ES256 and "
                                 "EdDSA, not " ALM_STR_FMT, ALM_STR_ARG(entry->algorithms[i]));
        }
        bits |= UINT32_C(1) << algorithm;
    }
    if (bits == 0) {
        return alm_yaml_fail(node, error, ALM_ERR_CONFIG, "algorithms must not be empty");
    }
    *out = bits;
    return ALM_OK;
}

static alm_str from_folder(alm_arena *arena, const char *folder, alm_str path)
{
    return path.size ? alm_str_of(alm_path_join(arena, folder, path.data)) : path;
}

static alm_err read_tokens(const alm_yaml *map, const char *folder, alm_arena *arena,
                           tokens_settings *out, alm_error *error)
{
    tokens_entry entry = {0};
    ALM_TRY(read_section(&TOKENS_SECTION, map, arena, &entry, error));
    ALM_TRY(read_algorithms(alm_yaml_member(map, "algorithms"), &entry,
                            &entry.settings.algorithms, error));
    if (entry.settings.audience_count == 0) {
        return alm_yaml_fail(alm_yaml_member(map, "audience"), error, ALM_ERR_CONFIG,
                             "audience must not be empty");
    }
    alm_str keys = entry.settings.keys;
    entry.settings.is_set = true;
    entry.settings.is_url =
        alm_str_starts_with(keys, "https://") || alm_str_starts_with(keys, "http://");
    if (!entry.settings.is_url) {
        entry.settings.keys = from_folder(arena, folder, keys);
    }
    entry.settings.ca_file = from_folder(arena, folder, entry.settings.ca_file);
    *out = entry.settings;
    return ALM_OK;
}

alm_err alm_access_settings_read(const alm_yaml *map, const char *folder, alm_arena *arena,
                                 alm_access_settings *out, alm_error *error)
{
    static const alm_yaml EMPTY = {.kind = ALM_YAML_MAP, .file = "default"};
    alm_access_settings settings = {0};
    ALM_TRY(read_section(&ACCESS, map, arena, &settings, error));
    const alm_yaml *node = alm_yaml_member(map, "tokens");
    if (node) {
        ALM_TRY(read_tokens(node, folder, arena, &settings.tokens, error));
    }
    node = alm_yaml_member(map, "api_keys");
    if (node) {
        ALM_TRY(read_section(&API_KEYS_SECTION, node, arena, &settings.api_keys, error));
        settings.api_keys.is_set = true;
        settings.api_keys.file = from_folder(arena, folder, settings.api_keys.file);
    }
    node = alm_yaml_member(map, "limits");
    ALM_TRY(read_section(&LIMITS_SECTION, node ? node : &EMPTY, arena, &settings.limits, error));
    if (!settings.development && !settings.tokens.is_set && !settings.api_keys.is_set) {
        return alm_yaml_fail(map, error, ALM_ERR_CONFIG,
                             "access needs tokens or api_keys (or development: true, on a loopback "
                             "address): nobody could ask anything");
    }
    *out = settings;
    return ALM_OK;
}

void alm_access_settings_document(alm_buffer *out)
{
    almi_section_document(&ACCESS, out);
    almi_section_document(&TOKENS_SECTION, out);
    almi_section_document(&API_KEYS_SECTION, out);
    almi_section_document(&LIMITS_SECTION, out);
}
