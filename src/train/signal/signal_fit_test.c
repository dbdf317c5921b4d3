/* signal_fit_test.c: what is there is found, what is not is not claimed, and nothing leaks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "train/learner/lightgbm.h"
#include "train/signal/signal_fit_cases.h"
#include "train/learner/xgboost.h"

static void must(signal_case *c, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", c->error.message);
    }
}

/* Value behind keys of the report: horizon, then one or two keys. */
static double number_of(const signal_case *c, size_t horizon, const char *first, const char *second)
{
    alm_json_document *document = NULL;
    alm_error error = {0};
    double value = NAN;
    const alm_json *list = NULL;
    assert_int_equal(alm_json_parse(c->result.report, "report", &document, &error), ALM_OK);
    assert_int_equal(alm_json_get(alm_json_root(document), "horizons", ALM_JSON_ARRAY, &list,
                                  &error), ALM_OK);
    const alm_json *part = alm_json_member(alm_json_at(list, horizon), first);
    part = second ? alm_json_member(part, second) : part;
    bool yes = false;
    if (alm_json_as_bool(part, &yes)) {
        value = yes ? 1 : 0;
    } else {
        assert_true(alm_json_as_double(part, &value));
    }
    alm_json_document_destroy(document);
    return value;
}

static bool report_says(const signal_case *c, const char *text)
{
    return memmem(c->result.report.data, c->result.report.size, text, strlen(text)) != NULL;
}

/* One bar ahead nine tenths of the moves are told by the volume, whose loss is
 * -0.9333 ln 0.9333 - 2 * 0.0333 ln 0.0333 = 0.291; the prior's is ln 3 = 1.099. */
static void a_planted_signal_is_found(void **state)
{
    (void)state;
    signal_case *c = case_open(3, true);
    c->spec.member_count = 3;
    must(c, case_fit(c));
    assert_true(number_of(c, 0, "prior", "log_loss") > 1.08);
    assert_true(number_of(c, 0, "answer", "log_loss") < 0.35);
    assert_true(number_of(c, 0, "answer", "accuracy") > 0.9);
    assert_true(number_of(c, 0, "answer", "ece") < 0.04);
    assert_true(number_of(c, 0, "edge", NULL) == 1 && number_of(c, 1, "edge", NULL) == 1);
    assert_true(report_says(c, "Horizon 1: better than the prior (log loss "));
    assert_true(report_says(c, " Which way, where it went far enough: better than the prior (log"));
    assert_true(number_of(c, 0, "side", "log_loss") < 0.25);
    assert_true(number_of(c, 0, "side", "prior_log_loss") > 0.68);
    assert_true(number_of(c, 1, "answer", "log_loss") > number_of(c, 0, "answer", "log_loss"));
    case_close(c);
}

/* Three standard errors, two horizons, ten markets: a claim by chance has a probability of some
 * percent at most, and these seeds are fixed. */
static void noise_is_no_edge(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 30; seed++) {
        signal_case *c = case_open(seed, false);
        c->spec.member_count = seed < 22 ? 2 : 1; /* nets are slow */
        must(c, case_fit(c));
        assert_true(number_of(c, 0, "edge", NULL) == 0 && number_of(c, 1, "edge", NULL) == 0);
        assert_true(report_says(c, "No edge is shown on the test."));
        assert_true(fabs(number_of(c, 0, "answer", "log_loss") -
                         number_of(c, 0, "prior", "log_loss")) < 0.05);
        case_close(c);
    }
}

/* How far prices move changes from one hundred bars to the next, which way is chance: an edge, and
 * it is said that it is none about the side. */
static void volatility_is_no_direction(void **state)
{
    (void)state;
    signal_case *c = case_open(31, false);
    static const alm_str features[] = {{"volatility(close, 10)", 21}, {"return(close, 1)", 16}};
    c->bars.features = features;
    c->bars.feature_count = 2;
    c->spec.member_count = 1;
    for (size_t s = 0; s < CASE_SYMBOLS; s++) {
        alm_rng rng = alm_rng_stream(31, s + 10);
        double price = 100;
        for (size_t i = 0; i < CASE_BARS; i++) {
            price *= 1 + (i / 100 % 2 ? 0.012 : 0.003) * alm_rng_next_normal(&rng);
            c->bar[s][i] = (alm_bar){c->bar[s][i].time, price, price, price, price, 1};
        }
    }
    must(c, case_fit(c));
    assert_true(number_of(c, 0, "edge", NULL) == 1);
    assert_true(report_says(c, "far enough: not shown to be better than the prior"));
    assert_false(report_says(c, "far enough: better than the prior"));
    case_close(c);
}

