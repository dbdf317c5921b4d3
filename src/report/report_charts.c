/* report_charts.c: the headline figures and the fan charts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_internal.h"
#include "report/svg.h"

/* ---- cards ---- */

static void card_open(const almi_page *page, const char *name)
{
    alm_buffer_printf(page->out, "<li><span class=\"name\">%s</span><span class=\"value\">", name);
}

static void card_middle(const almi_page *page, const char *unit)
{
    if (unit && *unit) {
        almi_html(page->out, " <small>");
        almi_html_text(page->out, alm_str_of(unit));
        almi_html(page->out, "</small>");
    }
    almi_html(page->out, "</span><span class=\"why\">");
}

static void card_close(const almi_page *page)
{
    almi_html(page->out, "</span></li>");
}

static double sum_of(const double *value, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += isfinite(value[i]) ? value[i] : 0.0;
    }
    return sum;
}

static const char *unit_text(const almi_page *page)
{
    alm_str unit = page->input->unit;
    return alm_arena_copy_text(page->arena, unit.data, unit.size);
}

static void demand_card(const almi_page *page)
{
    almi_fan fan;
    alm_buffer *out = page->out;
    if (page->input->chart_count == 0 || !almi_fan_of(page, &page->input->charts[0], &fan)) {
        return;
    }
    double next = sum_of(fan.mean, fan.steps);
    card_open(page, "Expected demand");
    almi_html_amount(out, next);
    card_middle(page, unit_text(page));
    alm_buffer_printf(out, "%zu days, ", fan.steps);
    almi_html_text(out, page->input->charts[0].node);
    if (fan.history_count >= fan.steps) {
        double before = sum_of(fan.history + fan.history_count - fan.steps, fan.steps);
        almi_html(out, "; the ");
        alm_buffer_printf(out, "%zu days before had ", fan.steps);
        almi_html_amount(out, before);
    }
    card_close(page);
}

static void stockout_cards(const almi_page *page)
{
    const alm_report_input *input = page->input;
    if (!input->stockouts) {
        return;
    }
    card_open(page, "Likely to run out");
    almi_html_count(page->out, input->stockout_likely);
    card_middle(page, "series");
    almi_html(page->out, "probability of at least one half within 14 days, of ");
    almi_html_count(page->out, input->stockout_series);
    almi_html(page->out, " with a stock position");
    card_close(page);
    card_open(page, "Expected shortfall");
    almi_html_amount(page->out, input->stockout_shortfall);
    card_middle(page, unit_text(page));
    almi_html(page->out, "demand beyond the stock at hand and on order, all series");
    card_close(page);
}

static void accuracy_cards(const almi_page *page)
{
    const alm_json *level = almi_backtest_level(page, "series");
    const alm_json *ours = almi_backtest_method(level, "final");
    const alm_json *naive = almi_backtest_method(level, "seasonal_naive");
    double rmsse = ours ? almi_double_member(ours, "rmsse") : NAN;
    double reference = naive ? almi_double_member(naive, "rmsse") : NAN;
    double coverage = ours ? almi_double_member(ours, "coverage_90") : NAN;
    if (isfinite(rmsse)) {
        card_open(page, "Error in the backtest");
        almi_html_number(page->out, rmsse, 3);
        card_middle(page, "RMSSE");
        almi_html(page->out, "series level; seasonal naive has ");
        almi_html_number(page->out, reference, 3);
        card_close(page);
    }
    if (isfinite(coverage)) {
        card_open(page, "90\xe2\x80\xaf% interval held");
        almi_html_number(page->out, 100.0 * coverage, 1);
        card_middle(page, "%");
        almi_html(page->out, "of what was sold in the backtest, series level");
        card_close(page);
    }
}

static int64_t fallback_count(const almi_page *page)
{
    const alm_json *fallbacks = almi_member(page->manifest, "fallbacks");
    int64_t total = 0;
    for (size_t i = 0; i < almi_count(fallbacks); i++) {
        alm_str key;
        int64_t count = 0;
        if (alm_json_as_i64(alm_json_member_at(fallbacks, i, &key), &count)) {
            total += count;
        }
    }
    return total;
}

static void coverage_cards(const almi_page *page)
{
    card_open(page, "Predicted");
    almi_html_count(page->out, almi_i64_member(page->manifest, "leaves"));
    card_middle(page, "series");
    almi_html(page->out, "and ");
    int64_t sums = almi_i64_member(page->manifest, "aggregates");
    almi_html_count(page->out, sums);
    almi_html(page->out, sums == 1 ? " total that they add up to" : " totals that they add up to");
    card_close(page);
    card_open(page, "Fell back");
    almi_html_count(page->out, fallback_count(page));
    card_middle(page, "series");
    almi_html(page->out, "answered by a simpler rule, <a href=\"#methods\">with the reason</a>");
    card_close(page);
}

void almi_page_cards(const almi_page *page)
{
    almi_html(page->out, "<ul class=\"cards\">\n");
    demand_card(page);
    stockout_cards(page);
    coverage_cards(page);
    accuracy_cards(page);
    almi_html(page->out, "</ul>\n");
}

/* ---- fan charts ---- */

