/* report_accuracy.c: the backtest beside its baselines, coverage, importance. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report_internal.h"
#include "report/svg.h"

#define IMPORTANCE_SHOWN 20

typedef struct measure {
    const char *title;
    const char *help;
    const char *key;
    const char *pinball; /* level, or NULL */
    int decimals;
    double target; /* the best value */
    bool is_share; /* in percent */
} measure;

static const measure measures[] = {
    {"WAPE", "sum of absolute errors / sum of demand", "wape", NULL, 1, 0.0, true},
    {"bias", "sum of errors / sum of demand", "bias", NULL, 1, 0.0, true},
    {"RMSSE", "root mean squared error, scaled by the naive one of the history", "rmsse", NULL, 3,
     0.0, false},
    {"MASE", "mean absolute error, scaled likewise", "mase", NULL, 3, 0.0, false},
    {"MAPE", "mean absolute percentage error of days with demand", "mape", NULL, 1, 0.0, true},
    {"RMSE", "root mean squared error", "rmse", NULL, 2, 0.0, false},
    {"MAE", "mean absolute error", "mae", NULL, 2, 0.0, false},
    {"loss .5", "pinball loss at the median", "pinball", "0.5", 3, 0.0, false},
    {"loss .9", "pinball loss at quantile .9", "pinball", "0.9", 3, 0.0, false},
    {"loss .95", "pinball loss at quantile .95", "pinball", "0.95", 3, 0.0, false},
    {"in 90\xe2\x80\xaf%", "share of days within the 90 % interval", "coverage_90", NULL, 1, 0.9,
     true},
};
#define MEASURES (sizeof(measures) / sizeof(measures[0]))

static double measured(const alm_json *method, const measure *m)
{
    if (!m->pinball) {
        return almi_double_member(method, m->key);
    }
    const alm_json *losses = almi_member(method, m->key);
    return losses ? almi_double_member(losses, m->pinball) : NAN;
}

/* Errors in units of demand grow with the level: a total needs no thousandths. */
static int decimals_of(const alm_json *methods, const measure *m)
{
    double largest = 0.0;
    for (size_t i = 0; i < almi_count(methods); i++) {
        double value = fabs(measured(alm_json_at(methods, i), m));
        largest = value > largest ? value : largest;
    }
    return m->is_share || largest < 100.0 ? m->decimals : largest < 1000.0 ? 1 : 0;
}

/* NaN when fewer than two have a value: who is alone is not the best. */
static double best_of(const alm_json *methods, const measure *m)
{
    double best = NAN;
    size_t count = 0;
    for (size_t i = 0; i < almi_count(methods); i++) {
        double distance = fabs(measured(alm_json_at(methods, i), m) - m->target);
        best = isfinite(distance) && !(distance >= best) ? distance : best;
        count += isfinite(distance);
    }
    return count > 1 ? best : NAN;
}

static void method_rows(const almi_page *page, const alm_json *methods)
{
    alm_buffer *out = page->out;
    double best[MEASURES];
    int decimals[MEASURES];
    for (size_t k = 0; k < MEASURES; k++) {
        best[k] = best_of(methods, &measures[k]);
        decimals[k] = decimals_of(methods, &measures[k]);
    }
    for (size_t i = 0; i < almi_count(methods); i++) {
        const alm_json *method = alm_json_at(methods, i);
        alm_str name = almi_text_member(method, "method");
        bool ours = alm_str_is(name, "final");
        alm_buffer_printf(out, "<tr%s><th scope=\"row\">", ours ? " class=\"ours\"" : "");
        almi_html_text(out, almi_method_title(name));
        almi_html(out, "</th>");
        for (size_t k = 0; k < MEASURES; k++) {
            double value = measured(method, &measures[k]);
            bool is_best = fabs(value - measures[k].target) == best[k];
            almi_html(out, is_best ? "<td class=\"best\">" : "<td>");
            almi_html_number(out, measures[k].is_share ? 100.0 * value : value, decimals[k]);
            almi_html(out, "</td>");
        }
        almi_html(out, "</tr>\n");
    }
}

