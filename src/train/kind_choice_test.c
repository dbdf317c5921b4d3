#include "train/kind_choice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/statistical/automatic/demand_class.h"
#include "model/statistical/forecaster_kinds.h"

enum { STEPS = 2, ROOM = 3, NODES = 2 };

/* A record of series whose candidate k is wrong by off[k], each time by as much. */
typedef struct made {
    alm_arena *arena;
    alm_kind_candidates candidates;
    alm_origin_record record;
} made;

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    made *m = ALM_NEW(arena, made);
    m->arena = arena;
    m->candidates = (alm_kind_candidates){.given = true, .room = ROOM};
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        if (alm_class_has_kinds((alm_class)c)) {
            m->candidates.count[c] = ROOM;
            m->candidates.kind[c][0] = NULL;
            m->candidates.kind[c][1] = &alm_naive;
            m->candidates.kind[c][2] = &alm_drift;
        }
    }
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    made *m = *state;
    alm_arena_destroy(m->arena);
    return 0;
}

static void make_record(made *m, size_t series)
{
    alm_origin_record *r = &m->record;
    *r = (alm_origin_record){.steps = STEPS, .series_count = series};
    r->histories = ALM_NEW_ARRAY(m->arena, alm_history, series);
    r->statistical = ALM_NEW_ARRAY(m->arena, double, series * STEPS);
    r->actual = ALM_NEW_ARRAY(m->arena, double, series * STEPS);
    r->scale_squared = ALM_NEW_ARRAY(m->arena, double, series);
    r->kinds = ALM_NEW_ARRAY(m->arena, double, series * ROOM * STEPS);
    r->node_statistical = ALM_NEW_ARRAY(m->arena, double, NODES * STEPS);
    r->node_actual = ALM_NEW_ARRAY(m->arena, double, NODES * STEPS);
    r->node_scale = ALM_NEW_ARRAY(m->arena, double, NODES);
    r->node_kinds = ALM_NEW_ARRAY(m->arena, double, NODES * ROOM * STEPS);
}

static void set_series(made *m, size_t i, alm_class class_of_series, double level,
                       const double off[ROOM])
{
    alm_origin_record *r = &m->record;
    r->histories[i].class_of_series = class_of_series;
    r->histories[i].level = level;
    r->scale_squared[i] = 4;
    for (size_t h = 0; h < STEPS; h++) {
        r->actual[i * STEPS + h] = 10 + (double)h;
        r->statistical[i * STEPS + h] = 10 + (double)h + off[0];
        for (size_t k = 0; k < ROOM; k++) {
            r->kinds[(i * ROOM + k) * STEPS + h] = 10 + (double)h + off[k];
        }
    }
}

static alm_kind_table choose(made *m, alm_kind_scores *scores)
{
    alm_kind_table table;
    alm_kind_choose(&m->candidates, &m->record, 1, NODES, scores, &table);
    assert_true(table.given);
    return table;
}

static const double LEVEL_BEST[ROOM] = {1, 2, 3}, NAIVE_BEST[ROOM] = {2, -1, 3},
                    DRIFT_BEST[ROOM] = {3, 2, -1.5};

