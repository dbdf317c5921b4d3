/* forest_explain.h: one way to explain a forest's raw scores, and the check that they add up.
 *
 * The ways are those of forest.h (docs/explanations.md says which is for what); here they have one
 * shape: per row, for every output, one number per feature and last the expected value; they sum to
 * the raw score. Every row is checked for that before it is given out: a contribution that does not
 * add up is an error with the row's number, never a number in a file. Immutable and shared by
 * threads; borrows the forest. A scratch belongs to one thread at a time. */
#ifndef ALM_MODEL_FOREST_EXPLAIN_H
#define ALM_MODEL_FOREST_EXPLAIN_H

#include "model/forest/forest.h"

typedef enum alm_explain_way {
    ALM_EXPLAIN_FAST,        /* path-dependent TreeSHAP, exact in float64 */
    ALM_EXPLAIN_STRICT,      /* the same in the source library's own bits */
    ALM_EXPLAIN_BACKGROUND,  /* interventional TreeSHAP against rows */
    ALM_EXPLAIN_INTERACTIONS /* path-dependent, of pairs */
} alm_explain_way;

typedef struct alm_forest_explain_options {
    alm_explain_way way;
    const double *background; /* rows of forest.feature_count values; read once */
    size_t background_rows;
} alm_forest_explain_options;

typedef struct alm_forest_explain alm_forest_explain;
typedef struct alm_forest_explain_scratch alm_forest_explain_scratch;

/* Errors of the create functions in forest.h. */
ALM_NODISCARD alm_err alm_forest_explain_create(const alm_forest *forest,
                                                const alm_forest_explain_options *options,
                                                alm_forest_explain **out, alm_error *error);
void alm_forest_explain_destroy(alm_forest_explain *explain); /* takes NULL */
/* Numbers of a row and output: feature_count + 1. Of INTERACTIONS one for every pair i <= j of
 * features in the order (0,0), (0,1), ..., (1,1), ..., where i == j is the main effect and i < j
 * both halves of the pair together; and the expected value. */
size_t alm_forest_explain_width(const alm_forest_explain *explain);

ALM_NODISCARD alm_err alm_forest_explain_scratch_create(const alm_forest_explain *explain,
                                                        alm_forest_explain_scratch **out,
                                                        alm_error *error);
void alm_forest_explain_scratch_destroy(alm_forest_explain_scratch *scratch); /* takes NULL */

typedef struct alm_explain_rows {
    const double *rows; /* n x stride */
    size_t n, stride;
    const double *raw; /* n x output_count: what alm_forest_score says of them */
    uint64_t first;    /* rows before these: messages count from there */
} alm_explain_rows;

/* out is n x output_count x width. No allocation. ALM_ERR_NUMERIC names the first row that does not
 * add up to its raw score, within the rounding of the way. Of the sum over the trees of their
 * largest leaf that is 1e-11 where sums are float64; 1e-6 and 2^-24 for every tree where the score
 * is a sum of floats (XGBoost, ONNX); of the library's own recursion 1e-8 in float64, in float 1e-4
 * and 2^-23 for every tree. `out` may hold a part then, and is not to be used. */
ALM_NODISCARD alm_err alm_forest_explain_rows(const alm_forest_explain *explain,
                                              alm_forest_explain_scratch *scratch,
                                              const alm_explain_rows *rows, double *out,
                                              alm_error *error);

#endif
