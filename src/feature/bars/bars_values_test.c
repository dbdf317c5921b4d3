/* What single operators say where no reference program has an opinion: missing and impossible
 * cells, prices that do not move, totals that a running sum would spoil, sessions. */
#include "feature/bars/bars_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BARS 260

static double batch[BARS * CASE_WIDTH_MAX];

/* One column of one declaration over bars that have only a close. */
static void column_of_closes(const char *text, const double *closes, size_t count, double *out)
{
    alm_bar bars[BARS];
    alm_bars_plan *plan;
    alm_error error = {0};
    assert_int_equal(case_compile(&text, 1, &plan, &error), ALM_OK);
    assert_int_equal(alm_bars_plan_width(plan), 1);
    for (size_t i = 0; i < count; i++) {
        bars[i] = (alm_bar){(int64_t)i * CASE_MINUTE, NAN, NAN, NAN, closes[i], NAN};
    }
    case_bar_rows(plan, bars, count, out);
    alm_bars_plan_destroy(plan);
}

/* ---- missing ---- */

static void test_missing_cells(void **state)
{
    const double closes[] = {1, 2, NAN, 4, 5, 7, INFINITY, 8, 9, 11};
    enum { COUNT = sizeof closes / sizeof *closes };
    double out[COUNT];
    (void)state;
    /* A window that holds one is missing. */
    column_of_closes("sma(close, 2)", closes, COUNT, out);
    const double means[] = {NAN, 1.5, NAN, NAN, 4.5, 6, NAN, NAN, 8.5, 10};
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(means[i] == out[i] || (means[i] != means[i] && out[i] != out[i]));
    }
    /* A recursion passes over it: seeded with (1 + 2) / 2, alpha 2/3. */
    column_of_closes("ema(close, 2)", closes, COUNT, out);
    assert_true(out[0] != out[0] && out[2] != out[2] && out[6] != out[6]);
    assert_true(out[1] == 1.5);
    assert_true(fabs(out[3] - (1.5 + (4 - 1.5) * 2 / 3)) < 1e-15 * 4);
    assert_true(fabs(out[7] - (out[5] + (8 - out[5]) * 2 / 3)) < 1e-15 * 8);
}

/* Last value of one column over bars of (high, low, close, volume). */
static double last_of(const char *text, const double (*fields)[4], size_t count)
{
    alm_bar bars[BARS];
    double out[BARS];
    alm_bars_plan *plan;
    alm_error error = {0};
    assert_int_equal(case_compile(&text, 1, &plan, &error), ALM_OK);
    assert_int_equal(alm_bars_plan_width(plan), 1);
    for (size_t i = 0; i < count; i++) {
        bars[i] = (alm_bar){(int64_t)i * CASE_MINUTE, NAN, fields[i][0], fields[i][1],
                            fields[i][2], fields[i][3]};
    }
    case_bar_rows(plan, bars, count, out);
    alm_bars_plan_destroy(plan);
    return out[count - 1];
}

static bool is_missing(double x)
{
    return x != x;
}

static void test_impossible_fields(void **state)
{
    const double crossed[][4] = {{5, 4, 4, 1}, {3, 4, 4, 1}}; /* the high below the low */
    const double negative[][4] = {{5, 4, 4, 1}, {6, 5, 5, -1}};
    const double no_low[][4] = {{5, 4, 4, 1}, {7, NAN, 6, 1}, {8, 7, 7, 1}};
    const double no_high[][4] = {{5, 4, 4, 1}, {NAN, 1, 2, 1}, {8, 7, 7, 1}};
    (void)state;
    assert_true(is_missing(last_of("sma(high, 1)", crossed, 2)));
    assert_true(is_missing(last_of("sma(low, 1)", crossed, 2)));
    assert_true(last_of("sma(close, 1)", crossed, 2) == 4);
    assert_true(is_missing(last_of("sma(volume, 1)", negative, 2)));
    assert_true(is_missing(last_of("obv()", negative, 2)));
    /* Nobody knows whether the range went further down than up. */
    for (size_t i = 0; i < 2; i++) {
        const double(*bars)[4] = i ? no_high : no_low;
        assert_true(is_missing(last_of("adx(1).plus_di", bars, 2)));
        assert_true(is_missing(last_of("adx(1).minus_di", bars, 2)));
        assert_true(is_missing(last_of("true_range()", bars, 2)));
        assert_true(last_of("true_range()", bars, 3) == (i ? 6 : 2));
        assert_true(is_missing(last_of("adx(1).plus_di", bars, 3)));
        assert_true(is_missing(last_of("adx(1).minus_di", bars, 3)));
    }
}

