/* scorer_predict.c: rows in blocks of a fixed size: units, members, combinations.
 *
 * All inputs are checked before the first is scored, so that a refused batch writes nothing. Then
 * every block writes its own rows only; a forest and a net treat a row by itself, so neither the
 * size of a block nor the number of threads can be seen in the bits. */
#include <math.h>
#include <string.h>

#include "model/scorer/scorer_internal.h"

#define BLOCK_ROWS_MAX 256
#define BLOCK_VALUES_MAX ((size_t)1 << 20) /* 8 MiB a thread */

/* Of one thread. */
typedef struct part {
    double *values;  /* block x widest row, or a step of ALM_NETWORK_TOGETHER windows */
    double *answer;  /* of so many windows: the widest net's outputs of each */
    double *outputs; /* of every unit: block x width, behind each other */
    double *votes;   /* members of a horizon x width */
    double *final;   /* width */
    alm_network_state **state; /* ALM_NETWORK_TOGETHER of every unit; NULL: no net */
    alm_arena *calls; /* of one call of a backend at a time; NULL: there is none */
} part;

struct alm_scorer_scratch {
    alm_arena *arena;
    const alm_scorer_binding *binding;
    alm_pool *pool;
    size_t threads, block;
    part *part;
};

typedef struct call {
    const alm_scorer_scratch *scratch;
    const alm_scorer_batch *batch;
    const alm_scorer_output *out;
} call;

/* ---- memory ---- */

/* Doubles that a row of the widest unit takes; of a net one step is copied at a time, of a window
 * for a backend all. */
static size_t widest_row(const alm_scorer *s)
{
    size_t widest = 1;
    for (size_t u = 0; u < s->unit_count; u++) {
        const almi_scorer_unit *unit = &s->unit[u];
        size_t inputs = unit->model->inputs;
        inputs *= unit->model->backend && unit->steps ? unit->steps : 1;
        widest = inputs > widest ? inputs : widest;
    }
    return widest;
}

