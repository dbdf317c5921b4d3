/* Any bytes as the answer of a server: finite numbers of the shape that was asked, or one error.
 * The first byte chooses protocol, rows and outputs. */
#include <math.h>

#include "model/backend/remote_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 4, OUTPUTS_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    unsigned choice = data[0];
    alm_remote_spec spec = {.protocol = (alm_remote_protocol)(choice % 3),
                            .model = ALM_STR("line"),
                            .version = choice & 128 ? ALM_STR("3") : ALM_STR(""),
                            .output = choice & 64 ? ALM_STR("y") : ALM_STR(""),
                            .by_column = choice % 3 == 1 && (choice & 32),
                            .outputs = choice / 3 % 2 + 1};
    size_t rows = choice / 6 % ROWS_MAX + 1;
    alm_str body = {(const char *)data + 1, size - 1};
    double out[ROWS_MAX * OUTPUTS_MAX];
    alm_error error = {0};
    if (almi_remote_take_answer(&spec, body, rows, out, &error) == ALM_OK) {
        for (size_t i = 0; i < rows * spec.outputs; i++) {
            alm_assert(isfinite(out[i]));
        }
    } else {
        alm_assert(error.code == ALM_ERR_CORRUPT || error.code == ALM_ERR_MEMORY ||
                   error.code == ALM_ERR_LIMIT);
        alm_assert(error.message[0] != '\0' && alm_str_is_utf8(alm_str_of(error.message), NULL));
    }
    alm_buffer reason = {0};
    almi_remote_reason(body, ALM_STR("token"), &reason);
    alm_assert(reason.size <= 320 && alm_str_is_utf8(alm_buffer_view(&reason), NULL));
    alm_buffer_deinit(&reason);
    return 0;
}
