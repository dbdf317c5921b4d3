#include "num/pseudo_inverse.h"

#include <float.h>
#include <math.h>

#define SWEEPS_MAX 60

/* `count` vectors of `size`, made orthogonal by rotations that `turn` (count x count) keeps: if the
 * vectors are the rows of A, then A = turn' rows. */
typedef struct rotation {
    double *rows, *turn;
    size_t count, size;
} rotation;

static double inner(const double *a, const double *b, size_t size)
{
    double sum = 0;
    for (size_t k = 0; k < size; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

static void rotate(double *a, double *b, size_t size, double cosine, double sine)
{
    for (size_t k = 0; k < size; k++) {
        double x = a[k];
        double y = b[k];
        a[k] = cosine * x - sine * y;
        b[k] = sine * x + cosine * y;
    }
}

/* True when the two were not yet orthogonal. */
static bool part(rotation *r, size_t i, size_t j)
{
    double *a = r->rows + i * r->size;
    double *b = r->rows + j * r->size;
    double aa = inner(a, a, r->size);
    double bb = inner(b, b, r->size);
    double ab = inner(a, b, r->size);
    if (!(fabs(ab) > DBL_EPSILON * sqrt(aa) * sqrt(bb))) {
        return false;
    }
    double zeta = (bb - aa) / (2 * ab);
    double tangent = 1 / (fabs(zeta) + sqrt(1 + zeta * zeta));
    tangent = zeta < 0 ? -tangent : tangent;
    double cosine = 1 / sqrt(1 + tangent * tangent);
    rotate(a, b, r->size, cosine, cosine * tangent);
    rotate(r->turn + i * r->count, r->turn + j * r->count, r->count, cosine, cosine * tangent);
    return true;
}

static alm_err orthogonalise(rotation *r, alm_error *error)
{
    bool moved = true;
    for (int sweep = 0; moved && sweep < SWEEPS_MAX; sweep++) {
        moved = false;
        for (size_t i = 0; i < r->count; i++) {
            for (size_t j = i + 1; j < r->count; j++) {
                moved |= part(r, i, j);
            }
        }
    }
    for (size_t k = 0; k < r->count * r->size; k++) {
        if (!isfinite(r->rows[k])) {
            return alm_fail(error, ALM_ERR_NUMERIC,
                            "a matrix of %zu x %zu holds numbers that are too large to be inverted",
                            r->count, r->size);
        }
    }
    return ALM_OK;
}

static alm_err prepare(alm_matrix_view m, alm_arena *scratch, rotation *r, double *scale,
                       alm_error *error)
{
    bool by_rows = m.rows <= m.columns;
    r->count = by_rows ? m.rows : m.columns;
    r->size = by_rows ? m.columns : m.rows;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(scratch, r->count * r->size * sizeof(double), &memory, error));
    r->rows = memory;
    ALM_TRY(alm_arena_try_alloc(scratch, r->count * r->count * sizeof(double), &memory, error));
    r->turn = memory;
    double largest = 0;
    for (size_t k = 0; k < m.rows * m.columns; k++) {
        largest = fabs(m.cells[k]) > largest ? fabs(m.cells[k]) : largest;
    }
    *scale = largest > 0 ? 1 / largest : 1;
    for (size_t i = 0; i < r->count; i++) {
        for (size_t k = 0; k < r->size; k++) {
            double cell = by_rows ? m.cells[i * m.columns + k] : m.cells[k * m.columns + i];
            r->rows[i * r->size + k] = cell * *scale;
        }
        r->turn[i * r->count + i] = 1;
    }
    return ALM_OK;
}

/* A = turn' rows with orthogonal rows of lengths s, so A+ = rows' (1 / s^2) turn. */
static size_t put_together(const rotation *r, double scale, bool by_rows, double *out)
{
    double largest = 0;
    for (size_t i = 0; i < r->count; i++) {
        const double *row = r->rows + i * r->size;
        double square = inner(row, row, r->size);
        largest = square > largest ? square : largest;
    }
    double share = (double)r->size * DBL_EPSILON;
    size_t rank = 0;
    for (size_t i = 0; i < r->count * r->size; i++) {
        out[i] = 0;
    }
    for (size_t i = 0; i < r->count; i++) {
        const double *row = r->rows + i * r->size;
        const double *turn = r->turn + i * r->count;
        double square = inner(row, row, r->size);
        if (!(square > share * share * largest)) {
            continue;
        }
        rank++;
        for (size_t k = 0; k < r->size; k++) {
            for (size_t j = 0; j < r->count; j++) {
                size_t at = by_rows ? k * r->count + j : j * r->size + k;
                out[at] += row[k] / square * turn[j] * scale;
            }
        }
    }
    return rank;
}

alm_err alm_pseudo_inverse(alm_matrix_view matrix, alm_arena *scratch, double *out, size_t *rank,
                           alm_error *error)
{
    rotation r;
    double scale;
    ALM_TRY(prepare(matrix, scratch, &r, &scale, error));
    ALM_TRY(orthogonalise(&r, error));
    size_t found = put_together(&r, scale, matrix.rows <= matrix.columns, out);
    if (rank) {
        *rank = found;
    }
    return ALM_OK;
}