static alm_err try_doubles(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err create_part(alm_scorer_scratch *scratch, part *p, size_t values, alm_error *error)
{
    const alm_scorer *s = scratch->binding->scorer;
    size_t width = almi_scorer_member_width(s), most = 1;
    for (size_t h = 0; h < s->info.horizon_count; h++) {
        most = s->horizon[h].member_count > most ? s->horizon[h].member_count : most;
    }
    ALM_TRY(try_doubles(scratch->arena, values, &p->values, error));
    ALM_TRY(try_doubles(scratch->arena, scratch->block * s->width, &p->outputs, error));
    size_t together = ALM_NETWORK_TOGETHER * (s->width + 1);
    ALM_TRY(try_doubles(scratch->arena, together, &p->answer, error));
    ALM_TRY(try_doubles(scratch->arena, most * width, &p->votes, error));
    ALM_TRY(try_doubles(scratch->arena, width, &p->final, error));
    size_t states = s->unit_count * ALM_NETWORK_TOGETHER;
    p->state = ALM_NEW_ARRAY(scratch->arena, alm_network_state *, states);
    for (size_t i = 0; i < states; i++) {
        const alm_network *network = s->unit[i / ALM_NETWORK_TOGETHER].model->network;
        if (network) {
            ALM_TRY(alm_network_state_create(network, &p->state[i], error));
        }
        if (s->unit[i / ALM_NETWORK_TOGETHER].model->backend && !p->calls) {
            p->calls = alm_arena_create(0);
        }
    }
    return ALM_OK;
}

static alm_err create_parts(alm_scorer_scratch *scratch, alm_error *error)
{
    const alm_scorer *s = scratch->binding->scorer;
    size_t row = widest_row(s);
    size_t per_row = row > s->width ? row : s->width;
    scratch->block = BLOCK_VALUES_MAX / per_row;
    scratch->block = scratch->block < 1 ? 1 : scratch->block;
    scratch->block = scratch->block > BLOCK_ROWS_MAX ? BLOCK_ROWS_MAX : scratch->block;
    scratch->part = ALM_NEW_ARRAY(scratch->arena, part, scratch->threads);
    for (size_t i = 0; i < scratch->threads; i++) {
        size_t rows = scratch->block < ALM_NETWORK_TOGETHER ? ALM_NETWORK_TOGETHER : scratch->block;
        ALM_TRY(create_part(scratch, &scratch->part[i], row * rows, error));
    }
    return ALM_OK;
}

alm_err alm_scorer_scratch_create(const alm_scorer_binding *binding, alm_pool *pool,
                                  alm_scorer_scratch **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_scorer_scratch *scratch = ALM_NEW(arena, alm_scorer_scratch);
    *scratch = (alm_scorer_scratch){.arena = arena, .binding = binding, .pool = pool,
                                    .threads = pool ? (size_t)alm_pool_threads(pool) : 1};
    alm_err code = create_parts(scratch, error);
    if (code != ALM_OK) {
        alm_scorer_scratch_destroy(scratch);
        return code;
    }
    *out = scratch;
    return ALM_OK;
}

void alm_scorer_scratch_destroy(alm_scorer_scratch *scratch)
{
    if (!scratch) {
        return;
    }
    const alm_scorer *s = scratch->binding->scorer;
    for (size_t i = 0; scratch->part && i < scratch->threads; i++) {
        size_t states = scratch->part[i].state ? s->unit_count * ALM_NETWORK_TOGETHER : 0;
        for (size_t k = 0; k < states; k++) {
            alm_network_state_destroy(scratch->part[i].state[k]);
        }
        alm_arena_destroy(scratch->part[i].calls);
    }
    alm_arena_destroy(scratch->arena); /* the struct lies in it */
}

/* ---- what cannot be taken ---- */

/* The arithmetic of alm_robust_scaler_apply. */
static double scaled(const alm_robust_scaler *scaler, size_t column, double value)
{
    return scaler ? (value - scaler->centre[column]) / scaler->scale[column] : value;
}

/* As a person counts. */
static unsigned long long row_number(const call *c, size_t i)
{
    return (unsigned long long)(c->batch->first + i + 1);
}

/* A net, a server and a recurrent graph do; another graph may know what to do with others. */
static bool takes_finite(const almi_scorer_unit *unit)
{
    return unit->model->network ||
           (unit->model->backend && unit->model->backend->info.finite_only);
}

static alm_err refuse_row(const call *c, size_t u, size_t i, size_t column, alm_error *error)
{
    const alm_scorer_binding *b = c->scratch->binding;
    size_t place = b->place[u][column];
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    return alm_fail(error, ALM_ERR_NUMERIC, "row %llu, column " ALM_STR_FMT " is %g: member "
                    "%s %s", row_number(c, i), ALM_STR_ARG(b->row[place]),
                    c->batch->rows[i * c->batch->stride + place], unit->user,
                    !takes_finite(unit) ? "scales it, and takes no infinite number"
                    : unit->model->backend->info.is_remote
                        ? "sends it to a server, which takes finite numbers only"
                        : "is a recurrent graph, and takes finite numbers only");
}

static alm_err check_row(const call *c, size_t u, size_t i, alm_error *error)
{
    const alm_scorer_binding *b = c->scratch->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    const double *row = c->batch->rows + i * c->batch->stride;
    bool finite = takes_finite(unit);
    for (size_t k = 0; (unit->scaler || finite) && k < unit->model->inputs; k++) {
        double value = row[b->place[u][k]];
        if (isinf(value) || (finite && isnan(value))) {
            return refuse_row(c, u, i, k, error);
        }
    }
    return ALM_OK;
}

/* The first of the steps that the unit takes of window i. */
static const double *window_of(const call *c, size_t u, size_t i)
{
    const alm_scorer_binding *b = c->scratch->binding;
    size_t skipped = b->steps - b->scorer->unit[u].steps;
    size_t stride = c->batch->window_stride ? c->batch->window_stride : b->steps * b->window_count;
    return c->batch->windows + i * stride + skipped * b->window_count;
}

static bool takes_doubles(const almi_scorer_unit *unit)
{
    const alm_backend *backend = unit->model->backend;
    return backend && backend->info.input && strcmp(backend->info.input->type, "double") == 0;
}

typedef struct spot { /* in the window of a unit */
    size_t step, column;
} spot;

static alm_err refuse_step(const call *c, size_t u, size_t i, spot at, alm_error *error)
{
    const alm_scorer_binding *b = c->scratch->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    size_t place = b->place[u][at.column];
    const char *kind = unit->model->network                    ? "a net"
                       : unit->model->backend->info.is_remote ? "remote"
                                                               : "a recurrent graph";
    return alm_fail(error, ALM_ERR_NUMERIC, "row %llu, step %zu of its window, column "
                    ALM_STR_FMT " is %g: member %s is %s, and takes finite numbers of the size of "
                    "a %s", row_number(c, i), b->steps - unit->steps + at.step + 1,
                    ALM_STR_ARG(b->window[place]),
                    window_of(c, u, i)[at.step * b->window_count + place], unit->user, kind,
                    takes_doubles(unit) ? "double" : "float");
}

static alm_err check_window(const call *c, size_t u, size_t i, alm_error *error)
{
    const alm_scorer_binding *b = c->scratch->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    const double *window = window_of(c, u, i);
    for (size_t t = 0; takes_finite(unit) && t < unit->steps; t++) {
        for (size_t k = 0; k < unit->model->inputs; k++) {
            size_t place = b->place[u][k];
            double value = window[t * b->window_count + place];
            double seen = scaled(unit->scaler, k, value);
            seen = takes_doubles(unit) ? seen : (double)(float)seen;
            if (!isfinite(value) || !isfinite(seen)) {
                return refuse_step(c, u, i, (spot){t, k}, error);
            }
        }
    }
    return ALM_OK;
}

static size_t block_end(const call *c, size_t first)
{
    size_t left = c->batch->count - first;
    return first + (left < c->scratch->block ? left : c->scratch->block);
}

/* Row after row, so that the first bad row is reported whatever the block. */
static alm_err check_block(void *context, size_t task, int worker, alm_error *error)
{
    const call *c = context;
    const alm_scorer *s = c->scratch->binding->scorer;
    size_t first = task * c->scratch->block;
    (void)worker;
    for (size_t i = first; i < block_end(c, first); i++) {
        for (size_t u = 0; u < s->unit_count; u++) {
            ALM_TRY(s->unit[u].steps ? check_window(c, u, i, error) : check_row(c, u, i, error));
        }
    }
    return ALM_OK;
}

static alm_err check_batch(const alm_scorer_scratch *scratch, const alm_scorer_batch *batch,
                           alm_error *error)
{
    const alm_scorer_binding *b = scratch->binding;
    const alm_scorer_info *info = &b->scorer->info;
    if (info->row_column_count > 0 && (!batch->rows || batch->stride < b->row_count)) {
        return alm_fail(error, ALM_ERR_INVALID, "rows of %zu values: the names are %zu",
                        batch->rows ? batch->stride : 0, b->row_count);
    }
    if (info->window_column_count > 0 && !batch->windows) {
        return alm_fail(error, ALM_ERR_INVALID, "no windows: member %s is a net",
                        b->scorer->unit[0].steps ? b->scorer->unit[0].user : "of the scorer");
    }
    return ALM_OK;
}

/* ---- units ---- */

/* With `missing`: is there something in row i that the unit cannot take? */
static bool is_refused(const call *c, size_t u, size_t i)
{
    const almi_scorer_unit *unit = &c->scratch->binding->scorer->unit[u];
    return c->batch->missing && (unit->scaler || takes_finite(unit)) &&
           (unit->steps ? check_window(c, u, i, NULL) : check_row(c, u, i, NULL)) != ALM_OK;
}

/* Or one that overflowed. */
static bool has_missing(const double *values, size_t count)
{
    bool missing = false;
    for (size_t k = 0; k < count; k++) {
        missing = missing || !isfinite(values[k]);
    }
    return missing;
}

static void put_missing(double *out, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        out[k] = NAN;
    }
}

