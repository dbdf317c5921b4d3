#include "serve/answer/demand_answer.h"

#include <math.h>
#include <string.h>

#include "serve/answer/path_sums.h"

#define NOT_KNOWN ((double)NAN)

bool alm_granularity_parse(alm_str name, alm_granularity *out)
{
    for (int i = ALM_GRANULARITY_DAY; i <= ALM_GRANULARITY_MONTH; i++) {
        if (alm_str_is(name, alm_granularity_text((alm_granularity)i))) {
            *out = (alm_granularity)i;
            return true;
        }
    }
    return false;
}

const char *alm_granularity_text(alm_granularity granularity)
{
    static const char *const TEXTS[] = {"day", "week", "month"};
    return TEXTS[granularity];
}

/* ---- an answer while it is made ---- */

typedef struct reference { /* the last committed means of the node, by day */
    const double *mean;
    alm_date first;
    int32_t steps;
} reference;

typedef struct work {
    const alm_online *online;
    const alm_demand_request *request;
    alm_online_target target;
    alm_arena *arena;
    alm_date first;
    int32_t days;
    double *mean, *before; /* days, after and before limits */
    alm_str *by;           /* days: the policy that changed it */
    /* Who answered; set by the step that did. */
    const alm_committed_run *run; /* NULL: a model, or a rule without one */
    alm_committed_node node;      /* in `run` */
    bool is_of_run;               /* the numbers are the run's */
    alm_str model_version;        /* of a model */
    alm_demand_spread spread;     /* of the run or the model; no levels: none is known */
    alm_limits limits; /* of the node, and what they go by; set before they hold */
    reference last;
    alm_demand_answer *out;
} work;

static const alm_committed_run *any_run(const work *w)
{
    const alm_committed_route *route = w->target.route;
    if (w->target.source->run || w->target.source != &route->current) {
        return w->target.source->run;
    }
    return w->target.may_previous ? route->previous.run : NULL;
}

/* ---- days ---- */

static alm_err fail_days(const alm_committed_facts *facts, alm_error *error)
{
    char first[ALM_DATE_TEXT_BYTES];
    char last[ALM_DATE_TEXT_BYTES];
    alm_date_text(facts->prediction_date, first);
    alm_date_text(facts->prediction_date + facts->steps - 1, last);
    return alm_fail(error, ALM_ERR_INVALID,
                    "run " ALM_STR_FMT " has the days %s to %s: a horizon of at most %d from its "
                    "first day", ALM_STR_ARG(facts->run_id), first, last, (int)facts->steps);
}

static alm_err choose_days(work *w, alm_error *error)
{
    const alm_demand_request *r = w->request;
    const alm_committed_run *run = any_run(w);
    const alm_committed_facts *facts = run ? alm_committed_run_facts(run) : NULL;
    int64_t today = w->online->now / ((alm_instant)86400 * 1000000);
    int64_t first = r->from != ALM_DATE_NONE ? r->from : facts ? facts->prediction_date : today;
    int64_t days = r->horizon;
    if (days == 0 && facts) {
        days = (int64_t)facts->prediction_date + facts->steps - first;
        if (days <= 0) {
            return fail_days(facts, error);
        }
    }
    if (days == 0) { /* all of a run that is not there */
        return alm_fail(error, ALM_ERR_UNAVAILABLE, ALM_STR_FMT,
                        ALM_STR_ARG(w->target.source->problem));
    }
    if (days < 1 || days > ALM_COMMITTED_STEPS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a horizon has 1 to %d days",
                        ALM_COMMITTED_STEPS_MAX);
    }
    w->first = (alm_date)first;
    w->days = (int32_t)days;
    w->mean = ALM_NEW_ARRAY(w->arena, double, (size_t)days);
    w->before = ALM_NEW_ARRAY(w->arena, double, (size_t)days);
    w->by = ALM_NEW_ARRAY(w->arena, alm_str, (size_t)days);
    return ALM_OK;
}

/* ---- steps of the ladder ---- */

