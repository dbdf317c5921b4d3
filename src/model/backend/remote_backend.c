/* remote_backend.c: see remote_backend.h. */
#include "model/backend/remote_backend.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/breaker.h"
#include "base/fs.h"
#include "base/http_client.h"
#include "model/backend/remote_budget.h"
#include "model/backend/remote_protocol.h"

#define TOKEN_BYTES_MAX 16384
#define FIRST_PAUSE_MS 20 /* doubled by each retry; the budget, not chance, keeps the load low */

typedef struct remote_backend {
    alm_backend backend;
    alm_arena *arena;
    const alm_env *env;
    alm_remote_spec spec;
    const almi_remote_protocol *protocol;
    const char *url; /* of the call */
    alm_breaker breaker;
    almi_budget budget;
} remote_backend;

/* ---- the token ---- */

static bool is_token(alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.size > 0;
}

/* Empty where the document names none. It changes while we run (short-lived ones do). */
static alm_err read_token(const remote_backend *self, alm_arena *scratch, alm_str *out,
                          alm_error *error)
{
    const alm_remote_spec *spec = &self->spec;
    *out = (alm_str){"", 0};
    if (spec->token_file.size > 0) {
        alm_err code = alm_fs_read_all(self->env->fs, spec->token_file.data, TOKEN_BYTES_MAX,
                                       scratch, out, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "the token of model " ALM_STR_FMT,
                                  ALM_STR_ARG(spec->model));
        }
    } else if (spec->token_environment.size > 0) {
        *out = alm_str_of(alm_env_variable(self->env, spec->token_environment.data));
    } else {
        return ALM_OK;
    }
    *out = alm_str_trim(*out);
    const char *place = spec->token_file.size > 0 ? "file" : "environment variable";
    alm_str name = spec->token_file.size > 0 ? spec->token_file : spec->token_environment;
    return is_token(*out) ? ALM_OK
                          : alm_fail(error, ALM_ERR_DENIED, "the token of model " ALM_STR_FMT
                                     ": %s " ALM_STR_FMT " holds none, or more than one word",
                                     ALM_STR_ARG(spec->model), place, ALM_STR_ARG(name));
}

/* ---- what is sent ---- */

static alm_err fit_number(const remote_backend *self, const alm_backend_batch *batch, size_t at,
                          double *value, alm_error *error)
{
    const alm_backend_info *info = &self->backend.info;
    if (self->spec.is_double || isfinite((float)*value)) {
        *value = self->spec.is_double ? *value : (double)(float)*value;
        return ALM_OK;
    }
    size_t row = info->columns * (info->takes_windows ? batch->steps : 1);
    return alm_fail(error, ALM_ERR_NUMERIC, "row %llu, column %zu is %g: " ALM_STR_FMT " is asked "
                    "in float, whose numbers end before (`datatype` FP64)",
                    (unsigned long long)(batch->first + at / row + 1), at % info->columns + 1,
                    *value, ALM_STR_ARG(info->name));
}

/* The batch without gaps and in the precision of the document. */
static alm_err pack_rows(const remote_backend *self, const alm_backend_batch *batch,
                         alm_arena *scratch, almi_remote_rows *out, alm_error *error)
{
    const alm_backend_info *info = &self->backend.info;
    size_t steps = info->takes_windows ? batch->steps : 1, columns = info->columns;
    size_t stride = info->takes_windows ? columns : batch->stride;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(scratch, batch->count * steps * columns * sizeof(double), &memory,
                                error));
    double *values = memory;
    for (size_t i = 0; i < batch->count * steps; i++) {
        memcpy(values + i * columns, batch->values + i * stride, columns * sizeof *values);
    }
    for (size_t i = 0; i < batch->count * steps * columns; i++) {
        ALM_TRY(fit_number(self, batch, i, &values[i], error));
    }
    *out = (almi_remote_rows){values, batch->count, info->takes_windows ? steps : 0, columns};
    return ALM_OK;
}

/* ---- one attempt after the other ---- */

typedef struct call {
    const remote_backend *self;
    alm_breaker *breaker;
    almi_budget *budget;
    alm_http_request request;
    alm_http_outcome outcome;
    alm_str token;
    uint32_t left_ms, attempts;
} call;

static bool is_busy(int status)
{
    return status == 502 || status == 503 || status == 504 || status == 429;
}

/* Milliseconds until the next attempt; UINT32_MAX: there is none. */
static uint32_t next_pause(call *c)
{
    const alm_http_outcome *o = &c->outcome;
    bool again = o->failure == ALM_HTTP_CONNECT ||
                 (o->failure == ALM_HTTP_NONE && is_busy(o->response.status));
    int64_t after_s = o->failure == ALM_HTTP_NONE ? o->response.retry_after_s : -1;
    uint32_t pause = FIRST_PAUSE_MS << (c->attempts - 1);
    if (!again || c->attempts > c->self->spec.retries_max ||
        (o->response.status == 429 && after_s < 0)) {
        return UINT32_MAX;
    }
    if (after_s >= 0) {
        pause = after_s < 100000 ? (uint32_t)after_s * 1000 : UINT32_MAX;
    }
    return pause < c->left_ms && almi_budget_may_retry(c->budget) ? pause : UINT32_MAX;
}

