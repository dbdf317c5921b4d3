/* series_lines.h: series for the benches of forecasters, read from lines of words.
 *
 *     series ID SEASON N y.. H t..
 *
 * is the past of a series and what came then: nothing, where the line ends before H. SEASON is that
 * of the forecasters and of the scale of MASE; SEASON/LAG where scores scale by another lag (M4
 * weekly: 52/1). SEASON may be several, `48,336`: mstl takes all, other forecasters the last one.
 * - is a value that is not known. A bad line ends the program. */
#ifndef ALM_BENCH_SERIES_LINES_H
#define ALM_BENCH_SERIES_LINES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "model/statistical/automatic/mstl.h"
#include "model/statistical/forecaster_kinds.h"
#include "num/metrics.h"

#define LINE_BYTES ((size_t)1 << 20)

typedef struct series {
    alm_str id;
    alm_past past;
    size_t seasons[ALM_MSTL_SEASONS_MAX];
    size_t season_count; /* 0: none */
    double *then;
    size_t steps;
    alm_scale scale;
    double step_scale; /* mean absolute difference of neighbours */
    double *own;       /* kinds x steps, of the bench */
} series;

typedef struct series_list {
    alm_arena *arena;
    series *series;
    size_t count, room;
} series_list;

static void die(const char *why)
{
    fprintf(stderr, "series lines: %s\n", why);
    exit(2);
}

static double number(alm_str *rest)
{
    double value = 0;
    if (!alm_str_to_double(alm_str_split(rest, ' '), &value)) {
        die("a number was expected");
    }
    return value;
}

static double *numbers(alm_arena *arena, alm_str *rest, size_t count)
{
    double *out = ALM_NEW_ARRAY(arena, double, count);
    for (size_t i = 0; i < count; i++) {
        bool is_known = !(rest->size > 0 && rest->data[0] == '-' &&
                          (rest->size == 1 || rest->data[1] == ' '));
        out[i] = is_known ? number(rest) : (double)NAN;
        if (!is_known) {
            (void)alm_str_split(rest, ' ');
        }
    }
    return out;
}

static alm_str text(alm_arena *arena, alm_str word)
{
    return (alm_str){alm_arena_copy_text(arena, word.data, word.size), word.size};
}

/* `rest` is what follows the word "series". */
static series *add_series(series_list *list, alm_str *rest)
{
    if (list->count == list->room) {
        series *more = ALM_NEW_ARRAY(list->arena, series, 2 * list->room + 64);
        if (list->count) {
            memcpy(more, list->series, list->count * sizeof *more);
        }
        list->series = more;
        list->room = 2 * list->room + 64;
    }
    series *s = &list->series[list->count++];
    s->id = text(list->arena, alm_str_split(rest, ' '));
    alm_str seasons = alm_str_split(rest, ' ');
    alm_str first = alm_str_split(&seasons, '/');
    while (first.size > 0 && s->season_count < ALM_MSTL_SEASONS_MAX) {
        alm_str one = alm_str_split(&first, ',');
        s->past.season = (size_t)number(&one);
        s->seasons[s->season_count++] = s->past.season;
    }
    s->season_count = s->past.season == 1 ? 0 : s->season_count;
    size_t season = seasons.size ? (size_t)number(&seasons) : s->past.season;
    s->past.count = (size_t)number(rest);
    s->past.y = numbers(list->arena, rest, s->past.count);
    s->steps = rest->size > 0 ? (size_t)number(rest) : 0;
    s->then = numbers(list->arena, rest, s->steps);
    s->scale = alm_scale_of(s->past.y, s->past.count, season);
    s->step_scale = alm_scale_of(s->past.y, s->past.count, 1).absolute;
    return s;
}

static inline alm_err fit_series(const alm_forecaster_kind *kind, const series *s, alm_arena *arena,
                                 void **state, alm_error *error)
{
    return kind == &alm_mstl
               ? alm_mstl_fit(&s->past, s->seasons, s->season_count, arena, state, error)
               : kind->fit(&s->past, arena, state, error);
}

/* The kinds with the names of a line, in its order; returns how many, at most `room`. */
static inline size_t named_kinds(alm_str rest, const alm_forecaster_kind **out, size_t room)
{
    size_t count = 0;
    size_t all = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&all);
    while (rest.size > 0) {
        alm_str name = alm_str_split(&rest, ' ');
        size_t k = 0;
        while (k < all && !alm_str_is(name, kinds[k]->name)) {
            k++;
        }
        if (k == all || count == room) {
            die("no forecaster has one of these names");
        }
        out[count++] = kinds[k];
    }
    return count;
}

/* ---- lines of results ---- */

static inline void print_line(alm_buffer *line)
{
    printf("%.*s\n", (int)line->size, line->data);
    alm_buffer_deinit(line);
}

static inline void print_verdict(const char *verdict)
{
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "verdict", verdict);
    alm_json_close_object(&json);
    print_line(&out);
}

/* "series", "smape", "mase", "rmsse" and "bias". */
static inline void put_errors(const alm_metrics *metrics, alm_json_writer *json)
{
    alm_json_put_i64(json, "series", (int64_t)metrics->smape_windows);
    alm_json_put_double(json, "smape", alm_metrics_smape(metrics));
    alm_json_put_double(json, "mase", alm_metrics_mase(metrics));
    alm_json_put_double(json, "rmsse", alm_metrics_rmsse(metrics));
    alm_json_put_double(json, "bias", alm_metrics_bias(metrics));
}

#endif
