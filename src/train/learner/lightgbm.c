#include "train/learner/lightgbm.h"

#include <math.h>
#include <string.h>

#include <LightGBM/c_api.h>

#include "base/rng.h"
#include "num/elementary.h"

#define BLOCK_ROWS 4096
#define COLUMNS_MAX 100000
/* LightGBM's poisson_max_delta_step: the Hessian is larger by exp(0.7), which shortens the step. */
#define POISSON_DELTA 0.7

static void drop_message(const char *message)
{
    (void)message; /* the library never logs; failures come back as the error text */
}

static alm_err external(alm_error *error, const char *what)
{
    return alm_fail(error, ALM_ERR_EXTERNAL, "LightGBM: %s: %s", what, LGBM_GetLastError());
}

/* Memory of one training, released together. */
typedef struct trainer {
    const alm_lightgbm_params *params;
    const alm_lightgbm_data *data;
    alm_arena *scratch; /* reset once the data set is made */
    alm_arena *kept;    /* the caller's */
    DatasetHandle dataset;
    BoosterHandle booster;
    double *block; /* BLOCK_ROWS x column_count */
    double base_score;
    double *class_score; /* score_count: where the scores of classes start */
    alm_error *error;
} trainer;

alm_lightgbm_params alm_lightgbm_params_default(void)
{
    return (alm_lightgbm_params){.objective = ALM_LIGHTGBM_L2,
                                 .tweedie_power = 1.5,
                                 .quantile = 0.5,
                                 .classes = 2,
                                 .trees = 100,
                                 .leaves = 31,
                                 .learning_rate = 0.1,
                                 .min_data_in_leaf = 20,
                                 .feature_fraction = 1.0,
                                 .bagging_fraction = 1.0,
                                 .bagging_freq = 0,
                                 .lambda_l2 = 0.0,
                                 .max_bin = 255,
                                 .seed = 1,
                                 .threads = 1,
                                 .sample_rows = 100000};
}

/* ---- checks ---- */

static alm_err check_params(const alm_lightgbm_params *p, size_t column_count, alm_error *error)
{
    bool sizes = p->trees >= 1 && p->leaves >= 2 && p->leaves <= 131072 && p->threads >= 1 &&
                 p->max_bin >= 2 && p->max_bin <= 255 && p->min_data_in_leaf >= 0 &&
                 p->bagging_freq >= 0 && p->seed >= 0 && p->sample_rows >= 1;
    bool shares = p->feature_fraction > 0 && p->feature_fraction <= 1 && p->bagging_fraction > 0 &&
                  p->bagging_fraction <= 1 && p->learning_rate > 0 && isfinite(p->learning_rate) &&
                  p->lambda_l2 >= 0 && isfinite(p->lambda_l2);
    if (!sizes || !shares) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "training parameters: trees, threads, sample_rows >= 1, leaves >= 2, "
                        "max_bin 2 to 255, seed >= 0, fractions in (0, 1], learning_rate > 0, "
                        "lambda_l2 >= 0 are needed");
    }
    if (p->objective == ALM_LIGHTGBM_TWEEDIE && !(p->tweedie_power > 1 && p->tweedie_power < 2)) {
        return alm_fail(error, ALM_ERR_INVALID, "tweedie_power %g is not between 1 and 2",
                        p->tweedie_power);
    }
    if (p->objective == ALM_LIGHTGBM_QUANTILE && !(p->quantile > 0 && p->quantile < 1)) {
        return alm_fail(error, ALM_ERR_INVALID, "quantile %g is not between 0 and 1", p->quantile);
    }
    if (p->objective == ALM_LIGHTGBM_MULTICLASS &&
        (p->classes < 2 || p->classes > ALM_LIGHTGBM_CLASSES_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "%d classes: 2 to %d can be told apart",
                        p->classes, ALM_LIGHTGBM_CLASSES_MAX);
    }
    for (size_t i = 0; i < p->categorical_count; i++) {
        if (p->categorical[i] < 0 || (size_t)p->categorical[i] >= column_count) {
            return alm_fail(error, ALM_ERR_INVALID, "categorical column %d of %zu",
                            p->categorical[i], column_count);
        }
    }
    return ALM_OK;
}

