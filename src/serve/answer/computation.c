#include "serve/answer/computation.h"

#include <string.h>

#define DAY_MICROSECONDS ((alm_instant)86400 * 1000000)

/* A model that fails five times in a row, or half of the time, is left alone for five seconds; so
 * is one that uses up its time. */
void alm_computing_breakers_init(alm_computing_breakers *breakers)
{
    const alm_breaker_rule rule = {.in_a_row = 5, .open_ms = 5000, .window_ms = 10000,
                                   .calls_min = 20, .failed_share = 0.5, .slow_share = 0.8};
    alm_breaker_init(&breakers->current, &rule);
    alm_breaker_init(&breakers->previous, &rule);
}

/* ---- which series ---- */

static alm_err fail_aggregate(const alm_online_ask *ask, alm_arena *arena, alm_error *error)
{
    return alm_fail(error, ALM_ERR_INVALID, "a computation is of one series, which '%.100s' is "
                    "not: aggregates have the forecasts that the run committed",
                    alm_str_visible(ask->node, arena).data);
}

/* Values of all keys from the name of a series. */
static alm_err keys_of(alm_computation *c, alm_error *error)
{
    const alm_online_ask *ask = c->request->ask;
    size_t count = c->request->online->project->series.key_count;
    if (ask->node.size == 0) {
        c->keys = ask->keys;
        c->key_count = ask->key_count;
        return ALM_OK;
    }
    if (ask->level.size > 0 && !alm_str_is(ask->level, "series")) {
        return fail_aggregate(ask, c->arena, error);
    }
    alm_str *keys = ALM_NEW_ARRAY(c->arena, alm_str, count);
    alm_str rest = ask->node;
    for (size_t k = 0; k < count; k++) {
        keys[k] = count == 1 ? rest : alm_str_split(&rest, '|');
        if (k + 1 < count && !rest.data) {
            return fail_aggregate(ask, c->arena, error);
        }
    }
    if (count > 1 && rest.data) {
        return fail_aggregate(ask, c->arena, error);
    }
    c->keys = keys;
    c->key_count = count;
    return ALM_OK;
}

/* ---- one variant ---- */

typedef struct visit {
    const alm_computation *c;
    alm_computing_line line;
    alm_base_workspace workspace; /* the line's, with results in the request's arena */
    size_t series;
    bool is_callers; /* what went wrong is the caller's own error */
} visit;

/* As a run explains a leaf that nothing adjusts. */
static void explain(const visit *v, alm_computed *out)
{
    alm_arena *arena = v->c->arena;
    const alm_recomputed *f = &out->forecast;
    alm_explanation *lines = ALM_NEW_ARRAY(arena, alm_explanation, f->steps * ALM_EXPLANATIONS_MAX);
    uint8_t *counts = ALM_NEW_ARRAY(arena, uint8_t, f->steps);
    for (size_t h = 0; h < f->steps; h++) {
        alm_explanation *line = lines + h * ALM_EXPLANATIONS_MAX;
        alm_explained_step step = {.base = &f->base, .plan = v->line.bundle->plan,
                                   .steps = f->steps, .step = h, .base_mean = f->base.mean[h],
                                   .mean = f->mean[h]};
        counts[h] = (uint8_t)alm_explain_step(&step, line);
        for (size_t i = 0; i < counts[h]; i++) { /* names are the plan's, which may go */
            line[i].feature = alm_arena_copy_text(arena, line[i].feature, strlen(line[i].feature));
        }
    }
    out->explanation = lines;
    out->explanations = counts;
}

static alm_err compute(visit *v, const alm_variant *variant, alm_computed *out, alm_error *error)
{
    const alm_computation_request *request = v->c->request;
    const alm_method *method = &v->line.bundle->method;
    int64_t today = request->online->now / DAY_MICROSECONDS;
    alm_overlay_request asked = {v->line.state, v->line.now, v->series, (alm_date)today};
    alm_overlay overlay;
    v->is_callers = true;
    ALM_TRY(alm_overlay_make(&asked, &variant->changes, v->c->arena, &overlay, error));
    v->is_callers = false;
    alm_recompute_request forecast = {.bundle = v->line.bundle, .online = v->line.state,
                                      .now = v->line.now, .series = v->series,
                                      .explain = request->explain, .overlay = &overlay,
                                      .factor = variant->factor};
    alm_err code = alm_recompute(&forecast, &v->workspace, &out->forecast, error);
    alm_overlay_clear(&overlay);
    ALM_TRY(code);
    double *level = ALM_NEW_ARRAY(v->c->arena, double, method->quantile_count);
    memcpy(level, method->quantile, method->quantile_count * sizeof *level);
    out->level = level;
    out->levels = method->quantile_count;
    out->counts = method->counts;
    out->reach = overlay.reach;
    out->replaced = overlay.replaced;
    out->extended = overlay.extended;
    if (request->explain) {
        explain(v, out);
    }
    return ALM_OK;
}

