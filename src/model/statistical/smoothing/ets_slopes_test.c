#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "model/statistical/smoothing/ets_internal.h"
#include "model/statistical/statistical_cases.h"

#define COUNT 40
#define SEASON 4
#define PARAMETERS_MAX (4 + 2 + SEASON - 1)
#define STRIDE 12

/* The recursion as the book writes it, with everything by itself: the errors that are squared. */
static void literal(const alm_ets_form *f, const double *x, const double *y, double *r)
{
    size_t k = 0;
    double alpha = x[k++];
    double beta = f->trend ? x[k++] : 0;
    double gamma = f->season ? x[k++] : 0;
    double phi = f->is_damped ? x[k++] : 1;
    double level = x[k++];
    double slope = f->trend ? x[k++] : 0;
    double index[SEASON];
    double logs = 0, known = 0;
    double last = f->season == ALM_ETS_MULTIPLICATIVE ? SEASON : 0;
    for (size_t i = 0; i < SEASON; i++) {
        double neutral = f->season == ALM_ETS_MULTIPLICATIVE ? 1 : 0;
        index[i] = !f->season ? neutral : i + 1 < SEASON ? x[k++] : last;
        last -= index[i];
    }
    for (size_t t = 0; t < COUNT; t++) {
        double s = index[t % SEASON];
        double whole = level + phi * slope;
        double mean = f->season == ALM_ETS_MULTIPLICATIVE ? whole * s : whole + s;
        double seen = isnan(y[t]) ? mean : y[t];
        double e = seen - mean;
        double to_level = f->season == ALM_ETS_MULTIPLICATIVE ? e / s : e;
        double to_index = f->season == ALM_ETS_MULTIPLICATIVE ? e / whole : e;
        level = whole + alpha * to_level;
        slope = phi * slope + beta * to_level;
        index[t % SEASON] = s + gamma * to_index;
        r[t] = f->error == ALM_ETS_MULTIPLICATIVE ? e / mean : e;
        logs += isnan(y[t]) ? 0 : log(mean);
        known += !isnan(y[t]);
    }
    for (size_t t = 0; t < COUNT && f->error == ALM_ETS_MULTIPLICATIVE; t++) {
        r[t] *= exp(logs / known);
    }
}

static void start(const alm_ets_form *f, almi_ets *p, double *index, double *x, size_t *count)
{
    static const double OF[SEASON] = {.12, -.08, -.1, .06};
    size_t k = 0;
    p->alpha = x[k++] = .4;
    p->beta = .1;
    p->gamma = .2;
    p->phi = f->is_damped ? .9 : 1;
    if (f->trend) {
        x[k++] = p->beta;
    }
    if (f->season) {
        x[k++] = p->gamma;
    }
    if (f->is_damped) {
        x[k++] = p->phi;
    }
    p->level = x[k++] = 1.5;
    p->slope = f->trend ? x[k++] = .02 : 0;
    for (size_t i = 0; f->season && i < SEASON; i++) {
        index[i] = OF[i] + (f->season == ALM_ETS_MULTIPLICATIVE);
        if (i + 1 < SEASON) {
            x[k++] = index[i];
        }
    }
    *count = k;
}

/* Central differences with steps of 1e-5 are right to about 1e-9 here, where derivatives are of
 * the order of 1. */
static void check(const alm_ets_form *form, const double *y)
{
    alm_arena *arena = alm_arena_create(0);
    double own[COUNT], relative[COUNT], low[COUNT], high[COUNT];
    double x[PARAMETERS_MAX], index[SEASON];
    double *rows = ALM_NEW_ARRAY(arena, double, COUNT * STRIDE);
    double seed[4][4] = {{0}, {0}, {0}, {0}};
    size_t count = 0, raw = 1, known = 0;
    almi_ets p = {.form = *form, .season = form->season ? SEASON : 1};
    start(form, &p, index, x, &count);
    p.parameters = count;
    memcpy(own, y, sizeof own);
    for (size_t t = 0; t < COUNT; t++) {
        known += !isnan(y[t]);
    }
    alm_adjusted past = {.y = own, .count = COUNT, .known = known};
    seed[0][0] = 1;
    if (form->trend) {
        seed[1][raw++] = 1;
    }
    if (form->season) {
        seed[2][raw++] = 1;
    }
    if (form->is_damped) {
        seed[3][raw++] = 1;
    }
    almi_ets_walk w = {&past, &p, index, relative,
                       ALM_NEW_ARRAY(arena, double, ALMI_ETS_SLOPES(SEASON) * STRIDE), raw, 0, NULL,
                       NULL};
    literal(form, x, y, low);
    double geometric = 1;
    if (form->error == ALM_ETS_MULTIPLICATIVE) { /* from the first error, which is known */
        double mean = p.level + p.phi * p.slope;
        mean = form->season == ALM_ETS_MULTIPLICATIVE ? mean * index[0]
               : form->season                         ? mean + index[0]
                                                      : mean;
        geometric = low[0] / ((y[0] - mean) / mean);
    }
    almi_ets_slopes(&w, (const double(*)[4])seed, geometric, STRIDE, rows);
    for (size_t k = 0; k < count; k++) {
        double kept = x[k];
        x[k] = kept + 1e-5;
        literal(form, x, y, high);
        x[k] = kept - 1e-5;
        literal(form, x, y, low);
        x[k] = kept;
        for (size_t t = 0; t < COUNT; t++) {
            double slope = (high[t] - low[t]) / 2e-5;
            assert_true(fabs(rows[t * STRIDE + k] - slope) <= 1e-7 * (1 + fabs(slope)));
        }
    }
    alm_arena_destroy(arena);
}

static void slopes_are_those_of_the_book(void **unused)
{
    (void)unused;
    double y[COUNT];
    for (size_t t = 0; t < COUNT; t++) {
        y[t] = TOURISTS[t] / 20;
    }
    y[9] = y[10] = y[31] = (double)NAN;
    for (int code = 0; code < 24; code++) {
        alm_ets_form form = {code & 1 ? ALM_ETS_MULTIPLICATIVE : ALM_ETS_ADDITIVE,
                             code & 2 ? ALM_ETS_ADDITIVE : ALM_ETS_NONE,
                             (alm_ets_part)(code >> 3), (code & 4) != 0};
        if (form.trend || !form.is_damped) {
            check(&form, y);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_are_those_of_the_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
