/* report_fixture.h: a made-up run of 60 series for the tests of the report; every number comes from
 * a seeded stream, so the page has always the same bytes. */
#ifndef ALM_REPORT_REPORT_FIXTURE_H
#define ALM_REPORT_REPORT_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "report/report.h"

#define FIXTURE_STEPS 28
#define FIXTURE_HISTORY 90

typedef struct report_fixture {
    alm_arena *arena;
    alm_report_input input;
    alm_table_builder *predictions, *history, *stockouts, *methods, *explanation;
    alm_buffer manifest, backtest;
    alm_table tables[5];
    alm_rng rng;
    alm_date start;
} report_fixture;

static inline void fixture_must(alm_err code)
{
    alm_assert(code == ALM_OK);
}

static inline alm_table_builder *fixture_builder(const char *const *names, const alm_type *types,
                                                 size_t count)
{
    alm_table_builder *builder;
    fixture_must(alm_table_builder_create(names, types, count, &builder, NULL));
    return builder;
}

/* Closed on Saturdays; `scale` units a day growing into Christmas; thin series sell in lumps. */
static inline double fixture_level(alm_date date, double scale)
{
    double weekday[] = {1.0, 1.1, 1.05, 1.15, 0.95, 0.0, 0.6};
    alm_civil civil = alm_date_civil(date);
    double season = 0.8 + 0.06 * (civil.month > 8 ? civil.month - 8 : 0);
    return scale * weekday[alm_date_weekday(date)] * season;
}

static inline void fixture_history(report_fixture *f, const alm_report_chart *chart, double scale)
{
    for (int d = FIXTURE_HISTORY; d >= 1; d--) {
        double level = fixture_level(f->start - d, scale);
        double u = alm_rng_next_uniform(&f->rng);
        double value = scale > 40 ? level * (0.75 + 0.5 * u)
                                  : (u < 0.45 ? 0.0 : floor(level * 3.0 * u * u * u));
        alm_table_builder_text(f->history, chart->level);
        alm_table_builder_text(f->history, chart->node);
        alm_table_builder_date(f->history, f->start - d);
        alm_table_builder_f64(f->history, floor(value + 0.5));
        /* A thin series is empty now and then, and had nothing left on one of those days. */
        alm_table_builder_f64(f->history, scale < 40 && d % 15 == 0 ? 1 : 0);
    }
}

static inline void fixture_prediction(report_fixture *f, const alm_report_chart *chart,
                                      double scale)
{
    for (int h = 0; h < FIXTURE_STEPS; h++) {
        double mean = fixture_level(f->start + h, scale) * 0.9;
        double spread = scale > 40 ? mean * (0.18 + 0.004 * h) : mean * 0.9 + 0.3;
        double share[] = {-1.6, -0.7, 0.7, 1.9};
        alm_table_builder_text(f->predictions, chart->level);
        alm_table_builder_text(f->predictions, chart->node);
        alm_table_builder_date(f->predictions, f->start + h);
        alm_table_builder_f64(f->predictions, mean);
        for (int q = 0; q < 4; q++) {
            alm_table_builder_f64(f->predictions,
                                  mean > 0.0 ? fmax(0.0, mean + share[q] * spread) : 0.0);
        }
    }
}

static inline void fixture_charts(report_fixture *f)
{
    static const struct {
        const char *node, *level, *why;
        double scale;
    } shown[] = {
        {"total", "total", "all series together", 14500},
        {"Rest of Europe", "region", "level region, the largest node", 420},
        {"United_Kingdom", "market", "level market, the largest node", 13900},
        {"22", "range", "level range, the largest node", 5200},
        {"22|United_Kingdom", "range_market", "level range_market, the largest node", 5000},
        {"85123A|United_Kingdom", "series", "highest expected shortfall", 95},
        {"22086|United_Kingdom", "series", "highest expected shortfall", 31},
        {"23084|France", "series", "highest demand", 18},
        {"23843|United_Kingdom", "series", "cold start, borrows from analogues", 6},
        {"<b>\"tricky\" & co</b>|EIRE", "series", "smallest demand that is not zero", 0.4},
    };
    size_t count = sizeof(shown) / sizeof(shown[0]);
    alm_report_chart *charts = ALM_NEW_ARRAY(f->arena, alm_report_chart, count);
    for (size_t i = 0; i < count; i++) {
        charts[i] = (alm_report_chart){alm_str_of(shown[i].node), alm_str_of(shown[i].level),
                                       alm_str_of(shown[i].why)};
        fixture_history(f, &charts[i], shown[i].scale);
        fixture_prediction(f, &charts[i], shown[i].scale);
    }
    f->input.charts = charts;
    f->input.chart_count = count;
}

