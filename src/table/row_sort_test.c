#include "table/row_sort.h"

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "base/rng.h"
#include "table/row_sort_internal.h"
#include "table/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COLUMNS = 7, KEYS = 2 };

static const char *const NAMES[COLUMNS] = {"t", "d", "i", "f", "b", "at", "row"};
static const alm_type TYPES[COLUMNS] = {ALM_TYPE_TEXT, ALM_TYPE_DATE,    ALM_TYPE_I64,
                                        ALM_TYPE_F64,  ALM_TYPE_BOOL,    ALM_TYPE_INSTANT,
                                        ALM_TYPE_I64};

static alm_fs *fs;
static alm_arena *arena;
static alm_error error;

static int setup(void **state)
{
    (void)state;
    arena = alm_arena_create(0);
    assert_int_equal(alm_fs_memory_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_fs_make_directories(fs, "runs", &error), ALM_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
    return 0;
}

static alm_row_sort_options options_of(uint64_t memory_bytes)
{
    return (alm_row_sort_options){.names = NAMES, .types = TYPES, .column_count = COLUMNS,
                                  .key_count = KEYS, .memory_bytes = memory_bytes, .fs = fs,
                                  .folder = "runs", .name = "test"};
}

static alm_row_sort *create(uint64_t memory_bytes)
{
    alm_row_sort_options options = options_of(memory_bytes);
    alm_row_sort *sort = NULL;
    assert_int_equal(alm_row_sort_create(&options, &sort, &error), ALM_OK);
    return sort;
}

static void add_table_row(alm_row_sort *sort, const alm_table *table, size_t row)
{
    for (size_t c = 0; c < table->column_count; c++) {
        const alm_column *column = &table->columns[c];
        if (!alm_column_is_valid(column, row)) {
            alm_row_sort_null(sort);
        } else if (column->type == ALM_TYPE_TEXT) {
            alm_row_sort_text(sort, column->values.text[row]);
        } else if (column->type == ALM_TYPE_DATE) {
            alm_row_sort_date(sort, column->values.date[row]);
        } else if (column->type == ALM_TYPE_I64) {
            alm_row_sort_i64(sort, column->values.i64[row]);
        } else if (column->type == ALM_TYPE_F64) {
            alm_row_sort_f64(sort, column->values.f64[row]);
        } else if (column->type == ALM_TYPE_BOOL) {
            alm_row_sort_bool(sort, column->values.boolean[row] != 0);
        } else {
            alm_row_sort_instant(sort, column->values.instant[row]);
        }
    }
}

/* The escaped bytes, beginnings of one another, and bytes above 127. */
static alm_str random_text(alm_rng *rng)
{
    static const char *const PARTS[] = {"a", "b", "\x01", "\x02", "\xc3\xa4", "aaaaaaaaaaa"};
    alm_buffer text = {0};
    for (uint64_t n = alm_rng_next_below(rng, 5); n > 0; n--) {
        uint64_t part = alm_rng_next_below(rng, 7);
        if (part == 6) {
            alm_buffer_append(&text, "", 1); /* a zero byte */
        } else {
            alm_buffer_text(&text, PARTS[part]);
        }
    }
    char *copy = alm_arena_copy_text(arena, text.data ? text.data : "", text.size);
    alm_str out = {copy, text.size};
    alm_buffer_deinit(&text);
    return out;
}

static double random_double(alm_rng *rng)
{
    static const double VALUES[] = {0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, 1.0, -1.0};
    uint64_t bits = alm_rng_next(rng);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value - value != 0.0 || bits % 3 == 0 ? VALUES[bits % 8] : value;
}

static int64_t random_whole(alm_rng *rng)
{
    static const int64_t VALUES[] = {INT64_MIN, INT64_MAX, 0, -1, 1, 256};
    uint64_t bits = alm_rng_next(rng);
    return bits % 2 ? VALUES[bits % 6] : (int64_t)bits;
}

/* Rows with many equal values, so that every column decides somewhere. */
static alm_table_builder *random_rows(uint64_t seed, size_t rows)
{
    alm_rng rng = alm_rng_stream(seed, 1);
    alm_table_builder *b = NULL;
    assert_int_equal(alm_table_builder_create(NAMES, TYPES, COLUMNS, &b, &error), ALM_OK);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            uint64_t draw = alm_rng_next_below(&rng, 10);
            if (draw == 0 && c + 1 < COLUMNS) {
                alm_table_builder_null(b);
            } else if (TYPES[c] == ALM_TYPE_TEXT) {
                alm_table_builder_text(b, random_text(&rng));
            } else if (TYPES[c] == ALM_TYPE_DATE) {
                alm_table_builder_date(b, (alm_date)draw % 3 * 1000000 - 700000);
            } else if (TYPES[c] == ALM_TYPE_F64) {
                double value = random_double(&rng);
                alm_table_builder_f64(b, value == 0.0 ? 0.0 : value); /* as rows are read */
            } else if (TYPES[c] == ALM_TYPE_BOOL) {
                alm_table_builder_bool(b, draw % 2 == 1);
            } else if (TYPES[c] == ALM_TYPE_INSTANT) {
                alm_table_builder_instant(b, (int64_t)draw % 3 * 100000000 - 100000000);
            } else {
                alm_table_builder_i64(b, c + 1 < COLUMNS ? random_whole(&rng) : (int64_t)row + 1);
            }
        }
    }
    return b;
}

