#include "report/signal_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_internal.h"
#include "report/signal_page_internal.h"

#define MEASURES 4

/* ---- the frame ---- */

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static size_t edges_of(const alm_signal_figures *f)
{
    size_t edges = 0;
    for (size_t i = 0; i < f->horizon_count; i++) {
        edges += f->horizon[i].edge;
    }
    return edges;
}

static size_t sides_of(const alm_signal_figures *f)
{
    size_t sides = 0;
    for (size_t i = 0; i < f->horizon_count; i++) {
        sides += f->horizon[i].knows_side;
    }
    return sides;
}

/* "2020-03-06" of a stamp. */
static void put_day(alm_buffer *out, alm_str stamp)
{
    alm_date date = ALM_DATE_NONE;
    (void)alm_date_parse((alm_str){stamp.data, stamp.size < 10 ? stamp.size : 10}, &date);
    almi_html_date(out, date);
}

static void title(const almi_page *page, const alm_signal_page_input *input)
{
    alm_buffer *out = page->out;
    almi_html(out, "<header><p class=\"over\">almanac report, ");
    almi_html_text(out, input->project);
    almi_html(out, "</p><h1>Signal ");
    almi_html_text(out, input->release);
    almi_html(out, "</h1><p class=\"sub\">Classes of what follows a bar, ");
    alm_buffer_printf(out, "%zu horizon%s", input->figures->horizon_count,
                      plural(input->figures->horizon_count));
    if (input->alias.size > 0) {
        almi_html(out, ", asked for as ");
        almi_html_text(out, input->alias);
    }
    almi_html(out, ". Judged on bars from ");
    put_day(out, input->figures->cut);
    almi_html(out, " on, which nothing learned from; <a href=\"#lineage\">where it comes from</a>."
                   "</p></header>\n"
                   "<nav aria-label=\"Sections\"><a href=\"#verdict\">Verdict</a>"
                   "<a href=\"#figures\">Figures</a><a href=\"#reliability\">Reliability</a>"
                   "<a href=\"#balance\">Classes</a><a href=\"#confusion\">Confusion</a>"
                   "<a href=\"#windows\">Windows</a><a href=\"#features\">Features</a>"
                   "<a href=\"#lineage\">Lineage</a></nav>\n");
}

static void card(alm_buffer *out, const char *name, const char *value, const char *why)
{
    alm_buffer_printf(out, "<li><span class=\"name\">%s</span><span class=\"value\">%s</span>"
                      "<span class=\"why\">%s</span></li>\n", name, value, why);
}

static void cards(const almi_page *page, const alm_signal_figures *f)
{
    char value[64];
    char why[160];
    double worst = 0;
    int64_t fewest = INT64_MAX;
    for (size_t i = 0; i < f->horizon_count; i++) {
        worst = fmax(worst, f->horizon[i].answer.ece);
        fewest = f->horizon[i].test.samples < fewest ? f->horizon[i].test.samples : fewest;
    }
    almi_html(page->out, "<ul class=\"cards\">\n");
    (void)snprintf(value, sizeof value, "%zu <small>of %zu</small>", edges_of(f),
                   f->horizon_count);
    card(page->out, "horizons with an edge", value,
         "better than always saying how often each class comes, by more than chance");
    (void)snprintf(value, sizeof value, "%zu <small>of %zu</small>", sides_of(f),
                   f->horizon_count);
    card(page->out, "horizons that know which way", value,
         "better than the share of ups in training, where prices moved to a side");
    (void)snprintf(value, sizeof value, "%.3f", worst);
    card(page->out, "largest calibration error", value,
         "how far the confidence is off on average, at the worst horizon");
    (void)snprintf(value, sizeof value, "%lld",
                   (long long)(f->horizon_count ? fewest : 0));
    (void)snprintf(why, sizeof why, "per horizon, at least; they overlap in time. %zu symbol%s, "
                   "%lld purged folds, embargo of %lld bars", f->symbol_count,
                   plural(f->symbol_count), (long long)f->folds, (long long)f->embargo);
    card(page->out, "test samples", value, why);
    almi_html(page->out, "</ul>\n");
}