static void score_forest(const call *c, const part *p, size_t u, size_t first, size_t n)
{
    const alm_scorer_binding *b = c->scratch->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    const almi_scorer_model *model = unit->model;
    size_t inputs = model->inputs, stride = c->batch->stride;
    const double *rows = c->batch->rows + first * stride + b->place[u][0];
    double *out = p->outputs + unit->at * c->scratch->block;
    if (!b->in_order[u] || unit->scaler) {
        const double *row = c->batch->rows + first * stride;
        for (size_t i = 0; i < n; i++, row += stride) {
            for (size_t k = 0; k < inputs; k++) {
                p->values[i * inputs + k] = scaled(unit->scaler, k, row[b->place[u][k]]);
            }
        }
        rows = p->values;
        stride = inputs;
    }
    alm_forest_score(alm_model_file_forest(model->forest), rows, n, stride, out);
    alm_transform_apply(&model->transform, out, n, out);
    for (size_t i = 0; i < n; i++) {
        if (is_refused(c, u, first + i)) {
            put_missing(out + i * model->outputs, model->outputs);
        }
    }
}

/* Rows of the batch whose windows go through a net beside each other. */
typedef struct group {
    size_t count;
    size_t row[ALM_NETWORK_TOGETHER];
    double *out[ALM_NETWORK_TOGETHER]; /* where their outputs go */
} group;