static void measure_heads(const almi_page *page, const char *first)
{
    alm_buffer_printf(page->out, "<thead><tr><th scope=\"col\">%s</th>", first);
    for (size_t k = 0; k < MEASURES; k++) {
        alm_buffer_printf(page->out, "<th scope=\"col\"><abbr title=\"%s\">%s%s</abbr></th>",
                          measures[k].help, measures[k].title,
                          measures[k].is_share && !strchr(measures[k].title, '%')
                              ? " %" : "");
    }
    almi_html(page->out, "</tr></thead>\n");
}

/* Days that no score has. */
static void sold_out(const almi_page *page, const alm_json *group)
{
    int64_t days = almi_i64_member(group, "censored");
    if (days > 0) {
        almi_html(page->out, ", ");
        almi_html_count(page->out, days);
        almi_html(page->out, " of ");
        almi_html_count(page->out, days + almi_i64_member(group, "pairs"));
        almi_html(page->out, " days were sold out and have no score, so the scores are those of "
                             "days of lower demand");
    }
}

/* One group of rows per level or class. */
static void group_table(const almi_page *page, const alm_json *groups, const char *key,
                        const char *caption)
{
    alm_buffer *out = page->out;
    almi_table_open(page, "", caption);
    measure_heads(page, "method");
    for (size_t g = 0; g < almi_count(groups); g++) {
        const alm_json *group = alm_json_at(groups, g);
        int64_t unscaled = almi_i64_member(group, "unscaled");
        double weight = almi_double_member(group, "weight");
        alm_buffer_printf(out, "<tbody class=\"group\"><tr><th class=\"head\" scope=\"rowgroup\" "
                          "colspan=\"%zu\">", MEASURES + 1);
        almi_html_text(out, almi_text_member(group, key));
        almi_html(out, " <span class=\"muted\">");
        int64_t nodes = almi_i64_member(group, "series");
        almi_html_count(out, nodes);
        almi_html(out, nodes == 1 ? " node" : " nodes");
        if (unscaled > 0) {
            almi_html(out, ", ");
            almi_html_count(out, unscaled);
            almi_html(out, " series and origins without a scale are not in RMSSE and MASE");
        }
        sold_out(page, group);
        if (isfinite(weight)) {
            almi_html(out, ", gradient boosting has a share of ");
            almi_html_percent(out, weight, 0);
        }
        almi_html(out, "</span></th></tr>\n");
        method_rows(page, almi_member(group, "methods"));
        almi_html(out, "</tbody>\n");
    }
    almi_table_close(page);
}

static void put_origins(const almi_page *page, const char *key)
{
    const alm_json *origins = almi_member(almi_member(page->backtest, "origins"), key);
    size_t count = almi_count(origins);
    for (size_t i = 0; i < count; i++) {
        alm_str text;
        alm_date date;
        if (alm_json_as_str(alm_json_at(origins, i), &text) && alm_date_parse(text, &date)) {
            almi_html(page->out, i ? ", " : "");
            almi_html_day(page->out, date);
        }
    }
    if (count == 0) {
        almi_html(page->out, "none");
    }
}

/* The comparison in words, good or bad. */
static void verdict(const almi_page *page)
{
    const alm_json *level = almi_backtest_level(page, "series");
    const alm_json *ours = almi_backtest_method(level, "final");
    const alm_json *naive = almi_backtest_method(level, "seasonal_naive");
    if (!ours || !naive) {
        return;
    }
    double a = almi_double_member(ours, "rmsse");
    double b = almi_double_member(naive, "rmsse");
    if (!isfinite(a) || !isfinite(b) || b <= 0.0) {
        return;
    }
    almi_html(page->out, "<p>At series level the released forecast has an RMSSE of ");
    almi_html_number(page->out, a, 3);
    almi_html(page->out, ", ");
    alm_buffer_printf(page->out, "<strong class=\"%s\">", a <= b ? "good" : "warn");
    almi_html_percent(page->out, fabs(1.0 - a / b), 1);
    almi_html(page->out, a <= b ? " below" : " above");
    almi_html(page->out, "</strong> seasonal naive (");
    almi_html_number(page->out, b, 3);
    almi_html(page->out, ")");
    sold_out(page, level);
    almi_html(page->out, ".</p>");
}

