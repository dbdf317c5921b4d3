/* report.c: the page around its sections. */
#include "report/report.h"

#include <math.h>
#include <string.h>

#include "report/report_internal.h"

/* ---- what sections share ---- */

void almi_section_open(const almi_page *page, const char *id, const char *title,
                       const char *lead)
{
    alm_buffer_printf(page->out, "<section id=\"%s\" aria-labelledby=\"%s-title\">"
                      "<h2 id=\"%s-title\">%s</h2><p class=\"lead\">%s</p>\n", id, id, id, title,
                      lead);
}

void almi_section_close(const almi_page *page)
{
    almi_html(page->out, "</section>\n");
}

void almi_table_open(const almi_page *page, const char *class_name, const char *caption)
{
    alm_buffer_printf(page->out, "<div class=\"scroll %s\" role=\"region\" tabindex=\"0\" "
                      "aria-label=\"%s\"><table><caption>%s</caption>\n", class_name, caption,
                      caption);
}

void almi_table_close(const almi_page *page)
{
    almi_html(page->out, "</table></div>\n");
}

const alm_json *almi_member(const alm_json *object, const char *key)
{
    return object ? alm_json_member(object, key) : NULL;
}

size_t almi_count(const alm_json *list)
{
    return list ? alm_json_count(list) : 0;
}

alm_str almi_text_member(const alm_json *object, const char *key)
{
    alm_str text;
    const alm_json *value = almi_member(object, key);
    return value && alm_json_as_str(value, &text) ? text : (alm_str){0};
}

int64_t almi_i64_member(const alm_json *object, const char *key)
{
    int64_t number;
    const alm_json *value = almi_member(object, key);
    return value && alm_json_as_i64(value, &number) ? number : 0;
}

double almi_double_member(const alm_json *object, const char *key)
{
    double number;
    const alm_json *value = almi_member(object, key);
    return value && alm_json_as_double(value, &number) ? number : NAN;
}

double almi_table_f64(const alm_table *table, const char *name, size_t row)
{
    const alm_column *column = alm_table_column(table, name);
    if (!column || !alm_column_is_valid(column, row)) {
        return NAN;
    }
    if (column->type == ALM_TYPE_I64) {
        return (double)column->values.i64[row];
    }
    return column->type == ALM_TYPE_F64 ? column->values.f64[row] : NAN;
}

alm_str almi_table_text(const alm_table *table, const char *name, size_t row)
{
    const alm_column *column = alm_table_column(table, name);
    bool is_text = column && column->type == ALM_TYPE_TEXT && alm_column_is_valid(column, row);
    return is_text ? column->values.text[row] : (alm_str){0};
}

alm_date almi_table_date(const alm_table *table, const char *name, size_t row)
{
    const alm_column *column = alm_table_column(table, name);
    bool is_date = column && column->type == ALM_TYPE_DATE && alm_column_is_valid(column, row);
    return is_date ? column->values.date[row] : ALM_DATE_NONE;
}

int almi_table_decimals(const alm_table *table, const char *column)
{
    double largest = 0.0;
    for (size_t r = 0; r < table->rows; r++) {
        largest = fmax(largest, fabs(almi_table_f64(table, column, r)));
    }
    return largest >= 100.0 ? 0 : largest >= 10.0 ? 1 : 2;
}

alm_str almi_method_title(alm_str name)
{
    static const char *const titles[][2] = {
        {"final", "released forecast"},
        {"statistical", "its statistical part"},
        {"gbm", "its gradient boosting"},
        {"seasonal_naive", "seasonal naive"},
        {"ses", "exponential smoothing"},
        {"mean", "historical mean"},
        {"weekday_mean", "weekday mean"},
        {"zero", "always zero"},
        {"naive", "naive"},
        {"tsb", "intermittent (TSB)"},
        {"croston", "intermittent (Croston)"},
    };
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (alm_str_is(name, titles[i][0])) {
            return alm_str_of(titles[i][1]);
        }
    }
    return name;
}

static const alm_json *find_by(const alm_json *array, const char *key, const char *wanted)
{
    for (size_t i = 0; i < almi_count(array); i++) {
        const alm_json *item = alm_json_at(array, i);
        if (alm_str_is(almi_text_member(item, key), wanted)) {
            return item;
        }
    }
    return NULL;
}

const alm_json *almi_backtest_level(const almi_page *page, const char *level)
{
    return find_by(almi_member(page->backtest, "levels"), "level", level);
}

const alm_json *almi_backtest_method(const alm_json *level, const char *method)
{
    return find_by(almi_member(level, "methods"), "method", method);
}

/* ---- the frame ---- */

static alm_date prediction_date(const almi_page *page)
{
    alm_date date = ALM_DATE_NONE;
    (void)alm_date_parse(almi_text_member(page->manifest, "prediction_date"), &date);
    return date;
}

void almi_page_head(alm_buffer *out, const char *title)
{
    almi_html(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                   "<meta name=\"color-scheme\" content=\"light dark\">"
                   "<link rel=\"icon\" href=\"data:,\"><title>");
    almi_html_text(out, alm_str_of(title));
    almi_html(out, "</title>\n<style>\n");
    for (size_t i = 0; almi_style[i]; i++) {
        almi_html(out, almi_style[i]);
    }
    almi_html(out, "</style></head>\n<body>\n");
}

