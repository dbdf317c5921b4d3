/* signal_fit_bench.c: seconds to train a signal, by learner: made-up bars, no signal in them.
 *
 *     signal_fit_bench [--threads N] [--quick]
 *
 * 5 symbols of 5000 hourly bars, 16 features, 4 horizons, 4 folds: 20 fits of XGBoost (100 trees of
 * depth 4), of LightGBM (100 of 15 leaves) and of an LSTM (32 units, windows of 30 bars, at most 20
 * epochs), three classes; each alone with its calibrators, then the stack of all. --quick: one
 * horizon, two folds. One JSON line a figure, as bench/run reads them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "train/signal/signal_fit.h"

#define SYMBOLS 5
#define BARS 5000
#define HOUR INT64_C(3600000000)

static const char *const features[] = {
    "return(close, 1)", "return(close, 5)", "return(close, 20)", "volatility(close, 20)",
    "rsi(close, 14)", "zscore(close, 20)", "williams_r(14)", "cci(20)", "mfi(14)",
    "aroon(25).oscillator", "adx(14).adx as adx", "bollinger(close, 20, 2).width",
    "bollinger(close, 20, 2).percent_b", "stochastic(14, 3, 3).k as k", "bar_of_session()",
    "weekday()"};
#define FEATURES (sizeof features / sizeof *features)

static const alm_signal_member_spec learners[3] = {
    {.name = {"xgboost", 7}, .learner = ALM_SIGNAL_XGBOOST, .learning_rate = 0.05, .trees = 100,
     .depth = 4, .leaf_rows_min = 20, .feature_fraction = 0.8, .bagging_fraction = 0.8,
     .lambda_l2 = 1, .bins_max = 255},
    {.name = {"lightgbm", 8}, .learner = ALM_SIGNAL_LIGHTGBM, .learning_rate = 0.05, .trees = 100,
     .leaves = 15, .leaf_rows_min = 50, .feature_fraction = 0.8, .bagging_fraction = 0.8,
     .lambda_l2 = 1, .bins_max = 255},
    {.name = {"lstm", 4}, .learner = ALM_SIGNAL_LSTM, .learning_rate = 0.001, .steps = 30,
     .units = 32, .layers = 1, .epochs = 20, .batch = 128, .patience = 3, .dropout = 0.1,
     .weight_decay = 1e-4}};

static void make_bars(uint64_t symbol, alm_bar *bars)
{
    alm_rng rng = alm_rng_stream(11, symbol);
    double price = 100;
    for (size_t i = 0; i < BARS; i++) {
        double close = price * (1 + 0.01 * alm_rng_next_normal(&rng));
        bars[i] = (alm_bar){(alm_instant)(400000 + i) * HOUR, price,
                            fmax(price, close) * (1 + 0.003 * alm_rng_next_uniform(&rng)),
                            fmin(price, close) * (1 - 0.003 * alm_rng_next_uniform(&rng)), close,
                            1000 * alm_rng_next_uniform(&rng)};
        price = close;
    }
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(const alm_env *env, const alm_signal_spec *spec, const alm_signal_data *data,
                    const char *name)
{
    alm_arena *arena = alm_arena_create(0);
    alm_signal_result result;
    alm_error error = {0};
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (alm_signal_fit(env, spec, data, arena, &result, &error) != ALM_OK) {
        (void)fprintf(stderr, "signal_fit_bench: %s\n", error.message);
        exit(1);
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    (void)printf("{\"name\":\"signal_fit_%s_cpu\",\"value\":%.1f,\"unit\":\"s\"}\n", name, cpu);
    (void)printf("{\"name\":\"signal_fit_%s_wall\",\"value\":%.1f,\"unit\":\"s\"}\n", name, wall);
    (void)fflush(stdout);
    alm_arena_destroy(arena);
}

static void measure_all(const alm_env *env, bool quick)
{
    static alm_bar bars[SYMBOLS][BARS];
    alm_str declared[FEATURES];
    alm_signal_symbol symbols[SYMBOLS];
    static const char *const names[SYMBOLS] = {"A", "B", "C", "D", "E"};
    for (size_t i = 0; i < FEATURES; i++) {
        declared[i] = alm_str_of(features[i]);
    }
    for (size_t i = 0; i < SYMBOLS; i++) {
        make_bars(i, bars[i]);
        symbols[i] = (alm_signal_symbol){alm_str_of(names[i]), bars[i], BARS};
    }
    alm_bars_spec spec = {.features = declared, .feature_count = FEATURES};
    alm_signal_data data = {&spec, symbols, SYMBOLS};
    alm_signal_spec signal = {.name = ALM_STR("bench"), .horizon = {2, 5, 10, 20},
                              .horizon_count = quick ? 1 : 4,
                              .label = ALM_SIGNAL_TRIPLE_BARRIER, .profit = 2, .loss = 2,
                              .scale = ALM_STR("volatility(close, 20)"), .member_count = 1,
                              .calibration = ALM_SIGNAL_ISOTONIC, .combination = ALM_SIGNAL_ONE,
                              .stacker_l2 = 1, .folds = quick ? 2 : 4, .embargo = 5,
                              .test_share = 0.2, .seed = 1};
    for (size_t m = 0; m < 3; m++) {
        signal.members = &learners[m];
        measure(env, &signal, &data, learners[m].name.data);
    }
    signal.members = learners;
    signal.member_count = 3;
    signal.combination = ALM_SIGNAL_STACKED;
    measure(env, &signal, &data, "stack");
}

int main(int argc, char **argv)
{
    alm_env env = {0};
    alm_error error = {0};
    bool quick = false;
    int64_t threads = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = true;
        } else if (strcmp(argv[i], "--threads") != 0 || ++i == argc ||
                   !alm_str_to_i64(alm_str_of(argv[i]), &threads) || threads < 1 || threads > 256) {
            (void)fprintf(stderr, "usage: signal_fit_bench [--threads N] [--quick]\n");
            return 2;
        }
    }
    if (alm_pool_create((int)threads, &env.pool, &error) != ALM_OK) {
        (void)fprintf(stderr, "signal_fit_bench: %s\n", error.message);
        return 1;
    }
    measure_all(&env, quick);
    alm_pool_destroy(env.pool);
    return 0;
}
