/* What would be is what is once it has happened, bit for bit; and what a change cannot reach is
 * told. */
#include "serve/live/overlay.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/live/recompute_fixture.h"

enum { SERIES = 5 };

typedef struct what_if {
    served s;
    alm_base_workspace workspace;
    alm_overlay overlay;
} what_if;

static void open_case(what_if *w, fixture *f, const served_case *c)
{
    *w = (what_if){.workspace = served_workspace()};
    served_start(&w->s, f, c);
}

static void close_case(what_if *w)
{
    alm_overlay_clear(&w->overlay);
    served_workspace_end(&w->workspace);
    served_stop(&w->s);
}

static alm_err lay_over(what_if *w, size_t series, const alm_changes *changes)
{
    alm_error_clear(&w->s.f->error);
    alm_overlay_clear(&w->overlay);
    alm_overlay_request request = {w->s.online, alm_online_state_enter(w->s.online, 0), series,
                                   fixture_date(SYNTHETIC_END)};
    alm_overlay made;
    alm_err code = alm_overlay_make(&request, changes, w->workspace.results, &made,
                                    &w->s.f->error);
    if (code == ALM_OK) {
        w->overlay = made;
    }
    alm_online_state_leave(w->s.online, 0);
    return code;
}

static alm_recomputed compute(what_if *w, size_t series, const alm_changes *changes, double factor)
{
    alm_recomputed out;
    if (changes) {
        served_must(&w->s, lay_over(w, series, changes));
    }
    const alm_online_now *now = alm_online_state_enter(w->s.online, 0);
    alm_recompute_request request = {.bundle = w->s.bundle, .online = w->s.online, .now = now,
                                     .series = series, .overlay = changes ? &w->overlay : NULL,
                                     .factor = factor};
    served_must(&w->s, alm_recompute(&request, &w->workspace, &out, &w->s.f->error));
    alm_online_state_leave(w->s.online, 0);
    return out;
}

static void expect_same(const what_if *w, const alm_recomputed *a, const alm_recomputed *b)
{
    assert_true(served_same(a, b, w->s.bundle->method.quantile_count));
}

static void expect_other(const what_if *w, const alm_recomputed *a, const alm_recomputed *b)
{
    assert_false(served_same(a, b, w->s.bundle->method.quantile_count));
}

static void tell(what_if *w, alm_event_kind kind, size_t series, const alm_day_value *day,
                 const alm_event_value *price)
{
    const alm_str keys[] = {alm_str_of(synthetic_sku((int)series)),
                            alm_str_of(synthetic_store((int)series))};
    alm_event event = {.kind = kind, .keys = keys, .key_count = 2, .day = day->day,
                       .quantity = day->value, .values = price, .value_count = price ? 1 : 0,
                       .known_at = alm_instant_of_date(fixture_date(SYNTHETIC_END))};
    alm_online_effect effect;
    served_must(&w->s, alm_online_state_apply(w->s.online, &event, event.known_at, &effect,
                                              &w->s.f->error));
    assert_int_equal(effect, ALM_ONLINE_COUNTED);
}

/* ---- sales ---- */

/* Mondays to Sundays of the last weeks, a closed day and days without a row among them. */
static void replaced_sales_are_corrections(fixture *f, const served_case *c)
{
    what_if w;
    alm_day_value day[] = {{served_day(155 - c->delay), 9}, {served_day(150), 0},
                           {served_day(152), 4},            {served_day(146), 0},
                           {served_day(140), 3},            {served_day(119), 2},
                           {served_day(132), 0},            {served_day(139), 1e3}};
    alm_changes changes = {.sales = day, .sales_count = sizeof day / sizeof *day};
    open_case(&w, f, c);
    for (size_t series = SERIES; series < SERIES + 3; series++) {
        alm_recomputed before = compute(&w, series, NULL, 1);
        alm_recomputed would = compute(&w, series, &changes, 1);
        expect_other(&w, &before, &would);
        assert_int_equal(w.overlay.replaced, changes.sales_count);
        alm_overlay_clear(&w.overlay);
        for (size_t i = 0; i < changes.sales_count; i++) {
            tell(&w, ALM_EVENT_CORRECTION, series, &day[i], NULL);
        }
        served_must(&w.s, alm_online_state_publish(w.s.online, &f->error));
        alm_recomputed is = compute(&w, series, NULL, 1);
        expect_same(&w, &would, &is);
    }
    close_case(&w);
}