static bool same_value(const alm_column *a, size_t i, const alm_column *b, size_t k)
{
    alm_hash x;
    alm_hash y;
    alm_hash_init(&x);
    alm_hash_init(&y);
    alm_column_hash(a, i, 1, &x);
    alm_column_hash(b, k, 1, &y);
    alm_digest p = alm_hash_final(&x);
    alm_digest q = alm_hash_final(&y);
    return alm_digest_equal(&p, &q);
}

/* Reads everything and compares it with `expected`, `repeats` included. */
static void expect_rows(alm_row_sort *sort, const alm_table *expected, size_t batch_rows)
{
    size_t at = 0;
    alm_row_sort_batch batch;
    for (;;) {
        assert_int_equal(alm_row_sort_next(sort, &batch, &error), ALM_OK);
        if (batch.table.rows == 0) {
            break;
        }
        assert_true(batch.table.rows <= batch_rows && at + batch.table.rows <= expected->rows);
        for (size_t i = 0; i < batch.table.rows; i++, at++) {
            bool repeats = at > 0;
            for (size_t c = 0; c < COLUMNS; c++) {
                assert_true(same_value(&batch.table.columns[c], i, &expected->columns[c], at));
                repeats = repeats && (c >= KEYS || same_value(&expected->columns[c], at,
                                                              &expected->columns[c], at - 1));
            }
            assert_int_equal(batch.repeats[i], repeats);
        }
    }
    assert_int_equal(at, expected->rows);
}

/* The engine's sort is the oracle; 64 KiB make dozens of runs of the rows, 64 MiB none. */
static void order_is_that_of_the_engine(void **state)
{
    (void)state;
    static const uint64_t MEMORY[] = {1, (uint64_t)1 << 20, (uint64_t)64 << 20};
    alm_sql *sql = NULL;
    alm_sql_options engine = {.threads = 1};
    alm_table rows;
    alm_table expected;
    alm_table_builder *b = random_rows(11, 20000);
    assert_int_equal(alm_table_builder_finish(b, &rows, &error), ALM_OK);
    assert_int_equal(alm_sql_open(&engine, &sql, &error), ALM_OK);
    assert_int_equal(alm_sql_append(sql, "t", &rows, &error), ALM_OK);
    assert_int_equal(
        alm_sql_collect(sql, "SELECT * FROM t ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, "
                        "3 NULLS FIRST, 4 NULLS FIRST, 5 NULLS FIRST, 6 NULLS FIRST, 7",
                        rows.rows, arena, &expected, &error), ALM_OK);
    for (size_t m = 0; m < 3; m++) {
        alm_row_sort *sort = create(MEMORY[m]);
        for (size_t i = 0; i < rows.rows; i++) {
            add_table_row(sort, &rows, i);
            assert_int_equal(alm_row_sort_end_row(sort, &error), ALM_OK);
        }
        assert_int_equal(sort->run_count > 10, m == 0);
        assert_int_equal(sort->run_count == 0, m == 2);
        assert_int_equal(alm_row_sort_finish(sort, &error), ALM_OK);
        expect_rows(sort, &expected, 2048);
        static const size_t AGAIN[] = {1, 7, 2048};
        for (size_t again = 0; again < 3; again++) {
            assert_int_equal(alm_row_sort_rewind(sort, AGAIN[again], &error), ALM_OK);
            alm_row_sort_batch batch; /* from the beginning, wherever the reading was */
            assert_int_equal(alm_row_sort_next(sort, &batch, &error), ALM_OK);
            assert_int_equal(alm_row_sort_rewind(sort, AGAIN[again], &error), ALM_OK);
            expect_rows(sort, &expected, AGAIN[again]);
        }
        alm_row_sort_destroy(sort);
    }
    alm_sql_close(sql);
    alm_table_builder_destroy(b);
}

