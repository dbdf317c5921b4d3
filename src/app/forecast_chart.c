/* forecast_chart.c: a fan chart of characters.
 *
 * A column is a period, or several periods where there are many: then it shows their mean, and the
 * band that holds all of theirs. Where the terminal has more than ASCII, the past is a line of
 * dots, two by four to a character (Braille patterns, U+2800). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/forecast_view.h"

#define HEIGHT 14
#define DOTS_DOWN 4
#define DOTS_ACROSS 2
#define WIDTH_DEFAULT 80
#define WIDTH_MAX 120
#define AXIS 10          /* columns of the labels on the left */
#define HISTORY_MIN 24   /* periods, where there are so many */
#define STRETCH_MAX 3    /* columns of a period, where there are few */

typedef enum ink { BLANK, OUTER, INNER, SEEN, MEAN } ink;

typedef struct column {
    double seen, mean;        /* NaN: none */
    double outer[2], inner[2];
} column;

typedef struct chart {
    const alm_forecast_file *file;
    size_t series, first; /* period shown first */
    size_t group;         /* periods in a column */
    size_t stretch;       /* columns of a period */
    size_t width, origin; /* columns; the first of them that is forecast */
    column *columns;
    uint8_t *dots; /* HEIGHT x width: of the past, as bits of a Braille pattern */
    double bottom, top, step;
} chart;

/* ---- what is in a column ---- */

static void widen(double range[2], double low, double high)
{
    range[0] = isnan(range[0]) || low < range[0] ? low : range[0];
    range[1] = isnan(range[1]) || high > range[1] ? high : range[1];
}

static void add_period(const chart *c, size_t period, column *to, size_t *known)
{
    const alm_long_one *one = &c->file->made.input.series[c->series];
    const alm_series_forecast *made = &c->file->made.set.series[c->series];
    size_t levels = c->file->made.plan.level_count;
    double value = period < one->count ? one->y[period] : made->mean[period - one->count];
    double *mean = period < one->count ? &to->seen : &to->mean;
    if (!isnan(value)) {
        *mean = *known == 0 ? value : *mean + (value - *mean) / (double)(*known + 1);
        (*known)++;
    }
    if (period >= one->count && levels > 0 && made->spread != ALM_SPREAD_NONE) {
        size_t at = (period - one->count) * levels;
        widen(to->inner, made->low[at], made->high[at]);
        widen(to->outer, made->low[at + levels - 1], made->high[at + levels - 1]);
    }
}

static void fill(chart *c, alm_arena *arena)
{
    const alm_long_one *one = &c->file->made.input.series[c->series];
    size_t end = one->count + c->file->made.plan.steps;
    c->columns = ALM_NEW_ARRAY(arena, column, c->width);
    c->origin = c->width;
    size_t at = 0;
    for (size_t period = c->first; period < end; at += c->stretch) {
        double none = (double)NAN;
        column *to = &c->columns[at];
        size_t known = 0;
        *to = (column){none, none, {none, none}, {none, none}};
        bool seen = period < one->count;
        c->origin = !seen && c->origin == c->width ? at : c->origin;
        for (size_t i = 0; i < c->group && period < end && (period < one->count) == seen; i++) {
            add_period(c, period++, to, &known);
        }
        for (size_t i = 1; i < c->stretch; i++) {
            c->columns[at + i] = *to;
            c->columns[at + i].seen = none; /* a dot for a value */
        }
    }
    c->width = at;
}