/* ---- nothing leaks ---- */

static void assert_same_files(const signal_case *a, const signal_case *b)
{
    assert_int_equal(a->result.file_count, b->result.file_count);
    for (size_t i = 0; i < a->result.file_count; i++) {
        assert_true(alm_str_equal(a->result.file[i].name, b->result.file[i].name));
        if (!alm_str_equal(a->result.file[i].bytes, b->result.file[i].bytes)) {
            fail_msg(ALM_STR_FMT " differs", ALM_STR_ARG(a->result.file[i].name));
        }
    }
}

/* Every price and volume of bars in the test part is another. The cut does not move with them. */
static void bars_of_the_test_change_no_model(void **state)
{
    (void)state;
    signal_case *a = case_open(3, true), *b = case_open(3, true), *other = case_open(4, false);
    a->spec.member_count = b->spec.member_count = 3;
    must(a, case_fit(a));
    almi_signal s = {.env = &a->env, .spec = &a->spec, .data = &a->data, .arena = a->arena};
    must(a, almi_signal_open(&s, &a->error));
    size_t changed = 0;
    for (size_t i = 0; i < CASE_SYMBOLS; i++) {
        for (size_t k = 0; k < CASE_BARS; k++) {
            bool tested = b->bar[i][k].time >= s.cut;
            alm_instant time = b->bar[i][k].time;
            b->bar[i][k] = tested ? other->bar[i][k] : b->bar[i][k];
            b->bar[i][k].time = time;
            changed += tested;
        }
    }
    almi_signal_close(&s);
    must(b, case_fit(b));
    assert_true(changed > 400 && changed < 440); /* 0.3 of 1400 */
    assert_same_files(a, b);
    assert_false(alm_str_equal(a->result.report, b->result.report));
    case_close(a);
    case_close(b);
    case_close(other);
}

/* A bar before the cut does change them: the check above can fail. */
static void bars_of_the_training_change_models(void **state)
{
    (void)state;
    signal_case *a = case_open(3, true), *b = case_open(3, true);
    a->spec.member_count = b->spec.member_count = 1;
    must(a, case_fit(a));
    b->bar[0][300].volume *= 2;
    must(b, case_fit(b));
    assert_false(alm_str_equal(case_file(a, "h1.boost.model"), case_file(b, "h1.boost.model")));
    case_close(a);
    case_close(b);
}

/* No training sample's span, embargo included, reaches the test; nor a fold's its fold. */
static void spans_are_purged(void **state)
{
    (void)state;
    signal_case *c = case_open(5, true);
    almi_signal s = {.env = &c->env, .spec = &c->spec, .data = &c->data, .arena = c->arena};
    must(c, almi_signal_open(&s, &c->error));
    for (size_t h = 0; h < 2; h++) {
        const almi_signal_samples *train = &s.horizon[h].train, *test = &s.horizon[h].test;
        size_t ahead = (size_t)s.horizon[h].bars + 2;
        assert_true(test->span[0].start >= s.cut && s.horizon[h].purged == 2 * ahead);
        for (size_t i = 0; i < train->count; i++) {
            almi_signal_candidate at = s.candidate[train->candidate[i]];
            assert_true(train->span[i].end < s.cut);
            assert_true(train->span[i].start == c->bar[at.symbol][at.bar].time);
            assert_true(train->span[i].end == c->bar[at.symbol][at.bar + ahead].time);
            assert_true(i == 0 || train->span[i].start >= train->span[i - 1].start);
        }
        /* of every symbol the last bars have no label, so nor are they tested */
        almi_signal_candidate last = s.candidate[test->candidate[test->count - 1]];
        assert_true(last.bar == CASE_BARS - 1 - (size_t)s.horizon[h].bars);
    }
    almi_signal_close(&s);
    case_close(c);
}

/* In front of a bar without a range, or without the close at the horizon, only labels are known
 * whose barrier was touched before: samples of them alone would be chosen by their class. */
