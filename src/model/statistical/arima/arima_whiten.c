#include "model/statistical/arima/arima_whiten.h"

#include <math.h>
#include <string.h>

#include "num/elementary.h"

#define LOG_2 0.6931471805599453
#define QUIET 1e-18 /* of a response to 1 */
#define SINGULAR 1e-13 /* a pivot below this part of its variance is 0 */

typedef almi_lanes lanes;

/* Lanes lie on multiples of 32 bytes; the arena gives small blocks less. */
static lanes *new_lanes(alm_arena *arena, size_t count)
{
    return ALM_NEW_ARRAY(arena, lanes, count + 2);
}

void almi_whitener_init(almi_whitener *w, size_t n, size_t width_max, alm_arena *arena)
{
    size_t r = width_max;
    *w = (almi_whitener){.n = n, .room = r};
    w->u = new_lanes(arena, r * r);
    w->factor = new_lanes(arena, r * r);
    w->gram = new_lanes(arena, r * r);
    w->product = new_lanes(arena, r * r);
    w->state = new_lanes(arena, 2 * r);
    /* Zeros before and behind the values, for lags that reach over the end. */
    w->response = new_lanes(arena, r + n);
    w->forward = new_lanes(arena, r + n);
    w->backward = new_lanes(arena, n + r);
    w->covariance = ALM_NEW_ARRAY(arena, double, r * r);
    w->scratch = ALM_NEW_ARRAY(arena, double, r * r + 6 * (r + 2));
}

/* ---- recursions ---- */

/* In place: v = x / ma(B); `step` is 1 forward in time, -1 backward; zeros lie before, or behind,
 * v. Written for one number of terms at a time, which are in registers then; the last one is that
 * of lag 1 (`has_first`), which waits for nothing but the last step. */
ALM_INLINE void divide_terms(const almi_lane_terms *ma, size_t count, bool has_first,
                             ptrdiff_t step, lanes *v, size_t n)
{
    size_t others = has_first ? count - 1 : count;
    lanes c[ALMI_TERMS_MAX];
    ptrdiff_t lag[ALMI_TERMS_MAX];
    for (size_t k = 0; k < others; k++) {
        c[k] = ma->c[k];
        lag[k] = -step * (ptrdiff_t)ma->lag[k];
    }
    lanes first = ma->c[count - 1];
    lanes *at = step > 0 ? v : v + n - 1;
    lanes last = at[-step];
    for (size_t t = 0; t < n; t++, at += step) {
        lanes sum = *at;
        for (size_t k = 0; k < others; k++) {
            sum -= c[k] * at[lag[k]];
        }
        last = has_first ? sum - first * last : sum;
        *at = last;
    }
}

ALM_INLINE void divide(const almi_lane_terms *ma, ptrdiff_t step, lanes *v, size_t n)
{
    bool has_first = ma->count > 0 && ma->lag[ma->count - 1] == 1;
    switch (has_first && n > 0 ? ma->count : 0) {
    case 1: divide_terms(ma, 1, true, step, v, n); break;
    case 2: divide_terms(ma, 2, true, step, v, n); break;
    case 3: divide_terms(ma, 3, true, step, v, n); break;
    case 4: divide_terms(ma, 4, true, step, v, n); break;
    case 5: divide_terms(ma, 5, true, step, v, n); break;
    default:
        if (ma->count > 0 && n > 0) {
            divide_terms(ma, ma->count, has_first, step, v, n);
        }
    }
}