static alm_err send_all(call *c, alm_arena *scratch, alm_error *error)
{
    alm_http *http = c->self->env->http;
    for (;;) {
        c->request.deadline_ms = c->left_ms;
        alm_err code = http->ops->send(http, &c->request, scratch, &c->outcome, error);
        c->attempts++;
        c->left_ms -= c->outcome.elapsed_ms < c->left_ms ? c->outcome.elapsed_ms : c->left_ms;
        uint32_t pause = next_pause(c);
        if (pause == UINT32_MAX) {
            return code;
        }
        http->ops->pause(http, pause);
        c->left_ms -= pause;
    }
}

/* ---- what a status means ---- */

static alm_err code_of(int status)
{
    if (status == 401 || status == 403) {
        return ALM_ERR_DENIED;
    }
    if (status == 404) {
        return ALM_ERR_NOT_FOUND;
    }
    return is_busy(status) ? ALM_ERR_IO : ALM_ERR_EXTERNAL;
}

static alm_err fail_status(const call *c, alm_error *error)
{
    const alm_http_response *r = &c->outcome.response;
    alm_buffer reason = {0};
    almi_remote_reason(r->body, c->token, &reason);
    alm_str said = alm_buffer_view(&reason);
    bool redirect = r->status >= 300 && r->status < 400;
    alm_err code = alm_fail(error, code_of(r->status), "status %d%s%s" ALM_STR_FMT, r->status,
                            redirect ? ", and redirects are not followed" : "",
                            said.size ? ": " : "", ALM_STR_ARG(said));
    alm_buffer_deinit(&reason);
    return code;
}

static alm_err take_outcome(const call *c, alm_err sent, size_t count, double *out,
                            alm_error *error)
{
    ALM_TRY(sent);
    if (c->outcome.response.status != 200) {
        return fail_status(c, error);
    }
    return almi_remote_take_answer(&c->self->spec, c->outcome.response.body, count, out, error);
}

/* Is the server able to serve? What it finds wrong with a question is not its failure. */
static bool is_healthy(const call *c)
{
    int status = c->outcome.response.status;
    return c->outcome.failure == ALM_HTTP_TOO_LARGE ||
           (c->outcome.failure == ALM_HTTP_NONE && status < 500 && status != 429);
}

static alm_err name_failure(const call *c, alm_err code, alm_error *error)
{
    const remote_backend *self = c->self;
    char attempts[40] = "";
    if (c->attempts > 1) {
        (void)snprintf(attempts, sizeof attempts, " (%u attempts)", c->attempts);
    }
    return code == ALM_OK ? code
                          : alm_error_wrap(error, code, "model " ALM_STR_FMT " at " ALM_STR_FMT
                                           "%s", ALM_STR_ARG(self->spec.model),
                                           ALM_STR_ARG(self->spec.url), attempts);
}

/* ---- a call ---- */

static alm_err ask(call *c, const almi_remote_rows *rows, alm_arena *scratch, double *out,
                   alm_error *error)
{
    const remote_backend *self = c->self;
    alm_buffer body = {0};
    alm_json_writer json = alm_json_writer_on(&body);
    const char *header[] = {"Content-Type: application/json", "Accept: application/json", NULL};
    self->protocol->put_body(&self->spec, rows, &json);
    alm_err code = alm_buffer_status(&body, error);
    if (code == ALM_OK) {
        if (c->token.size > 0) {
            header[2] = alm_arena_printf(scratch, "Authorization: Bearer " ALM_STR_FMT,
                                         ALM_STR_ARG(c->token));
        }
        c->request = (alm_http_request){
            .url = self->url,
            .header = header,
            .header_count = c->token.size > 0 ? 3 : 2,
            .body = alm_buffer_view(&body),
            .response_bytes_max = (size_t)self->spec.response_kib_max << 10,
            .ca_file = self->spec.ca_file.size > 0 ? self->spec.ca_file.data : NULL};
        code = send_all(c, scratch, error);
        bool healthy = is_healthy(c) || code == ALM_ERR_MEMORY; /* ours */
        alm_breaker_leave(c->breaker, alm_env_now(self->env),
                          healthy ? ALM_CALL_GOOD : ALM_CALL_FAILED);
        code = name_failure(c, take_outcome(c, code, rows->count, out, error), error);
    } else {
        alm_breaker_leave(c->breaker, alm_env_now(self->env), ALM_CALL_GOOD);
    }
    alm_buffer_deinit(&body);
    return code;
}