static alm_step_result ask_run(work *w, const alm_committed_source *source, alm_error *error)
{
    const alm_committed_run *run = source->run;
    alm_committed_node node;
    if (!run) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, ALM_STR_FMT, ALM_STR_ARG(source->problem));
        return ALM_STEP_ABSENT;
    }
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    if (!w->request->stored_only && alm_online_is_stale(w->online, w->target.route, run)) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "run " ALM_STR_FMT " is %lld days old, the "
                       "route allows %d", ALM_STR_ARG(facts->run_id),
                       (long long)alm_online_age_days(w->online, run),
                       (int)w->target.route->spec->stale_days_max);
        return ALM_STEP_STALE;
    }
    if (alm_online_find(&w->request->ask, run, &node, error) != ALM_OK) {
        return ALM_STEP_CALLER;
    }
    int64_t skip = (int64_t)w->first - facts->prediction_date;
    if (skip < 0 || skip + w->days > facts->steps) {
        (void)fail_days(facts, error);
        /* Days that a model would have are no error of the caller's. */
        return w->request->model ? ALM_STEP_ABSENT : ALM_STEP_CALLER;
    }
    memcpy(w->mean, node.mean + skip, (size_t)w->days * sizeof(double));
    w->run = run;
    w->node = node;
    w->is_of_run = true;
    w->out->first_step = (int32_t)skip + 1;
    if (node.quantile) {
        w->spread = (alm_demand_spread){.level = facts->quantile, .levels = facts->quantiles,
                                        .quantile = node.quantile, .steps = (size_t)facts->steps,
                                        .first = facts->prediction_date};
    }
    return ALM_STEP_ANSWERED;
}

static alm_step_result ask_batch(void *context, uint64_t until_ns, alm_error *error)
{
    work *w = context;
    (void)until_ns; /* microseconds */
    return ask_run(w, w->target.source, error);
}

static alm_step_result ask_previous_run(void *context, uint64_t until_ns, alm_error *error)
{
    work *w = context;
    (void)until_ns;
    if (!w->target.route->previous.release) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "no release was promoted before");
        return ALM_STEP_ABSENT;
    }
    return ask_run(w, &w->target.route->previous, error);
}

static alm_step_result ask_model(work *w, const alm_demand_model *model, uint64_t until_ns,
                                 alm_error *error)
{
    double *mean = ALM_NEW_ARRAY(w->arena, double, (size_t)w->days);
    alm_step_result result = model->run(model->context, w->first, w->days, until_ns, mean, error);
    for (int32_t day = 0; result == ALM_STEP_ANSWERED && day < w->days; day++) {
        if (!isfinite(mean[day])) {
            (void)alm_fail(error, ALM_ERR_NUMERIC, "the model gave a number that is not finite");
            result = ALM_STEP_FAILED;
        }
    }
    if (result == ALM_STEP_ANSWERED) {
        w->mean = mean;
        w->model_version = model->model_version;
        if (model->spread) {
            model->spread(model->context, &w->spread);
        }
    }
    return result;
}

static alm_step_result ask_current_model(void *context, uint64_t until_ns, alm_error *error)
{
    work *w = context;
    return ask_model(w, w->request->model, until_ns, error);
}

static alm_step_result ask_previous_model(void *context, uint64_t until_ns, alm_error *error)
{
    work *w = context;
    if (!w->request->previous) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "no release promoted before is loaded");
        return ALM_STEP_ABSENT;
    }
    return ask_model(w, w->request->previous, until_ns, error);
}

/* From recent sales, or from the means of a run however old it is. */
static alm_step_result ask_rule(void *context, uint64_t until_ns, alm_error *error)
{
    work *w = context;
    (void)until_ns;
    const alm_committed_route *route = w->target.route;
    const alm_committed_run *run = any_run(w);
    alm_rule_request rule = {route->spec->rule, route->season, w->first, w->days};
    alm_rule_history own;
    const alm_rule_history *history = w->request->history;
    if (!history && !run) {
        (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "neither sales nor a run to go by");
        return ALM_STEP_ABSENT;
    }
    alm_committed_node node = {0};
    if (run && alm_online_find(&w->request->ask, run, &node, error) != ALM_OK) {
        return ALM_STEP_CALLER;
    }
    if (!history) {
        const alm_committed_facts *facts = alm_committed_run_facts(run);
        own = (alm_rule_history){node.mean, (size_t)facts->steps,
                                 facts->prediction_date + facts->steps - 1};
        history = &own;
    }
    if (alm_rule_forecast(&rule, history, w->mean, error) != ALM_OK) {
        return ALM_STEP_FAILED;
    }
    w->run = run;
    w->node = node;
    return ALM_STEP_ANSWERED;
}

