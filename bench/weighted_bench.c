/* WRMSSE of statistical forecasters over a hierarchy, as the M5 competition scores it.
 *
 *     weighted_bench < INPUT
 *
 * INPUT is `kinds NAME..`, `levels NAME..` (sums of the series), then for each series a line
 * `leaf MONEY NODE..`, what it took in lately and its node of each level, and its line
 * (series_lines.h), all with one length and horizon; zeros before the first sale are no past.
 * Output is a line of JSON for each kind and way: `bottom_up`, nodes are the sums of the series'
 * forecasts; `own`, each node has a forecast of its own sums. tools/accuracy makes the input. */
#include "base/json.h"
#include "num/weighted_scores.h"
#include "series_lines.h"

#include <math.h>

#define KINDS_MAX 32
#define LEVELS_MAX 16

typedef struct bench {
    series_list list;
    const alm_forecaster_kind *kind[KINDS_MAX];
    size_t kinds;
    alm_str level[LEVELS_MAX];
    uint32_t levels;
    alm_str *node; /* leaves x levels */
    double *weight;
    size_t room;
    alm_hierarchy hierarchy;
    alm_weighted_input input;
    double *forecast, *node_forecast, *node_history;
    size_t season, refused;
} bench;

static void add_leaf(bench *b, alm_str *rest)
{
    if (b->list.count == b->room) {
        size_t room = 2 * b->room + 1024;
        alm_str *node = ALM_NEW_ARRAY(b->list.arena, alm_str, room * b->levels);
        double *weight = ALM_NEW_ARRAY(b->list.arena, double, room);
        if (b->room) {
            memcpy(node, b->node, b->room * b->levels * sizeof *node);
            memcpy(weight, b->weight, b->room * sizeof *weight);
        }
        b->node = node;
        b->weight = weight;
        b->room = room;
    }
    b->weight[b->list.count] = number(rest);
    for (uint32_t l = 0; l < b->levels; l++) {
        b->node[b->list.count * b->levels + l] = text(b->list.arena, alm_str_split(rest, ' '));
    }
}

/* The tables that the score takes, and the histories of the sums. */
static void prepare(bench *b)
{
    alm_arena *arena = b->list.arena;
    size_t count = b->list.count;
    alm_error error;
    if (count == 0 || alm_hierarchy_build(b->level, b->levels, b->node, (uint32_t)count, arena,
                                          &b->hierarchy, &error) != ALM_OK) {
        die("no series, or no hierarchy of them");
    }
    size_t past = b->list.series[0].past.count;
    size_t steps = b->list.series[0].steps;
    double *history = ALM_NEW_ARRAY(arena, double, count * past);
    double *actual = ALM_NEW_ARRAY(arena, double, count * steps);
    for (size_t i = 0; i < count; i++) {
        const series *s = &b->list.series[i];
        if (s->past.count != past || s->steps != steps) {
            die("series of different lengths");
        }
        memcpy(history + i * past, s->past.y, past * sizeof *history);
        memcpy(actual + i * steps, s->then, steps * sizeof *actual);
    }
    size_t nodes = b->hierarchy.node_count;
    b->season = b->list.series[0].past.season;
    b->forecast = ALM_NEW_ARRAY(arena, double, count * steps);
    b->node_forecast = ALM_NEW_ARRAY(arena, double, nodes * steps);
    b->node_history = ALM_NEW_ARRAY(arena, double, nodes * past);
    alm_hierarchy_add(&b->hierarchy, 0, (uint32_t)count, history, past, b->node_history);
    b->input = (alm_weighted_input){.hierarchy = &b->hierarchy, .past = past, .steps = steps,
                                    .history = history, .actual = actual,
                                    .forecast = b->forecast, .weight = b->weight};
}

/* Nothing sold yet, or a past that is refused: the newest value. */
static void forecast(bench *b, const alm_forecaster_kind *kind, const double *history,
                     alm_arena *scratch, double *out)
{
    size_t past = b->input.past;
    size_t first = 0;
    while (first < past && history[first] == 0) {
        first++;
    }
    alm_past known = {history + first, past - first, b->season};
    void *state = NULL;
    alm_error error;
    alm_arena_reset(scratch);
    if (known.count > 0 && kind->fit(&known, scratch, &state, &error) == ALM_OK) {
        kind->mean(state, b->input.steps, out);
    } else {
        b->refused++;
        out[0] = history[past - 1];
    }
    for (size_t h = 0; h < b->input.steps; h++) {
        out[h] = state ? out[h] : out[0];
        out[h] = out[h] > 0 ? out[h] : 0;
    }
}

static void print(const bench *b, const char *kind, const char *way)
{
    double level[LEVELS_MAX + 1];
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    double wrmsse = alm_wrmsse(&b->input, level);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "kind", kind);
    alm_json_put_text(&json, "way", way);
    alm_json_put_i64(&json, "series", (int64_t)b->list.count);
    alm_json_put_i64(&json, "refused", (int64_t)b->refused);
    alm_json_put_double(&json, "wrmsse", wrmsse);
    alm_json_key(&json, "levels");
    alm_json_open_array(&json);
    for (uint32_t l = 0; l <= b->levels; l++) {
        alm_json_double(&json, level[l]);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    printf("%.*s\n", (int)out.size, out.data);
    fflush(stdout);
    alm_buffer_deinit(&out);
}

static void score(bench *b, const alm_forecaster_kind *kind)
{
    alm_arena *scratch = alm_arena_create(0);
    size_t past = b->input.past;
    size_t steps = b->input.steps;
    b->refused = 0;
    for (size_t i = 0; i < b->list.count; i++) {
        forecast(b, kind, b->input.history + i * past, scratch, b->forecast + i * steps);
    }
    b->input.node_forecast = NULL;
    print(b, kind->name, "bottom_up");
    for (size_t n = 0; n < b->hierarchy.node_count; n++) {
        forecast(b, kind, b->node_history + n * past, scratch, b->node_forecast + n * steps);
    }
    b->input.node_forecast = b->node_forecast;
    print(b, kind->name, "own");
    alm_arena_destroy(scratch);
}

int main(void)
{
    bench b = {.list = {.arena = alm_arena_create(0)}};
    char *line = malloc(LINE_BYTES);
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        alm_str word = alm_str_split(&rest, ' ');
        if (alm_str_is(word, "kinds")) {
            b.kinds = named_kinds(rest, b.kind, KINDS_MAX);
        } else if (alm_str_is(word, "levels")) {
            while (rest.size > 0 && b.levels < LEVELS_MAX) {
                b.level[b.levels++] = text(b.list.arena, alm_str_split(&rest, ' '));
            }
        } else if (alm_str_is(word, "leaf")) {
            add_leaf(&b, &rest);
        } else {
            (void)add_series(&b.list, &rest);
        }
    }
    prepare(&b);
    for (size_t k = 0; k < b.kinds; k++) {
        score(&b, b.kind[k]);
    }
    free(line);
    alm_arena_destroy(b.list.arena);
    return 0;
}
