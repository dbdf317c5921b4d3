/* online_open.c: the online state as the snapshot has it. */
#include "serve/live/online_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static alm_err take(alm_online_state *online, size_t count, size_t size, void *out,
                    alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(online->arena, count * size, &memory, error));
    memcpy(out, &memory, sizeof memory);
    return ALM_OK;
}

/* ---- what feeds a column ---- */

static const char *reader_of(const alm_online_state *online, const char *column)
{
    for (size_t i = 0; i < online->project->feature_count; i++) {
        const alm_feature_spec *feature = &online->project->features[i];
        if (feature->column && strcmp(feature->column, column) == 0) {
            return feature->name;
        }
    }
    return "of the release";
}

static alm_err feed_of(const alm_online_state *online, const alm_series_column *column,
                       almi_feed_kind *out, alm_error *error)
{
    const alm_stock_spec *stock = &online->project->stock;
    bool of_stock = stock->source.size && alm_str_equal(column->source, stock->source);
    if (column->known) {
        *out = ALMI_FEED_KNOWN;
    } else if (column->own) {
        *out = ALMI_FEED_OWN;
    } else if (of_stock && alm_str_equal(column->column, stock->on_hand)) {
        *out = ALMI_FEED_ON_HAND;
    } else if (of_stock && alm_str_equal(column->column, stock->receipts)) {
        *out = ALMI_FEED_RECEIPTS;
    } else {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "feature %s reads column " ALM_STR_FMT " of "
                        "source " ALM_STR_FMT ", of which no event can tell: without it the "
                        "feature would be missing from the snapshot's end on; serve the committed "
                        "predictions of this release, or one without the feature",
                        reader_of(online, column->name.data), ALM_STR_ARG(column->name),
                        ALM_STR_ARG(column->source));
    }
    return ALM_OK;
}

static alm_err describe_columns(alm_online_state *online, const alm_feature_schema *schema,
                                alm_error *error)
{
    const alm_series_spec *spec = &online->project->series;
    size_t groups = spec->group_count;
    online->column_count = schema->column_count;
    alm_assert(schema->column_count == 1 + spec->column_count + groups);
    online->columns = ALM_NEW_ARRAY(online->arena, almi_online_column, schema->column_count);
    online->values = ALM_NEW_ARRAY(online->arena, double, schema->column_count);
    for (size_t c = 0; c < schema->column_count; c++) {
        almi_online_column *column = &online->columns[c];
        const char *name = schema->columns[c].name;
        column->panel.name = alm_arena_copy_text(online->arena, name, strlen(name));
        column->panel.role = schema->columns[c].role;
        column->kind = c == 0 ? ALMI_FEED_TARGET : ALMI_FEED_NONE;
        if (c == 0 || !alm_feature_plan_reads(online->plan, c)) {
            continue;
        }
        if (c > spec->column_count) {
            column->kind = ALMI_FEED_GROUP;
            continue;
        }
        const alm_series_column *declared = &spec->columns[c - 1];
        ALM_TRY(feed_of(online, declared, &column->kind, error));
        column->shared = !declared->own &&
                         alm_project_source(online->project, declared->source)->key_count == 0;
        bool known = column->kind == ALMI_FEED_KNOWN;
        column->stride = online->cap + (known ? online->future : 0);
        column->said = column->kind == ALMI_FEED_OWN ? online->said_count++ : 0;
    }
    return ALM_OK;
}

/* ---- what the project says ---- */

static alm_err describe_stock(alm_online_state *online, alm_error *error)
{
    const alm_project *project = online->project;
    const alm_series_spec *series = &project->series;
    const alm_stock_spec *stock = &project->stock;
    if (series->available_source.size) {
        online->flags_stockouts = stock->source.size &&
                                  alm_str_equal(series->available_source, stock->source) &&
                                  alm_str_equal(series->available_column, stock->on_hand);
        if (!online->flags_stockouts) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED, "series: available is column " ALM_STR_FMT
                            " of source " ALM_STR_FMT ", of which no event can tell; out-of-stock "
                            "days are followed online where it is `stock: on_hand`",
                            ALM_STR_ARG(series->available_column),
                            ALM_STR_ARG(series->available_source));
        }
    }
    if (stock->source.size) {
        const alm_source *source = alm_project_source(project, stock->source);
        online->stock_known_at = source->known_at.size > 0;
        online->stock_in_advance = source->known_in_advance;
        online->stock_delay = (size_t)source->publication_delay;
    }
    return ALM_OK;
}

