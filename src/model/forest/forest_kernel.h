/* forest_kernel.h: the inner loops of scoring, written once per level of the CPU.
 *
 * A kernel is a table of functions on fixed blocks of 64 rows. All kernels give the same bits:
 * codes and leaf numbers are integers, and each row's values are added one tree after the other.
 * forest_kernel_plain.c is C alone and runs everywhere; the others need what their name says. */
#ifndef ALM_MODEL_FOREST_KERNEL_H
#define ALM_MODEL_FOREST_KERNEL_H

#include "model/forest/forest_internal.h"

#define ALMI_BLOCK_ROWS ALMI_CHUNK_ROWS
/* Sums of 64 rows that a block keeps; forests with more outputs add to the result directly. */
#define ALMI_BLOCK_SUMS 16
/* Trees whose leaf numbers wait, so that the sums are loaded and stored once for all of them. */
#define ALMI_PENDING_TREES 16

/* Columns that are made of rows together. */
#define ALMI_TILE_COLUMNS 8

/* Rows of a code block or of operands are 64 bytes, aligned to that. */
typedef uint8_t almi_bytes[ALMI_BLOCK_ROWS];

/* Leaf numbers of consecutive trees that add to the same output; either all trees have planes or
 * none has. */
typedef struct almi_pending {
    const almi_fast_tree *tree;
    size_t count;
    uint32_t plane_width;
    const almi_bytes *leaf; /* [count] */
} almi_pending;

/* Values as they are compared, and what is searched for. */
typedef struct almi_numbers {
    _Alignas(64) double value[ALMI_CHUNK_ROWS];
    int32_t key[ALMI_CHUNK_ROWS];
} almi_numbers;

/* Lanes of one window. */
typedef struct almi_row_lanes {
    const almi_row_lane *own; /* [count] */
    size_t count;
    const almi_lane *all;
    const uint32_t *list; /* [count] of all: the same lanes */
    almi_lane_kind rule;
    const almi_pivots *pivots;
} almi_row_lanes;

/* The columns of a window in one row: as they stand there, and what is searched for. */
typedef struct almi_row_columns {
    const double *value;
    const int32_t *key;
} almi_row_columns;

typedef struct almi_kernel {
    alm_vector_level level;
    /* code[r] = how many of the lane's keys are below key[r]; of ALMI_CHUNK_ROWS rows. Bit r of
     * the result: the next key is equal. */
    uint64_t (*search)(const almi_lane *lane, const int32_t *key, uint8_t *code);
    /* Code of any value as it stands in a row, in a lane with thresholds. */
    uint8_t (*code)(const almi_lane *lane, double value);
    /* Codes of one row's numbers in a window's lanes; what NaN gets means nothing. */
    void (*search_row)(const almi_row_lanes *lanes, const almi_row_columns *of, uint8_t *code);
    /* ALMI_TILE_COLUMNS columns of ALMI_CHUNK_ROWS rows, stride apart, each in one piece; `to` is
     * aligned to 64 bytes. */
    void (*columns)(const double *row, size_t stride, double (*to)[ALMI_CHUNK_ROWS]);
    /* Bit r: value r of ALMI_CHUNK_ROWS has other bits than the one before it; bit 0 is any. */
    uint64_t (*changes)(const double *value);
    /* Leaf number of each row in each of some consecutive trees with `between`. */
    void (*leaves)(const almi_fast_tree *tree, size_t count, const almi_bytes *code,
                   almi_bytes *leaf);
    /* sum[row] += value of its leaf, tree after tree. */
    void (*add)(const almi_pending *pending, double *sum);
    void (*add_single)(const almi_pending *pending, float *sum);
} almi_kernel;

extern const almi_kernel almi_kernel_plain;
#if ALM_HAS_VECTOR_LEVELS
extern const almi_kernel almi_kernel_v3;
extern const almi_kernel almi_kernel_v4;
#endif

/* Vectors compare signed bytes sooner: then codes have their highest bit turned. */
#define ALMI_CODE_SIGN 0x80

/* Functions of the levels; what is inlined into them takes their instructions. */
#define ALMI_V3 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define ALMI_V4 \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,bmi,bmi2,lzcnt,popcnt")))
#define ALMI_V4_VBMI \
    __attribute__(( \
        target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,bmi,bmi2,lzcnt,popcnt")))

/* ---- 256 rows (V3 and V4) ---- */

#define ALMI_WIDE_PARTS 4
#define ALMI_WIDE_ROWS ((size_t)ALMI_WIDE_PARTS * ALMI_BLOCK_ROWS)
/* Leaf numbers of ALMI_WIDE_ROWS rows in a tree with `between`; code: ALMI_WIDE_ROWS a lane, for V3
 * turned; leaf: the parts leaf_stride apart. */
void almi_wide_leaves_v3(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                         size_t leaf_stride);
void almi_wide_leaves_v4(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                         size_t leaf_stride);
void almi_turn_codes(size_t lanes, uint8_t *code);

/* ---- one row ---- */

/* Leaf numbers of one row in consecutive trees of one group, at most ALMI_WALK_WIDTH, all with
 * steps. `code`: ALMI_STEP_LANES codes, each shifted by ALMI_STEP_LIMIT_SHIFT. */
void almi_walk_trees(const almi_fast_tree *tree, size_t count, const uint32_t *code,
                     uint32_t *leaf);
/* Leaf numbers of a block of rows in one tree with steps. */
void almi_walk_rows(const almi_fast_tree *tree, const almi_bytes *code, size_t rows,
                    uint32_t *leaf);
#define ALMI_WALK_WIDTH 8

/* Trees as lanes (forest_quick.c): builds forest->quick where forest and CPU allow. */
ALM_NODISCARD alm_err almi_quick_build(alm_forest *forest, alm_error *error);
/* Can it be, with the kernel in use? */
bool almi_quick_can(const alm_forest *forest);
/* Is it faster than a walk, with the kernel in use? By the shape of the forest alone. */
bool almi_quick_is_sooner(const alm_forest *forest);
void almi_quick_score(const alm_forest *forest, const double *row, double *out);

#endif
