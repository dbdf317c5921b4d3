/* source_parquet.c: how the columns of a Parquet file are read.
 *
 * A value means what its text means, so that the same rows give the same snapshot whatever file
 * they lie in. Writing every value as text only to parse it is most of the work, though, so a
 * column comes as it is where that provably gives the same: whole numbers, doubles (their text
 * reads back to the same bits; that of a FLOAT does not), days and microseconds of four-digit
 * years, truth values, texts. What may not fit is asked for in the statement itself: the column
 * then has a second one with the text of those values alone, and they go the way of all text, to
 * the same message. Any other type is read as text as a whole. */
#include "project/snapshot_internal.h"

#include <string.h>

/* Days whose text is YYYY-MM-DD; other years are longer, shorter, BC or infinite. */
#define FIRST_DAY "1000-01-01"
#define LAST_DAY "9999-12-31"

typedef struct expression {
    const char *value; /* NULL: only the text */
    const char *fits;  /* NULL: always */
    const char *text;  /* NULL: not needed */
    bool casts;        /* `value` may fail where it does not fit */
} expression;

static bool is_whole(alm_str type)
{
    static const char *const TYPES[] = {"BIGINT",   "INTEGER",   "SMALLINT", "TINYINT",
                                        "UINTEGER", "USMALLINT", "UTINYINT"};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (alm_str_is(type, TYPES[i])) {
            return true;
        }
    }
    return false;
}

/* A double as the engine reads it back; decimal literals would be compared as decimals. */
static char *double_literal(double value, alm_arena *arena)
{
    char text[32];
    (void)alm_double_text(value, text);
    return alm_arena_printf(arena, "'%s'::DOUBLE", text);
}

static expression read_f64(const alm_source_column *column, alm_str type, const char *name,
                           alm_arena *arena)
{
    expression e = {.text = alm_arena_printf(arena, "%s::VARCHAR", name)};
    if (is_whole(type)) {
        return (expression){.value = name};
    }
    if (alm_str_is(type, "DOUBLE")) {
        e.value = name;
        e.fits = alm_arena_printf(arena, "isfinite(%s)", name);
        if (column->has_min) {
            e.fits = alm_arena_printf(arena, "%s AND %s >= %s", e.fits, name,
                                      double_literal(column->min, arena));
        }
        if (column->has_max) {
            e.fits = alm_arena_printf(arena, "%s AND %s <= %s", e.fits, name,
                                      double_literal(column->max, arena));
        }
    }
    return e;
}

/* Other writers store whole numbers with gaps as doubles: what loses nothing is accepted. */
static expression read_i64(alm_str type, const char *name, alm_arena *arena)
{
    expression e = {.text = alm_arena_printf(arena, "%s::VARCHAR", name)};
    if (is_whole(type)) {
        return (expression){.value = name};
    }
    if (alm_str_is(type, "DOUBLE") || alm_str_is(type, "FLOAT")) {
        e.value = alm_arena_printf(arena, "%s::BIGINT", name);
        e.casts = true;
        e.fits = alm_arena_printf(arena, "%s = trunc(%s) AND abs(%s) < 9007199254740992", name,
                                  name, name);
    }
    return e;
}

/* Other writers store dates as midnights. The day is cast to text again where its year does not
 * fit, because `2020-01-01 00:00:00` is no date in a file of text either. */
static expression read_date(alm_str type, const char *name, alm_arena *arena)
{
    expression e = {.text = alm_arena_printf(arena, "%s::VARCHAR", name)};
    const char *in_range = "BETWEEN DATE '" FIRST_DAY "' AND DATE '" LAST_DAY "'";
    if (alm_str_is(type, "DATE")) {
        e.value = name;
        e.fits = alm_arena_printf(arena, "%s %s", name, in_range);
    } else if (alm_str_starts_with(type, "TIMESTAMP")) {
        e.value = alm_arena_printf(arena, "%s::DATE", name);
        e.casts = true;
        e.fits = alm_arena_printf(arena, "%s = date_trunc('day', %s) AND %s::DATE %s", name, name,
                                  name, in_range);
        e.text = alm_arena_printf(arena, "CASE WHEN %s = date_trunc('day', %s) "
                                  "THEN %s::DATE::VARCHAR ELSE %s::VARCHAR END", name, name, name,
                                  name);
    }
    return e;
}

