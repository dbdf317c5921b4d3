/* rate_limit.c: buckets in sets of 256 bytes, each with its own short lock. */
#include "http/access/rate_limit.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "http/access/secret.h"

#define WAYS 7
#define SECOND UINT64_C(1000000000)
#define SPINS_BEFORE_YIELD 64

/* level <= capacity <= ALM_RATE_REQUESTS_MAX * ALM_RATE_WINDOW_S_MAX * 10^9 < 2^62 */
_Static_assert((UINT64_C(1) << 62) / SECOND >
                   (uint64_t)ALM_RATE_REQUESTS_MAX * ALM_RATE_WINDOW_S_MAX,
               "a level fits");

typedef struct rate_bucket {
    uint64_t level; /* units */
    uint64_t seen_ns;
} rate_bucket;

typedef struct rate_client {
    alm_short_hash who; /* both parts 0: free */
    rate_bucket bucket;
} rate_client;

typedef struct rate_set {
    _Alignas(64) atomic_flag busy;
    bool has_newcomers; /* else `newcomers` is full */
    rate_bucket newcomers;
    rate_client clients[WAYS];
} rate_set;

struct alm_rate_limit {
    uint8_t key[ALM_SHORT_HASH_KEY_BYTES];
    alm_rate_rule rule;
    uint64_t cost;     /* units of one request: the window in nanoseconds */
    uint64_t capacity; /* units of a full bucket */
    uint64_t set_count; /* a power of two */
    rate_set *sets;
};

alm_err alm_rate_limit_create(const alm_rate_rule *rule, alm_rate_limit **out, alm_error *error)
{
    if (rule->requests < 1 || rule->requests > ALM_RATE_REQUESTS_MAX || rule->window_s < 1 ||
        rule->window_s > ALM_RATE_WINDOW_S_MAX || rule->burst > ALM_RATE_REQUESTS_MAX ||
        rule->clients < 1 || rule->clients > ALM_RATE_CLIENTS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "a rate limit needs 1 to %d requests in 1 to %d seconds, a burst of at "
                        "most %d and room for 1 to %zu clients", ALM_RATE_REQUESTS_MAX,
                        ALM_RATE_WINDOW_S_MAX, ALM_RATE_REQUESTS_MAX, ALM_RATE_CLIENTS_MAX);
    }
    uint64_t sets = 1;
    while (sets * WAYS < rule->clients) {
        sets *= 2;
    }
    void *memory = NULL;
    size_t head = (sizeof(alm_rate_limit) + 63) / 64 * 64;
    ALM_TRY(alm_heap_try(head + sets * sizeof(rate_set), &memory, error));
    alm_rate_limit *limit = memory;
    limit->sets = (rate_set *)((char *)memory + head);
    limit->rule = *rule;
    limit->rule.burst = rule->burst ? rule->burst : rule->requests;
    limit->cost = rule->window_s * SECOND;
    limit->capacity = limit->rule.burst * limit->cost;
    limit->set_count = sets;
    alm_secret_random(limit->key, sizeof limit->key);
    for (uint64_t i = 0; i < sets; i++) {
        atomic_flag_clear(&limit->sets[i].busy);
    }
    *out = limit;
    return ALM_OK;
}

void alm_rate_limit_destroy(alm_rate_limit *limit)
{
    if (limit) {
        alm_secret_wipe(limit->key, sizeof limit->key);
        alm_heap_free(limit);
    }
}

/* What the bucket holds now. */
static uint64_t level_at(const alm_rate_limit *limit, const rate_bucket *bucket, uint64_t now_ns)
{
    uint64_t missing = limit->capacity - bucket->level;
    uint64_t gained = 0;
    if (now_ns > bucket->seen_ns &&
        (__builtin_mul_overflow(now_ns - bucket->seen_ns, limit->rule.requests, &gained) ||
         gained > missing)) {
        gained = missing;
    }
    return bucket->level + gained;
}

static void hold(rate_set *set)
{
    for (int spins = 0; atomic_flag_test_and_set_explicit(&set->busy, memory_order_acquire);) {
        if (++spins >= SPINS_BEFORE_YIELD) {
            (void)sched_yield(); /* whoever holds it may be waiting for this processor */
        }
    }
}

static void release(rate_set *set)
{
    atomic_flag_clear_explicit(&set->busy, memory_order_release);
}

