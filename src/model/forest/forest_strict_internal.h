/* forest_strict_internal.h: between forest_strict.c and its sums; for these two files only. */
#ifndef ALM_MODEL_FOREST_STRICT_INTERNAL_H
#define ALM_MODEL_FOREST_STRICT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/forest/forest_internal.h"

#define ALMI_STRICT_VECTOR_BYTES 32

/* Numbers of the library's type that depend on nothing else. */
typedef struct almi_strict_tables {
    const void *count; /* [i] i, up to the largest size and two vectors more */
    const void *ratio; /* [size * (size - 1) / 2 + i] the factor (size - i) / (size + 1) */
} almi_strict_tables;

/* A leaf with the elements of its path: [1 .. size], index 0 is the library's placeholder. */
typedef struct almi_strict_leaf {
    size_t size;
    const double *zero; /* share of the training rows that pass the conditions on a feature */
    const void *count;  /* of the tables */
    const void *ratio;  /* of the tables, of this size */
    double value;
} almi_strict_leaf;

/* One row in a tree of at most ALMI_STRICT_ALONE_MAX levels, by the library's own recursion: slots,
 * which rows share, cost more there than they save. */
#define ALMI_STRICT_ALONE_MAX 8
typedef struct almi_strict_alone {
    const almi_tree *tree;
    const double *row;
    const double *share; /* [inner node][left, right] */
    const double *value; /* [leaf] */
    const almi_strict_tables *tables;
    void *sum; /* [feature] of the library's type: the values are added to it */
} almi_strict_alone;

/* The library's arithmetic in one type of number. A state is its array of `pweight`, size + 1
 * numbers of that type, with a vector of zeros behind it that may be overwritten and one number
 * before it that is never used; shares and values are passed as doubles that hold such a number. */
typedef struct almi_strict_sums {
    size_t real_bytes;
    void (*tables)(size_t size_max, void *count, void *ratio);
    /* One more element, `size` becomes its index; from and to are different states. */
    void (*extend)(const almi_strict_tables *tables, const void *from, size_t size, double zero,
                   bool hot, void *to);
    /* One element less, of those up to `size`. */
    void (*unwind)(void *state, size_t size, double zero, bool hot);
    /* value[j - 1] = what element j gets; one[j]: whether the row passes its conditions, 0 or 1. */
    void (*values)(const almi_strict_leaf *leaf, const void *state, const uint8_t *one,
                   double *value);
    void (*alone)(const almi_strict_alone *walk);
} almi_strict_sums;

extern const almi_strict_sums ALMI_STRICT_DOUBLE, ALMI_STRICT_SINGLE;

#endif
