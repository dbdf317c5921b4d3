/* snapshot_content.c: the columns of a snapshot, the hashes of their values, and the objects. */
#include "project/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- the order of columns ---- */

static int compare_columns(const void *a, const void *b)
{
    const almi_content_column *x = a;
    const almi_content_column *y = b;
    return alm_str_compare(x->name, y->name);
}

static bool has_name(const almi_content_column *columns, size_t count, alm_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* The order in the project file means nothing. */
void almi_content_order(almi_taken_source *source, alm_arena *arena)
{
    const alm_source *spec = source->spec;
    almi_content_column *columns = ALM_NEW_ARRAY(arena, almi_content_column, spec->column_count);
    size_t count = 0;
    alm_str first[2] = {spec->time, spec->known_at};
    for (size_t i = 0; i < spec->key_count + 2; i++) {
        alm_str name = i < spec->key_count ? spec->keys[i] : first[i - spec->key_count];
        if (name.size && !has_name(columns, count, name)) {
            columns[count++].name = name;
        }
    }
    size_t fixed = count;
    source->unique_count = spec->key_count > 0 || spec->time.size ? fixed : 0;
    for (size_t i = 0; i < spec->column_count; i++) {
        if (!has_name(columns, fixed, spec->columns[i].name)) {
            columns[count++].name = spec->columns[i].name;
        }
    }
    alm_assert(count == spec->column_count);
    qsort(columns + fixed, count - fixed, sizeof(*columns), compare_columns);
    for (size_t i = 0; i < count; i++) {
        columns[i].type = alm_source_find_column(spec, columns[i].name)->type;
    }
    source->columns = columns;
}

/* ---- hashing ---- */

static alm_err hash_batch(const alm_table *batch, const almi_content *content, alm_hash *hashes,
                          alm_error *error)
{
    for (size_t i = 0; i < content->count; i++) {
        const almi_content_column *column = &content->columns[i];
        if (batch->columns[i].type != column->type) {
            return alm_fail(error, ALM_ERR_CORRUPT, "column " ALM_STR_FMT " is %s, not %s",
                            ALM_STR_ARG(column->name), alm_type_name(batch->columns[i].type),
                            alm_type_name(column->type));
        }
        alm_column_hash(&batch->columns[i], 0, batch->rows, &hashes[i]);
    }
    return ALM_OK;
}

static alm_err hash_rows(alm_sql_cursor *cursor, almi_content *content, alm_hash *hashes,
                         alm_arena *arena, alm_error *error)
{
    for (;;) {
        alm_table batch;
        alm_arena_reset(arena);
        ALM_TRY(alm_sql_next(cursor, arena, &batch, error));
        if (batch.rows == 0) {
            return ALM_OK;
        }
        ALM_TRY(hash_batch(&batch, content, hashes, error));
        content->rows += (int64_t)batch.rows;
    }
}

alm_err almi_content_hash(alm_sql *sql, const char *path, almi_content *content, alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    alm_arena *batches = alm_arena_create(ALMI_BATCH_BYTES);
    alm_buffer text = {0};
    alm_hash *hashes = ALM_NEW_ARRAY(arena, alm_hash, content->count);
    alm_buffer_text(&text, "SELECT ");
    for (size_t i = 0; i < content->count; i++) {
        alm_hash_init(&hashes[i]);
        alm_buffer_printf(&text, "%s%s", i ? ", " : "",
                          alm_sql_identifier(arena, content->columns[i].name));
    }
    alm_buffer_printf(&text, " FROM read_parquet(%s)", alm_sql_literal(arena, alm_str_of(path)));
    alm_sql_cursor *cursor = NULL;
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_query(sql, text.data, &cursor, error);
    }
    content->rows = 0;
    if (code == ALM_OK) {
        code = hash_rows(cursor, content, hashes, batches, error);
    }
    for (size_t i = 0; i < content->count && code == ALM_OK; i++) {
        content->columns[i].digest = alm_hash_final(&hashes[i]);
    }
    alm_sql_cursor_close(cursor);
    alm_buffer_deinit(&text);
    alm_arena_destroy(batches);
    alm_arena_destroy(arena);
    return code;
}

alm_err almi_content_keep(almi_taking *taking, almi_taken_source *source, alm_error *error)
{
    ALM_TRY(almi_gate_duplicates(taking, source, error));
    /* What is hashed is what was written: a value that Parquet did not keep would show here. */
    almi_content content = {.columns = source->columns, .count = source->spec->column_count};
    ALM_TRY(almi_content_hash(taking->sql, source->path, &content, error));
    source->rows = content.rows;
    if (taking->options->dry_run) {
        return ALM_OK;
    }
    return alm_objects_put_file(taking->objects, source->path, &source->object, error);
}