static bool has_log_link(const alm_lightgbm_params *p)
{
    return p->objective == ALM_LIGHTGBM_POISSON || p->objective == ALM_LIGHTGBM_TWEEDIE;
}

static bool has_classes(const alm_lightgbm_params *p)
{
    return p->objective == ALM_LIGHTGBM_BINARY || p->objective == ALM_LIGHTGBM_MULTICLASS;
}

/* Of a row; also the trees of an iteration. */
static size_t score_count(const alm_lightgbm_params *p)
{
    return p->objective == ALM_LIGHTGBM_MULTICLASS ? (size_t)p->classes : 1;
}

/* Every label a class that there is. */
static alm_err check_classes(const alm_lightgbm_params *p, const alm_lightgbm_data *d,
                             alm_error *error)
{
    int classes = p->objective == ALM_LIGHTGBM_MULTICLASS ? p->classes : 2;
    for (size_t i = 0; has_classes(p) && i < d->row_count; i++) {
        if (!(d->label[i] >= 0 && d->label[i] < classes) || floor(d->label[i]) != d->label[i]) {
            return alm_fail(error, ALM_ERR_INVALID, "label %g of row %zu: must be a class, 0 to %d",
                            d->label[i], i, classes - 1);
        }
    }
    if (has_classes(p) && d->init_score != NULL) {
        return alm_fail(error, ALM_ERR_INVALID, "classes cannot be trained from an init_score");
    }
    return ALM_OK;
}

static alm_err check_data(const alm_lightgbm_params *p, const alm_lightgbm_data *d,
                          alm_error *error)
{
    if (d->row_count == 0 || d->column_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "training needs rows and columns, got %zu x %zu",
                        d->row_count, d->column_count);
    }
    if (d->row_count > INT32_MAX || d->column_count > COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "training on %zu rows x %zu columns is too large",
                        d->row_count, d->column_count);
    }
    for (size_t i = 0; i < d->row_count; i++) {
        if (!isfinite(d->label[i]) || (has_log_link(p) && d->label[i] < 0)) {
            return alm_fail(error, ALM_ERR_INVALID, "label %g of row %zu: %s", d->label[i], i,
                            has_log_link(p) ? "must be finite and not negative"
                                            : "must be finite");
        }
        if (d->weight != NULL && !(d->weight[i] > 0 && isfinite(d->weight[i]))) {
            return alm_fail(error, ALM_ERR_INVALID, "weight %g of row %zu must be positive",
                            d->weight[i], i);
        }
        if (d->init_score != NULL && !isfinite(d->init_score[i])) {
            return alm_fail(error, ALM_ERR_INVALID, "init_score of row %zu is not finite", i);
        }
    }
    return check_classes(p, d, error);
}

/* ---- parameters as LightGBM's text ---- */

static void put_double(alm_buffer *buffer, const char *key, double value)
{
    alm_buffer_printf(buffer, " %s=", key);
    alm_buffer_double(buffer, value);
}

