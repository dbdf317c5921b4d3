#include "pipeline/pipeline.h"

#include <math.h>
#include <string.h>

#include "model/statistical/rare/count.h"
#include "pipeline/pipeline_internal.h"

#define ROUNDS_DEFAULT 3

static alm_profile pooled_profile(almi_pipeline *run, const alm_panel *nodes)
{
    double *total = ALM_NEW_ARRAY(run->arena, double, nodes->periods);
    uint8_t *closed = ALM_NEW_ARRAY(run->arena, uint8_t, nodes->periods);
    alm_profile_totals(nodes, run->hierarchy, total, closed);
    return alm_profile_of(total, closed, nodes->start, run->origin, run->delay);
}

static alm_err allocate(almi_pipeline *run, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(run->arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err check_memory(const almi_pipeline *run, alm_error *error)
{
    uint64_t block = 256 * (uint64_t)run->width * sizeof(double);
    uint64_t bytes = 4 * (uint64_t)run->node_count * run->width * sizeof(double) + block;
    uint64_t limit = run->env->memory_limit_bytes;
    if (limit && bytes > limit) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu aggregate nodes x %zu paths x %zu steps need "
                        "%llu MB; the limit is %llu MB: use fewer paths or levels",
                        run->node_count, run->paths, run->steps,
                        (unsigned long long)(bytes >> 20), (unsigned long long)(limit >> 20));
    }
    return ALM_OK;
}

static alm_err prepare_explaining(almi_pipeline *run, almi_worker *worker, alm_error *error)
{
    const alm_bundle *bundle = run->request->bundle;
    if (!run->request->explain) {
        return ALM_OK;
    }
    worker->forest = ALM_NEW_ARRAY(run->arena, alm_forest_scratch *, bundle->model_count + 1);
    for (size_t b = 0; b < bundle->model_count; b++) {
        ALM_TRY(alm_forest_scratch_create(bundle->models[b].explainer, &worker->forest[b], error));
    }
    return ALM_OK;
}

/* Room to find the sums that are lower bounds, where the bundle has a forecaster that knows what to
 * do with one: others take no notice. */
static alm_err prepare_bounds(almi_pipeline *run, alm_error *error)
{
    const alm_kind_table *kinds = &run->request->bundle->kinds;
    return kinds->kind[ALM_CLASS_aggregate][0] == &alm_count && run->node_count > 0
               ? alm_arena_try_array(run->arena, run->node_count * run->aggregates->periods,
                                     sizeof *run->sellers, &run->sellers, error)
               : ALM_OK;
}

static alm_err prepare(almi_pipeline *run, alm_error *error)
{
    const alm_panel *nodes = alm_panel_source_aggregates(run->request->source);
    run->aggregates = nodes;
    run->hierarchy = alm_panel_source_hierarchy(run->request->source);
    run->leaf_count = alm_panel_source_series(run->request->source);
    run->node_count = run->hierarchy->node_count;
    run->steps = (size_t)run->method->horizon;
    run->paths = (size_t)run->method->paths;
    run->width = (run->paths + 1) * run->steps;
    run->delay = (size_t)run->request->delay;
    if (nodes->periods <= run->delay || nodes->future < run->steps) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the panel has %zu periods and %zu days of "
                        "calendar ahead; %zu and %zu are needed", nodes->periods, nodes->future,
                        run->delay + 1, run->steps);
    }
    run->origin = nodes->periods - 1;
    run->templates = alm_path_template_count(run->method, run->origin, run->delay);
    run->profile = pooled_profile(run, nodes);
    run->block_count = alm_panel_source_blocks(run->request->source);
    run->block_counts = ALM_NEW_ARRAY(run->arena, size_t, run->block_count + 1);
    int threads = alm_pool_threads(run->env->pool);
    run->workers = ALM_NEW_ARRAY(run->arena, almi_worker, (size_t)threads);
    for (int i = 0; i < threads; i++) {
        run->workers[i] = (almi_worker){.block = alm_arena_create(1 << 20),
                                        .batch = alm_arena_create(1 << 20),
                                        .scratch = alm_arena_create(1 << 18),
                                        .nodes = alm_arena_create(0)};
        ALM_TRY(prepare_explaining(run, &run->workers[i], error));
    }
    ALM_TRY(check_memory(run, error));
    ALM_TRY(allocate(run, run->leaf_count, &run->leaf_variance, error));
    ALM_TRY(allocate(run, run->leaf_count, &run->leaf_level, error));
    run->nonzero_share = ALM_NEW_ARRAY(run->arena, float, run->leaf_count);
    ALM_TRY(allocate(run, run->node_count * run->steps, &run->bottom_up, error));
    ALM_TRY(allocate(run, run->node_count * run->width, &run->sums, error));
    ALM_TRY(prepare_bounds(run, error));
    ALM_TRY(almi_rule_prepare(run, error));
    alm_spill_shape shape = {run->steps, run->templates};
    char *path = alm_arena_printf(run->arena, "%s/leaves", run->request->scratch);
    return alm_spill_open(run->env->fs, path, shape, &run->spill, error);
}

