/* onnx_graph.c: see onnx_graph.h. Every list is counted first, so that it gets one array. */
#include "model/import/onnx_graph.h"

#include "model/import/onnx_wire.h"

/* Field numbers of onnx.proto3. */
enum {
    MODEL_PRODUCER = 2, MODEL_GRAPH = 7,
    GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_SPARSE = 15,
    NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1, ATTRIBUTE_INT = 3, ATTRIBUTE_STRING = 4, ATTRIBUTE_TENSOR = 5,
    ATTRIBUTE_FLOATS = 7, ATTRIBUTE_INTS = 8, ATTRIBUTE_STRINGS = 9, ATTRIBUTE_REFERENCE = 21,
    TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_FLOATS = 4, TENSOR_INT32S = 5, TENSOR_INT64S = 7,
    TENSOR_NAME = 8, TENSOR_RAW = 9, TENSOR_DOUBLES = 10, TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1,
    TENSOR_TYPE_SHAPE = 2, SHAPE_DIMENSION = 1, DIMENSION_VALUE = 1
};

typedef struct reader {
    const char *name;
    alm_str file;
    alm_arena *arena;
    alm_error *error;
} reader;

/* `at`: where in the file. */
static alm_err damaged(const reader *r, const char *what, const char *at)
{
    return alm_fail(r->error, ALM_ERR_CORRUPT, "%s: byte %zu: %s is damaged or cut off", r->name,
                    (size_t)(at - r->file.data), what);
}

/* False where a message is damaged, and *at is where; NULL: nobody asks. */
static bool is_whole(const almi_wire *wire, const char **at)
{
    if (wire->damaged && at != NULL) {
        *at = wire->rest.data;
    }
    return !wire->damaged;
}

/* How often a field of bytes occurs in a message; false: damaged at *at, as in all of these. */
static bool count_field(alm_str message, uint32_t number, size_t *count, const char **at)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    *count = 0;
    while (almi_wire_next(&wire, &field)) {
        *count += field.number == number && field.kind == ALMI_WIRE_BYTES;
    }
    return is_whole(&wire, at);
}

/* The last value of a field of bytes; `found` stays false without one. */
static bool find_bytes(alm_str message, uint32_t number, alm_str *out, bool *found, const char **at)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    *found = false;
    while (almi_wire_next(&wire, &field)) {
        if (field.number == number && field.kind == ALMI_WIRE_BYTES) {
            *out = field.bytes;
            *found = true;
        }
    }
    return is_whole(&wire, at);
}

static bool find_integer(alm_str message, uint32_t number, int64_t *out, bool *found,
                         const char **at)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    *found = false;
    while (almi_wire_next(&wire, &field)) {
        if (field.number == number && field.kind == ALMI_WIRE_VARINT) {
            *out = (int64_t)field.value;
            *found = true;
        }
    }
    return is_whole(&wire, at);
}

/* The first `count` values of a field of bytes. */
static alm_err take_field(alm_str message, uint32_t number, size_t count, alm_arena *arena,
                          alm_str **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(alm_str), &memory, error));
    alm_str *list = memory;
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    for (size_t i = 0; i < count && almi_wire_next(&wire, &field);) {
        if (field.number == number && field.kind == ALMI_WIRE_BYTES) {
            list[i++] = field.bytes;
        }
    }
    *out = list;
    return ALM_OK;
}

/* All of them; `what` the message is, where it is damaged. */
static alm_err list_field(const reader *r, alm_str message, uint32_t number, const char *what,
                          alm_str **out, size_t *count)
{
    const char *at = NULL;
    return count_field(message, number, count, &at)
               ? take_field(message, number, *count, r->arena, out, r->error)
               : damaged(r, what, at);
}

/* ---- nodes ---- */

static alm_err read_attributes(const reader *r, alm_str message, almi_onnx_node *out)
{
    alm_str *list = NULL;
    void *memory = NULL;
    ALM_TRY(list_field(r, message, NODE_ATTRIBUTE, "a node", &list, &out->attribute_count));
    ALM_TRY(alm_arena_try_alloc(r->arena, out->attribute_count * sizeof *out->attribute, &memory,
                                r->error));
    out->attribute = memory;
    for (size_t i = 0; i < out->attribute_count; i++) {
        bool found = false;
        const char *at = NULL;
        out->attribute[i].message = list[i];
        if (!find_bytes(list[i], ATTRIBUTE_NAME, &out->attribute[i].name, &found, &at)) {
            return damaged(r, "an attribute", at);
        }
    }
    return ALM_OK;
}

