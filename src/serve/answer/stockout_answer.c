#include "serve/answer/stockout_answer.h"

#include <math.h>
#include <stdlib.h>

typedef struct work {
    const alm_stockout_request *request;
    alm_arena *arena;
    const alm_committed_run *run; /* that answered; NULL: a computation */
    alm_committed_node node;      /* in it */
    const alm_computed *computed; /* without a run */
    const double *mean;           /* by day */
    alm_stockout_answer *out;
} work;

/* ---- drivers ---- */

static int larger_first(const void *a, const void *b)
{
    const alm_stockout_driver *x = a;
    const alm_stockout_driver *y = b;
    double u = fabs(x->contribution);
    double v = fabs(y->contribution);
    return u != v ? (u < v) - (u > v) : alm_str_compare(x->feature, y->feature);
}

static void add_driver(alm_stockout_driver *driver, size_t *count, const alm_committed_line *line)
{
    size_t at = 0;
    while (at < *count && !alm_str_equal(driver[at].feature, line->feature)) {
        at++;
    }
    if (at == *count) {
        driver[(*count)++].feature = line->feature;
    }
    driver[at].contribution += line->contribution;
}

/* Lines of a step, from 1. */
static size_t lines_of(const work *w, int32_t step, alm_committed_line *out)
{
    if (w->run) {
        return alm_committed_explanation(w->run, &w->node, step, out);
    }
    size_t h = (size_t)step - 1;
    size_t count = w->computed->explanations[h];
    for (size_t i = 0; i < count; i++) {
        const alm_explanation *line = &w->computed->explanation[h * ALM_EXPLANATIONS_MAX + i];
        out[i] = (alm_committed_line){alm_str_of(line->feature), line->contribution};
    }
    return count;
}

static void collect_drivers(work *w)
{
    alm_committed_line line[ALM_COMMITTED_LINES_MAX];
    alm_stockout_answer *out = w->out;
    size_t lines = 0;
    for (int32_t step = 1; step <= out->days; step++) {
        lines += lines_of(w, step, line);
    }
    alm_stockout_driver *driver = ALM_NEW_ARRAY(w->arena, alm_stockout_driver, lines);
    for (int32_t step = 1; step <= out->days; step++) {
        size_t count = lines_of(w, step, line);
        for (size_t i = 0; i < count; i++) {
            add_driver(driver, &out->drivers, &line[i]);
        }
    }
    if (out->drivers > 0) {
        qsort(driver, out->drivers, sizeof(*driver), larger_first);
    }
    out->driver = driver;
}

/* ---- risk on paths ---- */

static alm_err choose_days(work *w, int32_t steps, alm_error *error)
{
    int32_t days = w->request->horizon ? w->request->horizon : steps;
    if (days > steps) {
        return alm_fail(error, ALM_ERR_INVALID, "there are %d days, a horizon of %d is beyond them",
                        (int)steps, (int)days);
    }
    w->out->days = days;
    w->out->steps = steps;
    return ALM_OK;
}

typedef struct paths { /* of a run or a computation */
    const double *values;
    size_t count, steps;
    alm_stock_seen seen;
} paths;

static alm_err count_risk(work *w, const paths *from, alm_error *error)
{
    alm_stock_position stock;
    double *receipts = ALM_NEW_ARRAY(w->arena, double, from->steps);
    alm_stockout_risk risk = {.probability = ALM_NEW_ARRAY(w->arena, double, from->steps),
                         .shortfall = ALM_NEW_ARRAY(w->arena, double, from->steps)};
    ALM_TRY(choose_days(w, (int32_t)from->steps, error));
    ALM_TRY(alm_stock_position_of(&w->request->stock, &from->seen, from->steps, w->arena, &stock,
                                  error));
    double on_hand = stock.on_hand > 0 ? stock.on_hand : 0; /* as a run counts */
    alm_stockout_of_paths(from->values, from->count, from->steps, on_hand,
                          stock.receipts ? stock.receipts : receipts, &risk);
    w->out->by_day = risk.probability;
    w->out->expected_days = risk.days;
    w->out->shortfall = risk.shortfall[w->out->days - 1];
    return ALM_OK;
}

/* ---- the run that answers ---- */

