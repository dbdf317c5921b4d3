#include "report/forecast_page.h"

#include <math.h>
#include <string.h>

#include "report/forecast_effects.h"
#include "report/forecast_figure.h"
#include "report/svg.h"

#define PAST_FIRST_MAX ((size_t)600) /* periods drawn of the first series, and of the others */
#define PAST_MAX ((size_t)160)

/* ---- the frame ---- */

static void head(const almi_page *page, const alm_forecast_made *made)
{
    alm_buffer title = {0};
    alm_buffer_text(&title, "Forecast of ");
    alm_buffer_text(&title, made->name);
    almi_page_head(page->out, title.data ? title.data : "");
    alm_buffer_deinit(&title);
    almi_html(page->out, "<style>");
    almi_html(page->out, almi_figure_style);
    almi_html(page->out, made->input.regressors ? almi_effects_style : "");
    almi_html(page->out, "</style>\n");
}

static void put_steps(alm_buffer *out, const alm_forecast_made *made)
{
    char step[ALM_FREQUENCY_TEXT_BYTES];
    alm_frequency_step_text(&made->input.frequency, step);
    bool plain = step[0] < '0' || step[0] > '9';
    almi_html_count(out, (int64_t)made->plan.steps);
    alm_buffer_printf(out, plain ? " %s%s" : " steps of %s%s", step,
                      plain && made->plan.steps != 1 ? "s" : "");
}

static void title(const almi_page *page, const alm_forecast_made *made)
{
    alm_buffer *out = page->out;
    char text[ALM_INSTANT_TEXT_BYTES];
    const char *slash = strrchr(made->name, '/');
    almi_html(out, "<header><p class=\"over\">almanac forecast</p><h1>");
    almi_html_text(out, alm_str_of(slash ? slash + 1 : made->name));
    almi_html(out, "</h1><p class=\"sub\">The next ");
    put_steps(out, made);
    alm_time_write(&made->input.style, made->input.facts.last, text);
    almi_html(out, " behind ");
    almi_html_text(out, alm_str_of(text));
    almi_html(out, ", of ");
    almi_html_count(out, (int64_t)made->input.count);
    almi_html(out, " series. Nobody has approved these numbers: they are one run of one method on "
                   "one file.</p></header>\n"
                   "<nav aria-label=\"Sections\"><a href=\"#fans\">Forecasts</a>");
    almi_html(out, made->input.regressors ? "<a href=\"#effects\">What it depends on</a>" : "");
    almi_html(out, "<a href=\"#check\">Check</a><a href=\"#told\">What was understood</a>");
    almi_html(out, made->input.count > 1 ? "<a href=\"#series\">Series</a>" : "");
    almi_html(out, "</nav>\n");
}

/* ---- cards ---- */

static void card(const almi_page *page, const char *name, alm_buffer *value, const char *why)
{
    alm_buffer_printf(page->out, "<li><span class=\"name\">%s</span><span class=\"value\">", name);
    alm_buffer_str(page->out, alm_buffer_view(value));
    almi_html(page->out, "</span><span class=\"why\">");
    almi_html(page->out, why);
    almi_html(page->out, "</span></li>\n");
    alm_buffer_clear(value);
}

