/* snapshot_rows.c: sorted rows into the Parquet file of a source.
 *
 * The engine pulls rows and writes them; what is kept between two batches is a row. The columns of
 * the sort are those of the snapshot and, behind them, the number of the row in the files. */
#include "project/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_ROWS 2048

/* Sums of whole numbers pass 64 bits on their way. */
__extension__ typedef __int128 wide;

/* What a column adds up to over the rows with the same keys. */
typedef struct total {
    wide whole;
    double *reals; /* added in their own order, so that the order of the rows means nothing */
    size_t capacity;
    size_t count;  /* of values that are not null */
} total;

typedef struct writing {
    almi_taken_source *source;
    size_t column_count;
    alm_row_sort_batch batch;
    /* without duplicates: the two first rows, in the order of reading, of the keys at hand */
    int64_t row, next_row;
    alm_arena *key_arena; /* of the source's duplicate_key */
    alm_column *key;      /* one row: the keys of the first duplicate */
    /* with `duplicates: sum` */
    alm_table_builder *builder;
    total *totals;
    size_t at;            /* row of the batch */
    size_t group_rows;    /* added up so far; 0: no group is open */
} writing;

/* ---- duplicates that are refused ---- */

static void keep_key(writing *w, size_t row)
{
    alm_arena_reset(w->key_arena);
    w->key = ALM_NEW_ARRAY(w->key_arena, alm_column, w->source->unique_count);
    for (size_t c = 0; c < w->source->unique_count; c++) {
        const alm_column *from = &w->batch.table.columns[c];
        size_t size = alm_type_size(from->type);
        uint8_t *valid = alm_arena_alloc(w->key_arena, 1);
        void *value = alm_arena_alloc(w->key_arena, size);
        *valid = alm_column_is_valid(from, row);
        memcpy(value, (const char *)from->values.any + row * size, size);
        if (from->type == ALM_TYPE_TEXT && *valid) {
            alm_str *text = value;
            text->data = alm_arena_copy_text(w->key_arena, text->data, text->size);
        }
        w->key[c] = (alm_column){from->name, from->type, valid, {.any = value}};
    }
}

/* Of all rows whose keys were there before, the one that was read first is reported. */
static void note_duplicates(writing *w)
{
    const alm_table *batch = &w->batch.table;
    const int64_t *numbers = batch->columns[w->column_count].values.i64;
    almi_taken_source *source = w->source;
    for (size_t i = 0; i < batch->rows; i++) {
        int64_t number = numbers[i];
        if (!w->batch.repeats[i]) {
            w->row = number;
            w->next_row = INT64_MAX;
            continue;
        }
        w->next_row = number < w->row ? w->row : number < w->next_row ? number : w->next_row;
        w->row = number < w->row ? number : w->row;
        if (source->duplicate == 0 || w->next_row < source->duplicate) {
            source->duplicate = w->next_row;
            source->duplicate_of = w->row;
            keep_key(w, i);
        }
    }
}

static alm_err pull_rows(void *context, alm_table *out, alm_error *error)
{
    writing *w = context;
    ALM_TRY(alm_row_sort_next(w->source->sort, &w->batch, error));
    if (w->source->unique_count > 0) {
        note_duplicates(w);
    }
    *out = (alm_table){w->batch.table.rows, w->column_count, w->batch.table.columns};
    return ALM_OK;
}

/* "sku=10125, date=2011-12-09" as the engine writes values. */
static alm_err name_key(almi_taking *taking, const writing *w, alm_error *error)
{
    almi_taken_source *source = w->source;
    const alm_source *spec = source->spec;
    alm_arena *arena = taking->scratch;
    alm_table key = {1, source->unique_count, w->key};
    char *name = alm_arena_printf(arena, "%s_key", source->label);
    ALM_TRY(alm_sql_append(taking->sql, name, &key, error));
    alm_buffer text = {0};
    alm_str names[2] = {spec->time, spec->known_at};
    for (size_t i = 0; i < spec->key_count + 2; i++) {
        alm_str column = i < spec->key_count ? spec->keys[i] : names[i - spec->key_count];
        if (column.size) {
            char *label = alm_arena_printf(arena, ALM_STR_FMT "=", ALM_STR_ARG(column));
            alm_buffer_printf(&text, ", %s || %s::VARCHAR",
                              alm_sql_literal(arena, alm_str_of(label)),
                              alm_sql_identifier(arena, column));
        }
    }
    alm_table table;
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_collect(taking->sql,
                               alm_arena_printf(arena, "SELECT concat_ws(', '%s) FROM %s",
                                                text.data, name),
                               1, arena, &table, error);
    }
    alm_buffer_deinit(&text);
    ALM_TRY(code);
    source->duplicate_key = table.columns[0].values.text[0];
    return ALM_OK;
}

/* ---- duplicates that are added up ---- */

static alm_err keep_real(total *t, double value, alm_error *error)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 16;
        void *memory = NULL;
        ALM_TRY(alm_heap_try_resize(t->reals, t->capacity * sizeof(double),
                                    capacity * sizeof(double), &memory, error));
        t->reals = memory;
        t->capacity = capacity;
    }
    t->reals[t->count] = value;
    return ALM_OK;
}

