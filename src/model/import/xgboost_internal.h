/* xgboost_internal.h: what the readers of XGBoost's formats share; for xgboost_*.c only. */
#ifndef ALM_MODEL_XGBOOST_INTERNAL_H
#define ALM_MODEL_XGBOOST_INTERNAL_H

#include "model/forest/forest_internal.h"

/* Bounds that keep a small file from asking for much memory. */
#define ALMI_XGB_FEATURES_MAX ((int64_t)1 << 24)
#define ALMI_XGB_OUTPUTS_MAX 65536
#define ALMI_XGB_CATEGORY_WORDS_MAX ((size_t)1 << 24)

/* One import under way. */
typedef struct almi_xgb_import {
    alm_forest *forest;
    const char *name;
    alm_error *error;
    alm_arena *scratch;      /* until the end of the import */
    alm_arena *tree_scratch; /* until the end of the tree */
    size_t tree;             /* number of the tree, for messages */
    size_t category_words;   /* of all trees so far */
} almi_xgb_import;

/* What the source says about the margin before the first tree. */
typedef struct almi_xgb_margin {
    alm_str objective;
    const float *score; /* count values of base_score */
    size_t count;       /* 1, or one for every output */
    bool is_margin;     /* files before 1.0: the link is applied already */
} almi_xgb_margin;

/* One tree as XGBoost stores it: an array of nodes, root 0. Nodes that the root does not reach were
 * pruned away and mean nothing. */
typedef struct almi_xgb_nodes {
    size_t count;
    const int32_t *left, *right;  /* left -1: a leaf */
    const int32_t *feature;
    const float *condition;       /* threshold; of a leaf its value */
    const int32_t *default_left;  /* 0 or 1 */
    const int32_t *categorical;   /* 0 or 1; NULL: none is */
    const float *cover;           /* NULL: unknown */
    const int32_t *set_of;        /* [node] number of its category set, -1: none; NULL: none has */
    const int32_t *set_begin;     /* [set] in `category` */
    const int32_t *set_size;
    const int32_t *category;
    const float *leaf_vector;     /* leaves with several values; else NULL */
    const int32_t *leaf_row;      /* [node] row of leaf_vector */
    size_t leaf_rows, leaf_width;
} almi_xgb_nodes;

/* Turns the nodes into a literal tree. Bounds, cycles, shared nodes and category sets are checked;
 * `weight` is DART's, or NULL. */
ALM_NODISCARD alm_err almi_xgb_build_tree(almi_xgb_import *import, const almi_xgb_nodes *nodes,
                                          const float *weight, almi_tree *tree);
/* DART lets a tree add to 0 and adds the sum times the weight: one rounding, and no -0. */
float almi_xgb_weighted(float leaf, float weight);
/* Checks the counts and fills info of the forest; `outputs` is the number of scores. */
ALM_NODISCARD alm_err almi_xgb_set_shape(almi_xgb_import *import, int64_t features,
                                         int64_t classes, int64_t targets);
/* Output of a tree, and room for the trees. */
ALM_NODISCARD alm_err almi_xgb_start_trees(almi_xgb_import *import, size_t count);
ALM_NODISCARD alm_err almi_xgb_set_output(almi_xgb_import *import, int64_t output,
                                          almi_tree *tree);
/* Base margins and the name of the objective. ALM_ERR_UNSUPPORTED: an unknown objective. */
ALM_NODISCARD alm_err almi_xgb_set_margin(almi_xgb_import *import, const almi_xgb_margin *margin);
/* gblinear: `count` weights, those of a column side by side and the biases last. Comes behind
 * almi_xgb_set_margin. */
ALM_NODISCARD alm_err almi_xgb_set_weights(almi_xgb_import *import, const float *weight,
                                           size_t count);
ALM_NODISCARD alm_err almi_xgb_refuse_booster(const almi_xgb_import *import, alm_str booster);

typedef enum almi_xgb_format {
    ALMI_XGB_FORMAT_JSON,
    ALMI_XGB_FORMAT_UBJ,
    ALMI_XGB_FORMAT_BINARY
} almi_xgb_format;

/* alm_forest_parse_xgboost for bytes whose format is known. */
ALM_NODISCARD alm_err almi_xgb_import_as(almi_xgb_format format, alm_str bytes, const char *name,
                                         alm_forest **out, alm_error *error);

/* The formats; the forest is not finished yet. */
ALM_NODISCARD alm_err almi_xgb_import_document(almi_xgb_import *import, alm_str bytes, bool is_ubj);
ALM_NODISCARD alm_err almi_xgb_import_binary(almi_xgb_import *import, alm_str bytes);

#endif
