/* access.c: who asks, and may he. */
#include "http/access/access.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/hash.h"
#include "base/thread.h"
#include "http/access/access_internal.h"
#include "http/access/api_keys.h"
#include "http/access/jose.h"
#include "http/access/key_source.h"
#include "http/access/secret.h"
#include "http/access/verified_cache.h"

#define MINUTE_S 60
#define CLIENT_BYTES_MAX (ALM_SUBJECT_BYTES_MAX + 2)
#define API_KEY_FILE_DEADLINE_MS 1000

typedef struct worker_caches {
    alm_verified_cache *tokens;
    alm_verified_cache *api_keys;
} worker_caches;

struct alm_access {
    alm_arena *arena;
    alm_access_settings settings;
    alm_token_rules rules;
    alm_key_source *tokens;   /* NULL: none are accepted */
    alm_key_source *api_keys; /* the same */
    alm_rate_limit *clients;   /* by subject or key */
    alm_rate_limit *addresses; /* without credentials */
    alm_rate_limit *failures;  /* by address */
    alm_rate_limit *key_checks; /* one bucket for all */
    int workers;
    worker_caches *caches;
    /* Verified API keys of all workers, asked when a worker does not remember one itself. */
    alm_mutex shared_busy;
    alm_verified_cache *shared;
};

/* ---- creation ---- */

static alm_err parse_key_set(alm_str text, const char *name, void **out, alm_error *error)
{
    alm_key_set *set = NULL;
    ALM_TRY(alm_key_set_parse(text, name, &set, error));
    *out = set;
    return ALM_OK;
}

static void destroy_key_set(void *object)
{
    alm_key_set_destroy(object);
}

static alm_err parse_api_keys(alm_str text, const char *name, void **out, alm_error *error)
{
    alm_api_keys *keys = NULL;
    ALM_TRY(alm_api_keys_parse(text, name, &keys, error));
    *out = keys;
    return ALM_OK;
}

static void destroy_api_keys(void *object)
{
    alm_api_keys_destroy(object);
}

static const alm_key_source_kind KEY_SETS = {ALM_KEY_SET_BYTES_MAX, parse_key_set, destroy_key_set};
static const alm_key_source_kind API_KEYS = {ALM_API_KEYS_BYTES_MAX, parse_api_keys,
                                             destroy_api_keys};

static alm_str keep(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data ? text.data : "", text.size), text.size};
}

static void keep_settings(alm_access *access, const alm_access_settings *settings)
{
    access->settings = *settings;
    struct alm_access_tokens *tokens = &access->settings.tokens;
    alm_str *audiences = ALM_NEW_ARRAY(access->arena, alm_str, tokens->audience_count);
    for (size_t i = 0; i < tokens->audience_count; i++) {
        audiences[i] = keep(access->arena, tokens->audiences[i]);
    }
    tokens->audiences = audiences;
    tokens->issuer = keep(access->arena, tokens->issuer);
    access->rules = (alm_token_rules){tokens->issuer, audiences, tokens->audience_count,
                                      (uint32_t)tokens->skew_s};
}

static alm_err open_sources(alm_access *access, const alm_env *env, alm_error *error)
{
    const struct alm_access_tokens *tokens = &access->settings.tokens;
    const struct alm_access_api_keys *api_keys = &access->settings.api_keys;
    if (tokens->is_set) {
        alm_key_source_place place = {tokens->keys, tokens->is_url, tokens->ca_file,
                                      (uint32_t)tokens->refresh_s, (uint32_t)tokens->retry_s,
                                      (uint32_t)tokens->deadline_ms};
        ALM_TRY(alm_key_source_open(env, &KEY_SETS, &place, access->workers, &access->tokens,
                                    error));
    }
    if (api_keys->is_set) {
        alm_key_source_place place = {.location = api_keys->file,
                                      .refresh_s = (uint32_t)api_keys->refresh_s,
                                      .retry_s = (uint32_t)api_keys->refresh_s,
                                      .deadline_ms = API_KEY_FILE_DEADLINE_MS};
        ALM_TRY(alm_key_source_open(env, &API_KEYS, &place, access->workers, &access->api_keys,
                                    error));
    }
    return ALM_OK;
}

