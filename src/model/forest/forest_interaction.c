/* forest_interaction.c: exact path-dependent SHAP interaction values.
 *
 * Of a leaf with value v and d different features on its path, features i != j get
 *
 *   I_ij = v (o_i - z_i) (o_j - z_j) sum_S |S|! (d-2-|S|)! / (d-1)!  prod_{k in S} o_k
 *          prod_{k not in S} z_k
 *
 * (as in forest_shap.c, S over subsets of the others), half of it each way. The weight is the Beta
 * integral of t^|S| (1-t)^(d-2-|S|), so the sum is the integral over [0, 1] of the product of the
 * other factors z_k (1-t) + o_k t: the rule that gives contributions gives pairs too, exactly. What
 * a feature has beside its pairs stands on the diagonal. */
#include <string.h>

#include "model/forest/forest_pattern.h"

#define BLOCK_ROWS_MAX 256
#define BLOCK_ROWS_MIN 16 /* patterns are shared within a block */
#define BLOCK_BYTES ((size_t)1 << 20)
#define ROW_VALUES_MAX ((size_t)1 << 26)

struct alm_forest_interaction_scratch {
    alm_arena *arena;
    almi_explainer_parts parts;
    almi_pattern_walk *walk;
    size_t block_rows;
    almi_points *sum; /* [pair] of a leaf, i <= j */
    double *value;    /* [pattern][pair] */
    size_t *place;    /* [pair] in a row's matrix, above the diagonal */
    double *out;      /* of the block at hand */
};

static size_t matrix_size(const alm_forest *forest)
{
    return (forest->info.feature_count + 1) * (forest->info.feature_count + 1);
}

static size_t pair_count(size_t d)
{
    return d * (d + 1) / 2;
}

static alm_err alloc_scratch(alm_forest_interaction_scratch *s, alm_error *error)
{
    const alm_forest *forest = s->parts.forest;
    size_t columns = forest->info.feature_count + 1;
    if (columns > ROW_VALUES_MAX / columns / forest->info.output_count) {
        return alm_fail(error, ALM_ERR_LIMIT,
                        "%zu features have too many pairs: a row's interactions would be more "
                        "than %zu values",
                        columns - 1, ROW_VALUES_MAX);
    }
    size_t elements = 0;
    ALM_TRY(almi_path_elements_max(forest, &elements, error));
    size_t bytes = sizeof(double) * (matrix_size(forest) * forest->info.output_count +
                                     pair_count(elements));
    size_t rows = BLOCK_BYTES / bytes;
    rows = rows < BLOCK_ROWS_MIN ? BLOCK_ROWS_MIN : rows;
    s->block_rows = rows > BLOCK_ROWS_MAX ? BLOCK_ROWS_MAX : rows;
    size_t d = elements + 1;
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, pair_count(d) + 1, s->sum, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, pair_count(d) * s->block_rows, s->value, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, pair_count(d), s->place, error));
    return almi_pattern_walk_create(forest, s->block_rows, s->arena, &s->walk, error);
}

alm_err alm_forest_interaction_scratch_create(const alm_forest_explainer *explainer,
                                              alm_forest_interaction_scratch **out,
                                              alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_interaction_scratch), &memory, error));
    alm_forest_interaction_scratch *s = memory;
    s->parts = almi_explainer_parts_of(explainer);
    s->arena = alm_arena_create(0);
    alm_err code = alloc_scratch(s, error);
    if (code != ALM_OK) {
        alm_forest_interaction_scratch_destroy(s);
        return code;
    }
    *out = s;
    return ALM_OK;
}

void alm_forest_interaction_scratch_destroy(alm_forest_interaction_scratch *scratch)
{
    if (scratch != NULL) {
        alm_arena_destroy(scratch->arena);
        alm_heap_free(scratch);
    }
}

/* sum[pair] = integral of the product of all factors but i's and j's (but i's, if they are one),
 * as four partial sums. Pairs are (0, 0), (0, 1) ... (1, 1) ... */
ALM_WIDE_VECTORS
static void integrate_pairs(const almi_quadrature *rule, size_t d, const double *zero,
                            const double *one, almi_points *sum)
{
    almi_points factor[ALMI_PATH_FEATURES_MAX], behind[ALMI_PATH_FEATURES_MAX + 1];
    for (size_t q = 0; q < rule->lanes_count; q++) {
        almi_points t = rule->point[q], rest = 1.0 - t, before = rule->weight[q];
        behind[d] = (almi_points){1.0, 1.0, 1.0, 1.0};
        for (size_t j = d; j-- > 0;) {
            factor[j] = zero[j] * rest + one[j] * t;
            behind[j] = factor[j] * behind[j + 1];
        }
        size_t pair = 0;
        for (size_t i = 0; i < d; i++) {
            almi_points product = before;
            for (size_t j = i; j < d; j++, pair++) {
                almi_points term = product * behind[j + 1];
                sum[pair] = q == 0 ? term : sum[pair] + term;
                product = j == i ? product : product * factor[j];
            }
            before *= factor[i];
        }
    }
}

