#include "model/forest/forest_explain.h"

#include <math.h>

#include "model/forest/forest_internal.h"

#define MATRIX_VALUES ((size_t)1 << 20) /* of the rows that are explained together */
#define MATRIX_ROWS 256

struct alm_forest_explain {
    const alm_forest *forest;
    alm_forest_info info;
    alm_explain_way way;
    alm_forest_explainer *fast; /* of FAST and INTERACTIONS */
    alm_forest_strict *strict;
    alm_forest_interventional *background;
    double tolerance;
    double largest[]; /* of every output: sum over the trees of the largest leaf */
};

struct alm_forest_explain_scratch {
    alm_forest_scratch *fast;
    alm_forest_strict_scratch *strict;
    alm_forest_interventional_scratch *background;
    alm_forest_interaction_scratch *pairs;
    double *matrix; /* of a few rows, which share what they have in common */
    size_t matrix_rows;
};

/* What the terms of an output's score can come to. */
static void measure(const alm_forest *forest, double *largest)
{
    size_t outputs = forest->info.output_count;
    for (size_t k = 0; k < outputs; k++) {
        largest[k] = (forest->base ? fabs(forest->base[k]) : 0) +
                     (forest->bias ? fabs(forest->bias[k]) : 0);
    }
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        for (size_t w = 0; w < tree->leaf_width; w++) {
            double most = 0;
            for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
                double size = fabs(tree->leaf_value[leaf * tree->leaf_width + w]);
                most = size > most ? size : most;
            }
            largest[tree->output + w] += most * fabs(forest->scale);
        }
    }
}

/* Every addition of a sum of floats may round by 2^-24 of what the terms can come to. */
static double tolerance_of(const alm_forest_info *info, alm_explain_way way)
{
    bool floats = info->source == ALM_FOREST_XGBOOST || info->source == ALM_FOREST_ONNX;
    double sums = (double)(info->tree_count + 1) * (floats ? 0x1p-24 : 0x1p-53);
    if (way == ALM_EXPLAIN_STRICT) {
        return 2 * sums + (floats ? 1e-4 : 1e-8); /* forest_strict_test.c: the recursion divides */
    }
    return sums + (floats ? 1e-6 : 1e-11);
}

static alm_err create(alm_forest_explain *e, const alm_forest_explain_options *options,
                      alm_error *error)
{
    switch (options->way) {
    case ALM_EXPLAIN_STRICT:
        return alm_forest_strict_create(e->forest, &e->strict, error);
    case ALM_EXPLAIN_BACKGROUND:
        return alm_forest_interventional_create(e->forest, options->background,
                                                options->background_rows, e->info.feature_count,
                                                &e->background, error);
    case ALM_EXPLAIN_FAST:
    case ALM_EXPLAIN_INTERACTIONS:
        break;
    }
    return alm_forest_explainer_create(e->forest, &e->fast, error);
}

alm_err alm_forest_explain_create(const alm_forest *forest,
                                  const alm_forest_explain_options *options,
                                  alm_forest_explain **out, alm_error *error)
{
    alm_forest_info info = alm_forest_describe(forest);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_explain) + info.output_count * sizeof(double), &memory,
                         error));
    alm_forest_explain *e = memory;
    e->forest = forest;
    e->info = info;
    e->way = options->way;
    e->tolerance = tolerance_of(&info, options->way);
    measure(forest, e->largest);
    alm_err code = create(e, options, error);
    if (code != ALM_OK) {
        alm_forest_explain_destroy(e);
        return code;
    }
    *out = e;
    return ALM_OK;
}

void alm_forest_explain_destroy(alm_forest_explain *e)
{
    if (e) {
        alm_forest_explainer_destroy(e->fast);
        alm_forest_strict_destroy(e->strict);
        alm_forest_interventional_destroy(e->background);
        alm_heap_free(e);
    }
}

size_t alm_forest_explain_width(const alm_forest_explain *e)
{
    size_t features = e->info.feature_count;
    return e->way == ALM_EXPLAIN_INTERACTIONS ? features * (features + 1) / 2 + 1 : features + 1;
}

/* ---- scratch ---- */

static alm_err create_pairs(const alm_forest_explain *e, alm_forest_explain_scratch *scratch,
                            alm_error *error)
{
    void *memory = NULL;
    size_t columns = e->info.feature_count + 1;
    ALM_TRY(alm_forest_interaction_scratch_create(e->fast, &scratch->pairs, error));
    size_t values = e->info.output_count * columns * columns; /* bounded by the call before */
    size_t fit = MATRIX_VALUES / values;
    scratch->matrix_rows = fit < 1 ? 1 : fit > MATRIX_ROWS ? MATRIX_ROWS : fit;
    ALM_TRY(alm_heap_try(scratch->matrix_rows * values * sizeof(double), &memory, error));
    scratch->matrix = memory;
    return ALM_OK;
}