static void test_replaced_sales(void **state)
{
    replaced_sales_are_corrections(*state, &(served_case){.delay = 0});
}

static void test_replaced_sales_with_a_delay(void **state)
{
    replaced_sales_are_corrections(*state, &(served_case){.delay = 2});
}

static void test_replaced_sales_of_a_recursive_plan(void **state)
{
    replaced_sales_are_corrections(*state, &(served_case){.recursive = true});
}

static void test_replaced_sales_with_quantile_forests(void **state)
{
    replaced_sales_are_corrections(*state, &(served_case){.quantile_forests = true});
}

/* Days behind the last: as told by events, with the profile of the online state's own last day. */
static void test_extended_sales(void **state)
{
    what_if w;
    fixture *f = *state;
    alm_day_value day[TOLD_DAYS];
    size_t count = 0;
    open_case(&w, f, &(served_case){.recursive = true});
    for (int d = FIRST_DAYS; d < SYNTHETIC_DAYS; d++) {
        int units = synthetic_units(SERIES, d);
        if (units >= 0) {
            day[count++] = (alm_day_value){served_day(d), units};
        }
    }
    assert_true(count > 0 && day[count - 1].day == fixture_date(SYNTHETIC_END) - 1);
    alm_changes changes = {.sales = day, .sales_count = count};
    alm_recomputed would = compute(&w, SERIES, &changes, 1);
    assert_int_equal(w.overlay.extended, count);
    assert_int_equal(would.origin, fixture_date(SYNTHETIC_END) - 1);
    alm_overlay_clear(&w.overlay);
    alm_profile profile = alm_online_state_enter(w.s.online, 0)->profile;
    alm_online_state_leave(w.s.online, 0);
    served_tell_days(&w.s);
    alm_online_now now = *alm_online_state_enter(w.s.online, 0);
    now.profile = profile;
    alm_recompute_request request = {.bundle = w.s.bundle, .online = w.s.online, .now = &now,
                                     .series = SERIES, .factor = 1};
    alm_recomputed is;
    served_must(&w.s, alm_recompute(&request, &w.workspace, &is, &f->error));
    expect_same(&w, &would, &is);
    alm_online_state_leave(w.s.online, 0);
    close_case(&w);
}

/* Of a direct plan, where a price of the new day is said with it. */
static void test_extended_sales_and_their_price(void **state)
{
    what_if w;
    open_case(&w, *state, &(served_case){.delay = 0});
    alm_day_value sale = {served_day(FIRST_DAYS), 5};
    alm_day_value price = {served_day(FIRST_DAYS), 40};
    alm_column_change column = {ALM_STR("price"), &price, 1, false, 0};
    alm_changes changes = {.sales = &sale, .sales_count = 1};
    alm_recomputed without = compute(&w, SERIES, &changes, 1);
    changes.column = &column;
    changes.column_count = 1;
    alm_recomputed with = compute(&w, SERIES, &changes, 1);
    assert_int_equal(w.overlay.reach[0], ALM_CHANGE_READ);
    expect_other(&w, &without, &with);
    close_case(&w);
}

/* ---- columns ---- */

static void test_a_past_price_is_that_of_an_event(void **state)
{
    what_if w;
    fixture *f = *state;
    open_case(&w, f, &(served_case){.delay = 0});
    int day = FIRST_DAYS - 1;
    assert_true(synthetic_units(SERIES, day) > 0);
    alm_day_value price = {served_day(day), 0.25};
    alm_column_change column = {ALM_STR("price"), &price, 1, false, 0};
    alm_changes changes = {.column = &column, .column_count = 1};
    alm_recomputed before = compute(&w, SERIES, NULL, 1);
    alm_recomputed would = compute(&w, SERIES, &changes, 1);
    assert_int_equal(w.overlay.reach[0], ALM_CHANGE_READ);
    expect_other(&w, &before, &would);
    alm_overlay_clear(&w.overlay);
    alm_event_value value = {ALM_STR("price"), 0.25};
    tell(&w, ALM_EVENT_CORRECTION, SERIES,
         &(alm_day_value){served_day(day), synthetic_units(SERIES, day)}, &value);
    served_must(&w.s, alm_online_state_publish(w.s.online, &f->error));
    alm_recomputed is = compute(&w, SERIES, NULL, 1);
    expect_same(&w, &would, &is);
    close_case(&w);
}

