/* onnx_gate.h: what is asked of an ONNX file before ONNX Runtime sees it; for this folder only.
 *
 * The bytes are untrusted. Every message of the file is walked with the bounded reader of
 * import/onnx_wire.h, and refused by name are: tensors whose data lie in other files (the runtime
 * would follow whatever path the model says), operators outside of ONNX's own two domains (no
 * custom libraries, and none of ONNX Runtime's own, one of which opens files), Loop and SequenceMap
 * (which may run without end), operators that answer with random numbers, model-local functions
 * (whose expansion can grow without bound), training graphs, more than so many nodes or so deep.
 * It does not know what a node computes: that is checked by the runtime. Sources: onnx.proto3,
 * versions 3 to 13 of the format; Protocol Buffers, "Encoding" (parts of a message that occur twice
 * are merged, so every part is looked at). */
#ifndef ALM_MODEL_BACKEND_ONNX_GATE_H
#define ALM_MODEL_BACKEND_ONNX_GATE_H

#include "base/str.h"

#define ALMI_ONNX_GATE_BYTES_MAX ((size_t)512 << 20)
#define ALMI_ONNX_GATE_NODES_MAX 65536
#define ALMI_ONNX_GATE_DEPTH_MAX 8 /* graphs in graphs */

/* *hides_missing, set on success: ONNX Runtime's LSTM, GRU and RNN make some number out of NaN, so
 * a graph with one of them would answer a missing value as if it were known. Not one that also has
 * IsNaN or Imputer: that graph fills in what is missing itself.
 * ALM_ERR_LIMIT, ALM_ERR_CORRUPT, ALM_ERR_UNSUPPORTED, ALM_ERR_DENIED (data in other files). */
ALM_NODISCARD alm_err almi_onnx_gate(alm_str bytes, const char *name, bool *hides_missing,
                                     alm_error *error);

#endif