static alm_err describe(alm_online_state *online, const alm_online_options *options,
                        alm_error *error)
{
    const alm_panel *nodes = alm_panel_source_aggregates(options->source);
    const alm_feature_schema *schema = alm_panel_source_schema(options->source);
    const alm_series_spec *series = &online->project->series;
    online->start = nodes->start;
    online->periods = nodes->periods;
    online->future = options->horizon;
    if (nodes->future < online->future) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the panel has %zu days behind its end; a "
                        "forecast needs %zu, and one more for every day that may close",
                        nodes->future, online->future);
    }
    online->cap = nodes->periods + nodes->future - online->future;
    online->delay = (size_t)schema->delay;
    if (online->delay >= online->periods) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "nothing of the snapshot's %zu days is "
                        "published after a delay of %zu", online->periods, online->delay);
    }
    online->lag = alm_feature_plan_recursive(online->plan) ? online->delay : 0;
    online->target_known_at =
        alm_project_source(online->project, series->source)->known_at.size > 0;
    online->unknown_gaps = series->missing == ALM_MISSING_UNKNOWN;
    online->known_until = options->known_until != ALM_EVENT_NOT_SAID
                              ? options->known_until
                              : alm_instant_of_date(nodes->start + (alm_date)nodes->periods);
    online->series_count = alm_panel_source_series(options->source);
    online->key_count = series->key_count;
    ALM_TRY(describe_stock(online, error));
    return describe_columns(online, schema, error);
}

static alm_err check_memory(alm_online_state *online, uint64_t limit, alm_error *error)
{
    uint64_t state = alm_feature_plan_state_bytes(online->plan);
    uint64_t series = online->cap * (sizeof(double) + 2) + 2 * state + 2 * sizeof(almi_view);
    uint64_t shared = 0;
    for (size_t c = 0; c < online->column_count; c++) {
        const almi_online_column *column = &online->columns[c];
        uint64_t bytes = column->stride * sizeof(double);
        series += column->shared ? 0 : bytes;
        shared += column->shared ? bytes : 0;
    }
    uint64_t all = series * online->series_count + shared;
    online->bytes = all;
    if (limit && all > limit) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu series need %llu bytes each online (of them "
                        "%llu twice for the state of a plan), together %llu MB; the limit is "
                        "%llu MB: give it more, or serve the committed predictions",
                        online->series_count,
                        (unsigned long long)series, (unsigned long long)state,
                        (unsigned long long)(all >> 20), (unsigned long long)(limit >> 20));
    }
    return ALM_OK;
}

/* ---- arrays ---- */

static alm_err take_nans(alm_online_state *online, size_t count, double **out, alm_error *error)
{
    ALM_TRY(take(online, count, sizeof(double), out, error));
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = NAN;
    }
    return ALM_OK;
}

static alm_err take_arrays(alm_online_state *online, const alm_panel *nodes, alm_error *error)
{
    size_t count = online->series_count;
    ALM_TRY(take(online, count * online->key_count, sizeof(alm_str), &online->keys, error));
    ALM_TRY(take(online, count, sizeof(uint32_t), &online->first, error));
    ALM_TRY(take(online, count, sizeof(almi_entries), &online->entries, error));
    ALM_TRY(take(online, count, sizeof(almi_view *), &online->view, error));
    ALM_TRY(take(online, count, sizeof(almi_view *), &online->draft, error));
    ALM_TRY(take(online, count * nodes->static_count, sizeof(double), &online->statics, error));
    ALM_TRY(take(online, online->cap, sizeof(double), &online->totals, error));
    ALM_TRY(take(online, online->cap + online->future, 1, &online->closed, error));
    if (nodes->closed) {
        memcpy(online->closed, nodes->closed, online->cap + online->future);
    }
    for (size_t c = 0; c < online->column_count; c++) {
        almi_online_column *column = &online->columns[c];
        if (column->stride > 0) {
            ALM_TRY(take_nans(online, (column->shared ? 1 : count) * column->stride,
                              &column->values, error));
        }
    }
    const char **names = ALM_NEW_ARRAY(online->arena, const char *, nodes->static_count);
    for (size_t i = 0; i < nodes->static_count; i++) {
        const char *name = nodes->static_names[i];
        names[i] = alm_arena_copy_text(online->arena, name, strlen(name));
    }
    online->static_names = names;
    online->static_count = nodes->static_count;
    return ALM_OK;
}

