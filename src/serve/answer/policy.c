#include "serve/answer/policy.h"

#include <math.h>

#include "serve/committed/committed_run.h"

bool alm_policy_pattern_matches(alm_str pattern, alm_str text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* behind the last star */
    size_t taken = 0;       /* text up to here belongs to it at least */
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = ++p;
            taken = t;
        } else if (p < pattern.size && pattern.data[p] == text.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

static bool is_listed(const alm_str *list, size_t count, alm_str text)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(list[i], text)) {
            return true;
        }
    }
    return false;
}

static bool has_keys(const alm_policies *policies, const alm_policy_spec *policy, alm_str node,
                     alm_str level)
{
    alm_committed_node named = {.node = node, .level = level};
    for (size_t w = 0; w < policy->where_count; w++) {
        const alm_policy_key *where = &policy->where[w];
        size_t key = 0;
        while (key < policies->key_count && !alm_str_equal(policies->keys[key], where->key)) {
            key++;
        }
        alm_str value;
        if (!alm_committed_key(&named, policies->key_count, key, &value) ||
            !is_listed(where->values, where->value_count, value)) {
            return false;
        }
    }
    return true;
}

static bool is_for(const alm_policies *policies, const alm_policy_spec *policy, alm_str node,
                   alm_str level)
{
    bool at_level = policy->level_count
                        ? is_listed(policy->levels, policy->level_count, level)
                        : alm_str_is(level, "series");
    bool named = policy->node_count == 0;
    for (size_t i = 0; at_level && !named && i < policy->node_count; i++) {
        named = alm_policy_pattern_matches(policy->nodes[i], node);
    }
    return at_level && named && has_keys(policies, policy, node, level);
}

alm_limits alm_policies_limits(const alm_policies *policies, alm_policy_subject subject,
                               alm_str node, alm_str level)
{
    alm_limits out = {.min = -(double)INFINITY, .max = (double)INFINITY,
                      .max_change = (double)INFINITY};
    for (size_t i = 0; i < policies->count; i++) {
        const alm_policy_spec *policy = &policies->policy[i];
        if ((policy->subject != subject && policy->subject != ALM_POLICY_BOTH) ||
            !is_for(policies, policy, node, level)) {
            continue;
        }
        if (policy->has_min && policy->min > out.min) {
            out.min = policy->min;
            out.min_by = policy->name;
        }
        if (policy->has_max && policy->max < out.max) {
            out.max = policy->max;
            out.max_by = policy->name;
        }
        if (policy->has_max_change && policy->max_change < out.max_change) {
            out.max_change = policy->max_change;
            out.change_by = policy->name;
        }
    }
    return out;
}

bool alm_limits_any(const alm_limits *limits)
{
    return limits->min_by.size > 0 || limits->max_by.size > 0 || limits->change_by.size > 0;
}

double alm_limits_clamp(const alm_limits *limits, double reference, double value, alm_str *by)
{
    alm_str decided = {0};
    double out = value;
    if (limits->change_by.size > 0 && reference > 0) { /* false for NaN */
        double change = limits->max_change * reference;
        if (out < reference - change || out > reference + change) {
            out = out < reference ? reference - change : reference + change;
            decided = limits->change_by;
        }
    }
    if (out < limits->min) {
        out = limits->min;
        decided = limits->min_by;
    }
    if (out > limits->max) {
        out = limits->max;
        decided = limits->max_by;
    }
    if (by) {
        *by = decided;
    }
    return out;
}
