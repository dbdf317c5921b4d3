#include "feature/feature_replay.h"

#include <math.h>
#include <string.h>

/* Squares of whole cells up to this are exact, and so are the sums of windows of them. */
#define SMALL_CELL_MAX 0x1p20
/* Features are written one by one over a few rows, which then still lie in the nearest cache. */
#define EMIT_TILE_ROWS 64

static void *at(const almi_replay *replay, almi_part part, size_t place)
{
    return replay->part[part] + place;
}

static void fill_missing(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = ALMI_NAN;
    }
}

void almi_replay_reset(almi_replay *replay)
{
    const alm_feature_plan *plan = replay->plan;
    const almi_layout *layout = replay->layout;
    for (size_t part = 0; part < ALMI_PART_COUNT; part++) {
        memset(replay->part[part], 0, layout->part_bytes[part]);
    }
    for (size_t i = 0; i < plan->stream_count; i++) {
        fill_missing(at(replay, plan->streams[i].part, layout->streams[i].cells),
                     layout->streams[i].slots);
    }
    for (size_t i = 0; i < plan->track_count; i++) {
        fill_missing(at(replay, plan->tracks[i].part, layout->tracks[i].values),
                     layout->tracks[i].slots);
    }
}

/* ---- push ---- */

/* The usable value of a cell. Period states describe the target; another column says itself what
 * it does not know. A stock-out sale is a lower bound of demand, so it is not usable either. */
static inline double usable_cell(double value, bool is_target, uint8_t state)
{
    if (is_target && state != ALM_PERIOD_OBSERVED && state != ALM_PERIOD_ZERO) {
        return state == ALM_PERIOD_CLOSED ? 0 : ALMI_NAN;
    }
    return value - value == 0 ? value + 0.0 : ALMI_NAN; /* -0 becomes +0 */
}

static void push_cells(almi_replay *replay, size_t index, const almi_feed *feed, size_t from,
                       size_t to)
{
    const almi_stream *stream = &replay->plan->streams[index];
    const struct almi_stream_place *place = &replay->layout->streams[index];
    double *cells = at(replay, stream->part, place->cells);
    size_t mask = place->slots - 1;
    const double *values = feed->columns[stream->column];
    const uint8_t *states = stream->part == ALMI_PART_OBSERVED ? feed->states : NULL;
    bool is_target = stream->column == 0 && states;
    bool holed = stream->cells == ALMI_CELLS_HOLED && states;
    size_t known = to < feed->end ? to : feed->end;
    for (size_t p = from; p < known; p++) {
        size_t i = p - feed->first;
        double cell = usable_cell(values[i], is_target, states ? states[i] : 0);
        bool hole = holed && states[i] == ALM_PERIOD_CLOSED;
        cells[p & mask] = hole ? ALMI_NAN : cell;
    }
    for (size_t p = known > from ? known : from; p < to; p++) {
        cells[p & mask] = ALMI_NAN;
    }
}

static void push_open_cells(almi_replay *replay, size_t index, const almi_feed *feed, size_t from,
                            size_t to)
{
    const almi_stream *stream = &replay->plan->streams[index];
    const struct almi_stream_place *place = &replay->layout->streams[index];
    double *cells = at(replay, stream->part, place->cells);
    uint32_t *open = at(replay, stream->part, place->open);
    size_t mask = place->slots - 1;
    const double *values = feed->columns[stream->column];
    uint32_t count = open[(from - 1) & mask];
    for (size_t p = from; p < to; p++) {
        size_t i = p - feed->first;
        if (feed->states[i] != ALM_PERIOD_CLOSED) {
            cells[count++ & mask] = usable_cell(values[i], stream->column == 0, feed->states[i]);
        }
        open[p & mask] = count;
    }
}

/* Positions of the stream that periods [from, to) take. */
static void positions_of(const almi_replay *replay, size_t stream_index, size_t *from, size_t *to)
{
    const almi_stream *stream = &replay->plan->streams[stream_index];
    if (stream->cells == ALMI_CELLS_OPEN) {
        const struct almi_stream_place *place = &replay->layout->streams[stream_index];
        const uint32_t *open = at(replay, stream->part, place->open);
        size_t end = open[(*to - 1) & (place->slots - 1)];
        *from = open[(*from - 1) & (place->slots - 1)];
        *to = end;
    }
}

