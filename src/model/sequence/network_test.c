#include "model/sequence/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hash.h"
#include "model/sequence/lanes.h"
#include "model/sequence/network_cases.h"

static alm_network *make(int number, alm_network_head head, uint64_t seed)
{
    alm_network_spec spec = case_spec(number, head);
    alm_network *network = NULL;
    alm_error error = {0};
    if (alm_network_create(&spec, seed, &network, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    case_shake(network, seed + 100);
    return network;
}

static alm_err predict(const alm_network *network, const double *values, size_t count,
                       size_t steps, double *out, alm_error *error)
{
    alm_network_windows windows = {values, count, steps};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = alm_network_predict(network, &windows, scratch, out, error);
    alm_arena_destroy(scratch);
    return code;
}

/* ---- kernels ---- */

static void affine_is_the_plain_loop(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 2, 15, 16, 17, 63, 64, 65, 130, 255, 256, 370};
    alm_rng rng = alm_rng_stream(1, 1);
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        size_t n_count = SIZES[s];
        size_t k_count = 7 + s;
        float x[32], w[32 * 370], out[370], want[370], d[370], grown[32 * 370];
        float beside[ALMI_LANES_TOGETHER][370];
        const float *inputs[ALMI_LANES_TOGETHER];
        float *outs[ALMI_LANES_TOGETHER];
        for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
            inputs[i] = i % 2 ? x : w + i;
            outs[i] = beside[i];
        }
        for (size_t i = 0; i < k_count * n_count; i++) {
            w[i] = grown[i] = (float)alm_rng_next_normal(&rng);
        }
        for (size_t n = 0; n < n_count; n++) {
            out[n] = want[n] = d[n] = (float)alm_rng_next_normal(&rng);
        }
        for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
            memcpy(beside[i], d, n_count * sizeof *d);
        }
        for (size_t k = 0; k < k_count; k++) {
            x[k] = (float)alm_rng_next_normal(&rng);
            for (size_t n = 0; n < n_count; n++) {
                want[n] = fmaf(x[k], w[k * n_count + n], want[n]);
            }
        }
        almi_lanes_affine(x, w, k_count, n_count, out);
        assert_memory_equal(out, want, n_count * sizeof *out);
        almi_lanes_affine_many(inputs, w, k_count, n_count, outs);
        for (size_t i = 0; i < ALMI_LANES_TOGETHER; i++) {
            memcpy(out, d, n_count * sizeof *out);
            almi_lanes_affine(inputs[i], w, k_count, n_count, out);
            assert_memory_equal(out, beside[i], n_count * sizeof *out);
        }
        almi_lanes_outer(x, d, k_count, n_count, grown);
        for (size_t i = 0; i < k_count * n_count; i++) {
            assert_true(grown[i] == fmaf(x[i / n_count], d[i % n_count], w[i]));
        }
    }
}

static void sigmoid_and_tanh_are_close(void **state)
{
    (void)state;
    for (int i = -120000; i <= 120000; i++) {
        double x = i * 1e-3;
        float s = (float)x, t = (float)x;
        almi_lanes_sigmoid(&s, 1);
        almi_lanes_tanh(&t, 1);
        assert_true(fabs(s - 1 / (1 + exp(-(double)(float)x))) < 2e-7);
        double want = tanh((double)(float)x);
        assert_true(fabs(t - want) <= 3e-7 * fabs(want));
        assert_true(s >= 0 && s <= 1 && t >= -1 && t <= 1);
    }
    float edge[] = {0, -0.0F, 1e-30F, 1e30F, -1e30F, INFINITY, -INFINITY};
    float same[sizeof edge / sizeof *edge];
    memcpy(same, edge, sizeof edge);
    almi_lanes_tanh(edge, 7);
    assert_true(edge[0] == 0 && signbit(edge[1]) && edge[2] > 0.99e-30F && edge[3] == 1);
    assert_true(edge[4] == -1 && edge[5] == 1 && edge[6] == -1);
    almi_lanes_sigmoid(same, 7);
    assert_true(same[0] == 0.5F && same[3] == 1 && same[4] >= 0 && same[4] < 1e-37F);
}

/* ---- nets ---- */

