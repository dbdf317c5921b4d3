#include "project/project_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* One valid file; each case below replaces one place of it. Line numbers matter. */
static const char VALID[] =
    "almanac: 1\n"                                                   /*  1 */
    "name: shop\n"                                                   /*  2 */
    "sources:\n"                                                     /*  3 */
    "  sales:\n"                                                     /*  4 */
    "    files: [data/sales.csv]\n"                                  /*  5 */
    "    time: date\n"                                               /*  6 */
    "    keys: [sku, store]\n"                                       /*  7 */
    "    columns:\n"                                                 /*  8 */
    "      date: date\n"                                             /*  9 */
    "      sku: text\n"                                              /* 10 */
    "      store: {type: text}\n"                                    /* 11 */
    "      units: {type: i64, min: 0}\n"                             /* 12 */
    "      price: {type: f64, nullable: true, missing_share_max: 0.5}\n" /* 13 */
    "    reject_share_max: 0.01\n"                                   /* 14 */
    "  calendar:\n"                                                  /* 15 */
    "    files: calendar.parquet\n"                                  /* 16 */
    "    time: date\n"                                               /* 17 */
    "    known_in_advance: true\n"                                   /* 18 */
    "    columns: {date: date, open: bool, event: {type: text, nullable: true}}\n" /* 19 */
    "  skus:\n"                                                      /* 20 */
    "    files: skus.csv.gz\n"                                       /* 21 */
    "    keys: [sku]\n"                                              /* 22 */
    "    columns: {sku: text, range: text, from: {type: date, nullable: true}}\n" /* 23 */
    "series:\n"                                                      /* 24 */
    "  source: sales\n"                                              /* 25 */
    "  keys: [sku, store]\n"                                         /* 26 */
    "  target: units\n"                                              /* 27 */
    "  missing: zero\n"                                              /* 28 */
    "  closed: {source: calendar, column: open}\n"                   /* 29 */
    "  columns:\n"                                                   /* 30 */
    "    price: {source: sales}\n"                                   /* 31 */
    "    feast: {source: calendar, column: event, indicator: true}\n" /* 32 */
    "  attributes:\n"                                                /* 33 */
    "    range: {source: skus, key: sku}\n"                          /* 34 */
    "  groups: [range, total]\n"                                     /* 35 */
    "hierarchy:\n"                                                   /* 36 */
    "  - {level: total, by: []}\n"                                   /* 37 */
    "  - {level: range, by: [range, store]}\n"                       /* 38 */
    "features:\n"                                                    /* 39 */
    "  - {name: mean_28, op: mean, column: units, window: 28, scaled: true}\n" /* 40 */
    "  - {name: lag_28, op: lag, column: units@range, lag: 28}\n"    /* 41 */
    "models:\n"                                                      /* 42 */
    "  demand:\n"                                                    /* 43 */
    "    horizon: 14\n"                                              /* 44 */
    "    blocks: [[1, 7], [8, 14]]\n"                                /* 45 */
    "    quantiles: [0.1, 0.5, 0.9]\n"                               /* 46 */
    "    candidates: [ses, gbm]\n"                                   /* 47 */
    "    gbm: {trees: 50, objective: poisson}\n"                     /* 48 */
    "schedules:\n"                                                   /* 49 */
    "  daily: {model: demand, alias: production, requires: [sales]}\n" /* 50 */
    "policies: {}\n";                                                /* 51 */

