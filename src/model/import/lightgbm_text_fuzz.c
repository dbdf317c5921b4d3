/* Any bytes as LightGBM's text: a forest that scores like its oracle, or one error. */
#include "model/forest/forest_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_forest *forest = NULL;
    alm_error error = {0};
    alm_str text = {(const char *)data, size};
    alm_err code = alm_forest_parse_lightgbm(text, "fuzz", &forest, &error);
    case_end_fuzzed(code, forest, &error);
    return 0;
}
