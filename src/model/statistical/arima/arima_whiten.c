#include "model/statistical/arima/arima_whiten.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_values.h"
#include "num/elementary.h"

#define LOG_2 0.6931471805599453
#define QUIET 1e-18 /* of a response to 1 */
#define SINGULAR 1e-13 /* a pivot below this part of its variance is 0 */

void almi_whitener_init(almi_whitener *w, size_t n, size_t width_max, alm_arena *arena)
{
    size_t r = width_max;
    *w = (almi_whitener){.n = n, .room = r};
    w->u = ALM_NEW_ARRAY(arena, double, r * r);
    w->factor = ALM_NEW_ARRAY(arena, double, r * r);
    w->gram = ALM_NEW_ARRAY(arena, double, r * r);
    w->product = ALM_NEW_ARRAY(arena, double, r * r);
    w->state = ALM_NEW_ARRAY(arena, double, 2 * r);
    /* Zeros before and behind the values, for lags that reach over the end. */
    w->response = ALM_NEW_ARRAY(arena, double, r + n);
    w->forward = ALM_NEW_ARRAY(arena, double, r + n);
    w->backward = ALM_NEW_ARRAY(arena, double, n + r);
    w->scratch = ALM_NEW_ARRAY(arena, double, r * r + 6 * (r + 2));
}

/* In place: v = x / ma(B); `step` is 1 forward in time, -1 backward; zeros lie before, or behind,
 * v. Written for one number of terms at a time, which are in registers then. */
static inline __attribute__((always_inline)) void divide_terms(const almi_terms *ma, size_t count,
                                                               ptrdiff_t step, double *v, size_t n)
{
    double c[ALMI_TERMS_MAX];
    ptrdiff_t lag[ALMI_TERMS_MAX];
    for (size_t k = 0; k < count; k++) {
        c[k] = ma->c[k];
        lag[k] = -step * (ptrdiff_t)ma->lag[k];
    }
    double *at = step > 0 ? v : v + n - 1;
    for (size_t t = 0; t < n; t++, at += step) {
        double sum = *at;
        for (size_t k = 0; k < count; k++) {
            sum -= c[k] * at[lag[k]];
        }
        *at = sum;
    }
}

static inline __attribute__((always_inline)) void divide(const almi_terms *ma, ptrdiff_t step,
                                                         double *v, size_t n)
{
    switch (n > 0 ? ma->count : 0) {
    case 0: break;
    case 1: divide_terms(ma, 1, step, v, n); break;
    case 2: divide_terms(ma, 2, step, v, n); break;
    case 3: divide_terms(ma, 3, step, v, n); break;
    case 4: divide_terms(ma, 4, step, v, n); break;
    case 5: divide_terms(ma, 5, step, v, n); break;
    default: divide_terms(ma, ma->count, step, v, n);
    }
}

static void divide_forward(const almi_terms *ma, double *v, size_t n)
{
    divide(ma, 1, v, n);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Z'a, the first `width` of a / ma(1/B), backward in time from where the response reaches; zeros
 * lie behind. */
static void divide_backward(almi_whitener *w, const double *a, double *out)
{
    double *v = w->backward;
    size_t count = smaller(w->n, w->reach + w->width);
    memcpy(v, a, count * sizeof(double));
    memset(v + count, 0, smaller(w->room, w->n + w->room - count) * sizeof(double));
    divide(&w->arma->ma, -1, v, count);
    for (size_t i = 0; i < w->width; i++) {
        out[i] = i < w->n ? v[i] : 0;
    }
}

/* target -= c source: rows are contiguous, and no sum waits for the one before. */
static void subtract(double *restrict target, const double *restrict source, double c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        target[i] -= c * source[i];
    }
}

/* Upper triangle of a = U'U in place, of a matrix that may be singular: pivots below `part` of
 * their variance are 0. num/cholesky.h takes sums, each waiting for the one before: slower at
 * these sizes, and this is where the time goes. */
static void factor_upper(double *a, size_t n, double part)
{
    for (size_t j = 0; j < n; j++) {
        double *row = a + j * n;
        double variance = row[j];
        for (size_t i = 0; i < j; i++) {
            variance += a[i * n + j] * a[i * n + j];
        }
        double pivot = row[j] > part * variance ? sqrt(row[j]) : 0;
        for (size_t k = j; k < n; k++) {
            row[k] = pivot > 0 ? row[k] / pivot : 0;
        }
        for (size_t i = j + 1; i < n; i++) {
            subtract(a + i * n + i, row + i, row[i], n - i);
        }
    }
}

/* As divide_forward, of a z that is 0 from some period on, until no more comes that counts. Returns
 * how far that is. */
static size_t respond(const almi_terms *ma, double *z, size_t n)
{
    size_t quiet = 0;
    size_t t = 0;
    for (; t < n && quiet <= ma->degree; t++) {
        double sum = z[t];
        for (size_t k = 0; k < ma->count; k++) {
            sum -= ma->c[k] * *(z + t - ma->lag[k]);
        }
        z[t] = sum;
        quiet = fabs(sum) < QUIET ? quiet + 1 : 0;
    }
    return t;
}