static inline void fixture_stockouts(report_fixture *f)
{
    for (int i = 0; i < 25; i++) {
        char node[64];
        (void)snprintf(node, sizeof(node), "%d|United_Kingdom", 20700 + 37 * i);
        double base = 1.0 / (1.0 + 0.22 * i);
        alm_table_builder_text(f->stockouts, alm_str_of(i ? node : "85123A|United_Kingdom"));
        if (i == 4) {
            alm_table_builder_null(f->stockouts);
        } else {
            alm_table_builder_f64(f->stockouts, floor(40.0 + 11.0 * i));
        }
        alm_table_builder_f64(f->stockouts, fmin(1.0, base * 0.9));
        alm_table_builder_f64(f->stockouts, fmin(1.0, base * 1.05));
        alm_table_builder_f64(f->stockouts, fmin(1.0, base * 1.3));
        alm_table_builder_f64(f->stockouts, 3.4 + 0.9 * i);
        alm_table_builder_f64(f->stockouts, 1240.0 * base * base);
        alm_table_builder_f64(f->stockouts, 1500.0 * base + 55.0);
    }
    f->input.stockout_series = 1923;
    f->input.stockout_likely = 61;
    f->input.stockout_shortfall = 8421.3;
}

static inline void fixture_explanation(report_fixture *f)
{
    static const struct {
        const char *feature;
        double value;
    } lines[] = {{"base", 14.2},        {"mean_28", 31.75},   {"lag_7", 12.5},
                 {"days_to_christmas", 8.25}, {"price_relative", -6.5},
                 {"other features", 1.3}, {"statistical", 19.0}, {"reconciliation", -2.5}};
    double sum = 0.0;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        alm_table_builder_text(f->explanation, alm_str_of(lines[i].feature));
        alm_table_builder_f64(f->explanation, lines[i].value);
        sum += lines[i].value;
    }
    f->input.explained_node = ALM_STR("85123A|United_Kingdom");
    f->input.explained_date = f->start;
    f->input.explained_mean = sum;
}

static inline void fixture_method(alm_buffer *out, const char *name, double rmsse, bool bands)
{
    alm_buffer_printf(out, "{\"method\":\"%s\",\"wape\":%.3f,\"bias\":%.3f,\"rmsse\":%.3f,"
                      "\"mase\":%.3f,\"mape\":%s,\"rmse\":%.3f,\"mae\":%.3f", name, rmsse * 0.9,
                      (rmsse - 0.95) * 0.3, rmsse, rmsse * 0.8, bands ? "0.713" : "null",
                      rmsse * 21, rmsse * 9);
    alm_buffer_printf(out, ",\"pinball\":{\"0.5\":%.3f,\"0.9\":%.3f,\"0.95\":%.3f},"
                      "\"coverage_90\":", rmsse * 3, rmsse * 2, rmsse * 1.4);
    alm_buffer_text(out, bands ? "0.902,\"coverage_90_base\":0.876,\"pit\":[0.1,0.2,0.4,0.3]"
                               : "null");
    alm_buffer_text(out, "}");
}

static inline void fixture_group(alm_buffer *out, const char *key, const char *name, double factor)
{
    alm_buffer_printf(out, "{\"%s\":\"%s\",\"series\":%d,\"unscaled\":%d,\"weight\":0.45,"
                      "%s\"methods\":[", key, name, (int)(1923 * factor),
                      strcmp(name, "series") == 0 ? 7 : 0,
                      strcmp(name, "series") == 0 ? "\"pairs\":9000,\"censored\":1234," : "");
    static const char *const methods[] = {"final", "statistical", "gbm", "seasonal_naive", "ses",
                                          "mean", "weekday_mean", "zero"};
    static const double errors[] = {0.921, 0.948, 1.012, 1.238, 0.975, 0.994, 0.969, 1.105};
    for (size_t i = 0; i < 8; i++) {
        alm_buffer_text(out, i ? "," : "");
        fixture_method(out, methods[i], errors[i] * (0.5 + 0.5 * factor), i < 1);
    }
    alm_buffer_text(out, "]}");
}

