/* access.h: may this request do that? Credentials in, verdict out; no socket, no clock.
 *
 * Credentials are one of
 *   Authorization: Bearer <token>          a signed token (token.h, jose.h)
 *   X-API-Key: alm_<id>_<secret>           an API key (api_keys.h); accepted as a Bearer value too,
 *                                          because many clients can send nothing else
 * Both at once, if they differ, are refused (400, as RFC 6750 asks). Another scheme than Bearer is
 * as good as none.
 *
 * Order: who is it (401), has he asked too often (429), may he do that (403), and with that model
 * (403). What was verified once is remembered per worker by its SHA-256 (verified_cache.h) until it
 * expires or the keys change, so verification is paid once; a verified API key also for the other
 * workers.
 *
 * Limits (rate_limit.h): one bucket per subject of a token, per API key, and per address for
 * requests without credentials (an IPv6 address counts by its /64). Failed attempts have a bucket
 * per address; while it is empty no unknown credentials of that address are looked at, those that
 * are remembered are. Hashes of API keys have one bucket for the whole service, so that hashing
 * can take only so much of it, however many addresses try.
 *
 * A hash takes tens of milliseconds, which an event loop may not want to spend. With `defers_hash`
 * it gets the verdict ALM_ACCESS_DEFERRED instead, which costs and counts nothing. Then a thread
 * that may block asks the same without `defers_hash`, with a worker number of its own (one more
 * than there are loops, given to alm_access_create), and its verdict is that of the request. How
 * many wait for it is bounded by the caller.
 *
 * With access off a browser on this machine is as good as its user, also for a page that somebody
 * else wrote. So a request that says it comes from a page (Origin, which browsers send with all
 * that changes something) is answered only when that page was served by this machine.
 *
 * Public routes (health, the API document) do not ask here at all.
 *
 * A batch counts as more than one request: alm_access_take takes the others once it is known how
 * many there are.
 *
 * Thread safety: create, refresh and destroy by one thread (refresh blocks: a housekeeping thread);
 * check by one thread per worker number. */
#ifndef ALM_HTTP_ACCESS_ACCESS_H
#define ALM_HTTP_ACCESS_ACCESS_H

#include "base/env.h"
#include "base/yaml.h"
#include "http/access/rate_limit.h"
#include "http/access/role.h"

typedef struct alm_access alm_access;

typedef struct alm_access_settings {
    bool development; /* access is off: everybody on this machine is admin */
    struct alm_access_tokens {
        bool is_set;
        alm_str keys; /* path or URL of the key set */
        bool is_url;
        alm_str ca_file;
        alm_str issuer;
        const alm_str *audiences;
        size_t audience_count;
        uint32_t algorithms; /* bits of alm_token_algorithm */
        uint64_t skew_s;
        uint64_t refresh_s;
        uint64_t retry_s;
        uint64_t deadline_ms;
    } tokens;
    struct alm_access_api_keys {
        bool is_set;
        alm_str file;
        uint64_t refresh_s;
        uint64_t checks_per_minute;
    } api_keys;
    struct alm_access_limits {
        uint64_t requests_per_minute;
        uint64_t burst; /* 0: as requests_per_minute */
        uint64_t failures_per_minute;
        uint64_t clients;
    } limits;
    uint64_t remembered; /* credentials per worker */
} alm_access_settings;

/* From the map `access` of serve.yaml; keys that are left out take their defaults, unknown ones are
 * ALM_ERR_CONFIG with line and column. Paths are relative to `folder`. Texts lie in `arena` or in
 * the document. */
ALM_NODISCARD alm_err alm_access_settings_read(const alm_yaml *map, const char *folder,
                                               alm_arena *arena, alm_access_settings *out,
                                               alm_error *error);
/* Markdown tables of the keys, for docs/access.md. */
void alm_access_settings_document(alm_buffer *out);

/* Reads the key set and the API keys, also from the network. ALM_ERR_CONFIG: development and not
 * `on_loopback` (what the server listens at), or neither tokens nor API keys nor development.
 * `settings` is copied, `env` is not and outlives the result. */
