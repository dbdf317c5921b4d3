#include "pipeline/forest_marginal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/quantile.h"

enum { STEPS = 9 };

/* A method with these levels, and a shape of mean 1. */
typedef struct marginal_case {
    alm_method method;
    double shape[ALM_SHAPE_LEVELS];
} marginal_case;

static double mean_of(const double *shape)
{
    return alm_marginal_mean((alm_marginal){alm_shape_levels(), shape, ALM_SHAPE_LEVELS});
}

static void bring_to_mean_1(double *shape)
{
    double mean = mean_of(shape);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] /= mean;
    }
}

static void random_case(alm_rng *rng, marginal_case *c)
{
    memset(c, 0, sizeof *c);
    c->method.quantile_count = 1 + (size_t)alm_rng_next_below(rng, ALM_METHOD_QUANTILES_MAX);
    double level = 0;
    for (size_t k = 0; k < c->method.quantile_count; k++) {
        level += (0.9995 - level) * (0.01 + 0.5 * alm_rng_next_uniform(rng));
        c->method.quantile[k] = level;
    }
    size_t zeros = (size_t)alm_rng_next_below(rng, ALM_SHAPE_LEVELS);
    double value = 0;
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        value += k < zeros ? 0 : alm_rng_next_uniform(rng);
        c->shape[k] = value;
    }
    bring_to_mean_1(c->shape);
}

/* Rising quantiles of one step, a third of them zeros, and any mean. */
static alm_forest_marginal random_step(alm_rng *rng, const alm_method *method)
{
    alm_forest_marginal step = {.steps = 1, .mean = 5 * alm_rng_next_uniform(rng)};
    double value = 0;
    for (size_t k = 0; k < method->quantile_count; k++) {
        value += alm_rng_next_below(rng, 3) ? alm_rng_next_uniform(rng) : 0;
        step.quantile[k] = value;
    }
    return step;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * (1 + fabs(b)); /* a few dozen roundings */
}

/* Levels .1, .5, .9 with sums 2, 10, 30 over four steps and the mean 40; S is 0 up to .25, then
 * rises by slope: below .1 linear, between linear, above .9 as S does, 40 times. */
static void parts_by_hand(void **state)
{
    (void)state;
    marginal_case c = {.method = {.quantile_count = 3, .quantile = {.1, .5, .9}}};
    const double *u = alm_shape_levels();
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        c.shape[k] = u[k] > .25 ? u[k] - .25 : 0;
    }
    bring_to_mean_1(c.shape);
    double slope = c.shape[ALM_SHAPE_LEVELS - 1] / (u[ALM_SHAPE_LEVELS - 1] - .25);
    alm_forest_marginal marginal = {.steps = 4, .mean = 40, .quantile = {2, 10, 30}};
    double want[ALM_SHAPE_LEVELS];
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        want[k] = u[k] < .1   ? 20 * u[k]
                  : u[k] < .5 ? 2 + 20 * (u[k] - .1)
                  : u[k] < .9 ? 10 + 50 * (u[k] - .5)
                              : 30 + 40 * slope * (u[k] - .9);
    }
    double shape[ALM_SHAPE_LEVELS];
    memcpy(shape, c.shape, sizeof shape);
    double mean = alm_forest_marginal_shape(&c.method, &marginal, shape);
    assert_true(is_near(mean, mean_of(want) / 4));
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        assert_true(is_near(shape[k], want[k] / mean_of(want)));
    }
    /* Where S has demand below the first level too, its ratio is taken over. */
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        c.shape[k] = 1 + u[k];
    }
    bring_to_mean_1(c.shape);
    memcpy(shape, c.shape, sizeof shape);
    mean = alm_forest_marginal_shape(&c.method, &marginal, shape);
    assert_true(is_near(4 * mean * shape[0], 2 * 1.005 / 1.1));
    assert_true(is_near(4 * mean * shape[5], 2)); /* .1 */
}

