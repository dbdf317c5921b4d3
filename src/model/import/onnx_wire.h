/* onnx_wire.h: protocol buffers field by field, bounded; what ONNX files are written in.
 *
 * A message is a run of fields (number, wire type, value). The reader knows no schema: whoever
 * reads a message asks for one field after the other and passes over those that it does not need.
 * It borrows the bytes, allocates nothing and never reads behind their end; groups, which ONNX does
 * not use, and numbers of more than 64 bits are damage. Source: Protocol Buffers, "Encoding". */
#ifndef ALM_MODEL_ONNX_WIRE_H
#define ALM_MODEL_ONNX_WIRE_H

#include "base/str.h"

typedef enum almi_wire_kind {
    ALMI_WIRE_VARINT = 0,
    ALMI_WIRE_FIXED64 = 1,
    ALMI_WIRE_BYTES = 2, /* text, a message, or packed numbers */
    ALMI_WIRE_FIXED32 = 5
} almi_wire_kind;

typedef struct almi_wire {
    alm_str rest;
    bool damaged; /* set where almi_wire_next ended before the end of the bytes */
} almi_wire;

typedef struct almi_wire_field {
    uint32_t number;
    almi_wire_kind kind;
    uint64_t value; /* of a number: its bits */
    alm_str bytes;
} almi_wire_field;

/* The next field; false at the end of the message and where it is damaged. */
bool almi_wire_next(almi_wire *wire, almi_wire_field *out);
/* A number of a packed list of that kind, which must not be BYTES. */
bool almi_wire_number(almi_wire *wire, almi_wire_kind kind, uint64_t *out);

float almi_wire_float(uint64_t bits);
double almi_wire_double(uint64_t bits);

#endif
