#include "train/reconcile_choice.h"

#include <math.h>
#include <string.h>

static const alm_reconciling CANDIDATES[ALM_RECONCILE_CANDIDATES] = {
    ALM_RECONCILING_BOTTOM_UP, ALM_RECONCILING_OLS, ALM_RECONCILING_WLS_STRUCTURAL,
    ALM_RECONCILING_WLS_VARIANCE, ALM_RECONCILING_MINT_SHRINK};

alm_err alm_reconcile_choice_check(const alm_reconcile_fit *fit, alm_error *error)
{
    if (fit->record_count > fit->lag) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_CONFIG, "reconcile: best judges methods at selection origins "
                    "whose weights come from ones that were over before, so it takes "
                    "backtest.selection_origins of %zu or more here, and there are %zu: raise "
                    "them, or origin_step, or name a method", fit->lag + 1, fit->record_count);
}

/* ---- one method at one origin ---- */

typedef struct judging {
    const alm_reconcile_fit *fit;
    const alm_origin_record *record;
    size_t nodes, rows, open; /* aggregates; with the series; open steps */
    double *forecast;         /* rows x open: as forecast */
    alm_arena *arena;
} judging;

static void put_forecasts(judging *j)
{
    const alm_origin_record *r = j->record;
    size_t column = 0;
    j->forecast = ALM_NEW_ARRAY(j->arena, double, j->rows * r->steps);
    for (size_t h = 0; h < r->steps; h++) {
        j->open += !r->closed[h];
    }
    for (size_t h = 0; h < r->steps; h++) {
        if (r->closed[h]) {
            continue; /* nothing is sold and nothing forecast */
        }
        for (size_t n = 0; n < j->nodes; n++) {
            j->forecast[n * j->open + column] = r->node_statistical[n * r->steps + h];
        }
        for (size_t i = 0; i < r->series_count; i++) {
            bool launched = r->histories[i].class_of_series != ALM_CLASS_empty;
            j->forecast[(j->nodes + i) * j->open + column] =
                launched ? alm_reconcile_point(j->fit, r, i, h) : 0;
        }
        column++;
    }
}

static alm_reconcile_node node_of(const judging *j, size_t row)
{
    const alm_hierarchy *h = j->fit->hierarchy;
    uint32_t level = 0;
    if (row >= j->nodes) {
        alm_str name = alm_panel_source_node_name(j->fit->source, row - j->nodes, j->arena);
        return (alm_reconcile_node){ALM_STR(""), name};
    }
    while (row >= h->levels[level].first_node + h->levels[level].node_count) {
        level++;
    }
    return (alm_reconcile_node){h->levels[level].name, h->node_names[row]};
}

/* By name, as a run does. A node whose errors were not known then, which a run would take at the
 * variance of its marginal, has the mean of the others. */
static alm_reconcile_weights weights_of(const judging *j, const alm_reconcile_rule *rule)
{
    double sum = 0;
    double *variance = ALM_NEW_ARRAY(j->arena, double, j->rows);
    double *factor = ALM_NEW_ARRAY(j->arena, double, j->rows * rule->factor_count + 1);
    for (size_t at = 0; at < rule->node_count; at++) {
        sum += rule->variance[at];
    }
    for (size_t row = 0; row < j->rows; row++) {
        alm_reconcile_node node = node_of(j, row);
        size_t at = alm_reconcile_rule_find(rule, &node);
        bool known = at != SIZE_MAX;
        variance[row] = known ? rule->variance[at] : sum / (double)rule->node_count;
        if (known && rule->factor_count > 0) {
            memcpy(factor + row * rule->factor_count, rule->factor + at * rule->factor_count,
                   rule->factor_count * sizeof(double));
        }
    }
    return (alm_reconcile_weights){variance, factor, rule->factor_count};
}

/* values: rows x open, reconciled by what was learned from `earlier`. */
static alm_err reconcile(const judging *j, const alm_reconcile_fit *earlier, double *values,
                         alm_error *error)
{
    alm_reconcile_rule rule;
    alm_reconciliation *made = NULL;
    ALM_TRY(alm_reconcile_fit_rule(earlier, j->arena, &rule, error));
    alm_reconcile_request request = {.method = rule.method, .non_negative = true};
    if (alm_reconcile_learns(rule.method)) {
        request.given = weights_of(j, &rule);
    }
    ALM_TRY(alm_reconciliation_create(j->fit->hierarchy, &request, &made, error));
    memcpy(values, j->forecast, j->rows * j->open * sizeof *values);
    alm_err code = alm_reconciliation_apply(made, values, j->open, NULL, error);
    alm_reconciliation_destroy(made);
    return code;
}