static inline void fixture_backtest(report_fixture *f)
{
    static const char *const levels[] = {"series", "total", "region", "market", "range"};
    static const char *const classes[] = {"smooth", "erratic", "intermittent", "lumpy", "new"};
    static const char *const features[] = {"mean_28", "mean_7", "lag_7", "weekday", "ewm_14",
                                           "days_to_christmas", "price_relative", "zeros_28",
                                           "range_mean_28", "age_days"};
    alm_buffer *out = &f->backtest;
    alm_buffer_text(out, "{\"model\":\"demand\",\"horizon\":28,\"origins\":{\"scored\":["
                         "\"2011-09-16\",\"2011-10-14\",\"2011-11-11\"],\"selection\":["
                         "\"2011-06-24\",\"2011-07-22\",\"2011-08-19\"]},\"levels\":[");
    for (size_t i = 0; i < 5; i++) {
        alm_buffer_text(out, i ? "," : "");
        fixture_group(out, "level", levels[i], 1.0 / (double)(1 + 2 * i));
    }
    alm_buffer_text(out, "],\"classes\":[");
    for (size_t i = 0; i < 5; i++) {
        alm_buffer_text(out, i ? "," : "");
        fixture_group(out, "class", classes[i], 1.0 / (double)(2 + i));
    }
    alm_buffer_text(out, "],\"importance\":[");
    for (size_t i = 0; i < 10; i++) {
        alm_buffer_printf(out, "%s{\"feature\":\"%s\",\"gain\":%d}", i ? "," : "", features[i],
                          (int)(9000 / (1 + i * i)));
    }
    alm_buffer_text(out, "]}");
}

static inline void fixture_manifest(report_fixture *f)
{
    alm_buffer_printf(
        &f->manifest,
        "{\"format\":1,\"run_id\":\"run-4f6b1e2a90cd77a1\",\"run_key\":\"%064d\","
        "\"schedule\":\"nightly\",\"prediction_date\":\"2011-11-26\","
        "\"model_version\":\"demand-3\",\"release_hash\":\"%064d\",\"bundle\":\"%064d\","
        "\"snapshot_id\":\"%064d\",\"feature_version\":\"%064d\",\"training_run_id\":\"%064d\","
        "\"horizon\":28,\"paths\":200,\"quantiles\":[0.05,0.25,0.5,0.75,0.95],\"rows\":56476,"
        "\"leaves\":1923,\"aggregates\":94,\"fallbacks\":{\"no_forest\":0,\"no_demand\":3,"
        "\"cold_start\":41},\"files\":[{\"horizon\":1,\"rows\":2017,\"sha256\":\"x\"}],"
        "\"supersedes\":\"run-0000000000000001\",\"reason\":\"late sales of <22 November>\"}",
        11, 22, 33, 44, 55, 66);
}

static inline void fixture_ledger(report_fixture *f)
{
    static const struct {
        alm_ledger_action action;
        const char *who, *why;
    } entries[] = {{ALM_LEDGER_REGISTER, "ci", "trained from the nightly snapshot"},
                   {ALM_LEDGER_COMPARE, "ci", "against demand-2 on three origins"},
                   {ALM_LEDGER_APPROVE, "Anna <planning>", "RMSSE 4 % better, bias within 2 %"},
                   {ALM_LEDGER_PROMOTE, "Anna <planning>", "replaces demand-2 before Christmas"}};
    alm_ledger_entry *ledger = ALM_NEW_ARRAY(f->arena, alm_ledger_entry, 4);
    for (size_t i = 0; i < 4; i++) {
        ledger[i].seq = (int64_t)i + 9;
        ledger[i].action = entries[i].action;
        ledger[i].subject = ALM_STR("demand-3");
        ledger[i].alias = i == 3 ? ALM_STR("production") : (alm_str){0};
        ledger[i].who = alm_str_of(entries[i].who);
        ledger[i].why = alm_str_of(entries[i].why);
        ledger[i].when = alm_instant_of_date(f->start) + (alm_instant)i * 1234567890;
        ledger[i].hash = alm_hash_bytes(&i, sizeof(i));
    }
    f->input.ledger = ledger;
    f->input.ledger_count = 4;
}

