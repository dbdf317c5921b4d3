/* onnx_gate.c: see onnx_gate.h. */
#include "model/backend/onnx_gate.h"

#include "model/import/onnx_wire.h"

/* Field numbers of onnx.proto3. */
enum {
    MODEL_GRAPH = 7, MODEL_TRAINING = 20, MODEL_FUNCTIONS = 25,
    GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_SPARSE = 15,
    NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7,
    ATTRIBUTE_TENSOR = 5, ATTRIBUTE_GRAPH = 6, ATTRIBUTE_TENSORS = 10, ATTRIBUTE_GRAPHS = 11,
    ATTRIBUTE_REFERENCE = 21, ATTRIBUTE_SPARSE = 22, ATTRIBUTE_SPARSES = 23,
    SPARSE_VALUES = 1, SPARSE_INDICES = 2,
    TENSOR_EXTERNAL = 13, TENSOR_LOCATION = 14
};
#define SHOWN_BYTES 60

typedef struct gate {
    const char *name;
    alm_error *error;
    size_t nodes, depth;
    bool is_recurrent, fills_in;
} gate;

typedef alm_err (*walk)(gate *g, alm_str message);

static alm_err damaged(const gate *g, const char *what)
{
    return alm_fail(g->error, ALM_ERR_CORRUPT, "%s: %s is damaged or cut off", g->name, what);
}

static alm_err unsupported(const gate *g, const char *what, alm_str word, const char *remedy)
{
    alm_buffer shown = {0};
    word.size = word.size < SHOWN_BYTES ? word.size : SHOWN_BYTES;
    alm_buffer_visible(&shown, word);
    alm_err code = alm_fail(g->error, ALM_ERR_UNSUPPORTED, "%s: the graph has %s '%s', %s", g->name,
                            what, shown.size ? shown.data : "", remedy);
    alm_buffer_deinit(&shown);
    return code;
}

/* ---- tensors ---- */

static alm_err check_tensor(gate *g, alm_str message)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    bool outside = false;
    while (almi_wire_next(&wire, &field)) {
        outside = outside || field.number == TENSOR_EXTERNAL ||
                  (field.number == TENSOR_LOCATION && field.value != 0);
    }
    if (outside) {
        return alm_fail(g->error, ALM_ERR_DENIED, "%s: the data of a tensor lie in another file, "
                        "which is never opened; save the model as one file", g->name);
    }
    return wire.damaged ? damaged(g, "a tensor") : ALM_OK;
}

static alm_err check_sparse(gate *g, alm_str message)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    while (almi_wire_next(&wire, &field)) {
        if (field.number == SPARSE_VALUES || field.number == SPARSE_INDICES) {
            ALM_TRY(field.kind == ALMI_WIRE_BYTES ? check_tensor(g, field.bytes)
                                                  : damaged(g, "a sparse tensor"));
        }
    }
    return wire.damaged ? damaged(g, "a sparse tensor") : ALM_OK;
}

/* ---- nodes ---- */

static void note_operator(gate *g, alm_str op)
{
    g->is_recurrent = g->is_recurrent || alm_str_is(op, "LSTM") || alm_str_is(op, "GRU") ||
                      alm_str_is(op, "RNN");
    g->fills_in = g->fills_in || alm_str_is(op, "IsNaN") || alm_str_is(op, "Imputer");
}

static alm_err check_operator(const gate *g, alm_str op)
{
    static const char *const ENDLESS[] = {"Loop", "SequenceMap"};
    static const char *const RANDOM[] = {"RandomNormal", "RandomNormalLike", "RandomUniform",
                                         "RandomUniformLike", "Multinomial", "Bernoulli"};
    for (size_t i = 0; i < sizeof ENDLESS / sizeof *ENDLESS; i++) {
        if (alm_str_is(op, ENDLESS[i])) {
            return unsupported(g, "the operator", op, "which may run without end; recurrent "
                               "layers are written as LSTM, GRU, RNN or Scan");
        }
    }
    for (size_t i = 0; i < sizeof RANDOM / sizeof *RANDOM; i++) {
        if (alm_str_is(op, RANDOM[i])) {
            return unsupported(g, "the operator", op, "whose answers differ from call to call; "
                               "export the model for inference");
        }
    }
    return ALM_OK;
}

static alm_err check_domain(const gate *g, alm_str domain)
{
    static const char *const KNOWN[] = {"", "ai.onnx", "ai.onnx.ml"};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (alm_str_is(domain, KNOWN[i])) {
            return ALM_OK;
        }
    }
    return unsupported(g, "operators of the domain", domain, "and only those of ONNX itself are "
                       "run: export it without custom operators, and not as optimised by ONNX "
                       "Runtime");
}

static alm_err check_graph(gate *g, alm_str message);

