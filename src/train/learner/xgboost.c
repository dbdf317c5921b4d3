#include "train/learner/xgboost.h"

#include <math.h>
#include <string.h>

#include <xgboost/c_api.h>

#include "num/elementary.h"

#define BLOCK_ROWS 4096
#define COLUMNS_MAX 100000
#define ROWS_MAX ((size_t)1 << 29)
/* Gradients are multiples of it, so that sums are exact; also the least hessian. */
#define GRADIENT_UNIT 0x1p-24

static alm_err external(alm_error *error, const char *what)
{
    /* The message has lines of a stack trace behind its first one. */
    const char *message = XGBGetLastError();
    const char *line = strchr(message, '\n');
    int size = line ? (int)(line - message) : (int)strlen(message);
    return alm_fail(error, ALM_ERR_EXTERNAL, "XGBoost: %s: %.*s", what, size, message);
}

typedef struct trainer {
    const alm_xgboost_params *params;
    const alm_xgboost_data *data;
    alm_arena *scratch;
    DMatrixHandle matrix;
    BoosterHandle booster;
    size_t scores;    /* of a row, and trees of an iteration */
    double *start;    /* scores: where every row's scores start */
    alm_str base_score; /* the same as the model says it */
    alm_error *error;
} trainer;

alm_xgboost_params alm_xgboost_params_default(void)
{
    return (alm_xgboost_params){.classes = 2,
                                .trees = 100,
                                .depth = 6,
                                .learning_rate = 0.3,
                                .min_child_weight = 1,
                                .feature_fraction = 1,
                                .bagging_fraction = 1,
                                .lambda_l2 = 1,
                                .max_bin = 256,
                                .seed = 1,
                                .threads = 1};
}

/* ---- checks ---- */

static bool is_share(double x)
{
    return x > 0 && x <= 1;
}

static alm_err check_params(const alm_xgboost_params *p, alm_error *error)
{
    bool sizes = p->trees >= 1 && p->depth >= 1 && p->depth <= 64 && p->max_bin >= 2 &&
                 p->max_bin <= 65535 && p->seed >= 0 && p->threads >= 1;
    bool numbers = is_share(p->feature_fraction) && is_share(p->bagging_fraction) &&
                   p->learning_rate > 0 && isfinite(p->learning_rate) &&
                   p->min_child_weight >= 0 && isfinite(p->min_child_weight) &&
                   p->lambda_l2 >= 0 && isfinite(p->lambda_l2);
    if (!sizes || !numbers) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "training parameters: trees, threads >= 1, depth 1 to 64, max_bin 2 to "
                        "65535, seed >= 0, fractions in (0, 1], learning_rate > 0, "
                        "min_child_weight, lambda_l2 >= 0 are needed");
    }
    if (p->classes < 2 || p->classes > ALM_XGBOOST_CLASSES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%d classes: 2 to %d can be told apart",
                        p->classes, ALM_XGBOOST_CLASSES_MAX);
    }
    return ALM_OK;
}

static alm_err check_costs(const alm_xgboost_params *p, const alm_xgboost_data *d, alm_error *error)
{
    size_t classes = (size_t)p->classes;
    if (classes < 3) {
        return alm_fail(error, ALM_ERR_INVALID, "costs are of three classes and more, not of %zu",
                        classes);
    }
    for (size_t i = 0; i < d->row_count * classes; i++) {
        if (!(d->cost[i] >= 0 && d->cost[i] <= 1)) {
            return alm_fail(error, ALM_ERR_INVALID, "cost %g of class %zu, row %zu: must be 0 to 1",
                            d->cost[i], i % classes, i / classes);
        }
    }
    for (size_t k = 0; k < classes; k++) {
        if (!isfinite((float)d->start[k])) {
            return alm_fail(error, ALM_ERR_INVALID, "class %zu starts at %g: must be finite", k,
                            d->start[k]);
        }
    }
    return ALM_OK;
}

