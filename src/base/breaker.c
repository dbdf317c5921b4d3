#include "base/breaker.h"

#include <string.h>

static void hold(alm_breaker *b)
{
    while (atomic_flag_test_and_set_explicit(&b->busy, memory_order_acquire)) {
    }
}

static void release(alm_breaker *b)
{
    atomic_flag_clear_explicit(&b->busy, memory_order_release);
}

void alm_breaker_init(alm_breaker *b, const alm_breaker_rule *rule)
{
    alm_assert(rule->window_ms == 0 || rule->calls_min > 0);
    b->rule = *rule;
    b->state = ALM_BREAKER_CLOSED;
    b->failed = 0;
    b->opened = 0;
    memset(b->tenth, 0, sizeof(b->tenth));
    atomic_flag_clear(&b->busy);
}

bool alm_breaker_enter(alm_breaker *b, alm_instant now, uint64_t *wait_ms)
{
    bool allowed = true;
    hold(b);
    *wait_ms = 0;
    if (b->state != ALM_BREAKER_CLOSED) {
        int64_t open_us = (int64_t)b->rule.open_ms * 1000;
        int64_t passed = now - b->opened;
        bool over = passed < 0 || passed >= open_us;
        allowed = b->state == ALM_BREAKER_OPEN && over;
        *wait_ms = over ? 0 : (uint64_t)(open_us - passed + 999) / 1000;
    }
    if (allowed && b->state == ALM_BREAKER_OPEN) {
        b->state = ALM_BREAKER_HALF_OPEN;
    }
    release(b);
    return allowed;
}

/* ---- the window ---- */

static int64_t number_of(const alm_breaker *b, alm_instant now)
{
    int64_t tenth_us = (int64_t)b->rule.window_ms * 1000 / ALM_BREAKER_TENTHS;
    return now / (tenth_us > 0 ? tenth_us : 1);
}

static void count(alm_breaker *b, int64_t number, alm_call_outcome outcome)
{
    int64_t at = number % ALM_BREAKER_TENTHS;
    alm_breaker_tenth *tenth = &b->tenth[at < 0 ? at + ALM_BREAKER_TENTHS : at];
    if (tenth->number != number) {
        *tenth = (alm_breaker_tenth){.number = number};
    }
    tenth->calls++;
    tenth->failed += outcome == ALM_CALL_FAILED;
    tenth->slow += outcome == ALM_CALL_SLOW;
}

static bool is_share_reached(const alm_breaker *b, int64_t number)
{
    uint64_t calls = 0;
    uint64_t failed = 0;
    uint64_t slow = 0;
    for (size_t i = 0; i < ALM_BREAKER_TENTHS; i++) {
        const alm_breaker_tenth *tenth = &b->tenth[i];
        /* Behind `number`: of a clock that was set back since. */
        if (tenth->number <= number && tenth->number > number - ALM_BREAKER_TENTHS) {
            calls += tenth->calls;
            failed += tenth->failed;
            slow += tenth->slow;
        }
    }
    const alm_breaker_rule *rule = &b->rule;
    return calls >= rule->calls_min &&
           ((rule->failed_share > 0 && (double)failed >= rule->failed_share * (double)calls) ||
            (rule->slow_share > 0 && (double)slow >= rule->slow_share * (double)calls));
}

static bool must_open(alm_breaker *b, alm_instant now, alm_call_outcome outcome)
{
    const alm_breaker_rule *rule = &b->rule;
    if (b->state != ALM_BREAKER_CLOSED) {
        return true; /* the try failed, or a call that began before it */
    }
    if (rule->in_a_row > 0 && b->failed >= rule->in_a_row) {
        return true;
    }
    return rule->window_ms > 0 && outcome != ALM_CALL_GOOD &&
           is_share_reached(b, number_of(b, now));
}

void alm_breaker_leave(alm_breaker *b, alm_instant now, alm_call_outcome outcome)
{
    bool never = b->rule.in_a_row == 0 && b->rule.window_ms == 0;
    if (outcome == ALM_CALL_SLOW && b->rule.slow_share <= 0) {
        outcome = ALM_CALL_GOOD;
    }
    hold(b);
    b->failed = outcome == ALM_CALL_FAILED ? b->failed + (b->failed < UINT32_MAX) : 0;
    if (b->state == ALM_BREAKER_CLOSED && b->rule.window_ms > 0) {
        count(b, number_of(b, now), outcome);
    }
    if (outcome == ALM_CALL_GOOD && b->state != ALM_BREAKER_CLOSED) {
        b->state = ALM_BREAKER_CLOSED;
        memset(b->tenth, 0, sizeof(b->tenth));
    } else if (outcome != ALM_CALL_GOOD && !never && must_open(b, now, outcome)) {
        b->state = ALM_BREAKER_OPEN;
        b->opened = now;
    }
    release(b);
}

alm_breaker_state alm_breaker_state_of(alm_breaker *b)
{
    hold(b);
    alm_breaker_state state = b->state;
    release(b);
    return state;
}

const char *alm_breaker_state_text(alm_breaker_state state)
{
    static const char *const TEXTS[] = {"closed", "open", "half_open"};
    return TEXTS[state];
}
