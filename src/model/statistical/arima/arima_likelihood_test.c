/* The same likelihood by three ways: by definition, from the covariance of all values; by
 * whitening; by the Kalman filter. */
#include "model/statistical/arima/arima_likelihood.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/arima/arima_filter.h"
#include "model/statistical/arima/arima_whiten.h"
#include "num/cholesky.h"
#include "num/elementary.h"

#define N 60
#define STRIDE 8 /* of whitened values */
#define FAR 4000 /* terms of the moving average without end: coefficients fall below 1e-20 */

/* Covariance of w by definition: sums of products of the response to one error. */
static void covariance_by_definition(const almi_arma *arma, double *gamma)
{
    static double psi[FAR];
    for (size_t t = 0; t < FAR; t++) {
        psi[t] = t == 0;
        for (size_t k = 0; k < arma->ar.count; k++) {
            size_t lag = arma->ar.lag[k];
            psi[t] += lag <= t ? arma->ar.c[k] * psi[t - lag] : 0;
        }
        for (size_t k = 0; k < arma->ma.count; k++) {
            psi[t] += arma->ma.lag[k] == t ? arma->ma.c[k] : 0;
        }
    }
    for (size_t h = 0; h < N; h++) {
        gamma[h] = 0;
        for (size_t t = 0; t + h < FAR; t++) {
            gamma[h] += psi[t] * psi[t + h];
        }
    }
}

/* y'R^-1 y and log |R| of the known values of a stationary process. */
static double by_definition(const almi_arma *arma, const double *y, double *log_det)
{
    double gamma[N], r[N * N], known[N], solved[N];
    size_t at[N];
    size_t n = 0;
    covariance_by_definition(arma, gamma);
    for (size_t t = 0; t < N; t++) {
        if (!isnan(y[t])) {
            known[n] = solved[n] = y[t];
            at[n++] = t;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            r[i * n + j] = gamma[at[i] - at[j]];
        }
    }
    assert_int_equal(alm_cholesky_factor(r, n, NULL), ALM_OK);
    alm_cholesky_solve(r, n, solved, 1);
    double sum = 0;
    *log_det = 0;
    for (size_t i = 0; i < n; i++) {
        sum += known[i] * solved[i];
        *log_det += 2 * alm_log(r[i * n + i]);
    }
    return sum;
}

static double squares(const double *v, size_t n, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i * stride] * v[i * stride];
    }
    return sum;
}

/* Partial autocorrelations up to about .9, so that the definition's sums end. */
static void random_coefficients(alm_rng *rng, const alm_arima_order *order, size_t season,
                                almi_arma *arma)
{
    double x[ALMI_ARMA_MAX], coefficient[ALMI_ARMA_MAX];
    for (size_t k = 0; k < ALMI_ARMA_MAX; k++) {
        x[k] = 2 * alm_rng_next_uniform(rng) - 1;
    }
    almi_arma_coefficients(order, x, coefficient);
    almi_arma_of(order, season, coefficient, arma);
}

static alm_arima_order random_model(alm_rng *rng, size_t season, almi_arma *arma)
{
    alm_arima_order order = {.p = alm_rng_next_below(rng, 4), .q = alm_rng_next_below(rng, 4),
                             .seasonal_p = alm_rng_next_below(rng, 2),
                             .seasonal_q = alm_rng_next_below(rng, 3)};
    random_coefficients(rng, &order, season, arma);
    return order;
}

/* Tolerance: sums of some thousand products, of covariances whose condition is below 1e4. */
static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fmax(1, fabs(b));
}

static void three_ways_are_one_number(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(3, 0);
    for (size_t i = 0; i < 200; i++) {
        size_t season = i % 2 ? 4 : 7;
        almi_arma arma;
        almi_terms none = {0};
        alm_arena *arena = alm_arena_create(0);
        alm_arima_order order = random_model(&rng, season, &arma);
        double y[N], out[2 * N], det = 0, of_filter = 0;
        for (size_t t = 0; t < N; t++) {
            y[t] = alm_rng_next_normal(&rng);
        }
        almi_arma lane[ALMI_LANES] = {arma};
        almi_whitener w;
        double *white = ALM_NEW_ARRAY(arena, double, 2 * N * STRIDE);
        for (size_t l = 1; l < ALMI_LANES; l++) {
            random_coefficients(&rng, &order, season, &lane[l]);
        }
        almi_whitener_init(&w, N, arma.width, arena);
        almi_whitener_set(&w, lane);
        almi_whiten(&w, y, STRIDE, white);
        for (size_t l = 0; l < ALMI_LANES; l++) {
            double sum = by_definition(&lane[l], y, &det);
            assert_true(w.is_known[l]);
            assert_true(is_near(squares(white + l, N + arma.width, STRIDE), sum));
            assert_true(is_near(w.log_det[l], det));
        }
        for (size_t t = 0; i % 3 && t < N; t++) {
            y[t] = alm_rng_next_below(&rng, 4) ? y[t] : (double)NAN;
        }
        double sum = by_definition(&arma, y, &det);
        almi_filter f;
        almi_columns all = {N, 0, y, NULL};
        almi_filter_init(&f, &arma, &none, arena);
        assert_true(almi_filter_whiten(&f, &all, arena, out, &of_filter));
        assert_true(is_near(squares(out, N, 1), sum) && is_near(of_filter, det));
        assert_true(almi_arma_count(&order) <= ALMI_ARMA_MAX);
        alm_arena_destroy(arena);
    }
}