static void write_params(const alm_lightgbm_params *p, alm_buffer *buffer)
{
    alm_buffer_text(buffer, "boosting=gbdt verbosity=-1 deterministic=true force_col_wise=true");
    /* Bundles may form groups that are summed in per-thread blocks; pre-filtering would make the
     * bins depend on min_data_in_leaf. */
    alm_buffer_text(buffer, " enable_bundle=false feature_pre_filter=false metric=None");
    switch (p->objective) {
    case ALM_LIGHTGBM_L2:
        alm_buffer_text(buffer, " objective=regression");
        break;
    case ALM_LIGHTGBM_QUANTILE:
        alm_buffer_text(buffer, " objective=quantile");
        put_double(buffer, "alpha", p->quantile);
        break;
    case ALM_LIGHTGBM_POISSON:
    case ALM_LIGHTGBM_TWEEDIE:
    case ALM_LIGHTGBM_BINARY:
        alm_buffer_text(buffer, " objective=none");
        break;
    case ALM_LIGHTGBM_MULTICLASS:
        alm_buffer_printf(buffer, " objective=none num_class=%d", p->classes);
        break;
    }
    alm_buffer_printf(buffer, " num_leaves=%d min_data_in_leaf=%d bagging_freq=%d max_bin=%d",
                      p->leaves, p->min_data_in_leaf, p->bagging_freq, p->max_bin);
    alm_buffer_printf(buffer, " seed=%d num_threads=%d", p->seed, p->threads);
    put_double(buffer, "learning_rate", p->learning_rate);
    put_double(buffer, "feature_fraction", p->feature_fraction);
    put_double(buffer, "bagging_fraction", p->bagging_fraction);
    put_double(buffer, "lambda_l2", p->lambda_l2);
    for (size_t i = 0; i < p->categorical_count; i++) {
        alm_buffer_printf(buffer, "%s%d", i == 0 ? " categorical_feature=" : ",",
                          p->categorical[i]);
    }
}

/* ---- data set ---- */

/* Rows whose values choose the bin boundaries: one random row from each of `count` equal slices,
 * so that no period of the panel can hide from them, the same ones every time. */
static size_t sample_row(const trainer *t, size_t index, size_t count)
{
    size_t n = t->data->row_count;
    size_t begin = index * n / count; /* both are below 2^31 */
    size_t end = (index + 1) * n / count;
    uint64_t word = alm_rng_u64((uint64_t)t->params->seed, ALM_RNG_TRAIN_SAMPLE, index, n);
    return begin + (size_t)(word % (end - begin));
}

/* Column-wise values that are not zero, as LightGBM's own sampling gives them. */
typedef struct sample {
    size_t count;
    double **value;
    int **index;
    int *value_count; /* [column] */
} sample;

static alm_err alloc_sample(trainer *t, sample *s)
{
    size_t columns = t->data->column_count;
    void *value = NULL, *index = NULL;
    s->count = t->params->sample_rows < t->data->row_count ? t->params->sample_rows
                                                           : t->data->row_count;
    s->value = ALM_NEW_ARRAY(t->scratch, double *, columns);
    s->index = ALM_NEW_ARRAY(t->scratch, int *, columns);
    s->value_count = ALM_NEW_ARRAY(t->scratch, int, columns);
    for (size_t c = 0; c < columns; c++) {
        ALM_TRY(alm_arena_try_alloc(t->scratch, s->count * sizeof(double), &value, t->error));
        ALM_TRY(alm_arena_try_alloc(t->scratch, s->count * sizeof(int), &index, t->error));
        s->value[c] = value;
        s->index[c] = index;
    }
    return ALM_OK;
}

static void add_sample_row(const trainer *t, sample *s, size_t position, const double *row)
{
    for (size_t c = 0; c < t->data->column_count; c++) {
        /* kZeroThreshold of LightGBM; NaN is kept */
        if (fabs(row[c]) > 1.0000000180025095e-35 || isnan(row[c])) {
            int at = s->value_count[c]++;
            s->value[c][at] = row[c];
            s->index[c][at] = (int)position;
        }
    }
}

static alm_err read_block(const trainer *t, size_t first, size_t *count)
{
    size_t left = t->data->row_count - first;
    *count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
    return t->data->rows(t->data->context, first, *count, t->block, t->error);
}

