#include "report/svg.h"

#include <math.h>

#include "report/html.h"

#define TICK_CHARACTER 6.2 /* units of the view box, of most letters and digits */
#define MARKS_LEAST 3
#define MARKS_MOST 6
#define DECIMALS_MOST 6

static void put(alm_buffer *out, double value)
{
    double rounded = floor(value * 100.0 + 0.5) / 100.0;
    alm_buffer_double(out, rounded == 0.0 ? 0.0 : rounded);
}

static void put_attribute(alm_buffer *out, const char *name, double value)
{
    alm_buffer_printf(out, " %s=\"", name);
    put(out, value);
    alm_buffer_text(out, "\"");
}

almi_svg almi_svg_open(alm_buffer *out, double width, double height, const char *class_name,
                       const char *label)
{
    alm_buffer_printf(out, "<svg class=\"%s\" viewBox=\"0 0 ", class_name);
    put(out, width);
    alm_buffer_text(out, " ");
    put(out, height);
    if (label) {
        alm_buffer_text(out, "\" role=\"img\" aria-label=\"");
        almi_html_text(out, alm_str_of(label));
        alm_buffer_text(out, "\">");
    } else {
        alm_buffer_text(out, "\" aria-hidden=\"true\">");
    }
    return (almi_svg){out};
}

almi_svg almi_svg_open_stretched(alm_buffer *out, const char *class_name)
{
    alm_buffer_printf(out, "<svg class=\"%s\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
                      "aria-hidden=\"true\">", class_name);
    return (almi_svg){out};
}

void almi_svg_close(almi_svg *svg)
{
    alm_buffer_text(svg->out, "</svg>");
}

void almi_svg_line(almi_svg *svg, almi_point from, almi_point to, const char *class_name)
{
    alm_buffer_printf(svg->out, "<line class=\"%s\"", class_name);
    put_attribute(svg->out, "x1", from.x);
    put_attribute(svg->out, "y1", from.y);
    put_attribute(svg->out, "x2", to.x);
    put_attribute(svg->out, "y2", to.y);
    alm_buffer_text(svg->out, "/>");
}

void almi_svg_rect(almi_svg *svg, almi_point corner, almi_point size, const char *class_name,
                   const char *title)
{
    if (!(size.x > 0.0 && size.y > 0.0)) {
        return;
    }
    alm_buffer_printf(svg->out, "<rect class=\"%s\"", class_name);
    put_attribute(svg->out, "x", corner.x);
    put_attribute(svg->out, "y", corner.y);
    put_attribute(svg->out, "width", size.x);
    put_attribute(svg->out, "height", size.y);
    if (!title) {
        alm_buffer_text(svg->out, "/>");
        return;
    }
    alm_buffer_text(svg->out, "><title>");
    almi_html_text(svg->out, alm_str_of(title));
    alm_buffer_text(svg->out, "</title></rect>");
}

static void put_command(alm_buffer *out, const char *command, double value)
{
    alm_buffer_text(out, command);
    put(out, value);
}

void almi_svg_levels(almi_svg *svg, const almi_slots *slots, const double *y,
                     const char *class_name)
{
    alm_buffer_printf(svg->out, "<path class=\"%s\" d=\"", class_name);
    for (size_t i = 0; i < slots->count; i++) {
        put_command(svg->out, "M", slots->left + (double)i * slots->width);
        put_command(svg->out, " ", y[i]);
        put_command(svg->out, "h", slots->width);
    }
    alm_buffer_text(svg->out, "\"/>");
}

void almi_svg_bands(almi_svg *svg, const almi_slots *slots, const double *bottom,
                    const double *top, const char *class_name)
{
    alm_buffer_printf(svg->out, "<path class=\"%s\" d=\"", class_name);
    for (size_t i = 0; i < slots->count; i++) {
        if (!(bottom[i] > top[i])) { /* y grows downwards */
            continue;
        }
        double x = slots->left + (double)i * slots->width;
        put_command(svg->out, "M", x);
        put_command(svg->out, " ", bottom[i]);
        put_command(svg->out, "H", x + slots->width);
        put_command(svg->out, "V", top[i]);
        put_command(svg->out, "H", x);
        alm_buffer_text(svg->out, "z");
    }
    alm_buffer_text(svg->out, "\"/>");
}