static void evaluate(const alm_forest_interaction_scratch *s, const almi_path *path,
                     const almi_pattern *pattern, double leaf, double *value)
{
    double one[ALMI_PATH_FEATURES_MAX] = {0};
    size_t d = path->size, pair = 0;
    for (size_t j = 0; j < d; j++) {
        one[j] = almi_pattern_bit(pattern, j) ? 1.0 : 0.0;
    }
    integrate_pairs(&s->parts.rule[(d + 1) / 2], d, path->zero, one, s->sum);
    for (size_t i = 0; i < d; i++) {
        double change = one[i] - path->zero[i];
        for (size_t j = i; j < d; j++, pair++) {
            almi_points sum = s->sum[pair];
            double integral = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            double other = j == i ? 1.0 : 0.5 * (one[j] - path->zero[j]);
            value[pair] = leaf * (change * other * integral);
        }
    }
}

static void add_leaf(void *context, const almi_path *path)
{
    alm_forest_interaction_scratch *s = context;
    const alm_forest *forest = s->parts.forest;
    size_t d = path->size, pairs = pair_count(d), pair = 0;
    size_t columns = forest->info.feature_count + 1, outputs = forest->info.output_count;
    for (size_t i = 0; i < d; i++) {
        for (size_t j = i; j < d; j++) {
            size_t a = path->feature[i], b = path->feature[j];
            s->place[pair++] = a < b ? a * columns + b : b * columns + a;
        }
    }
    for (size_t k = 0; k < path->tree->leaf_width; k++) {
        double leaf = path->tree->leaf_value[path->leaf * path->tree->leaf_width + k];
        for (size_t i = 0; i < path->pattern_count; i++) {
            evaluate(s, path, &path->pattern[i], leaf * forest->scale, s->value + i * pairs);
        }
        for (size_t r = 0; r < path->row_count; r++) {
            const double *value = s->value + ALMI_PARTING_SLOT(path->entry[r]) * pairs;
            double *matrix = s->out + (r * outputs + path->tree->output + k) * columns * columns;
            for (size_t p = 0; p < pairs; p++) {
                matrix[s->place[p]] += value[p];
            }
        }
    }
}

/* No two columns of a gblinear act on each other: each has its contribution for itself. */
static void put_linear(const alm_forest *forest, const double *row, double *out)
{
    size_t columns = forest->info.feature_count + 1, matrix = matrix_size(forest);
    for (size_t k = 0; k < forest->info.output_count; k++) {
        for (size_t j = 0; j + 1 < columns; j++) {
            out[k * matrix + j * columns + j] = almi_linear_term(forest, j, k, row);
        }
    }
}

/* Until here the diagonal has the contributions, and only the upper half has the pairs. */
static void finish_matrix(double *matrix, size_t features, double expected)
{
    size_t columns = features + 1;
    for (size_t i = 0; i < features; i++) {
        for (size_t j = i + 1; j < features; j++) {
            matrix[j * columns + i] = matrix[i * columns + j];
        }
    }
    for (size_t i = 0; i < features; i++) {
        double pairs = 0.0;
        for (size_t j = 0; j < features; j++) {
            pairs += j == i ? 0.0 : matrix[i * columns + j];
        }
        matrix[i * columns + i] -= pairs;
    }
    matrix[features * columns + features] = expected;
}

void alm_forest_interactions(const alm_forest_explainer *explainer,
                             alm_forest_interaction_scratch *scratch, const double *rows, size_t n,
                             size_t stride, double *out)
{
    const alm_forest *forest = scratch->parts.forest;
    const alm_forest_info *info = &forest->info;
    alm_assert(almi_explainer_parts_of(explainer).forest == forest);
    alm_assert(n == 0 || stride >= info->feature_count);
    size_t matrix = matrix_size(forest), width = info->output_count * matrix;
    for (size_t i = 0, count = 0; i < n; i += count) {
        count = n - i < scratch->block_rows ? n - i : scratch->block_rows;
        almi_rows block = {rows + i * stride, count, stride};
        scratch->out = out + i * width;
        memset(scratch->out, 0, count * width * sizeof(double));
        almi_pattern_walk_load(scratch->walk, &block);
        for (size_t t = 0; t < info->tree_count; t++) {
            almi_pattern_walk_tree(scratch->walk, t, add_leaf, scratch);
        }
        for (size_t r = 0; r < count && info->is_linear; r++) {
            put_linear(forest, rows + (i + r) * stride, scratch->out + r * width);
        }
        for (size_t m = 0; m < count * info->output_count; m++) {
            finish_matrix(scratch->out + m * matrix, info->feature_count,
                          scratch->parts.expected[m % info->output_count]);
        }
    }
}