static alm_err take_groupings(alm_online_state *online, const alm_hierarchy *hierarchy,
                              const alm_panel *nodes, alm_error *error)
{
    size_t room = 1;
    for (size_t c = 0; c < online->column_count; c++) {
        room += online->columns[c].kind == ALMI_FEED_GROUP;
    }
    online->groupings = ALM_NEW_ARRAY(online->arena, almi_grouping, room);
    for (size_t c = 0; c < online->column_count; c++) {
        if (online->columns[c].kind == ALMI_FEED_GROUP) {
            online->columns[c].said = online->grouping_count;
            online->groupings[online->grouping_count++].column = c;
        }
    }
    if (hierarchy->level_count > 0) {
        online->level = &online->groupings[online->grouping_count++];
        online->level->batch = nodes->columns[0].values;
    }
    for (size_t g = 0; g < online->grouping_count; g++) {
        almi_grouping *grouping = &online->groupings[g];
        ALM_TRY(take(online, online->series_count, sizeof(uint32_t), &grouping->row_of_series,
                     error));
        for (size_t s = 0; grouping == online->level && s < online->series_count; s++) {
            grouping->row_of_series[s] = hierarchy->node_of_leaf[s * hierarchy->level_count];
        }
    }
    return ALM_OK;
}

/* ---- reading ---- */

static alm_err keep_keys(alm_online_state *online, const alm_panel *panel, size_t i,
                         alm_error *error)
{
    size_t series = panel->first_series + i;
    alm_str *keys = (alm_str *)online->keys + series * online->key_count;
    for (size_t k = 0; k < online->key_count; k++) {
        alm_str key = panel->keys[i * online->key_count + k];
        keys[k] = (alm_str){alm_arena_copy_text(online->arena, key.data, key.size), key.size};
    }
    int order = series == 0 ? -1 : 0; /* alm_online_state_find searches by halves */
    for (size_t k = 0; order == 0 && k < online->key_count; k++) {
        order = alm_str_compare(keys[k - online->key_count], keys[k]);
    }
    return order < 0 ? ALM_OK
                     : alm_fail(error, ALM_ERR_CORRUPT, "the series of the snapshot are not sorted "
                                "by their keys");
}

static alm_err keep_series(alm_online_state *online, const alm_panel *panel, size_t i,
                           alm_error *error)
{
    size_t series = panel->first_series + i;
    void *memory = NULL;
    ALM_TRY(keep_keys(online, panel, i, error));
    ALM_TRY(alm_heap_try(sizeof(almi_view), &memory, error));
    almi_view *view = memory;
    online->view[series] = view;
    ALM_TRY(almi_history_create(online->cap, &view->history, error));
    uint32_t *first = (uint32_t *)&online->first[series];
    *first = (uint32_t)online->periods;
    for (size_t t = 0; t < online->periods; t++) {
        uint8_t state = panel->state[i * panel->periods + t];
        uint8_t raw = state == ALM_PERIOD_STOCKOUT ? ALM_PERIOD_OBSERVED : state;
        almi_put_cell(&view->history, t,
                      (almi_cell){alm_panel_value(panel, 0, i, t), state, raw});
        *first = state != ALM_PERIOD_BEFORE && t < *first ? (uint32_t)t : *first;
    }
    memcpy((double *)online->statics + series * online->static_count,
           panel->statics + i * panel->static_count, panel->static_count * sizeof(double));
    for (size_t c = 1; c < online->column_count; c++) {
        const almi_online_column *column = &online->columns[c];
        size_t count = column->kind == ALMI_FEED_KNOWN ? column->stride : online->periods;
        for (size_t t = 0; column->stride > 0 && t < count; t++) {
            *almi_column_cell(online, c, series, t) = alm_panel_value(panel, c, i, t);
        }
    }
    for (size_t g = 0; g < online->grouping_count; g++) {
        almi_grouping *grouping = &online->groupings[g];
        if (grouping != online->level) {
            const uint32_t *rows = panel->columns[grouping->column].row_of_series;
            grouping->row_of_series[series] = rows[i];
            grouping->batch = panel->columns[grouping->column].values;
        }
    }
    return ALM_OK;
}

