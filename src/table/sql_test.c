#include "table/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static alm_sql *sql;
static alm_arena *arena;

static int setup(void **state)
{
    (void)state;
    alm_error error;
    alm_sql_options options = {.threads = 2};
    arena = alm_arena_create(0);
    return alm_sql_open(&options, &sql, &error) == ALM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    alm_sql_close(sql);
    alm_arena_destroy(arena);
    return 0;
}

static alm_table collect(const char *statement)
{
    alm_table table = {0};
    alm_error error = {0};
    alm_err code = alm_sql_collect(sql, statement, 100000, arena, &table, &error);
    if (code != ALM_OK) {
        print_error("%s\n", error.message);
    }
    assert_int_equal(code, ALM_OK);
    return table;
}

static void maps_types(void **state)
{
    (void)state;
    alm_table t = collect("SELECT true AS a, 1::UTINYINT AS b, -5::SMALLINT AS c, 1.5::FLOAT AS d,"
                          " 0.1::DOUBLE AS e, DATE '2011-12-09' AS f,"
                          " TIMESTAMP '2011-12-09 00:00:01.5' AS g, 'x''y' AS h");
    const alm_type types[] = {ALM_TYPE_BOOL, ALM_TYPE_I64,  ALM_TYPE_I64,     ALM_TYPE_F64,
                              ALM_TYPE_F64,  ALM_TYPE_DATE, ALM_TYPE_INSTANT, ALM_TYPE_TEXT};
    assert_int_equal(t.rows, 1);
    assert_int_equal(t.column_count, 8);
    for (size_t c = 0; c < 8; c++) {
        assert_int_equal(t.columns[c].type, types[c]);
    }
    assert_int_equal(t.columns[0].values.boolean[0], 1);
    assert_int_equal(t.columns[1].values.i64[0], 1);
    assert_int_equal(t.columns[2].values.i64[0], -5);
    assert_true(t.columns[3].values.f64[0] == 1.5);
    assert_true(t.columns[4].values.f64[0] == 0.1);
    alm_date date;
    assert_true(alm_date_parse(ALM_STR("2011-12-09"), &date));
    assert_int_equal(t.columns[5].values.date[0], date);
    assert_true(t.columns[6].values.instant[0] == alm_instant_of_date(date) + 1500000);
    assert_true(alm_str_is(t.columns[7].values.text[0], "x'y"));
}

/* Foreign types arrive as text, under their names, also when names repeat. */
static void foreign_types_become_text(void **state)
{
    (void)state;
    alm_table t = collect("SELECT 1.50::DECIMAL(9,2) AS x, 7::HUGEINT AS x, [1, 2] AS \"a \"\"b\","
                          " NULL AS n, 3 AS i -- a comment at the end;");
    assert_int_equal(t.column_count, 5);
    assert_string_equal(t.columns[1].name, "x");
    assert_string_equal(t.columns[2].name, "a \"b");
    assert_true(alm_str_is(t.columns[0].values.text[0], "1.50"));
    assert_true(alm_str_is(t.columns[1].values.text[0], "7"));
    assert_true(alm_str_is(t.columns[2].values.text[0], "[1, 2]"));
    assert_int_equal(t.columns[4].type, ALM_TYPE_I64);
    assert_false(alm_column_is_valid(&t.columns[3], 0));
}

static void streams_in_order(void **state)
{
    (void)state;
    alm_error error;
    alm_sql_cursor *cursor = NULL;
    assert_int_equal(alm_sql_query(sql, "SELECT i, i::VARCHAR AS t FROM range(100000) r(i)",
                                   &cursor, &error), ALM_OK);
    int64_t expected = 0;
    for (;;) {
        alm_table batch;
        assert_int_equal(alm_sql_next(cursor, arena, &batch, &error), ALM_OK);
        assert_true(batch.rows <= 2048);
        if (batch.rows == 0) {
            break;
        }
        for (size_t i = 0; i < batch.rows; i++, expected++) {
            int64_t number = -1;
            assert_int_equal(batch.columns[0].values.i64[i], expected);
            assert_true(alm_str_to_i64(batch.columns[1].values.text[i], &number));
            assert_int_equal(number, expected);
        }
        alm_arena_reset(arena);
    }
    assert_int_equal(expected, 100000);
    alm_sql_cursor_close(cursor);
}

