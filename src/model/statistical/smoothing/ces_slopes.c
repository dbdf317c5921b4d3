/* ces_slopes.c: every state carries its derivatives by the parameters along (forward
 * differentiation). One recursion waits for its last step all the time, so that four derivatives
 * beside it cost little, where differences cost a way through the past for each parameter. */
#include "model/statistical/smoothing/ces_slopes.h"

#include <math.h>
#include <string.h>

#define QUIET 1e-20 /* what is left of a state, of values of about 1 */

typedef double four __attribute__((vector_size(32)));

typedef struct almi_ces_moving {
    four of_l, of_c; /* derivatives by the parameters */
    almi_ces_pair s;
} moving;

typedef struct rates { /* what an error does to a complex level */
    double a0, a1;
    four of_a0, of_a1;
} rates;

void almi_ces_walk_init(almi_ces_walk *walk, alm_arena *arena)
{
    walk->moving = ALM_NEW_ARRAY(arena, moving, walk->season);
    walk->rows = ALM_NEW_ARRAY(arena, double, walk->past->count * ALMI_CES_PARAMETERS_MAX);
}

ALM_INLINE void move(moving *m, const rates *by, double e, const four *slope)
{
    const four of_e = *slope;
    four l = m->of_l - (1 - by->a1) * m->of_c + (by->a0 - by->a1) * of_e;
    four c = m->of_l + (1 - by->a0) * m->of_c + (by->a0 + by->a1) * of_e;
    m->of_l = l + m->s.c * by->of_a1 + e * (by->of_a0 - by->of_a1);
    m->of_c = c - m->s.c * by->of_a0 + e * (by->of_a0 + by->of_a1);
    m->s = almi_ces_move(m->s, by->a0, by->a1, e);
}

/* A real phase has one rate, and its c stays 0. */
ALM_INLINE void move_real(moving *m, const rates *by, double e, const four *of_e)
{
    m->of_l += by->a0 * *of_e + e * by->of_a0;
    m->s.l += by->a0 * e;
}

typedef struct model {
    rates level, phase;
} model;

static model model_of(alm_ces_season form, const double *x)
{
    static const four FIRST = {1, 0, 0, 0}, SECOND = {0, 1, 0, 0}, THIRD = {0, 0, 1, 0},
                      FOURTH = {0, 0, 0, 1}, NONE = {0, 0, 0, 0};
    model m = {{x[0], x[1], FIRST, SECOND}, {x[0], x[1], FIRST, SECOND}};
    if (form == ALM_CES_PARTIAL) {
        m.phase = (rates){x[2], 0, THIRD, NONE};
    } else if (form == ALM_CES_FULL) {
        m.phase = (rates){x[2], x[3], THIRD, FOURTH};
    }
    return m;
}

/* One period; its error, and the derivatives of that into *row. */
ALM_INLINE double pass(alm_ces_season form, const model *m, moving *level, moving *phase, double y,
                       four *row)
{
    static const four NONE = {0, 0, 0, 0};
    const bool has_level = form != ALM_CES_SIMPLE;
    double mean = (has_level ? level->s.l : 0) + (form ? phase->s.l : 0);
    four of_mean = has_level ? level->of_l : NONE;
    of_mean = form ? of_mean + phase->of_l : of_mean;
    double known = isnan(y) ? 0 : 1;
    double e = isnan(y) ? 0 : y - mean;
    four of_e = -known * of_mean;
    if (has_level) {
        move(level, &m->level, e, &of_e);
    }
    if (form == ALM_CES_PARTIAL) {
        move_real(phase, &m->phase, e, &of_e);
    } else if (form) {
        move(phase, &m->phase, e, &of_e);
    }
    *row = of_e;
    return e;
}

/* How many periods until nothing is left of a complex level that sees all values: powers of
 * F - g w' by squares. */
static size_t reach_of(const rates *by, size_t limit)
{
    double a = 1 - by->a0 + by->a1, b = by->a1 - 1, c = 1 - by->a0 - by->a1, d = 1 - by->a0;
    size_t reach = 1;
    while (reach < limit && !(fabs(a) + fabs(b) + fabs(c) + fabs(d) < QUIET)) {
        double bc = b * c, trace = a + d;
        a = a * a + bc;
        d = d * d + bc;
        b *= trace;
        c *= trace;
        reach *= 2;
    }
    return reach;
}

/* Forward and back, or only back; what remains is the state before the past. */
ALM_INLINE void find_start(alm_ces_season form, const almi_ces_walk *w, const model *m,
                           moving *level)
{
    const alm_adjusted *past = w->past;
    size_t count = past->count;
    size_t phase = 0;
    four row;
    bool is_regular = !form && past->known == count;
    size_t reach = is_regular ? reach_of(&m->level, count) : count;
    for (size_t t = 0; reach >= count && t < count; t++) {
        (void)pass(form, m, level, &w->moving[phase], past->y[t], &row);
        phase = phase + 1 == w->season ? 0 : phase + 1;
    }
    for (size_t t = reach < count ? reach : count; t-- > 0;) {
        phase = phase == 0 ? w->season - 1 : phase - 1;
        (void)pass(form, m, level, &w->moving[phase], past->y[t], &row);
    }
}

ALM_INLINE void follow_form(alm_ces_season form, const almi_ces_walk *w, const model *m,
                            moving *level, double *r)
{
    const alm_adjusted *past = w->past;
    four *row = (four *)w->rows;
    size_t phase = 0;
    find_start(form, w, m, level);
    for (size_t t = 0; t < past->count; t++) {
        r[t] = pass(form, m, level, &w->moving[phase], past->y[t], &row[t]);
        phase = phase + 1 == w->season ? 0 : phase + 1;
    }
}

ALM_WIDE_VECTORS
static void follow_all(const almi_ces_walk *w, const model *m, moving *level, double *r)
{
    moving own = *level; /* in registers */
    switch (w->form) {
    case ALM_CES_NONE: follow_form(ALM_CES_NONE, w, m, &own, r); break;
    case ALM_CES_SIMPLE: follow_form(ALM_CES_SIMPLE, w, m, &own, r); break;
    case ALM_CES_PARTIAL: follow_form(ALM_CES_PARTIAL, w, m, &own, r); break;
    case ALM_CES_FULL: follow_form(ALM_CES_FULL, w, m, &own, r); break;
    }
    *level = own;
}

void almi_ces_follow(const almi_ces_walk *w, const double *x, double *r, almi_ces_pair *level,
                     almi_ces_pair *phase)
{
    model m = model_of(w->form, x);
    moving whole = {.s = w->first};
    memset(w->moving, 0, w->season * sizeof *w->moving);
    for (size_t k = 0; k < w->season; k++) {
        w->moving[k].s = w->phase[k];
    }
    follow_all(w, &m, &whole, r);
    *level = whole.s;
    for (size_t k = 0; k < w->season; k++) {
        phase[k] = w->moving[k].s;
    }
}
