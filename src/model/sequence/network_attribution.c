#include "model/sequence/network_attribution.h"

#include <math.h>
#include <string.h>

#include "model/sequence/network_double.h"
#include "num/vector_elementary.h"

#define POINTS 5
#define DEPTH_MAX 44 /* parts of 2^-44 of the path are not cut any more */
#define ROUNDS_MAX 8 /* of stricter bounds for a part */
#define SHARE 0.015625 /* of the whole error, that a part may have in the first round */
#define ROUNDING 1e-12 /* of the output: no attribution is looked at more closely */

/* Nodes and weights on [-1, 1] (Abramowitz, Stegun, table 25.4). */
#define NODE_1 0.538469310105683091036314420700
#define NODE_2 0.906179845938663992797626878299
#define WEIGHT_0 0.568888888888888888888888888889
#define WEIGHT_1 0.478628670499366468041291514836
#define WEIGHT_2 0.236926885056189087514264040720
static const double NODE[POINTS] = {-NODE_2, -NODE_1, 0, NODE_1, NODE_2};
static const double WEIGHT[POINTS] = {WEIGHT_2, WEIGHT_1, WEIGHT_0, WEIGHT_1, WEIGHT_2};

struct alm_network_explainer {
    almi_double_net net;
    double memory[];
};

alm_err alm_network_explainer_create(const alm_network *network, alm_network_explainer **out,
                                     alm_error *error)
{
    void *memory = NULL;
    size_t size = almi_double_net_size(network) * sizeof(double);
    ALM_TRY(alm_heap_try(sizeof(alm_network_explainer) + size, &memory, error));
    alm_network_explainer *made = memory;
    almi_double_net_place(network, made->memory, &made->net);
    *out = made;
    return ALM_OK;
}

void alm_network_explainer_destroy(alm_network_explainer *explainer)
{
    alm_heap_free(explainer);
}

/* ---- one window ---- */

typedef struct part { /* of the path, from a to b; its attributions at `level` of the stack */
    double a, b, f_a, f_b;
    size_t depth;
} part;

typedef struct path {
    const alm_attribution_request *request;
    const alm_network_spec *spec;
    almi_double_run run;
    size_t size; /* steps x features */
    double *from, *way, *point, *gradient; /* size each */
    double *left, *right;                  /* of the halves of a part */
    double *stack;                         /* DEPTH_MAX + 2 of size */
    double *raw, *raw_error, *finished;    /* outputs each */
    size_t evaluations;
    double change;
} path;

static void sort_indices(const double *raw, size_t count, double *order)
{
    for (size_t k = 0; k < count; k++) {
        size_t i = k;
        for (; i > 0 && raw[(size_t)order[i - 1]] > raw[k]; i--) {
            order[i] = order[i - 1];
        }
        order[i] = (double)k;
    }
}

/* The output of these raw ones, and its gradient in raw_error. */
static double finish(path *p)
{
    size_t count = p->spec->output_count, output = p->request->output;
    alm_network_head head = p->request->after_head ? p->spec->head : ALM_HEAD_VALUES;
    memset(p->raw_error, 0, count * sizeof *p->raw_error);
    if (head == ALM_HEAD_CLASSES) {
        alm_softmax_rows(p->raw, 1, count, p->finished);
        double one = p->finished[output];
        for (size_t k = 0; k < count; k++) {
            p->raw_error[k] = one * ((k == output ? 1.0 : 0.0) - p->finished[k]);
        }
        return one;
    }
    size_t source = output;
    if (head == ALM_HEAD_QUANTILES) {
        sort_indices(p->raw, count, p->finished);
        source = (size_t)p->finished[output];
    }
    p->raw_error[source] = 1;
    return p->raw[source];
}

/* f at a of the way; with its gradient. */
static double evaluate(path *p, double a, bool with_gradient)
{
    for (size_t i = 0; i < p->size; i++) {
        p->point[i] = fma(a, p->way[i], p->from[i]);
    }
    almi_double_forward(&p->run, p->point, p->raw);
    double value = finish(p);
    if (with_gradient) {
        almi_double_backward(&p->run, p->raw_error, p->gradient);
        p->evaluations++;
    }
    return value;
}

/* Attributions of the part from a to b. */
static void integrate(path *p, double a, double b, double *out)
{
    double half = (b - a) / 2;
    memset(out, 0, p->size * sizeof *out);
    for (size_t i = 0; i < POINTS; i++) {
        (void)evaluate(p, fma(half, NODE[i], a + half), true);
        double weight = half * WEIGHT[i];
        for (size_t k = 0; k < p->size; k++) {
            out[k] = fma(weight, p->gradient[k], out[k]);
        }
    }
    for (size_t k = 0; k < p->size; k++) {
        out[k] *= p->way[k];
    }
}

