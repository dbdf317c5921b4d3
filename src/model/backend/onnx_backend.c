/* onnx_backend.c: see onnx_backend.h. */
#include "model/backend/onnx_backend.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/backend/onnx_gate.h"
#include "model/backend/onnxruntime.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: a double holds every whole number up to it */
#define NAMES_SHOWN_BYTES 200

typedef struct onnx_backend {
    alm_backend backend;
    alm_arena *arena;
    almi_ort *session;
    const almi_ort_port *input;
    size_t input_count;
    size_t *width;    /* [input] columns that it takes */
    size_t result;    /* number of the output */
    bool one_by_one;  /* N is 1 */
} onnx_backend;

/* ---- what goes in ---- */

/* Messages say where; rows count from 1. */
typedef struct place {
    const onnx_backend *self;
    uint64_t row;
    size_t column;
} place;

static alm_err refuse(const place *at, double value, const char *why, alm_error *error)
{
    return alm_fail(error, ALM_ERR_NUMERIC, "row %llu, column %zu is %g: " ALM_STR_FMT " %s",
                    (unsigned long long)at->row + 1, at->column + 1, value,
                    ALM_STR_ARG(at->self->backend.info.name), why);
}

static alm_err put_number(const place *at, double value, int type, void *data, size_t i,
                          alm_error *error)
{
    if (type == ALMI_ORT_DOUBLE) {
        ((double *)data)[i] = value;
        return ALM_OK;
    }
    if (type == ALMI_ORT_FLOAT) {
        ((float *)data)[i] = (float)value;
        return isfinite(value) && !isfinite((float)value)
                   ? refuse(at, value, "computes in float, whose numbers end before", error)
                   : ALM_OK;
    }
    double most = type == ALMI_ORT_INT64 ? WHOLE_MAX : (double)INT32_MAX;
    if (!(fabs(value) <= most) || value != nearbyint(value)) {
        return refuse(at, value, type == ALMI_ORT_INT64 ? "takes whole numbers within 2^53 there"
                                                        : "takes whole numbers of 32 bits there",
                      error);
    }
    if (type == ALMI_ORT_INT64) {
        ((int64_t *)data)[i] = (int64_t)value;
    } else {
        ((int32_t *)data)[i] = (int32_t)value;
    }
    return ALM_OK;
}

typedef struct piece { /* rows of a batch that go in one run */
    const alm_backend_batch *batch;
    size_t first, count;
    alm_arena *scratch;
} piece;

/* Columns `at` and following of all rows (or steps) as the tensor of an input. */
static alm_err fill_input(const onnx_backend *self, const piece *p, size_t number, size_t at,
                          almi_ort_tensor *out, alm_error *error)
{
    const almi_ort_port *port = &self->input[number];
    const alm_backend_info *info = &self->backend.info;
    size_t width = self->width[number], steps = info->takes_windows ? p->batch->steps : 1;
    size_t stride = info->takes_windows ? info->columns : p->batch->stride;
    almi_ort_tensor t = {.type = port->type, .rank = port->rank, .count = p->count * steps * width};
    t.shape[0] = (int64_t)p->count;
    t.shape[1] = (int64_t)(info->takes_windows ? steps : width);
    t.shape[2] = (int64_t)width;
    ALM_TRY(alm_arena_try_alloc(p->scratch, t.count * sizeof(double), &t.data, error));
    for (size_t i = 0; i < p->count * steps; i++) {
        const double *row = p->batch->values + (p->first * steps + i) * stride + at;
        for (size_t k = 0; k < width; k++) {
            place where = {self, p->batch->first + p->first + i / steps, at + k};
            ALM_TRY(put_number(&where, row[k], port->type, t.data, i * width + k, error));
        }
    }
    *out = t;
    return ALM_OK;
}

/* ---- what comes out ---- */

