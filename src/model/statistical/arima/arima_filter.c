#include "model/statistical/arima/arima_filter.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_values.h"
#include "num/elementary.h"

#define DIFFUSE 1e7   /* variance of a first value that is not known */
#define SETTLED 1e-12 /* variances below this are 0 */

void almi_filter_init(almi_filter *f, const almi_arma *arma, const almi_terms *difference,
                      alm_arena *arena)
{
    size_t size = arma->width + difference->degree;
    alm_assert(size <= ALMI_FILTER_SIZE_MAX);
    *f = (almi_filter){.arma = arma, .difference = difference, .width = arma->width, .size = size};
    f->s = ALM_NEW_ARRAY(arena, double, size);
    f->p = ALM_NEW_ARRAY(arena, double, size * size);
    f->work = ALM_NEW_ARRAY(arena, double, size * size + 2 * size);
}

bool almi_filter_start(almi_filter *f, const double *first, alm_arena *scratch)
{
    size_t r = f->width;
    size_t depth = f->size - r;
    memset(f->s, 0, f->size * sizeof(double));
    memset(f->p, 0, f->size * f->size * sizeof(double));
    f->is_settled = false;
    double whole[ALMI_FILTER_SIZE_MAX];
    almi_bridge(first, depth, whole);
    for (size_t k = 0; k < depth; k++) {
        size_t at = depth - 1 - k;
        f->s[r + k] = whole[at];
        f->p[(r + k) * (f->size + 1)] = isnan(first[at]) ? DIFFUSE : 0;
    }
    if (r == 0) {
        return true;
    }
    double *v = ALM_NEW_ARRAY(scratch, double, r * r);
    double *room = ALM_NEW_ARRAY(scratch, double, almi_covariance_scratch(f->arma));
    if (!almi_arma_covariance(f->arma, room, v)) {
        return false;
    }
    for (size_t i = 0; i < r; i++) {
        memcpy(f->p + i * f->size, v + i * r, r * sizeof(double));
    }
    return true;
}

/* What the newest values add to the next one. */
static double level_of(const almi_filter *f, const double *s)
{
    const almi_terms *d = f->difference;
    double sum = 0;
    for (size_t k = 0; k < d->count; k++) {
        sum += d->c[k] * s[f->width + d->lag[k] - 1];
    }
    return sum;
}

/* s moves by one period that has error e: s = T s + R e. Returns the value. */
static double advance(const almi_filter *f, double *s, double e)
{
    size_t r = f->width;
    double level = level_of(f, s);
    double first = r > 0 ? s[0] + e : e;
    if (r > 0) {
        memmove(s, s + 1, (r - 1) * sizeof(double));
        s[r - 1] = 0;
    }
    for (size_t k = 0; k < f->arma->ar.count; k++) {
        s[f->arma->ar.lag[k] - 1] += f->arma->ar.c[k] * first;
    }
    for (size_t k = 0; k < f->arma->ma.count; k++) {
        s[f->arma->ma.lag[k] - 1] += f->arma->ma.c[k] * e;
    }
    if (f->size > r) {
        memmove(s + r + 1, s + r, (f->size - r - 1) * sizeof(double));
        s[r] = level + first;
    }
    return level + first;
}

static double next_mean(const almi_filter *f, const double *s)
{
    return level_of(f, s) + (f->width > 0 ? s[0] : 0);
}

/* P = T P T' + R R'; `gain` gets T P h' + R, and what is returned is the variance of the value. */
static double advance_covariance(almi_filter *f, double *gain)
{
    size_t n = f->size;
    double *b = f->work;
    for (size_t i = 0; i < n; i++) { /* P T' */
        memcpy(b + i * n, f->p + i * n, n * sizeof(double));
        gain[i] = advance(f, b + i * n, 0); /* P h' */
    }
    double variance = 1 + next_mean(f, gain);
    (void)advance(f, gain, 1);
    double *noise = b + n * n + n;
    memset(noise, 0, n * sizeof(double));
    (void)advance(f, noise, 1);
    for (size_t j = 0; j < n; j++) { /* T (P T'), a column at a time */
        double column[ALMI_FILTER_SIZE_MAX];
        for (size_t i = 0; i < n; i++) {
            column[i] = b[i * n + j];
        }
        (void)advance(f, column, 0);
        for (size_t i = 0; i < n; i++) {
            f->p[i * n + j] = column[i] + noise[i] * noise[j];
        }
    }
    return variance;
}

/* What a known value says about the state; it is itself known from now on. */
static void condition(almi_filter *f, const double *gain, double variance)
{
    size_t n = f->size;
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double part = gain[i] / variance;
        for (size_t j = 0; j < n; j++) {
            f->p[i * n + j] -= part * gain[j];
        }
    }
    for (size_t i = 0; n > f->width && i < n; i++) {
        f->p[f->width * n + i] = f->p[i * n + f->width] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, f->p[i * (n + 1)]);
    }
    f->is_settled = largest < SETTLED;
}

/* A period of the covariance, which does not depend on values. What is returned is the variance of
 * the value; `*gain` what an error does to the state, or NULL where it is that of the model. */
