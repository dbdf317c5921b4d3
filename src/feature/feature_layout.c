/* Where the rings of a state lie in its memory. */
#include "feature/feature_plan.h"

#include <string.h>

#define ALIGNMENT 64
/* Rings of a chunk of this many periods and some 30 tracks stay in the first-level caches. A power
 * of two: chunks that end at multiples of it seldom meet the end of a ring. */
#define BATCH_CHUNK 128

static size_t take(almi_layout *layout, almi_part part, size_t bytes)
{
    size_t place = layout->part_bytes[part];
    layout->part_bytes[part] += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return place;
}

/* A power of two, so that a ring's index is a mask. */
static size_t ring_slots(size_t periods)
{
    size_t slots = 1;
    while (slots < periods) {
        slots *= 2;
    }
    return slots;
}

static void lay_out_streams(const alm_feature_plan *plan, almi_layout *layout, size_t history)
{
    for (size_t i = 0; i < plan->stream_count; i++) {
        const almi_stream *stream = &plan->streams[i];
        /* The trailing checkpoint of an online state steps over the oldest period kept. */
        size_t span = stream->checkpointed && stream->span < history ? history : stream->span;
        size_t ahead = stream->part == ALMI_PART_KNOWN ? plan->ahead : 0;
        size_t slots = ring_slots(span + ahead + layout->chunk + 2);
        layout->streams[i].slots = slots;
        if (stream->cells == ALMI_CELLS_OPEN) {
            layout->streams[i].open = take(layout, stream->part, slots * sizeof(uint32_t));
        }
    }
}

static void lay_out_ledgers(const alm_feature_plan *plan, almi_layout *layout)
{
    for (size_t i = 0; i < plan->ledger_count; i++) {
        const almi_ledger *ledger = &plan->ledgers[i];
        almi_part part = plan->streams[ledger->stream].part;
        size_t ahead = part == ALMI_PART_KNOWN ? plan->ahead : 0;
        size_t slots = ring_slots(ledger->span + ahead + layout->chunk + 2);
        struct almi_ledger_place *place = &layout->ledgers[i];
        place->slots = slots;
        place->high = take(layout, part, slots * sizeof(int64_t));
        place->low = take(layout, part, slots * sizeof(double));
        place->count = take(layout, part, slots * sizeof(uint64_t));
        if (ledger->needs & (ALMI_NEEDS_ZEROS | ALMI_NEEDS_SQUARES)) {
            place->zero = take(layout, part, slots * sizeof(uint64_t));
        }
        if (ledger->needs & ALMI_NEEDS_SQUARES) {
            place->square = take(layout, part, slots * sizeof(uint64_t));
        }
    }
}

static void lay_out_tracks(const alm_feature_plan *plan, almi_layout *layout)
{
    for (size_t i = 0; i < plan->track_count; i++) {
        const almi_track *track = &plan->tracks[i];
        const almi_kernel *kernel = track->op->kernel;
        size_t ahead = kernel->calendar ? (size_t)plan->step_max
                       : track->part == ALMI_PART_KNOWN ? plan->ahead : 0;
        size_t slots = ring_slots(track->span + ahead + layout->chunk + 2);
        size_t state = kernel->state_bytes + track->window * kernel->state_bytes_per_window;
        layout->tracks[i].slots = slots;
        layout->tracks[i].state = take(layout, track->part, state);
    }
}

/* Cells and values: NaN before the first period, where all the rest is zero. */
static void lay_out_values(const alm_feature_plan *plan, almi_layout *layout)
{
    memcpy(layout->zero_bytes, layout->part_bytes, sizeof layout->zero_bytes);
    for (size_t i = 0; i < plan->stream_count; i++) {
        struct almi_stream_place *place = &layout->streams[i];
        place->cells = take(layout, plan->streams[i].part, place->slots * sizeof(double));
    }
    for (size_t i = 0; i < plan->track_count; i++) {
        struct almi_track_place *place = &layout->tracks[i];
        place->values = take(layout, plan->tracks[i].part, place->slots * sizeof(double));
    }
}

static void lay_out_sources(const alm_feature_plan *plan, almi_layout *layout)
{
    for (size_t i = 0; i < plan->count; i++) {
        const almi_source *source = &plan->sources[i];
        struct almi_source_place *place = &layout->sources[i];
        if (source->track != ALMI_INDEX_NONE) {
            place->part = plan->tracks[source->track].part;
            place->values = layout->tracks[source->track].values;
            place->slots = layout->tracks[source->track].slots;
        } else if (source->stream != ALMI_INDEX_NONE) {
            place->part = plan->streams[source->stream].part;
            place->values = layout->streams[source->stream].cells;
            place->slots = layout->streams[source->stream].slots;
        }
    }
}

static void lay_out(alm_feature_plan *plan, almi_layout *layout, size_t chunk, size_t history)
{
    layout->chunk = chunk;
    layout->streams = ALM_NEW_ARRAY(plan->arena, struct almi_stream_place, plan->stream_count);
    layout->ledgers = ALM_NEW_ARRAY(plan->arena, struct almi_ledger_place, plan->ledger_count);
    layout->tracks = ALM_NEW_ARRAY(plan->arena, struct almi_track_place, plan->track_count);
    layout->sources = ALM_NEW_ARRAY(plan->arena, struct almi_source_place, plan->count);
    lay_out_streams(plan, layout, history);
    lay_out_ledgers(plan, layout);
    lay_out_tracks(plan, layout);
    lay_out_values(plan, layout);
    lay_out_sources(plan, layout);
}

void almi_plan_lay_out(alm_feature_plan *plan)
{
    lay_out(plan, &plan->batch, BATCH_CHUNK, 0);
    lay_out(plan, &plan->online, 1, plan->retain);
}
