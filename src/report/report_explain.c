/* report_explain.c: one prediction taken apart, and what made the others. */
#include <math.h>
#include <string.h>

#include "pipeline/fallback.h"
#include "pipeline/series/kind_table.h"
#include "report/report_internal.h"
#include "report/svg.h"

/* ---- the waterfall ---- */

/* Plain words for the lines that are not features. */
static const char *line_title(alm_str name)
{
    static const char *const titles[][2] = {
        {"base", "average the model starts from"},
        {"statistical", "statistical part of the blend"},
        {"statistical level", "the series' own level over the horizon"},
        {"trend and season", "what the series' own trend and season add on this day"},
        {"weekday profile", "what the weekday profile of all series makes of it"},
        {"reconciliation", "adjustment, so that parts add up to totals"},
        {"other features", "all other features"},
        {"other", "all other features"},
    };
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (alm_str_is(name, titles[i][0])) {
            return titles[i][1];
        }
    }
    return NULL;
}

typedef struct scale {
    double low, high; /* values at the ends of the strip */
} scale;

static double position(const scale *s, double value)
{
    return 100.0 * (value - s->low) / (s->high - s->low);
}

static scale scale_of(const alm_table *table, double mean)
{
    scale s = {fmin(0.0, mean), fmax(0.0, mean)};
    double sum = 0.0;
    for (size_t r = 0; r < table->rows; r++) {
        sum += almi_table_f64(table, "contribution", r);
        s.low = fmin(s.low, sum);
        s.high = fmax(s.high, sum);
    }
    if (!(s.high > s.low)) {
        s.high = s.low + 1.0;
    }
    return s;
}

static void strip(const almi_page *page, const scale *s, double from, double to,
                  const char *class_name)
{
    double a = position(s, fmin(from, to));
    double b = position(s, fmax(from, to));
    almi_html(page->out, "<td class=\"bar\">");
    almi_svg svg = almi_svg_open_stretched(page->out, "strip");
    almi_svg_rect(&svg, (almi_point){position(s, 0.0) - 0.1, -3}, (almi_point){0.2, 16}, "rail",
                  NULL);
    almi_svg_rect(&svg, (almi_point){a, 1}, (almi_point){fmax(b - a, 0.3), 8}, class_name, NULL);
    almi_svg_close(&svg);
    almi_html(page->out, "</td>");
}

static void lines(const almi_page *page)
{
    const alm_table *table = page->input->explanation;
    alm_buffer *out = page->out;
    scale s = scale_of(table, page->input->explained_mean);
    double sum = 0.0;
    for (size_t r = 0; r < table->rows; r++) {
        alm_str name = almi_table_text(table, "feature", r);
        double value = almi_table_f64(table, "contribution", r);
        const char *title = line_title(name);
        almi_html(out, "<tr><th scope=\"row\">");
        if (title) {
            almi_html(out, title);
        } else {
            almi_html_code(out, name);
        }
        almi_html(out, "</th><td>");
        almi_html_signed_amount(out, value);
        almi_html(out, "</td>");
        strip(page, &s, sum, sum + value, value < 0.0 ? "minus" : "fill");
        almi_html(out, "</tr>\n");
        sum += value;
    }
    almi_html(out, "<tr class=\"ours\"><th scope=\"row\">predicted mean</th><td class=\"best\">");
    almi_html_amount(out, page->input->explained_mean);
    almi_html(out, "</td>");
    strip(page, &s, 0.0, page->input->explained_mean, "sum");
    almi_html(out, "</tr>\n");
}

/* The store promises that lines sum to the mean to within rounding; a page must not hide it when
 * they do not. 1e-6 relative is far above the rounding of a dozen doubles. */
static void check_sum(const almi_page *page)
{
    const alm_table *table = page->input->explanation;
    double sum = 0.0;
    for (size_t r = 0; r < table->rows; r++) {
        sum += almi_table_f64(table, "contribution", r);
    }
    double mean = page->input->explained_mean;
    if (!(fabs(sum - mean) <= 1e-6 * fmax(1.0, fabs(mean)))) {
        almi_html(page->out, "<p class=\"notice\">The lines sum to ");
        almi_html_amount(page->out, sum);
        almi_html(page->out, ", not to the mean: this prediction was not written by "
                             "almanac's explanation step.</p>");
    }
}

