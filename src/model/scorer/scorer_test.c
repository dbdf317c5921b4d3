/* scorer_test.c: whole scorers beside their parts applied by hand, bit for bit: boosting with
 * voting, boosting and a net with stacking, several horizons without an ensemble. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "model/ensemble/calibrator.h"
#include "model/ensemble/combine.h"
#include "model/ensemble/robust_scaler.h"
#include "model/import/torch_network.h"
#include "model/scorer/scorer_cases.h"

#define ROWS 600
#define LGB_COLUMNS 30
#define XGB_COLUMNS 5
#define COLUMNS (LGB_COLUMNS + XGB_COLUMNS + 1) /* one that nobody takes, in front */
#define MEMBERS_MAX 4
#define CLASSES_MAX 4

static const char PLATT[] = "{\"class_count\":2,\"classes\":[{\"a\":-4.5,\"b\":2.25}],"
                            "\"kind\":\"platt\"}";
static const char ISOTONIC[] =
    "{\"class_count\":2,\"classes\":[{\"x\":[0.1,0.4,0.9],\"y\":[0.05,0.5,0.875]}],"
    "\"kind\":\"isotonic\"}";
static const char TEMPERATURE_3[] =
    "{\"class_count\":3,\"classes\":[{\"scale\":0.625}],\"kind\":\"temperature\"}";

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(scorer_case), &memory, NULL) == ALM_OK);
    scorer_case_init(memory);
    *state = memory;
    return 0;
}

static int teardown(void **state)
{
    alm_arena_destroy(((scorer_case *)*state)->arena);
    alm_heap_free(*state);
    return 0;
}

static void ok(const scorer_case *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static void same_bits(const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) != 0) {
            fail_msg("value %zu: %.17g and not %.17g", i, a[i], b[i]);
        }
    }
}

static alm_str fixture(scorer_case *w, const char *name)
{
    return case_fixture(w->arena, name);
}

/* What the model file says alone: count x outputs; its columns begin at `rows`. */
static double *alone(scorer_case *w, alm_str bytes, const double *rows, size_t count,
                     size_t stride)
{
    alm_model_file *file = NULL;
    ok(w, alm_model_file_parse(bytes, "alone", &file, &w->error));
    const alm_model_file_info *info = alm_model_file_describe(file);
    double *out = ALM_NEW_ARRAY(w->arena, double, count * info->forest.output_count);
    alm_forest_score(alm_model_file_forest(file), rows, count, stride, out);
    alm_transform_apply(&info->transform, out, count, out);
    alm_model_file_close(file);
    return out;
}

/* ---- one call in every way: blocks of all sizes, threads, one row at a time ---- */

typedef struct answers {
    double *value, *probability, *confidence, *member;
} answers;

static answers make_answers(scorer_case *w, const alm_scorer_info *info, size_t count)
{
    size_t width = info->class_count ? info->class_count : 1;
    return (answers){ALM_NEW_ARRAY(w->arena, double, count * info->horizon_count),
                     ALM_NEW_ARRAY(w->arena, double, count * info->horizon_count * width),
                     ALM_NEW_ARRAY(w->arena, double, count * info->horizon_count),
                     ALM_NEW_ARRAY(w->arena, double, count * info->member_count * width)};
}

static alm_scorer_output output_at(const answers *a, const alm_scorer_info *info, size_t row)
{
    size_t width = info->class_count ? info->class_count : 1, h = info->horizon_count;
    return (alm_scorer_output){a->value + row * h, a->probability + row * h * width,
                               a->confidence + row * h,
                               a->member + row * info->member_count * width};
}

static void in_pieces(scorer_case *w, const alm_scorer *scorer,
                      const alm_scorer_binding *binding, const alm_scorer_batch *batch,
                      size_t window, size_t piece)
{
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    answers a = make_answers(w, info, batch->count);
    answers whole = make_answers(w, info, batch->count);
    alm_scorer_scratch *scratch = NULL;
    alm_pool *pool = NULL;
    ok(w, alm_pool_create(3, &pool, &w->error));
    ok(w, alm_scorer_scratch_create(binding, pool, &scratch, &w->error));
    alm_scorer_output out = output_at(&whole, info, 0);
    ok(w, alm_scorer_predict(scratch, batch, &out, &w->error));
    alm_scorer_scratch_destroy(scratch);
    alm_pool_destroy(pool);
    ok(w, alm_scorer_scratch_create(binding, NULL, &scratch, &w->error));
    for (size_t i = 0; i < batch->count; i += piece) {
        alm_scorer_batch part = *batch;
        part.count = batch->count - i < piece ? batch->count - i : piece;
        part.rows = batch->rows ? batch->rows + i * batch->stride : NULL;
        part.windows = batch->windows ? batch->windows + i * window : NULL;
        out = output_at(&a, info, i);
        ok(w, alm_scorer_predict(scratch, &part, &out, &w->error));
    }
    alm_scorer_scratch_destroy(scratch);
    size_t h = batch->count * info->horizon_count;
    size_t width = info->class_count ? info->class_count : 1;
    same_bits(a.value, whole.value, h);
    same_bits(a.confidence, whole.confidence, h);
    same_bits(a.member, whole.member, batch->count * info->member_count * width);
    if (info->class_count) {
        same_bits(a.probability, whole.probability, h * width);
    }
}

