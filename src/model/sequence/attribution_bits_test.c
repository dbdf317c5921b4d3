/* attribution_bits_test.c: bits of attributions that must not depend on the CPU; tests/determinism
 * runs this with every variant of the functions below. */
#include "model/sequence/network_attribution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "model/sequence/network_cases.h"

enum { SIZE = CASE_STEPS * CASE_FEATURES };

static alm_network *make(const alm_network_spec *spec, uint64_t seed)
{
    alm_network *network = NULL;
    alm_error error = {0};
    if (alm_network_create(spec, seed, &network, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    case_shake(network, seed + 100);
    return network;
}

static alm_network_explainer *explain(const alm_network *network)
{
    alm_network_explainer *explainer = NULL;
    alm_error error = {0};
    if (alm_network_explainer_create(network, &explainer, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return explainer;
}

/* Of this code, with vectors of any width and with none (tests/determinism forces each). */
static void bits_are_those_of_every_cpu(void **state)
{
    (void)state;
    alm_buffer bytes = {0};
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network_spec spec = case_spec(number, ALM_HEAD_CLASSES);
        alm_network *network = make(&spec, 31);
        alm_network_explainer *explainer = explain(network);
        double window[SIZE], out[SIZE];
        case_windows(32, SIZE, window);
        alm_network_windows windows = {window, 1, CASE_STEPS};
        alm_attribution_request request = {.windows = &windows, .output = 2, .after_head = true,
                                           .tolerance = 3e-3};
        alm_error error = {0};
        if (alm_network_attribute(explainer, &request, out, NULL, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        alm_buffer_append(&bytes, out, sizeof out);
        alm_network_explainer_destroy(explainer);
        alm_network_destroy(network);
    }
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest digest = alm_hash_bytes(bytes.data, bytes.size);
    alm_digest_text(&digest, text);
    alm_buffer_deinit(&bytes);
    assert_string_equal(text, "911ccc02d9946f5fbbe2b40f88c58fdf8413ad87765ce61a3551eb9c3c9eedbb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_those_of_every_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