/* The one shape of all steps is the average of the steps' own, weighted by their means. */
static void the_shape_is_the_weighted_average_of_the_steps(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(61, 1);
    for (int i = 0; i < 500; i++) {
        marginal_case c;
        random_case(&rng, &c);
        alm_forest_marginal sum = {0};
        double average[ALM_SHAPE_LEVELS] = {0};
        double weight = 0;
        for (int h = 0; h < STEPS; h++) {
            alm_forest_marginal step = random_step(&rng, &c.method);
            double shape[ALM_SHAPE_LEVELS];
            memcpy(shape, c.shape, sizeof shape);
            double mean = alm_forest_marginal_shape(&c.method, &step, shape);
            for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
                average[k] += mean * shape[k];
            }
            weight += mean;
            sum.steps++;
            sum.mean += step.mean;
            for (size_t k = 0; k < c.method.quantile_count; k++) {
                sum.quantile[k] += step.quantile[k];
            }
        }
        double shape[ALM_SHAPE_LEVELS];
        memcpy(shape, c.shape, sizeof shape);
        double mean = alm_forest_marginal_shape(&c.method, &sum, shape);
        assert_true(is_near(mean, weight / STEPS));
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            assert_true(is_near(shape[k], average[k] / weight));
        }
    }
}

static void shapes_rise_from_zero_with_mean_1(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(62, 1);
    for (int i = 0; i < 3000; i++) {
        marginal_case c;
        random_case(&rng, &c);
        alm_forest_marginal step = random_step(&rng, &c.method);
        double shape[ALM_SHAPE_LEVELS];
        memcpy(shape, c.shape, sizeof shape);
        double mean = alm_forest_marginal_shape(&c.method, &step, shape);
        if (mean == 0) {
            assert_memory_equal(shape, c.shape, sizeof shape);
            assert_true(step.quantile[c.method.quantile_count - 1] == 0);
            continue;
        }
        double below = 0;
        for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
            assert_true(isfinite(shape[k]) && shape[k] >= below);
            below = shape[k];
        }
        assert_true(is_near(mean_of(shape), 1));
        for (size_t k = 0; k < c.method.quantile_count; k++) {
            double u = c.method.quantile[k];
            for (size_t s = 0; s < ALM_SHAPE_LEVELS; s++) { /* a level of both: the forest's */
                assert_true(alm_shape_levels()[s] != u ||
                            is_near(mean * shape[s], step.quantile[k]));
            }
        }
    }
}

/* Forests that expect nothing at any level leave the series its own shape; with a median of zero
 * and a mean above it, what is above the median is the history's. */
static void no_demand_is_no_shape(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(63, 1);
    marginal_case c;
    random_case(&rng, &c);
    c.method.quantile_count = 1;
    c.method.quantile[0] = .5;
    alm_forest_marginal nothing = {.steps = 3};
    double shape[ALM_SHAPE_LEVELS];
    memcpy(shape, c.shape, sizeof shape);
    assert_true(alm_forest_marginal_shape(&c.method, &nothing, shape) == 0);
    assert_memory_equal(shape, c.shape, sizeof shape);
    alm_forest_marginal lumpy = {.steps = 3, .mean = 6};
    double median = alm_marginal_quantile((alm_marginal){alm_shape_levels(), c.shape,
                                                         ALM_SHAPE_LEVELS}, .5);
    double mean = alm_forest_marginal_shape(&c.method, &lumpy, shape);
    assert_true(mean > 0);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        double want = alm_shape_levels()[k] < .5 ? 0 : 6 * (c.shape[k] - median);
        assert_true(is_near(3 * mean * shape[k], want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_by_hand),
        cmocka_unit_test(the_shape_is_the_weighted_average_of_the_steps),
        cmocka_unit_test(shapes_rise_from_zero_with_mean_1),
        cmocka_unit_test(no_demand_is_no_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
