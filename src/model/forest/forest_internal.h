/* forest_internal.h: the shapes behind forest.h; for forest*.c only.
 *
 * Two forms of the same forest live side by side:
 *   literal   almi_tree, exactly what the source wrote; the oracle and the importers use it;
 *   compiled  almi_lane + almi_group: every split is `code <= j ? left : right` on bytes, where
 *             missing values, zeros and category sets are already folded into the codes. */
#ifndef ALM_MODEL_FOREST_INTERNAL_H
#define ALM_MODEL_FOREST_INTERNAL_H

#include <string.h>

#include "base/pool.h"
#include "base/wide_vectors.h"
#include "model/forest/forest.h"

/* XGBoost's largest float that counts integers: categories from here on are in no set. */
#define ALMI_XGBOOST_CATEGORY_END 16777216

/* LightGBM's kZeroThreshold: the float 1e-35 as a double. Values up to it are zero. */
#define ALMI_ZERO_MAX 1.0000000180025095e-35

/* decision byte of a node, as LightGBM writes it */
enum {
    ALMI_DECISION_CATEGORY = 1,
    ALMI_DECISION_DEFAULT_LEFT = 2,
    ALMI_DECISION_MISSING_SHIFT = 2, /* two bits: */
    ALMI_MISSING_NONE = 0,
    ALMI_MISSING_ZERO = 1,
    ALMI_MISSING_NAN = 2
};

/* ---- CatBoost: a column computed from the row (forest_ctr.c) ---- */

typedef enum almi_ctr_kind { /* numbers of the source */
    ALMI_CTR_BORDERS,        /* share of the classes above a border */
    ALMI_CTR_BUCKETS,        /* share of one class */
    ALMI_CTR_CLASS_MEAN,
    ALMI_CTR_TARGET_MEAN,
    ALMI_CTR_COUNTER,
    ALMI_CTR_FREQUENCY
} almi_ctr_kind;

/* One answer that belongs to a combination: a column is above a threshold, or of a category. */
typedef struct almi_ctr_test {
    uint32_t column;
    uint8_t decision; /* as of a node */
    double threshold;
} almi_ctr_test;

/* What the training rows with the same combination of categories and answers say about the target;
 * arrays in the forest's arena, the tables shared by several. */
typedef struct almi_ctr {
    almi_ctr_kind kind;
    const uint32_t *category; /* columns of the combination */
    size_t category_count;
    const almi_ctr_test *test;
    size_t test_count;
    /* A hash table of 2^n buckets of 12 bytes, little endian: hash u64 (all ones: empty), row u32.
     * Rows are checked by the importer. */
    const uint8_t *bucket;
    size_t bucket_count;
    const int32_t *count; /* [row][row_width]; of means a float sum and a count */
    size_t row_width;
    int32_t border, denominator;
    float prior, prior_weight, shift, scale;
} almi_ctr;

/* ---- leaves that are linear models (LightGBM's linear_tree) ---- */

/* Leaf l is constant[l] and, one after the other, the products of its terms
 * begin[l] .. begin[l + 1] - 1; its leaf_value where one of their features is NaN. */
typedef struct almi_leaf_models {
    const double *constant;    /* [leaf] */
    const uint32_t *begin;     /* [leaf + 1] */
    const uint32_t *feature;   /* [term] */
    const double *coefficient; /* [term] */
} almi_leaf_models;

/* One tree of any source; arrays in the forest's arena. Inner nodes 0 .. leaf_count-2, root 0
 * (not LightGBM: parents before children); a child c >= 0 is an inner node, c < 0 the leaf ~c.
 * Checked by almi_forest_finish: each is reached exactly once. */