/* What the method was chosen from, where the project asked for the best. */
static void candidates(const almi_page *page, const alm_json *reconcile)
{
    const alm_json *list = almi_member(reconcile, "best_of");
    int64_t origins = almi_i64_member(reconcile, "judged_at");
    for (size_t k = 0; k < almi_count(list); k++) {
        const alm_json *one = alm_json_at(list, k);
        double rmsse = almi_double_member(one, "rmsse");
        almi_html(page->out, k ? ", " : ", the best of ");
        almi_html_text(page->out, almi_text_member(one, "method"));
        if (isfinite(rmsse)) {
            almi_html(page->out, " (");
            almi_html_number(page->out, rmsse, 3);
            almi_html(page->out, ")");
        } else {
            almi_html(page->out, " (not judged)");
        }
    }
    if (almi_count(list) > 0) {
        almi_html(page->out, " by the mean RMSSE of the levels at ");
        almi_html_count(page->out, origins);
        almi_html(page->out, origins == 1 ? " earlier origin" : " earlier origins");
    }
}

/* By which method its levels add up, where the project chose one. */
static void reconciled(const almi_page *page)
{
    const alm_json *one = almi_member(page->backtest, "reconcile");
    if (!one) {
        return;
    }
    double intensity = almi_double_member(one, "intensity");
    almi_html(page->out, "<p>All levels add up by <code>");
    almi_html_text(page->out, almi_text_member(one, "method"));
    almi_html(page->out, "</code>");
    if (almi_text_member(one, "from").size > 0) {
        almi_html(page->out, ", from the forecasts of level ");
        almi_html_text(page->out, almi_text_member(one, "from"));
    }
    if (almi_i64_member(one, "errors") > 0) {
        almi_html(page->out, ", weighted by ");
        almi_html_count(page->out, almi_i64_member(one, "errors"));
        almi_html(page->out, " errors of every node");
    }
    if (isfinite(intensity)) {
        almi_html(page->out, " (a share of ");
        almi_html_percent(page->out, intensity, 0);
        almi_html(page->out, " of their covariance is taken for chance)");
    }
    candidates(page, one);
    almi_html(page->out, ".</p>");
}

void almi_page_accuracy(const almi_page *page)
{
    if (!page->backtest) {
        return;
    }
    almi_section_open(page, "accuracy", "How good it was",
                      "Every method forecast the same past days from the same origins, knowing "
                      "only what was known then. Lower is better but for bias, best near 0, and "
                      "the 90\xe2\x80\xaf% interval, best near 90. The best of a column is bold.");
    verdict(page);
    reconciled(page);
    almi_html(page->out, "<p class=\"lead\">Scored from ");
    put_origins(page, "scored");
    almi_html(page->out, "; each chosen and calibrated on the origins whose horizon "
                         "was over before it (of ");
    put_origins(page, "selection");
    almi_html(page->out, ").</p>");
    group_table(page, almi_member(page->backtest, "levels"), "level",
                "Backtest by level of the hierarchy");
    const alm_json *classes = almi_member(page->backtest, "classes");
    if (almi_count(classes) > 0) {
        almi_html(page->out, "<details class=\"more\"><summary>By class of series</summary>"
                             "<p class=\"lead\">Classes by how often and how evenly a series "
                             "sells; each has its own blend.</p>");
        group_table(page, classes, "class", "Backtest by class of series");
        almi_html(page->out, "</details>");
    }
    almi_section_close(page);
}

/* ---- coverage ---- */

#define COVERAGE_LEFT 0.5 /* of the strip */

