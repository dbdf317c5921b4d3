/* Values of TA-Lib, pandas and charting packages (tests/golden/bars), through the streaming state.
 * Every file is a table of bars, columns named by declarations, and how far a value may lie off. */
#include "feature/bars/bars_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FIELDS 5
#define COLUMNS_MAX 60
#define ROWS_MAX 600

typedef struct golden {
    size_t width;
    size_t rows;
    alm_str declaration[COLUMNS_MAX];
    double absolute[COLUMNS_MAX];
    double relative[COLUMNS_MAX];
    double from[COLUMNS_MAX];
    alm_bar bars[ROWS_MAX];
    alm_str expected[ROWS_MAX][COLUMNS_MAX];
} golden;

static alm_str read_text(alm_arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    char *data = ALM_NEW_ARRAY(arena, char, (size_t)size);
    assert_int_equal(fread(data, 1, (size_t)size, file), (size_t)size);
    assert_int_equal(fclose(file), 0);
    return (alm_str){data, (size_t)size};
}

static double number_of(alm_str text)
{
    double value;
    if (text.size == 0) {
        return NAN;
    }
    assert_true(alm_str_to_double(text, &value));
    return value;
}

/* Cells behind the bar's fields. */
static void take_numbers(alm_str rest, double *out)
{
    size_t count = 0;
    for (size_t skipped = 0; skipped < FIELDS; skipped++) {
        (void)alm_str_split(&rest, ';');
    }
    while (rest.data) {
        assert_true(count < COLUMNS_MAX);
        out[count++] = number_of(alm_str_split(&rest, ';'));
    }
}

static void take_row(golden *g, alm_str rest)
{
    double field[FIELDS];
    assert_true(g->rows < ROWS_MAX);
    for (size_t i = 0; i < FIELDS; i++) {
        field[i] = number_of(alm_str_split(&rest, ';'));
    }
    g->bars[g->rows] = (alm_bar){(int64_t)g->rows * 86400000000, field[0], field[1], field[2],
                                 field[3], field[4]};
    for (size_t i = 0; i < g->width; i++) {
        assert_non_null(rest.data);
        g->expected[g->rows][i] = alm_str_split(&rest, ';');
    }
    assert_null(rest.data);
    g->rows++;
}

static void take_declarations(golden *g, alm_str rest)
{
    for (size_t skipped = 0; skipped < FIELDS; skipped++) {
        (void)alm_str_split(&rest, ';');
    }
    while (rest.data) {
        assert_true(g->width < COLUMNS_MAX);
        g->declaration[g->width++] = alm_str_split(&rest, ';');
    }
}

static golden *read_golden(alm_arena *arena, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "tests/golden/bars/%s.csv", name);
    golden *g = ALM_NEW(arena, golden);
    alm_str text = read_text(arena, path);
    for (alm_str rest = text; rest.data && rest.size;) {
        alm_str line = alm_str_split(&rest, '\n');
        alm_str kind = alm_str_split(&line, ';');
        if (alm_str_is(kind, "columns")) {
            take_declarations(g, line);
        } else if (alm_str_is(kind, "absolute")) {
            take_numbers(line, g->absolute);
        } else if (alm_str_is(kind, "relative")) {
            take_numbers(line, g->relative);
        } else if (alm_str_is(kind, "from")) {
            take_numbers(line, g->from);
        } else if (alm_str_is(kind, "row")) {
            take_row(g, line);
        } else {
            assert_true(alm_str_starts_with(kind, "#"));
        }
    }
    return g;
}

/* Whether one value is right; `compared` counts the numbers among them. */
static bool agrees(const golden *g, size_t row, size_t column, double got, size_t *compared)
{
    alm_str text = g->expected[row][column];
    if (text.size == 0 || (double)row < g->from[column]) {
        return true;
    }
    if (alm_str_is(text, "nan")) {
        return got != got;
    }
    double expected = number_of(text);
    (*compared)++;
    return fabs(got - expected) <= g->absolute[column] + g->relative[column] * fabs(expected);
}

static void check_file(const char *name, size_t least_compared)
{
    alm_arena *arena = alm_arena_create(0);
    golden *g = read_golden(arena, name);
    alm_bars_plan *plan;
    alm_error error = {0};
    double out[ROWS_MAX * COLUMNS_MAX];
    assert_int_equal(alm_bars_plan_compile(g->declaration, g->width, NULL, &plan, &error), ALM_OK);
    assert_int_equal(alm_bars_plan_width(plan), g->width);
    assert_int_equal(alm_bars_rows(plan, g->bars, g->rows, out, g->width, &error), ALM_OK);
    for (size_t column = 0; column < g->width; column++) {
        size_t compared = 0;
        for (size_t row = 0; row < g->rows; row++) {
            double got = out[row * g->width + column];
            if (!agrees(g, row, column, got, &compared)) {
                fail_msg("%s, row %zu, " ALM_STR_FMT ": %.17g, expected " ALM_STR_FMT, name, row,
                         ALM_STR_ARG(g->declaration[column]), got,
                         ALM_STR_ARG(g->expected[row][column]));
            }
        }
        if (compared < least_compared) {
            fail_msg("%s, " ALM_STR_FMT ": only %zu values", name,
                     ALM_STR_ARG(g->declaration[column]), compared);
        }
    }
    alm_bars_plan_destroy(plan);
    alm_arena_destroy(arena);
}

static void test_reference(void **state)
{
    (void)state;
    check_file("reference", 60);
}

static void test_lean(void **state)
{
    static const char *const names[] = {
        "lean_spy_with_indicators", "lean_spy_with_macd", "lean_spy_bollinger_bands",
        "lean_spy_with_adx", "lean_spy_atr", "lean_spy_atr_wilder", "lean_spy_with_stoch12k3",
        "lean_spy_with_cci", "lean_spy_with_williamsR14", "lean_spy_with_keltner",
        "lean_spy_with_vwap", "lean_spy_mfi", "lean_spy_with_don50", "lean_spy_with_roc50",
        "lean_spy_with_rocp50", "lean_spy_logr14", "lean_spy_aroon_oscillator",
        "lean_spy_with_obv", "lean_spy_ema",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_file(names[i], 180);
    }
    check_file("lean_spx_lwma", 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_lean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