/* Two windows are too few to choose apart: the class's choice is that of both. */
static void few_windows_choose_together(void **state)
{
    made *m = *state;
    make_record(m, 4);
    set_series(m, 0, ALM_CLASS_lumpy, 100, LEVEL_BEST);
    set_series(m, 1, ALM_CLASS_lumpy, 0.1, NAIVE_BEST); /* naive: 2 + 1 = 3, level: 1 + 2 = 3 */
    set_series(m, 2, ALM_CLASS_smooth, 0.1, DRIFT_BEST);
    set_series(m, 3, ALM_CLASS_new, 0.1, NAIVE_BEST);
    alm_kind_scores scores;
    alm_kind_table table = choose(m, &scores);
    for (int mover = 0; mover < ALM_MOVER_COUNT; mover++) {
        assert_null(table.kind[ALM_CLASS_lumpy][mover]); /* the first of equals */
        assert_ptr_equal(table.kind[ALM_CLASS_smooth][mover], &alm_drift);
        assert_null(table.kind[ALM_CLASS_erratic][mover]); /* never scored: the first */
        assert_null(table.kind[ALM_CLASS_new][mover]);
    }
    assert_int_equal(scores.windows[ALM_CLASS_lumpy][ALM_MOVER_FAST], 1);
    assert_int_equal(scores.windows[ALM_CLASS_lumpy][ALM_MOVER_SLOW], 1);
    /* RMSSE: an error of 2 at every step over a scale of 2. */
    assert_true(scores.loss[ALM_CLASS_lumpy][ALM_MOVER_FAST][1] == 1);
    assert_int_equal(scores.windows[ALM_CLASS_new][ALM_MOVER_SLOW], 0);
}

static void many_windows_choose_apart(void **state)
{
    made *m = *state;
    make_record(m, 2 * ALM_KIND_WINDOWS_MIN);
    for (size_t i = 0; i < 2 * ALM_KIND_WINDOWS_MIN; i++) {
        bool fast = i % 2 == 0;
        set_series(m, i, ALM_CLASS_intermittent, fast ? 5 : 4.9, fast ? NAIVE_BEST : DRIFT_BEST);
    }
    alm_kind_scores scores;
    alm_kind_table table = choose(m, &scores);
    assert_ptr_equal(table.kind[ALM_CLASS_intermittent][ALM_MOVER_FAST], &alm_naive);
    assert_ptr_equal(table.kind[ALM_CLASS_intermittent][ALM_MOVER_SLOW], &alm_drift);
    m->record.scale_squared[0] = 0; /* a window that cannot be scored: one is too few then */
    table = choose(m, &scores);
    assert_int_equal(scores.windows[ALM_CLASS_intermittent][ALM_MOVER_FAST],
                     ALM_KIND_WINDOWS_MIN - 1);
    assert_ptr_equal(table.kind[ALM_CLASS_intermittent][ALM_MOVER_SLOW], &alm_drift);
    /* Of both together: naive 1 and 2, drift 3 and 1.5. */
    assert_ptr_equal(table.kind[ALM_CLASS_intermittent][ALM_MOVER_FAST], &alm_naive);
    m->record.actual[2] = (double)NAN; /* one known step is enough */
    m->record.actual[4] = m->record.actual[5] = (double)NAN; /* none is not */
    (void)choose(m, &scores);
    assert_int_equal(scores.windows[ALM_CLASS_intermittent][ALM_MOVER_FAST],
                     ALM_KIND_WINDOWS_MIN - 2);
}

static void records_read_as_chosen(void **state)
{
    made *m = *state;
    make_record(m, 3);
    set_series(m, 0, ALM_CLASS_smooth, 100, NAIVE_BEST);
    set_series(m, 1, ALM_CLASS_new, 100, NAIVE_BEST);
    set_series(m, 2, ALM_CLASS_lumpy, 100, LEVEL_BEST);
    for (size_t n = 0; n < NODES; n++) {
        m->record.node_scale[n] = 1;
        for (size_t h = 0; h < STEPS; h++) {
            m->record.node_statistical[n * STEPS + h] = 7;
            m->record.node_kinds[(n * ROOM + 0) * STEPS + h] = 7;
            m->record.node_kinds[(n * ROOM + 1) * STEPS + h] = 6;
            m->record.node_kinds[(n * ROOM + 2) * STEPS + h] = 5;
        }
    }
    alm_kind_scores scores;
    alm_kind_table table = choose(m, &scores);
    assert_ptr_equal(table.kind[ALM_CLASS_aggregate][0], &alm_drift); /* the actuals are 0 */
    alm_origin_record as = alm_kind_record_of(&m->candidates, &table, &m->record, NODES, m->arena);
    for (size_t h = 0; h < STEPS; h++) {
        assert_true(as.statistical[h] == 10 + (double)h - 1);
        assert_true(as.statistical[STEPS + h] == 10 + (double)h + 2); /* new: level x profile */
        assert_true(as.statistical[2 * STEPS + h] == 10 + (double)h + 1);
        assert_true(as.node_statistical[h] == 5 && as.node_statistical[STEPS + h] == 5);
    }
    assert_true(m->record.statistical[0] == 12 && m->record.node_statistical[0] == 7);
    assert_ptr_equal(as.actual, m->record.actual);
    table.given = false;
    as = alm_kind_record_of(&m->candidates, &table, &m->record, NODES, m->arena);
    assert_ptr_equal(as.statistical, m->record.statistical);
}

