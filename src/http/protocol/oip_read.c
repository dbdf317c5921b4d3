/* oip_read.c: an inference request as tensors. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "http/protocol/oip.h"
#include "http/protocol/row_block.h"

#define INPUTS_MAX ALM_INFERENCE_COLUMNS_MAX
#define EXACT_INTEGER 9007199254740992 /* 2^53 */
#define NAME_SHOWN 60
static const char BODY[] = "the body";

static const struct {
    const char *name;
    size_t bytes;
} TYPE[] = {
#define TYPE_ROW(name, bytes) {#name, bytes},
    ALM_OIP_TYPE_MAP(TYPE_ROW)
#undef TYPE_ROW
};

const char *alm_oip_type_name(alm_oip_type type)
{
    return TYPE[type].name;
}

typedef struct reading {
    almi_json_reader json;
    alm_arena *arena;
    alm_str binary; /* what is left of it */
    bool is_binary; /* there may be some */
    alm_oip_request request;
    alm_oip_tensor *input;
    size_t room;
    const char *what; /* the tensor at hand, for messages */
} reading;

static const char *shown(alm_arena *arena, alm_str name)
{
    alm_str visible = alm_str_visible(name, arena);
    size_t size = visible.size < NAME_SHOWN ? visible.size : NAME_SHOWN;
    while (size > 0 && size < visible.size && ((unsigned char)visible.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return alm_arena_copy_text(arena, visible.data, size);
}

/* ---- parameters ---- */

/* A document of an object of strings, numbers and booleans. */
static alm_err read_parameters(reading *r, alm_json_document **out, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(almi_json_read_tree(&r->json, &document, error));
    const alm_json *root = alm_json_root(document);
    bool fits = alm_json_kind_of(root) == ALM_JSON_OBJECT;
    for (size_t i = 0; fits && i < alm_json_count(root); i++) {
        alm_str key;
        alm_json_kind kind = alm_json_kind_of(alm_json_member_at(root, i, &key));
        fits = kind == ALM_JSON_BOOL || kind == ALM_JSON_INTEGER || kind == ALM_JSON_DOUBLE ||
               kind == ALM_JSON_STRING;
    }
    if (!fits) {
        alm_json_document_destroy(document);
        return almi_json_fail(&r->json, error, "`parameters` is an object of strings, numbers and "
                              "booleans");
    }
    *out = document;
    return ALM_OK;
}

static alm_err take_count(const reading *r, const alm_json *parameters, const char *key,
                          uint64_t *out, alm_error *error)
{
    int64_t value = 0;
    const alm_json *member = alm_json_member(parameters, key);
    if (member && (!alm_json_as_i64(member, &value) || value < 0)) {
        return almi_json_fail(&r->json, error, "`%s` is a whole number, not below 0", key);
    }
    *out = member ? (uint64_t)value : *out;
    return ALM_OK;
}

static alm_err take_flag(const reading *r, const alm_json *parameters, const char *key, bool *out,
                         alm_error *error)
{
    const alm_json *member = alm_json_member(parameters, key);
    if (member && !alm_json_as_bool(member, out)) {
        return almi_json_fail(&r->json, error, "`%s` is true or false", key);
    }
    return ALM_OK;
}

static alm_err refuse_parameters(const alm_json *parameters, alm_error *error)
{
    static const char *const REFUSED[] = {"shared_memory_region", "classification", "sequence_id"};
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        if (alm_json_member(parameters, REFUSED[i])) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED, "the parameter `%s` is not supported",
                            REFUSED[i]);
        }
    }
    return ALM_OK;
}

/* ---- elements ---- */

static alm_err fail_element(const reading *r, alm_oip_type type, alm_error *error)
{
    return almi_json_fail(&r->json, error, "input %s: a value that is no %s", r->what,
                          TYPE[type].name);
}

/* Of the integers: what fits the type, and a double. */
static bool is_in_range(alm_oip_type type, int64_t value)
{
    int bits = (int)TYPE[type].bytes * 8;
    bool is_signed = type >= ALM_OIP_INT8 && type <= ALM_OIP_INT64;
    int64_t most = EXACT_INTEGER;
    if (bits < 64) {
        most = ((int64_t)1 << (is_signed ? bits - 1 : bits)) - 1;
    }
    int64_t least = !is_signed ? 0 : bits < 64 ? -most - 1 : -EXACT_INTEGER;
    return value >= least && value <= most;
}

