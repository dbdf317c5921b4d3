#include "model/statistical/automatic/contest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/rolling.h"
#include "model/statistical/statistical_cases.h"
#include "num/quantile.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define STEPS 12

static const alm_past AIR_PAST = {AIR, COUNT_OF(AIR), 12};

static alm_choice_facts facts_of(const alm_forecaster_kind *kind, const alm_past *past,
                                 alm_arena *arena, void **state)
{
    alm_choice_facts facts;
    assert_int_equal(kind->fit(past, arena, state, NULL), ALM_OK);
    alm_choice_describe(*state, &facts);
    return facts;
}

/* The origins of the header, one by one: fitted after 108 values, and moved on by six twice. */
static double error_by_hand(const alm_forecaster_kind *kind, alm_arena *arena)
{
    void *state = NULL;
    double mean[STEPS];
    double sum = 0;
    alm_past oldest = {AIR, COUNT_OF(AIR) - 24, 12};
    assert_int_equal(kind->fit(&oldest, arena, &state, NULL), ALM_OK);
    for (size_t known = oldest.count; known + STEPS <= COUNT_OF(AIR); known++) {
        if ((known - oldest.count) % 6 == 0) {
            kind->mean(state, STEPS, mean);
            for (size_t h = 0; h < STEPS; h++) {
                sum += (AIR[known + h] - mean[h]) * (AIR[known + h] - mean[h]);
            }
        }
        kind->update(state, AIR[known]);
    }
    return sqrt(sum / (3 * STEPS));
}

static void errors_are_those_of_earlier_origins(void **unused)
{
    (void)unused;
    size_t count = 0;
    void *state = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_choice_facts facts = facts_of(&alm_weighted, &AIR_PAST, arena, &state);
    const alm_forecaster_kind *const *kinds = alm_demand_members(ALM_DEMAND_smooth, 12, &count);
    double inverse = 0;
    assert_int_equal(facts.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(facts.member[i].name, kinds[i]->name);
        /* sums in the same order */
        assert_true(fabs(facts.member[i].error - error_by_hand(kinds[i], arena)) <= 1e-9);
        inverse += 1 / facts.member[i].error;
    }
    for (size_t i = 0; i < count; i++) {
        double weight = 1 / facts.member[i].error / inverse;
        assert_true(fabs(facts.member[i].weight - weight) <= 1e-12); /* rounding */
    }
    alm_arena_destroy(arena);
}

/* The best is the one with the least error, and forecasts as it would by itself. */
static void the_best_is_the_least_far_off(void **unused)
{
    (void)unused;
    size_t count = 0;
    void *state = NULL;
    void *own = NULL;
    double a[STEPS], b[STEPS];
    alm_arena *arena = alm_arena_create(0);
    alm_choice_facts facts = facts_of(&alm_best, &AIR_PAST, arena, &state);
    const alm_forecaster_kind *const *kinds = alm_demand_members(ALM_DEMAND_smooth, 12, &count);
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        best = facts.member[i].error < facts.member[best].error ? i : best;
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(facts.member[i].reason,
                         i == best ? ALM_CHOICE_USED : ALM_CHOICE_FURTHER_OFF);
        assert_true(facts.member[i].weight == (i == best ? 1 : 0));
    }
    assert_int_equal(kinds[best]->fit(&AIR_PAST, arena, &own, NULL), ALM_OK);
    alm_best.mean(state, STEPS, a);
    kinds[best]->mean(own, STEPS, b);
    assert_memory_equal(a, b, sizeof a);
    assert_non_null(strstr(alm_choice_text(&facts, arena), "it was further off before"));
    assert_non_null(strstr(alm_choice_text(&facts, arena), "candidates of smooth demand"));
    alm_arena_destroy(arena);
}

