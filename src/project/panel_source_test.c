#include "project/panel_source.h"

#include "base/rng.h"
#include "project/panel_cases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* %s: the sales' further keys, the series' further keys. */
#define SHOP                                                                            \
    "almanac: 1\n"                                                                      \
    "name: shop\n"                                                                      \
    "sources:\n"                                                                        \
    "  sales:\n"                                                                        \
    "    files: sales.csv\n"                                                            \
    "    time: date\n"                                                                  \
    "    keys: [sku, store]\n"                                                          \
    "%s"                                                                                \
    "    columns: {date: date, sku: text, store: text, units: {type: i64, nullable: true},\n" \
    "      price: {type: f64, nullable: true}, seen: date}\n"                           \
    "  calendar:\n"                                                                     \
    "    files: calendar.csv\n"                                                         \
    "    time: date\n"                                                                  \
    "    known_in_advance: true\n"                                                      \
    "    columns: {date: date, open: bool, event: {type: text, nullable: true}}\n"      \
    "  plan:\n"                                                                         \
    "    files: plan.csv\n"                                                             \
    "    time: date\n"                                                                  \
    "    keys: [sku]\n"                                                                 \
    "    known_in_advance: true\n"                                                      \
    "    columns: {date: date, sku: text, promo: f64}\n"                                \
    "  skus:\n"                                                                         \
    "    files: skus.csv\n"                                                             \
    "    keys: [sku, since]\n"                                                          \
    "    columns: {sku: text, range: text, weight: {type: f64, nullable: true},\n"      \
    "      since: date, until: {type: date, nullable: true}}\n"                         \
    "  stock:\n"                                                                        \
    "    files: stock.csv\n"                                                            \
    "    time: date\n"                                                                  \
    "    keys: [sku, store]\n"                                                          \
    "    known_in_advance: true\n"                                                      \
    "    columns: {date: date, sku: text, store: text, on_hand: {type: i64, nullable: true},\n" \
    "      receipts: i64}\n"                                                            \
    "series:\n"                                                                         \
    "  source: sales\n"                                                                 \
    "  keys: [sku, store]\n"                                                            \
    "  target: units\n"                                                                 \
    "  closed: {source: calendar, column: open}\n"                                      \
    "%s"                                                                                \
    "  columns:\n"                                                                      \
    "    price: {source: sales}\n"                                                      \
    "    event: {source: calendar, indicator: true}\n"                                  \
    "    promo: {source: plan}\n"                                                       \
    "  attributes:\n"                                                                   \
    "    range: {source: skus, key: sku, valid_from: since, valid_to: until}\n"         \
    "    weight: {source: skus, key: sku, valid_from: since, valid_to: until}\n"        \
    "  groups: [range, total]\n"                                                        \
    "hierarchy:\n"                                                                      \
    "  - {level: total, by: []}\n"                                                      \
    "  - {level: cell, by: [range, store]}\n"                                           \
    "stock: {source: stock, on_hand: on_hand, receipts: receipts}\n"

#define ZERO "  missing: zero\n"
#define UNKNOWN "  missing: unknown\n"


static void open_shop(fixture *f, const char *sales, const char *series)
{
    fixture_open(f, alm_arena_printf(f->arena, SHOP, sales, series));
    /* a/north from day 0; a/south from day 2; b/north from day 1. Day 3 is closed. */
    fixture_put(f, "sales.csv", "date,sku,store,units,price,seen\n"
                "2020-01-03,b,north,4,2.5,2020-01-03\n"
                "2020-01-01,a,north,1,1.5,2020-01-01\n"
                "2020-01-05,a,north,2,,2020-01-05\n"
                "2020-01-04,a,north,0,1,2020-01-04\n"
                "2020-01-03,a,south,8,1,2020-01-03\n"
                "2020-01-06,a,south,16,1,2020-01-06\n"
                "2020-01-02,b,north,,1,2020-01-02\n");
    fixture_put(f, "calendar.csv", "date,open,event\n2020-01-01,1,New Year\n2020-01-02,1,\n"
                "2020-01-03,1,\n2020-01-04,0,\n2020-01-05,1,\n2020-01-06,1,Epiphany\n"
                "2020-01-07,1,\n2020-01-08,0,\n");
    fixture_put(f, "plan.csv", "date,sku,promo\n2020-01-02,a,0.5\n2020-01-08,a,0.25\n"
                "2020-01-08,z,9\n");
    fixture_put(f, "skus.csv", "sku,range,weight,since,until\n"
                "a,toys,1.5,2019-01-01,2020-01-05\na,games,2,2020-01-05,\nq,cards,7,2019-01-01,\n");
    fixture_put(f, "stock.csv", "date,sku,store,on_hand,receipts\n"
                "2020-01-02,a,north,0,0\n2020-01-05,a,north,7,0\n2020-01-04,a,north,0,0\n"
                "2020-01-07,a,north,,3\n2020-01-08,a,north,,4\n2020-01-06,a,south,-1,0\n");
}

