#include "model/statistical/arima/arima_polynomial.h"

#include <math.h>
#include <string.h>

/* Partial autocorrelations stay this far from 1 and -1: beyond, covariances are all rounding. */
#define PARTIAL_MAX (1 - 1e-7)

size_t almi_arma_count(const alm_arima_order *order)
{
    return order->p + order->q + order->seasonal_p + order->seasonal_q;
}

static void add_term(almi_terms *t, size_t lag, double c)
{
    size_t k = t->count++;
    for (; k > 0 && t->lag[k - 1] < lag; k--) {
        t->lag[k] = t->lag[k - 1];
        t->c[k] = t->c[k - 1];
    }
    t->lag[k] = lag;
    t->c[k] = c;
    t->degree = lag > t->degree ? lag : t->degree;
}

typedef struct factor { /* 1 - sign sum c_i B^(i step) */
    const double *c;
    size_t count, step;
} factor;

/* The lags of the product of two factors. */
static void multiply(const factor *a, const factor *b, double sign, almi_terms *out)
{
    out->count = out->degree = 0;
    for (size_t i = 1; i <= a->count; i++) {
        add_term(out, i * a->step, a->c[i - 1]);
    }
    for (size_t j = 1; j <= b->count; j++) {
        add_term(out, j * b->step, b->c[j - 1]);
        for (size_t i = 1; i <= a->count; i++) {
            add_term(out, i * a->step + j * b->step, -sign * a->c[i - 1] * b->c[j - 1]);
        }
    }
}

void almi_arma_of(const alm_arima_order *order, size_t season, const double *coefficient,
                  almi_arma *out)
{
    const factor AR = {coefficient, order->p, 1};
    const factor MA = {AR.c + AR.count, order->q, 1};
    const factor SEASONAL_AR = {MA.c + MA.count, order->seasonal_p, season};
    const factor SEASONAL_MA = {SEASONAL_AR.c + SEASONAL_AR.count, order->seasonal_q, season};
    multiply(&AR, &SEASONAL_AR, 1, &out->ar);
    multiply(&MA, &SEASONAL_MA, -1, &out->ma);
    out->width = out->ar.degree > out->ma.degree ? out->ar.degree : out->ma.degree;
}

/* Durbin and Levinson: the k-th step brings the k-th partial autocorrelation in. */
static void from_partial(const double *x, size_t count, double sign, double *out)
{
    double before[ALM_ARIMA_ORDER_MAX];
    for (size_t k = 0; k < count; k++) {
        double partial = PARTIAL_MAX * (x[k] / sqrt(1 + x[k] * x[k]));
        memcpy(before, out, k * sizeof(double));
        for (size_t j = 0; j < k; j++) {
            out[j] = before[j] - partial * before[k - 1 - j];
        }
        out[k] = partial;
    }
    for (size_t k = 0; k < count; k++) {
        out[k] *= sign;
    }
}

void almi_arma_coefficients(const alm_arima_order *order, const double *x, double *coefficient)
{
    const size_t COUNTS[] = {order->p, order->q, order->seasonal_p, order->seasonal_q};
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        from_partial(x + at, COUNTS[i], i % 2 ? -1 : 1, coefficient + at);
        at += COUNTS[i];
    }
}

void almi_difference_terms(const alm_arima_order *order, size_t season, almi_terms *out)
{
    static const double ONCE[] = {1};
    static const double TWICE[] = {2, -1};
    const factor LEVEL = {order->d == 2 ? TWICE : ONCE, order->d, 1};
    const factor SEASON = {ONCE, order->seasonal_d, season};
    multiply(&LEVEL, &SEASON, 1, out);
}

/* Takes the recursion back: all partial autocorrelations of 1 - sum c_i B^i are inside of (-1, 1)
 * if and only if all its roots are outside of the unit circle. */
static bool is_stationary(double *c, size_t count)
{
    double before[ALM_ARIMA_ORDER_MAX];
    for (size_t k = count; k-- > 0;) {
        double partial = c[k];
        if (!(fabs(partial) < 1)) {
            return false;
        }
        memcpy(before, c, k * sizeof(double));
        for (size_t j = 0; j < k; j++) {
            c[j] = (before[j] + partial * before[k - 1 - j]) / (1 - partial * partial);
        }
    }
    return true;
}

bool almi_roots_are_beyond(const alm_arima_order *order, const double *coefficient, double of_ar,
                           double of_ma)
{
    const size_t COUNTS[] = {order->p, order->q, order->seasonal_p, order->seasonal_q};
    for (size_t i = 0; i < 4; i++) {
        double scaled[ALM_ARIMA_ORDER_MAX];
        double power = 1;
        for (size_t k = 0; k < COUNTS[i]; k++) {
            power *= i % 2 ? of_ma : of_ar;
            scaled[k] = (i % 2 ? -1 : 1) * power * coefficient[k];
        }
        if (!is_stationary(scaled, COUNTS[i])) {
            return false;
        }
        coefficient += COUNTS[i];
    }
    return true;
}

/* ---- covariances ---- */