static void the_median_is_that_of_the_candidates(void **unused)
{
    (void)unused;
    size_t count = 0;
    void *state = NULL;
    double own[ALM_DEMAND_MEMBERS_MAX][STEPS];
    double mean[STEPS];
    double many[200];
    alm_arena *arena = alm_arena_create(0);
    alm_choice_facts facts = facts_of(&alm_median, &AIR_PAST, arena, &state);
    const alm_forecaster_kind *const *kinds = alm_demand_members(ALM_DEMAND_smooth, 12, &count);
    for (size_t i = 0; i < count; i++) {
        void *one = NULL;
        assert_int_equal(kinds[i]->fit(&AIR_PAST, arena, &one, NULL), ALM_OK);
        kinds[i]->mean(one, STEPS, own[i]);
    }
    alm_median.mean(state, STEPS, mean);
    for (size_t h = 0; h < STEPS; h++) {
        double value[ALM_DEMAND_MEMBERS_MAX];
        for (size_t i = 0; i < count; i++) {
            value[i] = own[i][h];
        }
        alm_sort_doubles(value, count);
        assert_true(mean[h] == value[count / 2]);
    }
    alm_median.mean(state, COUNT_OF(many), many); /* more than fit the small room */
    assert_memory_equal(many, mean, sizeof mean);
    alm_median.deviation(state, COUNT_OF(many), many);
    assert_true(many[0] > 0 && many[STEPS - 1] > many[0]);
    assert_true(alm_median.next(state, .1) < alm_median.next(state, .9));
    assert_true(strncmp(alm_choice_text(&facts, arena), "median of auto, mstl", 20) == 0);
    alm_arena_destroy(arena);
}

/* Rare demand has candidates of its own. */
static void candidates_are_those_of_the_class(void **unused)
{
    (void)unused;
    double rare[60], parts[60];
    void *state = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(5, 0);
    for (size_t t = 0; t < COUNT_OF(rare); t++) {
        rare[t] = alm_rng_next_below(&rng, 3) == 0 ? (double)(1 + alm_rng_next_below(&rng, 3)) : 0;
        parts[t] = rare[t] / 4;
    }
    alm_choice_facts facts = facts_of(&alm_best, &(alm_past){rare, 60, 12}, arena, &state);
    assert_string_equal(facts.member[0].name, "imapa");
    assert_int_equal(facts.class_of_demand, ALM_DEMAND_intermittent);
    facts = facts_of(&alm_median, &(alm_past){parts, 60, 12}, arena, &state);
    for (size_t i = 0; i < facts.count; i++) {
        bool is_of_counts = strcmp(facts.member[i].name, "count") == 0;
        assert_int_equal(facts.member[i].reason,
                         is_of_counts ? ALM_CHOICE_UNSUITED : ALM_CHOICE_USED);
    }
    alm_arena_destroy(arena);
}

/* Too short for a contest: all the same, and the best is the first; constant: the newest value. */
static void short_pasts_have_no_contest(void **unused)
{
    (void)unused;
    static const double EQUAL[] = {3, 3, 3, 3, 3, 3};
    void *state = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, ALM_CONTEST_LEAST - 1, 1};
    alm_choice_facts facts = facts_of(&alm_best, &past, arena, &state);
    assert_true(facts.member[0].weight == 1 && isnan(facts.member[0].error));
    assert_int_equal(facts.member[1].reason, ALM_CHOICE_NOT_NEEDED);
    facts = facts_of(&alm_weighted, &past, arena, &state);
    assert_true(facts.member[0].weight == facts.member[1].weight);
    facts = facts_of(&alm_weighted, &(alm_past){EQUAL, 6, 1}, arena, &state);
    assert_string_equal(facts.member[facts.count - 1].name, "naive");
    assert_true(facts.member[facts.count - 1].weight == 1);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_those_of_earlier_origins),
        cmocka_unit_test(the_best_is_the_least_far_off),
        cmocka_unit_test(the_median_is_that_of_the_candidates),
        cmocka_unit_test(candidates_are_those_of_the_class),
        cmocka_unit_test(short_pasts_have_no_contest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
