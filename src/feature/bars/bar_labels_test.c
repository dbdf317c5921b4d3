/* Labels by hand, beside a plain reference, and what must not change them: later bars. */
#include "feature/bars/bar_labels.h"
#include "feature/bars/bars_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BARS 200

static alm_bar bar_of(size_t i, double open, double high, double low, double close)
{
    return (alm_bar){(int64_t)i * CASE_MINUTE, open, high, low, close, 1};
}

/* ---- by hand: entry 100, profit 2 %, loss 1 % ---- */

#define AHEAD_MAX 3

static const struct {
    const char *what;
    size_t count; /* bars behind the entry */
    double ahead[AHEAD_MAX][4];
    bool sign;
    double value;
    double growth;
    size_t end;
    alm_label_cause cause;
} cases[] = {
    {"profit in the second bar", 3,
     {{100, 101, 99.5, 100}, {100, 102, 99.5, 101}, {1, 1, 1, 1}}, false, 1, 0.02, 2,
     ALM_LABEL_PROFIT},
    {"loss in the first bar", 3,
     {{100, 101, 99, 100}, {100, 102, 99.5, 101}, {1, 1, 1, 1}}, false, -1, -0.01, 1,
     ALM_LABEL_LOSS},
    {"both in one bar: the loss", 3,
     {{100, 110, 90, 109}, {1, 1, 1, 1}, {1, 1, 1, 1}}, false, -1, -0.01, 1, ALM_LABEL_LOSS},
    {"both, but the open has reached the profit", 3,
     {{103, 110, 90, 95}, {1, 1, 1, 1}, {1, 1, 1, 1}}, false, 1, 0.03, 1, ALM_LABEL_PROFIT},
    {"the open has passed the loss", 3,
     {{95, 110, 90, 109}, {1, 1, 1, 1}, {1, 1, 1, 1}}, false, -1, -0.05, 1, ALM_LABEL_LOSS},
    {"neither", 3,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}, {100, 101, 99.5, 100.5}}, false, 0, 0.005, 3,
     ALM_LABEL_HORIZON},
    {"neither, with its sign", 3,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}, {100, 101, 99.5, 100.5}}, true, 1, 0.005, 3,
     ALM_LABEL_HORIZON},
    {"neither, down", 3,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}, {100, 101, 99.5, 99.5}}, true, -1, -0.005, 3,
     ALM_LABEL_HORIZON},
    {"neither, back where it was", 3,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}, {100, 101, 99.5, 100}}, true, 0, 0, 3,
     ALM_LABEL_HORIZON},
    {"touched in the last bar", 3,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}, {100, 101, 98, 100.5}}, true, -1, -0.01, 3,
     ALM_LABEL_LOSS},
    {"the window is not closed", 2,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}}, true, NAN, NAN, SIZE_MAX,
     ALM_LABEL_UNKNOWN},
    {"closed early", 1, {{100, 102, 99.5, 101}}, false, 1, 0.02, 1, ALM_LABEL_PROFIT},
    {"a range that is not known", 3,
     {{100, NAN, 99.5, 101}, {100, 102, 99.5, 101}, {1, 1, 1, 1}}, false, NAN, NAN, SIZE_MAX,
     ALM_LABEL_UNKNOWN},
    {"an impossible range", 3,
     {{100, 99, 105, 101}, {100, 102, 99.5, 101}, {1, 1, 1, 1}}, false, NAN, NAN, SIZE_MAX,
     ALM_LABEL_UNKNOWN},
    {"the open is not known, the range is", 3,
     {{NAN, 102, 99.5, 101}, {1, 1, 1, 1}, {1, 1, 1, 1}}, false, 1, 0.02, 1, ALM_LABEL_PROFIT},
    {"the last close is not known", 3,
     {{100, 101, 99.5, 101}, {101, 101.5, 99.5, 101}, {100, 101, 99.5, NAN}}, false, NAN, NAN,
     SIZE_MAX, ALM_LABEL_UNKNOWN},
};

static bool same(double a, double b)
{
    return (a != a && b != b) || fabs(a - b) <= 1e-15;
}

