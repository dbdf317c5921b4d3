#include "signal/signal_window.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

struct alm_signal_window {
    size_t steps, width;
    size_t next; /* row of the ring that comes next: the oldest */
    double values[]; /* 2 x steps x width */
};

size_t alm_signal_window_bytes(size_t steps, size_t width)
{
    return sizeof(alm_signal_window) + 2 * steps * width * sizeof(double);
}

alm_err alm_signal_window_create(size_t steps, size_t width, alm_signal_window **out,
                                 alm_error *error)
{
    void *memory = NULL;
    if (width > 0 && steps > (SIZE_MAX / 4 / sizeof(double)) / width) {
        return alm_fail(error, ALM_ERR_LIMIT, "a window of %zu steps of %zu columns is too large",
                        steps, width);
    }
    ALM_TRY(alm_heap_try(alm_signal_window_bytes(steps, width), &memory, error));
    alm_signal_window *window = memory;
    window->steps = steps;
    window->width = width;
    alm_signal_window_clear(window);
    *out = window;
    return ALM_OK;
}

void alm_signal_window_destroy(alm_signal_window *window)
{
    alm_heap_free(window);
}

alm_err alm_signal_window_clone(const alm_signal_window *window, alm_signal_window **out,
                                alm_error *error)
{
    void *memory = NULL;
    size_t bytes = alm_signal_window_bytes(window->steps, window->width);
    ALM_TRY(alm_heap_try(bytes, &memory, error));
    memcpy(memory, window, bytes);
    *out = memory;
    return ALM_OK;
}

void alm_signal_window_clear(alm_signal_window *window)
{
    window->next = 0;
    for (size_t i = 0; i < 2 * window->steps * window->width; i++) {
        window->values[i] = NAN;
    }
}

void alm_signal_window_push(alm_signal_window *window, const double *row)
{
    size_t width = window->width, steps = window->steps;
    if (width == 0 || steps == 0) {
        return;
    }
    double *at = window->values + window->next * width;
    memcpy(at, row, width * sizeof *row);
    memcpy(at + steps * width, row, width * sizeof *row);
    window->next = window->next + 1 == steps ? 0 : window->next + 1;
}

const double *alm_signal_window_view(const alm_signal_window *window)
{
    return window->values + window->next * window->width;
}
