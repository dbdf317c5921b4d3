/* panel_source.c: blocks of leaves in order, and one pass that adds them up. */
#include "project/panel_internal.h"

#include <math.h>
#include <string.h>

/* ---- the leaf rows ---- */

static alm_err open_cursor(alm_panel_source *source, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    alm_arena *arena = alm_arena_create(4096);
    alm_buffer text = {0};
    alm_buffer_printf(&text, "SELECT %s, %s", alm_sql_identifier(arena, source->own->time),
                      almi_panel_value(spec->target, false, arena));
    for (size_t i = 0; i < spec->column_count && !source->target_only; i++) {
        const alm_series_column *column = &spec->columns[i];
        if (column->own) {
            alm_buffer_printf(&text, ", %s", almi_panel_value(column->column,
                                                              column->is_indicator, arena));
        }
    }
    /* No ORDER BY: the object is sorted by keys and time, and the engine keeps the order. */
    alm_buffer_printf(&text, " FROM read_parquet(%s) WHERE %s",
                      alm_sql_literal(arena, alm_str_of(source->own_path)),
                      almi_panel_visible(source, source->own, source->end, arena));
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_query(source->sql, text.data, &source->cursor, error);
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
    source->batch = (alm_table){0};
    source->batch_at = 0;
    return code;
}

static void close_cursor(alm_panel_source *source)
{
    alm_sql_cursor_close(source->cursor);
    source->cursor = NULL;
    source->next_series = 0;
}

alm_err alm_panel_source_rewind(alm_panel_source *source, alm_error *error)
{
    (void)error;
    close_cursor(source); /* the next block opens it again */
    return ALM_OK;
}

/* ---- one block ---- */

/* Where the values of a block go; own[i] belongs to series column i, NULL for those of other
 * sources. */
typedef struct block_arrays {
    double *target;    /* count x periods */
    uint8_t *state;    /* count x periods */
    double **own;
} block_arrays;

/* One row of the source; `before` is the period of the row before it, SIZE_MAX for none. */
static alm_err place_row(alm_panel_source *source, size_t series, size_t slot,
                         const block_arrays *arrays, size_t *before, alm_error *error)
{
    const alm_table *batch = &source->batch;
    size_t row = source->batch_at++;
    int64_t t = (int64_t)batch->columns[0].values.date[row] - source->start;
    bool in_order = *before == SIZE_MAX ? t == (int64_t)source->first[series]
                                        : t >= (int64_t)*before;
    if (!in_order || t < 0 || t >= (int64_t)source->periods) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the object of source " ALM_STR_FMT " is not "
                        "sorted by its keys and time", ALM_STR_ARG(source->own->name));
    }
    *before = (size_t)t;
    size_t cell = slot * source->periods + (size_t)t;
    bool valid = alm_column_is_valid(&batch->columns[1], row);
    double value = batch->columns[1].values.f64[row];
    /* A later row of the same day is a later vintage and replaces what was there. */
    arrays->target[cell] = valid ? value : NAN;
    arrays->state[cell] = valid ? ALM_PERIOD_OBSERVED : ALM_PERIOD_MISSING;
    if (valid && value == 0.0 && source->closed && source->closed[t]) {
        arrays->state[cell] = ALM_PERIOD_CLOSED;
    }
    size_t next = 2;
    for (size_t i = 0; arrays->own && i < source->project->series.column_count; i++) {
        if (arrays->own[i]) {
            const alm_column *column = &batch->columns[next++];
            arrays->own[i][cell] =
                alm_column_is_valid(column, row) ? column->values.f64[row] : NAN;
        }
    }
    return ALM_OK;
}

/* Makes the days without a row explicit by the declared rule. */
static void fill_gaps(const alm_panel_source *source, size_t series, size_t slot,
                      const block_arrays *arrays)
{
    bool zero = source->project->series.missing == ALM_MISSING_ZERO;
    size_t known = source->periods;
    if (source->own->known_at.size == 0) {
        size_t delay = (size_t)source->delay;
        known = delay < source->periods ? source->periods - delay : 0;
    }
    double *target = arrays->target + slot * source->periods;
    uint8_t *state = arrays->state + slot * source->periods;
    for (size_t t = 0; t < source->periods; t++) {
        if (t < source->first[series]) {
            state[t] = ALM_PERIOD_BEFORE;
            target[t] = NAN;
        } else if (state[t] != ALM_PERIOD_BEFORE) {
            continue; /* has a row */
        } else if (t >= known) {
            state[t] = ALM_PERIOD_MISSING; /* not published yet: no row says nothing */
            target[t] = NAN;
        } else if (source->closed && source->closed[t]) {
            state[t] = ALM_PERIOD_CLOSED;
            target[t] = 0.0;
        } else {
            state[t] = zero ? ALM_PERIOD_ZERO : ALM_PERIOD_MISSING;
            target[t] = zero ? 0.0 : NAN;
        }
    }
}

