#include "model/statistical/arima/arima_deviation.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_filter.h"
#include "num/cholesky.h"

/* Columns of length 1: regressors, then the constant as the likelihood has it. */
static double *unit_columns(const almi_series *series, const almi_arima_model *model,
                            size_t degree, alm_arena *arena, double *length)
{
    size_t n = series->count;
    double *out = ALM_NEW_ARRAY(arena, double, model->regressors * n);
    for (size_t k = 0; k < model->regressors; k++) {
        double *column = out + k * n;
        double squares = 0;
        for (size_t t = 0; t < n; t++) {
            column[t] = k < series->regressors ? series->x[k * series->stride + t]
                        : degree > 0           ? (double)(t + 1)
                                               : 1;
            squares += column[t] * column[t];
        }
        length[k] = sqrt(squares);
        for (size_t t = 0; t < n; t++) {
            column[t] /= length[k];
        }
    }
    return out;
}

void almi_coefficient_deviations(const almi_series *series, const almi_arima_model *model,
                                 alm_arena *arena, double *out)
{
    almi_arma arma;
    almi_terms d;
    almi_filter filter;
    double log_det = 0;
    size_t count = model->regressors;
    almi_arma_of(&model->order, model->season, model->arma, &arma);
    almi_difference_terms(&model->order, model->season, &d);
    size_t n = series->count - d.degree;
    double *length = ALM_NEW_ARRAY(arena, double, count);
    almi_columns all = {series->count, count, series->y,
                        unit_columns(series, model, d.degree, arena, length)};
    double *white = ALM_NEW_ARRAY(arena, double, (1 + count) * n);
    double *normal = ALM_NEW_ARRAY(arena, double, count * count);
    double *inverse = ALM_NEW_ARRAY(arena, double, count * count);
    almi_filter_init(&filter, &arma, &d, arena);
    bool done = almi_filter_whiten(&filter, &all, arena, white, &log_det);
    for (size_t i = 0; i < count; i++) {
        inverse[i * (count + 1)] = 1;
        for (size_t j = 0; j <= i; j++) {
            for (size_t t = 0; t < n; t++) {
                normal[i * count + j] += white[(1 + i) * n + t] * white[(1 + j) * n + t];
            }
        }
    }
    done = done && alm_cholesky_factor(normal, count, NULL) == ALM_OK;
    if (done) {
        alm_cholesky_solve(normal, count, inverse, count);
    }
    for (size_t k = 0; k < count; k++) {
        double deviation = sqrt(inverse[k * (count + 1)]) / length[k];
        out[k] = done && isfinite(deviation) ? deviation : (double)NAN;
    }
}