static void accuracy_cards(const almi_page *page, const alm_forecast_made *made,
                           alm_buffer *value)
{
    double mase = alm_forecast_mase(&made->set.score);
    double wape = alm_forecast_wape(&made->set.score);
    alm_buffer why = {0};
    if (!isnan(mase)) {
        almi_html_number(value, mase, 2);
        almi_html(value, " <small>MASE</small>");
        almi_html(&why, "on earlier origins; seasonal naive has ");
        almi_html_number(&why, alm_forecast_mase(&made->set.naive), 2);
        card(page, "Error", value, why.data ? why.data : "");
    }
    if (!isnan(wape)) {
        alm_buffer_clear(&why);
        almi_html_percent(value, wape, 1);
        almi_html(&why, "of what came (WAPE); seasonal naive is off by ");
        almi_html_percent(&why, alm_forecast_wape(&made->set.naive), 1);
        card(page, "Off by", value, why.data ? why.data : "");
    }
    for (size_t k = 0; k < made->plan.level_count && made->set.score.interval_pairs[k] > 0; k++) {
        if (k > 0 && k + 1 < made->plan.level_count) {
            continue; /* the narrowest and the widest */
        }
        alm_buffer name = {0};
        alm_buffer_clear(&why);
        alm_forecast_percent(&name, made->plan.level[k]);
        almi_html(&name, "\xe2\x80\xaf% interval held");
        almi_html_percent(value, alm_forecast_coverage(&made->set.score, k), 1);
        almi_html(&why, "of ");
        almi_html_count(&why, (int64_t)made->set.score.interval_pairs[k]);
        almi_html(&why, " values on earlier origins");
        card(page, name.data ? name.data : "", value, why.data ? why.data : "");
        alm_buffer_deinit(&name);
    }
    alm_buffer_deinit(&why);
}

static void cards(const almi_page *page, const alm_forecast_made *made)
{
    alm_buffer value = {0};
    if (made->set.checked > 0) {
        almi_html(page->out, "<ul class=\"cards\">\n");
        accuracy_cards(page, made, &value);
        almi_html(page->out, "</ul>\n");
    }
    alm_buffer_deinit(&value);
}

/* ---- fan charts ---- */

static void legend_item(const almi_page *page, const char *class_name, bool line)
{
    almi_html(page->out, "<li>");
    almi_svg svg = almi_svg_open(page->out, 22, 12, "key", NULL);
    if (line) {
        almi_svg_line(&svg, (almi_point){0, 6}, (almi_point){22, 6}, class_name);
    } else {
        almi_svg_rect(&svg, (almi_point){0, 1}, (almi_point){22, 10}, class_name, NULL);
    }
    almi_svg_close(&svg);
}

static void legend_level(const almi_page *page, const char *class_name, double level)
{
    legend_item(page, class_name, false);
    alm_forecast_percent(page->out, level);
    almi_html(page->out, "\xe2\x80\xaf% interval</li>");
}

static void legend(const almi_page *page, const alm_forecast_made *made)
{
    const alm_forecast_plan *plan = &made->plan;
    almi_html(page->out, "<ul class=\"legend\">");
    legend_item(page, "past", true);
    almi_html(page->out, "the past</li>");
    if (made->input.facts.sold_out_periods > 0) {
        legend_item(page, "risk", false);
        almi_html(page->out, "sold out: demand was that or more</li>");
    }
    legend_item(page, "mean", true);
    almi_html(page->out, "forecast</li>");
    if (plan->level_count > 1) {
        legend_level(page, "band50", plan->level[0]);
    }
    if (plan->level_count > 0) {
        legend_level(page, "band90", plan->level[plan->level_count - 1]);
    }
    almi_html(page->out, "</ul>\n");
}

static size_t chart_count(const alm_forecast_made *made)
{
    return made->input.count < ALM_FORECAST_CHARTS_MAX ? made->input.count
                                                       : ALM_FORECAST_CHARTS_MAX;
}

static void picker(const almi_page *page, const alm_forecast_made *made)
{
    if (made->input.count < 2) {
        return;
    }
    almi_html(page->out, "<p class=\"tools\" hidden><label>Show <select>"
                         "<option value=\"\">all charts</option>");
    for (size_t i = 0; i < chart_count(made); i++) {
        alm_buffer_printf(page->out, "<option value=\"fan-%zu\">", i);
        almi_html_text(page->out, made->input.series[i].id);
        almi_html(page->out, "</option>");
    }
    almi_html(page->out, "</select></label></p>\n");
}

