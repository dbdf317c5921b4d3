#include "model/statistical/arima_whiten.h"

#include <math.h>
#include <string.h>

#include "num/cholesky.h"
#include "num/elementary.h"

#define LOG_2 0.6931471805599453
#define SINGULAR 1e-13 /* a pivot below this part of its variance is 0 */

void almi_whitener_init(almi_whitener *w, size_t n, size_t width_max, alm_arena *arena)
{
    size_t r = width_max;
    *w = (almi_whitener){.n = n, .room = r};
    w->l = ALM_NEW_ARRAY(arena, double, r * r);
    w->factor = ALM_NEW_ARRAY(arena, double, r * r);
    w->gram = ALM_NEW_ARRAY(arena, double, r * r);
    w->product = ALM_NEW_ARRAY(arena, double, r * r);
    w->state = ALM_NEW_ARRAY(arena, double, 2 * r);
    w->response = ALM_NEW_ARRAY(arena, double, n);
    /* Zeros before and behind the values, for lags that reach over the end. */
    w->forward = ALM_NEW_ARRAY(arena, double, r + n);
    w->backward = ALM_NEW_ARRAY(arena, double, n + r);
    w->scratch = ALM_NEW_ARRAY(arena, double, r * r + 6 * (r + 2));
}

/* In place: v = x / ma(B), forward in time; `before` zeros lie before v. */
static void divide_forward(const almi_terms *ma, double *v, size_t n)
{
    for (size_t t = 0; t < n; t++) {
        double sum = v[t];
        for (size_t k = 0; k < ma->count; k++) {
            sum -= ma->c[k] * *(v + t - ma->lag[k]);
        }
        v[t] = sum;
    }
}

/* Z'a, the first `width` of a / ma(1/B), backward in time; zeros lie behind the values. */
static void divide_backward(almi_whitener *w, const double *a, double *out)
{
    const almi_terms *ma = &w->arma->ma;
    double *v = w->backward;
    for (size_t t = w->n; t-- > 0;) {
        double sum = a[t];
        for (size_t k = 0; k < ma->count; k++) {
            sum -= ma->c[k] * v[t + ma->lag[k]];
        }
        v[t] = sum;
    }
    for (size_t i = 0; i < w->width; i++) {
        out[i] = i < w->n ? v[i] : 0;
    }
}

/* V = L L' of a matrix that may be singular, in place; zeros above. */
static void factor_semidefinite(double *v, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double *row = v + j * n;
        double variance = row[j];
        double pivot = variance;
        for (size_t k = 0; k < j; k++) {
            double sum = row[k];
            const double *other = v + k * n;
            for (size_t i = 0; i < k; i++) {
                sum -= row[i] * other[i];
            }
            row[k] = other[k] > 0 ? sum / other[k] : 0;
            pivot -= row[k] * row[k];
        }
        row[j] = pivot > SINGULAR * variance ? sqrt(pivot) : 0;
        memset(row + j + 1, 0, (n - j - 1) * sizeof(double));
    }
}

/* Z'Z: the first row, and H_{i+1,j+1} = H_ij - z_{n-1-i} z_{n-1-j}, z the impulse response. */
static void fill_gram(almi_whitener *w)
{
    size_t r = w->width;
    size_t n = w->n;
    double *z = w->forward + w->room;
    double *h = w->gram;
    memset(z, 0, n * sizeof(double));
    z[0] = 1;
    divide_forward(&w->arma->ma, z, n);
    memcpy(w->response, z, n * sizeof(double));
    divide_backward(w, w->response, h);
    for (size_t i = 0; i + 1 < r; i++) {
        h[(i + 1) * r] = h[i + 1];
        for (size_t j = 0; j + 1 < r; j++) {
            double last = i < n && j < n ? w->response[n - 1 - i] * w->response[n - 1 - j] : 0;
            bool is_inside = i + 1 < n && j + 1 < n;
            h[(i + 1) * r + j + 1] = is_inside ? h[i * r + j] - last : 0;
        }
    }
}

/* I + L' Z'Z L, its lower triangle. */
static void fill_system(almi_whitener *w)
{
    size_t r = w->width;
    for (size_t i = 0; i < r; i++) {
        double *row = w->product + i * r;
        memset(row, 0, r * sizeof(double));
        for (size_t k = 0; k < r; k++) {
            double h = w->gram[i * r + k];
            for (size_t j = 0; j <= k; j++) {
                row[j] += h * w->l[k * r + j];
            }
        }
    }
    memset(w->factor, 0, r * r * sizeof(double));
    for (size_t k = 0; k < r; k++) {
        for (size_t i = 0; i <= k; i++) {
            double l = w->l[k * r + i];
            for (size_t j = 0; j <= i; j++) {
                w->factor[i * r + j] += l * w->product[k * r + j];
            }
        }
    }
    for (size_t i = 0; i < r; i++) {
        w->factor[i * r + i] += 1;
    }
}

bool almi_whitener_set(almi_whitener *w, const almi_arma *arma)
{
    size_t r = arma->width;
    alm_assert(r <= w->room);
    w->arma = arma;
    w->width = r;
    w->log_det = 0;
    if (r == 0) {
        return true;
    }
    if (!almi_arma_covariance(arma, w->scratch, w->l)) {
        return false;
    }
    factor_semidefinite(w->l, r);
    fill_gram(w);
    fill_system(w);
    if (alm_cholesky_factor(w->factor, r, NULL) != ALM_OK) {
        return false;
    }
    double mantissa = 1;
    int64_t exponent = 0;
    for (size_t i = 0; i < r; i++) {
        int more = 0;
        mantissa = frexp(mantissa * w->factor[i * r + i], &more);
        exponent += more;
    }
    w->log_det = 2 * (alm_log(mantissa) + (double)exponent * LOG_2);
    return true;
}

/* ar(B) w, with zeros before the first. */
static void multiply(const almi_terms *ar, const double *w, size_t n, double *out)
{
    memcpy(out, w, n * sizeof(double));
    for (size_t k = 0; k < ar->count; k++) {
        double c = ar->c[k];
        size_t lag = ar->lag[k];
        for (size_t t = lag; t < n; t++) {
            out[t] -= c * w[t - lag];
        }
    }
}

void almi_whiten(almi_whitener *w, const double *values, double *out)
{
    size_t r = w->width;
    size_t n = w->n;
    double *v = w->forward + w->room;
    multiply(&w->arma->ar, values, n, v);
    if (r > 0) {
        double *c = w->state;
        double *u = out + n;
        memcpy(out, v, n * sizeof(double));
        divide_forward(&w->arma->ma, v, n);
        divide_backward(w, v, c);
        for (size_t j = 0; j < r; j++) {
            double sum = 0;
            for (size_t i = j; i < r; i++) {
                sum += w->l[i * r + j] * c[i];
            }
            u[j] = sum;
        }
        alm_cholesky_solve(w->factor, r, u, 1);
        memcpy(v, out, n * sizeof(double));
        for (size_t i = 0; i < r && i < n; i++) {
            double b = 0;
            for (size_t j = 0; j <= i; j++) {
                b += w->l[i * r + j] * u[j];
            }
            v[i] -= b;
        }
        divide_forward(&w->arma->ma, v, n);
    }
    memcpy(out, v, n * sizeof(double));
}
