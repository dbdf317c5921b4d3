#include "serve/models/inference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "almanac.h"
#include "serve/models/model_set_cases.h"

#define FEATURES 5
#define ROWS 600 /* more than the scorer's block */

typedef struct world {
    alm_arena *arena;
    scorer_case files;
    case_source source;
    alm_model_set *set;
    const alm_served_model *model;
    alm_error error;
} world;

static void serve(world *w)
{
    w->set = case_set(2, "m", &w->source);
    const alm_model_snapshot *s = alm_model_set_enter(w->set, 0);
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &w->model, &w->error),
                     ALM_OK);
}

static void open_forest(world *w, const char *objective, size_t outputs)
{
    forest_shape shape = {.trees = 6, .outputs = outputs, .features = FEATURES,
                          .leaves = 12, .grid = 8};
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    scorer_case_init(&w->files);
    w->source.text[0] = case_named(w->arena,
                                   scorer_case_lightgbm(w->arena, &shape, 4, objective));
    serve(w);
}

static void open_both(world *w)
{
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    case_forest_and_net(w->arena, FEATURES, ALM_LAYER_GRU, &w->files, &w->source);
    serve(w);
}

static void close_world(world *w)
{
    alm_model_set_leave(w->set, 0);
    alm_model_set_destroy(w->set);
    alm_arena_destroy(w->files.arena);
    alm_arena_destroy(w->arena);
}

static alm_err run(world *w, const alm_inference_input *input, alm_inference_answer *out)
{
    return alm_inference_run(w->model, 0, input, w->arena, out, &w->error);
}

static almanac_model *open_embedded(const world *w)
{
    almanac_model *model = NULL;
    almanac_error error = {0};
    almanac_file file[CASE_FILES_MAX];
    size_t count = w->source.of_folder ? w->files.table.count : 1;
    for (size_t i = 0; i < count; i++) {
        bool single = !w->source.of_folder;
        alm_str bytes = single ? w->source.text[0] : w->files.file[i].bytes;
        file[i] = (almanac_file){single ? "model.txt" : w->files.file[i].name.data, bytes.data,
                                 bytes.size};
    }
    assert_int_equal(almanac_open_memory("m", file, count, NULL, &model, &error), ALMANAC_OK);
    return model;
}

/* What include/almanac.h answers to the same rows, which are in the model's order. */
static void assert_embedded(const world *w, const alm_inference_input *input,
                            const alm_inference_answer *out)
{
    const alm_scorer_info *info = alm_served_model_describe(w->model)->scorer;
    almanac_model *model = open_embedded(w);
    almanac_session *session = NULL;
    almanac_batch batch = ALMANAC_BATCH_INIT;
    almanac_answers answers = ALMANAC_ANSWERS_INIT;
    size_t n = input->rows * info->horizon_count;
    assert_int_equal(almanac_session_open(model, NULL, &session, NULL), ALMANAC_OK);
    batch.count = input->rows;
    batch.rows = input->values;
    batch.windows = input->windows;
    answers.values = ALM_NEW_ARRAY(w->arena, double, n);
    answers.probabilities = info->class_count ? ALM_NEW_ARRAY(w->arena, double,
                                                              n * info->class_count) : NULL;
    answers.confidences = ALM_NEW_ARRAY(w->arena, double, n);
    assert_int_equal(almanac_predict(session, &batch, &answers, NULL), ALMANAC_OK);
    assert_memory_equal(out->value, answers.values, n * sizeof(double));
    if (info->class_count) {
        assert_memory_equal(out->probability, answers.probabilities,
                            n * info->class_count * sizeof(double));
        assert_memory_equal(out->confidence, answers.confidences, n * sizeof(double));
    }
    almanac_session_close(session);
    almanac_close(model);
}