/* Reads `count` series from source->next_series. The arrays' state is zero (BEFORE) and their
 * own columns are NaN. */
static alm_err read_block(alm_panel_source *source, size_t count, const block_arrays *arrays,
                          alm_error *error)
{
    if (!source->cursor) {
        ALM_TRY(open_cursor(source, error));
    }
    for (size_t slot = 0; slot < count; slot++) {
        size_t series = source->next_series + slot;
        size_t before = SIZE_MAX;
        for (uint32_t row = 0; row < source->row_counts[series]; row++) {
            if (source->batch_at == source->batch.rows) {
                alm_arena_reset(source->batch_arena);
                ALM_TRY(alm_sql_next(source->cursor, source->batch_arena, &source->batch, error));
                source->batch_at = 0;
            }
            if (source->batch.rows == 0) {
                return alm_fail(error, ALM_ERR_CORRUPT, "the object of source " ALM_STR_FMT
                                " ends too early", ALM_STR_ARG(source->own->name));
            }
            ALM_TRY(place_row(source, series, slot, arrays, &before, error));
        }
        fill_gaps(source, series, slot, arrays);
    }
    return ALM_OK;
}

static size_t next_count(const alm_panel_source *source)
{
    size_t left = source->series_count - source->next_series;
    return left < source->block_series ? left : source->block_series;
}

static alm_err take_doubles(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err take_nans(alm_arena *arena, size_t count, double **out, alm_error *error)
{
    ALM_TRY(take_doubles(arena, count, out, error));
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = NAN;
    }
    return ALM_OK;
}

static alm_err take_arrays(const alm_panel_source *source, alm_arena *arena, size_t count,
                           block_arrays *out, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    size_t cells = count * source->periods;
    void *memory = NULL;
    ALM_TRY(take_doubles(arena, cells, &out->target, error));
    ALM_TRY(alm_arena_try_alloc(arena, cells, &memory, error));
    out->state = memory;
    out->own = NULL;
    if (source->target_only) {
        return ALM_OK;
    }
    out->own = ALM_NEW_ARRAY(arena, double *, spec->column_count);
    for (size_t i = 0; i < spec->column_count; i++) {
        if (spec->columns[i].own) {
            ALM_TRY(take_nans(arena, cells, &out->own[i], error));
        }
    }
    return ALM_OK;
}

/* ---- adding up ---- */

/* What a sum's state is: that of its strongest member. Out of stock counts as observed. */
enum { RANK_BEFORE, RANK_MISSING, RANK_ZERO, RANK_CLOSED, RANK_OBSERVED };

static const uint8_t RANK_OF_STATE[] = {
    [ALM_PERIOD_BEFORE] = RANK_BEFORE,   [ALM_PERIOD_OBSERVED] = RANK_OBSERVED,
    [ALM_PERIOD_ZERO] = RANK_ZERO,       [ALM_PERIOD_MISSING] = RANK_MISSING,
    [ALM_PERIOD_CLOSED] = RANK_CLOSED,   [ALM_PERIOD_STOCKOUT] = RANK_OBSERVED,
};
static const uint8_t STATE_OF_RANK[] = {
    [RANK_BEFORE] = ALM_PERIOD_BEFORE, [RANK_MISSING] = ALM_PERIOD_MISSING,
    [RANK_ZERO] = ALM_PERIOD_ZERO,     [RANK_CLOSED] = ALM_PERIOD_CLOSED,
    [RANK_OBSERVED] = ALM_PERIOD_OBSERVED,
};

static void add_series(const double *target, const uint8_t *state, size_t periods, double *sums,
                       uint8_t *ranks)
{
    for (size_t t = 0; t < periods; t++) {
        uint8_t rank = RANK_OF_STATE[state[t]];
        if (rank > RANK_MISSING) {
            sums[t] += target[t];
        }
        ranks[t] = rank > ranks[t] ? rank : ranks[t];
    }
}

static void finish_sums(double *sums, const uint8_t *ranks, size_t cells)
{
    for (size_t i = 0; i < cells; i++) {
        if (ranks[i] <= RANK_MISSING) {
            sums[i] = NAN;
        }
    }
}

