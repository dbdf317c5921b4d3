#include "serve/order_answer.h"

#include <math.h>

typedef struct work {
    const alm_order_request *request;
    alm_arena *arena;
    alm_order_answer *out;
} work;

static alm_err take_stock(work *w, const alm_node_paths *paths, alm_stock_position *out,
                          alm_error *error)
{
    const alm_order_request *request = w->request;
    if (!paths->has_stock && !request->has_on_hand) {
        return alm_fail(error, ALM_ERR_INVALID, "the run has no stock position of this series: "
                        "say on_hand");
    }
    *out = (alm_stock_position){request->has_on_hand ? request->on_hand : paths->on_hand,
                                paths->has_stock ? paths->receipts : NULL};
    if (!request->has_receipts) {
        return ALM_OK;
    }
    double *receipts = ALM_NEW_ARRAY(w->arena, double, paths->steps);
    for (size_t i = 0; i < request->receipts; i++) {
        const alm_order_receipt *receipt = &request->receipt[i];
        if (receipt->day < 1 || !isfinite(receipt->units)) {
            return alm_fail(error, ALM_ERR_INVALID, "receipt %zu: a day from 1 on and finite units",
                            i);
        }
        if ((size_t)receipt->day <= paths->steps) { /* later ones come behind what is looked at */
            receipts[receipt->day - 1] += receipt->units;
        }
    }
    out->receipts = receipts;
    return ALM_OK;
}

static alm_err advise(work *w, const alm_committed_run *run, const alm_committed_node *node,
                      alm_error *error)
{
    alm_node_paths paths;
    alm_stock_position stock;
    alm_replenish_terms terms = w->request->terms;
    ALM_TRY(alm_committed_paths(run, node, w->arena, &paths, error));
    ALM_TRY(take_stock(w, &paths, &stock, error));
    if (paths.counts && terms.rules.multiple == 0) {
        terms.rules.multiple = 1;
    }
    alm_demand_paths demand = {.values = paths.values, .paths = paths.paths,
                               .steps = paths.steps};
    ALM_TRY(alm_replenish(&demand, &stock, &terms, w->arena, &w->out->advice, error));
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    w->out->node = node->node;
    w->out->level = node->level;
    w->out->first = facts->prediction_date;
    w->out->steps = facts->steps;
    return ALM_OK;
}

static alm_step_result take(void *context, const alm_committed_run *run,
                            const alm_committed_node *node, alm_error *error)
{
    alm_err code = advise(context, run, node, error);
    return code == ALM_OK                ? ALM_STEP_ANSWERED
           : code == ALM_ERR_UNAVAILABLE ? ALM_STEP_ABSENT
           : code == ALM_ERR_MEMORY      ? ALM_STEP_FAILED
                                         : ALM_STEP_CALLER;
}

alm_err alm_order(const alm_online *online, const alm_order_request *request, alm_arena *arena,
                  alm_order_answer *out, alm_error *error)
{
    const alm_project *p = online->project;
    alm_order_answer made = {.steps = 0};
    work w = {.request = request, .arena = arena, .out = &made};
    ALM_TRY(alm_online_ask_runs(online, &request->ask, take, &w, &made.label, error));
    alm_policies policies = {p->policies, p->policy_count, p->series.keys, p->series.key_count};
    alm_limits limits = alm_policies_limits(&policies, ALM_POLICY_ORDERS, made.node, made.level);
    made.order = alm_limits_clamp(&limits, NAN, made.advice.order, &made.limited_by);
    made.label.outcome.clamped = made.limited_by.size > 0;
    *out = made;
    return ALM_OK;
}
