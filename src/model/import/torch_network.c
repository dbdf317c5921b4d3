/* torch_network.c: first every tensor is found and its shape checked, then the net is made and
 * filled, so that a small file cannot ask for a large net. */
#include "model/import/torch_network.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "model/import/safetensors.h"

/* Tensors of a layer, in the order in which network.h lays them out. */
enum { PARTS_MAX = 6 };

typedef struct layer_plan {
    /* recurrent: weight_ih, weight_hh, bias_ih, bias_hh; tcn: conv1, conv2, downsample with bias */
    const alm_safetensor *part[PARTS_MAX];
} layer_plan;

typedef struct plan {
    const char *name;
    alm_arena *arena;
    alm_error *error;
    alm_safetensors file;
    bool *used; /* [tensor] */
    alm_network_spec spec;
    layer_plan layer[ALM_NETWORK_LAYERS_MAX];
    const alm_safetensor *head_w, *head_b;
    size_t inputs; /* of the next layer; 0 before the first */
} plan;

/* ---- finding tensors ---- */

static const alm_safetensor *find(plan *p, const char *module, const char *tensor)
{
    alm_str name = alm_str_of(alm_arena_printf(p->arena, "%s%s%s", module,
                                               module[0] ? "." : "", tensor));
    const alm_safetensor *found = alm_safetensors_find(&p->file, name);
    if (found != NULL) {
        p->used[found - p->file.tensor] = true;
    }
    return found;
}

static alm_err missing(const plan *p, const char *module, const char *tensor)
{
    return alm_fail(p->error, ALM_ERR_CORRUPT, "%s: tensor '%s.%s' of the description is not there",
                    p->name, module, tensor);
}

static alm_err wrong_shape(const plan *p, const alm_safetensor *tensor, const char *expected)
{
    return alm_fail(p->error, ALM_ERR_CORRUPT, "%s: tensor '" ALM_STR_FMT "' has %zu dimensions "
                    "of %zu values in all; expected: %s", p->name, ALM_STR_ARG(tensor->name),
                    tensor->rank, tensor->count, expected);
}

/* A matrix of `rows` rows, whose columns are those of the input, or what is found when it is 0. */
static alm_err check_matrix(const plan *p, const alm_safetensor *tensor, size_t rows,
                            size_t columns)
{
    if (tensor->rank != 2 || tensor->shape[0] != rows || tensor->shape[1] != columns) {
        return wrong_shape(p, tensor, alm_arena_printf(p->arena, "%zu x %zu", rows, columns));
    }
    return ALM_OK;
}

static alm_err check_vector(const plan *p, const alm_safetensor *tensor, size_t size)
{
    if (tensor != NULL && (tensor->rank != 1 || tensor->shape[0] != size)) {
        return wrong_shape(p, tensor, alm_arena_printf(p->arena, "%zu", size));
    }
    return ALM_OK;
}

/* The number of columns is the input's, which the first layer decides. */
static alm_err take_inputs(plan *p, const alm_safetensor *tensor, size_t columns)
{
    if (columns == 0) {
        return wrong_shape(p, tensor, "at least one input");
    }
    if (p->inputs == 0) {
        p->inputs = columns;
        p->spec.feature_count = columns;
    }
    return ALM_OK;
}

static alm_err add_layer(plan *p, alm_layer_spec spec, layer_plan parts)
{
    if (p->spec.layer_count == ALM_NETWORK_LAYERS_MAX) {
        return alm_fail(p->error, ALM_ERR_LIMIT, "%s: more than %d layers", p->name,
                        ALM_NETWORK_LAYERS_MAX);
    }
    p->spec.layer[p->spec.layer_count] = spec;
    p->layer[p->spec.layer_count++] = parts;
    p->inputs = spec.units;
    return ALM_OK;
}

/* ---- recurrent layers ---- */

static alm_err refuse_variants(plan *p, const char *module, size_t l)
{
    const char *projected = alm_arena_printf(p->arena, "weight_hr_l%zu", l);
    const char *reverse = alm_arena_printf(p->arena, "weight_ih_l%zu_reverse", l);
    if (find(p, module, projected) != NULL || find(p, module, reverse) != NULL) {
        return alm_fail(p->error, ALM_ERR_UNSUPPORTED, "%s: '%s' has %s, which is not done",
                        p->name, module, find(p, module, reverse) != NULL
                                             ? "two directions (bidirectional)"
                                             : "a projection (proj_size)");
    }
    return ALM_OK;
}

