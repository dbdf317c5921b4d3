#include "train/global/global_features.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "train/global/global_base.h"
#include "train/global/global_error.h"

enum { END = 60, STEPS = 6, DELAY = 2, SEASON = 4, COLUMNS_MAX = 64 };

typedef struct panel {
    double y[3][END];
    uint8_t closed[END + DELAY + STEPS];
    alm_beside_history history[3];
    alm_global_past past;
} panel;

static void fill(panel *p)
{
    static const size_t LENGTH[] = {END, 20, 0};
    alm_rng rng = alm_rng_stream(2, 9);
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < 3; i++) {
        for (size_t t = 0; t < LENGTH[i]; t++) {
            p->y[i][t] = floor(9 * alm_rng_next_uniform(&rng)) + (t == 0);
        }
        p->history[i] = (alm_beside_history){.y = p->y[i], .count = LENGTH[i], .series = i};
    }
    p->past = (alm_global_past){.histories = p->history, .count = 3, .end = END, .season = SEASON,
                                .steps = STEPS, .delay = DELAY, .seed = 1, .closed = p->closed};
}

/* By hand: the newest place with all its targets ends at 60 - 2 - 6 = 52; seven ends are held, the
 * first at 46, whose first target is of period 48. */
static void held_places_lie_behind_what_is_learned(void **state)
{
    (void)state;
    static panel p;
    fill(&p);
    alm_global_split split;
    alm_error error;
    assert_int_equal(alm_global_split_of(&p.past, &split, &error), ALM_OK);
    assert_int_equal(split.held_last, 52);
    assert_int_equal(split.held_first, 46);
    assert_int_equal(split.held, 48);
    p.past.count = 2;
    p.history[0].count = 23; /* three horizons are 24 periods */
    assert_int_equal(alm_global_split_of(&p.past, &split, &error), ALM_ERR_INCOMPLETE);
    p.history[0].count = 24;
    assert_int_equal(alm_global_split_of(&p.past, &split, &error), ALM_OK);
    assert_int_equal(split.held_first, split.held_last); /* no room for more */
}

/* All of them when there is room, by history and end; else a share of each, and never another. */
static void places_are_spread_evenly(void **state)
{
    (void)state;
    static panel p;
    fill(&p);
    alm_arena *arena = alm_arena_create(0);
    size_t count = 0;
    const alm_global_place *all = alm_global_places(&p.past, 1, 45, 1000, arena, &count);
    assert_int_equal(count, 45 + 5); /* the second history begins at period 40 */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i].history, i >= 45);
        assert_int_equal(all[i].seen, i < 45 ? i + 1 : i - 44);
    }
    const alm_global_place *some = alm_global_places(&p.past, 1, 45, 10, arena, &count);
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) { /* one of each five */
        size_t number = some[i].history * 45 + some[i].seen - 1;
        assert_int_equal(number / 5, i);
    }
    (void)alm_global_places(&p.past, 50, 49, 10, arena, &count);
    assert_int_equal(count, 0);
    alm_arena_destroy(arena);
}

static void put_features(const alm_global_seen *seen, alm_arena *arena, double *out)
{
    alm_local_statistics local;
    alm_past known = {seen->y, seen->seen, SEASON};
    size_t width = alm_global_feature_count(&seen->past[0], true);
    assert_true(width <= COLUMNS_MAX);
    alm_local_statistics_of(&known, DELAY + STEPS, arena, &local);
    for (size_t h = 0; h < STEPS; h++) {
        alm_global_features(seen, &local, h, out + h * width);
    }
}

/* Whatever comes behind a place, its size, base and features (local statistics too) stay the same
 * bits; its targets do not, so the test would see a place that looks at nothing. */
static void places_do_not_look_ahead(void **state)
{
    (void)state;
    static panel p;
    alm_arena *arena = alm_arena_create(0);
    for (size_t seen = 1; seen + DELAY + 1 < END; seen++) {
        double x[2][STEPS * COLUMNS_MAX];
        double base[2][STEPS];
        double target[2];
        alm_global_seen s[2];
        alm_global_base shares = {{1, .5, .5, .5}};
        for (int poisoned = 0; poisoned < 2; poisoned++) {
            fill(&p);
            for (size_t t = seen; poisoned && t < END; t++) {
                p.y[0][t] = 1000 + (double)t;
            }
            alm_global_place place = {0, (uint32_t)seen};
            memset(x[poisoned], 0, sizeof x[0]);
            assert_true(alm_global_see(&p.past, &p.history[0], p.y[0], seen, arena,
                                       &s[poisoned]));
            put_features(&s[poisoned], arena, x[poisoned]);
            alm_global_base_put(&shares, &s[poisoned], base[poisoned]);
            target[poisoned] = alm_global_actual(&s[poisoned], &place, 0, END);
        }
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_memory_equal(base[0], base[1], sizeof base[0]);
        assert_memory_equal(&s[0].size, &s[1].size, sizeof s[0].size);
        assert_true(target[0] != target[1]);
    }
    alm_arena_destroy(arena);
}

