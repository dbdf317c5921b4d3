/* forest_internal.h: the shapes behind forest.h; for forest*.c only.
 *
 * Two forms of the same forest live side by side:
 *   literal   almi_tree, exactly what the source wrote; the oracle and the importers use it;
 *   compiled  almi_lane + almi_group: every split is `code <= j ? left : right` on bytes, where
 *             missing values, zeros and category sets are already folded into the codes. */
#ifndef ALM_MODEL_FOREST_INTERNAL_H
#define ALM_MODEL_FOREST_INTERNAL_H

#include "base/wide_vectors.h"
#include "model/forest.h"

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
    double *leaf_value;              /* leaf_count x leaf_width; XGBoost: floats */
    /* XGBoost's DART: what leaf_value is the rounded product of; NULL for all others. */
    double *plain_value;
    float weight;
    int32_t *leaf_name;              /* the source's numbers of the leaves; NULL: our own */
    double *leaf_cover, *node_cover; /* rows or hessians; NULL when the source has none */
    /* CatBoost: all nodes of a level ask the same, level l has the nodes 2^l - 1 and following, and
     * the leaf's number are the answers, the root's first. 0: not such a tree. */
    uint32_t symmetric_depth;
    const almi_ctr *ctr;   /* CatBoost: the feature column_count + i is ctr[i]; NULL: none */
    uint32_t column_count; /* of a row, if there are any ctr */
    uint32_t *category_begin;        /* category_count + 1 offsets into category_word */
    uint32_t *category_word; /* bit c % 32 of word c / 32: category c goes left (XGBoost: right) */
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
    /* Category sets, code 0: left, 1: right. In the set is left; in XGBoost right, and NaN takes
     * the side that the kind says. */
    ALMI_LANE_CATEGORY,
    ALMI_LANE_CATEGORY_LEFT,
    ALMI_LANE_CATEGORY_RIGHT
} almi_lane_kind;

typedef struct almi_run {
    uint8_t low, width; /* categories low .. low + width */
} almi_run;

#define ALMI_LANE_RUNS_MAX 32
#define ALMI_LANE_THRESHOLDS_MAX 254 /* so that code 255 is right of every threshold */

/* A byte column derived from one feature (CatBoost: or from a ctr): code = number of thresholds
 * below x (FLOAT: not above x). A feature with more than 254 thresholds has several lanes, each
 * with a part of them. */
typedef struct almi_lane {
    uint32_t feature;
    almi_lane_kind kind;
    uint32_t size;           /* power of two > number of thresholds */
    const double *threshold; /* size - 1, ascending, filled up with what no x is above */
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

/* Operands of a blend: below ALMI_BLEND_LEAVES a leaf number, else ALMI_BLEND_LEAVES + position of
 * an earlier node of the same tree. Children come before parents; the root is last. */
#define ALMI_BLEND_LEAVES 256
typedef struct almi_blend {
    uint16_t lane; /* position in the group's lane list */
    uint16_t code;
    uint16_t left, right;
} almi_blend;

typedef struct almi_blend_tree {
    const almi_blend *node; /* NULL: too many leaves for bytes, walk the literal tree */
    size_t count;
    /* Not 0: a tree of that depth whose levels ask the same (forest_symmetric.c). node[d] is bit d
     * of the leaf's number; the operands mean nothing. */
    uint32_t symmetric_depth;
    const float *single; /* XGBoost: the leaf values once more, as they are added */
} almi_blend_tree;

/* Consecutive trees whose lanes fit into the fixed code block of the kernel. */
#define ALMI_GROUP_LANES 512
typedef struct almi_group {
    size_t tree_begin, tree_end;
    const uint32_t *lane; /* lanes of the forest that the group uses */
    size_t lane_count;
} almi_group;

struct alm_forest {
    alm_arena *arena; /* owns everything below and the forest itself is on the heap */
    alm_forest_info info;
    const double *base; /* [output] where the sums start; NULL: 0 */
    /* CatBoost: what becomes of the sums at the end. */
    double scale;       /* 1 for all others */
    const double *bias; /* [output]; NULL: all are 0 */
    almi_ctr *ctr;      /* columns behind those of the row */
    size_t ctr_count;
    almi_tree *tree;
    almi_test **test; /* [tree][inner node] */
    almi_lane *lane;
    size_t lane_count;
    almi_blend_tree *blend; /* [tree] */
    almi_group *group;
    size_t group_count;
};

/* Creates an empty forest with its arena. */
ALM_NODISCARD alm_err almi_forest_create(alm_forest **out, alm_error *error);
/* Zeroed array in `arena`; the only place where a product of sizes is formed. */
ALM_NODISCARD alm_err almi_forest_array(alm_arena *arena, size_t count, size_t size, void **out,
                                        alm_error *error);
#define ALMI_FOREST_ARRAY(arena, count, pointer, error) \
    almi_forest_array((arena), (count), sizeof(*(pointer)), (void **)&(pointer), (error))
/* Checks the structure of all trees (`name` for messages), then compiles. After this the forest is
 * complete and immutable. */
ALM_NODISCARD alm_err almi_forest_finish(alm_forest *forest, const char *name, alm_error *error);
ALM_NODISCARD alm_err almi_forest_compile(alm_forest *forest, alm_error *error);

/* The score before the first tree. */
double almi_forest_base(const alm_forest *forest, size_t output);
/* What the source does to the sums of n rows behind the last tree. */
void almi_forest_end(const alm_forest *forest, size_t n, double *score);

/* True when x goes left at node `node`: the source's rule, literally. */
bool almi_tree_goes_left(const almi_tree *tree, size_t node, double x);
/* Our number of the leaf that a row reaches; the literal walk. */
size_t almi_tree_walk(const almi_tree *tree, const double *row);
/* Adds a leaf to the scores of one row, with the source's rounding. */
void almi_tree_add(const almi_tree *tree, size_t leaf, double *score);

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

/* Codes of a block of rows, lane after lane. Loops run over whole chunks of 64 rows, so that they
 * have a fixed length; the code rows must have room for that. */
#define ALMI_CHUNK_ROWS 64
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

#endif
