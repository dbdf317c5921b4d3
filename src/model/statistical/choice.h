/* choice.h: the automatic forecaster: several forecasters of one series, weighted.
 *
 * COMBINATION. Each member is fitted to the whole past and gets every value that comes. The mean is
 * the weighted mean of the members' means, and the value at probability u that of their values at u
 * (averaged quantiles), so the deviation is that of the members' deviations too: as if their errors
 * were one, which errors of one series nearly are.
 *
 * FALL BACK. Every past that any forecaster takes has a forecast. What could not be used is named
 * with its reason (alm_choice_describe); without any member the newest value stays. */
#ifndef ALM_MODEL_STATISTICAL_CHOICE_H
#define ALM_MODEL_STATISTICAL_CHOICE_H

#include "model/statistical/statistical.h"

#define ALM_CHOICE_MEMBERS_MAX 8

#define ALM_CHOICE_REASONS(X)                                                      \
    X(USED, "used", "is part of the forecast")                                     \
    X(TOO_SHORT, "too_short", "too few values are known")                          \
    X(CONSTANT, "constant", "all known values are equal, which needs no model")    \
    X(NOT_FINITE, "not_finite", "its forecast is beyond what values can be")       \
    X(NOT_NEEDED, "not_needed", "a better one was there")

typedef enum alm_choice_reason {
#define ALM_CHOICE_ENUM(code, name, sentence) ALM_CHOICE_##code,
    ALM_CHOICE_REASONS(ALM_CHOICE_ENUM)
#undef ALM_CHOICE_ENUM
} alm_choice_reason;

/* "too_short", and "too few values are known". */
const char *alm_choice_reason_name(alm_choice_reason reason);
const char *alm_choice_reason_sentence(alm_choice_reason reason);

typedef struct alm_choice_member {
    const char *name; /* of its kind */
    double weight;    /* 0: not used */
    alm_choice_reason reason;
} alm_choice_member;

typedef struct alm_choice_facts {
    alm_choice_member member[ALM_CHOICE_MEMBERS_MAX]; /* all that were considered */
    size_t count;
} alm_choice_facts;

extern const alm_forecaster_kind alm_auto;

/* Of a state of alm_auto. */
void alm_choice_describe(const void *state, alm_choice_facts *out);
/* One sentence: "ets .5, theta_dynamic_optimised .5", and why others are not in it. */
const char *alm_choice_text(const alm_choice_facts *facts, alm_arena *arena);

#endif
