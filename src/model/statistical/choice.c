#include "model/statistical/choice.h"

#include <math.h>
#include <string.h>

#include "model/statistical/ets.h"
#include "model/statistical/theta.h"
#include "num/normal.h"

#define STEPS_TRIED 24 /* periods ahead whose mean must be finite */
#define STEPS_FEW 128  /* that need no memory of their own */
#define GROWTH_MAX 1e6 /* of a mean, against the largest size in the past */

typedef struct member {
    const alm_forecaster_kind *kind;
    void *state; /* NULL: not used */
    double weight;
    alm_choice_reason reason;
} member;

typedef struct choice {
    member member[ALM_CHOICE_MEMBERS_MAX];
    size_t count;
} choice;

/* In the order in which they are named; the last stands in where no other can be used. */
static const struct {
    const alm_forecaster_kind *kind;
    double weight;
} CANDIDATES[] = {{&alm_ets, .3}, {&alm_theta_dynamic_optimised, .7}, {&alm_naive, 0}};

#define CANDIDATE_COUNT (sizeof CANDIDATES / sizeof CANDIDATES[0])

/* ---- fitting ---- */

static bool is_constant(const alm_past *past)
{
    double first = (double)NAN;
    for (size_t t = 0; t < past->count; t++) {
        first = isnan(first) ? past->y[t] : first;
        if (!isnan(past->y[t]) && past->y[t] != first) {
            return false;
        }
    }
    return true;
}

static double largest_of(const alm_past *past)
{
    double largest = 0;
    for (size_t t = 0; t < past->count; t++) {
        largest = fabs(past->y[t]) > largest ? fabs(past->y[t]) : largest; /* false for NaN */
    }
    return largest;
}

static bool is_sane(const member *m, double largest)
{
    double mean[STEPS_TRIED];
    m->kind->mean(m->state, STEPS_TRIED, mean);
    for (size_t h = 0; h < STEPS_TRIED; h++) {
        if (!(fabs(mean[h]) <= GROWTH_MAX * largest)) {
            return false;
        }
    }
    return true;
}

static void fit_member(member *m, const alm_past *past, double largest, alm_arena *arena)
{
    m->reason = ALM_CHOICE_USED;
    alm_err code = m->kind->fit(past, arena, &m->state, NULL);
    if (code != ALM_OK) {
        m->state = NULL;
        m->reason = code == ALM_ERR_INCOMPLETE ? ALM_CHOICE_TOO_SHORT : ALM_CHOICE_NOT_FINITE;
    } else if (!is_sane(m, largest)) {
        m->state = NULL;
        m->reason = ALM_CHOICE_NOT_FINITE;
    }
}

static void set_weights(choice *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        member *m = &c->member[i];
        m->weight = m->state ? m->weight : 0;
        sum += m->weight;
    }
    for (size_t i = 0; i < c->count; i++) {
        member *m = &c->member[i];
        m->weight = sum > 0 ? m->weight / sum : m->state ? 1 : 0;
    }
}

static alm_err fit(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    choice *c = ALM_NEW(arena, choice);
    c->count = CANDIDATE_COUNT;
    void *last = NULL;
    ALM_TRY(CANDIDATES[CANDIDATE_COUNT - 1].kind->fit(past, arena, &last, error));
    bool constant = is_constant(past);
    double largest = largest_of(past);
    size_t used = 0;
    for (size_t i = 0; i < CANDIDATE_COUNT; i++) {
        member *m = &c->member[i];
        *m = (member){CANDIDATES[i].kind, NULL, CANDIDATES[i].weight, ALM_CHOICE_CONSTANT};
        if (i + 1 == CANDIDATE_COUNT) {
            m->state = used ? NULL : last;
            m->reason = used ? ALM_CHOICE_NOT_NEEDED : ALM_CHOICE_USED;
        } else if (!constant) {
            fit_member(m, past, largest, arena);
        }
        used += m->state != NULL;
    }
    set_weights(c);
    *state = c;
    return ALM_OK;
}

/* ---- the state ---- */

