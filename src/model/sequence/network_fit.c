#include "model/sequence/network_fit.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/sequence/lanes.h"
#include "model/sequence/network_backward.h"
#include "num/elementary.h"

#define SHARD_WINDOWS 16
#define BETA_1 0.9
#define BETA_2 0.999

typedef struct worker {
    almi_back back;
    float *raw;       /* output_count */
    float *raw_error; /* output_count */
} worker;

typedef struct fitting {
    const alm_env *env;
    alm_network *network;
    const alm_network_fit_spec *spec;
    const alm_network_data *data; /* of the pass at hand */
    double dropout;
    int epoch;
    const uint32_t *order; /* windows of the batch */
    size_t batch;
    size_t shard_count;
    worker *workers;
    float *transposed;
    float *gradient; /* shard_count x parameters */
    double *loss;    /* per window of the batch, weighted */
    double *mass;    /* per window: its weight */
    float *first, *second;
    double power_1, power_2; /* beta^step */
    alm_arena *arena;
} fitting;

alm_network_fit_spec alm_network_fit_default(void)
{
    return (alm_network_fit_spec){.seed = 1,
                                  .epochs = 50,
                                  .batch = 64,
                                  .learning_rate = 1e-3,
                                  .weight_decay = 1e-4,
                                  .clip_norm = 1,
                                  .patience = 5};
}

/* ---- checks ---- */

static size_t targets_of(const alm_network *network)
{
    return network->spec.head == ALM_HEAD_VALUES ? network->spec.output_count : 1;
}

static alm_err check_spec(const alm_network *network, const alm_network_fit_spec *s,
                          alm_error *error)
{
    bool sane = s->epochs >= 1 && s->batch >= 1 && s->batch <= 65536 && s->learning_rate > 0 &&
                s->learning_rate < 10 && s->weight_decay >= 0 && s->weight_decay < 10 &&
                s->dropout >= 0 && s->dropout < 1 && s->clip_norm >= 0 && s->patience >= 0;
    if (!sane) {
        return alm_fail(error, ALM_ERR_INVALID, "a net is trained with 1 epoch or more, batches of "
                        "1 to 65536, a learning rate and a weight decay in [0, 10), dropout in "
                        "[0, 1)");
    }
    for (size_t k = 0; network->spec.head == ALM_HEAD_QUANTILES && k < network->spec.output_count;
         k++) {
        double before = k ? s->quantile[k - 1] : 0;
        if (!s->quantile || !(s->quantile[k] > before && s->quantile[k] < 1)) {
            return alm_fail(error, ALM_ERR_INVALID, "quantile %zu must rise, inside 0 to 1", k + 1);
        }
    }
    for (size_t k = 0; s->class_weight && network->spec.head == ALM_HEAD_CLASSES &&
                       k < network->spec.output_count; k++) {
        if (!(s->class_weight[k] > 0 && isfinite(s->class_weight[k]))) {
            return alm_fail(error, ALM_ERR_INVALID, "class weight %zu must be above 0", k + 1);
        }
    }
    return ALM_OK;
}

static bool is_target(const alm_network *network, const alm_network_data *data, double y)
{
    bool of_classes = network->spec.head == ALM_HEAD_CLASSES;
    if (data->is_partial && network->spec.head == ALM_HEAD_VALUES && isnan(y)) {
        return true;
    }
    return of_classes ? y >= 0 && y < (double)network->spec.output_count && y == floor(y)
                      : isfinite((float)y);
}

static alm_err check_data(const alm_network *network, const alm_network_data *data,
                          const char *what, alm_error *error)
{
    size_t window = data->steps * network->spec.feature_count;
    size_t targets = targets_of(network);
    double mass = 0;
    if (data->count == 0 || data->steps == 0 || data->count > UINT32_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "no %s windows, or too many: %zu of %zu steps",
                        what, data->count, data->steps);
    }
    for (size_t i = 0; i < data->count; i++) {
        for (size_t k = 0; k < window; k++) {
            if (!isfinite((float)data->windows[i * window + k])) {
                return alm_fail(error, ALM_ERR_INVALID, "%s window %zu, step %zu, feature %zu is "
                                "%g", what, i + 1, k / network->spec.feature_count + 1,
                                k % network->spec.feature_count + 1,
                                data->windows[i * window + k]);
            }
        }
        for (size_t k = 0; k < targets; k++) {
            if (!is_target(network, data, data->target[i * targets + k])) {
                return alm_fail(error, ALM_ERR_INVALID, "%s window %zu has the target %g", what,
                                i + 1, data->target[i * targets + k]);
            }
        }
        double weight = data->weight ? data->weight[i] : 1;
        if (!(weight >= 0 && isfinite(weight))) {
            return alm_fail(error, ALM_ERR_INVALID, "%s window %zu has the weight %g", what, i + 1,
                            weight);
        }
        mass += weight;
    }
    return mass > 0 ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "all %s weights are 0", what);
}