static void makes_every_day_explicit(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO);
    alm_panel_options options = defaults();
    alm_panel_source *source = open_panels(f, &options);
    assert_int_equal(alm_panel_source_series(source), 3);
    assert_int_equal(alm_panel_source_blocks(source), 1);
    alm_panel p = next(f, source);
    assert_int_equal(p.series_count, 3);
    assert_int_equal(p.periods, PERIODS);
    assert_int_equal(p.start, fixture_date("2020-01-01"));
    const char *const keys[] = {"a", "north", "a", "south", "b", "north"};
    for (size_t i = 0; i < 6; i++) {
        assert_true(alm_str_is(p.keys[i], keys[i]));
    }
    expect_states(&p, 0, "OZZCOZ"); /* a row of zero on a closed day is closed */
    expect_states(&p, 1, "BBOCZO");
    expect_states(&p, 2, "BMOCZZ"); /* a row without a value is missing */
    EXPECT_ROW(&p, 0, 0, 1, 0, 0, 0, 2, 0);
    EXPECT_ROW(&p, 0, 1, M, M, 8, 0, 0, 16);
    EXPECT_ROW(&p, 0, 2, M, M, 4, 0, 0, 0);
    size_t price = alm_panel_find_column(&p, "price");
    EXPECT_ROW(&p, price, 0, 1.5, M, M, 1, M, M);
    EXPECT_ROW(&p, price, 2, M, 1, 2.5, M, M, M);
    size_t event = alm_panel_find_column(&p, "event");
    assert_int_equal(p.columns[event].role, ALM_ROLE_KNOWN);
    EXPECT_ROW(&p, event, 2, 1, 0, 0, 0, 0, 1, 0, 0);
    size_t promo = alm_panel_find_column(&p, "promo");
    EXPECT_ROW(&p, promo, 0, M, 0.5, M, M, M, M, M, 0.25);
    EXPECT_ROW(&p, promo, 1, M, 0.5, M, M, M, M, M, 0.25);
    EXPECT_ROW(&p, promo, 2, M, M, M, M, M, M, M, M);
    const uint8_t closed[] = {0, 0, 0, 1, 0, 0, 0, 1};
    assert_memory_equal(p.closed, closed, sizeof(closed));
    assert_int_equal(next(f, source).series_count, 0);
    alm_panel_source_close(source);
}

static void adds_groups_and_nodes(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO);
    alm_panel_options options = defaults();
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    size_t range = alm_panel_find_column(&p, "units@range");
    size_t total = alm_panel_find_column(&p, "units@total");
    EXPECT_ROW(&p, range, 0, 1, 0, 8, 0, 2, 16); /* games: both series of a */
    EXPECT_ROW(&p, range, 1, 1, 0, 8, 0, 2, 16);
    EXPECT_ROW(&p, range, 2, M, M, 4, 0, 0, 0);  /* b has no range */
    EXPECT_ROW(&p, total, 2, 1, 0, 12, 0, 2, 16);
    const alm_hierarchy *h = alm_panel_source_hierarchy(source);
    const char *const nodes[] = {"total", "(none)|north", "games|north", "games|south"};
    assert_int_equal(h->node_count, 4);
    const alm_panel *a = alm_panel_source_aggregates(source);
    assert_int_equal(a->series_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(alm_str_is(a->keys[i], nodes[i]));
    }
    EXPECT_ROW(a, 0, 0, 1, 0, 12, 0, 2, 16);
    EXPECT_ROW(a, 0, 1, M, M, 4, 0, 0, 0);
    expect_states(a, 0, "OZOCOO");
    expect_states(a, 1, "BMOCZZ");
    EXPECT_ROW(a, alm_panel_find_column(a, "price"), 2, M, M, M, M, M, M);
    EXPECT_ROW(a, alm_panel_find_column(a, "event"), 3, 1, 0, 0, 0, 0, 1, 0, 0);
    EXPECT_ROW(a, alm_panel_find_column(a, "promo"), 3, M, M, M, M, M, M, M, M);
    const alm_feature_schema *schema = alm_panel_source_schema(source);
    assert_int_equal(schema->column_count, p.column_count);
    assert_int_equal(schema->delay, 0);
    assert_string_equal(schema->columns[0].name, "units");
    assert_string_equal(schema->columns[range].name, "units@range");
    assert_string_equal(schema->static_names[0], "range");
    alm_str name = alm_panel_source_node_name(source, 1, f->arena);
    assert_true(alm_str_is(name, "a|south"));
    alm_panel_source_close(source);
}