static void update(void *state, double y)
{
    choice *c = state;
    for (size_t i = 0; i < c->count; i++) {
        if (c->member[i].state) {
            c->member[i].kind->update(c->member[i].state, y);
        }
    }
}

/* The weighted mean over the members of what `is_mean` says. */
static void mix(const choice *c, bool is_mean, size_t steps, double *own, double *out)
{
    memset(out, 0, steps * sizeof *out);
    for (size_t i = 0; i < c->count; i++) {
        const member *m = &c->member[i];
        if (m->state) {
            (is_mean ? m->kind->mean : m->kind->deviation)(m->state, steps, own);
            for (size_t h = 0; h < steps; h++) {
                out[h] += m->weight * own[h];
            }
        }
    }
}

static void mix_in_room(const choice *c, bool is_mean, size_t steps, double *out)
{
    double few[STEPS_FEW];
    if (steps <= STEPS_FEW) {
        mix(c, is_mean, steps, few, out);
        return;
    }
    alm_arena *arena = alm_arena_create(steps * sizeof *out);
    mix(c, is_mean, steps, ALM_NEW_ARRAY(arena, double, steps), out);
    alm_arena_destroy(arena);
}

static void mean(const void *state, size_t steps, double *out)
{
    mix_in_room(state, true, steps, out);
}

static void deviation(const void *state, size_t steps, double *out)
{
    mix_in_room(state, false, steps, out);
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const choice *from = state;
    choice *to = into ? into : ALM_NEW(arena, choice);
    for (size_t i = 0; i < from->count; i++) {
        void *before = into ? to->member[i].state : NULL;
        to->member[i] = from->member[i];
        if (from->member[i].state) {
            to->member[i].state =
                from->member[i].kind->copy(from->member[i].state, arena, before);
        }
    }
    to->count = from->count;
    return to;
}

static double next_of(const member *m, double u)
{
    double middle = 0;
    double spread = 0;
    if (m->kind->next) {
        return m->kind->next(m->state, u);
    }
    m->kind->mean(m->state, 1, &middle);
    m->kind->deviation(m->state, 1, &spread);
    return middle + spread * alm_normal_quantile(u);
}

static double next(const void *state, double u)
{
    const choice *c = state;
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        sum += c->member[i].state ? c->member[i].weight * next_of(&c->member[i], u) : 0;
    }
    return sum;
}

const alm_forecaster_kind alm_auto = {"auto", fit, update, mean, deviation, copy, next,
                                      {.is_surprised = true}};

/* ---- in words ---- */

void alm_choice_describe(const void *state, alm_choice_facts *out)
{
    const choice *c = state;
    *out = (alm_choice_facts){.count = c->count};
    for (size_t i = 0; i < c->count; i++) {
        const member *m = &c->member[i];
        out->member[i] = (alm_choice_member){m->kind->name, m->weight, m->reason};
    }
}

const char *alm_choice_reason_name(alm_choice_reason reason)
{
    static const char *const NAMES[] = {
#define NAME(code, name, sentence) name,
        ALM_CHOICE_REASONS(NAME)
#undef NAME
    };
    return NAMES[reason];
}

const char *alm_choice_reason_sentence(alm_choice_reason reason)
{
    static const char *const SENTENCES[] = {
#define SENTENCE(code, name, sentence) sentence,
        ALM_CHOICE_REASONS(SENTENCE)
#undef SENTENCE
    };
    return SENTENCES[reason];
}

const char *alm_choice_text(const alm_choice_facts *facts, alm_arena *arena)
{
    const char *used = "";
    const char *others = "";
    for (size_t i = 0; i < facts->count; i++) {
        const alm_choice_member *m = &facts->member[i];
        if (m->reason == ALM_CHOICE_USED) {
            used = alm_arena_printf(arena, "%s%s%.0f%% %s", used, *used ? ", " : "",
                                    100 * m->weight, m->name);
        } else if (m->reason != ALM_CHOICE_NOT_NEEDED) {
            others = alm_arena_printf(arena, "%s; not %s: %s", others, m->name,
                                      alm_choice_reason_sentence(m->reason));
        }
    }
    return alm_arena_printf(arena, "%s%s", used, others);
}
