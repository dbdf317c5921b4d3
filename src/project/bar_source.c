#include "project/bar_source.h"

#include "table/sql.h"

#include <math.h>
#include <string.h>

#define BATCH_BYTES ((size_t)1 << 20)

typedef struct reading {
    alm_arena *arena;
    alm_bar *bars;
    size_t capacity, count;
    alm_bar_series *series; /* doubles when it is full */
    size_t series_capacity, series_count;
} reading;

static alm_err find_object(const alm_bar_request *request, alm_arena *arena, const char **path,
                           int64_t *rows, alm_error *error)
{
    const alm_snapshot *snapshot = request->snapshot;
    const alm_bars_spec *spec = &request->project->bars;
    for (size_t i = 0; i < snapshot->source_count; i++) {
        const alm_snapshot_source *source = &snapshot->sources[i];
        alm_digest digest;
        if (!alm_str_equal(source->name, spec->source)) {
            continue;
        }
        if (!alm_digest_parse(source->object, &digest)) {
            return alm_fail(error, ALM_ERR_INVALID, "snapshot %.12s was a dry run: it has no "
                            "objects", snapshot->id.data);
        }
        *rows = source->rows;
        return alm_objects_locate(request->objects, &digest, arena, path, error);
    }
    return alm_fail(error, ALM_ERR_NOT_FOUND, "snapshot %.12s has no source " ALM_STR_FMT
                    ": take a new one", snapshot->id.data, ALM_STR_ARG(spec->source));
}

/* No ORDER BY: the object is sorted by key and time, and the engine keeps the order. */
static alm_err write_query(const alm_project *project, const char *path, alm_arena *arena,
                           alm_buffer *out, alm_error *error)
{
    const alm_bars_spec *spec = &project->bars;
    const alm_source *source = alm_project_source(project, spec->source);
    const alm_str values[] = {spec->open, spec->high, spec->low, spec->close, spec->volume};
    alm_buffer_printf(out, "SELECT %s, %s", alm_sql_identifier(arena, spec->symbol),
                      alm_sql_identifier(arena, source->time));
    for (size_t i = 0; i < 5; i++) {
        alm_buffer_printf(out, ", %s::DOUBLE",
                          values[i].size ? alm_sql_identifier(arena, values[i]) : "NULL");
    }
    alm_buffer_printf(out, " FROM read_parquet(%s)", alm_sql_literal(arena, alm_str_of(path)));
    return alm_buffer_status(out, error);
}

/* ---- rows ---- */

static alm_err begin_series(reading *r, alm_str symbol, alm_error *error)
{
    if (r->series_count == r->series_capacity) {
        size_t capacity = r->series_capacity ? 2 * r->series_capacity : 64;
        void *memory = NULL;
        ALM_TRY(alm_arena_try_alloc(r->arena, capacity * sizeof(*r->series), &memory, error));
        if (r->series_count > 0) {
            memcpy(memory, r->series, r->series_count * sizeof(*r->series));
        }
        r->series = memory;
        r->series_capacity = capacity;
    }
    r->series[r->series_count++] = (alm_bar_series){
        .symbol = {alm_arena_copy_text(r->arena, symbol.data, symbol.size), symbol.size},
        .bars = r->bars + r->count};
    return ALM_OK;
}

static double value_at(const alm_column *column, size_t row)
{
    return alm_column_is_valid(column, row) ? column->values.f64[row] : (double)NAN;
}

static alm_err take_rows(reading *r, const alm_table *batch, alm_error *error)
{
    const alm_column *c = batch->columns;
    if (c[0].type != ALM_TYPE_TEXT ||
        (c[1].type != ALM_TYPE_DATE && c[1].type != ALM_TYPE_INSTANT)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the snapshot's bars have other types than "
                        "almanac.yaml declares: take a new snapshot");
    }
    for (size_t i = 0; i < batch->rows; i++) {
        alm_str symbol = c[0].values.text[i];
        alm_instant time = c[1].type == ALM_TYPE_DATE ? alm_instant_of_date(c[1].values.date[i])
                                                      : c[1].values.instant[i];
        alm_bar_series *last = r->series_count ? &r->series[r->series_count - 1] : NULL;
        int order = last ? alm_str_compare(last->symbol, symbol) : -1;
        if (r->count == r->capacity || order > 0 ||
            (order == 0 && last->bars[last->count - 1].time >= time)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "the snapshot's bars are not in the order of "
                            "symbol and time");
        }
        if (order != 0) {
            ALM_TRY(begin_series(r, symbol, error));
            last = &r->series[r->series_count - 1];
        }
        r->bars[r->count++] = (alm_bar){time, value_at(&c[2], i), value_at(&c[3], i),
                                        value_at(&c[4], i), value_at(&c[5], i),
                                        value_at(&c[6], i)};
        last->count++;
    }
    return ALM_OK;
}

static alm_err read_rows(reading *r, alm_sql *sql, const char *query, alm_error *error)
{
    alm_sql_cursor *cursor = NULL;
    ALM_TRY(alm_sql_query(sql, query, &cursor, error));
    alm_arena *batches = alm_arena_create(BATCH_BYTES);
    alm_err code = ALM_OK;
    for (alm_table batch = {.rows = 1}; code == ALM_OK && batch.rows > 0;) {
        alm_arena_reset(batches);
        code = alm_sql_next(cursor, batches, &batch, error);
        if (code == ALM_OK && batch.rows > 0) {
            code = take_rows(r, &batch, error);
        }
    }
    alm_arena_destroy(batches);
    alm_sql_cursor_close(cursor);
    return code;
}

static alm_err take_memory(const alm_env *env, reading *r, int64_t rows, alm_error *error)
{
    uint64_t bytes = (uint64_t)rows * sizeof(alm_bar);
    void *memory = NULL;
    if (env->memory_limit_bytes && bytes > env->memory_limit_bytes) {
        return alm_fail(error, ALM_ERR_LIMIT, "%lld bars take %llu MiB, the limit is %llu: take a "
                        "snapshot of fewer days or symbols", (long long)rows,
                        (unsigned long long)(bytes >> 20),
                        (unsigned long long)(env->memory_limit_bytes >> 20));
    }
    ALM_TRY(alm_arena_try_alloc(r->arena, (size_t)bytes, &memory, error));
    r->bars = memory;
    r->capacity = (size_t)rows;
    return ALM_OK;
}

alm_err alm_bar_source_read(const alm_env *env, const alm_bar_request *request, alm_arena *arena,
                            alm_bar_set *out, alm_error *error)
{
    reading r = {.arena = arena};
    alm_sql *sql = NULL;
    const char *path = NULL;
    int64_t rows = 0;
    alm_assert(request->project->bars.source.size > 0);
    ALM_TRY(find_object(request, arena, &path, &rows, error));
    ALM_TRY(take_memory(env, &r, rows, error));
    alm_buffer query = {0};
    alm_sql_options options = {.threads = 1, .memory_limit_bytes = env->memory_limit_bytes};
    alm_err code = write_query(request->project, path, arena, &query, error);
    if (code == ALM_OK) {
        code = alm_sql_open(&options, &sql, error);
    }
    if (code == ALM_OK) {
        code = read_rows(&r, sql, query.data, error);
    }
    alm_sql_close(sql);
    alm_buffer_deinit(&query);
    if (code == ALM_OK && r.count != r.capacity) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "the object has %zu bars, the manifest %zu",
                        r.count, r.capacity);
    }
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "bars of snapshot %.12s",
                              request->snapshot->id.data);
    }
    *out = (alm_bar_set){r.series, r.series_count, r.count};
    return ALM_OK;
}