static alm_err read_element(reading *r, alm_oip_type type, double *out, alm_error *error)
{
    bool is_integer = false, flag = false;
    int64_t integer = 0;
    alm_json_kind kind = almi_json_next_kind(&r->json);
    if (kind == ALM_JSON_NULL) {
        *out = NAN;
        return almi_json_read_null(&r->json, error);
    }
    if (type == ALM_OIP_BOOL) {
        if (kind != ALM_JSON_BOOL) {
            return fail_element(r, type, error);
        }
        ALM_TRY(almi_json_read_bool(&r->json, &flag, error));
        *out = flag;
        return ALM_OK;
    }
    if (kind != ALM_JSON_DOUBLE) {
        return fail_element(r, type, error);
    }
    if (type == ALM_OIP_FP64) {
        return almi_json_read_double(&r->json, out, error);
    }
    if (type == ALM_OIP_FP32) {
        ALM_TRY(almi_json_read_double(&r->json, out, error));
        if (fabs(*out) > FLT_MAX) {
            return fail_element(r, type, error);
        }
        *out = (double)(float)*out;
        return ALM_OK;
    }
    ALM_TRY(almi_json_read_number(&r->json, out, &is_integer, &integer, error));
    return is_integer && is_in_range(type, integer) ? ALM_OK : fail_element(r, type, error);
}

/* ---- data in JSON ---- */

static alm_err fail_shape(const reading *r, alm_error *error)
{
    return almi_json_fail(&r->json, error, "input %s: its data has not the sizes that `shape` says",
                          r->what);
}

/* One array at `depth` of a tensor; a flat one holds all of it. *at: elements so far. */
static alm_err read_data(reading *r, const alm_oip_tensor *t, size_t depth, size_t *at,
                         alm_error *error)
{
    bool more = false, is_flat = false;
    double *value = (double *)(uintptr_t)t->value;
    size_t count = 0;
    bool may_be_flat = depth == 0 || depth + 1 == t->rank;
    ALM_TRY(almi_json_open(&r->json, '[', error));
    for (;; count++) {
        if (t->type == ALM_OIP_FP64 && may_be_flat && (count == 0 || is_flat)) {
            size_t taken = almi_json_take_numbers(&r->json, value + *at, t->count - *at);
            is_flat = is_flat || taken > 0;
            count += taken;
            *at += taken;
        }
        ALM_TRY(almi_json_more(&r->json, '[', &more, error));
        if (!more) {
            return count == (is_flat && depth == 0 ? t->count : t->shape[depth])
                       ? ALM_OK : fail_shape(r, error);
        }
        bool nested = almi_json_next_kind(&r->json) == ALM_JSON_ARRAY;
        is_flat = count == 0 ? !nested : is_flat;
        /* Scalars stand in the innermost arrays, or in one flat one. */
        if (nested == is_flat || (is_flat && !may_be_flat) ||
            (nested && depth + 1 == t->rank)) {
            return fail_shape(r, error);
        }
        if (nested) {
            ALM_TRY(read_data(r, t, depth + 1, at, error));
        } else if (*at == t->count) {
            return fail_shape(r, error);
        } else {
            ALM_TRY(read_element(r, t->type, &value[(*at)++], error));
        }
    }
}

/* ---- binary data ---- */

static double half_to_double(uint16_t half)
{
    int exponent = half >> 10 & 31;
    double fraction = half & 1023, sign = half >> 15 ? -1 : 1;
    if (exponent == 31) {
        return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
    }
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static uint64_t little_endian(const char *data, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; i--) {
        value = value << 8 | (unsigned char)data[i - 1];
    }
    return value;
}

