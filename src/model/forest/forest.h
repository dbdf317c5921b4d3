/* forest.h: decision forests: parse, score exactly, explain exactly.
 *
 * One in-memory forest for every source; importers only fill it. The promise is that the raw score
 * is the source library's raw score, bit for bit, for every input: NaN, infinities, denormals,
 * values on a threshold, odd categories. README.md of this folder says how that is kept.
 *
 * A forest is immutable: any number of threads may score it. Rows are dense doubles; row i starts
 * at rows + i * stride; NaN is a missing value. Sums run in tree order for every row, so a row's
 * result does not depend on the rows beside it, on the block size or on the CPU. */
#ifndef ALM_MODEL_FOREST_H
#define ALM_MODEL_FOREST_H

#include "base/fs.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/wide_vectors.h"
#include "model/model.h"

typedef struct alm_forest alm_forest;

/* The library whose rules a forest follows. */
typedef enum alm_forest_source {
    ALM_FOREST_LIGHTGBM, /* float64: values, thresholds and sums */
    ALM_FOREST_XGBOOST,  /* float32: a value is rounded to float before it is compared */
    ALM_FOREST_CATBOOST, /* float32 values and thresholds, float64 leaves and sums */
    ALM_FOREST_ONNX      /* float32 or float64, as the graph says; base values come last */
} alm_forest_source;

typedef struct alm_forest_info {
    alm_forest_source source;
    size_t feature_count; /* columns of a row */
    size_t output_count;  /* scores per row: 1, or the classes or targets of the model */
    size_t tree_count;
    size_t iteration_count; /* rounds of boosting: one tree, or several, per output */
    size_t leaf_count_max;  /* of one tree */
    bool averaged;          /* random forest: the mean is raw score / iteration_count */
    bool has_cover;         /* the weight of the nodes is known: it can be explained */
    bool has_linear_leaves; /* LightGBM's linear_tree: no contributions, as in the library */
    bool is_linear;         /* XGBoost's gblinear: weights, and no trees */
    /* The source knows categories by names (CatBoost: perhaps, by hashes); rows hold numbers. */
    bool has_category_names;
    alm_str objective;      /* as written by the source ("poisson", ""); borrowed */
    const alm_str *feature_name; /* feature_count names, or NULL; borrowed */
} alm_forest_info;

/* Reads a LightGBM text model (versions v2 to v4; `parameters:` and what follows are not needed).
 * `name` goes into messages. The text is untrusted: every count, child, feature and category
 * bound is checked, cycles are refused and memory is proportional to the text.
 * Linear trees too. ALM_ERR_CORRUPT: not such a text (line and key are named).
 * ALM_ERR_UNSUPPORTED: another version. */
ALM_NODISCARD alm_err alm_forest_parse_lightgbm(alm_str text, const char *name, alm_forest **out,
                                                alm_error *error);
/* The same of a content that perhaps is still being read, by the threads of a pool (may be NULL),
 * which nobody else may use meanwhile: trees are read as they come. Reading has ended when this
 * returns, and its errors come before those of the text. Forest and errors are the same for any
 * number of threads. `hash`: on the way they mostly go on with the content's hash to its end. */
ALM_NODISCARD alm_err alm_forest_read_lightgbm(alm_pool *pool, alm_fs_content *content, bool hash,
                                               const char *name, alm_forest **out,
                                               alm_error *error);

/* Reads a model that XGBoost saved: JSON or UBJ (1.0 and later), or the binary format that 3.1
 * removed; the first bytes say which. gbtree, dart and gblinear, any objective of XGBoost 3.2,
 * categories, parallel trees, several classes or targets, leaves with several values. A gblinear is
 * a forest without trees: info.is_linear. The raw score is the margin: it starts from the base
 * score behind its link, DART's weights are in the leaves. The reference is XGBoost 3.2.0 on x86-64
 * with `missing` NaN and dense rows; a category is its number.
 * As untrusted as a LightGBM text. ALM_ERR_CORRUPT: not such a file (place, tree, node or key are
 * named). ALM_ERR_UNSUPPORTED: unknown boosters and objectives, by name. ALM_ERR_LIMIT: category
 * sets of more than 64 MiB, more than 2^24 features. */
ALM_NODISCARD alm_err alm_forest_parse_xgboost(alm_str bytes, const char *name, alm_forest **out,
                                               alm_error *error);

/* Reads a model that CatBoost saved as .cbm (binary) or, without `ctrs`, as JSON; the first bytes
 * say which. Symmetric and other trees, several outputs, scale and bias, categories (one-hot, and
 * in .cbm their statistics of the target). The raw score is RawFormulaVal; the reference is
 * CatBoost 1.2.10 on x86-64 with dense rows in the order of the training data's columns. Of a
 * category a row holds its number: 3 is the category "3", NaN is "nan".
 * As untrusted as a LightGBM text. ALM_ERR_CORRUPT: not such a file (place or tree is named).
 * ALM_ERR_UNSUPPORTED: text and embedding features, statistics in JSON, categories that are known
 * to be other texts than whole numbers. ALM_ERR_LIMIT: trees deeper than 16 levels of one split,
 * more than 2^20 columns or 65536 outputs. */
