/* Any bytes as attributes of a calibrator or scaler: one that answers, or one error. */
#include <string.h>

#include "model/import/sklearn_ensemble.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const alm_calibrator *calibrator, alm_arena *arena)
{
    size_t classes = alm_calibrator_classes(calibrator);
    double *row = ALM_NEW_ARRAY(arena, double, classes);
    row[1] = 0.5;
    alm_calibrator_apply(calibrator, row, row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_str json = {(const char *)data, size};
    alm_arena *arena = alm_arena_create(0);
    alm_calibrator *calibrator = NULL;
    alm_robust_scaler scaler;
    alm_error error = {0};
    if (alm_calibrator_import_sklearn(json, "fuzz", &calibrator, &error) == ALM_OK) {
        use(calibrator, arena);
    } else {
        alm_assert(strstr(error.message, "fuzz"));
    }
    if (alm_robust_scaler_import_sklearn(json, "fuzz", arena, &scaler, NULL) == ALM_OK) {
        double *row = ALM_NEW_ARRAY(arena, double, scaler.columns);
        alm_robust_scaler_apply(&scaler, row, 1);
    }
    alm_calibrator_destroy(calibrator);
    alm_arena_destroy(arena);
    return 0;
}
