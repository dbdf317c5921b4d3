#include "model/statistical/arima/arima_effects.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/arima/arima_cases.h"
#include "model/statistical/statistical_cases.h"
#include "num/elementary.h"

#define AIR_COUNT (sizeof AIR / sizeof AIR[0])
#define HURON_COUNT (sizeof HURON / sizeof HURON[0])
#define AHEAD 12

static bool is_near(double got, double expected, double share)
{
    return fabs(got / expected - 1) <= share;
}

/* As the help page of R's `arima` prints it, to 4 digits: standard errors from the Hessian at the
 * optimum, with the sum of squares / n for the variance; ours are without bias, and of least
 * squares with the model given, which is the same but for what the two kinds of coefficients have
 * in common. */
static void standard_errors_of_lake_huron_are_those_of_r(void **unused)
{
    (void)unused;
    static const char *const NAMES[] = {"time"};
    static const alm_arima_order ORDER = {.p = 2, .has_constant = true};
    double year[HURON_COUNT];
    for (size_t t = 0; t < HURON_COUNT; t++) {
        year[t] = 1875 + (double)t - 1920;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_regressors x = {1, NAMES, HURON_COUNT, year};
    alm_past past = {HURON, HURON_COUNT, 1};
    alm_arima_facts facts;
    void *state = NULL;
    assert_int_equal(alm_arima_fit(&past, &ORDER, &x, arena, &state, NULL), ALM_OK);
    alm_arima_describe(state, &facts);
    double as_r = sqrt((double)(facts.known - facts.count) / (double)facts.known);
    assert_true(isnan(facts.deviation[0]) && isnan(facts.deviation[1]));
    assert_true(is_near(facts.deviation[2] * as_r, .2370, .01));
    assert_true(is_near(facts.deviation[3] * as_r, .0081, .01));
    /* Without regressors nobody asks. */
    assert_int_equal(alm_arima_fit(&past, &ORDER, NULL, arena, &state, NULL), ALM_OK);
    alm_arima_describe(state, &facts);
    assert_true(isnan(facts.deviation[2]));
    alm_arena_destroy(arena);
}

/* The logarithms of air, and .25 of x1 less .125 of x2, which are of exact numbers. */
static void make_air(double *y, double *x)
{
    size_t periods = AIR_COUNT + AHEAD;
    for (size_t t = 0; t < periods; t++) {
        x[t] = (double)(t * 7919 % 13) / 13;
        x[periods + t] = t % 17 == 3;
        if (t < AIR_COUNT) {
            y[t] = alm_log(AIR[t]) + .25 * x[t] - .125 * x[periods + t];
        }
    }
}

static const char *const TWO[] = {"x1", "x2"};

/* Coefficients and means: SARIMAX of statsmodels 0.15.0 (exact diffuse, concentrated scale, L-BFGS
 * and then simplex), which stops within 1e-5. Standard errors: dense generalised least squares with
 * the inverse covariance of the differenced values, in numpy 2, at the same optimum. */
static void air_with_regressors_is_that_of_statsmodels(void **unused)
{
    (void)unused;
    static const struct {
        double coefficient[2], deviation[2], mean[3];
    } CASES[] = {{{.24637012, -.11355318}, {.00774575, .00929837},
                  {6.1497676877, 6.1314385309, 6.3768529822}},
                 {{.24930802, -.1169882}, {.00805436, .00988827},
                  {6.1487119771, 6.1309421005, 6.3791067948}}};
    double y[AIR_COUNT], x[2 * (AIR_COUNT + AHEAD)], mean[AHEAD];
    for (size_t i = 0; i < 2; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_effects effects;
        make_air(y, x);
        if (i == 1) {
            y[20] = y[77] = y[78] = NAN;
        }
        alm_regressors regressors = {2, TWO, AIR_COUNT + AHEAD, x};
        alm_past past = {y, AIR_COUNT, 12};
        alm_effects_of(&past, &regressors, false, arena, &effects);
        assert_true(effects.used == 2 && effects.season == 12 && effects.order.seasonal_d == 1);
        for (size_t k = 0; k < 2; k++) {
            double wrong = effects.effect[k].coefficient - CASES[i].coefficient[k];
            assert_true(fabs(wrong) <= 2e-5);
            assert_true(is_near(effects.effect[k].deviation, CASES[i].deviation[k], 2e-4));
        }
        alm_arima_order order = {.d = 1, .q = 1, .seasonal_d = 1, .seasonal_q = 1};
        void *state = NULL;
        assert_int_equal(alm_arima_fit(&past, &order, &regressors, arena, &state, NULL), ALM_OK);
        alm_arima.mean(state, AHEAD, mean);
        assert_true(fabs(mean[0] - CASES[i].mean[0]) <= 2e-5);
        assert_true(fabs(mean[1] - CASES[i].mean[1]) <= 2e-5);
        assert_true(fabs(mean[11] - CASES[i].mean[2]) <= 2e-5);
        alm_arena_destroy(arena);
    }
}

/* ---- what is left out ---- */

#define DAYS 150

static void make_days(alm_rng *rng, double *y, double *promotion)
{
    double level = 100;
    for (size_t t = 0; t < DAYS + AHEAD; t++) {
        promotion[t] = alm_rng_next_below(rng, 6) == 0;
        level += alm_rng_next_normal(rng);
        if (t < DAYS) {
            y[t] = level + 30 * promotion[t] + (double)(t % 7) + 3 * alm_rng_next_normal(rng);
        }
    }
}

static void what_tells_nothing_is_left_out(void **unused)
{
    (void)unused;
    enum { PROMOTION, TWICE, MONDAY, LINE, ALWAYS, NEVER, COUNT };
    static const char *const NAMES[COUNT] = {"promotion", "twice", "monday", "line", "always",
                                             "never"};
    static const alm_effect_reason REASONS[COUNT] = {
        ALM_EFFECT_USED, ALM_EFFECT_DEPENDENT, ALM_EFFECT_DEPENDENT, ALM_EFFECT_DEPENDENT,
        ALM_EFFECT_CONSTANT, ALM_EFFECT_CONSTANT};
    const size_t periods = DAYS + AHEAD;
    double y[DAYS], x[COUNT * (DAYS + AHEAD)];
    alm_rng rng = alm_rng_stream(7, 0);
    make_days(&rng, y, x);
    for (size_t t = 0; t < periods; t++) {
        x[TWICE * periods + t] = 2 * x[t];
        x[MONDAY * periods + t] = t % 7 == 0;
        x[LINE * periods + t] = 5 + .5 * (double)t;
        x[ALWAYS * periods + t] = 3;
        x[NEVER * periods + t] = t >= DAYS; /* the first one ever is planned */
    }
    alm_arena *arena = alm_arena_create(0);
    alm_effects effects, alone;
    alm_regressors all = {COUNT, NAMES, periods, x}, one = {1, NAMES, periods, x};
    alm_past past = {y, DAYS, 7};
    alm_effects_of(&past, &all, false, arena, &effects);
    alm_effects_of(&past, &one, false, arena, &alone);
    assert_int_equal(effects.used, 1);
    for (size_t k = 0; k < COUNT; k++) {
        assert_int_equal(effects.effect[k].reason, REASONS[k]);
        assert_true(k == 0 || (effects.effect[k].coefficient == 0 &&
                               isnan(effects.effect[k].deviation)));
    }
    assert_true(effects.effect[0].coefficient == alone.effect[0].coefficient);
    /* Six standard errors. */
    assert_true(fabs(alone.effect[0].coefficient - 30) <= 6 * alone.effect[0].deviation);
    assert_true(alone.effect[0].deviation < 3);
    /* A level has a slope and Mondays left to tell. */
    past.season = 1;
    alm_effects_of(&past, &all, true, arena, &effects);
    assert_int_equal(effects.effect[MONDAY].reason, ALM_EFFECT_USED);
    assert_non_null(effects.arima);
    alm_arena_destroy(arena);
}

/* Where a regressor is not known, the value may be anything. */
static void an_unknown_regressor_is_an_unknown_value(void **unused)
{
    (void)unused;
    const size_t periods = DAYS + AHEAD;
    double y[DAYS], x[DAYS + AHEAD];
    alm_rng rng = alm_rng_stream(8, 0);
    alm_effects effects[3];
    alm_arena *arena = alm_arena_create(0);
    alm_regressors regressors = {1, TWO, periods, x};
    alm_past past = {y, DAYS, 7};
    make_days(&rng, y, x);
    for (size_t t = 0; t < 20; t++) { /* as an observed column begins */
        x[t] = NAN;
    }
    x[100] = NAN;
    alm_effects_of(&past, &regressors, false, arena, &effects[0]);
    y[3] = 1e6;
    y[100] = -1e6;
    alm_effects_of(&past, &regressors, false, arena, &effects[1]);
    assert_true(effects[0].used == 1);
    assert_true(effects[0].effect[0].coefficient == effects[1].effect[0].coefficient);
    assert_true(effects[0].effect[0].deviation == effects[1].effect[0].deviation);
    y[101] += 40; /* where it is known, it is not */
    alm_effects_of(&past, &regressors, false, arena, &effects[2]);
    assert_true(effects[0].effect[0].coefficient != effects[2].effect[0].coefficient);
    alm_arena_destroy(arena);
}

/* A season of weeks of a year is taken as Fourier terms: a regressor that goes with the year is
 * told apart from it. */
static void a_long_season_is_told_apart(void **unused)
{
    (void)unused;
    enum { WEEKS = 208 };
    double y[WEEKS], x[WEEKS];
    alm_rng rng = alm_rng_stream(9, 0);
    for (size_t t = 0; t < WEEKS; t++) {
        size_t week = t % 52;
        double summer = week < 26 ? (double)week : 52 - (double)week;
        x[t] = summer > 20 && alm_rng_next_below(&rng, 2) == 0;
        y[t] = 100 + 3 * summer + 10 * x[t] + 2 * alm_rng_next_normal(&rng);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_effects effects;
    alm_regressors regressors = {1, TWO, WEEKS, x};
    alm_past past = {y, WEEKS, 52};
    alm_effects_of(&past, &regressors, false, arena, &effects);
    assert_true(effects.used == 1 && effects.fourier == 10 && effects.season == 1);
    assert_true(fabs(effects.effect[0].coefficient - 10) <= 4 * effects.effect[0].deviation);
    assert_true(effects.effect[0].deviation < 2);
    alm_arena_destroy(arena);
}

/* ---- odd series ---- */

static double odd_value(alm_rng *rng, size_t shape, size_t t)
{
    switch (shape) {
    case 0: return 5;
    case 1: return t == 3 ? 1e9 : 0;
    case 2: return t % 2 ? 1e280 : -1e280;
    case 3: return t % 5 == 0 ? 2 : (double)NAN;
    case 4: return floor(3 * alm_rng_next_uniform(rng));
    case 5: return 1e-300 * alm_rng_next_normal(rng);
    case 6: return (double)NAN;
    default: return alm_rng_next_normal(rng);
    }
}

static void odd_series_have_finite_effects_or_none(void **unused)
{
    (void)unused;
    enum { COUNT = 3, LONGEST = 60 };
    static const char *const NAMES[COUNT] = {"a", "b", "c"};
    static const size_t SEASONS[] = {1, 7, 12, 52};
    size_t used = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        alm_rng rng = alm_rng_stream(10, i);
        alm_arena *arena = alm_arena_create(0);
        size_t count = 1 + alm_rng_next_below(&rng, LONGEST);
        double y[LONGEST], x[COUNT * LONGEST];
        size_t shape = alm_rng_next_below(&rng, 8);
        for (size_t t = 0; t < count; t++) {
            y[t] = odd_value(&rng, shape, t);
        }
        for (size_t k = 0; k < COUNT; k++) {
            shape = alm_rng_next_below(&rng, 8);
            for (size_t t = 0; t < count; t++) {
                x[k * count + t] = odd_value(&rng, shape, t);
            }
        }
        alm_regressors regressors = {COUNT, NAMES, count, x};
        alm_past past = {y, count, SEASONS[alm_rng_next_below(&rng, 4)]};
        alm_effects effects;
        bool by_search = past.season <= ALM_ARIMA_SEASON_MAX && i % 5 == 0;
        alm_effects_of(&past, &regressors, by_search, arena, &effects);
        size_t counted = 0;
        for (size_t k = 0; k < COUNT; k++) {
            const alm_effect *e = &effects.effect[k];
            assert_true(isfinite(e->coefficient) && !isinf(e->deviation));
            assert_true(e->reason == ALM_EFFECT_USED || e->coefficient == 0);
            counted += e->reason == ALM_EFFECT_USED;
        }
        assert_int_equal(counted, effects.used);
        assert_true(!effects.arima || (by_search && effects.used > 0));
        used += effects.used;
        alm_arena_destroy(arena);
    }
    assert_true(used > 300); /* it is not that nothing is ever used */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_errors_of_lake_huron_are_those_of_r),
        cmocka_unit_test(air_with_regressors_is_that_of_statsmodels),
        cmocka_unit_test(what_tells_nothing_is_left_out),
        cmocka_unit_test(an_unknown_regressor_is_an_unknown_value),
        cmocka_unit_test(a_long_season_is_told_apart),
        cmocka_unit_test(odd_series_have_finite_effects_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
