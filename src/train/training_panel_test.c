#include "train/training_panel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "train/training_fixture.h"

static void holds_what_was_sold(void **state)
{
    fixture *f = *state;
    training_case c;
    training_open(f, NULL, 16, &c);
    const alm_training_panel *p = &c.panel;
    assert_int_equal(p->series_count, SYNTHETIC_SERIES);
    assert_int_equal(p->block_count, 3);
    assert_int_equal(p->block_series, 16);
    assert_int_equal(p->blocks[2].series_count, 8);
    assert_int_equal(p->blocks[0].periods, SYNTHETIC_DAYS);
    alm_profile flat = {{1, 1, 1, 1, 1, 1, 1}};
    for (size_t t = 0; t < SYNTHETIC_DAYS; t++) {
        double total = 0;
        for (size_t i = 0; i < SYNTHETIC_SERIES; i++) {
            alm_history_view view = alm_training_view(p, i, SYNTHETIC_DAYS - 1, &flat);
            assert_ptr_equal(view.panel, &p->blocks[i / 16]);
            assert_int_equal(view.panel->first_series + view.series, i);
            int units = synthetic_units((int)i, (int)t);
            double value = alm_panel_value(view.panel, 0, view.series, t);
            bool launched = view.panel->state[view.series * SYNTHETIC_DAYS + t] !=
                            ALM_PERIOD_BEFORE;
            assert_true(launched ? value == (units > 0 ? units : 0) : isnan(value));
            total += units > 0 ? units : 0;
        }
        assert_true(p->total[t] == total);
        assert_int_equal(p->closed[t], !synthetic_open_day((int)t));
    }
    training_close(&c);
}

/* One panel per block size: every number is the same. */
static void blocks_do_not_matter(void **state)
{
    fixture *f = *state;
    training_case a;
    training_case b;
    training_open(f, NULL, 256, &a);
    training_open(f, NULL, 7, &b);
    alm_profile p = alm_training_profile(&a.panel, 120);
    alm_profile q = alm_training_profile(&b.panel, 120);
    assert_memory_equal(&p, &q, sizeof p);
    assert_true(p.weekday[6] != p.weekday[5]);
    for (size_t i = 0; i < SYNTHETIC_SERIES; i++) {
        alm_history_view x = alm_training_view(&a.panel, i, 120, &p);
        alm_history_view y = alm_training_view(&b.panel, i, 120, &p);
        for (size_t column = 0; column < x.panel->column_count; column++) {
            for (size_t t = 0; t < SYNTHETIC_DAYS; t++) {
                double u = alm_panel_value(x.panel, column, x.series, t);
                double v = alm_panel_value(y.panel, column, y.series, t);
                assert_memory_equal(&u, &v, sizeof u);
            }
        }
        alm_history g;
        alm_history h;
        alm_history_of(&x, f->arena, &g);
        alm_history_of(&y, f->arena, &h);
        assert_true(g.level == h.level && g.scale == h.scale && g.first == h.first);
    }
    training_close(&a);
    training_close(&b);
}

/* The profile of an origin sees nothing behind it, nor within the publication delay. */
static void profiles_do_not_look_ahead(void **state)
{
    fixture *f = *state;
    for (int delay = 0; delay <= 3; delay += 3) {
        training_case c;
        training_open(f, &(synthetic_options){.delay = delay}, 256, &c);
        alm_profile before = alm_training_profile(&c.panel, 120);
        for (size_t t = 121 - (size_t)delay; t < SYNTHETIC_DAYS; t++) {
            c.panel.total[t] = 1e9 * (double)(t % 7 + 1);
        }
        alm_profile after = alm_training_profile(&c.panel, 120);
        assert_memory_equal(&before, &after, sizeof before);
        c.panel.total[117 - (size_t)delay] = 1e6; /* an open day */
        after = alm_training_profile(&c.panel, 120);
        assert_memory_not_equal(&before, &after, sizeof before);
        training_close(&c);
    }
}

static void too_large_a_panel_is_refused(void **state)
{
    fixture *f = *state;
    training_case c;
    training_open(f, NULL, 256, &c);
    alm_training_panel panel;
    alm_env env = f->env;
    env.memory_limit_bytes = 100000;
    size_t held = alm_heap_held_bytes();
    assert_int_equal(alm_training_panel_read(&env, c.source, 0, &panel, &f->error), ALM_ERR_LIMIT);
    assert_non_null(strstr(f->error.message, "training keeps the panel in memory: 40 series x 160 "
                           "days"));
    assert_int_equal(alm_heap_held_bytes(), held);
    training_close(&c);
}

/* Series 5 to 8 on one day each, and on day 110 three: of some 35 that sell, more than 1 in 20. */
static bool three_on_day_110(int series, int day)
{
    return (series >= 5 && series <= 8 && day == 95 + series) ||
           (day == 110 && (series == 9 || series == 17 || series == 21));
}

static void sums_of_many_sold_out_are_bounds(void **state)
{
    fixture *f = *state;
    training_case c;
    training_sold_out(f, three_on_day_110);
    training_case_open(f, 0, 16, &c);
    const alm_panel *sums = c.panel.aggregates;
    const alm_hierarchy *h = c.panel.hierarchy;
    size_t out = 0;
    for (size_t t = 0; t < SYNTHETIC_DAYS; t++) {
        assert_int_equal(alm_panel_sold_out(sums, 0, t), t == 110); /* the total */
        for (size_t n = 0; n < h->node_count; n++) {
            uint8_t here = sums->state[n * SYNTHETIC_DAYS + t];
            assert_int_not_equal(here, ALM_PERIOD_STOCKOUT); /* its level is as it was */
            out += alm_panel_sold_out(sums, n, t);
        }
    }
    /* On day 110 the total, the northern region, store n2 and the ranges r1 and r2. One alone is
     * more than one in 20 of its store (10 series), its range (12 or 16) and the northern region,
     * of which one is not launched (19), but not of the western one (20). */
    assert_int_equal(out, 5 + 3 + 2 + 2 + 3);
    training_close(&c);
    training_open(f, NULL, 16, &c);
    assert_null(c.panel.aggregates->sold_out);
    training_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holds_what_was_sold, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(blocks_do_not_matter, synthetic_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(profiles_do_not_look_ahead, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(sums_of_many_sold_out_are_bounds, synthetic_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(too_large_a_panel_is_refused, synthetic_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