static void answers_have_the_bits_of_the_library(void **state)
{
    static const struct {
        const char *objective;
        size_t outputs;
    } CASE[] = {{"regression", 1}, {"binary sigmoid:1", 1}, {"multiclass num_class:3", 3},
                {"poisson", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        world w;
        alm_inference_answer out, one;
        open_forest(&w, CASE[i].objective, CASE[i].outputs);
        alm_inference_input input = {.rows = ROWS, .column_count = FEATURES,
                                     .values = case_rows(w.arena, ROWS, FEATURES, 7)};
        assert_int_equal(run(&w, &input, &out), ALM_OK);
        assert_embedded(&w, &input, &out);
        input.rows = 1; /* a row by itself */
        assert_int_equal(run(&w, &input, &one), ALM_OK);
        assert_memory_equal(out.value, one.value, sizeof(double));
        close_world(&w);
    }
}

static void forests_and_nets_take_rows_and_windows(void **state)
{
    world w;
    alm_inference_answer out;
    (void)state;
    open_both(&w);
    double *windows = ALM_NEW_ARRAY(w.arena, double, 20 * 4 * 2);
    for (size_t i = 0; i < 20 * 4 * 2; i++) {
        windows[i] = (double)(i % 13) / 8 - 0.5;
    }
    alm_inference_input input = {.rows = 20, .column_count = FEATURES,
                                 .values = case_rows(w.arena, 20, FEATURES, 7),
                                 .windows = windows, .steps = 4, .window_width = 2};
    assert_int_equal(run(&w, &input, &out), ALM_OK);
    assert_embedded(&w, &input, &out);
    windows[5] = NAN;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    assert_non_null(strstr(w.error.message, "row 1, step 3 of its window, column y"));
    assert_int_equal(w.error.code, ALM_ERR_INVALID);
    input.window_width = 1;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    assert_non_null(strstr(w.error.message, "windows of 1 columns: the model takes 2"));
    input.window_width = 2;
    input.steps = 3;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    input.windows = NULL;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    assert_non_null(strstr(w.error.message, "windows of 4 steps of 2 columns"));
    close_world(&w);
}

/* The rows with their columns turned round, and one more in front. */
static double *turned(world *w, const double *rows, size_t n)
{
    double *out = ALM_NEW_ARRAY(w->arena, double, n * (FEATURES + 1));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < FEATURES; k++) {
            out[i * (FEATURES + 1) + FEATURES - k] = rows[i * FEATURES + k];
        }
    }
    return out;
}

static void columns_go_by_name_and_lists_are_remembered(void **state)
{
    const alm_str NAME[] = {ALM_STR("extra"), ALM_STR("f4"), ALM_STR("f3"), ALM_STR("f2"),
                                   ALM_STR("f1"), ALM_STR("f0")};
    world w;
    alm_inference_answer straight, out;
    (void)state;
    open_forest(&w, "regression", 1);
    const double *rows = case_rows(w.arena, ROWS, FEATURES, 7);
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES, .values = rows};
    alm_inference_input named = {.rows = ROWS, .name = NAME, .column_count = FEATURES + 1,
                                 .values = turned(&w, rows, ROWS)};
    assert_int_equal(run(&w, &input, &straight), ALM_OK);
    assert_int_equal(run(&w, &named, &out), ALM_OK);
    assert_memory_equal(out.value, straight.value, ROWS * sizeof(double));
    size_t held = alm_heap_held_bytes();
    alm_heap_fail_at(0);
    named.rows = 1; /* the answers fit into the arena's block */
    assert_int_equal(run(&w, &named, &out), ALM_OK);
    assert_int_equal(alm_heap_fail_at(0), 0);
    assert_int_equal(alm_heap_held_bytes(), held);
    named.refuse_extra = true;
    assert_int_equal(run(&w, &named, &out), ALM_ERR_INVALID);
    assert_string_equal(w.error.message, "the model does not take 'extra'");
    close_world(&w);
}

