/* Any bytes as a file of sample paths: finite paths, or one error. */
#include <math.h>
#include <string.h>

#include "pipeline/paths/path_file.h"

/* A short file may describe paths that take seconds to make, which no fuzzer should wait for. */
#define VALUES_MAX 65536
#define STEPS_AT 16
#define PATHS_AT 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_small(const uint8_t *data, size_t size)
{
    if (size < PATHS_AT + 8) {
        return true;
    }
    uint64_t steps = alm_u64_at((const char *)data + STEPS_AT);
    uint64_t paths = alm_u64_at((const char *)data + PATHS_AT);
    return steps == 0 || paths <= VALUES_MAX / (steps < VALUES_MAX ? steps : VALUES_MAX + 1);
}

static void ask(const alm_path_file *file, alm_str node)
{
    alm_arena *arena = alm_arena_create(0);
    alm_node_paths paths;
    alm_error error = {0};
    if (alm_paths_of_node(file, node, arena, &paths, &error) == ALM_OK) {
        for (size_t i = 0; i < (paths.paths + 1) * paths.steps; i++) {
            alm_assert(isfinite(paths.values[i]) && paths.values[i] >= 0);
        }
    }
    alm_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    char *copy = alm_arena_alloc(arena, size + 8); /* at a multiple of 8 */
    memcpy(copy, data, size);
    alm_path_file *file = NULL;
    alm_error error = {0};
    alm_str bytes = {copy, size};
    if (is_small(data, size) && alm_path_file_open(bytes, &file, &error) == ALM_OK) {
        ask(file, ALM_STR("a|b"));
        ask(file, ALM_STR("total"));
        ask(file, ALM_STR(""));
    }
    alm_path_file_close(file);
    alm_arena_destroy(arena);
    return 0;
}
