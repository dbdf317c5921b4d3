/* breaker.h: whether something that may fail is asked at all.
 *
 * Closed: calls are made. What opens it (each rule may be off):
 *   in_a_row      so many calls that fail one after the other;
 *   failed_share  of the calls of the last `window_ms`, once there are `calls_min` of them;
 *   slow_share    the same of those that were slow (a call that failed is not slow as well).
 * Open: no call is made for `open_ms`. Then half open: one call tries, the others are still
 * refused; a good one closes the breaker and forgets the window, any other opens it again for the
 * same time. Slow calls are good ones where `slow_share` is off. A clock that was set back counts
 * as time that has passed.
 *
 * The window moves in tenths: a call counts for at least .9 and at most 1 of `window_ms`.
 *
 * The clock is the caller's, in microseconds since anything. Any thread; a breaker is held for a
 * few instructions and never waits for a call. */
#ifndef ALM_BASE_BREAKER_H
#define ALM_BASE_BREAKER_H

#include <stdatomic.h>

#include "base/date.h"

#define ALM_BREAKER_TENTHS 10

typedef struct alm_breaker_rule {
    uint32_t in_a_row; /* 0: off */
    uint32_t open_ms;
    uint32_t window_ms;  /* 0: no shares */
    uint32_t calls_min;  /* at least 1 with a window */
    double failed_share; /* above 0 to 1; 0: off */
    double slow_share;
} alm_breaker_rule;

typedef enum alm_breaker_state {
    ALM_BREAKER_CLOSED,
    ALM_BREAKER_OPEN,
    ALM_BREAKER_HALF_OPEN /* a call tries */
} alm_breaker_state;

typedef enum alm_call_outcome { ALM_CALL_GOOD, ALM_CALL_SLOW, ALM_CALL_FAILED } alm_call_outcome;

typedef struct alm_breaker_tenth {
    int64_t number; /* of the tenth of a window since the clock's zero */
    uint32_t calls, failed, slow;
} alm_breaker_tenth;

typedef struct alm_breaker {
    alm_breaker_rule rule;
    atomic_flag busy;
    alm_breaker_state state;
    uint32_t failed; /* in a row */
    alm_instant opened;
    alm_breaker_tenth tenth[ALM_BREAKER_TENTHS];
} alm_breaker;

void alm_breaker_init(alm_breaker *breaker, const alm_breaker_rule *rule);
/* May a call be made? Then alm_breaker_leave must follow. Else *wait_ms until one may try. */
bool alm_breaker_enter(alm_breaker *breaker, alm_instant now, uint64_t *wait_ms);
void alm_breaker_leave(alm_breaker *breaker, alm_instant now, alm_call_outcome outcome);
alm_breaker_state alm_breaker_state_of(alm_breaker *breaker);
const char *alm_breaker_state_text(alm_breaker_state state); /* "half_open" */

#endif
