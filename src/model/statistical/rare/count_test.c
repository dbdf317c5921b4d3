#include "model/statistical/rare/count.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/sample_paths.h"
#include "num/negative_binomial.h"

#define STEPS 12

static alm_count_common common_of(double memory, double fade)
{
    return (alm_count_common){{memory, memory, .8, fade, fade}, {.3, 2, 1.5, 2}, (double)INFINITY};
}

static void *fitted(const alm_count_past *past, const alm_count_common *common, alm_arena *arena)
{
    void *state = NULL;
    assert_int_equal(alm_count_fit(past, common, arena, &state, NULL), ALM_OK);
    return state;
}

/* A value of the hurdle at u. */
static double drawn(double p, double size, double excess, double u)
{
    alm_negative_binomial s = {size - 1, (size - 1) / excess};
    return u <= 1 - p ? 0 : 1 + alm_negative_binomial_quantile(s, (u - 1 + p) / p);
}

static void a_rare_past(alm_rng *rng, double *y, size_t count)
{
    for (size_t t = 0; t < count; t++) {
        y[t] = alm_rng_next_below(rng, 12) == 0 ? (double)NAN
                                                : drawn(.3, 3, 1, alm_rng_next_uniform(rng));
    }
}

/* By hand, memory 4, from p_0 .3 (2) and m_0 1.5 (2), behind the first demand, 4, so a size of 3.
 * 0: n 3, p .2; kept .75 * 3 = 2.25 and back .5: n 2.75, p (2.25 * .2 + .5 * .3) / 2.75
 * sizes: k 3, m 2; kept 2.25 and back .5: k 2.75, m (2.25 * 2 + .5 * 1.5) / 2.75 */
static void the_state_is_what_the_lines_say(void **unused)
{
    (void)unused;
    static const double Y[] = {0, 0, 4, 0};
    alm_arena *arena = alm_arena_create(0);
    alm_count_past past = {Y, 4, NULL};
    alm_count_common common = common_of(4, 1);
    void *state = fitted(&past, &common, arena);
    alm_count_facts facts;
    alm_count_describe(state, &facts);
    assert_true(fabs(facts.probability - .6 / 2.75) < 1e-15);
    assert_true(fabs(facts.size - 1 - 5.25 / 2.75) < 1e-15);
    /* log P(no demand at .3) and that of size 3 at mean 1.5, variance ratio 1.8 * 1.5 */
    alm_negative_binomial first = {1.5, 1.5 / 1.7};
    double expected = log(.7) + alm_negative_binomial_log_mass(first, 3);
    assert_true(fabs(facts.log_likelihood - expected) < 1e-13);
    alm_arena_destroy(arena);
}

static void quantiles_are_counts_that_the_distribution_function_reaches(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(7, 0);
    alm_arena *arena = alm_arena_create(0);
    for (int i = 0; i < 100; i++) {
        double y[60];
        a_rare_past(&rng, y, 60);
        y[0] = 1;
        alm_count_past past = {y, 60, NULL};
        const void *state = fitted(&past, NULL, arena);
        double before = 0;
        for (double u = .001; u < 1; u += .0307) {
            double k = alm_count.next(state, u);
            assert_true(k == floor(k) && k >= before);
            assert_true(alm_count_cdf(state, k) >= u - 1e-12); /* the rounding of sums */
            assert_true(k == 0 || alm_count_cdf(state, k - 1) < u + 1e-12);
            before = k;
        }
        assert_true(alm_count_cdf(state, -1) == 0);
    }
    alm_arena_destroy(arena);
}

/* 20,000 paths; 4.5 standard errors of a mean are .032 deviations, and of a deviation of such skew
 * values some .05; what p and m have to do with each other adds some percent. */