static void coverage_row(const almi_page *page, const alm_json *level)
{
    const alm_json *ours = almi_backtest_method(level, "final");
    double coverage = ours ? almi_double_member(ours, "coverage_90") : NAN;
    double base = ours ? almi_double_member(ours, "coverage_90_base") : NAN;
    alm_buffer *out = page->out;
    if (!isfinite(coverage)) {
        return;
    }
    bool narrow = coverage < 0.86;
    bool wide = coverage > 0.94;
    double scale = 100.0 / (1.0 - COVERAGE_LEFT);
    double x = scale * (fmax(coverage, COVERAGE_LEFT) - COVERAGE_LEFT);
    almi_html(out, "<tr><th scope=\"row\">");
    almi_html_text(out, almi_text_member(level, "level"));
    almi_html(out, "</th><td>");
    almi_html_count(out, almi_i64_member(level, "series"));
    almi_html(out, "</td><td>");
    almi_html_percent(out, coverage, 1);
    almi_html(out, "</td><td>");
    if (isfinite(base)) {
        almi_html_percent(out, base, 1);
    }
    almi_html(out, "</td><td class=\"bar\">");
    almi_svg svg = almi_svg_open_stretched(out, "strip");
    almi_svg_rect(&svg, (almi_point){0, 4.5}, (almi_point){100, 1}, "rail", NULL);
    almi_svg_rect(&svg, (almi_point){scale * (0.86 - COVERAGE_LEFT), 0},
                  (almi_point){scale * 0.08, 10}, "zone", NULL);
    almi_svg_rect(&svg, (almi_point){fmin(x, 99.0) - 0.5, 0}, (almi_point){1.0, 10},
                  narrow || wide ? "risk" : "fill", NULL);
    almi_svg_close(&svg);
    alm_buffer_printf(out, "</td><td class=\"text %s\">%s</td></tr>\n",
                      narrow || wide ? "warn" : "muted",
                      narrow ? "too narrow: plan more safety stock than it says"
                      : wide ? "too wide: it asks for more safety stock than needed"
                             : "as promised");
}

#define PIT_WIDTH 640.0
#define PIT_HEIGHT 140.0

/* Where what came fell in the forecast distributions; `level` of the backtest. */
static void pit_chart(const almi_page *page, const alm_json *level)
{
    const alm_json *ours = almi_backtest_method(level, "final");
    const alm_json *bins = ours ? almi_member(ours, "pit") : NULL;
    size_t count = almi_count(bins);
    double most = 2.0 / (double)(count ? count : 1); /* so that a flat one is half as high */
    for (size_t i = 0; i < count; i++) {
        double share = 0.0;
        most = alm_json_as_double(alm_json_at(bins, i), &share) && share > most ? share : most;
    }
    if (count == 0) {
        return;
    }
    almi_html(page->out, "<figure><figcaption><b>");
    almi_html_text(page->out, almi_text_member(level, "level"));
    almi_html(page->out, "</b><span>flat when right; high ends: too narrow; high middle: too wide; "
                         "high on one side: biased</span></figcaption>");
    almi_svg svg = almi_svg_open(page->out, PIT_WIDTH, PIT_HEIGHT, "fan",
                                 "Histogram of where days fell in their forecast distributions");
    double width = PIT_WIDTH / (double)count;
    for (size_t i = 0; i < count; i++) {
        double share = 0.0;
        char title[64];
        (void)alm_json_as_double(alm_json_at(bins, i), &share);
        (void)snprintf(title, sizeof title, "%.3g to %.3g: %.1f %% of days",
                       (double)i / (double)count, (double)(i + 1) / (double)count, 100 * share);
        double height = PIT_HEIGHT * share / most;
        almi_svg_rect(&svg, (almi_point){width * (double)i + 1, PIT_HEIGHT - height},
                      (almi_point){width - 2, height}, "zone", title);
    }
    double flat = PIT_HEIGHT - PIT_HEIGHT / (double)count / most;
    almi_svg_line(&svg, (almi_point){0, flat}, (almi_point){PIT_WIDTH, flat}, "mean");
    almi_svg_close(&svg);
    almi_html(page->out, "</figure>\n");
}

