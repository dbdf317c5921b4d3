/* ets_slopes.c: how the errors of a past change with what is fitted. Every quantity of the
 * recursion carries its derivatives by all parameters along (forward differentiation), which costs
 * one way through the past where differences cost one for each parameter. */
#include <string.h>

#include "model/statistical/smoothing/ets_internal.h"

typedef double four __attribute__((vector_size(32)));

typedef struct slopes { /* derivatives by the parameters: `width` x 4 of them each */
    size_t width;
    size_t stride; /* of rows, in fours */
    const four *seed; /* of alpha, beta, gamma, phi; by the first four parameters */
    four *level, *slope;
    four *index; /* season x width */
    four *mean;  /* sum of those of the logarithms of the means */
} slopes;

/* What an error does to the level and to an index, and how the past is told. */
typedef struct errors {
    double own, of_level, of_index;
} errors;

ALM_INLINE errors errors_of(const alm_ets_form *form, double e, double whole, double index)
{
    bool is_ratio = form->season == ALM_ETS_MULTIPLICATIVE;
    return (errors){e, is_ratio ? e / index : e, is_ratio ? e / whole : e};
}

typedef struct period {
    double whole, index, mean, slope;
    double known; /* 1, or 0 */
    errors e;
} period;

/* The derivatives of one period, from those before it; `row`: of its error. */
ALM_INLINE void follow_period(const alm_ets_form *form, const almi_ets *p, const period *n,
                              const slopes *d, four *index, four *row)
{
    const bool is_ratio = form->season == ALM_ETS_MULTIPLICATIVE;
    const double by_index = is_ratio ? 1 / n->index : 1;
    const double by_whole = is_ratio ? 1 / n->whole : 1;
    const double by_mean = form->error == ALM_ETS_MULTIPLICATIVE ? 1 / n->mean : 1;
    const double relative = n->e.own * by_mean;
    for (size_t j = 0; j < d->width; j++) {
        four slope = {0};
        if (form->trend) {
            slope = p->phi * d->slope[j];
            slope += j == 0 ? n->slope * d->seed[3] : (four){0};
        }
        four whole = d->level[j] + slope;
        four of_index = {0};
        four mean = whole;
        if (form->season) {
            of_index = index[j];
            mean = is_ratio ? n->index * whole + n->whole * of_index : whole + of_index;
        }
        four e = -n->known * mean;
        four level_error = is_ratio ? (e - n->e.of_level * of_index) * by_index : e;
        four index_error = is_ratio ? (e - n->e.of_index * whole) * by_whole : e;
        d->level[j] = whole + p->alpha * level_error;
        if (form->trend) {
            d->slope[j] = slope + p->beta * level_error;
        }
        if (form->season) {
            index[j] = of_index + p->gamma * index_error;
        }
        if (form->error == ALM_ETS_MULTIPLICATIVE) {
            four of_log = n->known * by_mean * mean;
            d->mean[j] += of_log;
            row[j] = e * by_mean - relative * of_log;
        } else {
            row[j] = e;
        }
    }
    d->level[0] += n->e.of_level * d->seed[0];
    if (form->trend) {
        d->slope[0] += n->e.of_level * d->seed[1];
    }
    if (form->season) {
        index[0] += n->e.of_index * d->seed[2];
    }
}

ALM_INLINE void follow_past(const alm_ets_form *form, const almi_ets_walk *w, const slopes *d,
                            double *rows)
{
    const almi_ets own = *w->p; /* in registers: nothing that is written can be a part of it */
    const almi_ets *p = &own;
    double level = p->level;
    double slope = p->slope;
    size_t phase = 0;
    for (size_t t = 0; t < w->past->count; t++) {
        double y = w->past->y[t];
        double moved = form->trend ? p->phi * slope : 0;
        double index = form->season ? w->index[phase] : 0;
        period n = {.whole = level + moved, .index = index, .slope = slope, .known = !isnan(y)};
        n.mean = form->season == ALM_ETS_MULTIPLICATIVE ? n.whole * index : n.whole + index;
        n.e = errors_of(form, isnan(y) ? 0 : y - n.mean, n.whole, index);
        follow_period(form, p, &n, d, d->index + phase * d->stride,
                      (four *)(rows + t * 4 * d->stride));
        level = n.whole + p->alpha * n.e.of_level;
        slope = moved + p->beta * n.e.of_level;
        if (form->season) {
            w->index[phase] = index + p->gamma * n.e.of_index;
        }
        if (form->error == ALM_ETS_MULTIPLICATIVE) {
            w->relative[t] = n.e.own / n.mean;
        }
        phase = phase + 1 == p->season ? 0 : phase + 1;
    }
}

