#include "decide/reconcile_method.h"

#include <math.h>
#include <string.h>

#include "decide/minimum_trace.h"
#include "decide/top_down.h"
#include "num/pseudo_inverse.h"
#include "num/shrinkage.h"

#define DENSE_MAX 512 /* beyond, conjugate gradients are quicker */

struct alm_reconciliation {
    const alm_hierarchy *hierarchy;
    alm_arena *arena;
    alm_reconcile_method method;
    uint32_t from_level;
    bool non_negative;
    double intensity;
    double *shares;           /* top_down by shares of the past: leaf_count */
    almi_minimum_trace trace; /* ols, wls, mint */
    double *pattern;          /* erm: F+, periods x all nodes */
    double *actual;           /* erm: B, leaf_count x periods */
    size_t periods;
};

static const char *const METHOD_NAMES[] = {
#define ALM_RECONCILE_TEXT(name, text) text,
    ALM_RECONCILE_METHOD_MAP(ALM_RECONCILE_TEXT)
#undef ALM_RECONCILE_TEXT
};

const char *alm_reconcile_method_name(alm_reconcile_method method)
{
    alm_assert(method < ALM_RECONCILE_METHOD_COUNT);
    return METHOD_NAMES[method];
}

bool alm_reconcile_method_parse(alm_str name, alm_reconcile_method *out)
{
    for (int m = 0; m < ALM_RECONCILE_METHOD_COUNT; m++) {
        if (alm_str_is(name, METHOD_NAMES[m])) {
            *out = (alm_reconcile_method)m;
            return true;
        }
    }
    return false;
}

/* ---- what a method needs ---- */

static alm_err check_finite(const double *values, size_t rows, size_t periods, const char *what,
                            alm_error *error)
{
    for (size_t i = 0; i < rows * periods; i++) {
        if (!isfinite(values[i])) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "%s of node %zu (aggregates first) in period %zu is not a finite "
                            "number; leave a period that one node lacks out of all", what,
                            i / periods, i % periods + 1);
        }
    }
    return ALM_OK;
}

static alm_err check_given(const alm_hierarchy *h, const alm_reconcile_weights *given,
                           alm_error *error)
{
    size_t all = alm_hierarchy_row_count(h);
    for (size_t i = 0; i < all; i++) {
        bool fine = given->variance[i] >= 0 && isfinite(given->variance[i]);
        for (size_t k = 0; k < given->rank; k++) {
            fine = fine && isfinite(given->factor[i * given->rank + k]);
        }
        if (!fine) {
            return alm_fail(error, ALM_ERR_INVALID, "the weight of node %zu (aggregates first) is "
                            "not a finite number >= 0", i);
        }
    }
    return ALM_OK;
}

static alm_err check(const alm_hierarchy *h, const alm_reconcile_request *r, alm_error *error)
{
    const char *name = METHOD_NAMES[r->method];
    alm_reconcile_method m = r->method;
    bool by_errors = m == ALM_RECONCILE_WLS_VARIANCE || m == ALM_RECONCILE_MINT_SHRINK ||
                     m == ALM_RECONCILE_ERM;
    bool by_past = m == ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS ||
                   m == ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES;
    bool by_level = by_past || m == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS;
    if (by_level && r->from_level >= h->level_count) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "%s splits level %u, but the hierarchy has %u levels above its leaves",
                        name, r->from_level + 1, h->level_count);
    }
    if (m == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS && !h->is_tree &&
        r->from_level + 1 < h->level_count) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "%s goes down a tree, but the levels of this hierarchy cross; split its "
                        "last level, or take another method", name);
    }
    if (r->given.variance) {
        return check_given(h, &r->given, error);
    }
    if ((by_errors && (!r->past.errors || r->past.periods == 0)) ||
        ((by_past || m == ALM_RECONCILE_ERM) && (!r->past.actual || r->past.periods == 0))) {
        return alm_fail(error, ALM_ERR_INVALID, "%s needs %s of the past", name,
                        by_past ? "the leaves' values" : "errors (and erm the leaves' values)");
    }
    if (by_errors) {
        ALM_TRY(check_finite(r->past.errors, alm_hierarchy_row_count(h), r->past.periods,
                             "the error", error));
    }
    if (by_past || m == ALM_RECONCILE_ERM) {
        ALM_TRY(check_finite(r->past.actual, h->leaf_count, r->past.periods, "the value", error));
    }
    return ALM_OK;
}