/* How many periods, and how wide. */
static void lay_out(chart *c, const almi_cli *cli)
{
    size_t count = c->file->made.input.series[c->series].count;
    size_t steps = c->file->made.plan.steps;
    size_t terminal = cli->term.width > 0 ? (size_t)cli->term.width : WIDTH_DEFAULT;
    size_t room = (terminal < WIDTH_MAX ? terminal : WIDTH_MAX) - AXIS - 1;
    size_t wanted = steps * 2 > HISTORY_MIN ? steps * 2 : HISTORY_MIN;
    size_t season = 2 * c->file->made.plan.season;
    wanted = season > wanted && season < 4 * steps ? season : wanted;
    size_t history = wanted < count ? wanted : count;
    c->group = (history + steps + room - 3) / (room - 2); /* past and future end in their own */
    size_t ahead = (steps + c->group - 1) / c->group; /* columns */
    if (room > ahead && (room - ahead) * c->group > history) { /* there is room for more */
        history = (room - ahead) * c->group < count ? (room - ahead) * c->group : count;
    }
    size_t total = history + steps;
    c->stretch = c->group > 1 ? 1 : room / total;
    c->stretch = c->stretch < 1 ? 1 : c->stretch > STRETCH_MAX ? STRETCH_MAX : c->stretch;
    c->width = c->group > 1 ? room : total * c->stretch;
    c->first = count - history;
}

/* ---- the scale ---- */

static double step_of(double range)
{
    static const double FACTOR[] = {1, 2, 5, 10};
    double wanted = range / 4;
    double power = 1;
    while (power * 10 <= wanted && power < 1e300) {
        power *= 10;
    }
    while (power > wanted && power > 1e-300) {
        power /= 10;
    }
    for (size_t i = 0; i < 4; i++) {
        if (FACTOR[i] * power >= wanted * (1 - 1e-12)) {
            return FACTOR[i] * power;
        }
    }
    return 10 * power;
}

/* Bands far beyond everything else are cut, or nothing else could be seen. */
static bool scale(chart *c)
{
    double core[2] = {(double)NAN, (double)NAN};
    double all[2] = {(double)NAN, (double)NAN};
    for (size_t i = 0; i < c->width; i++) {
        const column *at = &c->columns[i];
        const double VALUE[] = {at->seen, at->mean, at->inner[0], at->inner[1], at->outer[0],
                                at->outer[1]};
        for (size_t k = 0; k < sizeof VALUE / sizeof VALUE[0]; k++) {
            if (!isnan(VALUE[k])) {
                widen(all, VALUE[k], VALUE[k]);
                widen(k < 2 ? core : all, VALUE[k], VALUE[k]);
            }
        }
    }
    if (isnan(core[0])) {
        return false;
    }
    double range = core[1] - core[0];
    range = range > 0 ? range : fabs(core[0]) > 0 ? fabs(core[0]) / 4 : 1;
    double low = fmax(all[0], core[0] - 1.5 * range);
    double high = fmin(all[1], core[1] + 1.5 * range);
    low = low >= 0 && low < high / 3 ? 0 : low;
    if (!isfinite(high - low) || !(high - low > 1e-290)) {
        high = low + range;
    }
    c->step = step_of(high - low);
    c->bottom = low;
    c->top = high;
    return isfinite(c->top / c->step) && isfinite(c->bottom / c->step);
}

/* Row 0 is the top; may lie outside. */
static int row_of(const chart *c, double value)
{
    double place = (c->top - value) / (c->top - c->bottom) * (HEIGHT - 1);
    return place < -1 ? -1 : place > HEIGHT ? HEIGHT : (int)floor(place + .5);
}

/* ---- the line of the past ---- */

static int dot_row_of(const chart *c, double value)
{
    double place = (c->top - value) / (c->top - c->bottom) * (HEIGHT * DOTS_DOWN - 1);
    return (int)floor(place + .5);
}

static void put_dot(const chart *c, int x, int y)
{
    static const uint8_t BIT[DOTS_DOWN][DOTS_ACROSS] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    size_t row = (size_t)y / DOTS_DOWN;
    size_t at = (size_t)x / DOTS_ACROSS;
    if (y >= 0 && row < HEIGHT && x >= 0 && at < c->width) {
        c->dots[row * c->width + at] |= BIT[y % DOTS_DOWN][x % DOTS_ACROSS];
    }
}