static void errors_have_codes_and_one_line(void **state)
{
    (void)state;
    alm_error error = {0};
    assert_int_equal(alm_sql_run(sql, "SELEC 1", &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "syntax error"));
    assert_null(strchr(error.message, '\n'));
    alm_table table;
    assert_int_equal(alm_sql_collect(sql, "SELECT * FROM read_parquet('none.parquet')", 1, arena,
                                     &table, &error), ALM_ERR_IO);
    assert_non_null(strstr(error.message, "none.parquet"));
    assert_int_equal(alm_sql_collect(sql, "SELECT * FROM range(11)", 10, arena, &table, &error),
                     ALM_ERR_LIMIT);
    /* a failure in the middle of a stream */
    assert_int_equal(alm_sql_collect(sql, "SELECT (CASE WHEN i = 90000 THEN 'x' ELSE '1' END)::INT"
                                          " FROM range(100000) r(i)", 200000, arena, &table,
                                     &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "Could not convert string 'x'"));
    /* the handle still works */
    int64_t value = 0;
    assert_int_equal(alm_sql_i64(sql, "SELECT count(*) FROM range(5)", &value, &error), ALM_OK);
    assert_int_equal(value, 5);
    assert_int_equal(alm_sql_i64(sql, "SELECT NULL::BIGINT", &value, &error), ALM_ERR_NOT_FOUND);
    assert_int_equal(alm_sql_i64(sql, "SELECT 1 WHERE false", &value, &error), ALM_ERR_NOT_FOUND);
    assert_int_equal(value, 5);
}

static void no_network_extensions(void **state)
{
    (void)state;
    alm_error error = {0};
    alm_table t = collect("SELECT value FROM duckdb_settings() WHERE name IN "
                          "('autoinstall_known_extensions', 'autoload_known_extensions')");
    assert_int_equal(t.rows, 2);
    assert_true(alm_str_is(t.columns[0].values.text[0], "false"));
    assert_true(alm_str_is(t.columns[0].values.text[1], "false"));
    assert_int_not_equal(alm_sql_run(sql, "SELECT * FROM 'https://host.invalid/a.parquet'", &error),
                         ALM_OK);
}

static void append_round_trip(void **state)
{
    (void)state;
    const char *const names[] = {"flag", "count", "price", "day", "at", "a \"text\""};
    const alm_type types[] = {ALM_TYPE_BOOL, ALM_TYPE_I64,     ALM_TYPE_F64,
                              ALM_TYPE_DATE, ALM_TYPE_INSTANT, ALM_TYPE_TEXT};
    alm_table_builder *builder = NULL;
    alm_error error = {0};
    assert_int_equal(alm_table_builder_create(names, types, 6, &builder, &error), ALM_OK);
    size_t rows = 5000; /* more than two chunks */
    for (size_t i = 0; i < rows; i++) {
        alm_table_builder_bool(builder, i % 2);
        alm_table_builder_i64(builder, INT64_MIN + (int64_t)i);
        alm_table_builder_f64(builder, 1.0 / (double)(i + 1));
        alm_table_builder_date(builder, (alm_date)i - 700000);
        alm_table_builder_instant(builder, (alm_instant)i * 1234567);
        if (i % 3 == 0) {
            alm_table_builder_null(builder);
        } else {
            alm_table_builder_text(builder, i % 3 == 1 ? ALM_STR("longer than twelve bytes")
                                                       : ALM_STR(""));
        }
    }
    alm_table in;
    assert_int_equal(alm_table_builder_finish(builder, &in, &error), ALM_OK);
    assert_int_equal(alm_sql_append(sql, "my table", &in, &error), ALM_OK);
    assert_int_equal(alm_sql_append(sql, "my table", &in, &error), ALM_OK);
    alm_table out = collect("SELECT * FROM \"my table\"");
    assert_int_equal(out.rows, 2 * rows);
    for (size_t c = 0; c < 6; c++) {
        alm_hash a;
        alm_hash b;
        alm_hash_init(&a);
        alm_hash_init(&b);
        alm_column_hash(&in.columns[c], 0, rows, &a);
        alm_column_hash(&out.columns[c], rows, rows, &b);
        alm_digest x = alm_hash_final(&a);
        alm_digest y = alm_hash_final(&b);
        assert_true(alm_digest_equal(&x, &y));
        assert_string_equal(out.columns[c].name, names[c]);
    }
    alm_table_builder_destroy(builder);
}

typedef struct numbers {
    alm_table_builder *builder;
    int64_t at, end;
    int64_t fail_at;
} numbers;

static alm_err pull_numbers(void *context, alm_table *out, alm_error *error)
{
    numbers *n = context;
    alm_table_builder_clear(n->builder);
    for (size_t rows = 0; rows < 2048 && n->at < n->end; rows++, n->at++) {
        alm_table_builder_i64(n->builder, n->at);
        if (n->at % 5 == 0) {
            alm_table_builder_null(n->builder);
        } else {
            alm_table_builder_text(n->builder, n->at % 5 == 1 ? ALM_STR("")
                                               : n->at % 5 == 2 ? ALM_STR("twelve bytes")
                                               : n->at % 5 == 3 ? ALM_STR("n\xc3\xb6rd")
                                                                : ALM_STR("more than twelve"));
        }
    }
    if (n->at > n->fail_at) {
        return alm_fail(error, ALM_ERR_CONFLICT, "number %lld is not wanted",
                        (long long)n->fail_at);
    }
    return alm_table_builder_finish(n->builder, out, error);
}

