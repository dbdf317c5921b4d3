#include "model/sequence/network_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "model/sequence/network_cases.h"

static const double LEVELS[CASE_OUTPUTS] = {0.1, 0.5, 0.9};
static const double CLASS_WEIGHTS[CASE_OUTPUTS] = {1, 2.5, 0.5};

static alm_network_fit_spec spec_of(alm_network_head head)
{
    alm_network_fit_spec spec = alm_network_fit_default();
    spec.quantile = head == ALM_HEAD_QUANTILES ? LEVELS : NULL;
    spec.class_weight = head == ALM_HEAD_CLASSES ? CLASS_WEIGHTS : NULL;
    return spec;
}

typedef struct sample {
    alm_arena *arena;
    double *windows, *target, *weight;
    alm_network_data data;
} sample;

/* Targets that depend on the window: the mean of feature 0, its recent part, a difference. */
static sample sample_of(alm_network_head head, size_t count, uint64_t seed)
{
    sample s = {.arena = alm_arena_create(0)};
    size_t window = CASE_STEPS * CASE_FEATURES;
    s.windows = ALM_NEW_ARRAY(s.arena, double, count * window);
    s.target = ALM_NEW_ARRAY(s.arena, double, count * CASE_OUTPUTS);
    s.weight = ALM_NEW_ARRAY(s.arena, double, count);
    case_windows(seed, count * window, s.windows);
    for (size_t i = 0; i < count; i++) {
        const double *x = s.windows + i * window;
        double late = 0;
        for (size_t t = CASE_STEPS - 4; t < CASE_STEPS; t++) {
            late += x[t * CASE_FEATURES];
        }
        double difference = x[window - 2] - x[window - 1];
        s.weight[i] = 0.5 + alm_rng_uniform(seed, ALM_RNG_TEST, i, 3);
        if (head == ALM_HEAD_VALUES) {
            s.target[i * CASE_OUTPUTS] = late;
            s.target[i * CASE_OUTPUTS + 1] = difference;
            s.target[i * CASE_OUTPUTS + 2] = late * difference;
        } else {
            double noise = alm_rng_uniform(seed, ALM_RNG_TEST, i, 4) - 0.5;
            s.target[i] = head == ALM_HEAD_QUANTILES ? late + noise
                                                     : late < -0.5 ? 0 : late < 0.5 ? 1 : 2;
        }
    }
    s.data = (alm_network_data){.count = count, .steps = CASE_STEPS, .windows = s.windows,
                                .target = s.target, .weight = s.weight};
    return s;
}

