/* Batch: the replay of one series in chunks of periods, with the rows of each chunk's origins. */
#include "feature/feature_replay.h"
#include "feature/sold_out.h"

#include <string.h>

static alm_err check_rows(const alm_feature_plan *plan, const alm_panel *panel,
                          const alm_feature_row *rows, size_t count, alm_error *error)
{
    uint32_t origin = 0; /* of the row before */
    uint32_t step = 0;   /* the last one found legal; rows repeat few steps */
    for (size_t r = 0; r < count; r++) {
        if (rows[r].origin >= panel->periods || rows[r].origin < origin) {
            return alm_fail(error, ALM_ERR_INVALID, "feature row %zu: origin %u must be below the "
                            "panel's %zu periods and not before the row above", r,
                            rows[r].origin, panel->periods);
        }
        if (rows[r].step != step && !almi_plan_has_step(plan, rows[r].step)) {
            return alm_fail(error, ALM_ERR_INVALID, "feature row %zu: step %u lies in no horizon "
                            "block of the plan", r, rows[r].step);
        }
        if (!(rows[r].scale > 0)) {
            return alm_fail(error, ALM_ERR_INVALID, "feature row %zu: the scale must be above 0",
                            r);
        }
        origin = rows[r].origin;
        step = rows[r].step;
    }
    return ALM_OK;
}

static alm_err check_name_at(const char *wanted, const char *found, const char *what,
                             alm_error *error)
{
    if (wanted && (!found || strcmp(wanted, found) != 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "the panel has no %s '%s' where the feature plan "
                        "expects it", what, wanted);
    }
    return ALM_OK;
}

static alm_err check_panel(const alm_feature_plan *plan, const alm_panel *panel, alm_error *error)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        const char *found = i < panel->column_count ? panel->columns[i].name : NULL;
        ALM_TRY(check_name_at(plan->column_names[i], found, "column", error));
    }
    for (size_t i = 0; i < plan->static_count; i++) {
        const char *found = i < panel->static_count ? panel->static_names[i] : NULL;
        ALM_TRY(check_name_at(plan->static_names[i], found, "static attribute", error));
    }
    return ALM_OK;
}

static alm_err replay_in(const alm_feature_plan *plan, const alm_panel *panel, size_t series,
                         alm_arena *scratch, almi_replay *replay, alm_error *error)
{
    *replay = (almi_replay){.plan = plan, .layout = &plan->batch, .first_day = panel->start,
                            .statics = panel->statics ? panel->statics +
                                                            series * panel->static_count : NULL};
    for (size_t part = 0; part < ALMI_PART_COUNT; part++) {
        void *memory;
        ALM_TRY(alm_arena_try_alloc(scratch, plan->batch.part_bytes[part], &memory, error));
        replay->part[part] = memory;
    }
    almi_run *runs = ALM_NEW_ARRAY(scratch, almi_run, plan->track_count);
    almi_replay_view(replay, runs);
    replay->runs = runs;
    almi_replay_reset(replay);
    return ALM_OK;
}

static almi_feed feed_of(const alm_feature_plan *plan, const alm_panel *panel, size_t series,
                         alm_arena *scratch)
{
    const double **columns = ALM_NEW_ARRAY(scratch, const double *, plan->column_count);
    for (size_t c = 0; c < plan->column_count; c++) {
        const alm_panel_column *column = &panel->columns[c];
        if (plan->column_names[c]) {
            size_t row = column->row_of_series ? column->row_of_series[series] : series;
            columns[c] = column->values + row * column->stride;
        }
    }
    return (almi_feed){columns, panel->state + series * panel->periods, 0, panel->periods};
}

