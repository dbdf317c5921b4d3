/* backtest_charts.c: a backtest's error and coverage by step, and the mean ranks of its methods. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/report_internal.h"
#include "report/svg.h"

#define WIDTH 460.0
#define HEIGHT 240.0
#define LEFT 38.0
#define RIGHT 132.0 /* room for the names */
#define TOP 10.0
#define BOTTOM 26.0
#define LABEL_STEP 12.5 /* between the names at the ends of lines */
#define TOO_FAR 2.0     /* a method so many times as far off as ours would flatten all others */

#define COVERAGE_PAIRS_MIN 50 /* windows of a level: fewer make a step's share pure chance */

typedef struct line {
    alm_str name;
    const double *y; /* per step; NaN: none */
    const char *class_name;
    const char *text_class; /* of its name */
    double label_y;
} line;

typedef struct frame {
    size_t steps;
    double low, high, tick;
    int decimals;
    const line *lines;
    size_t count;
    almi_svg svg;
} frame;

static almi_point at(const frame *f, size_t step, double y)
{
    double across = f->steps > 1 ? (double)step / (double)(f->steps - 1) : 0.5;
    return (almi_point){LEFT + (WIDTH - LEFT - RIGHT) * across,
                        HEIGHT - BOTTOM -
                            (HEIGHT - TOP - BOTTOM) * (y - f->low) / (f->high - f->low)};
}

/* Lines need no zero below them, but round ends. */
static void choose_axis(frame *f)
{
    double low = INFINITY;
    double high = -INFINITY;
    for (size_t i = 0; i < f->count; i++) {
        for (size_t h = 0; h < f->steps; h++) {
            low = fmin(low, f->lines[i].y[h]); /* fmin and fmax pass over NaN */
            high = fmax(high, f->lines[i].y[h]);
        }
    }
    f->tick = almi_svg_tick_step(high > low ? high - low : fabs(high), 4);
    f->low = f->tick * floor(low / f->tick);
    f->high = f->tick * ceil(high / f->tick);
    f->high += f->high > f->low ? 0 : f->tick;
    f->decimals = f->tick >= 1 ? 0 : f->tick >= 0.1 ? 1 : f->tick >= 0.01 ? 2 : 3;
}

static void draw_axes(frame *f)
{
    char text[32];
    size_t every = f->steps <= 10 ? 1 : f->steps <= 35 ? 7 : (size_t)almi_svg_tick_step(
                                                                 (double)f->steps, 6);
    int ticks = (int)((f->high - f->low) / f->tick + 0.5);
    for (int i = 0; i <= ticks; i++) {
        double value = f->low + i * f->tick;
        almi_point left = at(f, 0, value);
        (void)snprintf(text, sizeof text, "%.*f", f->decimals, value);
        left.x = LEFT;
        almi_svg_line(&f->svg, left, (almi_point){WIDTH - RIGHT, left.y},
                      i ? "grid" : "axis");
        almi_svg_text(&f->svg, (almi_point){LEFT - 5, left.y + 3.5}, ALMI_ANCHOR_END, "", text);
    }
    for (size_t h = 0; h < f->steps; h++) {
        if (h == 0 || (h + 1) % every == 0) {
            almi_point below = at(f, h, f->low);
            (void)snprintf(text, sizeof text, "%zu", h + 1);
            almi_svg_text(&f->svg, (almi_point){below.x, below.y + 15}, ALMI_ANCHOR_MIDDLE, "",
                          text);
        }
    }
}

static int by_label(const void *a, const void *b)
{
    const line *x = *(line *const *)a;
    const line *y = *(line *const *)b;
    return x->label_y != y->label_y ? (x->label_y < y->label_y ? -1 : 1)
                                    : alm_str_compare(x->name, y->name);
}

