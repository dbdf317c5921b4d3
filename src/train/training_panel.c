#include "train/training_panel.h"

#include "feature/sold_out.h"
#include "pipeline/sold_out_sums.h"

static alm_err check_memory(const alm_env *env, const alm_panel *block, size_t series,
                            bool imputes, alm_error *error)
{
    uint64_t cells = (uint64_t)series * block->periods;
    uint64_t doubles = (uint64_t)block->column_count + (imputes ? 1 : 0);
    uint64_t bytes = cells * (1 + 8 * doubles);
    if (env->memory_limit_bytes && bytes > env->memory_limit_bytes) {
        return alm_fail(error, ALM_ERR_LIMIT, "training keeps the panel in memory: %zu series x "
                        "%zu days need %llu MB, the limit is %llu MB", series, block->periods,
                        (unsigned long long)(bytes >> 20),
                        (unsigned long long)(env->memory_limit_bytes >> 20));
    }
    return ALM_OK;
}

static alm_err read_blocks(const alm_env *env, alm_panel_source *source,
                           alm_training_panel *panel, alm_error *error)
{
    alm_sold_out_rule rule = alm_panel_source_schema(source)->sold_out;
    ALM_TRY(alm_panel_source_rewind(source, error));
    for (size_t b = 0; b < panel->block_count; b++) {
        ALM_TRY(alm_panel_source_next(source, panel->arena, &panel->blocks[b], error));
        if (b == 0) {
            panel->block_series = panel->blocks[0].series_count;
            ALM_TRY(check_memory(env, &panel->blocks[0], panel->series_count,
                                 rule != ALM_SOLD_OUT_MASKED, error));
        }
        ALM_TRY(alm_sold_out_impute(&panel->blocks[b], rule, panel->arena, error));
        alm_env_progress(env, "reading series", b + 1, panel->block_count);
    }
    return ALM_OK;
}

static alm_err mark_sums(alm_training_panel *panel, alm_error *error)
{
    size_t cells = panel->aggregates->series_count * panel->blocks[0].periods;
    alm_sellers *of_node = NULL;
    bool any = false;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = alm_arena_try_array(scratch, cells, sizeof *of_node, &of_node, error);
    for (size_t b = 0; code == ALM_OK && b < panel->block_count; b++) {
        any = alm_sellers_add(panel->hierarchy, &panel->blocks[b], of_node) || any;
    }
    if (code == ALM_OK && any) {
        code = alm_sold_out_sums(panel->aggregates, of_node, panel->arena, &panel->aggregates,
                                 error);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err alm_training_panel_read(const alm_env *env, alm_panel_source *source, size_t delay,
                                alm_training_panel *out, alm_error *error)
{
    alm_training_panel panel = {.arena = alm_arena_create(1 << 20),
                                .block_count = alm_panel_source_blocks(source),
                                .series_count = alm_panel_source_series(source),
                                .delay = delay,
                                .aggregates = alm_panel_source_aggregates(source),
                                .hierarchy = alm_panel_source_hierarchy(source)};
    panel.blocks = ALM_NEW_ARRAY(panel.arena, alm_panel, panel.block_count + 1);
    alm_err code = panel.series_count ? read_blocks(env, source, &panel, error)
                                      : alm_fail(error, ALM_ERR_INVALID, "the snapshot has no "
                                                 "series to train on");
    if (code == ALM_OK) {
        code = mark_sums(&panel, error);
    }
    if (code != ALM_OK) {
        alm_arena_destroy(panel.arena);
        return code;
    }
    size_t periods = panel.blocks[0].periods;
    panel.total = ALM_NEW_ARRAY(panel.arena, double, periods);
    panel.closed = ALM_NEW_ARRAY(panel.arena, uint8_t, periods);
    alm_profile_totals(panel.aggregates, panel.hierarchy, panel.total, panel.closed);
    *out = panel;
    return ALM_OK;
}

void alm_training_panel_deinit(alm_training_panel *panel)
{
    alm_arena_destroy(panel->arena);
    *panel = (alm_training_panel){0};
}

alm_history_view alm_training_view(const alm_training_panel *panel, size_t series, size_t origin,
                                   const alm_profile *profile)
{
    return (alm_history_view){&panel->blocks[series / panel->block_series],
                              series % panel->block_series, origin, panel->delay, *profile};
}

alm_profile alm_training_profile(const alm_training_panel *panel, size_t origin)
{
    return alm_profile_of(panel->total, panel->closed, panel->blocks[0].start, origin,
                          panel->delay);
}
