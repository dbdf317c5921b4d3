#include "model/statistical/smoothing/ets.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/combination.h"
#include "model/statistical/statistical_cases.h"

#define A ALM_ETS_ADDITIVE
#define M ALM_ETS_MULTIPLICATIVE
#define N ALM_ETS_NONE

/* R's forecast::ets with each form fixed, as statsmodels keeps it (tests/results/
 * fit_ets_results_{seasonal,nonseasonal}.json): log-likelihood, and the first forecast where R
 * found the optimum that is found here (0: it did not). */
static const struct {
    alm_ets_form form;
    double log_likelihood, first;
} OF_TOURISTS[] = {
    {{A, A, A, false}, -201.27311461, 0},           {{M, A, A, false}, -203.60021572, 0},
    {{A, N, A, false}, -204.28165362, 75.32914757}, {{M, N, A, false}, -206.75768291, 75.20474689},
    {{M, A, M, false}, -195.75179425, 0},           {{M, N, M, false}, -206.42027478, 0},
    {{A, A, A, true}, -200.02361522, 0},            {{M, A, A, true}, -204.85615892, 0},
    {{M, A, M, true}, -196.36297945, 0},
}, OF_OIL[] = {
    {{A, A, N, false}, -285.64745013, 0},           {{M, A, N, false}, -293.30311473, 0},
    {{A, N, N, false}, -285.07846207, 542.341219},  {{M, N, N, false}, -289.29728569, 542.341224},
    {{A, A, N, true}, -284.64438385, 0},            {{M, A, N, true}, -292.23998794, 0},
};

static void check(const alm_past *past, const alm_ets_form *form, double log_likelihood,
                  double first)
{
    alm_arena *arena = alm_arena_create(0);
    void *state = NULL;
    alm_ets_facts facts;
    double out;
    char text[5];
    assert_int_equal(alm_ets_fit(past, form, arena, &state, NULL), ALM_OK);
    alm_ets_describe(state, &facts);
    alm_ets_form_text(&facts.form, text);
    /* Never worse: the tolerance is the printed digits. */
    if (facts.log_likelihood < log_likelihood - 1e-6) {
        fail_msg("%s: %.8f, R has %.8f", text, facts.log_likelihood, log_likelihood);
    }
    alm_ets.mean(state, 1, &out);
    /* R's simplex stops within 1e-3 of the optimum. */
    assert_true(first == 0 || fabs(out - first) <= 1e-3 * first);
    alm_arena_destroy(arena);
}

static void no_likelihood_is_below_that_of_r(void **unused)
{
    (void)unused;
    alm_past tourists = {TOURISTS, sizeof TOURISTS / sizeof TOURISTS[0], 4};
    alm_past oil = {OIL, sizeof OIL / sizeof OIL[0], 1};
    for (size_t i = 0; i < sizeof OF_TOURISTS / sizeof OF_TOURISTS[0]; i++) {
        check(&tourists, &OF_TOURISTS[i].form, OF_TOURISTS[i].log_likelihood,
              OF_TOURISTS[i].first);
    }
    for (size_t i = 0; i < sizeof OF_OIL / sizeof OF_OIL[0]; i++) {
        check(&oil, &OF_OIL[i].form, OF_OIL[i].log_likelihood, OF_OIL[i].first);
    }
}

/* A walk without noise is found again: level 100, slope 2, season of 4, then told for ever. */
static void an_exact_series_is_continued(void **unused)
{
    (void)unused;
    static const double SEASON[] = {5, -3, -4, 2};
    double y[40];
    double out[8];
    for (size_t t = 0; t < 40; t++) {
        y[t] = 100 + 2 * (double)t + SEASON[t % 4];
    }
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, 40, 4};
    alm_ets_form form = {A, A, A, false};
    void *state = NULL;
    assert_int_equal(alm_ets_fit(&past, &form, arena, &state, NULL), ALM_OK);
    alm_ets.mean(state, 8, out);
    for (size_t h = 0; h < 8; h++) {
        double expected = 100 + 2 * (double)(40 + h) + SEASON[h % 4];
        assert_true(fabs(out[h] - expected) < 1e-6 * expected); /* the search's tolerance */
    }
    alm_arena_destroy(arena);
}

