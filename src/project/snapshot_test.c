#include "project/snapshot.h"

#include "base/rng.h"
#include "project/project_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

/* %s: file of the sales, further keys of the source. */
#define SHOP                                                             \
    "almanac: 1\n"                                                       \
    "name: shop\n"                                                       \
    "sources:\n"                                                         \
    "  sales:\n"                                                         \
    "    files: %s\n"                                                    \
    "    time: date\n"                                                   \
    "    keys: [sku, store]\n"                                           \
    "%s"                                                                 \
    "    columns:\n"                                                     \
    "      date: date\n"                                                 \
    "      sku: text\n"                                                  \
    "      store: text\n"                                                \
    "      units: {type: i64, min: 0}\n"                                 \
    "      price: {type: f64, nullable: true, missing_share_max: 0.5}\n" \
    "  calendar:\n"                                                      \
    "    files: calendar.csv\n"                                          \
    "    time: date\n"                                                   \
    "    known_in_advance: true\n"                                       \
    "    columns: {date: date, open: bool}\n"                            \
    "series:\n"                                                          \
    "  source: sales\n"                                                  \
    "  keys: [sku, store]\n"                                             \
    "  target: units\n"                                                  \
    "  missing: zero\n"                                                  \
    "  closed: {source: calendar, column: open}\n"

#define HEADER "date,sku,store,units,price\n"
#define START "2020-01-01"
#define END "2020-01-05"

static void open_shop(fixture *f, const char *file, const char *extra)
{
    fixture_open(f, alm_arena_printf(f->arena, SHOP, file, extra));
    fixture_put(f, "calendar.csv",
                "date,open\n2020-01-01,false\n2020-01-02,true\n2020-01-03,1\n"
                "2020-01-04,true\n2020-01-05,true\n2020-01-06,true\n");
}

static const char *id_of(fixture *f)
{
    alm_snapshot s;
    alm_err code = fixture_take(f, START, END, &s);
    if (code != ALM_OK) {
        print_error("%s\n", f->error.message);
    }
    assert_int_equal(code, ALM_OK);
    return s.id.data;
}

static void expect_refusal(fixture *f, alm_err expected, const char *message)
{
    alm_snapshot s;
    alm_err code = fixture_take(f, START, END, &s);
    assert_string_equal(f->error.message, message);
    assert_int_equal(code, expected);
}

#define ROWS                            \
    "2020-01-02,b,north,3,1.5\n"        \
    "2020-01-02,a,north,1,\n"           \
    "2020-01-03,a,north,0,1e-3\n"       \
    "2020-01-04,a,\"south, far\",2,-0\n"

static void takes_the_window(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "");
    fixture_put(f, "sales.csv", HEADER "2019-12-31,a,north,9,\n" ROWS "2020-01-05,a,north,9,\n");
    alm_snapshot s;
    assert_int_equal(fixture_take(f, START, END, &s), ALM_OK);
    assert_int_equal(s.source_count, 2);
    assert_true(alm_str_is(s.sources[0].name, "sales"));
    assert_int_equal(s.sources[0].rows, 4);
    assert_int_equal(s.sources[0].outside, 2);
    assert_int_equal(s.sources[0].rejected, 0);
    assert_int_equal(s.sources[0].first, fixture_date("2020-01-02"));
    assert_int_equal(s.sources[0].last, fixture_date("2020-01-04"));
    assert_int_equal(s.sources[1].rows, 6); /* known in advance: also behind the end */
    assert_int_equal(s.id.size, 64);

    /* sorted by keys and time, -0 as 0, columns in canonical order */
    alm_digest digest;
    const char *path = NULL;
    assert_true(alm_digest_parse(s.sources[0].object, &digest));
    assert_int_equal(alm_objects_locate(f->objects, &digest, f->arena, &path, &f->error), ALM_OK);
    alm_sql *sql = NULL;
    alm_sql_options options = {.threads = 1};
    alm_table table;
    assert_int_equal(alm_sql_open(&options, &sql, &f->error), ALM_OK);
    char *query = alm_arena_printf(f->arena, "SELECT string_agg(t::VARCHAR, ';') FROM "
                                   "read_parquet('%s') t", path);
    assert_int_equal(alm_sql_collect(sql, query, 10, f->arena, &table, &f->error), ALM_OK);
    char *rows = alm_arena_copy_text(f->arena, table.columns[0].values.text[0].data,
                                     table.columns[0].values.text[0].size);
    assert_string_equal(rows,
        "{'sku': a, 'store': north, 'date': 2020-01-02, 'price': NULL, 'units': 1};"
        "{'sku': a, 'store': north, 'date': 2020-01-03, 'price': 0.001, 'units': 0};"
        "{'sku': a, 'store': 'south, far', 'date': 2020-01-04, 'price': 0.0, 'units': 2};"
        "{'sku': b, 'store': north, 'date': 2020-01-02, 'price': 1.5, 'units': 3}");
    alm_sql_close(sql);
}

