/* snapshot_content.c: sorted rows as a Parquet object, and the hashes of their values. */
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

/* Keys, time, known_at, then the others by name: the order in the project file means nothing. */
static void order_columns(almi_taken_source *source, alm_arena *arena)
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

/* ---- writing ---- */

/* A column of the select list; with `duplicates: sum` one that is added up. Doubles are added in
 * their own order, so that the sum does not depend on the order of the rows. */
static void select_column(const almi_taken_source *source, size_t index, bool add, alm_buffer *out,
                          alm_arena *arena)
{
    const alm_source *spec = source->spec;
    alm_str name = source->columns[index].name;
    char *quoted = alm_sql_identifier(arena, name);
    bool is_key = alm_str_equal(name, spec->time) || alm_str_equal(name, spec->known_at);
    for (size_t i = 0; i < spec->key_count; i++) {
        is_key = is_key || alm_str_equal(name, spec->keys[i]);
    }
    if (!add || is_key) {
        alm_buffer_text(out, quoted);
    } else if (source->columns[index].type == ALM_TYPE_I64) {
        alm_buffer_printf(out, "sum(%s)::BIGINT AS %s", quoted, quoted);
    } else {
        alm_buffer_printf(out, "sum(%s ORDER BY %s) AS %s", quoted, quoted, quoted);
    }
}

static alm_err write_parquet(almi_taking *taking, almi_taken_source *source, const char *path,
                             alm_error *error)
{
    alm_arena *arena = taking->scratch;
    size_t count = source->spec->column_count;
    char *unique = almi_unique_columns(source->spec, arena);
    bool add = source->spec->duplicates == ALM_DUPLICATES_SUM && unique;
    alm_buffer text = {0};
    alm_buffer_text(&text, "COPY (SELECT ");
    for (size_t i = 0; i < count; i++) {
        alm_buffer_text(&text, i ? ", " : "");
        select_column(source, i, add, &text, arena);
    }
    alm_buffer_printf(&text, " FROM %s", source->table);
    if (add) {
        alm_buffer_printf(&text, " GROUP BY %s", unique);
    }
    alm_buffer_text(&text, " ORDER BY ");
    for (size_t i = 0; i < count; i++) {
        alm_buffer_printf(&text, "%s%zu NULLS FIRST", i ? ", " : "", i + 1);
    }
    alm_buffer_printf(&text, ") TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)",
                      alm_sql_literal(arena, alm_str_of(path)));
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_run(taking->sql, text.data, error);
    }
    alm_buffer_deinit(&text);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "source " ALM_STR_FMT ": writing the snapshot",
                              ALM_STR_ARG(source->spec->name));
    }
    return ALM_OK;
}

/* ---- hashing ---- */

static alm_err hash_rows(alm_sql_cursor *cursor, const almi_content_column *columns, size_t count,
                         alm_hash *hashes, int64_t *rows, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    *rows = 0;
    for (;;) {
        alm_table batch;
        code = alm_sql_next(cursor, arena, &batch, error);
        if (code != ALM_OK || batch.rows == 0) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            if (batch.columns[i].type != columns[i].type) {
                code = alm_fail(error, ALM_ERR_CORRUPT, "column " ALM_STR_FMT " is %s, not %s",
                                ALM_STR_ARG(columns[i].name),
                                alm_type_name(batch.columns[i].type),
                                alm_type_name(columns[i].type));
                break;
            }
            alm_column_hash(&batch.columns[i], 0, batch.rows, &hashes[i]);
        }
        if (code != ALM_OK) {
            break;
        }
        *rows += (int64_t)batch.rows;
        alm_arena_reset(arena);
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err almi_content_hash(alm_sql *sql, const char *path, almi_content_column *columns,
                          size_t count, int64_t *rows, alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    alm_buffer text = {0};
    alm_hash *hashes = ALM_NEW_ARRAY(arena, alm_hash, count);
    alm_buffer_text(&text, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        alm_hash_init(&hashes[i]);
        alm_buffer_printf(&text, "%s%s", i ? ", " : "",
                          alm_sql_identifier(arena, columns[i].name));
    }
    alm_buffer_printf(&text, " FROM read_parquet(%s)", alm_sql_literal(arena, alm_str_of(path)));
    alm_sql_cursor *cursor = NULL;
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_query(sql, text.data, &cursor, error);
    }
    if (code == ALM_OK) {
        code = hash_rows(cursor, columns, count, hashes, rows, error);
    }
    for (size_t i = 0; i < count && code == ALM_OK; i++) {
        columns[i].digest = alm_hash_final(&hashes[i]);
    }
    alm_sql_cursor_close(cursor);
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
    return code;
}

alm_err almi_content_write(almi_taking *taking, almi_taken_source *source, alm_error *error)
{
    order_columns(source, taking->scratch);
    char *path = alm_arena_printf(taking->scratch, "%s/%s.parquet", taking->folder, source->table);
    ALM_TRY(write_parquet(taking, source, path, error));
    /* What is hashed is what was written: a value that Parquet did not keep would show here. */
    ALM_TRY(almi_content_hash(taking->sql, path, source->columns, source->spec->column_count,
                              &source->rows, error));
    if (taking->options->dry_run) {
        return ALM_OK;
    }
    return alm_objects_put_file(taking->objects, path, &source->object, error);
}