void almi_page_explanation(const almi_page *page)
{
    const alm_report_input *input = page->input;
    if (!input->explanation || input->explanation->rows == 0) {
        return;
    }
    almi_section_open(page, "explanation", "Why this number",
                      "One prediction taken apart. Each line starts where the one above it ends; "
                      "together they are the mean. The store holds these lines for every "
                      "prediction.");
    almi_html(page->out, "<h3>");
    almi_html_text(page->out, input->explained_node);
    almi_html(page->out, " on ");
    almi_html_date(page->out, input->explained_date);
    almi_html(page->out, "</h3>");
    almi_table_open(page, "narrowed", "Contributions in units of the target");
    almi_html(page->out, "<thead><tr><th scope=\"col\">line</th><th scope=\"col\">adds ");
    almi_html_text(page->out, input->unit);
    almi_html(page->out, "</th><th scope=\"col\" class=\"bar\"></th></tr></thead><tbody>\n");
    lines(page);
    almi_html(page->out, "</tbody>");
    almi_table_close(page);
    check_sum(page);
    almi_section_close(page);
}

/* ---- methods and fallbacks ---- */

static const char *fallback_reason(alm_str code)
{
    for (int f = ALM_FALLBACK_NONE + 1; f < ALM_FALLBACK_COUNT; f++) {
        if (alm_str_is(code, alm_fallback_text((alm_fallback)f))) {
            return alm_fallback_sentence((alm_fallback)f);
        }
    }
    return "";
}

static void fallback_table(const almi_page *page)
{
    const alm_json *fallbacks = almi_member(page->manifest, "fallbacks");
    alm_buffer *out = page->out;
    if (almi_count(fallbacks) == 0) {
        almi_html(out, "<p>No series fell back.</p>");
        return;
    }
    almi_table_open(page, "narrowed", "Series that fell back to a simpler rule");
    almi_html(out, "<thead><tr><th scope=\"col\">reason code</th><th scope=\"col\">series</th>"
                   "<th scope=\"col\" class=\"text\">meaning</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < almi_count(fallbacks); i++) {
        alm_str code;
        int64_t count = 0;
        if (!alm_json_as_i64(alm_json_member_at(fallbacks, i, &code), &count)) {
            continue;
        }
        almi_html(out, "<tr><th scope=\"row\">");
        almi_html_code(out, code);
        almi_html(out, "</th><td>");
        almi_html_count(out, count);
        almi_html(out, "</td><td class=\"text long muted\">");
        almi_html(out, fallback_reason(code));
        almi_html(out, "</td></tr>\n");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
}

static const char *method_reading(alm_str name)
{
    static const char *const readings[][2] = {
        {"gbm+stat", "blend of gradient boosting and the statistical level by weekday"},
        {"gbm", "gradient boosting alone"},
        {"stat", "the statistical level by weekday alone"},
        {"sum", "sum of the series below"},
        {"sum+stat", "blend of the sum below and the aggregate's own level"},
    };
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        if (alm_str_is(name, readings[i][0])) {
            return readings[i][1];
        }
    }
    alm_str rest = name;
    alm_str first = alm_str_split(&rest, '+');
    const alm_forecaster_kind *kind = NULL;
    if (!alm_kind_named(rest.data ? rest : first, &kind)) {
        return "";
    }
    return !rest.data                ? "that statistical forecaster of the series' own past alone"
           : alm_str_is(first, "gbm") ? "blend of gradient boosting and that statistical forecaster"
                                      : "blend of the sum below and that statistical forecaster of "
                                        "the aggregate's own past";
}

static void method_table(const almi_page *page)
{
    const alm_table *table = page->input->methods;
    alm_buffer *out = page->out;
    if (!table || table->rows == 0) {
        return;
    }
    almi_table_open(page, "narrowed", "What made the base forecasts");
    almi_html(out, "<thead><tr><th scope=\"col\">method</th><th scope=\"col\">nodes</th>"
                   "<th scope=\"col\" class=\"text\">meaning</th></tr></thead><tbody>\n");
    for (size_t r = 0; r < table->rows; r++) {
        alm_str name = almi_table_text(table, "method", r);
        almi_html(out, "<tr><th scope=\"row\">");
        almi_html_code(out, name);
        almi_html(out, "</th><td>");
        almi_html_number(out, almi_table_f64(table, "nodes", r), 0);
        almi_html(out, "</td><td class=\"text long muted\">");
        almi_html(out, method_reading(name));
        almi_html(out, "</td></tr>\n");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
}

void almi_page_methods(const almi_page *page)
{
    almi_section_open(page, "methods", "Who answered",
                      "Every series has a forecast. Where the model had too little to go by, a "
                      "simpler rule answered and says so in the store.");
    method_table(page);
    almi_html(page->out, "<h3>Fallbacks</h3>");
    fallback_table(page);
    almi_section_close(page);
}