static void deviations_are_those_of_the_formulas(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {OIL, sizeof OIL / sizeof OIL[0], 1};
    alm_ets_form form = {A, A, N, false};
    void *state = NULL;
    alm_ets_facts facts;
    double v[3];
    assert_int_equal(alm_ets_fit(&past, &form, arena, &state, NULL), ALM_OK);
    alm_ets_describe(state, &facts);
    alm_ets.deviation(state, 3, v);
    double one = facts.alpha + facts.beta;
    double two = facts.alpha + 2 * facts.beta;
    double three_ahead = sqrt(facts.variance * (1 + one * one + two * two));
    assert_true(fabs(v[0] - sqrt(facts.variance)) <= 1e-12 * v[0]);
    assert_true(fabs(v[2] - three_ahead) <= 1e-12 * v[2]);
    alm_arena_destroy(arena);
}

/* The names are those of the forms, and Holt's and Winters' is Holt's without a season. */
static void forms_with_a_name_are_those_forms(void **unused)
{
    (void)unused;
    static const struct {
        const alm_forecaster_kind *kind;
        alm_ets_form form;
        bool has_season;
    } NAMED[] = {{&alm_ses, {A, N, N, false}, false},
                 {&alm_holt, {A, A, N, false}, false},
                 {&alm_holt_damped, {A, A, N, true}, false},
                 {&alm_holt_winters, {A, A, A, false}, true},
                 {&alm_holt_winters_multiplicative, {M, A, M, false}, true}};
    alm_past seasonal = {AIR, sizeof AIR / sizeof AIR[0], 12};
    alm_past plain = {AIR, sizeof AIR / sizeof AIR[0], 1};
    for (size_t i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_ets_form without = NAMED[i].has_season ? (alm_ets_form){A, A, N, false} : NAMED[i].form;
        void *named = NULL, *form = NULL;
        double a[15], b[15];
        for (int k = 0; k < 2; k++) {
            const alm_past *past = k ? &plain : &seasonal;
            assert_int_equal(NAMED[i].kind->fit(past, arena, &named, NULL), ALM_OK);
            assert_int_equal(alm_ets_fit(past, k ? &without : &NAMED[i].form, arena, &form, NULL),
                             ALM_OK);
            alm_ets.mean(named, 15, a);
            alm_ets.mean(form, 15, b);
            assert_memory_equal(a, b, sizeof a);
        }
        alm_arena_destroy(arena);
    }
}

/* A value of 0 leaves no ratio: the additive form then, and the description says so. */
static void a_ratio_of_nothing_is_a_difference(void **unused)
{
    (void)unused;
    double y[48];
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, 48, 12};
    void *state = NULL;
    alm_ets_facts facts;
    for (size_t t = 0; t < 48; t++) {
        y[t] = t % 12 < 3 ? 0 : AIR[t];
    }
    assert_int_equal(alm_holt_winters_multiplicative.fit(&past, arena, &state, NULL), ALM_OK);
    alm_ets_describe(state, &facts);
    assert_int_equal(facts.form.season, A);
    assert_int_equal(facts.form.error, A);
    alm_arena_destroy(arena);
}

/* Averages lie among the forms, and one form alone where it fits far better. */
static void averages_are_of_the_forms(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, sizeof AIR / sizeof AIR[0], 12};
    alm_ets_form best = {M, A, M, true};
    void *all = NULL, *one = NULL;
    double a[12], b[12];
    assert_int_equal(alm_ets_averaged.fit(&past, arena, &all, NULL), ALM_OK);
    assert_int_equal(alm_ets_fit(&past, &best, arena, &one, NULL), ALM_OK);
    const alm_combination *c = all;
    double sum = 0;
    assert_true(c->count > 1);
    for (size_t i = 0; i < c->count; i++) {
        sum += c->part[i].weight;
    }
    assert_true(fabs(sum - 1) < 1e-12); /* rounding */
    alm_ets_averaged.mean(all, 12, a);
    alm_ets.mean(one, 12, b);
    for (size_t h = 0; h < 12; h++) { /* other forms are a small part here */
        assert_true(fabs(a[h] - b[h]) < .05 * b[h]);
    }
    alm_arena_destroy(arena);
}