static size_t set_steps(work *w, alm_ladder_step *step)
{
    const alm_deployment_spec *spec = w->target.route->spec;
    const alm_demand_model *model = w->request->model;
    const alm_demand_model *previous = w->request->previous;
    alm_ladder_step rule = {.by = ALM_LADDER_RULE, .share = spec->shares.rule, .run = ask_rule,
                            .is_allowed = spec->rule != ALM_RULE_NONE, .context = w};
    alm_ladder_step batch = {.by = ALM_LADDER_BATCH, .share = spec->shares.batch,
                             .run = ask_batch, .is_allowed = true, .context = w};
    alm_ladder_step before = {.by = ALM_LADDER_PREVIOUS, .share = spec->shares.previous,
                              .is_allowed = w->target.may_previous, .context = w,
                              .run = model ? ask_previous_model : ask_previous_run};
    if (!model) {
        batch.share += spec->shares.model;
        step[0] = batch;
        if (w->request->stored_only) {
            return 1;
        }
        step[1] = before;
        step[2] = rule;
        return 3;
    }
    if (previous) {
        before.breaker = previous->breaker;
        before.slow_ns = previous->slow_ns;
    }
    step[0] = (alm_ladder_step){.by = ALM_LADDER_MODEL, .share = spec->shares.model,
                                .run = ask_current_model, .is_allowed = true, .context = w,
                                .breaker = model->breaker, .slow_ns = model->slow_ns};
    step[1] = before;
    step[2] = batch;
    step[3] = rule;
    return 4;
}

/* ---- limits ---- */

static reference reference_of(const work *w)
{
    alm_committed_node node;
    const alm_committed_run *run = w->target.source->run;
    if (!run || alm_online_find(&w->request->ask, run, &node, NULL) != ALM_OK) {
        return (reference){0};
    }
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    return (reference){node.mean, facts->prediction_date, facts->steps};
}

static double reference_at(const reference *r, alm_date day)
{
    int64_t step = (int64_t)day - r->first;
    return step >= 0 && step < r->steps ? r->mean[step] : NOT_KNOWN;
}

static alm_limits limits_of(const work *w)
{
    const alm_project *p = w->online->project;
    alm_policies policies = {p->policies, p->policy_count, p->series.keys, p->series.key_count};
    return alm_policies_limits(&policies, ALM_POLICY_FORECASTS, w->out->node, w->out->level);
}

/* By these names policies match: the store's where a run knows the node, else those asked for. */
static void name_node(work *w)
{
    const alm_online_ask *ask = &w->request->ask;
    const alm_committed_run *run = any_run(w);
    alm_committed_node node;
    if (w->run) {
        w->out->node = w->node.node;
        w->out->level = w->node.level;
    } else if (run && alm_online_find(ask, run, &node, NULL) == ALM_OK) {
        w->out->node = node.node;
        w->out->level = node.level;
    } else if (ask->node.size > 0) {
        w->out->node = ask->node;
        w->out->level = ask->level.size ? ask->level : ALM_STR("series");
    } else {
        alm_buffer text = {0};
        for (size_t i = 0; i < ask->key_count; i++) {
            alm_buffer_text(&text, i ? "|" : "");
            alm_buffer_str(&text, ask->keys[i]);
        }
        w->out->node = (alm_str){alm_arena_copy_text(w->arena, text.data ? text.data : "",
                                                     text.size), text.size};
        w->out->level = ALM_STR("series");
        alm_buffer_deinit(&text);
    }
}

static size_t clamp_days(void *context, alm_ladder_by by)
{
    work *w = context;
    (void)by;
    size_t changed = 0;
    name_node(w);
    w->limits = limits_of(w);
    if (w->limits.change_by.size > 0) {
        w->last = reference_of(w);
    }
    memcpy(w->before, w->mean, (size_t)w->days * sizeof(double));
    for (int32_t day = 0; alm_limits_any(&w->limits) && day < w->days; day++) {
        double last = reference_at(&w->last, w->first + day);
        w->mean[day] = alm_limits_clamp(&w->limits, last, w->before[day], &w->by[day]);
        changed += w->by[day].size > 0;
        alm_online_label_limit(&w->out->label, w->by[day]);
    }
    return changed;
}

/* ---- quantiles ---- */

static bool is_level(double a, double b)
{
    return fabs(a - b) < 1e-9; /* levels have at most four decimals */
}