static alm_err create_scratch(const alm_forest_explain *e, alm_forest_explain_scratch *scratch,
                              alm_error *error)
{
    switch (e->way) {
    case ALM_EXPLAIN_STRICT:
        return alm_forest_strict_scratch_create(e->strict, &scratch->strict, error);
    case ALM_EXPLAIN_BACKGROUND:
        return alm_forest_interventional_scratch_create(e->background, &scratch->background,
                                                        error);
    case ALM_EXPLAIN_INTERACTIONS:
        return create_pairs(e, scratch, error);
    case ALM_EXPLAIN_FAST:
        break;
    }
    return alm_forest_scratch_create(e->fast, &scratch->fast, error);
}

alm_err alm_forest_explain_scratch_create(const alm_forest_explain *explain,
                                          alm_forest_explain_scratch **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_explain_scratch), &memory, error));
    alm_err code = create_scratch(explain, memory, error);
    if (code != ALM_OK) {
        alm_forest_explain_scratch_destroy(memory);
        return code;
    }
    *out = memory;
    return ALM_OK;
}

void alm_forest_explain_scratch_destroy(alm_forest_explain_scratch *scratch)
{
    if (scratch) {
        alm_forest_scratch_destroy(scratch->fast);
        alm_forest_strict_scratch_destroy(scratch->strict);
        alm_forest_interventional_scratch_destroy(scratch->background);
        alm_forest_interaction_scratch_destroy(scratch->pairs);
        alm_heap_free(scratch->matrix);
        alm_heap_free(scratch);
    }
}

/* ---- rows ---- */

/* The upper half of every matrix, both halves of a pair together. */
static void fold(const double *matrix, size_t count, size_t features, double *out)
{
    size_t columns = features + 1;
    for (size_t k = 0; k < count; k++, matrix += columns * columns) {
        for (size_t i = 0; i < features; i++) {
            *out++ = matrix[i * columns + i];
            for (size_t j = i + 1; j < features; j++) {
                *out++ = 2 * matrix[i * columns + j];
            }
        }
        *out++ = matrix[columns * columns - 1];
    }
}

static void explain_pairs(const alm_forest_explain *e, alm_forest_explain_scratch *scratch,
                          const alm_explain_rows *rows, double *out)
{
    size_t outputs = e->info.output_count, width = alm_forest_explain_width(e);
    for (size_t i = 0; i < rows->n; i += scratch->matrix_rows) {
        size_t left = rows->n - i, n = left < scratch->matrix_rows ? left : scratch->matrix_rows;
        alm_forest_interactions(e->fast, scratch->pairs, rows->rows + i * rows->stride, n,
                                rows->stride, scratch->matrix);
        fold(scratch->matrix, n * outputs, e->info.feature_count, out + i * outputs * width);
    }
}

static alm_err check(const alm_forest_explain *e, const alm_explain_rows *rows, const double *out,
                     alm_error *error)
{
    size_t outputs = e->info.output_count, width = alm_forest_explain_width(e);
    for (size_t v = 0; v < rows->n * outputs; v++, out += width) {
        double sum = 0;
        for (size_t i = 0; i < width; i++) {
            sum += out[i];
        }
        if (!(fabs(sum - rows->raw[v]) <= e->tolerance * e->largest[v % outputs])) {
            return alm_fail(error, ALM_ERR_NUMERIC,
                            "row %llu: the contributions to score %zu sum to %.17g, the score is "
                            "%.17g%s", (unsigned long long)(rows->first + v / outputs + 1),
                            v % outputs, sum, rows->raw[v],
                            e->way == ALM_EXPLAIN_STRICT
                                ? ": the library's own arithmetic fails here; use the exact "
                                  "contributions, without strict" : "");
        }
    }
    return ALM_OK;
}

alm_err alm_forest_explain_rows(const alm_forest_explain *e, alm_forest_explain_scratch *scratch,
                                const alm_explain_rows *rows, double *out, alm_error *error)
{
    switch (e->way) {
    case ALM_EXPLAIN_FAST:
        alm_forest_contributions(e->fast, scratch->fast, rows->rows, rows->n, rows->stride, out);
        break;
    case ALM_EXPLAIN_STRICT:
        alm_forest_contributions_strict(e->strict, scratch->strict, rows->rows, rows->n,
                                        rows->stride, out);
        break;
    case ALM_EXPLAIN_BACKGROUND:
        alm_forest_interventional_contributions(e->background, scratch->background, rows->rows,
                                                rows->n, rows->stride, out);
        break;
    case ALM_EXPLAIN_INTERACTIONS:
        explain_pairs(e, scratch, rows, out);
        break;
    }
    return check(e, rows, out, error);
}
