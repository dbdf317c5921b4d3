/* Any bytes as a model file: either a forest that can be scored and described, or one error. */
#include <math.h>

#include "model/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const alm_model_file *file)
{
    const alm_model_file_info *info = alm_model_file_describe(file);
    alm_arena *arena = alm_arena_create(0);
    size_t features = info->forest.feature_count, scores = info->forest.output_count;
    double *row = ALM_NEW_ARRAY(arena, double, features + 1);
    double *raw = ALM_NEW_ARRAY(arena, double, scores);
    double *out = ALM_NEW_ARRAY(arena, double, scores);
    row[0] = NAN;
    alm_forest_score(alm_model_file_forest(file), row, 1, features, raw);
    alm_assert(info->transform.output_count <= scores);
    alm_transform_apply(&info->transform, raw, 1, out);
    for (size_t i = 0; i < features; i++) {
        alm_assert(alm_str_is_utf8(info->feature_names[i], NULL));
    }
    alm_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_model_file *file = NULL;
    alm_error error = {0};
    if (alm_model_file_parse((alm_str){(const char *)data, size}, "m", &file, &error) == ALM_OK) {
        use(file);
    }
    alm_model_file_close(file);
    return 0;
}