static alm_err check_labels(const alm_xgboost_params *p, const alm_xgboost_data *d,
                            alm_error *error)
{
    for (size_t i = 0; i < d->row_count; i++) {
        if (!(d->label[i] >= 0 && d->label[i] < p->classes) || floor(d->label[i]) != d->label[i]) {
            return alm_fail(error, ALM_ERR_INVALID, "label %g of row %zu: must be a class, 0 to %d",
                            d->label[i], i, p->classes - 1);
        }
    }
    return ALM_OK;
}

static alm_err check_data(const alm_xgboost_params *p, const alm_xgboost_data *d, alm_error *error)
{
    if (d->row_count == 0 || d->column_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "training needs rows and columns, got %zu x %zu",
                        d->row_count, d->column_count);
    }
    if (d->row_count >= ROWS_MAX || d->column_count > COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "training on %zu rows x %zu columns is too large",
                        d->row_count, d->column_count);
    }
    return d->cost ? check_costs(p, d, error) : check_labels(p, d, error);
}

/* ---- where it starts ---- */

/* Numbers as XGBoost writes base scores, in brackets. */
static alm_err write_base_score(trainer *t, const float *value)
{
    alm_buffer text = {0};
    for (size_t k = 0; k < t->scores; k++) {
        alm_buffer_text(&text, k == 0 ? "[" : ",");
        alm_buffer_double(&text, value[k]);
    }
    alm_buffer_text(&text, "]");
    alm_err code = alm_buffer_status(&text, t->error);
    if (code == ALM_OK) {
        t->base_score = (alm_str){alm_arena_copy_text(t->scratch, text.data, text.size),
                                  text.size};
    }
    alm_buffer_deinit(&text);
    return code;
}

/* The logarithms of the shares of the classes; of two, the logit of the second's share, which the
 * model says as the share itself. */
static alm_err choose_start(trainer *t)
{
    size_t classes = (size_t)t->params->classes;
    double *share = ALM_NEW_ARRAY(t->scratch, double, classes);
    float *said = ALM_NEW_ARRAY(t->scratch, float, classes);
    t->start = ALM_NEW_ARRAY(t->scratch, double, classes);
    if (t->data->cost) {
        for (size_t k = 0; k < classes; k++) {
            said[k] = (float)t->data->start[k];
            t->start[k] = said[k];
        }
        return write_base_score(t, said);
    }
    for (size_t i = 0; i < t->data->row_count; i++) {
        share[(size_t)t->data->label[i]] += 1 / (double)t->data->row_count;
    }
    for (size_t k = 0; k < classes; k++) {
        if (!(share[k] > 0)) {
            return alm_fail(t->error, ALM_ERR_INVALID, "class %zu does not occur in %zu rows", k,
                            t->data->row_count);
        }
        said[k] = (float)alm_log(share[k]);
        t->start[k] = said[k];
    }
    if (t->scores == 1) {
        said[0] = (float)share[1];
        t->start[0] = alm_log((double)said[0] / (1 - (double)said[0]));
    }
    return write_base_score(t, said);
}

/* ---- data set ---- */

static alm_err as_floats(const trainer *t, const double *block, size_t first, size_t count,
                         float *out)
{
    for (size_t i = 0; i < count * t->data->column_count; i++) {
        out[i] = (float)block[i];
        if (isinf(out[i])) {
            return alm_fail(t->error, ALM_ERR_INVALID, "%g in column %zu of row %zu is infinite as "
                            "a float", block[i], i % t->data->column_count,
                            first + i / t->data->column_count);
        }
    }
    return ALM_OK;
}

static alm_err read_rows(trainer *t, float *matrix)
{
    void *memory = NULL;
    size_t width = t->data->column_count, count = 0;
    ALM_TRY(alm_arena_try_alloc(t->scratch, BLOCK_ROWS * width * sizeof(double), &memory,
                                t->error));
    for (size_t first = 0; first < t->data->row_count; first += count) {
        size_t left = t->data->row_count - first;
        count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        ALM_TRY(t->data->rows(t->data->context, first, count, memory, t->error));
        ALM_TRY(as_floats(t, memory, first, count, matrix + first * width));
    }
    return ALM_OK;
}

