/* Each step is tested by breaking the one above it, in every way in which it can break. */
#include "serve/answer/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000u

typedef struct actor {
    struct stage *stage;
    alm_step_result result;
    alm_err code;
    uint64_t takes_ns;
    int asked;
    uint64_t until; /* as told */
    double value;
} actor;

typedef struct stage {
    uint64_t now;
    actor actor[4];
    alm_ladder_step step[4];
    alm_ladder ladder;
    alm_ladder_outcome out;
    alm_error error;
    double value; /* the answer */
    double limit;
} stage;

static uint64_t stage_now(void *context)
{
    return ((stage *)context)->now;
}

static alm_step_result act(void *context, uint64_t until_ns, alm_error *error)
{
    actor *a = context;
    a->asked++;
    a->until = until_ns;
    a->stage->now += a->takes_ns;
    if (a->result == ALM_STEP_ANSWERED) {
        a->stage->value = a->value;
    } else {
        (void)alm_fail(error, a->code, "actor %d", (int)a->value);
    }
    return a->result;
}

static size_t clamp(void *context, alm_ladder_by by)
{
    stage *s = context;
    assert_int_not_equal(by, ALM_LADDER_REFUSED);
    bool above = s->value > s->limit;
    s->value = above ? s->limit : s->value;
    return above;
}

/* Model, previous, batch and rule; all answer, with 1, 2, 3 and 4. */
static void set(stage *s)
{
    static const double SHARES[] = {0.6, 0.2, 0.1, 0.1};
    memset(s, 0, sizeof(*s));
    s->now = 77;
    s->limit = 100;
    for (int i = 0; i < 4; i++) {
        s->actor[i] = (actor){.stage = s, .result = ALM_STEP_ANSWERED, .takes_ns = 1000,
                              .code = ALM_ERR_IO, .value = i + 1};
        s->step[i] = (alm_ladder_step){.by = (alm_ladder_by)i, .is_allowed = true,
                                       .share = SHARES[i], .run = act, .context = &s->actor[i]};
    }
    s->ladder = (alm_ladder){.step = s->step, .steps = 4, .deadline_ns = 100 * MS,
                             .clock = {stage_now, s}, .clamp = clamp, .clamp_context = s};
}

static alm_err run(stage *s)
{
    s->value = 0;
    return alm_ladder_run(&s->ladder, &s->out, &s->error);
}

static void expect(stage *s, alm_ladder_by by, alm_ladder_why why)
{
    assert_int_equal(run(s), ALM_OK);
    assert_int_equal(s->out.by, by);
    assert_int_equal(s->out.why, why);
    assert_int_equal(s->out.misses, by);
    assert_true(s->value == (int)by + 1);
    for (size_t i = by + 1u; i < 4; i++) {
        assert_int_equal(s->actor[i].asked, 0); /* nobody below is asked */
    }
}

static void the_first_step_answers(void **state)
{
    (void)state;
    stage s;
    set(&s);
    expect(&s, ALM_LADDER_MODEL, ALM_LADDER_WHY_ASKED);
    assert_int_equal(s.actor[0].until, 77 + 60 * MS);
    assert_string_equal(alm_ladder_by_text(s.out.by), "model");
    assert_string_equal(alm_ladder_why_text(s.out.why), "asked_for");
}

typedef void (*breaking)(stage *s, size_t step);

static void not_allowed(stage *s, size_t step)
{
    s->step[step].is_allowed = false;
}
static void absent(stage *s, size_t step)
{
    s->actor[step].result = ALM_STEP_ABSENT;
}
static void stale(stage *s, size_t step)
{
    s->actor[step].result = ALM_STEP_STALE;
}
static void failed(stage *s, size_t step)
{
    s->actor[step].result = ALM_STEP_FAILED;
}
static void late(stage *s, size_t step)
{
    static const uint64_t UNTIL[] = {60 * MS, 80 * MS, 90 * MS, 100 * MS};
    s->actor[step].takes_ns = 77 + UNTIL[step] - s->now;
    s->actor[step].result = ALM_STEP_LATE;
    for (size_t i = 0; i < step; i++) {
        s->actor[i].takes_ns = 0;
    }
}
static alm_breaker breakers[4];
static void open_breaker(stage *s, size_t step)
{
    uint64_t wait;
    alm_breaker_init(&breakers[step], &(alm_breaker_rule){.in_a_row = 1, .open_ms = 1000});
    assert_true(alm_breaker_enter(&breakers[step], 0, &wait));
    alm_breaker_leave(&breakers[step], 0, ALM_CALL_FAILED);
    s->step[step].breaker = &breakers[step];
}

