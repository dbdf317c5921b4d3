/* online_state.h: the features of every series, moved on by events from where a snapshot ends.
 *
 * START. The panels of a snapshot are read block by block; the history of every column that the
 * plan reads stays in memory, and each series gets the feature state (feature/feature.h) of its
 * last day. From then on it is the snapshot plus events: whoever opens again with the same snapshot
 * and the same events has the same bits.
 *
 * DAYS. `end` is the first day that is not over. Events move days; a day that is not over moves no
 * feature, because batch features are values of days that are over. alm_online_state_advance closes
 * days: what has no event gets the project's rule (zero, missing, closed), sums over groups are
 * added up in the order of the batch, every state moves on by one period. What is said later about
 * a day that is over replaces it: states retract. A group's sum of a corrected day is added up
 * again, and all its members retract where the plan reads it.
 *
 * THE SAME BITS AS BATCH. After events and advances to `end`, every feature of every series at
 * every step is bit for bit that of alm_feature_rows over a panel that ends at `end`, of a snapshot
 * that has the same rows; what it cannot keep so it refuses when it is opened, by name:
 *   - an observed column that no event can say (of a source other than the series' own and `stock`)
 *   - out-of-stock flags from a source other than `stock: on_hand`
 * One thing a panel does not tell: whether a day that is closed was out of stock, too. A sale that
 * is told later of such a day of the snapshot is an observation here, and out of stock there.
 * What is known in advance (calendar, planned prices) is what the snapshot says; attributes are as
 * on its membership date. A series that the snapshot does not have is known with the next one.
 *
 * WHICH EVENTS THE SNAPSHOT HAS. Of days that are published in it, those that were known by
 * `known_until`: they are passed over. Later ones are added to what its files say. Of days that are
 * not published in it yet (the publication delay before its end), and later ones, all events count.
 *
 * READERS. alm_online_now is immutable and hangs on one atomic pointer: all series, one origin, one
 * state of the events. A reader announces itself in a slot of its worker, reads the pointer, and
 * leaves; no lock, no wait, no allocation. What is replaced is freed when no reader can still see
 * it. Nothing here touches a disk.
 *
 * MEMORY. Per series: the history of the target (10 bytes a period) and of each column of its own
 * that the plan reads (8), and twice alm_feature_plan_state_bytes, because while a day closes both
 * states are there. alm_online_state_open refuses what exceeds the limit before it reads, with the
 * sum.
 *
 * Errors of a writer after which nothing is certain any more (no memory in the middle of a day)
 * leave readers with what was published last; every later call of a writer says that the state must
 * be opened again. Writers: one thread at a time. Readers: one thread for each worker at a time. */
#ifndef ALM_SERVE_ONLINE_STATE_H
#define ALM_SERVE_ONLINE_STATE_H

#include "pipeline/history.h"
#include "project/panel_source.h"
#include "serve/live/event.h"

#define ALM_ONLINE_WORKERS_MAX 257 /* those of a server, and its writer */

typedef struct alm_online_state alm_online_state;

typedef struct alm_online_options {
    const alm_project *project;   /* this and the plan are borrowed until close */
    const alm_feature_plan *plan; /* compiled against the source's schema */
    /* Opened to the snapshot's end, with as many days behind it as the horizon has and one for
     * every day that may close before the next snapshot. Read once; not needed afterwards. */
    alm_panel_source *source;
    size_t horizon; /* of what is known in advance, a row sees as many days, as in a run */
    size_t workers;          /* 1 to ALM_ONLINE_WORKERS_MAX */
    alm_instant known_until; /* ALM_EVENT_NOT_SAID: midnight of the snapshot's end */
    uint64_t memory_limit_bytes; /* 0: none */
} alm_online_options;

ALM_NODISCARD alm_err alm_online_state_open(const alm_online_options *options,
                                            alm_online_state **out, alm_error *error);
void alm_online_state_close(alm_online_state *online); /* takes NULL; no reader is inside */

/* ---- what never changes: any thread ---- */

