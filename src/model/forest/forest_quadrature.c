/* forest_quadrature.c: Gauss-Legendre rules by bisection. */
#include "model/forest/forest_quadrature.h"

#define ROOTS_MAX (ALMI_PATH_FEATURES_MAX / 2 + 2)

/* Legendre polynomials P_n and P_(n-1) at x by their recurrence. */
static void legendre(size_t n, double x, double *at, double *before)
{
    double current = 1.0, last = 0.0;
    for (size_t k = 0; k < n; k++) {
        double next = ((double)(2 * k + 1) * x * current - (double)k * last) / (double)(k + 1);
        last = current;
        current = next;
    }
    *at = current;
    *before = last;
}

/* The root of P_n between two neighbouring roots of P_(n-1), by bisection: plain arithmetic, so the
 * same bits everywhere, unlike a start value from the C library's cosine. */
static double legendre_root(size_t n, double low, double high)
{
    double sign = 0, value = 0, before = 0;
    legendre(n, low, &sign, &before);
    for (int i = 0; i < 80; i++) {
        double middle = 0.5 * (low + high);
        legendre(n, middle, &value, &before);
        if ((value < 0) == (sign < 0)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

alm_err almi_quadrature_rules(alm_arena *arena, size_t count, const almi_quadrature **out,
                              alm_error *error)
{
    almi_quadrature *rules = NULL;
    double root[ROOTS_MAX] = {-1.0, 1.0}; /* -1, the roots of P_(n-1), 1 */
    alm_assert(count + 2 <= ROOTS_MAX);
    ALM_TRY(ALMI_FOREST_ARRAY(arena, count + 1, rules, error));
    for (size_t n = 1; n <= count; n++) {
        double found[ROOTS_MAX] = {-1.0};
        almi_quadrature *rule = &rules[n];
        rule->lanes_count = (n + ALMI_POINTS - 1) / ALMI_POINTS;
        /* One more than needed: from 64 bytes on an arena aligns to 64, as vector loads need. */
        ALM_TRY(ALMI_FOREST_ARRAY(arena, rule->lanes_count + 1, rule->point, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, rule->lanes_count + 1, rule->weight, error));
        for (size_t q = 0; q < n; q++) {
            double x = legendre_root(n, root[q], root[q + 1]);
            double at = 0, before = 0;
            legendre(n, x, &at, &before);
            double scaled = (double)n * before; /* (1 - x^2) P_n'(x) at a root */
            found[q + 1] = x;
            rule->point[q / ALMI_POINTS][q % ALMI_POINTS] = 0.5 * (1.0 + x);
            rule->weight[q / ALMI_POINTS][q % ALMI_POINTS] = (1.0 - x * x) / (scaled * scaled);
        }
        found[n + 1] = 1.0;
        for (size_t q = 0; q < n + 2; q++) {
            root[q] = found[q];
        }
    }
    *out = rules;
    return ALM_OK;
}
