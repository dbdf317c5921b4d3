/* Predictions made again by their models, of every kind: values, classes, windows; any bit that was
 * changed is found. */
#include "serve/models/replay.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/models/model_set_cases.h"

enum { FEATURES = 5, ROWS = 3, STEPS = 4, WIDTH = 2 };

typedef struct world {
    alm_arena *arena;
    scorer_case files;
    case_source source;
    alm_model_set *set;
    const alm_served_model *model;
    double value[ROWS * FEATURES], window[ROWS * STEPS * WIDTH];
    alm_prediction_record record;
} world;

/* A record of what the model says, written and read. */
static void put_on_record(world *w, const alm_inference_input *input)
{
    alm_inference_answer answer;
    alm_error error = {0};
    alm_buffer line = {0};
    const alm_served_info *info = alm_served_model_describe(w->model);
    if (alm_inference_run(w->model, 0, input, w->arena, &answer, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_prediction_record record = {.request_id = ALM_STR("r"), .row_count = input->rows,
                                    .column_count = input->column_count,
                                    .column = input->name ? input->name : info->scorer->row_column,
                                    .value = input->values, .steps = input->steps,
                                    .window_width = input->window_width,
                                    .window = input->windows};
    assert_true(alm_digest_parse(alm_str_of(info->digest), &record.model_hash));
    record.answer = alm_replay_outputs(&answer, w->arena, &record.output_count);
    assert_int_equal(alm_prediction_write(&record, &line, NULL), ALM_OK);
    assert_int_equal(alm_prediction_read(alm_buffer_view(&line), w->arena, &w->record, NULL),
                     ALM_OK);
    alm_buffer_deinit(&line);
}

static void serve(world *w)
{
    for (size_t i = 0; i < ROWS * FEATURES; i++) {
        w->value[i] = i % 7 == 3 ? (double)NAN : (double)i / 7 - 1;
    }
    for (size_t i = 0; i < ROWS * STEPS * WIDTH; i++) {
        w->window[i] = (double)i / 11;
    }
    w->set = case_set(1, "m", &w->source);
    const alm_model_snapshot *s = alm_model_set_enter(w->set, 0);
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &w->model, NULL),
                     ALM_OK);
}

static void open_forest(world *w, const char *objective, size_t outputs)
{
    forest_shape shape = {.trees = 6, .outputs = outputs, .features = FEATURES, .leaves = 12,
                          .grid = 8};
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    scorer_case_init(&w->files);
    w->source.text[0] = case_named(w->arena, scorer_case_lightgbm(w->arena, &shape, 4, objective));
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

static void expect(world *w, alm_replay_result result, const char *part)
{
    alm_replay out;
    alm_replay_inference(w->model, &w->record, w->arena, &out);
    if (out.result != result || !strstr(out.detail, part)) {
        fail_msg("%s: %s", alm_replay_result_text(out.result), out.detail);
    }
}

/* Every number of the answer, changed by its last bit. */
static void expect_every_change(world *w, const char *part)
{
    size_t count = w->record.row_count * w->record.output_count;
    double *answer = ALM_NEW_ARRAY(w->arena, double, count);
    memcpy(answer, w->record.answer, count * sizeof(double));
    w->record.answer = answer;
    for (size_t i = 0; i < count; i++) {
        double before = answer[i];
        answer[i] = nextafter(before, INFINITY);
        expect(w, ALM_REPLAY_DIFFERENT, part);
        answer[i] = before;
    }
    expect(w, ALM_REPLAY_EQUAL, "");
}

static void values_and_classes_come_again(void **state)
{
    (void)state;
    static const alm_str names[] = {{"f4", 2}, {"f0", 2}, {"f3", 2}, {"f1", 2}, {"f2", 2}};
    for (size_t outputs = 1; outputs <= 3; outputs += 2) {
        world w;
        open_forest(&w, outputs == 1 ? "regression" : "multiclass num_class:3", outputs);
        alm_inference_input input = {.rows = ROWS, .column_count = FEATURES, .values = w.value};
        put_on_record(&w, &input);
        assert_int_equal(w.record.output_count, outputs == 1 ? 1 : 5);
        expect_every_change(&w, "is on record, the model says");
        input.name = names;
        put_on_record(&w, &input);
        expect(&w, ALM_REPLAY_EQUAL, "");
        close_world(&w);
    }
}

static void windows_come_again(void **state)
{
    (void)state;
    world w;
    open_both(&w);
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES, .values = w.value,
                                 .windows = w.window, .steps = STEPS, .window_width = WIDTH};
    put_on_record(&w, &input);
    assert_int_equal(w.record.output_count, 2 * 5); /* two horizons of three classes */
    expect_every_change(&w, "is on record, the model says");
    close_world(&w);
}

static void what_does_not_fit_is_different(void **state)
{
    (void)state;
    world w;
    open_forest(&w, "regression", 1);
    static const alm_str other[] = {{"f0", 2}, {"f1", 2}, {"f2", 2}, {"f3", 2}, {"x", 1}};
    alm_inference_input input = {.rows = ROWS, .column_count = FEATURES, .values = w.value};
    put_on_record(&w, &input);
    const alm_prediction_record good = w.record;
    w.record.column = other;
    expect(&w, ALM_REPLAY_DIFFERENT, "the model says: 1 column is missing");
    w.record = good;
    w.record.row_count = 1;
    w.record.output_count = ROWS;
    expect(&w, ALM_REPLAY_DIFFERENT, "3 outputs are on record, the model has 1");
    w.record = good;
    w.record.column_count = 0;
    expect(&w, ALM_REPLAY_DIFFERENT, "the model says");
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_classes_come_again),
        cmocka_unit_test(windows_come_again),
        cmocka_unit_test(what_does_not_fit_is_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