static answers predict(scorer_case *w, const alm_scorer *scorer, const alm_scorer_columns *columns,
                       const alm_scorer_batch *batch)
{
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    alm_scorer_binding *binding = NULL;
    alm_scorer_scratch *scratch = NULL;
    answers a = make_answers(w, info, batch->count);
    alm_scorer_output out = output_at(&a, info, 0);
    ok(w, alm_scorer_bind(scorer, columns, &binding, &w->error));
    ok(w, alm_scorer_scratch_create(binding, NULL, &scratch, &w->error));
    (void)alm_heap_fail_at(0);
    size_t held = alm_heap_held_bytes();
    ok(w, alm_scorer_predict(scratch, batch, &out, &w->error));
    assert_int_equal(alm_heap_fail_at(0), 0); /* no allocation */
    assert_int_equal(alm_heap_held_bytes(), held);
    alm_scorer_scratch_destroy(scratch);
    static const size_t pieces[] = {1, 3, 64, 257};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        in_pieces(w, scorer, binding, batch, columns->steps * columns->window_count, pieces[i]);
    }
    alm_scorer_binding_destroy(binding);
    return a;
}

/* ---- the final answer from probabilities, by hand ---- */

static void check_answer(const answers *a, const int64_t *label, const double *expected, size_t at,
                         size_t classes)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++) {
        best = expected[k] > expected[best] ? k : best;
    }
    double value = (double)label[best];
    same_bits(a->probability + at * classes, expected, classes);
    same_bits(&a->value[at], &value, 1);
    same_bits(&a->confidence[at], &expected[best], 1);
}

static void calibrate(scorer_case *w, const char *json, double *p)
{
    alm_calibrator *c = NULL;
    ok(w, alm_calibrator_read(alm_str_of(json), "c", &c, &w->error));
    alm_calibrator_apply(c, p, p);
    alm_calibrator_destroy(c);
}

/* ---- boosting only, with voting ---- */

#define BOOSTING                                                                        \
    "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,1],\"horizons\":["         \
    "{\"name\":\"h\",\"members\":[{\"name\":\"lgb\",\"model\":\"lgb.txt\","             \
    "\"columns\":%s,\"calibrator\":\"isotonic.json\"},{\"name\":\"xgb\","                 \
    "\"model\":\"m/xgb.json\",\"columns\":%s,\"classes\":[1,-1]}],"                       \
    "\"combination\":{\"kind\":\"%s\"%s}%s}]}"

typedef struct boosting {
    scorer_case *w;
    const double *rows;
    double *lgb, *xgb; /* what the libraries' predict() returns */
} boosting;

static boosting make_boosting(scorer_case *w)
{
    boosting b = {.w = w, .rows = case_rows(w->arena, ROWS, COLUMNS, 4)};
    scorer_case_put(w, "lgb.txt", fixture(w, "lg_breast_cancer.txt"));
    scorer_case_put(w, "m/xgb.json", fixture(w, "xgb_logistic.json"));
    scorer_case_put_text(w, "isotonic.json", ISOTONIC);
    scorer_case_put_text(w, "platt.json", PLATT);
    b.lgb = alone(w, fixture(w, "lg_breast_cancer.txt"), b.rows + 1, ROWS, COLUMNS);
    b.xgb = alone(w, fixture(w, "xgb_logistic.json"), b.rows + 1 + LGB_COLUMNS, ROWS, COLUMNS);
    return b;
}

/* Calibrated outputs of both members of a row, by label. */
static void boosting_votes(const boosting *b, size_t i, double votes[4])
{
    votes[0] = 1 - b->lgb[i];
    votes[1] = b->lgb[i];
    calibrate(b->w, ISOTONIC, votes);
    votes[3] = (double)(1.0f - (float)b->xgb[i]); /* its classes are 1, -1 */
    votes[2] = b->xgb[i];
}