/* Of a type of whole numbers or FP16; false: a value that the type, or a double, does not have. */
static bool decode(alm_oip_type type, const char *data, double *out)
{
    size_t bytes = TYPE[type].bytes;
    uint64_t bits = little_endian(data, bytes);
    int64_t integer = (int64_t)bits;
    switch (type) {
    case ALM_OIP_FP16:
        *out = half_to_double((uint16_t)bits);
        return true;
    case ALM_OIP_BOOL:
        *out = (double)bits;
        return bits <= 1;
    case ALM_OIP_UINT64:
        *out = (double)bits;
        return bits <= EXACT_INTEGER;
    case ALM_OIP_INT8:
    case ALM_OIP_INT16:
    case ALM_OIP_INT32: {
        uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
        integer = bits & sign ? (int64_t)(bits - sign) - (int64_t)sign : (int64_t)bits;
        break;
    }
    default:
        break;
    }
    *out = (double)integer;
    return is_in_range(type, integer);
}

/* Values from little-endian bytes; how many before the first that cannot be. Of the two types that
 * rows come in the loops are what a copy costs. */
static size_t decode_all(const alm_oip_tensor *t, const char *data, double *out)
{
    size_t bytes = TYPE[t->type].bytes;
    bool is_ours = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    if (t->type == ALM_OIP_FP64 && is_ours) {
        memcpy(out, data, t->count * sizeof *out);
        return t->count;
    }
    for (size_t i = 0; i < t->count; i++, data += bytes) {
        if (t->type == ALM_OIP_FP64) {
            uint64_t bits = little_endian(data, sizeof bits);
            memcpy(&out[i], &bits, sizeof bits);
        } else if (t->type == ALM_OIP_FP32) {
            float single;
            uint32_t bits = (uint32_t)little_endian(data, sizeof bits);
            memcpy(&single, &bits, sizeof single);
            out[i] = (double)single;
        } else if (!decode(t->type, data, &out[i])) {
            return i;
        }
    }
    return t->count;
}

static alm_err read_binary(reading *r, const alm_oip_tensor *t, uint64_t size, alm_error *error)
{
    size_t bytes = TYPE[t->type].bytes;
    double *value = (double *)(uintptr_t)t->value;
    if (size != t->count * bytes) {
        return almi_json_fail(&r->json, error, "input %s: `binary_data_size` is %llu, its shape of "
                              "%s takes %zu", r->what, (unsigned long long)size,
                              TYPE[t->type].name, t->count * bytes);
    }
    if (r->binary.size < size) {
        return alm_fail(error, ALM_ERR_INVALID, "input %s: the body ends within its binary data",
                        r->what);
    }
    size_t good = decode_all(t, r->binary.data, value);
    if (good < t->count) {
        return alm_fail(error, ALM_ERR_INVALID, "input %s: value %zu is no %s that a double holds",
                        r->what, good + 1, TYPE[t->type].name);
    }
    r->binary.data += size;
    r->binary.size -= (size_t)size;
    return ALM_OK;
}

/* ---- inputs ---- */

enum { NAME, SHAPE, DATATYPE, PARAMETERS, DATA };

static alm_err read_shape(reading *r, alm_oip_tensor *t, alm_error *error)
{
    bool more = false, is_integer = false;
    double value = 0;
    t->count = 1;
    ALM_TRY(almi_json_open(&r->json, '[', error));
    for (;;) {
        ALM_TRY(almi_json_more(&r->json, '[', &more, error));
        if (!more) {
            return t->rank ? ALM_OK : almi_json_fail(&r->json, error, "an empty shape");
        }
        ALM_TRY(almi_json_read_number(&r->json, &value, &is_integer, NULL, error));
        if (!is_integer || value < 0 || t->rank == ALM_OIP_RANK_MAX) {
            return almi_json_fail(&r->json, error, "a shape is 1 to %d sizes", ALM_OIP_RANK_MAX);
        }
        if (value * (double)t->count > (double)ALM_INFERENCE_VALUES_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "an input of more than %zu values; send several "
                            "requests", ALM_INFERENCE_VALUES_MAX);
        }
        t->shape[t->rank++] = (size_t)value;
        t->count *= (size_t)value;
    }
}

static alm_err read_type(reading *r, alm_oip_type *out, alm_error *error)
{
    alm_str text;
    ALM_TRY(almi_json_read_str(&r->json, &text, error));
    for (size_t i = 0; i < ALM_OIP_TYPES; i++) {
        if (alm_str_is(text, TYPE[i].name)) {
            *out = (alm_oip_type)i;
            return ALM_OK;
        }
    }
    return almi_json_fail(&r->json, error, "there is no datatype '%s'", shown(r->arena, text));
}

