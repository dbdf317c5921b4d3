#include "table/long_series.h"

#include "base/fs_memory.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    alm_fs *fs;
    alm_arena *arena;
    alm_error error;
} fixture;

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.arena = alm_arena_create(0)};
    *state = &f;
    return alm_fs_memory_create(&f.fs, &f.error) == ALM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    return 0;
}

static alm_err read_text(fixture *f, const char *text, const alm_long_options *asked,
                         alm_long_series *out)
{
    alm_long_options options = asked ? *asked : (alm_long_options){0};
    options.path = "t.csv";
    assert_int_equal(alm_fs_write_all(f->fs, "t.csv", alm_str_of(text), &f->error), ALM_OK);
    return alm_long_read(f->fs, &options, f->arena, out, &f->error);
}

static void refuse(fixture *f, const char *text, const alm_long_options *asked,
                   const char *message)
{
    alm_long_series out = {.count = 77};
    assert_int_equal(read_text(f, text, asked, &out), ALM_ERR_INVALID);
    if (!strstr(f->error.message, message)) {
        fail_msg("'%s' lacks '%s'", f->error.message, message);
    }
    assert_int_equal(out.count, 77);
}

static void rows_become_series_on_a_grid(void **state)
{
    fixture *f = *state;
    alm_long_series all;
    assert_int_equal(read_text(f,
                               "unique_id,ds,y\nb,2024-03-01,3\na,2024-01-01,1\nb,2024-01-01,nan\n"
                               "a,2024-02-01,\nb,2024-06-01,6.5\n",
                               NULL, &all),
                     ALM_OK);
    assert_int_equal(all.count, 2);
    const alm_long_one *b = &all.series[0]; /* in the order of the file */
    const alm_long_one *a = &all.series[1];
    assert_true(alm_str_is(b->id, "b") && alm_str_is(a->id, "a"));
    assert_int_equal(b->count, 6);
    assert_int_equal(b->known, 2);
    assert_int_equal(b->gaps, 3);
    assert_true(isnan(b->y[0]) && isnan(b->y[1]) && b->y[2] == 3 && isnan(b->y[3]) &&
                isnan(b->y[4]) && b->y[5] == 6.5);
    assert_int_equal(a->count, 2);
    assert_true(a->y[0] == 1 && isnan(a->y[1]));
    assert_int_equal(all.facts.rows, 5);
    assert_int_equal(all.facts.empty, 2);
    assert_int_equal(all.facts.gaps, 3);
    assert_int_equal(all.facts.gap_series, 1);
    assert_int_equal(all.facts.periods, 8);
    assert_false(all.facts.sorted);
    int64_t next = 0;
    char text[ALM_INSTANT_TEXT_BYTES];
    assert_true(alm_long_time(&all, b, b->count, &next));
    alm_time_write(&all.style, next, text);
    assert_string_equal(text, "2024-07-01");
}

static void a_list_of_what_happened_is_filled_with_zeros(void **state)
{
    fixture *f = *state;
    static const char TEXT[] = "sku,day,units\na,2024-01-01,2\na,2024-01-04,\n"
                               "b,2024-01-02,6\nb,2024-01-06,3\n";
    const double a[] = {2, 0, 0, (double)NAN, 0, 0};
    const double b[] = {6, 0, 0, 0, 3};
    alm_long_options asked = {.zero_gaps = true};
    alm_long_series all;
    assert_int_equal(read_text(f, TEXT, &asked, &all), ALM_OK);
    assert_int_equal(all.series[0].count, 6); /* to the last time of the file */
    assert_int_equal(all.series[0].known, 5);
    assert_int_equal(all.series[0].gaps, 4);
    assert_int_equal(all.series[1].known, 5);
    assert_int_equal(all.facts.early_series, 0);
    for (size_t t = 0; t < 6; t++) {
        assert_true(all.series[0].y[t] == a[t] || (isnan(all.series[0].y[t]) && isnan(a[t])));
    }
    assert_memory_equal(all.series[1].y, b, sizeof b);
    assert_int_equal(read_text(f, TEXT, NULL, &all), ALM_OK);
    assert_int_equal(all.series[0].count, 4);
    assert_int_equal(all.series[0].known, 1);
    assert_int_equal(all.facts.early_series, 1);
}

