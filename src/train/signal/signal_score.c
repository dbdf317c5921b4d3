/* signal_score.c: the test part: what the scorer says of it, and two baselines. */
#include "train/signal/signal_fit_internal.h"

#include <math.h>
#include <string.h>

#include "model/ensemble/logistic.h"
#include "model/ensemble/robust_scaler.h"

/* ---- the scorer ---- */

typedef struct test_call {
    const almi_signal *signal;
    alm_scorer_scratch *scratch;
    double *rows, *windows; /* of a block */
    almi_signal_scores *out;
} test_call;

static alm_str *column_names(const almi_signal *s, alm_arena *arena)
{
    alm_str *name = ALM_NEW_ARRAY(arena, alm_str, s->width);
    for (size_t c = 0; c < s->width; c++) {
        name[c] = alm_str_of(alm_bars_plan_name(s->plan, c));
    }
    return name;
}

/* Rows and windows of all columns of the plan: the scorer takes what it needs by name. */
static alm_err score_block(const test_call *call, size_t at, size_t count, alm_error *error)
{
    const almi_signal *s = call->signal;
    size_t horizons = s->spec->horizon_count, members = s->spec->member_count;
    for (size_t i = 0; i < count; i++) {
        almi_signal_candidate c = s->candidate[call->out->first + at + i];
        const double *row = s->values[c.symbol] + c.bar * s->width;
        memcpy(call->rows + i * s->width, row, s->width * sizeof *row);
        if (s->steps > 0) {
            memcpy(call->windows + i * s->steps * s->width, row - (s->steps - 1) * s->width,
                   s->steps * s->width * sizeof *row);
        }
    }
    alm_scorer_batch batch = {.count = count,
                              .first = at,
                              .rows = call->rows,
                              .stride = s->width,
                              .windows = s->steps > 0 ? call->windows : NULL};
    alm_scorer_output out = {
        .probability = call->out->answer + at * horizons * s->class_count,
        .member = call->out->member + at * horizons * members * s->class_count};
    return alm_scorer_predict(call->scratch, &batch, &out, error);
}

static alm_err score_blocks(const almi_signal *s, const alm_scorer_binding *binding,
                            alm_arena *arena, almi_signal_scores *out, alm_error *error)
{
    void *answer, *member, *rows, *windows;
    size_t row = s->spec->horizon_count * s->class_count * sizeof(double);
    test_call call = {.signal = s, .out = out};
    ALM_TRY(alm_arena_try_alloc(arena, out->count * row, &answer, error));
    ALM_TRY(alm_arena_try_alloc(arena, out->count * row * s->spec->member_count, &member, error));
    ALM_TRY(alm_arena_try_alloc(arena, ALMI_SIGNAL_BLOCK * s->width * sizeof(double), &rows,
                                error));
    ALM_TRY(alm_arena_try_alloc(arena, ALMI_SIGNAL_BLOCK * s->steps * s->width * sizeof(double),
                                &windows, error));
    out->answer = answer;
    out->member = member;
    call.rows = rows;
    call.windows = windows;
    ALM_TRY(alm_scorer_scratch_create(binding, s->env->pool, &call.scratch, error));
    alm_err code = ALM_OK;
    for (size_t at = 0; code == ALM_OK && at < out->count; at += ALMI_SIGNAL_BLOCK) {
        size_t left = out->count - at;
        code = score_block(&call, at, left < ALMI_SIGNAL_BLOCK ? left : ALMI_SIGNAL_BLOCK, error);
    }
    alm_scorer_scratch_destroy(call.scratch);
    return code;
}

alm_err almi_signal_score(const almi_signal *s, const alm_scorer_file *file, size_t file_count,
                          alm_arena *arena, almi_signal_scores *out, alm_error *error)
{
    alm_scorer_table table = {file, file_count};
    alm_scorer_source source = alm_scorer_memory(&table);
    alm_scorer *scorer = NULL;
    alm_scorer_binding *binding = NULL;
    alm_str *name = column_names(s, arena);
    alm_scorer_columns columns = {.row = name, .row_count = s->width};
    if (s->steps > 0) {
        columns.window = name;
        columns.window_count = s->width;
        columns.steps = s->steps;
    }
    *out = (almi_signal_scores){.first = s->candidate_count};
    while (out->first > 0) {
        almi_signal_candidate c = s->candidate[out->first - 1];
        if (s->data->symbol[c.symbol].bars[c.bar].time < s->cut) {
            break;
        }
        out->first--;
    }
    out->count = s->candidate_count - out->first;
    alm_err code = alm_scorer_read(&source, "the scorer just fitted", &scorer, error);
    if (code == ALM_OK) {
        code = alm_scorer_bind(scorer, &columns, &binding, error);
    }
    if (code == ALM_OK) {
        code = score_blocks(s, binding, arena, out, error);
    }
    alm_scorer_binding_destroy(binding);
    alm_scorer_destroy(scorer);
    return code;
}

