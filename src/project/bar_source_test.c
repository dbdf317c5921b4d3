#include "project/bar_source.h"
#include "project/project_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Minutes in the exchange's own time, without a zone. */
static const char MINUTES[] =
    "almanac: 1\nname: desk\nsources:\n  prices:\n    files: prices.csv\n    time: stamp\n"
    "    keys: [symbol]\n    columns:\n      stamp: instant\n      symbol: text\n"
    "      open: {type: f64, nullable: true}\n      high: f64\n      low: f64\n      close: f64\n"
    "      volume: {type: i64, nullable: true}\nbars: {source: prices, session_open: 09:30}\n";
static const char DAYS[] =
    "almanac: 1\nname: desk\nsources:\n  prices:\n    files: prices.csv\n    time: day\n"
    "    keys: [symbol]\n    columns: {day: date, symbol: text, open: f64, high: f64, low: f64, "
    "close: i64}\nbars: {source: prices}\n";
static const char ROWS[] = "stamp,symbol,open,high,low,close,volume\n"
                           "2020-03-08 16:00,XY,10,11,9,10.5,100\n"
                           "2020-03-06 15:59,XY,9,9.5,8.5,9.25,\n"
                           "2020-03-06 09:30,AB,,2,1,1.5,7\n"
                           "2020-03-09 00:00,XY,1,1,1,1,1\n"
                           "2020-03-06 09:31,AB,1,1,2,1,7\n"
                           "2020-03-06 09:32,AB,1,1,0,1,7\n";

static alm_err read_bars(fixture *f, const alm_snapshot *snapshot, alm_bar_set *out)
{
    alm_bar_request request = {f->project, f->objects, snapshot};
    return alm_bar_source_read(&f->env, &request, f->arena, out, &f->error);
}

static void reads_bars_by_symbol_and_time(void **state)
{
    fixture *f = *state;
    alm_snapshot snapshot;
    alm_bar_set set;
    fixture_open(f, MINUTES);
    fixture_put(f, "prices.csv", ROWS);
    /* Cut by the day of the stamp: the bar of midnight is of the day behind the end. */
    assert_int_equal(fixture_take(f, "2020-03-06", "2020-03-09", &snapshot), ALM_OK);
    assert_int_equal(snapshot.sources[0].outside, 1);
    assert_int_equal(read_bars(f, &snapshot, &set), ALM_OK);
    assert_int_equal(set.bar_count, 5);
    assert_int_equal(set.series_count, 2);
    assert_true(alm_str_is(set.series[0].symbol, "AB"));
    assert_int_equal(set.series[0].count, 3);
    assert_true(isnan(set.series[0].bars[0].open));
    assert_true(set.series[0].bars[0].close == 1.5 && set.series[0].bars[0].volume == 7);
    const alm_bar_series *xy = &set.series[1];
    assert_int_equal(xy->count, 2);
    assert_true(isnan(xy->bars[0].volume) && xy->bars[1].volume == 100);
    /* The stamps are what was written: no zone is put in or taken out. */
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_instant_text(xy->bars[1].time, text);
    assert_string_equal(text, "2020-03-08T16:00:00.000000Z");
}

static void counts_what_is_impossible(void **state)
{
    fixture *f = *state;
    alm_snapshot snapshot;
    alm_snapshot again;
    fixture_open(f, MINUTES);
    fixture_put(f, "prices.csv", ROWS);
    assert_int_equal(fixture_take(f, "2020-03-06", "2020-03-10", &snapshot), ALM_OK);
    const alm_bar_facts *facts = &snapshot.sources[0].bars;
    assert_true(snapshot.sources[0].is_bars);
    assert_int_equal(facts->reversed, 1);
    assert_int_equal(facts->not_positive, 1);
    assert_int_equal(facts->missing, 1);
    assert_int_equal(alm_snapshot_read(f->objects, snapshot.manifest_object, f->arena, &again,
                                       &f->error), ALM_OK);
    assert_true(again.sources[0].is_bars);
    assert_memory_equal(&again.sources[0].bars, facts, sizeof(*facts));
    assert_int_equal(alm_snapshot_verify(&f->env, f->project, f->objects, &snapshot, &f->error),
                     ALM_OK);
}

static void days_have_midnights_and_may_have_no_volume(void **state)
{
    fixture *f = *state;
    alm_snapshot snapshot;
    alm_bar_set set;
    fixture_open(f, DAYS);
    fixture_put(f, "prices.csv", "day,symbol,open,high,low,close\n2020-03-09,XY,1,2,0.5,1\n"
                                 "2020-03-06,XY,3,4,2.5,3\n");
    assert_int_equal(fixture_take(f, "2020-03-01", "2020-03-10", &snapshot), ALM_OK);
    assert_int_equal(read_bars(f, &snapshot, &set), ALM_OK);
    assert_int_equal(set.bar_count, 2);
    const alm_bar *bar = set.series[0].bars;
    assert_int_equal(bar[0].time, alm_instant_of_date(fixture_date("2020-03-06")));
    assert_true(bar[0].close == 3 && bar[1].close == 1 && isnan(bar[0].volume));
}

static void refuses(void **state)
{
    fixture *f = *state;
    alm_snapshot snapshot;
    alm_bar_set set;
    fixture_open(f, DAYS);
    fixture_put(f, "prices.csv", "day,symbol,open,high,low,close\n2020-03-09,XY,1,2,0.5,1\n"
                                 "2020-03-09,XY,3,4,2.5,3\n");
    assert_int_equal(fixture_take(f, "2020-03-01", "2020-03-10", &snapshot), ALM_ERR_CONFLICT);
    assert_non_null(strstr(f->error.message, "have the same keys (symbol=XY, day=2020-03-09): "
                                             "remove one"));
    assert_null(strstr(f->error.message, "duplicates"));
    fixture_put(f, "prices.csv", "day,symbol,open,high,low,close\n2020-03-09,XY,1,2,0.5,1\n");
    assert_int_equal(fixture_take(f, "2020-03-01", "2020-03-10", &snapshot), ALM_OK);
    f->env.memory_limit_bytes = 40;
    assert_int_equal(read_bars(f, &snapshot, &set), ALM_ERR_LIMIT);
    f->env.memory_limit_bytes = 0;
    snapshot.sources = &(alm_snapshot_source){.name = ALM_STR("others")};
    assert_int_equal(read_bars(f, &snapshot, &set), ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(f->error.message, "has no source prices: take a new one"));
}

/* Every allocation may fail: an error, and no half of a set. */
static void every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    alm_snapshot snapshot;
    alm_err code = ALM_ERR_LIMIT;
    fixture_open(f, MINUTES);
    fixture_put(f, "prices.csv", ROWS);
    assert_int_equal(fixture_take(f, "2020-03-06", "2020-03-09", &snapshot), ALM_OK);
    size_t failures = 0;
    for (uint64_t nth = 1; code != ALM_OK && nth < 200; nth++) {
        alm_bar_set set = {0};
        (void)alm_heap_fail_at(nth);
        code = read_bars(f, &snapshot, &set);
        (void)alm_heap_fail_at(0);
        failures += code != ALM_OK;
        assert_int_equal(set.bar_count, code == ALM_OK ? 5 : 0);
        assert_true(code == ALM_OK || f->error.message[0] != '\0');
    }
    assert_int_equal(code, ALM_OK);
    assert_true(failures > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_bars_by_symbol_and_time, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(counts_what_is_impossible, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(days_have_midnights_and_may_have_no_volume, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(refuses, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