/* Rows in any order: the mark stays with its row. */
static void what_was_sold_out_is_a_bound(void **state)
{
    fixture *f = *state;
    static const char TEXT[] = "id,ds,y,out,left\nb,2024-01-02,2,yes,0\nb,2024-01-01,6,0,1.5\n"
                               "a,2024-01-04,9,TRUE,-1\na,2024-01-01,5,,\na,2024-01-02,,1,0.0\n"
                               "c,2024-01-01,1,no,3\n";
    const alm_long_options ways[] = {{.sold_out = "out"}, {.stock = "left"}};
    for (size_t k = 0; k < 2; k++) {
        alm_long_series all;
        assert_int_equal(read_text(f, TEXT, &ways[k], &all), ALM_OK);
        const alm_long_one *b = &all.series[0];
        const alm_long_one *a = &all.series[1];
        assert_true(b->y[0] == 6 && isnan(b->y[1]) && isnan(b->least[0]) && b->least[1] == 2);
        assert_true(a->y[0] == 5 && isnan(a->y[1]) && isnan(a->y[2]) && isnan(a->y[3]));
        assert_true(isnan(a->least[0]) && isnan(a->least[1]) && isnan(a->least[2]) &&
                    a->least[3] == 9);
        assert_int_equal(a->known, 1);
        assert_int_equal(a->sold_out, 2);
        assert_int_equal(a->gaps, 1);
        assert_int_equal(b->known, 1);
        assert_null(all.series[2].least);
        assert_true(alm_str_is(all.facts.sold_out, k ? "left" : "out"));
        assert_true(alm_str_is(all.facts.unused, k ? "out" : "left"));
        assert_int_equal(all.facts.sold_out_periods, 3);
        assert_int_equal(all.facts.sold_out_series, 2);
        assert_int_equal(all.facts.empty, 1);
    }
    alm_long_series all;
    assert_int_equal(read_text(f, TEXT, NULL, &all), ALM_OK); /* asked for by name alone */
    assert_true(all.series[0].y[1] == 2 && all.facts.sold_out.size == 0);
    const alm_long_options out = {.sold_out = "out"};
    const alm_long_options stock = {.stock = "out"};
    refuse(f, "ds,y,out\n2024-01-01,1,0\n2024-01-02,1,2\n", &out,
           "t.csv: row 2, column out: '2' does not say whether the series was sold out");
    refuse(f, "ds,y,out\n2024-01-01,1,none\n", &stock,
           "t.csv: row 1, column out: 'none' is not a number");
    refuse(f, "ds,y\n2024-01-01,1\n", &out, "there is no column 'out'");
    refuse(f, "ds,y,out\n2024-01-01,1,0\n", &(alm_long_options){.value = "out",
                                                             .sold_out = "out"},
           "column 'out' is asked for twice");
    refuse(f, "ds,north,south,out\n2024-01-01,1,2,0\n2024-01-02,1,2,0\n", &out,
           "this one has a column per series");
}