static alm_scorer *read_boosting(scorer_case *w, const char *kind, const char *weights,
                                 const char *calibrator)
{
    alm_scorer *scorer = NULL;
    const char *document =
        alm_arena_printf(w->arena, BOOSTING, scorer_case_list(w->arena, "c", 1, LGB_COLUMNS),
                         scorer_case_list(w->arena, "c", 1 + LGB_COLUMNS, XGB_COLUMNS), kind,
                         weights, calibrator);
    ok(w, scorer_case_read(w, document, &scorer));
    return scorer;
}

static answers predict_rows(scorer_case *w, const alm_scorer *scorer, const double *rows)
{
    alm_scorer_columns columns = {.row = scorer_case_names(w->arena, "c", COLUMNS),
                                  .row_count = COLUMNS};
    alm_scorer_batch batch = {.count = ROWS, .rows = rows, .stride = COLUMNS};
    return predict(w, scorer, &columns, &batch);
}

static void boosting_votes_softly(void **state)
{
    boosting b = make_boosting(*state);
    static const int64_t label[] = {-1, 1};
    static const double weight[] = {0.3, 1.7};
    alm_scorer *s = read_boosting(b.w, "soft_vote", ",\"weights\":[0.3,1.7]",
                                  ",\"calibrator\":\"platt.json\"");
    answers a = predict_rows(b.w, s, b.rows);
    size_t classes_seen[2] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        double votes[4], final[2];
        alm_votes shape = {2, 2, weight};
        boosting_votes(&b, i, votes);
        same_bits(a.member + i * 4, votes, 4);
        alm_vote_soft(&shape, votes, final);
        calibrate(b.w, PLATT, final);
        check_answer(&a, label, final, i, 2);
        classes_seen[final[1] > final[0]]++;
    }
    assert_true(classes_seen[0] > 0 && classes_seen[1] > 0);
    alm_scorer_destroy(s);
}

static void boosting_votes_hard(void **state)
{
    boosting b = make_boosting(*state);
    static const int64_t label[] = {-1, 1};
    static const double weight[] = {1, 2};
    alm_scorer *equal = read_boosting(b.w, "hard_vote", "", "");
    alm_scorer *weighted = read_boosting(b.w, "hard_vote", ",\"weights\":[1,2]", "");
    answers e = predict_rows(b.w, equal, b.rows);
    answers a = predict_rows(b.w, weighted, b.rows);
    for (size_t i = 0; i < ROWS; i++) {
        double votes[4], final[2];
        alm_votes shape = {2, 2, weight};
        boosting_votes(&b, i, votes);
        alm_vote_hard(&shape, votes, final);
        check_answer(&a, label, final, i, 2);
        shape.weight = NULL;
        alm_vote_hard(&shape, votes, final);
        check_answer(&e, label, final, i, 2);
    }
    alm_digest one = alm_scorer_describe(equal)->digest;
    alm_digest two = alm_scorer_describe(weighted)->digest;
    assert_false(alm_digest_equal(&one, &two));
    alm_scorer_destroy(equal);
    alm_scorer_destroy(weighted);
}

/* ---- boosting and a net, stacked ---- */

#define STEPS 9
#define NET_STEPS 7 /* the net takes the last ones */
#define NET_FEATURES 3
#define WINDOW_COLUMNS 4

static const char STACKED[] =
    "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,0,1],\"horizons\":[{\"name\":\"h\","
    "\"members\":[{\"name\":\"lgb\",\"model\":\"lgb.txt\",\"columns\":[\"a\",\"b\",\"c\",\"d\"],"
    "\"classes\":[0,1,-1],\"calibrator\":\"t.json\"},"
    "{\"name\":\"net\",\"model\":\"net.bin\",\"steps\":7,\"columns\":[\"z\",\"x\",\"y\"],"
    "\"scaler\":\"scaler.json\"}],"
    "\"combination\":{\"kind\":\"stacker\",\"file\":\"stack.json\"},\"calibrator\":\"t.json\"}]}";

static const char STACK[] =
    "{\"classes\":3,\"coefficient\":[1.5,-0.25,0.5,2,-1,0.125,0.1,-1,2,-0.5,0.75,1,-0.3,-0.2,"
    "-0.5,-1.75,0.25,-1,0.5,1.125,0.2],\"models\":2}";

static const char SCALER[] = "{\"center\":[0.5,-1,0.25],\"scale\":[2,0.75,3]}";