ALM_WIDE_VECTORS
static void divide_forward(const almi_lane_terms *ma, lanes *v, size_t n)
{
    divide(ma, 1, v, n);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Z'a, the first `width` of a / ma(1/B), backward in time from where the response reaches; zeros
 * lie behind. */
ALM_WIDE_VECTORS
static void divide_backward(const almi_whitener *w, const lanes *a, lanes *out)
{
    lanes *v = w->backward;
    size_t count = smaller(w->n, w->reach + w->width);
    memcpy(v, a, count * sizeof *v);
    memset(v + count, 0, smaller(w->room, w->n + w->room - count) * sizeof *v);
    divide(&w->ma, -1, v, count);
    for (size_t i = 0; i < w->width; i++) {
        out[i] = i < w->n ? v[i] : (lanes){0};
    }
}

ALM_INLINE bool is_quiet(const lanes *v)
{
    bool quiet = true;
    for (size_t l = 0; l < ALMI_LANES; l++) {
        quiet = quiet && fabs((*v)[l]) < QUIET;
    }
    return quiet;
}

/* As divide_forward, of a z that is 0 from some period on, until no more comes that counts. Returns
 * how far that is. */
ALM_WIDE_VECTORS
static size_t respond(const almi_lane_terms *ma, lanes *z, size_t n)
{
    size_t quiet = 0;
    size_t t = 0;
    for (; t < n && quiet <= ma->degree; t++) {
        lanes sum = z[t];
        for (size_t k = 0; k < ma->count; k++) {
            sum -= ma->c[k] * *(z + t - ma->lag[k]);
        }
        z[t] = sum;
        quiet = is_quiet(&sum) ? quiet + 1 : 0;
    }
    return t;
}

/* ---- small matrices ---- */

/* target -= *times source: no sum waits for the one before. A vector is not passed by value: how
 * that is done depends on the instructions that are compiled for, and compilers warn. */
ALM_INLINE void subtract(lanes *restrict target, const lanes *restrict source, const lanes *times,
                         size_t n)
{
    const lanes c = *times;
    for (size_t i = 0; i < n; i++) {
        target[i] -= c * source[i];
    }
}

ALM_INLINE void product_of(const lanes *a, const lanes *b, size_t n, lanes *out)
{
    lanes even = {0};
    lanes odd = {0};
    for (size_t i = 0; i + 1 < n; i += 2) {
        even += a[i] * b[i];
        odd += a[i + 1] * b[i + 1];
    }
    *out = even + odd;
    if (n % 2) {
        *out += a[n - 1] * b[n - 1];
    }
}

/* Upper triangle of a = U'U in place, of a matrix that may be singular: pivots below `part` of
 * their variance are 0. */
ALM_WIDE_VECTORS
static void factor_upper(lanes *a, size_t n, double part)
{
    for (size_t j = 0; j < n; j++) {
        lanes *row = a + j * n;
        lanes variance = row[j];
        lanes pivot = {0};
        lanes is_there = {0};
        for (size_t i = 0; i < j; i++) {
            variance += a[i * n + j] * a[i * n + j];
        }
        for (size_t l = 0; l < ALMI_LANES; l++) {
            bool is_above = row[j][l] > part * variance[l] && row[j][l] > 0;
            pivot[l] = is_above ? sqrt(row[j][l]) : 1;
            is_there[l] = is_above;
        }
        for (size_t k = j; k < n; k++) {
            row[k] = is_there * (row[k] / pivot);
        }
        for (size_t i = j + 1; i < n; i++) {
            subtract(a + i * n + i, row + i, &row[i], n - i);
        }
    }
}

/* Z'Z: the first row, and H_{i+1,j+1} = H_ij - z_{n-1-i} z_{n-1-j}, z the impulse response. */
ALM_WIDE_VECTORS
static void fill_gram(almi_whitener *w)
{
    static const lanes ONE = {1, 1, 1, 1};
    size_t r = w->width;
    size_t n = w->n;
    lanes *z = w->response + w->room;
    lanes *h = w->gram;
    memset(z, 0, n * sizeof *z);
    z[0] = ONE;
    w->reach = respond(&w->ma, z, n);
    divide_backward(w, z, h);
    for (size_t i = 0; i + 1 < r; i++) {
        h[(i + 1) * r] = h[i + 1];
        for (size_t j = 0; j + 1 < r; j++) {
            bool is_inside = i + 1 < n && j + 1 < n;
            h[(i + 1) * r + j + 1] = is_inside ? h[i * r + j] - z[n - 1 - i] * z[n - 1 - j]
                                               : (lanes){0};
        }
    }
}

/* I + U Z'Z U' (U' = L), its upper triangle. */
ALM_WIDE_VECTORS
static void fill_system(const almi_whitener *w)
{
    size_t r = w->width;
    memset(w->product, 0, r * r * sizeof *w->product);
    for (size_t i = 0; i < r; i++) {
        lanes *product = w->product + i * r;
        for (size_t k = i; k < r; k++) {
            const lanes c = -w->u[i * r + k];
            subtract(product, w->gram + k * r, &c, r);
        }
        for (size_t j = i; j < r; j++) {
            product_of(product + j, w->u + j * r + j, r - j, &w->factor[i * r + j]);
        }
        w->factor[i * r + i] += 1;
    }
}

/* Without an autoregressive part the state is b_i = sum_{k >= i} ma_k a_{i-k}: L has the element
 * ma_{i+j-1}, which is few elements. */
ALM_WIDE_VECTORS
static void fill_sparse_system(const almi_whitener *w)
{
    const almi_lane_terms *ma = &w->ma;
    size_t r = w->width;
    memset(w->product, 0, r * r * sizeof *w->product);
    memset(w->factor, 0, r * r * sizeof *w->factor);
    for (size_t k = 0; k < ma->count; k++) {
        const lanes c = -ma->c[k];
        for (size_t i = 0; i < ma->lag[k]; i++) {
            subtract(w->product + i * r, w->gram + (ma->lag[k] - 1 - i) * r, &c, r);
        }
    }
    for (size_t i = 0; i < r; i++) {
        lanes *row = w->factor + i * r;
        for (size_t k = 0; k < ma->count; k++) {
            for (size_t j = i; j < ma->lag[k]; j++) {
                row[j] += ma->c[k] * w->product[i * r + ma->lag[k] - 1 - j];
            }
        }
        row[i] += 1;
    }
}

static double log_det_of(const lanes *factor, size_t n, size_t lane)
{
    double mantissa = 1;
    int64_t exponent = 0;
    for (size_t i = 0; i < n; i++) {
        int more = 0;
        mantissa = frexp(mantissa * factor[i * (n + 1)][lane], &more);
        exponent += more;
    }
    return 2 * (alm_log(mantissa) + (double)exponent * LOG_2);
}

/* ---- models ---- */

static void take_terms(const almi_terms *t, size_t lane, almi_lane_terms *out)
{
    out->count = t->count;
    out->degree = t->degree;
    for (size_t k = 0; k < t->count; k++) {
        out->lag[k] = t->lag[k];
        out->c[k][lane] = t->c[k];
    }
}

/* Covariances of the states. */
static void fill_covariances(almi_whitener *w, const almi_arma *arma)
{
    size_t size = w->width * w->width;
    for (size_t l = 0; l < ALMI_LANES; l++) {
        w->is_known[l] = almi_arma_covariance(&arma[l], w->scratch, w->covariance);
        for (size_t i = 0; i < size; i++) {
            w->u[i][l] = w->is_known[l] ? w->covariance[i] : 0;
        }
    }
}

void almi_whitener_set(almi_whitener *w, const almi_arma *arma)
{
    size_t r = arma->width;
    alm_assert(r <= w->room);
    w->width = r;
    w->is_sparse = arma->ar.count == 0;
    for (size_t l = 0; l < ALMI_LANES; l++) {
        take_terms(&arma[l].ar, l, &w->ar);
        take_terms(&arma[l].ma, l, &w->ma);
        w->is_known[l] = true;
        w->log_det[l] = 0;
    }
    if (r == 0) {
        return;
    }
    if (!w->is_sparse) {
        fill_covariances(w, arma);
        factor_upper(w->u, r, SINGULAR);
    }
    fill_gram(w);
    if (w->is_sparse) {
        fill_sparse_system(w);
    } else {
        fill_system(w);
    }
    factor_upper(w->factor, r, 0);
    for (size_t l = 0; l < ALMI_LANES; l++) {
        w->log_det[l] = log_det_of(w->factor, r, l);
        w->is_known[l] = w->is_known[l] && isfinite(w->log_det[l]);
    }
}

/* ---- values ---- */

/* L' v, or L v. */
ALM_INLINE void times_l(const almi_whitener *w, bool is_transposed, const lanes *v, lanes *out)
{
    size_t r = w->width;
    const almi_lane_terms *ma = &w->ma;
    memset(out, 0, r * sizeof *out);
    for (size_t k = 0; w->is_sparse && k < ma->count; k++) { /* symmetric */
        for (size_t i = 0; i < ma->lag[k]; i++) {
            out[i] += ma->c[k] * v[ma->lag[k] - 1 - i];
        }
    }
    for (size_t i = 0; !w->is_sparse && i < r; i++) {
        if (is_transposed) {
            product_of(w->u + i * r + i, v + i, r - i, &out[i]);
        } else {
            const lanes c = -v[i];
            subtract(out + i, w->u + i * r + i, &c, r - i);
        }
    }
}

ALM_INLINE void solve(const almi_whitener *w, lanes *v)
{
    size_t r = w->width;
    for (size_t i = 0; i < r; i++) {
        const lanes *row = w->factor + i * r;
        v[i] /= row[i];
        subtract(v + i + 1, row + i + 1, &v[i], r - i - 1);
    }
    for (size_t i = r; i-- > 0;) {
        const lanes *row = w->factor + i * r;
        lanes known;
        product_of(row + i + 1, v + i + 1, r - i - 1, &known);
        v[i] = (v[i] - known) / row[i];
    }
}

/* ar(B) w, with zeros before the first. */
ALM_WIDE_VECTORS
static void multiply_by_ar(const almi_lane_terms *ar, const double *w, size_t n, lanes *out)
{
    static const lanes ONE = {1, 1, 1, 1};
    for (size_t t = 0; t < n; t++) {
        lanes sum = w[t] * ONE;
        for (size_t k = 0; k < ar->count; k++) {
            sum -= ar->c[k] * (ar->lag[k] <= t ? w[t - ar->lag[k]] : 0);
        }
        out[t] = sum;
    }
}

/* The best state before the values, u in w->state + width; and its effect on the errors. */
ALM_WIDE_VECTORS
static void take_start(const almi_whitener *w, lanes *v)
{
    size_t r = w->width;
    size_t n = w->n;
    lanes *c = w->state;
    lanes *u = c + r;
    lanes *effect = w->response + w->room; /* of the state: Z L u */
    size_t count = smaller(n, w->reach + r);
    divide_backward(w, v, c);
    times_l(w, true, c, u);
    solve(w, u);
    times_l(w, false, u, c);
    memset(effect, 0, count * sizeof *effect);
    memcpy(effect, c, smaller(r, n) * sizeof *effect);
    divide_forward(&w->ma, effect, count);
    for (size_t t = 0; t < count; t++) {
        v[t] -= effect[t];
    }
}

static void write_out(const lanes *v, size_t n, size_t stride, double *out)
{
    for (size_t t = 0; t < n; t++) {
        memcpy(out + t * stride, &v[t], sizeof v[t]);
    }
}

void almi_whiten(almi_whitener *w, const double *values, size_t stride, double *out)
{
    size_t r = w->width;
    size_t n = w->n;
    lanes *v = w->forward + w->room;
    multiply_by_ar(&w->ar, values, n, v);
    if (r > 0) {
        divide_forward(&w->ma, v, n);
        take_start(w, v);
        write_out(w->state + r, r, stride, out + n * stride);
    }
    write_out(v, n, stride, out);
}
