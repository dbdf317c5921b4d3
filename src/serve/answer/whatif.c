#include "serve/answer/whatif.h"

#include <math.h>
#include <string.h>

#include "decide/stockout.h"
#include "serve/answer/path_sums.h"

static const char *const APPROVED[] = {"what_if"};

typedef struct work {
    const alm_online *online;
    const alm_whatif_request *request;
    alm_arena *arena;
    alm_computation_request asked;
    alm_computation *computation;
    alm_limits limits;
    const double *reference; /* committed means by day of the answer, NaN: none */
    alm_stock_seen seen;
    alm_whatif_answer *out;
} work;

/* ---- variants ---- */

/* The base's changes, then the scenario's. */
static alm_changes changes_of(const work *w, const alm_whatif_case *scenario)
{
    const alm_changes *base = &w->request->base.changes;
    alm_changes out = *base;
    size_t more = scenario->changes.column_count;
    if (more > 0) {
        alm_column_change *column =
            ALM_NEW_ARRAY(w->arena, alm_column_change, base->column_count + more);
        if (base->column_count > 0) {
            memcpy(column, base->column, base->column_count * sizeof *column);
        }
        memcpy(column + base->column_count, scenario->changes.column, more * sizeof *column);
        out.column = column;
        out.column_count = base->column_count + more;
    }
    return out;
}

static double factor_of(const alm_whatif_case *c)
{
    return c->factor == 0 ? 1 : c->factor;
}

static alm_err begin(work *w, alm_error *error)
{
    const alm_whatif_request *r = w->request;
    alm_variant *variant = ALM_NEW_ARRAY(w->arena, alm_variant, r->scenarios + 1);
    double factor = factor_of(&r->base);
    variant[0] = (alm_variant){r->base.changes, factor};
    for (size_t i = 0; i < r->scenarios; i++) {
        const alm_whatif_case *scenario = &r->scenario[i];
        alm_assert(scenario->changes.sales_count == 0);
        variant[i + 1] = (alm_variant){changes_of(w, scenario), factor * factor_of(scenario)};
    }
    w->asked = (alm_computation_request){
        .online = w->online, .ask = &r->ask, .approved = APPROVED, .approved_count = 1,
        .purpose = r->purpose.size ? r->purpose : ALM_STR("what_if"), .variant = variant,
        .variants = r->scenarios + 1, .source = r->source, .breakers = r->breakers};
    return alm_computation_begin(&w->asked, w->arena, &w->computation, error);
}

/* ---- the ladder ---- */

static alm_ladder_step step_of(alm_ladder_by by, const alm_computation_side *side, double share)
{
    const alm_online_model *model = &side->step;
    return (alm_ladder_step){.by = by, .share = share, .run = model->run,
                             .context = model->context, .breaker = model->breaker,
                             .is_allowed = true};
}

static alm_err wrap(const work *w, size_t variant, alm_err code, alm_error *error)
{
    if (variant == 0 || variant > w->request->scenarios) {
        return code;
    }
    alm_str name = alm_str_visible(w->request->scenario[variant - 1].name, w->arena);
    return alm_error_wrap(error, code, "scenario %zu (%.60s)", variant, name.data);
}

static alm_err climb(work *w, alm_error *error)
{
    alm_computation *c = w->computation;
    const alm_deployment_spec *spec = c->target.route->spec;
    alm_ladder_step step[] = {
        step_of(ALM_LADDER_MODEL, &c->current, spec->shares.model + spec->shares.batch),
        step_of(ALM_LADDER_PREVIOUS, &c->previous, spec->shares.previous)};
    step[1].is_allowed = c->target.may_previous;
    uint64_t deadline_ns = (uint64_t)spec->deadline_ms * 1000000 * w->asked.variants;
    alm_ladder ladder = {.step = step, .steps = 2, .deadline_ns = deadline_ns,
                         .spent_ns = w->online->waited_ns, .clock = w->online->clock};
    alm_online_label *label = &w->out->label;
    alm_online_label_init(w->online, &c->target, label);
    alm_err code = alm_ladder_run(&ladder, &label->outcome, error);
    if (code != ALM_OK) {
        const alm_computation_side *side = c->current.failed ? &c->current : &c->previous;
        return code == ALM_ERR_UNAVAILABLE ? code : wrap(w, side->failed, code, error);
    }
    label->is_degraded = label->outcome.by != ALM_LADDER_MODEL;
    label->is_computed = true;
    label->model_version = alm_computation_answered(c, &label->outcome)->release;
    return ALM_OK;
}