/* ---- losses ---- */

static double class_loss(const fitting *f, const float *raw, double y, double *weight, float *error)
{
    size_t count = f->network->spec.output_count;
    double p[ALM_NETWORK_WIDTH_MAX];
    size_t class = (size_t)y;
    *weight *= f->spec->class_weight ? f->spec->class_weight[class] : 1;
    almi_finish(f->network, raw, p);
    for (size_t k = 0; k < count; k++) {
        error[k] = (float)(p[k] - (k == class ? 1 : 0));
    }
    double least = 1e-300; /* the logarithm stays finite; the gradient does not use it */
    return -alm_log(p[class] > least ? p[class] : least);
}

/* Loss of one window and its gradient by the raw outputs, both before the weight. */
static double loss_of(const fitting *f, const float *raw, const double *y, double *weight,
                      float *error)
{
    const alm_network_spec *spec = &f->network->spec;
    double loss = 0;
    if (spec->head == ALM_HEAD_CLASSES) {
        return class_loss(f, raw, y[0], weight, error);
    }
    for (size_t k = 0; k < spec->output_count; k++) {
        if (spec->head == ALM_HEAD_VALUES) {
            double gap = isnan(y[k]) ? 0 : (double)raw[k] - (double)(float)y[k];
            loss += gap * gap / 2;
            error[k] = (float)gap;
        } else {
            double q = f->spec->quantile[k];
            double gap = y[0] - raw[k];
            loss += gap >= 0 ? q * gap : (q - 1) * gap;
            error[k] = (float)(gap >= 0 ? -q : 1 - q);
        }
    }
    return loss;
}

static alm_err shard_task(void *context, size_t shard, int worker_index, alm_error *error)
{
    fitting *f = context;
    worker *w = &f->workers[worker_index];
    size_t outputs = f->network->spec.output_count;
    size_t window = f->data->steps * f->network->spec.feature_count;
    size_t targets = targets_of(f->network);
    float *gradient = f->gradient + shard * f->network->parameter_count;
    size_t end = (shard + 1) * SHARD_WINDOWS < f->batch ? (shard + 1) * SHARD_WINDOWS : f->batch;
    (void)error;
    memset(gradient, 0, f->network->parameter_count * sizeof *gradient);
    for (size_t b = shard * SHARD_WINDOWS; b < end; b++) {
        size_t i = f->order[b];
        almi_dropout dropout = {f->dropout, f->spec->seed, (uint64_t)f->epoch << 32 | i};
        double weight = f->data->weight ? f->data->weight[i] : 1;
        almi_forward_window(&w->back, f->data->windows + i * window, &dropout, w->raw);
        double loss = loss_of(f, w->raw, f->data->target + i * targets, &weight, w->raw_error);
        f->loss[b] = loss * weight;
        f->mass[b] = weight;
        for (size_t k = 0; k < outputs; k++) {
            w->raw_error[k] *= (float)weight;
        }
        almi_backward_window(&w->back, &dropout, w->raw_error, gradient);
    }
    return ALM_OK;
}

/* Shard gradients into the first, pair by pair: the same tree whatever did the shards. */
static void add_shards(const fitting *f)
{
    size_t count = f->network->parameter_count;
    for (size_t apart = 1; apart < f->shard_count; apart *= 2) {
        for (size_t s = 0; s + apart < f->shard_count; s += 2 * apart) {
            float *to = f->gradient + s * count;
            const float *from = f->gradient + (s + apart) * count;
            for (size_t i = 0; i < count; i++) {
                to[i] += from[i];
            }
        }
    }
}

/* Gradient of one batch in f->gradient, not yet divided; its loss and mass are returned. */
static alm_err batch_gradient(fitting *f, double *loss, double *mass, alm_error *error)
{
    f->shard_count = (f->batch + SHARD_WINDOWS - 1) / SHARD_WINDOWS;
    almi_transpose_parameters(f->network, f->transposed);
    alm_pool *pool = f->env ? f->env->pool : NULL;
    ALM_TRY(alm_pool_run(pool, f->shard_count, shard_task, f, error));
    add_shards(f);
    *loss = 0;
    *mass = 0;
    for (size_t b = 0; b < f->batch; b++) {
        *loss += f->loss[b];
        *mass += f->mass[b];
    }
    return ALM_OK;
}