/* The id is a function of the set of rows in the window, and of nothing else. */
static void id_is_of_the_content(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "");
    fixture_put(f, "sales.csv", HEADER ROWS);
    const char *id = id_of(f);
    assert_string_equal(id_of(f), id);
    fixture_put(f, "sales.csv", HEADER "2020-01-04,a,\"south, far\",2,0.0\n"
                "2020-01-03,a,north,00,0.001\n\"2020-01-02\",a,north,+1,\n"
                "2020-01-02,b,north,3,15e-1\n");
    assert_string_equal(id_of(f), id); /* other order, other texts of the same values */
    fixture_put(f, "sales.csv", HEADER ROWS "2020-01-05,z,north,7,\n2019-12-31,z,north,7,\n");
    assert_string_equal(id_of(f), id); /* rows outside the window */
    fixture_put(f, "sales.csv", "price,extra,units,store,sku,date\n1.5,x,3,north,b,2020-01-02\n"
                ",x,1,north,a,2020-01-02\n1e-3,x,0,north,a,2020-01-03\n"
                "0,x,2,\"south, far\",a,2020-01-04\n");
    assert_string_equal(id_of(f), id); /* other order of columns, and one that is not declared */
    fixture_put(f, "sales.csv", HEADER "2020-01-02,b,north,4,1.5\n2020-01-02,a,north,1,\n"
                "2020-01-03,a,north,0,1e-3\n2020-01-04,a,\"south, far\",2,-0\n");
    assert_string_not_equal(id_of(f), id); /* a restated value */
    fixture_put(f, "sales.csv", HEADER ROWS "2020-01-04,b,north,1,\n");
    assert_string_not_equal(id_of(f), id); /* a late row */
    alm_snapshot s;
    fixture_put(f, "sales.csv", HEADER ROWS);
    assert_int_equal(fixture_take(f, "2019-12-31", END, &s), ALM_OK);
    assert_string_not_equal(s.id.data, id); /* another window */
}