/* ---- demand ---- */

static alm_limits limits_of(const work *w, alm_policy_subject subject)
{
    const alm_project *p = w->online->project;
    alm_policies policies = {p->policies, p->policy_count, p->series.keys, p->series.key_count};
    return alm_policies_limits(&policies, subject, w->out->node, ALM_STR("series"));
}

/* The committed means that limits of a change go by. */
static const double *reference_of(const work *w, const alm_computed_node *node)
{
    double *out = ALM_NEW_ARRAY(w->arena, double, (size_t)w->out->steps);
    for (int32_t day = 0; day < w->out->steps; day++) {
        out[day] = NAN;
        if (node->run) {
            const alm_committed_facts *facts = alm_committed_run_facts(node->run);
            int64_t step = (int64_t)w->out->first + day - facts->prediction_date;
            out[day] = step >= 0 && step < facts->steps ? node->stored.mean[step] : (double)NAN;
        }
    }
    return out;
}

static double limit(const work *w, int32_t day, double value, alm_str *by)
{
    return alm_limits_clamp(&w->limits, w->reference[day], value, by);
}

static void fill_days(const work *w, alm_whatif_outcome *out)
{
    const alm_recomputed *f = &out->computed->forecast;
    size_t days = (size_t)w->out->days;
    double *mean = ALM_NEW_ARRAY(w->arena, double, days);
    double *quantile = ALM_NEW_ARRAY(w->arena, double, out->computed->levels * days);
    for (size_t day = 0; day < days; day++) {
        alm_str by;
        mean[day] = limit(w, (int32_t)day, f->mean[day], &by);
        out->clamped += by.size > 0;
        alm_online_label_limit(&w->out->label, by);
        out->demand += mean[day];
        for (size_t q = 0; q < out->computed->levels; q++) {
            quantile[q * days + day] =
                limit(w, (int32_t)day, f->quantile[q * f->steps + day], NULL);
        }
    }
    out->mean = mean;
    out->quantile = quantile;
}

static void fill_sum(const work *w, alm_whatif_outcome *out)
{
    const alm_recomputed *f = &out->computed->forecast;
    double *quantile = ALM_NEW_ARRAY(w->arena, double, out->computed->levels);
    alm_path_sums sums = {.values = f->paths, .paths = f->path_count, .steps = f->steps,
                          .limits = &w->limits, .reference = w->reference,
                          .level = out->computed->level, .levels = out->computed->levels};
    alm_path_sum_quantiles(&sums, 0, (size_t)w->out->days - 1, w->arena, quantile);
    out->demand_quantile = quantile;
}

/* ---- risk and order ---- */

static alm_stock_given stock_of(const work *w, const alm_whatif_case *c)
{
    alm_stock_given out = w->request->base.stock;
    if (c->stock.has_on_hand) {
        out.has_on_hand = true;
        out.on_hand = c->stock.on_hand;
    }
    if (c->stock.has_receipts) {
        out.has_receipts = true;
        out.receipt = c->stock.receipt;
        out.receipts = c->stock.receipts;
    }
    return out;
}

static bool says_stock(const alm_whatif_case *c)
{
    return c->stock.has_on_hand || c->stock.has_receipts;
}