static alm_err prepare(fitting *f, size_t batch, size_t steps, alm_error *error)
{
    size_t count = f->network->parameter_count;
    size_t outputs = f->network->spec.output_count;
    size_t shards = (batch + SHARD_WINDOWS - 1) / SHARD_WINDOWS;
    int threads = f->env ? alm_pool_threads(f->env->pool) : 1;
    size_t back = almi_back_size(f->network, steps);
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(f->arena, shards * count * sizeof(float), &memory, error));
    f->gradient = memory;
    ALM_TRY(alm_arena_try_alloc(f->arena, 3 * count * sizeof(float), &memory, error));
    f->transposed = memory;
    f->first = f->transposed + count;
    f->second = f->first + count;
    f->loss = ALM_NEW_ARRAY(f->arena, double, 2 * batch);
    f->mass = f->loss + batch;
    f->workers = ALM_NEW_ARRAY(f->arena, worker, (size_t)threads);
    for (int i = 0; i < threads; i++) {
        ALM_TRY(alm_arena_try_alloc(f->arena, (back + 2 * outputs) * sizeof(float), &memory,
                                    error));
        worker *w = &f->workers[i];
        almi_back_place(f->network, f->transposed, steps, memory, &w->back);
        w->raw = (float *)memory + back;
        w->raw_error = w->raw + outputs;
    }
    return ALM_OK;
}

alm_err alm_network_gradient(alm_network *network, const alm_network_fit_spec *spec,
                             const alm_network_data *data, float *gradient, double *loss,
                             alm_error *error)
{
    ALM_TRY(check_spec(network, spec, error));
    ALM_TRY(check_data(network, data, "given", error));
    fitting f = {.network = network, .spec = spec, .data = data, .batch = data->count,
                 .arena = alm_arena_create(0)};
    uint32_t *order = ALM_NEW_ARRAY(f.arena, uint32_t, data->count);
    for (size_t i = 0; i < data->count; i++) {
        order[i] = (uint32_t)i;
    }
    f.order = order;
    double total = 0;
    double mass = 0;
    alm_err code = prepare(&f, data->count, data->steps, error);
    if (code == ALM_OK) {
        code = batch_gradient(&f, &total, &mass, error);
    }
    for (size_t i = 0; code == ALM_OK && i < network->parameter_count; i++) {
        gradient[i] = (float)(f.gradient[i] / mass);
    }
    *loss = code == ALM_OK ? total / mass : *loss;
    alm_arena_destroy(f.arena);
    return code;
}

/* ---- epochs ---- */

static alm_err not_finite(const fitting *f, alm_error *error)
{
    return alm_fail(error, ALM_ERR_NUMERIC, "epoch %d: the loss is not finite: scale the features, "
                    "lower the learning rate (%g) or the norm that gradients are clipped to",
                    f->epoch, f->spec->learning_rate);
}

static alm_err update(fitting *f, double mass, alm_error *error)
{
    size_t count = f->network->parameter_count;
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        squares += (double)f->gradient[i] * f->gradient[i];
    }
    double norm = sqrt(squares) / mass;
    if (!isfinite(norm)) {
        return not_finite(f, error);
    }
    double clip = f->spec->clip_norm > 0 && norm > f->spec->clip_norm ? f->spec->clip_norm / norm
                                                                      : 1;
    f->power_1 *= BETA_1;
    f->power_2 *= BETA_2;
    almi_adam adam = {.rate = (float)(f->spec->learning_rate / (1 - f->power_1)),
                      .scale = (float)(1 / (1 - f->power_2)),
                      .decay = (float)(f->spec->learning_rate * f->spec->weight_decay),
                      .clip = (float)(clip / mass)};
    almi_lanes_adam(&adam, f->gradient, count, f->first, f->second, f->network->parameter);
    return ALM_OK;
}

typedef struct draw {
    uint64_t key;
    uint32_t window;
} draw;

static bool comes_before(draw a, draw b)
{
    return a.key < b.key || (a.key == b.key && a.window < b.window);
}

/* Heap sort: no callback, no stack. */
static void sort_draws(draw *d, size_t count)
{
    for (size_t end = count, start = count / 2; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            draw top = d[0];
            d[0] = d[--end];
            d[end] = top;
        }
        size_t at = start;
        for (size_t child = 2 * at + 1; child < end; child = 2 * at + 1) {
            child += child + 1 < end && comes_before(d[child], d[child + 1]);
            if (!comes_before(d[at], d[child])) {
                break;
            }
            draw moved = d[at];
            d[at] = d[child];
            d[child] = moved;
            at = child;
        }
    }
}

static void shuffle(const fitting *f, draw *draws, uint32_t *order)
{
    for (size_t i = 0; i < f->data->count; i++) {
        draws[i] = (draw){alm_rng_u64(f->spec->seed, ALM_RNG_NETWORK_ORDER, (uint64_t)f->epoch, i),
                          (uint32_t)i};
    }
    sort_draws(draws, f->data->count);
    for (size_t i = 0; i < f->data->count; i++) {
        order[i] = draws[i].window;
    }
}

