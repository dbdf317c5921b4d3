/* pipeline_fixture.h: a bundle with a made-up forest over the synthetic project, and a sink that
 * keeps everything that a pipeline run gives. Only *_test.c include it. */
#ifndef ALM_PIPELINE_PIPELINE_FIXTURE_H
#define ALM_PIPELINE_PIPELINE_FIXTURE_H

#include "model/forest/forest_cases.h"
#include "pipeline/pipeline.h"
#include "project/synthetic_project.h"

/* The identity calibration, a blend in every class, aggregates as sums. */
static inline alm_method synthetic_method(int paths)
{
    alm_method m = {.horizon = SYNTHETIC_HORIZON, .paths = paths, .templates = 12, .season = 7,
                    .seed = 5, .counts = true, .block_count = 1, .base_score = {1.5},
                    .quantile_count = 5,
                    .quantile = {.05, .1, .5, .9, .95}};
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        m.weight[c] = c == ALM_CLASS_aggregate ? 1 : .5;
    }
    memcpy(m.remap[0], alm_shape_levels(), sizeof m.remap[0]);
    memcpy(m.remap[1], alm_shape_levels(), sizeof m.remap[1]);
    for (int b = 0; b < ALM_SHAPE_BINS; b++) {
        m.bin_edge[b] = (b + 1) / (double)ALM_SHAPE_BINS;
        for (int k = 0; k < ALM_SHAPE_LEVELS; k++) {
            m.bin_shape[b][k] = 2 * alm_shape_levels()[k];
        }
    }
    return m;
}

static inline alm_str fixture_keep(alm_arena *arena, alm_buffer *text)
{
    alm_assert(alm_buffer_status(text, NULL) == ALM_OK);
    alm_str kept = {alm_arena_copy_text(arena, text->data, text->size), text->size};
    alm_buffer_deinit(text);
    return kept;
}

/* Parts of a bundle with the project's features; the forest is random and sees all of them. */
static inline alm_bundle_parts synthetic_parts(fixture *f, const alm_feature_schema *schema,
                                               const alm_method *method)
{
    const alm_project *p = f->project;
    alm_feature_plan *plan = NULL;
    alm_err code = alm_feature_plan_compile(p->features, p->feature_count, p->models[0].blocks,
                                            p->models[0].block_count, schema, &plan, &f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
    alm_buffer plan_text = {0};
    alm_buffer method_text = {0};
    alm_feature_plan_write(plan, &plan_text);
    alm_method_write(method, &method_text);
    forest_shape shape = {.trees = 6, .outputs = 1, .features = alm_feature_plan_width(plan),
                          .leaves = 8, .grid = 4};
    alm_feature_plan_destroy(plan);
    return (alm_bundle_parts){.model = ALM_STR("demand"),
                              .training_run_id = ALM_STR("run"),
                              .inputs = ALM_STR("{\"seed\":5}"),
                              .feature_version = ALM_STR("features"),
                              .snapshot_id = ALM_STR("snapshot"),
                              .plan = fixture_keep(f->arena, &plan_text),
                              .encoders = ALM_STR("[]"),
                              .mean_model = {case_text(f->arena, &shape, 3)},
                              .method = fixture_keep(f->arena, &method_text),
                              .report = ALM_STR("{}")};
}

/* And random quantile forests beside it, for every level of a method of `levels` quantiles. */
static inline void synthetic_quantiles(fixture *f, size_t levels, alm_bundle_parts *parts)
{
    forest_shape shape = {.trees = 6, .outputs = 1, .features = f->project->feature_count,
                          .leaves = 8, .grid = 4};
    for (size_t k = 0; k < levels; k++) {
        parts->quantile_model[k][0] = case_text(f->arena, &shape, 50 + k);
    }
}

typedef struct kept_forecast { /* arrays as in alm_forecast, kept */
    bool aggregate;
    alm_forecast f;
    alm_explanation *lines; /* steps x ALM_EXPLANATIONS_MAX, the unused ones zero */
} kept_forecast;

typedef struct kept_forecasts {
    alm_arena *arena;
    kept_forecast *list;
    size_t count, leaves, room, steps, quantiles;
    size_t fail_at; /* block that the sink refuses, from 1; 0: none */
    size_t blocks;
} kept_forecasts;

static inline const double *keep_doubles(kept_forecasts *k, const double *from, size_t count)
{
    double *to = ALM_NEW_ARRAY(k->arena, double, count);
    if (from) {
        memcpy(to, from, count * sizeof *to);
    }
    return to;
}

static inline alm_err keep_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    kept_forecasts *k = context;
    if (++k->blocks == k->fail_at) {
        return alm_fail(error, ALM_ERR_LIMIT, "the sink is full");
    }
    k->steps = block->steps;
    for (size_t i = 0; i < block->count; i++) {
        alm_assert(k->count < k->room);
        kept_forecast *to = &k->list[k->count++];
        const alm_forecast *from = &block->forecasts[i];
        to->aggregate = block->aggregates;
        k->leaves += !block->aggregates;
        to->f = *from;
        to->f.mean = keep_doubles(k, from->mean, block->steps);
        to->f.base_mean = keep_doubles(k, from->base_mean, block->steps);
        to->f.base_marginal_mean = keep_doubles(k, from->base_marginal_mean, block->steps);
        to->f.quantile = keep_doubles(k, from->quantile, block->steps * k->quantiles);
        to->f.shape = keep_doubles(k, from->shape, ALM_SHAPE_LEVELS);
        to->f.stockout_probability = keep_doubles(k, from->stockout_probability, block->steps);
        to->f.shortfall = keep_doubles(k, from->shortfall, block->steps);
        uint8_t *counts = ALM_NEW_ARRAY(k->arena, uint8_t, block->steps);
        to->lines = ALM_NEW_ARRAY(k->arena, alm_explanation, block->steps * ALM_EXPLANATIONS_MAX);
        for (size_t h = 0; h < block->steps; h++) {
            counts[h] = from->explanation_count[h];
            for (size_t line = 0; line < counts[h]; line++) {
                size_t at = h * ALM_EXPLANATIONS_MAX + line;
                const alm_explanation *e = &from->explanation[at];
                to->lines[at] = (alm_explanation){
                    alm_arena_copy_text(k->arena, e->feature, strlen(e->feature)),
                    e->contribution};
            }
        }
        if (from->analogue) {
            uint32_t *analogue = ALM_NEW_ARRAY(k->arena, uint32_t, ALM_ANALOGUES_MAX);
            memcpy(analogue, from->analogue, ALM_ANALOGUES_MAX * sizeof *analogue);
            to->f.analogue = analogue;
        }
        to->f.explanation = to->lines;
        to->f.explanation_count = counts;
        to->f.method = alm_arena_copy_text(k->arena, from->method, strlen(from->method));
    }
    return ALM_OK;
}