ALM_NODISCARD alm_err alm_forest_parse_catboost(alm_str bytes, const char *name, alm_forest **out,
                                                alm_error *error);

/* Reads the tree ensemble of an ONNX file: TreeEnsembleRegressor and TreeEnsembleClassifier of
 * ai.onnx.ml 1 and 3, TreeEnsemble of 5, SUM or AVERAGE, every branch mode but MEMBER; around it
 * only operators that leave the scores alone. The raw score is the specification read in order:
 * leaves are added from 0 in the order of the trees, in float where the rows are floats, then the
 * base values (trees of one leaf, the last of the forest), before post_transform. Two classes of
 * which only the first has weights are one score, the second class's. info.objective is
 * post_transform, with " double" where the result is one and " Normalizer" where that operator
 * follows. README.md of this folder says where onnxruntime differs.
 * Untrusted. ALM_ERR_CORRUPT: not such a file, or trees that are none. ALM_ERR_UNSUPPORTED: what
 * is not done, by its name. ALM_ERR_LIMIT: 2^20 columns, 65536 outputs, sparse wide leaves. */
ALM_NODISCARD alm_err alm_forest_parse_onnx(alm_str bytes, const char *name, alm_forest **out,
                                            alm_error *error);
void alm_forest_destroy(alm_forest *forest); /* takes NULL */
alm_forest_info alm_forest_describe(const alm_forest *forest);

/* Raw scores: out is n x output_count. No allocation; about 110 KiB of stack. */
void alm_forest_score(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                      double *out);
/* The same by the source library's own rules, one row and one node at a time: the oracle. */
void alm_forest_score_reference(const alm_forest *forest, const double *rows, size_t n,
                                size_t stride, double *out);
/* Scores with the functions of this level from now on, instead of what the CPU has: other times,
 * the same bits. False when the CPU does not have them. For tests and benchmarks, and not while
 * another thread scores. */
bool alm_forest_use_vectors(alm_forest *forest, alm_vector_level level);
/* Leaf reached by one row in one tree, in the source's numbering: LightGBM counts leaves, XGBoost
 * nodes, CatBoost leaves, ONNX says its node's id. */
size_t alm_forest_leaf(const alm_forest *forest, size_t tree, const double *row);

/* ---- contributions: path-dependent TreeSHAP (Lundberg et al. 2020) ----
 *
 * The explainer holds the forest cut into leaf paths; it is immutable, shared by threads, and
 * borrows the forest, which must outlive it. A scratch belongs to one thread at a time. */
typedef struct alm_forest_explainer alm_forest_explainer;
typedef struct alm_forest_scratch alm_forest_scratch;

/* Of a gblinear all kinds of contributions exist: weight times value (a float), the library's own.
 * ALM_ERR_UNSUPPORTED when the model has linear trees, no cover (row counts, sums of hessians or
 * leaf weights; XGBoost's leaves with several values have them from 3.2 on), or a path deeper than
 * 1024 or with more than 128 different features; ALM_ERR_LIMIT beyond 2^26 features over all
 * paths. */
ALM_NODISCARD alm_err alm_forest_explainer_create(const alm_forest *forest,
                                                  alm_forest_explainer **out, alm_error *error);
void alm_forest_explainer_destroy(alm_forest_explainer *explainer); /* takes NULL */
ALM_NODISCARD alm_err alm_forest_scratch_create(const alm_forest_explainer *explainer,
                                                alm_forest_scratch **out, alm_error *error);
void alm_forest_scratch_destroy(alm_forest_scratch *scratch); /* takes NULL */

/* out is n x output_count x (feature_count + 1); the last of each is the expected value. Their sum
 * is the raw score to within rounding (1e-12 relative to the sum of the magnitudes). Cheapest per
 * row for 512 rows and more a call, so pass the rows of several series together. */
void alm_forest_contributions(const alm_forest_explainer *explainer, alm_forest_scratch *scratch,
                              const double *rows, size_t n, size_t stride, double *out);

/* ---- strict contributions: the source library's own numbers ----
 *
 * The same contributions in the library's own arithmetic and order of additions: LightGBM 4's
 * pred_contrib (float64) bit for bit, XGBoost 3.2's pred_contribs (float32, given as doubles).
 * They carry that arithmetic's rounding too, so prefer the ones above unless numbers must be those
 * of the library. As above: the explainer is immutable, shared by threads, and borrows the forest;
 * a scratch belongs to one thread at a time; a row's bits do not depend on the rows beside it. */
