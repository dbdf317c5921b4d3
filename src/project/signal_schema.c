/* signal_schema.c: the keys of `bars` and `signals`. */
#include "project/project_schema.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(type, field) .offset = offsetof(type, field)
#define LIST_AT(type, field, count) \
    .kind = ALMI_TEXT_LIST, .offset = offsetof(type, field), .count_offset = offsetof(type, count)
#define MEMBER(field) AT(alm_signal_member_spec, field)
#define SIGNAL_AT(field) AT(alm_signal_spec, field)

static const char *const LABELS[] = {"triple_barrier", "threshold", NULL};
static const char *const CALIBRATIONS[] = {"none", "isotonic",    "platt",
                                           "beta", "temperature", NULL};
static const char *const COMBINATIONS[] = {"one", "soft_vote", "hard_vote", "stacked", NULL};
static const char *const LEARNERS[] = {"lightgbm", "xgboost", "lstm", "gru", "tcn", NULL};

static const almi_key BARS[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(alm_bars_spec, source), .required = true,
     .doc = "the source of the bars; its `time` (date or instant) is the bar's stamp"},
    {.key = "symbol", .kind = ALMI_TEXT, AT(alm_bars_spec, symbol),
     .doc = "the source's key, a text; its only one when left out"},
    {.key = "open", .kind = ALMI_TEXT, AT(alm_bars_spec, open), .fallback = "open",
     .doc = "column of the source, a number; empty fields are missing"},
    {.key = "high", .kind = ALMI_TEXT, AT(alm_bars_spec, high), .fallback = "high",
     .doc = "the same"},
    {.key = "low", .kind = ALMI_TEXT, AT(alm_bars_spec, low), .fallback = "low",
     .doc = "the same"},
    {.key = "close", .kind = ALMI_TEXT, AT(alm_bars_spec, close), .fallback = "close",
     .doc = "the same"},
    {.key = "volume", .kind = ALMI_TEXT, AT(alm_bars_spec, volume),
     .doc = "the same; when left out, `volume` if the source has such a column, else all volumes "
            "are missing"},
    {.key = "session_open", .kind = ALMI_TEXT, AT(almi_bars_entry, session_open),
     .fallback = "00:00",
     .doc = "`HH:MM` in the time of the bars: when a session begins"},
    {.key = "features", LIST_AT(alm_bars_spec, features, feature_count),
     .doc = "list of declarations (docs/bars.md), one a line with `-`, because they have commas; "
            "default: those under \"A short file\""},
};
const almi_section almi_bars_section = {
    "bars", "Bars of open, high, low, close and volume, one symbol per key.", BARS, COUNT(BARS)};

static const almi_key SIGNAL[] = {
    {.key = "horizons", .kind = ALMI_OTHER, .required = true,
     .doc = "rising list of bars ahead, 1 to 10000, at most 64"},
    {.key = "label", .kind = ALMI_CHOICE, SIGNAL_AT(label), .choices = LABELS,
     .fallback = "triple_barrier", .doc = "what the classes -1, 0 and 1 mean (docs/bars.md)"},
    {.key = "profit", .kind = ALMI_F64, SIGNAL_AT(profit), .max = 1000, .fallback = "2",
     .doc = "distance of the upper barrier or threshold, in `scale`s; 0: none"},
    {.key = "loss", .kind = ALMI_F64, SIGNAL_AT(loss), .max = 1000, .fallback = "2",
     .doc = "of the lower one"},
    {.key = "scale", .kind = ALMI_TEXT, SIGNAL_AT(scale), .fallback = "volatility(close, 20)",
     .doc = "a declaration: what `profit` and `loss` are multiples of, as shares of the close; "
            "`none`: they are such shares themselves"},
    {.key = "members", .kind = ALMI_OTHER, .required = true,
     .doc = "map of models, at most 16: see `signals.NAME.members.NAME`"},
    {.key = "calibration", .kind = ALMI_CHOICE, SIGNAL_AT(calibration), .choices = CALIBRATIONS,
     .fallback = "platt", .doc = "of every member, fitted on probabilities out of fold"},
    {.key = "combination", .kind = ALMI_CHOICE, SIGNAL_AT(combination), .choices = COMBINATIONS,
     .doc = "how members become one answer; when left out, `one` for a single member, else "
            "`stacked`"},
    {.key = "stacker_l2", .kind = ALMI_F64, SIGNAL_AT(stacker_l2), .max = 1e6, .fallback = "1",
     .doc = "shrinks the weights of `stacked`"},
    {.key = "folds", .kind = ALMI_I32, SIGNAL_AT(folds), .min = 2, .max = 20, .fallback = "5",
     .doc = "purged folds for the probabilities out of fold"},
    {.key = "embargo", .kind = ALMI_I32, SIGNAL_AT(embargo), .max = 10000, .fallback = "5",
     .doc = "bars beside a fold or the test that nothing is learned from"},
    {.key = "test_share", .kind = ALMI_F64, SIGNAL_AT(test_share), .min = 0.01, .max = 0.9,
     .fallback = "0.2", .doc = "newest share of the time span: scored once, never learned from"},
    {.key = "seed", .kind = ALMI_U64, SIGNAL_AT(seed), .fallback = "1",
     .doc = "of every random number of training"},
};
const almi_section almi_signal_section = {
    "signals.NAME", "Classes -1, 0 and 1 of what follows a bar, one answer per horizon; its "
    "releases are NAME-1, NAME-2, ...", SIGNAL, COUNT(SIGNAL)};