static alm_err make_limits(alm_access *access, alm_error *error)
{
    const struct alm_access_limits *limits = &access->settings.limits;
    alm_rate_rule rule = {(uint32_t)limits->requests_per_minute, MINUTE_S, (uint32_t)limits->burst,
                          (size_t)limits->clients};
    ALM_TRY(alm_rate_limit_create(&rule, &access->clients, error));
    ALM_TRY(alm_rate_limit_create(&rule, &access->addresses, error));
    rule.requests = (uint32_t)limits->failures_per_minute;
    rule.burst = 0;
    ALM_TRY(alm_rate_limit_create(&rule, &access->failures, error));
    rule.clients = 1;
    if (access->settings.api_keys.is_set) {
        rule.requests = (uint32_t)access->settings.api_keys.checks_per_minute;
    }
    return alm_rate_limit_create(&rule, &access->key_checks, error);
}

static alm_err make_cache(uint64_t entries, alm_verified_cache **out, alm_error *error)
{
    *out = alm_verified_cache_create((size_t)entries);
    return *out ? ALM_OK
                : alm_fail(error, ALM_ERR_MEMORY, "no memory to remember %llu credentials",
                           (unsigned long long)entries);
}

static alm_err fill_access(alm_access *access, const alm_env *env, alm_error *error)
{
    uint64_t entries = access->settings.remembered;
    ALM_TRY(alm_secret_start(error));
    ALM_TRY(make_limits(access, error));
    for (int i = 0; i < access->workers; i++) {
        ALM_TRY(make_cache(entries, &access->caches[i].tokens, error));
        ALM_TRY(make_cache(entries, &access->caches[i].api_keys, error));
    }
    ALM_TRY(make_cache(entries, &access->shared, error));
    return open_sources(access, env, error);
}

alm_err alm_access_create(const alm_env *env, const alm_access_settings *settings, bool on_loopback,
                          int workers, alm_access **out, alm_error *error)
{
    alm_assert(workers >= 1);
    if (settings->development && !on_loopback) {
        return alm_fail(error, ALM_ERR_CONFIG, "access.development is for a server that listens on "
                        "a loopback address only; set up tokens or api_keys, or listen on "
                        "127.0.0.1");
    }
    if (!settings->development && !settings->tokens.is_set && !settings->api_keys.is_set) {
        return alm_fail(error, ALM_ERR_CONFIG, "access needs tokens or api_keys");
    }
    alm_arena *arena = alm_arena_create(0);
    alm_access *access = ALM_NEW(arena, alm_access);
    access->arena = arena;
    access->workers = workers;
    access->caches = ALM_NEW_ARRAY(arena, worker_caches, (size_t)workers);
    alm_mutex_init(&access->shared_busy);
    keep_settings(access, settings);
    alm_err code = settings->development ? ALM_OK : fill_access(access, env, error);
    if (code != ALM_OK) {
        alm_access_destroy(access);
        return code;
    }
    *out = access;
    return ALM_OK;
}

void alm_access_destroy(alm_access *access)
{
    if (!access) {
        return;
    }
    alm_key_source_close(access->tokens);
    alm_key_source_close(access->api_keys);
    alm_rate_limit_destroy(access->clients);
    alm_rate_limit_destroy(access->addresses);
    alm_rate_limit_destroy(access->failures);
    alm_rate_limit_destroy(access->key_checks);
    for (int i = 0; i < access->workers; i++) {
        alm_verified_cache_destroy(access->caches[i].tokens);
        alm_verified_cache_destroy(access->caches[i].api_keys);
    }
    alm_verified_cache_destroy(access->shared);
    alm_mutex_deinit(&access->shared_busy);
    alm_arena_destroy(access->arena);
}