/* Names stand at the ends of their lines, moved apart where they would cover each other. */
static void draw_names(const almi_page *page, frame *f, line *lines)
{
    line **order = ALM_NEW_ARRAY(page->arena, line *, f->count);
    for (size_t i = 0; i < f->count; i++) {
        order[i] = &lines[i];
        size_t last = f->steps;
        while (last > 1 && isnan(lines[i].y[last - 1])) {
            last--;
        }
        double y = lines[i].y[last - 1];
        lines[i].label_y = isnan(y) ? HEIGHT : at(f, 0, y).y;
    }
    qsort(order, f->count, sizeof(*order), by_label);
    for (size_t i = 1; i < f->count; i++) {
        order[i]->label_y = fmax(order[i]->label_y, order[i - 1]->label_y + LABEL_STEP);
    }
    double limit = HEIGHT - BOTTOM;
    for (size_t i = f->count; i-- > 0;) {
        order[i]->label_y = fmin(order[i]->label_y, limit);
        limit = order[i]->label_y - LABEL_STEP;
    }
    for (size_t i = 0; i < f->count; i++) {
        const line *l = order[i];
        almi_svg_text(&f->svg, (almi_point){WIDTH - RIGHT + 6, l->label_y + 3.5},
                      ALMI_ANCHOR_START, l->text_class,
                      alm_arena_copy_text(page->arena, l->name.data, l->name.size));
    }
}

static void draw_lines(const almi_page *page, frame *f)
{
    almi_point *points = ALM_NEW_ARRAY(page->arena, almi_point, f->steps);
    for (size_t i = f->count; i-- > 0;) { /* ours, which is the first, on top */
        for (size_t h = 0; h < f->steps; h++) {
            points[h] = isnan(f->lines[i].y[h])
                            ? (almi_point){at(f, h, f->low).x, NAN}
                            : at(f, h, f->lines[i].y[h]);
        }
        almi_svg_curve(&f->svg, points, f->steps, f->lines[i].class_name);
    }
}

/* ---- error by step ---- */

/* Values of a key of one method over the steps of a level or class. */
static const double *step_values(const almi_page *page, const alm_json *steps, const char *method,
                                 const char *key)
{
    size_t count = almi_count(steps);
    double *y = ALM_NEW_ARRAY(page->arena, double, count);
    for (size_t h = 0; h < count; h++) {
        const alm_json *found = almi_backtest_method(alm_json_at(steps, h), method);
        y[h] = found ? almi_double_member(found, key) : (double)NAN;
    }
    return y;
}

static double mean_of(const double *y, size_t count)
{
    double sum = 0.0;
    size_t known = 0;
    for (size_t h = 0; h < count; h++) {
        sum += isnan(y[h]) ? 0.0 : y[h];
        known += !isnan(y[h]);
    }
    return known > 0 ? sum / (double)known : (double)NAN;
}

static line line_of(alm_str method, const double *y)
{
    line made = {almi_method_title(method), y, "other", "", 0};
    if (alm_str_is(method, "final")) {
        made.class_name = "mean";
        made.text_class = "ours";
    } else if (alm_str_is(method, "statistical") || alm_str_is(method, "gbm")) {
        made.class_name = "part";
    }
    return made;
}

/* The best of those that are not ours is what ours is read against. */
static void mark_rival(line *lines, size_t count, size_t steps)
{
    line *best = NULL;
    for (size_t i = 0; i < count; i++) {
        bool is_other = lines[i].class_name[0] == 'o';
        if (is_other && (!best || mean_of(lines[i].y, steps) < mean_of(best->y, steps))) {
            best = &lines[i];
        }
    }
    if (best) {
        best->class_name = "rival";
        best->text_class = "rival";
    }
}

/* The methods of a group that have errors by step and are not too far off; those that are, as text
 * in `far`. */