static void put_stacked(scorer_case *w)
{
    forest_shape shape = {.trees = 9, .outputs = 3, .features = 4, .leaves = 7, .grid = 4};
    alm_network_spec spec = {.feature_count = NET_FEATURES, .layer_count = 2, .output_count = 3,
                             .head = ALM_HEAD_CLASSES,
                             .layer = {{.kind = ALM_LAYER_LSTM, .units = 6},
                                       {.kind = ALM_LAYER_GRU, .units = 5}}};
    scorer_case_put(w, "lgb.txt",
                    scorer_case_lightgbm(w->arena, &shape, 3, "multiclass num_class:3"));
    scorer_case_put(w, "net.bin", scorer_case_net(w->arena, &spec, 11));
    scorer_case_put_text(w, "t.json", TEMPERATURE_3);
    scorer_case_put_text(w, "stack.json", STACK);
    scorer_case_put_text(w, "scaler.json", SCALER);
}

/* The net alone: windows cut to its steps and columns, scaled by the scaler itself. */
static double *net_alone(scorer_case *w, const double *windows)
{
    static const size_t place[NET_FEATURES] = {3, 0, 1}; /* z, x, y of x, y, w, z */
    double *cut = ALM_NEW_ARRAY(w->arena, double, ROWS * NET_STEPS * NET_FEATURES);
    double *out = ALM_NEW_ARRAY(w->arena, double, ROWS * 3);
    alm_robust_scaler scaler;
    alm_network *net = NULL;
    for (size_t i = 0; i < ROWS * NET_STEPS * NET_FEATURES; i++) {
        size_t row = i / NET_FEATURES / NET_STEPS, step = i / NET_FEATURES % NET_STEPS;
        cut[i] = windows[(row * STEPS + STEPS - NET_STEPS + step) * WINDOW_COLUMNS +
                         place[i % NET_FEATURES]];
    }
    ok(w, alm_robust_scaler_read(alm_str_of(SCALER), "s", w->arena, &scaler, &w->error));
    alm_robust_scaler_apply(&scaler, cut, ROWS * NET_STEPS);
    for (size_t i = 0; i < w->table.count; i++) {
        if (alm_str_is(w->file[i].name, "net.bin")) {
            ok(w, alm_network_read(w->file[i].bytes, "n", &net, &w->error));
        }
    }
    alm_network_windows batch = {cut, ROWS, NET_STEPS};
    ok(w, alm_network_predict(net, &batch, w->arena, out, &w->error));
    alm_network_destroy(net);
    return out;
}

static double *make_windows(scorer_case *w)
{
    alm_rng rng = alm_rng_stream(8, 8);
    double *windows = ALM_NEW_ARRAY(w->arena, double, ROWS * STEPS * WINDOW_COLUMNS);
    for (size_t i = 0; i < ROWS * STEPS * WINDOW_COLUMNS; i++) {
        /* Column w is of no member, so nothing is asked of it. */
        windows[i] = i % WINDOW_COLUMNS == 2 ? NAN : alm_rng_next_normal(&rng);
    }
    return windows;
}

static void boosting_and_net_are_stacked(void **state)
{
    scorer_case *w = *state;
    static const int64_t label[] = {-1, 0, 1};
    static const alm_str row[] = {{"d", 1}, {"b", 1}, {"a", 1}, {"c", 1}};
    static const alm_str window[] = {{"x", 1}, {"y", 1}, {"w", 1}, {"z", 1}};
    alm_scorer *s = NULL;
    alm_stacker stacker;
    put_stacked(w);
    ok(w, scorer_case_read(w, STACKED, &s));
    ok(w, alm_stacker_read(alm_str_of(STACK), "s", w->arena, &stacker, &w->error));
    const double *rows = case_rows(w->arena, ROWS, 4, 4);
    double *ordered = ALM_NEW_ARRAY(w->arena, double, ROWS * 4);
    static const size_t place[] = {2, 1, 3, 0};
    for (size_t i = 0; i < ROWS * 4; i++) {
        ordered[i] = rows[i / 4 * 4 + place[i % 4]];
    }
    const double *windows = make_windows(w);
    alm_scorer_columns columns = {row, 4, window, WINDOW_COLUMNS, STEPS};
    alm_scorer_batch batch = {.count = ROWS, .rows = rows, .stride = 4, .windows = windows};
    answers a = predict(w, s, &columns, &batch);
    const double *lgb = alone(w, w->file[0].bytes, ordered, ROWS, 4);
    const double *net = net_alone(w, windows);
    for (size_t i = 0; i < ROWS; i++) {
        double own[3] = {lgb[i * 3], lgb[i * 3 + 1], lgb[i * 3 + 2]}, final[3];
        calibrate(w, TEMPERATURE_3, own);
        double votes[6] = {own[2], own[0], own[1], net[i * 3], net[i * 3 + 1], net[i * 3 + 2]};
        same_bits(a.member + i * 6, votes, 6);
        alm_stacker_predict(&stacker, votes, final);
        calibrate(w, TEMPERATURE_3, final);
        check_answer(&a, label, final, i, 3);
    }
    alm_scorer_destroy(s);
}

