/* inference_join_test.c: parts that were answered together have the bits of each by itself. */
#include "serve/models/inference_join.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/models/model_set_cases.h"

#define FEATURES 5
#define STEPS 4
#define PARTS 9

typedef struct world {
    alm_arena *arena;
    scorer_case files;
    case_source source;
    alm_model_set *set;
    const alm_served_model *model;
    alm_inference_input input[PARTS];
    alm_inference_part part[PARTS];
} world;

static void open_world(world *w)
{
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    case_forest_and_net(w->arena, FEATURES, ALM_LAYER_LSTM, &w->files, &w->source);
    w->set = case_set(1, "m", &w->source);
    const alm_model_snapshot *s = alm_model_set_enter(w->set, 0);
    assert_int_equal(alm_model_snapshot_ready(s, ALM_STR("m"), ALM_STR(""), &w->model, NULL),
                     ALM_OK);
    for (size_t i = 0; i < PARTS; i++) {
        size_t rows = 1 + i % 3;
        double *windows = ALM_NEW_ARRAY(w->arena, double, rows * STEPS * 2);
        for (size_t k = 0; k < rows * STEPS * 2; k++) {
            windows[k] = (double)((k * 7 + i) % 13) / 8 - 0.5;
        }
        w->input[i] = (alm_inference_input){
            .rows = rows, .column_count = FEATURES, .windows = windows, .steps = STEPS,
            .window_width = 2, .values = case_rows(w->arena, rows, FEATURES, 7 + i)};
        w->part[i] = (alm_inference_part){.model = w->model, .input = &w->input[i]};
    }
}

static void close_world(world *w)
{
    alm_model_set_leave(w->set, 0);
    alm_model_set_destroy(w->set);
    alm_arena_destroy(w->files.arena);
    alm_arena_destroy(w->arena);
}

static void assert_alone(world *w, const alm_inference_part *p)
{
    alm_inference_answer one;
    assert_int_equal(p->code, ALM_OK);
    assert_int_equal(alm_inference_run(w->model, 0, p->input, w->arena, &one, NULL), ALM_OK);
    assert_int_equal(p->answer.rows, one.rows);
    size_t n = one.rows * one.horizons;
    assert_memory_equal(p->answer.value, one.value, n * sizeof(double));
    assert_memory_equal(p->answer.confidence, one.confidence, n * sizeof(double));
    assert_memory_equal(p->answer.probability, one.probability, n * one.classes * sizeof(double));
}

static void parts_have_the_bits_of_each_alone(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    alm_inference_run_parts(0, w.part, PARTS, w.arena);
    for (size_t i = 0; i < PARTS; i++) {
        assert_int_equal(w.part[i].joined, PARTS);
        assert_alone(&w, &w.part[i]);
    }
    close_world(&w);
}

static void other_forms_are_calls_of_their_own(void **state)
{
    (void)state;
    const alm_str NAME[] = {ALM_STR("f4"), ALM_STR("f3"), ALM_STR("f2"), ALM_STR("f1"),
                            ALM_STR("f0")};
    world w;
    open_world(&w);
    w.input[2].name = w.input[5].name = NAME;
    w.input[7].rows = 200; /* with 16 others it fits one call, with 57 it would not */
    w.input[7].values = case_rows(w.arena, 200, FEATURES, 3);
    w.input[7].windows = ALM_NEW_ARRAY(w.arena, double, 200 * STEPS * 2);
    w.input[8].rows = 57;
    w.input[8].values = case_rows(w.arena, 57, FEATURES, 4);
    w.input[8].windows = ALM_NEW_ARRAY(w.arena, double, 57 * STEPS * 2);
    alm_inference_run_parts(0, w.part, PARTS, w.arena);
    for (size_t i = 0; i < PARTS; i++) {
        size_t joined = i == 2 || i == 5 ? 2 : i == 8 ? 1 : PARTS - 3;
        assert_int_equal(w.part[i].joined, joined);
        assert_alone(&w, &w.part[i]);
    }
    close_world(&w);
}

static void a_part_that_fails_fails_alone(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    double *windows = (double *)(uintptr_t)w.input[4].windows;
    windows[5] = NAN;
    w.input[6].rows = 0;
    alm_inference_run_parts(0, w.part, PARTS, w.arena);
    for (size_t i = 0; i < PARTS; i++) {
        if (i == 4) {
            assert_int_equal(w.part[i].code, ALM_ERR_INVALID);
            assert_non_null(strstr(w.part[i].error.message, "row 1, step 3 of its window"));
        } else if (i == 6) {
            assert_int_equal(w.part[i].code, ALM_ERR_INVALID);
            assert_string_equal(w.part[i].error.message, "there are no rows");
        } else {
            assert_alone(&w, &w.part[i]);
        }
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_the_bits_of_each_alone),
        cmocka_unit_test(other_forms_are_calls_of_their_own),
        cmocka_unit_test(a_part_that_fails_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