static alm_err check_result(const onnx_backend *self, const almi_ort_tensor *t, size_t count,
                            alm_error *error)
{
    size_t outputs = self->backend.info.outputs;
    bool fits = (t->type == ALMI_ORT_FLOAT || t->type == ALMI_ORT_DOUBLE) &&
                t->count == count * outputs && t->rank >= 1 && t->shape[0] == (int64_t)count;
    return fits ? ALM_OK
                : alm_fail(error, ALM_ERR_CORRUPT, ALM_STR_FMT ": %zu rows were answered with %zu "
                           "numbers of type %s in %lld rows instead of %zu a row",
                           ALM_STR_ARG(self->backend.info.name), count, t->count,
                           almi_ort_type_name(t->type), t->rank ? (long long)t->shape[0] : 0,
                           outputs);
}

static alm_err run_piece(const onnx_backend *self, const piece *p, almi_ort_tensor *result,
                         alm_error *error)
{
    almi_ort_tensor *input = ALM_NEW_ARRAY(p->scratch, almi_ort_tensor, self->input_count);
    size_t at = 0;
    for (size_t i = 0; i < self->input_count; i++) {
        ALM_TRY(fill_input(self, p, i, at, &input[i], error));
        at += self->width[i];
    }
    almi_ort_call call = {input, &self->result, 1};
    return almi_ort_run(self->session, &call, p->scratch, result, error);
}

static alm_err predict(const alm_backend *backend, const alm_backend_batch *batch,
                       alm_arena *scratch, double *out, alm_error *error)
{
    const onnx_backend *self = (const onnx_backend *)backend;
    size_t step = self->one_by_one ? 1 : batch->count;
    for (size_t first = 0; first < batch->count; first += step) {
        almi_ort_tensor result;
        piece p = {batch, first, step, scratch};
        ALM_TRY(run_piece(self, &p, &result, error));
        ALM_TRY(check_result(self, &result, step, error));
        for (size_t i = 0; i < result.count; i++) {
            *out++ = result.type == ALMI_ORT_FLOAT ? (double)((const float *)result.data)[i]
                                                   : ((const double *)result.data)[i];
        }
    }
    return ALM_OK;
}

static void destroy(alm_backend *backend)
{
    onnx_backend *self = (onnx_backend *)backend;
    almi_ort_close(self->session);
    alm_arena_destroy(self->arena); /* the struct lies in it */
}

static const alm_backend_ops OPS = {"onnx", predict, destroy};

/* ---- opening: inputs ---- */

static alm_err unfit(const onnx_backend *self, const almi_ort_port *port, const char *what,
                     alm_error *error)
{
    char shape[120] = "";
    for (size_t i = 0; i < port->rank; i++) {
        size_t used = strlen(shape);
        (void)snprintf(shape + used, sizeof shape - used, "%s%lld", i ? " x " : "",
                       (long long)port->shape[i]);
    }
    return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT ": '%.80s' (%s, %s) %s",
                    ALM_STR_ARG(self->backend.info.name), port->name,
                    almi_ort_type_name(port->type), shape[0] ? shape : "one number", what);
}

static alm_err take_input(onnx_backend *self, size_t i, alm_error *error)
{
    const almi_ort_port *port = &self->input[i];
    alm_backend_info *info = &self->backend.info;
    bool known = port->type == ALMI_ORT_FLOAT || port->type == ALMI_ORT_DOUBLE ||
                 port->type == ALMI_ORT_INT64 || port->type == ALMI_ORT_INT32;
    bool window = self->input_count == 1 && port->rank == 3;
    if (!known) {
        return unfit(self, port, "is an input of a type that rows of numbers cannot fill: float, "
                     "double, int64 and int32 are", error);
    }
    if (port->rank == 0 || (port->rank > 2 && !window)) {
        return unfit(self, port, "is no input of rows (N x columns), and not the only one of "
                     "windows (N x steps x columns)", error);
    }
    if (port->shape[0] > 1) {
        return unfit(self, port, "is an input for a fixed number of rows: export it with an open "
                     "first dimension (dynamic_axes), or of 1", error);
    }
    int64_t width = port->rank == 1 ? 1 : port->shape[port->rank - 1];
    if (width < 1 || width > ALM_BACKEND_COLUMNS_MAX) {
        return unfit(self, port, "does not say how many columns it takes: export it with a fixed "
                     "last dimension", error);
    }
    self->one_by_one = self->one_by_one || port->shape[0] == 1;
    self->width[i] = (size_t)width;
    info->columns += (size_t)width;
    info->takes_windows = window;
    info->steps = window && port->shape[1] > 0 ? (size_t)port->shape[1] : 0;
    return ALM_OK;
}