static const struct {
    breaking by;
    alm_ladder_why why;
    bool asks;
} WAYS[] = {{not_allowed, ALM_LADDER_WHY_NOT_ALLOWED, false}, {absent, ALM_LADDER_WHY_ABSENT, true},
            {stale, ALM_LADDER_WHY_STALE, true}, {failed, ALM_LADDER_WHY_FAILED, true},
            {late, ALM_LADDER_WHY_LATE, true}, {open_breaker, ALM_LADDER_WHY_BREAKER, false}};

/* Steps above n all broken in one way: n answers and says why. */
static void each_step_stands_in_for_the_ones_above(void **state)
{
    (void)state;
    for (size_t w = 0; w < sizeof(WAYS) / sizeof(WAYS[0]); w++) {
        for (size_t n = 1; n < 4; n++) {
            stage s;
            set(&s);
            for (size_t i = 0; i < n - 1; i++) {
                not_allowed(&s, i);
            }
            WAYS[w].by(&s, n - 1);
            assert_int_equal(run(&s), ALM_OK);
            assert_int_equal(s.out.by, n);
            assert_int_equal(s.out.misses, n);
            assert_int_equal(s.out.miss[n - 1].why, WAYS[w].why);
            assert_int_equal(s.out.miss[n - 1].by, n - 1);
            assert_int_equal(s.out.why, n > 1 ? ALM_LADDER_WHY_NOT_ALLOWED : WAYS[w].why);
            assert_int_equal(s.actor[n - 1].asked, WAYS[w].asks);
            assert_true(s.value == (double)n + 1);
        }
    }
}

static void when_all_break_it_refuses_with_every_reason(void **state)
{
    (void)state;
    stage s;
    set(&s);
    not_allowed(&s, 1);
    failed(&s, 0);
    stale(&s, 2);
    open_breaker(&s, 3);
    assert_int_equal(run(&s), ALM_ERR_UNAVAILABLE);
    assert_int_equal(s.out.by, ALM_LADDER_REFUSED);
    assert_int_equal(s.out.misses, 4);
    assert_string_equal(s.error.message,
                        "nothing can answer now (model: failed, actor 1; previous: not_allowed; "
                        "batch: too_old, actor 3; rule: breaker_open)");
    assert_int_equal(s.out.retry_ms, 1000);
    s.ladder.steps = 0;
    assert_int_equal(run(&s), ALM_ERR_UNAVAILABLE);
}

static void the_callers_own_error_stops_it(void **state)
{
    (void)state;
    stage s;
    set(&s);
    failed(&s, 0);
    s.actor[1].result = ALM_STEP_CALLER;
    s.actor[1].code = ALM_ERR_NOT_FOUND;
    open_breaker(&s, 2);
    assert_int_equal(run(&s), ALM_ERR_NOT_FOUND);
    assert_string_equal(s.error.message, "actor 2");
    assert_int_equal(s.actor[3].asked, 0);
    assert_int_equal(s.out.by, ALM_LADDER_REFUSED);
    assert_int_equal(s.out.misses, 1);
}

static void what_a_step_leaves_goes_to_the_next(void **state)
{
    (void)state;
    stage s;
    set(&s);
    failed(&s, 0); /* at once */
    s.actor[0].takes_ns = 0;
    s.actor[1].takes_ns = 80 * MS; /* its own share is 20 */
    expect(&s, ALM_LADDER_PREVIOUS, ALM_LADDER_WHY_FAILED);
    assert_int_equal(s.actor[1].until, 77 + 80 * MS);
}

static void a_step_without_time_is_not_asked(void **state)
{
    (void)state;
    stage s;
    set(&s);
    s.actor[0].takes_ns = 85 * MS; /* beyond the end of `previous` too */
    s.actor[0].result = ALM_STEP_LATE;
    assert_int_equal(run(&s), ALM_OK);
    assert_int_equal(s.out.by, ALM_LADDER_BATCH);
    assert_int_equal(s.out.miss[0].why, ALM_LADDER_WHY_LATE);
    assert_int_equal(s.out.miss[1].why, ALM_LADDER_WHY_NO_TIME);
    assert_int_equal(s.actor[1].asked, 0);
    set(&s);
    s.actor[0].takes_ns = 100 * MS;
    s.actor[0].result = ALM_STEP_FAILED;
    assert_int_equal(run(&s), ALM_ERR_UNAVAILABLE); /* a whole deadline is gone */
    assert_int_equal(s.actor[3].asked, 0);
}

/* The time is spent: an answer from below would be no sooner and worth less. */
static void a_late_answer_is_given_out_and_says_so(void **state)
{
    (void)state;
    static const uint64_t TAKES[] = {60 * MS, 60 * MS + 1, 1000 * MS};
    for (size_t i = 0; i < 3; i++) {
        stage s;
        set(&s);
        s.actor[0].takes_ns = TAKES[i];
        expect(&s, ALM_LADDER_MODEL, ALM_LADDER_WHY_ASKED);
        assert_int_equal(s.out.is_late, i > 0);
    }
}

