/* replay.h: a prediction on record (monitor/prediction_log.h), made again by its model, and
 * compared bit for bit. */
#ifndef ALM_SERVE_REPLAY_H
#define ALM_SERVE_REPLAY_H

#include "monitor/prediction_log.h"
#include "serve/models/inference.h"

#define ALM_REPLAY_DETAIL_BYTES 400

typedef enum alm_replay_result {
    ALM_REPLAY_EQUAL,
    ALM_REPLAY_DIFFERENT,
    ALM_REPLAY_IMPOSSIBLE /* what it was made of is not there */
} alm_replay_result;

const char *alm_replay_result_text(alm_replay_result result); /* "equal", "different", ... */

typedef struct alm_replay {
    alm_replay_result result;
    char detail[ALM_REPLAY_DETAIL_BYTES]; /* what is different, or why it is impossible; else "" */
} alm_replay;

void alm_replay_say(alm_replay *out, alm_replay_result result, const char *format, ...)
    ALM_PRINTF(3, 4);

/* The numbers of an answer as they stand on record: for every row the values of its horizons, then
 * their probabilities, then their confidences. rows x *width, the answer's own or in `arena`. */
const double *alm_replay_outputs(const alm_inference_answer *answer, alm_arena *arena,
                                 size_t *width);

/* `model` has the hash of the record (an assertion). By worker 0, which has entered. */
void alm_replay_inference(const alm_served_model *model, const alm_prediction_record *record,
                          alm_arena *arena, alm_replay *out);

#endif
