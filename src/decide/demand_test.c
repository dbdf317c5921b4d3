#include "decide/demand.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define VALUES 400

typedef struct sample {
    alm_arena *arena;
    double value[VALUES], weight[VALUES];
    size_t count;
    alm_demand demand;
} sample;

/* Few different values, so that there are many ties; or real ones. */
static void draw(sample *s, uint64_t stream, bool whole, bool weighted)
{
    alm_rng rng = alm_rng_stream(7, stream);
    s->arena = alm_arena_create(0);
    s->count = 1 + alm_rng_next_below(&rng, VALUES);
    for (size_t i = 0; i < s->count; i++) {
        double u = alm_rng_next_uniform(&rng);
        s->value[i] = whole ? floor(12 * u * u) : 1000 + 30 * u;
        s->weight[i] = 1 + (double)alm_rng_next_below(&rng, 5);
    }
    assert_int_equal(alm_demand_of(s->value, weighted ? s->weight : NULL, s->count, s->arena,
                                   &s->demand, NULL), ALM_OK);
}

static void answers_are_those_of_a_plain_sum(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 200; k++) {
        sample s = {0};
        bool weighted = k / 2 % 2;
        draw(&s, k, k % 2, weighted);
        assert_true(s.demand.whole == (k % 2 == 1));
        for (int j = 0; j < 40; j++) {
            double y = k % 2 ? j / 2.0 - 1 : 995 + j;
            double total = 0;
            double share = 0;
            double left = 0;
            double missing = 0;
            for (size_t i = 0; i < s.count; i++) {
                double w = weighted ? s.weight[i] : 1;
                total += w;
                share += s.value[i] <= y ? w : 0;
                left += s.value[i] < y ? w * (y - s.value[i]) : 0;
                missing += s.value[i] > y ? w * (s.value[i] - y) : 0;
            }
            assert_true(fabs(alm_demand_share(&s.demand, y) - share / total) < 1e-14);
            /* sums of 400 terms of the size of the values */
            assert_true(fabs(alm_demand_left(&s.demand, y) - left / total) < 1e-11);
            assert_true(fabs(alm_demand_short(&s.demand, y) - missing / total) < 1e-11);
        }
        alm_arena_destroy(s.arena);
    }
}

/* The smallest value that reaches the level: the one before it does not. */
static void quantiles_are_the_smallest_that_reach(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 200; k++) {
        sample s = {0};
        draw(&s, k, k % 2, k / 2 % 2);
        for (int j = 1; j <= 100; j++) {
            double level = j / 100.0;
            double q = alm_demand_quantile(&s.demand, level);
            assert_true(alm_demand_share(&s.demand, q) >= level - 1e-12);
            bool found = false;
            for (size_t i = 0; i < s.count; i++) {
                found = found || s.value[i] == q;
                assert_true(s.value[i] >= q ||
                            alm_demand_share(&s.demand, s.value[i]) < level - 1e-12);
            }
            assert_true(found);
        }
        alm_arena_destroy(s.arena);
    }
}

/* 190 of 200 equal weights are .95, whatever the rounding of 190 / 200. */
static void a_level_is_reached_by_its_share(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    for (size_t n = 1; n <= VALUES; n++) {
        double value[VALUES];
        alm_demand demand;
        for (size_t i = 0; i < n; i++) {
            value[i] = (double)(n - i);
        }
        assert_int_equal(alm_demand_of(value, NULL, n, arena, &demand, NULL), ALM_OK);
        for (size_t i = 1; i <= n; i++) {
            assert_true(alm_demand_quantile(&demand, (double)i / (double)n) == (double)i);
        }
        alm_arena_reset(arena);
    }
    alm_arena_destroy(arena);
}

static void the_integral_is_that_of_the_cost(void **state)
{
    (void)state;
    alm_demand_costs costs = {.25, 3};
    for (uint64_t k = 0; k < 40; k++) {
        sample s = {0};
        draw(&s, k, true, k % 2);
        for (int j = 0; j < 12; j++) {
            double low = j - 3;
            double sum = 0;
            for (int i = 0; i < 7; i++) { /* linear between integers: trapezoids are exact */
                sum += (alm_demand_cost(&s.demand, costs, low + i) +
                        alm_demand_cost(&s.demand, costs, low + i + 1)) / 2;
            }
            double area = alm_demand_cost_between(&s.demand, costs, low, low + 7);
            assert_true(fabs(area - sum) < 1e-11 * (1 + sum));
        }
        alm_arena_destroy(s.arena);
    }
}

static void order_and_scale_of_weights_do_not_matter(void **state)
{
    (void)state;
    sample s = {0};
    draw(&s, 3, false, true);
    double value[VALUES];
    double weight[VALUES];
    for (size_t i = 0; i < s.count; i++) {
        value[i] = s.value[s.count - 1 - i];
        weight[i] = s.weight[s.count - 1 - i] * 8;
    }
    alm_demand other;
    assert_int_equal(alm_demand_of(value, weight, s.count, s.arena, &other, NULL), ALM_OK);
    assert_memory_equal(other.value, s.demand.value, s.count * sizeof(double));
    assert_memory_equal(other.share, s.demand.share, s.count * sizeof(double));
    assert_memory_equal(other.first, s.demand.first, s.count * sizeof(double));
    assert_memory_equal(other.second, s.demand.second, s.count * sizeof(double));
    assert_true(other.mean == s.demand.mean);
    alm_arena_destroy(s.arena);
}

static void what_is_no_demand_is_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    alm_demand out = {.count = 77};
    double bad[][2] = {{1, -1}, {1, NAN}, {1, INFINITY}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(alm_demand_of(bad[i], NULL, 2, arena, &out, &error), ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, "demand number 2 is"));
    }
    double good[2] = {1, DBL_MAX};
    double zero[2] = {0, 0};
    assert_int_equal(alm_demand_of(good, zero, 2, arena, &out, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_demand_of(good, bad[0], 2, arena, &out, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "weight number 2 is -1"));
    good[0] = DBL_MAX; /* their sum is not finite */
    assert_int_equal(alm_demand_of(good, NULL, 2, arena, &out, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_demand_of(good, NULL, 0, arena, &out, &error), ALM_ERR_INVALID);
    assert_int_equal(out.count, 77);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_a_plain_sum),
        cmocka_unit_test(quantiles_are_the_smallest_that_reach),
        cmocka_unit_test(a_level_is_reached_by_its_share),
        cmocka_unit_test(the_integral_is_that_of_the_cost),
        cmocka_unit_test(order_and_scale_of_weights_do_not_matter),
        cmocka_unit_test(what_is_no_demand_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