static void test_by_hand(void **state)
{
    const alm_label_options base = {.horizon = 3, .profit = 0.02, .loss = 0.01};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alm_bar bars[AHEAD_MAX + 1] = {bar_of(0, 90, 120, 80, 100)}; /* its own range is past */
        alm_bar_label out[AHEAD_MAX + 1];
        alm_label_options options = base;
        alm_error error = {0};
        options.sign_at_horizon = cases[i].sign;
        for (size_t k = 0; k < cases[i].count; k++) {
            const double *x = cases[i].ahead[k];
            bars[k + 1] = bar_of(k + 1, x[0], x[1], x[2], x[3]);
        }
        assert_int_equal(alm_label_triple_barrier(bars, cases[i].count + 1, &options, out, &error),
                         ALM_OK);
        int64_t time = cases[i].end == SIZE_MAX ? 0 : (int64_t)cases[i].end * CASE_MINUTE;
        if (!same(out[0].value, cases[i].value) || !same(out[0].growth, cases[i].growth) ||
            out[0].end != cases[i].end || out[0].cause != cases[i].cause ||
            out[0].end_time != time) {
            fail_msg("%s: %g %g %zu %d", cases[i].what, out[0].value, out[0].growth, out[0].end,
                     (int)out[0].cause);
        }
    }
}

static void test_entries_without_a_label(void **state)
{
    const double entries[] = {NAN, 0, -5, INFINITY};
    const double scales[] = {1, 1, 1, 1, NAN, 0};
    const alm_label_options options = {.horizon = 1, .profit = 0.1, .scale = scales};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        double entry = i < 4 ? entries[i] : 100;
        alm_bar bars[] = {bar_of(0, 1, 1, 1, entry), bar_of(1, 1, 200, 1, 1)};
        const double scale[] = {scales[i], 1};
        alm_label_options own = options;
        alm_bar_label out[2];
        alm_error error = {0};
        own.scale = scale;
        assert_int_equal(alm_label_triple_barrier(bars, 2, &own, out, &error), ALM_OK);
        assert_true(out[0].value != out[0].value && out[0].cause == ALM_LABEL_UNKNOWN);
        assert_int_equal(alm_label_threshold(bars, 2, &own, out, &error), ALM_OK);
        assert_true(out[0].value != out[0].value && out[0].end == SIZE_MAX);
    }
}

static void test_thresholds(void **state)
{
    /* 0.25 is exact: a growth of just that reaches it. */
    const double closes[] = {64, 70, 80, 63, 48, 100};
    const double values[] = {1, 0, -1, 1, NAN, NAN};
    const alm_label_options options = {.horizon = 2, .profit = 0.25, .loss = 0.25};
    const alm_label_options far = {.horizon = 6, .profit = 0.25, .loss = 0.25};
    alm_bar bars[6];
    alm_bar_label out[6];
    alm_error error = {0};
    (void)state;
    for (size_t i = 0; i < 6; i++) { /* ranges do not matter */
        bars[i] = bar_of(i, NAN, 1000, 0, closes[i]);
    }
    assert_int_equal(alm_label_threshold(bars, 6, &options, out, &error), ALM_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_true(same(out[i].value, values[i]));
        assert_true(i >= 4 ? out[i].end == SIZE_MAX : out[i].end == i + 2);
        assert_true(i >= 4 || out[i].growth == closes[i + 2] / closes[i] - 1);
    }
    assert_int_equal(alm_label_threshold(bars, 6, &far, out, &error), ALM_OK);
    assert_true(out[0].value != out[0].value);
}

/* ---- any bars ---- */

static bool same_label(const alm_bar_label *a, const alm_bar_label *b)
{
    return same(a->value, b->value) && same(a->growth, b->growth) && a->end == b->end &&
           a->end_time == b->end_time && a->cause == b->cause;
}

/* The definition over highs and lows alone, bar after bar; opens decide before. */
static alm_bar_label reference(const alm_bar *bars, size_t count, size_t i,
                               const alm_label_options *o)
{
    alm_bar_label label = {.value = NAN, .growth = NAN, .end = SIZE_MAX};
    double unit = o->scale ? o->scale[i] : 1;
    double entry = bars[i].close;
    if (!isfinite(entry) || entry <= 0 || !(unit > 0)) {
        return label;
    }
    double up = entry * (1 + o->profit * unit);
    double down = entry * (1 - o->loss * unit);
    for (size_t j = i + 1; j <= i + o->horizon; j++) {
        if (j >= count || !isfinite(bars[j].high) || !isfinite(bars[j].low) ||
            bars[j].low > bars[j].high) {
            return label;
        }
        double open = isfinite(bars[j].open) ? bars[j].open : NAN;
        bool high = o->profit > 0 && (bars[j].high >= up || open >= up);
        bool low = o->loss > 0 && (bars[j].low <= down || open <= down);
        if (high || low) {
            bool open_is_up = o->profit > 0 && open >= up;
            label.value = low && !open_is_up ? -1 : 1;
            label.end = j;
            return label;
        }
    }
    if (isfinite(bars[i + o->horizon].close)) {
        label.value = 0;
        label.end = i + o->horizon;
    }
    return label;
}