void almi_svg_curve(almi_svg *svg, const almi_point *point, size_t count, const char *class_name)
{
    alm_buffer_printf(svg->out, "<path class=\"%s\" d=\"", class_name);
    for (size_t i = 0; i < count; i++) {
        if (isnan(point[i].y)) {
            continue;
        }
        bool before = i > 0 && !isnan(point[i - 1].y);
        bool behind = i + 1 < count && !isnan(point[i + 1].y);
        put_command(svg->out, before ? "L" : "M", point[i].x);
        put_command(svg->out, " ", point[i].y);
        alm_buffer_text(svg->out, before || behind ? "" : "h0");
    }
    alm_buffer_text(svg->out, "\"/>");
}

void almi_svg_area(almi_svg *svg, const almi_point *top, const almi_point *bottom, size_t count,
                   const char *class_name)
{
    alm_buffer_printf(svg->out, "<path class=\"%s\" d=\"", class_name);
    for (size_t i = 0; i < count; i++) {
        put_command(svg->out, i ? "L" : "M", top[i].x);
        put_command(svg->out, " ", top[i].y);
    }
    for (size_t i = count; i-- > 0;) {
        put_command(svg->out, "L", bottom[i].x);
        put_command(svg->out, " ", bottom[i].y);
    }
    alm_buffer_text(svg->out, "z\"/>");
}

void almi_svg_text(almi_svg *svg, almi_point at, almi_anchor anchor, const char *class_name,
                   const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    alm_buffer_printf(svg->out, "<text class=\"%s\" text-anchor=\"%s\"", class_name,
                      anchors[anchor]);
    put_attribute(svg->out, "x", at.x);
    put_attribute(svg->out, "y", at.y);
    alm_buffer_text(svg->out, ">");
    almi_html_text(svg->out, alm_str_of(text));
    alm_buffer_text(svg->out, "</text>");
}

double almi_svg_text_width(const char *text)
{
    size_t count = 0;
    for (const char *at = text; *at; at++) {
        count += ((unsigned char)*at & 0xc0) != 0x80; /* what begins a character of UTF-8 */
    }
    return TICK_CHARACTER * (double)count;
}

/* 1.6 to 4 steps of the first choice fit into the range. Where fewer than three of their marks do,
 * it is less than three steps, so half the step has at most six, and three are in 3.2 steps. */
almi_axis almi_svg_axis(double low, double high)
{
    double step = almi_svg_tick_step(high - low, 4);
    double first = ceil(low / step);
    double count = floor(high / step) - first + 1;
    if (count < MARKS_LEAST) {
        step /= 2;
        first = ceil(low / step);
        count = floor(high / step) - first + 1;
    }
    /* A range of the last bits of its numbers has other counts. */
    return (almi_axis){first, step, count > MARKS_MOST ? MARKS_MOST : count > 0 ? (int)count : 0};
}

int almi_svg_step_decimals(double step)
{
    int decimals = 0;
    for (; decimals < DECIMALS_MOST; decimals++) {
        double rest = fabs(step - floor(step + .5));
        if (rest <= 1e-6 * step) {
            break;
        }
        step *= 10;
    }
    return decimals;
}

double almi_svg_tick_step(double largest, int ticks)
{
    static const double factors[] = {1.0, 2.0, 5.0, 10.0};
    if (!(largest > 0.0) || !isfinite(largest)) {
        return 1.0;
    }
    double wanted = largest / ticks;
    double power = 1.0;
    while (power * 10.0 <= wanted) {
        power *= 10.0;
    }
    while (power > wanted) {
        power /= 10.0;
    }
    for (size_t i = 0; i < 4; i++) {
        if (factors[i] * power >= wanted * (1.0 - 1e-12)) {
            return factors[i] * power;
        }
    }
    return 10.0 * power;
}