static void push_ledger(almi_replay *replay, size_t index, size_t from, size_t to)
{
    const almi_ledger *ledger = &replay->plan->ledgers[index];
    almi_part part = replay->plan->streams[ledger->stream].part;
    const struct almi_ledger_place *place = &replay->layout->ledgers[index];
    const struct almi_stream_place *cells_place = &replay->layout->streams[ledger->stream];
    const double *cells = at(replay, part, cells_place->cells);
    alm_u128 *total = at(replay, part, place->total);
    uint64_t *count = at(replay, part, place->count);
    uint64_t *zero = at(replay, part, place->zero);
    uint64_t *square = at(replay, part, place->square);
    bool zeros = ledger->needs & (ALMI_NEEDS_ZEROS | ALMI_NEEDS_SQUARES);
    bool squares = ledger->needs & ALMI_NEEDS_SQUARES;
    size_t mask = place->slots - 1;
    positions_of(replay, ledger->stream, &from, &to);
    for (size_t i = from; i < to; i++) {
        double cell = cells[i & (cells_place->slots - 1)];
        bool usable = cell == cell;
        size_t here = i & mask;
        size_t before = (i - ledger->stride) & mask;
        alm_i128 fixed;
        bool wild = !alm_fixed_of(cell, &fixed) && usable;
        total[here] = total[before] + (alm_u128)fixed;
        count[here] = count[before] + ALMI_COUNT(usable, wild);
        if (zeros) {
            bool small = fabs(cell) <= SMALL_CELL_MAX && (uint64_t)fixed == 0 && !wild;
            zero[here] = zero[before] + ALMI_COUNT(cell == 0, usable && !small);
            if (squares) {
                square[here] = square[before] + (small ? (uint64_t)(cell * cell) : 0);
            }
        }
    }
}

void almi_push(almi_replay *replay, almi_part part, const almi_feed *feed, size_t from, size_t to)
{
    const alm_feature_plan *plan = replay->plan;
    for (size_t i = 0; i < plan->stream_count; i++) {
        if (plan->streams[i].part != part) {
            continue;
        }
        if (plan->streams[i].cells == ALMI_CELLS_OPEN) {
            push_open_cells(replay, i, feed, from, to);
        } else {
            push_cells(replay, i, feed, from, to);
        }
    }
    for (size_t i = 0; i < plan->ledger_count; i++) {
        if (plan->streams[plan->ledgers[i].stream].part == part) {
            push_ledger(replay, i, from, to);
        }
    }
}

/* ---- run ---- */

static almi_ledger_view view_ledger(const almi_replay *replay, uint32_t index)
{
    if (index == ALMI_INDEX_NONE) {
        return (almi_ledger_view){0};
    }
    almi_part part = replay->plan->streams[replay->plan->ledgers[index].stream].part;
    const struct almi_ledger_place *place = &replay->layout->ledgers[index];
    return (almi_ledger_view){at(replay, part, place->total), at(replay, part, place->count),
                              at(replay, part, place->zero), at(replay, part, place->square),
                              place->slots - 1};
}

static almi_run view_track(const almi_replay *replay, size_t index)
{
    const almi_track *track = &replay->plan->tracks[index];
    const struct almi_track_place *place = &replay->layout->tracks[index];
    almi_run run = {.state = at(replay, track->part, place->state),
                    .track = at(replay, track->part, place->values),
                    .track_mask = place->slots - 1,
                    .ledger = view_ledger(replay, track->ledger),
                    .window = track->window, .season = track->season, .reach = track->reach,
                    .alpha = track->alpha, .level = track->level,
                    .first_day = replay->first_day};
    if (track->stream != ALMI_INDEX_NONE) {
        const almi_stream *stream = &replay->plan->streams[track->stream];
        const struct almi_stream_place *cells = &replay->layout->streams[track->stream];
        run.cells = at(replay, stream->part, cells->cells);
        run.cell_mask = cells->slots - 1;
        if (stream->cells == ALMI_CELLS_OPEN) {
            run.open = at(replay, stream->part, cells->open);
            run.open_mask = cells->slots - 1;
        }
    }
    if (track->second != ALMI_INDEX_NONE) {
        const struct almi_stream_place *second = &replay->layout->streams[track->second];
        run.second = at(replay, ALMI_PART_OBSERVED, second->cells);
        run.second_mask = second->slots - 1;
    }
    return run;
}

void almi_run_track(almi_replay *replay, size_t track, size_t from, size_t to)
{
    almi_run run = view_track(replay, track);
    replay->plan->tracks[track].op->kernel->run(&run, from, to);
}

void almi_run_aside(almi_replay *replay, size_t track, void *state, size_t period)
{
    double value;
    almi_run run = view_track(replay, track);
    run.state = state;
    run.track = &value;
    run.track_mask = 0;
    replay->plan->tracks[track].op->kernel->run(&run, period, period + 1);
}

void *almi_track_state(const almi_replay *replay, size_t track)
{
    return at(replay, replay->plan->tracks[track].part, replay->layout->tracks[track].state);
}