/* A season of 52 is taken out before the fit and put back, as theta's is. */
static void long_seasons_are_taken_out(void **unused)
{
    (void)unused;
    double y[260];
    double out[52];
    for (size_t t = 0; t < 260; t++) {
        y[t] = 100 + (t % 52 < 26 ? 10 : -10);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, 260, 52};
    void *state = NULL;
    assert_int_equal(alm_ets.fit(&past, arena, &state, NULL), ALM_OK);
    alm_ets.mean(state, 52, out);
    for (size_t h = 0; h < 52; h++) { /* indices are ratios of a moving mean: near, not equal */
        assert_true(fabs(out[h] - y[h]) < 1);
    }
    alm_arena_destroy(arena);
}

static void compare_with_the_likeliest(const alm_past *past, alm_ets_facts *chosen,
                                       alm_ets_facts *likeliest)
{
    alm_arena *arena = alm_arena_create(0);
    void *state = NULL;
    assert_int_equal(alm_ets.fit(past, arena, &state, NULL), ALM_OK);
    alm_ets_describe(state, chosen);
    assert_int_equal(alm_ets_fit(past, &chosen->form, arena, &state, NULL), ALM_OK);
    alm_ets_describe(state, likeliest);
    alm_arena_destroy(arena);
}

/* On short pasts the choice is below the likeliest fit, and its slope changes less; with a season
 * no trend goes on for ever. 1e-4: how far a search may end from its optimum. */
static void the_choice_is_cautious(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(11, 0);
    double own = 0, ml = 0;
    size_t trends = 0;
    for (size_t i = 0; i < 60; i++) {
        double y[36], level = 20, slope = .1;
        size_t season = i % 3 == 0 ? 4 : 1;
        for (size_t t = 0; t < 36; t++) {
            slope += .1 * alm_rng_next_normal(&rng);
            level += slope + .3 * alm_rng_next_normal(&rng);
            y[t] = level + (season > 1 && t % 4 == 0 ? 2 : 0);
        }
        alm_ets_facts chosen, likeliest;
        compare_with_the_likeliest(&(alm_past){y, 36, season}, &chosen, &likeliest);
        assert_true(chosen.log_likelihood <= likeliest.log_likelihood + 1e-4);
        assert_true(season == 1 || !chosen.form.trend || chosen.form.is_damped);
        if (chosen.form.trend) {
            trends++;
            own += chosen.beta;
            ml += likeliest.beta;
        }
    }
    assert_true(trends > 20 && own < .9 * ml);
}

/* .. and of 3,000 values little of that is left: even of slopes that wander far, so that changes
 * from period to period are large beside the errors, less than a tenth of beta. */
static void a_long_past_leaves_little_of_the_prior(void **unused)
{
    (void)unused;
    static double y[3000];
    alm_rng rng = alm_rng_stream(12, 0);
    double level = 5000, slope = 0;
    for (size_t t = 0; t < 3000; t++) {
        double e = alm_rng_next_normal(&rng);
        y[t] = level + slope + e;
        level += slope + .6 * e;
        slope += .2 * e;
    }
    alm_ets_facts chosen, likeliest;
    compare_with_the_likeliest(&(alm_past){y, 3000, 1}, &chosen, &likeliest);
    assert_int_equal(chosen.form.trend, A);
    assert_true(fabs(chosen.beta - likeliest.beta) < .1 * likeliest.beta);
    assert_true(likeliest.log_likelihood - chosen.log_likelihood < 3); /* of 12,000 */
}

static void forms_that_do_not_fit_are_refused(void **unused)
{
    (void)unused;
    static const double Y[] = {1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 12, 4};
    alm_ets_form ratio = {M, N, N, false};
    alm_ets_form large = {A, A, A, true};
    void *state = NULL;
    alm_error error;
    assert_int_equal(alm_ets_fit(&past, &ratio, arena, &state, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_ets_fit(&past, &large, arena, &state, &error), ALM_ERR_INCOMPLETE);
    assert_null(state);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_likelihood_is_below_that_of_r),
        cmocka_unit_test(an_exact_series_is_continued),
        cmocka_unit_test(deviations_are_those_of_the_formulas),
        cmocka_unit_test(forms_with_a_name_are_those_forms),
        cmocka_unit_test(a_ratio_of_nothing_is_a_difference),
        cmocka_unit_test(averages_are_of_the_forms),
        cmocka_unit_test(long_seasons_are_taken_out),
        cmocka_unit_test(the_choice_is_cautious),
        cmocka_unit_test(a_long_past_leaves_little_of_the_prior),
        cmocka_unit_test(forms_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