typedef struct tensor_reading {
    alm_oip_tensor tensor;
    uint32_t seen;
    almi_json_reader data; /* where it begins, when shape and datatype came later */
    bool is_done, has_binary;
    uint64_t binary_size;
} tensor_reading;

static alm_err make_values(reading *r, alm_oip_tensor *t, alm_error *error)
{
    void *memory = NULL;
    r->what = shown(r->arena, t->name);
    if (t->type == ALM_OIP_BYTES) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "input %s: texts (BYTES) are not taken: no "
                        "model here has an encoder for them; send the numbers of the categories",
                        r->what);
    }
    ALM_TRY(alm_arena_try_alloc(r->arena, t->count * sizeof(double), &memory, error));
    t->value = memory;
    return ALM_OK;
}

static alm_err read_json_data(reading *r, alm_oip_tensor *t, alm_error *error)
{
    size_t at = 0;
    ALM_TRY(make_values(r, t, error));
    if (t->type == ALM_OIP_FP16) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "input %s: FP16 comes as a binary tensor only",
                        r->what);
    }
    return read_data(r, t, 0, &at, error);
}

static alm_err read_tensor_member(reading *r, tensor_reading *t, size_t index, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_str skipped;
    alm_err code = ALM_OK;
    const uint32_t described = 1u << NAME | 1u << SHAPE | 1u << DATATYPE;
    switch (index) {
    case NAME:
        return almi_json_read_str(&r->json, &t->tensor.name, error);
    case SHAPE:
        return read_shape(r, &t->tensor, error);
    case DATATYPE:
        return read_type(r, &t->tensor.type, error);
    case PARAMETERS:
        ALM_TRY(read_parameters(r, &document, error));
        t->has_binary = alm_json_member(alm_json_root(document), "binary_data_size") != NULL;
        code = refuse_parameters(alm_json_root(document), error);
        code = code == ALM_OK ? take_count(r, alm_json_root(document), "binary_data_size",
                                           &t->binary_size, error) : code;
        alm_json_document_destroy(document);
        return code;
    default:
        if ((t->seen & described) == described) {
            t->is_done = true;
            return read_json_data(r, &t->tensor, error);
        }
        t->data = r->json;
        return almi_json_skip(&r->json, &skipped, error);
    }
}

/* Data that stood in front of its shape, or behind the JSON. */
static alm_err finish_tensor(reading *r, tensor_reading *t, alm_error *error)
{
    static const char *const MEMBER[] = {"name", "shape", "datatype"};
    for (size_t i = NAME; i <= DATATYPE; i++) {
        if (!(t->seen & 1u << i)) {
            return almi_json_fail(&r->json, error, "an input lacks `%s`", MEMBER[i]);
        }
    }
    bool has_data = t->seen & 1u << DATA;
    if (has_data == t->has_binary || (t->has_binary && !r->is_binary)) {
        return almi_json_fail(&r->json, error, "input %s: either `data`, or `binary_data_size` "
                              "with the header Inference-Header-Content-Length",
                              shown(r->arena, t->tensor.name));
    }
    if (t->has_binary) {
        ALM_TRY(make_values(r, &t->tensor, error));
        return read_binary(r, &t->tensor, t->binary_size, error);
    }
    if (t->is_done) {
        return ALM_OK;
    }
    almi_json_reader behind = r->json;
    r->json = t->data;
    ALM_TRY(read_json_data(r, &t->tensor, error));
    r->json = behind;
    return ALM_OK;
}