static void forward_is_the_formulas(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network *network = make(number, ALM_HEAD_VALUES, 3);
        const alm_network_spec *spec = alm_network_describe(network);
        size_t count = 0;
        const float *parameter = alm_network_parameters(network, &count);
        double *exact = ALM_NEW_ARRAY(arena, double, count);
        for (size_t i = 0; i < count; i++) {
            exact[i] = parameter[i];
        }
        double windows[20 * CASE_STEPS * CASE_FEATURES];
        double out[20 * CASE_OUTPUTS];
        alm_error error = {0};
        case_windows(5, 20 * CASE_STEPS * CASE_FEATURES, windows);
        assert_int_equal(predict(network, windows, 20, CASE_STEPS, out, &error),
                         ALM_OK);
        for (size_t i = 0; i < 20; i++) {
            double want[CASE_OUTPUTS];
            case_reference(spec, exact, windows + i * CASE_STEPS * CASE_FEATURES, CASE_STEPS, want);
            for (size_t k = 0; k < CASE_OUTPUTS; k++) {
                /* float sums of about 100 terms of size 1 */
                assert_true(fabs(out[i * CASE_OUTPUTS + k] - want[k]) < 2e-5);
            }
        }
        alm_network_destroy(network);
    }
    alm_arena_destroy(arena);
}

static void a_stream_is_a_window(void **state)
{
    (void)state;
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network *network = make(number, ALM_HEAD_VALUES, 4);
        alm_network_state *stream = NULL;
        alm_error error = {0};
        double window[60 * CASE_FEATURES];
        case_windows(6, 60 * CASE_FEATURES, window);
        assert_int_equal(alm_network_state_create(network, &stream, &error), ALM_OK);
        for (int again = 0; again < 2; again++) {
            for (size_t t = 0; t < 60; t++) {
                double one[CASE_OUTPUTS];
                double all[CASE_OUTPUTS];
                assert_int_equal(alm_network_step(stream, window + t * CASE_FEATURES, one, &error),
                                 ALM_OK);
                assert_int_equal(predict(network, window, 1, t + 1, all, &error), ALM_OK);
                assert_memory_equal(one, all, sizeof one);
            }
            alm_network_state_reset(stream);
        }
        alm_network_state_destroy(stream);
        alm_network_destroy(network);
    }
}

/* Any number of states, which are at different steps, moves as each would by itself. */
static void streams_beside_each_other_are_streams(void **state)
{
    (void)state;
    enum { MOST = 2 * ALM_NETWORK_TOGETHER + 1, MOVES = 25 };
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network *network = make(number, ALM_HEAD_CLASSES, 4);
        alm_network_state *many[MOST], *one[MOST];
        alm_error error = {0};
        double x[MOVES * MOST * CASE_FEATURES];
        case_windows(9, MOVES * MOST * CASE_FEATURES, x);
        for (size_t i = 0; i < MOST; i++) {
            assert_int_equal(alm_network_state_create(network, &many[i], &error), ALM_OK);
            assert_int_equal(alm_network_state_create(network, &one[i], &error), ALM_OK);
        }
        for (size_t t = 0; t < MOVES; t++) {
            double out[MOST * CASE_OUTPUTS], alone[CASE_OUTPUTS];
            double *input = x + t * MOST * CASE_FEATURES, spoiled = input[CASE_FEATURES];
            size_t count = 1 + t * 5 % MOST; /* so that the last ones are behind the first */
            input[CASE_FEATURES] = NAN;
            if (count > 1) {
                assert_int_equal(alm_network_step_many(many, count, input, out, &error),
                                 ALM_ERR_NUMERIC);
            }
            input[CASE_FEATURES] = spoiled;
            assert_int_equal(alm_network_step_many(many, count, input, t % 3 ? out : NULL, &error),
                             ALM_OK);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(alm_network_step(one[i], input + i * CASE_FEATURES, alone,
                                                  &error), ALM_OK);
                assert_true(t % 3 == 0 ||
                            memcmp(alone, out + i * CASE_OUTPUTS, sizeof alone) == 0);
            }
        }
        for (size_t i = 0; i < MOST; i++) {
            alm_network_state_destroy(many[i]);
            alm_network_state_destroy(one[i]);
        }
        assert_int_equal(alm_network_step_many(many, 0, x, NULL, &error), ALM_OK);
        alm_network_destroy(network);
    }
}

/* However many steps come at once, and whether others were refused between them. */
static void steps_at_once_are_steps(void **state)
{
    (void)state;
    enum { STEPS = 100 };
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network *network = make(number, ALM_HEAD_VALUES, 4);
        alm_network_state *some = NULL, *one = NULL;
        alm_error error = {0};
        double x[STEPS * CASE_FEATURES], out[CASE_OUTPUTS], alone[CASE_OUTPUTS];
        case_windows(10, STEPS * CASE_FEATURES, x);
        assert_int_equal(alm_network_state_create(network, &some, &error), ALM_OK);
        assert_int_equal(alm_network_state_create(network, &one, &error), ALM_OK);
        for (size_t t = 0, count = 1; t + count <= STEPS; t += count, count = 1 + t * 5 % 8) {
            double *input = x + t * CASE_FEATURES, *last = input + count * CASE_FEATURES - 1;
            double kept = *last;
            *last = INFINITY;
            assert_int_equal(alm_network_steps(some, count, input, out, &error), ALM_ERR_NUMERIC);
            char where[64];
            snprintf(where, sizeof where, "step %zu, feature %d is inf", t + count, CASE_FEATURES);
            assert_non_null(strstr(error.message, where));
            *last = kept;
            bool asks = t % 3 != 0;
            assert_int_equal(alm_network_steps(some, count, input, asks ? out : NULL, &error),
                             ALM_OK);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(alm_network_step(one, input + i * CASE_FEATURES, alone, &error),
                                 ALM_OK);
            }
            assert_true(!asks || memcmp(alone, out, sizeof alone) == 0);
        }
        alm_network_state_destroy(some);
        alm_network_state_destroy(one);
        alm_network_destroy(network);
    }
}

