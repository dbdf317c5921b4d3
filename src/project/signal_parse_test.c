#include "project/project_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* One valid file; each case below replaces one place of it. Line numbers matter. */
static const char VALID[] =
    "almanac: 1\n"                                                    /*  1 */
    "name: desk\n"                                                    /*  2 */
    "sources:\n"                                                      /*  3 */
    "  prices:\n"                                                     /*  4 */
    "    files: prices.csv\n"                                         /*  5 */
    "    time: stamp\n"                                               /*  6 */
    "    keys: [symbol]\n"                                            /*  7 */
    "    columns:\n"                                                  /*  8 */
    "      stamp: instant\n"                                          /*  9 */
    "      symbol: text\n"                                            /* 10 */
    "      first: f64\n"                                              /* 11 */
    "      high: f64\n"                                               /* 12 */
    "      low: {type: f64, nullable: true}\n"                        /* 13 */
    "      close: f64\n"                                              /* 14 */
    "      volume: i64\n"                                             /* 15 */
    "bars:\n"                                                         /* 16 */
    "  source: prices\n"                                              /* 17 */
    "  symbol: symbol\n"                                              /* 18 */
    "  open: first\n"                                                 /* 19 */
    "  session_open: 09:30\n"                                         /* 20 */
    "  features:\n"                                                   /* 21 */
    "    - rsi(close, 14)\n"                                          /* 22 */
    "    - macd(close, 12, 26, 9) as trend\n"                         /* 23 */
    "signals:\n"                                                      /* 24 */
    "  swing:\n"                                                      /* 25 */
    "    horizons: [5, 10]\n"                                         /* 26 */
    "    label: threshold\n"                                          /* 27 */
    "    profit: 0.02\n"                                              /* 28 */
    "    loss: 0.03\n"                                                /* 29 */
    "    scale: none\n"                                               /* 30 */
    "    combination: soft_vote\n"                                    /* 31 */
    "    calibration: temperature\n"                                  /* 32 */
    "    members:\n"                                                  /* 33 */
    "      wood: {learner: xgboost, depth: 3, features: [trend_line]}\n" /* 34 */
    "      net: {learner: gru, units: 8, patience: 0}\n";             /* 35 */

/* Everything else is a default. */
static const char SHORT[] =
    "almanac: 1\n"
    "name: desk\n"
    "sources:\n"
    "  prices:\n"
    "    files: prices.csv\n"
    "    time: day\n"
    "    keys: [ticker]\n"
    "    columns: {day: date, ticker: text, open: f64, high: f64, low: f64, close: f64}\n"
    "bars: {source: prices}\n"
    "signals:\n"
    "  swing:\n"
    "    horizons: [5]\n"
    "    members: {boost: {learner: lightgbm}}\n";

static void reads_every_key(void **state)
{
    (void)state;
    alm_project *p = must_open(VALID);
    assert_true(alm_str_is(p->bars.source, "prices"));
    assert_true(alm_str_is(p->bars.open, "first"));
    assert_true(alm_str_is(p->bars.close, "close"));
    assert_true(alm_str_is(p->bars.volume, "volume"));
    assert_int_equal(p->bars.session_open_minutes, 570);
    assert_int_equal(p->bars.feature_count, 2);
    assert_int_equal(p->signal_count, 1);
    const alm_signal_spec *s = alm_project_signal(p, ALM_STR("swing"));
    assert_ptr_equal(s, &p->signals[0]);
    assert_null(alm_project_signal(p, ALM_STR("swings")));
    assert_int_equal(s->horizon_count, 2);
    assert_int_equal(s->horizon[1], 10);
    assert_int_equal(s->label, ALM_SIGNAL_THRESHOLD);
    assert_true(s->profit == 0.02 && s->loss == 0.03);
    assert_int_equal(s->scale.size, 0);
    assert_int_equal(s->combination, ALM_SIGNAL_SOFT_VOTE);
    assert_int_equal(s->calibration, ALM_SIGNAL_TEMPERATURE);
    assert_int_equal(s->member_count, 2);
    const alm_signal_member_spec *wood = &s->members[0];
    assert_true(alm_str_is(wood->name, "wood"));
    assert_int_equal(wood->learner, ALM_SIGNAL_XGBOOST);
    assert_int_equal(wood->depth, 3);
    assert_int_equal(wood->leaves, 0);
    assert_int_equal(wood->feature_count, 1);
    assert_int_equal(s->members[1].learner, ALM_SIGNAL_GRU);
    assert_int_equal(s->members[1].units, 8);
    assert_int_equal(s->members[1].patience, 0);
    assert_int_equal(s->members[1].steps, 20);
    alm_bars_plan *plan = NULL;
    alm_error error = {0};
    assert_int_equal(alm_project_bars_plan(p, &plan, &error), ALM_OK);
    assert_int_equal(alm_bars_plan_width(plan), 4);
    assert_string_equal(alm_bars_plan_name(plan, 1), "trend_line");
    alm_bars_plan_destroy(plan);
    alm_project_close(p);
}

static void a_short_file_has_defaults(void **state)
{
    (void)state;
    alm_project *p = must_open(SHORT);
    assert_true(alm_str_is(p->bars.symbol, "ticker"));
    assert_true(alm_str_is(p->bars.high, "high"));
    assert_int_equal(p->bars.volume.size, 0); /* the source has none */
    assert_int_equal(p->bars.session_open_minutes, 0);
    assert_int_equal(p->bars.feature_count, 12);
    const alm_signal_spec *s = &p->signals[0];
    assert_int_equal(s->label, ALM_SIGNAL_TRIPLE_BARRIER);
    assert_true(s->profit == 2 && s->loss == 2);
    assert_true(alm_str_is(s->scale, "volatility(close, 20)"));
    assert_int_equal(s->calibration, ALM_SIGNAL_PLATT);
    assert_int_equal(s->combination, ALM_SIGNAL_ONE);
    assert_int_equal(s->folds, 5);
    assert_int_equal(s->embargo, 5);
    assert_true(s->test_share == 0.2);
    assert_int_equal(s->seed, 1);
    assert_int_equal(s->members[0].trees, 100);
    assert_int_equal(s->members[0].leaves, 15);
    assert_int_equal(s->members[0].depth, 0);
    alm_project_close(p);
}