static alm_err fill_risk(const work *w, const alm_whatif_case *c, alm_whatif_outcome *out,
                         alm_error *error)
{
    const alm_recomputed *f = &out->computed->forecast;
    alm_stock_given given = stock_of(w, c);
    alm_error why;
    alm_err code = alm_stock_position_of(&given, &w->seen, f->steps, w->arena, &out->stock, &why);
    if (code != ALM_OK) {
        if (says_stock(c) || says_stock(&w->request->base)) {
            return alm_fail(error, code, "%s", why.message); /* it is the caller's */
        }
        out->no_risk = alm_arena_copy_text(w->arena, why.message, strlen(why.message));
        return ALM_OK;
    }
    double *none = ALM_NEW_ARRAY(w->arena, double, f->steps);
    alm_stockout_risk risk = {.probability = ALM_NEW_ARRAY(w->arena, double, f->steps),
                              .shortfall = ALM_NEW_ARRAY(w->arena, double, f->steps)};
    double on_hand = out->stock.on_hand > 0 ? out->stock.on_hand : 0; /* as a run counts */
    alm_stockout_of_paths(f->paths, f->path_count, f->steps, on_hand,
                          out->stock.receipts ? out->stock.receipts : none, &risk);
    out->by_day = risk.probability;
    out->probability = risk.probability[w->out->days - 1];
    out->shortfall = risk.shortfall[w->out->days - 1];
    out->expected_days = risk.days;
    out->severity = alm_severity_of(risk.probability, w->out->days);
    return ALM_OK;
}

static alm_err fill_order(const work *w, const alm_whatif_case *c, alm_whatif_outcome *out,
                          alm_error *error)
{
    const alm_recomputed *f = &out->computed->forecast;
    if (!c->has_terms || out->no_risk) {
        out->no_order = c->has_terms ? out->no_risk
                                     : "no terms: say lead_time_days (or lead_times) and a goal, "
                                       "such as service_level";
        return ALM_OK;
    }
    alm_replenish_terms terms = c->terms;
    if (out->computed->counts && terms.rules.multiple == 0) {
        terms.rules.multiple = 1;
    }
    alm_demand_paths demand = {.values = f->paths, .paths = f->path_count, .steps = f->steps};
    ALM_TRY(alm_replenish(&demand, &out->stock, &terms, w->arena, &out->advice, error));
    alm_limits limits = limits_of(w, ALM_POLICY_ORDERS);
    out->order = alm_limits_clamp(&limits, NAN, out->advice.order, &out->limited_by);
    alm_online_label_limit(&w->out->label, out->limited_by);
    return ALM_OK;
}

static alm_err fill(const work *w, const alm_whatif_case *c, alm_whatif_outcome *out,
                    alm_error *error)
{
    out->name = c->name;
    fill_days(w, out);
    fill_sum(w, out);
    ALM_TRY(fill_risk(w, c, out, error));
    return fill_order(w, c, out, error);
}

/* ---- what has no effect ---- */

static bool same_demand(const alm_computed *a, const alm_computed *b)
{
    const alm_recomputed *f = &a->forecast;
    const alm_recomputed *g = &b->forecast;
    return memcmp(f->mean, g->mean, f->steps * sizeof(double)) == 0 &&
           memcmp(f->paths, g->paths, f->steps * f->path_count * sizeof(double)) == 0;
}

static bool same_outcome(const alm_whatif_outcome *a, const alm_whatif_outcome *b, int32_t days)
{
    if (!a->no_risk != !b->no_risk || !a->no_order != !b->no_order) {
        return false;
    }
    bool same = a->no_risk || (memcmp(a->by_day, b->by_day, (size_t)days * sizeof(double)) == 0 &&
                               a->shortfall == b->shortfall &&
                               a->expected_days == b->expected_days);
    const alm_replenish_advice *x = &a->advice;
    const alm_replenish_advice *y = &b->advice;
    return same && a->order == b->order && x->reorder_point == y->reorder_point &&
           x->order_up_to == y->order_up_to && x->position == y->position &&
           x->with.stockout_probability == y->with.stockout_probability &&
           x->without.stockout_probability == y->without.stockout_probability;
}

static const char *why_still(const alm_computed *computed)
{
    const alm_base *base = &computed->forecast.base;
    if (base->fallback == ALM_FALLBACK_NO_DEMAND) {
        return "the series has never sold anything";
    }
    return base->weight > 0 ? "features read it, and the model's answer for this series is the same"
                            : "features read it, but the forecast of this series is statistical "
                              "and asks no feature";
}

static void note(alm_no_effect *list, size_t *count, alm_str change, const char *reason)
{
    list[(*count)++] = (alm_no_effect){change, reason};
}

