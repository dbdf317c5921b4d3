/* safetensors.c: see safetensors.h. */
#include "model/import/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

typedef struct reader {
    const char *name;
    alm_arena *arena;
    alm_error *error;
    alm_str data; /* behind the header */
} reader;

typedef struct type_size {
    const char *name;
    size_t bytes;
} type_size;

static const type_size TYPES[] = {
    {"F64", 8},  {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"U64", 8},     {"I32", 4},
    {"U32", 4},  {"I16", 2}, {"U16", 2}, {"I8", 1},   {"U8", 1},  {"BOOL", 1},
    {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"C64", 8},
};

static size_t size_of_type(alm_str type)
{
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (alm_str_is(type, TYPES[i].name)) {
            return TYPES[i].bytes;
        }
    }
    return 0;
}

static alm_err wrong(const reader *r, alm_str tensor, const char *what)
{
    return alm_fail(r->error, ALM_ERR_CORRUPT, "%s: tensor '" ALM_STR_FMT "': %s", r->name,
                    (int)(tensor.size < 100 ? tensor.size : 100), tensor.data, what);
}

/* ---- one entry of the header ---- */

static alm_err read_shape(const reader *r, const alm_json *entry, alm_safetensor *out)
{
    const alm_json *shape = NULL;
    if (alm_json_get(entry, "shape", ALM_JSON_ARRAY, &shape, NULL) != ALM_OK) {
        return wrong(r, out->name, "it has no list `shape`");
    }
    out->rank = alm_json_count(shape);
    out->count = 1;
    if (out->rank > ALM_SAFETENSORS_RANK_MAX) {
        return alm_fail(r->error, ALM_ERR_LIMIT, "%s: tensor '" ALM_STR_FMT "' has %zu dimensions",
                        r->name, ALM_STR_ARG(out->name), out->rank);
    }
    for (size_t i = 0; i < out->rank; i++) {
        int64_t size = 0;
        if (!alm_json_as_i64(alm_json_at(shape, i), &size) || size < 0 ||
            __builtin_mul_overflow(out->count, (size_t)size, &out->count)) {
            return wrong(r, out->name, "its shape is impossible");
        }
        out->shape[i] = (size_t)size;
    }
    return ALM_OK;
}

static alm_err read_place(const reader *r, const alm_json *entry, alm_safetensor *out)
{
    const alm_json *place = NULL;
    int64_t begin = 0, end = 0;
    size_t bytes = 0, size = size_of_type(out->type);
    if (alm_json_get(entry, "data_offsets", ALM_JSON_ARRAY, &place, NULL) != ALM_OK ||
        alm_json_count(place) != 2 || !alm_json_as_i64(alm_json_at(place, 0), &begin) ||
        !alm_json_as_i64(alm_json_at(place, 1), &end) || begin < 0 || end < begin ||
        (uint64_t)end > r->data.size) {
        return wrong(r, out->name, "its `data_offsets` are not two places in the file");
    }
    if (__builtin_mul_overflow(out->count, size, &bytes) || bytes != (size_t)(end - begin)) {
        return alm_fail(r->error, ALM_ERR_CORRUPT, "%s: tensor '" ALM_STR_FMT "': %zu values of "
                        ALM_STR_FMT " in %lld bytes", r->name,
                        (int)(out->name.size < 100 ? out->name.size : 100), out->name.data,
                        out->count, ALM_STR_ARG(out->type), (long long)(end - begin));
    }
    out->data = (alm_str){r->data.data + begin, bytes};
    return ALM_OK;
}

static alm_err read_tensor(const reader *r, alm_str name, const alm_json *entry,
                           alm_safetensor *out)
{
    alm_str type;
    out->name = (alm_str){alm_arena_copy_text(r->arena, name.data, name.size), name.size};
    if (alm_json_kind_of(entry) != ALM_JSON_OBJECT ||
        alm_json_get_str(entry, "dtype", &type, NULL) != ALM_OK) {
        return wrong(r, name, "it has no text `dtype`");
    }
    out->type = (alm_str){alm_arena_copy_text(r->arena, type.data, type.size), type.size};
    if (size_of_type(type) == 0) {
        return alm_fail(r->error, ALM_ERR_UNSUPPORTED, "%s: tensor '" ALM_STR_FMT "' has the type "
                        "'" ALM_STR_FMT "', which is not known", r->name,
                        (int)(name.size < 100 ? name.size : 100), name.data,
                        (int)(type.size < 20 ? type.size : 20), type.data);
    }
    ALM_TRY(read_shape(r, entry, out));
    return read_place(r, entry, out);
}

/* ---- the file ---- */

