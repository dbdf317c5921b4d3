/* Any bytes as an MLmodel file: a path inside the folder, or one error that names the file. */
#include <string.h>

#include "model/import/mlflow_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    alm_mlflow_folder folder;
    alm_error error = {0};
    alm_str text = {(const char *)data, size};
    if (alm_mlflow_folder_parse(text, "fuzz", arena, &folder, &error) == ALM_OK) {
        alm_assert(folder.data[0] != '\0' && folder.data[0] != '/');
        alm_assert(strncmp(folder.data, "../", 3) != 0 && !strstr(folder.data, "/../"));
    } else {
        alm_assert(strstr(error.message, "fuzz"));
    }
    alm_arena_destroy(arena);
    return 0;
}
