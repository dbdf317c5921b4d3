/* live_past.h: the state that an answer on record was computed from, made again: that of a
 * committed run's snapshot, of the events of the log below a sequence, and of a day.
 *
 * It depends on these three alone (live.h, ORDER), so what is computed from it has the bits of that
 * moment. The log may be that of a service that runs: it is read, nothing is taken from it.
 *
 * Thread safety: one thread. */
#ifndef ALM_SERVE_LIVE_PAST_H
#define ALM_SERVE_LIVE_PAST_H

#include "serve/live/live.h"

typedef struct alm_live_past alm_live_past;

typedef struct alm_live_past_run { /* what the state begins with */
    alm_str run_id;
    alm_digest manifest;
    alm_date prediction_date;
} alm_live_past_run;

/* The state as the run left it, without events. The clock of options->env is that of the moment;
 * `workers`, `note` and `retry_s` are not looked at, and no thread is started.
 * ALM_ERR_INCOMPLETE: events that it would need were released; else errors of the stores. */
ALM_NODISCARD alm_err alm_live_past_open(const alm_live_options *options,
                                         const alm_live_past_run *run, alm_live_past **out,
                                         alm_error *error);
void alm_live_past_close(alm_live_past *past); /* takes NULL; nobody is inside */

/* Can it be moved there? It moves forward only. */
bool alm_live_past_reaches(const alm_live_past *past, alm_date end, uint64_t events);
/* Events below this sequence are counted and days before `end` closed. ALM_ERR_CORRUPT: the log is
 * damaged, or ends before; ALM_ERR_INVALID: that is not forward; errors of the file system when the
 * log is not there. After a failure it can only be closed. */
ALM_NODISCARD alm_err alm_live_past_move(alm_live_past *past, alm_date end, uint64_t events,
                                         alm_error *error);

void alm_live_past_enter(alm_live_past *past, alm_live_view *out);
void alm_live_past_leave(alm_live_past *past, const alm_live_view *view);

#endif
