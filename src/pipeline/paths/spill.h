/* spill.h: what a leaf's base forecast leaves behind for the later passes, on scratch disk.
 *
 * A run passes over the leaves more than once (sum the paths, reconcile, adjust). Base forecasts of
 * all leaves would make memory grow with their number, so they are written once, block by block,
 * and read again in the same order. Scratch data: native layout, never kept, never hashed. */
#ifndef ALM_PIPELINE_SPILL_H
#define ALM_PIPELINE_SPILL_H

#include "base/fs.h"
#include "pipeline/base_forecast.h"

typedef struct alm_spill_shape {
    size_t steps;
    size_t templates;
} alm_spill_shape;

typedef struct alm_leaf { /* one leaf between the passes */
    alm_base base;
    uint8_t *rank;    /* templates x steps */
    double on_hand;   /* NaN: not known */
    double *receipts; /* steps */
} alm_leaf;

typedef struct alm_spill alm_spill;

/* `path`: a scratch file that does not exist; removed by close. */
ALM_NODISCARD alm_err alm_spill_open(alm_fs *fs, const char *path, alm_spill_shape shape,
                                     alm_spill **out, alm_error *error);
void alm_spill_close(alm_spill *spill); /* takes NULL */
ALM_NODISCARD alm_err alm_spill_write(alm_spill *spill, const alm_leaf *leaves, size_t count,
                                      alm_error *error);
/* Starts reading from the first leaf; after it no more writing. */
ALM_NODISCARD alm_err alm_spill_rewind(alm_spill *spill, alm_error *error);
ALM_NODISCARD alm_err alm_spill_read(alm_spill *spill, size_t count, alm_arena *arena,
                                     alm_leaf **out, alm_error *error);

#endif
