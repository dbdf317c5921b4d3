#include "model/statistical/arima/arima_start.h"

#include <math.h>
#include <string.h>

#include "num/cholesky.h"

#define LONG_ORDER 24
#define PARTIAL_MAX .97 /* a start is well inside */
#define RIDGE 1e-6

static double mean_of(const double *w, size_t n)
{
    double sum = 0;
    for (size_t t = 0; t < n; t++) {
        sum += w[t];
    }
    return sum / (double)n;
}

void almi_long_errors(const double *w, size_t n, alm_arena *scratch, double *out)
{
    double gamma[LONG_ORDER + 1], ar[LONG_ORDER] = {0}, before[LONG_ORDER];
    size_t order = n / 4 < LONG_ORDER ? n / 4 : LONG_ORDER;
    double *v = ALM_NEW_ARRAY(scratch, double, n);
    double mean = mean_of(w, n);
    for (size_t t = 0; t < n; t++) {
        v[t] = w[t] - mean;
    }
    for (size_t h = 0; h <= order; h++) {
        gamma[h] = 0;
        for (size_t t = h; t < n; t++) {
            gamma[h] += v[t] * v[t - h];
        }
    }
    double variance = gamma[0]; /* Durbin and Levinson */
    for (size_t k = 0; k < order && variance > 0; k++) {
        double sum = gamma[k + 1];
        for (size_t j = 0; j < k; j++) {
            sum -= ar[j] * gamma[k - j];
        }
        double partial = sum / variance;
        memcpy(before, ar, k * sizeof(double));
        for (size_t j = 0; j < k; j++) {
            ar[j] = before[j] - partial * before[k - 1 - j];
        }
        ar[k] = partial;
        variance *= 1 - partial * partial;
    }
    for (size_t t = 0; t < n; t++) {
        double sum = t < order ? 0 : v[t];
        for (size_t j = 0; t >= order && j < order; j++) {
            sum -= ar[j] * v[t - 1 - j];
        }
        out[t] = sum;
    }
}

typedef struct regression {
    size_t count, first; /* coefficients; the first period that has all lags */
    size_t lag[ALMI_ARMA_MAX];
    bool is_error[ALMI_ARMA_MAX];
    double normal[ALMI_ARMA_MAX * ALMI_ARMA_MAX], b[ALMI_ARMA_MAX];
} regression;

static regression columns_of(const alm_arima_order *o, size_t season)
{
    const size_t COUNTS[] = {o->p, o->q, o->seasonal_p, o->seasonal_q};
    regression r = {.first = LONG_ORDER};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 1; j <= COUNTS[i]; j++) {
            size_t lag = j * (i < 2 ? 1 : season);
            r.lag[r.count] = lag;
            r.is_error[r.count++] = i % 2;
            r.first = lag > r.first ? lag : r.first;
        }
    }
    return r;
}

static bool regress(regression *r, const double *w, const double *errors, size_t n)
{
    double mean = mean_of(w, n);
    if (n < r->first + 2 * r->count + 2) {
        return false;
    }
    for (size_t t = r->first; t < n; t++) {
        double x[ALMI_ARMA_MAX];
        for (size_t i = 0; i < r->count; i++) {
            x[i] = r->is_error[i] ? errors[t - r->lag[i]] : w[t - r->lag[i]] - mean;
            r->b[i] += x[i] * (w[t] - mean);
            for (size_t j = 0; j <= i; j++) {
                r->normal[i * r->count + j] += x[i] * x[j];
            }
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        r->normal[i * (r->count + 1)] *= 1 + RIDGE;
    }
    if (alm_cholesky_factor(r->normal, r->count, NULL) != ALM_OK) {
        return false;
    }
    alm_cholesky_solve(r->normal, r->count, r->b, 1);
    return true;
}

/* Coefficients to partial autocorrelations, none near 1; in place, to the numbers searched. */
static void to_search(double *c, size_t count, double sign)
{
    double before[ALM_ARIMA_ORDER_MAX];
    for (size_t k = 0; k < count; k++) {
        c[k] *= sign;
    }
    for (size_t k = count; k-- > 0;) {
        double partial = fmin(fmax(c[k], -PARTIAL_MAX), PARTIAL_MAX);
        memcpy(before, c, k * sizeof(double));
        for (size_t j = 0; j < k; j++) {
            c[j] = (before[j] + partial * before[k - 1 - j]) / (1 - partial * partial);
        }
        c[k] = partial / sqrt(1 - partial * partial);
    }
}

bool almi_arma_start(const alm_arima_order *order, size_t season, const double *w,
                     const double *errors, size_t n, double *x)
{
    regression r = columns_of(order, season);
    if (!regress(&r, w, errors, n)) {
        return false;
    }
    const size_t COUNTS[] = {order->p, order->q, order->seasonal_p, order->seasonal_q};
    double *at = r.b;
    for (size_t i = 0; i < 4; i++) {
        to_search(at, COUNTS[i], i % 2 ? -1 : 1);
        at += COUNTS[i];
    }
    for (size_t k = 0; k < r.count; k++) {
        if (!isfinite(r.b[k])) {
            return false;
        }
    }
    memcpy(x, r.b, r.count * sizeof(double));
    return true;
}