/* Rows of one number: what is tested is how many there are. */
static const alm_type NUMBER[] = {ALM_TYPE_I64};

static alm_row_sort *create_numbers(alm_fs *where, const char *folder, uint64_t memory_bytes)
{
    alm_row_sort_options options = {.names = NAMES, .types = NUMBER, .column_count = 1,
                                    .key_count = 1, .memory_bytes = memory_bytes, .fs = where,
                                    .folder = folder, .name = "numbers"};
    alm_row_sort *sort = NULL;
    assert_int_equal(alm_row_sort_create(&options, &sort, &error), ALM_OK);
    return sort;
}

/* The number of rows, which must be in order, and in *most the most heap that was held. */
static size_t read_numbers(alm_row_sort *sort, size_t *most)
{
    size_t rows = 0;
    int64_t before = INT64_MIN;
    alm_row_sort_batch batch;
    do {
        assert_int_equal(alm_row_sort_next(sort, &batch, &error), ALM_OK);
        for (size_t i = 0; i < batch.table.rows; i++, rows++) {
            int64_t number = batch.table.columns[0].values.i64[i];
            assert_true(number >= before);
            assert_int_equal(batch.repeats[i], rows > 0 && number == before);
            before = number;
        }
        size_t held = alm_heap_held_bytes();
        *most = held > *most ? held : *most;
    } while (batch.table.rows > 0);
    return rows;
}

/* Memory does not grow with the rows, not even when there are more runs than may be open; rows that
 * come in order are one run. */
static void memory_is_bounded(void **state)
{
    (void)state;
    enum { ROWS = 700000 };
    char folder[200];
    alm_fs *real = NULL;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof(folder), "%s/almanac-sort-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(alm_fs_real_create(&real, &error), ALM_OK);
    for (int in_order = 0; in_order < 2; in_order++) {
        size_t before = alm_heap_held_bytes();
        size_t most = 0;
        alm_row_sort *sort = create_numbers(real, folder, 1 << 16);
        for (size_t i = 0; i < ROWS; i++) {
            uint64_t draw = alm_rng_u64(3, ALM_RNG_TEST, i, 0);
            alm_row_sort_i64(sort, in_order ? (int64_t)i : (int64_t)(draw >> 40));
            assert_int_equal(alm_row_sort_end_row(sort, &error), ALM_OK);
            size_t held = alm_heap_held_bytes();
            most = held > most ? held : most;
        }
        assert_true(sort->run_count <= ALMI_SORT_RUNS_MAX);
        assert_true(in_order ? sort->run_count == 1 : sort->run_number > ALMI_SORT_RUNS_MAX);
        assert_int_equal(alm_row_sort_finish(sort, &error), ALM_OK);
        assert_int_equal(read_numbers(sort, &most), ROWS);
        /* 256 buffers of 16 KiB while runs are merged; the rows themselves are 10 MiB */
        assert_in_range(most - before, 0, (size_t)5 << 20);
        alm_row_sort_destroy(sort);
    }
    alm_fs_entry *entries = NULL;
    size_t count = 1;
    assert_int_equal(real->ops->list(real, folder, arena, &entries, &count, &error), ALM_OK);
    assert_int_equal(count, 0); /* no run is left */
    assert_int_equal(alm_fs_remove_tree(real, folder, &error), ALM_OK);
    alm_fs_destroy(real);
}

