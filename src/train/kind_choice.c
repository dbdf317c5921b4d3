#include "train/kind_choice.h"

#include <math.h>
#include <string.h>

#include "model/statistical/automatic/demand_class.h"
#include "pipeline/kind_forecast.h"

#define SERIES_PER_TASK 16

/* ---- candidates ---- */

static void add(alm_kind_candidates *c, alm_class class_of_series, const alm_forecaster_kind *kind)
{
    alm_assert(c->count[class_of_series] < ALM_KIND_CANDIDATES_MAX);
    c->kind[class_of_series][c->count[class_of_series]++] = kind;
    c->room = c->room > c->count[class_of_series] ? c->room : c->count[class_of_series];
}

static void add_usual(alm_kind_candidates *c, alm_class class_of_series, alm_demand_class demand)
{
    size_t count = 0;
    const alm_forecaster_kind *const *usual = alm_demand_candidates(demand, &count);
    add(c, class_of_series, NULL);
    for (size_t k = 0; k < count; k++) {
        add(c, class_of_series, usual[k]);
    }
}

static void add_names(alm_kind_candidates *c, alm_class class_of_series,
                      const alm_kind_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const alm_forecaster_kind *kind = NULL;
        bool found = alm_kind_named(names->name[i], &kind);
        alm_assert(found); /* project_check.c has looked */
        add(c, class_of_series, kind);
    }
}

alm_kind_candidates alm_kind_candidates_of(const alm_model_spec *model)
{
    const alm_kinds_spec *k = &model->kinds;
    const struct {
        alm_class class_of_series;
        const alm_kind_names *names;
        alm_demand_class demand;
    } classes[] = {{ALM_CLASS_smooth, &k->smooth, ALM_DEMAND_smooth},
                   {ALM_CLASS_erratic, &k->erratic, ALM_DEMAND_erratic},
                   {ALM_CLASS_intermittent, &k->intermittent, ALM_DEMAND_intermittent},
                   {ALM_CLASS_lumpy, &k->lumpy, ALM_DEMAND_lumpy},
                   {ALM_CLASS_aggregate, &k->aggregate, ALM_DEMAND_smooth}};
    alm_kind_candidates out = {.given = model->has_kinds};
    for (size_t i = 0; out.given && i < sizeof classes / sizeof classes[0]; i++) {
        if (classes[i].names->count > 0) {
            add_names(&out, classes[i].class_of_series, classes[i].names);
        } else {
            add_usual(&out, classes[i].class_of_series, classes[i].demand);
        }
    }
    return out;
}

/* ---- what every candidate would have forecast ---- */

typedef struct job {
    const alm_training_panel *panel;
    const alm_kind_candidates *candidates;
    size_t season;
    alm_profile profile;
    alm_origin_record *record;
    alm_arena **scratch; /* by worker */
} job;

/* `level`: of level x profile; out: room x steps. */
static void candidates_of(const job *j, const alm_history_view *view, const alm_history *history,
                          const double *level, alm_arena *scratch, double *out)
{
    alm_class class_of_series = history->class_of_series;
    size_t steps = j->record->steps;
    bool answers = class_of_series != ALM_CLASS_empty && !alm_history_is_young(history);
    alm_kind_request request = {view, history->first, j->season, steps, j->record->closed};
    for (size_t k = 0; k < j->candidates->count[class_of_series]; k++) {
        const alm_forecaster_kind *kind = j->candidates->kind[class_of_series][k];
        double *mean = out + k * steps;
        alm_arena_reset(scratch);
        double *flat = ALM_NEW_ARRAY(scratch, double, steps);
        if (!kind || !answers ||
            alm_kind_forecast(kind, &request, scratch, flat, mean) != ALM_FALLBACK_NONE) {
            memcpy(mean, level, steps * sizeof *mean);
        }
    }
}

static void one_series(const job *j, size_t series, alm_arena *scratch)
{
    alm_origin_record *r = j->record;
    alm_history_view view = alm_training_view(j->panel, series, r->origin, &j->profile);
    candidates_of(j, &view, &r->histories[series], r->statistical + series * r->steps, scratch,
                  r->kinds + series * j->candidates->room * r->steps);
}

static void one_node(const job *j, size_t node, alm_arena *scratch)
{
    alm_origin_record *r = j->record;
    alm_history_view view = {j->panel->aggregates, node, r->origin, j->panel->delay, j->profile};
    alm_history history;
    alm_arena_reset(scratch);
    alm_history_of(&view, scratch, &history);
    if (history.class_of_series != ALM_CLASS_empty) {
        history.class_of_series = ALM_CLASS_aggregate;
    }
    candidates_of(j, &view, &history, r->node_statistical + node * r->steps, scratch,
                  r->node_kinds + node * j->candidates->room * r->steps);
}

