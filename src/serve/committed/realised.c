#include "serve/committed/realised.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/metrics.h"
#include "project/panel_source.h"

#define BLOCK_SERIES 256
#define LEVELS_MAX 64

/* ---- what is there ---- */

static alm_err newest_snapshot(const alm_realised_options *o, alm_arena *arena,
                               const alm_snapshot_record **out, alm_error *error)
{
    alm_snapshot_record *record;
    size_t count;
    ALM_TRY(alm_registry_list_snapshots(o->stores.registry, arena, &record, &count, error));
    *out = NULL;
    for (size_t i = 0; i < count; i++) { /* the last one of several with the same end */
        if (!*out || record[i].window_end >= (*out)->window_end) {
            *out = &record[i];
        }
    }
    return ALM_OK;
}

alm_err alm_realised_look(const alm_realised_options *o, alm_realised_state *newest, bool *changed,
                          alm_error *error)
{
    const alm_predictions_commit *commit;
    const alm_snapshot_record *record = NULL;
    size_t commits;
    ALM_TRY(alm_predictions_refresh(o->stores.predictions, error));
    ALM_TRY(alm_predictions_list(o->stores.predictions, &commit, &commits, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = newest_snapshot(o, scratch, &record, error);
    if (code == ALM_OK) {
        alm_realised_state now = {.version = commits ? commit[commits - 1].version + 1 : 0};
        if (record) {
            now.snapshot = record->id;
        }
        *changed = now.version != newest->version ||
                   !alm_digest_equal(&now.snapshot, &newest->snapshot);
        *newest = now;
    }
    alm_arena_destroy(scratch);
    return code;
}

/* ---- what happened ---- */

/* Days from..from + days - 1 of every node; NaN: not known. */
typedef struct actuals {
    alm_date from;
    size_t days;
    alm_str *level, *node;
    double *value; /* nodes x days */
    size_t nodes;
} actuals;

typedef struct work {
    const alm_realised_options *o;
    alm_arena *arena;   /* of the result */
    alm_arena *scratch; /* of everything else */
    alm_snapshot snapshot;
    actuals actual;
    const alm_catalog_run **run; /* chosen, the newest first */
    size_t runs;
    alm_error *error;
} work;

static alm_err check_end(const work *w)
{
    return w->o->ends && atomic_load(w->o->ends)
               ? alm_fail(w->error, ALM_ERR_UNAVAILABLE, "the service ends")
               : ALM_OK;
}

/* As a backtest counts it: demand is not known where nothing was told or nothing was left. */
static void take_node(work *w, const alm_panel *panel, size_t series, alm_str level, alm_str node)
{
    actuals *a = &w->actual;
    double *out = a->value + a->nodes * a->days;
    size_t offset = (size_t)(a->from - panel->start);
    a->level[a->nodes] = level;
    a->node[a->nodes++] = node;
    for (size_t t = 0; t < a->days; t++) {
        uint8_t state = panel->state[series * panel->periods + offset + t];
        bool counts = state == ALM_PERIOD_OBSERVED || state == ALM_PERIOD_ZERO ||
                      state == ALM_PERIOD_CLOSED;
        out[t] = counts ? alm_panel_value(panel, 0, series, offset + t) : (double)NAN;
    }
}

static void take_aggregates(work *w, const alm_panel_source *source)
{
    const alm_hierarchy *h = alm_panel_source_hierarchy(source);
    const alm_panel *panel = alm_panel_source_aggregates(source);
    for (uint32_t level = 0; level < h->level_count; level++) {
        const alm_hierarchy_level *of = &h->levels[level];
        alm_str name = {alm_arena_copy_text(w->scratch, of->name.data, of->name.size),
                        of->name.size};
        for (uint32_t n = of->first_node; n < of->first_node + of->node_count; n++) {
            alm_str node = h->node_names[n];
            node.data = alm_arena_copy_text(w->scratch, node.data, node.size);
            take_node(w, panel, n, name, node);
        }
    }
}

static alm_err take_source(work *w, alm_panel_source *source)
{
    actuals *a = &w->actual;
    size_t capacity = alm_panel_source_series(source) +
                      alm_panel_source_hierarchy(source)->node_count;
    void *values;
    ALM_TRY(alm_arena_try_alloc(w->scratch, (capacity * a->days + 1) * sizeof(double), &values,
                                w->error));
    a->value = values;
    a->level = ALM_NEW_ARRAY(w->scratch, alm_str, capacity);
    a->node = ALM_NEW_ARRAY(w->scratch, alm_str, capacity);
    alm_arena *block = alm_arena_create(0);
    alm_err code = ALM_OK;
    alm_panel panel = {.series_count = 1};
    while (code == ALM_OK && panel.series_count > 0) {
        alm_arena_reset(block);
        code = check_end(w);
        code = code == ALM_OK ? alm_panel_source_next(source, block, &panel, w->error) : code;
        for (size_t i = 0; code == ALM_OK && i < panel.series_count; i++) {
            take_node(w, &panel, i, ALM_STR("series"),
                      alm_panel_source_node_name(source, panel.first_series + i, w->scratch));
        }
    }
    alm_arena_destroy(block);
    if (code == ALM_OK) {
        take_aggregates(w, source);
    }
    return code;
}

/* The whole history is read, because a day without a row is a zero only behind the first one. */
static alm_err read_actuals(work *w)
{
    alm_panel_source *source = NULL;
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = ALM_DATE_NONE,
                                 .membership_date = ALM_DATE_NONE, .block_series = BLOCK_SERIES};
    ALM_TRY(alm_panel_source_open(w->o->env, w->o->project, w->o->stores.objects, &w->snapshot,
                                  &options, &source, w->error));
    alm_err code = take_source(w, source);
    alm_panel_source_close(source);
    return code;
}

/* ---- which runs ---- */

static int newer_first(const void *a, const void *b)
{
    const alm_catalog_run *x = *(const alm_catalog_run *const *)a;
    const alm_catalog_run *y = *(const alm_catalog_run *const *)b;
    if (x->prediction_date != y->prediction_date) {
        return x->prediction_date > y->prediction_date ? -1 : 1;
    }
    return x->commit->version > y->commit->version ? -1 : x->commit->version < y->commit->version;
}

static size_t runs_of(const work *w, alm_str release, size_t *releases)
{
    size_t count = 0;
    *releases = 0;
    for (size_t i = 0; i < w->runs; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++) {
            is_first = is_first && !alm_str_equal(w->run[k]->model_version,
                                                  w->run[i]->model_version);
        }
        *releases += is_first;
        count += alm_str_equal(w->run[i]->model_version, release);
    }
    return count;
}