static alm_network *make(int number, alm_network_head head, uint64_t seed)
{
    alm_network_spec spec = case_spec(number, head);
    alm_network *network = NULL;
    alm_error error = {0};
    if (alm_network_create(&spec, seed, &network, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return network;
}

/* The loss by the reference of network_cases.h, all in double. */
static double loss_at(const alm_network_spec *spec, const alm_network_data *data,
                      const double *parameter)
{
    double losses = 0, masses = 0;
    for (size_t i = 0; i < data->count; i++) {
        double out[CASE_OUTPUTS], loss = 0, sum = 0, weight = data->weight[i];
        case_reference(spec, parameter, data->windows + i * CASE_STEPS * CASE_FEATURES, CASE_STEPS,
                       out);
        for (size_t k = 0; k < CASE_OUTPUTS; k++) {
            double y = (float)data->target[spec->head ? i : i * CASE_OUTPUTS + k];
            if (spec->head == ALM_HEAD_VALUES) {
                loss += (out[k] - y) * (out[k] - y) / 2;
            } else if (spec->head == ALM_HEAD_QUANTILES) {
                double gap = data->target[i] - out[k];
                loss += gap >= 0 ? LEVELS[k] * gap : (LEVELS[k] - 1) * gap;
            }
            sum += exp(out[k]);
        }
        if (spec->head == ALM_HEAD_CLASSES) {
            size_t class = (size_t)data->target[i];
            loss = log(sum) - out[class];
            weight *= CLASS_WEIGHTS[class];
        }
        losses += weight * loss;
        masses += weight;
    }
    return losses / masses;
}

/* Central differences of the double reference against the float gradient. */
static void check_gradient(int number, alm_network_head head)
{
    alm_network *network = make(number, head, 5);
    case_shake(network, 21);
    const alm_network_spec *spec = alm_network_describe(network);
    sample s = sample_of(head, 40, 3); /* three shards */
    size_t count = 0;
    const float *parameter = alm_network_parameters(network, &count);
    double *exact = ALM_NEW_ARRAY(s.arena, double, count);
    float *gradient = ALM_NEW_ARRAY(s.arena, float, count);
    for (size_t i = 0; i < count; i++) {
        exact[i] = parameter[i];
    }
    alm_network_fit_spec fit = spec_of(head);
    double loss = 0;
    alm_error error = {0};
    if (alm_network_gradient(network, &fit, &s.data, gradient, &loss, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(fabs(loss - loss_at(spec, &s.data, exact)) < 1e-5 * (1 + loss));
    size_t moved = 0;
    for (size_t i = 0; i < count; i++) {
        double kept = exact[i], h = 1e-6;
        exact[i] = kept + h;
        double above = loss_at(spec, &s.data, exact);
        exact[i] = kept - h;
        double below = loss_at(spec, &s.data, exact);
        exact[i] = kept;
        double want = (above - below) / (2 * h);
        moved += fabs(want) > 1e-3;
        /* float sums over 40 windows x 9 steps; a kink of relu or pinball inside +-h is rare */
        if (!(fabs(gradient[i] - want) < 2e-4 * (1 + fabs(want)))) {
            fail_msg("stack %d head %d parameter %zu of %zu: %g, differences say %g", number,
                     (int)head, i, count, gradient[i], want);
        }
    }
    assert_true(moved > count / 3);
    alm_network_destroy(network);
    alm_arena_destroy(s.arena);
}

static void gradients_are_finite_differences(void **state)
{
    (void)state;
    for (int number = 0; number < CASE_STACKS; number++) {
        check_gradient(number, ALM_HEAD_VALUES);
    }
    check_gradient(5, ALM_HEAD_CLASSES);
    check_gradient(6, ALM_HEAD_QUANTILES);
}

static alm_network_fit_result fit(const alm_env *env, alm_network *network,
                                  const alm_network_fit_spec *spec, const alm_network_data *data,
                                  const alm_network_data *validation)
{
    alm_network_fit_result result = {0};
    alm_network_fit_spec with = *spec;
    alm_error error = {0};
    with.validation = validation;
    if (alm_network_fit(env, network, &with, data, &result, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return result;
}

static void text_of(const alm_network *network, char out[ALM_DIGEST_TEXT_BYTES])
{
    alm_buffer bytes = {0};
    alm_network_write(network, &bytes);
    assert_int_equal(alm_buffer_status(&bytes, NULL), ALM_OK);
    alm_digest digest = alm_hash_bytes(bytes.data, bytes.size);
    alm_digest_text(&digest, out);
    alm_buffer_deinit(&bytes);
}

/* Golden: made by this test, gcc 12.2 -O2, AVX-512. The same with AVX2, without vectors (the
 * sanitizer builds), at -Og and with any number of threads: that is the promise. */
static const char *const TRAINED[CASE_STACKS] = {
    "b6f26eae117b07f6d86b2c1d4c7701374e4417d6bf18cb2bf40bf2e01b78ffd2",
    "87ec6d960be864307288c6ae179ad19b04c21d553cfdbc00ec893b8e9e9dad0c",
    "87a33fadc0abc117454f0ecd250566eb2232a920531ea935b546a2b26243f366",
    "0486e9a0b1c5c528e4977908c491b08cc9be2ec327f1a8e83a1b97634501a5c6",
    "adf653612f2538b92ac3226d7dcd69bd2abdc4bb07185b665f2b13b8edbab45b",
    "b7884e8a14321275ac8789a349f883aa9dd60931b2c01e0d273f6d34b0a42219",
    "f77c4f61849b6627dda20a0a520130e3a6bd67b72d68d6fef0b50f36ffa58221"};

static void same_bytes_for_any_threads_and_cpu(void **state)
{
    (void)state;
    for (int number = 0; number < CASE_STACKS; number++) {
        sample s = sample_of(ALM_HEAD_CLASSES, 150, 4);
        sample v = sample_of(ALM_HEAD_CLASSES, 50, 5);
        alm_network_fit_spec spec = spec_of(ALM_HEAD_CLASSES);
        spec.epochs = 3;
        spec.dropout = 0.2;
        spec.learning_rate = 0.01;
        for (int threads = 1; threads <= 3; threads++) {
            alm_env env = {0};
            alm_error error = {0};
            char text[ALM_DIGEST_TEXT_BYTES];
            assert_int_equal(alm_pool_create(threads, &env.pool, &error), ALM_OK);
            alm_network *network = make(number, ALM_HEAD_CLASSES, 5);
            (void)fit(&env, network, &spec, &s.data, &v.data);
            text_of(network, text);
            assert_string_equal(text, TRAINED[number]);
            alm_network_destroy(network);
            alm_pool_destroy(env.pool);
        }
        alm_arena_destroy(s.arena);
        alm_arena_destroy(v.arena);
    }
}

/* Every kind of layer learns what its windows say, far better than the best constant. */
static void nets_learn(void **state)
{
    (void)state;
    for (int number = 0; number < CASE_STACKS; number++) {
        sample s = sample_of(ALM_HEAD_VALUES, 1200, 4);
        sample v = sample_of(ALM_HEAD_VALUES, 300, 5);
        alm_network *network = make(number, ALM_HEAD_VALUES, 5);
        alm_network_fit_spec spec = spec_of(ALM_HEAD_VALUES);
        spec.epochs = 40;
        spec.learning_rate = 0.01;
        spec.batch = 32;
        alm_env env = {0};
        double constant = 0, mass = 0, mean[CASE_OUTPUTS] = {0};
        for (size_t i = 0; i < v.data.count; i++) {
            mass += v.weight[i];
            for (size_t k = 0; k < CASE_OUTPUTS; k++) {
                mean[k] += v.weight[i] * v.target[i * CASE_OUTPUTS + k];
            }
        }
        for (size_t i = 0; i < v.data.count; i++) {
            for (size_t k = 0; k < CASE_OUTPUTS; k++) {
                double gap = v.target[i * CASE_OUTPUTS + k] - mean[k] / mass;
                constant += v.weight[i] * gap * gap / 2 / mass;
            }
        }
        alm_network_fit_result result = fit(&env, network, &spec, &s.data, &v.data);
        assert_true(result.validation_loss < 0.5 * constant);
        alm_network_destroy(network);
        alm_arena_destroy(s.arena);
        alm_arena_destroy(v.arena);
    }
}

/* Quantiles: the share of targets below each comes near its level on windows not seen. */
static void quantiles_cover(void **state)
{
    (void)state;
    sample s = sample_of(ALM_HEAD_QUANTILES, 1500, 4);
    sample v = sample_of(ALM_HEAD_QUANTILES, 1000, 5);
    alm_network *network = make(2, ALM_HEAD_QUANTILES, 5);
    alm_network_fit_spec spec = spec_of(ALM_HEAD_QUANTILES);
    spec.learning_rate = 0.01;
    alm_env env = {0};
    alm_error error = {0};
    (void)fit(&env, network, &spec, &s.data, &v.data);
    double *out = ALM_NEW_ARRAY(s.arena, double, v.data.count * CASE_OUTPUTS);
    alm_network_windows windows = {v.windows, v.data.count, CASE_STEPS};
    assert_int_equal(alm_network_predict(network, &windows, s.arena, out, &error), ALM_OK);
    for (size_t k = 0; k < CASE_OUTPUTS; k++) {
        size_t below = 0;
        for (size_t i = 0; i < v.data.count; i++) {
            below += v.target[i] <= out[i * CASE_OUTPUTS + k];
        }
        /* 1,000 windows: three standard deviations of a share are .03 to .05 */
        assert_true(fabs((double)below / (double)v.data.count - LEVELS[k]) < 0.06);
    }
    alm_network_destroy(network);
    alm_arena_destroy(s.arena);
    alm_arena_destroy(v.arena);
}

/* What is kept is the best epoch: its loss is that of the net that comes back. */
static void early_stopping_keeps_the_best(void **state)
{
    (void)state;
    sample s = sample_of(ALM_HEAD_CLASSES, 60, 4);
    sample v = sample_of(ALM_HEAD_CLASSES, 200, 5);
    alm_network *network = make(5, ALM_HEAD_CLASSES, 5);
    alm_network_fit_spec spec = spec_of(ALM_HEAD_CLASSES);
    spec.epochs = 400;
    spec.learning_rate = 0.03;
    spec.weight_decay = 0;
    spec.patience = 6;
    alm_env env = {0};
    alm_error error = {0};
    alm_network_fit_result result = fit(&env, network, &spec, &s.data, &v.data);
    assert_true(result.epochs < 400);
    assert_int_equal(result.epochs, result.best_epoch + 6);
    size_t count = 0;
    (void)alm_network_parameters(network, &count);
    float *gradient = ALM_NEW_ARRAY(s.arena, float, count);
    double loss = 0;
    assert_int_equal(alm_network_gradient(network, &spec, &v.data, gradient, &loss, &error),
                     ALM_OK);
    assert_true(fabs(loss - result.validation_loss) < 1e-12 * (1 + loss));
    alm_network_destroy(network);
    alm_arena_destroy(s.arena);
    alm_arena_destroy(v.arena);
}

/* A target that is not known has no part in loss and gradient: the same as one that was met.
 * Without is_partial it is refused. */
static void unknown_targets_have_no_loss(void **state)
{
    (void)state;
    sample s = sample_of(ALM_HEAD_VALUES, 20, 4);
    alm_network *network = make(2, ALM_HEAD_VALUES, 5);
    alm_network_fit_spec spec = spec_of(ALM_HEAD_VALUES);
    alm_error error = {0};
    size_t count = 0;
    (void)alm_network_parameters(network, &count);
    float *met = ALM_NEW_ARRAY(s.arena, float, 2 * count);
    float *unknown = met + count;
    double loss[2] = {0, 0};
    double *out = ALM_NEW_ARRAY(s.arena, double, s.data.count * CASE_OUTPUTS);
    alm_network_windows windows = {s.windows, s.data.count, CASE_STEPS};
    assert_int_equal(alm_network_predict(network, &windows, s.arena, out, &error), ALM_OK);
    for (size_t i = 0; i < s.data.count * CASE_OUTPUTS; i += 2) {
        s.target[i] = out[i]; /* a float, so the gap is exactly 0 */
    }
    assert_int_equal(alm_network_gradient(network, &spec, &s.data, met, &loss[0], &error), ALM_OK);
    for (size_t i = 0; i < s.data.count * CASE_OUTPUTS; i += 2) {
        s.target[i] = NAN;
    }
    s.data.is_partial = true;
    assert_int_equal(alm_network_gradient(network, &spec, &s.data, unknown, &loss[1], &error),
                     ALM_OK);
    assert_memory_equal(met, unknown, count * sizeof *met);
    assert_true(loss[0] == loss[1] && loss[0] > 0);
    s.data.is_partial = false;
    assert_int_equal(alm_network_gradient(network, &spec, &s.data, unknown, &loss[1], &error),
                     ALM_ERR_INVALID);
    alm_network_destroy(network);
    alm_arena_destroy(s.arena);
}

static void refuse(alm_network *network, const alm_network_fit_spec *spec,
                   const alm_network_data *data, alm_err want, const char *message)
{
    alm_env env = {0};
    alm_error error = {0};
    alm_network_fit_result result = {.epochs = 77};
    char before[ALM_DIGEST_TEXT_BYTES], after[ALM_DIGEST_TEXT_BYTES];
    text_of(network, before);
    assert_int_equal(alm_network_fit(&env, network, spec, data, &result, &error), want);
    if (!strstr(error.message, message)) {
        fail_msg("'%s' does not say '%s'", error.message, message);
    }
    text_of(network, after);
    assert_string_equal(before, after);
    assert_int_equal(result.epochs, 77);
}

static void bad_training_changes_nothing(void **state)
{
    (void)state;
    sample s = sample_of(ALM_HEAD_CLASSES, 30, 4);
    alm_network *network = make(0, ALM_HEAD_CLASSES, 5);
    alm_network_fit_spec spec = spec_of(ALM_HEAD_CLASSES);
    s.windows[7 * CASE_STEPS * CASE_FEATURES + 4] = NAN;
    refuse(network, &spec, &s.data, ALM_ERR_INVALID, "training window 8, step 2, feature 2 is nan");
    s.windows[7 * CASE_STEPS * CASE_FEATURES + 4] = 0;
    s.target[3] = 3;
    refuse(network, &spec, &s.data, ALM_ERR_INVALID, "training window 4 has the target 3");
    s.target[3] = 1.5;
    refuse(network, &spec, &s.data, ALM_ERR_INVALID, "window 4 has the target 1.5");
    s.target[3] = 1;
    s.weight[2] = -1;
    refuse(network, &spec, &s.data, ALM_ERR_INVALID, "window 3 has the weight -1");
    s.weight[2] = 1;
    spec.dropout = 1;
    refuse(network, &spec, &s.data, ALM_ERR_INVALID, "dropout in [0, 1)");
    alm_network_destroy(network);
    sample q = sample_of(ALM_HEAD_QUANTILES, 30, 4);
    static const double UNSORTED[CASE_OUTPUTS] = {0.5, 0.1, 0.9};
    network = make(0, ALM_HEAD_QUANTILES, 5);
    spec = spec_of(ALM_HEAD_QUANTILES);
    spec.quantile = UNSORTED;
    refuse(network, &spec, &q.data, ALM_ERR_INVALID, "quantile 2 must rise");
    alm_network_destroy(network);
    /* A loss that overflows is an answer too. */
    sample h = sample_of(ALM_HEAD_VALUES, 30, 4);
    network = make(0, ALM_HEAD_VALUES, 5);
    spec = spec_of(ALM_HEAD_VALUES);
    for (size_t i = 0; i < 90; i++) {
        h.target[i] = 3e38;
    }
    spec.clip_norm = 0;
    refuse(network, &spec, &h.data, ALM_ERR_NUMERIC, "the loss is not finite");
    alm_network_destroy(network);
    alm_arena_destroy(s.arena);
    alm_arena_destroy(q.arena);
    alm_arena_destroy(h.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(same_bytes_for_any_threads_and_cpu),
        cmocka_unit_test(nets_learn),
        cmocka_unit_test(quantiles_cover),
        cmocka_unit_test(early_stopping_keeps_the_best),
        cmocka_unit_test(unknown_targets_have_no_loss),
        cmocka_unit_test(bad_training_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
