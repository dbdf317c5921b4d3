#include "model/statistical/arima/arima.h"

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
#define STEPS 20

static void log_of_air(double *out)
{
    for (size_t t = 0; t < AIR_COUNT; t++) {
        out[t] = alm_log(AIR[t]);
    }
}

static void *fit(const alm_past *past, const alm_arima_order *order, const alm_regressors *x,
                 alm_arena *arena)
{
    void *state = NULL;
    alm_error error;
    if (alm_arima_fit(past, order, x, arena, &state, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return state;
}

/* ---- what others publish ---- */

/* As R prints them (4 digits; log-likelihood 2): help pages of `arima` with R 4, the airline model
 * of Box and Jenkins. R stops within about 2e-4 of the optimum of a coefficient. */
static void published_fits_of_r_are_met(void **unused)
{
    (void)unused;
    double air[AIR_COUNT], year[HURON_COUNT];
    log_of_air(air);
    for (size_t t = 0; t < HURON_COUNT; t++) {
        year[t] = 1875 + (double)t - 1920;
    }
    static const char *const TIME[] = {"time"};
    const alm_regressors time = {1, TIME, HURON_COUNT, year};
    const struct {
        alm_past past;
        alm_arima_order order;
        const alm_regressors *x;
        double coefficient[4], variance, log_likelihood;
    } CASES[] = {
        {{LH, 48, 1}, {.p = 1, .has_constant = true}, NULL, {.5739, 2.4133}, .1975, -29.38},
        {{LH, 48, 1}, {.p = 3, .has_constant = true}, NULL, {.6448, -.0634, -.2198, 2.3931},
         .1787, -27.09},
        {{LH, 48, 1}, {.p = 1, .q = 1, .has_constant = true}, NULL, {.4522, .1982, 2.4101},
         .1923, -28.76},
        {{DEATHS, 72, 12}, {.d = 1, .q = 1, .seasonal_d = 1, .seasonal_q = 1}, NULL,
         {-.4303, -.5528}, 99347, -425.44},
        {{HURON, HURON_COUNT, 1}, {.p = 2, .has_constant = true}, &time,
         {1.0048, -.2913, 579.0993, -.0216}, .4566, -101.2},
        {{air, AIR_COUNT, 12}, {.d = 1, .q = 1, .seasonal_d = 1, .seasonal_q = 1}, NULL,
         {-.4018, -.5569}, .001348, 244.7},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_arima_facts facts;
        alm_arima_describe(fit(&CASES[i].past, &CASES[i].order, CASES[i].x, arena), &facts);
        for (size_t k = 0; k < facts.count; k++) {
            assert_true(fabs(facts.coefficient[k] - CASES[i].coefficient[k]) <= 2e-4);
        }
        assert_true(fabs(facts.variance / CASES[i].variance - 1) <= 3e-4);
        /* Never below R's but for the digits that are printed. */
        assert_true(fabs(facts.log_likelihood - CASES[i].log_likelihood) <= .0051);
        alm_arena_destroy(arena);
    }
}

/* Stata's `sspace` (results_wpi1_ar3_stata.csv of statsmodels): its parameters, and its forecast of
 * the difference of 1990q4 from 2, -.2 and 1.6 before. Stata stops within 2e-6 of the optimum. */
static void prices_follow_stata(void **unused)
{
    (void)unused;
    static const double COEFFICIENTS[] = {.5270715, .0952613, .2580355};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {WPI, sizeof WPI / sizeof WPI[0], 1};
    alm_arima_order order = {.p = 3, .d = 1};
    alm_arima_facts facts;
    alm_arima_describe(fit(&past, &order, NULL, arena), &facts);
    const double *c = facts.coefficient;
    for (size_t k = 0; k < 3; k++) {
        assert_true(fabs(c[k] - COEFFICIENTS[k]) <= 3e-6);
    }
    assert_true(fabs(facts.variance - .5307459) <= 1e-6);
    assert_true(fabs(2 * c[0] - .2 * c[1] + 1.6 * c[2] - 1.447948) <= 3e-6);
    alm_arena_destroy(arena);
}

typedef struct expected {
    double coefficient[4], log_likelihood, variance, mean[4], deviation[4];
} expected;

/* Statsmodels counts the values of the diffuse start, with a density of 1 / sqrt(2 pi) each; ours
 * and R's do not. Its search stops within 1e-5; se_mean uses the sum of squares / n. */
static void check_against(const void *state, size_t start, const expected *e)
{
    alm_arima_facts facts;
    double mean[4], deviation[4];
    alm_arima_describe(state, &facts);
    alm_arima.mean(state, 4, mean);
    alm_arima.deviation(state, 4, deviation);
    double log_likelihood = facts.log_likelihood - .9189385332046727 * (double)start;
    double size = sqrt((double)(facts.known - facts.count) / (double)facts.known);
    for (size_t k = 0; k < facts.count; k++) {
        assert_true(fabs(facts.coefficient[k] - e->coefficient[k]) <=
                    2e-5 * fmax(1, fabs(e->coefficient[k])));
    }
    assert_true(fabs(log_likelihood - e->log_likelihood) <= 1e-6 * fabs(e->log_likelihood));
    assert_true(fabs(facts.variance / e->variance - 1) <= 2e-4);
    for (size_t h = 0; h < 4; h++) {
        assert_true(fabs(mean[h] - e->mean[h]) <= 2e-5 * fabs(e->mean[h]));
        assert_true(fabs(deviation[h] * size / e->deviation[h] - 1) <= 2e-4);
    }
}

/* SARIMAX of statsmodels 0.15.0, use_exact_diffuse, concentrate_scale, L-BFGS and then simplex. */
static void forecasts_are_those_of_statsmodels(void **unused)
{
    (void)unused;
    static const expected AIRLINE = {
        {-.401823, -.556936}, 232.75028590, .0013480990,
        {6.1101856, 6.05377484, 6.17171376, 6.19930034},
        {.0367165, .04278402, .04809203, .05286979}};
    static const expected GAPS = {
        {-.42162, -.565029}, 223.03492249, .0013690953,
        {6.11061107, 6.05447944, 6.17306083, 6.1996845},
        {.03700133, .0427445, .04780258, .05237443}};
    static const expected FIFTH = { /* of each five values one is not known */
        {-.330784, -.525915}, 173.37154359, .0013619011,
        {6.11771489, 6.05039507, 6.17379116, 6.21329752},
        {.04478678, .05301749, .05670862, .06219718}};
    static const expected VISITORS = {
        {.818857, -.542329}, -153.27408430, 6.0785868355,
        {75.05003212, 50.20610219, 61.77446653, 66.05009739},
        {2.46547903, 3.18660285, 3.58990278, 3.83665553}};
    static const alm_arima_order ORDER = {.d = 1, .q = 1, .seasonal_d = 1, .seasonal_q = 1};
    static const alm_arima_order SEASONAL = {.p = 1, .seasonal_p = 1, .seasonal_d = 1};
    alm_arena *arena = alm_arena_create(0);
    double air[AIR_COUNT];
    alm_past past = {air, AIR_COUNT, 12};
    alm_past visitors = {TOURISTS, sizeof TOURISTS / sizeof TOURISTS[0], 4};
    log_of_air(air);
    check_against(fit(&past, &ORDER, NULL, arena), 13, &AIRLINE);
    air[30] = air[31] = air[77] = air[100] = NAN; /* a column each */
    check_against(fit(&past, &ORDER, NULL, arena), 13, &GAPS);
    log_of_air(air);
    for (size_t t = 13; t < AIR_COUNT; t += 5) { /* so many that the filter takes them */
        air[t] = NAN;
    }
    check_against(fit(&past, &ORDER, NULL, arena), 13, &FIFTH);
    check_against(fit(&visitors, &SEASONAL, NULL, arena), 4, &VISITORS);
    alm_arena_destroy(arena);
}

/* `arima(LakeHuron, order = c(2,0,0), xreg = time(LakeHuron) - 1920)` and four years ahead, by
 * statsmodels 0.15.0 as above. */
static void regressors_go_on_into_the_forecast(void **unused)
{
    (void)unused;
    static const expected LEVEL = {
        {1.004817, -.291301, 579.099411, -.021568}, -101.19826717, .4566183507,
        {579.39725733, 578.8052337, 578.36810667, 578.09515202},
        {.67573541, .9579388, 1.07390809, 1.1123666}};
    static const char *const TIME[] = {"time"};
    double year[HURON_COUNT + 4];
    for (size_t t = 0; t < HURON_COUNT + 4; t++) {
        year[t] = 1875 + (double)t - 1920;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {HURON, HURON_COUNT, 1};
    alm_arima_order order = {.p = 2, .has_constant = true};
    alm_regressors x = {1, TIME, HURON_COUNT + 4, year};
    check_against(fit(&past, &order, &x, arena), 0, &LEVEL);
    alm_arena_destroy(arena);
}

/* R 4 with forecast 8: auto.arima(AirPassengers) is ARIMA(2,1,1)(0,1,0)[12], .5960 .2143 -.9819. */
static void the_order_of_r_is_found(void **unused)
{
    (void)unused;
    static const double COEFFICIENTS[] = {.5960, .2143, -.9819};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, AIR_COUNT, 12};
    void *state = NULL;
    alm_arima_facts facts;
    assert_int_equal(alm_arima.fit(&past, arena, &state, NULL), ALM_OK);
    alm_arima_describe(state, &facts);
    assert_true(facts.order.p == 2 && facts.order.d == 1 && facts.order.q == 1);
    assert_true(facts.order.seasonal_p == 0 && facts.order.seasonal_d == 1 &&
                facts.order.seasonal_q == 0 && !facts.order.has_constant);
    for (size_t k = 0; k < 3; k++) {
        assert_true(fabs(facts.coefficient[k] - COEFFICIENTS[k]) <= 2e-4);
    }
    alm_arena_destroy(arena);
}

/* ---- regressors ---- */

#define DAYS 120
#define AHEAD 28

/* Sales with a promotion now and then, worth 40 a day. */
static void make_sales(double *y, double *promotion)
{
    alm_rng rng = alm_rng_stream(5, 0);
    double level = 200;
    memset(promotion, 0, (DAYS + AHEAD) * sizeof(double));
    for (size_t t = 0; t < DAYS; t++) {
        promotion[t] = alm_rng_next_below(&rng, 9) == 0;
        level += alm_rng_next_normal(&rng);
        y[t] = level + 40 * promotion[t] + 4 * alm_rng_next_normal(&rng);
    }
}

/* A promotion planned for day 10 moves day 10 by its coefficient, and no other day by a bit. */
static void a_promotion_moves_its_day_alone(void **unused)
{
    (void)unused;
    static const char *const NAMES[] = {"promotion"};
    static const alm_arima_order ORDERS[] = {
        {.d = 1, .q = 1}, {.p = 1, .has_constant = true},
        {.p = 1, .d = 1, .q = 1, .seasonal_p = 1, .has_constant = true},
        {.q = 1, .seasonal_d = 1, .seasonal_q = 1}};
    double y[DAYS], x[DAYS + AHEAD], without[AHEAD], with[AHEAD];
    make_sales(y, x);
    alm_past past = {y, DAYS, 7};
    alm_regressors plan = {1, NAMES, DAYS + AHEAD, x};
    for (size_t i = 0; i < sizeof ORDERS / sizeof ORDERS[0]; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_arima_facts facts;
        x[DAYS + 9] = 0;
        alm_arima.mean(fit(&past, &ORDERS[i], &plan, arena), AHEAD, without);
        x[DAYS + 9] = 1;
        void *state = fit(&past, &ORDERS[i], &plan, arena);
        alm_arima.mean(state, AHEAD, with);
        alm_arima_describe(state, &facts);
        double coefficient = facts.coefficient[facts.count - 1];
        assert_true(fabs(coefficient - 40) < 6); /* some 4 standard errors */
        for (size_t h = 0; h < AHEAD; h++) {
            double moved = with[h] - without[h];
            assert_true(h == 9 ? fabs(moved - coefficient) <= 1e-12 * with[9] : moved == 0);
        }
        alm_arena_destroy(arena);
    }
}

/* The same with the order found, from a past whose promotions are half of what moves it. */
static void an_order_is_found_beside_regressors(void **unused)
{
    (void)unused;
    static const char *const NAMES[] = {"promotion"};
    double y[DAYS], x[DAYS + AHEAD], forecast[AHEAD];
    alm_arima_facts facts;
    alm_error error;
    void *state = NULL;
    make_sales(y, x);
    x[DAYS + 9] = 1;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, DAYS, 7};
    alm_regressors plan = {1, NAMES, DAYS + AHEAD, x};
    assert_int_equal(alm_arima_fit(&past, NULL, &plan, arena, &state, &error), ALM_OK);
    alm_arima_describe(state, &facts);
    alm_arima.mean(state, AHEAD, forecast);
    assert_true(facts.order.d == 1); /* make_sales sums errors */
    assert_true(fabs(facts.coefficient[facts.count - 1] - 40) < 6);
    assert_true(fabs(forecast[9] - forecast[8] - 40) < 10);
    past.count = 3;
    state = NULL;
    assert_int_equal(alm_arima_fit(&past, NULL, &plan, arena, &state, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "promotion")); /* none in three days */
    alm_arena_destroy(arena);
}

static void a_plan_that_is_missing_is_refused_by_name(void **unused)
{
    (void)unused;
    static const char *const NAMES[] = {"promotion", "price"};
    static const alm_arima_order ORDER = {.d = 1, .q = 1};
    double y[DAYS], x[2 * (DAYS + AHEAD)];
    alm_error error;
    alm_rng rng = alm_rng_stream(6, 0);
    make_sales(y, x);
    for (size_t t = 0; t < DAYS + AHEAD; t++) {
        x[DAYS + AHEAD + t] = alm_rng_next_uniform(&rng);
    }
    x[DAYS + AHEAD + DAYS + 4] = NAN; /* no price yet for day 5 */
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, DAYS, 7};
    alm_regressors plan = {2, NAMES, DAYS + AHEAD, x};
    void *state = fit(&past, &ORDER, &plan, arena);
    assert_int_equal(alm_arima_check_plan(state, 4, &error), ALM_OK);
    assert_int_equal(alm_arima_check_plan(state, 5, &error), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "price"));
    assert_non_null(strstr(error.message, "period 5 ahead"));
    x[DAYS + AHEAD + DAYS + 4] = .5;
    state = fit(&past, &ORDER, &plan, arena);
    assert_int_equal(alm_arima_check_plan(state, AHEAD, &error), ALM_OK);
    assert_int_equal(alm_arima_check_plan(state, AHEAD + 1, &error), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "promotion"));
    /* The state has moved on, so the plan reaches one day less far. */
    alm_arima.update(state, y[DAYS - 1]);
    assert_int_equal(alm_arima_check_plan(state, AHEAD, &error), ALM_ERR_INCOMPLETE);
    alm_arena_destroy(arena);
}