/* Random rows as CSV, gzip and Parquet, shuffled, with 1, 2 and 3 threads. */
static void id_survives_formats_and_threads(void **state)
{
    fixture *f = *state;
    enum { ROW_COUNT = 3000 };
    alm_rng rng = alm_rng_stream(5, 5);
    char *rows[ROW_COUNT];
    for (int i = 0; i < ROW_COUNT; i++) {
        char price[32];
        uint64_t bits = alm_rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof(value));
        bool finite = value - value == 0.0;
        (void)alm_double_text(finite ? value : 0.1, price);
        rows[i] = alm_arena_printf(f->arena, "2020-01-0%d,s%d,n\xc3\xb6rd,%d,%s\n",
                                   1 + i % 4, i / 4, (int)alm_rng_next_below(&rng, 100),
                                   i % 3 ? price : "");
    }
    const char *id = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        alm_buffer text = {0};
        alm_buffer_text(&text, HEADER);
        for (int i = ROW_COUNT - 1; i >= 0; i--) { /* Fisher-Yates, one row at a time */
            size_t other = alm_rng_next_below(&rng, (uint64_t)i + 1);
            char *row = rows[other];
            rows[other] = rows[i];
            rows[i] = row;
            alm_buffer_text(&text, row);
        }
        fixture_put_bytes(f, "sales.csv", text.data, text.size);
        alm_buffer_deinit(&text);
        const char *copy = "COPY (SELECT date::TIMESTAMP AS date, sku, store, "
                           "units::DOUBLE AS units, price::DOUBLE AS price FROM "
                           "read_csv('%s', all_varchar=true)) TO '%s' (FORMAT parquet)";
        const char *pack = "COPY (SELECT * FROM read_csv('%s', all_varchar=true)) TO '%s' "
                           "(FORMAT csv, HEADER, COMPRESSION gzip)";
        fixture_sql(f, alm_arena_printf(f->arena, copy, fixture_path(f, "sales.csv"),
                                        fixture_path(f, "sales.parquet")));
        fixture_sql(f, alm_arena_printf(f->arena, pack, fixture_path(f, "sales.csv"),
                                        fixture_path(f, "sales.csv.gz")));
        alm_pool_destroy(f->pool);
        assert_int_equal(alm_pool_create(threads, &f->pool, &f->error), ALM_OK);
        f->env.pool = f->pool;
        const char *const files[] = {"sales.csv", "sales.csv.gz", "sales.parquet"};
        for (int i = 0; i < 3; i++) {
            open_shop(f, files[i], "");
            const char *got = id_of(f);
            id = id ? id : got;
            assert_string_equal(got, id);
        }
    }
}

static void lists_rejected_rows(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "    reject_share_max: 0.9\n");
    fixture_put(f, "sales.csv", HEADER
                "2020-01-02,a,north,1,2\n"
                "2020-1-3,a,north,1,2\n"
                "2020-02-30,a,north,1,2\n"
                "2020-01-03,,north,1,2\n"
                "2020-01-03,a,north,-1,2\n"
                "2020-01-03,a,north,1.5,2\n"
                "2020-01-03,a,north,1,nan\n"
                "2020-01-03,a,north,1,1e999\n"
                "2020-01-03,a,north,1\n"
                "2020-01-03,a,north,\"1,000\",2\n");
    alm_snapshot s;
    assert_int_equal(fixture_take(f, START, END, &s), ALM_OK);
    assert_int_equal(s.sources[0].rows, 1);
    assert_int_equal(s.sources[0].rejected, 9);
    char *name = alm_arena_printf(f->arena, "%s/rejected/%s.csv", f->project->state, s.id.data);
    alm_str text;
    assert_int_equal(alm_fs_read_all(f->fs, name, 10000, f->arena, &text, &f->error), ALM_OK);
    assert_string_equal(text.data,
        "source,file,row,column,value,reason\n"
        "sales,sales.csv,2,date,2020-1-3,is not a date YYYY-MM-DD\n"
        "sales,sales.csv,3,date,2020-02-30,is not a date YYYY-MM-DD\n"
        "sales,sales.csv,4,sku,,is empty (the column is not nullable)\n"
        "sales,sales.csv,5,units,-1,is below min 0\n"
        "sales,sales.csv,6,units,1.5,is not a whole number\n"
        "sales,sales.csv,7,price,nan,is not a finite number\n"
        "sales,sales.csv,8,price,1e999,is not a finite number\n"
        "sales,sales.csv,9,,,\"the row has 4 values, the header 5\"\n"
        "sales,sales.csv,10,units,\"1,000\",is not a whole number\n");

    open_shop(f, "sales.csv", "");
    expect_refusal(f, ALM_ERR_INVALID, alm_arena_printf(f->arena,
        "source sales: 9 of 10 rows do not fit (reject_share_max is 0), the first: sales.csv row "
        "2, column date: \"2020-1-3\" is not a date YYYY-MM-DD; all of them: "
        "%s/rejected/refused.csv", f->project->state));
}