/* Names where an input is one column; the columns of wide ones count from 0. */
static void name_columns(onnx_backend *self)
{
    alm_backend_info *info = &self->backend.info;
    if (self->input_count == 1) {
        return; /* "input" says nothing */
    }
    alm_str *column = ALM_NEW_ARRAY(self->arena, alm_str, info->columns);
    size_t at = 0;
    for (size_t i = 0; i < self->input_count; i++) {
        const char *name = self->input[i].name;
        for (size_t k = 0; k < self->width[i]; k++) {
            column[at++] = alm_str_of(self->width[i] == 1
                                          ? name
                                          : alm_arena_printf(self->arena, "%s_%zu", name, k));
        }
    }
    info->column = column;
}

static alm_err take_inputs(onnx_backend *self, const alm_onnx_options *options, alm_error *error)
{
    alm_backend_info *info = &self->backend.info;
    self->width = ALM_NEW_ARRAY(self->arena, size_t, self->input_count);
    for (size_t i = 0; i < self->input_count; i++) {
        ALM_TRY(take_input(self, i, error));
        if (info->columns > ALM_BACKEND_COLUMNS_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "%s takes more than %d columns", options->name,
                            ALM_BACKEND_COLUMNS_MAX);
        }
    }
    if (options->steps && !info->takes_windows) {
        return alm_fail(error, ALM_ERR_INVALID, "%s takes rows, so it has no `steps`",
                        options->name);
    }
    if (options->steps && info->steps && options->steps != info->steps) {
        return alm_fail(error, ALM_ERR_INVALID, "%s takes windows of %zu steps, and `steps` is %zu",
                        options->name, info->steps, options->steps);
    }
    info->steps = options->steps ? options->steps : info->steps;
    /* The model's word: a row of zeros of this size may be made below. */
    if (info->steps > ALM_BACKEND_WINDOW_MAX / (info->columns ? info->columns : 1)) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s takes windows of %zu steps of %zu columns: at "
                        "most %d numbers in all", options->name, info->steps, info->columns,
                        ALM_BACKEND_WINDOW_MAX);
    }
    name_columns(self);
    return ALM_OK;
}

/* ---- opening: the result ---- */

static bool is_result(const almi_ort_port *port)
{
    return (port->type == ALMI_ORT_FLOAT || port->type == ALMI_ORT_DOUBLE) && port->rank >= 1 &&
           port->rank <= 2;
}

static alm_err fail_result(const onnx_backend *self, const almi_ort_port *output, size_t count,
                           alm_str wanted, alm_error *error)
{
    alm_buffer list = {0};
    bool maps = false;
    for (size_t i = 0; i < count && list.size < NAMES_SHOWN_BYTES; i++) {
        alm_buffer_text(&list, i ? ", " : "");
        alm_buffer_visible(&list, alm_str_of(output[i].name));
        alm_buffer_printf(&list, " (%s)", almi_ort_type_name(output[i].type));
        maps = maps || output[i].type == ALMI_ORT_NONE;
    }
    alm_err code = alm_fail(
        error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT ": %s%.*s among its outputs: %s; %s",
        ALM_STR_ARG(self->backend.info.name), wanted.size ? "there is no " : "not exactly one "
        "result of float or double, N x k,", wanted.size < 80 ? (int)wanted.size : 80, wanted.data,
        list.size ? list.data : "",
        maps ? "of a scikit-learn model convert it with options={'zipmap': False}"
             : "name the one that is meant with `result` in scorer.json");
    alm_buffer_deinit(&list);
    return code;
}

