/* What holds for every operator and any bars: streaming is batch, a clone or a checkpoint is a
 * replay, FINITE columns do not see older bars, nothing is infinite; and what single ones say where
 * no reference program has an opinion. */
#include "feature/bars/bars_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BARS 260
#define SEEDS 6

static double batch[BARS * CASE_WIDTH_MAX];

static alm_bars_state *state_of(const alm_bars_plan *plan)
{
    alm_bars_state *state;
    alm_error error = {0};
    assert_int_equal(alm_bars_state_create(plan, &state, &error), ALM_OK);
    return state;
}

static void update(alm_bars_state *state, const alm_bar *bar)
{
    alm_error error = {0};
    if (alm_bars_update(state, bar, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static void rows(const alm_bars_plan *plan, const alm_bar *bars, size_t count, double *out)
{
    alm_error error = {0};
    assert_int_equal(alm_bars_rows(plan, bars, count, out, alm_bars_plan_width(plan), &error),
                     ALM_OK);
}

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
    rows(plan, bars, count, out);
    alm_bars_plan_destroy(plan);
}

/* ---- any bars ---- */

typedef void property(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng);

static void for_all_markets(property *check)
{
    alm_bars_plan *plan = case_plan();
    alm_rng rng = alm_rng_stream(3, 1);
    alm_bar bars[BARS];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (case_market market = 0; market < CASE_MARKET_COUNT; market++) {
            case_bars(market, seed, bars, BARS);
            rows(plan, bars, BARS, batch);
            check(plan, bars, &rng);
        }
    }
    alm_bars_plan_destroy(plan);
}

static void check_streaming(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    (void)rng;
    size_t width = alm_bars_plan_width(plan);
    double out[CASE_WIDTH_MAX];
    alm_bars_state *state = state_of(plan);
    alm_bars_emit(state, out);
    for (size_t i = 0; i < width; i++) {
        assert_true(out[i] != out[i]);
    }
    for (size_t i = 0; i < BARS; i++) {
        update(state, &bars[i]);
        alm_bars_emit(state, out);
        alm_bars_emit(state, out); /* changes nothing */
        assert_true(case_same_bits(out, batch + i * width, width));
    }
    alm_bars_state_destroy(state);
}

static void test_streaming_is_batch(void **state)
{
    (void)state;
    for_all_markets(check_streaming);
}

/* Goes on from `state` at bar `from`, and destroys it. */
static void check_rest(const alm_bars_plan *plan, alm_bars_state *state, const alm_bar *bars,
                       size_t from)
{
    size_t width = alm_bars_plan_width(plan);
    double out[CASE_WIDTH_MAX];
    for (size_t i = from; i < BARS; i++) {
        update(state, &bars[i]);
        alm_bars_emit(state, out);
        assert_true(case_same_bits(out, batch + i * width, width));
    }
    alm_bars_state_destroy(state);
}

static void check_clones(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    size_t at = (size_t)alm_rng_next_below(rng, BARS);
    alm_bars_state *state = state_of(plan);
    alm_bars_state *clone;
    alm_bars_state *loaded;
    alm_buffer saved = {0};
    alm_buffer again = {0};
    alm_error error = {0};
    for (size_t i = 0; i < at; i++) {
        update(state, &bars[i]);
    }
    assert_int_equal(alm_bars_state_clone(state, &clone, &error), ALM_OK);
    assert_int_equal(alm_bars_state_save(state, &saved, &error), ALM_OK);
    check_rest(plan, state, bars, at); /* the clone does not notice */
    assert_int_equal(alm_bars_state_load(plan, alm_buffer_view(&saved), &loaded, &error), ALM_OK);
    assert_int_equal(alm_bars_state_save(loaded, &again, &error), ALM_OK);
    assert_true(alm_str_equal(alm_buffer_view(&saved), alm_buffer_view(&again)));
    check_rest(plan, clone, bars, at);
    check_rest(plan, loaded, bars, at);
    alm_buffer_deinit(&saved);
    alm_buffer_deinit(&again);
}

static void test_clone_and_checkpoint_are_replays(void **state)
{
    (void)state;
    for_all_markets(check_clones);
}

/* A replay that begins `lookback` bars before bar `at`, with other bars before them or none. */
static void check_finite(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    size_t width = alm_bars_plan_width(plan);
    size_t lookback = alm_bars_plan_lookback(plan);
    double out[BARS * CASE_WIDTH_MAX];
    alm_bar changed[BARS];
    size_t at = lookback + (size_t)alm_rng_next_below(rng, BARS - lookback);
    memcpy(changed, bars, sizeof changed);
    for (size_t i = 0; i + lookback <= at; i++) {
        changed[i].open = changed[i].high = changed[i].close = 1e300;
        changed[i].low = -1e300;
        changed[i].volume = 1e16;
    }
    for (size_t from = 0; from <= at + 1 - lookback; from += at + 1 - lookback) {
        rows(plan, changed + from, at + 1 - from, out);
        for (size_t i = 0; i < width; i++) {
            const double *got = out + (at - from) * width + i;
            assert_true(alm_bars_plan_is_anchored(plan, i) ||
                        case_same_bits(got, batch + at * width + i, 1));
        }
    }
}

static void test_finite_columns_forget(void **state)
{
    (void)state;
    for_all_markets(check_finite);
}

static void check_numbers(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    (void)bars;
    (void)rng;
    for (size_t i = 0; i < BARS * alm_bars_plan_width(plan); i++) {
        const double missing = ALMI_NAN;
        assert_true(batch[i] - batch[i] == 0 || case_same_bits(&batch[i], &missing, 1));
    }
}

static void test_nothing_is_infinite(void **state)
{
    (void)state;
    for_all_markets(check_numbers);
}

/* Golden: the bits of all operators over all markets. Where they change on purpose, revisions rise;
 * no CPU, compiler or length of a stretch may change them. */
static void test_bits(void **state)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_bar bars[BARS];
    alm_hash hash;
    (void)state;
    alm_bars_plan *plan = case_plan();
    alm_hash_init(&hash);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (case_market market = 0; market < CASE_MARKET_COUNT; market++) {
            case_bars(market, seed, bars, BARS);
            rows(plan, bars, BARS, batch);
            alm_hash_update(&hash, batch, BARS * alm_bars_plan_width(plan) * sizeof *batch);
        }
    }
    alm_digest digest = alm_hash_final(&hash);
    alm_digest_text(&digest, text);
    assert_string_equal(text,
                        "9e3328234c454c5f4a36f8d2bae7efcede91cc4227f2e83bf69e3ffa9e514c1c");
    alm_bars_plan_destroy(plan);
}

