#include "feature/feature_replay.h"

#include "feature/stretch.h"

#include <string.h>

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
    const almi_layout *layout = replay->layout;
    /* Each part has its zeros first, then its values. */
    for (almi_part part = 0; part < ALMI_PART_COUNT; part++) {
        memset(replay->part[part], 0, layout->zero_bytes[part]);
        fill_missing(at(replay, part, layout->zero_bytes[part]),
                     (layout->part_bytes[part] - layout->zero_bytes[part]) / sizeof(double));
    }
}

/* ---- push ---- */

/* Feeds a stretch of cells that wraps around in no ring. */
static void fill_cells(const almi_stream *stream, const almi_feed *feed, size_t from, size_t count,
                       double *cells)
{
    size_t i = from - feed->first;
    const double *values = feed->columns[stream->column] + i;
    if (stream->part == ALMI_PART_KNOWN || !feed->states) {
        almi_stretch_cells(values, count, cells);
        return;
    }
    bool holed = stream->cells == ALMI_CELLS_HOLED;
    if (stream->column == 0) {
        almi_stretch_target(values, feed->states + i, holed ? ALMI_NAN : 0, count, cells);
        return;
    }
    almi_stretch_cells(values, count, cells);
    for (size_t k = 0; holed && k < count; k++) {
        cells[k] = feed->states[i + k] == ALM_PERIOD_CLOSED ? ALMI_NAN : cells[k];
    }
}

static void push_cells(almi_replay *replay, size_t index, const almi_feed *feed, size_t from,
                       size_t to)
{
    const almi_stream *stream = &replay->plan->streams[index];
    const struct almi_stream_place *place = &replay->layout->streams[index];
    double *cells = at(replay, stream->part, place->cells);
    size_t mask = place->slots - 1;
    size_t known = to < feed->end ? to : feed->end;
    while (from < known) {
        size_t straight = mask + 1 - (from & mask);
        size_t count = known - from < straight ? known - from : straight;
        fill_cells(stream, feed, from, count, cells + (from & mask));
        from += count;
    }
    for (; from < to; from++) {
        cells[from & mask] = ALMI_NAN;
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
    uint32_t open_cells = open[(from - 1) & mask];
    while (from < to) {
        double buffer[ALMI_STRETCH_MAX];
        size_t count = to - from < ALMI_STRETCH_MAX ? to - from : ALMI_STRETCH_MAX;
        fill_cells(stream, feed, from, count, buffer);
        for (size_t k = 0; k < count; k++) {
            if (feed->states[from - feed->first + k] != ALM_PERIOD_CLOSED) {
                cells[open_cells++ & mask] = buffer[k];
            }
            open[(from + k) & mask] = open_cells;
        }
        from += count;
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

/* Prefix sums as they run on in registers. */
typedef struct prefix {
    alm_fixed total;
    uint64_t count;
    uint64_t zero;
    uint64_t square;
} prefix;

typedef struct ledger_rings {
    int64_t *high;
    double *low;
    uint64_t *count, *zero, *square; /* NULL: not needed */
    size_t mask;
} ledger_rings;

static ledger_rings rings_of(const almi_replay *replay, size_t index)
{
    const almi_ledger *ledger = &replay->plan->ledgers[index];
    almi_part part = replay->plan->streams[ledger->stream].part;
    const struct almi_ledger_place *place = &replay->layout->ledgers[index];
    bool squares = ledger->needs & ALMI_NEEDS_SQUARES;
    bool zeros = squares || (ledger->needs & ALMI_NEEDS_ZEROS);
    return (ledger_rings){at(replay, part, place->high), at(replay, part, place->low),
                          at(replay, part, place->count),
                          zeros ? at(replay, part, place->zero) : NULL,
                          squares ? at(replay, part, place->square) : NULL, place->slots - 1};
}

static prefix load_prefix(const ledger_rings *rings, size_t position)
{
    size_t i = position & rings->mask;
    return (prefix){{rings->high[i], (int64_t)(rings->low[i] / ALM_FIXED_LOW_UNIT)},
                    rings->count[i], rings->zero ? rings->zero[i] : 0,
                    rings->square ? rings->square[i] : 0};
}

static void push_terms(const ledger_rings *rings, size_t stride, const almi_terms *terms,
                       size_t from, size_t count)
{
    const ledger_rings r = *rings; /* no address is taken of it: it stays in registers */
    prefix sum = load_prefix(rings, from - stride);
    for (size_t k = 0; k < count; k++) {
        size_t i = (from + k) & r.mask;
        if (stride != 1) {
            sum = load_prefix(rings, from + k - stride);
        }
        sum.total = alm_fixed_plus(sum.total, (alm_fixed){terms->high[k], terms->low[k]});
        r.high[i] = sum.total.high;
        r.low[i] = (double)sum.total.low * ALM_FIXED_LOW_UNIT;
        r.count[i] = sum.count += terms->count[k];
        if (r.zero) {
            r.zero[i] = sum.zero += terms->zero[k];
        }
        if (r.square) {
            r.square[i] = sum.square += terms->square[k];
        }
    }
}

static void push_ledger(almi_replay *replay, size_t index, size_t from, size_t to)
{
    const almi_ledger *ledger = &replay->plan->ledgers[index];
    const struct almi_stream_place *place = &replay->layout->streams[ledger->stream];
    const double *cells = at(replay, replay->plan->streams[ledger->stream].part, place->cells);
    ledger_rings rings = rings_of(replay, index);
    almi_terms terms;
    positions_of(replay, ledger->stream, &from, &to);
    while (from < to) {
        double buffer[ALMI_STRETCH_MAX];
        size_t count = to - from < ALMI_STRETCH_MAX ? to - from : ALMI_STRETCH_MAX;
        almi_stretch_terms(almi_ring_stretch(cells, place->slots - 1, from, count, buffer), count,
                           &terms);
        push_terms(&rings, ledger->stride, &terms, from, count);
        from += count;
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
    return (almi_ledger_view){at(replay, part, place->high),  at(replay, part, place->low),
                              at(replay, part, place->count), at(replay, part, place->zero),
                              at(replay, part, place->square), place->slots - 1};
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
    const almi_kernel *kernel = replay->plan->tracks[track].op->kernel;
    if (replay->runs) {
        kernel->run(&replay->runs[track], from, to);
        return;
    }
    almi_run run = view_track(replay, track);
    kernel->run(&run, from, to);
}

void almi_replay_view(const almi_replay *replay, almi_run *runs)
{
    for (size_t i = 0; i < replay->plan->track_count; i++) {
        runs[i] = view_track(replay, i);
    }
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