static alm_err count_on_run(work *w, const alm_committed_run *run, const alm_committed_node *node,
                            alm_error *error)
{
    alm_node_paths of;
    ALM_TRY(alm_committed_paths(run, node, w->arena, &of, error));
    paths from = {of.values, of.paths, of.steps, alm_stock_of_paths(&of)};
    return count_risk(w, &from, error);
}

/* The run's own numbers. */
static alm_err read_run(work *w, const alm_committed_run *run, const alm_committed_node *node,
                        alm_error *error)
{
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    int32_t days = w->request->horizon ? w->request->horizon : facts->steps;
    if (days > facts->steps) {
        return alm_fail(error, ALM_ERR_INVALID, "run " ALM_STR_FMT " has %d days, a horizon of %d "
                        "is beyond them", ALM_STR_ARG(facts->run_id), (int)facts->steps,
                        (int)days);
    }
    if (!node->stockout_probability || isnan(node->stockout_probability[days - 1]) ||
        isnan(node->days_to_stockout[days - 1]) || isnan(node->shortfall[days - 1])) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "run " ALM_STR_FMT " has no stock position of "
                        "this node, so no risk", ALM_STR_ARG(facts->run_id));
    }
    w->out->days = days;
    w->out->steps = facts->steps;
    w->out->by_day = node->stockout_probability;
    w->out->expected_days = node->days_to_stockout[days - 1];
    w->out->shortfall = node->shortfall[days - 1];
    return ALM_OK;
}

static alm_step_result take(void *context, const alm_committed_run *run,
                            const alm_committed_node *node, alm_error *error)
{
    work *w = context;
    const alm_stock_given *stock = &w->request->stock;
    bool given = stock->has_on_hand || stock->has_receipts;
    alm_err code = given ? count_on_run(w, run, node, error) : read_run(w, run, node, error);
    if (code != ALM_OK) {
        return code == ALM_ERR_UNAVAILABLE ? ALM_STEP_ABSENT
               : code == ALM_ERR_MEMORY    ? ALM_STEP_FAILED : ALM_STEP_CALLER;
    }
    w->run = run;
    w->node = *node;
    w->mean = node->mean;
    w->out->node = node->node;
    w->out->level = node->level;
    w->out->first = alm_committed_run_facts(run)->prediction_date;
    return ALM_STEP_ANSWERED;
}

/* ---- a computation ---- */

static alm_err take_computed(work *w, const alm_computation_side *side, alm_error *error)
{
    const alm_recomputed *f = &side->result[0].forecast;
    alm_computed_node node = alm_computation_node(side, w->arena);
    paths from = {f->paths, f->path_count, f->steps,
                  alm_stock_of_run(node.run, &node.stored, f->origin + 1, w->arena)};
    ALM_TRY(count_risk(w, &from, error));
    w->computed = &side->result[0];
    w->mean = f->mean;
    w->out->node = node.name;
    w->out->level = ALM_STR("series");
    w->out->first = f->origin + 1;
    return ALM_OK;
}

/* ---- the operation ---- */

static void fill(work *w)
{
    alm_stockout_answer *out = w->out;
    int32_t end = out->days - 1;
    out->last = out->first + end;
    out->probability = out->by_day[end];
    out->severity = alm_severity_of(out->by_day, out->days);
    for (int32_t day = out->days; day >= 1; day--) {
        out->median_day = out->by_day[day - 1] >= 0.5 ? day : out->median_day;
    }
    out->demand = w->mean[0];
    for (int32_t day = 1; day <= end; day++) {
        out->demand += w->mean[day];
    }
    collect_drivers(w);
}

alm_err alm_stockout(const alm_online *online, const alm_stockout_request *request,
                     alm_arena *arena, alm_stockout_answer *out, alm_error *error)
{
    alm_stockout_answer made = {0};
    work w = {.request = request, .arena = arena, .out = &made};
    if (request->horizon < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a horizon is at least 1");
    }
    alm_computation *c = request->computation;
    alm_online_asking what = {.ask = &request->ask, .take = take, .context = &w,
                              .model = c ? &c->current.step : NULL,
                              .previous = c ? &c->previous.step : NULL};
    ALM_TRY(alm_online_ask_runs(online, &what, &made.label, error));
    if (made.label.is_computed) {
        ALM_TRY(take_computed(&w, alm_computation_answered(c, &made.label.outcome), error));
    }
    fill(&w);
    *out = made;
    return ALM_OK;
}