static alm_err read_input(reading *r, alm_oip_tensor *out, alm_error *error)
{
    tensor_reading t = {0};
    size_t index = 0;
    bool more = false;
    ALM_TRY(almi_json_open(&r->json, '{', error));
    for (;;) {
        ALM_TRY(almi_json_more(&r->json, '{', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(almi_json_known(&r->json, "name shape datatype parameters data", &t.seen, &index,
                                error));
        ALM_TRY(read_tensor_member(r, &t, index, error));
    }
    ALM_TRY(finish_tensor(r, &t, error));
    *out = t.tensor;
    return ALM_OK;
}

static alm_err read_inputs(reading *r, alm_error *error)
{
    bool more = false;
    size_t count = 0, values = 0;
    ALM_TRY(almi_json_open(&r->json, '[', error));
    for (;; count++) {
        ALM_TRY(almi_json_more(&r->json, '[', &more, error));
        if (!more) {
            r->request.input = r->input;
            r->request.input_count = count;
            return count ? ALM_OK : almi_json_fail(&r->json, error, "there are no inputs");
        }
        if (count == r->room) {
            r->room = r->room ? 2 * r->room : 4;
            alm_oip_tensor *grown = ALM_NEW_ARRAY(r->arena, alm_oip_tensor, r->room);
            if (count) {
                memcpy(grown, r->input, count * sizeof *grown);
            }
            r->input = grown;
        }
        if (count == INPUTS_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "more than %d inputs", INPUTS_MAX);
        }
        ALM_TRY(read_input(r, &r->input[count], error));
        values += r->input[count].count;
        if (values > ALM_INFERENCE_VALUES_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "inputs of more than %zu values; send several "
                            "requests", ALM_INFERENCE_VALUES_MAX);
        }
    }
}

/* ---- outputs and the rest ---- */

static alm_err read_output(reading *r, alm_oip_output *out, bool *says, alm_error *error)
{
    uint32_t seen = 0;
    size_t index = 0;
    bool more = false;
    ALM_TRY(almi_json_open(&r->json, '{', error));
    for (;;) {
        ALM_TRY(almi_json_more(&r->json, '{', &more, error));
        if (!more) {
            return seen & 1 ? ALM_OK : almi_json_fail(&r->json, error, "an output lacks `name`");
        }
        ALM_TRY(almi_json_known(&r->json, "name parameters", &seen, &index, error));
        if (index == 0) {
            ALM_TRY(almi_json_read_str(&r->json, &out->name, error));
            continue;
        }
        alm_json_document *document = NULL;
        ALM_TRY(read_parameters(r, &document, error));
        const alm_json *root = alm_json_root(document);
        *says = alm_json_member(root, "binary_data") != NULL;
        alm_err code = refuse_parameters(root, error);
        code = code == ALM_OK ? take_flag(r, root, "binary_data", &out->is_binary, error) : code;
        alm_json_document_destroy(document);
        ALM_TRY(code);
    }
}

/* *silent: a bit for every output that does not say whether it is binary. */
static alm_err read_outputs(reading *r, uint32_t *silent, alm_error *error)
{
    alm_oip_request *q = &r->request;
    bool more = false;
    ALM_TRY(almi_json_open(&r->json, '[', error));
    for (;;) {
        bool says = false;
        ALM_TRY(almi_json_more(&r->json, '[', &more, error));
        if (!more) {
            return ALM_OK;
        }
        if (q->output_count == ALM_OIP_OUTPUTS_MAX) {
            return almi_json_fail(&r->json, error, "more than %d outputs", ALM_OIP_OUTPUTS_MAX);
        }
        alm_oip_output *out = &q->output[q->output_count];
        ALM_TRY(read_output(r, out, &says, error));
        for (size_t i = 0; i < q->output_count; i++) {
            if (alm_str_equal(q->output[i].name, out->name)) {
                return almi_json_fail(&r->json, error, "output '%s' is asked for twice",
                                      shown(r->arena, out->name));
            }
        }
        *silent |= says ? 0 : (uint32_t)1 << q->output_count;
        q->output_count++;
    }
}

static alm_err read_request_parameters(reading *r, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(read_parameters(r, &document, error));
    const alm_json *root = alm_json_root(document);
    alm_err code = refuse_parameters(root, error);
    code = code == ALM_OK ? take_flag(r, root, "binary_data_output", &r->request.all_binary, error)
                          : code;
    code = code == ALM_OK ? take_count(r, root, "timeout", &r->request.timeout_us, error) : code;
    code = code == ALM_OK ? take_count(r, root, "priority", &r->request.priority, error) : code;
    alm_json_document_destroy(document);
    return code;
}

static alm_err read_id(reading *r, alm_error *error)
{
    ALM_TRY(almi_json_read_str(&r->json, &r->request.id, error));
    return r->request.id.size <= ALM_OIP_ID_BYTES_MAX
               ? ALM_OK : almi_json_fail(&r->json, error, "an id of more than %d bytes",
                                         ALM_OIP_ID_BYTES_MAX);
}

