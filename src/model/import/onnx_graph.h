/* onnx_graph.h: the graph of an ONNX file: its nodes with their attributes, inputs, constants.
 *
 * Only what an importer needs to find its operators; what a node means is the importer's business.
 * Everything is borrowed from the bytes or lies in the arena, memory in proportion to the bytes.
 * Attribute values are decoded when they are asked for. Untrusted: ALM_ERR_CORRUPT says where a
 * message ends too early, ALM_ERR_UNSUPPORTED where data lies in other files. Source: the ONNX
 * specification (onnx.proto3, versions 3 to 13 of the format). */
#ifndef ALM_MODEL_ONNX_GRAPH_H
#define ALM_MODEL_ONNX_GRAPH_H

#include "base/str.h"

/* Element types of TensorProto.DataType that occur here. */
typedef enum almi_onnx_type {
    ALMI_ONNX_NONE = 0,
    ALMI_ONNX_FLOAT = 1,
    ALMI_ONNX_UINT8 = 2,
    ALMI_ONNX_INT32 = 6,
    ALMI_ONNX_INT64 = 7,
    ALMI_ONNX_FLOAT16 = 10,
    ALMI_ONNX_DOUBLE = 11
} almi_onnx_type;

typedef struct almi_onnx_attribute {
    alm_str name;
    alm_str message; /* the AttributeProto */
} almi_onnx_attribute;

typedef struct almi_onnx_node {
    alm_str op, domain;
    alm_str *input, *output; /* names; an empty one is left out */
    size_t input_count, output_count;
    almi_onnx_attribute *attribute;
    size_t attribute_count;
} almi_onnx_node;

/* An input of the graph, or a result. */
typedef struct almi_onnx_value {
    alm_str name;
    almi_onnx_type type; /* NONE: not a tensor */
    size_t rank;
    int64_t last_dimension; /* -1: not a number */
} almi_onnx_value;

typedef struct almi_onnx_graph {
    almi_onnx_node *node; /* in order of computation */
    size_t node_count;
    almi_onnx_value *input; /* those that are no constants */
    size_t input_count;
    alm_str *constant; /* names of the initializers */
    size_t constant_count;
    alm_str producer;
} almi_onnx_graph;

#define ALMI_ONNX_NODES_MAX 65536

/* Reads a ModelProto; ALM_ERR_LIMIT beyond that many nodes. */
ALM_NODISCARD alm_err almi_onnx_read(alm_str bytes, const char *name, alm_arena *arena,
                                     almi_onnx_graph *out, alm_error *error);

/* NULL where the node has none of that name. */
const almi_onnx_attribute *almi_onnx_find(const almi_onnx_node *node, const char *name);

/* A list of an attribute, or the elements of its tensor. Without the attribute the count is 0. */
typedef struct almi_onnx_numbers {
    bool there;
    size_t count;
    almi_onnx_type type; /* FLOAT or DOUBLE for reals; what a tensor says */
    double *real;        /* floats and doubles, exactly */
    int64_t *integer;    /* or integers */
} almi_onnx_numbers;

typedef struct almi_onnx_texts {
    size_t count;
    alm_str *text;
} almi_onnx_texts;

/* ALM_ERR_CORRUPT: the attribute is of another type; ALM_ERR_UNSUPPORTED: another element type. */
ALM_NODISCARD alm_err almi_onnx_reals(const almi_onnx_node *node, const char *name,
                                      alm_arena *arena, almi_onnx_numbers *out, alm_error *error);
ALM_NODISCARD alm_err almi_onnx_integers(const almi_onnx_node *node, const char *name,
                                         alm_arena *arena, almi_onnx_numbers *out,
                                         alm_error *error);
ALM_NODISCARD alm_err almi_onnx_strings(const almi_onnx_node *node, const char *name,
                                        alm_arena *arena, almi_onnx_texts *out, alm_error *error);
/* One integer or text; `fallback` where it is not there. */
ALM_NODISCARD alm_err almi_onnx_integer(const almi_onnx_node *node, const char *name,
                                        int64_t fallback, int64_t *out, alm_error *error);
ALM_NODISCARD alm_err almi_onnx_string(const almi_onnx_node *node, const char *name,
                                       const char *fallback, alm_str *out, alm_error *error);

#endif
