/* pass_base.c: pass 1: base forecasts of the leaves, then of the aggregates. */
#include <math.h>

#include "feature/sold_out.h"
#include "pipeline/pipeline_internal.h"

#define SERIES_PER_TASK 32 /* x 28 steps: enough rows for the forest to be fast */

typedef struct base_block {
    almi_pipeline *run;
    const alm_panel *panel;
    const double *on_hand;
    double *receipts;
    alm_leaf *leaves;
} base_block;

/* Path ranks, stock and what others may borrow. */
static void complete_leaf(base_block *block, size_t series, almi_worker *worker)
{
    almi_pipeline *run = block->run;
    alm_leaf *leaf = &block->leaves[series];
    size_t index = block->panel->first_series + series;
    alm_history_view view = {block->panel, series, run->origin, run->delay, run->profile};
    alm_arena_reset(worker->scratch);
    leaf->rank = alm_path_ranks_of(run->method, &view, index, run->templates, worker->block,
                                   worker->scratch);
    leaf->on_hand = block->on_hand ? block->on_hand[series] : NAN;
    leaf->receipts = block->receipts ? block->receipts + series * block->panel->future
                                     : ALM_NEW_ARRAY(worker->block, double, run->steps);
    run->leaf_variance[index] = almi_marginal_variance(&leaf->base, run->steps);
    if (run->leaf_share) {
        run->leaf_share[index] = almi_past_share(run, block->panel, series);
    }
    const alm_history *history = &leaf->base.history;
    bool lends = history->class_of_series < ALM_CLASS_new;
    run->leaf_level[index] = lends ? history->level : 0;
    run->nonzero_share[index] = (float)history->nonzero_share;
}

static alm_err base_task(void *context, size_t task, int worker_index, alm_error *error)
{
    base_block *block = context;
    almi_pipeline *run = block->run;
    almi_worker *worker = &run->workers[worker_index];
    size_t first = task * SERIES_PER_TASK;
    size_t end = first + SERIES_PER_TASK;
    end = end < block->panel->series_count ? end : block->panel->series_count;
    alm_base_request request = {.bundle = run->request->bundle,
                                .panel = block->panel,
                                .profile = run->profile,
                                .origin = run->origin,
                                .delay = run->delay,
                                .explain = run->request->explain};
    alm_base_workspace workspace = almi_workspace(worker, worker->block);
    alm_base bases[SERIES_PER_TASK];
    ALM_TRY(alm_base_forecast(&request, first, end - first, &workspace, bases, error));
    for (size_t i = first; i < end; i++) {
        block->leaves[i].base = bases[i - first];
        complete_leaf(block, i, worker);
    }
    return ALM_OK;
}

static alm_err keep_cold(almi_pipeline *run, const base_block *block, alm_error *error)
{
    for (size_t i = 0; i < block->panel->series_count; i++) {
        if (block->leaves[i].base.fallback == ALM_FALLBACK_COLD_START) {
            size_t index = block->panel->first_series + i;
            ALM_TRY(almi_cold_keep(run, index, &block->leaves[i], error));
        }
    }
    return ALM_OK;
}

static alm_err read_block(almi_pipeline *run, alm_panel *panel, base_block *block,
                          alm_error *error)
{
    ALM_TRY(alm_panel_source_next(run->request->source, run->block_arena, panel, error));
    ALM_TRY(alm_sold_out_impute(panel, alm_feature_plan_sold_out(run->request->bundle->plan),
                                run->block_arena, error));
    *block = (base_block){.run = run, .panel = panel};
    if (panel->series_count && run->request->stock) {
        double *on_hand = NULL;
        ALM_TRY(alm_panel_source_stock(run->request->source, panel, run->block_arena, &on_hand,
                                       &block->receipts, error));
        block->on_hand = on_hand;
    }
    block->leaves = ALM_NEW_ARRAY(run->block_arena, alm_leaf, panel->series_count + 1);
    return ALM_OK;
}

static void sum_means(almi_pipeline *run, const base_block *block)
{
    for (size_t i = 0; i < block->panel->series_count; i++) {
        alm_hierarchy_add(run->hierarchy, (uint32_t)(block->panel->first_series + i), 1,
                          block->leaves[i].base.mean, run->steps, run->bottom_up);
    }
}

alm_err almi_pass_base(almi_pipeline *run, alm_error *error)
{
    ALM_TRY(alm_panel_source_rewind(run->request->source, error));
    for (size_t b = 0; b < run->block_count; b++) {
        alm_arena_reset(run->block_arena);
        for (int w = 0; w < alm_pool_threads(run->env->pool); w++) {
            alm_arena_reset(run->workers[w].block);
        }
        alm_panel panel;
        base_block block;
        ALM_TRY(read_block(run, &panel, &block, error));
        if (run->sellers) {
            run->sold_out = alm_sellers_add(run->hierarchy, &panel, run->sellers) || run->sold_out;
        }
        size_t tasks = (panel.series_count + SERIES_PER_TASK - 1) / SERIES_PER_TASK;
        ALM_TRY(alm_pool_run(run->env->pool, tasks, base_task, &block, error));
        sum_means(run, &block);
        ALM_TRY(keep_cold(run, &block, error));
        run->block_counts[b] = panel.series_count;
        ALM_TRY(alm_spill_write(run->spill, block.leaves, panel.series_count, error));
        alm_env_progress(run->env, "base forecasts", b + 1, run->block_count);
    }
    almi_cold_start(run);
    return ALM_OK;
}

/* Mean of an aggregate: w of the sum of its leaves, 1 - w of its own statistical forecast. */
static alm_err node_task(void *context, size_t n, int worker_index, alm_error *error)
{
    almi_pipeline *run = context;
    almi_worker *worker = &run->workers[worker_index];
    const alm_panel *panel = run->aggregates;
    almi_node *node = &run->nodes[n];
    alm_base_request request = {.bundle = run->request->bundle,
                                .panel = panel,
                                .profile = run->profile,
                                .origin = run->origin,
                                .delay = run->delay,
                                .aggregate = true};
    alm_base_workspace workspace = almi_workspace(worker, worker->nodes);
    ALM_TRY(alm_base_forecast(&request, n, 1, &workspace, &node->base, error));
    alm_history_view view = {panel, n, run->origin, run->delay, run->profile};
    alm_arena_reset(worker->scratch);
    node->rank = alm_path_ranks_of(run->method, &view, run->leaf_count + n, run->templates,
                                   worker->nodes, worker->scratch);
    double share = run->method->weight[ALM_CLASS_aggregate];
    for (size_t h = 0; h < run->steps; h++) {
        node->base.statistical[h] = (1 - share) * node->base.mean[h];
        node->base.flat[h] *= 1 - share;
        node->base.expected[h] = share * run->bottom_up[n * run->steps + h];
        node->base.mean[h] = node->base.expected[h] + node->base.statistical[h];
    }
    return ALM_OK;
}

alm_err almi_pass_nodes(almi_pipeline *run, alm_error *error)
{
    if (run->sold_out) {
        ALM_TRY(alm_sold_out_sums(run->aggregates, run->sellers, run->arena, &run->aggregates,
                                  error));
    }
    run->nodes = ALM_NEW_ARRAY(run->arena, almi_node, run->node_count + 1);
    return alm_pool_run(run->env->pool, run->node_count, node_task, run, error);
}