static void refuses_bad_files(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "");
    expect_refusal(f, ALM_ERR_NOT_FOUND, alm_arena_printf(f->arena,
        "source sales: there is no file %s/sales.csv", f->root));
    fixture_put(f, "sales.csv", "");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: sales.csv: the file is empty: a header with "
                   "the column names is needed");
    fixture_put(f, "sales.csv", HEADER);
    expect_refusal(f, ALM_ERR_INVALID, "source sales: its files have no rows");
    fixture_put(f, "sales.csv", "day,sku,store,units,price\n2020-01-02,a,b,1,2\n");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: sales.csv: the file has no column date, "
                   "which source sales declares; it has: day, sku, store, units, price");
    fixture_put(f, "sales.csv", HEADER "2020-01-02,a,b,1,2\n2020-01-02,\xe9,b,1,2\n");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: sales.csv: row 2, column sku: the text is "
                   "not UTF-8: save the file as UTF-8");
    fixture_put(f, "sales.csv", HEADER "2019-01-02,a,b,1,2\n");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: none of its 1 rows lies in [2020-01-01, "
                   "2020-01-05) and is known");
    open_shop(f, "sales.parquet", "");
    fixture_put(f, "sales.parquet", "no parquet");
    alm_snapshot s;
    assert_int_not_equal(fixture_take(f, START, END, &s), ALM_OK);
    assert_non_null(strstr(f->error.message, "source sales: "));
    assert_non_null(strstr(f->error.message, "sales.parquet"));
}

static void refuses_bad_content(void **state)
{
    fixture *f = *state;
    open_shop(f, "[sales.csv, more.csv]", "");
    fixture_put(f, "sales.csv", HEADER ROWS);
    fixture_put(f, "more.csv", HEADER "2020-01-04,b,north,3,1\n2020-01-02,a,north,5,1\n");
    expect_refusal(f, ALM_ERR_CONFLICT,
                   "source sales: sales.csv row 2 and more.csv row 2 have the same keys (sku=a, "
                   "store=north, date=2020-01-02): remove one, or declare `duplicates: sum`");
    open_shop(f, "sales.csv", "");
    fixture_put(f, "sales.csv", HEADER
                "2020-01-02,a,n,1,\n2020-01-03,a,n,1,\n2020-01-04,a,n,1,3\n");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: column price is empty in 2 of 3 rows "
                   "(missing_share_max is 0.5)");
    open_shop(f, "sales.csv", "    freshness_days_max: 2\n");
    fixture_put(f, "sales.csv", HEADER "2020-01-02,a,n,1,2\n");
    expect_refusal(f, ALM_ERR_INCOMPLETE, "source sales: its newest row is of 2020-01-02, 3 days "
                   "before the end 2020-01-05 (freshness_days_max is 2)");
    fixture_put(f, "sales.csv", HEADER "2020-01-03,a,n,1,2\n");
    (void)id_of(f);
    fixture_put(f, "calendar.csv", "date,open\n2020-01-01,true\n2020-01-02,true\n");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: sales.csv row 1: 2020-01-03 is outside the "
                   "calendar: source calendar (2020-01-01 to 2020-01-02) has no row for it");
    alm_snapshot s;
    assert_int_equal(fixture_take(f, END, START, &s), ALM_ERR_USAGE);
    assert_string_equal(f->error.message, "the window [2020-01-05, 2020-01-01) is empty: start "
                        "must lie before end");
}