static inline void fixture_sources(report_fixture *f)
{
    static const alm_str names[] = {{"data/sales.csv.gz", 17}, {"data/stock.csv.gz", 17}};
    static const alm_str digests[] = {
        {"3f1a5e0c9bd2470c7e55f4a9f18b1d1ce2a8b0d56f3c9e7a4b2d8c6f0e1a3b57", 64},
        {"9bd2470c7e55f4a9f18b1d1ce2a8b0d56f3c9e7a4b2d8c6f0e1a3b573f1a5e0c", 64}};
    alm_report_source *sources = ALM_NEW_ARRAY(f->arena, alm_report_source, 2);
    sources[0] = (alm_report_source){ALM_STR("sales"), &names[0], &digests[0], 1, 225008, 12,
                                     f->start - 360, f->start - 1};
    sources[1] = (alm_report_source){ALM_STR("stock"), &names[1], &digests[1], 1, 117137, 0,
                                     f->start - 360, f->start - 1};
    f->input.sources = sources;
    f->input.source_count = 2;
    f->input.snapshot_start = f->start - 360;
    f->input.snapshot_end = f->start;
}

static inline void fixture_finish(report_fixture *f)
{
    alm_table_builder *builders[] = {f->predictions, f->history, f->stockouts, f->methods,
                                     f->explanation};
    for (size_t i = 0; i < 5; i++) {
        fixture_must(alm_table_builder_finish(builders[i], &f->tables[i], NULL));
    }
    f->input.predictions = &f->tables[0];
    f->input.history = &f->tables[1];
    f->input.stockouts = &f->tables[2];
    f->input.methods = &f->tables[3];
    f->input.explanation = &f->tables[4];
    f->input.manifest = alm_buffer_view(&f->manifest);
    f->input.backtest = alm_buffer_view(&f->backtest);
    f->input.manifest_digest = alm_hash_bytes(f->manifest.data, f->manifest.size);
}

static inline void report_fixture_init(report_fixture *f)
{
    static const alm_type T = ALM_TYPE_TEXT, D = ALM_TYPE_DATE, F = ALM_TYPE_F64;
    const alm_type types[][8] = {{T, T, D, F, F, F, F, F}, {T, T, D, F, F},
                                 {T, F, F, F, F, F, F, F}, {T, F}, {T, F}};
    static const char *const names[][8] = {
        {"level", "node", "target_date", "mean", "q05", "q25", "q75", "q95"},
        {"level", "node", "date", "value", "sold_out"},
        {"node", "on_hand", "p7", "p14", "p28", "days", "shortfall", "demand"},
        {"method", "nodes"},
        {"feature", "contribution"}};
    memset(f, 0, sizeof(*f));
    f->arena = alm_arena_create(0);
    f->rng = alm_rng_stream(7, 1);
    alm_assert(alm_date_parse(ALM_STR("2011-11-26"), &f->start));
    f->predictions = fixture_builder(names[0], types[0], 8);
    f->history = fixture_builder(names[1], types[1], 5);
    f->stockouts = fixture_builder(names[2], types[2], 8);
    f->methods = fixture_builder(names[3], types[3], 2);
    f->explanation = fixture_builder(names[4], types[4], 2);
    f->input.project = ALM_STR("retail");
    f->input.unit = ALM_STR("units");
    f->input.engine = ALM_STR("almanac/0.1.0");
    f->input.alias = ALM_STR("production");
    f->input.version = 12;
    fixture_charts(f);
    fixture_stockouts(f);
    fixture_explanation(f);
    fixture_backtest(f);
    fixture_manifest(f);
    fixture_ledger(f);
    fixture_sources(f);
    static const char *const methods[] = {"gbm+stat", "stat", "sum+stat"};
    for (size_t i = 0; i < 3; i++) {
        alm_table_builder_text(f->methods, alm_str_of(methods[i]));
        alm_table_builder_f64(f->methods, (double)(1780 / (1 + 9 * i)));
    }
    fixture_finish(f);
}

static inline void report_fixture_deinit(report_fixture *f)
{
    alm_table_builder_destroy(f->predictions);
    alm_table_builder_destroy(f->history);
    alm_table_builder_destroy(f->stockouts);
    alm_table_builder_destroy(f->methods);
    alm_table_builder_destroy(f->explanation);
    alm_buffer_deinit(&f->manifest);
    alm_buffer_deinit(&f->backtest);
    alm_arena_destroy(f->arena);
}

#endif
