/* onnx_wire.c: see onnx_wire.h. */
#include "model/import/onnx_wire.h"

#include <string.h>

static bool damage(almi_wire *wire)
{
    wire->damaged = true;
    return false;
}

static bool take_varint(almi_wire *wire, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && wire->rest.size > 0; shift += 7) {
        uint8_t byte = (uint8_t)*wire->rest.data++;
        wire->rest.size--;
        if (shift == 63 && byte > 1) {
            return damage(wire);
        }
        value |= (uint64_t)(byte & 0x7Fu) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return damage(wire);
}

static bool take_fixed(almi_wire *wire, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (wire->rest.size < size) {
        return damage(wire);
    }
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)(uint8_t)wire->rest.data[i] << (8 * i);
    }
    wire->rest.data += size;
    wire->rest.size -= size;
    *out = value;
    return true;
}

bool almi_wire_number(almi_wire *wire, almi_wire_kind kind, uint64_t *out)
{
    if (wire->damaged || wire->rest.size == 0) {
        return false;
    }
    return kind == ALMI_WIRE_VARINT ? take_varint(wire, out)
                                    : take_fixed(wire, kind == ALMI_WIRE_FIXED64 ? 8 : 4, out);
}

static bool take_bytes(almi_wire *wire, alm_str *out)
{
    uint64_t size = 0;
    if (!take_varint(wire, &size) || size > wire->rest.size) {
        return damage(wire);
    }
    *out = (alm_str){wire->rest.data, (size_t)size};
    wire->rest.data += size;
    wire->rest.size -= (size_t)size;
    return true;
}

bool almi_wire_next(almi_wire *wire, almi_wire_field *out)
{
    uint64_t tag = 0;
    if (wire->damaged || wire->rest.size == 0) {
        return false;
    }
    if (!take_varint(wire, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        return damage(wire);
    }
    almi_wire_field field = {.number = (uint32_t)(tag >> 3), .kind = (almi_wire_kind)(tag & 7u)};
    bool taken = false;
    switch (field.kind) {
    case ALMI_WIRE_VARINT:
    case ALMI_WIRE_FIXED64:
    case ALMI_WIRE_FIXED32:
        taken = wire->rest.size > 0 && almi_wire_number(wire, field.kind, &field.value);
        break;
    case ALMI_WIRE_BYTES:
        taken = take_bytes(wire, &field.bytes);
        break;
    default: /* groups */
        break;
    }
    if (!taken) {
        return damage(wire);
    }
    *out = field;
    return true;
}

float almi_wire_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

double almi_wire_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
