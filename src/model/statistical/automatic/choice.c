#include "model/statistical/automatic/choice.h"

#include <math.h>

#include "model/statistical/automatic/apart.h"
#include "model/statistical/combination.h"
#include "model/statistical/rare/adida.h"
#include "model/statistical/seasonal.h"
#include "model/statistical/smoothing/ces.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/smoothing/theta.h"

#define STEPS_TRIED 24  /* periods ahead that a member is looked at */
#define DISTANCE_MAX 10 /* of its means, from what has been seen, in the range of that */
#define CYCLES_MAX 5    /* whole seasons of a long season */
#define CYCLES_TESTED 2 /* whole seasons that tell whether there is one */
#define INTERVAL_RARE 1.32 /* periods between demands, on average */

typedef struct choice {
    alm_combination all; /* first: the slots of a combination take it */
    alm_choice_facts facts;
} choice;

typedef enum way { USUAL, LONG_SEASON, RARE, WAYS } way;

/* Weights; 0: not a member. Of a long season smoothing and the theta model would take the same
 * indices out and be much the same; ARIMA of what is left is not. For other pasts it adds little
 * and takes as long as all others ten times. */
static const struct {
    const alm_forecaster_kind *kind;
    double weight[WAYS];
} MEMBERS[] = {{&alm_ets_averaged, {1, .5, 0}},
               {&alm_ces_averaged, {1, 1, 0}},
               {&alm_theta_dynamic_optimised, {1, 0, 0}},
               {&alm_arima_apart, {0, .5, 0}},
               {&alm_imapa, {0, 0, 1}}};
#define MEMBER_COUNT (sizeof MEMBERS / sizeof MEMBERS[0])

/* ---- fitting ---- */

typedef struct range {
    double low, high;
} range;

static range range_of(const alm_past *past)
{
    range seen = {INFINITY, -INFINITY};
    for (size_t t = 0; t < past->count; t++) {
        seen.low = past->y[t] < seen.low ? past->y[t] : seen.low; /* never for NaN */
        seen.high = past->y[t] > seen.high ? past->y[t] : seen.high;
    }
    return seen;
}

static bool stays_near(const alm_combination_part *part, range seen)
{
    double mean[STEPS_TRIED];
    double distance = DISTANCE_MAX * (seen.high - seen.low);
    part->kind->mean(part->state, STEPS_TRIED, mean);
    for (size_t h = 0; h < STEPS_TRIED; h++) {
        if (!(mean[h] >= seen.low - distance && mean[h] <= seen.high + distance)) {
            return false;
        }
    }
    return true;
}

static alm_choice_reason fit_member(alm_combination_part *part, const alm_past *past, range seen,
                                    alm_arena *arena)
{
    if (seen.low == seen.high) {
        return ALM_CHOICE_CONSTANT;
    }
    switch (part->kind->fit(past, arena, &part->state, NULL)) {
    case ALM_OK: return stays_near(part, seen) ? ALM_CHOICE_USED : ALM_CHOICE_EXPLODES;
    case ALM_ERR_INCOMPLETE: return ALM_CHOICE_TOO_SHORT;
    default: return ALM_CHOICE_NO_FIT;
    }
}

static void take(choice *c, const alm_combination_part *part, alm_choice_reason reason)
{
    if (reason == ALM_CHOICE_USED) {
        c->all.part[c->all.count++] = *part;
    }
    c->facts.member[c->facts.count++] = (alm_choice_member){part->kind->name, 0, reason};
}

static void note_weights(choice *c)
{
    size_t used = 0;
    for (size_t i = 0; i < c->facts.count; i++) {
        if (c->facts.member[i].reason == ALM_CHOICE_USED) {
            c->facts.member[i].weight = c->all.part[used++].weight;
        }
    }
}

/* Demand in fewer than one of 1.32 periods, as Syntetos, Boylan, Croston, "On the categorization of
 * demand patterns" (2005), and no season that could tell when. */
static bool is_rare(const alm_past *past, range seen)
{
    size_t known = 0;
    size_t above = 0;
    for (size_t t = 0; t < past->count; t++) {
        known += !isnan(past->y[t]);
        above += past->y[t] > 0;
    }
    return seen.low >= 0 && INTERVAL_RARE * (double)above < (double)known &&
           !alm_is_seasonal(past, CYCLES_TESTED);
}

/* Indices of a long season are those of few years: of older ones they are others. */
static bool cut_long(alm_past *past)
{
    size_t limit = CYCLES_MAX * past->season;
    if (past->season <= ALM_ETS_SEASON_MAX || past->count < limit) {
        return false;
    }
    past->y += past->count - limit;
    past->count = limit;
    return true;
}

static void take_members(choice *c, const alm_past *past, way how, alm_arena *arena)
{
    static const alm_choice_reason WHY_NOT[WAYS] = {ALM_CHOICE_NOT_NEEDED, ALM_CHOICE_LONG_SEASON,
                                                    ALM_CHOICE_RARE};
    range seen = range_of(past);
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        alm_combination_part part = {MEMBERS[i].kind, NULL, MEMBERS[i].weight[how]};
        if (part.weight > 0) {
            take(c, &part, fit_member(&part, past, seen, arena));
        } else if (MEMBERS[i].weight[USUAL] > 0) {
            take(c, &part, WHY_NOT[how]);
        }
    }
}

static alm_err fit(const alm_past *whole, alm_arena *arena, void **state, alm_error *error)
{
    alm_past past = *whole;
    choice *c = ALM_NEW(arena, choice);
    alm_combination_part last = {&alm_naive, NULL, 1};
    ALM_TRY(alm_naive.fit(&past, arena, &last.state, error)); /* what it refuses, all do */
    range seen = range_of(&past);
    way how = is_rare(&past, seen) ? RARE : cut_long(&past) ? LONG_SEASON : USUAL;
    take_members(c, &past, how, arena);
    take(c, &last, c->all.count ? ALM_CHOICE_NOT_NEEDED : ALM_CHOICE_USED);
    alm_combination_even_out(&c->all);
    note_weights(c);
    c->facts.is_short = past.season > 1 && past.count < 2 * past.season;
    c->facts.is_positive = seen.low > 0;
    *state = c;
    return ALM_OK;
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const choice *from = state;
    choice *to = into ? into : ALM_NEW(arena, choice);
    to->facts = from->facts;
    return alm_combination_copy(&from->all, arena, &to->all);
}

const alm_forecaster_kind alm_auto = {"auto", fit, alm_combination_update, alm_combination_mean,
                                      alm_combination_deviation, copy, alm_combination_next,
                                      {.is_surprised = true}};

/* ---- in words ---- */

void alm_choice_describe(const void *state, alm_choice_facts *out)
{
    *out = ((const choice *)state)->facts;
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
    return alm_arena_printf(arena, "%s%s%s%s", used, others,
                            facts->is_short ? "; no season: fewer than two whole ones are there"
                                            : "",
                            facts->is_positive ? "" : "; nothing multiplicative: not all values "
                                                      "are above 0");
}