static void number_head(const almi_page *page, const alm_forecast_plan *plan)
{
    almi_html(page->out, "<thead><tr><th scope=\"col\">time</th><th scope=\"col\">forecast</th>");
    for (size_t k = 0; k < 2 * plan->level_count; k++) {
        bool low = k < plan->level_count;
        size_t level = low ? plan->level_count - 1 - k : k - plan->level_count;
        almi_html(page->out, low ? "<th scope=\"col\">low " : "<th scope=\"col\">high ");
        alm_forecast_percent(page->out, plan->level[level]);
        almi_html(page->out, "</th>");
    }
    almi_html(page->out, "</tr></thead><tbody>");
}

/* The same numbers for readers of the page that do not see pictures, and for checking. */
static void numbers(const almi_page *page, const alm_forecast_made *made, size_t i)
{
    const alm_series_forecast *one = &made->set.series[i];
    size_t levels = made->plan.level_count;
    int decimals = almi_figure_decimals(almi_figure_largest(one->mean, made->plan.steps));
    alm_buffer *out = page->out;
    almi_html(out, "<details><summary>Numbers</summary>");
    almi_table_open(page, "", "Forecasts and their intervals");
    number_head(page, &made->plan);
    for (size_t h = 0; h < made->plan.steps; h++) {
        char text[ALM_INSTANT_TEXT_BYTES];
        almi_figure_time(made, i, made->input.series[i].count + h, text);
        alm_buffer_printf(out, "<tr><th scope=\"row\">%s</th><td>", text);
        almi_html_number(out, one->mean[h], decimals);
        for (size_t k = 0; k < 2 * levels; k++) {
            almi_html(out, "</td><td>");
            almi_html_number(out, k < levels ? one->low[h * levels + levels - 1 - k]
                                             : one->high[h * levels + k - levels], decimals);
        }
        almi_html(out, "</td></tr>");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
    almi_html(out, "</details>");
}

static size_t past_of(const alm_forecast_made *made, bool first)
{
    size_t most = first ? PAST_FIRST_MAX : PAST_MAX;
    size_t wanted = (first ? 8 : 4) * made->plan.steps;
    size_t seasons = (first ? 6 : 3) * made->plan.season;
    wanted = wanted > seasons ? wanted : seasons;
    wanted = wanted > 40 ? wanted : 40;
    return wanted < most ? wanted : most;
}

static void figure(const almi_page *page, const alm_forecast_made *made, size_t i)
{
    const alm_series_forecast *one = &made->set.series[i];
    alm_buffer *out = page->out;
    almi_figure drawn = {.made = made, .series = i, .past = past_of(made, i == 0)};
    alm_buffer_printf(out, "<figure data-chart id=\"fan-%zu\"%s><figcaption><b>", i,
                      i == 0 ? " class=\"first\"" : "");
    almi_html_text(out, made->input.series[i].id);
    almi_html(out, "</b><span class=\"why\">");
    almi_html(out, one->kind ? one->kind->name : "");
    if (one->reason != ALM_FORECAST_FITTED) {
        almi_html(out, one->kind ? ": " : "");
        almi_html(out, alm_forecast_reason_sentence(one->reason));
    }
    if (made->input.series[i].sold_out > 0) {
        almi_html(out, "; sold out in ");
        almi_html_count(out, (int64_t)made->input.series[i].sold_out);
        almi_html(out, " of ");
        almi_html_count(out, (int64_t)made->input.series[i].count);
        almi_html(out, " periods");
    }
    almi_html(out, "</span></figcaption>");
    if (i == 0) {
        almi_html(out, "<div class=\"wide\">");
        drawn.width = 1140;
        drawn.height = 320;
        almi_figure_draw(page, &drawn);
        almi_html(out, "</div><div class=\"narrow\">");
        drawn.past = past_of(made, false);
    }
    drawn.width = 380;
    drawn.height = 190;
    almi_figure_draw(page, &drawn);
    almi_html(out, i == 0 ? "</div>" : "");
    numbers(page, made, i);
    almi_html(out, "</figure>\n");
}

static void fans(const almi_page *page, const alm_forecast_made *made)
{
    almi_section_open(page, "fans", "What to expect",
                      "The line is what is expected on average, the bands are where single values "
                      "may fall.");
    legend(page, made);
    picker(page, made);
    almi_html(page->out, "<div class=\"charts\">\n");
    for (size_t i = 0; i < chart_count(made); i++) {
        figure(page, made, i);
    }
    almi_html(page->out, "</div>\n");
    if (made->input.count > chart_count(made)) {
        almi_html(page->out, "<p class=\"muted\">Not drawn: ");
        almi_html_count(page->out, (int64_t)(made->input.count - chart_count(made)));
        almi_html(page->out, " more series.</p>\n");
    }
    almi_section_close(page);
}

/* ---- the check ---- */

static void error_row(const almi_page *page, const char *name, double ours, double naive,
                      int decimals)
{
    if (isnan(ours)) {
        return;
    }
    alm_buffer_printf(page->out, "<tr><th scope=\"row\">%s</th><td%s>", name,
                      ours < naive ? " class=\"best\"" : "");
    almi_html_number(page->out, ours, decimals);
    almi_html(page->out, naive < ours ? "</td><td class=\"best\">" : "</td><td>");
    almi_html_number(page->out, naive, decimals);
    almi_html(page->out, "</td></tr>");
}

static void errors(const almi_page *page, const alm_forecast_made *made)
{
    const alm_forecast_score *ours = &made->set.score;
    const alm_forecast_score *naive = &made->set.naive;
    almi_html(page->out, "<div>");
    almi_table_open(page, "", "Errors, the smaller the better");
    almi_html(page->out, "<thead><tr><th scope=\"col\">measure</th><th scope=\"col\">this forecast"
                         "</th><th scope=\"col\">seasonal naive</th></tr></thead><tbody>");
    error_row(page, "MASE", alm_forecast_mase(ours), alm_forecast_mase(naive), 3);
    error_row(page, "WAPE, %", 100 * alm_forecast_wape(ours), 100 * alm_forecast_wape(naive), 1);
    error_row(page, "sMAPE, %", alm_forecast_smape(ours), alm_forecast_smape(naive), 1);
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    almi_html(page->out, "</div>");
}

static void coverage(const almi_page *page, const alm_forecast_made *made)
{
    const alm_forecast_score *score = &made->set.score;
    if (made->plan.level_count == 0 || score->interval_pairs[0] == 0) {
        return;
    }
    almi_html(page->out, "<div>");
    almi_table_open(page, "", "Values within the intervals");
    almi_html(page->out, "<thead><tr><th scope=\"col\">interval, %</th><th scope=\"col\">held, %"
                         "</th><th scope=\"col\">the model's own, %</th><th scope=\"col\">values"
                         "</th></tr></thead><tbody>");
    for (size_t k = 0; k < made->plan.level_count; k++) {
        almi_html(page->out, "<tr><th scope=\"row\">");
        alm_forecast_percent(page->out, made->plan.level[k]);
        almi_html(page->out, "</th><td>");
        almi_html_number(page->out, 100 * alm_forecast_coverage(score, k), 1);
        almi_html(page->out, "</td><td>");
        almi_html_number(page->out, 100 * alm_forecast_coverage(&made->set.model, k), 1);
        almi_html(page->out, "</td><td>");
        almi_html_count(page->out, (int64_t)score->interval_pairs[k]);
        almi_html(page->out, "</td></tr>");
    }
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    almi_html(page->out, "</div>");
}

static void told(const almi_page *page, const alm_forecast_line *lines, size_t count)
{
    almi_html(page->out, "<dl class=\"told\">");
    for (size_t i = 0; i < count; i++) {
        alm_buffer_printf(page->out, "<dt>%s</dt><dd>", lines[i].label);
        almi_html_text(page->out, lines[i].text);
        almi_html(page->out, "</dd>\n");
    }
    almi_html(page->out, "</dl>\n");
}

static void check(const almi_page *page, const alm_forecast_made *made)
{
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    almi_section_open(page, "check", "How good it would have been",
                      "The same method at earlier origins of this file, knowing only what came "
                      "before each. Few values tell little: read a coverage with their number.");
    if (made->set.checked > 0) {
        almi_html(page->out, "<div class=\"two\">");
        errors(page, made);
        coverage(page, made);
        almi_html(page->out, "</div>\n");
    } else {
        told(page, lines, alm_forecast_checked(made, page->arena, lines));
    }
    almi_section_close(page);
    almi_section_open(page, "told", "What was understood",
                      "Of the file and of what was asked; an option changes what is wrong.");
    told(page, lines, alm_forecast_understood(made, page->arena, lines));
    almi_section_close(page);
}

/* ---- all series ---- */

static void series_row(const almi_page *page, const alm_forecast_made *made, size_t i)
{
    const alm_series_forecast *one = &made->set.series[i];
    alm_buffer *out = page->out;
    double sum = 0;
    for (size_t h = 0; h < made->plan.steps; h++) {
        sum += one->mean[h];
    }
    almi_html(out, "<tr><th scope=\"row\">");
    almi_html_text(out, made->input.series[i].id);
    almi_html(out, "</th><td>");
    almi_html_count(out, (int64_t)made->input.series[i].count);
    if (made->input.facts.sold_out_periods > 0) {
        almi_html(out, "</td><td>");
        almi_html_count(out, (int64_t)made->input.series[i].sold_out);
    }
    almi_html(out, "</td><td>");
    almi_html_amount(out, one->mean[0]);
    almi_html(out, "</td><td>");
    almi_html_amount(out, sum);
    almi_html(out, "</td><td>");
    almi_html_number(out, alm_forecast_mase(&one->score), 2);
    almi_html(out, "</td><td>");
    almi_html_number(out, alm_forecast_mase(&one->naive), 2);
    almi_html(out, "</td><td class=\"text\">");
    almi_html(out, one->kind ? one->kind->name : "");
    almi_html(out, one->reason == ALM_FORECAST_FITTED ? "</td><td class=\"text\">"
                                                      : "</td><td class=\"text warn\">");
    almi_html(out, alm_forecast_reason_text(one->reason));
    almi_html(out, "</td></tr>\n");
}

static void all_series(const almi_page *page, const alm_forecast_made *made)
{
    size_t count = made->input.count;
    if (count < 2) {
        return;
    }
    almi_section_open(page, "series", "Series", "In the order of the file.");
    almi_table_open(page, "", "Forecast, check and reason of each series");
    almi_html(page->out, "<thead><tr><th scope=\"col\">series</th><th scope=\"col\">periods</th>");
    almi_html(page->out, made->input.facts.sold_out_periods > 0
                             ? "<th scope=\"col\">sold out</th>" : "");
    almi_html(page->out, "<th scope=\"col\">next</th><th scope=\"col\">sum ahead</th>"
                         "<th scope=\"col\">MASE</th><th scope=\"col\">of seasonal naive</th>"
                         "<th scope=\"col\" class=\"text\">method</th>"
                         "<th scope=\"col\" class=\"text\">reason</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < count && i < ALM_FORECAST_LIST_MAX; i++) {
        series_row(page, made, i);
    }
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    if (count > ALM_FORECAST_LIST_MAX) {
        almi_html(page->out, "<p class=\"muted\">And ");
        almi_html_count(page->out, (int64_t)(count - ALM_FORECAST_LIST_MAX));
        almi_html(page->out, " more.</p>\n");
    }
    almi_section_close(page);
}

alm_err alm_forecast_page_render(const alm_forecast_made *made, alm_str engine, alm_buffer *out,
                                 alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    almi_page page = {.arena = arena, .out = out};
    head(&page, made);
    title(&page, made);
    almi_html(out, "<main>\n");
    cards(&page, made);
    fans(&page, made);
    almi_effects_section(&page, made);
    check(&page, made);
    all_series(&page, made);
    almi_page_foot(out, engine, ". The same file, options and seed give the same page, byte for "
                                "byte.");
    alm_arena_destroy(arena);
    return alm_buffer_status(out, error);
}