static void columns_are_found_by_their_usual_names(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *header, *id, *time, *value, *unused;
    } CASES[] = {
        {"unique_id,ds,y", "unique_id", "ds", "y", ""},
        {"Date,Store,Item,Sales", "Store/Item", "Date", "Sales", ""},
        {"id,date,store_nbr,item_nbr,unit_sales,onpromotion", "store_nbr/item_nbr", "date",
         "unit_sales", "id, onpromotion"},
        {"item_id,timestamp,target", "item_id", "timestamp", "target", ""},
        {"month,passengers", "", "month", "passengers", ""},
        {"when,how many", "", "when", "how many", ""},
        {"volume,ticker,day,close", "ticker", "day", "close", "volume"},
        {"id,t,value", "id", "t", "value", ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_buffer text = {0};
        size_t columns = 1;
        for (const char *c = CASES[i].header; *c; c++) {
            columns += *c == ',';
        }
        alm_buffer_printf(&text, "%s\n", CASES[i].header);
        for (size_t c = 0; c < columns; c++) {
            alm_buffer_text(&text, c ? ",1" : "1");
        }
        alm_long_series all;
        assert_int_equal(read_text(f, text.data, NULL, &all), ALM_OK);
        assert_true(alm_str_is(all.facts.id, CASES[i].id));
        assert_true(alm_str_is(all.facts.time, CASES[i].time));
        assert_true(alm_str_is(all.facts.value, CASES[i].value));
        assert_true(alm_str_is(all.facts.unused, CASES[i].unused));
        alm_buffer_deinit(&text);
    }
    alm_long_series all;
    assert_int_equal(read_text(f, "noted,a,b,sales\n2024-01-05,1,2,3\n", NULL, &all), ALM_OK);
    assert_true(alm_str_is(all.facts.time, "noted")); /* by what it holds */
    refuse(f, "noted,known,b,sales\n2024-01-05,2024-01-05,2,3\n", NULL, "holds the times?");
    alm_long_options named = {.id = "b, a", .time = "d", .value = "c"};
    assert_int_equal(read_text(f, "a,b,c,d\nx,y,1,2024Q1\n", &named, &all), ALM_OK);
    assert_true(alm_str_is(all.series[0].id, "y/x"));
    assert_true(all.facts.assumed);
}

static void wide_files_are_read(void **state)
{
    fixture *f = *state;
    alm_long_series all;
    assert_int_equal(read_text(f, "date,north,south\n2024-01-02,3,4\n2024-01-01,1,\n", NULL,
                               &all), ALM_OK);
    assert_int_equal(all.facts.wide, ALM_LONG_SERIES);
    assert_int_equal(all.count, 2);
    assert_true(alm_str_is(all.series[1].id, "south") && all.series[1].count == 2);
    assert_true(isnan(all.series[1].y[0]) && all.series[1].y[1] == 4);
    assert_true(alm_str_is(all.facts.value, "north, south"));
    assert_int_equal(read_text(f,
                               "part,1998-01,1998-02,1998-03,1998-04\na,1,2,,4\nb,,5,6,\nc,,,,\n",
                               NULL, &all), ALM_OK);
    assert_int_equal(all.facts.wide, ALM_LONG_TIMES);
    assert_true(alm_str_is(all.facts.id, "part") &&
                alm_str_is(all.facts.time, "1998-01 to 1998-04"));
    assert_int_equal(all.frequency.period, ALM_PERIOD_MONTH);
    assert_int_equal(all.count, 3);
    assert_true(all.series[0].count == 4 && isnan(all.series[0].y[2]));
    assert_true(all.series[1].count == 2 && all.series[1].y[0] == 5);
    assert_true(all.series[2].count == 1 && all.series[2].known == 0);
    assert_int_equal(all.facts.early_series, 1);
    assert_int_equal(read_text(f, "country,code,1990,1991,1992\nx,X,1,2,3\n", NULL, &all), ALM_OK);
    assert_true(alm_str_is(all.series[0].id, "x"));
    assert_int_equal(all.style.form, ALM_TIME_INDEX);
    alm_long_options named = {.id = "shop", .value = "tea, milk"};
    assert_int_equal(read_text(f, "shop,day,tea,milk,rain\n1,5,6,7,8\n", &named, &all), ALM_OK);
    assert_true(alm_str_is(all.series[1].id, "1/milk") && all.series[1].y[0] == 7);
    assert_true(alm_str_is(all.facts.unused, "rain"));
}