static alm_err take_sample(trainer *t, sample *s)
{
    ALM_TRY(alloc_sample(t, s));
    size_t position = 0, count = 0;
    size_t next = sample_row(t, 0, s->count);
    for (size_t first = 0; first < t->data->row_count; first += count) {
        ALM_TRY(read_block(t, first, &count));
        while (position < s->count && next < first + count) {
            add_sample_row(t, s, position, t->block + (next - first) * t->data->column_count);
            position++;
            next = position < s->count ? sample_row(t, position, s->count) : 0;
        }
    }
    return ALM_OK;
}

static alm_err set_field(trainer *t, const char *name, const double *values, bool is_float)
{
    size_t n = t->data->row_count;
    void *copy = NULL;
    const void *field = values;
    if (is_float) {
        ALM_TRY(alm_heap_try(n * sizeof(float), &copy, t->error));
        for (size_t i = 0; i < n; i++) {
            ((float *)copy)[i] = (float)values[i];
        }
        field = copy;
    }
    int failed = LGBM_DatasetSetField(t->dataset, name, field, (int)n,
                                      is_float ? C_API_DTYPE_FLOAT32 : C_API_DTYPE_FLOAT64);
    alm_heap_free(copy);
    return failed ? external(t->error, name) : ALM_OK;
}

static alm_err push_rows(trainer *t)
{
    size_t count = 0;
    for (size_t first = 0; first < t->data->row_count; first += count) {
        ALM_TRY(read_block(t, first, &count));
        if (LGBM_DatasetPushRows(t->dataset, t->block, C_API_DTYPE_FLOAT64, (int32_t)count,
                                 (int32_t)t->data->column_count, (int32_t)first)) {
            return external(t->error, "filling the data set");
        }
    }
    return ALM_OK;
}

/* Scores of classes stand class after class. */
static alm_err set_class_scores(trainer *t)
{
    size_t n = t->data->row_count, scores = score_count(t->params);
    void *memory = NULL;
    if (n * scores > INT32_MAX) {
        return alm_fail(t->error, ALM_ERR_LIMIT, "training on %zu rows of %zu classes is too large",
                        n, scores);
    }
    ALM_TRY(alm_heap_try(n * scores * sizeof(double), &memory, t->error));
    double *start = memory;
    for (size_t i = 0; i < n * scores; i++) {
        start[i] = t->class_score[i / n];
    }
    int failed = LGBM_DatasetSetField(t->dataset, "init_score", start, (int)(n * scores),
                                      C_API_DTYPE_FLOAT64);
    alm_heap_free(memory);
    return failed ? external(t->error, "init_score") : ALM_OK;
}

/* The score that every row starts from: the caller's plus, for the log link, the base score. */
static alm_err set_init_score(trainer *t)
{
    const double *given = t->data->init_score;
    if (has_classes(t->params)) {
        return set_class_scores(t);
    }
    if (!has_log_link(t->params)) {
        return given != NULL ? set_field(t, "init_score", given, false) : ALM_OK;
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(t->data->row_count * sizeof(double), &memory, t->error));
    double *start = memory;
    for (size_t i = 0; i < t->data->row_count; i++) {
        start[i] = t->base_score + (given != NULL ? given[i] : 0.0);
    }
    alm_err code = set_field(t, "init_score", start, false);
    alm_heap_free(memory);
    return code;
}

static alm_err make_dataset(trainer *t, const char *params)
{
    sample s = {0};
    ALM_TRY(take_sample(t, &s));
    int rows = (int)t->data->row_count;
    if (LGBM_DatasetCreateFromSampledColumn(s.value, s.index, (int32_t)t->data->column_count,
                                            s.value_count, (int32_t)s.count, rows, rows, params,
                                            &t->dataset)) {
        return external(t->error, "choosing bin boundaries");
    }
    alm_arena_reset(t->scratch);
    ALM_TRY(push_rows(t));
    ALM_TRY(set_field(t, "label", t->data->label, true));
    if (t->data->weight != NULL) {
        ALM_TRY(set_field(t, "weight", t->data->weight, true));
    }
    return set_init_score(t);
}

/* ---- gradients of our own ---- */