size_t alm_online_state_series_count(const alm_online_state *online);
/* ALM_ERR_NOT_FOUND: no such series in the snapshot. */
ALM_NODISCARD alm_err alm_online_state_find(const alm_online_state *online, const alm_str *keys,
                                            size_t count, size_t *out, alm_error *error);
alm_date alm_online_state_last_end(const alm_online_state *online); /* days before it can close */
uint64_t alm_online_state_bytes(const alm_online_state *online); /* as the limit counts them */

/* ---- writer ---- */

typedef enum alm_online_effect {
    ALM_ONLINE_COUNTED,
    ALM_ONLINE_IN_SNAPSHOT /* passed over */
} alm_online_effect;

/* One event (checked) of the log. Readers see it after the next publish or advance.
 * ALM_ERR_NOT_FOUND, ALM_ERR_INVALID: as alm_online_state_check says of it; nothing has changed. */
ALM_NODISCARD alm_err alm_online_state_apply(alm_online_state *online, const alm_event *event,
                                             alm_instant received, alm_online_effect *effect,
                                             alm_error *error);
/* A number of the caller's for what has been applied so far, shown with it. */
void alm_online_state_mark(alm_online_state *online, uint64_t mark);
/* Shows readers what has been applied. */
ALM_NODISCARD alm_err alm_online_state_publish(alm_online_state *online, alm_error *error);
/* Closes all days before `end`, and publishes. ALM_ERR_LIMIT behind alm_online_state_last_end; an
 * earlier end than now is nothing to do. */
ALM_NODISCARD alm_err alm_online_state_advance(alm_online_state *online, alm_date end,
                                               alm_error *error);

/* ---- readers ---- */

/* One series as of `origin`. Arrays by period of the panel's grid. */
typedef struct alm_online_series {
    const alm_feature_state *state; /* of a recursive plan: at the newest published period */
    const double *target;
    const uint8_t *states;  /* alm_period_state */
    double scale;           /* alm_history_scale: divides scaled features; 0: no demand yet */
} alm_online_series;

typedef struct alm_online_now {
    alm_date start;  /* of period 0 */
    alm_date end;    /* the first day that is not over */
    size_t origin;   /* period of the last day that is */
    alm_profile profile; /* pooled, as of the origin */
    /* What it was made of: the target of all series, ALM_PROFILE_PERIODS up to the newest period
     * that is published at the origin (fewer when there are fewer). */
    const double *totals;
    uint64_t events; /* counted so far */
    uint64_t mark;   /* alm_online_state_mark, when this was published */
    size_t series_count;
    const alm_online_series *const *series;
} alm_online_now;

/* Pairs up with leave and does not nest. */
const alm_online_now *alm_online_state_enter(alm_online_state *online, size_t worker);
void alm_online_state_leave(alm_online_state *online, size_t worker);

/* Can the event be counted? Its series is known, its day is not before the first of the series and
 * not behind tomorrow (seen from `now`). Of a day that is published in the snapshot there is no
 * stock to be told, and of sales it must be said when they became known: an event that is sent
 * again after its id was forgotten would count twice otherwise. To be asked, and answered to the
 * sender, before the event goes into the log. */
ALM_NODISCARD alm_err alm_online_state_check(const alm_online_state *online,
                                             const alm_online_now *now, const alm_event *event,
                                             alm_error *error);

/* The series alone, as a panel that ends at the origin: the target, and what is known in advance of
 * it; other observed columns have no values. Borrowed from `now`, structs in `arena`. */
void alm_online_state_panel(const alm_online_state *online, const alm_online_now *now,
                            size_t series, alm_arena *arena, alm_panel *out);

typedef struct alm_online_rows {
    const alm_online_now *now;
    size_t series;
    double scale; /* > 0 */
    size_t steps; /* of a recursive plan: 1 */
} alm_online_rows;

/* Features of steps 1..steps: out[(step - 1) * width + feature]. Temporaries in `arena`. */
ALM_NODISCARD alm_err alm_online_state_features(const alm_online_state *online,
                                                const alm_online_rows *rows, alm_arena *arena,
                                                double *out, alm_error *error);

#endif
