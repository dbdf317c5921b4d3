/* pass_paths.c: passes 2 and 3: sample paths of all leaves, adjusted, summed, read out.
 *
 * Two kinds of tasks run one after the other on a block: tasks over leaves make, adjust and read
 * out; tasks over path columns add the leaves to the aggregates, leaf by leaf in order, so that the
 * bits of the sums depend neither on threads nor on blocks. */
#include <string.h>

#include "pipeline/pipeline_internal.h"

#define LEAVES_PER_TASK 8
#define COLUMNS_PER_TASK 256

static void make_values(const almi_pipeline *run, const alm_path_node *node, double *values)
{
    alm_paths_make(run->method, node, run->templates, 0, run->paths, values);
    memcpy(values + run->paths * run->steps, node->mean, run->steps * sizeof(double));
}

static void one_leaf(almi_leaf_block *block, size_t i, almi_worker *worker)
{
    almi_pipeline *run = block->run;
    alm_leaf *leaf = &block->leaves[i];
    double *values = block->values + i * run->width;
    alm_path_node node = {block->first + i, leaf->base.mean, leaf->base.history.shape, leaf->rank};
    make_values(run, &node, values);
    alm_leaf_adjustment adjustment = {0};
    if (run->lambda) {
        adjustment = almi_leaf_adjustment(run, block->first + i);
        alm_leaf_adjust(adjustment, values, run->lambda, run->width, values);
    }
    if (block->forecasts) {
        alm_arena_reset(worker->scratch);
        almi_readout in = {.run = run,
                           .base = &leaf->base,
                           .base_mean = leaf->base.mean,
                           .values = values,
                           .rank = leaf->rank,
                           .adjustment = adjustment,
                           .on_hand = leaf->on_hand,
                           .receipts = leaf->receipts,
                           .arena = worker->block,
                           .scratch = worker->scratch};
        block->forecasts[i].index = block->first + i;
        almi_read_out(&in, &block->forecasts[i]);
    }
}

static alm_err leaf_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    almi_leaf_block *block = context;
    size_t end = (task + 1) * LEAVES_PER_TASK;
    end = end < block->count ? end : block->count;
    for (size_t i = task * LEAVES_PER_TASK; i < end; i++) {
        one_leaf(block, i, &block->run->workers[worker]);
    }
    return ALM_OK;
}

static alm_err sum_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    const almi_leaf_block *block = context;
    almi_pipeline *run = block->run;
    const alm_hierarchy *h = run->hierarchy;
    size_t first = task * COLUMNS_PER_TASK;
    size_t end = first + COLUMNS_PER_TASK < run->width ? first + COLUMNS_PER_TASK : run->width;
    for (size_t i = 0; i < block->count; i++) {
        const uint32_t *nodes = h->node_of_leaf + (block->first + i) * h->level_count;
        const double *values = block->values + i * run->width;
        for (uint32_t level = 0; level < h->level_count; level++) {
            double *sum = run->sums + (size_t)nodes[level] * run->width;
            for (size_t c = first; c < end; c++) {
                sum[c] += values[c];
            }
        }
    }
    return ALM_OK;
}

static alm_err one_block(almi_leaf_block *block, const alm_forecast_sink *sink, alm_error *error)
{
    almi_pipeline *run = block->run;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(run->block_arena, block->count * run->width * sizeof(double),
                                &memory, error));
    block->values = memory;
    if (sink) {
        block->forecasts = ALM_NEW_ARRAY(run->block_arena, alm_forecast, block->count);
    }
    size_t leaf_tasks = (block->count + LEAVES_PER_TASK - 1) / LEAVES_PER_TASK;
    ALM_TRY(alm_pool_run(run->env->pool, leaf_tasks, leaf_task, block, error));
    if (run->node_count) {
        size_t sum_tasks = (run->width + COLUMNS_PER_TASK - 1) / COLUMNS_PER_TASK;
        ALM_TRY(alm_pool_run(run->env->pool, sum_tasks, sum_task, block, error));
    }
    alm_forecast_block out = {.count = block->count,
                              .steps = run->steps,
                              .forecasts = block->forecasts,
                              .templates = run->templates,
                              .lambda = run->lambda,
                              .rule = run->leaf_rule,
                              .factor_count = run->factor_count};
    return sink ? sink->block(sink->context, &out, error) : ALM_OK;
}

void almi_replace_cold(const almi_pipeline *run, size_t first, size_t count, alm_leaf *leaves)
{
    for (size_t c = 0; c < run->cold_count; c++) {
        size_t index = run->cold_index[c];
        if (index >= first && index < first + count) {
            leaves[index - first] = *run->cold[c];
        }
    }
}

alm_err almi_pass_paths(almi_pipeline *run, const alm_forecast_sink *sink, alm_error *error)
{
    ALM_TRY(alm_spill_rewind(run->spill, error));
    memset(run->sums, 0, run->node_count * run->width * sizeof(double));
    size_t first = 0;
    for (size_t b = 0; b < run->block_count; b++) {
        alm_arena_reset(run->block_arena);
        for (int w = 0; w < alm_pool_threads(run->env->pool); w++) {
            alm_arena_reset(run->workers[w].block);
        }
        almi_leaf_block block = {.run = run, .first = first, .count = run->block_counts[b]};
        ALM_TRY(alm_spill_read(run->spill, block.count, run->block_arena, &block.leaves, error));
        almi_replace_cold(run, first, block.count, block.leaves);
        ALM_TRY(one_block(&block, sink, error));
        first += block.count;
        alm_env_progress(run->env, sink ? "sample paths" : "reconciliation", b + 1,
                         run->block_count);
    }
    return ALM_OK;
}

void almi_node_targets(almi_pipeline *run)
{
    for (size_t n = 0; n < run->node_count; n++) {
        almi_node *node = &run->nodes[n];
        alm_path_node path = {run->leaf_count + n, node->base.mean, node->base.history.shape,
                              node->rank};
        make_values(run, &path, run->targets + n * run->width);
    }
}