static void the_order_of_rows_does_not_matter(void **state)
{
    fixture *f = *state;
    enum { ROWS = 120 };
    char line[ROWS][40];
    alm_rng rng = alm_rng_stream(31, 1);
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(line[i], sizeof line[i], "s%d,%d,%d\n", i % 4, i / 4, i * i % 97);
    }
    alm_long_series first;
    for (int n = 0; n < 20; n++) {
        alm_buffer text = {0};
        alm_buffer_text(&text, "unique_id,ds,y\n");
        for (int i = 0; i < 4; i++) { /* series keep their order */
            alm_buffer_text(&text, line[i]);
        }
        for (int i = 4; i < ROWS; i++) {
            alm_buffer_text(&text, line[i]);
        }
        alm_long_series all;
        assert_int_equal(read_text(f, text.data, NULL, n == 0 ? &first : &all), ALM_OK);
        for (size_t i = 0; n > 0 && i < 4; i++) {
            assert_int_equal(all.series[i].count, first.series[i].count);
            assert_memory_equal(all.series[i].y, first.series[i].y,
                                first.series[i].count * sizeof(double));
        }
        for (int i = ROWS - 1; i > 4; i--) {
            int k = 4 + (int)alm_rng_next_below(&rng, (uint64_t)(i - 3));
            char swap[40];
            memcpy(swap, line[i], sizeof swap);
            memcpy(line[i], line[k], sizeof swap);
            memcpy(line[k], swap, sizeof swap);
        }
        alm_buffer_deinit(&text);
    }
}

static void what_is_wrong_is_named(void **state)
{
    fixture *f = *state;
    refuse(f, "ds,y\n2024-01-01,1\n2024-02-30,1\n", NULL, "row 2, column ds: '2024-02-30'");
    refuse(f, "ds,y\n2024-01-01,one\n", NULL, "row 1, column y: 'one' is not a number");
    refuse(f, "ds,y\n2024-01-01,inf\n", NULL, "'inf' is not a number");
    refuse(f, "ds,y\n1,2\n2,3\n1,4\n", NULL, "rows 1 and 3 both hold 1");
    refuse(f, "unique_id,ds,y\na,1,2\nb,1,2\nb,1,2\n", NULL, "of series 'b'");
    refuse(f, "unique_id,ds,y\n,1,2\n", NULL, "does not say which series");
    refuse(f, "ds,y\n1,2\n2\n", NULL, "row 2 has 1 values");
    refuse(f, "date,a,b\n1,2,x\n", NULL, "which column holds the values?");
    refuse(f, "date,a,b\n1,2,3\n2,2,x\n", NULL, "row 2, column b: 'x' is not a number");
    refuse(f, "s,2001,2002,2003\na,1,2,3\na,1,2,3\n", NULL, "rows 1 and 2 both hold 2001");
    refuse(f, "a,b,c\n1,2,3\n", NULL, "which column holds the times?");
    refuse(f, "a\tb\n", NULL, "separated by tabs");
    refuse(f, "1,2\n2,3\n", NULL, "the first row holds data");
    refuse(f, "ds,y\n2024-01-01,1\n2024-01-02,1\n2500-01-01,1\n2500-01-02,1\n", NULL,
           "keep to no grid");
    refuse(f, "ds,y\n", NULL, "no rows");
    refuse(f, ",ds,y\n0,1,2\n", NULL, "is it the index of a data frame?");
    alm_long_options two = {.id = "a,b"};
    refuse(f, "a,b,ds,y\n1/2,3,1,5\n1,2/3,2,6\n", &two,
           "row 2, column a/b: '1/2/3' would be the name of two series");
    alm_long_options twice = {.id = "a,a"};
    refuse(f, "a,ds,y\n1,2,3\n", &twice, "asked for twice");
    const alm_frequency weekly = {ALM_PERIOD_WEEK, 1, 0};
    alm_long_options asked = {.frequency = &weekly};
    refuse(f, "ds,y\n2024-01-01,1\n2024-01-09,1\n", &asked, "row 2, column ds: 2024-01-09");
}