typedef struct alm_forest_strict alm_forest_strict;
typedef struct alm_forest_strict_scratch alm_forest_strict_scratch;

/* ALM_ERR_UNSUPPORTED: CatBoost's models, linear trees, models without cover, XGBoost's leaves with
 * several values, trees deeper than 1024. ALM_ERR_LIMIT: a tree with more than 2^26 pairs of a leaf
 * and a feature of its path. */
ALM_NODISCARD alm_err alm_forest_strict_create(const alm_forest *forest, alm_forest_strict **out,
                                               alm_error *error);
void alm_forest_strict_destroy(alm_forest_strict *strict); /* takes NULL */
ALM_NODISCARD alm_err alm_forest_strict_scratch_create(const alm_forest_strict *strict,
                                                       alm_forest_strict_scratch **out,
                                                       alm_error *error);
void alm_forest_strict_scratch_destroy(alm_forest_strict_scratch *scratch); /* takes NULL */
/* out is n x output_count x (feature_count + 1); the last of each is the library's expected value.
 * No allocation. NaN where LightGBM gives NaN: a leaf or node without training rows. */
void alm_forest_contributions_strict(const alm_forest_strict *strict,
                                     alm_forest_strict_scratch *scratch, const double *rows,
                                     size_t n, size_t stride, double *out);

/* ---- interventional contributions: against a background ----
 *
 * What moves the score away from its mean over a set of rows, when a feature that is left out has
 * the value of a background row whatever the others are: the "interventional" TreeSHAP of Lundberg
 * et al. 2020, exact. It needs no cover. The background is read once and not kept. Immutable and
 * shared by threads, borrows the forest; a scratch belongs to one thread at a time; a row's bits
 * depend neither on the rows beside it nor on the order of the background. */
typedef struct alm_forest_interventional alm_forest_interventional;
typedef struct alm_forest_interventional_scratch alm_forest_interventional_scratch;

/* n rows of background, as rows of alm_forest_score; NaN is a missing value there too.
 * ALM_ERR_INVALID: no rows. ALM_ERR_UNSUPPORTED: ctrs of CatBoost, linear trees, a path deeper than
 * 1024 or with more than 128 different features. ALM_ERR_LIMIT: more than 65536 rows, or than 2^24
 * patterns of them over all leaves (384 MiB). */
ALM_NODISCARD alm_err alm_forest_interventional_create(const alm_forest *forest,
                                                       const double *background, size_t n,
                                                       size_t stride,
                                                       alm_forest_interventional **out,
                                                       alm_error *error);
void alm_forest_interventional_destroy(alm_forest_interventional *explainer); /* takes NULL */
ALM_NODISCARD alm_err alm_forest_interventional_scratch_create(
    const alm_forest_interventional *explainer, alm_forest_interventional_scratch **out,
    alm_error *error);
void alm_forest_interventional_scratch_destroy(alm_forest_interventional_scratch *scratch);
/* out is n x output_count x (feature_count + 1); the last of each is the mean over the background.
 * Their sum is the raw score to within 1e-12 of the sum over the trees of their largest leaf
 * (XGBoost's score is a sum of floats: 1e-6). No allocation. */
void alm_forest_interventional_contributions(const alm_forest_interventional *explainer,
                                             alm_forest_interventional_scratch *scratch,
                                             const double *rows, size_t n, size_t stride,
                                             double *out);

/* ---- interactions: path-dependent SHAP interaction values (Lundberg et al. 2020) ----
 *
 * Of an explainer of alm_forest_explainer_create, with a scratch of its own. */
typedef struct alm_forest_interaction_scratch alm_forest_interaction_scratch;

/* ALM_ERR_LIMIT: more than 2^26 values a row. */
ALM_NODISCARD alm_err alm_forest_interaction_scratch_create(const alm_forest_explainer *explainer,
                                                            alm_forest_interaction_scratch **out,
                                                            alm_error *error);
void alm_forest_interaction_scratch_destroy(alm_forest_interaction_scratch *scratch);
/* out is n x output_count x (feature_count + 1) x (feature_count + 1), symmetric bit by bit. A row
 * of a matrix sums to that feature's contribution, to within 1e-12 of the sum of all magnitudes;
 * the last row and column are 0 but for the expected value in the corner. No allocation. */
void alm_forest_interactions(const alm_forest_explainer *explainer,
                             alm_forest_interaction_scratch *scratch, const double *rows, size_t n,
                             size_t stride, double *out);

/* The forest as a ROWS model. On success the model owns the forest and destroys it. */
ALM_NODISCARD alm_err alm_forest_model_create(alm_forest *forest, alm_model **out,
                                              alm_error *error);

#endif