/* Step t of window i, as the net takes it. */
static void copy_step(const call *c, size_t u, size_t i, size_t t, double *to)
{
    const alm_scorer_binding *b = c->scratch->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    const double *step = window_of(c, u, i) + t * b->window_count;
    for (size_t k = 0; k < unit->model->inputs; k++) {
        to[k] = scaled(unit->scaler, k, step[b->place[u][k]]);
    }
}

/* Windows beside each other, a step of all at a time. */
static alm_err score_together(const call *c, const part *p, size_t u, const group *g,
                              alm_error *error)
{
    const almi_scorer_unit *unit = &c->scratch->binding->scorer->unit[u];
    alm_network_state *const *state = p->state + u * ALM_NETWORK_TOGETHER;
    size_t inputs = unit->model->inputs;
    for (size_t i = 0; i < g->count; i++) {
        alm_network_state_reset(state[i]);
    }
    for (size_t t = 0; t < unit->steps; t++) {
        for (size_t i = 0; i < g->count; i++) {
            copy_step(c, u, g->row[i], t, p->values + i * inputs);
        }
        bool last = t + 1 == unit->steps;
        ALM_TRY(alm_network_step_many(state, g->count, p->values, last ? p->answer : NULL, error));
    }
    return ALM_OK;
}

/* One window, some steps at a time. */
static alm_err score_alone(const call *c, const part *p, size_t u, size_t row, double *answer,
                           alm_error *error)
{
    const almi_scorer_unit *unit = &c->scratch->binding->scorer->unit[u];
    alm_network_state *state = p->state[u * ALM_NETWORK_TOGETHER];
    alm_network_state_reset(state);
    for (size_t t = 0; t < unit->steps; t += ALM_NETWORK_TOGETHER) {
        size_t left = unit->steps - t;
        size_t some = left < ALM_NETWORK_TOGETHER ? left : ALM_NETWORK_TOGETHER;
        for (size_t i = 0; i < some; i++) {
            copy_step(c, u, row, t + i, p->values + i * unit->model->inputs);
        }
        ALM_TRY(alm_network_steps(state, some, p->values, some == left ? answer : NULL, error));
    }
    return ALM_OK;
}

static alm_err score_group(const call *c, const part *p, size_t u, group *g, alm_error *error)
{
    size_t outputs = c->scratch->binding->scorer->unit[u].model->outputs;
    if (g->count == ALM_NETWORK_TOGETHER) {
        ALM_TRY(score_together(c, p, u, g, error));
    } else {
        for (size_t i = 0; i < g->count; i++) {
            ALM_TRY(score_alone(c, p, u, g->row[i], p->answer + i * outputs, error));
        }
    }
    for (size_t i = 0; i < g->count; i++) {
        memcpy(g->out[i], p->answer + i * outputs, outputs * sizeof *p->answer);
    }
    g->count = 0;
    return ALM_OK;
}