/* NaN: it has no scale, or nothing of it is known. */
static double row_rmsse(const judging *j, const double *values, size_t row)
{
    const alm_origin_record *r = j->record;
    bool is_series = row >= j->nodes;
    size_t place = is_series ? row - j->nodes : row;
    const double *actual = (is_series ? r->actual : r->node_actual) + place * r->steps;
    double scale = is_series ? r->scale_squared[place] : r->node_scale[place];
    double squares = 0;
    size_t known = 0;
    size_t column = 0;
    if (!(scale > 0) ||
        (is_series && r->histories[place].class_of_series == ALM_CLASS_empty)) {
        return (double)NAN;
    }
    for (size_t h = 0; h < r->steps; h++) {
        double error = r->closed[h] ? (double)NAN
                                    : values[row * j->open + column] - actual[h];
        column += !r->closed[h];
        squares += isnan(error) ? 0 : error * error;
        known += !isnan(error);
    }
    return known > 0 ? sqrt(squares / (double)known / scale) : (double)NAN;
}

static double mean_rmsse(const judging *j, const double *values, size_t first, size_t count)
{
    double sum = 0;
    size_t scored = 0;
    for (size_t row = first; row < first + count; row++) {
        double one = row_rmsse(j, values, row);
        sum += isnan(one) ? 0 : one;
        scored += !isnan(one);
    }
    return scored > 0 ? sum / (double)scored : (double)NAN;
}

/* The mean over levels. NaN: no node can be scored. */
static double score(const judging *j, const double *values)
{
    const alm_hierarchy *h = j->fit->hierarchy;
    double sum = 0;
    size_t levels = 0;
    for (uint32_t level = 0; level <= h->level_count; level++) {
        bool is_series = level == h->level_count;
        size_t first = is_series ? j->nodes : h->levels[level].first_node;
        size_t count = is_series ? h->leaf_count : h->levels[level].node_count;
        double one = mean_rmsse(j, values, first, count);
        sum += isnan(one) ? 0 : one;
        levels += !isnan(one);
    }
    return levels > 0 ? sum / (double)levels : (double)NAN;
}

/* ---- all of them ---- */

static alm_err judge(const judging *j, size_t number, alm_reconciling candidate, double *out,
                     alm_error *error)
{
    const alm_reconcile_fit *fit = j->fit;
    alm_reconcile_fit earlier = *fit;
    double *values = ALM_NEW_ARRAY(j->arena, double, j->rows * j->open + 1);
    earlier.reconciling = candidate;
    earlier.records = fit->records + number + fit->lag;
    earlier.record_count = fit->record_count - number - fit->lag;
    alm_err code = reconcile(j, &earlier, values, error);
    if (code == ALM_OK) {
        *out = score(j, values);
    }
    return code;
}

/* An origin counts when it could be scored at all; candidates that cannot be judged at one of those
 * are not judged. */
static alm_err judge_origin(const alm_reconcile_fit *fit, size_t number, alm_arena *arena,
                            alm_reconcile_choice *out, alm_error *error)
{
    judging j = {.fit = fit, .record = &fit->records[number], .arena = arena,
                 .nodes = fit->hierarchy->node_count,
                 .rows = alm_hierarchy_row_count(fit->hierarchy)};
    put_forecasts(&j);
    if (j.open == 0 || isnan(score(&j, j.forecast))) {
        return ALM_OK;
    }
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        double one = (double)NAN;
        alm_err code = isnan(out->rmsse[k]) ? ALM_OK
                                            : judge(&j, number, CANDIDATES[k], &one, error);
        if (code != ALM_OK && code != ALM_ERR_INCOMPLETE) {
            return code;
        }
        out->rmsse[k] += one;
    }
    out->origins++;
    return ALM_OK;
}

alm_err alm_reconcile_choose(const alm_reconcile_fit *fit, alm_arena *scratch,
                             alm_reconcile_choice *out, alm_error *error)
{
    alm_reconcile_choice choice = {.chosen = CANDIDATES[0]};
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        alm_reconcile_fit asked = *fit;
        asked.reconciling = choice.candidate[k] = CANDIDATES[k];
        bool fits = alm_reconcile_fit_check(&asked, fit->records[0].steps, NULL) == ALM_OK;
        choice.rmsse[k] = fits ? 0 : (double)NAN;
    }
    for (size_t number = 0; number + fit->lag < fit->record_count; number++) {
        ALM_TRY(judge_origin(fit, number, scratch, &choice, error));
    }
    if (choice.origins == 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "reconcile: best finds no selection origin with "
                        "known outcomes to judge methods by: raise backtest.selection_origins, or "
                        "name a method");
    }
    double least = INFINITY;
    for (size_t k = 0; k < ALM_RECONCILE_CANDIDATES; k++) {
        choice.rmsse[k] /= (double)choice.origins;
        if (choice.rmsse[k] < least) {
            least = choice.rmsse[k];
            choice.chosen = CANDIDATES[k];
        }
    }
    *out = choice;
    return ALM_OK;
}
