/* deployment_spec.h: the sections `deployments` and `policies` of almanac.yaml as structs.
 *
 * A deployment is a route: which runs answer, of which release, and what answers when they cannot
 * (the fallback ladder of serve/answer/ladder.h). A schedule that no deployment names has a route
 * of its own name with the defaults below, so that a project without the section is served too.
 *
 * A policy is a hard limit on what is given out, from whatever step it comes. */
#ifndef ALM_PROJECT_DEPLOYMENT_SPEC_H
#define ALM_PROJECT_DEPLOYMENT_SPEC_H

#include "base/str.h"

typedef enum alm_rule_kind {
    ALM_RULE_SEASONAL_NAIVE, /* and the mean where there is no season's value */
    ALM_RULE_MEAN,
    ALM_RULE_NONE
} alm_rule_kind;

typedef struct alm_ladder_shares { /* of the deadline; their sum is at most 1 */
    double model, previous, batch, rule;
} alm_ladder_shares;

typedef struct alm_deployment_spec {
    alm_str name;     /* the route */
    alm_str schedule; /* whose runs answer; empty: those of any schedule of `model` */
    alm_str model;    /* the schedule's when that is given */
    alm_str release;  /* an alias or a model version */
    const alm_str *purposes; /* of real-time computations, besides those of the endpoints */
    size_t purpose_count;
    bool previous; /* may the release promoted before answer? */
    bool online;   /* are features followed by events, to compute with them? */
    int32_t stale_days_max;
    alm_rule_kind rule;
    int32_t deadline_ms;
    alm_ladder_shares shares;
    bool is_derived; /* of a schedule that no deployment names */
} alm_deployment_spec;

typedef enum alm_policy_subject {
    ALM_POLICY_FORECASTS,
    ALM_POLICY_ORDERS,
    ALM_POLICY_BOTH
} alm_policy_subject;

typedef struct alm_policy_key { /* a leaf whose series key has one of these values */
    alm_str key;
    const alm_str *values;
    size_t value_count;
} alm_policy_key;

#define ALM_POLICY_PATTERN_BYTES_MAX 200

typedef struct alm_policy_spec {
    alm_str name;
    alm_policy_subject subject;
    const alm_str *nodes; /* patterns in which * stands for any text; none: every node */
    size_t node_count;
    const alm_str *levels; /* none: the series */
    size_t level_count;
    const alm_policy_key *where; /* all of them */
    size_t where_count;
    bool has_min, has_max, has_max_change;
    double min, max;
    double max_change; /* share of the reference: .5 allows half to one and a half of it */
} alm_policy_spec;

#endif