/* More lists than are remembered: the memory has a bound, and the answers stay right. */
static void lists_of_columns_are_bounded(void **state)
{
    world w;
    alm_inference_answer out;
    size_t held = 0;
    (void)state;
    open_forest(&w, "regression", 1);
    double *values = ALM_NEW_ARRAY(w.arena, double, 1024);
    for (size_t i = 0; i < 60; i++) {
        alm_str name[FEATURES + 1];
        for (size_t k = 0; k < FEATURES; k++) {
            name[k] = alm_str_of(alm_arena_printf(w.arena, "f%zu", k));
        }
        name[FEATURES] = alm_str_of(alm_arena_printf(w.arena, "unused%zu", i % 30));
        alm_inference_input input = {.rows = 1, .name = name, .column_count = FEATURES + 1,
                                     .values = values};
        assert_int_equal(run(&w, &input, &out), ALM_OK);
        held = i == 30 ? alm_heap_held_bytes() : held;
    }
    assert_true(alm_heap_held_bytes() <= held + ((size_t)64 << 10)); /* the arena of this test */
    close_world(&w);
}

static void what_does_not_fit_is_named(void **state)
{
    const alm_str NAME[] = {ALM_STR("f0"), ALM_STR("f1"), ALM_STR("f_2"), ALM_STR("f3"),
                                   ALM_STR("f4")};
    const alm_str TWICE[] = {ALM_STR("f0"), ALM_STR("f1"), ALM_STR("f2"), ALM_STR("f3"),
                                    ALM_STR("f4"), ALM_STR("f1")};
    world w;
    alm_inference_answer out;
    (void)state;
    open_forest(&w, "regression", 1);
    double *values = ALM_NEW_ARRAY(w.arena, double, 64);
    alm_inference_input input = {.rows = 1, .name = NAME, .column_count = 5, .values = values};
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    assert_string_equal(w.error.message, "1 column is missing in the rows: f2; not used: f_2");
    input.name = TWICE;
    input.column_count = 6;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    assert_string_equal(w.error.message, "column f1 is there twice");
    input.name = NULL;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    assert_non_null(strstr(w.error.message, "rows of 6 columns: the model takes 5"));
    input.column_count = 5;
    input.rows = 0;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    input.rows = ALM_INFERENCE_ROWS_MAX + 1;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_LIMIT);
    input.rows = 1;
    input.values = NULL;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    input.values = values;
    assert_int_equal(run(&w, &input, &out), ALM_OK);
    close_world(&w);
}

/* As predict_file.h does it for a model whose library made its columns' names up. */
static void columns_without_names_go_by_position(void **state)
{
    const alm_str NAME[] = {ALM_STR("a"), ALM_STR("b"), ALM_STR("c"), ALM_STR("d"), ALM_STR("e")};
    const forest_shape shape = {.trees = 6, .outputs = 1, .features = FEATURES, .leaves = 12,
                                .grid = 8};
    world w;
    alm_inference_answer straight, out;
    (void)state;
    memset(&w, 0, sizeof w);
    w.arena = alm_arena_create(0);
    scorer_case_init(&w.files);
    w.source.text[0] = scorer_case_lightgbm(w.arena, &shape, 4, "regression");
    serve(&w);
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES,
                                 .values = case_rows(w.arena, ROWS, FEATURES, 7)};
    assert_int_equal(run(&w, &input, &straight), ALM_OK);
    input.name = NAME;
    assert_int_equal(run(&w, &input, &out), ALM_OK);
    assert_memory_equal(out.value, straight.value, ROWS * sizeof(double));
    input.column_count = FEATURES - 1;
    assert_int_equal(run(&w, &input, &out), ALM_ERR_INVALID);
    close_world(&w);
}

/* By position only where the names say nothing else: a row of data that was taken for a header
 * would be lost, and a name of the model at another place would be another column. */
