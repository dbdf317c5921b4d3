/* window.h: the window of an operator, for kernels outside window_operators.c (internal). */
#ifndef ALM_FEATURE_WINDOW_H
#define ALM_FEATURE_WINDOW_H

#include "feature/operator.h"

/* Positions (low, high] of the ring of cells; low may be -1, the position before the first. */
typedef struct almi_window {
    size_t low;
    size_t high;
} almi_window;

/* The window of run->window cells that ends at period p; with skip_closed of open periods, none
 * older than the reach. */
almi_window almi_window_at(const almi_run *run, size_t p);
/* Mean of its usable cells: what `mean` gives. The kernel needs ALMI_NEEDS_SUMS. */
double almi_window_mean(const almi_run *run, size_t p);

static inline double almi_cell_at(const almi_run *run, size_t position)
{
    return run->cells[position & run->cell_mask];
}

#endif