const char *const almi_page_of_stores =
    " from the stores alone: the same stores give the same page, byte for byte. All times are "
    "those recorded with the entries, in UTC.";

void almi_page_foot(alm_buffer *out, alm_str engine, const char *promise)
{
    almi_html(out, "</main>\n<footer>Made by ");
    almi_html_text(out, engine);
    almi_html(out, promise);
    almi_html(out, "</footer>\n<script>");
    almi_html(out, almi_script);
    almi_html(out, "</script>\n</body></html>\n");
}

static void head(const almi_page *page)
{
    alm_buffer title = {0};
    alm_buffer_str(&title, almi_text_member(page->manifest, "model_version"));
    alm_buffer_text(&title, ", ");
    almi_html_date(&title, prediction_date(page));
    almi_page_head(page->out, title.data ? title.data : "");
    alm_buffer_deinit(&title);
}

static void title(const almi_page *page)
{
    const alm_report_input *input = page->input;
    alm_buffer *out = page->out;
    almi_html(out, "<header><p class=\"over\">almanac report, ");
    almi_html_text(out, input->project);
    almi_html(out, "</p><h1>Predictions from ");
    almi_html_date(out, prediction_date(page));
    almi_html(out, "</h1><p class=\"sub\">");
    alm_buffer_printf(out, "%lld days ahead by release <b>",
                      (long long)almi_i64_member(page->manifest, "horizon"));
    almi_html_text(out, almi_text_member(page->manifest, "model_version"));
    almi_html(out, "</b>");
    if (input->alias.size > 0) {
        almi_html(out, " (asked for as ");
        almi_html_text(out, input->alias);
        almi_html(out, ")");
    }
    almi_html(out, ", on data up to ");
    almi_html_date(out, prediction_date(page) - 1);
    almi_html(out, ". Run ");
    almi_html_code(out, almi_text_member(page->manifest, "run_id"));
    almi_html(out, ", <a href=\"#lineage\">where it comes from</a>.</p>");
    if (input->superseded) {
        almi_html(out, "<p class=\"notice\"><b>This run is not in force.</b> It was superseded "
                       "by ");
        almi_html_code(out, input->superseded_by);
        almi_html(out, "; its numbers are history.</p>");
    }
    almi_html(out, "</header>\n");
}

static void navigation(const almi_page *page)
{
    almi_html(page->out, "<nav aria-label=\"Sections\">");
    almi_html(page->out, page->input->chart_count ? "<a href=\"#fans\">Forecasts</a>" : "");
    almi_html(page->out, page->input->stockouts ? "<a href=\"#stockouts\">Stock</a>" : "");
    almi_html(page->out, page->backtest ? "<a href=\"#accuracy\">Accuracy</a>"
                                          "<a href=\"#coverage\">Intervals</a>"
                                          "<a href=\"#importance\">Features</a>" : "");
    almi_html(page->out, page->input->explanation ? "<a href=\"#explanation\">Why</a>" : "");
    almi_html(page->out, "<a href=\"#methods\">Methods</a><a href=\"#lineage\">Lineage</a>"
                         "</nav>\n");
}

static void render(const almi_page *page)
{
    head(page);
    title(page);
    navigation(page);
    almi_html(page->out, "<main>\n");
    almi_page_cards(page);
    almi_page_fans(page);
    almi_page_stockouts(page);
    almi_page_accuracy(page);
    almi_page_coverage(page);
    almi_page_importance(page);
    almi_page_explanation(page);
    almi_page_methods(page);
    almi_page_lineage(page);
    almi_page_foot(page->out, page->input->engine, almi_page_of_stores);
}

static alm_err parse(alm_str text, const char *name, alm_json_document **out, alm_error *error)
{
    alm_err code = alm_json_parse(text, name, out, error);
    if (code == ALM_OK && alm_json_kind_of(alm_json_root(*out)) != ALM_JSON_OBJECT) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "%s is not a JSON object", name);
    }
    return code == ALM_ERR_INVALID ? alm_error_wrap(error, ALM_ERR_CORRUPT, "report") : code;
}

alm_err alm_report_render(const alm_report_input *input, alm_buffer *out, alm_error *error)
{
    alm_json_document *manifest = NULL;
    alm_json_document *backtest = NULL;
    alm_arena *arena = alm_arena_create(0);
    almi_page page = {.input = input, .arena = arena, .out = out};
    alm_err code = parse(input->manifest, "run manifest", &manifest, error);
    if (code == ALM_OK && input->backtest.size > 0) {
        code = parse(input->backtest, "report.json of the bundle", &backtest, error);
    }
    if (code == ALM_OK) {
        page.manifest = alm_json_root(manifest);
        page.backtest = backtest ? alm_json_root(backtest) : NULL;
        render(&page);
        code = alm_buffer_status(out, error);
    }
    alm_json_document_destroy(manifest);
    alm_json_document_destroy(backtest);
    alm_arena_destroy(arena);
    return code;
}
