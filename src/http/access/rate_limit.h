/* rate_limit.h: one token bucket per client, over all workers.
 *
 * A bucket holds at most `burst` requests and gains `requests` per window, continuously. Levels are
 * kept in units of 1/(requests per window in nanoseconds): a nanosecond brings `requests` units, a
 * request costs the window's nanoseconds. So all of it is whole numbers and nothing drifts: over
 * any time t a client gets at most burst + requests * t / window.
 *
 * The table is bounded: sets of seven clients, chosen by a keyed hash (nobody can choose whom he
 * meets). Only a full bucket is ever dropped, which loses nothing, because a client that is not
 * known has a full one. When a newcomer finds seven buckets that are not full he shares an eighth
 * with all other newcomers of the set until one is: a flood of made-up clients limits itself, and
 * can reset nobody's bucket.
 *
 * Time is the caller's, of one monotonic clock; a call that comes late with an older time counts as
 * no time passed. Thread safety: any; a set is held for some dozens of nanoseconds. */
#ifndef ALM_HTTP_ACCESS_RATE_LIMIT_H
#define ALM_HTTP_ACCESS_RATE_LIMIT_H

#include "base/str.h"

#define ALM_RATE_REQUESTS_MAX 1000000
#define ALM_RATE_WINDOW_S_MAX 3600
#define ALM_RATE_CLIENTS_MAX ((size_t)1 << 24)
#define ALM_RATE_TEXT_BYTES 64

typedef struct alm_rate_limit alm_rate_limit;

typedef struct alm_rate_rule {
    uint32_t requests; /* 1 to ALM_RATE_REQUESTS_MAX */
    uint32_t window_s; /* 1 to ALM_RATE_WINDOW_S_MAX */
    uint32_t burst;    /* 0: as `requests`; at most ALM_RATE_REQUESTS_MAX */
    size_t clients;    /* how many the table has room for, about; 1 to ALM_RATE_CLIENTS_MAX */
} alm_rate_rule;

/* What the headers say (draft-ietf-httpapi-ratelimit-headers-11). */
typedef struct alm_rate_figures {
    bool allowed;
    uint32_t requests; /* of the rule */
    uint32_t window_s;
    uint32_t remaining;     /* whole requests that could come now */
    uint32_t reset_s;       /* until the bucket is full, rounded up */
    uint32_t retry_after_s; /* until the next request is allowed, rounded up; 0: now */
} alm_rate_figures;

/* alm_secret_start (secret.h) was called. ALM_ERR_INVALID for a rule out of its bounds. */
ALM_NODISCARD alm_err alm_rate_limit_create(const alm_rate_rule *rule, alm_rate_limit **out,
                                            alm_error *error);
void alm_rate_limit_destroy(alm_rate_limit *limit); /* takes NULL */

/* Takes one request from the client's bucket, if there is one. */
alm_rate_figures alm_rate_limit_take(alm_rate_limit *limit, alm_str client, uint64_t now_ns);
/* Takes all of `count` requests, 1 to alm_rate_limit_burst, or none. */
alm_rate_figures alm_rate_limit_take_many(alm_rate_limit *limit, alm_str client, uint32_t count,
                                          uint64_t now_ns);
uint32_t alm_rate_limit_burst(const alm_rate_limit *limit); /* what a full bucket holds */
/* The same figures without taking; `allowed` tells whether a take would be. */
alm_rate_figures alm_rate_limit_peek(alm_rate_limit *limit, alm_str client, uint64_t now_ns);

/* Values of the headers: RateLimit-Policy `"default";q=500;w=60` and RateLimit
 * `"default";r=499;t=1`. Both return `out`. */
const char *alm_rate_policy_text(const alm_rate_figures *figures, char out[ALM_RATE_TEXT_BYTES]);
const char *alm_rate_state_text(const alm_rate_figures *figures, char out[ALM_RATE_TEXT_BYTES]);

#endif
