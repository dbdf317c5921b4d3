/* pseudo_inverse.h: the inverse of Moore and Penrose, of a matrix of any shape and rank.
 *
 * By singular values, from one-sided Jacobi rotations (Hestenes 1958; Demmel and Veselic 1992 on
 * their accuracy), in a fixed order. O(rows columns min(rows, columns)) a sweep, about ten sweeps;
 * meant for a smaller side of up to some hundreds. Singular values below max(rows, columns) * 2^-52
 * of the largest count as 0. */
#ifndef ALM_NUM_PSEUDO_INVERSE_H
#define ALM_NUM_PSEUDO_INVERSE_H

#include "base/arena.h"

typedef struct alm_matrix_view {
    const double *cells; /* rows x columns, row-major, finite */
    size_t rows, columns;
} alm_matrix_view;

/* out: columns x rows, row-major. *rank: singular values that count; may be NULL. Temporaries in
 * `scratch`. ALM_ERR_NUMERIC: numbers of this size cannot be worked with; ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_pseudo_inverse(alm_matrix_view matrix, alm_arena *scratch, double *out,
                                         size_t *rank, alm_error *error);

#endif