/* log of the weighted mean of the labels over the weighted mean of exp(init_score): the constant
 * that solves the score equation of both objectives approximately and of Poisson exactly. */
static alm_err choose_base_score(trainer *t)
{
    if (!has_log_link(t->params)) {
        return ALM_OK;
    }
    double label_sum = 0, expected_sum = 0;
    for (size_t i = 0; i < t->data->row_count; i++) {
        double weight = t->data->weight != NULL ? t->data->weight[i] : 1.0;
        double init = t->data->init_score != NULL ? alm_exp(t->data->init_score[i]) : 1.0;
        label_sum += weight * t->data->label[i];
        expected_sum += weight * init;
    }
    double mean = label_sum / expected_sum;
    if (!(mean > 0 && isfinite(mean))) {
        return alm_fail(t->error, ALM_ERR_NUMERIC,
                        "the weighted mean of the labels is %g; a log-link objective needs a "
                        "positive one (use a rule for series that never sold)",
                        mean);
    }
    t->base_score = alm_log(mean);
    return ALM_OK;
}

/* First and second derivative of the negative log likelihood by the raw score: the formulas of
 * LightGBM src/objective/regression_objective.hpp, with an exp that has the same bits anywhere. */
static void log_link_gradient(const trainer *t, const double *score, float *gradient,
                              float *hessian)
{
    const double *label = t->data->label;
    bool poisson = t->params->objective == ALM_LIGHTGBM_POISSON;
    double power = t->params->tweedie_power;
    double delta = alm_exp(POISSON_DELTA);
    for (size_t i = 0; i < t->data->row_count; i++) {
        double g, h;
        if (poisson) {
            double e = alm_exp(score[i]);
            g = e - label[i];
            h = e * delta;
        } else {
            double e1 = alm_exp((1 - power) * score[i]);
            double e2 = alm_exp((2 - power) * score[i]);
            g = e2 - label[i] * e1;
            h = (2 - power) * e2 - label[i] * (1 - power) * e1;
        }
        double weight = t->data->weight != NULL ? t->data->weight[i] : 1.0;
        gradient[i] = (float)(g * weight);
        hessian[i] = (float)(h * weight);
    }
}

/* Where classes start: the logarithms of their weighted shares; with one score, the logit. */
static alm_err choose_class_scores(trainer *t)
{
    bool binary = t->params->objective == ALM_LIGHTGBM_BINARY;
    size_t classes = binary ? 2 : (size_t)t->params->classes;
    double *share = ALM_NEW_ARRAY(t->scratch, double, classes);
    double all = 0;
    t->class_score = ALM_NEW_ARRAY(t->kept, double, classes);
    for (size_t i = 0; i < t->data->row_count; i++) {
        double weight = t->data->weight != NULL ? t->data->weight[i] : 1.0;
        share[(size_t)t->data->label[i]] += weight;
        all += weight;
    }
    for (size_t k = 0; k < classes; k++) {
        if (!(share[k] > 0)) {
            return alm_fail(t->error, ALM_ERR_INVALID, "class %zu does not occur in %zu rows", k,
                            t->data->row_count);
        }
        t->class_score[k] = alm_log(share[k] / all);
    }
    if (binary) {
        t->class_score[0] = t->class_score[1] - t->class_score[0];
    }
    return ALM_OK;
}

/* The formulas of LightGBM src/objective/{binary,multiclass}_objective.hpp; of several classes the
 * second derivative is larger by classes / (classes - 1) (Friedman). */