static alm_err check_attribute(gate *g, alm_str message)
{
    static const struct {
        uint32_t number;
        walk check;
    } INNER[] = {{ATTRIBUTE_TENSOR, check_tensor}, {ATTRIBUTE_TENSORS, check_tensor},
                 {ATTRIBUTE_GRAPH, check_graph}, {ATTRIBUTE_GRAPHS, check_graph},
                 {ATTRIBUTE_SPARSE, check_sparse}, {ATTRIBUTE_SPARSES, check_sparse}};
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    while (almi_wire_next(&wire, &field)) {
        if (field.number == ATTRIBUTE_REFERENCE) {
            return damaged(g, "an attribute outside of a function refers to one of a function: it");
        }
        for (size_t i = 0; i < sizeof INNER / sizeof *INNER; i++) {
            if (field.number == INNER[i].number) {
                ALM_TRY(field.kind == ALMI_WIRE_BYTES ? INNER[i].check(g, field.bytes)
                                                      : damaged(g, "an attribute"));
            }
        }
    }
    return wire.damaged ? damaged(g, "an attribute") : ALM_OK;
}

static alm_err check_node(gate *g, alm_str message)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    if (++g->nodes > ALMI_ONNX_GATE_NODES_MAX) {
        return alm_fail(g->error, ALM_ERR_LIMIT, "%s: the graph has more than %d nodes", g->name,
                        ALMI_ONNX_GATE_NODES_MAX);
    }
    while (almi_wire_next(&wire, &field)) {
        if (field.kind != ALMI_WIRE_BYTES) {
            continue;
        }
        if (field.number == NODE_OP) {
            ALM_TRY(check_operator(g, field.bytes));
            note_operator(g, field.bytes);
        } else if (field.number == NODE_DOMAIN) {
            ALM_TRY(check_domain(g, field.bytes));
        } else if (field.number == NODE_ATTRIBUTE) {
            ALM_TRY(check_attribute(g, field.bytes));
        }
    }
    return wire.damaged ? damaged(g, "a node") : ALM_OK;
}

/* ---- graphs ---- */

static alm_err walk_graph(gate *g, alm_str message)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    while (almi_wire_next(&wire, &field)) {
        if (field.kind != ALMI_WIRE_BYTES) {
            continue;
        }
        if (field.number == GRAPH_NODE) {
            ALM_TRY(check_node(g, field.bytes));
        } else if (field.number == GRAPH_INITIALIZER) {
            ALM_TRY(check_tensor(g, field.bytes));
        } else if (field.number == GRAPH_SPARSE) {
            ALM_TRY(check_sparse(g, field.bytes));
        }
    }
    return wire.damaged ? damaged(g, "the graph") : ALM_OK;
}

static alm_err check_graph(gate *g, alm_str message)
{
    if (g->depth == ALMI_ONNX_GATE_DEPTH_MAX) {
        return alm_fail(g->error, ALM_ERR_LIMIT, "%s: graphs lie in each other more than %d deep",
                        g->name, ALMI_ONNX_GATE_DEPTH_MAX);
    }
    g->depth++;
    alm_err code = walk_graph(g, message);
    g->depth--;
    return code;
}

/* First, so that the operators of functions are not called unknown. */
static alm_err check_kind(const gate *g, alm_str bytes)
{
    almi_wire wire = {.rest = bytes};
    almi_wire_field field;
    while (almi_wire_next(&wire, &field)) {
        if (field.number == MODEL_TRAINING || field.number == MODEL_FUNCTIONS) {
            return alm_fail(g->error, ALM_ERR_UNSUPPORTED, "%s: the model has %s; export it for "
                            "inference, with functions inlined (onnx.inliner)", g->name,
                            field.number == MODEL_TRAINING ? "a training graph" : "functions");
        }
    }
    return wire.damaged ? damaged(g, "the model") : ALM_OK;
}

alm_err almi_onnx_gate(alm_str bytes, const char *name, bool *hides_missing, alm_error *error)
{
    gate g = {.name = name, .error = error};
    almi_wire wire = {.rest = bytes};
    almi_wire_field field;
    size_t graphs = 0;
    if (bytes.size > ALMI_ONNX_GATE_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s has %zu bytes; ONNX models of at most %zu are "
                        "run", name, bytes.size, ALMI_ONNX_GATE_BYTES_MAX);
    }
    ALM_TRY(check_kind(&g, bytes));
    while (almi_wire_next(&wire, &field)) {
        if (field.number == MODEL_GRAPH && field.kind == ALMI_WIRE_BYTES) {
            graphs++;
            ALM_TRY(check_graph(&g, field.bytes));
        }
    }
    if (graphs != 1 || g.nodes == 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: the model has %zu graphs with %zu nodes: one "
                        "that computes something is expected", name, graphs, g.nodes);
    }
    *hides_missing = g.is_recurrent && !g.fills_in;
    return ALM_OK;
}
