/* Any bytes as an ONNX file: a forest that scores like its oracle, or one error. */
#include <string.h>

#include "model/forest/forest_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_forest *forest = NULL;
    alm_error error = {0};
    alm_str bytes = {(const char *)data, size};
    if (alm_forest_parse_onnx(bytes, "fuzz", &forest, &error) == ALM_OK) {
        case_use_forest(forest);
    } else {
        alm_assert(strstr(error.message, "fuzz"));
        alm_assert(alm_str_is_utf8(alm_str_of(error.message), NULL));
    }
    alm_forest_destroy(forest);
    return 0;
}
