/* signal.h: raw OHLCV bars in, classes (or values) and confidences out.
 *
 * A signal is a scorer (model/scorer/scorer.h) whose inputs are features of bars
 * (feature/bars/bars.h): its document names the text of a feature plan in `bars`. Every column of
 * rows and of windows that a member takes is a column of the plan, by name; that is checked once,
 * at the beginning.
 *
 * One truth. A prediction is made of a state: the plan's state over bars and, when members are
 * nets, the newest rows of their columns. Batch is a replay: alm_signal_rows, an update for every
 * bar, a clone and a state that was saved and loaded give the same bits, in any block, with any
 * number of threads, for any bars beside them.
 *
 * Missing. A forest takes a missing feature as it was trained to. A net cannot: while the window of
 * a net is not full, or holds a missing value, or one that a float cannot hold, that member says
 * NaN, and so do all answers (class, probabilities, confidence) of every horizon it belongs to, for
 * that bar. The other horizons and bars are what they are. A missing answer is NaN and nothing else
 * is: no error, no default. alm_signal_info.warmup_bars tells how many bars that is at least.
 *
 * A signal is immutable and may be used from any number of threads; a state and a scratch belong to
 * one thread at a time. */
#ifndef ALM_SIGNAL_SIGNAL_H
#define ALM_SIGNAL_SIGNAL_H

#include "feature/bars/bars.h"
#include "model/scorer/scorer.h"

/* Bytes that the windows of one state may take. */
#define ALM_SIGNAL_WINDOW_BYTES_MAX ((size_t)256 << 20)

typedef struct alm_signal alm_signal;

/* Everything borrowed. */
typedef struct alm_signal_info {
    const alm_scorer_info *scorer; /* its digest is the signal's identity */
    const alm_bars_plan *plan;
    /* Bars before the first one for which no feature that a member takes is missing, in a history
     * without missing fields: what a state should have seen before its answers are used. */
    uint64_t warmup_bars;
    size_t state_bytes; /* of one state, about */
} alm_signal_info;

/* Borrows the scorer, which outlives it. ALM_ERR_INVALID: the document has no `bars`, or the models
 * take columns that the plan does not make (named); ALM_ERR_LIMIT: windows above
 * ALM_SIGNAL_WINDOW_BYTES_MAX; errors of alm_bars_plan_read. */
ALM_NODISCARD alm_err alm_signal_create(const alm_scorer *scorer, alm_signal **out,
                                        alm_error *error);
/* The same with a scorer of its own. And errors of alm_scorer_read. */
ALM_NODISCARD alm_err alm_signal_read(const alm_scorer_source *source, const char *name,
                                      alm_signal **out, alm_error *error);
/* A folder with scorer.json. `env` as for alm_scorer_open. */
ALM_NODISCARD alm_err alm_signal_open(const alm_env *env, const char *path, const char *name,
                                      alm_signal **out, alm_error *error);
void alm_signal_destroy(alm_signal *signal); /* takes NULL */
const alm_signal_info *alm_signal_describe(const alm_signal *signal);

/* ---- streaming: one state per symbol ---- */

typedef struct alm_signal_state alm_signal_state;

/* Borrows the signal. */
ALM_NODISCARD alm_err alm_signal_state_create(const alm_signal *signal, alm_signal_state **out,
                                              alm_error *error);
void alm_signal_state_destroy(alm_signal_state *state); /* takes NULL */
ALM_NODISCARD alm_err alm_signal_state_clone(const alm_signal_state *state,
                                             alm_signal_state **out, alm_error *error);
uint64_t alm_signal_state_seen(const alm_signal_state *state); /* bars */
/* Moves on by one closed bar; no allocation. ALM_ERR_INVALID when it does not follow the one before
 * it; the state is then what it was. */
ALM_NODISCARD alm_err alm_signal_update(alm_signal_state *state, const alm_bar *bar,
                                        alm_error *error);

/* A checkpoint for a warm restart: canonical bytes, and back. It depends on the plan and on the
 * nets' columns and steps, not on the models' weights: a later release over the same features goes
 * on with it. Untrusted. ALM_ERR_CORRUPT: bytes that no bars lead to; ALM_ERR_CONFLICT: of another
 * plan or of other windows; replay the symbol's history then. */
ALM_NODISCARD alm_err alm_signal_state_save(const alm_signal_state *state, alm_buffer *out,
                                            alm_error *error);
ALM_NODISCARD alm_err alm_signal_state_load(const alm_signal *signal, alm_str bytes,
                                            alm_signal_state **out, alm_error *error);

/* ---- predicting ---- */

/* Memory of calls, made once; threads of `pool` (NULL: the caller's) share larger calls. Borrows
 * signal and pool. */
typedef struct alm_signal_scratch alm_signal_scratch;
ALM_NODISCARD alm_err alm_signal_scratch_create(const alm_signal *signal, alm_pool *pool,
                                                alm_signal_scratch **out, alm_error *error);
void alm_signal_scratch_destroy(alm_signal_scratch *scratch); /* takes NULL */

/* The answers as of the state's newest bar: alm_scorer_output with a count of 1. No allocation.
 * ALM_ERR_INVALID before the first bar. */
ALM_NODISCARD alm_err alm_signal_predict(alm_signal_scratch *scratch,
                                         const alm_signal_state *state,
                                         const alm_scorer_output *out, alm_error *error);

/* Many at once: `add` keeps what a state says now, which may then move on; `answer` predicts all
 * that were added since the last answer, in their order. *full: no more fit. No allocation.
 * ALM_ERR_INVALID before a state's first bar. */
ALM_NODISCARD alm_err alm_signal_add(alm_signal_scratch *scratch, const alm_signal_state *state,
                                     bool *full, alm_error *error);
size_t alm_signal_room(const alm_signal_scratch *scratch); /* of one answer: at least 1 */
ALM_NODISCARD alm_err alm_signal_answer(alm_signal_scratch *scratch, const alm_scorer_output *out,
                                        alm_error *error);

/* Bars of one symbol from its first on; out: count rows. Not between add and answer.
 * ALM_ERR_INVALID names the bar that does not follow the one before it; answers of bars before it
 * may be written then. */
ALM_NODISCARD alm_err alm_signal_rows(alm_signal_scratch *scratch, const alm_bar *bars,
                                      size_t count, const alm_scorer_output *out,
                                      alm_error *error);

#endif
