/* ladder.h: who answers when the first one cannot, as a state machine without clock or state.
 *
 *            not allowed, nothing there, breaker open, no time left
 *          +--------------------------------------------------------+
 *          |                                                        v
 *   step n + --- asked --- failed, stale, gave up in time -------> step n + 1 ... -> refused
 *                 |
 *                 +--- answered --> hard limits --> the answer, with who and why
 *                 +--- the caller's own error ----> that error; no step below is asked
 *
 * The order is that of the array. Usual are
 *   a computation: model, previous (the release promoted before, kept warm), batch (the committed
 *     run), rule;
 *   committed numbers: batch, previous (its committed run), rule.
 *
 * Time. Step n may take until start + deadline x (share 1 + ... + share n): what a step leaves goes
 * to the next ones. Of a request that has waited the start lies as far back. Steps are called in
 * the caller's thread: they are told their time, and give up when it is over (LATE). A step whose
 * time is over before it begins is not asked. An answer that comes too late all the same is given
 * out, and says so (`is_late`): the time is spent, so that a lesser answer from below would gain
 * nothing. The breaker counts it as a failure.
 *
 * A breaker (base/breaker.h) learns from what its step did: failed and late are failures, slower
 * than `slow_ns` as slow; the caller's own error, a stale answer and an empty step say nothing
 * about its health and count as good. */
#ifndef ALM_SERVE_LADDER_H
#define ALM_SERVE_LADDER_H

#include "base/breaker.h"
#include "project/deployment_spec.h"

/* X(name, text): who answered */
#define ALM_LADDER_BY_MAP(X)   \
    X(MODEL, "model")          \
    X(PREVIOUS, "previous")    \
    X(BATCH, "batch")          \
    X(RULE, "rule")            \
    X(REFUSED, "refused")

typedef enum alm_ladder_by {
#define ALM_LADDER_BY_ENUM(name, text) ALM_LADDER_##name,
    ALM_LADDER_BY_MAP(ALM_LADDER_BY_ENUM)
#undef ALM_LADDER_BY_ENUM
} alm_ladder_by;

/* X(name, text): why a step did not */
#define ALM_LADDER_WHY_MAP(X)            \
    X(ASKED, "asked_for")                \
    X(NOT_ALLOWED, "not_allowed")        \
    X(ABSENT, "not_there")               \
    X(STALE, "too_old")                  \
    X(FAILED, "failed")                  \
    X(LATE, "too_late")                  \
    X(BREAKER, "breaker_open")           \
    X(NO_TIME, "no_time_left")

typedef enum alm_ladder_why {
#define ALM_LADDER_WHY_ENUM(name, text) ALM_LADDER_WHY_##name,
    ALM_LADDER_WHY_MAP(ALM_LADDER_WHY_ENUM)
#undef ALM_LADDER_WHY_ENUM
} alm_ladder_why;

const char *alm_ladder_by_text(alm_ladder_by by);
const char *alm_ladder_why_text(alm_ladder_why why);

typedef enum alm_step_result {
    ALM_STEP_ANSWERED,
    ALM_STEP_ABSENT, /* no model is loaded, no run is in force */
    ALM_STEP_STALE,  /* what is there is too old */
    ALM_STEP_FAILED,
    ALM_STEP_LATE,   /* it gave up when its time was over */
    ALM_STEP_CALLER  /* the caller's own error: unknown node, horizon too long */
} alm_step_result;

typedef struct alm_ladder_step {
    alm_ladder_by by;
    bool is_allowed;      /* by the route */
    double share;         /* of the deadline */
    uint64_t slow_ns;     /* for the breaker; 0: never slow */
    alm_breaker *breaker; /* NULL: none */
    /* Writes its answer to where `context` says only when it answers; else *error says why. */
    alm_step_result (*run)(void *context, uint64_t until_ns, alm_error *error);
    void *context;
} alm_ladder_step;

typedef struct alm_ladder_clock { /* monotonic */
    uint64_t (*now_ns)(void *context);
    void *context;
} alm_ladder_clock;

typedef struct alm_ladder {
    const alm_ladder_step *step;
    size_t steps; /* at most ALM_LADDER_STEPS_MAX */
    uint64_t deadline_ns; /* for all of them, from the call on */
    uint64_t spent_ns;    /* of the deadline, before the call */
    alm_ladder_clock clock;
    /* Hard limits on the answer that is given out; returns how many numbers it changed. NULL:
     * none. */
    size_t (*clamp)(void *context, alm_ladder_by by);
    void *clamp_context;
} alm_ladder;

#define ALM_LADDER_STEPS_MAX 4
#define ALM_LADDER_DETAIL_BYTES 160

typedef struct alm_ladder_miss { /* a step that did not answer */
    alm_ladder_by by;
    alm_ladder_why why;
    char detail[ALM_LADDER_DETAIL_BYTES]; /* the step's own words; empty: none */
} alm_ladder_miss;

typedef struct alm_ladder_outcome {
    alm_ladder_by by;
    alm_ladder_why why; /* of the first miss; ASKED: the first step answered */
    bool is_late;       /* the answer came after its step's time */
    alm_ladder_miss miss[ALM_LADDER_STEPS_MAX];
    size_t misses;
    size_t clamped;
    uint64_t retry_ms; /* refused: when a breaker lets one try; 0: not known */
} alm_ladder_outcome;

/* ALM_OK: somebody answered. ALM_ERR_UNAVAILABLE: nobody did, *error tells each one's reason. Any
 * other code: the caller's own error. *out is set in all three cases. */
ALM_NODISCARD alm_err alm_ladder_run(const alm_ladder *ladder, alm_ladder_outcome *out,
                                     alm_error *error);

#endif