/* A fair that the calendar has, and one that is only supposed. */
static void test_a_planned_event_is_that_of_the_calendar(void **state)
{
    what_if w;
    fixture *f = *state;
    int day = FIRST_DAYS + 8;
    alm_recomputed kept;
    open_case(&w, f, &(served_case){.fair_day = day});
    alm_recomputed planned = compute(&w, SERIES, NULL, 1);
    size_t quantiles = w.s.bundle->method.quantile_count;
    kept = planned;
    double *copy = ALM_NEW_ARRAY(f->arena, double, kept.steps);
    memcpy(copy, planned.mean, kept.steps * sizeof *copy);
    double *paths = ALM_NEW_ARRAY(f->arena, double, kept.steps * kept.path_count);
    memcpy(paths, planned.paths, kept.steps * kept.path_count * sizeof *paths);
    double *quantile = ALM_NEW_ARRAY(f->arena, double, kept.steps * quantiles);
    memcpy(quantile, planned.quantile, kept.steps * quantiles * sizeof *quantile);
    kept.mean = copy;
    kept.paths = paths;
    kept.quantile = quantile;
    alm_date date = served_day(day);
    close_case(&w);

    alm_day_value fair = {date, 1};
    alm_column_change column = {ALM_STR("event"), &fair, 1, false, 0};
    alm_changes changes = {.column = &column, .column_count = 1};
    open_case(&w, f, &(served_case){.delay = 0});
    alm_recomputed before = compute(&w, SERIES, NULL, 1);
    alm_recomputed would = compute(&w, SERIES, &changes, 1);
    assert_int_equal(w.overlay.reach[0], ALM_CHANGE_READ);
    expect_other(&w, &before, &would);
    expect_same(&w, &would, &kept);
    close_case(&w);
}

static void test_how_far_a_change_comes(void **state)
{
    static const struct {
        const char *column;
        int day;
        double value;
        alm_change_reach reach;
    } CASE[] = {
        {"price", FIRST_DAYS + 2, 3, ALM_CHANGE_NOT_AHEAD},
        {"event", FIRST_DAYS + 2, 0, ALM_CHANGE_SAME},
        {"event", FIRST_DAYS + 2, 1, ALM_CHANGE_READ},
        {"open", FIRST_DAYS - 10, 0, ALM_CHANGE_TOO_OLD}, /* the calendar of the past stays */
        {"open", FIRST_DAYS + 2, 1, ALM_CHANGE_SAME},
        {"open", FIRST_DAYS + 2, 0, ALM_CHANGE_READ},
    };
    what_if w;
    open_case(&w, *state, &(served_case){.delay = 0});
    alm_recomputed before = compute(&w, SERIES, NULL, 1);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_day_value day = {served_day(CASE[i].day), CASE[i].value};
        alm_column_change column = {alm_str_of(CASE[i].column), &day, 1, false, 0};
        alm_changes changes = {.column = &column, .column_count = 1};
        alm_recomputed would = compute(&w, SERIES, &changes, 1);
        assert_int_equal(w.overlay.reach[0], CASE[i].reach);
        if (CASE[i].reach != ALM_CHANGE_READ) {
            expect_same(&w, &before, &would);
            assert_null(w.overlay.own);
        }
        if (i == 5) { /* closed: nothing is sold that day, and the others stay */
            assert_true(before.mean[2] > 0 && would.mean[2] == 0);
            assert_true(same_doubles(before.mean + 3, would.mean + 3, before.steps - 3));
        }
    }
    close_case(&w);
}