static void attributes_have_codes(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO);
    alm_panel_options options = defaults();
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    size_t range = alm_panel_find_static(&p, "range");
    size_t weight = alm_panel_find_static(&p, "weight");
    size_t store = alm_panel_find_static(&p, "store");
    size_t n = p.static_count;
    assert_true(p.statics[range] == 1.0); /* cards, games, toys: all of the source count */
    assert_true(p.statics[weight] == 2.0);
    assert_true(p.statics[store] == 0.0);
    assert_true(p.statics[n + store] == 1.0);
    assert_true(isnan(p.statics[2 * n + range]));
    assert_true(alm_str_is(alm_panel_source_attribute(source, 0, "range"), "games"));
    assert_true(alm_str_is(alm_panel_source_attribute(source, 1, "store"), "south"));
    assert_int_equal(alm_panel_source_attribute(source, 2, "range").size, 0);
    size_t count = 0;
    const alm_categories *c = alm_panel_source_categories(source, &count);
    assert_int_equal(count, n);
    assert_int_equal(c[range].count, 3);
    assert_true(c[weight].numeric && c[weight].count == 0);
    alm_panel_source_close(source);

    /* The categories of a bundle: games is its number 0, toys is not in it. */
    const alm_str texts[] = {ALM_STR("games"), ALM_STR("puzzles")};
    const alm_categories given = {.name = ALM_STR("range"), .texts = texts, .count = 2};
    options.categories = &given;
    options.category_count = 1;
    source = open_panels(f, &options);
    p = next(f, source);
    assert_true(p.statics[range] == 0.0);
    alm_panel_source_close(source);
    options.membership_date = fixture_date("2020-01-04"); /* still toys */
    source = open_panels(f, &options);
    p = next(f, source);
    assert_true(isnan(p.statics[range]));
    assert_true(alm_str_is(alm_panel_source_attribute(source, 0, "range"), "toys"));
    assert_true(alm_str_is(alm_panel_source_hierarchy(source)->node_names[2], "toys|north"));
    alm_panel_source_close(source);
}

/* A panel with an earlier end is what was known then. */
static void an_earlier_end_hides_what_came_later(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO);
    alm_panel_options options = defaults();
    options.end = fixture_date("2020-01-03");
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    assert_int_equal(p.series_count, 2); /* a/south is not launched yet */
    assert_int_equal(p.periods, 2);
    EXPECT_ROW(&p, 0, 0, 1, 0);
    EXPECT_ROW(&p, alm_panel_find_column(&p, "event"), 0, 1, 0, 0, 0);
    EXPECT_ROW(&p, alm_panel_find_column(&p, "units@total"), 0, 1, 0);
    alm_panel_source_close(source);
}

static void unpublished_days_are_missing(void **state)
{
    fixture *f = *state;
    open_shop(f, "    publication_delay: 2\n", ZERO);
    alm_panel_options options = defaults();
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    assert_int_equal(alm_panel_source_schema(source)->delay, 2);
    expect_states(&p, 0, "OZZCMM"); /* the row of day 4 is not published on day 5 */
    expect_states(&p, 1, "BBOCMM");
    EXPECT_ROW(&p, 0, 0, 1, 0, 0, 0, M, M);
    EXPECT_ROW(&p, alm_panel_find_column(&p, "units@total"), 0, 1, 0, 12, 0, M, M);
    alm_panel_source_close(source);
    open_shop(f, "", UNKNOWN);
    source = open_panels(f, &options);
    p = next(f, source);
    expect_states(&p, 0, "OMMCOM");
    EXPECT_ROW(&p, 0, 1, M, M, 8, 0, M, 16);
    alm_panel_source_close(source);
}

