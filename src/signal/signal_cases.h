/* signal_cases.h: a signal of three members over made-up bars, in memory; for tests only. */
#ifndef ALM_SIGNAL_SIGNAL_CASES_H
#define ALM_SIGNAL_SIGNAL_CASES_H

#include "feature/bars/bars_cases.h"
#include "model/scorer/scorer_cases.h"
#include "signal/signal.h"

#define CASE_SIGNAL_STEPS 5
#define CASE_SIGNAL_MEMBERS 5
#define CASE_SIGNAL_HORIZONS 2
#define CASE_SIGNAL_CLASSES 3

/* Values of the size of the trees' thresholds, FINITE and ANCHORED. */
static const char *const case_signal_texts[] = {
    "zscore(close, 8)", "zscore(volume, 5) as busy", "momentum(close, 3)", "true_range()",
    "bollinger(close, 6, 2).percent_b", "macd(close, 3, 6, 3)", "log_return(close, 1)", "atr(4)",
};

static inline alm_str case_signal_plan(alm_arena *arena)
{
    alm_str declarations[sizeof case_signal_texts / sizeof *case_signal_texts];
    size_t count = sizeof declarations / sizeof *declarations;
    alm_bars_plan *plan = NULL;
    alm_buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        declarations[i] = alm_str_of(case_signal_texts[i]);
    }
    alm_assert(alm_bars_plan_compile(declarations, count, NULL, &plan, NULL) == ALM_OK);
    alm_bars_plan_write(plan, &text);
    alm_str out = {alm_arena_copy_text(arena, text.data, text.size), text.size};
    alm_buffer_deinit(&text);
    alm_bars_plan_destroy(plan);
    return out;
}

/* Horizon 5: two forests and a net, stacked; horizon 1: the forests alone. */
static const char case_signal_document[] =
    "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,0,1],\"bars\":\"plan.json\","
    "\"horizons\":[{\"name\":\"5\",\"members\":["
    "{\"name\":\"a\",\"model\":\"a.txt\",\"calibrator\":\"t.json\",\"columns\":["
    "\"momentum_close_3\",\"busy\",\"zscore_close_8\",\"true_range\"]},"
    "{\"name\":\"net\",\"model\":\"net.bin\",\"steps\":5,\"scaler\":\"scaler.json\",\"columns\":["
    "\"log_return_close_1\",\"atr_4\",\"zscore_close_8\"]},"
    "{\"name\":\"b\",\"model\":\"b.txt\",\"columns\":[\"macd_close_3_6_3_line\","
    "\"macd_close_3_6_3_signal\",\"bollinger_close_6_2_percent_b\",\"atr_4\"]}],"
    "\"combination\":{\"kind\":\"stacker\",\"file\":\"stack.json\"}},"
    "{\"name\":\"1\",\"members\":["
    "{\"name\":\"a\",\"model\":\"a.txt\",\"calibrator\":\"t.json\",\"columns\":["
    "\"momentum_close_3\",\"busy\",\"zscore_close_8\",\"true_range\"]},"
    "{\"name\":\"b\",\"model\":\"b.txt\",\"columns\":[\"macd_close_3_6_3_line\","
    "\"macd_close_3_6_3_signal\",\"bollinger_close_6_2_percent_b\",\"atr_4\"]}],"
    "\"combination\":{\"kind\":\"soft_vote\"}}]}";

static inline void case_signal_files(scorer_case *w)
{
    forest_shape shape = {.trees = 9, .outputs = 3, .features = 4, .leaves = 7, .grid = 4};
    alm_network_spec spec = {.feature_count = 3, .layer_count = 1, .output_count = 3,
                             .head = ALM_HEAD_CLASSES,
                             .layer = {{.kind = ALM_LAYER_LSTM, .units = 6}}};
    scorer_case_put(w, "plan.json", case_signal_plan(w->arena));
    scorer_case_put(w, "a.txt",
                    scorer_case_lightgbm(w->arena, &shape, 3, "multiclass num_class:3"));
    scorer_case_put(w, "b.txt",
                    scorer_case_lightgbm(w->arena, &shape, 4, "multiclass num_class:3"));
    scorer_case_put(w, "net.bin", scorer_case_net(w->arena, &spec, 11));
    scorer_case_put_text(w, "scaler.json", "{\"center\":[0,0.5,0.25],\"scale\":[0.125,2,3]}");
    scorer_case_put_text(w, "t.json", "{\"class_count\":3,\"classes\":[{\"scale\":0.625}],"
                                      "\"kind\":\"temperature\"}");
    scorer_case_put_text(w, "stack.json", "{\"classes\":3,\"coefficient\":[1.5,-0.25,0.5,2,-1,"
                         "0.125,0.3,0.2,-0.7,0.1,-1,2,-0.5,0.75,1,0.6,-0.1,0.4,-0.3,-0.2,-0.5,"
                         "-1.75,0.25,-1,0.5,1.125,0.2,0.9,0.8,-0.6],\"models\":3}");
    scorer_case_put_text(w, ALM_SCORER_DOCUMENT, case_signal_document);
}

static inline alm_err case_signal_read(scorer_case *w, alm_signal **out)
{
    alm_scorer_source source = alm_scorer_memory(&w->table);
    return alm_signal_read(&source, "folder", out, &w->error);
}

/* Room for `count` answers, and the one of a row in it. */
typedef struct signal_answers {
    size_t count;
    double *value, *probability, *confidence, *member;
} signal_answers;

static inline signal_answers case_signal_answers(alm_arena *arena, size_t count)
{
    size_t horizons = CASE_SIGNAL_HORIZONS, classes = CASE_SIGNAL_CLASSES;
    return (signal_answers){count, ALM_NEW_ARRAY(arena, double, count * horizons),
                            ALM_NEW_ARRAY(arena, double, count * horizons * classes),
                            ALM_NEW_ARRAY(arena, double, count * horizons),
                            ALM_NEW_ARRAY(arena, double, count * CASE_SIGNAL_MEMBERS * classes)};
}

static inline alm_scorer_output case_signal_output(const signal_answers *a, size_t row)
{
    size_t horizons = CASE_SIGNAL_HORIZONS, classes = CASE_SIGNAL_CLASSES;
    return (alm_scorer_output){a->value + row * horizons, a->probability + row * horizons * classes,
                               a->confidence + row * horizons,
                               a->member + row * CASE_SIGNAL_MEMBERS * classes};
}

static inline bool case_signal_same(const signal_answers *a, size_t at, const signal_answers *b,
                                    size_t bt, size_t count)
{
    size_t horizons = CASE_SIGNAL_HORIZONS, classes = CASE_SIGNAL_CLASSES;
    alm_scorer_output x = case_signal_output(a, at), y = case_signal_output(b, bt);
    return case_same_bits(x.value, y.value, count * horizons) &&
           case_same_bits(x.probability, y.probability, count * horizons * classes) &&
           case_same_bits(x.confidence, y.confidence, count * horizons) &&
           case_same_bits(x.member, y.member, count * CASE_SIGNAL_MEMBERS * classes);
}

#endif