/* ---- warm-up, ranges ---- */

static size_t first_value(const alm_bars_plan *plan, size_t column)
{
    size_t width = alm_bars_plan_width(plan);
    size_t i = 0;
    while (i < BARS && batch[i * width + column] != batch[i * width + column]) {
        i++;
    }
    return i;
}

static void test_warmup(void **state)
{
    static const struct {
        const char *name;
        size_t bars;
    } known[] = {{"sma_close_7", 6}, {"ema_close_5", 4}, {"rsi_close_7", 7}, {"atr_6", 6},
                 {"adx_5_adx", 9}, {"adx_5_plus_di", 5}, {"macd_close_4_9_3_signal", 10},
                 {"stochastic_7_3_2_d", 9}, {"mfi_6", 6}, {"aroon_8_up", 8}, {"obv", 0},
                 {"volatility_close_6", 6}, {"true_range", 1}, {"month", 0}};
    (void)state;
    alm_bars_plan *plan = case_plan();
    alm_bar bars[BARS];
    size_t found = 0;
    case_bars(CASE_CALM, 8, bars, BARS);
    for (size_t i = 0; i < BARS; i++) {
        bars[i].volume += 1; /* no volume of zero, nothing undefined */
    }
    rows(plan, bars, BARS, batch);
    for (size_t i = 0; i < alm_bars_plan_width(plan); i++) {
        assert_int_equal(first_value(plan, i), alm_bars_plan_warmup(plan, i));
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(known[k].name, alm_bars_plan_name(plan, i)) == 0) {
                assert_int_equal(alm_bars_plan_warmup(plan, i), known[k].bars);
                found++;
            }
        }
    }
    assert_int_equal(found, sizeof known / sizeof *known);
    alm_bars_plan_destroy(plan);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *prefix;
        double low, high;
    } ranges[] = {{"rsi", 0, 100}, {"stochastic", 0, 100}, {"williams_r", -100, 0},
                  {"mfi", 0, 100}, {"adx", 0, 100}, {"aroon_8_up", 0, 100},
                  {"aroon_8_osc", -100, 100}, {"atr", 0, 100}, {"weekday", 0, 6},
                  {"month", 1, 12}, {"minutes_since_open", 0, 1439}, {"bar_of_session", 0, BARS}};
    (void)state;
    alm_bars_plan *plan = case_plan();
    size_t width = alm_bars_plan_width(plan);
    alm_bar bars[BARS];
    case_bars(CASE_CALM, 9, bars, BARS);
    rows(plan, bars, BARS, batch);
    for (size_t i = 0; i < BARS * width; i++) {
        for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
            alm_str name = alm_str_of(alm_bars_plan_name(plan, i % width));
            /* A last bit above 100 is a rounding of the mean of values near it. */
            if (alm_str_starts_with(name, ranges[k].prefix) && batch[i] == batch[i]) {
                assert_true(batch[i] >= ranges[k].low - 1e-12);
                assert_true(batch[i] <= ranges[k].high + 1e-12);
            }
        }
    }
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
    rows(plan, bars, count, out);
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
    rows(plan, bars, BARS, batch);
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
    rows(plan, bars, COUNT, out);
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
        {"1999-12-31T09:30", 10, 100, 0, 0, 4, 12, 10},
        {"1999-12-31T09:45", 20, 300, 1, 15, 4, 12, 17.5},
        {"1999-12-31T10:00", NAN, 500, 2, 30, 4, 12, NAN},
        {"2000-01-01T09:29:59", 30, 400, 3, 1439, 4, 12, 23.75}, /* still Friday's session */
        {"2000-01-01T09:30", 40, 0, 0, 0, 5, 1, NAN},            /* no volume yet */
        {"2000-01-01T09:31:59.5", 50, 2, 1, 1, 5, 1, 50},
        {"2000-01-03T09:29", 60, 6, 0, 1439, 6, 1, 60},          /* Sunday's, its first bar */
        {"1969-12-31T09:29", 1, 1, 0, 1439, 1, 12, 1},           /* before 1970: a new state */
        {"1969-12-31T09:30", 1, 1, 0, 0, 2, 12, 1},
    };
    const char *const texts[] = {"bar_of_session()", "minutes_since_open()", "weekday()",
                                 "month()", "vwap_session(close)"};
    alm_bars_plan *plan;
    alm_error error = {0};
    (void)state;
    assert_int_equal(case_compile(texts, 5, &plan, &error), ALM_OK);
    alm_bars_state *online = state_of(plan);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        alm_bar bar = {0, NAN, NAN, NAN, days[i].close, days[i].volume};
        const double expected[] = {days[i].bar, days[i].minutes, days[i].weekday, days[i].month,
                                   days[i].vwap};
        double out[5];
        assert_true(alm_instant_parse(alm_str_of(days[i].time), &bar.time));
        if (i == 7) {
            alm_bars_state_destroy(online);
            online = state_of(plan);
        }
        update(online, &bar);
        alm_bars_emit(online, out);
        for (size_t k = 0; k < 5; k++) {
            assert_true(out[k] == expected[k] || (out[k] != out[k] && expected[k] != expected[k]));
        }
    }
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(plan);
}