static void add_block(alm_panel_source *source, size_t count, const block_arrays *arrays,
                      double *node_sums, uint8_t *node_ranks)
{
    const alm_hierarchy *h = &source->hierarchy;
    size_t periods = source->periods;
    for (size_t slot = 0; slot < count; slot++) {
        size_t series = source->next_series + slot;
        const double *target = arrays->target + slot * periods;
        const uint8_t *state = arrays->state + slot * periods;
        for (uint32_t level = 0; level < h->level_count; level++) {
            size_t node = h->node_of_leaf[series * h->level_count + level];
            add_series(target, state, periods, node_sums + node * periods,
                       node_ranks + node * periods);
        }
        for (size_t g = 0; g < source->group_count; g++) {
            almi_group *group = &source->groups[g];
            size_t row = group->row_of_series ? group->row_of_series[series] : 0;
            add_series(target, state, periods, group->sums + row * periods,
                       group->ranks + row * periods);
        }
    }
}

/* Columns of the aggregate panel: its own target, what all series share, and nothing else. */
static void build_aggregates(alm_panel_source *source, const double *sums, uint8_t *state)
{
    const alm_series_spec *spec = &source->project->series;
    size_t nodes = source->hierarchy.node_count;
    size_t count = source->schema.column_count;
    alm_arena *arena = source->arena;
    const uint32_t *zeros = ALM_NEW_ARRAY(arena, uint32_t, nodes);
    alm_panel_column *columns = ALM_NEW_ARRAY(arena, alm_panel_column, count);
    for (size_t i = 0; i < count; i++) {
        columns[i] = source->schema.columns[i];
        bool shared = i >= 1 && i <= spec->column_count && source->shared[i - 1];
        columns[i].values = i == 0 ? sums : shared ? source->shared[i - 1] : source->nans;
        columns[i].row_of_series = i == 0 ? NULL : zeros;
    }
    size_t cells = nodes * source->static_count;
    double *statics = ALM_NEW_ARRAY(arena, double, cells);
    for (size_t i = 0; i < cells; i++) {
        statics[i] = NAN;
    }
    source->aggregates = (alm_panel){
        .start = source->start, .periods = source->periods, .future = source->future,
        .series_count = nodes, .keys = source->hierarchy.node_names, .key_count = 1,
        .state = state, .closed = source->closed, .column_count = count, .columns = columns,
        .static_count = source->static_count, .static_names = source->static_names,
        .statics = statics,
    };
}

static alm_err sum_blocks(alm_panel_source *source, double *sums, uint8_t *ranks, alm_arena *arena,
                          alm_error *error)
{
    while (source->next_series < source->series_count) {
        size_t count = next_count(source);
        block_arrays arrays;
        alm_arena_reset(arena);
        ALM_TRY(take_arrays(source, arena, count, &arrays, error));
        ALM_TRY(read_block(source, count, &arrays, error));
        add_block(source, count, &arrays, sums, ranks);
        source->next_series += count;
    }
    return ALM_OK;
}

alm_err almi_panel_sum_up(alm_panel_source *source, alm_error *error)
{
    size_t cells = (size_t)source->hierarchy.node_count * source->periods;
    double *sums = NULL;
    void *memory = NULL;
    ALM_TRY(take_doubles(source->arena, cells, &sums, error));
    ALM_TRY(alm_arena_try_alloc(source->arena, cells, &memory, error));
    uint8_t *ranks = memory;
    alm_arena *arena = alm_arena_create(0);
    source->target_only = true;
    alm_err code = sum_blocks(source, sums, ranks, arena, error);
    close_cursor(source);
    source->target_only = false;
    alm_arena_destroy(arena);
    ALM_TRY(code);
    finish_sums(sums, ranks, cells);
    for (size_t i = 0; i < cells; i++) {
        ranks[i] = STATE_OF_RANK[ranks[i]];
    }
    for (size_t g = 0; g < source->group_count; g++) {
        almi_group *group = &source->groups[g];
        finish_sums(group->sums, group->ranks, group->rows * source->periods);
    }
    build_aggregates(source, sums, ranks);
    return ALM_OK;
}

/* ---- blocks for the caller ---- */

static void fill_keys(const alm_panel_source *source, alm_panel *panel, alm_arena *arena)
{
    size_t keys = panel->key_count;
    size_t attributes = source->project->series.attribute_count;
    alm_str *texts = ALM_NEW_ARRAY(arena, alm_str, panel->series_count * keys);
    for (size_t i = 0; i < panel->series_count; i++) {
        for (size_t k = 0; k < keys; k++) {
            const almi_static *s = &source->statics[attributes + k];
            texts[i * keys + k] = s->dictionary.texts[s->codes[panel->first_series + i]];
        }
    }
    panel->keys = texts;
    double *statics = ALM_NEW_ARRAY(arena, double, panel->series_count * source->static_count);
    for (size_t i = 0; i < panel->series_count; i++) {
        for (size_t k = 0; k < source->static_count; k++) {
            const almi_static *s = &source->statics[k];
            statics[i * source->static_count + k] = s->values[s->codes[panel->first_series + i]];
        }
    }
    panel->statics = statics;
}