/* From one value to the next; a gap stays a gap. */
static void draw_past(chart *c, alm_arena *arena)
{
    int across = (int)(c->stretch * DOTS_ACROSS);
    bool before = false;
    int y = 0;
    c->dots = ALM_NEW_ARRAY(arena, uint8_t, HEIGHT * c->width);
    for (size_t at = 0; at < c->origin; at += c->stretch) {
        double value = c->columns[at].seen;
        int x = (int)at * DOTS_ACROSS;
        int next = isnan(value) ? 0 : dot_row_of(c, value);
        int from = before ? y : next;
        for (int i = before ? 1 : across; !isnan(value) && i <= across; i++) {
            int start = from + (next - from) * (i - 1) / across;
            int stop = from + (next - from) * i / across;
            for (int k = start < stop ? start : stop; k <= (start < stop ? stop : start); k++) {
                put_dot(c, x - across + i, k);
            }
        }
        before = !isnan(value);
        y = next;
    }
}

/* ---- drawing ---- */

static bool holds(const chart *c, const double range[2], int row)
{
    return !isnan(range[0]) && row >= row_of(c, range[1]) && row <= row_of(c, range[0]);
}

static ink ink_at(const chart *c, size_t at, int row)
{
    const column *here = &c->columns[at];
    if (!isnan(here->mean) && row == row_of(c, here->mean)) {
        return MEAN;
    }
    if (!isnan(here->seen) && row == row_of(c, here->seen)) {
        return SEEN;
    }
    return holds(c, here->inner, row) ? INNER : holds(c, here->outer, row) ? OUTER : BLANK;
}

/* U+2800 and the bits, as UTF-8. */
static void put_dots(uint8_t bits, alm_buffer *out)
{
    const char text[] = {(char)0xe2, (char)(0xa0 | bits >> 6), (char)(0x80 | (bits & 0x3f))};
    alm_buffer_append(out, text, sizeof text);
}

static void put_ink(const almi_term *term, ink what, ink before, alm_buffer *out)
{
    static const char *const PLAIN[] = {" ", ".", ":", "*", "o"};
    static const char *const DRAWN[] = {" ", "░", "▒", "•", "━"};
    static const char *const COLOUR[] = {"\033[0m", "\033[36m", "\033[36m", "\033[0m",
                                         "\033[1;36m"};
    if (term->out_colour && strcmp(COLOUR[what], COLOUR[before]) != 0) {
        alm_buffer_text(out, "\033[0m");
        alm_buffer_text(out, what == BLANK || what == SEEN ? "" : COLOUR[what]);
    }
    alm_buffer_text(out, term->unicode ? DRAWN[what] : PLAIN[what]);
}

/* The value at a row if one of the ticks stands there. */
static bool tick_at(const chart *c, int row, double *out)
{
    for (double i = ceil(c->bottom / c->step); i * c->step <= c->top; i++) {
        if (row_of(c, i * c->step) == row) {
            *out = i * c->step + 0.0; /* no tick is -0 */
            return true;
        }
    }
    return false;
}

static void put_label(const chart *c, int row, const almi_term *term, alm_buffer *out)
{
    char text[40] = "";
    double value = 0;
    bool tick = tick_at(c, row, &value);
    if (tick && (c->step < 1e-4 || fabs(c->top) >= 1e8 || fabs(c->bottom) >= 1e8)) {
        (void)snprintf(text, sizeof text, "%.1e", value);
    } else if (tick) {
        int decimals = c->step >= 1 ? 0 : c->step >= .1 ? 1 : c->step >= .01 ? 2 : 4;
        (void)snprintf(text, sizeof text, "%.*f", decimals, value);
    }
    alm_buffer_printf(out, "%*s %s", AXIS - 2, text,
                      term->unicode ? (tick ? "┤" : "│") : (tick ? "+" : "|"));
}

static void trim_line(alm_buffer *out)
{
    while (out->size > 0 && out->data[out->size - 1] == ' ') {
        out->data[--out->size] = '\0';
    }
    alm_buffer_text(out, "\n");
}

static void put_row(const chart *c, int row, const almi_term *term, alm_buffer *out)
{
    ink before = BLANK;
    put_label(c, row, term, out);
    for (size_t at = 0; at < c->width; at++) {
        uint8_t bits = c->dots[(size_t)row * c->width + at];
        ink what = at < c->origin && term->unicode ? BLANK : ink_at(c, at, row);
        if (bits && term->unicode) {
            put_dots(bits, out);
        } else {
            put_ink(term, what, before, out);
        }
        before = what;
    }
    if (term->out_colour && before != BLANK && before != SEEN) {
        alm_buffer_text(out, "\033[0m");
    }
    trim_line(out);
}

