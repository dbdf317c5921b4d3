/* report_lineage.c: from the bytes of the source files to the commit, each link by its hash. */
#include "report/report_internal.h"

void almi_link_open(const almi_page *page, const char *title, alm_str digest)
{
    alm_buffer_printf(page->out, "<li><h3>%s", title);
    if (digest.size > 0) {
        almi_html(page->out, " ");
        almi_html_digest(page->out, digest);
    }
    almi_html(page->out, "</h3>");
}

void almi_link_close(const almi_page *page)
{
    almi_html(page->out, "</li>\n");
}

void almi_link_text(const almi_page *page, const char *title, alm_str digest, const char *text)
{
    almi_link_open(page, title, digest);
    alm_buffer_printf(page->out, "<p>%s</p>", text);
    almi_link_close(page);
}

static void sources(const almi_page *page)
{
    alm_buffer *out = page->out;
    almi_link_open(page, "Source files", (alm_str){0});
    almi_html(out, "<p>SHA-256 of the files as they were read.</p><ul>");
    for (size_t s = 0; s < page->input->source_count; s++) {
        const alm_report_source *source = &page->input->sources[s];
        for (size_t f = 0; f < source->file_count; f++) {
            almi_html(out, "<li>");
            almi_html_text(out, source->file_names ? source->file_names[f] : source->name);
            almi_html(out, " ");
            almi_html_code(out, source->file_digests[f]);
            almi_html(out, "</li>");
        }
        almi_html(out, "<li class=\"muted\">");
        almi_html_text(out, source->name);
        almi_html(out, ": ");
        almi_html_count(out, source->rows);
        almi_html(out, " rows");
        if (source->first != ALM_DATE_NONE) {
            almi_html(out, ", ");
            almi_html_date(out, source->first);
            almi_html(out, " to ");
            almi_html_date(out, source->last);
        }
        if (source->rejected > 0) {
            almi_html(out, ", <span class=\"warn\">");
            almi_html_count(out, source->rejected);
            almi_html(out, " rejected</span>");
        }
        almi_html(out, "</li>");
    }
    almi_html(out, "</ul>");
    almi_link_close(page);
}

static void snapshot(const almi_page *page)
{
    almi_link_open(page, "Snapshot", almi_text_member(page->manifest, "snapshot_id"));
    almi_html(page->out, "<p>All events from ");
    almi_html_date(page->out, page->input->snapshot_start);
    almi_html(page->out, " to ");
    almi_html_date(page->out, page->input->snapshot_end - 1);
    almi_html(page->out, ", frozen; the id is a hash of the values.</p>");
    almi_link_close(page);
}

static void put_observed(alm_buffer *out, int32_t delay)
{
    almi_html(out, " <span class=\"muted\">observed");
    if (delay > 0) {
        alm_buffer_printf(out, ", known %d day%s after its day", (int)delay,
                          delay == 1 ? "" : "s");
    }
    almi_html(out, "</span></li>");
}

/* What is known when. */
static void features(const almi_page *page)
{
    const alm_report_input *input = page->input;
    alm_buffer *out = page->out;
    almi_link_open(page, "Feature version", almi_text_member(page->manifest, "feature_version"));
    almi_html(out, "<p>Definition of every feature and the revision of every operator. The columns "
                   "that features may read, as the project file states them:</p><ul><li>");
    almi_html_code(out, input->unit);
    almi_html(out, " (target)");
    put_observed(out, input->target_delay);
    for (size_t i = 0; i < input->column_count; i++) {
        const alm_report_column *column = &input->columns[i];
        almi_html(out, "<li>");
        almi_html_code(out, column->name);
        almi_html(out, " of ");
        almi_html_text(out, column->source);
        if (column->in_advance) {
            almi_html(out, " known in advance <span class=\"muted\">");
            almi_html(out, column->is_optional ? "where there is a plan</span></li>"
                                               : "of every day that is forecast</span></li>");
        } else {
            put_observed(out, column->delay);
        }
    }
    almi_html(out, "</ul>");
    almi_link_close(page);
}

static const char *action_title(alm_ledger_action action)
{
    static const char *const titles[ALM_LEDGER_ACTION_COUNT] = {
        [ALM_LEDGER_REGISTER] = "registered", [ALM_LEDGER_COMPARE] = "compared",
        [ALM_LEDGER_APPROVE] = "approved",    [ALM_LEDGER_PROMOTE] = "promoted",
        [ALM_LEDGER_ROLLBACK] = "rolled back to", [ALM_LEDGER_RUN] = "run",
        [ALM_LEDGER_SUPERSEDE] = "run, superseding", [ALM_LEDGER_RETIRE] = "retired"};
    return titles[action] ? titles[action] : "";
}

