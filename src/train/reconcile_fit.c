#include "train/reconcile_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/shrinkage.h"

#define ERRORS_MIN 2 /* a variance about a mean */

double alm_reconciling_aggregate_weight(alm_reconciling reconciling)
{
    return reconciling == ALM_RECONCILING_BOTTOM_UP ? 1 : 0;
}

static alm_reconcile_method method_of(const alm_reconcile_fit *fit)
{
    alm_reconcile_method method = ALM_RECONCILE_BOTTOM_UP;
    const char *name = alm_reconciling_name(fit->reconciling);
    bool known = alm_reconcile_method_parse(alm_str_of(name), &method);
    alm_assert(known);
    return method;
}

static alm_str level_of(const alm_reconcile_fit *fit)
{
    return fit->from.size > 0 ? fit->from : fit->hierarchy->levels[0].name;
}

alm_err alm_reconcile_fit_check(const alm_reconcile_fit *fit, size_t steps, alm_error *error)
{
    const alm_hierarchy *h = fit->hierarchy;
    const alm_hierarchy_level *last = &h->levels[h->level_count - 1];
    if (fit->reconciling == ALM_RECONCILING_TOP_DOWN_FORECAST_PROPORTIONS && !h->is_tree &&
        !alm_str_equal(level_of(fit), last->name)) {
        return alm_fail(error, ALM_ERR_CONFIG, "reconcile: top_down_forecast_proportions goes down "
                        "a tree, but the levels of this hierarchy cross: set reconcile_from to the "
                        "last one, " ALM_STR_FMT ", or take another method",
                        ALM_STR_ARG(last->name));
    }
    size_t nodes = alm_hierarchy_row_count(h);
    bool factors = fit->reconciling == ALM_RECONCILING_MINT_SHRINK;
    size_t each = 1 + (factors ? fit->record_count * steps : 0);
    if (each > ALM_RECONCILE_FACTORS_MAX + 1 || nodes > ALM_RECONCILE_NUMBERS_MAX / each) {
        return alm_fail(error, ALM_ERR_LIMIT, "reconcile: %s keeps %zu numbers for each of %zu "
                        "nodes in the bundle; it may hold %zu in all and %zu for a node: %s",
                        alm_reconciling_name(fit->reconciling), each, nodes,
                        ALM_RECONCILE_NUMBERS_MAX, ALM_RECONCILE_FACTORS_MAX,
                        factors ? "lower backtest.selection_origins, or take wls_variance"
                                : "take wls_structural");
    }
    return ALM_OK;
}

/* ---- errors ---- */

typedef struct error_table {
    size_t rows, columns; /* aggregates, then series; open steps of all records */
    double *error;        /* rows x columns; NaN: not known */
} error_table;

double alm_reconcile_point(const alm_reconcile_fit *fit, const alm_origin_record *r,
                           size_t series, size_t step)
{
    size_t at = series * r->steps + step;
    double weight = fit->method->weight[r->histories[series].class_of_series];
    return weight * r->forest[at] + (1 - weight) * r->statistical[at];
}

static double leaf_error(const alm_reconcile_fit *fit, const alm_origin_record *r, size_t series,
                         size_t step)
{
    double point = alm_reconcile_point(fit, r, series, step);
    return r->histories[series].class_of_series == ALM_CLASS_empty
               ? (double)NAN
               : r->actual[series * r->steps + step] - point;
}

static alm_err collect(const alm_reconcile_fit *fit, alm_arena *arena, error_table *out,
                       alm_error *error)
{
    size_t nodes = fit->hierarchy->node_count;
    error_table t = {.rows = alm_hierarchy_row_count(fit->hierarchy)};
    for (size_t k = 0; k < fit->record_count; k++) {
        for (size_t h = 0; h < fit->records[k].steps; h++) {
            t.columns += !fit->records[k].closed[h];
        }
    }
    ALM_TRY(alm_arena_try_array(arena, t.rows * t.columns, sizeof(double), &t.error, error));
    size_t column = 0;
    for (size_t k = 0; k < fit->record_count; k++) {
        const alm_origin_record *r = &fit->records[k];
        for (size_t h = 0; h < r->steps; h++) {
            if (r->closed[h]) {
                continue; /* nothing is sold and nothing forecast */
            }
            for (size_t n = 0; n < nodes; n++) {
                size_t at = n * r->steps + h;
                t.error[n * t.columns + column] = r->node_actual[at] - r->node_statistical[at];
            }
            for (size_t i = 0; i < r->series_count; i++) {
                t.error[(nodes + i) * t.columns + column] = leaf_error(fit, r, i, h);
            }
            column++;
        }
    }
    *out = t;
    return ALM_OK;
}

