/* forest_linear.c: XGBoost's gblinear: a weight for every column and output, and no trees.
 *
 * The source (src/gbm/gblinear.cc, Pred and PredictContribution) adds in float, in the order of the
 * columns, from the bias and the base margin on, which the importer has added up. A missing value
 * is not there, so it adds nothing. Its contributions are the products themselves. */
#include <math.h>

#include "model/forest/forest_internal.h"

/* What a column adds to an output; a value is rounded to float before it is multiplied. */
static float term_of(const alm_forest *forest, size_t column, size_t output, double x)
{
    return (float)x * forest->weight[column * forest->info.output_count + output];
}

double almi_linear_term(const alm_forest *forest, size_t column, size_t output, const double *row)
{
    return isnan(row[column]) ? 0.0 : (double)term_of(forest, column, output, row[column]);
}

void almi_linear_score(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                       double *out)
{
    size_t outputs = forest->info.output_count;
    for (size_t i = 0; i < n; i++) {
        const double *row = rows + i * stride;
        for (size_t k = 0; k < outputs; k++) {
            float sum = (float)almi_forest_base(forest, k);
            for (size_t j = 0; j < forest->info.feature_count; j++) {
                sum = isnan(row[j]) ? sum : sum + term_of(forest, j, k, row[j]);
            }
            out[i * outputs + k] = (double)sum;
        }
    }
}

void almi_linear_contributions(const alm_forest *forest, const double *rows, size_t n,
                               size_t stride, double *out)
{
    size_t outputs = forest->info.output_count, features = forest->info.feature_count;
    for (size_t i = 0; i < n; i++) {
        const double *row = rows + i * stride;
        for (size_t k = 0; k < outputs; k++, out += features + 1) {
            for (size_t j = 0; j < features; j++) {
                out[j] = almi_linear_term(forest, j, k, row);
            }
            out[features] = almi_forest_base(forest, k);
        }
    }
}
