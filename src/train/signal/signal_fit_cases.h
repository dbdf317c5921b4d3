/* signal_fit_cases.h: made-up bars of two symbols, with or without something to find; for tests. */
#ifndef ALM_TRAIN_SIGNAL_FIT_CASES_H
#define ALM_TRAIN_SIGNAL_FIT_CASES_H

#include <string.h>

#include "base/rng.h"
#include "num/elementary.h"
#include "train/signal/signal_fit_internal.h"

#define CASE_SYMBOLS 2
#define CASE_BARS 700
#define CASE_HOUR INT64_C(3600000000)

/* In a planted market the volume of a bar says whether the next close is 1 % lower, about the same
 * or 1 % higher; a tenth of the time it lies. In a market of noise it says nothing. */
typedef struct signal_case {
    alm_env env;
    alm_bar bar[CASE_SYMBOLS][CASE_BARS];
    alm_signal_symbol symbol[CASE_SYMBOLS];
    alm_bars_spec bars;
    alm_signal_member_spec member[4];
    alm_signal_spec spec;
    alm_signal_data data;
    alm_arena *arena;
    alm_signal_result result;
    alm_error error;
} signal_case;

static const alm_str case_features[] = {{"sma(volume, 1) as said", 22}, {"return(close, 1)", 16},
                                        {"rsi(close, 5)", 13}, {"weekday()", 9}};
static const alm_str case_net_features[] = {{"said", 4}, {"return_close_1", 14}};

static inline void case_make_bars(signal_case *c, uint64_t seed, bool planted)
{
    for (size_t s = 0; s < CASE_SYMBOLS; s++) {
        alm_rng rng = alm_rng_stream(seed, s);
        double price = 100 + 50 * (double)s, said = 0;
        for (size_t i = 0; i < CASE_BARS; i++) {
            alm_bar *bar = &c->bar[s][i];
            double truth = planted && alm_rng_next_uniform(&rng) < 0.9
                               ? said : (double)alm_rng_next_below(&rng, 3) - 1;
            double close = price * (1 + 0.01 * truth + 0.001 * alm_rng_next_normal(&rng));
            said = (double)alm_rng_next_below(&rng, 3) - 1;
            bar->time = (alm_instant)(1000 + i) * CASE_HOUR + (alm_instant)s * CASE_HOUR / 3;
            bar->open = price;
            bar->high = (close > price ? close : price) * 1.0001;
            bar->low = (close < price ? close : price) * 0.9999;
            bar->close = close;
            bar->volume = 1000 + 300 * said + 20 * alm_rng_next_normal(&rng);
            price = close;
        }
    }
}

static inline alm_signal_member_spec case_trees(alm_signal_learner learner, const char *name)
{
    return (alm_signal_member_spec){.name = alm_str_of(name),
                                    .learner = learner,
                                    .learning_rate = 0.2,
                                    .trees = 12,
                                    .leaves = 4,
                                    .depth = 2,
                                    .leaf_rows_min = 10,
                                    .feature_fraction = 1,
                                    .bagging_fraction = 1,
                                    .lambda_l2 = 1,
                                    .bins_max = 63};
}

static inline alm_signal_member_spec case_net(alm_signal_learner learner, const char *name)
{
    return (alm_signal_member_spec){.name = alm_str_of(name),
                                    .learner = learner,
                                    .features = case_net_features,
                                    .feature_count = 2,
                                    .learning_rate = 0.02,
                                    .steps = 2,
                                    .units = 4,
                                    .layers = 1,
                                    .epochs = 6,
                                    .batch = 32,
                                    .patience = 2,
                                    .weight_decay = 1e-4};
}

/* Trees of LightGBM and a net, calibrated and stacked, one bar and three ahead; trees of XGBoost
 * with a third member. */
static inline signal_case *case_open(uint64_t seed, bool planted)
{
    alm_arena *arena = alm_arena_create(0);
    signal_case *c = ALM_NEW(arena, signal_case);
    c->arena = arena;
    case_make_bars(c, seed, planted);
    for (size_t s = 0; s < CASE_SYMBOLS; s++) {
        c->symbol[s] = (alm_signal_symbol){s == 0 ? ALM_STR("AAA") : ALM_STR("BBB"), c->bar[s],
                                           CASE_BARS};
    }
    c->bars = (alm_bars_spec){.features = case_features, .feature_count = 4};
    c->member[0] = case_trees(ALM_SIGNAL_LIGHTGBM, "boost");
    c->member[1] = case_net(ALM_SIGNAL_LSTM, "net");
    c->member[2] = case_trees(ALM_SIGNAL_XGBOOST, "extreme");
    c->spec = (alm_signal_spec){.name = ALM_STR("next"),
                                .horizon = {1, 3},
                                .horizon_count = 2,
                                .label = ALM_SIGNAL_THRESHOLD,
                                .profit = 0.005,
                                .loss = 0.005,
                                .members = c->member,
                                .member_count = 2,
                                .calibration = ALM_SIGNAL_PLATT,
                                .combination = ALM_SIGNAL_STACKED,
                                .stacker_l2 = 1,
                                .folds = 3,
                                .embargo = 2,
                                .test_share = 0.3,
                                .seed = 7};
    c->data = (alm_signal_data){&c->bars, c->symbol, CASE_SYMBOLS};
    return c;
}

static inline void case_close(signal_case *c)
{
    alm_arena_destroy(c->arena); /* the struct lies in it */
}

static inline alm_err case_fit(signal_case *c)
{
    return alm_signal_fit(&c->env, &c->spec, &c->data, c->arena, &c->result, &c->error);
}

static inline alm_str case_file(const signal_case *c, const char *name)
{
    for (size_t i = 0; i < c->result.file_count; i++) {
        if (alm_str_is(c->result.file[i].name, name)) {
            return c->result.file[i].bytes;
        }
    }
    return (alm_str){0};
}

#endif