static alm_err score_net(const call *c, const part *p, size_t u, size_t first, size_t n,
                         alm_error *error)
{
    const almi_scorer_unit *unit = &c->scratch->binding->scorer->unit[u];
    double *out = p->outputs + unit->at * c->scratch->block;
    group g = {0};
    for (size_t i = 0; i < n; i++, out += unit->model->outputs) {
        if (is_refused(c, u, first + i)) {
            put_missing(out, unit->model->outputs);
            continue;
        }
        g.row[g.count] = first + i;
        g.out[g.count++] = out;
        if (g.count == ALM_NETWORK_TOGETHER) {
            ALM_TRY(score_group(c, p, u, &g, error));
        }
    }
    return g.count ? score_group(c, p, u, &g, error) : ALM_OK;
}

/* ---- units that are not ours ---- */

/* Rows or windows of the unit's columns, scaled, one behind the other. */
static void gather(const call *c, const part *p, size_t u, size_t first, size_t n)
{
    const alm_scorer_binding *b = c->scratch->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    size_t steps = unit->steps ? unit->steps : 1, inputs = unit->model->inputs;
    double *out = p->values;
    for (size_t i = first; i < first + n; i++) {
        const double *from =
            unit->steps ? window_of(c, u, i) : c->batch->rows + i * c->batch->stride;
        for (size_t t = 0; t < steps; t++, from += b->window_count) {
            for (size_t k = 0; k < inputs; k++) {
                *out++ = scaled(unit->scaler, k, from[b->place[u][k]]);
            }
        }
    }
}

/* Sums of float probabilities are off by less than a millionth; a server may round to 4 digits. */
#define PROBABILITY_SLACK 1e-3

static alm_err check_probabilities(const call *c, const almi_scorer_unit *unit, size_t row,
                                   const double *p, alm_error *error)
{
    size_t count = unit->model->outputs;
    double sum = 0;
    size_t outside = count; /* the first that is */
    for (size_t k = 0; k < count; k++) {
        sum += p[k];
        outside = outside == count && !(p[k] >= -1e-6 && p[k] <= 1 + 1e-6) ? k : outside;
    }
    bool inside = outside == count;
    if (inside && (count == 1 || !unit->must_sum || fabs(sum - 1) <= PROBABILITY_SLACK)) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_NUMERIC, "row %llu: member %s answers with what are no "
                    "probabilities (%s %g): end the model with a sigmoid or softmax",
                    row_number(c, row), unit->user, inside ? "their sum is" : "one is",
                    inside ? sum : p[outside]);
}

typedef struct backend_run { /* rows [first, first + count) of a unit, one call */
    size_t unit, first, count;
    double *out;
} backend_run;

static alm_err call_backend(const call *c, const part *p, const backend_run *run, alm_error *error)
{
    const almi_scorer_model *model = c->scratch->binding->scorer->unit[run->unit].model;
    alm_backend_batch batch = {p->values, run->count, model->inputs,
                               c->scratch->binding->scorer->unit[run->unit].steps,
                               c->batch->first + run->first};
    gather(c, p, run->unit, run->first, run->count);
    alm_arena_reset(p->calls);
    return alm_backend_predict(model->backend, &batch, p->calls, run->out, error);
}

/* With `missing`, rows that a graph cannot take or has no number for are found by halving: what
 * it makes of a missing value is not known before. Eight levels at most. */
static alm_err ask_backend(const call *c, const part *p, const backend_run *run, alm_error *error)
{
    size_t width = c->scratch->binding->scorer->unit[run->unit].model->outputs;
    size_t half = run->count / 2;
    alm_err code = call_backend(c, p, run, error);
    if (code != ALM_ERR_NUMERIC || !c->batch->missing) {
        return code;
    }
    if (half == 0) {
        put_missing(run->out, width);
        return ALM_OK;
    }
    backend_run first = {run->unit, run->first, half, run->out};
    backend_run second = {run->unit, run->first + half, run->count - half,
                          run->out + half * width};
    ALM_TRY(ask_backend(c, p, &first, error));
    return ask_backend(c, p, &second, error);
}