static void check_refused(const alm_past *past, const alm_arima_order *order,
                          const alm_regressors *x, alm_err code, const char *word)
{
    alm_arena *arena = alm_arena_create(0);
    alm_error error;
    void *state = NULL;
    assert_int_equal(alm_arima_fit(past, order, x, arena, &state, &error), code);
    assert_null(state);
    if (!strstr(error.message, word)) {
        fail_msg("no '%s' in: %s", word, error.message);
    }
    alm_arena_destroy(arena);
}

static void what_cannot_be_fitted_is_refused_in_words(void **unused)
{
    (void)unused;
    static const char *const NAMES[] = {"price", "twice"};
    static const double Y[] = {1, 2, 4, 3, 5, NAN, 7, 6, 8, 9, 11, 10};
    double x[24];
    for (size_t t = 0; t < 12; t++) {
        x[t] = (double)(t * t % 7);
        x[12 + t] = 2 * x[t];
    }
    alm_past past = {Y, 12, 4}, year = {Y, 12, 52};
    alm_regressors both = {2, NAMES, 12, x}, few = {1, NAMES, 11, x};
    alm_arima_order plain = {.p = 1}, large = {.p = 13}, seasonal = {.seasonal_p = 1};
    alm_arima_order bent = {.d = 2, .has_constant = true}, many = {.p = 6, .q = 5};
    check_refused(&past, &large, NULL, ALM_ERR_INVALID, "at most");
    check_refused(&past, &bent, NULL, ALM_ERR_INVALID, "constant");
    check_refused(&year, &seasonal, NULL, ALM_ERR_INVALID, "Fourier");
    check_refused(&past, &many, NULL, ALM_ERR_INCOMPLETE, "13 known values");
    check_refused(&past, &plain, &both, ALM_ERR_INVALID, "twice");
    check_refused(&past, &plain, &few, ALM_ERR_INVALID, "12 periods");
    x[3] = NAN;
    check_refused(&past, &plain, &both, ALM_ERR_INVALID, "price: not known in period 4");
}