/* Texts longer than the memory for all rows, alone, first in a chunk, and equal for long. */
static void long_rows_fit(void **state)
{
    (void)state;
    static const size_t SIZES[] = {200000, 3, 200000, 70000, 0, 1000000, 5000, 200000};
    enum { ROUNDS = 8, SIZE_COUNT = sizeof(SIZES) / sizeof(SIZES[0]) };
    char *text = alm_arena_alloc(arena, 1000000);
    memset(text, 'x', 1000000);
    for (int large = 0; large < 2; large++) {
        alm_row_sort *sort = create(large ? (uint64_t)64 << 20 : 1);
        for (size_t i = 0; i < ROUNDS * SIZE_COUNT; i++) {
            alm_row_sort_text(sort, (alm_str){text, SIZES[i % SIZE_COUNT]});
            for (size_t c = 1; c + 1 < COLUMNS; c++) {
                alm_row_sort_null(sort);
            }
            alm_row_sort_i64(sort, (int64_t)i);
            assert_int_equal(alm_row_sort_end_row(sort, &error), ALM_OK);
        }
        alm_row_sort_batch batch;
        size_t rows = 0;
        size_t size = 0;
        assert_int_equal(alm_row_sort_finish(sort, &error), ALM_OK);
        do {
            assert_int_equal(alm_row_sort_next(sort, &batch, &error), ALM_OK);
            for (size_t i = 0; i < batch.table.rows; i++, rows++) {
                alm_str got = batch.table.columns[0].values.text[i];
                int64_t number = batch.table.columns[COLUMNS - 1].values.i64[i];
                assert_true(got.size >= size);
                assert_int_equal(got.size, SIZES[(size_t)number % SIZE_COUNT]);
                assert_memory_equal(got.data, text, got.size);
                size = got.size;
            }
        } while (batch.table.rows > 0);
        assert_int_equal(rows, ROUNDS * SIZE_COUNT);
        alm_row_sort_destroy(sort);
    }
}

/* Sorts a few runs of the rows. */
static alm_err sort_rows(alm_fs *where, const alm_table *table, size_t *rows)
{
    alm_row_sort_options options = options_of(1);
    options.fs = where;
    alm_row_sort *sort = NULL;
    alm_err code = alm_row_sort_create(&options, &sort, &error);
    for (size_t i = 0; i < table->rows && code == ALM_OK; i++) {
        add_table_row(sort, table, i);
        code = alm_row_sort_end_row(sort, &error);
    }
    code = code != ALM_OK ? code : alm_row_sort_finish(sort, &error);
    code = code != ALM_OK ? code : alm_row_sort_rewind(sort, 100, &error);
    *rows = 0;
    for (bool end = false; code == ALM_OK && !end;) {
        alm_row_sort_batch batch = {0};
        code = alm_row_sort_next(sort, &batch, &error);
        *rows += batch.table.rows;
        end = batch.table.rows == 0;
    }
    alm_row_sort_destroy(sort);
    return code;
}

/* Whatever call of the file system or of the allocator fails: an error, never fewer rows. */
static void failures_are_errors(void **state)
{
    (void)state;
    alm_fs *faulty = NULL;
    alm_table table;
    size_t rows = 0;
    alm_table_builder *b = random_rows(5, 3000);
    assert_int_equal(alm_table_builder_finish(b, &table, &error), ALM_OK);
    assert_int_equal(alm_fs_fault_create(fs, &faulty, &error), ALM_OK);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        alm_fs_fault fault = {.mode = ALM_FS_FAULT_FAIL, .nth = n,
                              .calls = ALM_FS_CALL_BIT(CREATE) | ALM_FS_CALL_BIT(OPEN) |
                                       ALM_FS_CALL_BIT(WRITE) | ALM_FS_CALL_BIT(READ)};
        alm_fs_fault_set(faulty, &fault);
        alm_err code = sort_rows(faulty, &table, &rows);
        done = !alm_fs_fault_happened(faulty);
        assert_int_equal(code, done ? ALM_OK : ALM_ERR_IO);
        assert_true(!done || (rows == table.rows && n > 20));
    }
    alm_fs_fault none = {0};
    alm_fs_fault_set(faulty, &none);
    alm_err code = ALM_ERR_MEMORY;
    for (uint64_t n = 1; code != ALM_OK; n++) {
        (void)alm_heap_fail_at(n);
        code = sort_rows(faulty, &table, &rows);
        (void)alm_heap_fail_at(0);
        assert_true(code == ALM_ERR_MEMORY || (code == ALM_OK && rows == table.rows && n > 20));
    }
    alm_fs_destroy(faulty);
    alm_table_builder_destroy(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(order_is_that_of_the_engine),
        TEST(memory_is_bounded),
        TEST(long_rows_fit),
        TEST(failures_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