/* Without a season there are few derivatives, which stay in registers. */
ALM_INLINE void follow_few(const alm_ets_form *form, const almi_ets_walk *w, const slopes *d,
                           size_t width, double *rows)
{
    four level[2], slope[2], mean[2], seed[4];
    const slopes own = {width, d->stride, seed, level, slope, d->index, mean};
    memcpy(seed, d->seed, sizeof seed);
    for (size_t j = 0; j < width; j++) {
        level[j] = d->level[j];
        slope[j] = d->slope[j];
        mean[j] = d->mean[j];
    }
    follow_past(form, w, &own, rows);
    for (size_t j = 0; j < width; j++) {
        d->mean[j] = mean[j];
    }
}

ALM_INLINE void follow_form(const alm_ets_form *form, const almi_ets_walk *w, const slopes *d,
                            double *rows)
{
    if (form->season) {
        follow_past(form, w, d, rows);
    } else if (d->width == 1) {
        follow_few(form, w, d, 1, rows);
    } else {
        follow_few(form, w, d, 2, rows);
    }
}

ALM_WIDE_VECTORS
static void follow(const almi_ets_walk *w, const slopes *d, double *rows)
{
    const alm_ets_form *f = &w->p->form;
#define FOLLOW(e, t, s)                                                                          \
    if (f->error == ALM_ETS_##e && f->trend == ALM_ETS_##t && f->season == ALM_ETS_##s) {        \
        static const alm_ets_form FORM = {ALM_ETS_##e, ALM_ETS_##t, ALM_ETS_##s, false};         \
        follow_form(&FORM, w, d, rows);                                                          \
    }
    ALMI_ETS_FORMS(FOLLOW)
#undef FOLLOW
}

/* Relative errors are told times the geometric mean of the means, which changes too. */
ALM_WIDE_VECTORS
static void scale_rows(const almi_ets_walk *w, double geometric, const slopes *d, double *rows)
{
    for (size_t j = 0; j < d->width; j++) {
        d->mean[j] /= (double)w->past->known;
    }
    for (size_t t = 0; t < w->past->count; t++) {
        four *row = (four *)(rows + t * 4 * d->stride);
        for (size_t j = 0; j < d->width; j++) {
            row[j] = geometric * (row[j] + w->relative[t] * d->mean[j]);
        }
    }
}

void almi_ets_slopes(const almi_ets_walk *w, const double seed[4][4], double geometric,
                     size_t stride, double *rows)
{
    const almi_ets *p = w->p;
    four seeds[4];
    double *of = w->slopes;
    memset(of, 0, ALMI_ETS_SLOPES(p->season) * stride * sizeof *of);
    slopes d = {(p->parameters + 3) / 4, stride / 4, seeds, (four *)of, (four *)(of + stride),
                (four *)(of + 3 * stride), (four *)(of + 2 * stride)};
    for (size_t i = 0; i < 4; i++) {
        memcpy(&seeds[i], seed[i], sizeof seeds[i]);
    }
    size_t k = w->first;
    of[k++] = 1;
    if (p->form.trend) {
        of[stride + k++] = 1;
    }
    double *last = of + (2 + p->season) * stride;
    for (size_t i = 0; p->form.season && i + 1 < p->season; i++, k++) {
        of[(3 + i) * stride + k] = 1;
        last[k] = -1;
    }
    follow(w, &d, rows);
    if (p->form.error == ALM_ETS_MULTIPLICATIVE) {
        scale_rows(w, geometric, &d, rows);
    }
}