static alm_err make_matrix(trainer *t)
{
    void *matrix = NULL;
    size_t rows = t->data->row_count, columns = t->data->column_count;
    ALM_TRY(alm_heap_try(rows * columns * sizeof(float), &matrix, t->error));
    alm_err code = read_rows(t, matrix);
    if (code == ALM_OK && XGDMatrixCreateFromMat_omp(matrix, rows, columns, NAN, &t->matrix,
                                                     t->params->threads)) {
        code = external(t->error, "taking the rows");
    }
    alm_heap_free(matrix);
    return code;
}

/* ---- parameters ---- */

static alm_err set_text(const trainer *t, const char *name, const char *value)
{
    return XGBoosterSetParam(t->booster, name, value) ? external(t->error, name) : ALM_OK;
}

static alm_err set_number(const trainer *t, const char *name, double value)
{
    char text[32];
    (void)alm_double_text(value, text);
    return set_text(t, name, text);
}

static alm_err set_params(const trainer *t)
{
    const alm_xgboost_params *p = t->params;
    ALM_TRY(set_text(t, "verbosity", "0"));
    ALM_TRY(set_text(t, "booster", "gbtree"));
    ALM_TRY(set_text(t, "tree_method", "hist"));
    ALM_TRY(set_text(t, "objective", t->scores == 1 ? "binary:logistic" : "multi:softprob"));
    if (t->scores > 1) {
        ALM_TRY(set_number(t, "num_class", p->classes));
    }
    /* A margin of 0: what is started from is added here while training, and said at the end. */
    ALM_TRY(set_text(t, "base_score", t->scores == 1 ? "0.5" : "0"));
    ALM_TRY(set_text(t, "disable_default_eval_metric", "1"));
    ALM_TRY(set_number(t, "max_depth", p->depth));
    ALM_TRY(set_number(t, "eta", p->learning_rate));
    ALM_TRY(set_number(t, "min_child_weight", p->min_child_weight));
    ALM_TRY(set_number(t, "colsample_bytree", p->feature_fraction));
    ALM_TRY(set_number(t, "subsample", p->bagging_fraction));
    ALM_TRY(set_number(t, "lambda", p->lambda_l2));
    ALM_TRY(set_number(t, "max_bin", p->max_bin));
    ALM_TRY(set_number(t, "seed", p->seed));
    ALM_TRY(set_text(t, "seed_per_iteration", "1"));
    return set_number(t, "nthread", p->threads);
}

/* ---- gradients ---- */

static float in_units(double x)
{
    return (float)(rint(x / GRADIENT_UNIT) * GRADIENT_UNIT);
}

/* Of row i with the probabilities p, where classes have costs. */
static void cost_gradient(const trainer *t, size_t i, const double *p, float *gradient,
                          float *hessian)
{
    const double *cost = t->data->cost + i * t->scores;
    double expected = 0;
    for (size_t k = 0; k < t->scores; k++) {
        expected += p[k] * cost[k];
    }
    for (size_t k = 0; k < t->scores; k++) {
        gradient[k] = in_units(p[k] * (cost[k] - expected));
        hessian[k] = in_units(1 / (double)t->scores);
    }
}

/* Of row i; XGBoost's formulas (src/objective/multiclass_obj.cu, regression_loss.h): of several
 * classes the hessian is 2 p (1 - p). `p` has room for the scores. */
