/* bars.h: features of one symbol's OHLCV bars, compiled from declarations such as
 * "rsi(close, 14)"; streaming and batch are one implementation.
 *
 * Bars. An index grid: windows count bars, not time, and a gap in time is no bar. `time` is the
 * bar's stamp in the exchange's local time or in UTC, its start or its end, the same for all bars
 * of a symbol, and strictly increasing. What is emitted after a bar is known when that bar has
 * closed. A field that is NaN or infinite is missing; so is a negative volume; a high below the low
 * says nothing, and both are missing. Prices may be zero or negative.
 *
 * Declarations. `operator(arguments)`, then `.output` to take one column of an operator that has
 * several, then `as name`. Arguments are all given; docs/bars.md lists the operators. Columns are
 *   open high low close volume
 *   typical (high + low + close) / 3, median (high + low) / 2,
 *   average (open + high + low + close) / 4, true_range (missing without a close before it).
 *
 * Two classes. FINITE: a value is a function of its window's bars alone, whichever bar came first.
 * A missing cell in the window makes the value missing. ANCHORED (recursive averages, running and
 * session totals): the first bar that is given is the anchor, so a replay begins there or at a
 * checkpoint. A cell that is missing, or whose sum would overflow, is passed over: the state stays
 * and the value of that bar is missing. Sums have one order, whatever the vectors of the CPU: a
 * clone, a loaded checkpoint and a replay give the same bits.
 *
 * Missing is NaN. It is also what a ratio without a denominator is (a window that does not move, no
 * volume), a logarithm without a positive argument, and what overflows. No output is infinite.
 *
 * A plan's version is the hash of its canonical text, which holds every declaration, the revision
 * of its operator and the session's opening. Plans are immutable and may be used from any number of
 * threads; a state belongs to one thread at a time. */
#ifndef ALM_FEATURE_BARS_BARS_H
#define ALM_FEATURE_BARS_BARS_H

#include "base/date.h"
#include "base/hash.h"

typedef struct alm_bar {
    alm_instant time;
    double open;
    double high;
    double low;
    double close;
    double volume;
} alm_bar;

#define ALM_BARS_DECLARATIONS_MAX 1000
#define ALM_BARS_WINDOW_MAX 10000
/* Bytes that the cells of one state may take. */
#define ALM_BARS_STATE_BYTES_MAX ((size_t)64 << 20)

typedef struct alm_bars_options {
    /* Minute of the day, 0..1439, in the time of the bars, at which a session opens; a session
     * lasts until the next opening and has the date on which it opened. */
    int32_t session_open_minutes;
} alm_bars_options;

typedef struct alm_bars_plan alm_bars_plan;

/* Texts are copied; `options` may be NULL. ALM_ERR_CONFIG with the declaration's number and text
 * for an unknown operator or column, a parameter out of range or a name given twice; ALM_ERR_LIMIT
 * when a state would take more than ALM_BARS_STATE_BYTES_MAX. */
ALM_NODISCARD alm_err alm_bars_plan_compile(const alm_str *declarations, size_t count,
                                            const alm_bars_options *options, alm_bars_plan **out,
                                            alm_error *error);
void alm_bars_plan_destroy(alm_bars_plan *plan); /* takes NULL */

size_t alm_bars_plan_width(const alm_bars_plan *plan); /* columns */
const char *alm_bars_plan_name(const alm_bars_plan *plan, size_t column);
const alm_digest *alm_bars_plan_version(const alm_bars_plan *plan);
bool alm_bars_plan_is_anchored(const alm_bars_plan *plan, size_t column);
/* Bars before the first one that can have a value, of a history without missing cells. */
size_t alm_bars_plan_warmup(const alm_bars_plan *plan, size_t column);
size_t alm_bars_plan_state_bytes(const alm_bars_plan *plan); /* of one state */
/* Bars, the newest included, that the FINITE columns are a function of. */
size_t alm_bars_plan_lookback(const alm_bars_plan *plan);

/* Canonical JSON, and back. ALM_ERR_UNSUPPORTED for operators or revisions that this engine does
 * not have, ALM_ERR_INVALID, ALM_ERR_CONFIG or ALM_ERR_CORRUPT for a text that no plan has written,
 * which is where it is no JSON, does not compile or is not canonical. `name` goes into messages. */
void alm_bars_plan_write(const alm_bars_plan *plan, alm_buffer *out);
ALM_NODISCARD alm_err alm_bars_plan_read(alm_str json, const char *name, alm_bars_plan **out,
                                         alm_error *error);

/* ---- streaming: one state per symbol ---- */

typedef struct alm_bars_state alm_bars_state;

/* Borrows the plan, which must outlive it. */
ALM_NODISCARD alm_err alm_bars_state_create(const alm_bars_plan *plan, alm_bars_state **out,
                                            alm_error *error);
void alm_bars_state_destroy(alm_bars_state *state); /* takes NULL */
/* ALM_ERR_INVALID when the bar does not follow the one before it, or its time is not in the years
 * 0001 to 9999; the state is then what it was. */
ALM_NODISCARD alm_err alm_bars_update(alm_bars_state *state, const alm_bar *bar, alm_error *error);
uint64_t alm_bars_state_seen(const alm_bars_state *state); /* bars */
/* out[column], as of the newest bar; all missing before the first. */
void alm_bars_emit(const alm_bars_state *state, double *out);
ALM_NODISCARD alm_err alm_bars_state_clone(const alm_bars_state *state, alm_bars_state **out,
                                           alm_error *error);
/* A checkpoint: canonical bytes, and back. */
ALM_NODISCARD alm_err alm_bars_state_save(const alm_bars_state *state, alm_buffer *out,
                                          alm_error *error);
ALM_NODISCARD alm_err alm_bars_state_load(const alm_bars_plan *plan, alm_str bytes,
                                          alm_bars_state **out, alm_error *error);

/* ---- batch: a replay of the above ---- */

/* out[bar * stride + column], stride >= width. The bars begin at the anchor. On failure the message
 * names the bar, and the rows before it have been written. */
ALM_NODISCARD alm_err alm_bars_rows(const alm_bars_plan *plan, const alm_bar *bars, size_t count,
                                    double *out, size_t stride, alm_error *error);

/* The same in pieces, whose memory does not grow with the bars: a piece has a multiple of
 * ALM_BARS_PIECE bars, but for the last one. After a failure the replay is at its end too.
 * Borrows the plan. */
#define ALM_BARS_PIECE 64
typedef struct alm_bars_replay alm_bars_replay;
ALM_NODISCARD alm_err alm_bars_replay_create(const alm_bars_plan *plan, alm_bars_replay **out,
                                             alm_error *error);
void alm_bars_replay_destroy(alm_bars_replay *replay); /* takes NULL */
void alm_bars_replay_restart(alm_bars_replay *replay); /* as if created anew; any time */
ALM_NODISCARD alm_err alm_bars_replay_rows(alm_bars_replay *replay, const alm_bar *bars,
                                           size_t count, double *out, size_t stride,
                                           alm_error *error);

#endif
