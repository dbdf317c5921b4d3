#include "pipeline/history.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/pipeline_cases.h"

/* Sums of at most 90 doubles: relative differences from another order of adding stay below 1e-13;
 * the golden values below are numpy's. */
#define NEAR 1e-12

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= NEAR * (1 + fabs(want)))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static alm_history_view view_of(const panel_case *c, size_t origin)
{
    return (alm_history_view){&c->panel, 0, origin, 0,
                              alm_profile_of(c->values, c->closed, c->panel.start, origin, 0)};
}

/* Levels, scale and shape take what stands in for a sold-out day as demand; without it the day is
 * left out. */
static void sold_out_days_are_stood_in_for(void **state)
{
    (void)state;
    panel_case c;
    double imputed[CASE_PERIODS] = {0};
    double levels[3][CASE_PERIODS];
    alm_history h[3];
    alm_arena *arena = alm_arena_create(0);
    make_panel_case(&c);
    alm_history_view view = view_of(&c, CASE_PERIODS - 1);
    size_t day = CASE_PERIODS - 4;
    while (c.state[day] != ALM_PERIOD_OBSERVED) {
        day--;
    }
    imputed[day] = c.values[day] + 7;
    c.state[day] = ALM_PERIOD_STOCKOUT;
    for (int k = 0; k < 3; k++) { /* left out, stood in for, seen */
        c.panel.imputed = k == 1 ? imputed : NULL;
        if (k == 2) {
            c.values[day] = imputed[day];
            c.state[day] = ALM_PERIOD_OBSERVED;
        }
        alm_history_of(&view, arena, &h[k]);
        alm_history_levels(&view, levels[k]);
        assert_true(alm_history_scale(&view, arena) == h[k].scale);
    }
    assert_true(h[1].level == h[2].level && h[1].scale == h[2].scale);
    assert_memory_equal(h[1].shape, h[2].shape, sizeof h[1].shape);
    assert_memory_equal(levels[1], levels[2], sizeof levels[1]);
    assert_int_equal(h[1].open_periods, h[0].open_periods + 1);
    assert_true(h[1].level > h[0].level && h[1].scale > h[0].scale);
    assert_true(levels[1][CASE_PERIODS - 1] > levels[0][CASE_PERIODS - 1]);
    alm_arena_destroy(arena);
}

/* numpy 2.4.6: profile = weekday means of the open days of [o - 91, o) over their mean; level =
 * sum .92^age y / sum .92^age p; shape = np.interp(U, (cumsum(w) - w / 2) / sum(w), sorted y / p),
 * divided by the weighted mean, w = .97^age; ages count open days. */
static void equals_numpy(void **state)
{
    (void)state;
    panel_case c;
    make_panel_case(&c);
    alm_history_view view = view_of(&c, CASE_PERIODS - 1);
    static const double PROFILE[7] = {1.0197628458498023, 0.9486166007905139, 0.8774703557312253,
                                      1.233201581027668,  0.6403162055335969, 1.2806324110671938,
                                      1.0};
    for (int k = 0; k < 7; k++) {
        assert_near(view.profile.weekday[k], PROFILE[k]);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_history h;
    alm_history_of(&view, arena, &h);
    assert_int_equal(h.first, 5);
    assert_int_equal(h.open_periods, 73);
    assert_int_equal(h.class_of_series, ALM_CLASS_intermittent); /* interval 1.62, CV2 .26 */
    assert_near(h.level, 2.8817737121561704);
    assert_near(h.scale, 3.3098173515981735);
    assert_near(h.shape_weight, 52.84091738838499);
    assert_near(h.nonzero_share, 0.6164383561643836);
    assert_near(h.shape_mean, 3.227451891191417);
    assert_near(h.shape_variance, 1.1241979936311672);
    assert_near(h.shape[0], 0);
    assert_near(h.shape[21], 0.6923939003819184);
    assert_near(h.shape[30], 1.679773193201768);
    assert_near(h.shape[39], 2.729926203736753);
    assert_near(h.shape[42], 4.609322098073905);
    alm_arena_destroy(arena);
}

/* What comes after the origin, or within the publication delay, changes nothing. */
static void knows_no_future(void **state)
{
    (void)state;
    panel_case c;
    make_panel_case(&c);
    alm_arena *arena = alm_arena_create(0);
    alm_history_view view = view_of(&c, 60);
    view.delay = 4;
    view.profile = alm_profile_of(c.values, c.closed, c.panel.start, 60, 4);
    alm_history before;
    alm_history_of(&view, arena, &before);
    double levels[61];
    alm_history_levels(&view, levels);
    assert_true(levels[60] == before.level);
    assert_true(alm_history_scale(&view, arena) == before.scale);
    for (int t = 57; t < CASE_PERIODS; t++) {
        c.values[t] = 1e6;
        c.state[t] = ALM_PERIOD_OBSERVED;
    }
    alm_profile profile = alm_profile_of(c.values, c.closed, c.panel.start, 60, 4);
    assert_memory_equal(&profile, &view.profile, sizeof profile);
    alm_history after;
    alm_history_of(&view, arena, &after);
    assert_memory_equal(&before, &after, sizeof before);
    c.values[56] = 1e6; /* the newest known value does change it */
    alm_history_of(&view, arena, &after);
    assert_true(after.level > before.level);
    alm_arena_destroy(arena);
}

static void empty_and_young_series(void **state)
{
    (void)state;
    panel_case c;
    make_panel_case(&c);
    alm_arena *arena = alm_arena_create(0);
    alm_history_view view = view_of(&c, 4); /* before the first demand */
    alm_history h;
    alm_history_of(&view, arena, &h);
    assert_int_equal(h.class_of_series, ALM_CLASS_empty);
    assert_true(h.level == 0 && h.first == SIZE_MAX && h.shape_weight == 0);
    assert_true(h.scale > 0); /* a divisor must never be zero */
    view = view_of(&c, 30);
    alm_history_of(&view, arena, &h);
    assert_int_equal(h.class_of_series, ALM_CLASS_new);
    double forecast[14];
    uint8_t closed[14];
    for (size_t k = 0; k < 14; k++) {
        closed[k] = c.closed[31 + k];
    }
    alm_history_forecast(&view, h.level, closed, 14, forecast);
    for (size_t k = 0; k < 14; k++) {
        assert_true(closed[k] ? forecast[k] == 0 : forecast[k] > 0);
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sold_out_days_are_stood_in_for),
        cmocka_unit_test(equals_numpy),
        cmocka_unit_test(knows_no_future),
        cmocka_unit_test(empty_and_young_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