static void class_gradient(const trainer *t, const double *score, float *gradient, float *hessian)
{
    size_t n = t->data->row_count, scores = score_count(t->params);
    double factor = scores > 1 ? (double)scores / (double)(scores - 1) : 1;
    for (size_t i = 0; i < n; i++) {
        double top = scores > 1 ? score[i] : 0, sum = scores > 1 ? 0 : alm_exp(-score[i]) + 1;
        for (size_t k = 1; k < scores; k++) {
            top = score[k * n + i] > top ? score[k * n + i] : top;
        }
        for (size_t k = 0; scores > 1 && k < scores; k++) {
            sum += alm_exp(score[k * n + i] - top);
        }
        double weight = t->data->weight != NULL ? t->data->weight[i] : 1.0;
        for (size_t k = 0; k < scores; k++) {
            double p = scores > 1 ? alm_exp(score[k * n + i] - top) / sum : 1 / sum;
            bool is = scores > 1 ? t->data->label[i] == (double)k : t->data->label[i] == 1;
            gradient[k * n + i] = (float)((p - (is ? 1 : 0)) * weight);
            hessian[k * n + i] = (float)(factor * p * (1 - p) * weight);
        }
    }
}

static alm_err boost_own_gradients(trainer *t)
{
    size_t n = t->data->row_count * score_count(t->params);
    void *score = NULL, *gradient = NULL, *hessian = NULL;
    ALM_TRY(alm_arena_try_alloc(t->scratch, n * sizeof(double), &score, t->error));
    ALM_TRY(alm_arena_try_alloc(t->scratch, n * sizeof(float), &gradient, t->error));
    ALM_TRY(alm_arena_try_alloc(t->scratch, n * sizeof(float), &hessian, t->error));
    int finished = 0;
    for (int i = 0; i < t->params->trees && !finished; i++) {
        int64_t count = 0;
        /* Without a built-in objective this is the raw score, start included. */
        if (LGBM_BoosterGetPredict(t->booster, 0, &count, score) || (size_t)count != n) {
            return external(t->error, "reading the training scores");
        }
        if (has_classes(t->params)) {
            class_gradient(t, score, gradient, hessian);
        } else {
            log_link_gradient(t, score, gradient, hessian);
        }
        if (LGBM_BoosterUpdateOneIterCustom(t->booster, gradient, hessian, &finished)) {
            return external(t->error, "training a tree");
        }
    }
    return ALM_OK;
}

static alm_err boost(trainer *t, const char *params)
{
    if (LGBM_BoosterCreate(t->dataset, params, &t->booster)) {
        return external(t->error, "starting the training");
    }
    if (has_log_link(t->params) || has_classes(t->params)) {
        return boost_own_gradients(t);
    }
    int finished = 0;
    for (int i = 0; i < t->params->trees && !finished; i++) {
        if (LGBM_BoosterUpdateOneIter(t->booster, &finished)) {
            return external(t->error, "training a tree");
        }
    }
    return ALM_OK;
}

/* ---- result ---- */

/* What follows the trees (importances, parameters with the number of threads) says nothing about
 * scoring, and would make equal models differ. */
static alm_err cut_text(const char *full, size_t size, alm_arena *arena, alm_str *out,
                        alm_error *error)
{
    static const char end[] = "\nend of trees\n";
    const char *at = memmem(full, size, end, sizeof end - 1);
    if (at == NULL) {
        return alm_fail(error, ALM_ERR_EXTERNAL, "LightGBM wrote a model text without its end");
    }
    size_t length = (size_t)(at - full) + sizeof end - 1;
    *out = (alm_str){alm_arena_copy_text(arena, full, length), length};
    return ALM_OK;
}

/* `*text` is the heap's. */
static alm_err save_full(const trainer *t, void **text, size_t *size, alm_error *error)
{
    int64_t length = 0;
    void *memory = NULL;
    if (LGBM_BoosterSaveModelToString(t->booster, 0, -1, C_API_FEATURE_IMPORTANCE_GAIN, 0, &length,
                                      NULL)) {
        return external(error, "writing the model");
    }
    ALM_TRY(alm_heap_try((size_t)length, &memory, error));
    if (LGBM_BoosterSaveModelToString(t->booster, 0, -1, C_API_FEATURE_IMPORTANCE_GAIN, length,
                                      &length, memory)) {
        alm_heap_free(memory);
        return external(error, "writing the model");
    }
    *text = memory;
    *size = (size_t)length;
    return ALM_OK;
}

