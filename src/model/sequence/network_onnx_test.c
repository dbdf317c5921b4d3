/* Recurrent layers against ONNX: tests/golden/network/README.md says where the numbers are from. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/sequence/network.h"

enum { CASES = 9, LINE_MAX = 512 };

/* The numbers of a line. */
static size_t numbers(alm_str *rest, double *out)
{
    alm_str line = alm_str_split(rest, '\n');
    size_t count = 0;
    while (line.size > 0) {
        assert_true(count < LINE_MAX);
        assert_true(alm_str_to_double(alm_str_split(&line, ' '), &out[count++]));
    }
    return count;
}

typedef struct shape {
    bool lstm;
    double number[5]; /* units, flag, batch, steps, features */
} shape;

static shape shape_of(alm_str *rest)
{
    shape s = {0};
    alm_str line = alm_str_split(rest, '\n');
    s.lstm = alm_str_is(alm_str_split(&line, ' '), "lstm");
    for (size_t k = 0; k < 5; k++) {
        assert_true(alm_str_to_double(alm_str_split(&line, ' '), &s.number[k]));
    }
    return s;
}

static void one_case(alm_str *rest)
{
    double x[LINE_MAX], part[LINE_MAX], hidden[LINE_MAX];
    alm_str name = alm_str_split(rest, '\n');
    shape s = shape_of(rest);
    size_t units = (size_t)s.number[0], batch = (size_t)s.number[2], steps = (size_t)s.number[3];
    alm_network_spec spec = {.feature_count = (size_t)s.number[4], .layer_count = 1,
                             .output_count = 1};
    spec.layer[0] = (alm_layer_spec){.kind = s.lstm ? ALM_LAYER_LSTM : ALM_LAYER_GRU,
                                     .units = units, .peepholes = s.lstm && s.number[1] > 0,
                                     .reset_before = !s.lstm && s.number[1] > 0};
    alm_network *network = NULL;
    alm_network_state *state = NULL;
    alm_error error = {0};
    size_t count = 0;
    assert_int_equal(alm_network_create(&spec, 1, &network, &error), ALM_OK);
    float *parameter = alm_network_parameters(network, &count);
    assert_int_equal(numbers(rest, x), batch * steps * spec.feature_count);
    for (size_t p = 0; p < 4; p++) { /* W, R, then b and P or b and c */
        size_t values = numbers(rest, part);
        for (size_t i = 0; i < values; i++) {
            *parameter++ = (float)part[i];
        }
    }
    assert_int_equal(numbers(rest, hidden), batch * units);
    assert_int_equal(alm_network_state_create(network, &state, &error), ALM_OK);
    for (size_t i = 0; i < batch; i++) {
        alm_network_state_reset(state);
        for (size_t t = 0; t < steps; t++) {
            assert_int_equal(alm_network_step(state, x + (i * steps + t) * spec.feature_count,
                                              NULL, &error), ALM_OK);
        }
        for (size_t n = 0; n < units; n++) {
            /* both sides are float sums of ten terms in different orders */
            double got = (double)alm_network_hidden(state)[n];
            if (!(fabs(got - hidden[i * units + n]) < 1e-6)) {
                fail_msg(ALM_STR_FMT ": %g, ONNX says %g", ALM_STR_ARG(name), got,
                         hidden[i * units + n]);
            }
        }
    }
    alm_network_state_destroy(state);
    alm_network_destroy(network);
}

static void recurrent_layers_are_those_of_onnx(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_str text;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_fs_read_all(fs, "tests/golden/network/onnx_recurrent.txt", 1 << 20, arena,
                                     &text, &error), ALM_OK);
    size_t cases = 0;
    while (text.size > 0) {
        one_case(&text);
        cases++;
    }
    assert_int_equal(cases, CASES);
    alm_arena_destroy(arena);
    alm_fs_destroy(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recurrent_layers_are_those_of_onnx)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