/* What the net cannot take: its output and the answer are missing, and nothing else is. Windows
 * that slide over rows say what the same windows say when they are copied. */
static void missing_windows_lose_only_their_answer(void **state)
{
    scorer_case *w = *state;
    static const size_t hole = 40, step = WINDOW_COLUMNS;
    alm_scorer *s = NULL;
    put_stacked(w);
    ok(w, scorer_case_read(w, STACKED, &s));
    const alm_scorer_info *info = alm_scorer_describe(s);
    static const alm_str window[] = {{"x", 1}, {"y", 1}, {"w", 1}, {"z", 1}};
    const double *rows = case_rows(w->arena, ROWS, 4, 4);
    double *series = make_windows(w), *copies = ALM_NEW_ARRAY(w->arena, double,
                                                              ROWS * STEPS * step);
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(copies + i * STEPS * step, series + i * step, STEPS * step * sizeof *series);
    }
    alm_scorer_columns columns = {info->row_column, 4, window, WINDOW_COLUMNS, STEPS};
    alm_scorer_batch batch = {.count = ROWS, .rows = rows, .stride = 4, .windows = copies};
    answers whole = predict(w, s, &columns, &batch), a = make_answers(w, info, ROWS);
    series[hole * step] = NAN;
    alm_scorer_binding *b = NULL;
    alm_scorer_scratch *scratch = NULL;
    ok(w, alm_scorer_bind(s, &columns, &b, &w->error));
    ok(w, alm_scorer_scratch_create(b, NULL, &scratch, &w->error));
    batch.windows = series;
    batch.window_stride = step;
    batch.missing = true;
    alm_scorer_output out = output_at(&a, info, 0);
    ok(w, alm_scorer_predict(scratch, &batch, &out, &w->error));
    for (size_t i = 0; i < ROWS; i++) {
        /* The net takes the last NET_STEPS of STEPS. */
        bool lost = i + STEPS > hole && i + STEPS - NET_STEPS <= hole;
        same_bits(a.member + i * 6, whole.member + i * 6, lost ? 3 : 6);
        for (size_t k = 0; lost && k < 3; k++) {
            assert_true(isnan(a.member[i * 6 + 3 + k]) && isnan(a.probability[i * 3 + k]));
        }
        assert_true(isnan(a.value[i]) == lost && isnan(a.confidence[i]) == lost);
        same_bits(a.probability + i * 3, whole.probability + i * 3, lost ? 0 : 3);
        same_bits(a.value + i, whole.value + i, lost ? 0 : 1);
    }
    alm_scorer_scratch_destroy(scratch);
    alm_scorer_binding_destroy(b);
    alm_scorer_destroy(s);
}

/* Two leaves of 1e308 have no sum. */
static void overflow_is_missing(void **state)
{
    static const char TREE[] = "num_leaves=1\nnum_cat=0\nleaf_value=1e308\n\n";
    static const char DOCUMENT[] =
        "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[{\"name\":\"h\",\"members\":["
        "{\"name\":\"m\",\"model\":\"large.txt\",\"columns\":[\"a\"]}]}]}";
    scorer_case *w = *state;
    alm_scorer *s = NULL;
    alm_scorer_binding *b = NULL;
    alm_scorer_scratch *scratch = NULL;
    double row = 0, value = 4711, member = 4711;
    scorer_case_put_text(w, "large.txt", alm_arena_printf(
        w->arena, "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n"
        "feature_names=a\nobjective=regression\n\nTree=0\n%sTree=1\n%send of trees\n", TREE, TREE));
    ok(w, scorer_case_read(w, DOCUMENT, &s));
    const alm_scorer_info *info = alm_scorer_describe(s);
    alm_scorer_columns columns = {.row = info->row_column, .row_count = 1};
    alm_scorer_batch batch = {.count = 1, .rows = &row, .stride = 1, .missing = true};
    alm_scorer_output out = {.value = &value, .member = &member};
    ok(w, alm_scorer_bind(s, &columns, &b, &w->error));
    ok(w, alm_scorer_scratch_create(b, NULL, &scratch, &w->error));
    ok(w, alm_scorer_predict(scratch, &batch, &out, &w->error));
    assert_true(isnan(value) && isnan(member));
    alm_scorer_scratch_destroy(scratch);
    alm_scorer_binding_destroy(b);
    alm_scorer_destroy(s);
}

