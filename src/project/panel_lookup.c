/* panel_lookup.c: what other sources with keys say about the series of one block.
 *
 * The block's keys go into a temporary table and are joined with the source; the answer comes by
 * series and day, the vintages of a day in the order in which they became known. */
#include "project/panel_internal.h"

#include <math.h>
#include <string.h>

#define WANTED "wanted"

typedef void (*take_row)(void *context, size_t slot, size_t period, const alm_table *batch,
                         size_t row);

/* One question: the block's keys in, every row of the answer through `take`. `values` is the
 * select list over the source s. */
typedef struct question {
    const alm_source *spec;
    const char *values;
    alm_date stop;
    take_row take;
    void *context;
} question;

static alm_err put_wanted(alm_panel_source *source, const alm_panel *block, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    /* Names that no source has, so that its columns need no qualification. */
    static const char *const KEY_NAMES[] = {
        "_almanac_k0", "_almanac_k1", "_almanac_k2", "_almanac_k3", "_almanac_k4", "_almanac_k5",
        "_almanac_k6", "_almanac_k7", "_almanac_k8", "_almanac_k9", "_almanac_k10",
        "_almanac_k11", "_almanac_k12", "_almanac_k13", "_almanac_k14", "_almanac_k15"};
    const char *names[17];
    alm_type types[17];
    for (size_t k = 0; k < spec->key_count; k++) {
        names[k] = KEY_NAMES[k];
        types[k] = ALM_TYPE_TEXT;
    }
    names[spec->key_count] = "_almanac_slot";
    types[spec->key_count] = ALM_TYPE_I64;
    alm_table_builder *builder = NULL;
    ALM_TRY(alm_table_builder_create(names, types, spec->key_count + 1, &builder, error));
    for (size_t i = 0; i < block->series_count; i++) {
        for (size_t k = 0; k < spec->key_count; k++) {
            alm_table_builder_text(builder, block->keys[i * spec->key_count + k]);
        }
        alm_table_builder_i64(builder, (int64_t)i);
    }
    alm_table table;
    alm_err code = alm_table_builder_finish(builder, &table, error);
    if (code == ALM_OK) {
        code = alm_sql_run(source->lookup, "DROP TABLE IF EXISTS " WANTED, error);
    }
    if (code == ALM_OK) {
        code = alm_sql_append(source->lookup, WANTED, &table, error);
    }
    alm_table_builder_destroy(builder);
    return code;
}

/* Series are sorted by their first key, so a block has a range of it, which lets the engine skip
 * the row groups of other blocks. */
static void add_key_range(const alm_panel_source *source, const alm_panel *block,
                          const alm_source *spec, alm_buffer *text, alm_arena *arena)
{
    alm_str first = source->project->series.keys[0];
    for (size_t k = 0; k < spec->key_count; k++) {
        if (alm_str_equal(spec->keys[k], first)) {
            size_t last = (block->series_count - 1) * block->key_count;
            alm_buffer_printf(text, " AND %s BETWEEN %s AND %s", alm_sql_identifier(arena, first),
                              alm_sql_literal(arena, block->keys[0]),
                              alm_sql_literal(arena, block->keys[last]));
        }
    }
}

static void add_key_equalities(const alm_panel_source *source, const alm_source *spec,
                               alm_buffer *text, alm_arena *arena)
{
    const alm_series_spec *series = &source->project->series;
    for (size_t k = 0; k < spec->key_count; k++) {
        for (size_t i = 0; i < series->key_count; i++) {
            if (alm_str_equal(spec->keys[k], series->keys[i])) {
                alm_buffer_printf(text, " AND s.%s = w._almanac_k%zu",
                                  alm_sql_identifier(arena, spec->keys[k]), i);
            }
        }
    }
}