static void test_nothing_changed_is_the_series_as_it_is(void **state)
{
    what_if w;
    alm_changes none = {.sales = NULL};
    open_case(&w, *state, &(served_case){.delay = 1});
    alm_recomputed is = compute(&w, SERIES, NULL, 1);
    alm_recomputed would = compute(&w, SERIES, &none, 1);
    expect_same(&w, &is, &would);
    assert_null(w.overlay.own);
    /* A share beside the model's takes the same ranks and random numbers. */
    alm_recomputed twice = compute(&w, SERIES, NULL, 2);
    for (size_t h = 0; h < is.steps; h++) {
        assert_true(twice.mean[h] == 2 * is.mean[h]);
    }
    for (size_t i = 0; i < is.steps * is.path_count; i++) {
        /* Both are rounded to whole numbers. */
        assert_in_range(twice.paths[i] - 2 * is.paths[i] + 1, 0, 2);
    }
    close_case(&w);
}

/* ---- what is refused ---- */

static void refuse(what_if *w, const alm_changes *changes, alm_err code, const char *part)
{
    assert_int_equal(lay_over(w, SERIES, changes), code);
    if (!strstr(w->s.f->error.message, part)) {
        fail_msg("'%s' is not in '%s'", part, w->s.f->error.message);
    }
}

static void refuse_sale(what_if *w, alm_date day, double value, alm_err code, const char *part)
{
    alm_day_value sale = {day, value};
    refuse(w, &(alm_changes){.sales = &sale, .sales_count = 1}, code, part);
}

static void refuse_value(what_if *w, const char *column, alm_date day, double value,
                         const char *part)
{
    alm_day_value list = {day, value};
    alm_column_change change = {alm_str_of(column), &list, 1, false, 0};
    refuse(w, &(alm_changes){.column = &change, .column_count = 1}, ALM_ERR_INVALID, part);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    what_if w;
    open_case(&w, *state, &(served_case){.delay = 0});
    alm_date day = served_day(FIRST_DAYS - 1);
    refuse_sale(&w, day, (double)NAN, ALM_ERR_INVALID, "a finite number");
    refuse_sale(&w, day, (double)INFINITY, ALM_ERR_INVALID, "a finite number");
    refuse_sale(&w, day, -1, ALM_ERR_INVALID, "not below 0");
    refuse_sale(&w, fixture_date(SYNTHETIC_END) + 1, 1, ALM_ERR_INVALID,
                "lie in the future: the last day that can be told of is 2023-06-10");
    refuse_sale(&w, served_day(0) - 1, 1, ALM_ERR_INVALID, "which begins on 2023-01-");
    /* `level` and `since` look at all of the past. */
    refuse_sale(&w, served_day(30), 1, ALM_ERR_LIMIT, "are summed up already: say days from then");
    refuse_value(&w, "prices", day, 1,
                 "no column 'prices' of its series; known: price, open, event");
    refuse_value(&w, "units@range", day, 1, "no column 'units@range'");
    refuse_value(&w, "units", day, 1, "no column 'units'");
    refuse_value(&w, "price", day, (double)NAN, "price of 2023-06-06: a finite number");
    refuse_value(&w, "event", day + 15, 1, "lies behind the last day that is looked at");
    refuse_value(&w, "event", served_day(0) - 1, 1, "before the first day that is known");
    alm_day_value twice[] = {{day, 1}, {day, 1}};
    refuse(&w, &(alm_changes){.sales = twice, .sales_count = 2}, ALM_ERR_INVALID, "said twice");
    alm_column_change change = {ALM_STR("event"), twice, 2, false, 0};
    refuse(&w, &(alm_changes){.column = &change, .column_count = 1}, ALM_ERR_INVALID,
           "event of 2023-06-06 is said twice");
    refuse(&w, &(alm_changes){.sales = twice, .sales_count = ALM_OVERLAY_DAYS_MAX + 1},
           ALM_ERR_LIMIT, "at most 2000");
    change.count = 1;
    refuse(&w, &(alm_changes){.column = &change, .column_count = ALM_OVERLAY_COLUMNS_MAX + 1},
           ALM_ERR_LIMIT, "at most 32");
    close_case(&w);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_replaced_sales),
        ON(test_replaced_sales_with_a_delay),
        ON(test_replaced_sales_of_a_recursive_plan),
        ON(test_replaced_sales_with_quantile_forests),
        ON(test_extended_sales),
        ON(test_extended_sales_and_their_price),
        ON(test_a_past_price_is_that_of_an_event),
        ON(test_a_planned_event_is_that_of_the_calendar),
        ON(test_how_far_a_change_comes),
        ON(test_nothing_changed_is_the_series_as_it_is),
        ON(test_what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
