/* scorer_explain.c: units are explained once, in blocks, and copied to their members. */
#include "model/scorer/scorer_explain.h"

#include <math.h>
#include <string.h>

#include "model/scorer/scorer_internal.h"
#include "model/sequence/network_attribution.h"

#define WIDTH_MAX ((size_t)1 << 26)
#define BLOCK_ROWS 512
#define BLOCK_VALUES ((size_t)1 << 20) /* of contributions of a unit: 8 MiB */

typedef struct unit_explainer {
    alm_forest_explain *forest; /* or */
    alm_network_explainer *net;
    alm_forest_explain_scratch *scratch;
    double *baseline; /* of a net: steps x inputs */
    size_t width;     /* numbers of an output: steps x inputs + 1 */
    size_t block;     /* rows at a time */
} unit_explainer;

struct alm_scorer_explainer {
    alm_arena *arena;
    const alm_scorer_binding *binding;
    alm_scorer_explain_options options;
    alm_pool *pool;
    unit_explainer *unit;
    alm_scorer_explained *member;
    size_t width;
    double *input, *raw, *values; /* of a block of the unit at hand */
    double *attribution;          /* of a net's output, as wide as the input */
    alm_attribution_facts facts[BLOCK_ROWS];
};

/* ---- making ---- */

static double *gather_baseline(const alm_scorer_explainer *e, size_t u)
{
    const alm_scorer_binding *b = e->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    size_t inputs = unit->model->inputs, skipped = b->steps - unit->steps;
    double *out = ALM_NEW_ARRAY(e->arena, double, unit->steps * inputs);
    if (!e->options.baseline) {
        return out; /* zeros, as the net sees them */
    }
    for (size_t t = 0; t < unit->steps; t++) {
        const double *step = e->options.baseline + (skipped + t) * b->window_count;
        for (size_t k = 0; k < inputs; k++) {
            out[t * inputs + k] = step[b->place[u][k]];
        }
    }
    if (unit->scaler) {
        alm_robust_scaler_apply(unit->scaler, out, unit->steps);
    }
    return out;
}

/* What was gathered, with the names and numbers that the caller knows. */
static alm_err check_baseline(const alm_scorer_explainer *e, size_t u, alm_error *error)
{
    const alm_scorer_binding *b = e->binding;
    const almi_scorer_unit *unit = &b->scorer->unit[u];
    size_t inputs = unit->model->inputs, skipped = b->steps - unit->steps;
    for (size_t i = 0; e->options.baseline && i < unit->steps * inputs; i++) {
        size_t step = skipped + i / inputs, place = b->place[u][i % inputs];
        if (!isfinite((float)e->unit[u].baseline[i])) {
            return alm_fail(error, ALM_ERR_NUMERIC, "step %zu of the baseline, column " ALM_STR_FMT
                            " is %g: a net takes finite numbers of the size of a float", step + 1,
                            ALM_STR_ARG(b->window[place]),
                            e->options.baseline[step * b->window_count + place]);
        }
    }
    return ALM_OK;
}

static alm_err create_unit(alm_scorer_explainer *e, size_t u, alm_error *error)
{
    const almi_scorer_unit *unit = &e->binding->scorer->unit[u];
    unit_explainer *x = &e->unit[u];
    x->width = (unit->steps ? unit->steps : 1) * unit->model->inputs + 1;
    if (x->width > WIDTH_MAX / unit->model->outputs) {
        return alm_fail(error, ALM_ERR_LIMIT, "member %s: %zu numbers explain an output of a row, "
                        "of %zu outputs; at most %zu in all", unit->user, x->width,
                        unit->model->outputs, WIDTH_MAX);
    }
    size_t fit = BLOCK_VALUES / (x->width * unit->model->outputs);
    x->block = fit < 1 ? 1 : fit > BLOCK_ROWS ? BLOCK_ROWS : fit;
    alm_err code;
    if (unit->model->network) {
        x->baseline = gather_baseline(e, u);
        code = check_baseline(e, u, error);
        code = code == ALM_OK
                   ? alm_network_explainer_create(unit->model->network, &x->net, error) : code;
    } else if (!unit->model->forest) {
        code = alm_fail(error, ALM_ERR_UNSUPPORTED, "is neither a forest nor a net of almanac's "
                        "own, so there is no explanation of it");
    } else {
        alm_forest_explain_options options = {
            .way = e->options.strict ? ALM_EXPLAIN_STRICT : ALM_EXPLAIN_FAST};
        code = alm_forest_explain_create(alm_model_file_forest(unit->model->forest), &options,
                                         &x->forest, error);
        if (code == ALM_OK) {
            code = alm_forest_explain_scratch_create(x->forest, &x->scratch, error);
        }
    }
    return code == ALM_OK ? code : alm_error_wrap(error, code, "member %s", unit->user);
}