/* Days before `published` are in the snapshot. */
static void choose_runs(work *w, const alm_run_catalog *catalog, alm_date published)
{
    const alm_catalog_run **some = ALM_NEW_ARRAY(w->scratch, const alm_catalog_run *,
                                                 catalog->runs);
    size_t count = 0;
    for (size_t i = 0; i < catalog->runs; i++) {
        const alm_catalog_run *run = &catalog->run[i];
        if (run->superseded_at == ALM_RUN_NEVER && run->prediction_date < published &&
            run->prediction_date >= w->snapshot.start &&
            published - run->prediction_date <= ALM_REALISED_DAYS_MAX) {
            some[count++] = run;
        }
    }
    qsort(some, count, sizeof(const alm_catalog_run *), newer_first);
    w->run = some; /* the chosen ones move to its front */
    for (size_t i = 0; i < count; i++) {
        size_t releases;
        size_t runs = runs_of(w, some[i]->model_version, &releases);
        if (runs < ALM_REALISED_RUNS_MAX && (runs > 0 || releases < ALM_REALISED_RELEASES_MAX)) {
            w->run[w->runs++] = some[i];
        }
    }
    w->actual.from = w->runs ? w->run[w->runs - 1]->prediction_date : published;
    w->actual.days = (size_t)(published - w->actual.from);
}