/* Rows in the order in which they are given, with more threads than one; errors as they are. */
static void writes_streams(void **state)
{
    (void)state;
    const char *const names[] = {"i", "a \"text\""};
    const alm_type types[] = {ALM_TYPE_I64, ALM_TYPE_TEXT};
    const alm_column columns[] = {{.name = names[0], .type = types[0]},
                                  {.name = names[1], .type = types[1]}};
    const alm_table schema = {0, 2, columns};
    char path[] = "/tmp/almanac-sql-XXXXXX";
    alm_error error = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    alm_sql_parquet target = {.path = path, .schema = &schema};
    numbers n = {.end = 300000, .fail_at = INT64_MAX};
    assert_int_equal(alm_table_builder_create(names, types, 2, &n.builder, &error), ALM_OK);
    for (int turn = 0; turn < 2; turn++) {
        n.at = 0;
        assert_int_equal(alm_sql_write_parquet(sql, &target, pull_numbers, &n, &error), ALM_OK);
    }
    char *query = alm_arena_printf(
        arena, "SELECT count(*) FROM (SELECT row_number() OVER () - 1 AS r, * FROM "
        "read_parquet('%s')) WHERE r <> i OR \"a \"\"text\"\"\" IS DISTINCT FROM "
        "[NULL, '', 'twelve bytes', 'n\xc3\xb6rd', 'more than twelve'][i %% 5 + 1]", path);
    int64_t wrong = -1;
    assert_int_equal(alm_sql_i64(sql, query, &wrong, &error), ALM_OK);
    assert_int_equal(wrong, 0);
    query = alm_arena_printf(arena, "SELECT count(*) FROM read_parquet('%s')", path);
    assert_int_equal(alm_sql_i64(sql, query, &wrong, &error), ALM_OK);
    assert_int_equal(wrong, n.end);

    n.at = 0;
    target.select = "i * 2 AS twice";
    target.row_group_rows = 4096; /* of 300,000 rows */
    assert_int_equal(alm_sql_write_parquet(sql, &target, pull_numbers, &n, &error), ALM_OK);
    query = alm_arena_printf(arena, "SELECT count(*) FROM (SELECT twice, row_number() OVER () - 1 "
                             "AS r FROM read_parquet('%s')) WHERE twice <> 2 * r", path);
    assert_int_equal(alm_sql_i64(sql, query, &wrong, &error), ALM_OK);
    assert_int_equal(wrong, 0);
    query = alm_arena_printf(arena, "SELECT max(row_group_id) FROM parquet_metadata('%s')", path);
    assert_int_equal(alm_sql_i64(sql, query, &wrong, &error), ALM_OK);
    assert_int_equal(wrong, 300000 / 4096);
    target.select = NULL;

    n.at = 0;
    n.fail_at = 5000;
    assert_int_equal(alm_sql_write_parquet(sql, &target, pull_numbers, &n, &error),
                     ALM_ERR_CONFLICT);
    assert_string_equal(error.message, "number 5000 is not wanted");
    assert_int_equal(alm_sql_run(sql, "SELECT * FROM almanac_rows()", &error), ALM_ERR_INVALID);
    alm_table_builder_destroy(n.builder);
    unlink(path);
}

static void quotes(void **state)
{
    (void)state;
    assert_string_equal(alm_sql_literal(arena, ALM_STR("it's")), "'it''s'");
    assert_string_equal(alm_sql_identifier(arena, ALM_STR("a \"b\"")), "\"a \"\"b\"\"\"");
    assert_string_equal(alm_sql_literal(arena, ALM_STR("")), "''");
    assert_string_equal(alm_sql_engine_version(), "v1.5.6");
}

/* Text compares by bytes: the order of keys in a snapshot rests on it. */
static void text_order_is_bytewise(void **state)
{
    (void)state;
    alm_table t = collect("SELECT x FROM (VALUES ('b'), ('a'), ('B'), ('\xc3\xa4'), ('a0'), ('A')) "
                          "v(x) ORDER BY x");
    for (size_t i = 1; i < t.rows; i++) {
        assert_true(alm_str_compare(t.columns[0].values.text[i - 1],
                                    t.columns[0].values.text[i]) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(maps_types, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_types_become_text, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_have_codes_and_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(no_network_extensions, setup, teardown),
        cmocka_unit_test_setup_teardown(append_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(quotes, setup, teardown),
        cmocka_unit_test_setup_teardown(text_order_is_bytewise, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