/* ---- verdict ---- */

static void verdicts(const almi_page *page, const alm_signal_figures *f)
{
    almi_section_open(page, "verdict", "Is there anything in it",
                      "A difference counts when it is larger than three standard errors over "
                      "blocks of time that do not overlap. Most signals on prices have none; a "
                      "page that says so is worth more than one that does not.");
    for (size_t i = 0; i < f->horizon_count; i++) {
        const alm_signal_horizon_figures *h = &f->horizon[i];
        alm_buffer_printf(page->out, "<p><strong class=\"%s\">%s</strong> ",
                          h->edge && (!h->has_side || h->knows_side) ? "good" : "warn",
                          !h->edge                         ? "No edge."
                          : h->has_side && !h->knows_side ? "Edge, but not in which way."
                                                           : "Edge.");
        almi_html_text(page->out, h->verdict);
        almi_html(page->out, "</p>\n");
    }
    almi_section_close(page);
}

/* ---- figures ---- */

static void values_of(const alm_signal_score *s, double out[MEASURES])
{
    out[0] = s->log_loss;
    out[1] = s->brier;
    out[2] = s->ece;
    out[3] = 100 * (1 - s->accuracy);
}

static void score_row(const almi_page *page, const alm_signal_score *score, const char *name,
                      const double best[MEASURES])
{
    static const int decimals[MEASURES] = {4, 4, 4, 1};
    double value[MEASURES];
    alm_buffer *out = page->out;
    values_of(score, value);
    alm_buffer_printf(out, "<tr%s><th scope=\"row\">",
                      strcmp(name, "the signal") == 0 ? " class=\"ours\"" : "");
    if (name[0]) {
        almi_html(out, name);
    } else {
        almi_html(out, "its member ");
        almi_html_text(out, score->name);
    }
    almi_html(out, "</th>");
    for (size_t k = 0; k < MEASURES; k++) {
        almi_html(out, value[k] == best[k] ? "<td class=\"best\">" : "<td>");
        almi_html_number(out, value[k], decimals[k]);
        almi_html(out, "</td>");
    }
    almi_html(out, "</tr>\n");
}

static void lower(const alm_signal_score *score, double best[MEASURES])
{
    double value[MEASURES];
    values_of(score, value);
    for (size_t k = 0; k < MEASURES; k++) {
        best[k] = value[k] < best[k] ? value[k] : best[k];
    }
}

static void horizon_rows(const almi_page *page, const alm_signal_horizon_figures *h)
{
    double best[MEASURES] = {INFINITY, INFINITY, INFINITY, INFINITY};
    lower(&h->answer, best);
    lower(&h->prior, best);
    for (size_t m = 0; m < h->member_count; m++) {
        lower(&h->member[m], best);
    }
    if (h->has_logistic) {
        lower(&h->logistic, best);
    }
    alm_buffer_printf(page->out, "<tbody class=\"group\"><tr><th class=\"head\" "
                      "scope=\"rowgroup\" colspan=\"%d\">%d bars <span class=\"muted\">",
                      MEASURES + 1, (int)h->bars);
    almi_html_count(page->out, h->test.samples);
    almi_html(page->out, " test samples</span></th></tr>\n");
    score_row(page, &h->answer, "the signal", best);
    for (size_t m = 0; m < h->member_count; m++) {
        score_row(page, &h->member[m], "", best);
    }
    if (h->has_logistic) {
        score_row(page, &h->logistic, "logistic regression", best);
    }
    score_row(page, &h->prior, "prior (how often each class came)", best);
    almi_html(page->out, "</tbody>\n");
}