static void the_newest_known_vintage_counts(void **state)
{
    fixture *f = *state;
    open_shop(f, "    known_at: seen\n", ZERO);
    fixture_put(f, "sales.csv", "date,sku,store,units,price,seen\n"
                "2020-01-01,a,north,3,9,2020-01-06\n" /* restated on the 6th */
                "2020-01-01,a,north,1,1.5,2020-01-01\n"
                "2020-01-02,a,north,2,,2020-01-04\n");
    alm_panel_options options = defaults();
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    EXPECT_ROW(&p, 0, 0, 3, 2, 0, 0, 0, 0);
    EXPECT_ROW(&p, alm_panel_find_column(&p, "price"), 0, 9, M, M, M, M, M);
    EXPECT_ROW(alm_panel_source_aggregates(source), 0, 0, 3, 2, 0, 0, 0, 0);
    alm_panel_source_close(source);
    options.end = fixture_date("2020-01-03"); /* the 2nd came late */
    source = open_panels(f, &options);
    p = next(f, source);
    EXPECT_ROW(&p, 0, 0, 1, 0);
    EXPECT_ROW(alm_panel_source_aggregates(source), 0, 0, 1, 0);
    alm_panel_source_close(source);
}

/* A past panel with the numbers of a later one: what was not known then is not launched. */
static void an_earlier_panel_can_have_the_numbers_of_a_later_one(void **state)
{
    fixture *f = *state;
    open_shop(f, "    known_at: seen\n", ZERO);
    fixture_put(f, "sales.csv", "date,sku,store,units,price,seen\n"
                "2020-01-01,a,north,9,1,2020-01-05\n" /* known late */
                "2020-01-01,a,south,7,1,2020-01-05\n" /* restated late */
                "2020-01-01,a,south,2,1,2020-01-01\n"
                "2020-01-02,b,north,3,1,2020-01-02\n");
    alm_snapshot *s = ALM_NEW(f->arena, alm_snapshot);
    alm_panel_source *final = NULL;
    alm_panel_source *past = NULL;
    alm_panel_options options = defaults();
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", s), ALM_OK);
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, s, &options, &final,
                                           &f->error), ALM_OK);
    options.end = fixture_date("2020-01-04");
    options.membership_date = fixture_date("2020-01-07");
    options.series_of = final;
    options.block_series = 2;
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, s, &options, &past,
                                           &f->error), ALM_OK);
    assert_int_equal(alm_panel_source_series(past), 3);
    assert_int_equal(alm_panel_source_hierarchy(past)->node_count,
                     alm_panel_source_hierarchy(final)->node_count);
    alm_panel p = next(f, past);
    expect_states(&p, 0, "BBB");
    expect_states(&p, 1, "OZZ");
    EXPECT_ROW(&p, 0, 0, M, M, M);
    EXPECT_ROW(&p, 0, 1, 2, 0, 0);
    EXPECT_ROW(&p, alm_panel_find_column(&p, "promo"), 0, M, 0.5, M, M, M);
    assert_true(alm_str_is(p.keys[1], "north") && alm_str_is(p.keys[3], "south"));
    p = next(f, past);
    expect_states(&p, 0, "BOZ");
    assert_int_equal(p.first_series, 2);
    EXPECT_ROW(alm_panel_source_aggregates(past), 0, 0, 2, 3, 0);
    EXPECT_ROW(alm_panel_source_aggregates(final), 0, 0, 16, 3, 0, 0, 0, 0);
    alm_panel_source_close(past);
    fixture_put(f, "sales.csv", "date,sku,store,units,price,seen\n"
                "2020-01-01,a,north,9,1,2020-01-05\n");
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", s), ALM_OK);
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, s, &options, &past,
                                           &f->error), ALM_OK); /* nothing was known at all */
    p = next(f, past);
    expect_states(&p, 1, "BBB");
    alm_panel_source_close(past);
    alm_panel_source_close(final);
}