static void adds_duplicates_where_declared(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "    duplicates: sum\n");
    fixture_put(f, "sales.csv", HEADER "2020-01-02,a,n,1,0.1\n2020-01-02,a,n,2,0.2\n"
                "2020-01-02,a,n,4,0.3\n");
    const char *id = id_of(f);
    fixture_put(f, "sales.csv", HEADER "2020-01-02,a,n,4,0.3\n2020-01-02,a,n,2,0.2\n"
                "2020-01-02,a,n,1,0.1\n");
    assert_string_equal(id_of(f), id);
    fixture_put(f, "sales.csv", HEADER "2020-01-02,a,n,7,0.6000000000000001\n"); /* .1 + .2 + .3 */
    assert_string_equal(id_of(f), id);
}

/* Sums of random rows beside those of the engine, one group at a time; more rows than a batch has,
 * and groups that cross batches. */
static void sums_are_those_of_the_engine(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.parquet", "    duplicates: sum\n");
    fixture_sql(f, alm_arena_printf(f->arena,
        "COPY (SELECT DATE '2020-01-02' AS date, 's' || (h // 7 %% 900) AS sku, "
        "CASE WHEN h %% 900 < 3 THEN 'big' ELSE 'n' || (h // 7 %% 5) END AS store, "
        "(h %% 1000)::BIGINT AS units, CASE WHEN h %% 11 = 0 THEN NULL ELSE "
        "((h %% 2000003)::BIGINT - 1000000)::DOUBLE * pow(10, (h %% 31)::INT - 15) END AS price "
        "FROM (SELECT hash(i) AS h FROM range(20000) t(i))) TO '%s'",
        fixture_path(f, "sales.parquet")));
    const char *sums = id_of(f);
    fixture_sql(f, alm_arena_printf(f->arena,
        "COPY (SELECT date, sku, store, sum(units)::BIGINT AS units, sum(price ORDER BY price) AS "
        "price FROM read_parquet('%s') GROUP BY ALL) TO '%s'", fixture_path(f, "sales.parquet"),
        fixture_path(f, "sums.parquet")));
    open_shop(f, "sums.parquet", "");
    assert_string_equal(id_of(f), sums);

    open_shop(f, "sales.csv", "    duplicates: sum\n");
    fixture_put(f, "sales.csv", HEADER "2020-01-02,a,n,9223372036854775807,1\n"
                "2020-01-02,a,n,1,1\n2020-01-02,b,n,1,1\n");
    expect_refusal(f, ALM_ERR_INVALID, "source sales: writing the snapshot: column units: the sum "
                   "of 2 rows with the same keys is no whole number of 64 bits");
}

/* Of many duplicates the one that was read first, wherever the sort has it. */
static void names_the_first_duplicate(void **state)
{
    fixture *f = *state;
    enum { ROW_COUNT = 6000 };
    alm_buffer text = {0};
    open_shop(f, "sales.csv", "");
    alm_buffer_text(&text, HEADER);
    for (int i = 0; i < ROW_COUNT; i++) {
        /* the second half repeats the first in reverse, and the last rows everything once more */
        int key = i < 2500 ? i : i < 5000 ? 4999 - i : i - 5000;
        alm_buffer_printf(&text, "2020-01-02,s%d,n,%d,%d\n", key * 7 % 2500, ROW_COUNT - i, i);
    }
    fixture_put(f, "sales.csv", text.data);
    alm_buffer_deinit(&text);
    expect_refusal(f, ALM_ERR_CONFLICT, "source sales: sales.csv row 2500 and sales.csv row 2501 "
                   "have the same keys (sku=s2493, store=n, date=2020-01-02): remove one, or "
                   "declare `duplicates: sum`");
}

#define ORDERS                                                                    \
    "almanac: 1\n"                                                                \
    "name: shop\n"                                                                \
    "sources:\n"                                                                  \
    "  orders:\n"                                                                 \
    "    files: orders.csv\n"                                                     \
    "    time: date\n"                                                            \
    "    keys: [customer]\n"                                                      \
    "    columns: {date: date, customer: {type: text, pseudonym: true}, units: i64}\n" \
    "series: {source: orders, keys: [customer], target: units, missing: zero}\n"