static alm_err read_node(const reader *r, alm_str message, almi_onnx_node *out)
{
    bool found = false;
    const char *at = NULL;
    if (!find_bytes(message, NODE_OP, &out->op, &found, &at) ||
        !find_bytes(message, NODE_DOMAIN, &out->domain, &found, &at)) {
        return damaged(r, "a node", at);
    }
    ALM_TRY(list_field(r, message, NODE_INPUT, "a node", &out->input, &out->input_count));
    ALM_TRY(list_field(r, message, NODE_OUTPUT, "a node", &out->output, &out->output_count));
    return read_attributes(r, message, out);
}

/* ---- inputs and constants ---- */

static bool read_dimensions(alm_str shape, almi_onnx_value *out, const char **at)
{
    almi_wire wire = {.rest = shape};
    almi_wire_field field;
    while (almi_wire_next(&wire, &field)) {
        if (field.number != SHAPE_DIMENSION || field.kind != ALMI_WIRE_BYTES) {
            continue;
        }
        bool found = false;
        int64_t value = 0;
        if (!find_integer(field.bytes, DIMENSION_VALUE, &value, &found, at)) {
            return false;
        }
        out->rank++;
        out->last_dimension = found && value > 0 ? value : -1;
    }
    return is_whole(&wire, at);
}

static alm_err read_value(const reader *r, alm_str message, almi_onnx_value *out)
{
    alm_str type = {"", 0}, tensor = {"", 0}, shape = {"", 0};
    bool found = false, has_shape = false;
    int64_t element = ALMI_ONNX_NONE;
    const char *at = NULL;
    out->last_dimension = -1;
    if (!find_bytes(message, VALUE_NAME, &out->name, &found, &at) ||
        !find_bytes(message, VALUE_TYPE, &type, &found, &at) ||
        !find_bytes(type, TYPE_TENSOR, &tensor, &found, &at) ||
        !find_integer(tensor, TENSOR_TYPE_ELEMENT, &element, &found, &at) ||
        !find_bytes(tensor, TENSOR_TYPE_SHAPE, &shape, &has_shape, &at) ||
        !read_dimensions(shape, out, &at)) {
        return damaged(r, "an input of the graph", at);
    }
    out->type = element >= 0 && element < 64 ? (almi_onnx_type)element : ALMI_ONNX_NONE;
    return ALM_OK;
}

static bool is_constant(const almi_onnx_graph *graph, alm_str name)
{
    for (size_t i = 0; i < graph->constant_count; i++) {
        if (alm_str_equal(graph->constant[i], name)) {
            return true;
        }
    }
    return false;
}

static alm_err read_constants(const reader *r, alm_str message, almi_onnx_graph *out)
{
    alm_str *list = NULL;
    ALM_TRY(list_field(r, message, GRAPH_INITIALIZER, "the graph", &list, &out->constant_count));
    out->constant = list;
    for (size_t i = 0; i < out->constant_count; i++) {
        bool found = false;
        alm_str name = {"", 0};
        const char *at = NULL;
        if (!find_bytes(list[i], TENSOR_NAME, &name, &found, &at)) {
            return damaged(r, "a constant of the graph", at);
        }
        list[i] = name;
    }
    return ALM_OK;
}

/* Pairs of an input and a constant that are looked at; a graph with more is not one of ours. */
#define PAIRS_MAX ((size_t)1 << 24)

static alm_err read_inputs(const reader *r, alm_str message, almi_onnx_graph *out)
{
    alm_str *list = NULL;
    void *memory = NULL;
    size_t count = 0;
    ALM_TRY(list_field(r, message, GRAPH_INPUT, "the graph", &list, &count));
    if (out->constant_count > 0 && count > PAIRS_MAX / out->constant_count) {
        return alm_fail(r->error, ALM_ERR_LIMIT, "%s: the graph has %zu inputs and %zu constants",
                        r->name, count, out->constant_count);
    }
    ALM_TRY(alm_arena_try_alloc(r->arena, count * sizeof *out->input, &memory, r->error));
    out->input = memory;
    for (size_t i = 0; i < count; i++) {
        almi_onnx_value value = {.name = {"", 0}};
        ALM_TRY(read_value(r, list[i], &value));
        /* Up to version 3 of the format constants are inputs, too. */
        if (!is_constant(out, value.name)) {
            out->input[out->input_count++] = value;
        }
    }
    return ALM_OK;
}

