/* catboost_internal.h: what the readers of CatBoost's two formats share; for catboost_*.c only.
 *
 * Both formats say the same: features with their borders, categories and statistics, which together
 * number all splits; then trees of such numbers. The readers fill almi_cb_features and hand over
 * tree after tree. */
#ifndef ALM_MODEL_CATBOOST_INTERNAL_H
#define ALM_MODEL_CATBOOST_INTERNAL_H

#include "model/forest/forest_internal.h"
#include "model/import/document_value.h"

/* Bounds that keep a small file from asking for much memory. */
#define ALMI_CB_COLUMNS_MAX ((int64_t)1 << 20)
#define ALMI_CB_OUTPUTS_MAX 65536
#define ALMI_CB_DEPTH_MAX 16 /* of symmetric trees; the source's own bound */

/* What happens to NaN, as numbered in the source. */
typedef enum almi_cb_missing {
    ALMI_CB_AS_IS,    /* compares false, so left */
    ALMI_CB_AS_FALSE, /* below all borders */
    ALMI_CB_AS_TRUE   /* above all */
} almi_cb_missing;

typedef struct almi_cb_float {
    int64_t index;  /* among the numeric features */
    int64_t column; /* of the row */
    bool has_nans;  /* else `missing` means nothing */
    int64_t missing;
    const float *border;
    size_t border_count;
    alm_str name;
} almi_cb_float;

typedef struct almi_cb_category {
    int64_t index, column; /* among the categorical features; of the row */
    alm_str name;
} almi_cb_category;

typedef struct almi_cb_one_hot {
    int64_t index; /* of the categorical feature */
    const int32_t *value;
    size_t value_count;
} almi_cb_one_hot;

/* A ctr: its column is complete, but for the combination, whose indices are still the source's. */
typedef struct almi_cb_ctr {
    almi_ctr ctr;
    const float *border;
    size_t border_count;
} almi_cb_ctr;

typedef struct almi_cb_features {
    almi_cb_float *number;
    almi_cb_category *category;
    almi_cb_one_hot *one_hot;
    almi_cb_ctr *ctr;
    size_t number_count, category_count, one_hot_count, ctr_count;
    int64_t extra_columns; /* the row has at least so many, for text and embedding features */
} almi_cb_features;

/* What a split's number means. */
typedef struct almi_cb_split {
    int32_t feature;
    uint8_t decision;
    double threshold;
} almi_cb_split;

/* One import under way. */
typedef struct almi_cb_import {
    alm_forest *forest;
    const char *name;
    alm_error *error;
    alm_arena *scratch;      /* until the end of the import */
    alm_arena *tree_scratch; /* until the end of the tree */
    almi_cb_features features;
    bool category_texts_known; /* and all are whole numbers */
    almi_cb_split *split;
    size_t split_count;
    size_t tree; /* number of the next tree */
} almi_cb_import;

/* Trees with a split of its own at each inner node. Numbers: parents before children, root 0; a
 * child c < 0 is the leaf ~c. */
typedef struct almi_cb_nodes {
    size_t leaf_count;
    const int32_t *left, *right, *split; /* [leaf_count - 1] */
    const int32_t *leaf_row;             /* [leaf] its row in value and weight */
    const double *value;                 /* [row][output] */
    const double *weight;                /* [row]; NULL: unknown */
} almi_cb_nodes;

/* Fills info of the forest and the table of splits from `features`. */
ALM_NODISCARD alm_err almi_cb_set_features(almi_cb_import *import, int64_t output_count);
/* Column of a numeric or categorical feature by its index; its treatment of NaN as a decision. */
ALM_NODISCARD alm_err almi_cb_find_number(const almi_cb_import *import, int64_t index,
                                          uint32_t *column, uint8_t *decision);
ALM_NODISCARD alm_err almi_cb_find_category(const almi_cb_import *import, int64_t index,
                                            uint32_t *column);
/* Scale, and a bias for all outputs or for each. */
ALM_NODISCARD alm_err almi_cb_set_scale(almi_cb_import *import, double scale, const double *bias,
                                        size_t count);
/* Objective from the training parameters, which may be missing: loss_function.type. */
void almi_cb_read_objective(almi_cb_import *import, const almi_doc_file *file,
                            const almi_doc_value *params);
/* True for a category whose text a row's number becomes: a whole number as it is written. */
bool almi_cb_is_number(alm_str category);

/* ALM_ERR_CORRUPT: what is wrong with the tree that comes next. */
ALM_NODISCARD alm_err almi_cb_damaged_tree(const almi_cb_import *import, const char *what);
ALM_NODISCARD alm_err almi_cb_start_trees(almi_cb_import *import, size_t count);
/* The next tree of the forest. split[d] decides bit d of the leaf's number; value is [2^depth]
 * [output]; weight is [2^depth] or NULL. */
ALM_NODISCARD alm_err almi_cb_add_symmetric(almi_cb_import *import, const int32_t *split,
                                            size_t depth, const double *value,
                                            const double *weight);
ALM_NODISCARD alm_err almi_cb_add_nodes(almi_cb_import *import, const almi_cb_nodes *nodes);

typedef enum almi_cb_format {
    ALMI_CB_FORMAT_JSON,
    ALMI_CB_FORMAT_BINARY
} almi_cb_format;

/* alm_forest_parse_catboost for bytes whose format is known. */
ALM_NODISCARD alm_err almi_cb_import_as(almi_cb_format format, alm_str bytes, const char *name,
                                        alm_forest **out, alm_error *error);

/* The formats; the forest is not finished yet. */
ALM_NODISCARD alm_err almi_cb_import_json(almi_cb_import *import, alm_str bytes);
ALM_NODISCARD alm_err almi_cb_import_binary(almi_cb_import *import, alm_str bytes);

#endif
