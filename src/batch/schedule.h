/* schedule.h: which releases a schedule runs: the one behind its alias, and those beside it.
 *
 * A release that keeps running beside the promoted one has fresh predictions, so that a rollback
 * finds them and computes nothing. `beside` lists model versions or aliases; the word `previous`
 * means the release that was promoted before (none yet: nothing runs for it). */
#ifndef ALM_BATCH_SCHEDULE_H
#define ALM_BATCH_SCHEDULE_H

#include "batch/run.h"

/* Runs them one after the other, each as its own commit, the promoted one first; those that share
 * a release run once. With options->release only that one. With `supersede`, a run beside replaces
 * its own release's run for the date, for the same reason. Stops at the first failure: what was
 * committed stays. `out` in `arena`. */
ALM_NODISCARD alm_err alm_schedule_run(const alm_env *env, const alm_run_options *options,
                                       alm_arena *arena, alm_run_result **out, size_t *count,
                                       alm_error *error);

#endif
