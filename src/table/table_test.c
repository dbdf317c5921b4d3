#include "table/table.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const NAMES[] = {"flag", "count", "price", "day", "at", "text"};
static const alm_type TYPES[] = {ALM_TYPE_BOOL, ALM_TYPE_I64,     ALM_TYPE_F64,
                                 ALM_TYPE_DATE, ALM_TYPE_INSTANT, ALM_TYPE_TEXT};

static alm_table_builder *create(void)
{
    alm_table_builder *builder = NULL;
    alm_error error;
    assert_int_equal(alm_table_builder_create(NAMES, TYPES, 6, &builder, &error), ALM_OK);
    return builder;
}

static void add_row(alm_table_builder *builder, uint64_t i, bool null)
{
    if (null) {
        for (int c = 0; c < 6; c++) {
            alm_table_builder_null(builder);
        }
        return;
    }
    char text[8] = "abcdefg";
    alm_table_builder_bool(builder, i % 2);
    alm_table_builder_i64(builder, -(int64_t)i);
    alm_table_builder_f64(builder, (double)i / 8);
    alm_table_builder_date(builder, (alm_date)i);
    alm_table_builder_instant(builder, (alm_instant)i * 1000);
    alm_table_builder_text(builder, (alm_str){text, i % 8});
}

static void types_have_names_and_sizes(void **state)
{
    (void)state;
    const char *names[] = {"bool", "i64", "f64", "date", "instant", "text"};
    const size_t sizes[] = {1, 8, 8, 4, 8, sizeof(alm_str)};
    for (int i = 0; i < 6; i++) {
        alm_type type;
        assert_string_equal(alm_type_name(TYPES[i]), names[i]);
        assert_int_equal(alm_type_size(TYPES[i]), sizes[i]);
        assert_true(alm_type_parse(alm_str_of(names[i]), &type));
        assert_int_equal(type, TYPES[i]);
    }
    alm_type type = ALM_TYPE_DATE;
    assert_false(alm_type_parse(ALM_STR("double"), &type));
    assert_int_equal(type, ALM_TYPE_DATE);
}

static void builder_keeps_values_and_nulls(void **state)
{
    (void)state;
    alm_table_builder *builder = create();
    alm_error error;
    alm_table table;
    for (int round = 0; round < 2; round++) { /* the second one after clear */
        for (uint64_t i = 0; i < 3000; i++) {
            add_row(builder, i, i % 5 == 3);
        }
        assert_int_equal(alm_table_builder_finish(builder, &table, &error), ALM_OK);
        assert_int_equal(table.rows, 3000);
        const alm_column *text = alm_table_column(&table, "text");
        const alm_column *count = alm_table_column(&table, "count");
        assert_null(alm_table_column(&table, "none"));
        for (size_t i = 0; i < table.rows; i++) {
            assert_int_equal(alm_column_is_valid(count, i), i % 5 != 3);
            assert_int_equal(count->values.i64[i], i % 5 == 3 ? 0 : -(int64_t)i);
            assert_int_equal(text->values.text[i].size, i % 5 == 3 ? 0 : i % 8);
        }
        alm_table_builder_clear(builder);
    }
    add_row(builder, 1, false);
    assert_int_equal(alm_table_builder_finish(builder, &table, &error), ALM_OK);
    assert_int_equal(table.rows, 1);
    assert_null(table.columns[0].valid); /* no nulls, no mask */
    alm_table_builder_destroy(builder);
}

static alm_digest hash_column(const alm_column *column, size_t rows, size_t step)
{
    alm_hash hash;
    alm_hash_init(&hash);
    for (size_t first = 0; first < rows; first += step) {
        alm_column_hash(column, first, rows - first < step ? rows - first : step, &hash);
    }
    return alm_hash_final(&hash);
}

static void hash_does_not_depend_on_batches(void **state)
{
    (void)state;
    alm_table_builder *builder = create();
    alm_rng rng = alm_rng_stream(7, 1);
    for (int i = 0; i < 5000; i++) {
        add_row(builder, alm_rng_next_below(&rng, 100000), alm_rng_next_below(&rng, 10) == 0);
    }
    alm_error error;
    alm_table table;
    assert_int_equal(alm_table_builder_finish(builder, &table, &error), ALM_OK);
    for (size_t c = 0; c < table.column_count; c++) {
        alm_digest whole = hash_column(&table.columns[c], table.rows, table.rows);
        const size_t steps[] = {1, 7, 2048};
        for (int s = 0; s < 3; s++) {
            alm_digest parts = hash_column(&table.columns[c], table.rows, steps[s]);
            assert_true(alm_digest_equal(&whole, &parts));
        }
    }
    alm_table_builder_destroy(builder);
}

/* The bytes that the header promises, written out by hand. */
static void hash_is_of_the_canonical_bytes(void **state)
{
    (void)state;
    const double values[] = {-0.0, 0.0, 1.5, 0.0};
    const uint8_t valid[] = {1, 1, 1, 0};
    alm_column column = {"x", ALM_TYPE_F64, valid, {.f64 = values}};
    alm_digest got = hash_column(&column, 4, 4);
    const uint8_t bytes[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
                             1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0};
    alm_digest expected = alm_hash_bytes(bytes, sizeof(bytes));
    assert_true(alm_digest_equal(&got, &expected));

    const alm_str texts[] = {ALM_STR("ab"), ALM_STR("")};
    alm_column text = {"t", ALM_TYPE_TEXT, NULL, {.text = texts}};
    got = hash_column(&text, 2, 2);
    const uint8_t text_bytes[] = {1, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 1, 0, 0, 0, 0, 0, 0, 0, 0};
    expected = alm_hash_bytes(text_bytes, sizeof(text_bytes));
    assert_true(alm_digest_equal(&got, &expected));

    const double nans[] = {NAN, -NAN};
    alm_column nan_column = {"n", ALM_TYPE_F64, NULL, {.f64 = nans}};
    alm_digest first = hash_column(&nan_column, 1, 1);
    nan_column.values.f64 = nans + 1;
    alm_digest second = hash_column(&nan_column, 1, 1);
    assert_true(alm_digest_equal(&first, &second));
}

static void builder_reports_exhausted_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 200; nth++) {
        (void)alm_heap_fail_at(nth);
        alm_table_builder *builder = NULL;
        alm_error error = {0};
        alm_err code = alm_table_builder_create(NAMES, TYPES, 6, &builder, &error);
        for (uint64_t i = 0; code == ALM_OK && i < 1000; i++) {
            add_row(builder, i, false);
        }
        alm_table table;
        code = code == ALM_OK ? alm_table_builder_finish(builder, &table, &error) : code;
        (void)alm_heap_fail_at(0);
        alm_table_builder_destroy(builder);
        if (code == ALM_OK) {
            assert_true(nth > 10); /* the sweep reached the end of the work */
            return;
        }
        assert_int_equal(code, ALM_ERR_MEMORY);
    }
    fail_msg("the sweep never completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_names_and_sizes),
        cmocka_unit_test(builder_keeps_values_and_nulls),
        cmocka_unit_test(hash_does_not_depend_on_batches),
        cmocka_unit_test(hash_is_of_the_canonical_bytes),
        cmocka_unit_test(builder_reports_exhausted_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