/* By hand: season 4, delay 2: step 0 is three periods behind the newest value, so its phase is that
 * of one period before that one. */
static void phases_and_lags_are_those_of_the_step(void **state)
{
    (void)state;
    static panel p;
    fill(&p);
    alm_arena *arena = alm_arena_create(0);
    for (size_t t = 0; t < END; t++) {
        p.y[0][t] = (double)(t % SEASON) + 1;
    }
    alm_global_seen s;
    double x[COLUMNS_MAX];
    assert_true(alm_global_see(&p.past, &p.history[0], p.y[0], 40, arena, &s));
    assert_true(s.size.scale == 2.5 && s.size.level == 1 && s.size.all == 1);
    for (size_t h = 0; h < STEPS; h++) {
        double expected = (double)((40 + DELAY + h) % SEASON) + 1;
        assert_true(fabs(s.phase_mean[h] * 2.5 - expected) < 1e-12); /* a mean of four quotients */
        alm_global_features(&s, NULL, h, x);
        assert_true(x[0] == (double)(h + 1) && x[1] == expected - 1);
        for (size_t lag = 0; lag < 4; lag++) {
            assert_true(x[11 + lag] == expected / 2.5);
        }
    }
    p.closed[40 - 4 + DELAY] = 1; /* the newest value of the phase of step 0 */
    const double *open = alm_global_values(&p.past, &p.history[0], arena);
    assert_true(isnan(open[38]) && open[37] == p.y[0][37]);
    const uint8_t bound[END] = {[37] = 1}; /* sold out */
    p.history[0].bound = bound;
    const double *demand = alm_global_values(&p.past, &p.history[0], arena);
    assert_true(isnan(demand[37]) && isnan(demand[38]) && demand[36] == p.y[0][36]);
    alm_arena_destroy(arena);
}

/* ---- errors ---- */

/* The nearest known step stands in for one that is not known; half of them must be. */
static void unknown_steps_have_the_nearest_error(void **state)
{
    (void)state;
    static const double ACTUAL[] = {NAN, 2, NAN, NAN, 6, NAN};
    static const double KNOWN[] = {NAN, 2, 5, NAN, 6, 1};
    static const double MEAN[] = {1, 1, 1, 1, 1, 1};
    static const double ERROR[] = {1, 1, 4, 4, 5, 0};
    alm_arena *arena = alm_arena_create(0);
    alm_global_errors errors;
    alm_global_errors_init(&errors, 6, 2, arena);
    alm_global_errors_add(&errors, 1, ACTUAL, MEAN, arena);
    assert_int_equal(errors.count, 0);
    alm_global_errors_add(&errors, 2, KNOWN, MEAN, arena);
    assert_int_equal(errors.count, 1);
    for (size_t h = 0; h < 6; h++) {
        assert_true(errors.entry[0].error[h] == ERROR[h] / 2);
    }
    alm_arena_destroy(arena);
}

/* Paths are the errors of the places with the nearest spread, times scale and spread. */
static void paths_take_the_nearest_errors(void **state)
{
    (void)state;
    enum { PLACES = 3 * ALM_GLOBAL_PATHS };
    static const double ZERO[1] = {0};
    static const uint8_t OPEN[1] = {0};
    static double out[ALM_GLOBAL_PATHS];
    alm_arena *arena = alm_arena_create(0);
    alm_global_errors errors;
    alm_global_errors_init(&errors, 1, PLACES, arena);
    for (size_t i = 0; i < PLACES; i++) { /* in no order */
        double spread = 1 + (double)(i * 7 % PLACES);
        double actual = spread * spread; /* an error of `spread` spreads */
        alm_global_errors_add(&errors, spread, &actual, ZERO, arena);
    }
    alm_global_errors_sort(&errors);
    const double mean = 100;
    alm_global_path_plan plan = {.mean = &mean, .closed = OPEN, .scale = 2, .spread = 301,
                                 .support = ALM_SUPPORT_NON_NEGATIVE};
    alm_global_errors_paths(&errors, &plan, out);
    for (size_t k = 0; k < ALM_GLOBAL_PATHS; k++) { /* those of spreads 201 .. 400 */
        assert_true(out[k] == 100 + 2 * 301 * (201 + (double)k));
    }
    plan.spread = 0.001; /* as one of .05, and the lowest spreads there are */
    alm_global_errors_paths(&errors, &plan, out);
    assert_true(fabs(out[0] - (100 + 2 * 0.05 * 1)) < 1e-12);
    errors.count = 0;
    alm_global_errors_paths(&errors, &plan, out);
    assert_true(out[0] == 100 && out[ALM_GLOBAL_PATHS - 1] == 100);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_places_lie_behind_what_is_learned),
        cmocka_unit_test(places_are_spread_evenly),
        cmocka_unit_test(places_do_not_look_ahead),
        cmocka_unit_test(phases_and_lags_are_those_of_the_step),
        cmocka_unit_test(unknown_steps_have_the_nearest_error),
        cmocka_unit_test(paths_take_the_nearest_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
