/* order_policy_cases.h: tests/golden/inventory/policies.txt, and the distributions that its cases
 * are about as values with weights. Only *_test.c include it. */
#ifndef ALM_DECIDE_ORDER_POLICY_CASES_H
#define ALM_DECIDE_ORDER_POLICY_CASES_H

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"
#include "decide/order_policy.h"

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
        weight[i] = i ? weight[i - 1] * mean / (double)i : exp(-mean);
    }
    alm_demand demand;
    alm_err code = alm_demand_of(value, weight, count, arena, &demand, NULL);
    alm_assert(code == ALM_OK);
    return demand;
}

static inline double normal_density(double z)
{
    return exp(-z * z / 2) / sqrt(2 * acos(-1.0));
}

static inline double normal_share(double z)
{
    return erfc(-z / sqrt(2.0)) / 2;
}

/* Edge number i of `cells` of equal probability, by Newton's method from the edge before. */
static inline double normal_edge(size_t i, size_t cells, double before)
{
    double u = (double)i / (double)cells;
    double z = isfinite(before) ? before + 1 / ((double)cells * normal_density(before)) : -5.5;
    z = fmin(z, 5.5);
    for (int k = 0; k < 100; k++) {
        double step = (normal_share(z) - u) / normal_density(z);
        z -= fmax(-.5, fmin(.5, step));
        if (fabs(step) < 1e-15 * (1 + fabs(z))) {
            break;
        }
    }
    return z;
}

/* A million cells of equal probability, each as its mean: what depends on means of pieces (costs)
 * is off by 1e-12, a quantile by half a cell: 1e-6 / density. */
#define NORMAL_CELLS ((size_t)1000000)

static inline alm_demand cells_demand(double (*mean_below)(double z, const double *parameters),
                                      const double *parameters, alm_arena *arena)
{
    double *value = ALM_NEW_ARRAY(arena, double, NORMAL_CELLS);
    double edge = -INFINITY;
    double below = 0;
    for (size_t i = 0; i < NORMAL_CELLS; i++) {
        edge = i + 1 < NORMAL_CELLS ? normal_edge(i + 1, NORMAL_CELLS, edge) : INFINITY;
        double next = mean_below(edge, parameters);
        value[i] = (next - below) * (double)NORMAL_CELLS;
        below = next;
    }
    alm_demand demand;
    alm_err code = alm_demand_of(value, NULL, NORMAL_CELLS, arena, &demand, NULL);
    alm_assert(code == ALM_OK);
    return demand;
}

/* E[D; Z <= z] of D = mean + deviation Z. */
static inline double normal_below(double z, const double *p)
{
    return isfinite(z) ? p[0] * normal_share(z) - p[1] * normal_density(z) : p[0];
}

/* And of D = exp(mu + sigma Z). */
static inline double lognormal_below(double z, const double *p)
{
    double mean = exp(p[0] + p[1] * p[1] / 2);
    return isfinite(z) ? mean * normal_share(z - p[1]) : mean;
}

static inline alm_demand normal_demand(double mean, double deviation, alm_arena *arena)
{
    return cells_demand(normal_below, (double[]){mean, deviation}, arena);
}

#endif