/* ---- comparing ---- */

typedef struct level_sums {
    alm_str level;
    alm_metrics metrics;
    uint64_t inside, bounded; /* pairs with bounds; within them */
} level_sums;

typedef struct sums {
    level_sums level[LEVELS_MAX];
    size_t levels;
} sums;

static level_sums *find_level(sums *s, alm_str level)
{
    for (size_t i = 0; i < s->levels; i++) {
        if (alm_str_equal(s->level[i].level, level)) {
            return &s->level[i];
        }
    }
    if (s->levels == LEVELS_MAX) {
        return NULL;
    }
    s->level[s->levels] = (level_sums){.level = level};
    return &s->level[s->levels++];
}

static void count_inside(const alm_committed_facts *facts, const alm_committed_node *node,
                         const double *y, size_t days, level_sums *out)
{
    const double *low = node->quantile;
    const double *high = low + (facts->quantiles - 1) * (size_t)facts->steps;
    for (size_t t = 0; t < days; t++) {
        if (!isnan(y[t]) && !isnan(low[t]) && !isnan(high[t])) {
            out->bounded++;
            out->inside += y[t] >= low[t] && y[t] <= high[t];
        }
    }
}

static void compare_run(const work *w, const alm_committed_run *run, sums *out,
                        alm_realised_release *release)
{
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    const actuals *a = &w->actual;
    size_t offset = (size_t)(facts->prediction_date - a->from);
    size_t days = a->days - offset;
    days = days < (size_t)facts->steps ? days : (size_t)facts->steps;
    for (size_t i = 0; i < a->nodes; i++) {
        const double *y = a->value + i * a->days + offset;
        alm_committed_node node;
        level_sums *level = find_level(out, a->level[i]);
        if (level &&
            alm_committed_find(run, a->node[i], a->level[i], &node, NULL) == ALM_OK) {
            alm_metrics_add_window(&level->metrics, y, node.mean, days, (alm_scale){0, 0});
            if (facts->quantiles > 1) {
                count_inside(facts, &node, y, days, level);
            }
        }
    }
    alm_date last = facts->prediction_date + (alm_date)days - 1;
    if (release->runs++ == 0 || facts->prediction_date < release->first) {
        release->first = facts->prediction_date;
    }
    release->last = release->runs == 1 || last > release->last ? last : release->last;
    if (facts->quantiles > 1) {
        release->interval = facts->quantile[facts->quantiles - 1] - facts->quantile[0];
    }
}

static int series_first(const void *a, const void *b)
{
    const alm_realised_level *x = a;
    const alm_realised_level *y = b;
    bool x_is = alm_str_is(x->level, "series");
    bool y_is = alm_str_is(y->level, "series");
    return x_is != y_is ? (x_is ? -1 : 1) : alm_str_compare(x->level, y->level);
}

static void finish_release(work *w, const sums *from, alm_realised_release *out)
{
    alm_realised_level *level = ALM_NEW_ARRAY(w->arena, alm_realised_level, from->levels);
    for (size_t i = 0; i < from->levels; i++) {
        const level_sums *s = &from->level[i];
        const alm_metrics *m = &s->metrics;
        if (m->pairs > 0) {
            level[out->levels++] = (alm_realised_level){
                .level = {alm_arena_copy_text(w->arena, s->level.data, s->level.size),
                          s->level.size},
                .pairs = m->pairs,
                .mape = alm_metrics_mape(m),
                .rmse = alm_metrics_rmse(m),
                .wape = alm_metrics_wape(m),
                .bias = alm_metrics_bias(m),
                .coverage = s->bounded ? (double)s->inside / (double)s->bounded : (double)NAN};
        }
    }
    qsort(level, out->levels, sizeof *level, series_first);
    out->level = level;
}