static void put_axis(const chart *c, const almi_term *term, alm_buffer *out)
{
    alm_buffer_printf(out, "%*s%s", AXIS - 1, "", term->unicode ? "└" : "+");
    for (size_t at = 0; at < c->width; at++) {
        alm_buffer_text(out, at == c->origin ? (term->unicode ? "┬" : "+")
                             : term->unicode ? "─" : "-");
    }
    alm_buffer_text(out, "\n");
}

static void put_at(char *line, size_t width, size_t from, const char *text)
{
    size_t size = strlen(text);
    size_t first = from + size > width ? (size < width ? width - size : 0) : from;
    for (size_t i = first > 0 ? first - 1 : 0; i < first + size + 1 && i < width; i++) {
        if (line[i] != ' ') {
            return; /* it would touch another one */
        }
    }
    memcpy(line + first, text, size < width - first ? size : width - first);
}

static void put_times(const chart *c, alm_buffer *out)
{
    const alm_long_series *in = &c->file->made.input;
    const alm_long_one *one = &in->series[c->series];
    char line[WIDTH_MAX + 1];
    char text[ALM_INSTANT_TEXT_BYTES];
    int64_t first = one->start;
    memset(line, ' ', c->width);
    line[c->width] = '\0';
    (void)alm_long_time(in, one, c->first, &first);
    alm_time_write(&in->style, alm_forecast_file_time(c->file, c->series, 0), text);
    put_at(line, c->width, c->origin, text);
    alm_time_write(&in->style, first, text);
    put_at(line, c->width, 0, text);
    size_t last = c->file->made.plan.steps - 1;
    alm_time_write(&in->style, alm_forecast_file_time(c->file, c->series, last), text);
    put_at(line, c->width, c->width - 1, text);
    alm_buffer_printf(out, "%*s%s", AXIS, "", line);
    trim_line(out);
}

static void put_legend(const chart *c, const almi_term *term, alm_buffer *out)
{
    const alm_forecast_plan *plan = &c->file->made.plan;
    const alm_series_forecast *made = &c->file->made.set.series[c->series];
    bool spread = plan->level_count > 0 && made->spread != ALM_SPREAD_NONE;
    alm_buffer_printf(out, "%*s%s past", AXIS, "", term->unicode ? "⠒" : "*");
    if (made->kind) {
        alm_buffer_printf(out, "   %s forecast (%s)", term->unicode ? "━" : "o",
                          made->kind->name);
    }
    if (spread) {
        alm_buffer_printf(out, "   %s ", term->unicode ? "▒" : ":");
        alm_forecast_percent(out, plan->level[0]);
        alm_buffer_text(out, "%");
    }
    if (spread && plan->level_count > 1) {
        alm_buffer_printf(out, "   %s ", term->unicode ? "░" : ".");
        alm_forecast_percent(out, plan->level[plan->level_count - 1]);
        alm_buffer_text(out, "%");
    }
    alm_buffer_text(out, "\n");
    if (c->group > 1) {
        alm_buffer_printf(out, "%*sa column is %zu periods: their mean, and all of their "
                          "intervals\n", AXIS, "", c->group);
    }
}

void almi_forecast_chart(almi_cli *cli, const alm_forecast_file *file, size_t series)
{
    chart c = {.file = file, .series = series};
    lay_out(&c, cli);
    fill(&c, cli->arena);
    if (!scale(&c)) {
        return; /* nothing is known, or no scale holds it */
    }
    draw_past(&c, cli->arena);
    alm_buffer_printf(&cli->out, "%*s", AXIS, "");
    alm_buffer_visible(&cli->out, file->made.input.series[series].id);
    alm_buffer_text(&cli->out, "\n");
    for (int row = 0; row < HEIGHT; row++) {
        put_row(&c, row, &cli->term, &cli->out);
    }
    put_axis(&c, &cli->term, &cli->out);
    put_times(&c, &cli->out);
    put_legend(&c, &cli->term, &cli->out);
}
