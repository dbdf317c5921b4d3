/* network.c: the parts of a net, its beginning, and its bytes. */
#include "model/sequence/network.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "model/sequence/network_internal.h"

#define PARAMETERS_MAX ((size_t)1 << 28)

static bool in_range(size_t value, size_t max)
{
    return value >= 1 && value <= max;
}

static alm_err check_spec(const alm_network_spec *spec, alm_error *error)
{
    if (!in_range(spec->feature_count, ALM_NETWORK_WIDTH_MAX) ||
        !in_range(spec->output_count, ALM_NETWORK_WIDTH_MAX) ||
        !in_range(spec->layer_count, ALM_NETWORK_LAYERS_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "a net with %zu features, %zu layers and %zu "
                        "outputs: at most %d, %d and %d, and none is 0", spec->feature_count,
                        spec->layer_count, spec->output_count, ALM_NETWORK_WIDTH_MAX,
                        ALM_NETWORK_LAYERS_MAX, ALM_NETWORK_WIDTH_MAX);
    }
    for (size_t l = 0; l < spec->layer_count; l++) {
        const alm_layer_spec *layer = &spec->layer[l];
        bool tcn = layer->kind == ALM_LAYER_TCN;
        bool fits = layer->kind <= ALM_LAYER_TCN && in_range(layer->units, ALM_NETWORK_WIDTH_MAX) &&
                    (!tcn || (in_range(layer->kernel, ALM_NETWORK_WIDTH_MAX) &&
                              in_range(layer->dilation, ALM_NETWORK_WIDTH_MAX) &&
                              (layer->kernel - 1) * layer->dilation < ALM_NETWORK_WIDTH_MAX));
        if (!fits) {
            return alm_fail(error, ALM_ERR_INVALID, "layer %zu: %zu units, kernel %zu, dilation "
                            "%zu: each is 1 to %d, and so is (kernel - 1) x dilation + 1", l + 1,
                            layer->units, layer->kernel, layer->dilation, ALM_NETWORK_WIDTH_MAX);
        }
    }
    return ALM_OK;
}

static size_t part(alm_network *network, size_t count)
{
    size_t at = network->parameter_count;
    network->parameter_count += count;
    return at;
}

static void lay_out_layer(alm_network *network, almi_layer *layer)
{
    size_t units = layer->spec.units;
    size_t inputs = layer->inputs;
    layer->shortcut = layer->shortcut_b = layer->c = SIZE_MAX;
    layer->reach = 1;
    if (layer->spec.kind == ALM_LAYER_TCN) {
        size_t kernel = layer->spec.kernel;
        layer->w = part(network, kernel * inputs * units);
        layer->b = part(network, units);
        layer->u = part(network, kernel * units * units);
        layer->c = part(network, units);
        if (inputs != units) {
            layer->shortcut = part(network, inputs * units);
            layer->shortcut_b = part(network, units);
        }
        layer->record = 3 * units;
        layer->hidden = 2 * units;
        layer->reach = (kernel - 1) * layer->spec.dilation + 1;
        return;
    }
    size_t gates = almi_gates_of(layer);
    layer->w = part(network, inputs * gates * units);
    layer->u = part(network, units * gates * units);
    layer->b = part(network, gates * units);
    if (layer->spec.kind == ALM_LAYER_GRU || layer->spec.peepholes) {
        layer->c = part(network, 3 * units);
    }
    layer->record = (gates == 4 ? 7 : 5) * units;
    layer->hidden = layer->record - units;
}

static void lay_out(alm_network *network)
{
    size_t inputs = network->spec.feature_count;
    for (size_t l = 0; l < network->spec.layer_count; l++) {
        network->layer[l].spec = network->spec.layer[l];
        network->layer[l].inputs = inputs;
        lay_out_layer(network, &network->layer[l]);
        inputs = network->layer[l].spec.units;
    }
    network->head_w = part(network, inputs * network->spec.output_count);
    network->head_b = part(network, network->spec.output_count);
}

