/* pass_reconcile.c: what makes leaves and aggregates add up when the bundle has a rule for it.
 *
 * Whatever the method, it ends in `lambda`, a few rows of numbers from which pass_paths.c makes
 * every leaf's result out of its own forecast alone (alm_leaf_adjust), so that the passes over the
 * leaves, the file of sample paths and the online service stay what they are.
 *
 *   bottom-up   nothing
 *   top-down    the rows of the level that is split: its forecasts (shares of the past), or what
 *               its leaves' forecasts are multiplied by (shares of the forecasts)
 *   weights     the multipliers of the optimum under y >= 0. Columns are independent, so paths come
 *               some at a time: the forecasts of all leaves for a few paths are in memory, are
 *               reconciled, and leave their multipliers behind. Batches and threads do not change
 *               the bits. */
#include <math.h>
#include <string.h>

#include "pipeline/pipeline_internal.h"

#define BATCH_BYTES ((size_t)192 << 20) /* forecasts that are in memory */
#define GROUP_BYTES ((size_t)1 << 20)   /* of them solved at once: what a cache holds */
#define ARRAYS_PER_PATH 12              /* forecasts, results and the temporaries of the solver */
#define LEAVES_PER_TASK 32

/* ---- top-down ---- */

static uint32_t level_of(const almi_pipeline *run)
{
    uint32_t level = 0;
    while (level < run->hierarchy->level_count &&
           !alm_str_equal(run->hierarchy->levels[level].name, run->rule->from)) {
        level++;
    }
    return level;
}

static uint32_t node_above(const alm_hierarchy *h, size_t leaf, uint32_t level)
{
    return h->node_of_leaf[leaf * h->level_count + level];
}

double almi_past_share(const almi_pipeline *run, const alm_panel *panel, size_t series)
{
    size_t end = alm_published_end(run->origin, run->delay);
    bool of_averages = run->rule->method == ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES;
    const alm_panel *nodes = alm_panel_source_aggregates(run->request->source);
    uint32_t node = node_above(run->hierarchy, panel->first_series + series, run->from_level);
    double sum = 0;
    for (size_t t = 0; t < end; t++) {
        double own = alm_panel_value(panel, 0, series, t);
        double total = of_averages ? 1 : alm_panel_value(nodes, 0, node, t);
        sum += isfinite(own) && isfinite(total) && total > 0 ? own / total : 0;
    }
    return sum;
}

/* Shares of a node's leaves add up to 1; of nothing they are equal. */
static void complete_shares(almi_pipeline *run)
{
    const alm_hierarchy *h = run->hierarchy;
    double *total = ALM_NEW_ARRAY(run->arena, double, h->node_count);
    for (size_t leaf = 0; leaf < run->leaf_count; leaf++) {
        total[node_above(h, leaf, run->from_level)] += run->leaf_share[leaf];
    }
    for (size_t leaf = 0; leaf < run->leaf_count; leaf++) {
        uint32_t node = node_above(h, leaf, run->from_level);
        run->leaf_share[leaf] = total[node] > 0 ? run->leaf_share[leaf] / total[node]
                                                : 1.0 / h->leaves_of_node[node];
    }
}

/* run->targets of `level` + 1 become shares of what `level` was given; in columns where all of them
 * are 0, by the number of leaves. */
static void split_level(almi_pipeline *run, uint32_t level, double *sums)
{
    const alm_hierarchy *h = run->hierarchy;
    const alm_hierarchy_level *below = &h->levels[level + 1];
    size_t width = run->width;
    uint32_t *parent = ALM_NEW_ARRAY(run->arena, uint32_t, h->node_count);
    for (size_t leaf = 0; leaf < run->leaf_count; leaf++) {
        parent[node_above(h, leaf, level + 1)] = node_above(h, leaf, level);
    }
    memset(sums, 0, h->node_count * width * sizeof *sums);
    for (uint32_t n = below->first_node; n < below->first_node + below->node_count; n++) {
        for (size_t c = 0; c < width; c++) {
            sums[parent[n] * width + c] += run->targets[n * width + c];
        }
    }
    for (uint32_t n = below->first_node; n < below->first_node + below->node_count; n++) {
        double equal = (double)h->leaves_of_node[n] / h->leaves_of_node[parent[n]];
        for (size_t c = 0; c < width; c++) {
            double sum = sums[parent[n] * width + c];
            double *own = &run->targets[n * width + c];
            double share = sum > 0 ? *own / sum : equal;
            *own = share * run->targets[parent[n] * width + c];
        }
    }
}

/* What the leaves of a node of the last level are multiplied by; where all are 0, less what each of
 * them gets. */