static void paths_have_the_mean_and_the_deviation(void **unused)
{
    (void)unused;
    enum { PATHS = 20000 };
    for (uint64_t way = 0; way < 4; way++) {
        alm_arena *arena = alm_arena_create(0);
        alm_rng rng = alm_rng_stream(8, way);
        double y[60], mean[STEPS], deviation[STEPS];
        a_rare_past(&rng, y, 60);
        alm_count_past past = {y, 60, NULL};
        alm_count_common common = common_of(way % 2 ? 24 : 6, way / 2 ? .97 : 1);
        void *state = fitted(&past, &common, arena);
        double *paths = ALM_NEW_ARRAY(arena, double, (size_t)PATHS * STEPS);
        alm_path_plan plan = {.steps = STEPS, .count = PATHS, .seed = 3, .series = way,
                              .support = ALM_SUPPORT_COUNT};
        alm_count.mean(state, STEPS, mean);
        alm_count.deviation(state, STEPS, deviation);
        assert_int_equal(alm_forecaster_paths(&alm_count, state, &plan, arena, paths, NULL),
                         ALM_OK);
        for (size_t h = 0; h < STEPS; h++) {
            double sum = 0, squares = 0;
            for (size_t i = 0; i < PATHS; i++) {
                double e = paths[i * STEPS + h] - mean[h];
                sum += e;
                squares += e * e;
            }
            assert_true(fabs(sum / PATHS) <= .04 * deviation[h]);
            assert_true(fabs(sqrt(squares / PATHS) / deviation[h] - 1) <= .08);
        }
        alm_arena_destroy(arena);
    }
}

/* With parameters that stay, also over bounds and what is not known. The tolerance is the rounding
 * of powers against products. */
static void moving_on_is_fitting_the_longer_past(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(9, 0);
    alm_arena *arena = alm_arena_create(0);
    for (int i = 0; i < 100; i++) {
        double y[60], a[STEPS], b[STEPS];
        uint8_t bound[60];
        a_rare_past(&rng, y, 60);
        y[5] = 2; /* both begin behind the same first demand */
        for (size_t t = 0; t < 60; t++) {
            bound[t] = alm_rng_next_below(&rng, 5) == 0;
        }
        alm_count_past half = {y, 30, bound}, whole = {y, 60, bound};
        alm_count_common common = common_of(10, .98);
        void *state = fitted(&half, &common, arena);
        for (size_t t = 30; t < 60; t++) {
            if (bound[t] && !isnan(y[t])) {
                alm_count_update_bound(state, y[t]);
            } else {
                alm_count.update(state, y[t]);
            }
        }
        alm_count.mean(state, STEPS, a);
        alm_count.mean(fitted(&whole, &common, arena), STEPS, b);
        for (size_t h = 0; h < STEPS; h++) {
            assert_true(fabs(a[h] - b[h]) <= 1e-12 * b[h]);
        }
    }
    alm_arena_destroy(arena);
}

/* The penalised likelihood is highest where the fit says: no random parameters are better by more
 * than what lies between two points of the grid. */
static void no_other_parameters_are_likelier(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(10, 0);
    alm_arena *arena = alm_arena_create(0);
    double y[300];
    a_rare_past(&rng, y, 300);
    y[0] = 2;
    alm_count_past past = {y, 300, NULL};
    alm_count_common common = common_of(12, 1);
    common.strength = 0;
    alm_count_facts best, other;
    alm_count_describe(fitted(&past, &common, arena), &best);
    common.strength = (double)INFINITY;
    for (int i = 0; i < 500; i++) {
        common.parameters.memory_demand = 2 * pow(512, alm_rng_next_uniform(&rng));
        common.parameters.memory_size = 2 * pow(512, alm_rng_next_uniform(&rng));
        common.parameters.excess = .01 * pow(1e4, alm_rng_next_uniform(&rng));
        alm_count_describe(fitted(&past, &common, arena), &other);
        assert_true(other.log_likelihood <= best.log_likelihood + .05);
    }
    alm_arena_destroy(arena);
}

static void strength_pulls_to_the_common_parameters(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(11, 0);
    alm_arena *arena = alm_arena_create(0);
    double y[40];
    a_rare_past(&rng, y, 40);
    alm_count_past past = {y, 40, NULL};
    double away = (double)INFINITY;
    for (int i = 0; i < 5; i++) {
        static const double STRENGTHS[] = {0, .3, 3, 30, INFINITY};
        alm_count_common common = common_of(16, 1);
        common.strength = STRENGTHS[i];
        alm_count_facts facts;
        alm_count_describe(fitted(&past, &common, arena), &facts);
        double distance = fabs(log(facts.parameters.excess / .8));
        assert_true(distance <= away + .02); /* the search's width */
        away = distance;
    }
    assert_true(away == 0);
    alm_arena_destroy(arena);
}