static void row_gradient(const trainer *t, size_t i, const float *margin, double *p,
                         float *gradient, float *hessian)
{
    size_t scores = t->scores;
    double top = -INFINITY, sum = 0;
    for (size_t k = 0; k < scores; k++) {
        p[k] = t->start[k] + (double)margin[k];
        top = p[k] > top ? p[k] : top;
    }
    for (size_t k = 0; k < scores; k++) {
        p[k] = scores == 1 ? 1 / (1 + alm_exp(-p[k])) : alm_exp(p[k] - top);
        sum += p[k];
    }
    if (t->data->cost) {
        for (size_t k = 0; k < scores; k++) {
            p[k] /= sum;
        }
        cost_gradient(t, i, p, gradient, hessian);
        return;
    }
    for (size_t k = 0; k < scores; k++) {
        double share = scores == 1 ? p[k] : p[k] / sum;
        bool is = t->data->label[i] == (scores == 1 ? 1 : (double)k);
        float h = in_units((scores == 1 ? 1 : 2) * share * (1 - share));
        gradient[k] = in_units(share - (is ? 1 : 0));
        hessian[k] = h > (float)GRADIENT_UNIT ? h : (float)GRADIENT_UNIT;
    }
}

/* An array of rows x scores floats, as the C interface wants to be told of it. */
static char *describe(const trainer *t, const float *values)
{
    return alm_arena_printf(t->scratch, "{\"data\":[%llu,true],\"shape\":[%zu,%zu],"
                            "\"typestr\":\"<f4\",\"version\":3}",
                            (unsigned long long)(uintptr_t)values, t->data->row_count, t->scores);
}

/* Margins of the training rows: rows x scores, borrowed from the booster until its next call. */
static alm_err read_margins(const trainer *t, const float **out)
{
    static const char config[] = "{\"type\":1,\"training\":true,\"iteration_begin\":0,"
                                 "\"iteration_end\":0,\"strict_shape\":true}";
    const bst_ulong *shape = NULL;
    bst_ulong dimensions = 0, count = 1;
    if (XGBoosterPredictFromDMatrix(t->booster, t->matrix, config, &shape, &dimensions, out)) {
        return external(t->error, "reading the training scores");
    }
    for (size_t i = 0; i < dimensions; i++) {
        count *= shape[i];
    }
    return count == t->data->row_count * t->scores
               ? ALM_OK
               : alm_fail(t->error, ALM_ERR_EXTERNAL, "XGBoost gave %llu scores for %zu rows",
                          (unsigned long long)count, t->data->row_count);
}

static alm_err boost(trainer *t)
{
    size_t n = t->data->row_count * t->scores;
    void *gradient = NULL, *hessian = NULL;
    double *p = ALM_NEW_ARRAY(t->scratch, double, t->scores);
    ALM_TRY(alm_arena_try_alloc(t->scratch, n * sizeof(float), &gradient, t->error));
    ALM_TRY(alm_arena_try_alloc(t->scratch, n * sizeof(float), &hessian, t->error));
    char *gradients = describe(t, gradient), *hessians = describe(t, hessian);
    for (int round = 0; round < t->params->trees; round++) {
        const float *margin = NULL;
        ALM_TRY(read_margins(t, &margin));
        for (size_t i = 0; i < t->data->row_count; i++) {
            size_t at = i * t->scores;
            row_gradient(t, i, margin + at, p, (float *)gradient + at, (float *)hessian + at);
        }
        if (XGBoosterTrainOneIter(t->booster, t->matrix, round, gradients, hessians)) {
            return external(t->error, "training a tree");
        }
    }
    return ALM_OK;
}

/* ---- result ---- */