/* ---- refusals ---- */

static void test_order_of_time(void **state)
{
    (void)state;
    alm_bars_plan *plan = case_plan();
    size_t width = alm_bars_plan_width(plan);
    alm_bar bars[BARS];
    double before[CASE_WIDTH_MAX];
    double after[CASE_WIDTH_MAX];
    alm_error error = {0};
    case_bars(CASE_CALM, 1, bars, BARS);
    alm_bars_state *online = state_of(plan);
    for (size_t i = 0; i < 100; i++) {
        update(online, &bars[i]);
    }
    alm_bars_emit(online, before);
    assert_int_equal(alm_bars_update(online, &bars[99], &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "does not follow the one of 20"));
    const int64_t beyond[] = {INT64_MIN, INT64_MAX, -62135596800000000};
    for (size_t i = 0; i < 3; i++) {
        alm_bar bar = {.time = beyond[i]};
        assert_int_equal(alm_bars_update(online, &bar, &error), ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, "is not in the years 0001 to 9999"));
    }
    alm_bars_emit(online, after);
    assert_true(case_same_bits(before, after, width));
    bars[50].time = bars[49].time;
    assert_int_equal(alm_bars_rows(plan, bars, BARS, batch, width, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "bar 51: the bar of "));
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(plan);
}

static alm_err load(const alm_bars_plan *plan, const alm_buffer *bytes, alm_error *error)
{
    alm_bars_state *loaded = NULL;
    alm_err code = alm_bars_state_load(plan, alm_buffer_view(bytes), &loaded, error);
    alm_bars_state_destroy(loaded);
    return code;
}