static alm_err run_backend(const call *c, const part *p, const backend_run *run, alm_error *error)
{
    const alm_scorer *s = c->scratch->binding->scorer;
    const almi_scorer_unit *unit = &s->unit[run->unit];
    size_t width = unit->model->outputs;
    alm_err code = ask_backend(c, p, run, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "member %s", unit->user);
    }
    for (size_t i = 0; s->info.task == ALM_SCORER_CLASSES && i < run->count; i++) {
        if (!c->batch->missing || !has_missing(run->out + i * width, width)) {
            ALM_TRY(check_probabilities(c, unit, run->first + i, run->out + i * width, error));
        }
    }
    return ALM_OK;
}

/* Rows that cannot be given are left out, so that one of them does not cost the others' answers. */
static alm_err score_backend(const call *c, const part *p, size_t u, size_t first, size_t n,
                             alm_error *error)
{
    const almi_scorer_unit *unit = &c->scratch->binding->scorer->unit[u];
    size_t width = unit->model->outputs, end = 0;
    double *out = p->outputs + unit->at * c->scratch->block;
    for (size_t i = 0; i < n; i = end) {
        bool refused = is_refused(c, u, first + i);
        for (end = i + 1; end < n && !refused && !is_refused(c, u, first + end);) {
            end++;
        }
        if (refused) {
            put_missing(out + i * width, width);
        } else {
            backend_run run = {u, first + i, end - i, out + i * width};
            ALM_TRY(run_backend(c, p, &run, error));
        }
    }
    return ALM_OK;
}

static alm_err score_unit(const call *c, const part *p, size_t u, size_t first, size_t n,
                          alm_error *error)
{
    const almi_scorer_model *model = c->scratch->binding->scorer->unit[u].model;
    if (model->backend) {
        return score_backend(c, p, u, first, n, error);
    }
    if (model->network) {
        return score_net(c, p, u, first, n, error);
    }
    score_forest(c, p, u, first, n);
    return ALM_OK;
}

/* ---- members and combinations ---- */

/* One row of a member: `given` is what its model says. */
static void member_row(const alm_scorer *s, const almi_scorer_member *m, const double *given,
                       double *out, double *own)
{
    const almi_scorer_model *model = s->unit[m->unit].model;
    size_t classes = s->info.class_count;
    if (s->info.task == ALM_SCORER_VALUE) {
        out[0] = given[m->output];
        return;
    }
    if (model->outputs == 1) {
        /* In the library's own arithmetic: XGBoost's is float. */
        own[0] = model->transform.single ? (double)(1.0f - (float)given[0]) : 1 - given[0];
        own[1] = given[0];
    } else {
        memcpy(own, given, classes * sizeof *own);
    }
    if (m->calibration) {
        alm_calibrator_apply(m->calibration, own, own);
    }
    for (size_t k = 0; k < classes; k++) {
        out[m->class_place ? m->class_place[k] : k] = own[k];
    }
}

static void combine(const alm_scorer *s, const almi_scorer_horizon *h, const double *votes,
                    double *final)
{
    size_t width = almi_scorer_member_width(s);
    alm_votes shape = {h->member_count, width, h->weight};
    switch (h->combination) {
    case ALM_SCORER_NONE:
        memcpy(final, votes, width * sizeof *final);
        break;
    case ALM_SCORER_MEAN:
    case ALM_SCORER_SOFT_VOTE:
        alm_vote_soft(&shape, votes, final);
        break;
    case ALM_SCORER_HARD_VOTE:
        alm_vote_hard(&shape, votes, final);
        break;
    case ALM_SCORER_STACKER:
        alm_stacker_predict(&h->stacked, votes, final);
        break;
    }
    if (h->calibration) {
        alm_calibrator_apply(h->calibration, final, final);
    }
}