/* The target of periods up to `end`, with what sold-out ones count as. */
static alm_err impute(const alm_feature_plan *plan, size_t end, alm_arena *scratch,
                      almi_feed *feed, alm_error *error)
{
    const double **target = (const double **)feed->columns; /* ours, in the scratch */
    if (plan->sold_out == ALM_SOLD_OUT_MASKED || plan->column_count == 0 || !target[0] ||
        !memchr(feed->states, ALM_PERIOD_STOCKOUT, end)) {
        return ALM_OK;
    }
    void *memory;
    alm_censored_demand filter = {0};
    ALM_TRY(alm_arena_try_alloc(scratch, end * (sizeof(double) + 1), &memory, error));
    double *values = memory;
    uint8_t *states = (uint8_t *)(values + end);
    for (size_t t = 0; t < end; t++) {
        values[t] = target[0][t];
        states[t] = feed->states[t];
        alm_sold_out_pass(plan->sold_out, &filter, &values[t], &states[t]);
    }
    target[0] = values;
    feed->states = states;
    return ALM_OK;
}

/* Ends of what has been run so far. Tracks of FINITE operators start with the first chunk that a
 * row can depend on. */
typedef struct cursors {
    size_t observed;
    size_t calendar;
    size_t lookahead;
    size_t known_cells;
    size_t known;
    size_t known_finite; /* SIZE_MAX: not started */
} cursors;

static void run_chunk(almi_replay *replay, cursors *done, size_t to, bool finite)
{
    const alm_feature_plan *plan = replay->plan;
    size_t calendar_to = to + (size_t)plan->step_max;
    size_t known_to = to + almi_known_run(plan);
    if (finite && done->known_finite == SIZE_MAX) {
        done->known_finite = done->observed;
    }
    for (size_t i = 0; i < plan->track_count; i++) {
        const almi_track *track = &plan->tracks[i];
        if (!track->op->anchored && !finite) {
            continue;
        }
        if (track->op->kernel->calendar) {
            almi_run_track(replay, i, done->calendar, calendar_to);
        } else if (track->op->kernel->lookahead) {
            almi_run_track(replay, i, done->lookahead, known_to);
        } else if (track->part == ALMI_PART_KNOWN) {
            size_t known_from = track->op->anchored ? done->known : done->known_finite;
            almi_run_track(replay, i, known_from, known_to);
        } else {
            almi_run_track(replay, i, done->observed, to);
        }
    }
    done->calendar = finite ? calendar_to : done->calendar;
    done->lookahead = finite ? known_to : done->lookahead;
    done->known_finite = finite ? known_to : SIZE_MAX;
    done->known = known_to;
    done->observed = to;
}

alm_err alm_feature_rows(const alm_feature_plan *plan, const alm_panel *panel, size_t series,
                         const alm_feature_row *rows, size_t count, double *out, size_t stride,
                         alm_arena *scratch, alm_error *error)
{
    alm_assert(series < panel->series_count && stride >= plan->count);
    ALM_TRY(check_rows(plan, panel, rows, count, error));
    ALM_TRY(check_panel(plan, panel, error));
    if (count == 0) {
        return ALM_OK;
    }
    almi_replay replay;
    ALM_TRY(replay_in(plan, panel, series, scratch, &replay, error));
    size_t first = rows[0].origin;
    size_t last = rows[count - 1].origin;
    almi_feed feed = feed_of(plan, panel, series, scratch);
    ALM_TRY(impute(plan, last + 1, scratch, &feed, error));
    almi_feed known = feed;
    known.states = NULL;
    known.end = panel->periods + panel->future;
    size_t finite_start = first > plan->lookback ? first - plan->lookback : 0;
    size_t from = plan->any_anchored ? 0 : finite_start;
    cursors done = {from, first, first, from, from, SIZE_MAX};
    for (size_t r = 0; r < count;) {
        size_t whole = from / plan->batch.chunk * plan->batch.chunk + plan->batch.chunk;
        size_t to = last + 1 < whole ? last + 1 : whole;
        almi_push(&replay, ALMI_PART_OBSERVED, &feed, from, to);
        almi_push(&replay, ALMI_PART_KNOWN, &known, done.known_cells, to + plan->ahead);
        done.known_cells = to + plan->ahead;
        run_chunk(&replay, &done, to, to > finite_start);
        size_t end = r;
        while (end < count && rows[end].origin < to) {
            end++;
        }
        almi_emit(&replay, rows + r, end - r, out + r * stride, stride);
        r = end;
        from = to;
    }
    return ALM_OK;
}