/* Mean square of what is known. What is not becomes the mean. Returns how many were known. */
static size_t complete(double *error, size_t columns, double *mean_square)
{
    double sum = 0;
    double squares = 0;
    size_t known = 0;
    for (size_t t = 0; t < columns; t++) {
        if (isfinite(error[t])) {
            sum += error[t];
            squares += error[t] * error[t];
            known++;
        }
    }
    for (size_t t = 0; known > 0 && t < columns; t++) {
        error[t] = isfinite(error[t]) ? error[t] : sum / (double)known;
    }
    *mean_square = known > 0 ? squares / (double)known : 0;
    return known;
}

/* ---- the rule ---- */

typedef struct entry { /* a node and its row of the errors */
    alm_reconcile_node node;
    size_t row;
} entry;

static int compare_entries(const void *a, const void *b)
{
    const entry *left = a;
    const entry *right = b;
    int order = alm_reconcile_node_compare(&left->node, &right->node);
    return order ? order : left->row < right->row ? -1 : 1;
}

/* All nodes by name; of two with one name, which no run could tell apart, the first. */
static entry *name_nodes(const alm_reconcile_fit *fit, alm_arena *arena, size_t *count)
{
    const alm_hierarchy *h = fit->hierarchy;
    size_t used = 0;
    entry *entries = ALM_NEW_ARRAY(arena, entry, alm_hierarchy_row_count(h));
    for (uint32_t level = 0; level < h->level_count; level++) {
        uint32_t first = h->levels[level].first_node;
        for (uint32_t n = first; n < first + h->levels[level].node_count; n++) {
            entries[used++] = (entry){{h->levels[level].name, h->node_names[n]}, n};
        }
    }
    for (size_t i = 0; i < h->leaf_count; i++) {
        alm_reconcile_node node = {ALM_STR(""), alm_panel_source_node_name(fit->source, i, arena)};
        entries[used++] = (entry){node, h->node_count + i};
    }
    qsort(entries, used, sizeof *entries, compare_entries);
    size_t kept = 0;
    for (size_t i = 0; i < used; i++) {
        if (kept == 0 ||
            alm_reconcile_node_compare(&entries[kept - 1].node, &entries[i].node) != 0) {
            entries[kept++] = entries[i];
        }
    }
    *count = kept;
    return entries;
}

/* Nodes with enough errors, and these without holes. */
static alm_err learn_nodes(const alm_reconcile_fit *fit, alm_arena *arena, error_table *t,
                           alm_reconcile_rule *rule, alm_error *error)
{
    size_t count = 0;
    entry *entries = name_nodes(fit, arena, &count);
    alm_reconcile_node *nodes = ALM_NEW_ARRAY(arena, alm_reconcile_node, count);
    double *variance = ALM_NEW_ARRAY(arena, double, count);
    double *kept = NULL;
    ALM_TRY(alm_arena_try_array(arena, count * t->columns, sizeof(double), &kept, error));
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        double *own = t->error + entries[i].row * t->columns;
        double mean_square;
        if (complete(own, t->columns, &mean_square) >= ERRORS_MIN) {
            nodes[used] = entries[i].node;
            variance[used] = mean_square;
            memcpy(kept + used * t->columns, own, t->columns * sizeof(double));
            used++;
        }
    }
    if (used == 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "reconcile: %s learns from errors at the "
                        "selection origins, but none is known: raise backtest.selection_origins, "
                        "or take wls_structural", alm_reconciling_name(fit->reconciling));
    }
    rule->nodes = nodes;
    rule->node_count = used;
    rule->variance = variance;
    rule->errors = t->columns;
    t->error = kept;
    t->rows = used;
    return ALM_OK;
}

alm_err alm_reconcile_fit_rule(const alm_reconcile_fit *fit, alm_arena *arena,
                               alm_reconcile_rule *out, alm_error *error)
{
    alm_reconcile_rule rule = {.method = method_of(fit), .intensity = (double)NAN};
    if (alm_reconcile_splits(rule.method)) {
        rule.from = level_of(fit);
    }
    if (alm_reconcile_learns(rule.method)) {
        error_table table;
        ALM_TRY(collect(fit, arena, &table, error));
        ALM_TRY(learn_nodes(fit, arena, &table, &rule, error));
        if (rule.method == ALM_RECONCILE_MINT_SHRINK) {
            alm_error_sample sample = {table.error, table.rows, table.columns, true};
            alm_shrunk_covariance w;
            ALM_TRY(alm_shrunk_covariance_of(&sample, arena, &w, error));
            rule.intensity = w.intensity;
            rule.variance = w.diagonal;
            rule.factor_count = w.intensity < 1 ? w.errors : 0;
            rule.factor = w.factor;
        }
    }
    *out = rule;
    return ALM_OK;
}