static void names_that_mean_something_else_are_refused(void **state)
{
    static const struct {
        const char *names, *part; /* NULL: they go by position */
    } CASE[] = {
        {"a,b,c,d,e", NULL},
        {"0,1,2,3,4", NULL}, /* as MLflow's client numbers columns */
        {"a,b,c,d,Column_4", NULL},
        {"2,4,6,8,10", "the names of the columns are numbers, and not 0 to 4 in order"},
        {"1,2,3,4,5", "name the columns 0 to 4 or Column_0 to Column_4 in front of the rows"},
        {"4,3,2,1,0", "numbers"},
        {"2,,6,NaN,True", "numbers"},
        {"3,2,1,x,y", "column '3' stands where the model has Column_0"},
        {"a,column_0,c,d,e", "column 'column_0' stands where the model has Column_1"},
    };
    const forest_shape shape = {.trees = 6, .outputs = 1, .features = FEATURES, .leaves = 12,
                                .grid = 8};
    world w;
    alm_inference_answer straight, out;
    (void)state;
    memset(&w, 0, sizeof w);
    w.arena = alm_arena_create(0);
    scorer_case_init(&w.files);
    w.source.text[0] = scorer_case_lightgbm(w.arena, &shape, 4, "regression");
    serve(&w);
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES,
                                 .values = case_rows(w.arena, ROWS, FEATURES, 7)};
    assert_int_equal(run(&w, &input, &straight), ALM_OK);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_str name[FEATURES], rest = alm_str_of(CASE[i].names);
        for (size_t k = 0; k < FEATURES; k++) {
            name[k] = alm_str_split(&rest, ',');
        }
        input.name = name;
        alm_err code = run(&w, &input, &out);
        assert_int_equal(code, CASE[i].part ? ALM_ERR_INVALID : ALM_OK);
        if (CASE[i].part && !strstr(w.error.message, CASE[i].part)) {
            fail_msg("'%s' does not say '%s'", w.error.message, CASE[i].part);
        }
        if (!CASE[i].part) {
            assert_memory_equal(out.value, straight.value, ROWS * sizeof(double));
        }
    }
    close_world(&w);
}

static void counters_are_sums_over_workers(void **state)
{
    world w;
    uint64_t sum[ALM_MODEL_COUNTERS];
    (void)state;
    open_forest(&w, "regression", 1);
    alm_inference_times good = {.succeeded = true, .input_ns = 1, .infer_ns = 2, .output_ns = 3,
                                .now_ms = 900, .rows = 7};
    alm_inference_times bad = {.input_ns = 5, .now_ms = 800};
    alm_inference_count(w.model, 0, &good);
    alm_inference_count(w.model, 1, &good);
    alm_inference_count(w.model, 1, &bad);
    /* A kept answer is a success and no inference; of one that was missed the model's time is what
     * the cache did not take. */
    alm_inference_times kept = {.succeeded = true, .input_ns = 1, .infer_ns = 2, .output_ns = 3,
                                .now_ms = 900, .rows = 7, .was_kept = true, .cache_ns = 2};
    alm_inference_times missed = {.succeeded = true, .infer_ns = 9, .now_ms = 900, .rows = 1,
                                  .was_missed = true, .cache_ns = 4};
    alm_inference_count(w.model, 0, &kept);
    alm_inference_count(w.model, 1, &missed);
    alm_inference_counters(w.model, sum);
    const uint64_t expected[ALM_MODEL_COUNTERS] = {15, 3, 4, 27, 1, 5, 2,
                                                   4 + 5, 6, 1, 2, 1, 4, 900};
    assert_memory_equal(sum, expected, sizeof sum);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_the_bits_of_the_library),
        cmocka_unit_test(forests_and_nets_take_rows_and_windows),
        cmocka_unit_test(columns_go_by_name_and_lists_are_remembered),
        cmocka_unit_test(lists_of_columns_are_bounded),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(columns_without_names_go_by_position),
        cmocka_unit_test(names_that_mean_something_else_are_refused),
        cmocka_unit_test(counters_are_sums_over_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