static int compare_places(const void *left, const void *right)
{
    const alm_safetensor *a = left, *b = right;
    if (a->data.data != b->data.data) {
        return a->data.data < b->data.data ? -1 : 1;
    }
    if (a->data.size != b->data.size) { /* empty ones first */
        return a->data.size < b->data.size ? -1 : 1;
    }
    return alm_str_compare(a->name, b->name);
}

/* Data must follow each other from the first byte to the last. */
static alm_err check_places(const reader *r, const alm_safetensors *file)
{
    const char *at = r->data.data;
    for (size_t i = 0; i < file->count; i++) {
        const alm_safetensor *tensor = &file->tensor[i];
        if (tensor->data.data != at) {
            return wrong(r, tensor->name, tensor->data.data < at
                                              ? "its data overlap another tensor's"
                                              : "there is a gap before its data");
        }
        at += tensor->data.size;
    }
    size_t rest = (size_t)(r->data.data + r->data.size - at);
    if (rest > 0) {
        return alm_fail(r->error, ALM_ERR_CORRUPT, "%s: %zu bytes behind the last tensor", r->name,
                        rest);
    }
    return ALM_OK;
}

static alm_err read_header(const reader *r, const alm_json *root, alm_safetensors *out)
{
    if (alm_json_kind_of(root) != ALM_JSON_OBJECT) {
        return alm_fail(r->error, ALM_ERR_CORRUPT, "%s: the header is not a JSON object", r->name);
    }
    size_t entries = alm_json_count(root);
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(r->arena, entries * sizeof *out->tensor, &memory, r->error));
    alm_safetensors file = {memory, 0};
    for (size_t i = 0; i < entries; i++) {
        alm_str key;
        const alm_json *entry = alm_json_member_at(root, i, &key);
        if (!alm_str_is(key, "__metadata__")) {
            ALM_TRY(read_tensor(r, key, entry, &file.tensor[file.count++]));
        }
    }
    if (file.count > 0) {
        qsort(file.tensor, file.count, sizeof *file.tensor, compare_places);
    }
    ALM_TRY(check_places(r, &file));
    *out = file;
    return ALM_OK;
}

alm_err alm_safetensors_open(alm_str bytes, const char *name, alm_arena *arena,
                             alm_safetensors *out, alm_error *error)
{
    uint64_t size = 0;
    for (size_t i = 0; i < 8 && bytes.size >= 8; i++) {
        size |= (uint64_t)(uint8_t)bytes.data[i] << (8 * i);
    }
    if (bytes.size < 8 || size > bytes.size - 8) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: no safetensors file: its header is not there",
                        name);
    }
    if (size > ALM_SAFETENSORS_HEADER_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: a header of %llu bytes; at most %zu are read",
                        name, (unsigned long long)size, ALM_SAFETENSORS_HEADER_MAX);
    }
    reader r = {name, arena, error, {bytes.data + 8 + size, bytes.size - 8 - (size_t)size}};
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse((alm_str){bytes.data + 8, (size_t)size}, name, &document, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "header of the safetensors file");
    }
    code = read_header(&r, alm_json_root(document), out);
    alm_json_document_destroy(document);
    return code;
}

const alm_safetensor *alm_safetensors_find(const alm_safetensors *file, alm_str name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (alm_str_equal(file->tensor[i].name, name)) {
            return &file->tensor[i];
        }
    }
    return NULL;
}

/* ---- numbers ---- */

static uint64_t take_bits(const char *from, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits |= (uint64_t)(uint8_t)from[i] << (8 * i);
    }
    return bits;
}

/* IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
static double half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 0x1F);
    double fraction = (double)(bits & 0x3FF);
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? (fraction == 0 ? (double)INFINITY : (double)NAN)
                                   : ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 ? -size : size;
}

static double number(const char *from, size_t size, bool brain)
{
    uint64_t bits = take_bits(from, size);
    double whole;
    if (size == 8) {
        memcpy(&whole, &bits, sizeof whole);
        return whole;
    }
    if (size == 2 && !brain) {
        return half(bits);
    }
    /* bfloat16 is the upper half of a float. */
    uint32_t single_bits = brain ? (uint32_t)bits << 16 : (uint32_t)bits;
    float single;
    memcpy(&single, &single_bits, sizeof single);
    return (double)single;
}

bool alm_safetensor_read(const alm_safetensor *tensor, double *out)
{
    bool brain = alm_str_is(tensor->type, "BF16");
    if (!brain && !alm_str_is(tensor->type, "F64") && !alm_str_is(tensor->type, "F32") &&
        !alm_str_is(tensor->type, "F16")) {
        return false;
    }
    size_t size = size_of_type(tensor->type);
    for (size_t i = 0; i < tensor->count; i++) {
        out[i] = number(tensor->data.data + i * size, size, brain);
    }
    return true;
}