static void no_sample_is_chosen_by_its_label(void **state)
{
    (void)state;
    signal_case *c = case_open(5, true);
    c->spec.label = ALM_SIGNAL_TRIPLE_BARRIER;
    c->spec.member_count = 1;
    c->bar[0][300].high = NAN;
    c->bar[1][300].close = NAN;
    almi_signal s = {.env = &c->env, .spec = &c->spec, .data = &c->data, .arena = c->arena};
    must(c, almi_signal_open(&s, &c->error));
    for (size_t h = 0; h < 2; h++) {
        const almi_signal_samples *train = &s.horizon[h].train;
        size_t ahead = (size_t)s.horizon[h].bars, beside = 0;
        for (size_t i = 0; i < train->count; i++) {
            almi_signal_candidate at = s.candidate[train->candidate[i]];
            assert_false(at.symbol == 0 && at.bar + ahead >= 300 && at.bar < 300);
            assert_false(at.symbol == 1 && at.bar + ahead == 300);
            beside += at.symbol == 0 && (at.bar + ahead == 299 || at.bar == 300);
        }
        assert_int_equal(beside, 2);
    }
    almi_signal_close(&s);
    case_close(c);
}

/* The labels of a fold do not reach the predictions of it, for every kind of member. */
static void labels_of_a_fold_do_not_reach_it(void **state)
{
    (void)state;
    signal_case *c = case_open(3, true);
    almi_signal s = {.env = &c->env, .spec = &c->spec, .data = &c->data, .arena = c->arena};
    almi_signal_fold_result before, after;
    c->spec.member_count = 3;
    must(c, almi_signal_open(&s, &c->error));
    must(c, almi_signal_out_of_fold(&s, &s.horizon[1], c->arena, &before, &c->error));
    almi_signal_horizon changed = s.horizon[1];
    uint32_t *label = ALM_NEW_ARRAY(c->arena, uint32_t, changed.train.count);
    for (size_t i = 0; i < changed.train.count; i++) {
        uint32_t own = changed.train.label[i];
        label[i] = before.fold[i] == 1 ? (own + 1) % 3 : own;
    }
    changed.train.label = label;
    must(c, almi_signal_out_of_fold(&s, &changed, c->arena, &after, &c->error));
    bool others_differ = false;
    for (size_t i = 0; i < changed.train.count; i++) {
        assert_true(before.fold_left_out[i] == before.fold[i] && before.fold[i] < 3);
        bool same = memcmp(before.probability + i * 9, after.probability + i * 9,
                           9 * sizeof(double)) == 0;
        assert_true(same || before.fold[i] != 1);
        others_differ = others_differ || !same;
    }
    assert_true(others_differ);

    alm_stacker stacker;
    must(c, almi_signal_stack(&s, &s.horizon[1].train, &before, c->arena, &stacker, &c->error));
    before.fold_left_out[17] = before.fold[17] + 1;
    assert_int_equal(almi_signal_stack(&s, &s.horizon[1].train, &before, c->arena, &stacker,
                                       &c->error), ALM_ERR_DENIED);
    assert_non_null(strstr(c->error.message, "row 18 belongs to fold 0"));
    almi_signal_close(&s);
    case_close(c);
}

static void same_bytes_for_any_number_of_threads(void **state)
{
    (void)state;
    signal_case *a = case_open(6, true), *b = case_open(6, true);
    a->spec.member_count = b->spec.member_count = 3;
    alm_pool *pool = NULL;
    must(a, case_fit(a));
    must(b, alm_pool_create(3, &pool, &b->error));
    b->env.pool = pool;
    must(b, case_fit(b));
    assert_same_files(a, b);
    assert_true(alm_str_equal(a->result.report, b->result.report));
    alm_pool_destroy(pool);
    case_close(a);
    case_close(b);
}

/* ---- what comes out ---- */