static alm_err choose_result(onnx_backend *self, alm_str wanted, alm_error *error)
{
    size_t count = 0, found = 0;
    const almi_ort_port *output = almi_ort_outputs(self->session, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_result(&output[i]) && (wanted.size == 0 || alm_str_is(wanted, output[i].name))) {
            self->result = i;
            found++;
        }
    }
    return found == 1 ? ALM_OK : fail_result(self, output, count, wanted, error);
}

/* How many numbers a row is answered with, by the model's word or else by asking it once. */
static alm_err measure_result(onnx_backend *self, alm_error *error)
{
    size_t count = 0;
    const almi_ort_port *port = &almi_ort_outputs(self->session, &count)[self->result];
    alm_backend_info *info = &self->backend.info;
    int64_t width = port->rank == 1 ? 1 : port->shape[1];
    if (width <= 0) {
        almi_ort_tensor result;
        size_t steps = info->takes_windows ? (info->steps ? info->steps : 1) : 1;
        alm_arena *scratch = alm_arena_create(0);
        void *zeros = NULL;
        alm_err code =
            alm_arena_try_alloc(scratch, steps * info->columns * sizeof(double), &zeros, error);
        alm_backend_batch batch = {zeros, 1, info->columns, steps, 0};
        piece p = {&batch, 0, 1, scratch};
        code = code == ALM_OK ? run_piece(self, &p, &result, error) : code;
        width = code == ALM_OK ? (int64_t)result.count : 0;
        alm_arena_destroy(scratch);
        ALM_TRY(code);
    }
    if (width < 1 || width > ALM_BACKEND_OUTPUTS_MAX) {
        return unfit(self, port, "is no result of 1 to 65536 numbers a row", error);
    }
    info->outputs = (size_t)width;
    return ALM_OK;
}

/* ---- opening ---- */

static void describe_ports(onnx_backend *self, const almi_ort_port *from, size_t count,
                           const alm_backend_port **out)
{
    alm_backend_port *port = ALM_NEW_ARRAY(self->arena, alm_backend_port, count);
    for (size_t i = 0; i < count; i++) {
        port[i] = (alm_backend_port){.name = alm_str_of(from[i].name),
                                     .type = almi_ort_type_name(from[i].type),
                                     .rank = from[i].rank};
        memcpy(port[i].shape, from[i].shape, sizeof port[i].shape);
    }
    *out = port;
}

static alm_err open_session(onnx_backend *self, const alm_env *env,
                            const alm_onnx_options *options, alm_error *error)
{
    alm_backend_info *info = &self->backend.info;
    ALM_TRY(almi_onnx_gate(options->bytes, options->name, &info->finite_only, error));
    almi_ort_request request = {env ? alm_env_variable(env, ALMI_ORT_VARIABLE) : NULL,
                                options->bytes, options->name};
    ALM_TRY(almi_ort_open(&request, &self->session, error));
    self->input = almi_ort_inputs(self->session, &self->input_count);
    info->detail = alm_str_of(
        alm_arena_printf(self->arena, "onnxruntime %s", almi_ort_version(self->session)));
    info->input_count = self->input_count;
    describe_ports(self, self->input, self->input_count, &info->input);
    const almi_ort_port *output = almi_ort_outputs(self->session, &info->output_count);
    describe_ports(self, output, info->output_count, &info->output);
    ALM_TRY(take_inputs(self, options, error));
    ALM_TRY(choose_result(self, options->result, error));
    return measure_result(self, error);
}

alm_err alm_onnx_backend_open(const alm_env *env, const alm_onnx_options *options,
                              alm_backend **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    onnx_backend *self = ALM_NEW(arena, onnx_backend);
    self->arena = arena;
    self->backend.ops = &OPS;
    self->backend.info = (alm_backend_info){
        .name = alm_str_of(alm_arena_copy_text(arena, options->name, strlen(options->name))),
        .format = "ONNX"};
    alm_err code = open_session(self, env, options, error);
    if (code != ALM_OK) {
        destroy(&self->backend);
        return code;
    }
    *out = &self->backend;
    return ALM_OK;
}