static void legend_item(const almi_page *page, const char *class_name, const char *text)
{
    alm_buffer *out = page->out;
    almi_html(out, "<li>");
    almi_svg svg = almi_svg_open(out, 22, 12, "key", NULL);
    if (strcmp(class_name, "mean") == 0) {
        almi_svg_line(&svg, (almi_point){0, 6}, (almi_point){22, 6}, class_name);
    } else {
        almi_svg_rect(&svg, (almi_point){0, 1}, (almi_point){22, 10}, class_name, NULL);
    }
    almi_svg_close(&svg);
    almi_html(out, text);
    almi_html(out, "</li>");
}

static bool any_sold_out(const almi_page *page)
{
    almi_fan fan;
    bool any = false;
    for (size_t i = 0; i < page->input->chart_count && !any; i++) {
        any = almi_fan_of(page, &page->input->charts[i], &fan) && fan.sold_out_days > 0;
    }
    return any;
}

static void legend(const almi_page *page)
{
    almi_html(page->out, "<ul class=\"legend\">");
    legend_item(page, "seen", "observed");
    if (any_sold_out(page)) {
        legend_item(page, "risk", "sold out: demand was that or more");
    }
    legend_item(page, "mean", "predicted mean");
    legend_item(page, "band50", "half of the days fall in here");
    legend_item(page, "band90", "nine days of ten fall in here");
    almi_html(page->out, "</ul>\n");
}

static void picker(const almi_page *page)
{
    alm_buffer *out = page->out;
    almi_html(out, "<p class=\"tools\" hidden><label>Show <select>"
                   "<option value=\"\">all charts</option>");
    for (size_t i = 0; i < page->input->chart_count; i++) {
        const alm_report_chart *chart = &page->input->charts[i];
        alm_buffer_printf(out, "<option value=\"fan-%zu\">", i);
        almi_html_text(out, chart->node);
        almi_html(out, " (");
        almi_html_text(out, chart->level);
        almi_html(out, ")</option>");
    }
    almi_html(out, "</select></label></p>\n");
}

/* The same numbers for readers of the page that do not see pictures, and for checking. */
static void numbers(const almi_page *page, const almi_fan *fan)
{
    alm_buffer *out = page->out;
    almi_html(out, "<details><summary>Numbers</summary>");
    almi_table_open(page, "", "Predicted per day");
    almi_html(out, "<thead><tr><th scope=\"col\">day</th><th scope=\"col\">5\xe2\x80\xaf%</th>"
                   "<th scope=\"col\">mean</th><th scope=\"col\">95\xe2\x80\xaf%</th></tr></thead>"
                   "<tbody>");
    for (size_t h = 0; h < fan->steps; h++) {
        almi_html(out, "<tr><th scope=\"row\">");
        almi_html_day(out, fan->start + (alm_date)h);
        almi_html(out, "</th><td>");
        almi_html_amount(out, fan->q05 ? fan->q05[h] : NAN);
        almi_html(out, "</td><td>");
        almi_html_amount(out, fan->mean[h]);
        almi_html(out, "</td><td>");
        almi_html_amount(out, fan->q95 ? fan->q95[h] : NAN);
        almi_html(out, "</td></tr>");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
    almi_html(out, "</details>");
}

static void draw(const almi_page *page, const almi_fan *fan, bool first, const char *label)
{
    if (!first) {
        almi_fan_draw(page, fan, 380, 170, label);
        return;
    }
    almi_html(page->out, "<div class=\"wide\">");
    almi_fan_draw(page, fan, 1140, 280, label);
    almi_html(page->out, "</div><div class=\"narrow\">");
    almi_fan_draw(page, fan, 380, 200, label);
    almi_html(page->out, "</div>");
}

static void figure(const almi_page *page, size_t index)
{
    const alm_report_chart *chart = &page->input->charts[index];
    alm_buffer *out = page->out;
    almi_fan fan;
    if (!almi_fan_of(page, chart, &fan)) {
        return;
    }
    const char *label = alm_arena_printf(
        page->arena, ALM_STR_FMT ", %zu days observed and %zu days predicted, mean %.1f a day",
        ALM_STR_ARG(chart->node), fan.history_count, fan.steps,
        sum_of(fan.mean, fan.steps) / (double)fan.steps);
    alm_buffer_printf(out, "<figure data-chart id=\"fan-%zu\"%s><figcaption><b>", index,
                      index == 0 ? " class=\"first\"" : "");
    almi_html_text(out, chart->node);
    almi_html(out, "</b><span class=\"sum\">");
    almi_html_amount(out, sum_of(fan.mean, fan.steps));
    alm_buffer_printf(out, " in %zu days</span><span class=\"why\">", fan.steps);
    almi_html_text(out, chart->why);
    if (fan.sold_out_days > 0) {
        alm_buffer_printf(out, "; sold out on %zu of %zu days", fan.sold_out_days,
                          fan.history_count);
    }
    almi_html(out, "</span></figcaption>");
    draw(page, &fan, index == 0, label);
    numbers(page, &fan);
    almi_html(out, "</figure>\n");
}

void almi_page_fans(const almi_page *page)
{
    if (page->input->chart_count == 0) {
        return;
    }
    almi_section_open(page, "fans", "What to expect",
                      "Grey bars are days that were observed, blue marks the mean of what is "
                      "predicted. A wide band asks for more safety stock than a narrow one with "
                      "the same mean.");
    legend(page);
    picker(page);
    almi_html(page->out, "<div class=\"charts\">\n");
    for (size_t i = 0; i < page->input->chart_count; i++) {
        figure(page, i);
    }
    almi_html(page->out, "</div>\n");
    almi_section_close(page);
}