static void find_no_effect(const work *w, const alm_whatif_case *c, alm_whatif_outcome *out)
{
    const alm_whatif_outcome *base = &w->out->base;
    size_t before = w->request->base.changes.column_count;
    size_t columns = c->changes.column_count;
    bool demand = same_demand(out->computed, base->computed);
    bool rest = demand && same_outcome(out, base, w->out->days);
    alm_no_effect *list = ALM_NEW_ARRAY(w->arena, alm_no_effect, columns + 4);
    size_t count = 0;
    for (size_t i = 0; i < columns; i++) {
        alm_change_reach reach = out->computed->reach[before + i];
        if (reach != ALM_CHANGE_READ || demand) {
            note(list, &count, c->changes.column[i].column,
                 reach == ALM_CHANGE_READ ? why_still(out->computed)
                                          : alm_change_reach_text(reach));
        }
    }
    if (c->factor != 0 && demand) {
        note(list, &count, ALM_STR("demand_factor"), "the demand is the same");
    }
    if (says_stock(c) && rest) {
        note(list, &count, ALM_STR("stock"), "risk and advice are the same");
    }
    if (c->says_terms && rest) {
        note(list, &count, ALM_STR("terms"), "the advice is the same");
    }
    if (columns == 0 && c->factor == 0 && !says_stock(c) && !c->says_terms) {
        note(list, &count, ALM_STR("nothing"), "the scenario says nothing that is otherwise");
    }
    out->no_effect = list;
    out->no_effects = count;
}

/* ---- the operation ---- */

static alm_err choose_days(work *w, const alm_recomputed *f, alm_error *error)
{
    int32_t horizon = w->request->horizon;
    w->out->first = f->origin + 1;
    w->out->steps = (int32_t)f->steps;
    w->out->days = horizon ? horizon : w->out->steps;
    return w->out->days <= w->out->steps
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "%d days are computed, a horizon of %d is beyond "
                          "them", (int)w->out->steps, (int)horizon);
}

static alm_err answer(work *w, alm_error *error)
{
    const alm_whatif_request *r = w->request;
    ALM_TRY(begin(w, error));
    ALM_TRY(climb(w, error));
    const alm_computation_side *side =
        alm_computation_answered(w->computation, &w->out->label.outcome);
    const alm_computed *computed = side->result;
    w->out->computation = w->computation;
    ALM_TRY(choose_days(w, &computed[0].forecast, error));
    alm_computed_node node = alm_computation_node(side, w->arena);
    w->out->node = node.name;
    w->out->purpose = w->asked.purpose;
    w->out->level = computed[0].level;
    w->out->levels = computed[0].levels;
    w->limits = limits_of(w, ALM_POLICY_FORECASTS);
    w->reference = reference_of(w, &node);
    w->seen = alm_stock_of_run(node.run, &node.stored, w->out->first, w->arena);
    w->out->base.computed = &computed[0];
    ALM_TRY(fill(w, &r->base, &w->out->base, error));
    w->out->label.outcome.clamped = w->out->base.clamped;
    alm_whatif_outcome *scenario = ALM_NEW_ARRAY(w->arena, alm_whatif_outcome, r->scenarios);
    for (size_t i = 0; i < r->scenarios; i++) {
        scenario[i].computed = &computed[i + 1];
        alm_err code = fill(w, &r->scenario[i], &scenario[i], error);
        if (code != ALM_OK) {
            return wrap(w, i + 1, code, error);
        }
        w->out->label.outcome.clamped += scenario[i].clamped;
        find_no_effect(w, &r->scenario[i], &scenario[i]);
    }
    w->out->scenario = scenario;
    w->out->scenarios = r->scenarios;
    return ALM_OK;
}

alm_err alm_whatif(const alm_online *online, const alm_whatif_request *request, alm_arena *arena,
                   alm_whatif_answer *out, alm_error *error)
{
    alm_whatif_answer made = {.days = 0};
    work w = {.online = online, .request = request, .arena = arena, .out = &made};
    if (request->horizon < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a horizon is at least 1");
    }
    if (request->scenarios < 1 || request->scenarios > ALM_WHATIF_SCENARIOS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu scenarios: 1 to %d can be asked for",
                        request->scenarios, ALM_WHATIF_SCENARIOS_MAX);
    }
    ALM_TRY(answer(&w, error));
    *out = made;
    return ALM_OK;
}