static alm_err build(const alm_network_spec *spec, alm_network **out, alm_error *error)
{
    ALM_TRY(check_spec(spec, error));
    alm_arena *arena = alm_arena_create(0);
    alm_network *network = ALM_NEW(arena, alm_network);
    network->arena = arena;
    network->spec = *spec;
    lay_out(network);
    void *memory = NULL;
    alm_err code = ALM_OK;
    if (network->parameter_count > PARAMETERS_MAX) {
        code = alm_fail(error, ALM_ERR_LIMIT, "a net of %zu parameters, at most %zu",
                        network->parameter_count, PARAMETERS_MAX);
    } else {
        code = alm_arena_try_alloc(arena, network->parameter_count * sizeof(float), &memory, error);
    }
    if (code != ALM_OK) {
        alm_arena_destroy(arena);
        return code;
    }
    network->parameter = memory;
    *out = network;
    return ALM_OK;
}

static void draw(alm_network *network, uint64_t seed, size_t from, size_t count, size_t fan)
{
    double bound = 1 / sqrt((double)fan);
    for (size_t i = from; from != SIZE_MAX && i < from + count; i++) {
        double u = alm_rng_uniform(seed, ALM_RNG_NETWORK_INIT, i, 0);
        network->parameter[i] = (float)((2 * u - 1) * bound);
    }
}

alm_err alm_network_create(const alm_network_spec *spec, uint64_t seed, alm_network **out,
                           alm_error *error)
{
    alm_network *network = NULL;
    ALM_TRY(build(spec, &network, error));
    for (size_t l = 0; l < spec->layer_count; l++) {
        const almi_layer *layer = &network->layer[l];
        size_t units = layer->spec.units;
        if (layer->spec.kind == ALM_LAYER_TCN) {
            size_t kernel = layer->spec.kernel;
            size_t shortcut = layer->shortcut == SIZE_MAX ? 0 : layer->inputs * units;
            draw(network, seed, layer->w, kernel * layer->inputs * units, kernel * layer->inputs);
            draw(network, seed, layer->u, kernel * units * units, kernel * units);
            draw(network, seed, layer->shortcut, shortcut, layer->inputs);
            continue;
        }
        size_t gates = almi_gates_of(layer);
        draw(network, seed, layer->w, (layer->inputs + units) * gates * units, units);
        for (size_t n = 0; layer->spec.kind == ALM_LAYER_LSTM && n < units; n++) {
            network->parameter[layer->b + units + n] = 1; /* remember, until told otherwise */
        }
    }
    size_t top = spec->layer[spec->layer_count - 1].units;
    draw(network, seed, network->head_w, top * spec->output_count, top);
    *out = network;
    return ALM_OK;
}

void alm_network_destroy(alm_network *network)
{
    if (network) {
        alm_arena_destroy(network->arena); /* the struct lies in its own arena */
    }
}

const alm_network_spec *alm_network_describe(const alm_network *network)
{
    return &network->spec;
}

float *alm_network_parameters(alm_network *network, size_t *count)
{
    *count = network->parameter_count;
    return network->parameter;
}

/* ---- bytes: magic, spec as 32-bit words, parameters, the SHA-256 of all before it ---- */

static const char MAGIC[8] = {'A', 'L', 'M', 'N', 'E', 'T', '0', '1'};
#define LAYER_WORDS 5
#define HEAD_WORDS 4

static void put_u32(alm_buffer *out, uint32_t value)
{
    uint8_t bytes[4];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    alm_buffer_append(out, bytes, sizeof bytes);
}

static uint32_t take_u32(alm_str *rest)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        value |= (uint32_t)(uint8_t)rest->data[i] << (8 * i);
    }
    *rest = (alm_str){rest->data + 4, rest->size - 4};
    return value;
}

void alm_network_write(const alm_network *network, alm_buffer *out)
{
    const alm_network_spec *spec = &network->spec;
    size_t start = out->size;
    alm_buffer_append(out, MAGIC, sizeof MAGIC);
    put_u32(out, (uint32_t)spec->feature_count);
    put_u32(out, (uint32_t)spec->output_count);
    put_u32(out, (uint32_t)spec->head);
    put_u32(out, (uint32_t)spec->layer_count);
    for (size_t l = 0; l < spec->layer_count; l++) {
        const alm_layer_spec *layer = &spec->layer[l];
        bool tcn = layer->kind == ALM_LAYER_TCN;
        put_u32(out, (uint32_t)layer->kind);
        put_u32(out, (uint32_t)layer->units);
        put_u32(out, tcn ? (uint32_t)layer->kernel : 0);
        put_u32(out, tcn ? (uint32_t)layer->dilation : 0);
        put_u32(out, (layer->kind == ALM_LAYER_GRU && layer->reset_before ? 1u : 0u) |
                         (layer->kind == ALM_LAYER_LSTM && layer->peepholes ? 2u : 0u));
    }
    for (size_t i = 0; i < network->parameter_count; i++) {
        uint32_t bits;
        memcpy(&bits, &network->parameter[i], sizeof bits);
        put_u32(out, bits);
    }
    if (!out->failed) {
        alm_digest digest = alm_hash_bytes(out->data + start, out->size - start);
        alm_buffer_append(out, digest.bytes, sizeof digest.bytes);
    }
}