static double pass_covariance(almi_filter *f, bool is_known, const double **gain)
{
    *gain = NULL;
    if (f->is_settled && is_known) {
        return 1;
    }
    double *room = f->work + f->size * f->size;
    if (f->is_settled) {
        memset(f->p, 0, f->size * f->size * sizeof(double));
        f->is_settled = false;
    }
    double variance = advance_covariance(f, room);
    if (is_known) {
        condition(f, room, variance);
    }
    *gain = room;
    return variance;
}

/* The same period of a state. Returns the error of the value, 0 where it is not known. */
static double pass_state(const almi_filter *f, double *s, double y, const double *gain,
                         double variance)
{
    bool is_known = !isnan(y);
    double e = is_known ? y - next_mean(f, s) : 0;
    (void)advance(f, s, gain ? 0 : e);
    for (size_t i = 0; gain && is_known && i < f->size; i++) {
        s[i] += e / variance * gain[i];
    }
    if (is_known && f->size > f->width) {
        s[f->width] = y;
    }
    return e;
}

void almi_filter_move(almi_filter *f, double y)
{
    const double *gain = NULL;
    double variance = pass_covariance(f, !isnan(y), &gain);
    (void)pass_state(f, f->s, y, gain, variance);
}

/* The first values of a column that is not y: all are known. */
static void start_column(const almi_filter *f, const double *column, double *s)
{
    size_t depth = f->size - f->width;
    memset(s, 0, f->size * sizeof(double));
    for (size_t k = 0; k < depth; k++) {
        s[f->width + k] = column[depth - 1 - k];
    }
}

bool almi_filter_whiten(almi_filter *f, const almi_columns *c, alm_arena *scratch, double *out,
                        double *log_det)
{
    size_t depth = f->size - f->width;
    size_t n = c->n - depth;
    double *s = ALM_NEW_ARRAY(scratch, double, c->count * f->size);
    double sum = 0;
    if (!almi_filter_start(f, c->y, scratch)) {
        return false;
    }
    for (size_t t = 0; t < depth; t++) {
        sum -= isnan(c->y[t]) ? alm_log(DIFFUSE) : 0;
    }
    for (size_t k = 0; k < c->count; k++) {
        start_column(f, c->x + k * c->n, s + k * f->size);
    }
    for (size_t t = 0; t < n; t++) {
        const double *gain = NULL;
        double y = c->y[depth + t];
        double variance = pass_covariance(f, !isnan(y), &gain);
        double deviation = sqrt(variance);
        sum += isnan(y) || variance == 1 ? 0 : alm_log(variance);
        out[t] = pass_state(f, f->s, y, gain, variance) / deviation;
        for (size_t k = 0; k < c->count; k++) {
            double x = isnan(y) ? y : c->x[k * c->n + depth + t];
            out[(k + 1) * n + t] = pass_state(f, s + k * f->size, x, gain, variance) / deviation;
        }
    }
    *log_det = sum;
    return true;
}

void almi_filter_mean(const almi_filter *f, size_t steps, double *out)
{
    double s[ALMI_FILTER_SIZE_MAX];
    memcpy(s, f->s, f->size * sizeof(double));
    for (size_t h = 0; h < steps; h++) {
        out[h] = advance(f, s, 0);
    }
}

/* row = row T. The value h periods ahead is row s, and errors on the way. */
static void advance_row(const almi_filter *f, double *row)
{
    size_t r = f->width;
    size_t depth = f->size - r;
    const almi_terms *d = f->difference;
    double newest = depth > 0 ? row[r] : 0;
    double first = newest;
    for (size_t k = 0; k < f->arma->ar.count; k++) {
        first += f->arma->ar.c[k] * row[f->arma->ar.lag[k] - 1];
    }
    if (depth > 0) {
        memmove(row + r, row + r + 1, (depth - 1) * sizeof(double));
        row[f->size - 1] = 0;
    }
    for (size_t k = 0; k < d->count; k++) {
        row[r + d->lag[k] - 1] += d->c[k] * newest;
    }
    if (r > 0) {
        memmove(row + 1, row, (r - 1) * sizeof(double));
        row[0] = first;
    }
}

static double form(const almi_filter *f, const double *row)
{
    double sum = 0;
    for (size_t i = 0; i < f->size && !f->is_settled; i++) {
        double inner = 0;
        for (size_t j = 0; j < f->size; j++) {
            inner += f->p[i * f->size + j] * row[j];
        }
        sum += row[i] * inner;
    }
    return sum > 0 ? sum : 0;
}

void almi_filter_variance(const almi_filter *f, size_t steps, double *out)
{
    double row[ALMI_FILTER_SIZE_MAX] = {0};
    double noise[ALMI_FILTER_SIZE_MAX] = {0};
    double sum = 1;
    (void)advance(f, noise, 1);
    row[0] = f->width > 0 ? 1 : 0;
    for (size_t k = 0; k < f->difference->count; k++) {
        row[f->width + f->difference->lag[k] - 1] += f->difference->c[k];
    }
    for (size_t h = 0; h < steps; h++) {
        out[h] = sum + form(f, row);
        double psi = 0;
        for (size_t i = 0; i < f->size; i++) {
            psi += row[i] * noise[i];
        }
        sum += psi * psi;
        advance_row(f, row);
    }
}

void almi_filter_copy(const almi_filter *from, almi_filter *to)
{
    to->is_settled = from->is_settled;
    memcpy(to->s, from->s, from->size * sizeof(double));
    if (!from->is_settled) {
        memcpy(to->p, from->p, from->size * from->size * sizeof(double));
    }
}
