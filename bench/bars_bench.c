/* Nanoseconds per bar of operators over OHLCV bars, one thread: some alone, all of a typical list
 * together, in batch and bar by bar.
 *
 *     bars_bench [repeats]
 *
 * Batch computes into memory that is used again, as a job over many symbols does. A figure is the
 * best of the repeats. */
#include "base/rng.h"
#include "feature/bars/bars.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BARS 20000
#define MINUTE INT64_C(60000000)
#define WIDTH_MAX 100

static const char *const texts[] = {
    "return(close, 1)",       "log_return(close, 1)",   "volatility(close, 20)",
    "sma(close, 14)",         "sma(close, 200)",        "ema(close, 14)",
    "wma(close, 20)",         "zscore(close, 20)",      "rsi(close, 14)",
    "macd(close, 12, 26, 9)", "stochastic(14, 3, 3)",   "williams_r(14)",
    "cci(20)",                "mfi(14)",                "aroon(25)",
    "atr(14)",                "adx(14)",                "bollinger(close, 20, 2)",
    "donchian(20)",           "keltner(close, 20, 10, 1.5)", "obv()",
    "vwap(typical, 20)",      "vwap_session(typical)",  "bar_of_session()",
    "minutes_since_open()",   "weekday()",              "month()",
};
#define TEXT_COUNT (sizeof texts / sizeof *texts)

static alm_bar bars[BARS];
static double out[BARS * WIDTH_MAX];

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "bars_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

/* A random walk in cents, 390 minutes a day. */
static void make_bars(void)
{
    alm_rng rng = alm_rng_stream(ALM_RNG_BENCH, 1);
    int64_t cents = 10000;
    for (int64_t i = 0; i < BARS; i++) {
        int64_t open = cents;
        cents += (int64_t)alm_rng_next_below(&rng, 61) - 30;
        cents = cents < 1000 ? 1000 : cents;
        int64_t high = (open > cents ? open : cents) + (int64_t)alm_rng_next_below(&rng, 20);
        int64_t low = (open < cents ? open : cents) - (int64_t)alm_rng_next_below(&rng, 20);
        bars[i] = (alm_bar){(i / 390 * 1440 + 570 + i % 390) * MINUTE, (double)open / 100,
                            (double)high / 100, (double)low / 100, (double)cents / 100,
                            (double)alm_rng_next_below(&rng, 90000)};
    }
}

static alm_bars_plan *compile(const char *const *declarations, size_t count)
{
    alm_str views[TEXT_COUNT];
    const alm_bars_options options = {570};
    alm_bars_plan *plan;
    alm_error error = {0};
    for (size_t i = 0; i < count; i++) {
        views[i] = alm_str_of(declarations[i]);
    }
    check(alm_bars_plan_compile(views, count, &options, &plan, &error), &error);
    return plan;
}

static void run_batch(const alm_bars_plan *plan)
{
    alm_error error = {0};
    check(alm_bars_rows(plan, bars, BARS, out, alm_bars_plan_width(plan), &error), &error);
}

static void run_online(const alm_bars_plan *plan)
{
    alm_bars_state *state;
    alm_error error = {0};
    check(alm_bars_state_create(plan, &state, &error), &error);
    for (size_t i = 0; i < BARS; i++) {
        check(alm_bars_update(state, &bars[i], &error), &error);
        alm_bars_emit(state, out);
    }
    alm_bars_state_destroy(state);
}

static double best_of(int repeats, void (*run)(const alm_bars_plan *), const alm_bars_plan *plan)
{
    double best = 1e9;
    for (int i = 0; i < repeats; i++) {
        double start = seconds_now();
        run(plan);
        double used = seconds_now() - start;
        best = used < best ? used : best;
    }
    return best / BARS * 1e9;
}

static void print(const char *what, const char *name, double value)
{
    printf("{\"name\":\"bars_%s %s\",\"value\":%.4g,\"unit\":\"ns/bar\"}\n", what, name, value);
}

int main(int argc, char **argv)
{
    int64_t repeats = 5;
    if (argc > 2 || (argc == 2 && (!alm_str_to_i64(alm_str_of(argv[1]), &repeats) ||
                                   repeats < 1 || repeats > 1000))) {
        fprintf(stderr, "usage: bars_bench [repeats]\n");
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    make_bars();
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        alm_bars_plan *plan = compile(&texts[i], 1);
        print("batch", texts[i], best_of((int)repeats, run_batch, plan));
        alm_bars_plan_destroy(plan);
    }
    alm_bars_plan *plan = compile(texts, TEXT_COUNT);
    char name[40];
    snprintf(name, sizeof name, "%zu columns", alm_bars_plan_width(plan));
    print("batch", name, best_of((int)repeats, run_batch, plan));
    print("online", name, best_of((int)repeats, run_online, plan));
    alm_bars_plan_destroy(plan);
    return 0;
}
