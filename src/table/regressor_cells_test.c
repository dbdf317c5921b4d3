/* regressor_cells_test.c: regressors of files, read with their series. */
#include "table/regressor_cells.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "base/rng.h"
#include "table/long_series.h"

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

static void put(fixture *f, const char *path, const char *text)
{
    assert_int_equal(alm_fs_write_all(f->fs, path, alm_str_of(text), &f->error), ALM_OK);
}

static alm_err take(fixture *f, const char *text, const alm_regressor_options *regressors,
                    alm_long_series *out)
{
    alm_long_options options = {.path = "t.csv", .regressors = regressors};
    put(f, "t.csv", text);
    return alm_long_read(f->fs, &options, f->arena, out, &f->error);
}

static alm_long_series taken(fixture *f, const char *text, const alm_regressor_options *regressors)
{
    alm_long_series all = {0};
    if (take(f, text, regressors, &all) != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    return all;
}

static void refuse(fixture *f, const char *text, const alm_regressor_options *regressors,
                   const char *message)
{
    alm_long_series out = {.count = 77};
    assert_int_equal(take(f, text, regressors, &out), ALM_ERR_INVALID);
    if (!strstr(f->error.message, message)) {
        fail_msg("'%s' lacks '%s'", f->error.message, message);
    }
    assert_int_equal(out.count, 77);
}

/* NAN: not known. */
static void expect(const alm_long_series *all, size_t i, const char *name, const double *values,
                   size_t count)
{
    size_t periods = all->series[i].count + all->regressors->steps;
    size_t k = 0;
    while (k < all->regressors->count && strcmp(all->regressors->names[k], name) != 0) {
        k++;
    }
    if (k == all->regressors->count) {
        fail_msg("there is no '%s'", name);
    }
    assert_int_equal(periods, count);
    for (size_t t = 0; t < count; t++) {
        double got = all->series[i].x[k * periods + t];
        if (isnan(values[t]) ? !isnan(got) : got != values[t]) {
            fail_msg("%s of series %zu, period %zu: %g, not %g", name, i, t, got, values[t]);
        }
    }
}

#define EXPECT(all, i, name, ...)                                                       \
    expect(all, i, name, (const double[]){__VA_ARGS__},                                 \
           sizeof((const double[]){__VA_ARGS__}) / sizeof(double))
#define NONE NAN

/* Rows behind the last value are the plan, in any order; a row in between is not. */
static void rows_behind_the_last_value_are_the_plan(void **state)
{
    fixture *f = *state;
    alm_regressor_options options = {.in_advance = "price, promo", .steps = 2};
    alm_long_series all = taken(f,
                                "unique_id,ds,y,price,promo\nb,2,5,1.5,no\na,5,,3,yes\na,1,1,1,no\n"
                                "a,2,,2,yes\na,4,4,2.5,no\na,6,,4,\nb,1,7,1.25,yes\nb,3,,1,no\n",
                                &options);
    assert_int_equal(all.count, 2);
    const alm_long_one *b = &all.series[0], *a = &all.series[1];
    assert_true(a->count == 4 && a->known == 2 && a->gaps == 1 && isnan(a->y[1]) && a->y[3] == 4);
    assert_true(b->count == 2 && b->known == 2 && b->gaps == 0);
    EXPECT(&all, 1, "price", 1, 2, NONE, 2.5, 3, 4);
    EXPECT(&all, 1, "promo", 0, 1, NONE, 0, 1, NONE); /* an empty field says nothing of a number */
    EXPECT(&all, 0, "price", 1.25, 1.5, 1, NONE);
    EXPECT(&all, 0, "promo", 1, 0, 0, NONE);
    assert_int_equal(all.regressors->planned_rows, 3);
    assert_int_equal(all.facts.empty, 1);
    assert_int_equal(all.facts.last, 4);
    assert_int_equal(all.facts.early_series, 1);
    assert_int_equal(all.facts.unused.size, 0);
    assert_true(all.facts.value.size == 1 && !all.regressors->column[1].is_category);
}

static void texts_become_indicators(void **state)
{
    fixture *f = *state;
    alm_regressor_options options = {.in_advance = "event,kind", .steps = 1};
    alm_long_series all = taken(f,
                                "ds,y,event,kind\n1,1,,b\n2,2,fair,7\n3,3,NA,b\n4,4,strike,a\n"
                                "5,,fair,a\n",
                                &options);
    const alm_regressor_table *table = all.regressors;
    assert_int_equal(table->count, 4);
    assert_true(table->column[0].is_category && table->column[0].count == 2);
    assert_int_equal(table->column[0].usual.size, 0);
    EXPECT(&all, 0, "event=fair", 0, 1, 0, 0, 1);
    EXPECT(&all, 0, "event=strike", 0, 0, 0, 1, 0);
    /* A code among texts is one; a and b are as frequent: the first of them is usual. */
    assert_true(alm_str_is(table->column[1].usual, "a"));
    EXPECT(&all, 0, "kind=7", 0, 1, 0, 0, 0);
    EXPECT(&all, 0, "kind=b", 1, 0, 1, 0, 0);
    assert_true(table->column_of[0] == 0 && table->column_of[3] == 1);
}

/* Of an observed column a period sees the value a horizon before; its plan is not looked at. */
static void observed_columns_come_later(void **state)
{
    fixture *f = *state;
    alm_regressor_options options = {.in_advance = "price", .observed = "rain", .steps = 2};
    alm_long_series all = taken(f,
                                "ds,y,price,rain\n1,1,1,10\n2,2,1,20\n3,3,1,30\n4,,2,99\n5,,2,99\n",
                                &options);
    EXPECT(&all, 0, "price", 1, 1, 1, 2, 2);
    EXPECT(&all, 0, "rain (lag 2)", NONE, NONE, 10, 20, 30);
    assert_true(all.regressors->column[1].is_observed && !all.regressors->column[0].is_observed);
    options.steps = 9; /* longer than the series */
    all = taken(f, "ds,y,price,rain\n1,1,1,10\n2,2,1,20\n", &options);
    EXPECT(&all, 0, "rain (lag 9)", NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 10, 20);
}

/* A second file for some or all series; what the first one says goes first. */
static void a_second_file_holds_the_plan(void **state)
{
    fixture *f = *state;
    const char *sales = "shop,ds,units,price\na,1,1,3\na,2,2,\na,3,3,3\nb,2,2,4\nb,3,3,5\n";
    alm_regressor_options options = {.in_advance = "price,open", .future = "p.csv", .steps = 2};
    put(f, "p.csv",
        "ds,shop,open,price\n4,a,1,6\n2,a,1,7\n3,a,0,8\n5,b,1,9\n4,c,1,1\n1,a,1,3\n9,a,1,1\n"
        "0,a,1,1\n2,b,1,\n");
    alm_long_series all = taken(f, sales, &options);
    EXPECT(&all, 0, "price", 3, 7, 3, 6, NONE);
    EXPECT(&all, 0, "open", 1, 1, 0, 1, NONE);
    EXPECT(&all, 1, "price", 4, 5, NONE, 9);
    EXPECT(&all, 1, "open", 1, NONE, NONE, 1);
    assert_int_equal(all.regressors->future_rows, 8);
    assert_int_equal(all.regressors->strange_rows, 1);
    assert_int_equal(all.regressors->different, 1); /* 3 or 8 on day 3 of a */
    put(f, "p.csv", "ds,open,price\n1,1,1\n2,1,1\n3,1,1\n4,0,2\n5,1,2\n");
    all = taken(f, sales, &options); /* of every shop */
    EXPECT(&all, 0, "price", 3, 1, 3, 2, 2);
    EXPECT(&all, 0, "open", 1, 1, 1, 0, 1);
    EXPECT(&all, 1, "price", 4, 5, 2, 2);
    EXPECT(&all, 1, "open", 1, 1, 0, 1);
    put(f, "p.csv", "ds,open,price\n4,1,1\n5,1,1\n4,1,2\n");
    refuse(f, sales, &options, "p.csv: rows 1 and 3 are both of one time and series");
    put(f, "p.csv", "shop,ds,open,price\na,4,1,1\nb,4,1,1\nb,5,1,1\nb,5,1,1\n");
    refuse(f, sales, &options, "p.csv: rows 3 and 4 are both of one time");
    put(f, "p.csv", "ds,open\n4,1\n");
    refuse(f, sales, &options, "p.csv: there is no column 'price'");
    put(f, "p.csv", "day,open,price\n4,1,1\n");
    refuse(f, sales, &options, "p.csv: there is no column 'ds'");
    put(f, "p.csv", "ds,open,price\nsoon,1,1\n");
    refuse(f, sales, &options, "p.csv: row 1, column ds: no time");
    put(f, "p.csv", "ds,open,price\n4,1\n");
    refuse(f, sales, &options, "p.csv: row 1 has 2 values");
    options.future = NULL;
    refuse(f, sales, &options, "there is no column 'open'");
    options.future = "q.csv";
    alm_long_series out;
    assert_int_equal(take(f, sales, &options, &out), ALM_ERR_NOT_FOUND);
}

/* A calendar of days for series of months: the days between are told, and off a series' own grid
 * they are wrong. */
static void a_calendar_may_be_finer(void **state)
{
    fixture *f = *state;
    const char *sales = "unique_id,ds,y\na,2024-01-01,1\na,2024-02-01,2\na,2024-03-01,2\n";
    alm_regressor_options options = {.in_advance = "x", .future = "p.csv", .steps = 1};
    put(f, "p.csv", "ds,x\n2024-01-01,1\n2024-01-15,7\n2024-02-01,2\n2024-03-01,3\n"
                    "2024-04-01,4\n2024-04-02,7\n");
    alm_long_series all = taken(f, sales, &options);
    EXPECT(&all, 0, "x", 1, 2, 3, 4);
    assert_int_equal(all.regressors->between_rows, 2);
    put(f, "p.csv", "unique_id,ds,x\na,2024-01-01,1\na,2024-01-15,7\n");
    refuse(f, sales, &options, "p.csv: row 2: the time is not one of the steps of its series");
}

/* A column per series: one price for all of them. */
static void wide_files_share_their_regressors(void **state)
{
    fixture *f = *state;
    alm_regressor_options options = {.in_advance = "price", .steps = 1};
    alm_long_series all = taken(f,
                                "date,north,price,south\n2024-01-01,1,5,3\n2024-01-02,2,6,\n"
                                "2024-01-03,,7,\n",
                                &options);
    assert_int_equal(all.count, 2);
    assert_true(all.series[0].count == 2 && all.series[1].count == 1);
    EXPECT(&all, 0, "price", 5, 6, 7);
    EXPECT(&all, 1, "price", 5, 6);
    refuse(f, "id,2001,2002,2003,price\na,1,2,3,4\n", &options, "has a column per time");
}

static void holidays_are_days_with_a_name(void **state)
{
    fixture *f = *state;
    const char *days = "ds,y\n2023-12-30,1\n2023-12-31,2\n2024-01-01,3\n2024-01-02,4\n";
    alm_regressor_options options = {.holidays = "h.csv", .steps = 4};
    put(f, "h.csv", "holiday,ds\nEpiphany,2024-01-06\nNew Year,2024-01-01\nNew Year,2023-01-01\n"
                    "Bank,2024-01-01\nEve,2023-12-31\n");
    alm_long_series all = taken(f, days, &options);
    assert_int_equal(all.regressors->count, 4);
    EXPECT(&all, 0, "New Year", 0, 0, 1, 0, 0, 0, 0, 0);
    EXPECT(&all, 0, "Bank", 0, 0, 1, 0, 0, 0, 0, 0);
    EXPECT(&all, 0, "Epiphany", 0, 0, 0, 0, 0, 0, 0, 1);
    EXPECT(&all, 0, "Eve", 0, 1, 0, 0, 0, 0, 0, 0);
    /* Every hour of the day. */
    all = taken(f, "ds,y\n2023-12-31 22:00,1\n2023-12-31 23:00,1\n2024-01-01 00:00,1\n", &options);
    EXPECT(&all, 0, "New Year", 0, 0, 1, 1, 1, 1, 1);
    options.steps = 400;
    refuse(f, days, &options, "the holidays end in 2024, and forecasts go to 2025");
    options.steps = 4;
    refuse(f, "ds,y\n2022-12-31,1\n2023-01-01,1\n", &options,
           "the holidays begin in 2023, and a series begins in 2022");
    refuse(f, "ds,y\n2023-01,1\n2023-02,1\n", &options, "holidays are of days");
    put(f, "h.csv", "ds,holiday\nsoon,New Year\n");
    refuse(f, days, &options, "h.csv: row 1: a holiday is a day and a name");
    put(f, "h.csv", "ds,holiday\n");
    refuse(f, days, &options, "no holidays");
    put(f, "h.csv", "ds\n2024-01-01\n");
    refuse(f, days, &options, "two columns");
}

/* Zeros that are not written end with the last value, not with the plan. */
static void a_plan_is_no_list_of_what_happened(void **state)
{
    fixture *f = *state;
    alm_regressor_options regressors = {.in_advance = "x", .steps = 1};
    alm_long_options options = {.path = "t.csv", .zero_gaps = true, .regressors = &regressors};
    alm_long_series all;
    put(f, "t.csv", "unique_id,ds,y,x\na,1,1,1\nb,1,1,1\nb,4,2,1\na,5,,2\nb,5,,3\n");
    assert_int_equal(alm_long_read(f->fs, &options, f->arena, &all, &f->error), ALM_OK);
    assert_true(all.series[0].count == 4 && all.series[0].y[3] == 0 && all.series[0].known == 4);
    EXPECT(&all, 0, "x", 1, NONE, NONE, NONE, 2);
    EXPECT(&all, 1, "x", 1, NONE, NONE, 1, 3);
}

/* A series ends with what was sold, though it was sold out: that is known, as a bound. */
static void a_sold_out_period_is_no_plan(void **state)
{
    fixture *f = *state;
    alm_regressor_options regressors = {.in_advance = "x", .steps = 1};
    alm_long_options options = {.path = "t.csv", .sold_out = "out", .regressors = &regressors};
    alm_long_series all;
    put(f, "t.csv", "ds,y,x,out\n1,5,1,0\n2,4,2,1\n3,,3,0\n");
    assert_int_equal(alm_long_read(f->fs, &options, f->arena, &all, &f->error), ALM_OK);
    assert_true(all.series[0].count == 2 && all.series[0].known == 1);
    assert_true(isnan(all.series[0].y[1]) && all.series[0].least[1] == 4);
    EXPECT(&all, 0, "x", 1, 2, 3);
}

static void what_is_wrong_is_named(void **state)
{
    fixture *f = *state;
    alm_regressor_options options = {.in_advance = "x"};
    refuse(f, "ds,y\n1,1\n", &options, "there is no column 'x'");
    refuse(f, "ds,y,x\n1,1,1.5\n2,1,\"1,5\"\n", &options,
           "row 2, column x: '1,5' is no number, and other rows hold numbers such as 1.5");
    alm_buffer text = {0};
    alm_buffer_text(&text, "ds,y,x\n");
    for (int i = 0; i < 70; i++) {
        alm_buffer_printf(&text, "%d,1,text%d\n", i, i);
    }
    refuse(f, text.data, &options, "row 65, column x: 'text64' is the text number 65");
    alm_buffer_clear(&text);
    alm_buffer_text(&text, "ds,y,x\n");
    for (int i = 0; i < 50; i++) {
        alm_buffer_printf(&text, "%d,1,text%d\n", i, i);
    }
    refuse(f, text.data, &options, "more than 40 regressors");
    alm_buffer_deinit(&text);
    options.observed = "x";
    refuse(f, "ds,y,x\n1,1,1\n", &options, "column 'x' is asked for twice");
    options = (alm_regressor_options){.in_advance = "x,,y"};
    refuse(f, "ds,y,x\n1,1,1\n", &options, "names of columns by commas");
    options = (alm_regressor_options){.future = "t.csv"};
    refuse(f, "ds,y,x\n1,1,1\n", &options, "no regressor is named");
}

/* Whatever order rows come in, and whichever file they are in. */
static void the_order_of_rows_does_not_matter(void **state)
{
    fixture *f = *state;
    enum { SERIES = 5, PERIODS = 12, LAST = 9 };
    alm_regressor_options options = {.in_advance = "x", .future = "p.csv", .steps = PERIODS - LAST};
    for (uint64_t round = 0; round < 40; round++) {
        alm_rng rng = alm_rng_stream(62, round);
        char first[SERIES * PERIODS][40], second[SERIES * PERIODS][40];
        size_t count[2] = {0, 0};
        for (int i = 0; i < SERIES * PERIODS; i++) {
            int s = i / PERIODS, t = i % PERIODS;
            bool is_past = t < LAST;
            if (!is_past && alm_rng_next_below(&rng, 2) == 0) {
                (void)snprintf(first[count[0]++], 40, "s%d,%d,,%d\n", s, t, 100 * s + t);
            } else if (is_past) {
                (void)snprintf(first[count[0]++], 40, "s%d,%d,1,%d\n", s, t, 100 * s + t);
            } else {
                (void)snprintf(second[count[1]++], 40, "s%d,%d,%d\n", s, t, 100 * s + t);
            }
        }
        alm_buffer text[2] = {{0}, {0}};
        alm_buffer_text(&text[0], "unique_id,ds,y,x\n");
        alm_buffer_text(&text[1], "unique_id,ds,x\n");
        for (size_t k = 0; k < 2; k++) {
            for (size_t left = count[k]; left > 0; left--) {
                size_t at = alm_rng_next_below(&rng, (uint32_t)left);
                char(*lines)[40] = k ? second : first;
                alm_buffer_text(&text[k], lines[at]);
                memmove(lines[at], lines[left - 1], 40);
            }
        }
        put(f, "p.csv", text[1].data);
        alm_long_series all = taken(f, text[0].data, &options);
        for (size_t i = 0; i < SERIES; i++) {
            int number = all.series[i].id.data[1] - '0';
            assert_int_equal(all.series[i].count, LAST);
            for (int t = 0; t < PERIODS; t++) {
                assert_true(all.series[i].x[t] == 100 * number + t);
            }
        }
        alm_buffer_deinit(&text[0]);
        alm_buffer_deinit(&text[1]);
    }
}

static void every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    alm_buffer text = {0}, plan = {0};
    alm_buffer_text(&text, "unique_id,ds,y,x\n");
    alm_buffer_text(&plan, "ds,x\n");
    for (int i = 0; i < 3000; i++) {
        alm_buffer_printf(&text, "s%d,%d,%d,%s\n", i % 600, 5 - i / 600, i, i % 2 ? "a" : "b");
        alm_buffer_printf(&plan, "%d,a\n", i);
    }
    put(f, "t.csv", text.data);
    put(f, "p.csv", plan.data);
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&plan);
    alm_regressor_options regressors = {.in_advance = "x", .future = "p.csv", .steps = 3};
    alm_long_options options = {.path = "t.csv", .regressors = &regressors};
    alm_long_series all;
    size_t failed = 0;
    size_t done = 0;
    for (uint64_t n = 1; n <= 60; n++) { /* a name for messages may fail without harm */
        alm_arena *arena = alm_arena_create(0);
        (void)alm_heap_fail_at(n);
        alm_err code = alm_long_read(f->fs, &options, arena, &all, &f->error);
        (void)alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        failed += code != ALM_OK;
        done += code == ALM_OK;
        assert_true(code != ALM_OK || (all.count == 600 && all.series[599].x[0] == 0));
        alm_arena_destroy(arena);
    }
    assert_true(failed > 20 && done > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_behind_the_last_value_are_the_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_become_indicators, setup, teardown),
        cmocka_unit_test_setup_teardown(observed_columns_come_later, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_file_holds_the_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(a_calendar_may_be_finer, setup, teardown),
        cmocka_unit_test_setup_teardown(wide_files_share_their_regressors, setup, teardown),
        cmocka_unit_test_setup_teardown(holidays_are_days_with_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plan_is_no_list_of_what_happened, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sold_out_period_is_no_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(the_order_of_rows_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