/* Nanoseconds stay text: almanac keeps microseconds and refuses more digits. */
static expression read_instant(alm_str type, const char *name, alm_arena *arena)
{
    static const char *const TYPES[] = {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S",
                                        "TIMESTAMP_MS", "DATE"};
    expression e = {.text = alm_arena_printf(arena, "%s::VARCHAR", name)};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (alm_str_is(type, TYPES[i])) {
            e.value = alm_arena_printf(arena, "%s::TIMESTAMP", name);
            e.casts = true;
            e.fits = alm_arena_printf(arena, "%s >= TIMESTAMP '" FIRST_DAY "' AND "
                                      "%s < TIMESTAMP '" LAST_DAY "'", e.value, e.value);
        }
    }
    return e;
}

static expression read_column(const alm_source_column *column, alm_str type, alm_arena *arena)
{
    char *name = alm_sql_identifier(arena, column->name);
    expression as_text = {.text = alm_arena_printf(arena, "%s::VARCHAR", name)};
    if (alm_str_is(type, "TIMESTAMP WITH TIME ZONE")) {
        name = alm_arena_printf(arena, "%s::TIMESTAMP", name); /* the session's zone is UTC */
        as_text.text = alm_arena_printf(arena, "%s::VARCHAR", name);
    }
    switch (column->type) {
    case ALM_TYPE_BOOL:
        return alm_str_is(type, "BOOLEAN") ? (expression){.value = name} : as_text;
    case ALM_TYPE_I64:
        return read_i64(type, name, arena);
    case ALM_TYPE_F64:
        return read_f64(column, type, name, arena);
    case ALM_TYPE_DATE:
        return read_date(type, name, arena);
    case ALM_TYPE_INSTANT:
        return read_instant(type, name, arena);
    case ALM_TYPE_TEXT:
        return alm_str_is(type, "VARCHAR") ? (expression){.value = name} : as_text;
    }
    return as_text;
}

static size_t add_column(alm_buffer *out, size_t *count, const char *sql)
{
    alm_buffer_printf(out, "%s%s AS c%zu", *count ? ", " : "", sql, *count);
    return (*count)++;
}

alm_err almi_parquet_query(const alm_source *spec, const alm_str *types, const char *path,
                           alm_arena *arena, almi_parquet_query_text *out, alm_error *error)
{
    alm_buffer text = {0};
    size_t count = 0;
    out->columns = ALM_NEW_ARRAY(arena, almi_parquet_column, spec->column_count);
    alm_buffer_text(&text, "SELECT ");
    for (size_t i = 0; i < spec->column_count; i++) {
        expression e = read_column(&spec->columns[i], types[i], arena);
        almi_parquet_column *place = &out->columns[i];
        *place = (almi_parquet_column){SIZE_MAX, SIZE_MAX};
        if (e.value && e.fits) {
            /* The condition guards a cast too: the engine evaluates a branch only where it is
             * taken. */
            place->value = add_column(
                &text, &count, e.casts ? alm_arena_printf(arena, "CASE WHEN %s THEN %s END",
                                                          e.fits, e.value)
                                       : e.value);
            place->text = add_column(
                &text, &count, alm_arena_printf(arena, "CASE WHEN %s THEN NULL ELSE %s END",
                                                e.fits, e.text));
        } else if (e.value) {
            place->value = add_column(&text, &count, e.value);
        } else {
            place->text = add_column(&text, &count, e.text);
        }
    }
    alm_buffer_printf(&text, " FROM read_parquet(%s)",
                      alm_sql_literal(arena, alm_str_of(path)));
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        out->text = alm_arena_copy_text(arena, text.data, text.size);
    }
    alm_buffer_deinit(&text);
    return code;
}