static void usual_candidates_begin_with_the_level(void **state)
{
    (void)state;
    static const alm_str NAMES[] = {{"tsb", 3}, {"level", 5}};
    alm_model_spec model = {.has_kinds = true, .season = 7, .kinds.lumpy = {NAMES, 2}};
    alm_kind_candidates c = alm_kind_candidates_of(&model);
    size_t count = 0;
    const alm_forecaster_kind *const *usual = alm_demand_candidates(ALM_DEMAND_smooth, &count);
    assert_true(c.given);
    assert_int_equal(c.count[ALM_CLASS_smooth], count + 1);
    assert_int_equal(c.count[ALM_CLASS_aggregate], count + 1);
    assert_null(c.kind[ALM_CLASS_smooth][0]);
    for (size_t k = 0; k < count; k++) {
        assert_ptr_equal(c.kind[ALM_CLASS_smooth][k + 1], usual[k]);
    }
    assert_int_equal(c.count[ALM_CLASS_lumpy], 2);
    assert_string_equal(alm_kind_name(c.kind[ALM_CLASS_lumpy][0]), "tsb");
    assert_null(c.kind[ALM_CLASS_lumpy][1]);
    assert_int_equal(c.count[ALM_CLASS_new] + c.count[ALM_CLASS_empty], 0);
    assert_int_equal(c.room, count + 1);
    model.has_kinds = false;
    assert_int_equal(alm_kind_candidates_of(&model).room, 0);
}

/* docs/statistical-models.md has the usual candidates and every name, word for word. */
static void the_page_lists_them(void **state)
{
    made *m = *state;
    alm_fs *real = NULL;
    alm_error error = {0};
    alm_str page;
    assert_int_equal(alm_fs_real_create(&real, &error), ALM_OK);
    assert_int_equal(alm_fs_read_all(real, "docs/statistical-models.md", 1 << 20, m->arena, &page,
                                     &error), ALM_OK);
    alm_model_spec model = {.has_kinds = true, .season = 7};
    alm_kind_candidates c = alm_kind_candidates_of(&model);
    for (int i = 0; i < ALM_CLASS_COUNT; i++) {
        const char *row = alm_arena_printf(m->arena, "| %s |", alm_class_name((alm_class)i));
        for (size_t k = 0; k < c.count[i]; k++) {
            row = alm_arena_printf(m->arena, "%s%s `%s`", row, k ? "," : "",
                                   alm_kind_name(c.kind[i][k]));
        }
        if (c.count[i] > 0 && !strstr(page.data, alm_arena_printf(m->arena, "%s |", row))) {
            fail_msg("put this row into docs/statistical-models.md: %s |", row);
        }
    }
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    for (size_t k = 0; k < count; k++) {
        if (!strstr(page.data, alm_arena_printf(m->arena, "`%s`", kinds[k]->name))) {
            fail_msg("docs/statistical-models.md does not name %s", kinds[k]->name);
        }
    }
    alm_fs_destroy(real);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(few_windows_choose_together),
        CASE(many_windows_choose_apart),
        CASE(records_read_as_chosen),
        CASE(usual_candidates_begin_with_the_level),
        CASE(the_page_lists_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