/* The pair of levels of the interval. */
static alm_err choose_interval(const work *w, size_t *low, size_t *high, alm_error *error)
{
    const double *level = w->spread.level;
    size_t levels = w->spread.levels;
    double wanted = w->request->interval;
    for (size_t i = 0; i < levels; i++) {
        for (size_t k = levels; k-- > i + 1;) {
            double width = level[k] - level[i];
            if (is_level(level[i] + level[k], 1) && (wanted == 0 || is_level(width, wanted))) {
                *low = i;
                *high = k;
                return ALM_OK;
            }
        }
    }
    if (wanted == 0) {
        *low = *high = SIZE_MAX;
        return ALM_OK;
    }
    alm_buffer known = {0};
    for (size_t i = 0; i < levels; i++) {
        char text[32];
        alm_double_text(level[i], text);
        alm_buffer_printf(&known, "%s%s", i ? ", " : "", text);
    }
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "no two stored quantiles make this interval; "
                            "stored: %s", known.data ? known.data : "none");
    alm_buffer_deinit(&known);
    return code;
}

/* Of one day, within the limits, into the arena. */
static const double *quantiles_of(const work *w, int32_t day)
{
    const alm_demand_spread *spread = &w->spread;
    size_t step = (size_t)(w->first - spread->first) + (size_t)day;
    double *out = ALM_NEW_ARRAY(w->arena, double, spread->levels);
    for (size_t q = 0; q < spread->levels; q++) {
        out[q] = alm_limits_clamp(&w->limits, reference_at(&w->last, w->first + day),
                                  spread->quantile[q * spread->steps + step], NULL);
    }
    return out;
}

/* Of the sum of days from..to of the answer, on its paths. */
static const double *quantiles_of_sum(const work *w, int32_t from, int32_t to)
{
    const alm_demand_spread *spread = &w->spread;
    double *last = ALM_NEW_ARRAY(w->arena, double, spread->steps);
    for (size_t h = 0; h < spread->steps; h++) {
        last[h] = reference_at(&w->last, spread->first + (alm_date)h);
    }
    alm_path_sums sums = {.values = spread->paths, .paths = spread->path_count,
                          .steps = spread->steps, .limits = &w->limits, .reference = last,
                          .level = spread->level, .levels = spread->levels};
    double *out = ALM_NEW_ARRAY(w->arena, double, spread->levels);
    size_t first = (size_t)(w->first - spread->first);
    alm_path_sum_quantiles(&sums, first + (size_t)from, first + (size_t)to, w->arena, out);
    return out;
}

/* ---- periods ---- */

static alm_date period_end(alm_date day, alm_granularity granularity)
{
    if (granularity == ALM_GRANULARITY_WEEK) {
        return day + 6 - alm_date_weekday(day);
    }
    if (granularity == ALM_GRANULARITY_MONTH) {
        alm_civil civil = alm_date_civil(day);
        return day + alm_date_days_of_month(civil.year, civil.month) - civil.day;
    }
    return day;
}

static bool is_whole(alm_date first, alm_date last, alm_granularity granularity)
{
    bool begins = granularity == ALM_GRANULARITY_WEEK ? alm_date_weekday(first) == 0
                  : granularity == ALM_GRANULARITY_MONTH ? alm_date_civil(first).day == 1 : true;
    return begins && period_end(first, granularity) == last;
}

static double at_end(const work *w, const double *column, int32_t day)
{
    return w->is_of_run && column ? column[w->out->first_step - 1 + day] : NOT_KNOWN;
}

/* Days from..to of the answer. */
static alm_demand_period add_up(const work *w, int32_t from, int32_t to)
{
    alm_demand_period p = {.first = w->first + from,
                           .last = w->first + to,
                           .days = to - from + 1,
                           .mean = w->mean[from],
                           .mean_before = w->before[from],
                           .limited_by = w->by[from],
                           .low = NOT_KNOWN,
                           .high = NOT_KNOWN,
                           .stockout_probability = at_end(w, w->node.stockout_probability, to),
                           .shortfall = at_end(w, w->node.shortfall, to)};
    for (int32_t day = from + 1; day <= to; day++) {
        p.mean += w->mean[day];
        p.mean_before += w->before[day];
        p.limited_by = p.limited_by.size ? p.limited_by : w->by[day];
    }
    p.is_whole = is_whole(p.first, p.last, w->request->granularity);
    return p;
}

/* The sample paths of a committed series, for periods of several days. An aggregate has none, nor
 * has a run that kept none or whose cannot be read: such periods have no quantiles then. */
static void take_paths(work *w)
{
    alm_node_paths paths;
    if (w->is_of_run && w->spread.levels > 0 && w->request->granularity != ALM_GRANULARITY_DAY &&
        alm_committed_paths(w->run, &w->node, w->arena, &paths, NULL) == ALM_OK) {
        alm_assert(paths.steps == w->spread.steps);
        w->spread.paths = paths.values;
        w->spread.path_count = paths.paths;
    }
}

