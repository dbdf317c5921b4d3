/* fan_chart.c: what was observed as bars, what is predicted as a level in its bands. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_internal.h"
#include "report/svg.h"

#define TOP 14.0
#define BOTTOM 20.0
#define LEFT 34.0
#define RIGHT 6.0
#define MARK 3.0 /* least height of a day that was sold out */
#define ROW 12.0 /* of text above the plot */
#define APART 5.0 /* of two texts in a row */
#define CUT_MOST 2 /* bars; cap_of */

/* ---- data ---- */

static bool is_row_of(const alm_table *table, size_t row, const alm_report_chart *chart)
{
    return alm_str_equal(almi_table_text(table, "node", row), chart->node) &&
           alm_str_equal(almi_table_text(table, "level", row), chart->level);
}

/* Rows of a node stand together. */
static void range_of(const alm_table *table, const alm_report_chart *chart, size_t *first,
                     size_t *count)
{
    *first = 0;
    *count = 0;
    for (size_t r = 0; table && r < table->rows; r++) {
        if (is_row_of(table, r, chart)) {
            *first = *count ? *first : r;
            (*count)++;
        } else if (*count > 0) {
            return;
        }
    }
}

static const double *copy_column(const almi_page *page, const alm_table *table, const char *name,
                                 size_t first, size_t count)
{
    const alm_column *column = alm_table_column(table, name);
    if (!column || column->type != ALM_TYPE_F64) {
        return NULL;
    }
    double *out = ALM_NEW_ARRAY(page->arena, double, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = almi_table_f64(table, name, first + i);
        if (!isfinite(out[i])) {
            return NULL;
        }
    }
    return out;
}

static void copy_history(const almi_page *page, const alm_report_chart *chart, almi_fan *fan)
{
    const alm_table *table = page->input->history;
    size_t first;
    size_t count;
    range_of(table, chart, &first, &count);
    if (count == 0) {
        fan->first = fan->start;
        return;
    }
    fan->first = almi_table_date(table, "date", first);
    size_t days = fan->start > fan->first ? (size_t)(fan->start - fan->first) : 0;
    double *value = ALM_NEW_ARRAY(page->arena, double, days);
    bool *sold_out = ALM_NEW_ARRAY(page->arena, bool, days);
    for (size_t d = 0; d < days; d++) {
        value[d] = NAN;
    }
    for (size_t i = 0; i < count; i++) {
        alm_date date = almi_table_date(table, "date", first + i);
        if (date >= fan->first && date < fan->start) {
            value[date - fan->first] = almi_table_f64(table, "value", first + i);
            sold_out[date - fan->first] = almi_table_f64(table, "sold_out", first + i) > 0;
            fan->sold_out_days += sold_out[date - fan->first];
        }
    }
    fan->history = value;
    fan->sold_out = sold_out;
    fan->history_count = days;
}

bool almi_fan_of(const almi_page *page, const alm_report_chart *chart, almi_fan *out)
{
    const alm_table *table = page->input->predictions;
    size_t first;
    size_t count;
    range_of(table, chart, &first, &count);
    almi_fan fan = {.steps = count};
    if (count == 0) {
        return false;
    }
    fan.start = almi_table_date(table, "target_date", first);
    fan.mean = copy_column(page, table, "mean", first, count);
    fan.q05 = copy_column(page, table, "q05", first, count);
    fan.q25 = copy_column(page, table, "q25", first, count);
    fan.q75 = copy_column(page, table, "q75", first, count);
    fan.q95 = copy_column(page, table, "q95", first, count);
    copy_history(page, chart, &fan);
    *out = fan;
    return fan.mean != NULL;
}

/* ---- scales ---- */

typedef struct scales {
    double left, right, top, bottom; /* of the plot, in units of the view box */
    double day_width;
    double largest; /* value at the top */
    double step;
    alm_date first;
} scales;

static double largest_of(const double *value, size_t count, double largest)
{
    for (size_t i = 0; value && i < count; i++) {
        largest = isfinite(value[i]) && value[i] > largest ? value[i] : largest;
    }
    return largest;
}

/* One day far above all others would press the rest into the ground: the axis then ends at the
 * third largest day (or at what is predicted) and the bars above it are cut and labelled. */