/* ---- properties ---- */

/* A random order of random values of a kind: whatever comes, it is stationary: the deviation of
 * a forecast without differences does not grow without bounds. */
static void random_fits_stay_stationary(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(11, 0);
    for (size_t i = 0; i < 120; i++) {
        double y[90], deviation[400];
        double level = 0;
        for (size_t t = 0; t < 90; t++) {
            level = (i % 3 == 0 ? 1 : .5) * level + alm_rng_next_normal(&rng);
            y[t] = i % 2 ? level : level + 5 * (double)(t % 4);
            y[t] = alm_rng_next_below(&rng, 12) == 0 && i % 5 == 0 ? (double)NAN : y[t];
        }
        alm_arima_order order = {.p = alm_rng_next_below(&rng, 4), .q = alm_rng_next_below(&rng, 4),
                                 .seasonal_p = alm_rng_next_below(&rng, 3),
                                 .seasonal_q = alm_rng_next_below(&rng, 3), .has_constant = true};
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {y, 90, 4};
        void *state = fit(&past, &order, NULL, arena);
        alm_arima.deviation(state, 400, deviation);
        for (size_t h = 0; h < 400; h++) {
            assert_true(isfinite(deviation[h]) && deviation[h] > 0);
        }
        /* Near a unit root it settles slowly; a root beyond would multiply it by 1e3 and more. */
        assert_true(deviation[399] < 100 * deviation[0]);
        alm_arena_destroy(arena);
    }
}

