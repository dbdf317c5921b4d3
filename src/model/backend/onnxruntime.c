/* onnxruntime.c: the used part of ONNX Runtime's C interface, and what is made of it.
 *
 * OrtGetApiBase gives a table of function pointers that only grows: a slot once published keeps its
 * place and its meaning (the library's own rule for onnxruntime_c_api.h). All that is needed here
 * stood in the first version, so version 1 of the table is asked for and any library gives it. The
 * slots below are counted from 0; onnxruntime_test.c runs models, so that a wrong one shows. */
#include "model/backend/onnxruntime.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_VERSION = 1, LOG_FATAL = 4, SEQUENTIAL = 0, OPTIMISE_BASIC = 1, TYPE_TENSOR = 1,
       ALLOCATOR_DEVICE = 0, MEMORY_DEFAULT = 0, NOT_IMPLEMENTED = 9 };
#define INPUTS_MAX 4096
#define SESSION_ARENA_BYTES 4096
#define TELEMETRY_VARIABLE "ORT_DISABLE_TELEMETRY"

typedef struct ort_status ort_status;
typedef struct ort_env ort_env;
typedef struct ort_options ort_options;
typedef struct ort_session ort_session;
typedef struct ort_value ort_value;
typedef struct ort_memory ort_memory;
typedef struct ort_allocator ort_allocator;
typedef struct ort_type ort_type;
typedef struct ort_shape ort_shape;

typedef ort_status *(*get_name_function)(const ort_session *, size_t, ort_allocator *, char **);
typedef ort_status *(*get_type_function)(const ort_session *, size_t, ort_type **);
typedef ort_status *(*get_count_function)(const ort_session *, size_t *);

typedef struct ort_table {
    void *slot_0;
    int (*error_code)(const ort_status *);
    const char *(*error_message)(const ort_status *);
    ort_status *(*create_env)(int level, const char *id, ort_env **);
    void *slot_4[2];
    ort_status *(*disable_telemetry)(const ort_env *);
    void *slot_7;
    ort_status *(*create_session)(const ort_env *, const void *, size_t, const ort_options *,
                                  ort_session **);
    ort_status *(*run)(ort_session *, const void *run_options, const char *const *input_names,
                       const ort_value *const *inputs, size_t input_count,
                       const char *const *output_names, size_t output_count, ort_value **outputs);
    ort_status *(*create_options)(ort_options **);
    void *slot_11[2];
    ort_status *(*set_execution_mode)(ort_options *, int);
    void *slot_14[3];
    ort_status *(*disable_memory_pattern)(ort_options *);
    void *slot_18;
    ort_status *(*disable_memory_arena)(ort_options *);
    void *slot_20[2];
    ort_status *(*set_log_level)(ort_options *, int);
    ort_status *(*set_optimisation)(ort_options *, int);
    ort_status *(*set_intra_threads)(ort_options *, int);
    ort_status *(*set_inter_threads)(ort_options *, int);
    void *slot_26[4];
    get_count_function input_count, output_count;
    void *slot_32;
    get_type_function input_type, output_type;
    void *slot_35;
    get_name_function input_name, output_name;
    void *slot_38[11];
    ort_status *(*create_tensor)(const ort_memory *, void *, size_t, const int64_t *, size_t, int,
                                 ort_value **);
    void *slot_50;
    ort_status *(*tensor_data)(ort_value *, void **);
    void *slot_52[3];
    ort_status *(*cast_to_tensor)(const ort_type *, const ort_shape **);
    ort_status *(*kind_of_type)(const ort_type *, int *);
    void *slot_57[3];
    ort_status *(*element_type)(const ort_shape *, int *);
    ort_status *(*dimension_count)(const ort_shape *, size_t *);
    ort_status *(*dimensions)(const ort_shape *, int64_t *, size_t);
    void *slot_63;
    ort_status *(*element_count)(const ort_shape *, size_t *);
    ort_status *(*shape_of_value)(const ort_value *, ort_shape **);
    void *slot_66;
    ort_status *(*kind_of_value)(const ort_value *, int *);
    void *slot_68;
    ort_status *(*create_memory)(int allocator, int memory, ort_memory **);
    void *slot_70[6];
    ort_status *(*allocator_free)(ort_allocator *, void *);
    void *slot_77;
    ort_status *(*default_allocator)(ort_allocator **);
    void *slot_79[13];
    void (*release_env)(ort_env *);
    void (*release_status)(ort_status *);
    void (*release_memory)(ort_memory *);
    void (*release_session)(ort_session *);
    void (*release_value)(ort_value *);
    void *slot_97;
    void (*release_type)(ort_type *);
    void (*release_shape)(ort_shape *);
    void (*release_options)(ort_options *);
} ort_table;

