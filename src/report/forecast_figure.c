#include "report/forecast_figure.h"

#include <math.h>
#include <stdio.h>

#include "report/svg.h"

#define TOP 14.0
#define BOTTOM 20.0
#define LEFT 46.0
#define RIGHT 8.0
#define LABEL_WIDTH 90.0 /* of a time below the axis */
#define HITS_MAX 400
#define STUB 3.0          /* height of a mark */

const char almi_figure_style[] =
    ".past{fill:none;stroke:var(--seen);stroke-width:1.5;stroke-linejoin:round;"
    "stroke-linecap:round}.key .past{stroke-width:2}\n"
    ".cut{stroke:var(--blue);stroke-width:2;stroke-dasharray:2 3}\n"
    ".told{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:0;"
    "font-size:14px}.told dt{color:var(--muted)}.told dd{margin:0;overflow-wrap:anywhere}\n"
    ".two{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:20px 44px}\n";

typedef struct plot {
    const alm_long_one *one;
    const alm_series_forecast *made;
    size_t levels, steps;
    size_t first, count; /* periods drawn */
    double low, high;
    almi_axis axis;
    double left, right, top, bottom;
} plot;

void almi_figure_time(const alm_forecast_made *made, size_t series, size_t period,
                      char out[ALM_INSTANT_TEXT_BYTES])
{
    int64_t time = made->input.series[series].start;
    (void)alm_long_time(&made->input, &made->input.series[series], period, &time);
    alm_time_write(&made->input.style, time, out);
}

int almi_figure_decimals(double largest)
{
    return largest >= 1000 ? 0 : largest >= 100 ? 1 : largest >= 1 ? 2 : 4;
}

double almi_figure_largest(const double *value, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fabs(value[i]) > largest ? fabs(value[i]) : largest;
    }
    return largest;
}

/* ---- scales ---- */

static void widen(double range[2], double value)
{
    if (!isnan(value)) {
        range[0] = isnan(range[0]) || value < range[0] ? value : range[0];
        range[1] = isnan(range[1]) || value > range[1] ? value : range[1];
    }
}

/* A band far beyond all values is cut at the edge, or nothing else could be seen; draw_cut says
 * so. */
static bool scale(plot *p)
{
    double core[2] = {(double)NAN, (double)NAN};
    for (size_t t = p->first; t < p->one->count; t++) {
        widen(core, p->one->y[t]);
        widen(core, p->one->least ? p->one->least[t] : (double)NAN);
    }
    for (size_t h = 0; h < p->steps; h++) {
        widen(core, p->made->mean[h]);
    }
    double all[2] = {core[0], core[1]};
    for (size_t i = 0; i < p->steps * p->levels; i++) {
        widen(all, p->made->low[i]);
        widen(all, p->made->high[i]);
    }
    double range = core[1] - core[0];
    range = range > 0 ? range : fabs(core[0]) > 0 ? fabs(core[0]) / 4 : 1;
    p->low = fmax(all[0], core[0] - 1.5 * range);
    p->high = fmin(all[1], core[1] + 1.5 * range);
    p->low = p->low >= 0 && p->low < p->high / 3 ? 0 : p->low;
    p->high = p->high - p->low > 1e-290 ? p->high : p->low + range;
    p->axis = almi_svg_axis(p->low, p->high);
    return isfinite(p->high / p->axis.step) && isfinite(p->low / p->axis.step);
}

static double x_of(const plot *p, size_t period)
{
    return p->left + (p->right - p->left) * ((double)(period - p->first) + .5) / (double)p->count;
}

static double y_of(const plot *p, double value)
{
    double place = (value - p->low) / (p->high - p->low);
    place = place < 0 ? 0 : place > 1 ? 1 : place;
    return p->bottom - (p->bottom - p->top) * place;
}

/* ---- drawing ---- */

static void tick_text(const plot *p, double value, char out[48])
{
    double largest = fmax(fabs(p->low), fabs(p->high));
    double unit = largest >= 1e9 ? 1e9 : largest >= 1e6 ? 1e6 : largest >= 1e4 ? 1e3 : 1;
    if (largest >= 1e13 || p->axis.step < 1e-4) {
        (void)snprintf(out, 48, "%.3g", value);
        return;
    }
    (void)snprintf(out, 48, "%.*f%s", almi_svg_step_decimals(p->axis.step / unit), value / unit,
                   unit >= 1e9 ? "G" : unit >= 1e6 ? "M" : unit >= 1e3 ? "k" : "");
}