/* Every way to combine and calibrate, two classes, scaled barriers, one member, missing volumes. */
static void every_combination_comes_out_as_a_scorer(void **state)
{
    (void)state;
    static const alm_scorer_combination expected[5] = {ALM_SCORER_NONE, ALM_SCORER_SOFT_VOTE,
                                                       ALM_SCORER_HARD_VOTE, ALM_SCORER_STACKER,
                                                       ALM_SCORER_SOFT_VOTE};
    for (int i = 0; i < 5; i++) {
        signal_case *c = case_open(8, true);
        c->spec.calibration = (alm_signal_calibration)i;
        c->spec.combination = i < 4 ? (alm_signal_combination)i : ALM_SIGNAL_SOFT_VOTE;
        c->spec.member_count = i == 0 ? 1 : 2;
        c->member[0].learner = i % 2 ? ALM_SIGNAL_XGBOOST : ALM_SIGNAL_LIGHTGBM;
        c->member[1].learner = i == 2 ? ALM_SIGNAL_GRU : ALM_SIGNAL_TCN;
        c->member[1].epochs = 3;
        c->member[1].patience = i == 1 ? 0 : 2;
        c->spec.horizon_count = 1;
        if (i == 3) {
            c->spec.profit = 0; /* no such class */
            c->spec.label = ALM_SIGNAL_TRIPLE_BARRIER;
            c->spec.loss = 0.5;
            c->spec.scale = ALM_STR("volatility(close, 10)");
        }
        c->bar[1][200].volume = NAN; /* in windows of the net, and of the trees as missing */
        must(c, case_fit(c));
        alm_scorer_table table = {c->result.file, c->result.file_count};
        alm_scorer_source source = alm_scorer_memory(&table);
        alm_scorer *scorer = NULL;
        must(c, alm_scorer_read(&source, "out", &scorer, &c->error));
        const alm_scorer_info *info = alm_scorer_describe(scorer);
        assert_int_equal(info->class_count, i == 3 ? 2 : 3);
        assert_int_equal(info->horizon[0].combination, expected[i]);
        assert_true(info->member[0].has_calibrator == (i > 0));
        assert_true(number_of(c, 0, "answer", "accuracy") > 0.6);
        const char *left_out = i == 0 ? "\"left_out_missing\":0," : "\"left_out_missing\":2,";
        assert_true(report_says(c, left_out));
        assert_true(report_says(c, "\"side\":null") == (i == 3));
        alm_scorer_destroy(scorer);
        case_close(c);
    }
}

/* Out-of-fold probabilities are those that the training libraries' own predictions are, but for an
 * ulp of exp (of a float, with XGBoost); the missing volume included. */
static void probabilities_are_the_libraries_own(void **state)
{
    (void)state;
    for (int two = 0; two < 2; two++) {
        signal_case *c = case_open(8, true);
        c->spec.members = &c->member[2];
        c->member[3] = c->member[0];
        c->spec.profit = two ? 0 : c->spec.profit;
        c->bar[1][200].volume = NAN;
        almi_signal s = {.env = &c->env, .spec = &c->spec, .data = &c->data, .arena = c->arena};
        must(c, almi_signal_open(&s, &c->error));
        const almi_signal_samples *train = &s.horizon[0].train;
        size_t n = train->count, classes = s.class_count, width = s.width;
        double *rows = ALM_NEW_ARRAY(c->arena, double, n * width);
        double *ours = ALM_NEW_ARRAY(c->arena, double, n * classes);
        double *own = ALM_NEW_ARRAY(c->arena, double, n * classes);
        for (size_t i = 0; i < n; i++) {
            almi_signal_row(&s, train->candidate[i], s.member[0].place, width, rows + i * width);
        }
        for (size_t m = 0; m < 2; m++) {
            almi_signal_model model;
            alm_lightgbm_booster *booster = NULL;
            must(c, almi_signal_fit_member(&s, &s.member[m], train, c->arena, &model, &c->error));
            must(c, almi_signal_probabilities(&s, &s.member[m], &model, train, ours, &c->error));
            if (m == 0) {
                must(c, alm_xgboost_predict(model.model, rows, n, width, own, &c->error));
            } else {
                must(c, alm_lightgbm_open(model.model, &booster, &c->error));
                must(c, alm_lightgbm_predict(booster, ALM_LIGHTGBM_TRANSFORMED, rows, n, own,
                                             &c->error));
            }
            for (size_t i = 0; i < n; i++) {
                double p = two ? ours[i * 2 + 1] : ours[i * 3 + 2], q = own[two ? i : i * 3 + 2];
                assert_true(fabs(p - q) <= q * (m == 0 ? 0x1p-22 : 0x1p-50));
                assert_true(fabs(ours[i * classes] + p - 1) < 1e-6 || !two);
            }
            alm_lightgbm_close(booster);
        }
        almi_signal_close(&s);
        case_close(c);
    }
}

/* Every allocation that may fail does once; nothing is left behind (under the sanitizer), and the
 * outputs are untouched. */