/* (slot, day, values...) of the block's series, the newest vintage of a day last. */
static alm_err open_lookup(alm_panel_source *source, const alm_panel *block, const question *q,
                           alm_sql_cursor **out, alm_error *error)
{
    const alm_source *spec = q->spec;
    const char *path = NULL;
    alm_arena *arena = alm_arena_create(4096);
    alm_buffer text = {0};
    alm_err code = almi_panel_object(source, spec->name, &path, error);
    if (code == ALM_OK) {
        char *time = alm_sql_identifier(arena, spec->time);
        alm_buffer_printf(&text, "SELECT w._almanac_slot, s.%s, %s FROM (SELECT * FROM "
                          "read_parquet(%s) WHERE %s", time, q->values,
                          alm_sql_literal(arena, alm_str_of(path)),
                          almi_panel_visible(source, spec, q->stop, arena));
        add_key_range(source, block, spec, &text, arena);
        alm_buffer_text(&text, ") s JOIN " WANTED " w ON true");
        add_key_equalities(source, spec, &text, arena);
        alm_buffer_printf(&text, " ORDER BY 1, 2");
        if (spec->known_at.size) {
            alm_buffer_printf(&text, ", s.%s", alm_sql_identifier(arena, spec->known_at));
        }
        code = alm_buffer_status(&text, error);
    }
    if (code == ALM_OK) {
        code = alm_sql_query(source->lookup, text.data, out, error);
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
    return code;
}

static alm_err each_row(alm_panel_source *source, alm_sql_cursor *cursor, take_row take,
                        void *context, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    for (;;) {
        alm_table batch;
        alm_arena_reset(arena);
        code = alm_sql_next(cursor, arena, &batch, error);
        if (code != ALM_OK || batch.rows == 0) {
            break;
        }
        for (size_t row = 0; row < batch.rows; row++) {
            size_t slot = (size_t)batch.columns[0].values.i64[row];
            alm_date date = batch.columns[1].values.date[row];
            take(context, slot, (size_t)(date - source->start), &batch, row);
        }
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err ask(alm_panel_source *source, const alm_panel *block, const question *q,
                   alm_error *error)
{
    alm_sql_cursor *cursor = NULL;
    ALM_TRY(put_wanted(source, block, error));
    ALM_TRY(open_lookup(source, block, q, &cursor, error));
    alm_err code = each_row(source, cursor, q->take, q->context, error);
    alm_sql_cursor_close(cursor);
    return code;
}

static double value_at(const alm_table *batch, size_t column, size_t row)
{
    const alm_column *c = &batch->columns[column];
    return alm_column_is_valid(c, row) ? c->values.f64[row] : NAN;
}

/* ---- columns of other sources, by key ---- */

typedef struct keyed {
    double *values;
    size_t stride;
} keyed;

static void take_keyed(void *context, size_t slot, size_t period, const alm_table *batch,
                       size_t row)
{
    keyed *k = context;
    k->values[slot * k->stride + period] = value_at(batch, 2, row);
}

alm_err almi_panel_keyed_column(alm_panel_source *source, const alm_panel *block,
                                const alm_series_column *column, double *values, alm_error *error)
{
    alm_arena *arena = alm_arena_create(1024);
    size_t future = column->known ? source->future : 0;
    keyed context = {values, source->periods + future};
    /* An observed column of a plan shows what its past rows showed when they were published. */
    alm_source spec = *alm_project_source(source->project, column->source);
    spec.known_in_advance = column->known;
    question q = {
        .spec = &spec,
        .stop = source->end + (alm_date)future,
        .take = take_keyed,
        .context = &context,
    };
    q.values = almi_panel_value(column->column, column->is_indicator, arena);
    alm_err code = ask(source, block, &q, error);
    alm_arena_destroy(arena);
    return code;
}

/* ---- out of stock ---- */

typedef struct stockouts {
    double *target;
    uint8_t *state;
    size_t periods;
    size_t cell; /* of the row before; SIZE_MAX: none */
    double target_before; /* what that cell was without a word about stock */
    uint8_t state_before;
} stockouts;

static void take_stockout(void *context, size_t slot, size_t period, const alm_table *batch,
                          size_t row)
{
    stockouts *s = context;
    size_t cell = slot * s->periods + period;
    if (cell != s->cell) {
        s->cell = cell;
        s->state_before = s->state[cell];
        s->target_before = s->target[cell];
    }
    /* A later row of the same day is a later vintage and takes back what was said. */
    s->state[cell] = s->state_before;
    s->target[cell] = s->target_before;
    double available = value_at(batch, 2, row);
    uint8_t state = s->state_before;
    if (!(available <= 0.0) || state == ALM_PERIOD_BEFORE || state == ALM_PERIOD_CLOSED) {
        return;
    }
    s->state[cell] = ALM_PERIOD_STOCKOUT;
    s->target[cell] = s->target[cell] == s->target[cell] ? s->target[cell] : 0.0;
}

alm_err almi_panel_stockouts(alm_panel_source *source, const alm_panel *block, double *target,
                             uint8_t *state, alm_error *error)
{
    const alm_series_spec *spec = &source->project->series;
    alm_arena *arena = alm_arena_create(1024);
    stockouts context = {.target = target, .state = state, .periods = source->periods,
                         .cell = SIZE_MAX};
    question q = {
        .spec = alm_project_source(source->project, spec->available_source),
        .stop = source->end,
        .take = take_stockout,
        .context = &context,
    };
    q.values = almi_panel_value(spec->available_column, false, arena);
    alm_err code = ask(source, block, &q, error);
    alm_arena_destroy(arena);
    return code;
}

/* ---- the stock position ---- */

typedef struct stock {
    double *on_hand;
    double *receipts;
    size_t periods, future;
} stock;

static void take_stock(void *context, size_t slot, size_t period, const alm_table *batch,
                       size_t row)
{
    stock *s = context;
    double on_hand = value_at(batch, 2, row);
    double receipts = value_at(batch, 3, row);
    if (period >= s->periods) { /* a later vintage of the day replaces the plan */
        s->receipts[slot * s->future + period - s->periods] = receipts == receipts ? receipts : 0.0;
    } else if (on_hand == on_hand) {
        s->on_hand[slot] = on_hand; /* days come in order: the newest stays */
    }
}

alm_err alm_panel_source_stock(alm_panel_source *source, const alm_panel *block, alm_arena *arena,
                               double **on_hand, double **receipts, alm_error *error)
{
    const alm_stock_spec *spec = &source->project->stock;
    if (spec->source.size == 0) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "the project declares no stock: add `stock:` to "
                        "almanac.yaml");
    }
    stock context = {.periods = source->periods, .future = source->future};
    context.on_hand = ALM_NEW_ARRAY(arena, double, block->series_count);
    context.receipts = ALM_NEW_ARRAY(arena, double, block->series_count * source->future);
    for (size_t i = 0; i < block->series_count; i++) {
        context.on_hand[i] = NAN;
    }
    question q = {
        .spec = alm_project_source(source->project, spec->source),
        .stop = source->end + (alm_date)source->future,
        .take = take_stock,
        .context = &context,
    };
    q.values = alm_arena_printf(arena, "%s, %s",
                                almi_panel_value(spec->on_hand, false, arena),
                                almi_panel_value(spec->receipts, false, arena));
    ALM_TRY(ask(source, block, &q, error));
    *on_hand = context.on_hand;
    *receipts = context.receipts;
    return ALM_OK;
}