static size_t error_lines(const almi_page *page, const alm_json *group, line *lines,
                          alm_buffer *far)
{
    const alm_json *steps = almi_member(group, "steps");
    const alm_json *methods = almi_member(group, "methods");
    size_t count = 0;
    double ours = mean_of(step_values(page, steps, "final", "rmsse"), almi_count(steps));
    for (size_t i = 0; i < almi_count(methods); i++) {
        alm_str name = almi_text_member(alm_json_at(methods, i), "method");
        const char *text = alm_arena_copy_text(page->arena, name.data, name.size);
        const double *y = step_values(page, steps, text, "rmsse");
        double mean = mean_of(y, almi_count(steps));
        if (mean > TOO_FAR * ours) {
            alm_buffer_text(far, far->size ? ", " : "");
            alm_buffer_str(far, almi_method_title(name));
        } else if (!isnan(mean)) {
            lines[count++] = line_of(name, y);
        }
    }
    mark_rival(lines, count, almi_count(steps));
    return count;
}

static void error_chart(const almi_page *page, const alm_json *group, const char *key)
{
    const alm_json *steps = almi_member(group, "steps");
    line *lines = ALM_NEW_ARRAY(page->arena, line, almi_count(almi_member(group, "methods")));
    alm_buffer far = {0};
    size_t count = error_lines(page, group, lines, &far);
    if (count > 0) {
        frame f = {.steps = almi_count(steps), .lines = lines, .count = count};
        choose_axis(&f);
        almi_html(page->out, "<figure><figcaption><b>");
        almi_html_text(page->out, almi_text_member(group, key));
        almi_html(page->out, "</b><span>error by step ahead");
        if (far.size > 0) {
            almi_html(page->out, "; not drawn, over twice as far off: ");
            almi_html_text(page->out, alm_buffer_view(&far));
        }
        almi_html(page->out, "</span></figcaption>");
        f.svg = almi_svg_open(page->out, WIDTH, HEIGHT, "fan",
                              "Error of every method by step ahead");
        draw_axes(&f);
        draw_lines(page, &f);
        draw_names(page, &f, lines);
        almi_svg_close(&f.svg);
        almi_html(page->out, "</figure>\n");
    }
    alm_buffer_deinit(&far);
}

static void coverage_chart(const almi_page *page, const alm_json *levels)
{
    line *lines = ALM_NEW_ARRAY(page->arena, line, almi_count(levels) + 1);
    size_t count = 0;
    size_t steps = 0;
    const alm_json *origins = almi_member(almi_member(page->backtest, "origins"), "scored");
    for (size_t i = 0; i < almi_count(levels); i++) {
        const alm_json *level = alm_json_at(levels, i);
        const alm_json *list = almi_member(level, "steps");
        const double *y = step_values(page, list, "final", "coverage_90");
        bool says = almi_i64_member(level, "series") * (int64_t)almi_count(origins) >=
                    COVERAGE_PAIRS_MIN;
        if (says && !isnan(mean_of(y, almi_count(list)))) {
            lines[count++] = (line){almi_text_member(level, "level"), y,
                                    i == 0 ? "mean" : "other", i == 0 ? "ours" : "", 0};
            steps = almi_count(list);
        }
    }
    if (count == 0) {
        return;
    }
    frame f = {.steps = steps, .lines = lines, .count = count};
    choose_axis(&f);
    f.low = fmin(f.low, 0.8);
    f.high = fmax(f.high, 1.0);
    f.tick = f.high - f.low > 0.45 ? 0.2 : 0.1;
    f.low = f.tick * floor(f.low / f.tick + 1e-9);
    f.decimals = 1;
    almi_html(page->out, "<figure><figcaption><b>90\xe2\x80\xaf% interval</b><span>"
                         "share of what came within it, by step ahead; shaded: .86 to .94</span>"
                         "</figcaption>");
    f.svg = almi_svg_open(page->out, WIDTH, HEIGHT, "fan", "Coverage by step ahead");
    almi_point top = at(&f, 0, 0.94);
    almi_svg_rect(&f.svg, (almi_point){LEFT, top.y},
                  (almi_point){WIDTH - RIGHT - LEFT, at(&f, 0, 0.86).y - top.y}, "zone", NULL);
    draw_axes(&f);
    draw_lines(page, &f);
    draw_names(page, &f, lines);
    almi_svg_close(&f.svg);
    almi_html(page->out, "</figure>\n");
}