static alm_err make_periods(work *w, alm_error *error)
{
    alm_demand_answer *out = w->out;
    alm_demand_period *period = ALM_NEW_ARRAY(w->arena, alm_demand_period, (size_t)w->days);
    const alm_demand_spread *spread = &w->spread;
    bool has_quantiles = spread->levels > 0;
    size_t low = SIZE_MAX;
    size_t high = SIZE_MAX;
    take_paths(w);
    if (has_quantiles) {
        ALM_TRY(choose_interval(w, &low, &high, error));
        out->quantile = spread->level;
        out->quantiles = spread->levels;
        out->low_level = low == SIZE_MAX ? NOT_KNOWN : spread->level[low];
        out->high_level = low == SIZE_MAX ? NOT_KNOWN : spread->level[high];
    }
    for (int32_t day = 0; day < w->days;) {
        int64_t rest = (int64_t)period_end(w->first + day, w->request->granularity) - w->first;
        int32_t to = rest < w->days - 1 ? (int32_t)rest : w->days - 1;
        alm_demand_period *p = &period[out->periods++];
        *p = add_up(w, day, to);
        out->has_sums |= to > day;
        if (has_quantiles && (to == day || spread->paths)) {
            p->quantile = to == day ? quantiles_of(w, day) : quantiles_of_sum(w, day, to);
            p->low = low == SIZE_MAX ? NOT_KNOWN : p->quantile[low];
            p->high = low == SIZE_MAX ? NOT_KNOWN : p->quantile[high];
        }
        day = to + 1;
    }
    out->period = period;
    return ALM_OK;
}

/* ---- the operation ---- */

static void label_answer(work *w, alm_ladder_by first)
{
    alm_online_label *label = &w->out->label;
    label->is_degraded = label->outcome.by != first;
    if (w->model_version.size > 0) {
        label->model_version = w->model_version;
        label->is_computed = true;
        return;
    }
    alm_online_label_run(w->online, w->run, label);
    if (w->is_of_run) {
        w->out->run = w->run;
        w->out->stored = w->node;
    }
}

static alm_err answer(work *w, alm_error *error)
{
    alm_ladder_step step[ALM_LADDER_STEPS_MAX];
    ALM_TRY(alm_online_target_of(w->online, &w->request->ask, &w->target, error));
    ALM_TRY(choose_days(w, error));
    alm_online_label_init(w->online, &w->target, &w->out->label);
    alm_ladder ladder = {.step = step,
                         .steps = set_steps(w, step),
                         .deadline_ns = (uint64_t)w->target.route->spec->deadline_ms * 1000000,
                         .spent_ns = w->online->waited_ns,
                         .clock = w->online->clock,
                         .clamp = clamp_days,
                         .clamp_context = w};
    ALM_TRY(alm_ladder_run(&ladder, &w->out->label.outcome, error));
    label_answer(w, step[0].by);
    return make_periods(w, error);
}

alm_err alm_demand(const alm_online *online, const alm_demand_request *request, alm_arena *arena,
                   alm_demand_answer *out, alm_error *error)
{
    alm_demand_answer made = {.granularity = request->granularity, .low_level = NOT_KNOWN,
                              .high_level = NOT_KNOWN};
    work w = {.online = online, .request = request, .arena = arena, .out = &made};
    if (request->horizon < 0 || !(request->interval >= 0 && request->interval < 1)) {
        return alm_fail(error, ALM_ERR_INVALID, "a horizon is at least 1, an interval between 0 "
                        "and 1");
    }
    ALM_TRY(answer(&w, error));
    *out = made;
    return ALM_OK;
}

alm_err alm_node_predictions(const alm_online *online, const alm_online_ask *ask, alm_arena *arena,
                             alm_demand_answer *out, alm_error *error)
{
    if (ask->release.size == 0) {
        alm_buffer known = {0};
        for (size_t i = 0; i < online->set->releases; i++) {
            alm_buffer_printf(&known, "%s" ALM_STR_FMT, i ? ", " : "",
                              ALM_STR_ARG(online->set->release[i].name));
        }
        alm_err code = alm_fail(error, ALM_ERR_USAGE, "name a model version or an alias: "
                                "predictions have no implicit latest; known: %s",
                                known.data ? known.data : "none");
        alm_buffer_deinit(&known);
        return code;
    }
    alm_demand_request request = {.ask = *ask, .from = ALM_DATE_NONE, .stored_only = true};
    return alm_demand(online, &request, arena, out, error);
}
