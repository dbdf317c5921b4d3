#include "pipeline/paths/paths.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "num/quantile.h"
#include "pipeline/pipeline_cases.h"

enum { STEPS = 14, PATHS = 96, TEMPLATES = 6 };

static alm_method make_method(bool counts)
{
    return (alm_method){.horizon = STEPS,
                        .paths = PATHS,
                        .templates = TEMPLATES,
                        .season = 7,
                        .seed = 11,
                        .counts = counts};
}

/* Exponential shape: quantile function -log(1 - u). */
static void make_shape(double shape[ALM_SHAPE_LEVELS])
{
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] = -log(1 - alm_shape_levels()[k]);
    }
}

/* Any part of the paths can be made alone, with the same bits: nothing needs to be stored. */
static void parts_equal_the_whole(void **state)
{
    (void)state;
    alm_method method = make_method(true);
    double shape[ALM_SHAPE_LEVELS];
    make_shape(shape);
    double mean[STEPS];
    uint8_t rank[TEMPLATES * STEPS];
    for (size_t i = 0; i < TEMPLATES * STEPS; i++) {
        rank[i] = (uint8_t)(i * 5 % TEMPLATES);
    }
    for (size_t h = 0; h < STEPS; h++) {
        mean[h] = h == 6 ? 0 : 3.5 + (double)h;
    }
    alm_path_node node = {42, mean, shape, rank};
    double whole[PATHS * STEPS];
    alm_paths_make(&method, &node, TEMPLATES, 0, PATHS, whole);
    for (size_t first = 0; first < PATHS; first += 7) {
        size_t count = first + 7 < PATHS ? 7 : PATHS - first;
        double part[7 * STEPS];
        alm_paths_make(&method, &node, TEMPLATES, first, count, part);
        assert_memory_equal(part, whole + first * STEPS, count * STEPS * sizeof(double));
    }
    for (size_t i = 0; i < PATHS * STEPS; i++) {
        assert_true(whole[i] >= 0 && whole[i] == floor(whole[i]));
        assert_true(i % STEPS != 6 || whole[i] == 0); /* a closed day stays closed */
    }
}

/* Each step's paths fill the rank cells evenly, so their quantiles are the marginal's: every value
 * must lie in the cell that its template's rank says. */
static void ranks_decide_the_cell(void **state)
{
    (void)state;
    alm_method method = make_method(false);
    double shape[ALM_SHAPE_LEVELS];
    make_shape(shape);
    double mean[STEPS];
    uint8_t rank[TEMPLATES * STEPS];
    for (size_t h = 0; h < STEPS; h++) {
        mean[h] = 1;
        for (size_t k = 0; k < TEMPLATES; k++) {
            rank[k * STEPS + h] = (uint8_t)((k + h) % TEMPLATES);
        }
    }
    alm_path_node node = {1, mean, shape, rank};
    double values[PATHS * STEPS];
    alm_paths_make(&method, &node, TEMPLATES, 0, PATHS, values);
    alm_marginal marginal = {alm_shape_levels(), shape, ALM_SHAPE_LEVELS};
    for (size_t s = 0; s < PATHS; s++) {
        for (size_t h = 0; h < STEPS; h++) {
            double r = (double)((s % TEMPLATES + h) % TEMPLATES);
            double value = values[s * STEPS + h];
            /* The ends of the cell through the same function: no tolerance is needed. */
            assert_true(r == 0 || value >= alm_marginal_quantile(marginal, r / TEMPLATES));
            assert_true(r == TEMPLATES - 1 ||
                        value <= alm_marginal_quantile(marginal, (r + 1) / TEMPLATES));
        }
    }
}

/* The ranks of a node are a permutation per step, and do not see the periods after the origin. */
static void ranks_come_from_history(void **state)
{
    (void)state;
    panel_case c;
    make_panel_case(&c);
    alm_method method = make_method(true);
    size_t origin = 85;
    size_t templates = alm_path_template_count(&method, origin, 0);
    assert_int_equal(templates, TEMPLATES);
    assert_int_equal(alm_path_template_count(&method, 20, 0), 0);
    alm_history_view view = {&c.panel, 0, origin, 0,
                             alm_profile_of(c.values, c.closed, c.panel.start, origin, 0)};
    alm_arena *arena = alm_arena_create(0);
    uint8_t *ranks = alm_path_ranks_of(&method, &view, 3, templates, arena, arena);
    for (size_t h = 0; h < STEPS; h++) {
        unsigned seen = 0;
        size_t without = 0; /* 255: no history at that template */
        for (size_t k = 0; k < templates; k++) {
            uint8_t rank = ranks[k * STEPS + h];
            without += rank == 255;
            seen |= rank == 255 ? 0 : 1u << rank;
        }
        /* Sundays are closed in every template, so there is no rank for them at all. */
        bool closed = c.closed[origin + 1 + h];
        assert_int_equal(seen, closed ? 0 : (1u << templates) - 1);
        assert_int_equal(without, closed ? templates : 0);
    }
    c.values[86] = 500;
    uint8_t *again = alm_path_ranks_of(&method, &view, 3, templates, arena, arena);
    assert_memory_equal(ranks, again, templates * STEPS);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_equal_the_whole),
        cmocka_unit_test(ranks_decide_the_cell),
        cmocka_unit_test(ranks_come_from_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