/* Series first, then nodes. */
static alm_err task_of(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    const job *j = context;
    size_t all = j->record->series_count + j->panel->hierarchy->node_count;
    size_t end = (task + 1) * SERIES_PER_TASK < all ? (task + 1) * SERIES_PER_TASK : all;
    for (size_t i = task * SERIES_PER_TASK; i < end; i++) {
        if (i < j->record->series_count) {
            one_series(j, i, j->scratch[worker]);
        } else {
            one_node(j, i - j->record->series_count, j->scratch[worker]);
        }
    }
    return ALM_OK;
}

void alm_kind_record_allocate(const alm_kind_candidates *candidates, size_t nodes,
                              alm_arena *arena, alm_origin_record *record)
{
    size_t cells = candidates->room * record->steps;
    record->kinds = ALM_NEW_ARRAY(arena, double, record->series_count * cells);
    record->node_kinds = ALM_NEW_ARRAY(arena, double, nodes * cells);
}

void alm_kind_record_make(const alm_env *env, const alm_training_panel *panel,
                          const alm_kind_candidates *candidates, size_t season,
                          alm_origin_record *record, alm_arena *arena)
{
    size_t nodes = panel->hierarchy->node_count;
    size_t all = record->series_count + nodes;
    alm_kind_record_allocate(candidates, nodes, arena, record);
    int threads = alm_pool_threads(env->pool);
    job j = {panel, candidates, season, alm_training_profile(panel, record->origin), record,
             ALM_NEW_ARRAY(arena, alm_arena *, (size_t)threads)};
    for (int i = 0; i < threads; i++) {
        j.scratch[i] = alm_arena_create(1 << 20);
    }
    alm_err code = alm_pool_run(env->pool, (all + SERIES_PER_TASK - 1) / SERIES_PER_TASK, task_of,
                                &j, NULL);
    alm_assert(code == ALM_OK); /* no task fails */
    for (int i = 0; i < threads; i++) {
        alm_arena_destroy(j.scratch[i]);
    }
}

/* ---- the choice ---- */

/* NaN: nothing is known of the window. */
static double rmsse_of(const double *forecast, const double *actual, size_t steps, double scale)
{
    double squares = 0;
    double pairs = 0;
    for (size_t h = 0; h < steps; h++) {
        double e = forecast[h] - actual[h];
        squares += isnan(e) ? 0 : e * e;
        pairs += !isnan(e);
    }
    return pairs > 0 && scale > 0 ? sqrt(squares / pairs / scale) : (double)NAN;
}

typedef struct window { /* of a series or an aggregate */
    alm_class class_of_series;
    alm_mover mover;
    const double *kinds, *actual;
    double scale;
} window;

static void add_window(const alm_kind_candidates *c, const window *w, size_t steps,
                       alm_kind_scores *scores)
{
    double *loss = scores->loss[w->class_of_series][w->mover];
    size_t count = c->count[w->class_of_series];
    if (count == 0 || isnan(rmsse_of(w->kinds, w->actual, steps, w->scale))) {
        return;
    }
    for (size_t k = 0; k < count; k++) {
        loss[k] += rmsse_of(w->kinds + k * steps, w->actual, steps, w->scale);
    }
    scores->windows[w->class_of_series][w->mover]++;
}

static void add_record(const alm_kind_candidates *c, const alm_origin_record *r, size_t nodes,
                       alm_kind_scores *scores)
{
    size_t cells = c->room * r->steps;
    for (size_t i = 0; i < r->series_count; i++) {
        window w = {r->histories[i].class_of_series, alm_mover_of(&r->histories[i], r->steps),
                    r->kinds + i * cells, r->actual + i * r->steps, r->scale_squared[i]};
        add_window(c, &w, r->steps, scores);
    }
    for (size_t n = 0; n < nodes; n++) {
        window w = {ALM_CLASS_aggregate, ALM_MOVER_FAST, r->node_kinds + n * cells,
                    r->node_actual + n * r->steps, r->node_scale[n]};
        add_window(c, &w, r->steps, scores);
    }
}

static size_t best_of(const double *loss, size_t count)
{
    size_t best = 0;
    for (size_t k = 1; k < count; k++) {
        best = loss[k] < loss[best] ? k : best;
    }
    return best;
}

static void choose_class(const alm_kind_candidates *c, const alm_kind_scores *s,
                         alm_class class_of_series, alm_kind_table *out)
{
    size_t count = c->count[class_of_series];
    double both[ALM_KIND_CANDIDATES_MAX];
    for (size_t k = 0; k < count; k++) {
        both[k] = s->loss[class_of_series][ALM_MOVER_FAST][k] +
                  s->loss[class_of_series][ALM_MOVER_SLOW][k];
    }
    for (int m = 0; count > 0 && m < ALM_MOVER_COUNT; m++) {
        bool apart = class_of_series != ALM_CLASS_aggregate &&
                     s->windows[class_of_series][m] >= ALM_KIND_WINDOWS_MIN;
        size_t best = best_of(apart ? s->loss[class_of_series][m] : both, count);
        out->kind[class_of_series][m] = c->kind[class_of_series][best];
    }
}