static void panels_restate_by_vintages_and_late_stockouts(void **state)
{
    fixture *f = *state;
    open_shop(f, "    publication_delay: 2\n", ZERO);
    assert_false(alm_panel_restates(f->project));
    open_shop(f, "    known_at: seen\n", ZERO);
    assert_true(alm_panel_restates(f->project));
    /* Sources known in advance have no delay; as an observed one the stock is 3 days late. */
    open_shop(f, "", ZERO "  available: {source: stock, column: on_hand}\n");
    assert_false(alm_panel_restates(f->project));
    alm_source *stock = NULL;
    for (size_t i = 0; i < f->project->source_count; i++) {
        if (alm_str_is(f->project->sources[i].name, "stock")) {
            stock = (alm_source *)&f->project->sources[i];
        }
    }
    stock->known_in_advance = false;
    stock->publication_delay = 3;
    assert_true(alm_panel_restates(f->project));
    alm_source *own = (alm_source *)alm_project_source(f->project, ALM_STR("sales"));
    own->publication_delay = 3;
    assert_false(alm_panel_restates(f->project));
}

static void knows_the_stock(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO "  available: {source: stock, column: on_hand}\n");
    alm_panel_options options = defaults();
    options.block_series = 2;
    alm_panel_source *source = open_panels(f, &options);
    alm_panel p = next(f, source);
    expect_states(&p, 0, "OSZCOZ"); /* closed stays closed */
    expect_states(&p, 1, "BBOCZS");
    EXPECT_ROW(&p, 0, 0, 1, 0, 0, 0, 2, 0);
    double *on_hand = NULL;
    double *receipts = NULL;
    assert_int_equal(alm_panel_source_stock(source, &p, f->arena, &on_hand, &receipts, &f->error),
                     ALM_OK);
    assert_true(on_hand[0] == 7.0 && on_hand[1] == -1.0);
    assert_true(receipts[0] == 3.0 && receipts[1] == 4.0 && receipts[2] == 0.0);
    p = next(f, source); /* the next block after other questions */
    assert_int_equal(p.series_count, 1);
    assert_int_equal(p.first_series, 2);
    assert_int_equal(alm_panel_source_stock(source, &p, f->arena, &on_hand, &receipts, &f->error),
                     ALM_OK);
    assert_true(isnan(on_hand[0]) && receipts[0] == 0.0);
    alm_panel_source_close(source);
}

/* Everything but the sales can be restated, too. */
#define RESTATED                                                                              \
    "almanac: 1\nname: restated\nsources:\n"                                                  \
    "  sales: {files: sales.csv, time: date, keys: [sku],\n"                                  \
    "    columns: {date: date, sku: text, units: i64}}\n"                                     \
    "  shelf: {files: shelf.csv, time: date, keys: [sku], known_at: seen,\n"                  \
    "    columns: {date: date, sku: text, left: i64, seen: date}}\n"                          \
    "  calendar: {files: calendar.csv, time: date, known_in_advance: true, known_at: seen,\n" \
    "    columns: {date: date, open: i64, seen: date}}\n"                                     \
    "series:\n  source: sales\n  keys: [sku]\n  target: units\n  missing: zero\n"            \
    "  closed: {source: calendar, column: open}\n"                                           \
    "  available: {source: shelf, column: left}\n"

static void stockouts_and_closures_are_restated(void **state)
{
    fixture *f = *state;
    fixture_open(f, RESTATED);
    assert_true(alm_panel_restates(f->project));
    fixture_put(f, "sales.csv", "date,sku,units\n2020-01-01,a,3\n2020-01-04,a,2\n");
    fixture_put(f, "shelf.csv", "date,sku,left,seen\n"
                "2020-01-01,a,0,2020-01-02\n2020-01-01,a,4,2020-01-05\n" /* was there after all */
                "2020-01-02,a,9,2020-01-03\n2020-01-02,a,0,2020-01-06\n"
                "2020-01-03,a,0,2020-01-04\n2020-01-03,a,1,2020-01-05\n"
                "2020-01-03,a,0,2020-01-06\n");
    fixture_put(f, "calendar.csv", "date,open,seen\n2020-01-01,1,2019-12-01\n"
                "2020-01-02,1,2019-12-01\n2020-01-03,1,2019-12-01\n2020-01-04,1,2019-12-01\n"
                "2020-01-05,1,2019-12-01\n2020-01-05,0,2020-01-06\n2020-01-06,1,2020-01-03\n");
    static const struct {
        const char *end;
        const char *states;
    } KNOWN[] = {{"2020-01-04", "SZS"}, {"2020-01-05", "OZZO"}, {"2020-01-06", "OSSOC"}};
    for (size_t k = 0; k < 3; k++) {
        alm_panel_options options = defaults();
        options.end = fixture_date(KNOWN[k].end);
        options.future = 0;
        alm_panel_source *source = open_panels(f, &options);
        alm_panel p = next(f, source);
        expect_states(&p, 0, KNOWN[k].states);
        EXPECT_ROW(&p, 0, 0, 3, 0, 0);
        alm_panel_source_close(source);
    }
    alm_snapshot s;
    alm_panel_source *source = NULL;
    alm_panel_options options = defaults();
    options.end = fixture_date("2020-01-02");
    options.future = 5;
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", &s), ALM_OK);
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s, &options, &source,
                                           &f->error), ALM_ERR_INCOMPLETE);
    assert_string_equal(f->error.message, "source calendar has no row for 2020-01-06 that was "
                        "known on 2020-01-02 (column seen), which is needed: add it with the day "
                        "on which it was known, or take `known_at` off the source");
}

