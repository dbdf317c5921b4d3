/* arima_filter.h: the Kalman filter of an ARIMA model, for errors of variance 1.
 *
 * The state after period t: what is known of the next `width` values of w (arima_polynomial.h), and
 * the newest values of u itself, one for each lag of the differences. The error of a period is the
 * only noise, in the value and in the state, so the covariance of the state falls to 0 as the past
 * is known: the filter is then a recursion of a few terms (`is_settled`), until a value is not
 * known.
 *
 * START. The first values are given, one for each lag of the differences; such a likelihood is that
 * of the differenced values. One of them that is not known lies between its neighbours, with a
 * variance that is large enough to say nothing. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_FILTER_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_FILTER_H

#include "model/statistical/arima/arima_polynomial.h"

#define ALMI_FILTER_SIZE_MAX 160

typedef struct almi_filter {
    const almi_arma *arma;        /* borrowed */
    const almi_terms *difference; /* borrowed */
    size_t width, size;
    bool is_settled;
    double *s; /* size */
    double *p; /* size x size; of no meaning when settled */
    double *work;
} almi_filter;

/* Memory of the filter of a model. */
void almi_filter_init(almi_filter *f, const almi_arma *arma, const almi_terms *difference,
                      alm_arena *arena);
/* first: difference->degree values, oldest first. False: as almi_arma_covariance. */
bool almi_filter_start(almi_filter *f, const double *first, alm_arena *scratch);

/* The period passes with value y, or NaN. */
void almi_filter_move(almi_filter *f, double y);

typedef struct almi_columns { /* of n periods each */
    size_t n, count;
    const double *y; /* NaN: not known */
    const double *x; /* count x n, row-major; known */
} almi_columns;

/* From the start through all of y, with columns that pass as y does: out is (1 + count) x (n -
 * difference->degree), errors of variance 1, 0 where y is not known. The inner products are those
 * of the inverse covariance of the known values, *log_det of its determinant. */
bool almi_filter_whiten(almi_filter *f, const almi_columns *columns, alm_arena *scratch,
                        double *out, double *log_det);

void almi_filter_mean(const almi_filter *f, size_t steps, double *out);
/* Variances of the values of the next periods. */
void almi_filter_variance(const almi_filter *f, size_t steps, double *out);

/* `to` has been made for the same model. */
void almi_filter_copy(const almi_filter *from, almi_filter *to);

#endif