size_t almi_known_run(const alm_feature_plan *plan)
{
    size_t steps = (size_t)plan->step_max;
    return plan->ahead < steps ? plan->ahead : steps;
}

/* ---- emit ---- */

typedef struct values_view {
    const double *values;
    size_t mask;
} values_view;

static values_view source_values(const almi_replay *replay, const almi_source *source)
{
    if (source->track != ALMI_INDEX_NONE) {
        const struct almi_track_place *place = &replay->layout->tracks[source->track];
        almi_part part = replay->plan->tracks[source->track].part;
        return (values_view){at(replay, part, place->values), place->slots - 1};
    }
    const struct almi_stream_place *place = &replay->layout->streams[source->stream];
    almi_part part = replay->plan->streams[source->stream].part;
    return (values_view){at(replay, part, place->cells), place->slots - 1};
}

static inline size_t end_period(const almi_source *source, const alm_feature_row *row)
{
    size_t from = row->origin + (source->from_target ? (size_t)row->step : 0);
    return from - (size_t)source->shift;
}

typedef struct emission {
    const almi_replay *replay;
    const almi_source *source;
    const alm_feature_row *rows;
    size_t count;
    double *out; /* of row 0 */
    size_t stride;
} emission;

static void emit_period(const emission *e)
{
    values_view view = source_values(e->replay, e->source);
    const alm_feature_row *rows = e->rows;
    const size_t count = e->count, stride = e->stride;
    const size_t shift = (size_t)e->source->shift;
    double *out = e->out;
    if (e->source->from_target) {
        for (size_t r = 0; r < count; r++) {
            out[r * stride] = view.values[(rows[r].origin + rows[r].step - shift) & view.mask];
        }
    } else {
        for (size_t r = 0; r < count; r++) {
            out[r * stride] = view.values[(rows[r].origin - shift) & view.mask];
        }
    }
}

static void emit_season(const emission *e)
{
    values_view view = source_values(e->replay, e->source);
    size_t season = e->source->season;
    for (size_t r = 0; r < e->count; r++) {
        size_t target = (size_t)e->rows[r].origin + e->rows[r].step;
        size_t distance = target - end_period(e->source, &e->rows[r]);
        size_t back = (distance + season - 1) / season * season;
        e->out[r * e->stride] = view.values[(target - back) & view.mask];
    }
}

static void emit_since(const emission *e)
{
    values_view view = source_values(e->replay, e->source);
    for (size_t r = 0; r < e->count; r++) {
        size_t target = (size_t)e->rows[r].origin + e->rows[r].step;
        size_t end = end_period(e->source, &e->rows[r]);
        double since = view.values[end & view.mask] + (double)(target - end);
        e->out[r * e->stride] = since > e->source->cap ? e->source->cap : since;
    }
}

static void emit_step(const emission *e)
{
    for (size_t r = 0; r < e->count; r++) {
        e->out[r * e->stride] = e->rows[r].step;
    }
}

static void emit_static(const emission *e)
{
    double value = almi_finite(e->replay->statics[e->source->input]);
    for (size_t r = 0; r < e->count; r++) {
        e->out[r * e->stride] = value;
    }
}

static void divide_by_scale(const emission *e)
{
    for (size_t r = 0; r < e->count; r++) {
        double *value = &e->out[r * e->stride];
        *value = almi_finite(*value / e->rows[r].scale);
    }
}

static void leave_later_steps_out(const emission *e)
{
    for (size_t r = 0; r < e->count; r++) {
        if (e->rows[r].step > e->source->steps_max) {
            e->out[r * e->stride] = ALMI_NAN;
        }
    }
}

static void emit_tile(const almi_replay *replay, const alm_feature_row *rows, size_t count,
                      double *out, size_t stride)
{
    static void (*const readers[])(const emission *) = {
        [ALMI_READ_PERIOD] = emit_period, [ALMI_READ_SEASON] = emit_season,
        [ALMI_READ_SINCE] = emit_since,   [ALMI_READ_STEP] = emit_step,
        [ALMI_READ_STATIC] = emit_static,
    };
    for (size_t f = 0; f < replay->plan->count; f++) {
        emission e = {replay, &replay->plan->sources[f], rows, count, out + f, stride};
        readers[e.source->read](&e);
        if (e.source->scaled) {
            divide_by_scale(&e);
        }
        if (e.source->steps_max) {
            leave_later_steps_out(&e);
        }
    }
}

void almi_emit(const almi_replay *replay, const alm_feature_row *rows, size_t count, double *out,
               size_t stride)
{
    for (size_t r = 0; r < count; r += EMIT_TILE_ROWS) {
        size_t left = count - r;
        emit_tile(replay, rows + r, left < EMIT_TILE_ROWS ? left : EMIT_TILE_ROWS,
                  out + r * stride, stride);
    }
}