/* ---- baselines ---- */

void almi_signal_prior(const almi_signal *s, const almi_signal_horizon *h, double *out)
{
    double share[ALMI_SIGNAL_CLASSES_MAX] = {0};
    for (size_t i = 0; i < h->train.count; i++) {
        share[h->train.label[i]] += 1;
    }
    for (size_t i = 0; i < h->test.count; i++) {
        for (size_t k = 0; k < s->class_count; k++) {
            out[i * s->class_count + k] = share[k] / (double)h->train.count;
        }
    }
}

/* Columns with a value in some training sample. */
static size_t list_columns(const almi_signal *s, const almi_signal_samples *train, uint32_t *place)
{
    size_t count = 0;
    for (uint32_t c = 0; c < s->width; c++) {
        bool found = false;
        for (size_t i = 0; i < train->count && !found; i++) {
            double value = 0;
            almi_signal_row(s, train->candidate[i], &c, 1, &value);
            found = !isnan(value);
        }
        if (found) {
            place[count++] = c;
        }
    }
    return count;
}

/* Of the baseline. */
typedef struct column_list {
    const uint32_t *place;
    size_t width;
} column_list;

static alm_err make_rows(const almi_signal *s, const almi_signal_samples *samples,
                         column_list columns, alm_arena *arena, double **out)
{
    void *memory = NULL;
    size_t width = columns.width;
    ALM_TRY(alm_arena_try_alloc(arena, samples->count * width * sizeof(double), &memory, NULL));
    *out = memory;
    for (size_t i = 0; i < samples->count; i++) {
        almi_signal_row(s, samples->candidate[i], columns.place, width, *out + i * width);
    }
    return ALM_OK;
}

static void scale_rows(const alm_robust_scaler *scaler, double *rows, size_t count)
{
    alm_robust_scaler_apply(scaler, rows, count);
    for (size_t i = 0; i < count * scaler->columns; i++) {
        rows[i] = isnan(rows[i]) ? 0 : rows[i] < -10 ? -10 : rows[i] > 10 ? 10 : rows[i];
    }
}

static alm_err fit_logistic(const almi_signal *s, const almi_signal_horizon *h,
                            column_list columns, double *out, alm_arena *scratch,
                            alm_error *error)
{
    alm_robust_scaler scaler;
    double *train = NULL, *test = NULL, *coefficient = NULL;
    void *target = NULL;
    size_t classes = s->class_count, width = columns.width;
    if (make_rows(s, &h->train, columns, scratch, &train) != ALM_OK ||
        make_rows(s, &h->test, columns, scratch, &test) != ALM_OK ||
        alm_arena_try_alloc(scratch, h->train.count * classes * sizeof(double), &target, NULL) !=
            ALM_OK) {
        return alm_fail(error, ALM_ERR_MEMORY, "no memory for the logistic baseline");
    }
    ALM_TRY(alm_robust_scaler_fit(train, h->train.count, width, scratch, &scaler, error));
    scale_rows(&scaler, train, h->train.count);
    scale_rows(&scaler, test, h->test.count);
    for (size_t i = 0; i < h->train.count; i++) {
        ((double *)target)[i * classes + h->train.label[i]] = 1;
    }
    alm_logistic_data data = {h->train.count, width, classes, train, target, NULL};
    ALM_TRY(alm_logistic_fit(&data, 1, scratch, &coefficient, error));
    for (size_t i = 0; i < h->test.count; i++) {
        alm_logistic_predict(coefficient, width, classes, test + i * width, out + i * classes);
    }
    return ALM_OK;
}

alm_err almi_signal_logistic(const almi_signal *s, const almi_signal_horizon *h, double *out,
                             bool *fitted, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    uint32_t *place = ALM_NEW_ARRAY(scratch, uint32_t, s->width);
    size_t width = list_columns(s, &h->train, place);
    alm_err code = ALM_OK;
    bool possible = s->class_count * (width + 1) <= ALM_LOGISTIC_PARAMETERS_MAX;
    if (possible) {
        code = fit_logistic(s, h, (column_list){place, width}, out, scratch, error);
    }
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        *fitted = possible;
    }
    return code == ALM_OK ? code : alm_error_wrap(error, code, "horizon %d, logistic baseline",
                                                  h->bars);
}