static alm_err read_members(reading *r, alm_error *error)
{
    uint32_t seen = 0, silent = 0;
    size_t index = 0;
    bool more = false;
    ALM_TRY(almi_json_open(&r->json, '{', error));
    for (;;) {
        ALM_TRY(almi_json_more(&r->json, '{', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(almi_json_known(&r->json, "id parameters inputs outputs", &seen, &index, error));
        switch (index) {
        case 0:
            ALM_TRY(read_id(r, error));
            break;
        case 1:
            ALM_TRY(read_request_parameters(r, error));
            break;
        case 2:
            ALM_TRY(read_inputs(r, error));
            break;
        default:
            ALM_TRY(read_outputs(r, &silent, error));
        }
    }
    if (!(seen & 4)) {
        return almi_json_fail(&r->json, error, "there are no `inputs`");
    }
    for (size_t i = 0; i < r->request.output_count; i++) {
        bool says = !(silent & (uint32_t)1 << i);
        r->request.output[i].is_binary = says ? r->request.output[i].is_binary
                                              : r->request.all_binary;
    }
    return almi_json_finish(&r->json, error);
}

static alm_err split_body(alm_str body, alm_str header_length, size_t *json, alm_error *error)
{
    int64_t size = (int64_t)body.size;
    if (header_length.data && header_length.size &&
        (!alm_str_to_i64(header_length, &size) || size < 0 || (uint64_t)size > body.size)) {
        return alm_fail(error, ALM_ERR_INVALID, "Inference-Header-Content-Length is no size of a "
                        "part of the body, which has %zu bytes", body.size);
    }
    *json = (size_t)size;
    return ALM_OK;
}

alm_err alm_oip_read(alm_str body, alm_str header_length, alm_arena *arena, alm_oip_request *out,
                     alm_error *error)
{
    reading r = {.arena = arena, .is_binary = header_length.size > 0};
    size_t json = 0;
    ALM_TRY(split_body(body, header_length, &json, error));
    if (r.is_binary && json == 0) {
        *out = (alm_oip_request){.raw = body, .all_binary = true};
        return ALM_OK;
    }
    r.binary = (alm_str){body.data + json, body.size - json};
    r.json = almi_json_reader_on((alm_str){body.data, json}, BODY, arena);
    ALM_TRY(read_members(&r, error));
    if (r.binary.size) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu bytes behind the last binary tensor",
                        r.binary.size);
    }
    *out = r.request;
    return ALM_OK;
}

/* ---- other bodies ---- */

alm_err alm_oip_read_index(alm_str body, bool *ready, alm_error *error)
{
    alm_json_document *document = NULL;
    bool found = false;
    if (alm_str_trim(body).size == 0) {
        *ready = false;
        return ALM_OK;
    }
    ALM_TRY(alm_json_parse_bounded(body, BODY, ALM_JSON_VALUES_MAX, &document, error));
    const alm_json *root = alm_json_root(document);
    alm_err code = alm_json_check_keys(root, "ready?", error);
    if (code == ALM_OK && alm_json_member(root, "ready")) {
        code = alm_json_get_bool(root, "ready", &found, error);
    }
    alm_json_document_destroy(document);
    ALM_TRY(code);
    *ready = found;
    return ALM_OK;
}

alm_err alm_oip_read_load(alm_str body, alm_error *error)
{
    alm_json_document *document = NULL;
    if (alm_str_trim(body).size == 0) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_parse_bounded(body, BODY, ALM_JSON_VALUES_MAX, &document, error));
    const alm_json *root = alm_json_root(document);
    alm_err code = alm_json_check_keys(root, "parameters?", error);
    const alm_json *parameters = code == ALM_OK ? alm_json_member(root, "parameters") : NULL;
    size_t count = parameters ? alm_json_count(parameters) : 0;
    for (size_t i = 0; code == ALM_OK && i < count; i++) {
        alm_str key = {0};
        if (alm_json_kind_of(parameters) == ALM_JSON_OBJECT) {
            (void)alm_json_member_at(parameters, i, &key);
        }
        if (!alm_str_is(key, "unload_dependents")) {
            code = alm_fail(error, ALM_ERR_UNSUPPORTED, "parameters of a load are not supported: "
                            "models come from where the server was told when it started");
        }
    }
    alm_json_document_destroy(document);
    return code;
}