static void refuses_gaps(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO);
    alm_panel_options options = defaults();
    alm_snapshot s;
    alm_panel_source *source = NULL;
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", &s), ALM_OK);
    options.future = 3;
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s, &options, &source,
                                           &f->error), ALM_ERR_INCOMPLETE);
    assert_string_equal(f->error.message, "source calendar has no row for 2020-01-09, which is "
                        "needed (6 days and 3 ahead): add it and take a new snapshot");
    options = defaults();
    options.end = fixture_date("2020-01-08");
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s, &options, &source,
                                           &f->error), ALM_ERR_INVALID);
    assert_string_equal(f->error.message, "the panel must lie within the snapshot's window "
                        "[2020-01-01, 2020-01-07) and have a day");
    fixture_put(f, "skus.csv", "sku,range,weight,since,until\na,toys,1,2019-01-01,\n"
                "a,games,2,2020-01-05,\n");
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", &s), ALM_OK);
    options = defaults();
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s, &options, &source,
                                           &f->error), ALM_ERR_INVALID);
    assert_string_equal(f->error.message, "source skus: sku=a has several rows that are valid on "
                        "2020-01-07");
    assert_null(source);
}

/* a|b of c and a of b|c would both be a|b|c. */
static void refuses_names_that_mean_two_things(void **state)
{
    fixture *f = *state;
    open_shop(f, "", ZERO);
    alm_panel_options options = defaults();
    alm_snapshot s;
    alm_panel_source *source = NULL;
    fixture_put(f, "skus.csv", "sku,range,weight,since,until\na,toys|old,1,2019-01-01,\n");
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", &s), ALM_OK);
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s, &options, &source,
                                           &f->error), ALM_ERR_INVALID);
    assert_string_equal(f->error.message, "range has the value 'toys|old': '|' joins it with "
                        "others into the name of a node, so it may not stand in it; replace it in "
                        "the source");
    fixture_put(f, "sales.csv", "date,sku,store,units,price,seen\n"
                "2020-01-03,a,b|c,4,2.5,2020-01-03\n2020-01-03,a|b,c,4,2.5,2020-01-03\n");
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-01-07", &s), ALM_OK);
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, &s, &options, &source,
                                           &f->error), ALM_ERR_INVALID);
    assert_non_null(strstr(f->error.message, "sku has the value 'a|b'"));
    assert_null(source);
}

/* ---- many series ---- */

#define MANY                                                                                  \
    "almanac: 1\nname: many\nsources:\n"                                                      \
    "  sales:\n    files: sales.csv\n    time: date\n    keys: [sku]\n"                       \
    "    columns: {date: date, sku: text, units: i64}\n"                                      \
    "series: {source: sales, keys: [sku], target: units, missing: zero, groups: [total]}\n" \
    "hierarchy: [{level: total, by: []}]\n"

/* `count` series, each with 20 rows on days 0..364. */
static void put_many(fixture *f, int count)
{
    alm_rng rng = alm_rng_stream(3, (uint64_t)count);
    alm_buffer text = {0};
    alm_buffer_text(&text, "date,sku,units\n");
    for (int i = 0; i < count * 20; i++) {
        char date[ALM_DATE_TEXT_BYTES];
        alm_date day = fixture_date("2020-01-01") + (i % 20) * 18 +
                       (alm_date)alm_rng_next_below(&rng, 18);
        alm_date_text(day, date);
        alm_buffer_printf(&text, "%s,s%06d,%d\n", date, i / 20,
                          (int)alm_rng_next_below(&rng, 1000) - 500);
    }
    fixture_put_bytes(f, "sales.csv", text.data, text.size);
    alm_buffer_deinit(&text);
}

