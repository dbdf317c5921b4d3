/* signal_predict.c: states, and bars of one symbol, into rows and windows for the scorer. */
#include <math.h>
#include <string.h>

#include "signal/signal_internal.h"

#define ROOM_MAX 1024                       /* rows of an answer */
#define WINDOWS_BYTES_MAX ((size_t)8 << 20) /* of the windows that they copy */
#define PIECE 512                           /* bars of a replay at a time */

_Static_assert(PIECE % ALM_BARS_PIECE == 0 && PIECE <= ROOM_MAX, "rows have room for a piece");

struct alm_signal_scratch {
    const alm_signal *signal;
    alm_scorer_scratch *scorer;
    size_t room, count;
    double *rows;    /* the larger of room and PIECE x width */
    double *windows; /* room x steps x window_width */
    /* of alm_signal_rows, made when it is first called */
    alm_bars_replay *replay;
    double *series; /* steps - 1 + PIECE rows of window_width */
};

/* ---- memory ---- */

static alm_err try_doubles(size_t count, double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(count * sizeof(double), &memory, error));
    *out = memory;
    return ALM_OK;
}

static alm_err make_room(alm_signal_scratch *scratch, alm_pool *pool, alm_error *error)
{
    const alm_signal *s = scratch->signal;
    size_t window = s->steps * s->window_width; /* bounded by ALM_SIGNAL_WINDOW_BYTES_MAX */
    size_t fit = window ? WINDOWS_BYTES_MAX / sizeof(double) / window : ROOM_MAX;
    scratch->room = fit < 1 ? 1 : fit > ROOM_MAX ? ROOM_MAX : fit;
    size_t rows = scratch->room > PIECE ? scratch->room : PIECE;
    ALM_TRY(alm_scorer_scratch_create(s->binding, pool, &scratch->scorer, error));
    ALM_TRY(try_doubles(rows * s->width, &scratch->rows, error));
    return try_doubles(scratch->room * window, &scratch->windows, error);
}

alm_err alm_signal_scratch_create(const alm_signal *signal, alm_pool *pool,
                                  alm_signal_scratch **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_signal_scratch), &memory, error));
    alm_signal_scratch *scratch = memory;
    scratch->signal = signal;
    alm_err code = make_room(scratch, pool, error);
    if (code != ALM_OK) {
        alm_signal_scratch_destroy(scratch);
        return code;
    }
    *out = scratch;
    return ALM_OK;
}

void alm_signal_scratch_destroy(alm_signal_scratch *scratch)
{
    if (scratch) {
        alm_scorer_scratch_destroy(scratch->scorer);
        alm_bars_replay_destroy(scratch->replay);
        alm_heap_free(scratch->rows);
        alm_heap_free(scratch->windows);
        alm_heap_free(scratch->series);
        alm_heap_free(scratch);
    }
}

/* ---- states ---- */

static alm_err check_state(const alm_signal_scratch *scratch, const alm_signal_state *state,
                           alm_error *error)
{
    alm_assert(state->signal == scratch->signal);
    return alm_signal_state_seen(state) > 0
               ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "no bar yet: update the state with the "
                                   "symbol's bars first");
}

alm_err alm_signal_predict(alm_signal_scratch *scratch, const alm_signal_state *state,
                           const alm_scorer_output *out, alm_error *error)
{
    ALM_TRY(check_state(scratch, state, error));
    alm_scorer_batch batch = {.count = 1, .rows = state->row, .stride = scratch->signal->width,
                              .missing = true};
    if (state->window) {
        batch.windows = alm_signal_window_view(state->window);
    }
    return alm_scorer_predict(scratch->scorer, &batch, out, error);
}

size_t alm_signal_room(const alm_signal_scratch *scratch)
{
    return scratch->room;
}

alm_err alm_signal_add(alm_signal_scratch *scratch, const alm_signal_state *state, bool *full,
                       alm_error *error)
{
    const alm_signal *s = scratch->signal;
    size_t window = s->steps * s->window_width;
    ALM_TRY(check_state(scratch, state, error));
    alm_assert(scratch->count < scratch->room);
    memcpy(scratch->rows + scratch->count * s->width, state->row, s->width * sizeof(double));
    if (window) {
        memcpy(scratch->windows + scratch->count * window, alm_signal_window_view(state->window),
               window * sizeof(double));
    }
    scratch->count++;
    *full = scratch->count == scratch->room;
    return ALM_OK;
}

alm_err alm_signal_answer(alm_signal_scratch *scratch, const alm_scorer_output *out,
                          alm_error *error)
{
    alm_scorer_batch batch = {.count = scratch->count, .rows = scratch->rows,
                              .stride = scratch->signal->width, .windows = scratch->windows,
                              .missing = true};
    scratch->count = 0;
    return alm_scorer_predict(scratch->scorer, &batch, out, error);
}

/* ---- bars of one symbol ---- */

static double *advanced(double *values, size_t count)
{
    return values ? values + count : NULL;
}

static alm_scorer_output output_at(const alm_scorer_info *info, const alm_scorer_output *out,
                                   size_t row)
{
    size_t width = info->class_count ? info->class_count : 1;
    return (alm_scorer_output){
        advanced(out->value, row * info->horizon_count),
        advanced(out->probability, row * info->horizon_count * info->class_count),
        advanced(out->confidence, row * info->horizon_count),
        advanced(out->member, row * info->member_count * width)};
}

static alm_err begin_replay(alm_signal_scratch *scratch, alm_error *error)
{
    const alm_signal *s = scratch->signal;
    size_t before = s->steps ? (s->steps - 1) * s->window_width : 0;
    if (!scratch->series) {
        ALM_TRY(try_doubles(before + PIECE * s->window_width, &scratch->series, error));
    }
    for (size_t i = 0; i < before; i++) {
        scratch->series[i] = NAN; /* no bars */
    }
    if (scratch->replay) {
        alm_bars_replay_restart(scratch->replay);
        return ALM_OK;
    }
    return alm_bars_replay_create(s->plan, &scratch->replay, error);
}

/* The next bars; their windows slide over the rows of `series`. */
static alm_err predict_piece(alm_signal_scratch *scratch, const alm_bar *bars, size_t count,
                             const alm_scorer_output *out, alm_error *error)
{
    const alm_signal *s = scratch->signal;
    size_t width = s->window_width, before = s->steps ? s->steps - 1 : 0;
    ALM_TRY(alm_bars_replay_rows(scratch->replay, bars, count, scratch->rows, s->width, error));
    for (size_t i = 0; i < count; i++) {
        almi_signal_gather(s, scratch->rows + i * s->width,
                           scratch->series + (before + i) * width);
    }
    alm_scorer_batch batch = {.count = count, .rows = scratch->rows, .stride = s->width,
                              .windows = scratch->series, .window_stride = width,
                              .missing = true};
    ALM_TRY(alm_scorer_predict(scratch->scorer, &batch, out, error));
    memmove(scratch->series, scratch->series + count * width, before * width * sizeof(double));
    return ALM_OK;
}

alm_err alm_signal_rows(alm_signal_scratch *scratch, const alm_bar *bars, size_t count,
                        const alm_scorer_output *out, alm_error *error)
{
    alm_assert(scratch->count == 0); /* rows of an answer that is not made yet */
    ALM_TRY(begin_replay(scratch, error));
    for (size_t i = 0; i < count; i += PIECE) {
        size_t piece = count - i < PIECE ? count - i : PIECE;
        alm_scorer_output part = output_at(scratch->signal->info.scorer, out, i);
        ALM_TRY(predict_piece(scratch, bars + i, piece, &part, error));
    }
    return ALM_OK;
}
