/* signal_internal.h: what a signal and a state are made of; for the files of this folder only. */
#ifndef ALM_SIGNAL_SIGNAL_INTERNAL_H
#define ALM_SIGNAL_SIGNAL_INTERNAL_H

#include "signal/signal.h"
#include "signal/signal_window.h"

struct alm_signal {
    alm_arena *arena;
    const alm_scorer *scorer;
    alm_scorer *owned; /* NULL: borrowed */
    alm_bars_plan *plan;
    alm_scorer_binding *binding; /* rows: the plan's columns; windows: the nets' columns */
    alm_signal_info info;
    size_t width;         /* columns of the plan */
    size_t window_width;  /* columns of the windows; 0: no nets */
    size_t steps;         /* of the windows */
    const size_t *window_column; /* where they are in the plan */
    alm_digest shape;     /* of steps and names of the windows' columns */
};

struct alm_signal_state {
    const alm_signal *signal;
    alm_bars_state *bars;
    alm_signal_window *window; /* NULL: no nets */
    double row[];       /* width as of the newest bar, then window_width */
};

/* The columns of windows in a row of the plan. */
static inline void almi_signal_gather(const alm_signal *signal, const double *row, double *out)
{
    for (size_t i = 0; i < signal->window_width; i++) {
        out[i] = row[signal->window_column[i]];
    }
}

#endif
