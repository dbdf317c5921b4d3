/* signal_state.c: what a symbol's bars leave behind, and its checkpoint. */
#include <math.h>
#include <string.h>

#include "signal/signal_internal.h"

static const char MAGIC[8] = "almsig01";

static size_t bytes_of(const alm_signal *signal)
{
    return sizeof(alm_signal_state) + (signal->width + signal->window_width) * sizeof(double);
}

static void put_row(alm_signal_state *state)
{
    alm_bars_emit(state->bars, state->row);
    almi_signal_gather(state->signal, state->row, state->row + state->signal->width);
}

/* Takes over bars and window, also when it fails. */
static alm_err assemble(const alm_signal *signal, alm_bars_state *bars, alm_signal_window *window,
                        alm_signal_state **out, alm_error *error)
{
    void *memory = NULL;
    alm_err code = alm_heap_try(bytes_of(signal), &memory, error);
    if (code != ALM_OK) {
        alm_bars_state_destroy(bars);
        alm_signal_window_destroy(window);
        return code;
    }
    alm_signal_state *state = memory;
    state->signal = signal;
    state->bars = bars;
    state->window = window;
    put_row(state);
    *out = state;
    return ALM_OK;
}

static alm_err create_window(const alm_signal *signal, alm_signal_window **out, alm_error *error)
{
    return signal->steps ? alm_signal_window_create(signal->steps, signal->window_width, out, error)
                         : ALM_OK;
}

alm_err alm_signal_state_create(const alm_signal *signal, alm_signal_state **out,
                                alm_error *error)
{
    alm_bars_state *bars = NULL;
    alm_signal_window *window = NULL;
    ALM_TRY(alm_bars_state_create(signal->plan, &bars, error));
    alm_err code = create_window(signal, &window, error);
    if (code != ALM_OK) {
        alm_bars_state_destroy(bars);
        return code;
    }
    return assemble(signal, bars, window, out, error);
}

void alm_signal_state_destroy(alm_signal_state *state)
{
    if (state) {
        alm_bars_state_destroy(state->bars);
        alm_signal_window_destroy(state->window);
        alm_heap_free(state);
    }
}

alm_err alm_signal_state_clone(const alm_signal_state *state, alm_signal_state **out,
                               alm_error *error)
{
    alm_bars_state *bars = NULL;
    alm_signal_window *window = NULL;
    ALM_TRY(alm_bars_state_clone(state->bars, &bars, error));
    alm_err code = state->window ? alm_signal_window_clone(state->window, &window, error) : ALM_OK;
    if (code != ALM_OK) {
        alm_bars_state_destroy(bars);
        return code;
    }
    return assemble(state->signal, bars, window, out, error);
}

uint64_t alm_signal_state_seen(const alm_signal_state *state)
{
    return alm_bars_state_seen(state->bars);
}

alm_err alm_signal_update(alm_signal_state *state, const alm_bar *bar, alm_error *error)
{
    ALM_TRY(alm_bars_update(state->bars, bar, error));
    put_row(state);
    if (state->window) {
        alm_signal_window_push(state->window, state->row + state->signal->width);
    }
    return ALM_OK;
}

/* ---- checkpoints: magic, shape, size of the bars' state, it, windows' values, hash of all ---- */

#define SHAPE_AT (sizeof MAGIC)
#define SIZE_AT (SHAPE_AT + ALM_DIGEST_BYTES)
#define BARS_AT (SIZE_AT + 8)

alm_err alm_signal_state_save(const alm_signal_state *state, alm_buffer *out, alm_error *error)
{
    const alm_signal *signal = state->signal;
    size_t start = out->size;
    alm_buffer bars = {0};
    alm_err code = alm_bars_state_save(state->bars, &bars, error);
    if (code == ALM_OK) {
        alm_buffer_append(out, MAGIC, sizeof MAGIC);
        alm_buffer_append(out, signal->shape.bytes, ALM_DIGEST_BYTES);
        alm_buffer_u64(out, bars.size);
        alm_buffer_append(out, bars.data, bars.size);
        const double *values = state->window ? alm_signal_window_view(state->window) : NULL;
        for (size_t i = 0; i < signal->steps * signal->window_width; i++) {
            uint64_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            alm_buffer_u64(out, bits);
        }
        code = alm_buffer_status(out, error);
    }
    alm_buffer_deinit(&bars);
    ALM_TRY(code);
    alm_digest digest = alm_hash_bytes(out->data + start, out->size - start);
    alm_buffer_append(out, digest.bytes, sizeof digest.bytes);
    return alm_buffer_status(out, error);
}