/* The client's bucket; `claim` gives it a place when it has none and there is one. NULL: it has
 * none, so it is full. */
static rate_bucket *find(alm_rate_limit *limit, rate_set *set, const alm_short_hash *who,
                         uint64_t now_ns, bool claim)
{
    rate_client *place = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        rate_client *client = &set->clients[i];
        if (client->who.part[0] == who->part[0] && client->who.part[1] == who->part[1]) {
            return &client->bucket;
        }
        bool is_free = client->who.part[0] == 0 && client->who.part[1] == 0;
        if (!place &&
            (is_free || level_at(limit, &client->bucket, now_ns) == limit->capacity)) {
            place = client;
        }
    }
    if (place && claim) {
        *place = (rate_client){*who, {limit->capacity, now_ns}};
        return &place->bucket;
    }
    if (place) {
        return NULL;
    }
    if (!set->has_newcomers) {
        set->has_newcomers = true;
        set->newcomers = (rate_bucket){limit->capacity, now_ns};
    }
    return &set->newcomers;
}

static uint32_t seconds_for(const alm_rate_limit *limit, uint64_t units)
{
    uint64_t per_second = limit->rule.requests * SECOND;
    uint64_t seconds = units / per_second + (units % per_second != 0);
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

static alm_rate_figures ask(alm_rate_limit *limit, alm_str name, uint32_t count, uint64_t now_ns,
                            bool take)
{
    uint64_t cost = count * limit->cost;
    alm_short_hash who = alm_secret_short_hash(limit->key, name.data, name.size);
    rate_set *set = &limit->sets[who.part[0] & (limit->set_count - 1)];
    if (who.part[0] == 0 && who.part[1] == 0) {
        who.part[1] = 1;
    }
    hold(set);
    rate_bucket *bucket = find(limit, set, &who, now_ns, take);
    uint64_t level = bucket ? level_at(limit, bucket, now_ns) : limit->capacity;
    bool allowed = level >= cost;
    if (take) {
        level -= allowed ? cost : 0;
        bucket->level = level;
        bucket->seen_ns = now_ns > bucket->seen_ns ? now_ns : bucket->seen_ns;
    }
    release(set);
    return (alm_rate_figures){
        .allowed = allowed,
        .requests = limit->rule.requests,
        .window_s = limit->rule.window_s,
        .remaining = (uint32_t)(level / limit->cost),
        .reset_s = seconds_for(limit, limit->capacity - level),
        .retry_after_s = allowed ? 0 : seconds_for(limit, cost - level),
    };
}

alm_rate_figures alm_rate_limit_take(alm_rate_limit *limit, alm_str client, uint64_t now_ns)
{
    return ask(limit, client, 1, now_ns, true);
}

alm_rate_figures alm_rate_limit_take_many(alm_rate_limit *limit, alm_str client, uint32_t count,
                                          uint64_t now_ns)
{
    alm_assert(count >= 1 && count <= limit->rule.burst);
    return ask(limit, client, count, now_ns, true);
}

uint32_t alm_rate_limit_burst(const alm_rate_limit *limit)
{
    return limit->rule.burst;
}

alm_rate_figures alm_rate_limit_peek(alm_rate_limit *limit, alm_str client, uint64_t now_ns)
{
    return ask(limit, client, 1, now_ns, false);
}

/* `"default";A=first;B=second`, without printf: it stands in every reply. */
static const char *rate_text(char a, uint32_t first, char b, uint32_t second,
                             char out[ALM_RATE_TEXT_BYTES])
{
    static const char NAME[] = "\"default\";";
    char *at = out + sizeof NAME - 1;
    memcpy(out, NAME, sizeof NAME - 1);
    *at++ = a;
    *at++ = '=';
    at += alm_u64_text(first, at);
    *at++ = ';';
    *at++ = b;
    *at++ = '=';
    (void)alm_u64_text(second, at);
    return out;
}

const char *alm_rate_policy_text(const alm_rate_figures *figures, char out[ALM_RATE_TEXT_BYTES])
{
    return rate_text('q', figures->requests, 'w', figures->window_s, out);
}

const char *alm_rate_state_text(const alm_rate_figures *figures, char out[ALM_RATE_TEXT_BYTES])
{
    return rate_text('r', figures->remaining, 't', figures->reset_s, out);
}
