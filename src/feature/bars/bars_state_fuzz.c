/* Any bytes as the words of a checkpoint with the right hash, then as bars: the state goes on with
 * numbers, or it is refused. */
#include "feature/bars/bars_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_BYTES (8 + ALM_DIGEST_BYTES)

static void sign(alm_buffer *bytes)
{
    size_t body = bytes->size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes->data, body);
    memcpy(bytes->data + body, digest.bytes, ALM_DIGEST_BYTES);
}

static void go_on(alm_bars_state *state, size_t width, const uint8_t *data, size_t size)
{
    double out[CASE_WIDTH_MAX];
    for (size_t i = 0; i + sizeof(alm_bar) <= size; i += sizeof(alm_bar)) {
        alm_bar bar;
        memcpy(&bar, data + i, sizeof bar);
        alm_err code = alm_bars_update(state, &bar, NULL);
        alm_assert(code == ALM_OK || code == ALM_ERR_INVALID);
        alm_bars_emit(state, out);
        for (size_t k = 0; k < width; k++) {
            alm_assert(out[k] != out[k] || out[k] - out[k] == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_bars_plan *plan = case_plan();
    alm_bars_state *state = NULL;
    alm_buffer bytes = {0};
    alm_error error = {0};
    alm_err code = alm_bars_state_create(plan, &state, &error);
    alm_assert(code == ALM_OK);
    code = alm_bars_state_save(state, &bytes, &error);
    alm_assert(code == ALM_OK);
    alm_bars_state_destroy(state);
    state = NULL;
    /* The bars seen, the time, the words: from the input, as far as it goes. */
    size_t room = bytes.size - HEADER_BYTES - ALM_DIGEST_BYTES;
    size_t taken = size < room ? size : room;
    if (taken > 0) {
        memcpy(bytes.data + HEADER_BYTES, data, taken);
    }
    sign(&bytes);
    if (alm_bars_state_load(plan, alm_buffer_view(&bytes), &state, &error) == ALM_OK) {
        go_on(state, alm_bars_plan_width(plan), data, size);
    } else {
        alm_assert(!state && error.message[0] != '\0');
    }
    alm_bars_state_destroy(state);
    alm_buffer_deinit(&bytes);
    alm_bars_plan_destroy(plan);
    return 0;
}
