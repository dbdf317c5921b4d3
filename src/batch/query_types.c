/* query_types.c: columns of a result that are more than a plain value.
 *
 * The engine's own text of a list or a struct is no format that anything reads, so such a column is
 * turned into JSON by the engine. Of a user's statement the types have to be asked for. */
#include "batch/query_internal.h"

#include <string.h>

#define COLUMNS_MAX 10000

const almi_column *almi_query_column(const alm_query *query, const char *name)
{
    for (size_t c = 0; c < query->columns; c++) {
        if (strcmp(query->column[c].name, name) == 0) {
            return &query->column[c];
        }
    }
    return NULL;
}

const char *almi_json_term(alm_arena *arena, const char *quoted)
{
    return alm_arena_printf(arena, "CASE WHEN %s IS NOT NULL THEN to_json(%s)::VARCHAR END AS %s",
                            quoted, quoted, quoted);
}

/* By the engine's name of the type: STRUCT(a INTEGER), MAP(..), VARCHAR[], INTEGER[3], JSON. */
static bool is_nested(alm_str type)
{
    return alm_str_starts_with(type, "STRUCT(") || alm_str_starts_with(type, "MAP(") ||
           alm_str_starts_with(type, "UNION(") || alm_str_is(type, "JSON") ||
           (type.size > 0 && type.data[type.size - 1] == ']');
}

static bool is_number_text(alm_str type)
{
    return alm_str_starts_with(type, "DECIMAL(") || alm_str_is(type, "HUGEINT") ||
           alm_str_is(type, "UHUGEINT") || alm_str_is(type, "UBIGINT");
}

static void take_types(alm_query *query, const alm_table *types)
{
    almi_column *column = ALM_NEW_ARRAY(query->arena, almi_column, types->rows);
    for (size_t r = 0; r < types->rows; r++) {
        alm_str name = types->columns[0].values.text[r];
        alm_str type = types->columns[1].values.text[r];
        if (is_nested(type) || is_number_text(type)) {
            column[query->columns++] =
                (almi_column){alm_arena_copy_text(query->arena, name.data, name.size),
                              is_nested(type), is_number_text(type)};
        }
    }
    query->column = column;
}

static void replace_nested(alm_query *query)
{
    const char *list = "";
    for (size_t c = 0; c < query->columns; c++) {
        if (query->column[c].is_nested) {
            const char *quoted =
                alm_sql_identifier(query->arena, alm_str_of(query->column[c].name));
            list = alm_arena_printf(query->arena, "%s%s%s", list, list[0] ? ", " : "",
                                    almi_json_term(query->arena, quoted));
        }
    }
    if (list[0]) {
        query->text = alm_arena_printf(query->arena, "SELECT * REPLACE (%s) FROM (%s) AS typed",
                                       list, query->raw);
    }
}

void almi_query_describe(alm_query *query)
{
    alm_arena *scratch = alm_arena_create(0);
    alm_table types;
    const char *statement =
        alm_arena_printf(scratch, "SELECT column_name, column_type FROM (DESCRIBE %s)", query->raw);
    if (alm_sql_collect(query->sql, statement, COLUMNS_MAX, scratch, &types, NULL) == ALM_OK) {
        take_types(query, &types);
        replace_nested(query);
    }
    alm_arena_destroy(scratch);
}