alm_err alm_access_refresh(alm_access *access, uint64_t now_ns, bool *tokens_changed,
                           bool *api_keys_changed, alm_error *error)
{
    bool changed[2] = {false, false};
    alm_err code = ALM_OK;
    if (access->api_keys) {
        code = alm_key_source_refresh(access->api_keys, now_ns, &changed[1], error);
    }
    if (access->tokens) { /* also when the other failed, whose error then stands */
        alm_err second = alm_key_source_refresh(access->tokens, now_ns, &changed[0],
                                                code == ALM_OK ? error : NULL);
        code = code == ALM_OK ? second : code;
    }
    if (tokens_changed) {
        *tokens_changed = changed[0];
    }
    if (api_keys_changed) {
        *api_keys_changed = changed[1];
    }
    return code;
}

/* ---- who is it ---- */

typedef enum credential_kind {
    CREDENTIAL_NONE,
    CREDENTIAL_TOKEN,
    CREDENTIAL_API_KEY
} credential_kind;

typedef struct given_text {
    credential_kind kind;
    alm_str text;
} given_text;

/* The value behind "Bearer ", in any case; empty without it. */
static alm_str bearer_of(alm_str header)
{
    static const char SCHEME[] = "bearer";
    size_t size = sizeof SCHEME - 1;
    bool fits = header.size > size && header.data[size] == ' ';
    for (size_t i = 0; fits && i < size; i++) {
        fits = (header.data[i] | 0x20) == SCHEME[i];
    }
    return fits ? alm_str_trim((alm_str){header.data + size, header.size - size}) : (alm_str){0};
}

/* False: two different ones. */
static bool find_credential(const alm_access_request *request, given_text *out)
{
    alm_str bearer = bearer_of(request->authorization);
    alm_str key = alm_str_trim(request->api_key);
    *out = (given_text){CREDENTIAL_NONE, {0}};
    if (bearer.size > 0 && key.size > 0 && !alm_str_equal(bearer, key)) {
        return false;
    }
    if (key.size > 0) {
        *out = (given_text){CREDENTIAL_API_KEY, key};
    } else if (bearer.size > 0) {
        bool is_key = alm_api_key_is_one(bearer, NULL);
        *out = (given_text){is_key ? CREDENTIAL_API_KEY : CREDENTIAL_TOKEN, bearer};
    }
    return true;
}

/* The address, of IPv6 its /64: one customer's network, in which he chooses freely. */
static alm_str address_of(alm_str peer, char out[INET6_ADDRSTRLEN])
{
    unsigned char bytes[16];
    if (peer.size >= INET6_ADDRSTRLEN || !memchr(peer.data ? peer.data : "", ':', peer.size)) {
        return peer;
    }
    memcpy(out, peer.data, peer.size);
    out[peer.size] = '\0';
    if (inet_pton(AF_INET6, out, bytes) != 1) {
        return peer;
    }
    static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(bytes, MAPPED, sizeof MAPPED) == 0) {
        return alm_str_of(inet_ntop(AF_INET, bytes + 12, out, INET6_ADDRSTRLEN));
    }
    memset(bytes + 8, 0, 8);
    return alm_str_of(inet_ntop(AF_INET6, bytes, out, INET6_ADDRSTRLEN));
}

static alm_err verify_token(alm_access *access, const alm_access_request *request, alm_str text,
                            alm_arena *arena, alm_identity *out, alm_error *error)
{
    alm_token token;
    ALM_TRY(alm_token_parse(text, access->settings.tokens.algorithms, arena, &token, error));
    const alm_key_set *set = alm_key_source_enter(access->tokens, request->worker);
    alm_err code = alm_key_set_verify(set, &token, error);
    alm_key_source_leave(access->tokens, request->worker);
    if (code == ALM_ERR_NOT_FOUND) {
        alm_key_source_want(access->tokens);
    }
    ALM_TRY(code);
    return alm_token_claims(&token, &access->rules, request->now, arena, out, error);
}