static const broken_text BROKEN[] = {
    {"signals:\n", "series: {source: prices}\nsignals:\n", "24:1: series needs the key keys"},
    {"signals:\n",
     "series: {source: prices, keys: [symbol], target: close, missing: zero}\nsignals:\n",
     "16:1: a project has `series` (daily forecasts) or `bars` (signals), not both: make two "
     "projects"},
    {"signals:\n",
     "models:\n  m: {horizon: 1, quantiles: [0.5], candidates: [gbm]}\nsignals:\n",
     "24:1: models belongs to a project of `series`; with `bars`, features stand in "
     "`bars.features` and models in `signals`"},
    {"source: prices", "source: price", "17:3: there is no source price: did you mean prices?"},
    {"    time: stamp\n", "",
     "16:3: source prices needs `time`: the column of the bars' stamps"},
    {"    time: stamp\n", "    time: stamp\n    duplicates: sum\n",
     "18:3: source prices has known_at, known_in_advance or duplicates: sum; a bar is known when "
     "it has closed and there is one per symbol and stamp"},
    {"  symbol: symbol\n", "  symbol: ticker\n",
     "18:3: symbol must be the one key of source prices: declare `keys: [COLUMN]` there and name "
     "it here"},
    {"  open: first\n", "  open: opened\n", "19:3: source prices has no column opened"},
    {"  open: first\n", "", "16:1: source prices has no column open"},
    {"  open: first\n", "  open: symbol\n",
     "19:3: column symbol of source prices must be a number, it is declared as text"},
    {"09:30", "9:30", "20:3: session_open must be HH:MM, 00:00 to 23:59, not 9:30"},
    {"09:30", "24:00", "20:3: session_open must be HH:MM, 00:00 to 23:59, not 24:00"},
    {"rsi(close, 14)", "rsi(closed, 14)", "22:7: "},
    {"rsi(close, 14)", "rsi(close, 14) as trend_line", "21:3: "},
    {"    - rsi(close, 14)\n    - macd(close, 12, 26, 9) as trend\n", "    []\n", "21:3: "},
    {"    horizons: [5, 10]\n", "", "25:3: signals.NAME needs the key horizons"},
    {"[5, 10]", "[10, 5]", "26:20: horizons must rise from 1 bar to at most 10000"},
    {"[5, 10]", "[0]", "26:16: horizons must rise from 1 bar to at most 10000"},
    {"[5, 10]", "5", "26:5: horizons must be a list, not a single value"},
    {"label: threshold", "label: barrier",
     "27:5: label must be one of triple_barrier, threshold, not barrier"},
    {"profit: 0.02\n    loss: 0.03", "profit: 0\n    loss: 0",
     "28:5: profit and loss are both 0: there would be one class only"},
    {"loss: 0.03", "loss: 2",
     "29:5: loss is a share of the close without a scale: at most 1, for example 0.02 for 2 %"},
    {"scale: none", "scale: volatility(close)", "30:5: scale: "},
    {"scale: none", "scale: macd(close, 12, 26, 9)",
     "30:5: scale macd(close, 12, 26, 9) has 3 columns: name one with .output"},
    {"combination: soft_vote", "combination: one",
     "31:5: combination: one is for a single member, there are 2"},
    {"combination: soft_vote", "stacker_l2: 0", "31:5: stacker_l2 must be above 0 where "},
    {"features: [trend_line]", "features: [trend_lin]",
     "34:53: bars.features has no column trend_lin: did you mean trend_line?"},
    {"depth: 3", "leaves: 3",
     "34:32: unknown key leaves in signals.NAME.members.NAME (xgboost): did you mean learner?"},
    {"units: 8", "trees: 8",
     "35:27: unknown key trees in signals.NAME.members.NAME (lstm, gru, tcn) "
     "(docs/project-file.md lists them)"},
    {"learner: gru", "learner: rnn",
     "35:13: learner must be one of lightgbm, xgboost, lstm, gru, tcn, not rnn"},
    {"    members:\n      wood: {learner: xgboost, depth: 3, features: [trend_line]}\n"
     "      net: {learner: gru, units: 8, patience: 0}\n",
     "    members: {}\n", "33:5: members needs 1 to 16 models, not 0"},
};

static void names_the_place_of_every_error(void **state)
{
    (void)state;
    assert_int_equal(count_wrong(VALID, BROKEN, sizeof(BROKEN) / sizeof(BROKEN[0])), 0);
}

static void needs_series_or_bars(void **state)
{
    (void)state;
    static const char SOURCE[] = "almanac: 1\nname: desk\nsources:\n"
                                 "  a: {files: a.csv, time: d, columns: {d: date, x: f64}}\n";
    alm_project *p = NULL;
    alm_error error = {0};
    assert_int_equal(open_text(SOURCE, &p, &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "almanac.yaml:1:1: almanac.yaml needs the key series (daily "
                                       "forecasts) or the key bars (signals)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_key),
        cmocka_unit_test(a_short_file_has_defaults),
        cmocka_unit_test(names_the_place_of_every_error),
        cmocka_unit_test(needs_series_or_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