static void test_odd_prices(void **state)
{
    const double below_zero[] = {-4, -2};
    const double apart[] = {0, 0, 1e200};
    double out[3];
    (void)state;
    column_of_closes("log_return(close, 1)", below_zero, 2, out);
    assert_true(is_missing(out[1]));
    column_of_closes("return(close, 1)", below_zero, 2, out);
    assert_true(out[1] == -0.5);
    /* The deviation overflows: no quiet 0. */
    column_of_closes("zscore(close, 3)", apart, 3, out);
    assert_true(is_missing(out[2]));
}

/* From the first volume on, whatever the price; what a large volume hides comes back. */
static void test_balance(void **state)
{
    const double bars[][4] = {{0, 0, -5, 0x1p53}, {0, 0, -4, 1}, {0, 0, -3, 1}, {0, 0, -3, 77},
                              {0, 0, -6, 0x1p53}};
    (void)state;
    assert_true(last_of("obv()", bars, 1) == 0x1p53);
    assert_true(last_of("obv()", bars, 4) == 0x1p53 + 2);
    assert_true(last_of("obv()", bars, 5) == 2);
}

static void test_constant_prices(void **state)
{
    (void)state;
    alm_bars_plan *plan = case_plan();
    size_t width = alm_bars_plan_width(plan);
    alm_bar bars[BARS];
    case_bars(CASE_CONSTANT, 2, bars, BARS);
    case_bar_rows(plan, bars, BARS, batch);
    for (size_t i = 0; i < width; i++) {
        alm_str name = alm_str_of(alm_bars_plan_name(plan, i));
        double last = batch[(BARS - 1) * width + i];
        if (alm_str_starts_with(name, "sma_close") || alm_str_starts_with(name, "ema_close") ||
            alm_str_starts_with(name, "bollinger_close_8_2_upper")) {
            assert_true(fabs(last - bars[0].close) <= 1e-15 * last);
        } else if (alm_str_starts_with(name, "rsi") || alm_str_starts_with(name, "zscore") ||
                   alm_str_starts_with(name, "stoch") || alm_str_starts_with(name, "cci") ||
                   alm_str_starts_with(name, "adx") || alm_str_starts_with(name, "mfi") ||
                   alm_str_starts_with(name, "bollinger_close_8_2_percent")) {
            assert_true(last != last); /* 0 / 0 */
        } else if (alm_str_starts_with(name, "volatility") || alm_str_starts_with(name, "atr") ||
                   alm_str_starts_with(name, "bollinger_close_8_2_width")) {
            assert_true(last == 0);
        }
    }
    alm_bars_plan_destroy(plan);
}

/* A total that has seen a large price would have lost the small ones for good. */
static void test_windows_do_not_drift(void **state)
{
    double closes[BARS];
    double out[BARS];
    (void)state;
    for (size_t i = 0; i < BARS; i++) {
        closes[i] = i == 100 ? 1e17 : i == 150 ? 0x1p1000 : 0.1 * (double)(i % 7) + 0.3;
    }
    column_of_closes("sma(close, 7)", closes, BARS, out);
    assert_true(case_same_bits(&out[200], &out[30], 1)); /* 200 - 30 is no multiple of 7 */
    column_of_closes("volatility(close, 7)", closes, BARS, out);
    assert_true(case_same_bits(&out[205], &out[30], 1));
    /* Exact, then rounded once: 2^53 + 1 + 1 - 2^53. */
    const double wide[] = {0x1p53, 1, 1, -0x1p53};
    column_of_closes("sma(close, 4)", wide, 4, out);
    assert_true(out[3] == 0.5);
    const double fine[] = {0x1p53, 0x1p-80, 0x1p-80, -0x1p53};
    column_of_closes("sma(close, 4)", fine, 4, out);
    assert_true(out[3] == 0x1p-81);
}