/* A period that passes unknown moves the forecasts by one, and makes them no surer. */
static void a_period_without_a_value_passes(void **unused)
{
    (void)unused;
    static const alm_arima_order ORDER = {.p = 1, .d = 1, .q = 1, .seasonal_d = 1,
                                          .seasonal_q = 1};
    double before[STEPS], after[STEPS], sure[STEPS], unsure[STEPS];
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, AIR_COUNT, 12};
    void *state = fit(&past, &ORDER, NULL, arena);
    alm_arima.mean(state, STEPS, before);
    alm_arima.deviation(state, STEPS, sure);
    for (size_t k = 1; k < 4; k++) {
        alm_arima.update(state, NAN);
        alm_arima.mean(state, STEPS - k, after);
        alm_arima.deviation(state, STEPS - k, unsure);
        for (size_t h = 0; h < STEPS - k; h++) {
            assert_true(fabs(after[h] - before[h + k]) <= 1e-10 * before[h + k]);
            assert_true(fabs(unsure[h] / sure[h + k] - 1) <= 1e-9);
        }
    }
    alm_arima.update(state, 450); /* now the gap is told in part: less is open than before */
    alm_arima.deviation(state, 1, unsure);
    assert_true(unsure[0] < sure[4] && unsure[0] >= sure[0] * (1 - 1e-9));
    alm_arena_destroy(arena);
}

