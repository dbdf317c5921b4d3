/* onnx_ensemble.h: the tree ensembles of ONNX in one shape; for onnx_*.c only.
 *
 * TreeEnsembleRegressor and TreeEnsembleClassifier (ai.onnx.ml 1 and 3) name nodes by (tree, node)
 * and give leaves their weights in lists beside them; TreeEnsemble (5) numbers nodes and leaves.
 * Both become arrays over all nodes of all trees here. */
#ifndef ALM_MODEL_ONNX_ENSEMBLE_H
#define ALM_MODEL_ONNX_ENSEMBLE_H

#include "model/import/onnx_graph.h"

typedef enum almi_onnx_mode {
    ALMI_ONNX_LEQ, /* the numbers of TreeEnsemble 5 */
    ALMI_ONNX_LT,
    ALMI_ONNX_GTE,
    ALMI_ONNX_GT,
    ALMI_ONNX_EQ,
    ALMI_ONNX_NEQ,
    ALMI_ONNX_LEAF
} almi_onnx_mode;

typedef struct almi_onnx_ensemble {
    size_t node_count;
    uint8_t *mode;
    int32_t *feature;
    double *value;
    uint8_t *missing_true; /* NaN takes the true branch */
    int32_t *yes, *no;     /* positions of the children; of a leaf not used */
    /* EQ nodes that continue the one of which they are the `no`: same feature, same `yes`. So a
     * converter writes a set of categories, and only so a node may have two parents. NULL: none. */
    uint8_t *chained;
    int32_t *name;         /* the source's numbers */
    size_t *weight_begin;  /* node_count + 1 positions in the weights, in the source's order */
    int32_t *weight_output;
    double *weight;
    size_t weight_count;
    int32_t *root; /* one a tree, in the order in which the trees are added */
    size_t tree_count;
    size_t output_count;
    double *base; /* output_count, added last; NULL: none */
    bool average;
    bool has_doubles;      /* a double among thresholds, weights and base values */
    bool double_result;    /* TreeEnsemble of doubles; the older ones give floats */
    bool shared_leaves;    /* TreeEnsemble: two branches may name one leaf */
    alm_str post_transform; /* "NONE", "LOGISTIC", "SOFTMAX", or what is uncertain */
} almi_onnx_ensemble;

typedef struct almi_onnx_import {
    const char *name;
    alm_arena *scratch;
    alm_error *error;
} almi_onnx_import;

#define ALMI_ONNX_FEATURES_MAX ((int64_t)1 << 20)
#define ALMI_ONNX_OUTPUTS_MAX 65536

bool almi_onnx_is_ensemble(const almi_onnx_node *node);
/* Reads the attributes of such a node: lengths, references and numbers are checked, trees are not
 * yet. ALM_ERR_UNSUPPORTED names what is not done: MIN, MAX, PROBIT, SOFTMAX_ZERO, MEMBER. */
ALM_NODISCARD alm_err almi_onnx_read_ensemble(const almi_onnx_import *import,
                                              const almi_onnx_node *node,
                                              almi_onnx_ensemble *out);
/* The same for TreeEnsemble (ai.onnx.ml 5). */
ALM_NODISCARD alm_err almi_onnx_read_ensemble_5(const almi_onnx_import *import,
                                                const almi_onnx_node *node,
                                                almi_onnx_ensemble *out);

/* ---- for both readers ---- */
ALM_NODISCARD alm_err almi_onnx_array(const almi_onnx_import *import, size_t count, size_t size,
                                      void **out);
#define ALMI_ONNX_ARRAY(import, count, pointer) \
    almi_onnx_array((import), (count), sizeof(*(pointer)), (void **)&(pointer))
/* Integers that must be there, `count` of them, each in [low, high]. */
typedef struct almi_onnx_bounds {
    size_t count;
    int64_t low, high;
} almi_onnx_bounds;
ALM_NODISCARD alm_err almi_onnx_bounded(const almi_onnx_import *import, const almi_onnx_node *node,
                                        const char *name, almi_onnx_bounds bounds, int64_t **out);
ALM_NODISCARD alm_err almi_onnx_check_transform(const almi_onnx_import *import, alm_str transform);
ALM_NODISCARD alm_err almi_onnx_check_outputs(const almi_onnx_import *import, int64_t outputs);

#endif