static alm_err fit_with_failure(size_t member, uint64_t nth)
{
    signal_case *c = case_open(8, true);
    c->symbol[0].count = c->symbol[1].count = 90;
    c->spec.horizon_count = 1;
    c->spec.folds = 2;
    c->spec.members = &c->member[member];
    c->spec.member_count = 1;
    c->member[member].trees = c->member[member].epochs = 1;
    (void)alm_heap_fail_at(nth);
    alm_err code = case_fit(c);
    (void)alm_heap_fail_at(0);
    /* Readers of a scorer's parts call it a part that cannot be read, with this reason. */
    bool said = code == ALM_ERR_MEMORY || strstr(c->error.message, "memory") != NULL;
    if (code != ALM_OK && (!said || c->result.file_count > 0)) {
        fail_msg("allocation %d: %s", (int)nth, c->error.message);
    }
    case_close(c);
    return code;
}

/* Those of compiling the plan, which stops the process without memory for its small text. */
static uint64_t allocations_of_the_plan(void)
{
    alm_bars_plan *plan = NULL;
    alm_error error = {0};
    (void)alm_heap_fail_at(UINT64_MAX);
    assert_int_equal(alm_bars_plan_compile(case_features, 4, NULL, &plan, &error), ALM_OK);
    alm_bars_plan_destroy(plan);
    return alm_heap_fail_at(0);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    uint64_t first = allocations_of_the_plan() + 1;
    for (size_t member = 0; member < 3; member++) {
        uint64_t nth = first;
        while (fit_with_failure(member, nth) != ALM_OK) {
            nth++;
        }
        assert_true(nth > first + 50); /* it got somewhere */
    }
}

/* ---- refusals ---- */

static void refuse(signal_case *c, alm_err code, const char *message)
{
    alm_err got = case_fit(c);
    if (got != code || strstr(c->error.message, message) == NULL) {
        fail_msg("%s: %s", alm_err_name(got), c->error.message);
    }
    assert_int_equal(c->result.file_count, 0);
    case_close(c);
}

static signal_case *open_small(void)
{
    signal_case *c = case_open(9, true);
    c->spec.member_count = 1;
    c->spec.horizon_count = 1;
    return c;
}

static void specs_are_refused(void **state)
{
    (void)state;
    signal_case *c = open_small();
    c->spec.horizon_count = 0;
    refuse(c, ALM_ERR_CONFIG, "signals.next: 1 to 64 horizons are needed");
    c = open_small();
    c->spec.horizon_count = 2;
    c->spec.horizon[1] = 1;
    refuse(c, ALM_ERR_CONFIG, "horizons must be in 1..10000 bars and rise");
    c = open_small();
    c->spec.member_count = 0;
    refuse(c, ALM_ERR_CONFIG, "at least one member is needed");
    c = case_open(9, true);
    c->spec.combination = ALM_SIGNAL_ONE;
    refuse(c, ALM_ERR_CONFIG, "several members need a combination");
    c = open_small();
    c->spec.profit = c->spec.loss = 0;
    refuse(c, ALM_ERR_CONFIG, "profit and loss must not be negative, and one of them above 0");
    c = open_small();
    c->spec.test_share = 1;
    refuse(c, ALM_ERR_CONFIG, "test_share must be above 0 and below 1");
    c = open_small();
    c->spec.folds = 1;
    refuse(c, ALM_ERR_CONFIG, "folds must be in 2..1000");
    c = open_small();
    c->spec.stacker_l2 = 0;
    refuse(c, ALM_ERR_CONFIG, "stacker_l2 must be above 0");
    c = open_small();
    c->spec.scale = ALM_STR("macd(close, 3, 5, 2)");
    refuse(c, ALM_ERR_CONFIG, "signals.next.scale: 'macd(close, 3, 5, 2)' has several outputs");
    c = open_small();
    c->spec.scale = ALM_STR("momentum(close, 1)");
    refuse(c, ALM_ERR_INVALID, "labels of AAA: the scale of bar");
    c = open_small();
    c->bars.feature_count = 0;
    refuse(c, ALM_ERR_CONFIG, "bars.features");
}