/* ---- several horizons without an ensemble ---- */

/* Three horizons of one net of three outputs (computed once), and one of a forest; values. */
static const char HORIZONS[] =
    "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":["
    "{\"name\":\"1\",\"members\":[{\"name\":\"n\",\"model\":\"net.bin\",\"steps\":9,\"output\":0,"
    "\"columns\":[\"x\",\"y\",\"w\",\"z\"]}]},"
    "{\"name\":\"5\",\"members\":[{\"name\":\"n\",\"model\":\"net.bin\",\"steps\":9,\"output\":2,"
    "\"columns\":[\"x\",\"y\",\"w\",\"z\"]}]},"
    "{\"name\":\"10\",\"members\":[{\"name\":\"f\",\"model\":\"poisson.json\",\"columns\":"
    "[\"p\",\"q\",\"r\",\"s\",\"t\"]}]},"
    "{\"name\":\"20\",\"members\":[{\"name\":\"f\",\"model\":\"poisson.json\",\"columns\":"
    "[\"p\",\"q\",\"r\",\"s\",\"t\"]},{\"name\":\"g\",\"model\":\"poisson.json\",\"columns\":"
    "[\"t\",\"q\",\"r\",\"s\",\"p\"]}],\"combination\":{\"kind\":\"mean\",\"weights\":[1,3]}}]}";

static void horizons_stand_alone(void **state)
{
    scorer_case *w = *state;
    static const alm_str row[] = {{"p", 1}, {"q", 1}, {"r", 1}, {"s", 1}, {"t", 1}};
    static const alm_str window[] = {{"x", 1}, {"y", 1}, {"w", 1}, {"z", 1}};
    alm_network_spec spec = {.feature_count = 4, .layer_count = 1, .output_count = 3,
                             .head = ALM_HEAD_QUANTILES,
                             .layer = {{.kind = ALM_LAYER_TCN, .units = 5, .kernel = 2,
                                        .dilation = 3}}};
    alm_scorer *s = NULL;
    alm_network *net = NULL;
    scorer_case_put(w, "net.bin", scorer_case_net(w->arena, &spec, 5));
    scorer_case_put(w, "poisson.json", fixture(w, "xgb_poisson.json"));
    ok(w, scorer_case_read(w, HORIZONS, &s));
    const double *rows = case_rows(w->arena, ROWS, 5, 4);
    double *windows = make_windows(w), *net_out = ALM_NEW_ARRAY(w->arena, double, ROWS * 3);
    double *swapped = ALM_NEW_ARRAY(w->arena, double, ROWS * 5);
    for (size_t i = 0; i < ROWS * STEPS * WINDOW_COLUMNS; i++) {
        windows[i] = isnan(windows[i]) ? 0.5 : windows[i];
    }
    for (size_t i = 0; i < ROWS * 5; i++) {
        swapped[i] = rows[i % 5 == 0 ? i + 4 : i % 5 == 4 ? i - 4 : i];
    }
    alm_scorer_columns columns = {row, 5, window, WINDOW_COLUMNS, STEPS};
    alm_scorer_batch batch = {.count = ROWS, .rows = rows, .stride = 5, .windows = windows};
    answers a = predict(w, s, &columns, &batch);
    ok(w, alm_network_read(w->file[0].bytes, "n", &net, &w->error));
    alm_network_windows input = {windows, ROWS, STEPS};
    ok(w, alm_network_predict(net, &input, w->arena, net_out, &w->error));
    alm_network_destroy(net);
    const double *f = alone(w, w->file[1].bytes, rows, ROWS, 5);
    const double *g = alone(w, w->file[1].bytes, swapped, ROWS, 5);
    for (size_t i = 0; i < ROWS; i++) {
        double expected[4] = {net_out[i * 3], net_out[i * 3 + 2], f[i], (f[i] + 3 * g[i]) / 4};
        double member[5] = {net_out[i * 3], net_out[i * 3 + 2], f[i], f[i], g[i]};
        same_bits(a.value + i * 4, expected, 4);
        same_bits(a.member + i * 5, member, 5);
        assert_true(isnan(a.confidence[i * 4]));
    }
    alm_scorer_destroy(s);
}

/* ---- a model file alone ---- */

static void model_file_is_a_scorer(void **state)
{
    scorer_case *w = *state;
    const double *rows = case_rows(w->arena, ROWS, COLUMNS, 4);
    alm_scorer *s = NULL;
    /* softmax says its class only; its probabilities are those of softprob */
    ok(w, alm_scorer_of_model_file(NULL, fixture(w, "xgb_softmax.ubj"), "m.ubj", false, &s,
                                   &w->error));
    const alm_scorer_info *info = alm_scorer_describe(s);
    assert_int_equal(info->task, ALM_SCORER_CLASSES);
    assert_int_equal(info->class_count, 4);
    assert_true(alm_str_is(info->member[0].format, "XGBoost"));
    alm_scorer_columns columns = {.row = info->row_column, .row_count = info->row_column_count};
    alm_scorer_batch batch = {.count = ROWS, .rows = rows, .stride = COLUMNS};
    answers a = predict(w, s, &columns, &batch);
    same_bits(a.value, alone(w, fixture(w, "xgb_softmax.ubj"), rows, ROWS, COLUMNS), ROWS);
    alm_scorer_destroy(s);
    ok(w, alm_scorer_of_model_file(NULL, fixture(w, "cb_multiclass.cbm"), "m.cbm", false, &s,
                                   &w->error));
    info = alm_scorer_describe(s);
    assert_int_equal(info->task, ALM_SCORER_CLASSES);
    columns = (alm_scorer_columns){.row = info->row_column, .row_count = info->row_column_count};
    a = predict(w, s, &columns, &batch);
    same_bits(a.probability, alone(w, fixture(w, "cb_multiclass.cbm"), rows, ROWS, COLUMNS),
              ROWS * info->class_count);
    alm_scorer_destroy(s);
    ok(w, alm_scorer_of_model_file(NULL, fixture(w, "lg_breast_cancer.txt"), "m.txt", false, &s,
                                   &w->error));
    info = alm_scorer_describe(s);
    assert_int_equal(info->task, ALM_SCORER_VALUE);
    columns = (alm_scorer_columns){.row = info->row_column, .row_count = LGB_COLUMNS};
    a = predict(w, s, &columns, &batch);
    same_bits(a.value, alone(w, fixture(w, "lg_breast_cancer.txt"), rows, ROWS, COLUMNS), ROWS);
    alm_scorer_destroy(s);
    ok(w, alm_scorer_of_model_file(NULL, fixture(w, "xgb_targets.ubj"), "m.ubj", false, &s,
                                   &w->error));
    info = alm_scorer_describe(s);
    assert_true(info->horizon_count > 1);
    columns = (alm_scorer_columns){.row = info->row_column, .row_count = info->row_column_count};
    a = predict(w, s, &columns, &batch);
    same_bits(a.value, alone(w, fixture(w, "xgb_targets.ubj"), rows, ROWS, COLUMNS),
              ROWS * info->horizon_count);
    alm_scorer_destroy(s);
}

/* ---- parts of other libraries ---- */

static alm_str golden(scorer_case *w, const char *path)
{
    alm_fs *fs = NULL;
    alm_str bytes;
    ok(w, alm_fs_real_create(&fs, &w->error));
    ok(w, alm_fs_read_all(fs, path, 1 << 20, w->arena, &bytes, &w->error));
    alm_fs_destroy(fs);
    return bytes;
}

/* Weights of PyTorch, calibrators and scalers of scikit-learn: as their importers read them. */
static void parts_of_other_libraries_serve(void **state)
{
    scorer_case *w = *state;
    static const char document[] =
        "{\"almanac_scorer\":1,\"task\":\"value\",\"horizons\":[{\"name\":\"h\",\"members\":["
        "{\"name\":\"n\",\"model\":\"lstm.safetensors\",\"description\":\"lstm.json\","
        "\"steps\":%zu,\"columns\":%s}]},{\"name\":\"i\",\"members\":[{\"name\":\"n\","
        "\"model\":\"lstm.safetensors\",\"description\":\"lstm.json\",\"steps\":%zu,"
        "\"columns\":%s,\"scaler\":\"scaler.json\"}]}]}";
    alm_scorer *s = NULL;
    alm_network *net = NULL;
    scorer_case_put(w, "lstm.safetensors", golden(w, "tests/golden/torch/lstm.safetensors"));
    scorer_case_put(w, "lstm.json", golden(w, "tests/golden/torch/lstm.json"));
    ok(w, alm_network_import_torch(w->file[0].bytes, w->file[1].bytes, "n", &net, &w->error));
    size_t features = alm_network_describe(net)->feature_count;
    size_t outputs = alm_network_describe(net)->output_count;
    const char *list = scorer_case_list(w->arena, "x", 0, features);
    const char *ones = "1,1,1,1,1,1,1,1"; /* a scaler that divides by 1 leaves every value */
    const char *zeros = "0,0,0,0,0,0,0,0";
    assert_true(features <= 8);
    scorer_case_put_text(w, "scaler.json", alm_arena_printf(
        w->arena, "{\"library\":\"scikit-learn\",\"version\":\"1.9.1\",\"class\":"
        "\"RobustScaler\",\"center_\":[%.*s],\"scale_\":[%.*s]}", (int)(2 * features - 1), zeros,
        (int)(2 * features - 1), ones));
    ok(w, scorer_case_read(w, alm_arena_printf(w->arena, document, (size_t)STEPS, list,
                                               (size_t)STEPS, list), &s));
    alm_rng rng = alm_rng_stream(9, 9);
    double *windows = ALM_NEW_ARRAY(w->arena, double, ROWS * STEPS * features);
    double *alone_out = ALM_NEW_ARRAY(w->arena, double, ROWS * outputs);
    for (size_t i = 0; i < ROWS * STEPS * features; i++) {
        windows[i] = alm_rng_next_normal(&rng);
    }
    alm_network_windows input = {windows, ROWS, STEPS};
    ok(w, alm_network_predict(net, &input, w->arena, alone_out, &w->error));
    alm_network_destroy(net);
    const alm_scorer_info *info = alm_scorer_describe(s);
    alm_scorer_columns columns = {.window = info->window_column, .window_count = features,
                                  .steps = STEPS};
    alm_scorer_batch batch = {.count = ROWS, .windows = windows};
    answers a = predict(w, s, &columns, &batch);
    for (size_t i = 0; i < ROWS; i++) {
        same_bits(&a.value[2 * i], &alone_out[i * outputs], 1);
        same_bits(&a.value[2 * i + 1], &alone_out[i * outputs], 1);
    }
    alm_scorer_destroy(s);
}

/* From its file, while it is read, by any number of threads, with its hash known or not. */
static void a_model_file_is_opened_as_its_bytes_are(void **state)
{
    static const char *const NAMES[] = {"lg_breast_cancer.txt", "xgb_softmax.ubj",
                                        "cb_multiclass.cbm"};
    scorer_case *w = *state;
    alm_fs *fs = NULL;
    ok(w, alm_fs_memory_create(&fs, &w->error));
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        alm_str bytes = fixture(w, NAMES[i]);
        alm_digest digest = alm_hash_bytes(bytes.data, bytes.size);
        alm_scorer *plain = NULL, *s = NULL;
        size_t parts = 0;
        ok(w, alm_fs_write_all(fs, NAMES[i], bytes, &w->error));
        ok(w, alm_scorer_of_model_file(NULL, bytes, "m", false, &plain, &w->error));
        const alm_scorer_info *info = alm_scorer_describe(plain);
        for (int threads = 1; threads <= 4; threads++) {
            alm_env env = {.fs = fs, .pool = alm_pool_if_any(threads)};
            assert_int_equal(alm_pool_threads(env.pool), threads);
            ok(w, alm_scorer_open_model_file(&env, NAMES[i], "m", false, &s, &w->error));
            const alm_scorer_part *part = alm_scorer_parts(s, &parts);
            assert_int_equal(parts, 1);
            assert_int_equal(part->size_bytes, bytes.size);
            assert_true(alm_digest_equal(&part->digest, &digest));
            assert_true(alm_digest_equal(&alm_scorer_describe(s)->digest, &info->digest));
            alm_scorer_destroy(s);
            alm_fs_content content = {.bytes = bytes, .digest = &digest};
            ok(w, alm_scorer_of_content(&env, &content, "m", false, &s, &w->error));
            assert_true(alm_digest_equal(&alm_scorer_parts(s, &parts)->digest, &digest));
            assert_true(alm_digest_equal(&alm_scorer_describe(s)->digest, &info->digest));
            alm_scorer_destroy(s);
            alm_pool_destroy(env.pool);
        }
        alm_scorer_destroy(plain);
    }
    alm_env env = {.fs = fs};
    alm_scorer *none = NULL;
    assert_int_equal(alm_scorer_open_model_file(&env, "no", "no", false, &none, &w->error),
                     ALM_ERR_NOT_FOUND);
    alm_fs_destroy(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_model_file_is_opened_as_its_bytes_are, setup, teardown),
        cmocka_unit_test_setup_teardown(boosting_votes_softly, setup, teardown),
        cmocka_unit_test_setup_teardown(boosting_votes_hard, setup, teardown),
        cmocka_unit_test_setup_teardown(boosting_and_net_are_stacked, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_windows_lose_only_their_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(overflow_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(horizons_stand_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(model_file_is_a_scorer, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_of_other_libraries_serve, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
