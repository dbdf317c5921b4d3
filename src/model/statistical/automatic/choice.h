/* choice.h: the automatic forecaster: what is used where nothing else is asked for.
 *
 * The plain mean (combination.h) of exponential smoothing and of complex exponential smoothing,
 * each averaged over its forms, and of the dynamic optimised theta model.
 *
 * LONG SEASONS, of more than ALM_ETS_SEASON_MAX periods (weeks of a year). Where five whole ones
 * are there, only the newest five are looked at, and half of the forecast is complex smoothing,
 * which follows such a season by itself; the other half are smoothing and ARIMA of values that the
 * season is taken out of.
 *
 * RARE DEMAND, in fewer than one of 1.32 periods and never below 0, without a significant season:
 * IMAPA alone (adida.h).
 *
 * All of that, and the strengths of the averages, were chosen by rolling origins on the past parts
 * of the monthly series of M3, the weekly ones of M4 and of car parts. What came after was scored
 * once for the months, but between versions for weeks and car parts (README.md).
 *
 * FAR AHEAD, behind the length of the past, four seasons and 64 periods, members go on from what
 * they say together: by itself one may by then be anywhere, and its mean with the others outside of
 * all sample paths, in which every member follows the path that is common to them.
 *
 * FALL BACK. Every past that any forecaster takes has a forecast. Members that cannot be used are
 * named with the reason, and without any the newest value stays. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_CHOICE_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_CHOICE_H

#include "model/statistical/automatic/demand_class.h"
#include "model/statistical/combination.h"

#define ALM_CHOICE_MEMBERS_MAX 8

#define ALM_CHOICE_REASONS(X)                                                     \
    X(USED, "used", "is part of the forecast")                                    \
    X(TOO_SHORT, "too_short", "too few values are known")                         \
    X(CONSTANT, "constant", "all known values are equal")                         \
    X(NO_FIT, "no_fit", "no fit has finite errors")                               \
    X(EXPLODES, "explodes", "its forecast runs far beyond what has been seen")    \
    X(LONG_SEASON, "long_season", "others follow a long season better")           \
    X(RARE, "rare", "demand is rare")                                             \
    X(NOT_NEEDED, "not_needed", "others can be used")                             \
    X(UNSUITED, "unsuited", "it does not take values such as these")              \
    X(FURTHER_OFF, "further_off", "it was further off before")

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
    double error; /* root mean square on the series' own past (contest.h); NaN: not tried there */
} alm_choice_member;

typedef struct alm_choice_facts {
    alm_choice_member member[ALM_CHOICE_MEMBERS_MAX]; /* all that were considered */
    size_t count;
    bool is_short;    /* a season was asked for, and fewer than two whole ones are there */
    bool is_positive; /* all known values are above 0; else nothing is multiplicative */
    /* Not of alm_auto: members are those of a class of demand (alm_demand_members). */
    bool is_of_class;
    alm_demand_class class_of_demand;
    bool is_median; /* of the members used, not their weighted mean */
} alm_choice_facts;

/* The state of alm_auto and of the other kinds that choose (contest.h, selector.h). */
typedef struct alm_choice {
    alm_combination all; /* first: the slots of a combination take it */
    alm_choice_facts facts;
    size_t near; /* periods ahead of which the members' own means are taken (choice_member.h) */
} alm_choice;

extern const alm_forecaster_kind alm_auto;

/* Is a state of the kind an alm_choice? */
bool alm_choice_is_made_by(const alm_forecaster_kind *kind);

/* Of a state of a kind that chooses. */
void alm_choice_describe(const void *state, alm_choice_facts *out);
/* "50% ets_averaged, 50% theta_dynamic_optimised; not ces_averaged: too few values are known; no
 * season: fewer than two whole ones are there", in `arena`; "(off by 12.3)" says the error. */
const char *alm_choice_text(const alm_choice_facts *facts, alm_arena *arena);

#endif