static alm_err one_epoch(fitting *f, const uint32_t *order, double *loss, alm_error *error)
{
    double losses = 0;
    double masses = 0;
    f->dropout = f->spec->dropout;
    for (size_t at = 0; at < f->data->count; at += f->spec->batch) {
        size_t left = f->data->count - at;
        double batch_loss = 0;
        double mass = 0;
        f->order = order + at;
        f->batch = left < f->spec->batch ? left : f->spec->batch;
        ALM_TRY(batch_gradient(f, &batch_loss, &mass, error));
        losses += batch_loss;
        masses += mass;
        if (!isfinite(losses)) {
            return not_finite(f, error);
        }
        if (mass > 0) {
            ALM_TRY(update(f, mass, error));
        }
    }
    *loss = losses / masses;
    return ALM_OK;
}

/* Mean loss without a gradient, window after window. */
static alm_err validate(fitting *f, const alm_network_data *data, double *out, alm_error *error)
{
    const alm_network *network = f->network;
    size_t window = data->steps * network->spec.feature_count;
    size_t targets = targets_of(network);
    worker *w = &f->workers[0];
    almi_back back;
    almi_dropout none = {0};
    double losses = 0;
    double masses = 0;
    alm_arena *arena = alm_arena_create(0);
    void *memory = NULL;
    size_t bytes = almi_back_size(network, data->steps) * sizeof(float);
    alm_err code = alm_arena_try_alloc(arena, bytes, &memory, error);
    if (code == ALM_OK) {
        almi_back_place(network, NULL, data->steps, memory, &back);
    }
    for (size_t i = 0; code == ALM_OK && i < data->count; i++) {
        double weight = data->weight ? data->weight[i] : 1;
        almi_forward_window(&back, data->windows + i * window, &none, w->raw);
        double loss = loss_of(f, w->raw, data->target + i * targets, &weight, w->raw_error);
        losses += loss * weight;
        masses += weight;
    }
    alm_arena_destroy(arena);
    *out = losses / masses;
    return code != ALM_OK ? code : isfinite(*out) ? ALM_OK : not_finite(f, error);
}

static alm_err epochs(fitting *f, float *best, alm_network_fit_result *result, alm_error *error)
{
    const alm_network_data *validation = f->spec->validation;
    size_t bytes = f->network->parameter_count * sizeof(float);
    size_t count = f->data->count;
    draw *draws = ALM_NEW_ARRAY(f->arena, draw, count);
    uint32_t *order = ALM_NEW_ARRAY(f->arena, uint32_t, count);
    *result = (alm_network_fit_result){.validation_loss = NAN};
    for (f->epoch = 1; f->epoch <= f->spec->epochs; f->epoch++) {
        double training = 0;
        double loss = NAN;
        shuffle(f, draws, order);
        ALM_TRY(one_epoch(f, order, &training, error));
        if (validation) {
            ALM_TRY(validate(f, validation, &loss, error));
        }
        result->epochs = f->epoch;
        if (!validation || !(loss >= result->validation_loss)) {
            result->best_epoch = f->epoch;
            result->training_loss = training;
            result->validation_loss = loss;
            memcpy(best, f->network->parameter, bytes);
        }
        alm_env_progress(f->env, "training the net", (size_t)f->epoch, (size_t)f->spec->epochs);
        if (validation && f->spec->patience &&
            f->epoch - result->best_epoch >= f->spec->patience) {
            break;
        }
    }
    memcpy(f->network->parameter, best, bytes);
    return ALM_OK;
}

alm_err alm_network_fit(const alm_env *env, alm_network *network, const alm_network_fit_spec *spec,
                        const alm_network_data *training, alm_network_fit_result *out,
                        alm_error *error)
{
    const alm_network_data *validation = spec->validation;
    ALM_TRY(check_spec(network, spec, error));
    ALM_TRY(check_data(network, training, "training", error));
    if (validation) {
        ALM_TRY(check_data(network, validation, "validation", error));
    }
    fitting f = {.env = env, .network = network, .spec = spec, .data = training, .power_1 = 1,
                 .power_2 = 1, .arena = alm_arena_create(1 << 20)};
    size_t count = network->parameter_count;
    float *kept = ALM_NEW_ARRAY(f.arena, float, 2 * count);
    memcpy(kept, network->parameter, count * sizeof *kept);
    alm_network_fit_result result;
    alm_err code = prepare(&f, spec->batch, training->steps, error);
    if (code == ALM_OK) {
        code = epochs(&f, kept + count, &result, error);
    }
    if (code == ALM_OK) {
        *out = result;
    } else {
        memcpy(network->parameter, kept, count * sizeof *kept);
    }
    alm_arena_destroy(f.arena);
    return code;
}
