/* signal_charts.c: reliability, class balance and confusion of a signal. */
#include <math.h>
#include <stdio.h>

#include "report/signal_page_internal.h"
#include "report/svg.h"

#define WIDTH 300.0
#define HEIGHT 240.0
#define LEFT 34.0
#define RIGHT 8.0
#define TOP 8.0
#define BOTTOM 26.0
#define COUNTS 46.0 /* height of the tallest bar of counts */
#define POINT 6.0
#define RARE 30 /* fewer samples say little: a pale point, and the line goes past it */

/* ---- reliability ---- */

typedef struct frame {
    almi_svg svg;
    double largest; /* of both axes */
} frame;

static almi_point at(const frame *f, double x, double y)
{
    return (almi_point){LEFT + (WIDTH - LEFT - RIGHT) * x / f->largest,
                        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / f->largest};
}

/* Both axes end at the next tenth, at least at a half: confidences of three classes are small. */
static double axis_end(const alm_signal_score *s)
{
    double largest = 0.5;
    for (size_t i = 0; i < s->bin_count; i++) {
        if (s->bin[i].count > 0) {
            largest = fmax(largest, fmax(s->bin[i].probability, s->bin[i].frequency));
        }
    }
    return fmin(1.0, ceil(largest * 10.0 - 1e-9) / 10.0);
}

static void axes(frame *f)
{
    char text[16];
    double step = f->largest > 0.6 ? 0.2 : 0.1;
    for (int i = 0; i * step <= f->largest + 1e-9; i++) {
        double value = i * step;
        (void)snprintf(text, sizeof text, "%.1f", value);
        almi_svg_line(&f->svg, at(f, 0, value), at(f, f->largest, value), i ? "grid" : "axis");
        almi_point left = at(f, 0, value);
        almi_point below = at(f, value, 0);
        almi_svg_text(&f->svg, (almi_point){left.x - 5, left.y + 3.5}, ALMI_ANCHOR_END, "", text);
        almi_svg_text(&f->svg, (almi_point){below.x, below.y + 14}, ALMI_ANCHOR_MIDDLE, "", text);
    }
    almi_svg_line(&f->svg, at(f, 0, 0), at(f, f->largest, f->largest), "origin");
}

/* How many samples stand behind each point, as bars from below. */
static void counts(frame *f, const alm_signal_score *s)
{
    int64_t most = 1;
    double width = (WIDTH - LEFT - RIGHT) / f->largest / (double)s->bin_count;
    for (size_t i = 0; i < s->bin_count; i++) {
        most = s->bin[i].count > most ? s->bin[i].count : most;
    }
    for (size_t i = 0; i < s->bin_count; i++) {
        double x = (double)i / (double)s->bin_count;
        double height = COUNTS * (double)s->bin[i].count / (double)most;
        char title[96];
        if (x >= f->largest - 1e-9) {
            break;
        }
        (void)snprintf(title, sizeof title, "said %.3f, came %.3f, %lld samples",
                       s->bin[i].probability, s->bin[i].frequency, (long long)s->bin[i].count);
        almi_point corner = at(f, x, 0);
        almi_svg_rect(&f->svg, (almi_point){corner.x + 1, corner.y - height},
                      (almi_point){width - 2, height}, "zone", title);
    }
}

static void curve(frame *f, const alm_signal_score *s)
{
    const alm_signal_bin *before = NULL;
    for (size_t i = 0; i < s->bin_count; i++) {
        const alm_signal_bin *bin = &s->bin[i];
        if (bin->count == 0) {
            continue;
        }
        almi_point here = at(f, bin->probability, bin->frequency);
        if (before && bin->count >= RARE) {
            almi_svg_line(&f->svg, at(f, before->probability, before->frequency), here, "mean");
        }
        almi_svg_rect(&f->svg, (almi_point){here.x - POINT / 2, here.y - POINT / 2},
                      (almi_point){POINT, POINT}, bin->count >= RARE ? "fill" : "zone", NULL);
        before = bin->count >= RARE ? bin : before;
    }
}