alm_err almi_onnx_read(alm_str bytes, const char *name, alm_arena *arena, almi_onnx_graph *out,
                       alm_error *error)
{
    reader r = {name, bytes, arena, error};
    almi_onnx_graph graph = {.producer = {"", 0}};
    alm_str message = {"", 0}, *list = NULL;
    size_t graphs = 0;
    bool found = false;
    const char *at = NULL;
    void *memory = NULL;
    if (!count_field(bytes, MODEL_GRAPH, &graphs, &at) ||
        !find_bytes(bytes, MODEL_GRAPH, &message, &found, &at) ||
        !find_bytes(bytes, MODEL_PRODUCER, &graph.producer, &found, &at)) {
        return damaged(&r, "the model", at);
    }
    if (graphs != 1) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: the model has %zu graphs instead of one",
                        name, graphs);
    }
    ALM_TRY(list_field(&r, message, GRAPH_NODE, "the graph", &list, &graph.node_count));
    if (graph.node_count > ALMI_ONNX_NODES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: the graph has %zu nodes; at most %d are read",
                        name, graph.node_count, ALMI_ONNX_NODES_MAX);
    }
    ALM_TRY(alm_arena_try_alloc(arena, graph.node_count * sizeof *graph.node, &memory, error));
    graph.node = memory;
    for (size_t i = 0; i < graph.node_count; i++) {
        ALM_TRY(read_node(&r, list[i], &graph.node[i]));
    }
    ALM_TRY(read_constants(&r, message, &graph));
    ALM_TRY(read_inputs(&r, message, &graph));
    *out = graph;
    return ALM_OK;
}

/* ---- attributes ---- */

const almi_onnx_attribute *almi_onnx_find(const almi_onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (alm_str_is(node->attribute[i].name, name)) {
            return &node->attribute[i];
        }
    }
    return NULL;
}

static alm_err wrong(const almi_onnx_node *node, const char *name, const char *what,
                     alm_error *error)
{
    return alm_fail(error, ALM_ERR_CORRUPT, ALM_STR_FMT ": attribute %s %s", ALM_STR_ARG(node->op),
                    name, what);
}

/* Where numbers of one field of a message go; without arrays they are counted only. */
typedef struct sink {
    uint32_t field;
    almi_wire_kind kind;
    double *real;
    int64_t *integer;
    size_t count;
} sink;

static void put(sink *to, uint64_t bits)
{
    if (to->real != NULL) {
        to->real[to->count] = to->kind == ALMI_WIRE_FIXED32 ? (double)almi_wire_float(bits)
                                                            : almi_wire_double(bits);
    } else if (to->integer != NULL) {
        to->integer[to->count] = (int64_t)bits;
    }
    to->count++;
}

/* Packed or one by one; both may occur. */
static bool gather(alm_str message, sink *to)
{
    almi_wire wire = {.rest = message};
    almi_wire_field field;
    to->count = 0;
    while (almi_wire_next(&wire, &field)) {
        if (field.number != to->field) {
            continue;
        }
        if (field.kind == to->kind) {
            put(to, field.value);
        } else if (field.kind == ALMI_WIRE_BYTES) {
            almi_wire packed = {.rest = field.bytes};
            uint64_t bits = 0;
            while (almi_wire_number(&packed, to->kind, &bits)) {
                put(to, bits);
            }
            wire.damaged = wire.damaged || packed.damaged;
        } else {
            wire.damaged = true;
        }
    }
    return !wire.damaged;
}

/* Numbers of a field into an array of their own. */
static alm_err take(alm_str message, sink from, bool real, alm_arena *arena,
                    almi_onnx_numbers *out, alm_error *error)
{
    void *memory = NULL;
    if (!gather(message, &from)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "numbers are cut off");
    }
    ALM_TRY(alm_arena_try_alloc(arena, from.count * sizeof(double), &memory, error));
    *(real ? (void **)&from.real : (void **)&from.integer) = memory;
    (void)gather(message, &from);
    out->count = from.count;
    out->real = from.real;
    out->integer = from.integer;
    return ALM_OK;
}