/* The model with the base score from which training started. */
static alm_err take_model(const trainer *t, alm_arena *arena, alm_str *out)
{
    static const char key[] = "\"base_score\":\"";
    const char *text = NULL;
    bst_ulong size = 0;
    if (XGBoosterSaveModelToBuffer(t->booster, "{\"format\":\"json\"}", &size, &text)) {
        return external(t->error, "writing the model");
    }
    const char *at = memmem(text, size, key, sizeof key - 1);
    const char *value = at ? at + sizeof key - 1 : NULL;
    const char *end = at ? memchr(value, '"', (size_t)(text + size - value)) : NULL;
    if (end == NULL) {
        return alm_fail(t->error, ALM_ERR_EXTERNAL, "XGBoost wrote a model without a base score");
    }
    size_t before = (size_t)(value - text), behind = (size_t)(text + size - end);
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, before + t->base_score.size + behind + 1, &memory,
                                t->error));
    char *whole = memory;
    memcpy(whole, text, before);
    memcpy(whole + before, t->base_score.data, t->base_score.size);
    memcpy(whole + before + t->base_score.size, end, behind);
    *out = (alm_str){whole, before + t->base_score.size + behind};
    return ALM_OK;
}

static alm_err train_with(trainer *t, alm_arena *arena, alm_xgboost_result *out)
{
    alm_xgboost_result result = {.trees = (size_t)t->params->trees * t->scores};
    ALM_TRY(choose_start(t));
    ALM_TRY(make_matrix(t));
    if (XGBoosterCreate(&t->matrix, 1, &t->booster)) {
        return external(t->error, "starting the training");
    }
    ALM_TRY(set_params(t));
    ALM_TRY(boost(t));
    ALM_TRY(take_model(t, arena, &result.model));
    *out = result;
    return ALM_OK;
}

alm_err alm_xgboost_train(const alm_xgboost_params *params, const alm_xgboost_data *data,
                          alm_arena *arena, alm_xgboost_result *out, alm_error *error)
{
    ALM_TRY(check_params(params, error));
    ALM_TRY(check_data(params, data, error));
    trainer t = {.params = params, .data = data, .error = error};
    t.scores = params->classes == 2 ? 1 : (size_t)params->classes;
    t.scratch = alm_arena_create(0);
    alm_err code = train_with(&t, arena, out);
    if (t.booster != NULL) {
        (void)XGBoosterFree(t.booster);
    }
    if (t.matrix != NULL) {
        (void)XGDMatrixFree(t.matrix);
    }
    alm_arena_destroy(t.scratch);
    return code;
}

/* ---- XGBoost's own prediction ---- */

static alm_err predict_with(BoosterHandle booster, DMatrixHandle matrix, size_t n, double *out,
                            alm_error *error)
{
    static const char config[] = "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                                 "\"iteration_end\":0,\"strict_shape\":true}";
    const bst_ulong *shape = NULL;
    const float *value = NULL;
    bst_ulong dimensions = 0;
    if (XGBoosterSetParam(booster, "nthread", "1") ||
        XGBoosterPredictFromDMatrix(booster, matrix, config, &shape, &dimensions, &value)) {
        return external(error, "predicting");
    }
    size_t width = dimensions > 1 ? (size_t)shape[1] : 1;
    for (size_t i = 0; i < n * width; i++) {
        out[i] = value[i];
    }
    return ALM_OK;
}

alm_err alm_xgboost_predict(alm_str model, const double *rows, size_t n, size_t columns,
                            double *out, alm_error *error)
{
    BoosterHandle booster = NULL;
    DMatrixHandle matrix = NULL;
    void *memory = NULL;
    ALM_TRY(alm_heap_try(n * columns * sizeof(float), &memory, error));
    float *values = memory;
    for (size_t i = 0; i < n * columns; i++) {
        values[i] = (float)rows[i];
    }
    alm_err code = ALM_OK;
    if (XGBoosterCreate(NULL, 0, &booster) ||
        XGBoosterLoadModelFromBuffer(booster, model.data, model.size) ||
        XGDMatrixCreateFromMat_omp(values, n, columns, NAN, &matrix, 1)) {
        code = external(error, "reading a model");
    }
    if (code == ALM_OK) {
        code = predict_with(booster, matrix, n, out, error);
    }
    if (matrix != NULL) {
        (void)XGDMatrixFree(matrix);
    }
    if (booster != NULL) {
        (void)XGBoosterFree(booster);
    }
    alm_heap_free(memory);
    return code;
}