/* Windows are computed some at a time; what is beside one must not show. */
static void windows_together_are_each_alone(void **state)
{
    (void)state;
    enum { COUNT = 21 };
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network *network = make(number, ALM_HEAD_VALUES, 4);
        alm_error error = {0};
        double windows[COUNT * CASE_STEPS * CASE_FEATURES];
        double all[COUNT * CASE_OUTPUTS], one[CASE_OUTPUTS];
        case_windows(9, COUNT * CASE_STEPS * CASE_FEATURES, windows);
        for (size_t count = 1; count <= COUNT; count++) {
            assert_int_equal(predict(network, windows, count, CASE_STEPS, all, &error), ALM_OK);
            size_t i = count - 1;
            assert_int_equal(predict(network, windows + i * CASE_STEPS * CASE_FEATURES, 1,
                                     CASE_STEPS, one, &error), ALM_OK);
            assert_memory_equal(one, all + i * CASE_OUTPUTS, sizeof one);
        }
        alm_network_destroy(network);
    }
}

static void heads_say_what_they_mean(void **state)
{
    (void)state;
    double window[CASE_STEPS * CASE_FEATURES];
    double raw[CASE_OUTPUTS], sorted[CASE_OUTPUTS], share[CASE_OUTPUTS];
    alm_error error = {0};
    case_windows(8, CASE_STEPS * CASE_FEATURES, window);
    double *outs[] = {raw, sorted, share};
    for (int head = 0; head < 3; head++) {
        alm_network *network = make(0, (alm_network_head)head, 9);
        assert_int_equal(predict(network, window, 1, CASE_STEPS, outs[head], &error), ALM_OK);
        alm_network_destroy(network);
    }
    assert_true(sorted[0] <= sorted[1] && sorted[1] <= sorted[2]);
    assert_true(fabs(raw[0] + raw[1] + raw[2] - sorted[0] - sorted[1] - sorted[2]) < 1e-12);
    assert_true(fabs(share[0] + share[1] + share[2] - 1) < 1e-15);
    assert_true(fabs(log(share[1] / share[0]) - (raw[1] - raw[0])) < 1e-12);
}

static void what_is_not_finite_is_refused(void **state)
{
    (void)state;
    static const double BAD[] = {NAN, INFINITY, -INFINITY, 1e39};
    alm_network *network = make(2, ALM_HEAD_VALUES, 4);
    double windows[3 * CASE_STEPS * CASE_FEATURES];
    double out[3 * CASE_OUTPUTS] = {7, 7, 7, 7, 7, 7, 7, 7, 7};
    alm_error error = {0};
    for (int b = 0; b < 4; b++) {
        case_windows(8, 3 * CASE_STEPS * CASE_FEATURES, windows);
        windows[(CASE_STEPS + 4) * CASE_FEATURES + 2] = BAD[b];
        assert_int_equal(predict(network, windows, 3, CASE_STEPS, out, &error),
                         ALM_ERR_NUMERIC);
        assert_non_null(strstr(error.message, "window 2"));
        assert_non_null(strstr(error.message, "step 5, feature 3"));
        assert_true(out[0] == 7 && out[8] == 7);
    }
    assert_int_equal(predict(network, windows, 1, 0, out, &error),
                     ALM_ERR_INVALID);
    alm_network_destroy(network);
}

