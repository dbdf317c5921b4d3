/* run.h: one batch run: snapshot -> six steps -> one commit, or nothing.
 *
 * The run key is (schedule, prediction date, release, snapshot): a second identical run finds the
 * first one's commit and changes nothing. A run over another snapshot for a date that already has
 * one must name the run that it supersedes and why. Before any work starts, every source that the
 * schedule requires must be complete for the prediction date. */
#ifndef ALM_BATCH_RUN_H
#define ALM_BATCH_RUN_H

#include "project/snapshot.h"
#include "store/predictions.h"
#include "store/registry.h"

typedef struct alm_run_options {
    const alm_project *project;
    const alm_schedule_spec *schedule;
    const alm_snapshot *snapshot;
    alm_objects *objects;
    alm_registry *registry;
    alm_predictions *predictions;
    alm_date prediction_date; /* the first day forecast; data up to the day before are used */
    alm_str release;          /* model version or alias; empty: the schedule's */
    alm_str supersede;        /* run id, with `reason` */
    alm_str reason;
    alm_str who;
    bool dry_run;             /* everything but the commit */
} alm_run_options;

typedef struct alm_run_result {
    alm_str run_id;
    alm_str run_key;
    alm_str model_version;  /* the release that the alias meant */
    bool already_committed; /* an identical run was there; nothing was changed */
    int64_t version;        /* of the prediction store */
    int64_t rows;
    int64_t files;
    int64_t leaves;
    int64_t aggregates;
    int64_t fallbacks;      /* series that fell back, each with its reason in the store */
} alm_run_result;

ALM_NODISCARD alm_err alm_run(const alm_env *env, const alm_run_options *options,
                              alm_arena *arena, alm_run_result *out, alm_error *error);

#endif
