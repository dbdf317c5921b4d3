#include "serve/answer/order_answer.h"

#include <math.h>

typedef struct work {
    const alm_order_request *request;
    alm_arena *arena;
    alm_order_answer *out;
} work;

typedef struct paths { /* from a run or a computation */
    alm_demand_paths demand;
    bool counts;
    alm_stock_seen seen;
} paths;

static alm_err advise(work *w, const paths *from, alm_error *error)
{
    alm_stock_position stock;
    alm_replenish_terms terms = w->request->terms;
    ALM_TRY(alm_stock_position_of(&w->request->stock, &from->seen, from->demand.steps, w->arena,
                                  &stock, error));
    if (from->counts && terms.rules.multiple == 0) {
        terms.rules.multiple = 1;
    }
    w->out->steps = (int32_t)from->demand.steps;
    return alm_replenish(&from->demand, &stock, &terms, w->arena, &w->out->advice, error);
}

static alm_err advise_of_run(work *w, const alm_committed_run *run, const alm_committed_node *node,
                             alm_error *error)
{
    alm_node_paths of;
    ALM_TRY(alm_committed_paths(run, node, w->arena, &of, error));
    paths from = {.demand = {.values = of.values, .paths = of.paths, .steps = of.steps},
                  .counts = of.counts, .seen = alm_stock_of_paths(&of)};
    ALM_TRY(advise(w, &from, error));
    w->out->node = node->node;
    w->out->level = node->level;
    w->out->first = alm_committed_run_facts(run)->prediction_date;
    return ALM_OK;
}

static alm_step_result take(void *context, const alm_committed_run *run,
                            const alm_committed_node *node, alm_error *error)
{
    alm_err code = advise_of_run(context, run, node, error);
    return code == ALM_OK                ? ALM_STEP_ANSWERED
           : code == ALM_ERR_UNAVAILABLE ? ALM_STEP_ABSENT
           : code == ALM_ERR_MEMORY      ? ALM_STEP_FAILED
                                         : ALM_STEP_CALLER;
}

/* What was computed; the stock is the request's, or the run's that begins on the same day. */
static alm_err advise_computed(work *w, const alm_computation_side *side, alm_error *error)
{
    const alm_computed *computed = &side->result[0];
    const alm_recomputed *f = &computed->forecast;
    paths from = {.demand = {.values = f->paths, .paths = f->path_count, .steps = f->steps},
                  .counts = computed->counts};
    alm_computed_node node = alm_computation_node(side, w->arena);
    from.seen = alm_stock_of_run(node.run, &node.stored, f->origin + 1, w->arena);
    ALM_TRY(advise(w, &from, error));
    w->out->node = node.name;
    w->out->level = ALM_STR("series");
    w->out->first = f->origin + 1;
    return ALM_OK;
}

alm_err alm_order(const alm_online *online, const alm_order_request *request, alm_arena *arena,
                  alm_order_answer *out, alm_error *error)
{
    const alm_project *p = online->project;
    alm_order_answer made = {.steps = 0};
    work w = {.request = request, .arena = arena, .out = &made};
    alm_computation *c = request->computation;
    alm_online_asking what = {.ask = &request->ask, .take = take, .context = &w,
                              .model = c ? &c->current.step : NULL,
                              .previous = c ? &c->previous.step : NULL};
    ALM_TRY(alm_online_ask_runs(online, &what, &made.label, error));
    if (made.label.is_computed) {
        ALM_TRY(advise_computed(&w, alm_computation_answered(c, &made.label.outcome), error));
    }
    alm_policies policies = {p->policies, p->policy_count, p->series.keys, p->series.key_count};
    alm_limits limits = alm_policies_limits(&policies, ALM_POLICY_ORDERS, made.node, made.level);
    made.order = alm_limits_clamp(&limits, NAN, made.advice.order, &made.limited_by);
    made.label.outcome.clamped = made.limited_by.size > 0;
    alm_online_label_limit(&made.label, made.limited_by);
    *out = made;
    return ALM_OK;
}
