/* order_policy_cases.h: tests/golden/inventory/policies.txt, and Poisson demand as values with
 * weights. Only *_test.c include it. */
#ifndef ALM_DECIDE_ORDER_POLICY_CASES_H
#define ALM_DECIDE_ORDER_POLICY_CASES_H

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"
#include "decide/order_policy.h"
#include "num/elementary.h"

#define CASES_MAX 40

typedef struct policy_case {
    alm_str model, id, text;
} policy_case;

/* The value of `name=...` of a case; NaN: none. */
static inline double case_number(const policy_case *c, const char *name)
{
    alm_str rest = c->text;
    double value = NAN;
    while (rest.data) {
        alm_str word = alm_str_split(&rest, ' ');
        alm_str key = alm_str_split(&word, '=');
        if (alm_str_is(key, name)) {
            alm_assert(word.data && alm_str_to_double(word, &value));
        }
    }
    return value;
}

static inline alm_str case_word(const policy_case *c, const char *name)
{
    alm_str rest = c->text;
    while (rest.data) {
        alm_str word = alm_str_split(&rest, ' ');
        alm_str key = alm_str_split(&word, '=');
        if (alm_str_is(key, name)) {
            return word;
        }
    }
    return (alm_str){0};
}

static inline size_t read_policy_cases(alm_arena *arena, policy_case *out)
{
    alm_fs *fs = NULL;
    alm_str text;
    alm_err code = alm_fs_real_create(&fs, NULL);
    alm_assert(code == ALM_OK);
    code = alm_fs_read_all(fs, "tests/golden/inventory/policies.txt", 1 << 20, arena, &text, NULL);
    alm_assert(code == ALM_OK);
    alm_fs_destroy(fs);
    size_t count = 0;
    while (text.data) {
        alm_str line = alm_str_split(&text, '\n');
        if (line.size) {
            alm_assert(count < CASES_MAX);
            alm_str model = alm_str_split(&line, ' ');
            alm_str id = alm_str_split(&line, ' ');
            out[count++] = (policy_case){model, id, line};
        }
    }
    return count;
}

/* All of its mass but some 1e-17. */
static inline alm_demand poisson_demand(double mean, alm_arena *arena)
{
    size_t count = (size_t)(mean + 12 * sqrt(mean) + 40);
    double *value = ALM_NEW_ARRAY(arena, double, count);
    double *weight = ALM_NEW_ARRAY(arena, double, count);
    for (size_t i = 0; i < count; i++) {
        value[i] = (double)i;
        weight[i] = i ? weight[i - 1] * mean / (double)i : alm_exp(-mean);
    }
    alm_demand demand;
    alm_err code = alm_demand_of(value, weight, count, arena, &demand, NULL);
    alm_assert(code == ALM_OK);
    return demand;
}

#endif