static alm_err verify_api_key(alm_access *access, const alm_access_request *request, alm_str text,
                              alm_arena *arena, alm_identity *out, alm_error *error)
{
    alm_identity identity = {0};
    const alm_api_keys *keys = alm_key_source_enter(access->api_keys, request->worker);
    alm_err code = alm_api_keys_check(keys, text, request->now, &identity, error);
    if (code == ALM_OK) {
        *out = alm_identity_copy(&identity, arena);
    }
    alm_key_source_leave(access->api_keys, request->worker);
    return code;
}

/* What another worker has verified already; kind NONE: nobody has. */
static alm_identity recall_shared(alm_access *access, const alm_digest *digest, uint64_t generation,
                                  alm_instant now, alm_arena *arena)
{
    alm_identity identity = {0};
    alm_mutex_lock(&access->shared_busy);
    const alm_identity *found = alm_verified_cache_get(access->shared, digest, generation, now);
    if (found) {
        identity = alm_identity_copy(found, arena);
    }
    alm_mutex_unlock(&access->shared_busy);
    return identity;
}

static void remember(alm_access *access, alm_verified_cache *cache, const alm_digest *digest,
                     uint64_t generation, const alm_identity *identity)
{
    alm_verified_cache_put(cache, digest, generation, identity);
    if (identity->kind == ALM_IDENTITY_API_KEY) {
        alm_mutex_lock(&access->shared_busy);
        alm_verified_cache_put(access->shared, digest, generation, identity);
        alm_mutex_unlock(&access->shared_busy);
    }
}

/* Why credentials may not even be looked at; false: they may. */
static bool is_held_back(alm_access *access, const alm_access_request *request, bool is_key,
                         alm_str address, alm_access_verdict *verdict)
{
    alm_rate_figures failures = alm_rate_limit_peek(access->failures, address, request->now_ns);
    alm_access_reason reason = ALM_ACCESS_FAILURES;
    if (failures.allowed && is_key) {
        reason = ALM_ACCESS_KEY_CHECKS;
        failures = alm_rate_limit_take(access->key_checks, ALM_STR("all"), request->now_ns);
    }
    if (failures.allowed) {
        return false;
    }
    verdict->reason = reason;
    verdict->rate.retry_after_s = failures.retry_after_s;
    return true;
}

/* Verifies what is not remembered. */
static void verify(alm_access *access, const alm_access_request *request,
                   const given_text *given, const alm_digest *digest, uint64_t generation,
                   almi_access_work *work)
{
    bool is_key = given->kind == CREDENTIAL_API_KEY;
    char buffer[INET6_ADDRSTRLEN];
    alm_str address = address_of(request->peer, buffer);
    alm_access_verdict *verdict = work->verdict;
    if (is_held_back(access, request, is_key, address, verdict)) {
        return;
    }
    alm_error error = {0};
    alm_identity identity = {0};
    alm_err code = is_key ? verify_api_key(access, request, given->text, work->arena,
                                           &identity, &error)
                          : verify_token(access, request, given->text, work->arena, &identity,
                                         &error);
    if (code != ALM_OK) {
        verdict->reason = code == ALM_ERR_MEMORY ? ALM_ACCESS_NO_MEMORY
                                                 : ALM_ACCESS_BAD_CREDENTIALS;
        verdict->detail = keep(work->arena, alm_str_of(error.message));
        (void)alm_rate_limit_take(access->failures, address, request->now_ns);
        return;
    }
    worker_caches *caches = &access->caches[request->worker];
    remember(access, is_key ? caches->api_keys : caches->tokens, digest, generation, &identity);
    verdict->identity = identity;
}