static double cap_of(const almi_fan *fan, double predicted, double largest)
{
    double top[3] = {0.0, 0.0, 0.0};
    for (size_t d = 0; d < fan->history_count; d++) {
        double value = isfinite(fan->history[d]) ? fan->history[d] : 0.0;
        for (size_t k = 0; k < 3; k++) {
            double larger = fmax(value, top[k]);
            value = fmin(value, top[k]);
            top[k] = larger;
        }
    }
    double usual = fmax(predicted, top[2]);
    return usual > 0.0 && largest > 2.0 * usual ? usual : largest;
}

static scales scales_of(const almi_fan *fan, double width, double height)
{
    double predicted = largest_of(fan->mean, fan->steps, 0.0);
    predicted = largest_of(fan->q95, fan->steps, predicted);
    double largest = largest_of(fan->history, fan->history_count, predicted);
    largest = cap_of(fan, predicted, largest);
    scales s = {.left = LEFT, .right = width - RIGHT, .top = TOP, .bottom = height - BOTTOM,
                .first = fan->first};
    s.top += largest_of(fan->history, fan->history_count, 0.0) > largest ? ROW : 0.0;
    s.step = largest > 0.0 ? almi_svg_tick_step(largest, 3) : 0.5;
    s.largest = largest > 0.0 ? s.step * ceil(largest / s.step) : 1.0;
    s.day_width = (s.right - s.left) / (double)(fan->history_count + fan->steps);
    return s;
}

static double x_of(const scales *s, alm_date date)
{
    return s->left + s->day_width * (double)(date - s->first);
}

static double y_of(const scales *s, double value)
{
    double shown = value > 0.0 ? fmin(value, s->largest) : 0.0;
    return s->bottom - (s->bottom - s->top) * shown / s->largest;
}

/* ---- drawing ---- */

static void draw_values(almi_svg *svg, const scales *s)
{
    bool thousands = s->largest >= 10000.0;
    double unit = thousands ? 1000.0 : 1.0;
    int decimals = s->step / unit < 0.095 ? 2 : s->step / unit < 0.95 ? 1 : 0;
    int ticks = (int)(s->largest / s->step + 0.5);
    for (int t = 0; t <= ticks; t++) {
        double y = y_of(s, s->step * t);
        char text[48];
        (void)snprintf(text, sizeof(text), "%.*f%s", decimals, s->step * t / unit,
                       thousands && t ? "k" : "");
        almi_svg_line(svg, (almi_point){s->left, y}, (almi_point){s->right, y},
                      t ? "grid" : "axis");
        almi_svg_text(svg, (almi_point){s->left - 5, y + 3.5}, ALMI_ANCHOR_END, "tick", text);
    }
}

/* Months, or weeks when there is little to show. */
static void draw_dates(almi_svg *svg, const scales *s, const almi_fan *fan)
{
    alm_date end = fan->start + (alm_date)fan->steps;
    bool months = end - fan->first > 45;
    for (alm_date date = fan->first; date < end; date++) {
        bool marked = months ? alm_date_civil(date).day == 1 : alm_date_weekday(date) == 0;
        double x = x_of(s, date);
        if (!marked || x > s->right - 14 || x < s->left + 10) {
            continue;
        }
        alm_buffer text = {0};
        almi_html_day(&text, date);
        almi_svg_line(svg, (almi_point){x, s->bottom}, (almi_point){x, s->bottom + 3}, "axis");
        almi_svg_text(svg, (almi_point){x, s->bottom + 14}, ALMI_ANCHOR_MIDDLE, "tick",
                      text.data ? text.data : "");
        alm_buffer_deinit(&text);
    }
}

static void draw_history(almi_svg *svg, const scales *s, const almi_fan *fan)
{
    double width = s->day_width > 2.5 ? s->day_width - 1.0 : s->day_width * 0.62;
    for (size_t d = 0; d < fan->history_count; d++) {
        bool out = fan->sold_out && fan->sold_out[d];
        if (!isfinite(fan->history[d]) || (fan->history[d] <= 0.0 && !out)) {
            continue;
        }
        alm_date date = fan->first + (alm_date)d;
        double y = fmin(y_of(s, fan->history[d]), s->bottom - (out ? MARK : 0));
        alm_buffer title = {0};
        almi_html_date(&title, date);
        alm_buffer_text(&title, ": ");
        almi_html_amount(&title, fan->history[d]);
        alm_buffer_text(&title, out ? ", sold out: demand was that or more" : "");
        almi_svg_rect(svg, (almi_point){x_of(s, date), y}, (almi_point){width, s->bottom - y},
                      out ? "risk" : "seen", title.data);
        alm_buffer_deinit(&title);
    }
}