static void chart(const almi_page *page, const alm_signal_horizon_figures *h)
{
    char label[96];
    alm_buffer_printf(page->out, "<figure><figcaption><b>%d bars</b><span>calibration error "
                      "%.3f</span></figcaption>", (int)h->bars, h->answer.ece);
    (void)snprintf(label, sizeof label, "Reliability at %d bars: how often the class came over how "
                   "probable it was said to be", (int)h->bars);
    frame f = {almi_svg_open(page->out, WIDTH, HEIGHT, "fan", label), axis_end(&h->answer)};
    axes(&f);
    counts(&f, &h->answer);
    curve(&f, &h->answer);
    almi_svg_close(&f.svg);
    almi_html(page->out, "</figure>\n");
}

void almi_signal_reliability(const almi_page *page, const alm_signal_figures *figures)
{
    almi_section_open(page, "reliability", "Can its probabilities be trusted",
                      "Across: how probable the chosen class was said to be. Up: how often it "
                      "came. On the dotted line both agree; below it the signal was too sure. The "
                      "shaded bars show where the samples are; a pale point has fewer than 30.");
    almi_html(page->out, "<div class=\"charts\">\n");
    for (size_t i = 0; i < figures->horizon_count; i++) {
        chart(page, &figures->horizon[i]);
    }
    almi_html(page->out, "</div>\n");
    almi_section_close(page);
}

/* ---- class balance ---- */

static void put_label(alm_buffer *out, int64_t label)
{
    alm_buffer_printf(out, "%s%lld", label < 0 ? "\xe2\x88\x92" : label > 0 ? "+" : "",
                      (long long)(label < 0 ? -label : label));
}

static int64_t sum_of(const int64_t *counts, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += counts[i];
    }
    return sum > 0 ? sum : 1;
}

static void balance_row(const almi_page *page, const alm_signal_horizon_figures *h, size_t k)
{
    alm_buffer *out = page->out;
    double train = (double)h->train_count[k] / (double)sum_of(h->train_count, h->class_count);
    double test = (double)h->test_count[k] / (double)sum_of(h->test_count, h->class_count);
    almi_html(out, "<tr><th scope=\"row\">");
    put_label(out, h->label[k]);
    almi_html(out, "</th><td>");
    almi_html_count(out, h->train_count[k]);
    almi_html(out, "</td><td>");
    almi_html_percent(out, train, 1);
    almi_html(out, "</td><td>");
    almi_html_count(out, h->test_count[k]);
    almi_html(out, "</td><td>");
    almi_html_percent(out, test, 1);
    almi_html(out, "</td><td class=\"bar\">");
    almi_svg svg = almi_svg_open_stretched(out, "strip");
    almi_svg_rect(&svg, (almi_point){0, 1}, (almi_point){100 * train, 3.5}, "zone", NULL);
    almi_svg_rect(&svg, (almi_point){0, 5.5}, (almi_point){100 * test, 3.5}, "fill", NULL);
    almi_svg_close(&svg);
    almi_html(out, "</td></tr>\n");
}

void almi_signal_balance(const almi_page *page, const alm_signal_figures *figures)
{
    almi_section_open(page, "balance", "What came, and how often",
                      "1: the profit was reached first (or the growth was that large); \xe2\x88"
                      "\x92" "1: the loss; 0: neither within the horizon. The pale strip is "
                      "training, the full one the test: where they differ, the times changed.");
    almi_table_open(page, "", "Classes by horizon");
    almi_html(page->out, "<thead><tr><th scope=\"col\">class</th><th scope=\"col\">training</th>"
                         "<th scope=\"col\">share</th><th scope=\"col\">test</th>"
                         "<th scope=\"col\">share</th><th scope=\"col\" class=\"bar\"></th></tr>"
                         "</thead>\n");
    for (size_t i = 0; i < figures->horizon_count; i++) {
        const alm_signal_horizon_figures *h = &figures->horizon[i];
        alm_buffer_printf(page->out, "<tbody class=\"group\"><tr><th class=\"head\" "
                          "scope=\"rowgroup\" colspan=\"6\">%d bars</th></tr>\n", (int)h->bars);
        for (size_t k = 0; k < h->class_count; k++) {
            balance_row(page, h, k);
        }
        almi_html(page->out, "</tbody>\n");
    }
    almi_table_close(page);
    almi_section_close(page);
}