static void members_are_refused(void **state)
{
    (void)state;
    static const alm_str unknown[] = {{"rsi", 3}}, twice[] = {{"said", 4}, {"said", 4}};
    signal_case *c = open_small();
    c->member[0].name = ALM_STR("a/b");
    refuse(c, ALM_ERR_CONFIG, "signals.next.members.a/b: a name of 1 to 100 letters");
    c = case_open(9, true);
    c->member[1].name = c->member[0].name;
    refuse(c, ALM_ERR_CONFIG, "signals.next.members.boost: the name is there twice");
    c = open_small();
    c->member[0].features = unknown;
    c->member[0].feature_count = 1;
    refuse(c, ALM_ERR_CONFIG, "members.boost: feature 'rsi' is no column of bars.features");
    c = open_small();
    c->member[0].features = twice;
    c->member[0].feature_count = 2;
    refuse(c, ALM_ERR_CONFIG, "members.boost: feature 'said' is named twice");
    c = open_small();
    c->member[0].learning_rate = NAN;
    refuse(c, ALM_ERR_CONFIG, "members.boost: learning_rate must be above 0");
    c = open_small();
    c->member[0].trees = 0;
    refuse(c, ALM_ERR_CONFIG, "members.boost: trees must be in 1..100000");
    c = case_open(9, true);
    c->member[1].steps = 0;
    refuse(c, ALM_ERR_CONFIG, "members.net: steps must be in 1..10000");
    c = open_small();
    c->member[0].leaves = 1;
    refuse(c, ALM_ERR_INVALID, "signals.next, horizon 1, fold 1, member boost: training param");
    c = open_small();
    c->spec.members = &c->member[2];
    c->member[2].depth = 0;
    refuse(c, ALM_ERR_INVALID, "signals.next, horizon 1, fold 1, member extreme: training param");
}

static void data_is_refused(void **state)
{
    (void)state;
    signal_case *c = open_small();
    c->data.symbol_count = 0;
    refuse(c, ALM_ERR_INVALID, "there are no bars to learn from");
    c = open_small();
    c->symbol[1].name = ALM_STR("AAA");
    refuse(c, ALM_ERR_INVALID, "symbol AAA: symbols must be different, and sorted by name");
    c = open_small();
    c->bar[1][5].time = c->bar[1][4].time;
    refuse(c, ALM_ERR_INVALID, "symbol BBB: ");
    c = open_small();
    c->symbol[0].count = c->symbol[1].count = 5;
    refuse(c, ALM_ERR_INVALID, "no symbol has a bar that can be learned from: features and windows "
                               "need 5 bars before it");
    c = open_small();
    c->symbol[0].count = c->symbol[1].count = 9;
    refuse(c, ALM_ERR_INVALID, "are too few: more bars, a smaller embargo or another test_share");
    c = open_small();
    c->spec.profit = 5;
    refuse(c, ALM_ERR_INVALID, "horizon 1: class 1 occurs in none of the 964 samples of the train");
    c = open_small();
    c->spec.horizon[0] = CASE_BARS - 5;
    refuse(c, ALM_ERR_INVALID, "horizon 695: no bar that can be learned from has a label: there "
                               "are too few bars behind it");
    c = open_small();
    c->spec.embargo = 400;
    c->spec.folds = 2;
    refuse(c, ALM_ERR_INVALID, "horizon 1: ");
    c = open_small(); /* a span that ends behind all instants is no short one */
    for (size_t i = 0; i < 200; i++) {
        c->bar[0][i].time = c->bar[1][i].time = (alm_instant)i * CASE_HOUR * 300000;
    }
    c->symbol[0].count = c->symbol[1].count = 200;
    c->spec.embargo = 10000;
    refuse(c, ALM_ERR_INVALID, "horizon 1: 0 training samples and ");
    c = open_small();
    c->env.memory_limit_bytes = 1000;
    refuse(c, ALM_ERR_LIMIT, "1400 bars of 4 features need about 0 MiB, the limit is 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_signal_is_found),
        cmocka_unit_test(noise_is_no_edge),
        cmocka_unit_test(volatility_is_no_direction),
        cmocka_unit_test(bars_of_the_test_change_no_model),
        cmocka_unit_test(bars_of_the_training_change_models),
        cmocka_unit_test(spans_are_purged),
        cmocka_unit_test(no_sample_is_chosen_by_its_label),
        cmocka_unit_test(labels_of_a_fold_do_not_reach_it),
        cmocka_unit_test(same_bytes_for_any_number_of_threads),
        cmocka_unit_test(every_combination_comes_out_as_a_scorer),
        cmocka_unit_test(probabilities_are_the_libraries_own),
        cmocka_unit_test(every_failed_allocation_is_an_error),
        cmocka_unit_test(specs_are_refused),
        cmocka_unit_test(members_are_refused),
        cmocka_unit_test(data_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
