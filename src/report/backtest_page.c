#include "report/backtest_page.h"

#include "report/report_internal.h"

static void head(const almi_page *page, alm_str model)
{
    alm_buffer title = {0};
    alm_buffer_text(&title, "Backtest of ");
    alm_buffer_str(&title, model);
    almi_page_head(page->out, title.data ? title.data : "");
    alm_buffer_deinit(&title);
}

static void title(const almi_page *page, const alm_backtest_page_input *input, alm_str model)
{
    alm_buffer *out = page->out;
    const alm_json *origins = almi_member(page->backtest, "origins");
    almi_html(out, "<header><p class=\"over\">almanac backtest, ");
    almi_html_text(out, input->project);
    almi_html(out, "</p><h1>Model ");
    almi_html_text(out, model);
    alm_buffer_printf(out, "</h1><p class=\"sub\">%lld days ahead from %zu past origins, on "
                      "snapshot ", (long long)almi_i64_member(page->backtest, "horizon"),
                      almi_count(almi_member(origins, "scored")));
    almi_html_digest(out, almi_text_member(page->backtest, "snapshot_id"));
    almi_html(out, ". Nothing of it is registered.</p></header>\n<nav aria-label=\"Sections\">"
                   "<a href=\"#accuracy\">Accuracy</a>");
    almi_html(out, almi_count(almi_member(page->backtest, "verdicts"))
                       ? "<a href=\"#ranks\">Chance</a>" : "");
    almi_html(out, almi_page_has_steps(page) ? "<a href=\"#steps\">Steps</a>" : "");
    almi_html(out, "<a href=\"#coverage\">Intervals</a><a href=\"#importance\">Features</a></nav>"
                   "\n");
}

alm_err alm_backtest_page_render(const alm_backtest_page_input *input, alm_buffer *out,
                                 alm_error *error)
{
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse(input->report, "the backtest", &document, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "page");
    }
    alm_arena *arena = alm_arena_create(0);
    almi_page page = {.backtest = alm_json_root(document), .arena = arena, .out = out};
    alm_str model = almi_text_member(page.backtest, "model");
    head(&page, model);
    title(&page, input, model);
    almi_html(out, "<main>\n");
    almi_page_accuracy(&page);
    almi_page_ranks(&page);
    almi_page_steps(&page);
    almi_page_coverage(&page);
    almi_page_importance(&page);
    almi_page_foot(out, input->engine, ". The same snapshot, project, engine and options give the "
                                       "same page, byte for byte.");
    alm_json_document_destroy(document);
    alm_arena_destroy(arena);
    return alm_buffer_status(out, error);
}
