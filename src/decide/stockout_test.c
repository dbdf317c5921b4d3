#include "decide/stockout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define STEPS 14
#define PATHS 40

/* Two paths over three days with 5 on hand: 2 2 2 crosses on day 3 (6 > 5, short by 1); 0 5 4
 * meets the supply on day 2 and crosses on day 3 (short by 4). */
static void two_paths_by_hand(void **state)
{
    (void)state;
    static const double DEMAND[] = {2, 2, 2, 0, 5, 4};
    static const double RECEIPTS[] = {0, 0, 0};
    double probability[3];
    double shortfall[3];
    alm_stockout_risk out = {probability, shortfall, -1};
    alm_stockout_of_paths(DEMAND, 2, 3, 5, RECEIPTS, &out);
    assert_memory_equal(probability, ((double[]){0, 0, 1}), sizeof probability);
    assert_memory_equal(shortfall, ((double[]){0, 0, 2.5}), sizeof shortfall);
    assert_true(out.days == 3);
    alm_stockout_of_paths(DEMAND, 2, 3, 3, RECEIPTS, &out);
    assert_memory_equal(probability, ((double[]){0, 1, 1}), sizeof probability);
    assert_memory_equal(shortfall, ((double[]){0, 1.5, 4.5}), sizeof shortfall);
    assert_true(out.days == 2);
    alm_stockout_of_paths(DEMAND, 2, 3, 1, RECEIPTS, &out);
    assert_memory_equal(probability, ((double[]){.5, 1, 1}), sizeof probability);
    assert_true(out.days == 1.5);
}

/* A receipt serves the demand of its own day, not that of the day before; a stock-out that it ends
 * has still happened. */
static void receipts_arrive_before_the_demand_of_their_day(void **state)
{
    (void)state;
    static const double DEMAND[] = {3, 3, 3};
    double probability[3];
    double shortfall[3];
    alm_stockout_risk out = {probability, shortfall, -1};
    alm_stockout_of_paths(DEMAND, 1, 3, 3, (double[]){0, 3, 3}, &out);
    assert_memory_equal(probability, ((double[]){0, 0, 0}), sizeof probability);
    assert_true(out.days == 3);
    alm_stockout_of_paths(DEMAND, 1, 3, 3, (double[]){0, 0, 6}, &out);
    assert_memory_equal(probability, ((double[]){0, 1, 1}), sizeof probability);
    assert_memory_equal(shortfall, ((double[]){0, 3, 0}), sizeof shortfall);
    assert_true(out.days == 2);
    alm_stockout_of_paths(DEMAND, 1, 3, 0, (double[]){9, 0, 0}, &out);
    assert_true(probability[2] == 0 && shortfall[2] == 0 && out.days == 3);
}

static void zero_stock_runs_out_with_the_first_sale(void **state)
{
    (void)state;
    static const double DEMAND[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 1e-3, 0, 0};
    static const double RECEIPTS[4] = {0};
    double probability[4];
    double shortfall[4];
    alm_stockout_risk out = {probability, shortfall, -1};
    alm_stockout_of_paths(DEMAND, 3, 4, 0, RECEIPTS, &out);
    assert_true(probability[0] == 0 && shortfall[0] == 0);
    assert_true(fabs(probability[3] - 2. / 3) < 1e-15);
    assert_true(fabs(shortfall[3] - 1.001 / 3) < 1e-15);
    assert_true(fabs(out.days - (2 + 4 + 2) / 3.) < 1e-15);
}

/* Reconciled demand carries rounding: meeting the supply but for that is no stock-out. */
static void rounding_is_no_stockout(void **state)
{
    (void)state;
    static const double DEMAND[] = {.1, .1, .1, .1, .1, .1, .1, .1, .1, .1};
    static const double RECEIPTS[10] = {0};
    double sum = 0;
    for (int i = 0; i < 10; i++) {
        sum += DEMAND[i];
    }
    assert_true(sum != 1);
    double probability[10];
    double shortfall[10];
    alm_stockout_risk out = {probability, shortfall, -1};
    alm_stockout_of_paths(DEMAND, 1, 10, nextafter(sum, 0), RECEIPTS, &out);
    assert_true(probability[9] == 0 && shortfall[9] == 0 && out.days == 10);
    alm_stockout_of_paths(DEMAND, 1, 10, sum - 1e-6, RECEIPTS, &out);
    assert_true(probability[9] == 1 && out.days == 10);
}