static void reads_every_section(void **state)
{
    (void)state;
    alm_project *p = NULL;
    alm_error error = {0};
    alm_err code = open_text(VALID, &p, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(code, ALM_OK);
    assert_true(alm_str_is(p->name, "shop"));
    assert_string_equal(p->state, "shop/.almanac");
    alm_digest digest = alm_hash_bytes(VALID, sizeof(VALID) - 1);
    assert_true(alm_digest_equal(&digest, &p->file_digest));

    assert_int_equal(p->source_count, 3);
    const alm_source *sales = alm_project_source(p, ALM_STR("sales"));
    assert_int_equal(sales->file_count, 1);
    assert_int_equal(sales->key_count, 2);
    assert_int_equal(sales->duplicates, ALM_DUPLICATES_REFUSE);
    assert_int_equal(sales->freshness_days_max, -1);
    assert_true(sales->reject_share_max == 0.01);
    const alm_source_column *units = alm_source_find_column(sales, ALM_STR("units"));
    assert_int_equal(units->type, ALM_TYPE_I64);
    assert_true(units->has_min && !units->has_max && units->min == 0.0);
    const alm_source_column *price = alm_source_find_column(sales, ALM_STR("price"));
    assert_true(price->nullable && price->missing_share_max == 0.5);
    assert_true(units->missing_share_max == 1.0);
    assert_null(alm_source_find_column(sales, ALM_STR("none")));
    assert_true(alm_project_source(p, ALM_STR("calendar"))->known_in_advance);

    const alm_series_spec *s = &p->series;
    assert_true(alm_str_is(s->time, "date"));
    assert_int_equal(s->missing, ALM_MISSING_ZERO);
    assert_int_equal(s->censored, ALM_CENSORED_IMPUTE);
    assert_int_equal(alm_project_sold_out(p), ALM_SOLD_OUT_MASKED); /* without `available` */
    assert_int_equal(s->column_count, 2);
    assert_false(s->columns[0].known);
    assert_true(s->columns[0].own && !s->columns[1].own);
    assert_true(s->columns[1].known && s->columns[1].is_indicator);
    assert_true(alm_str_is(s->columns[1].column, "event"));
    assert_true(alm_str_is(s->attributes[0].column, "range"));
    assert_int_equal(p->levels[0].by_count, 0);
    assert_int_equal(p->levels[1].by_count, 2);

    assert_int_equal(p->features[0].op, ALM_FEATURE_mean);
    assert_int_equal(p->features[0].anchor, ALM_ANCHOR_AGE);
    assert_int_equal(p->features[0].offset, 0);
    assert_int_equal(p->features[0].window, 28);
    assert_true(p->features[0].scaled);
    assert_int_equal(p->features[1].anchor, ALM_ANCHOR_LAG);
    assert_int_equal(p->features[1].offset, 28);

    const alm_model_spec *m = alm_project_model(p, ALM_STR("demand"));
    assert_int_equal(m->block_count, 2);
    assert_int_equal(m->blocks[1].first, 8);
    assert_int_equal(m->quantile_count, 3);
    assert_int_equal(m->gbm.trees, 50);
    assert_int_equal(m->gbm.objective, ALM_OBJECTIVE_POISSON);
    assert_int_equal(m->gbm.leaves, 31); /* a default */
    assert_int_equal(m->backtest.origins, 3);
    assert_int_equal(m->season, 7);
    assert_int_equal(m->marginals, ALM_MARGINALS_HISTORY);
    assert_non_null(alm_project_schedule(p, ALM_STR("daily")));
    assert_null(alm_project_schedule(p, ALM_STR("weekly")));
    alm_project_close(p);
}

static const broken_text BROKEN[] = {
    {"almanac: 1", "almanac: 2", "1:1: almanac must be 1, not 2"},
    {"name: shop", "name: [a]", "2:1: name must be a text, not a list"},
    {"name: shop", "name: 'my shop'",
     "2:1: name must be a name of letters, digits, '.', '_' and '-', not \"my shop\""},
    {"name: shop\n", "", "1:1: almanac.yaml needs the key name"},
    {"policies: {}", "policy: {}",
     "51:1: unknown key policy in almanac.yaml: did you mean policies?"},
    {"policies: {}", "policies: {a: 1}", "51:12: policies.NAME must be a map, not a single value"},
    {"    time: date\n    keys: [sku, store]", "    tiem: date\n    keys: [sku, store]",
     "6:5: unknown key tiem in sources.NAME: did you mean time?"},
    {"    files: [data/sales.csv]", "    files: [data/sales.xls]",
     "5:13: file data/sales.xls: only .csv, .csv.gz and .parquet are read"},
    {"    files: [data/sales.csv]", "    files: []", "5:5: files needs at least one file"},
    {"      date: date", "      date: text",
     "6:5: column date must be a date or an instant, it is declared as text"},
    {"      date: date", "      date: dates",
     "9:7: type must be one of bool, i64, f64, date, instant, text, not dates"},
    {"keys: [sku, store]\n    columns", "keys: [sku, shop]\n    columns",
     "7:5: source sales has no column shop"},
    {"keys: [sku, store]\n    columns", "keys: [sku, sku]\n    columns",
     "7:17: sku is in the list twice"},
    {"{type: i64, min: 0}", "{type: i64, min: zero}",
     "12:26: min must be a number, not zero"},
    {"{type: i64, min: 0}", "{type: i64, min: 3, max: 2}", "12:7: min is above max"},
    {"{type: i64, min: 0}", "{type: i64, pseudonym: true}",
     "12:7: pseudonym column units must be declared as text"},
    {"store: {type: text}", "store: {type: text, max: 3}",
     "11:7: min and max need a number, column store is text"},
    {"store: {type: text}", "store: {type: text, nullable: yes}",
     "11:27: nullable must be true or false, not yes"},
    {"store: {type: text}", "store: {type: text, nullable: true}",
     "7:5: key store cannot be nullable"},
    {"reject_share_max: 0.01", "reject_share_max: 2",
     "14:5: reject_share_max must be between 0 and 1, not 2"},
    {"candidates: [ses, gbm]", "candidates: [ses, gbm]\n    marginals: forest",
     "48:5: marginals must be one of history, quantile, not forest"},
    {"reject_share_max: 0.01", "duplicates: keep",
     "14:5: duplicates must be one of refuse, sum, not keep"},
    {"    keys: [sku]\n", "    publication_delay: 2\n",
     "20:3: source skus has no time column: known_in_advance, publication_delay and "
     "freshness_days_max need one"},
    {"  source: sales\n", "  source: sale\n", "25:3: there is no source sale: did you mean sales?"},
    {"  keys: [sku, store]\n  target", "  keys: [store, sku]\n  target",
     "26:3: keys must be the keys of source sales, in the same order"},
    {"  target: units", "  target: unit",
     "27:3: source sales has no column unit: did you mean units?"},
    {"  target: units", "  target: sku",
     "27:3: column sku of source sales must be a number, it is declared as text"},
    {"  missing: zero\n", "", "24:1: series needs the key missing"},
    {"  missing: zero\n", "  missing: zero\n  censored: guess\n",
     "29:3: censored must be one of impute, mask, not guess"},
    {"  missing: zero\n", "  missing: zero\n  censored: mask\n",
     "29:3: 'censored' says what days out of stock count as, and nothing says which they are: "
     "add `available`, or leave it out"},
    {"column: open}", "column: event}",
     "29:30: column event of source calendar must be a number, it is declared as text"},
    {"closed: {source: calendar", "closed: {source: sales",
     "29:12: closed needs a source that is known in advance and has no keys"},
    {"price: {source: sales}", "price: {source: skus}",
     "31:13: source skus needs a time column of type date"},
    {"price: {source: sales}", "price: {source: sales, observed: often}",
     "31:28: observed must be true or false, not often"},
    {"column: event, indicator: true", "column: event",
     "32:31: column event of source calendar must be a number, it is declared as text"},
    {"range: {source: skus, key: sku}", "range: {source: skus, key: store}",
     "34:27: source skus has no column store"},
    {"range: {source: skus, key: sku}", "range: {source: calendar, key: sku}",
     "34:13: attributes come from static sources, calendar has a time column"},
    {"range: {source: skus, key: sku}", "range: {source: skus, key: sku, valid_from: range}",
     "34:37: valid_from must be a date column"},
    {"groups: [range, total]", "groups: [rnge]",
     "35:12: there is no attribute or series key rnge: did you mean range?"},
    {"by: [range, store]", "by: [range, total]",
     "38:32: there is no attribute or series key total"},
    {"level: range, by", "level: total, by", "38:5: level total is there twice"},
    {"column: units, window", "column: unitz, window",
     "40:31: there is no column or attribute unitz: did you mean units?"},
    {"column: units@range", "column: units@store",
     "41:29: there is no column or attribute units@store"},
    {"op: mean,", "op: meen,",
     "40:21: op must be a known one (did you mean mean?), not meen"},
    {"lag: 28}", "lag: 28, age: 0}",
     "41:5: feature lag_28 has both age (before the newest known value) and lag (before the day "
     "that is forecast): keep one"},
    {"name: lag_28", "name: mean_28", "41:5: feature mean_28 is there twice"},
    {"horizon: 14", "horizon: 0", "44:5: horizon must be between 1 and 400, not 0"},
    {"horizon: 14", "horizon: 21", "45:5: the blocks end at step 14, the horizon is 21"},
    {"[8, 14]]", "[9, 14]]", "45:22: this block must begin at step 8 and end at or behind it"},
    {"[0.1, 0.5, 0.9]", "[0.1, 0.5, 0.5]",
     "46:27: quantiles must rise between 0 and 1, without both"},
    {"[0.1, 0.5, 0.9]", "[0.1, 1.5]",
     "46:22: quantiles must rise between 0 and 1, without both"},
    {"    candidates: [ses, gbm]\n", "", "43:3: models.NAME needs the key candidates"},
    {"candidates: [ses, gbm]", "candidates: [gbm]\n    method: statistic",
     "48:5: method must be one of gbm, statistical, not statistic"},
    {"candidates: [ses, gbm]", "method: statistical",
     "48:5: `gbm` is for forests, and a model with method: statistical has none: leave it out, "
     "or say method: gbm"},
    {"candidates: [ses, gbm]", "candidates: [gbm]\n    kinds: {smoth: [ets]}",
     "48:13: unknown key smoth in models.NAME.kinds: did you mean smooth?"},
    {"candidates: [ses, gbm]", "candidates: [gbm]\n    kinds: {smooth: [ets, thetta]}",
     "48:27: docs/statistical-models.md lists no forecaster thetta: did you mean theta?"},
    {"candidates: [ses, gbm]", "candidates: [gbm]\n    kinds: {aggregate: []}",
     "48:13: kinds.aggregate is empty: name a forecaster, or leave it out for the usual ones"},
    {"candidates: [ses, gbm]", "candidates: [gbm]\n    kinds: {lumpy: [tsb, level, tsb]}",
     "48:33: tsb is in the list twice"},
    {"candidates: [ses, gbm]",
     "candidates: [gbm]\n    kinds: {lumpy: [tsb, sba, croston, adida, imapa, count, ses, ets, "
     "level]}",
     "48:13: a class chooses between at most 8 forecasters, not 9"},
    {"candidates: [ses, gbm]", "candidates: {}",
     "47:5: candidates must be a list of texts, not a map"},
    {"trees: 50", "trees: many", "48:11: trees must be a whole number, not many"},
    {"trees: 50", "trees: '50'", "48:11: trees must be a whole number, not \"50\""},
    {"model: demand", "model: demands", "50:11: there is no model demands: did you mean demand?"},
    {"requires: [sales]", "requires: [weather]", "50:56: there is no source weather"},
    {"alias: production", "alias: latest",
     "50:26: there is no 'latest': name an alias such as production, or a model version"},
};

static void names_the_place_of_every_error(void **state)
{
    (void)state;
    assert_int_equal(count_wrong(VALID, BROKEN, sizeof(BROKEN) / sizeof(BROKEN[0])), 0);
}

static void names_a_missing_file(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_project *p = NULL;
    alm_error error = {0};
    assert_int_equal(alm_fs_memory_create(&fs, &error), ALM_OK);
    alm_env env = {.fs = fs};
    assert_int_equal(alm_project_open(&env, "nowhere", &p, &error), ALM_ERR_NOT_FOUND);
    alm_fs_destroy(fs);
    assert_string_equal(error.message,
                        "no almanac.yaml in nowhere: name the project's folder with --project, or "
                        "run `almanac init` there");
}

/* Runs in the source folder, as every test. */
static void opens_the_example(void **state)
{
    (void)state;
    alm_fs *real = NULL;
    alm_error error = {0};
    assert_int_equal(alm_fs_real_create(&real, &error), ALM_OK);
    alm_env real_env = {.fs = real};
    alm_project *p = NULL;
    alm_err code = alm_project_open(&real_env, "examples/retail", &p, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(code, ALM_OK);
    assert_int_equal(p->level_count, 4);
    assert_true(p->feature_count > 0);
    assert_non_null(alm_project_model(p, ALM_STR("demand")));
    alm_project_close(p);
    alm_fs_destroy(real);
}

/* docs/project-file.md holds the tables that the parser reads by, word for word. */
static void reference_is_up_to_date(void **state)
{
    (void)state;
    alm_fs *real = NULL;
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_fs_real_create(&real, &error), ALM_OK);
    alm_str text;
    assert_int_equal(alm_fs_read_all(real, "docs/project-file.md", 1 << 20, arena, &text, &error),
                     ALM_OK);
    alm_buffer tables = {0};
    alm_project_write_reference(&tables);
    if (!strstr(text.data, tables.data)) {
        print_error("put these tables into docs/project-file.md:\n%s\n", tables.data);
        fail();
    }
    alm_buffer_deinit(&tables);
    alm_arena_destroy(arena);
    alm_fs_destroy(real);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_section),
        cmocka_unit_test(names_the_place_of_every_error),
        cmocka_unit_test(names_a_missing_file),
        cmocka_unit_test(opens_the_example),
        cmocka_unit_test(reference_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