typedef struct almi_tree {
    alm_forest_source rule;
    uint32_t output;     /* score that the leaves add to; with wide leaves the first of all */
    uint32_t leaf_width; /* values of a leaf: 1, or one for every output */
    size_t leaf_count;
    size_t category_count; /* category sets of this tree */
    int32_t *feature;
    double *threshold; /* of a categorical node: the number of its set; CatBoost: a hash */
    uint8_t *decision; /* not LightGBM: CATEGORY and DEFAULT_LEFT only */
    int32_t *left, *right;
    bool rounded;        /* ONNX: values become floats before they are compared */
    bool single;         /* ONNX: leaf values are floats, and so are the sums */
    double *leaf_value;              /* leaf_count x leaf_width; XGBoost: floats */
    /* XGBoost's DART: what leaf_value is the rounded product of; NULL for all others. */
    double *plain_value;
    float weight;
    const almi_leaf_models *model;   /* NULL: leaves are their values */
    int32_t *leaf_name;              /* the source's numbers of the leaves; NULL: our own */
    double *leaf_cover, *node_cover; /* rows or hessians; NULL when the source has none */
    /* CatBoost: all nodes of a level ask the same, level l has the nodes 2^l - 1 and following, and
     * the leaf's number are the answers, the root's first. 0: not such a tree. */
    uint32_t symmetric_depth;
    const almi_ctr *ctr;   /* CatBoost: the feature column_count + i is ctr[i]; NULL: none */
    uint32_t column_count; /* of a row, if there are any ctr */
    uint32_t *category_begin;        /* category_count + 1 offsets into category_word */
    uint32_t *category_word; /* bit c % 32 of word c / 32: category c goes left (XGBoost: right);
                              * ONNX: the numbers that go left, ascending, two words each */
} almi_tree;

typedef enum almi_lane_kind {
    ALMI_LANE_NAN_IS_ZERO,   /* missing type None: NaN compares as 0 */
    ALMI_LANE_NAN_LEFT,
    ALMI_LANE_NAN_RIGHT,
    ALMI_LANE_ZERO_LEFT,     /* missing type Zero: NaN and zero take the default side */
    ALMI_LANE_ZERO_RIGHT,
    ALMI_LANE_ABOVE_NEVER,   /* CatBoost: the value rounded to float; NaN is above no threshold */
    ALMI_LANE_ABOVE_ALWAYS,  /* the same, but NaN is infinity */
    ALMI_LANE_HASH,          /* CatBoost: code 1 where the category has the hash, else 0 */
    ALMI_LANE_FLOAT_LEFT,    /* XGBoost: the value rounded to float; NaN takes this side */
    ALMI_LANE_FLOAT_RIGHT,
    ALMI_LANE_DOUBLE_LEFT,   /* ONNX: the same on doubles */
    ALMI_LANE_DOUBLE_RIGHT,
    /* Category sets, code 0: left, 1: right. In the set is left; in XGBoost right, and NaN takes
     * the side that the kind says. */
    ALMI_LANE_CATEGORY,
    ALMI_LANE_CATEGORY_LEFT,
    ALMI_LANE_CATEGORY_RIGHT,
    /* ONNX: sets of numbers, their bits in `word`; equal to one is left. */
    ALMI_LANE_EQUAL_FLOAT_LEFT,
    ALMI_LANE_EQUAL_FLOAT_RIGHT,
    ALMI_LANE_EQUAL_DOUBLE_LEFT,
    ALMI_LANE_EQUAL_DOUBLE_RIGHT
} almi_lane_kind;

typedef struct almi_run {
    uint8_t low, width; /* categories low .. low + width */
} almi_run;

#define ALMI_LANE_RUNS_MAX 32
#define ALMI_LANE_THRESHOLDS_MAX 254 /* so that code 255 is right of every threshold */

/* A byte column derived from one feature (CatBoost: or from a ctr): code = number of thresholds
 * below x (from FLOAT on: not above x). A feature with more than 254 thresholds has several lanes,
 * each with a part of them. */
#define ALMI_SEARCH_WAYS 16
typedef struct almi_lane {
    uint32_t feature;
    almi_lane_kind kind;
    almi_lane_kind rule;     /* almi_rule_of(kind); lanes of one rule follow each other */
    uint32_t size;           /* power of two > number of thresholds, at least ALMI_SEARCH_WAYS */
    const double *threshold; /* size, ascending, filled up with what no x is above; NULL: a set */
    /* Numbers in the order of the thresholds: of a float all of it, of a double the upper half
     * (almi_key_of), filled up with INT32_MAX. Before them the last of each ALMI_SEARCH_WAYS of
     * them, the first step of a search of two. */
    const int32_t *key; /* -ALMI_SEARCH_WAYS .. size */
    /* The same numbers as a tree: entry 1 is the middle one, 2 i and 2 i + 1 those in the middle of
     * what is below entry i and above it. */
    const int32_t *heap; /* size */
    const uint32_t *word;    /* category set */
    uint32_t word_count;
    /* The set as runs of categories, all below 255 and at most ALMI_LANE_RUNS_MAX; else NULL. */
    const almi_run *run;
    uint32_t run_count;
} almi_lane;

/* What an inner node became: right iff code of `lane` > `code`. */
typedef struct almi_test {
    uint32_t lane;
    uint32_t code;
} almi_test;