static alm_err compare_release(work *w, alm_str name, alm_realised_release *out)
{
    sums *s = ALM_NEW(w->scratch, sums);
    *out = (alm_realised_release){
        .release = {alm_arena_copy_text(w->arena, name.data, name.size), name.size},
        .interval = NAN};
    for (size_t i = 0; i < w->runs; i++) {
        alm_committed_run *run = NULL;
        alm_error error;
        if (!alm_str_equal(w->run[i]->model_version, name)) {
            continue;
        }
        ALM_TRY(check_end(w));
        if (alm_committed_run_load(&w->o->stores, w->run[i], &w->o->load, &run, &error) != ALM_OK) {
            out->problem = alm_str_of(alm_arena_printf(
                w->arena, "run " ALM_STR_FMT " cannot be loaded", ALM_STR_ARG(w->run[i]->run_id)));
            continue;
        }
        compare_run(w, run, s, out);
        alm_committed_run_unref(run);
    }
    finish_release(w, s, out);
    return ALM_OK;
}

static alm_err compare_all(work *w, alm_realised *out)
{
    alm_realised_release *release = ALM_NEW_ARRAY(w->arena, alm_realised_release,
                                                  ALM_REALISED_RELEASES_MAX);
    for (size_t i = 0; i < w->runs; i++) {
        alm_str name = w->run[i]->model_version;
        bool is_done = false;
        for (size_t k = 0; k < out->releases; k++) {
            is_done = is_done || alm_str_equal(release[k].release, name);
        }
        if (!is_done) {
            ALM_TRY(compare_release(w, name, &release[out->releases]));
            out->releases++;
        }
    }
    out->release = release;
    return ALM_OK;
}

/* ---- the whole ---- */

static alm_err compute(work *w, alm_realised *out)
{
    const alm_realised_options *o = w->o;
    const alm_snapshot_record *record;
    alm_run_catalog catalog;
    ALM_TRY(newest_snapshot(o, w->scratch, &record, w->error));
    if (!record) {
        return ALM_OK;
    }
    alm_digest manifest = alm_hash_bytes(record->manifest.data, record->manifest.size);
    ALM_TRY(alm_snapshot_read(o->stores.objects, alm_digest_str(&manifest, w->scratch), w->scratch,
                              &w->snapshot, w->error));
    const alm_source *source = alm_project_source(o->project, o->project->series.source);
    out->snapshot_id = (alm_str){alm_arena_copy_text(w->arena, w->snapshot.id.data,
                                                     w->snapshot.id.size), w->snapshot.id.size};
    out->end = w->snapshot.end;
    ALM_TRY(alm_run_catalog_read(&o->stores, w->scratch, &catalog, w->error));
    choose_runs(w, &catalog, w->snapshot.end - (source ? source->publication_delay : 0));
    if (w->runs == 0) {
        return ALM_OK;
    }
    ALM_TRY(read_actuals(w));
    return compare_all(w, out);
}

alm_err alm_realised_compute(const alm_realised_options *options, alm_arena *arena,
                             alm_realised *out, alm_error *error)
{
    alm_error own;
    alm_realised made = {.end = ALM_DATE_NONE};
    work w = {.o = options, .arena = arena, .scratch = alm_arena_create(0),
              .error = error ? error : &own};
    alm_err code = compute(&w, &made);
    alm_arena_destroy(w.scratch);
    if (code == ALM_OK) {
        *out = made;
    }
    return code;
}

const alm_realised_release *alm_realised_find(const alm_realised *realised, alm_str release)
{
    for (size_t i = 0; realised && i < realised->releases; i++) {
        const alm_realised_release *one = &realised->release[i];
        if (alm_str_equal(one->release, release) && one->levels > 0) {
            return one;
        }
    }
    return NULL;
}

void alm_realised_report_destroy(void *memory)
{
    alm_realised_report *report = memory;
    if (report) {
        alm_arena_destroy(report->arena);
    }
}
