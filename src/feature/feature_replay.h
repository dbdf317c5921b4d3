/* feature_replay.h: the rings and operator states of one series, inside this folder.
 *
 * The one replay: push the cells of some periods, run the tracks over them, emit rows. A batch
 * does it in chunks, an online state one period at a time. */
#ifndef ALM_FEATURE_FEATURE_REPLAY_H
#define ALM_FEATURE_FEATURE_REPLAY_H

#include "feature/feature_plan.h"

typedef struct almi_replay {
    const alm_feature_plan *plan;
    const almi_layout *layout;
    char *part[ALMI_PART_COUNT]; /* 64-byte aligned */
    alm_date first_day;          /* of period 0 */
    const double *statics;
    const almi_run *runs; /* one per track, where the parts stay in place; NULL: made each time */
} almi_replay;

/* Cells of the periods from `first` on: columns[c][p - first], missing from period `end` on. */
typedef struct almi_feed {
    const double *const *columns;
    const uint8_t *states; /* alm_period_state; NULL when only known columns are pushed */
    size_t first;
    size_t end;
} almi_feed;

/* `runs` of a replay whose parts have been set, for as many tracks as the plan has. */
void almi_replay_view(const almi_replay *replay, almi_run *runs);

/* Empties the rings: no period seen. */
void almi_replay_reset(almi_replay *replay);

/* Appends periods [from, to) to every stream of `part`; periods are pushed without a gap, at most
 * a chunk at once (known columns: and `ahead` further). */
void almi_push(almi_replay *replay, almi_part part, const almi_feed *feed, size_t from, size_t to);

/* Runs one track over [from, to), whose cells have been pushed. */
void almi_run_track(almi_replay *replay, size_t track, size_t from, size_t to);
/* The same on another state, values thrown away: how a trailing checkpoint moves on. */
void almi_run_aside(almi_replay *replay, size_t track, void *state, size_t period);
void *almi_track_state(const almi_replay *replay, size_t track);

/* out[r * stride + f] for rows whose tracks have been run. */
void almi_emit(const almi_replay *replay, const alm_feature_row *rows, size_t count, double *out,
               size_t stride);

/* Periods after the origin up to which tracks on known columns run. */
size_t almi_known_run(const alm_feature_plan *plan);

#endif