/* What a level of a symmetric tree asks. */
typedef struct almi_level {
    uint32_t limit; /* the code, in each of four bytes: the cheapest load of a vector of them */
    uint32_t lane;  /* position in the group's lane list */
} almi_level;

/* The node between two leaves that stand side by side: its left side ends with the one, its right
 * side begins with the other. */
#define ALMI_BETWEEN_LEAVES 256 /* at most, so that a byte counts them */
typedef struct almi_between {
    uint32_t limit; /* as of a level */
    uint32_t begin; /* the first leaf below the node, four times as well */
    uint32_t lane;
} almi_between;

/* A node of the form that is walked, from the lowest bit on: its lane (position in the group's
 * list), the position of its left child in the tree (the right one follows), its limit: right iff
 * the code is above it. A leaf is its own left child, where every row goes because no code is above
 * its limit; its lane is the number of the leaf, if that is small enough. */
typedef uint32_t almi_step;
#define ALMI_STEP_LANE_BITS 10
#define ALMI_STEP_NEXT_BITS 14
#define ALMI_STEP_LIMIT_SHIFT (ALMI_STEP_LANE_BITS + ALMI_STEP_NEXT_BITS)
#define ALMI_STEP_LANES (1u << ALMI_STEP_LANE_BITS)
#define ALMI_STEP_LEAVES_MAX ((size_t)1 << (ALMI_STEP_NEXT_BITS - 1)) /* two nodes a leaf */

/* Leaves are numbered from left to right. */
typedef struct almi_fast_tree {
    size_t leaf_count;
    const almi_between *between; /* leaf_count - 1; NULL: too many leaves for bytes */
    const almi_step *step;   /* 2 * leaf_count - 1; NULL: too large, walk the literal tree */
    const uint16_t *leaf_at; /* [step] number of the leaf; NULL: it is the lane */
    uint32_t depth;          /* of the deepest leaf */
    uint32_t output;
    /* CatBoost: a tree of that depth whose levels ask the same (forest_symmetric.c): level[d] is
     * bit d of the leaf's number, its operands mean nothing. 0: not such a tree. */
    uint32_t symmetric_depth;
    const almi_level *level;
    const double *value;     /* NULL: several for a leaf, or models; then almi_tree_add adds */
    const uint16_t *literal; /* its numbers of the leaves then; NULL: the same */
    const float *single;     /* XGBoost, ONNX: the same values as they are added */
    /* Values as rows of their 16-bit pieces, the lowest first, each plane_width long; of trees with
     * up to 64 leaves of one value. Else NULL. */
    const uint16_t *plane;
} almi_fast_tree;

/* Loops over values and codes run over so many, so that they have a fixed length. */
#define ALMI_CHUNK_ROWS 64

/* The first step of the search for one row's codes, of ALMI_PIVOT_LANES lanes at once. */
#define ALMI_PIVOT_LANES 8
typedef struct almi_pivots {
    /* [count][ALMI_PIVOT_LANES] the last of each ALMI_SEARCH_WAYS keys of a lane; INT32_MAX where a
     * lane has fewer than others. */
    const int32_t *key;
    uint32_t count;
    int32_t column[ALMI_PIVOT_LANES]; /* as of almi_row_lane; the last again behind the end */
    bool is_straight;                 /* each column is the next of the one before */
} almi_pivots;

/* Consecutive lanes of a group, from position `begin` to `end`, that have thresholds and one rule,
 * and whose features are at most ALMI_CHUNK_ROWS columns, from `first` on: for one row their values
 * are prepared together. */
typedef struct almi_window {
    uint32_t begin, end;
    uint32_t first;
    almi_lane_kind rule;
    const almi_pivots *pivots; /* of ALMI_PIVOT_LANES lanes, of the next ones, ... */
} almi_window;

/* What the search for one row's code needs of a lane, close together: a row goes through all lanes,
 * so the lanes themselves would fill half of the fastest memory. */
typedef struct almi_row_lane {
    const int32_t *key; /* as of the lane */
    uint32_t size;
    uint32_t column; /* of its feature, from `first` of its window on */
} almi_row_lane;

/* Consecutive trees whose lanes fit into the fixed code block of the kernel. */
#define ALMI_GROUP_LANES ALMI_STEP_LANES
typedef struct almi_group {
    size_t tree_begin, tree_end;
    const uint32_t *lane; /* lanes of the forest that the group uses */
    size_t lane_count;
    const almi_window *window; /* category sets follow behind the last one */
    size_t window_count;
    const almi_row_lane *row_lane; /* [lane_count], of the lanes in windows */
} almi_group;

