/* choice_member.h: members of a choice: tried on a past, taken with the reason, weighed. For the
 * kinds of this folder. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_CHOICE_MEMBER_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_CHOICE_MEMBER_H

#include "model/statistical/automatic/choice.h"

typedef struct almi_range {
    double low, high; /* of the known values; low > high: there are none */
} almi_range;

almi_range almi_range_of(const alm_past *past);

/* Fits part->kind; part->state then. USED, or why it cannot be: all values are equal, it refuses
 * them, or its forecast goes further than ten ranges away from what has been seen. */
alm_choice_reason almi_member_fit(alm_combination_part *part, const alm_past *past,
                                  almi_range seen, alm_arena *arena);

/* A further member; a part of the combination where it is used. */
void almi_member_take(alm_choice *c, const alm_combination_part *part, alm_choice_reason reason);

/* Brings the weights of the parts to a sum of 1, and notes them in the facts. */
void almi_member_weigh(alm_choice *c);

/* The candidates of the past's class of demand that can be used, all of weight 1, in the order of
 * their list; without any, the newest value stays. Errors: what alm_naive refuses. */
ALM_NODISCARD alm_err almi_candidates_fit(const alm_past *past, alm_arena *arena, alm_choice **out,
                                          alm_error *error);

/* Of the next periods, what the members say of them together. */
typedef void almi_together(const alm_choice *c, size_t steps, double *out);

/* As far as c->near the members' own means together, as `of` has them; behind that the members are
 * moved on by what they said together, one period after the other, as a sample path without
 * surprises would. */
void almi_choice_mean(const alm_choice *c, almi_together *of, size_t steps, double *out);

/* c->near of a past: its length, and at least four seasons and 64 periods. */
size_t almi_choice_near(const alm_past *past);

/* The mean of an alm_forecaster_kind whose members have weights. */
void almi_weighted_mean(const void *state, size_t steps, double *out);

/* The copy of an alm_forecaster_kind. */
void *almi_choice_copy(const void *state, alm_arena *arena, void *into);

#endif
