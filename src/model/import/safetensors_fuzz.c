/* Any bytes as weights and their description, cut at a zero byte behind the first one that says
 * where: a net that predicts, or one error that names the file. */
#include <string.h>

#include "model/import/torch_network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const alm_network *network)
{
    const alm_network_spec *spec = alm_network_describe(network);
    alm_arena *arena = alm_arena_create(0);
    alm_network_windows window = {ALM_NEW_ARRAY(arena, double, 3 * spec->feature_count), 1, 3};
    double *out = ALM_NEW_ARRAY(arena, double, spec->output_count);
    (void)!alm_network_predict(network, &window, arena, out, NULL);
    alm_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The description first: it has no zero byte, and the weights behind it have any. */
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    if (end == NULL) {
        return 0;
    }
    alm_str description = {(const char *)data, (size_t)(end - data)};
    alm_str weights = {(const char *)end + 1, size - description.size - 1};
    alm_network *network = NULL;
    alm_error error = {0};
    if (alm_network_import_torch(weights, description, "fuzz", &network, &error) == ALM_OK) {
        use(network);
    } else {
        alm_assert(strstr(error.message, "fuzz"));
        alm_assert(alm_str_is_utf8(alm_str_of(error.message), NULL));
    }
    alm_network_destroy(network);
    return 0;
}