typedef struct pipeline_case {
    const char *end;  /* NULL: SYNTHETIC_END */
    size_t block_series; /* 0: 256 */
    int delay;
    bool no_stock;
    size_t sink_fails_at;
    alm_fs *fs; /* for the run; NULL: the fixture's */
} pipeline_case;

/* Runs the pipeline over the snapshot with a bundle of these parts. */
static inline alm_err pipeline_case_run(fixture *f, const alm_snapshot *snapshot,
                                        const alm_bundle_parts *parts, const pipeline_case *c,
                                        alm_arena *arena, kept_forecasts *out)
{
    alm_date end = fixture_date(c->end ? c->end : SYNTHETIC_END);
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = end, .future = SYNTHETIC_HORIZON,
                                 .membership_date = fixture_date(SYNTHETIC_END),
                                 .block_series = c->block_series ? c->block_series : 256};
    alm_panel_source *source = NULL;
    alm_bundle *bundle = NULL;
    alm_err code = alm_panel_source_open(&f->env, f->project, f->objects, snapshot, &options,
                                         &source, &f->error);
    if (code == ALM_OK) {
        code = alm_bundle_of_parts(parts, alm_panel_source_schema(source), &bundle, &f->error);
    }
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
    size_t room = SYNTHETIC_SERIES + alm_panel_source_hierarchy(source)->node_count;
    *out = (kept_forecasts){.arena = arena, .list = ALM_NEW_ARRAY(arena, kept_forecast, room),
                            .room = room, .quantiles = bundle->method.quantile_count,
                            .fail_at = c->sink_fails_at};
    alm_forecast_sink sink = {keep_block, out};
    alm_pipeline_request request = {.bundle = bundle, .source = source, .scratch = f->root,
                                    .delay = c->delay, .explain = true, .stock = !c->no_stock};
    alm_env env = f->env;
    env.fs = c->fs ? c->fs : f->fs;
    code = alm_pipeline_run(&env, &request, &sink, &f->error);
    alm_bundle_destroy(bundle);
    alm_panel_source_close(source);
    return code;
}

static inline bool same_doubles(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

/* The first difference as text, or NULL when every bit is the same. */
static inline const char *kept_difference(const kept_forecasts *a, const kept_forecasts *b)
{
    if (a->count != b->count || a->steps != b->steps || a->leaves != b->leaves) {
        return "number of forecasts";
    }
    for (size_t i = 0; i < a->count; i++) {
        const alm_forecast *x = &a->list[i].f;
        const alm_forecast *y = &b->list[i].f;
        size_t n = a->steps;
        if (x->index != y->index || x->fallback != y->fallback || x->has_stock != y->has_stock ||
            x->class_of_series != y->class_of_series || strcmp(x->method, y->method) != 0) {
            return alm_arena_printf(a->arena, "facts of forecast %zu", i);
        }
        if (!same_doubles(x->mean, y->mean, n) || !same_doubles(x->base_mean, y->base_mean, n) ||
            !same_doubles(x->base_marginal_mean, y->base_marginal_mean, n) ||
            !same_doubles(x->shape, y->shape, ALM_SHAPE_LEVELS) ||
            !same_doubles(x->quantile, y->quantile, n * a->quantiles)) {
            return alm_arena_printf(a->arena, "numbers of forecast %zu", i);
        }
        if (!same_doubles(x->stockout_probability, y->stockout_probability, n) ||
            !same_doubles(x->shortfall, y->shortfall, n) ||
            (x->has_stock && x->days_to_stockout != y->days_to_stockout)) {
            return alm_arena_printf(a->arena, "stock-out of forecast %zu", i);
        }
        for (size_t line = 0; line < n * ALM_EXPLANATIONS_MAX; line++) {
            const alm_explanation *p = &a->list[i].lines[line];
            const alm_explanation *q = &b->list[i].lines[line];
            if (!same_doubles(&p->contribution, &q->contribution, 1) ||
                strcmp(p->feature ? p->feature : "", q->feature ? q->feature : "") != 0) {
                return alm_arena_printf(a->arena, "explanation of forecast %zu", i);
            }
        }
    }
    return NULL;
}

#endif
