#include "num/shrinkage.h"

#include <math.h>
#include <string.h>

#define DIAGONAL_FLOOR 1e-9

/* X and the variances; `scaled` gets X with mean square 1 in every row, 0 where nothing varies. */
static alm_err standardise(const alm_error_sample *in, alm_shrunk_covariance *out, double *scaled,
                           alm_error *error)
{
    size_t count = in->count;
    for (size_t i = 0; i < in->series; i++) {
        const double *row = in->errors + i * count;
        double mean = 0;
        for (size_t k = 0; k < count; k++) {
            mean += row[k];
        }
        mean = in->centred ? mean / (double)count : 0;
        double squares = 0;
        for (size_t k = 0; k < count; k++) {
            double x = row[k] - mean;
            out->factor[i * count + k] = x;
            squares += x * x;
        }
        if (!isfinite(squares)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "the errors of series number %zu are not finite numbers below 1e154; "
                            "leave out the periods that a series lacks", i + 1);
        }
        out->variance[i] = squares / (double)(in->centred ? count - 1 : count);
        double scale = squares > 0 ? 1 / sqrt(squares / (double)count) : 0;
        for (size_t k = 0; k < count; k++) {
            scaled[i * count + k] = isfinite(scale) ? out->factor[i * count + k] * scale : 0;
        }
    }
    return ALM_OK;
}

/* Sum over i /= j of (z_i' z_j)^2, pair by pair. */
static double pairs(const double *z, size_t series, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < series; i++) {
        for (size_t j = 0; j < i; j++) {
            double sum = 0;
            for (size_t k = 0; k < count; k++) {
                sum += z[i * count + k] * z[j * count + k];
            }
            total += 2 * sum * sum;
        }
    }
    return total;
}

/* The same from Z'Z: |Z Z'| = |Z'Z| (Frobenius), less the pairs i = j. `gram`: count x count. */
static double pairs_by_period(const double *z, size_t series, size_t count, double *gram)
{
    double alone = 0;
    for (size_t i = 0; i < series; i++) {
        const double *row = z + i * count;
        for (size_t k = 0; k < count; k++) {
            for (size_t l = 0; l <= k; l++) {
                gram[k * count + l] += row[k] * row[l];
            }
        }
        double square = 0;
        for (size_t k = 0; k < count; k++) {
            square += row[k] * row[k];
        }
        alone += square * square;
    }
    double total = 0;
    for (size_t k = 0; k < count; k++) {
        for (size_t l = 0; l <= k; l++) {
            total += (l < k ? 2 : 1) * gram[k * count + l] * gram[k * count + l];
        }
    }
    return total - alone;
}

/* Sum over i /= j and k of (z_ik z_jk)^2. */
static double products(const double *z, size_t series, size_t count)
{
    double total = 0;
    for (size_t k = 0; k < count; k++) {
        double squares = 0;
        double fourths = 0;
        for (size_t i = 0; i < series; i++) {
            double square = z[i * count + k] * z[i * count + k];
            squares += square;
            fourths += square * square;
        }
        total += squares * squares - fourths;
    }
    return total;
}

/* With w_k = z_ik z_jk: Var(r) = T/(T-1)^3 sum_k (w_k - mean w)^2 and r = T/(T-1) mean w. */
static double intensity_of(const double *z, size_t series, size_t count, double *gram)
{
    double squared = series <= count ? pairs(z, series, count)
                                     : pairs_by_period(z, series, count, gram);
    double t = (double)count;
    double spread = products(z, series, count) - squared / t;
    if (!(squared > 0)) {
        return 1; /* nothing goes together */
    }
    double intensity = t / (t - 1) * spread / squared;
    return intensity < 0 ? 0 : intensity > 1 ? 1 : intensity;
}

static void weigh(alm_shrunk_covariance *out, bool centred)
{
    double largest = 0;
    for (size_t i = 0; i < out->series; i++) {
        largest = out->variance[i] > largest ? out->variance[i] : largest;
    }
    double least = largest > 0 ? largest * DIAGONAL_FLOOR : 1;
    for (size_t i = 0; i < out->series; i++) {
        double own = out->intensity * out->variance[i];
        out->diagonal[i] = own > least ? own : least;
    }
    double divisor = (double)(centred ? out->errors - 1 : out->errors);
    double scale = sqrt((1 - out->intensity) / divisor);
    for (size_t i = 0; i < out->series * out->errors; i++) {
        out->factor[i] *= scale;
    }
}

static alm_err estimate(const alm_error_sample *sample, alm_arena *scratch,
                        alm_shrunk_covariance *w, alm_error *error)
{
    double *scaled = NULL;
    double *gram = NULL;
    size_t count = sample->count;
    ALM_TRY(alm_arena_try_array(scratch, w->series * count, sizeof(double), &scaled, error));
    ALM_TRY(alm_arena_try_array(scratch, w->series > count ? count * count : 0, sizeof(double),
                                &gram, error));
    ALM_TRY(standardise(sample, w, scaled, error));
    w->intensity = intensity_of(scaled, w->series, count, gram);
    weigh(w, sample->centred);
    return ALM_OK;
}

alm_err alm_shrunk_covariance_of(const alm_error_sample *sample, alm_arena *arena,
                                 alm_shrunk_covariance *out, alm_error *error)
{
    if (sample->count < 2) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "a covariance needs at least 2 errors of every series, there are %zu",
                        sample->count);
    }
    alm_shrunk_covariance w = {.series = sample->series, .errors = sample->count};
    ALM_TRY(alm_arena_try_array(arena, w.series, sizeof(double), &w.variance, error));
    ALM_TRY(alm_arena_try_array(arena, w.series, sizeof(double), &w.diagonal, error));
    ALM_TRY(alm_arena_try_array(arena, w.series * w.errors, sizeof(double), &w.factor, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = estimate(sample, scratch, &w, error);
    alm_arena_destroy(scratch);
    ALM_TRY(code);
    *out = w;
    return ALM_OK;
}
