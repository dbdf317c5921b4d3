/* svg.h: a small builder of inline SVG. Internal to report/.
 *
 * Shapes take a class, never a colour: the page's one style sheet paints them, so that light and
 * dark are the same bytes. Coordinates have at most two decimals, in units of the view box. */
#ifndef ALM_REPORT_SVG_H
#define ALM_REPORT_SVG_H

#include "base/str.h"

typedef struct almi_svg {
    alm_buffer *out;
} almi_svg;

typedef struct almi_point {
    double x, y;
} almi_point;

typedef enum almi_anchor { ALMI_ANCHOR_START, ALMI_ANCHOR_MIDDLE, ALMI_ANCHOR_END } almi_anchor;

/* A picture with a text alternative (`label`, escaped); NULL: decoration, hidden from readers. */
almi_svg almi_svg_open(alm_buffer *out, double width, double height, const char *class_name,
                       const char *label);
/* The same, stretched to any width and height: for bars in table cells, without text. */
almi_svg almi_svg_open_stretched(alm_buffer *out, const char *class_name);
void almi_svg_close(almi_svg *svg);

void almi_svg_line(almi_svg *svg, almi_point from, almi_point to, const char *class_name);
/* `title` (escaped, may be NULL) shows when the pointer rests on it. Nothing for an empty size. */
void almi_svg_rect(almi_svg *svg, almi_point corner, almi_point size, const char *class_name,
                   const char *title);
/* Values that hold for a whole slot each, as days do: slot i spans [left + i * width, + width]. */
typedef struct almi_slots {
    double left, width;
    size_t count;
} almi_slots;

/* A level stroke per slot at y[i]. */
void almi_svg_levels(almi_svg *svg, const almi_slots *slots, const double *y,
                     const char *class_name);
/* The area between bottom[i] and top[i] of every slot; slots of no height are left out. */
void almi_svg_bands(almi_svg *svg, const almi_slots *slots, const double *bottom,
                    const double *top, const char *class_name);
/* A line from point to point; a point whose y is NaN parts it, one alone is a dot of the stroke. */
void almi_svg_curve(almi_svg *svg, const almi_point *point, size_t count, const char *class_name);
/* The area between top[i] and bottom[i], which share their x. */
void almi_svg_area(almi_svg *svg, const almi_point *top, const almi_point *bottom, size_t count,
                   const char *class_name);
void almi_svg_text(almi_svg *svg, almi_point at, almi_anchor anchor, const char *class_name,
                   const char *text);

/* About how wide a text is at the size of a tick's. */
double almi_svg_text_width(const char *text);

/* Marks (first + 0 .. count - 1) * step within [low, high], low < high, both finite: 3 to 6 of
 * them; the step is 1, 2, 2.5 or 5 times a power of ten. */
typedef struct almi_axis {
    double first, step;
    int count;
} almi_axis;

almi_axis almi_svg_axis(double low, double high);
/* Decimals that tell multiples of the step apart, at most 6. */
int almi_svg_step_decimals(double step);

/* A round step for about `ticks` marks up to `largest`: 1, 2 or 5 times a power of ten. */
double almi_svg_tick_step(double largest, int ticks);

#endif