/* How high the bars are that are cut: in a row of their own, within the chart, side by side. */
static void draw_cut(almi_svg *svg, const scales *s, const almi_fan *fan)
{
    alm_buffer text[CUT_MOST] = {{0}};
    double x[CUT_MOST] = {0}, half[CUT_MOST] = {0};
    size_t count = 0;
    for (size_t d = 0; d < fan->history_count && count < CUT_MOST; d++) {
        if (!(fan->history[d] > s->largest)) {
            continue;
        }
        alm_buffer_text(&text[count], "\xe2\x86\x91 ");
        almi_html_amount(&text[count], fan->history[d]);
        half[count] = almi_svg_text_width(text[count].data) / 2;
        x[count] = fmax(x_of(s, fan->first + (alm_date)d) + s->day_width / 2,
                        s->left + half[count]);
        if (count > 0) {
            x[count] = fmax(x[count], x[count - 1] + half[count - 1] + APART + half[count]);
        }
        count++;
    }
    double end = s->right;
    for (size_t i = count; i-- > 0;) {
        x[i] = fmin(x[i], end - half[i]);
        end = x[i] - half[i] - APART;
        almi_svg_text(svg, (almi_point){x[i], s->top - 3}, ALMI_ANCHOR_MIDDLE, "tick",
                      text[i].data);
        alm_buffer_deinit(&text[i]);
    }
}

static void draw_origin(almi_svg *svg, const scales *s, const almi_fan *fan)
{
    static const char LABEL[] = "predicted";
    double start = x_of(s, fan->start);
    bool is_room = start + 3 + almi_svg_text_width(LABEL) <= s->right + RIGHT;
    almi_svg_line(svg, (almi_point){start, TOP - 6}, (almi_point){start, s->bottom}, "origin");
    almi_svg_text(svg, (almi_point){is_room ? start + 3 : start - 3, TOP - 3},
                  is_room ? ALMI_ANCHOR_START : ALMI_ANCHOR_END, "note", LABEL);
}

static const double *heights(const almi_page *page, const scales *s, const almi_fan *fan,
                             const double *value)
{
    double *y = ALM_NEW_ARRAY(page->arena, double, fan->steps);
    for (size_t h = 0; h < fan->steps; h++) {
        y[h] = y_of(s, value[h]);
    }
    return y;
}

/* Days are slots, not points on a curve: a line would draw slopes into days that are closed. */
static void draw_prediction(const almi_page *page, almi_svg *svg, const scales *s,
                            const almi_fan *fan)
{
    almi_slots slots = {x_of(s, fan->start), s->day_width, fan->steps};
    if (fan->q05 && fan->q95) {
        almi_svg_bands(svg, &slots, heights(page, s, fan, fan->q05),
                       heights(page, s, fan, fan->q95), "band90");
    }
    if (fan->q25 && fan->q75) {
        almi_svg_bands(svg, &slots, heights(page, s, fan, fan->q25),
                       heights(page, s, fan, fan->q75), "band50");
    }
    almi_svg_levels(svg, &slots, heights(page, s, fan, fan->mean), "mean");
}

/* Invisible columns that say the numbers of their day. */
static void draw_titles(almi_svg *svg, const scales *s, const almi_fan *fan)
{
    for (size_t h = 0; h < fan->steps; h++) {
        alm_date date = fan->start + (alm_date)h;
        alm_buffer title = {0};
        almi_html_date(&title, date);
        alm_buffer_text(&title, ": mean ");
        almi_html_amount(&title, fan->mean[h]);
        if (fan->q05 && fan->q95) {
            alm_buffer_text(&title, ", 90 % between ");
            almi_html_amount(&title, fan->q05[h]);
            alm_buffer_text(&title, " and ");
            almi_html_amount(&title, fan->q95[h]);
        }
        almi_svg_rect(svg, (almi_point){x_of(s, date), s->top},
                      (almi_point){s->day_width, s->bottom - s->top}, "hit", title.data);
        alm_buffer_deinit(&title);
    }
}

void almi_fan_draw(const almi_page *page, const almi_fan *fan, double width, double height,
                   const char *label)
{
    scales s = scales_of(fan, width, height);
    almi_svg svg = almi_svg_open(page->out, width, height, "fan", label);
    draw_values(&svg, &s);
    draw_dates(&svg, &s, fan);
    draw_history(&svg, &s, fan);
    draw_cut(&svg, &s, fan);
    draw_origin(&svg, &s, fan);
    draw_prediction(page, &svg, &s, fan);
    draw_titles(&svg, &s, fan);
    almi_svg_close(&svg);
}
