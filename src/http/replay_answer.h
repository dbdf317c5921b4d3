/* replay_answer.h: an answer of the product that is on record, given again by its endpoint,
 * from its committed run or computed from the state of its moment (serve/live/live_past.h), and
 * compared member by member, numbers bit for bit.
 *
 * The clock is that of the record, so ages and what follows from them come again. Not compared are
 * the members that say how the moment was, not what was answered: `late`, `misses`, `reason` and
 * `problem`. What the project says now (policies, routes) holds; where it said something else then,
 * the answer is different. */
#ifndef ALM_HTTP_REPLAY_ANSWER_H
#define ALM_HTTP_REPLAY_ANSWER_H

#include "serve/committed/committed.h"
#include "serve/live/live_past.h"
#include "serve/models/replay.h"

typedef struct alm_replay_world {
    const alm_project *project;
    const alm_committed_set *set; /* what is in force now: routes, and what releases are called */
} alm_replay_world;

/* Do the record and its own reply agree about who answered, of which run? Else *out says that they
 * are different. */
bool alm_replay_agrees(const alm_prediction_record *record, alm_replay *out);

/* `run` is the record's. The record has request and reply. */
void alm_replay_answer(const alm_replay_world *world, const alm_committed_run *run,
                       const alm_prediction_record *record, alm_arena *arena, alm_replay *out);

/* What the states of a record are made again with, in their order. */
typedef struct alm_replay_states {
    alm_committed_run *run[ALM_PREDICTION_STATES_MAX]; /* NULL: the state names none */
    alm_live_past *line[ALM_PREDICTION_STATES_MAX];          /* moved there; NULL: none */
} alm_replay_states;

/* The record has states, too. Only the step that answered may answer again; of the others that were
 * asked the days are known, as they were then. */
void alm_replay_computed(const alm_replay_world *world, const alm_replay_states *states,
                         const alm_prediction_record *record, alm_arena *arena, alm_replay *out);

#endif