/* Leaves of the first trees: the C interface gives and takes a leaf's value, but says their number
 * in the model text alone. */
static alm_err count_leaves(const trainer *t, int64_t *leaves, size_t trees)
{
    void *text = NULL;
    size_t size = 0, found = 0;
    ALM_TRY(save_full(t, &text, &size, t->error));
    alm_str rest = {text, strlen(text)};
    while (rest.data != NULL && found < trees) {
        alm_str line = alm_str_split(&rest, '\n');
        if (alm_str_starts_with(line, "num_leaves=")) {
            alm_str number = {line.data + 11, line.size - 11};
            found += alm_str_to_i64(number, &leaves[found]) ? 1 : trees + 1;
        }
    }
    alm_heap_free(text);
    return found == trees ? ALM_OK
                          : alm_fail(t->error, ALM_ERR_EXTERNAL,
                                     "LightGBM wrote %zu of the %zu trees of the first iteration",
                                     found, trees);
}

/* The first trees take in where the scores of the classes started, as LightGBM's own do. */
static alm_err add_class_scores(trainer *t)
{
    size_t trees = score_count(t->params);
    int64_t *leaves = ALM_NEW_ARRAY(t->scratch, int64_t, trees);
    ALM_TRY(count_leaves(t, leaves, trees));
    for (size_t k = 0; k < trees; k++) {
        for (int leaf = 0; leaf < leaves[k]; leaf++) {
            double value = 0;
            if (LGBM_BoosterGetLeafValue(t->booster, (int)k, leaf, &value) ||
                LGBM_BoosterSetLeafValue(t->booster, (int)k, leaf, value + t->class_score[k])) {
                return external(t->error, "adding the shares of the classes");
            }
        }
    }
    return ALM_OK;
}

/* The text with the objective of classes, which LightGBM has not written because the gradients were
 * not its own. */
static alm_err put_objective(const alm_lightgbm_params *p, alm_arena *arena, alm_str *text,
                             alm_error *error)
{
    static const char place[] = "\nfeature_names=";
    const char *objective = p->objective == ALM_LIGHTGBM_BINARY
                                ? "\nobjective=binary sigmoid:1"
                                : alm_arena_printf(arena, "\nobjective=multiclass num_class:%d",
                                                   p->classes);
    const char *at = memmem(text->data, text->size, place, sizeof place - 1);
    if (at == NULL || memmem(text->data, (size_t)(at - text->data), "\nobjective=", 11) != NULL) {
        return alm_fail(error, ALM_ERR_EXTERNAL, "LightGBM wrote a model text without a place for "
                                                 "the objective");
    }
    size_t before = (size_t)(at - text->data), length = strlen(objective);
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, text->size + length + 1, &memory, error));
    char *whole = memory;
    memcpy(whole, text->data, before);
    memcpy(whole + before, objective, length);
    memcpy(whole + before + length, at, text->size - before + 1); /* with its NUL */
    *text = (alm_str){whole, text->size + length};
    return ALM_OK;
}

static alm_err save_text(trainer *t, alm_arena *arena, alm_str *out)
{
    void *text = NULL;
    size_t size = 0;
    if (has_classes(t->params)) {
        ALM_TRY(add_class_scores(t));
    }
    ALM_TRY(save_full(t, &text, &size, t->error));
    alm_err code = cut_text(text, size, arena, out, t->error);
    alm_heap_free(text);
    if (code == ALM_OK && has_classes(t->params)) {
        code = put_objective(t->params, arena, out, t->error);
    }
    return code;
}