/* ---- tensors ---- */

static size_t element_size(int64_t type)
{
    switch (type) {
    case ALMI_ONNX_UINT8:
        return 1;
    case ALMI_ONNX_FLOAT:
    case ALMI_ONNX_INT32:
        return 4;
    default:
        return 8;
    }
}

static void put_raw(const almi_onnx_numbers *out, size_t i, uint64_t bits)
{
    switch (out->type) {
    case ALMI_ONNX_FLOAT:
        out->real[i] = (double)almi_wire_float(bits);
        break;
    case ALMI_ONNX_DOUBLE:
        out->real[i] = almi_wire_double(bits);
        break;
    case ALMI_ONNX_INT32:
        out->integer[i] = (int32_t)(uint32_t)bits;
        break;
    default:
        out->integer[i] = (int64_t)bits;
        break;
    }
}

/* Little-endian elements, as they lie in memory. */
static alm_err take_raw(alm_str raw, bool real, alm_arena *arena, almi_onnx_numbers *out,
                        alm_error *error)
{
    size_t size = element_size(out->type);
    void *memory = NULL;
    if (raw.size % size != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "its raw data end within a number");
    }
    out->count = raw.size / size;
    ALM_TRY(alm_arena_try_alloc(arena, out->count * sizeof(double), &memory, error));
    *(real ? (void **)&out->real : (void **)&out->integer) = memory;
    for (size_t i = 0; i < out->count; i++) {
        uint64_t bits = 0;
        for (size_t b = 0; b < size; b++) {
            bits |= (uint64_t)(uint8_t)raw.data[i * size + b] << (8 * b);
        }
        put_raw(out, i, bits);
    }
    return ALM_OK;
}

static bool is_element_type(int64_t type, bool real)
{
    return real ? type == ALMI_ONNX_FLOAT || type == ALMI_ONNX_DOUBLE
                : type == ALMI_ONNX_UINT8 || type == ALMI_ONNX_INT32 || type == ALMI_ONNX_INT64;
}

/* The field that holds elements of a type, where they are not raw. */
static sink element_field(int64_t type)
{
    switch (type) {
    case ALMI_ONNX_FLOAT:
        return (sink){.field = TENSOR_FLOATS, .kind = ALMI_WIRE_FIXED32};
    case ALMI_ONNX_DOUBLE:
        return (sink){.field = TENSOR_DOUBLES, .kind = ALMI_WIRE_FIXED64};
    case ALMI_ONNX_INT64:
        return (sink){.field = TENSOR_INT64S, .kind = ALMI_WIRE_VARINT};
    default:
        return (sink){.field = TENSOR_INT32S, .kind = ALMI_WIRE_VARINT};
    }
}

static alm_err check_dimensions(alm_str tensor, size_t count, alm_error *error)
{
    sink dims = {.field = TENSOR_DIMS, .kind = ALMI_WIRE_VARINT};
    int64_t dim[16];
    if (!gather(tensor, &dims) || dims.count > sizeof dim / sizeof *dim) {
        return alm_fail(error, ALM_ERR_CORRUPT, "its dimensions are damaged");
    }
    dims.integer = dim;
    (void)gather(tensor, &dims);
    uint64_t product = 1;
    for (size_t i = 0; i < dims.count; i++) {
        if (dim[i] < 0 || __builtin_mul_overflow(product, (uint64_t)dim[i], &product)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "its dimensions are impossible");
        }
    }
    if (product != count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "it has %zu elements, its dimensions say %llu",
                        count, (unsigned long long)product);
    }
    return ALM_OK;
}