static alm_err read_blocks(alm_online_state *online, alm_panel_source *source, alm_arena *block,
                           alm_error *error)
{
    alm_panel panel = {.series_count = 1};
    size_t seen = 0;
    ALM_TRY(alm_panel_source_rewind(source, error));
    while (panel.series_count > 0) {
        alm_arena_reset(block);
        ALM_TRY(alm_panel_source_next(source, block, &panel, error));
        for (size_t i = 0; i < panel.series_count; i++, seen++) {
            ALM_TRY(keep_series(online, &panel, i, error));
        }
    }
    alm_assert(seen == online->series_count);
    return alm_panel_source_rewind(source, error);
}

static size_t published(const alm_online_state *online)
{
    return online->periods - (online->target_known_at ? 0 : online->delay);
}

/* Who belongs to which row, and the sums of all days. */
static alm_err add_up(alm_online_state *online, almi_grouping *grouping, alm_error *error)
{
    for (size_t s = 0; s < online->series_count; s++) {
        size_t row = grouping->row_of_series[s];
        grouping->rows = row + 1 > grouping->rows ? row + 1 : grouping->rows;
    }
    ALM_TRY(take(online, grouping->rows + 2, sizeof(uint32_t), &grouping->start, error));
    ALM_TRY(take(online, online->series_count, sizeof(uint32_t), &grouping->member, error));
    ALM_TRY(take_nans(online, grouping->rows * online->cap, &grouping->sums, error));
    for (size_t s = 0; s < online->series_count; s++) {
        grouping->start[grouping->row_of_series[s] + 2]++;
    }
    for (size_t row = 0; row < grouping->rows; row++) {
        grouping->start[row + 2] += grouping->start[row + 1];
    }
    for (size_t s = 0; s < online->series_count; s++) {
        grouping->member[grouping->start[grouping->row_of_series[s] + 1]++] = (uint32_t)s;
    }
    for (size_t row = 0; row < grouping->rows; row++) {
        for (size_t t = 0; t < online->periods; t++) {
            if (t < published(online)) {
                grouping->sums[row * online->cap + t] = grouping->batch[row * online->periods + t];
            } else {
                (void)almi_add_up(online, grouping, row, t);
            }
        }
    }
    grouping->batch = NULL;
    return ALM_OK;
}

/* Days that the snapshot does not publish yet have no row in it; that is what they are until
 * somebody tells. No feature reads them before they are published. Their stock may be published. */
static alm_err fill_unpublished(alm_online_state *online, size_t series, alm_error *error)
{
    const almi_history *history = &online->view[series]->history;
    for (size_t t = published(online); t < online->periods; t++) {
        if (t < online->first[series]) {
            continue;
        }
        if (history->states[t] == ALM_PERIOD_STOCKOUT) {
            almi_entry out = {.period = (uint32_t)t, .kind = ALMI_ENTRY_OUT,
                              .known_at = INT64_MIN, .said = SIZE_MAX};
            ALM_TRY(almi_entries_add(&online->entries[series], &out, error));
        }
        almi_put_cell(history, t, almi_cell_of(online, series, t, online->periods));
    }
    return ALM_OK;
}

alm_err almi_online_read(alm_online_state *online, const alm_online_options *options,
                         alm_error *error)
{
    const alm_panel *nodes = alm_panel_source_aggregates(options->source);
    ALM_TRY(describe(online, options, error));
    ALM_TRY(check_memory(online, options->memory_limit_bytes, error));
    ALM_TRY(take_arrays(online, nodes, error));
    ALM_TRY(take_groupings(online, alm_panel_source_hierarchy(options->source), nodes,
                           error));
    alm_arena *block = alm_arena_create(0);
    alm_err code = read_blocks(online, options->source, block, error);
    alm_arena_destroy(block);
    ALM_TRY(code);
    for (size_t s = 0; s < online->series_count; s++) {
        ALM_TRY(fill_unpublished(online, s, error));
    }
    for (size_t g = 0; g < online->grouping_count; g++) {
        ALM_TRY(add_up(online, &online->groupings[g], error));
    }
    for (size_t t = 0; t < online->periods; t++) {
        almi_add_up_total(online, t);
    }
    online->end = online->periods;
    online->pushed = online->periods - online->lag;
    for (size_t s = 0; s < online->series_count; s++) {
        almi_view *view = online->view[s];
        ALM_TRY(almi_replay_series(online, &view->history, s, online->pushed, &view->state,
                                   error));
    }
    return ALM_OK;
}