static void impossible_shapes_are_refused(void **state)
{
    (void)state;
    alm_network *network = NULL;
    for (int c = 0; c < 6; c++) {
        alm_network_spec spec = case_spec(4, ALM_HEAD_VALUES);
        alm_error error = {0};
        spec.feature_count = c == 0 ? 0 : spec.feature_count;
        spec.output_count = c == 1 ? ALM_NETWORK_WIDTH_MAX + 1 : spec.output_count;
        spec.layer_count = c == 2 ? 0 : spec.layer_count;
        spec.layer[1].units = c == 3 ? 0 : spec.layer[1].units;
        spec.layer[1].dilation = c == 4 ? 0 : spec.layer[1].dilation;
        spec.layer[1].kernel = c == 5 ? 4097 : spec.layer[1].kernel;
        assert_int_equal(alm_network_create(&spec, 1, &network, &error), ALM_ERR_INVALID);
        assert_true(strlen(error.message) > 10);
    }
    alm_network_spec huge = {.feature_count = 4096, .layer_count = 16, .output_count = 1};
    for (size_t l = 0; l < 16; l++) {
        huge.layer[l] = (alm_layer_spec){.kind = ALM_LAYER_LSTM, .units = 4096};
    }
    alm_error error = {0};
    assert_int_equal(alm_network_create(&huge, 1, &network, &error), ALM_ERR_LIMIT);
}

/* ---- bytes ---- */

static void bytes_come_back(void **state)
{
    (void)state;
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network *network = make(number, ALM_HEAD_CLASSES, 11);
        alm_network *back = NULL;
        alm_buffer bytes = {0}, again = {0};
        alm_error error = {0};
        alm_network_write(network, &bytes);
        assert_int_equal(alm_buffer_status(&bytes, &error), ALM_OK);
        assert_int_equal(alm_network_read(alm_buffer_view(&bytes), "net", &back, &error), ALM_OK);
        alm_network_write(back, &again);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
        alm_network_destroy(back);
        alm_network_destroy(network);
        alm_buffer_deinit(&bytes);
        alm_buffer_deinit(&again);
    }
}

/* A damaged file whose hash was made right again must still be refused, or be another sane net. */
static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    alm_network *network = make(6, ALM_HEAD_VALUES, 11);
    alm_buffer bytes = {0};
    alm_network_write(network, &bytes);
    alm_rng rng = alm_rng_stream(5, 5);
    size_t refused = 0;
    for (int round = 0; round < 3000; round++) {
        alm_buffer copy = {0};
        alm_network *back = NULL;
        alm_error error = {0};
        alm_buffer_append(&copy, bytes.data, bytes.size);
        size_t body = copy.size - ALM_DIGEST_BYTES;
        size_t at = alm_rng_next_below(&rng, round % 2 ? 100 : body);
        copy.data[at] = (char)alm_rng_next_below(&rng, 256);
        if (round % 3) {
            alm_digest digest = alm_hash_bytes(copy.data, body);
            memcpy(copy.data + body, digest.bytes, sizeof digest.bytes);
        }
        size_t size = round % 5 ? copy.size : alm_rng_next_below(&rng, copy.size);
        alm_err code = alm_network_read((alm_str){copy.data, size}, "net", &back, &error);
        if (code != ALM_OK) {
            refused++;
            assert_int_equal(code, ALM_ERR_CORRUPT);
            assert_non_null(strstr(error.message, "net"));
        }
        alm_network_destroy(back);
        alm_buffer_deinit(&copy);
    }
    assert_true(refused > 1000);
    alm_buffer_deinit(&bytes);
    alm_network_destroy(network);
}

static void a_model_is_the_net(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_network *network = make(5, ALM_HEAD_VALUES, 2);
    double windows[4 * CASE_STEPS * CASE_FEATURES];
    double want[4 * CASE_OUTPUTS], out[4 * CASE_OUTPUTS];
    alm_error error = {0};
    case_windows(1, 4 * CASE_STEPS * CASE_FEATURES, windows);
    assert_int_equal(predict(network, windows, 4, CASE_STEPS, want, &error),
                     ALM_OK);
    alm_model *model = NULL;
    assert_int_equal(alm_network_model_create(network, &model, &error), ALM_OK);
    alm_model_shape shape = model->ops->shape(model);
    assert_int_equal(shape.feature_count, CASE_FEATURES);
    assert_int_equal(shape.output_count, CASE_OUTPUTS);
    alm_model_batch batch = {.kind = ALM_MODEL_WINDOWS, .count = 4, .values = windows,
                             .steps = CASE_STEPS};
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_OK);
    assert_memory_equal(out, want, sizeof out);
    assert_int_equal(alm_model_explain(model, &batch, arena, out, &error), ALM_ERR_UNSUPPORTED);
    alm_model_destroy(model);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(affine_is_the_plain_loop),
        cmocka_unit_test(sigmoid_and_tanh_are_close),
        cmocka_unit_test(forward_is_the_formulas),
        cmocka_unit_test(a_stream_is_a_window),
        cmocka_unit_test(streams_beside_each_other_are_streams),
        cmocka_unit_test(steps_at_once_are_steps),
        cmocka_unit_test(windows_together_are_each_alone),
        cmocka_unit_test(heads_say_what_they_mean),
        cmocka_unit_test(what_is_not_finite_is_refused),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(a_model_is_the_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