static void figures(const almi_page *page, const alm_signal_figures *f)
{
    almi_section_open(page, "figures", "How good it is",
                      "Everybody answered for the same test bars. Lower is better; the best of a "
                      "column and horizon is bold. The logistic regression has the same features, "
                      "the prior has none.");
    almi_table_open(page, "", "Figures on the test, by horizon");
    almi_html(page->out,
              "<thead><tr><th scope=\"col\">who answers</th>"
              "<th scope=\"col\"><abbr title=\"mean of -ln of the probability of what came\">log "
              "loss</abbr></th><th scope=\"col\"><abbr title=\"mean of the squared distance of the "
              "probabilities from what came\">Brier</abbr></th><th scope=\"col\"><abbr "
              "title=\"expected calibration error of the class found most probable\">ECE</abbr>"
              "</th><th scope=\"col\"><abbr title=\"how often the class found most probable was "
              "another one than came\">wrong %</abbr></th></tr></thead>\n");
    for (size_t i = 0; i < f->horizon_count; i++) {
        horizon_rows(page, &f->horizon[i]);
    }
    almi_table_close(page);
    almi_section_close(page);
}

/* ---- windows and features ---- */

static void window_cells(alm_buffer *out, const alm_signal_window *w)
{
    almi_html(out, "<td>");
    almi_html_count(out, w->samples);
    almi_html(out, "</td><td class=\"text\">");
    put_day(out, w->first);
    almi_html(out, " to ");
    put_day(out, w->last);
    almi_html(out, "</td>");
}