_Static_assert(offsetof(ort_table, release_options) == 100 * sizeof(void *),
               "a slot is missing above");

typedef struct ort_base {
    const ort_table *(*table)(uint32_t version);
    const char *(*version)(void);
} ort_base;

struct almi_ort {
    alm_arena *arena;
    const ort_table *t;
    const char *name, *version;
    ort_env *env;
    ort_memory *memory;
    ort_session *session;
    almi_ort_port *input, *output;
    size_t input_count, output_count;
};

/* ---- the library's failures ---- */

static alm_err failed(const almi_ort *o, ort_status *status, alm_err code, alm_error *error)
{
    char text[200] = "no reason given";
    const char *said = o->t->error_message(status);
    for (size_t i = 0; said && i < sizeof text; i++) {
        /* One line, however long its own is. */
        text[i] = i + 1 == sizeof text ? 0 : said[i] == '\n' || said[i] == '\r' ? ' ' : said[i];
        if (!said[i]) {
            break;
        }
    }
    o->t->release_status(status);
    return alm_fail(error, code, "%s: ONNX Runtime %s says: %s", o->name, o->version, text);
}

#define ORT_TRY_AS(code, call)                                \
    do {                                                      \
        ort_status *status_ = (call);                         \
        if (status_) {                                        \
            return failed(o, status_, (code), error);         \
        }                                                     \
    } while (0)
#define ORT_TRY(call) ORT_TRY_AS(ALM_ERR_EXTERNAL, call)

/* ---- the library ---- */

static alm_err load_table(almi_ort *o, void *library, alm_error *error)
{
    const ort_base *(*get_base)(void) = NULL;
    void *symbol = dlsym(library, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof symbol);
    const ort_base *base = get_base ? get_base() : NULL;
    o->t = base ? base->table(TABLE_VERSION) : NULL;
    if (!o->t) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s: the library that was found is no ONNX "
                        "Runtime (" ALMI_ORT_VARIABLE " may name another)", o->name);
    }
    o->version = alm_arena_printf(o->arena, "%s", base->version());
    return ALM_OK;
}

/* Official builds report to their maker: a thread that uploads, and an identifier of the device in
 * a file of the user's. Only this variable keeps all of it from being made, and only before the
 * library starts; the call of the table comes too late for the first report. */
static alm_err forbid_telemetry(const almi_ort *o, alm_error *error)
{
    const char *set = getenv(TELEMETRY_VARIABLE);
    if (set && strcmp(set, "1") == 0) {
        return ALM_OK;
    }
    return setenv(TELEMETRY_VARIABLE, "1", 1) == 0
               ? ALM_OK : alm_fail(error, ALM_ERR_MEMORY, "%s: the environment has no room for "
                                   TELEMETRY_VARIABLE, o->name);
}

static alm_err open_library(almi_ort *o, const char *named, alm_error *error)
{
    static const char *const NAMES[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
    int flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    void *library = NULL;
    ALM_TRY(forbid_telemetry(o, error));
    if (named && named[0]) {
        library = dlopen(named, flags);
        if (!library) {
            const char *why = dlerror();
            return alm_fail(error, ALM_ERR_NOT_FOUND, "%s needs ONNX Runtime, and what "
                            ALMI_ORT_VARIABLE " names cannot be loaded: %.200s", o->name,
                            why ? why : named);
        }
        return load_table(o, library, error);
    }
    for (size_t i = 0; !library && i < sizeof NAMES / sizeof *NAMES; i++) {
        library = dlopen(NAMES[i], flags);
    }
    if (!library) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "%s needs ONNX Runtime, and neither %s nor %s is "
                        "in the library folders of this program or of the system: install ONNX "
                        "Runtime 1.x, or set " ALMI_ORT_VARIABLE " to its file", o->name, NAMES[0],
                        NAMES[1]);
    }
    return load_table(o, library, error);
}

/* ---- the session ---- */

static alm_err set_options(const almi_ort *o, ort_options *options, alm_error *error)
{
    ORT_TRY(o->t->set_execution_mode(options, SEQUENTIAL));
    ORT_TRY(o->t->set_optimisation(options, OPTIMISE_BASIC));
    ORT_TRY(o->t->set_intra_threads(options, 1));
    ORT_TRY(o->t->set_inter_threads(options, 1));
    ORT_TRY(o->t->set_log_level(options, LOG_FATAL));
    /* Batches differ in size: a plan of memory, or a pool as large as the largest, does not pay. */
    ORT_TRY(o->t->disable_memory_pattern(options));
    ORT_TRY(o->t->disable_memory_arena(options));
    return ALM_OK;
}

