/* signal_member.c: one member, fitted on some samples, and what it says of others. */
#include "train/signal/signal_fit_internal.h"

#include <math.h>
#include <string.h>

#include "model/ensemble/logistic.h"
#include "model/ensemble/robust_scaler.h"
#include "model/model_file.h"
#include "model/sequence/network_fit.h"
#include "num/elementary.h"
#include "train/learner/lightgbm.h"
#include "train/learner/xgboost.h"

/* A net stops early by the newest eighth of what it is trained on. */
#define VALIDATION_PARTS 8
#define TCN_KERNEL 3

static int seed_of(const almi_signal *s)
{
    return (int)(s->spec->seed & INT32_MAX);
}

static alm_err try_doubles(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

/* ---- trees ---- */

typedef struct row_source {
    const almi_signal *signal;
    const almi_signal_member *member;
    const almi_signal_samples *samples;
} row_source;

static alm_err give_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    const row_source *source = context;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        almi_signal_row(source->signal, source->samples->candidate[first + i],
                        source->member->place, source->member->width,
                        out + i * source->member->width);
    }
    return ALM_OK;
}

static alm_err labels_as_doubles(const almi_signal_samples *samples, alm_arena *arena,
                                 double **out, alm_error *error)
{
    ALM_TRY(try_doubles(arena, samples->count, out, error));
    for (size_t i = 0; i < samples->count; i++) {
        (*out)[i] = samples->label[i];
    }
    return ALM_OK;
}

static alm_err fit_lightgbm(const row_source *source, const double *label, alm_arena *arena,
                            alm_str *out, alm_error *error)
{
    const alm_signal_member_spec *m = source->member->spec;
    const almi_signal *s = source->signal;
    alm_lightgbm_params params = alm_lightgbm_params_default();
    params.objective = s->class_count > 2 ? ALM_LIGHTGBM_MULTICLASS : ALM_LIGHTGBM_BINARY;
    params.classes = (int)s->class_count;
    params.trees = m->trees;
    params.leaves = m->leaves;
    params.learning_rate = m->learning_rate;
    params.min_data_in_leaf = m->leaf_rows_min;
    params.feature_fraction = m->feature_fraction;
    params.bagging_fraction = m->bagging_fraction;
    params.bagging_freq = m->bagging_fraction < 1 ? 1 : 0;
    params.lambda_l2 = m->lambda_l2;
    params.max_bin = m->bins_max;
    params.seed = seed_of(s);
    row_source rows = *source;
    alm_lightgbm_data data = {.row_count = source->samples->count,
                              .column_count = source->member->width,
                              .rows = give_rows,
                              .context = &rows,
                              .label = label};
    alm_lightgbm_result result;
    ALM_TRY(alm_lightgbm_train(&params, &data, arena, &result, error));
    *out = result.text;
    return ALM_OK;
}

static alm_err fit_xgboost(const row_source *source, const double *label, alm_arena *arena,
                           alm_str *out, alm_error *error)
{
    const alm_signal_member_spec *m = source->member->spec;
    const almi_signal *s = source->signal;
    alm_xgboost_params params = alm_xgboost_params_default();
    params.classes = (int)s->class_count;
    params.trees = m->trees;
    params.depth = m->depth;
    params.learning_rate = m->learning_rate;
    params.min_child_weight = m->leaf_rows_min;
    params.feature_fraction = m->feature_fraction;
    params.bagging_fraction = m->bagging_fraction;
    params.lambda_l2 = m->lambda_l2;
    params.max_bin = m->bins_max;
    params.seed = seed_of(s);
    row_source rows = *source;
    alm_xgboost_data data = {.row_count = source->samples->count,
                             .column_count = source->member->width,
                             .rows = give_rows,
                             .context = &rows,
                             .label = label};
    alm_xgboost_result result;
    ALM_TRY(alm_xgboost_train(&params, &data, arena, &result, error));
    *out = result.model;
    return ALM_OK;
}

/* ---- nets ---- */