/* A season of 52 with a sine and an overtone, and errors of .5: Fourier terms find it, and continue
 * it for a year within 4 errors. */
static void a_long_season_is_a_sum_of_sines(void **unused)
{
    (void)unused;
    double y[260], forecast[52];
    alm_rng rng = alm_rng_stream(2, 0);
    for (size_t t = 0; t < 260; t++) {
        double angle = 6.283185307179586 * (double)t / 52;
        y[t] = 50 + 6 * sin(angle) + 2 * cos(2 * angle) + .5 * alm_rng_next_normal(&rng);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, 260, 52};
    void *state = NULL;
    alm_arima_facts facts;
    assert_int_equal(alm_arima.fit(&past, arena, &state, NULL), ALM_OK);
    alm_arima_describe(state, &facts);
    assert_true(facts.fourier >= 2 && facts.season == 52);
    alm_arima.mean(state, 52, forecast);
    for (size_t h = 0; h < 52; h++) {
        double angle = 6.283185307179586 * (double)(260 + h) / 52;
        assert_true(fabs(forecast[h] - 50 - 6 * sin(angle) - 2 * cos(2 * angle)) < 2);
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_fits_of_r_are_met),
        cmocka_unit_test(prices_follow_stata),
        cmocka_unit_test(forecasts_are_those_of_statsmodels),
        cmocka_unit_test(regressors_go_on_into_the_forecast),
        cmocka_unit_test(the_order_of_r_is_found),
        cmocka_unit_test(a_promotion_moves_its_day_alone),
        cmocka_unit_test(an_order_is_found_beside_regressors),
        cmocka_unit_test(a_plan_that_is_missing_is_refused_by_name),
        cmocka_unit_test(what_cannot_be_fitted_is_refused_in_words),
        cmocka_unit_test(random_fits_stay_stationary),
        cmocka_unit_test(a_period_without_a_value_passes),
        cmocka_unit_test(a_long_season_is_a_sum_of_sines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