/* Takes the row at hand into the group, which it may open. */
static alm_err add_to_group(writing *w, alm_error *error)
{
    size_t unique = w->source->unique_count;
    for (size_t c = 0; c < unique && w->group_rows == 0; c++) {
        alm_table_builder_value(w->builder, &w->batch.table.columns[c], w->at);
    }
    for (size_t c = unique; c < w->column_count; c++) {
        const alm_column *column = &w->batch.table.columns[c];
        total *t = &w->totals[c];
        if (w->group_rows == 0) {
            t->whole = 0;
            t->count = 0;
        }
        if (!alm_column_is_valid(column, w->at)) {
            continue;
        }
        if (column->type == ALM_TYPE_F64) {
            ALM_TRY(keep_real(t, column->values.f64[w->at], error));
        } else {
            t->whole += column->values.i64[w->at];
        }
        t->count++;
    }
    w->group_rows++;
    return ALM_OK;
}

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static alm_err end_group(writing *w, alm_error *error)
{
    for (size_t c = w->source->unique_count; c < w->column_count; c++) {
        total *t = &w->totals[c];
        const almi_content_column *column = &w->source->columns[c];
        if (t->count == 0) {
            alm_table_builder_null(w->builder);
        } else if (column->type == ALM_TYPE_F64) {
            double sum = 0.0;
            qsort(t->reals, t->count, sizeof(*t->reals), compare_reals);
            for (size_t i = 0; i < t->count; i++) {
                sum += t->reals[i];
            }
            alm_table_builder_f64(w->builder, sum);
        } else if (t->whole > INT64_MAX || t->whole < INT64_MIN) {
            return alm_fail(error, ALM_ERR_INVALID, "column " ALM_STR_FMT ": the sum of %zu rows "
                            "with the same keys is no whole number of 64 bits",
                            ALM_STR_ARG(column->name), t->count);
        } else {
            alm_table_builder_i64(w->builder, (int64_t)t->whole);
        }
    }
    w->group_rows = 0;
    return ALM_OK;
}

static alm_err pull_sums(void *context, alm_table *out, alm_error *error)
{
    writing *w = context;
    alm_table_builder_clear(w->builder);
    for (size_t rows = 0; rows < BATCH_ROWS;) {
        if (w->at == w->batch.table.rows) {
            w->at = 0;
            ALM_TRY(alm_row_sort_next(w->source->sort, &w->batch, error));
        }
        bool end = w->batch.table.rows == 0;
        if (w->group_rows > 0 && (end || !w->batch.repeats[w->at])) {
            ALM_TRY(end_group(w, error));
            rows++;
            continue;
        }
        if (end) {
            break;
        }
        ALM_TRY(add_to_group(w, error));
        w->at++;
    }
    return alm_table_builder_finish(w->builder, out, error);
}

/* ---- writing ---- */

static alm_err write_file(almi_taking *taking, writing *w, alm_error *error)
{
    almi_taken_source *source = w->source;
    alm_arena *arena = taking->scratch;
    size_t count = w->column_count;
    bool add = source->spec->duplicates == ALM_DUPLICATES_SUM && source->unique_count > 0;
    alm_column *columns = ALM_NEW_ARRAY(arena, alm_column, count);
    const char **names = ALM_NEW_ARRAY(arena, const char *, count);
    alm_type *types = ALM_NEW_ARRAY(arena, alm_type, count);
    for (size_t c = 0; c < count; c++) {
        alm_str name = source->columns[c].name;
        names[c] = alm_arena_copy_text(arena, name.data, name.size);
        types[c] = source->columns[c].type;
        columns[c] = (alm_column){.name = names[c], .type = types[c]};
    }
    alm_table schema = {0, count, columns};
    if (add) {
        w->totals = ALM_NEW_ARRAY(arena, total, count);
        ALM_TRY(alm_table_builder_create(names, types, count, &w->builder, error));
    }
    alm_sql_parquet file = {.path = source->path, .schema = &schema};
    ALM_TRY(alm_sql_write_parquet(taking->sql, &file, add ? pull_sums : pull_rows, w, error));
    return source->duplicate ? name_key(taking, w, error) : ALM_OK;
}

alm_err almi_rows_write(almi_taking *taking, almi_taken_source *source, alm_error *error)
{
    writing w = {.source = source, .column_count = source->spec->column_count,
                 .key_arena = alm_arena_create(4096)};
    source->path = alm_arena_printf(taking->scratch, "%s/%s.parquet", taking->folder,
                                    source->label);
    alm_err code = write_file(taking, &w, error);
    for (size_t c = 0; w.totals && c < w.column_count; c++) {
        alm_heap_free(w.totals[c].reals);
    }
    alm_table_builder_destroy(w.builder);
    alm_arena_destroy(w.key_arena);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "source " ALM_STR_FMT ": writing the snapshot",
                              ALM_STR_ARG(source->spec->name));
    }
    return ALM_OK;
}