static alm_err create_session(almi_ort *o, alm_str bytes, alm_error *error)
{
    ort_options *options = NULL;
    ORT_TRY(o->t->create_env(LOG_FATAL, "almanac", &o->env));
    ORT_TRY(o->t->disable_telemetry(o->env)); /* of one that somebody else started */
    ORT_TRY(o->t->create_memory(ALLOCATOR_DEVICE, MEMORY_DEFAULT, &o->memory));
    ORT_TRY(o->t->create_options(&options));
    alm_err code = set_options(o, options, error);
    if (code == ALM_OK) {
        ort_status *status = o->t->create_session(o->env, bytes.data, bytes.size, options,
                                                  &o->session);
        bool unknown = status && o->t->error_code(status) == NOT_IMPLEMENTED;
        code = status ? failed(o, status, unknown ? ALM_ERR_UNSUPPORTED : ALM_ERR_CORRUPT, error)
                      : ALM_OK;
    }
    o->t->release_options(options);
    return code;
}

/* ---- what it takes and gives ---- */

static alm_err read_shape(const almi_ort *o, const ort_shape *shape, int *type, size_t *rank,
                          int64_t *dimensions, alm_error *error)
{
    ORT_TRY(o->t->element_type(shape, type));
    ORT_TRY(o->t->dimension_count(shape, rank));
    if (*rank > ALM_BACKEND_RANK_MAX) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s: a tensor of %zu dimensions; at most %d "
                        "are handled", o->name, *rank, ALM_BACKEND_RANK_MAX);
    }
    ORT_TRY(o->t->dimensions(shape, dimensions, *rank));
    return ALM_OK;
}

static alm_err read_type(const almi_ort *o, const ort_type *type, almi_ort_port *port,
                         alm_error *error)
{
    int kind = 0;
    const ort_shape *shape = NULL;
    ORT_TRY(o->t->kind_of_type(type, &kind));
    if (kind != TYPE_TENSOR) {
        return ALM_OK; /* NONE */
    }
    ORT_TRY(o->t->cast_to_tensor(type, &shape));
    return shape ? read_shape(o, shape, &port->type, &port->rank, port->shape, error) : ALM_OK;
}

static alm_err read_port(almi_ort *o, size_t i, bool input, almi_ort_port *port,
                         alm_error *error)
{
    ort_allocator *allocator = NULL;
    ort_type *type = NULL;
    char *name = NULL;
    ORT_TRY(o->t->default_allocator(&allocator));
    ORT_TRY((input ? o->t->input_name : o->t->output_name)(o->session, i, allocator, &name));
    port->name = alm_arena_copy_text(o->arena, name, strlen(name));
    ORT_TRY(o->t->allocator_free(allocator, name));
    ORT_TRY((input ? o->t->input_type : o->t->output_type)(o->session, i, &type));
    alm_err code = read_type(o, type, port, error);
    o->t->release_type(type);
    return code;
}

static alm_err read_ports(almi_ort *o, bool input, almi_ort_port **out, size_t *count,
                          alm_error *error)
{
    size_t found = 0;
    ORT_TRY((input ? o->t->input_count : o->t->output_count)(o->session, &found));
    if (found == 0 || found > INPUTS_MAX) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s: the graph has %zu %s; 1 to %d are "
                        "handled", o->name, found, input ? "inputs" : "outputs", INPUTS_MAX);
    }
    *out = ALM_NEW_ARRAY(o->arena, almi_ort_port, found);
    *count = found;
    for (size_t i = 0; i < found; i++) {
        ALM_TRY(read_port(o, i, input, &(*out)[i], error));
    }
    return ALM_OK;
}

static alm_err open_all(almi_ort *o, const almi_ort_request *request, alm_error *error)
{
    ALM_TRY(open_library(o, request->library, error));
    ALM_TRY(create_session(o, request->bytes, error));
    ALM_TRY(read_ports(o, true, &o->input, &o->input_count, error));
    return read_ports(o, false, &o->output, &o->output_count, error);
}

alm_err almi_ort_open(const almi_ort_request *request, almi_ort **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(SESSION_ARENA_BYTES);
    almi_ort *o = ALM_NEW(arena, almi_ort);
    o->arena = arena;
    o->name = alm_arena_copy_text(arena, request->name, strlen(request->name));
    alm_err code = open_all(o, request, error);
    if (code != ALM_OK) {
        almi_ort_close(o);
        return code;
    }
    *out = o;
    return ALM_OK;
}

void almi_ort_close(almi_ort *o)
{
    if (!o) {
        return;
    }
    if (o->session) {
        o->t->release_session(o->session);
    }
    if (o->memory) {
        o->t->release_memory(o->memory);
    }
    if (o->env) {
        o->t->release_env(o->env);
    }
    alm_arena_destroy(o->arena); /* the struct lies in it */
}

