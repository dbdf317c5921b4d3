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
    /* Columns that name a row are enough; without them rows are told apart by all their values. */
    for (size_t i = 0; i < (source->unique_count ? source->unique_count : count); i++) {
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

static bool same_value(const alm_column *a, size_t i, const alm_column *b, size_t k)
{
    if (!alm_column_is_valid(a, i) || !alm_column_is_valid(b, k)) {
        return alm_column_is_valid(a, i) == alm_column_is_valid(b, k);
    }
    if (a->type == ALM_TYPE_TEXT) {
        return alm_str_equal(a->values.text[i], b->values.text[k]);
    }
    size_t size = alm_type_size(a->type);
    return memcmp((const char *)a->values.any + i * size, (const char *)b->values.any + k * size,
                  size) == 0;
}

/* Rows are sorted by the unique columns, so duplicates are neighbours. */
static bool has_duplicates(const alm_table *batch, const alm_table *before, size_t unique_count)
{
    for (size_t row = 0; row < batch->rows; row++) {
        const alm_table *other = row ? batch : before;
        size_t place = row ? row - 1 : before->rows - 1;
        bool same = other->rows > 0;
        for (size_t c = 0; c < unique_count && same; c++) {
            same = same_value(&batch->columns[c], row, &other->columns[c], place);
        }
        if (same) {
            return true;
        }
    }
    return false;
}

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

/* Two arenas take turns, because the last row of a batch is compared with the first of the next. */
static alm_err hash_rows(alm_sql_cursor *cursor, almi_content *content, alm_hash *hashes,
                         alm_arena *const arenas[2], alm_error *error)
{
    alm_table before = {0};
    for (size_t turn = 0;; turn++) {
        alm_table batch;
        alm_arena_reset(arenas[turn % 2]);
        ALM_TRY(alm_sql_next(cursor, arenas[turn % 2], &batch, error));
        if (batch.rows == 0) {
            return ALM_OK;
        }
        ALM_TRY(hash_batch(&batch, content, hashes, error));
        if (content->unique_count > 0) {
            content->has_duplicates = content->has_duplicates ||
                                      has_duplicates(&batch, &before, content->unique_count);
        }
        content->rows += (int64_t)batch.rows;
        before = batch;
    }
}

alm_err almi_content_hash(alm_sql *sql, const char *path, almi_content *content, alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    alm_arena *arenas[2] = {alm_arena_create(0), alm_arena_create(0)};
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
    content->has_duplicates = false;
    if (code == ALM_OK) {
        code = hash_rows(cursor, content, hashes, arenas, error);
    }
    for (size_t i = 0; i < content->count && code == ALM_OK; i++) {
        content->columns[i].digest = alm_hash_final(&hashes[i]);
    }
    alm_sql_cursor_close(cursor);
    alm_buffer_deinit(&text);
    alm_arena_destroy(arenas[0]);
    alm_arena_destroy(arenas[1]);
    alm_arena_destroy(arena);
    return code;
}

alm_err almi_content_write(almi_taking *taking, almi_taken_source *source, alm_error *error)
{
    order_columns(source, taking->scratch);
    char *path = alm_arena_printf(taking->scratch, "%s/%s.parquet", taking->folder, source->table);
    ALM_TRY(write_parquet(taking, source, path, error));
    /* What is hashed is what was written: a value that Parquet did not keep would show here. */
    almi_content content = {.columns = source->columns, .count = source->spec->column_count,
                            .unique_count = source->unique_count};
    ALM_TRY(almi_content_hash(taking->sql, path, &content, error));
    if (content.has_duplicates) {
        return almi_gate_duplicates(taking, source, error);
    }
    source->rows = content.rows;
    if (taking->options->dry_run) {
        return ALM_OK;
    }
    return alm_objects_put_file(taking->objects, path, &source->object, error);
}
