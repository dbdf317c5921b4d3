/* Writes the sources of the project bench/panel: a retail-like daily panel, the same on every run.
 *
 *     panel_bench FOLDER SERIES sparse|dense
 *     panel_bench PARQUET TO.csv.gz|TO.parquet ORDER
 *
 * The second form copies a file, as compressed CSV or as Parquet, with its rows `s` in the ORDER
 * (an SQL clause; empty: as they are).
 *
 * 730 days from 2023-01-01; ten stores, SERIES / 10 articles, 50 categories. Sizes of series differ
 * by a factor of 40, with a weekly profile. `sparse` leaves out days without a sale, as a till
 * does; `dense` has a row for every day. Random numbers are hashes of (series, day), so that the
 * rows of a series do not depend on how many series there are. */
#include "table/sql.h"

#include <stdio.h>
#include <string.h>

#define DAYS 730
#define ENGINE_MEMORY ((uint64_t)1 << 30)

/* Uniform in [0, 1): 53 bits of the engine's hash. */
#define UNIFORM(key) "((hash(" key ") // 2048)::DOUBLE / 9007199254740992.0)"

#define SERIES_SQL \
    "CREATE TEMP TABLE series AS SELECT i, format('A{:06d}', i // 10) AS sku, " \
    "format('S{:02d}', i %% 10) AS store, 0.15 * exp(3.7 * " UNIFORM("i * 7919") ") AS size " \
    "FROM range(%lld) t(i)"

#define SALES_SQL \
    "COPY (SELECT DATE '2023-01-01' + d::INTEGER AS date, sku, store, units FROM (" \
    "SELECT d, sku, store, floor(-ln(1 - " UNIFORM("i * 1000 + d") ") * size " \
    "* (1 + 0.4 * sin(d %% 7))) ::BIGINT AS units " \
    "FROM series, range(%d) t(d)) %s) TO %s (FORMAT parquet)"

#define SKUS_SQL \
    "COPY (SELECT DISTINCT sku, format('C{:02d}', (i // 10) %% 50) AS category FROM series " \
    "ORDER BY sku) TO %s (FORMAT parquet)"

/* The position at the close of the last day, and one delivery ten days later. */
#define STOCK_SQL \
    "COPY (SELECT DATE '2023-01-01' + %d AS date, sku, store, ceil(size * 9)::BIGINT AS on_hand, " \
    "0::BIGINT AS receipts FROM series UNION ALL " \
    "SELECT DATE '2023-01-01' + %d, sku, store, NULL, ceil(size * 8)::BIGINT " \
    "FROM series) TO %s (FORMAT parquet)"

static alm_err write_sources(alm_sql *sql, const char *folder, int64_t series, bool dense,
                             alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    const char *names[] = {"sales", "skus", "stock"};
    char *paths[3];
    for (size_t i = 0; i < 3; i++) {
        const char *path = alm_arena_printf(arena, "%s/%s.parquet", folder, names[i]);
        paths[i] = alm_sql_literal(arena, alm_str_of(path));
    }
    const char *statements[] = {
        alm_arena_printf(arena, SERIES_SQL, (long long)series),
        alm_arena_printf(arena, SALES_SQL, DAYS, dense ? "" : "WHERE units > 0", paths[0]),
        alm_arena_printf(arena, SKUS_SQL, paths[1]),
        alm_arena_printf(arena, STOCK_SQL, DAYS - 1, DAYS + 9, paths[2]),
    };
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && i < 4; i++) {
        code = alm_sql_run(sql, statements[i], error);
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err copy_file(alm_sql *sql, char **argv, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    char *statement = alm_arena_printf(
        arena, "COPY (SELECT * FROM read_parquet(%s) s%s) TO %s (%s)",
        alm_sql_literal(arena, alm_str_of(argv[1])), argv[3],
        alm_sql_literal(arena, alm_str_of(argv[2])),
        strstr(argv[2], ".csv.gz") ? "FORMAT csv, HEADER, COMPRESSION gzip" : "FORMAT parquet");
    alm_err code = alm_sql_run(sql, statement, error);
    alm_arena_destroy(arena);
    return code;
}

int main(int argc, char **argv)
{
    int64_t series = 0;
    bool copies = argc == 4 && strstr(argv[1], ".parquet") != NULL;
    bool dense = argc == 4 && strcmp(argv[3], "dense") == 0;
    if (!copies && (argc != 4 || (!dense && strcmp(argv[3], "sparse") != 0) ||
                    !alm_str_to_i64(alm_str_of(argv[2]), &series) || series < 10)) {
        fprintf(stderr, "usage: panel_bench FOLDER SERIES sparse|dense\n"
                        "       panel_bench PARQUET TO.csv.gz|TO.parquet ORDER\n");
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    alm_sql_options options = {.threads = 1, .memory_limit_bytes = ENGINE_MEMORY};
    alm_sql *sql;
    alm_error error = {0};
    alm_err code = alm_sql_open(&options, &sql, &error);
    if (code == ALM_OK) {
        code = copies ? copy_file(sql, argv, &error)
                      : write_sources(sql, argv[1], series, dense, &error);
        alm_sql_close(sql);
    }
    if (code != ALM_OK) {
        fprintf(stderr, "panel_bench: %s\n", error.message);
    }
    return alm_err_exit_status(code);
}
