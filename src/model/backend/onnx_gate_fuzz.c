/* Any bytes as an ONNX file: let through or one error, in bounds, before a runtime sees them. */
#include "model/backend/onnx_gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_error error = {0};
    bool hides_missing = false;
    alm_str bytes = {(const char *)data, size};
    if (almi_onnx_gate(bytes, "fuzz", &hides_missing, &error) != ALM_OK) {
        alm_assert(error.message[0] != '\0' && alm_str_is_utf8(alm_str_of(error.message), NULL));
    }
    return 0;
}