const char *almi_ort_version(const almi_ort *o)
{
    return o->version;
}

const almi_ort_port *almi_ort_inputs(const almi_ort *o, size_t *count)
{
    *count = o->input_count;
    return o->input;
}

const almi_ort_port *almi_ort_outputs(const almi_ort *o, size_t *count)
{
    *count = o->output_count;
    return o->output;
}

const char *almi_ort_type_name(int type)
{
    static const char *const NAMES[] = {
        "something that is no tensor", "float", "uint8", "int8", "uint16", "int16", "int32",
        "int64", "text", "bool", "float16", "double", "uint32", "uint64"};
    return type >= 0 && (size_t)type < sizeof NAMES / sizeof *NAMES ? NAMES[type]
                                                                     : "another type";
}

/* ---- running ---- */

static size_t element_bytes(int type)
{
    switch (type) {
    case ALMI_ORT_FLOAT:
    case ALMI_ORT_INT32:
        return 4;
    case ALMI_ORT_INT64:
    case ALMI_ORT_DOUBLE:
        return 8;
    case ALMI_ORT_BOOL:
        return 1;
    default:
        return 0;
    }
}

static alm_err wrap_inputs(const almi_ort *o, const almi_ort_tensor *input, ort_value **value,
                           alm_error *error)
{
    for (size_t i = 0; i < o->input_count; i++) {
        const almi_ort_tensor *t = &input[i];
        ORT_TRY(o->t->create_tensor(o->memory, t->data, t->count * element_bytes(t->type),
                                    t->shape, t->rank, t->type, &value[i]));
    }
    return ALM_OK;
}

static alm_err describe_value(const almi_ort *o, const ort_value *value, almi_ort_tensor *out,
                              alm_error *error)
{
    ort_shape *shape = NULL;
    ORT_TRY(o->t->shape_of_value(value, &shape));
    alm_err code = read_shape(o, shape, &out->type, &out->rank, out->shape, error);
    ort_status *status = code == ALM_OK ? o->t->element_count(shape, &out->count) : NULL;
    code = status ? failed(o, status, ALM_ERR_EXTERNAL, error) : code;
    o->t->release_shape(shape);
    return code;
}

static alm_err copy_result(const almi_ort *o, ort_value *value, alm_arena *arena,
                           almi_ort_tensor *out, alm_error *error)
{
    int kind = 0;
    void *data = NULL;
    ORT_TRY(o->t->kind_of_value(value, &kind));
    if (kind == TYPE_TENSOR) {
        ALM_TRY(describe_value(o, value, out, error));
    }
    size_t size = kind == TYPE_TENSOR ? element_bytes(out->type) : 0;
    if (size == 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s: a result is %s, not numbers", o->name,
                        almi_ort_type_name(kind == TYPE_TENSOR ? out->type : ALMI_ORT_NONE));
    }
    ORT_TRY(o->t->tensor_data(value, &data));
    ALM_TRY(alm_arena_try_alloc(arena, out->count * size, &out->data, error));
    if (out->count > 0) {
        memcpy(out->data, data, out->count * size);
    }
    return ALM_OK;
}

/* Values made here are released by the caller, also after a failure. */
static alm_err run_values(const almi_ort *o, const almi_ort_call *call, alm_arena *arena,
                          ort_value **value, alm_error *error)
{
    const char **name = ALM_NEW_ARRAY(arena, const char *, o->input_count + call->wanted_count);
    for (size_t i = 0; i < o->input_count; i++) {
        name[i] = o->input[i].name;
    }
    for (size_t i = 0; i < call->wanted_count; i++) {
        name[o->input_count + i] = o->output[call->wanted[i]].name;
    }
    ALM_TRY(wrap_inputs(o, call->input, value, error));
    ORT_TRY(o->t->run(o->session, NULL, name, (const ort_value *const *)value, o->input_count,
                      name + o->input_count, call->wanted_count, value + o->input_count));
    return ALM_OK;
}

alm_err almi_ort_run(const almi_ort *o, const almi_ort_call *call, alm_arena *arena,
                     almi_ort_tensor *out, alm_error *error)
{
    size_t count = o->input_count + call->wanted_count;
    ort_value **value = ALM_NEW_ARRAY(arena, ort_value *, count);
    alm_err code = run_values(o, call, arena, value, error);
    for (size_t i = 0; code == ALM_OK && i < call->wanted_count; i++) {
        out[i] = (almi_ort_tensor){0};
        code = copy_result(o, value[o->input_count + i], arena, &out[i], error);
    }
    for (size_t i = 0; i < count; i++) {
        if (value[i]) {
            o->t->release_value(value[i]);
        }
    }
    return code;
}