/* Z'Z: the first row, and H_{i+1,j+1} = H_ij - z_{n-1-i} z_{n-1-j}, z the impulse response. */
static void fill_gram(almi_whitener *w)
{
    size_t r = w->width;
    size_t n = w->n;
    double *z = w->response + w->room;
    double *h = w->gram;
    memset(z, 0, n * sizeof(double));
    z[0] = 1;
    w->reach = respond(&w->arma->ma, z, n);
    divide_backward(w, z, h);
    for (size_t i = 0; i + 1 < r; i++) {
        h[(i + 1) * r] = h[i + 1];
        for (size_t j = 0; j + 1 < r; j++) {
            double last = i < n && j < n ? z[n - 1 - i] * z[n - 1 - j] : 0;
            bool is_inside = i + 1 < n && j + 1 < n;
            h[(i + 1) * r + j + 1] = is_inside ? h[i * r + j] - last : 0;
        }
    }
}

/* I + U Z'Z U' (U' = L), its upper triangle. */
static void fill_system(almi_whitener *w)
{
    size_t r = w->width;
    memset(w->product, 0, r * r * sizeof(double));
    for (size_t i = 0; i < r; i++) {
        for (size_t k = i; k < r; k++) {
            subtract(w->product + i * r, w->gram + k * r, -w->u[i * r + k], r);
        }
        for (size_t j = i; j < r; j++) {
            w->factor[i * r + j] = (i == j) + almi_product(w->product + i * r + j, w->u + j * r + j,
                                                      r - j);
        }
    }
}

/* Without an autoregressive part the state is b_i = sum_{k >= i} ma_k a_{i-k}: L has the element
 * ma_{i+j-1}, which is few elements. */
static void fill_sparse_system(almi_whitener *w)
{
    const almi_terms *ma = &w->arma->ma;
    size_t r = w->width;
    memset(w->product, 0, r * r * sizeof(double));
    memset(w->factor, 0, r * r * sizeof(double));
    for (size_t k = 0; k < ma->count; k++) {
        for (size_t i = 0; i < ma->lag[k]; i++) {
            subtract(w->product + i * r, w->gram + (ma->lag[k] - 1 - i) * r, -ma->c[k], r);
        }
    }
    for (size_t i = 0; i < r; i++) {
        double *row = w->factor + i * r;
        for (size_t k = 0; k < ma->count; k++) {
            for (size_t j = i; j < ma->lag[k]; j++) {
                row[j] += ma->c[k] * w->product[i * r + ma->lag[k] - 1 - j];
            }
        }
        row[i] += 1;
    }
}

static double log_det_of(const double *factor, size_t n)
{
    double mantissa = 1;
    int64_t exponent = 0;
    for (size_t i = 0; i < n; i++) {
        int more = 0;
        mantissa = frexp(mantissa * factor[i * (n + 1)], &more);
        exponent += more;
    }
    return 2 * (alm_log(mantissa) + (double)exponent * LOG_2);
}

bool almi_whitener_set(almi_whitener *w, const almi_arma *arma)
{
    size_t r = arma->width;
    alm_assert(r <= w->room);
    w->arma = arma;
    w->width = r;
    w->log_det = 0;
    w->is_sparse = arma->ar.count == 0;
    if (r == 0) {
        return true;
    }
    if (!w->is_sparse) {
        if (!almi_arma_covariance(arma, w->scratch, w->u)) {
            return false;
        }
        factor_upper(w->u, r, SINGULAR);
    }
    fill_gram(w);
    if (w->is_sparse) {
        fill_sparse_system(w);
    } else {
        fill_system(w);
    }
    factor_upper(w->factor, r, 0);
    w->log_det = log_det_of(w->factor, r);
    return isfinite(w->log_det);
}

/* L' v, or L v. */
static void times_l(const almi_whitener *w, bool is_transposed, const double *v, double *out)
{
    size_t r = w->width;
    const almi_terms *ma = &w->arma->ma;
    memset(out, 0, r * sizeof(double));
    for (size_t k = 0; w->is_sparse && k < ma->count; k++) { /* symmetric */
        for (size_t i = 0; i < ma->lag[k]; i++) {
            out[i] += ma->c[k] * v[ma->lag[k] - 1 - i];
        }
    }
    for (size_t i = 0; !w->is_sparse && i < r; i++) {
        if (is_transposed) {
            out[i] = almi_product(w->u + i * r + i, v + i, r - i);
        } else {
            subtract(out + i, w->u + i * r + i, -v[i], r - i);
        }
    }
}

static void solve(const almi_whitener *w, double *v)
{
    size_t r = w->width;
    for (size_t i = 0; i < r; i++) {
        const double *row = w->factor + i * r;
        v[i] /= row[i];
        subtract(v + i + 1, row + i + 1, v[i], r - i - 1);
    }
    for (size_t i = r; i-- > 0;) {
        const double *row = w->factor + i * r;
        v[i] = (v[i] - almi_product(row + i + 1, v + i + 1, r - i - 1)) / row[i];
    }
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
        double *effect = w->response + w->room; /* of the state: Z L u */
        size_t count = smaller(n, w->reach + r);
        divide_forward(&w->arma->ma, v, n);
        divide_backward(w, v, c);
        times_l(w, true, c, u);
        solve(w, u);
        times_l(w, false, u, c);
        memset(effect, 0, count * sizeof(double));
        memcpy(effect, c, smaller(r, n) * sizeof(double));
        divide_forward(&w->arma->ma, effect, count);
        subtract(v, effect, 1, count);
    }
    memcpy(out, v, n * sizeof(double));
}