static void identify(alm_access *access, const alm_access_request *request,
                     const given_text *given, almi_access_work *work)
{
    bool is_key = given->kind == CREDENTIAL_API_KEY;
    alm_key_source *source = is_key ? access->api_keys : access->tokens;
    alm_access_verdict *verdict = work->verdict;
    if (!source || (is_key && !alm_api_key_is_one(given->text, NULL))) {
        verdict->reason = ALM_ACCESS_BAD_CREDENTIALS;
        verdict->detail = !source ? is_key ? ALM_STR("API keys are not accepted here")
                                           : ALM_STR("tokens are not accepted here")
                                  : ALM_STR("the API key is not valid");
        return;
    }
    /* Before the keys are entered, so that what they verify is never taken for newer. */
    uint64_t generation = alm_key_source_generation(source);
    alm_digest digest = alm_hash_bytes(given->text.data, given->text.size);
    worker_caches *caches = &access->caches[request->worker];
    alm_verified_cache *cache = is_key ? caches->api_keys : caches->tokens;
    const alm_identity *known = alm_verified_cache_get(cache, &digest, generation, request->now);
    verdict->was_remembered = true;
    if (known) {
        verdict->identity = alm_identity_copy(known, work->arena);
        return;
    }
    if (is_key) {
        alm_identity shared = recall_shared(access, &digest, generation, request->now,
                                            work->arena);
        if (shared.kind != ALM_IDENTITY_NONE) {
            alm_verified_cache_put(cache, &digest, generation, &shared);
            verdict->identity = shared;
            return;
        }
    }
    verdict->was_remembered = false;
    if (is_key && request->defers_hash) {
        verdict->reason = ALM_ACCESS_DEFERRED;
        return;
    }
    verify(access, request, given, &digest, generation, work);
}

/* ---- may he ---- */

/* The bucket of credentials; texts in `out`. */
static alm_str client_of(const alm_identity *identity, char out[CLIENT_BYTES_MAX])
{
    out[0] = identity->kind == ALM_IDENTITY_TOKEN ? 't' : 'k';
    memcpy(out + 1, identity->subject.data, identity->subject.size);
    return (alm_str){out, identity->subject.size + 1};
}

static void limit(alm_access *access, const alm_access_request *request,
                  alm_access_verdict *verdict)
{
    char client[CLIENT_BYTES_MAX];
    char buffer[INET6_ADDRSTRLEN];
    const alm_identity *identity = &verdict->identity;
    verdict->has_rate = true;
    if (identity->kind == ALM_IDENTITY_NONE) {
        verdict->rate = alm_rate_limit_take(access->addresses, address_of(request->peer, buffer),
                                            request->now_ns);
    } else {
        verdict->rate = alm_rate_limit_take(access->clients, client_of(identity, client),
                                            request->now_ns);
    }
    if (!verdict->rate.allowed) {
        verdict->reason = ALM_ACCESS_REQUESTS;
    }
}

static void authorize(const alm_access_request *request, alm_access_verdict *verdict)
{
    if (!alm_roles_include(verdict->identity.roles, request->needed)) {
        verdict->reason = ALM_ACCESS_ROLE;
    } else if (request->model.size > 0 &&
               !alm_identity_may_use(&verdict->identity, request->model)) {
        verdict->reason = ALM_ACCESS_MODEL;
    }
}

static void judge(alm_access *access, const alm_access_request *request, almi_access_work *work)
{
    given_text given;
    alm_access_verdict *verdict = work->verdict;
    if (!find_credential(request, &given)) {
        verdict->reason = ALM_ACCESS_TWO_CREDENTIALS;
        return;
    }
    if (given.kind == CREDENTIAL_NONE) {
        verdict->reason = ALM_ACCESS_NO_CREDENTIALS;
        limit(access, request, verdict);
        return;
    }
    identify(access, request, &given, work);
    if (verdict->reason == ALM_ACCESS_ALLOWED) {
        limit(access, request, verdict);
    }
    if (verdict->reason == ALM_ACCESS_ALLOWED) {
        authorize(request, verdict);
    }
}