static double sum_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

static double magnitude_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs(values[i]);
    }
    return sum;
}

/* Cuts a part in halves, whose attributions are left and right; how far the part itself was from
 * them and from the output's differences. */
static double halve(path *p, const part *of, const double *whole, double *f_middle)
{
    double middle = of->a + (of->b - of->a) / 2, change = 0;
    integrate(p, of->a, middle, p->left);
    integrate(p, middle, of->b, p->right);
    *f_middle = evaluate(p, middle, false);
    for (size_t k = 0; k < p->size; k++) {
        change += fabs(p->left[k] + p->right[k] - whole[k]);
    }
    double gap = fabs(sum_of(p->left, p->size) - (*f_middle - of->f_a)) +
                 fabs(sum_of(p->right, p->size) - (of->f_b - *f_middle));
    return change > gap ? change : gap;
}

/* The whole path, part by part from its beginning, none with an error above `bound` unless there
 * are no evaluations left for it. */
static void follow(path *p, double f_from, double f_to, double bound, double *out)
{
    part stack[DEPTH_MAX + 2];
    size_t count = 1;
    stack[0] = (part){0, 1, f_from, f_to, 0};
    p->change = 0;
    memset(out, 0, p->size * sizeof *out);
    integrate(p, 0, 1, p->stack);
    while (count > 0) {
        part one = stack[--count];
        double *whole = p->stack + count * p->size;
        double f_middle = 0;
        double change = halve(p, &one, whole, &f_middle);
        if (change > bound && one.depth < DEPTH_MAX &&
            p->evaluations + 4 * POINTS <= p->request->evaluations_max) {
            double middle = one.a + (one.b - one.a) / 2;
            stack[count] = (part){middle, one.b, f_middle, one.f_b, one.depth + 1};
            stack[count + 1] = (part){one.a, middle, one.f_a, f_middle, one.depth + 1};
            memcpy(whole, p->right, p->size * sizeof *whole);
            memcpy(whole + p->size, p->left, p->size * sizeof *whole);
            count += 2;
            continue;
        }
        p->change += change;
        for (size_t k = 0; k < p->size; k++) {
            out[k] += p->left[k] + p->right[k];
        }
    }
}

static alm_err attribute(path *p, double *out, alm_attribution_facts *facts, alm_error *error)
{
    const alm_attribution_request *request = p->request;
    double f_from = evaluate(p, 0, false), f_to = evaluate(p, 1, false);
    if (!isfinite(f_from) || !isfinite(f_to)) {
        return alm_fail(error, ALM_ERR_NUMERIC, "the net's own sums overflow");
    }
    double rounding = ROUNDING * (fabs(f_from) + fabs(f_to)) / request->tolerance;
    double size = fabs(f_to - f_from) + rounding;
    double share = SHARE, bound = 0, gap = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        follow(p, f_from, f_to, share * request->tolerance * size, out);
        size = magnitude_of(out, p->size) + rounding;
        bound = request->tolerance * size;
        gap = sum_of(out, p->size) - (f_to - f_from);
        bool done = fabs(gap) <= bound && p->change <= bound; /* not of NaN */
        if (done || p->evaluations + 3 * POINTS > request->evaluations_max) {
            break;
        }
        /* A part's error grows with its bound: as much less as it was too much, and some more. */
        double needed = 0.5 * bound / (p->change > fabs(gap) ? p->change : fabs(gap));
        share *= needed > SHARE && needed < 0.5 ? needed : needed < 0.5 ? SHARE : 0.5;
    }
    if (!(fabs(gap) <= bound && p->change <= bound)) {
        return alm_fail(error, ALM_ERR_NUMERIC,
                        "after %zu gradients the attributions of output %zu miss its difference "
                        "to the baseline by %g and still change by %g, of %g in all: allow more "
                        "than %zu gradients, or a tolerance above %g",
                        p->evaluations, request->output, fabs(gap), p->change, size,
                        request->evaluations_max, request->tolerance);
    }
    *facts = (alm_attribution_facts){f_to, f_from, gap, p->change, p->evaluations};
    return ALM_OK;
}

/* ---- all windows ---- */

typedef struct job {
    const almi_double_net *net;
    alm_attribution_request request; /* with defaults filled in */
    size_t size;                     /* steps x features */
    double *out;
    alm_attribution_facts *facts;
} job;

static alm_err check_window(const job *j, const double *window, alm_error *error)
{
    size_t features = j->net->network->spec.feature_count;
    for (size_t i = 0; window && i < j->size; i++) {
        if (!isfinite((float)window[i])) {
            return alm_fail(error, ALM_ERR_NUMERIC, "step %zu, feature %zu is %g: a net takes "
                            "finite numbers of the size of a float", i / features + 1,
                            i % features + 1, window[i]);
        }
    }
    return ALM_OK;
}