static alm_err put_answer(const call *c, size_t i, size_t h, const double *final, alm_error *error)
{
    const alm_scorer_info *info = &c->scratch->binding->scorer->info;
    const alm_scorer_output *out = c->out;
    size_t at = i * info->horizon_count + h, best = 0;
    double value = final[0], confidence = NAN;
    for (size_t k = 0; k < info->class_count; k++) {
        best = final[k] > final[best] ? k : best;
        if (isnan(final[k]) && !c->batch->missing) {
            return alm_fail(error, ALM_ERR_NUMERIC, "row %llu, horizon " ALM_STR_FMT ": a model's "
                            "sums overflow, so no class can be told", row_number(c, i),
                            ALM_STR_ARG(info->horizon[h].name));
        }
    }
    if (info->task == ALM_SCORER_CLASSES) {
        value = isnan(final[0]) ? NAN : (double)info->label[best];
        confidence = final[best];
    }
    if (out->value) {
        out->value[at] = value;
    }
    if (out->confidence) {
        out->confidence[at] = confidence;
    }
    if (out->probability && info->class_count) {
        memcpy(out->probability + at * info->class_count, final,
               info->class_count * sizeof *final);
    }
    return ALM_OK;
}

/* Members' outputs into the answer; with `missing` half an answer is none. */
static void finish_horizon(const call *c, const almi_scorer_horizon *h, const double *votes,
                           double *final)
{
    const alm_scorer *s = c->scratch->binding->scorer;
    size_t width = almi_scorer_member_width(s);
    bool missing = c->batch->missing && has_missing(votes, h->member_count * width);
    if (!missing) {
        combine(s, h, votes, final);
    }
    if (missing || (c->batch->missing && has_missing(final, width))) {
        put_missing(final, width);
    }
}

/* Row `i` of the batch, row `in_block` of the block. */
static alm_err answer_row(const call *c, const part *p, size_t i, size_t in_block,
                          alm_error *error)
{
    const alm_scorer *s = c->scratch->binding->scorer;
    size_t width = almi_scorer_member_width(s);
    for (size_t h = 0; h < s->info.horizon_count; h++) {
        const almi_scorer_horizon *horizon = &s->horizon[h];
        for (size_t j = 0; j < horizon->member_count; j++) {
            const almi_scorer_member *m = &s->member[horizon->member_first + j];
            const almi_scorer_unit *unit = &s->unit[m->unit];
            const double *given = p->outputs + unit->at * c->scratch->block +
                                  in_block * unit->model->outputs;
            bool classes = s->info.task == ALM_SCORER_CLASSES;
            const double *own = classes ? given : given + m->output;
            if (c->batch->missing && has_missing(own, classes ? unit->model->outputs : 1)) {
                put_missing(p->votes + j * width, width); /* calibrators take numbers only */
            } else {
                member_row(s, m, given, p->votes + j * width, p->final);
            }
        }
        if (c->out->member) {
            size_t at = i * s->info.member_count + horizon->member_first;
            memcpy(c->out->member + at * width, p->votes,
                   horizon->member_count * width * sizeof *p->votes);
        }
        finish_horizon(c, horizon, p->votes, p->final);
        ALM_TRY(put_answer(c, i, h, p->final, error));
    }
    return ALM_OK;
}

static alm_err score_block(void *context, size_t task, int worker, alm_error *error)
{
    const call *c = context;
    const alm_scorer *s = c->scratch->binding->scorer;
    const part *p = &c->scratch->part[worker];
    size_t first = task * c->scratch->block;
    size_t n = block_end(c, first) - first;
    for (size_t u = 0; u < s->unit_count; u++) {
        ALM_TRY(score_unit(c, p, u, first, n, error));
    }
    for (size_t i = 0; i < n; i++) {
        ALM_TRY(answer_row(c, p, first + i, i, error));
    }
    return ALM_OK;
}

alm_err alm_scorer_predict(alm_scorer_scratch *scratch, const alm_scorer_batch *batch,
                           const alm_scorer_output *out, alm_error *error)
{
    call c = {scratch, batch, out};
    if (batch->count == 0) {
        return ALM_OK;
    }
    ALM_TRY(check_batch(scratch, batch, error));
    size_t tasks = (batch->count - 1) / scratch->block + 1;
    alm_pool *pool = tasks > 1 ? scratch->pool : NULL; /* waking threads costs more than a block */
    if (!batch->missing) {
        ALM_TRY(alm_pool_run(pool, tasks, check_block, &c, error));
    }
    return alm_pool_run(pool, tasks, score_block, &c, error);
}