/* The definitions of the header word for word, each path and step from the start. */
static void brute_force(const double *demand, size_t steps, double on_hand,
                        const double *receipts, alm_stockout_risk *out)
{
    out->days = 0;
    memset(out->probability, 0, steps * sizeof(double));
    memset(out->shortfall, 0, steps * sizeof(double));
    for (size_t s = 0; s < PATHS; s++) {
        size_t days = steps;
        bool crossed = false;
        for (size_t h = 0; h < steps; h++) {
            double cumulated = 0;
            double supply = on_hand;
            for (size_t t = 0; t <= h; t++) {
                cumulated += demand[s * steps + t];
                supply += receipts[t];
            }
            days = cumulated > supply && !crossed ? h + 1 : days;
            crossed = crossed || cumulated > supply;
            out->probability[h] += crossed ? 1. / PATHS : 0;
            out->shortfall[h] += fmax(0, cumulated - supply) / PATHS;
        }
        out->days += (double)days / PATHS;
    }
}

/* Whole numbers, so that sums are exact; only the division by the number of paths rounds. */
static void agrees_with_the_definitions(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(51, 0);
    double demand[PATHS * STEPS];
    double receipts[STEPS];
    double p[2][STEPS];
    double s[2][STEPS];
    for (int i = 0; i < 500; i++) {
        size_t steps = 1 + (size_t)alm_rng_next_below(&rng, STEPS);
        for (size_t k = 0; k < PATHS * steps; k++) {
            bool sold = alm_rng_next_below(&rng, 3) == 0;
            demand[k] = sold ? (double)alm_rng_next_below(&rng, 9) : 0;
        }
        for (size_t h = 0; h < steps; h++) {
            bool arrives = alm_rng_next_below(&rng, 5) == 0;
            receipts[h] = arrives ? (double)alm_rng_next_below(&rng, 8) : 0;
        }
        double on_hand = (double)alm_rng_next_below(&rng, 15);
        alm_stockout_risk out = {p[0], s[0], -1};
        alm_stockout_risk expected = {p[1], s[1], -1};
        alm_stockout_of_paths(demand, PATHS, steps, on_hand, receipts, &out);
        brute_force(demand, steps, on_hand, receipts, &expected);
        assert_true(fabs(out.days - expected.days) < 1e-12);
        for (size_t h = 0; h < steps; h++) {
            assert_true(fabs(p[0][h] - p[1][h]) < 1e-12 && fabs(s[0][h] - s[1][h]) < 1e-12);
            assert_true(p[0][h] >= 0 && p[0][h] <= 1 && s[0][h] >= 0);
            assert_true(h == 0 || p[0][h] >= p[0][h - 1]); /* monotone in h */
        }
        /* The restricted mean is the sum of the survival function: 1 + sum of 1 - P(h). */
        double survival = 1;
        for (size_t h = 0; h + 1 < steps; h++) {
            survival += 1 - p[0][h];
        }
        assert_true(fabs(out.days - survival) < 1e-12);
        /* More stock is never worse. */
        double days = out.days;
        alm_stockout_of_paths(demand, PATHS, steps, on_hand + 1, receipts, &expected);
        assert_true(expected.days >= days);
        for (size_t h = 0; h < steps; h++) {
            assert_true(p[1][h] <= p[0][h] && s[1][h] <= s[0][h]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_paths_by_hand),
        cmocka_unit_test(receipts_arrive_before_the_demand_of_their_day),
        cmocka_unit_test(zero_stock_runs_out_with_the_first_sale),
        cmocka_unit_test(rounding_is_no_stockout),
        cmocka_unit_test(agrees_with_the_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
