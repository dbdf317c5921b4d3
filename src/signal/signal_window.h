/* signal_window.h: the newest rows of one series, always as one plain array.
 *
 * Rows lie in a ring that is written twice, so that the window that ends at the newest row needs no
 * copy. Before the first row every value is missing (NaN): a window that is not full is one with
 * missing values. Belongs to one thread at a time. */
#ifndef ALM_SIGNAL_SIGNAL_WINDOW_H
#define ALM_SIGNAL_SIGNAL_WINDOW_H

#include "base/error.h"

typedef struct alm_signal_window alm_signal_window;

/* Windows of `steps` rows of `width` values. ALM_ERR_MEMORY; ALM_ERR_LIMIT when the bytes do not
 * fit into a size. */
ALM_NODISCARD alm_err alm_signal_window_create(size_t steps, size_t width, alm_signal_window **out,
                                               alm_error *error);
void alm_signal_window_destroy(alm_signal_window *window); /* takes NULL */
ALM_NODISCARD alm_err alm_signal_window_clone(const alm_signal_window *window,
                                              alm_signal_window **out, alm_error *error);
size_t alm_signal_window_bytes(size_t steps, size_t width); /* of memory that it takes */
void alm_signal_window_clear(alm_signal_window *window); /* no row */

/* The next row; the oldest is forgotten. */
void alm_signal_window_push(alm_signal_window *window, const double *row);
/* steps x width, oldest row first; valid until the next push. */
const double *alm_signal_window_view(const alm_signal_window *window);

#endif