static void symbols(const almi_page *page, const alm_signal_figures *f)
{
    alm_buffer *out = page->out;
    almi_html(out, "<details class=\"more\"><summary>Bars by symbol</summary>");
    almi_table_open(page, "narrowed", "Bars by symbol");
    almi_html(out, "<thead><tr><th scope=\"col\">symbol</th><th scope=\"col\">bars</th>"
                   "<th scope=\"col\" class=\"text\">window</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < f->symbol_count; i++) {
        const alm_signal_symbol_figures *s = &f->symbol[i];
        almi_html(out, "<tr><th scope=\"row\">");
        almi_html_text(out, s->name);
        almi_html(out, "</th><td>");
        almi_html_count(out, s->bars);
        almi_html(out, "</td><td class=\"text\">");
        put_day(out, s->first);
        almi_html(out, " to ");
        put_day(out, s->last);
        almi_html(out, "</td></tr>\n");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
    almi_html(out, "</details>");
}

static void windows(const almi_page *page, const alm_signal_figures *f)
{
    alm_buffer *out = page->out;
    almi_section_open(page, "windows", "What was learned from, and what it was judged on",
                      "The test is the newest part of the time span, of all symbols. Training "
                      "samples whose label reaches into it are left out (purged).");
    almi_table_open(page, "", "Training and test windows by horizon");
    almi_html(out, "<thead><tr><th scope=\"col\">horizon</th><th scope=\"col\">training samples"
                   "</th><th scope=\"col\" class=\"text\">window</th><th scope=\"col\">purged</th>"
                   "<th scope=\"col\">test samples</th><th scope=\"col\" class=\"text\">window</th>"
                   "</tr></thead><tbody>\n");
    for (size_t i = 0; i < f->horizon_count; i++) {
        const alm_signal_horizon_figures *h = &f->horizon[i];
        alm_buffer_printf(out, "<tr><th scope=\"row\">%d bars</th>", (int)h->bars);
        window_cells(out, &h->train);
        almi_html(out, "<td>");
        almi_html_count(out, h->purged);
        almi_html(out, "</td>");
        window_cells(out, &h->test);
        almi_html(out, "</tr>\n");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
    symbols(page, f);
    almi_section_close(page);
}

static void features(const almi_page *page, const alm_signal_page_input *input)
{
    alm_buffer *out = page->out;
    almi_section_open(page, "features", "What it looks at",
                      "Columns of the feature plan, made of bars up to the one at hand. An "
                      "anchored one goes back to the first bar that is given.");
    almi_table_open(page, "narrowed", "Features");
    almi_html(out, "<thead><tr><th scope=\"col\">column</th><th scope=\"col\" class=\"text\">class"
                   "</th><th scope=\"col\">warm-up, bars</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < input->feature_count; i++) {
        const alm_signal_page_feature *feature = &input->feature[i];
        almi_html(out, "<tr><th scope=\"row\">");
        almi_html_code(out, feature->name);
        alm_buffer_printf(out, "</th><td class=\"text\">%s</td><td>",
                          feature->is_anchored ? "anchored" : "finite");
        almi_html_count(out, (int64_t)feature->warmup_bars);
        almi_html(out, "</td></tr>\n");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
    almi_section_close(page);
}

/* ---- lineage ---- */

static void lineage(const almi_page *page, const alm_signal_page_input *input)
{
    alm_buffer *out = page->out;
    almi_section_open(page, "lineage", "Where it comes from",
                      "Every link is named by the hash of its content: <code>almanac rebuild"
                      "</code> makes the signal again from them and compares the bundle.");
    almi_html(out, "<ol class=\"chain\">\n");
    almi_link_text(page, "Snapshot", almi_text_member(page->manifest, "snapshot_id"),
                   "Bars as they were, frozen; the id is a hash of the values.");
    almi_link_text(page, "Feature version", input->feature_version,
                   "Declarations over bars and the revision of every operator.");
    almi_link_open(page, "Project commit", almi_text_member(page->manifest, "project_commit"));
    almi_html(out, "<p>What <code>almanac.yaml</code> said; the engine's source ");
    almi_html_digest(out, almi_text_member(page->manifest, "engine_source"));
    almi_html(out, ".</p>");
    almi_link_close(page);
    almi_link_text(page, "Training run", input->training_run,
                   "Hash of what went in: snapshot, features, signal, code, libraries, seed.");
    almi_link_text(page, "Bundle", input->bundle,
                   "What came out: plan, models, scalers, calibrators, combination, report.");
    almi_link_open(page, "Release", (alm_str){0});
    almi_html(out, "<p><b>");
    almi_html_text(out, input->release);
    almi_html(out, "</b>; who decided what, from the hash-chained ledger:</p>");
    almi_ledger_table(page, input->ledger, input->ledger_count);
    almi_link_close(page);
    almi_html(out, "</ol>\n");
    almi_section_close(page);
}

/* ---- the page ---- */

static void render(const almi_page *page, const alm_signal_page_input *input)
{
    alm_buffer name = {0};
    alm_buffer_text(&name, "Signal ");
    alm_buffer_str(&name, input->release);
    almi_page_head(page->out, name.data ? name.data : "");
    alm_buffer_deinit(&name);
    title(page, input);
    almi_html(page->out, "<main>\n");
    cards(page, input->figures);
    verdicts(page, input->figures);
    figures(page, input->figures);
    almi_signal_reliability(page, input->figures);
    almi_signal_balance(page, input->figures);
    almi_signal_confusion(page, input->figures);
    windows(page, input->figures);
    features(page, input);
    lineage(page, input);
    almi_page_foot(page->out, input->engine, almi_page_of_stores);
}

alm_err alm_signal_page_render(const alm_signal_page_input *input, alm_buffer *out,
                               alm_error *error)
{
    alm_json_document *inputs = NULL;
    alm_err code = alm_json_parse(input->inputs, "inputs of the training run", &inputs, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "report");
    }
    alm_arena *arena = alm_arena_create(0);
    almi_page page = {.manifest = alm_json_root(inputs), .arena = arena, .out = out};
    render(&page, input);
    alm_json_document_destroy(inputs);
    alm_arena_destroy(arena);
    return alm_buffer_status(out, error);
}