static alm_err take_result(trainer *t, alm_arena *arena, alm_lightgbm_result *out)
{
    alm_lightgbm_result result = {.base_score = t->base_score};
    int trees = 0;
    double *gain = ALM_NEW_ARRAY(arena, double, t->data->column_count);
    if (LGBM_BoosterNumberOfTotalModel(t->booster, &trees) ||
        LGBM_BoosterFeatureImportance(t->booster, 0, C_API_FEATURE_IMPORTANCE_GAIN, gain)) {
        return external(t->error, "reading the importance of the features");
    }
    ALM_TRY(save_text(t, arena, &result.text));
    result.trees = (size_t)trees;
    result.gain = gain;
    *out = result;
    return ALM_OK;
}

static alm_err train_with(trainer *t, alm_arena *arena, alm_lightgbm_result *out)
{
    alm_buffer params = {0};
    void *block = NULL;
    ALM_TRY(alm_heap_try(BLOCK_ROWS * t->data->column_count * sizeof(double), &block, t->error));
    t->block = block;
    write_params(t->params, &params);
    alm_err code = alm_buffer_status(&params, t->error);
    if (code == ALM_OK) {
        code = has_classes(t->params) ? choose_class_scores(t) : choose_base_score(t);
    }
    if (code == ALM_OK) {
        code = make_dataset(t, params.data);
    }
    alm_heap_free(block);
    if (code == ALM_OK) {
        code = boost(t, params.data);
    }
    if (code == ALM_OK) {
        code = take_result(t, arena, out);
    }
    alm_buffer_deinit(&params);
    return code;
}

alm_err alm_lightgbm_train(const alm_lightgbm_params *params, const alm_lightgbm_data *data,
                           alm_arena *arena, alm_lightgbm_result *out, alm_error *error)
{
    ALM_TRY(check_params(params, data->column_count, error));
    ALM_TRY(check_data(params, data, error));
    LGBM_RegisterLogCallback(drop_message); /* a setting of the thread, so every time */
    trainer t = {.params = params, .data = data, .kept = arena, .error = error};
    t.scratch = alm_arena_create(0);
    alm_err code = train_with(&t, arena, out);
    if (t.booster != NULL) {
        LGBM_BoosterFree(t.booster);
    }
    if (t.dataset != NULL) {
        LGBM_DatasetFree(t.dataset);
    }
    alm_arena_destroy(t.scratch);
    return code;
}

/* ---- LightGBM's own prediction ---- */

struct alm_lightgbm_booster {
    BoosterHandle handle;
    int column_count;
};

alm_err alm_lightgbm_open(alm_str text, alm_lightgbm_booster **out, alm_error *error)
{
    void *memory = NULL;
    int iterations = 0;
    alm_assert(text.data[text.size] == '\0');
    ALM_TRY(alm_heap_try(sizeof(alm_lightgbm_booster), &memory, error));
    alm_lightgbm_booster *booster = memory;
    LGBM_RegisterLogCallback(drop_message);
    if (LGBM_BoosterLoadModelFromString(text.data, &iterations, &booster->handle) ||
        LGBM_BoosterGetNumFeature(booster->handle, &booster->column_count)) {
        alm_lightgbm_close(booster);
        return external(error, "reading a model text");
    }
    *out = booster;
    return ALM_OK;
}

void alm_lightgbm_close(alm_lightgbm_booster *booster)
{
    if (booster == NULL) {
        return;
    }
    if (booster->handle != NULL) {
        LGBM_BoosterFree(booster->handle);
    }
    alm_heap_free(booster);
}

alm_err alm_lightgbm_predict(const alm_lightgbm_booster *booster, alm_lightgbm_prediction kind,
                             const double *rows, size_t n, double *out, alm_error *error)
{
    int64_t length = 0;
    if (LGBM_BoosterPredictForMat(booster->handle, rows, C_API_DTYPE_FLOAT64, (int32_t)n,
                                  booster->column_count, 1, (int)kind, 0, -1,
                                  "num_threads=1 verbosity=-1", &length, out)) {
        return external(error, "predicting");
    }
    return ALM_OK;
}