static void pseudonyms_hide_customers(void **state)
{
    fixture *f = *state;
    fixture_open(f, ORDERS);
    fixture_put(f, "orders.csv", "date,customer,units\n2020-01-02,alice,1\n2020-01-03,alice,2\n"
                "2020-01-02,bob,1\n");
    alm_snapshot s;
    assert_int_equal(fixture_take(f, START, END, &s), ALM_OK);
    const char *key = fixture_path(f, ".almanac/pseudonym.key");
    struct stat info;
    assert_int_equal(stat(key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    alm_digest object;
    const char *path = NULL;
    assert_true(alm_digest_parse(s.sources[0].object, &object));
    assert_int_equal(alm_objects_locate(f->objects, &object, f->arena, &path, &f->error), ALM_OK);
    alm_sql *sql = NULL;
    alm_sql_options options = {.threads = 1};
    alm_table table;
    assert_int_equal(alm_sql_open(&options, &sql, &f->error), ALM_OK);
    char *query = alm_arena_printf(f->arena, "SELECT DISTINCT customer FROM read_parquet('%s') "
                                   "ORDER BY 1", path);
    assert_int_equal(alm_sql_collect(sql, query, 10, f->arena, &table, &f->error), ALM_OK);
    alm_sql_close(sql);
    /* HMAC-SHA-256 of each customer under the key in the file, the first 32 digits */
    alm_str key_text;
    alm_digest key_bytes;
    assert_int_equal(alm_fs_read_all(f->fs, key, 1000, f->arena, &key_text, &f->error), ALM_OK);
    assert_true(alm_digest_parse(alm_str_trim(key_text), &key_bytes));
    assert_int_equal(table.rows, 2);
    int found = 0;
    const char *const customers[] = {"alice", "bob"};
    for (int i = 0; i < 2; i++) {
        char text[ALM_DIGEST_TEXT_BYTES];
        alm_digest d = alm_hash_keyed(key_bytes.bytes, 32, customers[i], strlen(customers[i]));
        alm_digest_text(&d, text);
        text[32] = '\0';
        found += alm_str_is(table.columns[0].values.text[0], text) ||
                 alm_str_is(table.columns[0].values.text[1], text);
    }
    assert_int_equal(found, 2);
    assert_null(strstr(s.manifest.data, "alice"));

    assert_string_equal(id_of(f), s.id.data); /* the key stays */
    fixture_put(f, ".almanac/pseudonym.key",
                "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
    assert_string_not_equal(id_of(f), s.id.data); /* another key, other pseudonyms */
    fixture_put(f, ".almanac/pseudonym.key", "short\n");
    assert_int_equal(fixture_take(f, START, END, &s), ALM_ERR_CORRUPT);
    assert_non_null(strstr(f->error.message, "must hold 64 hexadecimal digits"));
}

static void knowledge_bounds_the_rows(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "    publication_delay: 1\n");
    fixture_put(f, "sales.csv", HEADER ROWS);
    alm_snapshot_options options = {.start = fixture_date(START), .end = fixture_date(END)};
    alm_snapshot s;
    /* A day's row is known from the end of the day after it. */
    options.known_at = alm_instant_of_date(fixture_date("2020-01-05"));
    assert_int_equal(alm_snapshot_take(&f->env, f->project, f->objects, &options, f->arena, &s,
                                       &f->error), ALM_OK);
    assert_int_equal(s.sources[0].rows, 3);
    assert_int_equal(s.sources[1].rows, 6);
    options.known_at--;
    assert_int_equal(alm_snapshot_take(&f->env, f->project, f->objects, &options, f->arena, &s,
                                       &f->error), ALM_OK);
    assert_int_equal(s.sources[0].rows, 2);
}

static void reads_and_verifies(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "");
    fixture_put(f, "sales.csv", HEADER ROWS);
    alm_snapshot s;
    alm_snapshot r;
    assert_int_equal(fixture_take(f, START, END, &s), ALM_OK);
    assert_int_equal(alm_snapshot_read(f->objects, s.manifest_object, f->arena, &r, &f->error),
                     ALM_OK);
    assert_true(alm_str_equal(r.id, s.id));
    assert_int_equal(r.start, s.start);
    assert_int_equal(r.end, s.end);
    assert_int_equal(r.source_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(alm_str_equal(r.sources[i].name, s.sources[i].name));
        assert_true(alm_str_equal(r.sources[i].object, s.sources[i].object));
        assert_true(alm_str_equal(r.sources[i].content, s.sources[i].content));
        assert_int_equal(r.sources[i].rows, s.sources[i].rows);
        assert_int_equal(r.sources[i].first, s.sources[i].first);
        assert_true(alm_str_equal(r.sources[i].file_digests[0], s.sources[i].file_digests[0]));
    }
    assert_int_equal(alm_snapshot_verify(&f->env, f->project, f->objects, &r, &f->error), ALM_OK);

    /* A manifest that claims other rows has another id. */
    char *text = alm_arena_copy_text(f->arena, s.manifest.data, s.manifest.size);
    char *rows = strstr(text, "\"rows\":4");
    assert_non_null(rows);
    rows[7] = '5';
    alm_digest digest;
    char forged[ALM_DIGEST_TEXT_BYTES];
    assert_int_equal(alm_objects_put(f->objects, (alm_str){text, s.manifest.size}, &digest,
                                     &f->error), ALM_OK);
    alm_digest_text(&digest, forged);
    assert_int_equal(alm_snapshot_read(f->objects, alm_str_of(forged), f->arena, &r, &f->error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(f->error.message, "the id does not belong to the content"));

    /* A missing object is named. */
    char *object = alm_arena_printf(f->arena, "%s/objects/%.2s/%s", f->project->state,
                                    s.sources[0].object.data, s.sources[0].object.data + 2);
    assert_int_equal(f->fs->ops->unlink(f->fs, object, &f->error), ALM_OK);
    assert_int_equal(alm_snapshot_read(f->objects, s.manifest_object, f->arena, &r, &f->error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(f->error.message, "source sales"));
}

static void dry_run_stores_nothing(void **state)
{
    fixture *f = *state;
    open_shop(f, "sales.csv", "");
    fixture_put(f, "sales.csv", HEADER ROWS);
    alm_snapshot_options options = {.start = fixture_date(START), .end = fixture_date(END),
                                    .known_at = INT64_MAX, .dry_run = true};
    alm_snapshot s;
    assert_int_equal(alm_snapshot_take(&f->env, f->project, NULL, &options, f->arena, &s,
                                       &f->error), ALM_OK);
    alm_digest *digests = NULL;
    size_t count = 1;
    assert_int_equal(alm_objects_list(f->objects, f->arena, &digests, &count, &f->error), ALM_OK);
    assert_int_equal(count, 0);
    assert_int_equal(s.manifest_object.size, 0);
    assert_string_equal(id_of(f), s.id.data);
    /* and no scratch folder is left */
    alm_fs_entry *entries = NULL;
    assert_int_equal(f->fs->ops->list(f->fs, fixture_path(f, ".almanac/scratch"), f->arena,
                                      &entries, &count, &f->error), ALM_OK);
    assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_the_window),
        TEST(id_is_of_the_content),
        TEST(id_survives_formats_and_threads),
        TEST(lists_rejected_rows),
        TEST(refuses_bad_files),
        TEST(refuses_bad_content),
        TEST(adds_duplicates_where_declared),
        TEST(sums_are_those_of_the_engine),
        TEST(names_the_first_duplicate),
        TEST(pseudonyms_hide_customers),
        TEST(knowledge_bounds_the_rows),
        TEST(reads_and_verifies),
        TEST(dry_run_stores_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
