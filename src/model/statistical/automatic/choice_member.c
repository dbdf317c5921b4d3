#include "model/statistical/automatic/choice_member.h"

#include <math.h>

#define STEPS_TRIED 24  /* periods ahead that a member is looked at */
#define DISTANCE_MAX 10 /* of its means, from what has been seen, in the range of that */
#define NEAR_SEASONS 4
#define NEAR_LEAST 64   /* periods */

almi_range almi_range_of(const alm_past *past)
{
    almi_range seen = {INFINITY, -INFINITY};
    for (size_t t = 0; t < past->count; t++) {
        seen.low = past->y[t] < seen.low ? past->y[t] : seen.low; /* never for NaN */
        seen.high = past->y[t] > seen.high ? past->y[t] : seen.high;
    }
    return seen;
}

static bool stays_near(const alm_combination_part *part, almi_range seen)
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

alm_choice_reason almi_member_fit(alm_combination_part *part, const alm_past *past,
                                  almi_range seen, alm_arena *arena)
{
    if (seen.low == seen.high) {
        return ALM_CHOICE_CONSTANT;
    }
    switch (part->kind->fit(past, arena, &part->state, NULL)) {
    case ALM_OK: return stays_near(part, seen) ? ALM_CHOICE_USED : ALM_CHOICE_EXPLODES;
    case ALM_ERR_INCOMPLETE: return ALM_CHOICE_TOO_SHORT;
    case ALM_ERR_INVALID: return ALM_CHOICE_UNSUITED;
    default: return ALM_CHOICE_NO_FIT;
    }
}

void almi_member_take(alm_choice *c, const alm_combination_part *part, alm_choice_reason reason)
{
    if (reason == ALM_CHOICE_USED) {
        c->all.part[c->all.count++] = *part;
    }
    c->facts.member[c->facts.count++] =
        (alm_choice_member){part->kind->name, 0, reason, (double)NAN};
}

void almi_member_weigh(alm_choice *c)
{
    size_t used = 0;
    alm_combination_even_out(&c->all);
    for (size_t i = 0; i < c->facts.count; i++) {
        if (c->facts.member[i].reason == ALM_CHOICE_USED) {
            c->facts.member[i].weight = c->all.part[used++].weight;
        }
    }
}

alm_err almi_candidates_fit(const alm_past *past, alm_arena *arena, alm_choice **out,
                            alm_error *error)
{
    size_t count = 0;
    almi_range seen = almi_range_of(past);
    alm_choice *c = ALM_NEW(arena, alm_choice);
    alm_combination_part last = {&alm_naive, NULL, 1};
    ALM_TRY(alm_naive.fit(past, arena, &last.state, error)); /* what it refuses, all do */
    c->near = almi_choice_near(past);
    c->facts = (alm_choice_facts){.is_short = past->season > 1 && past->count < 2 * past->season,
                                  .is_positive = seen.low > 0,
                                  .is_of_class = true,
                                  .class_of_demand = alm_demand_class_of_past(past)};
    const alm_forecaster_kind *const *kinds =
        alm_demand_members(c->facts.class_of_demand, past->season, &count);
    for (size_t i = 0; i < count; i++) {
        alm_combination_part part = {kinds[i], NULL, 1};
        almi_member_take(c, &part, almi_member_fit(&part, past, seen, arena));
    }
    if (c->all.count == 0) {
        almi_member_take(c, &last, ALM_CHOICE_USED);
    }
    *out = c;
    return ALM_OK;
}

/* ---- far ahead ---- */

size_t almi_choice_near(const alm_past *past)
{
    size_t near = NEAR_SEASONS * past->season;
    near = near > past->count ? near : past->count;
    return near > NEAR_LEAST ? near : NEAR_LEAST;
}

void almi_choice_mean(const alm_choice *c, almi_together *of, size_t steps, double *out)
{
    size_t near = steps < c->near ? steps : c->near;
    of(c, near, out);
    if (steps == near) {
        return;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_choice *moved = ALM_NEW(arena, alm_choice);
    (void)almi_choice_copy(c, arena, moved);
    for (size_t h = 0; h < steps; h++) {
        if (h >= near) {
            of(moved, 1, &out[h]);
        }
        alm_combination_update(&moved->all, out[h]);
    }
    alm_arena_destroy(arena);
}

static void weighted_together(const alm_choice *c, size_t steps, double *out)
{
    alm_combination_mean(&c->all, steps, out);
}

void almi_weighted_mean(const void *state, size_t steps, double *out)
{
    almi_choice_mean(state, weighted_together, steps, out);
}

void *almi_choice_copy(const void *state, alm_arena *arena, void *into)
{
    const alm_choice *from = state;
    alm_choice *to = into ? into : ALM_NEW(arena, alm_choice);
    to->facts = from->facts;
    to->near = from->near;
    return alm_combination_copy(&from->all, arena, &to->all);
}