/* Puts the right hash behind what was changed. */
static void sign_again(alm_buffer *bytes)
{
    size_t body = bytes->size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes->data, body);
    memcpy(bytes->data + body, digest.bytes, ALM_DIGEST_BYTES);
}

static void test_damaged_checkpoints(void **state)
{
    const char *const text = "vwap_session(close)";
    const char *const other_text = "vwap_session(open)";
    alm_bars_plan *plan;
    alm_bars_plan *other;
    alm_bar bars[BARS];
    alm_buffer bytes = {0};
    alm_error error = {0};
    (void)state;
    assert_int_equal(case_compile(&text, 1, &plan, &error), ALM_OK);
    assert_int_equal(case_compile(&other_text, 1, &other, &error), ALM_OK);
    case_bars(CASE_CALM, 1, bars, BARS);
    alm_bars_state *online = state_of(plan);
    for (size_t i = 0; i < 20; i++) {
        update(online, &bars[i]);
    }
    assert_int_equal(alm_bars_state_save(online, &bytes, &error), ALM_OK);
    assert_int_equal(load(plan, &bytes, &error), ALM_OK);
    assert_int_equal(load(other, &bytes, &error), ALM_ERR_CONFLICT);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
        bytes.data[i] ^= 0x10;
    }
    size_t size = bytes.size;
    for (bytes.size = 0; bytes.size < size; bytes.size++) {
        assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
    }
    /* An infinite word under a right hash. */
    const double infinite = INFINITY;
    memcpy(bytes.data + 56 + 16, &infinite, sizeof infinite);
    sign_again(&bytes);
    assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "holds what no bars lead to"));
    /* A right hash of too few words. */
    bytes.size -= 8;
    sign_again(&bytes);
    assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "bytes of cells"));
    alm_buffer_deinit(&bytes);
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(other);
    alm_bars_plan_destroy(plan);
}

static void test_no_memory(void **state)
{
    (void)state;
    alm_bars_plan *plan = case_plan();
    alm_bars_state *online = state_of(plan);
    alm_bars_state *clone = NULL;
    alm_bar bars[2];
    alm_error error = {0};
    case_bars(CASE_CALM, 1, bars, 2);
    alm_heap_fail_at(1);
    assert_int_equal(alm_bars_state_clone(online, &clone, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(1);
    assert_int_equal(alm_bars_state_create(plan, &clone, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(1);
    assert_int_equal(alm_bars_rows(plan, bars, 2, batch, CASE_WIDTH_MAX, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(0);
    assert_null(clone);
    alm_bars_state_destroy(NULL);
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streaming_is_batch),
        cmocka_unit_test(test_clone_and_checkpoint_are_replays),
        cmocka_unit_test(test_finite_columns_forget),
        cmocka_unit_test(test_nothing_is_infinite),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_warmup),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_missing_cells),
        cmocka_unit_test(test_impossible_fields),
        cmocka_unit_test(test_odd_prices),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_constant_prices),
        cmocka_unit_test(test_windows_do_not_drift),
        cmocka_unit_test(test_long_windows),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_order_of_time),
        cmocka_unit_test(test_damaged_checkpoints),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