static alm_err place_members(alm_scorer_explainer *e, alm_error *error)
{
    const alm_scorer *s = e->binding->scorer;
    e->member = ALM_NEW_ARRAY(e->arena, alm_scorer_explained, s->info.member_count);
    for (size_t m = 0; m < s->info.member_count; m++) {
        size_t u = s->member[m].unit;
        bool classes = s->info.task == ALM_SCORER_CLASSES;
        size_t outputs = classes ? s->unit[u].model->outputs : 1;
        e->member[m] = (alm_scorer_explained){e->width, outputs, s->unit[u].steps,
                                              s->unit[u].model->inputs};
        e->width += outputs * e->unit[u].width; /* each is at most 2^26, of 1024 members */
        if (e->width > WIDTH_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "more than %zu numbers explain a row", WIDTH_MAX);
        }
    }
    return ALM_OK;
}

static alm_err try_doubles(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err create(alm_scorer_explainer *e, alm_error *error)
{
    const alm_scorer *s = e->binding->scorer;
    size_t input = 1, raw = 1, values = 1;
    e->unit = ALM_NEW_ARRAY(e->arena, unit_explainer, s->unit_count);
    for (size_t u = 0; u < s->unit_count; u++) {
        unit_explainer *x = &e->unit[u];
        size_t outputs = s->unit[u].model->outputs;
        ALM_TRY(create_unit(e, u, error));
        input = input > x->block * x->width ? input : x->block * x->width;
        raw = raw > x->block * outputs ? raw : x->block * outputs;
        values = values > x->block * outputs * x->width ? values : x->block * outputs * x->width;
    }
    ALM_TRY(place_members(e, error));
    ALM_TRY(try_doubles(e->arena, input, &e->input, error));
    ALM_TRY(try_doubles(e->arena, input, &e->attribution, error));
    ALM_TRY(try_doubles(e->arena, raw, &e->raw, error));
    return try_doubles(e->arena, values, &e->values, error);
}

alm_err alm_scorer_explainer_create(const alm_scorer_binding *binding,
                                    const alm_scorer_explain_options *options, alm_pool *pool,
                                    alm_scorer_explainer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_scorer_explainer *e = ALM_NEW(arena, alm_scorer_explainer);
    e->arena = arena;
    e->binding = binding;
    e->options = *options;
    e->pool = pool;
    alm_err code = create(e, error);
    if (code != ALM_OK) {
        alm_scorer_explainer_destroy(e);
        return code;
    }
    e->options.baseline = NULL; /* gathered, and not kept */
    *out = e;
    return ALM_OK;
}

void alm_scorer_explainer_destroy(alm_scorer_explainer *e)
{
    if (!e) {
        return;
    }
    for (size_t u = 0; e->unit && u < e->binding->scorer->unit_count; u++) {
        alm_forest_explain_scratch_destroy(e->unit[u].scratch);
        alm_forest_explain_destroy(e->unit[u].forest);
        alm_network_explainer_destroy(e->unit[u].net);
    }
    alm_arena_destroy(e->arena); /* the struct lies in it */
}

const alm_scorer_explained *alm_scorer_explainer_describe(const alm_scorer_explainer *explainer,
                                                          size_t *width)
{
    *width = explainer->width;
    return explainer->member;
}

/* ---- explaining ---- */

typedef struct block { /* rows of the batch, for one unit */
    const alm_scorer_batch *batch;
    size_t u, first, n;
    double *out; /* of the whole batch */
} block;

/* The inputs of the unit, as its model sees them. */
static void gather(const alm_scorer_explainer *e, const block *b)
{
    const alm_scorer_binding *binding = e->binding;
    const almi_scorer_unit *unit = &binding->scorer->unit[b->u];
    const size_t *place = binding->place[b->u];
    size_t inputs = unit->model->inputs, steps = unit->steps ? unit->steps : 1;
    double *to = e->input;
    size_t whole = binding->steps * binding->window_count;
    size_t stride = b->batch->window_stride ? b->batch->window_stride : whole;
    size_t skipped = whole - unit->steps * binding->window_count;
    for (size_t i = b->first; i < b->first + b->n; i++) {
        const double *from = unit->steps ? b->batch->windows + i * stride + skipped
                                         : b->batch->rows + i * b->batch->stride;
        for (size_t t = 0; t < steps; t++, from += binding->window_count) {
            for (size_t k = 0; k < inputs; k++) {
                *to++ = from[place[k]];
            }
        }
    }
    if (unit->scaler) {
        alm_robust_scaler_apply(unit->scaler, e->input, b->n * steps);
    }
}

static alm_err explain_forest(alm_scorer_explainer *e, const block *b, alm_error *error)
{
    const almi_scorer_unit *unit = &e->binding->scorer->unit[b->u];
    size_t inputs = unit->model->inputs;
    alm_forest_score(alm_model_file_forest(unit->model->forest), e->input, b->n, inputs, e->raw);
    alm_explain_rows rows = {e->input, b->n, inputs, e->raw, b->batch->first + b->first};
    return alm_forest_explain_rows(e->unit[b->u].forest, e->unit[b->u].scratch, &rows, e->values,
                                   error);
}

/* One output of a net for the rows of the block: attributions, then f of the baseline. */
static alm_err explain_output(alm_scorer_explainer *e, const block *b, size_t output,
                              alm_error *error)
{
    const almi_scorer_unit *unit = &e->binding->scorer->unit[b->u];
    const unit_explainer *x = &e->unit[b->u];
    size_t outputs = unit->model->outputs, size = x->width - 1;
    alm_network_windows windows = {e->input, b->n, unit->steps};
    alm_attribution_request request = {.windows = &windows, .baseline = x->baseline,
                                       .output = output, .after_head = true,
                                       .tolerance = e->options.tolerance,
                                       .evaluations_max = e->options.evaluations_max,
                                       .pool = e->pool, .first = b->batch->first + b->first};
    ALM_TRY(alm_network_attribute(x->net, &request, e->attribution, e->facts, error));
    for (size_t i = 0; i < b->n; i++) {
        double *to = e->values + (i * outputs + output) * x->width;
        memcpy(to, e->attribution + i * size, size * sizeof *to);
        to[size] = e->facts[i].baseline_value;
    }
    return ALM_OK;
}

/* Is output k of the unit asked for by a member? */
static bool is_asked(const alm_scorer *s, size_t u, size_t k)
{
    for (size_t m = 0; m < s->info.member_count; m++) {
        if (s->member[m].unit == u &&
            (s->info.task == ALM_SCORER_CLASSES || s->member[m].output == k)) {
            return true;
        }
    }
    return false;
}

static alm_err explain_unit(alm_scorer_explainer *e, const block *b, alm_error *error)
{
    const alm_scorer *s = e->binding->scorer;
    const almi_scorer_unit *unit = &s->unit[b->u];
    alm_err code = ALM_OK;
    gather(e, b);
    if (e->unit[b->u].forest) {
        code = explain_forest(e, b, error);
    }
    for (size_t k = 0; e->unit[b->u].net && code == ALM_OK && k < unit->model->outputs; k++) {
        code = is_asked(s, b->u, k) ? explain_output(e, b, k, error) : ALM_OK;
    }
    return code == ALM_OK ? code : alm_error_wrap(error, code, "member %s", unit->user);
}

/* Values of the unit to all its members. */
static void put_members(const alm_scorer_explainer *e, const block *b)
{
    const alm_scorer *s = e->binding->scorer;
    size_t outputs = s->unit[b->u].model->outputs, width = e->unit[b->u].width;
    for (size_t m = 0; m < s->info.member_count; m++) {
        if (s->member[m].unit != b->u) {
            continue;
        }
        size_t from = s->info.task == ALM_SCORER_CLASSES ? 0 : s->member[m].output;
        for (size_t i = 0; i < b->n; i++) {
            memcpy(b->out + (b->first + i) * e->width + e->member[m].at,
                   e->values + (i * outputs + from) * width,
                   e->member[m].outputs * width * sizeof *b->out);
        }
    }
}

alm_err alm_scorer_explain(alm_scorer_explainer *e, alm_scorer_scratch *scratch,
                           const alm_scorer_batch *batch, double *out, alm_error *error)
{
    alm_scorer_output none = {0};
    ALM_TRY(alm_scorer_predict(scratch, batch, &none, error));
    for (size_t u = 0; u < e->binding->scorer->unit_count; u++) {
        size_t step = e->unit[u].block;
        for (size_t i = 0; i < batch->count; i += step) {
            size_t n = batch->count - i < step ? batch->count - i : step;
            block b = {batch, u, i, n, out};
            ALM_TRY(explain_unit(e, &b, error));
            put_members(e, &b);
        }
    }
    return ALM_OK;
}