/* One step is what the tables have. */
static bool has_steps(const alm_json *groups)
{
    return almi_count(groups) > 0 && almi_count(almi_member(alm_json_at(groups, 0), "steps")) > 1;
}

bool almi_page_has_steps(const almi_page *page)
{
    return has_steps(almi_member(page->backtest, "levels"));
}

void almi_page_steps(const almi_page *page)
{
    const alm_json *levels = almi_member(page->backtest, "levels");
    const alm_json *classes = almi_member(page->backtest, "classes");
    if (!has_steps(levels)) {
        return;
    }
    almi_section_open(page, "steps", "How far ahead it can see",
                      "The same errors, each step by itself (the root of the mean squared error "
                      "over its scale). Blue is what was released; the other bold name is the "
                      "best of the rest. A line that rises says what a longer horizon costs; "
                      "days on which nothing can be sold are easy to foresee.");
    almi_html(page->out, "<div class=\"pairs\">\n");
    for (size_t i = 0; i < almi_count(levels); i++) {
        error_chart(page, alm_json_at(levels, i), "level");
    }
    coverage_chart(page, levels);
    almi_html(page->out, "</div>\n");
    if (has_steps(classes)) {
        almi_html(page->out, "<details class=\"more\"><summary>By class of series</summary>"
                             "<div class=\"pairs\">\n");
        for (size_t i = 0; i < almi_count(classes); i++) {
            error_chart(page, alm_json_at(classes, i), "class");
        }
        almi_html(page->out, "</div></details>");
    }
    almi_section_close(page);
}

/* ---- ranks ---- */

#define RANK_WIDTH 460.0
#define RANK_ROW 21.0
#define RANK_LEFT 132.0
#define RANK_RIGHT 36.0

typedef struct ranked {
    alm_str method;
    double mean;
    bool among_best;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    return x->mean != y->mean ? (x->mean < y->mean ? -1 : 1)
                              : alm_str_compare(x->method, y->method);
}

static double rank_x(double rank, size_t count)
{
    double inside = fmin(fmax(rank, 0.5), (double)count + 0.5);
    return RANK_LEFT + (RANK_WIDTH - RANK_LEFT - RANK_RIGHT) * (inside - 0.5) / (double)count;
}

static void rank_axis(almi_svg *svg, size_t count, double height)
{
    char text[24];
    for (size_t i = 1; i <= count; i++) {
        double x = rank_x((double)i, count);
        (void)snprintf(text, sizeof text, "%zu", i);
        almi_svg_line(svg, (almi_point){x, 2}, (almi_point){x, height - 20}, "grid");
        almi_svg_text(svg, (almi_point){x, height - 6}, ALMI_ANCHOR_MIDDLE, "", text);
    }
}

static void rank_row(const almi_page *page, almi_svg *svg, const ranked *r, double y, size_t count,
                     double distance)
{
    char text[24];
    bool ours = alm_str_is(r->method, "final");
    alm_str title = almi_method_title(r->method);
    double x = rank_x(r->mean, count);
    (void)snprintf(text, sizeof text, "%.2f", r->mean);
    almi_svg_text(svg, (almi_point){RANK_LEFT - 8, y + 3.5}, ALMI_ANCHOR_END, ours ? "ours" : "",
                  alm_arena_copy_text(page->arena, title.data, title.size));
    almi_svg_line(svg, (almi_point){rank_x(r->mean - distance / 2, count), y},
                  (almi_point){rank_x(r->mean + distance / 2, count), y}, ours ? "mean" : "other");
    almi_svg_rect(svg, (almi_point){x - 4, y - 4}, (almi_point){8, 8},
                  ours ? "fill" : r->among_best ? "sum" : "seen", NULL);
    almi_svg_text(svg, (almi_point){RANK_WIDTH - RANK_RIGHT + 6, y + 3.5}, ALMI_ANCHOR_START,
                  ours ? "ours" : "", text);
}