ALM_NODISCARD alm_err alm_access_create(const alm_env *env, const alm_access_settings *settings,
                                        bool on_loopback, int workers, alm_access **out,
                                        alm_error *error);
void alm_access_destroy(alm_access *access); /* takes NULL */

/* Reads again what is due: call it about once a second. On failure the last good keys stay in
 * force; the error tells why and the next call does not try again before its time. Each set that
 * changed is told by its flag (both may be NULL). */
ALM_NODISCARD alm_err alm_access_refresh(alm_access *access, uint64_t now_ns, bool *tokens_changed,
                                         bool *api_keys_changed, alm_error *error);

/* Is access off? */
bool alm_access_is_off(const alm_access *access);

typedef struct alm_access_request {
    int worker;
    alm_str authorization; /* value of the header; empty: none */
    alm_str api_key;       /* value of X-API-Key; empty: none */
    alm_str peer;          /* address of the client, without a port; empty: not known */
    alm_str origin;        /* value of Origin: the site whose page asks; empty: no page */
    bool is_loopback;      /* the peer is this machine */
    bool defers_hash;      /* an API key that is not remembered gives ALM_ACCESS_DEFERRED */
    alm_role needed;
    alm_str model;         /* that it is about; empty: none in particular */
    alm_instant now;       /* civil time, for what expires */
    uint64_t now_ns;       /* monotonic, for limits */
} alm_access_request;

/* X(name, text for metrics and logs, HTTP status) */
#define ALM_ACCESS_REASON_MAP(X)                     \
    X(ALLOWED, "allowed", 200)                       \
    X(DEFERRED, "deferred", 0)                       \
    X(TWO_CREDENTIALS, "two_credentials", 400)       \
    X(NO_CREDENTIALS, "no_credentials", 401)         \
    X(BAD_CREDENTIALS, "bad_credentials", 401)       \
    X(ROLE, "role", 403)                             \
    X(MODEL, "model", 403)                           \
    X(NOT_LOCAL, "not_local", 403)                   \
    X(FOREIGN_PAGE, "foreign_page", 403)             \
    X(REQUESTS, "requests", 429)                     \
    X(FAILURES, "failures", 429)                     \
    X(KEY_CHECKS, "key_checks", 429)                 \
    X(ABOVE_BURST, "above_burst", 413)               \
    X(NO_MEMORY, "no_memory", 503)

typedef enum alm_access_reason {
#define ALM_ACCESS_REASON_ENUM(name, text, status) ALM_ACCESS_##name,
    ALM_ACCESS_REASON_MAP(ALM_ACCESS_REASON_ENUM)
#undef ALM_ACCESS_REASON_ENUM
        ALM_ACCESS_REASON_COUNT
} alm_access_reason;

typedef struct alm_access_verdict {
    alm_access_reason reason;
    int status;
    alm_identity identity; /* kind NONE: not known */
    bool was_remembered;   /* nothing was verified for it */
    /* Of a refusal: a problem (RFC 9457) and headers. No text holds credentials. */
    const char *type;
    const char *title;
    alm_str detail;
    alm_str challenge; /* WWW-Authenticate (RFC 6750); empty: none */
    /* RateLimit headers, whether refused or not; Retry-After when `rate.retry_after_s` is not 0. */
    bool has_rate;
    alm_rate_figures rate;
} alm_access_verdict;

const char *alm_access_reason_text(alm_access_reason reason);

/* Texts lie in `arena`. */
alm_access_verdict alm_access_check(alm_access *access, const alm_access_request *request,
                                    alm_arena *arena);
/* `count` (at least 1) further requests of a caller who was let in, all or none: ALLOWED, REQUESTS,
 * or ABOVE_BURST, when his bucket never holds so many and the one that was let in. */
alm_access_verdict alm_access_take(alm_access *access, const alm_identity *identity, uint32_t count,
                                   uint64_t now_ns, alm_arena *arena);

#endif