static alm_panel_source *open_many(fixture *f, int count, size_t block)
{
    fixture_open(f, MANY);
    put_many(f, count);
    alm_snapshot *s = ALM_NEW(f->arena, alm_snapshot);
    alm_panel_source *source = NULL;
    alm_panel_options options = defaults();
    options.future = 0;
    options.block_series = block;
    assert_int_equal(fixture_take(f, "2020-01-01", "2020-12-31", s), ALM_OK);
    assert_int_equal(alm_panel_source_open(&f->env, f->project, f->objects, s, &options, &source,
                                           &f->error), ALM_OK);
    return source;
}

/* Blocks of any size give the same panel, in order, and their sum is the total. */
static void blocks_do_not_matter(void **state)
{
    fixture *f = *state;
    const size_t sizes[] = {1000, 64, 1};
    alm_digest first = {{0}};
    for (int s = 0; s < 3; s++) {
        alm_panel_source *source = open_many(f, 300, sizes[s]);
        const alm_panel *total = alm_panel_source_aggregates(source);
        double sums[365] = {0};
        for (int round = 0; round < 2; round++) {
            alm_hash hash;
            alm_hash_init(&hash);
            size_t series = 0;
            alm_arena *arena = alm_arena_create(0);
            for (;;) {
                alm_panel p;
                alm_arena_reset(arena);
                assert_int_equal(alm_panel_source_next(source, arena, &p, &f->error), ALM_OK);
                if (p.series_count == 0) {
                    break;
                }
                assert_int_equal(p.first_series, series);
                series += p.series_count;
                for (size_t i = 0; i < p.series_count * p.periods; i++) {
                    double value = p.columns[0].values[i];
                    alm_hash_update(&hash, &p.state[i], 1);
                    alm_hash_update_double(&hash, value);
                    sums[i % p.periods] += round == 0 && !isnan(value) ? value : 0.0;
                }
            }
            alm_arena_destroy(arena);
            assert_int_equal(series, 300);
            alm_digest digest = alm_hash_final(&hash);
            first = s + round == 0 ? digest : first;
            assert_true(alm_digest_equal(&digest, &first));
            assert_int_equal(alm_panel_source_rewind(source, &f->error), ALM_OK);
        }
        for (size_t t = 0; t < 365; t++) {
            bool none = isnan(total->columns[0].values[t]);
            assert_true(none ? sums[t] == 0.0 : total->columns[0].values[t] == sums[t]);
        }
        alm_panel_source_close(source);
    }
}

/* Ten times the series: only the bytes per series grow, not series x periods. */
static void memory_does_not_hold_the_panel(void **state)
{
    fixture *f = *state;
    size_t held[2];
    for (int i = 0; i < 2; i++) {
        int count = i ? 10000 : 1000;
        alm_panel_source *source = open_many(f, count, 100);
        size_t with = alm_heap_held_bytes();
        alm_panel_source_close(source);
        held[i] = with - alm_heap_held_bytes();
    }
    /* Key text of 7 bytes and its view (16), code, count, first, node of one level (4 each), number
     * of the static (8), rounded up by blocks: below 120 bytes. A panel row would be 365 x 9. */
    assert_true(held[1] - held[0] < 9000 * 120);
    assert_true(held[0] < 1000 * 120 + 400000); /* nodes, groups, days and the first blocks */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_every_day_explicit),
        TEST(adds_groups_and_nodes),
        TEST(attributes_have_codes),
        TEST(an_earlier_end_hides_what_came_later),
        TEST(unpublished_days_are_missing),
        TEST(the_newest_known_vintage_counts),
        TEST(an_earlier_panel_can_have_the_numbers_of_a_later_one),
        TEST(panels_restate_by_vintages_and_late_stockouts),
        TEST(knows_the_stock),
        TEST(stockouts_and_closures_are_restated),
        TEST(refuses_gaps),
        TEST(refuses_names_that_mean_two_things),
        TEST(blocks_do_not_matter),
        TEST(memory_does_not_hold_the_panel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