/* ---- preparation ---- */

static void simple_variance(const alm_hierarchy *h, const alm_reconcile_request *request,
                            double *variance)
{
    size_t periods = request->past.periods;
    size_t all = alm_hierarchy_row_count(h);
    for (size_t i = 0; i < all; i++) {
        variance[i] = 1;
        if (request->method == ALM_RECONCILE_WLS_STRUCTURAL && i < h->node_count) {
            variance[i] = h->leaves_of_node[i];
        } else if (request->method == ALM_RECONCILE_WLS_VARIANCE) {
            double squares = 0;
            for (size_t t = 0; t < periods; t++) {
                double e = request->past.errors[i * periods + t];
                squares += e * e;
            }
            variance[i] = squares / (double)periods;
        }
    }
}

static alm_err prepare_trace(alm_reconciliation *r, const alm_reconcile_request *request,
                             alm_error *error)
{
    const alm_hierarchy *h = r->hierarchy;
    size_t all = alm_hierarchy_row_count(h);
    almi_trace_weights weights = {.hierarchy = h};
    weights.dense_max = request->dense_max ? request->dense_max : DENSE_MAX;
    if (request->given.variance) {
        weights.variance = request->given.variance;
        weights.factor = request->given.factor;
        weights.rank = request->given.rank;
        return almi_minimum_trace_create(&weights, r->arena, &r->trace, error);
    }
    if (r->method == ALM_RECONCILE_MINT_SHRINK) {
        alm_error_sample sample = {request->past.errors, all, request->past.periods, true};
        alm_shrunk_covariance w;
        ALM_TRY(alm_shrunk_covariance_of(&sample, r->arena, &w, error));
        r->intensity = w.intensity;
        weights.variance = w.diagonal;
        weights.factor = w.factor;
        weights.rank = w.intensity < 1 ? w.errors : 0;
        return almi_minimum_trace_create(&weights, r->arena, &r->trace, error);
    }
    alm_arena *scratch = alm_arena_create(0);
    double *variance = NULL;
    alm_err code = alm_arena_try_array(scratch, all, sizeof(double), &variance, error);
    if (code == ALM_OK) {
        simple_variance(h, request, variance);
        weights.variance = variance;
        code = almi_minimum_trace_create(&weights, r->arena, &r->trace, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

/* F: the past's sums less the errors. */
static alm_err prepare_erm(alm_reconciliation *r, const alm_reconcile_past *past,
                           alm_arena *scratch, alm_error *error)
{
    const alm_hierarchy *h = r->hierarchy;
    size_t all = alm_hierarchy_row_count(h);
    size_t cells = h->leaf_count * past->periods;
    double *fitted = NULL;
    r->periods = past->periods;
    ALM_TRY(alm_arena_try_array(r->arena, cells, sizeof(double), &r->actual, error));
    ALM_TRY(alm_arena_try_array(r->arena, all * past->periods, sizeof(double), &r->pattern, error));
    ALM_TRY(alm_arena_try_array(scratch, all * past->periods, sizeof(double), &fitted, error));
    memcpy(r->actual, past->actual, cells * sizeof(double));
    memcpy(fitted + h->node_count * past->periods, past->actual, cells * sizeof(double));
    alm_hierarchy_add(h, 0, h->leaf_count, past->actual, past->periods, fitted);
    for (size_t i = 0; i < all * past->periods; i++) {
        fitted[i] -= past->errors[i];
    }
    alm_matrix_view matrix = {fitted, all, past->periods};
    return alm_pseudo_inverse(matrix, scratch, r->pattern, NULL, error);
}

static alm_err prepare(alm_reconciliation *r, const alm_reconcile_request *request,
                       alm_error *error)
{
    alm_arena *scratch;
    alm_err code;
    switch (r->method) {
    case ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS:
    case ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES:
        ALM_TRY(alm_arena_try_array(r->arena, r->hierarchy->leaf_count, sizeof(double), &r->shares,
                                    error));
        return almi_top_down_shares(r->hierarchy, r->from_level, &request->past,
                                    r->method == ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES,
                                    r->shares, error);
    case ALM_RECONCILE_OLS:
    case ALM_RECONCILE_WLS_STRUCTURAL:
    case ALM_RECONCILE_WLS_VARIANCE:
    case ALM_RECONCILE_MINT_SHRINK:
        return prepare_trace(r, request, error);
    case ALM_RECONCILE_ERM:
        scratch = alm_arena_create(0);
        code = prepare_erm(r, &request->past, scratch, error);
        alm_arena_destroy(scratch);
        return code;
    case ALM_RECONCILE_BOTTOM_UP:
    case ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS:
    case ALM_RECONCILE_METHOD_COUNT:
        break;
    }
    return ALM_OK;
}

alm_err alm_reconciliation_create(const alm_hierarchy *hierarchy,
                                  const alm_reconcile_request *request, alm_reconciliation **out,
                                  alm_error *error)
{
    alm_assert(request->method < ALM_RECONCILE_METHOD_COUNT);
    ALM_TRY(check(hierarchy, request, error));
    alm_arena *arena = alm_arena_create(0);
    alm_reconciliation *r = ALM_NEW(arena, alm_reconciliation);
    *r = (alm_reconciliation){.hierarchy = hierarchy,
                              .arena = arena,
                              .method = request->method,
                              .from_level = request->from_level,
                              .non_negative = request->non_negative,
                              .intensity = (double)NAN};
    alm_err code = prepare(r, request, error);
    if (code != ALM_OK) {
        alm_reconciliation_destroy(r);
        return code;
    }
    *out = r;
    return ALM_OK;
}

void alm_reconciliation_destroy(alm_reconciliation *reconciliation)
{
    if (reconciliation) {
        almi_minimum_trace_deinit(&reconciliation->trace);
        alm_arena_destroy(reconciliation->arena);
    }
}

double alm_reconciliation_intensity(const alm_reconciliation *reconciliation)
{
    return reconciliation->intensity;
}

/* ---- application ---- */

/* Leaves are given: none below 0 where that is asked for, and aggregates are their sums. */
static void add_up(const alm_reconciliation *r, double *values, size_t width)
{
    const alm_hierarchy *h = r->hierarchy;
    double *leaves = values + h->node_count * width;
    for (size_t i = 0; r->non_negative && i < h->leaf_count * width; i++) {
        leaves[i] = leaves[i] <= 0 ? 0 : leaves[i];
    }
    memset(values, 0, h->node_count * width * sizeof *values);
    alm_hierarchy_add(h, 0, h->leaf_count, leaves, width, values);
}

static alm_err apply_erm(const alm_reconciliation *r, double *values, size_t width,
                         alm_arena *scratch, alm_error *error)
{
    const alm_hierarchy *h = r->hierarchy;
    size_t all = alm_hierarchy_row_count(h);
    double *mix = NULL;
    ALM_TRY(alm_arena_try_array(scratch, r->periods * width, sizeof(double), &mix, error));
    for (size_t t = 0; t < r->periods; t++) {
        for (size_t i = 0; i < all; i++) {
            double by = r->pattern[t * all + i];
            for (size_t c = 0; c < width; c++) {
                mix[t * width + c] += by * values[i * width + c];
            }
        }
    }
    double *leaves = values + h->node_count * width;
    memset(leaves, 0, h->leaf_count * width * sizeof *leaves);
    for (size_t i = 0; i < h->leaf_count; i++) {
        for (size_t t = 0; t < r->periods; t++) {
            double by = r->actual[i * r->periods + t];
            for (size_t c = 0; c < width; c++) {
                leaves[i * width + c] += by * mix[t * width + c];
            }
        }
    }
    return ALM_OK;
}

static alm_err check_values(const double *values, size_t count, size_t width, alm_error *error)
{
    for (size_t i = 0; i < count * width; i++) {
        if (!isfinite(values[i])) {
            return alm_fail(error, ALM_ERR_NUMERIC,
                            "a forecast of node %zu (aggregates first) is not a finite number, or "
                            "what is made of it is none; leave the node out or give it one",
                            i / width);
        }
    }
    return ALM_OK;
}

static alm_err apply_tree(const alm_reconciliation *r, double *values, size_t width,
                          alm_reconcile_outcome *outcome, alm_error *error)
{
    alm_tree_options options = {.non_negative = r->non_negative};
    alm_tree_outcome done;
    ALM_TRY(alm_reconcile_tree_solve(r->trace.tree, &options, values, width, &done, error));
    *outcome = (alm_reconcile_outcome){done.rounds, done.unsettled};
    return ALM_OK;
}

static alm_err apply_trace(const alm_reconciliation *r, double *values, size_t width,
                           alm_reconcile_outcome *outcome, alm_error *error)
{
    if (r->non_negative) {
        ALM_TRY(almi_minimum_trace_solve_bounded(&r->trace, values, width, &outcome->rounds,
                                                 &outcome->unsettled, error));
    } else {
        alm_arena *scratch = alm_arena_create(0);
        alm_err code = almi_minimum_trace_solve(&r->trace, values, width, scratch, error);
        alm_arena_destroy(scratch);
        ALM_TRY(code);
    }
    add_up(r, values, width);
    return ALM_OK;
}

static alm_err apply_simple(const alm_reconciliation *r, double *values, size_t width,
                            alm_error *error)
{
    alm_err code = ALM_OK;
    if (r->shares) {
        almi_top_down_split(r->hierarchy, r->from_level, r->shares, values, width);
    } else if (r->method == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS) {
        code = almi_top_down_split_by_forecasts(r->hierarchy, r->from_level, values, width, error);
    } else if (r->method == ALM_RECONCILE_ERM) {
        alm_arena *scratch = alm_arena_create(0);
        code = apply_erm(r, values, width, scratch, error);
        alm_arena_destroy(scratch);
    }
    ALM_TRY(code);
    add_up(r, values, width);
    return ALM_OK;
}

alm_err alm_reconciliation_apply(const alm_reconciliation *r, double *values, size_t width,
                                 alm_reconcile_outcome *outcome, alm_error *error)
{
    alm_reconcile_outcome done = {0};
    size_t all = alm_hierarchy_row_count(r->hierarchy);
    if (r->trace.tree) { /* which checks for itself */
        ALM_TRY(apply_tree(r, values, width, &done, error));
    } else {
        ALM_TRY(check_values(values, all, width, error));
        ALM_TRY(r->trace.hierarchy ? apply_trace(r, values, width, &done, error)
                                   : apply_simple(r, values, width, error));
        ALM_TRY(check_values(values, all, width, error));
    }
    if (outcome) {
        *outcome = done;
    }
    return ALM_OK;
}

/* From q = W^-1 (y - f): less q of the aggregates, then F'q. */
static void put_multipliers(const almi_minimum_trace *m, const double *q, size_t width, double *out)
{
    size_t nodes = m->hierarchy->node_count;
    size_t all = alm_hierarchy_row_count(m->hierarchy);
    for (size_t i = 0; i < nodes * width; i++) {
        out[i] = -q[i];
    }
    memset(out + nodes * width, 0, m->rank * width * sizeof *out);
    for (size_t i = 0; m->rank > 0 && i < all; i++) {
        for (size_t k = 0; k < m->rank; k++) {
            double by = m->factor[i * m->rank + k];
            for (size_t c = 0; c < width; c++) {
                out[(nodes + k) * width + c] += by * q[i * width + c];
            }
        }
    }
}

alm_err alm_reconciliation_multipliers(const alm_reconciliation *r, const double *forecasts,
                                       const double *values, size_t width, double *out,
                                       alm_error *error)
{
    const almi_minimum_trace *m = &r->trace;
    alm_assert(m->hierarchy);
    size_t all = alm_hierarchy_row_count(m->hierarchy);
    alm_arena *scratch = alm_arena_create(0);
    double *weighed = NULL;
    alm_err code = alm_arena_try_array(scratch, all * width, sizeof(double), &weighed, error);
    for (size_t i = 0; code == ALM_OK && i < all * width; i++) {
        weighed[i] = values[i] - forecasts[i];
    }
    if (code == ALM_OK) {
        code = almi_minimum_trace_weigh(m, weighed, width, scratch, weighed, error);
    }
    if (code == ALM_OK) {
        put_multipliers(m, weighed, width, out);
    }
    alm_arena_destroy(scratch);
    return code;
}

double alm_reconciliation_variance(const alm_reconciliation *r, size_t leaf)
{
    alm_assert(r->trace.hierarchy);
    return r->trace.variance[r->trace.hierarchy->node_count + leaf];
}