/* Long windows take the fixed point in several blocks. */
static void test_long_windows(void **state)
{
    enum { COUNT = 2600, WINDOW = 2500 };
    static alm_bar bars[COUNT];
    static double out[COUNT];
    const char *text = "sma(close, 2500)";
    alm_bars_plan *plan;
    alm_error error = {0};
    (void)state;
    assert_int_equal(case_compile(&text, 1, &plan, &error), ALM_OK);
    for (size_t i = 0; i < COUNT; i++) {
        bars[i] = (alm_bar){.time = (int64_t)i, .close = (i % 2 ? -1 : 1) * (0.1 + (double)i / 3)};
    }
    case_bar_rows(plan, bars, COUNT, out);
    alm_exact_sum sum;
    alm_exact_sum_clear(&sum);
    for (size_t i = COUNT - WINDOW; i < COUNT; i++) {
        alm_exact_sum_add(&sum, bars[i].close);
    }
    double expected = alm_exact_sum_value(&sum) / WINDOW;
    assert_true(case_same_bits(&out[COUNT - 1], &expected, 1));
    alm_bars_plan_destroy(plan);
}

/* ---- sessions ---- */

/* 1999-12-31 is a Friday; sessions open at 09:30. */
static void test_sessions(void **state)
{
    static const struct {
        const char *time;
        double close, volume, bar, minutes, weekday, month, vwap;
    } days[] = {
        {"1969-12-31T09:29", 1, 1, 0, 1439, 1, 12, 1}, /* before 1970 */
        {"1969-12-31T09:30", 1, 1, 0, 0, 2, 12, 1},
        {"1999-12-31T09:30", 10, 100, 0, 0, 4, 12, 10},
        {"1999-12-31T09:45", 20, 300, 1, 15, 4, 12, 17.5},
        {"1999-12-31T10:00", NAN, 500, 2, 30, 4, 12, NAN},
        {"2000-01-01T09:29:59", 30, 400, 3, 1439, 4, 12, 23.75}, /* still Friday's session */
        {"2000-01-01T09:30", 40, 0, 0, 0, 5, 1, NAN},            /* no volume yet */
        {"2000-01-01T09:31:59.5", 50, 2, 1, 1, 5, 1, 50},
        {"2000-01-03T09:29", 60, 6, 0, 1439, 6, 1, 60},          /* Sunday's, its first bar */
    };
    enum { COUNT = sizeof days / sizeof *days };
    const char *const texts[] = {"bar_of_session()", "minutes_since_open()", "weekday()",
                                 "month()", "vwap_session(close)"};
    alm_bars_plan *plan;
    alm_bar bars[COUNT];
    alm_error error = {0};
    (void)state;
    assert_int_equal(case_compile(texts, 5, &plan, &error), ALM_OK);
    for (size_t i = 0; i < COUNT; i++) {
        bars[i] = (alm_bar){0, NAN, NAN, NAN, days[i].close, days[i].volume};
        assert_true(alm_instant_parse(alm_str_of(days[i].time), &bars[i].time));
    }
    case_bar_rows(plan, bars, COUNT, batch);
    for (size_t i = 0; i < COUNT; i++) {
        const double expected[] = {days[i].bar, days[i].minutes, days[i].weekday, days[i].month,
                                   days[i].vwap};
        for (size_t k = 0; k < 5; k++) {
            double got = batch[i * 5 + k];
            assert_true(got == expected[k] || (got != got && expected[k] != expected[k]));
        }
    }
    alm_bars_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_cells),
        cmocka_unit_test(test_impossible_fields),
        cmocka_unit_test(test_odd_prices),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_constant_prices),
        cmocka_unit_test(test_windows_do_not_drift),
        cmocka_unit_test(test_long_windows),
        cmocka_unit_test(test_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
