#include "model/statistical/automatic/choice.h"

#include <math.h>

#include "model/statistical/automatic/apart.h"
#include "model/statistical/automatic/choice_member.h"
#include "model/statistical/rare/adida.h"
#include "model/statistical/seasonal.h"
#include "model/statistical/smoothing/ces.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/smoothing/theta.h"

#define CYCLES_MAX 5    /* whole seasons of a long season */
#define CYCLES_TESTED 2 /* whole seasons that tell whether there is one */
#define INTERVAL_RARE 1.32 /* periods between demands, on average */

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

/* Demand in fewer than one of 1.32 periods, as Syntetos, Boylan, Croston, "On the categorization of
 * demand patterns" (2005), and no season that could tell when. */
static bool is_rare(const alm_past *past, almi_range seen)
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

static void take_members(alm_choice *c, const alm_past *past, way how, alm_arena *arena)
{
    static const alm_choice_reason WHY_NOT[WAYS] = {ALM_CHOICE_NOT_NEEDED, ALM_CHOICE_LONG_SEASON,
                                                    ALM_CHOICE_RARE};
    almi_range seen = almi_range_of(past);
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        alm_combination_part part = {MEMBERS[i].kind, NULL, MEMBERS[i].weight[how]};
        if (part.weight > 0) {
            almi_member_take(c, &part, almi_member_fit(&part, past, seen, arena));
        } else if (MEMBERS[i].weight[USUAL] > 0) {
            almi_member_take(c, &part, WHY_NOT[how]);
        }
    }
}

static alm_err fit(const alm_past *whole, alm_arena *arena, void **state, alm_error *error)
{
    alm_past past = *whole;
    alm_choice *c = ALM_NEW(arena, alm_choice);
    alm_combination_part last = {&alm_naive, NULL, 1};
    ALM_TRY(alm_naive.fit(&past, arena, &last.state, error)); /* what it refuses, all do */
    almi_range seen = almi_range_of(&past);
    way how = is_rare(&past, seen) ? RARE : cut_long(&past) ? LONG_SEASON : USUAL;
    take_members(c, &past, how, arena);
    almi_member_take(c, &last, c->all.count ? ALM_CHOICE_NOT_NEEDED : ALM_CHOICE_USED);
    almi_member_weigh(c);
    c->facts.is_short = past.season > 1 && past.count < 2 * past.season;
    c->facts.is_positive = seen.low > 0;
    c->near = almi_choice_near(whole);
    *state = c;
    return ALM_OK;
}

const alm_forecaster_kind alm_auto = {"auto", fit, alm_combination_update, almi_weighted_mean,
                                      alm_combination_deviation, almi_choice_copy,
                                      alm_combination_next,
                                      {.is_surprised = true}};

/* ---- in words ---- */

bool alm_choice_is_made_by(const alm_forecaster_kind *kind)
{
    return kind->copy == almi_choice_copy; /* theirs alone */
}

void alm_choice_describe(const void *state, alm_choice_facts *out)
{
    *out = ((const alm_choice *)state)->facts;
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

static const char *error_text(const alm_choice_member *m, alm_arena *arena)
{
    return isnan(m->error) ? "" : alm_arena_printf(arena, " (off by %.4g)", m->error);
}

static const char *where_from(const alm_choice_facts *facts, alm_arena *arena)
{
    if (!facts->is_of_class) {
        return "";
    }
    if (facts->class_of_demand == ALM_DEMAND_none) {
        return "; candidates where there is no demand";
    }
    return alm_arena_printf(arena, "; candidates of %s demand",
                            alm_demand_class_name(facts->class_of_demand));
}

/* Members of rare demand have no such form. */
static bool is_additive_only(const alm_choice_facts *facts)
{
    return !facts->is_positive &&
           (!facts->is_of_class || facts->class_of_demand == ALM_DEMAND_smooth ||
            facts->class_of_demand == ALM_DEMAND_erratic);
}

const char *alm_choice_text(const alm_choice_facts *facts, alm_arena *arena)
{
    const char *used = "";
    const char *others = "";
    for (size_t i = 0; i < facts->count; i++) {
        const alm_choice_member *m = &facts->member[i];
        const char *error = error_text(m, arena);
        if (m->reason == ALM_CHOICE_USED && facts->is_median) {
            used = alm_arena_printf(arena, "%s%s%s", used, *used ? ", " : "median of ", m->name);
        } else if (m->reason == ALM_CHOICE_USED) {
            used = alm_arena_printf(arena, "%s%s%.0f%% %s%s", used, *used ? ", " : "",
                                    100 * m->weight, m->name, error);
        } else if (m->reason != ALM_CHOICE_NOT_NEEDED) {
            others = alm_arena_printf(arena, "%s; not %s%s: %s", others, m->name, error,
                                      alm_choice_reason_sentence(m->reason));
        }
    }
    return alm_arena_printf(arena, "%s%s%s%s%s", used, others, where_from(facts, arena),
                            facts->is_short ? "; no season: fewer than two whole ones are there"
                                            : "",
                            is_additive_only(facts) ? "; nothing multiplicative: not all values "
                                                      "are above 0"
                                                    : "");
}