bool alm_access_is_off(const alm_access *access)
{
    return access->settings.development;
}

static bool take_prefix(alm_str *text, const char *prefix)
{
    bool is_there = alm_str_starts_with(*text, prefix);
    if (is_there) {
        text->data += strlen(prefix);
        text->size -= strlen(prefix);
    }
    return is_there;
}

/* An origin of RFC 6454: scheme://host[:port]. A name that leads to this machine today may be
 * anybody's; localhost is nobody else's (RFC 6761, 6.3), nor are these addresses. */
static bool is_of_this_machine(alm_str origin)
{
    alm_str rest = origin;
    if (!take_prefix(&rest, "http://") && !take_prefix(&rest, "https://")) {
        return false;
    }
    if (take_prefix(&rest, "127.")) {
        /* Of digits and dots a browser makes an address, never a name. */
        while (rest.size > 0 && rest.data[0] != '\0' && strchr("0123456789.", rest.data[0])) {
            rest = (alm_str){rest.data + 1, rest.size - 1};
        }
    } else if (!take_prefix(&rest, "localhost") && !take_prefix(&rest, "[::1]")) {
        return false;
    }
    return rest.size == 0 || rest.data[0] == ':';
}

alm_access_verdict alm_access_check(alm_access *access, const alm_access_request *request,
                                    alm_arena *arena)
{
    alm_assert(request->worker >= 0 && request->worker < access->workers);
    alm_access_verdict verdict = {.reason = ALM_ACCESS_ALLOWED};
    almi_access_work work = {&verdict, arena};
    if (!access->settings.development) {
        judge(access, request, &work);
    } else if (!request->is_loopback) {
        verdict.reason = ALM_ACCESS_NOT_LOCAL;
    } else if (request->origin.size > 0 && !is_of_this_machine(request->origin)) {
        verdict.reason = ALM_ACCESS_FOREIGN_PAGE;
    } else {
        verdict.identity = (alm_identity){
            .kind = ALM_IDENTITY_DEVELOPMENT,
            .subject = ALM_STR("development"),
            .roles = alm_roles_of(ALM_ROLE_ADMIN),
            .every_model = true,
            .expires = INT64_MAX,
        };
    }
    almi_access_explain(request, &work);
    return verdict;
}

alm_access_verdict alm_access_take(alm_access *access, const alm_identity *identity, uint32_t count,
                                   uint64_t now_ns, alm_arena *arena)
{
    alm_access_verdict verdict = {.reason = ALM_ACCESS_ALLOWED, .identity = *identity};
    almi_access_work work = {&verdict, arena};
    char client[CLIENT_BYTES_MAX];
    if (!access->settings.development) {
        uint32_t burst = alm_rate_limit_burst(access->clients);
        alm_str name = client_of(identity, client);
        alm_assert(count >= 1 && identity->kind != ALM_IDENTITY_NONE);
        verdict.has_rate = true;
        if (count > burst - 1) {
            verdict.reason = ALM_ACCESS_ABOVE_BURST;
            verdict.rate = alm_rate_limit_peek(access->clients, name, now_ns);
            verdict.rate.retry_after_s = 0; /* no time is long enough */
            verdict.detail = alm_str_of(alm_arena_printf(
                arena, "this counts as %llu requests, and a client has at most %u at once: send it "
                "in parts", (unsigned long long)count + 1, (unsigned)burst));
        } else {
            verdict.rate = alm_rate_limit_take_many(access->clients, name, count, now_ns);
            verdict.reason = verdict.rate.allowed ? ALM_ACCESS_ALLOWED : ALM_ACCESS_REQUESTS;
        }
    }
    almi_access_explain(&(alm_access_request){0}, &work);
    return verdict;
}