static alm_err fill_columns(alm_panel_source *source, const block_arrays *arrays,
                            alm_arena *arena, alm_panel *panel, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    alm_panel_column *columns = ALM_NEW_ARRAY(arena, alm_panel_column, panel->column_count);
    memcpy(columns, source->schema.columns, panel->column_count * sizeof(*columns));
    columns[0].values = arrays->target;
    for (size_t i = 0; i < spec->column_count; i++) {
        alm_panel_column *column = &columns[1 + i];
        if (arrays->own[i]) {
            column->values = arrays->own[i];
        } else if (source->shared[i]) {
            column->values = source->shared[i];
            column->row_of_series = source->zeros;
        } else {
            double *values = NULL;
            ALM_TRY(take_nans(arena, panel->series_count * column->stride, &values, error));
            ALM_TRY(almi_panel_keyed_column(source, panel, &spec->columns[i], values, error));
            column->values = values;
        }
    }
    for (size_t g = 0; g < source->group_count; g++) {
        const almi_group *group = &source->groups[g];
        alm_panel_column *column = &columns[1 + spec->column_count + g];
        column->values = group->sums;
        column->row_of_series =
            group->row_of_series ? group->row_of_series + panel->first_series : source->zeros;
    }
    panel->columns = columns;
    return ALM_OK;
}

alm_err alm_panel_source_next(alm_panel_source *source, alm_arena *arena, alm_panel *out,
                              alm_error *error)
{
    size_t count = next_count(source);
    alm_panel panel = {
        .start = source->start, .periods = source->periods, .future = source->future,
        .series_count = count, .first_series = source->next_series,
        .key_count = source->project->series.key_count, .closed = source->closed,
        .column_count = source->schema.column_count, .static_count = source->static_count,
        .static_names = source->static_names,
    };
    if (count == 0) {
        *out = panel;
        return ALM_OK;
    }
    block_arrays arrays;
    ALM_TRY(take_arrays(source, arena, count, &arrays, error));
    ALM_TRY(read_block(source, count, &arrays, error));
    fill_keys(source, &panel, arena);
    if (source->project->series.available_source.size) {
        ALM_TRY(almi_panel_stockouts(source, &panel, arrays.target, arrays.state, error));
    }
    panel.state = arrays.state;
    ALM_TRY(fill_columns(source, &arrays, arena, &panel, error));
    ALM_TRY(almi_panel_check_plans(source, &panel, error));
    source->next_series += count;
    *out = panel;
    return ALM_OK;
}

/* ---- what is known of the whole ---- */

size_t alm_panel_source_series(const alm_panel_source *source)
{
    return source->series_count;
}

size_t alm_panel_source_blocks(const alm_panel_source *source)
{
    return (source->series_count + source->block_series - 1) / source->block_series;
}

const alm_hierarchy *alm_panel_source_hierarchy(const alm_panel_source *source)
{
    return &source->hierarchy;
}

const alm_feature_schema *alm_panel_source_schema(const alm_panel_source *source)
{
    return &source->schema;
}

const alm_categories *alm_panel_source_categories(const alm_panel_source *source, size_t *count)
{
    *count = source->static_count;
    return source->categories;
}

alm_str alm_panel_source_attribute(const alm_panel_source *source, size_t series,
                                   const char *name)
{
    alm_assert(series < source->series_count);
    for (size_t i = 0; i < source->static_count; i++) {
        const almi_static *s = &source->statics[i];
        if (alm_str_is(s->name, name)) {
            uint32_t code = s->codes[series];
            return code < s->dictionary.count ? s->dictionary.texts[code] : ALM_STR("");
        }
    }
    return ALM_STR("");
}

alm_str alm_panel_source_key(const alm_panel_source *source, size_t series, size_t key)
{
    alm_assert(series < source->series_count && key < source->project->series.key_count);
    const almi_static *s = &source->statics[source->project->series.attribute_count + key];
    return s->dictionary.texts[s->codes[series]];
}

alm_str alm_panel_source_node_name(const alm_panel_source *source, size_t series,
                                   alm_arena *arena)
{
    alm_assert(series < source->series_count);
    alm_buffer text = {0};
    for (size_t key = 0; key < source->project->series.key_count; key++) {
        alm_buffer_text(&text, key ? "|" : "");
        alm_buffer_str(&text, alm_panel_source_key(source, series, key));
    }
    alm_str out = {alm_arena_copy_text(arena, text.data, text.size), text.size};
    alm_buffer_deinit(&text);
    return out;
}

const alm_panel *alm_panel_source_aggregates(const alm_panel_source *source)
{
    return &source->aggregates;
}