static alm_err plan_recurrent(plan *p, alm_layer_kind kind, const char *module, size_t l)
{
    static const char *const PARTS[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    layer_plan layer = {{NULL}};
    size_t gates = kind == ALM_LAYER_LSTM ? 4 : 3;
    ALM_TRY(refuse_variants(p, module, l));
    for (size_t i = 0; i < 4; i++) {
        const char *part = alm_arena_printf(p->arena, "%s_l%zu", PARTS[i], l);
        layer.part[i] = find(p, module, part);
        if (layer.part[i] == NULL && (i < 2 || (i == 3 && layer.part[2] != NULL))) {
            return missing(p, module, part);
        }
    }
    const alm_safetensor *recurrent = layer.part[1];
    size_t units = recurrent->rank == 2 ? recurrent->shape[1] : 0;
    if (units == 0 || units > ALM_NETWORK_WIDTH_MAX) {
        return wrong_shape(p, recurrent, "gates x units of at most 4096 units");
    }
    ALM_TRY(take_inputs(p, layer.part[0], layer.part[0]->rank == 2 ? layer.part[0]->shape[1] : 0));
    ALM_TRY(check_matrix(p, layer.part[0], gates * units, p->inputs));
    ALM_TRY(check_matrix(p, recurrent, gates * units, units));
    ALM_TRY(check_vector(p, layer.part[2], gates * units));
    ALM_TRY(check_vector(p, layer.part[3], gates * units));
    return add_layer(p, (alm_layer_spec){.kind = kind, .units = units}, layer);
}

/* ---- convolutions ---- */

static alm_err check_convolution(const plan *p, const alm_safetensor *tensor, size_t out,
                                 size_t in, size_t kernel)
{
    if (tensor->rank != 3 || tensor->shape[0] != out || tensor->shape[1] != in ||
        tensor->shape[2] != kernel) {
        return wrong_shape(p, tensor,
                           alm_arena_printf(p->arena, "%zu x %zu x %zu", out, in, kernel));
    }
    return ALM_OK;
}

static alm_err refuse_normalised(plan *p, const char *module)
{
    static const char *const NAMES[] = {"conv1.weight_g",
                                        "conv1.parametrizations.weight.original0"};
    for (size_t i = 0; i < 2; i++) {
        if (find(p, module, NAMES[i]) != NULL) {
            return alm_fail(p->error, ALM_ERR_UNSUPPORTED, "%s: '%s.%s' is weight normalisation; "
                            "take it off before saving (remove_weight_norm, or "
                            "parametrize.remove_parametrizations)", p->name, module, NAMES[i]);
        }
    }
    return ALM_OK;
}

static alm_err plan_tcn(plan *p, const char *module, size_t dilation)
{
    static const char *const PARTS[] = {"conv1.weight", "conv1.bias", "conv2.weight",
                                        "conv2.bias", "downsample.weight", "downsample.bias"};
    layer_plan layer = {{NULL}};
    ALM_TRY(refuse_normalised(p, module));
    for (size_t i = 0; i < PARTS_MAX; i++) {
        layer.part[i] = find(p, module, PARTS[i]);
        if (layer.part[i] == NULL && (i == 0 || i == 2)) {
            return missing(p, module, PARTS[i]);
        }
    }
    const alm_safetensor *first = layer.part[0];
    bool is_convolution = first->rank == 3;
    size_t units = is_convolution ? first->shape[0] : 0;
    size_t kernel = is_convolution ? first->shape[2] : 0;
    if (units == 0 || kernel == 0 || units > ALM_NETWORK_WIDTH_MAX) {
        return wrong_shape(p, first, "units x inputs x kernel of at most 4096 units");
    }
    ALM_TRY(take_inputs(p, first, first->shape[1]));
    ALM_TRY(check_convolution(p, first, units, p->inputs, kernel));
    ALM_TRY(check_convolution(p, layer.part[2], units, units, kernel));
    ALM_TRY(check_vector(p, layer.part[1], units));
    ALM_TRY(check_vector(p, layer.part[3], units));
    if (units != p->inputs && layer.part[4] == NULL) {
        return missing(p, module, PARTS[4]);
    }
    if (units == p->inputs && layer.part[4] != NULL) {
        return alm_fail(p->error, ALM_ERR_UNSUPPORTED, "%s: '%s.downsample' between as many "
                        "channels is not done", p->name, module);
    }
    if (layer.part[4] != NULL) {
        ALM_TRY(check_convolution(p, layer.part[4], units, p->inputs, 1));
        ALM_TRY(check_vector(p, layer.part[5], units));
    }
    return add_layer(p, (alm_layer_spec){.kind = ALM_LAYER_TCN, .units = units, .kernel = kernel,
                                         .dilation = dilation}, layer);
}

/* ---- the description ---- */

static alm_err get_count(const alm_json *object, const char *key, int64_t fallback, size_t *out,
                         alm_error *error)
{
    int64_t value = fallback;
    if (alm_json_member(object, key) != NULL) {
        ALM_TRY(alm_json_get_i64(object, key, &value, error));
    }
    if (value < 1 || value > ALM_NETWORK_WIDTH_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s` is %lld; 1 to %d are possible", key,
                        (long long)value, ALM_NETWORK_WIDTH_MAX);
    }
    *out = (size_t)value;
    return ALM_OK;
}

/* Nothing but these keys, so that a misspelt one is not passed over. */
static alm_err check_keys(const alm_json *object, const char *const *keys, alm_error *error)
{
    if (object == NULL || alm_json_kind_of(object) != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_INVALID, "an object is expected, with `%s`", keys[0]);
    }
    for (size_t i = 0; i < alm_json_count(object); i++) {
        alm_str key;
        (void)alm_json_member_at(object, i, &key);
        size_t k = 0;
        while (keys[k] != NULL && !alm_str_is(key, keys[k])) {
            k++;
        }
        if (keys[k] == NULL) {
            return alm_fail(error, ALM_ERR_INVALID, "unknown key `" ALM_STR_FMT "`",
                            (int)(key.size < 60 ? key.size : 60), key.data);
        }
    }
    return ALM_OK;
}

static alm_err plan_layer(plan *p, const alm_json *entry)
{
    static const char *const KEYS[] = {"kind", "name", "layers", "dilation", NULL};
    alm_str kind, name;
    size_t layers = 0, dilation = 0;
    ALM_TRY(check_keys(entry, KEYS, p->error));
    ALM_TRY(alm_json_get_str(entry, "kind", &kind, p->error));
    ALM_TRY(alm_json_get_str(entry, "name", &name, p->error));
    ALM_TRY(get_count(entry, "layers", 1, &layers, p->error));
    ALM_TRY(get_count(entry, "dilation", 1, &dilation, p->error));
    bool tcn = alm_str_is(kind, "tcn"), lstm = alm_str_is(kind, "lstm");
    if (!tcn && !lstm && !alm_str_is(kind, "gru")) {
        return alm_fail(p->error, ALM_ERR_INVALID, "`kind` is '" ALM_STR_FMT "'; lstm, gru and "
                        "tcn are possible", (int)(kind.size < 40 ? kind.size : 40), kind.data);
    }
    if (alm_json_member(entry, tcn ? "layers" : "dilation") != NULL) {
        return alm_fail(p->error, ALM_ERR_INVALID, "a layer of kind " ALM_STR_FMT " has no `%s`",
                        ALM_STR_ARG(kind), tcn ? "layers" : "dilation");
    }
    if (tcn) {
        return plan_tcn(p, name.data, dilation);
    }
    for (size_t l = 0; l < layers; l++) {
        ALM_TRY(plan_recurrent(p, lstm ? ALM_LAYER_LSTM : ALM_LAYER_GRU, name.data, l));
    }
    return ALM_OK;
}

static alm_err plan_head(plan *p, const alm_json *entry)
{
    static const char *const KEYS[] = {"name", "outputs", NULL};
    static const char *const OUTPUTS[] = {"values", "quantiles", "classes"};
    alm_str name, outputs;
    size_t head = 0;
    ALM_TRY(check_keys(entry, KEYS, p->error));
    ALM_TRY(alm_json_get_str(entry, "name", &name, p->error));
    ALM_TRY(alm_json_get_str(entry, "outputs", &outputs, p->error));
    while (head < 3 && !alm_str_is(outputs, OUTPUTS[head])) {
        head++;
    }
    if (head == 3) {
        return alm_fail(p->error, ALM_ERR_INVALID, "`outputs` is '" ALM_STR_FMT "'; values, "
                        "quantiles and classes are possible",
                        (int)(outputs.size < 40 ? outputs.size : 40), outputs.data);
    }
    p->spec.head = (alm_network_head)head;
    p->head_w = find(p, name.data, "weight");
    p->head_b = find(p, name.data, "bias");
    if (p->head_w == NULL) {
        return missing(p, name.data, "weight");
    }
    p->spec.output_count = p->head_w->rank == 2 ? p->head_w->shape[0] : 0;
    ALM_TRY(check_matrix(p, p->head_w, p->spec.output_count, p->inputs));
    return check_vector(p, p->head_b, p->spec.output_count);
}

static alm_err check_used(const plan *p)
{
    for (size_t i = 0; i < p->file.count; i++) {
        if (!p->used[i]) {
            return alm_fail(p->error, ALM_ERR_CORRUPT, "%s: tensor '" ALM_STR_FMT "' belongs to "
                            "nothing in the description", p->name,
                            ALM_STR_ARG(p->file.tensor[i].name));
        }
    }
    return ALM_OK;
}

static alm_err plan_network(plan *p, const alm_json *root)
{
    static const char *const KEYS[] = {"format", "version", "layers", "head", NULL};
    alm_str format;
    int64_t version = 0;
    const alm_json *layers = NULL;
    ALM_TRY(check_keys(root, KEYS, p->error));
    ALM_TRY(alm_json_get_str(root, "format", &format, p->error));
    ALM_TRY(alm_json_get_i64(root, "version", &version, p->error));
    ALM_TRY(alm_json_get(root, "layers", ALM_JSON_ARRAY, &layers, p->error));
    if (!alm_str_is(format, "almanac network") || version != 1) {
        return alm_fail(p->error, ALM_ERR_INVALID, "`format` must be 'almanac network', `version` "
                        "1");
    }
    if (alm_json_count(layers) == 0) {
        return alm_fail(p->error, ALM_ERR_INVALID, "`layers` is empty");
    }
    for (size_t i = 0; i < alm_json_count(layers); i++) {
        alm_err code = plan_layer(p, alm_json_at(layers, i));
        if (code == ALM_ERR_INVALID) {
            return alm_error_wrap(p->error, code, "layer %zu", i + 1);
        }
        ALM_TRY(code);
    }
    alm_err code = plan_head(p, alm_json_member(root, "head"));
    if (code == ALM_ERR_INVALID) {
        return alm_error_wrap(p->error, code, "head");
    }
    ALM_TRY(code);
    return check_used(p);
}

/* ---- filling ---- */

/* Values of a tensor as floats that are exactly these; NULL stands for zeros. */
static alm_err read_floats(const plan *p, const alm_safetensor *tensor, size_t count, float **out)
{
    void *wide = NULL, *narrow = NULL;
    ALM_TRY(alm_arena_try_alloc(p->arena, count * sizeof(float), &narrow, p->error));
    float *value = narrow;
    *out = value;
    if (tensor == NULL) {
        return ALM_OK;
    }
    ALM_TRY(alm_arena_try_alloc(p->arena, count * sizeof(double), &wide, p->error));
    const double *read = wide;
    if (!alm_safetensor_read(tensor, wide)) {
        return alm_fail(p->error, ALM_ERR_UNSUPPORTED, "%s: tensor '" ALM_STR_FMT "' has the type "
                        ALM_STR_FMT ", not floating point", p->name, ALM_STR_ARG(tensor->name),
                        ALM_STR_ARG(tensor->type));
    }
    for (size_t i = 0; i < count; i++) {
        value[i] = (float)read[i];
        if (!isfinite(read[i]) || (double)value[i] != read[i]) {
            return alm_fail(p->error, isfinite(read[i]) ? ALM_ERR_UNSUPPORTED : ALM_ERR_CORRUPT,
                            "%s: tensor '" ALM_STR_FMT "': value %zu, %.17g, is not a float; nets "
                            "compute in float (model.float() before saving)", p->name,
                            ALM_STR_ARG(tensor->name), i, read[i]);
        }
    }
    return ALM_OK;
}

/* out x in -> in x out; returns where the next part begins. */
static float *put_transposed(const float *from, size_t out, size_t in, float *to)
{
    for (size_t k = 0; k < in; k++) {
        for (size_t n = 0; n < out; n++) {
            *to++ = from[n * in + k];
        }
    }
    return to;
}

static float *put_vector(const float *from, size_t count, float *to)
{
    memcpy(to, from, count * sizeof *to);
    return to + count;
}

static alm_err fill_recurrent(const plan *p, size_t l, size_t inputs, float **to)
{
    const alm_layer_spec *spec = &p->spec.layer[l];
    size_t gates = (spec->kind == ALM_LAYER_LSTM ? 4 : 3) * spec->units;
    float *value[4];
    const size_t count[4] = {gates * inputs, gates * spec->units, gates, gates};
    for (size_t i = 0; i < 4; i++) {
        ALM_TRY(read_floats(p, p->layer[l].part[i], count[i], &value[i]));
    }
    *to = put_transposed(value[0], gates, inputs, *to);
    *to = put_transposed(value[1], gates, spec->units, *to);
    /* An LSTM only ever sees the sum of its biases; a GRU's reset gate acts on the second. */
    for (size_t i = 0; spec->kind == ALM_LAYER_LSTM && i < gates; i++) {
        value[2][i] += value[3][i];
    }
    *to = put_vector(value[2], gates, *to);
    *to = spec->kind == ALM_LAYER_GRU ? put_vector(value[3], gates, *to) : *to;
    return ALM_OK;
}

/* out x in x kernel -> kernel x in x out, and the bias. */
static alm_err fill_convolution(const plan *p, const alm_safetensor *const *part,
                                const size_t shape[3], float **to)
{
    size_t out = shape[0], in = shape[1], kernel = shape[2];
    float *weight = NULL, *bias = NULL;
    ALM_TRY(read_floats(p, part[0], out * in * kernel, &weight));
    ALM_TRY(read_floats(p, part[1], out, &bias));
    for (size_t j = 0; j < kernel; j++) {
        for (size_t k = 0; k < in; k++) {
            for (size_t n = 0; n < out; n++) {
                *(*to)++ = weight[(n * in + k) * kernel + j];
            }
        }
    }
    *to = put_vector(bias, out, *to);
    return ALM_OK;
}

static alm_err fill_tcn(const plan *p, size_t l, size_t inputs, float **to)
{
    const alm_layer_spec *spec = &p->spec.layer[l];
    const alm_safetensor *const *part = p->layer[l].part;
    const size_t first[3] = {spec->units, inputs, spec->kernel};
    const size_t second[3] = {spec->units, spec->units, spec->kernel};
    const size_t shortcut[3] = {spec->units, inputs, 1};
    ALM_TRY(fill_convolution(p, part, first, to));
    ALM_TRY(fill_convolution(p, part + 2, second, to));
    return part[4] == NULL ? ALM_OK : fill_convolution(p, part + 4, shortcut, to);
}

static alm_err fill(const plan *p, alm_network *network)
{
    size_t count = 0, inputs = p->spec.feature_count;
    float *begin = alm_network_parameters(network, &count), *to = begin;
    for (size_t l = 0; l < p->spec.layer_count; l++) {
        ALM_TRY(p->spec.layer[l].kind == ALM_LAYER_TCN ? fill_tcn(p, l, inputs, &to)
                                                       : fill_recurrent(p, l, inputs, &to));
        inputs = p->spec.layer[l].units;
    }
    float *weight = NULL, *bias = NULL;
    ALM_TRY(read_floats(p, p->head_w, p->spec.output_count * inputs, &weight));
    ALM_TRY(read_floats(p, p->head_b, p->spec.output_count, &bias));
    to = put_transposed(weight, p->spec.output_count, inputs, to);
    to = put_vector(bias, p->spec.output_count, to);
    alm_assert((size_t)(to - begin) == count);
    return ALM_OK;
}

static alm_err import_network(plan *p, alm_str weights, alm_str description, alm_network **out)
{
    alm_json_document *document = NULL;
    alm_network *network = NULL;
    ALM_TRY(alm_safetensors_open(weights, p->name, p->arena, &p->file, p->error));
    p->used = ALM_NEW_ARRAY(p->arena, bool, p->file.count + 1);
    const char *described = alm_arena_printf(p->arena, "%s: description", p->name);
    ALM_TRY(alm_json_parse(description, described, &document, p->error));
    alm_err code = plan_network(p, alm_json_root(document));
    alm_json_document_destroy(document);
    if (code == ALM_ERR_INVALID) {
        return alm_error_wrap(p->error, code, "%s: description", p->name);
    }
    ALM_TRY(code);
    code = alm_network_create(&p->spec, 0, &network, p->error);
    if (code != ALM_OK) {
        return alm_error_wrap(p->error, code, "%s", p->name);
    }
    code = fill(p, network);
    if (code != ALM_OK) {
        alm_network_destroy(network);
        return code;
    }
    *out = network;
    return ALM_OK;
}

alm_err alm_network_import_torch(alm_str weights, alm_str description, const char *name,
                                 alm_network **out, alm_error *error)
{
    plan p = {.name = name, .arena = alm_arena_create(0), .error = error};
    alm_err code = import_network(&p, weights, description, out);
    alm_arena_destroy(p.arena);
    return code;
}