/* Scenarios of stock and terms alone ask for the very same forecast. */
static bool is_first_again(const alm_computation_request *request, size_t i)
{
    const alm_variant *a = &request->variant[0];
    const alm_variant *b = &request->variant[i];
    return i > 0 && a->changes.sales == b->changes.sales &&
           a->changes.sales_count == b->changes.sales_count &&
           a->changes.column == b->changes.column &&
           a->changes.column_count == b->changes.column_count && a->factor == b->factor;
}

/* ---- a step ---- */

static alm_step_result compute_all(visit *v, uint64_t until_ns, alm_computation_side *side,
                                   alm_error *error)
{
    const alm_computation_request *request = v->c->request;
    const alm_ladder_clock *clock = &request->online->clock;
    if (alm_online_state_find(v->line.state, v->c->keys, v->c->key_count, &v->series, error)) {
        return ALM_STEP_CALLER;
    }
    alm_computed *result = ALM_NEW_ARRAY(v->c->arena, alm_computed, request->variants);
    for (size_t i = 0; i < request->variants; i++) {
        if (is_first_again(request, i)) {
            result[i] = result[0];
            continue;
        }
        if (i > 0 && clock->now_ns(clock->context) > until_ns) {
            (void)alm_fail(error, ALM_ERR_UNAVAILABLE, "%zu of %zu variants were computed when its "
                           "time was over", i, request->variants);
            return ALM_STEP_LATE;
        }
        alm_err code = compute(v, &request->variant[i], &result[i], error);
        if (code != ALM_OK) {
            side->failed = i;
            return v->is_callers ? ALM_STEP_CALLER
                   : code == ALM_ERR_INCOMPLETE ? ALM_STEP_ABSENT : ALM_STEP_FAILED;
        }
    }
    side->result = result;
    return ALM_STEP_ANSWERED;
}

static void note_state(alm_computation_side *side, const alm_computing_line *line)
{
    side->has_moved = side->has_moved || (side->looks++ > 0 && side->seen.end != line->now->end);
    if (side->has_moved) {
        side->seen = (alm_computation_state){.end = line->now->end};
        return;
    }
    side->seen = (alm_computation_state){
        .run_id = {alm_arena_copy_text(side->of->arena, line->run_id.data, line->run_id.size),
                   line->run_id.size},
        .end = line->now->end, .events = line->now->mark, .bundle = line->bundle->hash};
}

static alm_err enter(alm_computation_side *side, alm_computing_line *out, alm_error *error)
{
    const alm_computation *c = side->of;
    const alm_computing_source *source = c->request->source;
    if (!source) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "nothing is computed here");
    }
    if (side->release.size == 0) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "%s", side->missing);
    }
    alm_err code =
        source->enter(source->context, c->target.route->spec->name, side->release, out, error);
    if (code == ALM_OK) {
        note_state(side, out);
    } else if (side->looks++ == 0) {
        side->seen.end = ALM_DATE_NONE;
    }
    return code;
}

alm_step_result alm_computation_step(void *context, uint64_t until_ns, alm_error *error)
{
    alm_computation_side *side = context;
    const alm_computation *c = side->of;
    visit v = {.c = c};
    if (side->result) {
        return ALM_STEP_ANSWERED;
    }
    if (enter(side, &v.line, error) != ALM_OK) {
        return ALM_STEP_ABSENT;
    }
    v.workspace = *v.line.workspace;
    v.workspace.results = c->arena;
    alm_step_result result = compute_all(&v, until_ns, side, error);
    c->request->source->leave(c->request->source->context, &v.line);
    return result;
}

/* ---- a model of alm_demand ---- */

static alm_step_result run_model(void *context, alm_date first, int32_t days, uint64_t until_ns,
                                 double *out, alm_error *error)
{
    alm_computation_side *side = context;
    alm_step_result result = alm_computation_step(side, until_ns, error);
    if (result != ALM_STEP_ANSWERED) {
        return result;
    }
    const alm_recomputed *f = &side->result[0].forecast;
    int64_t skip = (int64_t)first - f->origin - 1;
    if (skip < 0 || skip + days > (int64_t)f->steps) {
        char text[2][ALM_DATE_TEXT_BYTES];
        alm_date_text(f->origin + 1, text[0]);
        alm_date_text(f->origin + (alm_date)f->steps, text[1]);
        (void)alm_fail(error, ALM_ERR_INVALID, "what is computed has the days %s to %s: a horizon "
                       "of at most %zu from its first day", text[0], text[1], f->steps);
        return ALM_STEP_CALLER;
    }
    memcpy(out, f->mean + skip, (size_t)days * sizeof *out);
    return ALM_STEP_ANSWERED;
}