/* ---- confusion ---- */

/* Whether a barrier is reached is easier to tell than which: of the moves for which a side was
 * said, how many were on that side, and how many are on the side that came more often. */
static void sides_row(const almi_page *page, const alm_signal_horizon_figures *h)
{
    int64_t right = 0;
    int64_t came[2] = {0};
    for (size_t i = 0; i < h->class_count; i++) {
        for (size_t k = 0; k < h->class_count; k++) {
            if (h->label[i] != 0 && h->label[k] != 0) {
                came[h->label[i] > 0] += h->answer.confusion[i][k];
                right += i == k ? h->answer.confusion[i][k] : 0;
            }
        }
    }
    int64_t all = came[0] + came[1];
    if (all == 0) {
        return;
    }
    alm_buffer_printf(page->out, "<tr><td class=\"long muted\" colspan=\"%zu\">Of ",
                      h->class_count + 2);
    almi_html_count(page->out, all);
    almi_html(page->out, " moves for which it said a side, ");
    almi_html_percent(page->out, (double)right / (double)all, 1);
    almi_html(page->out, " went there; always saying the side that came more often would have "
                         "been right in ");
    almi_html_percent(page->out, (double)(came[0] > came[1] ? came[0] : came[1]) / (double)all, 1);
    almi_html(page->out, ".</td></tr>\n");
}

static void confusion_rows(const almi_page *page, const alm_signal_horizon_figures *h)
{
    alm_buffer *out = page->out;
    alm_buffer_printf(out, "<tbody class=\"group\"><tr><th class=\"head\" scope=\"rowgroup\" "
                      "colspan=\"%zu\">%d bars</th></tr>\n", h->class_count + 2, (int)h->bars);
    for (size_t i = 0; i < h->class_count; i++) {
        double all = (double)sum_of(h->answer.confusion[i], h->class_count);
        almi_html(out, "<tr><th scope=\"row\">came ");
        put_label(out, h->label[i]);
        almi_html(out, "</th>");
        for (size_t k = 0; k < h->class_count; k++) {
            almi_html(out, i == k ? "<td class=\"best\">" : "<td>");
            almi_html_count(out, h->answer.confusion[i][k]);
            almi_html(out, "</td>");
        }
        almi_html(out, "<td>");
        almi_html_percent(out, (double)h->answer.confusion[i][i] / all, 1);
        almi_html(out, "</td></tr>\n");
    }
    sides_row(page, h);
    almi_html(out, "</tbody>\n");
}

void almi_signal_confusion(const almi_page *page, const alm_signal_figures *figures)
{
    almi_section_open(page, "confusion", "What it said and what came",
                      "Test samples by what came (rows) and by the class that was found most "
                      "probable (columns). A signal that always says one class shows here, and so "
                      "does one that knows whether prices will move but not where to.");
    almi_table_open(page, "", "Confusion by horizon");
    almi_html(page->out, "<thead><tr><th scope=\"col\"></th>");
    if (figures->horizon_count > 0) {
        const alm_signal_horizon_figures *h = &figures->horizon[0];
        for (size_t k = 0; k < h->class_count; k++) {
            almi_html(page->out, "<th scope=\"col\">said ");
            put_label(page->out, h->label[k]);
            almi_html(page->out, "</th>");
        }
    }
    almi_html(page->out, "<th scope=\"col\">found</th></tr></thead>\n");
    for (size_t i = 0; i < figures->horizon_count; i++) {
        confusion_rows(page, &figures->horizon[i]);
    }
    almi_table_close(page);
    almi_section_close(page);
}