/* 500 series of 60 periods that are the model: level .3 and 3 with no drift. Standard errors over
 * 9,000 demands are below a percent of the start and some 4 percent of the excess. */
static void parameters_in_common_are_found(void **unused)
{
    (void)unused;
    enum { SERIES = 500, PERIODS = 60 };
    alm_arena *arena = alm_arena_create(0);
    alm_count_past pasts[SERIES];
    alm_count_common common;
    for (size_t i = 0; i < SERIES; i++) {
        alm_rng rng = alm_rng_stream(12, i);
        double *y = ALM_NEW_ARRAY(arena, double, PERIODS);
        for (size_t t = 0; t < PERIODS; t++) {
            y[t] = drawn(.3, 3, 1, alm_rng_next_uniform(&rng));
        }
        pasts[i] = (alm_count_past){y, PERIODS, NULL};
    }
    assert_int_equal(alm_count_common_fit(pasts, SERIES, arena, &common, NULL), ALM_OK);
    assert_true(fabs(common.start.probability - .3) < .012);
    assert_true(fabs(common.start.size - 2) < .1);
    assert_true(fabs(common.parameters.excess - 1) < .2);
    assert_true(common.start.probability_weight > 50 && common.start.size_weight > 20);
    assert_true(common.parameters.fade_demand > .998 && common.parameters.fade_size > .998);
    alm_arena_destroy(arena);
}

static void what_is_no_count_is_refused_in_words(void **unused)
{
    (void)unused;
    static const double HALF[] = {1, 2.5, 0}, LARGE[] = {1, 2e9}, ZERO[] = {0, 0, 0};
    alm_arena *arena = alm_arena_create(0);
    void *state = NULL;
    alm_error error;
    alm_count_past half = {HALF, 3, NULL}, large = {LARGE, 2, NULL}, zero = {ZERO, 3, NULL};
    assert_int_equal(alm_count_fit(&half, NULL, arena, &state, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "value 2 is 2.5"));
    assert_int_equal(alm_count_fit(&large, NULL, arena, &state, &error), ALM_ERR_NUMERIC);
    alm_count_past many[] = {zero, half};
    alm_count_common common;
    assert_int_equal(alm_count_common_fit(many, 2, arena, &common, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "series 2: counts are whole numbers"));
    assert_int_equal(alm_count_common_fit(many, 1, arena, &common, &error), ALM_ERR_INCOMPLETE);
    assert_string_equal(error.message, "none of 1 series has a demand");
    common = common_of(.5, 1);
    assert_int_equal(alm_count_fit(&zero, &common, arena, &state, &error), ALM_ERR_INVALID);
    assert_null(state);
    alm_arena_destroy(arena);
}

/* Nothing was ever sold: half a demand in all, and it is not impossible. */
static void no_demand_is_nearly_none(void **unused)
{
    (void)unused;
    static const double ZERO[19] = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_count_past past = {ZERO, 19, NULL};
    alm_count_facts facts;
    alm_count_describe(fitted(&past, NULL, arena), &facts);
    assert_true(facts.probability > 0 && facts.probability < .025);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_what_the_lines_say),
        cmocka_unit_test(quantiles_are_counts_that_the_distribution_function_reaches),
        cmocka_unit_test(paths_have_the_mean_and_the_deviation),
        cmocka_unit_test(moving_on_is_fitting_the_longer_past),
        cmocka_unit_test(no_other_parameters_are_likelier),
        cmocka_unit_test(strength_pulls_to_the_common_parameters),
        cmocka_unit_test(parameters_in_common_are_found),
        cmocka_unit_test(what_is_no_count_is_refused_in_words),
        cmocka_unit_test(no_demand_is_nearly_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