static alm_err split_by_forecasts(almi_pipeline *run, double *lambda, alm_error *error)
{
    const alm_hierarchy *h = run->hierarchy;
    if (!h->is_tree && run->from_level + 1 < h->level_count) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "top_down_forecast_proportions goes down a "
                        "tree, but the levels of this hierarchy cross: set reconcile_from to its "
                        "last level, " ALM_STR_FMT ", or take another method",
                        ALM_STR_ARG(h->levels[h->level_count - 1].name));
    }
    ALM_TRY(almi_pass_paths(run, NULL, error)); /* sums of the leaves' forecasts */
    double *sums = NULL;
    ALM_TRY(alm_arena_try_array(run->arena, run->node_count * run->width, sizeof(double), &sums,
                                error));
    for (uint32_t level = run->from_level; level + 1 < h->level_count; level++) {
        split_level(run, level, sums);
    }
    const alm_hierarchy_level *last = &h->levels[h->level_count - 1];
    for (uint32_t n = last->first_node; n < last->first_node + last->node_count; n++) {
        for (size_t c = 0; c < run->width; c++) {
            size_t at = n * run->width + c;
            lambda[at] = run->sums[at] > 0 ? run->targets[at] / run->sums[at]
                                           : -run->targets[at] / h->leaves_of_node[n];
        }
    }
    return ALM_OK;
}

static alm_err solve_top_down(almi_pipeline *run, double *lambda, alm_error *error)
{
    if (run->rule->method == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS) {
        run->leaf_rule = ALM_LEAF_SCALE;
        return split_by_forecasts(run, lambda, error);
    }
    const alm_hierarchy_level *from = &run->hierarchy->levels[run->from_level];
    size_t at = from->first_node * run->width;
    run->leaf_rule = ALM_LEAF_SHARE;
    complete_shares(run);
    memcpy(lambda + at, run->targets + at, from->node_count * run->width * sizeof(double));
    return ALM_OK;
}

/* ---- weights ---- */

static void put_weight(const almi_pipeline *run, size_t row, alm_reconcile_node node, double own,
                       double *variance)
{
    const alm_reconcile_rule *rule = run->rule;
    size_t at = alm_reconcile_rule_find(rule, &node);
    variance[row] = at == SIZE_MAX ? own : rule->variance[at];
    if (at != SIZE_MAX && rule->factor_count > 0) {
        memcpy(run->factor + row * rule->factor_count, rule->factor + at * rule->factor_count,
               rule->factor_count * sizeof(double));
    }
}

/* Of this run's nodes, out of what was learned of those of the training. */
static alm_err learned_weights(almi_pipeline *run, alm_reconcile_weights *out, alm_error *error)
{
    const alm_hierarchy *h = run->hierarchy;
    size_t rows = alm_hierarchy_row_count(h);
    double *variance = NULL;
    ALM_TRY(alm_arena_try_array(run->arena, rows, sizeof(double), &variance, error));
    ALM_TRY(alm_arena_try_array(run->arena, rows * run->rule->factor_count, sizeof(double),
                                &run->factor, error));
    for (uint32_t level = 0; level < h->level_count; level++) {
        uint32_t first = h->levels[level].first_node;
        for (uint32_t n = first; n < first + h->levels[level].node_count; n++) {
            alm_reconcile_node node = {h->levels[level].name, h->node_names[n]};
            double own = almi_marginal_variance(&run->nodes[n].base, run->steps);
            put_weight(run, n, node, own, variance);
        }
    }
    for (size_t leaf = 0; leaf < run->leaf_count; leaf++) {
        alm_arena_reset(run->block_arena);
        alm_reconcile_node node = {
            ALM_STR(""), alm_panel_source_node_name(run->request->source, leaf, run->block_arena)};
        put_weight(run, run->node_count + leaf, node, run->leaf_variance[leaf], variance);
    }
    *out = (alm_reconcile_weights){variance, run->factor, run->rule->factor_count};
    return ALM_OK;
}

/* Some paths of all nodes. The mean counts as one more path, behind the others. */
typedef struct group {
    size_t first, count;
    double *forecast; /* rows x (count x steps) */
    alm_reconcile_outcome outcome;
} group;

typedef struct batch {
    almi_pipeline *run;
    group *groups;
    size_t group_count;
    const alm_leaf *leaves; /* of the block at hand */
    size_t first_leaf, leaf_count;
} batch;

static void put_paths(const almi_pipeline *run, const group *g, size_t row, alm_path_node node)
{
    double *out = g->forecast + row * g->count * run->steps;
    size_t made = g->first + g->count > run->paths ? run->paths - g->first : g->count;
    alm_paths_make(run->method, &node, run->templates, g->first, made, out);
    if (made < g->count) {
        memcpy(out + made * run->steps, node.mean, run->steps * sizeof(double));
    }
}