static void random_options(alm_rng *rng, alm_label_options *options, const double *scale)
{
    *options = (alm_label_options){.horizon = 1 + (size_t)alm_rng_next_below(rng, 12)};
    options->profit = alm_rng_next_below(rng, 5) ? alm_rng_next_uniform(rng) * 0.02 : 0;
    options->loss = alm_rng_next_below(rng, 5) ? alm_rng_next_uniform(rng) * 0.02 : 0;
    if (alm_rng_next_below(rng, 2)) {
        options->scale = scale;
        options->profit *= 100;
        options->loss *= 100;
    }
}

static void test_reference_and_prefixes(void **state)
{
    alm_rng rng = alm_rng_stream(5, 5);
    alm_bar bars[BARS];
    double scale[BARS];
    alm_bar_label whole[BARS];
    alm_bar_label part[BARS];
    alm_error error = {0};
    size_t seen[4] = {0};
    (void)state;
    for (uint64_t round = 0; round < 200; round++) {
        alm_label_options options;
        case_bars((case_market)(round % CASE_MARKET_COUNT), round, bars, BARS);
        for (size_t i = 0; i < BARS; i++) {
            scale[i] = alm_rng_next_below(&rng, 20) ? alm_rng_next_uniform(&rng) * 0.02 : NAN;
        }
        random_options(&rng, &options, scale);
        assert_int_equal(alm_label_triple_barrier(bars, BARS, &options, whole, &error), ALM_OK);
        for (size_t i = 0; i < BARS; i++) {
            alm_bar_label expected = reference(bars, BARS, i, &options);
            assert_true(same(whole[i].value, expected.value));
            assert_int_equal(whole[i].end, expected.end);
            assert_true(whole[i].end == SIZE_MAX ||
                        (whole[i].end > i && whole[i].end_time == bars[whole[i].end].time));
            seen[whole[i].cause]++;
        }
        /* Of a shorter history: known labels are the same, the others end behind it. */
        size_t count = 1 + (size_t)alm_rng_next_below(&rng, BARS);
        assert_int_equal(alm_label_triple_barrier(bars, count, &options, part, &error), ALM_OK);
        for (size_t i = 0; i < count; i++) {
            bool known = whole[i].end < count;
            const alm_bar_label unknown = {NAN, NAN, SIZE_MAX, 0, ALM_LABEL_UNKNOWN};
            assert_true(same_label(&part[i], known ? &whole[i] : &unknown));
        }
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(seen[i] > 500);
    }
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
    const double negative[] = {1, -0.5, 1};
    static const struct {
        alm_label_options options;
        const char *message;
    } bad[] = {
        {{.horizon = 0}, "the horizon of a label must be in 1..10000 bars, not 0"},
        {{.horizon = 10001}, "the horizon of a label must be in 1..10000 bars, not 10001"},
        {{.horizon = 1, .profit = -0.1}, "the profit of a label must be 0 (none) or a positive"},
        {{.horizon = 1, .profit = NAN}, "the profit of a label must be"},
        {{.horizon = 1, .loss = 1.5}, "share of the price, at most 1, not 1.5"},
        {{.horizon = 1, .loss = INFINITY}, "the loss of a label must be"},
    };
    alm_bar bars[] = {bar_of(0, 1, 1, 1, 1), bar_of(1, 1, 1, 1, 1), bar_of(2, 1, 1, 1, 1)};
    alm_bar_label out[3] = {{.end = 77}};
    alm_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(alm_label_triple_barrier(bars, 3, &bad[i].options, out, &error),
                         ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, bad[i].message));
        assert_int_equal(alm_label_threshold(bars, 3, &bad[i].options, out, &error),
                         ALM_ERR_INVALID);
    }
    const alm_label_options scaled = {.horizon = 1, .loss = 3, .scale = negative};
    assert_int_equal(alm_label_triple_barrier(bars, 3, &scaled, out, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "the scale of bar 2 is -0.5"));
    const alm_label_options good = {.horizon = 1};
    bars[2].time = bars[1].time;
    assert_int_equal(alm_label_triple_barrier(bars, 3, &good, out, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "bar 3 does not follow the one before it in time"));
    assert_int_equal(out[0].end, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_entries_without_a_label),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_reference_and_prefixes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
