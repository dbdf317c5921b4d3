/* A forecast from the online state is the run's base forecast, bit for bit: for the history that
 * was committed, and for one that events made longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/live/recompute_fixture.h"

static void compare_leaf(served *s, const alm_recomputed *got, const kept_forecast *run,
                         const kept_forecasts *all)
{
    size_t steps = all->steps;
    assert_int_equal(got->steps, steps);
    assert_true(same_doubles(got->mean, run->f.base_mean, steps));
    assert_true(same_doubles(got->base.history.shape, run->f.shape, ALM_SHAPE_LEVELS));
    assert_int_equal(got->base.fallback, run->f.fallback);
    assert_int_equal(got->base.history.class_of_series, run->f.class_of_series);
    assert_string_equal(got->method, run->f.method);
    if (!got->not_reconciled) {
        assert_true(same_doubles(got->mean, run->f.mean, steps));
        assert_true(same_doubles(got->quantile, run->f.quantile, steps * all->quantiles));
    }
    (void)s;
}

/* A run that ends when the online state does. */
static void compare_with_run(served *s, const char *end)
{
    kept_forecasts all;
    alm_base_workspace workspace = served_workspace();
    pipeline_case c = {.end = end, .delay = s->delay};
    served_must(s, pipeline_case_run(s->f, &s->snapshot, &s->parts, &c, s->arena, &all));
    const alm_online_now *now = alm_online_state_enter(s->online, 0);
    size_t compared = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (all.list[i].aggregate) {
            continue;
        }
        alm_recomputed got;
        alm_recompute_request request = {s->bundle, s->online, now, all.list[i].f.index, false,
                                         NULL, 1};
        alm_arena_reset(workspace.results);
        alm_err code = alm_recompute(&request, &workspace, &got, &s->f->error);
        if (all.list[i].f.fallback == ALM_FALLBACK_COLD_START) {
            assert_int_equal(code, ALM_ERR_INCOMPLETE);
            assert_non_null(strstr(s->f->error.message, "borrowed"));
            continue;
        }
        served_must(s, code);
        compare_leaf(s, &got, &all.list[i], &all);
        compared++;
    }
    assert_in_range(compared, SYNTHETIC_SERIES - 4, SYNTHETIC_SERIES);
    alm_online_state_leave(s->online, 0);
    served_workspace_end(&workspace);
}

static void check_case(fixture *f, const served_case *c)
{
    served s;
    char end[ALM_DATE_TEXT_BYTES];
    served_start(&s, f, c);
    alm_date_text(fixture_date(SYNTHETIC_END) - TOLD_DAYS, end);
    compare_with_run(&s, end); /* the committed history */
    served_tell_days(&s);
    compare_with_run(&s, SYNTHETIC_END);
    served_stop(&s);
}

static void test_base_forecast(void **state)
{
    check_case(*state, &(served_case){.delay = 0});
}

static void test_publication_delay(void **state)
{
    check_case(*state, &(served_case){.delay = 2});
}

static void test_not_reconciled(void **state)
{
    check_case(*state, &(served_case){.own_aggregates = true});
}

static void test_quantile_forests(void **state)
{
    check_case(*state, &(served_case){.quantile_forests = true, .delay = 1});
}

static void test_recursive(void **state)
{
    check_case(*state, &(served_case){.recursive = true});
    check_case(*state, &(served_case){.recursive = true, .delay = 2});
}

static void test_statistical(void **state)
{
    check_case(*state, &(served_case){.statistical = true});
    check_case(*state, &(served_case){.statistical = true, .delay = 2, .own_aggregates = true});
}

/* Lines of the explanation, as a run keeps them. */
static void test_explained(void **state)
{
    served s;
    fixture *f = *state;
    served_start(&s, f, &(served_case){.delay = 1});
    alm_forest_scratch *scratch = NULL;
    served_must(&s, alm_forest_scratch_create(s.bundle->models[0].explainer, &scratch, &f->error));
    alm_base_workspace workspace = {s.arena, alm_arena_create(0), alm_arena_create(0), &scratch};
    const alm_online_now *now = alm_online_state_enter(s.online, 0);
    alm_recomputed got;
    alm_recompute_request request = {s.bundle, s.online, now, 1, true, NULL, 1};
    served_must(&s, alm_recompute(&request, &workspace, &got, &f->error));
    size_t lines = 0;
    for (size_t k = 0; k < got.steps * ALM_CONTRIBUTIONS_MAX; k++) {
        lines += got.base.top[k].feature != UINT16_MAX && got.base.top[k].value != 0;
    }
    assert_true(lines > 0);
    alm_online_state_leave(s.online, 0);
    alm_forest_scratch_destroy(scratch);
    alm_arena_destroy(workspace.batch);
    alm_arena_destroy(workspace.series);
    served_stop(&s);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_base_forecast),    ON(test_publication_delay), ON(test_not_reconciled),
        ON(test_quantile_forests), ON(test_recursive),         ON(test_explained),
        ON(test_statistical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