static alm_err leaf_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    const batch *b = context;
    size_t end = (task + 1) * LEAVES_PER_TASK;
    end = end < b->leaf_count ? end : b->leaf_count;
    for (size_t i = task * LEAVES_PER_TASK; i < end; i++) {
        const alm_leaf *leaf = &b->leaves[i];
        size_t index = b->first_leaf + i;
        alm_path_node node = {index, leaf->base.mean, leaf->base.history.shape, leaf->rank};
        for (size_t g = 0; g < b->group_count; g++) {
            put_paths(b->run, &b->groups[g], b->run->node_count + index, node);
        }
    }
    return ALM_OK;
}

static alm_err read_batch(batch *b, alm_error *error)
{
    almi_pipeline *run = b->run;
    ALM_TRY(alm_spill_rewind(run->spill, error));
    b->first_leaf = 0;
    for (size_t block = 0; block < run->block_count; block++) {
        alm_arena_reset(run->block_arena);
        alm_leaf *leaves = NULL;
        b->leaf_count = run->block_counts[block];
        ALM_TRY(alm_spill_read(run->spill, b->leaf_count, run->block_arena, &leaves, error));
        almi_replace_cold(run, b->first_leaf, b->leaf_count, leaves);
        b->leaves = leaves;
        size_t tasks = (b->leaf_count + LEAVES_PER_TASK - 1) / LEAVES_PER_TASK;
        ALM_TRY(alm_pool_run(run->env->pool, tasks, leaf_task, b, error));
        b->first_leaf += b->leaf_count;
    }
    for (size_t g = 0; g < b->group_count; g++) {
        const group *one = &b->groups[g];
        size_t width = one->count * run->steps;
        for (size_t n = 0; n < run->node_count; n++) {
            memcpy(one->forecast + n * width,
                   run->targets + n * run->width + one->first * run->steps,
                   width * sizeof(double));
        }
    }
    return ALM_OK;
}

static alm_err solve_group(const almi_pipeline *run, group *g, alm_arena *scratch,
                           alm_error *error)
{
    size_t rows = alm_hierarchy_row_count(run->hierarchy);
    size_t out_rows = run->node_count + run->factor_count;
    size_t width = g->count * run->steps;
    double *values = NULL;
    double *multipliers = NULL;
    ALM_TRY(alm_arena_try_array(scratch, rows * width, sizeof(double), &values, error));
    ALM_TRY(alm_arena_try_array(scratch, out_rows * width, sizeof(double), &multipliers, error));
    memcpy(values, g->forecast, rows * width * sizeof(double));
    ALM_TRY(alm_reconciliation_apply(run->weights, values, width, &g->outcome, error));
    ALM_TRY(alm_reconciliation_multipliers(run->weights, g->forecast, values, width, multipliers,
                                           error));
    for (size_t n = 0; n < out_rows; n++) {
        memcpy(run->lambda + n * run->width + g->first * run->steps, multipliers + n * width,
               width * sizeof(double));
    }
    return ALM_OK;
}

static alm_err group_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    const batch *b = context;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = solve_group(b->run, &b->groups[task], scratch, error);
    alm_arena_destroy(scratch);
    return code;
}

/* How many paths are solved together, and for how many forecasts there is room. A column takes as
 * many rounds as the slowest of its group, so groups are small. */
static alm_err plan_batch(batch *b, size_t *each, size_t *groups, alm_error *error)
{
    almi_pipeline *run = b->run;
    size_t rows = alm_hierarchy_row_count(run->hierarchy);
    size_t path_bytes = rows * run->steps * sizeof(double);
    uint64_t limit = run->env->memory_limit_bytes;
    if (limit && path_bytes * ARRAYS_PER_PATH > limit) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s of %zu nodes x %zu steps needs %zu MB for one "
                        "sample path; the limit is %llu MB: raise it, shorten the horizon, or "
                        "reconcile bottom_up", alm_reconcile_method_name(run->rule->method), rows,
                        run->steps, path_bytes * ARRAYS_PER_PATH >> 20,
                        (unsigned long long)(limit >> 20));
    }
    size_t most = limit && limit / 8 < BATCH_BYTES ? (size_t)limit / 8 : BATCH_BYTES;
    size_t group_bytes = limit && limit / 24 < GROUP_BYTES ? (size_t)limit / 24 : GROUP_BYTES;
    *each = group_bytes > path_bytes ? group_bytes / path_bytes : 1;
    *groups = most / (*each * path_bytes) > 1 ? most / (*each * path_bytes) : 1;
    size_t all = (run->paths + *each) / *each; /* the mean included */
    *groups = *groups < all ? *groups : all; /* all of one batch when there is room */
    b->groups = ALM_NEW_ARRAY(run->arena, group, *groups);
    for (size_t g = 0; g < *groups; g++) {
        ALM_TRY(alm_arena_try_array(run->arena, rows * *each * run->steps, sizeof(double),
                                    &b->groups[g].forecast, error));
    }
    return ALM_OK;
}