/* Trees as lanes (forest_quick.c): so many at once, and so many lanes that codes are taken from. */
#define ALMI_QUICK_TREES 128
#define ALMI_QUICK_LANES 256

struct almi_kernel;
struct almi_quick;

struct alm_forest {
    alm_arena *arena; /* owns everything below and the forest itself is on the heap */
    alm_pool *pool;   /* while it is made; NULL afterwards, or when one thread makes it */
    alm_arena **worker_arena; /* of the pool's threads: own as much; the first is `arena` */
    int worker_count;
    alm_forest_info info;
    const double *base; /* [output] where the sums start; NULL: 0 */
    const float *weight; /* XGBoost's gblinear: [feature][output], and no trees; else NULL */
    /* CatBoost: what becomes of the sums at the end. */
    double scale;       /* 1 for all others */
    const double *bias; /* [output]; NULL: all are 0 */
    almi_ctr *ctr;      /* columns behind those of the row */
    size_t ctr_count;
    almi_tree *tree;
    almi_test **test; /* [tree][inner node] */
    almi_lane *lane;
    size_t lane_count;
    almi_fast_tree *fast; /* [tree] */
    uint32_t plane_width; /* 32 or 64 */
    /* Where no tree has more leaves than a byte counts, and each leaf one value, that of all trees
     * in one table, leaf_stride apart: then it takes no look-up to find a tree's. Else NULL. */
    double *leaf_values;
    float *leaf_singles; /* XGBoost, ONNX: the same as they are added; else NULL */
    size_t leaf_stride;
    bool single_values;   /* no leaf has several values */
    bool is_parted; /* each ALMI_QUICK_TREES trees have lanes, and so a group, of their own */
    bool has_derived;     /* CatBoost: some lanes are of hashes or of a ctr */
    bool has_symmetric;   /* some trees are */
    almi_group *group;
    size_t group_count;
    const struct almi_quick *quick; /* one row against many trees at once; NULL: cannot be */
    bool by_quick;                  /* single rows go that way */
    /* What scores, whatever it is with the same bits. */
    const struct almi_kernel *kernel;
    size_t walk_rows; /* up to so many rows are scored one by one */
    size_t wide_rows; /* from so many on, 256 are scored together */
    bool has_vbmi;    /* the CPU permutes bytes (AVX-512 VBMI) */
};

/* Creates an empty forest with its arena, to be made from so many bytes; in the second form by the
 * threads of a pool (may be NULL). */
ALM_NODISCARD alm_err almi_forest_create(size_t source_bytes, alm_forest **out, alm_error *error);
ALM_NODISCARD alm_err almi_forest_create_by(alm_pool *pool, size_t source_bytes, alm_forest **out,
                                            alm_error *error);
/* Trees of one task: enough that its start costs nothing, and never cut by the number of threads.
 * What is made of a tree lies in the arena of the worker that makes it. */
#define ALMI_TASK_TREES 16
static inline size_t almi_task_count(size_t tree_count)
{
    return (tree_count + ALMI_TASK_TREES - 1) / ALMI_TASK_TREES;
}
/* Zeroed array in `arena`; the only place where a product of sizes is formed. */
ALM_NODISCARD alm_err almi_forest_array(alm_arena *arena, size_t count, size_t size, void **out,
                                        alm_error *error);
#define ALMI_FOREST_ARRAY(arena, count, pointer, error) \
    almi_forest_array((arena), (count), sizeof(*(pointer)), (void **)&(pointer), (error))
/* Checks the structure of all trees (`name` for messages), then compiles. After this the forest is
 * complete and immutable. */
ALM_NODISCARD alm_err almi_forest_finish(alm_forest *forest, const char *name, alm_error *error);
ALM_NODISCARD alm_err almi_forest_compile(alm_forest *forest, alm_error *error);
/* The last part of it: groups, and the trees in the forms that are scored. */
ALM_NODISCARD alm_err almi_forest_layout(alm_forest *forest, alm_arena *scratch, alm_error *error);

/* The score before the first tree. */
double almi_forest_base(const alm_forest *forest, size_t output);
/* What the source does to the sums of n rows behind the last tree. */
void almi_forest_end(const alm_forest *forest, size_t n, double *score);