/* Windows of samples, scaled as the scorer scales them. */
static alm_err make_windows(const row_source *source, const almi_signal_samples *samples,
                            const alm_robust_scaler *scaler, alm_arena *arena, double **out,
                            alm_error *error)
{
    const almi_signal_member *m = source->member;
    size_t steps = (size_t)m->spec->steps;
    ALM_TRY(try_doubles(arena, samples->count * steps * m->width, out, error));
    for (size_t i = 0; i < samples->count; i++) {
        almi_signal_window(source->signal, samples->candidate[i], m, steps,
                           *out + i * steps * m->width);
    }
    alm_robust_scaler_apply(scaler, *out, samples->count * steps);
    return ALM_OK;
}

static alm_err fit_scaler(const row_source *source, alm_arena *arena, alm_robust_scaler *out,
                          alm_error *error)
{
    double *rows = NULL;
    row_source context = *source;
    alm_arena *scratch = alm_arena_create(0);
    size_t count = source->samples->count;
    alm_err code = try_doubles(scratch, count * source->member->width, &rows, error);
    if (code == ALM_OK) {
        code = give_rows(&context, 0, count, rows, error);
    }
    if (code == ALM_OK) {
        code = alm_robust_scaler_fit(rows, count, source->member->width, arena, out, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

static alm_network_spec network_spec(const row_source *source)
{
    const alm_signal_member_spec *m = source->member->spec;
    alm_network_spec spec = {.feature_count = source->member->width,
                             .layer_count = (size_t)m->layers,
                             .output_count = source->signal->class_count,
                             .head = ALM_HEAD_CLASSES};
    for (size_t i = 0; i < spec.layer_count; i++) {
        spec.layer[i].kind = m->learner == ALM_SIGNAL_LSTM  ? ALM_LAYER_LSTM
                             : m->learner == ALM_SIGNAL_GRU ? ALM_LAYER_GRU
                                                            : ALM_LAYER_TCN;
        spec.layer[i].units = (size_t)m->units;
        if (m->learner == ALM_SIGNAL_TCN) {
            spec.layer[i].kernel = TCN_KERNEL;
            spec.layer[i].dilation = (size_t)1 << i;
        }
    }
    return spec;
}

/* Data of a net: what it learns from, and what it is stopped by. */
typedef struct net_data {
    alm_network_data training, validation;
} net_data;

static alm_err make_data(const row_source *source, const almi_signal_samples *samples,
                         const alm_robust_scaler *scaler, alm_arena *arena, alm_network_data *out,
                         alm_error *error)
{
    double *windows = NULL, *target = NULL;
    ALM_TRY(make_windows(source, samples, scaler, arena, &windows, error));
    ALM_TRY(labels_as_doubles(samples, arena, &target, error));
    *out = (alm_network_data){.count = samples->count,
                              .steps = (size_t)source->member->spec->steps,
                              .windows = windows,
                              .target = target};
    return ALM_OK;
}

/* The newest samples stop the training; those whose labels reach into them are left out. */
static alm_err cut_data(const row_source *source, const alm_robust_scaler *scaler,
                        alm_arena *arena, net_data *out, alm_error *error)
{
    const almi_signal_samples *all = source->samples;
    size_t newest = source->member->spec->patience > 0 ? all->count / VALIDATION_PARTS : 0;
    size_t first = all->count - newest, used = 0;
    uint32_t *number = ALM_NEW_ARRAY(arena, uint32_t, all->count);
    for (size_t i = 0; i < first; i++) {
        if (newest == 0 || all->span[i].end < all->span[first].start) {
            number[used++] = (uint32_t)i;
        }
    }
    if (used == 0 || (source->member->spec->patience > 0 && newest == 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu samples are too few to stop early by the "
                        "newest of them: more bars, a shorter horizon or patience 0 are needed",
                        all->count);
    }
    almi_signal_samples training = almi_signal_pick(all, number, used, arena);
    ALM_TRY(make_data(source, &training, scaler, arena, &out->training, error));
    for (size_t i = 0; i < newest; i++) {
        number[i] = (uint32_t)(first + i);
    }
    almi_signal_samples validation = almi_signal_pick(all, number, newest, arena);
    return newest > 0 ? make_data(source, &validation, scaler, arena, &out->validation, error)
                      : ALM_OK;
}

static alm_err train_network(const row_source *source, const net_data *data, alm_buffer *out,
                             alm_error *error)
{
    const alm_signal_member_spec *m = source->member->spec;
    alm_network_spec shape = network_spec(source);
    alm_network_fit_spec fit = alm_network_fit_default();
    alm_network_fit_result result;
    alm_network *network = NULL;
    fit.seed = source->signal->spec->seed;
    fit.epochs = m->epochs;
    fit.batch = (size_t)m->batch;
    fit.learning_rate = m->learning_rate;
    fit.weight_decay = m->weight_decay;
    fit.dropout = m->dropout;
    fit.patience = m->patience;
    fit.validation = data->validation.count > 0 ? &data->validation : NULL;
    ALM_TRY(alm_network_create(&shape, source->signal->spec->seed, &network, error));
    alm_env env = *source->signal->env;
    env.progress = NULL; /* of fits, not of a fit's epochs */
    alm_err code = alm_network_fit(&env, network, &fit, &data->training, &result, error);
    if (code == ALM_OK) {
        alm_network_write(network, out);
        code = alm_buffer_status(out, error);
    }
    alm_network_destroy(network);
    return code;
}

static alm_str keep(const alm_buffer *buffer, alm_arena *arena)
{
    return (alm_str){alm_arena_copy_text(arena, buffer->data, buffer->size), buffer->size};
}

static alm_err fit_network(const row_source *source, alm_arena *arena, almi_signal_model *out,
                           alm_error *error)
{
    alm_robust_scaler scaler;
    net_data data = {0};
    alm_buffer model = {0}, text = {0};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = fit_scaler(source, scratch, &scaler, error);
    if (code == ALM_OK) {
        code = cut_data(source, &scaler, scratch, &data, error);
    }
    if (code == ALM_OK) {
        code = train_network(source, &data, &model, error);
    }
    if (code == ALM_OK) {
        alm_robust_scaler_write(&scaler, &text);
        code = alm_buffer_status(&text, error);
    }
    if (code == ALM_OK) {
        *out = (almi_signal_model){keep(&model, arena), keep(&text, arena)};
    }
    alm_buffer_deinit(&model);
    alm_buffer_deinit(&text);
    alm_arena_destroy(scratch);
    return code;
}

/* ---- any member ---- */

static alm_err fit_trees(const row_source *source, alm_arena *arena, almi_signal_model *out,
                         alm_error *error)
{
    double *label = NULL;
    alm_arena *scratch = alm_arena_create(0);
    *out = (almi_signal_model){0};
    alm_err code = labels_as_doubles(source->samples, scratch, &label, error);
    if (code == ALM_OK) {
        code = source->member->spec->learner == ALM_SIGNAL_LIGHTGBM
                   ? fit_lightgbm(source, label, arena, &out->model, error)
                   : fit_xgboost(source, label, arena, &out->model, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_signal_fit_member(const almi_signal *s, const almi_signal_member *member,
                               const almi_signal_samples *samples, alm_arena *arena,
                               almi_signal_model *out, alm_error *error)
{
    row_source source = {s, member, samples};
    return member->is_net ? fit_network(&source, arena, out, error)
                          : fit_trees(&source, arena, out, error);
}

/* ---- probabilities ---- */

static float exp_single(float x)
{
    return (float)alm_exp((double)x);
}

/* XGBoost's own arithmetic, as in model/transform.c. */
static void link_single(const double *score, size_t classes, size_t scores, double *out)
{
    float top = (float)score[0];
    double sum = 0;
    if (scores == 1) {
        float p = 1.0f / (exp_single(-(float)score[0]) + 1.0f + 1e-16f);
        out[0] = (double)(1.0f - p);
        out[1] = (double)p;
        return;
    }
    for (size_t k = 1; k < classes; k++) {
        top = fmaxf((float)score[k], top);
    }
    for (size_t k = 0; k < classes; k++) {
        out[k] = (double)exp_single((float)score[k] - top);
        sum += out[k];
    }
    for (size_t k = 0; k < classes; k++) {
        out[k] = (double)((float)out[k] / (float)sum);
    }
}

/* As model/transform.c and the scorer, but for where exp comes from: what calibrators and stackers
 * are made of must not depend on the CPU. */
static void link_scores(const alm_transform *transform, const double *score, size_t classes,
                        double *out)
{
    if (transform->single) {
        link_single(score, classes, transform->input_count, out);
    } else if (transform->input_count == 1) {
        out[1] = 1 / (1 + alm_exp(-score[0]));
        out[0] = 1 - out[1];
    } else {
        memcpy(out, score, classes * sizeof *out);
        alm_softmax(out, classes);
    }
}

static alm_err forest_probabilities(const row_source *source, const almi_signal_model *model,
                                    double *out, alm_error *error)
{
    alm_model_file *file = NULL;
    row_source context = *source;
    size_t classes = source->signal->class_count, width = source->member->width;
    ALM_TRY(alm_model_file_parse(model->model, "a model just fitted", &file, error));
    const alm_model_file_info *info = alm_model_file_describe(file);
    alm_arena *scratch = alm_arena_create(0);
    double *rows = ALM_NEW_ARRAY(scratch, double, ALMI_SIGNAL_BLOCK * width);
    double *score = ALM_NEW_ARRAY(scratch, double, ALMI_SIGNAL_BLOCK * classes);
    alm_assert(info->forest.output_count == (classes == 2 ? 1 : classes));
    size_t count = 0;
    alm_err code = ALM_OK;
    for (size_t first = 0; code == ALM_OK && first < source->samples->count; first += count) {
        size_t left = source->samples->count - first;
        count = left < ALMI_SIGNAL_BLOCK ? left : ALMI_SIGNAL_BLOCK;
        code = give_rows(&context, first, count, rows, error);
        alm_forest_score(alm_model_file_forest(file), rows, count, width, score);
        for (size_t i = 0; i < count; i++) {
            link_scores(&info->transform, score + i * info->forest.output_count, classes,
                        out + (first + i) * classes);
        }
    }
    alm_arena_destroy(scratch);
    alm_model_file_close(file);
    return code;
}

/* Windows of one block of samples, in order. */
static alm_err network_block(const row_source *source, const alm_network *network,
                             const alm_robust_scaler *scaler, size_t first, double *out)
{
    size_t left = source->samples->count - first;
    size_t count = left < ALMI_SIGNAL_BLOCK ? left : ALMI_SIGNAL_BLOCK;
    almi_signal_samples block = {source->samples->candidate + first, NULL, NULL, count};
    alm_arena *scratch = alm_arena_create(0);
    double *windows = NULL;
    alm_err code = make_windows(source, &block, scaler, scratch, &windows, NULL);
    if (code == ALM_OK) {
        alm_network_windows input = {windows, count, (size_t)source->member->spec->steps};
        code = alm_network_predict(network, &input, scratch, out, NULL);
    }
    alm_arena_destroy(scratch);
    return code;
}

typedef struct network_call {
    const row_source *source;
    const alm_network *network;
    const alm_robust_scaler *scaler;
    double *out;
} network_call;

static alm_err network_task(void *context, size_t task, int worker, alm_error *error)
{
    const network_call *c = context;
    size_t first = task * ALMI_SIGNAL_BLOCK;
    (void)worker;
    alm_err code = network_block(c->source, c->network, c->scaler, first,
                                 c->out + first * c->source->signal->class_count);
    return code == ALM_OK ? code : alm_fail(error, code, "a net just fitted does not predict");
}

static alm_err network_probabilities(const row_source *source, const almi_signal_model *model,
                                     double *out, alm_error *error)
{
    alm_network *network = NULL;
    alm_robust_scaler scaler;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = alm_robust_scaler_read(model->scaler, "a scaler just fitted", scratch, &scaler,
                                          error);
    if (code == ALM_OK) {
        code = alm_network_read(model->model, "a net just fitted", &network, error);
    }
    if (code == ALM_OK) {
        network_call call = {source, network, &scaler, out};
        size_t tasks = (source->samples->count + ALMI_SIGNAL_BLOCK - 1) / ALMI_SIGNAL_BLOCK;
        code = alm_pool_run(source->signal->env->pool, tasks, network_task, &call, error);
    }
    alm_network_destroy(network);
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_signal_probabilities(const almi_signal *s, const almi_signal_member *member,
                                  const almi_signal_model *model,
                                  const almi_signal_samples *samples, double *out,
                                  alm_error *error)
{
    row_source source = {s, member, samples};
    return member->is_net ? network_probabilities(&source, model, out, error)
                          : forest_probabilities(&source, model, out, error);
}
