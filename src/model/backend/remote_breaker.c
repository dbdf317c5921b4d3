#include "model/backend/remote_breaker.h"

static void hold(almi_breaker *b)
{
    while (atomic_flag_test_and_set_explicit(&b->busy, memory_order_acquire)) {
    }
}

static void release(almi_breaker *b)
{
    atomic_flag_clear_explicit(&b->busy, memory_order_release);
}

void almi_breaker_init(almi_breaker *b, const almi_breaker_rule *rule)
{
    b->rule = *rule;
    b->state = ALMI_BREAKER_CLOSED;
    b->failed = 0;
    b->opened = 0;
    b->tokens = ALMI_RETRY_TOKENS * 100;
    atomic_flag_clear(&b->busy);
}

bool almi_breaker_enter(almi_breaker *b, alm_instant now, uint64_t *wait_ms)
{
    bool allowed = true;
    hold(b);
    *wait_ms = 0;
    if (b->state != ALMI_BREAKER_CLOSED) {
        int64_t open_us = (int64_t)b->rule.open_ms * 1000;
        int64_t passed = now - b->opened;
        bool over = passed < 0 || passed >= open_us;
        allowed = b->state == ALMI_BREAKER_OPEN && over;
        *wait_ms = over ? 0 : (uint64_t)(open_us - passed + 999) / 1000;
    }
    if (allowed) {
        b->state = b->state == ALMI_BREAKER_OPEN ? ALMI_BREAKER_HALF_OPEN : b->state;
        b->tokens += b->rule.retry_percent;
        b->tokens = b->tokens > ALMI_RETRY_TOKENS * 100 ? ALMI_RETRY_TOKENS * 100 : b->tokens;
    }
    release(b);
    return allowed;
}

void almi_breaker_leave(almi_breaker *b, alm_instant now, bool healthy)
{
    hold(b);
    if (healthy) {
        b->state = ALMI_BREAKER_CLOSED;
        b->failed = 0;
    } else if (b->rule.failures > 0) {
        b->failed += b->failed < b->rule.failures;
        if (b->failed >= b->rule.failures) {
            b->state = ALMI_BREAKER_OPEN;
            b->opened = now;
        }
    }
    release(b);
}

bool almi_breaker_may_retry(almi_breaker *b)
{
    hold(b);
    bool may = b->tokens >= 100;
    b->tokens -= may ? 100 : 0;
    release(b);
    return may;
}