void almi_page_coverage(const almi_page *page)
{
    if (!page->backtest) {
        return;
    }
    almi_section_open(page, "coverage", "Can the intervals be trusted",
                      "Nine days of ten should fall into the 90\xe2\x80\xaf% interval. The shaded "
                      "zone of a strip is 86 to 94\xe2\x80\xaf%; the strip starts at "
                      "50\xe2\x80\xaf%. Counts are judged by the randomised probability integral "
                      "transform. Beside it what the forecasts had before the levels were made to "
                      "add up.");
    almi_table_open(page, "", "Share of days within the 90 % interval, by level");
    almi_html(page->out, "<thead><tr><th scope=\"col\">level</th><th scope=\"col\">nodes</th>"
                         "<th scope=\"col\">within</th><th scope=\"col\">before adding up</th>"
                         "<th scope=\"col\" class=\"bar\"></th>"
                         "<th scope=\"col\" class=\"text\">reading</th></tr></thead><tbody>\n");
    const alm_json *levels = almi_member(page->backtest, "levels");
    for (size_t i = 0; i < almi_count(levels); i++) {
        coverage_row(page, alm_json_at(levels, i));
    }
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    if (almi_count(levels) > 0) {
        pit_chart(page, alm_json_at(levels, 0));
    }
    almi_section_close(page);
}

/* ---- importance ---- */

typedef struct gain {
    alm_str feature;
    double gain;
} gain;

static int by_gain(const void *a, const void *b)
{
    const gain *x = a;
    const gain *y = b;
    if (x->gain != y->gain) {
        return x->gain > y->gain ? -1 : 1;
    }
    return alm_str_compare(x->feature, y->feature);
}

void almi_page_importance(const almi_page *page)
{
    const alm_json *list = almi_member(page->backtest, "importance");
    size_t count = page->backtest ? almi_count(list) : 0;
    gain *gains = ALM_NEW_ARRAY(page->arena, gain, count);
    double total = 0.0;
    for (size_t i = 0; i < count; i++) {
        const alm_json *item = alm_json_at(list, i);
        double value = almi_double_member(item, "gain");
        gains[i] = (gain){almi_text_member(item, "feature"), isfinite(value) ? value : 0.0};
        total += gains[i].gain;
    }
    if (!(total > 0.0)) {
        return;
    }
    qsort(gains, count, sizeof(*gains), by_gain);
    size_t shown = count < IMPORTANCE_SHOWN ? count : IMPORTANCE_SHOWN;
    almi_section_open(page, "importance", "What the model looks at",
                      "Share of the error that splits on a feature removed while training. It "
                      "says what the model uses, not what causes demand.");
    almi_table_open(page, "narrowed", "Importance of features by gain");
    almi_html(page->out, "<thead><tr><th scope=\"col\">feature</th><th scope=\"col\">share</th>"
                         "<th scope=\"col\" class=\"bar\"></th></tr></thead><tbody>\n");
    for (size_t i = 0; i < shown && gains[i].gain > 0.0; i++) {
        almi_html(page->out, "<tr><th scope=\"row\">");
        almi_html_code(page->out, gains[i].feature);
        almi_html(page->out, "</th><td>");
        almi_html_percent(page->out, gains[i].gain / total, 1);
        almi_html(page->out, "</td><td class=\"bar\">");
        almi_svg svg = almi_svg_open_stretched(page->out, "strip");
        almi_svg_rect(&svg, (almi_point){0, 1},
                      (almi_point){100.0 * gains[i].gain / gains[0].gain, 8}, "fill", NULL);
        almi_svg_close(&svg);
        almi_html(page->out, "</td></tr>\n");
    }
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    if (count > shown) {
        alm_buffer_printf(page->out, "<p class=\"over\">The %zu strongest of %zu features.</p>",
                          shown, count);
    }
    almi_section_close(page);
}