static alm_err solve_batch(batch *b, size_t first, size_t each, size_t *unsettled,
                           alm_error *error)
{
    almi_pipeline *run = b->run;
    for (size_t g = 0; g < b->group_count; g++) {
        size_t left = run->paths + 1 - (first + g * each);
        b->groups[g].first = first + g * each;
        b->groups[g].count = left < each ? left : each;
    }
    ALM_TRY(read_batch(b, error));
    ALM_TRY(alm_pool_run(run->env->pool, b->group_count, group_task, b, error));
    for (size_t g = 0; g < b->group_count; g++) {
        *unsettled += b->groups[g].outcome.unsettled;
    }
    return ALM_OK;
}

static alm_err solve_weights(almi_pipeline *run, alm_error *error)
{
    alm_reconcile_request request = {.method = run->rule->method, .non_negative = true};
    if (alm_reconcile_learns(run->rule->method)) {
        ALM_TRY(learned_weights(run, &request.given, error));
    }
    ALM_TRY(alm_reconciliation_create(run->hierarchy, &request, &run->weights, error));
    batch b = {.run = run};
    size_t each = 0;
    size_t groups = 0;
    size_t unsettled = 0;
    size_t all = run->paths + 1;
    ALM_TRY(plan_batch(&b, &each, &groups, error));
    for (size_t first = 0; first < all; first += groups * each) {
        size_t left = (all - first + each - 1) / each;
        b.group_count = left < groups ? left : groups;
        ALM_TRY(solve_batch(&b, first, each, &unsettled, error));
        size_t done = first + groups * each;
        alm_env_progress(run->env, "reconciliation", done < all ? done : all, all);
    }
    if (unsettled > 0) {
        alm_env_log(run->env, ALM_LOG_WARN, "%zu of %zu columns of paths and steps add up and are "
                    "not negative, but are not proven to be the closest to the forecasts",
                    unsettled, run->width);
    }
    return ALM_OK;
}

/* ---- all ---- */

alm_err almi_rule_prepare(almi_pipeline *run, alm_error *error)
{
    const alm_hierarchy *h = run->hierarchy;
    if (!run->rule || !alm_reconcile_splits(run->rule->method)) {
        return ALM_OK;
    }
    run->from_level = level_of(run);
    if (run->from_level == h->level_count) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "the release splits the forecasts of level "
                        ALM_STR_FMT ", which `hierarchy` in almanac.yaml does not have any more: "
                        "train anew", ALM_STR_ARG(run->rule->from));
    }
    return alm_arena_try_array(run->arena, run->leaf_count, sizeof(double), &run->leaf_share,
                               error);
}

alm_err almi_rule_solve(almi_pipeline *run, alm_error *error)
{
    size_t rows = run->node_count + run->rule->factor_count;
    run->factor_count = run->rule->factor_count;
    ALM_TRY(alm_arena_try_array(run->arena, run->node_count * run->width, sizeof(double),
                                &run->targets, error));
    almi_node_targets(run);
    double *lambda = NULL;
    ALM_TRY(alm_arena_try_array(run->arena, rows * run->width, sizeof(double), &lambda, error));
    if (alm_reconcile_splits(run->rule->method)) {
        ALM_TRY(solve_top_down(run, lambda, error));
        run->lambda = lambda; /* only now: until here passes sum what was forecast */
        return ALM_OK;
    }
    run->lambda = lambda;
    return solve_weights(run, error);
}

alm_leaf_adjustment almi_leaf_adjustment(const almi_pipeline *run, size_t leaf)
{
    if (!run->rule) {
        return alm_reconciler_leaf(run->reconciler, (uint32_t)leaf);
    }
    const alm_hierarchy *h = run->hierarchy;
    alm_leaf_adjustment out = {.variance = 1,
                               .level_count = h->level_count,
                               .nodes = h->node_of_leaf + leaf * h->level_count,
                               .rule = run->leaf_rule};
    if (run->leaf_rule == ALM_LEAF_SHARE) {
        out.variance = run->leaf_share[leaf];
    } else if (run->leaf_rule == ALM_LEAF_SHIFT) {
        out.variance = alm_reconciliation_variance(run->weights, leaf);
        out.loading = run->factor + (run->node_count + leaf) * run->factor_count;
        out.factor_count = run->factor_count;
        out.first_factor = run->node_count;
    }
    return out;
}
