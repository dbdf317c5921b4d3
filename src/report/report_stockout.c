/* report_stockout.c: series ranked by expected shortfall. */
#include <math.h>

#include "report/report_internal.h"
#include "report/svg.h"

static void probability(const almi_page *page, double value)
{
    const char *class_name = isfinite(value) && value >= 0.5 ? " class=\"warn\"" : "";
    alm_buffer_printf(page->out, "<td%s>", class_name);
    almi_html_percent(page->out, value, 0);
    almi_html(page->out, "</td>");
}

static void amount(const almi_page *page, const char *column, size_t r)
{
    const alm_table *table = page->input->stockouts;
    almi_html_number(page->out, almi_table_f64(table, column, r),
                     almi_table_decimals(table, column));
}

static void row(const almi_page *page, size_t r, double largest)
{
    const alm_table *table = page->input->stockouts;
    alm_buffer *out = page->out;
    double shortfall = almi_table_f64(table, "shortfall", r);
    almi_html(out, "<tr><th scope=\"row\">");
    almi_html_text(out, almi_table_text(table, "node", r));
    almi_html(out, "</th><td>");
    amount(page, "on_hand", r);
    almi_html(out, "</td><td>");
    amount(page, "demand", r);
    almi_html(out, "</td>");
    probability(page, almi_table_f64(table, "p7", r));
    probability(page, almi_table_f64(table, "p14", r));
    probability(page, almi_table_f64(table, "p28", r));
    almi_html(out, "<td>");
    almi_html_number(out, almi_table_f64(table, "days", r), 1);
    almi_html(out, "</td><td>");
    amount(page, "shortfall", r);
    almi_html(out, "</td><td class=\"bar\">");
    almi_svg svg = almi_svg_open_stretched(out, "strip");
    almi_svg_rect(&svg, (almi_point){0, 1}, (almi_point){100.0 * shortfall / largest, 8}, "risk",
                  NULL);
    almi_svg_close(&svg);
    almi_html(out, "</td></tr>\n");
}

void almi_page_stockouts(const almi_page *page)
{
    const alm_table *table = page->input->stockouts;
    if (!table) {
        return;
    }
    almi_section_open(page, "stockouts", "Where stock runs out first",
                      "Ranked by expected shortfall: the demand that the stock at hand and on "
                      "order is not expected to meet within the horizon. Order from the top. A "
                      "series with nothing at hand may live on what is on order; <i>days left</i> "
                      "counts the whole horizon for futures in which it never runs out.");
    if (table->rows == 0) {
        almi_html(page->out, "<p>No series with a stock position is expected to run short.</p>");
        almi_section_close(page);
        return;
    }
    almi_table_open(page, "", "Probability that the stock is used up by the end of the day");
    almi_html(page->out,
              "<thead><tr><th scope=\"col\">series</th><th scope=\"col\">on hand</th>"
              "<th scope=\"col\">demand</th><th scope=\"col\">day 7</th>"
              "<th scope=\"col\">day 14</th><th scope=\"col\">day 28</th>"
              "<th scope=\"col\">days left</th><th scope=\"col\">shortfall</th>"
              "<th scope=\"col\" class=\"bar\"><span class=\"muted\">share of the largest</span>"
              "</th></tr></thead><tbody>\n");
    double largest = 0.0;
    for (size_t r = 0; r < table->rows; r++) {
        largest = fmax(largest, almi_table_f64(table, "shortfall", r));
    }
    for (size_t r = 0; r < table->rows; r++) {
        row(page, r, largest > 0.0 ? largest : 1.0);
    }
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    almi_section_close(page);
}