void alm_kind_choose(const alm_kind_candidates *candidates, const alm_origin_record *records,
                     size_t count, size_t nodes, alm_kind_scores *scores, alm_kind_table *out)
{
    *scores = (alm_kind_scores){0};
    *out = (alm_kind_table){.given = candidates->given};
    for (size_t r = 0; candidates->given && r < count; r++) {
        add_record(candidates, &records[r], nodes, scores);
    }
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        choose_class(candidates, scores, (alm_class)c, out);
    }
}

/* Of the candidates of a class, the place of one. */
static size_t place_of(const alm_kind_candidates *c, alm_class class_of_series,
                       const alm_forecaster_kind *kind)
{
    size_t k = 0;
    while (k < c->count[class_of_series] && c->kind[class_of_series][k] != kind) {
        k++;
    }
    return k;
}

static void take(const alm_kind_candidates *c, alm_class class_of_series,
                 const alm_forecaster_kind *kind, const double *kinds, size_t steps, double *out)
{
    size_t k = place_of(c, class_of_series, kind);
    if (k < c->count[class_of_series]) {
        memcpy(out, kinds + k * steps, steps * sizeof *out);
    }
}

alm_origin_record alm_kind_record_of(const alm_kind_candidates *candidates,
                                     const alm_kind_table *table,
                                     const alm_origin_record *record, size_t nodes,
                                     alm_arena *arena)
{
    alm_origin_record out = *record;
    if (!table->given) {
        return out;
    }
    size_t steps = record->steps;
    size_t cells = candidates->room * steps;
    out.statistical = ALM_NEW_ARRAY(arena, double, record->series_count * steps);
    out.node_statistical = ALM_NEW_ARRAY(arena, double, nodes * steps);
    memcpy(out.statistical, record->statistical,
           record->series_count * steps * sizeof *out.statistical);
    memcpy(out.node_statistical, record->node_statistical,
           nodes * steps * sizeof *out.node_statistical);
    for (size_t i = 0; i < record->series_count; i++) {
        const alm_history *history = &record->histories[i];
        take(candidates, history->class_of_series, alm_kind_of(table, history, steps),
             record->kinds + i * cells, steps, out.statistical + i * steps);
    }
    for (size_t n = 0; n < nodes; n++) {
        take(candidates, ALM_CLASS_aggregate, table->kind[ALM_CLASS_aggregate][0],
             record->node_kinds + n * cells, steps, out.node_statistical + n * steps);
    }
    return out;
}

/* ---- report.json ---- */

static void write_cell(const alm_kind_candidates *c, const alm_kind_scores *s,
                       const alm_kind_table *table, alm_class class_of_series, alm_mover mover,
                       alm_json_writer *w)
{
    size_t windows = s->windows[class_of_series][mover];
    bool all = class_of_series == ALM_CLASS_aggregate;
    alm_json_open_object(w);
    alm_json_put_text(w, "movers", all ? "all" : alm_mover_name(mover));
    alm_json_put_text(w, "kind", alm_kind_name(table->kind[class_of_series][mover]));
    alm_json_put_i64(w, "windows", (int64_t)windows);
    alm_json_key(w, "candidates");
    alm_json_open_array(w);
    for (size_t k = 0; k < c->count[class_of_series]; k++) {
        alm_json_open_object(w);
        alm_json_put_text(w, "kind", alm_kind_name(c->kind[class_of_series][k]));
        if (windows > 0) {
            alm_json_put_double(w, "rmsse",
                                s->loss[class_of_series][mover][k] / (double)windows);
        }
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
    alm_json_close_object(w);
}

void alm_kind_choice_write(const alm_kind_candidates *candidates, const alm_kind_scores *scores,
                           const alm_kind_table *table, alm_json_writer *writer)
{
    alm_json_key(writer, "kinds");
    alm_json_open_object(writer);
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        if (candidates->count[c] == 0) {
            continue;
        }
        alm_json_key(writer, alm_class_name((alm_class)c));
        alm_json_open_array(writer);
        for (int m = 0; m < (c == ALM_CLASS_aggregate ? 1 : ALM_MOVER_COUNT); m++) {
            write_cell(candidates, scores, table, (alm_class)c, (alm_mover)m, writer);
        }
        alm_json_close_array(writer);
    }
    alm_json_close_object(writer);
}
