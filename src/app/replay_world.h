/* replay_world.h: what predictions on record are made again with: models by the hash of their
 * content, committed runs by their id, and the states that were computed from, by run, day and
 * events. Each is opened when a record first asks for it. */
#ifndef ALM_APP_REPLAY_WORLD_H
#define ALM_APP_REPLAY_WORLD_H

#include "app/cli.h"
#include "http/replay_answer.h"
#include "serve/models/model_set.h"

#define ALMI_REPLAY_RUNS_MAX 4  /* held at a time */
#define ALMI_REPLAY_LINES_MAX 2 /* the same; a record asks for two at most */

typedef struct almi_replay_world {
    almi_cli *cli;
    alm_model_set *models;
    alm_str *tried; /* releases that were looked for, by name */
    const char **why; /* ... and why they cannot be had; NULL: they can, or are not there */
    size_t tries, tries_max;
    /* The project's, once a record needed them. */
    bool has_runs;
    const char *no_runs; /* why there are none; NULL: not known yet */
    alm_run_stores stores;
    alm_epoch *epoch;
    alm_committed *committed;
    alm_run_catalog catalog;
    alm_committed_run *run[ALMI_REPLAY_RUNS_MAX];
    size_t next; /* place of the next run */
    alm_live_past *line[ALMI_REPLAY_LINES_MAX];
    alm_str line_run[ALMI_REPLAY_LINES_MAX]; /* in the command's arena */
    size_t next_line;
    alm_instant moment; /* of the record at hand, for the clock of lines */
} almi_replay_world;

/* With the models of --model. */
ALM_NODISCARD alm_err almi_replay_world_open(almi_cli *cli, almi_replay_world *out,
                                             alm_error *error);
void almi_replay_world_close(almi_replay_world *world); /* takes one that was not opened */

/* `arena` is for this record alone. */
void almi_replay_record(almi_replay_world *world, const alm_prediction_record *record,
                        alm_arena *arena, alm_replay *out);

#endif