static alm_err check_frame(const alm_signal *signal, alm_str bytes, alm_str *bars,
                           alm_error *error)
{
    size_t values = signal->steps * signal->window_width * sizeof(double);
    if (bytes.size < BARS_AT + ALM_DIGEST_BYTES || memcmp(bytes.data, MAGIC, sizeof MAGIC) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "these %zu bytes are no state of a signal",
                        bytes.size);
    }
    size_t body = bytes.size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes.data, body);
    if (memcmp(digest.bytes, bytes.data + body, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the hash of the signal's state does not match "
                        "its %zu bytes: replay the symbol from its history", bytes.size);
    }
    if (memcmp(bytes.data + SHAPE_AT, signal->shape.bytes, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CONFLICT, "the state belongs to a signal with other "
                        "windows: replay the symbol from its history");
    }
    uint64_t size = alm_u64_at(bytes.data + SIZE_AT);
    size_t room = body - BARS_AT;
    if (size > room || room - (size_t)size != values) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the signal's state has %zu bytes for bars and "
                        "windows, which does not fit: replay the symbol from its history", room);
    }
    *bars = (alm_str){bytes.data + BARS_AT, (size_t)size};
    return ALM_OK;
}

/* One row of a checkpoint's window: finite, or the one NaN; all missing before the first bar. */
static bool read_row(const char *data, size_t width, bool before_first, double *row)
{
    bool plausible = true;
    for (size_t i = 0; i < width; i++) {
        const double missing = NAN;
        uint64_t bits = alm_u64_at(data + 8 * i);
        memcpy(&row[i], &bits, sizeof bits);
        bool is_missing = memcmp(&row[i], &missing, sizeof missing) == 0;
        plausible = plausible && (is_missing || (isfinite(row[i]) && !before_first));
    }
    return plausible;
}

/* The window's newest row is what the bars' state says. */
static bool read_window(alm_signal_state *state, const char *data)
{
    const alm_signal *signal = state->signal;
    uint64_t seen = alm_bars_state_seen(state->bars);
    size_t width = signal->window_width;
    double *newest = state->row + signal->width;
    bool plausible = true;
    for (size_t t = 0; t < signal->steps && plausible; t++) {
        bool last = t + 1 == signal->steps;
        const char *row = data + t * width * 8;
        plausible = read_row(row, width, signal->steps - t > seen, newest);
        alm_signal_window_push(state->window, newest);
        if (last) {
            almi_signal_gather(signal, state->row, newest);
            const double *pushed = alm_signal_window_view(state->window) + t * width;
            plausible = plausible && memcmp(newest, pushed, width * sizeof *newest) == 0;
        }
    }
    return plausible;
}

alm_err alm_signal_state_load(const alm_signal *signal, alm_str bytes, alm_signal_state **out,
                              alm_error *error)
{
    alm_str saved = {NULL, 0};
    alm_bars_state *bars = NULL;
    alm_signal_window *window = NULL;
    alm_signal_state *state = NULL;
    ALM_TRY(check_frame(signal, bytes, &saved, error));
    ALM_TRY(alm_bars_state_load(signal->plan, saved, &bars, error));
    alm_err code = create_window(signal, &window, error);
    if (code != ALM_OK) {
        alm_bars_state_destroy(bars);
        return code;
    }
    ALM_TRY(assemble(signal, bars, window, &state, error));
    if (!read_window(state, saved.data + saved.size)) {
        alm_signal_state_destroy(state);
        return alm_fail(error, ALM_ERR_CORRUPT, "the signal's state holds what no bars lead to: "
                        "replay the symbol from its history");
    }
    *out = state;
    return ALM_OK;
}