/* What every learner has. */
#define LEARNER                                                                                  \
    {.key = "learner", .kind = ALMI_CHOICE, MEMBER(learner), .choices = LEARNERS,                \
     .required = true, .doc = "what the member is"}
#define FEATURES                                                                                 \
    {.key = "features", LIST_AT(alm_signal_member_spec, features, feature_count),                \
     .doc = "names of columns of the plan; default: all"}
#define RATE(value)                                                                              \
    {.key = "learning_rate", .kind = ALMI_F64, MEMBER(learning_rate), .min = 1e-6, .max = 1,     \
     .fallback = value, .doc = "weight of each tree, or step of the optimiser"}
#define TREES                                                                                    \
    {.key = "trees", .kind = ALMI_I32, MEMBER(trees), .min = 1, .max = 10000, .fallback = "100", \
     .doc = "rounds; each has a tree per class"}
#define SAMPLING                                                                                 \
    {.key = "feature_fraction", .kind = ALMI_F64, MEMBER(feature_fraction), .min = 0.01,         \
     .max = 1, .fallback = "1", .doc = "share of the features that a tree may use"},             \
    {.key = "bagging_fraction", .kind = ALMI_F64, MEMBER(bagging_fraction), .min = 0.01,         \
     .max = 1, .fallback = "1", .doc = "share of the rows that a tree sees"},                    \
    {.key = "lambda_l2", .kind = ALMI_F64, MEMBER(lambda_l2), .max = 1e6, .fallback = "1",       \
     .doc = "shrinks the values of the leaves"},                                                 \
    {.key = "bins_max", .kind = ALMI_I32, MEMBER(bins_max), .min = 2, .max = 65535,              \
     .fallback = "127", .doc = "bins per feature"}

static const almi_key LIGHTGBM[] = {
    LEARNER, FEATURES, TREES, RATE("0.05"),
    {.key = "leaves", .kind = ALMI_I32, MEMBER(leaves), .min = 2, .max = 4096, .fallback = "15",
     .doc = "leaves per tree"},
    {.key = "leaf_rows_min", .kind = ALMI_I32, MEMBER(leaf_rows_min), .min = 1, .max = 1000000,
     .fallback = "100", .doc = "training rows in a leaf"},
    SAMPLING,
};
const almi_section almi_lightgbm_section = {
    "signals.NAME.members.NAME (lightgbm)", "Gradient boosted trees of LightGBM.", LIGHTGBM,
    COUNT(LIGHTGBM)};

static const almi_key XGBOOST[] = {
    LEARNER, FEATURES, TREES, RATE("0.05"),
    {.key = "depth", .kind = ALMI_I32, MEMBER(depth), .min = 1, .max = 16, .fallback = "4",
     .doc = "of a tree"},
    {.key = "leaf_rows_min", .kind = ALMI_I32, MEMBER(leaf_rows_min), .min = 0, .max = 1000000,
     .fallback = "20", .doc = "XGBoost's `min_child_weight`: the least sum of second derivatives "
     "in a leaf, which is a part of its rows"},
    SAMPLING,
};
const almi_section almi_xgboost_section = {
    "signals.NAME.members.NAME (xgboost)", "Gradient boosted trees of XGBoost.", XGBOOST,
    COUNT(XGBOOST)};

static const almi_key NET[] = {
    LEARNER, FEATURES, RATE("0.003"),
    {.key = "steps", .kind = ALMI_I32, MEMBER(steps), .min = 1, .max = 1000, .fallback = "20",
     .doc = "bars of a window"},
    {.key = "units", .kind = ALMI_I32, MEMBER(units), .min = 1, .max = 1024, .fallback = "16",
     .doc = "of each layer"},
    {.key = "layers", .kind = ALMI_I32, MEMBER(layers), .min = 1, .max = 8, .fallback = "1",
     .doc = "recurrent or convolutional ones"},
    {.key = "epochs", .kind = ALMI_I32, MEMBER(epochs), .min = 1, .max = 10000, .fallback = "20",
     .doc = "passes over the training samples, at most"},
    {.key = "batch", .kind = ALMI_I32, MEMBER(batch), .min = 1, .max = 65536, .fallback = "128",
     .doc = "samples of one step"},
    {.key = "patience", .kind = ALMI_I32, MEMBER(patience), .max = 10000, .fallback = "3",
     .doc = "epochs without a better loss on held-out samples until it stops; 0: all epochs"},
    {.key = "dropout", .kind = ALMI_F64, MEMBER(dropout), .max = 0.9, .fallback = "0.1",
     .doc = "share of outputs that training leaves out"},
    {.key = "weight_decay", .kind = ALMI_F64, MEMBER(weight_decay), .max = 1, .fallback = "0.0001",
     .doc = "shrinks the weights"},
};
const almi_section almi_net_section = {
    "signals.NAME.members.NAME (lstm, gru, tcn)", "A net over windows of bars.", NET, COUNT(NET)};