/* True when x goes left at node `node`: the source's rule, literally. */
bool almi_tree_goes_left(const almi_tree *tree, size_t node, double x);
/* Our number of the leaf that a row reaches; the literal walk. */
size_t almi_tree_walk(const almi_tree *tree, const double *row);
/* True when x is one of the doubles that lie, ascending, in so many words. */
bool almi_is_member(const uint32_t *word, size_t word_count, double x);
/* Leaf values and sums are floats. */
static inline bool almi_tree_is_single(const almi_tree *tree)
{
    return tree->rule == ALM_FOREST_XGBOOST || tree->single;
}
/* The sums are floats: all trees are alike in this. */
static inline bool almi_forest_is_single(const alm_forest *forest)
{
    return forest->info.source == ALM_FOREST_XGBOOST ||
           (forest->info.tree_count > 0 && forest->tree[0].single);
}
/* Adds the leaf that a row reached to its scores, with the source's rounding. */
void almi_tree_add(const almi_tree *tree, size_t leaf, const double *row, double *score);
/* The same for a tree with values. */
static inline void almi_fast_add(const almi_fast_tree *tree, size_t leaf, double *score)
{
    double *sum = &score[tree->output];
    *sum = tree->single != NULL ? (double)((float)*sum + tree->single[leaf])
                                : *sum + tree->value[leaf];
}
/* ALM_ERR_UNSUPPORTED: a leaf that is a linear model has no contributions. */
ALM_NODISCARD alm_err almi_check_leaves(const alm_forest *forest, alm_error *error);

/* ---- XGBoost's gblinear: weights instead of trees (forest_linear.c) ---- */

void almi_linear_score(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                       double *out);
/* What a column of the row adds to an output: the float product, 0 where the value is missing. */
double almi_linear_term(const alm_forest *forest, size_t column, size_t output, const double *row);
/* The library's own: the terms, and what the sum starts from. */
void almi_linear_contributions(const alm_forest *forest, const double *rows, size_t n,
                               size_t stride, double *out);

/* ---- CatBoost ---- */

/* The hash by which CatBoost knows a category, given as a number (forest_category.c). */
int32_t almi_category_hash(double x);
/* Its rule for one split: above the threshold, or of the category, is right. */
bool almi_catboost_goes_left(uint8_t decision, double threshold, double x);
float almi_ctr_value(const almi_ctr *ctr, const double *row); /* forest_ctr.c */
/* Adds the symmetric tree `tree`, and perhaps more that follow it and are below `end`, to the
 * scores of n <= ALMI_CHUNK_ROWS rows; gives the first tree that was not added. `code` are the
 * codes of the group's lanes as almi_lanes_encode lays them, with a stride of ALMI_CHUNK_ROWS. */
size_t almi_symmetric_add(const alm_forest *forest, size_t tree, size_t end, const uint8_t *code,
                          size_t n, double *score);

/* A whole number whose order is that of the doubles, in their upper half: of two of which it is
 * equal, nothing is known. 0 and -0 have the same. */
static inline int32_t almi_key_of(double x)
{
    int64_t bits;
    x += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    int32_t high = (int32_t)(bits >> 32);
    return high ^ (int32_t)((uint32_t)(high >> 31) >> 1);
}

/* The same of floats, where equal keys are equal floats (but for 0 and -0). */
static inline int32_t almi_key_of_float(float x)
{
    int32_t bits;
    x += 0.0f;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

/* The first of the kinds that make the same number to search for of a value; they differ in where a
 * missing one goes. */
static inline almi_lane_kind almi_rule_of(almi_lane_kind kind)
{
    switch (kind) {
    case ALMI_LANE_NAN_RIGHT:
    case ALMI_LANE_ZERO_RIGHT:
    case ALMI_LANE_FLOAT_RIGHT:
    case ALMI_LANE_DOUBLE_RIGHT:
        return kind - 1;
    default:
        return kind;
    }
}

/* Codes of a block of rows, lane after lane. Loops run over whole chunks of 64 rows, so that they
 * have a fixed length; the code rows must have room for that. */
#define ALMI_BLOCK_ROWS_MAX 512
typedef struct almi_rows {
    const double *value;
    size_t count; /* at most ALMI_BLOCK_ROWS_MAX */
    size_t stride;
} almi_rows;

/* code[i * code_stride + r] = code of row r in lane list[i] (in lane i when list is NULL). Lanes of
 * one categorical feature should follow each other: they share one conversion. */
void almi_lanes_encode(const alm_forest *forest, const uint32_t *list, size_t count,
                       const almi_rows *rows, uint8_t *code, size_t code_stride);
/* code[i] = code of one row in lane i of the group. */
void almi_row_encode(const alm_forest *forest, const almi_group *group, const double *row,
                     uint8_t *code);

#endif
