/* remote_breaker.h: whether a server is asked at all, and whether once more; for this folder only.
 *
 * Breaker. Closed: calls are made; `failures` of them that fail in a row open it. Open: no call is
 * made for `open_ms`. Then half open: one call tries, the others are still refused; its success
 * closes the breaker, its failure opens it again for the same time. A clock that was set back
 * counts as time that has passed.
 *
 * Budget of retries, a token bucket: every call puts `retry_percent` hundredths of a token in, a
 * retry takes one. It begins with ALMI_RETRY_TOKENS and holds no more, so in the long run retries
 * are at most that share of the calls: a server that is down is not asked several times as often.
 *
 * The clock is the caller's, in microseconds. Any thread. */
#ifndef ALM_MODEL_BACKEND_REMOTE_BREAKER_H
#define ALM_MODEL_BACKEND_REMOTE_BREAKER_H

#include <stdatomic.h>

#include "base/date.h"

#define ALMI_RETRY_TOKENS 10

typedef struct almi_breaker_rule {
    uint32_t failures; /* 0: never opens */
    uint32_t open_ms;
    uint32_t retry_percent;
} almi_breaker_rule;

typedef enum almi_breaker_state {
    ALMI_BREAKER_CLOSED,
    ALMI_BREAKER_OPEN,
    ALMI_BREAKER_HALF_OPEN /* a call tries */
} almi_breaker_state;

typedef struct almi_breaker {
    almi_breaker_rule rule;
    atomic_flag busy; /* held for a few instructions */
    almi_breaker_state state;
    uint32_t failed; /* in a row */
    alm_instant opened;
    uint64_t tokens; /* hundredths */
} almi_breaker;

void almi_breaker_init(almi_breaker *breaker, const almi_breaker_rule *rule);
/* May a call be made? Then almi_breaker_leave must follow. Else *wait_ms until one may try. */
bool almi_breaker_enter(almi_breaker *breaker, alm_instant now, uint64_t *wait_ms);
void almi_breaker_leave(almi_breaker *breaker, alm_instant now, bool healthy);
bool almi_breaker_may_retry(almi_breaker *breaker); /* takes a token if there is one */

#endif
