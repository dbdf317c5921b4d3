/* policy.h: the hard limits of the project's policies on a number that is given out.
 *
 * All policies that match a node hold: the narrowest of their limits counts. In this order, so that
 * the absolute ones win: the largest change from the reference, then `min`, then `max`. A limit on
 * the change holds only where there is a reference that is above 0; without one it limits nothing,
 * so a policy that must always hold states `max` too. */
#ifndef ALM_SERVE_POLICY_H
#define ALM_SERVE_POLICY_H

#include "project/deployment_spec.h"

typedef struct alm_policies { /* borrowed from the project */
    const alm_policy_spec *policy;
    size_t count;
    const alm_str *keys; /* of the series */
    size_t key_count;
} alm_policies;

/* Of one node. Bounds that are not there are infinite, and their names empty. */
typedef struct alm_limits {
    double min, max, max_change;
    alm_str min_by, max_by, change_by;
} alm_limits;

alm_limits alm_policies_limits(const alm_policies *policies, alm_policy_subject subject,
                               alm_str node, alm_str level);
/* False: no policy matches. */
bool alm_limits_any(const alm_limits *limits);
/* The value within the limits; NaN stays NaN. `reference` may be NaN. *by (may be NULL) is the
 * policy that decided, empty when the value stayed. Rises with the value, so quantiles stay in
 * order. */
double alm_limits_clamp(const alm_limits *limits, double reference, double value, alm_str *by);

/* `*` stands for any text, also for none. */
bool alm_policy_pattern_matches(alm_str pattern, alm_str text);

#endif