void almi_ledger_table(const almi_page *page, const alm_ledger_entry *ledger, size_t count)
{
    alm_buffer *out = page->out;
    almi_table_open(page, "", "Ledger entries of the release");
    almi_html(out, "<thead><tr><th scope=\"col\">entry</th><th scope=\"col\" class=\"text\">what"
                   "</th><th scope=\"col\" class=\"text\">who</th><th scope=\"col\" "
                   "class=\"text\">when</th><th scope=\"col\" class=\"text\">why</th>"
                   "<th scope=\"col\" class=\"text\">hash</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < count; i++) {
        const alm_ledger_entry *entry = &ledger[i];
        char hash[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&entry->hash, hash);
        alm_buffer_printf(out, "<tr><th scope=\"row\">%lld</th><td class=\"text\">%s",
                          (long long)entry->seq, action_title(entry->action));
        if (entry->alias.size > 0) {
            almi_html(out, " (");
            almi_html_text(out, entry->alias);
            almi_html(out, ")");
        }
        almi_html(out, "</td><td class=\"text long\">");
        almi_html_text(out, entry->who);
        almi_html(out, "</td><td class=\"text\">");
        almi_html_instant(out, entry->when);
        almi_html(out, "</td><td class=\"text long\">");
        almi_html_text(out, entry->why);
        almi_html(out, "</td><td class=\"text\">");
        almi_html_digest(out, alm_str_of(hash));
        almi_html(out, "</td></tr>\n");
    }
    almi_html(out, "</tbody>");
    almi_table_close(page);
}

static void ledger(const almi_page *page)
{
    alm_buffer *out = page->out;
    almi_link_open(page, "Release", almi_text_member(page->manifest, "release_hash"));
    almi_html(out, "<p><b>");
    almi_html_text(out, almi_text_member(page->manifest, "model_version"));
    almi_html(out, "</b>");
    if (page->input->ledger_count == 0) {
        almi_html(out, ", without entries in the ledger.</p>");
        almi_link_close(page);
        return;
    }
    almi_html(out, "; who decided what, from the hash-chained ledger:</p>");
    almi_ledger_table(page, page->input->ledger, page->input->ledger_count);
    almi_link_close(page);
}

static void run(const almi_page *page)
{
    alm_buffer *out = page->out;
    alm_str date_text = almi_text_member(page->manifest, "prediction_date");
    alm_date date = ALM_DATE_NONE;
    (void)alm_date_parse(date_text, &date);
    almi_link_open(page, "Run", almi_text_member(page->manifest, "run_key"));
    almi_html(out, "<p>");
    almi_html_code(out, almi_text_member(page->manifest, "run_id"));
    almi_html(out, " on schedule ");
    almi_html_text(out, almi_text_member(page->manifest, "schedule"));
    almi_html(out, " for ");
    almi_html_date(out, date);
    alm_str supersedes = almi_text_member(page->manifest, "supersedes");
    if (supersedes.size > 0) {
        almi_html(out, ", superseding ");
        almi_html_code(out, supersedes);
        almi_html(out, " because: ");
        almi_html_text(out, almi_text_member(page->manifest, "reason"));
    }
    alm_buffer_printf(out, ". %lld sample paths a node.</p>",
                      (long long)almi_i64_member(page->manifest, "paths"));
    almi_link_close(page);
}

static void commit(const almi_page *page)
{
    alm_buffer *out = page->out;
    char manifest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&page->input->manifest_digest, manifest);
    almi_link_open(page, "Commit", (alm_str){0});
    alm_buffer_printf(out, "<p>Version %lld of the prediction store: ",
                      (long long)page->input->version);
    almi_html_count(out, almi_i64_member(page->manifest, "rows"));
    almi_html(out, " predictions in ");
    almi_html_count(out, (int64_t)almi_count(almi_member(page->manifest, "files")));
    almi_html(out, " files, all of them or none. Run manifest ");
    almi_html_digest(out, alm_str_of(manifest));
    almi_html(out, ".</p>");
    almi_link_close(page);
}

void almi_page_lineage(const almi_page *page)
{
    almi_section_open(page, "lineage", "Where it comes from",
                      "Every link is named by the hash of its content, so that it can be checked "
                      "later: <code>almanac predictions verify</code> recomputes all of them.");
    almi_html(page->out, "<ol class=\"chain\">\n");
    sources(page);
    snapshot(page);
    features(page);
    almi_link_text(page, "Training run", almi_text_member(page->manifest, "training_run_id"),
              "Hash of what went in: snapshot, features, code, libraries, seed.");
    almi_link_text(page, "Bundle", almi_text_member(page->manifest, "bundle"),
              "What came out: feature plan, model, blend and calibration.");
    ledger(page);
    run(page);
    commit(page);
    almi_html(page->out, "</ol>\n");
    almi_section_close(page);
}