/* Values that are not known: as columns of a regression, and passed by. With one value less, which
 * then comes back, a sample keeps its filter. Orders whose likelihood has one maximum. */
static void columns_and_the_filter_agree(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(4, 0);
    static const alm_arima_order ORDERS[] = {
        {.d = 1, .q = 1, .seasonal_d = 1, .seasonal_q = 1},
        {.p = 2, .d = 1, .has_constant = true},
        {.p = 1, .seasonal_p = 1, .seasonal_d = 1, .has_constant = true},
        {.q = 2, .has_constant = true}};
    for (size_t i = 0; i < 12; i++) {
        const alm_arima_order *order = &ORDERS[i % 4];
        alm_arena *arena = alm_arena_create(0);
        double y[2 * N];
        double level = 0;
        double season[4] = {0};
        for (size_t t = 0; t < 2 * N; t++) {
            level = .9 * level + alm_rng_next_normal(&rng) / 64;
            season[t % 4] += alm_rng_next_normal(&rng) / 64;
            y[t] = level + season[t % 4];
        }
        for (size_t k = 0; k < 16; k++) {
            y[10 + 7 * k - alm_rng_next_below(&rng, 4)] = NAN;
        }
        almi_series series = {.y = y, .count = 2 * N, .season = 4};
        almi_sample columns, filter;
        almi_arima_model by_columns, by_filter;
        assert_int_equal(almi_sample_make(&series, order, arena, &columns, NULL), ALM_OK);
        assert_true(!columns.has_filter && columns.missing == 16);
        assert_true(almi_arima_maximise(&columns, order, ALMI_GAIN_FINE, arena, arena,
                                        &by_columns));
        double kept = y[60];
        y[60] = NAN;
        bool is_more = !isnan(kept);
        if (is_more) {
            assert_int_equal(almi_sample_make(&series, order, arena, &filter, NULL), ALM_OK);
            assert_true(filter.has_filter);
            y[60] = kept; /* the filter looks at y itself */
            filter.missing = 16;
            assert_true(almi_arima_maximise(&filter, order, ALMI_GAIN_FINE, arena, arena,
                                        &by_filter));
            /* The variance of a first value
             * that is not known is 1e7 errors, not without bounds. */
            assert_true(fabs(by_filter.log_likelihood - by_columns.log_likelihood) <= 1e-4);
        }
        alm_arena_destroy(arena);
    }
}

/* The states of copies and of settled filters are those of the full filter. */
static void a_settled_filter_is_the_full_one(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(8, 0);
    for (size_t i = 0; i < 20; i++) {
        almi_arma arma;
        almi_terms difference;
        alm_arima_order order = random_model(&rng, 4, &arma);
        order.d = i % 3;
        order.seasonal_d = i % 2;
        almi_difference_terms(&order, 4, &difference);
        alm_arena *arena = alm_arena_create(0);
        almi_filter f;
        double first[8] = {0}, mean[12], other[12];
        almi_filter_init(&f, &arma, &difference, arena);
        assert_true(almi_filter_start(&f, first, arena));
        for (size_t t = 0; t < 3000; t++) {
            almi_filter_move(&f, alm_rng_next_normal(&rng));
        }
        almi_filter full;
        almi_filter_init(&full, &arma, &difference, arena);
        almi_filter_copy(&f, &full);
        assert_true(f.is_settled);
        full.is_settled = false; /* its covariance is 0 */
        for (size_t t = 0; t < 5; t++) {
            double y = alm_rng_next_normal(&rng);
            almi_filter_move(&f, y);
            almi_filter_move(&full, y);
        }
        almi_filter_mean(&f, 12, mean);
        almi_filter_mean(&full, 12, other);
        for (size_t h = 0; h < 12; h++) {
            assert_true(fabs(mean[h] - other[h]) <= 1e-9 * fmax(1, fabs(mean[h])));
        }
        alm_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_ways_are_one_number),
        cmocka_unit_test(columns_and_the_filter_agree),
        cmocka_unit_test(a_settled_filter_is_the_full_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