static void draw_values(almi_svg *svg, const plot *p)
{
    for (int i = 0; i < p->axis.count; i++) {
        char text[48];
        double value = (p->axis.first + i) * p->axis.step + 0.0; /* no tick is -0 */
        double y = y_of(p, value);
        tick_text(p, value, text);
        almi_svg_line(svg, (almi_point){p->left, y}, (almi_point){p->right, y}, "grid");
        almi_svg_text(svg, (almi_point){p->left - 5, y + 3.5}, ALMI_ANCHOR_END, "tick", text);
    }
    almi_svg_line(svg, (almi_point){p->left, p->bottom}, (almi_point){p->right, p->bottom},
                  "axis");
}

/* The first of its year. */
static bool is_round(const almi_figure *figure, size_t period)
{
    int64_t time = figure->made->input.series[figure->series].start;
    (void)alm_long_time(&figure->made->input, &figure->made->input.series[figure->series], period,
                        &time);
    return alm_date_civil(alm_time_day(time, NULL)).month <= figure->made->input.frequency.every;
}

static void draw_times(almi_svg *svg, const plot *p, const almi_figure *figure)
{
    const alm_frequency *f = &figure->made->input.frequency;
    bool years = f->period == ALM_PERIOD_MONTH && f->every < 12;
    size_t labels = (size_t)((p->right - p->left) / LABEL_WIDTH);
    size_t each = (p->count + labels - 1) / labels;
    double edge = p->left - LABEL_WIDTH / 2;
    years = years && each * (size_t)f->every >= 6; /* else most labels would go */
    for (size_t i = years ? 0 : each / 2; i < p->count; i += years ? 1 : each) {
        char text[ALM_INSTANT_TEXT_BYTES];
        double x = x_of(p, p->first + i);
        if (years && (!is_round(figure, p->first + i) || x - edge < LABEL_WIDTH)) {
            continue;
        }
        edge = x;
        almi_figure_time(figure->made, figure->series, p->first + i, text);
        almi_svg_line(svg, (almi_point){x, p->bottom}, (almi_point){x, p->bottom + 3}, "axis");
        almi_svg_text(svg, (almi_point){x, p->bottom + 14}, ALMI_ANCHOR_MIDDLE, "tick", text);
    }
}

static void draw_past(const almi_page *page, almi_svg *svg, const plot *p)
{
    size_t count = p->one->count - p->first;
    almi_point *point = ALM_NEW_ARRAY(page->arena, almi_point, count);
    for (size_t i = 0; i < count; i++) {
        double y = p->one->y[p->first + i];
        point[i] = (almi_point){x_of(p, p->first + i), isnan(y) ? y : y_of(p, y)};
    }
    almi_svg_curve(svg, point, count, "past");
}

/* A stub at the lower bound of demand of each period that was sold out. */
static void draw_sold_out(almi_svg *svg, const plot *p, const almi_figure *figure)
{
    double width = (p->right - p->left) / (double)p->count;
    for (size_t t = p->first; p->one->least && t < p->one->count; t++) {
        char time[ALM_INSTANT_TEXT_BYTES];
        alm_buffer title = {0};
        if (isnan(p->one->least[t])) {
            continue;
        }
        almi_figure_time(figure->made, figure->series, t, time);
        alm_buffer_printf(&title, "%s: sold out, demand was ", time);
        almi_html_number(&title, p->one->least[t], almi_figure_decimals(p->one->least[t]));
        alm_buffer_text(&title, " or more");
        almi_svg_rect(svg, (almi_point){x_of(p, t) - width / 2, y_of(p, p->one->least[t]) - STUB},
                      (almi_point){width, STUB}, "risk", title.data);
        alm_buffer_deinit(&title);
    }
}

static void draw_band(const almi_page *page, almi_svg *svg, const plot *p, size_t level,
                      const char *class_name)
{
    /* One step alone would have no width. */
    size_t count = p->steps + 1;
    double half = (p->right - p->left) / (double)p->count / 2;
    almi_point *top = ALM_NEW_ARRAY(page->arena, almi_point, count);
    almi_point *bottom = ALM_NEW_ARRAY(page->arena, almi_point, count);
    for (size_t i = 0; i < count; i++) {
        size_t h = i ? i - 1 : 0;
        double x = i ? x_of(p, p->one->count + h) : x_of(p, p->one->count) - half;
        x += i + 1 == count ? half : 0;
        top[i] = (almi_point){x, y_of(p, p->made->high[h * p->levels + level])};
        bottom[i] = (almi_point){x, y_of(p, p->made->low[h * p->levels + level])};
    }
    almi_svg_area(svg, top, bottom, count, class_name);
}