static alm_err check_frame(alm_str bytes, const char *name, alm_error *error)
{
    size_t least = sizeof MAGIC + HEAD_WORDS * 4 + ALM_DIGEST_BYTES;
    if (bytes.size < least || memcmp(bytes.data, MAGIC, sizeof MAGIC) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: these %zu bytes are no net", name,
                        bytes.size);
    }
    size_t body = bytes.size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes.data, body);
    if (memcmp(digest.bytes, bytes.data + body, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: the hash does not match its %zu bytes", name,
                        bytes.size);
    }
    return ALM_OK;
}

static alm_err take_spec(alm_str *rest, const char *name, alm_network_spec *spec, alm_error *error)
{
    *spec = (alm_network_spec){.feature_count = take_u32(rest), .output_count = take_u32(rest)};
    uint32_t head = take_u32(rest);
    spec->layer_count = take_u32(rest);
    if (head > ALM_HEAD_CLASSES || spec->layer_count > ALM_NETWORK_LAYERS_MAX ||
        rest->size < spec->layer_count * LAYER_WORDS * 4) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: head %u, %zu layers in %zu bytes", name, head,
                        spec->layer_count, rest->size);
    }
    spec->head = (alm_network_head)head;
    for (size_t l = 0; l < spec->layer_count; l++) {
        uint32_t kind = take_u32(rest);
        alm_layer_spec *layer = &spec->layer[l];
        *layer = (alm_layer_spec){.kind = (alm_layer_kind)(kind > ALM_LAYER_TCN ? 0 : kind),
                                  .units = take_u32(rest), .kernel = take_u32(rest),
                                  .dilation = take_u32(rest)};
        uint32_t flags = take_u32(rest);
        layer->reset_before = (flags & 1u) != 0;
        layer->peepholes = (flags & 2u) != 0;
        if (kind > ALM_LAYER_TCN || flags > 3) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: layer %zu is of kind %u", name, l + 1,
                            kind);
        }
    }
    return ALM_OK;
}

static alm_err take_parameters(alm_str rest, const char *name, alm_network *network,
                               alm_error *error)
{
    for (size_t i = 0; i < network->parameter_count; i++) {
        uint32_t bits = take_u32(&rest);
        memcpy(&network->parameter[i], &bits, sizeof bits);
        if (!isfinite(network->parameter[i])) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: parameter %zu is not finite", name, i);
        }
    }
    return ALM_OK;
}

/* Parameters that a spec has, without building it. */
static alm_err measure(const alm_network_spec *spec, size_t *count, alm_error *error)
{
    ALM_TRY(check_spec(spec, error));
    alm_network measured = {.spec = *spec};
    lay_out(&measured);
    *count = measured.parameter_count;
    return ALM_OK;
}

alm_err alm_network_read(alm_str bytes, const char *name, alm_network **out, alm_error *error)
{
    ALM_TRY(check_frame(bytes, name, error));
    alm_str rest = {bytes.data + sizeof MAGIC, bytes.size - sizeof MAGIC - ALM_DIGEST_BYTES};
    alm_network_spec spec;
    size_t count = 0;
    ALM_TRY(take_spec(&rest, name, &spec, error));
    if (measure(&spec, &count, error) != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", name);
    }
    if (rest.size / 4 != count || rest.size % 4 != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: %zu bytes for %zu parameters", name,
                        rest.size, count);
    }
    alm_network *network = NULL;
    ALM_TRY(build(&spec, &network, error));
    alm_err code = take_parameters(rest, name, network, error);
    if (code != ALM_OK) {
        alm_network_destroy(network);
        return code;
    }
    *out = network;
    return ALM_OK;
}