static void rank_chart(const almi_page *page, const alm_json *test)
{
    const alm_json *methods = almi_member(test, "methods");
    size_t count = almi_count(methods);
    double distance = almi_double_member(test, "critical_distance");
    ranked *rows = ALM_NEW_ARRAY(page->arena, ranked, count);
    for (size_t i = 0; i < count; i++) {
        const alm_json *one = alm_json_at(methods, i);
        const alm_json *best = almi_member(one, "among_best");
        rows[i] = (ranked){almi_text_member(one, "method"), almi_double_member(one, "mean_rank"),
                           false};
        (void)(best && alm_json_as_bool(best, &rows[i].among_best));
    }
    if (count == 0 || !isfinite(distance)) {
        return;
    }
    qsort(rows, count, sizeof(*rows), by_rank);
    double height = RANK_ROW * (double)count + 24;
    almi_html(page->out, "<figure><figcaption><b>");
    almi_html_text(page->out, almi_text_member(test, "level"));
    almi_html(page->out, "</b><span>");
    almi_html_text(page->out, almi_text_member(test, "verdict"));
    almi_html(page->out, "</span></figcaption>");
    almi_svg svg = almi_svg_open(page->out, RANK_WIDTH, height, "fan",
                                 "Mean ranks of the methods with their critical distance");
    double left = rank_x(rows[0].mean - distance / 2, count);
    almi_svg_rect(&svg, (almi_point){left, 2},
                  (almi_point){rank_x(rows[0].mean + distance / 2, count) - left, height - 22},
                  "zone", NULL);
    rank_axis(&svg, count, height);
    for (size_t i = 0; i < count; i++) {
        rank_row(page, &svg, &rows[i], RANK_ROW * ((double)i + 0.5) + 2, count, distance);
    }
    almi_svg_close(&svg);
    almi_html(page->out, "</figure>\n");
}

static void sentences(const almi_page *page, const alm_json *list)
{
    almi_html(page->out, "<ul>\n");
    for (size_t i = 0; i < almi_count(list); i++) {
        const alm_json *one = alm_json_at(list, i);
        almi_html(page->out, "<li>");
        almi_html_text(page->out, almi_text_member(one, "level"));
        almi_html(page->out, ": ");
        almi_html_text(page->out, almi_text_member(one, "verdict"));
        almi_html(page->out, "</li>\n");
    }
    almi_html(page->out, "</ul>\n");
}

void almi_page_ranks(const almi_page *page)
{
    const alm_json *verdicts = almi_member(page->backtest, "verdicts");
    const alm_json *ranks = almi_member(page->backtest, "ranks");
    if (almi_count(verdicts) == 0) {
        return;
    }
    almi_section_open(page, "ranks", "Is that more than chance",
                      "Methods are compared on the same series or aggregates, each with its mean "
                      "RMSSE over the origins. Series that rise and fall together say less than "
                      "their number.");
    sentences(page, verdicts);
    if (almi_count(ranks) > 0) {
        almi_html(page->out, "<h3>Mean ranks</h3><p class=\"lead\">1 is best. The bar around a "
                             "rank is as wide as the critical distance: what reaches into the "
                             "shaded zone cannot be told from the best.</p>"
                             "<div class=\"pairs\">\n");
        for (size_t i = 0; i < almi_count(ranks); i++) {
            rank_chart(page, alm_json_at(ranks, i));
        }
        almi_html(page->out, "</div>\n");
    }
    almi_section_close(page);
}
