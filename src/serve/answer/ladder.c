#include "serve/answer/ladder.h"

#include <string.h>

const char *alm_ladder_by_text(alm_ladder_by by)
{
    static const char *const TEXTS[] = {
#define TEXT(name, text) text,
        ALM_LADDER_BY_MAP(TEXT)};
    return TEXTS[by];
}

const char *alm_ladder_why_text(alm_ladder_why why)
{
    static const char *const TEXTS[] = {ALM_LADDER_WHY_MAP(TEXT)};
#undef TEXT
    return TEXTS[why];
}

static uint64_t now_of(const alm_ladder *ladder)
{
    return ladder->clock.now_ns(ladder->clock.context);
}

/* At most `size` bytes, cut at a character. */
static void copy_detail(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    memcpy(out, text, length);
    out[length] = '\0';
}

static void add_miss(alm_ladder_outcome *out, alm_ladder_by by, alm_ladder_why why,
                     const char *detail)
{
    alm_ladder_miss *miss = &out->miss[out->misses++];
    miss->by = by;
    miss->why = why;
    copy_detail(miss->detail, sizeof(miss->detail), detail);
    if (out->misses == 1) {
        out->why = why;
    }
}

/* ---- one step ---- */

typedef struct turn {
    const alm_ladder *ladder;
    const alm_ladder_step *step;
    uint64_t until;
    alm_ladder_outcome *out;
    alm_error error;
    alm_err code; /* of the caller's own error */
} turn;

static alm_ladder_why why_of(alm_step_result result)
{
    switch (result) {
    case ALM_STEP_ABSENT:
        return ALM_LADDER_WHY_ABSENT;
    case ALM_STEP_STALE:
        return ALM_LADDER_WHY_STALE;
    case ALM_STEP_LATE:
        return ALM_LADDER_WHY_LATE;
    default:
        return ALM_LADDER_WHY_FAILED;
    }
}

static alm_call_outcome health_of(const turn *t, alm_step_result result, uint64_t took, bool late)
{
    if (result == ALM_STEP_FAILED || result == ALM_STEP_LATE ||
        (result == ALM_STEP_ANSWERED && late)) {
        return ALM_CALL_FAILED;
    }
    return t->step->slow_ns > 0 && took > t->step->slow_ns ? ALM_CALL_SLOW : ALM_CALL_GOOD;
}

/* May it be asked? Else the reason is noted. */
static bool may_ask(turn *t, uint64_t now)
{
    const alm_ladder_step *step = t->step;
    uint64_t wait_ms = 0;
    if (!step->is_allowed) {
        add_miss(t->out, step->by, ALM_LADDER_WHY_NOT_ALLOWED, "");
        return false;
    }
    if (now >= t->until) {
        add_miss(t->out, step->by, ALM_LADDER_WHY_NO_TIME, "");
        return false;
    }
    if (step->breaker && !alm_breaker_enter(step->breaker, (alm_instant)(now / 1000), &wait_ms)) {
        add_miss(t->out, step->by, ALM_LADDER_WHY_BREAKER, "");
        if (t->out->retry_ms == 0 || wait_ms < t->out->retry_ms) {
            t->out->retry_ms = wait_ms > 0 ? wait_ms : 1;
        }
        return false;
    }
    return true;
}

/* True: there is an answer, or the caller's own error in `code`. */
static bool ask(turn *t)
{
    const alm_ladder_step *step = t->step;
    uint64_t began = now_of(t->ladder);
    if (!may_ask(t, began)) {
        return false;
    }
    alm_error_clear(&t->error);
    alm_step_result result = step->run(step->context, t->until, &t->error);
    uint64_t ended = now_of(t->ladder);
    bool late = ended > t->until;
    if (step->breaker) {
        alm_breaker_leave(step->breaker, (alm_instant)(ended / 1000),
                          health_of(t, result, ended > began ? ended - began : 0, late));
    }
    if (result == ALM_STEP_CALLER) {
        alm_assert(t->error.code != ALM_OK);
        t->code = t->error.code;
        return true;
    }
    if (result == ALM_STEP_ANSWERED) {
        t->out->by = step->by;
        t->out->is_late = late;
        return true;
    }
    add_miss(t->out, step->by, why_of(result), t->error.message);
    return false;
}

/* ---- all ---- */

static alm_err refuse(const alm_ladder_outcome *out, alm_error *error)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < out->misses; i++) {
        const alm_ladder_miss *miss = &out->miss[i];
        alm_buffer_printf(&text, "%s%s: %s%s%s", i ? "; " : "", alm_ladder_by_text(miss->by),
                          alm_ladder_why_text(miss->why), miss->detail[0] ? ", " : "",
                          miss->detail);
    }
    alm_err code = alm_fail(error, ALM_ERR_UNAVAILABLE, "nothing can answer now (%s)",
                            text.data ? text.data : "no step");
    alm_buffer_deinit(&text);
    return code;
}

alm_err alm_ladder_run(const alm_ladder *ladder, alm_ladder_outcome *out, alm_error *error)
{
    alm_assert(ladder->steps <= ALM_LADDER_STEPS_MAX);
    memset(out, 0, sizeof(*out));
    out->by = ALM_LADDER_REFUSED;
    uint64_t now = now_of(ladder);
    uint64_t start = now > ladder->spent_ns ? now - ladder->spent_ns : 0;
    turn t = {.ladder = ladder, .out = out};
    double share = 0;
    for (size_t i = 0; i < ladder->steps; i++) {
        t.step = &ladder->step[i];
        share += t.step->share;
        double part = (double)ladder->deadline_ns * (share < 1 ? share : 1);
        t.until = start + (uint64_t)part;
        if (!ask(&t)) {
            continue;
        }
        if (t.code != ALM_OK) {
            if (error) {
                *error = t.error;
            }
            return t.code;
        }
        if (ladder->clamp) {
            out->clamped = ladder->clamp(ladder->clamp_context, out->by);
        }
        out->retry_ms = 0;
        return ALM_OK;
    }
    return refuse(out, error);
}