static void spread_of(void *context, alm_demand_spread *out)
{
    const alm_computation_side *side = context;
    const alm_computed *r = &side->result[0];
    *out = (alm_demand_spread){.level = r->level, .levels = r->levels,
                               .quantile = r->forecast.quantile, .steps = r->forecast.steps,
                               .first = r->forecast.origin + 1, .paths = r->forecast.paths,
                               .path_count = r->forecast.path_count};
}

/* ---- the beginning ---- */

static void make_side(alm_computation *c, const alm_committed_source *source, double share,
                      alm_breaker *breaker, alm_computation_side *out)
{
    const alm_deployment_spec *spec = c->target.route->spec;
    *out = (alm_computation_side){.of = c, .source = source,
                                  .missing = "no release was promoted before"};
    if (source->release) {
        out->release = source->release->name;
    }
    out->model = (alm_demand_model){.run = run_model, .spread = spread_of, .context = out,
                                    .model_version = out->release, .breaker = breaker,
                                    .slow_ns = (uint64_t)(share * spec->deadline_ms * 1e6)};
    out->step = (alm_online_model){.run = alm_computation_step, .context = out,
                                   .model_version = out->release, .breaker = breaker,
                                   .slow_ns = out->model.slow_ns};
}

/* What the days are, without computing them. */
static void look_at_days(alm_computation *c)
{
    alm_computing_line line;
    if (enter(&c->current, &line, NULL) != ALM_OK) {
        return;
    }
    const alm_changes *changes = &c->request->variant[0].changes;
    c->first = line.now->end;
    for (size_t i = 0; i < changes->sales_count; i++) {
        alm_date next = changes->sales[i].day + 1;
        c->first = next > c->first ? next : c->first;
    }
    c->steps = line.bundle->method.horizon;
    c->request->source->leave(c->request->source->context, &line);
}

static alm_computing_breakers *breakers_of(const alm_computation *c)
{
    const alm_project *project = c->request->online->project;
    for (size_t i = 0; c->request->breakers && i < project->deployment_count; i++) {
        if (c->target.route->spec == &project->deployments[i]) {
            return &c->request->breakers[i];
        }
    }
    return NULL;
}

alm_err alm_computation_begin(const alm_computation_request *request, alm_arena *arena,
                              alm_computation **out, alm_error *error)
{
    alm_assert(request->variants > 0 && request->variants <= ALM_VARIANTS_MAX);
    alm_computation *c = ALM_NEW(arena, alm_computation);
    c->request = request;
    c->arena = arena;
    ALM_TRY(alm_online_target_of(request->online, request->ask, &c->target, error));
    const alm_committed_route *route = c->target.route;
    ALM_TRY(alm_online_check_purpose(route->spec, request->purpose, request->approved,
                                     request->approved_count, error));
    ALM_TRY(keys_of(c, error));
    alm_computing_breakers *breakers = breakers_of(c);
    make_side(c, c->target.source, route->spec->shares.model, breakers ? &breakers->current : NULL,
              &c->current);
    make_side(c, &route->previous, route->spec->shares.previous,
              breakers ? &breakers->previous : NULL, &c->previous);
    look_at_days(c);
    *out = c;
    return ALM_OK;
}

const alm_computation_side *alm_computation_answered(const alm_computation *computation,
                                                     const alm_ladder_outcome *outcome)
{
    const alm_computation_side *side = outcome->by == ALM_LADDER_MODEL ? &computation->current
                                       : outcome->by == ALM_LADDER_PREVIOUS
                                           ? &computation->previous : NULL;
    return side && side->result ? side : NULL;
}

alm_computed_node alm_computation_node(const alm_computation_side *side, alm_arena *arena)
{
    const alm_computation *c = side->of;
    alm_computed_node out = {.run = side->source->run};
    if (out.run && alm_committed_find_keys(out.run, c->keys, c->key_count, &out.stored, NULL) !=
                       ALM_OK) {
        out.run = NULL;
    }
    if (out.run) {
        out.name = out.stored.node;
        return out;
    }
    alm_buffer text = {0};
    for (size_t i = 0; i < c->key_count; i++) {
        alm_buffer_text(&text, i ? "|" : "");
        alm_buffer_str(&text, c->keys[i]);
    }
    out.name = (alm_str){alm_arena_copy_text(arena, text.data ? text.data : "", text.size),
                         text.size};
    alm_buffer_deinit(&text);
    return out;
}
