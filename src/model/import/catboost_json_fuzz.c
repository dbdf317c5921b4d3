/* Any bytes as CatBoost's JSON: a forest that scores like its oracle, or one error. */
#include "model/forest/forest_cases.h"
#include "model/import/catboost_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_forest *forest = NULL;
    alm_error error = {0};
    alm_str bytes = {(const char *)data, size};
    alm_err code = almi_cb_import_as(ALMI_CB_FORMAT_JSON, bytes, "fuzz", &forest, &error);
    case_end_fuzzed(code, forest, &error);
    return 0;
}