/* Doubles of a path; SIZE_MAX when they cannot be counted. */
static size_t path_size(const job *j)
{
    size_t run = almi_double_run_size(j->net, j->request.windows->steps);
    size_t outputs = 3 * j->net->network->spec.output_count;
    size_t arrays = 6 + DEPTH_MAX + 2;
    bool fits = run < SIZE_MAX / 32 && j->size < SIZE_MAX / 32 / arrays;
    return fits ? run + arrays * j->size + outputs : SIZE_MAX;
}

static void place_path(const job *j, const double *window, double *memory, path *p)
{
    size_t outputs = j->net->network->spec.output_count;
    *p = (path){.request = &j->request, .spec = &j->net->network->spec, .size = j->size};
    almi_double_run_place(j->net, j->request.windows->steps, memory, &p->run);
    memory += almi_double_run_size(j->net, j->request.windows->steps);
    double **array[] = {&p->from, &p->way, &p->point, &p->gradient, &p->left, &p->right};
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) {
        *array[i] = memory + i * j->size;
    }
    p->stack = memory + sizeof array / sizeof *array * j->size;
    p->raw = p->stack + (DEPTH_MAX + 2) * j->size;
    p->raw_error = p->raw + outputs;
    p->finished = p->raw_error + outputs;
    const double *baseline = j->request.baseline;
    for (size_t i = 0; i < j->size; i++) {
        p->from[i] = baseline ? (double)(float)baseline[i] : 0;
        p->way[i] = (double)(float)window[i] - p->from[i];
    }
}

static alm_err attribute_window(void *context, size_t i, int worker, alm_error *error)
{
    (void)worker;
    const job *j = context;
    const double *window = j->request.windows->values + i * j->size;
    void *memory = NULL;
    alm_err code = check_window(j, window, error);
    code = code == ALM_OK ? alm_heap_try(path_size(j) * sizeof(double), &memory, error) : code;
    if (code == ALM_OK) {
        path p;
        place_path(j, window, memory, &p);
        code = attribute(&p, j->out + i * j->size, &j->facts[i], error);
    }
    alm_heap_free(memory);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "window %llu",
                                                  (unsigned long long)(j->request.first + i + 1));
}

static alm_err check_request(job *j, alm_error *error)
{
    alm_attribution_request *r = &j->request;
    const alm_network_spec *spec = &j->net->network->spec;
    r->tolerance = r->tolerance == 0 ? ALM_ATTRIBUTION_TOLERANCE : r->tolerance;
    r->evaluations_max = r->evaluations_max ? r->evaluations_max : ALM_ATTRIBUTION_EVALUATIONS;
    if (r->output >= spec->output_count) {
        return alm_fail(error, ALM_ERR_INVALID, "output %zu of a net with %zu (counted from 0)",
                        r->output, spec->output_count);
    }
    if (!(r->tolerance >= 1e-10 && r->tolerance <= 1)) {
        return alm_fail(error, ALM_ERR_INVALID, "a tolerance of %g: 1e-10 to 1", r->tolerance);
    }
    if (r->windows->steps == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a window needs at least one step");
    }
    if (r->windows->steps > SIZE_MAX / spec->feature_count) {
        return alm_fail(error, ALM_ERR_LIMIT, "windows of %zu steps are too large",
                        r->windows->steps);
    }
    j->size = r->windows->steps * spec->feature_count;
    if (path_size(j) == SIZE_MAX ||
        r->windows->count > SIZE_MAX / 32 / (j->size + sizeof *j->facts)) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu windows of %zu steps are too large",
                        r->windows->count, r->windows->steps);
    }
    alm_err code = check_window(j, r->baseline, error);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "baseline");
}

alm_err alm_network_attribute(const alm_network_explainer *explainer,
                              const alm_attribution_request *request, double *out,
                              alm_attribution_facts *facts, alm_error *error)
{
    job j = {.net = &explainer->net, .request = *request};
    size_t count = request->windows->count;
    void *memory = NULL, *more = NULL;
    ALM_TRY(check_request(&j, error));
    if (count == 0) {
        return ALM_OK;
    }
    ALM_TRY(alm_heap_try(count * j.size * sizeof *j.out, &memory, error));
    alm_err code = alm_heap_try(count * sizeof *j.facts, &more, error);
    j.out = memory;
    j.facts = more;
    code = code == ALM_OK ? alm_pool_run(request->pool, count, attribute_window, &j, error) : code;
    if (code == ALM_OK) {
        memcpy(out, j.out, count * j.size * sizeof *out);
        if (facts) {
            memcpy(facts, j.facts, count * sizeof *facts);
        }
    }
    alm_heap_free(more);
    alm_heap_free(memory);
    return code;
}