static alm_err predict(const alm_backend *backend, const alm_backend_batch *batch,
                       alm_arena *scratch, double *out, alm_error *error)
{
    /* Breaker and budget are all that changes; they guard themselves. */
    remote_backend *self = (remote_backend *)(uintptr_t)backend;
    call c = {.self = self, .breaker = &self->breaker, .budget = &self->budget,
              .left_ms = self->spec.deadline_ms};
    almi_remote_rows rows;
    uint64_t wait_ms = 0;
    ALM_TRY(pack_rows(self, batch, scratch, &rows, error));
    ALM_TRY(read_token(self, scratch, &c.token, error));
    if (!alm_breaker_enter(&self->breaker, alm_env_now(self->env), &wait_ms)) {
        return alm_fail(error, ALM_ERR_IO, "model " ALM_STR_FMT " at " ALM_STR_FMT " is not asked: "
                        "%u calls in a row have failed; it is tried again in %llu ms",
                        ALM_STR_ARG(self->spec.model), ALM_STR_ARG(self->spec.url),
                        self->spec.breaker_failures, (unsigned long long)wait_ms);
    }
    almi_budget_call(c.budget);
    return ask(&c, &rows, scratch, out, error);
}

static void destroy(alm_backend *backend)
{
    alm_arena_destroy(((remote_backend *)backend)->arena); /* the struct lies in it */
}

static const alm_backend_ops OPS = {"remote", predict, destroy};

/* ---- opening ---- */

static alm_str copy(alm_arena *arena, alm_str text)
{
    return text.size ? (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size}
                     : (alm_str){"", 0};
}

static void copy_spec(remote_backend *self, const alm_remote_spec *from)
{
    alm_remote_spec *to = &self->spec;
    *to = *from;
    alm_str *const TEXTS[] = {&to->url,    &to->model,     &to->version,
                              &to->input,  &to->output,    &to->signature,
                              &to->ca_file, &to->token_environment, &to->token_file};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        *TEXTS[i] = copy(self->arena, *TEXTS[i]);
    }
}

static void describe(remote_backend *self, const alm_remote_options *options)
{
    const alm_remote_spec *spec = &self->spec;
    const char *type = spec->is_double ? "double" : "float";
    alm_backend_port *port = ALM_NEW_ARRAY(self->arena, alm_backend_port, 2);
    int64_t columns = (int64_t)options->columns;
    port[0] = (alm_backend_port){.name = spec->input, .type = type, .rank = 2,
                                 .shape = {-1, columns}};
    if (options->steps) {
        port[0].rank = 3;
        port[0].shape[1] = (int64_t)options->steps;
        port[0].shape[2] = columns;
    }
    port[1] = (alm_backend_port){.name = spec->output, .type = type, .rank = 2,
                                 .shape = {-1, (int64_t)spec->outputs}};
    self->backend.info = (alm_backend_info){
        .name = spec->model,
        .format = self->protocol->format,
        .detail = alm_str_of(alm_arena_printf(
            self->arena, ALM_STR_FMT ", model " ALM_STR_FMT ", %s" ALM_STR_FMT,
            ALM_STR_ARG(spec->url), ALM_STR_ARG(spec->model),
            spec->version.size ? "version " : "whatever version it has",
            ALM_STR_ARG(spec->version))),
        .is_remote = true,
        .input = &port[0],
        .output = &port[1],
        .input_count = 1,
        .output_count = 1,
        .columns = options->columns,
        .takes_windows = options->steps > 0,
        .steps = options->steps,
        .outputs = spec->outputs,
        .finite_only = true,
        .deadline_ms = spec->deadline_ms,
        .breaker = &self->breaker};
}

alm_err alm_remote_backend_open(const alm_env *env, const alm_remote_options *options,
                                alm_backend **out, alm_error *error)
{
    const alm_remote_spec *spec = options->spec;
    if (!env || !env->http || !env->now) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "model " ALM_STR_FMT " is remote, and this "
                        "program opened it without a network", ALM_STR_ARG(spec->model));
    }
    ALM_TRY(env->http->ops->start(env->http, error));
    alm_arena *arena = alm_arena_create(0);
    remote_backend *self = ALM_NEW(arena, remote_backend);
    self->arena = arena;
    self->env = env;
    copy_spec(self, spec);
    self->protocol = almi_remote_protocol_of(spec);
    alm_buffer path = {0};
    self->protocol->put_path(&self->spec, &path);
    self->url = alm_arena_printf(arena, ALM_STR_FMT "%s", ALM_STR_ARG(spec->url),
                                 path.data ? path.data : "");
    alm_err code = alm_buffer_status(&path, error);
    alm_buffer_deinit(&path);
    alm_breaker_init(&self->breaker, &(alm_breaker_rule){.in_a_row = spec->breaker_failures,
                                                         .open_ms = spec->breaker_open_ms});
    almi_budget_init(&self->budget, spec->retry_percent);
    self->backend.ops = &OPS;
    describe(self, options);
    if (code != ALM_OK) {
        destroy(&self->backend);
        return code;
    }
    *out = &self->backend;
    return ALM_OK;
}