static alm_err solve_rounds(almi_pipeline *run, alm_error *error)
{
    size_t cells = run->node_count * run->width;
    double *node_variance = NULL;
    ALM_TRY(allocate(run, run->node_count, &node_variance, error));
    for (size_t n = 0; n < run->node_count; n++) {
        node_variance[n] = almi_marginal_variance(&run->nodes[n].base, run->steps);
    }
    ALM_TRY(allocate(run, cells, &run->targets, error));
    ALM_TRY(allocate(run, cells, &run->lambda, error));
    ALM_TRY(allocate(run, 2 * cells, &run->round_scratch, error));
    ALM_TRY(alm_reconciler_create(run->hierarchy, run->leaf_variance, node_variance,
                                  &run->reconciler, error));
    almi_node_targets(run);
    int rounds = run->request->rounds > 0 ? run->request->rounds : ROUNDS_DEFAULT;
    for (int round = 0; round < rounds; round++) {
        ALM_TRY(almi_pass_paths(run, NULL, error));
        alm_reconciler_round(run->reconciler, run->targets, run->sums, run->width, run->lambda,
                             run->round_scratch);
    }
    return ALM_OK;
}

static alm_err node_block(almi_pipeline *run, const alm_forecast_sink *sink, alm_error *error)
{
    alm_arena_reset(run->block_arena);
    alm_forecast *forecasts = ALM_NEW_ARRAY(run->block_arena, alm_forecast, run->node_count);
    for (size_t n = 0; n < run->node_count; n++) {
        almi_node *node = &run->nodes[n];
        alm_arena_reset(run->workers[0].scratch);
        almi_readout in = {.run = run,
                           .base = &node->base,
                           .base_mean = node->base.mean,
                           .values = run->sums + n * run->width,
                           .rank = node->rank,
                           .on_hand = NAN,
                           .arena = run->block_arena,
                           .scratch = run->workers[0].scratch};
        forecasts[n].index = n;
        almi_read_out(&in, &forecasts[n]);
    }
    alm_forecast_block block = {.aggregates = true,
                                .count = run->node_count,
                                .steps = run->steps,
                                .forecasts = forecasts,
                                .panel = alm_panel_source_aggregates(run->request->source),
                                .templates = run->templates,
                                .lambda = run->lambda};
    return run->node_count ? sink->block(sink->context, &block, error) : ALM_OK;
}

static alm_err run_passes(almi_pipeline *run, const alm_forecast_sink *sink, alm_error *error)
{
    ALM_TRY(prepare(run, error));
    ALM_TRY(almi_pass_base(run, error));
    ALM_TRY(almi_pass_nodes(run, error));
    if (run->node_count && run->method->weight[ALM_CLASS_aggregate] < 1) { /* not bottom-up */
        ALM_TRY(run->rule ? almi_rule_solve(run, error) : solve_rounds(run, error));
    }
    ALM_TRY(almi_pass_paths(run, sink, error));
    return node_block(run, sink, error);
}

alm_err alm_pipeline_run(const alm_env *env, const alm_pipeline_request *request,
                         const alm_forecast_sink *sink, alm_error *error)
{
    almi_pipeline run = {.env = env,
                         .request = request,
                         .method = &request->bundle->method,
                         .rule = request->bundle->parts.reconcile.size > 0 ? &request->bundle->rule
                                                                           : NULL,
                         .arena = alm_arena_create(0),
                         .block_arena = alm_arena_create(1 << 20)};
    alm_err code = run_passes(&run, sink, error);
    alm_reconciler_destroy(run.reconciler);
    alm_reconciliation_destroy(run.weights);
    alm_spill_close(run.spill);
    for (int i = 0; run.workers && i < alm_pool_threads(env->pool); i++) {
        for (size_t b = 0; run.workers[i].forest && b < request->bundle->model_count; b++) {
            alm_forest_scratch_destroy(run.workers[i].forest[b]);
        }
        alm_arena_destroy(run.workers[i].block);
        alm_arena_destroy(run.workers[i].batch);
        alm_arena_destroy(run.workers[i].scratch);
        alm_arena_destroy(run.workers[i].nodes);
    }
    alm_arena_destroy(run.block_arena);
    alm_arena_destroy(run.arena);
    return code;
}