static void spread(const almi_terms *t, double *dense, size_t count)
{
    memset(dense, 0, count * sizeof(double));
    for (size_t k = 0; k < t->count; k++) {
        dense[t->lag[k]] += t->c[k];
    }
}

/* Autocovariances 0 .. last of w_t = sum ar w_{t-k} + a_t, p = its degree: the recursion of the
 * lower orders from the highest down (rows of `stage`), then Yule and Walker's equations up. */
static bool ar_covariance(const double *ar, size_t p, size_t last, double *stage, double *gamma)
{
    if (p > 0) {
        memcpy(stage + (p - 1) * p, ar + 1, p * sizeof(double));
    }
    gamma[0] = 1;
    for (size_t k = p; k-- > 0;) {
        const double *row = stage + k * p;
        double partial = row[k];
        double rest = 1 - partial * partial;
        if (!(fabs(partial) < 1) || !(rest > 0)) {
            return false;
        }
        gamma[0] /= rest;
        for (size_t j = 0; j < k; j++) {
            stage[(k - 1) * p + j] = (row[j] + partial * row[k - 1 - j]) / rest;
        }
    }
    for (size_t h = 1; h <= last; h++) {
        size_t order = h < p ? h : p;
        double sum = 0;
        for (size_t j = 0; j < order; j++) {
            sum += stage[(order - 1) * p + j] * gamma[h - 1 - j];
        }
        gamma[h] = sum;
    }
    return isfinite(gamma[0]);
}

/* Autocovariances of the whole from those of its autoregressive part. */
static void arma_covariance(const almi_terms *ma, const double *gamma, size_t last, double *out)
{
    for (size_t h = 0; h <= last; h++) {
        double sum = gamma[h];
        for (size_t i = 0; i < ma->count; i++) {
            size_t a = ma->lag[i];
            sum += ma->c[i] * (gamma[h + a] + gamma[h > a ? h - a : a - h]);
            for (size_t j = 0; j < ma->count; j++) {
                size_t up = h + a;
                size_t b = ma->lag[j];
                sum += ma->c[i] * ma->c[j] * gamma[up > b ? up - b : b - up];
            }
        }
        out[h] = sum;
    }
}

size_t almi_covariance_scratch(const almi_arma *arma)
{
    size_t p = arma->ar.degree;
    return p * p + 4 * (arma->width + 2) + 2 * (arma->width + 1);
}

/* Row 1 of V: x_1(t) is w_{t+1} without its error. */
static void first_row(const almi_arma *arma, const double *gamma, const double *psi, double *v)
{
    for (size_t j = 1; j <= arma->width; j++) {
        double sum = 0;
        for (size_t k = 0; k < arma->ar.count; k++) {
            size_t i = arma->ar.lag[k];
            sum += i >= j ? arma->ar.c[k] * gamma[i - j + 1] : 0;
        }
        for (size_t k = 0; k < arma->ma.count; k++) {
            size_t i = arma->ma.lag[k];
            sum += i >= j ? arma->ma.c[k] * psi[i - j + 1] : 0;
        }
        v[j - 1] = sum;
    }
}

bool almi_arma_covariance(const almi_arma *arma, double *scratch, double *v)
{
    size_t r = arma->width;
    size_t p = arma->ar.degree;
    double *ar = scratch + p * p;
    double *ma = ar + r + 2;
    double *psi = ma + r + 2;
    double *whole = psi + r + 2;
    double *gamma = whole + r + 2;
    spread(&arma->ar, ar, r + 2);
    spread(&arma->ma, ma, r + 2);
    if (!ar_covariance(ar, p, p + arma->ma.degree, scratch, gamma)) {
        return false;
    }
    arma_covariance(&arma->ma, gamma, p, whole);
    psi[0] = 1;
    for (size_t j = 1; j <= arma->ma.degree; j++) {
        psi[j] = ma[j];
        for (size_t k = 0; k < arma->ar.count; k++) {
            psi[j] += arma->ar.lag[k] <= j ? arma->ar.c[k] * psi[j - arma->ar.lag[k]] : 0;
        }
    }
    first_row(arma, whole, psi, v);
    /* x_i(t) = x_{i+1}(t-1) + ar_i x_1(t-1) + (ar_i + ma_i) a_t, and V is that of any t. */
    for (size_t i = r; i-- > 1;) {
        double row = i + 1 < r ? v[i + 1] : 0;
        for (size_t j = i; j < r; j++) {
            double above = j + 1 < r ? v[j + 1] : 0;
            double next = i + 1 < r && j + 1 < r ? v[(i + 1) * r + j + 1] : 0;
            double a = ar[i + 1];
            double b = ar[j + 1];
            v[i * r + j] = next + a * above + b * row + a * b * v[0] +
                           (a + ma[i + 1]) * (b + ma[j + 1]);
        }
    }
    for (size_t i = 0; i < r; i++) {
        for (size_t j = 0; j < i; j++) {
            v[i * r + j] = v[j * r + i];
        }
    }
    return isfinite(v[0]);
}
