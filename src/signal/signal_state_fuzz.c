/* Any bytes as the body of a checkpoint with the right hash, then as bars: the state goes on and
 * predicts numbers or nothing, or it is refused. */
#include "signal/signal_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_BYTES (8 + ALM_DIGEST_BYTES)     /* of the signal's state */
#define BARS_AT (HEADER_BYTES + 8)              /* of the plan's state in it, with its own header */
#define INNER_AT (BARS_AT + 8 + ALM_DIGEST_BYTES)

static void sign(char *from, size_t body)
{
    alm_digest digest = alm_hash_bytes(from, body);
    memcpy(from + body, digest.bytes, ALM_DIGEST_BYTES);
}

static void go_on(const alm_signal *signal, alm_signal_state *state, const uint8_t *data,
                  size_t size)
{
    double value[CASE_SIGNAL_HORIZONS], probability[CASE_SIGNAL_HORIZONS * CASE_SIGNAL_CLASSES];
    alm_scorer_output out = {.value = value, .probability = probability};
    alm_signal_scratch *scratch = NULL;
    alm_err code = alm_signal_scratch_create(signal, NULL, &scratch, NULL);
    alm_assert(code == ALM_OK);
    for (size_t i = 0; i + sizeof(alm_bar) <= size; i += sizeof(alm_bar)) {
        alm_bar bar;
        memcpy(&bar, data + i, sizeof bar);
        code = alm_signal_update(state, &bar, NULL);
        alm_assert(code == ALM_OK || code == ALM_ERR_INVALID);
        code = alm_signal_predict(scratch, state, &out, NULL);
        alm_assert(code == (alm_signal_state_seen(state) ? ALM_OK : ALM_ERR_INVALID));
        for (size_t k = 0; code == ALM_OK && k < CASE_SIGNAL_HORIZONS * CASE_SIGNAL_CLASSES; k++) {
            alm_assert(isnan(probability[k]) || (probability[k] >= 0 && probability[k] <= 1));
        }
    }
    alm_signal_scratch_destroy(scratch);
}

/* A saved state whose body comes from the input: the first byte says which part of it. */
static void spoil(alm_buffer *bytes, const uint8_t *data, size_t size)
{
    size_t windows = CASE_SIGNAL_STEPS * 3 * sizeof(double);
    size_t body = bytes->size - ALM_DIGEST_BYTES;
    size_t begin = data[0] % 3 == 0 ? INNER_AT : data[0] % 3 == 1 ? body - windows : HEADER_BYTES;
    size_t end = data[0] % 3 == 0 ? body - windows - ALM_DIGEST_BYTES : body;
    size_t taken = size - 1 < end - begin ? size - 1 : end - begin;
    memcpy(bytes->data + begin, data + 1, taken);
    if (data[0] % 3 == 0) {
        sign(bytes->data + BARS_AT, body - windows - ALM_DIGEST_BYTES - BARS_AT);
    }
    sign(bytes->data, body);
}

/* Made once: building it costs more than what is fuzzed. */
static const alm_signal *the_signal(void)
{
    static alm_signal *signal;
    if (!signal) {
        scorer_case w;
        scorer_case_init(&w);
        case_signal_files(&w);
        alm_assert(case_signal_read(&w, &signal) == ALM_OK);
        alm_arena_destroy(w.arena);
    }
    return signal;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const alm_signal *signal = the_signal();
    alm_signal_state *state = NULL;
    alm_buffer bytes = {0};
    alm_error error = {0};
    alm_bar bars[20];
    if (size == 0) {
        return 0;
    }
    case_bars(CASE_CALM, 1, bars, 20);
    alm_err code = alm_signal_state_create(signal, &state, &error);
    for (size_t i = 0; code == ALM_OK && i < data[0] % 20u; i++) {
        code = alm_signal_update(state, &bars[i], &error);
    }
    code = code ? code : alm_signal_state_save(state, &bytes, &error);
    alm_assert(code == ALM_OK);
    alm_signal_state_destroy(state);
    state = NULL;
    spoil(&bytes, data, size);
    if (alm_signal_state_load(signal, alm_buffer_view(&bytes), &state, &error) == ALM_OK) {
        go_on(signal, state, data, size);
    } else {
        alm_assert(!state && error.message[0] != '\0');
    }
    alm_signal_state_destroy(state);
    alm_buffer_deinit(&bytes);
    return 0;
}