/* As numbers they would count on to 202413. */
static void times_in_figures_are_no_numbers(void **state)
{
    fixture *f = *state;
    alm_long_series all;
    refuse(f, "month,y\n202411,1\n202412,2\n", NULL,
           "column month: is 202411 a month, a week or a number?");
    refuse(f, "week,y\n202452,1\n202501,2\n", NULL, "--freq N");
    refuse(f, "t,y\n1704067200,1\n1704070800,2\n", NULL,
           "column t: is 1704067200 a count of seconds since 1970 or a number?");
    refuse(f, "t,y\n1704067200000,1\n1704070800000,2\n", NULL, "milliseconds");
    refuse(f, "t,y\n1704067200000000000,1\n1704070800000000000,2\n", NULL, "nanoseconds");
    refuse(f, "week,y\n11151,1\n11152,2\n11201,3\n11202,4\n", NULL,
           "column week: is 11151 a month, a week or a number?"); /* of 2011 and 2012 */
    assert_int_equal(read_text(f, "t,y\n1,1\n51,2\n101,3\n", NULL, &all), ALM_OK);
    assert_int_equal(read_text(f, "t,y\n52,1\n53,2\n54,3\n", NULL, &all), ALM_OK);
    const alm_frequency one = {ALM_PERIOD_INDEX, 1, 0};
    alm_long_options asked = {.frequency = &one};
    assert_int_equal(read_text(f, "t,y\n202411,1\n202412,2\n", &asked, &all), ALM_OK);
    assert_int_equal(all.series[0].count, 2);
    assert_int_equal(read_text(f, "t,y\n202452,1\n202453,2\n202454,3\n", NULL, &all), ALM_OK);
    assert_int_equal(all.series[0].count, 3);
    assert_int_equal(read_text(f, "t,y\n946684799,1\n946684800,2\n", NULL, &all), ALM_OK);
    assert_int_equal(read_text(f, "t,y\n189911,1\n189912,2\n", NULL, &all), ALM_OK);
}

static void parquet_is_named(void **state)
{
    fixture *f = *state;
    alm_long_series all;
    assert_int_equal(read_text(f, "PAR1\xff\n", NULL, &all), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(f->error.message, "is a Parquet file"));
}

/* One wrong date in one of many series: the grid is clear, and that series is not. */
static void a_date_far_away_is_no_gap(void **state)
{
    fixture *f = *state;
    alm_buffer text = {0};
    /* Neighbours are 64 bits apart, first and last are more. */
    refuse(f, "t,v\n-92233720368,1\n922,1\n9223372036854775614,2\n", NULL, "is a date wrong?");
    alm_buffer_text(&text, "unique_id,ds,y\n");
    for (int i = 0; i < 30000; i++) {
        alm_buffer_printf(&text, "long,%d,1\n", i);
    }
    alm_buffer_text(&text, "odd,1,1\nodd,2,1\nodd,9000,1\n");
    refuse(f, text.data, NULL, "series 'odd' has 3 rows for 9000 periods: is a date wrong?");
    alm_buffer_deinit(&text);
}

static void every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    alm_buffer text = {0};
    alm_buffer_text(&text, "unique_id,ds,y,out\n");
    for (int i = 0; i < 3000; i++) {
        alm_buffer_printf(&text, "s%d,%d,%d,%d\n", i % 600, 5 - i / 600, i, i % 2);
    }
    assert_int_equal(alm_fs_write_all(f->fs, "t.csv", alm_buffer_view(&text), &f->error), ALM_OK);
    alm_buffer_deinit(&text);
    alm_long_options options = {.path = "t.csv", .sold_out = "out"};
    alm_long_series all;
    alm_err code = ALM_ERR_MEMORY;
    size_t failed = 0;
    for (uint64_t n = 1; code != ALM_OK; n++) {
        alm_arena *arena = alm_arena_create(0);
        (void)alm_heap_fail_at(n);
        code = alm_long_read(f->fs, &options, arena, &all, &f->error);
        (void)alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        failed += code != ALM_OK;
        if (code == ALM_OK) {
            assert_int_equal(all.count, 600);
        }
        alm_arena_destroy(arena);
    }
    assert_true(failed > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_become_series_on_a_grid, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_of_what_happened_is_filled_with_zeros, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_sold_out_is_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_are_found_by_their_usual_names, setup, teardown),
        cmocka_unit_test_setup_teardown(wide_files_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(the_order_of_rows_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(times_in_figures_are_no_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(parquet_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_date_far_away_is_no_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
