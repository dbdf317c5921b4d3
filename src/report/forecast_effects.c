#include "report/forecast_effects.h"

#include <math.h>

#include "pipeline/series/regressor_words.h"
#include "report/svg.h"

#define WIDTH 220.
#define HEIGHT 16.

const char almi_effects_style[] =
    "svg.effect{width:220px;height:16px;display:block;margin-top:4px}"
    "svg.effect .zero{stroke:var(--muted);stroke-width:1}"
    "svg.effect .doubt{stroke:var(--blue);stroke-width:2}"
    "svg.effect .worth{fill:var(--blue)}";

/* The largest distance from 0 that two standard errors reach, of one regressor over all series: its
 * bars have one scale. */
static double reach_of(const alm_forecast_made *made, size_t k)
{
    double reach = 0;
    for (size_t i = 0; i < made->input.count; i++) {
        if (made->set.series[i].kind) {
            const alm_effect *effect = &made->set.series[i].effects.effect[k];
            double doubt = isnan(effect->deviation) ? 0 : 2 * effect->deviation;
            double far = fabs(effect->coefficient) + doubt;
            reach = far > reach ? far : reach;
        }
    }
    return reach;
}

static void bar(const almi_page *page, const alm_effect *effect, double reach)
{
    double unit = reach > 0 ? (WIDTH / 2 - 4) / reach : 0;
    double x = WIDTH / 2 + unit * effect->coefficient;
    almi_svg svg = almi_svg_open(page->out, WIDTH, HEIGHT, "effect", NULL);
    almi_svg_line(&svg, (almi_point){WIDTH / 2, 1}, (almi_point){WIDTH / 2, HEIGHT - 1}, "zero");
    if (!isnan(effect->deviation)) {
        double doubt = 2 * unit * effect->deviation;
        almi_svg_line(&svg, (almi_point){x - doubt, HEIGHT / 2},
                      (almi_point){x + doubt, HEIGHT / 2}, "doubt");
    }
    almi_svg_rect(&svg, (almi_point){x - 3, HEIGHT / 2 - 4}, (almi_point){6, 8}, "worth", NULL);
    almi_svg_close(&svg);
}

static void row(const almi_page *page, const alm_forecast_made *made, size_t i, size_t k)
{
    const alm_effect *effect = &made->set.series[i].effects.effect[k];
    bool is_used = effect->reason == ALM_EFFECT_USED;
    alm_buffer *out = page->out;
    almi_html(out, "<tr><th scope=\"row\">");
    almi_html_text(out, alm_str_of(made->input.regressors->names[k]));
    almi_html(out, "</th><td class=\"text\">");
    almi_html_text(out, made->input.series[i].id);
    almi_html(out, "</td><td>");
    if (!is_used) {
        almi_html(out, "\xe2\x80\x93</td><td>\xe2\x80\x93</td><td class=\"text muted\">not used: ");
        almi_html(out, alm_effect_reason_sentence(effect->reason));
        almi_html(out, alm_effect_is_guess(made, i, k)
                           ? "; <span class=\"warn\">the plan has another value, whose effect is "
                             "not known and counted as 0</span></td></tr>\n"
                           : "</td></tr>\n");
        return;
    }
    alm_effect_number(out, effect->coefficient, true);
    almi_html(out, "</td><td>");
    if (isnan(effect->deviation)) {
        almi_html(out, "\xe2\x80\x93");
    } else {
        alm_effect_number(out, effect->deviation, false);
    }
    almi_html(out, "</td><td class=\"text\">");
    bar(page, effect, reach_of(made, k));
    almi_html(out, "</td></tr>\n");
}

static size_t rows(const almi_page *page, const alm_forecast_made *made)
{
    size_t count = 0;
    for (size_t k = 0; k < made->input.regressors->count; k++) {
        for (size_t i = 0; i < made->input.count; i++) {
            if (made->set.series[i].kind && count++ < ALMI_EFFECT_ROWS_MAX) {
                row(page, made, i, k);
            }
        }
    }
    return count;
}

void almi_effects_section(const almi_page *page, const alm_forecast_made *made)
{
    if (!made->input.regressors) {
        return;
    }
    almi_section_open(page, "effects", "What it depends on",
                      "By how much a value is higher for one unit more of a regressor, or in a "
                      "period with it: regression with ARIMA errors. The bar is two standard "
                      "errors to either side, the line is 0; a regressor has one scale for all "
                      "series.");
    almi_table_open(page, "", "What regressors are worth");
    almi_html(page->out, "<thead><tr><th scope=\"col\">regressor</th>"
                         "<th scope=\"col\" class=\"text\">series</th><th scope=\"col\">worth</th>"
                         "<th scope=\"col\">standard error</th>"
                         "<th scope=\"col\" class=\"text\"></th></tr></thead><tbody>\n");
    size_t count = rows(page, made);
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    if (count > ALMI_EFFECT_ROWS_MAX) {
        almi_html(page->out, "<p class=\"muted\">And ");
        almi_html_count(page->out, (int64_t)(count - ALMI_EFFECT_ROWS_MAX));
        almi_html(page->out, " more: the JSON document has all.</p>\n");
    }
    almi_section_close(page);
}