/* Where the widest band goes beyond the axis: a broken line at the edge, and how far it goes. */
static void draw_cut(almi_svg *svg, const plot *p, const almi_figure *figure, bool above)
{
    const double *value = above ? p->made->high : p->made->low;
    double edge = above ? p->high : p->low;
    double y = above ? p->top : p->bottom;
    double half = (p->right - p->left) / (double)p->count / 2;
    double farthest = edge;
    for (size_t h = 0; h < p->steps; h++) {
        double v = value[h * p->levels + p->levels - 1];
        if (above ? v > edge : v < edge) {
            double x = x_of(p, p->one->count + h);
            almi_svg_line(svg, (almi_point){x - half, y}, (almi_point){x + half, y}, "cut");
            farthest = (above ? v > farthest : v < farthest) ? v : farthest;
        }
    }
    if (farthest == edge) {
        return;
    }
    alm_buffer text = {0};
    alm_buffer_text(&text, above ? "\xe2\x86\x91 " : "\xe2\x86\x93 ");
    alm_forecast_percent(&text, figure->made->plan.level[p->levels - 1]);
    alm_buffer_text(&text, "\xe2\x80\xaf% to ");
    almi_html_number(&text, farthest, almi_figure_decimals(fabs(farthest)));
    almi_svg_text(svg, (almi_point){p->right, y - 5}, ALMI_ANCHOR_END, "tick",
                  text.data);
    alm_buffer_deinit(&text);
}

static void draw_future(const almi_page *page, almi_svg *svg, const plot *p,
                        const almi_figure *figure)
{
    if (p->levels > 0 && p->made->spread != ALM_SPREAD_NONE) {
        draw_band(page, svg, p, p->levels - 1, "band90");
        if (p->levels > 1) {
            draw_band(page, svg, p, 0, "band50");
        }
        draw_cut(svg, p, figure, true);
        draw_cut(svg, p, figure, false);
    }
    almi_point *point = ALM_NEW_ARRAY(page->arena, almi_point, p->steps);
    for (size_t h = 0; h < p->steps; h++) {
        point[h] = (almi_point){x_of(p, p->one->count + h), y_of(p, p->made->mean[h])};
    }
    almi_svg_curve(svg, point, p->steps, "mean");
}

/* Invisible columns that say the numbers of their period. */
static void draw_titles(almi_svg *svg, const plot *p, const almi_figure *figure)
{
    double width = (p->right - p->left) / (double)p->count;
    int decimals = almi_figure_decimals(almi_figure_largest(p->made->mean, p->steps));
    for (size_t h = 0; h < p->steps && p->steps <= HITS_MAX; h++) {
        char text[ALM_INSTANT_TEXT_BYTES];
        alm_buffer title = {0};
        almi_figure_time(figure->made, figure->series, p->one->count + h, text);
        alm_buffer_printf(&title, "%s: ", text);
        almi_html_number(&title, p->made->mean[h], decimals);
        for (size_t k = 0; k < p->levels && p->made->spread != ALM_SPREAD_NONE; k++) {
            alm_buffer_text(&title, ", ");
            alm_forecast_percent(&title, figure->made->plan.level[k]);
            alm_buffer_text(&title, "\xe2\x80\xaf% between ");
            almi_html_number(&title, p->made->low[h * p->levels + k], decimals);
            alm_buffer_text(&title, " and ");
            almi_html_number(&title, p->made->high[h * p->levels + k], decimals);
        }
        almi_svg_rect(svg, (almi_point){x_of(p, p->one->count + h) - width / 2, p->top},
                      (almi_point){width, p->bottom - p->top}, "hit", title.data);
        alm_buffer_deinit(&title);
    }
}

void almi_figure_draw(const almi_page *page, const almi_figure *figure)
{
    const alm_forecast_made *made = figure->made;
    const alm_long_one *one = &made->input.series[figure->series];
    size_t past = one->count < figure->past ? one->count : figure->past;
    plot p = {.one = one, .made = &made->set.series[figure->series],
              .levels = made->plan.level_count, .steps = made->plan.steps,
              .first = one->count - past, .count = past + made->plan.steps,
              .left = LEFT, .right = figure->width - RIGHT, .top = TOP,
              .bottom = figure->height - BOTTOM};
    if (!p.made->kind || !scale(&p)) {
        almi_html(page->out, "<p class=\"muted\">Nothing that can be drawn.</p>");
        return;
    }
    alm_buffer label = {0};
    alm_buffer_str(&label, one->id);
    alm_buffer_printf(&label, ": %zu periods of the past, %zu forecast", past, p.steps);
    almi_svg svg = almi_svg_open(page->out, figure->width, figure->height, "fan",
                                 label.data ? label.data : "");
    alm_buffer_deinit(&label);
    draw_values(&svg, &p);
    draw_times(&svg, &p, figure);
    double start = x_of(&p, one->count) - (p.right - p.left) / (double)p.count / 2;
    almi_svg_line(&svg, (almi_point){start, p.top - 6}, (almi_point){start, p.bottom}, "origin");
    draw_future(page, &svg, &p, figure);
    draw_past(page, &svg, &p);
    draw_sold_out(&svg, &p, figure);
    draw_titles(&svg, &p, figure);
    almi_svg_close(&svg);
}