static alm_err take_tensor(alm_str tensor, bool real, alm_arena *arena, almi_onnx_numbers *out,
                           alm_error *error)
{
    alm_str raw = {"", 0}, other = {"", 0};
    bool has_raw = false, found = false, outside = false;
    int64_t type = 0, location = 0;
    if (!find_bytes(tensor, TENSOR_RAW, &raw, &has_raw, NULL) ||
        !find_bytes(tensor, TENSOR_EXTERNAL, &other, &outside, NULL) ||
        !find_integer(tensor, TENSOR_TYPE, &type, &found, NULL) ||
        !find_integer(tensor, TENSOR_LOCATION, &location, &found, NULL)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "its tensor is cut off");
    }
    if (outside || location != 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "its data lie in another file; save the model "
                        "as one file");
    }
    if (!is_element_type(type, real)) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "its elements have type %lld, which is not "
                        "read here", (long long)type);
    }
    out->type = (almi_onnx_type)type;
    ALM_TRY(has_raw ? take_raw(raw, real, arena, out, error)
                    : take(tensor, element_field(type), real, arena, out, error));
    return check_dimensions(tensor, out->count, error);
}

static alm_err read_numbers(const almi_onnx_node *node, const char *name, bool real,
                            alm_arena *arena, almi_onnx_numbers *out, alm_error *error)
{
    const almi_onnx_attribute *found = almi_onnx_find(node, name);
    almi_onnx_numbers numbers = {.there = found != NULL,
                                 .type = real ? ALMI_ONNX_FLOAT : ALMI_ONNX_INT64};
    if (found == NULL) {
        *out = numbers;
        return ALM_OK;
    }
    alm_str tensor = {"", 0}, reference = {"", 0};
    bool has_tensor = false, refers = false;
    if (!find_bytes(found->message, ATTRIBUTE_TENSOR, &tensor, &has_tensor, NULL) ||
        !find_bytes(found->message, ATTRIBUTE_REFERENCE, &reference, &refers, NULL) || refers) {
        return wrong(node, name, "is damaged", error);
    }
    sink list = {.field = real ? ATTRIBUTE_FLOATS : ATTRIBUTE_INTS,
                 .kind = real ? ALMI_WIRE_FIXED32 : ALMI_WIRE_VARINT};
    alm_err code = has_tensor ? take_tensor(tensor, real, arena, &numbers, error)
                              : take(found->message, list, real, arena, &numbers, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, ALM_STR_FMT ": attribute %s", ALM_STR_ARG(node->op),
                              name);
    }
    *out = numbers;
    return ALM_OK;
}

alm_err almi_onnx_reals(const almi_onnx_node *node, const char *name, alm_arena *arena,
                        almi_onnx_numbers *out, alm_error *error)
{
    return read_numbers(node, name, true, arena, out, error);
}

alm_err almi_onnx_integers(const almi_onnx_node *node, const char *name, alm_arena *arena,
                           almi_onnx_numbers *out, alm_error *error)
{
    return read_numbers(node, name, false, arena, out, error);
}

alm_err almi_onnx_strings(const almi_onnx_node *node, const char *name, alm_arena *arena,
                          almi_onnx_texts *out, alm_error *error)
{
    const almi_onnx_attribute *found = almi_onnx_find(node, name);
    almi_onnx_texts texts = {0};
    if (found != NULL) {
        if (!count_field(found->message, ATTRIBUTE_STRINGS, &texts.count, NULL)) {
            return wrong(node, name, "is damaged", error);
        }
        ALM_TRY(take_field(found->message, ATTRIBUTE_STRINGS, texts.count, arena, &texts.text,
                           error));
    }
    *out = texts;
    return ALM_OK;
}

alm_err almi_onnx_integer(const almi_onnx_node *node, const char *name, int64_t fallback,
                          int64_t *out, alm_error *error)
{
    const almi_onnx_attribute *found = almi_onnx_find(node, name);
    int64_t value = 0; /* what a writer leaves out is 0 */
    bool there = false;
    if (found != NULL && !find_integer(found->message, ATTRIBUTE_INT, &value, &there, NULL)) {
        return wrong(node, name, "is damaged", error);
    }
    *out = found != NULL ? value : fallback;
    return ALM_OK;
}

alm_err almi_onnx_string(const almi_onnx_node *node, const char *name, const char *fallback,
                         alm_str *out, alm_error *error)
{
    const almi_onnx_attribute *found = almi_onnx_find(node, name);
    alm_str value = alm_str_of(fallback);
    bool there = false;
    if (found != NULL && !find_bytes(found->message, ATTRIBUTE_STRING, &value, &there, NULL)) {
        return wrong(node, name, "is damaged", error);
    }
    *out = value;
    return ALM_OK;
}
