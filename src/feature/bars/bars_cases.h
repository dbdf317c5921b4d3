/* bars_cases.h: plans and made-up bars for the tests of this folder. */
#ifndef ALM_FEATURE_BARS_BARS_CASES_H
#define ALM_FEATURE_BARS_BARS_CASES_H

#include "feature/bars/bars_graph.h"

#include "base/rng.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CASE_MINUTE INT64_C(60000000)
#define CASE_OPEN 570 /* 09:30 */

/* Every operator, most of them twice; windows short enough for short histories. */
static const char *const case_texts[] = {
    "return(close, 1)", "return(open, 5)", "log_return(close, 3)", "realised_volatility(close, 6)",
    "volatility(close, 6)", "volatility(typical, 2)", "momentum(close, 4)", "roc(close, 4)",
    "sma(close, 7)", "sma(volume, 3)", "sma(true_range, 5)", "ema(close, 5)", "ema(average, 9)",
    "wma(close, 6)", "zscore(close, 8)", "rsi(close, 7)", "rsi(median, 2)",
    "macd(close, 4, 9, 3)", "macd(close, 5, 9, 3).signal as other", "stochastic(7, 3, 2)",
    "stochastic(5, 1, 1)", "williams_r(6)", "cci(7)", "mfi(6)", "aroon(8)", "true_range()",
    "atr(6)", "adx(5)", "bollinger(close, 8, 2)", "bollinger(typical, 5, 1.5) as tight",
    "keltner(close, 6, 5, 1.5)", "keltner_simple(typical, 6, 1.5)", "donchian(9)", "obv()",
    "vwap(typical, 6)", "vwap_session(typical)", "bar_of_session()", "minutes_since_open()",
    "weekday()", "month()",
};
#define CASE_TEXT_COUNT (sizeof case_texts / sizeof *case_texts)
#define CASE_WIDTH_MAX 100

static inline alm_err case_compile(const char *const *texts, size_t count, alm_bars_plan **plan,
                                   alm_error *error)
{
    alm_str declarations[CASE_TEXT_COUNT];
    const alm_bars_options options = {CASE_OPEN};
    for (size_t i = 0; i < count; i++) {
        declarations[i] = alm_str_of(texts[i]);
    }
    return alm_bars_plan_compile(declarations, count, &options, plan, error);
}

static inline alm_bars_plan *case_plan(void)
{
    alm_bars_plan *plan = NULL;
    alm_error error = {0};
    alm_err code = case_compile(case_texts, CASE_TEXT_COUNT, &plan, &error);
    alm_assert(code == ALM_OK && plan->width <= CASE_WIDTH_MAX);
    return plan;
}

/* What a made-up market does. */
typedef enum case_market {
    CASE_CALM,     /* a random walk with decimals, gaps in time, some volumes of zero */
    CASE_HOLES,    /* the same with missing and impossible fields */
    CASE_CONSTANT, /* one price, sometimes no volume */
    CASE_TINY,     /* prices near 1e-8, finer than exact fixed point */
    CASE_EXTREME,  /* any size and sign, infinities and NaN */
    CASE_MARKET_COUNT
} case_market;

static inline double case_cents(double x)
{
    return floor(x * 100 + 0.5) / 100;
}

static inline alm_bar case_walk_bar(alm_rng *rng, double *price, double unit)
{
    alm_bar bar = {.open = *price};
    double move = alm_rng_next_normal(rng) * 0.7;
    bar.close = case_cents(*price + move);
    bar.close = bar.close < 1 ? 1 : bar.close;
    double up = floor(alm_rng_next_uniform(rng) * 50) / 100;
    double down = floor(alm_rng_next_uniform(rng) * 50) / 100;
    bar.high = (bar.open > bar.close ? bar.open : bar.close) + up;
    bar.low = (bar.open < bar.close ? bar.open : bar.close) - down;
    bar.volume = alm_rng_next_below(rng, 6) ? (double)alm_rng_next_below(rng, 90000) : 0;
    *price = case_cents(bar.close + alm_rng_next_normal(rng) * 0.1);
    bar.open *= unit;
    bar.high *= unit;
    bar.low *= unit;
    bar.close *= unit;
    return bar;
}

static inline double case_any_double(alm_rng *rng)
{
    static const double odd[] = {0, -0.0, 1e308, -1e308, 5e-324, INFINITY, -INFINITY, NAN, 1, 1e17,
                                 0.1, 1.7976931348623157e308};
    uint64_t pick = alm_rng_next_below(rng, 40);
    if (pick < sizeof odd / sizeof *odd) {
        return odd[pick];
    }
    uint64_t bits = alm_rng_next(rng);
    if (pick < 30) { /* of one size, so that some results are finite */
        bits = (bits & ((UINT64_C(1) << 52) - 1)) | (bits & 1 ? UINT64_C(0x4060) << 48
                                                             : UINT64_C(0x4050) << 48);
    }
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void case_spoil(alm_rng *rng, alm_bar *bar)
{
    double *field[] = {&bar->open, &bar->high, &bar->low, &bar->close, &bar->volume};
    uint64_t kind = alm_rng_next_below(rng, 25);
    if (kind < 5) {
        *field[kind] = NAN;
    } else if (kind == 5) {
        bar->high = bar->low - 1;
    } else if (kind == 6) {
        bar->volume = -1;
    } else if (kind == 7) {
        *bar = (alm_bar){bar->time, NAN, NAN, NAN, NAN, NAN};
    }
}

static inline void case_bars(case_market market, uint64_t seed, alm_bar *bars, size_t count)
{
    alm_rng rng = alm_rng_stream(seed, 1000 + (uint64_t)market);
    double price = 60 + (double)alm_rng_next_below(&rng, 100);
    int64_t minute = 20000LL * 1440 + (int64_t)alm_rng_next_below(&rng, 100000);
    for (size_t i = 0; i < count; i++) {
        alm_bar bar = {0};
        if (market == CASE_EXTREME) {
            bar = (alm_bar){0, case_any_double(&rng), case_any_double(&rng), case_any_double(&rng),
                            case_any_double(&rng), case_any_double(&rng)};
        } else if (market == CASE_CONSTANT) {
            bar = (alm_bar){0, price + 0.1, price + 0.1, price + 0.1, price + 0.1,
                            alm_rng_next_below(&rng, 3) ? 0 : 700};
        } else {
            bar = case_walk_bar(&rng, &price, market == CASE_TINY ? 1.1e-10 : 1);
        }
        /* Most bars follow at once, some after a hole, some after a night or longer. */
        uint64_t gap = alm_rng_next_below(&rng, 30);
        minute += gap > 3 ? 15 : gap > 0 ? 15 * (1 + (int64_t)alm_rng_next_below(&rng, 20)) : 2000;
        bar.time = minute * CASE_MINUTE;
        if (market == CASE_HOLES) {
            case_spoil(&rng, &bar);
        }
        bars[i] = bar;
    }
}

static inline void case_bar_rows(const alm_bars_plan *plan, const alm_bar *bars, size_t count,
                                 double *out)
{
    alm_err code = alm_bars_rows(plan, bars, count, out, alm_bars_plan_width(plan), NULL);
    alm_assert(code == ALM_OK);
}

static inline bool case_same_bits(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

#endif