static void limits_hold_for_every_step(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        stage s;
        set(&s);
        for (size_t i = 0; i < n; i++) {
            absent(&s, i);
        }
        s.limit = (double)n + 0.5;
        assert_int_equal(run(&s), ALM_OK);
        assert_int_equal(s.out.by, n);
        assert_int_equal(s.out.clamped, 1);
        assert_true(s.value == (double)n + 0.5);
        s.limit = 100;
        assert_int_equal(run(&s), ALM_OK);
        assert_int_equal(s.out.clamped, 0);
    }
}

/* The breaker opens by what the step does, lets one try, and closes. */
static void the_breaker_learns_from_its_step(void **state)
{
    (void)state;
    stage s;
    set(&s);
    alm_breaker breaker;
    alm_breaker_init(&breaker, &(alm_breaker_rule){.open_ms = 1000, .window_ms = 5000,
                                                   .calls_min = 4, .failed_share = 0.5,
                                                   .slow_share = 0.75});
    s.step[0].breaker = &breaker;
    s.step[0].slow_ns = 5 * MS;
    /* What is not the step's fault counts as good. */
    const alm_step_result harmless[] = {ALM_STEP_STALE, ALM_STEP_ABSENT};
    for (size_t i = 0; i < 2; i++) {
        s.actor[0].result = harmless[i];
        assert_int_equal(run(&s), ALM_OK);
    }
    s.actor[0].result = ALM_STEP_FAILED;
    assert_int_equal(run(&s), ALM_OK);
    assert_int_equal(alm_breaker_state_of(&breaker), ALM_BREAKER_CLOSED);
    s.actor[0].result = ALM_STEP_ANSWERED;
    s.actor[0].takes_ns = 61 * MS; /* late is failed: 2 of 4 */
    assert_int_equal(run(&s), ALM_OK);
    assert_true(s.out.by == ALM_LADDER_MODEL && s.out.is_late);
    assert_int_equal(alm_breaker_state_of(&breaker), ALM_BREAKER_OPEN);
    s.actor[0].takes_ns = 1000;
    int asked = s.actor[0].asked;
    assert_int_equal(run(&s), ALM_OK);
    assert_int_equal(s.out.why, ALM_LADDER_WHY_BREAKER);
    assert_int_equal(s.out.by, ALM_LADDER_PREVIOUS);
    assert_int_equal(s.out.retry_ms, 0); /* there is an answer */
    assert_int_equal(s.actor[0].asked, asked);
    s.now += 1000 * MS;
    s.actor[1].asked = 0;
    expect(&s, ALM_LADDER_MODEL, ALM_LADDER_WHY_ASKED);
    s.actor[0].takes_ns = 6 * MS; /* slow: 3 of the 4 from here on */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(alm_breaker_state_of(&breaker), ALM_BREAKER_CLOSED);
        assert_int_equal(run(&s), ALM_OK);
        assert_int_equal(s.out.by, ALM_LADDER_MODEL);
    }
    assert_int_equal(alm_breaker_state_of(&breaker), ALM_BREAKER_OPEN);
}

static alm_step_result wail(void *context, uint64_t until_ns, alm_error *error)
{
    (void)context;
    (void)until_ns;
    (void)alm_fail(error, ALM_ERR_IO, "ab");
    size_t size = strlen(error->message);
    while (size < 300) {
        memcpy(error->message + size, "\xc3\xa4", 3);
        size += 2;
    }
    return ALM_STEP_FAILED;
}

static void a_long_reason_is_cut_at_a_character(void **state)
{
    (void)state;
    stage s;
    set(&s);
    s.step[0].run = wail;
    assert_int_equal(run(&s), ALM_OK);
    alm_str detail = alm_str_of(s.out.miss[0].detail);
    assert_int_equal(detail.size, ALM_LADDER_DETAIL_BYTES - 2); /* 2 + 2 n bytes fit */
    assert_true(alm_str_is_utf8(detail, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_step_answers),
        cmocka_unit_test(each_step_stands_in_for_the_ones_above),
        cmocka_unit_test(when_all_break_it_refuses_with_every_reason),
        cmocka_unit_test(the_callers_own_error_stops_it),
        cmocka_unit_test(what_a_step_leaves_goes_to_the_next),
        cmocka_unit_test(a_step_without_time_is_not_asked),
        cmocka_unit_test(a_late_answer_is_given_out_and_says_so),
        cmocka_unit_test(limits_hold_for_every_step),
        cmocka_unit_test(the_breaker_learns_from_its_step),
        cmocka_unit_test(a_long_reason_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
